//! Real option chains: delta and vega recomputed from the implied volatilities that two S&P 500 files state.
//!
//! The files are not part of the project: they are read from `PLIMSOLL_DATA` or `../shared/data` beside the checkout, and their absence is
//! said aloud. They name neither spot nor rate nor time of day. Their own columns do: vega/gamma = S²·σ·τ/100 gives τ = whole days less
//! 15 h 15 min (the index options closed at 15:15 and settle at the open), or whole days for the weekly ones that settle at the close; and
//! the deltas are those of the forward S·e^(1 % · τ) without dividend, S being the close of the index.
#![allow(
    clippy::unwrap_used,
    clippy::as_conversions,
    clippy::float_arithmetic,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

use plimsoll_risk::option::{Contract, OptionKind};
use plimsoll_risk::{Price, Ratio, Secs};
use std::path::{Path, PathBuf};

/// File, day of the month of December 2015, close of the S&P 500.
const DAYS: [(&str, i64, f64); 2] = [("spx_20151222.csv", 22, 2038.97), ("spx_20151223.csv", 23, 2064.29)];
/// 15 h 15 min.
const BEFORE_CLOSE: i64 = 54_900;
const RATE: f64 = 0.01;
/// Atoms of one index point.
const POINT: f64 = 100_000.0;

fn folder() -> PathBuf {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    std::env::var_os("PLIMSOLL_DATA").filter(|value| !value.is_empty()).map_or_else(beside, PathBuf::from).join("options")
}

/// Days from 1 January 1970, proleptic Gregorian.
fn day_number(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 719_469
}

/// |delta − theirs| and |vega / theirs − 1| of one row at a time to expiry; none outside the engine's domain.
fn errors(cells: &[&str], spot: f64, tau: i64) -> Option<(f64, f64)> {
    let [strike, sigma, delta, vega] = [1, 9, 10, 12].map(|at: usize| cells[at].parse::<f64>().unwrap());
    let forward = spot * (RATE * tau as f64 / 31_536_000.0).exp();
    let kind = if cells[2] == "C" { OptionKind::Call } else { OptionKind::Put };
    let atoms = |points: f64| Price::new((points * POINT).round() as i64);
    let contract = Contract::new(atoms(forward), atoms(strike), Secs::new(tau)).ok()?;
    let priced = contract.at(Ratio::new((sigma * 2f64.powi(30)) as i64)).ok()?;
    let own_delta = priced.delta(kind).raw() as f64 / 2f64.powi(30);
    // Theirs is the derivative of a discounted premium.
    let own_vega = priced.greeks(kind).unwrap().vega.raw() as f64 / 2f64.powi(32) / POINT * spot / forward;
    Some(((own_delta - delta).abs(), (own_vega / vega - 1.0).abs()))
}

#[test]
fn delta_and_vega_of_the_spx_chains() {
    let (mut deltas, mut vegas, mut outside, mut at_close) = (vec![], vec![], 0, 0);
    for (name, day, spot) in DAYS {
        let path = folder().join(name);
        let Ok(text) = std::fs::read_to_string(&path) else {
            println!("NOT CHECKED, NO DATA: {name} is in neither PLIMSOLL_DATA nor ../shared/data");
            return;
        };
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let cells: Vec<&str> = line.split(',').collect();
            let expiry = cells[0].parse::<i64>().unwrap();
            let days = day_number(expiry / 10_000, expiry / 100 % 100, expiry % 100) - day_number(2015, 12, day);
            let by_hour = [days * 86_400 - BEFORE_CLOSE, days * 86_400].map(|tau| errors(&cells, spot, tau));
            let [Some(opening), Some(closing)] = by_hour else {
                outside += 1;
                continue;
            };
            at_close += usize::from(closing.0 + closing.1 < opening.0 + opening.1);
            let (delta, vega) = if closing.0 + closing.1 < opening.0 + opening.1 { closing } else { opening };
            deltas.push(delta);
            // A vega of less than 0.01 has no five digits in the file.
            if cells[12].parse::<f64>().unwrap() >= 0.01 {
                vegas.push(vega);
            }
        }
    }
    for errors in [&mut deltas, &mut vegas] {
        errors.sort_unstable_by(f64::total_cmp);
    }
    let at = |errors: &[f64], share: f64| errors[((errors.len() - 1) as f64 * share) as usize];
    println!("{} options, {outside} outside the domain, {at_close} settle at the close", deltas.len());
    for (what, errors) in [("delta, absolute", &deltas), ("vega, relative", &vegas)] {
        let [median, most, all] = [0.5, 0.99, 1.0].map(|share| at(errors, share));
        println!("{what}: median {median:.1e}, 99 % within {most:.1e}, all within {all:.1e} ({} values)", errors.len());
    }
    assert!(deltas.len() > 450 && at_close < 20);
    assert!(at(&deltas, 1.0) < 1e-7 && at(&vegas, 1.0) < 1e-5);
}
