//! Touching: a position is brought up to date before anything reads it (RULES 5.1).

use crate::errors::{OrRefuse, PlimsollError};
use anchor_lang::prelude::*;
use plimsoll_risk::oracle::{permission, Action, Permission};
use plimsoll_risk::perp::{touch, Touched};
use plimsoll_risk::Secs;
use plimsoll_state::{MarginAccount, Market, VERSION};

/// Brings the position in `slot` up to date; market and account count the change. Funding has been accrued before.
///
/// In a settling market the position becomes a balance (RULES 2.5), and its orders, which nobody can fill any more, are void.
pub(crate) fn touch_slot(market: &mut Market, account: &mut MarginAccount, slot: usize, now: Secs) -> Result<Touched> {
    require_version(market.version)?;
    require_version(account.version)?;
    let mark = market.mark().or_refuse()?;
    let params = *market.perp_params;
    let (_, position) = account.cash_and_position(slot).or_refuse()?;
    let touched = touch(&mut market.perp, position, mark, now, &params).or_refuse()?;
    if market.oracle.is_settling() {
        account.settle_out(slot);
    }
    market.sequence = market.sequence.wrapping_add(1);
    account.sequence = account.sequence.wrapping_add(1);
    Ok(touched)
}

/// Whether the delegate signs and not the owner; anybody else is refused. An owner who is the own delegate signs as the owner.
pub(crate) fn is_delegated(account: &MarginAccount, signer: &Pubkey) -> Result<bool> {
    require_version(account.version)?;
    if account.owner == *signer {
        return Ok(false);
    }
    require!(account.delegate != Pubkey::default() && account.delegate == *signer, PlimsollError::NotAuthorised);
    Ok(true)
}

/// The signer must be the owner, or the delegate where `delegate_may` (RULES 5.2: a delegate trades, it never withdraws).
pub(crate) fn require_authority(account: &MarginAccount, signer: &Pubkey, delegate_may: bool) -> Result<()> {
    let is_delegated = is_delegated(account, signer)?;
    require!(delegate_may || !is_delegated, PlimsollError::NotAuthorised);
    Ok(())
}

/// Refuses an account of another layout: its bytes would be read as something else.
pub(crate) fn require_version(version: u8) -> Result<()> {
    require!(version == VERSION, PlimsollError::WrongVersion);
    Ok(())
}

/// Refuses an action that the conditions of the market's price do not fully allow (RULES 2.2).
pub(crate) fn require_market(market: &Market, action: Action, now: Secs) -> Result<()> {
    require_version(market.version)?;
    require!(permission(market.conditions(now), action) == Permission::Allowed, PlimsollError::PriceConditionRefused);
    Ok(())
}
