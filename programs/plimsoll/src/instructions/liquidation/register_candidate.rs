//! Registers an account of the side that gains as a candidate of a round (RULES 7.2). Anyone, for any account; the program computes the score from the
//! candidate's own health. The margin account `keeper` is paid for one that was not listed, out of the market's protocol fees.

use crate::emit::emit;
use crate::errors::{OrRefuse, PlimsollError};
use crate::events::{AdlCandidateRegistered, Books, Header};
use crate::portfolio::{Portfolio, Roster};
use crate::position::require_market;
use anchor_lang::prelude::*;
use plimsoll_risk::book::Key as BookKey;
use plimsoll_risk::oracle::Action;
use plimsoll_risk::perp::{candidate_reward, take_reward, Candidate};
use plimsoll_risk::{Lots, Quote, RiskError, Secs};
use plimsoll_state::{AdlRound, MarginAccount, Market};

/// Accounts of `register_candidate`. Remaining: the candidate's markets, the named one included, and its collaterals.
#[event_cpi]
#[derive(Accounts)]
pub struct RegisterCandidate<'info> {
    /// The market of the round; pays the reward.
    #[account(mut)]
    pub market: AccountLoader<'info, Market>,
    /// The round.
    #[account(mut, has_one = market @ PlimsollError::WrongMarket)]
    pub adl_round: AccountLoader<'info, AdlRound>,
    /// The candidate.
    pub candidate: AccountLoader<'info, MarginAccount>,
    /// Is paid; may be the candidate.
    #[account(mut)]
    pub keeper: AccountLoader<'info, MarginAccount>,
}

impl RegisterCandidate<'_> {
    fn validate(&self, now: Secs) -> Result<()> {
        let (market, round) = (self.market.load()?, self.adl_round.load()?);
        require_keys_eq!(self.candidate.load()?.exchange, market.exchange, PlimsollError::WrongExchange);
        require_keys_eq!(self.keeper.load()?.exchange, market.exchange, PlimsollError::WrongExchange);
        require!(round.is_registering(now), PlimsollError::AdlWindow);
        require_market(&market, Action::Deleverage, now)
    }

    /// The candidate as its own health shows it; nothing of it changes.
    fn score(&self, roster: &Roster<'_>, now: Secs) -> Result<Candidate> {
        let portfolio = Portfolio::read(&*self.candidate.load()?, roster, now.raw())?;
        let (_, leg) = portfolio.leg(&self.market.key()).ok_or(PlimsollError::NotACandidate)?;
        let is_against = leg.lots.is_negative() != Lots::new(self.adl_round.load()?.lots).is_negative();
        require!(is_against, PlimsollError::NotACandidate);
        let key = BookKey::from_bytes(self.candidate.key().to_bytes());
        let health = portfolio.health()?;
        Candidate::new(key, leg.lots, &health).map_err(|_| PlimsollError::NotACandidate.into())
    }
}

/// score → list → reward → event.
pub(crate) fn handler<'info>(ctx: Context<'info, RegisterCandidate<'info>>) -> Result<()> {
    let clock = Clock::get()?;
    let now = Secs::new(clock.unix_timestamp);
    ctx.accounts.validate(now)?;
    let candidate = ctx.accounts.score(&Roster::new(ctx.remaining_accounts), now)?;
    let mut round = ctx.accounts.adl_round.load_mut()?;
    let mut market = ctx.accounts.market.load_mut()?;
    let is_new = round.register(candidate).map_err(|error| match error {
        RiskError::QuantityOutOfRange => PlimsollError::NotACandidate,
        _ => PlimsollError::AdlScoreTooLow,
    })?;
    let mark = market.mark().or_refuse()?;
    // Who is listed again with a higher score is not paid for again: cash that goes out in steps would be paid at every one.
    let wanted = if is_new { candidate_reward(Lots::new(candidate.lots), mark).or_refuse()? } else { Quote::ZERO };
    let reward = take_reward(&mut market.perp, wanted, now).or_refuse()?;
    let (keeper_cash, keeper_sequence) = {
        let mut keeper = ctx.accounts.keeper.load_mut()?;
        keeper.cash = Quote::new(keeper.cash).add(reward).or_refuse()?.raw();
        keeper.sequence = keeper.sequence.wrapping_add(1);
        keeper.invariant().or_refuse()?;
        (keeper.cash, keeper.sequence)
    };
    market.sequence = market.sequence.wrapping_add(1);
    market.invariant().or_refuse()?;
    let header = Header::new(&clock, ctx.accounts.market.key(), ctx.accounts.keeper.key(), keeper_sequence);
    let (failing, listed, books) = (round.margin_account, round.count, Books::of(&market));
    drop((round, market));
    emit(
        &AdlCandidateRegistered {
            header,
            failing,
            candidate: ctx.accounts.candidate.key(),
            lots: candidate.lots,
            exposure: candidate.exposure,
            equity: candidate.equity,
            price: mark.raw(),
            listed,
            reward: reward.raw(),
            keeper_cash,
            books,
        },
        &ctx.accounts.event_authority,
    )?;
    Ok(())
}
