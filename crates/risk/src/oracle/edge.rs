//! What an uncertain price may be off by: its distance from the average, a range for its age (RULES 2.3, 2.5).

use crate::error::{RiskError, RiskResult};
use crate::fixed_math::{scale, Q60};
use crate::units::{Price, Ratio, Round, Secs};

use super::{SETTLING_AGE, STALE_AGE};

/// Standard deviations of the movement since the last price that a stale leg's range covers†.
const STALE_SIGMAS: i64 = 3;
/// Widest range of a stale leg†.
const MAX_STALE_RANGE: Ratio = Ratio::of(1, 2);

/// |price − twap| / price, rounded up. Errors: [`RiskError::PriceOutOfRange`].
pub(super) fn gap(price: Price, twap: Price) -> RiskResult<Ratio> {
    let price = Price::checked(price.raw())?.raw();
    let distance = price.abs_diff(Price::checked(twap.raw())?.raw());
    // Both are at most 2³⁰, so the numerator is below 2⁶¹.
    let ratio = (distance << 30).div_ceil(price.unsigned_abs());
    i64::try_from(ratio).map(Ratio::new).map_err(|_| RiskError::Overflow)
}

/// Half-width of the range in which a stale leg's price is taken to lie:
/// max(confidence, 3 · σ₁ₕ · √(age in hours)), at most one half; the confidence alone while the price is not stale.
///
/// Rounded up. The age counts up to the 6 h after which the market settles. Errors: [`RiskError::Overflow`].
pub fn stale_range(confidence: Ratio, sigma_1h: Ratio, age: Secs) -> RiskResult<Ratio> {
    if age <= STALE_AGE {
        return Ok(confidence);
    }
    // √(age / 3600) in Q30 = √((age / 3600) in Q60); at most √6.
    let hours = Q60::new(((age.min(SETTLING_AGE).raw() << 45) / 3_600) << 15);
    let root = hours.root()?.add(Ratio::new(1))?;
    let movement = scale(sigma_1h.raw().checked_mul(STALE_SIGMAS).ok_or(RiskError::Overflow)?, root, Round::Ceil)?;
    Ok(confidence.max(Ratio::new(movement)).min(MAX_STALE_RANGE.max(confidence)))
}
