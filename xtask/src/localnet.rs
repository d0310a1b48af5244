//! `cargo xtask localnet`, `demo --rpc` and `migrate`: programs that talk to a cluster.
use crate::{build, process, workspace};
use anyhow::{bail, Result};
use std::{ffi::OsStr, process::Command};

/// The packages that link a cluster or a client of one. They are built together, so that each of their many dependencies is compiled once
/// for the commands and the tests, and apart from the others, which need none of it.
pub(crate) const PACKAGES: [&str; 3] = ["plimsoll-localnet", "plimsoll-full-bank", "plimsoll-migrations"];

/// `--package` before each of [`PACKAGES`], or another flag.
pub(crate) fn each(flag: &'static str) -> Vec<&'static str> {
    PACKAGES.into_iter().flat_map(|package| [flag, package]).collect()
}

/// Set-up and build, then one of the programs in place of this one, so that Ctrl-C reaches it alone.
pub(crate) fn run(binary: &str, arguments: &[String]) -> Result<()> {
    build::runnable()?;
    let mut command = Command::new(workspace::cargo());
    command.current_dir(workspace::root()).args(["build", "--locked", "--bin", binary]).args(each("--package"));
    process::run(&mut command)?;
    become_(Command::new(workspace::target_dir("debug").join(binary)).args(arguments))
}

#[cfg(unix)]
fn become_(command: &mut Command) -> Result<()> {
    use std::os::unix::process::CommandExt;
    let error = command.exec();
    let program: &OsStr = command.get_program();
    bail!("cannot start {}: {error}", program.display())
}

#[cfg(not(unix))]
fn become_(command: &mut Command) -> Result<()> {
    process::run(command)
}
