//! A portfolio in the few scenarios that a witness names (RULES 4.6).

use super::{Portfolio, Roster};
use crate::errors::{OrRefuse, PlimsollError};
use anchor_lang::prelude::*;
use plimsoll_risk::margin::{witness, NamedMarket, Shortfall, Witness};
use plimsoll_risk::{Quote, Secs};
use plimsoll_state::options::named_options;
use plimsoll_state::{MarginAccount, Market};

/// The scenarios, and the options of each market in them.
pub(super) struct Named {
    witness: Witness,
    markets: Vec<NamedMarket>,
    /// Legs priced so far.
    legs: usize,
}

impl Named {
    /// Adds the options of the market at `place`.
    pub(super) fn add(&mut self, account: &MarginAccount, slot: usize, market: &Market, place: u8, now: i64) -> Result<()> {
        if let Some((options, legs)) = named_options(account, slot, market, place, Secs::new(now), &self.witness).or_refuse()? {
            self.markets.push(options);
            self.legs = self.legs.wrapping_add(legs);
        }
        Ok(())
    }

    /// Whether there are any.
    pub(super) fn has_options(&self) -> bool {
        self.legs != 0
    }

    /// Whether every option leg of `account` has been added.
    pub(super) fn is_complete(&self, account: &MarginAccount) -> bool {
        self.legs == account.options.iter().filter(|leg| leg.is_used()).count()
    }
}

impl Portfolio {
    /// Reads an account whose markets are all among the remaining accounts, its options in the scenarios of `witness` alone: only
    /// [`Self::shown`] may be asked of its margin then.
    pub(crate) fn read_named(account: &MarginAccount, roster: &Roster<'_>, now: i64, witness: Witness) -> Result<Self> {
        let named = Named { witness, markets: Vec::with_capacity(if account.option_legs == 0 { 0 } else { 8 }), legs: 0 };
        Self::read_all(None, account, None, roster, now, Some(named))
    }

    /// What the named scenarios show.
    #[inline(never)]
    pub(crate) fn shown(&self) -> Result<Shortfall> {
        let named = self.named.as_ref().ok_or(PlimsollError::InvariantBroken)?;
        let legs = self.legs.iter().map(|leg| (&leg.terms, &leg.input));
        witness(Quote::new(self.cash), legs, &named.markets, &self.bonds.terms(), &named.witness).or_refuse()
    }

    /// Whether others' bankruptcies have lately closed lots of the account (RULES 7.5).
    pub(crate) fn is_deleveraged(&self) -> bool {
        !self.forced.is_empty()
    }
}
