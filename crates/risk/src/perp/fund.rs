//! What the insurance fund offers a market (RULES 7.1): a per-market cap, a share of the fund per rolling day, and no more than the tranche
//! has earned plus an allowance. [An attacker who holds both sides of a market must not be able to farm the fund.]

use super::math::{minus, plus};
use super::state::PerpParams;
use crate::error::{RiskError, RiskResult};
use crate::units::{Quote, Round, Secs};
use bytemuck::{Pod, Zeroable};
use core::mem::size_of;

/// Length of a bucket of the rolling window, seconds.
pub const BUCKET_SECS: i64 = 10_800;
/// The running bucket and the eight before it: never less than 24 h, never more than 27.
pub const BUCKETS: usize = 9;

/// Payouts of the fund for one market.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct FundWindow {
    /// Atoms paid in each bucket, at index `bucket % BUCKETS`.
    pub paid: [i64; BUCKETS],
    /// Number of the newest bucket, seconds / [`BUCKET_SECS`].
    pub bucket: i64,
    /// Atoms paid ever.
    pub paid_total: i64,
    /// Atoms the market's tranche has earned ever.
    pub earned_total: i64,
}

const _: () = assert!(size_of::<FundWindow>() == 96);

impl FundWindow {
    /// Atoms paid in the 24 to 27 hours before `now`.
    pub fn paid_in_window(&self, now: Secs) -> RiskResult<Quote> {
        self.rolled_to(now)?.paid.iter().try_fold(0, |sum, &paid| plus(sum, paid)).map(Quote::new)
    }

    /// The window with what has left it cleared.
    fn rolled_to(&self, now: Secs) -> RiskResult<Self> {
        let bucket = now.raw().div_euclid(BUCKET_SECS);
        let mut rolled = *self;
        if bucket <= self.bucket {
            return Ok(rolled);
        }
        let width = i64::try_from(BUCKETS).map_err(|_| RiskError::Overflow)?;
        let first = plus(self.bucket, 1)?.max(minus(bucket, width)?);
        for expired in first..=bucket {
            *rolled.slot(expired)? = 0;
        }
        rolled.bucket = bucket;
        Ok(rolled)
    }

    fn slot(&mut self, bucket: i64) -> RiskResult<&mut i64> {
        let width = i64::try_from(BUCKETS).map_err(|_| RiskError::Overflow)?;
        let index = bucket.checked_rem_euclid(width).ok_or(RiskError::Overflow)?;
        usize::try_from(index).ok().and_then(|i| self.paid.get_mut(i)).ok_or(RiskError::Overflow)
    }

    /// The window after a payout. A clock that went back books into the newest bucket.
    pub(super) fn after_payout(&self, amount: Quote, now: Secs) -> RiskResult<Self> {
        let mut window = self.rolled_to(now)?;
        window.paid_total = plus(window.paid_total, amount.raw())?;
        let bucket = window.bucket;
        let slot = window.slot(bucket)?;
        *slot = plus(*slot, amount.raw())?;
        Ok(window)
    }
}

/// Most the fund pays now toward a loss of `need` (≥ 0), given its tokens. With W paid in the window, N paid ever, and X earned ever:
/// min(need, fund, cap − W, share · (fund + W) − W, max(0, X − (N − W)) + allowance − W), never negative.
///
/// Errors: [`RiskError::QuantityOutOfRange`] for a negative need or fund; [`RiskError::Overflow`].
pub fn fund_offer(window: &FundWindow, params: &PerpParams, fund: Quote, need: Quote, now: Secs) -> RiskResult<Quote> {
    if fund.is_negative() || need.is_negative() {
        return Err(RiskError::QuantityOutOfRange);
    }
    let paid = window.paid_in_window(now)?;
    let by_cap = params.fund_market_cap.sub(paid)?;
    let by_share = fund.add(paid)?.scale(params.fund_window_share, Round::Floor)?.sub(paid)?;
    let paid_before = Quote::new(window.paid_total).sub(paid)?;
    let unspent = Quote::new(window.earned_total).sub(paid_before)?.positive_part();
    let by_earnings = unspent.add(params.fund_allowance)?.sub(paid)?;
    Ok(need.min(fund).min(by_cap).min(by_share).min(by_earnings).positive_part())
}
