//! Selling collateral of a failing account (RULES 1.3).

use crate::error::{RiskError, RiskResult};
use crate::units::{mul_div, Price, Quote, Ratio, Round, Secs};
use bytemuck::{Pod, Zeroable};

/// What the buyer saves against the oracle price: 1 %.
pub const CONVERSION_DISCOUNT: Ratio = Ratio::of(1, 100);

/// Unsettled losses beyond this share of the collateral's weighted value let anyone convert it, after an hour.
const LOSS_SHARE: Ratio = Ratio::of(25, 100);
/// For so long they must have been that large.
const LOSS_TIME: Secs = Secs::new(3_600);
/// Two sightings further apart than this prove nothing of the time between them†.
const LOSS_SIGHT: Secs = Secs::new(900);

/// For how long an account's unsettled losses have been large beside its collateral, as far as anybody has looked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct LossClock {
    /// When they were first seen so; 0 = they are not.
    pub since: Secs,
    /// When they were last seen so.
    pub seen: Secs,
}

impl LossClock {
    /// Looks at `losses` (≥ 0) beside the `weighted` value of the collateral at `now`; whether they have been large for an hour.
    ///
    /// The clock runs only while somebody looks at least every 15 minutes, and starts anew when they were not large for once.
    /// Errors: [`RiskError::Overflow`].
    ///
    /// ```
    /// # use plimsoll_risk::perp::LossClock;
    /// # use plimsoll_risk::{Quote, Secs};
    /// // $260 of losses beside $1,000 of collateral, seen every 15 minutes for an hour.
    /// let mut clock = LossClock::default();
    /// let ripe: Vec<bool> = (0..5).map(|quarter| clock.observe(Quote::new(260), Quote::new(1_000), Secs::new(10_000 + 900 * quarter)).unwrap()).collect();
    /// assert_eq!(ripe, [false, false, false, false, true]);
    /// ```
    pub fn observe(&mut self, losses: Quote, weighted: Quote, now: Secs) -> RiskResult<bool> {
        if losses <= weighted.scale(LOSS_SHARE, Round::Ceil)? {
            *self = Self::default();
            return Ok(false);
        }
        if self.since.raw() == 0 || now > self.seen.add(LOSS_SIGHT)? {
            self.since = now;
        }
        self.seen = now;
        Ok(now >= self.since.add(LOSS_TIME)?)
    }
}

/// What a sale of all of it would bring beyond its weighted `value`: strangers pay for a bankrupt only what that leaves (RULES 7.1). Never negative.
///
/// Errors: [`RiskError::Overflow`].
pub fn sale_surplus(value: Quote, weighted: Quote) -> RiskResult<Quote> {
    value.scale(Ratio::ONE.sub(CONVERSION_DISCOUNT)?, Round::Floor)?.sub(weighted).map(Quote::positive_part)
}

/// A sale of collateral.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Conversion {
    /// Token atoms sold.
    pub atoms: i64,
    /// What the buyer pays.
    pub cost: Quote,
}

/// Sells at most `available` atoms of a token, `atoms_per_lot` of which are a base lot worth `mark`, for as much as `needed` asks: the price is the mark less
/// the discount of a lot, in whole atoms; no more atoms go than reach `needed`.
///
/// Nothing is sold when nothing is needed. Errors: [`RiskError::QuantityOutOfRange`] for a negative stock or an empty lot, [`RiskError::Overflow`].
///
/// ```
/// # use plimsoll_risk::perp::conversion;
/// # use plimsoll_risk::{Price, Quote};
/// // SOL at $200 in lots of 0.01: $99 are needed, and half a SOL at $198 pays them.
/// let sale = conversion(Quote::new(99_000_000), 5_000_000_000, Price::new(2_000_000), 10_000_000)?;
/// assert_eq!((sale.atoms, sale.cost), (500_000_000, Quote::new(99_000_000)));
/// # Ok::<(), plimsoll_risk::RiskError>(())
/// ```
pub fn conversion(needed: Quote, available: i64, mark: Price, atoms_per_lot: i64) -> RiskResult<Conversion> {
    if available < 0 || atoms_per_lot <= 0 {
        return Err(RiskError::QuantityOutOfRange);
    }
    if !needed.is_positive() {
        return Ok(Conversion::default());
    }
    let price = mark.sub(mark.scale(CONVERSION_DISCOUNT, Round::Ceil)?)?;
    let wanted = mul_div(needed.raw(), atoms_per_lot, price.raw(), Round::Ceil)?;
    let atoms = wanted.min(available);
    Ok(Conversion { atoms, cost: Quote::new(mul_div(atoms, price.raw(), atoms_per_lot, Round::Ceil)?) })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::arithmetic_side_effects)]
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// RULES 1.3: never more than needed by more than an atom's worth of token, never more than there is, never cheaper than 1 % under the mark.
        #[test]
        fn a_sale_pays_what_is_needed_at_one_percent_off(
            needed in 1..1_i64 << 50, available in 0..1_i64 << 50, mark in 1_000..1_i64 << 30, atoms_per_lot in 1..1_000_000_000_i64,
        ) {
            let Ok(sale) = conversion(Quote::new(needed), available, Price::new(mark), atoms_per_lot) else { return Ok(()) };
            prop_assert!((0..=available).contains(&sale.atoms));
            let value = i128::from(sale.atoms) * i128::from(mark);
            let paid = i128::from(sale.cost.raw()) * i128::from(atoms_per_lot);
            prop_assert!(paid <= value + i128::from(atoms_per_lot));
            // The discount is cut up to a whole atom a lot.
            prop_assert!(paid * 100 >= value * 99 - i128::from(sale.atoms) * 100);
            // One atom less would not have been enough.
            let price = i128::from(mark - (mark + 99) / 100);
            prop_assert!((i128::from(sale.atoms) - 1) * price < i128::from(needed) * i128::from(atoms_per_lot));
        }
    }

    #[test]
    fn the_clock_of_losses_starts_anew_when_they_were_small_or_nobody_looked() {
        let look = |clock: &mut LossClock, losses, now| clock.observe(Quote::new(losses), Quote::new(1_000), Secs::new(now)).unwrap();
        let mut clock = LossClock::default();
        assert!(!look(&mut clock, 250, 10_000) && clock == LossClock::default(), "25 % is not more than 25 %");
        for now in (10_000..13_600).step_by(600) {
            assert!(!look(&mut clock, 251, now));
        }
        assert!(look(&mut clock.clone(), 251, 13_600));
        let mut small = clock;
        look(&mut small, 250, 13_500);
        assert!(!look(&mut small, 251, 13_600), "they were small for once");
        let mut unseen = clock;
        assert!(!look(&mut unseen, 251, 13_901), "nobody looked for 901 seconds");
    }

    #[test]
    fn nothing_needed_sells_nothing() {
        assert_eq!(conversion(Quote::ZERO, 5, Price::new(10), 1).unwrap(), Conversion::default());
        assert_eq!(conversion(Quote::new(1), -1, Price::new(10), 1), Err(RiskError::QuantityOutOfRange));
    }
}
