//! Trades, fees and the tranche's share of a trade at two prices.

use super::claims::{loss_since, Maturity};
use super::math::{dec, inc, minus, plus};
use super::side_index::Of;
use super::state::{PerpMarket, Position};
use super::touch::{value, Touched};
use crate::error::{RiskError, RiskResult};
use crate::units::{Lots, Price, Quote, Ratio, Round, MAX_LOTS};

/// What follows from a new balance of a position: counters, maturity and age of a loss. Computed before anything is written.
pub(super) struct Rebalanced {
    lots: i64,
    quote: i64,
    maturity: Maturity,
    loss_since: i64,
    matured_total: i64,
    positions: u32,
}

impl Rebalanced {
    pub(super) fn new(market: &PerpMarket, pos: &Position, lots: i64, quote: i64, touched: &Touched) -> RiskResult<Self> {
        let unsettled = value(lots, quote, touched.mark)?;
        let maturity = Maturity::of(pos).within(unsettled.max(0))?;
        let is_empty = lots == 0 && quote == 0 && pos.open_shares == 0;
        let positions = match (pos.is_empty(), is_empty) {
            (true, false) => inc(market.positions)?,
            (false, true) => dec(market.positions)?,
            _ => market.positions,
        };
        let matured_total = plus(market.matured_total, minus(maturity.matured, pos.matured)?)?;
        let loss_since = loss_since(pos.loss_since, unsettled, touched.now.raw());
        Ok(Self { lots, quote, maturity, loss_since, matured_total, positions })
    }

    /// With another split of the claim into matured and maturing.
    pub(super) fn with_maturity(mut self, market: &PerpMarket, pos: &Position, maturity: Maturity) -> RiskResult<Self> {
        self.matured_total = plus(market.matured_total, minus(maturity.matured, pos.matured)?)?;
        self.maturity = maturity;
        Ok(self)
    }

    pub(super) fn store(self, market: &mut PerpMarket, pos: &mut Position) {
        pos.lots = self.lots;
        pos.quote = self.quote;
        pos.loss_since = self.loss_since;
        self.maturity.store(pos);
        market.matured_total = self.matured_total;
        market.positions = self.positions;
    }
}

/// Lots a position has on a side, as a magnitude.
fn on_side(of: Of, lots: i64) -> RiskResult<i64> {
    of.signed(lots).map(|signed| signed.max(0))
}

/// Open interest and live positions of both sides after a position went from `before` to `after` lots.
pub(super) struct Holdings {
    long: (i64, u32),
    short: (i64, u32),
}

impl Holdings {
    pub(super) fn new(market: &PerpMarket, before: i64, after: i64) -> RiskResult<Self> {
        Ok(Self {
            long: market.long.after_holding(on_side(Of::Long, before)?, on_side(Of::Long, after)?)?,
            short: market.short.after_holding(on_side(Of::Short, before)?, on_side(Of::Short, after)?)?,
        })
    }

    pub(super) const fn store(self, market: &mut PerpMarket) {
        (market.long.open_interest, market.long.live_positions) = self.long;
        (market.short.open_interest, market.short.live_positions) = self.short;
        market.long.restart_if_unheld();
        market.short.restart_if_unheld();
    }
}

/// Points a position's basis at its side's present stand.
pub(super) const fn rebase(market: &PerpMarket, pos: &mut Position) {
    if let Some(of) = Of::lots(pos.lots) {
        let side = market.side(of);
        pos.a0 = side.a;
        pos.k0 = side.k;
        pos.f0 = side.f;
        pos.epoch = side.epoch;
    }
}

/// Size-weighted opening time, rounded to the younger: a reduction keeps it, a flip starts anew.
fn opened_at(pos: &Position, after: i64, now: i64) -> RiskResult<i64> {
    if after == 0 {
        return Ok(0);
    }
    if pos.lots == 0 || (pos.lots > 0) != (after > 0) {
        return Ok(now);
    }
    let old = pos.lots.checked_abs().ok_or(RiskError::Overflow)?;
    let new = after.checked_abs().ok_or(RiskError::Overflow)?;
    if new <= old {
        return Ok(pos.opened_at);
    }
    let age = Quote::new(minus(now, pos.opened_at)?).mul_div(old, new, Round::Floor)?;
    minus(now, age.raw())
}

/// Adds `lots` (positive = bought) at `price` to a position. The other leg, with the opposite lots, is the counterparty's own call; at a
/// second price the difference is the tranche's, see [`credit_tranche`].
///
/// Errors: [`RiskError::QuantityOutOfRange`] for zero lots or a result above [`MAX_LOTS`]; [`RiskError::PriceOutOfRange`];
/// [`RiskError::WrongState`] if the position is not current; [`RiskError::Overflow`].
pub fn trade(market: &mut PerpMarket, pos: &mut Position, touched: &Touched, lots: Lots, price: Price) -> RiskResult<()> {
    touched.check(market, pos)?;
    Price::checked(price.raw())?;
    let after = plus(pos.lots, lots.raw())?;
    if lots.is_zero() || !(-MAX_LOTS..=MAX_LOTS).contains(&after) {
        return Err(RiskError::QuantityOutOfRange);
    }
    let quote = minus(pos.quote, lots.at(price)?.raw())?;
    let opened_at = opened_at(pos, after, touched.now.raw())?;
    let holdings = Holdings::new(market, pos.lots, after)?;
    let rebalanced = Rebalanced::new(market, pos, after, quote, touched)?;
    holdings.store(market);
    rebalanced.store(market, pos);
    pos.opened_at = opened_at;
    rebase(market, pos);
    Ok(())
}

/// How a fee was paid; `protocol + tranche + repaid` = `from_cash`, and `from_cash + as_loss` is the fee.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FeeSplit {
    /// Taken from the account's cash: the caller debits it.
    pub from_cash: Quote,
    /// Of this, to the protocol.
    pub protocol: Quote,
    /// Of this, to the tranche's tokens.
    pub tranche: Quote,
    /// Of this, to the pool against what the tranche owes.
    pub repaid: Quote,
    /// What cash could not cover: now an unsettled loss whose claim the tranche holds (RULES 1.3).
    pub as_loss: Quote,
}

/// Charges `fee` (≥ 0) to a position's account that has `cash`. The tranche's `share` of the cash part is rounded up and first repays what
/// the tranche owes.
///
/// Errors: [`RiskError::QuantityOutOfRange`] for a negative fee or cash, [`RiskError::ParameterOutOfRange`] for a share outside 0 ..= 1,
/// [`RiskError::WrongState`] if the position is not current, [`RiskError::Overflow`].
pub fn charge_fee(
    market: &mut PerpMarket,
    pos: &mut Position,
    touched: &Touched,
    cash: Quote,
    fee: Quote,
    share: Ratio,
) -> RiskResult<FeeSplit> {
    touched.check(market, pos)?;
    if fee.is_negative() || cash.is_negative() {
        return Err(RiskError::QuantityOutOfRange);
    }
    if share.is_negative() || share > Ratio::ONE {
        return Err(RiskError::ParameterOutOfRange);
    }
    let from_cash = cash.min(fee);
    let as_loss = fee.sub(from_cash)?;
    let to_tranche = from_cash.scale(share, Round::Ceil)?;
    let protocol = from_cash.sub(to_tranche)?;
    let repaid = to_tranche.min(Quote::new(market.tranche_quote).neg()?.positive_part());
    let tranche = to_tranche.sub(repaid)?;
    let tranche_quote = plus(market.tranche_quote, repaid.add(as_loss)?.raw())?;
    let pool = plus(market.pool, repaid.raw())?;
    let tranche_cash = plus(market.tranche_cash, tranche.raw())?;
    let fees = plus(market.fees, protocol.raw())?;
    let earned = plus(market.fund_window.earned_total, to_tranche.add(as_loss)?.raw())?;
    if !as_loss.is_zero() {
        Rebalanced::new(market, pos, pos.lots, minus(pos.quote, as_loss.raw())?, touched)?.store(market, pos);
    }
    market.tranche_quote = tranche_quote;
    market.pool = pool;
    market.tranche_cash = tranche_cash;
    market.fees = fees;
    market.fund_window.earned_total = earned;
    Ok(FeeSplit { from_cash, protocol, tranche, repaid, as_loss })
}

/// Adds `amount` (negative: takes) to a position's quote balance: one leg of a penalty. The other legs, which sum to its opposite, are the caller's.
///
/// Errors: [`RiskError::WrongState`] if the position is not current; [`RiskError::Overflow`].
pub fn shift(market: &mut PerpMarket, pos: &mut Position, touched: &Touched, amount: Quote) -> RiskResult<()> {
    touched.check(market, pos)?;
    Rebalanced::new(market, pos, pos.lots, plus(pos.quote, amount.raw())?, touched)?.store(market, pos);
    Ok(())
}

/// Credits the tranche with what the two legs of a trade at two prices leave over: a penalty's insurance share. `amount` ≥ 0.
///
/// Errors: [`RiskError::QuantityOutOfRange`] if negative, [`RiskError::Overflow`].
pub fn credit_tranche(market: &mut PerpMarket, amount: Quote) -> RiskResult<()> {
    if amount.is_negative() {
        return Err(RiskError::QuantityOutOfRange);
    }
    let tranche_quote = plus(market.tranche_quote, amount.raw())?;
    market.fund_window.earned_total = plus(market.fund_window.earned_total, amount.raw())?;
    market.tranche_quote = tranche_quote;
    Ok(())
}
