//! Writes the IDL of a program crate: `plimsoll-idl PROGRAM_DIRECTORY OUTPUT`.
//!
//! To be run without `RUSTUP_TOOLCHAIN`: with it the builder tries to install toolchains, so it is refused here.
use anchor_lang_idl::build::IdlBuilder;
use anyhow::{bail, Context, Result};
use std::{env, fs, path::PathBuf};

fn main() -> Result<()> {
    if env::var_os("RUSTUP_TOOLCHAIN").is_some() {
        bail!("RUSTUP_TOOLCHAIN is set, and the IDL builder would install toolchains: use `cargo xtask idl`");
    }
    let mut arguments = env::args_os().skip(1).map(PathBuf::from);
    let (Some(program), Some(output), None) = (arguments.next(), arguments.next(), arguments.next()) else {
        bail!("usage: plimsoll-idl PROGRAM_DIRECTORY OUTPUT");
    };
    let arguments = ["--locked", "--lib"].map(String::from).to_vec();
    let idl = IdlBuilder::new().program_path(program).cargo_args(arguments).build()?;
    let mut text = serde_json::to_string_pretty(&idl)?;
    text.push('\n');
    fs::write(&output, text).with_context(|| format!("cannot write {}", output.display()))
}
