//! A bankrupt account whose lots in a market are to be closed: what opening a round, executing its cuts and closing by the side index begin and end
//! with (RULES 7.2).

use crate::errors::{OrRefuse, PlimsollError};
use crate::events::{Balance, Books, Header, Moved};
use crate::forced::advance_state;
use crate::portfolio::{Portfolio, Roster};
use crate::position::{require_market, touch_slot};
use anchor_lang::prelude::*;
use plimsoll_risk::liquidation::AccountState;
use plimsoll_risk::oracle::Action;
use plimsoll_risk::perp::Touched;
use plimsoll_risk::{Lots, Price, Quote, Secs};
use plimsoll_state::{MarginAccount, Market};
use std::cell::RefMut;

/// Both accounts loaded, the position current, the account judged at the prices of now and its orders gone.
pub(crate) struct Bankrupt<'a> {
    /// The market.
    pub(crate) market: RefMut<'a, Market>,
    /// The account.
    pub(crate) account: RefMut<'a, MarginAccount>,
    /// Its position's slot.
    pub(crate) slot: usize,
    /// Proof of the touch.
    pub(crate) touched: Touched,
    /// Lots at stake, positive = long; not zero.
    pub(crate) lots: Lots,
    /// Oracle price.
    pub(crate) mark: Price,
}

/// What the event of any such instruction tells.
pub(crate) struct Told {
    pub(crate) header: Header,
    pub(crate) moved: Option<Moved>,
    pub(crate) balance: Balance,
    pub(crate) books: Books,
}

impl<'a> Bankrupt<'a> {
    /// Demands that lots of the account may be closed in this market now. It is judged anew: a price may have returned since it was flagged.
    #[inline(never)]
    pub(crate) fn load(
        market_loader: &'a AccountLoader<'_, Market>,
        account_loader: &'a AccountLoader<'_, MarginAccount>,
        roster: &Roster<'_>,
        now: Secs,
    ) -> Result<Self> {
        let (mut market, mut account) = (market_loader.load_mut()?, account_loader.load_mut()?);
        require_market(&market, Action::Deleverage, now)?;
        let market_key = market_loader.key();
        // Who has a position in it is of its exchange.
        let slot = account.perp_index(&market_key).ok_or(PlimsollError::NoPosition)?;
        market.accrue_funding(now).or_refuse()?;
        let touched = touch_slot(&mut market, &mut account, slot, now)?;
        let portfolio = Portfolio::read_with(&account, Some((&market_key, &market)), roster, now.raw())?;
        let state = advance_state(&mut account, &portfolio, &market, now)?;
        require!(state == AccountState::Bankrupt, PlimsollError::NotBankrupt);
        let lots = account.position(slot).or_refuse()?.lots();
        require!(!lots.is_zero(), PlimsollError::NoPosition);
        account.cancel_all();
        let mark = market.mark().or_refuse()?;
        Ok(Self { market, account, slot, touched, lots, mark })
    }

    /// What the lots are worth at the mark.
    pub(crate) fn value(&self) -> Result<Quote> {
        self.lots.at(self.mark).and_then(Quote::abs).or_refuse()
    }

    /// Checks both accounts and releases them; the touch has counted the change.
    pub(crate) fn finish(self, clock: &Clock, market_key: Pubkey, key: Pubkey) -> Result<Told> {
        self.account.invariant().or_refuse()?;
        self.market.invariant().or_refuse()?;
        Ok(Told {
            header: Header::new(clock, market_key, key, self.account.sequence),
            moved: Moved::of(&self.touched),
            balance: Balance::of(&self.account, self.slot),
            books: Books::of(&self.market),
        })
    }
}
