//! Comma-separated price tables, with errors that name the line and the column.
//!
//! A file for `--prices` has a header line and the columns `time,market,open,high,low,close` in any order; others are ignored.
//! `time` is the bar's first second in Unix time, `market` is SOL, BTC or ETH, prices are dollars as plain decimals. Each market's bars
//! are in time order and evenly spaced (the spacing is the bar's length, so at least two are needed); markets may differ in spacing and
//! their lines may be mixed. The replay covers the time that all three share.

use std::{io::Read, path::Path};

use anyhow::{anyhow, bail, ensure, Context, Result};
use csv::StringRecord;

use super::{Bar, History, Market, MicroUsd, Series, Source, MARKETS};

/// A bar without its length, and the line it stood on.
#[derive(Clone, Copy)]
pub(super) struct Row {
    line: u64,
    pub(super) at: i64,
    pub(super) market: Market,
    open: MicroUsd,
    high: MicroUsd,
    low: MicroUsd,
    close: MicroUsd,
}

/// Positions of the columns in a table.
struct Columns {
    time: usize,
    market: Option<usize>,
    prices: [usize; 4],
}

const PRICE_COLUMNS: [&str; 4] = ["open", "high", "low", "close"];

impl Columns {
    fn find(header: &StringRecord, fixed: Option<Market>) -> Result<Self> {
        let find = |name: &str| {
            let found = header.iter().position(|field| field.trim().eq_ignore_ascii_case(name));
            found.ok_or_else(|| anyhow!("line 1: no column `{name}` in the header `{}`", header.iter().collect::<Vec<_>>().join(",")))
        };
        let [open, high, low, close] = PRICE_COLUMNS;
        let market = fixed.is_none().then(|| find("market")).transpose()?;
        Ok(Self { time: find("time")?, market, prices: [find(open)?, find(high)?, find(low)?, find(close)?] })
    }
}

/// Reads a table. `fixed` is the market of a table without a `market` column.
pub(super) fn read(input: impl Read, fixed: Option<Market>) -> Result<Vec<Row>> {
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).comment(Some(b'#')).flexible(true).from_reader(input);
    let columns = Columns::find(reader.headers().context("line 1: unreadable header")?, fixed)?;
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.context("unreadable line")?;
        rows.push(row(&record, &columns, fixed)?);
    }
    Ok(rows)
}

fn row(record: &StringRecord, columns: &Columns, fixed: Option<Market>) -> Result<Row> {
    let line = record.position().map_or(0, csv::Position::line);
    let field = |index: usize, name: &str| {
        record.get(index).ok_or_else(|| anyhow!("line {line}, column `{name}`: missing, the line has only {} fields", record.len()))
    };
    let text = field(columns.time, "time")?;
    let at = text.parse().map_err(|_| anyhow!("line {line}, column `time`: expected Unix seconds, found `{text}`"))?;
    let market = match (fixed, columns.market) {
        (Some(market), _) => market,
        (None, index) => {
            let text = field(index.unwrap_or(usize::MAX), "market")?;
            Market::from_name(text).ok_or_else(|| anyhow!("line {line}, column `market`: expected SOL, BTC or ETH, found `{text}`"))?
        }
    };
    let mut prices = [MicroUsd(0); 4];
    for ((price, index), name) in prices.iter_mut().zip(columns.prices).zip(PRICE_COLUMNS) {
        let text = field(index, name)?;
        *price = MicroUsd::parse(text)
            .ok_or_else(|| anyhow!("line {line}, column `{name}`: expected a positive decimal number below one billion, found `{text}`"))?;
    }
    let [open, high, low, close] = prices;
    Ok(Row { line, at, market, open, high, low, close })
}

/// Makes bars of one market's rows. `seconds` is the bar's length; without it, the spacing of the first two rows.
pub(super) fn series(rows: &[Row], market: Market, seconds: Option<i64>) -> Result<Series> {
    let rows: Vec<&Row> = rows.iter().filter(|row| row.market == market).collect();
    let name = market.name();
    let spacing = rows.first().zip(rows.get(1)).map(|(one, two)| two.at.saturating_sub(one.at));
    let seconds = seconds.or(spacing).ok_or_else(|| anyhow!("{name} has {} bars; at least two are needed", rows.len()))?;
    ensure!((1..=86_400).contains(&seconds), "the first two bars of {name} are {seconds} s apart; expected 1 s to a day, in time order");
    let mut bars: Vec<Bar> = Vec::with_capacity(rows.len());
    for row in rows {
        let expected = bars.last().map_or(row.at, Bar::end);
        let line = row.line;
        ensure!(
            row.at == expected,
            "line {line}, column `time`: {name} needs a bar every {seconds} s, expected {expected}, found {}",
            row.at
        );
        let bar = Bar { at: row.at, seconds, open: row.open, high: row.high, low: row.low, close: row.close };
        if let Some(fault) = bar.fault() {
            let column = if fault.starts_with("the high") { "high" } else { "low" };
            bail!("line {line}, column `{column}`: {fault}");
        }
        bars.push(bar);
    }
    Ok(Series { market, bars })
}

/// Loads the file of `--prices`.
pub(super) fn load_file(path: &Path) -> Result<History> {
    let file = std::fs::File::open(path).context("cannot open it")?;
    let rows = read(file, None)?;
    let all: Vec<Series> = MARKETS.into_iter().map(|market| series(&rows, market, None)).collect::<Result<_>>()?;
    let source = Source::File(path.to_owned());
    History::new(source, vec![format!("Prices: bars read from {}, taken as dollars.", path.display())], all)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "time,market,open,high,low,close\n\
        0,SOL,10,12,9,11\n0,BTC,100,120,90,110\n3600,SOL,11,11,8,8.5\n0,eth,50,51,49,50\n7200,SOL,8.5,9,8,9\n\
        7200,BTC,110,111,100,101\n10800,SOL,9,9,9,9\n3600,ETH,50,60,50,55\n";

    fn load(text: &str) -> Result<History> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("prices.csv");
        std::fs::write(&path, text).unwrap();
        super::super::load(&super::super::Request { file: Some(path), folders: vec![] })
    }

    #[test]
    fn markets_of_different_spacing_may_be_mixed() {
        let history = load(GOOD).unwrap();
        assert_eq!(history.span(), (0, 7200));
        let lengths: Vec<_> = history.series().iter().map(|series| (series.bars.len(), series.finest())).collect();
        assert_eq!(lengths, [(4, 3600), (2, 7200), (2, 3600)]);
        assert_eq!(history.series()[0].bars[1].close, MicroUsd(8_500_000));
    }

    #[test]
    fn faults_name_line_and_column() {
        let cases = [
            (GOOD.replace("8,8.5", "8,x"), "line 4, column `close`: expected a positive decimal number below one billion, found `x`"),
            (GOOD.replace("8,8.5", "-8,8.5"), "line 4, column `low`: expected a positive decimal"),
            (GOOD.replace("3600,SOL", "1h,SOL"), "line 4, column `time`: expected Unix seconds, found `1h`"),
            (GOOD.replace("0,eth", "0,DOGE"), "line 5, column `market`: expected SOL, BTC or ETH, found `DOGE`"),
            (GOOD.replace("100,120,90,110", "100,120"), "line 3, column `low`: missing, the line has only 4 fields"),
            (GOOD.replace("100,120,90,110", "100,105,90,110"), "line 3, column `high`: the high is below"),
            (GOOD.replace("7200,SOL", "9000,SOL"), "line 6, column `time`: SOL needs a bar every 3600 s, expected 7200, found 9000"),
            (GOOD.replace(",high", ",hi"), "line 1: no column `high`"),
            (GOOD.replace("3600,ETH,50,60,50,55\n", ""), "ETH has 1 bars; at least two are needed"),
        ];
        for (text, expected) in cases {
            let error = format!("{:#}", load(&text).unwrap_err());
            assert!(error.contains(expected), "{error}\nlacks: {expected}");
        }
    }
}
