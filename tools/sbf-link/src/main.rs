//! The linker rustc calls when it compiles an on-chain program without the platform tools: it links LLVM bitcode, keeps what the entrypoint
//! reaches, optimises it as a whole, rewrites what LLVM's BPF backend rejects, and writes an sBPF v0 program.
mod arith;
mod emit;
mod input;
mod llvm;
mod memory;
mod panic;
mod spill;
mod statics;

use anyhow::{bail, Context, Result};
use llvm::{Program, Value};
use llvm_sys::LLVMLinkage;
use std::process::ExitCode;

/// The one symbol a program is entered at.
const ENTRYPOINT: &str = "entrypoint";
/// Whole-program optimisation. A program has one thread, so atomics become plain accesses.
const OPTIMISE: &str = "globaldce,function(lower-atomic),default<O2>,globaldce";
/// Cleans up after the rewriting; nothing that could bring back what was rewritten.
const CLEAN_UP: &str = "globaldce,always-inline,function(sroa,early-cse<memssa>,simplifycfg,dce),globaldce";

/// Makes everything private but the entrypoint and the functions named.
fn keep_only(program: &Program, names: &[&str]) {
    for function in program.defined_functions() {
        let name = function.name();
        if name == ENTRYPOINT || names.contains(&name.as_str()) {
            function.set_linkage(LLVMLinkage::LLVMExternalLinkage);
        } else {
            function.internalize();
        }
    }
    program.variables().into_iter().filter(|v| !v.is_declaration()).for_each(Value::internalize);
}

/// The soft-float functions, if anything in the program computes with floats.
fn float_runtime(program: &Program) -> &'static [&'static str] {
    let computes = |function: &Value| function.instructions().iter().any(|i| i.ty().is_float() || uses_float(*i));
    let is_runtime = |function: &Value| emit::SOFT_FLOAT.contains(&function.name().as_str());
    if program.defined_functions().iter().any(|f| !is_runtime(f) && computes(f)) {
        emit::SOFT_FLOAT
    } else {
        &[]
    }
}

/// Whether the instruction takes a float, as a conversion or a comparison does.
fn uses_float(instruction: Value) -> bool {
    use llvm::Opcode::{LLVMFCmp, LLVMFPToSI, LLVMFPToUI};
    matches!(instruction.opcode(), LLVMFCmp | LLVMFPToSI | LLVMFPToUI)
}

fn link() -> Result<()> {
    let job = input::Job::parse(std::env::args().skip(1))?;
    emit::initialise_backend()?;
    let program = Program::new();
    for path in &job.inputs {
        for unit in input::bitcode_units(path)? {
            program.add_bitcode(&unit).with_context(|| format!("cannot link {}", path.display()))?;
        }
    }
    if program.function(ENTRYPOINT).is_none_or(|f| f.is_declaration()) {
        // A dependency that is also a dynamic library: cargo has it linked, and nobody loads it.
        return std::fs::write(&job.output, []).with_context(|| format!("cannot write {}", job.output.display()));
    }
    let machine = emit::target_machine(&program)?;
    panic::replace_handlers(&program);
    keep_only(&program, &[arith::RUNTIME, emit::SOFT_FLOAT].concat());
    program.run_passes(machine, OPTIMISE)?;

    arith::lower(&program)?;
    memory::lower(&program);
    panic::define_std_hooks(&program);
    let refused = spill::lower(&program);
    if !refused.is_empty() {
        bail!("external functions take more than five registers: {}", refused.join(", "));
    }
    keep_only(&program, float_runtime(&program));
    program.verify()?;
    program.run_passes(machine, CLEAN_UP)?;
    statics::move_to_heap(&program)?;
    emit::generate(&program, machine, &job.output)
}

fn main() -> ExitCode {
    match link() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("sbf-link: {error:#}");
            ExitCode::FAILURE
        }
    }
}
