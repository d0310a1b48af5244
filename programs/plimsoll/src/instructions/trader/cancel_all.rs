//! Cancels every order of an account in one step, whatever their number: the account's generation moves on and older orders are dead (RULES 5.3).
//! Owner or delegate; always allowed.

use crate::errors::OrRefuse;
use crate::events::{Header, OrdersCancelled};
use crate::position::require_authority;
use anchor_lang::prelude::*;
use plimsoll_state::MarginAccount;

/// Accounts of `cancel_all`.
#[derive(Accounts)]
pub struct CancelAll<'info> {
    /// Owner or delegate.
    pub authority: Signer<'info>,
    /// The account whose orders go.
    #[account(mut)]
    pub margin_account: AccountLoader<'info, MarginAccount>,
}

impl CancelAll<'_> {
    fn validate(&self) -> Result<()> {
        require_authority(&*self.margin_account.load()?, self.authority.key, true)
    }
}

/// No book is touched: dead orders are swept when met.
pub(crate) fn handler(ctx: Context<CancelAll>) -> Result<()> {
    ctx.accounts.validate()?;
    let mut account = ctx.accounts.margin_account.load_mut()?;
    account.cancel_all();
    for slot in 0..account.perps.len() {
        account.close_if_empty(slot);
    }
    account.sequence = account.sequence.wrapping_add(1);
    account.invariant().or_refuse()?;
    emit!(OrdersCancelled {
        header: Header::new(&Clock::get()?, Pubkey::default(), ctx.accounts.margin_account.key(), account.sequence),
        order: 0
    });
    Ok(())
}
