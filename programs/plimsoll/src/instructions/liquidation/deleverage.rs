//! Closes lots of a bankrupt account that neither a liquidator nor a registered candidate took, at the oracle price, pro rata against the whole opposite
//! side (RULES 7.2, 7.5). Anyone. A position worth $1,000 or more goes through a round first; solvency waits for it no longer than two minutes.
//!
//! The opposite side's positions change at their next touch; nobody is passed, so nobody can be picked.

use crate::bankrupt::{Bankrupt, Told};
use crate::emit::emit;
use crate::errors::{OrRefuse, PlimsollError};
use crate::events::Deleveraged;
use crate::portfolio::Roster;
use anchor_lang::prelude::*;
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
    let accounts = &ctx.accounts;
    let (market_key, key) = (accounts.market.key(), accounts.margin_account.key());
    let now = Secs::new(clock.unix_timestamp);
    let mut bankrupt = Bankrupt::load(&accounts.market, &accounts.margin_account, &Roster::new(ctx.remaining_accounts), now)?;
    accounts.require_turn(bankrupt.value()?, now)?;
    let (lots, price) = (bankrupt.lots.raw(), bankrupt.mark.raw());
    let Bankrupt { market, account, slot, touched, lots: before, mark } = &mut bankrupt;
    let (_, position) = account.cash_and_position(*slot).or_refuse()?;
    let closed = adl_close(&mut market.perp, position, touched, before.abs().or_refuse()?, *mark).or_refuse()?;
    let open_interest = closed.open_interest.raw();
    let Told { header, moved, balance, books } = bankrupt.finish(&clock, market_key, key)?;
    emit(&Deleveraged { header, lots, price, open_interest, moved, balance, books }, &ctx.accounts.event_authority)?;
    Ok(())
}
