//! Against vectors of mpmath, and the shape that the scenario loop relies on.
#![allow(clippy::unwrap_used, clippy::as_conversions, clippy::float_arithmetic, clippy::arithmetic_side_effects, clippy::indexing_slicing)]
use super::*;
use proptest::prelude::*;

/// Q80, finer than anything tested.
const FINE: i128 = 1 << 80;

/// (d in Q56; N, 1 − N, n in Q80) of every row.
fn vectors() -> Vec<(i64, i128, i128, i128)> {
    let rows = include_str!("../../../vectors/normal.csv").lines().filter(|line| !line.starts_with('#'));
    let rows: Vec<_> = rows
        .map(|line| {
            let mut cells = line.split(',').map(|cell| cell.parse::<i128>().unwrap());
            let mut next = || cells.next().unwrap();
            (next() as i64, next(), next(), next())
        })
        .collect();
    assert!(rows.len() > 2_000);
    rows
}

/// The largest error of `found` in Q80, as a number, and where.
fn worst(errors: impl Iterator<Item = (i128, i64)>) -> (f64, f64) {
    let (error, raw) = errors.map(|(error, raw)| (error.abs(), raw)).max().unwrap();
    (error as f64 / FINE as f64, raw as f64 / 2f64.powi(56))
}

#[test]
fn the_kernel_is_within_its_bound() {
    let (error, at) = worst(vectors().into_iter().map(|(raw, cdf, _, density)| {
        // The argument was cut by less than 2⁻²⁸; what that does to the value, to first order, is not the kernel's error.
        let rest = i128::from(raw & ((1 << 28) - 1));
        let expected = cdf - ((rest * (density >> 28)) >> 28);
        ((i128::from(cdf_fast(raw >> 28)) << 50) - expected, raw)
    }));
    println!("cdf_fast: worst error {error:.3e} at d = {at:.6}");
    assert!(error < 1.2e-9, "{error:e} at {at}");
}

#[test]
fn the_precise_form_is_within_its_bound() {
    let found = || vectors().into_iter().map(|row| (row, normal(Log::new(row.0))));
    let cdf = worst(found().map(|((raw, cdf, ..), found)| ((i128::from(found.cdf.raw()) << 20) - cdf, raw)));
    let density = worst(found().map(|((raw, .., density), found)| ((i128::from(found.density.raw()) << 20) - density, raw)));
    for (name, (error, at)) in [("N", cdf), ("n", density)] {
        println!("normal, {name}: worst error {error:.3e} = 2^{:.2} at d = {at:.6}", error.log2());
        assert!(error < 2f64.powi(-58), "{name}: {error:e} at {at}");
    }
}

#[test]
fn the_precise_form_at_zero_and_far_out() {
    assert_eq!(normal(Log::ZERO).cdf.raw(), Q60::ONE.raw() / 2);
    for (raw, expected) in [(i64::MAX, Q60::ONE), (i64::MIN, Q60::ZERO), (9 << 56, Q60::ONE), (-9 << 56, Q60::ZERO)] {
        assert_eq!(normal(Log::new(raw)), Normal { cdf: expected, density: Q60::ZERO });
    }
}

#[test]
fn the_density_of_the_kernel_is_within_its_bound() {
    let (error, at) = worst(vectors().into_iter().map(|(raw, _, _, density)| ((i128::from(density_fast(raw >> 28)) << 50) - density, raw)));
    println!("density_fast: worst error {error:.3e} at d = {at:.6}");
    assert!(error < 1e-6, "{error:e} at {at}");
    assert_eq!((density_fast(-8 << 28), density_fast(8 << 28)), (0, 0));
}

#[test]
fn the_kernel_nowhere_falls_and_neighbouring_pieces_meet() {
    for piece in 0..=3_200_i64 {
        let edge = (piece << PIECE_BITS) - CDF_EDGE;
        for d in edge - 200..edge + 200 {
            assert!(cdf_fast(d) <= cdf_fast(d + 1), "falls after {d}");
        }
        assert!(cdf_fast(edge) - cdf_fast(edge - 1) <= 2, "a step at {edge}");
    }
}

#[test]
fn the_kernel_at_zero_and_far_out() {
    assert_eq!(cdf_fast(0), ONE / 2);
    let far = i64::MAX - CDF_EDGE;
    for (d, expected) in [(CDF_EDGE, ONE), (-CDF_EDGE - 1, 0), (8 << 28, ONE), (-8 << 28, 0), (far, ONE), (i64::MIN, 0)] {
        assert_eq!(cdf_fast(d), expected);
    }
}

#[test]
fn the_pieces_are_continuous() {
    for pair in CDF_PIECES.windows(2) {
        let rise = (pair[1].value - pair[0].value) << RISE_SHIFT;
        assert_eq!(rise, (pair[0].slope + (pair[0].bend << PIECE_BITS)) << PIECE_BITS);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    #[test]
    fn the_kernel_is_symmetric_and_monotone(d in -(9_i64 << 28)..9 << 28, step in 0_i64..1 << 24) {
        prop_assert!((cdf_fast(d) + cdf_fast(-d) - ONE).abs() <= 1);
        prop_assert!(cdf_fast(d) <= cdf_fast(d + step));
        prop_assert!((0..=ONE).contains(&cdf_fast(d)));
    }

    /// The wrapping products are exact: the same steps in 128 bits give the same.
    #[test]
    fn the_kernel_never_wraps(distance in 0_i64..2 * CDF_EDGE) {
        let piece = &CDF_PIECES[(distance >> PIECE_BITS) as usize];
        let t = i128::from(distance & ((1 << PIECE_BITS) - 1));
        let rise = (i128::from(piece.slope) + i128::from(piece.bend) * t) * t;
        prop_assert_eq!(i128::from(cdf_from_edge(distance)), i128::from(piece.value) + (rise >> RISE_SHIFT));
    }

    #[test]
    fn the_two_forms_agree(raw in -(9_i64 << 56)..9 << 56) {
        let d = raw & !((1 << 28) - 1);
        let precise = normal(Log::new(d)).cdf.raw();
        prop_assert!(((cdf_fast(d >> 28) << 30) - precise).abs() < 5 << 28);
        prop_assert_eq!(precise + normal(Log::new(-d)).cdf.raw(), Q60::ONE.raw());
    }

    /// Across a node and within a piece: N never falls by more than the last places.
    #[test]
    fn the_precise_form_rises(raw in -(9_i64 << 56)..9 << 56, step in 0_u32..56) {
        prop_assert!(normal(Log::new(raw + (1 << step))).cdf.raw() + 4 >= normal(Log::new(raw)).cdf.raw());
    }
}
