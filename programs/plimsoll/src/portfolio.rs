//! From accounts to the engine's view of a portfolio: finds every market and collateral an account uses among the passed accounts.

mod named;

use crate::cross::Bonds;
use crate::errors::{OrRefuse, PlimsollError};
use crate::position::require_version;
use anchor_lang::prelude::*;
use anchor_lang::{Owner, ZeroCopy};
use plimsoll_risk::margin::{bind, health, withdrawal_allowed, CrossTerms, Depeg, Health, LegInput, MarketTerms, Report};
use plimsoll_risk::oracle::{permission, Action, Permission, STALE_AGE};
use plimsoll_risk::perp::{round_exposure, sale_surplus, Position};
use plimsoll_risk::{Lots, Quote, RiskError, RiskResult, Secs};
use plimsoll_state::key::{is_same, is_set};
use plimsoll_state::options::{NamedOptions, Options};
use plimsoll_state::view::{current_input, leg_input, touched_copy};
use plimsoll_state::{Collateral, MarginAccount, Market, PerpSlot};
use std::cell::Ref;

/// The remaining accounts of an instruction: every market and collateral its margin accounts use, named ones included, then makers.
#[derive(Clone, Copy)]
pub(crate) struct Roster<'info> {
    infos: &'info [AccountInfo<'info>],
}

impl<'info> Roster<'info> {
    /// The remaining accounts of an instruction.
    pub(crate) fn new(infos: &'info [AccountInfo<'info>]) -> Self {
        Self { infos }
    }

    /// The account at `key`; owner and type are checked. `missing` when it was not passed.
    pub(crate) fn find<T: ZeroCopy + Owner>(&self, key: &Pubkey, missing: PlimsollError) -> Result<AccountLoader<'info, T>> {
        let info = self.infos.iter().find(|info| is_same(info.key, key)).ok_or(missing)?;
        AccountLoader::try_from(info)
    }

    /// The market at `key`. Markets mostly come in the order of the slots: looks at place `next` first and moves it on.
    fn market(&self, next: &mut usize, key: &Pubkey) -> Result<Ref<'info, Market>> {
        match self.infos.get(*next).filter(|info| is_same(info.key, key)) {
            Some(info) => {
                *next = next.wrapping_add(1);
                loaded(info, Market::from_bytes)
            }
            None => self.loaded(key, Market::from_bytes, PlimsollError::MissingMarket),
        }
    }

    /// The account at `key`, read only. `missing` when it was not passed.
    fn loaded<T: ZeroCopy + Owner>(&self, key: &Pubkey, layout: fn(&[u8]) -> Option<&T>, missing: PlimsollError) -> Result<Ref<'info, T>> {
        loaded(self.infos.iter().find(|info| is_same(info.key, key)).ok_or(missing)?, layout)
    }

    /// All remaining accounts.
    pub(crate) fn infos(&self) -> &'info [AccountInfo<'info>] {
        self.infos
    }
}

/// What is in the account `info`, by the three comparisons of [`AccountLoader`] in a quarter of its compute units.
#[inline(always)]
fn loaded<'info, T: ZeroCopy + Owner>(info: &'info AccountInfo<'info>, layout: fn(&[u8]) -> Option<&T>) -> Result<Ref<'info, T>> {
    if is_same(info.owner, &crate::ID) {
        if let Ok(found) = Ref::filter_map(info.try_borrow_data()?, |bytes| layout(bytes)) {
            return Ok(found);
        }
    }
    // The loader says what is wrong with it.
    AccountLoader::<T>::try_from(info)?;
    Err(ErrorCode::AccountDidNotDeserialize.into())
}

/// One market of a portfolio.
struct Leg {
    market: Pubkey,
    terms: MarketTerms,
    input: LegInput,
    publish: i64,
}

/// An account's cash and legs as the engine reads them. Market terms are derived once and serve the health before, after and of trials.
pub(crate) struct Portfolio {
    cash: i64,
    legs: Vec<Leg>,
    now: i64,
    /// What the caller wants to do, if the prices of all legs have a say in it.
    action: Option<Action>,
    /// What the table of RULES 2.2 says of it: the strictest cell over all legs.
    permission: Permission,
    /// Unweighted value of all collateral: a token whose weight is still zero can be sold all the same.
    sellable: Quote,
    /// What its sale would bring beyond its weighted value.
    surplus: Quote,
    /// What registering deficit rounds may still take (RULES 7.3).
    exposure: Quote,
    /// Places of legs to which auto-deleveraging has lately added, what, and when (RULES 7.5).
    forced: Vec<(usize, Lots, Quote, Secs)>,
    /// Option legs with their unit values.
    options: Options,
    /// In place of them, the options in the scenarios that a witness names.
    named: Option<Box<NamedOptions>>,
    /// The risk groups that two or more of the markets share, and the charge for a depeg.
    bonds: Bonds,
}

/// Most distinct markets of one account (DESIGN 3).
const MAX_LEGS: usize = plimsoll_risk::margin::MAX_LEGS;

impl Portfolio {
    /// Reads an account whose markets are all among the remaining accounts.
    pub(crate) fn read(account: &MarginAccount, roster: &Roster<'_>, now: i64) -> Result<Self> {
        Self::read_with(account, None, roster, now)
    }

    /// As [`Self::read`]; refused when the prices of any leg do not fully allow `action` (RULES 2.2).
    pub(crate) fn read_for(action: Action, account: &MarginAccount, roster: &Roster<'_>, now: i64) -> Result<Self> {
        let portfolio = Self::read_all(Some(action), account, None, roster, now, None)?;
        require!(portfolio.permission == Permission::Allowed, PlimsollError::PriceConditionRefused);
        Ok(portfolio)
    }

    /// Reads an account of which one market is already loaded (and, if it is being changed, touched).
    ///
    /// Positions in the other markets are brought up to date on a copy, so that funding owed there counts (RULES 5.1).
    pub(crate) fn read_with(account: &MarginAccount, loaded: Option<(&Pubkey, &Market)>, roster: &Roster<'_>, now: i64) -> Result<Self> {
        Self::read_all(None, account, loaded, roster, now, None)
    }

    #[inline(never)]
    fn read_all(
        action: Option<Action>,
        account: &MarginAccount,
        loaded: Option<(&Pubkey, &Market)>,
        roster: &Roster<'_>,
        now: i64,
        named: Option<Box<NamedOptions>>,
    ) -> Result<Self> {
        let legs = Vec::with_capacity(MAX_LEGS);
        let permission = Permission::Allowed;
        let (sellable, surplus, exposure, options, bonds) = (Quote::ZERO, Quote::ZERO, Quote::ZERO, Options::default(), Bonds::default());
        let mut portfolio = Self {
            cash: account.cash,
            legs,
            now,
            action,
            permission,
            sellable,
            surplus,
            exposure,
            forced: Vec::new(),
            options,
            named,
            bonds,
        };
        let (mut next, has_options) = (0, account.option_legs != 0);
        for (index, slot) in account.perps.iter().enumerate().filter(|(_, slot)| slot.is_used()) {
            match loaded {
                Some((key, market)) if is_same(key, &slot.market) => {
                    portfolio.add_position(key, market, &slot.position)?;
                    if has_options {
                        portfolio.add_options(account, index, market)?;
                    }
                }
                _ => {
                    let market = roster.market(&mut next, &slot.market)?;
                    portfolio.add_slot(slot, &market)?;
                    if has_options {
                        portfolio.add_options(account, index, &market)?;
                    }
                }
            }
        }
        let is_plain = !has_options && portfolio.named.is_none();
        require!(is_plain || portfolio.has_all_options(account), PlimsollError::WrongState);
        for slot in account.collaterals.iter().filter(|slot| slot.amount != 0) {
            let collateral = roster.loaded(&slot.collateral, Collateral::from_bytes, PlimsollError::MissingCollateral)?;
            portfolio.add_collateral(&collateral, slot.amount, loaded, roster)?;
        }
        let Self { legs, bonds, .. } = &mut portfolio;
        bonds.read(roster, |place| legs.get(place).map(|leg| leg.market))?;
        Ok(portfolio)
    }

    /// Adds the options of the market that was added last.
    fn add_options(&mut self, account: &MarginAccount, slot: usize, market: &Market) -> Result<()> {
        let place = self.legs.len().checked_sub(1).and_then(|place| u8::try_from(place).ok()).ok_or(PlimsollError::Overflow)?;
        match &mut self.named {
            Some(named) => named.add(account, slot, market, place, Secs::new(self.now)).or_refuse(),
            None => self.options.add(account, slot, market, place, Secs::new(self.now)).or_refuse(),
        }
    }

    /// Whether every option leg of the account has been added: none of a market or expiry that was overlooked.
    fn has_all_options(&self, account: &MarginAccount) -> bool {
        self.named.as_ref().map_or_else(|| self.options.is_complete(account), |named| named.is_complete(account))
    }

    /// Adds a position that has not been touched.
    fn add_slot(&mut self, slot: &PerpSlot, market: &Market) -> Result<()> {
        match current_input(market, &slot.position, self.now) {
            Ok(Some(input)) => {
                self.note_forced(&slot.position);
                self.add(&slot.market, market, &input)
            }
            Err(error) => Err(PlimsollError::from(error).into()),
            Ok(None) => {
                let position = touched_copy(market, &slot.position, self.now).or_refuse()?;
                self.add_position(&slot.market, market, &position)
            }
        }
    }

    #[inline(never)]
    fn add_position(&mut self, key: &Pubkey, market: &Market, position: &Position) -> Result<()> {
        if position.open_shares != 0 {
            self.exposure = round_exposure(&market.perp, position).and_then(|part| self.exposure.add(part)).or_refuse()?;
        }
        self.note_forced(position);
        self.add(key, market, &leg_input(position))
    }

    /// Notes what auto-deleveraging has lately added to the position whose leg is added next.
    #[inline(always)]
    fn note_forced(&mut self, position: &Position) {
        if let Some((lots, quote, at)) = position.deleveraged(Secs::new(self.now)) {
            self.forced.push((self.legs.len(), lots, quote, at));
        }
    }

    /// Inlined, because its call costs as much per leg as a comparison of addresses.
    #[inline(always)]
    fn add(&mut self, key: &Pubkey, market: &Market, input: &LegInput) -> Result<()> {
        require!(self.legs.len() < MAX_LEGS, PlimsollError::PositionSlotsFull);
        require_version(market.version)?;
        // Matched, not mapped: a mapped result is one more copy of the terms for every leg.
        let terms = match market.terms(Secs::new(self.now)) {
            Ok(terms) => terms,
            Err(error) => return Err(PlimsollError::from(error).into()),
        };
        if let Some(action) = self.action {
            self.permission = self.permission.max(permission(market.conditions(Secs::new(self.now)), action));
        }
        self.bonds.charge(&market.depeg);
        if is_set(&market.group) {
            self.bonds.note(&market.group, self.legs.len())?;
        }
        // A final price does not age: it is as good a sample as a fresh one.
        let publish = if market.oracle.is_settling() { self.now } else { market.oracle.publish };
        self.legs.push(Leg { market: *key, terms, input: *input, publish });
        Ok(())
    }

    #[inline(never)]
    fn add_collateral(
        &mut self,
        collateral: &Collateral,
        atoms: i64,
        loaded: Option<(&Pubkey, &Market)>,
        roster: &Roster<'_>,
    ) -> Result<()> {
        require_version(collateral.version)?;
        let known = self.legs.iter().position(|leg| is_same(&leg.market, &collateral.market));
        if known.is_none() {
            match loaded {
                Some((key, market)) if is_same(key, &collateral.market) => self.add(key, market, &LegInput::default())?,
                _ => {
                    let market = roster.market(&mut 0, &collateral.market)?;
                    self.add(&collateral.market, &market, &LegInput::default())?;
                }
            }
        }
        self.weigh(known, collateral, atoms).or_refuse()
    }

    /// Puts `atoms` of a token into the sums and into the leg at `place`, or into the one added last.
    fn weigh(&mut self, place: Option<usize>, collateral: &Collateral, atoms: i64) -> RiskResult<()> {
        let last = self.legs.len().wrapping_sub(1);
        let leg = self.legs.get_mut(place.unwrap_or(last)).ok_or(RiskError::WrongState)?;
        let value = collateral.value(atoms, leg.terms.mark())?;
        let (im, mm) = collateral.weighted(value, self.now)?;
        self.sellable = self.sellable.add(value)?;
        self.surplus = self.surplus.add(sale_surplus(value, mm)?)?;
        leg.input.collateral_im = leg.input.collateral_im.add(im)?;
        leg.input.collateral_mm = leg.input.collateral_mm.add(mm)?;
        Ok(())
    }

    /// Puts in the cash and one position as they are now; its slot was open when the account was read, so that its market has a leg.
    pub(crate) fn update(&mut self, cash: i64, key: &Pubkey, position: &Position) -> Result<()> {
        let index = self.legs.iter().position(|leg| is_same(&leg.market, key)).ok_or(PlimsollError::MissingMarket)?;
        self.update_at(cash, index, position).map(|_| ())
    }

    /// [`Self::update`] of the leg at `index`, which is returned.
    #[inline(always)]
    fn update_at(&mut self, cash: i64, index: usize, position: &Position) -> Result<&Leg> {
        let leg = self.legs.get_mut(index).ok_or(PlimsollError::MissingMarket)?;
        let fresh = leg_input(position);
        leg.input = LegInput { collateral_im: leg.input.collateral_im, collateral_mm: leg.input.collateral_mm, ..fresh };
        self.cash = cash;
        Ok(leg)
    }

    /// [`Self::update`], and the health after it, given the one before.
    pub(crate) fn updated_health(&mut self, before: &Health, cash: i64, key: &Pubkey, position: &Position) -> Result<Box<Health>> {
        let index = self.legs.iter().position(|leg| is_same(&leg.market, key)).ok_or(PlimsollError::MissingMarket)?;
        let was = (Quote::new(self.cash), self.legs.get(index).map(|leg| leg.input).unwrap_or_default());
        self.update_at(cash, index, position)?;
        if !self.options.is_empty() {
            return self.health();
        }
        let leg = self.legs.get(index).ok_or(PlimsollError::MissingMarket)?;
        let (was, is) = ((was.0, &was.1), (Quote::new(cash), &leg.input));
        let after = if self.bonds.is_empty() {
            before.with_leg(index, &leg.terms, was, is)
        } else {
            before.with_leg_in(&self.bonds.terms(), index, &leg.terms, was, is)
        };
        match after {
            Ok(health) => Ok(Box::new(health)),
            Err(error) => Err(PlimsollError::from(error).into()),
        }
    }

    /// Takes the resting orders out of every leg: they are cancelled before anything is forced (RULES 6.1).
    pub(crate) fn clear_orders(&mut self) {
        for leg in &mut self.legs {
            leg.input = LegInput { bids: Lots::ZERO, asks: Lots::ZERO, bids_value: Quote::ZERO, asks_value: Quote::ZERO, ..leg.input };
        }
        self.options.clear_orders();
    }

    /// Value of the collateral that could still be sold (RULES 6.1).
    pub(crate) fn sellable(&self) -> Quote {
        self.sellable
    }

    /// What a sale of the collateral would bring beyond its weighted value (RULES 7.1).
    pub(crate) fn surplus(&self) -> Quote {
        self.surplus
    }

    /// Collateral at maintenance weight, over all legs.
    pub(crate) fn weighted_collateral(&self) -> Result<Quote> {
        self.legs.iter().try_fold(Quote::ZERO, |sum, leg| sum.add(leg.input.collateral_mm).or_refuse())
    }

    /// Unsettled value of the leg in `market` at its mark.
    pub(crate) fn unsettled(&self, market: &Pubkey) -> Result<Quote> {
        let (terms, input) = self.leg(market).ok_or(PlimsollError::MissingMarket)?;
        input.lots.at(terms.mark()).and_then(|value| value.add(input.quote)).or_refuse()
    }

    /// Σ unsettled losses of all legs, not negative.
    pub(crate) fn losses(&self) -> Result<Quote> {
        self.legs.iter().try_fold(Quote::ZERO, |sum, leg| {
            let loss = self.unsettled(&leg.market)?.neg().or_refuse()?.positive_part();
            sum.add(loss).or_refuse()
        })
    }

    /// The measures of RULES 4; boxed, because two of them do not fit into a stack frame.
    pub(crate) fn health(&self) -> Result<Box<Health>> {
        let mut health = self.linear_health()?;
        if !self.options.is_empty() || !self.bonds.is_empty() {
            self.bind(&mut health, None)?;
        }
        Ok(health)
    }

    #[inline(never)]
    fn linear_health(&self) -> Result<Box<Health>> {
        match health(Quote::new(self.cash), self.legs.iter().map(|leg| (&leg.terms, &leg.input))) {
            Ok(health) => Ok(Box::new(health)),
            Err(error) => Err(PlimsollError::from(error).into()),
        }
    }

    /// Puts options, groups and the charge for a depeg into a health of the linear legs; its parts where a report is wanted.
    fn bind(&self, health: &mut Health, report: Option<&mut Report>) -> Result<()> {
        let legs = self.legs.iter().map(|leg| (&leg.terms, &leg.input));
        bind(health, legs, &self.options.book(), &self.bonds.terms(), report).or_refuse()
    }

    /// The health, its split, and the markets in the order of its legs.
    pub(crate) fn report(&self) -> Result<(Box<Health>, Box<Report>, impl Iterator<Item = Pubkey> + '_)> {
        let mut report = Box::<Report>::default();
        let mut health = self.linear_health()?;
        self.bind(&mut health, Some(&mut report))?;
        Ok((health, report, self.legs.iter().map(|leg| leg.market)))
    }

    /// What binds the markets together and the place of `market` among them; `None` where they add up.
    pub(crate) fn cross(&self, market: &Pubkey) -> (CrossTerms<'_>, Option<usize>) {
        // Mostly there is nothing to look for.
        let place = if self.bonds.is_empty() { None } else { self.legs.iter().position(|leg| is_same(&leg.market, market)) };
        (self.bonds.terms(), place)
    }

    /// The charge for a depeg of the quote token.
    pub(crate) fn depeg(&self) -> &Depeg {
        self.bonds.depeg()
    }

    /// Whether the account holds options.
    pub(crate) fn has_options(&self) -> bool {
        !self.options.is_empty() || self.named.as_ref().is_some_and(|named| named.has_options())
    }

    /// The health the account would have had its lately deleveraged lots not been closed, at the prices of now, and the time of the last close.
    /// `None` when nothing was (RULES 7.5).
    pub(crate) fn undeleveraged(&self) -> Result<Option<(Box<Health>, Secs)>> {
        let Some(since) = self.forced.iter().map(|(_, _, _, at)| *at).max() else {
            return Ok(None);
        };
        let mut inputs: Vec<_> = self.legs.iter().map(|leg| leg.input).collect();
        for (place, lots, quote, _) in &self.forced {
            let input = inputs.get_mut(*place).ok_or(PlimsollError::InvariantBroken)?;
            input.lots = input.lots.sub(*lots).or_refuse()?;
            input.quote = input.quote.sub(*quote).or_refuse()?;
        }
        self.health_of(&inputs).map(|health| Some((health, since)))
    }

    /// [`Self::health`] with other inputs in place of the legs' own.
    #[inline(never)]
    fn health_of(&self, inputs: &[LegInput]) -> Result<Box<Health>> {
        let legs = self.legs.iter().map(|leg| &leg.terms).zip(inputs);
        let mut trial = match health(Quote::new(self.cash), legs.clone()) {
            Ok(health) => Box::new(health),
            Err(error) => return Err(PlimsollError::from(error).into()),
        };
        bind(&mut trial, legs, &self.options.book(), &self.bonds.terms(), None).or_refuse()?;
        Ok(trial)
    }

    /// Terms and input of the leg in `market`.
    pub(crate) fn leg(&self, market: &Pubkey) -> Option<(&MarketTerms, &LegInput)> {
        self.legs.iter().find(|leg| is_same(&leg.market, market)).map(|leg| (&leg.terms, &leg.input))
    }

    /// RULES 1.6: E_im ≥ IM and E ≥ 10 % of gross notional, without the part of claims that a deficit round may still take.
    pub(crate) fn require_withdrawable(&self) -> Result<()> {
        let mut health = self.health()?;
        health.equity = health.equity.sub(self.exposure).or_refuse()?;
        health.equity_im = health.equity_im.sub(self.exposure).or_refuse()?;
        require!(health.is_initial(), PlimsollError::BelowInitialMargin);
        require!(withdrawal_allowed(&health).or_refuse()?, PlimsollError::NotionalFloor);
        Ok(())
    }

    /// Publish time of the oldest price that is not stale: a dead feed must not shield the account's other legs (RULES 2.2, 2.5).
    /// Zero when every feed is stale.
    pub(crate) fn oldest_publish(&self) -> i64 {
        let live = self.legs.iter().map(|leg| leg.publish).filter(|publish| self.now.saturating_sub(*publish) <= STALE_AGE.raw());
        live.min().unwrap_or(0)
    }
}
