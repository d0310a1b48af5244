//! Two markets at once: one bought, the other sold for the same amount, anew every hour, with the credit for their correlation.
//!
//! The credit is the engine's, from one return an hour (the bar as one sample): the paths inside the bars are drawn for each market by itself and
//! know nothing of the other, so that five-minute returns would show less correlation than there was.

use anyhow::Result;
use plimsoll_risk::correlation::{Correlation, CorrelationParams, Measure};
use plimsoll_risk::margin::{portfolio, CrossTerms, Depeg, GroupTerms, LegInput, OptionBook};
use plimsoll_risk::{Lots, Quote, Ratio};

use crate::data::Series;
use crate::portfolio::{lots, pairs, terms, Observation, NOTIONAL};
use crate::rates::BarRates;
use crate::tape::{refused, Tape};

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

/// Credit and correlation of a pair at the end of a bar.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Credit {
    /// c of the maintenance measure.
    pub maintenance: Ratio,
    /// c of the initial measure.
    pub initial: Ratio,
    /// The lower of fast and slow correlation; nothing before the warm-up.
    pub correlation: Option<Ratio>,
}

/// The credit at the end of every bar of the first series, from tapes that take a bar as one sample. Errors: what the engine refuses.
pub fn credits(a: (&Series, &Tape), b: (&Series, &Tape), params: &CorrelationParams) -> Result<Vec<Credit>> {
    let mut group = Correlation::new(2).map_err(refused)?;
    let mut out = Vec::with_capacity(a.0.bars.len());
    let mut j = 0;
    for (bar, state) in a.0.bars.iter().zip(&a.1.states) {
        while b.0.bars.get(j).is_some_and(|other| other.at < bar.at) {
            j += 1;
        }
        if let (Some(_), Some(other)) = (b.0.bars.get(j).filter(|other| other.at == bar.at), b.1.states.get(j)) {
            let _ = group.update(params, &[state.sample(), other.sample()]).map_err(refused)?;
        }
        let correlation = group.pairs.first().and_then(|pair| pair.correlation(params));
        out.push(Credit { maintenance: group.credit(3, Measure::Maintenance), initial: group.credit(3, Measure::Initial), correlation });
    }
    Ok(out)
}

/// How offsets count.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Offsets<'a> {
    /// Credit by bar of the first series.
    pub credits: &'a [Credit],
    /// φ.
    pub floor_share: Ratio,
}

/// Every counted hour of a spread: long `a`, short `b`; without `offsets` the markets add up. The worst moment takes the low of one and the high
/// of the other, which need not have come together: a bound.
///
/// Errors: what the engine refuses.
pub fn observe(a: (&Series, &[BarRates]), b: (&Series, &[BarRates]), offsets: Option<Offsets>) -> Result<Vec<Observation>> {
    let mut out: Vec<Observation> = vec![];
    for (i, j) in common(a.0, b.0) {
        let (Some([bar, next]), Some([other, later])) = (a.0.bars.get(i..i + 2), b.0.bars.get(j..j + 2)) else { break };
        let (Some(rates), Some(other_rates)) = (a.1.get(i), b.1.get(j)) else { break };
        let (long, short) = (lots(bar.close), lots(other.close));
        let leg = |side: i64, mark: i64| LegInput { lots: Lots::new(side), quote: Quote::new(-side * mark), ..LegInput::default() };
        let terms = [terms(bar.close, rates)?, terms(other.close, other_rates)?];
        let inputs = [leg(long, bar.close), leg(-short, other.close)];
        let groups: Vec<GroupTerms> = offsets
            .iter()
            .filter_map(|offsets| {
                let credit = offsets.credits.get(i)?;
                Some(GroupTerms { members: 3, credit_im: credit.initial, credit_mm: credit.maintenance, phi: offsets.floor_share })
            })
            .collect();
        let cross = CrossTerms { groups: &groups, depeg: Depeg::default() };
        let health = portfolio(Quote::new(NOTIONAL), terms.iter().zip(&inputs), &OptionBook::NONE, &cross, None).map_err(refused)?;
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;
    use crate::data::Bar;
    use crate::rates::{along, Setting};
    use crate::tape::{replay, Feed};
    use crate::testing::wild;

    /// The prices of a series with some of another's in them.
    fn mixed(a: &Series, b: &Series, share: f64) -> Series {
        let mix = |one: i64, other: i64| ((one as f64).ln() * (1.0 - share) + (other as f64).ln() * share).exp() as i64;
        let bar = |(one, other): (&Bar, &Bar)| Bar {
            open: mix(one.open, other.open),
            high: mix(one.high, other.high),
            low: mix(one.low, other.low),
            close: mix(one.close, other.close),
            ..*one
        };
        Series { bars: a.bars.iter().zip(&b.bars).map(bar).collect(), ..a.clone() }
    }

    #[test]
    fn credit_follows_correlation_and_lowers_the_requirement_of_a_spread() {
        let (a, b) = (wild(3, 1_500), wild(4, 1_500));
        let tape = |series: &Series| replay(series, &Setting::MAJOR.vol, Feed::Range).unwrap();
        let rates = |series: &Series| along(&tape(series), &Setting::MAJOR).unwrap();
        let mut last = -1.0;
        for share in [0.0, 0.5, 0.9] {
            let c = mixed(&a, &b, 1.0 - share);
            let credits = credits((&a, &tape(&a)), (&c, &tape(&c)), &CorrelationParams::MAJORS).unwrap();
            assert_eq!(credits[100].maintenance, Ratio::ZERO, "before the warm-up");
            let credit = credits[1_400].maintenance.raw() as f64;
            assert!(credit > last, "{share}");
            last = credit;
            let offsets = Offsets { credits: &credits, floor_share: Ratio::of(3, 4) };
            let alone = observe((&a, &rates(&a)), (&c, &rates(&c)), None).unwrap();
            let together = observe((&a, &rates(&a)), (&c, &rates(&c)), Some(offsets)).unwrap();
            for (alone, together) in alone.iter().zip(&together) {
                // An atom of rounding.
                assert!(together.required <= alone.required + 1e-11);
                assert_eq!((together.close, together.worst), (alone.close, alone.worst));
            }
        }
        assert!(last > 0.5 * Ratio::ONE.raw() as f64);
    }

    #[test]
    fn only_hours_that_both_have_are_common() {
        let a = wild(3, 20);
        let mut b = wild(4, 20);
        b.bars.remove(7);
        // The bar before the gap has no next one either.
        let indices: Vec<usize> = common(&a, &b).into_iter().map(|(i, _)| i).collect();
        assert_eq!(indices, (0..6).chain(8..19).collect::<Vec<_>>());
    }

    /// Bought at 100 and sold at 100; the first falls to 97 (low 95), the second rises to 101 (high 104): 4 and 9 of 100 are lost.
    #[test]
    fn a_spread_loses_when_its_legs_part() {
        let series = |close: i64, low: i64, high: i64| {
            let mut series = wild(2, 2);
            let first = 100_000_000;
            (series.bars[0].open, series.bars[0].high, series.bars[0].low, series.bars[0].close) = (first, first, first, first);
            (series.bars[1].open, series.bars[1].high, series.bars[1].low, series.bars[1].close) = (first, high, low, close);
            series
        };
        let (a, b) = (series(97_000_000, 95_000_000, 100_000_000), series(101_000_000, 100_000_000, 104_000_000));
        let rates = |series: &Series| along(&replay(series, &Setting::MAJOR.vol, Feed::Range).unwrap(), &Setting::MAJOR).unwrap();
        let hours = observe((&a, &rates(&a)), (&b, &rates(&b)), None).unwrap();
        assert!((hours[0].close - 0.04).abs() < 1e-6 && (hours[0].worst - 0.09).abs() < 1e-6, "{hours:?}");
    }
}
