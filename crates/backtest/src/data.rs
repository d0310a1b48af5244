//! Price series: what they are, where their files lie, and how they become bars.
//!
//! A price is quote atoms per lot, as the engine reads it; the lot of a series is a constant, chosen so that its prices have five digits or
//! more. Bars are in order of time; a bar that does not start where the one before ends stands after a gap.

use anyhow::{bail, ensure, Context, Result};
use flate2::read::GzDecoder;
use std::fs::File;
use std::path::{Path, PathBuf};

use crate::calendar::midnight;

/// Open, high, low and close of one stretch of time, atoms per lot.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bar {
    /// First second on the engine's clock.
    pub at: i64,
    /// First second on the calendar; another one than `at` only for daily series.
    pub date: i64,
    /// First price.
    pub open: i64,
    /// Highest price.
    pub high: i64,
    /// Lowest price.
    pub low: i64,
    /// Last price.
    pub close: i64,
    /// Standard deviation of the log price over the bar, from the bar alone: by its range (Parkinson) or, where the range is unknown, its return.
    pub deviation: f64,
}

/// How a file is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Layout {
    /// `time,open,high,low,close`, Unix seconds.
    Unix,
    /// `Date,close`, year-month-day, closes only.
    Closes,
    /// `Date,Open,High,Low,Close`, month/day/year.
    Daily,
}

/// A price series of the data folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    /// Short name, unique.
    pub id: &'static str,
    /// The underlying.
    pub asset: &'static str,
    /// File inside `prices/`.
    pub file: &'static str,
    /// Length of a bar on the engine's clock, seconds.
    pub bar_seconds: i64,
    /// Lots per coin.
    lots: i64,
    layout: Layout,
}

impl Origin {
    /// Whether the bars are days of trading that stand for an hour each on the engine's clock.
    pub fn is_daily(&self) -> bool {
        self.layout != Layout::Unix
    }
}

const fn crypto(id: &'static str, asset: &'static str, file: &'static str, bar_seconds: i64, lots: i64) -> Origin {
    Origin { id, asset, file, bar_seconds, lots, layout: Layout::Unix }
}

/// Every series of the study.
pub const ORIGINS: [Origin; 7] = [
    crypto("BTC 1h", "BTC", "btc_eur_1h_bitvavo_2019-12_2024-05.csv.gz", 3_600, 1_000),
    crypto("ETH 1h", "ETH", "eth_eur_1h_bitvavo_2021-03_2023-12.csv.gz", 3_600, 100),
    crypto("SOL 1h", "SOL", "sol_usdt_1h_binance_2020-08_2026-02.csv.gz", 3_600, 1),
    crypto("BTC 2h", "BTC", "btc_eur_2h_bitvavo_2022-12_2025-12.csv.gz", 7_200, 1_000),
    crypto("ETH 2h", "ETH", "eth_eur_2h_bitvavo_2022-12_2025-12.csv.gz", 7_200, 100),
    Origin { id: "S&P 1d", asset: "S&P", file: "sp500_ohlc_1d_1999_2018_arch.csv.gz", bar_seconds: 3_600, lots: 10, layout: Layout::Daily },
    Origin {
        id: "S&P 1d closes",
        asset: "S&P",
        file: "sp500_index_1d_1990_2022_skfolio.csv.gz",
        bar_seconds: 3_600,
        lots: 10,
        layout: Layout::Closes,
    },
];

/// The bars of one series.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// What it is.
    pub origin: Origin,
    /// In order of time, at least two.
    pub bars: Vec<Bar>,
}

/// What a data folder has.
#[derive(Debug)]
pub enum Found {
    /// Every series, in the order of [`ORIGINS`].
    Complete(Vec<Series>),
    /// The first file that is not there.
    Missing(PathBuf),
}

/// The folder of a normal run: `PLIMSOLL_DATA` if set, otherwise `../shared/data` beside `checkout`.
pub fn folder(checkout: &Path) -> PathBuf {
    let named = std::env::var_os("PLIMSOLL_DATA").filter(|value| !value.is_empty()).map(PathBuf::from);
    named.unwrap_or_else(|| checkout.join("../shared/data"))
}

/// Reads every series. Fails on a file that is there but damaged; an absent one is an answer.
pub fn load(folder: &Path) -> Result<Found> {
    let path = |origin: &Origin| folder.join("prices").join(origin.file);
    if let Some(missing) = ORIGINS.iter().map(path).find(|path| !path.is_file()) {
        return Ok(Found::Missing(missing));
    }
    let read = |origin: &Origin| read(&path(origin), origin).with_context(|| format!("cannot use {}", origin.file));
    Ok(Found::Complete(ORIGINS.iter().map(read).collect::<Result<_>>()?))
}

fn read(path: &Path, origin: &Origin) -> Result<Series> {
    let file = File::open(path)?;
    let bars = bars(GzDecoder::new(file), origin)?;
    Ok(Series { origin: *origin, bars })
}

/// First second of a daily series on the engine's clock; any moment would do.
const DAILY_START: i64 = 1_000_000_800;

fn bars(source: impl std::io::Read, origin: &Origin) -> Result<Vec<Bar>> {
    let mut reader = csv::Reader::from_reader(source);
    let mut bars: Vec<Bar> = Vec::new();
    for (index, record) in reader.records().enumerate() {
        let record = record?;
        let line = index + 2;
        let field = |column: usize| record.get(column).map(str::trim).with_context(|| format!("line {line} has no column {}", column + 1));
        let price = |column: usize| -> Result<i64> {
            let value: f64 = field(column)?.parse().with_context(|| format!("line {line}, column {}", column + 1))?;
            let atoms = (value * 1e6 / origin.lots as f64).round();
            ensure!((1.0..=f64::from(1 << 30)).contains(&atoms), "line {line}: the price {value} is out of range");
            Ok(atoms as i64)
        };
        let bar = match origin.layout {
            Layout::Unix => {
                let at: i64 = field(0)?.parse().with_context(|| format!("line {line}: the time"))?;
                bar(at, at, [price(1)?, price(2)?, price(3)?, price(4)?])
            }
            Layout::Daily => bar(DAILY_START, date(field(0)?, '/')?, [price(1)?, price(2)?, price(3)?, price(4)?]),
            Layout::Closes => {
                let close = price(1)?;
                let open = bars.last().map_or(close, |last| last.close);
                let blank = bar(DAILY_START, date(field(0)?, '-')?, [open, open.max(close), open.min(close), close]);
                Bar { deviation: (close as f64 / open as f64).ln().abs(), ..blank }
            }
        };
        // Days of trading follow one another on the engine's clock.
        let bar = match bars.last() {
            Some(last) if origin.is_daily() => Bar { at: last.at + origin.bar_seconds, ..bar },
            _ => bar,
        };
        let is_bar = bar.low <= bar.open.min(bar.close) && bar.high >= bar.open.max(bar.close);
        ensure!(is_bar, "line {line}: low {} and high {} do not enclose open and close", bar.low, bar.high);
        if let Some(last) = bars.last() {
            ensure!(bar.at >= last.at + origin.bar_seconds && bar.date > last.date, "line {line} does not come after the bar before it");
            ensure!((bar.at - last.at) % origin.bar_seconds == 0, "line {line} is not on the grid of the bars");
        }
        bars.push(bar);
    }
    if bars.len() < 2 {
        bail!("fewer than two bars");
    }
    Ok(bars)
}

fn bar(at: i64, date: i64, [open, high, low, close]: [i64; 4]) -> Bar {
    let range = (high as f64 / low as f64).ln();
    Bar { at, date, open, high, low, close, deviation: range / (4.0 * std::f64::consts::LN_2).sqrt() }
}

/// Midnight of `year-month-day`, or of `month/day/year`.
fn date(text: &str, separator: char) -> Result<i64> {
    let parts: Vec<i64> =
        text.split(separator).map(|part| part.parse().with_context(|| format!("the date {text}"))).collect::<Result<_>>()?;
    let (year, month, day) = match (parts.as_slice(), separator) {
        ([year, month, day], '-') => (*year, *month, *day),
        ([month, day, year], '/') => (*year, *month, *day),
        _ => bail!("{text} is no date"),
    };
    ensure!((1..=12).contains(&month) && (1..=31).contains(&day), "{text} is no date");
    Ok(midnight(year, month, day))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn unix(text: &str) -> Result<Vec<Bar>> {
        bars(text.as_bytes(), &ORIGINS[2])
    }

    #[test]
    fn bars_are_read_in_atoms_and_gaps_are_kept() {
        let bars = unix("time,open,high,low,close\n3600,2,4,1,3\n14400,3.5,3.5,3.5,3.5\n").unwrap();
        assert_eq!((bars[0].open, bars[0].high, bars[0].low, bars[0].close), (2_000_000, 4_000_000, 1_000_000, 3_000_000));
        assert_eq!(bars[1].at - bars[0].at, 10_800);
        assert_eq!(bars[1].deviation, 0.0);
    }

    #[test]
    fn damaged_files_are_refused_with_their_line() {
        let head = "time,open,high,low,close\n3600,2,4,1,3\n";
        for (tail, word) in [
            ("7200,2,2,3,3\n", "line 3: low"),
            ("3600,2,4,1,3\n", "line 3 does not come after"),
            ("9000,2,4,1,3\n", "line 3 is not on the grid"),
            ("7200,2,4,x,3\n", "line 3, column 4"),
            ("7200,2,4,0,3\n", "line 3: the price 0"),
            ("", "fewer than two"),
        ] {
            let error = format!("{:#}", unix(&format!("{head}{tail}")).unwrap_err());
            assert!(error.contains(word), "{error}");
        }
    }

    #[test]
    fn days_of_trading_follow_one_another_on_the_clock_and_keep_their_dates() {
        let bars = bars("Date,SP500\n1990-01-05,100\n1990-01-08,110\n".as_bytes(), &ORIGINS[6]).unwrap();
        assert_eq!(bars[1].at - bars[0].at, 3_600);
        assert_eq!(bars[1].date - bars[0].date, 3 * 86_400);
        assert!((bars[1].deviation - 1.1_f64.ln()).abs() < 1e-12);
    }

    #[test]
    fn an_absent_file_is_named() {
        let empty = tempfile::tempdir().unwrap();
        assert!(matches!(load(empty.path()).unwrap(), Found::Missing(path) if path.ends_with("btc_eur_1h_bitvavo_2019-12_2024-05.csv.gz")));
    }
}
