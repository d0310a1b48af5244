//! What compiling to bytecode needs: found, or installed where that is allowed, or named with the one command that installs it.
use crate::{
    compiler::{self, Compiler},
    process,
};
use anyhow::{bail, Context, Result};
use std::{env, process::Command};

/// Debian packages of the registry-only compiler.
const PACKAGES: [&str; 8] =
    ["rustc-web", "cargo-web", "rust-web-src", "llvm-22", "llvm-22-dev", "libpolly-22-dev", "zlib1g-dev", "libzstd-dev"];

/// Finds a compiler, installing Debian's packages if none is there and it may.
pub(crate) fn run() -> Result<Compiler> {
    let choice = env::var("SBF_COMPILER").unwrap_or_default();
    if !["", "platform", "registry"].contains(&choice.as_str()) {
        bail!("SBF_COMPILER is `{choice}`: use `platform` or `registry`");
    }
    if choice != "registry" {
        if let Some(found) = compiler::platform() {
            return Ok(found);
        }
        if choice == "platform" {
            bail!("the platform tools are not installed (cargo-build-sbf with its toolchain); without SBF_COMPILER the registry-only compiler is used");
        }
    }
    let missing: Vec<&str> = PACKAGES.into_iter().filter(|package| !is_installed(package)).collect();
    if !missing.is_empty() {
        install(&missing)?;
    }
    compiler::registry().context("the packages are installed, but their rustc, cargo or llvm-config-22 does not run")
}

fn is_installed(package: &str) -> bool {
    process::output("dpkg-query", &["-W", "-f=${db:Status-Abbrev}", package]).is_some_and(|status| status.starts_with("ii"))
}

/// The words before a command that make it run as root; nothing if that would ask or is refused.
fn privilege() -> Option<Vec<&'static str>> {
    if process::output("id", &["-u"])? == "0" {
        return Some(vec![]);
    }
    process::output("sudo", &["-n", "true"]).map(|_| vec!["sudo", "-n"])
}

fn install(missing: &[&str]) -> Result<()> {
    let by_hand = format!("apt-get update && apt-get install -y --no-install-recommends {}", missing.join(" "));
    if process::output("apt-get", &["--version"]).is_none() {
        bail!("no compiler for on-chain programs: install the platform tools, or on a Debian system these packages: {}", missing.join(" "));
    }
    let Some(prefix) = privilege() else {
        bail!("packages are missing, and installing them needs root. Run once:\n\n  sudo sh -c '{by_hand}'\n");
    };
    println!("installing {}", missing.join(" "));
    let apt = |arguments: &[&str]| {
        let words = [prefix.as_slice(), &["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq"], arguments].concat();
        process::run(Command::new(words[0]).args(&words[1..]))
    };
    apt(&["update"]).and_then(|()| apt(&[&["install", "-y", "--no-install-recommends"], missing].concat())).with_context(|| {
        format!("the packages cannot be installed; their newest versions are in Debian's security channel. As root:\n\n  {by_hand}\n")
    })
}
