//! Stories of markets that stop: a feed that dies (RULES 2.5), pauses (9.3), and losses that stand too long beside collateral (1.3). Every
//! transaction is followed by the audit.

use anyhow::Result;
use plimsoll_replay::world::Member;
use plimsoll_sdk::address;
use plimsoll_sdk::build::{self, ConvertCollateralArgs, OrderArgs, Token};
use plimsoll_tests::stage::{done, refused, Outcome, Stage};
use plimsoll_tests::{order, BUY, IOC, LIMIT, POST_ONLY, SELL, USD};
use solana_pubkey::Pubkey;
use solana_signer::Signer;

const HOUR: i64 = 3_600;
/// 0.8 and 0.9 in Q30.
const IM_WEIGHT: i64 = (1 << 30) / 10 * 8;
const MM_WEIGHT: i64 = (1 << 30) / 10 * 9;

/// The feeds of BTC and ETH go on; SOL's is silent.
fn without_sol(stage: &mut Stage, seconds: i64) -> Result<()> {
    stage.world.pass(seconds);
    for _ in 0..14 {
        stage.world.pass(10);
        for market in 1..3 {
            let price = stage.prices[market];
            stage.world.publish(market, price, price / 2_500)?;
        }
    }
    stage.audit("BTC and ETH")
}

fn begin_settling(stage: &mut Stage, market: usize) -> Result<Outcome> {
    let payer = stage.world.payer.insecure_clone();
    stage.send("begin_settling", build::begin_settling(stage.keys(market).market), &[&payer])
}

/// Takes everything out and closes the account.
fn leave(stage: &mut Stage, member: &Member) -> Result<()> {
    let cash = stage.cash(member) as u64;
    done(stage.withdraw(member, cash)?)?;
    let close = build::close_account(member.owner.pubkey(), member.account);
    done(stage.send("close_account", close, &[&member.owner])?)
}

/// Ten days, so that what is in the vaults is what has been there.
fn ten_days(stage: &mut Stage) -> Result<()> {
    stage.world.pass(864_000);
    stage.calm(6)
}

/// The price of a market moves to `micro_usd` within an hour, too slowly for a jump.
fn drift(stage: &mut Stage, market: usize, micro_usd: i64) -> Result<()> {
    let from = stage.prices[market];
    for step in 1..=60 {
        stage.prices[market] = from + (micro_usd - from) / 60 * step;
        stage.calm(1)?;
    }
    stage.prices[market] = micro_usd;
    stage.calm(8)
}

fn rich(stage: &mut Stage) -> Result<Member> {
    stage.world.join(100_000 * USD as u64, 100_000 * USD as u64)
}

/// RULES 2.5: the last thirty *valid* minutes. A feed that dies may say something wrong once more.
#[test]
fn one_print_after_a_silence_does_not_set_the_final_price() -> Result<()> {
    for silence in [600, 2_400, 3 * HOUR] {
        let mut stage = Stage::new()?;
        stage.calm(31)?;
        without_sol(&mut stage, silence)?;
        stage.price(0, 120 * USD)?;
        assert_eq!(stage.world.market(0).oracle.price, 1_200_000, "it is the market's price meanwhile");
        without_sol(&mut stage, 6 * HOUR)?;
        done(begin_settling(&mut stage, 0)?)?;
        assert_eq!(stage.world.market(0).oracle.price, 2_000_000, "after {silence} silent seconds");
    }
    Ok(())
}

#[test]
fn a_dead_feed_settles_the_market_and_everybody_gets_out() -> Result<()> {
    let mut stage = Stage::new()?;
    let (long, short, other) = (rich(&mut stage)?, rich(&mut stage)?, rich(&mut stage)?);
    let _stays = rich(&mut stage)?;
    ten_days(&mut stage)?;
    stage.trade(0, &long, &short, 1_000, 200 * USD)?;
    stage.trade(1, &other, &short, 100, 120_000 * USD)?;
    done(stage.place(&long, 0, order(BUY, POST_ONLY, 1_990_000, 50), &[])?)?;
    let start = [&long, &short].map(|member| stage.cash(member));
    // Half an hour at $210, and a last minute at $230: the average counts, not the last print.
    stage.price(0, 210 * USD)?;
    stage.calm(31)?;
    stage.price(0, 230 * USD)?;
    stage.wait(58)?;
    let told = stage.world.market(0).oracle.twap.thirty_minute().map_or(0, |average| average.price.raw());
    assert!((2_100_000..2_110_000).contains(&told), "{told}");

    // Not a second before six hours; meanwhile the other markets go on.
    let last = stage.world.market(0).oracle.publish;
    without_sol(&mut stage, 6 * HOUR - 200)?;
    let wait = last + 6 * HOUR - 1 - stage.world.now;
    stage.world.pass(wait);
    refused(begin_settling(&mut stage, 0)?, "FeedNotDead");
    refused(begin_settling(&mut stage, 1)?, "FeedNotDead");
    stage.world.pass(1);
    done(begin_settling(&mut stage, 0)?)?;
    refused(begin_settling(&mut stage, 0)?, "FeedNotDead");
    let books = stage.world.market(0);
    assert_eq!((books.oracle.price, books.perp.long.open_interest, books.perp.short.open_interest), (told, 0, 0));
    // The price is final whatever comes; nothing trades, no order fills, no account is liquidated in it.
    assert!(stage.world.publish(0, 100 * USD, 1_000).is_err());
    refused(stage.place(&short, 0, order(BUY, LIMIT, told, 1), &[])?, "PriceConditionRefused");
    refused(stage.deleverage(&short, 0)?, "PriceConditionRefused");
    without_sol(&mut stage, 0)?;

    // A touch closes the position at the final price and voids its orders.
    let gain = (told - 2_000_000) * 1_000;
    done(stage.touch(&long, 0)?)?;
    assert_eq!((stage.lots(&long, 0), stage.position(&long, 0).bids), (0, 0));
    assert!(stage.world.member(&long.account).orders.iter().all(|order| !order.is_used()));
    assert!((stage.unsettled(&long, 0) - gain).abs() < USD, "funding apart");
    // The loser pays, untouched before; the winner's claim has matured and is paid in full.
    done(stage.settle(&short, 0)?)?;
    let paid = start[1] - stage.cash(&short);
    assert!((paid - gain).abs() < USD && stage.world.market(0).perp.pool == paid);
    stage.world.pass(900);
    without_sol(&mut stage, 0)?;
    done(stage.settle(&long, 0)?)?;
    assert_eq!(stage.cash(&long) - start[0], paid - (paid - (stage.cash(&long) - start[0])));
    assert!((stage.cash(&long) - start[0] - paid).abs() <= 2, "zero-sum but for rounding");
    let books = stage.world.market(0).perp;
    assert_eq!((books.positions, books.clearing_lots, books.clearing_quote), (0, 0, 0), "the tranche has what was left");
    leave(&mut stage, &long)?;
    // The other markets never stopped.
    stage.trade(1, &short, &other, 100, 120_000 * USD)?;
    for member in [&short, &other] {
        for _ in 0..2 {
            done(stage.touch(member, 1)?).ok();
            done(stage.settle(member, 1)?).ok();
            stage.world.pass(900);
            without_sol(&mut stage, 0)?;
        }
        leave(&mut stage, member)?;
    }
    Ok(())
}

#[test]
fn what_a_settling_market_leaves_unpaid_is_resolved() -> Result<()> {
    let mut stage = Stage::new()?;
    done(stage.fund_insurance(100_000 * USD as u64)?)?;
    let (keeper, short) = (rich(&mut stage)?, rich(&mut stage)?);
    let trader = stage.world.join(2_000 * USD as u64, 2_000 * USD as u64)?;
    let _stays = rich(&mut stage)?;
    ten_days(&mut stage)?;
    stage.trade(0, &trader, &short, 10_000, 200 * USD)?;
    let start = stage.cash(&short);
    // The market falls through the trader's margin; nobody comes before the feed dies.
    stage.price(0, 170 * USD)?;
    stage.calm(40)?;
    without_sol(&mut stage, 6 * HOUR)?;
    done(begin_settling(&mut stage, 0)?)?;
    // Two samples, the estate, the waterfall: the final price is as good a sample as a fresh one.
    refused(stage.settle(&trader, 0)?, "SettleEstateInstead");
    done(stage.settle_estate(&trader)?)?;
    assert_eq!(stage.cash(&trader), 0);
    done(stage.resolve(&trader)?)?;
    assert!(stage.world.member(&trader.account).is_empty());
    // A claim is due after its time like any other.
    done(stage.touch(&short, 0)?)?;
    stage.world.pass(900);
    without_sol(&mut stage, 0)?;
    done(stage.settle(&short, 0)?)?;
    assert!((stage.cash(&short) - start - 3_000 * USD).abs() < USD, "{}", stage.cash(&short) - start);
    for member in [&keeper, &short, &trader] {
        if stage.cash(member) > 0 {
            leave(&mut stage, member)?;
        }
    }
    assert_eq!(stage.world.market(0).perp.positions, 0);
    Ok(())
}

/// Brings collateral that market `market` prices.
fn bring(stage: &mut Stage, member: &Member, market: usize, token: Token, purse: Pubkey, atoms: u64) -> Result<Outcome> {
    let (exchange, key) = (stage.world.exchange, stage.keys(market).market);
    let bring = build::deposit_collateral(member.owner.pubkey(), exchange, member.account, key, token, purse, atoms);
    stage.send("deposit_collateral", bring, &[&member.owner])
}

fn take(stage: &mut Stage, member: &Member, token: Token, purse: Pubkey, atoms: u64) -> Result<Outcome> {
    let portfolio = stage.world.portfolio(&member.account);
    let exchange = stage.world.exchange;
    let take = build::withdraw_collateral(member.owner.pubkey(), exchange, member.account, token, purse, atoms, &portfolio);
    stage.send("withdraw_collateral", take, &[&member.owner])
}

fn buy(stage: &mut Stage, buyer: &Member, failing: &Member, market: usize, token: Token) -> Result<Outcome> {
    let portfolio = stage.world.portfolio(&failing.account).and(&stage.world.portfolio(&buyer.account));
    let collateral = address::collateral(&stage.world.exchange, &token.mint);
    let args = ConvertCollateralArgs { max_amount: i64::MAX, max_cost: i64::MAX };
    let (owner, key) = (buyer.owner.pubkey(), stage.keys(market).market);
    let convert = build::convert_collateral(owner, buyer.account, failing.account, collateral, key, args, &portfolio);
    stage.send("convert_collateral", convert, &[&buyer.owner])
}

#[test]
fn collateral_of_a_dead_feed_neither_shields_nor_traps() -> Result<()> {
    let mut stage = Stage::new()?;
    let token = stage.world.list_collateral(0, 9, IM_WEIGHT, MM_WEIGHT, 0)?;
    let dealer = rich(&mut stage)?;
    let owner = stage.world.join(1_000 * USD as u64, 100 * USD as u64)?;
    let purse = stage.world.wallet(token, &owner.owner.pubkey(), 200_000_000_000)?;
    done(bring(&mut stage, &owner, 0, token, purse, 100_000_000_000)?)?;
    ten_days(&mut stage)?;
    without_sol(&mut stage, 6 * HOUR)?;
    done(begin_settling(&mut stage, 0)?)?;
    without_sol(&mut stage, 0)?;
    // 100 SOL at the final $200: $16,000 by weight, less what the widest range could take.
    let health = stage.health(&owner)?;
    assert!((health.equity - 18_100 * USD).abs() < 100 && (health.equity_im - 16_100 * USD).abs() < 100, "{health:?}");
    assert!(health.im >= 9_600 * USD - 100 && health.im <= 9_600 * USD, "{health:?}");
    // What may be worthless by now buys no credit.
    refused(bring(&mut stage, &owner, 0, token, purse, 1_000_000_000)?, "PriceConditionRefused");
    // The other markets take what is left of it, and no more.
    refused(stage.place(&owner, 1, order(BUY, LIMIT, 12_000_000, 11_000), &[])?, "BelowInitialMargin");
    stage.trade(1, &owner, &dealer, 8_000, 120_000 * USD)?;
    // It still pays what is owed: anyone buys it at the final price less one per cent, from who is below initial margin.
    refused(buy(&mut stage, &dealer, &owner, 0, token)?, "NotLiquidatable");
    stage.prices[1] = 112_000 * USD;
    without_sol(&mut stage, 0)?;
    let before = stage.cash(&owner);
    done(buy(&mut stage, &dealer, &owner, 0, token)?)?;
    assert!(stage.cash(&owner) > before);
    done(stage.settle_estate(&owner)?)?;
    // Out of the trade, the tokens are his again.
    done(stage.place(&dealer, 1, order(BUY, POST_ONLY, 11_200_000, 8_000), &[])?)?;
    let out = OrderArgs { reduce_only: true, ..order(SELL, IOC, 11_200_000, 8_000) };
    done(stage.place(&owner, 1, out, &[&dealer])?)?;
    for _ in 0..3 {
        without_sol(&mut stage, 0)?;
    }
    // The fee of the way out is a loss that only he can pay.
    done(stage.deposit(&owner, 50 * USD as u64)?)?;
    done(stage.settle(&owner, 1)?)?;
    assert_eq!((stage.lots(&owner, 1), stage.unsettled(&owner, 1)), (0, 0));
    let left = stage.world.member(&owner.account).collaterals[0].amount as u64;
    done(take(&mut stage, &owner, token, purse, left)?)?;
    assert_eq!(stage.world.tokens(&purse), 100_000_000_000 + left);
    Ok(())
}

#[test]
fn losses_beyond_a_quarter_of_the_collateral_for_an_hour_let_anyone_convert_it() -> Result<()> {
    let mut stage = Stage::new()?;
    let token = stage.world.list_collateral(0, 9, IM_WEIGHT, MM_WEIGHT, 0)?;
    let (dealer, buyer) = (rich(&mut stage)?, rich(&mut stage)?);
    let trader = stage.world.join(1_000 * USD as u64, 100 * USD as u64)?;
    let purse = stage.world.wallet(token, &trader.owner.pubkey(), 100_000_000_000)?;
    done(bring(&mut stage, &trader, 0, token, purse, 100_000_000_000)?)?;
    stage.trade(1, &trader, &dealer, 5_000, 120_000 * USD)?;
    refused(buy(&mut stage, &buyer, &trader, 0, token)?, "NotLiquidatable");
    // $18,000 by weight: a loss of $4,400 is less than a quarter, one of $4,600 is more. The account is far above its initial margin.
    drift(&mut stage, 1, 111_200 * USD)?;
    refused(buy(&mut stage, &buyer, &trader, 0, token)?, "NotLiquidatable");
    drift(&mut stage, 1, 110_800 * USD)?;
    let health = stage.health(&trader)?;
    assert!(health.equity_im > health.im);
    // The first call only starts the clock, and it takes a look every quarter of an hour to keep it running.
    done(buy(&mut stage, &buyer, &trader, 0, token)?)?;
    let started = stage.world.member(&trader.account);
    assert_eq!((started.losses.since, started.collaterals[0].amount), (stage.world.now, 100_000_000_000));
    stage.calm(16)?;
    done(buy(&mut stage, &buyer, &trader, 0, token)?)?;
    assert_eq!(stage.world.member(&trader.account).losses.since, stage.world.now, "nobody looked for 16 minutes");
    for _ in 0..4 {
        assert_eq!(stage.world.member(&trader.account).collaterals[0].amount, 100_000_000_000);
        stage.calm(14)?;
        done(buy(&mut stage, &buyer, &trader, 0, token)?)?;
    }
    // A recovery seen by anybody ends it.
    let clock = stage.world.member(&trader.account).losses;
    drift(&mut stage, 1, 112_000 * USD)?;
    done(buy(&mut stage, &buyer, &trader, 0, token)?)?;
    assert_eq!(stage.world.member(&trader.account).losses.since, 0);
    assert!(clock.since > 0);
    // The whole hour.
    drift(&mut stage, 1, 110_800 * USD)?;
    for _ in 0..4 {
        done(buy(&mut stage, &buyer, &trader, 0, token)?)?;
        assert_eq!(stage.world.member(&trader.account).collaterals[0].amount, 100_000_000_000);
        stage.calm(15)?;
    }
    done(buy(&mut stage, &buyer, &trader, 0, token)?)?;
    let sold = 100_000_000_000 - stage.world.member(&trader.account).collaterals[0].amount;
    // As much as pays the loss beyond the cash, at $198 a SOL.
    let loss = -stage.unsettled(&trader, 1);
    assert!(sold > 0 && (stage.cash(&trader) - loss).abs() <= 1, "{} {loss}", stage.cash(&trader));
    refused(buy(&mut stage, &buyer, &trader, 0, token)?, "NothingToSettle");
    done(stage.settle(&trader, 1)?)?;
    assert_eq!(stage.unsettled(&trader, 1), 0);
    Ok(())
}

/// Strangers pay for a bankrupt only what the sale of his collateral leaves, even where that collateral counts for nothing yet.
#[test]
fn a_bankrupt_keeps_no_collateral_at_the_cost_of_others() -> Result<()> {
    let mut stage = Stage::new()?;
    done(stage.fund_insurance(100_000 * USD as u64)?)?;
    // A token that is still in its warm-up: weight zero for years.
    let token = stage.world.list_collateral(0, 9, IM_WEIGHT, MM_WEIGHT, 1 << 40)?;
    let (dealer, buyer) = (rich(&mut stage)?, rich(&mut stage)?);
    let trader = stage.world.join(2_000 * USD as u64, 2_000 * USD as u64)?;
    let purse = stage.world.wallet(token, &trader.owner.pubkey(), 1_000_000_000)?;
    stage.trade(1, &trader, &dealer, 1_600, 120_000 * USD)?;
    // 0.2 SOL, $40: too little to keep him from bankruptcy.
    done(bring(&mut stage, &trader, 0, token, purse, 200_000_000)?)?;
    stage.price(1, 105_000 * USD)?;
    done(stage.deleverage_unranked(&trader, 1)?)?;
    done(stage.settle_estate(&trader)?)?;
    let loss = -stage.unsettled(&trader, 1);
    let absorbed_before = stage.world.market(1).perp.tranche_cash;
    done(stage.resolve(&trader)?)?;
    assert!(absorbed_before >= 0 && loss > 40 * USD);
    // What the sale will bring, $39.60, is still owed by him; nobody pays it for him.
    assert_eq!(-stage.unsettled(&trader, 1), 39_600_000);
    refused(stage.resolve(&trader)?, "NothingToSettle");
    assert!(take(&mut stage, &trader, token, purse, 1)?.is_err());
    stage.calm(6)?;
    done(buy(&mut stage, &buyer, &trader, 0, token)?)?;
    done(stage.settle(&trader, 1)?)?;
    assert_eq!((stage.unsettled(&trader, 1), stage.world.member(&trader.account).collaterals[0].amount), (0, 0));
    Ok(())
}

#[test]
fn a_pause_stops_new_risk_and_nothing_else() -> Result<()> {
    let mut stage = Stage::new()?;
    let (dealer, trader) = (rich(&mut stage)?, rich(&mut stage)?);
    let keeper = stage.world.join(200_000 * USD as u64, 100_000 * USD as u64)?;
    let weak = stage.world.join(2_000 * USD as u64, 2_000 * USD as u64)?;
    stage.trade(0, &trader, &dealer, 100, 200 * USD)?;
    stage.trade(0, &weak, &dealer, 10_000, 200 * USD)?;
    done(stage.place(&trader, 0, order(BUY, POST_ONLY, 1_950_000, 10), &[])?)?;
    let (exchange, market) = (stage.world.exchange, stage.keys(0).market);
    let (governor, stranger) = (stage.world.governor.insecure_clone(), stage.world.payer.insecure_clone());
    let pause = build::pause(governor.pubkey(), exchange, Some(market));
    refused(stage.send("pause", build::pause(stranger.pubkey(), exchange, Some(market)), &[&stranger])?, "NotGuardian");
    refused(stage.send("lift_pause", build::lift_pause(stranger.pubkey(), exchange, Some(market)), &[&stranger])?, "PauseRuns");
    done(stage.send("pause", pause.clone(), &[&governor])?)?;
    assert_eq!(stage.world.market(0).status, 1);

    refused(stage.place(&trader, 0, order(BUY, LIMIT, 1_990_000, 10), &[])?, "MarketReduceOnly");
    refused(stage.place(&dealer, 0, order(SELL, LIMIT, 2_010_000, 10), &[])?, "MarketReduceOnly");
    // Reductions, cancellations, deposits, withdrawals, touches, settlement, prices and the other markets go on; so does liquidation.
    let reduce = |side, kind, price, lots| OrderArgs { reduce_only: true, ..order(side, kind, price, lots) };
    done(stage.place(&dealer, 0, reduce(BUY, POST_ONLY, 1_999_000, 40), &[])?)?;
    done(stage.place(&trader, 0, reduce(SELL, IOC, 1_999_000, 40), &[&dealer])?)?;
    assert_eq!(stage.lots(&trader, 0), 60);
    done(stage.cancel_all(&trader)?)?;
    let keeper_pays = build::deposit(keeper.owner.pubkey(), exchange, weak.account, stage.world.quote, keeper.wallet, 1);
    done(stage.send("deposit", keeper_pays, &[&keeper.owner])?)?;
    done(stage.withdraw(&keeper, 100 * USD as u64)?)?;
    done(stage.touch(&trader, 0)?)?;
    done(stage.settle(&trader, 0)?)?;
    stage.trade(1, &trader, &dealer, 10, 120_000 * USD)?;
    stage.price(0, 184 * USD)?;
    done(stage.liquidate(&keeper, &weak, 0, 10_000, &[])?)?;
    assert!(stage.lots(&keeper, 0) > 0 && stage.lots(&weak, 0) < 10_000);

    // Time alone ends it; anyone clears the status afterwards.
    refused(stage.send("lift_pause", build::lift_pause(stranger.pubkey(), exchange, Some(market)), &[&stranger])?, "PauseRuns");
    let end = stage.world.market(0).reduce_only.until;
    stage.calm(28)?;
    let left = end - stage.world.now;
    assert!((1..120).contains(&left), "{left}");
    refused(stage.place(&trader, 0, order(BUY, LIMIT, 1_830_000, 10), &[])?, "MarketReduceOnly");
    stage.wait(left)?;
    stage.wait(2)?;
    done(stage.place(&trader, 0, order(BUY, LIMIT, 1_830_000, 10), &[])?)?;
    done(stage.send("lift_pause", build::lift_pause(stranger.pubkey(), exchange, Some(market)), &[&stranger])?)?;
    assert_eq!(stage.world.market(0).status, 0);
    // Two in a row, and governor or guardian lift one before its time.
    done(stage.send("pause", pause.clone(), &[&governor])?)?;
    refused(stage.send("pause", pause.clone(), &[&governor])?, "PauseLimit");
    done(stage.send("lift_pause", build::lift_pause(governor.pubkey(), exchange, Some(market)), &[&governor])?)?;
    done(stage.place(&trader, 0, order(BUY, LIMIT, 1_829_000, 10), &[])?)?;
    Ok(())
}
