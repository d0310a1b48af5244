//! `cargo xtask test`: everything that has to hold before a change lands, cheapest first.
use crate::{
    artifact::SBF_BENCH,
    budget, build,
    compiler::{self, Compiler},
    fuzz, idl, localnet, process, setup, workspace,
};
use anyhow::{bail, Context, Result};
use std::{
    io::{BufRead, BufReader},
    process::{Command, Stdio},
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
    phases.run("format", || {
        cargo(&["fmt", "--all", "--check"])?;
        cargo(&["fmt", "--manifest-path", "fuzz/Cargo.toml", "--check"])
    })?;
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
    let mut count = Count::default();
    if matches!(compiler, Compiler::Registry { .. }) {
        phases.run("linker's tests", || count.run(&mut compiler::linker_command("test")?))?;
    }
    let tested = phases.run("tests", || {
        let arguments = ["test", "--workspace", "--locked", "--no-fail-fast"];
        count.run(
            Command::new(workspace::cargo())
                .current_dir(workspace::root())
                .args(arguments)
                .args(["--exclude", SBF_BENCH.package])
                .args(localnet::each("--exclude")),
        )
    });
    let tested = tested.and(phases.run("tests on a cluster", || {
        let arguments = ["test", "--locked", "--no-fail-fast"];
        count.run(Command::new(workspace::cargo()).current_dir(workspace::root()).args(arguments).args(localnet::each("--package")))
    }));
    phases.run("fuzzing for ten seconds", || fuzz::run(&["10".to_string()]))?;
    println!("\nseconds per phase:");
    for (name, time) in &phases.0 {
        println!("  {:>5}  {name}", time.as_secs());
    }
    println!("  {:>5}  in all\n", start.elapsed().as_secs());
    println!("{} passed, {} failed", count.passed, count.failed);
    tested
}

/// Tests run so far.
#[derive(Debug, Default, PartialEq, Eq)]
struct Count {
    passed: u64,
    failed: u64,
}

impl Count {
    /// Runs a test command, showing what it prints and adding up what its runners say; no test at all is a failure too.
    fn run(&mut self, command: &mut Command) -> Result<()> {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
        let before = self.passed;
        for line in child.stdout.take().into_iter().flat_map(|out| BufReader::new(out).lines()) {
            let line = line?;
            println!("{line}");
            self.add(&line);
        }
        if !child.wait()?.success() {
            bail!("{} failed", process::line(command));
        }
        if self.passed == before {
            bail!("{} ran no test", process::line(command));
        }
        Ok(())
    }

    /// Adds a runner's closing line: "test result: ok. 3 passed; 0 failed; …".
    fn add(&mut self, line: &str) {
        let Some(result) = line.strip_prefix("test result: ") else { return };
        let number = |word: &str| {
            let before = result.split(word).next()?.split([' ', ';']).rfind(|part| !part.is_empty())?;
            before.parse::<u64>().ok()
        };
        self.passed += number(" passed").unwrap_or(0);
        self.failed += number(" failed").unwrap_or(0);
    }
}

fn cargo(arguments: &[&str]) -> Result<()> {
    process::run(Command::new(workspace::cargo()).current_dir(workspace::root()).args(arguments))
}

/// `cargo xtask bench`: margin checks per second, measured by criterion; arguments go to it.
pub(crate) fn bench(arguments: &[String]) -> Result<()> {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    cargo(&[&["bench", "--locked", "--package", "plimsoll-risk", "--bench", "margin", "--"], words.as_slice()].concat())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closing_lines_add_up() {
        let mut count = Count::default();
        count.add("test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.60s");
        count.add("test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.60s");
        count.add("test tests::a ... ok");
        assert_eq!(count, Count { passed: 15, failed: 2 });
    }
}
