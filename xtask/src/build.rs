//! `cargo xtask build`: the compiled program and its IDL.
use crate::{
    artifact::{HOSTILE, PLIMSOLL, SBF_CHECK},
    compiler::Compiler,
    idl, setup, workspace,
};
use anyhow::{Context, Result};
use std::fs;

/// Set-up, program and IDL.
pub(crate) fn run(check: bool) -> Result<()> {
    let compiler = setup::run()?;
    program(&compiler)?;
    idl::run(check)
}

/// Set-up and the program alone: what a command needs that runs the program and its own code.
pub(crate) fn runnable() -> Result<()> {
    program(&setup::run()?)
}

/// The program, and beside it a line that says which compiler made it, for whatever measures or runs it.
pub(crate) fn program(compiler: &Compiler) -> Result<()> {
    PLIMSOLL.make(compiler)?;
    let note = workspace::deploy_dir().join("compiler.txt");
    fs::write(&note, format!("{compiler}\n")).with_context(|| format!("cannot write {}", note.display()))
}

/// The program, and those that test the compiler itself and the program.
pub(crate) fn bytecode(compiler: &Compiler) -> Result<()> {
    program(compiler)?;
    SBF_CHECK.make(compiler)?;
    HOSTILE.make(compiler)
}

/// Removes compiled programs and the compilers' intermediate files; cargo's own output stays.
pub(crate) fn clean() -> Result<()> {
    let intermediate = ["sbf", "sbf-platform", "sbf-link"].map(workspace::target_dir);
    for directory in intermediate.iter().chain([&workspace::deploy_dir()]) {
        if directory.exists() {
            fs::remove_dir_all(directory).with_context(|| format!("cannot remove {}", directory.display()))?;
            println!("removed {}", directory.display());
        }
    }
    Ok(())
}
