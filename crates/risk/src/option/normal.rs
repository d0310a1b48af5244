//! The normal distribution: a kernel for the scenario loop, and a precise form for prices and Greeks.
//!
//! | function | argument | result | error bound (tested) |
//! | --- | --- | --- | --- |
//! | [`cdf_fast`] | Q28 | Q30 | 1.2e-9 absolute; nowhere falling; ½ at 0; N(−d) = 1 − N(d) exactly |
//! | [`normal`] | [`Log`] (Q56) | N and n in [`Q60`] | 2⁻⁵⁸ absolute; ½ at 0; N(−d) = 1 − N(d) exactly |

use super::cdf_table::CDF_PIECES;
use super::normal_table::NORMAL_NODES;
use crate::fixed_math::{mul_q63, Log, Q60};

/// Fraction bits of the argument of [`cdf_fast`].
pub const CDF_ARGUMENT_BITS: u32 = 28;
/// Fraction bits of the result of [`cdf_fast`].
pub const CDF_RESULT_BITS: u32 = 30;

/// 1.0 as a result.
const ONE: i64 = 1 << CDF_RESULT_BITS;
/// A piece is 1/64 wide.
const PIECE_BITS: u32 = CDF_ARGUMENT_BITS - 6;
const IN_PIECE: u64 = (1 << PIECE_BITS) - 1;
/// Slope, bend and twist are finer than the value by so many bits.
const FINER_BITS: u32 = 8;

// The widest product is (slope + bend + twist) · t with 32 bits each: the types alone keep it within 63 bits.
const _: () = assert!((3_i64 << 32).checked_mul(1 << PIECE_BITS).is_some());

/// One cubic piece: value + t·(slope − t·(bend − t·twist)) for t in [0, 1) across it. Value Q30, the others Q38.
pub(super) struct Piece {
    pub(super) value: u32,
    pub(super) slope: u32,
    pub(super) bend: u32,
    pub(super) twist: i32,
}

/// The normal distribution function of d in Q28, any value, as Q30 in 0 ..= 2³⁰.
///
/// Three multiplies and no division; at most 1.2e-9 from the truth. It nowhere falls, is ½ at 0 and its values at d and −d add up to 1.
#[inline(always)]
pub fn cdf_fast(d: i64) -> i64 {
    let distance = d.unsigned_abs();
    // Beyond 8 the tail is below the last place.
    let piece = usize::try_from(distance >> PIECE_BITS).ok().and_then(|cell| CDF_PIECES.get(cell));
    let upper = match piece {
        Some(piece) => {
            let t = (distance & IN_PIECE).cast_signed();
            let bend = i64::from(piece.bend).wrapping_sub(i64::from(piece.twist).wrapping_mul(t) >> PIECE_BITS);
            let slope = i64::from(piece.slope).wrapping_sub(bend.wrapping_mul(t) >> PIECE_BITS);
            i64::from(piece.value).wrapping_add(slope.wrapping_mul(t) >> (PIECE_BITS + FINER_BITS))
        }
        None => ONE,
    };
    if d < 0 {
        ONE.wrapping_sub(upper)
    } else {
        upper
    }
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
