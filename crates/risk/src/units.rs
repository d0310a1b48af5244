//! Units are types: a bare integer never crosses a module boundary.
//!
//! | type | unit | range |
//! | --- | --- | --- |
//! | [`Quote`] | atoms of the quote token, 1e-6 USDC; positive = belongs to the account | ±2⁶⁰ |
//! | [`Atoms`] | atoms of the token of one vault, quote or collateral | 0 ..= 2⁵⁶ |
//! | [`Lots`] | base lots of one market; positive = long | ±2³⁰ |
//! | [`Price`] | quote atoms per base lot | 1 ..= 2³⁰ |
//! | [`Premium`] | quote atoms per base lot of an option, Q32 fixed point (one atom = 2³²) | ±2³¹ |
//! | [`Ratio`] | dimensionless, Q30 fixed point (1.0 = 2³⁰) | ±64 |
//! | [`Secs`] | seconds of the chain's clock | any |
//!
//! Storage holds the raw integers; `raw()` and the constructors are the only way across.

use crate::error::{RiskError, RiskResult};
use bytemuck::{Pod, Zeroable};

/// Which way a division that does not come out even is rounded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Round {
    /// Toward minus infinity.
    Floor,
    /// Toward plus infinity.
    Ceil,
}

macro_rules! unit {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Pod, Zeroable)]
        #[repr(transparent)]
        pub struct $name(i64);

        impl $name {
            /// Nothing.
            pub const ZERO: Self = Self(0);
            /// Wraps a raw integer of this unit.
            pub const fn new(raw: i64) -> Self {
                Self(raw)
            }
            /// The raw integer, for storage and events.
            pub const fn raw(self) -> i64 {
                self.0
            }
            /// Sum; [`RiskError::Overflow`] past 64 bits.
            pub const fn add(self, other: Self) -> RiskResult<Self> {
                match self.0.checked_add(other.0) {
                    Some(sum) => Ok(Self(sum)),
                    None => Err(RiskError::Overflow),
                }
            }
            /// Difference; [`RiskError::Overflow`] past 64 bits.
            pub const fn sub(self, other: Self) -> RiskResult<Self> {
                match self.0.checked_sub(other.0) {
                    Some(difference) => Ok(Self(difference)),
                    None => Err(RiskError::Overflow),
                }
            }
            /// The opposite sign; [`RiskError::Overflow`] at the minimum.
            pub const fn neg(self) -> RiskResult<Self> {
                match self.0.checked_neg() {
                    Some(negated) => Ok(Self(negated)),
                    None => Err(RiskError::Overflow),
                }
            }
            /// Magnitude; [`RiskError::Overflow`] at the minimum.
            pub const fn abs(self) -> RiskResult<Self> {
                match self.0.checked_abs() {
                    Some(magnitude) => Ok(Self(magnitude)),
                    None => Err(RiskError::Overflow),
                }
            }
            /// This if positive, else zero.
            pub const fn positive_part(self) -> Self {
                if self.0 > 0 { self } else { Self(0) }
            }
            /// The smaller of the two.
            pub const fn min(self, other: Self) -> Self {
                if self.0 < other.0 { self } else { other }
            }
            /// The larger of the two.
            pub const fn max(self, other: Self) -> Self {
                if self.0 > other.0 { self } else { other }
            }
            /// Whether this is below zero.
            pub const fn is_negative(self) -> bool {
                self.0 < 0
            }
            /// Whether this is above zero.
            pub const fn is_positive(self) -> bool {
                self.0 > 0
            }
            /// Whether this is zero.
            pub const fn is_zero(self) -> bool {
                self.0 == 0
            }
        }
    };
}

unit! {
    /// Quote atoms (1e-6 USDC). Positive belongs to the account, negative is owed by it.
    Quote
}
unit! {
    /// Atoms of a vault's token, which is the quote token or a collateral.
    Atoms
}
unit! {
    /// Base lots of one market. Positive is long, negative is short.
    Lots
}
unit! {
    /// Quote atoms per base lot.
    Price
}
unit! {
    /// Value of one lot of an option in quote atoms, Q32: one atom = 2³². Fine enough for 1e-9 of a forward of one atom.
    Premium
}
unit! {
    /// A dimensionless Q30 number: 1.0 = 2³⁰. Rates, weights, shocks and volatilities.
    Ratio
}
unit! {
    /// Seconds of the chain's clock, or a span of them.
    Secs
}

/// Largest price of a lot: six times it (the +500 % shock) still fits 63 bits when multiplied by a Q29 number.
pub const MAX_PRICE: i64 = 1 << 30;
/// Largest position of one account in one market.
pub const MAX_LOTS: i64 = 1 << 30;
/// Largest notional of one leg at the mark: sixteen legs at six times the price still fit 63 bits.
pub const MAX_NOTIONAL: i64 = 1 << 56;
/// Fraction bits of [`Ratio`].
pub const RATIO_BITS: u32 = 30;

const _: () = assert!(MAX_PRICE.checked_mul(6 << 29).is_some());
const _: () = assert!(MAX_NOTIONAL.checked_mul(16 * 6).is_some());

impl Ratio {
    /// 1.0
    pub const ONE: Self = Self(1 << RATIO_BITS);

    /// `numerator / denominator` rounded toward zero, for constants: `Ratio::of(3, 100)` is 3 %.
    #[allow(clippy::arithmetic_side_effects, reason = "a literal out of range fails where the constant is evaluated")]
    pub const fn of(numerator: i64, denominator: i64) -> Self {
        Self((numerator << RATIO_BITS) / denominator)
    }

    /// Product of two ratios. Errors: [`RiskError::Overflow`].
    pub fn mul(self, other: Self, round: Round) -> RiskResult<Self> {
        mul_div(self.0, other.0, 1 << RATIO_BITS, round).map(Self)
    }
}

impl Price {
    /// A price inside 1 ..= [`MAX_PRICE`]. Errors: [`RiskError::PriceOutOfRange`].
    pub const fn checked(raw: i64) -> RiskResult<Self> {
        if raw >= 1 && raw <= MAX_PRICE {
            Ok(Self(raw))
        } else {
            Err(RiskError::PriceOutOfRange)
        }
    }

    /// This price times `ratio`. Errors: [`RiskError::Overflow`].
    pub fn scale(self, ratio: Ratio, round: Round) -> RiskResult<Self> {
        mul_div(self.0, ratio.0, 1 << RATIO_BITS, round).map(Self)
    }
}

impl Premium {
    /// Fraction bits.
    pub const BITS: u32 = 32;

    /// Whole atoms per lot; exact. Errors: [`RiskError::Overflow`] past ±2³¹ atoms.
    pub fn from_price(price: Price) -> RiskResult<Self> {
        price.0.checked_mul(1 << Self::BITS).map(Self).ok_or(RiskError::Overflow)
    }

    /// Whole atoms of one lot, rounded as told.
    pub fn to_quote(self, round: Round) -> RiskResult<Quote> {
        self.of(Lots(1), round)
    }

    /// Value of so many lots, rounded once as told. Errors: [`RiskError::Overflow`].
    pub fn of(self, lots: Lots, round: Round) -> RiskResult<Quote> {
        // Whole atoms and the fraction, a number in 0 .. 2³², apart: neither product needs more than 64 bits.
        let whole = lots.0.checked_mul(self.0 >> Self::BITS).ok_or(RiskError::Overflow)?;
        let fraction = lots.0.checked_mul(self.0 & ((1 << Self::BITS) - 1)).ok_or(RiskError::Overflow)?;
        let fraction = div(fraction, 1 << Self::BITS, round)?;
        whole.checked_add(fraction).map(Quote).ok_or(RiskError::Overflow)
    }
}

impl Lots {
    /// Value of these lots at `price`; exact. Errors: [`RiskError::Overflow`].
    pub const fn at(self, price: Price) -> RiskResult<Quote> {
        match product(self.0, price.0) {
            Some(value) => Ok(Quote(value)),
            None => Err(RiskError::Overflow),
        }
    }
}

impl Quote {
    /// This amount times `ratio`. Errors: [`RiskError::Overflow`].
    pub fn scale(self, ratio: Ratio, round: Round) -> RiskResult<Self> {
        mul_div(self.0, ratio.0, 1 << RATIO_BITS, round).map(Self)
    }

    /// This amount times `numerator / denominator` (denominator > 0). Errors: [`RiskError::Overflow`], [`RiskError::DivisionByZero`].
    pub fn mul_div(self, numerator: i64, denominator: i64, round: Round) -> RiskResult<Self> {
        mul_div(self.0, numerator, denominator, round).map(Self)
    }

    /// `self / whole` as a ratio (whole > 0). Errors: [`RiskError::Overflow`], [`RiskError::DivisionByZero`].
    pub fn ratio_to(self, whole: Self, round: Round) -> RiskResult<Ratio> {
        mul_div(self.0, 1 << RATIO_BITS, whole.0, round).map(Ratio)
    }
}

/// `a × b / c` with a 128-bit intermediate, rounded as told; `c` must be positive.
///
/// Errors: [`RiskError::DivisionByZero`] when `c` ≤ 0, [`RiskError::Overflow`] when the result leaves 64 bits.
pub fn mul_div(a: i64, b: i64, c: i64, round: Round) -> RiskResult<i64> {
    if c <= 0 {
        return Err(RiskError::DivisionByZero);
    }
    // A 64-bit product with a 64-bit quotient is 13 times cheaper on chain than the 128-bit division.
    if let Some(product) = product(a, b) {
        return div(product, c, round);
    }
    let product = i128::from(a).checked_mul(i128::from(b)).ok_or(RiskError::Overflow)?;
    let divisor = i128::from(c);
    let quotient = match round {
        Round::Floor => product.checked_div_euclid(divisor),
        Round::Ceil => product.checked_neg().and_then(|negated| negated.checked_div_euclid(divisor)).and_then(i128::checked_neg),
    };
    i64::try_from(quotient.ok_or(RiskError::Overflow)?).map_err(|_| RiskError::Overflow)
}

/// `a / c` rounded as told; `c` must be positive.
pub fn div(a: i64, c: i64, round: Round) -> RiskResult<i64> {
    if c <= 0 {
        return Err(RiskError::DivisionByZero);
    }
    // Magnitudes, because the chain's machine divides unsigned integers alone.
    let (magnitude, divisor) = (a.unsigned_abs(), c.unsigned_abs());
    let quotient = magnitude.checked_div(divisor).ok_or(RiskError::DivisionByZero)?;
    let is_exact = quotient.wrapping_mul(divisor) == magnitude;
    let goes_away_from_zero = match round {
        Round::Floor => a.is_negative(),
        Round::Ceil => !a.is_negative(),
    };
    // At most 2⁶³, and that only for a negative result.
    let rounded = quotient.wrapping_add(u64::from(goes_away_from_zero && !is_exact));
    if a.is_negative() {
        Ok(rounded.wrapping_neg().cast_signed())
    } else {
        i64::try_from(rounded).map_err(|_| RiskError::Overflow)
    }
}

/// `a × b` if it fits 64 bits. Factors below 2³¹, the usual ones, need no check, which would cost ten times the product on chain.
const fn product(a: i64, b: i64) -> Option<i64> {
    if (a.unsigned_abs() | b.unsigned_abs()) >> 31 == 0 {
        Some(a.wrapping_mul(b))
    } else {
        a.checked_mul(b)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::arithmetic_side_effects)]
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn mul_div_agrees_with_wide_arithmetic(a: i64, b: i64, c in 1..i64::MAX) {
            let exact = i128::from(a) * i128::from(b);
            let floor = exact.div_euclid(i128::from(c));
            let ceil = -(-exact).div_euclid(i128::from(c));
            prop_assert_eq!(mul_div(a, b, c, Round::Floor).ok(), i64::try_from(floor).ok());
            prop_assert_eq!(mul_div(a, b, c, Round::Ceil).ok(), i64::try_from(ceil).ok());
        }
    }

    #[test]
    fn divisions_at_the_ends_of_the_range() {
        for (a, c) in
            [(i64::MIN, 1), (i64::MIN, 2), (i64::MIN, i64::MAX), (i64::MAX, 1), (i64::MAX, 2), (-1, i64::MAX), (1, i64::MAX), (0, 7)]
        {
            let (wide, by) = (i128::from(a), i128::from(c));
            assert_eq!(div(a, c, Round::Floor).ok().map(i128::from), Some(wide.div_euclid(by)));
            assert_eq!(div(a, c, Round::Ceil).ok().map(i128::from), Some(-(-wide).div_euclid(by)));
        }
    }

    #[test]
    fn a_product_is_checked_where_it_could_wrap() {
        for (a, b) in [(1 << 31, 1 << 31), (1 << 31, 1 << 32), ((1 << 31) - 1, 1 - (1 << 31)), (i64::MIN, 1), (i64::MIN, -1), (i64::MAX, 2)]
        {
            assert_eq!(product(a, b), a.checked_mul(b));
        }
    }

    #[test]
    fn a_division_by_nothing_is_an_error() {
        assert_eq!(mul_div(1, 1, 0, Round::Floor), Err(RiskError::DivisionByZero));
        assert_eq!(div(1, -1, Round::Ceil), Err(RiskError::DivisionByZero));
    }

    #[test]
    fn a_premium_of_many_lots_is_rounded_once() {
        // 1.25 atoms a lot, and its opposite.
        let premium = Premium::new(5 << 30);
        for (lots, floor, ceil) in [(1, 1, 2), (3, 3, 4), (4, 5, 5), (-1, -2, -1), (1 << 30, 5 << 28, 5 << 28)] {
            assert_eq!(premium.of(Lots::new(lots), Round::Floor).unwrap().raw(), floor);
            assert_eq!(premium.of(Lots::new(lots), Round::Ceil).unwrap().raw(), ceil);
            assert_eq!(premium.neg().unwrap().of(Lots::new(lots), Round::Floor).unwrap().raw(), -ceil);
        }
        assert_eq!(Premium::from_price(Price::new(MAX_PRICE)).unwrap().to_quote(Round::Floor).unwrap().raw(), MAX_PRICE);
        assert_eq!(Premium::from_price(Price::new(1 << 31)), Err(RiskError::Overflow));
    }

    #[test]
    fn ratios_of_constants_are_exact_where_they_can_be() {
        assert_eq!(Ratio::of(1, 2).raw(), 1 << 29);
        assert_eq!(Quote::new(1_000_000).scale(Ratio::of(1, 4), Round::Floor).unwrap().raw(), 250_000);
    }
}
