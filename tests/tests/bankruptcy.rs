//! Stories of accounts that owe more than they have (RULES 1.3, 1.5, 7); every transaction is followed by the audit.

use anyhow::Result;
use plimsoll_replay::world::Member;
use plimsoll_tests::stage::{done, refused, Stage};
use plimsoll_tests::USD;

/// State of RULES 6.1.
const BANKRUPT: u32 = 4;

/// Two shorts, 60 and 40 SOL at $200, and the trader who holds the 100 SOL against them with $2,000.
struct Cast {
    large: Member,
    small: Member,
    keeper: Member,
    trader: Member,
}

fn long_against_two_shorts(stage: &mut Stage) -> Result<Cast> {
    let large = stage.world.join(20_000 * USD as u64, 20_000 * USD as u64)?;
    let small = stage.world.join(20_000 * USD as u64, 20_000 * USD as u64)?;
    let keeper = stage.world.join(50_000 * USD as u64, 50_000 * USD as u64)?;
    let trader = stage.world.join(2_000 * USD as u64, 2_000 * USD as u64)?;
    stage.trade(0, &trader, &large, 6_000, 200 * USD)?;
    stage.trade(0, &trader, &small, 4_000, 200 * USD)?;
    Ok(Cast { large, small, keeper, trader })
}

#[test]
fn a_gap_through_bankruptcy_is_paid_by_estate_tranche_fund_and_claims_in_this_order() -> Result<()> {
    let mut stage = Stage::new()?;
    done(stage.fund_insurance(1_000 * USD as u64)?)?;
    let Cast { large, small, keeper, trader } = long_against_two_shorts(&mut stage)?;
    let estate = stage.cash(&trader);
    let (large_cash, small_cash) = (stage.cash(&large), stage.cash(&small));

    // Fifteen per cent in one print: E = 1,990 − 3,000 < 0, and there is nothing to sell.
    stage.price(0, 170 * USD)?;
    assert_eq!(stage.health(&trader)?.equity, estate - 3_000 * USD);
    refused(stage.resolve(&trader)?, "SettleEstateInstead");
    done(stage.liquidate(&keeper, &trader, 0, 10_000, &[])?)?;
    assert_eq!((stage.state(&trader), stage.lots(&keeper, 0)), (BANKRUPT, 0));
    refused(stage.deleverage(&large, 0)?, "NotBankrupt");

    // His lots close at the oracle price against all shorts; theirs change when they are touched (RULES 7.5).
    done(stage.deleverage_unranked(&trader, 0)?)?;
    assert_eq!((stage.lots(&trader, 0), stage.lots(&large, 0), stage.lots(&small, 0)), (0, -6_000, -4_000));
    assert_eq!(stage.world.market(0).perp.short.open_interest, 0);
    for member in [&large, &small] {
        done(stage.touch(member, 0)?)?;
        assert_eq!(stage.lots(member, 0), 0);
    }
    assert_eq!((stage.unsettled(&large, 0), stage.unsettled(&small, 0)), (1_800 * USD, 1_200 * USD));

    // His cash goes into the pool first.
    done(stage.settle_estate(&trader)?)?;
    assert_eq!((stage.cash(&trader), stage.world.market(0).perp.pool), (0, estate));
    let loss = 3_000 * USD - estate;
    assert_eq!(stage.unsettled(&trader, 0), -loss);

    // The claims mature meanwhile; nobody has taken anything out yet.
    stage.calm(20)?;
    // Then the tranche pays all it has, the fund a quarter of itself, and claims are to carry the rest.
    let tranche = stage.world.market(0).perp.tranche_cash;
    let vaults = |stage: &Stage| {
        let exchange = stage.world.exchange;
        let of = |key| stage.world.tokens(&key) as i64;
        (of(plimsoll_sdk::address::vault(&exchange)), of(plimsoll_sdk::address::insurance_vault(&exchange)))
    };
    let before = vaults(&stage);
    done(stage.resolve(&trader)?)?;
    assert_eq!(vaults(&stage), (before.0 + 250 * USD, 750 * USD));
    assert_eq!(stage.world.market(0).perp.tranche_cash, 0);
    assert!(stage.world.member(&trader.account).is_empty());
    let deficit = loss - tranche - 250 * USD;
    let round = stage.world.market(0).perp.rounds[1];
    assert_eq!((round.id, round.status, round.deficit, round.unregistered), (1, 1, deficit, 2));

    // Claims wait until the round is known; registration lasts 60 s.
    refused(stage.settle(&large, 0)?, "WrongState");
    done(stage.touch(&large, 0)?)?;
    refused(stage.advance_round(0)?, "RoundNotReady");
    stage.wait(30)?;
    refused(stage.advance_round(0)?, "RoundNotReady");
    stage.wait(30)?;
    done(stage.advance_round(0)?)?;

    // Only the large short has come: his claim alone carries the deficit for now.
    done(stage.touch(&large, 0)?)?;
    assert_eq!(stage.unsettled(&large, 0), 1_800 * USD - deficit);
    // The small one pays his part when he is touched, and the large one gets back what he paid for him.
    done(stage.touch(&small, 0)?)?;
    done(stage.touch(&large, 0)?)?;
    let (large_paid, small_paid) = (1_800 * USD - stage.unsettled(&large, 0), 1_200 * USD - stage.unsettled(&small, 0));
    // Each pays deficit × claim / $3,000, rounded up; together the deficit and at most an atom each.
    assert_eq!(large_paid, (deficit * 18 + 29) / 30);
    assert_eq!(small_paid, (deficit * 12 + 29) / 30);
    assert!((deficit..=deficit + 2).contains(&(large_paid + small_paid)));

    // What is left of the claims is paid in full, a refund when it has matured anew; the market is empty but for rounding.
    done(stage.settle(&large, 0)?)?;
    assert_eq!(stage.cash(&large), large_cash + 1_800 * USD - deficit);
    stage.calm(16)?;
    done(stage.settle(&large, 0)?)?;
    done(stage.settle(&small, 0)?)?;
    assert_eq!(stage.cash(&large), large_cash + 1_800 * USD - large_paid);
    assert_eq!(stage.cash(&small), small_cash + 1_200 * USD - small_paid);
    let books = stage.world.market(0).perp;
    assert_eq!(books.pool, large_paid + small_paid - deficit);
    assert_eq!((books.positions, books.rounds[1].id, books.matured_total), (0, 0, 0));
    Ok(())
}

#[test]
fn a_fund_that_can_pay_spares_the_claims() -> Result<()> {
    let mut stage = Stage::new()?;
    done(stage.fund_insurance(100_000 * USD as u64)?)?;
    let Cast { large, small, trader, .. } = long_against_two_shorts(&mut stage)?;
    let large_cash = stage.cash(&large);
    stage.price(0, 170 * USD)?;
    done(stage.deleverage_unranked(&trader, 0)?)?;
    done(stage.settle_estate(&trader)?)?;
    done(stage.resolve(&trader)?)?;
    assert_eq!(stage.world.market(0).perp.last_round, 0);
    refused(stage.advance_round(0)?, "RoundNotReady");
    for member in [&large, &small] {
        done(stage.touch(member, 0)?)?;
    }
    stage.calm(20)?;
    for member in [&large, &small] {
        done(stage.settle(member, 0)?)?;
    }
    assert_eq!(stage.cash(&large), large_cash + 1_800 * USD);
    assert_eq!(stage.world.market(0).perp.pool, 0);
    Ok(())
}

#[test]
fn lots_are_taken_from_the_other_side_pro_rata() -> Result<()> {
    let mut stage = Stage::new()?;
    let Cast { large, small, trader, .. } = long_against_two_shorts(&mut stage)?;
    // Another long keeps half of the market open.
    let sound = stage.world.join(50_000 * USD as u64, 50_000 * USD as u64)?;
    stage.trade(0, &sound, &large, 6_000, 200 * USD)?;
    stage.trade(0, &sound, &small, 4_000, 200 * USD)?;
    stage.price(0, 170 * USD)?;
    done(stage.deleverage_unranked(&trader, 0)?)?;
    for member in [&large, &small] {
        done(stage.touch(member, 0)?)?;
    }
    // Half of each short is closed at $170; the sound long keeps every lot.
    assert_eq!((stage.lots(&large, 0), stage.lots(&small, 0), stage.lots(&sound, 0)), (-6_000, -4_000, 10_000));
    assert_eq!((stage.unsettled(&large, 0), stage.unsettled(&small, 0)), (3_600 * USD, 2_400 * USD));
    assert_eq!(stage.world.market(0).perp.short.open_interest, 10_000);
    Ok(())
}

#[test]
fn the_failing_do_not_choose_whom_they_pay() -> Result<()> {
    let mut stage = Stage::new()?;
    let dealer = stage.world.join(200_000 * USD as u64, 200_000 * USD as u64)?;
    let trader = stage.world.join(2_000 * USD as u64, 2_000 * USD as u64)?;
    stage.trade(0, &trader, &dealer, 5_000, 200 * USD)?;
    stage.trade(1, &trader, &dealer, 400, 120_000 * USD)?;
    stage.trade(2, &trader, &dealer, 2_000, 4_300 * USD)?;
    let cash = stage.cash(&trader);
    // SOL falls by 13 %, ETH by 10 %; BTC wins 0.4 %.
    (stage.prices[0], stage.prices[2]) = (174 * USD, 3_870 * USD);
    stage.price(1, 120_480 * USD)?;
    let (sol, btc, eth) = (stage.unsettled(&trader, 0), stage.unsettled(&trader, 1), stage.unsettled(&trader, 2));
    assert_eq!((sol, btc, eth), (-1_300 * USD, 192 * USD / 10, -860 * USD));
    // The winning market cannot be settled alone (RULES 1.5).
    refused(stage.settle(&trader, 1)?, "SettleEstateInstead");
    // Cash is spread over the two losses in their proportion; the atom that rounding leaves goes to the first.
    done(stage.settle_estate(&trader)?)?;
    assert_eq!(stage.cash(&trader), 0);
    let of_sol = cash * 1_300 / 2_160;
    let of_eth = cash * 860 / 2_160;
    assert_eq!(of_sol + of_eth, cash - 1);
    assert_eq!(stage.world.market(0).perp.pool, of_sol + 1);
    assert_eq!(stage.world.market(2).perp.pool, of_eth);
    assert_eq!(stage.world.market(1).perp.pool, 0);
    refused(stage.settle_estate(&trader)?, "NothingToSettle");
    // Others pay only once all his lots are closed, and no more than he is short of: his claim stands against his own losses.
    done(stage.deleverage_unranked(&trader, 0)?)?;
    refused(stage.resolve(&trader)?, "LotsRemain");
    done(stage.deleverage_unranked(&trader, 1)?)?;
    done(stage.deleverage_unranked(&trader, 2)?)?;
    let claim = 192 * USD / 10;
    let short = 2_160 * USD - cash - claim;
    assert_eq!(stage.health(&trader)?.equity, -short);
    let losses = [0, 2].map(|market| -stage.unsettled(&trader, market));
    done(stage.resolve(&trader)?)?;
    refused(stage.resolve(&trader)?, "NotBankrupt");
    // Both losses shrink in the same proportion, to what the claim will pay.
    let left = [0, 2].map(|market| -stage.unsettled(&trader, market));
    assert_eq!((stage.unsettled(&trader, 1), left[0] + left[1]), (claim, claim));
    assert!((left[0] - claim * losses[0] / (losses[0] + losses[1])).abs() <= 1, "{left:?} of {losses:?}");
    // When the dealer has paid what it lost in BTC, the matured claim is paid, and goes to the losses that are left.
    stage.calm(20)?;
    done(stage.settle(&dealer, 1)?)?;
    assert_eq!(stage.world.market(1).perp.pool, claim);
    done(stage.settle_estate(&trader)?)?;
    assert_eq!((stage.cash(&trader), stage.unsettled(&trader, 1), stage.unsettled(&trader, 2)), (0, 0, 0));
    assert!(stage.world.member(&trader.account).is_empty());
    Ok(())
}

/// RULES 7.1: the shortfall is shared by the markets of the losses; what is passed first, and what the fund has, decides for nobody.
#[test]
fn no_caller_decides_whose_tranche_pays() -> Result<()> {
    let mut stage = Stage::new()?;
    done(stage.fund_insurance(1_000 * USD as u64)?)?;
    let dealer = stage.world.join(200_000 * USD as u64, 200_000 * USD as u64)?;
    let trader = stage.world.join(2_000 * USD as u64, 2_000 * USD as u64)?;
    stage.trade(0, &trader, &dealer, 5_000, 200 * USD)?;
    stage.trade(2, &trader, &dealer, 2_500, 4_300 * USD)?;
    // SOL and ETH fall by 15 %.
    stage.prices[0] = 170 * USD;
    stage.price(2, 3_655 * USD)?;
    done(stage.deleverage_unranked(&trader, 0)?)?;
    done(stage.deleverage_unranked(&trader, 2)?)?;
    done(stage.settle_estate(&trader)?)?;
    let losses = [0, 2].map(|market| -stage.unsettled(&trader, market));
    let tranches = [0, 2].map(|market| {
        let perp = stage.world.market(market).perp;
        perp.tranche_cash + perp.tranche_quote.max(0)
    });
    let saved = stage.world.svm.clone();
    let mut ends = Vec::new();
    for is_turned in [false, true] {
        stage.world.svm = saved.clone();
        let mut portfolio = stage.world.portfolio(&trader.account);
        if is_turned {
            portfolio.markets.reverse();
        }
        let (exchange, quote) = (stage.world.exchange, stage.world.quote);
        let payer = stage.world.payer.insecure_clone();
        let resolve = plimsoll_sdk::build::resolve_bankruptcy(exchange, trader.account, quote, &portfolio);
        done(stage.send("resolve_bankruptcy", resolve, &[&payer])?)?;
        ends.push([0, 2].map(|market| {
            let perp = stage.world.market(market).perp;
            (perp.fund_window.paid_total, perp.rounds[1].deficit, perp.tranche_cash)
        }));
        assert!(stage.world.member(&trader.account).is_empty());
    }
    assert_eq!(ends[0], ends[1]);
    // Each market's fund offer is a quarter of the fund, because each was made on the same balance.
    assert_eq!(ends[0].map(|(paid, _, _)| paid), [250 * USD; 2]);
    for (index, (paid, deficit, left)) in ends[0].into_iter().enumerate() {
        assert_eq!((left, losses[index] - tranches[index] - paid), (0, deficit));
    }
    Ok(())
}
