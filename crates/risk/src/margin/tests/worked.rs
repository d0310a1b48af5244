//! The worked examples with options and with two markets of `docs/margin.md`.

use super::book::{expiry, option, Account, SeriesSpec};
use super::*;
use OptionKind::{Call, Put};

/// SOL at $150 in lots of 0.01: options of 30 days at 60 % on a forward at the mark.
fn sol(series: &[(i64, OptionKind)], lots: &[i64]) -> Account {
    let mut account = Account::new(vec![(major(1_500_000), LegInput::default())]);
    account.expiries = vec![expiry(0, 1_500_000, 30)];
    let spec = |&(strike, kind): &(i64, OptionKind)| SeriesSpec { expiry: 0, strike: strike * 10_000, kind, sigma: Ratio::of(6, 10) };
    account.series = series.iter().map(spec).collect();
    account.legs = (0_u8..).zip(lots).map(|(place, lots)| option(place, *lots)).collect();
    account
}

/// Within a cent of the dollars in the document.
fn is_about(amount: Quote, cents_of: i64) -> bool {
    (amount.raw() - cents(cents_of).raw()).abs() <= 10_000
}

/// Requirements in cents: IM, T, MM.
fn measures(account: &Account, im: i64, target: i64, mm: i64) -> (Health, Report) {
    let (health, report) = account.report();
    assert!(is_about(health.im, im) && is_about(health.target, target) && is_about(health.mm, mm), "{health:?}");
    (health, report)
}

#[test]
fn example_a_call_spread_paid_for() {
    let (health, report) = measures(&sol(&[(150, Call), (170, Call)], &[10_000, -10_000]), 65_445, 65_445, 61_316);
    assert!(is_about(health.equity, 65_445) && health.locked.is_zero() && health.equity_im == health.equity);
    assert!(is_about(report.im.scan, 56_887) && is_about(report.mm.scan, 45_510));
    // The limit cuts the tenor discount and then the basis: 654.45 − 568.87.
    assert!(is_about(report.im.add_ons.total().unwrap(), 8_558) && is_about(report.mm.add_ons.basis, 11_721));
    assert!(is_about(report.mm.add_ons.tenor, 4_085) && report.mm.add_ons.short_options.is_zero());
    assert_eq!((health.legs[0].worst_scenario, health.legs[0].worst_scenario_im), (8, 8));
    // Paid in full it stands by itself, a rounded atom aside, and keeps no other cash in the account.
    let with_cash = |atoms: i64| Account { cash: Quote::new(atoms), ..sol(&[(150, Call), (170, Call)], &[10_000, -10_000]) }.health();
    assert!(withdrawal_allowed(&with_cash(2)).unwrap());
}

/// RULES 1.6: option value above the requirement backs no withdrawal; the margin of a perp has to be there without it.
#[test]
fn surviving_option_value_is_not_withdrawable() {
    let mut account = sol(&[(100, Call)], &[10_000]);
    account.expiries.push(expiry(1, 6_000_000, 30));
    account.markets.push((major(6_000_000), position(5_000, 6_000_000)));
    let (health, report) = account.report();
    // Deep in the money: $5,000 and more of value, of which the worst scenario leaves a part.
    assert!(report.option_value[0] > usd(5_000) && health.locked > usd(1_500) && health.is_initial());
    assert!(!withdrawal_allowed(&health).unwrap());
    let needed = health.im.add(health.locked).unwrap().sub(health.equity_im).unwrap();
    let with = |cash: Quote| withdrawal_allowed(&Account { cash, ..account.clone() }.health()).unwrap();
    assert!(needed.is_positive() && with(needed) && !with(needed.sub(Quote::new(1)).unwrap()));
}

#[test]
fn example_a_short_straddle_and_its_witness() {
    let account = sol(&[(150, Call), (150, Put)], &[-10_000, -10_000]);
    let (health, report) = measures(&account, 2_398_10, 2_120_26, 1_843_70);
    assert!(is_about(health.equity, -2_056_18) && health.legs[0].worst_scenario == 31);
    assert!(is_about(report.im.add_ons.basis, 7_610) && is_about(report.im.add_ons.short_options, 30_000));
    assert!(is_about(report.im.scan, 2_022_00) && is_about(report.mm.scan, 1_617_60));
    let greeks = report.option_greeks[0];
    for (found, cents_of) in [(report.option_delta[0], -1_028_09), (greeks.gamma, -693_20), (greeks.vega, -34_19), (greeks.theta, 34_19)] {
        assert!(is_about(found, cents_of), "{found:?} {cents_of}");
    }
    // Spot a percent up.
    let moved = Account { expiries: vec![expiry(0, 1_515_000, 30)], ..account.clone() }.health();
    assert!(is_about(moved.equity.sub(health.equity).unwrap(), -13_73));
    for (row, claimed) in [(31, 1_767_60), (1, 1_720_24)] {
        let shown = super::witness::shown(&account, &Witness { joint: 22, alone: [row; MAX_LEGS] });
        assert!(is_about(shown.requirement, claimed), "{row}: {shown:?}");
        assert_eq!(shown.equity, health.equity);
    }
}

#[test]
fn example_a_covered_call() {
    let mut account = sol(&[(170, Call)], &[-10_000]);
    account.markets[0].1 = position(10_000, 1_500_000);
    let (health, report) = measures(&account, 2_798_97, 2_554_72, 2_221_49);
    assert!(
        is_about(report.im.scan, 2_512_39)
            && is_about(report.im.add_ons.basis, 13_658)
            && is_about(report.im.add_ons.short_options, 15_000)
    );
    assert_eq!((health.legs[0].mode_im, health.legs[0].worst_scenario_im), (ScanMode::Grid, 2));
}

#[test]
fn example_two_correlated_markets() {
    let mut account = Account::new(vec![(major(6_000_000), position(5_000, 6_000_000)), (major(300_000), position(-80_000, 300_000))]);
    let (plain, _) = measures(&account, 2_700_00, 2_700_00, 1_620_00);
    account.groups = vec![GroupTerms { members: 3, credit_im: Ratio::of(7, 10), credit_mm: Ratio::of(7, 10), phi: Ratio::of(3, 4) }];
    let (health, report) = measures(&account, 1_755_00, 1_755_00, 67_500);
    assert!(is_about(report.im.scan, 1_125_00) && is_about(report.mm.standalone, 1_620_00) && health.equity == plain.equity);
    // A scan without φ: J + 0.3·(S − J).
    account.groups[0].phi = Ratio::ZERO;
    assert!(is_about(account.report().1.mm.scan, 61_200) && is_about(account.report().1.im.scan, 1_020_00));
    account.groups[0].phi = Ratio::of(3, 4);
    account.markets[1].1 = LegInput::default();
    assert!(is_about(account.health().mm, 90_000));
}
