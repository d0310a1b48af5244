//! What the program would compute, from fetched accounts and with the program's own engine.

use plimsoll_risk::book::Key;
use plimsoll_risk::correlation::Measure;
use plimsoll_risk::liquidation::{
    pause, penalty_rate, size_slice, takeover_is_open, takeover_price, transition, AccountState, LegView, Sample,
};
use plimsoll_risk::margin::{
    portfolio, witness, CrossTerms, Depeg, GroupTerms, Health, LegInput, MarketTerms, NamedMarket, Report, Shortfall, Witness, ROW_NONE,
    SCENARIOS,
};
use plimsoll_risk::oracle::STALE_AGE;
use plimsoll_risk::perp::Candidate;
use plimsoll_risk::{Lots, Price, Quote, RiskError, RiskResult, Round, Secs};
use plimsoll_state::key::is_set;
use plimsoll_state::options::Options;
use plimsoll_state::view::{leg_input, touched_copy};
use plimsoll_state::{Collateral, MarginAccount, Market, RiskGroup};
use solana_pubkey::Pubkey;

/// Finds accounts a preview needs.
pub trait Accounts {
    /// The market at this address.
    fn market(&self, key: &Pubkey) -> Option<&Market>;
    /// The collateral at this address.
    fn collateral(&self, key: &Pubkey) -> Option<&Collateral>;
    /// The risk group at this address; needed only where an account has two markets of one.
    fn group(&self, key: &Pubkey) -> Option<&RiskGroup> {
        let _ = key;
        None
    }
}

/// One market of an account as the engine reads it.
pub struct Leg {
    /// The market.
    pub market: Pubkey,
    /// Its terms.
    pub terms: MarketTerms,
    /// The account's leg in it.
    pub input: LegInput,
    /// Whether it belongs to a risk group, alone of the account's markets or not.
    pub has_group: bool,
}

/// An account as the engine reads it.
pub struct Reading {
    /// Its cash.
    pub cash: Quote,
    /// Its markets.
    pub legs: Vec<Leg>,
    /// Its options, with their values in every scenario.
    pub options: Options,
    /// The risk groups that two or more of its markets share.
    pub groups: Vec<GroupTerms>,
    /// The largest charge for a depeg of the quote token that any of its markets knows of.
    pub depeg: Depeg,
}

impl Reading {
    /// `account` at `now`, positions brought up to date.
    ///
    /// Errors: [`RiskError::WrongState`] when an account is not found; the engine's.
    pub fn of(account: &MarginAccount, accounts: &impl Accounts, now: i64) -> RiskResult<Self> {
        let (legs, groups) = (Vec::new(), Vec::new());
        let mut reading = Self { cash: Quote::new(account.cash), legs, options: Options::default(), groups, depeg: Depeg::NONE };
        let mut groups: Vec<(Pubkey, u8)> = Vec::new();
        for (index, slot) in account.perps.iter().enumerate().filter(|(_, slot)| slot.is_used()) {
            let market = accounts.market(&slot.market).ok_or(RiskError::WrongState)?;
            let position = touched_copy(market, &slot.position, now)?;
            let place = reading.push(slot.market, market, leg_input(&position), &mut groups, now)?;
            reading.options.add(account, index, market, place, Secs::new(now))?;
        }
        if !reading.options.is_complete(account) {
            return Err(RiskError::WrongState);
        }
        for slot in account.collaterals.iter().filter(|slot| slot.amount != 0) {
            let collateral = accounts.collateral(&slot.collateral).ok_or(RiskError::WrongState)?;
            if !reading.legs.iter().any(|leg| leg.market == collateral.market) {
                let market = accounts.market(&collateral.market).ok_or(RiskError::WrongState)?;
                reading.push(collateral.market, market, LegInput::default(), &mut groups, now)?;
            }
            let leg = reading.legs.iter_mut().find(|leg| leg.market == collateral.market).ok_or(RiskError::WrongState)?;
            let (im, mm) = collateral.weighted(collateral.value(slot.amount, leg.terms.mark())?, now)?;
            leg.input.collateral_im = leg.input.collateral_im.add(im)?;
            leg.input.collateral_mm = leg.input.collateral_mm.add(mm)?;
        }
        for (key, members) in groups.into_iter().filter(|(_, members)| members.count_ones() >= 2) {
            let group = accounts.group(&key).ok_or(RiskError::WrongState)?;
            let legs = reading.legs.iter().zip(0_u32..).filter(|(_, bit)| members.wrapping_shr(*bit) & 1 == 1);
            let set = legs.fold(0, |set, (leg, _)| set | group.bit(&leg.market));
            let ((credit_im, phi), (credit_mm, _)) = (group.terms(set, Measure::Initial), group.terms(set, Measure::Maintenance));
            reading.groups.push(GroupTerms { members, credit_im, credit_mm, phi });
        }
        Ok(reading)
    }

    /// Adds a market; its place.
    fn push(&mut self, key: Pubkey, market: &Market, input: LegInput, groups: &mut Vec<(Pubkey, u8)>, now: i64) -> RiskResult<u8> {
        let place = u8::try_from(self.legs.len()).map_err(|_| RiskError::QuantityOutOfRange)?;
        let bit = 1_u8.checked_shl(place.into()).ok_or(RiskError::QuantityOutOfRange)?;
        if market.group != Pubkey::default() {
            match groups.iter_mut().find(|(group, _)| *group == market.group) {
                Some((_, members)) => *members |= bit,
                None => groups.push((market.group, bit)),
            }
        }
        self.depeg = self.depeg.max(*market.depeg);
        self.legs.push(Leg { market: key, terms: market.terms(Secs::new(now))?, input, has_group: is_set(&market.group) });
        Ok(place)
    }

    /// What binds the markets together.
    pub fn cross(&self) -> CrossTerms<'_> {
        CrossTerms { groups: &self.groups, depeg: self.depeg }
    }

    /// The measures of RULES 4. Errors: the engine's.
    pub fn health(&self) -> RiskResult<Health> {
        let legs = self.legs.iter().map(|leg| (&leg.terms, &leg.input));
        portfolio(self.cash, legs, &self.options.book(), &self.cross(), None)
    }

    /// What `named` shows of the account, as `flag_liquidation` computes it (RULES 4.6). Errors: the engine's.
    pub fn shown(&self, named: &Witness) -> RiskResult<Shortfall> {
        let book = self.options.book();
        let mut options = Vec::new();
        for (place, leg) in (0_u8..).zip(&self.legs).filter(|(place, _)| self.options.has(*place)) {
            let mut market = NamedMarket::new(named, place, leg.terms.spot_range(), !leg.has_group)?;
            market.add_book(&book)?;
            options.push(market);
        }
        witness(self.cash, self.legs.iter().map(|leg| (&leg.terms, &leg.input)), &options, &self.cross(), named)
    }

    /// The scenarios that show most of what the account needs, and what they show: from the worst rows of the full check, each row in turn is
    /// replaced while that shows more. Errors: the engine's.
    pub fn witness(&self) -> RiskResult<(Witness, Shortfall)> {
        let (legs, mut report) = (self.legs.iter().map(|leg| (&leg.terms, &leg.input)), Report::default());
        let health = portfolio(self.cash, legs, &self.options.book(), &self.cross(), Some(&mut report))?;
        let mut best = Witness::of(&health, &report);
        let mut shown = self.shown(&best)?;
        let rows = || (1_u8..).take(SCENARIOS);
        for _ in 0..2 {
            for place in (0_u8..).zip(&self.legs).map(|(place, _)| place).filter(|place| self.options.has(*place)) {
                for row in rows() {
                    let mut trial = best;
                    trial.alone.get_mut(usize::from(place)).map(|slot| *slot = row).ok_or(RiskError::QuantityOutOfRange)?;
                    self.keep_better(&mut best, &mut shown, trial)?;
                }
            }
            for row in rows() {
                let trial = Witness { joint: row, ..best };
                self.keep_better(&mut best, &mut shown, trial)?;
            }
        }
        Ok((best, shown))
    }

    /// The scenarios to flag the account with: those of [`Self::witness`], but without a joint row where the others do as much, for less. `None`
    /// where no shortfall is shown. Errors: the engine's.
    pub fn flag_witness(&self) -> RiskResult<Option<(Witness, Shortfall)>> {
        let (best, most) = self.witness()?;
        let plain = Witness { joint: ROW_NONE, ..best };
        let enough = self.shown(&plain)?;
        let is_enough = enough.is_shown() && enough.is_below_half()? == most.is_below_half()?;
        Ok(if is_enough { Some((plain, enough)) } else { most.is_shown().then_some((best, most)) })
    }

    fn keep_better(&self, best: &mut Witness, shown: &mut Shortfall, trial: Witness) -> RiskResult<()> {
        let seen = self.shown(&trial)?;
        if seen.requirement > shown.requirement {
            (*best, *shown) = (trial, seen);
        }
        Ok(())
    }

    /// Takes the resting orders out, as a liquidation does first.
    pub fn clear_orders(&mut self) {
        for leg in &mut self.legs {
            leg.input = LegInput { bids: Lots::ZERO, asks: Lots::ZERO, bids_value: Quote::ZERO, asks_value: Quote::ZERO, ..leg.input };
        }
        self.options.clear_orders();
    }
}

/// The health of `account` at `now`. Errors: as [`Reading::of`].
pub fn account_health(account: &MarginAccount, accounts: &impl Accounts, now: i64) -> RiskResult<Health> {
    Reading::of(account, accounts, now)?.health()
}

/// The candidate for auto-deleveraging that `account` is in `market` now, and thereby its score (RULES 7.2): `Candidate::leverage`. `None` without
/// lots or equity. Errors: as [`Reading::of`].
pub fn adl_candidate(
    key: &Pubkey,
    account: &MarginAccount,
    market: &Pubkey,
    accounts: &impl Accounts,
    now: i64,
) -> RiskResult<Option<Candidate>> {
    let reading = Reading::of(account, accounts, now)?;
    let health = reading.health()?;
    let lots = reading.legs.iter().find(|leg| leg.market == *market).map(|leg| leg.input.lots);
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

/// What `liquidate` would find in `market` at `now`, the account's orders cancelled. `None` without a position there. Errors: as [`Reading::of`].
pub fn slice(account: &MarginAccount, market: &Pubkey, accounts: &impl Accounts, now: i64) -> RiskResult<Option<SlicePreview>> {
    let time = Secs::new(now);
    let mut reading = Reading::of(account, accounts, now)?;
    reading.clear_orders();
    let (health, legs) = (reading.health()?, &reading.legs);
    let (Some(leg), Some(slot), Some(listed)) =
        (legs.iter().find(|leg| leg.market == *market), account.perp_index(market), accounts.market(market))
    else {
        return Ok(None);
    };
    let params = &listed.liquidation_params;
    let publishes = legs.iter().filter_map(|leg| accounts.market(&leg.market)).map(|market| market.oracle.publish);
    let fresh = publishes.filter(|publish| now.saturating_sub(*publish) <= STALE_AGE.raw()).min().unwrap_or(0);
    let sellable = account.collaterals.iter().filter(|slot| slot.amount != 0).try_fold(Quote::ZERO, |sum, slot| {
        let collateral = accounts.collateral(&slot.collateral).ok_or(RiskError::WrongState)?;
        sum.add(collateral.value(slot.amount, accounts.market(&collateral.market).ok_or(RiskError::WrongState)?.mark()?)?)
    })?;
    let state = transition(&account.liquidation, &health, sellable, Sample { publish: Secs::new(fresh), now: time }, params)?.next;
    let rate = penalty_rate(state.elapsed(time)?, params)?;
    let bonds = reading.cross();
    let place = legs.iter().position(|leg| leg.market == *market).filter(|_| !bonds.is_none());
    let cross = place.map(|place| (&bonds, place));
    let view = LegView { health: &health, terms: &leg.terms, leg: &leg.input, rate, cross };
    let is_liquidating = state.state()? == AccountState::Liquidating;
    // Accounts with options are not liquidated leg by leg.
    let offered = if is_liquidating && reading.options.is_empty() {
        state.offer(slot, &size_slice(&view, params)?, pause(&health, params)?, time)?
    } else {
        Lots::ZERO
    };
    let closing = if leg.input.lots.is_negative() { offered } else { offered.neg()? };
    Ok(Some(SlicePreview {
        offered,
        limit: takeover_price(leg.terms.mark(), closing, view.capped_rate(leg.input.lots.abs()?, Round::Floor)?)?,
        is_takeover_open: takeover_is_open(&state, false, time, params)?,
        is_news: state != *account.liquidation,
    }))
}
