//! Time-weighted average price over the last thirty minutes of the clock in which a price stood.
//!
//! Each accepted price is held from its publish time to the next one, but for at most [`MAX_HOLD`]: what follows is a gap and weighs nothing.
//! [Held without limit, a price could be stretched over a silence by whoever profits from it; filled in afterwards, it would be invented.]
//! The newest price therefore has no weight until time has passed over it, and a single print weighs as long as it stood. A silence takes nothing
//! out of the ring: only minutes that saw a price push older ones out. [Else the first print after half an hour would be all that is left.]
//!
//! Costs: a record touches at most two minutes; an average is one 64-bit division.

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
const RING_SLOTS: u64 = 30;
const WINDOW: i64 = 5;
/// Bits of a slot that hold Σ price × seconds; the minute stands above them.
const SUM_BITS: u32 = 36;
const SUM_MASK: i64 = (1 << SUM_BITS) - 1;

/// First second whose minute has no room above the sum: in the year 2225.
const END: i64 = MINUTE << (63 - SUM_BITS);

// A full minute fits its bits, and a full ring an i64.
const _: () = assert!(matches!(MAX_PRICE.checked_mul(MINUTE), Some(most) if most <= SUM_MASK) && SUM_MASK.checked_mul(30).is_some());
const _: () = assert!(core::mem::size_of::<Twap>() == 296 && core::mem::align_of::<Twap>() == 8);

/// The ring. All zero is a valid empty one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct Twap {
    /// Minutes in which a price stood: minute of the clock (unix seconds / 60) · 2³⁶ + Σ price × seconds; 0 = free.
    minutes: [i64; MINUTES],
    /// Observed seconds of each, 1 ..= 60.
    observed: [u8; MINUTES],
    padding: [u8; 2],
    /// Minutes ever put into the ring; the newest stands at count − 1 mod 30.
    count: u64,
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
    /// Errors: [`RiskError::PriceOutOfRange`]; [`RiskError::ParameterOutOfRange`] for a time before 1970 or after 2225;
    /// [`RiskError::WrongState`] when `publish` is not after the last one.
    pub fn record(&mut self, price: Price, publish: Secs) -> RiskResult<()> {
        let price = Price::checked(price.raw())?;
        if publish.raw() <= 0 || publish.raw() >= END {
            return Err(RiskError::ParameterOutOfRange);
        }
        if self.held.raw() != 0 {
            if publish <= self.since {
                return Err(RiskError::WrongState);
            }
            let until = publish.raw().min(self.since.raw().saturating_add(MAX_HOLD.raw()));
            self.weigh(self.held, self.since.raw(), until)?;
        }
        self.held = price;
        self.since = publish;
        Ok(())
    }

    /// Mean over the running minute of `now` and the four before it; `None` with less than [`MIN_OBSERVED`] of observation.
    pub fn five_minute(&self, now: Secs) -> Option<Price> {
        let head = now.raw() / MINUTE;
        self.mean(head.saturating_sub(WINDOW - 1), head).filter(|average| average.observed >= MIN_OBSERVED).map(|average| average.price)
    }

    /// Mean over the last thirty minutes in which a price stood, however long ago and far apart they were; `None` before any.
    pub fn thirty_minute(&self) -> Option<Average> {
        self.mean(0, i64::MAX)
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

    /// Adds `price` over `seconds` (> 0) of `minute`, the newest of the ring or a later one.
    fn add(&mut self, minute: i64, price: Price, seconds: i64) -> RiskResult<()> {
        let newest = slot(self.count.wrapping_sub(1))?;
        let is_running = self.count > 0 && self.minutes.get(newest).is_some_and(|word| word >> SUM_BITS == minute);
        if !is_running {
            self.count = self.count.wrapping_add(1);
        }
        let slot = slot(self.count.wrapping_sub(1))?;
        let (Some(word), Some(observed)) = (self.minutes.get_mut(slot), self.observed.get_mut(slot)) else {
            return Err(RiskError::Overflow);
        };
        if !is_running {
            *word = minute << SUM_BITS;
            *observed = 0;
        }
        // Spans of one minute do not overlap: ≤ 60 s × 2³⁰ in all.
        *word = word.wrapping_add(price.raw().wrapping_mul(seconds));
        *observed = observed.saturating_add(u8::try_from(seconds).map_err(|_| RiskError::Overflow)?);
        Ok(())
    }

    /// Mean over the minutes first ..= last of the clock, from the newest backwards.
    fn mean(&self, first: i64, last: i64) -> Option<Average> {
        let (mut sum, mut observed, mut filled) = (0_i64, 0_i64, 0_u8);
        let oldest = self.count.saturating_sub(RING_SLOTS);
        let mut index = self.count;
        while index > oldest {
            index = index.wrapping_sub(1);
            let slot = slot(index).ok()?;
            let word = *self.minutes.get(slot)?;
            let minute = word >> SUM_BITS;
            if minute < first {
                break;
            }
            if minute <= last {
                sum = sum.wrapping_add(word & SUM_MASK);
                observed = observed.wrapping_add(i64::from(*self.observed.get(slot)?));
                filled = filled.wrapping_add(1);
            }
        }
        let price = sum.wrapping_add(observed / 2).checked_div(observed)?;
        Some(Average { price: Price::new(price), observed: Secs::new(observed), filled })
    }
}

/// Where the minute of that number stands.
fn slot(index: u64) -> RiskResult<usize> {
    usize::try_from(index % RING_SLOTS).map_err(|_| RiskError::Overflow)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::arithmetic_side_effects, clippy::indexing_slicing)]
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    const START: i64 = 1_760_000_040; // a whole minute

    fn ring(samples: &[(i64, i64)]) -> Twap {
        let mut twap = Twap::zeroed();
        for &(price, at) in samples {
            twap.record(Price::new(price), Secs::new(START + at)).unwrap();
        }
        twap
    }

    /// One price per second of the clock, as slow and plain as it can be said: Σ price and seconds of each minute first .. last that saw one.
    fn slow(samples: &[(i64, i64)], first: i64, last: i64) -> Vec<(i64, i64)> {
        let mut minutes = BTreeMap::<i64, (i64, i64)>::new();
        for pair in samples.windows(2) {
            for second in pair[0].1..pair[1].1.min(pair[0].1 + 60) {
                let minute = minutes.entry(second / 60).or_default();
                *minute = (minute.0 + pair[0].0, minute.1 + 1);
            }
        }
        minutes.range(first..last).map(|(_, minute)| *minute).collect()
    }

    /// Their mean, and the seconds it rests on.
    fn mean(minutes: &[(i64, i64)]) -> Option<(i64, i64)> {
        let (sum, observed) = minutes.iter().fold((0, 0), |(sum, observed), minute| (sum + minute.0, observed + minute.1));
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
        assert_eq!((average.price, average.observed), (Price::new(133), Secs::new(90)));
        let twap = ring(&[(100, 0), (200, 600), (200, 660)]);
        assert_eq!(twap.thirty_minute().unwrap(), Average { price: Price::new(150), observed: Secs::new(120), filled: 2 });
    }

    /// RULES 2.5: minutes without a price push none out that had one.
    #[test]
    fn a_print_after_a_silence_is_one_of_thirty_valid_minutes() {
        let before: Vec<_> = (0..=40).map(|minute| (1_000, 60 * minute)).collect();
        for silence in [60, 29 * 60, 30 * 60, 31 * 60, 5 * 3_600] {
            // The price at minute 40 counts for its own minute; what comes after the silence counts once time has passed over it.
            let last = 40 * 60 + 60 + silence;
            let alone = ring(&[&before[..], &[(9_000, last)]].concat()).thirty_minute().unwrap();
            assert_eq!(alone, Average { price: Price::new(1_000), observed: Secs::new(1_800), filled: 30 }, "{silence}");
            let stood = ring(&[&before[..], &[(9_000, last), (9_000, last + 30)]].concat()).thirty_minute().unwrap();
            // 29 minutes at 1,000 and half a minute at 9,000: (1,740 · 1,000 + 30 · 9,000) / 1,770 = 1,135.6.
            assert_eq!(stood, Average { price: Price::new(1_136), observed: Secs::new(1_770), filled: 30 }, "{silence}");
            assert_eq!(ring(&[&before[..], &[(9_000, last)]].concat()).five_minute(Secs::new(START + last)).is_some(), silence < 240);
        }
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
        // Minutes 10 ..= 39 are in the ring; nothing has been seen of the last.
        assert_eq!(average, Average { price: Price::new(1_025), observed: Secs::new(30 * 60), filled: 30 });
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
        assert_eq!(twap.record(Price::new(1), Secs::new(END)), Err(RiskError::ParameterOutOfRange));
        assert_eq!(twap, before);
    }

    proptest! {
        #[test]
        fn agrees_with_the_slow_reference(steps in prop::collection::vec((1_i64..MAX_PRICE, prop_oneof![1_i64..20, 50_i64..70, 1_i64..2_000]), 1..80)) {
            let mut at = 0;
            let samples: Vec<_> = steps.iter().map(|&(price, step)| { at += step; (price, at) }).collect();
            let twap = ring(&samples);
            let end = at / 60 + 1;
            let found = twap.thirty_minute().map(|average| (average.price.raw(), average.observed.raw()));
            let valid = slow(&samples, 0, end);
            prop_assert_eq!(found, mean(&valid[valid.len().saturating_sub(30)..]));
            let five = mean(&slow(&samples, (end - 5).max(0), end)).filter(|&(_, observed)| observed >= 60).map(|(price, _)| price);
            prop_assert_eq!(twap.five_minute(Secs::new(START + at)).map(Price::raw), five);
        }
    }
}
