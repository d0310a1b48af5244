//! Whole liquidations at constant prices: every step keeps its post-conditions, and they end (RULES 6.3, 6.5).

use super::*;

/// An account in the making: cash and up to three legs.
#[derive(Clone, Debug)]
struct Account {
    cash: Quote,
    legs: Vec<(MarketRisk, LegInput)>,
}

impl Account {
    fn health(&self) -> Health {
        let priced: Vec<_> = self.legs.iter().map(|(risk, leg)| (terms(risk), *leg)).collect();
        health(self.cash, priced.iter().map(|(terms, leg)| (terms, leg))).unwrap()
    }

    fn set_equity(&mut self, equity: i64) {
        let missing = equity - self.health().equity.raw();
        self.legs[0].1.quote = self.legs[0].1.quote.add(Quote::new(missing)).unwrap();
    }

    /// All collateral becomes cash at a discount of 1 % (RULES 1.3): what remains to be done where a hedge must not be closed.
    fn convert(&mut self) -> bool {
        let value = |leg: &LegInput| leg.collateral_mm.raw() * 5 / 4 * 99 / 100;
        let proceeds: i64 = self.legs.iter().map(|(_, leg)| value(leg)).sum();
        for (_, leg) in &mut self.legs {
            (leg.collateral_im, leg.collateral_mm) = (Quote::ZERO, Quote::ZERO);
        }
        self.cash = self.cash.add(Quote::new(proceeds)).unwrap();
        proceeds > 0
    }
}

fn any_leg() -> impl Strategy<Value = (MarketRisk, LegInput)> {
    let rates = (15..=180i64, 10..=150i64);
    // From dust to ten million dollars.
    let lots = prop_oneof![-100i64..=100, -10_000_000i64..=10_000_000];
    let mark = prop_oneof![1..=100i64, 1..=2_000_000i64];
    let collateral = prop_oneof![Just(0i64), 0..=100_000i64, 0..=2_000_000_000_000i64];
    (rates, (lots, mark, collateral)).prop_map(|((im, mm), (lots, mark, collateral))| {
        let risk = MarketRisk { im_rate: Ratio::of(im.max(mm), 1_000), mm_rate: Ratio::of(mm, 1_000), ..major(mark) };
        let worth = |weight: i64| Quote::new(collateral / 100 * weight);
        (risk, LegInput { collateral_im: worth(75), collateral_mm: worth(80), ..position(lots, mark) })
    })
}

/// Equity anywhere in (0, MM).
fn any_failing() -> impl Strategy<Value = Account> {
    (prop::collection::vec(any_leg(), 1..=3), 1..1000i64).prop_filter_map("nothing at risk", |(legs, share)| {
        let mut account = Account { cash: Quote::ZERO, legs };
        let mm = account.health().mm.raw();
        let equity = i64::try_from(i128::from(mm) * i128::from(share) / 1000).unwrap();
        account.set_equity(equity);
        (equity > 0).then_some(account)
    })
}

/// Takes the slice of one leg over; the lots that went. Panics where a post-condition fails.
fn take(account: &mut Account, index: usize, rate: Ratio) -> i64 {
    let before = account.health();
    let (risk, leg) = account.legs[index];
    let terms = terms(&risk);
    let view = LegView { health: &before, terms: &terms, leg: &leg, rate, cross: None };
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
    let lots_after = account.legs[index].1.lots;
    assert_eq!(
        check_liquidatee(&before, &after, leg.lots, lots_after, &terms, &Depeg::NONE).unwrap(),
        Ok(()),
        "{before:?} {after:?} {size:?}"
    );
    assert!(crate::margin::ratio_not_lower(&before, &after), "the exact cap leaves no atom of tolerance");
    assert!(after.equity.is_positive() || !before.equity.is_positive() || after.mm.is_zero(), "{after:?}");
    // What is sized by need, and not by share or hedge, reaches the target in this step.
    let is_by_need = size.lots == size.needed && size.needed < leg.lots.abs().unwrap() && leg.collateral_mm.is_zero();
    assert!(!is_by_need || after.equity >= after.target, "{size:?} {after:?}");
    size.lots.raw()
}

proptest! {
    /// Every liquidatable account makes progress until E ≥ T, and is there in finitely many steps.
    #[test]
    fn every_liquidation_ends(mut account in any_failing(), rate in 0..=Ratio::of(15, 1_000).raw()) {
        let mut steps = 0;
        loop {
            let health = account.health();
            if health.equity >= health.target {
                break;
            }
            let legs = account.legs.len();
            let taken: i64 = (0..legs).map(|index| take(&mut account, index, Ratio::new(rate))).sum();
            steps += 1;
            prop_assert!(steps < 200, "{account:?}");
            if taken == 0 {
                // Only hedges are left, and the collateral that they hedge can be sold.
                prop_assert!(account.convert(), "stuck: {account:?}");
            }
        }
    }

    /// RULES 6.3 for any part of the offered slice that outweighs rounding, not only for all of it.
    #[test]
    fn a_part_of_a_slice_is_as_sound(account in any_failing(), part in 1..=100i64, rate in 0..=Ratio::of(15, 1_000).raw()) {
        let before = account.health();
        for (index, (risk, leg)) in account.legs.iter().enumerate() {
            let terms = terms(risk);
            let view = LegView { health: &before, terms: &terms, leg, rate: Ratio::new(rate), cross: None };
            let lots = Lots::new(size_slice(&view, &params()).unwrap().lots.raw() * part / 100);
            // 1 % is the least share of value by which a lot relieves here.
            if lots.raw() * risk.mark.raw() < 1_000 {
                continue;
            }
            let outcome = takeover(&view, lots, &params()).unwrap();
            let mut after = account.clone();
            let changed = &mut after.legs[index].1;
            changed.lots = changed.lots.add(outcome.liquidatee_lots).unwrap();
            changed.quote = changed.quote.add(outcome.liquidatee_quote).unwrap();
            let lots_after = changed.lots;
            prop_assert_eq!(check_liquidatee(&before, &after.health(), leg.lots, lots_after, &terms, &Depeg::NONE).unwrap(), Ok(()));
        }
    }
}

/// Twenty-six atoms short with one atom of equity: what rounding takes must not leave it stuck.
#[test]
fn a_position_of_dust_closes() {
    let rate = Ratio::of(61, 1_000);
    let risk = MarketRisk { im_rate: rate, mm_rate: rate, ..major(1) };
    let mut account = Account { cash: Quote::ZERO, legs: vec![(risk, LegInput { quote: Quote::new(27), ..position(-26, 0) })] };
    assert_eq!(take(&mut account, 0, Ratio::ZERO), 26);
    assert!(account.health().equity >= account.health().target);
}

/// One step on $10 000 long at $1 a lot, changed in one way, breaks the one post-condition it should.
#[test]
fn every_post_condition_is_checked() {
    let terms = terms(&major(1_000_000));
    let at = |lots: i64, equity: Quote| {
        let leg = LegInput { quote: equity.sub(Quote::new(lots * 1_000_000)).unwrap(), ..position(lots, 0) };
        health(Quote::ZERO, [(&terms, &leg)]).unwrap()
    };
    let cents = |cents: i64| Quote::new(cents * 10_000);
    let check = |before: (i64, i64), after: (i64, i64)| {
        let (earlier, later) = (at(before.0, cents(before.1)), at(after.0, cents(after.1)));
        check_liquidatee(&earlier, &later, Lots::new(before.0), Lots::new(after.0), &terms, &Depeg::NONE).unwrap()
    };
    let rows = [
        ((10_000, 200_00), (8_000, 190_00), Ok(())),
        ((-10_000, 200_00), (-8_000, 190_00), Ok(())),
        ((10_000, 200_00), (10_000, 190_00), Err(Violation::NotReducing)),
        ((10_000, 200_00), (10_001, 200_00), Err(Violation::NotReducing)),
        ((10_000, 200_00), (-1, 200_00), Err(Violation::NotReducing)),
        ((-10_000, 200_00), (1, 200_00), Err(Violation::NotReducing)),
        ((-10_000, 200_00), (-10_001, 200_00), Err(Violation::NotReducing)),
        ((10_000, 200_00), (8_000, -1), Err(Violation::EquityNegative)),
        // $2 000 less of notional relieves $100 of target
        ((10_000, 200_00), (8_000, 100_00), Err(Violation::ShortfallNotDown)),
        ((10_000, 200_00), (8_000, 159_99), Err(Violation::RatioFalls)),
        ((10_000, 200_00), (8_000, 160_00), Ok(())),
        // 4 000 lots are the exact need: one lot more is five cents of surplus
        ((10_000, 200_00), (4_000, 200_00), Ok(())),
        ((10_000, 200_00), (3_999, 200_00), Ok(())),
        ((10_000, 200_00), (3_998, 200_00), Err(Violation::Overshoot)),
    ];
    for (before, after, expected) in rows {
        assert_eq!(check(before, after), expected, "{before:?} {after:?}");
    }
    // To the atom: T − E has to fall, and E/MM may not.
    let exact = |later: Health| {
        check_liquidatee(&measured(usd(200), usd(300), usd(500)), &later, Lots::new(2), Lots::new(1), &terms, &Depeg::NONE).unwrap()
    };
    assert_eq!(exact(measured(usd(100), usd(100), usd(400))), Err(Violation::ShortfallNotDown));
    assert_eq!(exact(measured(Quote::new(100_000_001), usd(100), usd(400))), Ok(()));
    assert_eq!(exact(measured(Quote::new(199_999_999), usd(300), usd(400))), Ok(()));
    assert_eq!(exact(measured(Quote::new(199_999_998), usd(300), usd(400))), Err(Violation::RatioFalls));
    // A hedge that goes raises the scan.
    let hedge = |lots: i64| LegInput { collateral_mm: usd(10_000), quote: usd(-lots - 9_900), ..position(lots, 0) };
    let (before, after) = (hedge(-10_000), hedge(-8_000));
    let (earlier, later) = (health(Quote::ZERO, [(&terms, &before)]).unwrap(), health(Quote::ZERO, [(&terms, &after)]).unwrap());
    let verdict = check_liquidatee(&earlier, &later, before.lots, after.lots, &terms, &Depeg::NONE).unwrap();
    assert_eq!(verdict, Err(Violation::ScanUp));
}

#[test]
fn a_liquidator_ends_at_its_own_target() {
    let at = |equity: i64| check_liquidator(&measured(Quote::new(equity), usd(30), usd(50)));
    assert_eq!(at(50_000_000), Ok(()));
    assert_eq!(at(49_999_999), Err(Violation::LiquidatorBelowTarget));
}
