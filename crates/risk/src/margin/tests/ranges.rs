//! Rates, parameter ranges and the edges of a price, row by row.

use super::super::health::MAX_CASH;
use super::*;
use crate::error::RiskError;

const PERCENT: fn(i64) -> Ratio = |percent| Ratio::of(percent, 100);

#[test]
fn open_interest_raises_the_initial_rate_to_one() {
    let rate = |open_interest| im_rate_scaled(PERCENT(5), usd(open_interest), usd(100), usd(200)).unwrap();
    assert_eq!(rate(0), PERCENT(5));
    assert_eq!(rate(100), PERCENT(5));
    // Half of the band is half of the 95 % that are missing.
    assert!((rate(150).raw() - Ratio::of(525, 1_000).raw()).abs() <= 1);
    assert!(rate(199) < Ratio::ONE);
    assert_eq!(rate(200), Ratio::ONE);
    assert_eq!(rate(i64::MAX / 1_000_000), Ratio::ONE);
    // The climb is rounded up.
    assert_eq!(im_rate_scaled(Ratio::ZERO, Quote::new(1), Quote::ZERO, Quote::new(3)).unwrap().raw(), (1 << 30) / 3 + 1);
    for (base, low, high) in [(PERCENT(-1), 1, 2), (PERCENT(101), 1, 2), (PERCENT(5), 2, 2), (PERCENT(5), -1, 2)] {
        assert_eq!(im_rate_scaled(base, usd(1), usd(low), usd(high)), Err(RiskError::ParameterOutOfRange));
    }
}

#[test]
fn the_linear_rate_is_the_larger_of_tier_and_volatility() {
    let rate = |sigma| im_rate(PERCENT(5), Ratio::of(6, 1), sigma).unwrap();
    assert_eq!(rate(Ratio::of(5, 1_000)), PERCENT(5));
    assert_eq!(rate(Ratio::of(1, 4)), Ratio::ONE);
    assert_eq!(rate(Ratio::of(1, 64)).raw(), (6 << 30) / 64);
    assert_eq!(im_rate(PERCENT(5), Ratio::of(6, 1), Ratio::new(-1)), Err(RiskError::ParameterOutOfRange));
}

#[test]
fn the_spot_range_is_clamped() {
    let range = |sigma| spot_range(sigma, PERCENT(18), PERCENT(36)).unwrap();
    assert_eq!(range(PERCENT(3)), PERCENT(18));
    assert_eq!(range(PERCENT(7)), PERCENT(36));
    assert_eq!(range(Ratio::of(1, 20)).raw(), (Ratio::of(1, 20).raw() * 11 + 1) / 2);
    assert_eq!(spot_range(PERCENT(4), PERCENT(36), PERCENT(18)), Err(RiskError::ParameterOutOfRange));
    assert_eq!(spot_range(PERCENT(-4), PERCENT(18), PERCENT(36)), Err(RiskError::ParameterOutOfRange));
}

/// RULES 4.2: the cheaper of grid and linear, per measure.
#[test]
fn the_smaller_of_grid_and_linear_is_the_rate() {
    let risk = |im, mm| MarketRisk { im_rate: PERCENT(im), mm_rate: PERCENT(mm), ..major(100) };
    let modes = |risk: &MarketRisk| {
        let leg = of(Quote::ZERO, &[(*risk, position(1, 100))]).legs[0];
        (leg.mode_im, leg.mode_mm)
    };
    let linear = terms(&risk(5, 3));
    assert_eq!((linear.im_share(), linear.mm_share()), (PERCENT(5), PERCENT(3)));
    assert_eq!(modes(&risk(5, 3)), (ScanMode::Linear, ScanMode::Linear));
    let wild = terms(&risk(50, 33));
    assert_eq!(wild.im_share(), PERCENT(18));
    // 0.8 × 18 % = 14.4 %.
    assert!((wild.mm_share().raw() - Ratio::of(144, 1_000).raw()).abs() <= 1);
    assert_eq!(modes(&risk(50, 33)), (ScanMode::Grid, ScanMode::Grid));
}

#[test]
fn a_market_outside_its_ranges_is_refused() {
    let above = Ratio::new((1 << 30) + 1);
    let changes: [fn(&mut MarketRisk, Ratio); 5] = [
        |risk, ratio| risk.im_rate = ratio,
        |risk, ratio| risk.mm_rate = ratio,
        |risk, ratio| risk.target_extra = ratio,
        |risk, ratio| risk.claim_weight = ratio,
        |risk, ratio| risk.stale_range = ratio,
    ];
    for change in changes {
        for ratio in [Ratio::new(-1), above] {
            let mut risk = major(100);
            change(&mut risk, ratio);
            assert_eq!(MarketTerms::new(&risk), Err(RiskError::ParameterOutOfRange));
        }
    }
    for range in [Ratio::new(SPOT_RANGE_MIN.raw() - 1), Ratio::new(SPOT_RANGE_MAX.raw() + 1)] {
        assert_eq!(MarketTerms::new(&MarketRisk { spot_range: range, ..major(100) }), Err(RiskError::ParameterOutOfRange));
    }
    assert_eq!(MarketTerms::new(&MarketRisk { confidence: Ratio::new(-1), ..major(100) }), Err(RiskError::ParameterOutOfRange));
    for price in [0, -1, (1 << 30) + 1] {
        assert_eq!(MarketTerms::new(&MarketRisk { mark: Price::new(price), ..major(100) }), Err(RiskError::PriceOutOfRange));
        assert_eq!(MarketTerms::new(&MarketRisk { twap: Price::new(price), ..major(100) }), Err(RiskError::PriceOutOfRange));
    }
}

/// RULES 2.3: adverse = max(confidence, gap to TWAP); favourable = min(confidence, 0.5 %).
#[test]
fn the_edges_of_a_price() {
    let rows = [
        // twap, confidence in 1/10000, adverse edge and favourable edge of $1000 in cents
        (1_000, 10, 100, 100),
        (1_000, 50, 500, 500),
        (1_000, 200, 2_000, 500),
        (990, 10, 1_000, 100),
        (1_010, 10, 1_000, 100),
        (1_000, 0, 0, 0),
    ];
    for (twap, confidence, adverse, favourable) in rows {
        let risk = MarketRisk { twap: Price::new(twap), confidence: Ratio::of(confidence, 10_000), ..major(1_000) };
        for lots in [1_000_000, -1_000_000] {
            let health = of(Quote::ZERO, &[(risk, position(lots, 1_000))]);
            let near = |amount: Quote, cents: i64| (amount.raw() - cents * 10_000).abs() <= 2;
            assert!(near(health.equity_im, -adverse), "{health:?}");
            assert!(near(health.equity_trigger, favourable), "{health:?}");
            assert_eq!(health.equity, Quote::ZERO);
        }
    }
    let far = MarketRisk { twap: Price::new(1 << 30), ..major(1) };
    assert_eq!(of(Quote::ZERO, &[(far, position(1_000, 1))]).equity_im, Quote::new(-4_000));
}

/// RULES 2.5: initial adverse at once; the trigger favourable for ten minutes, then adverse, and with it E.
#[test]
fn a_stale_leg_neither_shields_nor_traps() {
    let stale = |seconds| MarketRisk { stale_range: Ratio::of(1, 8), stale_for: Secs::new(seconds), ..major(1_000) };
    for lots in [8_000, -8_000] {
        let at = |seconds| of(usd(10), &[(stale(seconds), position(lots, 1_000))]);
        let young = at(600);
        assert_eq!((young.equity_im, young.equity, young.equity_trigger), (usd(9), usd(10), usd(11)));
        let old = at(601);
        assert_eq!((old.equity_im, old.equity, old.equity_trigger), (usd(9), usd(9), usd(9)));
    }
}

#[test]
fn an_account_has_at_most_eight_legs_and_no_debt() {
    let (terms, leg) = (terms(&major(100)), position(1, 100));
    let with = |cash, legs: usize| health(cash, std::iter::repeat_n((&terms, &leg), legs));
    assert_eq!(with(Quote::ZERO, 8).unwrap().legs().len(), 8);
    assert_eq!(with(Quote::ZERO, 9), Err(RiskError::QuantityOutOfRange));
    assert_eq!(with(Quote::new(-1), 1), Err(RiskError::QuantityOutOfRange));
    assert_eq!(with(Quote::new(MAX_CASH), 0).map(|h| h.equity), Ok(Quote::new(MAX_CASH)));
    assert_eq!(with(Quote::new(MAX_CASH + 1), 0), Err(RiskError::QuantityOutOfRange));
    assert_eq!(health(Quote::ZERO, []).unwrap(), Health::default());
}
