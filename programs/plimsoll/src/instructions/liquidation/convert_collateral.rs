//! Sells collateral of a failing account to the caller for cash, at the oracle price less one percent, as far as its unsettled losses exceed its cash
//! (RULES 1.3). Anyone with a margin account; only below initial margin, or when the losses have been more than a quarter of the collateral's weighted
//! value for an hour, and only while the price is near its average.
//!
//! A call that finds the losses so large, but not for an hour yet, buys nothing and is recorded; so is one that finds them small again.

use crate::emit::emit;
use crate::errors::{OrRefuse, PlimsollError};
use crate::events::{CollateralSold, Header};
use crate::portfolio::{Portfolio, Roster};
use crate::position::{require_authority, require_market};
use anchor_lang::prelude::*;
use plimsoll_risk::oracle::Action;
use plimsoll_risk::perp::conversion;
use plimsoll_risk::{Quote, Secs};
use plimsoll_state::{Collateral, MarginAccount, Market};

/// Arguments of `convert_collateral`.
#[derive(AnchorSerialize, AnchorDeserialize, Clone, Copy)]
pub struct ConvertCollateralArgs {
    /// Most token atoms to buy, at least 1.
    pub max_amount: i64,
    /// Most quote atoms to pay.
    pub max_cost: i64,
}

/// Accounts of `convert_collateral`. Remaining: all markets and collaterals of both accounts, the named ones included.
#[event_cpi]
#[derive(Accounts)]
pub struct ConvertCollateral<'info> {
    /// Owner or delegate of the buyer.
    pub authority: Signer<'info>,
    /// Pays cash and receives collateral.
    #[account(mut)]
    pub buyer: AccountLoader<'info, MarginAccount>,
    /// The failing account.
    #[account(mut)]
    pub margin_account: AccountLoader<'info, MarginAccount>,
    /// The listing; its total does not change.
    #[account(has_one = market @ PlimsollError::WrongMarket)]
    pub collateral: AccountLoader<'info, Collateral>,
    /// Prices the collateral.
    pub market: AccountLoader<'info, Market>,
}

impl ConvertCollateral<'_> {
    fn validate(&self, args: &ConvertCollateralArgs) -> Result<()> {
        // The framework does not compare zero-copy accounts with each other.
        require_keys_neq!(self.buyer.key(), self.margin_account.key(), PlimsollError::SameAccount);
        let (buyer, account) = (self.buyer.load()?, self.margin_account.load()?);
        require_keys_eq!(buyer.exchange, account.exchange, PlimsollError::WrongExchange);
        require_keys_eq!(self.collateral.load()?.exchange, account.exchange, PlimsollError::WrongExchange);
        require!(args.max_amount > 0 && args.max_cost > 0, PlimsollError::QuantityOutOfRange);
        require_authority(&buyer, self.authority.key, true)
    }
}

/// judge → price → swap → judge the buyer.
pub(crate) fn handler(ctx: Context<ConvertCollateral>, args: ConvertCollateralArgs) -> Result<()> {
    ctx.accounts.validate(&args)?;
    let clock = Clock::get()?;
    let now = Secs::new(clock.unix_timestamp);
    let roster = Roster::new(ctx.remaining_accounts);
    let key = ctx.accounts.collateral.key();
    let mut account = ctx.accounts.margin_account.load_mut()?;
    let mut buyer = ctx.accounts.buyer.load_mut()?;
    let (amount, cost, price) = {
        let portfolio = Portfolio::read(&account, &roster, clock.unix_timestamp)?;
        require_market(&*ctx.accounts.market.load()?, Action::ConvertCollateral, now)?;
        let known = *account.losses;
        let is_old = account.losses.observe(portfolio.losses()?, portfolio.weighted_collateral()?, now).or_refuse()?;
        if portfolio.health()?.is_initial() && !is_old {
            require!(*account.losses != known, PlimsollError::NotLiquidatable);
            account.sequence = account.sequence.wrapping_add(1);
            return account.invariant().or_refuse();
        }
        let needed = portfolio.losses()?.sub(Quote::new(account.cash)).or_refuse()?;
        let held = account.collateral_mut(&key).map_or(0, |slot| slot.amount);
        let mark = ctx.accounts.market.load()?.mark().or_refuse()?;
        let atoms_per_lot = ctx.accounts.collateral.load()?.atoms_per_lot;
        let sale = conversion(needed, held.min(args.max_amount), mark, atoms_per_lot).or_refuse()?;
        require!(sale.atoms > 0, PlimsollError::NothingToSettle);
        require!(sale.cost.raw() <= args.max_cost, PlimsollError::LimitNotMet);
        account.sell_collateral(&mut buyer, &key, sale.atoms, sale.cost).map_err(|_| PlimsollError::InsufficientCash)?;
        (sale.atoms, sale.cost.raw(), mark.raw())
    };
    let after = Portfolio::read(&buyer, &roster, clock.unix_timestamp)?.health()?;
    require!(after.is_initial(), PlimsollError::BelowInitialMargin);
    account.invariant().or_refuse()?;
    buyer.invariant().or_refuse()?;
    let header = Header::new(&clock, ctx.accounts.market.key(), ctx.accounts.margin_account.key(), account.sequence);
    let seller = [account.cash, account.collateral_mut(&key).map_or(0, |slot| slot.amount)];
    let bought = [buyer.cash, buyer.collateral_mut(&key).map_or(0, |slot| slot.amount)];
    drop((account, buyer));
    let mint = ctx.accounts.collateral.load()?.mint;
    emit(
        &CollateralSold { header, buyer: ctx.accounts.buyer.key(), mint, amount, cost, seller, bought, price },
        &ctx.accounts.event_authority,
    )?;
    Ok(())
}
