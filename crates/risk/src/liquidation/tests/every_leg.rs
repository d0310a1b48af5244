//! Slices of every leg: they cure, keep every post-condition, and are sized as the closed form says (RULES 6.2, 6.3).

use super::*;
use crate::margin::tests::book::{any_options, expiry, option, sane_market, Account, SeriesSpec};
use crate::margin::{CrossTerms, GroupTerms, OptionBook, OptionKind, UnitValues};

/// Everything a view borrows.
struct Priced {
    markets: Vec<(MarketTerms, LegInput)>,
    expiries: Vec<crate::margin::ExpiryTerms>,
    units: Vec<UnitValues>,
}

impl Priced {
    fn of(account: &Account) -> Self {
        Self { markets: account.terms(), expiries: account.expiry_terms(), units: account.units() }
    }

    fn with<T>(&self, account: &Account, act: impl FnOnce(&PortfolioView) -> T) -> T {
        let legs: Vec<_> = self.markets.iter().map(|(terms, leg)| (terms, leg)).collect();
        let book = OptionBook { legs: &account.legs, expiries: &self.expiries, units_im: &self.units, units_mm: &self.units };
        let cross = CrossTerms { groups: &account.groups, depeg: account.depeg };
        act(&PortfolioView { cash: account.cash, legs: &legs, book: &book, cross: &cross })
    }
}

/// Options of one market beside perps of two in a group, with equity anywhere in (0, MM).
fn any_failing() -> impl Strategy<Value = Account> {
    let second = (sane_market(), -9_000i64..=9_000);
    (any_options(5), second, -5_000i64..=5_000, 0..=700i64, 1..1000i64, prop_oneof![Just(0i64), 0..=1i64 << 32]).prop_filter_map(
        "nothing at risk",
        |(mut account, (other, lots), perp, credit, share, collateral)| {
            let sigma = account.series[0].sigma;
            account.series.iter_mut().for_each(|series| series.sigma = sigma);
            let mark = account.markets[0].0.mark.raw();
            let worth = Quote::new(collateral);
            account.markets[0].1 = LegInput { collateral_im: worth, collateral_mm: worth, ..position(perp, mark) };
            account.markets.push((other, position(lots, other.mark.raw())));
            let credit = Ratio::of(credit, 1_000);
            account.groups = vec![GroupTerms { members: 3, credit_im: credit, credit_mm: credit, phi: Ratio::of(3, 4) }];
            let health = account.health();
            let equity = i64::try_from(i128::from(health.mm.raw()) * i128::from(share) / 1000).unwrap();
            account.markets[0].1.quote = account.markets[0].1.quote.add(Quote::new(equity - health.equity.raw())).unwrap();
            (equity > 1_000_000).then_some(account)
        },
    )
}

/// Takes one slice off the account; what went.
fn take(account: &mut Account, elapsed: Secs) -> PortfolioSlice {
    let priced = Priced::of(account);
    let (before, slice) = priced.with(account, |view| (view.health().unwrap(), size_portfolio_slice(view, elapsed, &params()).unwrap()));
    if slice.parts == 0 {
        return slice;
    }
    let foreseen = priced.with(account, |view| view.health_after(slice.parts, slice.cost).unwrap());
    for (_, leg) in &mut account.markets {
        let gone = part_of(leg.lots, slice.parts).unwrap();
        leg.quote = leg.quote.sub(part_of_balance(leg, gone).unwrap()).unwrap();
        leg.lots = leg.lots.sub(gone).unwrap();
    }
    for leg in &mut account.legs {
        leg.lots = leg.lots.sub(part_of(leg.lots, slice.parts).unwrap()).unwrap();
    }
    // The price may be negative, and then comes out of the balance in this test.
    let first = &mut account.markets[0].1;
    first.quote = first.quote.add(slice.price).unwrap();
    let after = account.health();
    assert!((after.equity.raw() - before.equity.raw() + slice.cost.raw()).abs() <= 20, "{before:?} {after:?} {slice:?}");
    assert_eq!((after.mm, after.target), (foreseen.mm, foreseen.target));
    assert_eq!(check_slice(&before, &foreseen, &slice).unwrap(), Ok(()), "{slice:?}");
    slice
}

proptest! {
    /// From anywhere in (0, MM) slices bring a portfolio to E ≥ T, each keeping its post-conditions.
    #[test]
    fn slices_of_every_leg_end_at_the_target(mut account in any_failing(), elapsed in 0..10_000i64) {
        for _ in 0..80 {
            let health = account.health();
            if health.equity >= health.target {
                return Ok(());
            }
            if take(&mut account, Secs::new(elapsed)).parts == 0 {
                break;
            }
        }
        // What is left is collateral, or lots that the slices hedge it with: selling it is the next step (RULES 1.3).
        let health = account.health();
        prop_assert!(health.equity >= health.target || account.markets[0].1.collateral_mm.is_positive() || !health.equity.is_positive(), "{health:?}");
    }

    /// Without collateral the closed form is the answer, a part for rounding aside.
    #[test]
    fn the_closed_form_holds_where_everything_scales(account in any_failing()) {
        let mut account = account;
        // Lots that divide, and equity just short of the target, so that need and not share decides.
        account.legs.iter_mut().for_each(|leg| leg.lots = Lots::new(leg.lots.raw() * 64));
        for (_, leg) in &mut account.markets {
            *leg = position(leg.lots.raw() * 64, 0);
        }
        let health = account.health();
        let equity = health.target.raw() - health.target.raw() / 12;
        account.markets[0].1.quote = Quote::new(equity - health.equity.raw());
        let priced = Priced::of(&account);
        let (before, slice) = priced.with(&account, |view| (view.health().unwrap(), size_portfolio_slice(view, Secs::ZERO, &params()).unwrap()));
        if before.equity >= before.mm && slice.parts > 0 && slice.parts < 13 {
            let relief = before.target.raw() - before.mm.scale(COST_START, Round::Ceil).unwrap().raw();
            let closed = (before.shortfall().unwrap().raw() * 64 + relief - 1) / relief;
            prop_assert!((i64::from(slice.parts) - closed).abs() <= 1, "{slice:?} {closed}");
        }
    }
}

#[test]
fn the_cost_ramps_and_then_falls_to_a_price_of_nothing() {
    let percent = |value: i64, mm: i64, seconds: i64| {
        let rate = slice_cost(usd(value), usd(mm), Secs::new(seconds)).unwrap();
        (rate.raw() * 10_000 + (1 << 29)) >> 30
    };
    let rows = [(0, 200), (450, 1_350), (900, 2_500), (4_500, 6_250), (8_100, 10_000), (100_000, 10_000)];
    for (seconds, basis_points) in rows {
        assert_eq!(percent(1_000, 1_000, seconds), basis_points, "{seconds}");
    }
    // A mark value below a quarter of MM, or below zero: the ramp's end stands.
    assert_eq!((percent(100, 1_000, 100_000), percent(-500, 1_000, 100_000)), (2_500, 2_500));
}

/// A covered short call beside a perp of another market, the legs hedging collateral: in the end every slice that does not raise MM takes more than
/// the target needs. None is offered then, and E is above MM.
#[test]
fn a_slice_that_would_overshoot_is_not_offered() {
    let sol = MarketRisk { spot_range: Ratio::of(265, 1_000), im_rate: Ratio::of(1, 100), mm_rate: Ratio::of(1, 100), ..major(2_031_431) };
    let btc =
        MarketRisk { spot_range: Ratio::of(14, 100), im_rate: Ratio::of(64, 1_000), mm_rate: Ratio::of(64, 1_000), ..major(9_392_493) };
    let worth = Quote::new(2_953_789_090);
    let short = LegInput {
        lots: Lots::new(-3_652),
        quote: Quote::new(4_840_459_935),
        collateral_im: worth,
        collateral_mm: worth,
        ..LegInput::default()
    };
    let mut account = Account::new(vec![(sol, short), (btc, position(734, 9_392_493))]);
    account.expiries = vec![expiry(0, 2_011_116, 413)];
    account.series = vec![SeriesSpec { expiry: 0, strike: 4_895_748, kind: OptionKind::Call, sigma: Ratio::of(33, 100) }];
    account.legs = vec![option(0, -1_000)];
    let credit = Ratio::of(673, 1_000);
    account.groups = vec![GroupTerms { members: 3, credit_im: credit, credit_mm: credit, phi: Ratio::of(3, 4) }];
    let slices = (0..).take_while(|_| take(&mut account, Secs::new(900)).parts > 0).count();
    let health = account.health();
    assert_eq!(slices, 4);
    assert!(health.equity > health.mm && health.equity < health.target, "{health:?}");
}

#[test]
fn lots_that_do_not_divide_go_with_the_last_slice() {
    assert_eq!(part_of(Lots::new(-100), 13).unwrap(), Lots::new(-20));
    assert_eq!(part_of(Lots::new(3), 13).unwrap(), Lots::ZERO);
    assert_eq!(part_of(Lots::new(3), 64).unwrap(), Lots::new(3));
}

/// A short straddle at $1 a lot: one of a million lots goes by a fifth, one under $1000 by what it needs.
#[test]
fn a_short_straddle_goes_by_slices() {
    let straddle = |lots: i64, cents_on_mm: i64| {
        let mut account = Account::new(vec![(major(1_000_000), position(0, 0))]);
        account.expiries = vec![expiry(0, 1_000_000, 30)];
        let series = |kind| SeriesSpec { expiry: 0, strike: 1_000_000, kind, sigma: Ratio::of(6, 10) };
        account.series = vec![series(OptionKind::Call), series(OptionKind::Put)];
        account.legs = vec![option(0, -lots), option(1, -lots)];
        let health = account.health();
        account.cash = Quote::new(health.mm.raw() / 100 * cents_on_mm - health.equity.raw());
        account
    };
    let mut large = straddle(1_000_000, 90);
    let slice = take(&mut large, Secs::ZERO);
    // ⌈64 · 20 %⌉; the buyer is paid for taking over what the straddle is worth, and 2 % of its margin beside it.
    assert_eq!((slice.parts, large.legs[0].lots), (13, Lots::new(-796_875)));
    assert_eq!(slice.price, slice.value.sub(slice.cost).unwrap());
    let own = straddle(1_000_000, 90).health().mm;
    assert!((slice.cost.raw() - own.raw() / 64 * 13 / 50).abs() < 100, "{slice:?}");
    assert!(take(&mut straddle(100, 50), Secs::ZERO).parts > 32);
    assert_eq!(take(&mut straddle(1_000_000, 49), Secs::ZERO).parts, 33);
    assert_eq!(take(&mut straddle(1_000_000, 0), Secs::ZERO).parts, 0, "its resolution comes next");
}
