//! The published smile of an expiry: how fast it may move, where it must stay, what takes its place when it falls silent (RULES 5.6).
//!
//! A *point* is the volatility of a listed strike at the present forward. Each publication is charged the largest relative move of any point,
//! and what it may be charged is a budget that refills with time:
//!
//! ```text
//! budget ← min( C, budget + r·elapsed )        charge = max over points |σ′ − σ| / min(σ, σ′) ≤ budget
//! C = 2.26372 %       r = 31.3834 % an hour
//! ```
//!
//! The charges of any span T add up to at most C + r·T, and the logarithm of a point moves by no more than its charges. C and r solve
//! C + r·5 min = ln 1.05 and C + r·1 h = ln 1.40: no point moves by more than 5 % in any five minutes or 40 % in any hour, however many
//! updates there are and wherever the clock cuts them.
//!
//! Five minutes after the last publication the smile starts to glide to the measured one: it arrives 30 min later for maintenance and marks,
//! after 10 min for initial margin. A publication then continues from the glided smile of maintenance.
//!
//! The measured smile has at the money  m(τ)² = l² + (σ² − l²)·h/(h + τ): σ the market's stressed blend (RULES 3.1), l its slow volatility, both
//! a year; h = 7 d; it is what a shock that fades with time constant h averages to. Total variance m²·τ rises with τ.

use super::black76::Contract;
use super::smile::{Curve, Smile};
use super::{OptionKind, MAX_VOLATILITY, MIN_EXPIRY, MIN_VOLATILITY};
use crate::error::{RiskError, RiskResult};
use crate::fixed_math::{ln, scale, Log, Q60};
use crate::units::{mul_div, Premium, Price, Ratio, Round, Secs};
use crate::volatility::VolState;
use bytemuck::{Pod, Zeroable};

const HOUR: i64 = 3_600;
/// √(hours of a year): volatility per √hour to volatility a year.
const ROOT_HOURS: Ratio = Ratio::new(100_496_728_207);
/// Butterflies and calendars within this share of the forward, or of the deviation, are rounding: 2⁻²⁶.
const TOLERANCE_BITS: u32 = 26;

const _: () = assert!(core::mem::size_of::<SurfaceState>() == 48 && core::mem::size_of::<SurfaceParams>() == 96);
const _: () = assert!(core::mem::align_of::<SurfaceState>() == 8 && core::mem::align_of::<SurfaceParams>() == 8);

/// Why a publication was refused; nothing was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SurfaceRefusal {
    /// Less than a minute after the last one: wait.
    TooSoon,
    /// Skew or curvature outside the set in which no butterfly makes a profit: publish a flatter smile.
    ShapeOutOfRange,
    /// A point moves further than the budget allows now: publish a part of the move.
    MovesTooFar,
    /// The volatility at the money is outside the corridor of the measured one, and not on its way back.
    OutsideCorridor,
    /// A butterfly of listed strikes would cost less than nothing.
    Butterfly,
    /// A calendar spread of a listed strike would cost less than nothing.
    Calendar,
    /// A number was out of its range.
    Number(RiskError),
}

impl From<RiskError> for SurfaceRefusal {
    fn from(error: RiskError) -> Self {
        Self::Number(error)
    }
}

/// What a valuation is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// Initial margin.
    Initial,
    /// Maintenance, marks, and everything else.
    Maintenance,
}

/// Limits of a market's surfaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct SurfaceParams {
    /// Shortest time between publications of one expiry (60 s).
    pub interval: Secs,
    /// C: largest move at once (2.26372 %).
    pub burst: Ratio,
    /// r: what the budget gains in an hour (31.3834 %).
    pub speed: Ratio,
    /// Least volatility at the money as a share of the measured one (0.4†).
    pub corridor_low: Ratio,
    /// Most (2.5†).
    pub corridor_high: Ratio,
    /// Age from which a smile is stale (5 min†).
    pub stale_after: Secs,
    /// How long the glide then takes for initial margin (10 min†).
    pub glide_initial: Secs,
    /// And for maintenance (30 min).
    pub glide_maintenance: Secs,
    /// Time constant of a shock to the measured volatility (7 d†).
    pub fading: Secs,
    /// Skew of the measured smile (0†).
    pub skew: Ratio,
    /// Curvature of the measured smile (0.08†).
    pub curvature: Ratio,
    /// Zero; reserved.
    pub reserved: i64,
}

impl Default for SurfaceParams {
    fn default() -> Self {
        Self {
            interval: Secs::new(60),
            burst: Ratio::of(226_372, 10_000_000),
            speed: Ratio::of(313_834, 1_000_000),
            corridor_low: Ratio::of(4, 10),
            corridor_high: Ratio::of(5, 2),
            stale_after: Secs::new(300),
            glide_initial: Secs::new(600),
            glide_maintenance: Secs::new(1_800),
            fading: Secs::new(7 * 24 * HOUR),
            skew: Ratio::ZERO,
            curvature: Ratio::of(8, 100),
            reserved: 0,
        }
    }
}

impl SurfaceParams {
    /// Checks every range: the limits of RULES 5.6 cannot be loosened, and initial margin is never the later. Errors: [`RiskError::ParameterOutOfRange`].
    pub fn validate(&self) -> RiskResult<()> {
        let default = Self::default();
        let within = |value: i64, low: i64, high: i64| low <= value && value <= high;
        let are_limits = within(self.interval.raw(), default.interval.raw(), HOUR)
            && within(self.burst.raw(), 1, default.burst.raw())
            && within(self.speed.raw(), 1, default.speed.raw());
        let is_corridor = within(self.corridor_low.raw(), 1, Ratio::ONE.raw())
            && within(self.corridor_high.raw(), Ratio::ONE.raw(), Ratio::ONE.raw().wrapping_mul(10));
        let are_times = within(self.stale_after.raw(), self.interval.raw(), HOUR)
            && within(self.glide_initial.raw(), 1, self.glide_maintenance.raw())
            && within(self.glide_maintenance.raw(), default.glide_maintenance.raw(), 24 * HOUR)
            && within(self.fading.raw(), HOUR, 365 * 24 * HOUR);
        if !(are_limits && is_corridor && are_times && self.reserved == 0) {
            return Err(RiskError::ParameterOutOfRange);
        }
        Smile { atm: Ratio::ONE, skew: self.skew, curvature: self.curvature }.validate(super::YEAR)
    }
}

/// Annualised volatilities of a market.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Measured {
    /// σ: the stressed blend of now.
    pub current: Ratio,
    /// l: the slow one, to which it returns.
    pub slow: Ratio,
}

impl Measured {
    /// From what the market measures per hour. Errors: [`RiskError::Overflow`].
    pub fn of(state: &VolState) -> RiskResult<Self> {
        let annual = |hourly: Ratio| hourly.mul(ROOT_HOURS, Round::Ceil);
        Ok(Self { current: annual(state.sigma_1h)?, slow: annual(state.slow.root()?)? })
    }

    /// The measured smile of an expiry, inside the domain of volatilities. Errors: [`RiskError::ParameterOutOfRange`] for a negative time.
    pub fn smile(&self, tau: Secs, params: &SurfaceParams) -> RiskResult<Smile> {
        if tau.is_negative() {
            return Err(RiskError::ParameterOutOfRange);
        }
        let inside = |sigma: Ratio| sigma.max(MIN_VOLATILITY).min(MAX_VOLATILITY);
        let (current, slow) = (inside(self.current), inside(self.slow));
        // Squares up to 25 do not fit Q60: those of a quarter do.
        let quarter_square = |sigma: Ratio| Q60::square(Ratio::new(sigma.raw() / 4));
        let (now, later) = (quarter_square(current)?.raw(), quarter_square(slow)?.raw());
        let total = params.fading.add(tau)?;
        let faded = mul_div(now.wrapping_sub(later), params.fading.raw(), total.raw(), Round::Ceil)?;
        let root = Q60::new(later.checked_add(faded).ok_or(RiskError::Overflow)?).root()?;
        let atm = inside(Ratio::new(root.raw().saturating_mul(4)));
        Ok(Smile { atm, skew: params.skew, curvature: params.curvature })
    }
}

/// The smile last published for an expiry. All zero is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct SurfaceState {
    /// As published.
    pub smile: Smile,
    /// When.
    pub updated: Secs,
    /// What was left of the budget then.
    pub budget: Ratio,
    /// Zero; reserved.
    pub reserved: i64,
}

/// An expiry beside the published one, whose calendar spreads must not pay.
#[derive(Clone, Copy, Debug)]
pub struct Neighbour<'a> {
    /// Its smile in effect.
    pub smile: Smile,
    /// Time it has left.
    pub tau: Secs,
    /// Its forward.
    pub forward: Price,
    /// Its listed strikes.
    pub strikes: &'a [Price],
}

/// What is known when a smile is published.
#[derive(Clone, Copy, Debug)]
pub struct Situation<'a> {
    /// The chain's clock.
    pub now: Secs,
    /// Time to expiry.
    pub tau: Secs,
    /// Forward of the expiry.
    pub forward: Price,
    /// Listed strikes, rising.
    pub strikes: &'a [Price],
    /// The market's volatilities.
    pub measured: Measured,
    /// The expiry before, if any.
    pub nearer: Option<Neighbour<'a>>,
    /// The expiry after, if any.
    pub farther: Option<Neighbour<'a>>,
}

impl SurfaceState {
    /// An expiry's first smile: the measured one, with nothing in the budget. Errors: [`RiskError::ParameterOutOfRange`].
    pub fn new(measured: Measured, tau: Secs, now: Secs, params: &SurfaceParams) -> RiskResult<Self> {
        params.validate()?;
        Ok(Self { smile: measured.smile(tau, params)?, updated: now, ..Self::default() })
    }

    /// The smile in effect: as published, or on its glide to the measured one when stale.
    ///
    /// Errors: [`RiskError::WrongState`] before the first one, [`RiskError::ParameterOutOfRange`] for a negative time to expiry.
    pub fn at(&self, now: Secs, tau: Secs, measured: Measured, measure: Measure, params: &SurfaceParams) -> RiskResult<Smile> {
        if self.smile.atm.is_zero() {
            return Err(RiskError::WrongState);
        }
        let silence = now.raw().saturating_sub(self.updated.raw()).saturating_sub(params.stale_after.raw());
        if silence <= 0 {
            return Ok(self.smile);
        }
        let glide = match measure {
            Measure::Initial => params.glide_initial,
            Measure::Maintenance => params.glide_maintenance,
        };
        let weight = mul_div(silence.min(glide.raw()), Ratio::ONE.raw(), glide.raw(), Round::Floor)?;
        self.smile.toward(&measured.smile(tau, params)?, Ratio::new(weight))
    }

    /// Budget at `now`: what was left and what has come since, at most the burst.
    pub fn budget_at(&self, now: Secs, params: &SurfaceParams) -> Ratio {
        let elapsed = now.raw().saturating_sub(self.updated.raw()).clamp(0, HOUR);
        // Speed is below 1 in Q30.
        let gained = params.speed.raw().wrapping_mul(elapsed) / HOUR;
        Ratio::new(self.budget.raw().saturating_add(gained)).min(params.burst)
    }

    /// Publishes a smile, or refuses and leaves everything as it was. Who may, and that all listed strikes and both neighbours are given, is
    /// the caller's to check.
    pub fn update(&mut self, smile: Smile, situation: &Situation<'_>, params: &SurfaceParams) -> Result<(), SurfaceRefusal> {
        let Situation { now, tau, measured, .. } = *situation;
        if !tau.is_positive() {
            return Err(SurfaceRefusal::Number(RiskError::ExpiryOutOfRange));
        }
        if now.raw().saturating_sub(self.updated.raw()) < params.interval.raw() {
            return Err(SurfaceRefusal::TooSoon);
        }
        smile.validate(tau).map_err(|error| match error {
            RiskError::ParameterOutOfRange => SurfaceRefusal::ShapeOutOfRange,
            other => SurfaceRefusal::Number(other),
        })?;
        let old = self.at(now, tau, measured, Measure::Maintenance, params)?;
        check_corridor(old.atm, smile.atm, measured.smile(tau, params)?.atm, params)?;
        let charge = charge(&old.with(tau)?, &smile.with(tau)?, situation)?;
        let budget = self.budget_at(now, params);
        if charge > budget {
            return Err(SurfaceRefusal::MovesTooFar);
        }
        check_butterflies(&smile.with(tau)?, situation)?;
        if let Some(nearer) = &situation.nearer {
            check_calendar(nearer, &own(smile, situation))?;
        }
        if let Some(farther) = &situation.farther {
            check_calendar(&own(smile, situation), farther)?;
        }
        *self = Self { smile, updated: now, budget: budget.sub(charge)?, reserved: 0 };
        Ok(())
    }
}

/// ln(K/F).
pub fn log_moneyness(strike: Price, forward: Price) -> RiskResult<Log> {
    let (strike, forward) = (Price::checked(strike.raw())?, Price::checked(forward.raw())?);
    ln(strike.raw().unsigned_abs())?.sub(ln(forward.raw().unsigned_abs())?)
}

const fn own<'a>(smile: Smile, situation: &Situation<'a>) -> Neighbour<'a> {
    Neighbour { smile, tau: situation.tau, forward: situation.forward, strikes: situation.strikes }
}

/// Inside the corridor, or nearer to it than before.
fn check_corridor(old: Ratio, new: Ratio, measured: Ratio, params: &SurfaceParams) -> Result<(), SurfaceRefusal> {
    let low = Ratio::new(scale(measured.raw(), params.corridor_low, Round::Floor)?);
    let high = Ratio::new(scale(measured.raw(), params.corridor_high, Round::Ceil)?);
    let is_allowed = if new < low { new > old } else { new <= high || new < old };
    if is_allowed {
        Ok(())
    } else {
        Err(SurfaceRefusal::OutsideCorridor)
    }
}

/// The largest relative move of the volatility at the money or of a listed strike, rounded up.
fn charge(old: &Curve, new: &Curve, situation: &Situation<'_>) -> RiskResult<Ratio> {
    let move_at = |point: Log| {
        let (from, to) = (old.volatility(point), new.volatility(point));
        let distance = to.sub(from)?.abs()?;
        // At least 5 %, so the divisor is positive.
        mul_div(distance.raw(), Ratio::ONE.raw(), from.min(to).raw(), Round::Ceil).map(Ratio::new)
    };
    let mut largest = move_at(Log::ZERO)?;
    for &strike in situation.strikes {
        largest = largest.max(move_at(log_moneyness(strike, situation.forward)?)?);
    }
    Ok(largest)
}

/// Calls fall with the strike, by no more than it, and ever more slowly. Where no cap decides, the shape guarantees it, so that only strikes
/// with a cap among their neighbours are priced.
fn check_butterflies(curve: &Curve, situation: &Situation<'_>) -> Result<(), SurfaceRefusal> {
    let is_capped = |strike: &Price| log_moneyness(*strike, situation.forward).is_ok_and(|point| curve.is_capped(point));
    for three in situation.strikes.windows(3) {
        let &[low, middle, high] = three else { continue };
        if low >= middle || middle >= high {
            return Err(SurfaceRefusal::Number(RiskError::ParameterOutOfRange));
        }
        if three.iter().any(is_capped) {
            check_butterfly(curve, situation, [low, middle, high])?;
        }
    }
    Ok(())
}

/// One butterfly, by price. Strikes outside the domain of the formula are not priced.
pub(super) fn check_butterfly(curve: &Curve, situation: &Situation<'_>, strikes: [Price; 3]) -> Result<(), SurfaceRefusal> {
    let call = |strike: Price| -> RiskResult<Option<Premium>> {
        let Ok(contract) = Contract::new(situation.forward, strike, situation.tau.max(MIN_EXPIRY)) else { return Ok(None) };
        let sigma = curve.volatility(log_moneyness(strike, situation.forward)?);
        contract.at(sigma)?.premium(OptionKind::Call).map(Some)
    };
    let [low, middle, high] = strikes;
    let (Some(first), Some(second), Some(third)) = (call(low)?, call(middle)?, call(high)?) else { return Ok(()) };
    let tolerance = Premium::from_price(situation.forward)?.raw() >> TOLERANCE_BITS;
    let (fall, next) = (first.sub(second)?, second.sub(third)?);
    let (width, wider) = (middle.sub(low)?, high.sub(middle)?);
    let is_steep = |fall: Premium, width: Price| -> RiskResult<bool> {
        Ok(fall.raw() < tolerance.wrapping_neg() || fall.raw().saturating_sub(tolerance) > Premium::from_price(width)?.raw())
    };
    // fall/width ≥ next/wider, in premiums of the wider strike spread.
    let scaled = mul_div(fall.raw().saturating_add(tolerance), wider.raw(), width.raw(), Round::Ceil)?;
    if is_steep(fall, width)? || is_steep(next, wider)? || scaled.saturating_add(tolerance) < next.raw() {
        return Err(SurfaceRefusal::Butterfly);
    }
    Ok(())
}

/// Total variance at equal K/F does not fall from the nearer to the farther expiry, at the strikes of both.
fn check_calendar(nearer: &Neighbour<'_>, farther: &Neighbour<'_>) -> Result<(), SurfaceRefusal> {
    let (near, far) = (nearer.smile.with(nearer.tau)?, farther.smile.with(farther.tau)?);
    let check = |point: Log| -> Result<(), SurfaceRefusal> {
        let later = far.deviation(point)?.raw();
        if near.deviation(point)?.raw() > later.saturating_add(later >> TOLERANCE_BITS) {
            return Err(SurfaceRefusal::Calendar);
        }
        Ok(())
    };
    check(Log::ZERO)?;
    for side in [nearer, farther] {
        for &strike in side.strikes {
            check(log_moneyness(strike, side.forward)?)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
