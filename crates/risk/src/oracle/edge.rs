//! What a price is worth as evidence: edges for its uncertainty, a range for its age, two samples for a liquidation (RULES 2.2, 2.3, 2.5).

use crate::error::{RiskError, RiskResult};
use crate::fixed_math::{scale, Q60};
use crate::units::{Price, Quote, Ratio, Round, Secs};

use super::{FRESH_AGE, SETTLING_AGE, STALE_AGE};

/// The liquidation trigger forgives at most this share of the net delta.
const FAVOURABLE_CAP: Ratio = Ratio::of(5, 1_000);
/// Distance of the two failing samples.
const SAMPLES_APART: i64 = 2;
/// A first failure older than this is no longer evidence†: the next failing sample is a first one again.
const FAILURE_MEMORY: i64 = 60;
/// Standard deviations of the movement since the last price that a stale leg's range covers†.
const STALE_SIGMAS: i64 = 3;
/// Widest range of a stale leg†.
const MAX_STALE_RANGE: Ratio = Ratio::of(1, 2);
/// How long after its feed went stale a leg triggers at the owner's favourable end.
const FAVOURABLE_TIME: i64 = 600;

/// |price − twap| / price, rounded up. Errors: [`RiskError::PriceOutOfRange`].
pub(super) fn gap(price: Price, twap: Price) -> RiskResult<Ratio> {
    let price = Price::checked(price.raw())?.raw();
    let distance = price.abs_diff(Price::checked(twap.raw())?.raw());
    // Both are at most 2³⁰, so the numerator is below 2⁶¹.
    let ratio = (distance << 30).div_ceil(price.unsigned_abs());
    i64::try_from(ratio).map(Ratio::new).map_err(|_| RiskError::Overflow)
}

/// max(confidence, |price − twap| / price), the uncertainty of a price; without a TWAP the confidence alone.
///
/// Errors: [`RiskError::PriceOutOfRange`].
pub fn adverse_edge_ratio(confidence: Ratio, price: Price, twap: Option<Price>) -> RiskResult<Ratio> {
    Ok(match twap {
        Some(twap) => confidence.max(gap(price, twap)?),
        None => confidence,
    })
}

/// What a risk-increasing check adds to a market's requirement: |net delta| × the uncertainty of its price, rounded up. Once per market.
///
/// Errors: [`RiskError::PriceOutOfRange`], [`RiskError::Overflow`].
pub fn adverse_edge(net_delta: Quote, confidence: Ratio, price: Price, twap: Option<Price>) -> RiskResult<Quote> {
    let ratio = adverse_edge_ratio(confidence, price, twap)?;
    scale(net_delta.abs()?.raw(), ratio, Round::Ceil).map(Quote::new)
}

/// What the liquidation trigger adds to the owner's equity: the same, capped at 0.5 % and rounded down.
///
/// Errors: [`RiskError::PriceOutOfRange`], [`RiskError::Overflow`].
pub fn favourable_edge(net_delta: Quote, confidence: Ratio, price: Price, twap: Option<Price>) -> RiskResult<Quote> {
    let ratio = adverse_edge_ratio(confidence, price, twap)?.min(FAVOURABLE_CAP);
    scale(net_delta.abs()?.raw(), ratio, Round::Floor).map(Quote::new)
}

/// What to do about an account that was just measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartDecision {
    /// It does not fail: forget an earlier failure.
    Healthy,
    /// It fails, but the price is too old to say so, or the second sample is not yet 2 s after the first.
    Wait,
    /// It fails for the first time: remember this publish time.
    RecordFirstFailure(Secs),
    /// It may be liquidated.
    Start,
}

/// RULES 2.2: two accepted samples at least 2 s apart that both fail, the later at most 10 s old; one suffices when E < ½ MM.
///
/// `first_failure` is the publish time recorded earlier, zero if none; `latest` and `age` are of the price that `equity` and `maintenance`
/// were measured at (with the favourable edge in the equity).
pub fn decide_start(first_failure: Secs, latest: Secs, age: Secs, equity: Quote, maintenance: Quote) -> StartDecision {
    if equity >= maintenance {
        return StartDecision::Healthy;
    }
    if age > FRESH_AGE {
        return StartDecision::Wait;
    }
    if equity.raw().saturating_mul(2) < maintenance.raw() {
        return StartDecision::Start;
    }
    let apart = latest.raw().saturating_sub(first_failure.raw());
    if first_failure.raw() == 0 || apart > FAILURE_MEMORY {
        return StartDecision::RecordFirstFailure(latest);
    }
    if apart >= SAMPLES_APART {
        StartDecision::Start
    } else {
        StartDecision::Wait
    }
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

/// Which way the owner of a leg looks at the price.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OwnerSide {
    /// Gains when the price rises.
    Long,
    /// Gains when the price falls.
    Short,
}

/// What a stale leg is valued for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StaleUse {
    /// Initial margin, and anything that needs it: the adverse end.
    Initial,
    /// The liquidation trigger: the favourable end for 10 min after the feed went stale, then the adverse end.
    Trigger,
}

/// The price a leg is valued at: the accepted one while it is not stale, else an end of `range` around it, at least one atom.
///
/// Rounded away from the accepted price. Errors: [`RiskError::Overflow`].
pub fn stale_price(price: Price, range: Ratio, age: Secs, side: OwnerSide, purpose: StaleUse) -> RiskResult<Price> {
    if age <= STALE_AGE {
        return Ok(price);
    }
    let is_favourable = purpose == StaleUse::Trigger && age.raw() <= STALE_AGE.raw().saturating_add(FAVOURABLE_TIME);
    let distance = scale(price.raw(), range, Round::Ceil)?;
    let is_up = is_favourable == (side == OwnerSide::Long);
    let moved = if is_up { price.raw().checked_add(distance) } else { price.raw().checked_sub(distance) };
    moved.map(|raw| Price::new(raw.max(1))).ok_or(RiskError::Overflow)
}
