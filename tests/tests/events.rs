//! A replay of the program's events rebuilds every balance to the atom (DESIGN 5). `sequences.rs` checks the same after every step of random sequences.

use anyhow::Result;
use plimsoll_replay::world::Member;
use plimsoll_tests::ledger::Ledger;
use plimsoll_tests::stage::{done, Stage};
use plimsoll_tests::{order, BUY, IOC, POST_ONLY, SELL, USD};

/// Every kind of event that moves money.
const KINDS: [&str; 13] = [
    "AdlCandidateRegistered",
    "AdlExecuted",
    "AdlRoundOpened",
    "DeficitAbsorbed",
    "Deleveraged",
    "EstateSettled",
    "FundDeposited",
    "Liquidated",
    "RoundAdvanced",
    "Settled",
    "Touched",
    "Traded",
    "Transferred",
];

/// A stage whose events are kept from the first on.
fn stage() -> Result<Stage> {
    let mut stage = Stage::new()?;
    stage.world.journal = Some(Vec::new());
    done(stage.fund_insurance(300 * USD as u64)?)?;
    Ok(stage)
}

/// Trades with funding between them, a liquidation on the book and by take-over, a bankruptcy to its last round.
fn play(stage: &mut Stage) -> Result<()> {
    let mut join = |dollars: i64| stage.world.join(2 * dollars as u64 * USD as u64, dollars as u64 * USD as u64);
    let (trader, weak, short, other, keeper) = (join(2_000)?, join(900)?, join(20_000)?, join(20_000)?, join(400_000)?);
    stage.trade(0, &trader, &short, 6_000, 200 * USD)?;
    stage.trade(0, &trader, &other, 4_000, 200 * USD)?;
    stage.trade(0, &weak, &other, 5_000, 200 * USD)?;
    stage.trade(1, &short, &keeper, 300, 120_000 * USD)?;
    // Quotes above the mark: longs pay funding from now on.
    done(stage.place(&keeper, 0, order(BUY, POST_ONLY, 2_010_000, 20_000), &[])?)?;
    done(stage.place(&keeper, 0, order(SELL, POST_ONLY, 2_020_000, 20_000), &[])?)?;
    for _ in 0..12 {
        stage.calm(5)?;
        done(stage.update_funding(0)?)?;
    }
    // An order that only rests; its touch pays funding. Then one that trades with a maker who owes some.
    done(stage.place(&short, 0, order(SELL, POST_ONLY, 2_030_000, 100), &[])?)?;
    done(stage.place(&other, 0, order(BUY, IOC, 2_020_000, 500), &[&keeper])?)?;
    done(stage.withdraw(&short, 100 * USD as u64)?)?;
    done(stage.settle(&weak, 0)?)?;
    done(stage.cancel_all(&keeper)?)?;
    // A fall below the weak one's requirement: a bid takes part of it, the keeper the rest.
    stage.price(0, 188 * USD)?;
    done(stage.place(&other, 0, order(BUY, POST_ONLY, 1_880_000, 300), &[])?)?;
    for _ in 0..4 {
        stage.wait(12)?;
        let _ = stage.liquidate(&keeper, &weak, 0, 1 << 30, &[&other])?;
    }
    // The gap: the trader is bankrupt.
    stage.price(0, 160 * USD)?;
    done(stage.open_adl_round(&trader, 0)?)?;
    done(stage.register(&trader, 0, &short, &keeper)?)?;
    stage.wait(60)?;
    done(stage.execute_adl(&trader, 0, &[&short])?)?;
    done(stage.deleverage(&trader, 0)?)?;
    done(stage.close_adl_round(&trader, 0)?)?;
    done(stage.settle_estate(&trader)?)?;
    done(stage.resolve(&trader)?)?;
    let cash = stage.cash(&keeper);
    done(stage.touch_for(&short, 0, &keeper)?)?;
    assert!(stage.cash(&keeper) > cash, "a claim that joins a round is paid for (RULES 7.3)");
    stage.wait(60)?;
    done(stage.advance_round(0)?)?;
    let everybody: [&Member; 5] = [&trader, &weak, &short, &other, &keeper];
    for member in everybody.into_iter().chain(everybody) {
        let _ = stage.touch(member, 0)?;
    }
    Ok(())
}

#[test]
fn a_replay_of_the_events_rebuilds_every_balance() -> Result<()> {
    let mut stage = stage()?;
    play(&mut stage)?;
    let mut ledger = Ledger::new(stage.world.quote.mint);
    ledger.follow(&mut stage.world)?;
    assert_eq!(ledger.differences(&stage.world), Vec::<String>::new());
    for kind in KINDS {
        assert!(ledger.seen.contains_key(kind), "{kind} never happened: {:?}", ledger.seen);
    }
    Ok(())
}

/// Planted bugs: the stream without any one event that moves money does not rebuild the balances, or does not even follow from itself.
#[test]
fn a_missing_event_is_noticed() -> Result<()> {
    let mut stage = stage()?;
    play(&mut stage)?;
    let events = stage.world.journal.take().expect("kept");
    let (mut missed, mut noticed) = (Vec::new(), 0);
    for dropped in 0..events.len() {
        let mut ledger = Ledger::new(stage.world.quote.mint);
        let mut rest = events.iter().enumerate().filter(|(index, _)| *index != dropped);
        if rest.any(|(_, event)| ledger.read(event).is_err()) || !ledger.differences(&stage.world).is_empty() {
            noticed += 1;
        } else {
            missed.push(dropped);
        }
    }
    // A touch that found nothing to do, and what a later event of the same account repeats, may go unnoticed.
    assert!(noticed * 10 > events.len() * 6, "of {} events only {noticed} are missed when they are not there: {missed:?}", events.len());
    Ok(())
}
