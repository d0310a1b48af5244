//! The smile of one expiry: volatility as a function of strike, by three numbers.
//!
//! ```text
//! x = ln(K/F) / (a·√τ)        w(x) = ½·( 1 + 2·s·x + √(1 + 4·s·x + 4·c·x²) )        σ(K) = a·√w(x)
//! ```
//!
//! a is the volatility at the money; s = skew = d ln σ/dx there: −0.1 makes a strike one deviation below dearer by a tenth; c = curvature:
//! the volatility bends by c − 2s² at the money, and total variance grows with slope s ± √c far out. The form is the surface SVI of Gatheral and
//! Jacquier (arXiv 1204.0646) with ψ² = 4c and ρ = s/√c. By their theorem 4.2 no butterfly on any strikes makes a profit when
//! ψ²·(1 + |ρ|) ≤ 4 and ψ·√θ·(1 + |ρ|) ≤ 4, θ = a²τ. Here 2s² ≤ c ≤ ½, which implies the first, keeps w ≥ ½ and is a convex set, so that what lies
//! between two smiles is one; the second is a·√τ·(√c + |s|) ≤ 2.
//!
//! Caps: |x| is cut at 10 deviations, σ at 5 % and 500 %.

use super::black76::root_of_years;
use super::{MAX_EXPIRY, MAX_VOLATILITY, MIN_EXPIRY, MIN_VOLATILITY};
use crate::error::{RiskError, RiskResult};
use crate::fixed_math::{root_from, scale, Log, Q60};
use crate::units::{Ratio, Round, Secs};
use bytemuck::{Pod, Zeroable};

/// Largest curvature.
pub const MAX_CURVATURE: Ratio = Ratio::of(1, 2);
/// Deviations from the forward beyond which volatility is constant.
pub const WING: Ratio = Ratio::of(10, 1);

/// Fraction bits inside [`Curve::volatility`].
const BITS: u32 = 28;
const ONE: i64 = 1 << BITS;
// √τ of two years is below 1.42.
const _: () = assert!(MAX_VOLATILITY.raw().checked_mul((1 << 30) * 142 / 100).is_some());
/// Places between a logarithm in Q56 and Q30 above a deviation in Q60.
const SPARE: u32 = 34;

// s·x and c·x in Q60, c·x in Q29 times x in Q28, and the argument of the first root, 1 + 4·½·10 + 4·½·10² < 256, fit.
const _: () = assert!(WING.raw().checked_mul(MAX_CURVATURE.raw()).is_some());
const _: () = assert!((WING.raw() >> 2).checked_mul(WING.raw() >> 2).is_some());
const _: () = assert!((WING.raw() >> 30) * (WING.raw() >> 30) * 2 + 21 < 256);
// w < 16, its root below 4 in Q28, times a volatility of at most 8.
const _: () = assert!(MAX_VOLATILITY.raw().checked_mul(4 << BITS).is_some());

/// Three numbers that give every strike its volatility. All zero is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct Smile {
    /// a: annualised volatility at the money, 5 % ..= 500 %.
    pub atm: Ratio,
    /// s: relative change of volatility per deviation of log-moneyness, at the money; |s| ≤ √(c/2).
    pub skew: Ratio,
    /// c: 2s² ..= ½.
    pub curvature: Ratio,
}

const _: () = assert!(core::mem::size_of::<Smile>() == 24 && core::mem::align_of::<Smile>() == 8);

/// A smile at a time to expiry, ready to be asked for many strikes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Curve {
    smile: Smile,
    /// √τ.
    root_tau: Q60,
    /// [`WING`] deviations as a logarithm, Q56; below 2⁶³.
    reach: u64,
    /// A logarithm below `reach`, moved up by `places`, over `deviation` is x in Q30: both have all the digits that 64 bits hold.
    places: u32,
    deviation: u64,
}

/// √τ, which all smiles at that time share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeRoot(Q60);

impl TimeRoot {
    /// Of a time to expiry; under an hour counts as an hour. Errors: [`RiskError::ExpiryOutOfRange`].
    pub fn of(tau: Secs) -> RiskResult<Self> {
        if tau > MAX_EXPIRY {
            return Err(RiskError::ExpiryOutOfRange);
        }
        root_of_years(tau.max(MIN_EXPIRY)).map(Self)
    }
}

impl Smile {
    /// Checks the ranges and the conditions under which no butterfly makes a profit; less than an hour counts as an hour.
    ///
    /// Errors: [`RiskError::VolatilityOutOfRange`] for a; [`RiskError::ParameterOutOfRange`] for skew or curvature;
    /// [`RiskError::ExpiryOutOfRange`].
    pub fn validate(&self, tau: Secs) -> RiskResult<()> {
        self.check_ranges()?;
        let deviation = scale(root_of_years(tau.max(MIN_EXPIRY))?.raw(), self.atm, Round::Ceil)?;
        let wings = Q60::new(self.curvature.raw().wrapping_shl(30)).root()?.add(self.skew.abs()?)?;
        // a·√τ ≤ 7.1 and √c + |s| ≤ 1.21: the product may reach 8.6, past Q60, so half of it is taken.
        let half = scale(deviation >> 1, wings, Round::Ceil)?;
        if half > Q60::ONE.raw() {
            return Err(RiskError::ParameterOutOfRange);
        }
        Ok(())
    }

    /// The ranges alone, whatever the time.
    fn check_ranges(&self) -> RiskResult<()> {
        if self.atm < MIN_VOLATILITY || self.atm > MAX_VOLATILITY {
            return Err(RiskError::VolatilityOutOfRange);
        }
        // |s| ≤ √(c/2) ≤ ½ comes first, so that its square fits Q60.
        if self.curvature.is_negative() || self.curvature > MAX_CURVATURE || self.skew.abs()? > MAX_CURVATURE {
            return Err(RiskError::ParameterOutOfRange);
        }
        let curvature = self.curvature.raw().wrapping_shl(30);
        if self.skew.raw().wrapping_mul(self.skew.raw()).wrapping_mul(2) > curvature {
            return Err(RiskError::ParameterOutOfRange);
        }
        Ok(())
    }

    /// This smile with `tau` left; under an hour counts as an hour. Errors: as [`Smile::validate`], but for the wings.
    pub fn with(&self, tau: Secs) -> RiskResult<Curve> {
        self.at(TimeRoot::of(tau)?)
    }

    /// [`Self::with`] a time whose root is known. Errors: those of the smile.
    #[inline(always)]
    pub fn at(&self, TimeRoot(root_tau): TimeRoot) -> RiskResult<Curve> {
        self.check_ranges()?;
        // a·√τ rounded down, in two halves of √τ: by the assertion above neither product leaves 64 bits.
        let (upper, lower) = (root_tau.raw() >> 30, root_tau.raw() & ((1 << 30) - 1));
        let deviation = upper.wrapping_mul(self.atm.raw()).wrapping_add(lower.wrapping_mul(self.atm.raw()) >> 30).unsigned_abs();
        // 10 · 2⁻⁴ of less than 2⁶³; its leading zeros but for one or two.
        let reach = (deviation >> 4).wrapping_mul(10);
        let mut places = 0_u32;
        for more in [8, 4, 2] {
            let further = places.wrapping_add(more);
            if reach.wrapping_shr(64_u32.wrapping_sub(further)) == 0 {
                places = further;
            }
        }
        Ok(Curve { smile: *self, root_tau, reach, places, deviation: deviation.wrapping_shr(SPARE.wrapping_sub(places)) })
    }

    /// The smile a share `weight` (0 ..= 1) of the way to another; inside the ranges if both are. The wings may be steeper than
    /// [`Smile::validate`] lets anyone publish where a·√τ > 1.65. Errors: [`RiskError::ParameterOutOfRange`].
    pub fn toward(&self, target: &Self, weight: Ratio) -> RiskResult<Self> {
        if weight.is_negative() || weight > Ratio::ONE {
            return Err(RiskError::ParameterOutOfRange);
        }
        let between = |from: Ratio, to: Ratio, round| from.add(to.sub(from)?.mul(weight, round)?);
        // Curvature up and skew toward zero, so that rounding does not leave the set.
        let skew = between(self.skew, target.skew, Round::Floor)?;
        let skew = if skew.is_negative() { between(self.skew, target.skew, Round::Ceil)? } else { skew };
        Ok(Self {
            atm: between(self.atm, target.atm, Round::Ceil)?,
            skew,
            curvature: between(self.curvature, target.curvature, Round::Ceil)?.min(MAX_CURVATURE),
        })
    }
}

impl Curve {
    /// Annualised volatility of a strike by ln(K/F): at most 2⁻²⁴ of itself from the formula.
    pub fn volatility(&self, log_moneyness: Log) -> Ratio {
        let x = self.deviations(log_moneyness).raw();
        // All Q28 but c·x in Q29, by the assertions at the head of the file; the root's argument is at least 1 − s²/c ≥ ½ before rounding.
        let tilt = self.smile.skew.raw().wrapping_mul(x) >> 32;
        let bend = (self.smile.curvature.raw().wrapping_mul(x) >> 31).wrapping_mul(x >> 2) >> 29;
        let inner = ONE.wrapping_add(tilt.wrapping_mul(4)).wrapping_add(bend.wrapping_mul(4)).max(0);
        let root = root_q28(inner);
        // The half is in the shift: w in Q28 below 16, so that w in Q60 fits 64 bits without sign.
        let variance = ONE.wrapping_add(tilt.wrapping_mul(2)).wrapping_add(root).max(0) >> 1;
        let factor = root_q28(variance);
        let sigma = self.smile.atm.raw().wrapping_mul(factor) >> BITS;
        Ratio::new(sigma).max(MIN_VOLATILITY).min(MAX_VOLATILITY)
    }

    /// σ√τ of a strike, the root of its total variance.
    ///
    /// Errors: none for a curve that [`Smile::with`] made.
    pub fn deviation(&self, log_moneyness: Log) -> RiskResult<Q60> {
        scale(self.root_tau.raw(), self.volatility(log_moneyness), Round::Floor).map(Q60::new)
    }

    /// Whether a cap decides the volatility of the strike, so that the smile is not its formula there.
    pub fn is_capped(&self, log_moneyness: Log) -> bool {
        let sigma = self.volatility(log_moneyness);
        self.deviations(log_moneyness).raw().unsigned_abs() == WING.raw().unsigned_abs()
            || sigma == MIN_VOLATILITY
            || sigma == MAX_VOLATILITY
    }

    /// x, cut at ± [`WING`].
    fn deviations(&self, log_moneyness: Log) -> Ratio {
        let distance = log_moneyness.raw().unsigned_abs();
        let magnitude = if distance < self.reach {
            (distance << self.places).checked_div(self.deviation).unwrap_or(0).cast_signed().min(WING.raw())
        } else {
            WING.raw()
        };
        Ratio::new(if log_moneyness.raw() < 0 { magnitude.wrapping_neg() } else { magnitude })
    }
}

/// √x in Q28, rounded down, for 0 ≤ x < 256: from (1 + x)/2, which is above it and near it where most strikes are.
fn root_q28(x: i64) -> i64 {
    let start = ONE.wrapping_add(x).unsigned_abs().wrapping_add(1) >> 1;
    root_from(x.unsigned_abs() << BITS, start).cast_signed()
}

#[cfg(test)]
mod tests;
