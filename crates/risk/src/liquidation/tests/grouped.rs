//! Liquidations of legs whose markets are bound together (RULES 4.3), or that pay for their size or a depeg (4.4).

use super::*;
use crate::margin::{portfolio, CrossTerms, GroupTerms, OptionBook, SizeTerms};

/// Cash and up to five legs of one group; the quote token at its peg or off it.
#[derive(Clone, Debug)]
struct Account {
    legs: Vec<(MarketRisk, LegInput)>,
    group: GroupTerms,
    depeg: Depeg,
}

impl Account {
    fn health(&self) -> Health {
        let priced: Vec<_> = self.legs.iter().map(|(risk, leg)| (terms(risk), *leg)).collect();
        let groups = [self.group];
        let cross = CrossTerms { groups: &groups, depeg: self.depeg };
        portfolio(Quote::ZERO, priced.iter().map(|(terms, leg)| (terms, leg)), &OptionBook::NONE, &cross, None).unwrap()
    }
}

fn any_leg() -> impl Strategy<Value = (MarketRisk, LegInput)> {
    let rates = (15..=150i64, 10..=120i64);
    (rates, -1_000_000i64..=1_000_000, 1..=2_000_000i64, 0..=100i64, prop_oneof![Just(0i64), 0..=200i64]).prop_map(
        |((im, mm), lots, mark, allowance, rate)| {
            let allowance = Quote::new(lots.abs() * mark / 100 * allowance);
            let size = SizeTerms { allowance_im: allowance, allowance_mm: allowance, rate: Ratio::of(rate, 1_000) };
            let risk = MarketRisk { im_rate: Ratio::of(im.max(mm), 1_000), mm_rate: Ratio::of(mm, 1_000), size, ..major(mark) };
            (risk, position(lots, mark))
        },
    )
}

/// Equity anywhere in (0, MM).
fn any_failing() -> impl Strategy<Value = Account> {
    let charge = prop_oneof![Just(0i64), 1..=1000i64];
    (prop::collection::vec(any_leg(), 1..=5), 1..1000i64, 0..=700i64, 0..=1000i64, charge).prop_filter_map(
        "nothing at risk",
        |(legs, share, credit, phi, charge)| {
            let members = u8::MAX >> (8 - legs.len());
            let credit = Ratio::of(credit, 1_000);
            let group = GroupTerms { members, credit_im: credit, credit_mm: credit, phi: Ratio::of(phi, 1_000) };
            let depeg = Depeg { im: Ratio::of(charge, 1_000), mm: Ratio::of(charge, 1_000) };
            let mut account = Account { legs, group, depeg };
            let equity = i64::try_from(i128::from(account.health().mm.raw()) * i128::from(share) / 1000).unwrap();
            let missing = equity - account.health().equity.raw();
            account.legs[0].1.quote = account.legs[0].1.quote.add(Quote::new(missing)).unwrap();
            (equity > 0).then_some(account)
        },
    )
}

/// Takes what a slice of one leg offers; the lots that went. Panics where a post-condition fails.
fn take(account: &mut Account, index: usize, rate: Ratio) -> i64 {
    let before = account.health();
    let groups = [account.group];
    let cross = CrossTerms { groups: &groups, depeg: account.depeg };
    let (risk, leg) = account.legs[index];
    let terms = terms(&risk);
    let view = LegView { health: &before, terms: &terms, leg: &leg, rate, cross: Some((&cross, index)) };
    let size = size_slice(&view, &params()).unwrap();
    assert!(size.lots <= size.quota && size.lots <= size.needed && size.lots <= leg.lots.abs().unwrap());
    if size.lots.is_zero() {
        return 0;
    }
    let outcome = takeover(&view, size.lots, &params()).unwrap();
    let changed = &mut account.legs[index].1;
    changed.lots = changed.lots.add(outcome.liquidatee_lots).unwrap();
    changed.quote = changed.quote.add(outcome.liquidatee_quote).unwrap();
    let after = account.health();
    let verdict = check_liquidatee(&before, &after, leg.lots, account.legs[index].1.lots, &terms, &account.depeg).unwrap();
    assert_eq!(verdict, Ok(()), "{before:?} {after:?} {size:?}");
    // What is sized by need reaches the target in this step.
    let is_by_need = size.lots == size.needed && size.needed < size.quota;
    assert!(!is_by_need || after.equity >= after.target, "{size:?} {after:?}");
    size.lots.raw()
}

proptest! {
    /// Steps keep every post-condition and come to an end: at E ≥ T, or where closing any leg alone would raise MM or gain nothing, which is
    /// where a slice of every leg takes over (RULES 6.2).
    #[test]
    fn every_step_keeps_the_rules_across_markets(mut account in any_failing(), rate in 0..=Ratio::of(15, 1_000).raw()) {
        let mut steps = 0;
        loop {
            let health = account.health();
            if health.equity >= health.target {
                break;
            }
            let taken: i64 = (0..account.legs.len()).map(|index| take(&mut account, index, Ratio::new(rate))).sum();
            steps += 1;
            prop_assert!(steps < 300, "{account:?}");
            if taken == 0 {
                let open = account.legs.iter().filter(|(_, leg)| !leg.lots.is_zero()).count();
                prop_assert!(open > 1, "one leg alone can always be closed: {account:?}");
                break;
            }
        }
    }

    /// The search finds the least lots that cure, as counting up does.
    #[test]
    fn the_search_finds_the_least_that_cures(account in any_failing(), rate in 0..=Ratio::of(15, 1_000).raw()) {
        let before = account.health();
        let groups = [account.group];
        let cross = CrossTerms { groups: &groups, depeg: account.depeg };
        for (index, (risk, leg)) in account.legs.iter().enumerate() {
            let terms = terms(risk);
            let view = LegView { health: &before, terms: &terms, leg, rate: Ratio::new(rate), cross: Some((&cross, index)) };
            let size = size_slice(&view, &params()).unwrap();
            if size.lots.is_zero() || size.needed >= size.quota || size.needed <= Lots::new(1) {
                continue;
            }
            let short = |lots: i64| super::super::slice_search::shortfall_after(&view, Lots::new(lots), &params()).unwrap();
            prop_assert!(!short(size.needed.raw()).is_positive());
            prop_assert!(short(size.needed.raw() - 1).is_positive() || short(size.needed.raw() - 1).raw() > -8, "{size:?}");
        }
    }
}

/// A BTC long against an ETH short with full credit: closing either leg alone raises MM, so neither is offered.
#[test]
fn one_side_of_a_hedge_is_left_to_the_slice_of_every_leg() {
    let credit = Ratio::of(7, 10);
    let group = GroupTerms { members: 3, credit_im: credit, credit_mm: credit, phi: Ratio::of(1, 4) };
    let legs = vec![(major(1_000_000), position(10_000, 1_000_000)), (major(1_000_000), position(-10_000, 1_000_000))];
    let mut account = Account { legs, group, depeg: Depeg::NONE };
    // MM: J = 0, S = $600, (1 − 0.7) · 600 = $180 over φ · 300 = $75; T = 180 + 400.
    let health = account.health();
    let is_about = |value: Quote, dollars: i64| (value.raw() - usd(dollars).raw()).abs() <= 20;
    assert!(is_about(health.mm, 180) && is_about(health.target, 580), "{health:?}");
    account.legs[0].1.quote = account.legs[0].1.quote.add(usd(170)).unwrap();
    assert_eq!((take(&mut account, 0, Ratio::of(1, 200)), take(&mut account, 1, Ratio::of(1, 200))), (0, 0));
    // Unhedged by half, the longer leg goes down to the balance and no further.
    account.legs[1].1 = LegInput { quote: usd(5_000), ..position(-5_000, 0) };
    account.legs[0].1.quote = usd(-10_000 + 200);
    assert_eq!(take(&mut account, 1, Ratio::ZERO), 0);
    let taken: i64 = (0..20).map(|_| take(&mut account, 0, Ratio::ZERO)).sum();
    assert_eq!((taken, account.legs[0].1.lots), (5_000, Lots::new(5_000)));
}
