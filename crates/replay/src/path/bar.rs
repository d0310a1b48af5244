//! Markets, prices and bars.

use anyhow::{ensure, Result};
use serde::{Deserialize, Serialize};

/// A market of the replay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Market {
    /// Solana's native token.
    Sol,
    /// Bitcoin.
    Btc,
    /// Ether.
    Eth,
}

/// Every market, in the order used by [`super::Tick::prices`].
pub const MARKETS: [Market; 3] = [Market::Sol, Market::Btc, Market::Eth];

impl Market {
    /// The upper-case ticker, as written in price files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sol => "SOL",
            Self::Btc => "BTC",
            Self::Eth => "ETH",
        }
    }

    /// The market of a ticker, in any case.
    pub fn from_name(name: &str) -> Option<Self> {
        MARKETS.into_iter().find(|market| market.name().eq_ignore_ascii_case(name))
    }
}

/// A price in millionths of a dollar per whole coin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct MicroUsd(pub i64);

/// Decimal places of [`MicroUsd`].
const PLACES: usize = 6;

impl MicroUsd {
    /// The largest price accepted, one billion dollars: products of two prices then stay inside 128 bits.
    pub const MAX: Self = Self(1_000_000_000_000_000);

    /// A price in whole dollars, at most [`Self::MAX`].
    pub(super) const fn dollars(whole: i64) -> Self {
        Self(whole * 1_000_000)
    }

    /// Reads a positive decimal number such as `193.41` exactly; digits beyond the sixth decimal are dropped.
    /// Gives `None` for anything else: a sign, an exponent, zero, more than [`Self::MAX`].
    pub fn parse(text: &str) -> Option<Self> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        if !digits(whole) || !digits(fraction) {
            return None;
        }
        let kept: String = fraction.chars().chain("000000".chars()).take(PLACES).collect();
        let micros = whole.parse::<i64>().ok()?.checked_mul(1_000_000)?.checked_add(kept.parse().ok()?)?;
        (micros > 0 && micros <= Self::MAX.0).then_some(Self(micros))
    }

    /// `self × numerator / denominator`, to the nearest micro-dollar.
    pub(super) fn scaled(self, numerator: Self, denominator: Self) -> Self {
        let product = i128::from(self.0) * i128::from(numerator.0) * 2 + i128::from(denominator.0);
        Self(i64::try_from(product / (i128::from(denominator.0) * 2)).unwrap_or(Self::MAX.0))
    }
}

/// Open, high, low and close of one stretch of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bar {
    /// First second of the bar, Unix time.
    pub at: i64,
    /// Length in seconds, positive.
    pub seconds: i64,
    /// First price.
    pub open: MicroUsd,
    /// Highest price.
    pub high: MicroUsd,
    /// Lowest price.
    pub low: MicroUsd,
    /// Last price.
    pub close: MicroUsd,
}

impl Bar {
    /// First second after the bar.
    pub fn end(&self) -> i64 {
        self.at + self.seconds
    }

    /// Says what is wrong with the four prices, if anything.
    pub(super) fn fault(&self) -> Option<&'static str> {
        if self.low.0 <= 0 {
            Some("the low is not positive")
        } else if self.low > self.open.min(self.close) {
            Some("the low is above the open or the close")
        } else if self.high < self.open.max(self.close) {
            Some("the high is below the open or the close")
        } else {
            None
        }
    }
}

/// The bars of one market, each starting where the one before ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Series {
    /// Whose prices these are.
    pub market: Market,
    /// Bars in time order, at least one.
    pub bars: Vec<Bar>,
}

impl Series {
    pub(super) fn start(&self) -> i64 {
        self.bars.first().map_or(0, |bar| bar.at)
    }

    pub(super) fn end(&self) -> i64 {
        self.bars.last().map_or(0, Bar::end)
    }

    /// The shortest bar, in seconds: the finer a series, the better it knows when an extreme happened.
    pub(super) fn finest(&self) -> i64 {
        self.bars.iter().map(|bar| bar.seconds).min().unwrap_or(i64::MAX)
    }

    /// Fails on an empty series, an impossible bar or a hole between two bars.
    pub(super) fn check(&self) -> Result<()> {
        let name = self.market.name();
        ensure!(!self.bars.is_empty(), "{name} has no bars");
        for bar in &self.bars {
            ensure!(bar.seconds > 0, "{name}: the bar at {} has no length", bar.at);
            if let Some(fault) = bar.fault() {
                anyhow::bail!("{name}: in the bar at {} {fault}", bar.at);
            }
        }
        for (one, next) in self.bars.iter().zip(self.bars.iter().skip(1)) {
            ensure!(one.end() == next.at, "{name}: the bar at {} ends at {}, but the next starts at {}", one.at, one.end(), next.at);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_read_exactly_or_refused() {
        for (text, micros) in [("193.41000000", 193_410_000), ("104843.0", 104_843_000_000), ("7", 7_000_000), ("0.000001", 1)] {
            assert_eq!(MicroUsd::parse(text), Some(MicroUsd(micros)), "{text}");
        }
        for text in ["", ".", "1.", ".5", "-1", "+1", "1e3", "0", "0.0000001", "1,5", "nan", "1000000000.1", "99999999999999999999"] {
            assert_eq!(MicroUsd::parse(text), None, "{text}");
        }
    }

    #[test]
    fn scaling_rounds_to_nearest_and_keeps_order() {
        assert_eq!(MicroUsd(10).scaled(MicroUsd(1), MicroUsd(4)), MicroUsd(3));
        assert_eq!(MicroUsd(9).scaled(MicroUsd(1), MicroUsd(4)), MicroUsd(2));
        assert_eq!(MicroUsd::MAX.scaled(MicroUsd::MAX, MicroUsd::MAX), MicroUsd::MAX);
    }

    #[test]
    fn holes_and_impossible_bars_are_named() {
        let bar = Bar { at: 0, seconds: 60, open: MicroUsd(5), high: MicroUsd(6), low: MicroUsd(4), close: MicroUsd(5) };
        let series = |bars| Series { market: Market::Eth, bars };
        assert!(series(vec![bar, Bar { at: 60, ..bar }]).check().is_ok());
        assert!(series(vec![bar, Bar { at: 120, ..bar }]).check().unwrap_err().to_string().contains("next starts at 120"));
        assert!(series(vec![Bar { high: MicroUsd(4), ..bar }]).check().unwrap_err().to_string().contains("high is below"));
        assert!(series(vec![Bar { low: MicroUsd(6), ..bar }]).check().unwrap_err().to_string().contains("low is above"));
        assert!(series(vec![]).check().is_err());
    }
}
