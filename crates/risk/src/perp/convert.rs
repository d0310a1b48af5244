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
/// the discount, rounded up for the seller; no more atoms go than reach `needed`.
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
    let price = mark.scale(Ratio::ONE.sub(CONVERSION_DISCOUNT)?, Round::Ceil)?;
    let wanted = mul_div(needed.raw(), atoms_per_lot, price.raw(), Round::Ceil)?;
    let atoms = wanted.min(available);
    Ok(Conversion { atoms, cost: Quote::new(mul_div(atoms, price.raw(), atoms_per_lot, Round::Ceil)?) })
}
