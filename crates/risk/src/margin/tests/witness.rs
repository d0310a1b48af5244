//! A witness never claims more than the full requirement (RULES 4.6), and the right one claims nearly all of it.

use super::book::{any_options, any_portfolio, sane_market, Account};
use super::*;

pub(super) fn shown(account: &Account, named: &Witness) -> Shortfall {
    let (markets, expiries) = (account.terms(), account.expiry_terms());
    let price = |s: &super::book::SeriesSpec| {
        let market = account.expiries[usize::from(s.expiry)].market;
        let grid = named.grid(market, account.markets[usize::from(market)].0.spot_range).unwrap();
        named.unit_values(&grid, &expiries, s.expiry, Price::new(s.strike), s.kind, s.sigma).unwrap()
    };
    let units: Vec<_> = account.series.iter().map(price).collect();
    let book = OptionBook { legs: &account.legs, expiries: &expiries, units_im: &units, units_mm: &units };
    let cross = CrossTerms { groups: &account.groups, depeg: account.depeg };
    witness(account.cash, markets.iter().map(|(terms, leg)| (terms, leg)), &book, &cross, named).unwrap()
}

/// Two markets with options and one without, grouped or not.
fn any_account() -> impl Strategy<Value = Account> {
    let other = (any_options(3), -5_000i64..=5_000, sane_market(), -9_000i64..=9_000);
    (any_portfolio(4), other, 0..=700i64, 0..=1000i64, any::<bool>(), 0..=100i64).prop_map(
        |(mut account, (second, perp, third, lots), credit, phi, is_grouped, depeg)| {
            let (expiries, series) = (u8::try_from(account.expiries.len()).unwrap(), u8::try_from(account.series.len()).unwrap());
            account.markets.push((second.markets[0].0, position(perp, second.markets[0].0.mark.raw())));
            account.markets.push((third, position(lots, third.mark.raw())));
            account.expiries.extend(second.expiries.iter().map(|risk| ExpiryRisk { market: 1, ..*risk }));
            account.series.extend(second.series.iter().map(|s| super::book::SeriesSpec { expiry: s.expiry + expiries, ..*s }));
            account.legs.extend(second.legs.iter().map(|leg| OptionInput { series: leg.series + series, ..*leg }));
            let credit = Ratio::of(credit, 1_000);
            let group = GroupTerms { members: 7, credit_im: credit, credit_mm: credit, phi: Ratio::of(phi, 1_000) };
            account.groups = if is_grouped { vec![group] } else { vec![] };
            account.depeg = Depeg { im: Ratio::of(depeg, 1_000), mm: Ratio::of(depeg, 1_000) };
            account
        },
    )
}

proptest! {
    /// Whatever it names: never above the full requirement, and the equities exactly.
    #[test]
    fn a_witness_never_claims_too_much(account in any_account(), joint in 1..=33u8, alone in prop::array::uniform8(1..=33u8)) {
        let full = account.health();
        let seen = shown(&account, &Witness { joint, alone });
        prop_assert!(seen.requirement <= full.mm, "{seen:?} {:?}", full.mm);
        prop_assert!(!seen.requirement.is_negative());
        prop_assert_eq!((seen.equity, seen.equity_trigger), (full.equity, full.equity_trigger));
    }

    /// Named after the report, without groups, it claims everything but the basis contingency.
    #[test]
    fn the_right_witness_claims_the_whole_scan(account in any_account()) {
        let mut account = account;
        (account.groups, account.depeg) = (vec![], Depeg::default());
        account.markets[0].1 = LegInput::default();
        account.markets[1].1 = LegInput::default();
        let (full, report) = account.report();
        let alone = core::array::from_fn(|place| full.legs[place].worst_scenario.max(1));
        let seen = shown(&account, &Witness { joint: report.mm.joint_scenario, alone });
        // Beside a perp the other term of 4.2 bounds the scan too, and there the options are seen in the named rows alone.
        let is_seen = account.markets.iter().zip(report.option_value).all(|((_, leg), value)| leg.lots.is_zero() || value.is_zero());
        prop_assert!(!is_seen || seen.requirement >= report.mm.scan, "{seen:?} {report:?}");
    }
}

#[test]
fn a_witness_names_rows_of_the_grid() {
    let account = Account::new(vec![(major(100), position(10, 100))]);
    let legs = account.terms();
    let show = |joint: u8| {
        let named = Witness { joint, alone: [22; MAX_LEGS] };
        witness(Quote::ZERO, legs.iter().map(|(terms, leg)| (terms, leg)), &OptionBook::NONE, &CrossTerms::NONE, &named)
    };
    assert!(show(1).is_ok() && show(33).is_ok());
    for row in [0, 34, 255] {
        assert_eq!(show(row), Err(crate::RiskError::ParameterOutOfRange));
    }
    let named = Witness { joint: 22, alone: [0; MAX_LEGS] };
    assert_eq!(named.grid(0, Ratio::of(18, 100)), Err(crate::RiskError::ParameterOutOfRange));
    assert_eq!(named.grid(8, Ratio::of(18, 100)), Err(crate::RiskError::QuantityOutOfRange));
}
