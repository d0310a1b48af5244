//! Lists a collateral token: its vault, the market that prices it, its weights and cap. Only the governor; the weight grows from zero (RULES 9.1).

use crate::errors::{OrRefuse, PlimsollError};
use crate::tokens::check_mint;
use anchor_lang::prelude::*;
use anchor_spl::token_interface::{Mint, TokenAccount, TokenInterface};
use plimsoll_risk::withdrawals::Gate;
use plimsoll_risk::Secs;
use plimsoll_state::{seeds, Collateral, Exchange, Market, VERSION};

/// Arguments of `create_collateral`.
#[derive(AnchorSerialize, AnchorDeserialize, Clone, Copy)]
pub struct CreateCollateralArgs {
    /// Weight for initial margin, Q30, at most the maintenance weight.
    pub im_weight: i64,
    /// Weight for maintenance margin, Q30, at most 1.0.
    pub mm_weight: i64,
    /// Largest total of deposits, token atoms, at most 2⁵⁶.
    pub cap: i64,
    /// Seconds until the full weight.
    pub warm_up: i64,
}

/// Accounts of `create_collateral`.
#[derive(Accounts)]
pub struct CreateCollateral<'info> {
    /// Pays the rent.
    #[account(mut)]
    pub payer: Signer<'info>,
    /// Decides.
    pub governor: Signer<'info>,
    /// The clearing house.
    #[account(mut, has_one = governor @ PlimsollError::NotGovernor)]
    pub exchange: AccountLoader<'info, Exchange>,
    /// The market whose oracle values the token.
    #[account(has_one = exchange @ PlimsollError::WrongExchange)]
    pub market: AccountLoader<'info, Market>,
    /// The token.
    #[account(mint::token_program = token_program)]
    pub mint: InterfaceAccount<'info, Mint>,
    /// The new listing.
    #[account(init, payer = payer, space = Collateral::SPACE, seeds = [seeds::COLLATERAL, exchange.key().as_ref(), mint.key().as_ref()], bump)]
    pub collateral: AccountLoader<'info, Collateral>,
    /// Holds the deposits.
    #[account(init, payer = payer, token::mint = mint, token::authority = exchange, token::token_program = token_program,
        seeds = [seeds::COLLATERAL_VAULT, collateral.key().as_ref()], bump)]
    pub vault: InterfaceAccount<'info, TokenAccount>,
    /// SPL Token or Token-2022.
    pub token_program: Interface<'info, TokenInterface>,
    /// Creates the accounts.
    pub system_program: Program<'info, System>,
}

impl CreateCollateral<'_> {
    fn validate(&self, args: &CreateCollateralArgs) -> Result<()> {
        require!(self.mint.key() != self.exchange.load()?.quote_mint, PlimsollError::MintNotAllowed);
        require!(args.cap >= 0 && args.warm_up >= 0, PlimsollError::ParameterOutOfRange);
        check_mint(&self.mint)
    }
}

/// Writes the listing.
pub(crate) fn handler(ctx: Context<CreateCollateral>, args: CreateCollateralArgs) -> Result<()> {
    ctx.accounts.validate(&args)?;
    let accounts = ctx.accounts;
    let mut exchange = accounts.exchange.load_mut()?;
    exchange.collaterals = exchange.collaterals.checked_add(1).ok_or(PlimsollError::TooMany)?;
    let mut collateral = accounts.collateral.load_init()?;
    collateral.exchange = accounts.exchange.key();
    collateral.mint = accounts.mint.key();
    collateral.vault = accounts.vault.key();
    collateral.market = accounts.market.key();
    collateral.version = VERSION;
    collateral.bump = ctx.bumps.collateral;
    collateral.vault_bump = ctx.bumps.vault;
    collateral.decimals = accounts.mint.decimals;
    collateral.atoms_per_lot = accounts.market.load()?.atoms_per_lot(accounts.mint.decimals).or_refuse()?;
    collateral.im_weight = args.im_weight;
    collateral.mm_weight = args.mm_weight;
    collateral.cap = args.cap;
    collateral.warm_up = args.warm_up;
    collateral.listed_at = Clock::get()?.unix_timestamp;
    // The same limits as for the quote token, each against its own vault.
    collateral.outflow = Gate::new((*exchange.outflow).params, Secs::new(collateral.listed_at)).or_refuse()?.into();
    collateral.invariant().map_err(|_| PlimsollError::ParameterOutOfRange.into())
}
