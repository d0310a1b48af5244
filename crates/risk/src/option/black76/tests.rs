//! What holds for every premium whatever its value; the values themselves are in `tests/vectors.rs`.
#![allow(clippy::unwrap_used, clippy::as_conversions, clippy::float_arithmetic, clippy::arithmetic_side_effects)]
use super::super::implied_volatility;
use super::*;
use proptest::prelude::*;

const DAY: i64 = 86_400;
const BOTH: [OptionKind; 2] = [OptionKind::Call, OptionKind::Put];

fn contract(forward: i64, strike: i64, tau: i64) -> RiskResult<Contract> {
    Contract::new(Price::new(forward), Price::new(strike), Secs::new(tau))
}

fn premium(forward: i64, strike: i64, tau: i64, sigma: i64, kind: OptionKind) -> i64 {
    contract(forward, strike, tau).unwrap().at(Ratio::new(sigma)).unwrap().premium(kind).unwrap().raw()
}

/// 1e-9 of the forward, and the two last places that rounding takes.
fn slack(forward: i64) -> i64 {
    forward * 4 + 2
}

prop_compose! {
    /// (forward, strike, seconds, volatility) anywhere in the domain.
    fn anything()(forward in prop_oneof![1_i64..=1 << 30, (0_u32..=30).prop_map(|bits| 1 << bits)],
                  factor in -4.6_f64..4.6, tau in prop_oneof![3_600..=2 * YEAR.raw(), 3_600..=7 * DAY],
                  sigma in prop_oneof![MIN_VOLATILITY.raw()..=MAX_VOLATILITY.raw(), MIN_VOLATILITY.raw()..=1 << 30])
                 -> (i64, i64, i64, i64) {
        let strike = ((forward as f64 * factor.exp()) as i64).clamp(1, 1 << 30);
        (forward, strike.clamp((forward + 99) / 100, forward * 100), tau, sigma)
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn premiums_stay_between_their_bounds((forward, strike, tau, sigma) in anything()) {
        let [call, put] = BOTH.map(|kind| premium(forward, strike, tau, sigma, kind));
        prop_assert!(call >= (forward - strike).max(0) << 32 && call <= forward << 32);
        prop_assert!(put >= (strike - forward).max(0) << 32 && put <= strike << 32);
        prop_assert_eq!(call - put, (forward - strike) << 32);
    }

    #[test]
    fn inverses_agree_with_wide_division(value in (1_i64 << 47)..i64::MAX, bits in 0_u32..16) {
        let value = (value >> bits).max(1 << 47);
        let exact = (1_u128 << 106) / value as u128;
        let found = u128::from(inverse(Q60::new(value)).unwrap());
        prop_assert!(found <= exact && found + 1 >= exact, "{} {}", found, exact);
    }

    #[test]
    fn premiums_rise_with_volatility((forward, strike, tau, sigma) in anything(), bits in 0_u32..33) {
        let higher = (sigma + (1 << bits)).min(MAX_VOLATILITY.raw());
        for kind in BOTH {
            let (low, high) = (premium(forward, strike, tau, sigma, kind), premium(forward, strike, tau, higher, kind));
            prop_assert!(high >= low - slack(forward), "{} {}", low, high);
        }
    }

    #[test]
    fn calls_fall_and_puts_rise_with_the_strike_by_no_more_than_it((forward, strike, tau, sigma) in anything(), bits in 0_u32..30) {
        let higher = (strike + (1 << bits)).min(1 << 30).min(forward * 100);
        let slack = slack(forward);
        let fall = premium(forward, strike, tau, sigma, OptionKind::Call) - premium(forward, higher, tau, sigma, OptionKind::Call);
        prop_assert!(fall >= -slack && fall <= ((higher - strike) << 32) + slack, "{}", fall);
        let rise = premium(forward, higher, tau, sigma, OptionKind::Put) - premium(forward, strike, tau, sigma, OptionKind::Put);
        prop_assert!(rise >= -slack && rise <= ((higher - strike) << 32) + slack, "{}", rise);
    }

    #[test]
    fn premiums_rise_with_time((forward, strike, tau, sigma) in anything(), bits in 0_u32..26) {
        let later = (tau + (1 << bits)).min(2 * YEAR.raw());
        for kind in BOTH {
            prop_assert!(premium(forward, strike, later, sigma, kind) >= premium(forward, strike, tau, sigma, kind) - slack(forward));
        }
    }

    #[test]
    fn greeks_have_their_signs_and_go_together((forward, strike, tau, sigma) in anything()) {
        let priced = contract(forward, strike, tau).unwrap().at(Ratio::new(sigma)).unwrap();
        let [call, put] = BOTH.map(|kind| priced.greeks(kind).unwrap());
        prop_assert_eq!(call.delta.raw() - put.delta.raw(), 1 << 30);
        prop_assert!(call.delta.raw() >= 0 && put.delta.raw() <= 0);
        prop_assert_eq!((call.gamma, call.vega, call.theta), (put.gamma, put.vega, put.theta));
        prop_assert!(call.gamma.raw() >= 0 && call.vega.raw() >= 0 && call.theta.raw() <= 0);
        prop_assert!(call.rho.raw() >= 0 && put.rho.raw() <= 0);
    }

    /// Delta is what a small move of the forward is worth.
    #[test]
    fn delta_is_the_slope(strike in 1_000_000_i64..1 << 29, (_, _, tau, sigma) in anything(), shift in -0.5_f64..0.5) {
        let forward = (strike as f64 * shift.exp()) as i64;
        let step = forward / 100_000;
        let slope = (premium(forward + step, strike, tau, sigma, OptionKind::Call) - premium(forward - step, strike, tau, sigma, OptionKind::Call)) as f64
            / (2 * step) as f64 / 2f64.powi(32);
        let priced = contract(forward, strike, tau).unwrap().at(Ratio::new(sigma)).unwrap();
        let delta = priced.delta(OptionKind::Call).raw() as f64 / 2f64.powi(30);
        let gamma = priced.greeks(OptionKind::Call).unwrap().gamma.raw() as f64 / 2f64.powi(30);
        prop_assert!((slope - delta).abs() < 1e-6 + gamma * 1e-3, "{} {}", slope, delta);
    }

    #[test]
    fn implied_volatility_gives_the_premium_back((forward, strike, tau, sigma) in anything()) {
        let contract = contract(forward, strike, tau).unwrap();
        let priced = contract.at(Ratio::new(sigma)).unwrap();
        for kind in BOTH {
            let premium = priced.premium(kind).unwrap();
            match implied_volatility(&contract, kind, premium) {
                Ok(found) => {
                    let again = contract.at(found).unwrap();
                    let gap = again.premium(kind).unwrap().raw().abs_diff(premium.raw());
                    let step = again.vega_per_unit().unwrap().raw().unsigned_abs() >> 30;
                    prop_assert!(gap <= step + 16, "{:?} {} {}", found, gap, step);
                }
                // Nothing above the intrinsic value in Q32, or nothing below the bound.
                Err(refusal) => {
                    prop_assert_eq!(refusal, RiskError::PremiumOutOfRange);
                    let value = priced.time_value().unwrap().raw();
                    prop_assert!(value == 0 || value == forward.min(strike) << 32);
                }
            }
        }
    }

    /// Raw numbers of any size are refused or priced, never a panic.
    #[test]
    fn garbage_is_refused(forward: i64, strike: i64, tau: i64, sigma: i64, value: i64) {
        if let Ok(contract) = contract(forward, strike, tau) {
            let _ = contract.at(Ratio::new(sigma)).and_then(|priced| priced.greeks(OptionKind::Put));
            let _ = implied_volatility(&contract, OptionKind::Put, Premium::new(value));
        }
    }
}

#[test]
fn inverses_at_the_ends() {
    for value in [1 << 47, (1 << 48) - 1, 1 << 48, 1 << 60, i64::MAX] {
        let (exact, found) = ((1_u128 << 106) / value as u128, u128::from(inverse(Q60::new(value)).unwrap()));
        assert!(found <= exact && found + 1 >= exact, "{value}: {found} {exact}");
    }
    for value in [(1 << 47) - 1, 0, -1, i64::MIN] {
        assert_eq!(inverse(Q60::new(value)), Err(RiskError::ParameterOutOfRange));
    }
}

#[test]
fn the_domain_has_edges() {
    assert!(contract(100, 1, 3_600).is_ok() && contract(1, 100, 2 * YEAR.raw()).is_ok());
    for (forward, strike, tau, refusal) in [
        (101, 1, DAY, RiskError::StrikeOutOfRange),
        (1, 101, DAY, RiskError::StrikeOutOfRange),
        (0, 1, DAY, RiskError::PriceOutOfRange),
        (1, -1, DAY, RiskError::PriceOutOfRange),
        ((1 << 30) + 1, 1 << 30, DAY, RiskError::PriceOutOfRange),
        (100, 100, 3_599, RiskError::ExpiryOutOfRange),
        (100, 100, 2 * YEAR.raw() + 1, RiskError::ExpiryOutOfRange),
        (100, 100, i64::MIN, RiskError::ExpiryOutOfRange),
    ] {
        assert_eq!(contract(forward, strike, tau), Err(refusal));
    }
    let contract = contract(100, 100, DAY).unwrap();
    for sigma in [MIN_VOLATILITY.raw() - 1, MAX_VOLATILITY.raw() + 1, 0, -1, i64::MAX] {
        assert_eq!(contract.at(Ratio::new(sigma)), Err(RiskError::VolatilityOutOfRange));
    }
}

#[test]
fn implied_volatility_at_the_ends_of_the_domain() {
    // The last places of a premium at 4.96 are above those at 5: rounding, not another volatility.
    let far = contract(175_209_499, 4_194_304, 246_886).unwrap();
    let premium = far.at(Ratio::new(5_321_018_018)).unwrap().premium(OptionKind::Call).unwrap();
    assert!(implied_volatility(&far, OptionKind::Call, premium).is_ok());
    for sigma in [MIN_VOLATILITY, MAX_VOLATILITY] {
        let near = contract(2_000_000, 2_000_000, 30 * DAY).unwrap();
        let premium = near.at(sigma).unwrap().premium(OptionKind::Put).unwrap();
        assert_eq!(implied_volatility(&near, OptionKind::Put, premium), Ok(sigma));
        let beyond = if sigma == MIN_VOLATILITY { -1 << 20 } else { 1 << 20 };
        let refused = implied_volatility(&near, OptionKind::Put, Premium::new(premium.raw() + beyond));
        assert_eq!(refused, Err(RiskError::VolatilityOutOfRange));
    }
}

#[test]
fn implied_volatility_refuses_arbitrage() {
    let contract = contract(2_000_000, 1_500_000, 30 * DAY).unwrap();
    let refused = |kind, atoms: i64| implied_volatility(&contract, kind, Premium::new(atoms << 32));
    assert_eq!(refused(OptionKind::Call, 500_000), Err(RiskError::PremiumOutOfRange), "intrinsic value");
    assert_eq!(refused(OptionKind::Call, 2_000_000), Err(RiskError::PremiumOutOfRange), "the forward itself");
    assert_eq!(refused(OptionKind::Put, 1_500_000), Err(RiskError::PremiumOutOfRange));
    assert_eq!(refused(OptionKind::Put, 0), Err(RiskError::PremiumOutOfRange));
    assert_eq!(refused(OptionKind::Put, -1), Err(RiskError::PremiumOutOfRange));
    assert_eq!(implied_volatility(&contract, OptionKind::Call, Premium::new(i64::MIN)), Err(RiskError::PremiumOutOfRange));
    assert_eq!(refused(OptionKind::Call, 1_999_000), Err(RiskError::VolatilityOutOfRange));
    let tiny = Premium::new((500_000 << 32) + 1);
    assert!(matches!(implied_volatility(&contract, OptionKind::Call, tiny), Ok(_) | Err(RiskError::VolatilityOutOfRange)));
}
