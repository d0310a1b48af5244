//! Stories of ranked auto-deleveraging (RULES 7.2, 7.5, 7.6); every transaction is followed by the audit.

use anyhow::Result;
use plimsoll_replay::world::Member;
use plimsoll_sdk::risk::book::Key;
use plimsoll_sdk::risk::perp::{water_fill, Candidate};
use plimsoll_sdk::risk::{Lots, Price};
use plimsoll_sdk::state::AdlRound;
use plimsoll_sdk::{address, preview};
use plimsoll_tests::stage::{done, refused, Stage};
use plimsoll_tests::USD;

/// A long who will be bankrupt at $170 and, against him, a levered short, an easy one, and one that hedges a long in bitcoin.
struct Cast {
    trader: Member,
    levered: Member,
    easy: Member,
    hedged: Member,
    keeper: Member,
}

fn cast(stage: &mut Stage) -> Result<Cast> {
    let mut join = |dollars: i64| stage.world.join(dollars as u64 * USD as u64, dollars as u64 * USD as u64);
    let (trader, levered, easy, hedged, keeper) = (join(2_000)?, join(1_000)?, join(20_000)?, join(2_000)?, join(500_000)?);
    stage.trade(0, &trader, &levered, 5_000, 200 * USD)?;
    stage.trade(0, &trader, &easy, 2_500, 200 * USD)?;
    stage.trade(0, &trader, &hedged, 2_500, 200 * USD)?;
    stage.trade(1, &hedged, &keeper, 300, 120_000 * USD)?;
    // Another long, so that the side is not closed whole.
    stage.trade(0, &keeper, &easy, 5_000, 200 * USD)?;
    stage.price(0, 170 * USD)?;
    Ok(Cast { trader, levered, easy, hedged, keeper })
}

fn round(stage: &Stage, failing: &Member) -> Option<AdlRound> {
    stage.world.read(&address::adl_round(&stage.keys(0).market, &failing.account))
}

fn cut_of(cuts: &[Candidate], member: &Member) -> i64 {
    let key = Key::from_bytes(member.account.to_bytes());
    cuts.iter().find(|one| one.account == key).map_or(0, |one| one.cut)
}

#[test]
fn the_most_levered_lose_first_at_the_oracle_price_and_a_hedged_book_loses_less() -> Result<()> {
    let mut stage = Stage::new()?;
    let Cast { trader, levered, easy, hedged, keeper } = cast(&mut stage)?;
    refused(stage.deleverage(&trader, 0)?, "AdlRoundFirst");
    refused(stage.open_adl_round(&levered, 0)?, "NotBankrupt");
    done(stage.open_adl_round(&trader, 0)?)?;
    refused(stage.deleverage(&trader, 0)?, "AdlRegistering");
    refused(stage.execute_adl(&trader, 0, &[&levered])?, "AdlWindow");

    // Scores are readable beforehand, and the program lists what the client says.
    let mut expected = [&easy, &hedged, &levered].map(|member| stage.score(member).expect("scores"));
    assert_eq!(preview::adl_rank(&expected[2], &expected), 1);
    assert_eq!(preview::adl_rank(&expected[1], &expected), 3, "its bitcoin stands against its short");
    for member in [&easy, &hedged, &levered] {
        let (cash, fees) = (stage.cash(&keeper), stage.world.market(0).perp.fees);
        done(stage.register(&trader, 0, member, &keeper)?)?;
        let reward = stage.cash(&keeper) - cash;
        assert!(reward > 0 && reward <= 50_000, "paid {reward}");
        assert_eq!(stage.world.market(0).perp.fees, fees - reward);
        refused(stage.register(&trader, 0, member, &keeper)?, "AdlScoreTooLow");
    }
    // A long is no candidate, nor is the bankrupt account itself, nor one without a position.
    let stranger = stage.world.join(1_000 * USD as u64, 1_000 * USD as u64)?;
    for member in [&keeper, &trader, &stranger] {
        refused(stage.register(&trader, 0, member, &stranger)?, "NotACandidate");
    }
    let listed = round(&stage, &trader).expect("open");
    assert_eq!((listed.count, listed.lots, listed.is_fixed), (3, 10_000, 0));

    stage.wait(60)?;
    refused(stage.register(&trader, 0, &levered, &keeper)?, "AdlWindow");
    refused(stage.deleverage(&trader, 0)?, "AdlExecuting");
    let mark = stage.world.market(0).oracle.price;
    let planned = water_fill(Lots::new(10_000), Price::new(mark), &mut expected).expect("fills").raw();
    let before = [&levered, &easy, &hedged, &trader].map(|member| (stage.lots(member, 0), stage.unsettled(member, 0)));
    // Whom the caller passes first, and with whom, changes nothing.
    done(stage.execute_adl(&trader, 0, &[&hedged])?)?;
    assert_eq!(round(&stage, &trader).map(|round| (round.is_fixed, round.planned)), Some((1, planned)));
    done(stage.execute_adl(&trader, 0, &[&easy, &levered])?)?;
    refused(stage.execute_adl(&trader, 0, &[&easy, &levered])?, "NotACandidate");
    let cuts = [&levered, &easy, &hedged].map(|member| cut_of(&expected, member));
    assert!(cuts[0] == 2_500 && cuts[0] > cuts[2], "half of the levered one's lots: {cuts:?}");
    for (index, member) in [&levered, &easy, &hedged].into_iter().enumerate() {
        assert_eq!((stage.lots(member, 0), stage.unsettled(member, 0)), (before[index].0 + cuts[index], before[index].1));
    }
    assert_eq!(stage.lots(&trader, 0), 10_000 - planned);
    assert_eq!(stage.unsettled(&trader, 0), before[3].1, "at the oracle price no value moves");

    // The index takes the rest from everybody on the side, in proportion to what they have left.
    refused(stage.close_adl_round(&trader, 0)?, "AdlRoundInUse");
    let left = stage.world.market(0).perp.short.open_interest;
    done(stage.deleverage(&trader, 0)?)?;
    for (index, member) in [&levered, &easy, &hedged].into_iter().enumerate() {
        let held = before[index].0 + cuts[index];
        done(stage.touch(member, 0)?)?;
        let kept = held * (left - (10_000 - planned)) / left;
        assert!((stage.lots(member, 0) - kept).abs() <= 1, "{} of {held}", stage.lots(member, 0));
    }
    let rent = stage.world.svm.get_balance(&address::adl_round(&stage.keys(0).market, &trader.account)).unwrap_or(0);
    let payer = stage.world.svm.get_balance(&solana_signer::Signer::pubkey(&stage.world.payer)).unwrap_or(0);
    done(stage.close_adl_round(&trader, 0)?)?;
    assert!(rent > 10_000_000 && round(&stage, &trader).is_none());
    let returned = stage.world.svm.get_balance(&solana_signer::Signer::pubkey(&stage.world.payer)).unwrap_or(0);
    assert_eq!(returned, payer + rent - 5_000, "rent less the fee");
    done(stage.settle_estate(&trader)?)?;
    done(stage.resolve(&trader)?)?;
    assert!(stage.world.member(&trader.account).is_empty());
    Ok(())
}

#[test]
fn solvency_waits_for_nobody() -> Result<()> {
    let mut stage = Stage::new()?;
    let Cast { trader, levered, keeper, .. } = cast(&mut stage)?;
    // Nobody registers: after a minute the index takes everything.
    let mut twin = stage.world.svm.clone();
    done(stage.open_adl_round(&trader, 0)?)?;
    stage.wait(59)?;
    refused(stage.deleverage(&trader, 0)?, "AdlRegistering");
    stage.wait(1)?;
    done(stage.deleverage(&trader, 0)?)?;
    assert_eq!(stage.lots(&trader, 0), 0);
    // Somebody is registered and nobody executes: after two minutes the index takes everything.
    std::mem::swap(&mut stage.world.svm, &mut twin);
    stage.world.pass(-60);
    stage.wait(2)?;
    done(stage.open_adl_round(&trader, 0)?)?;
    done(stage.register(&trader, 0, &levered, &keeper)?)?;
    stage.wait(119)?;
    refused(stage.deleverage(&trader, 0)?, "AdlExecuting");
    stage.wait(1)?;
    refused(stage.execute_adl(&trader, 0, &[&levered])?, "AdlWindow");
    let mut open = stage.world.svm.clone();
    done(stage.deleverage(&trader, 0)?)?;
    assert_eq!(stage.lots(&trader, 0), 0);
    // A round of ten minutes ago counts no more: its scores are of another time.
    std::mem::swap(&mut stage.world.svm, &mut open);
    stage.wait(480)?;
    refused(stage.deleverage(&trader, 0)?, "AdlRoundFirst");
    done(stage.close_adl_round(&trader, 0)?)?;
    done(stage.deleverage_unranked(&trader, 0)?)?;
    assert_eq!(stage.lots(&trader, 0), 0);
    Ok(())
}

#[test]
fn a_score_is_not_lowered_by_cash_that_comes_and_goes() -> Result<()> {
    let mut stage = Stage::new()?;
    let Cast { trader, levered, easy, keeper, .. } = cast(&mut stage)?;
    // While the price is away from its average nothing can be taken out at all.
    stage.calm(20)?;
    done(stage.open_adl_round(&trader, 0)?)?;
    // The easy one brings in cash, registers itself, takes the cash out again, all within the minute.
    let wallet = stage.world.wallet(stage.world.quote, &solana_signer::Signer::pubkey(&easy.owner), 500_000 * USD as u64)?;
    let easy = Member { wallet, ..easy };
    done(stage.deposit(&easy, 500_000 * USD as u64)?)?;
    done(stage.register(&trader, 0, &easy, &easy)?)?;
    let low = round(&stage, &trader).expect("open").candidates[0];
    stage.wait(10)?;
    done(stage.withdraw(&easy, 495_000 * USD as u64)?)?;
    done(stage.register(&trader, 0, &easy, &keeper)?)?;
    let listed = round(&stage, &trader).expect("open");
    assert_eq!(listed.count, 1);
    assert!(listed.candidates[0].equity < low.equity / 10);
    done(stage.deposit(&easy, 490_000 * USD as u64)?)?;
    refused(stage.register(&trader, 0, &easy, &keeper)?, "AdlScoreTooLow");
    // A position that is sold meanwhile is cut by no more than half of what is left.
    done(stage.register(&trader, 0, &levered, &keeper)?)?;
    stage.wait(50)?;
    stage.trade(0, &levered, &easy, 4_000, 170 * USD)?;
    done(stage.execute_adl(&trader, 0, &[&levered])?)?;
    assert_eq!(stage.lots(&levered, 0), -500);
    Ok(())
}

#[test]
fn a_recovered_account_is_not_deleveraged() -> Result<()> {
    let mut stage = Stage::new()?;
    let Cast { trader, levered, keeper, .. } = cast(&mut stage)?;
    done(stage.open_adl_round(&trader, 0)?)?;
    done(stage.register(&trader, 0, &levered, &keeper)?)?;
    refused(stage.close_adl_round(&trader, 0)?, "AdlRoundInUse");
    stage.price(0, 199 * USD)?;
    stage.wait(60)?;
    refused(stage.execute_adl(&trader, 0, &[&levered])?, "NotBankrupt");
    // Its recovery is recorded, and then the round is of no use.
    done(stage.liquidate(&keeper, &trader, 0, 0, &[])?)?;
    done(stage.close_adl_round(&trader, 0)?)?;
    Ok(())
}

#[test]
fn a_small_position_needs_no_round() -> Result<()> {
    let mut stage = Stage::new()?;
    let trader = stage.world.join(100 * USD as u64, 60 * USD as u64)?;
    let dealer = stage.world.join(200_000 * USD as u64, 200_000 * USD as u64)?;
    stage.trade(0, &trader, &dealer, 400, 200 * USD)?;
    stage.price(0, 170 * USD)?;
    refused(stage.open_adl_round(&trader, 0)?, "AdlNotNeeded");
    done(stage.deleverage(&trader, 0)?)?;
    assert_eq!(stage.lots(&trader, 0), 0);
    Ok(())
}

/// Long $18,000 of bitcoin against $18,500 short in SOL, half of which a bankruptcy takes at $185; then bitcoin falls by a quarter and SOL to `sol`
/// dollars. `spare` dollars of cash.
fn half_a_hedge(spare: i64, sol: i64) -> Result<(Stage, Member, Member)> {
    let mut stage = Stage::new()?;
    let mut join = |dollars: i64| stage.world.join(dollars as u64 * USD as u64, dollars as u64 * USD as u64);
    let (trader, other, victim, keeper) = (join(1_410)?, join(100_000)?, join(spare)?, join(500_000)?);
    stage.trade(0, &trader, &other, 10_000, 200 * USD)?;
    for dollars in (185..200).rev() {
        stage.prices[0] = dollars * USD;
        stage.calm(10)?;
    }
    stage.trade(0, &keeper, &victim, 10_000, 185 * USD)?;
    stage.trade(1, &victim, &keeper, 1_500, 120_000 * USD)?;
    done(stage.deleverage_unranked(&trader, 0)?)?;
    stage.prices[1] = 90_000 * USD;
    stage.price(0, sol * USD)?;
    Ok((stage, victim, keeper))
}

/// The cash that leaves `percent` of the requirement as equity, at these prices.
fn cash_for(percent: i64, sol: i64) -> Result<i64> {
    let (mut stage, victim, _) = half_a_hedge(20_000, sol)?;
    let seen = stage.health(&victim)?;
    Ok(20_000 - (seen.equity - seen.mm * percent / 100) / USD)
}

/// RULES 7.5: ten minutes while E > ½ MM, whoever touches the account before.
#[test]
fn an_account_pushed_under_by_deleveraging_only_has_ten_minutes() -> Result<()> {
    let (mut stage, victim, keeper) = half_a_hedge(cash_for(90, 140)?, 140)?;
    done(stage.touch(&victim, 0)?)?;
    let at = stage.world.now;
    assert_eq!(stage.lots(&victim, 0), -5_000);
    let health = stage.health(&victim)?;
    assert!(health.equity_trigger < health.mm && 2 * health.equity_trigger > health.mm, "{health:?}");
    // With its whole hedge it would stand: the grace is noted, and then everything is refused until it is over.
    done(stage.liquidate(&keeper, &victim, 1, 1 << 30, &[])?)?;
    assert_eq!(stage.world.member(&victim.account).liquidation.adl_grace_until, at + 600);
    for seconds in [3, 90, 90] {
        stage.wait(seconds)?;
        refused(stage.liquidate(&keeper, &victim, 1, 1 << 30, &[])?, "AdlGrace");
        // Nobody can have it forgotten.
        done(stage.touch(&victim, 0)?)?;
        let _ = stage.settle_estate(&victim)?;
    }
    // The requirement rises with the volatility of the fall; the owner keeps its equity above half of it.
    for seconds in [383, 500, 599] {
        stage.wait(at + seconds - stage.world.now)?;
        let health = stage.health(&victim)?;
        let missing = health.mm * 6 / 10 - health.equity;
        if missing > 0 {
            let wallet = stage.world.wallet(stage.world.quote, &solana_signer::Signer::pubkey(&victim.owner), missing as u64)?;
            done(stage.deposit(&Member { wallet, owner: victim.owner.insecure_clone(), account: victim.account }, missing as u64)?)?;
        }
        refused(stage.liquidate(&keeper, &victim, 1, 1 << 30, &[])?, "AdlGrace");
    }
    stage.wait(1)?;
    done(stage.liquidate(&keeper, &victim, 1, 1 << 30, &[])?)?;
    stage.wait(3)?;
    done(stage.liquidate(&keeper, &victim, 1, 1 << 30, &[])?)?;
    assert_eq!(stage.state(&victim), 2);
    Ok(())
}

#[test]
fn there_is_no_grace_below_half_of_maintenance_nor_for_others() -> Result<()> {
    let (mut stage, victim, keeper) = half_a_hedge(cash_for(40, 140)?, 140)?;
    done(stage.liquidate(&keeper, &victim, 1, 1 << 30, &[])?)?;
    assert_eq!(stage.state(&victim), 2, "below half of its requirement");
    // With its whole hedge it would fail as well: SOL has hardly fallen, its loss is of the bitcoin.
    let (mut stage, victim, keeper) = half_a_hedge(cash_for(90, 183)?, 183)?;
    let health = stage.health(&victim)?;
    assert!(health.equity_trigger < health.mm && 2 * health.equity_trigger > health.mm, "{health:?}");
    done(stage.liquidate(&keeper, &victim, 1, 1 << 30, &[])?)?;
    stage.wait(3)?;
    done(stage.liquidate(&keeper, &victim, 1, 1 << 30, &[])?)?;
    assert_eq!((stage.state(&victim), stage.world.member(&victim.account).liquidation.adl_grace_until), (2, 0));
    Ok(())
}

/// A full list: the calls stay within the compute units a transaction has without asking for more, and the cuts add up.
#[test]
fn a_round_of_32_candidates_fits_its_transactions() -> Result<()> {
    let mut stage = Stage::new()?;
    let trader = stage.world.join(3_000 * USD as u64, 3_000 * USD as u64)?;
    let keeper = stage.world.join(100_000 * USD as u64, 100_000 * USD as u64)?;
    let mut shorts = Vec::new();
    for number in 0..32 {
        let cash = (400 + 40 * number) * USD as u64;
        let short = stage.world.join(cash, cash)?;
        stage.trade(0, &trader, &short, 400, 200 * USD)?;
        stage.trade(0, &keeper, &short, 800, 200 * USD)?;
        shorts.push(short);
    }
    stage.price(0, 170 * USD)?;
    done(stage.open_adl_round(&trader, 0)?)?;
    let mut dearest = [0, 0];
    for short in &shorts {
        let spent = stage.register(&trader, 0, short, &keeper)?.map_err(anyhow::Error::msg)?;
        dearest[0] = dearest[0].max(spent);
    }
    stage.wait(60)?;
    for batch in shorts.chunks(8) {
        let members: Vec<_> = batch.iter().collect();
        let spent = stage.execute_adl(&trader, 0, &members)?.map_err(anyhow::Error::msg)?;
        dearest[1] = dearest[1].max(spent);
    }
    println!("register_candidate {} CU, execute_adl of 8 among 32 {} CU", dearest[0], dearest[1]);
    assert!(dearest[0] < 40_000 && dearest[1] < 200_000, "{dearest:?}");
    let round = round(&stage, &trader).expect("open");
    assert_eq!((round.count, round.executed, round.closed), (32, 32, round.planned));
    assert_eq!((round.planned, stage.lots(&trader, 0)), (12_800, 0));
    // One level: who lost less than half stands at it, who lost half above it or at it, who lost nothing below.
    let (mut above, mut at, mut below) = (Vec::new(), Vec::new(), Vec::new());
    for short in &shorts {
        let left = stage.score(short)?;
        let group = match 1_200 - left.lots {
            600 => &mut above,
            0 => &mut below,
            _ => &mut at,
        };
        group.push(left.exposure as f64 / left.equity as f64);
    }
    let (least, most) = at.iter().fold((f64::MAX, 0.0_f64), |(least, most), level| (least.min(*level), most.max(*level)));
    println!("{} lost half, {} stand at {least:.4} to {most:.4}, {} lost nothing", above.len(), at.len(), below.len());
    // A lot is worth a few thousandths of the smallest equity.
    assert!(at.len() > 4 && most - least < 0.005, "{at:?}");
    assert!(above.iter().all(|level| *level >= least - 0.005) && below.iter().all(|level| *level <= most + 0.005), "{above:?} {below:?}");
    Ok(())
}
