//! The worked examples with options and with two markets of `docs/margin.md`.

use super::book::{expiry, option, Account, SeriesSpec};
use super::*;

/// SOL at $150 in lots of 0.01: options of 30 days at 60 % on a forward at the mark.
fn sol(series: &[(i64, OptionKind)], lots: &[i64]) -> Account {
    let mut account = Account::new(vec![(major(1_500_000), LegInput::default())]);
    account.expiries = vec![expiry(0, 1_500_000, 30)];
    let spec = |&(strike, kind): &(i64, OptionKind)| SeriesSpec { expiry: 0, strike: strike * 10_000, kind, sigma: Ratio::of(6, 10) };
    account.series = series.iter().map(spec).collect();
    account.legs = (0_u8..).zip(lots).map(|(place, lots)| option(place, *lots)).collect();
    account
}

#[test]
fn print_all() {
    let show = |name: &str, account: &Account| {
        let (h, r) = account.report();
        println!(
            "== {name}: E {} E_im {} IM {} T {} MM {} locked {}",
            h.equity.raw(),
            h.equity_im.raw(),
            h.im.raw(),
            h.target.raw(),
            h.mm.raw(),
            h.locked.raw()
        );
        println!("   im {:?}\n   mm {:?}", r.im, r.mm);
        println!("   leg {:?} value {:?} delta {:?}", h.legs[0], r.option_value[0], r.option_delta[0]);
        for u in account.units() {
            println!("   unit {:?}", u.values.map(|v| v / 16));
        }
    };
    use OptionKind::{Call, Put};
    show("spread", &sol(&[(150, Call), (170, Call)], &[10_000, -10_000]));
    show("straddle", &sol(&[(150, Call), (150, Put)], &[-10_000, -10_000]));
    let mut covered = sol(&[(170, Call)], &[-10_000]);
    covered.markets[0].1 = position(10_000, 1_500_000);
    show("covered call", &covered);
    let mut two = Account::new(vec![(major(6_000_000), position(5_000, 6_000_000)), (major(300_000), position(-80_000, 300_000))]);
    two.groups = vec![GroupTerms { members: 3, credit_im: Ratio::of(7, 10), credit_mm: Ratio::of(7, 10), phi: Ratio::of(3, 4) }];
    show("pair", &two);
}
