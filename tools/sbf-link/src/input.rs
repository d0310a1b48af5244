//! The command line rustc writes, and the bitcode it names.
use anyhow::{Context, Result};
use std::{
    fs,
    io::Read,
    path::{Path, PathBuf},
};

/// First bytes of a bitcode file.
const BITCODE: &[u8] = b"BC\xC0\xDE";
/// First bytes of an archive, which is what an `.rlib` is.
const ARCHIVE: &[u8] = b"!<arch>\n";

/// What rustc asks for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Job {
    /// Objects and libraries, in order.
    pub(crate) inputs: Vec<PathBuf>,
    /// The program to write.
    pub(crate) output: PathBuf,
}

impl Job {
    /// Reads the arguments of rustc's `bpf` linker flavour. What the entrypoint reaches decides what stays, so the export list is unused.
    pub(crate) fn parse(arguments: impl IntoIterator<Item = String>) -> Result<Self> {
        let (mut inputs, mut output) = (vec![], None);
        let mut arguments = arguments.into_iter();
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "-o" => output = arguments.next().map(PathBuf::from),
                "--export-symbols" | "-L" | "--cpu" => drop(arguments.next()),
                file if file.ends_with(".o") || file.ends_with(".rlib") => inputs.push(PathBuf::from(file)),
                _ => {}
            }
        }
        Ok(Self { inputs, output: output.context("rustc named no output (-o)")? })
    }
}

/// The bitcode units in a file: itself, or every unit of an archive. Metadata and other members are not ours to link.
pub(crate) fn bitcode_units(path: &Path) -> Result<Vec<Vec<u8>>> {
    let data = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    if data.starts_with(BITCODE) {
        return Ok(vec![data]);
    }
    let mut units = vec![];
    if data.starts_with(ARCHIVE) {
        let mut archive = ar::Archive::new(data.as_slice());
        while let Some(member) = archive.next_entry() {
            let mut bytes = vec![];
            member.and_then(|mut m| m.read_to_end(&mut bytes)).with_context(|| format!("cannot read a member of {}", path.display()))?;
            if bytes.starts_with(BITCODE) {
                units.push(bytes);
            }
        }
    }
    Ok(units)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_of_rustc() {
        let line =
            ["--export-symbols", "/t/symbols.o", "/t/a.o", "-L", "/t/lib.rlib", "/t/libb.rlib", "--cpu", "v2", "-O3", "-o", "/t/p.so"];
        let job = Job::parse(line.map(String::from)).unwrap();
        assert_eq!(job, Job { inputs: vec!["/t/a.o".into(), "/t/libb.rlib".into()], output: "/t/p.so".into() });
        assert!(Job::parse(["/t/a.o".to_string()]).is_err(), "an output is needed");
    }
}
