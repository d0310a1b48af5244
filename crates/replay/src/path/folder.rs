//! Real bars of the crash of 10 October 2025 from a data folder.
//!
//! SOL is hourly in USDT. BTC and ETH are two-hourly in euro on one venue, so only their returns are used: they are scaled by one constant
//! factor to a published dollar price at the start of the window.

use std::{
    fs::File,
    path::{Path, PathBuf},
};

use anyhow::{ensure, Context, Result};
use flate2::read::GzDecoder;

use super::{builtin, table, Bar, History, Market, MicroUsd, Series, Source};
use crate::report::thousands;

/// First second of the replayed day: 2025-10-10 12:00 UTC.
pub const CRASH_START: i64 = 1_760_097_600;
/// First second after it: 2025-10-11 12:00 UTC.
pub const CRASH_END: i64 = CRASH_START + 86_400;

/// What a folder holds.
pub(super) enum Found {
    /// Every series of the window.
    Complete(History),
    /// The first file that is not there.
    Missing(PathBuf),
}

/// A file of the data folder.
struct Origin {
    market: Market,
    file: &'static str,
    bar_seconds: i64,
    /// Whether the file is in euro and takes its level from the published dollar price.
    is_euro: bool,
}

const ORIGINS: [Origin; 3] = [
    Origin { market: Market::Sol, file: "prices/sol_usdt_1h_binance_2020-08_2026-02.csv.gz", bar_seconds: 3_600, is_euro: false },
    Origin { market: Market::Btc, file: "prices/btc_eur_2h_bitvavo_2022-12_2025-12.csv.gz", bar_seconds: 7_200, is_euro: true },
    Origin { market: Market::Eth, file: "prices/eth_eur_2h_bitvavo_2022-12_2025-12.csv.gz", bar_seconds: 7_200, is_euro: true },
];

/// Loads the window from `folder`, or tells which file is absent. Fails on a file that is there but damaged or short of bars.
pub(super) fn load(folder: &Path) -> Result<Found> {
    if let Some(path) = ORIGINS.iter().map(|origin| folder.join(origin.file)).find(|path| !path.is_file()) {
        return Ok(Found::Missing(path));
    }
    let mut notes = vec![
        format!("Prices: real bars of 10-11 October 2025 from {}; SOL hourly, with USDT taken as dollars.", folder.display()),
        "Attribution: SOL/USDT hourly data from DaruFinance/quant-research-framework-rs, Copyright (c) 2026 Daniel G (MIT), collected from \
         Binance. OHLCV data from coding-kitties/investing-algorithm-framework (Apache-2.0), collected from Bitvavo."
            .to_owned(),
    ];
    let mut all = Vec::new();
    for origin in &ORIGINS {
        let mut series = read(folder, origin).with_context(|| origin.file.to_owned())?;
        if origin.is_euro {
            notes.push(to_dollars(&mut series));
        }
        all.push(series);
    }
    Ok(Found::Complete(History::new(Source::Folder(folder.to_owned()), notes, all)?))
}

fn read(folder: &Path, origin: &Origin) -> Result<Series> {
    let file = File::open(folder.join(origin.file)).context("cannot open it")?;
    let mut rows = table::read(GzDecoder::new(file), Some(origin.market))?;
    rows.retain(|row| row.at >= CRASH_START && row.at + origin.bar_seconds <= CRASH_END);
    let series = table::series(&rows, origin.market, Some(origin.bar_seconds))?;
    let covers = series.start() == CRASH_START && series.end() == CRASH_END;
    ensure!(covers, "the bars do not cover 2025-10-10 12:00 to 2025-10-11 12:00 UTC without a gap");
    Ok(series)
}

/// Scales a euro series so that it opens at the published dollar price, and says so. The factor is constant: the euro's own move that
/// day (well under one percent) stays in the returns.
fn to_dollars(series: &mut Series) -> String {
    let dollars = builtin::opening_price(series.market);
    let euro = series.bars.first().map_or(dollars, |bar| bar.open);
    let scale = |price: MicroUsd| price.scaled(dollars, euro);
    for bar in &mut series.bars {
        *bar = Bar { open: scale(bar.open), high: scale(bar.high), low: scale(bar.low), close: scale(bar.close), ..*bar };
    }
    let whole = |price: MicroUsd| thousands(i128::from(price.0 / 1_000_000));
    let (name, open, was) = (series.market.name(), whole(dollars), whole(euro));
    format!("{name}: two-hourly euro bars, used for their returns and scaled to open at ${open} (was EUR {was}).")
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::{write::GzEncoder, Compression};

    use super::*;

    /// Writes a folder in which every bar is 100 / 120 / 90 / 110, `hole` bars short in SOL.
    fn folder(hole: i64) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("prices")).unwrap();
        for origin in &ORIGINS {
            let mut text = String::from("time,open,high,low,close,volume\n");
            let missing = if origin.market == Market::Sol { hole } else { 0 };
            for index in -2..86_400 / origin.bar_seconds + 2 - missing * 3 {
                text.push_str(&format!("{},100,120,90,110,3.5\n", CRASH_START + index * origin.bar_seconds));
            }
            let mut out = GzEncoder::new(File::create(folder.path().join(origin.file)).unwrap(), Compression::fast());
            out.write_all(text.as_bytes()).unwrap();
            out.finish().unwrap();
        }
        folder
    }

    #[test]
    fn the_window_is_cut_and_euro_series_are_scaled_with_a_note() {
        let data = folder(0);
        let Found::Complete(history) = load(data.path()).unwrap() else { panic!("the folder is complete") };
        assert_eq!(history.span(), (CRASH_START, CRASH_END));
        let bars: Vec<_> = history.series().iter().map(|series| (series.bars.len(), series.bars[0].open, series.bars[0].low)).collect();
        let btc = builtin::opening_price(Market::Btc);
        assert_eq!(bars[0], (24, MicroUsd::dollars(100), MicroUsd::dollars(90)));
        assert_eq!(bars[1], (12, btc, MicroUsd(btc.0 / 10 * 9)));
        assert_eq!(history.notes.iter().filter(|note| note.contains("euro bars")).count(), 2);
    }

    #[test]
    fn a_short_file_is_an_error_and_an_absent_one_is_named() {
        let error = load(folder(1).path()).err().map(|error| format!("{error:#}")).unwrap();
        assert!(error.contains("sol_usdt_1h") && error.contains("do not cover"), "{error}");
        let data = folder(0);
        std::fs::remove_file(data.path().join(ORIGINS[2].file)).unwrap();
        let Found::Missing(path) = load(data.path()).unwrap() else { panic!("a file is absent") };
        assert!(path.ends_with(ORIGINS[2].file));
    }

    #[test]
    fn a_file_that_is_not_gzip_is_an_error() {
        let data = folder(0);
        std::fs::write(data.path().join(ORIGINS[1].file), "time,open\n").unwrap();
        let error = load(data.path()).err().map(|error| format!("{error:#}")).unwrap();
        assert!(error.contains("btc_eur_2h"), "{error}");
    }

    #[test]
    fn the_real_crash_has_its_known_lows() {
        let checkout = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
        let history = crate::path::load(&crate::path::Request::new(checkout, None)).unwrap();
        if history.source == Source::BuiltIn {
            eprintln!("NOT CHECKED, NO DATA: {}", history.notes.join(" "));
            return;
        }
        let lows: Vec<_> = history.series().iter().map(|series| series.bars.iter().map(|bar| bar.low).min().unwrap().0).collect();
        assert_eq!(lows[0], 168_790_000);
        // EUR 90,000 and EUR 2,989 at the constant factors of the opening prices.
        assert!((104_100_000_000..104_200_000_000).contains(&lows[1]), "{}", lows[1]);
        assert!((3_459_000_000..3_461_000_000).contains(&lows[2]), "{}", lows[2]);
        let gap = crate::path::gap(&history, 60, 1, crate::path::GapPlan::default()).unwrap();
        let at = gap.ticks.iter().position(|tick| tick.at == gap.at).unwrap();
        assert_eq!((gap.ticks[at - 1].prices[0].0, gap.ticks[at].prices[0].0), (196_840_000, 168_790_000));
    }
}
