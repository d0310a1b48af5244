//! `cargo xtask migrate`: the steps on any cluster, from the command line.

use crate::{check, deployment, run, Cluster, Context, Deployment, Keys, Outcome};
use anyhow::{bail, ensure, Context as _, Result};
use serde_json::json;
use solana_keypair::Keypair;
use std::path::{Path, PathBuf};

/// How it is used.
pub const HELP: &str = "\
cargo xtask migrate --url URL --payer FILE --governor FILE [options]

  --url URL           JSON-RPC of the cluster
  --payer FILE        key that pays fees and rent, a JSON array of 64 bytes
  --governor FILE     key that governs the exchange; its address determines every other
  --deployment FILE   what should be there (default: the development cluster's)
  --program FILE      the compiled program (default: target/deploy/plimsoll.so)
  --program-key FILE  the program's key, needed only to deploy it for the first time
  --check             tell what would be done, and send nothing
  --json              one JSON object with the steps and every address";

/// Arguments, read but not yet used.
struct Options {
    url: String,
    payer: PathBuf,
    governor: PathBuf,
    deployment: Option<PathBuf>,
    program: PathBuf,
    program_key: Option<PathBuf>,
    is_check: bool,
    is_json: bool,
}

fn parse(arguments: &[String]) -> Result<Options> {
    let (mut url, mut payer, mut governor, mut deployment, mut program_key) = (None, None, None, None, None);
    let mut program = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/deploy/plimsoll.so");
    let (mut is_check, mut is_json) = (false, false);
    let mut rest = arguments.iter();
    while let Some(flag) = rest.next() {
        let mut value = || rest.next().with_context(|| format!("{flag} needs a value"));
        match flag.as_str() {
            "--check" => is_check = true,
            "--json" => is_json = true,
            "--url" => url = Some(value()?.clone()),
            "--payer" => payer = Some(PathBuf::from(value()?)),
            "--governor" => governor = Some(PathBuf::from(value()?)),
            "--deployment" => deployment = Some(PathBuf::from(value()?)),
            "--program" => program = PathBuf::from(value()?),
            "--program-key" => program_key = Some(PathBuf::from(value()?)),
            other => bail!("unknown option {other}\n\n{HELP}"),
        }
    }
    let needed = |what: &str| format!("{what} is needed\n\n{HELP}");
    Ok(Options {
        url: url.with_context(|| needed("--url"))?,
        payer: payer.with_context(|| needed("--payer"))?,
        governor: governor.with_context(|| needed("--governor"))?,
        deployment,
        program,
        program_key,
        is_check,
        is_json,
    })
}

fn read_key(path: &Path) -> Result<Keypair> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let bytes: Vec<u8> = serde_json::from_str(&text).with_context(|| format!("{} is no key: a JSON array of bytes is", path.display()))?;
    ensure!(bytes.len() == 64, "{} holds {} bytes; a key has 64", path.display(), bytes.len());
    Keypair::try_from(bytes.as_slice()).with_context(|| format!("{} is no key", path.display()))
}

/// Carries the arguments out and gives what is to be printed.
pub fn execute(arguments: &[String]) -> Result<String> {
    if arguments.iter().any(|flag| flag == "--help" || flag == "-h") {
        return Ok(HELP.to_owned());
    }
    let options = parse(arguments)?;
    let deployment = options.deployment.as_deref().map_or_else(Deployment::localnet, Deployment::read)?;
    let keys = Keys {
        payer: read_key(&options.payer)?,
        governor: read_key(&options.governor)?,
        program: options.program_key.as_deref().map(read_key).transpose()?,
    };
    let program = std::fs::read(&options.program).with_context(|| format!("cannot read {}", options.program.display()))?;
    let cluster = Cluster::at(&options.url);
    let context = Context { cluster: &cluster, deployment: &deployment, keys: &keys, program: &program };
    let outcomes = if options.is_check { check(&context)? } else { run(&context)? };
    let addresses = context.addresses()?;
    Ok(if options.is_json { as_json(&outcomes, &addresses, cluster.sent()) } else { as_text(&outcomes, options.is_check) })
}

fn as_json(outcomes: &[Outcome], addresses: &deployment::Addresses, sent: u64) -> String {
    let steps: Vec<_> = outcomes.iter().map(|outcome| json!({ "step": outcome.step, "was_missing": outcome.was_missing })).collect();
    json!({ "steps": steps, "transactions": sent, "addresses": addresses }).to_string()
}

fn as_text(outcomes: &[Outcome], is_check: bool) -> String {
    let line = |outcome: &Outcome| match (&outcome.was_missing, is_check) {
        (None, _) => format!("{:<18} is there", outcome.step),
        (Some(what), true) => format!("{:<18} lacks {what}", outcome.step),
        (Some(what), false) => format!("{:<18} done: {what}", outcome.step),
    };
    outcomes.iter().map(line).collect::<Vec<_>>().join("\n")
}
