//! Set-up, build, test and demo commands of the workspace: `cargo xtask help`.
mod artifact;
mod backtest;
mod budget;
mod build;
mod compiler;
mod fuzz;
mod idl;
mod localnet;
mod process;
mod replay;
mod setup;
mod stamp;
mod suite;
mod workspace;

use anyhow::{bail, Result};
use std::process::ExitCode;

const HELP: &str = "\
cargo xtask <command>

  setup            find or install what compiling to bytecode needs
  build [--check]  target/deploy/plimsoll.so and idl/plimsoll.json; --check fails if the committed IDL differs
  bytecode         the compiled programs alone: plimsoll.so, and those that test the compiler and call plimsoll as attackers do
  idl [--check]    the IDL alone
  test             set-up, build, every test, lints, format, size budget
  demo [args]      set-up, build, then the replay of the crash; with --rpc a smaller one over JSON-RPC
  localnet [args]  set-up, build, then a cluster in the foreground with the program deployed and prices moving
  migrate [args]   set-up, build, then the deploy and initialise steps on any cluster
  cu [--json]      set-up, build, then compute units of whole instructions
  bench            margin checks per second on one core
  fuzz [seconds]   raw portfolios into the margin engine, 600 seconds unless told
  backtest [args]  coverage of maintenance margin over the price history: --write, --check, --json
  clean            remove what the above made

SBF_COMPILER=platform|registry chooses the compiler; without it the platform tools are used where they are installed.";

/// Whether the command's only argument asks for a comparison instead of writing.
fn is_check(arguments: &[String]) -> Result<bool> {
    match arguments {
        [] => Ok(false),
        [flag] if flag == "--check" => Ok(true),
        other => bail!("unknown arguments: {}; only --check is known here", other.join(" ")),
    }
}

fn run(arguments: &[String]) -> Result<()> {
    let Some((command, rest)) = arguments.split_first() else {
        println!("{HELP}");
        return Ok(());
    };
    match command.as_str() {
        "setup" => setup::run().map(|compiler| println!("compiler: {compiler}")),
        "build" => build::run(is_check(rest)?),
        "bytecode" => setup::run().and_then(|compiler| build::bytecode(&compiler)),
        "idl" => idl::run(is_check(rest)?),
        "test" => suite::run(),
        "demo" if rest.iter().any(|flag| flag == "--rpc") => localnet::run("plimsoll-rpc-demo", rest),
        "localnet" => localnet::run("plimsoll-localnet", rest),
        "migrate" => localnet::run("plimsoll-migrate", rest),
        "demo" => replay::run("plimsoll-replay", rest),
        "cu" => replay::compute_units(rest),
        "bench" => suite::bench(rest),
        "fuzz" => fuzz::run(rest),
        "clean" => build::clean(),
        "help" | "--help" | "-h" => {
            println!("{HELP}");
            Ok(())
        }
        unknown => bail!("unknown command {unknown}\n\n{HELP}"),
    }
}

/// Takes what cargo says about this package out of the environment. Build scripts of dependencies compare such variables with those of their
/// last run, so that the same build by hand and by a command would each undo the other.
fn forget_package() {
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")) {
            std::env::remove_var(name);
        }
    }
}

fn main() -> ExitCode {
    forget_package();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let result = match arguments.split_first() {
        Some((command, rest)) if command == "backtest" => backtest::run(rest),
        _ => run(&arguments).map(|()| ExitCode::SUCCESS),
    };
    match result {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
