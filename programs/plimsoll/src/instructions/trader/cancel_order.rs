//! Takes one order off its book. Owner or delegate; always allowed. An order that is no longer on the book only frees its slot.

use crate::errors::{OrRefuse, PlimsollError};
use crate::events::{Header, OrdersCancelled};
use crate::position::require_authority;
use anchor_lang::prelude::*;
use plimsoll_risk::book::{Key as BookKey, Side};
use plimsoll_risk::Price;
use plimsoll_state::{MarginAccount, Market, OrderBook};

/// Arguments of `cancel_order`.
#[derive(AnchorSerialize, AnchorDeserialize, Clone, Copy)]
pub struct CancelOrderArgs {
    /// Identity on the book.
    pub order: u64,
}

/// Accounts of `cancel_order`.
#[derive(Accounts)]
pub struct CancelOrder<'info> {
    /// Owner or delegate.
    pub authority: Signer<'info>,
    /// The account whose order it is.
    #[account(mut)]
    pub margin_account: AccountLoader<'info, MarginAccount>,
    /// Market of the order; names the book.
    #[account(has_one = book @ PlimsollError::WrongBook)]
    pub market: AccountLoader<'info, Market>,
    /// The market's book.
    #[account(mut)]
    pub book: AccountLoader<'info, OrderBook>,
}

impl CancelOrder<'_> {
    fn validate(&self) -> Result<usize> {
        let account = self.margin_account.load()?;
        require_authority(&account, self.authority.key, true)?;
        account.perp_index(&self.market.key()).ok_or(PlimsollError::OrderNotFound.into())
    }
}

/// The account's slot first: it proves that the order is the account's and in this market.
pub(crate) fn handler(ctx: Context<CancelOrder>, args: CancelOrderArgs) -> Result<()> {
    let slot = ctx.accounts.validate()?;
    let key = ctx.accounts.margin_account.key();
    let mut account = ctx.accounts.margin_account.load_mut()?;
    let mut book = ctx.accounts.book.load_mut()?;
    let order = account.reduce_order(slot, args.order, None).or_refuse()?;
    let side = Side::try_from(order.side).or_refuse()?;
    let (header, orders) = book.side_mut(side);
    // Not there any more: filled as evicted, expired or out of band; then freeing the slot was all there was to do.
    let _ =
        header.side_mut(side, orders).or_refuse()?.remove(Price::new(order.price.into()), order.id, &BookKey::from_bytes(key.to_bytes()));
    account.close_if_empty(slot);
    account.sequence = account.sequence.wrapping_add(1);
    account.invariant().or_refuse()?;
    emit!(OrdersCancelled { header: Header::new(&Clock::get()?, ctx.accounts.market.key(), key, account.sequence), order: args.order });
    Ok(())
}
