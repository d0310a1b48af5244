//! Post-conditions of a liquidation step, checked on healths computed afresh (RULES 6.3).

use super::slice::ROUNDING;
use crate::error::RiskResult;
use crate::margin::{Depeg, Health, MarketTerms};
use crate::units::{Lots, Quote, Round, RATIO_BITS};

/// Which post-condition a step broke.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Violation {
    /// The position grew, stayed, or changed its sign.
    NotReducing,
    /// T − E did not fall.
    ShortfallNotDown,
    /// The loss in the worst scenario rose.
    ScanUp,
    /// More went than needed to reach the exit target, by more than one lot.
    Overshoot,
    /// The penalty took more than the equity.
    EquityNegative,
    /// E/MM fell.
    RatioFalls,
    /// The liquidator is below its own exit target.
    LiquidatorBelowTarget,
}

/// Whether a step on one leg, from `lots_before` to `lots_after`, leaves the liquidatee as RULES 5.2 and 6.3 demand.
///
/// Both healths are at the same prices and with the same legs in the same order; `terms` is the leg's market, `depeg` the charge that both
/// contain. The ratio test allows the one atom by which scans round. The outer error is [`crate::RiskError::Overflow`].
pub fn check_liquidatee(
    before: &Health,
    after: &Health,
    lots_before: Lots,
    lots_after: Lots,
    terms: &MarketTerms,
    depeg: &Depeg,
) -> RiskResult<Result<(), Violation>> {
    let taken = lots_before.sub(lots_after)?;
    let is_reducing = if lots_before.is_negative() {
        lots_after > lots_before && !lots_after.is_positive()
    } else {
        lots_after < lots_before && !lots_after.is_negative()
    };
    let violation = if !is_reducing {
        Violation::NotReducing
    } else if after.equity.is_negative() {
        Violation::EquityNegative
    } else if after.mm > before.mm {
        Violation::ScanUp
    } else if after.shortfall()? >= before.shortfall()? {
        Violation::ShortfallNotDown
    } else if after.shortfall()?.neg()? > overshoot_allowed(taken, terms, depeg)? {
        Violation::Overshoot
    } else if !keeps_ratio(before, after)? {
        Violation::RatioFalls
    } else {
        return Ok(Ok(()));
    };
    Ok(Err(violation))
}

/// The surplus over T that one lot too many can make: its own relief, and what rounding of the rate adds over all lots taken.
fn overshoot_allowed(taken: Lots, terms: &MarketTerms, depeg: &Depeg) -> RiskResult<Quote> {
    let required = terms.mm_share().add(terms.size_share())?;
    let share = required.add(required.mul(depeg.mm, Round::Ceil)?)?.add(terms.target_share())?;
    let one = Quote::new(terms.mark().raw()).scale(share, Round::Ceil)?;
    let value = taken.abs()?.at(terms.mark())?;
    one.add(ROUNDING)?.add(ROUNDING)?.add(Quote::new(value.raw() >> RATIO_BITS))
}

fn keeps_ratio(before: &Health, after: &Health) -> RiskResult<bool> {
    let lenient = Health { equity: after.equity.add(Quote::new(1))?, ..*after };
    Ok(crate::margin::ratio_not_lower(before, &lenient))
}

/// Whether the liquidator, after the take-over, is at or above its exit target: the glided measure and not spot IM, so that liquidators
/// do not vanish in a crash (RULES 6.3).
pub fn check_liquidator(after: &Health) -> Result<(), Violation> {
    if after.equity >= after.target {
        Ok(())
    } else {
        Err(Violation::LiquidatorBelowTarget)
    }
}
