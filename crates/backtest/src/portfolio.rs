//! Portfolios of linear legs: what the engine demands of them at the end of a bar, and what they lose in the next.

use anyhow::Result;
use plimsoll_risk::margin::{health, LegInput, MarketRisk, MarketTerms};
use plimsoll_risk::{Lots, Price, Quote, Ratio};

use crate::data::{Bar, Series};
use crate::rates::BarRates;
use crate::tape::refused;

/// Weight of volatile collateral in the maintenance measure (ETH, SOL: 0.80).
pub const COLLATERAL_WEIGHT: Ratio = Ratio::of(80, 100);
/// Value of a leg at the start of every hour, quote atoms: $1M, so that whole lots and whole atoms do not show.
pub const NOTIONAL: i64 = 1_000_000_000_000;

/// What an account holds in one market.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Linear {
    /// A perp bought.
    Long,
    /// A perp sold.
    Short,
    /// Coins as collateral, and as many sold as a perp: the account is short of what the weight leaves out.
    HedgedCollateral,
}

/// All of them.
pub const LINEAR: [Linear; 3] = [Linear::Long, Linear::Short, Linear::HedgedCollateral];

impl Linear {
    /// As the tables show it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Long => "long",
            Self::Short => "short",
            Self::HedgedCollateral => "hedged collateral",
        }
    }
}

/// One hour (or bar) of a portfolio, as shares of the notional of one leg at its start.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Observation {
    /// Bar at whose end the margin was set, in the (first) series.
    pub index: usize,
    /// First second of the hour in which the loss falls, calendar.
    pub date: i64,
    /// Whether it comes right after the observation before it.
    pub follows: bool,
    /// Maintenance margin at its start.
    pub required: f64,
    /// Loss of equity from its start to its end; negative for a gain.
    pub close: f64,
    /// Greatest loss within it.
    pub worst: f64,
}

/// A market at the end of a bar as the engine reads it: fresh price, no confidence interval, TWAP at the mark, depth without limit.
pub fn terms(mark: i64, rates: &BarRates) -> Result<MarketTerms> {
    let risk = MarketRisk {
        confidence: Ratio::ZERO,
        im_rate: rates.initial,
        mm_rate: rates.maintenance,
        spot_range: rates.range,
        ..MarketRisk::major(Price::new(mark))
    };
    MarketTerms::new(&risk).map_err(refused)
}

/// Lots worth [`NOTIONAL`] at `mark`.
pub fn lots(mark: i64) -> i64 {
    NOTIONAL / mark
}

/// Pairs of neighbouring bars: the margin is set at the end of the first, the loss falls in the second. A gap is no pair.
pub fn pairs(series: &Series) -> impl Iterator<Item = (usize, &Bar, &Bar)> {
    let seconds = series.origin.bar_seconds;
    let bars = series.bars.iter().enumerate().zip(series.bars.iter().skip(1));
    bars.filter(move |((_, bar), next)| bar.at + seconds == next.at).map(|((index, bar), next)| (index, bar, next))
}

/// What the account holds of the market, marked at `mark`; the perp was opened at that price.
fn input(portfolio: Linear, mark: i64, lots: i64) -> LegInput {
    let side = if portfolio == Linear::Long { lots } else { -lots };
    let coins = if portfolio == Linear::HedgedCollateral { weighted(mark * lots) } else { 0 };
    LegInput {
        lots: Lots::new(side),
        quote: Quote::new(-side * mark),
        collateral_im: Quote::new(coins),
        collateral_mm: Quote::new(coins),
        ..LegInput::default()
    }
}

fn weighted(value: i64) -> i64 {
    ((i128::from(value) * i128::from(COLLATERAL_WEIGHT.raw())) >> 30) as i64
}

/// Change of equity when the mark goes from `mark` to `to`, atoms.
fn gain(portfolio: Linear, lots: i64, mark: i64, to: i64) -> i64 {
    let moved = lots * (to - mark);
    match portfolio {
        Linear::Long => moved,
        Linear::Short => -moved,
        Linear::HedgedCollateral => weighted(lots * to) - weighted(lots * mark) - moved,
    }
}

/// Every counted hour of a portfolio. Errors: what the engine refuses.
pub fn observe(portfolio: Linear, series: &Series, rates: &[BarRates]) -> Result<Vec<Observation>> {
    let mut out = Vec::with_capacity(series.bars.len());
    let mut last = None;
    for (index, bar, next) in pairs(series) {
        let Some(rates) = rates.get(index) else { break };
        let (mark, lots) = (bar.close, lots(bar.close));
        let terms = terms(mark, rates)?;
        let health = health(Quote::new(NOTIONAL), [(&terms, &input(portfolio, mark, lots))]).map_err(refused)?;
        let whole = (lots * mark) as f64;
        let loss = |to: i64| -gain(portfolio, lots, mark, to) as f64 / whole;
        out.push(Observation {
            index,
            date: next.date,
            follows: last.is_some_and(|last| last + 1 == index),
            required: health.mm.raw() as f64 / whole,
            close: loss(next.close),
            worst: loss(next.low).max(loss(next.high)),
        });
        last = Some(index);
    }
    Ok(out)
}
