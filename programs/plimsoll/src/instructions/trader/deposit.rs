//! Brings quote tokens into a margin account's cash. Anyone may pay into any account, in every state and at any price: a deposit always cures.

use crate::emit::emit;
use crate::errors::{OrRefuse, PlimsollError};
use crate::events::{Header, Transferred};
use crate::position::require_version;
use crate::tokens::Movement;
use anchor_lang::prelude::*;
use anchor_spl::token_interface::{Mint, TokenAccount, TokenInterface};
use plimsoll_state::{Exchange, MarginAccount};

/// Arguments of `deposit`.
#[derive(AnchorSerialize, AnchorDeserialize, Clone, Copy)]
pub struct DepositArgs {
    /// Quote atoms, at least 1.
    pub amount: u64,
}

/// Accounts of `deposit`.
#[event_cpi]
#[derive(Accounts)]
pub struct Deposit<'info> {
    /// Pays; need not be the owner.
    pub payer: Signer<'info>,
    /// The clearing house; its outflow windows change.
    #[account(mut, has_one = vault @ PlimsollError::WrongVault, has_one = quote_mint @ PlimsollError::MintNotAllowed)]
    pub exchange: AccountLoader<'info, Exchange>,
    /// Receives the cash.
    #[account(mut, has_one = exchange @ PlimsollError::WrongExchange)]
    pub margin_account: AccountLoader<'info, MarginAccount>,
    /// The quote token.
    pub quote_mint: InterfaceAccount<'info, Mint>,
    /// Receives the tokens.
    #[account(mut)]
    pub vault: InterfaceAccount<'info, TokenAccount>,
    /// Gives the tokens; the token program checks the payer's right to them.
    #[account(mut)]
    pub from: InterfaceAccount<'info, TokenAccount>,
    /// SPL Token or Token-2022.
    pub token_program: Interface<'info, TokenInterface>,
}

impl Deposit<'_> {
    fn validate(&self, args: &DepositArgs) -> Result<i64> {
        // Not checked: price and health. A deposit must work whatever they are (RULES 6.1).
        let amount = i64::try_from(args.amount).map_err(|_| PlimsollError::QuantityOutOfRange)?;
        require!(amount > 0, PlimsollError::QuantityOutOfRange);
        Ok(amount)
    }
}

/// Ledger first, then the transfer, then the vault's growth is compared with it.
pub(crate) fn handler(ctx: Context<Deposit>, args: DepositArgs) -> Result<()> {
    let amount = ctx.accounts.validate(&args)?;
    let clock = Clock::get()?;
    let held = i64::try_from(ctx.accounts.vault.amount).map_err(|_| PlimsollError::Overflow)?;
    let (header, balance) = {
        let mut exchange = ctx.accounts.exchange.load_mut()?;
        let mut account = ctx.accounts.margin_account.load_mut()?;
        require_version(exchange.version)?;
        require_version(account.version)?;
        exchange.credit_cash(&mut account, amount, held, clock.unix_timestamp).or_refuse()?;
        account.invariant().or_refuse()?;
        (Header::new(&clock, Pubkey::default(), ctx.accounts.margin_account.key(), account.sequence), account.cash)
    };
    Movement {
        mint: &ctx.accounts.quote_mint,
        token_program: &ctx.accounts.token_program,
        vault: &mut ctx.accounts.vault,
        other: ctx.accounts.from.to_account_info(),
        authority: ctx.accounts.payer.to_account_info(),
    }
    .into_vault(args.amount)?;
    emit(&Transferred { header, mint: ctx.accounts.quote_mint.key(), amount, balance }, &ctx.accounts.event_authority)?;
    Ok(())
}
