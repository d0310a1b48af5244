//! What the study found, as tables, plots and one JSON object.

mod figures;
mod json;
mod plot;
mod prose;
pub mod table;

pub use figures::{figures, Figures};
pub use json::json_line;
pub use plot::{plots, Plot};
pub use prose::fill;

use std::collections::BTreeSet;

use crate::benchmark::BENCHMARKS;
use crate::calendar;
use crate::calibrate::{Score, Trial, NO_JUMP};
use crate::coverage::{Measure, FEWEST_HOURS};
use crate::data::Series;
use crate::portfolio::pairs;
use crate::rates::Setting;
use crate::study::{Row, Study, ENGINE};
use table::{percent, probability, Table};

/// Every table, in order.
pub fn tables(study: &Study, all: &[Series]) -> Vec<Table> {
    let mut out = vec![series(all), verdict(study), years(study), raises(study), crashes(study), beside(study)];
    out.extend(calibration(study));
    out.push(ranges(study));
    out.push(credits(study));
    out.push(floors(study));
    out.push(feeds(study));
    out
}

fn series(all: &[Series]) -> Table {
    let header = ["series", "from", "to", "bars", "pairs counted", "gaps", "close-to-close σ per bar"];
    let mut table = Table::new("Series", "", &header);
    for series in all {
        let (first, last) = (series.bars.first(), series.bars.last());
        let day = |date: Option<i64>| date.map_or(String::new(), |date| calendar::stamp(date).chars().take(10).collect());
        let counted: Vec<f64> = pairs(series).map(|(_, bar, next)| (next.close as f64 / bar.close as f64).ln()).collect();
        let deviation = (counted.iter().map(|r| r * r).sum::<f64>() / counted.len().max(1) as f64).sqrt();
        table.rows.push(vec![
            series.origin.id.into(),
            day(first.map(|bar| bar.date)),
            day(last.map(|bar| bar.date)),
            series.bars.len().to_string(),
            counted.len().to_string(),
            (series.bars.len() - 1 - counted.len()).to_string(),
            percent(deviation, 2),
        ]);
    }
    table
}

fn verdict(study: &Study) -> Table {
    let header = [
        "series",
        "portfolio",
        "loss",
        "hours",
        "missed",
        "coverage",
        "worst year",
        "Kupiec p",
        "Christoffersen p",
        "both p",
        "mean MM",
        "static: total",
        "static: year",
        "static: 99.5 %",
        "goal",
        "cheaper",
    ];
    let note = "The engine at default parameters. *static* columns: the smallest constant that misses no more hours in all, that has no worse worst year, and \
                that reaches 99.5 % in every year, each known only afterwards. *goal*: at least 99.5 % in every calendar year. *cheaper*: mean MM below \
                both constants of equal coverage.";
    let mut table = Table::new("The engine", note, &header);
    let engine = |row: &&Row| row.margin == ENGINE || (row.margin.starts_with(ENGINE) && row.portfolio != "hedged collateral");
    for row in study.rows.iter().filter(engine) {
        let summary = &row.summary;
        let suffix = row.margin.strip_prefix(ENGINE).unwrap_or_default();
        let answer = |yes: bool| if yes { "yes" } else { "**no**" }.to_owned();
        table.rows.push(vec![
            format!("{}{suffix}", row.series),
            row.portfolio.clone(),
            row.measure.name().into(),
            summary.hours.to_string(),
            summary.exceptions.to_string(),
            percent(summary.coverage, 3),
            format!("{} ({})", percent(summary.worst_year_coverage, 2), summary.worst_year),
            probability(summary.kupiec.p),
            probability(summary.independence.p),
            probability(summary.conditional.p),
            percent(summary.mean_required, 2),
            percent(row.equal.by_total, 2),
            percent(row.equal.by_year, 2),
            percent(row.equal.of_goal, 2),
            answer(row.meets_goal()),
            answer(row.is_cheaper()),
        ]);
    }
    table
}

/// Every margin on the same hours.
fn beside(study: &Study) -> Table {
    let header = [
        "series",
        "portfolio",
        "margin",
        "mean MM",
        "missed (close)",
        "worst year",
        "Kupiec p",
        "Christoffersen p",
        "missed (worst)",
        "worst year",
        "worst shortfall",
    ];
    let note = "A constant and RiskMetrics charge a straddle by the notional of its underlying and a spread by both legs.";
    let mut table = Table::new("Beside other margins", note, &header);
    let is_shown = |row: &&Row| row.portfolio != "hedged collateral" && row.portfolio != "straddle 7 d" && row.measure == Measure::Close;
    let order = |row: &Row| BENCHMARKS.iter().position(|benchmark| benchmark.name() == row.margin).map_or(0, |at| at + 1);
    let mut places: Vec<(&str, &str)> = vec![];
    for row in study.rows.iter().filter(is_shown) {
        if !places.contains(&(&row.series, &row.portfolio)) {
            places.push((&row.series, &row.portfolio));
        }
    }
    for place in places {
        let mut closes: Vec<&Row> =
            study.rows.iter().filter(is_shown).filter(|row| (row.series.as_str(), row.portfolio.as_str()) == place).collect();
        closes.sort_by_key(|row| order(row));
        for close in closes {
            let same = |row: &&Row| row.series == close.series && row.portfolio == close.portfolio && row.margin == close.margin;
            let Some(worst) = study.rows.iter().filter(same).find(|row| row.measure == Measure::Worst) else { continue };
            let year = |row: &Row| format!("{} ({})", percent(row.summary.worst_year_coverage, 2), row.summary.worst_year);
            table.rows.push(vec![
                close.series.clone(),
                close.portfolio.clone(),
                close.margin.clone(),
                percent(close.summary.mean_required, 2),
                close.summary.exceptions.to_string(),
                year(close),
                probability(close.summary.kupiec.p),
                probability(close.summary.independence.p),
                worst.summary.exceptions.to_string(),
                year(worst),
                percent(worst.summary.worst_shortfall, 1),
            ]);
        }
    }
    table
}

fn years(study: &Study) -> Table {
    let is_shown = |row: &&Row| row.measure == Measure::Worst && !row.series.starts_with("S&P") && row.portfolio != "hedged collateral";
    let rows: Vec<&Row> = study.engine_rows().filter(is_shown).collect();
    let years: BTreeSet<i64> = rows.iter().flat_map(|row| row.summary.years.iter().map(|year| year.year)).collect();
    let names: Vec<String> = years.iter().map(ToString::to_string).collect();
    let header: Vec<&str> = ["series", "portfolio"].into_iter().chain(names.iter().map(String::as_str)).collect();
    let note = format!("Bars missed of bars counted, worst moment within the bar. A year of fewer than {FEWEST_HOURS} bars is not judged.");
    let mut table = Table::new("By calendar year", note, &header);
    for row in rows {
        let cell = |year: &i64| {
            let found = row.summary.years.iter().find(|one| one.year == *year);
            found.map_or("-".to_owned(), |one| format!("{} / {} = {}", one.exceptions, one.hours, percent(one.coverage(), 2)))
        };
        table.rows.push([row.series.clone(), row.portfolio.clone()].into_iter().chain(years.iter().map(cell)).collect());
    }
    table
}

fn crashes(study: &Study) -> Table {
    let header = [
        "crash",
        "series",
        "margin",
        "hours",
        "long missed: close, worst",
        "short missed: close, worst",
        "worst shortfall",
        "MM then",
        "mean MM",
    ];
    let note = "Shortfall: loss of a long or a short beyond maintenance at the worst moment within one bar, in points of notional; negative is what was left.";
    let mut table = Table::new("Crashes", note, &header);
    for row in &study.crashes {
        table.rows.push(vec![
            row.window.into(),
            row.series.clone(),
            row.margin.clone(),
            row.hours.to_string(),
            format!("{}, {}", row.long[0], row.long[1]),
            format!("{}, {}", row.short[0], row.short[1]),
            percent(row.worst_shortfall, 1),
            percent(row.required_then, 1),
            percent(row.mean_required, 1),
        ]);
    }
    table
}

fn raises(study: &Study) -> Table {
    let header = [
        "series",
        "margin",
        "core",
        "when",
        "buffer",
        "when",
        "buffer's largest factor",
        "MM in force",
        "when",
        "bars with MM up > 10 %",
        "bars with MM above what was announced",
    ];
    let note = "Largest rise of an existing position's maintenance rate from the end of one bar to the end of the next.";
    let mut table = Table::new("Raises of the requirement", note, &header);
    for row in &study.raises {
        let raise = |raise: &crate::raise::Raise| format!("{} → {}", percent(raise.from, 2), percent(raise.to, 2));
        table.rows.push(vec![
            row.series.clone(),
            row.margin.into(),
            raise(&row.core),
            calendar::stamp(row.core.at),
            raise(&row.buffer),
            calendar::stamp(row.buffer.at),
            format!("{:.3}", row.buffer_factor),
            raise(&row.maintenance),
            calendar::stamp(row.maintenance.at),
            percent(row.share_above_tenth, 2),
            percent(row.share_above_announced, 2),
        ]);
    }
    table
}

fn score(score: &Score) -> [String; 7] {
    [
        percent(score.mean, 2),
        score.close.to_string(),
        percent(score.least_close, 2),
        score.worst.to_string(),
        percent(score.least_worst, 2),
        format!("{:.2}", score.short),
        percent(score.tenth, 2),
    ]
}

const SCORE_HEADER: [&str; 14] = [
    "mean MM to 2022",
    "missed (close)",
    "least year",
    "missed (worst)",
    "least year",
    "short in all",
    "MM up > 10 %",
    "mean MM from 2023",
    "missed (close)",
    "least year",
    "missed (worst)",
    "least year",
    "short in all",
    "MM up > 10 %",
];

fn scores(trial: &Trial) -> impl Iterator<Item = String> {
    score(&trial.sample).into_iter().chain(score(&trial.after))
}

/// A table of trials; `cells` gives what names a setting.
fn trial_table(title: &str, note: &str, names: &[&str], trials: &[Trial], study: &Study, cells: impl Fn(&Trial) -> Vec<String>) -> Table {
    let header: Vec<&str> = names.iter().copied().chain(SCORE_HEADER).collect();
    let mut table = Table::new(title, note, &header);
    for trial in trials {
        let mut named = cells(trial);
        if let Some(first) = named.first_mut() {
            if trial.setting == Setting::MAJOR {
                *first = format!("**{first}**");
            }
            if trial.setting == Setting::UNCALIBRATED {
                *first = format!("{first} †");
            }
            if study.chosen.as_ref() == Some(trial) {
                *first = format!("{first} \\*");
            }
        }
        table.rows.push(named.into_iter().chain(scores(trial)).collect());
    }
    table
}

fn calibration(study: &Study) -> [Table; 4] {
    let note = "Hourly BTC, ETH and SOL, long and short together. *least year*: least coverage of a market, a direction and a calendar year. *short in all*: sum of the losses beyond the requirement within the bar, in notionals. *MM up > 10 %*: share of \
                hours in which the requirement rose by more than a tenth. Bold: the default. Dagger: what the calibration started from. Starred: the cheapest that covers 99.5 % of every year to 2022 even \
                within the bar.";
    let sigmas = |multiple: f64| format!("{multiple:.2} σ");
    let multiples = |trial: &Trial| vec![sigmas(trial.core), sigmas(trial.initial), percent(trial.tier, 0)];
    let glide = |trial: &Trial| vec![format!("+{:.0} %", trial.up.exp_m1() * 100.0), format!("−{}", percent(trial.down, 1))];
    let jump = |trial: &Trial| if trial.jump < NO_JUMP as f64 { format!("{:.0} σ", trial.jump) } else { "off".into() };
    let forecast = |trial: &Trial| vec![format!("{:.3}", trial.alpha), jump(trial)];
    let together = |trial: &Trial| vec![sigmas(trial.core), sigmas(trial.initial), format!("{:.3}", trial.alpha)];
    let trials = &study.trials;
    [
        trial_table("Calibration: multiples and tier", note, &["core", "R_lin", "tier"], &trials.multiples, study, multiples),
        trial_table("Calibration: glide", "", &["up an hour", "down an hour"], &trials.glides, study, glide),
        trial_table("Calibration: forecast and jump flag", "", &["weight α", "jump"], &trials.forecasts, study, forecast),
        trial_table("Calibration: together", "", &["core", "R_lin", "weight α"], &trials.candidates, study, together),
    ]
}

fn ranges(study: &Study) -> Table {
    let header = ["range", "portfolio", "mean MM", "missed (close)", "missed (worst)", "worst shortfall"];
    let note = "Hourly BTC, ETH and SOL; range = clamp(5.5 × daily σ, smallest, largest). 0.8 of the range also caps the requirement of a linear leg.";
    let mut table = Table::new("Calibration: spot range", note, &header);
    for row in &study.ranges {
        let [low, high] = row.range;
        let range = if row.range.map(|bound| plimsoll_risk::Ratio::of(bound, 100)) == Setting::MAJOR.range {
            format!("**{low} % … {high} %**")
        } else {
            format!("{low} % … {high} %")
        };
        let missed = row.missed.map(|missed| missed.to_string());
        let [close, worst] = missed;
        table.rows.push(vec![range, row.portfolio.into(), percent(row.mean, 2), close, worst, percent(row.worst_shortfall, 1)]);
    }
    table
}

fn credits(study: &Study) -> Table {
    let header = ["pair", "ρ, 1 %", "median", "99 %", "c in MM, 1 %", "median", "99 %"];
    let mut table = Table::new("Correlation of the spreads", "Quantiles over the bars counted, from one return a bar.", &header);
    for row in &study.credits {
        let cells = row.correlation.iter().chain(&row.credit).map(|value| format!("{value:.3}"));
        table.rows.push([row.series.clone()].into_iter().chain(cells).collect());
    }
    table
}

fn floors(study: &Study) -> Table {
    let header = [
        "pair",
        "φ",
        "mean MM",
        "missed (close)",
        "coverage",
        "worst year",
        "missed (worst)",
        "coverage",
        "worst year",
        "worst shortfall (close)",
        "(worst)",
    ];
    let note = "Long one, short the other, each of full notional; MM as a share of one leg's notional. *worst* takes the low of one and the high of the other.";
    let mut table = Table::new("Calibration: φ", note, &header);
    for row in &study.floors {
        let mut cells = vec![row.series.clone(), format!("{:.2}", row.floor_share), percent(row.close.mean_required, 2)];
        for summary in [&row.close, &row.worst] {
            cells.extend([
                summary.exceptions.to_string(),
                percent(summary.coverage, 3),
                format!("{} ({})", percent(summary.worst_year_coverage, 2), summary.worst_year),
            ]);
        }
        cells.extend([percent(row.close.worst_shortfall, 1), percent(row.worst.worst_shortfall, 1)]);
        table.rows.push(cells);
    }
    table
}

fn feeds(study: &Study) -> Table {
    let note = "The default parameters on other paths through the same bars. *a bar is one sample*: all four prices in one bucket, so that only one variance an hour is measured.";
    let header: Vec<&str> = ["path"].into_iter().chain(SCORE_HEADER).collect();
    let mut table = Table::new("Other paths inside the bars", note, &header);
    for (name, trial) in &study.feeds {
        table.rows.push([name.clone()].into_iter().chain(scores(trial)).collect());
    }
    table
}
