//! The study: every row of every table, from the series alone.

use anyhow::{anyhow, Result};
use plimsoll_risk::{Ratio, Secs};
use serde::Serialize;

use crate::benchmark::{recharge, BENCHMARKS};
use crate::calibrate::{self, Trial, Trials};
use crate::coverage::{equal_static, summarise, EqualStatic, Measure, Summary, MEASURES, NOMINAL, WINDOWS};
use crate::data::Series;
use crate::portfolio::{observe, Linear, Observation, LINEAR};
use crate::raise::{raises, Raises};
use crate::rates::{along, BarRates, Setting};
use crate::spread;
use crate::tape::{replay, Feed, Tape};

/// Seed of the paths.
pub const SEED: u64 = 10;
/// The engine with the default parameters of a major, as the rows name it.
pub const ENGINE: &str = "Plimsoll";

/// A series with the engine's margin along it.
pub struct Market<'a> {
    /// Its bars.
    pub series: &'a Series,
    /// What the rows call this margin.
    pub margin: &'static str,
    /// Volatility at every bucket.
    pub tape: Tape,
    /// Rates at the end of every bar.
    pub rates: Vec<BarRates>,
}

impl<'a> Market<'a> {
    /// Replays a series. Errors: what the engine refuses.
    pub fn new(series: &'a Series, margin: &'static str, setting: &Setting, feed: Feed) -> Result<Self> {
        let tape = replay(series, &setting.vol, feed)?;
        let rates = along(&tape, setting)?;
        Ok(Self { series, margin, tape, rates })
    }
}

/// A portfolio, its hours, and which legs a constant rate is charged on.
pub struct Track<'a> {
    /// Series, or two joined by a slash.
    pub series: String,
    /// Portfolio.
    pub portfolio: &'static str,
    /// What the rows call the margin.
    pub margin: &'static str,
    /// Hours with the engine's requirement.
    pub hours: Vec<Observation>,
    /// How a benchmark charges it; nothing where the same hours have a row of benchmarks already.
    pub charge: Option<Charge<'a>>,
}

/// Legs that a benchmark charges.
pub enum Charge<'a> {
    /// One leg with so much net delta, a share of notional.
    One(&'a Series, f64),
    /// One leg of full notional in each of two series; and the bar of the second that goes with each bar of the first.
    Two(&'a Series, &'a Series),
}

/// A line of the main table.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// Series.
    pub series: String,
    /// Portfolio.
    pub portfolio: String,
    /// Margin.
    pub margin: String,
    /// Loss that counts.
    pub measure: Measure,
    /// Counts and tests.
    #[serde(flatten)]
    pub summary: Summary,
    /// Constants that do as well.
    pub equal: EqualStatic,
}

impl Row {
    /// Whether every judged year is covered at 99.5 % or better.
    pub fn meets_goal(&self) -> bool {
        self.summary.worst_year_coverage >= 1.0 - NOMINAL
    }

    /// Whether the mean requirement is below that of both constants that cover as much.
    pub fn is_cheaper(&self) -> bool {
        self.summary.mean_required < self.equal.by_total.min(self.equal.by_year)
    }
}

/// A crash in one series.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CrashRow {
    /// Which.
    pub window: &'static str,
    /// Series.
    pub series: String,
    /// Margin.
    pub margin: String,
    /// Hours in the window.
    pub hours: u64,
    /// Hours in which a long lost more than maintenance, from close to close and at worst.
    pub long: [u64; 2],
    /// The same of a short.
    pub short: [u64; 2],
    /// Largest loss of either beyond maintenance within a bar, share of notional; negative: what was left.
    pub worst_shortfall: f64,
    /// Requirement at the start of that hour.
    pub required_then: f64,
    /// Mean requirement in the window.
    pub mean_required: f64,
}

/// Everything the tables and the plots need.
pub struct Study<'a> {
    /// Main table.
    pub rows: Vec<Row>,
    /// Crashes.
    pub crashes: Vec<CrashRow>,
    /// Raises of the requirement.
    pub raises: Vec<Raises>,
    /// Calibration.
    pub trials: Trials,
    /// The cheapest setting that meets the goal in the sample.
    pub chosen: Option<Trial>,
    /// The default parameters on other paths through the same bars.
    pub feeds: Vec<(String, Trial)>,
    /// The markets at default parameters, for the plots.
    pub markets: Vec<Market<'a>>,
}

fn row(track: &Track, margin: &str, hours: &[Observation], measure: Measure) -> Row {
    let summary = summarise(hours, measure);
    let equal = equal_static(hours, measure, &summary);
    Row { series: track.series.clone(), portfolio: track.portfolio.into(), margin: margin.into(), measure, summary, equal }
}

/// Rows of a track: the engine, then every benchmark.
fn rows(track: &Track) -> Vec<Row> {
    let mut rows = vec![];
    for measure in MEASURES {
        rows.push(row(track, track.margin, &track.hours, measure));
        for benchmark in BENCHMARKS.iter().filter(|_| track.charge.is_some()) {
            let hours = match &track.charge {
                Some(Charge::One(series, exposure)) => recharge(&track.hours, *exposure, &benchmark.rates(series)),
                Some(Charge::Two(one, other)) => {
                    recharge(&track.hours, 1.0, &spread::sum(one, &benchmark.rates(one), other, &benchmark.rates(other)))
                }
                None => break,
            };
            rows.push(row(track, &benchmark.name(), &hours, measure));
        }
    }
    rows
}

/// Linear portfolios of a market. Errors: what the engine refuses.
pub fn linear_tracks<'a>(market: &Market<'a>, is_benchmarked: bool) -> Result<Vec<Track<'a>>> {
    let track = |portfolio: Linear| -> Result<Track<'a>> {
        let exposure = if portfolio == Linear::HedgedCollateral { 0.2 } else { 1.0 };
        let hours = observe(portfolio, market.series, &market.rates)?;
        let charge = (is_benchmarked && portfolio != Linear::HedgedCollateral).then_some(Charge::One(market.series, exposure));
        Ok(Track { series: market.series.origin.id.into(), portfolio: portfolio.name(), margin: market.margin, hours, charge })
    };
    // Nobody posts an index as collateral.
    let is_held = |portfolio: &Linear| *portfolio != Linear::HedgedCollateral || !market.series.origin.is_daily();
    LINEAR.into_iter().filter(is_held).map(track).collect()
}

/// Long one, short the other. Errors: what the engine refuses.
fn spread_track<'a>(one: &Market<'a>, other: &Market<'a>, is_benchmarked: bool) -> Result<Track<'a>> {
    let hours = spread::observe((one.series, &one.rates), (other.series, &other.rates))?;
    let series = format!("{}/{}", one.series.origin.id, other.series.origin.id);
    let charge = is_benchmarked.then_some(Charge::Two(one.series, other.series));
    Ok(Track { series, portfolio: "spread", margin: one.margin, hours, charge })
}

/// The engine at a two-hour horizon: multiples of σ₁ₕ times √2, the forecast over two hours.
fn two_hours() -> Setting {
    let root = |times: i64| Ratio::of(times * 1_414_214, 1_000_000);
    let mut setting = Setting::MAJOR.with_multiples(root(5), root(4));
    setting.vol.horizon = Secs::new(7_200);
    setting
}

/// Runs the whole study; `say` is told what comes next. Errors: what the engine refuses.
pub fn run<'a>(all: &'a [Series], mut say: impl FnMut(&str)) -> Result<Study<'a>> {
    let feed = Feed::Path { seed: SEED };
    let mut markets = vec![];
    for series in all {
        say(&format!("volatility of {}", series.origin.id));
        markets.push(Market::new(series, ENGINE, &Setting::MAJOR, feed)?);
    }
    let hourly: Vec<&Market> = markets.iter().filter(|market| is_hourly(market.series)).collect();
    say("calibration");
    let trials = calibrate::run(&hourly, feed, || say("calibration"))?;
    let chosen = trials.cheapest().cloned();
    let mut tracks = vec![];
    let mut variants = vec![];
    for series in all {
        if series.origin.bar_seconds == 7_200 {
            variants.push(Market::new(series, "Plimsoll, 2 h", &two_hours(), feed)?);
        } else if series.origin.is_daily() {
            variants.push(Market::new(series, "Plimsoll, no tier", &Setting { tier: Ratio::ZERO, ..Setting::MAJOR }, feed)?);
        } else if let Some(chosen) = &chosen {
            variants.push(Market::new(series, "Plimsoll, cheapest", &chosen.setting, feed)?);
        }
    }
    say("portfolios");
    for (markets, is_benchmarked) in [(&markets, true), (&variants, false)] {
        for market in markets.iter() {
            tracks.extend(linear_tracks(market, is_benchmarked)?);
        }
        for (one, other) in [("BTC 1h", "ETH 1h"), ("BTC 2h", "ETH 2h")] {
            tracks.push(spread_track(find(markets, one)?, find(markets, other)?, is_benchmarked)?);
        }
    }
    say("tests");
    let rows = tracks.iter().flat_map(rows).collect();
    let crashes = crashes(&tracks);
    let raises = markets.iter().map(raises).collect::<Result<_>>()?;
    let mut feeds = vec![];
    for (name, feed) in [
        ("seed 10", feed),
        ("seed 11", Feed::Path { seed: 11 }),
        ("seed 12", Feed::Path { seed: 12 }),
        ("a bar is one sample", Feed::Range),
    ] {
        say(&format!("volatility again: {name}"));
        let again: Vec<Market> =
            hourly.iter().map(|market| Market::new(market.series, ENGINE, &Setting::MAJOR, feed)).collect::<Result<_>>()?;
        feeds.push((name.to_owned(), calibrate::evaluate(&again.iter().collect::<Vec<_>>(), &Setting::MAJOR)?));
    }
    Ok(Study { rows, crashes, raises, trials, chosen, feeds, markets })
}

/// Whether a series has hours of the calendar as bars.
pub fn is_hourly(series: &Series) -> bool {
    series.origin.bar_seconds == 3_600 && !series.origin.is_daily()
}

/// The market of a series. Errors: there is none.
pub fn find<'m, 'a>(markets: &'m [Market<'a>], id: &str) -> Result<&'m Market<'a>> {
    markets.iter().find(|market| market.series.origin.id == id).ok_or_else(|| anyhow!("no series {id}"))
}

/// The crash windows: the engine and the constants.
fn crashes(tracks: &[Track]) -> Vec<CrashRow> {
    let mut out = vec![];
    for window in WINDOWS {
        let is_long = |track: &&Track| track.portfolio == Linear::Long.name() && !track.series.starts_with("S&P");
        for long in tracks.iter().filter(is_long) {
            let is_pair =
                |track: &&Track| track.series == long.series && track.margin == long.margin && track.portfolio == Linear::Short.name();
            let Some(short) = tracks.iter().find(is_pair) else { continue };
            let (longs, shorts) = (window.of(&long.hours), window.of(&short.hours));
            if longs.is_empty() {
                continue;
            }
            let mut add = |margin: &str, longs: &[Observation], shorts: &[Observation]| {
                out.push(crash_row(window.name, &long.series, margin, longs, shorts));
            };
            add(long.margin, &longs, &shorts);
            if let Some(Charge::One(series, exposure)) = &long.charge {
                for benchmark in BENCHMARKS.iter().take(2) {
                    let rates = benchmark.rates(series);
                    add(&benchmark.name(), &recharge(&longs, *exposure, &rates), &recharge(&shorts, *exposure, &rates));
                }
            }
        }
    }
    out
}

fn crash_row(window: &'static str, series: &str, margin: &str, longs: &[Observation], shorts: &[Observation]) -> CrashRow {
    let missed =
        |hours: &[Observation]| MEASURES.map(|measure| hours.iter().filter(|hour| measure.loss(hour) > hour.required).count() as u64);
    let shortfall = |hour: &Observation| hour.worst - hour.required;
    let worst = longs.iter().chain(shorts).max_by(|a, b| shortfall(a).total_cmp(&shortfall(b)));
    CrashRow {
        window,
        series: series.into(),
        margin: margin.into(),
        hours: longs.len() as u64,
        long: missed(longs),
        short: missed(shorts),
        worst_shortfall: worst.map_or(0.0, shortfall),
        required_then: worst.map_or(0.0, |hour| hour.required),
        mean_required: longs.iter().map(|hour| hour.required).sum::<f64>() / longs.len().max(1) as f64,
    }
}

impl Study<'_> {
    /// Rows of the engine at default parameters.
    pub fn engine_rows(&self) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(|row| row.margin == ENGINE)
    }
}
