//! `cargo xtask test`: everything that has to hold before a change lands, cheapest first.
use crate::{budget, build, compiler, idl, process, setup, workspace};
use anyhow::{bail, Context, Result};
use std::{
    process::Command,
    time::{Duration, Instant},
};

/// Packages that run on chain, or decide what happens there.
const LINTED: [&str; 4] = ["plimsoll-risk", "plimsoll-state", "plimsoll", "sbf-heap"];

/// The phases that have run, and how long each took.
struct Phases(Vec<(&'static str, Duration)>);

impl Phases {
    fn run<T>(&mut self, name: &'static str, work: impl FnOnce() -> Result<T>) -> Result<T> {
        println!("== {name}");
        let start = Instant::now();
        let result = work().with_context(|| format!("{name} failed"))?;
        self.0.push((name, start.elapsed()));
        println!("== {name}: {} s", start.elapsed().as_secs());
        Ok(result)
    }
}

/// Runs all phases; the first that fails ends the run.
pub(crate) fn run() -> Result<()> {
    let start = Instant::now();
    let mut phases = Phases(vec![]);
    let toolchain = toolchain();
    phases.run("format", || cargo(&["fmt", "--all", "--check"]))?;
    phases.run("size budget", || budget::check(&workspace::root()))?;
    let compiler = phases.run("set-up", setup::run)?;
    phases.run("bytecode", || build::bytecode(&compiler))?;
    phases.run("frame error", || compiler::check_frame_error(&compiler))?;
    phases.run("interface description", || idl::run(true))?;
    phases.run("toolchain unchanged", || unchanged(&toolchain))?;
    phases.run("lints", || {
        let packages = LINTED.map(|package| ["--package", package]).concat();
        cargo(&[&["clippy", "--quiet", "--locked", "--lib"], packages.as_slice()].concat())
    })?;
    // The runner's own closing lines are the last ones of its output; only timings follow.
    phases.run("tests", || cargo(&["test", "--workspace", "--locked"]))?;
    println!("\nseconds per phase:");
    for (name, time) in &phases.0 {
        println!("  {:>5}  {name}", time.as_secs());
    }
    println!("  {:>5}  in all", start.elapsed().as_secs());
    Ok(())
}

fn cargo(arguments: &[&str]) -> Result<()> {
    process::run(Command::new(workspace::cargo()).current_dir(workspace::root()).args(arguments))
}

/// The compiler a person gets here, and the toolchains rustup has, if it is there.
fn toolchain() -> [Option<String>; 2] {
    [process::output("rustc", &["-V"]), process::output("rustup", &["toolchain", "list"])]
}

/// Fails if building has changed the person's toolchain.
fn unchanged(before: &[Option<String>; 2]) -> Result<()> {
    let after = toolchain();
    if after != *before {
        bail!("rustc or rustup's toolchains changed: before {before:?}, now {after:?}");
    }
    println!("rustc -V before and after: {}", after[0].as_deref().unwrap_or("no rustc on PATH"));
    Ok(())
}
