//! A path through a bar, minute by minute, because the engine samples five-minute buckets and only the four prices of a bar are known.
//!
//! The open stands on the first tick, the close on the last, the extreme nearer to the open comes before the other, both at drawn moments. Between two
//! of these knots runs a line with a random bridge on it, reflected at low and high. One step of the bridge is as rough as the bar itself: its
//! standard deviation over the root of the ticks. Draws depend on the seed and the bar's time alone, so that no bar can feel another.

use crate::data::Bar;

/// Seconds between two prices of a path.
pub const TICK: i64 = 60;

/// A counted stream of random numbers (SplitMix64).
struct Draw(u64);

impl Draw {
    fn new(seed: u64, at: i64) -> Self {
        let mut draw = Self(seed ^ at.unsigned_abs().wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let _ = draw.next();
        draw
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Uniform in 0 .. 1.
    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Mean 0, variance 1: four uniforms, exact on every machine.
    fn normal(&mut self) -> f64 {
        (self.unit() + self.unit() + self.unit() + self.unit() - 2.0) * 3.0_f64.sqrt()
    }

    /// A whole number from `low` to `high`, both included.
    fn between(&mut self, low: usize, high: usize) -> usize {
        low + (self.unit() * (high.saturating_sub(low) + 1) as f64) as usize
    }
}

/// Prices of a bar of `seconds`, one each [`TICK`], written to `out`. At least eight ticks.
pub fn through(bar: &Bar, seconds: i64, seed: u64, out: &mut Vec<i64>) {
    out.clear();
    let ticks = usize::try_from(seconds / TICK).unwrap_or(8).max(8);
    let mut draw = Draw::new(seed, bar.at);
    let least = ticks / 8;
    let early = draw.between(least, ticks - 1 - 2 * least);
    let late = draw.between(early + least, ticks - 1 - least);
    let is_low_first = bar.open - bar.low <= bar.high - bar.open;
    let (low_at, high_at) = if is_low_first { (early, late) } else { (late, early) };
    let mut knots = vec![(0, bar.open), (ticks - 1, bar.close)];
    // An extreme that is an end of the bar is touched there already.
    if bar.low < bar.open.min(bar.close) {
        knots.push((low_at, bar.low));
    }
    if bar.high > bar.open.max(bar.close) {
        knots.push((high_at, bar.high));
    }
    knots.sort_unstable();
    let step = bar.deviation * bar.open as f64 / (ticks as f64).sqrt();
    for pair in knots.windows(2) {
        if let [from, to] = pair {
            bridge(*from, *to, step, bar, &mut draw, out);
        }
    }
    out.push(bar.close);
}

/// Appends the first knot and all prices strictly between the two.
fn bridge(from: (usize, i64), to: (usize, i64), step: f64, bar: &Bar, draw: &mut Draw, out: &mut Vec<i64>) {
    let count = to.0 - from.0;
    let sums: Vec<f64> = (0..count)
        .scan(0.0, |sum, _| {
            *sum += draw.normal() * step;
            Some(*sum)
        })
        .collect();
    let whole = sums.last().copied().unwrap_or(0.0);
    out.push(from.1);
    for (index, noise) in (1..count).zip(sums) {
        let share = index as f64 / count as f64;
        let price = from.1 as f64 + (to.1 - from.1) as f64 * share + noise - whole * share;
        out.push(reflect(price, bar.low, bar.high));
    }
}

/// Folds a price back into `[low, high]` by reflection at both ends.
fn reflect(price: f64, low: i64, high: i64) -> i64 {
    let range = (high - low) as f64;
    if range <= 0.0 {
        return low;
    }
    let folded = (price - low as f64).rem_euclid(2.0 * range);
    let inside = if folded > range { 2.0 * range - folded } else { folded };
    (low + inside.round() as i64).clamp(low, high)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_touches_the_four_prices_and_stays_inside() {
        for (open, high, low, close) in [(100, 112, 95, 108), (100, 103, 90, 101), (108, 108, 70, 71), (71, 90, 71, 90), (90, 90, 90, 90)] {
            let [open, high, low, close] = [open, high, low, close].map(|price| price * 100_000);
            for at in (0..40).map(|hour| hour * 3_600) {
                let bar = Bar { at, date: at, open, high, low, close, deviation: (high as f64 / low as f64).ln() / 1.665 };
                let mut out = vec![];
                through(&bar, 3_600, 7, &mut out);
                assert_eq!(out.len(), 60);
                assert_eq!((out.first(), out.last()), (Some(&open), Some(&close)));
                assert_eq!((out.iter().min(), out.iter().max()), (Some(&low), Some(&high)));
                if low < open.min(close) && high > open.max(close) {
                    let first = |price| out.iter().position(|one| *one == price);
                    assert_eq!(first(low) < first(high), open - low <= high - open, "the nearer extreme comes first");
                }
            }
        }
    }

    #[test]
    fn a_path_is_about_as_rough_as_its_bar() {
        // A bar without drift whose range is what Parkinson expects of 1 %: the squared minute returns add up to (1 %)² and what the knots add.
        let half = 0.01 * (4.0_f64 * std::f64::consts::LN_2).sqrt() / 2.0;
        let price = |log: f64| (1e8 * log.exp()) as i64;
        let (mut sum, mut out) = (0.0, vec![]);
        for at in 0..500 {
            let bar = Bar { at, date: at, open: price(0.0), high: price(half), low: price(-half), close: price(0.0), deviation: 0.01 };
            through(&bar, 3_600, 3, &mut out);
            sum += out.windows(2).map(|pair| (pair[1] as f64 / pair[0] as f64).ln().powi(2)).sum::<f64>();
        }
        let ratio = sum / 500.0 / 1e-4;
        assert!((0.9..1.3).contains(&ratio), "{ratio}");
    }
}
