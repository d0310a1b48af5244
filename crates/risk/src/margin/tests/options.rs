//! Options on the grid: prices against floating point, the properties of RULES 4.5, the add-ons of 4.4.
#![allow(clippy::float_arithmetic, clippy::as_conversions, reason = "a reference in floating point")]

use super::super::grid::ROW_SPOT;
use super::super::kernel::Bare;
use super::super::market::{dampened, factored, linear_losses, market_scan, spot_moves, worst_of, LinearEnds, MeasureRates};
use super::super::options::{option_part, Measure};
use super::book::{any_options, any_portfolio, option, Account, SeriesSpec, DAY};
use super::*;

/// Normal distribution by its series, to about 1e-15 for |x| < 6.
fn cdf(x: f64) -> f64 {
    if x.abs() > 7.0 {
        return if x > 0.0 { 1.0 } else { 0.0 };
    }
    let (mut term, mut sum, mut n) = (x, x, 1.0);
    while term.abs() > 1e-18 * sum.abs() && n < 400.0 {
        n += 2.0;
        term *= x * x / n;
        sum += term;
    }
    0.5 + sum * (-x * x / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt()
}

fn black(kind: OptionKind, forward: f64, strike: f64, deviation: f64) -> f64 {
    let call = if deviation < 1e-9 {
        (forward - strike).max(0.0)
    } else {
        let d1 = (forward / strike).ln() / deviation + deviation / 2.0;
        forward * cdf(d1) - strike * cdf(d1 - deviation)
    };
    match kind {
        OptionKind::Call => call,
        OptionKind::Put => call - (forward - strike),
    }
}

/// What docs/margin.md says of row and sign, in floating point.
fn reference(account: &Account, spec: &SeriesSpec, column: usize) -> f64 {
    let risk = &account.expiries[usize::from(spec.expiry)];
    let range = account.markets[usize::from(risk.market)].0.spot_range.raw() as f64 / 1073741824.0;
    let (forward, strike) = (risk.forward.raw() as f64, spec.strike as f64);
    let sigma = spec.sigma.raw() as f64 / 1073741824.0;
    let tau = risk.tau.raw().max(0) as f64;
    let years = tau / (365.0 * DAY as f64);
    let days = (tau / DAY as f64).max(1.0);
    let multiple = (30.0 / days).powf(if days < 30.0 { 0.30 } else { 0.13 });
    // At the expiry itself there is no deviation to count in, and no shock that matters.
    let reach = if years > 0.0 { ((strike / forward).ln() / (sigma * years.sqrt())).clamp(-2.0, 2.0) / 2.0 * 0.2 } else { 0.0 };
    let row = GRID[if column < 31 { column } else { 21 }];
    let factor = match (column, row.vol) {
        (31, _) => 1.0 + reach,
        (32, _) => 1.0 - reach,
        (33, _) => 1.0 + reach.abs(),
        (34, _) => 1.0 - reach.abs(),
        (_, VolMove::Up) => ((1.0 + 0.5 * multiple) * sigma).max(0.5) / sigma,
        (_, VolMove::Down) => 1.0 - 0.3 * multiple,
        _ => 1.0,
    };
    let shift = match row.spot {
        SpotMove::Quarters(quarters) => f64::from(quarters) / 4.0 * range,
        SpotMove::Tail(shock) => shock.raw() as f64 / 1073741824.0,
    };
    black(spec.kind, forward * (1.0 + shift), strike, sigma.max(1e-9) * factor * years.sqrt())
}

/// What a leg loses when its lot falls from `mark` to `value`, sixteenths of an atom; in the initial measure at the worse end of its orders.
fn loss(leg: &OptionInput, mark: i64, value: i64, measure: Measure) -> i128 {
    let wide = |raw: i64| i128::from(raw);
    let (mark, fall, lots) = (wide(mark), wide(mark) - wide(value), wide(leg.lots.raw()));
    if measure == Measure::Maintenance {
        return lots * fall;
    }
    let (bids, asks) = (wide(leg.bids.raw()), wide(leg.asks.raw()));
    let bought = (16 * wide(leg.bids_value.raw()) - bids * mark).max(0);
    let sold = (asks * mark - 16 * wide(leg.asks_value.raw())).max(0);
    ((lots + bids) * fall + bought).max((lots - asks) * fall + sold)
}

proptest! {
    /// Every unit value is the Black-76 price of its scenario: within an atom for the rounded forward, and 3e-8 of the larger of forward and
    /// strike for the distribution.
    #[test]
    fn unit_values_are_black_76_prices(account in any_options(4)) {
        for (spec, unit) in account.series.iter().zip(account.units()) {
            for (column, value) in unit.values.iter().enumerate() {
                let exact = reference(&account, spec, column);
                let scale = account.expiries[usize::from(spec.expiry)].forward.raw().max(spec.strike) as f64;
                let off = (*value as f64 / 16.0 - exact).abs();
                prop_assert!(off < 1.0 + 3e-8 * scale, "column {column} of {spec:?}: {} against {exact}", *value as f64 / 16.0);
            }
        }
    }

    /// Put = call − (F − K) to the sixteenth of an atom, in every scenario; neither below zero.
    #[test]
    fn put_call_parity_is_exact(account in any_options(2)) {
        let (mut calls, mut puts) = (account.clone(), account.clone());
        calls.series.iter_mut().for_each(|s| s.kind = OptionKind::Call);
        puts.series.iter_mut().for_each(|s| s.kind = OptionKind::Put);
        for (spec, (call, put)) in account.series.iter().zip(calls.units().into_iter().zip(puts.units())) {
            let forward = account.expiries[usize::from(spec.expiry)].forward.raw();
            let range = account.markets[0].0.spot_range.raw();
            for (column, (call, put)) in call.values.iter().zip(put.values).enumerate() {
                let spot = match GRID[column.min(31)].spot {
                    SpotMove::Quarters(quarters) if column < 31 => range * i64::from(quarters) / 4,
                    SpotMove::Tail(shock) => shock.raw(),
                    SpotMove::Quarters(_) => 0,
                };
                let moved = (forward * ((1 << 30) + spot) + (1 << 29)) >> 30;
                prop_assert_eq!(call - put, (moved - spec.strike) * 16);
                prop_assert!(*call >= 0 && put >= 0);
            }
        }
    }

    /// The rows of a market are the sums over its legs of what each loses, orders on the worse side, in the skew rows each expiry at its own
    /// worst sign; and what is read off them is the largest of them.
    #[test]
    fn rows_are_the_sums_over_legs_and_skews_count_at_their_worst_sign(account in any_portfolio(6)) {
        let (units, expiries) = (account.units(), account.expiry_terms());
        let book = OptionBook { legs: &account.legs, expiries: &expiries, units_im: &units, units_mm: &units };
        let bounded = book.check().unwrap();
        let range = account.markets[0].0.spot_range.raw();
        for measure in [Measure::Initial, Measure::Maintenance] {
            let mut rows = [0_i128; SCENARIOS];
            for place in 0..expiries.len() {
                let mut columns = [0_i128; COLUMNS];
                let of_expiry = |leg: &&OptionInput| usize::from(units[usize::from(leg.series)].expiry) == place;
                for leg in account.legs.iter().filter(of_expiry) {
                    let unit = &units[usize::from(leg.series)];
                    columns.iter_mut().zip(unit.values).for_each(|(sum, value)| *sum += loss(leg, unit.values[21], value, measure));
                }
                rows.iter_mut().zip(columns).take(31).for_each(|(row, column)| *row += column);
                rows[31] += columns[31].max(columns[32]);
                rows[32] += columns[33].max(columns[34]);
            }
            let rows = rows.map(|row| (row + 15).div_euclid(16) as i64);
            let part = option_part::<Bare>(&bounded, 0, range, measure).unwrap();
            prop_assert_eq!(part.rows, rows);
            let mut spots = [i64::MIN; 17];
            rows.iter().zip(ROW_SPOT).for_each(|(row, spot)| spots[spot] = spots[spot].max(*row));
            prop_assert_eq!(part.spots, spots);
            let counted = |(row, loss): (usize, &i64)| dampened::<Bare>(row, *loss);
            prop_assert_eq!(part.alone, rows.iter().enumerate().map(counted).max().unwrap().max(0));
        }
    }

    /// The row that is named is the first of those that cost most.
    #[test]
    fn the_worst_row_is_the_first_of_the_worst(account in any_portfolio(6)) {
        let (units, expiries) = (account.units(), account.expiry_terms());
        let book = OptionBook { legs: &account.legs, expiries: &expiries, units_im: &units, units_mm: &units };
        let (terms, leg) = account.terms()[0];
        for measure in [Measure::Initial, Measure::Maintenance] {
            let part = option_part::<Bare>(&book.check().unwrap(), 0, terms.range, measure).unwrap();
            let (ends, rates) = (LinearEnds::new::<Bare>(&terms, &leg, measure), MeasureRates::new(&terms, measure));
            let moves = spot_moves(terms.range);
            let row = |row: usize| factored::<Bare>(dampened::<Bare>(row, ends.loss::<Bare>(moves[ROW_SPOT[row]]) + part.rows[row]), rates.factor);
            let rows: [i64; SCENARIOS] = std::array::from_fn(row);
            prop_assert_eq!(market_scan::<Bare>(&ends, &part, part.short, &rates, None).worst, worst_of(&rows).1);
        }
    }

    /// Without orders the share of a delta is taken once for both directions: what the general way says of each move.
    #[test]
    fn losses_of_a_plain_delta_are_those_of_each_move(delta in -(1_i64 << 57)..=1 << 57, range in SPOT_RANGE_MIN.raw()..=SPOT_RANGE_MAX.raw()) {
        let ends = LinearEnds { long: delta, short: delta, ..LinearEnds::default() };
        prop_assert_eq!(linear_losses::<Bare>(&ends, range), spot_moves(range).map(|by| ends.loss::<Bare>(by)));
    }

    #[test]
    fn initial_covers_target_covers_maintenance_with_options(account in any_portfolio(6)) {
        let (health, report) = account.report();
        prop_assert!(health.im >= health.target && health.target >= health.mm && !health.mm.is_negative());
        for measure in [report.im, report.mm] {
            prop_assert!(!measure.scan.is_negative() && !measure.add_ons.total().unwrap().is_negative());
        }
        prop_assert_eq!(health.mm, report.mm.scan.add(report.mm.add_ons.total().unwrap()).unwrap());
    }

    /// More of the same option never needs less.
    #[test]
    fn requirements_are_monotone_in_a_single_option(account in any_options(1), lots in 1..2_000i64, more in 0..2_000i64, is_long: bool) {
        let of = |lots: i64| account.with_legs(vec![option(0, if is_long { lots } else { -lots })]).health();
        let (less, more) = (of(lots), of(lots + more));
        prop_assert!(more.mm >= less.mm && more.target >= less.target && more.im >= less.im, "{less:?} {more:?}");
    }

    /// RULES 4.5: options that are paid for need no more than was paid.
    #[test]
    fn a_long_needs_at_most_its_value(account in any_options(6)) {
        let longs: Vec<_> = account.legs.iter().map(|leg| OptionInput { lots: leg.lots.abs().unwrap(), ..*leg }).collect();
        let health = account.with_legs(longs).health();
        // The equity is the mark value, rounded down.
        prop_assert!(health.im.raw() <= health.equity.raw() + 3, "{health:?}");
    }

    /// A spread whose short side is covered needs at most its width, or what was paid for it.
    #[test]
    fn a_covered_spread_needs_at_most_its_maximum_loss(account in any_options(1), width in 1..=100i64, lots in 1..1_000i64, is_credit: bool) {
        let mut account = account;
        let near = account.series[0];
        let far = SeriesSpec { strike: near.strike + near.strike * width / 100, ..near };
        account.series = vec![near, far];
        // The covered side: a call is covered by the lower strike, a put by the higher one; or the other way round for a credit.
        let sign = if (near.kind == OptionKind::Call) == is_credit { -1 } else { 1 };
        account.legs = vec![option(0, sign * lots), option(1, -sign * lots)];
        let health = account.health();
        let pays_least = if is_credit { -(far.strike - near.strike) * lots } else { 0 };
        let most = health.equity.raw() - pays_least;
        prop_assert!(health.im.raw() <= most + 3 && health.mm.raw() <= most + 3, "{most} {health:?}");
    }

    /// A long option against a short one of the same expiry and kind further in the money never raises the scan.
    #[test]
    fn a_wing_never_raises_the_scan(account in any_options(1), width in 1..=100i64, lots in 1..1_000i64, share in 0..=100i64) {
        let mut account = account;
        let sold = account.series[0];
        let strike = if sold.kind == OptionKind::Call { sold.strike * (100 + width) / 100 } else { sold.strike * 100 / (100 + width) };
        account.series = vec![sold, SeriesSpec { strike, ..sold }];
        let scan = |bought: i64| account.with_legs(vec![option(0, -lots), option(1, bought)]).health().legs[0];
        let (naked, winged) = (scan(0), scan(lots * share / 100));
        prop_assert!(winged.scan_im <= naked.scan_im && winged.scan_mm <= naked.scan_mm, "{naked:?} {winged:?}");
    }

    /// A perp against the delta of a sold option, up to half of that delta, never raises the scan, for strikes within 30 % of the forward,
    /// volatilities to 100 % and 90 days. [With volatility of several hundred percent the shock of volatility costs nearly as much at one end
    /// of the range as at the other, and any perp raises one of them.]
    #[test]
    fn a_delta_hedge_never_raises_the_scan(account in any_options(1), lots in 1..2_000i64, share in 0..=50i64, sigma in 20..=100i64) {
        let mut account = account;
        let forward = account.expiries[0].forward.raw();
        account.expiries[0].tau = Secs::new(account.expiries[0].tau.raw() / 8);
        account.series[0].expiry = 0;
        account.series[0].strike = account.series[0].strike.clamp(forward * 7 / 10, forward * 13 / 10);
        account.series[0].sigma = Ratio::of(sigma, 100);
        let short = account.with_legs(vec![option(0, -lots)]);
        let delta = account.units()[0].delta().raw() * lots / account.markets[0].0.mark.raw();
        let mut hedged = short.clone();
        hedged.markets[0].1 = position(delta * share / 100, 0);
        let (naked, hedged) = (short.health().legs[0], hedged.health().legs[0]);
        // One lot of the perp and the rounded shares of the range are the tolerance.
        prop_assert!(hedged.scan_im.raw() <= naked.scan_im.raw() + 8 && hedged.scan_mm.raw() <= naked.scan_mm.raw() + 8, "{naked:?} {hedged:?}");
    }

    #[test]
    fn the_order_of_options_does_not_matter(account in any_portfolio(6)) {
        let mut reversed = account.clone();
        reversed.legs.reverse();
        prop_assert_eq!(account.report(), reversed.report());
    }

    /// Within one mode two accounts never need less scan than the one that holds both: with a linear charge of the whole notional, which is
    /// never the smaller term.
    #[test]
    fn splitting_options_never_lowers_the_scan(account in any_portfolio(6), pick: u8, perp in -5_000i64..=5_000) {
        let mut whole = account;
        (whole.markets[0].0.im_rate, whole.markets[0].0.mm_rate) = (Ratio::ONE, Ratio::ONE);
        // One volatility for all strikes: with arbitrage between them the most that can be lost is less than what the grid says.
        let sigma = whole.series[0].sigma;
        whole.series.iter_mut().for_each(|series| series.sigma = sigma);
        let (mut one, mut two) = (whole.clone(), whole.clone());
        one.legs.retain(|leg| pick >> leg.series & 1 == 0);
        two.legs.retain(|leg| pick >> leg.series & 1 != 0);
        one.markets[0].1 = position(perp, 0);
        two.markets[0].1.lots = Lots::new(whole.markets[0].1.lots.raw() - perp);
        let (whole, one, two) = (whole.health().legs[0], one.health().legs[0], two.health().legs[0]);
        prop_assert!(one.scan_mm.raw() + two.scan_mm.raw() + 2 >= whole.scan_mm.raw(), "{one:?} {two:?} {whole:?}");
        prop_assert!(one.scan_im.raw() + two.scan_im.raw() + 2 >= whole.scan_im.raw());
    }

    /// Resting orders only ever raise the initial measure, and touch nothing else.
    #[test]
    fn option_orders_never_lower_a_requirement(account in any_portfolio(6)) {
        let bare = account.legs.iter().map(|leg| option(leg.series, leg.lots.raw())).collect();
        let (with, without) = (account.health(), account.with_legs(bare).health());
        prop_assert!(with.im >= without.im && with.equity_im <= without.equity_im);
        prop_assert_eq!((with.target, with.mm, with.equity), (without.target, without.mm, without.equity));
    }

    /// A doubtful price lowers E_im and raises nothing but the trigger.
    #[test]
    fn uncertainty_never_helps_an_option_account(account in any_portfolio(4), wider in 0..1i64 << 30) {
        let mut doubtful = account.clone();
        doubtful.markets[0].0.confidence = doubtful.markets[0].0.confidence.add(Ratio::new(wider)).unwrap();
        let (sure, unsure) = (account.health(), doubtful.health());
        prop_assert!(unsure.equity_im <= sure.equity_im);
        prop_assert_eq!((unsure.equity, unsure.im, unsure.target, unsure.mm), (sure.equity, sure.im, sure.target, sure.mm));
        prop_assert!(unsure.equity_trigger >= sure.equity_trigger);
    }
}
