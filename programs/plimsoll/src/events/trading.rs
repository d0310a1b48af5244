//! Orders, fills and who may trade.

use super::{Balance, Books, Header, Moved};
use anchor_lang::prelude::*;

/// One fill of an order; without lots, a maker that was brought up to date and whose order was dropped.
#[derive(AnchorSerialize, AnchorDeserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fill {
    /// Margin account of the maker.
    pub maker: Pubkey,
    /// Identity of the maker's order.
    pub order: u64,
    /// Atoms per lot.
    pub price: i64,
    /// Lots; positive when the taker bought.
    pub lots: i64,
    /// Fee charged to the maker, quote atoms.
    pub fee: i64,
    /// What bringing the maker's position up to date did.
    pub moved: Option<Moved>,
    /// The maker afterwards.
    pub balance: Balance,
}

/// A taker traded against the book.
#[event]
pub struct Traded {
    /// Head; the account is the taker.
    pub header: Header,
    /// The fills, best price first.
    pub fills: Vec<Fill>,
    /// Fee charged to the taker, quote atoms.
    pub fee: i64,
    /// What bringing the taker's position up to date did.
    pub moved: Option<Moved>,
    /// The taker afterwards.
    pub balance: Balance,
    /// The market afterwards.
    pub books: Books,
    /// Oracle price used.
    pub oracle: i64,
}

/// An order came to rest on a book (log).
#[event]
pub struct OrderPlaced {
    /// Head.
    pub header: Header,
    /// Identity on the book.
    pub order: u64,
    /// The owner's number.
    pub client_id: u64,
    /// 0 = bid, 1 = ask.
    pub side: u8,
    /// Atoms per lot.
    pub price: i64,
    /// Lots resting.
    pub lots: i64,
}

/// Orders left the books (log).
#[event]
pub struct OrdersCancelled {
    /// Head.
    pub header: Header,
    /// Identity, or zero for all orders of the account.
    pub order: u64,
}

/// Dead orders were taken off a book (log). Nobody's balance changed.
#[event]
pub struct OrdersSwept {
    /// Head; the account is the book.
    pub header: Header,
    /// How many, of both sides.
    pub removed: u32,
}

/// The owner named or dismissed a delegate, or changed what its fills may cost (log).
#[event]
pub struct DelegateSet {
    /// Head; no market.
    pub header: Header,
    /// Who may trade; all zero for nobody.
    pub delegate: Pubkey,
    /// Most that its fills may give away in 24 hours, quote atoms.
    pub daily_loss_cap: i64,
}
