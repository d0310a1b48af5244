#![allow(clippy::unwrap_used, clippy::indexing_slicing)]
use super::*;
use crate::data::ORIGINS;
use crate::report::{figures, json_line, plots, tables};
use crate::testing::wild;

/// Made-up prices for every series, so that the whole study runs in a clone without data.
fn all() -> Vec<Series> {
    let series = |(seed, origin): (u64, crate::data::Origin)| {
        let mut series = Series { origin, ..wild(seed, 1_200) };
        for (index, bar) in (0..).zip(&mut series.bars) {
            bar.at = 1_669_852_800 + index * origin.bar_seconds;
            bar.date = bar.at;
        }
        series
    };
    (1..).zip(ORIGINS).map(series).collect()
}

#[test]
fn the_whole_study_runs_and_its_parts_agree() {
    let all = all();
    let mut steps = 0;
    let study = run(&all, |_| steps += 1).unwrap();
    assert!(steps > ORIGINS.len());

    // Every hourly market has its portfolios, every portfolio both measures and, at default parameters, every benchmark.
    for (series, portfolio) in
        [("BTC 1h", "long"), ("SOL 1h", "straddle 7 d"), ("ETH 2h", "short"), ("S&P 1d closes", "long"), ("BTC 1h / ETH 1h", "spread")]
    {
        let rows: Vec<&Row> = study.rows.iter().filter(|row| row.series == series && row.portfolio == portfolio).collect();
        for measure in MEASURES {
            let of = |margin: &str| rows.iter().find(|row| row.margin == margin && row.measure == measure).map(|row| &row.summary);
            let engine = of(ENGINE).unwrap();
            assert_eq!(engine.hours, 1_199, "{series}");
            assert_eq!(
                engine.years.iter().map(|year| (year.hours, year.exceptions)).fold((0, 0), |a, b| (a.0 + b.0, a.1 + b.1)),
                (engine.hours, engine.exceptions)
            );
            for benchmark in BENCHMARKS {
                assert!(of(&benchmark.name()).unwrap().mean_required > 0.0, "{series} {portfolio} {}", benchmark.name());
            }
        }
    }

    // The constants of equal coverage do what they say.
    for row in &study.rows {
        assert!(row.summary.worst_year_coverage >= 0.0 && row.equal.by_total >= 0.0, "{}", row.series);
    }
    // Offsets make a spread cheaper, and a smaller φ never dearer.
    let spread =
        |margin: &str| study.rows.iter().find(|row| row.portfolio == "spread" && row.margin == margin).unwrap().summary.mean_required;
    assert!(spread(ENGINE) <= spread(NO_OFFSETS));
    for pair in study.floors.windows(2).filter(|pair| pair[0].series == pair[1].series) {
        assert!(pair[0].close.mean_required <= pair[1].close.mean_required);
    }
    // The default setting has the same score wherever it is tried.
    let defaults: Vec<&Trial> = study.trials.all().filter(|trial| trial.setting == Setting::MAJOR).collect();
    assert!(defaults.len() >= 4 && defaults.windows(2).all(|pair| pair[0] == pair[1]));
    assert!(study.trials.all().any(|trial| trial.setting == Setting::UNCALIBRATED));

    let json: serde_json::Value = serde_json::from_str(&json_line(&study).unwrap()).unwrap();
    assert_eq!(json["rows"].as_array().unwrap().len(), study.rows.len());
    let tables = tables(&study, &all);
    assert!(tables.iter().all(|table| !table.rows.is_empty() || table.title == "Crashes"));
    assert!(tables.iter().all(|table| table.rows.iter().all(|row| row.len() == table.header.len())));
    // Every figure has its place in the text, and every place its figure.
    let plots = plots(&study).unwrap();
    let root = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(root.path().join("docs/plots")).unwrap();
    crate::document::put(root.path(), figures(&study).unwrap(), &tables, &plots, false).unwrap();
    assert!(
        plots.len() == 4
            && plots.iter().all(|plot| plot.svg.starts_with("<svg")
                && plot.svg.contains("Plimsoll") | plot.svg.contains("goal") | plot.svg.contains("core"))
    );
}
