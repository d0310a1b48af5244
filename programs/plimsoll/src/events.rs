//! What happened, for indexers. Money, liquidation, insurance and deleveraging by self-CPI; orders and prices in the log.
//!
//! Every event opens with the same header and carries deltas and the state after them, so that a replay of the stream rebuilds every balance.

use anchor_lang::prelude::*;

/// Version of the event layouts.
pub const EVENT_SCHEMA: u8 = 1;

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

/// Cash or collateral came in or went out.
#[event]
pub struct Transferred {
    /// Head.
    pub header: Header,
    /// Mint of the token.
    pub mint: Pubkey,
    /// Atoms; positive is a deposit.
    pub amount: i64,
    /// Balance of that token in the account afterwards.
    pub balance: i64,
}

/// One fill of an order.
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
    /// Taker's lots afterwards.
    pub lots: i64,
    /// Taker's quote balance of the position afterwards.
    pub quote: i64,
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

/// A market's price was accepted (log).
#[event]
pub struct PriceUpdated {
    /// Head.
    pub header: Header,
    /// Atoms per lot.
    pub price: i64,
    /// Confidence over price, Q30.
    pub confidence: i64,
    /// Publish time.
    pub publish: i64,
    /// Volatility over one hour, Q30.
    pub sigma: i64,
    /// Maintenance rate in force, Q30.
    pub mm_rate: i64,
}

/// Markets were put into a risk group (log).
#[event]
pub struct GroupCreated {
    /// Head; the account is the group.
    pub header: Header,
    /// Its markets, in order.
    pub markets: Vec<Pubkey>,
    /// Most credit, Q30.
    pub max_credit: i64,
    /// Share of the largest market's requirement that is always held, Q30.
    pub floor_share: i64,
    /// Common buckets before there is any credit.
    pub warm_up: i64,
}

/// A risk group took in new samples (log). Everything else about the pairs is in its account.
#[event]
pub struct GroupUpdated {
    /// Head; the account is the group.
    pub header: Header,
    /// Pairs that had a new common bucket.
    pub pairs: u32,
    /// Credit of an account with positions in all markets, initial margin, Q30.
    pub initial: i64,
    /// The same for maintenance margin.
    pub maintenance: i64,
}

/// Unsettled value became cash, or cash paid an unsettled loss.
#[event]
pub struct Settled {
    /// Head.
    pub header: Header,
    /// Atoms that reached the account's cash; negative when the account paid.
    pub amount: i64,
    /// Cash afterwards.
    pub cash: i64,
    /// The market's pool afterwards.
    pub pool: i64,
}

/// A liquidation step.
#[event]
pub struct Liquidated {
    /// Head; the account is the liquidatee.
    pub header: Header,
    /// Margin account of the liquidator.
    pub liquidator: Pubkey,
    /// Lots closed against the book; positive were long.
    pub book_lots: i64,
    /// Lots taken over; positive were long.
    pub taken_lots: i64,
    /// Oracle price.
    pub price: i64,
    /// Penalty to the liquidator, quote atoms.
    pub keeper_income: i64,
    /// Penalty to the market's insurance tranche, quote atoms.
    pub insurance_income: i64,
    /// Equity, maintenance margin before.
    pub before: [i64; 2],
    /// Equity, maintenance margin after.
    pub after: [i64; 2],
    /// Volatility over one hour used, Q30.
    pub sigma: i64,
    /// State after ([`plimsoll_risk`] numbering).
    pub state: u32,
}

/// Lots closed against the other side of the market without its consent (RULES 7.2, 7.5).
#[event]
pub struct Deleveraged {
    /// Head; the account is the bankrupt one.
    pub header: Header,
    /// Lots closed; positive were long.
    pub lots: i64,
    /// Price of the closing.
    pub price: i64,
    /// Open interest of the opposite side afterwards.
    pub open_interest: i64,
}

/// A bankrupt account's deficit in one market was absorbed (RULES 7.1).
#[event]
pub struct DeficitAbsorbed {
    /// Head; the account is the bankrupt one.
    pub header: Header,
    /// Paid from the market's tranche.
    pub tranche: i64,
    /// Paid from the insurance fund.
    pub fund: i64,
    /// Left to the claims of the market.
    pub deficit: i64,
    /// Fund balance afterwards.
    pub fund_balance: i64,
}

/// What a touch changed: funding, deleveraging, deficit charges (RULES 7.6: the receipt).
#[event]
pub struct Touched {
    /// Head.
    pub header: Header,
    /// Funding received; negative when paid.
    pub funding: i64,
    /// Lots closed by deleveraging.
    pub closed_lots: i64,
    /// Charge for a deficit round, quote atoms.
    pub charge: i64,
    /// Refund of earlier charges.
    pub refund: i64,
    /// Lots afterwards.
    pub lots: i64,
    /// Quote balance afterwards.
    pub quote: i64,
}

/// A deficit round was closed (RULES 7.3).
#[event]
pub struct RoundClosed {
    /// Head.
    pub header: Header,
    /// Number of the round.
    pub round: u32,
    /// Deficit to be covered.
    pub deficit: i64,
    /// Registered claims.
    pub claims: i64,
    /// Share of each claim taken, Q30.
    pub share: i64,
}

/// Money came into the insurance fund.
#[event]
pub struct FundDeposited {
    /// Head.
    pub header: Header,
    /// Atoms.
    pub amount: i64,
    /// Balance afterwards.
    pub balance: i64,
}
