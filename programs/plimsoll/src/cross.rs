//! What binds the markets of one account together: the risk groups they belong to (RULES 4.3), and a depeg of the quote token (4.4).

use crate::errors::PlimsollError;
use crate::portfolio::Roster;
use anchor_lang::prelude::*;
use plimsoll_risk::correlation::Measure;
use plimsoll_risk::margin::{CrossTerms, Depeg, GroupTerms};
use plimsoll_state::key::is_same;
use plimsoll_state::RiskGroup;

/// The groups of an account's markets: noted market by market, then read where two or more of one group meet; and the largest charge for a depeg
/// that any of the markets knows of.
#[derive(Default)]
pub(crate) struct Bonds {
    /// Each group met so far and the places of its markets among the legs, a bit each.
    met: Vec<(Pubkey, u8)>,
    terms: Vec<GroupTerms>,
    depeg: Depeg,
}

impl Bonds {
    /// Notes that the market at `place` belongs to `group`.
    #[inline(never)]
    pub(crate) fn note(&mut self, group: &Pubkey, place: usize) -> Result<()> {
        let bit = u32::try_from(place).ok().and_then(|place| 1_u8.checked_shl(place)).ok_or(PlimsollError::TooMany)?;
        match self.met.iter_mut().find(|(key, _)| is_same(key, group)) {
            Some((_, members)) => *members |= bit,
            None => self.met.push((*group, bit)),
        }
        Ok(())
    }

    /// Notes a market's copy of the charge for a depeg. Copies differ while some market has not been passed to `update_quote`: the newest of a
    /// rising charge is enough to make the whole account pay, and to leave one out is no way to a smaller one.
    #[inline(always)]
    pub(crate) fn charge(&mut self, depeg: &Depeg) {
        // IM's charge is never below MM's.
        if !depeg.im.is_zero() {
            self.depeg = self.depeg.max(*depeg);
        }
    }

    /// Reads every group of which the account has two or more markets. It must have been passed: left out, its offsets would be missing, and
    /// whoever passes the accounts could make the account look worse than it is.
    pub(crate) fn read(&mut self, roster: &Roster<'_>, market_at: impl Fn(usize) -> Option<Pubkey>) -> Result<()> {
        for (key, members) in self.met.iter().filter(|(_, members)| members.count_ones() >= 2) {
            let loader = roster.find::<RiskGroup>(key, PlimsollError::MissingRiskGroup)?;
            let group = loader.load()?;
            let places = (0..8_usize).zip(0..8_u32).filter(|(_, bit)| members.wrapping_shr(*bit) & 1 == 1);
            let set = places.filter_map(|(place, _)| market_at(place)).fold(0, |set, market| set | group.bit(&market));
            let ((credit_im, phi), (credit_mm, _)) = (group.terms(set, Measure::Initial), group.terms(set, Measure::Maintenance));
            self.terms.push(GroupTerms { members: *members, credit_im, credit_mm, phi });
        }
        Ok(())
    }

    /// Whether nothing binds the markets, so that their requirements add up.
    pub(crate) fn is_empty(&self) -> bool {
        self.terms.is_empty() && self.depeg.im.is_zero()
    }

    /// The charge for a depeg.
    pub(crate) fn depeg(&self) -> &Depeg {
        &self.depeg
    }

    /// As the engine reads them.
    pub(crate) fn terms(&self) -> CrossTerms<'_> {
        CrossTerms { groups: &self.terms, depeg: self.depeg }
    }
}
