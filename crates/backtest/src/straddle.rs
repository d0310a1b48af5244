//! A short straddle, hedged with the perp at the start of every hour.
//!
//! A call and a put at the same strike are sold; strike and expiry are set anew every 24 bars, at the money. No implied volatility is in the
//! data: the options are sold and bought back at what the engine's own variances forecast for their time to expiry,
//!
//! ```text
//! σ² = slow + (fast − slow) · mean over the tenor of 2^(−t / 24 h),     a year of 8,760 hours
//! ```
//!
//! so that a crash raises their price at once, through the fast variance. Losses are priced by Black-76 in floats, independently of the engine.

use anyhow::Result;
use plimsoll_risk::margin::{
    portfolio, CrossTerms, ExpiryRisk, ExpiryTerms, LegInput, MarketTerms, OptionBook, OptionInput, OptionKind, OptionParams, SpotGrid,
    UnitValues,
};
use plimsoll_risk::volatility::VolState;
use plimsoll_risk::{Lots, Price, Quote, Ratio, Secs};

use crate::data::Series;
use crate::portfolio::{lots, pairs, terms, Observation, NOTIONAL};
use crate::rates::BarRates;
use crate::statistics::normal_distribution;
use crate::tape::{refused, Tape};

const HOUR: f64 = 3_600.0;
/// Bars after which strike and expiry are set anew.
const HELD: usize = 24;
/// Half-life of the fast variance over the slow one, hours.
const FAST_HALF_LIFE: f64 = 24.0;
/// The engine's bounds of a volatility a year.
const SIGMAS: (f64, f64) = (0.01, 8.0);

/// How the straddle is margined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scan {
    /// The engine's.
    Engine,
    /// The grid with a constant range of 18 %, without the linear mode.
    StaticGrid,
}

/// Volatility a year that the variances forecast for so many hours.
fn forecast(state: &VolState, hours: f64) -> f64 {
    let per_hour = |raw: i64| raw as f64 / (1_u64 << 60) as f64;
    let (fast, slow) = (per_hour(state.fast.raw()), per_hour(state.slow.raw()));
    let share = FAST_HALF_LIFE / std::f64::consts::LN_2 / hours * (1.0 - (-hours / FAST_HALF_LIFE).exp2());
    (8_760.0 * (slow + (fast - slow) * share)).sqrt().clamp(SIGMAS.0, SIGMAS.1)
}

/// Black-76 value of a call and a put at one strike, undiscounted.
fn straddle(forward: f64, strike: f64, years: f64, sigma: f64) -> f64 {
    let deviation = sigma * years.sqrt();
    if deviation <= 0.0 {
        return (forward - strike).abs();
    }
    let d1 = (forward / strike).ln() / deviation + deviation / 2.0;
    let (n1, n2) = (normal_distribution(d1), normal_distribution(d1 - deviation));
    let call = forward * n1 - strike * n2;
    2.0 * call - (forward - strike)
}

/// What is held at the end of a bar.
struct Held {
    strike: i64,
    expiry: i64,
}

/// Every counted hour of the straddle; `days` from sale to expiry. Errors: what the engine refuses.
pub fn observe(series: &Series, tape: &Tape, rates: &[BarRates], days: i64, scan: Scan) -> Result<Vec<Observation>> {
    let mut out: Vec<Observation> = vec![];
    let mut held = Held { strike: 0, expiry: 0 };
    let mut set_at = None;
    for (index, bar, next) in pairs(series) {
        let (Some(rates), Some([state, later])) = (rates.get(index), tape.states.get(index..index + 2)) else { break };
        let now = bar.at + series.origin.bar_seconds;
        if set_at.is_none_or(|at| index >= at + HELD) {
            held = Held { strike: bar.close, expiry: now + days * 86_400 };
            set_at = Some(index);
        }
        let hours = |at: i64| (held.expiry - at) as f64 / HOUR;
        let (left, left_then) = (hours(now), hours(now + series.origin.bar_seconds));
        let (sigma, sigma_then) = (forecast(state, left), forecast(later, left_then));
        let count = lots(bar.close);
        let account = Account { mark: bar.close, strike: held.strike, tau: held.expiry - now, sigma, count };
        let (required, hedge) = account.margin(rates, scan)?;
        let value = |price: i64, left: f64, sigma: f64| straddle(price as f64, held.strike as f64, left / 8_760.0, sigma);
        let before = value(bar.close, left, sigma);
        let loss = |to: i64| {
            let options = count as f64 * (value(to, left_then, sigma_then) - before);
            (options - hedge as f64 * (to - bar.close) as f64) / NOTIONAL as f64
        };
        out.push(Observation {
            index,
            date: next.date,
            follows: out.last().is_some_and(|last| last.index + 1 == index),
            required: required as f64 / NOTIONAL as f64,
            close: loss(next.close),
            worst: loss(next.close).max(loss(next.low)).max(loss(next.high)),
        });
    }
    Ok(out)
}

/// `count` straddles sold, at one moment.
struct Account {
    mark: i64,
    strike: i64,
    tau: i64,
    sigma: f64,
    count: i64,
}

impl Account {
    /// Maintenance margin in atoms, and the lots of the perp that make the whole neutral.
    fn margin(&self, rates: &BarRates, scan: Scan) -> Result<(i64, i64)> {
        let rates = match scan {
            Scan::Engine => *rates,
            Scan::StaticGrid => BarRates { initial: Ratio::ONE, maintenance: Ratio::ONE, range: Ratio::of(18, 100), ..*rates },
        };
        let terms: MarketTerms = terms(self.mark, &rates)?;
        let grid = SpotGrid::new(rates.range).map_err(refused)?;
        let expiry = ExpiryRisk {
            market: 0,
            forward: Price::new(self.mark),
            tau: Secs::new(self.tau),
            fixed_share: Ratio::ZERO,
            fixed_mean: Price::new(self.mark),
        };
        let expiries = [ExpiryTerms::new(&expiry, &OptionParams::default()).map_err(refused)?];
        let sigma = Ratio::new((self.sigma * Ratio::ONE.raw() as f64) as i64);
        let units = |kind| UnitValues::new(&grid, &expiries, 0, Price::new(self.strike), kind, sigma).map_err(refused);
        let units = [units(OptionKind::Call)?, units(OptionKind::Put)?];
        let delta: i64 = units.iter().map(|unit| unit.delta().raw()).sum();
        // The sold options lose what a rise gives their buyers; the perp gives it back.
        let hedge = (self.count as f64 * delta as f64 / self.mark as f64).round() as i64;
        let sold = |series: u8| OptionInput { series, lots: Lots::new(-self.count), ..OptionInput::default() };
        let book = OptionBook { legs: &[sold(0), sold(1)], expiries: &expiries, units_im: &units, units_mm: &units };
        let leg = LegInput { lots: Lots::new(hedge), quote: Quote::new(-hedge * self.mark), ..LegInput::default() };
        let health = portfolio(Quote::new(NOTIONAL), [(&terms, &leg)], &book, &CrossTerms::NONE, None).map_err(refused)?;
        Ok((health.mm.raw(), hedge))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]
    use super::*;
    use crate::rates::{along, Setting};
    use crate::tape::{replay, Feed};
    use crate::testing::wild;

    /// Hull's textbook case as a straddle: F = 42, K = 40, σ = 20 %, half a year; undiscounted call 4.1998…, put 2.1998….
    #[test]
    fn the_price_is_that_of_black_76() {
        let deviation = 0.2 * 0.5_f64.sqrt();
        let d1 = (42.0_f64 / 40.0).ln() / deviation + deviation / 2.0;
        let call = 42.0 * normal_distribution(d1) - 40.0 * normal_distribution(d1 - deviation);
        assert!((straddle(42.0, 40.0, 0.5, 0.2) - (2.0 * call - 2.0)).abs() < 1e-12);
        // At the money: 2·F·(2·N(σ√τ/2) − 1).
        let money = 200.0 * (2.0 * normal_distribution(0.5 * 0.3 * 0.25) - 1.0);
        assert!((straddle(100.0, 100.0, 0.0625, 0.3) - money).abs() < 1e-10);
        assert_eq!(straddle(90.0, 100.0, 0.0, 0.3), 10.0);
    }

    /// The engine's mark and the independent price agree, and the hedge makes the account neutral.
    #[test]
    fn the_engine_prices_the_same_and_the_hedge_is_neutral() {
        for (strike, sigma, days) in [(100_000_000, 0.6, 30), (93_000_000, 1.2, 7), (110_000_000, 0.4, 30)] {
            let mark = 100_000_000;
            let years = f64::from(days) / 365.0;
            let expiry = ExpiryRisk {
                market: 0,
                forward: Price::new(mark),
                tau: Secs::new(i64::from(days) * 86_400),
                fixed_share: Ratio::ZERO,
                fixed_mean: Price::new(mark),
            };
            let expiries = [ExpiryTerms::new(&expiry, &OptionParams::default()).unwrap()];
            let grid = SpotGrid::new(Ratio::of(18, 100)).unwrap();
            let ratio = Ratio::new((sigma * Ratio::ONE.raw() as f64) as i64);
            let unit = |kind| UnitValues::new(&grid, &expiries, 0, Price::new(strike), kind, ratio).unwrap();
            let marked = unit(OptionKind::Call).mark().raw() + unit(OptionKind::Put).mark().raw();
            let own = straddle(mark as f64, strike as f64, years, sigma);
            assert!((marked as f64 - own).abs() < 1e-7 * mark as f64, "{marked} {own}");
            let slope = |step: f64| straddle(mark as f64 * (1.0 + step), strike as f64, years, sigma);
            let delta = (slope(1e-4) - slope(-1e-4)) / 2e-4;
            let engine = unit(OptionKind::Call).delta().raw() + unit(OptionKind::Put).delta().raw();
            assert!((engine as f64 - delta).abs() < 1e-5 * mark as f64, "{engine} {delta}");
        }
    }

    /// Three bars that end at 100, 112 and 113: the second hour begins with options in the money, hedged.
    #[test]
    fn a_hedged_hour_loses_no_delta_and_demands_the_worst_corner() {
        let closes = [100_000_000, 112_000_000, 113_000_000];
        let mut series = wild(1, 3);
        for (bar, close) in series.bars.iter_mut().zip(closes) {
            (bar.open, bar.high, bar.low, bar.close) = (close, close, close, close);
        }
        let setting = Setting::MAJOR;
        let tape = replay(&series, &setting.vol, Feed::Range).unwrap();
        let rates = along(&tape, &setting).unwrap();
        let hours = observe(&series, &tape, &rates, 30, Scan::Engine).unwrap();
        let [_, second] = hours[..] else { panic!("two hours") };
        let (left, sigma) = (719.0, forecast(&tape.states[1], 719.0));
        let value = |price: f64| straddle(price, 100.0, left / 8_760.0, sigma);
        let delta = (value(112.01) - value(111.99)) / 0.02;
        assert!(delta > 0.3, "{delta}");
        // Without the hedge, delta times the move would be lost on top.
        let then = straddle(113.0, 100.0, 718.0 / 8_760.0, forecast(&tape.states[2], 718.0));
        let lost = (then - value(112.0) - delta) / 112.0;
        assert!((second.close - lost).abs() < 0.01 * delta / 112.0, "{second:?} {lost}");
        // What is demanded is near 0.8 of the loss in the worst corner of the grid: the range down with volatility half up.
        let corner = |range: f64| {
            let moved = 112.0 * (1.0 + range);
            let up = straddle(moved, 100.0, left / 8_760.0, (1.5 * sigma).max(0.5));
            (up - value(112.0) - delta * (moved - 112.0)) / 112.0
        };
        let range = rates[1].range.raw() as f64 / Ratio::ONE.raw() as f64;
        let expected = 0.8 * corner(range).max(corner(-range));
        assert!((0.95..1.35).contains(&(second.required / expected)), "{} {expected}", second.required);
    }
}
