//! Touching: a position is brought up to date before anything reads it (RULES 5.1).

use crate::errors::{OrRefuse, PlimsollError};
use anchor_lang::prelude::*;
use plimsoll_risk::oracle::{permission, Action, Permission};
use plimsoll_risk::perp::{touch, Touched};
use plimsoll_risk::Secs;
use plimsoll_state::{MarginAccount, Market};

/// Index of the account's slot in `market`, opened if there was none, and the proof of its touch. Funding has been accrued before.
pub(crate) fn touch_slot(market: &mut Market, account: &mut MarginAccount, slot: usize, now: Secs) -> Result<Touched> {
    let mark = market.mark().or_refuse()?;
    let params = *market.perp_params;
    let (_, position) = account.cash_and_position(slot).or_refuse()?;
    touch(&mut market.perp, position, mark, now, &params).or_refuse()
}

/// The signer must be the owner, or the delegate where `delegate_may` (RULES 5.2: a delegate trades, it never withdraws).
pub(crate) fn require_authority(account: &MarginAccount, signer: &Pubkey, delegate_may: bool) -> Result<()> {
    let is_delegate = delegate_may && account.delegate != Pubkey::default() && account.delegate == *signer;
    require!(account.owner == *signer || is_delegate, PlimsollError::NotAuthorised);
    Ok(())
}

/// Refuses an action that the conditions of the market's price do not fully allow (RULES 2.2).
pub(crate) fn require_market(market: &Market, action: Action, now: Secs) -> Result<()> {
    require!(permission(market.conditions(now), action) == Permission::Allowed, PlimsollError::PriceConditionRefused);
    Ok(())
}
