//! `cargo xtask backtest`: how often maintenance margin would have been too small.

use anyhow::{bail, Context, Result};
use indicatif::{ProgressBar, ProgressStyle};
use plimsoll_backtest::data::{self, Found};
use plimsoll_backtest::report::{figures, json_line, plots, tables};
use plimsoll_backtest::{document, study};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

const HELP: &str = "\
cargo xtask backtest [options]

  --write   write docs/backtest.md, docs/backtest-tables.md and docs/plots
  --check   fail if what is there differs
  --json    one JSON object as the last line

Prices come from ../shared/data, or from the folder named by PLIMSOLL_DATA. Without them: exit code 2.";

/// The data folder lacks a file.
const NO_DATA: u8 = 2;

#[derive(Default)]
struct Options {
    is_json: bool,
    is_write: bool,
    is_check: bool,
}

fn main() -> Result<ExitCode> {
    let mut options = Options::default();
    for argument in std::env::args().skip(1) {
        match argument.as_str() {
            "--json" => options.is_json = true,
            "--write" => options.is_write = true,
            "--check" => options.is_check = true,
            "--help" | "-h" => {
                println!("{HELP}");
                return Ok(ExitCode::SUCCESS);
            }
            other => bail!("unknown option {other}\n\n{HELP}"),
        }
    }
    let checkout: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().context("the checkout")?;
    let folder = data::folder(&checkout);
    let all = match data::load(&folder)? {
        Found::Complete(all) => all,
        Found::Missing(file) => {
            eprintln!("NO DATA: {} is absent. Nothing was tested.", file.display());
            eprintln!("Set PLIMSOLL_DATA to a folder that has prices/ as in ../shared/data, then run again.");
            return Ok(ExitCode::from(NO_DATA));
        }
    };
    let bar = ProgressBar::new_spinner().with_style(ProgressStyle::with_template("{spinner} {elapsed} {msg}")?);
    let study = study::run(&all, |step| {
        bar.set_message(step.to_owned());
        bar.tick();
    })?;
    bar.finish_and_clear();
    let tables = tables(&study, &all);
    for table in &tables {
        print!("{}", table.render());
    }
    if options.is_write || options.is_check {
        document::put(&checkout, figures(&study)?, &tables, &plots(&study)?, options.is_check)?;
    }
    if options.is_json {
        println!("{}", json_line(&study)?);
    }
    Ok(ExitCode::SUCCESS)
}
