//! `cargo xtask demo --rpc`: a smaller replay over JSON-RPC, against a cluster that it starts and stops itself.

use anyhow::{bail, Context, Result};
use plimsoll_localnet::node::{Blocks, Node};
use plimsoll_localnet::rpc::RpcChain;
use plimsoll_localnet::setup;
use plimsoll_migrations::Deployment;
use plimsoll_replay::report::{render_text, ReportData};
use plimsoll_replay::sim::{play, Config, Scenario};
use std::path::{Path, PathBuf};
use std::time::Instant;

const HELP: &str = "\
cargo xtask demo --rpc [options]

  --seed N         seed of the path and of the traders (default 10)
  --step S         seconds between prices (default 60)
  --accounts N     traders (default 24)
  --prices FILE    bars from a file instead of the data folder
  --json           one JSON object as the last line";

struct Options {
    config: Config,
    is_json: bool,
}

fn parse(arguments: &[String]) -> Result<Option<Options>> {
    let checkout = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize()?;
    let config = Config { seed: 10, scenario: Scenario::Fall, step: 60, traders: 24, prices: None, checkout };
    let mut options = Options { config, is_json: false };
    let mut rest = arguments.iter();
    while let Some(flag) = rest.next() {
        let mut value = || rest.next().with_context(|| format!("{flag} needs a value"));
        match flag.as_str() {
            "--rpc" => {}
            "--json" => options.is_json = true,
            "--seed" => options.config.seed = value()?.parse().context("--seed takes a whole number")?,
            "--step" => options.config.step = value()?.parse().context("--step takes seconds")?,
            "--accounts" => options.config.traders = value()?.parse().context("--accounts takes a whole number")?,
            "--prices" => options.config.prices = Some(PathBuf::from(value()?)),
            "--help" | "-h" => return Ok(None),
            other => bail!("unknown option {other}\n\n{HELP}"),
        }
    }
    Ok(Some(options))
}

/// The replay on a running cluster, moved from its day to the cluster's.
fn replay(node: &Node, config: &Config, started: Instant) -> Result<ReportData> {
    let mut script = config.scenario.script(config)?;
    let first = script.ticks.first().context("the path is empty")?.clone();
    let warm_up = plimsoll_replay::world::WARM_UP;
    // Whole five minutes, so that funding is sampled at the same steps as on the day.
    let shift = five_minutes(RpcChain::at(&node.url()).now()? + warm_up + config.step - first.at);
    for tick in &mut script.ticks {
        tick.at += shift;
    }
    let deployment = Deployment { insurance: config.scenario.fund(), ..Deployment::localnet()? };
    let start = first.at + shift - config.step - warm_up;
    let mut localnet = setup::establish(node, &deployment, Some(start))?;
    localnet.world.warm_up(&first.prices.map(|price| price.0))?;
    script.notes.push(format!(
        "Every transaction and every account went over JSON-RPC, {}; times are {shift} s later than on the day.",
        node.url()
    ));
    play(config, script, localnet.world, localnet.sol, started)
}

/// The least whole number of five minutes that is not below `seconds`.
fn five_minutes(seconds: i64) -> i64 {
    seconds + (-seconds).rem_euclid(300)
}

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let started = Instant::now();
    let Some(options) = parse(&arguments)? else {
        println!("{HELP}");
        return Ok(());
    };
    let node = Node::start(0, Blocks::PerTransaction)?;
    let data = replay(&node, &options.config, started);
    node.stop()?;
    let data = data?;
    print!("{}", render_text(&data));
    if options.is_json {
        println!("{}", data.totals.json_line()?);
    }
    Ok(())
}
