//! From accounts to the engine's view of a portfolio: finds every market and collateral an account uses among the passed accounts.

use crate::errors::{OrRefuse, PlimsollError};
use anchor_lang::prelude::*;
use anchor_lang::{Owner, ZeroCopy};
use plimsoll_risk::margin::{health, withdrawal_allowed, Health, LegInput, MarketTerms};
use plimsoll_risk::oracle::{permission, Action, Conditions, Permission, STALE_AGE};
use plimsoll_risk::perp::{round_exposure, Position};
use plimsoll_risk::{Lots, Quote, Secs};
use plimsoll_state::view::{leg_input, touched_copy};
use plimsoll_state::{Collateral, MarginAccount, Market};

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
        let info = self.infos.iter().find(|info| info.key == key).ok_or(missing)?;
        AccountLoader::try_from(info)
    }

    /// All remaining accounts.
    pub(crate) fn infos(&self) -> &'info [AccountInfo<'info>] {
        self.infos
    }
}

/// One market of a portfolio.
struct Leg {
    market: Pubkey,
    terms: MarketTerms,
    input: LegInput,
    conditions: Conditions,
    publish: i64,
}

/// An account's cash and legs as the engine reads them. Market terms are derived once and serve the health before, after and of trials.
pub(crate) struct Portfolio {
    cash: i64,
    legs: Vec<Leg>,
    now: i64,
    /// Unweighted value of all collateral: a token whose weight is still zero can be sold all the same.
    sellable: Quote,
    /// What registering deficit rounds may still take (RULES 7.3).
    exposure: Quote,
}

/// Most distinct markets of one account (DESIGN 3).
const MAX_LEGS: usize = plimsoll_risk::margin::MAX_LEGS;

impl Portfolio {
    /// Reads an account whose markets are all among the remaining accounts.
    pub(crate) fn read(account: &MarginAccount, roster: &Roster<'_>, now: i64) -> Result<Self> {
        Self::read_with(account, None, roster, now)
    }

    /// Reads an account of which one market is already loaded (and, if it is being changed, touched).
    ///
    /// Positions in the other markets are brought up to date on a copy, so that funding owed there counts (RULES 5.1).
    #[inline(never)]
    pub(crate) fn read_with(account: &MarginAccount, loaded: Option<(&Pubkey, &Market)>, roster: &Roster<'_>, now: i64) -> Result<Self> {
        let mut portfolio =
            Self { cash: account.cash, legs: Vec::with_capacity(MAX_LEGS), now, sellable: Quote::ZERO, exposure: Quote::ZERO };
        for slot in account.perps.iter().filter(|slot| slot.is_used()) {
            match loaded {
                Some((key, market)) if *key == slot.market => portfolio.add_position(key, market, &slot.position)?,
                _ => {
                    let loader = roster.find::<Market>(&slot.market, PlimsollError::MissingMarket)?;
                    let market = loader.load()?;
                    let position = touched_copy(&market, &slot.position, now).or_refuse()?;
                    portfolio.add_position(&slot.market, &market, &position)?;
                }
            }
        }
        for slot in account.collaterals.iter().filter(|slot| slot.amount != 0) {
            let loader = roster.find::<Collateral>(&slot.collateral, PlimsollError::MissingCollateral)?;
            let collateral = loader.load()?;
            portfolio.add_collateral(&collateral, slot.amount, loaded, roster)?;
        }
        Ok(portfolio)
    }

    fn add_position(&mut self, key: &Pubkey, market: &Market, position: &Position) -> Result<()> {
        if position.open_shares != 0 {
            self.exposure = round_exposure(&market.perp, position).and_then(|part| self.exposure.add(part)).or_refuse()?;
        }
        self.add(key, market, leg_input(position))
    }

    fn add(&mut self, key: &Pubkey, market: &Market, input: LegInput) -> Result<()> {
        require!(self.legs.len() < MAX_LEGS, PlimsollError::PositionSlotsFull);
        let terms = market.terms(Secs::new(self.now)).or_refuse()?;
        let conditions = market.conditions(Secs::new(self.now));
        self.legs.push(Leg { market: *key, terms, input, conditions, publish: market.oracle.publish });
        Ok(())
    }

    fn add_collateral(
        &mut self,
        collateral: &Collateral,
        atoms: i64,
        loaded: Option<(&Pubkey, &Market)>,
        roster: &Roster<'_>,
    ) -> Result<()> {
        if !self.legs.iter().any(|leg| leg.market == collateral.market) {
            match loaded {
                Some((key, market)) if *key == collateral.market => self.add(key, market, LegInput::default())?,
                _ => {
                    let loader = roster.find::<Market>(&collateral.market, PlimsollError::MissingMarket)?;
                    self.add(&collateral.market, &*loader.load()?, LegInput::default())?;
                }
            }
        }
        let now = self.now;
        let leg = self.legs.iter_mut().find(|leg| leg.market == collateral.market).ok_or(PlimsollError::MissingMarket)?;
        let value = collateral.value(atoms, leg.terms.mark()).or_refuse()?;
        self.sellable = self.sellable.add(value).or_refuse()?;
        let (im, mm) = collateral.weighted(atoms, leg.terms.mark(), now).or_refuse()?;
        leg.input.collateral_im = leg.input.collateral_im.add(im).or_refuse()?;
        leg.input.collateral_mm = leg.input.collateral_mm.add(mm).or_refuse()?;
        Ok(())
    }

    /// Puts in the cash and one position as they are now; a market that had no leg yet gets one.
    pub(crate) fn update(&mut self, cash: i64, key: &Pubkey, market: &Market, position: &Position) -> Result<()> {
        self.cash = cash;
        match self.legs.iter_mut().find(|leg| leg.market == *key) {
            Some(leg) => {
                let fresh = leg_input(position);
                leg.input = LegInput { collateral_im: leg.input.collateral_im, collateral_mm: leg.input.collateral_mm, ..fresh };
                Ok(())
            }
            None => self.add(key, market, leg_input(position)),
        }
    }

    /// Takes the resting orders out of every leg: they are cancelled before anything is forced (RULES 6.1).
    pub(crate) fn clear_orders(&mut self) {
        for leg in &mut self.legs {
            leg.input = LegInput { bids: Lots::ZERO, asks: Lots::ZERO, bids_value: Quote::ZERO, asks_value: Quote::ZERO, ..leg.input };
        }
    }

    /// Value of the collateral that could still be sold (RULES 6.1).
    pub(crate) fn sellable(&self) -> Quote {
        self.sellable
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

    /// The measures of RULES 4.
    pub(crate) fn health(&self) -> Result<Health> {
        health(Quote::new(self.cash), self.legs.iter().map(|leg| (&leg.terms, &leg.input))).or_refuse()
    }

    /// Terms and input of the leg in `market`.
    pub(crate) fn leg(&self, market: &Pubkey) -> Option<(&MarketTerms, &LegInput)> {
        self.legs.iter().find(|leg| leg.market == *market).map(|leg| (&leg.terms, &leg.input))
    }

    /// What the table of RULES 2.2 says of `action`: the strictest cell over all legs.
    pub(crate) fn permission(&self, action: Action) -> Permission {
        self.legs.iter().map(|leg| permission(leg.conditions, action)).max().unwrap_or(Permission::Allowed)
    }

    /// Refuses an action that the prices of any leg do not fully allow.
    pub(crate) fn require(&self, action: Action) -> Result<()> {
        require!(self.permission(action) == Permission::Allowed, PlimsollError::PriceConditionRefused);
        Ok(())
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
