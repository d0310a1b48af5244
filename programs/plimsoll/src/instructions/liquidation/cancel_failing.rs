//! Cancels all orders of an account that has fallen below its exit target (RULES 6.1, state warned). Anyone.

use crate::errors::{OrRefuse, PlimsollError};
use crate::events::{Header, OrdersCancelled};
use crate::portfolio::{Portfolio, Roster};
use anchor_lang::prelude::*;
use plimsoll_state::MarginAccount;

/// Accounts of `cancel_failing`. Remaining: the account's markets and collaterals.
#[derive(Accounts)]
pub struct CancelFailing<'info> {
    /// The failing account.
    #[account(mut)]
    pub margin_account: AccountLoader<'info, MarginAccount>,
}

/// E < T is judged afresh.
pub(crate) fn handler(ctx: Context<CancelFailing>) -> Result<()> {
    let clock = Clock::get()?;
    let mut account = ctx.accounts.margin_account.load_mut()?;
    let portfolio = Portfolio::read(&account, &Roster::new(ctx.remaining_accounts), clock.unix_timestamp)?;
    let health = portfolio.health()?;
    require!(health.equity < health.target, PlimsollError::NotLiquidatable);
    account.cancel_all();
    for slot in 0..account.perps.len() {
        account.close_if_empty(slot);
    }
    account.sequence = account.sequence.wrapping_add(1);
    account.invariant().or_refuse()?;
    emit!(OrdersCancelled {
        header: Header::new(&clock, Pubkey::default(), ctx.accounts.margin_account.key(), account.sequence),
        order: 0
    });
    Ok(())
}
