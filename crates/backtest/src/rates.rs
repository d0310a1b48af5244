//! Margin rates along a tape: the glide and the core as the chain computes them at every bucket, read at the end of every bar.

use anyhow::Result;
use bytemuck::Zeroable;
use plimsoll_risk::margin::spot_range;
use plimsoll_risk::volatility::{GlideState, VolParams, VolState};
use plimsoll_risk::{Ratio, Round, Secs};

use crate::tape::{refused, Point, Tape};

/// √24 in Q30: one-hour volatility to one day, as a market computes it.
const ROOT_OF_A_DAY: Ratio = Ratio::new(5_260_236_949);

/// Everything of a market's parameters that its margin depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Measurement, core, glide.
    pub vol: VolParams,
    /// Tier rate of initial margin (RULES 4.2).
    pub tier: Ratio,
    /// Smallest and largest spot range of the grid (RULES 4.1).
    pub range: [Ratio; 2],
}

impl Setting {
    /// Defaults of a major: tier 5 %, range 18 % to 36 %.
    pub const MAJOR: Self = Self { vol: VolParams::MAJOR, tier: Ratio::of(5, 100), range: [Ratio::of(18, 100), Ratio::of(36, 100)] };

    /// What the calibration started from and is compared with: R_lin of 5 σ, whose maintained share is the core itself, and a forecast that gives
    /// the newest bucket 10 %.
    pub const UNCALIBRATED: Self =
        Self { vol: VolParams { initial_multiple: Ratio::of(5, 1), garch_alpha: Ratio::of(10, 100), ..VolParams::MAJOR }, ..Self::MAJOR };

    /// This with other multiples of σ₁ₕ in IM and in the core.
    pub fn with_multiples(self, initial: Ratio, core: Ratio) -> Self {
        Self { vol: VolParams { initial_multiple: initial, core_multiple: core, ..self.vol }, ..self }
    }
}

/// Rates in force at the end of a bar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BarRates {
    /// Initial rate.
    pub initial: Ratio,
    /// Maintenance rate: the larger of `glided` and `core`.
    pub maintenance: Ratio,
    /// The glided part, the buffer above the core.
    pub glided: Ratio,
    /// The core alone.
    pub core: Ratio,
    /// What maintenance was announced to be in an hour.
    pub in_an_hour: Ratio,
    /// Spot range of the grid.
    pub range: Ratio,
}

/// Rates at the end of every bar. Errors: what the engine refuses.
pub fn along(tape: &Tape, setting: &Setting) -> Result<Vec<BarRates>> {
    let mut glide = GlideState::default();
    let mut rates = Vec::with_capacity(tape.ends.len());
    let mut done = 0;
    for &end in &tape.ends {
        for point in tape.points.get(done..end).unwrap_or_default() {
            glide.advance(&setting.vol, point.sigma, setting.tier, point.at).map_err(refused)?;
        }
        done = end;
        if let Some(point) = end.checked_sub(1).and_then(|last| tape.points.get(last)) {
            rates.push(at(&glide, point, setting)?);
        }
    }
    Ok(rates)
}

fn at(glide: &GlideState, point: &Point, setting: &Setting) -> Result<BarRates> {
    let state = VolState { sigma_1h: point.sigma, jump_until: point.jump_until, ..VolState::zeroed() };
    let rates = |glide: &GlideState| glide.rates(&setting.vol, &state, setting.tier, point.at).map_err(refused);
    let in_force = rates(glide)?;
    // A state that has not glided yet has the core alone.
    let core = rates(&GlideState { rate: Ratio::ZERO, updated: Secs::ZERO })?.maintenance;
    let day = point.sigma.mul(ROOT_OF_A_DAY, Round::Ceil).map_err(refused)?;
    let [low, high] = setting.range;
    Ok(BarRates {
        initial: in_force.initial.min(Ratio::ONE),
        maintenance: in_force.maintenance.min(Ratio::ONE),
        glided: glide.rate,
        core,
        in_an_hour: in_force.in_an_hour.min(Ratio::ONE),
        range: spot_range(day, low, high).map_err(refused)?,
    })
}
