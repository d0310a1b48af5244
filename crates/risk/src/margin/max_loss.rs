//! The most that the options of one expiry can still lose: no requirement on them need be larger (RULES 4.5).

use super::kernel::{magnitude, positive, scale_ceil, Exact};
use super::series::UNIT_BITS;

/// One leg as its payoff needs it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Holding {
    /// Lots held, ± 2³⁰.
    pub(super) lots: i64,
    /// Strike against the moving part of the forward, ± 2³¹, atoms per lot.
    pub(super) strike: i64,
    pub(super) is_call: bool,
}

/// Lots up to which all payoffs of an expiry together stay within 2⁶¹: no distance is above 2³².
const NARROW_LOTS: i64 = 1 << 29;

/// Mark value of the legs (`value`, sixteenths of an atom) less the least that they can pay together at expiry, in atoms, rounded up and
/// not negative.
///
/// The payoff is piecewise linear in the settlement price with its corners at the strikes, so that its least is at one of them or at zero.
/// Where k more calls are sold than bought there is no least: then it is that of the legs with k forwards added, and the k forwards sold
/// against them cost `range` of their value, which is what the grid charges for them. Lots are those held; resting orders are the caller's
/// affair.
pub(super) fn max_loss<A: Exact>(legs: &[Holding], value: i64, forward: i64, range: i64) -> i64 {
    let lots = legs.iter().fold(0, |sum, leg| A::add(sum, magnitude::<A>(leg.lots)));
    let slope = legs.iter().filter(|leg| leg.is_call).fold(0, |sum, leg| A::add(sum, leg.lots));
    let naked = positive(A::sub(0, slope));
    let forwards = A::mul(naked, forward);
    let value = A::add(value, (1 << UNIT_BITS) - 1) >> UNIT_BITS;
    if lots <= NARROW_LOTS {
        let least = least_of(legs, |price| {
            legs.iter().fold(A::mul(naked, price), |sum, leg| A::add(sum, A::mul(leg.lots, leg.distance::<A>(price))))
        });
        return A::add(positive(A::sub(A::add(value, forwards), least)), scale_ceil::<A>(forwards, range));
    }
    wide::<A>(legs, value, (naked, forwards), range)
}

/// The same where only 128 bits hold the sum, because a far strike of one leg is a price for all sixteen.
#[inline(never)]
fn wide<A: Exact>(legs: &[Holding], value: i64, (naked, forwards): (i64, i64), range: i64) -> i64 {
    let least = least_of(legs, |price| {
        let naked = i128::from(naked).wrapping_mul(price.into());
        // A leg pays at most 2³⁰ lots × 2³².
        legs.iter().fold(naked, |sum, leg| sum.wrapping_add(A::mul(leg.lots, leg.distance::<A>(price)).into()))
    });
    let forwards = i128::from(forwards);
    let charge = forwards.wrapping_mul(range.into()).wrapping_add((1 << 30) - 1) >> 30;
    let loss = i128::from(value).wrapping_add(forwards).wrapping_sub(least).max(0).wrapping_add(charge);
    i64::try_from(loss).unwrap_or(i64::MAX)
}

/// Least of what `paid_at` says of the corners and of zero.
#[inline(always)]
fn least_of<T: Ord>(legs: &[Holding], paid_at: impl Fn(i64) -> T) -> T {
    legs.iter().filter(|leg| leg.strike > 0).fold(paid_at(0), |least, leg| least.min(paid_at(leg.strike)))
}

/// What the legs of an expiry pay at zero and from their highest strike on: the two corners that decide wherever nothing lies in the middle.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Ends {
    /// Lots of either sign.
    lots: i64,
    /// What all pay at zero, and Σ lots × strike of the calls.
    at_zero: i64,
    calls: i64,
    /// Highest strike, at least zero.
    highest: i64,
}

impl Ends {
    /// Adds a leg.
    #[inline(always)]
    pub(super) fn add<A: Exact>(&mut self, held: &Holding) {
        let Holding { lots, strike, is_call } = *held;
        // At most 2³⁰ lots × 2³¹, sixteen times: past 64 bits, but then `lots` says so and nothing else is read.
        let value = lots.wrapping_mul(strike);
        self.lots = A::add(self.lots, magnitude::<A>(lots));
        self.highest = self.highest.max(strike);
        if is_call {
            self.calls = self.calls.wrapping_add(value);
            self.at_zero = self.at_zero.wrapping_sub(if strike < 0 { value } else { 0 });
        } else {
            self.at_zero = self.at_zero.wrapping_add(if strike > 0 { value } else { 0 });
        }
    }

    /// A lower bound of [`max_loss`], from the two ends, where `slope` is the lots of all calls; none where only 128 bits hold the sums.
    #[inline(always)]
    pub(super) fn loss<A: Exact>(&self, slope: i64, value: i64, forward: i64, range: i64) -> Option<i64> {
        let Self { lots, at_zero, calls, highest } = *self;
        if lots > NARROW_LOTS {
            return None;
        }
        let naked = positive(A::sub(0, slope));
        let forwards = A::mul(naked, forward);
        let value = A::add(value, (1 << UNIT_BITS) - 1) >> UNIT_BITS;
        let least = at_zero.min(A::sub(A::mul(positive(slope), highest), calls));
        Some(A::add(positive(A::sub(A::add(value, forwards), least)), scale_ceil::<A>(forwards, range)))
    }
}

impl Holding {
    /// What a lot pays when the moving part of the forward settles at `price`, atoms.
    #[inline(always)]
    fn distance<A: Exact>(&self, price: i64) -> i64 {
        positive(if self.is_call { A::sub(price, self.strike) } else { A::sub(self.strike, price) })
    }
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects)]
mod tests {
    use super::super::kernel::Bare;
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// The ends never say more than all corners, and as much wherever no strike lies between the lowest and the highest.
        #[test]
        fn ends_are_two_of_the_corners(
            legs in prop::collection::vec((-(1_i64 << 25)..=1 << 25, -(1_i64 << 31)..=1 << 31, any::<bool>()), 1..=16),
            (value, forward, range) in (-(1_i64 << 56)..=1 << 56, 0..=1_i64 << 30, 150_000_000..=644_245_094_i64),
        ) {
            let legs: Vec<_> = legs.into_iter().map(|(lots, strike, is_call)| Holding { lots, strike, is_call }).collect();
            let of_ends = |legs: &[Holding]| {
                let mut ends = Ends::default();
                legs.iter().for_each(|leg| ends.add::<Bare>(leg));
                let slope = legs.iter().filter(|leg| leg.is_call).map(|leg| leg.lots).sum();
                ends.loss::<Bare>(slope, value, forward, range).unwrap()
            };
            prop_assert!(of_ends(&legs) <= max_loss::<Bare>(&legs, value, forward, range));
            let single = legs.get(..1).unwrap();
            prop_assert_eq!(of_ends(single), max_loss::<Bare>(single, value, forward, range));
            let spread: Vec<_> = legs.iter().take(2).map(|leg| Holding { is_call: true, strike: leg.strike.abs().max(1), ..*leg }).collect();
            if let [low, high] = &*spread {
                let high = Holding { lots: -low.lots, strike: high.strike.max(low.strike), ..*high };
                prop_assert_eq!(of_ends(&[*low, high]), max_loss::<Bare>(&[*low, high], value, forward, range));
            }
        }

        /// The narrow sum and the wide one are the same amount up to the last lot that the narrow one takes.
        #[test]
        fn narrow_and_wide_sums_agree(
            legs in prop::collection::vec((-(1_i64 << 25)..=1 << 25, -(1_i64 << 31)..=1 << 31, any::<bool>()), 1..=16),
            (value, forward, range) in (-(1_i64 << 56)..=1 << 56, 0..=1_i64 << 30, 150_000_000..=644_245_094_i64),
        ) {
            let legs: Vec<_> = legs.into_iter().map(|(lots, strike, is_call)| Holding { lots, strike, is_call }).collect();
            let naked = positive(-legs.iter().filter(|leg| leg.is_call).map(|leg| leg.lots).sum::<i64>());
            let whole = (value + 15) >> UNIT_BITS;
            prop_assert_eq!(max_loss::<Bare>(&legs, value, forward, range), wide::<Bare>(&legs, whole, (naked, naked * forward), range));
        }
    }
}
