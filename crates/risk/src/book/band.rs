//! How far from the oracle price an order may rest and a fill may happen (RULES 5.1, 5.3), and the minimum order value.

use super::Side;
use crate::error::{RiskError, RiskResult};
use crate::units::{div, Lots, Price, Quote, Ratio, Round, MAX_PRICE};

/// Widest band, whatever the margin rate: 2 % of the oracle price.
pub const MAX_BAND: Ratio = Ratio::of(2, 100);
/// Orders may rest up to this many bands from the oracle.
pub const RESTING_BANDS: i64 = 3;

/// Prices allowed around an oracle price, all inclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PriceBand {
    /// Lowest price of a fill.
    pub fill_low: Price,
    /// Highest price of a fill.
    pub fill_high: Price,
    /// Lowest price of an order.
    pub order_low: Price,
    /// Highest price of an order.
    pub order_high: Price,
}

impl PriceBand {
    /// The band of a perp: fills within w = ⌊oracle × min(IM rate / 4, 2 %)⌋ of the oracle, orders within 3 w.
    ///
    /// Errors: [`RiskError::PriceOutOfRange`], [`RiskError::ParameterOutOfRange`] for a rate ≤ 0.
    pub fn around(oracle: Price, initial_margin_rate: Ratio) -> RiskResult<Self> {
        let oracle = Price::checked(oracle.raw())?;
        if !initial_margin_rate.is_positive() {
            return Err(RiskError::ParameterOutOfRange);
        }
        let rate = Ratio::new(div(initial_margin_rate.raw(), 4, Round::Floor)?).min(MAX_BAND);
        let width = oracle.scale(rate, Round::Floor)?;
        let reach = Price::new(width.raw().checked_mul(RESTING_BANDS).ok_or(RiskError::Overflow)?);
        let floor = |price: Price| price.max(Price::new(1));
        let ceiling = |price: Price| price.min(Price::new(MAX_PRICE));
        Ok(Self {
            fill_low: floor(oracle.sub(width)?),
            fill_high: ceiling(oracle.add(width)?),
            order_low: floor(oracle.sub(reach)?),
            order_high: ceiling(oracle.add(reach)?),
        })
    }

    /// Refuses an order beyond three bands. Errors: [`RiskError::PriceOutsideBand`].
    pub fn check_order(&self, price: Price) -> RiskResult<()> {
        if price < self.order_low || price > self.order_high {
            return Err(RiskError::PriceOutsideBand);
        }
        Ok(())
    }

    /// Whether an order may rest: within three bands on its own side of the oracle, within one on the other.
    ///
    /// Beyond that it would stand first in line at a price where no fill may happen.
    pub fn may_rest(&self, side: Side, price: Price) -> bool {
        match side {
            Side::Bid => price >= self.order_low && price <= self.fill_high,
            Side::Ask => price >= self.fill_low && price <= self.order_high,
        }
    }

    /// Whether a resting order is so far on the wrong side of the oracle that no fill may happen at its price.
    pub(super) fn is_unfillable(&self, resting: Side, price: Price) -> bool {
        match resting {
            Side::Bid => price > self.fill_high,
            Side::Ask => price < self.fill_low,
        }
    }

    /// The worst price at which a taker with this limit may be filled.
    pub(super) fn taker_limit(&self, taker: Side, limit: Price) -> Price {
        match taker {
            Side::Bid => limit.min(self.fill_high),
            Side::Ask => limit.max(self.fill_low),
        }
    }
}

/// Refuses an order of less than `minimum` at its own limit price. Errors: [`RiskError::OrderTooSmall`], [`RiskError::Overflow`].
pub fn check_minimum_value(lots: Lots, price: Price, minimum: Quote) -> RiskResult<()> {
    if lots.at(price)? < minimum {
        return Err(RiskError::OrderTooSmall);
    }
    Ok(())
}
