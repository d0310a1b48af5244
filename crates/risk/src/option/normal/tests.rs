//! Against vectors of mpmath, and the shape that the scenario loop relies on.
#![allow(clippy::unwrap_used, clippy::as_conversions, clippy::float_arithmetic, clippy::arithmetic_side_effects, clippy::indexing_slicing)]
use super::*;
use proptest::prelude::*;

/// (d in Q56, N, 1 − N, n) of every row.
fn vectors() -> Vec<(i64, f64, f64, f64)> {
    let rows = include_str!("../../../vectors/normal.csv").lines().filter(|line| !line.starts_with('#'));
    let rows: Vec<_> = rows
        .map(|line| {
            let mut cells = line.split(',');
            let d = cells.next().unwrap().parse().unwrap();
            let mut next = || cells.next().unwrap().parse().unwrap();
            (d, next(), next(), next())
        })
        .collect();
    assert!(rows.len() > 2_000);
    rows
}

#[test]
fn the_kernel_is_within_its_bound() {
    let mut worst = (0.0, 0);
    for (raw, lower, upper, density) in vectors() {
        let d = raw >> 28;
        // The argument was cut by up to 2⁻²⁸: what that does to the value is not the kernel's error.
        let rest = (raw & ((1 << 28) - 1)) as f64 / 2f64.powi(56);
        let expected = if raw < 0 { lower - rest * density } else { 1.0 - upper - rest * density };
        let error = (cdf_fast(d) as f64 / 2f64.powi(30) - expected).abs();
        worst = if error > worst.0 { (error, d) } else { worst };
    }
    println!("cdf_fast: worst error {:.3e} at d = {:.6}", worst.0, worst.1 as f64 / 2f64.powi(28));
    assert!(worst.0 < 1.2e-9, "{worst:?}");
}

#[test]
fn the_kernel_nowhere_falls_and_neighbouring_pieces_meet() {
    for piece in 1..=512_i64 {
        let edge = piece << PIECE_BITS;
        for d in edge - 200..edge + 200 {
            assert!(cdf_fast(d) <= cdf_fast(d + 1), "falls after {d}");
        }
        assert!(cdf_fast(edge) - cdf_fast(edge - 1) <= 2, "a step at {edge}");
    }
}

#[test]
fn the_kernel_at_zero_and_far_out() {
    assert_eq!(cdf_fast(0), ONE / 2);
    for (d, expected) in [(8 << 28, ONE), (-8 << 28, 0), (i64::MAX, ONE), (i64::MIN, 0), (i64::MIN + 1, 0)] {
        assert_eq!(cdf_fast(d), expected);
    }
}

#[test]
fn the_pieces_are_continuous() {
    for pair in CDF_PIECES.windows(2) {
        let rise = (i64::from(pair[1].value) - i64::from(pair[0].value)) << FINER_BITS;
        assert_eq!(rise, i64::from(pair[0].slope) - i64::from(pair[0].bend) + i64::from(pair[0].twist));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    #[test]
    fn the_kernel_is_symmetric_and_monotone(d in -(9_i64 << 28)..9 << 28, step in 0_i64..1 << 24) {
        prop_assert_eq!(cdf_fast(d) + cdf_fast(-d), ONE);
        prop_assert!(cdf_fast(d) <= cdf_fast(d + step));
        prop_assert!((0..=ONE).contains(&cdf_fast(d)));
    }

    /// The wrapping products are exact: the same steps in 128 bits give the same.
    #[test]
    fn the_kernel_never_wraps(d in 0_i64..8 << 28) {
        let piece = &CDF_PIECES[(d >> PIECE_BITS) as usize];
        let t = i128::from(d & ((1 << PIECE_BITS) - 1));
        let bend = i128::from(piece.bend) - ((i128::from(piece.twist) * t) >> PIECE_BITS);
        let slope = i128::from(piece.slope) - ((bend * t) >> PIECE_BITS);
        let wide = i128::from(piece.value) + ((slope * t) >> (PIECE_BITS + FINER_BITS));
        prop_assert_eq!(i128::from(cdf_fast(d)), wide);
    }
}
