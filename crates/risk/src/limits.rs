//! Limits on what leaves a vault, per hour and per day, against the time-weighted total in it (RULES 1.6).
//!
//! What counts is the *net* outflow of a sliding window: a deposit gives its room back, so that cycling deposits locks out nobody. A window
//! is twelve whole slots and the running one; of the oldest slot the outflow counts and the inflow does not. Hence no withdrawal takes the net
//! outflow of the hour or the day that ends with it above the limit, wherever slots begin (a bucket that leaks would let twice the limit pass).
//!
//! The limit is a share of the total's average, so that a deposit does not raise the limit it is withdrawn under. Beyond the limits requests
//! queue ([`crate::withdrawals`]).

use crate::error::{RiskError, RiskResult};
use crate::fixed_math::{decay, scale, Q60};
use crate::units::{Atoms, Ratio, Round, Secs};
use bytemuck::{Pod, Zeroable};

const SLOTS: usize = 13;
const RING: i64 = 13;
const HOUR_SLOT: i64 = 300;
pub(crate) const DAY_SLOT: i64 = 7_200;
/// Largest amount or total, token atoms: far above any supply of the quote token, and the largest cap of a collateral.
pub const MAX_AMOUNT: i64 = 1 << 56;

// Thirteen slots of the largest flow fit.
const _: () = assert!(MAX_AMOUNT.checked_mul(64).is_some());
const _: () = assert!(core::mem::size_of::<OutflowLimiter>() == 456 && core::mem::align_of::<OutflowLimiter>() == 8);

/// Limits on net outflow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct OutflowParams {
    /// Share of the average total that may leave in an hour (1 %).
    pub hourly: Ratio,
    /// Share that may leave in a day (10 %).
    pub daily: Ratio,
    /// Half-life of the total's average (12 h†).
    pub half_life: Secs,
}

impl OutflowParams {
    /// The defaults.
    pub const DEFAULT: Self = Self { hourly: Ratio::of(1, 100), daily: Ratio::of(10, 100), half_life: Secs::new(12 * 3_600) };

    /// Checks every range. Errors: [`RiskError::ParameterOutOfRange`].
    pub fn validate(&self) -> RiskResult<()> {
        let are_shares = Ratio::ZERO < self.hourly && self.hourly <= self.daily && self.daily <= Ratio::ONE;
        let is_time = (1..=1 << 26).contains(&self.half_life.raw());
        if are_shares && is_time {
            Ok(())
        } else {
            Err(RiskError::ParameterOutOfRange)
        }
    }
}

/// Flows of one sliding window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub(crate) struct Window {
    /// Outflow per slot, at number mod 13.
    out: [i64; SLOTS],
    /// Inflow per slot.
    inward: [i64; SLOTS],
    /// Number of the running slot (unix seconds / slot length).
    head: i64,
}

/// The limiter's memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct OutflowLimiter {
    hour: Window,
    day: Window,
    /// Exponentially time-weighted total.
    average: Atoms,
    /// The total since `updated`.
    total: Atoms,
    /// When the total was last seen.
    updated: Secs,
}

impl Window {
    /// The newest slot's number.
    pub(crate) fn head(&self) -> i64 {
        self.head
    }

    /// Begins every slot up to `number`.
    pub(crate) fn roll(&mut self, number: i64) -> RiskResult<()> {
        let mut stale = self.head.max(number.saturating_sub(RING));
        while stale < number {
            stale = stale.wrapping_add(1);
            let (out, inward) = self.slot(stale)?;
            *out = 0;
            *inward = 0;
        }
        self.head = self.head.max(number);
        Ok(())
    }

    /// Outflow and inflow of a slot.
    pub(crate) fn slot(&mut self, number: i64) -> RiskResult<(&mut i64, &mut i64)> {
        let index = usize::try_from(number % RING).map_err(|_| RiskError::Overflow)?;
        match (self.out.get_mut(index), self.inward.get_mut(index)) {
            (Some(out), Some(inward)) => Ok((out, inward)),
            _ => Err(RiskError::Overflow),
        }
    }

    /// Net outflow, the inflow of the oldest slot left out: part of it is older than the window.
    pub(crate) fn net(&self) -> RiskResult<i64> {
        let oldest = usize::try_from(self.head.wrapping_add(1) % RING).map_err(|_| RiskError::Overflow)?;
        let out = self.out.iter().try_fold(0_i64, |sum, &flow| sum.checked_add(flow));
        let inward = self.inward.iter().enumerate().filter(|&(index, _)| index != oldest);
        let inward = inward.map(|(_, flow)| flow).try_fold(0_i64, |sum, &flow| sum.checked_add(flow));
        out.zip(inward).and_then(|(out, inward)| out.checked_sub(inward)).ok_or(RiskError::Overflow)
    }
}

impl OutflowLimiter {
    /// Begins at `now` with the total as its own average. Errors: [`RiskError::QuantityOutOfRange`], [`RiskError::ParameterOutOfRange`].
    pub fn new(total: Atoms, now: Secs) -> RiskResult<Self> {
        check(total)?;
        let mut limiter = Self { average: total, total, updated: now, ..Self::zeroed() };
        limiter.advance(now)?;
        Ok(limiter)
    }

    /// Average of the total up to the last call.
    pub fn average(&self) -> Atoms {
        self.average
    }

    /// Records a deposit that has raised the total to `total_after`.
    ///
    /// Errors: [`RiskError::QuantityOutOfRange`]; [`RiskError::Overflow`].
    pub fn record_deposit(&mut self, params: &OutflowParams, amount: Atoms, total_after: Atoms, now: Secs) -> RiskResult<()> {
        let mut next = self.at(params, amount, total_after, now)?;
        for (window, number) in [(&mut next.hour, now.raw() / HOUR_SLOT), (&mut next.day, now.raw() / DAY_SLOT)] {
            let (_, inward) = window.slot(number)?;
            *inward = inward.checked_add(amount.raw()).ok_or(RiskError::Overflow)?;
        }
        *self = next;
        Ok(())
    }

    /// What may still leave at `now`. Never negative. Errors: [`RiskError::WrongState`] for a clock that goes back, [`RiskError::Overflow`].
    pub fn allowance(&self, params: &OutflowParams, now: Secs) -> RiskResult<Atoms> {
        self.at(params, Atoms::ZERO, self.total, now)?.room(params)
    }

    /// Records a withdrawal that will lower the total to `total_after`, if both windows have room for it; else nothing changes.
    ///
    /// Errors: [`RiskError::LimitExceeded`] when they have not: queue the request; [`RiskError::QuantityOutOfRange`]; [`RiskError::Overflow`].
    pub fn check_and_record(&mut self, params: &OutflowParams, amount: Atoms, total_after: Atoms, now: Secs) -> RiskResult<()> {
        let mut next = self.at(params, amount, total_after, now)?;
        if amount > next.room(params)? {
            return Err(RiskError::LimitExceeded);
        }
        for (window, number) in [(&mut next.hour, now.raw() / HOUR_SLOT), (&mut next.day, now.raw() / DAY_SLOT)] {
            let (out, _) = window.slot(number)?;
            *out = out.checked_add(amount.raw()).ok_or(RiskError::Overflow)?;
        }
        *self = next;
        Ok(())
    }

    /// This limiter brought to `now`, with the total's average up to then and `total_after` from then on.
    fn at(&self, params: &OutflowParams, amount: Atoms, total_after: Atoms, now: Secs) -> RiskResult<Self> {
        check(amount)?;
        check(total_after)?;
        // The windows would run backwards; the chain's clock does not.
        if now < self.updated {
            return Err(RiskError::WrongState);
        }
        let mut next = *self;
        let kept = decay(now.sub(self.updated)?, params.half_life)?;
        // toward() keeps the average between the two, and totals are non-negative.
        next.average = Atoms::new(Q60::new(self.total.raw()).toward(Q60::new(self.average.raw()), kept)?.raw());
        next.total = total_after;
        next.advance(now)?;
        Ok(next)
    }

    fn advance(&mut self, now: Secs) -> RiskResult<()> {
        if now.raw() <= 0 {
            return Err(RiskError::ParameterOutOfRange);
        }
        self.hour.roll(now.raw() / HOUR_SLOT)?;
        self.day.roll(now.raw() / DAY_SLOT)?;
        self.updated = now;
        Ok(())
    }

    fn room(&self, params: &OutflowParams) -> RiskResult<Atoms> {
        let left = |share: Ratio, window: &Window| -> RiskResult<Atoms> {
            Atoms::new(scale(self.average.raw(), share, Round::Floor)?).sub(Atoms::new(window.net()?))
        };
        Ok(left(params.hourly, &self.hour)?.min(left(params.daily, &self.day)?).positive_part())
    }
}

pub(crate) fn check(amount: Atoms) -> RiskResult<()> {
    if (0..=MAX_AMOUNT).contains(&amount.raw()) {
        Ok(())
    } else {
        Err(RiskError::QuantityOutOfRange)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::arithmetic_side_effects)]
    use super::*;
    use proptest::prelude::*;

    const P: OutflowParams = OutflowParams::DEFAULT;
    const START: i64 = 1_759_996_800; // a whole slot of both windows
    const USDC: i64 = 1_000_000;
    const MILLION: i64 = 1_000_000 * USDC;

    fn at(second: i64) -> Secs {
        Secs::new(START + second)
    }

    fn limiter(total: i64) -> OutflowLimiter {
        OutflowLimiter::new(Atoms::new(total), at(0)).unwrap()
    }

    fn withdraw(limiter: &mut OutflowLimiter, amount: i64, second: i64) -> RiskResult<()> {
        let after = limiter.total.raw() - amount;
        limiter.check_and_record(&P, Atoms::new(amount), Atoms::new(after), at(second))
    }

    fn deposit(limiter: &mut OutflowLimiter, amount: i64, second: i64) {
        let after = limiter.total.raw() + amount;
        limiter.record_deposit(&P, Atoms::new(amount), Atoms::new(after), at(second)).unwrap();
    }

    #[test]
    fn one_percent_an_hour_and_no_atom_more() {
        let mut limiter = limiter(100 * MILLION);
        let limit = limiter.allowance(&P, at(0)).unwrap().raw();
        // 1 % in Q30 is rounded down by less than 2⁻³⁰ of the total.
        assert!(limit <= MILLION && limit > MILLION - 100_000);
        assert_eq!(withdraw(&mut limiter, limit + 1, 0), Err(RiskError::LimitExceeded));
        assert_eq!(withdraw(&mut limiter, limit, 0), Ok(()));
        assert_eq!(limiter.allowance(&P, at(0)), Ok(Atoms::ZERO));
        assert_eq!(withdraw(&mut limiter, 1, 3_600), Err(RiskError::LimitExceeded), "the window has not passed whole");
        assert_eq!(withdraw(&mut limiter, 1, 3_900), Ok(()));
    }

    #[test]
    fn ten_percent_a_day_stops_what_each_hour_allows() {
        let mut limiter = limiter(100 * MILLION);
        let mut taken = 0;
        for second in (0..86_400).step_by(3_900) {
            let room = limiter.allowance(&P, at(second)).unwrap().raw();
            taken += room;
            withdraw(&mut limiter, room, second).unwrap();
        }
        assert!(taken > 9 * MILLION && taken <= 10 * MILLION, "{taken}");
    }

    #[test]
    fn a_deposit_gives_its_room_back_and_raises_no_limit() {
        let mut limiter = limiter(100 * MILLION);
        let limit = limiter.allowance(&P, at(0)).unwrap().raw();
        for turn in 0..20 {
            deposit(&mut limiter, 50 * MILLION, turn);
            withdraw(&mut limiter, 50 * MILLION, turn).unwrap();
        }
        assert!(limiter.allowance(&P, at(20)).unwrap().raw() >= limit, "cycling locked out nobody");
        deposit(&mut limiter, 500 * MILLION, 20);
        let room = limiter.allowance(&P, at(20)).unwrap().raw();
        assert!(room <= 501 * MILLION, "the deposit itself and the limit of before, not 1 % of the deposit on top: {room}");
    }

    #[test]
    fn the_average_follows_in_half_lives() {
        let mut limiter = limiter(0);
        deposit(&mut limiter, 64 * MILLION, 0);
        assert_eq!(limiter.average(), Atoms::ZERO);
        deposit(&mut limiter, 0, 43_200);
        assert_eq!(limiter.average(), Atoms::new(32 * MILLION));
        deposit(&mut limiter, 0, 86_400);
        assert_eq!(limiter.average(), Atoms::new(48 * MILLION));
    }

    #[test]
    fn what_is_refused_changes_nothing() {
        let before = limiter(100 * MILLION);
        let mut after = before;
        assert_eq!(withdraw(&mut after, 2 * MILLION, 50), Err(RiskError::LimitExceeded));
        let bad = after.check_and_record(&P, Atoms::new(-1), Atoms::ZERO, at(0));
        assert_eq!(bad, Err(RiskError::QuantityOutOfRange));
        assert_eq!(after.record_deposit(&P, Atoms::new(MAX_AMOUNT + 1), Atoms::ZERO, at(0)), Err(RiskError::QuantityOutOfRange));
        assert_eq!(withdraw(&mut after, 1, -1), Err(RiskError::WrongState));
        assert_eq!(after, before);
        assert_eq!(P.validate(), Ok(()));
        assert!(OutflowParams { daily: Ratio::of(1, 1_000), ..P }.validate().is_err());
        assert!(OutflowParams { half_life: Secs::ZERO, ..P }.validate().is_err());
    }

    proptest! {
        /// No withdrawal takes the net outflow of the hour that ends with it above the limit, wherever that hour begins.
        #[test]
        fn no_span_of_an_hour_exceeds_the_limit(steps in prop::collection::vec((0_i64..900, 0_i64..2 * MILLION, any::<bool>()), 1..80)) {
            let mut limiter = limiter(100 * MILLION);
            let (mut second, mut flows) = (0, vec![]);
            for (wait, amount, is_deposit) in steps {
                second += wait;
                if is_deposit {
                    deposit(&mut limiter, amount, second);
                    flows.push((second, -amount));
                    continue;
                }
                if withdraw(&mut limiter, amount, second).is_err() {
                    continue;
                }
                flows.push((second, amount));
                let limit = limiter.average().raw() / 100;
                let net: i64 = flows.iter().filter(|&&(time, _)| time >= second - 3_600).map(|&(_, flow)| flow).sum();
                prop_assert!(net <= limit);
            }
        }
    }
}
