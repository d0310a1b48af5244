//! Opens a clearing house for one quote token. Anyone may open one of their own; the address is bound to the governor who signs.

use crate::errors::{OrRefuse, PlimsollError};
use crate::tokens::check_mint;
use anchor_lang::prelude::*;
use anchor_spl::token_interface::{Mint, TokenAccount, TokenInterface};
use plimsoll_risk::limits::OutflowParams;
use plimsoll_risk::withdrawals::Gate;
use plimsoll_risk::{Ratio, Secs};
use plimsoll_state::{seeds, Exchange, InsuranceFund, VERSION};

/// Decimals of the quote token: atoms are 1e-6 (RULES, units).
const QUOTE_DECIMALS: u8 = 6;

/// Arguments of `initialize_exchange`.
#[derive(AnchorSerialize, AnchorDeserialize, Clone, Copy)]
pub struct InitializeExchangeArgs {
    /// May pause; cannot move money.
    pub guardian: Pubkey,
    /// Token account owner that receives protocol fees.
    pub fee_collector: Pubkey,
    /// Share of the vault's average that may leave in an hour, Q30, more than 0 and at most `outflow_daily` (RULES 1.6: 1 %).
    pub outflow_hourly: i64,
    /// Share that may leave in a day, Q30, at most 1.0 (RULES 1.6: 10 %).
    pub outflow_daily: i64,
}

/// Accounts of `initialize_exchange`.
#[derive(Accounts)]
pub struct InitializeExchange<'info> {
    /// Pays the rent.
    #[account(mut)]
    pub payer: Signer<'info>,
    /// Becomes the governor; its key is part of the exchange's address, so nobody can take the address first.
    pub governor: Signer<'info>,
    /// The clearing house.
    #[account(init, payer = payer, space = Exchange::SPACE, seeds = [seeds::EXCHANGE, governor.key().as_ref()], bump)]
    pub exchange: AccountLoader<'info, Exchange>,
    /// The insurance fund's account.
    #[account(init, payer = payer, space = InsuranceFund::SPACE, seeds = [seeds::INSURANCE, exchange.key().as_ref()], bump)]
    pub insurance: AccountLoader<'info, InsuranceFund>,
    /// The quote token.
    #[account(mint::token_program = token_program)]
    pub quote_mint: InterfaceAccount<'info, Mint>,
    /// Holds users' cash, pools, tranches and fees.
    #[account(init, payer = payer, token::mint = quote_mint, token::authority = exchange, token::token_program = token_program,
        seeds = [seeds::VAULT, exchange.key().as_ref()], bump)]
    pub vault: InterfaceAccount<'info, TokenAccount>,
    /// Holds the fund's tokens.
    #[account(init, payer = payer, token::mint = quote_mint, token::authority = exchange, token::token_program = token_program,
        seeds = [seeds::INSURANCE_VAULT, exchange.key().as_ref()], bump)]
    pub insurance_vault: InterfaceAccount<'info, TokenAccount>,
    /// SPL Token or Token-2022.
    pub token_program: Interface<'info, TokenInterface>,
    /// Creates the accounts.
    pub system_program: Program<'info, System>,
}

impl InitializeExchange<'_> {
    fn validate(&self, args: &InitializeExchangeArgs) -> Result<OutflowParams> {
        // Addresses of exchange, fund and vaults are bound by their seeds; only the mint and the numbers are the caller's choice.
        require!(self.quote_mint.decimals == QUOTE_DECIMALS, PlimsollError::MintNotAllowed);
        check_mint(&self.quote_mint)?;
        let params =
            OutflowParams { hourly: Ratio::new(args.outflow_hourly), daily: Ratio::new(args.outflow_daily), ..OutflowParams::DEFAULT };
        params.validate().or_refuse()?;
        Ok(params)
    }
}

/// Writes the new accounts; `init` has refused an address that is in use.
pub(crate) fn handler(ctx: Context<InitializeExchange>, args: InitializeExchangeArgs) -> Result<()> {
    let outflow = ctx.accounts.validate(&args)?;
    let now = Secs::new(Clock::get()?.unix_timestamp);
    let accounts = ctx.accounts;
    let mut exchange = accounts.exchange.load_init()?;
    exchange.quote_mint = accounts.quote_mint.key();
    exchange.vault = accounts.vault.key();
    exchange.insurance = accounts.insurance.key();
    exchange.governor = accounts.governor.key();
    exchange.guardian = args.guardian;
    exchange.fee_collector = args.fee_collector;
    exchange.version = VERSION;
    exchange.bump = ctx.bumps.exchange;
    exchange.vault_bump = ctx.bumps.vault;
    exchange.outflow = Gate::new(outflow, now).or_refuse()?.into();
    let mut fund = accounts.insurance.load_init()?;
    fund.exchange = accounts.exchange.key();
    fund.vault = accounts.insurance_vault.key();
    fund.version = VERSION;
    fund.bump = ctx.bumps.insurance;
    fund.vault_bump = ctx.bumps.insurance_vault;
    Ok(())
}
