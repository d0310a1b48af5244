//! Selling collateral of a failing account (RULES 1.3).

use crate::error::{RiskError, RiskResult};
use crate::units::{mul_div, Price, Quote, Ratio, Round};

/// What the buyer saves against the oracle price: 1 %.
pub const CONVERSION_DISCOUNT: Ratio = Ratio::of(1, 100);

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
    fn nothing_needed_sells_nothing() {
        assert_eq!(conversion(Quote::ZERO, 5, Price::new(10), 1).unwrap(), Conversion::default());
        assert_eq!(conversion(Quote::new(1), -1, Price::new(10), 1), Err(RiskError::QuantityOutOfRange));
    }
}
