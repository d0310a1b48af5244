//! Closes an empty margin account and returns its rent. Only its owner.

use crate::errors::PlimsollError;
use anchor_lang::prelude::*;
use plimsoll_state::MarginAccount;

/// Accounts of `close_account`.
#[derive(Accounts)]
pub struct CloseAccount<'info> {
    /// Owner; receives the rent.
    #[account(mut)]
    pub owner: Signer<'info>,
    /// The account to close.
    #[account(mut, has_one = owner @ PlimsollError::NotAuthorised, close = owner)]
    pub margin_account: AccountLoader<'info, MarginAccount>,
}

impl CloseAccount<'_> {
    fn validate(&self) -> Result<()> {
        require!(self.margin_account.load()?.is_empty(), PlimsollError::AccountNotEmpty);
        Ok(())
    }
}

/// Refuses an account that holds anything; the rest is the account's closing itself.
pub(crate) fn handler(ctx: Context<CloseAccount>) -> Result<()> {
    ctx.accounts.validate()
}
