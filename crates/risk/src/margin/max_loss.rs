//! The most that the options of one expiry can still lose: no requirement on them need be larger (RULES 4.5).

use super::kernel::{positive, Exact};
use super::series::{OptionKind, UnitValues, UNIT_BITS};

/// Mark value of the legs (`value`, sixteenths of an atom) less the least that they can pay together at expiry, in atoms, rounded up and
/// not negative.
///
/// The payoff is piecewise linear in the settlement price with its corners at the strikes, so that its least is at one of them or at zero.
/// Where k more calls are sold than bought there is no least: then it is that of the legs with k forwards added, and the k forwards sold
/// against them cost `range` of their value, which is what the grid charges for them. Lots are those held; resting orders are the caller's
/// affair.
pub(super) fn max_loss<'a, A: Exact>(
    legs: impl Iterator<Item = (i64, &'a UnitValues)> + Clone,
    value: i64,
    forward: i64,
    range: i64,
) -> i64 {
    let slope = legs.clone().filter(|(_, unit)| unit.kind == OptionKind::Call).fold(0, |sum, (lots, _)| A::add(sum, lots));
    let naked = positive(A::sub(0, slope));
    let least_at = |price: i64| payoff::<A>(legs.clone(), price).wrapping_add(i128::from(naked).wrapping_mul(price.into()));
    let corners = legs.clone().filter(|(_, unit)| unit.strike > 0);
    let least = corners.fold(least_at(0), |least, (_, unit)| least.min(least_at(unit.strike)));
    let forwards = i128::from(A::mul(naked, forward));
    let charge = forwards.wrapping_mul(range.into()).wrapping_add((1 << 30) - 1) >> 30;
    let value = A::add(value, (1 << UNIT_BITS) - 1) >> UNIT_BITS;
    let loss = i128::from(value).wrapping_add(forwards).wrapping_sub(least).max(0).wrapping_add(charge);
    i64::try_from(loss).unwrap_or(i64::MAX)
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
