//! The bare kernel against the same code in checked arithmetic, at the edge of every bound.

use super::super::health::{sum, MAX_CASH, MAX_LEGS};
use super::super::kernel::{leg, scale_ceil, scale_floor, Bare, Bounded, Exact, MAX_EDGE};
use super::*;
use crate::error::RiskError;
use crate::units::{MAX_LOTS, MAX_NOTIONAL, MAX_PRICE};

pub(super) struct Checked;

impl Exact for Checked {
    fn add(a: i64, b: i64) -> i64 {
        a.checked_add(b).unwrap()
    }
    fn sub(a: i64, b: i64) -> i64 {
        a.checked_sub(b).unwrap()
    }
    fn mul(a: i64, b: i64) -> i64 {
        a.checked_mul(b).unwrap()
    }
}

fn same_in_both(risk: &MarketRisk, input: &LegInput) -> Result<(), TestCaseError> {
    let terms = terms(risk);
    if let Ok(bounded) = Bounded::new(&terms, input) {
        prop_assert_eq!(leg::<Bare>(bounded), leg::<Checked>(bounded));
        // Eight alike are the extreme of every sum.
        for cash in [0, MAX_CASH] {
            let legs = || [(&terms, input); MAX_LEGS].into_iter();
            prop_assert_eq!(sum::<Bare, _>(Quote::new(cash), legs()), sum::<Checked, _>(Quote::new(cash), legs()));
        }
    }
    Ok(())
}

/// Every combination of the ends of every range that the bounds admit.
#[test]
fn no_product_wraps_at_any_extreme() {
    let one = Ratio::ONE;
    let quotes = [-(1i64 << 58), 0, 1 << 58];
    let mut admitted = 0;
    for (mark, twap) in [(1, 1), (1, MAX_PRICE), (MAX_PRICE, 1), (1 << 26, 1 << 26)] {
        for rate in [Ratio::ZERO, Ratio::new(1), one] {
            let mut risk = MarketRisk { twap: Price::new(twap), im_rate: rate, mm_rate: rate, target_extra: rate, ..major(mark) };
            for (confidence, stale) in [(Ratio::ZERO, Ratio::ZERO), (Ratio::new(i64::MAX), Ratio::ZERO), (one, one)] {
                (risk.confidence, risk.stale_range, risk.claim_weight, risk.spot_range) = (confidence, stale, rate, SPOT_RANGE_MAX);
                risk.stale_for = Secs::new(if rate == one { 601 } else { 0 });
                let bound = (MAX_NOTIONAL / mark).min(MAX_LOTS);
                for lots in [-bound, -bound / 2, 0, bound / 2, bound] {
                    for orders in [0, bound / 2, bound] {
                        for quote in quotes {
                            for (collateral, value) in [(0, 0), (0, MAX_NOTIONAL * 2), (MAX_NOTIONAL, 0), (MAX_NOTIONAL, MAX_NOTIONAL * 2)]
                            {
                                let input = LegInput {
                                    lots: Lots::new(lots),
                                    quote: Quote::new(quote),
                                    bids: Lots::new(orders),
                                    asks: Lots::new(orders),
                                    bids_value: Quote::new(value),
                                    asks_value: Quote::new(value),
                                    collateral_im: Quote::new(collateral),
                                    collateral_mm: Quote::new(collateral),
                                };
                                admitted += usize::from(Bounded::new(&terms(&risk), &input).is_ok());
                                same_in_both(&risk, &input).unwrap();
                            }
                        }
                    }
                }
            }
        }
    }
    // The loops must not have been rejected wholesale.
    assert!(admitted > 3_000, "{admitted}");
}

proptest! {
    #[test]
    fn no_product_wraps_inside_the_bounds(risk in any_market(), leg in any_leg()) {
        same_in_both(&risk, &leg)?;
    }

    /// Splitting at bit 30 is exact: the same as one wide product.
    #[test]
    fn scaling_is_exact(value in 0..=MAX_NOTIONAL * 2, ratio in 0..=MAX_EDGE.raw()) {
        let product = i128::from(value) * i128::from(ratio);
        prop_assert_eq!(i128::from(scale_floor::<Bare>(value, ratio)), product >> 30);
        prop_assert_eq!(i128::from(scale_ceil::<Bare>(value, ratio)), (product + (1 << 30) - 1) >> 30);
    }
}

/// One row per bound: the last value inside, the first outside.
#[test]
fn every_operand_is_range_checked() {
    let terms = terms(&major(1 << 26));
    let with = |change: &dyn Fn(&mut LegInput)| {
        let mut leg = LegInput::default();
        change(&mut leg);
        Bounded::new(&terms, &leg).err()
    };
    let lots_out = Some(RiskError::QuantityOutOfRange);
    let value_out = Some(RiskError::NotionalOutOfRange);
    for sign in [1, -1] {
        assert_eq!(with(&|leg| leg.lots = Lots::new(sign * MAX_LOTS)), None);
        assert_eq!(with(&|leg| leg.lots = Lots::new(sign * (MAX_LOTS + 1))), lots_out);
        assert_eq!(with(&|leg| leg.quote = Quote::new(sign << 58)), None);
        assert_eq!(with(&|leg| leg.quote = Quote::new(sign * ((1 << 58) + 1))), value_out);
    }
    assert_eq!(with(&|leg| leg.lots = Lots::new(i64::MIN)), Some(RiskError::Overflow));
    assert_eq!(with(&|leg| leg.quote = Quote::new(i64::MIN)), value_out);
    for orders in [-1, MAX_LOTS + 1] {
        assert_eq!(with(&|leg| leg.bids = Lots::new(orders)), lots_out);
        assert_eq!(with(&|leg| leg.asks = Lots::new(orders)), lots_out);
    }
    // Position and orders of one side share the notional bound.
    assert_eq!(with(&|leg| (leg.lots, leg.bids) = (Lots::new(MAX_LOTS), Lots::new(1))), value_out);
    assert_eq!(with(&|leg| (leg.lots, leg.asks) = (Lots::new(-MAX_LOTS), Lots::new(1))), value_out);
    for value in [-1, 2 * MAX_NOTIONAL + 1] {
        assert_eq!(with(&|leg| leg.bids_value = Quote::new(value)), value_out);
        assert_eq!(with(&|leg| leg.asks_value = Quote::new(value)), value_out);
    }
    for value in [-1, MAX_NOTIONAL + 1] {
        assert_eq!(with(&|leg| leg.collateral_im = Quote::new(value)), value_out);
        assert_eq!(with(&|leg| leg.collateral_mm = Quote::new(value)), value_out);
    }
}
