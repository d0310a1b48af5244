//! The health of an account: all measures of all legs.

use super::kernel::{leg, Bare, Bounded, LegHealth, LegInput};
use super::terms::MarketTerms;
use crate::error::{RiskError, RiskResult};
use crate::units::Quote;

/// Most distinct markets in one account (DESIGN 3).
pub const MAX_LEGS: usize = 8;

/// Equity, the three measures and the split by leg. Always IM ≥ T ≥ MM ≥ 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// E: cash + collateral at maintenance weight + Σ unsettled at the marks; a leg whose feed has been stale for more than 10 minutes
    /// at the adverse end of its range (RULES 2.5).
    pub equity: Quote,
    /// E_im: claims at their weight, collateral at initial weight, less the adverse edge of each market.
    pub equity_im: Quote,
    /// E as the liquidation trigger sees it: with the favourable edge of each market. Never below E.
    pub equity_trigger: Quote,
    /// Initial margin IM.
    pub im: Quote,
    /// Exit target T.
    pub target: Quote,
    /// Maintenance margin MM.
    pub mm: Quote,
    /// Σ |perp notional| at the marks, and the forward value of net short options.
    pub gross_notional: Quote,
    /// Option value that survives the worst scenario: counts as equity but not toward a withdrawal (RULES 1.6).
    pub locked: Quote,
    /// Whether any market has options, so that one leg cannot be exchanged by itself.
    pub has_options: bool,
    /// Contributions in the order of the input; the first `leg_count` entries are set.
    pub legs: [LegHealth; MAX_LEGS],
    /// Number of legs.
    pub leg_count: usize,
}

impl Health {
    /// The legs that were given.
    pub fn legs(&self) -> &[LegHealth] {
        self.legs.get(..self.leg_count).unwrap_or(&self.legs)
    }

    /// E_im ≥ IM: the account may raise risk, may withdraw down to the floors of RULES 1.6.
    pub fn is_initial(&self) -> bool {
        self.equity_im >= self.im
    }

    /// What is missing to the exit target, T − E; negative when there is a surplus. Errors: [`RiskError::Overflow`].
    pub fn shortfall(&self) -> RiskResult<Quote> {
        self.target.sub(self.equity)
    }

    /// This health after the leg at `index` and the cash have changed while every other leg stands: what [`health`] says of the whole
    /// account without options, groups and depeg, for the price of one leg. `was` and `is` are cash and leg before and after.
    ///
    /// Errors: as [`health`]; [`RiskError::WrongState`] for an index without a leg and for an account with options.
    #[inline(never)]
    pub fn with_leg(&self, index: usize, terms: &MarketTerms, was: (Quote, &LegInput), is: (Quote, &LegInput)) -> RiskResult<Self> {
        if is.0.is_negative() {
            return Err(RiskError::QuantityOutOfRange);
        }
        if self.has_options {
            return Err(RiskError::WrongState);
        }
        let mut total = *self;
        let slot = total.legs.get_mut(index).filter(|_| index < self.leg_count).ok_or(RiskError::WrongState)?;
        let (old, new) = (*slot, leg::<Bare>(Bounded::new(terms, is.1)?));
        *slot = new;
        let swap = |sum: Quote, old: Quote, new: Quote| sum.sub(old)?.add(new);
        let worth = |cash: Quote, leg: &LegHealth, input: &LegInput| cash.add(leg.unsettled)?.add(input.collateral_mm);
        let worth_im =
            |cash: Quote, leg: &LegHealth, input: &LegInput| cash.add(leg.unsettled_im)?.add(input.collateral_im)?.sub(leg.edge_im);
        let (old_worth, new_worth) = (worth(was.0, &old, was.1)?, worth(is.0, &new, is.1)?);
        let adverse = |leg: &LegHealth| leg.edge_trigger.min(Quote::ZERO);
        total.equity = swap(swap(total.equity, old_worth, new_worth)?, adverse(&old), adverse(&new))?;
        total.equity_trigger = swap(swap(total.equity_trigger, old_worth, new_worth)?, old.edge_trigger, new.edge_trigger)?;
        total.equity_im = swap(total.equity_im, worth_im(was.0, &old, was.1)?, worth_im(is.0, &new, is.1)?)?;
        total.target = swap(total.target, old.target, new.target)?;
        total.mm = swap(total.mm, old.scan_mm.add(old.add_on_mm)?, new.scan_mm.add(new.add_on_mm)?)?;
        total.gross_notional = swap(total.gross_notional, old.notional.abs()?, new.notional.abs()?)?;
        // Not swapped: what is stored is the larger of this sum and the target.
        total.im = total.legs().iter().try_fold(Quote::ZERO, |sum, leg| sum.add(leg.scan_im)?.add(leg.add_on_im))?.max(total.target);
        Ok(total)
    }

    fn include(&mut self, input: &LegInput, leg: LegHealth) -> RiskResult<()> {
        let Some(slot) = self.legs.get_mut(self.leg_count) else {
            return Err(RiskError::QuantityOutOfRange);
        };
        *slot = leg;
        self.leg_count = self.leg_count.checked_add(1).ok_or(RiskError::Overflow)?;
        let worth = leg.unsettled.add(input.collateral_mm)?;
        self.equity = self.equity.add(worth)?.add(leg.edge_trigger.min(Quote::ZERO))?;
        self.equity_im = self.equity_im.add(leg.unsettled_im)?.add(input.collateral_im)?.sub(leg.edge_im)?;
        self.equity_trigger = self.equity_trigger.add(worth)?.add(leg.edge_trigger)?;
        self.im = self.im.add(leg.scan_im)?.add(leg.add_on_im)?;
        self.target = self.target.add(leg.target)?;
        self.mm = self.mm.add(leg.scan_mm)?.add(leg.add_on_mm)?;
        self.gross_notional = self.gross_notional.add(leg.notional.abs()?)?;
        Ok(())
    }
}

/// Health of an account with `cash` (≥ 0) and one leg per market; the same market must not be given twice.
///
/// Requirements and adverse edges are rounded up, claims and the favourable edge down. The order of legs changes nothing but the order
/// of [`Health::legs`].
///
/// Errors: [`RiskError::QuantityOutOfRange`] for lots, for more than [`MAX_LEGS`] legs and for negative cash,
/// [`RiskError::NotionalOutOfRange`] for values, [`RiskError::Overflow`].
pub fn health<'a, I>(cash: Quote, legs: I) -> RiskResult<Health>
where
    I: IntoIterator<Item = (&'a MarketTerms, &'a LegInput)>,
{
    if cash.is_negative() {
        return Err(RiskError::QuantityOutOfRange);
    }
    let mut total = Health { equity: cash, equity_im: cash, equity_trigger: cash, ..Health::default() };
    for (terms, input) in legs {
        total.include(input, leg::<Bare>(Bounded::new(terms, input)?))?;
    }
    total.im = total.im.max(total.target);
    Ok(total)
}
