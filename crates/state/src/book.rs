//! The order book of a perpetual: 512 orders a side, best order last.

use crate::engine::{BookHeader, BookOrder};
use crate::mirror::layout;
use crate::Pubkey;
#[cfg(feature = "anchor")]
use anchor_lang::{prelude::zero_copy, Discriminator};
use plimsoll_risk::book::{self, Order, Side};

/// Orders a side of a perpetual's book.
pub const PERP_BOOK_SIDE: usize = 512;

layout! {
    /// Bids and asks of one market. Larger than an instruction may allocate: created by the client and adopted with its market.
    account OrderBook [b"plm:book", 8 + 2 * 32 + 8 + core::mem::size_of::<BookHeader>() + 2 * PERP_BOOK_SIDE * 64] {
        /// The exchange it belongs to.
        exchange: Pubkey,
        /// Its market.
        market: Pubkey,
        /// Layout version.
        version: u8,
        /// Zero.
        padding: [u8; 7],
        /// Counters.
        header: BookHeader,
        /// Bids, lowest first.
        bids: [BookOrder; PERP_BOOK_SIDE],
        /// Asks, highest first.
        asks: [BookOrder; PERP_BOOK_SIDE],
    }
}

impl OrderBook {
    /// Counters and the whole slice of one side, for reading.
    pub fn side(&self, side: Side) -> (&book::BookHeader, &[Order]) {
        let orders = match side {
            Side::Bid => &self.bids,
            Side::Ask => &self.asks,
        };
        (&self.header, bytemuck::cast_slice(orders))
    }

    /// Counters and the whole slice of one side, for changing.
    pub fn side_mut(&mut self, side: Side) -> (&mut book::BookHeader, &mut [Order]) {
        let orders = match side {
            Side::Bid => &mut self.bids,
            Side::Ask => &mut self.asks,
        };
        (&mut self.header, bytemuck::cast_slice_mut(orders))
    }
}
