//! Ranked deleveraging under attack (RULES 7.2, 7.6): which round goes with which account and market, what changes between its steps, what it is worth
//! to register, and what its receipts say. Every transaction is followed by the audit.

use anyhow::Result;
use plimsoll_replay::world::Member;
use plimsoll_sdk::events::{AdlCandidateRegistered, AdlExecuted, AdlRoundOpened};
use plimsoll_sdk::risk::perp::water_fill;
use plimsoll_sdk::risk::{Lots, Price};
use plimsoll_sdk::state::AdlRound;
use plimsoll_sdk::{address, build};
use plimsoll_tests::stage::{done, refused, Outcome, Stage};
use plimsoll_tests::{order, BUY, LIMIT, POST_ONLY, SELL, USD};
use solana_instruction::Instruction;
use solana_signer::Signer;

fn join(stage: &mut Stage, dollars: i64) -> Result<Member> {
    stage.world.join(dollars as u64 * USD as u64, dollars as u64 * USD as u64)
}

fn round(stage: &Stage, failing: &Member, market: usize) -> Option<AdlRound> {
    stage.world.read(&address::adl_round(&stage.keys(market).market, &failing.account))
}

/// Everybody signs nothing: anyone may do this.
fn anyone(stage: &mut Stage, step: &str, instruction: Instruction) -> Result<Outcome> {
    let payer = stage.world.payer.insecure_clone();
    stage.send(step, instruction, &[&payer])
}

/// A long of 100 SOL who is bankrupt at $170; a levered short of 50 and an easy one of 75 against him and the keeper.
struct Cast {
    trader: Member,
    levered: Member,
    easy: Member,
    keeper: Member,
}

fn cast(stage: &mut Stage) -> Result<Cast> {
    let (trader, levered) = (join(stage, 2_000)?, join(stage, 1_000)?);
    let (easy, keeper) = (join(stage, 20_000)?, join(stage, 500_000)?);
    stage.trade(0, &trader, &levered, 5_000, 200 * USD)?;
    stage.trade(0, &trader, &easy, 5_000, 200 * USD)?;
    stage.trade(0, &keeper, &easy, 2_500, 200 * USD)?;
    stage.price(0, 170 * USD)?;
    Ok(Cast { trader, levered, easy, keeper })
}

// Receipts

/// RULES 7.6: inputs of the score, rank, plan and what became of it, to the atom; also when the price moves between the cuts.
#[test]
fn receipts_say_what_was_done_to_whom_and_why() -> Result<()> {
    let mut stage = Stage::new()?;
    let Cast { trader, levered, easy, keeper } = cast(&mut stage)?;
    stage.world.journal = Some(Vec::new());
    done(stage.open_adl_round(&trader, 0)?)?;
    let opened: AdlRoundOpened = stage.told();
    let market = stage.keys(0).market;
    assert_eq!((opened.header.market, opened.header.account), (market, trader.account));
    assert_eq!((opened.lots, opened.price, opened.balance.lots), (10_000, 1_700_000, 10_000));
    let mut expected = [&easy, &levered].map(|member| stage.score(member).expect("scores"));
    for (listed, member) in [(1, &easy), (2, &levered)] {
        let (cash, sequence) = (stage.cash(&keeper), stage.world.member(&keeper.account).sequence);
        done(stage.register(&trader, 0, member, &keeper)?)?;
        let event: AdlCandidateRegistered = stage.told();
        let known = expected[usize::from(listed) - 1];
        assert_eq!((event.header.account, event.failing, event.candidate), (keeper.account, trader.account, member.account));
        assert_eq!((event.lots, event.exposure, event.equity, event.price), (known.lots, known.exposure, known.equity, 1_700_000));
        assert_eq!((event.listed, event.keeper_cash, event.reward), (listed, stage.cash(&keeper), stage.cash(&keeper) - cash));
        assert_eq!((event.reward, event.header.sequence), (50_000, sequence + 1), "more than $500 of lots: the most there is");
    }
    let opened_at = round(&stage, &trader, 0).expect("open").sequence;
    stage.wait(60)?;
    let planned = water_fill(Lots::new(10_000), Price::new(1_700_000), &mut expected).expect("fills").raw();
    assert_eq!(expected[0].account.to_bytes(), levered.account.to_bytes(), "the most levered ranks first");
    // The first call fixes the cuts at $170, the second executes at $169: at the mark of the moment no value moves.
    for (rank, member, micro_usd) in [(2_u8, &easy, 170 * USD), (1, &levered, 169 * USD)] {
        stage.price(0, micro_usd)?;
        let _ = stage.world.journal.replace(Vec::new());
        let mark = stage.lot_price(0, micro_usd);
        let (lots, before) = (stage.lots(&trader, 0), [&trader, member].map(|one| stage.unsettled(one, 0)));
        let (held, sequence) = (stage.lots(member, 0), stage.world.member(&member.account).sequence);
        // Passed to be read only it is not cut at all, passed twice once.
        let portfolio = stage.world.portfolio(&trader.account);
        let mut fixed = build::execute_adl(market, trader.account, &portfolio, &[member.account]);
        fixed.accounts.iter_mut().filter(|meta| meta.pubkey == member.account).for_each(|meta| meta.is_writable = false);
        refused(anyone(&mut stage, "execute_adl", fixed)?, "NotWritable");
        done(stage.execute_adl(&trader, 0, &[member, member])?)?;
        let event: AdlExecuted = stage.told();
        let known = expected[usize::from(rank) - 1];
        assert_eq!((event.header.market, event.header.account), (market, trader.account));
        assert_eq!((event.lots, event.price, event.fixed_at, event.planned), (lots, mark, 1_700_000, planned));
        assert_eq!(event.cuts.len(), 1);
        let cut = event.cuts[0];
        assert_eq!((cut.account, cut.rank), (member.account, rank));
        assert_eq!((cut.exposure, cut.equity, cut.planned), (known.exposure, known.equity, known.cut));
        assert_eq!((cut.closed, cut.balance.lots), (known.cut, held + known.cut));
        assert!(stage.world.member(&member.account).sequence > sequence, "what changes an account is counted");
        assert_eq!([&trader, member].map(|one| stage.unsettled(one, 0)), before, "at the mark of the moment");
    }
    assert!(round(&stage, &trader, 0).expect("open").sequence > opened_at);
    assert_eq!(stage.lots(&trader, 0), 10_000 - planned);
    Ok(())
}

/// Everything the other way round: a short is bankrupt, longs are candidates.
#[test]
fn a_bankrupt_short_is_closed_against_longs() -> Result<()> {
    let mut stage = Stage::new()?;
    let (trader, levered) = (join(&mut stage, 2_000)?, join(&mut stage, 1_000)?);
    let (easy, keeper) = (join(&mut stage, 20_000)?, join(&mut stage, 500_000)?);
    stage.trade(0, &levered, &trader, 5_000, 200 * USD)?;
    stage.trade(0, &easy, &trader, 5_000, 200 * USD)?;
    stage.trade(0, &easy, &keeper, 2_500, 200 * USD)?;
    stage.price(0, 230 * USD)?;
    done(stage.open_adl_round(&trader, 0)?)?;
    assert_eq!(round(&stage, &trader, 0).map(|round| round.lots), Some(-10_000));
    refused(stage.register(&trader, 0, &keeper, &keeper)?, "NotACandidate");
    let mut expected = [&easy, &levered].map(|member| stage.score(member).expect("scores"));
    for member in [&easy, &levered] {
        done(stage.register(&trader, 0, member, &keeper)?)?;
    }
    stage.wait(60)?;
    let planned = water_fill(Lots::new(10_000), Price::new(2_300_000), &mut expected).expect("fills").raw();
    let before = [&trader, &levered, &easy].map(|member| stage.unsettled(member, 0));
    done(stage.execute_adl(&trader, 0, &[&levered, &easy])?)?;
    assert_eq!((stage.lots(&levered, 0), stage.lots(&trader, 0)), (2_500, planned - 10_000), "half of the levered one's lots");
    assert_eq!(stage.lots(&easy, 0), 7_500 - (planned - 2_500));
    assert_eq!([&trader, &levered, &easy].map(|member| stage.unsettled(member, 0)), before);
    done(stage.deleverage(&trader, 0)?)?;
    assert_eq!(stage.lots(&trader, 0), 0);
    Ok(())
}

// Which round goes with what

/// Two bankrupt accounts, one of them in two markets: three rounds, and each serves for its own account and market alone.
#[test]
fn a_round_serves_one_account_in_one_market() -> Result<()> {
    let mut stage = Stage::new()?;
    let (first, second) = (join(&mut stage, 4_000)?, join(&mut stage, 2_000)?);
    let (short, keeper) = (join(&mut stage, 100_000)?, join(&mut stage, 500_000)?);
    stage.trade(0, &first, &short, 10_000, 200 * USD)?;
    stage.trade(1, &first, &short, 1_000, 120_000 * USD)?;
    stage.trade(0, &second, &short, 10_000, 200 * USD)?;
    stage.prices[1] = 100_000 * USD;
    stage.price(0, 165 * USD)?;
    let rounds = [(&first, 0), (&first, 1), (&second, 0)];
    for (failing, market) in rounds {
        done(stage.open_adl_round(failing, market)?)?;
    }
    let key = |stage: &Stage, (failing, market): (&Member, usize)| address::adl_round(&stage.keys(market).market, &failing.account);
    let swap = |stage: &Stage, mut instruction: Instruction, own: (&Member, usize), other: (&Member, usize)| {
        let (own, other) = (key(stage, own), key(stage, other));
        assert!(instruction.accounts.iter().any(|meta| meta.pubkey == own));
        instruction.accounts.iter_mut().filter(|meta| meta.pubkey == own).for_each(|meta| meta.pubkey = other);
        instruction
    };
    let portfolio = stage.world.portfolio(&short.account);
    let register = |stage: &Stage, (failing, market): (&Member, usize)| {
        build::register_candidate(stage.keys(market).market, failing.account, short.account, keeper.account, &portfolio)
    };
    // The round of another market, whose lots are not these. That of another account in this market is just the round that is named.
    for (own, other, wanted) in
        [(rounds[0], rounds[1], Some("WrongMarket")), (rounds[1], rounds[2], Some("WrongMarket")), (rounds[0], rounds[2], None)]
    {
        let swapped = swap(&stage, register(&stage, own), own, other);
        let outcome = anyone(&mut stage, "register_candidate", swapped)?;
        assert_eq!(outcome.err().as_deref(), wanted);
    }
    for (failing, market) in &rounds[..2] {
        done(stage.register(failing, *market, &short, &keeper)?)?;
    }
    stage.wait(60)?;
    for (own, other) in [(rounds[0], rounds[1]), (rounds[0], rounds[2]), (rounds[1], rounds[0]), (rounds[2], rounds[0])] {
        let portfolio = stage.world.portfolio(&own.0.account);
        let execute = build::execute_adl(stage.keys(own.1).market, own.0.account, &portfolio, &[short.account]);
        let swapped = swap(&stage, execute, own, other);
        refused(anyone(&mut stage, "execute_adl", swapped)?, "WrongMarket");
        let close = swap(&stage, build::deleverage(stage.keys(own.1).market, own.0.account, &portfolio), own, other);
        refused(anyone(&mut stage, "deleverage", close)?, "custom 2006");
    }
    // While all are bankrupt with lots, no round is closed, in whose name and by whomever.
    for own in rounds {
        let payer = stage.world.payer.pubkey();
        let close = build::close_adl_round(stage.keys(own.1).market, own.0.account, payer);
        refused(anyone(&mut stage, "close_adl_round", close.clone())?, "AdlRoundInUse");
        let mut instead = close.clone();
        instead.accounts.iter_mut().filter(|meta| meta.pubkey == own.0.account).for_each(|meta| meta.pubkey = short.account);
        refused(anyone(&mut stage, "close_adl_round", instead)?, "WrongMarket");
        let mut thief = close;
        thief.accounts.iter_mut().filter(|meta| meta.pubkey == payer).for_each(|meta| meta.pubkey = short.owner.pubkey());
        refused(stage.send("close_adl_round", thief, &[&short.owner])?, "NotAuthorised");
    }
    // Its lots in one market are gone: that round is of no use, the one of its other market is.
    done(stage.execute_adl(&first, 0, &[&short])?)?;
    assert!(stage.lots(&first, 0) == 0 && stage.lots(&first, 1) != 0 && stage.state(&first) == 4);
    refused(stage.close_adl_round(&first, 1)?, "AdlRoundInUse");
    done(stage.close_adl_round(&first, 0)?)?;
    Ok(())
}

/// RULES 2.2: at a price of more than ten seconds ago a round is neither opened nor filled nor executed, nor does the index close anything.
#[test]
fn nothing_of_a_round_happens_at_a_stale_price() -> Result<()> {
    let mut stage = Stage::new()?;
    let Cast { trader, levered, easy, keeper } = cast(&mut stage)?;
    stage.world.pass(11);
    refused(stage.open_adl_round(&trader, 0)?, "PriceConditionRefused");
    stage.publish()?;
    done(stage.open_adl_round(&trader, 0)?)?;
    stage.world.pass(11);
    refused(stage.register(&trader, 0, &easy, &keeper)?, "PriceConditionRefused");
    stage.publish()?;
    for member in [&levered, &easy] {
        done(stage.register(&trader, 0, member, &keeper)?)?;
    }
    stage.wait(40)?;
    stage.world.pass(11);
    refused(stage.execute_adl(&trader, 0, &[&levered, &easy])?, "PriceConditionRefused");
    refused(stage.deleverage(&trader, 0)?, "PriceConditionRefused");
    stage.publish()?;
    done(stage.execute_adl(&trader, 0, &[&levered, &easy])?)?;
    done(stage.deleverage(&trader, 0)?)
}

// What changes between the steps

/// Who has closed or turned his position before his cut is executed gives nothing up and holds nobody up.
#[test]
fn a_candidate_that_has_left_holds_nobody_up() -> Result<()> {
    for turns in [false, true] {
        let mut stage = Stage::new()?;
        let Cast { trader, levered, easy, keeper } = cast(&mut stage)?;
        // While the price is away from its average nobody takes new risk.
        stage.calm(20)?;
        done(stage.open_adl_round(&trader, 0)?)?;
        for member in [&levered, &easy] {
            done(stage.register(&trader, 0, member, &keeper)?)?;
        }
        stage.wait(60)?;
        stage.trade(0, &levered, &keeper, if turns { 6_000 } else { 5_000 }, 170 * USD)?;
        let (held, value) = (stage.lots(&levered, 0), stage.unsettled(&levered, 0));
        done(stage.execute_adl(&trader, 0, &[&levered, &easy])?)?;
        assert_eq!((stage.lots(&levered, 0), stage.unsettled(&levered, 0)), (held, value));
        let listed = round(&stage, &trader, 0).expect("open");
        assert_eq!((u32::from(listed.count), listed.executed), (2, 2));
        assert!(listed.closed < listed.planned && stage.lots(&trader, 0) == 10_000 - listed.closed);
        // Nobody's cut is left: the index need not wait for the second minute to end.
        done(stage.deleverage(&trader, 0)?)?;
        assert_eq!(stage.lots(&trader, 0), 0);
    }
    Ok(())
}

/// A bankrupt account's orders go with the first call: one that reduces would still fill, at a price of before (RULES 6.1).
#[test]
fn the_orders_of_a_bankrupt_account_go() -> Result<()> {
    let mut stage = Stage::new()?;
    let trader = join(&mut stage, 2_000)?;
    let (short, keeper) = (join(&mut stage, 100_000)?, join(&mut stage, 500_000)?);
    stage.trade(0, &trader, &short, 10_000, 200 * USD)?;
    let ask = stage.lot_price(0, 201 * USD);
    done(stage.place(&trader, 0, order(SELL, POST_ONLY, ask, 100), &[])?)?;
    stage.price(0, 170 * USD)?;
    done(stage.open_adl_round(&trader, 0)?)?;
    assert!(stage.world.member(&trader.account).orders.iter().all(|order| !order.is_used()));
    // Back at $200 somebody takes what is still on the book, and it is nobody's.
    stage.price(0, 200 * USD)?;
    done(stage.place(&keeper, 0, order(BUY, LIMIT, ask, 100), &[&trader])?)?;
    assert_eq!((stage.lots(&keeper, 0), stage.lots(&trader, 0)), (0, 10_000));
    Ok(())
}

/// The cuts are those of the position as it stands when they are fixed, not as it stood at the opening.
#[test]
fn a_round_closes_no_more_than_is_left() -> Result<()> {
    let mut stage = Stage::new()?;
    let Cast { trader, levered, easy, keeper } = cast(&mut stage)?;
    done(stage.open_adl_round(&trader, 0)?)?;
    for member in [&levered, &easy] {
        done(stage.register(&trader, 0, member, &keeper)?)?;
    }
    // The price returns, the trader sells most of what it has, and the price falls again.
    stage.price(0, 199 * USD)?;
    stage.trade(0, &keeper, &trader, 8_000, 199 * USD)?;
    stage.price(0, 100 * USD)?;
    let left = stage.lots(&trader, 0);
    assert_eq!((left, round(&stage, &trader, 0).map(|round| round.lots)), (2_000, Some(10_000)));
    stage.wait(56)?;
    done(stage.execute_adl(&trader, 0, &[&easy, &levered])?)?;
    let listed = round(&stage, &trader, 0).expect("open");
    assert_eq!((listed.planned, listed.closed, stage.lots(&trader, 0)), (left, left, 0));
    Ok(())
}

// What registering is worth

/// A candidate is paid for once in a round, however often its score is raised: else cash that goes out in steps would be paid at every one.
#[test]
fn nobody_is_paid_for_raising_a_score_step_by_step() -> Result<()> {
    let mut stage = Stage::new()?;
    let Cast { trader, easy, keeper, .. } = cast(&mut stage)?;
    stage.calm(20)?;
    let mut paid = Vec::new();
    done(stage.open_adl_round(&trader, 0)?)?;
    for _ in 0..5 {
        let (before, fees) = (stage.cash(&keeper), stage.world.market(0).perp.fees);
        done(stage.register(&trader, 0, &easy, &keeper)?)?;
        paid.push(stage.cash(&keeper) - before);
        assert_eq!(stage.world.market(0).perp.fees, fees - paid[paid.len() - 1]);
        refused(stage.register(&trader, 0, &easy, &keeper)?, "AdlScoreTooLow");
        done(stage.withdraw(&easy, 1_000 * USD as u64)?)?;
    }
    assert_eq!(paid, [50_000, 0, 0, 0, 0]);
    assert_eq!(round(&stage, &trader, 0).map(|round| round.count), Some(1));
    Ok(())
}
