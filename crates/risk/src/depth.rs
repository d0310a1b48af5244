//! How much of a position the market absorbs (RULES 4.4): the hour's minimum of time-weighted book depth, and average open interest.
//!
//! Samples of both are held until the next one, for at most [`MAX_HOLD`], and averaged over time in twelve 5-min buckets. Depth counts
//! as its **smallest** bucket of the hour, open interest as the mean of all, so that orders shown for a moment, or positions opened for one,
//! raise nothing for an hour. What falls reaches the initial measure at once; the maintenance measure follows a fall by at most
//! [`GLIDE_DOWN`] an hour [nobody's quotes or closes may liquidate somebody else].
//!
//! Allowance = max(floor, min(smallest depth, share of open interest)); notional beyond it pays a rate.

use crate::error::{RiskError, RiskResult};
use crate::margin::SizeTerms;
use crate::units::{mul_div, Quote, Ratio, Round, Secs, MAX_NOTIONAL};
use bytemuck::{Pod, Zeroable};

/// Length of a bucket.
pub const BUCKET: Secs = Secs::new(BUCKET_SECS);
/// Buckets in the ring: an hour.
pub const BUCKETS: usize = 12;
/// Longest time for which one sample counts.
pub const MAX_HOLD: Secs = Secs::new(BUCKET_SECS);
/// Most that the maintenance allowance falls per hour, relative (as maintenance rates glide, RULES 3.3).
pub const GLIDE_DOWN: Ratio = Ratio::of(10, 100);

const BUCKET_SECS: i64 = 300;
const HOUR: i64 = 3_600;
const RING: i64 = 12;
/// A gap between samples is worth at most so much glide.
const MAX_GLIDE: i64 = 300;
/// Largest sample; more counts as this.
const MAX_SAMPLE: i64 = 1 << 52;

const _: () = assert!(MAX_SAMPLE.checked_mul(BUCKET_SECS).is_some());
const _: () = assert!(core::mem::size_of::<DepthState>() == 280 && core::mem::size_of::<DepthParams>() == 32);

/// What size costs in a market.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct DepthParams {
    /// Notional that is always free: $100,000†.
    pub floor: Quote,
    /// Free share of average open interest: 5 %†.
    pub open_interest_share: Ratio,
    /// Charge on notional beyond the allowance: 5 %†. Zero switches the add-on off.
    pub rate: Ratio,
    /// Zero; reserved.
    pub reserved: i64,
}

impl Default for DepthParams {
    fn default() -> Self {
        Self { floor: Quote::new(100_000_000_000), open_interest_share: Ratio::of(5, 100), rate: Ratio::of(5, 100), reserved: 0 }
    }
}

impl DepthParams {
    /// Checks every range: floor in 0 ..= 2⁵⁶, shares in 0 ..= 1. Errors: [`RiskError::ParameterOutOfRange`].
    pub fn validate(&self) -> RiskResult<()> {
        let is_share = |ratio: Ratio| !ratio.is_negative() && ratio <= Ratio::ONE;
        let is_valid = (0..=MAX_NOTIONAL).contains(&self.floor.raw())
            && is_share(self.open_interest_share)
            && is_share(self.rate)
            && self.reserved == 0;
        if is_valid {
            Ok(())
        } else {
            Err(RiskError::ParameterOutOfRange)
        }
    }
}

/// One look at the market.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DepthSample {
    /// Value that the thinner side of the book takes within 2 % of the mark, ≥ 0.
    pub depth: Quote,
    /// Open interest at the mark, ≥ 0.
    pub open_interest: Quote,
}

/// The hour's samples and the glided allowance. All zero is a market that was never looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct DepthState {
    /// Σ depth × seconds per bucket, at bucket mod 12, atom seconds.
    depth_sums: [i64; BUCKETS],
    /// Σ open interest × seconds.
    interest_sums: [i64; BUCKETS],
    /// Observed seconds per bucket.
    observed: [u16; BUCKETS],
    /// Newest bucket (unix seconds / 300).
    head: i64,
    /// The sample that is being held.
    held_depth: Quote,
    held_interest: Quote,
    /// Since when it has been held; 0 before the first.
    since: Secs,
    /// Allowance of the initial measure, as of the last sample.
    allowance_im: Quote,
    /// Allowance of the maintenance measure.
    allowance_mm: Quote,
    reserve: i64,
    reserve_2: i64,
}

impl DepthState {
    /// Takes a sample: weighs the held one up to `now`, then holds this. A second sample at one time replaces the first only if it is
    /// smaller, so that nobody can paint over a thin book within a block.
    ///
    /// Errors: [`RiskError::QuantityOutOfRange`] for a negative sample, [`RiskError::ParameterOutOfRange`] for parameters or a time before
    /// 1970, [`RiskError::WrongState`] for a time before the last sample.
    pub fn push(&mut self, sample: &DepthSample, now: Secs, params: &DepthParams) -> RiskResult<()> {
        params.validate()?;
        if sample.depth.is_negative() || sample.open_interest.is_negative() {
            return Err(RiskError::QuantityOutOfRange);
        }
        if now.raw() <= 0 {
            return Err(RiskError::ParameterOutOfRange);
        }
        if now < self.since {
            return Err(RiskError::WrongState);
        }
        let (depth, interest) = (sample.depth.min(Quote::new(MAX_SAMPLE)), sample.open_interest.min(Quote::new(MAX_SAMPLE)));
        if now == self.since {
            self.held_depth = self.held_depth.min(depth);
            self.held_interest = self.held_interest.min(interest);
            return Ok(());
        }
        let elapsed = now.sub(self.since)?.raw();
        let is_first = self.since.is_zero();
        if !is_first {
            self.weigh(now)?;
        }
        self.advance(now.raw() / BUCKET_SECS)?;
        (self.held_depth, self.held_interest, self.since) = (depth, interest, now);
        let target = self.allowance(params)?;
        self.allowance_im = target;
        let elapsed = elapsed.min(MAX_GLIDE);
        let kept = Ratio::ONE.sub(Ratio::new(mul_div(GLIDE_DOWN.raw(), elapsed, HOUR, Round::Floor)?))?;
        let lowest = self.allowance_mm.scale(kept, Round::Ceil)?;
        self.allowance_mm = if is_first { target } else { target.max(lowest) };
        Ok(())
    }

    /// The terms of the size add-on as of the last sample; without any, only the floor is free.
    ///
    /// Errors: [`RiskError::ParameterOutOfRange`].
    pub fn size_terms(&self, params: &DepthParams) -> RiskResult<SizeTerms> {
        params.validate()?;
        let at_least = |allowance: Quote| allowance.max(params.floor).min(Quote::new(MAX_NOTIONAL));
        let allowance_im = at_least(self.allowance_im);
        // An allowance that glides down stays above the one at once: maintenance never charges more than the initial measure.
        Ok(SizeTerms { allowance_im, allowance_mm: at_least(self.allowance_mm).max(allowance_im), rate: params.rate })
    }

    /// Smallest bucket mean of depth in the hour; zero before the first bucket has been observed.
    pub fn least_depth(&self) -> Quote {
        let means = self.depth_sums.iter().zip(self.observed.iter()).filter(|(_, observed)| **observed > 0);
        means.map(|(sum, observed)| sum.checked_div(i64::from(*observed)).unwrap_or(0)).min().map_or(Quote::ZERO, Quote::new)
    }

    /// Time-weighted mean of open interest over the hour's observed time; zero before any.
    pub fn mean_open_interest(&self) -> Quote {
        let (sum, seconds) =
            self.interest_sums.iter().zip(self.observed.iter()).fold((0_i128, 0_i128), |(sum, seconds), (part, observed)| {
                (sum.saturating_add(i128::from(*part)), seconds.saturating_add(i128::from(*observed)))
            });
        sum.checked_div(seconds).and_then(|mean| i64::try_from(mean).ok()).map_or(Quote::ZERO, Quote::new)
    }

    fn allowance(&self, params: &DepthParams) -> RiskResult<Quote> {
        let share = self.mean_open_interest().scale(params.open_interest_share, Round::Floor)?;
        Ok(self.least_depth().min(share).max(params.floor))
    }

    /// Adds the held sample over the time since, at most [`MAX_HOLD`]: two buckets.
    fn weigh(&mut self, now: Secs) -> RiskResult<()> {
        let from = self.since.raw();
        let until = now.raw().min(from.saturating_add(MAX_HOLD.raw()));
        let boundary = (from / BUCKET_SECS).wrapping_add(1).wrapping_mul(BUCKET_SECS).min(until);
        self.add(from / BUCKET_SECS, boundary.wrapping_sub(from))?;
        if until > boundary {
            self.add(boundary / BUCKET_SECS, until.wrapping_sub(boundary))?;
        }
        Ok(())
    }

    fn add(&mut self, bucket: i64, seconds: i64) -> RiskResult<()> {
        self.advance(bucket)?;
        let slot = slot(bucket)?;
        let slots = (self.depth_sums.get_mut(slot), self.interest_sums.get_mut(slot), self.observed.get_mut(slot));
        let (Some(depth), Some(interest), Some(observed)) = slots else {
            return Err(RiskError::Overflow);
        };
        // Spans of one bucket do not overlap: at most 300 s × 2⁵² in all.
        *depth = depth.wrapping_add(self.held_depth.raw().wrapping_mul(seconds));
        *interest = interest.wrapping_add(self.held_interest.raw().wrapping_mul(seconds));
        *observed = observed.saturating_add(u16::try_from(seconds).map_err(|_| RiskError::Overflow)?);
        Ok(())
    }

    /// Makes `bucket` the newest, emptying what leaves the hour.
    fn advance(&mut self, bucket: i64) -> RiskResult<()> {
        if bucket <= self.head {
            return Ok(());
        }
        let stale = bucket.wrapping_sub(self.head).min(RING);
        for back in 0..stale {
            let slot = slot(bucket.wrapping_sub(back))?;
            let slots = (self.depth_sums.get_mut(slot), self.interest_sums.get_mut(slot), self.observed.get_mut(slot));
            if let (Some(depth), Some(interest), Some(observed)) = slots {
                (*depth, *interest, *observed) = (0, 0, 0);
            }
        }
        self.head = bucket;
        Ok(())
    }
}

fn slot(bucket: i64) -> RiskResult<usize> {
    usize::try_from(bucket.rem_euclid(RING)).map_err(|_| RiskError::Overflow)
}
