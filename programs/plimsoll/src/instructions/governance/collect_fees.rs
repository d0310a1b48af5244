//! Pays a market's protocol fees to the exchange's fee collector. Anyone; the receiver is fixed by the exchange.

use crate::emit::emit;
use crate::errors::{OrRefuse, PlimsollError};
use crate::events::{Header, Transferred};
use crate::tokens::Movement;
use anchor_lang::prelude::*;
use anchor_spl::token_interface::{Mint, TokenAccount, TokenInterface};
use plimsoll_state::{seeds, Exchange, Market};

/// Accounts of `collect_fees`.
#[event_cpi]
#[derive(Accounts)]
pub struct CollectFees<'info> {
    /// The clearing house; signs for the vault.
    #[account(has_one = vault @ PlimsollError::WrongVault, has_one = quote_mint @ PlimsollError::MintNotAllowed)]
    pub exchange: AccountLoader<'info, Exchange>,
    /// The market whose fees are paid out.
    #[account(mut, has_one = exchange @ PlimsollError::WrongExchange)]
    pub market: AccountLoader<'info, Market>,
    /// The quote token.
    pub quote_mint: InterfaceAccount<'info, Mint>,
    /// Gives the tokens.
    #[account(mut)]
    pub vault: InterfaceAccount<'info, TokenAccount>,
    /// Receives the tokens: a token account of the fee collector.
    #[account(mut, constraint = to.owner == exchange.load()?.fee_collector @ PlimsollError::NotAuthorised)]
    pub to: InterfaceAccount<'info, TokenAccount>,
    /// SPL Token or Token-2022.
    pub token_program: Interface<'info, TokenInterface>,
}

impl CollectFees<'_> {
    fn validate(&self) -> Result<i64> {
        require_keys_neq!(self.to.key(), self.vault.key(), PlimsollError::SameAccount);
        let fees = self.market.load()?.perp.fees;
        require!(fees > 0, PlimsollError::NothingToSettle);
        Ok(fees)
    }
}

/// Ledger first, then the transfer.
pub(crate) fn handler(ctx: Context<CollectFees>) -> Result<()> {
    let amount = ctx.accounts.validate()?;
    let (governor, bump) = {
        let exchange = ctx.accounts.exchange.load()?;
        (exchange.governor, exchange.bump)
    };
    let header = {
        let mut market = ctx.accounts.market.load_mut()?;
        market.perp.fees = 0;
        market.sequence = market.sequence.wrapping_add(1);
        market.invariant().or_refuse()?;
        Header::new(&Clock::get()?, ctx.accounts.market.key(), Pubkey::default(), market.sequence)
    };
    let atoms = u64::try_from(amount).map_err(|_| PlimsollError::Overflow)?;
    Movement {
        mint: &ctx.accounts.quote_mint,
        token_program: &ctx.accounts.token_program,
        vault: &mut ctx.accounts.vault,
        other: ctx.accounts.to.to_account_info(),
        authority: ctx.accounts.exchange.to_account_info(),
    }
    .out_of_vault(atoms, &[seeds::EXCHANGE, governor.as_ref(), &[bump]])?;
    emit(
        &Transferred { header, mint: ctx.accounts.quote_mint.key(), amount: amount.saturating_neg(), balance: 0 },
        &ctx.accounts.event_authority,
    )?;
    Ok(())
}
