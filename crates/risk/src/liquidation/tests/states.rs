//! The state machine of RULES 6.1 with the samples of 2.2, a row per boundary.

use super::*;

/// MM $30, T $50.
fn at(equity: Quote) -> Health {
    measured(equity, usd(30), usd(50))
}

fn sample(publish: i64, now: i64) -> Sample {
    Sample { publish: Secs::new(publish), now: Secs::new(now) }
}

fn step(state: &LiquidationState, health: &Health, sample: Sample) -> Transition {
    transition(state, health, Quote::ZERO, sample, &params()).unwrap()
}

fn stored(state: AccountState) -> LiquidationState {
    LiquidationState { state: state.raw(), ..LiquidationState::default() }
}

/// An account flagged by one sample at `now`.
fn flagged(now: i64) -> LiquidationState {
    let flagged = step(&LiquidationState::default(), &at(usd(1)), sample(now, now));
    assert_eq!((flagged.to, flagged.reason, flagged.next.flagged_at), (AccountState::Liquidating, Reason::BelowHalf, now));
    flagged.next
}

const ATOM: Quote = Quote::new(1);

#[test]
fn warned_below_target_and_healthy_at_it() {
    let short = usd(50).sub(ATOM).unwrap();
    let rows = [
        (AccountState::Healthy, usd(50), AccountState::Healthy, Reason::Unchanged),
        (AccountState::Healthy, short, AccountState::Warned, Reason::BelowTarget),
        (AccountState::Warned, short, AccountState::Warned, Reason::Unchanged),
        (AccountState::Warned, usd(50), AccountState::Healthy, Reason::Recovered),
        (AccountState::Warned, usd(30), AccountState::Warned, Reason::Unchanged),
        (AccountState::Liquidating, short, AccountState::Liquidating, Reason::Unchanged),
        (AccountState::Liquidating, usd(50), AccountState::Healthy, Reason::Cleared),
        (AccountState::Bankrupt, usd(50), AccountState::Healthy, Reason::Cleared),
        (AccountState::Bankrupt, usd(1), AccountState::Liquidating, Reason::EquityReturned),
        (AccountState::Bankrupt, usd(-1), AccountState::Bankrupt, Reason::Unchanged),
    ];
    for (from, equity, to, reason) in rows {
        let moved = step(&stored(from), &at(equity), sample(100, 100));
        assert_eq!((moved.from, moved.to, moved.reason, moved.next.state), (from, to, reason, to.raw()), "{from:?} {equity:?}");
    }
}

#[test]
fn two_samples_two_seconds_apart_start_a_liquidation() {
    let failing = at(usd(30).sub(ATOM).unwrap());
    let first = step(&LiquidationState::default(), &failing, sample(100, 100));
    assert_eq!((first.to, first.reason, first.next.first_fail_publish), (AccountState::Warned, Reason::FirstSample, 100));
    let rows = [
        // second publish time and clock, outcome
        (100, 100, AccountState::Warned, Reason::FirstSample),
        (101, 101, AccountState::Warned, Reason::FirstSample),
        (102, 102, AccountState::Liquidating, Reason::SecondSample),
        (102, 112, AccountState::Liquidating, Reason::SecondSample),
        (102, 113, AccountState::Warned, Reason::SampleTooOld),
        (160, 160, AccountState::Liquidating, Reason::SecondSample),
        // so late that it counts as the first again
        (161, 161, AccountState::Warned, Reason::FirstSample),
        // a price older than the first proves nothing
        (99, 100, AccountState::Warned, Reason::FirstSample),
        // a publisher ahead of the chain's clock is not old
        (105, 100, AccountState::Liquidating, Reason::SecondSample),
    ];
    for (publish, now, to, reason) in rows {
        let second = step(&first.next, &failing, sample(publish, now));
        assert_eq!((second.to, second.reason), (to, reason), "{publish} at {now}");
    }
    assert_eq!(step(&first.next, &failing, sample(161, 161)).next.first_fail_publish, 161);
    // A passing sample in between starts over.
    let passed = step(&first.next, &at(usd(30)), sample(101, 101));
    assert_eq!((passed.to, passed.next.first_fail_publish), (AccountState::Warned, 0));
    assert_eq!(step(&passed.next, &failing, sample(103, 103)).reason, Reason::FirstSample);
}

#[test]
fn one_sample_is_enough_below_half() {
    let half = at(usd(15));
    let below = at(usd(15).sub(ATOM).unwrap());
    assert_eq!(step(&LiquidationState::default(), &half, sample(100, 100)).reason, Reason::FirstSample);
    let deep = step(&LiquidationState::default(), &below, sample(100, 110));
    assert_eq!((deep.to, deep.reason, deep.next.flagged_at), (AccountState::Liquidating, Reason::BelowHalf, 110));
    assert_eq!(step(&LiquidationState::default(), &below, sample(100, 111)).to, AccountState::Warned);
}

/// RULES 2.3: the start looks at the favourable edge, the exit at E.
#[test]
fn the_trigger_is_the_favourable_edge() {
    let doubtful = Health { equity_trigger: usd(30), ..at(usd(1)) };
    let watched = step(&LiquidationState::default(), &doubtful, sample(100, 100));
    assert_eq!((watched.to, watched.reason), (AccountState::Warned, Reason::BelowTarget));
    let nearly = Health { equity_trigger: usd(99), ..at(usd(50).sub(ATOM).unwrap()) };
    assert_eq!(step(&flagged(100), &nearly, sample(200, 200)).to, AccountState::Liquidating);
}

#[test]
fn a_liquidation_that_clears_and_returns_resumes_its_clock() {
    let liquidating = flagged(1_000);
    let cleared = step(&liquidating, &at(usd(50)), sample(1_300, 1_300)).next;
    assert_eq!((cleared.cleared_at, cleared.flagged_at), (1_300, 1_000));
    for (now, is_reentry, elapsed) in [(1_400, true, 300), (4_900, true, 300), (4_901, false, 0)] {
        let again = step(&cleared, &at(usd(1)), sample(now, now));
        assert_eq!(again.is_reentry, is_reentry);
        assert_eq!(again.next.elapsed(Secs::new(now)).unwrap(), Secs::new(elapsed));
    }
}

#[test]
fn clearing_forgets_samples_slices_and_grace() {
    let mut state = flagged(1_000);
    state.slices[3] = Slice { opened_at: 1_001, left: 5 };
    state.adl_grace_until = 5_000;
    state.first_fail_publish = 7;
    let cleared = step(&state, &at(usd(50)), sample(1_010, 1_010)).next;
    assert_eq!(cleared, LiquidationState { flagged_at: 1_000, cleared_at: 1_010, ..LiquidationState::default() });
}

#[test]
fn bankrupt_without_equity_and_anything_to_sell() {
    let rows = [
        (usd(-1), usd(49), AccountState::Bankrupt),
        (usd(-1), usd(50), AccountState::Liquidating),
        (Quote::new(-1), Quote::ZERO, AccountState::Bankrupt),
        // nothing left while positions are open: it could neither trade nor be taken over
        (Quote::ZERO, Quote::ZERO, AccountState::Bankrupt),
        (Quote::ZERO, usd(50), AccountState::Liquidating),
        (Quote::new(1), Quote::ZERO, AccountState::Liquidating),
    ];
    for (equity, sellable, to) in rows {
        for from in [flagged(100), LiquidationState::default()] {
            let moved = transition(&from, &at(equity), sellable, sample(100, 105), &params()).unwrap();
            assert_eq!(moved.to, to, "{equity:?} {sellable:?}");
            assert_eq!(moved.reason == Reason::NothingToSell, to == AccountState::Bankrupt);
        }
    }
    // A debt without any position: no requirement, no equity.
    let debt = measured(Quote::new(-1), Quote::ZERO, Quote::ZERO);
    assert_eq!(step(&LiquidationState::default(), &debt, sample(100, 100)).to, AccountState::Bankrupt);
    // An empty account is healthy.
    assert_eq!(step(&stored(AccountState::Bankrupt), &Health::default(), sample(100, 100)).to, AccountState::Healthy);
    // An old price bankrupts nobody.
    assert_eq!(step(&LiquidationState::default(), &at(usd(-1)), sample(100, 111)).to, AccountState::Warned);
}

/// RULES 7.5: ten minutes while E > ½ MM.
#[test]
fn an_account_pushed_under_by_deleveraging_has_ten_minutes() {
    let (before, after) = (at(usd(30)), at(usd(20)));
    let graced = note_adl(&LiquidationState::default(), &before, &after, Secs::new(100), &params()).unwrap();
    assert_eq!(graced.adl_grace_until, 700);
    let rows = [
        (usd(20), 699, Reason::AdlGrace),
        (usd(20), 700, Reason::FirstSample),
        (usd(15), 200, Reason::FirstSample),
        (usd(14), 200, Reason::BelowHalf),
        (usd(30), 200, Reason::BelowTarget),
    ];
    for (equity, now, reason) in rows {
        assert_eq!(step(&graced, &at(equity), sample(now, now)).reason, reason, "{equity:?} at {now}");
    }
    // Not for one that failed before, that still passes, or that is in liquidation.
    let none =
        |state: &LiquidationState, before, after| note_adl(state, &before, &after, Secs::new(100), &params()).unwrap().adl_grace_until;
    assert_eq!(none(&LiquidationState::default(), at(usd(29)), at(usd(20))), 0);
    assert_eq!(none(&LiquidationState::default(), at(usd(40)), at(usd(30))), 0);
    assert_eq!(none(&flagged(100), before, after), 0);
}

#[test]
fn a_stored_state_is_validated() {
    for raw in 0..=4 {
        assert_eq!(AccountState::try_from(raw).unwrap().raw(), raw);
    }
    let broken = LiquidationState { state: 5, ..LiquidationState::default() };
    assert_eq!(transition(&broken, &at(usd(1)), Quote::ZERO, sample(1, 1), &params()), Err(RiskError::WrongState));
    assert_eq!(broken.state(), Err(RiskError::WrongState));
}

proptest! {
    /// RULES 6.5: the same call again changes nothing.
    #[test]
    fn a_transition_is_idempotent(raw in 0..5u32, equity in -60i64..60, edge in 0..10i64, first in 0..200i64, publish in 0..200i64, lag in 0..20i64) {
        let state = LiquidationState { state: raw, first_fail_publish: first, flagged_at: 10, cleared_at: 20, ..LiquidationState::default() };
        let health = Health { equity_trigger: usd(equity + edge), ..at(usd(equity)) };
        let once = step(&state, &health, sample(publish, publish + lag));
        let twice = step(&once.next, &health, sample(publish, publish + lag));
        prop_assert_eq!(once.to, twice.to);
        prop_assert_eq!(once.next, twice.next);
    }
}
