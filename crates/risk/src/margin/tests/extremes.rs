//! The option kernel against the same code in checked arithmetic, at the edge of every bound; and what an averaging window and an expiry do.

use super::super::kernel::{Bare, Exact};
use super::super::market::{market_scan, LinearEnds, MeasureRates};
use super::super::options::{option_part, Measure};
use super::super::series::{NamedGrid, NamedSums};
use super::kernel::Checked;
use super::*;
use crate::units::{MAX_LOTS, MAX_NOTIONAL, MAX_PRICE};
use crate::RiskError;

fn edge(low: i64, high: i64) -> impl Strategy<Value = i64> {
    prop_oneof![Just(low), Just(high), low..=high]
}

/// Range, expiry and terms of any series inside the documented ranges, their ends favoured.
fn any_spec() -> impl Strategy<Value = (Ratio, ExpiryTerms, Price, OptionKind, Ratio)> {
    let prices = (edge(1, MAX_PRICE), edge(1, MAX_PRICE), edge(1, MAX_PRICE));
    let rest = (edge(0, MAX_TAU.raw()), edge(0, Ratio::ONE.raw()), edge(SIGMA_MIN.raw(), SIGMA_MAX.raw()), any::<bool>());
    (prices, rest, edge(SPOT_RANGE_MIN.raw(), SPOT_RANGE_MAX.raw())).prop_map(
        |((forward, strike, mean), (tau, share, sigma, is_put), range)| {
            let risk = ExpiryRisk {
                market: 0,
                forward: Price::new(forward),
                tau: Secs::new(tau),
                fixed_share: Ratio::new(share),
                fixed_mean: Price::new(mean),
            };
            let expiry = ExpiryTerms::new(&risk, &OptionParams::default()).unwrap();
            let kind = if is_put { OptionKind::Put } else { OptionKind::Call };
            (Ratio::new(range), expiry, Price::new(strike), kind, Ratio::new(sigma))
        },
    )
}

fn any_series() -> impl Strategy<Value = (MarketRisk, ExpiryTerms, SeriesTerms)> {
    any_spec().prop_map(|(range, expiry, strike, kind, sigma)| {
        let series = SeriesTerms::new(&expiry, strike, kind, sigma).unwrap();
        (MarketRisk { spot_range: range, ..major(MAX_PRICE) }, expiry, series)
    })
}

fn filled<A: Exact>(series: &SeriesTerms, grid: &SpotGrid) -> [i64; COLUMNS] {
    let mut values = [0; COLUMNS];
    series.fill::<A>(grid, &mut values);
    values
}

/// The largest legs that the bounds admit of these series.
fn largest_legs(units: &[UnitValues], signs: u16) -> Vec<OptionInput> {
    let leg = |(place, unit): (usize, &UnitValues)| {
        let most = (MAX_OPTION_NOTIONAL / unit.largest_price().max(1)).min(MAX_LOTS);
        let lots = if signs >> place & 1 == 1 { most / 2 } else { -most / 2 };
        let orders = Lots::new(most / 2);
        let value = Quote::new(MAX_OPTION_NOTIONAL * 2);
        OptionInput {
            series: u8::try_from(place).unwrap(),
            lots: Lots::new(lots),
            bids: orders,
            asks: orders,
            bids_value: value,
            asks_value: value,
        }
    };
    units.iter().enumerate().map(leg).collect()
}

proptest! {
    #[test]
    fn no_price_wraps_at_any_extreme((risk, _, series) in any_series()) {
        let grid = SpotGrid::new(risk.spot_range).unwrap();
        let values = filled::<Bare>(&series, &grid);
        prop_assert_eq!(values, filled::<Checked>(&series, &grid));
        prop_assert!(values.iter().all(|value| *value >= 0));
    }

    /// What a witness prices is what the whole table has in those rows, skew rows in both signs.
    #[test]
    fn named_rows_are_those_of_the_whole_table(
        (range, expiry, strike, kind, sigma) in any_spec(),
        rows in prop::collection::vec(0..SCENARIOS, 0..=3),
        lots in prop_oneof![Just(-1_i64), Just(1), -(1_i64 << 20)..=1 << 20],
    ) {
        let mut grid = NamedGrid::NONE;
        let padded = core::array::from_fn(|index| rows.get(index).copied().unwrap_or(0));
        grid.set(range, &padded, rows.len()).unwrap();
        let leg = NamedLeg { lots: Lots::new(lots), strike, kind, sigma, log: None };
        let (mut sums, mut checked) = (NamedSums::default(), NamedSums::default());
        sums.add_leg::<Bare>(&grid, &expiry, &leg).unwrap();
        checked.add_leg::<Checked>(&grid, &expiry, &leg).unwrap();
        prop_assert_eq!(sums, checked);
        let whole = SeriesTerms::new(&expiry, strike, kind, sigma).unwrap().price(&SpotGrid::new(range).unwrap(), 0, 0);
        let mut tabled = NamedSums::default();
        tabled.add_unit::<Bare>(&grid, leg.lots, &whole).unwrap();
        prop_assert_eq!((leg.held(&expiry).unwrap(), sums.ends), (whole.held(leg.lots), tabled.ends));
        prop_assert!(sums.value == lots * whole.values[21] && sums.delta == tabled.delta);
        for (row, losses) in rows.iter().zip(sums.losses) {
            let column = if *row < 31 { *row } else { 31 + 2 * (row - 31) };
            let loss = |column: usize| lots * (whole.values[21] - whole.values[column]);
            prop_assert_eq!((losses[0], *row < 31 || losses[1] == loss(column + 1)), (loss(column), true));
        }
    }

    /// Sixteen of the largest legs, with orders, beside the largest perp: nothing wraps up to the scan.
    #[test]
    fn no_sum_wraps_at_any_extreme(all in prop::collection::vec(any_series(), 1..=16), signs: u16, perp in edge(-(1 << 25), 1 << 25)) {
        let risk = MarketRisk { im_rate: Ratio::ONE, mm_rate: Ratio::ONE, ..all[0].0 };
        let grid = SpotGrid::new(risk.spot_range).unwrap();
        let expiries: Vec<_> = all.iter().map(|(_, expiry, _)| *expiry).collect();
        let units: Vec<_> = (0_u8..).zip(&all).map(|(place, (_, _, series))| series.price(&grid, 0, place)).collect();
        let legs = largest_legs(&units, signs);
        let book = OptionBook { legs: &legs, expiries: &expiries, units_im: &units, units_mm: &units };
        let bounded = book.check().unwrap();
        let terms = terms(&risk);
        let collateral = Quote::new(MAX_NOTIONAL);
        let leg = LegInput { collateral_im: collateral, collateral_mm: collateral, ..position(perp, 0) };
        for measure in [Measure::Initial, Measure::Maintenance] {
            let (bare, checked) = (
                option_part::<Bare>(&bounded, 0, risk.spot_range.raw(), measure).unwrap(),
                option_part::<Checked>(&bounded, 0, risk.spot_range.raw(), measure).unwrap(),
            );
            prop_assert_eq!(bare, checked);
            let rates = MeasureRates::new(&terms, measure);
            let (mut rows, mut others) = ([0; SCENARIOS], [0; SCENARIOS]);
            let ends = (LinearEnds::new::<Bare>(&terms, &leg, measure), LinearEnds::new::<Checked>(&terms, &leg, measure));
            let one = market_scan::<Bare>(&ends.0, &bare, bare.short, &rates, Some(&mut rows));
            let two = market_scan::<Checked>(&ends.1, &checked, checked.short, &rates, Some(&mut others));
            prop_assert_eq!((one.scan, one.add_on, one.worst, rows), (two.scan, two.add_on, two.worst, others));
        }
    }
}

/// One row per bound of a book: the last value inside, the first outside.
#[test]
fn every_operand_of_a_book_is_range_checked() {
    let expiries = [ExpiryTerms::new(&super::book::expiry(0, 1 << 22, 30), &OptionParams::default()).unwrap()];
    let grid = SpotGrid::new(Ratio::of(18, 100)).unwrap();
    let unit = UnitValues::new(&grid, &expiries, 0, Price::new(1 << 22), OptionKind::Call, Ratio::of(1, 2)).unwrap();
    let units = [unit; 2];
    let check = |legs: &[OptionInput]| OptionBook { legs, expiries: &expiries, units_im: &units, units_mm: &units }.check().err();
    let leg = |change: &dyn Fn(&mut OptionInput)| {
        let mut leg = OptionInput::default();
        change(&mut leg);
        check(&[leg])
    };
    let (lots_out, value_out) = (Some(RiskError::QuantityOutOfRange), Some(RiskError::NotionalOutOfRange));
    for sign in [1, -1] {
        assert_eq!(leg(&|leg| leg.lots = Lots::new(sign << 30)), None);
        assert_eq!(leg(&|leg| leg.lots = Lots::new(sign * ((1 << 30) + 1))), lots_out);
    }
    assert_eq!(leg(&|leg| leg.lots = Lots::new(i64::MIN)), Some(RiskError::Overflow));
    assert_eq!(leg(&|leg| (leg.lots, leg.bids) = (Lots::new(1 << 30), Lots::new(1))), value_out);
    for orders in [-1, MAX_LOTS + 1] {
        assert_eq!(leg(&|leg| leg.bids = Lots::new(orders)), lots_out);
        assert_eq!(leg(&|leg| leg.asks = Lots::new(orders)), lots_out);
    }
    for value in [-1, 2 * MAX_OPTION_NOTIONAL + 1] {
        assert_eq!(leg(&|leg| leg.bids_value = Quote::new(value)), value_out);
        assert_eq!(leg(&|leg| leg.asks_value = Quote::new(value)), value_out);
    }
    let series = |series: u8| OptionInput { series, ..OptionInput::default() };
    assert_eq!(check(&[series(0), series(1)]), None);
    assert_eq!(check(&[series(0), series(0)]), lots_out, "a series given twice");
    assert_eq!(check(&[series(2)]), lots_out, "a series that is none");
    assert_eq!(check(&vec![series(0); 17]), lots_out);
    let foreign = [UnitValues { market: 1, ..unit }];
    let book = OptionBook { legs: &[series(0)], expiries: &expiries, units_im: &foreign, units_mm: &foreign };
    assert_eq!(book.check().err(), lots_out, "a market that is not its expiry's");
    // A market that the account has no leg of.
    let own = [unit];
    let other = ExpiryTerms::new(&super::book::expiry(3, 1 << 22, 30), &OptionParams::default()).unwrap();
    let far = [UnitValues { market: 3, ..unit }];
    for (expiry, units, expected) in [(expiries[0], &own, None), (other, &far, lots_out)] {
        let legs = [series(0)];
        let book = OptionBook { legs: &legs, expiries: &[expiry], units_im: units, units_mm: units };
        let market = (terms(&major(100)), LegInput::default());
        assert_eq!(portfolio(Quote::ZERO, [(&market.0, &market.1)], &book, &CrossTerms::NONE, None).err(), expected);
    }
    for sigma in [Ratio::new(SIGMA_MIN.raw() - 1), Ratio::new(SIGMA_MAX.raw() + 1)] {
        let refused = UnitValues::new(&grid, &expiries, 0, Price::new(1), OptionKind::Put, sigma);
        assert_eq!(refused.err(), Some(RiskError::ParameterOutOfRange));
    }
}

/// RULES 5.5: deltas decay with the averaging, and at the end only the mean counts.
#[test]
fn deltas_decay_with_the_averaging() {
    let grid = SpotGrid::new(Ratio::of(18, 100)).unwrap();
    let unit = |share: i64, mean: i64, kind: OptionKind| {
        let risk = ExpiryRisk {
            fixed_share: Ratio::of(share, 30),
            fixed_mean: Price::new(mean),
            tau: Secs::new(1_800 - 60 * share),
            ..super::book::expiry(0, 1_000_000, 0)
        };
        let expiries = [ExpiryTerms::new(&risk, &OptionParams::default()).unwrap()];
        UnitValues::new(&grid, &expiries, 0, Price::new(1_000_000), kind, Ratio::of(6, 10)).unwrap()
    };
    let deltas: Vec<_> = (0..=30).map(|share| unit(share, 1_000_000, OptionKind::Call).delta().raw()).collect();
    assert!(deltas.windows(2).all(|pair| pair[1] <= pair[0]) && deltas[0] > 495_000 && deltas[30] == 0, "{deltas:?}");
    // Half observed at 1.1: in the money by 5 % whatever half a move of up to 10 % does to the rest.
    assert_eq!(unit(15, 1_100_000, OptionKind::Call).mark().raw(), 50_000);
    let done = unit(30, 1_100_000, OptionKind::Call);
    assert!(done.values.iter().all(|value| (*value - 100_000 * 16).abs() <= 16), "{:?}", done.values);
    assert!(unit(30, 1_100_000, OptionKind::Put).values.iter().all(|value| *value == 0));
}

/// The forward follows the governed carry within what the perp's basis allows.
#[test]
fn the_forward_is_bounded_by_the_perps_basis() {
    let spot = Price::new(1_000_000);
    let at = |carry: i64, basis: i64| forward(spot, YEAR, Ratio::of(carry, 100), Ratio::of(basis, 100), Ratio::of(5, 100)).unwrap().raw();
    // e^0.10 = 1.105171, e^0.15 = 1.161834, e^−0.05 = 0.951229.
    for (carry, basis, expected) in [(10, 10, 1_105_171), (10, 20, 1_161_834), (10, -10, 951_229), (0, 0, 1_000_000)] {
        assert!((at(carry, basis) - expected).abs() <= 6, "{carry} {basis}: {}", at(carry, basis));
    }
    assert_eq!(forward(spot, Secs::new(-5), Ratio::of(1, 10), Ratio::ZERO, Ratio::ONE).unwrap(), spot);
    assert_eq!(forward(spot, YEAR, Ratio::of(3, 1), Ratio::ZERO, Ratio::ONE), Err(RiskError::ParameterOutOfRange));
    assert_eq!(forward(Price::ZERO, YEAR, Ratio::ZERO, Ratio::ZERO, Ratio::ZERO), Err(RiskError::PriceOutOfRange));
}
