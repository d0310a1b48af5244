//! Names, changes or dismisses the delegate of a margin account and the limit on its fills. Only the owner, at any time.
//!
//! Orders that a delegate placed stay, under the new limit: cancel_all removes them in one step.

use crate::errors::OrRefuse;
use crate::events::{DelegateSet, Header};
use crate::position::require_authority;
use anchor_lang::prelude::*;
use plimsoll_risk::Quote;
use plimsoll_state::MarginAccount;

/// Arguments of `set_delegate`.
#[derive(AnchorSerialize, AnchorDeserialize, Clone, Copy)]
pub struct SetDelegateArgs {
    /// May trade but never withdraw (RULES 5.2); all zero for nobody.
    pub delegate: Pubkey,
    /// Most that the delegate's fills may give away in 24 hours, quote atoms. What was given away today still counts.
    pub daily_loss_cap: i64,
}

/// Accounts of `set_delegate`.
#[derive(Accounts)]
pub struct SetDelegate<'info> {
    /// Owner of the account.
    pub owner: Signer<'info>,
    /// The account that is delegated.
    #[account(mut)]
    pub margin_account: AccountLoader<'info, MarginAccount>,
}

impl SetDelegate<'_> {
    fn validate(&self, account: &MarginAccount) -> Result<()> {
        require_authority(account, self.owner.key, false)
    }
}

/// Writes both; the log tells indexers.
pub(crate) fn handler(ctx: Context<SetDelegate>, args: SetDelegateArgs) -> Result<()> {
    let mut account = ctx.accounts.margin_account.load_mut()?;
    ctx.accounts.validate(&account)?;
    account.delegate = args.delegate;
    account.loss_cap.set(Quote::new(args.daily_loss_cap)).or_refuse()?;
    account.sequence = account.sequence.wrapping_add(1);
    account.invariant().or_refuse()?;
    emit!(DelegateSet {
        header: Header::new(&Clock::get()?, Pubkey::default(), ctx.accounts.margin_account.key(), account.sequence),
        delegate: args.delegate,
        daily_loss_cap: args.daily_loss_cap
    });
    Ok(())
}
