//! Moves a market's deficit along: closes the registering round when its time is over, else opens one for a waiting deficit (RULES 7.3). Anyone.

use crate::errors::{OrRefuse, PlimsollError};
use crate::events::{Header, RoundClosed};
use crate::position::require_market;
use anchor_lang::prelude::*;
use plimsoll_risk::oracle::Action;
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
    let share = match close_round(&mut market.perp, now, &params) {
        Ok(share) => share,
        Err(RiskError::WrongState) => {
            let mark = market.mark().or_refuse()?;
            open_or_extend_round(&mut market.perp, mark, now).map_err(|error| match error {
                RiskError::WrongState => PlimsollError::RoundNotReady,
                other => other.into(),
            })?;
            Ratio::ZERO
        }
        Err(error) => return Err(PlimsollError::from(error).into()),
    };
    market.sequence = market.sequence.wrapping_add(1);
    market.invariant().or_refuse()?;
    let round = market.perp.last_round;
    let (deficit, claims) = market.perp.rounds.iter().find(|slot| slot.id == round).map_or((0, 0), |slot| (slot.deficit, slot.claims));
    let header = Header::new(&clock, ctx.accounts.market.key(), Pubkey::default(), market.sequence);
    drop(market);
    emit_cpi!(RoundClosed { header, round, deficit, claims, share: share.raw() });
    Ok(())
}
