//! Raw portfolios into the margin engine: whatever the bytes say, it answers or refuses, never panics, and what it answers is ordered.
#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll_risk::margin::{
    portfolio, CrossTerms, Depeg, ExpiryRisk, ExpiryTerms, GroupTerms, Health, LegInput, MarketRisk, MarketTerms, OptionBook, OptionInput,
    OptionKind, OptionParams, Report, SizeTerms, SpotGrid, UnitValues, MAX_TAU,
};
use plimsoll_risk::{Lots, Price, Quote, Ratio, RiskResult, Secs};

/// Reads numbers from the input; behind its end everything is zero.
struct Source<'a>(&'a [u8]);

impl Source<'_> {
    fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    fn raw(&mut self) -> i64 {
        let mut bytes = [0; 8];
        bytes.fill_with(|| self.byte());
        i64::from_le_bytes(bytes)
    }

    /// A number of the range in three cases of four, any number in the rest.
    fn within(&mut self, low: i64, high: i64) -> i64 {
        let shape = self.byte();
        let raw = self.raw();
        let span = i128::from(high) - i128::from(low) + 1;
        match shape % 8 {
            0 | 1 => raw,
            2 => low,
            3 => high,
            _ => i64::try_from(i128::from(low) + i128::from(raw).rem_euclid(span)).unwrap_or(low),
        }
    }
}

const ONE: i64 = 1 << 30;

fn market(source: &mut Source) -> MarketRisk {
    let mark = source.within(1, ONE);
    MarketRisk {
        mark: Price::new(mark),
        twap: Price::new(source.within(mark / 2, mark.saturating_mul(2))),
        confidence: Ratio::new(source.within(0, ONE / 50)),
        im_rate: Ratio::new(source.within(0, ONE)),
        mm_rate: Ratio::new(source.within(0, ONE)),
        spot_range: Ratio::new(source.within(ONE / 100 * 14, ONE / 100 * 60)),
        stale_range: Ratio::new(source.within(0, ONE)),
        stale_for: Secs::new(source.within(0, 10_000)),
        target_extra: Ratio::new(source.within(0, ONE / 10)),
        claim_weight: Ratio::new(source.within(0, ONE)),
        size: SizeTerms {
            allowance_im: Quote::new(source.within(0, 1 << 56)),
            allowance_mm: Quote::new(source.within(0, 1 << 56)),
            rate: Ratio::new(source.within(0, ONE)),
        },
    }
}

fn leg(source: &mut Source) -> LegInput {
    LegInput {
        lots: Lots::new(source.within(-ONE, ONE)),
        quote: Quote::new(source.within(-(1 << 60), 1 << 60)),
        bids: Lots::new(source.within(0, ONE)),
        asks: Lots::new(source.within(0, ONE)),
        bids_value: Quote::new(source.within(0, 1 << 57)),
        asks_value: Quote::new(source.within(0, 1 << 57)),
        collateral_im: Quote::new(source.within(0, 1 << 56)),
        collateral_mm: Quote::new(source.within(0, 1 << 56)),
    }
}

/// The options of a portfolio: expiries, the series they price, and the legs.
struct Options {
    expiries: Vec<ExpiryTerms>,
    units: Vec<UnitValues>,
    legs: Vec<OptionInput>,
}

fn options(source: &mut Source, markets: u8) -> Options {
    let params = OptionParams {
        vol_up: Ratio::new(source.within(0, 2 * ONE)),
        vol_down: Ratio::new(source.within(0, ONE / 100 * 33)),
        skew: Ratio::new(source.within(0, ONE / 2)),
        basis_fixed: Ratio::new(source.within(0, 2 * ONE)),
        tenor_rate: Ratio::new(source.within(0, 2 * ONE)),
        ..OptionParams::default()
    };
    let grid = SpotGrid::new(Ratio::new(source.within(ONE / 100 * 14, ONE / 100 * 60)));
    let count = source.byte() % 5;
    let expiries: Vec<_> = (0..count)
        .filter_map(|_| {
            let risk = ExpiryRisk {
                market: source.byte() % markets.max(1),
                forward: Price::new(source.within(1, ONE)),
                tau: Secs::new(source.within(0, MAX_TAU.raw())),
                fixed_share: Ratio::new(source.within(0, ONE)),
                fixed_mean: Price::new(source.within(1, ONE)),
            };
            ExpiryTerms::new(&risk, &params).ok()
        })
        .collect();
    let count = source.byte() % 18;
    let units: Vec<_> = (0..count)
        .filter_map(|_| {
            let expiry = source.byte() % 5;
            let strike = Price::new(source.within(1, ONE));
            let kind = if source.byte() % 2 == 0 { OptionKind::Call } else { OptionKind::Put };
            let sigma = Ratio::new(source.within(ONE / 20, 5 * ONE));
            UnitValues::new(grid.as_ref().ok()?, &expiries, expiry, strike, kind, sigma).ok()
        })
        .collect();
    let count = u8::try_from(units.len()).unwrap_or(0);
    let legs = (0..count)
        .map(|series| OptionInput {
            series,
            lots: Lots::new(source.within(-ONE, ONE)),
            bids: Lots::new(source.within(0, ONE)),
            asks: Lots::new(source.within(0, ONE)),
            bids_value: Quote::new(source.within(0, 1 << 53)),
            asks_value: Quote::new(source.within(0, 1 << 53)),
        })
        .collect();
    Options { expiries, units, legs }
}

struct Account {
    cash: Quote,
    legs: Vec<(MarketTerms, LegInput)>,
    options: Options,
}

impl Account {
    fn check(&self, cross: &CrossTerms, report: Option<&mut Report>) -> RiskResult<Health> {
        let Options { expiries, units, legs } = &self.options;
        let book = OptionBook { legs, expiries, units_im: units, units_mm: units };
        portfolio(self.cash, self.legs.iter().map(|(terms, input)| (terms, input)), &book, cross, report)
    }
}

fuzz_target!(|data: &[u8]| {
    let mut source = Source(data);
    let cash = Quote::new(source.within(0, 1 << 60));
    let count = source.byte() % 10;
    let legs: Vec<_> = (0..count).filter_map(|_| Some((MarketTerms::new(&market(&mut source)).ok()?, leg(&mut source)))).collect();
    let options = options(&mut source, u8::try_from(legs.len()).unwrap_or(0));
    let group = GroupTerms {
        members: source.byte(),
        credit_im: Ratio::new(source.within(0, ONE / 10 * 7)),
        credit_mm: Ratio::new(source.within(0, ONE / 10 * 7)),
        phi: Ratio::new(source.within(0, ONE)),
    };
    let account = Account { cash, legs, options };
    let alone = account.check(&CrossTerms::NONE, None);
    let depeg = Depeg { im: Ratio::new(source.within(0, ONE)), mm: Ratio::new(source.within(0, ONE)) };
    let cross = CrossTerms { groups: &[group], depeg };
    let mut report = Report::default();
    for health in [alone, account.check(&cross, None), account.check(&cross, Some(&mut report))].into_iter().flatten() {
        assert!(!health.mm.is_negative() && health.mm <= health.target && health.target <= health.im, "{health:?}");
    }
    // An offset is a credit: a group without a charge for the quote token never raises a requirement.
    let credit = account.check(&CrossTerms { groups: &[group], depeg: Depeg::default() }, None);
    if let (Ok(alone), Ok(credit)) = (alone, credit) {
        assert!(credit.mm <= alone.mm && credit.im <= alone.im, "{alone:?} {credit:?}");
    }
});
