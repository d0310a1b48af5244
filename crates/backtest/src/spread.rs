//! Two markets at once: one bought, the other sold for the same amount, anew every hour.

use anyhow::Result;
use plimsoll_risk::margin::{health, LegInput};
use plimsoll_risk::{Lots, Quote};

use crate::data::Series;
use crate::portfolio::{lots, pairs, terms, Observation, NOTIONAL};
use crate::rates::BarRates;
use crate::tape::refused;

/// Hours in which both series have a pair of bars: indices of the earlier bars.
pub fn common(a: &Series, b: &Series) -> Vec<(usize, usize)> {
    let (mut left, mut right) = (pairs(a).peekable(), pairs(b).peekable());
    let mut out = vec![];
    while let (Some((i, one, _)), Some((j, other, _))) = (left.peek(), right.peek()) {
        match one.at.cmp(&other.at) {
            std::cmp::Ordering::Less => drop(left.next()),
            std::cmp::Ordering::Greater => drop(right.next()),
            std::cmp::Ordering::Equal => {
                out.push((*i, *j));
                left.next();
                right.next();
            }
        }
    }
    out
}

/// Every counted hour of a spread: long `a`, short `b`. The worst moment takes the low of one and the high of the other, which need not have come together.
///
/// Errors: what the engine refuses.
pub fn observe(a: (&Series, &[BarRates]), b: (&Series, &[BarRates])) -> Result<Vec<Observation>> {
    let mut out: Vec<Observation> = vec![];
    for (i, j) in common(a.0, b.0) {
        let (Some([bar, next]), Some([other, later])) = (a.0.bars.get(i..i + 2), b.0.bars.get(j..j + 2)) else { break };
        let (Some(rates), Some(other_rates)) = (a.1.get(i), b.1.get(j)) else { break };
        let (long, short) = (lots(bar.close), lots(other.close));
        let leg = |side: i64, mark: i64| LegInput { lots: Lots::new(side), quote: Quote::new(-side * mark), ..LegInput::default() };
        let terms = [terms(bar.close, rates)?, terms(other.close, other_rates)?];
        let inputs = [leg(long, bar.close), leg(-short, other.close)];
        let health = health(Quote::new(NOTIONAL), terms.iter().zip(&inputs)).map_err(refused)?;
        let loss = |to: i64, other_to: i64| (short * (other_to - other.close) - long * (to - bar.close)) as f64 / NOTIONAL as f64;
        out.push(Observation {
            index: i,
            date: next.date,
            follows: out.last().is_some_and(|last| last.index + 1 == i),
            required: health.mm.raw() as f64 / NOTIONAL as f64,
            close: loss(next.close, later.close),
            worst: loss(next.low, later.high),
        });
    }
    Ok(out)
}

/// Rates of both legs together by bar of the first series; nothing where the second has no bar.
pub fn sum(a: &Series, rates: &[f64], b: &Series, others: &[f64]) -> Vec<f64> {
    let mut out = vec![f64::NAN; a.bars.len()];
    for (i, j) in common(a, b) {
        if let (Some(slot), Some(rate), Some(other)) = (out.get_mut(i), rates.get(i), others.get(j)) {
            *slot = rate + other;
        }
    }
    out
}
