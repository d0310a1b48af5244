//! Takes dead orders off a book: expired ones, and those of passed accounts that cancelled all or were closed (RULES 5.3). Anyone.
//!
//! A dead order fills nothing, but until it is met it stands where it stood: it would count as depth, which lets size pass (RULES 4.4), and in the
//! impact price of funding (5.4). Whoever that costs something sweeps it. A live order is never touched.

use crate::errors::PlimsollError;
use crate::events::{Header, OrdersSwept};
use crate::matching::sweep_book;
use crate::portfolio::Roster;
use crate::position::require_version;
use anchor_lang::prelude::*;
use plimsoll_risk::Secs;
use plimsoll_state::{Market, OrderBook};

/// Accounts of `sweep_orders`. Remaining: margin accounts whose orders may be dead, writable; closed ones too.
#[derive(Accounts)]
pub struct SweepOrders<'info> {
    /// The market; names the book.
    #[account(has_one = book @ PlimsollError::WrongBook)]
    pub market: AccountLoader<'info, Market>,
    /// The market's book.
    #[account(mut)]
    pub book: AccountLoader<'info, OrderBook>,
}

impl SweepOrders<'_> {
    fn validate(&self) -> Result<u64> {
        let market = self.market.load()?;
        require_version(market.version)?;
        Ok(market.sequence)
    }
}

/// sweep → event.
pub(crate) fn handler<'info>(ctx: Context<'info, SweepOrders<'info>>) -> Result<()> {
    let sequence = ctx.accounts.validate()?;
    let clock = Clock::get()?;
    let key = ctx.accounts.market.key();
    let mut book = ctx.accounts.book.load_mut()?;
    let removed = sweep_book(&mut book, &key, &Roster::new(ctx.remaining_accounts), Secs::new(clock.unix_timestamp))?;
    require!(removed != 0, PlimsollError::NothingToSweep);
    emit!(OrdersSwept { header: Header::new(&clock, key, ctx.accounts.book.key(), sequence), removed });
    Ok(())
}
