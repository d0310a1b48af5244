//! Money of an account came in, went out or changed its form.

use super::{Balance, Books, Header, Moved};
use anchor_lang::prelude::*;

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

/// A withdrawal request was made, paid or taken back (RULES 1.6).
#[event]
pub struct WithdrawalChanged {
    /// Head; the account is the margin account.
    pub header: Header,
    /// Mint of the token.
    pub mint: Pubkey,
    /// Atoms paid by this instruction.
    pub paid: i64,
    /// Atoms that still wait for a grant.
    pub waiting: i64,
    /// Atoms granted and not paid.
    pub granted: i64,
}

/// Unsettled value became cash, or cash paid an unsettled loss.
#[event]
pub struct Settled {
    /// Head.
    pub header: Header,
    /// Atoms that reached the account's cash; negative when the account paid.
    pub amount: i64,
    /// What bringing the position up to date did.
    pub moved: Option<Moved>,
    /// The account afterwards.
    pub balance: Balance,
    /// The market afterwards.
    pub books: Books,
}

/// One market of an estate.
#[derive(AnchorSerialize, AnchorDeserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub struct EstatePart {
    /// The market.
    pub market: Pubkey,
    /// Atoms that reached the account's cash; negative when the account paid.
    pub amount: i64,
    /// The account's cash and its position in this market afterwards.
    pub balance: Balance,
    /// The market afterwards.
    pub books: Books,
}

/// A failing account's cash was spread over its losses (RULES 1.5).
#[event]
pub struct EstateSettled {
    /// Head; the market is none.
    pub header: Header,
    /// Claims collected first, then losses paid, in this order.
    pub parts: Vec<EstatePart>,
}

/// What a touch changed: funding, deleveraging, deficit charges (RULES 7.6: the receipt).
#[event]
pub struct Touched {
    /// Head.
    pub header: Header,
    /// What changed; nothing but time if none.
    pub moved: Option<Moved>,
    /// Claims registered in a deficit round that is registering.
    pub joined: i64,
    /// Paid to `keeper` for that out of the market's fees, atoms.
    pub reward: i64,
    /// Margin account of the keeper; all zero for none.
    pub keeper: Pubkey,
    /// The keeper's cash afterwards.
    pub keeper_cash: i64,
    /// The account afterwards.
    pub balance: Balance,
    /// The market afterwards.
    pub books: Books,
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
