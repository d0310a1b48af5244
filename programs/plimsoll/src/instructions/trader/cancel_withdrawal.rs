//! Takes a request out of the queue; what it was granted and not paid is the others' at once (RULES 1.6). Only the owner, always.

use crate::custody::with_gate;
use crate::emit::emit;
use crate::errors::{OrRefuse, PlimsollError};
use crate::events::{Header, WithdrawalChanged};
use anchor_lang::prelude::*;
use plimsoll_state::{Collateral, Exchange, MarginAccount, WithdrawalRequest};

/// Accounts of `cancel_withdrawal`.
#[event_cpi]
#[derive(Accounts)]
pub struct CancelWithdrawal<'info> {
    /// The owner; the request's rent returns to it.
    #[account(mut)]
    pub owner: Signer<'info>,
    /// The clearing house; holds the queue of the quote token.
    #[account(mut)]
    pub exchange: AccountLoader<'info, Exchange>,
    /// The account that would have been debited.
    #[account(mut)]
    pub margin_account: AccountLoader<'info, MarginAccount>,
    /// The listing of a request for collateral.
    #[account(mut)]
    pub collateral: Option<AccountLoader<'info, Collateral>>,
    /// The request.
    #[account(mut, close = owner, has_one = owner @ PlimsollError::NotAuthorised, has_one = exchange @ PlimsollError::WrongExchange,
        has_one = margin_account @ PlimsollError::WrongRequest)]
    pub request: AccountLoader<'info, WithdrawalRequest>,
}

impl CancelWithdrawal<'_> {
    fn validate(&self) -> Result<()> {
        let key = self.collateral.as_ref().map(AccountLoader::key).unwrap_or_default();
        require_keys_eq!(self.request.load()?.collateral, key, PlimsollError::WrongRequest);
        Ok(())
    }
}

/// No balance changes.
pub(crate) fn handler(ctx: Context<CancelWithdrawal>) -> Result<()> {
    ctx.accounts.validate()?;
    let accounts = &*ctx.accounts;
    let mut request = accounts.request.load_mut()?;
    with_gate(&accounts.exchange, accounts.collateral.as_ref(), |gate| gate.cancel(&mut request.request))?;
    let mint = match &accounts.collateral {
        Some(collateral) => collateral.load()?.mint,
        None => accounts.exchange.load()?.quote_mint,
    };
    let mut account = accounts.margin_account.load_mut()?;
    account.requests = account.requests.saturating_sub(1);
    account.sequence = account.sequence.wrapping_add(1);
    account.invariant().or_refuse()?;
    let header = Header::new(&Clock::get()?, Pubkey::default(), accounts.margin_account.key(), account.sequence);
    drop((request, account));
    emit(&WithdrawalChanged { header, mint, paid: 0, waiting: 0, granted: 0 }, &ctx.accounts.event_authority)?;
    Ok(())
}
