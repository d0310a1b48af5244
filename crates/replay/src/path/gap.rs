//! The gap: a real bar compressed into one step, so that no liquidation can happen on the way down.

use anyhow::{Context, Result};

use super::{
    walk::{bridge, tick, walk, Draw, Tick},
    Bar, History, MicroUsd, Series, MARKETS,
};

/// How much of the ordinary path surrounds the gap, in seconds; cut to whole ticks and to the history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GapPlan {
    /// Ordinary path before the gap, in which positions are opened and volatility is measured.
    pub lead_in: i64,
    /// How long prices stay at the low.
    pub hold: i64,
    /// Ordinary path after the end of the compressed bar.
    pub tail: i64,
}

impl Default for GapPlan {
    fn default() -> Self {
        Self { lead_in: 3_600, hold: 600, tail: 1_800 }
    }
}

/// The ticks of a gap, and what they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    /// The whole path; the tick at [`Self::at`] is the first one at the low.
    pub ticks: Vec<Tick>,
    /// Time of the first tick at the low.
    pub at: i64,
    /// What was done, for the report.
    pub note: String,
}

/// Makes the gap of the first market's worst bar (the one with the deepest fall from open to low): on one tick the market stands at the
/// bar's open, on the next at its low; the other markets fall in the same step to the low of the bar that covers that moment. After
/// `plan.hold` seconds the path returns to each market's price at the end of the bar. Fails like [`walk`].
pub fn gap(history: &History, step: i64, seed: u64, plan: GapPlan) -> Result<Gap> {
    let ordinary = walk(history, step, seed)?;
    let (start, end) = history.span();
    let leader = history.series().first().context("no series")?;
    let inside = leader.bars.iter().filter(|bar| bar.at >= start && bar.end() <= end);
    // Equal depth: the earlier bar. Compared as open/low without division.
    let worst = inside.reduce(|one, next| if deeper(next, one) { next } else { one }).context("no whole bar in the shared time")?;
    let fall = worst.at + step;
    let rise = (fall + plan.hold.max(0) / step * step).min(worst.end() - step);
    let before = ordinary.iter().filter(|tick| tick.at <= worst.at && tick.at >= worst.at - plan.lead_in);
    let mut ticks: Vec<Tick> = before.cloned().collect();

    let last = ordinary.iter().find(|tick| tick.at == worst.end() - step).cloned().context("the path has no end of the bar")?;
    let count = (rise - fall) / step;
    let mut columns = Vec::new();
    for ((series, stream), target) in history.series().iter().zip(0..).zip(last.prices) {
        let bar = covering(series, worst.at).context("a market has no bar at the gap")?;
        let low = bar.low.0.min(target.0);
        let mut column = vec![low; usize::try_from(count + 1).unwrap_or(0)];
        let mut draw = Draw::new(seed, u64::from(u8::MAX) + stream);
        bridge(low, target.0, (last.at - rise) / step, (low, bar.high.0.max(target.0)), &mut draw, &mut column);
        columns.push(column);
    }
    let mut at = fall;
    while at < last.at {
        let index = usize::try_from((at - fall) / step).unwrap_or(0);
        let mut prices = [MicroUsd(0); MARKETS.len()];
        for (price, column) in prices.iter_mut().zip(&columns) {
            *price = MicroUsd(column.get(index).copied().unwrap_or(0));
        }
        ticks.push(tick(at, prices, ticks.last()));
        at += step;
    }
    let after = ordinary.into_iter().filter(|tick| tick.at >= last.at && tick.at < worst.end() + plan.tail);
    for one in after {
        ticks.push(tick(one.at, one.prices, ticks.last()));
    }
    Ok(Gap { ticks, at: fall, note: note(leader, worst, step) })
}

fn note(leader: &Series, worst: &Bar, step: i64) -> String {
    let fall = i128::from(worst.open.0 - worst.low.0) * 1_000 / i128::from(worst.open.0.max(1));
    let cents = |price: MicroUsd| format!("${}.{:02}", price.0 / 1_000_000, price.0 % 1_000_000 / 10_000);
    format!(
        "Gap: the worst bar of {} (open {}, low {}, -{}.{} %) happens in one step of {step} s; the other markets fall to the low of their own bar with it.",
        leader.market.name(),
        cents(worst.open),
        cents(worst.low),
        fall / 10,
        fall % 10,
    )
}

fn deeper(one: &Bar, other: &Bar) -> bool {
    i128::from(one.open.0) * i128::from(other.low.0) > i128::from(other.open.0) * i128::from(one.low.0)
}

fn covering(series: &Series, at: i64) -> Option<&Bar> {
    series.bars.iter().find(|bar| (bar.at..bar.end()).contains(&at))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::path::built_in;

    #[test]
    fn the_worst_bar_is_one_step_in_every_market() {
        let history = built_in().unwrap();
        for step in [30, 60] {
            let gap = gap(&history, step, 11, GapPlan::default()).unwrap();
            let at = gap.ticks.iter().position(|tick| tick.at == gap.at).unwrap();
            let worst = covering(&history.series()[0], gap.at).unwrap();
            // SOL's fall from $198 to $169 is the deepest of the built-in path.
            assert_eq!((worst.open, worst.low), (MicroUsd(198_000_000), MicroUsd(169_000_000)));
            assert_eq!(gap.ticks[at - 1].prices[0], worst.open);
            for (index, series) in history.series().iter().enumerate() {
                let low = covering(series, gap.at).unwrap().low;
                assert_eq!(gap.ticks[at].prices[index], low);
                let held = gap.ticks.iter().filter(|tick| tick.at >= gap.at && tick.at <= gap.at + 600);
                assert!(held.clone().count() > 2 && held.clone().all(|tick| tick.prices[index] == low));
            }
            assert!(gap.note.contains("-14.6 %"), "{}", gap.note);
        }
    }

    #[test]
    fn ticks_are_evenly_spaced_and_seeded() {
        let history = built_in().unwrap();
        let one = gap(&history, 60, 11, GapPlan::default()).unwrap();
        assert!(one.ticks.windows(2).all(|pair| pair[1].at - pair[0].at == 60));
        assert!(one.ticks.iter().all(|tick| tick.prices.iter().all(|price| price.0 > 0)));
        assert_eq!(one, gap(&history, 60, 11, GapPlan::default()).unwrap());
        assert_ne!(one, gap(&history, 60, 12, GapPlan::default()).unwrap());
        // An hour before, the 30 minutes of the bar, half an hour after.
        assert_eq!(one.ticks.len(), 60 + 30 + 30);
    }

    #[test]
    fn a_hold_longer_than_the_bar_ends_with_it() {
        let plan = GapPlan { lead_in: 0, hold: 1_000_000, tail: 60 };
        let gap = gap(&built_in().unwrap(), 60, 1, plan).unwrap();
        assert_eq!(gap.ticks.len(), 31);
        assert_eq!(gap.ticks[28].prices[0], MicroUsd(169_000_000));
    }
}
