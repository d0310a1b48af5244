//! The readings as a page and as one line of JSON.

use super::{Readings, Row};
use serde::Serialize;
use std::fmt::Write as _;

#[derive(Serialize)]
struct Report<'a> {
    compiler: &'a str,
    rows: Vec<Line>,
}

#[derive(Serialize)]
struct Line {
    name: &'static str,
    cu: u64,
}

/// One object: the compiler and every row.
pub fn json(readings: &Readings, compiler: &str) -> serde_json::Result<String> {
    let rows = readings.rows.iter().map(|row| Line { name: row.name, cu: row.cu }).collect();
    serde_json::to_string(&Report { compiler, rows })
}

/// `docs/compute-units.md`.
pub fn markdown(readings: &Readings, compiler: &str) -> String {
    let mut page = String::from(
        "# Compute units\n\nWritten by `cargo xtask cu`. Each reading is one whole transaction with one instruction, executed by the compiled program in LiteSVM\n\
         and charged by its runtime: account loading, inner calls and events included, nothing subtracted. A transaction has 200,000 unless it\n\
         asks for more; only the checks of options and the witness do here, and the 150 for asking are taken off. Slopes are differences of two such\n\
         readings; those of solmath, of single prices and of the engine's part of a perp leg come from `tools/sbf-bench`, a program of its own.\n\n",
    );
    let _ = writeln!(page, "Compiler: {compiler}.\n");
    page.push_str("| row | compute units | budget | | what was run |\n| --- | ---: | ---: | --- | --- |\n");
    for row in &readings.rows {
        let (budget, verdict) = judged(row);
        let _ = writeln!(page, "| `{}` | {} | {budget} | {verdict} | {} |", row.name, grouped(row.cu), row.what);
    }
    page.push_str(
        "\nFurther readings, without a budget of their own:\n\n| reading | compute units | what was run |\n| --- | ---: | --- |\n",
    );
    for row in &readings.more {
        let _ = writeln!(page, "| {} | {} | {} |", row.name, grouped(row.cu), row.what);
    }
    page
}

fn judged(row: &Row) -> (String, &'static str) {
    match row.budget {
        None => (String::new(), ""),
        Some(budget) => (format!("< {}", grouped(budget)), if row.cu < budget { "met" } else { "**missed**" }),
    }
}

/// 12,345
fn grouped(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
