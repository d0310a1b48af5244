//! Code generation: LLVM's BPF object, checked frame by frame, then the sBPF program.
use crate::llvm::{take_message, Opcode, Program, Value};
use anyhow::{anyhow, bail, Context, Result};
use llvm_sys::{
    core::{LLVMContextSetDiagnosticHandler, LLVMGetDiagInfoDescription, LLVMGetDiagInfoSeverity, LLVMGetTarget},
    prelude::LLVMDiagnosticInfoRef,
    target::{
        LLVMInitializeBPFAsmParser, LLVMInitializeBPFAsmPrinter, LLVMInitializeBPFTarget, LLVMInitializeBPFTargetInfo,
        LLVMInitializeBPFTargetMC,
    },
    target_machine::{
        LLVMCodeGenFileType, LLVMCodeGenOptLevel, LLVMCodeModel, LLVMCreateTargetMachine, LLVMGetTargetFromTriple, LLVMRelocMode,
        LLVMTargetMachineEmitToFile, LLVMTargetMachineRef,
    },
    LLVMDiagnosticSeverity,
};
use std::{
    ffi::{c_void, CString},
    fmt::Write,
    fs,
    path::Path,
    ptr,
};

/// Bytes of stack a function of a program has.
const FRAME_BYTES: u64 = 4096;
/// The backend's own limit is lifted: its message has no size, and it refuses a frame of exactly the limit.
const LLVM_OPTIONS: [&str; 3] = ["sbf-link", "-bpf-stack-size=1048576", "-bpf-expand-memcpy-in-order=false"];
/// The soft-float runtime: the backend complains of calls to it, and makes them.
pub(crate) const SOFT_FLOAT: &[&str] = &[
    "__adddf3",
    "__subdf3",
    "__muldf3",
    "__divdf3",
    "__negdf2",
    "__fixunsdfdi",
    "__fixdfdi",
    "__floatundidf",
    "__floatdidf",
    "__gedf2",
    "__gtdf2",
    "__ledf2",
    "__ltdf2",
    "__eqdf2",
    "__nedf2",
    "__unorddf2",
];

/// The readable form of a Rust symbol.
pub(crate) fn demangled(symbol: &str) -> String {
    format!("{:#}", rustc_demangle::demangle(symbol))
}

/// What LLVM had to say while it generated code.
#[derive(Default)]
struct Findings {
    errors: Vec<String>,
    frames: Vec<(String, u64)>,
}

/// Takes the size and the function from LLVM's "stack frame size (N) exceeds limit (M) in function 'F'".
fn large_frame(message: &str) -> Option<(String, u64)> {
    let (_, rest) = message.split_once("stack frame size (")?;
    let (size, rest) = rest.split_once(')')?;
    let (_, name) = rest.split_once("in function '")?;
    Some((name.trim_end().trim_end_matches('\'').to_string(), size.parse().ok()?))
}

fn is_soft_float_complaint(message: &str) -> bool {
    message.contains("built-in function") && SOFT_FLOAT.iter().any(|name| message.contains(&format!("'{name}'")))
}

extern "C" fn note(info: LLVMDiagnosticInfoRef, findings: *mut c_void) {
    // SAFETY: LLVM passes a live description and the pointer `generate` registered, which outlives the code generator.
    let (message, severity, findings) =
        unsafe { (take_message(LLVMGetDiagInfoDescription(info)), LLVMGetDiagInfoSeverity(info), &mut *findings.cast::<Findings>()) };
    if let Some(frame) = large_frame(&message) {
        findings.frames.push(frame);
    } else if severity == LLVMDiagnosticSeverity::LLVMDSError && !is_soft_float_complaint(&message) {
        findings.errors.push(message.trim().to_string());
    }
}

/// Readies LLVM's BPF backend.
pub(crate) fn initialise_backend() -> Result<()> {
    let options: Vec<CString> = LLVM_OPTIONS.iter().map(|o| CString::new(*o)).collect::<Result<_, _>>()?;
    let raw: Vec<_> = options.iter().map(|o| o.as_ptr()).collect();
    // SAFETY: called once, before any other use of LLVM; the strings outlive the call.
    unsafe {
        LLVMInitializeBPFTargetInfo();
        LLVMInitializeBPFTarget();
        LLVMInitializeBPFTargetMC();
        LLVMInitializeBPFAsmPrinter();
        LLVMInitializeBPFAsmParser();
        llvm_sys::support::LLVMParseCommandLineOptions(raw.len() as i32, raw.as_ptr(), ptr::null());
    }
    Ok(())
}

/// The machine to generate for: what sBPF v0 shares with BPF v2, with unaligned access.
pub(crate) fn target_machine(program: &Program) -> Result<LLVMTargetMachineRef> {
    let (mut target, mut message) = (ptr::null_mut(), ptr::null_mut());
    // SAFETY: the triple belongs to the live module; LLVM sets the message only on failure.
    unsafe {
        let triple = LLVMGetTarget(program.module());
        if LLVMGetTargetFromTriple(triple, &mut target, &mut message) != 0 {
            bail!("{}", take_message(message));
        }
        Ok(LLVMCreateTargetMachine(
            target,
            triple,
            c"v2".as_ptr(),
            c"+allows-misaligned-mem-access".as_ptr(),
            LLVMCodeGenOptLevel::LLVMCodeGenLevelAggressive,
            LLVMRelocMode::LLVMRelocStatic,
            LLVMCodeModel::LLVMCodeModelDefault,
        ))
    }
}

/// Generates code for the finished module and writes the program.
pub(crate) fn generate(program: &Program, machine: LLVMTargetMachineRef, output: &Path) -> Result<()> {
    for function in program.defined_functions() {
        program.warn_of_frames_above(function, FRAME_BYTES);
    }
    let object = output.with_extension("bpf.o");
    let path = CString::new(object.to_str().context("the output path is not UTF-8")?)?;
    let mut findings = Findings::default();
    let mut message = ptr::null_mut();
    // SAFETY: `findings` outlives the only call that generates code, and the handler is not called afterwards.
    let failed = unsafe {
        LLVMContextSetDiagnosticHandler(program.context(), Some(note), (&raw mut findings).cast());
        LLVMTargetMachineEmitToFile(machine, program.module(), path.as_ptr(), LLVMCodeGenFileType::LLVMObjectFile, &mut message) != 0
    };
    if failed {
        bail!("LLVM wrote no object: {}", take_message(message));
    }
    report(program, findings)?;
    let options = sbpf_linker::ProgramOptions::new(
        sbpf_linker::OptimizationConfig::disabled(),
        sbpf_linker::SbpfArch::V0,
        i32::try_from(FRAME_BYTES)?,
    );
    let bytes = sbpf_linker::link_program(&fs::read(&object)?, options)
        .map_err(|errors| anyhow!("{}", sbpf_linker::SbpfLinkerError::format_errors(&errors)))?;
    fs::write(output, bytes).with_context(|| format!("cannot write {}", output.display()))
}

/// Turns findings into one error that names every function at fault.
fn report(program: &Program, mut findings: Findings) -> Result<()> {
    let mut text = String::new();
    findings.frames.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
    for (symbol, bytes) in &findings.frames {
        write!(text, "\n  {}: its stack frame has {bytes} bytes, {FRAME_BYTES} are allowed", demangled(symbol))?;
        let locals = program.function(symbol).map(|f| largest_locals(program, f)).unwrap_or_default();
        write!(
            text,
            " (largest locals, in bytes: {}); box them, or split the function and keep the parts from being inlined",
            locals.join(", ")
        )?;
    }
    for error in &findings.errors {
        write!(text, "\n  {error}")?;
    }
    if !text.is_empty() {
        bail!("{} function(s) cannot be compiled for sBPF:{text}", findings.frames.len() + findings.errors.len());
    }
    Ok(())
}

fn largest_locals(program: &Program, function: Value) -> Vec<String> {
    let locals = function.instructions().into_iter().filter(|i| i.opcode() == Opcode::LLVMAlloca);
    let mut sizes: Vec<u64> = locals.map(|local| program.layout(local.allocated_type()).0).collect();
    sizes.sort_unstable_by(|a, b| b.cmp(a));
    sizes.iter().take(4).map(u64::to_string).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frame_message() {
        let message = "stack frame size (5232) exceeds limit (4096) in function '_ZN1a1b17h0E'";
        assert_eq!(large_frame(message), Some(("_ZN1a1b17h0E".to_string(), 5232)));
        assert_eq!(large_frame("unsupported call"), None);
    }

    #[test]
    fn complaints_about_soft_floats_only() {
        assert!(is_soft_float_complaint("in function f: A call to built-in function '__muldf3' is not supported."));
        assert!(!is_soft_float_complaint("in function f: A call to built-in function '__multi3' is not supported."));
    }
}
