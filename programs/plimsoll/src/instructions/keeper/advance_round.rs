//! Moves a market's deficit along: closes the registering round when its time is over, else opens one for a waiting deficit (RULES 7.3). Anyone.

use crate::emit::emit;
use crate::errors::{OrRefuse, PlimsollError};
use crate::events::{Books, Header, RoundAdvanced};
use crate::position::require_market;
use anchor_lang::prelude::*;
use plimsoll_risk::oracle::Action;
use plimsoll_risk::perp::state::ROUND_REGISTERING;
use plimsoll_risk::perp::{close_round, open_or_extend_round};
use plimsoll_risk::{Ratio, RiskError, Secs};
use plimsoll_state::Market;

/// Accounts of `advance_round`.
#[event_cpi]
#[derive(Accounts)]
pub struct AdvanceRound<'info> {
    /// The market.
    #[account(mut)]
    pub market: AccountLoader<'info, Market>,
}

/// Closing first: a deficit that arrived meanwhile has joined the registering round.
pub(crate) fn handler(ctx: Context<AdvanceRound>) -> Result<()> {
    let clock = Clock::get()?;
    let now = Secs::new(clock.unix_timestamp);
    let mut market = ctx.accounts.market.load_mut()?;
    require_market(&market, Action::Resolve, now)?;
    let params = *market.perp_params;
    let registering = market.perp.rounds.iter().find(|round| round.status == ROUND_REGISTERING).copied();
    let (share, round, is_closed) = match (close_round(&mut market.perp, now, &params), registering) {
        (Ok(share), Some(round)) => (share, round, true),
        (Err(RiskError::WrongState), _) | (Ok(_), None) => {
            let mark = market.mark().or_refuse()?;
            let progress = open_or_extend_round(&mut market.perp, mark, now).map_err(|error| match error {
                RiskError::WrongState => PlimsollError::RoundNotReady,
                other => other.into(),
            })?;
            let opened = market.perp.rounds.iter().find(|round| round.id == progress.round && round.id != 0).copied();
            (Ratio::ZERO, opened.unwrap_or_else(bytemuck::Zeroable::zeroed), false)
        }
        (Err(error), _) => return Err(PlimsollError::from(error).into()),
    };
    market.sequence = market.sequence.wrapping_add(1);
    market.invariant().or_refuse()?;
    let header = Header::new(&clock, ctx.accounts.market.key(), Pubkey::default(), market.sequence);
    let books = Books::of(&market);
    drop(market);
    emit(
        &RoundAdvanced {
            header,
            round: round.id,
            is_closed,
            price: round.price,
            deficit: round.deficit,
            claims: round.claims,
            share: share.raw(),
            books,
        },
        &ctx.accounts.event_authority,
    )?;
    Ok(())
}
