//! Closes lots of a bankrupt account that nobody took over, at the oracle price, pro rata against the whole opposite side (RULES 7.2, 7.5). Anyone.
//!
//! The opposite side's positions change at their next touch; nobody is passed, so nobody can be picked.

use crate::errors::{OrRefuse, PlimsollError};
use crate::events::{Deleveraged, Header};
use crate::forced::advance_state;
use crate::portfolio::{Portfolio, Roster};
use crate::position::{require_market, touch_slot};
use anchor_lang::prelude::*;
use plimsoll_risk::liquidation::AccountState;
use plimsoll_risk::oracle::Action;
use plimsoll_risk::perp::adl_close;
use plimsoll_risk::Secs;
use plimsoll_state::{MarginAccount, Market};

/// Accounts of `deleverage`. Remaining: the account's other markets and its collaterals.
#[event_cpi]
#[derive(Accounts)]
pub struct Deleverage<'info> {
    /// The market whose lots are closed.
    #[account(mut)]
    pub market: AccountLoader<'info, Market>,
    /// The bankrupt account.
    #[account(mut)]
    pub margin_account: AccountLoader<'info, MarginAccount>,
}

impl Deleverage<'_> {
    fn validate(&self, now: Secs) -> Result<usize> {
        require_market(&*self.market.load()?, Action::Deleverage, now)?;
        self.margin_account.load()?.perp_index(&self.market.key()).ok_or(PlimsollError::NoPosition.into())
    }
}

/// The account's bankruptcy is judged afresh: a price may have returned since it was flagged.
pub(crate) fn handler(ctx: Context<Deleverage>) -> Result<()> {
    let clock = Clock::get()?;
    let now = Secs::new(clock.unix_timestamp);
    let slot = ctx.accounts.validate(now)?;
    let market_key = ctx.accounts.market.key();
    let mut market = ctx.accounts.market.load_mut()?;
    let mut account = ctx.accounts.margin_account.load_mut()?;
    market.accrue_funding(now).or_refuse()?;
    let touched = touch_slot(&mut market, &mut account, slot, now)?;
    let portfolio = Portfolio::read_with(&account, Some((&market_key, &market)), &Roster::new(ctx.remaining_accounts), now.raw())?;
    let state = advance_state(&mut account, &portfolio, &market, now)?;
    require!(state == AccountState::Bankrupt, PlimsollError::NotBankrupt);
    account.cancel_all();
    let mark = market.mark().or_refuse()?;
    let (_, position) = account.cash_and_position(slot).or_refuse()?;
    let before = position.lots();
    require!(!before.is_zero(), PlimsollError::NoPosition);
    let closed = adl_close(&mut market.perp, position, &touched, before.abs().or_refuse()?, mark).or_refuse()?;
    account.sequence = account.sequence.wrapping_add(1);
    market.sequence = market.sequence.wrapping_add(1);
    account.invariant().or_refuse()?;
    market.invariant().or_refuse()?;
    let header = Header::new(&clock, market_key, ctx.accounts.margin_account.key(), account.sequence);
    drop((market, account));
    emit_cpi!(Deleveraged { header, lots: before.raw(), price: mark.raw(), open_interest: closed.open_interest.raw() });
    Ok(())
}
