//! Pays a queued withdrawal what it has been granted, and shares the room of the hour among all requests if that is due (RULES 1.6). Anyone, for
//! any request; the receiver is fixed by it.
//!
//! Paid is only what the account still holds and what leaves it above the withdrawal floors. Where that fails the grant goes back to the others
//! and the request waits for it anew; a request that nothing is left of ends.

use crate::custody::{measure, require_open, token_of, with_gate};
use crate::emit::emit;
use crate::errors::{OrRefuse, PlimsollError};
use crate::events::{Header, Transferred, WithdrawalChanged};
use crate::portfolio::Roster;
use crate::tokens::Movement;
use anchor_lang::prelude::*;
use anchor_spl::token_interface::{Mint, TokenAccount, TokenInterface};
use plimsoll_risk::withdrawals::Request;
use plimsoll_risk::{Atoms, Secs};
use plimsoll_state::{seeds, Collateral, Exchange, MarginAccount, WithdrawalRequest};

/// Accounts of `process_withdrawal`. Remaining: every market and collateral the account uses.
#[event_cpi]
#[derive(Accounts)]
pub struct ProcessWithdrawal<'info> {
    /// The clearing house; holds the queue of the quote token; signs for the vault.
    #[account(mut)]
    pub exchange: AccountLoader<'info, Exchange>,
    /// Is debited.
    #[account(mut)]
    pub margin_account: AccountLoader<'info, MarginAccount>,
    /// The listing of a request for collateral.
    #[account(mut)]
    pub collateral: Option<AccountLoader<'info, Collateral>>,
    /// The request.
    #[account(mut, has_one = owner @ PlimsollError::NotAuthorised, has_one = exchange @ PlimsollError::WrongExchange,
        has_one = margin_account @ PlimsollError::WrongRequest, has_one = to @ PlimsollError::WrongRequest)]
    pub request: AccountLoader<'info, WithdrawalRequest>,
    /// CHECK: the owner named in the request; gets its rent back.
    #[account(mut)]
    pub owner: UncheckedAccount<'info>,
    /// The token.
    pub mint: InterfaceAccount<'info, Mint>,
    /// Gives the tokens.
    #[account(mut)]
    pub vault: InterfaceAccount<'info, TokenAccount>,
    /// Receives the tokens: the account named in the request.
    #[account(mut)]
    pub to: InterfaceAccount<'info, TokenAccount>,
    /// SPL Token or Token-2022.
    pub token_program: Interface<'info, TokenInterface>,
}

impl ProcessWithdrawal<'_> {
    fn validate(&self, now: i64) -> Result<()> {
        require_open(&*self.exchange.load()?, now)?;
        let (mint, vault) = token_of(&self.exchange, self.collateral.as_ref())?;
        require_keys_eq!(self.mint.key(), mint, PlimsollError::MintNotAllowed);
        require_keys_eq!(self.vault.key(), vault, PlimsollError::WrongVault);
        let key = self.collateral.as_ref().map(AccountLoader::key).unwrap_or_default();
        require_keys_eq!(self.request.load()?.collateral, key, PlimsollError::WrongRequest);
        Ok(())
    }

    /// Settles the request and pays it, on the ledger; the atoms paid. An account whose margin does not allow it keeps them.
    fn pay(&self, account: &mut MarginAccount, request: &mut Request, roster: &Roster<'_>, now: i64) -> Result<i64> {
        let key = self.collateral.as_ref().map(AccountLoader::key);
        let (before, at) = (*request, Secs::new(now));
        let balance = Atoms::new(account.balance_of(key.as_ref()));
        let due = with_gate(&self.exchange, self.collateral.as_ref(), |gate| gate.settle(request, balance, at))?;
        let is_trimmed = request.waiting.add(request.granted) != before.waiting.add(before.granted);
        require!(due.is_positive() || is_trimmed, PlimsollError::NothingGranted);
        if !due.is_positive() {
            return Ok(0);
        }
        account.take_out(key.as_ref(), due.raw()).or_refuse()?;
        if measure(account, roster, now)?.is_err() {
            account.put_back(key.as_ref(), due.raw()).or_refuse()?;
            with_gate(&self.exchange, self.collateral.as_ref(), |gate| gate.lapse(request, at))?;
            return Ok(0);
        }
        let held = match &self.collateral {
            Some(collateral) => collateral.load()?.total,
            None => i64::try_from(self.vault.amount).map_err(|_| PlimsollError::Overflow)?,
        };
        let after = Atoms::new(held).sub(due).or_refuse()?;
        with_gate(&self.exchange, self.collateral.as_ref(), |gate| gate.pay(request, due, after, at))?;
        if let Some(collateral) = &self.collateral {
            collateral.load_mut()?.total = after.raw();
            account.free_collateral(&collateral.key());
        }
        Ok(due.raw())
    }
}

/// Ledger first, then the transfer; an empty request is closed.
pub(crate) fn handler(ctx: Context<ProcessWithdrawal>) -> Result<()> {
    let clock = Clock::get()?;
    ctx.accounts.validate(clock.unix_timestamp)?;
    let (governor, bump) = {
        let exchange = ctx.accounts.exchange.load()?;
        (exchange.governor, exchange.bump)
    };
    let (event, balance, is_done) = {
        let accounts = &*ctx.accounts;
        let mut account = accounts.margin_account.load_mut()?;
        let mut request = accounts.request.load_mut()?;
        let mut queued = *request.request;
        let paid = accounts.pay(&mut account, &mut queued, &Roster::new(ctx.remaining_accounts), clock.unix_timestamp)?;
        let (waiting, granted) = (queued.waiting, queued.granted);
        let is_done = waiting.is_zero() && granted.is_zero();
        if is_done {
            with_gate(&accounts.exchange, accounts.collateral.as_ref(), |gate| gate.cancel(&mut queued))?;
            account.requests = account.requests.saturating_sub(1);
        }
        request.request = queued.into();
        request.sequence = request.sequence.wrapping_add(1);
        account.sequence = account.sequence.wrapping_add(1);
        account.invariant().or_refuse()?;
        let header = Header::new(&clock, Pubkey::default(), accounts.margin_account.key(), account.sequence);
        let mint = accounts.mint.key();
        let balance = account.balance_of(accounts.collateral.as_ref().map(AccountLoader::key).as_ref());
        (WithdrawalChanged { header, mint, paid, waiting: waiting.raw(), granted: granted.raw() }, balance, is_done)
    };
    let accounts = &mut *ctx.accounts;
    let atoms = u64::try_from(event.paid).map_err(|_| PlimsollError::Overflow)?;
    if atoms > 0 {
        Movement {
            mint: &accounts.mint,
            token_program: &accounts.token_program,
            vault: &mut accounts.vault,
            other: accounts.to.to_account_info(),
            authority: accounts.exchange.to_account_info(),
        }
        .out_of_vault(atoms, &[seeds::EXCHANGE, governor.as_ref(), &[bump]])?;
    }
    if is_done {
        accounts.request.close(accounts.owner.to_account_info())?;
    }
    let WithdrawalChanged { header, mint, paid, .. } = event;
    emit(&event, &ctx.accounts.event_authority)?;
    if paid > 0 {
        emit(&Transferred { header, mint, amount: paid.saturating_neg(), balance }, &ctx.accounts.event_authority)?;
    }
    Ok(())
}
