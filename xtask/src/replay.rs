//! `cargo xtask demo` and `cargo xtask cu`: programs of the replay package, on the compiled program.
use crate::{artifact::SBF_BENCH, build, process, setup, workspace};
use anyhow::Result;
use std::process::Command;

/// Set-up and build, then one of the replay package's programs with the remaining arguments.
pub(crate) fn run(binary: &str, arguments: &[String]) -> Result<()> {
    build::runnable()?;
    start(binary, arguments)
}

/// Compute units: beside the product's program the one that prices with another crate, which nothing else needs.
pub(crate) fn compute_units(arguments: &[String]) -> Result<()> {
    let compiler = setup::run()?;
    build::program(&compiler)?;
    SBF_BENCH.make(&compiler)?;
    start("plimsoll-cu", arguments)
}

fn start(binary: &str, arguments: &[String]) -> Result<()> {
    let mut command = Command::new(workspace::cargo());
    command.current_dir(workspace::root()).args(["run", "--locked", "--package", "plimsoll-replay", "--bin", binary, "--"]);
    process::run(command.args(arguments))
}
