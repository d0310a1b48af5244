//! Implied volatility: the inverse of Black-76 in integers, for clients.

use super::black76::{Black76, Contract};
use super::{OptionKind, MAX_VOLATILITY, MIN_VOLATILITY};
use crate::error::{RiskError, RiskResult};
use crate::fixed_math::{sqrt, Q60};
use crate::units::{mul_div, Premium, Ratio, Round};

/// Premiums this near to that at an end of the domain, in units of Q32, are taken for it: what rounding makes of neighbours.
const NOISE: i64 = 16;
/// Every third step halves the bracket of 33 bits.
const MAX_STEPS: u32 = 3 * 34;

/// The annualised volatility at which one lot of the option is worth `premium`.
///
/// Newton from the inflection point √(2·|ln(F/K)|/τ), from which it converges, inside a bracket that is halved whenever a step leaves it
/// and every third time anyway. Its premium is within 2⁻³² atoms of that given, or the volatility within one unit
/// of its last place; at the ends of the domain within 2⁻²⁸ atoms.
///
/// Errors: [`RiskError::PremiumOutOfRange`] at or outside the bounds that hold without arbitrage (intrinsic value; F or K), or
/// [`RiskError::VolatilityOutOfRange`] when the answer is outside 5 % ..= 500 %.
pub fn implied_volatility(contract: &Contract, kind: OptionKind, premium: Premium) -> RiskResult<Ratio> {
    let bound = match kind {
        OptionKind::Call => contract.forward(),
        OptionKind::Put => contract.strike(),
    };
    let target = premium.sub(contract.intrinsic(kind)?).map_err(|_| RiskError::PremiumOutOfRange)?;
    if !target.is_positive() || premium >= Premium::from_price(bound)? {
        return Err(RiskError::PremiumOutOfRange);
    }
    let (mut low, mut high) = (MIN_VOLATILITY, MAX_VOLATILITY);
    let [least, most] = [contract.at(low)?.time_value()?, contract.at(high)?.time_value()?];
    if target.raw().saturating_add(NOISE) < least.raw() || target.raw().saturating_sub(NOISE) > most.raw() {
        return Err(RiskError::VolatilityOutOfRange);
    }
    let mut sigma = inflection(contract)?;
    for step in 0..MAX_STEPS {
        let priced = contract.at(sigma)?;
        let excess = priced.time_value()?.sub(target)?;
        if excess.raw().unsigned_abs() <= 1 {
            return Ok(sigma);
        }
        if excess.is_positive() {
            high = sigma;
        } else {
            low = sigma;
        }
        if high.raw().wrapping_sub(low.raw()) <= 1 {
            break;
        }
        let newton = newton(&priced, sigma, excess)?.filter(|&next| low < next && next < high && step % 3 != 2);
        // Both are below 2³³ in Q30.
        sigma = newton.unwrap_or(Ratio::new(low.raw().wrapping_add(high.raw()) / 2));
    }
    Ok(high)
}

/// Where the premium as a function of volatility has its inflection, moved into the domain.
fn inflection(contract: &Contract) -> RiskResult<Ratio> {
    // |ln(F/K)| ≤ 4.7 in Q56, half of it in Q60 below 2⁶².
    let half = Q60::new(contract.moneyness().raw().wrapping_abs().wrapping_shl(3));
    let root = sqrt(half)?.raw();
    let sigma = mul_div(root, 2 << 30, contract.root_tau().raw(), Round::Floor)?;
    Ok(Ratio::new(sigma).max(MIN_VOLATILITY).min(MAX_VOLATILITY))
}

/// The next volatility by Newton's rule; none where the premium does not respond.
fn newton(priced: &Black76, sigma: Ratio, excess: Premium) -> RiskResult<Option<Ratio>> {
    let vega = priced.vega_per_unit()?;
    if !vega.is_positive() {
        return Ok(None);
    }
    Ok(mul_div(excess.raw(), Ratio::ONE.raw(), vega.raw(), Round::Floor).ok().and_then(|step| sigma.sub(Ratio::new(step)).ok()))
}
