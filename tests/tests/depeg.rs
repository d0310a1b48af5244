//! A quote token off its peg (RULES 4.4): what it adds to every requirement, when, by whose doing, and when it goes again.

use anyhow::{Context, Result};
use plimsoll_replay::world::audit::Census;
use plimsoll_replay::world::{pyth, Member, PAR};
use plimsoll_sdk::build::{self, CreateMarketArgs, OrderArgs};
use plimsoll_sdk::risk::margin::Depeg;
use plimsoll_sdk::risk::oracle::PegState;
use plimsoll_sdk::risk::Ratio;
use plimsoll_sdk::state::{Exchange, Market, OrderBook};
use plimsoll_sdk::{address, preview, PROGRAM_ID};
use plimsoll_tests::reject::snapshot;
use plimsoll_tests::scene::zeroed;
use plimsoll_tests::stage::{done, refused, Outcome, Stage};
use plimsoll_tests::{order, three_listings, BUY, IOC, POST_ONLY, SELL, USD};
use solana_pubkey::Pubkey;
use solana_signer::Signer;

/// Between two prices of the quote token: the most that a gap counts.
const FIVE_MINUTES: i64 = 300;
const AN_HOUR: i64 = 12;
const A_DAY: i64 = 24 * AN_HOUR;
const LIQUIDATING: u32 = 2;

/// Five minutes, `times`: every market's price stays, the quote token stands at `micro_usd`, or its feed is silent.
fn stay(stage: &mut Stage, times: i64, micro_usd: Option<i64>) -> Result<()> {
    for _ in 0..times {
        stage.world.pass(FIVE_MINUTES);
        for market in 0..stage.prices.len() {
            let price = stage.prices[market];
            stage.world.publish(market, price, price / 2_500)?;
        }
        if let Some(price) = micro_usd {
            stage.world.publish_quote(price, 0)?;
        }
    }
    stage.audit("steady prices")
}

/// The quote token stands at `micro_usd` two seconds on; every market is brought to it.
fn peg(stage: &mut Stage, micro_usd: i64) -> Result<()> {
    stage.wait(2)?;
    stage.world.publish_quote(micro_usd, 0)?;
    stage.audit("a price of the quote token")
}

/// Writes a price of the quote token and brings only these markets to it.
fn bring(stage: &mut Stage, update: &pyth::Update, markets: &[usize]) -> Result<Outcome> {
    let (exchange, account) = (stage.world.exchange, stage.world.quote_price);
    pyth::write(&mut stage.world.svm, account, update, 1)?;
    let keys: Vec<_> = markets.iter().map(|market| stage.keys(*market).market).collect();
    let payer = stage.world.payer.insecure_clone();
    stage.world.svm.expire_blockhash();
    stage.send("update_quote", build::update_quote(exchange, account, &keys), &[&payer])
}

fn exchange(stage: &Stage) -> Exchange {
    stage.world.read(&stage.world.exchange).expect("open")
}

fn update(stage: &Stage, micro_usd: i64, publish: i64) -> pyth::Update {
    pyth::Update::at(exchange(stage).quote_feed, micro_usd, 0, publish)
}

fn depeg(stage: &Stage, market: usize) -> Depeg {
    *stage.world.market(market).depeg
}

/// 4 × (0.99 − price), as a number.
fn charge(price: f64) -> f64 {
    (4.0 * (0.99 - price)).max(0.0)
}

fn number(ratio: Ratio) -> f64 {
    ratio.raw() as f64 / Ratio::ONE.raw() as f64
}

#[track_caller]
fn is_near(is: f64, should: f64) {
    assert!((is - should).abs() <= 1e-6 * should.abs().max(1.0), "{is} should be {should}");
}

/// Maintenance margin over what the market's own rate makes of a long's notional: 1 without a depeg.
fn maintenance(stage: &mut Stage, member: &Member) -> Result<f64> {
    let (health, rate) = (stage.health(member)?, stage.world.market(0).mm_rate as f64 / (1_i64 << 30) as f64);
    Ok(health.mm as f64 / (health.gross_notional as f64 * rate))
}

/// A dealer, and a trader long of `lots` at $200 a SOL with `dollars`. Rates have come to rest for a day.
fn long(dollars: i64, lots: i64) -> Result<(Stage, Member, Member)> {
    let mut stage = Stage::new()?;
    stay(&mut stage, A_DAY, Some(PAR))?;
    stage.calm(6)?;
    stage.world.publish_quote(PAR, 0)?;
    let dealer = stage.world.join(1_000_000 * USD as u64, 1_000_000 * USD as u64)?;
    let trader = stage.world.join(100_000 * USD as u64, dollars.unsigned_abs() * USD as u64)?;
    stage.trade(0, &trader, &dealer, lots, 200 * USD)?;
    Ok((stage, dealer, trader))
}

#[test]
fn initial_margin_pays_at_once_and_maintenance_over_a_day() -> Result<()> {
    let (mut stage, _, trader) = long(5_000, 5_000)?;
    let before = stage.health(&trader)?;
    let rate = stage.world.market(0).im_rate as f64 / (1_i64 << 30) as f64;
    is_near(maintenance(&mut stage, &trader)?, 1.0);
    peg(&mut stage, 800_000)?;
    let after = stage.health(&trader)?;
    // The narrowest interval is a basis point: the adverse edge is $0.79992.
    is_near(after.im as f64 / 1e6, after.gross_notional as f64 * rate * (1.0 + charge(0.8 * 0.9999)) / 1e6);
    assert!(after.im > before.im && after.equity == before.equity);
    // Two seconds of a day have passed.
    is_near(maintenance(&mut stage, &trader)?, 1.0 + charge(0.8) / 43_200.0);

    stay(&mut stage, AN_HOUR, Some(800_000))?;
    is_near(maintenance(&mut stage, &trader)?, 1.0 + charge(0.8) * (1.0 / 24.0 + 1.0 / 43_200.0));
    stay(&mut stage, A_DAY - AN_HOUR, Some(800_000))?;
    is_near(maintenance(&mut stage, &trader)?, 1.0 + charge(0.8));
    stay(&mut stage, AN_HOUR, Some(800_000))?;
    is_near(maintenance(&mut stage, &trader)?, 1.0 + charge(0.8));

    // It falls with the price, in both, and is gone at 99 cents.
    peg(&mut stage, 980_000)?;
    is_near(maintenance(&mut stage, &trader)?, 1.0 + charge(0.98));
    peg(&mut stage, 990_100)?;
    assert_eq!((depeg(&stage, 0), exchange(&stage).peg.depeg.im), (Depeg::NONE, 0));
    is_near(maintenance(&mut stage, &trader)?, 1.0);
    Ok(())
}

/// A doubt makes new risk dearer and liquidates nobody (RULES 2.3).
#[test]
fn a_wide_interval_is_no_depeg() -> Result<()> {
    let (mut stage, _, trader) = long(5_000, 5_000)?;
    for _ in 0..AN_HOUR {
        stage.wait(FIVE_MINUTES)?;
        stage.world.publish_quote(PAR, PAR / 100 * 3)?;
    }
    let known = depeg(&stage, 0);
    is_near(number(known.im), charge(0.97));
    assert!(known.mm.is_zero());
    is_near(maintenance(&mut stage, &trader)?, 1.0);
    Ok(())
}

/// Long at fourteen times while the peg holds. At 80 cents maintenance rises by three quarters, but over a day: then, and not before, the account is
/// liquidated, and cured.
#[test]
fn a_depeg_liquidates_after_its_glide_and_not_before() -> Result<()> {
    let (mut stage, _, trader) = long(720, 5_000)?;
    let keeper = stage.world.join(100_000 * USD as u64, 100_000 * USD as u64)?;
    peg(&mut stage, 800_000)?;
    let struck = stage.health(&trader)?;
    assert!(struck.equity_im < struck.im && struck.equity > struck.target, "{struck:?}");
    refused(stage.flag(&trader, 0)?, "NoShortfallShown");
    refused(stage.liquidate(&keeper, &trader, 0, 5_000, &[])?, "NotLiquidatable");
    let mut hours = 0;
    loop {
        let health = stage.health(&trader)?;
        // What a witness shows of perps is their whole requirement.
        let shown = stage.shown(&trader)?.1;
        assert_eq!((shown.requirement.raw(), shown.is_shown()), (health.mm, health.equity_trigger < health.mm));
        if shown.is_shown() {
            break;
        }
        refused(stage.flag(&trader, 0)?, "NoShortfallShown");
        stay(&mut stage, AN_HOUR, Some(800_000))?;
        hours += 1;
        assert!(hours <= 24, "a day is over: {health:?}");
    }
    println!("liquidatable after {hours} hours at 80 cents");
    assert!(hours > 12, "{hours}");

    // The witness flags by two samples; then the keeper takes over until the account stands at its target.
    done(stage.flag(&trader, 0)?)?;
    stage.wait(2)?;
    done(stage.flag(&trader, 0)?)?;
    assert_eq!(stage.state(&trader), LIQUIDATING);
    // By a little more and more equity, so that the last slice ends anywhere between two lots: none is refused as too large.
    let flagged = (stage.world.svm.clone(), stage.world.now);
    for little in 0..14 {
        (stage.world.svm, stage.world.now) = (flagged.0.clone(), flagged.1);
        done(stage.deposit(&trader, 1 + 13_700 * little)?)?;
        cure(&mut stage, &keeper, &trader)?;
    }
    Ok(())
}

/// Takes over what is offered until the account is no longer liquidated.
fn cure(stage: &mut Stage, keeper: &Member, trader: &Member) -> Result<()> {
    let mut steps = 0;
    while stage.state(trader) == LIQUIDATING {
        stage.wait(31)?;
        // A keeper sees beforehand what it is offered.
        let (account, census) = (stage.world.member(&trader.account), Census::take(&stage.world));
        let seen = preview::slice(&account, &stage.keys(0).market, &census, stage.world.now).expect("computable");
        let before = stage.lots(trader, 0);
        done(stage.liquidate(keeper, trader, 0, 5_000, &[])?)?;
        assert_eq!(seen.context("a position")?.offered.raw(), before - stage.lots(trader, 0));
        steps += 1;
        assert!(steps < 20);
    }
    let cured = stage.health(trader)?;
    // At most a lot too many: 2 % and about one and a half times 5 % of two dollars, and rounding.
    assert!(cured.equity >= cured.target && cured.equity - cured.target < USD / 4, "{cured:?}");
    assert!(stage.lots(trader, 0) > 0, "not more than needed");
    Ok(())
}

#[test]
fn a_silent_feed_keeps_the_charge_as_it_is() -> Result<()> {
    let (mut stage, _, trader) = long(720, 5_000)?;
    peg(&mut stage, 750_000)?;
    stay(&mut stage, AN_HOUR, Some(750_000))?;
    let (known, at) = (depeg(&stage, 0), exchange(&stage).peg.publish);
    let ratio = maintenance(&mut stage, &trader)?;
    // Twenty hours in which nobody publishes: neither more nor less.
    stay(&mut stage, 20 * AN_HOUR, None)?;
    assert_eq!((depeg(&stage, 0), exchange(&stage).peg.publish), (known, at));
    is_near(maintenance(&mut stage, &trader)?, ratio);
    refused(stage.flag(&trader, 0)?, "NoShortfallShown");
    // The first price after it counts five minutes.
    peg(&mut stage, 750_000)?;
    is_near(maintenance(&mut stage, &trader)?, ratio + charge(0.75) / 288.0);
    Ok(())
}

#[test]
fn what_is_not_newer_or_too_old_moves_no_charge() -> Result<()> {
    let (mut stage, _, _) = long(5_000, 5_000)?;
    peg(&mut stage, 900_000)?;
    stage.wait(30)?;
    let now = stage.world.now;
    let published = exchange(&stage).peg.publish;
    let before = snapshot(&stage.world);
    // A bundle with somebody else's older or equal update goes through and changes nothing, whatever the update says.
    for (price, publish) in [(1_000_000, published), (500_000, published - 1), (1_000_000, published - 10_000)] {
        let old = update(&stage, price, publish);
        done(bring(&mut stage, &old, &[0, 1, 2])?)?;
    }
    assert_eq!(snapshot(&stage.world), before);
    stage.wait(60)?;
    let late = update(&stage, 500_000, now - 1);
    refused(bring(&mut stage, &late, &[0, 1, 2])?, "PriceTooOld");
    let timely = update(&stage, 500_000, now);
    done(bring(&mut stage, &timely, &[0, 1, 2])?)?;
    is_near(number(depeg(&stage, 2).im), charge(0.5 * 0.9999));
    Ok(())
}

/// Whoever leaves a market out leaves no account out: the worst that any of its markets knows of counts, for all of it, until all have been passed.
#[test]
fn one_market_that_knows_is_enough() -> Result<()> {
    let (mut stage, dealer, trader) = long(3_000, 5_000)?;
    stage.trade(1, &trader, &dealer, 1_000, 120_000 * USD)?;
    let before = stage.health(&trader)?;
    stage.wait(2)?;
    let off = update(&stage, 700_000, stage.world.now);
    done(bring(&mut stage, &off, &[1])?)?;
    assert_eq!(depeg(&stage, 0), Depeg::NONE);
    let half_told = stage.health(&trader)?;
    stage.world.svm.expire_blockhash();
    done(bring(&mut stage, &off, &[0, 2])?)?;
    assert_eq!((stage.health(&trader)?, depeg(&stage, 0)), (half_told, depeg(&stage, 1)));
    assert!(half_told.im > before.im / 10 * 15, "{before:?} {half_told:?}");
    // The dealer, too, in the other direction.
    let short = stage.health(&dealer)?;
    assert_eq!(short.im, half_told.im, "the same notional, the same requirement");
    // Less of it in one market, the first or the last of the account: the worse one counts.
    for market in [0, 1] {
        let known = (stage.world.svm.clone(), stage.world.now);
        stage.wait(2)?;
        let less = update(&stage, 900_000, stage.world.now);
        done(bring(&mut stage, &less, &[market])?)?;
        assert!(!depeg(&stage, market).is_none() && depeg(&stage, market).im < depeg(&stage, 1 - market).im);
        assert_eq!(stage.health(&trader)?.im, half_told.im);
        (stage.world.svm, stage.world.now) = known;
    }
    // Back at the peg in one market: the account still pays, and anybody ends that.
    stage.wait(2)?;
    let back = update(&stage, PAR, stage.world.now);
    done(bring(&mut stage, &back, &[0])?)?;
    assert_eq!((depeg(&stage, 0), stage.health(&trader)?.im), (Depeg::NONE, half_told.im));
    done(bring(&mut stage, &back, &[1])?)?;
    assert_eq!(stage.health(&trader)?.im, before.im);
    Ok(())
}

/// The short-cuts of an order, with no group and no options, take the charge into account: before, after, and in what is reserved.
#[test]
fn orders_are_judged_with_the_charge() -> Result<()> {
    let (mut stage, dealer, trader) = long(1_200, 5_000)?;
    let price = stage.lot_price(0, 200 * USD);
    let more = order(BUY, IOC, price, 500);
    let rest = order(BUY, POST_ONLY, price - 1_000, 500);
    done(stage.place(&dealer, 0, order(SELL, POST_ONLY, price, 50_000), &[])?)?;
    stage.wait(4)?;
    let par = (stage.world.svm.clone(), stage.world.now);
    done(stage.place(&trader, 0, more, &[&dealer])?)?;
    done(stage.place(&trader, 0, rest, &[])?)?;
    (stage.world.svm, stage.world.now) = par;

    // IM is 11 % then, $1,100 of $1,200 less the fee: another $1,000 of SOL would need $110 more.
    peg(&mut stage, 790_000)?;
    let health = stage.health(&trader)?;
    assert!(health.equity_im >= health.im && health.im > health.gross_notional / 100 * 11, "{health:?}");
    refused(stage.place(&trader, 0, more, &[&dealer])?, "BelowInitialMargin");
    refused(stage.place(&trader, 0, rest, &[])?, "BelowInitialMargin");
    // What fits is let through, and the program's short way comes to what the whole check says afterwards.
    done(stage.place(&trader, 0, OrderArgs { lots: 100, ..more }, &[&dealer])?)?;
    stage.health(&trader)?;
    // Below IM a reduction has to keep E/MM, judged with the charge as well.
    peg(&mut stage, 700_000)?;
    let short = stage.health(&trader)?;
    assert!(short.equity_im < short.im);
    let bid = order(BUY, POST_ONLY, price - 1_000, 1_000);
    done(stage.place(&dealer, 0, bid, &[])?)?;
    stage.wait(4)?;
    done(stage.place(&trader, 0, OrderArgs { reduce_only: true, ..order(SELL, IOC, price - 1_000, 1_000) }, &[&dealer])?)?;
    let reduced = stage.health(&trader)?;
    assert!(reduced.mm < short.mm && stage.lots(&trader, 0) == 4_100);
    Ok(())
}

/// RULES 5.3: an order reserves what its fill needs; what was reserved at the peg is too little afterwards, and the order is removed instead of filled.
#[test]
fn an_order_from_before_the_depeg_does_not_fill() -> Result<()> {
    let (mut stage, dealer, trader) = long(5_000, 100)?;
    let price = stage.lot_price(0, 200 * USD);
    done(stage.place(&trader, 0, order(BUY, POST_ONLY, price - 1_000, 5_000), &[])?)?;
    peg(&mut stage, 800_000)?;
    let sell = order(SELL, IOC, price - 1_000, 5_000);
    done(stage.place(&dealer, 0, sell, &[&trader])?)?;
    assert_eq!((stage.lots(&trader, 0), stage.position(&trader, 0).bids), (100, 0), "removed, not filled");
    // Placed anew it reserves enough.
    done(stage.place(&trader, 0, order(BUY, POST_ONLY, price - 1_000, 5_000), &[])?)?;
    stage.wait(4)?;
    done(stage.place(&dealer, 0, sell, &[&trader])?)?;
    assert_eq!(stage.lots(&trader, 0), 5_100);
    Ok(())
}

/// A market whose own feed is dead, or whose price is final, is brought to the charge like any other, up and down; a new one is born with it.
#[test]
fn no_market_is_left_behind() -> Result<()> {
    let (mut stage, dealer, _) = long(5_000, 5_000)?;
    let other = stage.world.join(10_000 * USD as u64, 10_000 * USD as u64)?;
    stage.trade(2, &dealer, &other, 100, 4_300 * USD)?;
    stage.world.pass(21_600);
    for market in [0, 1] {
        let price = stage.prices[market];
        stage.world.publish(market, price, price / 2_500)?;
    }
    stage.world.publish_quote(900_000, 0)?;
    assert!(!depeg(&stage, 2).is_none(), "its feed has been silent for six hours");
    let payer = stage.world.payer.insecure_clone();
    done(stage.send("begin_settling", build::begin_settling(stage.keys(2).market), &[&payer])?)?;
    stage.world.pass(2);
    stage.world.publish_quote(PAR, 0)?;
    assert!(depeg(&stage, 2).is_none(), "its price is final");

    stage.world.pass(2);
    stage.world.publish_quote(900_000, 0)?;
    let args: CreateMarketArgs = three_listings()[0].args(3);
    let (book, create) = zeroed(&mut stage.world, OrderBook::SPACE, &PROGRAM_ID);
    let governor = stage.world.governor.insecure_clone();
    let list = build::create_market(payer.pubkey(), governor.pubkey(), book.pubkey(), args);
    stage.world.send(&[create, list], &[&payer, &book, &governor])?;
    let key: Pubkey = address::market(&stage.world.exchange, 3);
    let born: Market = stage.world.read(&key).context("listed")?;
    assert_eq!(*born.depeg, depeg(&stage, 0));
    Ok(())
}

/// What is stored is what the engine computes from the same prices, to the bit.
#[test]
fn the_program_and_the_engine_agree() -> Result<()> {
    let mut stage = Stage::new()?;
    let mut twin: PegState = *exchange(&stage).peg;
    let mut noise: u64 = 7;
    let mut spent = 0;
    for _ in 0..200 {
        noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let (price, gap, doubt) = (880_000 + (noise >> 40) as i64 % 160_000, 1 + (noise >> 20) as i64 % 700, (noise >> 10) as i64 % 20_000);
        stage.world.pass(gap);
        let given = pyth::Update { confidence: doubt.unsigned_abs() * 100, ..update(&stage, price, stage.world.now) };
        let sample = plimsoll_sdk::risk::oracle::PriceSample {
            owner_ok: true,
            feed_matches: true,
            fully_verified: true,
            price: given.price,
            conf: given.confidence,
            exponent: given.exponent,
            publish: given.publish,
            prev_publish: given.previous,
        };
        twin.accept(&sample, plimsoll_sdk::risk::Secs::new(stage.world.now)).expect("sound");
        spent = spent.max(bring(&mut stage, &given, &[0, 1, 2])?.expect("sound"));
        assert_eq!(*exchange(&stage).peg, twin);
        assert!((0..3).all(|market| depeg(&stage, market) == twin.depeg));
    }
    println!("update_quote with three markets: at most {spent} compute units");
    assert!(spent < 20_000, "{spent}");
    Ok(())
}
