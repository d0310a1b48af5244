//! Margin checks per second on one core: `cargo xtask bench`.
#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark")]

use criterion::{criterion_group, criterion_main, Criterion, Throughput};
use plimsoll_risk::margin::{
    health, portfolio, CrossTerms, ExpiryRisk, ExpiryTerms, LegInput, MarketRisk, MarketTerms, OptionBook, OptionInput, OptionKind,
    OptionParams, SeriesTerms, SpotGrid, UnitValues,
};
use plimsoll_risk::{Lots, Price, Quote, Ratio, Secs};
use std::hint::black_box;

/// A lot of 0.01 SOL at $150.
const MARK: i64 = 1_500_000;
const DAY: i64 = 86_400;

fn expiries() -> [ExpiryTerms; 2] {
    [7, 30].map(|days| {
        let risk = ExpiryRisk {
            market: 0,
            forward: Price::new(MARK),
            tau: Secs::new(days * DAY),
            fixed_share: Ratio::ZERO,
            fixed_mean: Price::new(MARK),
        };
        ExpiryTerms::new(&risk, &OptionParams::default()).unwrap()
    })
}

/// A series: place of its expiry, strike, kind, volatility.
type Series = (u8, Price, OptionKind, Ratio);

/// Eight series: calls and puts at 85, 95, 105 and 115 % of the mark, on two expiries.
fn series() -> [Series; 8] {
    std::array::from_fn(|series| {
        let series = i64::try_from(series).unwrap();
        let strike = Price::new(MARK / 100 * (85 + 10 * (series / 2)));
        let kind = if series % 2 == 0 { OptionKind::Call } else { OptionKind::Put };
        (u8::from(series > 3), strike, kind, Ratio::of(60 + 2 * series, 100))
    })
}

/// Prices them where they stay, as the reading of an account does.
fn price(units: &mut [UnitValues; 8], grid: &SpotGrid, expiries: &[ExpiryTerms], series: &[Series; 8]) {
    let mut scratch = SeriesTerms::NONE;
    for (unit, (expiry, strike, kind, sigma)) in units.iter_mut().zip(series) {
        scratch.set(&expiries[usize::from(*expiry)], *strike, *kind, *sigma, None).unwrap();
        scratch.price_into(grid, 0, *expiry, unit);
    }
}

fn legs() -> [OptionInput; 8] {
    std::array::from_fn(|series| OptionInput {
        series: u8::try_from(series).unwrap(),
        lots: Lots::new(if series % 3 == 0 { -400 } else { 300 }),
        ..OptionInput::default()
    })
}

fn benchmarks(criterion: &mut Criterion) {
    let (expiries, legs) = (expiries(), legs());
    let terms = MarketTerms::new(&MarketRisk::major(Price::new(MARK))).unwrap();
    let perp = LegInput { lots: Lots::new(-250), quote: Quote::new(250 * MARK), ..LegInput::default() };
    let cash = Quote::new(20_000_000_000);
    let grid = SpotGrid::new(Ratio::of(18, 100)).unwrap();
    let (series, mut units) = (series(), [UnitValues::NONE; 8]);
    price(&mut units, &grid, &expiries, &series);
    let check = |units: &[UnitValues]| {
        let book = OptionBook { legs: &legs, expiries: &expiries, units_im: units, units_mm: units };
        portfolio(black_box(cash), [(&terms, black_box(&perp))], &book, &CrossTerms::NONE, None).unwrap()
    };
    let mut group = criterion.benchmark_group("margin");
    group.throughput(Throughput::Elements(1));
    group.bench_function("8 options and a perp, series priced before", |bencher| bencher.iter(|| check(black_box(&units))));
    group.bench_function("8 options and a perp, series priced in it", |bencher| {
        let mut units = [UnitValues::NONE; 8];
        bencher.iter(|| {
            price(&mut units, black_box(&grid), black_box(&expiries), black_box(&series));
            check(&units)
        });
    });
    let perps = [(terms, perp); 8];
    group.bench_function("8 perps", |bencher| {
        bencher.iter(|| health(black_box(cash), black_box(&perps).iter().map(|(terms, leg)| (terms, leg))).unwrap());
    });
    group.finish();
}

criterion_group!(benches, benchmarks);
criterion_main!(benches);
