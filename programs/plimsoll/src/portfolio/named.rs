//! A portfolio in the few scenarios that a witness names (RULES 4.6).

use super::{Portfolio, Roster};
use crate::errors::{OrRefuse, PlimsollError};
use anchor_lang::prelude::*;
use plimsoll_risk::margin::{witness, Shortfall, Witness};
use plimsoll_risk::Quote;
use plimsoll_state::options::NamedOptions;
use plimsoll_state::MarginAccount;

impl Portfolio {
    /// Reads an account whose markets are all among the remaining accounts, its options in the scenarios of `witness` alone: only
    /// [`Self::shown`] may be asked of its margin then.
    pub(crate) fn read_named(account: &MarginAccount, roster: &Roster<'_>, now: i64, witness: Witness) -> Result<Self> {
        Self::read_all(None, account, None, roster, now, Some(Box::new(NamedOptions::new(account, witness))))
    }

    /// What the named scenarios show.
    #[inline(never)]
    pub(crate) fn shown(&self) -> Result<Shortfall> {
        let named = self.named.as_ref().ok_or(PlimsollError::InvariantBroken)?;
        let legs = self.legs.iter().map(|leg| (&leg.terms, &leg.input));
        witness(Quote::new(self.cash), legs, named.markets(), &self.bonds.terms(), named.witness()).or_refuse()
    }

    /// Whether others' bankruptcies have lately closed lots of the account (RULES 7.5).
    pub(crate) fn is_deleveraged(&self) -> bool {
        !self.forced.is_empty()
    }
}
