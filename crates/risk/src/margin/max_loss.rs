//! The most that the options of one expiry can still lose: no requirement on them need be larger (RULES 4.5).

use super::kernel::{positive, Exact};
use super::series::{OptionKind, UnitValues, UNIT_BITS};

/// Mark value of the legs (`value`, sixteenths of an atom) less the least that they can pay together at expiry, in atoms, rounded up and
/// not negative; `i64::MAX` when more calls are sold than bought, for then there is no least.
///
/// The payoff is piecewise linear in the settlement price with its corners at the strikes, so that its least is at one of them, at zero,
/// or nowhere. Lots are those held; resting orders are the caller's affair.
pub(super) fn max_loss<'a, A: Exact>(legs: impl Iterator<Item = (i64, &'a UnitValues)> + Clone, value: i64) -> i64 {
    let slope = legs.clone().filter(|(_, unit)| unit.kind == OptionKind::Call).fold(0, |sum, (lots, _)| A::add(sum, lots));
    if slope < 0 {
        return i64::MAX;
    }
    let at_zero = payoff::<A>(legs.clone(), 0);
    let corners = legs.clone().filter(|(_, unit)| unit.strike > 0);
    let least = corners.fold(at_zero, |least, (_, unit)| least.min(payoff::<A>(legs.clone(), unit.strike)));
    let value = A::add(value, (1 << UNIT_BITS) - 1) >> UNIT_BITS;
    let loss = i128::from(value).saturating_sub(least);
    positive(i64::try_from(loss).unwrap_or(if loss < 0 { 0 } else { i64::MAX }))
}

/// What the legs pay when the moving part of the forward settles at `price`, atoms.
///
/// A leg pays at most 2³⁰ lots × 2³⁰; the sum of sixteen is kept in 128 bits because a far strike of one leg is a price for all.
fn payoff<'a, A: Exact>(legs: impl Iterator<Item = (i64, &'a UnitValues)>, price: i64) -> i128 {
    legs.fold(0, |sum, (lots, unit)| {
        let distance = A::sub(price, unit.strike);
        let pays = match unit.kind {
            OptionKind::Call => positive(distance),
            OptionKind::Put => positive(A::sub(0, distance)),
        };
        sum.wrapping_add(i128::from(A::mul(lots, pays)))
    })
}
