//! Changing one side of a book: insert, cancel, and applying the outcome of a match.

use super::depth::position;
use super::matching::MatchOutcome;
use super::{Key, NewOrder, Order, Side};
use crate::error::{RiskError, RiskResult};
use crate::units::{Price, Secs};

/// One side of a book, open for changes.
#[derive(Debug)]
pub struct BookSide<'a> {
    side: Side,
    orders: &'a mut [Order],
    len: &'a mut u32,
    last_id: &'a mut u64,
}

/// What an insertion did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placed {
    /// The new order's id.
    pub id: u64,
    /// The order that had to leave a full side. Its owner's slot is freed now if that account is at hand, else when next found dead.
    pub evicted: Option<Order>,
}

impl<'a> BookSide<'a> {
    pub(super) fn new(side: Side, orders: &'a mut [Order], len: &'a mut u32, last_id: &'a mut u64) -> RiskResult<Self> {
        match usize::try_from(*len) {
            Ok(live) if live <= orders.len() => Ok(Self { side, orders, len, last_id }),
            _ => Err(RiskError::WrongState),
        }
    }

    /// Which side this is.
    pub const fn side(&self) -> Side {
        self.side
    }

    /// The live orders, worst first.
    pub fn live(&self) -> &[Order] {
        // The constructor and every change keep the count within the slice.
        usize::try_from(*self.len).ok().and_then(|len| self.orders.get(..len)).unwrap_or(&[])
    }

    /// Puts an order on the book under the next id; it must not cross the other side (see [`MatchOutcome::rest`]).
    ///
    /// On a full side the worst order gives way if it has expired or if the new one has a strictly better price (RULES 5.3).
    ///
    /// Errors: [`RiskError::BookFull`]; those of a malformed order: [`RiskError::PriceOutOfRange`], [`RiskError::QuantityOutOfRange`],
    /// [`RiskError::OrderExpired`].
    pub fn insert(&mut self, order: &NewOrder, now: Secs) -> RiskResult<Placed> {
        let id = self.last_id.checked_add(1).ok_or(RiskError::Overflow)?;
        let order = order.stored(id, now)?;
        let side = self.side;
        let rank = side.rank(order.price);
        // The newest id is the last among equals, hence the lowest index among them.
        let at = self.live().partition_point(|resting| side.rank(resting.price) < rank);
        let len = self.live().len();
        let evicted = if let Some(gap) = self.orders.get_mut(at..=len) {
            gap.copy_within(..len.saturating_sub(at), 1);
            if let Some(slot) = gap.first_mut() {
                *slot = order;
            }
            *self.len = self.len.checked_add(1).ok_or(RiskError::Overflow)?;
            None
        } else {
            Some(self.evict_for(order, at, now)?)
        };
        *self.last_id = id;
        Ok(Placed { id, evicted })
    }

    /// Replaces the worst order of a full side by `order`, whose place among the live ones is `at`.
    fn evict_for(&mut self, order: Order, at: usize, now: Secs) -> RiskResult<Order> {
        let worst = *self.orders.first().ok_or(RiskError::BookFull)?;
        if at == 0 && !worst.is_expired(now) {
            return Err(RiskError::BookFull);
        }
        let moved = self.orders.get_mut(..at.max(1)).ok_or(RiskError::BookFull)?;
        moved.copy_within(1.., 0);
        if let Some(slot) = moved.last_mut() {
            *slot = order;
        }
        Ok(worst)
    }

    /// Takes the order `id` at `price` off the book if `owner` placed it.
    ///
    /// Errors: [`RiskError::OrderNotFound`] when it rests no longer or belongs to another: the owner's slot for it is then dead.
    pub fn remove(&mut self, price: Price, id: u64, owner: &Key) -> RiskResult<Order> {
        let at = position(self.side, self.live(), price, id).ok_or(RiskError::OrderNotFound)?;
        let len = self.live().len();
        let tail = self.orders.get_mut(at..len).ok_or(RiskError::OrderNotFound)?;
        let removed = *tail.first().filter(|order| order.owner == *owner).ok_or(RiskError::OrderNotFound)?;
        tail.copy_within(1.., 0);
        *self.len = self.len.checked_sub(1).ok_or(RiskError::Overflow)?;
        Ok(removed)
    }

    /// Applies what [`super::match_against`] or [`super::matching::sweep`] found on exactly this side, unchanged since.
    ///
    /// One pass over the visited orders closes the holes; nothing moves when all of them left, the usual case.
    /// Errors: [`RiskError::WrongState`] when the outcome is not of this side.
    pub fn apply(&mut self, outcome: &MatchOutcome) -> RiskResult<()> {
        let len = self.live().len();
        let base = len.checked_sub(outcome.visited).ok_or(RiskError::WrongState)?;
        let visited = self.orders.get_mut(base..len).ok_or(RiskError::WrongState)?;
        if let (Some(left), Some(last)) = (outcome.partial, visited.first_mut()) {
            last.lots = left;
        }
        // Lowest first: each order that stays drops into the lowest free place, so all keep their sequence.
        let mut write = 0_usize;
        for read in 0..visited.len() {
            if !outcome.is_kept(visited.len().wrapping_sub(read).wrapping_sub(1)) {
                continue;
            }
            if write != read {
                visited.copy_within(read..=read, write);
            }
            write = write.wrapping_add(1);
        }
        let live = base.checked_add(write).ok_or(RiskError::Overflow)?;
        *self.len = u32::try_from(live).map_err(|_| RiskError::Overflow)?;
        Ok(())
    }
}
