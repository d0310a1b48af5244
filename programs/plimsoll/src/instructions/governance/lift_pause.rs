//! Lifts a pause: anyone when its time is over, governor or guardian before (RULES 9.3).

use super::pause::{is_guarded, report};
use crate::errors::{OrRefuse, PlimsollError};
use anchor_lang::prelude::*;
use plimsoll_risk::Secs;
use plimsoll_state::market::{STATUS_ACTIVE, STATUS_REDUCE_ONLY};
use plimsoll_state::{Exchange, Market};

/// Accounts of `lift_pause`.
#[derive(Accounts)]
pub struct LiftPause<'info> {
    /// Anyone where the pause is over, else governor or guardian.
    pub authority: Signer<'info>,
    /// The clearing house; holds the pauses of withdrawals.
    #[account(mut)]
    pub exchange: AccountLoader<'info, Exchange>,
    /// The market that takes reductions only; none for withdrawals.
    #[account(mut, has_one = exchange @ PlimsollError::WrongExchange)]
    pub market: Option<AccountLoader<'info, Market>>,
}

/// A pause of withdrawals that is over needs no lifting: there is no status to clear.
pub(crate) fn handler(ctx: Context<LiftPause>) -> Result<()> {
    let is_guarded = is_guarded(&*ctx.accounts.exchange.load()?, ctx.accounts.authority.key);
    let clock = Clock::get()?;
    let now = Secs::new(clock.unix_timestamp);
    match &ctx.accounts.market {
        Some(loader) => {
            let mut market = loader.load_mut()?;
            let is_over = market.status == STATUS_REDUCE_ONLY && !market.reduce_only.is_active(now);
            require!(is_over || (is_guarded && market.reduce_only.is_active(now)), PlimsollError::PauseRuns);
            market.reduce_only.lift(now);
            market.status = STATUS_ACTIVE;
            market.sequence = market.sequence.wrapping_add(1);
            market.invariant().or_refuse()?;
        }
        None => {
            let mut exchange = ctx.accounts.exchange.load_mut()?;
            require!(is_guarded && exchange.withdrawals.is_active(now), PlimsollError::PauseRuns);
            exchange.withdrawals.lift(now);
            exchange.sequence = exchange.sequence.wrapping_add(1);
        }
    }
    emit!(report(&ctx.accounts.exchange, ctx.accounts.market.as_ref(), &clock)?);
    Ok(())
}
