//! Our variances and correlations beside those of `arch` (PyPI) on the S&P 500 and the VIX: `tools/vectors/modules/volatility.py` made the file.
//! A trading day stands for a five-minute bucket.
#![allow(clippy::unwrap_used, clippy::arithmetic_side_effects, clippy::as_conversions, clippy::float_arithmetic, clippy::indexing_slicing)]
use super::*;
use crate::correlation::{Correlation, CorrelationParams};

const START: i64 = 1_760_000_100;
const Q: f64 = (1_u64 << 60) as f64;

struct Day {
    prices: [i64; 3],
    numbers: Vec<f64>,
}

fn days() -> Vec<Day> {
    let text = include_str!("../../vectors/volatility.csv");
    let rows = text.lines().filter(|line| !line.starts_with('#')).skip(1);
    let day = |line: &str| {
        let cells: Vec<&str> = line.split(',').collect();
        let prices = [1, 2, 3].map(|column| cells[column].parse().unwrap());
        Day { prices, numbers: cells[4..].iter().map(|cell| cell.parse().unwrap()).collect() }
    };
    rows.map(day).collect()
}

/// An engine variance per hour as one per bucket.
fn per_bucket(variance: Q60) -> f64 {
    variance.raw() as f64 / Q / 12.0
}

/// Largest |found / expected − 1|.
fn worst(pairs: impl Iterator<Item = (f64, f64)>) -> f64 {
    pairs.map(|(found, expected)| (found / expected - 1.0).abs()).fold(0.0, f64::max)
}

#[test]
fn fast_and_slow_are_the_ewma_of_arch_3_2() {
    // No day of the index is cut: the limits are as wide as they can be.
    let params = VolParams { clamp_sigmas: Ratio::of(32, 1), clamp_floor: MAX_RETURN, ..VolParams::MAJOR };
    let mut state = VolState::new(&params).unwrap();
    let days = days();
    let mut found = Vec::new();
    for (n, day) in days.iter().enumerate() {
        let at = Secs::new(START + 300 * n as i64);
        state.push(&params, Price::new(day.prices[1]), at).unwrap();
        if n > 0 {
            found.push((per_bucket(state.fast), per_bucket(state.slow)));
        }
    }
    let fast = worst(found.iter().zip(&days).map(|(found, day)| (found.0, day.numbers[0])));
    let slow = worst(found.iter().zip(&days).map(|(found, day)| (found.1, day.numbers[1])));
    println!("arch EWMA over {} returns: fast within {fast:.1e}, slow within {slow:.1e}", found.len());
    assert!(found.len() > 490 && fast < 2e-7 && slow < 2e-7, "{fast:.1e} {slow:.1e}");
}

#[test]
fn the_forecast_is_the_garch_of_arch_3_2() {
    let params = VolParams::MAJOR;
    let level = Q60::new((6.4e-5 * 12.0 * Q) as i64);
    let days = days();
    let mut garch = Q60::new((days[0].numbers[2] * 12.0 * Q) as i64);
    let (mut steps, mut forecasts) = (Vec::new(), Vec::new());
    for pair in days.windows(2) {
        let (was, is) = (&pair[0], &pair[1]);
        let log = |day: &Day| ln(day.prices[1].unsigned_abs()).unwrap();
        let r = log(is).sub(log(was)).unwrap().to_ratio();
        let x = Q60::new(Q60::square(r).unwrap().raw() * 12);
        garch = garch_after(&params, garch, level, x, BUCKET_SECS).unwrap();
        steps.push((per_bucket(garch), is.numbers[2]));
        forecasts.push((per_bucket(forecast(&params, garch, level).unwrap()), is.numbers[3]));
    }
    let (step, ahead) = (worst(steps.into_iter()), worst(forecasts.into_iter()));
    println!(
        "arch GARCH(1,1) over {} returns: next variance within {step:.1e}, mean of the next twelve within {ahead:.1e}",
        days.len() - 1
    );
    assert!(step < 3e-7 && ahead < 3e-7, "{step:.1e} {ahead:.1e}");
}

#[test]
fn correlations_are_those_of_the_ewma_of_arch_4_3() {
    let params = CorrelationParams { warm_up: 1, ..CorrelationParams::MAJORS };
    let mut group = Correlation::new(3).unwrap();
    let mut worst = 0.0_f64;
    for (n, day) in days().iter().enumerate() {
        let sample = |price: i64| Sample { bucket: 1_000 + n as i64, reference: ln(price.unsigned_abs()).unwrap() };
        group.update(&params, &day.prices.map(sample)).unwrap();
        // Pairs (0,1), (0,2), (1,2) of open, close, VIX; the file has open-close, close-VIX, open-VIX, fast and then slow.
        for (pair, column) in [(0, 4), (7, 5), (1, 6)] {
            let (fast, slow) = (day.numbers[column], day.numbers[column + 3]);
            match group.pairs[pair].correlation(&params) {
                Some(rho) => worst = worst.max((rho.raw() as f64 / (1_u64 << 30) as f64 - fast.min(slow)).abs()),
                None => assert!(n == 0 && fast.is_nan(), "{n}"),
            }
        }
    }
    println!("correlations of three series against arch: within {worst:.1e}");
    assert!(worst < 1e-6, "{worst:.1e}");
}
