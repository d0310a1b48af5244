//! A witness never claims more than the full requirement (RULES 4.6), and the right one claims nearly all of it.

use super::book::{any_options, any_portfolio, expiry, option, sane_market, Account, SeriesSpec};
use super::*;
use crate::RiskError;

/// The options of each market in the named rows, priced in them alone.
fn named_options(account: &Account, named: &Witness) -> Vec<NamedMarket> {
    let expiries = account.expiry_terms();
    let mut markets = vec![];
    for (place, (risk, _)) in (0_u8..).zip(&account.markets) {
        let mut options = NamedMarket::new(named, place, risk.spot_range, false).unwrap();
        let mut has_any = false;
        for (index, terms) in (0_u8..).zip(&expiries).filter(|(index, _)| account.expiries[usize::from(*index)].market == place) {
            let of_expiry =
                account.legs.iter().map(|leg| (leg, &account.series[usize::from(leg.series)])).filter(|(_, s)| s.expiry == index);
            let legs = of_expiry
                .map(|(leg, s)| Ok(NamedLeg { lots: leg.lots, strike: Price::new(s.strike), kind: s.kind, sigma: s.sigma, log: None }));
            has_any |= legs.clone().next().is_some();
            options.add_expiry(terms, legs).unwrap();
        }
        markets.extend(has_any.then_some(options));
    }
    markets
}

/// The same out of the whole table.
fn tabled_options(account: &Account, named: &Witness) -> Vec<NamedMarket> {
    let (expiries, units) = (account.expiry_terms(), account.units());
    let book = OptionBook { legs: &account.legs, expiries: &expiries, units_im: &units, units_mm: &units };
    let has_any = |place: u8| {
        account.legs.iter().any(|leg| account.expiries[usize::from(account.series[usize::from(leg.series)].expiry)].market == place)
    };
    let made = (0_u8..).zip(&account.markets).filter(|(place, _)| has_any(*place)).map(|(place, (risk, _))| {
        let mut options = NamedMarket::new(named, place, risk.spot_range, false).unwrap();
        options.add_book(&book).unwrap();
        options
    });
    made.collect()
}

/// In a market of no group the mirror is not priced: that shows no more, and no more than there is.
fn shown_of_single_markets(account: &Account, named: &Witness) -> Shortfall {
    let (expiries, units) = (account.expiry_terms(), account.units());
    let book = OptionBook { legs: &account.legs, expiries: &expiries, units_im: &units, units_mm: &units };
    let with_mirror = tabled_options(account, named);
    let single = (0_u8..).zip(&account.markets).map(|(place, (risk, _))| {
        let mut options = NamedMarket::new(named, place, risk.spot_range, true).unwrap();
        options.add_book(&book).unwrap();
        options
    });
    let single: Vec<_> = single.filter(|market| with_mirror.iter().any(|other| other.place() == market.place())).collect();
    show(account, &single, named).unwrap()
}

fn show(account: &Account, options: &[NamedMarket], named: &Witness) -> crate::RiskResult<Shortfall> {
    let markets = account.terms();
    let cross = CrossTerms { groups: &account.groups, depeg: account.depeg };
    witness(account.cash, markets.iter().map(|(terms, leg)| (terms, leg)), options, &cross, named)
}

pub(super) fn shown(account: &Account, named: &Witness) -> Shortfall {
    let options = named_options(account, named);
    assert_eq!(options, tabled_options(account, named), "priced in few rows or in all");
    show(account, &options, named).unwrap()
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
            account.series.extend(second.series.iter().map(|s| SeriesSpec { expiry: s.expiry + expiries, ..*s }));
            account.legs.extend(second.legs.iter().map(|leg| OptionInput { series: leg.series + series, ..*leg }));
            let credit = Ratio::of(credit, 1_000);
            let group = GroupTerms { members: 7, credit_im: credit, credit_mm: credit, phi: Ratio::of(phi, 1_000) };
            account.groups = if is_grouped { vec![group] } else { vec![] };
            account.depeg = Depeg { im: Ratio::of(depeg, 1_000), mm: Ratio::of(depeg, 1_000) };
            account
        },
    )
}

/// The same in one group with credit, the perps of the first two markets large and against each other, few options beside them: where offsets
/// decide.
fn any_spread() -> impl Strategy<Value = Account> {
    (any_account(), 2_000i64..=20_000, 2_000i64..=20_000, 1..=40i64, 300..=700i64).prop_map(|(mut account, long, short, part, credit)| {
        let marks = [account.markets[0].0.mark.raw(), account.markets[1].0.mark.raw()];
        account.markets[0].1 = position(long * 10_000_000 / marks[0], marks[0]);
        account.markets[1].1 = position(-short * 10_000_000 / marks[1], marks[1]);
        account.legs = account.legs.iter().map(|leg| option(leg.series, leg.lots.raw() * part / 40)).collect();
        let credit = Ratio::of(credit, 1_000);
        account.groups = vec![GroupTerms { members: 7, credit_im: credit, credit_mm: credit, phi: Ratio::ZERO }];
        account
    })
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
        if account.groups.is_empty() {
            let named = Witness { joint, alone };
            let less = shown_of_single_markets(&account, &named);
            prop_assert!(less.requirement <= seen.requirement && less.equity_trigger == seen.equity_trigger, "{less:?} {seen:?}");
        }
    }

    /// The same where a wrong term would show: every market's own row right, so that its scan is all there, beside every joint row there is.
    #[test]
    fn no_joint_row_claims_too_much_beside_the_right_ones(account in any_spread()) {
        let (full, report) = account.report();
        for joint in 1..=33 {
            let seen = shown(&account, &Witness { joint, ..Witness::of(&full, &report) });
            prop_assert!(seen.requirement <= full.mm, "row {joint}: {seen:?} {:?}", full.mm);
        }
    }

    /// Of linear legs alone the right witness claims everything, groups and all.
    #[test]
    fn of_linear_legs_the_right_witness_claims_all(account in any_spread()) {
        let account = account.with_legs(vec![]);
        let (full, report) = account.report();
        prop_assert_eq!(shown(&account, &Witness::of(&full, &report)).requirement, full.mm);
    }

    /// Named after the report, without groups, it claims everything but the basis contingency, and with row 16 that too.
    #[test]
    fn the_right_witness_claims_all_but_the_basis(account in any_account()) {
        let mut account = account;
        (account.groups, account.depeg) = (vec![], Depeg::default());
        account.markets[0].1 = LegInput::default();
        account.markets[1].1 = LegInput::default();
        let (full, report) = account.report();
        let right = Witness::of(&full, &report);
        let seen = shown(&account, &right);
        // Row 16 and its mirror are those of the basis contingency.
        let with_basis = shown(&account, &Witness { joint: 16, ..right });
        // Beside a perp the other term of 4.2 bounds the scan too, and there the options are seen in the named row alone.
        let is_seen = account.markets.iter().zip(report.option_value).all(|((_, leg), value)| leg.lots.is_zero() || value.is_zero());
        let all_but = full.mm.sub(report.mm.add_ons.basis).unwrap();
        prop_assert!(!is_seen || seen.requirement >= all_but, "{seen:?} {report:?}");
        prop_assert!(!is_seen || with_basis.requirement == full.mm, "{with_basis:?} {report:?}");
        // For less: beside an expiry that cannot lose what the rows say, another is seen to lose what it does at the ends, not in the middle.
        let has_one = |market: u8| {
            let of_market = account.legs.iter().map(|leg| account.series[usize::from(leg.series)].expiry);
            let mut expiries: Vec<_> = of_market.filter(|expiry| account.expiries[usize::from(*expiry)].market == market).collect();
            expiries.sort_unstable();
            expiries.dedup();
            expiries.len() <= 1
        };
        let is_seen = is_seen && (0_u8..).zip(&account.markets).all(|(market, _)| has_one(market));
        let plain = Witness { joint: ROW_NONE, ..right };
        let (all, for_less) = (shown(&account, &plain), shown_of_single_markets(&account, &plain));
        prop_assert!(!is_seen || for_less == all, "{for_less:?} {all:?}");
    }
}

/// A long perp and a short one of half the size in correlated markets, with a few options beside each: the joint loss that the witness claims is
/// scaled as the profile is, from the grid's 14.4 % down to the linear charge of 3 %.
#[test]
fn the_joint_loss_is_scaled_as_the_profile_is() {
    let mut account = Account::new(vec![(major(6_000_000), position(10_000, 6_000_000)), (major(3_000_000), position(-10_000, 3_000_000))]);
    account.expiries = vec![expiry(0, 6_000_000, 30), expiry(1, 3_000_000, 30)];
    let put = |expiry: u8, strike: i64| SeriesSpec { expiry, strike, kind: OptionKind::Put, sigma: Ratio::of(6, 10) };
    account.series = vec![put(0, 3_000_000), put(1, 1_500_000)];
    account.legs = vec![option(0, 1), option(1, 1)];
    account.groups = vec![GroupTerms { members: 3, credit_im: Ratio::of(7, 10), credit_mm: Ratio::of(7, 10), phi: Ratio::ZERO }];
    let (full, report) = account.report();
    // 3 % of $60,000 and of $30,000: J = 900, S = 2,700, and 900 + 0.3 × 1,800.
    assert!((full.mm.raw() - 1_440_000_000).abs() < 100_000, "{:?}", full.mm);
    let right = Witness::of(&full, &report);
    assert_eq!(right, Witness { joint: 2, alone: [2, 1, 22, 22, 22, 22, 22, 22] });
    for (joint, claimed) in [(2, 1_440), (22, 810), (31, 810)] {
        let seen = shown(&account, &Witness { joint, ..right }).requirement;
        assert!(seen <= full.mm && (seen.raw() - claimed * 1_000_000).abs() < 100_000, "row {joint}: {seen:?}");
    }
    // Half the move: half the joint loss, against which as much of the gain is taken as there can be.
    let half = shown(&account, &Witness { joint: 12, ..right }).requirement;
    assert!((half.raw() - 810_000_000).abs() < 100_000, "{half:?}");
}

/// A short perp whose rise is bought back by calls at the money and sold again far above: a tail decides its scan, the perp's part of that tail is cut,
/// and what is cut counts in every row. So its gain on a fall counts although it loses next to nothing in the mirrored row, and a witness must not
/// claim otherwise.
#[test]
fn a_gain_beside_a_tail_that_is_cut_is_not_claimed_away() {
    let mut cut = 0;
    for (bought, sold) in (8..=14).flat_map(|bought| (2..=9).map(move |sold| (bought * 1_000, sold * 1_000))) {
        let markets = vec![(major(1_000_000), position(-10_000, 1_000_000)), (major(1_000_000), position(30_000, 1_000_000))];
        let mut account = Account::new(markets);
        account.expiries = vec![expiry(0, 1_000_000, 30)];
        let call = |strike: i64| SeriesSpec { expiry: 0, strike, kind: OptionKind::Call, sigma: Ratio::of(2, 10) };
        account.series = vec![call(1_000_000), call(1_200_000)];
        account.legs = vec![option(0, bought), option(1, -sold)];
        account.groups = vec![GroupTerms { members: 3, credit_im: Ratio::of(7, 10), credit_mm: Ratio::of(7, 10), phi: Ratio::ZERO }];
        let (full, report) = account.report();
        cut += usize::from((24..=31).contains(&full.legs()[0].worst_scenario));
        for joint in 1..=33 {
            let seen = shown(&account, &Witness { joint, ..Witness::of(&full, &report) });
            assert!(seen.requirement <= full.mm, "{bought} {sold} row {joint}: {seen:?} {:?}", full.mm);
        }
    }
    assert!(cut > 10, "a tail decides {cut} times");
}

/// A gain offsets at most what its market can lose in the mirrored row. Here that is the most of a put sold against two: in the middle, where
/// neither of the named rows nor an end looks.
#[test]
fn a_gain_offsets_as_much_as_its_market_can_lose() {
    let mut account = Account::new(vec![(major(6_000_000), position(10_000, 6_000_000)), (major(3_000_000), position(-10_000, 3_000_000))]);
    account.expiries = vec![expiry(0, 6_000_000, 30), expiry(1, 3_000_000, 30)];
    let at = |expiry: u8, strike: i64, kind: OptionKind| SeriesSpec { expiry, strike, kind, sigma: Ratio::of(6, 10) };
    account.series = vec![at(0, 3_000_000, OptionKind::Put), at(1, 6_000_000, OptionKind::Put), at(1, 3_000_000, OptionKind::Put)];
    account.legs = vec![option(0, 1), option(1, -200), option(2, 400)];
    account.groups = vec![GroupTerms { members: 3, credit_im: Ratio::of(7, 10), credit_mm: Ratio::of(7, 10), phi: Ratio::ZERO }];
    let (full, report) = account.report();
    let right = Witness::of(&full, &report);
    for joint in 1..=33 {
        let seen = shown(&account, &Witness { joint, ..right });
        assert!(seen.requirement <= full.mm, "row {joint}: {seen:?} {:?}", full.mm);
    }
}

#[test]
fn a_witness_names_rows_of_the_grid() {
    let account = Account::new(vec![(major(100), position(10, 100))]);
    for row in [0, 34, 255] {
        for named in [Witness { joint: row, alone: [22; MAX_LEGS] }, Witness { joint: 22, alone: [22, 22, 22, 22, 22, 22, 22, row] }] {
            assert_eq!(show(&account, &[], &named), Err(RiskError::ParameterOutOfRange));
        }
        let named = Witness { joint: 22, alone: [row; MAX_LEGS] };
        assert_eq!(NamedMarket::new(&named, 0, Ratio::of(18, 100), false), Err(RiskError::ParameterOutOfRange));
    }
    for row in [1, 33] {
        let named = Witness { joint: row, alone: [row; MAX_LEGS] };
        assert!(show(&account, &[], &named).is_ok());
        assert_eq!(NamedMarket::new(&named, 8, Ratio::of(18, 100), false), Err(RiskError::QuantityOutOfRange));
        assert_eq!(NamedMarket::new(&named, 0, Ratio::of(13, 100), false), Err(RiskError::ParameterOutOfRange));
    }
}

/// Options that were priced for something else show nothing.
#[test]
fn options_must_be_those_of_the_witness() {
    let mut account = Account::new(vec![(major(6_000_000), position(10, 6_000_000)), (major(3_000_000), position(-10, 3_000_000))]);
    account.expiries = vec![expiry(0, 6_000_000, 30)];
    account.series = vec![SeriesSpec { expiry: 0, strike: 6_000_000, kind: OptionKind::Call, sigma: Ratio::of(6, 10) }];
    account.legs = vec![option(0, -10)];
    let named = Witness { joint: 2, alone: [1; MAX_LEGS] };
    let options = named_options(&account, &named);
    assert!(show(&account, &options, &named).unwrap().requirement.is_positive());
    let refused = |account: &Account, options: &[NamedMarket], named: &Witness| show(account, options, named).unwrap_err();
    assert_eq!(refused(&account, &options, &Witness { alone: [2; MAX_LEGS], ..named }), RiskError::ParameterOutOfRange);
    assert_eq!(refused(&account, &[options[0], options[0]], &named), RiskError::QuantityOutOfRange);
    let narrower = Account { markets: vec![account.markets[1]], ..account.clone() };
    let elsewhere = NamedMarket::new(&named, 1, Ratio::of(18, 100), false).unwrap();
    assert_eq!(refused(&narrower, &[elsewhere], &named), RiskError::QuantityOutOfRange);
    let mut grouped = account.clone();
    grouped.groups = vec![GroupTerms { members: 3, credit_im: Ratio::ZERO, credit_mm: Ratio::ZERO, phi: Ratio::ZERO }];
    assert!(show(&grouped, &options, &named).is_ok());
    let single = NamedMarket::new(&named, 0, Ratio::of(18, 100), true).unwrap();
    assert_eq!(refused(&grouped, &[single], &named), RiskError::ParameterOutOfRange);
    let mut other_range = account.clone();
    other_range.markets[0].0.spot_range = Ratio::of(19, 100);
    assert_eq!(refused(&other_range, &options, &named), RiskError::ParameterOutOfRange);
}

/// The bounds of an option leg are those of the full check.
#[test]
fn operands_of_a_named_leg_are_range_checked() {
    let named = Witness { joint: 22, alone: [1; MAX_LEGS] };
    let terms = ExpiryTerms::new(&expiry(0, 1 << 22, 30), &OptionParams::default()).unwrap();
    let leg =
        |lots: i64| NamedLeg { lots: Lots::new(lots), strike: Price::new(1 << 22), kind: OptionKind::Put, sigma: Ratio::ONE, log: None };
    let add =
        |legs: Vec<NamedLeg>| NamedMarket::new(&named, 0, Ratio::of(18, 100), false).unwrap().add_expiry(&terms, legs.into_iter().map(Ok));
    assert_eq!(add(vec![leg(1 << 30), leg(-(1 << 30))]), Ok(()));
    assert_eq!(add(vec![leg((1 << 30) + 1)]), Err(RiskError::QuantityOutOfRange));
    assert_eq!(add(vec![leg(i64::MIN)]), Err(RiskError::QuantityOutOfRange));
    let dearer = NamedLeg { strike: Price::new((1 << 22) + 1), ..leg(-(1 << 30)) };
    assert_eq!(add(vec![dearer]), Err(RiskError::NotionalOutOfRange));
    assert_eq!(add(vec![leg(1); 16]), Ok(()));
    assert_eq!(add(vec![leg(1); 17]), Err(RiskError::QuantityOutOfRange));
    let mut two = NamedMarket::new(&named, 0, Ratio::of(18, 100), false).unwrap();
    two.add_expiry(&terms, (0..9).map(|_| Ok(leg(1)))).unwrap();
    assert_eq!(two.add_expiry(&terms, (0..8).map(|_| Ok(leg(1)))), Err(RiskError::QuantityOutOfRange));
}
