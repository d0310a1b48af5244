//! Penalty, its cap and split, the take-over's balance (RULES 6.2, 6.3, 5.2).

use super::*;

#[test]
fn the_penalty_grows_for_ten_minutes() {
    let rate = |seconds| penalty_rate(Secs::new(seconds), &params()).unwrap();
    assert_eq!(rate(-5), params().penalty_start);
    assert_eq!(rate(0), params().penalty_start);
    assert!((rate(300).raw() - Ratio::of(1, 100).raw()).abs() <= 1);
    assert!(rate(599) < params().penalty_end);
    assert_eq!(rate(600), params().penalty_end);
    assert_eq!(rate(i64::MAX), params().penalty_end);
    let no_ramp = LiquidationParams { penalty_ramp: Secs::ZERO, ..params() };
    assert_eq!(penalty_rate(Secs::ZERO, &no_ramp), Err(RiskError::DivisionByZero));
}

#[test]
fn the_take_over_price_is_rounded_for_the_account() {
    let price = |mark, lots, rate| takeover_price(Price::new(mark), Lots::new(lots), rate).unwrap().raw();
    let half_percent = Ratio::of(1, 200);
    assert_eq!(price(1_000_000, -1, Ratio::of(1, 128)), 992_188);
    assert_eq!(price(1_000_000, 1, Ratio::of(1, 128)), 1_007_812);
    // Less than one atom a lot: no penalty in the limit price.
    assert_eq!(price(20, -1, half_percent), 20);
    assert_eq!(price(20, 1, half_percent), 20);
    assert_eq!(price(1 << 30, 1, half_percent), 1 << 30);
    assert_eq!(price(1, -1, Ratio::ONE), 1);
    for rate in [Ratio::new(-1), Ratio::new((1 << 30) + 1)] {
        assert_eq!(takeover_price(Price::new(1), Lots::new(1), rate), Err(RiskError::ParameterOutOfRange));
    }
}

/// A leg of 10 000 lots at $1 with cash; MM is $300.
fn long(cash: Quote) -> (MarketTerms, LegInput, Health) {
    let (terms, leg) = (terms(&major(1_000_000)), position(10_000, 1_000_000));
    let health = health(cash, [(&terms, &leg)]).unwrap();
    (terms, leg, health)
}

fn near(amount: Quote, atoms: i64) -> bool {
    (amount.raw() - atoms).abs() <= 20
}

#[test]
fn the_penalty_never_lowers_the_ratio() {
    // equity in cents, rate in basis points, penalty on 2 000 lots in thousandths of a dollar
    let rows = [
        (290_00, 50, 10_000),
        (290_00, 150, 30_000),
        // half of MM: 3 % × ½ = 1.5 % is just allowed
        (150_00, 150, 30_000),
        (100_00, 150, 20_000),
        (10_00, 50, 2_000),
        (1, 50, 2),
        // above MM the share of MM itself is the cap
        (400_00, 150, 30_000),
    ];
    for (cents, basis_points, expected) in rows {
        let (terms, leg, health) = long(Quote::new(cents * 10_000));
        let view = LegView { health: &health, terms: &terms, leg: &leg, rate: Ratio::of(basis_points, 10_000), cross: None };
        let outcome = takeover(&view, Lots::new(2_000), &params()).unwrap();
        assert!(near(outcome.penalty.total, expected * 1_000), "{cents}: {outcome:?}");
    }
}

#[test]
fn the_keeper_is_paid_first_then_insurance_then_protocol() {
    // $2 000 at 0.5 %: nominal $10, of which $5, $4 and $1.
    for (cents, keeper, insurance, protocol) in
        [(290_00, 5_000, 4_000, 1_000), (45_00, 5_000, 4_000, 0), (40_00, 5_000, 3_000, 0), (25_00, 5_000, 0, 0), (10_00, 2_000, 0, 0)]
    {
        let (terms, leg, health) = long(Quote::new(cents * 10_000));
        let view = LegView { health: &health, terms: &terms, leg: &leg, rate: Ratio::of(1, 200), cross: None };
        let paid = takeover(&view, Lots::new(2_000), &params()).unwrap().penalty;
        let is_expected =
            near(paid.keeper, keeper * 1_000) && near(paid.insurance, insurance * 1_000) && near(paid.protocol, protocol * 1_000);
        assert!(is_expected, "{cents}: {paid:?}");
    }
}

#[test]
fn a_book_fill_never_costs_more_than_the_take_over() {
    let (terms, leg, health) = long(usd(290));
    let view = LegView { health: &health, terms: &terms, leg: &leg, rate: Ratio::of(1, 200), cross: None };
    let paid = |value: i64| book_penalty(&view, Lots::new(2_000), Quote::new(value), &params()).unwrap();
    let full = takeover(&view, Lots::new(2_000), &params()).unwrap().penalty;
    // At the mark or better the whole penalty is due, at the limit nothing.
    assert_eq!(paid(2_000_000_000), full);
    assert_eq!(paid(2_100_000_000), full);
    assert_eq!(paid(2_000_000_000 - full.total.raw()).total, Quote::ZERO);
    assert_eq!(paid(1_900_000_000).total, Quote::ZERO);
    let between = paid(1_997_000_000);
    assert_eq!(between.total, full.total.sub(usd(3)).unwrap());
    assert_eq!((between.keeper, between.protocol), (full.keeper, Quote::ZERO));

    let short = position(-10_000, 1_000_000);
    let bought = LegView { leg: &short, ..view };
    let paid = |value: i64| book_penalty(&bought, Lots::new(2_000), Quote::new(value), &params()).unwrap().total;
    assert_eq!((paid(2_000_000_000), paid(2_003_000_000)), (full.total, full.total.sub(usd(3)).unwrap()));
}

#[test]
fn nothing_is_taken_over_without_equity_or_beyond_the_position() {
    for cash in [Quote::ZERO, usd(290)] {
        let (terms, leg, health) = long(cash);
        let view = LegView { health: &health, terms: &terms, leg: &leg, rate: Ratio::of(1, 200), cross: None };
        let rows = if cash.is_zero() {
            [(1, RiskError::WrongState), (10_000, RiskError::WrongState), (10_001, RiskError::WrongState)]
        } else {
            [(0, RiskError::QuantityOutOfRange), (-1, RiskError::QuantityOutOfRange), (10_001, RiskError::QuantityOutOfRange)]
        };
        for (lots, error) in rows {
            assert_eq!(takeover(&view, Lots::new(lots), &params()), Err(error));
            assert_eq!(book_penalty(&view, Lots::new(lots), usd(1), &params()), Err(error));
        }
        assert_eq!(takeover(&view, Lots::new(10_000), &params()).is_ok(), cash.is_positive());
    }
}

proptest! {
    /// To the atom: the two accounts, the tranche and the protocol add up to nothing, and the parts to the penalty.
    #[test]
    fn a_take_over_creates_nothing(mark in 1..1i64 << 26, lots in -(1i64 << 29)..1 << 29, equity in 1..1i64 << 50, part in 1..=100i64, rate in 0..1i64 << 25) {
        prop_assume!(lots != 0);
        let (terms, leg) = (terms(&major(mark)), position(lots, mark));
        let health = health(Quote::new(equity), [(&terms, &leg)]).unwrap();
        let view = LegView { health: &health, terms: &terms, leg: &leg, rate: Ratio::new(rate), cross: None };
        let taken = (lots.abs() * part / 100).max(1);
        let outcome = takeover(&view, Lots::new(taken), &params()).unwrap();
        let quotes = [outcome.liquidatee_quote, outcome.liquidator_quote, outcome.tranche_quote, outcome.protocol_quote];
        prop_assert_eq!(quotes.iter().map(|quote| quote.raw()).sum::<i64>(), 0);
        let penalty = outcome.penalty;
        prop_assert_eq!(penalty.keeper.raw() + penalty.insurance.raw() + penalty.protocol.raw(), penalty.total.raw());
        prop_assert!([penalty.keeper, penalty.insurance, penalty.protocol].into_iter().all(|part| !part.is_negative()));
        prop_assert!(penalty.total <= health.equity);
        prop_assert_eq!(outcome.liquidatee_lots.raw(), -taken * lots.signum());
    }

    /// A fill at the limit price costs no more than the same lots taken over, but for the atom by which scans round.
    #[test]
    fn the_limit_price_respects_the_cap(mark in 1..1i64 << 26, lots in -(1i64 << 29)..1 << 29, equity in 1..1i64 << 50, rate in 0..1i64 << 25) {
        prop_assume!(lots != 0);
        let (terms, leg) = (terms(&major(mark)), position(lots, mark));
        let health = health(Quote::new(equity), [(&terms, &leg)]).unwrap();
        let view = LegView { health: &health, terms: &terms, leg: &leg, rate: Ratio::new(rate), cross: None };
        let limit = takeover_price(terms.mark(), leg.lots.neg().unwrap(), view.capped_rate(Lots::new(1), Round::Floor).unwrap()).unwrap();
        let slippage = (limit.raw() - mark).abs() * lots.abs();
        let full = takeover(&view, leg.lots.abs().unwrap(), &params()).unwrap().penalty.total;
        prop_assert!(slippage <= full.raw() + 1, "{slippage} {full:?}");
    }
}

#[test]
fn parameters_have_ranges() {
    assert_eq!(params().check(), Ok(()));
    let over = Ratio::new((1 << 30) + 1);
    let changes: [fn(&mut LiquidationParams, Ratio); 13] = [
        |params, _| params.penalty_start = Ratio::new(-1),
        |params, _| params.penalty_start = Ratio::of(2, 100),
        |params, _| params.penalty_end = Ratio::of(51, 1_000),
        |params, _| params.penalty_ramp = Secs::ZERO,
        |params, _| params.keeper_share = Ratio::new(-1),
        |params, _| params.insurance_share = Ratio::new(-1),
        |params, over| params.keeper_share = over,
        |params, _| params.slice_share = Ratio::ZERO,
        |params, over| params.slice_share = over,
        |params, _| params.whole_leg = Quote::new(-1),
        |params, _| params.bankrupt_value = Quote::new(-1),
        |params, _| params.sample_window = Secs::new(1),
        |params, _| params.reentry = Secs::new(-1),
    ];
    for (row, change) in changes.into_iter().enumerate() {
        let mut changed = params();
        change(&mut changed, over);
        assert_eq!(changed.check(), Err(RiskError::ParameterOutOfRange), "row {row}");
    }
}
