//! Exceptions: hours in which a portfolio lost more than its maintenance margin.

use serde::Serialize;
use std::collections::BTreeMap;

use crate::calendar;
use crate::portfolio::Observation;
use crate::statistics::{christoffersen, conditional_coverage, kupiec, Test, Transitions};

/// Share of hours that may be exceptions: the goal is 99.5 % coverage.
pub const NOMINAL: f64 = 0.005;
/// A calendar year with fewer hours than this is shown but judged by nobody: one exception in it would be more than the nominal share.
pub const FEWEST_HOURS: u64 = 200;

/// Which loss of an hour counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// From close to close.
    Close,
    /// The worst moment within the bar.
    Worst,
}

/// Both.
pub const MEASURES: [Measure; 2] = [Measure::Close, Measure::Worst];

impl Measure {
    /// As the tables show it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Close => "close",
            Self::Worst => "worst",
        }
    }

    /// That loss.
    pub fn loss(self, hour: &Observation) -> f64 {
        match self {
            Self::Close => hour.close,
            Self::Worst => hour.worst,
        }
    }
}

/// One calendar year.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Year {
    /// Which.
    pub year: i64,
    /// Hours counted.
    pub hours: u64,
    /// Of them exceptions.
    pub exceptions: u64,
    /// Mean requirement, share of notional.
    pub mean_required: f64,
}

impl Year {
    /// Share of hours that were no exceptions.
    pub fn coverage(&self) -> f64 {
        1.0 - self.exceptions as f64 / self.hours.max(1) as f64
    }
}

/// What a row of the tables says.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// Hours counted.
    pub hours: u64,
    /// Hours that lost more than maintenance margin.
    pub exceptions: u64,
    /// Share of hours that did not.
    pub coverage: f64,
    /// Mean requirement, share of notional.
    pub mean_required: f64,
    /// Largest loss beyond the requirement, share of notional; negative when there was always something left.
    pub worst_shortfall: f64,
    /// First second of that hour.
    pub worst_at: i64,
    /// By calendar year.
    pub years: Vec<Year>,
    /// Least coverage of a year of at least [`FEWEST_HOURS`] hours.
    pub worst_year_coverage: f64,
    /// That year.
    pub worst_year: i64,
    /// Test that the rate of exceptions is [`NOMINAL`].
    pub kupiec: Test,
    /// Test that exceptions are independent.
    pub independence: Test,
    /// Both together.
    pub conditional: Test,
    /// Neighbouring hours, by exception.
    pub transitions: Transitions,
}

fn is_exception(measure: Measure, hour: &Observation) -> bool {
    measure.loss(hour) > hour.required
}

/// Counts and tests a portfolio's hours.
pub fn summarise(hours: &[Observation], measure: Measure) -> Summary {
    let flags = || hours.iter().map(|hour| (hour.follows, is_exception(measure, hour)));
    let exceptions = flags().filter(|flag| flag.1).count() as u64;
    let count = hours.len() as u64;
    let years = by_year(hours, measure);
    let judged = years.iter().filter(|year| year.hours >= FEWEST_HOURS);
    let worst_year = judged.min_by(|a, b| a.coverage().total_cmp(&b.coverage()));
    let shortfall = |hour: &Observation| measure.loss(hour) - hour.required;
    let worst = hours.iter().max_by(|a, b| shortfall(a).total_cmp(&shortfall(b)));
    let transitions = Transitions::count(flags());
    let (unconditional, independence) = (kupiec(count, exceptions, NOMINAL), christoffersen(&transitions));
    Summary {
        hours: count,
        exceptions,
        coverage: 1.0 - exceptions as f64 / count.max(1) as f64,
        mean_required: hours.iter().map(|hour| hour.required).sum::<f64>() / count.max(1) as f64,
        worst_shortfall: worst.map_or(0.0, shortfall),
        worst_at: worst.map_or(0, |hour| hour.date),
        worst_year_coverage: worst_year.map_or(1.0, Year::coverage),
        worst_year: worst_year.map_or(0, |year| year.year),
        years,
        kupiec: unconditional,
        independence,
        conditional: conditional_coverage(unconditional, independence),
        transitions,
    }
}

fn by_year(hours: &[Observation], measure: Measure) -> Vec<Year> {
    let mut years: BTreeMap<i64, Year> = BTreeMap::new();
    for hour in hours {
        let year = calendar::year(hour.date);
        let row = years.entry(year).or_insert(Year { year, hours: 0, exceptions: 0, mean_required: 0.0 });
        row.hours += 1;
        row.exceptions += u64::from(is_exception(measure, hour));
        row.mean_required += hour.required;
    }
    for row in years.values_mut() {
        row.mean_required /= row.hours as f64;
    }
    years.into_values().collect()
}

/// The smallest constant requirements that do as well, each known only afterwards: a share of notional like the requirement itself.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct EqualStatic {
    /// With no more exceptions in all.
    pub by_total: f64,
    /// With no worse worst year.
    pub by_year: f64,
    /// With the goal met in every year of at least [`FEWEST_HOURS`] hours.
    pub of_goal: f64,
}

/// Finds them from the sorted losses: a constant at the (x + 1)-th largest loss has at most x exceptions.
pub fn equal_static(hours: &[Observation], measure: Measure, summary: &Summary) -> EqualStatic {
    let mut losses: Vec<f64> = hours.iter().map(|hour| measure.loss(hour)).collect();
    let by_total = nth_largest(&mut losses, summary.exceptions);
    EqualStatic {
        by_total,
        by_year: static_of_years(hours, measure, summary.worst_year_coverage),
        of_goal: static_of_years(hours, measure, 1.0 - NOMINAL),
    }
}

/// The smallest constant that covers at least `coverage` of each judged year.
fn static_of_years(hours: &[Observation], measure: Measure, coverage: f64) -> f64 {
    let mut years: BTreeMap<i64, Vec<f64>> = BTreeMap::new();
    for hour in hours {
        years.entry(calendar::year(hour.date)).or_default().push(measure.loss(hour));
    }
    let judged = years.values_mut().filter(|losses| losses.len() as u64 >= FEWEST_HOURS);
    let needed = judged.map(|losses| {
        // A millionth of an hour keeps a whole number that came out of a division whole.
        let allowed = ((1.0 - coverage) * losses.len() as f64 + 1e-6).floor() as u64;
        nth_largest(losses, allowed)
    });
    needed.fold(0.0, f64::max)
}

/// The element with `n` larger ones before it; zero past the end or when it is a gain.
fn nth_largest(values: &mut [f64], n: u64) -> f64 {
    values.sort_unstable_by(|a, b| b.total_cmp(a));
    values.get(usize::try_from(n).unwrap_or(usize::MAX)).copied().unwrap_or(0.0).max(0.0)
}

/// A stretch of the history that is looked at by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// What happened.
    pub name: &'static str,
    /// First day.
    pub from: (i64, i64, i64),
    /// Last day.
    pub to: (i64, i64, i64),
}

/// The crashes of the data folder.
pub const WINDOWS: [Window; 8] = [
    Window { name: "2020-03-12..13", from: (2020, 3, 12), to: (2020, 3, 13) },
    Window { name: "2021-05-19", from: (2021, 5, 19), to: (2021, 5, 19) },
    Window { name: "LUNA, 2022-05-09..13", from: (2022, 5, 9), to: (2022, 5, 13) },
    Window { name: "2022-06-13..14", from: (2022, 6, 13), to: (2022, 6, 14) },
    Window { name: "FTX, 2022-11-07..10", from: (2022, 11, 7), to: (2022, 11, 10) },
    Window { name: "2024-08-05", from: (2024, 8, 5), to: (2024, 8, 5) },
    Window { name: "2025-02-02..03", from: (2025, 2, 2), to: (2025, 2, 3) },
    Window { name: "2025-10-10", from: (2025, 10, 10), to: (2025, 10, 10) },
];

impl Window {
    /// First second, and first second after.
    pub fn span(&self) -> (i64, i64) {
        let midnight = |(year, month, day)| calendar::midnight(year, month, day);
        (midnight(self.from), midnight(self.to) + 86_400)
    }

    /// The hours that fall in it.
    pub fn of(&self, hours: &[Observation]) -> Vec<Observation> {
        let (from, to) = self.span();
        hours.iter().filter(|hour| (from..to).contains(&hour.date)).copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hour(date: i64, required: f64, close: f64) -> Observation {
        Observation { index: 0, date, follows: true, required, close, worst: close + 0.01 }
    }

    /// 400 hours of 2020 with losses 0.000 .. 0.399, 400 of 2021 with a tenth of them.
    fn hours() -> Vec<Observation> {
        let start = [calendar::midnight(2020, 2, 1), calendar::midnight(2021, 2, 1)];
        let year =
            |from: i64, scale: f64| (0..400_i32).map(move |n| hour(from + i64::from(n) * 3_600, 0.3905, f64::from(n) / 1_000.0 * scale));
        year(start[0], 1.0).chain(year(start[1], 0.1)).collect()
    }

    #[test]
    fn exceptions_are_losses_above_the_requirement() {
        let summary = summarise(&hours(), Measure::Close);
        assert_eq!((summary.hours, summary.exceptions), (800, 9));
        assert_eq!((summary.worst_year, summary.years.len()), (2020, 2));
        assert!((summary.worst_year_coverage - 391.0 / 400.0).abs() < 1e-12);
        assert!((summary.worst_shortfall - (0.399 - 0.3905)).abs() < 1e-12);
        assert_eq!(summarise(&hours(), Measure::Worst).exceptions, 19);
        assert_eq!(summary.transitions.n11, 8);
    }

    #[test]
    fn a_loss_of_exactly_the_requirement_is_covered() {
        assert_eq!(summarise(&[hour(0, 0.05, 0.05)], Measure::Close).exceptions, 0);
    }

    #[test]
    fn the_smallest_constant_of_equal_coverage_is_the_smallest() {
        let hours = hours();
        let equal = equal_static(&hours, Measure::Close, &summarise(&hours, Measure::Close));
        let at = |rate: f64| {
            let constant: Vec<_> = hours.iter().map(|hour| Observation { required: rate, ..*hour }).collect();
            summarise(&constant, Measure::Close)
        };
        assert_eq!(at(equal.by_total).exceptions, 9);
        assert_eq!(at(equal.by_total - 1e-9).exceptions, 10);
        assert!(at(equal.by_year).worst_year_coverage >= 391.0 / 400.0 && at(equal.by_year - 1e-9).worst_year_coverage < 391.0 / 400.0);
        // 400 hours at 99.5 % allow two exceptions.
        assert!((equal.of_goal - 0.397).abs() < 1e-12);
    }

    #[test]
    fn windows_are_whole_days() {
        let (from, to) = WINDOWS[0].span();
        assert_eq!((calendar::stamp(from), calendar::stamp(to)), ("2020-03-12 00:00".into(), "2020-03-14 00:00".into()));
    }
}
