//! The built-in path: published turning points of 10 and 11 October 2025, rounded, for a machine without price data.
//!
//! These are approximate dollar figures from public reporting, not a data series: venues differed by several percent in the worst minutes.

use anyhow::Result;

use super::{Bar, History, Market, MicroUsd, Series, Source, CRASH_START, MARKETS};

/// A turning point: minutes after 12:00 UTC on 10 October 2025, and whole dollars.
type Point = (i64, i64);

/// Solana. The low is Binance spot's print of about 21:20 UTC.
const SOL: [Point; 10] = [
    (0, 221),     // noon: around $221 (exchange charts, widely reported)
    (170, 224),   // high of the afternoon, just before the first tariff post at about 14:50 UTC
    (215, 210),   // first wave down
    (440, 207),   // sideways
    (530, 198),   // 20:50: announcement of 100 % tariffs from 1 November
    (560, 169),   // 21:20: low of the cascade, $168.8 on Binance spot
    (600, 193),   // 22:00: rebound
    (720, 188),   // midnight
    (1_080, 182), // 06:00: second, shallow low
    (1_440, 184), // noon of the 11th
];

/// Bitcoin. The low most often quoted is $104,782 (news reports citing CoinMarketCap); single venues printed $101,500 to $107,000.
const BTC: [Point; 10] = [
    (0, 121_700),     // noon: $121,500 to $122,000 in reports of the day
    (170, 122_500),   // high of the afternoon
    (240, 118_500),   // first wave: "below $119,000"
    (440, 117_000),   // sideways
    (530, 116_000),   // 20:50
    (560, 104_800),   // 21:20: the quoted low
    (600, 113_000),   // 22:00: rebound above $112,000
    (720, 113_500),   // midnight
    (1_080, 111_500), // 06:00
    (1_440, 112_000), // noon of the 11th: $111,500 to $112,500
];

/// Ether. Reported to fall from $4,390 to $3,436 (the low of Binance spot).
const ETH: [Point; 10] = [
    (0, 4_350),     // noon: around $4,350
    (170, 4_390),   // high of the afternoon, the upper figure of the reports
    (240, 4_100),   // first wave
    (440, 4_060),   // sideways
    (530, 3_950),   // 20:50: back under $4,000
    (560, 3_436),   // 21:20: the quoted low
    (600, 3_870),   // 22:00: rebound above $3,800
    (720, 3_850),   // midnight
    (1_080, 3_780), // 06:00
    (1_440, 3_830), // noon of the 11th: above $3,800
];

fn points(market: Market) -> &'static [Point] {
    match market {
        Market::Sol => &SOL,
        Market::Btc => &BTC,
        Market::Eth => &ETH,
    }
}

/// The published price at noon UTC of 10 October 2025, to which euro series are scaled.
pub(super) fn opening_price(market: Market) -> MicroUsd {
    MicroUsd::dollars(points(market).first().map_or(0, |&(_, dollars)| dollars))
}

/// One bar between each two turning points: it moves from one to the other and its extremes are its ends.
fn series(market: Market) -> Series {
    let points = points(market);
    let bar = |(&(from, open), &(to, close)): (&Point, &Point)| Bar {
        at: CRASH_START + from * 60,
        seconds: (to - from) * 60,
        open: MicroUsd::dollars(open),
        high: MicroUsd::dollars(open.max(close)),
        low: MicroUsd::dollars(open.min(close)),
        close: MicroUsd::dollars(close),
    };
    Series { market, bars: points.iter().zip(points.iter().skip(1)).map(bar).collect() }
}

/// The built-in history, 24 h from 2025-10-10 12:00 UTC.
pub fn built_in() -> Result<History> {
    let note = "Prices: the built-in path through published turning points of 10-11 October 2025. Approximate figures, not market data.";
    History::new(Source::BuiltIn, vec![note.to_owned()], MARKETS.into_iter().map(series).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::path::CRASH_END;

    #[test]
    fn the_built_in_day_is_whole_and_falls_as_reported() {
        let history = built_in().unwrap();
        assert_eq!(history.span(), (CRASH_START, CRASH_END));
        // Peak to low of the day, in percent: SOL -25, BTC -14, ETH -22.
        for (series, fall) in history.series().iter().zip([24..=26, 14..=15, 21..=22]) {
            let high = series.bars.iter().map(|bar| bar.high.0).max().unwrap();
            let low = series.bars.iter().map(|bar| bar.low.0).min().unwrap();
            assert!(fall.contains(&((high - low) * 100 / high)), "{}", series.market.name());
        }
    }
}
