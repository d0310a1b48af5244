//! What the program would compute, from fetched accounts and with the program's own engine.

use plimsoll_risk::margin::{health, Health, LegInput, MarketTerms};
use plimsoll_risk::{Quote, RiskError, RiskResult, Secs};
use plimsoll_state::view::{leg_input, touched_copy};
use plimsoll_state::{Collateral, MarginAccount, Market};
use solana_pubkey::Pubkey;

/// Finds accounts a preview needs.
pub trait Accounts {
    /// The market at this address.
    fn market(&self, key: &Pubkey) -> Option<&Market>;
    /// The collateral at this address.
    fn collateral(&self, key: &Pubkey) -> Option<&Collateral>;
}

/// One market of an account as the engine reads it.
pub struct Leg {
    /// The market.
    pub market: Pubkey,
    /// Its terms.
    pub terms: MarketTerms,
    /// The account's leg in it.
    pub input: LegInput,
}

/// The legs of `account` at `now`, positions brought up to date. Errors: [`RiskError::WrongState`] when an account is not found; the engine's.
pub fn legs(account: &MarginAccount, accounts: &impl Accounts, now: i64) -> RiskResult<Vec<Leg>> {
    let mut legs: Vec<Leg> = Vec::new();
    for slot in account.perps.iter().filter(|slot| slot.is_used()) {
        let market = accounts.market(&slot.market).ok_or(RiskError::WrongState)?;
        let position = touched_copy(market, &slot.position, now)?;
        legs.push(Leg { market: slot.market, terms: market.terms(Secs::new(now))?, input: leg_input(&position) });
    }
    for slot in account.collaterals.iter().filter(|slot| slot.amount != 0) {
        let collateral = accounts.collateral(&slot.collateral).ok_or(RiskError::WrongState)?;
        if !legs.iter().any(|leg| leg.market == collateral.market) {
            let market = accounts.market(&collateral.market).ok_or(RiskError::WrongState)?;
            legs.push(Leg { market: collateral.market, terms: market.terms(Secs::new(now))?, input: LegInput::default() });
        }
        let leg = legs.iter_mut().find(|leg| leg.market == collateral.market).ok_or(RiskError::WrongState)?;
        let (im, mm) = collateral.weighted(slot.amount, leg.terms.mark(), now)?;
        leg.input.collateral_im = leg.input.collateral_im.add(im)?;
        leg.input.collateral_mm = leg.input.collateral_mm.add(mm)?;
    }
    Ok(legs)
}

/// The health of `account` at `now`. Errors: as [`legs`].
pub fn account_health(account: &MarginAccount, accounts: &impl Accounts, now: i64) -> RiskResult<Health> {
    let legs = legs(account, accounts, now)?;
    health(Quote::new(account.cash), legs.iter().map(|leg| (&leg.terms, &leg.input)))
}
