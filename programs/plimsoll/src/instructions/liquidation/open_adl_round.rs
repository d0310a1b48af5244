//! Opens a round of ranked deleveraging for a bankrupt account's lots in one market (RULES 7.2). Anyone; the payer gets the rent back when the round is
//! closed. For 60 s candidates of the opposite side may be registered, for the next 60 s their cuts are executed, then the side index takes what is left.

use crate::bankrupt::{Bankrupt, Told};
use crate::emit::emit;
use crate::errors::PlimsollError;
use crate::events::AdlRoundOpened;
use crate::portfolio::Roster;
use anchor_lang::prelude::*;
use plimsoll_risk::Secs;
use plimsoll_state::adl_round::SMALL_POSITION;
use plimsoll_state::{seeds, AdlRound, MarginAccount, Market, VERSION};

/// Accounts of `open_adl_round`. Remaining: the account's other markets and its collaterals.
#[event_cpi]
#[derive(Accounts)]
pub struct OpenAdlRound<'info> {
    /// Pays the rent.
    #[account(mut)]
    pub payer: Signer<'info>,
    /// The market whose lots are to be closed.
    #[account(mut)]
    pub market: AccountLoader<'info, Market>,
    /// The bankrupt account.
    #[account(mut)]
    pub margin_account: AccountLoader<'info, MarginAccount>,
    /// The round; one at a time for this account and market.
    #[account(init, payer = payer, space = AdlRound::SPACE,
        seeds = [seeds::ADL, market.key().as_ref(), margin_account.key().as_ref()], bump)]
    pub adl_round: AccountLoader<'info, AdlRound>,
    /// Creates the account.
    pub system_program: Program<'info, System>,
}

/// judge → open → event.
pub(crate) fn handler<'info>(ctx: Context<'info, OpenAdlRound<'info>>) -> Result<()> {
    let clock = Clock::get()?;
    let accounts = &ctx.accounts;
    let (market_key, key) = (accounts.market.key(), accounts.margin_account.key());
    let now = Secs::new(clock.unix_timestamp);
    let bankrupt = Bankrupt::load(&accounts.market, &accounts.margin_account, &Roster::new(ctx.remaining_accounts), now)?;
    require!(bankrupt.value()? >= SMALL_POSITION, PlimsollError::AdlNotNeeded);
    {
        let mut round = accounts.adl_round.load_init()?;
        round.exchange = bankrupt.market.exchange;
        round.market = market_key;
        round.margin_account = key;
        round.opener = accounts.payer.key();
        round.version = VERSION;
        round.bump = ctx.bumps.adl_round;
        round.opened_at = now.raw();
        round.lots = bankrupt.lots.raw();
    }
    let (lots, price) = (bankrupt.lots.raw(), bankrupt.mark.raw());
    let Told { header, moved, balance, books } = bankrupt.finish(&clock, market_key, key)?;
    emit(&AdlRoundOpened { header, lots, price, moved, balance, books }, &ctx.accounts.event_authority)?;
    Ok(())
}
