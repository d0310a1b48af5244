//! Other margins on the same hours: constants, RiskMetrics, the constant grid.

use crate::data::Series;
use crate::portfolio::Observation;

/// Decay of the RiskMetrics variance in a day.
const LAMBDA: f64 = 0.94;
/// Standard deviation per √hour that it starts from, as the engine's.
const INITIAL: f64 = 0.01;
/// 99.5 % quantile of the normal distribution, which RiskMetrics assumes.
pub const NORMAL_QUANTILE: f64 = 2.575_829_303_548_901;
/// Maintenance share of the constant ±18 % grid: 0.8 × 18 %.
pub const GRID_RATE: f64 = 0.144;

/// A margin that the engine is compared with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Benchmark {
    /// A constant share of notional.
    Static(f64),
    /// So many RiskMetrics deviations over the bar.
    Ewma(f64),
    /// The grid with a constant range.
    Grid,
}

/// All of them, in the order of the tables.
pub const BENCHMARKS: [Benchmark; 5] =
    [Benchmark::Static(0.03), Benchmark::Static(0.05), Benchmark::Ewma(NORMAL_QUANTILE), Benchmark::Ewma(4.0), Benchmark::Grid];

impl Benchmark {
    /// As the tables show it.
    pub fn name(self) -> String {
        match self {
            Self::Static(rate) => format!("static {:.0} %", rate * 100.0),
            Self::Ewma(multiple) => format!("RiskMetrics {multiple:.2}σ"),
            Self::Grid => "grid ±18 %".to_owned(),
        }
    }

    /// Its rate at the end of every bar of a series, share of a linear leg's notional.
    pub fn rates(self, series: &Series) -> Vec<f64> {
        match self {
            Self::Static(rate) => vec![rate; series.bars.len()],
            Self::Grid => vec![GRID_RATE; series.bars.len()],
            Self::Ewma(multiple) => deviations(series).into_iter().map(|deviation| multiple * deviation).collect(),
        }
    }
}

/// RiskMetrics: v ← λ^d · v + (1 − λ^d) · r², r the log return from close to close and d its length in days, so that a day of hours decays by 0.94.
/// After a gap the whole return counts as one bar's. The result is per √bar.
fn deviations(series: &Series) -> Vec<f64> {
    // A daily series decays by λ a bar.
    let day = if series.origin.is_daily() { series.origin.bar_seconds } else { 86_400 };
    let kept = LAMBDA.powf(series.origin.bar_seconds as f64 / day as f64);
    let mut variance = INITIAL * INITIAL * series.origin.bar_seconds as f64 / 3_600.0;
    let mut before = None;
    let mut out = Vec::with_capacity(series.bars.len());
    for bar in &series.bars {
        if let Some(before) = before {
            let change = (bar.close as f64 / before as f64).ln();
            variance = kept * variance + (1.0 - kept) * change * change;
        }
        before = Some(bar.close);
        out.push(variance.sqrt());
    }
    out
}

/// The same hours with another requirement: `exposure` legs of full notional at the given rates.
pub fn recharge(hours: &[Observation], exposure: f64, rates: &[f64]) -> Vec<Observation> {
    let rate = |index: usize| rates.get(index).copied().unwrap_or(f64::NAN);
    hours.iter().map(|hour| Observation { required: exposure * rate(hour.index), ..*hour }).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::indexing_slicing)]
    use super::*;
    use crate::data::ORIGINS;
    use crate::testing::wild;

    /// `docs/backtest.md`: a start of 1 % and a return of 2 % in an hour.
    #[test]
    fn risk_metrics_worked_example() {
        let mut series = wild(1, 3);
        for (bar, close) in series.bars.iter_mut().zip([100_000_000, 102_000_000, 102_000_000]) {
            bar.close = close;
        }
        let rates = Benchmark::Ewma(4.0).rates(&series);
        for (rate, percent) in rates.iter().zip([4.0, 4.015_016, 4.009_844]) {
            assert!((rate * 100.0 - percent).abs() < 1e-6, "{rate} {percent}");
        }
        series.origin = ORIGINS[5];
        // A day of trading decays by 0.94 itself.
        let daily = Benchmark::Ewma(1.0).rates(&series);
        assert!((daily[1] - (0.94 * 1e-4 + 0.06 * 1.02_f64.ln().powi(2)).sqrt()).abs() < 1e-15);
    }

    #[test]
    fn constants_are_constant_and_legs_add_up() {
        let series = wild(1, 5);
        assert_eq!(Benchmark::Static(0.03).rates(&series), vec![0.03; 5]);
        assert_eq!(Benchmark::Grid.rates(&series), vec![0.144; 5]);
        let hour = Observation { index: 2, date: 0, follows: false, required: 1.0, close: 0.1, worst: 0.2 };
        let charged = recharge(&[hour], 0.2, &[0.0, 0.0, 0.05, 0.0]);
        assert_eq!(charged, [Observation { required: 0.2 * 0.05, ..hour }]);
    }
}
