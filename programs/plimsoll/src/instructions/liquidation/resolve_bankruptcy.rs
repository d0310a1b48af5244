//! Absorbs what a bankrupt account is short of: in every market of a loss its share of the shortfall by its share of the losses, paid by that market's
//! tranche, then the insurance fund within its caps, then the claims of that market by a deficit round (RULES 7.1, 7.3). Anyone, once the account's lots
//! are closed and its cash is spent. All markets at once, so that no caller decides whose tranche pays.

use crate::emit::emit;
use crate::errors::{OrRefuse, PlimsollError};
use crate::events::{Absorption, Balance, DeficitAbsorbed, Header};
use crate::forced::advance_state;
use crate::portfolio::{Portfolio, Roster};
use crate::position::touch_slot;
use crate::tokens::transfer_between_vaults;
use anchor_lang::prelude::*;
use anchor_spl::token_interface::{Mint, TokenAccount, TokenInterface};
use plimsoll_risk::liquidation::AccountState;
use plimsoll_risk::oracle::{permission, Action, Permission};
use plimsoll_risk::perp::{absorb, beyond_tranche, fund_offer, open_or_extend_round, settle_estate as pro_rata, Absorbed, MAX_ESTATE};
use plimsoll_risk::{Quote, RiskError, Secs};
use plimsoll_state::{seeds, Exchange, InsuranceFund, MarginAccount, Market};

/// Accounts of `resolve_bankruptcy`. Remaining: every market of the account (writable) and its collaterals.
#[event_cpi]
#[derive(Accounts)]
pub struct ResolveBankruptcy<'info> {
    /// The clearing house; signs for the insurance vault.
    #[account(has_one = vault @ PlimsollError::WrongVault, has_one = quote_mint @ PlimsollError::MintNotAllowed)]
    pub exchange: AccountLoader<'info, Exchange>,
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
    fn validate(&self) -> Result<()> {
        // The estate comes first: cash must be spent on losses before others pay (RULES 7.1).
        require!(self.margin_account.load()?.cash == 0, PlimsollError::SettleEstateInstead);
        Ok(())
    }
}

/// touch → judge → absorb → open rounds for the rest → move tokens → event.
pub(crate) fn handler<'info>(ctx: Context<'info, ResolveBankruptcy<'info>>) -> Result<()> {
    ctx.accounts.validate()?;
    let clock = Clock::get()?;
    let now = Secs::new(clock.unix_timestamp);
    let (governor, bump) = {
        let exchange = ctx.accounts.exchange.load()?;
        (exchange.governor, exchange.bump)
    };
    let roster = Roster::new(ctx.remaining_accounts);
    let (header, parts, paid, fund_balance) = {
        let mut account = ctx.accounts.margin_account.load_mut()?;
        let mut fund = ctx.accounts.insurance.load_mut()?;
        let mut parts = Vec::new();
        let losses = touch_all(&mut account, &roster, now, &mut parts)?;
        let short = judge(&mut account, &roster, now)?;
        let shares = plan(&account, &roster, short, &losses, Quote::new(fund.balance), now)?;
        require!(shares.iter().any(|share| share.loss.is_positive()), PlimsollError::NothingToSettle);
        for (slot, share) in shares.iter().enumerate().filter(|(_, share)| share.loss.is_positive()) {
            parts.push(waterfall(&mut account, slot, share, &roster, now)?);
        }
        let paid = parts.iter().try_fold(Quote::ZERO, |sum, part| sum.add(Quote::new(part.fund))).or_refuse()?.raw();
        fund.pay_out(paid).or_refuse()?;
        account.sequence = account.sequence.wrapping_add(1);
        account.invariant().or_refuse()?;
        (Header::new(&clock, Pubkey::default(), ctx.accounts.margin_account.key(), account.sequence), parts, paid, fund.balance)
    };
    let paid = u64::try_from(paid).map_err(|_| PlimsollError::Overflow)?;
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
    emit(&DeficitAbsorbed { header, parts, fund_balance }, &ctx.accounts.event_authority)?;
    Ok(())
}

/// The market of a used slot, for changing.
fn market_of<'info>(account: &MarginAccount, slot: usize, roster: &Roster<'info>) -> Result<Option<AccountLoader<'info, Market>>> {
    match account.perps.get(slot).filter(|perp| perp.is_used()) {
        Some(perp) => roster.find::<Market>(&perp.market, PlimsollError::MissingMarket).map(Some),
        None => Ok(None),
    }
}

/// Brings every position up to date, noting what that moved; the losses by slot.
#[inline(never)]
fn touch_all(account: &mut MarginAccount, roster: &Roster<'_>, now: Secs, parts: &mut Vec<Absorption>) -> Result<[Quote; MAX_ESTATE]> {
    let mut losses = [Quote::ZERO; MAX_ESTATE];
    for (slot, loss) in losses.iter_mut().enumerate() {
        let Some(loader) = market_of(account, slot, roster)? else { continue };
        let mut market = loader.load_mut()?;
        market.accrue_funding(now).or_refuse()?;
        let touched = touch_slot(&mut market, account, slot, now)?;
        market.sequence = market.sequence.wrapping_add(1);
        if touched.has_moved() {
            parts.push(Absorption::of(loader.key(), &market, &Absorbed::default(), Balance::of(account, slot)));
        }
        let position = account.position(slot).or_refuse()?;
        // Any open lot could still become a profit that others would have paid for.
        require!(position.lots == 0, PlimsollError::LotsRemain);
        *loss = position.quote().neg().or_refuse()?.positive_part();
    }
    Ok(losses)
}

/// The account must be bankrupt; what it is short of over all markets. [No more is absorbed: its claims, and what its collateral will be sold for,
/// stand against its own losses, not against strangers.]
fn judge(account: &mut MarginAccount, roster: &Roster<'_>, now: Secs) -> Result<Quote> {
    let portfolio = Portfolio::read(account, roster, now.raw())?;
    require!(account.perps.iter().any(|slot| slot.is_used()), PlimsollError::NothingToSettle);
    for slot in 0..MAX_ESTATE {
        let Some(loader) = market_of(account, slot, roster)? else { continue };
        let market = loader.load()?;
        if may_resolve(&market, now) {
            let state = advance_state(account, &portfolio, &market, now)?;
            require!(state == AccountState::Bankrupt, PlimsollError::NotBankrupt);
            let equity = portfolio.health()?.equity.add(portfolio.surplus()).or_refuse()?;
            return equity.neg().map(Quote::positive_part).or_refuse();
        }
    }
    err!(PlimsollError::PriceConditionRefused)
}

fn may_resolve(market: &Market, now: Secs) -> bool {
    permission(market.conditions(now), Action::Resolve) == Permission::Allowed
}

/// One market's share of what is absorbed.
#[derive(Clone, Copy, Default)]
struct Share {
    loss: Quote,
    fund: Quote,
}

/// The shortfall in proportion to the losses, and what the fund offers each market; where all offers are more than the fund has, in proportion too. A
/// market whose price does not allow it waits.
#[inline(never)]
fn plan(
    account: &MarginAccount,
    roster: &Roster<'_>,
    short: Quote,
    losses: &[Quote; MAX_ESTATE],
    fund: Quote,
    now: Secs,
) -> Result<[Share; MAX_ESTATE]> {
    let parts = pro_rata(short, losses).or_refuse()?;
    let mut shares = [Share::default(); MAX_ESTATE];
    let mut offers = [Quote::ZERO; MAX_ESTATE];
    for (slot, ((share, offer), part)) in shares.iter_mut().zip(&mut offers).zip(parts).enumerate() {
        let Some(loader) = market_of(account, slot, roster)?.filter(|_| part.is_positive()) else { continue };
        let market = loader.load()?;
        if may_resolve(&market, now) {
            share.loss = part;
            let need = beyond_tranche(&market.perp, part).or_refuse()?;
            *offer = fund_offer(&market.perp.fund_window, &market.perp_params, fund, need, now).or_refuse()?;
        }
    }
    let paid = pro_rata(fund, &offers).or_refuse()?;
    for (share, paid) in shares.iter_mut().zip(paid) {
        share.fund = paid;
    }
    Ok(shares)
}

/// Tranche, fund, claims, in this order; the round is opened at once if its slot is free, else by `advance_round`.
#[inline(never)]
fn waterfall(account: &mut MarginAccount, slot: usize, share: &Share, roster: &Roster<'_>, now: Secs) -> Result<Absorption> {
    let loader = market_of(account, slot, roster)?.ok_or(PlimsollError::NoPosition)?;
    let mut market = loader.load_mut()?;
    let params = *market.perp_params;
    let mark = market.mark().or_refuse()?;
    let touched = touch_slot(&mut market, account, slot, now)?;
    let (_, position) = account.cash_and_position(slot).or_refuse()?;
    let absorbed = absorb(&mut market.perp, position, &touched, share.loss, share.fund, &params).or_refuse()?;
    if absorbed.deficit.is_positive() {
        match open_or_extend_round(&mut market.perp, mark, now) {
            Ok(_) | Err(RiskError::StragglersFirst) => {}
            Err(error) => return Err(PlimsollError::from(error).into()),
        }
    }
    market.sequence = market.sequence.wrapping_add(1);
    market.invariant().or_refuse()?;
    let part = Absorption::of(loader.key(), &market, &absorbed, Balance::of(account, slot));
    account.close_if_empty(slot);
    Ok(part)
}
