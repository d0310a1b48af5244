//! Transitions by a witness (RULES 4.6): never more than the whole check would do.

use super::*;
use crate::margin::Shortfall;

/// Health with these measures alone.
fn of_measures(equity: i64, equity_trigger: i64, mm: i64, target: i64) -> Health {
    Health {
        equity: Quote::new(equity),
        equity_trigger: Quote::new(equity_trigger),
        mm: Quote::new(mm),
        target: Quote::new(target),
        ..Health::default()
    }
}

/// Small times and amounts, so that every border is met.
fn any_state() -> impl Strategy<Value = LiquidationState> {
    let times = (0..=4u32, 0..=90i64, 0..=90i64, 0..=90i64, 0..=140i64);
    times.prop_map(|(state, first_fail_publish, flagged_at, cleared_at, adl_grace_until)| LiquidationState {
        state,
        first_fail_publish,
        flagged_at,
        cleared_at,
        adl_grace_until,
        ..LiquidationState::default()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn what_is_shown_starts_nothing_that_the_whole_would_not(
        state in any_state(),
        (equity, favour, bound, more, extra) in (-30i64..=60, 0..=8i64, 0..=60i64, 0..=30i64, 0..=20i64),
        (publish, age, sellable) in (80..=100i64, 0..=30i64, 0..=100_000_000i64),
    ) {
        let (trigger, mm) = (equity + favour, bound + more);
        let params = LiquidationParams::default();
        let sample = Sample { publish: Secs::new(publish), now: Secs::new(publish + age) };
        let shown = Shortfall { equity: Quote::new(equity), equity_trigger: Quote::new(trigger), requirement: Quote::new(bound) };
        let by_witness = transition_shown(&state, &shown, Quote::new(sellable), sample, &params);
        if trigger >= bound {
            prop_assert_eq!(by_witness, Err(RiskError::WrongState));
            return Ok(());
        }
        let by_witness = by_witness.unwrap();
        let whole = transition(&state, &of_measures(equity, trigger, mm, mm + extra), Quote::new(sellable), sample, &params).unwrap();
        prop_assert!(!matches!(by_witness.reason, Reason::Cleared | Reason::Recovered | Reason::Unchanged if by_witness.from != by_witness.to));
        if by_witness.to != whole.to {
            // Half of MM is known, half of the bound is not passed: the witness waits for a second sample or for the end of a grace.
            prop_assert!(2 * trigger >= bound && 2 * trigger <= mm, "{by_witness:?} {whole:?}");
            prop_assert!(matches!(by_witness.reason, Reason::FirstSample | Reason::AdlGrace | Reason::SampleTooOld), "{by_witness:?}");
        } else if by_witness.reason == whole.reason {
            prop_assert_eq!(by_witness.next, whole.next);
        }
        // The whole MM as the bound is the whole check.
        if trigger < mm {
            let exact = Shortfall { requirement: Quote::new(mm), ..shown };
            let same = transition_shown(&state, &exact, Quote::new(sellable), sample, &params).unwrap();
            prop_assert_eq!((same.next, same.reason), (whole.next, whole.reason));
        }
    }
}
