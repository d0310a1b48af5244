//! What a bankrupt account left: lots closed by auto-deleveraging, losses absorbed, deficit rounds.

use super::{Balance, Books, Header, Moved};
use anchor_lang::prelude::*;
use plimsoll_risk::perp::Absorbed;
use plimsoll_state::Market;

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
    /// What bringing the position up to date did.
    pub moved: Option<Moved>,
    /// The account afterwards.
    pub balance: Balance,
    /// The market afterwards.
    pub books: Books,
}

/// A round of ranked deleveraging was opened (RULES 7.2).
#[event]
pub struct AdlRoundOpened {
    /// Head; the account is the bankrupt one.
    pub header: Header,
    /// Its lots; positive is long.
    pub lots: i64,
    /// Oracle price.
    pub price: i64,
    /// What bringing the position up to date did.
    pub moved: Option<Moved>,
    /// The account afterwards.
    pub balance: Balance,
    /// The market afterwards.
    pub books: Books,
}

/// A candidate was listed in a round, with the inputs of its score (RULES 7.2, 7.6).
#[event]
pub struct AdlCandidateRegistered {
    /// Head; the account is the keeper that is paid.
    pub header: Header,
    /// The bankrupt account of the round.
    pub failing: Pubkey,
    /// The candidate.
    pub candidate: Pubkey,
    /// Its lots, magnitude.
    pub lots: i64,
    /// Its net factor exposure in the direction of its position, atoms.
    pub exposure: i64,
    /// Its equity, atoms. The score is exposure over equity.
    pub equity: i64,
    /// Oracle price.
    pub price: i64,
    /// Candidates listed afterwards.
    pub listed: u8,
    /// Paid to the keeper out of the market's fees, atoms.
    pub reward: i64,
    /// The keeper's cash afterwards.
    pub keeper_cash: i64,
    /// The market afterwards.
    pub books: Books,
}

/// One candidate's part of a forced close: the receipt (RULES 7.6).
#[derive(AnchorSerialize, AnchorDeserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub struct AdlCut {
    /// The candidate's margin account.
    pub account: Pubkey,
    /// Its rank, from 1.
    pub rank: u8,
    /// Net factor exposure at its registration, atoms.
    pub exposure: i64,
    /// Equity at its registration, atoms.
    pub equity: i64,
    /// Lots the round had planned for it.
    pub planned: i64,
    /// Lots closed.
    pub closed: i64,
    /// What bringing its position up to date did before.
    pub moved: Option<Moved>,
    /// The candidate afterwards.
    pub balance: Balance,
}

/// Cuts of a round were executed at the oracle price (RULES 7.2).
#[event]
pub struct AdlExecuted {
    /// Head; the account is the bankrupt one.
    pub header: Header,
    /// Its lots before; positive were long.
    pub lots: i64,
    /// Oracle price of the closing.
    pub price: i64,
    /// Oracle price at which the cuts were fixed.
    pub fixed_at: i64,
    /// Lots that all cuts of the round add up to.
    pub planned: i64,
    /// The cuts executed now.
    pub cuts: Vec<AdlCut>,
    /// What bringing the bankrupt position up to date did.
    pub moved: Option<Moved>,
    /// The bankrupt account afterwards.
    pub balance: Balance,
    /// The market afterwards.
    pub books: Books,
}

/// One market's part of an absorbed loss. The parts up to the deficit sum to it.
#[derive(AnchorSerialize, AnchorDeserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub struct Absorption {
    /// The market.
    pub market: Pubkey,
    /// Claim on the pool that the tranche gave up.
    pub tranche_claim: i64,
    /// Tokens the tranche paid.
    pub tranche_cash: i64,
    /// Tokens the insurance fund paid.
    pub fund: i64,
    /// Booked against the tranche's next inflow.
    pub tranche_debt: i64,
    /// Left to the claims of the market.
    pub deficit: i64,
    /// Newest deficit round of the market.
    pub round: u32,
    /// Oracle price; that of the round, if one was opened now.
    pub price: i64,
    /// The account's position in this market afterwards.
    pub balance: Balance,
    /// The market afterwards.
    pub books: Books,
}

impl Absorption {
    pub(crate) fn of(market_key: Pubkey, market: &Market, absorbed: &Absorbed, balance: Balance) -> Self {
        Self {
            market: market_key,
            tranche_claim: absorbed.tranche_claim.raw(),
            tranche_cash: absorbed.tranche_cash.raw(),
            fund: absorbed.fund.raw(),
            tranche_debt: absorbed.tranche_debt.raw(),
            deficit: absorbed.deficit.raw(),
            round: market.perp.last_round,
            price: market.oracle.price,
            balance,
            books: Books::of(market),
        }
    }
}

/// What a bankrupt account is short of was absorbed (RULES 7.1).
#[event]
pub struct DeficitAbsorbed {
    /// Head; the account is the bankrupt one, the market is none.
    pub header: Header,
    /// By market.
    pub parts: Vec<Absorption>,
    /// Fund balance afterwards.
    pub fund_balance: i64,
}

/// A deficit round was opened, extended or closed (RULES 7.3).
#[event]
pub struct RoundAdvanced {
    /// Head.
    pub header: Header,
    /// Number of the round; zero if the tranche paid all.
    pub round: u32,
    /// Whether its registration ended now.
    pub is_closed: bool,
    /// Price the claims are measured at.
    pub price: i64,
    /// Deficit to be covered.
    pub deficit: i64,
    /// Registered claims.
    pub claims: i64,
    /// Share of each claim taken by the claims known so far, Q30; zero before the closing.
    pub share: i64,
    /// The market afterwards.
    pub books: Books,
}
