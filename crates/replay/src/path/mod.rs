//! Prices for a replay: bars from a file, a data folder or the built-in turning points, and the seeded path through them.
//!
//! Units: prices are whole micro-dollars per coin ([`MicroUsd`]), times are Unix seconds. Everything here is integer arithmetic, so a
//! seed gives the same ticks on every machine.

mod bar;
mod builtin;
mod folder;
mod gap;
mod table;
mod walk;

pub use bar::{Bar, Market, MicroUsd, Series, MARKETS};
pub use builtin::built_in;
pub use folder::{CRASH_END, CRASH_START};
pub use gap::{gap, Gap, GapPlan};
pub use walk::{walk, Tick, NOTE as WALK_NOTE};

use std::path::{Path, PathBuf};

use anyhow::{ensure, Context, Result};

/// Where a replay may look for prices, most specific first.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// A price file named by the user (`--prices FILE`). When set, nothing else is tried, and any fault in it is an error.
    pub file: Option<PathBuf>,
    /// Data folders in the order in which they are tried. One that lacks a file is passed over with a note; one that is malformed is an error.
    pub folders: Vec<PathBuf>,
}

impl Request {
    /// The folders of a normal run: `PLIMSOLL_DATA` if set (then only that one), otherwise `../shared/data` beside `checkout`.
    pub fn new(checkout: &Path, file: Option<PathBuf>) -> Self {
        let named = std::env::var_os("PLIMSOLL_DATA").filter(|value| !value.is_empty()).map(PathBuf::from);
        let folder = named.unwrap_or_else(|| checkout.join("../shared/data"));
        Self { file, folders: vec![folder] }
    }
}

/// Which of the three kinds of source the prices came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// The file the user named.
    File(PathBuf),
    /// Real hourly and two-hourly bars of a data folder.
    Folder(PathBuf),
    /// The published turning points kept in this crate.
    BuiltIn,
}

/// Bars of every market, checked, with what a reader must be told about them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct History {
    /// Where the bars came from.
    pub source: Source,
    /// Sentences for the report: the source, any scaling, attributions, and why a better source was not used.
    pub notes: Vec<String>,
    series: Vec<Series>,
}

impl History {
    /// Joins one series per market. Fails unless each market has exactly one series, each series is contiguous, and they share some time.
    pub fn new(source: Source, notes: Vec<String>, mut series: Vec<Series>) -> Result<Self> {
        series.sort_by_key(|one| one.market);
        let found: Vec<Market> = series.iter().map(|one| one.market).collect();
        ensure!(found == MARKETS, "prices are needed for exactly {}, found {}", names(&MARKETS), names(&found));
        for one in &series {
            one.check()?;
        }
        let history = Self { source, notes, series };
        let (start, end) = history.span();
        ensure!(start < end, "the markets have no time in common: the last one starts at {start}, the first one ends at {end}");
        Ok(history)
    }

    /// The series in the order of [`MARKETS`].
    pub fn series(&self) -> &[Series] {
        &self.series
    }

    /// The time all markets share, in Unix seconds: first moment inside, first moment after.
    pub fn span(&self) -> (i64, i64) {
        let start = self.series.iter().map(Series::start).max().unwrap_or(0);
        let end = self.series.iter().map(Series::end).min().unwrap_or(0);
        (start, end)
    }

    /// One sentence naming the source, for the head of the report.
    pub fn headline(&self) -> String {
        match &self.source {
            Source::File(path) => format!("bars from {}", path.display()),
            Source::Folder(path) => format!("real hourly (SOL) and two-hourly (BTC, ETH) bars from {}", path.display()),
            Source::BuiltIn => "BUILT-IN turning points of 10-11 October 2025 (approximate, not market data)".to_owned(),
        }
    }
}

fn names(markets: &[Market]) -> String {
    markets.iter().map(|market| market.name()).collect::<Vec<_>>().join(", ")
}

/// Finds prices for a replay: the named file, else the first complete data folder, else the built-in path. Which one it was, and what was
/// missing, stands in the notes. Fails on a malformed file, never on a missing folder.
pub fn load(request: &Request) -> Result<History> {
    if let Some(path) = &request.file {
        return table::load_file(path).with_context(|| format!("cannot use the price file {}", path.display()));
    }
    let mut notes = Vec::new();
    for folder in &request.folders {
        match folder::load(folder).with_context(|| format!("the price data in {} are damaged", folder.display()))? {
            folder::Found::Complete(history) => return Ok(history),
            folder::Found::Missing(file) => notes.push(format!(
                "No real prices: {} is absent. Set PLIMSOLL_DATA to a data folder or pass --prices FILE to replay real bars.",
                file.display()
            )),
        }
    }
    let mut history = built_in()?;
    history.notes.splice(0..0, notes);
    Ok(history)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_data_fall_back_to_the_built_in_path_and_say_so() {
        let empty = tempfile::tempdir().unwrap();
        let history = load(&Request { file: None, folders: vec![empty.path().to_owned()] }).unwrap();
        assert_eq!(history.source, Source::BuiltIn);
        assert!(history.notes[0].contains("sol_usdt_1h") && history.notes[0].contains("PLIMSOLL_DATA"), "{:?}", history.notes);
        assert!(history.headline().contains("BUILT-IN"));
    }

    #[test]
    fn a_named_file_that_is_absent_is_an_error_and_not_a_fallback() {
        let request = Request { file: Some("no/such/prices.csv".into()), folders: vec![] };
        let error = format!("{:#}", load(&request).unwrap_err());
        assert!(error.contains("no/such/prices.csv"), "{error}");
    }

    #[test]
    fn every_market_must_be_there_once_and_share_time() {
        let bar = |at| Bar { at, seconds: 60, open: MicroUsd(5), high: MicroUsd(6), low: MicroUsd(4), close: MicroUsd(5) };
        let series = |market, at| Series { market, bars: vec![bar(at)] };
        let two = vec![series(Market::Sol, 0), series(Market::Btc, 0)];
        assert!(History::new(Source::BuiltIn, vec![], two).unwrap_err().to_string().contains("SOL, BTC, ETH, found SOL, BTC"));
        let apart = vec![series(Market::Sol, 0), series(Market::Btc, 0), series(Market::Eth, 60)];
        assert!(History::new(Source::BuiltIn, vec![], apart).unwrap_err().to_string().contains("no time in common"));
    }
}
