//! Turns a matured claim into cash out of the market's pool, or an unsettled loss into a payment to it (RULES 1.3, 1.4). Anyone, for any account that
//! meets its initial margin; only while the price is fresh and near its average. Where nothing has matured it succeeds and starts the maturing.

use crate::emit::emit;
use crate::errors::{OrRefuse, PlimsollError};
use crate::events::{Balance, Books, Header, Moved, Settled};
use crate::portfolio::{Portfolio, Roster};
use crate::position::{require_market, touch_slot};
use anchor_lang::prelude::*;
use plimsoll_risk::oracle::Action;
use plimsoll_risk::perp::{settle_claim, settle_loss, sweep_dust, unsettled};
use plimsoll_risk::{Quote, Secs};
use plimsoll_state::{MarginAccount, Market};

/// Accounts of `settle`. Remaining: the account's other markets and its collaterals.
#[event_cpi]
#[derive(Accounts)]
pub struct Settle<'info> {
    /// The market whose PnL is settled.
    #[account(mut)]
    pub market: AccountLoader<'info, Market>,
    /// The account.
    #[account(mut)]
    pub margin_account: AccountLoader<'info, MarginAccount>,
}

impl Settle<'_> {
    fn validate(&self, now: Secs) -> Result<usize> {
        require_market(&*self.market.load()?, Action::Settle, now)?;
        self.margin_account.load()?.perp_index(&self.market.key()).ok_or(PlimsollError::NoPosition.into())
    }
}

/// Below initial margin nothing is settled market by market: the failing must not choose whom he pays (RULES 1.5).
pub(crate) fn handler(ctx: Context<Settle>) -> Result<()> {
    let clock = Clock::get()?;
    let now = Secs::new(clock.unix_timestamp);
    let slot = ctx.accounts.validate(now)?;
    let market_key = ctx.accounts.market.key();
    let mut market = ctx.accounts.market.load_mut()?;
    let mut account = ctx.accounts.margin_account.load_mut()?;
    market.accrue_funding(now).or_refuse()?;
    let touched = touch_slot(&mut market, &mut account, slot, now)?;
    let portfolio = Portfolio::read_with(&account, Some((&market_key, &market)), &Roster::new(ctx.remaining_accounts), now.raw())?;
    require!(portfolio.health()?.is_initial(), PlimsollError::SettleEstateInstead);
    let mark = market.mark().or_refuse()?;
    let params = *market.perp_params;
    let (cash, position) = account.cash_and_position(slot).or_refuse()?;
    let before = Quote::new(*cash);
    let is_loss = unsettled(position, mark).or_refuse()?.is_negative();
    let after = if is_loss {
        settle_loss(&mut market.perp, position, &touched, before).and_then(|paid| before.sub(paid))
    } else {
        settle_claim(&mut market.perp, position, &touched, &params).and_then(|paid| before.add(paid))
    };
    let after = after.or_refuse()?;
    *cash = after.raw();
    // What roundings left in clearing belongs to the tranche once nobody is in the market.
    if market.perp.positions == 0 {
        let _ = sweep_dust(&mut market.perp);
    }
    let (moved, balance, books) = (Moved::of(&touched), Balance::of(&account, slot), Books::of(&market));
    account.close_if_empty(slot);
    account.sequence = account.sequence.wrapping_add(1);
    market.sequence = market.sequence.wrapping_add(1);
    account.invariant().or_refuse()?;
    market.invariant().or_refuse()?;
    let header = Header::new(&clock, market_key, ctx.accounts.margin_account.key(), account.sequence);
    drop((market, account));
    emit(&Settled { header, amount: after.sub(before).or_refuse()?.raw(), moved, balance, books }, &ctx.accounts.event_authority)?;
    Ok(())
}
