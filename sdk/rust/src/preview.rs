//! What the program would compute, from fetched accounts and with the program's own engine.

use plimsoll_risk::book::Key;
use plimsoll_risk::liquidation::{
    pause, penalty_rate, size_slice, takeover_is_open, takeover_price, transition, AccountState, LegView, Sample,
};
use plimsoll_risk::margin::{health, Health, LegInput, MarketTerms};
use plimsoll_risk::oracle::STALE_AGE;
use plimsoll_risk::perp::Candidate;
use plimsoll_risk::{Lots, Price, Quote, RiskError, RiskResult, Round, Secs};
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

/// The candidate for auto-deleveraging that `account` is in `market` now, and thereby its score (RULES 7.2): `Candidate::leverage`. `None` without
/// lots or equity. Errors: as [`legs`].
pub fn adl_candidate(
    key: &Pubkey,
    account: &MarginAccount,
    market: &Pubkey,
    accounts: &impl Accounts,
    now: i64,
) -> RiskResult<Option<Candidate>> {
    let legs = legs(account, accounts, now)?;
    let health = health(Quote::new(account.cash), legs.iter().map(|leg| (&leg.terms, &leg.input)))?;
    let lots = legs.iter().find(|leg| leg.market == *market).map(|leg| leg.input.lots);
    Ok(lots.and_then(|lots| Candidate::new(Key::from_bytes(key.to_bytes()), lots, &health).ok()))
}

/// Rank (from 1) of `own` among `all` candidates of its side, the most levered first: who is cut first if somebody on the other side goes bankrupt
/// (RULES 7.6).
pub fn adl_rank(own: &Candidate, all: &[Candidate]) -> usize {
    let before = all.iter().filter(|other| other.account != own.account && other.rank(own).is_lt());
    before.count().saturating_add(1)
}

/// What a liquidation step on one leg would find.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlicePreview {
    /// Lots that may go now; zero when there is nothing to take: the account does not fail, the pause is not over, or the leg is a hedge.
    pub offered: Lots,
    /// Worst price at which they are closed on the book.
    pub limit: Price,
    /// Whether the take-over is open by time alone; else the book has to be exhausted first.
    pub is_takeover_open: bool,
    /// Whether the call would change the account's state: a first failing sample, a flag, a recovery, a bankruptcy.
    pub is_news: bool,
}

/// What `liquidate` would find in `market` at `now`, the account's orders cancelled. `None` without a position there. Errors: as [`legs`].
pub fn slice(account: &MarginAccount, market: &Pubkey, accounts: &impl Accounts, now: i64) -> RiskResult<Option<SlicePreview>> {
    let time = Secs::new(now);
    let mut legs = legs(account, accounts, now)?;
    for leg in &mut legs {
        leg.input = LegInput { bids: Lots::ZERO, asks: Lots::ZERO, bids_value: Quote::ZERO, asks_value: Quote::ZERO, ..leg.input };
    }
    let (Some(leg), Some(slot), Some(listed)) =
        (legs.iter().find(|leg| leg.market == *market), account.perp_index(market), accounts.market(market))
    else {
        return Ok(None);
    };
    let health = health(Quote::new(account.cash), legs.iter().map(|leg| (&leg.terms, &leg.input)))?;
    let params = &listed.liquidation_params;
    let publishes = legs.iter().filter_map(|leg| accounts.market(&leg.market)).map(|market| market.oracle.publish);
    let fresh = publishes.filter(|publish| now.saturating_sub(*publish) <= STALE_AGE.raw()).min().unwrap_or(0);
    let sellable = account.collaterals.iter().filter(|slot| slot.amount != 0).try_fold(Quote::ZERO, |sum, slot| {
        let collateral = accounts.collateral(&slot.collateral).ok_or(RiskError::WrongState)?;
        sum.add(collateral.value(slot.amount, accounts.market(&collateral.market).ok_or(RiskError::WrongState)?.mark()?)?)
    })?;
    let state = transition(&account.liquidation, &health, sellable, Sample { publish: Secs::new(fresh), now: time }, params)?.next;
    let rate = penalty_rate(state.elapsed(time)?, params)?;
    let view = LegView { health: &health, terms: &leg.terms, leg: &leg.input, rate, cross: None };
    let is_liquidating = state.state()? == AccountState::Liquidating;
    let offered = if is_liquidating { state.offer(slot, &size_slice(&view, params)?, pause(&health, params)?, time)? } else { Lots::ZERO };
    let closing = if leg.input.lots.is_negative() { offered } else { offered.neg()? };
    Ok(Some(SlicePreview {
        offered,
        limit: takeover_price(leg.terms.mark(), closing, view.capped_rate(leg.input.lots.abs()?, Round::Floor)?)?,
        is_takeover_open: takeover_is_open(&state, false, time, params)?,
        is_news: state != *account.liquidation,
    }))
}
