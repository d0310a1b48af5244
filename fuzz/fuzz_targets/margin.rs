//! Raw portfolios into the margin engine: whatever the bytes say, it answers or refuses, never panics, and what it answers is ordered.
#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll_risk::margin::{health, LegInput, MarketRisk, MarketTerms};
use plimsoll_risk::{Lots, Price, Quote, Ratio, Secs};

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

fuzz_target!(|data: &[u8]| {
    let mut source = Source(data);
    let cash = Quote::new(source.within(0, 1 << 60));
    let count = usize::from(source.byte() % 10);
    let legs: Vec<_> = (0..count).filter_map(|_| Some((MarketTerms::new(&market(&mut source)).ok()?, leg(&mut source)))).collect();
    let Ok(health) = health(cash, legs.iter().map(|(terms, input)| (terms, input))) else { return };
    assert!(!health.mm.is_negative() && health.mm <= health.target && health.target <= health.im, "{health:?}");
    let reversed = plimsoll_risk::margin::health(cash, legs.iter().rev().map(|(terms, input)| (terms, input)));
    // Balances near 2⁶⁰ in every market may overflow a partial sum in one order and not in another: a refusal, never a different answer.
    let Ok(reversed) = reversed else { return };
    assert_eq!((health.im, health.mm, health.target, health.equity), (reversed.im, reversed.mm, reversed.target, reversed.equity));
});
