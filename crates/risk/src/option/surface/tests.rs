//! The limits of RULES 5.6 against whoever holds the publisher's key, and against his silence.
#![allow(clippy::unwrap_used, clippy::as_conversions, clippy::float_arithmetic, clippy::arithmetic_side_effects, clippy::indexing_slicing)]
use super::*;
use proptest::prelude::*;

const DAY: i64 = 86_400;
const FORWARD: Price = Price::new(2_000_000);
const START: i64 = 1_700_000_000;

fn ratio(value: f64) -> Ratio {
    Ratio::new((value * 2f64.powi(30)) as i64)
}

fn real(ratio: Ratio) -> f64 {
    ratio.raw() as f64 / 2f64.powi(30)
}

fn smile(atm: f64, skew: f64, curvature: f64) -> Smile {
    Smile { atm: ratio(atm), skew: ratio(skew), curvature: ratio(curvature) }
}

fn strikes() -> Vec<Price> {
    (5..=16).map(|tenths| Price::new(FORWARD.raw() * tenths / 10)).collect()
}

const MEASURED: Measured = Measured { current: Ratio::of(8, 10), slow: Ratio::of(7, 10) };

fn situation(now: i64, tau: i64, strikes: &[Price]) -> Situation<'_> {
    Situation {
        now: Secs::new(START + now),
        tau: Secs::new(tau),
        forward: FORWARD,
        strikes,
        measured: MEASURED,
        nearer: None,
        farther: None,
    }
}

/// Published at second 0, with a full budget.
fn published(smile: Smile) -> SurfaceState {
    SurfaceState { smile, updated: Secs::new(START), budget: SurfaceParams::default().burst, reserved: 0 }
}

fn points(state: &SurfaceState, tau: i64, strikes: &[Price]) -> Vec<f64> {
    let curve = state.smile.with(Secs::new(tau)).unwrap();
    strikes.iter().map(|strike| real(curve.volatility(log_moneyness(*strike, FORWARD).unwrap()))).collect()
}

/// Largest factor between two values of a point at most `window` seconds apart, updates at both ends included.
fn largest_move(history: &[(i64, Vec<f64>)], window: i64) -> f64 {
    let mut largest = 1.0_f64;
    for (at, (now, values)) in history.iter().enumerate() {
        // The window begins with the value in effect just before it.
        let start = history[..at].iter().rposition(|(then, _)| then < &(now - window)).unwrap_or(0);
        for (_, earlier) in &history[start..at] {
            for (value, before) in values.iter().zip(earlier) {
                largest = largest.max(value / before).max(before / value);
            }
        }
    }
    largest
}

#[test]
fn a_patient_thief_moves_a_point_by_5_percent_in_5_minutes_and_40_in_an_hour() {
    let (strikes, params) = (strikes(), SurfaceParams::default());
    for interval in [60, 61, 75, 100, 150, 299, 300] {
        let mut state = published(smile(0.5, 0.0, 0.05));
        let mut history = vec![(0, points(&state, 30 * DAY, &strikes))];
        let mut now = 0;
        while now < 2 * HOUR {
            now += interval;
            let situation =
                Situation { measured: Measured { current: ratio(1.2), slow: ratio(1.2) }, ..situation(now, 30 * DAY, &strikes) };
            // The largest step that is taken.
            let (mut low, mut high) = (0, 1 << 28);
            while high - low > 1 {
                let atm = Ratio::new(state.smile.atm.raw() + (low + high) / 2);
                let mut trial = state;
                match trial.update(Smile { atm, ..state.smile }, &situation, &params) {
                    Ok(()) => low = (low + high) / 2,
                    Err(_) => high = (low + high) / 2,
                }
            }
            let atm = Ratio::new(state.smile.atm.raw() + low);
            state.update(Smile { atm, ..state.smile }, &situation, &params).unwrap();
            history.push((now, points(&state, 30 * DAY, &strikes)));
        }
        let [short, long] = [300, HOUR].map(|window| largest_move(&history, window));
        println!("every {interval} s: x{short:.4} in 5 min, x{long:.4} in an hour");
        assert!(short <= 1.05 && long <= 1.40, "{interval}: {short} {long}");
        assert!(interval > 60 || (short > 1.049 && long > 1.39), "the limits are meant to be reached: {short} {long}");
    }
}

prop_compose! {
    fn any_smile()(atm in 0.3_f64..1.5, curvature in 0_f64..0.5, share in -1_f64..1.0) -> Smile {
        smile(atm, share * (curvature / 2.0).sqrt(), curvature)
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Any sequence of updates, of any size and direction, at any times: no point moves further, and what is published has no arbitrage.
    #[test]
    fn no_sequence_moves_a_point_further(
        targets in proptest::collection::vec((any_smile(), 0_f64..0.2, prop_oneof![1_i64..70, 60_i64..62, 60_i64..700]), 1..80),
        tau in 1_i64..400,
    ) {
        let (strikes, params, tau) = (strikes(), SurfaceParams { stale_after: Secs::new(HOUR), ..SurfaceParams::default() }, tau * DAY);
        let mut state = published(smile(0.8, -0.05, 0.05));
        let mut history = vec![(0, points(&state, tau, &strikes))];
        let mut now = 0;
        for (target, share, pause) in targets {
            now += pause;
            let before = state;
            // A step toward the target, as large as the budget takes.
            for share in [share, share / 4.0, share / 16.0] {
                let aim = state.smile.toward(&target, ratio(share)).unwrap();
                match state.update(aim, &situation(now, tau, &strikes), &params) {
                    Ok(()) => {
                        let curve = state.smile.with(Secs::new(tau)).unwrap();
                        for three in strikes.windows(3) {
                            let three = [three[0], three[1], three[2]];
                            prop_assert_eq!(check_butterfly(&curve, &situation(now, tau, &strikes), three), Ok(()));
                        }
                        history.push((now, points(&state, tau, &strikes)));
                        break;
                    }
                    Err(_) => prop_assert_eq!(state, before, "a refusal changes nothing"),
                }
            }
        }
        let [short, long] = [300, HOUR].map(|window| largest_move(&history, window));
        prop_assert!(short <= 1.05 && long <= 1.40, "{} {}", short, long);
        for pair in history.windows(2) {
            prop_assert!(pair[1].0 - pair[0].0 >= 60, "one update a minute");
        }
    }

    /// Three expiries published in any order: no calendar spread of a listed strike pays, whatever the forwards.
    #[test]
    fn no_sequence_makes_a_calendar_pay(
        steps in proptest::collection::vec((0_usize..3, any_smile(), 0_f64..0.03), 1..60),
        bases in (0.9_f64..1.1, 0.9_f64..1.1, 0.9_f64..1.1),
    ) {
        let (strikes, params) = (strikes(), SurfaceParams { stale_after: Secs::new(HOUR), ..SurfaceParams::default() });
        let taus = [7 * DAY, 30 * DAY, 90 * DAY];
        let forwards = [bases.0, bases.1, bases.2].map(|basis| Price::new((FORWARD.raw() as f64 * basis) as i64));
        let mut states = taus.map(|tau| SurfaceState::new(MEASURED, Secs::new(tau), Secs::new(START), &params).unwrap());

        for (step, (which, target, share)) in (1..).zip(steps) {
            let neighbour = |at: usize, states: &[SurfaceState; 3]| {
                Neighbour { smile: states[at].smile, tau: Secs::new(taus[at]), forward: forwards[at], strikes: &strikes }
            };
            let all = Situation {
                nearer: which.checked_sub(1).map(|at| neighbour(at, &states)),
                farther: (which < 2).then(|| neighbour(which + 1, &states)),
                forward: forwards[which],
                ..situation(60 * step, taus[which], &strikes)
            };
            let aim = states[which].smile.toward(&target, ratio(share)).unwrap();
            let _ = states[which].update(aim, &all, &params);
            for pair in [0, 1] {
                let [near, far] = [pair, pair + 1].map(|at| states[at].smile.with(Secs::new(taus[at])).unwrap());
                for (strike, at) in strikes.iter().flat_map(|strike| [(strike, pair), (strike, pair + 1)]) {
                    let point = log_moneyness(*strike, forwards[at]).unwrap();
                    let [early, late] = [near, far].map(|curve| curve.deviation(point).unwrap().raw() as f64);
                    prop_assert!(early <= late * (1.0 + 2f64.powi(-25)), "{} {}", early, late);
                }
            }
        }
    }

    /// Raw numbers in every field: refused or taken, never a panic, and a refusal changes nothing.
    #[test]
    fn garbage_is_refused(raw: [i64; 6], new: [i64; 3], rest: [i64; 6]) {
        let of = |raw: &[i64]| Smile { atm: Ratio::new(raw[0]), skew: Ratio::new(raw[1]), curvature: Ratio::new(raw[2]) };
        let mut state = SurfaceState { smile: of(&raw), updated: Secs::new(raw[3]), budget: Ratio::new(raw[4]), reserved: raw[5] };
        let (before, params) = (state, SurfaceParams::default());
        let strikes = [Price::new(rest[0]), Price::new(rest[1])];
        let measured = Measured { current: Ratio::new(rest[2]), slow: Ratio::new(rest[3]) };
        let situation = Situation { now: Secs::new(rest[4]), tau: Secs::new(rest[5]), measured, ..situation(0, DAY, &strikes) };
        if state.update(of(&new), &situation, &params).is_err() {
            prop_assert_eq!(state, before);
        }
        let _ = (state.at(situation.now, situation.tau, measured, Measure::Initial, &params), state.budget_at(situation.now, &params));
    }

    /// The measured smile: between the two volatilities, and its total variance rises with time.
    #[test]
    fn the_measured_smile_has_no_calendar(current in 0.05_f64..5.0, slow in 0.05_f64..5.0, tau in 3_600_i64..60_000_000, later in 1_i64..3_000_000) {
        let (measured, params) = (Measured { current: ratio(current), slow: ratio(slow) }, SurfaceParams::default());
        let [near, far] = [tau, tau + later].map(|tau| real(measured.smile(Secs::new(tau), &params).unwrap().atm));
        prop_assert!(near >= current.min(slow) - 1e-8 && near <= current.max(slow) + 1e-8);
        prop_assert!(near * near * tau as f64 <= far * far * (tau + later) as f64 * (1.0 + 1e-8));
        let exact = (slow * slow + (current * current - slow * slow) * 604_800.0 / (604_800.0 + tau as f64)).sqrt();
        prop_assert!((near - exact).abs() < 1e-7, "{} {}", near, exact);
    }
}

#[test]
fn one_update_a_minute() {
    let (strikes, params) = (strikes(), SurfaceParams::default());
    let mut state = published(smile(0.8, 0.0, 0.05));
    assert_eq!(state.update(smile(0.801, 0.0, 0.05), &situation(59, DAY, &strikes), &params), Err(SurfaceRefusal::TooSoon));
    assert_eq!(state.update(smile(0.801, 0.0, 0.05), &situation(-9_000, DAY, &strikes), &params), Err(SurfaceRefusal::TooSoon));
    assert_eq!(state.update(smile(0.801, 0.0, 0.05), &situation(60, DAY, &strikes), &params), Ok(()));
}

#[test]
fn a_wing_counts_like_the_middle() {
    let (strikes, params) = (strikes(), SurfaceParams::default());
    let mut state = published(smile(0.8, 0.0, 0.05));
    // The volatility at the money stays, that of the far strikes would move by more than the budget.
    let moved = state.update(smile(0.8, -0.1, 0.05), &situation(60, 7 * DAY, &strikes), &params);
    assert_eq!(moved, Err(SurfaceRefusal::MovesTooFar));
    assert_eq!(state.update(smile(0.8, -0.1, 0.05), &situation(60, 7 * DAY, &[]), &params), Ok(()), "no strike, nothing to protect");
}

#[test]
fn the_corridor_keeps_out_and_lets_back_in() {
    let (strikes, params) = (strikes(), SurfaceParams::default());
    let tau = 30 * DAY;
    let measured = real(MEASURED.smile(Secs::new(tau), &params).unwrap().atm);
    let tries = |old: f64, new: f64| published(smile(old, 0.0, 0.05)).update(smile(new, 0.0, 0.05), &situation(60, tau, &strikes), &params);
    let (low, high) = (measured * 0.4, measured * 2.5);
    assert_eq!(tries(high * 0.995, high * 1.001), Err(SurfaceRefusal::OutsideCorridor));
    assert_eq!(tries(low * 1.005, low * 0.999), Err(SurfaceRefusal::OutsideCorridor));
    assert_eq!(tries(high * 1.1, high * 1.105), Err(SurfaceRefusal::OutsideCorridor));
    assert_eq!(tries(high * 1.1, high * 1.09), Ok(()), "back toward it from above");
    assert_eq!(tries(low * 0.9, low * 0.91), Ok(()), "back toward it from below");
    assert_eq!(tries(low * 0.9, low * 0.89), Err(SurfaceRefusal::OutsideCorridor));
}

#[test]
fn silence_glides_to_the_measured_smile_and_initial_margin_first() {
    let (params, tau) = (SurfaceParams::default(), 30 * DAY);
    let state = published(smile(0.5, -0.1, 0.05));
    let target = MEASURED.smile(Secs::new(tau), &params).unwrap();
    let at = |age: i64, measure| state.at(Secs::new(START + age), Secs::new(tau), MEASURED, measure, &params).unwrap();
    for measure in [Measure::Initial, Measure::Maintenance] {
        assert_eq!(at(0, measure), state.smile);
        assert_eq!(at(300, measure), state.smile, "not stale yet");
        assert_eq!(at(-5, measure), state.smile);
    }
    assert_eq!(at(300 + 600, Measure::Initial), target);
    assert_eq!(at(300 + 1_800, Measure::Maintenance), target);
    assert_eq!(at(1 << 40, Measure::Maintenance), target);
    let halfway = at(300 + 900, Measure::Maintenance);
    assert!((real(halfway.atm) - (0.5 + real(target.atm)) / 2.0).abs() < 1e-8);
    let mut before = (state.smile, state.smile);
    for age in 300..2_200 {
        let now = (at(age, Measure::Initial), at(age, Measure::Maintenance));
        assert!(now.0.atm >= now.1.atm, "initial margin is never behind");
        assert!(now.1.atm >= before.1.atm && real(now.1.atm) / real(before.1.atm) < 1.000_5, "a glide, not a jump");
        before = now;
    }
    assert_eq!(SurfaceState::default().at(Secs::new(0), Secs::new(DAY), MEASURED, Measure::Initial, &params), Err(RiskError::WrongState));
}

#[test]
fn a_publisher_who_returns_continues_from_the_glide() {
    let (strikes, params, tau) = (strikes(), SurfaceParams::default(), 30 * DAY);
    let mut state = published(smile(0.5, 0.0, 0.08));
    let now = 300 + 900;
    let glided = state.at(Secs::new(START + now), Secs::new(tau), MEASURED, Measure::Maintenance, &params).unwrap();
    assert!(real(glided.atm) > 0.6);
    // Back to what he last said would be a jump down for everybody.
    assert_eq!(state.update(smile(0.5, 0.0, 0.08), &situation(now, tau, &strikes), &params), Err(SurfaceRefusal::MovesTooFar));
    let step = smile(real(glided.atm) * 0.98, 0.0, 0.08);
    assert_eq!(state.update(step, &situation(now, tau, &strikes), &params), Ok(()));
    assert_eq!(state.smile, step);
}

#[test]
fn a_new_expiry_has_the_measured_smile_and_no_budget() {
    let (strikes, params, tau) = (strikes(), SurfaceParams::default(), 30 * DAY);
    let mut state = SurfaceState::new(MEASURED, Secs::new(tau), Secs::new(START), &params).unwrap();
    assert_eq!(state.smile, MEASURED.smile(Secs::new(tau), &params).unwrap());
    let up = |by: f64| smile(real(state.smile.atm) * by, 0.0, 0.08);
    let (little, more) = (up(1.004), up(1.01));
    assert_eq!(state.update(more, &situation(60, tau, &strikes), &params), Err(SurfaceRefusal::MovesTooFar));
    assert_eq!(state.update(little, &situation(60, tau, &strikes), &params), Ok(()));
}

#[test]
fn a_calendar_that_pays_is_refused_on_both_sides() {
    let (strikes, params) = (strikes(), SurfaceParams::default());
    let neighbour = |atm, tau| Neighbour { smile: smile(atm, 0.0, 0.05), tau: Secs::new(tau), forward: FORWARD, strikes: &strikes };
    let base = situation(60, 30 * DAY, &strikes);
    let tries = |situation: &Situation<'_>| published(smile(0.8, 0.0, 0.05)).update(smile(0.805, 0.0, 0.05), situation, &params);
    // 0.805²·30 d = 19.44: as much as 1.138²·15 d, or 0.5692²·60 d.
    for (nearer, farther, expected) in
        [(1.0, 0.7, Ok(())), (1.13, 0.575, Ok(())), (1.15, 0.7, Err(SurfaceRefusal::Calendar)), (1.0, 0.56, Err(SurfaceRefusal::Calendar))]
    {
        let both = Situation { nearer: Some(neighbour(nearer, 15 * DAY)), farther: Some(neighbour(farther, 60 * DAY)), ..base };
        // At the money alone, since the smiles of other expiries are wider there.
        let both = Situation { strikes: &[], ..both };
        let bare = |n: Neighbour<'_>| -> Neighbour<'static> {
            Neighbour { strikes: &[], ..Neighbour { smile: n.smile, tau: n.tau, forward: n.forward, strikes: &[] } }
        };
        let both = Situation { nearer: both.nearer.map(bare), farther: both.farther.map(bare), ..both };
        assert_eq!(tries(&both), expected, "{nearer} {farther}");
    }
    // A strike of the neighbour's list alone shows it: its wing is above ours.
    let wing = Neighbour { smile: smile(0.9, 0.0, 0.4), ..neighbour(0.9, 15 * DAY) };
    assert_eq!(tries(&Situation { nearer: Some(Neighbour { strikes: &[], ..wing }), strikes: &[], ..base }), Ok(()));
    assert_eq!(tries(&Situation { nearer: Some(wing), strikes: &[], ..base }), Err(SurfaceRefusal::Calendar));
}

#[test]
fn the_kink_of_a_cap_is_refused_where_strikes_show_it() {
    let params = SurfaceParams::default();
    let high = Measured { current: ratio(4.0), slow: ratio(4.0) };
    let steep = smile(3.5, 0.0, 0.35);
    // The wing reaches 500 % near K/F = 3.9 with a week to go, and stays there.
    let listed: Vec<Price> = (10..60).map(|tenths| Price::new(FORWARD.raw() * tenths / 10)).collect();
    let tries = |strikes: &[Price]| {
        let situation = Situation { measured: high, ..situation(60, 7 * DAY, strikes) };
        published(steep).update(steep, &situation, &params)
    };
    assert_eq!(tries(&listed[..20]), Ok(()));
    assert_eq!(tries(&listed), Err(SurfaceRefusal::Butterfly));
    assert_eq!(tries(&[FORWARD, FORWARD, FORWARD]), Err(SurfaceRefusal::Number(RiskError::ParameterOutOfRange)));
}

#[test]
fn parameters_cannot_loosen_the_rule() {
    let default = SurfaceParams::default();
    assert_eq!(default.validate(), Ok(()));
    // C + r·5 min ≤ ln 1.05 and C + r·1 h ≤ ln 1.40, each reached to a thousandth of a percent.
    let (burst, speed) = (real(default.burst), real(default.speed));
    assert!((0.0..1e-5).contains(&(1.05_f64.ln() - burst - speed / 12.0)));
    assert!((0.0..1e-5).contains(&(1.4_f64.ln() - burst - speed)));
    for bad in [
        SurfaceParams { interval: Secs::new(59), ..default },
        SurfaceParams { burst: Ratio::new(default.burst.raw() + 1), ..default },
        SurfaceParams { speed: Ratio::new(default.speed.raw() + 1), ..default },
        SurfaceParams { burst: Ratio::ZERO, ..default },
        SurfaceParams { corridor_low: ratio(1.1), ..default },
        SurfaceParams { corridor_high: ratio(0.9), ..default },
        SurfaceParams { stale_after: Secs::new(30), ..default },
        SurfaceParams { glide_initial: Secs::new(1_801), ..default },
        SurfaceParams { glide_maintenance: Secs::new(1_799), glide_initial: Secs::new(1), ..default },
        SurfaceParams { fading: Secs::ZERO, ..default },
        SurfaceParams { curvature: ratio(0.6), ..default },
        SurfaceParams { skew: ratio(0.3), ..default },
        SurfaceParams { reserved: 1, ..default },
    ] {
        assert_eq!(bad.validate(), Err(RiskError::ParameterOutOfRange), "{bad:?}");
    }
}

#[test]
fn measured_volatilities_are_those_of_a_year() {
    let mut state = VolState { sigma_1h: Ratio::of(1, 100), ..VolState::new(&crate::volatility::VolParams::MAJOR).unwrap() };
    state.slow = Q60::square(Ratio::of(5, 1_000)).unwrap();
    let measured = Measured::of(&state).unwrap();
    // √8760 = 93.595.
    assert!((real(measured.current) - 0.935_949).abs() < 1e-5 && (real(measured.slow) - 0.467_974).abs() < 1e-5, "{measured:?}");
}
