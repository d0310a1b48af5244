//! Makes a market's price final when its feed has been silent for six hours, at the average of its last thirty valid minutes (RULES 2.5). Anyone.
//!
//! Every position is closed at that price: each becomes a balance at its next touch, is paid from the market's pool or paid into it by `settle`, and
//! what cannot be paid is resolved like any other loss. Resting orders are void.

use crate::emit::emit;
use crate::errors::{OrRefuse, PlimsollError};
use crate::events::{Header, SettlingBegan};
use crate::position::require_version;
use anchor_lang::prelude::*;
use plimsoll_risk::{RiskError, Secs};
use plimsoll_state::Market;

/// Accounts of `begin_settling`.
#[event_cpi]
#[derive(Accounts)]
pub struct BeginSettling<'info> {
    /// The market.
    #[account(mut)]
    pub market: AccountLoader<'info, Market>,
}

/// The engine decides whether the time has come.
pub(crate) fn handler(ctx: Context<BeginSettling>) -> Result<()> {
    let clock = Clock::get()?;
    let mut market = ctx.accounts.market.load_mut()?;
    require_version(market.version)?;
    let price = market.begin_settling(Secs::new(clock.unix_timestamp)).map_err(|error| match error {
        RiskError::WrongState => PlimsollError::FeedNotDead,
        other => other.into(),
    })?;
    market.sequence = market.sequence.wrapping_add(1);
    market.invariant().or_refuse()?;
    let header = Header::new(&clock, ctx.accounts.market.key(), Pubkey::default(), market.sequence);
    drop(market);
    emit(&SettlingBegan { header, price: price.raw() }, &ctx.accounts.event_authority)?;
    Ok(())
}
