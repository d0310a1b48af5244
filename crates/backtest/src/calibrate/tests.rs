#![allow(clippy::unwrap_used, clippy::indexing_slicing)]
use super::*;
use crate::portfolio::{observe, Linear};
use crate::study::ENGINE;
use crate::tape::Feed;
use crate::testing::wild;

/// The share that calibration and plots use is what the engine's health says of an account.
#[test]
fn the_share_is_that_of_the_health() {
    let series = wild(3, 900);
    let market = Market::new(&series, ENGINE, &Setting::MAJOR, Feed::Path { seed: 1 }).unwrap();
    let hours = observe(Linear::Long, &series, &market.rates).unwrap();
    assert!(hours.len() > 800);
    for hour in hours {
        let share = maintenance_share(&market.rates[hour.index]).unwrap();
        assert!((hour.required - share).abs() < 1e-9, "{} {share}", hour.required);
    }
}

/// Counting by year in one pass finds what the summaries of the portfolios find.
#[test]
fn trials_count_what_the_portfolios_count() {
    let series = wild(5, 3_000);
    let market = Market::new(&series, ENGINE, &Setting::MAJOR.with_multiples(Ratio::ONE, Ratio::ONE), Feed::Path { seed: 1 }).unwrap();
    let setting = Setting { tier: Ratio::ZERO, ..Setting::MAJOR }.with_multiples(Ratio::of(5, 4), Ratio::ONE);
    let rates = along(&market.tape, &setting).unwrap();
    let trial = evaluate(&[&market], &setting).unwrap();
    let mut counted = [0, 0];
    for portfolio in [Linear::Long, Linear::Short] {
        let hours = observe(portfolio, &series, &rates).unwrap();
        for (count, measure) in counted.iter_mut().zip(MEASURES) {
            *count += crate::coverage::summarise(&hours, measure).exceptions;
        }
    }
    assert!(counted[0] > 20, "{counted:?}");
    assert_eq!([trial.sample.close + trial.after.close, trial.sample.worst + trial.after.worst], counted);
    assert_eq!(trial.sample.hours + trial.after.hours, 2 * (series.bars.len() as u64 - 1));
}

#[test]
fn more_margin_never_misses_more() {
    let series = wild(7, 2_000);
    let market = Market::new(&series, ENGINE, &Setting::MAJOR, Feed::Path { seed: 1 }).unwrap();
    let at = |core: i64| {
        let setting = Setting { tier: Ratio::ZERO, ..Setting::MAJOR }.with_multiples(Ratio::of(core * 5, 400), Ratio::of(core, 100));
        evaluate(&[&market], &setting).unwrap()
    };
    for (less, more) in [(100, 150), (150, 300), (300, 600)] {
        let (less, more) = (at(less), at(more));
        assert!(less.sample.worst >= more.sample.worst && less.sample.mean < more.sample.mean);
    }
}
