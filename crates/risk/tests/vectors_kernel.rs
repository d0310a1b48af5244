//! The scenario kernel's marks and deltas against 50-digit premiums and the references' deltas.
#![allow(
    clippy::unwrap_used,
    clippy::as_conversions,
    clippy::float_arithmetic,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

use plimsoll_risk::margin::{ExpiryRisk, ExpiryTerms, OptionParams, SpotGrid, UnitValues};
use plimsoll_risk::option::OptionKind;
use plimsoll_risk::{Price, Ratio, Secs};

fn rows(text: &str) -> impl Iterator<Item = Vec<&str>> {
    text.lines().filter(|line| !line.starts_with('#')).map(|line| line.split(',').collect())
}

fn unit(row: &[&str], kind: OptionKind) -> UnitValues {
    let number = |at: usize| row[at].parse::<i64>().unwrap();
    let risk = ExpiryRisk {
        market: 0,
        forward: Price::new(number(0)),
        tau: Secs::new(number(2)),
        fixed_share: Ratio::ZERO,
        fixed_mean: Price::ZERO,
    };
    let terms = ExpiryTerms::new(&risk, &OptionParams::default()).unwrap();
    let grid = SpotGrid::new(Ratio::of(18, 100)).unwrap();
    UnitValues::new(&grid, &[terms], 0, Price::new(number(1)), kind, Ratio::new(number(3))).unwrap()
}

#[test]
fn kernel_marks_agree_with_50_digits() {
    let (mut worst, mut count) = ((0.0, String::new()), 0);
    for row in rows(include_str!("../vectors/black76.csv")) {
        for (kind, cell) in [(OptionKind::Call, 4), (OptionKind::Put, 5)] {
            let exact = row[cell].parse::<i128>().unwrap() as f64 / 2f64.powi(48);
            // A mark is whole atoms, rounded down from sixteenths.
            let found = unit(&row, kind).mark().raw() as f64;
            let beyond = ((found - exact).abs() - 1.0).max(0.0);
            let size = row[0].parse::<f64>().unwrap().max(row[1].parse().unwrap());
            count += 1;
            if beyond / size > worst.0 {
                worst = (beyond / size, row.join(","));
            }
        }
    }
    println!("kernel: {count} marks within one atom and {:.1e} of max(F, K), at {}", worst.0, worst.1);
    assert!(worst.0 < 1e-8);
}

#[test]
fn kernel_deltas_agree_with_quantlib() {
    let (mut worst, mut count) = ((0.0, String::new()), 0);
    for row in rows(include_str!("../vectors/greeks.csv")) {
        let kind = if row[4] == "c" { OptionKind::Call } else { OptionKind::Put };
        let forward = row[0].parse::<f64>().unwrap();
        let found = unit(&row, kind).delta().raw() as f64;
        // The kernel's delta is in atoms per lot: delta times the forward, rounded down.
        let beyond = (found - row[6].parse::<f64>().unwrap() * forward).abs() - 1.0;
        count += 1;
        if beyond / forward > worst.0 {
            worst = (beyond / forward, row.join(","));
        }
    }
    println!("kernel: {count} deltas within one atom and {:.1e} of F, at {}", worst.0, worst.1);
    assert!(worst.0 < 1e-5);
}
