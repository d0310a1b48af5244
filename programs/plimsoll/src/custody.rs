//! Who may take what out of a vault: the measures every withdrawal has to pass, at once or from the queue (RULES 1.6).

use crate::errors::{OrRefuse, PlimsollError};
use crate::portfolio::{Portfolio, Roster};
use crate::position::require_version;
use anchor_lang::prelude::*;
use plimsoll_risk::oracle::Action;
use plimsoll_risk::Secs;
use plimsoll_state::engine::Gate;
use plimsoll_state::{Collateral, Exchange, MarginAccount};

/// Refuses while withdrawals are paused (RULES 9.3).
pub(crate) fn require_open(exchange: &Exchange, now: i64) -> Result<()> {
    require_version(exchange.version)?;
    require!(!exchange.withdrawals.is_active(Secs::new(now)), PlimsollError::WithdrawalsPaused);
    Ok(())
}

/// Prices fresh and certain (RULES 2.2), E_im ≥ IM and E ≥ 10 % of gross notional as the account stands. The inner result is that of the margin
/// alone: it is the account's own doing, the prices are not.
pub(crate) fn measure(account: &MarginAccount, roster: &Roster<'_>, now: i64) -> Result<Result<()>> {
    require_version(account.version)?;
    Ok(Portfolio::read_for(Action::Withdraw, account, roster, now)?.require_withdrawable())
}

/// Runs `change` on the gate of a collateral, or of the quote token.
pub(crate) fn with_gate<T>(
    exchange: &AccountLoader<'_, Exchange>,
    collateral: Option<&AccountLoader<'_, Collateral>>,
    change: impl FnOnce(&mut Gate) -> plimsoll_risk::RiskResult<T>,
) -> Result<T> {
    match collateral {
        Some(loader) => change(&mut loader.load_mut()?.outflow).or_refuse(),
        None => {
            let mut exchange = exchange.load_mut()?;
            exchange.sequence = exchange.sequence.wrapping_add(1);
            change(&mut exchange.outflow).or_refuse()
        }
    }
}

/// Mint and vault of a collateral, or of the quote token.
pub(crate) fn token_of(
    exchange: &AccountLoader<'_, Exchange>,
    collateral: Option<&AccountLoader<'_, Collateral>>,
) -> Result<(Pubkey, Pubkey)> {
    match collateral {
        Some(loader) => {
            let listing = loader.load()?;
            require_keys_eq!(listing.exchange, exchange.key(), PlimsollError::WrongExchange);
            Ok((listing.mint, listing.vault))
        }
        None => {
            let exchange = exchange.load()?;
            Ok((exchange.quote_mint, exchange.vault))
        }
    }
}
