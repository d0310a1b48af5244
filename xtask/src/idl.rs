//! `cargo xtask idl`: the committed description of the program's interface.
//!
//! The builder runs in a child process that knows nothing of rustup: with `RUSTUP_TOOLCHAIN` in its environment the builder would try to
//! install toolchains. The child finds this toolchain's cargo first on its `PATH`, so no proxy has a choice to make.
use crate::{artifact::PLIMSOLL, process, stamp, workspace};
use anyhow::{bail, Context, Result};
use std::{fs, path::Path, process::Command};

/// The committed file.
const IDL: &str = "idl/plimsoll.json";

/// Makes the IDL; writes it if it changed, or with `check` fails if it did.
pub(crate) fn run(check: bool) -> Result<()> {
    let root = workspace::root();
    let (committed, fresh) = (root.join(IDL), workspace::target_dir("idl").join("plimsoll.json"));
    let mut inputs = PLIMSOLL.inputs();
    inputs.push("tools/idl");
    let hash = stamp::of(&root, &inputs, &[])?;
    let current = stamp::is_current(&fresh, &hash);
    if !current {
        fs::create_dir_all(workspace::target_dir("idl"))?;
        process::run(&mut build_command())?;
        process::run(&mut child(&fresh)?)?;
        stamp::write(&fresh, &hash)?;
    }
    let made = fs::read(&fresh).with_context(|| format!("cannot read {}", fresh.display()))?;
    if fs::read(&committed).is_ok_and(|old| old == made) {
        println!("{IDL} is up to date");
    } else if check {
        bail!("{IDL} is not what the program says: run `cargo xtask build` and commit it");
    } else {
        fs::create_dir_all(root.join("idl"))?;
        fs::write(&committed, made).with_context(|| format!("cannot write {IDL}"))?;
        println!("{IDL} written");
    }
    Ok(())
}

/// Builds the child.
fn build_command() -> Command {
    let mut command = Command::new(workspace::cargo());
    command.current_dir(workspace::root()).args(["build", "--quiet", "--locked", "--package", "plimsoll-idl"]);
    command
}

/// The child, in an environment without rustup.
fn child(output: &Path) -> Result<Command> {
    let binary = workspace::target_dir("debug").join("plimsoll-idl");
    let cargo = workspace::cargo();
    let mut command = Command::new(binary);
    command.current_dir(workspace::root()).arg(workspace::root().join(PLIMSOLL.directory)).arg(output);
    for variable in process::TOOLCHAIN_VARIABLES {
        command.env_remove(variable);
    }
    if let Some(directory) = cargo.parent().filter(|d| d.is_absolute()) {
        command.env("PATH", process::path_with(directory)?);
    }
    // The builder sets RUSTFLAGS to silence warnings, which would compile every dependency anew; the encoded form wins over it.
    command.env("CARGO_ENCODED_RUSTFLAGS", "").env("RUSTUP_AUTO_INSTALL", "0");
    Ok(command)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_child_cannot_reach_rustup() {
        let command = child(Path::new("/o.json")).unwrap();
        let value = |name: &str| command.get_envs().find(|(key, _)| *key == name).map(|(_, value)| value.map(|v| v.to_owned()));
        assert_eq!(value("RUSTUP_TOOLCHAIN"), Some(None), "removed");
        assert_eq!(value("RUSTUP_AUTO_INSTALL"), Some(Some("0".into())));
        let path = value("PATH").flatten().expect("cargo sets CARGO for tests, so PATH is set");
        let first = std::env::split_paths(&path).next().unwrap();
        assert_eq!(Some(first.as_path()), workspace::cargo().parent());
    }
}
