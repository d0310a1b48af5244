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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::arithmetic_side_effects, reason = "tests fail by panicking")]
    use super::*;
    use proptest::prelude::*;

    const USD: i64 = 1_000_000;

    fn sample(depth: i64, interest: i64) -> DepthSample {
        DepthSample { depth: Quote::new(depth * USD), open_interest: Quote::new(interest * USD) }
    }

    /// A state that has seen `sample` once a minute over `minutes`, and the time of the next minute.
    fn seen(state: DepthState, from: i64, minutes: i64, sample: &DepthSample) -> (DepthState, i64) {
        let mut state = state;
        for minute in 0..minutes {
            state.push(sample, Secs::new(from + 60 * minute), &DepthParams::default()).unwrap();
        }
        (state, from + 60 * minutes)
    }

    fn dollars(quote: Quote) -> i64 {
        quote.raw() / USD
    }

    fn terms(state: &DepthState) -> (i64, i64) {
        let terms = state.size_terms(&DepthParams::default()).unwrap();
        (dollars(terms.allowance_im), dollars(terms.allowance_mm))
    }

    /// RULES 4.4: what is shown for a moment raises nothing within the hour; what is gone lowers IM at once and MM by the glide.
    #[test]
    fn a_wall_raises_nothing_and_a_thin_book_liquidates_nobody() {
        let (steady, now) = seen(DepthState::zeroed(), 1_000_000_200, 90, &sample(400_000, 20_000_000));
        assert_eq!((dollars(steady.least_depth()), dollars(steady.mean_open_interest())), (400_000, 20_000_000));
        assert_eq!(terms(&steady), (400_000, 400_000));
        // Ten minutes of a wall.
        let (wall, _) = seen(steady, now, 10, &sample(9_000_000, 20_000_000));
        assert_eq!(terms(&wall), (400_000, 400_000));
        // Ten minutes without a book: the allowance of IM is the floor, that of MM has fallen by 10 % an hour.
        let (thin, later) = seen(steady, now, 10, &sample(0, 20_000_000));
        let (im, mm) = terms(&thin);
        assert_eq!(im, 100_000);
        assert!((393_000..=394_500).contains(&mm), "{mm}");
        // An hour after the book is back, both are.
        let (back, _) = seen(thin, later, 75, &sample(400_000, 20_000_000));
        assert_eq!(terms(&back), (400_000, 400_000));
    }

    #[test]
    fn open_interest_bounds_it_by_its_share() {
        let (state, _) = seen(DepthState::zeroed(), 1_000_000_200, 90, &sample(5_000_000, 4_000_000));
        // 5 % in Q30 is a trifle less.
        assert_eq!(terms(&state), (199_999, 199_999));
        assert_eq!(terms(&DepthState::zeroed()), (100_000, 100_000), "never looked at: the floor");
    }

    /// In one second the smaller sample stands, whoever comes last; the past cannot be written.
    #[test]
    fn nobody_paints_over_a_sample() {
        let params = DepthParams::default();
        let (steady, now) = seen(DepthState::zeroed(), 1_000_000_200, 90, &sample(400_000, 20_000_000));
        let push = |samples: &[i64]| {
            let mut state = steady;
            samples.iter().for_each(|depth| state.push(&sample(*depth, 20_000_000), Secs::new(now), &params).unwrap());
            state.push(&sample(400_000, 20_000_000), Secs::new(now + 300), &params).unwrap();
            state
        };
        assert_eq!(push(&[200_000, 9_000_000]), push(&[9_000_000, 200_000]));
        let mut state = steady;
        assert_eq!(state.push(&sample(1, 1), Secs::new(now - 61), &params), Err(RiskError::WrongState));
        assert_eq!(state.push(&sample(-1, 1), Secs::new(now), &params), Err(RiskError::QuantityOutOfRange));
        assert_eq!(state.push(&sample(1, 1), Secs::new(0), &params), Err(RiskError::ParameterOutOfRange));
        let wrong = DepthParams { rate: Ratio::of(2, 1), ..params };
        assert_eq!(state.push(&sample(1, 1), Secs::new(now), &wrong), Err(RiskError::ParameterOutOfRange));
        assert_eq!(state, steady, "what is refused changes nothing");
    }

    proptest! {
        /// The sums hold for any samples and gaps; MM is never charged more than IM; a gap is worth five minutes of glide.
        #[test]
        fn allowances_stay_in_order(steps in prop::collection::vec((0..=i64::MAX, 0..=i64::MAX, 1..=100_000i64), 1..60)) {
            let params = DepthParams::default();
            let (mut state, mut now) = (DepthState::zeroed(), 1_000_000_000);
            for (depth, interest, gap) in steps {
                now += gap;
                let before = state.size_terms(&params).unwrap();
                state.push(&DepthSample { depth: Quote::new(depth), open_interest: Quote::new(interest) }, Secs::new(now), &params).unwrap();
                let after = state.size_terms(&params).unwrap();
                prop_assert!(after.allowance_mm >= after.allowance_im && after.allowance_im >= params.floor);
                // 10 % an hour over five minutes is below 0.84 %.
                let least = before.allowance_mm.raw() / 10_000 * 9_916;
                prop_assert!(after.allowance_mm.raw() >= least, "{before:?} {after:?}");
            }
        }
    }
}
