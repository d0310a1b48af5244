//! Absorbs what a bankrupt account owes in one market: the market's tranche, then the insurance fund within its caps, then the claims of that market by a
//! deficit round (RULES 7.1, 7.3). Anyone, once the account's lots are closed and its cash is spent.

use crate::errors::{OrRefuse, PlimsollError};
use crate::events::{DeficitAbsorbed, Header};
use crate::forced::advance_state;
use crate::portfolio::{Portfolio, Roster};
use crate::position::{require_market, touch_slot};
use crate::tokens::transfer_between_vaults;
use anchor_lang::prelude::*;
use anchor_spl::token_interface::{Mint, TokenAccount, TokenInterface};
use plimsoll_risk::liquidation::AccountState;
use plimsoll_risk::oracle::Action;
use plimsoll_risk::perp::{absorb, fund_offer, open_or_extend_round, unsettled, Absorbed, Touched};
use plimsoll_risk::{Quote, RiskError, Secs};
use plimsoll_state::{seeds, Exchange, InsuranceFund, MarginAccount, Market};

/// Accounts of `resolve_bankruptcy`. Remaining: the account's other markets and its collaterals.
#[event_cpi]
#[derive(Accounts)]
pub struct ResolveBankruptcy<'info> {
    /// The clearing house; signs for the insurance vault.
    #[account(has_one = vault @ PlimsollError::WrongVault, has_one = quote_mint @ PlimsollError::MintNotAllowed)]
    pub exchange: AccountLoader<'info, Exchange>,
    /// The market of the loss.
    #[account(mut, has_one = exchange @ PlimsollError::WrongExchange)]
    pub market: AccountLoader<'info, Market>,
    /// The bankrupt account.
    #[account(mut, has_one = exchange @ PlimsollError::WrongExchange)]
    pub margin_account: AccountLoader<'info, MarginAccount>,
    /// The fund.
    #[account(mut, has_one = exchange @ PlimsollError::WrongExchange,
        constraint = insurance.load()?.vault == insurance_vault.key() @ PlimsollError::WrongVault)]
    pub insurance: AccountLoader<'info, InsuranceFund>,
    /// The quote token.
    pub quote_mint: InterfaceAccount<'info, Mint>,
    /// Receives what the fund pays.
    #[account(mut)]
    pub vault: InterfaceAccount<'info, TokenAccount>,
    /// Pays it.
    #[account(mut)]
    pub insurance_vault: InterfaceAccount<'info, TokenAccount>,
    /// SPL Token or Token-2022.
    pub token_program: Interface<'info, TokenInterface>,
}

impl ResolveBankruptcy<'_> {
    fn validate(&self, now: Secs) -> Result<usize> {
        require_market(&*self.market.load()?, Action::Resolve, now)?;
        let account = self.margin_account.load()?;
        // The estate comes first: cash must be spent on losses before others pay (RULES 7.1).
        require!(account.cash == 0, PlimsollError::SettleEstateInstead);
        account.perp_index(&self.market.key()).ok_or(PlimsollError::NoPosition.into())
    }
}

/// touch → judge → absorb → open a round for the rest → move tokens → event.
pub(crate) fn handler(ctx: Context<ResolveBankruptcy>) -> Result<()> {
    let clock = Clock::get()?;
    let now = Secs::new(clock.unix_timestamp);
    let slot = ctx.accounts.validate(now)?;
    let (governor, bump) = {
        let exchange = ctx.accounts.exchange.load()?;
        (exchange.governor, exchange.bump)
    };
    let market_key = ctx.accounts.market.key();
    let (header, absorbed, fund_balance) = {
        let mut market = ctx.accounts.market.load_mut()?;
        let mut account = ctx.accounts.margin_account.load_mut()?;
        let mut fund = ctx.accounts.insurance.load_mut()?;
        market.accrue_funding(now).or_refuse()?;
        let touched = touch_slot(&mut market, &mut account, slot, now)?;
        let portfolio = Portfolio::read_with(&account, Some((&market_key, &market)), &Roster::new(ctx.remaining_accounts), now.raw())?;
        let state = advance_state(&mut account, &portfolio, &market, now)?;
        require!(state == AccountState::Bankrupt, PlimsollError::NotBankrupt);
        let health = portfolio.health()?;
        // Any open lot could still become a profit that others would have paid for.
        require!(health.gross_notional.is_zero(), PlimsollError::LotsRemain);
        // No more than the account is short of: its claims elsewhere stand against its own losses, not against strangers.
        let most = health.equity.neg().or_refuse()?;
        let absorbed = waterfall(&mut market, &mut account, slot, &touched, most, Quote::new(fund.balance), now)?;
        fund.pay_out(absorbed.fund.raw()).or_refuse()?;
        account.close_if_empty(slot);
        account.sequence = account.sequence.wrapping_add(1);
        market.sequence = market.sequence.wrapping_add(1);
        account.invariant().or_refuse()?;
        market.invariant().or_refuse()?;
        (Header::new(&clock, market_key, ctx.accounts.margin_account.key(), account.sequence), absorbed, fund.balance)
    };
    let paid = u64::try_from(absorbed.fund.raw()).map_err(|_| PlimsollError::Overflow)?;
    if paid > 0 {
        let signer: &[&[u8]] = &[seeds::EXCHANGE, governor.as_ref(), &[bump]];
        let accounts = &mut *ctx.accounts;
        let authority = accounts.exchange.to_account_info();
        transfer_between_vaults(
            &accounts.quote_mint,
            &accounts.token_program,
            &mut accounts.insurance_vault,
            &mut accounts.vault,
            authority,
            paid,
            signer,
        )?;
    }
    let tranche = absorbed.tranche_claim.add(absorbed.tranche_cash).and_then(|sum| sum.add(absorbed.tranche_debt)).or_refuse()?.raw();
    emit_cpi!(DeficitAbsorbed { header, tranche, fund: absorbed.fund.raw(), deficit: absorbed.deficit.raw(), fund_balance });
    Ok(())
}

/// Tranche, fund, claims, in this order; the round is opened at once if its slot is free, else by `advance_round`.
fn waterfall(
    market: &mut Market,
    account: &mut MarginAccount,
    slot: usize,
    touched: &Touched,
    most: Quote,
    fund: Quote,
    now: Secs,
) -> Result<Absorbed> {
    let params = *market.perp_params;
    let mark = market.mark().or_refuse()?;
    let (_, position) = account.cash_and_position(slot).or_refuse()?;
    require!(position.lots == 0, PlimsollError::LotsRemain);
    let loss = unsettled(position, mark).and_then(Quote::neg).or_refuse()?.min(most);
    require!(loss.is_positive(), PlimsollError::NothingToSettle);
    let offer = fund_offer(&market.perp.fund_window, &params, fund, loss, now).or_refuse()?;
    let absorbed = absorb(&mut market.perp, position, touched, most, offer, &params).or_refuse()?;
    if absorbed.deficit.is_positive() {
        match open_or_extend_round(&mut market.perp, mark, now) {
            Ok(_) | Err(RiskError::StragglersFirst) => {}
            Err(error) => return Err(PlimsollError::from(error).into()),
        }
    }
    Ok(absorbed)
}
