//! Reading a side: best order, finding, depth, impact price, and the invariant.
//!
//! Functions take the live slice ([`super::BookHeader::live`]). An expired order never counts. An order cancelled by its owner's cancel-all
//! does count until somebody sweeps it, for only the owner's account knows: see [`super::matching::sweep`].

use super::{BookHeader, Order, Side};
use crate::error::{RiskError, RiskResult};
use crate::units::{mul_div, Lots, Price, Quote, Round, Secs, MAX_LOTS, MAX_PRICE};

/// Most orders a depth or impact reading looks at; what lies deeper is not counted.
pub const MAX_DEPTH_ORDERS: usize = 64;

/// Where `(price, id)` stands in a live slice.
pub(super) fn position(side: Side, live: &[Order], price: Price, id: u64) -> Option<usize> {
    let rank = side.rank(u32::try_from(price.raw()).ok()?);
    let at = live.partition_point(|order| {
        let other = side.rank(order.price);
        other < rank || (other == rank && order.id > id)
    });
    live.get(at).filter(|order| order.id == id).map(|_| at)
}

/// The order `id` resting at `price`, if it still does.
pub fn find(side: Side, live: &[Order], price: Price, id: u64) -> Option<&Order> {
    live.get(position(side, live, price, id)?)
}

/// Unexpired orders, best first.
pub fn best_first(live: &[Order], now: Secs) -> impl Iterator<Item = &Order> {
    live.iter().rev().filter(move |order| !order.is_expired(now))
}

/// The best unexpired order.
pub fn best(live: &[Order], now: Secs) -> Option<&Order> {
    best_first(live, now).next()
}

/// Lots at `limit` or better, within the best [`MAX_DEPTH_ORDERS`]. Errors: [`RiskError::Overflow`].
pub fn depth_to(side: Side, live: &[Order], limit: Price, now: Secs) -> RiskResult<Lots> {
    let rank = side.rank(u32::try_from(limit.raw()).map_err(|_| RiskError::PriceOutOfRange)?);
    best_first(live, now)
        .take(MAX_DEPTH_ORDERS)
        .take_while(|order| side.rank(order.price) >= rank)
        .try_fold(Lots::ZERO, |sum, order| sum.add(order.size()))
}

/// Average price at which `notional` (> 0) would trade against this side: ⌈N / Σ lots⌉ on asks, ⌊·⌋ on bids, the last order counted in part.
///
/// `None` when the side holds less than `notional`. If the best [`MAX_DEPTH_ORDERS`] hold less and more lie behind them, their average.
/// Errors: [`RiskError::QuantityOutOfRange`], [`RiskError::Overflow`].
pub fn impact_price(side: Side, live: &[Order], notional: Quote, now: Secs) -> RiskResult<Option<Price>> {
    if !notional.is_positive() {
        return Err(RiskError::QuantityOutOfRange);
    }
    let round = match side {
        Side::Bid => Round::Floor,
        Side::Ask => Round::Ceil,
    };
    let (mut value, mut lots) = (Quote::ZERO, Lots::ZERO);
    let mut orders = best_first(live, now);
    for order in orders.by_ref().take(MAX_DEPTH_ORDERS) {
        let with = value.add(order.value())?;
        if with >= notional {
            // N / (lots + (N − value) / p) = N·p / (lots·p + N − value)
            let denominator = lots.at(order.limit())?.add(notional.sub(value)?)?;
            return mul_div(notional.raw(), order.limit().raw(), denominator.raw(), round).map(|price| Some(Price::new(price)));
        }
        (value, lots) = (with, lots.add(order.size())?);
    }
    match orders.next() {
        Some(_) => mul_div(value.raw(), 1, lots.raw(), round).map(|price| Some(Price::new(price))),
        None => Ok(None),
    }
}

/// The invariant of one side: strictly in priority, prices and lots in range, ids from the sequence.
pub fn is_side_valid(side: Side, live: &[Order], last_id: u64) -> bool {
    let in_range = |order: &Order| {
        (1..=MAX_PRICE).contains(&order.limit().raw()) && (1..=MAX_LOTS).contains(&order.size().raw()) && (1..=last_id).contains(&order.id)
    };
    let in_priority = |pair: &[Order]| match pair {
        [worse, better] => (side.rank(worse.price), better.id) < (side.rank(better.price), worse.id),
        _ => false,
    };
    live.iter().all(in_range) && live.windows(2).all(in_priority)
}

/// The invariant of a book: both sides valid, best bid below best ask. Errors: [`RiskError::WrongState`] when a count exceeds its slice.
pub fn is_book_valid(header: &BookHeader, bids: &[Order], asks: &[Order]) -> RiskResult<bool> {
    let (bids, asks) = (header.live(Side::Bid, bids)?, header.live(Side::Ask, asks)?);
    let is_uncrossed = match (bids.last(), asks.last()) {
        (Some(bid), Some(ask)) => bid.price < ask.price,
        _ => true,
    };
    Ok(is_uncrossed && is_side_valid(Side::Bid, bids, header.last_id) && is_side_valid(Side::Ask, asks, header.last_id))
}
