//! Closes a round that is no longer needed and returns its rent to whoever paid it (RULES 7.2). Anyone: once the account's lots in the market are gone,
//! the account has recovered, or the round has expired.

use crate::errors::PlimsollError;
use anchor_lang::prelude::*;
use plimsoll_risk::liquidation::AccountState;
use plimsoll_risk::Secs;
use plimsoll_state::{AdlRound, MarginAccount};

/// Accounts of `close_adl_round`.
#[derive(Accounts)]
pub struct CloseAdlRound<'info> {
    /// Receives the rent.
    /// CHECK: the address is the one recorded.
    #[account(mut)]
    pub opener: UncheckedAccount<'info>,
    /// CHECK: the address is the one recorded; it may have been closed meanwhile.
    pub margin_account: UncheckedAccount<'info>,
    /// The round.
    #[account(mut, close = opener, has_one = opener @ PlimsollError::NotAuthorised, has_one = margin_account @ PlimsollError::WrongMarket)]
    pub adl_round: AccountLoader<'info, AdlRound>,
}

/// A round is needed while its account is bankrupt with lots in the market, until it expires.
pub(crate) fn handler(ctx: Context<CloseAdlRound>) -> Result<()> {
    let now = Secs::new(Clock::get()?.unix_timestamp);
    let round = ctx.accounts.adl_round.load()?;
    let info = &ctx.accounts.margin_account;
    let is_closed = info.owner != &crate::ID;
    require!(round.is_expired(now) || is_closed || !is_needed(info, &round.market)?, PlimsollError::AdlRoundInUse);
    Ok(())
}

fn is_needed(info: &AccountInfo<'_>, market: &Pubkey) -> Result<bool> {
    let data = info.try_borrow_data()?;
    let account = MarginAccount::from_bytes(&data).ok_or(PlimsollError::WrongVersion)?;
    let has_lots = account.perps.iter().any(|slot| slot.market == *market && slot.position.lots != 0);
    Ok(has_lots && account.liquidation.state == AccountState::Bankrupt.raw())
}
