//! Short names for checked 64-bit steps on stored integers.

use crate::error::{RiskError, RiskResult};

pub(super) fn plus(a: i64, b: i64) -> RiskResult<i64> {
    a.checked_add(b).ok_or(RiskError::Overflow)
}

pub(super) fn minus(a: i64, b: i64) -> RiskResult<i64> {
    a.checked_sub(b).ok_or(RiskError::Overflow)
}

/// One more of a counter.
pub(super) fn inc(count: u32) -> RiskResult<u32> {
    count.checked_add(1).ok_or(RiskError::Overflow)
}

/// One less of a counter; [`RiskError::WrongState`] if it was zero, which only a position of another market can cause.
pub(super) fn dec(count: u32) -> RiskResult<u32> {
    count.checked_sub(1).ok_or(RiskError::WrongState)
}

pub(super) fn narrow(wide: i128) -> RiskResult<i64> {
    i64::try_from(wide).map_err(|_| RiskError::Overflow)
}
