//! Tests of the margin rules. Each names the rule it holds.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::inconsistent_digit_grouping,
    reason = "tests fail by panicking"
)]

pub(crate) mod book;
mod checks;
mod cross;
mod examples;
mod extremes;
mod kernel;
mod options;
mod properties;
mod ranges;
mod reference;
mod witness;
mod worked;

use super::*;
use crate::units::{Lots, Price, Quote, Ratio, Round, Secs};
use proptest::prelude::*;

/// Whole dollars.
pub(crate) const fn usd(dollars: i64) -> Quote {
    Quote::new(dollars * 1_000_000)
}

/// Dollars and hundredths.
pub(crate) const fn cents(cents: i64) -> Quote {
    Quote::new(cents * 10_000)
}

/// [`MarketRisk::major`] at `mark` atoms per lot.
pub(crate) fn major(mark: i64) -> MarketRisk {
    MarketRisk::major(Price::new(mark))
}

pub(crate) fn terms(risk: &MarketRisk) -> MarketTerms {
    MarketTerms::new(risk).unwrap()
}

/// A position bought or sold at `entry`.
pub(crate) fn position(lots: i64, entry: i64) -> LegInput {
    LegInput { lots: Lots::new(lots), quote: Quote::new(-lots * entry), ..LegInput::default() }
}

/// Any market inside the documented ranges, maintenance not above initial.
pub(crate) fn any_market() -> impl Strategy<Value = MarketRisk> {
    let rates = (0..=1i64 << 30, 0..=1i64 << 30, SPOT_RANGE_MIN.raw()..=SPOT_RANGE_MAX.raw());
    let prices = (1..=1i64 << 26, 1..=1i64 << 26, 0..=1i64 << 27);
    (prices, rates, (0..=1i64 << 30, 0..=1i64 << 30)).prop_map(|(prices, rates, shares)| MarketRisk {
        twap: Price::new(prices.1),
        confidence: Ratio::new(prices.2),
        im_rate: Ratio::new(rates.0),
        mm_rate: Ratio::new(rates.1),
        spot_range: Ratio::new(rates.2),
        target_extra: Ratio::new(shares.0),
        claim_weight: Ratio::new(shares.1),
        ..major(prices.0)
    })
}

/// Any leg that fits a market of [`any_market`].
pub(crate) fn any_leg() -> impl Strategy<Value = LegInput> {
    let lots = (-(1i64 << 29)..=1 << 29, 0..=1i64 << 29, 0..=1i64 << 29);
    let values = (-(1i64 << 58)..=1 << 58, 0..=1i64 << 57, 0..=1i64 << 57);
    (lots, values, 0..=1i64 << 55, 0..=1i64 << 55).prop_map(|(lots, values, im, mm)| LegInput {
        lots: Lots::new(lots.0),
        bids: Lots::new(lots.1),
        asks: Lots::new(lots.2),
        quote: Quote::new(values.0),
        bids_value: Quote::new(values.1),
        asks_value: Quote::new(values.2),
        collateral_im: Quote::new(im.min(mm)),
        collateral_mm: Quote::new(im.max(mm)),
    })
}

/// The health of an account given as (market, leg) pairs.
pub(crate) fn of(cash: Quote, legs: &[(MarketRisk, LegInput)]) -> Health {
    let priced: Vec<_> = legs.iter().map(|(risk, leg)| (terms(risk), *leg)).collect();
    health(cash, priced.iter().map(|(terms, leg)| (terms, leg))).unwrap()
}
