//! Steps against a failing account.

use super::{Balance, Books, Fill, Header, Moved};
use anchor_lang::prelude::*;

/// Collateral of a failing account was sold to another account for cash (RULES 1.3).
#[event]
pub struct CollateralSold {
    /// Head; the account is the seller, the market prices the collateral.
    pub header: Header,
    /// Margin account of the buyer.
    pub buyer: Pubkey,
    /// Mint of the collateral.
    pub mint: Pubkey,
    /// Token atoms sold.
    pub amount: i64,
    /// Quote atoms paid.
    pub cost: i64,
    /// Seller's cash and balance of the collateral afterwards.
    pub seller: [i64; 2],
    /// Buyer's cash and balance of the collateral afterwards.
    pub bought: [i64; 2],
    /// Oracle price, atoms per lot.
    pub price: i64,
}

/// A liquidation step.
#[event]
pub struct Liquidated {
    /// Head; the account is the liquidatee.
    pub header: Header,
    /// Margin account of the liquidator.
    pub liquidator: Pubkey,
    /// Fills on the book, best price first.
    pub fills: Vec<Fill>,
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
    /// What bringing the position up to date did.
    pub moved: Option<Moved>,
    /// The liquidatee afterwards.
    pub balance: Balance,
    /// What bringing the liquidator's position up to date did.
    pub liquidator_moved: Option<Moved>,
    /// The liquidator afterwards.
    pub liquidator_balance: Balance,
    /// The market afterwards.
    pub books: Books,
}

/// A witness showed an account below maintenance margin: a first failing sample, or the start of its liquidation (RULES 4.6, 6.1).
#[event]
pub struct Flagged {
    /// Head; the market is the one whose price and parameters decided.
    pub header: Header,
    /// Row (1 ..= 33) of the joint scenario.
    pub joint: u8,
    /// Row of each market's own scenario, in the order of the account's positions, then of its collaterals.
    pub alone: [u8; 8],
    /// Equity, and as the trigger sees it.
    pub equity: [i64; 2],
    /// What the named scenarios show of maintenance margin: a lower bound.
    pub requirement: i64,
    /// Oracle price.
    pub price: i64,
    /// Volatility over one hour used, Q30.
    pub sigma: i64,
    /// State after ([`plimsoll_risk`] numbering).
    pub state: u32,
}
