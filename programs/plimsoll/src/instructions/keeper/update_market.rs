//! Brings a market to a newer price of its feed, and with it averages, volatility and margin rates. Anyone; an update that is not newer succeeds
//! without effect, so that nobody can make a keeper's bundle fail by posting first (RULES 2.1).

use crate::errors::{OrRefuse, PlimsollError};
use crate::events::{Header, PriceUpdated};
use crate::oracle::read_sample;
use crate::position::require_version;
use anchor_lang::prelude::*;
use plimsoll_risk::oracle::{accept, Accepted};
use plimsoll_risk::Secs;
use plimsoll_state::Market;

/// Accounts of `update_market`.
#[derive(Accounts)]
pub struct UpdateMarket<'info> {
    /// The market.
    #[account(mut)]
    pub market: AccountLoader<'info, Market>,
    /// CHECK: owner, type, feed and verification are checked while it is read (`crate::oracle`).
    pub price_update: UncheckedAccount<'info>,
}

/// Accrues funding at the old price, accepts the new one, renews the rates.
pub(crate) fn handler(ctx: Context<UpdateMarket>) -> Result<()> {
    let clock = Clock::get()?;
    let now = Secs::new(clock.unix_timestamp);
    let mut market = ctx.accounts.market.load_mut()?;
    require_version(market.version)?;
    let sample = read_sample(&ctx.accounts.price_update, &market.feed)?;
    let mut oracle = *market.oracle;
    let accepted = accept(&mut oracle, &market.oracle_params, &sample, now, clock.slot).map_err(PlimsollError::from)?;
    let Accepted::Applied { price, confidence, publish } = accepted else {
        return Ok(());
    };
    market.accrue_funding(now).or_refuse()?;
    *market.oracle = oracle;
    market.refresh_rates(now).or_refuse()?;
    market.sequence = market.sequence.wrapping_add(1);
    market.invariant().or_refuse()?;
    emit!(PriceUpdated {
        header: Header::new(&clock, ctx.accounts.market.key(), Pubkey::default(), market.sequence),
        price: price.raw(),
        confidence: confidence.raw(),
        publish: publish.raw(),
        sigma: market.vol.sigma_1h,
        mm_rate: market.mm_rate,
    });
    Ok(())
}
