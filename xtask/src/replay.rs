//! `cargo xtask demo` and `cargo xtask cu`: programs of the replay package, on the compiled program.
use crate::{build, process, workspace};
use anyhow::Result;
use std::process::Command;

/// Set-up and build, then one of the replay package's programs with the remaining arguments.
pub(crate) fn run(binary: &str, arguments: &[String]) -> Result<()> {
    build::runnable()?;
    let mut command = Command::new(workspace::cargo());
    command.current_dir(workspace::root()).args(["run", "--locked", "--package", "plimsoll-replay", "--bin", binary, "--"]);
    process::run(command.args(arguments))
}
