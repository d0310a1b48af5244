//! The study: every row of every table, from the series alone.

use anyhow::{anyhow, Result};
use plimsoll_risk::correlation::CorrelationParams;
use plimsoll_risk::volatility::VolParams;
use plimsoll_risk::{Ratio, Round, Secs};
use serde::Serialize;

use crate::benchmark::{recharge, Benchmark, BENCHMARKS};
use crate::calibrate::{self, Trial, Trials};
use crate::coverage::{equal_static, summarise, EqualStatic, Measure, Summary, MEASURES, NOMINAL, WINDOWS};
use crate::data::Series;
use crate::portfolio::{observe, Linear, Observation, LINEAR};
use crate::raise::{raises, Raises};
use crate::rates::{along, BarRates, Setting};
use crate::spread::{self, Credit, Offsets};
use crate::straddle::{self, Scan};
use crate::tape::{refused, replay, Feed, Tape};

/// Seed of the paths.
pub const SEED: u64 = 10;
/// The engine with the default parameters of a major, as the rows name it.
pub const ENGINE: &str = "Plimsoll";
/// The engine with the parameters that the calibration started from.
pub const UNCALIBRATED: &str = "Plimsoll, uncalibrated";
/// The engine at a two-hour horizon.
pub const TWO_HOURS: &str = "Plimsoll, 2 h";
/// The engine without credit between markets.
pub const NO_OFFSETS: &str = "Plimsoll, no offsets";

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
    /// One leg of full notional in each of two series.
    Two(&'a Series, &'a Series),
    /// A share of the notional of the underlying; and the hours as the constant grid charges them.
    Straddle(&'a Series, Vec<Observation>),
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

/// Long and short, or straddles, of the hourly series at one spot range.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RangeRow {
    /// Smallest and largest range, hundredths.
    pub range: [i64; 2],
    /// What is held.
    pub portfolio: &'static str,
    /// Mean requirement, the mean over the markets.
    pub mean: f64,
    /// Hours missed from close to close and at worst.
    pub missed: [u64; 2],
    /// Largest loss beyond the requirement within a bar; negative: what was left.
    pub worst_shortfall: f64,
}

/// A spread at one φ.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FloorRow {
    /// Series.
    pub series: String,
    /// φ.
    pub floor_share: f64,
    /// From close to close.
    pub close: Summary,
    /// At the worst moments of both legs.
    pub worst: Summary,
}

/// How correlated a pair was and what credit it had: 1 %, 50 % and 99 % quantiles over the hours counted.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CreditRow {
    /// Series.
    pub series: String,
    /// The lower of fast and slow ρ, after the warm-up.
    pub correlation: [f64; 3],
    /// c of the maintenance measure.
    pub credit: [f64; 3],
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
    /// Straddles at other spot ranges.
    pub ranges: Vec<RangeRow>,
    /// Spreads at other φ.
    pub floors: Vec<FloorRow>,
    /// Correlation and credit of the spreads.
    pub credits: Vec<CreditRow>,
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
                Some(Charge::Straddle(_, grid)) if *benchmark == Benchmark::Grid => grid.clone(),
                Some(Charge::Straddle(series, _)) => recharge(&track.hours, 1.0, &benchmark.rates(series)),
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

/// Short straddles of a market, 30 and 7 days from expiry when they are sold. Errors: what the engine refuses.
fn straddle_tracks<'a>(market: &Market<'a>) -> Result<Vec<Track<'a>>> {
    let track = |(portfolio, days): (&'static str, i64)| -> Result<Track<'a>> {
        let observe = |scan| straddle::observe(market.series, &market.tape, &market.rates, days, scan);
        let charge = Some(Charge::Straddle(market.series, observe(Scan::StaticGrid)?));
        Ok(Track { series: market.series.origin.id.into(), portfolio, margin: market.margin, hours: observe(Scan::Engine)?, charge })
    };
    STRADDLES.into_iter().map(track).collect()
}

const STRADDLES: [(&str, i64); 2] = [("straddle 30 d", 30), ("straddle 7 d", 7)];

/// Long one, short the other. Errors: what the engine refuses.
fn spread_track<'a>(pair: &Pair<'_, 'a>, margin: &'static str, floor_share: Option<Ratio>, is_benchmarked: bool) -> Result<Track<'a>> {
    let Pair { one, other, credits } = pair;
    let offsets = floor_share.map(|floor_share| Offsets { credits, floor_share });
    let hours = spread::observe((one.series, &one.rates), (other.series, &other.rates), offsets)?;
    let series = format!("{} / {}", one.series.origin.id, other.series.origin.id);
    let charge = is_benchmarked.then_some(Charge::Two(one.series, other.series));
    Ok(Track { series, portfolio: "spread", margin, hours, charge })
}

/// Two markets of a group.
struct Pair<'m, 'a> {
    one: &'m Market<'a>,
    other: &'m Market<'a>,
    credits: Vec<Credit>,
}

/// BTC and ETH, by length of bar. Errors: a missing series, what the engine refuses.
fn pairs_of<'m, 'a>(markets: &'m [Market<'a>]) -> Result<Vec<Pair<'m, 'a>>> {
    let pair = |(one, other): (&str, &str)| -> Result<Pair<'m, 'a>> {
        let (one, other) = (find(markets, one)?, find(markets, other)?);
        let tape = |market: &Market| replay(market.series, &Setting::MAJOR.vol, Feed::Range);
        let credits = spread::credits((one.series, &tape(one)?), (other.series, &tape(other)?), &CorrelationParams::MAJORS)?;
        Ok(Pair { one, other, credits })
    };
    [("BTC 1h", "ETH 1h"), ("BTC 2h", "ETH 2h")].into_iter().map(pair).collect()
}

/// Spot ranges of the grid that are tried, hundredths.
const RANGES: [[i64; 2]; 6] = [[14, 14], [14, 18], [14, 24], [18, 18], [18, 24], [18, 36]];

/// Straddles on the hourly series at other spot ranges. Errors: what the engine refuses.
fn ranges(markets: &[&Market]) -> Result<Vec<RangeRow>> {
    let mut out = vec![];
    for bounds in RANGES {
        let setting = Setting { range: bounds.map(|bound| Ratio::of(bound, 100)), ..Setting::MAJOR };
        let linear = calibrate::evaluate(markets, &setting)?;
        let [sample, after] = [linear.sample, linear.after];
        out.push(RangeRow {
            range: bounds,
            portfolio: "long and short",
            mean: (sample.mean * sample.hours as f64 + after.mean * after.hours as f64) / (sample.hours + after.hours) as f64,
            missed: [sample.close + after.close, sample.worst + after.worst],
            worst_shortfall: sample.worst_shortfall.max(after.worst_shortfall),
        });
        for (portfolio, days) in STRADDLES {
            let mut row = RangeRow { range: bounds, portfolio, mean: 0.0, missed: [0; 2], worst_shortfall: f64::NEG_INFINITY };
            for market in markets {
                let rates = along(&market.tape, &setting)?;
                let hours = straddle::observe(market.series, &market.tape, &rates, days, Scan::Engine)?;
                let [close, worst] = MEASURES.map(|measure| summarise(&hours, measure));
                row.mean += close.mean_required / markets.len() as f64;
                row.missed = [row.missed[0] + close.exceptions, row.missed[1] + worst.exceptions];
                row.worst_shortfall = row.worst_shortfall.max(worst.worst_shortfall);
            }
            out.push(row);
        }
    }
    Ok(out)
}

/// Shares φ that are tried, thousandths.
const FLOORS: [i64; 6] = [500, 600, 700, 750, 850, 1_000];

/// Spreads at other φ, and how large credit and correlation were. Errors: what the engine refuses.
fn floors(pairs: &[Pair]) -> Result<Vec<FloorRow>> {
    let mut out = vec![];
    for pair in pairs {
        for floor in FLOORS {
            let floor_share = Ratio::of(floor, 1_000);
            let track = spread_track(pair, ENGINE, Some(floor_share), false)?;
            let [close, worst] = MEASURES.map(|measure| summarise(&track.hours, measure));
            out.push(FloorRow { series: track.series, floor_share: floor as f64 / 1_000.0, close, worst });
        }
    }
    Ok(out)
}

/// The credit along a pair, at the hours that are counted.
fn credit_row(pair: &Pair) -> CreditRow {
    let float = |ratio: Ratio| ratio.raw() as f64 / Ratio::ONE.raw() as f64;
    let counted: Vec<&Credit> =
        spread::common(pair.one.series, pair.other.series).into_iter().filter_map(|(index, _)| pair.credits.get(index)).collect();
    let sorted = |read: &dyn Fn(&Credit) -> Option<f64>| {
        let mut values: Vec<f64> = counted.iter().filter_map(|credit| read(credit)).collect();
        values.sort_unstable_by(f64::total_cmp);
        let at = |share: f64| values.get((share * values.len().saturating_sub(1) as f64) as usize).copied().unwrap_or(0.0);
        [at(0.01), at(0.5), at(0.99)]
    };
    CreditRow {
        series: format!("{} / {}", pair.one.series.origin.id, pair.other.series.origin.id),
        correlation: sorted(&|credit| credit.correlation.map(float)),
        credit: sorted(&|credit| Some(float(credit.maintenance))),
    }
}

/// The engine at a two-hour horizon: multiples of σ₁ₕ times √2, the forecast over two hours. Errors: none with the default multiples.
fn two_hours() -> Result<Setting> {
    let longer = |multiple: Ratio| multiple.mul(Ratio::of(1_414_214, 1_000_000), Round::Ceil).map_err(refused);
    let VolParams { initial_multiple, core_multiple, .. } = VolParams::MAJOR;
    let mut setting = Setting::MAJOR.with_multiples(longer(initial_multiple)?, longer(core_multiple)?);
    setting.vol.horizon = Secs::new(7_200);
    Ok(setting)
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
            variants.push(Market::new(series, TWO_HOURS, &two_hours()?, feed)?);
        } else {
            variants.push(Market::new(series, UNCALIBRATED, &Setting::UNCALIBRATED, feed)?);
        }
    }
    say("portfolios");
    for (markets, is_benchmarked) in [(&markets, true), (&variants, false)] {
        for market in markets.iter() {
            tracks.extend(linear_tracks(market, is_benchmarked)?);
        }
    }
    for market in markets.iter().filter(|market| !market.series.origin.is_daily()) {
        say(&format!("straddles of {}", market.series.origin.id));
        tracks.extend(straddle_tracks(market)?);
    }
    say("spot range");
    let ranges = ranges(&hourly)?;
    say("correlation");
    let spreads = pairs_of(&markets)?;
    for pair in &spreads {
        tracks.push(spread_track(pair, ENGINE, Some(CorrelationParams::MAJORS.floor_share), true)?);
        tracks.push(spread_track(pair, NO_OFFSETS, None, false)?);
    }
    let (floors, credits) = (floors(&spreads)?, spreads.iter().map(credit_row).collect());
    drop(spreads);
    say("tests");
    let rows = tracks.iter().flat_map(rows).collect();
    let crashes = crashes(&tracks);
    let raises = markets.iter().chain(&variants).map(raises).collect::<Result<_>>()?;
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
    Ok(Study { rows, crashes, raises, trials, chosen, feeds, ranges, floors, credits, markets })
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

#[cfg(test)]
mod tests;
