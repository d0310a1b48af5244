//! Slice sizes where markets are bound together (RULES 4.3) or size is charged (4.4): T − E is no longer one straight line in the lots.
//!
//! MM is convex in the lots taken off one leg: each market's scan, the joint loss and the size add-on are, and 4.3 adds them up with
//! weights that are not negative. It is lowest at a kink: where the market's net delta, the size add-on or the balance of the group's signed
//! scans ends. Beyond it nothing may go; up to it the root of T − E is found between brackets.

use super::params::LiquidationParams;
use super::penalty::LegView;
use crate::error::RiskResult;
use crate::margin::LegHealth;
use crate::units::{mul_div, Lots, Quote, Ratio, Round};

/// Steps after which the search takes what it has; between brackets of 2³⁰ lots halving alone needs 30, and every third step halves.
const MAX_STEPS: u32 = 96;

/// The least of `quota` lots that cure the account, or `useful` where all of them do not; zero where they would raise MM.
///
/// Errors: those of [`crate::margin::portfolio`].
#[inline(never)]
pub(super) fn needed(view: &LegView, quota: Lots, useful: Lots, params: &LiquidationParams) -> RiskResult<Lots> {
    if !quota.is_positive() || view.relief(quota)?.is_negative() {
        return Ok(Lots::ZERO);
    }
    let (mut short, mut enough) = (Lots::ZERO, quota);
    let (mut short_by, mut enough_by) = (view.health.shortfall()?, shortfall_after(view, quota, params)?);
    if enough_by.is_positive() {
        return Ok(useful);
    }
    for step in 1..=MAX_STEPS {
        let span = enough.sub(short)?;
        if span <= Lots::new(1) {
            break;
        }
        // The chord of a convex line meets zero at or behind its root, so that halving is needed only against slow approach.
        let ahead =
            if step % 3 == 0 { span.raw() / 2 } else { mul_div(span.raw(), short_by.raw(), short_by.sub(enough_by)?.raw(), Round::Ceil)? };
        let middle = short.add(Lots::new(ahead.clamp(1, span.sub(Lots::new(1))?.raw())))?;
        let by = shortfall_after(view, middle, params)?;
        if by.is_positive() {
            (short, short_by) = (middle, by);
        } else {
            (enough, enough_by) = (middle, by);
        }
    }
    Ok(enough)
}

/// T − E after `lots` were taken over with their penalty. Errors: those of [`crate::margin::portfolio`].
pub(super) fn shortfall_after(view: &LegView, lots: Lots, params: &LiquidationParams) -> RiskResult<Quote> {
    let (_, target) = view.measures_after(lots)?;
    target.sub(view.health.equity)?.add(view.penalty(lots, params)?.total)
}

/// The lots that may go: those at which MM is lowest among the kinks up to `useful`, which are the end of the size add-on and the balance of
/// the leg's group. Errors: those of [`crate::margin::portfolio`].
pub(super) fn limit(view: &LegView, useful: Lots) -> RiskResult<Lots> {
    let mut best = useful;
    for kink in [size_kink(view)?, balance(view)?] {
        let kink = kink.min(useful);
        if kink.is_positive() && kink < best && view.relief(kink)? > view.relief(best)? {
            best = kink;
        }
    }
    Ok(best)
}

/// Lots beyond the size allowance.
fn size_kink(view: &LegView) -> RiskResult<Lots> {
    if !view.terms.has_size_add_on(view.leg.lots)? {
        return Ok(Lots::ZERO);
    }
    let free = crate::units::div(view.terms.size_allowance().raw(), view.terms.mark().raw(), Round::Floor)?;
    view.leg.lots.abs()?.sub(Lots::new(free))
}

/// Lots at which the signed scans of the leg's group balance, zero when the leg does not lead it.
fn balance(view: &LegView) -> RiskResult<Lots> {
    let Some((cross, place)) = view.cross else { return Ok(Lots::ZERO) };
    let Some(group) = cross.group_of(place) else { return Ok(Lots::ZERO) };
    let members = view.health.legs().iter().enumerate().filter(|(member, _)| group.has(*member));
    let total = members.fold(0_i128, |sum, (_, leg)| sum.saturating_add(signed(leg)));
    let own = view.health.legs().get(place).map_or(0, signed);
    let is_leading = total != 0 && (total > 0) == (own > 0) && total.unsigned_abs() < own.unsigned_abs();
    let per_lot = view.terms.mm_share().raw().wrapping_mul(view.terms.mark().raw());
    match i64::try_from(total.unsigned_abs()) {
        Ok(surplus) if is_leading && per_lot > 0 => mul_div(surplus, Ratio::ONE.raw(), per_lot, Round::Floor).map(Lots::new),
        _ => Ok(Lots::ZERO),
    }
}

/// A leg's maintenance scan with the sign of its net delta.
fn signed(leg: &LegHealth) -> i128 {
    let scan = i128::from(leg.scan_mm.raw());
    if leg.delta.is_negative() {
        scan.saturating_neg()
    } else {
        scan
    }
}
