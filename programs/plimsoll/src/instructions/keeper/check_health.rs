//! Computes an account's margin on chain and returns it; changes nothing. Anyone, at any price.

use crate::portfolio::{Portfolio, Roster};
use anchor_lang::prelude::*;
use anchor_lang::solana_program::program::set_return_data;
use plimsoll_state::MarginAccount;

/// Accounts of `check_health`. Remaining: the account's markets and collaterals.
#[derive(Accounts)]
pub struct CheckHealth<'info> {
    /// The account.
    pub margin_account: AccountLoader<'info, MarginAccount>,
}

/// What `check_health` returns, quote atoms.
#[derive(AnchorSerialize, AnchorDeserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub struct HealthReport {
    /// Equity.
    pub equity: i64,
    /// Equity for initial margin: claims and collateral at their initial weights, less the adverse edge.
    pub equity_im: i64,
    /// Equity as the liquidation trigger sees it.
    pub equity_trigger: i64,
    /// Initial margin.
    pub im: i64,
    /// Exit target.
    pub target: i64,
    /// Maintenance margin.
    pub mm: i64,
    /// Gross notional.
    pub gross_notional: i64,
}

/// Positions are brought up to date on copies.
pub(crate) fn handler(ctx: Context<CheckHealth>) -> Result<()> {
    let now = Clock::get()?.unix_timestamp;
    let account = ctx.accounts.margin_account.load()?;
    let health = Portfolio::read(&account, &Roster::new(ctx.remaining_accounts), now)?.health()?;
    let report = HealthReport {
        equity: health.equity.raw(),
        equity_im: health.equity_im.raw(),
        equity_trigger: health.equity_trigger.raw(),
        im: health.im.raw(),
        target: health.target.raw(),
        mm: health.mm.raw(),
        gross_notional: health.gross_notional.raw(),
    };
    let mut bytes = Vec::with_capacity(7 * 8);
    report.serialize(&mut bytes)?;
    set_return_data(&bytes);
    Ok(())
}
