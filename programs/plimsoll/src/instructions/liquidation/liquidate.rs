//! One step of a liquidation in one market: judge the account, cancel its orders, fill a slice on the book, take the rest over (RULES 6.1–6.3).
//!
//! Anyone with a margin account. A first failing sample is only recorded, as is that an account has recovered; a call that finds nothing to do and
//! nothing to record is refused.

use crate::errors::{OrRefuse, PlimsollError};
use crate::events::{Header, Liquidated};
use crate::forced::{advance_state, book_phase, measure, takeover_phase, Step};
use crate::portfolio::{Portfolio, Roster};
use crate::position::{require_authority, touch_slot};
use anchor_lang::prelude::*;
use plimsoll_risk::liquidation::{AccountState, LiquidationState};
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
pub(crate) fn handler(ctx: Context<Liquidate>, args: LiquidateArgs) -> Result<()> {
    let slot = ctx.accounts.validate(&args)?;
    let clock = Clock::get()?;
    let now = Secs::new(clock.unix_timestamp);
    let roster = Roster::new(ctx.remaining_accounts);
    let (market_key, key) = (ctx.accounts.market.key(), ctx.accounts.liquidatee.key());
    let mut market = ctx.accounts.market.load_mut()?;
    let mut account = ctx.accounts.liquidatee.load_mut()?;
    market.accrue_funding(now).or_refuse()?;
    let touched = touch_slot(&mut market, &mut account, slot, now)?;
    let portfolio = Portfolio::read_with(&account, Some((&market_key, &market)), &roster, now.raw())?;
    let known = *account.liquidation;
    let state = advance_state(&mut account, &portfolio, &market, now)?;
    let is_new = known.state != account.liquidation.state;
    account.sequence = account.sequence.wrapping_add(1);
    if state != AccountState::Liquidating {
        let is_told = known != *account.liquidation || state == AccountState::Bankrupt;
        require!(is_told, why_not(&portfolio, &known, now)?);
        return account.invariant().or_refuse();
    }
    account.cancel_all();
    let mut step = match Step::new(&account, portfolio, &market, market_key, slot, now)? {
        Ok(step) => step,
        Err(reason) => return nothing_done(is_new, &account, reason),
    };
    let mut liquidator = ctx.accounts.liquidator.load_mut()?;
    {
        let mut book = ctx.accounts.book.load_mut()?;
        let named = [key, ctx.accounts.liquidator.key()];
        book_phase(&mut step, &mut book, &mut market, &mut account, key, &touched, &roster, &named)?;
    }
    if let Some(reason) = step.idle(&account, Lots::new(args.max_lots), now)? {
        return nothing_done(is_new, &account, reason);
    }
    let before = [step.before.equity.raw(), step.before.mm.raw()];
    takeover_phase(&mut step, &mut market, &mut account, &touched, &mut liquidator, &roster, Lots::new(args.max_lots), now)?;
    let after = measure(&mut step, &mut account, &market, now)?;
    let header = Header::new(&clock, market_key, key, account.sequence);
    let state = account.liquidation.state;
    account.close_if_empty(slot);
    account.invariant().or_refuse()?;
    liquidator.invariant().or_refuse()?;
    market.invariant().or_refuse()?;
    let (price, sigma) = (market.oracle.price, market.vol.sigma_1h);
    drop((market, account, liquidator));
    emit_cpi!(Liquidated {
        header,
        liquidator: ctx.accounts.liquidator.key(),
        book_lots: step.book_lots.raw(),
        taken_lots: step.taken_lots.raw(),
        price,
        keeper_income: step.keeper_income.raw(),
        insurance_income: step.insurance_income.raw(),
        before,
        after: [after.equity.raw(), after.mm.raw()],
        sigma,
        state,
    });
    Ok(())
}

/// A call that flags the account succeeds even when nothing can be taken yet: the flag starts the clock of the take-over. Later it is refused.
fn nothing_done(is_new: bool, account: &MarginAccount, reason: PlimsollError) -> Result<()> {
    if is_new {
        account.invariant().or_refuse()
    } else {
        Err(reason.into())
    }
}
