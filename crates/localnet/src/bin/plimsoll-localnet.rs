//! `cargo xtask localnet`: a cluster in the foreground with the clearing house deployed and its prices moving, until it is interrupted.

use anyhow::{bail, Context, Result};
use plimsoll_localnet::node::{Blocks, Node, PORT};
use plimsoll_localnet::publisher::Publisher;
use plimsoll_localnet::setup;
use plimsoll_migrations::{Addresses, Deployment};
use plimsoll_replay::path::{load, walk, Request};
use plimsoll_replay::world::{program_path, Listed};
use serde_json::json;
use solana_keypair::Keypair;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

const HELP: &str = "\
cargo xtask localnet [options]

  --port N       port of JSON-RPC; the WebSocket's is the next one (default 8899); 0 takes free ones
  --speed N      seconds of the price path in one second (default 1)
  --seed N       seed of the path (default 10)
  --prices FILE  bars from a file instead of the data folder
  --json         one JSON object with every address, instead of text

It runs until it is interrupted (Ctrl-C).";

/// Seconds between two prices.
const PERIOD: i64 = 2;

struct Options {
    port: u16,
    speed: i64,
    seed: u64,
    prices: Option<PathBuf>,
    is_json: bool,
}

fn parse(arguments: &[String]) -> Result<Option<Options>> {
    let mut options = Options { port: PORT, speed: 1, seed: 10, prices: None, is_json: false };
    let mut rest = arguments.iter();
    while let Some(flag) = rest.next() {
        let mut value = || rest.next().with_context(|| format!("{flag} needs a value"));
        match flag.as_str() {
            "--json" => options.is_json = true,
            "--port" => options.port = value()?.parse().context("--port takes a port's number")?,
            "--speed" => options.speed = value()?.parse().context("--speed takes a whole number")?,
            "--seed" => options.seed = value()?.parse().context("--seed takes a whole number")?,
            "--prices" => options.prices = Some(PathBuf::from(value()?)),
            "--help" | "-h" => return Ok(None),
            other => bail!("unknown option {other}\n\n{HELP}"),
        }
    }
    Ok(Some(options))
}

/// Writes the development keys where command-line tools can read them.
fn write_keys() -> Result<[PathBuf; 2]> {
    let folder = program_path().with_file_name("../localnet");
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let folder = folder.canonicalize()?;
    let write = |name: &str, key: &Keypair| -> Result<PathBuf> {
        let path = folder.join(name);
        std::fs::write(&path, serde_json::to_string(&key.to_bytes().to_vec())?)
            .with_context(|| format!("cannot write {}", path.display()))?;
        Ok(path)
    };
    let keys = setup::keys();
    Ok([write("payer.json", &keys.payer)?, write("governor.json", &keys.governor)?])
}

/// Tells how to connect and where everything is.
fn announce(node: &Node, markets: &[Listed], addresses: &Addresses, source: &str, is_json: bool) -> Result<()> {
    let [payer, governor] = write_keys()?;
    let price_accounts: serde_json::Map<_, _> =
        markets.iter().map(|listed| (listed.symbol.to_owned(), json!(listed.price_account.to_string()))).collect();
    if is_json {
        let all = json!({
            "rpc": node.url(), "websocket": node.websocket_url(), "prices": source, "addresses": addresses,
            "price_accounts": price_accounts, "keys": { "payer": payer, "governor": governor },
        });
        println!("{all}");
        return Ok(());
    }
    println!("JSON-RPC       {}\nWebSocket      {}", node.url(), node.websocket_url());
    println!("program        {}\nexchange       {}", addresses.program, addresses.exchange);
    println!("quote mint     {}", addresses.quote_mint);
    for (market, listed) in addresses.markets.iter().zip(markets) {
        println!("market {:<7} {}\n  book         {}\n  price        {}", market.symbol, market.market, market.book, listed.price_account);
    }
    for collateral in &addresses.collaterals {
        println!("collateral {:<3} {}\n  mint         {}", collateral.symbol, collateral.collateral, collateral.mint);
    }
    println!("payer's key    {}\ngovernor's key {}", payer.display(), governor.display());
    println!("prices         {source}\n\nCtrl-C stops it.");
    Ok(())
}

/// Publishes a price every period until told to stop, the next one a period from now.
fn publish(mut publisher: Publisher, is_over: &AtomicBool) -> Result<()> {
    let period = Duration::from_secs(PERIOD.unsigned_abs());
    loop {
        let due = Instant::now() + period;
        while Instant::now() < due {
            if is_over.load(Ordering::Relaxed) {
                return Ok(());
            }
            thread::sleep(Duration::from_millis(50));
        }
        publisher.publish()?;
    }
}

/// Waits for Ctrl-C, a termination, or the publisher's end.
fn wait(publisher: &thread::JoinHandle<Result<()>>) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut terminated = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
        let ended = async {
            while !publisher.is_finished() {
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        };
        tokio::select! {
            interrupted = tokio::signal::ctrl_c() => interrupted?,
            _ = terminated.recv() => {}
            () = ended => {}
        }
        Ok(())
    })
}

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some(options) = parse(&arguments)? else {
        println!("{HELP}");
        return Ok(());
    };
    let checkout = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize()?;
    let history = load(&Request::new(&checkout, options.prices.clone()))?;
    let ticks = walk(&history, PERIOD * options.speed, options.seed)?;
    let node = Node::start(options.port, Blocks::Clock)?;
    let localnet = setup::establish(&node, &Deployment::localnet()?, None)?;
    let mut publisher = Publisher::new(localnet.world, ticks);
    publisher.warm_up()?;
    publisher.publish()?;
    announce(&node, &publisher.world().markets, &localnet.addresses, &history.headline(), options.is_json)?;
    let is_over = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&is_over);
    let publisher = thread::Builder::new().name("prices".to_owned()).spawn(move || publish(publisher, &told))?;
    wait(&publisher)?;
    is_over.store(true, Ordering::Relaxed);
    let published = publisher.join().map_err(|_| anyhow::anyhow!("publishing prices ended in a panic"))?;
    node.stop()?;
    eprintln!("stopped");
    published.context("publishing prices failed")
}
