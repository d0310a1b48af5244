//! Closing lots nobody took over against the whole opposite side (RULES 7.2, 7.5).

use super::math::{minus, plus};
use super::side_index::Of;
use super::state::{PerpMarket, Position};
use super::touch::Touched;
use super::trade::{rebase, trade, Holdings, Rebalanced};
use crate::error::{RiskError, RiskResult};
use crate::units::{Lots, Price, Quote};

/// What a forced close did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AdlClosed {
    /// Change of the bankrupt position, opposite in sign to it.
    pub lots: Lots,
    /// Received by the bankrupt position (negative: paid).
    pub quote: Quote,
    /// Open interest of each side after it.
    pub open_interest: Lots,
    /// Epoch of the deleveraged side after it: advanced if the side was closed whole or nearly so.
    pub epoch: u32,
}

/// Closes `lots` (> 0, at most the position) of `pos` at `price` against the opposite side's index. Holders of that side receive or pay
/// `price` for their pro-rata share at their next touch; until then clearing holds both legs. The caller accrues funding first.
///
/// Errors: [`RiskError::QuantityOutOfRange`] for a size outside 1 ..= the position or the opposite open interest;
/// [`RiskError::StragglersFirst`] if an epoch would close while all records are in use: touch positions of the oldest epoch;
/// [`RiskError::PriceOutOfRange`], [`RiskError::WrongState`], [`RiskError::Overflow`].
pub fn adl_close(market: &mut PerpMarket, pos: &mut Position, touched: &Touched, lots: Lots, price: Price) -> RiskResult<AdlClosed> {
    touched.check(market, pos)?;
    Price::checked(price.raw())?;
    let of = Of::lots(pos.lots).ok_or(RiskError::QuantityOutOfRange)?;
    if !lots.is_positive() || lots > pos.lots().abs()? {
        return Err(RiskError::QuantityOutOfRange);
    }
    let change = of.opposite().signed(lots.raw())?;
    let received = of.signed(lots.at(price)?.raw())?;
    let after = plus(pos.lots, change)?;
    let opposite = market.side(of.opposite()).after_forced_close(of.opposite(), lots, price)?;
    let holdings = Holdings::new(market, pos.lots, after)?;
    let rebalanced = Rebalanced::new(market, pos, after, plus(pos.quote, received)?, touched)?;
    let clearing_lots = minus(market.clearing_lots, change)?;
    let clearing_quote = minus(market.clearing_quote, received)?;
    holdings.store(market);
    *market.side_mut(of.opposite()) = opposite;
    market.side_mut(of.opposite()).restart_if_unheld();
    rebalanced.store(market, pos);
    market.clearing_lots = clearing_lots;
    market.clearing_quote = clearing_quote;
    if after == 0 {
        pos.opened_at = 0;
    }
    rebase(market, pos);
    let side = market.side(of.opposite());
    let (open_interest, epoch) = (Lots::new(side.open_interest), side.epoch);
    Ok(AdlClosed { lots: Lots::new(change), quote: Quote::new(received), open_interest, epoch })
}

/// One candidate's part of a forced close (RULES 7.2): moves up to `lots` (> 0) from the failing position to the `other`, of opposite sign, at
/// `price`. Neither grows or changes sign. Returns the lots closed, at most either position.
///
/// Errors: [`RiskError::QuantityOutOfRange`] for a size that is not positive, [`RiskError::WrongState`] if the two are not on opposite sides or
/// not current; [`RiskError::PriceOutOfRange`], [`RiskError::Overflow`].
pub fn adl_match(
    market: &mut PerpMarket,
    failing: (&mut Position, &Touched),
    other: (&mut Position, &Touched),
    lots: Lots,
    price: Price,
) -> RiskResult<Lots> {
    let (Some(of), Some(opposite)) = (Of::lots(failing.0.lots), Of::lots(other.0.lots)) else {
        return Err(RiskError::WrongState);
    };
    if opposite != of.opposite() {
        return Err(RiskError::WrongState);
    }
    let closed = lots.min(failing.0.lots().abs()?).min(other.0.lots().abs()?);
    let change = Lots::new(of.signed(closed.raw())?);
    // On copies: the second leg may still be refused.
    let (mut books, mut one, mut two) = (*market, *failing.0, *other.0);
    trade(&mut books, &mut one, failing.1, change.neg()?, price)?;
    trade(&mut books, &mut two, other.1, change, price)?;
    two.remember_adl(change.raw(), minus(two.quote, other.0.quote)?, other.1.now())?;
    (*market, *failing.0, *other.0) = (books, one, two);
    Ok(closed)
}
