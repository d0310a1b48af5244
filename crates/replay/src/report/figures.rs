//! The plots of the report, from the data to what is drawn.

use anyhow::Result;

use super::{
    data::{AccountRow, Minute, ReportData},
    money::{usdc, utc},
    svg::{short, Axis, Mark, Points, Scale, Scatter, Series, Shape, TimePlot},
};

/// Equity kept is drawn up to this many percent.
const KEPT_CEILING: f64 = 400.0;

/// Pixels need no exactness: beyond 2^53 atoms the last digits are lost.
#[allow(clippy::as_conversions)]
fn pixels(value: i64) -> f64 {
    value as f64
}

fn whole_usdc(atoms: i64) -> f64 {
    pixels(atoms) / 1e6
}

fn line(name: impl Into<String>, ink: usize, values: Vec<f64>) -> Series {
    Series { name: name.into(), ink, shape: Shape::Line, on_right: false, values }
}

fn axis(label: &str, from_zero: bool) -> Axis {
    Axis { label: label.to_owned(), from_zero }
}

/// Every figure in reading order, as HTML.
pub(super) fn render(data: &ReportData) -> Result<String> {
    let over_time = [prices(data), equity(data), liquidations(data), fund(data), income(data), per_market_interest(data)]
        .into_iter()
        .map(|plot| plot.render());
    let accounts = [before_after(&data.accounts), by_leverage(&data.accounts)].into_iter().map(|plot| plot.render());
    over_time.chain(accounts).collect()
}

fn hours(data: &ReportData) -> Vec<f64> {
    let midnight = data.minutes.first().map_or(0, |minute| minute.at.div_euclid(86_400) * 86_400);
    data.minutes.iter().map(|minute| pixels(minute.at - midnight) / 3_600.0).collect()
}

fn column(data: &ReportData, value: impl Fn(&Minute) -> f64) -> Vec<f64> {
    data.minutes.iter().map(value).collect()
}

fn pick(values: &[i64], index: usize) -> f64 {
    whole_usdc(values.get(index).copied().unwrap_or(0))
}

fn plot(data: &ReportData, id: &'static str, title: &str, caption: String, left: Axis, series: Vec<Series>) -> TimePlot {
    TimePlot { id, title: title.to_owned(), caption, hours: hours(data), left, right: None, series }
}

fn prices(data: &ReportData) -> TimePlot {
    let price = |minute: &Minute, index: usize| minute.prices.get(index).map_or(0.0, |price| pixels(price.0));
    let first: Vec<f64> =
        (0..data.markets.len()).map(|index| data.minutes.first().map_or(1.0, |minute| price(minute, index).max(1.0))).collect();
    let market = |((index, name), first): ((usize, &String), f64)| {
        line(format!("{name} price (left)"), index, column(data, |minute| price(minute, index) / first * 100.0))
    };
    let mut series: Vec<Series> = data.markets.iter().enumerate().zip(first).map(market).collect();
    let requirement = column(data, |minute| whole_usdc(minute.requirement));
    series.push(Series { on_right: true, ..line("maintenance requirement of all accounts (right)", 3, requirement) });
    let caption = "Oracle prices as a percentage of the first, against the sum of all maintenance requirements.".to_owned();
    let plot = plot(data, "prices", "Price against requirement", caption, axis("price, % of the first", false), series);
    TimePlot { right: Some(axis("requirement, USDC", false)), ..plot }
}

fn equity(data: &ReportData) -> TimePlot {
    let series = vec![
        line("equity of all accounts", 0, column(data, |minute| whole_usdc(minute.equity))),
        line("maintenance requirement of all accounts", 3, column(data, |minute| whole_usdc(minute.requirement))),
    ];
    let lowest = data.minutes.iter().min_by_key(|minute| minute.equity);
    let caption = lowest.map_or_else(String::new, |minute| {
        format!(
            "Equity was lowest at {} UTC: {} USDC against a requirement of {} USDC.",
            utc(minute.at),
            usdc(minute.equity),
            usdc(minute.requirement)
        )
    });
    plot(data, "equity", "Equity against requirement", caption, axis("USDC", true), series)
}

fn liquidations(data: &ReportData) -> TimePlot {
    let values = column(data, |minute| pixels(i64::try_from(minute.liquidations).unwrap_or(i64::MAX)));
    let series = vec![Series { shape: Shape::Bars, ..line("liquidations in the minute", 1, values) }];
    let caption =
        format!("{} liquidations in all; {} came too late and found nothing to do.", data.totals.liquidations, data.totals.lost_races);
    plot(data, "liquidations", "Liquidations per minute", caption, axis("liquidations a minute", true), series)
}

fn fund(data: &ReportData) -> TimePlot {
    let mut series = vec![line("insurance fund (left)", 3, column(data, |minute| whole_usdc(minute.fund)))];
    for (index, name) in data.markets.iter().enumerate() {
        let values = column(data, |minute| pick(&minute.tranches, index));
        series.push(Series { on_right: true, ..line(format!("{name} tranche (right)"), index, values) });
    }
    let caption = format!("Tranches pay first, the fund after them: {} USDC in all.", usdc(data.totals.insurance_paid));
    let plot = plot(data, "fund", "Insurance fund and tranches", caption, axis("fund, USDC", true), series);
    TimePlot { right: Some(axis("tranche, USDC", true)), ..plot }
}

fn income(data: &ReportData) -> TimePlot {
    let keeper = |(index, name): (usize, &String)| line(name.clone(), index, column(data, |minute| pick(&minute.keeper_income, index)));
    let series = data.keepers.iter().enumerate().map(keeper).collect();
    let caption = format!("Penalties paid to each keeper since the start: {} USDC together.", usdc(data.totals.keeper_income));
    plot(data, "keepers", "Keeper income", caption, axis("USDC since the start", true), series)
}

fn per_market_interest(data: &ReportData) -> TimePlot {
    let market = |(index, name): (usize, &String)| line(name.clone(), index, column(data, |minute| pick(&minute.open_interest, index)));
    let series = data.markets.iter().enumerate().map(market).collect();
    let caption = "Open interest of one side, at the oracle price of the minute.".to_owned();
    plot(data, "interest", "Open interest", caption, axis("USDC", true), series)
}

/// Splits accounts into those left alone, those liquidated and those bankrupt, each placed by `at`.
fn classes(accounts: &[AccountRow], at: impl Fn(&AccountRow) -> (f64, f64)) -> Vec<Points> {
    let class = |name: &str, ink, mark, wanted: fn(&AccountRow) -> bool| {
        let at: Vec<_> = accounts.iter().filter(|row| wanted(row)).map(&at).collect();
        Points { name: format!("{name} ({})", at.len()), ink, mark, at }
    };
    vec![
        class("not liquidated", 0, Mark::Circle, |row| row.liquidations == 0 && !row.is_bankrupt()),
        class("liquidated, still solvent", 1, Mark::Triangle, |row| row.liquidations > 0 && !row.is_bankrupt()),
        class("bankrupt or resolved", 4, Mark::Cross, AccountRow::is_bankrupt),
    ]
}

/// Ticks of a decimal logarithm at whole powers only.
fn power(exponent: f64) -> String {
    if (exponent - exponent.round()).abs() > 1e-6 {
        return String::new();
    }
    short(10_f64.powf(exponent.round()))
}

fn before_after(accounts: &[AccountRow]) -> Scatter {
    let log = |atoms: i64| whole_usdc(atoms).max(1.0).log10();
    let top = accounts.iter().map(|row| log(row.equity_before.max(row.equity_after))).fold(1.0, f64::max).ceil();
    let floor = accounts.iter().map(|row| log(row.equity_before)).fold(top, f64::min).floor().min(top - 1.0);
    let scale = |label: &str, from| Scale { label: label.to_owned(), from, to: top, format: power };
    Scatter {
        id: "accounts",
        title: "Equity before and after".to_owned(),
        caption:
            "Each account once, logarithmic in USDC; on the line nothing was gained or lost. One USDC or less, and debt, are drawn at 1."
                .to_owned(),
        x: scale("equity before, USDC", floor),
        y: scale("equity after, USDC", -0.1),
        classes: classes(accounts, |row| (log(row.equity_before), log(row.equity_after))),
        reference: Some([(floor, floor.max(-0.1)), (top, top)]),
    }
}

fn by_leverage(accounts: &[AccountRow]) -> Scatter {
    let kept = |row: &AccountRow| pixels(row.equity_after) / pixels(row.equity_before.max(1)) * 100.0;
    let place = |row: &AccountRow| (pixels(row.leverage_hundredths) / 100.0, kept(row).clamp(-KEPT_CEILING, KEPT_CEILING));
    let widest = accounts.iter().map(|row| place(row).0).fold(1.0, f64::max);
    let (low, high) =
        accounts.iter().map(|row| place(row).1).fold((0.0, 100.0), |(low, high), value| (f64::min(low, value), f64::max(high, value)));
    let room = (high - low) * 0.05;
    let scale = |label: &str, from, to, format| Scale { label: label.to_owned(), from, to, format };
    Scatter {
        id: "leverage",
        title: "Equity kept, by leverage at the start".to_owned(),
        caption: format!("What is left of each account's equity; at 100 % nothing was gained or lost. Drawn up to {KEPT_CEILING} %."),
        x: scale("leverage at the start (gross notional / equity)", 0.0, widest * 1.03, |value| format!("{}x", short(value))),
        y: scale("equity kept, %", low - room, high + room, short),
        classes: classes(accounts, place),
        reference: Some([(0.0, 100.0), (widest * 1.03, 100.0)]),
    }
}
