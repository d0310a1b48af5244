//! Brings the exchange to a newer price of its quote token, and the markets that are passed to the charge for its depeg (RULES 4.4). Anyone.
//!
//! The charge is the exchange's; a market holds a copy, so that no margin check reads the exchange and no price update waits for a deposit that
//! writes it. A price that is not newer changes nothing by itself, but the copies are made all the same: anyone brings a market up to date that was
//! left out before, be its own feed dead or its price final.

use crate::errors::PlimsollError;
use crate::events::{Header, QuoteUpdated};
use crate::oracle::read_sample;
use crate::position::require_version;
use anchor_lang::prelude::*;
use plimsoll_risk::margin::Depeg;
use plimsoll_risk::oracle::PegState;
use plimsoll_risk::Secs;
use plimsoll_state::{Exchange, Market};

/// Accounts of `update_quote`. Remaining: markets of the exchange, writable.
#[derive(Accounts)]
pub struct UpdateQuote<'info> {
    /// The clearing house; its feed is the one that counts.
    #[account(mut)]
    pub exchange: AccountLoader<'info, Exchange>,
    /// CHECK: owner, type, feed and verification are checked while it is read (`crate::oracle`).
    pub price_update: UncheckedAccount<'info>,
}

impl UpdateQuote<'_> {
    /// Takes the price over; what is known before and after.
    fn accept(&self, now: i64) -> Result<(PegState, PegState)> {
        let mut exchange = self.exchange.load_mut()?;
        require_version(exchange.version)?;
        // Zero is no feed, not one that a price could be of.
        require!(exchange.quote_feed != [0; 32], PlimsollError::NoQuoteFeed);
        let sample = read_sample(&self.price_update, &exchange.quote_feed)?;
        let known = *exchange.peg;
        exchange.peg.accept(&sample, Secs::new(now)).map_err(PlimsollError::from)?;
        Ok((known, *exchange.peg))
    }
}

/// Copies the charge; how many markets had another one.
fn copy<'info>(depeg: Depeg, exchange: &Pubkey, infos: &'info [AccountInfo<'info>]) -> Result<u32> {
    let mut changed: u32 = 0;
    for info in infos {
        require!(info.is_writable, PlimsollError::NotWritable);
        let loader = AccountLoader::<Market>::try_from(info)?;
        let mut market = loader.load_mut()?;
        require_version(market.version)?;
        require_keys_eq!(market.exchange, *exchange, PlimsollError::WrongExchange);
        if *market.depeg != depeg {
            market.depeg = depeg.into();
            market.sequence = market.sequence.wrapping_add(1);
            changed = changed.wrapping_add(1);
        }
    }
    Ok(changed)
}

/// accept → copy → event.
pub(crate) fn handler<'info>(ctx: Context<'info, UpdateQuote<'info>>) -> Result<()> {
    let clock = Clock::get()?;
    let (known, peg) = ctx.accounts.accept(clock.unix_timestamp)?;
    let key = ctx.accounts.exchange.key();
    let markets = copy(peg.depeg, &key, ctx.remaining_accounts)?;
    if peg == known && markets == 0 {
        return Ok(());
    }
    let mut exchange = ctx.accounts.exchange.load_mut()?;
    exchange.sequence = exchange.sequence.wrapping_add(1);
    emit!(QuoteUpdated {
        header: Header::new(&clock, Pubkey::default(), key, exchange.sequence),
        price: peg.price.raw(),
        confidence: peg.confidence.raw(),
        publish: peg.publish.raw(),
        initial: peg.depeg.im.raw(),
        maintenance: peg.depeg.mm.raw(),
        markets,
    });
    Ok(())
}
