//! Pays quote tokens into the insurance fund. Anyone; there is no way to take them out but the waterfall (RULES 7.8: no admin exit).

use crate::emit::emit;
use crate::errors::PlimsollError;
use crate::events::{FundDeposited, Header};
use crate::tokens::Movement;
use anchor_lang::prelude::*;
use anchor_spl::token_interface::{Mint, TokenAccount, TokenInterface};
use plimsoll_state::{Exchange, InsuranceFund};

/// Arguments of `fund_insurance`.
#[derive(AnchorSerialize, AnchorDeserialize, Clone, Copy)]
pub struct FundInsuranceArgs {
    /// Quote atoms, at least 1.
    pub amount: u64,
}

/// Accounts of `fund_insurance`.
#[event_cpi]
#[derive(Accounts)]
pub struct FundInsurance<'info> {
    /// Pays.
    pub payer: Signer<'info>,
    /// The clearing house.
    #[account(has_one = quote_mint @ PlimsollError::MintNotAllowed)]
    pub exchange: AccountLoader<'info, Exchange>,
    /// The fund.
    #[account(mut, has_one = exchange @ PlimsollError::WrongExchange, has_one = vault @ PlimsollError::WrongVault)]
    pub insurance: AccountLoader<'info, InsuranceFund>,
    /// The quote token.
    pub quote_mint: InterfaceAccount<'info, Mint>,
    /// The fund's tokens.
    #[account(mut)]
    pub vault: InterfaceAccount<'info, TokenAccount>,
    /// Gives the tokens.
    #[account(mut)]
    pub from: InterfaceAccount<'info, TokenAccount>,
    /// SPL Token or Token-2022.
    pub token_program: Interface<'info, TokenInterface>,
}

impl FundInsurance<'_> {
    fn validate(&self, args: &FundInsuranceArgs) -> Result<i64> {
        let amount = i64::try_from(args.amount).map_err(|_| PlimsollError::QuantityOutOfRange)?;
        require!(amount > 0, PlimsollError::QuantityOutOfRange);
        Ok(amount)
    }
}

/// Ledger first, then the transfer.
pub(crate) fn handler(ctx: Context<FundInsurance>, args: FundInsuranceArgs) -> Result<()> {
    let amount = ctx.accounts.validate(&args)?;
    let (header, balance) = {
        let mut fund = ctx.accounts.insurance.load_mut()?;
        fund.pay_in(amount).map_err(PlimsollError::from)?;
        (Header::new(&Clock::get()?, Pubkey::default(), ctx.accounts.insurance.key(), fund.sequence), fund.balance)
    };
    Movement {
        mint: &ctx.accounts.quote_mint,
        token_program: &ctx.accounts.token_program,
        vault: &mut ctx.accounts.vault,
        other: ctx.accounts.from.to_account_info(),
        authority: ctx.accounts.payer.to_account_info(),
    }
    .into_vault(args.amount)?;
    emit(&FundDeposited { header, amount, balance }, &ctx.accounts.event_authority)?;
    Ok(())
}
