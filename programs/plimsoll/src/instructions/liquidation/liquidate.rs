//! One step of a liquidation in one market: judge the account, cancel its orders, fill a slice on the book, take the rest over (RULES 6.1–6.3).
//!
//! Anyone with a margin account. A first failing sample is only recorded, as is that an account has recovered; a call that finds nothing to do and
//! nothing to record is refused.

use crate::emit::emit;
use crate::errors::{OrRefuse, PlimsollError};
use crate::events::{Balance, Books, Header, Liquidated, Moved};
use crate::forced::{advance_state, book_phase, measure, measured, measures, takeover_phase, Step};
use crate::portfolio::{Portfolio, Roster};
use crate::position::{require_authority, touch_slot};
use anchor_lang::prelude::*;
use plimsoll_risk::liquidation::{AccountState, LiquidationState};
use plimsoll_risk::perp::Touched;
use plimsoll_risk::{Lots, Secs};
use plimsoll_state::{MarginAccount, Market, OrderBook};

/// Arguments of `liquidate`.
#[derive(AnchorSerialize, AnchorDeserialize, Clone, Copy)]
pub struct LiquidateArgs {
    /// Most lots the caller takes over itself; 0 = only the book.
    pub max_lots: i64,
    /// The call is refused when the oracle price is below this, atoms per lot.
    pub min_price: i64,
    /// The call is refused when the oracle price is above this, atoms per lot.
    pub max_price: i64,
}

/// Accounts of `liquidate`. Remaining: the other markets and the collaterals of both accounts, then makers (writable).
#[event_cpi]
#[derive(Accounts)]
pub struct Liquidate<'info> {
    /// Owner or delegate of the liquidator.
    pub authority: Signer<'info>,
    /// Takes lots over and receives the keeper's part of the penalty.
    #[account(mut)]
    pub liquidator: AccountLoader<'info, MarginAccount>,
    /// The failing account.
    #[account(mut)]
    pub liquidatee: AccountLoader<'info, MarginAccount>,
    /// Market of the leg.
    #[account(mut, has_one = book @ PlimsollError::WrongBook)]
    pub market: AccountLoader<'info, Market>,
    /// The market's book.
    #[account(mut)]
    pub book: AccountLoader<'info, OrderBook>,
}

impl Liquidate<'_> {
    fn validate(&self, args: &LiquidateArgs) -> Result<usize> {
        // The framework does not compare zero-copy accounts with each other.
        require_keys_neq!(self.liquidator.key(), self.liquidatee.key(), PlimsollError::SameAccount);
        let (liquidator, liquidatee, market) = (self.liquidator.load()?, self.liquidatee.load()?, self.market.load()?);
        require_keys_eq!(liquidator.exchange, market.exchange, PlimsollError::WrongExchange);
        require_keys_eq!(liquidatee.exchange, market.exchange, PlimsollError::WrongExchange);
        require_authority(&liquidator, self.authority.key, true)?;
        require!((0..=plimsoll_risk::units::MAX_LOTS).contains(&args.max_lots), PlimsollError::QuantityOutOfRange);
        let price = market.mark().or_refuse()?.raw();
        require!((args.min_price..=args.max_price).contains(&price), PlimsollError::LimitNotMet);
        liquidatee.perp_index(&self.market.key()).ok_or(PlimsollError::NoPosition.into())
    }
}

/// Why an account that is not failing, or not yet, cannot be liquidated.
#[inline(never)]
fn why_not(portfolio: &Portfolio, state: &LiquidationState, now: Secs) -> Result<PlimsollError> {
    let health = portfolio.health()?;
    Ok(if health.equity_trigger >= health.mm {
        PlimsollError::NotLiquidatable
    } else if now.raw() < state.adl_grace_until {
        PlimsollError::AdlGrace
    } else {
        PlimsollError::AwaitSecondSample
    })
}

/// touch → judge → cancel → book → take-over → judge again → event.
pub(crate) fn handler<'info>(ctx: Context<'info, Liquidate<'info>>, args: LiquidateArgs) -> Result<()> {
    let slot = ctx.accounts.validate(&args)?;
    let clock = Clock::get()?;
    let happened = run(&ctx, &args, slot, &clock)?;
    emit(&*happened, &ctx.accounts.event_authority)?;
    Ok(())
}

/// The step on loaded accounts.
#[inline(never)]
fn run<'info>(ctx: &Context<'info, Liquidate<'info>>, args: &LiquidateArgs, slot: usize, clock: &Clock) -> Result<Box<Liquidated>> {
    let now = Secs::new(clock.unix_timestamp);
    let roster = Roster::new(ctx.remaining_accounts);
    let (market_key, key) = (ctx.accounts.market.key(), ctx.accounts.liquidatee.key());
    let mut market = ctx.accounts.market.load_mut()?;
    let mut account = ctx.accounts.liquidatee.load_mut()?;
    let mut liquidator = ctx.accounts.liquidator.load_mut()?;
    market.accrue_funding(now).or_refuse()?;
    let touched = touch_slot(&mut market, &mut account, slot, now)?;
    let portfolio = Portfolio::read_with(&account, Some((&market_key, &market)), &roster, now.raw())?;
    let before = measured(&portfolio)?;
    let known = *account.liquidation;
    let state = advance_state(&mut account, &portfolio, &market, now)?;
    let is_new = known.state != account.liquidation.state;
    account.sequence = account.sequence.wrapping_add(1);
    market.sequence = market.sequence.wrapping_add(1);
    let mut seen = Seen { ctx, clock, touched: &touched, before, after: before, slot };
    if state != AccountState::Liquidating {
        let is_told = known != *account.liquidation || state == AccountState::Bankrupt;
        require!(is_told, why_not(&portfolio, &known, now)?);
        account.invariant().or_refuse()?;
        return Ok(seen.event(None, &account, &liquidator, &market));
    }
    account.cancel_all();
    let mut step = match Step::new(&account, portfolio, &market, market_key, slot, now)? {
        Ok(step) => step,
        Err(reason) => {
            if !is_new {
                return Err(reason.into());
            }
            account.invariant().or_refuse()?;
            return Ok(seen.event(None, &account, &liquidator, &market));
        }
    };
    {
        let mut book = ctx.accounts.book.load_mut()?;
        let named = [key, ctx.accounts.liquidator.key()];
        book_phase(&mut step, &mut book, &mut market, &mut account, key, &touched, &roster, &named)?;
    }
    seen.before = measures(&step.before);
    seen.after = seen.before;
    if let Some(reason) = step.idle(&account, Lots::new(args.max_lots), now)? {
        // A call that flags the account stands even when nothing can be taken yet: the flag starts the clock of the take-over.
        if !is_new {
            return Err(reason.into());
        }
    } else {
        takeover_phase(&mut step, &mut market, &mut account, &touched, &mut liquidator, &roster, Lots::new(args.max_lots), now)?;
        seen.after = measure(&mut step, &mut account, &market, now)?;
    }
    account.invariant().or_refuse()?;
    liquidator.invariant().or_refuse()?;
    market.invariant().or_refuse()?;
    let event = seen.event(Some(step), &account, &liquidator, &market);
    account.close_if_empty(slot);
    Ok(event)
}

/// What an event tells besides the step itself.
struct Seen<'a, 'info> {
    ctx: &'a Context<'info, Liquidate<'info>>,
    clock: &'a Clock,
    touched: &'a Touched,
    before: [i64; 2],
    after: [i64; 2],
    slot: usize,
}

impl Seen<'_, '_> {
    /// A step in which nothing was closed only changed the account's state.
    #[inline(never)]
    fn event(&self, step: Option<Box<Step>>, account: &MarginAccount, liquidator: &MarginAccount, market: &Market) -> Box<Liquidated> {
        let accounts = &self.ctx.accounts;
        let header = Header::new(self.clock, accounts.market.key(), accounts.liquidatee.key(), account.sequence);
        let own = step.as_ref().and_then(|step| step.liquidator_slot).or_else(|| liquidator.perp_index(&accounts.market.key()));
        let (book_lots, taken_lots) = step.as_ref().map_or((0, 0), |step| (step.book_lots.raw(), step.taken_lots.raw()));
        let (keeper_income, insurance_income) =
            step.as_ref().map_or((0, 0), |step| (step.keeper_income.raw(), step.insurance_income.raw()));
        let liquidator_moved = step.as_ref().and_then(|step| step.liquidator_moved);
        Box::new(Liquidated {
            header,
            liquidator: accounts.liquidator.key(),
            fills: step.map(|step| step.fills).unwrap_or_default(),
            book_lots,
            taken_lots,
            price: market.oracle.price,
            keeper_income,
            insurance_income,
            before: self.before,
            after: self.after,
            sigma: market.vol.sigma_1h,
            state: account.liquidation.state,
            moved: Moved::of(self.touched),
            balance: Balance::of(account, self.slot),
            liquidator_moved,
            liquidator_balance: Balance::of(liquidator, own.unwrap_or(usize::MAX)),
            books: Books::of(market),
        })
    }
}
