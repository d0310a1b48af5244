//! From stored positions to the engine's view of them.

use crate::engine::PerpPosition;
use crate::Market;
use plimsoll_risk::margin::LegInput;
use plimsoll_risk::perp::{accrue_funding, foresee, touch};
use plimsoll_risk::{Lots, Quote, RiskResult, Secs};

/// A position, brought up to date, as the margin engine reads it.
pub fn leg_input(position: &plimsoll_risk::perp::Position) -> LegInput {
    LegInput {
        lots: Lots::new(position.lots),
        quote: Quote::new(position.quote),
        bids: Lots::new(position.bids),
        asks: Lots::new(position.asks),
        bids_value: Quote::new(position.bids_value),
        asks_value: Quote::new(position.asks_value),
        ..LegInput::default()
    }
}

/// The position as the margin engine reads it at `now`, funding owed included; `None` when only [`touched_copy`] can tell.
pub fn current_input(market: &Market, position: &PerpPosition, now: i64) -> RiskResult<Option<LegInput>> {
    // Orders of a settling market are void: the copy forgets them.
    if market.oracle.is_settling() {
        return Ok(None);
    }
    let now = Secs::new(now);
    let mark = market.mark()?;
    let mut funding = *market.funding;
    let waits = market.funding_waits(now);
    let f = if waits { 0 } else { funding.accrue(now, mark, market.has_both_sides())?.raw() };
    let seen = foresee(&market.perp, position, f, mark, now, &market.perp_params)?;
    Ok(seen.map(|(lots, quote)| LegInput { lots, quote, ..leg_input(position) }))
}

/// The position as a touch at `now` would leave it; changes nothing (RULES 5.1).
#[inline(never)]
pub fn touched_copy(market: &Market, position: &PerpPosition, now: i64) -> RiskResult<plimsoll_risk::perp::Position> {
    let now = Secs::new(now);
    let mark = market.mark()?;
    let (mut funding, mut books, mut copy) = (*market.funding, *market.perp, **position);
    if !market.funding_waits(now) {
        let per_lot = funding.accrue(now, mark, market.has_both_sides())?;
        accrue_funding(&mut books, per_lot.raw())?;
    }
    let _ = touch(&mut books, &mut copy, mark, now, &market.perp_params)?;
    if market.oracle.is_settling() {
        copy.settle_out();
    }
    Ok(copy)
}
