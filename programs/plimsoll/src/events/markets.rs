//! A market's price and state, and the risk groups.

use super::Header;
use anchor_lang::prelude::*;

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

/// The quote token's price was accepted, or markets were brought to the charge for its depeg (log).
#[event]
pub struct QuoteUpdated {
    /// Head; the account is the exchange.
    pub header: Header,
    /// Dollars a token, Q30.
    pub price: i64,
    /// Confidence over price, Q30.
    pub confidence: i64,
    /// Publish time.
    pub publish: i64,
    /// Charge in initial margin, share of the requirement, Q30.
    pub initial: i64,
    /// Charge in maintenance margin, share of the requirement, Q30.
    pub maintenance: i64,
    /// Markets that have changed.
    pub markets: u32,
}

/// New risk in a market, or withdrawals, were paused or released (log; RULES 9.3).
#[event]
pub struct PauseChanged {
    /// Head; no market for withdrawals.
    pub header: Header,
    /// End of the pause, unix seconds.
    pub until: i64,
}

/// A market's price became final and its positions were closed at it (RULES 2.5).
#[event]
pub struct SettlingBegan {
    /// Head.
    pub header: Header,
    /// The final price, atoms per lot.
    pub price: i64,
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
