//! Against floating point where 53 bits suffice, against identities and published constants where they do not.
#![allow(clippy::unwrap_used, clippy::as_conversions, clippy::float_arithmetic, clippy::arithmetic_side_effects)]
use super::*;
use proptest::prelude::*;

fn real(x: Q60) -> f64 {
    x.raw() as f64 / 2f64.powi(60)
}

fn log(x: Log) -> f64 {
    x.raw() as f64 / 2f64.powi(56)
}

/// Two units of the double nearest to the expected value, plus the stated bound.
fn close(found: f64, expected: f64, bound: f64) -> bool {
    (found - expected).abs() <= bound + 4.0 * f64::EPSILON * expected.abs()
}

#[test]
fn logarithms_of_one_and_of_powers_of_two_are_right_to_the_last_places() {
    assert_eq!(ln(1).unwrap(), Log::ZERO);
    assert_eq!(ln(0), Err(RiskError::QuantityOutOfRange));
    for power in 0..64_u32 {
        let exact = (i128::from(power) * i128::from(LN_2_Q64)) >> 8;
        assert!((i128::from(ln(1 << power).unwrap().raw()) - exact).abs() <= 1);
    }
    // ln 10 = 2.302585092994045684017991454684364…
    assert!((ln(10).unwrap().raw() - 165_918_741_868_749_488).abs() <= 8, "{}", ln(10).unwrap().raw());
}

#[test]
fn exponentials_of_whole_steps() {
    assert_eq!(exp(Log::ZERO).unwrap(), Q60::ONE);
    assert!((exp(Log::new(-(LN_2_HIGH as i64))).unwrap().raw() - (1 << 59)).abs() < 16);
    // e = 2.718281828459045235360287471352662…
    assert!((i128::from(exp(Log::new(1 << 56)).unwrap().raw()) - 3_133_965_575_612_453_543).abs() < 1 << 12);
    assert_eq!(exp(Log::new(i64::MIN)).unwrap(), Q60::ZERO);
    assert_eq!(exp(Log::new(i64::MAX)), Err(RiskError::Overflow));
    assert_eq!(exp(Log::new(-100 << 56)).unwrap(), Q60::ZERO);
    assert_eq!(exp(Log::new(149_839_554_000_000_000)).map(|_| ()), Ok(()));
    assert_eq!(exp(Log::new(149_839_555_000_000_000)), Err(RiskError::Overflow));
}

#[test]
fn the_fast_exponential_at_its_ends() {
    assert_eq!(exp_fast(Ratio::ZERO).unwrap(), Ratio::ONE);
    for x in [8 << 30, -8 << 30] {
        assert!(exp_fast(Ratio::new(x)).is_ok());
        assert_eq!(exp_fast(Ratio::new(x + x.signum())), Err(RiskError::ParameterOutOfRange));
    }
}

#[test]
fn the_logarithm_of_a_ratio_has_a_range() {
    assert!(ln_ratio(Ratio::ONE).unwrap().raw().abs() <= 1);
    for raw in [(1 << 28) - 1, 1 << 31, 0, -1, i64::MAX] {
        assert_eq!(ln_ratio(Ratio::new(raw)), Err(RiskError::QuantityOutOfRange));
    }
}

#[test]
fn the_logarithm_of_a_quotient_has_a_range_and_no_seam_where_doubling_begins() {
    assert_eq!(ln_quotient(7, 7).unwrap(), Log::ZERO);
    assert_eq!(ln_quotient(1 << 30, 1).unwrap().raw(), 30 * LN_2_HIGH.cast_signed());
    for (a, b) in [(0, 1), (1, 0), ((1 << 30) + 1, 1), (1, (1 << 30) + 1)] {
        assert_eq!(ln_quotient(a, b), Err(RiskError::QuantityOutOfRange));
    }
    for twos in 0..10 {
        let b = 1_u64 << (19 - twos);
        let a = 3 << 18;
        let [before, at, after] = [a - 1, a, a + 1].map(|a| ln_quotient(a, b).unwrap());
        assert!(before < at && at < after, "{twos}");
    }
}

#[test]
fn decay_is_exact_at_whole_half_lives_and_bounded_elsewhere() {
    let hour = Secs::new(3_600);
    for n in 0..60 {
        assert_eq!(decay(Secs::new(3_600 * n), hour).unwrap().raw(), (1 << 60) >> n);
    }
    assert_eq!(decay(Secs::new(i64::MAX), Secs::new(1)).unwrap(), Q60::ZERO);
    assert_eq!(decay(Secs::new(-5), hour).unwrap(), Q60::ONE);
    for bad in [0, -1, (1 << 26) + 1] {
        assert_eq!(decay(hour, Secs::new(bad)), Err(RiskError::ParameterOutOfRange));
    }
}

#[test]
fn square_roots_of_squares_and_of_extremes() {
    assert_eq!(sqrt(Q60::ONE).unwrap(), Q60::ONE);
    assert_eq!(sqrt(Q60::new(1 << 62)).unwrap().raw(), 1 << 61);
    assert_eq!(sqrt(Q60::new(1)).unwrap().raw(), 1 << 30);
    assert_eq!(sqrt(Q60::new(-1)), Err(RiskError::QuantityOutOfRange));
    assert_eq!(Q60::square(Ratio::of(1, 2)).unwrap().root().unwrap(), Ratio::of(1, 2));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn ln_agrees_with_floating_point(bits in 0_u32..64, noise: u64) {
        let x = (noise >> bits).max(1);
        prop_assert!(close(log(ln(x).unwrap()), (x as f64).ln(), 2f64.powi(-53)));
    }

    #[test]
    fn the_fast_exponential_is_within_its_bound(x in -(8_i64 << 30)..=8 << 30) {
        let exact = (x as f64 / 2f64.powi(30)).exp() * 2f64.powi(30);
        let found = exp_fast(Ratio::new(x)).unwrap().raw() as f64;
        prop_assert!((-2.0 - exact / 2f64.powi(29)..=0.01 + exact / 2f64.powi(38)).contains(&(found - exact)), "{x}: {found} {exact}");
    }

    #[test]
    fn the_logarithm_of_a_ratio_is_that_of_its_integer(raw in 1_i64 << 28..1 << 31) {
        let of_ratio = ln_ratio(Ratio::new(raw)).unwrap().raw();
        prop_assert!((of_ratio - ln_fast(raw as u64).unwrap().raw() + ln(1 << 30).unwrap().raw()).abs() <= 1);
    }

    #[test]
    fn roots_by_newton_are_integer_roots(n in 0..u64::MAX >> 1, bits in 0_u32..62, beyond: u32) {
        let n = n >> bits;
        prop_assert_eq!(root_from(n, n.isqrt() + 1 + u64::from(beyond)), n.isqrt());
        prop_assert_eq!(root_from(n, n.isqrt().max(1)), n.isqrt().max(u64::from(n != 0)));
    }

    #[test]
    fn the_fast_logarithm_is_within_its_bound(bits in 0_u32..64, noise: u64) {
        let x = (noise >> bits).max(1);
        prop_assert!((ln_fast(x).unwrap().raw() - ln(x).unwrap().raw()).abs() <= 1 << (56 - 33), "{}", x);
    }

    /// Where the spot moves of the grid are.
    #[test]
    fn the_fast_logarithm_near_one_is_within_its_bound(x in 1_u64 << 28..1 << 32) {
        prop_assert!((ln_fast(x).unwrap().raw() - ln(x).unwrap().raw()).abs() <= 1 << (56 - 33), "{}", x);
    }

    /// Finer than floating point can see: the logarithm of a product is the sum of the logarithms.
    /// Any two prices, and two that are near each other.
    #[test]
    fn the_logarithm_of_a_quotient_is_within_its_bound(a in 1_u64..=1 << 30, bits in 0_u32..30, apart in -(1_i64 << 26)..1 << 26) {
        for (a, b) in [(a, (a >> bits).max(1)), (a, a.saturating_add_signed(apart).clamp(1, 1 << 30)), (a >> bits | 1, a)] {
            let found = ln_quotient(a, b).unwrap();
            // The precise logarithms are 2⁻⁵³ from the truth each.
            let apart = found.sub(ln(a).unwrap().sub(ln(b).unwrap()).unwrap()).unwrap();
            prop_assert!(apart.raw().abs() <= 1 << (56 - 32), "{a} / {b}: {}", log(apart));
            prop_assert_eq!(ln_quotient(b, a).unwrap().raw(), -found.raw());
        }
    }

    /// A larger price never has a smaller logarithm over the same one.
    #[test]
    fn the_logarithm_of_a_quotient_never_falls(a in 1_u64..1 << 30, b in 1_u64..=1 << 30, step in 1_u64..1 << 8) {
        let next = a.saturating_add(step).min(1 << 30);
        prop_assert!(ln_quotient(next, b).unwrap() >= ln_quotient(a, b).unwrap());
    }

    #[test]
    fn ln_of_a_product(a in 1_u64..1 << 32, b in 1_u64..1 << 31) {
        let sum = ln(a).unwrap().add(ln(b).unwrap()).unwrap();
        prop_assert!((ln(a * b).unwrap().raw() - sum.raw()).abs() <= 16);
    }

    #[test]
    fn ln_never_falls(x in 1_u64..u64::MAX, step in 0_u32..40) {
        let above = x.saturating_add(1 << step);
        // Neighbours a unit of the result apart may swap by the stated error and no more.
        prop_assert!(ln(above).unwrap().raw() + 8 >= ln(x).unwrap().raw());
    }

    #[test]
    fn exp_agrees_with_floating_point(raw in (-46_i64 << 56)..149_800_000_000_000_000) {
        let expected = log(Log::new(raw)).exp();
        prop_assert!(close(real(exp(Log::new(raw)).unwrap()), expected, 2f64.powi(-50) * expected + 2f64.powi(-60)));
    }

    #[test]
    fn exp_undoes_ln(price in 1_u64..1 << 30, other in 1_u64..1 << 30) {
        let ratio = ln(price).unwrap().sub(ln(other).unwrap()).unwrap();
        prop_assume!(price < 7 * other);
        let expected = price as f64 / other as f64;
        prop_assert!(close(real(exp(ratio).unwrap()), expected, 2f64.powi(-48) * expected + 2f64.powi(-60)));
    }

    #[test]
    fn decay_agrees_with_floating_point(elapsed in 0_i64..1 << 28, half_life in 1_i64..1 << 26) {
        let expected = (-(elapsed as f64) / half_life as f64).exp2();
        // The quotient of the reference is itself off by half a unit of up to 60.
        prop_assert!(close(real(decay(Secs::new(elapsed), Secs::new(half_life)).unwrap()), expected, 2f64.powi(-57) + 64.0 * f64::EPSILON * expected));
    }

    /// Decay over a + b is decay over a times decay over b, to the last places.
    #[test]
    fn decay_composes(a in 0_i64..1 << 24, b in 0_i64..1 << 24, half_life in 1_i64..1 << 26) {
        let half_life = Secs::new(half_life);
        let parts = decay(Secs::new(a), half_life).unwrap().times(decay(Secs::new(b), half_life).unwrap()).unwrap();
        prop_assert!((decay(Secs::new(a + b), half_life).unwrap().raw() - parts.raw()).abs() <= 24);
    }

    #[test]
    fn sqrt_is_at_most_the_root_and_two_units_from_it(raw in 1_i64..i64::MAX, bits in 0_u32..62) {
        let x = (raw >> bits).max(1);
        let root = i128::from(sqrt(Q60::new(x)).unwrap().raw());
        let exact = i128::from(x) << 60;
        prop_assert!(root * root <= exact);
        prop_assert!((root + 2) * (root + 2) > exact, "{} {}", x, root);
    }

    #[test]
    fn products_agree_with_wide_arithmetic(a: i64, b: i64) {
        let exact = (i128::from(a) * i128::from(b)) / (1 << 60);
        let expected = i64::try_from(exact).ok().filter(|&value| value != i64::MIN);
        prop_assert_eq!(Q60::new(a).times(Q60::new(b)).ok().map(Q60::raw), expected);
    }

    #[test]
    fn scaling_agrees_with_the_general_division(a: i64, ratio in -(1_i64 << 36)..1 << 36, up: bool) {
        let round = if up { Round::Ceil } else { Round::Floor };
        let expected = crate::units::mul_div(a, ratio, 1 << 30, round).ok().filter(|&value| value != i64::MIN);
        prop_assert_eq!(scale(a, Ratio::new(ratio), round).ok(), expected);
    }

    #[test]
    fn a_blend_stays_between(from in 0_i64..i64::MAX, to in 0_i64..i64::MAX, weight in 0_i64..=1 << 60) {
        let blended = Q60::new(from).toward(Q60::new(to), Q60::new(weight)).unwrap().raw();
        prop_assert!(blended >= from.min(to) && blended <= from.max(to));
    }
}

#[test]
fn a_blend_refuses_what_it_cannot_keep_between() {
    for (from, to, weight) in [(-1, 1, 1), (1, -1, 1), (1, 1, -1), (1, 1, (1 << 60) + 1)] {
        assert_eq!(Q60::new(from).toward(Q60::new(to), Q60::new(weight)), Err(RiskError::ParameterOutOfRange));
    }
}
