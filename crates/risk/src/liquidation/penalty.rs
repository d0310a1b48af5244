//! The price of a liquidation: penalty, its cap, its split, and the take-over.

use super::params::LiquidationParams;
use crate::error::{RiskError, RiskResult};
use crate::margin::{CrossTerms, Health, LegInput, MarketTerms};
use crate::units::{Lots, Price, Quote, Ratio, Round, Secs, MAX_PRICE};

/// One leg of a failing account: the account's health, the leg, its market, and the penalty rate of the moment ([`penalty_rate`]).
#[derive(Clone, Copy, Debug)]
pub struct LegView<'a> {
    /// Health of the account at the present prices, resting orders cancelled.
    pub health: &'a Health,
    /// The leg's market.
    pub terms: &'a MarketTerms,
    /// The leg.
    pub leg: &'a LegInput,
    /// Nominal penalty rate, 0 ..= 5 %.
    pub rate: Ratio,
    /// What binds the account's markets together and the leg's place among them; `None` where the markets add up.
    pub cross: Option<(&'a CrossTerms<'a>, usize)>,
}

/// A penalty and who gets it; the parts add up to the total, exactly.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Penalty {
    /// What the account pays.
    pub total: Quote,
    /// To the keeper, as a claim on the market.
    pub keeper: Quote,
    /// To the market's insurance tranche.
    pub insurance: Quote,
    /// To the protocol.
    pub protocol: Quote,
}

/// A take-over as balance changes. The quote changes add up to zero, and so do the lots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Takeover {
    /// The mark: the price of the exact trade between the two accounts, before the penalty is moved.
    pub price: Price,
    /// Change of the liquidatee's position; the liquidator's is the opposite.
    pub liquidatee_lots: Lots,
    /// Change of the liquidatee's quote balance: the trade at the mark less the penalty.
    pub liquidatee_quote: Quote,
    /// Change of the liquidator's quote balance: the trade at the mark plus the keeper's part.
    pub liquidator_quote: Quote,
    /// To the tranche's quote balance: the insurance part.
    pub tranche_quote: Quote,
    /// To the protocol, or to the tranche's quote balance where the protocol keeps its claims.
    pub protocol_quote: Quote,
    /// The penalty that is contained in the changes.
    pub penalty: Penalty,
}

/// Penalty rate after `elapsed` on the liquidation's clock: start + (end − start) × min(1, elapsed / ramp), rounded down (RULES 6.2).
///
/// Errors: [`RiskError::DivisionByZero`] without a ramp, [`RiskError::Overflow`].
pub fn penalty_rate(elapsed: Secs, params: &LiquidationParams) -> RiskResult<Ratio> {
    let within = elapsed.positive_part().min(params.penalty_ramp);
    let span = params.penalty_end.sub(params.penalty_start)?;
    let grown = crate::units::mul_div(span.raw(), within.raw(), params.penalty_ramp.raw(), Round::Floor)?;
    params.penalty_start.add(Ratio::new(grown))
}

impl LegView<'_> {
    /// min(rate, MM share × min(1, E/MM)): the highest rate at which a fill of up to `lots` (> 0) does not lower E/MM (RULES 5.2).
    ///
    /// By it a penalty never makes E negative, and an account pays the same rate on its last slice as on its first. Where markets are bound
    /// together the MM share is what closing all of these lots takes off MM. Errors: [`RiskError::Overflow`] and those of
    /// [`crate::margin::portfolio`].
    pub fn capped_rate(&self, lots: Lots, round: Round) -> RiskResult<Ratio> {
        let Health { equity, mm, .. } = *self.health;
        let share = self.mm_share(lots, round)?;
        if !mm.is_positive() || equity >= mm {
            return Ok(self.rate.min(share));
        }
        let share = Quote::new(share.raw()).mul_div(equity.positive_part().raw(), mm.raw(), round)?;
        Ok(self.rate.min(Ratio::new(share.raw())))
    }

    /// What closing a lot's worth takes off MM, per atom, 0 ..= 1.
    fn mm_share(&self, lots: Lots, round: Round) -> RiskResult<Ratio> {
        let lots = lots.min(self.leg.lots.abs()?);
        if self.cross.is_none() || !lots.is_positive() {
            return Ok(self.terms.mm_share());
        }
        self.relief(lots)?.positive_part().ratio_to(lots.at(self.terms.mark())?, round)
    }

    /// MM and T once `lots` (1 ..= |position|) were taken off the leg at the mark. Errors: those of [`crate::margin::portfolio`].
    pub(super) fn measures_after(&self, lots: Lots) -> RiskResult<(Quote, Quote)> {
        let reduced = self.reduced(lots)?;
        match self.cross {
            Some((cross, place)) => {
                let nothing = Quote::ZERO;
                let after = self.health.with_leg_in(cross, place, self.terms, (nothing, self.leg), (nothing, &reduced))?;
                Ok((after.mm, after.target))
            }
            None => {
                let ((old_mm, old_target), (new_mm, new_target)) = (self.terms.measures(self.leg)?, self.terms.measures(&reduced)?);
                Ok((self.health.mm.sub(old_mm)?.add(new_mm)?, self.health.target.sub(old_target)?.add(new_target)?))
            }
        }
    }

    /// What closing `lots` takes off MM; negative when they were a hedge. Errors: those of [`crate::margin::portfolio`].
    pub(super) fn relief(&self, lots: Lots) -> RiskResult<Quote> {
        self.health.mm.sub(self.measures_after(lots)?.0)
    }

    /// The leg after `lots` (1 ..= |position|) were taken off it. Errors: [`RiskError::QuantityOutOfRange`].
    pub(super) fn reduced(&self, lots: Lots) -> RiskResult<LegInput> {
        if !lots.is_positive() || lots > self.leg.lots.abs()? {
            return Err(RiskError::QuantityOutOfRange);
        }
        Ok(LegInput { lots: self.leg.lots.add(self.change(lots)?)?, ..*self.leg })
    }

    /// `lots` with the sign that takes them off the position. Errors: [`RiskError::Overflow`].
    fn change(&self, lots: Lots) -> RiskResult<Lots> {
        if self.leg.lots.is_positive() {
            lots.neg()
        } else {
            Ok(lots)
        }
    }

    /// Penalty of taking `lots` off the leg: min(rate × value, min(E, MM) × ΔMM / MM), both rounded down, split by rank.
    pub(super) fn penalty(&self, lots: Lots, params: &LiquidationParams) -> RiskResult<Penalty> {
        let value = lots.at(self.terms.mark())?;
        let nominal = value.scale(self.rate, Round::Floor)?;
        let relief = self.relief(lots)?.positive_part();
        let backing = self.health.equity.min(self.health.mm).positive_part();
        let cap = if relief.is_zero() { Quote::ZERO } else { backing.mul_div(relief.raw(), self.health.mm.raw(), Round::Floor)? };
        split(nominal, nominal.min(cap), params)
    }
}

/// Keeper first, then insurance, then protocol: each up to its share of the nominal penalty while the total lasts (RULES 6.3).
fn split(nominal: Quote, total: Quote, params: &LiquidationParams) -> RiskResult<Penalty> {
    let keeper = nominal.scale(params.keeper_share, Round::Floor)?.min(total);
    let after_keeper = total.sub(keeper)?;
    let insurance = nominal.scale(params.insurance_share, Round::Ceil)?.min(after_keeper);
    Ok(Penalty { total, keeper, insurance, protocol: after_keeper.sub(insurance)? })
}

/// Worst price at which the account's leg may be closed now: mark × (1 ∓ rate), rounded in the account's favour (RULES 6.2).
///
/// `lots` is the signed change of the position: negative sells, not below the price; positive buys, not above it. `rate` is
/// [`LegView::capped_rate`] rounded down. Errors: [`RiskError::ParameterOutOfRange`] for a rate outside 0 ..= 1, [`RiskError::Overflow`].
pub fn takeover_price(mark: Price, lots: Lots, rate: Ratio) -> RiskResult<Price> {
    if rate.is_negative() || rate > Ratio::ONE {
        return Err(RiskError::ParameterOutOfRange);
    }
    let discount = mark.scale(rate, Round::Floor)?;
    let price = if lots.is_negative() { mark.sub(discount)? } else { mark.add(discount)? };
    Ok(price.max(Price::new(1)).min(Price::new(MAX_PRICE)))
}

/// The caller takes `lots` (1 ..= what [`super::LiquidationState::offer`] allows) of the leg over at the mark less the penalty.
///
/// Errors: [`RiskError::WrongState`] when the account has no equity (its resolution comes next), [`RiskError::QuantityOutOfRange`],
/// [`RiskError::NotionalOutOfRange`], [`RiskError::Overflow`].
pub fn takeover(view: &LegView, lots: Lots, params: &LiquidationParams) -> RiskResult<Takeover> {
    if !view.health.equity.is_positive() {
        return Err(RiskError::WrongState);
    }
    let penalty = view.penalty(lots, params)?;
    let price = view.terms.mark();
    let liquidatee_lots = view.change(lots)?;
    let paid_by_liquidator = liquidatee_lots.at(price)?;
    Ok(Takeover {
        price,
        liquidatee_lots,
        liquidatee_quote: paid_by_liquidator.neg()?.sub(penalty.total)?,
        liquidator_quote: paid_by_liquidator.add(penalty.keeper)?,
        tranche_quote: penalty.insurance,
        protocol_quote: penalty.protocol,
        penalty,
    })
}

/// The penalty on a leg of which `lots` (> 0) were closed on the book for `fill_value` (> 0, Σ lots × price): what the take-over of the
/// same lots would have cost, less what the fills already cost against the mark. Never negative, never more than the take-over's.
///
/// `view` is the account before the fills. Errors: as [`takeover`].
pub fn book_penalty(view: &LegView, lots: Lots, fill_value: Quote, params: &LiquidationParams) -> RiskResult<Penalty> {
    if !view.health.equity.is_positive() {
        return Err(RiskError::WrongState);
    }
    let full = view.penalty(lots, params)?;
    let mark_value = lots.at(view.terms.mark())?;
    let slippage = if view.leg.lots.is_positive() { mark_value.sub(fill_value)? } else { fill_value.sub(mark_value)? };
    let total = full.total.sub(slippage.positive_part())?.positive_part();
    split(mark_value.scale(view.rate, Round::Floor)?, total, params)
}
