//! A seeded path through each bar's open, high, low and close.
//!
//! Inside a bar nothing but the four prices is known, so the path between them is drawn: a straight line between two of them plus a
//! discrete Brownian bridge, reflected at the bar's low and high. The open stands on the bar's first tick, the close on its last. The
//! market with the finest bars leads: it visits the extreme nearer to its open first, at drawn moments. The others place their extremes
//! where the leader's path has its own inside their bar, give or take two ticks, because the markets of one crash fall together.

use anyhow::{ensure, Result};
use rand_chacha::{
    rand_core::{RngCore, SeedableRng},
    ChaCha8Rng,
};

use super::{Bar, History, MicroUsd, Series, MARKETS};

/// What a reader of the report must be told about the path inside a bar.
pub const NOTE: &str = "Inside each bar the path is interpolated: a seeded walk that visits open, high, low and close and stays between \
low and high. The finest series visits the extreme nearer to its open first; the others turn when it does.";

/// Standing confidence interval in basis points of the price: what the large feeds show in calm minutes.
const CONFIDENCE_BP: i128 = 4;
/// Part of the last step's move that is added to the confidence: publishers disagree when a price runs.
const CONFIDENCE_OF_MOVE: i128 = 10;
/// Ceiling of the confidence in basis points of the price.
const CONFIDENCE_CAP_BP: i128 = 100;
/// Size of the noise: one step of a bridge over `m` ticks is at most this part (percent) of the bar's range over √m.
const NOISE_PERCENT: i128 = 40;
/// How far, in ticks, a follower's extreme may lie from the leader's.
const FOLLOW_TICKS: i64 = 2;

/// The prices of one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tick {
    /// Publish time, Unix seconds.
    pub at: i64,
    /// Price of each market, in the order of [`MARKETS`].
    pub prices: [MicroUsd; MARKETS.len()],
    /// Half-width of each price's confidence interval, same order and unit.
    pub confidence: [MicroUsd; MARKETS.len()],
}

/// One market's prices on a regular grid.
pub(super) struct Track {
    start: i64,
    step: i64,
    prices: Vec<i64>,
}

impl Track {
    fn at(&self, time: i64) -> Option<i64> {
        self.prices.get(usize::try_from((time - self.start) / self.step).ok()?).copied()
    }

    /// Ticks after `bar`'s start at which the path is lowest and highest inside `bar`; `None` where it does not cover the whole bar.
    fn extremes(&self, bar: &Bar) -> Option<(i64, i64)> {
        let first = usize::try_from((bar.at - self.start) / self.step).ok().filter(|_| bar.at >= self.start)?;
        let count = usize::try_from(bar.seconds / self.step).ok()?;
        let inside = self.prices.get(first..first.checked_add(count)?)?;
        let (low, _) = inside.iter().enumerate().min_by_key(|&(_, price)| price)?;
        let (high, _) = inside.iter().enumerate().max_by_key(|&(_, price)| price)?;
        Some((i64::try_from(low).ok()?, i64::try_from(high).ok()?))
    }
}

/// Uniform integers from a counted stream, independent of any distribution library's version.
pub(super) struct Draw(ChaCha8Rng);

impl Draw {
    pub(super) fn new(seed: u64, stream: u64) -> Self {
        let mut inner = ChaCha8Rng::seed_from_u64(seed);
        inner.set_stream(stream);
        Self(inner)
    }

    /// A whole number from `low` to `high`, both included; `low` if the range is empty.
    fn between(&mut self, low: i64, high: i64) -> i64 {
        let width = i128::from(high) - i128::from(low) + 1;
        let drawn = (i128::from(self.0.next_u64()) * width.max(1)) >> 64;
        low + i64::try_from(drawn).unwrap_or(0)
    }
}

/// Draws the path of every market over the time they share, one tick each `step` seconds. The same history, step and seed give the same
/// ticks everywhere. Fails unless `step` divides every bar into at least four ticks and all bars lie on one grid.
pub fn walk(history: &History, step: i64, seed: u64) -> Result<Vec<Tick>> {
    let (start, end) = history.span();
    for series in history.series() {
        for bar in &series.bars {
            let fits = step > 0 && bar.seconds % step == 0 && bar.seconds / step >= 4 && (bar.at - start) % step == 0;
            let name = series.market.name();
            ensure!(fits, "a step of {step} s does not divide the {name} bar at {} ({} s) into four ticks or more", bar.at, bar.seconds);
        }
    }
    let tracks = tracks(history, step, seed);
    let mut ticks: Vec<Tick> = Vec::new();
    let mut at = start;
    while at < end {
        let mut prices = [MicroUsd(0); MARKETS.len()];
        for (price, track) in prices.iter_mut().zip(&tracks) {
            *price = MicroUsd(track.at(at).unwrap_or(0));
        }
        ticks.push(tick(at, prices, ticks.last()));
        at += step;
    }
    Ok(ticks)
}

/// The tracks in the order of [`MARKETS`], the leader drawn first.
fn tracks(history: &History, step: i64, seed: u64) -> Vec<Track> {
    let leader = history.series().iter().min_by_key(|series| series.finest());
    let stream = |series: &Series| u64::try_from(MARKETS.iter().position(|&market| market == series.market).unwrap_or(0)).unwrap_or(0);
    let lead = leader.map(|series| track(series, None, step, &mut Draw::new(seed, stream(series))));
    let follow = |series: &Series| {
        let own = leader.is_some_and(|leader| leader.market == series.market);
        track(series, lead.as_ref().filter(|_| !own), step, &mut Draw::new(seed, stream(series)))
    };
    // The leader is drawn a second time from the same stream, which gives the same track.
    history.series().iter().map(follow).collect()
}

fn track(series: &Series, leader: Option<&Track>, step: i64, draw: &mut Draw) -> Track {
    let mut prices = Vec::new();
    for bar in &series.bars {
        let ticks = bar.seconds / step;
        let (low_at, high_at) = match leader.and_then(|leader| leader.extremes(bar)) {
            Some(places) => follow(places, ticks, draw),
            None => lead(bar, ticks, draw),
        };
        let mut knots = vec![(0, bar.open.0)];
        // An extreme that is an end of the bar is touched there already.
        let low = (bar.low < bar.open.min(bar.close)).then_some((low_at, bar.low.0));
        let high = (bar.high > bar.open.max(bar.close)).then_some((high_at, bar.high.0));
        knots.extend(low);
        knots.extend(high);
        knots.push((ticks - 1, bar.close.0));
        knots.sort_unstable_by_key(|&(at, _)| at);
        for (&from, &to) in knots.iter().zip(knots.iter().skip(1)) {
            prices.push(from.1);
            bridge(from.1, to.1, to.0 - from.0, (bar.low.0, bar.high.0), draw, &mut prices);
        }
        prices.push(bar.close.0);
    }
    Track { start: series.start(), step, prices }
}

/// Ticks of the low and the high of a leader's bar, the extreme nearer to the open first. Each of the three legs takes at least an eighth
/// of the bar, so that no leg becomes a gap that the bar does not prove.
fn lead(bar: &Bar, ticks: i64, draw: &mut Draw) -> (i64, i64) {
    let least = (ticks / 8).max(1);
    let early = draw.between(least, ticks - 1 - 2 * least);
    let late = draw.between(early + least, ticks - 1 - least);
    if bar.open.0 - bar.low.0 <= bar.high.0 - bar.open.0 {
        (early, late)
    } else {
        (late, early)
    }
}

/// Ticks of the low and the high of a follower's bar: near the leader's, each leg at least a sixteenth of the bar.
fn follow((low, high): (i64, i64), ticks: i64, draw: &mut Draw) -> (i64, i64) {
    let least = (ticks / 16).max(1);
    let mut near = |at: i64| (at + draw.between(-FOLLOW_TICKS, FOLLOW_TICKS)).clamp(least, ticks - 1 - least);
    let (low, high) = (near(low), near(high));
    match ((low - high).abs() < least, low + 2 * least < ticks) {
        (false, _) => (low, high),
        (true, true) => (low, low + least),
        (true, false) => (low, low - least),
    }
}

/// Appends the `count - 1` prices strictly between two knots.
pub(super) fn bridge(from: i64, to: i64, count: i64, (low, high): (i64, i64), draw: &mut Draw, out: &mut Vec<i64>) {
    let root = i128::from(count.max(1).isqrt());
    let unit = i64::try_from(i128::from(high - low) * NOISE_PERCENT / (100 * root)).unwrap_or(0);
    let mut sums = Vec::new();
    let mut sum = 0_i128;
    for _ in 0..count {
        sum += i128::from(draw.between(-unit, unit));
        sums.push(sum);
    }
    let span = i128::from(count.max(1));
    for (index, noise) in (1..span).zip(&sums) {
        let line = i128::from(from) + i128::from(to - from) * index / span;
        out.push(reflect(line + noise - sum * index / span, low, high));
    }
}

/// Folds a price back into `[low, high]` by reflection at both ends.
fn reflect(price: i128, low: i64, high: i64) -> i64 {
    let range = i128::from(high - low);
    if range == 0 {
        return low;
    }
    let folded = (price - i128::from(low)).rem_euclid(2 * range);
    let inside = if folded > range { 2 * range - folded } else { folded };
    low + i64::try_from(inside).unwrap_or(0)
}

/// A tick whose confidence widens with the move since the tick before.
pub(super) fn tick(at: i64, prices: [MicroUsd; MARKETS.len()], before: Option<&Tick>) -> Tick {
    let mut confidence = [MicroUsd(0); MARKETS.len()];
    for (index, (width, price)) in confidence.iter_mut().zip(prices).enumerate() {
        let last = before.and_then(|tick| tick.prices.get(index)).copied().unwrap_or(price);
        let value = i128::from(price.0);
        let wide = value * CONFIDENCE_BP / 10_000 + i128::from(price.0.abs_diff(last.0)) / CONFIDENCE_OF_MOVE;
        *width = MicroUsd(i64::try_from(wide.min(value * CONFIDENCE_CAP_BP / 10_000).max(1)).unwrap_or(i64::MAX));
    }
    Tick { at, prices, confidence }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::path::{built_in, Market, Source};

    /// A history with hourly SOL and two-hourly BTC and ETH, from a fixed table of shapes.
    fn history() -> History {
        let shapes = [(100, 112, 95, 108), (108, 108, 70, 71), (71, 90, 71, 90), (90, 90, 90, 90), (90, 99, 81, 85), (85, 86, 60, 60)];
        let bars = |seconds: i64, scale: i64, count: usize| {
            let place = |(index, &(open, high, low, close)): (usize, &(i64, i64, i64, i64))| Bar {
                at: i64::try_from(index).unwrap() * seconds,
                seconds,
                open: MicroUsd(open * scale),
                high: MicroUsd(high * scale),
                low: MicroUsd(low * scale),
                close: MicroUsd(close * scale),
            };
            shapes.iter().take(count).enumerate().map(place).collect()
        };
        let series = vec![
            Series { market: Market::Sol, bars: bars(3_600, 1_000_000, 6) },
            Series { market: Market::Btc, bars: bars(7_200, 1_000_000_000, 3) },
            Series { market: Market::Eth, bars: bars(7_200, 40_000_000, 3) },
        ];
        History::new(Source::BuiltIn, vec![], series).unwrap()
    }

    fn inside(ticks: &[Tick], bar: &Bar, index: usize) -> Vec<MicroUsd> {
        ticks.iter().filter(|tick| (bar.at..bar.end()).contains(&tick.at)).map(|tick| tick.prices[index]).collect()
    }

    #[test]
    fn every_bar_is_touched_at_its_four_prices_and_never_left() {
        for history in [history(), built_in().unwrap()] {
            for (step, seed) in [(30, 1), (60, 1), (60, 2), (300, 3), (300, u64::MAX)] {
                let ticks = walk(&history, step, seed).unwrap();
                for (index, series) in history.series().iter().enumerate() {
                    for bar in &series.bars {
                        let prices = inside(&ticks, bar, index);
                        assert_eq!(i64::try_from(prices.len()).unwrap(), bar.seconds / step);
                        let seen = (prices[0], *prices.iter().max().unwrap(), *prices.iter().min().unwrap(), *prices.last().unwrap());
                        assert_eq!(seen, (bar.open, bar.high, bar.low, bar.close), "{:?} {bar:?} seed {seed}", series.market);
                    }
                }
            }
        }
    }

    #[test]
    fn a_seed_fixes_the_path_and_another_seed_changes_it() {
        let one = walk(&history(), 60, 7).unwrap();
        assert_eq!(one, walk(&history(), 60, 7).unwrap());
        let other = walk(&history(), 60, 8).unwrap();
        let differing = one.iter().zip(&other).filter(|(a, b)| a.prices != b.prices).count();
        assert!(differing > one.len() / 2, "{differing} of {}", one.len());
        // Golden values: the path of a seed is part of what a report says, on every platform.
        let golden: Vec<i64> = [61, 123, 245].iter().map(|&index: &usize| one[index].prices[0].0).collect();
        assert_eq!(golden, [107_076_873, 72_094_820, 88_268_127]);
    }

    #[test]
    fn extremes_keep_away_from_each_other_and_from_the_ends() {
        let mut draw = Draw::new(3, 0);
        let falling = Bar { at: 0, seconds: 1, open: MicroUsd(9), high: MicroUsd(10), low: MicroUsd(1), close: MicroUsd(5) };
        let rising = Bar { open: MicroUsd(2), ..falling };
        for ticks in 4..=240 {
            let apart = |(low, high): (i64, i64), least: i64| {
                assert!(low >= least && high >= least && (low - high).abs() >= least, "{ticks}: {low} {high}");
                assert!(low.max(high) + least < ticks, "{ticks}: {low} {high}");
                (low, high)
            };
            let (low, high) = apart(lead(&falling, ticks, &mut draw), (ticks / 8).max(1));
            assert!(high < low, "the high is nearer to the open and comes first");
            let (low, high) = apart(lead(&rising, ticks, &mut draw), (ticks / 8).max(1));
            assert!(low < high);
            for places in [(0, ticks - 1), (ticks - 1, 0), (ticks - 1, ticks - 1), (0, 0), (ticks / 2, ticks / 2)] {
                apart(follow(places, ticks, &mut draw), (ticks / 16).max(1));
            }
        }
    }

    #[test]
    fn followers_turn_with_the_leader() {
        let history = history();
        for seed in 0..20 {
            let ticks = walk(&history, 60, seed).unwrap();
            let bar = &history.series()[1].bars[1];
            let lowest = |index| {
                let prices = inside(&ticks, bar, index);
                prices.iter().enumerate().min_by_key(|&(_, price)| price).map(|(at, _)| i64::try_from(at).unwrap()).unwrap()
            };
            assert!((lowest(1) - lowest(2)).abs() <= 2 * FOLLOW_TICKS, "seed {seed}");
        }
    }

    #[test]
    fn confidence_widens_with_the_move_up_to_its_cap() {
        let prices = |value| [MicroUsd(value); 3];
        let calm = tick(0, prices(100_000_000), None);
        assert_eq!(calm.confidence[0], MicroUsd(40_000));
        assert_eq!(tick(1, prices(101_000_000), Some(&calm)).confidence[0], MicroUsd(140_400));
        assert_eq!(tick(1, prices(50_000_000), Some(&calm)).confidence[0], MicroUsd(500_000));
    }

    #[test]
    fn steps_that_do_not_fit_are_refused() {
        for step in [0, -60, 7, 1_800, 3_600] {
            assert!(walk(&history(), step, 1).unwrap_err().to_string().contains("does not divide"), "{step}");
        }
    }

    #[test]
    fn reflection_stays_inside() {
        assert_eq!([reflect(9, 10, 20), reflect(23, 10, 20), reflect(31, 10, 20), reflect(-15, 10, 20)], [11, 17, 11, 15]);
        assert_eq!(reflect(99, 5, 5), 5);
    }
}
