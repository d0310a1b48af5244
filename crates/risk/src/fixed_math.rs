//! Logarithm, exponential, powers of two and square root in 64-bit fixed point.
//!
//! | function | argument | result | error bound (tested) |
//! | --- | --- | --- | --- |
//! | [`ln`] | integer ≥ 1 | [`Log`], Q56 | 2⁻⁵³ absolute; `ln(1)` is exactly 0 |
//! | [`ln_fast`] | integer ≥ 1 | [`Log`], Q56 | 2⁻³³ absolute; `ln(1)` is exactly 0 |
//! | [`ln_quotient`] | two integers, 1 ..= 2³⁰ | [`Log`], Q56 | 2⁻³² absolute; odd in the exchange of the two; `ln(1)` is exactly 0 |
//! | [`exp`] | [`Log`] below ln 8 | [`Q60`] | 2⁻⁵⁰ relative, plus 2⁻⁶⁰ |
//! | [`decay`] | elapsed, half-life | [`Q60`] in 0 ..= 1 | 2⁻⁵⁷ absolute; exact at whole half-lives |
//! | [`sqrt`] | [`Q60`] ≥ 0 | [`Q60`] | 2⁻⁵⁹ absolute, never above the root |
//!
//! One 64 × 64 product costs about 30 compute units here against 141 for a 128-bit multiply; nothing divides in 128 bits.
//! Inside the kernels products wrap: the bound that makes each exact stands in a comment or a const assertion beside it.

use crate::error::{RiskError, RiskResult};
use crate::units::{Ratio, Round, Secs};
use bytemuck::{Pod, Zeroable};

/// A natural logarithm, Q56: 1.0 = 2⁵⁶, within ±128.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Pod, Zeroable)]
#[repr(transparent)]
pub struct Log(i64);

/// A dimensionless Q60 number within ±8: decays, variances per hour. The square root of one, taken as an integer, is a Q30 [`Ratio`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Pod, Zeroable)]
#[repr(transparent)]
pub struct Q60(i64);

const LOG_TO_RATIO: u32 = 26;
/// ln 2 in Q64.
const LN_2_Q64: u64 = 0xB172_17F7_D1CF_79AC;
/// ln 2 in Q56, and the 16 bits after it.
const LN_2_HIGH: u64 = LN_2_Q64 >> 8;
const LN_2_LOW: u64 = (LN_2_Q64 & 0xFF) << 8;
/// 1 / ln 2 in Q62.
const LOG2_E_Q62: u64 = 0x5C55_1D94_AE0B_F85E;

impl Log {
    /// ln 1.
    pub const ZERO: Self = Self(0);
    /// Wraps a raw Q56 integer.
    pub const fn new(raw: i64) -> Self {
        Self(raw)
    }
    /// The raw Q56 integer.
    pub const fn raw(self) -> i64 {
        self.0
    }
    /// Sum. Errors: [`RiskError::Overflow`].
    pub const fn add(self, other: Self) -> RiskResult<Self> {
        match self.0.checked_add(other.0) {
            Some(sum) => Ok(Self(sum)),
            None => Err(RiskError::Overflow),
        }
    }
    /// Difference. Errors: [`RiskError::Overflow`].
    pub const fn sub(self, other: Self) -> RiskResult<Self> {
        match self.0.checked_sub(other.0) {
            Some(difference) => Ok(Self(difference)),
            None => Err(RiskError::Overflow),
        }
    }
    /// As a Q30 ratio, rounded toward minus infinity by less than 2⁻³⁰.
    pub const fn to_ratio(self) -> Ratio {
        Ratio::new(self.0 >> LOG_TO_RATIO)
    }
    /// A Q30 ratio as a logarithm, exact. Errors: [`RiskError::Overflow`] past ±128.
    pub fn from_ratio(ratio: Ratio) -> RiskResult<Self> {
        ratio.raw().checked_mul(1 << LOG_TO_RATIO).map(Self).ok_or(RiskError::Overflow)
    }
}

impl Q60 {
    /// Nothing.
    pub const ZERO: Self = Self(0);
    /// 1.0
    pub const ONE: Self = Self(1 << 60);

    /// Wraps a raw Q60 integer.
    pub const fn new(raw: i64) -> Self {
        Self(raw)
    }
    /// The raw Q60 integer.
    pub const fn raw(self) -> i64 {
        self.0
    }
    /// The square of a Q30 ratio, exact. Errors: [`RiskError::Overflow`] from ±√8 on.
    pub fn square(ratio: Ratio) -> RiskResult<Self> {
        ratio.raw().checked_mul(ratio.raw()).map(Self).ok_or(RiskError::Overflow)
    }
    /// The square root as a Q30 ratio, rounded down. Errors: [`RiskError::QuantityOutOfRange`] below zero.
    pub fn root(self) -> RiskResult<Ratio> {
        self.0.checked_isqrt().map(Ratio::new).ok_or(RiskError::QuantityOutOfRange)
    }
    /// Product, rounded toward zero. Errors: [`RiskError::Overflow`] from ±8 on.
    pub fn times(self, other: Self) -> RiskResult<Self> {
        let (high, low) = wide_mul(self.0.unsigned_abs(), other.0.unsigned_abs());
        signed(shift_down(high, low, 60)?, (self.0 ^ other.0) < 0).map(Self)
    }
    /// `self + (target − self) · weight`, for non-negative values and a weight in 0 ..= 1: stays between the two.
    ///
    /// Errors: [`RiskError::ParameterOutOfRange`] for anything else.
    pub fn toward(self, target: Self, weight: Self) -> RiskResult<Self> {
        if self.0 < 0 || target.0 < 0 || weight.0 < 0 || weight.0 > Self::ONE.0 {
            return Err(RiskError::ParameterOutOfRange);
        }
        // Both are non-negative, so the difference fits 64 bits; the step is no larger than it, so the sum stays between the two.
        let step = Self(target.0.wrapping_sub(self.0)).times(weight)?;
        Ok(Self(self.0.wrapping_add(step.0)))
    }
}

/// `value × ratio` in Q30 arithmetic without a 128-bit division. Errors: [`RiskError::Overflow`] when the result leaves 64 bits.
pub fn scale(value: i64, ratio: Ratio, round: Round) -> RiskResult<i64> {
    let (high, low) = wide_mul(value.unsigned_abs(), ratio.raw().unsigned_abs());
    let is_negative = (value ^ ratio.raw()) < 0;
    let magnitude = shift_down(high, low, 30)?;
    let is_exact = low & ((1 << 30) - 1) == 0;
    // Away from zero is down for a negative product and up for a positive one.
    let away = !is_exact && is_negative == (round == Round::Floor);
    let magnitude = if away { magnitude.checked_add(1).ok_or(RiskError::Overflow)? } else { magnitude };
    signed(magnitude, is_negative)
}

/// The natural logarithm of an integer. Errors: [`RiskError::QuantityOutOfRange`] for zero.
///
/// x = 2ᵉ·m with m in [1, 2); m times a 16-bit reciprocal is 1 + z with |z| ≤ 2⁻⁶, and ln x = e·ln 2 − ln(reciprocal) + ln(1 + z), the last
/// from nine terms of its series. The first and the last reciprocal are exactly 1 and ½, so the result is precise on both sides of 1.
pub fn ln(x: u64) -> RiskResult<Log> {
    let (whole, offset, z) = split_log(x)?;
    // Q62 to Q56, to nearest.
    Ok(Log(whole.wrapping_add(offset.wrapping_add(ln_1p(z)).wrapping_add(1 << 5) >> 6)))
}

/// The natural logarithm of an integer to 2⁻³³, for a tenth of the price of [`ln`]: five terms of the series, in 64-bit products.
///
/// Errors: [`RiskError::QuantityOutOfRange`] for zero.
pub fn ln_fast(x: u64) -> RiskResult<Log> {
    Ok(short_log(split_log(x)?))
}

/// [`ln_fast`] of a Q30 ratio in ¼ ..= 2, whose leading zeros two comparisons tell.
///
/// Errors: [`RiskError::QuantityOutOfRange`] for anything else.
pub(crate) fn ln_ratio(ratio: Ratio) -> RiskResult<Log> {
    let zeros = match ratio.raw() >> 28 {
        1 => 35,
        2 | 3 => 34,
        4..=7 => 33,
        _ => return Err(RiskError::QuantityOutOfRange),
    };
    let of_raw = short_log(split_log_at(ratio.raw().unsigned_abs(), zeros)?);
    Ok(Log(of_raw.0.wrapping_sub(LN_ONE_Q30)))
}

/// ln(a/b) of two prices, without the leading zeros of either: doublings bring the smaller to within half of the larger, then twice the series of
/// artanh t with t = (a − b)/(a + b), |t| ≤ ⅕, to t¹³.
///
/// Errors: [`RiskError::QuantityOutOfRange`] outside 1 ..= 2³⁰.
#[inline(always)]
pub fn ln_quotient(a: u64, b: u64) -> RiskResult<Log> {
    const MOST: u64 = 1 << 30;
    if a == 0 || a > MOST || b == 0 || b > MOST {
        return Err(RiskError::QuantityOutOfRange);
    }
    let is_less = a < b;
    let (larger, mut smaller) = if is_less { (b, a) } else { (a, b) };
    let mut log = 0_i64;
    while larger << 1 > smaller.wrapping_mul(3) {
        smaller <<= 1;
        log = log.wrapping_add(LN_2_HIGH.cast_signed());
    }
    // Doubled past the larger one by a third at most: the sum is below 2³⁰ · 7/3, its fifth in Q34 below 2⁶³.
    let (sum, apart) = (larger.wrapping_add(smaller), larger.wrapping_sub(smaller).cast_signed());
    let magnitude = (apart.unsigned_abs() << 34).wrapping_add(sum >> 1).checked_div(sum).unwrap_or(0).cast_signed();
    // Q34, against coefficients in Q30.
    let square = (magnitude.cast_unsigned().wrapping_mul(magnitude.cast_unsigned()) >> 34).cast_signed();
    let next = |n: i64, rest: i64| inverse(n, 30).wrapping_add(square.wrapping_mul(rest) >> 34);
    let series = next(3, next(5, next(7, next(9, next(11, inverse(13, 30))))));
    let beyond = square.wrapping_mul(series) >> 30;
    let twice = magnitude << 1;
    let near = twice.wrapping_add(twice.wrapping_mul(beyond) >> 34) << 22;
    let log = log.wrapping_add(if apart < 0 { near.wrapping_neg() } else { near });
    Ok(Log(if is_less { log.wrapping_neg() } else { log }))
}

/// ln 2³⁰, Q56.
const LN_ONE_Q30: i64 = 1_498_395_544_359_686_210;

/// The logarithm from its parts.
#[inline(always)]
fn short_log((whole, offset, z): (i64, i64, i64)) -> Log {
    // Q40, at most 2³⁴ in size, against sums of at most 1.01 in Q28.
    let z = z >> 23;
    let next = |n: i64, sum: i64| inverse(n, 28).wrapping_sub(z.wrapping_mul(sum) >> 40);
    let sum = next(1, next(2, next(3, next(4, inverse(5, 28)))));
    Log(whole.wrapping_add(offset >> 6).wrapping_add(z.wrapping_mul(sum) >> 12))
}

/// x as e·ln 2 in Q56, −ln(reciprocal) in Q62 and z in Q63.
#[inline(always)]
fn split_log(x: u64) -> RiskResult<(i64, i64, i64)> {
    if x == 0 {
        return Err(RiskError::QuantityOutOfRange);
    }
    split_log_at(x, leading_zeros(x))
}

/// [`u64::leading_zeros`] of a number that is mostly a price, by comparisons: the chain's machine has no instruction for it.
#[inline(always)]
const fn leading_zeros(x: u64) -> u32 {
    if x >> 32 != 0 {
        return x.leading_zeros();
    }
    let (mut rest, mut zeros) = (x, 63_u32);
    if rest >> 16 != 0 {
        (rest, zeros) = (rest >> 16, zeros.wrapping_sub(16));
    }
    if rest >> 8 != 0 {
        (rest, zeros) = (rest >> 8, zeros.wrapping_sub(8));
    }
    if rest >> 4 != 0 {
        (rest, zeros) = (rest >> 4, zeros.wrapping_sub(4));
    }
    if rest >> 2 != 0 {
        (rest, zeros) = (rest >> 2, zeros.wrapping_sub(2));
    }
    if rest >> 1 != 0 {
        zeros.wrapping_sub(1)
    } else {
        zeros
    }
}

/// [`split_log`] of a number whose leading zeros are known.
#[inline(always)]
fn split_log_at(x: u64, zeros: u32) -> RiskResult<(i64, i64, i64)> {
    let mantissa = x.wrapping_shl(zeros);
    let exponent = u64::from(63_u32.wrapping_sub(zeros));
    let cell = usize::try_from((mantissa >> 57) & 63).map_err(|_| RiskError::Overflow)?;
    let &(reciprocal, offset) = LN_TABLE.get(cell).ok_or(RiskError::Overflow)?;
    // 48 bits × 17 bits, and the total is within 2⁻⁶ of 2⁶³.
    let near_one = (mantissa >> 16).wrapping_mul(reciprocal).wrapping_add((mantissa & 0xFFFF).wrapping_mul(reciprocal) >> 16);
    let z = near_one.wrapping_sub(1 << 63).cast_signed();
    let whole = exponent.wrapping_mul(LN_2_HIGH).wrapping_add(exponent.wrapping_mul(LN_2_LOW) >> 16).cast_signed();
    Ok((whole, offset, z))
}

/// ln(1 + z) in Q62 for z in Q63, |z| ≤ 2⁻⁶.
const fn ln_1p(z: i64) -> i64 {
    // Terms from z⁵ on need only 31 bits: z⁵ · 2⁻³¹ < 2⁻⁶⁰. |z| ≤ 2²⁵ in Q31, so these products stay below 2⁵⁷.
    let short = z >> 32;
    let mut tail = inverse(9, 31);
    tail = inverse(8, 31).wrapping_sub(short.wrapping_mul(tail) >> 31);
    tail = inverse(7, 31).wrapping_sub(short.wrapping_mul(tail) >> 31);
    tail = inverse(6, 31).wrapping_sub(short.wrapping_mul(tail) >> 31);
    tail = inverse(5, 31).wrapping_sub(short.wrapping_mul(tail) >> 31);
    let mut sum = tail << 31;
    sum = inverse(4, 62).wrapping_sub(mul_q63(z, sum));
    sum = inverse(3, 62).wrapping_sub(mul_q63(z, sum));
    sum = inverse(2, 62).wrapping_sub(mul_q63(z, sum));
    sum = inverse(1, 62).wrapping_sub(mul_q63(z, sum));
    mul_q63(z, sum)
}

/// 1 / n with so many fraction bits.
#[allow(clippy::arithmetic_side_effects, reason = "called with literals; a fault would stop the compiler")]
const fn inverse(n: i64, bits: u32) -> i64 {
    (1 << bits) / n
}

/// e to the x. Errors: [`RiskError::Overflow`] from ln 8 on; the result is zero far below zero.
pub fn exp(x: Log) -> RiskResult<Q60> {
    // e⁻⁴⁴ is below the last place; this also keeps the power below within 64 bits.
    if x.0 < -44 << 56 {
        return Ok(Q60::ZERO);
    }
    let (high, low) = wide_mul(x.0.unsigned_abs(), LOG2_E_Q62);
    let power = signed(shift_down(high, low, 62)?, x.0 < 0)?;
    let whole = power >> 56;
    let fraction = power.cast_unsigned() & ((1 << 56) - 1);
    let mantissa = exp2_fraction(fraction << 4)?;
    // Q63 to Q60 is three places down, less the whole power.
    let places = 3_i64.saturating_sub(whole);
    match u32::try_from(places) {
        Ok(0) | Err(_) => Err(RiskError::Overflow),
        Ok(shift) => Ok(Q60(mantissa.checked_shr(shift).unwrap_or(0).cast_signed())),
    }
}

/// e to the x, for a tenth of the price of [`exp`]: rounded down, by less than 2⁻²⁹ and 2⁻²⁹ of the result.
///
/// Errors: [`RiskError::ParameterOutOfRange`] past ± 8.
pub fn exp_fast(x: Ratio) -> RiskResult<Ratio> {
    /// log₂e in Q29 and the Q10 part of its last place.
    const LOG2_E_Q29: (i64, i64) = (774_541_002, 348);
    const LN_2_Q28: u64 = 186_065_279;
    const LIMIT: i64 = 8 << 30;
    if !(-LIMIT..=LIMIT).contains(&x.raw()) {
        return Err(RiskError::ParameterOutOfRange);
    }
    // Q59, at most 2³³ · 2²⁹·⁶.
    let power = x.raw().wrapping_mul(LOG2_E_Q29.0).wrapping_add(x.raw().wrapping_mul(LOG2_E_Q29.1) >> 10);
    let fraction = power.cast_unsigned() & ((1 << 59) - 1);
    let cell = usize::try_from(fraction >> 53).map_err(|_| RiskError::Overflow)?;
    let base = EXP2_TABLE.get(cell).ok_or(RiskError::Overflow)? >> 31;
    // y < 0.0109 in Q32, four terms of its series: the fifth is below 2⁻³⁹.
    let y = ((fraction & ((1 << 53) - 1)) >> 19).wrapping_mul(LN_2_Q28) >> 36;
    let square = y.wrapping_mul(y) >> 32;
    let rest = (square >> 1).wrapping_add((square.wrapping_mul(y) >> 32) / 6).wrapping_add((square.wrapping_mul(square) >> 32) / 24);
    let mantissa = base.wrapping_add(base.wrapping_mul(y.wrapping_add(rest)) >> 32).cast_signed();
    // Q32 to Q30 is two places down, less the whole power, which is within ± 12.
    let places = 2_i64.wrapping_sub(power >> 59);
    match u32::try_from(places) {
        Ok(down) => Ok(Ratio::new(mantissa.wrapping_shr(down))),
        Err(_) => Ok(Ratio::new(mantissa.wrapping_shl(u32::try_from(places.wrapping_neg()).map_err(|_| RiskError::Overflow)?))),
    }
}

/// ⌊√n⌋ by Newton's method from a start that is not below it and not zero; each step halves what it is above.
///
/// A start within a tenth takes four steps of six instructions.
#[inline(always)]
pub(crate) fn root_from(n: u64, above: u64) -> u64 {
    let mut root = above;
    loop {
        let next = root.wrapping_add(n.checked_div(root).unwrap_or(0)) >> 1;
        if next >= root {
            return root;
        }
        root = next;
    }
}

/// 2^(−elapsed / half-life), the weight that an observation of that age still has.
///
/// Errors: [`RiskError::ParameterOutOfRange`] when the half-life is outside 1 ..= 2²⁶ s (two years); a negative time counts as none.
pub fn decay(elapsed: Secs, half_life: Secs) -> RiskResult<Q60> {
    let half_life = u64::try_from(half_life.raw()).map_err(|_| RiskError::ParameterOutOfRange)?;
    if half_life == 0 || half_life > 1 << 26 {
        return Err(RiskError::ParameterOutOfRange);
    }
    let elapsed = elapsed.raw().max(0).unsigned_abs();
    let whole = elapsed.checked_div(half_life).ok_or(RiskError::DivisionByZero)?;
    let rest = elapsed.checked_rem(half_life).ok_or(RiskError::DivisionByZero)?;
    let Some(shift) = u32::try_from(whole).ok().filter(|&halvings| halvings < 60) else {
        return Ok(Q60::ZERO);
    };
    if rest == 0 {
        return Ok(Q60(Q60::ONE.0.wrapping_shr(shift)));
    }
    // A long division in two digits of 30 bits: each numerator stays below 2⁵⁶.
    let upper = (rest << 30).checked_div(half_life).ok_or(RiskError::DivisionByZero)?;
    let remainder = (rest << 30).checked_rem(half_life).ok_or(RiskError::DivisionByZero)?;
    let lower = (remainder << 30).checked_div(half_life).ok_or(RiskError::DivisionByZero)?;
    // 2^−(n + f) = 2^(1 − f) / 2^(n + 1), with 0 < 1 − f < 1; Q63 to Q60 is three more places.
    let fraction = (1_u64 << 60).wrapping_sub((upper << 30) | lower);
    Ok(Q60(exp2_fraction(fraction)?.wrapping_shr(shift.wrapping_add(4)).cast_signed()))
}

/// 2^f in Q63 for f in Q60, 0 ≤ f < 1: a table of 64 powers and seven terms of the series for the rest.
fn exp2_fraction(f: u64) -> RiskResult<u64> {
    let cell = usize::try_from(f >> 54).map_err(|_| RiskError::Overflow)?;
    let &base = EXP2_TABLE.get(cell).ok_or(RiskError::Overflow)?;
    let (y, _) = wide_mul(f & ((1 << 54) - 1), LN_2_Q64);
    // y < 0.0109, below 2²⁵ in Q31; terms from y⁵ on need only 31 bits.
    let short = (y >> 29).cast_signed();
    let mut tail = inverse(5_040, 31);
    tail = inverse(720, 31).wrapping_add(short.wrapping_mul(tail) >> 31);
    tail = inverse(120, 31).wrapping_add(short.wrapping_mul(tail) >> 31);
    let mut sum = (tail << 29).cast_unsigned();
    sum = inverse(24, 60).cast_unsigned().wrapping_add(mul_q60(y, sum));
    sum = inverse(6, 60).cast_unsigned().wrapping_add(mul_q60(y, sum));
    sum = inverse(2, 60).cast_unsigned().wrapping_add(mul_q60(y, sum));
    sum = inverse(1, 60).cast_unsigned().wrapping_add(mul_q60(y, sum));
    Ok(base.wrapping_add(mul_q60(base, mul_q60(y, sum))))
}

/// The square root. Errors: [`RiskError::QuantityOutOfRange`] below zero.
///
/// The integer root of the normalised argument gives 32 bits; the first-order correction by the remainder gives the other 31.
pub fn sqrt(x: Q60) -> RiskResult<Q60> {
    let value = u64::try_from(x.0).map_err(|_| RiskError::QuantityOutOfRange)?;
    if value == 0 {
        return Ok(Q60::ZERO);
    }
    let shift = value.leading_zeros() & !1;
    let normal = value.wrapping_shl(shift);
    // In 2⁶² .. 2⁶⁴; (n/c + c)/2 is above its root and within 7 % of it.
    const MIDDLE: u64 = 3_037_000_500;
    let root = root_from(normal, ((normal / MIDDLE).wrapping_add(MIDDLE) >> 1).wrapping_add(1));
    // remainder ≤ 2·root < 2³³, so the shifted remainder fits; root ≥ 2³¹.
    let remainder = normal.wrapping_sub(root.wrapping_mul(root));
    let correction = (remainder << 30).checked_div(root).ok_or(RiskError::DivisionByZero)?;
    // The neglected second-order term is below 2⁻³² of a unit of the integer root: half a unit here. One unit off keeps the result at or below.
    let fine = (root << 31).wrapping_add(correction).wrapping_sub(u64::from(correction > 0));
    Ok(Q60(fine.wrapping_shr(1_u32.wrapping_add(shift >> 1)).cast_signed()))
}

/// The 128-bit product of two 64-bit numbers as (high, low) halves.
pub(crate) const fn wide_mul(a: u64, b: u64) -> (u64, u64) {
    const LOW: u64 = 0xFFFF_FFFF;
    let (a_high, a_low, b_high, b_low) = (a >> 32, a & LOW, b >> 32, b & LOW);
    let low = a_low.wrapping_mul(b_low);
    // Each partial product is at most (2³² − 1)², which leaves room for two 32-bit carries.
    let middle = a_high.wrapping_mul(b_low).wrapping_add(low >> 32);
    let other = a_low.wrapping_mul(b_high).wrapping_add(middle & LOW);
    let high = a_high.wrapping_mul(b_high).wrapping_add(middle >> 32).wrapping_add(other >> 32);
    (high, (other << 32) | (low & LOW))
}

/// The (high, low) product moved down by `bits` (1 ..= 63). Errors: [`RiskError::Overflow`] when it does not fit.
const fn shift_down(high: u64, low: u64, bits: u32) -> RiskResult<u64> {
    if high.wrapping_shr(bits) != 0 {
        return Err(RiskError::Overflow);
    }
    Ok(high.wrapping_shl(64_u32.wrapping_sub(bits)) | low.wrapping_shr(bits))
}

/// a·b in Q60, for products below 2⁴ in value.
const fn mul_q60(a: u64, b: u64) -> u64 {
    let (high, low) = wide_mul(a, b);
    (high << 4) | (low >> 60)
}

/// a·b moved down 63 places, toward zero, for |a·b| < 2¹²⁶.
pub(crate) const fn mul_q63(a: i64, b: i64) -> i64 {
    let (high, low) = wide_mul(a.unsigned_abs(), b.unsigned_abs());
    let magnitude = ((high << 1) | (low >> 63)).cast_signed();
    if (a ^ b) < 0 {
        magnitude.wrapping_neg()
    } else {
        magnitude
    }
}

fn signed(magnitude: u64, is_negative: bool) -> RiskResult<i64> {
    let value = i64::try_from(magnitude).map_err(|_| RiskError::Overflow)?;
    Ok(if is_negative { value.wrapping_neg() } else { value })
}

/// (reciprocal in Q16, −ln reciprocal in Q62) of the 64 cells of [1, 2).
static LN_TABLE: [(u64, i64); 64] = ln_table();
/// 2^(i/64) in Q63.
static EXP2_TABLE: [u64; 64] = exp2_table();

#[allow(clippy::arithmetic_side_effects, clippy::indexing_slicing, clippy::as_conversions, reason = "evaluated by the compiler")]
const fn ln_table() -> [(u64, i64); 64] {
    let mut table = [(0, 0); 64];
    let mut cell = 0;
    while cell < 64 {
        let middle = 129 + 2 * cell as u64;
        let reciprocal = match cell {
            0 => 1 << 16,
            63 => 1 << 15,
            _ => ((1 << 23) + middle / 2) / middle,
        };
        table[cell] = (reciprocal, minus_ln_q16(reciprocal));
        cell += 1;
    }
    table
}

/// −ln(r / 2¹⁶) in Q62 = 2·atanh((2¹⁶ − r) / (2¹⁶ + r)), summed in Q90.
#[allow(clippy::arithmetic_side_effects, clippy::as_conversions, reason = "evaluated by the compiler")]
const fn minus_ln_q16(reciprocal: u64) -> i64 {
    let (difference, sum) = (((1 << 16) - reciprocal) as u128, ((1 << 16) + reciprocal) as u128);
    let mut power = (difference << 90) / sum;
    let mut total = power;
    let mut n = 3;
    while n < 60 {
        power = power * difference / sum * difference / sum;
        total += power / n;
        n += 2;
    }
    ((2 * total + (1 << 27)) >> 28) as i64
}

#[allow(clippy::arithmetic_side_effects, clippy::indexing_slicing, clippy::as_conversions, reason = "evaluated by the compiler")]
const fn exp2_table() -> [u64; 64] {
    let mut table = [0; 64];
    let mut cell = 0;
    while cell < 64 {
        // y = cell·ln 2 / 64 in Q63; every step of the series is rounded to nearest.
        let y = (LN_2_Q64 as u128 * cell as u128 + 64) >> 7;
        let (mut term, mut total, mut n) = (1_u128 << 63, 1_u128 << 63, 1);
        while n < 24 {
            term = (((term * y + (1 << 62)) >> 63) + n / 2) / n;
            total += term;
            n += 1;
        }
        table[cell] = total as u64;
        cell += 1;
    }
    table
}

#[cfg(test)]
mod tests;
