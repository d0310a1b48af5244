//! The order book: one algorithm on slices, shared by perp books (512 orders a side) and option series books (64 a side).
//!
//! A side is a slice of fixed capacity whose first `len` orders are live, in price-time priority with the **best order last**: fills pop
//! from the end and move nothing, an insertion is a binary search and one memmove. At equal prices the older order (smaller id) is nearer
//! the end. Ids come from the book's own sequence and are never used again, so `(side, price, id)` names an order for ever.
//!
//! | module | what it does |
//! | --- | --- |
//! | [`side`] | insert, find, cancel on one side |
//! | [`matching`] | a taker against one side: a pure walk, then [`side::BookSide::apply`] |
//! | [`band`] | how far from the oracle an order may rest and a fill may happen; minimum order value |
//! | [`depth`] | reading: best order, depth, impact price, the invariant |
//!
//! Orders leave the book in ways their owner's account does not see at once: eviction, expiry, [`matching::StepKind::OutOfBand`]. The
//! owner's slot then still reserves margin, which is the safe side: the set of slots always covers the set of resting orders. Because ids
//! are never reused, a slot whose order [`depth::find`] does not return is dead, and whoever holds the account and the book may free it.

pub mod band;
pub mod depth;
pub mod matching;
pub mod side;
#[cfg(test)]
mod tests;

use crate::error::{RiskError, RiskResult};
use crate::units::{Lots, Price, Quote, Secs, MAX_LOTS, MAX_PRICE};
use bytemuck::{Pod, Zeroable};

pub use band::PriceBand;
pub use matching::{match_against, sweep, Admission, Maker, Makers, MatchOutcome, OrderKind, Party, Step, StepKind, Stop, Taker};
pub use side::{BookSide, Placed};

/// Key of a margin account, as four words: comparing two keys is four loads each, where 32 bytes would be a call to `memcmp`.
#[derive(Clone, Copy, Debug, Default, Eq, Pod, Zeroable)]
#[repr(transparent)]
pub struct Key([u64; 4]);

impl Key {
    /// The key with these 32 bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        let [a0, a1, a2, a3, a4, a5, a6, a7, b0, b1, b2, b3, b4, b5, b6, b7, c0, c1, c2, c3, c4, c5, c6, c7, d0, d1, d2, d3, d4, d5, d6, d7] =
            bytes;
        Self([
            u64::from_ne_bytes([a0, a1, a2, a3, a4, a5, a6, a7]),
            u64::from_ne_bytes([b0, b1, b2, b3, b4, b5, b6, b7]),
            u64::from_ne_bytes([c0, c1, c2, c3, c4, c5, c6, c7]),
            u64::from_ne_bytes([d0, d1, d2, d3, d4, d5, d6, d7]),
        ])
    }

    /// The 32 bytes of this key.
    pub fn to_bytes(self) -> [u8; 32] {
        bytemuck::cast(self)
    }
}

impl PartialEq for Key {
    // Not derived: the compiler would call `memcmp` for the arrays.
    fn eq(&self, other: &Self) -> bool {
        let ([a, b, c, d], [e, f, g, h]) = (self.0, other.0);
        (a ^ e) | (b ^ f) | (c ^ g) | (d ^ h) == 0
    }
}

/// Which way an order trades.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Side {
    /// Buys; the highest price is the best.
    Bid = 0,
    /// Sells; the lowest price is the best.
    Ask = 1,
}

impl TryFrom<u8> for Side {
    type Error = RiskError;
    fn try_from(raw: u8) -> RiskResult<Self> {
        match raw {
            0 => Ok(Self::Bid),
            1 => Ok(Self::Ask),
            _ => Err(RiskError::ParameterOutOfRange),
        }
    }
}

impl Side {
    /// The side this one trades against.
    pub const fn opposite(self) -> Self {
        match self {
            Self::Bid => Self::Ask,
            Self::Ask => Self::Bid,
        }
    }

    /// Maps a price to a number that grows with priority on this side, so that one comparison serves both.
    const fn rank(self, price: u32) -> u32 {
        match self {
            Self::Bid => price,
            Self::Ask => !price,
        }
    }
}

/// The order may only reduce its owner's position; it is trimmed at the fill (RULES 7.5).
pub const REDUCE_ONLY: u32 = 1;

/// A resting order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct Order {
    /// Margin account that placed it.
    pub owner: Key,
    /// Number from the book's sequence, from 1; smaller is older.
    pub id: u64,
    /// Quote atoms per lot, 1 ..= 2³⁰.
    pub price: u32,
    /// Lots left to fill, 1 ..= 2³⁰.
    pub lots: u32,
    /// Unix second from which the order is void; 0 = never.
    pub expiry: u32,
    /// Unix second of the placement.
    pub placed_at: u32,
    /// The owner's cancel-all generation at the placement; any other value there now means cancelled.
    pub generation: u32,
    /// [`REDUCE_ONLY`] or 0.
    pub flags: u32,
}

const _: () = assert!(size_of::<Order>() == 64 && align_of::<Order>() == 8);
const _: () = assert!(MAX_PRICE.checked_mul(MAX_LOTS).is_some());

impl Order {
    /// The limit price.
    pub fn limit(&self) -> Price {
        Price::new(i64::from(self.price))
    }

    /// What is left to fill.
    pub fn size(&self) -> Lots {
        Lots::new(i64::from(self.lots))
    }

    /// What is left to fill, at the limit.
    pub fn value(&self) -> Quote {
        // Both are at most 2³⁰ since the insertion, so the product is exact; a checked one costs 46 CU an order.
        Quote::new(i64::from(self.price).wrapping_mul(i64::from(self.lots)))
    }

    /// Whether the order may only reduce its owner's position.
    pub const fn is_reduce_only(&self) -> bool {
        self.flags & REDUCE_ONLY != 0
    }

    /// Whether the order is void by time at `now`.
    pub fn is_expired(&self, now: Secs) -> bool {
        self.expiry != 0 && i64::from(self.expiry) <= now.raw()
    }

    /// Whether the order is void at `now`, by time or by its owner's cancel-all: anyone may remove it.
    pub fn is_dead(&self, owner_generation: u32, now: Secs) -> bool {
        self.generation != owner_generation || self.is_expired(now)
    }
}

/// What stands before the two sides in a book account. All zero is an empty book.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct BookHeader {
    /// The id given last; 0 = none yet.
    pub last_id: u64,
    /// Live orders on the bid side.
    pub bids: u32,
    /// Live orders on the ask side.
    pub asks: u32,
    /// For later fields; zero.
    pub reserve: [u64; 4],
}

const _: () = assert!(size_of::<BookHeader>() == 48 && align_of::<BookHeader>() == 8);

impl BookHeader {
    /// The live orders of `side`, worst first; `orders` is that side's whole slice. Errors: [`RiskError::WrongState`] when the count exceeds it.
    pub fn live<'a>(&self, side: Side, orders: &'a [Order]) -> RiskResult<&'a [Order]> {
        let len = match side {
            Side::Bid => self.bids,
            Side::Ask => self.asks,
        };
        usize::try_from(len).ok().and_then(|len| orders.get(..len)).ok_or(RiskError::WrongState)
    }

    /// `side` for changing; `orders` is that side's whole slice. Errors: [`RiskError::WrongState`] when the count exceeds it.
    pub fn side_mut<'a>(&'a mut self, side: Side, orders: &'a mut [Order]) -> RiskResult<BookSide<'a>> {
        let len = match side {
            Side::Bid => &mut self.bids,
            Side::Ask => &mut self.asks,
        };
        BookSide::new(side, orders, len, &mut self.last_id)
    }
}

/// An order about to rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewOrder {
    /// Margin account that places it.
    pub owner: Key,
    /// Limit price.
    pub price: Price,
    /// Size.
    pub lots: Lots,
    /// When it becomes void; zero = never.
    pub expiry: Secs,
    /// The owner's present cancel-all generation.
    pub generation: u32,
    /// Whether it may only reduce the owner's position.
    pub is_reduce_only: bool,
}

impl NewOrder {
    /// The order as it will be stored.
    ///
    /// Errors: [`RiskError::PriceOutOfRange`], [`RiskError::QuantityOutOfRange`] (lots outside 1 ..= 2³⁰), [`RiskError::OrderExpired`].
    fn stored(&self, id: u64, now: Secs) -> RiskResult<Order> {
        let price = Price::checked(self.price.raw())?;
        if !self.lots.is_positive() || self.lots.raw() > MAX_LOTS {
            return Err(RiskError::QuantityOutOfRange);
        }
        if !self.expiry.is_zero() && self.expiry <= now {
            return Err(RiskError::OrderExpired);
        }
        Ok(Order {
            owner: self.owner,
            id,
            price: narrow(price.raw())?,
            lots: narrow(self.lots.raw())?,
            expiry: narrow(self.expiry.raw())?,
            placed_at: narrow(now.raw())?,
            generation: self.generation,
            flags: if self.is_reduce_only { REDUCE_ONLY } else { 0 },
        })
    }
}

/// An integer into its stored 32 bits. Errors: [`RiskError::Overflow`].
fn narrow(value: i64) -> RiskResult<u32> {
    u32::try_from(value).map_err(|_| RiskError::Overflow)
}
