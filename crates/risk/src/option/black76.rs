//! Black-76: premium and Greeks of a European option on a forward, undiscounted.
//!
//! ```text
//! v = σ√τ      d₁ = ln(F/K)/v + v/2      d₂ = d₁ − v      call = F·N(d₁) − K·N(d₂)      put = call − (F − K)
//! ```
//!
//! F forward, K strike (quote atoms per lot), τ years of 365 days, σ a year. The side out of the money is computed from the formula and the
//! other one by parity, which therefore is exact. Errors of ln(F/K) cancel to second order, because F·n(d₁) = K·n(d₂).

use super::normal::{normal, Normal};
use super::{OptionKind, MAX_EXPIRY, MAX_STRIKE_FACTOR, MAX_VOLATILITY, MIN_EXPIRY, MIN_VOLATILITY, YEAR};
use crate::error::{RiskError, RiskResult};
use crate::fixed_math::{ln, scale, sqrt, wide_mul, Log, Q60};
use crate::units::{div, mul_div, Premium, Price, Ratio, Round, Secs, MAX_PRICE};

/// |ln(F/K)| / v is cut here: N is 0 or 1 long before, and the quotient fits.
const FAR: i64 = 32 << 56;
/// A day, in which theta is measured, times a half.
const HALF_DAY: i64 = 43_200;

// The part of a premium above the point: price · (Q60 below 2 · 2³⁰) · 4.
const _: () = assert!((MAX_PRICE - 1).checked_mul(2 << 32).is_some());
// Volatility times the root of the longest time stays below the 8 that Q60 holds.
const _: () = assert!((MAX_VOLATILITY.raw() >> 30) * (MAX_VOLATILITY.raw() >> 30) * 2 < 64);

/// What does not depend on volatility: forward, strike and time, with their logarithm and root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Contract {
    forward: Price,
    strike: Price,
    tau: Secs,
    moneyness: Log,
    root_tau: Q60,
}

/// A contract at a volatility.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Black76 {
    contract: Contract,
    deviation: Q60,
    upper: Normal,
    lower: Normal,
}

/// Sensitivities of one lot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Greeks {
    /// Atoms of premium per atom of forward; 0 ..= 1 for a call, −1 ..= 0 for a put.
    pub delta: Ratio,
    /// Change of delta when the forward rises by 1 % of itself: F·Γ/100.
    pub gamma: Ratio,
    /// Premium per percentage point of volatility.
    pub vega: Premium,
    /// Premium per day that passes; never positive.
    pub theta: Premium,
    /// Premium per percentage point of yearly carry, the spot being held and forward = spot·e^(carry·τ): τ·F·Δ/100.
    pub rho: Premium,
}

impl Contract {
    /// Checks the domain: prices in 1 ..= 2³⁰, 0.01 ≤ K/F ≤ 100, 1 h ≤ τ ≤ 2 years.
    ///
    /// Errors: [`RiskError::PriceOutOfRange`], [`RiskError::StrikeOutOfRange`], [`RiskError::ExpiryOutOfRange`].
    pub fn new(forward: Price, strike: Price, tau: Secs) -> RiskResult<Self> {
        let (forward, strike) = (Price::checked(forward.raw())?, Price::checked(strike.raw())?);
        // Prices are at most 2³⁰.
        if strike.raw() > forward.raw().wrapping_mul(MAX_STRIKE_FACTOR) || forward.raw() > strike.raw().wrapping_mul(MAX_STRIKE_FACTOR) {
            return Err(RiskError::StrikeOutOfRange);
        }
        let moneyness = ln(forward.raw().unsigned_abs())?.sub(ln(strike.raw().unsigned_abs())?)?;
        Ok(Self { forward, strike, tau, moneyness, root_tau: root_of_years(tau)? })
    }

    /// The forward.
    pub const fn forward(&self) -> Price {
        self.forward
    }

    /// The strike.
    pub const fn strike(&self) -> Price {
        self.strike
    }

    /// ln(F/K).
    pub const fn moneyness(&self) -> Log {
        self.moneyness
    }

    /// √τ, τ in years.
    pub const fn root_tau(&self) -> Q60 {
        self.root_tau
    }

    /// What an option of this kind is worth at once: max(F − K, 0) or max(K − F, 0).
    pub fn intrinsic(&self, kind: OptionKind) -> RiskResult<Premium> {
        let gain = match kind {
            OptionKind::Call => self.forward.sub(self.strike)?,
            OptionKind::Put => self.strike.sub(self.forward)?,
        };
        Premium::from_price(gain.positive_part())
    }

    /// This contract at an annualised volatility. Errors: [`RiskError::VolatilityOutOfRange`] outside 5 % ..= 500 %.
    pub fn at(&self, sigma: Ratio) -> RiskResult<Black76> {
        if sigma < MIN_VOLATILITY || sigma > MAX_VOLATILITY {
            return Err(RiskError::VolatilityOutOfRange);
        }
        let deviation = scale(self.root_tau.raw(), sigma, Round::Floor)?;
        // Both in Q56 and five places down, so that nothing overflows; the quotient of the others fits.
        let is_far = self.moneyness.raw().unsigned_abs() >> 5 >= (deviation >> 4).unsigned_abs();
        let distance = match (is_far, self.moneyness.raw() < 0) {
            (true, true) => FAR.wrapping_neg(),
            (true, false) => FAR,
            (false, is_negative) => {
                // Q56 · Q46 moved down to Q56: below 32, so it fits.
                let (high, low) = wide_mul(self.moneyness.raw().unsigned_abs(), inverse(Q60::new(deviation))?);
                let magnitude = ((high << 18) | (low >> 46)).cast_signed();
                if is_negative {
                    magnitude.wrapping_neg()
                } else {
                    magnitude
                }
            }
        };
        // |distance| ≤ 32 and v ≤ 7.1.
        let d1 = distance.wrapping_add(deviation >> 5);
        let d2 = d1.wrapping_sub(deviation >> 4);
        Ok(Black76 { contract: *self, deviation: Q60::new(deviation), upper: normal(Log::new(d1)), lower: normal(Log::new(d2)) })
    }
}

impl Black76 {
    /// Value of one lot, undiscounted: intrinsic value ≤ premium ≤ F (call) or K (put), call − put = F − K exactly.
    ///
    /// Errors: none that a contract inside its domain can bring about.
    pub fn premium(&self, kind: OptionKind) -> RiskResult<Premium> {
        self.contract.intrinsic(kind)?.add(self.time_value()?)
    }

    /// What a call and a put of this strike are worth above their intrinsic value; the same for both.
    pub fn time_value(&self) -> RiskResult<Premium> {
        let (forward, strike) = (self.contract.forward, self.contract.strike);
        let beyond = |normal: &Normal| Q60::new(Q60::ONE.raw().wrapping_sub(normal.cdf.raw()));
        let (gain, cost, limit) = if forward <= strike {
            (share(forward, self.upper.cdf)?, share(strike, self.lower.cdf)?, forward)
        } else {
            (share(strike, beyond(&self.lower))?, share(forward, beyond(&self.upper))?, strike)
        };
        Ok(gain.sub(cost)?.positive_part().min(Premium::from_price(limit)?))
    }

    /// v = σ√τ.
    pub const fn deviation(&self) -> Q60 {
        self.deviation
    }

    /// N(d₁) for a call, N(d₁) − 1 for a put, to nearest.
    pub const fn delta(&self, kind: OptionKind) -> Ratio {
        let call = self.upper.cdf.raw().wrapping_add(1 << 29) >> 30;
        match kind {
            OptionKind::Call => Ratio::new(call),
            OptionKind::Put => Ratio::new(call.wrapping_sub(Ratio::ONE.raw())),
        }
    }

    /// Premium per 1.00 of volatility, F·n(d₁)·√τ.
    pub fn vega_per_unit(&self) -> RiskResult<Premium> {
        share(self.contract.forward, self.upper.density.times(self.contract.root_tau)?)
    }

    /// All Greeks, each rounded down to its last place; delta to nearest.
    pub fn greeks(&self, kind: OptionKind) -> RiskResult<Greeks> {
        let Contract { forward, tau, .. } = self.contract;
        let delta = self.delta(kind);
        let per_unit = mul_div(self.upper.density.raw(), Ratio::ONE.raw(), self.deviation.raw(), Round::Floor)?;
        let decayed = share(forward, self.upper.density.times(self.deviation)?)?;
        let exposed = match kind {
            OptionKind::Call => share(forward, self.upper.cdf)?,
            OptionKind::Put => share(forward, Q60::new(Q60::ONE.raw().wrapping_sub(self.upper.cdf.raw())))?.neg()?,
        };
        Ok(Greeks {
            delta,
            gamma: Ratio::new(div(per_unit, 100, Round::Floor)?),
            vega: Premium::new(div(self.vega_per_unit()?.raw(), 100, Round::Floor)?),
            // −F·n(d₁)·σ / (2√τ) a year = −F·n(d₁)·v / (2τ): over a day of seconds.
            theta: Premium::new(mul_div(decayed.raw(), HALF_DAY, tau.raw(), Round::Ceil)?.wrapping_neg()),
            rho: Premium::new(mul_div(exposed.raw(), tau.raw(), YEAR.raw().wrapping_mul(100), Round::Floor)?),
        })
    }
}

/// √τ with τ in years of 365 days, at most 2⁻⁴⁸ of itself from the truth. Errors: [`RiskError::ExpiryOutOfRange`] outside 1 h ..= 2 years.
pub fn root_of_years(tau: Secs) -> RiskResult<Q60> {
    if tau < MIN_EXPIRY || tau > MAX_EXPIRY {
        return Err(RiskError::ExpiryOutOfRange);
    }
    // The scenario table's root (`margin::params`), of 28 places, would cost n(0)·σ·2⁻²⁸ = 7e-9 of the forward, thirty times what a premium errs.
    let (tau, year) = (tau.raw().unsigned_abs(), YEAR.raw().unsigned_abs());
    // A long division in two digits of 34 bits: each numerator stays below 2⁶⁰.
    let upper = (tau << 34).checked_div(year).ok_or(RiskError::DivisionByZero)?;
    let remainder = (tau << 34).checked_rem(year).ok_or(RiskError::DivisionByZero)?;
    let lower = (remainder << 34).checked_div(year).ok_or(RiskError::DivisionByZero)?;
    sqrt(Q60::new(((upper << 26) | (lower >> 8)).cast_signed()))
}

/// 1/v in Q46, at most one unit below it, for a v of the domain. Errors: [`RiskError::ParameterOutOfRange`] below 2⁻¹³.
///
/// A 64-bit quotient with 31 good bits and one Newton step: a twentieth of what a 128-bit division costs on chain.
pub(super) fn inverse(v: Q60) -> RiskResult<u64> {
    let value = u64::try_from(v.raw()).ok().filter(|&value| value >> 47 != 0).ok_or(RiskError::ParameterOutOfRange)?;
    let zeros = value.leading_zeros();
    let normal = value.wrapping_shl(zeros);
    // r ≈ 2⁹⁶/m in 2³² ..= 2³³, m in 2⁶³ .. 2⁶⁴; what is missing, 2⁹⁶ − m·r, is below 2⁶⁶ either way: its upper part.
    let rough = u64::MAX.checked_div(normal >> 32).ok_or(RiskError::DivisionByZero)?;
    let (high, low) = wide_mul(normal, rough);
    let missing = (1_u64 << 32).wrapping_sub(high).wrapping_sub(u64::from(low != 0)).cast_signed();
    let upper_part = (missing << 28) | (low.wrapping_neg() >> 36).cast_signed();
    // 2¹²⁶/m = r·2³⁰ + r·missing/2⁶⁶, below 2⁶³.
    let correction = rough.cast_signed().wrapping_mul(upper_part) >> 30;
    let precise = (rough << 30).wrapping_add(correction.cast_unsigned());
    // 2¹⁰⁶/v = 2^(106 + zeros)/m, between 1 and 16 zeros.
    Ok(precise.wrapping_shr(20_u32.saturating_sub(zeros)))
}

/// `price` times a non-negative Q60 number, rounded down to 2⁻³² atoms. Errors: [`RiskError::Overflow`] from 2³¹ atoms on.
fn share(price: Price, part: Q60) -> RiskResult<Premium> {
    let (upper, lower) = (part.raw() >> 30, part.raw() & ((1 << 30) - 1));
    let coarse = price.raw().checked_mul(upper).and_then(|value| value.checked_mul(4)).ok_or(RiskError::Overflow)?;
    // A price is at most 2³⁰, so this product is below 2⁶⁰.
    let fine = price.raw().wrapping_mul(lower) >> 28;
    coarse.checked_add(fine).map(Premium::new).ok_or(RiskError::Overflow)
}

#[cfg(test)]
mod tests;
