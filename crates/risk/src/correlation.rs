//! Correlation of the markets of one risk group, and the credit that offsets between them get (RULES 4.3).
//!
//! Each pair of markets is measured on its own, at the five-minute buckets in which *both* had a price. Between two such buckets each market has
//! made one return, the advance of its clamped reference price (RULES 3.1): what one of them did while the other was silent is in it, so that
//! no move can be hidden by leaving out a sample. Per pair, for a fast (24 h) and a slow (30 d) half-life,
//!
//! ```text
//! m ← m + (x / buckets − m)·(1 − 2^(−min(buckets, 3)·300 s / half-life))        x = rₐ·r_b, rₐ², r_b²
//! ρ = min over fast, slow of m(rₐ·r_b) / √(m(rₐ²)·m(r_b²))
//! c = min(1 − √((1 − ρ)/2), 0.7);  0 before a day of common buckets, and for a market that does not move
//! ```
//!
//! All three averages of a pair start at zero and have the same weights, so that ρ is the correlation of the samples seen so far. The charge
//! 1 − c glides like a maintenance rate: at most +10 % of itself an hour up, −5 % down, and five minutes' worth per common bucket however long
//! the silence before it. Initial margin takes a fall of c at once and a rise through the glide; maintenance margin takes both through the glide.
//!
//! Numbers: returns Q30 within ±½, averages Q60 per bucket, ρ and c Q30. Squares are rounded up, products, ρ and c down: against the trader.

use crate::error::{RiskError, RiskResult};
use crate::fixed_math::{decay, Log, Q60};
use crate::units::{div, Ratio, Round, Secs};
use crate::volatility::{glided, GLIDE_DOWN, GLIDE_UP};
use bytemuck::{Pod, Zeroable};

/// Most markets of a group.
pub const MEMBERS: usize = 8;
/// Pairs of them.
pub const PAIRS: usize = 28;
/// Credit is never more than this (RULES 4.3).
pub const MAX_CREDIT: Ratio = Ratio::of(7, 10);

const BUCKET_SECS: i64 = 300;
/// Most buckets that one return counts for: a silence is no evidence.
const MAX_COUNTED: i64 = 3;
/// A return between two common buckets counts for no more.
const MAX_RETURN: Ratio = Ratio::of(1, 2);
/// A market whose variance per bucket is below (0.003 %)² does not move: there is nothing to be correlated with.
const MIN_VARIANCE: u64 = 1 << 30;
/// ¼ in Q34, above any weight that the parameters allow.
const MAX_WEIGHT: i64 = 1 << 32;
/// 0.09 in Q64, the square of 1 − [`MAX_CREDIT`].
const LEAST_ROOT: u64 = 1_660_206_966_633_859_645;
/// What truncation may have added to ρ, in units of Q30.
const ROUNDING: i64 = 8;

const _: () = assert!(core::mem::size_of::<CorrelationParams>() == 64 && core::mem::size_of::<Pair>() == 96);
const _: () = assert!(core::mem::size_of::<Correlation>() == 8 + PAIRS * core::mem::size_of::<Pair>());
const _: () = assert!(MEMBERS * (MEMBERS - 1) / 2 == PAIRS);

/// The two members of each pair, in the order of [`Correlation::pairs`], as a bit mask.
static MASKS: [u8; PAIRS] = masks();

/// How a group measures and what it grants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct CorrelationParams {
    /// Half-life of the fast averages (24 h).
    pub fast_half_life: Secs,
    /// Half-life of the slow averages (30 d).
    pub slow_half_life: Secs,
    /// Most credit, 0 ..= 0.7 (0.7).
    pub max_credit: Ratio,
    /// φ: the requirement is at least so much of the largest market's alone, ½ ..= 1 (0.75 for majors, 1 otherwise).
    pub floor_share: Ratio,
    /// Common buckets before there is any credit (288†, a day).
    pub warm_up: i64,
    /// Fastest rise of 1 − c per hour, compounded continuously (ln 1.10).
    pub glide_up: Ratio,
    /// Fastest fall of 1 − c per hour (5 %).
    pub glide_down: Ratio,
    /// Zero; reserved.
    pub reserved: i64,
}

impl CorrelationParams {
    /// Defaults of the group of majors.
    pub const MAJORS: Self = Self {
        fast_half_life: Secs::new(24 * 3_600),
        slow_half_life: Secs::new(30 * 24 * 3_600),
        max_credit: MAX_CREDIT,
        floor_share: Ratio::of(75, 100),
        warm_up: 288,
        glide_up: GLIDE_UP,
        glide_down: GLIDE_DOWN,
        reserved: 0,
    };

    /// Checks every range. Errors: [`RiskError::ParameterOutOfRange`].
    pub fn validate(&self) -> RiskResult<()> {
        let within = |value: Ratio, low: Ratio, high: Ratio| low <= value && value <= high;
        let unit = Ratio::new(1);
        let is_sound = (3_600..=self.slow_half_life.raw()).contains(&self.fast_half_life.raw())
            && self.slow_half_life.raw() <= 1 << 26
            && within(self.max_credit, Ratio::ZERO, MAX_CREDIT)
            && within(self.floor_share, Ratio::of(1, 2), Ratio::ONE)
            && (1..=1 << 20).contains(&self.warm_up)
            && within(self.glide_up, unit, Ratio::ONE)
            && within(self.glide_down, unit, Ratio::ONE)
            && self.reserved == 0;
        if is_sound {
            Ok(())
        } else {
            Err(RiskError::ParameterOutOfRange)
        }
    }
}

/// Which requirement a credit is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// Initial margin: new risk and withdrawals.
    Initial,
    /// Maintenance margin: liquidation.
    Maintenance,
}

/// What a market says of its last bucket that ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sample {
    /// Number of the bucket (unix seconds / 300); 0 before the first has ended.
    pub bucket: i64,
    /// ln of the reference price at its end, which advances by clamped returns only.
    pub reference: Log,
}

/// Averages over the common buckets of a pair, per bucket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct Moments {
    /// Of the product of the two returns.
    pub product: Q60,
    /// Of the first market's squared return.
    pub first: Q60,
    /// Of the second's.
    pub second: Q60,
}

/// Two markets of the group. All zero is a pair that has never been sampled and gets no credit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct Pair {
    /// 24-h half-life.
    pub fast: Moments,
    /// 30-d half-life.
    pub slow: Moments,
    /// Last bucket that both markets sampled; 0 = none.
    pub bucket: i64,
    /// The first market's reference price in it.
    pub first_reference: Log,
    /// The second's.
    pub second_reference: Log,
    /// Returns taken in.
    pub samples: i64,
    /// Credit for initial margin.
    pub initial: Ratio,
    /// Credit for maintenance margin; never below `initial`.
    pub maintenance: Ratio,
}

/// The pairs of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct Correlation {
    /// Number of markets, 2 ..= 8.
    pub members: i64,
    /// (0,1), (0,2) … (0,7), (1,2) … (6,7); those of absent markets stay zero.
    pub pairs: [Pair; PAIRS],
}

/// Weights of a return that follows the one before it by so many buckets, Q34, below ¼.
#[derive(Clone, Copy)]
struct Weights {
    buckets: i64,
    fast: i64,
    slow: i64,
}

impl Correlation {
    /// A group of `members` markets without any history. Errors: [`RiskError::QuantityOutOfRange`] outside 2 ..= 8.
    pub fn new(members: usize) -> RiskResult<Self> {
        let mut group = Self::zeroed();
        group.open(members)?;
        Ok(group)
    }

    /// Makes a group of `members` markets of one that is all zero. Errors: [`RiskError::QuantityOutOfRange`] outside 2 ..= 8,
    /// [`RiskError::WrongState`] when it has markets already.
    pub fn open(&mut self, members: usize) -> RiskResult<()> {
        if !(2..=MEMBERS).contains(&members) {
            return Err(RiskError::QuantityOutOfRange);
        }
        if self.members != 0 {
            return Err(RiskError::WrongState);
        }
        self.members = i64::try_from(members).map_err(|_| RiskError::Overflow)?;
        Ok(())
    }

    /// Takes in one sample per market, in the order of the group; returns the number of pairs that had a new common bucket.
    /// Without one nothing changes, so that a repeated or late call is harmless.
    ///
    /// Errors: [`RiskError::QuantityOutOfRange`] when the number of samples is not that of the markets. Nothing is to be kept then.
    pub fn update(&mut self, params: &CorrelationParams, samples: &[Sample]) -> RiskResult<u32> {
        if samples.len() > MEMBERS || i64::try_from(samples.len()) != Ok(self.members) {
            return Err(RiskError::QuantityOutOfRange);
        }
        let (mut renewed, mut weights) = (0_u32, Weights { buckets: 0, fast: 0, slow: 0 });
        for (mask, pair) in MASKS.iter().zip(self.pairs.iter_mut()) {
            let (first, second) = (mask.trailing_zeros(), 7_u32.wrapping_sub(mask.leading_zeros()));
            let at = |member: u32| usize::try_from(member).ok().and_then(|member| samples.get(member));
            let (Some(a), Some(b)) = (at(first), at(second)) else { continue };
            if a.bucket == b.bucket && a.bucket > pair.bucket {
                pair.sample(params, a, b, &mut weights)?;
                renewed = renewed.saturating_add(1);
            }
        }
        Ok(renewed)
    }

    /// Credit of an account with positions in `members` (bit n: the group's market n): that of the lowest pair among them; zero for fewer than
    /// two markets, and for a market that the group does not have.
    pub fn credit(&self, members: u8, measure: Measure) -> Ratio {
        let mut lowest = None;
        for (mask, pair) in MASKS.iter().zip(self.pairs.iter()) {
            if members & mask == *mask {
                let credit = pair.credit(measure);
                lowest = Some(lowest.map_or(credit, |other: Ratio| other.min(credit)));
            }
        }
        lowest.unwrap_or(Ratio::ZERO)
    }
}

impl Pair {
    /// The credit of this pair.
    pub const fn credit(&self, measure: Measure) -> Ratio {
        match measure {
            Measure::Initial => self.initial,
            Measure::Maintenance => self.maintenance,
        }
    }

    /// The lower of the fast and the slow correlation; `None` before the warm-up, or where a market does not move.
    pub fn correlation(&self, params: &CorrelationParams) -> Option<Ratio> {
        if self.samples < params.warm_up {
            return None;
        }
        Some(self.fast.correlation()?.min(self.slow.correlation()?))
    }

    /// Takes in a bucket that both markets have ended.
    #[inline(never)]
    fn sample(&mut self, params: &CorrelationParams, a: &Sample, b: &Sample, weights: &mut Weights) -> RiskResult<()> {
        let mut next = Self { bucket: a.bucket, first_reference: a.reference, second_reference: b.reference, ..*self };
        if self.bucket > 0 {
            let buckets = a.bucket.saturating_sub(self.bucket);
            if weights.buckets != buckets {
                *weights = Weights::after(params, buckets)?;
            }
            let first = advance(self.first_reference, a.reference)?;
            let second = advance(self.second_reference, b.reference)?;
            let x = Moments::of(first, second, buckets)?;
            next.fast = self.fast.toward(&x, weights.fast);
            next.slow = self.slow.toward(&x, weights.slow);
            next.samples = self.samples.saturating_add(1);
            next.renew(params)?;
        }
        *self = next;
        Ok(())
    }

    /// Moves the credits: initial margin falls at once, the rest glides (RULES 3.3, 4.3).
    fn renew(&mut self, params: &CorrelationParams) -> RiskResult<()> {
        let target = self.correlation(params).map_or(Ok(Ratio::ONE), |rho| charge(rho, params.max_credit))?;
        let now = Ratio::ONE.sub(self.maintenance)?;
        let charge = glided(now, target, params.glide_up, params.glide_down, BUCKET_SECS)?;
        self.maintenance = Ratio::ONE.sub(charge)?;
        self.initial = Ratio::ONE.sub(charge.max(target))?;
        Ok(())
    }
}

impl Weights {
    fn after(params: &CorrelationParams, buckets: i64) -> RiskResult<Self> {
        let counted = Secs::new(buckets.clamp(1, MAX_COUNTED).saturating_mul(BUCKET_SECS));
        // At most 15 minutes of a half-life of an hour or more.
        let weight = |half_life| Ok((Q60::ONE.raw().wrapping_sub(decay(counted, half_life)?.raw()) >> 26).clamp(0, MAX_WEIGHT));
        Ok(Self { buckets, fast: weight(params.fast_half_life)?, slow: weight(params.slow_half_life)? })
    }
}

impl Moments {
    /// Of one pair of returns over `buckets` ≥ 1.
    fn of(first: Ratio, second: Ratio, buckets: i64) -> RiskResult<Self> {
        // Factors of at most 2²⁹.
        let per_bucket = |a: Ratio, b: Ratio, round| {
            let product = a.raw().wrapping_mul(b.raw());
            if buckets == 1 { Ok(product) } else { div(product, buckets, round) }.map(Q60::new)
        };
        Ok(Self {
            product: per_bucket(first, second, Round::Floor)?,
            first: per_bucket(first, first, Round::Ceil)?,
            second: per_bucket(second, second, Round::Ceil)?,
        })
    }

    /// Squares are rounded up and the product down: an average of a month's half-life loses up to twelve thousand units by its steps.
    fn toward(&self, x: &Self, weight: i64) -> Self {
        Self {
            product: step(self.product, x.product, weight),
            first: step_up(self.first, x.first, weight),
            second: step_up(self.second, x.second, weight),
        }
    }

    /// ρ, rounded down by less than 2⁻²⁶, within ±1; `None` when a market does not move.
    fn correlation(&self) -> Option<Ratio> {
        let (a, b) = (u64::try_from(self.first.raw()).ok()?, u64::try_from(self.second.raw()).ok()?);
        if a < MIN_VARIANCE || b < MIN_VARIANCE {
            return None;
        }
        // Both as 32-bit mantissas: a·b = product · 2^(64 − zeros), and the root needs an even exponent.
        let zeros = a.leading_zeros().wrapping_add(b.leading_zeros());
        let mantissas = (a.wrapping_shl(a.leading_zeros()) >> 32).wrapping_mul(b.wrapping_shl(b.leading_zeros()) >> 32);
        let root = root(mantissas >> (zeros & 1));
        // ρ = |product| / (root · 2^(32 − zeros/2)), in Q30; values stay below 2⁶⁰, so zeros/2 ≥ 4.
        let size = self.product.raw().unsigned_abs();
        let places = (zeros >> 1).saturating_sub(2);
        let ratio = if size.leading_zeros() < places { None } else { size.wrapping_shl(places).checked_div(root) };
        let size = ratio.and_then(|ratio| i64::try_from(ratio).ok()).unwrap_or(Ratio::ONE.raw()).min(Ratio::ONE.raw());
        let rho = if self.product.raw() < 0 { size.wrapping_neg() } else { size };
        Some(Ratio::new(rho.saturating_sub(ROUNDING).max(Ratio::ONE.raw().wrapping_neg())))
    }
}

/// The return between two common buckets, within ±½.
fn advance(from: Log, to: Log) -> RiskResult<Ratio> {
    let limit = MAX_RETURN.raw();
    Ok(Ratio::new(to.sub(from)?.to_ratio().raw().clamp(limit.wrapping_neg(), limit)))
}

/// `value + (target − value) · weight`, rounded down, for values of at most 2⁵⁸ in size and a weight of 0 ..= [`MAX_WEIGHT`] in Q34: stays between
/// the two. A tenth of what a full 64-bit product costs on chain.
const fn step(value: Q60, target: Q60, weight: i64) -> Q60 {
    // The way is below 2⁵⁹ and the weight at most 2³²: its two halves of at most 27 and 32 bits leave products of at most 2⁵⁹ and 2⁶⁴ − 2³².
    let way = target.raw().wrapping_sub(value.raw());
    let low = (way & 0xFFFF_FFFF).cast_unsigned().wrapping_mul(weight.cast_unsigned()) >> 32;
    let moved = (way >> 32).wrapping_mul(weight).wrapping_add(low.cast_signed());
    Q60::new(value.raw().wrapping_add(moved >> 2))
}

/// [`step`], rounded up.
const fn step_up(value: Q60, target: Q60, weight: i64) -> Q60 {
    let mirrored = step(Q60::new(value.raw().wrapping_neg()), Q60::new(target.raw().wrapping_neg()), weight);
    Q60::new(mirrored.raw().wrapping_neg())
}

/// 1 − c = max(√((1 − ρ)/2), 1 − most credit), rounded up, for ρ in −1 ..= 1.
fn charge(rho: Ratio, max_credit: Ratio) -> RiskResult<Ratio> {
    let least = Ratio::ONE.sub(max_credit)?;
    // (1 − ρ)/2 in Q64; below 0.09 the root is less than what is charged in any case.
    let half = Ratio::ONE.sub(rho)?.raw().unsigned_abs().min((1 << 31) - 1) << 33;
    if half < LEAST_ROOT {
        return Ok(least);
    }
    let charge = Ratio::new((root(half) >> 2).cast_signed()).add(Ratio::new(2))?;
    Ok(charge.max(least).min(Ratio::ONE))
}

/// √n for n ≥ 0.09 · 2⁶⁴, off by one at most: a line that is within 23 % of it, and four steps of Newton. The chain divides in one unit, so that
/// this costs a fifth of an integer root by digits.
fn root(n: u64) -> u64 {
    const AT_ZERO: u64 = 1_287_201_690; // 0.2997 · 2³²
    const SLOPE: u64 = 3_173_122_541; // 0.7388 · 2³²
    let mut root = AT_ZERO.wrapping_add((n >> 32).wrapping_mul(SLOPE) >> 32);
    for _ in 0..4 {
        // Above 2³⁰ and below 2³³, so that it neither vanishes nor overflows.
        root = root.wrapping_add(n.checked_div(root).unwrap_or(0)) >> 1;
    }
    root
}

#[allow(clippy::arithmetic_side_effects, clippy::indexing_slicing, reason = "evaluated by the compiler")]
const fn masks() -> [u8; PAIRS] {
    let (mut masks, mut pair, mut first) = ([0; PAIRS], 0, 0);
    while first < MEMBERS {
        let mut second = first + 1;
        while second < MEMBERS {
            masks[pair] = (1 << first) | (1 << second);
            pair += 1;
            second += 1;
        }
        first += 1;
    }
    masks
}

#[cfg(test)]
mod tests;
