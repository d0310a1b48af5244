//! `cargo xtask fuzz [SECONDS]`: raw portfolios into the margin engine, guided by coverage, on the installed stable compiler.
use crate::{process, workspace};
use anyhow::{bail, Context, Result};
use std::{fs, process::Command};

/// A run long enough to trust.
const DEFAULT_SECONDS: u32 = 600;
/// Coverage for libFuzzer by LLVM's own pass: these are stable flags, sanitizers would need a nightly compiler.
const FLAGS: [&str; 6] = [
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Ccodegen-units=1",
];
/// Instrumentation goes to the target alone, so that build scripts and macros stay plain.
const TARGET: &str = env!("XTASK_TARGET");

/// Builds the target and runs it; a panic ends the run with an error, and the input that caused it is kept.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let seconds = match arguments {
        [] => DEFAULT_SECONDS,
        [seconds] => seconds.parse().with_context(|| format!("{seconds} is no number of seconds"))?,
        other => bail!("unknown arguments: {}; only a number of seconds is known here", other.join(" ")),
    };
    let folder = workspace::target_dir("fuzz");
    let mut build = Command::new(workspace::cargo());
    build.current_dir(workspace::root().join("fuzz")).env("RUSTFLAGS", FLAGS.join(" "));
    process::run(build.args(["build", "--release", "--locked", "--target", TARGET, "--target-dir"]).arg(&folder))?;
    let (corpus, found) = (folder.join("corpus"), folder.join("found"));
    fs::create_dir_all(&corpus)?;
    fs::create_dir_all(&found)?;
    let mut fuzzer = Command::new(folder.join(TARGET).join("release/margin"));
    fuzzer.arg(&corpus).arg(format!("-artifact_prefix={}/", found.display()));
    process::run(fuzzer.args([format!("-max_total_time={seconds}").as_str(), "-max_len=2048", "-print_final_stats=1"]))
}
