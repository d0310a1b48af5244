//! Perp funding (RULES 5.4): what the long side pays the short side so that the perp's price stays near the oracle's.
//!
//! | symbol | meaning | unit |
//! | --- | --- | --- |
//! | p | premium of one sample: (impact bid + impact ask) / 2 / oracle − 1; 0 when a side cannot fill the impact notional | Q30 |
//! | P | premium averaged over five minutes: P += (p − P) · min(Δt, 60 s) / 300 s | Q30 |
//! | r | rate: (P less the dead zone, towards 0) / 24, within ± cap | Q30 per hour |
//! | f | accrued: r · oracle price · Δt / 3600 s | atoms per lot, Q32 |
//!
//! f > 0: longs pay, shorts receive. The same f enters both sides' indices, so funding sums to zero over equal open interest, and what is
//! cut off in f is cut for both.
//!
//! - **Never retroactive.** A rate holds from the sample that set it. Whoever changes open interest or touches a position accrues first.
//! - **Gaps.** After more than 15 min without a sample both the average and the time not accrued yet take the lower of the two values around
//!   the gap (zero if their signs differ). Whatever is accrued inside a gap, 15 min after the last sample or later, accrues nothing: the
//!   other end of the gap is not known, and a position opened in it must not pay for the time before.
//! - **One sample is weak.** It weighs at most a fifth, so that a book bent for an instant moves the rate little, however rare samples are.
//! - An index of 64 bits holds ±2³¹ atoms per lot; whoever keeps the index must renew it before (the perp side index closes its epoch).
//!
//! ```
//! use plimsoll_risk::funding::{premium, FundingParams, FundingState};
//! use plimsoll_risk::{Price, Ratio, Secs};
//!
//! let params = FundingParams { dead_zone: Ratio::of(5, 10_000), hourly_cap: Ratio::of(4, 1_000) };
//! let oracle = Price::new(2_000_000);
//! let mut state = FundingState::new(Secs::new(0));
//! // The impact mid stands 1.25 % above the oracle, sampled every minute for an hour: P comes to 1.25 %.
//! let p = premium(Some(Price::new(2_020_000)), Some(Price::new(2_030_000)), oracle).unwrap();
//! for minute in 1..=60 {
//!     state.sample(Secs::new(60 * minute), p, oracle, true, &params).unwrap();
//! }
//! // r = (1.25 % − 0.05 %) / 24 = 0.05 % an hour; ten minutes of it on a lot of 2 USDC cost 166.67 atoms.
//! let f = state.accrue(Secs::new(4_200), oracle, true).unwrap();
//! assert_eq!(f.raw() >> 32, 166);
//! ```

use crate::error::{RiskError, RiskResult};
use crate::units::{Price, Ratio, Secs};
use bytemuck::{Pod, Zeroable};

/// Span of the premium's average.
pub const TWAP_SECS: u64 = 300;
/// Most time one sample can stand for in the average.
pub const MAX_SAMPLE_SECS: i64 = 60;
/// A longer pause between samples is a gap.
pub const GAP_SECS: i64 = 900;
/// Most time one accrual charges; only an unbroken row of failed accruals could exceed it, and then payers are spared the rest.
pub const MAX_ACCRUAL_SECS: i64 = 86_400;
/// Largest hourly cap a market may set: 1/64, about 1.56 %.
pub const MAX_HOURLY_CAP: Ratio = Ratio::of(1, 64);
/// Largest dead zone a market may set.
pub const MAX_DEAD_ZONE: Ratio = Ratio::of(1, 100);
/// Hours over which a premium is paid off.
const PERIOD_HOURS: u64 = 24;
/// Q30 per hour → Q32 per second: × 4 / 3600.
const HOURLY_Q30_TO_SECOND_Q32: u64 = 900;

// r · price · Δt stays within 63 bits.
const _: () = assert!((1_i64 << 24).checked_mul(crate::units::MAX_PRICE / 900 * MAX_ACCRUAL_SECS).is_some());
const _: () = assert!(MAX_HOURLY_CAP.raw() == 1 << 24);

/// Quote atoms per lot in Q32, to be added to the long side's funding index and taken from the short side's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Pod, Zeroable)]
#[repr(transparent)]
pub struct PerLot(i64);

impl PerLot {
    /// Nothing.
    pub const ZERO: Self = Self(0);
    /// The raw Q32 integer.
    pub const fn raw(self) -> i64 {
        self.0
    }
}

/// A market's funding parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct FundingParams {
    /// Premium that costs nothing; 5 bp by default, 0 ..= [`MAX_DEAD_ZONE`].
    pub dead_zone: Ratio,
    /// Largest rate per hour; 0.4 % in majors, 0 ..= [`MAX_HOURLY_CAP`].
    pub hourly_cap: Ratio,
}

impl FundingParams {
    /// Errors: [`RiskError::ParameterOutOfRange`].
    pub fn check(&self) -> RiskResult<()> {
        let is_valid = (Ratio::ZERO..=MAX_DEAD_ZONE).contains(&self.dead_zone) && (Ratio::ZERO..=MAX_HOURLY_CAP).contains(&self.hourly_cap);
        is_valid.then_some(()).ok_or(RiskError::ParameterOutOfRange)
    }

    /// The hourly rate of an average premium.
    fn rate(&self, premium: i64) -> i64 {
        let beyond = premium.unsigned_abs().saturating_sub(self.dead_zone.raw().unsigned_abs());
        let magnitude = (beyond / PERIOD_HOURS).min(self.hourly_cap.raw().unsigned_abs());
        signed(magnitude, premium.is_negative())
    }

    /// The premium from which the cap binds; a sample beyond it counts as that much.
    fn ceiling(&self) -> i64 {
        self.hourly_cap.raw().saturating_mul(24).saturating_add(self.dead_zone.raw())
    }
}

/// A perp market's funding clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct FundingState {
    /// P: average premium, Q30.
    pub premium: i64,
    /// r: rate in force, Q30 per hour, positive = longs pay.
    pub hourly_rate: i64,
    /// Unix second of the last sample.
    pub sampled_at: i64,
    /// Unix second up to which funding has been accrued.
    pub accrued_at: i64,
}

const _: () = assert!(size_of::<FundingState>() == 32 && align_of::<FundingState>() == 8);

impl FundingState {
    /// The clock of a market that opens at `now`: rate and premium zero.
    pub const fn new(now: Secs) -> Self {
        Self { premium: 0, hourly_rate: 0, sampled_at: now.raw(), accrued_at: now.raw() }
    }

    /// Accrues up to `now` and returns f. Call it before open interest or a position changes, with the open interest as it was.
    ///
    /// Nothing accrues while `has_both_sides` is false (nobody to pay or to be paid), nor for time later than 15 min after the last sample.
    /// A clock that stands still or goes back changes nothing. Errors: [`RiskError::PriceOutOfRange`].
    pub fn accrue(&mut self, now: Secs, oracle: Price, has_both_sides: bool) -> RiskResult<PerLot> {
        let known_until = now.raw().min(self.sampled_at.saturating_add(GAP_SECS));
        self.accrue_at(self.hourly_rate, known_until, now, oracle, has_both_sides)
    }

    /// Takes a premium sample: accrues the time before it, then sets the rate from `now` on. Returns f.
    ///
    /// A second sample in the same second is without effect. Errors: [`RiskError::PriceOutOfRange`], [`RiskError::ParameterOutOfRange`].
    pub fn sample(&mut self, now: Secs, sample: Ratio, oracle: Price, has_both_sides: bool, params: &FundingParams) -> RiskResult<PerLot> {
        params.check()?;
        let elapsed = now.raw().saturating_sub(self.sampled_at);
        if elapsed <= 0 {
            return self.accrue(now, oracle, has_both_sides);
        }
        let sample = sample.raw().clamp(params.ceiling().saturating_neg(), params.ceiling());
        let is_gap = elapsed > GAP_SECS;
        let premium = if is_gap { lower(self.premium, sample) } else { averaged(self.premium, sample, elapsed) };
        let rate = params.rate(premium);
        let before = if is_gap { lower(self.hourly_rate, rate) } else { self.hourly_rate };
        let accrued = self.accrue_at(before, now.raw(), now, oracle, has_both_sides)?;
        self.premium = premium;
        self.hourly_rate = rate;
        self.sampled_at = now.raw();
        Ok(accrued)
    }

    /// f of `rate` from the last accrual to `until`; moves the clock to `now`.
    fn accrue_at(&mut self, rate: i64, until: i64, now: Secs, oracle: Price, has_both_sides: bool) -> RiskResult<PerLot> {
        let oracle = Price::checked(oracle.raw())?;
        let seconds = until.saturating_sub(self.accrued_at).clamp(0, MAX_ACCRUAL_SECS);
        self.accrued_at = self.accrued_at.max(now.raw());
        if !has_both_sides {
            return Ok(PerLot::ZERO);
        }
        let rate = rate.clamp(MAX_HOURLY_CAP.raw().saturating_neg(), MAX_HOURLY_CAP.raw());
        // All three factors are bounded here; see the assertion at the head of the module.
        let hourly = rate.wrapping_mul(oracle.raw());
        // The magnitude is divided, so that what is cut off is the same in both directions.
        let per_second = signed(hourly.unsigned_abs() / HOURLY_Q30_TO_SECOND_Q32, hourly.is_negative());
        Ok(PerLot(per_second.wrapping_mul(seconds)))
    }
}

/// The premium of one sample, Q30, from the impact prices of both sides ([`crate::book::depth::impact_price`]), rounded towards zero.
///
/// Zero when a side cannot fill the impact notional: a one-sided book says nothing. Errors: [`RiskError::PriceOutOfRange`].
pub fn premium(impact_bid: Option<Price>, impact_ask: Option<Price>, oracle: Price) -> RiskResult<Ratio> {
    let (Some(bid), Some(ask)) = (impact_bid, impact_ask) else {
        return Ok(Ratio::ZERO);
    };
    let twice = Price::checked(oracle.raw())?.add(oracle)?;
    let difference = Price::checked(bid.raw())?.add(Price::checked(ask.raw())?)?.sub(twice)?.raw();
    // At most 2³¹ · 2³⁰.
    let scaled = difference.unsigned_abs().checked_mul(Ratio::ONE.raw().unsigned_abs()).ok_or(RiskError::Overflow)?;
    let magnitude = scaled.checked_div(twice.raw().unsigned_abs()).ok_or(RiskError::DivisionByZero)?;
    Ok(Ratio::new(signed(magnitude, difference.is_negative())))
}

/// The average moved towards the sample by its share of the span; never past it.
fn averaged(average: i64, sample: i64, elapsed: i64) -> i64 {
    let weight = elapsed.min(MAX_SAMPLE_SECS).unsigned_abs();
    let distance = sample.saturating_sub(average);
    let step = distance.unsigned_abs().saturating_mul(weight) / TWAP_SECS;
    average.saturating_add(signed(step, distance.is_negative()))
}

/// The one of smaller magnitude; zero if the signs differ.
fn lower(a: i64, b: i64) -> i64 {
    if a.is_negative() != b.is_negative() {
        0
    } else if a.unsigned_abs() < b.unsigned_abs() {
        a
    } else {
        b
    }
}

/// A magnitude (below 2⁶³) with a sign.
fn signed(magnitude: u64, is_negative: bool) -> i64 {
    let value = i64::try_from(magnitude).unwrap_or(i64::MAX);
    if is_negative {
        value.saturating_neg()
    } else {
        value
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::arithmetic_side_effects)]
    use super::*;
    use proptest::prelude::*;

    const ORACLE: Price = Price::new(2_000_000);
    const PARAMS: FundingParams = FundingParams { dead_zone: Ratio::of(5, 10_000), hourly_cap: Ratio::of(4, 1_000) };

    fn at(seconds: i64) -> Secs {
        Secs::new(seconds)
    }

    /// A clock at second 1000 with this average premium and the rate that follows from it.
    fn running(premium: Ratio) -> FundingState {
        FundingState { premium: premium.raw(), hourly_rate: PARAMS.rate(premium.raw()), sampled_at: 1_000, accrued_at: 1_000 }
    }

    /// Whole and fractional atoms per lot by wide arithmetic, cut off once at the end.
    fn exact(rate: i64, price: i64, seconds: i64) -> i128 {
        i128::from(rate) * i128::from(price) * i128::from(seconds) * 4 / 3600
    }

    #[test]
    fn the_premium_is_that_of_the_impact_mid() {
        let of = |bid, ask| premium(Some(Price::new(bid)), Some(Price::new(ask)), ORACLE).unwrap();
        assert_eq!(of(2_020_000, 2_030_000), Ratio::of(125, 10_000));
        assert_eq!(of(1_970_000, 1_980_000), Ratio::of(-125, 10_000));
        assert_eq!(of(1_999_000, 2_001_000), Ratio::ZERO);
        assert_eq!(premium(None, Some(ORACLE), ORACLE), Ok(Ratio::ZERO));
        assert_eq!(premium(Some(ORACLE), None, ORACLE), Ok(Ratio::ZERO));
        assert_eq!(premium(Some(Price::new(1 << 30)), Some(Price::new(1 << 30)), Price::new(1)).unwrap().raw(), ((1 << 30) - 1) << 30);
        assert_eq!(premium(Some(ORACLE), Some(ORACLE), Price::ZERO), Err(RiskError::PriceOutOfRange));
    }

    #[test]
    fn the_rate_has_a_dead_zone_a_ramp_and_a_cap() {
        let rate = |bp| PARAMS.rate(Ratio::of(bp, 10_000).raw());
        assert_eq!(rate(5), 0);
        assert_eq!(rate(-5), 0);
        assert_eq!(PARAMS.rate(PARAMS.dead_zone.raw() + 24), 1);
        assert_eq!(PARAMS.rate(-PARAMS.dead_zone.raw() - 24), -1);
        assert!((rate(125) - Ratio::of(5, 10_000).raw()).abs() <= 1);
        assert_eq!(rate(5_000), PARAMS.hourly_cap.raw());
        assert_eq!(rate(-5_000), -PARAMS.hourly_cap.raw());
    }

    #[test]
    fn an_accrual_is_rate_times_price_times_time() {
        let mut state = running(Ratio::of(125, 10_000));
        let f = state.accrue(at(1_600), ORACLE, true).unwrap().raw();
        // 0.05 % an hour of 2 USDC for ten minutes: 166.67 atoms.
        assert_eq!(f >> 32, 166);
        let cut = exact(state.hourly_rate, ORACLE.raw(), 600) - i128::from(f);
        assert!((0..600).contains(&cut), "{cut}");
        assert_eq!(state.accrue(at(1_600), ORACLE, true), Ok(PerLot::ZERO));
        assert_eq!(state.accrue(at(1_500), ORACLE, true), Ok(PerLot::ZERO));
        assert_eq!(state.accrued_at, 1_600);
    }

    #[test]
    fn a_new_rate_applies_only_from_its_sample() {
        let mut state = running(Ratio::of(125, 10_000));
        let old = state.hourly_rate;
        let f = state.sample(at(1_060), Ratio::of(-900, 10_000), ORACLE, true, &PARAMS).unwrap().raw();
        assert!((exact(old, ORACLE.raw(), 60) - i128::from(f)).abs() < 60);
        // A fifth of the way from 1.25 % to −9 %.
        assert!((state.premium - Ratio::of(-80, 10_000).raw()).abs() <= 1);
        assert!(state.accrue(at(1_061), ORACLE, true).unwrap().raw() < 0);
    }

    #[test]
    fn a_gap_accrues_at_the_lower_rate_around_it() {
        let high = Ratio::of(485, 10_000);
        let low = Ratio::of(125, 10_000);
        for (before, after, expected) in [(high, low, low), (low, high, low), (high, Ratio::of(-125, 10_000), Ratio::ZERO)] {
            let mut state = running(before);
            let f = state.sample(at(1_901), after, ORACLE, true, &PARAMS).unwrap().raw();
            let wanted = exact(PARAMS.rate(expected.raw()), ORACLE.raw(), 901);
            assert!((wanted - i128::from(f)).abs() < 901, "{before:?} {after:?}");
            assert_eq!(state.premium, expected.raw());
        }
        // Fifteen minutes exactly are no gap: the old rate for all of them.
        let mut state = running(high);
        let f = state.sample(at(1_900), low, ORACLE, true, &PARAMS).unwrap().raw();
        assert!((exact(PARAMS.rate(high.raw()), ORACLE.raw(), 900) - i128::from(f)).abs() < 900);
    }

    #[test]
    fn a_gap_never_accrues_above_the_rate_that_was_in_force_though_the_cap_was_raised_in_it() {
        let premium = Ratio::of(485, 10_000);
        let mut state = FundingState { hourly_rate: 1_000, ..running(premium) };
        let f = state.sample(at(1_901), premium, ORACLE, true, &PARAMS).unwrap().raw();
        assert!((exact(1_000, ORACLE.raw(), 901) - i128::from(f)).abs() < 901);
        assert_eq!(state.hourly_rate, PARAMS.rate(premium.raw()));
    }

    #[test]
    fn one_sample_weighs_a_fifth_at_most_and_counts_no_further_than_the_cap() {
        let ceiling = PARAMS.dead_zone.raw() + 24 * PARAMS.hourly_cap.raw();
        for (elapsed, sample, expected) in [
            (30, Ratio::of(100, 10_000).raw(), Ratio::of(10, 10_000).raw()),
            (60, Ratio::of(100, 10_000).raw(), Ratio::of(20, 10_000).raw()),
            (900, Ratio::of(100, 10_000).raw(), Ratio::of(20, 10_000).raw()),
            (60, Ratio::ONE.raw(), ceiling / 5),
            (60, -Ratio::ONE.raw(), -ceiling / 5),
        ] {
            let mut state = running(Ratio::ZERO);
            state.sample(at(1_000 + elapsed), Ratio::new(sample), ORACLE, true, &PARAMS).unwrap();
            assert!((state.premium - expected).abs() <= 1, "{elapsed} {sample}");
        }
    }

    #[test]
    fn what_is_accrued_inside_a_gap_is_never_charged_later() {
        let mut state = running(Ratio::of(485, 10_000));
        let rate = state.hourly_rate;
        let first = state.accrue(at(4_000), ORACLE, true).unwrap().raw();
        assert!((exact(rate, ORACLE.raw(), 900) - i128::from(first)).abs() < 900);
        assert_eq!(state.accrue(at(5_000), ORACLE, true), Ok(PerLot::ZERO));
        let rest = state.sample(at(6_000), Ratio::of(485, 10_000), ORACLE, true, &PARAMS).unwrap().raw();
        assert!((exact(rate, ORACLE.raw(), 1_000) - i128::from(rest)).abs() < 1_000);
    }

    #[test]
    fn without_both_sides_nothing_accrues_and_nothing_is_caught_up() {
        let mut state = running(Ratio::of(485, 10_000));
        assert_eq!(state.accrue(at(1_300), ORACLE, false), Ok(PerLot::ZERO));
        let f = state.accrue(at(1_310), ORACLE, true).unwrap().raw();
        assert!((exact(state.hourly_rate, ORACLE.raw(), 10) - i128::from(f)).abs() < 10);
    }

    #[test]
    fn a_second_sample_in_the_same_second_changes_nothing() {
        let mut state = running(Ratio::of(125, 10_000));
        let before = state;
        assert_eq!(state.sample(at(1_000), Ratio::of(-500, 10_000), ORACLE, true, &PARAMS), Ok(PerLot::ZERO));
        assert_eq!(state, before);
    }

    #[test]
    fn parameters_out_of_range_are_refused() {
        let mut state = running(Ratio::ZERO);
        for params in [
            FundingParams { dead_zone: Ratio::new(-1), ..PARAMS },
            FundingParams { dead_zone: Ratio::new(MAX_DEAD_ZONE.raw() + 1), ..PARAMS },
            FundingParams { hourly_cap: Ratio::new(-1), ..PARAMS },
            FundingParams { hourly_cap: Ratio::new(MAX_HOURLY_CAP.raw() + 1), ..PARAMS },
        ] {
            assert_eq!(state.sample(at(2_000), Ratio::ZERO, ORACLE, true, &params), Err(RiskError::ParameterOutOfRange));
        }
        assert_eq!(state.accrue(at(2_000), Price::ZERO, true), Err(RiskError::PriceOutOfRange));
    }

    proptest! {
        /// No input makes funding fail, exceed the cap, or reach back before the last accrual.
        #[test]
        fn random_sequences_stay_within_the_cap(
            calls in prop::collection::vec((0_i64..3_000, any::<i32>(), 1_i64..=1 << 30, any::<bool>(), any::<bool>()), 1..60),
            cap in 0_i64..=MAX_HOURLY_CAP.raw(),
        ) {
            let params = FundingParams { hourly_cap: Ratio::new(cap), ..PARAMS };
            let mut state = FundingState::new(at(0));
            let mut now = 0;
            for (step, premium, price, has_both_sides, is_sample) in calls {
                now += step;
                let (rate, since) = (state.hourly_rate, state.accrued_at);
                let f = if is_sample {
                    state.sample(at(now), Ratio::new(premium.into()), Price::new(price), has_both_sides, &params).unwrap()
                } else {
                    state.accrue(at(now), Price::new(price), has_both_sides).unwrap()
                };
                prop_assert!(i128::from(f.raw()).abs() <= exact(rate, price, now - since).abs());
                prop_assert!(f.raw() == 0 || (f.raw() > 0) == (rate > 0));
                prop_assert!(state.hourly_rate.abs() <= cap);
                prop_assert_eq!(state.accrued_at, now);
                if !has_both_sides {
                    prop_assert_eq!(f, PerLot::ZERO);
                }
            }
        }

        /// Both directions are the same: a mirrored premium pays the mirrored amount, so no side earns by rounding.
        #[test]
        fn funding_is_symmetric(premiums in prop::collection::vec((1_i64..2_000, any::<i32>(), 1_i64..=1 << 30), 1..40)) {
            let (mut state, mut mirror) = (FundingState::new(at(0)), FundingState::new(at(0)));
            let mut now = 0;
            for (step, premium, price) in premiums {
                now += step;
                let premium = i64::from(premium);
                let f = state.sample(at(now), Ratio::new(premium), Price::new(price), true, &PARAMS).unwrap();
                let g = mirror.sample(at(now), Ratio::new(-premium), Price::new(price), true, &PARAMS).unwrap();
                prop_assert_eq!(f.raw(), -g.raw());
                prop_assert_eq!(state.premium, -mirror.premium);
            }
        }
    }
}
