//! The normal distribution: a kernel for the scenario loop, and a precise form for prices and Greeks.
//!
//! | function | argument | result | error bound (tested) |
//! | --- | --- | --- | --- |
//! | [`cdf_fast`] | Q28 | Q30 | 1.2e-9 absolute; nowhere falling; ½ at 0; N(−d) = 1 − N(d) to one unit of 2⁻³⁰ |
//! | [`density_fast`] | Q28 | Q30 | 1e-6 absolute |
//! | [`normal`] | [`Log`] (Q56) | N and n in [`Q60`] | 2⁻⁵⁸ absolute; ½ at 0; N(−d) = 1 − N(d) exactly |

use super::cdf_table::CDF_PIECES;
use super::normal_table::NORMAL_NODES;
use crate::fixed_math::{mul_q63, Log, Q60};

/// Fraction bits of the argument of [`cdf_fast`].
pub const CDF_ARGUMENT_BITS: u32 = 28;
/// Fraction bits of the result of [`cdf_fast`].
pub const CDF_RESULT_BITS: u32 = 30;
/// Where the table begins, as a distance below 0 in Q28: 6.25. What is added to an argument for [`cdf_from_edge`].
pub(crate) const CDF_EDGE: i64 = 25 << (CDF_ARGUMENT_BITS - 2);

/// 1.0 as a result.
const ONE: i64 = 1 << CDF_RESULT_BITS;
/// A piece is 1/256 wide.
const PIECE_BITS: u32 = CDF_ARGUMENT_BITS - 8;
const IN_PIECE: u64 = (1 << PIECE_BITS) - 1;
/// Fraction bits of a bend; those of a slope are as many more as a piece has.
const BEND_BITS: u32 = 32;
/// Fraction bits of what a piece adds to its value, less those of the result.
const RISE_SHIFT: u32 = BEND_BITS + 2 * PIECE_BITS - CDF_RESULT_BITS;
/// Slopes and bends are per piece; 256 pieces to the unit turn them into a density.
const DENSITY_SHIFT: u32 = BEND_BITS + PIECE_BITS - 8 - CDF_RESULT_BITS;

/// One quadratic piece: value + (t·(slope + t·bend) >> [`RISE_SHIFT`]) for t in 0 .. 2²⁰ across it. Value Q30, slope Q52, bend Q32.
pub(super) struct Piece {
    pub(super) value: i64,
    pub(super) slope: i64,
    pub(super) bend: i64,
}

/// A line of the table.
pub(super) const fn piece(value: i64, slope: i64, bend: i64) -> Piece {
    Piece { value, slope, bend }
}

/// The normal distribution function of d in Q28, any value that [`CDF_EDGE`] can be added to, as Q30 in 0 ..= 2³⁰.
///
/// Two multiplies and no division; at most 1.2e-9 from the truth. It nowhere falls and is ½ at 0.
#[inline(always)]
pub fn cdf_fast(d: i64) -> i64 {
    cdf_from_edge(d.wrapping_add(CDF_EDGE))
}

/// [`cdf_fast`] of an argument counted from the beginning of the table.
#[inline(always)]
pub(crate) fn cdf_from_edge(distance: i64) -> i64 {
    match piece_at(distance) {
        // The table's maker asserts that the product fits 63 bits.
        Some((piece, t)) => piece.value.wrapping_add(piece.bend.wrapping_mul(t).wrapping_add(piece.slope).wrapping_mul(t) >> RISE_SHIFT),
        // Beyond 6.25 the tail is below the last place.
        None if distance < 0 => 0,
        None => ONE,
    }
}

/// The density of the normal distribution at d in Q28, as Q30: the slope of [`cdf_fast`], at most 1e-6 from the truth.
#[inline(always)]
pub(crate) fn density_fast(d: i64) -> i64 {
    match piece_at(d.wrapping_add(CDF_EDGE)) {
        Some((piece, t)) => (piece.bend << 1).wrapping_mul(t).wrapping_add(piece.slope) >> DENSITY_SHIFT,
        None => 0,
    }
}

/// The piece around a distance from the beginning of the table, and how far into it that is.
#[inline(always)]
fn piece_at(distance: i64) -> Option<(&'static Piece, i64)> {
    let distance = distance.cast_unsigned();
    let piece = usize::try_from(distance >> PIECE_BITS).ok().and_then(|cell| CDF_PIECES.get(cell))?;
    Some((piece, (distance & IN_PIECE).cast_signed()))
}

/// The normal distribution at a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Normal {
    /// N(d), the probability of less than d.
    pub cdf: Q60,
    /// n(d), the density.
    pub density: Q60,
}

/// Nodes are 1/16 apart.
const NODE_BITS: u32 = 52;
/// From here on N is 1 and n is 0 to the last place but one.
const FAR: u64 = 9 << 56;
/// 1/1, 1/2, … 1/11 in Q63, the first one unit short of 1.
const INVERSES: [i64; 11] = inverses();

/// The distribution function and the density of d, at most 2⁻⁵⁸ from the truth each.
///
/// Both are Taylor series around the nearest node x, h = |d| − x, |h| ≤ 1/32. The terms u(k) = n⁽ᵏ⁾(x)·hᵏ/k! follow from
/// n⁽ᵏ⁺¹⁾ = −x·n⁽ᵏ⁾ − k·n⁽ᵏ⁻¹⁾:  u(k+1) = −(x·h·u(k) + h²·u(k−1)) / (k+1);  n(d) = Σ u(k);  N(d) = N(x) + h·Σ u(k)/(k+1).
pub fn normal(d: Log) -> Normal {
    let distance = d.raw().unsigned_abs();
    let nearest = distance.wrapping_add(1 << (NODE_BITS - 1)) >> NODE_BITS;
    let node = usize::try_from(nearest).ok().and_then(|node| NORMAL_NODES.get(node)).filter(|_| distance < FAR);
    let (upper, density) = match node {
        Some(&(value, slope)) => series(distance.cast_signed(), nearest.cast_signed(), value, slope),
        None => (Q60::ONE.raw(), 0),
    };
    let cdf = if d.raw() < 0 { Q60::ONE.raw().wrapping_sub(upper) } else { upper };
    Normal { cdf: Q60::new(cdf), density: Q60::new(density) }
}

/// (N, n) in Q60 at `distance` (Q56) from its node (in sixteenths), whose values are in Q62.
const fn series(distance: i64, node: i64, value: i64, slope: i64) -> (i64, i64) {
    // |h| ≤ 2⁵¹ in Q56: Q63 and, times x ≤ 9 in sixteenths, x·h in Q63 are below 2⁶². Every term is below 0.4 in Q62.
    let h = distance.wrapping_sub(node << NODE_BITS);
    let (step, square) = (h << 7, mul_q63(h << 7, h << 7));
    let across = node.wrapping_mul(h) << 3;
    let (mut density, mut area) = (0_i64, 0_i64);
    let (mut before, mut term) = (0_i64, slope);
    let mut rest: &[i64] = &INVERSES;
    while let [inverse, others @ ..] = rest {
        density = density.wrapping_add(term);
        let share = mul_q63(term, *inverse);
        area = area.wrapping_add(share);
        let next = mul_q63(across, share).wrapping_add(mul_q63(mul_q63(square, before), *inverse)).wrapping_neg();
        before = term;
        term = next;
        rest = others;
    }
    // Q62 to Q60, to nearest.
    let upper = value.wrapping_add(mul_q63(step, area));
    (upper.wrapping_add(2) >> 2, density.wrapping_add(2) >> 2)
}

#[allow(clippy::arithmetic_side_effects, clippy::indexing_slicing, clippy::as_conversions, reason = "evaluated by the compiler")]
const fn inverses() -> [i64; 11] {
    let mut table = [i64::MAX; 11];
    let mut n = 1;
    while n < 11 {
        table[n] = ((1_u64 << 63) / (n as u64 + 1)) as i64;
        n += 1;
    }
    table
}

#[cfg(test)]
mod tests;
