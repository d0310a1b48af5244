//! Tests of the liquidation rules. Each names the rule it holds.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::inconsistent_digit_grouping,
    reason = "tests fail by panicking"
)]

mod every_leg;
mod grouped;
mod price;
mod progress;
mod shown;
mod sizing;
mod states;

use super::*;
use crate::error::RiskError;
use crate::margin::tests::{major, position, terms, usd};
use crate::margin::{health, Depeg, Health, LegInput, MarketRisk, MarketTerms};
use crate::units::{Lots, Price, Quote, Ratio, Round, Secs};
use proptest::prelude::*;

fn params() -> LiquidationParams {
    LiquidationParams::default()
}

/// A health given by its numbers, the trigger at E.
fn measured(equity: Quote, mm: Quote, target: Quote) -> Health {
    Health { equity, equity_trigger: equity, equity_im: equity, mm, target, im: target, ..Health::default() }
}
