//! Brings one position up to date: funding, forced closes, deficit rounds, maturing claims (RULES 5.1, 7.3). Anyone, for any account, at any price.
//!
//! Whoever brings a claim into a deficit round that is registering is paid out of the market's protocol fees, on the margin account it names.

use crate::emit::emit;
use crate::errors::{OrRefuse, PlimsollError};
use crate::events::{Balance, Books, Header, Moved, Touched};
use crate::position::touch_slot;
use anchor_lang::prelude::*;
use plimsoll_risk::perp::{claim_reward, take_reward};
use plimsoll_risk::{Quote, Secs};
use plimsoll_state::{MarginAccount, Market};

/// Accounts of `touch`. Remaining: the margin account to be paid (writable), or nothing.
#[event_cpi]
#[derive(Accounts)]
pub struct Touch<'info> {
    /// The market.
    #[account(mut)]
    pub market: AccountLoader<'info, Market>,
    /// The account whose position it is.
    #[account(mut)]
    pub margin_account: AccountLoader<'info, MarginAccount>,
}

impl Touch<'_> {
    fn validate(&self) -> Result<usize> {
        self.margin_account.load()?.perp_index(&self.market.key()).ok_or(PlimsollError::NoPosition.into())
    }
}

/// What a keeper was paid.
#[derive(Default)]
struct Paid {
    keeper: Pubkey,
    reward: i64,
    cash: i64,
}

/// Pays the keeper for `joined` claims, if one was passed.
fn pay<'info>(passed: Option<&'info AccountInfo<'info>>, market: &mut Market, joined: Quote, now: Secs) -> Result<Paid> {
    let Some(info) = passed.filter(|_| joined.is_positive()) else {
        return Ok(Paid::default());
    };
    let loader = AccountLoader::<MarginAccount>::try_from(info)?;
    let mut keeper = loader.load_mut()?;
    require_keys_eq!(keeper.exchange, market.exchange, PlimsollError::WrongExchange);
    let reward = take_reward(&mut market.perp, claim_reward(joined).or_refuse()?, now).or_refuse()?;
    keeper.cash = Quote::new(keeper.cash).add(reward).or_refuse()?.raw();
    keeper.sequence = keeper.sequence.wrapping_add(1);
    keeper.invariant().or_refuse()?;
    Ok(Paid { keeper: *info.key, reward: reward.raw(), cash: keeper.cash })
}

/// An account that is up to date changes only its time of touch.
pub(crate) fn handler<'info>(ctx: Context<'info, Touch<'info>>) -> Result<()> {
    let slot = ctx.accounts.validate()?;
    let clock = Clock::get()?;
    let now = Secs::new(clock.unix_timestamp);
    let mut market = ctx.accounts.market.load_mut()?;
    let mut account = ctx.accounts.margin_account.load_mut()?;
    market.accrue_funding(now).or_refuse()?;
    let touched = touch_slot(&mut market, &mut account, slot, now)?;
    let balance = Balance::of(&account, slot);
    account.close_if_empty(slot);
    account.sequence = account.sequence.wrapping_add(1);
    account.invariant().or_refuse()?;
    let header = Header::new(&clock, ctx.accounts.market.key(), ctx.accounts.margin_account.key(), account.sequence);
    drop(account);
    let Paid { keeper, reward, cash: keeper_cash } = pay(ctx.remaining_accounts.first(), &mut market, touched.joined(), now)?;
    market.sequence = market.sequence.wrapping_add(1);
    market.invariant().or_refuse()?;
    let books = Books::of(&market);
    drop(market);
    let (moved, joined) = (Moved::of(&touched), touched.joined().raw());
    emit(&Touched { header, moved, joined, reward, keeper, keeper_cash, balance, books }, &ctx.accounts.event_authority)?;
    Ok(())
}
