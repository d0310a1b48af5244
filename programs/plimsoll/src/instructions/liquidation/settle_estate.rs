//! Spreads the cash of an account below initial margin over all its unsettled losses, pro rata: the failing must not choose whom he pays (RULES 1.5). Anyone,
//! at any price: paying a loss changes nobody's equity, and one dead feed must not keep the estate from the other markets.
//!
//! A bankrupt account's matured claims are turned into cash first, where the price allows it.

use crate::emit::emit;
use crate::errors::{OrRefuse, PlimsollError};
use crate::events::{Balance, Books, EstatePart, EstateSettled, Header};
use crate::portfolio::{Portfolio, Roster};
use crate::position::touch_slot;
use anchor_lang::prelude::*;
use plimsoll_risk::oracle::{permission, Action, Permission};
use plimsoll_risk::perp::{settle_claim, settle_estate as shares_of, settle_loss, MAX_ESTATE};
use plimsoll_risk::{Quote, Secs};
use plimsoll_state::{MarginAccount, Market};

/// Accounts of `settle_estate`. Remaining: every market of the account (writable) and its collaterals.
#[event_cpi]
#[derive(Accounts)]
pub struct SettleEstate<'info> {
    /// The account.
    #[account(mut)]
    pub margin_account: AccountLoader<'info, MarginAccount>,
}

/// touch all → judge → collect → spread.
pub(crate) fn handler(ctx: Context<SettleEstate>) -> Result<()> {
    let clock = Clock::get()?;
    let now = Secs::new(clock.unix_timestamp);
    let roster = Roster::new(ctx.remaining_accounts);
    let mut account = ctx.accounts.margin_account.load_mut()?;
    let portfolio = Portfolio::read(&account, &roster, now.raw())?;
    require!(!portfolio.health()?.is_initial(), PlimsollError::WrongState);
    let mut parts = Vec::new();
    let losses = collect(&mut account, &portfolio, &roster, now, &mut parts)?;
    let shares = shares_of(Quote::new(account.cash), &losses).or_refuse()?;
    spread(&mut account, &shares, &roster, now, &mut parts)?;
    require!(parts.iter().any(|part| part.amount != 0), PlimsollError::NothingToSettle);
    account.sequence = account.sequence.wrapping_add(1);
    account.invariant().or_refuse()?;
    let header = Header::new(&clock, Pubkey::default(), ctx.accounts.margin_account.key(), account.sequence);
    drop(account);
    emit(&EstateSettled { header, parts }, &ctx.accounts.event_authority)?;
    Ok(())
}

/// Turns matured claims into cash and lists the losses by position slot.
fn collect(
    account: &mut MarginAccount,
    portfolio: &Portfolio,
    roster: &Roster<'_>,
    now: Secs,
    parts: &mut Vec<EstatePart>,
) -> Result<[Quote; MAX_ESTATE]> {
    let mut losses = [Quote::ZERO; MAX_ESTATE];
    for slot in 0..account.perps.len() {
        let Some(key) = account.perps.get(slot).filter(|perp| perp.is_used()).map(|perp| perp.market) else { continue };
        let unsettled = portfolio.unsettled(&key)?;
        if let Some(loss) = losses.get_mut(slot) {
            *loss = unsettled.neg().or_refuse()?.positive_part();
        }
        if unsettled.is_positive() {
            let loader = roster.find::<Market>(&key, PlimsollError::MissingMarket)?;
            let mut market = loader.load_mut()?;
            if permission(market.conditions(now), Action::Settle) != Permission::Allowed {
                continue;
            }
            market.accrue_funding(now).or_refuse()?;
            let touched = touch_slot(&mut market, account, slot, now)?;
            let params = *market.perp_params;
            let (cash, position) = account.cash_and_position(slot).or_refuse()?;
            // A claim that cannot be paid now stays a claim.
            let paid = settle_claim(&mut market.perp, position, &touched, &params).unwrap_or(Quote::ZERO);
            *cash = Quote::new(*cash).add(paid).or_refuse()?.raw();
            finish(account, &mut market, key, slot, paid.raw(), parts)?;
        }
    }
    Ok(losses)
}

/// What one market's part of the estate leaves behind.
fn finish(
    account: &mut MarginAccount,
    market: &mut Market,
    key: Pubkey,
    slot: usize,
    amount: i64,
    parts: &mut Vec<EstatePart>,
) -> Result<()> {
    market.sequence = market.sequence.wrapping_add(1);
    market.invariant().or_refuse()?;
    parts.push(EstatePart { market: key, amount, balance: Balance::of(account, slot), books: Books::of(market) });
    account.close_if_empty(slot);
    Ok(())
}

/// Pays each share into its market's pool.
fn spread(
    account: &mut MarginAccount,
    shares: &[Quote; MAX_ESTATE],
    roster: &Roster<'_>,
    now: Secs,
    parts: &mut Vec<EstatePart>,
) -> Result<()> {
    for (slot, share) in shares.iter().enumerate().filter(|(_, share)| share.is_positive()) {
        let key = account.perps.get(slot).map(|perp| perp.market).ok_or(PlimsollError::NoPosition)?;
        let loader = roster.find::<Market>(&key, PlimsollError::MissingMarket)?;
        let mut market = loader.load_mut()?;
        market.accrue_funding(now).or_refuse()?;
        let touched = touch_slot(&mut market, account, slot, now)?;
        let (cash, position) = account.cash_and_position(slot).or_refuse()?;
        let paid = settle_loss(&mut market.perp, position, &touched, *share).or_refuse()?;
        *cash = Quote::new(*cash).sub(paid).or_refuse()?.raw();
        finish(account, &mut market, key, slot, paid.neg().or_refuse()?.raw(), parts)?;
    }
    Ok(())
}
