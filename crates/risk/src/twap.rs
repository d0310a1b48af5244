//! Time-weighted average price over a ring of thirty one-minute buckets.
//!
//! Each accepted price is held from its publish time to the next one, but for at most [`MAX_HOLD`]: what follows is a gap and weighs nothing.
//! [Held without limit, a price could be stretched over a silence by whoever profits from it; filled in afterwards, it would be invented.]
//! The newest price therefore has no weight until time has passed over it, and a single print weighs as long as it stood.
//!
//! Costs: a record touches at most two buckets; an average is one 64-bit division.

use crate::error::{RiskError, RiskResult};
use crate::units::{Price, Secs, MAX_PRICE};
use bytemuck::{Pod, Zeroable};

/// Minutes in the ring.
pub const MINUTES: usize = 30;
/// Longest time for which one accepted price counts.
pub const MAX_HOLD: Secs = Secs::new(60);
/// Least observed time for [`Twap::five_minute`] to mean anything†.
pub const MIN_OBSERVED: Secs = Secs::new(60);

const MINUTE: i64 = 60;
const RING: i64 = 30;
const RING_SLOTS: u64 = RING.unsigned_abs();
const WINDOW: i64 = 5;

// The sum of a full ring stays far below 63 bits.
const _: () = assert!(MAX_PRICE.checked_mul(MINUTE * RING).is_some());
const _: () = assert!(core::mem::size_of::<Twap>() == 296 && core::mem::align_of::<Twap>() == 8);

/// The ring. All zero is a valid empty one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct Twap {
    /// Σ price × seconds per minute of the clock, at minute mod 30.
    sums: [i64; MINUTES],
    /// Observed seconds of each minute, 0 ..= 60.
    observed: [u8; MINUTES],
    padding: [u8; 2],
    /// Newest minute in the ring (unix seconds / 60).
    head: i64,
    /// Price that is being held; 0 before the first.
    held: Price,
    /// Since when it has been held.
    since: Secs,
}

/// An average with what it rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Average {
    /// Time-weighted mean price, rounded to the nearest atom.
    pub price: Price,
    /// Seconds observed.
    pub observed: Secs,
    /// Minutes with at least one observed second.
    pub filled: u8,
}

impl Twap {
    /// Accepts `price` from `publish` on and weighs the one before it up to then.
    ///
    /// Errors: [`RiskError::PriceOutOfRange`]; [`RiskError::ParameterOutOfRange`] for a time before 1970;
    /// [`RiskError::WrongState`] when `publish` is not after the last one.
    pub fn record(&mut self, price: Price, publish: Secs) -> RiskResult<()> {
        let price = Price::checked(price.raw())?;
        if publish.raw() <= 0 {
            return Err(RiskError::ParameterOutOfRange);
        }
        if self.held.raw() != 0 {
            if publish <= self.since {
                return Err(RiskError::WrongState);
            }
            let until = publish.raw().min(self.since.raw().saturating_add(MAX_HOLD.raw()));
            self.weigh(self.held, self.since.raw(), until)?;
        }
        self.advance(publish.raw() / MINUTE)?;
        self.held = price;
        self.since = publish;
        Ok(())
    }

    /// Mean over the running minute of `now` and the four before it; `None` with less than [`MIN_OBSERVED`] of observation.
    pub fn five_minute(&self, now: Secs) -> Option<Price> {
        let head = now.raw() / MINUTE;
        self.mean(head.saturating_sub(WINDOW - 1), head).filter(|average| average.observed >= MIN_OBSERVED).map(|average| average.price)
    }

    /// Mean over the thirty minutes that end with the newest accepted price, however long ago that was; `None` before any.
    pub fn thirty_minute(&self) -> Option<Average> {
        self.mean(self.head.saturating_sub(RING - 1), self.head)
    }

    /// The mean of one minute of the clock (unix seconds / 60) and its observed seconds; `None` if it left the ring or saw nothing.
    pub fn minute(&self, minute: i64) -> Option<Average> {
        self.mean(minute, minute)
    }

    /// Adds `price` over [from, until), at most two minutes of the clock since `until − from` ≤ 60.
    fn weigh(&mut self, price: Price, from: i64, until: i64) -> RiskResult<()> {
        let boundary = (from / MINUTE).wrapping_add(1).wrapping_mul(MINUTE).min(until);
        self.add(from / MINUTE, price, boundary.wrapping_sub(from))?;
        if until > boundary {
            self.add(boundary / MINUTE, price, until.wrapping_sub(boundary))?;
        }
        Ok(())
    }

    fn add(&mut self, minute: i64, price: Price, seconds: i64) -> RiskResult<()> {
        self.advance(minute)?;
        let slot = slot(minute)?;
        let (Some(sum), Some(observed)) = (self.sums.get_mut(slot), self.observed.get_mut(slot)) else {
            return Err(RiskError::Overflow);
        };
        // Spans of one minute do not overlap: ≤ 60 s × 2³⁰ in all.
        *sum = sum.wrapping_add(price.raw().wrapping_mul(seconds));
        *observed = observed.saturating_add(u8::try_from(seconds).map_err(|_| RiskError::Overflow)?);
        Ok(())
    }

    /// Makes `minute` the newest, emptying the slots that it and the skipped ones take over.
    fn advance(&mut self, minute: i64) -> RiskResult<()> {
        if minute <= self.head {
            return Ok(());
        }
        let mut stale = self.head.max(minute.saturating_sub(RING));
        while stale < minute {
            stale = stale.wrapping_add(1);
            let slot = slot(stale)?;
            if let (Some(sum), Some(observed)) = (self.sums.get_mut(slot), self.observed.get_mut(slot)) {
                *sum = 0;
                *observed = 0;
            }
        }
        self.head = minute;
        Ok(())
    }

    fn mean(&self, first: i64, last: i64) -> Option<Average> {
        let mut minute = first.max(self.head.saturating_sub(RING - 1)).max(0);
        let last = last.min(self.head);
        let (mut sum, mut observed, mut filled) = (0_i64, 0_i64, 0_u8);
        while minute <= last {
            let slot = slot(minute).ok()?;
            let seconds = *self.observed.get(slot)?;
            sum = sum.wrapping_add(*self.sums.get(slot)?);
            observed = observed.wrapping_add(i64::from(seconds));
            filled = filled.wrapping_add(u8::from(seconds > 0));
            minute = minute.wrapping_add(1);
        }
        let price = sum.wrapping_add(observed / 2).checked_div(observed)?;
        Some(Average { price: Price::new(price), observed: Secs::new(observed), filled })
    }
}

fn slot(minute: i64) -> RiskResult<usize> {
    // Unsigned, because the chain's machine has no signed remainder.
    let minute = u64::try_from(minute).map_err(|_| RiskError::Overflow)?;
    usize::try_from(minute % RING_SLOTS).map_err(|_| RiskError::Overflow)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::arithmetic_side_effects, clippy::indexing_slicing)]
    use super::*;
    use proptest::prelude::*;

    const START: i64 = 1_760_000_040; // a whole minute

    fn ring(samples: &[(i64, i64)]) -> Twap {
        let mut twap = Twap::zeroed();
        for &(price, at) in samples {
            twap.record(Price::new(price), Secs::new(START + at)).unwrap();
        }
        twap
    }

    /// One price per second of the clock, as slow and plain as it can be said.
    fn slow(samples: &[(i64, i64)], first: i64, last: i64) -> Option<(i64, i64)> {
        let (mut sum, mut observed) = (0, 0);
        for second in first..last {
            let Some(index) = samples.iter().rposition(|&(_, at)| at <= second) else { continue };
            let is_followed = index + 1 < samples.len();
            if is_followed && second < samples[index].1 + 60 {
                sum += samples[index].0;
                observed += 1;
            }
        }
        (observed > 0).then(|| ((sum + observed / 2) / observed, observed))
    }

    #[test]
    fn a_price_weighs_as_long_as_it_stood() {
        // 30 s at 100, 30 s at 200, 60 s at 300: (3,000 + 6,000 + 18,000) / 120 = 225.
        let twap = ring(&[(100, 0), (200, 30), (300, 60), (999, 120)]);
        assert_eq!(twap.five_minute(Secs::new(START + 120)), Some(Price::new(225)));
        assert_eq!(twap.minute(START / 60).unwrap().price, Price::new(150));
        assert_eq!(twap.minute(START / 60 + 1).unwrap().price, Price::new(300));
        assert_eq!(twap.minute(START / 60 + 2), None);
    }

    #[test]
    fn a_held_price_counts_for_one_minute_only() {
        let twap = ring(&[(100, 0), (200, 3_600), (200, 3_630)]);
        let average = twap.thirty_minute().unwrap();
        assert_eq!((average.price, average.observed), (Price::new(200), Secs::new(30)));
        let twap = ring(&[(100, 0), (200, 600), (200, 660)]);
        assert_eq!(twap.thirty_minute().unwrap(), Average { price: Price::new(150), observed: Secs::new(120), filled: 2 });
    }

    #[test]
    fn too_little_observation_is_no_five_minute_price() {
        assert_eq!(ring(&[(100, 0)]).five_minute(Secs::new(START)), None);
        assert_eq!(ring(&[(100, 0), (100, 59)]).five_minute(Secs::new(START + 59)), None);
        assert_eq!(ring(&[(100, 0), (100, 60)]).five_minute(Secs::new(START + 60)), Some(Price::new(100)));
        assert_eq!(ring(&[(100, 0), (100, 60)]).five_minute(Secs::new(START + 299)), Some(Price::new(100)));
        assert_eq!(ring(&[(100, 0), (100, 60)]).five_minute(Secs::new(START + 300)), None);
    }

    #[test]
    fn the_thirty_minutes_end_with_the_last_price_and_wait_for_nobody() {
        let samples: Vec<_> = (0..=40).map(|minute| (1_000 + minute, 60 * minute)).collect();
        let average = ring(&samples).thirty_minute().unwrap();
        // Minutes 11 ..= 40 are in the ring; the last has just begun.
        assert_eq!(average, Average { price: Price::new(1_025), observed: Secs::new(29 * 60), filled: 29 });
        assert_eq!(Twap::zeroed().thirty_minute(), None);
    }

    #[test]
    fn what_cannot_be_recorded_changes_nothing() {
        let before = ring(&[(100, 0), (200, 30)]);
        let mut twap = before;
        assert_eq!(twap.record(Price::new(1), Secs::new(START + 30)), Err(RiskError::WrongState));
        assert_eq!(twap.record(Price::new(0), Secs::new(START + 31)), Err(RiskError::PriceOutOfRange));
        assert_eq!(twap.record(Price::new(1 << 31), Secs::new(START + 31)), Err(RiskError::PriceOutOfRange));
        assert_eq!(twap.record(Price::new(1), Secs::new(0)), Err(RiskError::ParameterOutOfRange));
        assert_eq!(twap, before);
    }

    proptest! {
        #[test]
        fn agrees_with_the_slow_reference(steps in prop::collection::vec((1_i64..MAX_PRICE, prop_oneof![1_i64..20, 50_i64..70, 1_i64..2_000]), 1..80)) {
            let mut at = 0;
            let samples: Vec<_> = steps.iter().map(|&(price, step)| { at += step; (price, at) }).collect();
            let twap = ring(&samples);
            let end = (at / 60 + 1) * 60;
            let found = twap.thirty_minute().map(|average| (average.price.raw(), average.observed.raw()));
            prop_assert_eq!(found, slow(&samples, end - 1_800, end));
            let five = slow(&samples, end - 300, end).filter(|&(_, observed)| observed >= 60).map(|(price, _)| price);
            prop_assert_eq!(twap.five_minute(Secs::new(START + at)).map(Price::raw), five);
        }
    }
}
