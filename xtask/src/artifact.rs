//! The programs compiled to bytecode, and what each is made from.
use crate::{compiler::Compiler, stamp, workspace};
use anyhow::{Context, Result};
use std::{fs, path::PathBuf};

/// A package that becomes a program.
#[derive(Debug)]
pub(crate) struct Artifact {
    /// Package name.
    pub(crate) package: &'static str,
    /// File name of the library, without `lib` and extension.
    pub(crate) library: &'static str,
    /// The package's directory.
    pub(crate) directory: &'static str,
    /// Directories of the workspace's packages it depends on.
    pub(crate) dependencies: &'static [&'static str],
}

/// The clearing house.
pub(crate) const PLIMSOLL: Artifact = Artifact {
    package: "plimsoll",
    library: "plimsoll",
    directory: "programs/plimsoll",
    dependencies: &["crates/risk", "crates/state", "tools/sbf-heap"],
};

/// The program that tests the compiler.
pub(crate) const SBF_CHECK: Artifact =
    Artifact { package: "sbf-check", library: "sbf_check", directory: "tools/sbf-check", dependencies: &["tools/sbf-heap"] };

/// The program that calls the clearing house as an attacker would.
pub(crate) const HOSTILE: Artifact =
    Artifact { package: "hostile-caller", library: "hostile_caller", directory: "tests/hostile", dependencies: &["tools/sbf-heap"] };

/// The program that prices with the engine and with another crate, for `cargo xtask cu`.
pub(crate) const SBF_BENCH: Artifact =
    Artifact { package: "sbf-bench", library: "sbf_bench", directory: "tools/sbf-bench", dependencies: &["crates/risk", "tools/sbf-heap"] };

/// What every program depends on: the last is how the compiler is called.
const COMMON_INPUTS: [&str; 3] = ["Cargo.toml", "Cargo.lock", "xtask/src/compiler.rs"];

impl Artifact {
    /// Where the program goes.
    pub(crate) fn path(&self) -> PathBuf {
        workspace::deploy_dir().join(format!("{}.so", self.library))
    }

    /// The files and directories it is made from.
    pub(crate) fn inputs(&self) -> Vec<&'static str> {
        [&COMMON_INPUTS, self.dependencies, &[self.directory]].concat()
    }

    /// Makes the program if it is not there or anything it is made from has changed, and prints what it is.
    pub(crate) fn make(&self, compiler: &Compiler) -> Result<()> {
        let mut inputs = self.inputs();
        if matches!(compiler, Compiler::Registry { .. }) {
            inputs.push("tools/sbf-link");
        }
        let hash = stamp::of(&workspace::root(), &inputs, &[&compiler.to_string()])?;
        let path = self.path();
        let current = stamp::is_current(&path, &hash);
        if !current {
            compiler.compile(self.package, &format!("{}/Cargo.toml", self.directory), self.library)?;
            stamp::write(&path, &hash)?;
        }
        let bytes = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        println!("target/deploy/{}.so{}", self.library, if current { " is up to date" } else { "" });
        println!("  compiler  {compiler}\n  size      {} bytes\n  sha256    {}", bytes.len(), stamp::sha256(&bytes));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Directory of a package by the name the workspace's manifest gives it.
    fn directory_of(manifest: &str, name: &str) -> Option<String> {
        let line = manifest.lines().find(|line| line.starts_with(&format!("{name} = {{ path = ")))?;
        line.split('"').nth(1).map(String::from)
    }

    #[test]
    fn every_dependency_inside_the_workspace_is_an_input() {
        let root = workspace::root();
        let workspace_manifest = fs::read_to_string(root.join("Cargo.toml")).unwrap();
        for artifact in [PLIMSOLL, SBF_CHECK, HOSTILE, SBF_BENCH] {
            for directory in artifact.dependencies.iter().chain([&artifact.directory]) {
                let manifest = fs::read_to_string(root.join(directory).join("Cargo.toml")).unwrap();
                let dependencies = manifest.split("[dependencies]").nth(1).unwrap_or("").split("\n[").next().unwrap_or("");
                for name in dependencies.lines().filter_map(|line| line.split([' ', '.']).next()) {
                    if let Some(dependency) = directory_of(&workspace_manifest, name) {
                        assert!(artifact.inputs().contains(&dependency.as_str()), "{}: {dependency}", artifact.package);
                    }
                }
            }
        }
    }
}
