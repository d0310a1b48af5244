//! Money between cash and the PnL pool (RULES 1.3 to 1.5).

use super::claims::Maturity;
use super::math::{minus, plus};
use super::state::{PerpMarket, PerpParams, Position, ROUND_CHARGING, ROUND_REGISTERING};
use super::touch::{value, Touched};
use super::trade::Rebalanced;
use crate::error::{RiskError, RiskResult};
use crate::units::{mul_div, Quote, Round};

/// Pays an unsettled loss out of the account's `cash` into the pool; returns what moved: min(cash, loss), which the caller debits.
///
/// Errors: [`RiskError::QuantityOutOfRange`] for negative cash; [`RiskError::WrongState`] if the position is not current;
/// [`RiskError::Overflow`].
pub fn settle_loss(market: &mut PerpMarket, pos: &mut Position, touched: &Touched, cash: Quote) -> RiskResult<Quote> {
    touched.check(market, pos)?;
    if cash.is_negative() {
        return Err(RiskError::QuantityOutOfRange);
    }
    let loss = Quote::new(value(pos.lots, pos.quote, touched.mark)?).neg()?.positive_part();
    let paid = cash.min(loss);
    let pool = plus(market.pool, paid.raw())?;
    Rebalanced::new(market, pos, pos.lots, plus(pos.quote, paid.raw())?, touched)?.store(market, pos);
    market.pool = pool;
    Ok(paid)
}

/// Pays the matured claim out of the pool: min(matured, ⌊pool · matured / Σ matured⌋), which the caller credits to cash. What a short pool
/// leaves unpaid begins to mature anew. [Else repeated calls would empty the pool for the fastest winner.]
///
/// Whether the oracle is calm enough is the caller's check. Errors: [`RiskError::WrongState`] while a deficit of this market is open (a
/// round is registering, or has found fewer claims than its deficit, or a deficit waits for a round) or the position is not current;
/// [`RiskError::Overflow`].
pub fn settle_claim(market: &mut PerpMarket, pos: &mut Position, touched: &Touched, params: &PerpParams) -> RiskResult<Quote> {
    touched.check(market, pos)?;
    if has_open_deficit(market) {
        return Err(RiskError::WrongState);
    }
    let matured = pos.matured;
    if matured == 0 {
        return Ok(Quote::ZERO);
    }
    let share = mul_div(market.pool, matured, market.matured_total.max(matured), Round::Floor)?;
    let paid = share.min(matured);
    let pool = minus(market.pool, paid)?;
    let left = Maturity { matured: 0, ..Maturity::of(pos) };
    let maturity = left.with(minus(matured, paid)?, touched.now.raw(), params.maturity)?;
    let quote = minus(pos.quote, paid)?;
    Rebalanced::new(market, pos, pos.lots, quote, touched)?.with_maturity(market, pos, maturity)?.store(market, pos);
    market.pool = pool;
    Ok(Quote::new(paid))
}

/// Whether claims of this market are about to be cut by an amount not yet known.
pub(super) fn has_open_deficit(market: &PerpMarket) -> bool {
    market.pending_deficit > 0
        || market
            .rounds
            .iter()
            .any(|round| round.status == ROUND_REGISTERING || (round.status == ROUND_CHARGING && round.claims < round.deficit))
}

/// Most losses an estate is spread over.
pub const MAX_ESTATE: usize = 8;

/// Splits `cash` over unsettled `losses` (each ≥ 0) pro rata (RULES 1.5): shares rounded down, the remaining atoms one each to the first
/// losses not paid in full. The shares sum to min(cash, Σ losses) exactly, and none exceeds its loss.
///
/// Errors: [`RiskError::QuantityOutOfRange`] for a negative amount or more than [`MAX_ESTATE`] losses; [`RiskError::Overflow`].
pub fn settle_estate(cash: Quote, losses: &[Quote]) -> RiskResult<[Quote; MAX_ESTATE]> {
    if losses.len() > MAX_ESTATE || cash.is_negative() || losses.iter().any(|loss| loss.is_negative()) {
        return Err(RiskError::QuantityOutOfRange);
    }
    let mut shares = [Quote::ZERO; MAX_ESTATE];
    let total = losses.iter().try_fold(Quote::ZERO, |sum, &loss| sum.add(loss))?;
    let estate = cash.min(total);
    if estate.is_zero() {
        return Ok(shares);
    }
    let mut left = estate;
    for (share, loss) in shares.iter_mut().zip(losses) {
        *share = loss.mul_div(estate.raw(), total.raw(), Round::Floor)?;
        left = left.sub(*share)?;
    }
    for (share, &loss) in shares.iter_mut().zip(losses) {
        if left.is_positive() && *share < loss {
            *share = share.add(Quote::new(1))?;
            left = left.sub(Quote::new(1))?;
        }
    }
    Ok(shares)
}
