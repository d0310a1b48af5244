//! What a market's volatility state would have been at every bucket of a series: prices go in through [`VolState::push`], nothing else.
//!
//! At the end of a bar its close is pushed once more, at the first second after it. That ends the last bucket of the bar, as the next
//! accepted price would; it is known at that moment, so that nothing after it can enter.

use anyhow::{anyhow, Result};
use plimsoll_risk::volatility::{VolParams, VolState};
use plimsoll_risk::{Price, Secs};

use crate::data::{Bar, Series};
use crate::path::{self, TICK};

/// How the inside of a bar is fed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Feed {
    /// A drawn path, a price a minute.
    Path {
        /// Of the draws.
        seed: u64,
    },
    /// The four prices in the bar's last bucket: the bar is one sample with its own range.
    Range,
}

/// The state after a bucket has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Point {
    /// When the price came that ended it.
    pub at: Secs,
    /// σ₁ₕ from then on.
    pub sigma: plimsoll_risk::Ratio,
    /// Until when the jump flag stands.
    pub jump_until: Secs,
}

/// The volatility of one series, replayed.
#[derive(Clone, Debug)]
pub struct Tape {
    /// After every bucket.
    pub points: Vec<Point>,
    /// For each bar, how many of the points lie at or before its end.
    pub ends: Vec<usize>,
    /// The whole state at the end of each bar.
    pub states: Vec<VolState>,
}

/// Replays a series. Errors: what the engine refuses.
pub fn replay(series: &Series, params: &VolParams, feed: Feed) -> Result<Tape> {
    let mut tape = Tape { points: vec![], ends: vec![], states: vec![] };
    let mut state = VolState::new(params).map_err(refused)?;
    let mut prices = vec![];
    for bar in &series.bars {
        let seconds = series.origin.bar_seconds;
        let end = bar.at + seconds;
        match feed {
            Feed::Path { seed } => {
                path::through(bar, seconds, seed, &mut prices);
                for (index, price) in (0..).zip(&prices) {
                    push(&mut state, params, *price, bar.at + index * TICK, &mut tape.points)?;
                }
            }
            Feed::Range => {
                for price in last_bucket(bar) {
                    push(&mut state, params, price, end - 1, &mut tape.points)?;
                }
            }
        }
        push(&mut state, params, bar.close, end, &mut tape.points)?;
        tape.ends.push(tape.points.len());
        tape.states.push(state);
    }
    Ok(tape)
}

fn last_bucket(bar: &Bar) -> [i64; 4] {
    [bar.open, bar.high, bar.low, bar.close]
}

fn push(state: &mut VolState, params: &VolParams, price: i64, at: i64, points: &mut Vec<Point>) -> Result<()> {
    if state.push(params, Price::new(price), Secs::new(at)).map_err(refused)? {
        points.push(Point { at: Secs::new(at), sigma: state.sigma_1h, jump_until: state.jump_until });
    }
    Ok(())
}

/// An error of the engine as one that a person reads.
pub fn refused(error: plimsoll_risk::RiskError) -> anyhow::Error {
    anyhow!("the engine refused: {error:?}")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::testing::Random;

    /// `docs/backtest.md`: what the engine measures of a random walk of 1 % per √hour, a price a minute, and of one every ten seconds.
    #[test]
    fn the_measured_volatility_of_a_random_walk() {
        let text = include_str!("report/backtest.md");
        for (step, said) in [(60, "when it sees a price a minute"), (10, "when it sees one every ten seconds")] {
            let params = VolParams::MAJOR;
            let mut state = VolState::new(&params).unwrap();
            let mut random = Random::new(8);
            let (mut log, mut sum, mut count) = (0.0_f64, 0.0, 0.0);
            for second in (0..4_000 * 3_600).step_by(step) {
                let normal = (0..6).map(|_| random.signed()).sum::<f64>() / 2.0_f64.sqrt();
                log += normal * 0.01 * (step as f64 / 3_600.0).sqrt();
                let price = (1e7 * log.exp()) as i64;
                let _ = state.push(&params, Price::new(price.clamp(1, 1 << 30)), Secs::new(1_000_000_200 + second as i64)).unwrap();
                if second % 3_600 == 0 && second > 48 * 3_600 {
                    sum += state.fast.raw() as f64 / (1_u64 << 60) as f64;
                    count += 1.0;
                }
            }
            let ratio = (sum / count).sqrt() / 0.01;
            println!("a price every {step} s: measured {ratio:.3} of the true volatility");
            assert!(text.contains(&format!("{ratio:.2} % {said}")), "the text should say {ratio:.2} % {said}");
        }
    }
}
