//! Against the formula in floating point, and the absence of arbitrage by price.
#![allow(clippy::unwrap_used, clippy::as_conversions, clippy::float_arithmetic, clippy::arithmetic_side_effects)]
use super::super::{Contract, OptionKind, YEAR};
use super::*;
use crate::units::Price;
use proptest::prelude::*;

const DAY: i64 = 86_400;

fn smile(atm: f64, skew: f64, curvature: f64) -> Smile {
    let ratio = |value: f64| Ratio::new((value * 2f64.powi(30)) as i64);
    Smile { atm: ratio(atm), skew: ratio(skew), curvature: ratio(curvature) }
}

fn real(ratio: Ratio) -> f64 {
    ratio.raw() as f64 / 2f64.powi(30)
}

fn formula(smile: &Smile, tau: i64, log: f64) -> f64 {
    let (atm, skew, curvature) = (real(smile.atm), real(smile.skew), real(smile.curvature));
    let x = (log / (atm * (tau.max(3_600) as f64 / YEAR.raw() as f64).sqrt())).clamp(-10.0, 10.0);
    let w = 0.5 * (1.0 + 2.0 * skew * x + (1.0 + 4.0 * skew * x + 4.0 * curvature * x * x).sqrt());
    (atm * w.sqrt()).clamp(0.05, 5.0)
}

prop_compose! {
    /// Any smile of the permitted set, and a time.
    fn anything()(atm in prop_oneof![0.05_f64..5.0, 0.2_f64..1.5], curvature in prop_oneof![0_f64..0.5, 0_f64..0.1],
                  share in -1_f64..1.0, tau in prop_oneof![3_600..=2 * YEAR.raw(), 3_600..=60 * DAY]) -> (Smile, i64) {
        (smile(atm, share * (curvature / 2.0).sqrt(), curvature), tau)
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn volatilities_agree_with_the_formula((smile, tau) in anything(), log in prop_oneof![-4.6_f64..4.6, -0.2_f64..0.2]) {
        let raw = (log * 2f64.powi(56)) as i64;
        let found = smile.with(Secs::new(tau)).unwrap().volatility(Log::new(raw));
        let expected = formula(&smile, tau, log);
        prop_assert!((real(found) / expected - 1.0).abs() < 2f64.powi(-24), "{} {}", real(found), expected);
        prop_assert!(expected > 0.7 * real(smile.atm) || expected == 0.05);
    }

    /// The theorem, by price: on any three strikes where no cap decides a butterfly costs something.
    #[test]
    fn no_butterfly_pays((smile, tau) in anything(), at in -6_f64..6.0, widths in (0.001_f64..3.0, 0.001_f64..3.0)) {
        // A few have wings too steep for their time.
        if smile.validate(Secs::new(tau)).is_err() {
            return Ok(());
        }
        let worst = butterfly(&smile, tau, [at - widths.0, at, at + widths.1]);
        prop_assert!(worst.is_none_or(|value| value > -1.0 / 2f64.powi(26)), "{:?}", worst);
    }

    #[test]
    fn what_lies_between_two_smiles_is_one((a, _) in anything(), (b, _) in anything(), weight in 0_i64..=1 << 30) {
        let between = a.toward(&b, Ratio::new(weight)).unwrap();
        prop_assert_eq!(between.check_ranges(), Ok(()), "{:?}", between);
        prop_assert!(between.atm >= a.atm.min(b.atm) && between.atm <= a.atm.max(b.atm));
    }

    #[test]
    fn garbage_is_refused(atm: i64, skew: i64, curvature: i64, tau: i64, log: i64, weight: i64) {
        let smile = Smile { atm: Ratio::new(atm), skew: Ratio::new(skew), curvature: Ratio::new(curvature) };
        let _ = (smile.validate(Secs::new(tau)), smile.toward(&Smile::default(), Ratio::new(weight)));
        if let Ok(curve) = smile.with(Secs::new(tau)) {
            let _ = (curve.volatility(Log::new(log)), curve.deviation(Log::new(log)), curve.is_capped(Log::new(log)));
        }
    }

    /// Whatever the logarithm, the result is a volatility of the domain.
    #[test]
    fn any_strike_has_a_volatility((smile, tau) in anything(), log: i64) {
        let sigma = smile.with(Secs::new(tau)).unwrap().volatility(Log::new(log));
        prop_assert!(sigma >= MIN_VOLATILITY && sigma <= MAX_VOLATILITY);
    }
}

/// What a butterfly costs per unit of the forward, at strikes so many deviations out; none where a cap decides or a strike is outside the domain.
fn butterfly(smile: &Smile, tau: i64, deviations: [f64; 3]) -> Option<f64> {
    let forward = 1 << 27;
    let curve = smile.with(Secs::new(tau)).ok()?;
    let scale = real(smile.atm) * (tau as f64 / YEAR.raw() as f64).sqrt();
    let mut points = vec![];
    for x in deviations {
        let strike = (f64::from(forward) * (x * scale).exp()) as i64;
        let log = crate::option::surface::log_moneyness(Price::new(strike), Price::new(i64::from(forward))).ok()?;
        if curve.is_capped(log) {
            return None;
        }
        let contract = Contract::new(Price::new(i64::from(forward)), Price::new(strike), Secs::new(tau)).ok()?;
        let call = contract.at(curve.volatility(log)).unwrap().premium(OptionKind::Call).unwrap();
        points.push((strike as f64, call.raw() as f64 / 2f64.powi(32)));
    }
    let [(k1, c1), (k2, c2), (k3, c3)] = points.try_into().ok()?;
    if k1 >= k2 || k2 >= k3 {
        return None;
    }
    Some(((c1 - c2) * ((k3 - k2) / (k2 - k1)).min(1.0) - (c2 - c3) * ((k2 - k1) / (k3 - k2)).min(1.0)) / f64::from(forward))
}

/// The same search finds the arbitrage where the condition on the wings does not hold: it can fail.
#[test]
fn the_search_finds_a_butterfly_outside_the_set() {
    let steep = smile(4.0, 0.49, 0.5);
    assert_eq!(steep.validate(Secs::new(2 * YEAR.raw())), Err(RiskError::ParameterOutOfRange));
    let worst = (-40..40)
        .flat_map(|at| (1..20).map(move |width| (f64::from(at) / 40.0, f64::from(width) / 100.0)))
        .filter_map(|(at, width)| butterfly(&smile(3.0, 0.49, 0.5), 2 * YEAR.raw(), [at - width, at, at + width]))
        .fold(0.0, f64::min);
    println!("worst butterfly outside the set: {worst:.3e} of the forward");
    assert!(worst < -1e-6, "{worst}");
}

#[test]
fn three_numbers_have_their_meaning() {
    let smile = smile(0.8, -0.1, 0.08);
    let curve = smile.with(Secs::new(30 * DAY)).unwrap();
    assert_eq!(curve.volatility(Log::ZERO), smile.atm);
    // A hundredth of a deviation to each side.
    let step = 0.01 * 0.8 * (30.0 / 365.0_f64).sqrt();
    let [low, high] = [-step, step].map(|log| real(curve.volatility(Log::new((log * 2f64.powi(56)) as i64))) / 0.8);
    assert!(((high - low) / 0.02 + 0.1).abs() < 1e-4, "skew");
    assert!(((high + low - 2.0) / 1e-4 - (0.08 - 2.0 * 0.01)).abs() < 2e-3, "bend");
}

#[test]
fn the_set_has_edges() {
    let month = Secs::new(30 * DAY);
    assert_eq!(smile(0.8, 0.5, 0.5).validate(month), Ok(()));
    for (bad, refusal) in [
        (smile(0.8, 0.501, 0.5), RiskError::ParameterOutOfRange),
        (smile(0.8, -0.21, 0.08), RiskError::ParameterOutOfRange),
        (smile(0.8, 0.0, 0.501), RiskError::ParameterOutOfRange),
        (smile(0.8, 0.0, -0.001), RiskError::ParameterOutOfRange),
        (smile(0.049, 0.0, 0.0), RiskError::VolatilityOutOfRange),
        (smile(5.01, 0.0, 0.0), RiskError::VolatilityOutOfRange),
    ] {
        assert_eq!(bad.validate(month), Err(refusal), "{bad:?}");
    }
    // a√τ·(√c + |s|) is 1.994, then 2.014.
    assert_eq!(smile(2.0, -0.29, 0.5).validate(YEAR), Ok(()));
    assert_eq!(smile(2.0, -0.30, 0.5).validate(YEAR), Err(RiskError::ParameterOutOfRange));
    assert_eq!(smile(0.8, 0.0, 0.0).validate(Secs::new(2 * YEAR.raw() + 1)), Err(RiskError::ExpiryOutOfRange));
    // Less than an hour counts as one.
    assert_eq!(smile(0.8, 0.0, 0.1).with(Secs::new(-5)).unwrap(), smile(0.8, 0.0, 0.1).with(Secs::new(3_600)).unwrap());
}
