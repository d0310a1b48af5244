//! Samples the premium of the book's impact mid over the oracle, which sets the funding rate from now on (RULES 5.4), and the depth of the book, which the
//! size add-on measures positions by (RULES 4.4). Anyone.

use crate::errors::{OrRefuse, PlimsollError};
use crate::position::require_market;
use anchor_lang::prelude::*;
use plimsoll_risk::book::depth::{depth_to, impact_price};
use plimsoll_risk::book::Side;
use plimsoll_risk::funding::premium;
use plimsoll_risk::oracle::Action;
use plimsoll_risk::perp::accrue_funding;
use plimsoll_risk::units::MAX_PRICE;
use plimsoll_risk::{Price, Quote, Ratio, Round, Secs};
use plimsoll_state::{Market, OrderBook};

/// Notional whose average fill price is the impact price: $10,000.
const IMPACT_NOTIONAL: Quote = Quote::new(10_000_000_000);

/// How far from the mark an order counts as depth: 2 %.
const DEPTH_REACH: Ratio = Ratio::of(2, 100);

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
    let depth = book_depth(&book, mark, now)?;
    market.sample_depth(depth, now).or_refuse()?;
    market.sequence = market.sequence.wrapping_add(1);
    market.invariant().or_refuse()
}

/// Value that the thinner side of the book takes within 2 % of the mark (RULES 4.4).
fn book_depth(book: &OrderBook, mark: Price, now: Secs) -> Result<Quote> {
    let reach = mark.scale(DEPTH_REACH, Round::Ceil).or_refuse()?;
    let value = |side: Side, limit: Price| {
        let (header, orders) = book.side(side);
        header.live(side, orders).and_then(|live| depth_to(side, live, limit, now)).and_then(|lots| lots.at(mark))
    };
    let bids = value(Side::Bid, mark.sub(reach).or_refuse()?.max(Price::new(1))).or_refuse()?;
    let asks = value(Side::Ask, mark.add(reach).or_refuse()?.min(Price::new(MAX_PRICE))).or_refuse()?;
    Ok(bids.min(asks))
}
