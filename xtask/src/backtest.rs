//! `cargo xtask backtest`: coverage of maintenance margin over the price history; needs no compiled program.
use crate::{process, workspace};
use anyhow::{Context, Result};
use std::process::{Command, ExitCode};

/// Runs the study; its exit code is passed on, because 2 means that there were no data.
pub(crate) fn run(arguments: &[String]) -> Result<ExitCode> {
    let mut command = Command::new(workspace::cargo());
    command.current_dir(workspace::root()).args(["run", "--quiet", "--locked", "--package", "plimsoll-backtest", "--"]).args(arguments);
    let line = process::line(&command);
    let status = command.status().with_context(|| format!("cannot start {line}"))?;
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
}
