//! RULES 2, boundary by boundary.
#![allow(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::float_arithmetic,
    clippy::panic,
    clippy::type_complexity
)]
use super::*;
use proptest::prelude::*;

const NOW: i64 = 1_760_000_000;
/// SOL at 8 decimals, lots of 0.001 SOL: one feed unit is 10^(−8 + 6 − 3) = 10⁻⁵ atoms per lot.
const PARAMS: OracleParams = OracleParams::major(-8, 3, Price::new(1_000), Price::new(10_000_000));

fn sample(price: i64, publish: i64) -> PriceSample {
    let conf = (price / 1_000).max(0).unsigned_abs();
    PriceSample { owner_ok: true, feed_matches: true, fully_verified: true, price, conf, exponent: -8, publish, prev_publish: publish - 1 }
}

fn secs(raw: i64) -> Secs {
    Secs::new(raw)
}

/// A state that has accepted $200 at `NOW` and has a TWAP.
fn state() -> OracleState {
    let mut state = OracleState::zeroed();
    for second in [-120, -60, 0] {
        let outcome = accept(&mut state, &PARAMS, &sample(20_000_000_000, NOW + second), secs(NOW + second), slot_at(second));
        assert!(matches!(outcome, Ok(Accepted::Applied { .. })));
    }
    state
}

fn slot_at(second: i64) -> u64 {
    (1_000_000 + 5 * second).unsigned_abs()
}

fn try_accept(change: impl Fn(&mut PriceSample)) -> Result<Accepted, Fault> {
    let (before, mut after) = (state(), state());
    let mut changed = sample(20_100_000_000, NOW + 1);
    change(&mut changed);
    let outcome = accept(&mut after, &PARAMS, &changed, secs(NOW + 1), slot_at(1));
    assert_eq!(matches!(outcome, Ok(Accepted::Applied { .. })), before != after, "only an applied sample changes the state");
    outcome
}

#[test]
fn a_sound_sample_becomes_the_price_2_1() {
    let outcome = try_accept(|_| ()).unwrap();
    // $201 · 10⁸ · 10⁻⁵ = 201,000 atoms per lot; the interval is a thousandth, rounded up.
    let confidence = Ratio::new((1 << 30_i64) / 1_000 + 1);
    assert_eq!(outcome, Accepted::Applied { price: Price::new(201_000), confidence, publish: secs(NOW + 1) });
    let state = state();
    assert_eq!((state.price, state.publish, state.previous_publish), (Price::new(200_000), secs(NOW), secs(NOW - 60)));
}

#[test]
fn each_fault_is_refused_by_its_name_2_1() {
    let cases: [(fn(&mut PriceSample), Fault); 13] = [
        (|s| s.owner_ok = false, Fault::WrongOwner),
        (|s| s.feed_matches = false, Fault::WrongFeed),
        (|s| s.fully_verified = false, Fault::PartialVerification),
        (|s| s.price = 0, Fault::PriceNotPositive),
        (|s| s.price = i64::MIN, Fault::PriceNotPositive),
        (|s| s.exponent = -7, Fault::ExponentChanged),
        (|s| s.exponent = i32::MAX, Fault::ExponentChanged),
        (|s| s.conf = 804_000_100, Fault::ConfidenceTooWide),
        (|s| s.conf = u64::MAX, Fault::ConfidenceTooWide),
        (
            |s| {
                s.price = 99_949_999;
                s.conf = 0
            },
            Fault::OutOfBounds,
        ),
        (
            |s| {
                s.price = 1_000_000_050_000;
                s.conf = 0
            },
            Fault::OutOfBounds,
        ),
        (
            |s| {
                s.price = i64::MAX;
                s.conf = 0
            },
            Fault::OutOfBounds,
        ),
        (|s| s.publish = NOW + 12, Fault::FromTheFuture),
    ];
    for (change, fault) in cases {
        assert_eq!(try_accept(change), Err(fault));
    }
}

#[test]
fn each_limit_itself_is_accepted_2_1() {
    let cases: [fn(&mut PriceSample); 5] = [
        |s| s.conf = 803_999_900,
        |s| {
            s.price = 99_950_000;
            s.conf = 0
        },
        |s| {
            s.price = 1_000_000_049_999;
            s.conf = 0
        },
        |s| s.publish = NOW + 11,
        |s| s.publish = NOW + 1,
    ];
    for change in cases {
        assert!(matches!(try_accept(change), Ok(Accepted::Applied { .. })));
    }
}

#[test]
fn an_older_update_succeeds_without_effect_whatever_it_says_2_1() {
    let cases: [fn(&mut PriceSample); 4] = [
        |s| s.publish = NOW,
        |s| s.publish = NOW - 100,
        |s| s.publish = i64::MIN,
        |s| {
            s.publish = NOW;
            s.conf = u64::MAX;
            s.price = -1
        },
    ];
    for change in cases {
        assert_eq!(try_accept(change), Ok(Accepted::NoEffect));
    }
    // But not one of another owner or feed.
    assert_eq!(
        try_accept(|s| {
            s.publish = NOW;
            s.owner_ok = false
        }),
        Err(Fault::WrongOwner)
    );
}

#[test]
fn confidence_is_floored_and_rounded_up() {
    let Ok(Accepted::Applied { confidence, .. }) = try_accept(|s| s.conf = 0) else { panic!("refused") };
    assert_eq!(confidence, PARAMS.min_confidence);
    assert_eq!(confidence_ratio(3, 1), Ok(Ratio::new((1 << 30) / 3 + 1)));
    assert_eq!(confidence_ratio(7, 7), Err(Fault::ConfidenceTooWide));
}

#[test]
fn lots_scale_both_ways() {
    let up = OracleParams { exponent: -2, lot_exponent: -1, ..PARAMS };
    assert_eq!(lot_price(&up, 123), Ok(Price::new(12_300_000)));
    assert_eq!(lot_price(&up, i64::MAX), Err(Fault::OutOfBounds));
    assert_eq!(lot_price(&OracleParams { lot_exponent: i32::MIN, ..PARAMS }, 1), Err(Fault::BadState));
    assert_eq!(lot_price(&PARAMS, 49_999), Err(Fault::OutOfBounds), "less than half an atom is no price");
    assert_eq!(lot_price(&PARAMS, 50_000), Ok(Price::new(1)));
}

#[test]
fn parameters_are_checked() {
    assert_eq!(PARAMS.validate(), Ok(()));
    let bad = [
        OracleParams { min_price: Price::new(0), ..PARAMS },
        OracleParams { max_price: Price::new(1), ..PARAMS },
        OracleParams { max_price: Price::new(MAX_PRICE + 1), ..PARAMS },
        OracleParams { hard_confidence: Ratio::of(1, 2), ..PARAMS },
        OracleParams { hard_confidence: Ratio::of(1, 200), ..PARAMS },
        OracleParams { min_confidence: Ratio::new(-1), ..PARAMS },
        OracleParams { settle_gap: Ratio::ZERO, ..PARAMS },
        OracleParams { trading_gap: Ratio::ONE, ..PARAMS },
        OracleParams { slot_millis: 0, ..PARAMS },
        OracleParams { lot_exponent: 30, ..PARAMS },
    ];
    assert!(bad.iter().all(|params| params.validate() == Err(RiskError::ParameterOutOfRange)));
}

/// RULES 2.2 and 7.6 of the survey, written down action by action (the table in the code goes condition by condition).
/// Columns: fresh aged old stale wide gap band outage none settling; `+` allowed, `~` if it lowers risk, `-` refused.
const EXPECTED: [(Action, &str); 13] = [
    (Action::Deposit, "++++++++++"),
    (Action::Withdraw, "++---+---+"),
    (Action::Open, "++---+----"),
    (Action::Reduce, "+++~++++--"),
    (Action::Cancel, "++++++++++"),
    (Action::Settle, "+--------+"),
    (Action::AccrueFunding, "+++-++++--"),
    (Action::StartLiquidation, "+---++++--"),
    (Action::ContinueLiquidation, "+++-++++--"),
    (Action::Resolve, "++--+++--+"),
    (Action::Deleverage, "+----++---"),
    (Action::ConvertCollateral, "++-------+"),
    (Action::UpdatePrice, "+++++++++-"),
];
const CONDITIONS: [Condition; 10] = [
    Condition::Fresh,
    Condition::Aged,
    Condition::Old,
    Condition::Stale,
    Condition::WideConfidence,
    Condition::TwapGap,
    Condition::TwapBand,
    Condition::Outage,
    Condition::NoPrice,
    Condition::Settling,
];

#[test]
fn every_cell_of_the_table_is_as_written_down_2_2() {
    let mut cells = 0;
    for (action, row) in EXPECTED {
        assert_eq!(row.len(), CONDITIONS.len());
        for (condition, expected) in CONDITIONS.into_iter().zip(row.chars()) {
            let expected = match expected {
                '+' => Permission::Allowed,
                '~' => Permission::AllowedIfLowersRisk,
                _ => Permission::Refused,
            };
            assert_eq!(permission(Conditions::of(condition), action), expected, "{action:?} under {condition:?}");
            cells += 1;
        }
    }
    assert_eq!(cells, 130);
}

#[test]
fn of_several_conditions_the_strictest_counts_2_2() {
    let both = Conditions::of(Condition::Stale).with_if(Condition::WideConfidence, true);
    assert_eq!(permission(both, Action::Reduce), Permission::AllowedIfLowersRisk);
    assert_eq!(permission(both, Action::Deposit), Permission::Allowed);
    for action in EXPECTED.map(|(action, _)| action) {
        for first in CONDITIONS {
            for second in CONDITIONS {
                let together = permission(Conditions::of(first).with_if(second, true), action);
                let apart = permission(Conditions::of(first), action).max(permission(Conditions::of(second), action));
                assert_eq!(together, apart);
            }
        }
    }
}

#[test]
fn conditions_change_exactly_at_their_ages_2_2() {
    let cases = [
        (-10, Condition::Fresh),
        (10, Condition::Fresh),
        (11, Condition::Aged),
        (15, Condition::Aged),
        (16, Condition::Old),
        (60, Condition::Old),
        (61, Condition::Stale),
    ];
    for (age, expected) in cases {
        let conditions = state().conditions(&PARAMS, secs(NOW + age));
        assert!(CONDITIONS[..4].iter().all(|&condition| conditions.contains(condition) == (condition == expected)), "{age}");
        assert!(!conditions.contains(Condition::WideConfidence) && !conditions.contains(Condition::Outage));
    }
    assert_eq!(OracleState::zeroed().conditions(&PARAMS, secs(NOW)), Conditions::of(Condition::NoPrice));
}

#[test]
fn confidence_and_gap_change_exactly_at_their_limits_2_2() {
    let with = |price, confidence| OracleState { price: Price::new(price), confidence, ..state() }.conditions(&PARAMS, secs(NOW));
    let limit = PARAMS.wide_confidence;
    assert!(!with(200_000, limit).contains(Condition::WideConfidence));
    assert!(with(200_000, Ratio::new(limit.raw() + 1)).contains(Condition::WideConfidence));
    // The TWAP is 200,000: 0.5 % of 201,005 is 1,005.025.
    for (price, is_gap, is_band) in
        [(201_005, false, false), (201_006, true, false), (222_222, true, false), (222_223, true, true), (180_000, true, true)]
    {
        let found = with(price, limit);
        assert_eq!((found.contains(Condition::TwapGap), found.contains(Condition::TwapBand)), (is_gap, is_band), "{price}");
    }
    // The first sample ever has no TWAP to vouch for it.
    let mut first = OracleState::zeroed();
    accept(&mut first, &PARAMS, &sample(20_000_000_000, NOW), secs(NOW), 1).unwrap();
    let unvouched = first.conditions(&PARAMS, secs(NOW));
    assert!(unvouched.contains(Condition::TwapGap) && unvouched.contains(Condition::TwapBand));
}

#[test]
fn the_range_of_a_stale_leg_grows_with_its_age_2_5() {
    let (confidence, sigma) = (Ratio::of(1, 1_000), Ratio::of(1, 100));
    assert_eq!(stale_range(confidence, sigma, secs(60)).unwrap(), confidence);
    // 3 · 1 % · √1 = 3 %, 3 · 1 % · √4 = 6 %; from 6 h on the age no longer counts.
    let near = |found: Ratio, expected: f64| (found.raw() as f64 / 2f64.powi(30) - expected).abs() < 1e-8;
    assert!(near(stale_range(confidence, sigma, secs(3_600)).unwrap(), 0.03));
    assert!(near(stale_range(confidence, sigma, secs(14_400)).unwrap(), 0.06));
    assert_eq!(stale_range(confidence, sigma, secs(21_600)), stale_range(confidence, sigma, secs(i64::MAX)));
    assert_eq!(stale_range(Ratio::of(1, 10), sigma, secs(3_600)).unwrap(), Ratio::of(1, 10));
    assert_eq!(stale_range(confidence, Ratio::ONE, secs(3_600)).unwrap(), Ratio::of(1, 2));
}

#[test]
fn a_standing_chain_is_told_from_a_lazy_keeper_2_4() {
    // 61 s hold 305 slots of 200 ms; a third is 101.67.
    let outage = |elapsed: i64, slots: u64| is_chain_outage(secs(NOW), 1_000, secs(NOW + elapsed), 1_000 + slots, 200);
    assert!(!outage(60, 0));
    assert!(outage(61, 101));
    assert!(!outage(61, 102));
    assert!(!outage(3_600, 18_000), "nobody posted for an hour, but slots went on");
    assert!(!outage(3_600, 9_000), "slots of 400 ms are no outage");
    assert!(outage(3_600, 300));
    assert!(!outage(-100, 0));
    assert!(!is_chain_outage(secs(i64::MIN), 0, secs(i64::MAX), u64::MAX, 200));
    assert!(is_chain_outage(secs(0), 5, secs(100), 0, 200), "slots that go back are none");
}

fn is_in_outage(state: &OracleState, at: i64) -> bool {
    state.conditions(&PARAMS, secs(NOW + at)).contains(Condition::Outage)
}

fn post(state: &mut OracleState, at: i64, silence: i64, slot: u64) {
    let sample = PriceSample { prev_publish: NOW + at - silence, ..sample(20_000_000_000, NOW + at) };
    accept(state, &PARAMS, &sample, secs(NOW + at), slot).unwrap();
}

#[test]
fn an_outage_lasts_until_two_samples_ten_seconds_apart_2_4() {
    let mut state = state();
    post(&mut state, 60, 60, slot_at(60));
    assert!(!is_in_outage(&state, 60));
    post(&mut state, 121, 61, slot_at(121));
    assert!(is_in_outage(&state, 121));
    post(&mut state, 130, 9, slot_at(130));
    assert!(is_in_outage(&state, 130), "9 s after the first");
    post(&mut state, 131, 1, slot_at(131));
    assert!(!is_in_outage(&state, 131), "10 s after the first");
}

#[test]
fn an_outage_lasts_at_most_120_s_and_comes_once_in_30_min_2_4() {
    let mut state = state();
    post(&mut state, 100, 100, slot_at(100));
    assert!(is_in_outage(&state, 219));
    assert!(!is_in_outage(&state, 220));
    post(&mut state, 1_899, 70, slot_at(1_899));
    assert!(!is_in_outage(&state, 1_899));
    post(&mut state, 1_980, 70, slot_at(1_980));
    assert!(is_in_outage(&state, 1_980));
}

#[test]
fn a_chain_that_stood_still_is_an_outage_and_a_late_post_is_not_2_4() {
    let mut halted = state();
    post(&mut halted, 600, 1, slot_at(0) + 10);
    assert!(is_in_outage(&halted, 600));
    let mut idle = state();
    post(&mut idle, 600, 1, slot_at(600));
    assert!(!is_in_outage(&idle, 600));
}

#[test]
fn an_old_sample_does_not_end_an_outage_2_4() {
    let mut state = state();
    post(&mut state, 100, 100, slot_at(100));
    let late = sample(20_000_000_000, NOW + 110);
    accept(&mut state, &PARAMS, &late, secs(NOW + 121), slot_at(121)).unwrap();
    assert!(is_in_outage(&state, 121), "11 s old when it came");
    accept(&mut state, &PARAMS, &sample(20_000_000_000, NOW + 113), secs(NOW + 122), slot_at(122)).unwrap();
    assert!(!is_in_outage(&state, 122));
}

#[test]
fn a_dead_feed_settles_at_its_last_thirty_minutes_2_5() {
    let mut state = state();
    assert_eq!(state.begin_settling(secs(NOW + 21_599)), Err(RiskError::WrongState));
    state.price = Price::new(150_000);
    assert_eq!(state.begin_settling(secs(NOW + 21_600)), Ok(Price::new(200_000)), "the TWAP, not the last print");
    assert_eq!(state.begin_settling(secs(NOW + 30_000)), Err(RiskError::WrongState));
    assert_eq!(state.conditions(&PARAMS, secs(NOW + 90_000)), Conditions::of(Condition::Settling));
    let before = state;
    let revived = sample(20_000_000_000, NOW + 30_000);
    assert_eq!(accept(&mut state, &PARAMS, &revived, secs(NOW + 30_000), slot_at(30_000)), Err(Fault::MarketSettling));
    assert_eq!(state, before);
    assert_eq!(OracleState::zeroed().begin_settling(secs(NOW)), Err(RiskError::WrongState));
    let mut single = OracleState::zeroed();
    accept(&mut single, &PARAMS, &sample(20_000_000_000, NOW), secs(NOW), 1).unwrap();
    assert_eq!(single.begin_settling(secs(NOW + 21_600)), Ok(Price::new(200_000)));
}

proptest! {
    /// Whatever is thrown at it: publish times only rise, prices stay in bounds, only an applied sample changes anything, nothing panics.
    #[test]
    fn accepted_publish_times_only_rise(steps in prop::collection::vec(
        (any::<i64>(), any::<u64>(), -8_i32..-6, -30_i64..30, 0_i64..200, any::<bool>(), 0_i64..1 << 40), 1..60)) {
        let mut state = OracleState::zeroed();
        let mut now = NOW;
        for (wild, conf, exponent, lead, wait, is_wild, price) in steps {
            now += wait;
            let price = if is_wild { wild } else { price };
            let conf = if is_wild { conf } else { price.unsigned_abs() / 500 };
            let sample = PriceSample { price, conf, exponent, prev_publish: now - wait, ..sample(price, now + lead) };
            let before = state;
            match accept(&mut state, &PARAMS, &sample, secs(now), (now * 5).unsigned_abs()) {
                Ok(Accepted::Applied { price, confidence, publish }) => {
                    prop_assert!(publish > before.publish && publish.raw() <= now + 10);
                    prop_assert!(price >= PARAMS.min_price && price <= PARAMS.max_price);
                    prop_assert!(confidence >= PARAMS.min_confidence && confidence <= PARAMS.hard_confidence);
                    prop_assert_eq!((state.price, state.publish, state.posted), (price, publish, secs(now)));
                }
                _ => prop_assert_eq!(before, state),
            }
        }
    }

    #[test]
    fn the_confidence_ratio_is_never_understated(price in 1_u64..1 << 63, conf: u64) {
        if let Ok(ratio) = confidence_ratio(price, conf) {
            let (scaled, exact) = (i128::from(ratio.raw()) * i128::from(price), i128::from(conf) << 30);
            prop_assert!(scaled >= exact);
            prop_assert!(scaled - exact <= 4 * i128::from(price), "at most four units too wide");
        } else {
            prop_assert!(conf >= price);
        }
    }
}
