//! Brings one position up to date: funding, forced closes, deficit rounds, maturing claims (RULES 5.1, 7.3). Anyone, for any account, at any price.

use crate::errors::{OrRefuse, PlimsollError};
use crate::events::{Header, Touched};
use crate::position::touch_slot;
use anchor_lang::prelude::*;
use plimsoll_risk::Secs;
use plimsoll_state::{MarginAccount, Market};

/// Accounts of `touch`.
#[event_cpi]
#[derive(Accounts)]
pub struct Touch<'info> {
    /// The market.
    #[account(mut)]
    pub market: AccountLoader<'info, Market>,
    /// The account whose position it is.
    #[account(mut)]
    pub margin_account: AccountLoader<'info, MarginAccount>,
}

impl Touch<'_> {
    fn validate(&self) -> Result<usize> {
        self.margin_account.load()?.perp_index(&self.market.key()).ok_or(PlimsollError::NoPosition.into())
    }
}

/// An account that is up to date changes only its time of touch.
pub(crate) fn handler(ctx: Context<Touch>) -> Result<()> {
    let slot = ctx.accounts.validate()?;
    let clock = Clock::get()?;
    let now = Secs::new(clock.unix_timestamp);
    let mut market = ctx.accounts.market.load_mut()?;
    let mut account = ctx.accounts.margin_account.load_mut()?;
    market.accrue_funding(now).or_refuse()?;
    let touched = touch_slot(&mut market, &mut account, slot, now)?;
    let (lots, quote) = account.position(slot).map(|position| (position.lots, position.quote)).or_refuse()?;
    account.close_if_empty(slot);
    account.sequence = account.sequence.wrapping_add(1);
    account.invariant().or_refuse()?;
    market.invariant().or_refuse()?;
    let header = Header::new(&clock, ctx.accounts.market.key(), ctx.accounts.margin_account.key(), account.sequence);
    drop((market, account));
    let charge = touched.charge().raw();
    emit_cpi!(Touched {
        header,
        funding: touched.funding().raw(),
        closed_lots: touched.closed_lots().raw(),
        charge: charge.max(0),
        refund: charge.min(0).saturating_neg(),
        lots,
        quote,
    });
    Ok(())
}
