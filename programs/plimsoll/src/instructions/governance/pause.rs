//! Pauses new risk in a market, or withdrawals: for 30 minutes, at most twice in a row and three times a day (RULES 9.3). Governor or guardian.
//!
//! Never stopped by it: deposits, reductions, cancellations, liquidation, resolution, settlement, touching and price updates. Time alone ends a
//! pause; anyone may lift one that is over, governor and guardian one that is not.

use crate::errors::{OrRefuse, PlimsollError};
use crate::events::{Header, PauseChanged};
use anchor_lang::prelude::*;
use plimsoll_risk::{RiskError, Secs};
use plimsoll_state::market::STATUS_REDUCE_ONLY;
use plimsoll_state::{Exchange, Market};

/// Accounts of `pause`.
#[derive(Accounts)]
pub struct StartPause<'info> {
    /// Governor or guardian.
    pub authority: Signer<'info>,
    /// The clearing house; holds the pauses of withdrawals.
    #[account(mut)]
    pub exchange: AccountLoader<'info, Exchange>,
    /// The market that is to take reductions only; none for withdrawals.
    #[account(mut, has_one = exchange @ PlimsollError::WrongExchange)]
    pub market: Option<AccountLoader<'info, Market>>,
}

impl StartPause<'_> {
    fn validate(&self) -> Result<()> {
        require!(is_guarded(&*self.exchange.load()?, self.authority.key), PlimsollError::NotGuardian);
        Ok(())
    }
}

/// Whether `key` is the governor's or the guardian's.
pub(crate) fn is_guarded(exchange: &Exchange, key: &Pubkey) -> bool {
    [exchange.governor, exchange.guardian].contains(key)
}

/// What a change of a pause is told as.
pub(crate) fn report(
    exchange: &AccountLoader<'_, Exchange>,
    market: Option<&AccountLoader<'_, Market>>,
    clock: &Clock,
) -> Result<PauseChanged> {
    let (key, sequence, until) = match market {
        Some(loader) => {
            let market = loader.load()?;
            (loader.key(), market.sequence, market.reduce_only.until)
        }
        None => {
            let exchange = exchange.load()?;
            (Pubkey::default(), exchange.sequence, exchange.withdrawals.until)
        }
    };
    Ok(PauseChanged { header: Header::new(clock, key, Pubkey::default(), sequence), until })
}

/// Starts a pause, or prolongs the one that is running.
pub(crate) fn handler(ctx: Context<StartPause>) -> Result<()> {
    ctx.accounts.validate()?;
    let clock = Clock::get()?;
    let now = Secs::new(clock.unix_timestamp);
    let limit = |error| match error {
        RiskError::LimitExceeded => PlimsollError::PauseLimit,
        other => other.into(),
    };
    match &ctx.accounts.market {
        Some(loader) => {
            let mut market = loader.load_mut()?;
            market.reduce_only.start(now).map_err(limit)?;
            market.status = STATUS_REDUCE_ONLY;
            market.sequence = market.sequence.wrapping_add(1);
            market.invariant().or_refuse()?;
        }
        None => {
            let mut exchange = ctx.accounts.exchange.load_mut()?;
            exchange.withdrawals.start(now).map_err(limit)?;
            exchange.sequence = exchange.sequence.wrapping_add(1);
        }
    }
    emit!(report(&ctx.accounts.exchange, ctx.accounts.market.as_ref(), &clock)?);
    Ok(())
}
