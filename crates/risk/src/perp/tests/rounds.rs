//! The waterfall and deficit rounds (RULES 7.1, 7.3).
use super::*;
use crate::error::RiskError;
use crate::perp::state::ROUND_FREE;
use proptest::prelude::*;

/// Five accounts; 0 is bankrupt with a deficit, 1 to 4 have claims of 10, 20, 30 and 40 % of what it lost.
fn deficit_world(own_cash: i64) -> (World, i64) {
    let mut world = World::new(5, own_cash, 1_000);
    world.params.small_deficit = Quote::ZERO;
    for (other, lots) in [(1, 1_000), (2, 2_000), (3, 3_000), (4, 4_000)] {
        world.trade(0, other, lots, 1_000).unwrap();
    }
    world.mark = Price::new(900);
    world.settle_loss(0).unwrap();
    world.adl(0, 10_000).unwrap();
    let loss = -world.positions[0].quote;
    (world, loss)
}

#[test]
fn the_waterfall_goes_tranche_claim_tranche_cash_fund_deficit() {
    let (mut world, loss) = deficit_world(0);
    assert_eq!(loss, 1_000_000);
    world.market.tranche_quote = 100_000;
    world.market.clearing_quote -= 100_000;
    world.market.tranche_cash = 200_000;
    world.fund = 1_000_000;
    world.tokens = 1_200_000;
    world.params.fund_allowance = Quote::new(250_000);
    let absorbed = world.absorb(0).unwrap();
    assert_eq!(absorbed.tranche_claim.raw(), 100_000);
    assert_eq!(absorbed.tranche_cash.raw(), 200_000);
    assert_eq!(absorbed.fund.raw(), 250_000);
    assert_eq!((absorbed.tranche_debt.raw(), absorbed.deficit.raw()), (0, 450_000));
    assert_eq!(world.market.pending_deficit, 450_000);
    assert!(world.positions[0].is_empty());
    assert_eq!(world.market.fund_window.paid_total, 250_000);
    world.check();
}

#[test]
fn the_fund_pays_nothing_that_the_tranche_can() {
    let (mut world, loss) = deficit_world(0);
    world.market.tranche_cash = loss;
    world.fund = 100_000_000;
    world.tokens = loss + world.fund;
    let absorbed = world.absorb(0).unwrap();
    assert_eq!((absorbed.tranche_cash.raw(), absorbed.fund.raw(), absorbed.deficit.raw()), (loss, 0, 0));
    world.check();
}

#[test]
fn a_claim_is_measured_after_what_the_index_owes_and_a_loser_has_none() {
    let mut world = World::new(4, 400_000, 1_000);
    world.params.small_deficit = Quote::ZERO;
    world.trade(0, 1, 10_000, 1_000).unwrap();
    world.trade(3, 2, 10_000, 1_000).unwrap();
    world.mark = Price::new(900);
    // Longs owe 5 atoms a lot, which their counterparties have not collected when the round opens.
    accrue_funding(&mut world.market, 5 << 32).unwrap();
    world.settle_loss(0).unwrap();
    world.adl(0, 10_000).unwrap();
    world.absorb(0).unwrap();
    world.open_round().unwrap();
    world.touch_all();
    assert_eq!(world.market.rounds[1].claims, 2 * 10_000 * 105);
    assert_eq!(world.positions[3].shares, [RoundShare::default(); ROUNDS]);
    assert_eq!(round_exposure(&world.market, &world.positions[3]).unwrap(), Quote::ZERO);
    world.check();
}

#[test]
fn a_small_deficit_is_the_tranches_until_it_owes_too_much() {
    let (mut world, loss) = deficit_world(0);
    world.params.small_deficit = Quote::new(loss + 1);
    let mut other = world.clone();
    assert_eq!(world.absorb(0).unwrap().tranche_debt.raw(), loss);
    assert_eq!((world.market.tranche_quote, world.market.pending_deficit), (-loss, 0));
    world.check();
    other.params.tranche_debt_max = Quote::new(loss - 1);
    assert_eq!(other.absorb(0).unwrap().deficit.raw(), loss);
}

#[test]
fn absorbing_needs_a_flat_position_with_a_loss() {
    let mut world = World::new(2, 0, 1_000);
    world.trade(0, 1, 10, 1_000).unwrap();
    world.mark = Price::new(900);
    assert_eq!(world.absorb(0), Err(RiskError::WrongState), "still holds lots");
    world.adl(0, 10).unwrap();
    assert_eq!(world.absorb(1), Err(RiskError::WrongState), "has a profit");
}

#[test]
fn a_round_cuts_every_claim_by_the_same_share() {
    let (mut world, loss) = deficit_world(400_000);
    assert_eq!(loss, 600_000);
    world.absorb(0).unwrap();
    let progress = world.open_round().unwrap();
    assert_eq!((progress.round, progress.is_new, progress.deficit.raw()), (1, true, 600_000));
    world.touch_all();
    assert_eq!(round_exposure(&world.market, &world.positions[2]).unwrap().raw(), 200_000);
    world.check();
    assert_eq!(world.close_round().unwrap(), Ratio::new((Ratio::ONE.raw() * 3 + 4) / 5), "60 %, rounded up");
    for (who, charge) in [(1, 60_000), (2, 120_000), (3, 180_000), (4, 240_000)] {
        assert_eq!(world.touch(who).unwrap().charge().raw(), charge);
        assert_eq!(world.touch(who).unwrap().charge().raw(), 0, "once");
        world.check();
    }
    assert_eq!(world.market.rounds[1].status, ROUND_FREE);
    assert_eq!((world.market.clearing_quote, world.market.pending_deficit), (0, 0));
    world.wait(900);
    world.touch_all();
    assert_eq!((1..5).map(|who| world.settle_claim(who).unwrap()).sum::<i64>(), 400_000, "claims equal the pool");
    assert_eq!(world.market.positions, 0);
    world.check();
}

#[test]
fn registration_lasts_its_time_unless_everyone_is_there() {
    let (mut world, _) = deficit_world(400_000);
    assert_eq!(world.close_round(), Err(RiskError::WrongState), "none");
    world.absorb(0).unwrap();
    world.open_round().unwrap();
    assert_eq!(world.open_round(), Err(RiskError::WrongState), "nothing waits");
    let _ = world.touch(1).unwrap();
    world.wait(59);
    assert_eq!(world.close_round(), Err(RiskError::WrongState));
    world.wait(1);
    world.close_round().unwrap();
    assert_eq!(world.close_round(), Err(RiskError::WrongState), "already closed");
}

#[test]
fn a_straggler_pays_its_share_and_the_others_get_theirs_back() {
    let (mut world, _) = deficit_world(400_000);
    world.absorb(0).unwrap();
    world.open_round().unwrap();
    let _ = world.touch(4).unwrap();
    let _ = world.touch(1).unwrap();
    world.wait(60);
    assert_eq!(world.close_round().unwrap(), Ratio::ONE);
    assert_eq!(world.touch(4).unwrap().charge().raw(), 400_000, "all of it while 500,000 is all that was found");
    assert_eq!(world.settle_claim(4), Err(RiskError::WrongState), "the deficit is not covered");
    assert_eq!(world.touch(2).unwrap().charge().raw(), 171_429, "600 of 700");
    assert_eq!(world.touch(4).unwrap().charge().raw(), 342_858 - 400_000);
    assert_eq!(world.touch(3).unwrap().charge().raw(), 180_000, "60 % like everyone");
    world.touch_all();
    for (who, left) in [(1, 40_000), (2, 80_000), (3, 120_000), (4, 160_000)] {
        assert_eq!(world.unsettled(who), left);
    }
    assert_eq!(world.market.rounds[1].status, ROUND_FREE);
    assert_eq!(world.market.clearing_quote, 0);
    world.check();
}

#[test]
fn a_deficit_that_arrives_during_registration_extends_the_round() {
    let (mut world, _) = deficit_world(400_000);
    world.absorb(0).unwrap();
    world.open_round().unwrap();
    world.market.pending_deficit += 100_000;
    world.market.clearing_quote -= 100_000;
    world.positions[1].quote += 100_000;
    let progress = world.open_round().unwrap();
    assert_eq!((progress.round, progress.is_new), (1, false));
    assert_eq!(world.market.rounds[1].deficit, 700_000);
    world.check();
}

#[test]
fn a_position_opened_later_is_not_part_of_the_round() {
    let mut world = World::new(6, 400_000, 1_000);
    world.params.small_deficit = Quote::ZERO;
    world.trade(0, 1, 10_000, 1_000).unwrap();
    world.mark = Price::new(900);
    world.settle_loss(0).unwrap();
    world.adl(0, 10_000).unwrap();
    world.absorb(0).unwrap();
    world.open_round().unwrap();
    world.trade(4, 5, 100, 800).unwrap();
    assert_eq!(world.market.rounds[1].unregistered, 1);
    world.wait(60);
    world.close_round().unwrap();
    assert_eq!(world.touch(4).unwrap().charge(), Quote::ZERO, "its profit is younger than the deficit");
    world.touch_all();
    world.check();
    assert_eq!(world.market.rounds[1].status, ROUND_FREE);
}

#[test]
fn a_profit_is_cut_at_the_rounds_price_whatever_the_price_later() {
    let (mut world, _) = deficit_world(400_000);
    world.trade(1, 4, 500, 900).unwrap();
    world.absorb(0).unwrap();
    world.open_round().unwrap();
    let _ = world.touch(1).unwrap();
    world.wait(60);
    world.close_round().unwrap();
    world.mark = Price::new(2_000);
    let _ = world.touch(4).unwrap();
    assert_eq!(world.market.rounds[1].claims, 500_000, "100,000 and 400,000 at 900");
    world.check();
}

#[test]
fn new_income_of_the_tranche_pays_a_waiting_deficit_first() {
    let (mut world, _) = deficit_world(400_000);
    world.absorb(0).unwrap();
    world.charge_fee(1, 500_000).unwrap();
    assert_eq!((world.market.tranche_cash, world.market.tranche_quote), (200_000, 100_000), "400,000 from cash, the rest a claim");
    let progress = world.open_round().unwrap();
    assert_eq!((progress.from_tranche.raw(), progress.deficit.raw()), (300_000, 300_000));
    assert_eq!((world.market.tranche_cash, world.market.tranche_quote), (0, 0));
    world.check();
}

#[test]
fn without_any_position_left_the_tranche_carries_the_deficit() {
    let mut world = World::new(2, 0, 1_000);
    world.market.pending_deficit = 500;
    world.market.clearing_quote = -500;
    world.market.tranche_quote = 500;
    let progress = world.open_round().unwrap();
    assert_eq!((progress.round, progress.from_tranche.raw()), (0, 500));
    assert_eq!((world.market.tranche_quote, world.market.clearing_quote), (0, 0));
    world.check();
}

#[test]
fn a_full_ring_keeps_the_deficit_waiting() {
    let mut world = World::new(4, 1_000_000, 1_000);
    world.params.small_deficit = Quote::ZERO;
    world.trade(1, 2, 1, 1_000).unwrap();
    for n in 0..=ROUNDS {
        // Account 3 sleeps with its short of the first time round.
        world.trade(0, 3, 10, world.mark.raw()).ok().filter(|()| n == 0);
        world.positions[0].quote -= 1_000;
        world.positions[1].quote += 1_000;
        if world.positions[0].lots > 0 {
            let held = world.positions[0].lots;
            world.adl(0, held).unwrap();
        }
        world.absorb(0).unwrap();
        let opened = world.open_round();
        if n == ROUNDS {
            assert_eq!(opened, Err(RiskError::StragglersFirst));
            assert_eq!(world.market.pending_deficit, 1_000);
        } else {
            assert!(opened.unwrap().is_new);
        }
        world.wait(60);
        if n < ROUNDS {
            world.close_round().unwrap();
        }
        world.check();
    }
}

#[test]
fn dust_of_a_market_nobody_is_in_goes_to_the_tranche() {
    let mut world = World::new(2, 0, 1_000);
    world.trade(0, 1, 10, 1_000).unwrap();
    assert_eq!(sweep_dust(&mut world.market), Err(RiskError::WrongState));
    world.trade(1, 0, 10, 1_000).unwrap();
    world.market.clearing_quote = 7;
    world.market.tranche_quote = -7;
    assert_eq!(sweep_dust(&mut world.market).unwrap().raw(), 7);
    assert_eq!((world.market.clearing_quote, world.market.tranche_quote), (0, 0));
    world.check();
}

/// Runs a round over claims given by `lots`, touching in `order` before (first `early`) and after the closing.
fn outcome(lots: &[i64], cash: i64, order: &[usize], early: usize) -> (World, i64) {
    let mut world = World::new(lots.len() + 1, 0, 1_000);
    world.params.small_deficit = Quote::ZERO;
    world.cash[0] = cash;
    world.tokens = cash;
    for (n, &held) in lots.iter().enumerate() {
        world.trade(0, n + 1, held, 1_000).unwrap();
    }
    world.mark = Price::new(900);
    world.settle_loss(0).unwrap();
    let held = world.positions[0].lots;
    world.adl(0, held).unwrap();
    let deficit = -world.positions[0].quote;
    if deficit == 0 {
        return (world, 0);
    }
    world.absorb(0).unwrap();
    world.open_round().unwrap();
    for &who in &order[..early] {
        let _ = world.touch(who + 1).unwrap();
    }
    world.wait(60);
    world.close_round().unwrap();
    for &who in order {
        let _ = world.touch(who + 1).unwrap();
        world.check();
    }
    world.touch_all();
    world.check();
    (world, deficit)
}

proptest! {
    /// Who is touched first, or not at all during registration, changes nobody's result; together they pay the deficit and at most an atom
    /// each more.
    #[test]
    fn a_round_is_fair_in_any_order(
        lots in prop::collection::vec(1..100_000_i64, 1..9),
        paid in 0..1_000_003_i64,
        seed in any::<prop::sample::Index>(),
        early in any::<prop::sample::Index>(),
    ) {
        let total: i64 = lots.iter().sum();
        let cash = total * 100 * paid / 1_000_003;
        let straight: Vec<usize> = (0..lots.len()).collect();
        let mut turned = straight.clone();
        turned.rotate_left(seed.index(lots.len()));
        turned.reverse();
        let (first, deficit) = outcome(&lots, cash, &straight, lots.len());
        let (second, _) = outcome(&lots, cash, &turned, early.index(lots.len() + 1));
        let n = lots.len() as i64;
        for world in [&first, &second] {
            let claims: i64 = (1..=lots.len()).map(|who| world.unsettled(who)).sum();
            let taken = total * 100 - claims;
            prop_assert!((deficit..=deficit + 2 * n).contains(&taken), "{} of {}", taken, deficit);
            prop_assert_eq!(world.market.pending_deficit, 0);
            prop_assert!(world.market.rounds.iter().all(|round| round.status == ROUND_FREE));
            prop_assert_eq!(world.market.clearing_quote, 0);
        }
        for who in 1..=lots.len() {
            prop_assert!((first.unsettled(who) - second.unsettled(who)).abs() <= 2, "account {}", who);
            prop_assert!(first.unsettled(who) >= 0, "never more than the claim");
        }
    }
}

/// RULES 7.1: an account with a profit in another market is short of less than its loss here; the rest stays its own debt.
#[test]
fn no_more_is_absorbed_than_the_account_is_short_of() {
    let (mut world, loss) = deficit_world(0);
    let touched = world.touch(0).unwrap();
    let params = world.params;
    let most = Quote::new(loss - 300_000);
    let absorbed = world.all_or_nothing(0, |market, pos| absorb(market, pos, &touched, most, Quote::ZERO, &params)).unwrap();
    assert_eq!(absorbed.deficit, most);
    assert_eq!(world.positions[0].quote, -300_000);
    world.check();
    let none = absorb(&mut world.market, &mut world.positions[0], &touched, Quote::ZERO, Quote::ZERO, &params);
    assert_eq!(none, Err(RiskError::QuantityOutOfRange));
}
