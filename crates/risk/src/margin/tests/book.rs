//! Accounts with options, for the tests of this module.

use super::*;

/// A series by its terms: expiry, strike, kind, yearly volatility.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SeriesSpec {
    pub(crate) expiry: u8,
    pub(crate) strike: i64,
    pub(crate) kind: OptionKind,
    pub(crate) sigma: Ratio,
}

/// An account in the making.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    pub(crate) cash: Quote,
    pub(crate) markets: Vec<(MarketRisk, LegInput)>,
    pub(crate) expiries: Vec<ExpiryRisk>,
    pub(crate) series: Vec<SeriesSpec>,
    pub(crate) legs: Vec<OptionInput>,
    pub(crate) groups: Vec<GroupTerms>,
    pub(crate) depeg: Depeg,
}

pub(crate) const DAY: i64 = 86_400;

pub(crate) fn expiry(market: u8, forward: i64, days: i64) -> ExpiryRisk {
    let (forward, tau) = (Price::new(forward), Secs::new(days * DAY));
    ExpiryRisk { market, forward, tau, fixed_share: Ratio::ZERO, fixed_mean: Price::ZERO }
}

pub(crate) fn option(series: u8, lots: i64) -> OptionInput {
    OptionInput { series, lots: Lots::new(lots), ..OptionInput::default() }
}

impl Account {
    pub(crate) fn new(markets: Vec<(MarketRisk, LegInput)>) -> Self {
        let (expiries, series, legs, groups) = (vec![], vec![], vec![], vec![]);
        Self { cash: Quote::ZERO, markets, expiries, series, legs, groups, depeg: Depeg::default() }
    }

    pub(crate) fn terms(&self) -> Vec<(MarketTerms, LegInput)> {
        self.markets.iter().map(|(risk, leg)| (terms(risk), *leg)).collect()
    }

    pub(crate) fn expiry_terms(&self) -> Vec<ExpiryTerms> {
        self.expiries.iter().map(|risk| ExpiryTerms::new(risk, &OptionParams::default()).unwrap()).collect()
    }

    pub(crate) fn grid(&self, series: &SeriesSpec) -> SpotGrid {
        let market = self.expiries[usize::from(series.expiry)].market;
        SpotGrid::new(self.markets[usize::from(market)].0.spot_range).unwrap()
    }

    pub(crate) fn units(&self) -> Vec<UnitValues> {
        let expiries = self.expiry_terms();
        let price = |s: &SeriesSpec| UnitValues::new(&self.grid(s), &expiries, s.expiry, Price::new(s.strike), s.kind, s.sigma).unwrap();
        self.series.iter().map(price).collect()
    }

    pub(crate) fn health(&self) -> Health {
        self.report().0
    }

    pub(crate) fn report(&self) -> (Health, Report) {
        let (markets, expiries, units) = (self.terms(), self.expiry_terms(), self.units());
        let book = OptionBook { legs: &self.legs, expiries: &expiries, units_im: &units, units_mm: &units };
        let cross = CrossTerms { groups: &self.groups, depeg: self.depeg };
        let mut report = Report::default();
        let legs = markets.iter().map(|(terms, leg)| (terms, leg));
        let health = portfolio(self.cash, legs, &book, &cross, Some(&mut report)).unwrap();
        (health, report)
    }

    /// The account with these option legs alone.
    pub(crate) fn with_legs(&self, legs: Vec<OptionInput>) -> Self {
        Self { legs, ..self.clone() }
    }
}

pub(crate) fn any_kind() -> impl Strategy<Value = OptionKind> {
    prop_oneof![Just(OptionKind::Call), Just(OptionKind::Put)]
}

/// A market a lot of which costs between $1 and $30, with sensible rates.
pub(crate) fn sane_market() -> impl Strategy<Value = MarketRisk> {
    (1_000_000..30_000_000i64, 10..=150i64, 0..=100i64, 140..=600i64).prop_map(|(mark, mm, more, range)| MarketRisk {
        im_rate: Ratio::of(mm + more, 1_000),
        mm_rate: Ratio::of(mm, 1_000),
        spot_range: Ratio::of(range, 1_000),
        ..major(mark)
    })
}

/// Options of one market: up to three expiries, `count` series with strikes from a third to three times the mark, one leg each.
pub(crate) fn any_options(count: usize) -> impl Strategy<Value = Account> {
    let expiries = prop::collection::vec((0..=700i64, 95..=105i64), 1..=3);
    let series = prop::collection::vec((0..3usize, 33..=300i64, any_kind(), 5..=400i64), 1..=count);
    let lots = prop::collection::vec(-2_000i64..=2_000, count);
    (sane_market(), expiries, series, lots).prop_map(|(market, expiries, series, lots)| {
        let mark = market.mark.raw();
        let mut account = Account::new(vec![(market, LegInput::default())]);
        account.expiries = expiries.iter().map(|(days, carry)| expiry(0, mark * carry / 100, *days)).collect();
        let spec = |(place, strike, kind, sigma): &(usize, i64, OptionKind, i64)| SeriesSpec {
            expiry: u8::try_from(place % expiries.len()).unwrap(),
            strike: mark * strike / 100,
            kind: *kind,
            sigma: Ratio::of(*sigma, 100),
        };
        account.series = series.iter().map(spec).collect();
        account.legs = (0_u8..).zip(lots).take(account.series.len()).map(|(place, lots)| option(place, lots)).collect();
        account
    })
}

/// The same with a perp position, collateral and resting orders on every leg.
pub(crate) fn any_portfolio(count: usize) -> impl Strategy<Value = Account> {
    let orders = prop::collection::vec((0..=500i64, 0..=500i64, 80..=120i64), count);
    (any_options(count), -5_000i64..=5_000, 0..=1i64 << 34, orders).prop_map(|(mut account, lots, collateral, orders)| {
        let mark = account.markets[0].0.mark.raw();
        let perp = LegInput {
            collateral_im: Quote::new(collateral),
            collateral_mm: Quote::new(collateral + collateral / 16),
            ..position(lots, mark)
        };
        account.markets[0].1 = perp;
        let units = account.units();
        for (leg, (bids, asks, price)) in account.legs.iter_mut().zip(orders) {
            let mark = units[usize::from(leg.series)].mark().raw() * price / 100;
            (leg.bids, leg.asks) = (Lots::new(bids), Lots::new(asks));
            (leg.bids_value, leg.asks_value) = (Quote::new(bids * mark), Quote::new(asks * mark));
        }
        account
    })
}
