//! Brings a listed collateral token into a margin account, at any price but a final one. Only its owner: a stranger's dust would use up its slots.

use crate::emit::emit;
use crate::errors::{OrRefuse, PlimsollError};
use crate::events::{Header, Transferred};
use crate::position::require_version;
use crate::tokens::Movement;
use anchor_lang::prelude::*;
use anchor_spl::token_interface::{Mint, TokenAccount, TokenInterface};
use plimsoll_risk::RiskError;
use plimsoll_state::{Collateral, MarginAccount, Market};

/// Arguments of `deposit_collateral`.
#[derive(AnchorSerialize, AnchorDeserialize, Clone, Copy)]
pub struct DepositCollateralArgs {
    /// Token atoms, at least 1.
    pub amount: u64,
}

/// Accounts of `deposit_collateral`.
#[event_cpi]
#[derive(Accounts)]
pub struct DepositCollateral<'info> {
    /// The owner; pays.
    pub owner: Signer<'info>,
    /// The listing; its total changes.
    #[account(mut, has_one = vault @ PlimsollError::WrongVault, has_one = mint @ PlimsollError::MintNotAllowed,
        has_one = market @ PlimsollError::WrongMarket)]
    pub collateral: AccountLoader<'info, Collateral>,
    /// Prices the token.
    pub market: AccountLoader<'info, Market>,
    /// Receives the deposit.
    #[account(mut, has_one = owner @ PlimsollError::NotAuthorised)]
    pub margin_account: AccountLoader<'info, MarginAccount>,
    /// The token.
    pub mint: InterfaceAccount<'info, Mint>,
    /// Receives the tokens.
    #[account(mut)]
    pub vault: InterfaceAccount<'info, TokenAccount>,
    /// Gives the tokens; the token program checks the owner's right to them.
    #[account(mut)]
    pub from: InterfaceAccount<'info, TokenAccount>,
    /// SPL Token or Token-2022.
    pub token_program: Interface<'info, TokenInterface>,
}

impl DepositCollateral<'_> {
    fn validate(&self, args: &DepositCollateralArgs) -> Result<i64> {
        require_keys_eq!(self.collateral.load()?.exchange, self.margin_account.load()?.exchange, PlimsollError::WrongExchange);
        // Its price is final: a token that has become worthless since would buy credit.
        require!(!self.market.load()?.oracle.is_settling(), PlimsollError::PriceConditionRefused);
        let amount = i64::try_from(args.amount).map_err(|_| PlimsollError::QuantityOutOfRange)?;
        require!(amount > 0, PlimsollError::QuantityOutOfRange);
        Ok(amount)
    }
}

/// Ledger first, then the transfer, then the vault's growth is compared with it.
pub(crate) fn handler(ctx: Context<DepositCollateral>, args: DepositCollateralArgs) -> Result<()> {
    let amount = ctx.accounts.validate(&args)?;
    let clock = Clock::get()?;
    let (header, balance) = {
        let mut collateral = ctx.accounts.collateral.load_mut()?;
        let mut account = ctx.accounts.margin_account.load_mut()?;
        require_version(collateral.version)?;
        require_version(account.version)?;
        let balance = account.credit_collateral(ctx.accounts.collateral.key(), &mut collateral, amount, clock.unix_timestamp);
        let balance = balance.map_err(|error| match error {
            RiskError::WrongState => PlimsollError::PositionSlotsFull,
            _ => PlimsollError::CollateralCap,
        })?;
        collateral.invariant().map_err(|_| PlimsollError::CollateralCap)?;
        account.invariant().or_refuse()?;
        (Header::new(&clock, Pubkey::default(), ctx.accounts.margin_account.key(), account.sequence), balance)
    };
    Movement {
        mint: &ctx.accounts.mint,
        token_program: &ctx.accounts.token_program,
        vault: &mut ctx.accounts.vault,
        other: ctx.accounts.from.to_account_info(),
        authority: ctx.accounts.owner.to_account_info(),
    }
    .into_vault(args.amount)?;
    emit(&Transferred { header, mint: ctx.accounts.mint.key(), amount, balance }, &ctx.accounts.event_authority)?;
    Ok(())
}
