//! Takes quote tokens out of a margin account's cash. Only the owner, never a delegate; equity must stay above initial margin and a tenth of gross
//! notional (RULES 1.6), prices must be fresh and certain (RULES 2.2), and the vault's net outflow within its hourly and daily limits,
//! with nobody waiting in the queue.

use crate::custody::{measure, require_open};
use crate::emit::emit;
use crate::errors::{OrRefuse, PlimsollError};
use crate::events::{Header, Transferred};
use crate::portfolio::Roster;
use crate::tokens::Movement;
use anchor_lang::prelude::*;
use anchor_spl::token_interface::{Mint, TokenAccount, TokenInterface};
use plimsoll_state::{seeds, Exchange, MarginAccount};

/// Arguments of `withdraw`.
#[derive(AnchorSerialize, AnchorDeserialize, Clone, Copy)]
pub struct WithdrawArgs {
    /// Quote atoms, at least 1 and at most the account's cash.
    pub amount: u64,
}

/// Accounts of `withdraw`. Remaining: every market and collateral the account uses.
#[event_cpi]
#[derive(Accounts)]
pub struct Withdraw<'info> {
    /// The owner.
    pub owner: Signer<'info>,
    /// The clearing house; its outflow windows change; signs for the vault.
    #[account(mut, has_one = vault @ PlimsollError::WrongVault, has_one = quote_mint @ PlimsollError::MintNotAllowed)]
    pub exchange: AccountLoader<'info, Exchange>,
    /// Gives the cash.
    #[account(mut, has_one = exchange @ PlimsollError::WrongExchange, has_one = owner @ PlimsollError::NotAuthorised)]
    pub margin_account: AccountLoader<'info, MarginAccount>,
    /// The quote token.
    pub quote_mint: InterfaceAccount<'info, Mint>,
    /// Gives the tokens.
    #[account(mut)]
    pub vault: InterfaceAccount<'info, TokenAccount>,
    /// Receives the tokens; any account of the mint that the owner names.
    #[account(mut)]
    pub to: InterfaceAccount<'info, TokenAccount>,
    /// SPL Token or Token-2022.
    pub token_program: Interface<'info, TokenInterface>,
}

impl Withdraw<'_> {
    fn validate(&self, args: &WithdrawArgs) -> Result<i64> {
        require_keys_neq!(self.to.key(), self.vault.key(), PlimsollError::SameAccount);
        let amount = i64::try_from(args.amount).map_err(|_| PlimsollError::QuantityOutOfRange)?;
        require!(amount > 0, PlimsollError::QuantityOutOfRange);
        require!(amount <= self.margin_account.load()?.cash, PlimsollError::InsufficientCash);
        Ok(amount)
    }
}

/// Ledger first, then margin on what is left, then the transfer.
pub(crate) fn handler(ctx: Context<Withdraw>, args: WithdrawArgs) -> Result<()> {
    let amount = ctx.accounts.validate(&args)?;
    let clock = Clock::get()?;
    let held = i64::try_from(ctx.accounts.vault.amount).map_err(|_| PlimsollError::Overflow)?;
    let governor = ctx.accounts.exchange.load()?.governor;
    let bump = ctx.accounts.exchange.load()?.bump;
    let (header, balance) = {
        let mut exchange = ctx.accounts.exchange.load_mut()?;
        require_open(&exchange, clock.unix_timestamp)?;
        let mut account = ctx.accounts.margin_account.load_mut()?;
        exchange.debit_cash(&mut account, amount, held, clock.unix_timestamp).or_refuse()?;
        measure(&account, &Roster::new(ctx.remaining_accounts), clock.unix_timestamp)??;
        account.invariant().or_refuse()?;
        (Header::new(&clock, Pubkey::default(), ctx.accounts.margin_account.key(), account.sequence), account.cash)
    };
    Movement {
        mint: &ctx.accounts.quote_mint,
        token_program: &ctx.accounts.token_program,
        vault: &mut ctx.accounts.vault,
        other: ctx.accounts.to.to_account_info(),
        authority: ctx.accounts.exchange.to_account_info(),
    }
    .out_of_vault(args.amount, &[seeds::EXCHANGE, governor.as_ref(), &[bump]])?;
    emit(
        &Transferred { header, mint: ctx.accounts.quote_mint.key(), amount: amount.saturating_neg(), balance },
        &ctx.accounts.event_authority,
    )?;
    Ok(())
}
