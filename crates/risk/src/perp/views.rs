//! Read-only questions about a market and its positions, the conservation checks, and the sweep of a market nobody is in.

use super::math::{minus, plus};
use super::state::{DeficitRound, PerpMarket, PerpParams, Position, Side, ROUND_REGISTERING};
use super::touch::{touch, value, Touched};
use crate::error::{RiskError, RiskResult};
use crate::units::{Price, Quote, Secs, MAX_LOTS};

/// Unsettled PnL `lots · mark + quote` of a touched position. Errors: [`RiskError::QuantityOutOfRange`], [`RiskError::Overflow`].
pub fn unsettled(pos: &Position, mark: Price) -> RiskResult<Quote> {
    Price::checked(mark.raw())?;
    if !(-MAX_LOTS..=MAX_LOTS).contains(&pos.lots) {
        return Err(RiskError::QuantityOutOfRange);
    }
    value(pos.lots, pos.quote, mark).map(Quote::new)
}

/// The positive part of [`unsettled`].
pub fn claim(pos: &Position, mark: Price) -> RiskResult<Quote> {
    unsettled(pos, mark).map(Quote::positive_part)
}

/// Most that rounds still registering may take from this position: such a claim must not carry a withdrawal.
pub fn round_exposure(market: &PerpMarket, pos: &Position) -> RiskResult<Quote> {
    let exposure = |(round, share): (&DeficitRound, &super::state::RoundShare)| match round.status {
        ROUND_REGISTERING => share.claim.min(round.deficit),
        _ => 0,
    };
    market.rounds.iter().zip(&pos.shares).map(exposure).try_fold(0, plus).map(Quote::new)
}

/// The position as a touch would leave it, on copies: for clients and tests.
pub fn virtual_touch(market: &PerpMarket, pos: &Position, mark: Price, now: Secs, params: &PerpParams) -> RiskResult<(Position, Touched)> {
    let mut books = *market;
    let mut moved = *pos;
    let touched = touch(&mut books, &mut moved, mark, now, params)?;
    Ok((moved, touched))
}

/// The raw identities of the module, over every position of the market, touched or not.
pub fn check_raw<'a>(market: &PerpMarket, positions: impl IntoIterator<Item = &'a Position>) -> bool {
    let mut lots = i128::from(market.clearing_lots);
    let mut quote = i128::from(market.clearing_quote);
    for pos in positions {
        lots = lots.saturating_add(i128::from(pos.lots));
        quote = quote.saturating_add(i128::from(pos.quote));
    }
    let held = quote.saturating_add(i128::from(market.tranche_quote));
    lots == 0 && held == i128::from(market.pool) && market.pool >= 0 && market.tranche_cash >= 0 && market.fees >= 0
}

/// The counters against the positions they count, between trades: equal open interest, at least the lots held; live and non-empty
/// positions; Σ matured; shares.
pub fn check_counts<'a>(market: &PerpMarket, positions: impl IntoIterator<Item = &'a Position>) -> bool {
    let mut live = (0_u32, 0_u32);
    let mut current = (0_i64, 0_i64);
    let mut open = 0_u32;
    let mut matured = 0_i64;
    let mut shares = 0_u32;
    let is_current = |pos: &Position, side: &Side| pos.epoch == side.epoch && pos.a0 == side.a;
    for pos in positions {
        if pos.lots > 0 {
            live.0 = live.0.saturating_add(1);
            current.0 = current.0.saturating_add(if is_current(pos, &market.long) { pos.lots } else { 0 });
        }
        if pos.lots < 0 {
            live.1 = live.1.saturating_add(1);
            current.1 = current.1.saturating_sub(if is_current(pos, &market.short) { pos.lots } else { 0 });
        }
        open = open.saturating_add(u32::from(!pos.is_empty()));
        matured = matured.saturating_add(pos.matured);
        shares = shares.saturating_add(pos.open_shares);
    }
    live == (market.long.live_positions, market.short.live_positions)
        && market.long.open_interest == market.short.open_interest
        && current.0 <= market.long.open_interest
        && current.1 <= market.short.open_interest
        && open == market.positions
        && matured == market.matured_total
        && shares == market.rounds.iter().fold(0_u32, |sum, round| sum.saturating_add(round.shares))
}

/// Gives what rounding has left in clearing to the tranche once no position is left in the market; returns the atoms moved.
///
/// Errors: [`RiskError::WrongState`] while a position is not empty or a deficit is open; [`RiskError::Overflow`].
pub fn sweep_dust(market: &mut PerpMarket) -> RiskResult<Quote> {
    let is_settled = market.rounds.iter().all(|round| round.id == 0) && market.pending_deficit == 0;
    if market.positions != 0 || market.clearing_lots != 0 || !is_settled {
        return Err(RiskError::WrongState);
    }
    let swept = market.clearing_quote;
    market.tranche_quote = plus(market.tranche_quote, swept)?;
    market.clearing_quote = minus(market.clearing_quote, swept)?;
    market.dust = 0;
    market.long.open_interest = 0;
    market.short.open_interest = 0;
    Ok(Quote::new(swept))
}
