//! What size costs (RULES 4.4): the allowance that depth and open interest leave, and that nobody's quotes or closes liquidate somebody else.

use anyhow::Result;
use plimsoll_replay::world::Member;
use plimsoll_sdk::build;
use plimsoll_tests::stage::{done, refused, Stage};
use plimsoll_tests::{order, BUY, IOC, POST_ONLY, SELL, USD};
use solana_signer::Signer;

const LIQUIDATING: u32 = 2;

/// Takes every order of a member off the book; `cancel_all` leaves dead ones there until somebody meets them.
fn take_off(stage: &mut Stage, member: &Member) -> Result<()> {
    for order in stage.world.member(&member.account).orders.iter().filter(|order| order.id != 0) {
        let cancel = build::cancel_order(member.owner.pubkey(), member.account, stage.keys(0), order.id);
        done(stage.send("cancel_order", cancel, &[&member.owner])?)?;
    }
    Ok(())
}

/// A SOL lot is $2.
fn lots(dollars: i64) -> i64 {
    dollars / 2
}

/// `minutes` of steady prices, the first market's depth sampled in each.
fn sampled(stage: &mut Stage, minutes: i64) -> Result<()> {
    for _ in 0..minutes {
        stage.world.pass(60);
        for market in 0..stage.prices.len() {
            let price = stage.prices[market];
            stage.world.publish(market, price, price / 2_500)?;
        }
        done(stage.update_funding(0)?)?;
    }
    Ok(())
}

/// Allowances of the first market, dollars.
fn allowances(stage: &Stage) -> (i64, i64) {
    let market = stage.world.market(0);
    let terms = market.depth.size_terms(&market.depth_params).expect("sound");
    (terms.allowance_im.raw() / USD, terms.allowance_mm.raw() / USD)
}

/// Maintenance margin beyond the market's own rate on the notional, dollars: the add-on.
fn add_on(stage: &mut Stage, member: &Member) -> Result<f64> {
    let (health, rate) = (stage.health(member)?, stage.world.market(0).mm_rate as f64 / (1_i64 << 30) as f64);
    Ok((health.mm as f64 - health.gross_notional as f64 * rate) / USD as f64)
}

/// A market whose open interest of $10 million and book of $500,000 a side leave $500,000 free for an hour.
struct Busy {
    stage: Stage,
    /// Long and short of the open interest.
    sides: [Member; 2],
    maker: Member,
}

impl Busy {
    fn new() -> Result<Self> {
        let mut stage = Stage::new()?;
        let sides = [(); 2].map(|()| stage.world.join(8_000_000 * USD as u64, 8_000_000 * USD as u64));
        let [long, short] = sides;
        let sides = [long?, short?];
        let maker = stage.world.join(4_000_000 * USD as u64, 4_000_000 * USD as u64)?;
        stage.trade(0, &sides[0], &sides[1], lots(10_000_000), 200 * USD)?;
        for (side, price) in [(BUY, 1_999_000), (SELL, 2_001_000)] {
            done(stage.place(&maker, 0, order(side, POST_ONLY, price, lots(500_000)), &[])?)?;
        }
        sampled(&mut stage, 75)?;
        let (im, mm) = allowances(&stage);
        assert!((495_000..=500_000).contains(&im) && im == mm, "{im} {mm}");
        Ok(Self { stage, sides, maker })
    }

    /// Everybody else leaves: no quotes, no open interest but what the others hold.
    fn deserted(&mut self) -> Result<()> {
        let Self { stage, sides: [long, short], maker } = self;
        take_off(stage, maker)?;
        stage.trade(0, short, long, lots(10_000_000), 200 * USD)
    }
}

/// Quotes and open interest go at once; initial margin follows at once, maintenance by a tenth of the allowance an hour.
#[test]
fn nobodys_quotes_or_closes_liquidate_somebody_else() -> Result<()> {
    let mut busy = Busy::new()?;
    let trader = busy.stage.world.join(100_000 * USD as u64, 24_000 * USD as u64)?;
    let dealer = busy.stage.world.join(1_000_000 * USD as u64, 1_000_000 * USD as u64)?;
    busy.stage.trade(0, &trader, &dealer, lots(300_000), 200 * USD)?;
    busy.stage.wait(2)?;
    let before = busy.stage.health(&trader)?;
    assert!(add_on(&mut busy.stage, &trader)?.abs() < 0.01, "$300,000 are within the allowance");
    assert!(before.equity_im > before.im, "{before:?}");

    busy.deserted()?;
    // A whole bucket of five minutes without a book.
    sampled(&mut busy.stage, 10)?;
    let stage = &mut busy.stage;
    let after = stage.health(&trader)?;
    let (im, mm) = allowances(stage);
    assert!(im == 100_000 && (490_000..500_000).contains(&mm), "{im} {mm}");
    // 5 % of the $200,000 beyond the floor, in initial margin alone.
    let rate = stage.world.market(0).im_rate as f64 / (1_i64 << 30) as f64;
    let expected = after.gross_notional as f64 * rate / USD as f64 + 10_000.0;
    assert!((after.im as f64 / USD as f64 - expected).abs() < 0.01, "{after:?} {expected}");
    assert!(add_on(stage, &trader)?.abs() < 0.01);
    assert!(after.equity_im < after.im && after.equity > after.target, "{after:?}");
    refused(stage.flag(&trader, 0)?, "NoShortfallShown");
    refused(stage.liquidate(&dealer, &trader, 0, 1, &[])?, "NotLiquidatable");
    refused(stage.place(&trader, 0, order(BUY, POST_ONLY, 1_990_000, 1_000), &[])?, "BelowInitialMargin");

    // A day of an empty book: the add-on comes no faster than the allowance goes, and stops at the floor.
    for hour in 1..=24 {
        sampled(stage, 60)?;
        let hours = f64::from(hour) + 1.0 / 6.0;
        let most = 0.05 * (300_000.0 - (500_000.0 * 0.9_f64.powf(hours)).max(100_000.0)).max(0.0);
        let charged = add_on(stage, &trader)?;
        assert!(charged <= most + 0.01, "hour {hour}: {charged} of {most}");
        if hour == 4 {
            assert!(charged.abs() < 0.01, "four hours in which to react: {charged}");
        }
    }
    let charged = add_on(stage, &trader)?;
    assert!((charged - 10_000.0).abs() < 1.0, "{charged}");
    Ok(())
}

/// Orders shown for ten minutes raise nothing; they would have to stay for the hour.
#[test]
fn a_wall_makes_nobodys_size_cheaper() -> Result<()> {
    let mut busy = Busy::new()?;
    for (side, price) in [(BUY, 1_998_000), (SELL, 2_002_000)] {
        done(busy.stage.place(&busy.maker, 0, order(side, POST_ONLY, price, lots(4_000_000)), &[])?)?;
    }
    busy.stage.trade(0, &busy.sides[0], &busy.sides[1], lots(10_000_000), 200 * USD)?;
    sampled(&mut busy.stage, 10)?;
    take_off(&mut busy.stage, &busy.maker)?;
    let allowed = allowances(&busy.stage);
    assert!(allowed.0 <= 500_000 && allowed.1 <= 500_000, "{allowed:?}");
    // Without the wall the book is empty.
    sampled(&mut busy.stage, 10)?;
    assert_eq!(allowances(&busy.stage).0, 100_000);
    Ok(())
}

/// A position ten times the allowance is liquidated in slices that the add-on does not make too small or too large, to its target.
#[test]
fn a_whale_is_sliced_down_to_its_target() -> Result<()> {
    let mut stage = Stage::new()?;
    let dealer = stage.world.join(5_000_000 * USD as u64, 5_000_000 * USD as u64)?;
    let keeper = stage.world.join(5_000_000 * USD as u64, 5_000_000 * USD as u64)?;
    let whale = stage.world.join(1_000_000 * USD as u64, 130_000 * USD as u64)?;
    let price = stage.lot_price(0, 200 * USD);
    // A million needs 6.9 % and 5 % of $900,000: two millions are refused.
    done(stage.place(&dealer, 0, order(SELL, POST_ONLY, price, lots(3_000_000)), &[])?)?;
    refused(stage.place(&whale, 0, order(BUY, IOC, price, lots(2_000_000)), &[&dealer])?, "BelowInitialMargin");
    stage.wait(3)?;
    done(stage.place(&whale, 0, order(BUY, IOC, price, lots(1_000_000)), &[&dealer])?)?;
    assert_eq!(stage.lots(&whale, 0), lots(1_000_000));
    let health = stage.health(&whale)?;
    assert!((add_on(&mut stage, &whale)? - 45_000.0).abs() < 1.0, "{health:?}");

    stage.price(0, 192 * USD)?;
    done(stage.liquidate(&keeper, &whale, 0, 0, &[])?)?;
    stage.wait(2)?;
    done(stage.liquidate(&keeper, &whale, 0, 0, &[])?)?;
    assert_eq!(stage.state(&whale), LIQUIDATING);
    let mut steps = 0;
    while stage.state(&whale) == LIQUIDATING {
        stage.wait(31)?;
        done(stage.liquidate(&keeper, &whale, 0, 1 << 30, &[])?)?;
        steps += 1;
        assert!(steps < 30);
    }
    let cured = stage.health(&whale)?;
    assert!(cured.equity >= cured.target && cured.equity - cured.target < USD, "{cured:?}");
    assert!(stage.lots(&whale, 0) > 0, "not more than needed");
    // The keeper, too, pays for what it has taken.
    assert!(add_on(&mut stage, &keeper)? > 0.0);
    Ok(())
}
