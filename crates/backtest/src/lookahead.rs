//! The margin of an hour must not know the hour: changing every later bar must change nothing up to it.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use crate::data::Series;
use crate::portfolio::{observe, Linear};
use crate::rates::Setting;
use crate::study::{Market, ENGINE};
use crate::tape::Feed;
use crate::testing::{wild, Random};

/// Bars after `cut` in another order and at other prices; the clock is kept.
fn shuffled(series: &Series, cut: usize, seed: u64) -> Series {
    let mut random = Random::new(seed);
    let mut out = series.clone();
    for at in (cut + 2..series.bars.len()).rev() {
        let other = cut + 1 + ((random.signed().abs() * (at - cut) as f64) as usize).min(at - cut - 1);
        let (one, two) = (out.bars[at], out.bars[other]);
        out.bars[at] = crate::data::Bar { at: one.at, date: one.date, ..two };
        out.bars[other] = crate::data::Bar { at: two.at, date: two.date, ..one };
    }
    for bar in &mut out.bars[cut + 1..] {
        (bar.open, bar.high, bar.low, bar.close) = (bar.open / 2, bar.high / 2 + 1, bar.low / 3, bar.close / 2);
    }
    out
}

/// First bar up to `cut` whose margin changes with what comes after `cut`.
fn leak(margins: impl Fn(&Series) -> Vec<f64>, series: &Series, cut: usize) -> Option<usize> {
    let before = margins(series);
    (1..4).find_map(|seed| {
        let after = margins(&shuffled(series, cut, seed));
        (0..=cut).find(|&bar| before[bar] != after[bar])
    })
}

/// Requirement of a long at the end of every bar.
fn engine(feed: Feed) -> impl Fn(&Series) -> Vec<f64> {
    move |series| {
        let market = Market::new(series, ENGINE, &Setting::MAJOR, feed).unwrap();
        let hours = observe(Linear::Long, series, &market.rates).unwrap();
        assert_eq!(hours.len(), series.bars.len() - 1);
        hours.iter().map(|hour| hour.required).collect()
    }
}

#[test]
fn shuffling_the_future_changes_no_margin_before_it() {
    let series = wild(11, 700);
    for cut in [50, 333, 600] {
        for feed in [Feed::Path { seed: 4 }, Feed::Range] {
            assert_eq!(leak(engine(feed), &series, cut), None, "{cut} {feed:?}");
        }
    }
}

#[test]
fn a_planted_look_ahead_is_caught() {
    let series = wild(11, 700);
    // The margin of the next bar, as an index that is off by one would give it.
    let off_by_one = |series: &Series| {
        let mut margins = engine(Feed::Path { seed: 4 })(series);
        margins.rotate_left(1);
        margins
    };
    assert_eq!(leak(off_by_one, &series, 333), Some(333));
    // A variance over the whole series.
    let whole = |series: &Series| {
        let margins = engine(Feed::Range)(series);
        let sum: f64 = series.bars.iter().map(|bar| bar.deviation * bar.close as f64).sum();
        margins.iter().map(|margin| margin + sum).collect()
    };
    assert_eq!(leak(whole, &series, 333), Some(0));
}

/// The loss of an hour, in turn, is that of the bar after the margin.
#[test]
fn the_loss_is_that_of_the_next_bar() {
    let series = wild(13, 50);
    let market = Market::new(&series, ENGINE, &Setting::MAJOR, Feed::Range).unwrap();
    for (index, hour) in observe(Linear::Short, &series, &market.rates).unwrap().iter().enumerate() {
        let (bar, next) = (series.bars[index], series.bars[index + 1]);
        assert!((hour.close - (next.close as f64 / bar.close as f64 - 1.0)).abs() < 1e-9);
        assert!((hour.worst - (next.high as f64 / bar.close as f64 - 1.0)).abs() < 1e-9);
        assert_eq!(hour.date, next.date);
    }
}
