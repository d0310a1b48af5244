//! The figures that the prose of `docs/backtest.md` quotes, each computed from the study.

use anyhow::{Context, Result};
use plimsoll_risk::correlation::CorrelationParams;
use plimsoll_risk::Ratio;

use super::table::percent;
use crate::benchmark::Benchmark;
use crate::calibrate::{Score, Trial, NO_JUMP};
use crate::coverage::{Measure, NOMINAL};
use crate::portfolio::Linear;
use crate::rates::Setting;
use crate::study::{CrashRow, FloorRow, RangeRow, Row, Study, ENGINE, NO_OFFSETS, TWO_HOURS, UNCALIBRATED};

/// Names and texts.
pub type Figures = Vec<(&'static str, String)>;

/// Rejection level of the test of independence.
const LEVEL: f64 = 0.05;

/// Every figure. Errors: a row that the study does not have.
pub fn figures(study: &Study) -> Result<Figures> {
    let mut out = coverage(study);
    out.extend(cost(study)?);
    out.extend(two_hours(study)?);
    out.extend(spreads(study)?);
    out.extend(straddles(study)?);
    out.extend(crashes(study));
    out.extend(raises(study));
    out.extend(calibration(study)?);
    out.extend(settings(study)?);
    out.extend(feeds(study)?);
    Ok(out)
}

/// Which series a sentence is about.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Hourly,
    TwoHourly,
    Daily,
}

impl Kind {
    fn has(self, series: &str) -> bool {
        match self {
            Self::Hourly => series.ends_with("1h"),
            Self::TwoHourly => series.ends_with("2h"),
            Self::Daily => series.starts_with("S&P"),
        }
    }
}

/// Longs and shorts of a margin in series of a kind.
fn legs<'s>(study: &'s Study, margin: &str, kind: Kind, measure: Measure) -> Vec<&'s Row> {
    let is_leg = |row: &&Row| {
        row.margin == margin
            && row.measure == measure
            && kind.has(&row.series)
            && (row.portfolio == Linear::Long.name() || row.portfolio == Linear::Short.name())
    };
    study.rows.iter().filter(is_leg).collect()
}

/// The row of another margin on the same hours.
fn beside<'s>(study: &'s Study, row: &Row, margin: &str) -> Result<&'s Row> {
    let is_same = |other: &&Row| {
        other.margin == margin && other.series == row.series && other.portfolio == row.portfolio && other.measure == row.measure
    };
    study.rows.iter().find(is_same).with_context(|| format!("no row of {margin} for {}", row.series))
}

fn least(values: impl IntoIterator<Item = f64>) -> f64 {
    values.into_iter().fold(f64::INFINITY, f64::min)
}

fn most(values: impl IntoIterator<Item = f64>) -> f64 {
    values.into_iter().fold(f64::NEG_INFINITY, f64::max)
}

/// Smallest and largest, as text.
fn span(values: &[f64], text: impl Fn(f64) -> String) -> String {
    format!("{} to {}", text(least(values.iter().copied())), text(most(values.iter().copied())))
}

fn twice(value: f64) -> String {
    format!("{value:.2}")
}

fn worst_year(rows: &[&Row]) -> String {
    percent(least(rows.iter().map(|row| row.summary.worst_year_coverage)), 2)
}

/// How many of the rows, and of how many.
fn count(rows: &[&Row], test: impl Fn(&Row) -> bool) -> String {
    format!("{} of {}", rows.iter().filter(|row| test(row)).count(), rows.len())
}

fn coverage(study: &Study) -> Figures {
    let hourly = |measure| legs(study, ENGINE, Kind::Hourly, measure);
    let (close, worst) = (hourly(Measure::Close), hourly(Measure::Worst));
    let daily: Vec<&Row> =
        [Measure::Close, Measure::Worst].into_iter().flat_map(|measure| legs(study, ENGINE, Kind::Daily, measure)).collect();
    let rejected = |margin: &str| count(&legs(study, margin, Kind::Hourly, Measure::Close), |row| row.summary.independence.p < LEVEL);
    vec![
        ("hourly_year_close", worst_year(&close)),
        ("hourly_year_worst", worst_year(&worst)),
        ("daily_year", worst_year(&daily)),
        ("independence_p", twice(least(close.iter().map(|row| row.summary.independence.p)))),
        ("independence_rejected_ewma", rejected(&Benchmark::Ewma(4.0).name())),
        ("independence_rejected_static", rejected(&Benchmark::Static(0.03).name())),
    ]
}

fn cost(study: &Study) -> Result<Figures> {
    let hourly = legs(study, ENGINE, Kind::Hourly, Measure::Close);
    let daily = legs(study, ENGINE, Kind::Daily, Measure::Close);
    let by_total = |row: &&Row| row.equal.by_total / row.summary.mean_required;
    let by_year = |row: &&Row| row.equal.by_year / row.summary.mean_required;
    let both: Vec<f64> = daily.iter().map(by_total).chain(daily.iter().map(by_year)).collect();
    let is_dearer = |row: &Row| row.equal.of_goal > row.summary.mean_required;
    let (mut costs, mut misses) = (vec![], vec![]);
    for row in &hourly {
        let other = beside(study, row, &Benchmark::Ewma(4.0).name())?;
        costs.push(other.summary.mean_required / row.summary.mean_required);
        misses.push(other.summary.exceptions as f64 / row.summary.exceptions.max(1) as f64);
    }
    Ok(vec![
        ("cost_total", span(&hourly.iter().map(by_total).collect::<Vec<_>>(), twice)),
        ("cost_year", span(&hourly.iter().map(by_year).collect::<Vec<_>>(), twice)),
        ("cost_daily", span(&both, |value| format!("{value:.1}"))),
        ("goal_dearer_close", count(&hourly, is_dearer)),
        ("goal_dearer_worst", count(&legs(study, ENGINE, Kind::Hourly, Measure::Worst), is_dearer)),
        ("ewma_cost", span(&costs, twice)),
        ("ewma_missed", span(&misses, |value| format!("{value:.0}"))),
    ])
}

fn two_hours(study: &Study) -> Result<Figures> {
    let both = |margin| -> Vec<&Row> {
        [Measure::Close, Measure::Worst].into_iter().flat_map(|measure| legs(study, margin, Kind::TwoHourly, measure)).collect()
    };
    let (plain, longer) = (both(ENGINE), both(TWO_HOURS));
    let order = |a: &&&Row, b: &&&Row| a.summary.worst_year_coverage.total_cmp(&b.summary.worst_year_coverage);
    let worst = plain.iter().min_by(order).context("no two-hourly series")?;
    let place = format!("{} {}", worst.series.trim_end_matches(" 2h"), worst.portfolio);
    Ok(vec![
        ("two_hour_failed", count(&plain, |row| !row.meets_goal())),
        ("two_hour_least", format!("{place}, {} in {}", percent(worst.summary.worst_year_coverage, 2), worst.summary.worst_year)),
        ("two_hour_horizon_failed", count(&longer, |row| !row.meets_goal())),
        ("two_hour_horizon_least", worst_year(&longer)),
        ("two_hour_horizon_dearer", count(&longer, |row| !row.is_cheaper())),
    ])
}

fn spreads(study: &Study) -> Result<Figures> {
    let of = |margin: &str, measure| -> Vec<&Row> {
        study.rows.iter().filter(|row| row.portfolio == "spread" && row.margin == margin && row.measure == measure).collect()
    };
    let mut shares = vec![];
    for row in of(ENGINE, Measure::Close) {
        shares.push(row.summary.mean_required / beside(study, row, NO_OFFSETS)?.summary.mean_required);
    }
    let worst = of(ENGINE, Measure::Worst);
    let year = |kind: Kind| worst_year(&worst.iter().copied().filter(|row| kind.has(&row.series)).collect::<Vec<_>>());
    Ok(vec![
        ("spread_share", twice(most(shares))),
        ("spread_year_close", worst_year(&of(ENGINE, Measure::Close))),
        ("spread_year_worst_1h", year(Kind::Hourly)),
        ("spread_year_worst_2h", year(Kind::TwoHourly)),
    ])
}

/// Rows of a spot range, straddles or not.
fn of_range<'s>(study: &'s Study, range: [i64; 2]) -> (Vec<&'s RangeRow>, Option<&'s RangeRow>) {
    let rows = || study.ranges.iter().filter(move |row| row.range == range);
    (rows().filter(|row| row.portfolio.starts_with("straddle")).collect(), rows().find(|row| !row.portfolio.starts_with("straddle")))
}

fn straddles(study: &Study) -> Result<Figures> {
    let rows: Vec<&Row> = study.engine_rows().filter(|row| row.portfolio.starts_with("straddle")).collect();
    let dearer: Vec<f64> = rows.iter().map(|row| row.summary.mean_required / row.equal.by_total).collect();
    let (wide, wide_legs) = of_range(study, [18, 36]);
    let (narrow, narrow_legs) = of_range(study, [18, 24]);
    let savings: Vec<f64> = wide.iter().zip(&narrow).map(|(wide, narrow)| 1.0 - narrow.mean / wide.mean).collect();
    let missed = |row: Option<&RangeRow>| row.map(|row| row.missed[0].to_string()).context("no linear legs at a spot range");
    let (_, low_legs) = of_range(study, [14, 24]);
    let share = |row: Option<&RangeRow>| row.map(|row| percent(row.mean, 2)).context("no linear legs at a spot range");
    Ok(vec![
        ("straddle_missed", rows.iter().map(|row| row.summary.exceptions).sum::<u64>().to_string()),
        ("straddle_dearer", span(&dearer, |value| format!("{value:.1}"))),
        ("narrow_saving", span(&savings, |value| percent(value, 0))),
        ("narrow_straddle_missed", narrow.iter().map(|row| row.missed[1]).sum::<u64>().to_string()),
        ("narrow_missed", missed(narrow_legs)?),
        ("wide_missed", missed(wide_legs)?),
        ("range_14_mean", share(low_legs)?),
        ("range_18_mean", share(narrow_legs)?),
    ])
}

/// A figure of a crash, or *none* where the series do not reach it.
fn of_crash(study: &Study, window: &str, series: &str, margin: &str, text: impl Fn(&CrashRow) -> String) -> String {
    let is_it = |row: &&CrashRow| row.window.contains(window) && row.series == series && row.margin == margin;
    study.crashes.iter().find(is_it).map_or_else(|| "none".to_owned(), text)
}

fn crashes(study: &Study) -> Figures {
    let march = |margin: &str, text: &dyn Fn(&CrashRow) -> String| of_crash(study, "2020-03", "BTC 1h", margin, text);
    let shortfall = |row: &CrashRow| format!("{:.1}", row.worst_shortfall * 100.0);
    let constant = Benchmark::Static(0.05).name();
    let engine = || study.crashes.iter().filter(|row| row.margin == ENGINE);
    let sides = |row: &CrashRow| row.long[1].max(row.short[1]);
    vec![
        ("march_missed", march(ENGINE, &|row| row.long[1].to_string())),
        ("march_hours", march(ENGINE, &|row| row.hours.to_string())),
        ("march_shortfall", march(ENGINE, &shortfall)),
        ("march_missed_static", march(&constant, &|row| row.long[1].to_string())),
        ("march_shortfall_static", march(&constant, &shortfall)),
        ("crash_most_missed", engine().map(sides).max().unwrap_or(0).to_string()),
    ]
}

fn raises(study: &Study) -> Figures {
    let of = |margin: &str| study.raises.iter().filter(|row| row.margin == margin && Kind::Hourly.has(&row.series)).collect::<Vec<_>>();
    let (hourly, before) = (of(ENGINE), of(UNCALIBRATED));
    let values = |read: &dyn Fn(&&crate::raise::Raises) -> f64| hourly.iter().map(read).collect::<Vec<_>>();
    let tenth = |rows: &[&crate::raise::Raises]| {
        let shares: Vec<f64> = rows.iter().map(|row| row.share_above_tenth).collect();
        span(&shares, |value| percent(value, 1))
    };
    vec![
        ("raise_from", span(&values(&|row| row.maintenance.from), |value| percent(value, 1))),
        ("raise_to", span(&values(&|row| row.maintenance.to), |value| percent(value, 1))),
        ("raise_factor", format!("{:.2}", most(values(&|row| row.buffer_factor)))),
        ("raise_tenth", tenth(&hourly)),
        ("raise_tenth_before", tenth(&before)),
    ]
}

/// The trial of a setting. Errors: nobody tried it.
fn trial<'s>(study: &'s Study, test: impl Fn(&Setting) -> bool, what: &str) -> Result<&'s Trial> {
    study.trials.all().find(|trial| test(&trial.setting)).with_context(|| format!("no trial of {what}"))
}

/// Share of all pairs of settings with a different count of missed hours in the sample of which the better one is not worse after it.
fn concordance(study: &Study) -> f64 {
    let (mut alike, mut pairs) = (0_u64, 0_u64);
    let trials: Vec<&Trial> = study.trials.all().collect();
    for (index, one) in trials.iter().enumerate() {
        for other in trials.iter().skip(index + 1).filter(|other| other.sample.close != one.sample.close) {
            let (better, worse) = if one.sample.close < other.sample.close { (one, other) } else { (other, one) };
            pairs += 1;
            alike += u64::from(better.after.close <= worse.after.close);
        }
    }
    alike as f64 / pairs.max(1) as f64
}

/// One property of a setting in the sample and after it.
fn both(trial: &Trial, text: impl Fn(&Score) -> String) -> String {
    format!("{} and {}", text(&trial.sample), text(&trial.after))
}

/// The step from the parameters that the calibration started from to the default.
fn calibration(study: &Study) -> Result<Figures> {
    let before = trial(study, |setting| *setting == Setting::UNCALIBRATED, "what the calibration started from")?;
    let now = trial(study, |setting| *setting == Setting::MAJOR, "the default")?;
    let mut only_weight = Setting::UNCALIBRATED;
    only_weight.vol.garch_alpha = Setting::MAJOR.vol.garch_alpha;
    let only_weight = trial(study, |setting| *setting == only_weight, "the weight alone")?;
    let mut only_multiple = Setting::MAJOR;
    only_multiple.vol.garch_alpha = Setting::UNCALIBRATED.vol.garch_alpha;
    let only_multiple = trial(study, |setting| *setting == only_multiple, "the multiple alone")?;
    let mut lower = Setting::MAJOR.with_multiples(Ratio::of(5_250, 1_000), Ratio::of(3_500, 1_000));
    lower.vol.garch_alpha = Ratio::of(35, 1_000);
    let lower = trial(study, |setting| *setting == lower, "a core of 3.5 σ")?;
    let (mean, short) = (|score: &Score| percent(score.mean, 2), |score: &Score| twice(score.short));
    let tenth = |score: &Score| percent(score.tenth, 1);
    let steps = |text: &dyn Fn(&Score) -> String| [text(&before.sample), text(&now.sample), text(&before.after), text(&now.after)];
    let step = |text: &dyn Fn(&Score) -> String| {
        let [from, to, later_from, later_to] = steps(text);
        format!("from {from} to {to} up to 2022 and from {later_from} to {later_to} after")
    };
    let chosen = |text: &dyn Fn(&Trial) -> String| study.chosen.as_ref().map_or_else(|| "none".to_owned(), text);
    Ok(vec![
        ("concordance", format!("{:.0}", concordance(study) * 100.0)),
        ("chosen", chosen(&|trial| format!("{:.2} σ, R_lin {:.2} σ, tier {}", trial.core, trial.initial, percent(trial.tier, 0)))),
        ("chosen_after", chosen(&|trial| percent(trial.after.least_worst, 2))),
        ("step_tenth", step(&tenth)),
        ("step_close", step(&|score| score.close.to_string())),
        ("step_worst", step(&|score| score.worst.to_string())),
        ("step_short", step(&short)),
        ("step_mean", step(&mean)),
        ("weight_tenth", both(only_weight, tenth)),
        ("weight_worst", both(only_weight, |score| score.worst.to_string())),
        ("multiple_tenth", both(only_multiple, tenth)),
        ("multiple_mean", both(only_multiple, mean)),
        ("lower_mean", both(lower, mean)),
        ("lower_tenth", both(lower, tenth)),
        ("lower_short", both(lower, short)),
    ])
}

/// What the other parameters would change.
fn settings(study: &Study) -> Result<Figures> {
    let now = trial(study, |setting| *setting == Setting::MAJOR, "the default")?;
    let covered = |trial: &Trial| {
        let hours = trial.sample.hours + trial.after.hours;
        1.0 - (trial.sample.close + trial.after.close) as f64 / hours.max(1) as f64
    };
    let glides: Vec<f64> = study.trials.glides.iter().map(covered).collect();
    let mut slower = Setting::MAJOR;
    slower.vol.glide_down = Ratio::of(25, 1_000);
    let slower = trial(study, |setting| *setting == slower, "a slower fall")?;
    let is_off = |trial: &&Trial| trial.jump >= NO_JUMP as f64 && trial.setting.vol.garch_alpha == Setting::MAJOR.vol.garch_alpha;
    let off = study.trials.forecasts.iter().find(is_off).context("no trial without the jump flag")?;
    let without = Setting { tier: Ratio::ZERO, ..Setting::MAJOR };
    let without = trial(study, |setting| *setting == without, "no tier")?;
    let more = |of: &Score, than: &Score| percent(of.mean / than.mean - 1.0, 1);
    let worst = |trial: &Trial| both(trial, |score| score.worst.to_string());
    let floor = |share: f64| -> Result<&FloorRow> {
        let is_it = |row: &&FloorRow| Kind::Hourly.has(&row.series) && (row.floor_share - share).abs() < 1e-9;
        study.floors.iter().find(is_it).context("no spread at this φ")
    };
    let standard = floor(CorrelationParams::MAJORS.floor_share.raw() as f64 / Ratio::ONE.raw() as f64)?;
    let saving = |row: &FloorRow| percent((row.close.mean_required / standard.close.mean_required - 1.0).abs(), 0);
    Ok(vec![
        ("glide_coverage", format!("{:.3}", (most(glides.iter().copied()) - least(glides.iter().copied())) * 100.0)),
        ("slower_margin", format!("{} and {}", more(&slower.sample, &now.sample), more(&slower.after, &now.after))),
        ("slower_worst", worst(slower)),
        ("now_worst", worst(now)),
        ("off_worst", worst(off)),
        ("tier_margin", format!("{} and {}", more(&now.sample, &without.sample), more(&now.after, &without.after))),
        ("tier_least", percent(without.sample.least_worst.min(without.after.least_worst), 2)),
        ("goal", percent(1.0 - NOMINAL, 1)),
        ("phi_hours", standard.close.hours.to_string()),
        ("phi_missed", standard.close.exceptions.to_string()),
        ("phi_worst", standard.worst.exceptions.to_string()),
        ("phi_60_worst", floor(0.6)?.worst.exceptions.to_string()),
        ("phi_85_worst", floor(0.85)?.worst.exceptions.to_string()),
        ("phi_60_missed", floor(0.6)?.close.exceptions.to_string()),
        ("phi_60_saving", saving(floor(0.6)?)),
        ("phi_85_missed", floor(0.85)?.close.exceptions.to_string()),
        ("phi_85_cost", saving(floor(0.85)?)),
    ])
}

/// What the drawn paths decide.
fn feeds(study: &Study) -> Result<Figures> {
    let missed = |trial: &Trial| (trial.sample.worst + trial.after.worst) as f64;
    let covered =
        |trial: &Trial| 1.0 - (trial.sample.close + trial.after.close) as f64 / (trial.sample.hours + trial.after.hours).max(1) as f64;
    let seeds: Vec<f64> = study.feeds.iter().filter(|(name, _)| name.starts_with("seed")).map(|(_, trial)| missed(trial)).collect();
    let find = |name: &str| study.feeds.iter().find(|feed| feed.0.starts_with(name)).map(|feed| &feed.1).context("no such path");
    let change = (covered(find("a bar")?) - covered(find("seed 10")?)).abs();
    Ok(vec![("seed_missed", span(&seeds, |value| format!("{value:.0}"))), ("bar_change", format!("{:.3}", change * 100.0))])
}
