//! Takes a collateral token out of a margin account. Only the owner; the same conditions and the same
//! limits, against this token's own vault, as a withdrawal of cash (RULES 1.6, 2.2).

use crate::custody::{measure, require_open};
use crate::emit::emit;
use crate::errors::{OrRefuse, PlimsollError};
use crate::events::{Header, Transferred};
use crate::portfolio::Roster;
use crate::tokens::Movement;
use anchor_lang::prelude::*;
use anchor_spl::token_interface::{Mint, TokenAccount, TokenInterface};
use plimsoll_risk::RiskError;
use plimsoll_state::{seeds, Collateral, Exchange, MarginAccount};

/// Arguments of `withdraw_collateral`.
#[derive(AnchorSerialize, AnchorDeserialize, Clone, Copy)]
pub struct WithdrawCollateralArgs {
    /// Token atoms, at least 1.
    pub amount: u64,
}

/// Accounts of `withdraw_collateral`. Remaining: every market and collateral the account uses, this one included.
#[event_cpi]
#[derive(Accounts)]
pub struct WithdrawCollateral<'info> {
    /// The owner.
    pub owner: Signer<'info>,
    /// The clearing house; signs for the vault.
    pub exchange: AccountLoader<'info, Exchange>,
    /// The listing; its total changes.
    #[account(mut, has_one = exchange @ PlimsollError::WrongExchange, has_one = vault @ PlimsollError::WrongVault,
        has_one = mint @ PlimsollError::MintNotAllowed)]
    pub collateral: AccountLoader<'info, Collateral>,
    /// Gives the collateral.
    #[account(mut, has_one = exchange @ PlimsollError::WrongExchange, has_one = owner @ PlimsollError::NotAuthorised)]
    pub margin_account: AccountLoader<'info, MarginAccount>,
    /// The token.
    pub mint: InterfaceAccount<'info, Mint>,
    /// Gives the tokens.
    #[account(mut)]
    pub vault: InterfaceAccount<'info, TokenAccount>,
    /// Receives the tokens.
    #[account(mut)]
    pub to: InterfaceAccount<'info, TokenAccount>,
    /// SPL Token or Token-2022.
    pub token_program: Interface<'info, TokenInterface>,
}

impl WithdrawCollateral<'_> {
    fn validate(&self, args: &WithdrawCollateralArgs) -> Result<i64> {
        require_keys_neq!(self.to.key(), self.vault.key(), PlimsollError::SameAccount);
        let amount = i64::try_from(args.amount).map_err(|_| PlimsollError::QuantityOutOfRange)?;
        require!(amount > 0, PlimsollError::QuantityOutOfRange);
        Ok(amount)
    }
}

/// Ledger first, then margin on what is left, then the transfer.
pub(crate) fn handler(ctx: Context<WithdrawCollateral>, args: WithdrawCollateralArgs) -> Result<()> {
    let amount = ctx.accounts.validate(&args)?;
    let clock = Clock::get()?;
    let (governor, bump) = {
        let exchange = ctx.accounts.exchange.load()?;
        require_open(&exchange, clock.unix_timestamp)?;
        (exchange.governor, exchange.bump)
    };
    let (header, balance) = {
        let mut account = ctx.accounts.margin_account.load_mut()?;
        let key = ctx.accounts.collateral.key();
        let balance = {
            let mut collateral = ctx.accounts.collateral.load_mut()?;
            account.debit_collateral(&key, &mut collateral, amount, clock.unix_timestamp).map_err(|error| match error {
                RiskError::LimitExceeded => PlimsollError::OutflowLimit,
                _ => PlimsollError::InsufficientCollateral,
            })?
        };
        measure(&account, &Roster::new(ctx.remaining_accounts), clock.unix_timestamp)??;
        account.invariant().or_refuse()?;
        (Header::new(&clock, Pubkey::default(), ctx.accounts.margin_account.key(), account.sequence), balance)
    };
    Movement {
        mint: &ctx.accounts.mint,
        token_program: &ctx.accounts.token_program,
        vault: &mut ctx.accounts.vault,
        other: ctx.accounts.to.to_account_info(),
        authority: ctx.accounts.exchange.to_account_info(),
    }
    .out_of_vault(args.amount, &[seeds::EXCHANGE, governor.as_ref(), &[bump]])?;
    emit(&Transferred { header, mint: ctx.accounts.mint.key(), amount: amount.saturating_neg(), balance }, &ctx.accounts.event_authority)?;
    Ok(())
}
