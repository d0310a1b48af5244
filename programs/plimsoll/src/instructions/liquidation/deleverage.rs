//! Closes lots of a bankrupt account that neither a liquidator nor a registered candidate took, at the oracle price, pro rata against the whole opposite
//! side (RULES 7.2, 7.5). Anyone. A position worth $1,000 or more goes through a round first; solvency waits for it no longer than two minutes.
//!
//! The opposite side's positions change at their next touch; nobody is passed, so nobody can be picked.

use crate::errors::{OrRefuse, PlimsollError};
use crate::events::{Balance, Books, Deleveraged, Header, Moved};
use crate::forced::judge_bankrupt;
use crate::portfolio::Roster;
use crate::position::require_market;
use anchor_lang::prelude::*;
use plimsoll_risk::oracle::Action;
use plimsoll_risk::perp::adl_close;
use plimsoll_risk::{Quote, Secs};
use plimsoll_state::adl_round::{IndexPermission, SMALL_POSITION};
use plimsoll_state::{seeds, AdlRound, MarginAccount, Market};

/// Accounts of `deleverage`. Remaining: the account's other markets and its collaterals.
#[event_cpi]
#[derive(Accounts)]
pub struct Deleverage<'info> {
    /// The market whose lots are closed.
    #[account(mut)]
    pub market: AccountLoader<'info, Market>,
    /// The bankrupt account.
    #[account(mut)]
    pub margin_account: AccountLoader<'info, MarginAccount>,
    /// CHECK: the address of the account's round, whether it exists or not; read as one only when the program owns it.
    #[account(seeds = [seeds::ADL, market.key().as_ref(), margin_account.key().as_ref()], bump)]
    pub adl_round: UncheckedAccount<'info>,
}

impl Deleverage<'_> {
    fn validate(&self, now: Secs) -> Result<usize> {
        require_market(&*self.market.load()?, Action::Deleverage, now)?;
        self.margin_account.load()?.perp_index(&self.market.key()).ok_or(PlimsollError::NoPosition.into())
    }

    /// Candidates come before the index, for a position that is worth a round.
    fn require_turn(&self, value: Quote, now: Secs) -> Result<()> {
        if value < SMALL_POSITION {
            return Ok(());
        }
        require!(self.adl_round.owner == &crate::ID, PlimsollError::AdlRoundFirst);
        let data = self.adl_round.try_borrow_data()?;
        match AdlRound::from_bytes(&data).ok_or(PlimsollError::WrongVersion)?.index_permission(now) {
            IndexPermission::Allowed => Ok(()),
            IndexPermission::Registering => err!(PlimsollError::AdlRegistering),
            IndexPermission::Executing => err!(PlimsollError::AdlExecuting),
            IndexPermission::Expired => err!(PlimsollError::AdlRoundFirst),
        }
    }
}

/// judge → candidates' turn → close → event.
pub(crate) fn handler(ctx: Context<Deleverage>) -> Result<()> {
    let clock = Clock::get()?;
    let now = Secs::new(clock.unix_timestamp);
    let slot = ctx.accounts.validate(now)?;
    let (market_key, key) = (ctx.accounts.market.key(), ctx.accounts.margin_account.key());
    let mut market = ctx.accounts.market.load_mut()?;
    let mut account = ctx.accounts.margin_account.load_mut()?;
    let roster = Roster::new(ctx.remaining_accounts);
    let touched = judge_bankrupt(&mut market, &market_key, &mut account, slot, &roster, now)?;
    let mark = market.mark().or_refuse()?;
    let (_, position) = account.cash_and_position(slot).or_refuse()?;
    let before = position.lots();
    ctx.accounts.require_turn(before.at(mark).and_then(Quote::abs).or_refuse()?, now)?;
    let closed = adl_close(&mut market.perp, position, &touched, before.abs().or_refuse()?, mark).or_refuse()?;
    account.sequence = account.sequence.wrapping_add(1);
    market.sequence = market.sequence.wrapping_add(1);
    account.invariant().or_refuse()?;
    market.invariant().or_refuse()?;
    let header = Header::new(&clock, market_key, key, account.sequence);
    let (balance, books) = (Balance::of(&account, slot), Books::of(&market));
    drop((market, account));
    emit_cpi!(Deleveraged {
        header,
        lots: before.raw(),
        price: mark.raw(),
        open_interest: closed.open_interest.raw(),
        moved: Moved::of(&touched),
        balance,
        books,
    });
    Ok(())
}
