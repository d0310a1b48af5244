//! From the option legs of a margin account to the tables the margin engine multiplies.

mod named;

pub use named::NamedOptions;

use crate::margin_account::OptionLeg;
use crate::{MarginAccount, Market};
use alloc::vec::Vec;
use plimsoll_risk::fixed_math::{ln_quotient, Log};
use plimsoll_risk::margin::{ExpiryTerms, OptionBook, OptionInput, OptionKind, SeriesTerms, SpotGrid, UnitValues};
use plimsoll_risk::option::surface::Measure;
use plimsoll_risk::option::Curve;
use plimsoll_risk::{Lots, Price, Quote, Ratio, RiskError, RiskResult, Secs};

/// The option legs of an account with the values of their series in every scenario: built once, read by every margin check of an instruction.
#[derive(Clone, Debug, Default)]
pub struct Options {
    legs: Vec<OptionInput>,
    expiries: Vec<ExpiryTerms>,
    /// Unit values in the maintenance measure, one per leg.
    units: Vec<UnitValues>,
    /// Those of the initial measure, once a stale smile has made them differ.
    initial: Vec<UnitValues>,
}

impl Options {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.legs.is_empty()
    }

    /// Whether any are of the market at `place` among the account's markets.
    pub fn has(&self, place: u8) -> bool {
        self.units.iter().any(|unit| unit.market() == place)
    }

    /// As the engine reads them.
    pub fn book(&self) -> OptionBook<'_> {
        let units_im = if self.initial.is_empty() { &self.units } else { &self.initial };
        OptionBook { legs: &self.legs, expiries: &self.expiries, units_im, units_mm: &self.units }
    }

    /// The same without resting orders (RULES 6.1).
    pub fn clear_orders(&mut self) {
        for leg in &mut self.legs {
            *leg = OptionInput { series: leg.series, lots: leg.lots, ..OptionInput::default() };
        }
    }

    /// Adds the legs that `account` holds in the market of perp slot `slot`, whose place among the account's markets is `place`.
    ///
    /// Errors: [`RiskError::WrongState`] for a leg whose expiry the market does not list; the engine's.
    #[inline(never)]
    pub fn add(&mut self, account: &MarginAccount, slot: usize, market: &Market, place: u8, now: Secs) -> RiskResult<()> {
        if self.legs.is_empty() {
            self.legs.reserve_exact(account.option_legs.into());
            self.units.reserve_exact(account.option_legs.into());
        }
        let (mut grid, mut scratch) = (None, SeriesTerms::NONE);
        for (index, expiry) in market.expiries.iter().enumerate().filter(|(_, expiry)| expiry.is_used()) {
            let is_here = |leg: &&OptionLeg| leg.is_used() && usize::from(leg.slot) == slot && usize::from(leg.expiry) == index;
            let mut legs = account.options.iter().filter(is_here).peekable();
            if legs.peek().is_none() {
                continue;
            }
            let grid = match grid {
                Some(ref grid) => grid,
                None => grid.insert(SpotGrid::new(Ratio::new(market.range))?),
            };
            let risk = expiry.risk(market, place, now)?;
            let terms = u8::try_from(self.expiries.len()).map_err(|_| RiskError::Overflow)?;
            let priced = ExpiryTerms::new(&risk, &market.option_params)?;
            self.expiries.push(priced);
            let curve = expiry.curve(market, now, Measure::Maintenance)?;
            let initial = if expiry.is_stale(market, now) { expiry.curve(market, now, Measure::Initial)? } else { curve };
            if initial != curve && self.initial.is_empty() {
                self.initial.clone_from(&self.units);
            }
            let is_split = initial != curve || !self.initial.is_empty();
            for leg in legs {
                if leg.time != expiry.time {
                    return Err(RiskError::WrongState);
                }
                let (strike, kind) = (Price::new(leg.strike.into()), leg.kind()?);
                let distance = distance_of(risk.forward, strike)?;
                let moneyness = Log::new(distance.raw().saturating_neg());
                let series = u8::try_from(self.units.len()).map_err(|_| RiskError::Overflow)?;
                let mut price = |curve: &Curve, units: &mut Vec<UnitValues>| {
                    scratch.set(&priced, strike, kind, curve.volatility(moneyness), Some(distance))?;
                    // Priced where it stays: a unit table is forty words.
                    units.push(UnitValues::NONE);
                    if let Some(unit) = units.last_mut() {
                        scratch.price_into(grid, place, terms, unit);
                    }
                    Ok::<_, RiskError>(())
                };
                if is_split {
                    price(&initial, &mut self.initial)?;
                }
                price(&curve, &mut self.units)?;
                self.legs.push(leg.input(series));
            }
        }
        Ok(())
    }

    /// Whether every option leg of `account` has been added: none of a market or expiry that was overlooked.
    pub fn is_complete(&self, account: &MarginAccount) -> bool {
        self.legs.len() == account.options.iter().filter(|leg| leg.is_used()).count()
    }
}

/// ln(F/K). Errors: [`RiskError::PriceOutOfRange`].
#[inline(always)]
fn distance_of(forward: Price, strike: Price) -> RiskResult<Log> {
    ln_quotient(forward.raw().unsigned_abs(), Price::checked(strike.raw())?.raw().unsigned_abs())
}

impl OptionLeg {
    /// Call or put. Errors: [`RiskError::WrongState`].
    pub fn kind(&self) -> RiskResult<OptionKind> {
        match self.kind {
            0 => Ok(OptionKind::Call),
            1 => Ok(OptionKind::Put),
            _ => Err(RiskError::WrongState),
        }
    }

    /// As the engine reads it, its series at place `series` of the unit table.
    fn input(&self, series: u8) -> OptionInput {
        OptionInput {
            series,
            lots: Lots::new(self.lots),
            bids: Lots::new(self.bids),
            asks: Lots::new(self.asks),
            bids_value: Quote::new(self.bids_value),
            asks_value: Quote::new(self.asks_value),
        }
    }
}
