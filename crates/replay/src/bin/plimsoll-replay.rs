//! `cargo xtask demo`: replays the crash and reports what became of every token.

use anyhow::{bail, Context, Result};
use plimsoll_replay::report::{render_text, write_page};
use plimsoll_replay::sim::{run, Config, Scenario};
use std::path::{Path, PathBuf};

const HELP: &str = "\
cargo xtask demo [options]

  --scenario gap   the worst bar in one step, with a small insurance fund
  --seed N         seed of the path and of the traders (default 10)
  --step S         seconds between prices (default 60)
  --accounts N     traders (default 310)
  --prices FILE    bars from a file instead of the data folder
  --json           one JSON object as the last line
  --rpc            a smaller replay over JSON-RPC; its options: cargo xtask demo --rpc --help";

struct Options {
    config: Config,
    is_json: bool,
}

fn parse(arguments: &[String]) -> Result<Option<Options>> {
    let checkout = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize()?;
    let mut options =
        Options { config: Config { seed: 10, scenario: Scenario::Day, step: 60, traders: 310, prices: None, checkout }, is_json: false };
    let mut rest = arguments.iter();
    while let Some(flag) = rest.next() {
        let mut value = || rest.next().with_context(|| format!("{flag} needs a value"));
        match flag.as_str() {
            "--json" => options.is_json = true,
            "--seed" => options.config.seed = value()?.parse().context("--seed takes a whole number")?,
            "--step" => options.config.step = value()?.parse().context("--step takes seconds")?,
            "--accounts" => options.config.traders = value()?.parse().context("--accounts takes a whole number")?,
            "--prices" => options.config.prices = Some(PathBuf::from(value()?)),
            "--scenario" => match value()?.as_str() {
                "gap" => options.config.scenario = Scenario::Gap,
                "day" => options.config.scenario = Scenario::Day,
                other => bail!("unknown scenario {other}: gap or day"),
            },
            "--help" | "-h" => return Ok(None),
            other => bail!("unknown option {other}\n\n{HELP}"),
        }
    }
    Ok(Some(options))
}

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some(options) = parse(&arguments)? else {
        println!("{HELP}");
        return Ok(());
    };
    let data = run(&options.config)?;
    print!("{}", render_text(&data));
    let page = write_page(&options.config.checkout.join("report"), &data)?;
    println!("report: {}", page.display());
    if options.is_json {
        println!("{}", data.totals.json_line()?);
    }
    Ok(())
}
