//! What a position's unsettled PnL does with time: profit matures (RULES 1.4), old losses pay a carry (RULES 1.3).

use super::math::{minus, plus};
use super::state::{PerpParams, Position};
use crate::error::{RiskError, RiskResult};
use crate::units::{mul_div, Quote, Round, Secs, RATIO_BITS};

const HOUR: i64 = 3_600;

/// Claims up to this (35 million USDC) and times up to [`SMALL_SECS`] take the short way.
const SMALL_CLAIM: i64 = 1 << 45;
/// 36 hours.
const SMALL_SECS: i64 = 1 << 17;
const _: () = assert!(SMALL_CLAIM.checked_mul(SMALL_SECS).is_some());

/// `amount · secs / whole`, which every touch of a profit computes: unsigned and unchecked it costs a tenth of [`mul_div`] on chain.
fn share(amount: i64, secs: i64, whole: i64, round: Round) -> RiskResult<i64> {
    if !(0..=SMALL_CLAIM).contains(&amount) || !(0..=SMALL_SECS).contains(&secs) || whole <= 0 {
        return mul_div(amount, secs, whole, round);
    }
    let product = amount.wrapping_mul(secs).unsigned_abs();
    let divisor = whole.unsigned_abs();
    let quotient = match round {
        Round::Floor => product.checked_div(divisor),
        Round::Ceil => Some(product.div_ceil(divisor)),
    };
    quotient.map(u64::cast_signed).ok_or(RiskError::DivisionByZero)
}

/// The matured and the maturing part of a claim.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Maturity {
    pub(super) matured: i64,
    pub(super) vesting: i64,
    pub(super) end: i64,
}

impl Maturity {
    pub(super) const fn of(pos: &Position) -> Self {
        Self { matured: pos.matured, vesting: pos.vesting, end: pos.vesting_end }
    }

    /// After the time from `since` to `now`: the vesting part matures linearly, whatever the number of touches on the way.
    pub(super) fn after_time(self, since: i64, now: i64) -> RiskResult<Self> {
        if self.vesting == 0 || now <= since {
            return Ok(self);
        }
        if now >= self.end {
            return Ok(Self { matured: plus(self.matured, self.vesting)?, vesting: 0, end: self.end });
        }
        let vested = share(self.vesting, minus(now, since)?, minus(self.end, since)?, Round::Floor)?;
        Ok(Self { matured: plus(self.matured, vested)?, vesting: minus(self.vesting, vested)?, end: self.end })
    }

    /// Within a claim that may have shrunk: the youngest part goes first.
    pub(super) fn within(self, claim: i64) -> RiskResult<Self> {
        let matured = self.matured.min(claim);
        Ok(Self { matured, vesting: self.vesting.min(minus(claim, matured)?), end: self.end })
    }

    /// With `added` that matures over `period` from `now`; merged with what is vesting at the size-weighted end, rounded up.
    pub(super) fn with(self, added: i64, now: i64, period: Secs) -> RiskResult<Self> {
        if added <= 0 {
            return Ok(self);
        }
        let left = if self.vesting == 0 { 0 } else { minus(self.end, now)?.max(0) };
        let vesting = plus(self.vesting, added)?;
        let later = share(added, minus(period.raw(), left)?, vesting, Round::Ceil)?;
        Ok(Self { matured: self.matured, vesting, end: plus(now, plus(left, later)?)? })
    }

    /// The part of `claim` that neither has matured nor is maturing.
    pub(super) fn missing(self, claim: i64) -> RiskResult<i64> {
        minus(minus(claim, self.matured)?, self.vesting)
    }

    pub(super) fn store(self, pos: &mut Position) {
        pos.matured = self.matured;
        pos.vesting = self.vesting;
        pos.vesting_end = self.end;
    }
}

/// What an unsettled loss owes since the last touch: loss × rate × time beyond the delay, rounded up.
pub(super) fn carry(pos: &Position, unsettled: Quote, now: Secs, params: &PerpParams) -> RiskResult<Quote> {
    if !unsettled.is_negative() || pos.loss_since == 0 {
        return Ok(Quote::ZERO);
    }
    let from = plus(pos.loss_since, params.carry_delay.raw())?.max(pos.touched_at);
    if now.raw() <= from {
        return Ok(Quote::ZERO);
    }
    let rate = Quote::new(params.carry_per_hour.raw()).mul_div(minus(now.raw(), from)?, HOUR, Round::Ceil)?;
    mul_div(unsettled.neg()?.raw(), rate.raw(), 1 << RATIO_BITS, Round::Ceil).map(Quote::new)
}

/// [`Position::loss_since`] after seeing `unsettled` at `now`.
pub(super) const fn loss_since(before: i64, unsettled: i64, now: i64) -> i64 {
    match (unsettled < 0, before) {
        (false, _) => 0,
        (true, 0) => now,
        (true, since) => since,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_short_way_agrees_with_the_long_one(amount in -10..1_i64 << 46, secs in -10..1_i64 << 18, whole in -1..1_i64 << 60) {
            for round in [Round::Floor, Round::Ceil] {
                prop_assert_eq!(share(amount, secs, whole, round), mul_div(amount, secs, whole, round));
            }
        }
    }
}
