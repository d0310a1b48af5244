//! The rates of this study are those of a market account that sees the same prices.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use bytemuck::Zeroable;
use plimsoll_backtest::data::{Bar, Series, ORIGINS};
use plimsoll_backtest::path::{through, TICK};
use plimsoll_backtest::rates::{along, Setting};
use plimsoll_backtest::tape::{replay, Feed};
use plimsoll_risk::volatility::VolState;
use plimsoll_risk::Secs;
use plimsoll_state::Market;

fn bars() -> Vec<Bar> {
    let closes = [100_i64, 101, 99, 98, 90, 92, 70, 75, 74, 74, 80, 79, 79, 78, 78, 78];
    let opens = [100].into_iter().chain(closes);
    let shape = |(hour, (open, close)): (i64, (i64, i64))| {
        let (open, close) = (open * 1_000_000, close * 1_000_000);
        let (high, low) = (open.max(close) + 300_000, open.min(close) - 200_000);
        let at = 1_700_000_400 + hour * 3_600;
        Bar { at, date: at, open, high, low, close, deviation: (high as f64 / low as f64).ln() / 1.665 }
    };
    (0..).zip(opens.zip(closes)).map(shape).collect()
}

#[test]
fn a_market_account_that_sees_the_same_prices_has_the_same_rates() {
    let setting = Setting::MAJOR;
    let series = Series { origin: ORIGINS[0], bars: bars() };
    let rates = along(&replay(&series, &setting.vol, Feed::Path { seed: 9 }).unwrap(), &setting).unwrap();
    let mut market = Market::zeroed();
    market.vol_params = bytemuck::cast(setting.vol);
    market.vol = bytemuck::cast(VolState::new(&setting.vol).unwrap());
    market.params.tier_im = setting.tier.raw();
    (market.params.range_low, market.params.range_high) = (setting.range[0].raw(), setting.range[1].raw());
    (market.params.oi_low, market.params.oi_high) = (1 << 40, 1 << 41);
    let (mut path, mut largest) = (vec![], 0);
    for (bar, rates) in series.bars.iter().zip(&rates) {
        through(bar, 3_600, 9, &mut path);
        path.push(bar.close);
        for (tick, price) in (0..).zip(&path) {
            let at = bar.at + tick * TICK;
            (market.oracle.price, market.oracle.publish) = (*price, at);
            // The chain refreshes at every accepted price; the study at those that end a bucket.
            if at % 300 == 0 || tick == 0 {
                market.refresh_rates(Secs::new(at)).unwrap();
            } else {
                let params = *market.vol_params;
                let _ = market.vol.push(&params, plimsoll_risk::Price::new(*price), Secs::new(at)).unwrap();
            }
        }
        assert_eq!(market.mm_rate, rates.maintenance.raw());
        assert_eq!(market.im_rate, rates.initial.raw());
        assert_eq!(market.mm_rate_in_an_hour, rates.in_an_hour.raw());
        assert_eq!(market.range, rates.range.raw());
        let terms = market.terms(Secs::new(bar.at + 3_600)).unwrap();
        assert_eq!(terms.mm_share(), plimsoll_backtest::portfolio::terms(bar.close, rates).unwrap().mm_share());
        largest = largest.max(market.mm_rate);
    }
    assert!(largest > setting.tier.raw() * 4, "the crash must show in the rates");
}
