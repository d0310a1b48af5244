//! Copying, filling and comparing memory: short and fixed lengths stay inline, the rest calls the runtime's syscalls.
use crate::llvm::{Opcode, Program, Value};

/// Copies and fills of at most this many bytes cost less as loads and stores than as a syscall.
const INLINE_BYTES: u64 = 64;

/// Rewrites every function of the program.
pub(crate) fn lower(program: &Program) {
    for function in program.defined_functions() {
        for call in function.instructions().into_iter().filter(|i| i.opcode() == Opcode::LLVMCall) {
            lower_call(program, function, call);
        }
    }
}

fn lower_call(p: &Program, function: Value, call: Value) {
    let name = call.callee().value.name();
    p.before(call);
    if name.starts_with("llvm.memcpy.") || name.starts_with("llvm.memmove.") {
        copy(p, call);
    } else if name.starts_with("llvm.memset.") {
        fill(p, call);
    } else if name == "memcmp" || name == "bcmp" {
        compare(p, function, call);
    }
}

fn stays_inline(length: Value) -> bool {
    length.as_constant().is_some_and(|bytes| bytes <= INLINE_BYTES)
}

fn copy(p: &Program, call: Value) {
    let (to, from, length) = (call.operand(0), call.operand(1), call.operand(2));
    if !stays_inline(length) {
        // sol_memcpy_ refuses the same range twice, which Rust's copies of a value onto itself may ask for.
        p.call(p.external("sol_memmove_", p.void, &[p.ptr, p.ptr, p.i64]), &[to, from, length]);
        call.erase();
    }
}

fn fill(p: &Program, call: Value) {
    let (to, byte, length) = (call.operand(0), call.operand(1), call.operand(2));
    if !stays_inline(length) {
        let byte = p.zext(byte, p.i64);
        p.call(p.external("sol_memset_", p.void, &[p.ptr, p.i64, p.i64]), &[to, byte, length]);
        call.erase();
    }
}

fn compare(p: &Program, function: Value, call: Value) {
    let (a, b, length) = (call.operand(0), call.operand(1), call.operand(2));
    let result = p.spilled(function, p.i32.zero());
    p.call(p.external("sol_memcmp_", p.void, &[p.ptr, p.ptr, p.i64, p.ptr]), &[a, b, length, result]);
    let order = p.load(p.i32, result);
    call.replace_with(order);
}
