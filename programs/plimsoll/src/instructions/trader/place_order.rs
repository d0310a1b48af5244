//! Trades against a book and rests what is left. Owner or delegate. The price limit is the caller's own; makers are passed among the remaining accounts.
//!
//! Can never: leave an account that met its initial margin below it, worsen E/MM of one that did not, trade for an account without equity, or let a
//! delegate's fills give away more than the owner allows (RULES 5.2).

use crate::emit::emit;
use crate::errors::{OrRefuse, PlimsollError};
use crate::events::{Balance, Books, Header, Moved, OrderPlaced, Traded};
use crate::matching::{charge_taker, execute, TakerAccount};
use crate::order::{Intent, OrderArgs};
use crate::portfolio::{Portfolio, Roster};
use crate::position::{is_delegated, touch_slot};
use anchor_lang::prelude::*;
use plimsoll_risk::{Ratio, Secs};
use plimsoll_state::{MarginAccount, Market, OrderBook};

/// Accounts of `place_order`. Remaining: the account's other markets, its collaterals, then makers (writable).
#[event_cpi]
#[derive(Accounts)]
pub struct PlaceOrder<'info> {
    /// Owner or delegate.
    pub authority: Signer<'info>,
    /// Trades.
    #[account(mut)]
    pub margin_account: AccountLoader<'info, MarginAccount>,
    /// Where it trades.
    #[account(mut, has_one = book @ PlimsollError::WrongBook)]
    pub market: AccountLoader<'info, Market>,
    /// The market's book.
    #[account(mut)]
    pub book: AccountLoader<'info, OrderBook>,
}

impl PlaceOrder<'_> {
    /// On the loaded accounts, because every load compares owner and type again.
    fn validate(&self, account: &MarginAccount, market: &Market, args: &OrderArgs, now: i64) -> Result<Intent> {
        require_keys_eq!(account.exchange, market.exchange, PlimsollError::WrongExchange);
        Intent::new(args, market, is_delegated(account, self.authority.key)?, now)
    }
}

/// touch → match → fee → rest → margin → events.
pub(crate) fn handler(ctx: Context<PlaceOrder>, args: OrderArgs) -> Result<()> {
    let clock = Clock::get()?;
    let now = Secs::new(clock.unix_timestamp);
    let roster = Roster::new(ctx.remaining_accounts);
    let (key, market_key) = (ctx.accounts.margin_account.key(), ctx.accounts.market.key());
    let mut market = ctx.accounts.market.load_mut()?;
    let mut book = ctx.accounts.book.load_mut()?;
    let mut account = ctx.accounts.margin_account.load_mut()?;
    let intent = ctx.accounts.validate(&account, &market, &args, clock.unix_timestamp)?;
    let slot = account.perp_index_or_open(&market_key).ok_or(PlimsollError::PositionSlotsFull)?;
    market.accrue_funding(now).or_refuse()?;
    let touched = touch_slot(&mut market, &mut account, slot, now)?;
    let mut portfolio = Portfolio::read_with(&account, Some((&market_key, &market)), &roster, now.raw())?;
    let before = portfolio.health()?;
    let terms = portfolio.leg(&market_key).map(|(terms, _)| *terms).ok_or(PlimsollError::MissingMarket)?;
    let request = intent.taker(&account, slot, key, &market, now)?;
    let mut taker = TakerAccount { account: &mut account, slot, touched: &touched, terms: &terms };
    let executed = execute(&mut book, &mut market, market_key, &mut taker, &request, &roster, &[key])?;
    require!(!executed.lacks_makers(), PlimsollError::MissingMaker);
    let rate = Ratio::new(market.perp_params.taker_fee);
    let fee = charge_taker(&mut market, &mut taker, executed.value, rate)?;
    intent.count_fills(&mut account, &executed, terms.mark(), fee, now)?;
    let rested = intent.rest(&mut book, &mut account, slot, key, &terms, portfolio.depeg(), executed.outcome.rest, now)?;
    let after = portfolio.updated_health(&before, account.cash, &market_key, account.position(slot).or_refuse()?)?;
    let bound = portfolio.cross(&market_key);
    intent.check(&account, slot, &market, &before, &after, &terms, &executed, rested.is_some(), &bound, now)?;
    account.sequence = account.sequence.wrapping_add(1);
    market.sequence = market.sequence.wrapping_add(1);
    account.invariant().or_refuse()?;
    market.invariant().or_refuse()?;
    let header = Header::new(&clock, market_key, key, account.sequence);
    let (moved, balance, books) = (Moved::of(&touched), Balance::of(&account, slot), Books::of(&market));
    account.close_if_empty(slot);
    let oracle = market.oracle.price;
    if let Some(order) = rested {
        emit!(OrderPlaced {
            header,
            order,
            client_id: args.client_id,
            side: args.side,
            price: args.price,
            lots: executed.outcome.rest.raw()
        });
    }
    drop((market, book, account));
    // An order that only rests moves no money, unless the touch before it did.
    if !executed.fills.is_empty() || moved.is_some() {
        tell(&ctx, Traded { header, fills: executed.fills, fee, moved, balance, books, oracle })?;
    }
    Ok(())
}

/// Emits the event, in a frame of its own.
#[inline(never)]
fn tell(ctx: &Context<PlaceOrder>, traded: Traded) -> Result<()> {
    emit(&traded, &ctx.accounts.event_authority)?;
    Ok(())
}
