//! Opens a round of ranked deleveraging for a bankrupt account's lots in one market (RULES 7.2). Anyone; the payer gets the rent back when the round is
//! closed. For 60 s candidates of the opposite side may be registered, for the next 60 s their cuts are executed, then the side index takes what is left.

use crate::errors::{OrRefuse, PlimsollError};
use crate::events::{AdlRoundOpened, Balance, Books, Header, Moved};
use crate::forced::judge_bankrupt;
use crate::portfolio::Roster;
use crate::position::require_market;
use anchor_lang::prelude::*;
use plimsoll_risk::oracle::Action;
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

impl OpenAdlRound<'_> {
    fn validate(&self, now: Secs) -> Result<usize> {
        let (market, account) = (self.market.load()?, self.margin_account.load()?);
        require_keys_eq!(account.exchange, market.exchange, PlimsollError::WrongExchange);
        require_market(&market, Action::Deleverage, now)?;
        account.perp_index(&self.market.key()).ok_or(PlimsollError::NoPosition.into())
    }
}

/// judge → open → event.
pub(crate) fn handler<'info>(ctx: Context<'info, OpenAdlRound<'info>>) -> Result<()> {
    let clock = Clock::get()?;
    let now = Secs::new(clock.unix_timestamp);
    let slot = ctx.accounts.validate(now)?;
    let (market_key, key) = (ctx.accounts.market.key(), ctx.accounts.margin_account.key());
    let mut market = ctx.accounts.market.load_mut()?;
    let mut account = ctx.accounts.margin_account.load_mut()?;
    let roster = Roster::new(ctx.remaining_accounts);
    let touched = judge_bankrupt(&mut market, &market_key, &mut account, slot, &roster, now)?;
    let mark = market.mark().or_refuse()?;
    let lots = account.position(slot).or_refuse()?.lots();
    let value = lots.at(mark).and_then(plimsoll_risk::Quote::abs).or_refuse()?;
    require!(value >= SMALL_POSITION, PlimsollError::AdlNotNeeded);
    {
        let mut round = ctx.accounts.adl_round.load_init()?;
        round.exchange = market.exchange;
        round.market = market_key;
        round.margin_account = key;
        round.opener = ctx.accounts.payer.key();
        round.version = VERSION;
        round.bump = ctx.bumps.adl_round;
        round.opened_at = now.raw();
        round.lots = lots.raw();
    }
    account.sequence = account.sequence.wrapping_add(1);
    market.sequence = market.sequence.wrapping_add(1);
    account.invariant().or_refuse()?;
    market.invariant().or_refuse()?;
    let header = Header::new(&clock, market_key, key, account.sequence);
    let (balance, books) = (Balance::of(&account, slot), Books::of(&market));
    drop((market, account));
    emit_cpi!(AdlRoundOpened { header, lots: lots.raw(), price: mark.raw(), moved: Moved::of(&touched), balance, books });
    Ok(())
}
