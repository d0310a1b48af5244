//! Samples the premium of the book's impact mid over the oracle and sets the funding rate from now on (RULES 5.4). Anyone.

use crate::errors::{OrRefuse, PlimsollError};
use crate::position::require_market;
use anchor_lang::prelude::*;
use plimsoll_risk::book::depth::impact_price;
use plimsoll_risk::book::Side;
use plimsoll_risk::funding::premium;
use plimsoll_risk::oracle::Action;
use plimsoll_risk::perp::accrue_funding;
use plimsoll_risk::{Quote, Secs};
use plimsoll_state::{Market, OrderBook};

/// Notional whose average fill price is the impact price: $10,000.
const IMPACT_NOTIONAL: Quote = Quote::new(10_000_000_000);

/// Accounts of `update_funding`.
#[derive(Accounts)]
pub struct UpdateFunding<'info> {
    /// The market.
    #[account(mut, has_one = book @ PlimsollError::WrongBook)]
    pub market: AccountLoader<'info, Market>,
    /// The market's book.
    pub book: AccountLoader<'info, OrderBook>,
}

/// Accrues what the old rate owes, then takes the sample.
pub(crate) fn handler(ctx: Context<UpdateFunding>) -> Result<()> {
    let now = Secs::new(Clock::get()?.unix_timestamp);
    let mut market = ctx.accounts.market.load_mut()?;
    require_market(&market, Action::AccrueFunding, now)?;
    let book = ctx.accounts.book.load()?;
    let mark = market.mark().or_refuse()?;
    let impact = |side: Side| {
        let (header, orders) = book.side(side);
        header.live(side, orders).and_then(|live| impact_price(side, live, IMPACT_NOTIONAL, now))
    };
    let sample = premium(impact(Side::Bid).or_refuse()?, impact(Side::Ask).or_refuse()?, mark).or_refuse()?;
    let has_both_sides = market.has_both_sides();
    let params = *market.funding_params;
    let per_lot = market.funding.sample(now, sample, mark, has_both_sides, &params).or_refuse()?;
    accrue_funding(&mut market.perp, per_lot.raw()).or_refuse()?;
    market.sequence = market.sequence.wrapping_add(1);
    market.invariant().or_refuse()
}
