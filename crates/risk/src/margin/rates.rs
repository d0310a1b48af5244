//! Where a market's margin rates come from: tier, measured volatility and open interest.

use crate::error::{RiskError, RiskResult};
use crate::units::{mul_div, Quote, Ratio, Round};

/// Multiple of the daily volatility that the spot range spans, as a Q30 ratio: 5.5 (RULES 4.1).
const RANGE_SIGMAS: Ratio = Ratio::of(55, 10);

/// Spot range of the grid: clamp(5.5 × daily σ, `low`, `high`); majors use 18 % and 36 % (RULES 4.1).
///
/// Rounded up. Errors: [`RiskError::ParameterOutOfRange`] when `low > high` or σ is negative, [`RiskError::Overflow`].
pub fn spot_range(sigma_day: Ratio, low: Ratio, high: Ratio) -> RiskResult<Ratio> {
    if sigma_day.is_negative() || low > high {
        return Err(RiskError::ParameterOutOfRange);
    }
    Ok(sigma_day.mul(RANGE_SIGMAS, Round::Ceil)?.max(low).min(high))
}

/// Linear initial-margin rate R_lin = min(1, max(`tier`, `sigmas` × one-hour σ)), rounded up (RULES 4.2).
///
/// Errors: [`RiskError::ParameterOutOfRange`] when an input is negative, [`RiskError::Overflow`].
pub fn im_rate(tier: Ratio, sigmas: Ratio, sigma_hour: Ratio) -> RiskResult<Ratio> {
    if tier.is_negative() || sigmas.is_negative() || sigma_hour.is_negative() {
        return Err(RiskError::ParameterOutOfRange);
    }
    Ok(sigma_hour.mul(sigmas, Round::Ceil)?.max(tier).min(Ratio::ONE))
}

/// The initial-margin rate raised with the market's open interest (RULES 4.5): `base` up to `band_low`, then a straight climb to
/// 100 % at `band_high`, rounded up. Open interest never touches the maintenance rate.
///
/// Errors: [`RiskError::ParameterOutOfRange`] when `base` is outside 0 ..= 1 or the band is empty, [`RiskError::Overflow`].
pub fn im_rate_scaled(base: Ratio, open_interest: Quote, band_low: Quote, band_high: Quote) -> RiskResult<Ratio> {
    if base.is_negative() || base > Ratio::ONE || band_low.is_negative() || band_low >= band_high {
        return Err(RiskError::ParameterOutOfRange);
    }
    if open_interest <= band_low {
        return Ok(base);
    }
    if open_interest >= band_high {
        return Ok(Ratio::ONE);
    }
    let into_band = open_interest.sub(band_low)?.raw();
    let climb = mul_div(Ratio::ONE.sub(base)?.raw(), into_band, band_high.sub(band_low)?.raw(), Round::Ceil)?;
    base.add(Ratio::new(climb))
}
