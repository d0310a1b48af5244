//! Decisions at their boundaries: withdrawal (1.6), trade (5.2), maker (5.3).

use super::*;

fn state(equity: i64, equity_im: i64, im: i64, mm: i64) -> Health {
    Health { equity: usd(equity), equity_im: usd(equity_im), im: usd(im), mm: usd(mm), ..Health::default() }
}

#[test]
fn a_withdrawal_leaves_initial_margin_and_a_tenth_of_the_notional() {
    let after = |equity: i64, equity_im: i64, gross: i64| {
        withdrawal_allowed(&Health { gross_notional: Quote::new(gross), ..state(equity, equity_im, 50, 30) }).unwrap()
    };
    assert!(after(100, 50, 1_000_000_000));
    assert!(!after(100, 49, 1_000_000_000));
    assert!(!after(100, 50, 1_000_000_001));
    assert!(!after(99, 99, 1_000_000_000));
    assert!(withdrawal_allowed(&Health::default()).unwrap());
}

#[test]
fn a_trade_below_initial_margin_must_not_hurt() {
    let good = ForcedPrice { lots: Lots::new(-1), worst: Price::new(995), limit: Price::new(995) };
    let bad = ForcedPrice { worst: Price::new(994), ..good };
    let rows = [
        // above before and after, at any price
        (state(100, 100, 50, 30), state(60, 60, 60, 40), bad, Ok(())),
        // cured by the trade, at any price
        (state(40, 40, 50, 30), state(39, 39, 39, 20), bad, Ok(())),
        // from above to below
        (state(100, 100, 50, 30), state(99, 99, 100, 20), good, Err(TradeRefusal::BelowInitial)),
        // below: ratio the same, better, worse by one atom
        (state(40, 40, 50, 30), state(20, 20, 25, 15), good, Ok(())),
        (state(40, 40, 50, 30), state(40, 40, 45, 29), good, Ok(())),
        (state(40, 40, 50, 30), Health { equity: Quote::new(19_999_999), ..state(20, 20, 25, 15) }, good, Err(TradeRefusal::RatioFalls)),
        (state(40, 40, 50, 30), state(20, 20, 25, 15), bad, Err(TradeRefusal::PriceWorse)),
        // nothing required afterwards
        (state(40, 40, 50, 30), state(0, -1, 0, 0), good, Ok(())),
        (state(40, 40, 50, 30), state(-1, -1, 25, 15), good, Err(TradeRefusal::EquityNegative)),
        // a requirement where there was none
        (state(1, -1, 0, 0), state(1, -1, 5, 1), good, Err(TradeRefusal::RatioFalls)),
        // no equity, even if the trade would cure
        (state(0, 0, 50, 30), state(60, 60, 50, 30), good, Err(TradeRefusal::NoEquity)),
        (state(-1, 0, 50, 30), state(0, 0, 0, 0), good, Err(TradeRefusal::NoEquity)),
    ];
    for (row, (before, after, price, expected)) in rows.into_iter().enumerate() {
        assert_eq!(trade_allowed(&before, &after, Some(&price)), expected, "row {row}");
    }
}

#[test]
fn the_ratio_is_compared_without_rounding() {
    let large = |equity, mm| Health { equity: Quote::new(equity), mm: Quote::new(mm), ..Health::default() };
    let (before, after) = (large(i64::MAX - 1, i64::MAX), large(i64::MAX - 2, i64::MAX - 1));
    assert!(!ratio_not_lower(&before, &after));
    assert!(ratio_not_lower(&after, &before));
    assert!(ratio_not_lower(&before, &before));
}

#[test]
fn a_forced_price_is_a_limit_on_either_side() {
    let price = |lots, worst| ForcedPrice { lots: Lots::new(lots), worst: Price::new(worst), limit: Price::new(100) }.is_within_limit();
    assert_eq!([price(-1, 99), price(-1, 100), price(-1, 101)], [false, true, true]);
    assert_eq!([price(1, 99), price(1, 100), price(1, 101)], [true, true, false]);
}

#[test]
fn a_maker_fills_when_healthy_and_reserved_or_when_reducing() {
    let terms = terms(&major(1_000_000));
    let lots = Lots::new;
    // 5 % of $100 against target 3 % + 2 %: $5 either way.
    let margin = standalone_im(&terms, lots(100), &Depeg::NONE).unwrap();
    assert!((margin.raw() - 5_000_000).abs() <= 1, "{margin:?}");
    let one_less = Quote::new(margin.raw() - 1);
    let rows = [
        // position, fill, reserved, healthy, admitted
        (0, 100, margin, true, true),
        (0, -100, margin, true, true),
        (0, 100, one_less, true, false),
        (0, 100, margin, false, false),
        (100, -100, Quote::ZERO, false, true),
        (100, -1, Quote::ZERO, false, true),
        (-100, 100, Quote::ZERO, false, true),
        // through zero is not a reduction
        (100, -101, Quote::ZERO, true, false),
        (100, -200, margin, true, true),
        (-100, 201, margin, true, false),
        (-50, -50, margin, true, true),
    ];
    for (position, fill, reserved, is_healthy, expected) in rows {
        assert_eq!(maker_admits(&terms, lots(position), lots(fill), reserved, is_healthy, &Depeg::NONE), Ok(expected), "{position} {fill}");
    }
}

#[test]
fn a_reserve_counts_the_worse_side_and_its_price() {
    let terms = terms(&major(1_000_000));
    let orders = LegInput {
        lots: Lots::new(100),
        bids: Lots::new(100),
        asks: Lots::new(400),
        bids_value: usd(100),
        asks_value: usd(400),
        ..LegInput::default()
    };
    let near = |leg: &LegInput, dollars: i64| (maker_reserve(&terms, leg, &Depeg::NONE).unwrap().raw() - dollars * 1_000_000).abs() <= 1;
    // Short 300 is worse than long 200.
    assert!(near(&orders, 15));
    // Asks a tenth below the mark lose $40 at once.
    assert!(near(&LegInput { asks_value: usd(360), ..orders }, 55));
    // Asks above it gain, which counts as nothing.
    assert!(near(&LegInput { asks_value: usd(440), ..orders }, 15));
    assert!(near(&LegInput { bids_value: usd(110), ..orders }, 20));
    // Collateral and balances of the account do not enter.
    assert!(near(&LegInput { collateral_im: usd(1_000), collateral_mm: usd(1_000), quote: usd(-7), ..orders }, 15));
}

/// RULES 4.4, 5.3: what was reserved at the peg no longer lets an order fill once the token is off it; a reduction fills in any case.
#[test]
fn a_depeg_takes_orders_off_whose_reserve_is_too_small() {
    let terms = terms(&major(1_000_000));
    let depeg = Depeg { im: Ratio::of(12, 100), mm: Ratio::of(5, 100) };
    let [before, after] = [Depeg::NONE, depeg].map(|depeg| standalone_im(&terms, Lots::new(100), &depeg).unwrap());
    // $5, and 12 % of it.
    assert!((after.raw() - 5_600_000).abs() <= 2, "{after:?}");
    let admits = |position: i64, fill: i64, reserved: Quote| {
        maker_admits(&terms, Lots::new(position), Lots::new(fill), reserved, true, &depeg).unwrap()
    };
    assert_eq!((admits(0, 100, before), admits(0, 100, after), admits(100, -100, Quote::ZERO)), (false, true, true));
}
