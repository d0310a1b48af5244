//! Flags a failing account by a witness: whoever names the scenarios in which it is short need not pay for all 33 (RULES 4.6).
//!
//! Anyone. It does to the account's state what `liquidate` would: a first failing sample is recorded, a second one or E < ½ MM starts the
//! liquidation and cancels the orders. Nothing recovers by it, and what follows the flag takes the whole grid.

use crate::emit::emit;
use crate::errors::{OrRefuse, PlimsollError};
use crate::events::{Flagged, Header};
use crate::forced::flag_state;
use crate::portfolio::{Portfolio, Roster};
use crate::position::require_version;
use anchor_lang::prelude::*;
use plimsoll_risk::liquidation::AccountState;
use plimsoll_risk::margin::{Shortfall, Witness};
use plimsoll_risk::Secs;
use plimsoll_state::{MarginAccount, Market};

/// Arguments of `flag_liquidation`: rows 1 ..= 33 of the grid.
#[derive(AnchorSerialize, AnchorDeserialize, Clone, Copy)]
pub struct FlagLiquidationArgs {
    /// The joint scenario; 22, no move, costs nothing.
    pub joint: u8,
    /// Each market's own scenario, in the order of the account's positions, then of its collaterals; 22 where there is none.
    pub alone: [u8; 8],
}

/// Accounts of `flag_liquidation`. Remaining: the account's markets and collaterals, and the risk groups that two or more of its markets share.
#[event_cpi]
#[derive(Accounts)]
pub struct FlagLiquidation<'info> {
    /// The failing account.
    #[account(mut)]
    pub margin_account: AccountLoader<'info, MarginAccount>,
    /// One of its markets: its parameters and the condition of its price decide.
    pub market: AccountLoader<'info, Market>,
}

impl FlagLiquidation<'_> {
    fn validate(&self, account: &MarginAccount, market: &Market, args: &FlagLiquidationArgs) -> Result<Witness> {
        require_version(account.version)?;
        require_version(market.version)?;
        require_keys_eq!(account.exchange, market.exchange, PlimsollError::WrongExchange);
        require!(account.perp_index(&self.market.key()).is_some(), PlimsollError::NoPosition);
        let is_flagged = !matches!(account.liquidation.state().or_refuse()?, AccountState::Healthy | AccountState::Warned);
        require!(!is_flagged, PlimsollError::AlreadyFlagged);
        // The engine checks its rows.
        Ok(Witness { joint: args.joint, alone: args.alone })
    }
}

/// read → show → flag → event.
pub(crate) fn handler<'info>(ctx: Context<'info, FlagLiquidation<'info>>, args: FlagLiquidationArgs) -> Result<()> {
    let clock = Clock::get()?;
    let event = run(&ctx, &args, &clock)?;
    emit(&*event, &ctx.accounts.event_authority)?;
    Ok(())
}

/// The step on loaded accounts.
#[inline(never)]
fn run<'info>(ctx: &Context<'info, FlagLiquidation<'info>>, args: &FlagLiquidationArgs, clock: &Clock) -> Result<Box<Flagged>> {
    let now = Secs::new(clock.unix_timestamp);
    let (key, market_key) = (ctx.accounts.margin_account.key(), ctx.accounts.market.key());
    let market = ctx.accounts.market.load()?;
    let mut account = ctx.accounts.margin_account.load_mut()?;
    let witness = ctx.accounts.validate(&account, &market, args)?;
    let portfolio = Portfolio::read_named(&account, &Roster::new(ctx.remaining_accounts), now.raw(), witness)?;
    let shown = portfolio.shown()?;
    require!(shown.is_shown(), PlimsollError::NoShortfallShown);
    let known = *account.liquidation;
    let state = flag_state(&mut account, &portfolio, &shown, &market, now)?;
    if known == *account.liquidation {
        let is_grace = now.raw() < known.adl_grace_until;
        return Err(if is_grace { PlimsollError::AdlGrace } else { PlimsollError::AwaitSecondSample }.into());
    }
    if state == AccountState::Liquidating {
        account.cancel_all();
    }
    account.sequence = account.sequence.wrapping_add(1);
    account.invariant_beside_options().or_refuse()?;
    let Shortfall { equity, equity_trigger, requirement } = shown;
    Ok(Box::new(Flagged {
        header: Header::new(clock, market_key, key, account.sequence),
        joint: witness.joint,
        alone: witness.alone,
        equity: [equity.raw(), equity_trigger.raw()],
        requirement: requirement.raw(),
        price: market.oracle.price,
        sigma: market.vol.sigma_1h,
        state: state.raw(),
    }))
}
