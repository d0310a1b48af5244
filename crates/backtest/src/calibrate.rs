//! Calibration: other multiples, tiers and glides on the same volatility tapes, judged in and out of sample.
//!
//! Only the hourly crypto series take part. A setting is chosen by what it did before the split and then shown by what it did after.

use anyhow::Result;
use plimsoll_risk::margin::MM_GRID_FACTOR;
use plimsoll_risk::{Ratio, Round};
use serde::Serialize;
use std::collections::BTreeMap;

use crate::calendar;
use crate::coverage::{Measure, FEWEST_HOURS, MEASURES, NOMINAL};
use crate::portfolio::pairs;
use crate::rates::{along, BarRates, Setting};
use crate::study::Market;
use crate::tape::{refused, Feed};

/// First day after the sample: what is chosen before it is tested after it.
pub const SPLIT: (i64, i64, i64) = (2023, 1, 1);

/// What a setting did in one part of the history, over all markets, both directions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Score {
    /// Hours of a long and of a short counted.
    pub hours: u64,
    /// Exceptions from close to close.
    pub close: u64,
    /// Exceptions within the bar.
    pub worst: u64,
    /// Least coverage of a market, a direction and a calendar year, from close to close.
    pub least_close: f64,
    /// The same within the bar.
    pub least_worst: f64,
    /// Mean requirement, the mean over the markets.
    pub mean: f64,
    /// Share of hours in which the requirement rose by more than a tenth.
    pub tenth: f64,
    /// Largest rise within an hour, in points of notional.
    pub largest_raise: f64,
    /// Largest loss beyond the requirement within a bar, in points of notional.
    pub worst_shortfall: f64,
    /// Sum of all losses beyond the requirement within the bar, in points of notional.
    pub short: f64,
}

/// A setting with its scores.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Trial {
    /// What was tried.
    #[serde(skip)]
    pub setting: Setting,
    /// Multiple of σ₁ₕ in the core.
    pub core: f64,
    /// Multiple of σ₁ₕ in R_lin.
    pub initial: f64,
    /// Tier rate of initial margin.
    pub tier: f64,
    /// Glide up, a compounded share an hour.
    pub up: f64,
    /// Glide down.
    pub down: f64,
    /// Weight of the newest bucket in the GARCH variance.
    pub alpha: f64,
    /// Multiple of σ over a bucket that raises the jump flag.
    pub jump: f64,
    /// Before [`SPLIT`].
    pub sample: Score,
    /// From then on.
    pub after: Score,
}

impl Trial {
    /// Whether the goal is met in every year of the sample, even within the bar.
    pub fn meets_goal(&self) -> bool {
        self.sample.least_worst >= 1.0 - NOMINAL
    }
}

fn float(ratio: Ratio) -> f64 {
    ratio.raw() as f64 / Ratio::ONE.raw() as f64
}

/// Share of a linear leg's notional that must be maintained: as the engine's terms have it. Errors: what the engine refuses.
pub fn maintenance_share(rates: &BarRates) -> Result<f64> {
    let grid = rates.range.mul(MM_GRID_FACTOR, Round::Ceil).map_err(refused)?;
    Ok(float(rates.maintenance.min(grid)))
}

/// Exceptions of a market's long and short in one year: hours, then close and worst by direction.
#[derive(Clone, Copy, Default)]
struct Cell {
    hours: u64,
    exceptions: [[u64; 2]; 2],
    required: f64,
    tenth: u64,
    largest_raise: f64,
    worst_shortfall: f64,
    short: f64,
}

/// Tries one setting. Errors: what the engine refuses.
pub fn evaluate(markets: &[&Market], setting: &Setting) -> Result<Trial> {
    let split = calendar::midnight(SPLIT.0, SPLIT.1, SPLIT.2);
    let (mut sample, mut after) = (vec![], vec![]);
    for market in markets {
        let rates = along(&market.tape, setting)?;
        let mut years = [BTreeMap::new(), BTreeMap::new()];
        for (index, bar, next) in pairs(market.series) {
            let Some([rates, later]) = rates.get(index..index + 2) else { break };
            let (required, later) = (maintenance_share(rates)?, maintenance_share(later)?);
            let Some(part) = years.get_mut(usize::from(next.date >= split)) else { break };
            let cell: &mut Cell = part.entry(calendar::year(next.date)).or_default();
            let change = |to: i64| (to - bar.close) as f64 / bar.close as f64;
            let losses = [[-change(next.close), change(next.close)], [-change(next.low), change(next.high)]];
            for (counts, losses) in cell.exceptions.iter_mut().zip(losses) {
                for (count, loss) in counts.iter_mut().zip(losses) {
                    *count += u64::from(loss > required);
                }
            }
            cell.hours += 1;
            cell.required += required;
            cell.tenth += u64::from(later > required * 1.1);
            cell.short += losses[1].into_iter().map(|loss| (loss - required).max(0.0)).sum::<f64>();
            cell.worst_shortfall = losses[1].into_iter().map(|loss| loss - required).fold(cell.worst_shortfall, f64::max);
            cell.largest_raise = cell.largest_raise.max(later - required);
        }
        let [before, later] = years;
        sample.push(before);
        after.push(later);
    }
    let vol = &setting.vol;
    Ok(Trial {
        setting: *setting,
        core: float(vol.core_multiple),
        initial: float(vol.initial_multiple),
        tier: float(setting.tier),
        up: float(vol.glide_up),
        down: float(vol.glide_down),
        alpha: float(vol.garch_alpha),
        jump: float(vol.jump_sigmas),
        sample: score(&sample),
        after: score(&after),
    })
}

fn score(markets: &[BTreeMap<i64, Cell>]) -> Score {
    let mut score = Score { least_close: 1.0, least_worst: 1.0, ..Score::default() };
    for years in markets {
        let (mut hours, mut required) = (0, 0.0);
        for cell in years.values() {
            for (measure, counts) in MEASURES.into_iter().zip(cell.exceptions) {
                let (total, least) = match measure {
                    Measure::Close => (&mut score.close, &mut score.least_close),
                    Measure::Worst => (&mut score.worst, &mut score.least_worst),
                };
                for count in counts {
                    *total += count;
                    if cell.hours >= FEWEST_HOURS {
                        *least = least.min(1.0 - count as f64 / cell.hours as f64);
                    }
                }
            }
            hours += cell.hours;
            required += cell.required;
            score.tenth += cell.tenth as f64;
            score.short += cell.short;
            score.worst_shortfall = score.worst_shortfall.max(cell.worst_shortfall);
            score.largest_raise = score.largest_raise.max(cell.largest_raise);
        }
        score.hours += 2 * hours;
        score.mean += required / hours.max(1) as f64 / markets.len() as f64;
    }
    // Hours count twice, once for each direction.
    score.tenth /= score.hours.max(1) as f64 / 2.0;
    score
}

/// A number as a ratio of thousandths.
fn milli(thousandths: i64) -> Ratio {
    Ratio::of(thousandths, 1_000)
}

/// Every setting that is tried, in the order of the tables.
pub struct Trials {
    /// Multiples of σ₁ₕ in the core and in R_lin, by tier.
    pub multiples: Vec<Trial>,
    /// Glide speeds at the default multiples.
    pub glides: Vec<Trial>,
    /// Weight of the newest bucket in the forecast, and the jump flag, at the default multiples.
    pub forecasts: Vec<Trial>,
    /// Multiples and weight together.
    pub candidates: Vec<Trial>,
}

impl Trials {
    /// All of them.
    pub fn all(&self) -> impl Iterator<Item = &Trial> {
        [&self.multiples, &self.glides, &self.forecasts, &self.candidates].into_iter().flatten()
    }

    /// The cheapest setting that meets the goal in every year of the sample, even within the bar. Ties go to the first.
    pub fn cheapest(&self) -> Option<&Trial> {
        let good = self.multiples.iter().filter(|trial| trial.meets_goal());
        good.min_by(|a, b| a.sample.mean.total_cmp(&b.sample.mean))
    }
}

/// Tries them all; `tick` is called before each. Errors: what the engine refuses.
pub fn run<'a>(markets: &[&Market<'a>], feed: Feed, mut tick: impl FnMut()) -> Result<Trials> {
    let mut trial = |setting: Setting| {
        tick();
        evaluate(markets, &setting)
    };
    let mut multiples = vec![];
    for tier in TIERS {
        for core in CORES {
            for buffer in BUFFERS {
                let initial = core * buffer / 1_000;
                let setting = Setting { tier: milli(tier), ..Setting::MAJOR };
                multiples.push(trial(setting.with_multiples(milli(initial), milli(core)))?);
            }
        }
    }
    let mut glides = vec![];
    for up in UPS {
        for down in DOWNS {
            let mut setting = Setting::MAJOR;
            (setting.vol.glide_up, setting.vol.glide_down) = (Ratio::of(up, 1_000_000), milli(down));
            glides.push(trial(setting)?);
        }
    }
    let (mut forecasts, mut candidates) = (vec![], vec![]);
    for alpha in ALPHAS {
        for jump in JUMPS {
            tick();
            forecasts.push(anew(markets, &with_forecast(Setting::MAJOR, alpha, jump), feed)?);
        }
    }
    for [core, initial, alpha] in CANDIDATES {
        tick();
        let setting = Setting::MAJOR.with_multiples(milli(initial), milli(core));
        candidates.push(anew(markets, &with_forecast(setting, alpha, JUMPS[0]), feed)?);
    }
    Ok(Trials { multiples, glides, forecasts, candidates })
}

/// A setting with another weight (thousandths) and jump multiple.
fn with_forecast(mut setting: Setting, alpha: i64, jump: i64) -> Setting {
    setting.vol.garch_alpha = milli(alpha);
    setting.vol.jump_sigmas = Ratio::of(jump, 1);
    if jump == NO_JUMP {
        setting.vol.jump_floor = Ratio::of(1, 2);
    }
    setting
}

/// Tries a setting that changes the tape. Errors: what the engine refuses.
fn anew<'a>(markets: &[&Market<'a>], setting: &Setting, feed: Feed) -> Result<Trial> {
    let again = |market: &&Market<'a>| Market::new(market.series, market.margin, setting, feed);
    let markets: Vec<Market> = markets.iter().map(again).collect::<Result<_>>()?;
    evaluate(&markets.iter().collect::<Vec<_>>(), setting)
}

/// Core, R_lin and weight, thousandths.
const CANDIDATES: [[i64; 3]; 13] = [
    [4_000, 5_000, 100],
    [4_000, 5_000, 50],
    [4_000, 5_000, 20],
    [4_000, 5_500, 100],
    [4_000, 5_500, 50],
    [4_000, 5_500, 35],
    [4_000, 6_000, 20],
    [3_500, 5_250, 100],
    [3_500, 5_250, 50],
    [3_500, 5_250, 35],
    [3_500, 5_250, 20],
    [3_500, 6_000, 20],
    [3_000, 5_250, 50],
];
/// Weights of the newest bucket, thousandths; at zero the forecast is the slow variance.
const ALPHAS: [i64; 6] = [0, 10, 20, 35, 50, 100];
/// Multiples of σ that raise the jump flag.
const JUMPS: [i64; 3] = [5, 8, NO_JUMP];
/// With this multiple and a floor of one half no bucket is a jump.
pub const NO_JUMP: i64 = 32;
/// Tier rates of initial margin, thousandths.
const TIERS: [i64; 2] = [0, 50];
/// Multiples of σ₁ₕ in the core, thousandths.
const CORES: [i64; 8] = [2_500, 3_000, 3_250, 3_500, 4_000, 4_500, 5_000, 6_000];
/// R_lin's multiple over the core's, thousandths: at 1,250 the glided rate goes to the core, above it leaves a buffer.
const BUFFERS: [i64; 3] = [1_250, 1_375, 1_500];
/// Glide up, ln of the hourly factor in millionths: 5 %, 10 %, 20 %.
const UPS: [i64; 3] = [48_790, 95_310, 182_322];
/// Glide down, thousandths an hour.
const DOWNS: [i64; 4] = [10, 25, 50, 100];

#[cfg(test)]
mod tests;
