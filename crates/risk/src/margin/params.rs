//! Parameters of the option grid and its add-ons, and what they make of one expiry.

use super::kernel::Exact;
use crate::error::{RiskError, RiskResult};
use crate::fixed_math::{exp_fast, ln_fast, root_from, Log};
pub use crate::option::{MAX_EXPIRY as MAX_TAU, YEAR};
use crate::units::{Price, Ratio, Round, Secs, MAX_PRICE, RATIO_BITS};
use bytemuck::{Pod, Zeroable};

/// Smallest and largest volatility of a series, per √year.
pub const SIGMA_MIN: Ratio = Ratio::of(1, 100);
/// See [`SIGMA_MIN`].
pub const SIGMA_MAX: Ratio = Ratio::of(8, 1);

const DAY: i64 = 86_400;
/// Tenor at which the volatility shocks are quoted.
const PIVOT: i64 = 30 * DAY;
/// ln of it in seconds, Q56.
const LN_PIVOT: i64 = 1_064_142_249_540_565_015;
/// 2⁵⁶ / YEAR, to nearest: τ seconds times this is τ in years, Q56.
const PER_SECOND_Q56: i64 = 2_284_931_318;
/// Fraction bits of √τ and σ√τ.
pub(super) const ROOT_BITS: u32 = 28;
/// Places from √τ to a ratio.
pub(super) const RATIO_OF_ROOT: u32 = RATIO_BITS - ROOT_BITS;

const _: () = assert!(MAX_TAU.raw().checked_mul(PER_SECOND_Q56).is_some());
const _: () = assert!(core::mem::size_of::<OptionParams>() == 128);

/// How a market's options are margined (RULES 4.1, 4.4). Shares are of 1, volatilities relative.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct OptionParams {
    /// Relative rise of volatility at 30 days: 50 %.
    pub vol_up: Ratio,
    /// Relative fall at 30 days: 30 %.
    pub vol_down: Ratio,
    /// Power of (30 d / τ) below 30 days: 0.30. Times below a day count as a day.
    pub power_short: Ratio,
    /// The same above 30 days: 0.13.
    pub power_long: Ratio,
    /// The shocked-up volatility is at least this: 50 % a year.
    pub vol_up_floor: Ratio,
    /// Relative change of volatility two standard deviations out in a skew shock: 20 %†.
    pub skew: Ratio,
    /// Short-option minimum in maintenance, share of the forward: 0.5 %.
    pub short_mm: Ratio,
    /// The same in the initial measure: 1 %, that is 0.5 % more.
    pub short_im: Ratio,
    /// Share of the loss at ± ¼ of the spot range that is the basis contingency of an expiry: 0.5 …
    pub basis_fixed: Ratio,
    /// … plus this per year to it: 2.
    pub basis_per_year: Ratio,
    /// Positive value of an expiry counts at this …: 0.95
    pub tenor_factor: Ratio,
    /// … times e to the minus this per year: 0.16.
    pub tenor_rate: Ratio,
    /// Exit target above MM as a share of it, where a market has options: 15 % (RULES 4.5).
    pub target_share: Ratio,
    /// Zero; reserved.
    pub reserved: [i64; 3],
}

impl Default for OptionParams {
    fn default() -> Self {
        Self {
            vol_up: Ratio::of(1, 2),
            vol_down: Ratio::of(3, 10),
            power_short: Ratio::of(30, 100),
            power_long: Ratio::of(13, 100),
            vol_up_floor: Ratio::of(1, 2),
            skew: Ratio::of(1, 5),
            short_mm: Ratio::of(5, 1_000),
            short_im: Ratio::of(1, 100),
            basis_fixed: Ratio::of(1, 2),
            basis_per_year: Ratio::of(2, 1),
            tenor_factor: Ratio::of(95, 100),
            tenor_rate: Ratio::of(16, 100),
            target_share: Ratio::of(15, 100),
            reserved: [0; 3],
        }
    }
}

impl OptionParams {
    /// Checks every range: shocks up ≤ 200 %, down ≤ 33 % (at a day ≤ 92 %), powers ≤ 0.30, floor ≤ 200 %, skew ≤ 50 %, short minimum
    /// MM ≤ IM ≤ 25 %, basis ≤ 2 and ≤ 8 a year, tenor factor in 0 ..= 1, rate ≤ 2, target share ≤ 1.
    ///
    /// Errors: [`RiskError::ParameterOutOfRange`].
    pub fn validate(&self) -> RiskResult<()> {
        let within = |value: Ratio, high: Ratio| !value.is_negative() && value <= high;
        let are_shocks = within(self.vol_up, Ratio::of(2, 1))
            && within(self.vol_down, Ratio::of(33, 100))
            && within(self.power_short, Ratio::of(30, 100))
            && within(self.power_long, Ratio::of(30, 100))
            && within(self.vol_up_floor, Ratio::of(2, 1))
            && within(self.skew, Ratio::of(1, 2));
        let are_add_ons = within(self.short_mm, self.short_im)
            && within(self.short_im, Ratio::of(1, 4))
            && within(self.basis_fixed, Ratio::of(2, 1))
            && within(self.basis_per_year, Ratio::of(8, 1))
            && within(self.tenor_factor, Ratio::ONE)
            && within(self.tenor_rate, Ratio::of(2, 1))
            && within(self.target_share, Ratio::ONE);
        if are_shocks && are_add_ons && self.reserved == [0; 3] {
            Ok(())
        } else {
            Err(RiskError::ParameterOutOfRange)
        }
    }
}

/// An expiry as the market knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExpiryRisk {
    /// Place of its market among the markets of the account.
    pub market: u8,
    /// Forward at the mark, atoms per lot ([`forward`]).
    pub forward: Price,
    /// Time to the expiry; not positive once it has come, and options then count at intrinsic value. At most two years.
    pub tau: Secs,
    /// Share of the averaging window that has been observed, 0 ..= 1 (RULES 5.5). That part of the settlement price moves no more.
    pub fixed_share: Ratio,
    /// Mean of the observed part, atoms per lot; read only when `fixed_share` is positive.
    pub fixed_mean: Price,
}

/// An expiry ready for the kernel: built once per expiry and instruction, shared by all its series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExpiryTerms {
    /// Place of its market among the markets of the account.
    pub(crate) market: u8,
    /// Part of the forward that still moves, atoms per lot: (1 − fixed share) · F.
    pub(super) forward: i64,
    /// Part of the settlement price that is fixed, atoms per lot: fixed share · mean.
    pub(super) fixed: i64,
    /// √τ in years, Q28; zero at expiry.
    pub(super) root_tau: i64,
    /// τ in seconds, ≥ 0.
    pub(super) seconds: i64,
    /// Factors of the volatility shocks, Q30.
    pub(super) vol_up: i64,
    pub(super) vol_down: i64,
    /// Smallest shocked-up volatility, Q30.
    pub(super) vol_up_floor: i64,
    /// Relative skew shock two standard deviations out, Q30.
    pub(super) skew: i64,
    /// Basis contingency as a share of the loss at ± ¼ range, Q30.
    pub(super) basis: i64,
    /// Share of positive value that the tenor discount takes, Q30.
    pub(super) tenor: i64,
    /// Short-option minimum, Q30, per measure.
    pub(super) short_im: i64,
    pub(super) short_mm: i64,
    /// Exit target above MM, Q30.
    pub(super) target_share: i64,
}

impl ExpiryTerms {
    /// Checks every range and derives what depends on the time to expiry alone.
    ///
    /// Errors: [`RiskError::PriceOutOfRange`], [`RiskError::ParameterOutOfRange`].
    #[inline(never)]
    pub fn new(risk: &ExpiryRisk, params: &OptionParams) -> RiskResult<Self> {
        let mut terms = Self::of_time(risk.tau, params)?;
        terms.turn_to(risk)?;
        Ok(terms)
    }

    /// What depends on the time alone; worth nothing before [`Self::turn_to`] an expiry.
    fn of_time(tau: Secs, params: &OptionParams) -> RiskResult<Self> {
        if tau > MAX_TAU {
            return Err(RiskError::ParameterOutOfRange);
        }
        let tau = tau.positive_part();
        let multiple = term_multiple(tau, params)?;
        let years = years_of(tau, Round::Ceil);
        let basis = params.basis_fixed.add(params.basis_per_year.mul(Ratio::new(years), Round::Ceil)?)?;
        let kept = params.tenor_factor.mul(discount(params.tenor_rate, years)?, Round::Floor)?;
        Ok(Self {
            market: 0,
            forward: 0,
            fixed: 0,
            root_tau: root_tau(tau),
            seconds: tau.raw(),
            vol_up: Ratio::ONE.add(params.vol_up.mul(multiple, Round::Ceil)?)?.raw(),
            vol_down: Ratio::ONE.sub(params.vol_down.mul(multiple, Round::Floor)?)?.raw(),
            vol_up_floor: params.vol_up_floor.raw(),
            skew: params.skew.raw(),
            basis: basis.raw(),
            tenor: Ratio::ONE.sub(kept)?.positive_part().raw(),
            short_im: params.short_im.raw(),
            short_mm: params.short_mm.raw(),
            target_share: params.target_share.raw(),
        })
    }

    /// Whether these are terms of so much time, so that [`Self::turn_to`] makes those of another expiry of it under the same parameters.
    pub fn is_of(&self, tau: Secs) -> bool {
        self.seconds == tau.positive_part().raw()
    }

    /// Makes these the terms of another expiry at the same time and under the same parameters: other markets list the same dates.
    ///
    /// Errors: as [`Self::new`]; [`RiskError::ParameterOutOfRange`] for another time.
    pub fn turn_to(&mut self, risk: &ExpiryRisk) -> RiskResult<()> {
        let forward = Price::checked(risk.forward.raw())?;
        let share = risk.fixed_share;
        if share.is_negative() || share > Ratio::ONE || !self.is_of(risk.tau) {
            return Err(RiskError::ParameterOutOfRange);
        }
        self.market = risk.market;
        (self.fixed, self.forward) = if share.is_zero() {
            (0, forward.raw())
        } else {
            let fixed = Price::checked(risk.fixed_mean.raw())?.scale(share, Round::Floor)?;
            (fixed.raw(), forward.scale(Ratio::ONE.sub(share)?, Round::Floor)?.raw())
        };
        Ok(())
    }
}

/// (30 d / max(τ, 1 d)) to the power for that side of 30 days: 2.77 at a day, 1 at 30 days, 0.66 at two years. Errors: none inside the range.
fn term_multiple(tau: Secs, params: &OptionParams) -> RiskResult<Ratio> {
    let tau = tau.raw().max(DAY);
    let power = if tau < PIVOT { params.power_short } else { params.power_long };
    let distance = Log::new(LN_PIVOT).sub(ln_fast(tau.unsigned_abs())?)?.to_ratio();
    exp_fast(distance.mul(power, Round::Floor)?)
}

/// e to the −rate · years, Q30.
fn discount(rate: Ratio, years: i64) -> RiskResult<Ratio> {
    exp_fast(rate.mul(Ratio::new(years), Round::Ceil)?.neg()?)
}

/// τ in years, Q56; 0 ≤ τ ≤ [`MAX_TAU`].
const fn years_q56(tau: Secs) -> i64 {
    tau.raw().wrapping_mul(PER_SECOND_Q56)
}

/// τ in years, Q30; 0 ≤ τ ≤ [`MAX_TAU`].
fn years_of(tau: Secs, round: Round) -> i64 {
    const PLACES: u32 = ROOT_BITS * 2 - RATIO_BITS;
    const NEARLY_ONE: i64 = (1 << PLACES) - 1;
    years_q56(tau).wrapping_add(if round == Round::Ceil { NEARLY_ONE } else { 0 }) >> PLACES
}

/// √(τ in years), Q28, rounded down; τ in 0 ..= two years.
fn root_tau(tau: Secs) -> i64 {
    // [`crate::option::black76::root_of_years`] ends at an hour, and its other 32 places cost a second root's worth of steps for every expiry.
    let years = years_q56(tau).unsigned_abs();
    // By (y/c + c)/2 ≥ √y: near it around a month, a day, an hour.
    let start = if tau.raw() >= 4 * DAY {
        (years >> (ROOT_BITS - 1)).wrapping_add(1 << (ROOT_BITS - 3))
    } else {
        (years >> (ROOT_BITS - 4)).wrapping_add(1 << (ROOT_BITS - 6))
    };
    root_from(years, start.wrapping_add(1)).cast_signed()
}

/// Forward of an expiry: spot × e^(carry · τ), with the carry (a yearly rate that governance sets per expiry) bounded by what the perp
/// shows: within ± `slack` of its TWAP basis (mark of the perp over spot − 1, per year).
///
/// Rounded down, by less than five atoms; within 1 ..= 2³⁰. Errors: [`RiskError::PriceOutOfRange`], [`RiskError::ParameterOutOfRange`] for
/// |carry| or |basis| > 2 or a negative slack or one above 2, [`RiskError::Overflow`].
pub fn forward(spot: Price, tau: Secs, carry: Ratio, perp_basis: Ratio, slack: Ratio) -> RiskResult<Price> {
    let spot = Price::checked(spot.raw())?;
    let limit = Ratio::of(2, 1);
    if carry.abs()? > limit || perp_basis.abs()? > limit || slack.is_negative() || slack > limit || tau > MAX_TAU {
        return Err(RiskError::ParameterOutOfRange);
    }
    let bounded = carry.max(perp_basis.sub(slack)?).min(perp_basis.add(slack)?);
    if bounded.is_zero() {
        return Ok(spot);
    }
    // At most 2 a year for two years.
    let exponent = bounded.mul(Ratio::new(years_of(tau.positive_part(), Round::Floor)), Round::Floor)?;
    let price = spot.scale(exp_fast(exponent)?, Round::Floor)?;
    Ok(price.min(Price::new(MAX_PRICE)).max(Price::new(1)))
}

/// σ√τ in Q28 for a σ of at most 16 and a τ of at most two years.
#[inline(always)]
pub(super) fn deviation<A: Exact>(sigma: i64, root_tau: i64) -> i64 {
    // √2 in Q28 is below 3 · 2²⁷.
    const _: () = assert!((16_i64 << RATIO_BITS).checked_mul(3 << (ROOT_BITS - 1)).is_some());
    A::mul(sigma, root_tau) >> RATIO_BITS
}
