//! What happened, for indexers. Money, liquidation, insurance and deleveraging by self-CPI; orders and prices in the log.
//!
//! Every event opens with the same header and carries what changed and the balances after it: cash, lots and quote balance of each account
//! ([`Balance`]) and the money of each market ([`Books`]). A replay of the stream rebuilds them to the atom (`tests/tests/events.rs`).

use anchor_lang::prelude::*;
use plimsoll_state::{MarginAccount, Market};

mod liquidation;
mod losses;
mod markets;
mod money;
mod trading;

pub use liquidation::*;
pub use losses::*;
pub use markets::*;
pub use money::*;
pub use trading::*;

/// Version of the event layouts.
pub const EVENT_SCHEMA: u8 = 3;

/// Common head of every event.
#[derive(AnchorSerialize, AnchorDeserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Version of the layout.
    pub schema: u8,
    /// Sequence number of the account named here, after the change.
    pub sequence: u64,
    /// Slot.
    pub slot: u64,
    /// Unix seconds of the clock.
    pub time: i64,
    /// Market concerned; all zero for none.
    pub market: Pubkey,
    /// Margin account concerned; all zero for none.
    pub account: Pubkey,
}

impl Header {
    /// Head for `account` in `market` at its new `sequence`.
    pub(crate) fn new(clock: &Clock, market: Pubkey, account: Pubkey, sequence: u64) -> Self {
        Self { schema: EVENT_SCHEMA, sequence, slot: clock.slot, time: clock.unix_timestamp, market, account }
    }
}

/// An account's cash and its position in the market of the event, after the change.
#[derive(AnchorSerialize, AnchorDeserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Balance {
    /// Cash, atoms.
    pub cash: i64,
    /// Lots; positive = long.
    pub lots: i64,
    /// Quote balance of the position, atoms.
    pub quote: i64,
}

impl Balance {
    /// Of the account and its position in `slot`; a slot that is none has no position.
    pub(crate) fn of(account: &MarginAccount, slot: usize) -> Self {
        let (lots, quote) = account.position(slot).map_or((0, 0), |position| (position.lots, position.quote));
        Self { cash: account.cash, lots, quote }
    }
}

/// A market's money after the change, atoms.
#[derive(AnchorSerialize, AnchorDeserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Books {
    /// The PnL pool.
    pub pool: i64,
    /// Tokens of the tranche.
    pub tranche_cash: i64,
    /// The tranche's claim on the pool; negative when it owes.
    pub tranche_quote: i64,
    /// Tokens of the protocol.
    pub fees: i64,
}

impl Books {
    pub(crate) fn of(market: &Market) -> Self {
        let perp = &market.perp;
        Self { pool: perp.pool, tranche_cash: perp.tranche_cash, tranche_quote: perp.tranche_quote, fees: perp.fees }
    }
}

/// What bringing a position up to date did to it (RULES 5.1).
#[derive(AnchorSerialize, AnchorDeserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moved {
    /// Funding received; negative when paid.
    pub funding: i64,
    /// Lots added by auto-deleveraging, opposite in sign to the position.
    pub closed_lots: i64,
    /// Received for them; negative when paid.
    pub closed_quote: i64,
    /// Taken for deficit rounds; negative when refunded.
    pub charge: i64,
    /// Paid on an old unsettled loss.
    pub carry: i64,
}

impl Moved {
    /// `None` when nothing moved.
    pub(crate) fn of(touched: &plimsoll_risk::perp::Touched) -> Option<Self> {
        touched.has_moved().then(|| Self {
            funding: touched.funding().raw(),
            closed_lots: touched.closed_lots().raw(),
            closed_quote: touched.closed_quote().raw(),
            charge: touched.charge().raw(),
            carry: touched.carry().raw(),
        })
    }
}
