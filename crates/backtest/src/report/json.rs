//! One JSON object with everything, for machines.

use anyhow::Result;
use serde::Serialize;

use crate::calibrate::Trial;
use crate::raise::Raises;
use crate::study::{CrashRow, CreditRow, FloorRow, RangeRow, Row, Study};

#[derive(Serialize)]
struct Json<'a> {
    schema: u32,
    seed: u64,
    nominal_exceptions: f64,
    rows: &'a [Row],
    crashes: &'a [CrashRow],
    raises: &'a [Raises],
    multiples: &'a [Trial],
    glides: &'a [Trial],
    forecasts: &'a [Trial],
    candidates: &'a [Trial],
    ranges: &'a [RangeRow],
    spreads: &'a [FloorRow],
    credits: &'a [CreditRow],
    cheapest: Option<&'a Trial>,
    other_paths: &'a [(String, Trial)],
}

/// The study on one line.
pub fn json_line(study: &Study) -> Result<String> {
    let json = Json {
        schema: 1,
        seed: crate::study::SEED,
        nominal_exceptions: crate::coverage::NOMINAL,
        rows: &study.rows,
        crashes: &study.crashes,
        raises: &study.raises,
        multiples: &study.trials.multiples,
        glides: &study.trials.glides,
        forecasts: &study.trials.forecasts,
        candidates: &study.trials.candidates,
        ranges: &study.ranges,
        spreads: &study.floors,
        credits: &study.credits,
        cheapest: study.chosen.as_ref(),
        other_paths: &study.feeds,
    };
    Ok(serde_json::to_string(&json)?)
}
