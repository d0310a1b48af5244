//! The options of an account in the few scenarios that a witness names (RULES 4.6).

use super::distance_of;
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
    first: [u8; MAX_LEGS * EXPIRIES],
    next: [u8; OPTIONS],
    /// What expiries at one time have in common, whatever their market, as long as these are its parameters.
    dates: Vec<Date>,
    params: OptionParams,
    markets: Vec<NamedMarket>,
    /// Legs in use.
    used: usize,
}

/// What expiries at the same time have in common.
#[derive(Clone, Debug)]
struct Date {
    time: i64,
    terms: ExpiryTerms,
    root: TimeRoot,
}

/// The legs of one slot and expiry, one after the other.
#[derive(Clone)]
struct Chain<'a> {
    legs: &'a [OptionLeg; OPTIONS],
    next: &'a [u8; OPTIONS],
    number: u8,
}

impl<'a> Iterator for Chain<'a> {
    type Item = &'a OptionLeg;

    #[inline(always)]
    fn next(&mut self) -> Option<&'a OptionLeg> {
        let place = usize::from(self.number.checked_sub(1)?);
        self.number = self.next.get(place).copied().unwrap_or(0);
        self.legs.get(place)
    }
}

impl NamedOptions {
    /// The legs of `account`, none priced yet.
    #[inline(never)]
    pub fn new(account: &MarginAccount, witness: Witness) -> Self {
        let (first, next) = ([0; MAX_LEGS * EXPIRIES], [0; OPTIONS]);
        let (dates, markets, params) = (Vec::new(), Vec::new(), bytemuck::Zeroable::zeroed());
        let mut named = Self { witness, first, next, dates, params, markets, used: 0 };
        if account.option_legs != 0 {
            named.dates.reserve_exact(EXPIRIES);
            named.markets.reserve_exact(MAX_LEGS);
        }
        for (number, (leg, next)) in (1_u8..).zip(account.options.iter().zip(&mut named.next)).filter(|(_, (leg, _))| leg.is_used()) {
            named.used = named.used.wrapping_add(1);
            let (slot, expiry) = (usize::from(leg.slot), usize::from(leg.expiry));
            // A leg of a slot or expiry that is none is in no list, and then they are not complete.
            if let Some(head) = named.first.get_mut(slot.wrapping_mul(EXPIRIES).wrapping_add(expiry)).filter(|_| expiry < EXPIRIES) {
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
        !self.markets.is_empty()
    }

    /// Whether every option leg of the account has been added, and they are as many as it counts.
    pub fn is_complete(&self, account: &MarginAccount) -> bool {
        let priced = self.markets.iter().fold(0, |count, market| market.legs().saturating_add(count));
        priced == self.used && self.used == usize::from(account.option_legs)
    }

    /// Adds the legs that `account` holds in the market of perp slot `slot`, whose place among the account's markets is `place`.
    ///
    /// Errors: [`RiskError::WrongState`] for a leg whose expiry the market does not list; the engine's.
    #[inline(never)]
    pub fn add(&mut self, account: &MarginAccount, slot: usize, market: &Market, place: u8, now: Secs) -> RiskResult<()> {
        let heads = self.first.chunks_exact(EXPIRIES).nth(slot).and_then(|heads| <[u8; EXPIRIES]>::try_from(heads).ok());
        let Some(heads) = heads.filter(|heads| *heads != [0; EXPIRIES]) else { return Ok(()) };
        // Byte by byte is one call of the machine's own.
        if bytemuck::bytes_of(&self.params) != bytemuck::bytes_of(&*market.option_params) {
            self.dates.clear();
            self.params = *market.option_params;
        }
        // Made where it stays: it is fifty words.
        self.markets.push(NamedMarket::NONE);
        let Some(options) = self.markets.last_mut() else { return Err(RiskError::Overflow) };
        options.set(&self.witness, place, Ratio::new(market.range), !is_set(&market.group))?;
        for (expiry, number) in market.expiries.iter().zip(heads).filter(|(_, head)| *head != 0) {
            let chain = Chain { legs: &account.options, next: &self.next, number };
            add_expiry(options, &mut self.dates, chain, market, expiry, now)?;
        }
        Ok(())
    }
}

/// Adds the legs of one expiry of `market` to its `options`.
#[inline(never)]
fn add_expiry(
    options: &mut NamedMarket,
    dates: &mut Vec<Date>,
    chain: Chain<'_>,
    market: &Market,
    expiry: &Expiry,
    now: Secs,
) -> RiskResult<()> {
    if !expiry.is_used() {
        return Err(RiskError::WrongState);
    }
    // All legs of this list are of one market: its place among the account's is noted once, in NamedMarket.
    let risk = expiry.risk(market, 0, now)?;
    let date = match dates.iter().position(|date| date.is_of(expiry.time, risk.tau)) {
        Some(index) => dates.get_mut(index),
        None => {
            let (terms, root) = (ExpiryTerms::new(&risk, &market.option_params)?, TimeRoot::of(expiry.tau(now))?);
            dates.push(Date { time: expiry.time, terms, root });
            dates.last_mut()
        }
    };
    let Some(date) = date else { return Err(RiskError::WrongState) };
    date.terms.turn_to(&risk)?;
    let curve = expiry.smile(market, now, Measure::Maintenance)?.at(date.root)?;
    let legs = chain.map(|leg| {
        if leg.time != expiry.time {
            return Err(RiskError::WrongState);
        }
        let (strike, kind) = (Price::new(leg.strike.into()), leg.kind()?);
        let distance = distance_of(risk.forward, strike)?;
        let sigma = curve.volatility(Log::new(distance.raw().wrapping_neg()));
        Ok(NamedLeg { lots: Lots::new(leg.lots), strike, kind, sigma, log: Some(distance) })
    });
    options.add_expiry(&date.terms, legs)
}

impl Date {
    /// A settled expiry has no time left, whatever its date.
    fn is_of(&self, time: i64, tau: Secs) -> bool {
        self.time == time && self.terms.is_of(tau)
    }
}
