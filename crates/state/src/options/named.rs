//! The options of an account in the few scenarios that a witness names (RULES 4.6).

use super::log_of;
use crate::expiry::{Expiry, EXPIRIES};
use crate::key::is_set;
use crate::margin_account::{OptionLeg, OPTIONS};
use crate::{MarginAccount, Market};
use alloc::vec::Vec;
use plimsoll_risk::fixed_math::Log;
use plimsoll_risk::margin::{ExpiryTerms, NamedLeg, NamedMarket, OptionParams, Witness, MAX_LEGS};
use plimsoll_risk::option::surface::Measure;
use plimsoll_risk::option::TimeRoot;
use plimsoll_risk::{Lots, Price, Ratio, RiskError, RiskResult, Secs};

/// The option legs of an account, priced market by market in the rows of a witness alone.
#[derive(Clone, Debug)]
pub struct NamedOptions {
    witness: Witness,
    /// The first leg of each slot and expiry, and after each leg the next of the same: places counted from 1, 0 for none.
    first: [[u8; EXPIRIES]; MAX_LEGS],
    next: [u8; OPTIONS],
    /// What expiries at one time have in common, whatever their market.
    dates: Vec<Date>,
    markets: Vec<NamedMarket>,
    /// Legs in use, and priced so far.
    used: usize,
    count: usize,
}

/// What expiries at the same time, under the same parameters, have in common.
#[derive(Clone, Debug)]
struct Date {
    time: i64,
    terms: ExpiryTerms,
    params: OptionParams,
    root: TimeRoot,
}

impl NamedOptions {
    /// The legs of `account`, none priced yet.
    #[inline(never)]
    pub fn new(account: &MarginAccount, witness: Witness) -> Self {
        let (first, next) = ([[0; EXPIRIES]; MAX_LEGS], [0; OPTIONS]);
        let mut named = Self { witness, first, next, dates: Vec::new(), markets: Vec::new(), used: 0, count: 0 };
        if account.option_legs != 0 {
            named.dates.reserve_exact(EXPIRIES);
            named.markets.reserve_exact(MAX_LEGS);
        }
        for ((number, leg), next) in (1_u8..).zip(&account.options).zip(&mut named.next).filter(|((_, leg), _)| leg.is_used()) {
            named.used = named.used.wrapping_add(1);
            // A leg of a slot or expiry that is none is in no list, and then they are not complete.
            if let Some(head) = named.first.get_mut(usize::from(leg.slot)).and_then(|slot| slot.get_mut(usize::from(leg.expiry))) {
                (*next, *head) = (*head, number);
            }
        }
        named
    }

    /// The scenarios.
    pub fn witness(&self) -> &Witness {
        &self.witness
    }

    /// The markets that have options, in the order in which they were added.
    pub fn markets(&self) -> &[NamedMarket] {
        &self.markets
    }

    /// Whether there are any.
    pub fn has_options(&self) -> bool {
        self.count != 0
    }

    /// Whether every option leg of the account has been added, and they are as many as it counts.
    pub fn is_complete(&self, account: &MarginAccount) -> bool {
        self.count == self.used && self.used == usize::from(account.option_legs)
    }

    /// Adds the legs that `account` holds in the market of perp slot `slot`, whose place among the account's markets is `place`.
    ///
    /// Errors: [`RiskError::WrongState`] for a leg whose expiry the market does not list; the engine's.
    #[inline(never)]
    pub fn add(&mut self, account: &MarginAccount, slot: usize, market: &Market, place: u8, now: Secs) -> RiskResult<()> {
        let Some(heads) = self.first.get(slot).copied() else { return Ok(()) };
        if heads == [0; EXPIRIES] {
            return Ok(());
        }
        let is_single = !is_set(&market.group);
        self.markets.push(NamedMarket::new(&self.witness, place, Ratio::new(market.range), is_single)?);
        for (expiry, head) in market.expiries.iter().zip(heads).filter(|(_, head)| *head != 0) {
            self.add_expiry(account, head, market, expiry, now)?;
        }
        Ok(())
    }

    /// The legs of one expiry, from the list that begins at `head`, to the market added last.
    #[inline(never)]
    fn add_expiry(&mut self, account: &MarginAccount, head: u8, market: &Market, expiry: &Expiry, now: Secs) -> RiskResult<()> {
        if !expiry.is_used() {
            return Err(RiskError::WrongState);
        }
        // All legs of this list are of one market: its place among the account's is noted once, in NamedMarket.
        let risk = expiry.risk(market, 0, now)?;
        let known = |date: &Date| date.is_of(expiry.time, risk.tau) && date.params == *market.option_params;
        let date = match self.dates.iter().position(known) {
            Some(index) => self.dates.get_mut(index),
            None => {
                let (terms, root) = (ExpiryTerms::new(&risk, &market.option_params)?, TimeRoot::of(expiry.tau(now))?);
                self.dates.push(Date { time: expiry.time, terms, params: *market.option_params, root });
                self.dates.last_mut()
            }
        };
        let (Some(date), Some(options)) = (date, self.markets.last_mut()) else { return Err(RiskError::WrongState) };
        date.terms.turn_to(&risk)?;
        let curve = expiry.smile(market, now, Measure::Maintenance)?.at(date.root)?;
        let log_forward = log_of(risk.forward)?;
        let (next, count) = (&self.next, &mut self.count);
        let mut number = usize::from(head);
        let legs = core::iter::from_fn(|| {
            let place = number.checked_sub(1)?;
            let leg = account.options.get(place)?;
            number = next.get(place).copied().map_or(0, usize::from);
            *count = count.wrapping_add(1);
            Some(leg)
        });
        let legs = legs.map(|leg: &OptionLeg| {
            if leg.time != expiry.time {
                return Err(RiskError::WrongState);
            }
            let (strike, kind) = (Price::new(leg.strike.into()), leg.kind()?);
            let distance = log_forward.raw().wrapping_sub(log_of(strike)?.raw());
            let sigma = curve.volatility(Log::new(distance.wrapping_neg()));
            Ok(NamedLeg { lots: Lots::new(leg.lots), strike, kind, sigma, log: Some(Log::new(distance)) })
        });
        options.add_expiry(&date.terms, legs)
    }
}

impl Date {
    /// A settled expiry has no time left, whatever its date.
    fn is_of(&self, time: i64, tau: Secs) -> bool {
        self.time == time && self.terms.is_of(tau)
    }
}
