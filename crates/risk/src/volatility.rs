//! Realised volatility from accepted prices, and the margin rates that follow it (RULES 3).
//!
//! Prices are gathered in 5-min buckets on the grid of the clock. A bucket that ends contributes, per hour,
//!
//! ```text
//! x = max( r², (h − l)² / (4 ln 2) ) / elapsed        r, h, l = ln(close, high, low) − ln(reference), each within ± max(10 σ√elapsed, 2 %)
//! ```
//!
//! and the reference advances by the clamped r only: a real gap enters over the next buckets, a bad print reverses. Three variances follow:
//!
//! | variance | rule |
//! | --- | --- |
//! | fast, slow | v ← v + (x − v)·(1 − 2^(−elapsed/half-life)), half-lives 24 h and 30 d |
//! | garch | g ← slow + (g − slow)·κ, κ = 2^(−elapsed/half-life), then g ← g + α·(x − g) |
//!
//! The last is a GARCH(1,1) with ω = (1 − α)(1 − κ)·slow and β = (1 − α)·κ; its forecast is the mean of the variances it expects for the H
//! buckets of the horizon, slow + (g − slow)·(1 + p + … + p^(H−1)) / H with the persistence p = α + β.
//!
//! A gap is scaled, not annualised: r² is divided by the time it really took. What raises a variance counts with the whole of that time,
//! what lowers it with at most 15 min, because a silence is not a calm.
//!
//! σ₁ₕ = max(floor, 0.75 · √max(fast, slow, forecast) + 0.25 · stressed).
//!
//! Numbers: logarithms Q56, returns Q30, variances per hour Q60 ([`Q60`]); returns are within ±½, so that every x is below 4.4 and fits.

use crate::correlation::Sample;
use crate::error::{RiskError, RiskResult};
use crate::fixed_math::{decay, exp, ln, scale, Log, Q60};
use crate::units::{Price, Ratio, Round, Secs};
use bytemuck::{Pod, Zeroable};

/// Fastest rise of a glided rate per hour, compounded continuously: ln 1.10 (RULES 3.3).
pub const GLIDE_UP: Ratio = Ratio::of(95_310, 1_000_000);
/// Fastest fall of a glided rate per hour: 5 %.
pub const GLIDE_DOWN: Ratio = Ratio::of(5, 100);

/// Length of a bucket.
pub const BUCKET: Secs = Secs::new(BUCKET_SECS);

const BUCKET_SECS: i64 = 300;
const HOUR: i64 = 3_600;
/// Most of a silence that may lower a variance.
const MAX_CALM: i64 = 900;
/// Longest time between two returns that still counts (30 d); more is this.
const MAX_ELAPSED: i64 = 30 * 24 * HOUR;
/// No single return counts for more, whatever σ is.
const MAX_RETURN: Ratio = Ratio::of(1, 2);
/// Most glide a gap between updates is worth.
const MAX_GLIDE: i64 = 300;
/// 1 / (4 ln 2) in Q60, the variance of a range (Parkinson).
const RANGE_VARIANCE: Q60 = Q60::new(415_828_534_307_635_077);
/// Share of the initial requirement that must be maintained.
const MAINTENANCE_SHARE: Ratio = Ratio::of(4, 5);

// (2 · ½)² · 0.3607 / 300 s · 3600 s stays below the 8 that Q60 holds; so does (½)² · 12.
const _: () = assert!((RANGE_VARIANCE.raw() / BUCKET_SECS).checked_mul(HOUR).is_some());
const _: () = assert!((MAX_RETURN.raw() * MAX_RETURN.raw() / BUCKET_SECS).checked_mul(HOUR).is_some());
const _: () = assert!(core::mem::size_of::<VolState>() == 112 && core::mem::size_of::<VolParams>() == 144);
const _: () = assert!(core::mem::align_of::<VolState>() == 8 && core::mem::align_of::<VolParams>() == 8);

/// How a market measures volatility and turns it into rates. Volatilities are per √hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct VolParams {
    /// σ₁ₕ is never below this (0.3 %†, 28 % a year).
    pub floor: Ratio,
    /// σ₁ₕ of the worst stretch on record, a quarter of the blend (1.5 %†, 140 % a year).
    pub stressed: Ratio,
    /// σ₁ₕ that a new market starts from (1 %†).
    pub initial: Ratio,
    /// Returns beyond so many σ are clamped (10).
    pub clamp_sigmas: Ratio,
    /// But never below this (2 %).
    pub clamp_floor: Ratio,
    /// A bucket's return beyond so many σ is a jump (5†).
    pub jump_sigmas: Ratio,
    /// But never below this (1.5 %†).
    pub jump_floor: Ratio,
    /// How long the jump flag stands after the bucket (1 h†).
    pub jump_hold: Secs,
    /// Half-life of the fast variance (24 h).
    pub fast_half_life: Secs,
    /// Half-life of the slow variance (30 d).
    pub slow_half_life: Secs,
    /// Half-life with which the garch variance returns to the slow one (3 h†).
    pub garch_half_life: Secs,
    /// Weight of the newest bucket in the garch variance (0.05, docs/backtest.md).
    pub garch_alpha: Ratio,
    /// Horizon of the forecast, the time a liquidation may take (1 h).
    pub horizon: Secs,
    /// MM is at least so many σ₁ₕ (4).
    pub core_multiple: Ratio,
    /// IM is at least so many σ₁ₕ (5.5: the maintained share of it is a tenth above the core, docs/backtest.md).
    pub initial_multiple: Ratio,
    /// Fastest rise of the glided MM per hour, compounded continuously: ln 1.10.
    pub glide_up: Ratio,
    /// Fastest fall per hour (5 %).
    pub glide_down: Ratio,
    /// Zero; reserved.
    pub reserved: i64,
}

impl VolParams {
    /// Defaults of a major.
    pub const MAJOR: Self = Self {
        floor: Ratio::of(3, 1_000),
        stressed: Ratio::of(15, 1_000),
        initial: Ratio::of(1, 100),
        clamp_sigmas: Ratio::of(10, 1),
        clamp_floor: Ratio::of(2, 100),
        jump_sigmas: Ratio::of(5, 1),
        jump_floor: Ratio::of(15, 1_000),
        jump_hold: Secs::new(HOUR),
        fast_half_life: Secs::new(24 * HOUR),
        slow_half_life: Secs::new(30 * 24 * HOUR),
        garch_half_life: Secs::new(3 * HOUR),
        garch_alpha: Ratio::of(5, 100),
        horizon: Secs::new(HOUR),
        core_multiple: Ratio::of(4, 1),
        initial_multiple: Ratio::of(55, 10),
        glide_up: GLIDE_UP,
        glide_down: GLIDE_DOWN,
        reserved: 0,
    };

    /// Checks every range. Errors: [`RiskError::ParameterOutOfRange`].
    pub fn validate(&self) -> RiskResult<()> {
        let within = |value: Ratio, low: Ratio, high: Ratio| low <= value && value <= high;
        let unit = Ratio::new(1);
        let are_sigmas = within(self.floor, unit, Ratio::ONE)
            && within(self.stressed, self.floor, Ratio::ONE)
            && within(self.initial, self.floor, Ratio::ONE);
        let are_limits = within(self.clamp_sigmas, Ratio::ONE, Ratio::of(32, 1))
            && within(self.clamp_floor, unit, MAX_RETURN)
            && within(self.jump_sigmas, Ratio::ONE, Ratio::of(32, 1))
            && within(self.jump_floor, unit, MAX_RETURN);
        let is_time = |value: Secs| (1..=1 << 26).contains(&value.raw());
        let are_times = is_time(self.jump_hold)
            && is_time(self.fast_half_life)
            && is_time(self.slow_half_life)
            && is_time(self.garch_half_life)
            && is_time(self.horizon);
        let are_multiples =
            within(self.core_multiple, Ratio::ONE, Ratio::of(16, 1)) && within(self.initial_multiple, self.core_multiple, Ratio::of(16, 1));
        let are_shares = within(self.garch_alpha, Ratio::ZERO, Ratio::ONE)
            && within(self.glide_up, unit, Ratio::ONE)
            && within(self.glide_down, unit, Ratio::ONE);
        if are_sigmas && are_limits && are_times && are_multiples && are_shares && self.reserved == 0 {
            Ok(())
        } else {
            Err(RiskError::ParameterOutOfRange)
        }
    }
}

/// The running bucket and the variances. All zero is a market without a price; see [`VolState::new`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct VolState {
    /// Number of the running bucket (unix seconds / 300); 0 before the first price.
    pub bucket: i64,
    /// First price in it.
    pub open: Price,
    /// Highest price in it.
    pub high: Price,
    /// Lowest price in it.
    pub low: Price,
    /// Last price in it.
    pub close: Price,
    /// Bucket up to which `reference` accounts for the price.
    pub reference_bucket: i64,
    /// ln of the reference price, which advances by clamped returns only.
    pub reference: Log,
    /// Variance per hour, 24-h half-life.
    pub fast: Q60,
    /// Variance per hour, 30-d half-life.
    pub slow: Q60,
    /// Variance per hour, mean-reverting.
    pub garch: Q60,
    /// σ₁ₕ, the output.
    pub sigma_1h: Ratio,
    /// Until when the jump flag stands.
    pub jump_until: Secs,
    /// Clamped return of the last bucket that ended, for correlations.
    pub last_return: Ratio,
    /// That bucket.
    pub last_bucket: i64,
}

/// What a bucket that ended had to say.
struct Observation {
    /// Time since the return before it.
    elapsed: i64,
    /// Contribution to a variance per hour.
    variance: Q60,
    /// Whether the return, before clamping, was a jump.
    is_jump: bool,
    /// The reference after it.
    reference: Log,
    /// The clamped return.
    clamped: Ratio,
}

impl VolState {
    /// A market before its first price: every variance is that of the listing. Errors: [`RiskError::ParameterOutOfRange`].
    pub fn new(params: &VolParams) -> RiskResult<Self> {
        params.validate()?;
        let variance = Q60::square(params.initial)?;
        let mut state = Self { fast: variance, slow: variance, garch: variance, ..Self::zeroed() };
        state.sigma_1h = state.sigma(params)?;
        Ok(state)
    }

    /// Takes in an accepted price; returns whether a bucket ended by it, so that σ may have changed.
    ///
    /// Errors: [`RiskError::PriceOutOfRange`]; [`RiskError::WrongState`] for a time before the running bucket;
    /// [`RiskError::ParameterOutOfRange`] for a time before 1970. Nothing changes then.
    pub fn push(&mut self, params: &VolParams, price: Price, publish: Secs) -> RiskResult<bool> {
        let price = Price::checked(price.raw())?;
        let bucket = publish.raw() / BUCKET_SECS;
        if bucket <= 0 {
            return Err(RiskError::ParameterOutOfRange);
        }
        if bucket < self.bucket {
            return Err(RiskError::WrongState);
        }
        if bucket == self.bucket {
            self.high = self.high.max(price);
            self.low = self.low.min(price);
            self.close = price;
            return Ok(false);
        }
        let has_ended = self.bucket != 0;
        if has_ended {
            self.end_bucket(params)?;
        } else {
            self.reference = ln(price.raw().unsigned_abs())?;
            self.reference_bucket = bucket.saturating_sub(1);
        }
        self.bucket = bucket;
        (self.open, self.high, self.low, self.close) = (price, price, price, price);
        Ok(has_ended)
    }

    /// Whether the jump flag stands at `now`.
    pub fn is_jump(&self, now: Secs) -> bool {
        now < self.jump_until
    }

    /// The last bucket that ended, for correlations.
    pub const fn sample(&self) -> Sample {
        Sample { bucket: self.last_bucket, reference: self.reference }
    }

    fn end_bucket(&mut self, params: &VolParams) -> RiskResult<()> {
        let observation = self.observe(params)?;
        let (elapsed, x) = (observation.elapsed, observation.variance);
        let fast = blend(self.fast, x, elapsed, params.fast_half_life)?;
        let slow = blend(self.slow, x, elapsed, params.slow_half_life)?;
        let garch = garch_after(params, self.garch, slow, x, elapsed)?;
        let mut next = Self { fast, slow, garch, reference: observation.reference, reference_bucket: self.bucket, ..*self };
        next.sigma_1h = next.sigma(params)?;
        next.last_return = observation.clamped;
        next.last_bucket = self.bucket;
        if observation.is_jump {
            let end = self.bucket.saturating_add(1).saturating_mul(BUCKET_SECS);
            next.jump_until = Secs::new(end).add(params.jump_hold)?;
        }
        *self = next;
        Ok(())
    }

    /// What the running bucket contributes now that it ends.
    fn observe(&self, params: &VolParams) -> RiskResult<Observation> {
        let buckets = self.bucket.saturating_sub(self.reference_bucket).max(1);
        let elapsed = buckets.saturating_mul(BUCKET_SECS).min(MAX_ELAPSED);
        let sigma = self.sigma_over(elapsed)?;
        let limit = limit(sigma, params.clamp_sigmas, params.clamp_floor)?;
        let is_beyond = |value: Ratio, limit: Ratio| value.raw().unsigned_abs() > limit.raw().unsigned_abs();
        let since = |price: Price| ln(price.raw().unsigned_abs())?.sub(self.reference);
        let clamp = |log: Log| Ratio::new(log.to_ratio().raw().clamp(limit.raw().wrapping_neg(), limit.raw()));

        let raw = since(self.close)?;
        let clamped = clamp(raw);
        let is_clamped = is_beyond(raw.to_ratio(), limit);
        let advance = if is_clamped { Log::from_ratio(clamped)? } else { raw };
        // A bucket of one price has no range of its own; two logarithms less.
        let range = if self.high == self.low { Ratio::ZERO } else { clamp(since(self.high)?).sub(clamp(since(self.low)?))? };
        let squared = Q60::square(clamped)?.max(Q60::square(range)?.times(RANGE_VARIANCE)?);
        let per_second = squared.raw().checked_div(elapsed).ok_or(RiskError::DivisionByZero)?;
        Ok(Observation {
            elapsed,
            // Below 4.4 in Q60 by the const assertions above.
            variance: Q60::new(per_second.wrapping_mul(HOUR)),
            is_jump: is_beyond(raw.to_ratio(), self::limit(sigma, params.jump_sigmas, params.jump_floor)?),
            reference: self.reference.add(advance)?,
            clamped,
        })
    }

    /// σ over `elapsed` seconds: σ₁ₕ·√(elapsed / 1 h).
    fn sigma_over(&self, elapsed: i64) -> RiskResult<Ratio> {
        let variance = Q60::square(self.sigma_1h)?.raw() / HOUR;
        Q60::new(variance.saturating_mul(elapsed)).root()
    }

    fn sigma(&self, params: &VolParams) -> RiskResult<Ratio> {
        let current = self.fast.max(self.slow).max(forecast(params, self.garch, self.slow)?).root()?;
        // Both are at most √8 in Q30; a quarter rounded up.
        let quarters = current.raw().saturating_mul(3).saturating_add(params.stressed.raw());
        Ok(Ratio::new(quarters.saturating_add(3) / 4).max(params.floor))
    }
}

/// max(multiple · σ, floor), at most [`MAX_RETURN`].
fn limit(sigma: Ratio, multiple: Ratio, floor: Ratio) -> RiskResult<Ratio> {
    Ok(Ratio::new(scale(sigma.raw(), multiple, Round::Floor)?).max(floor).min(MAX_RETURN))
}

/// The garch variance after a bucket that contributed `x`, `elapsed` seconds after the one before, with the level it returns to.
fn garch_after(params: &VolParams, garch: Q60, level: Q60, x: Q60, elapsed: i64) -> RiskResult<Q60> {
    blend(garch, level, elapsed, params.garch_half_life)?.toward(x, in_q60(params.garch_alpha)?)
}

/// Mean of the variances that the next buckets of the horizon are expected to have.
fn forecast(params: &VolParams, garch: Q60, level: Q60) -> RiskResult<Q60> {
    let kept = decay(BUCKET, params.garch_half_life)?;
    let persistence = kept.toward(Q60::ONE, in_q60(params.garch_alpha)?)?;
    let buckets = params.horizon.raw().saturating_add(BUCKET_SECS - 1) / BUCKET_SECS;
    level.toward(garch, mean_power(persistence, buckets.max(1))?)
}

/// (1 + p + … + p^(n−1)) / n for n ≥ 1 and p in 0 ..= 1, by doubling.
fn mean_power(p: Q60, n: i64) -> RiskResult<Q60> {
    // mean and power belong to the first `count` terms: count = the leading bits of n.
    let (mut mean, mut power, mut count) = (Q60::ONE, p, 1_i64);
    let mut bit = 62_u32.saturating_sub(n.leading_zeros());
    while count < n {
        mean = mean.toward(mean.times(power)?, Q60::new(1 << 59))?;
        power = power.times(power)?;
        count = n >> bit;
        if count & 1 == 1 {
            // The next power is below the mean of those before it.
            let excess = mean.raw().saturating_sub(power.raw()).max(0);
            mean = Q60::new(mean.raw().saturating_sub(excess.checked_div(count).ok_or(RiskError::DivisionByZero)?));
            power = power.times(p)?;
        }
        bit = bit.saturating_sub(1);
    }
    Ok(mean)
}

/// A ratio within ±8 in Q60.
fn in_q60(ratio: Ratio) -> RiskResult<Q60> {
    ratio.raw().checked_mul(1 << 30).map(Q60::new).ok_or(RiskError::Overflow)
}

/// `variance` moved toward `target` for `elapsed` seconds: all of them on the way up, at most 15 min on the way down.
fn blend(variance: Q60, target: Q60, elapsed: i64, half_life: Secs) -> RiskResult<Q60> {
    let counted = if target > variance { elapsed } else { elapsed.min(MAX_CALM) };
    let kept = decay(Secs::new(counted), half_life)?;
    variance.toward(target, Q60::new(Q60::ONE.raw().wrapping_sub(kept.raw())))
}

/// The maintenance rate on its way to its target. All zero is a market that has not set one yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct GlideState {
    /// Glided maintenance rate, before the core.
    pub rate: Ratio,
    /// When it last moved.
    pub updated: Secs,
}

/// Margin rates of a linear position in a market.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MarginRates {
    /// For new risk: max(R_lin, maintenance / 0.8).
    pub initial: Ratio,
    /// max(glided, core).
    pub maintenance: Ratio,
    /// What `maintenance` will be in an hour if prices keep coming and volatility stays as it is.
    pub in_an_hour: Ratio,
}

impl GlideState {
    /// Moves toward 0.8 · R_lin at the permitted speed; a gap since the last move counts as at most 5 min. The first call sets the target.
    ///
    /// `tier` is the market's initial rate by size (5 % for majors). Errors: [`RiskError::Overflow`].
    pub fn advance(&mut self, params: &VolParams, sigma_1h: Ratio, tier: Ratio, now: Secs) -> RiskResult<()> {
        let target = scale(linear_rate(params, sigma_1h, tier)?.raw(), MAINTENANCE_SHARE, Round::Ceil)?;
        let elapsed = now.raw().saturating_sub(self.updated.raw()).clamp(0, MAX_GLIDE);
        self.rate = if self.rate.is_zero() {
            Ratio::new(target)
        } else {
            glided(self.rate, Ratio::new(target), params.glide_up, params.glide_down, elapsed)?
        };
        self.updated = self.updated.max(now);
        Ok(())
    }

    /// The rates at `now`. Errors: [`RiskError::Overflow`].
    pub fn rates(&self, params: &VolParams, state: &VolState, tier: Ratio, now: Secs) -> RiskResult<MarginRates> {
        let linear = linear_rate(params, state.sigma_1h, tier)?;
        let target = Ratio::new(scale(linear.raw(), MAINTENANCE_SHARE, Round::Ceil)?);
        let later = now.add(Secs::new(HOUR))?;
        let maintenance = self.rate.max(core_rate(params, state, now)?);
        let glided_later = if self.rate.is_zero() { target } else { self.in_an_hour(params, target)? };
        let needed = maintenance.raw().checked_mul(5).ok_or(RiskError::Overflow)?;
        Ok(MarginRates {
            initial: linear.max(Ratio::new(needed.saturating_add(3) / 4)),
            maintenance,
            in_an_hour: glided_later.max(core_rate(params, state, later)?),
        })
    }

    /// The glided rate after an hour of small steps: compounded, so that what is published is what comes.
    fn in_an_hour(&self, params: &VolParams, target: Ratio) -> RiskResult<Ratio> {
        let is_up = target > self.rate;
        let speed = if is_up { params.glide_up } else { params.glide_down.neg()? };
        // e^±1 at most; Q60 to Q30.
        let factor = Ratio::new(exp(Log::from_ratio(speed)?)?.raw() >> 30);
        let moved = Ratio::new(scale(self.rate.raw(), factor, Round::Ceil)?);
        Ok(if is_up { moved.min(target) } else { moved.max(target) })
    }
}

/// `rate` moved toward `target` for `elapsed` seconds, 0 ..= 1 h, at most at the given speeds, shares of itself per hour. Small steps compound to
/// at most e^`up` and at least e^−`down`.
pub(crate) fn glided(rate: Ratio, target: Ratio, up: Ratio, down: Ratio, elapsed: i64) -> RiskResult<Ratio> {
    let speed = if target > rate { up } else { down };
    // Speed ≤ 1 in Q30 times at most 3600 fits.
    let share = Ratio::new(speed.raw().wrapping_mul(elapsed) / HOUR);
    let step = Ratio::new(scale(rate.raw(), share, Round::Floor)?);
    if target > rate {
        Ok(rate.add(step)?.min(target))
    } else {
        Ok(rate.sub(step)?.max(target))
    }
}

/// R_lin = max(tier rate, initial multiple · σ₁ₕ), rounded up.
fn linear_rate(params: &VolParams, sigma_1h: Ratio, tier: Ratio) -> RiskResult<Ratio> {
    Ok(Ratio::new(scale(sigma_1h.raw(), params.initial_multiple, Round::Ceil)?).max(tier))
}

/// The core of the maintenance rate: 4 · σ₁ₕ, doubled while the jump flag stands, rounded up.
fn core_rate(params: &VolParams, state: &VolState, now: Secs) -> RiskResult<Ratio> {
    let core = Ratio::new(scale(state.sigma_1h.raw(), params.core_multiple, Round::Ceil)?);
    if state.is_jump(now) {
        core.add(core)
    } else {
        Ok(core)
    }
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod vectors;
