//! Panics, and the hooks of std's bare-metal platform layer.
//!
//! A panic calls the program's `custom_panic`, which logs file and message, and aborts, as with the platform tools: std's own handler
//! counts panics in writable statics, which a program has not got.
use crate::llvm::{Callee, Program, Value};

/// Replaces std's panic and out-of-memory handlers; to be done before optimisation spreads them.
pub(crate) fn replace_handlers(program: &Program) {
    for function in program.defined_functions() {
        let name = function.name();
        let out_of_memory = name.contains("5alloc8rust_oom") || name.contains("alloc_error_handler");
        if name.ends_with("rust_begin_unwind") || out_of_memory {
            replace_body(program, function, !out_of_memory);
        }
    }
}

/// New body: log if asked, abort. An exhausted heap does not log: formatting would want memory.
fn replace_body(p: &Program, function: Value, logs: bool) {
    let old = function.blocks();
    let Some(first) = old.first() else { return };
    p.insert_block(*first);
    if let Some(custom) = p.function("custom_panic").filter(|_| logs) {
        p.call(Callee { value: custom, ty: custom.global_type() }, &[function.param(0)]);
    }
    abort(p);
    for instruction in old.iter().flat_map(|block| block.instructions()) {
        if !instruction.ty().is_void() {
            instruction.replace_uses(instruction.ty().poison());
        }
    }
    for block in old {
        block.delete();
    }
}

fn abort(p: &Program) {
    p.call(p.external("abort", p.void, &[]), &[]);
    p.unreachable();
}

/// Defines the hooks std's `zkvm` layer calls: what it writes goes to the program log, randomness is left as it is.
pub(crate) fn define_std_hooks(p: &Program) {
    let log = |function: Value, first: usize| {
        let callee = p.external("sol_log_", p.void, &[p.ptr, p.i64]);
        p.call(callee, &[function.param(first), function.param(first + 1)]);
    };
    let undefined = |name: &str| p.function(name).filter(|f| f.is_declaration());
    if let Some(write) = undefined("sys_write") {
        p.append_block(write);
        log(write, 1);
        p.ret_void();
    }
    if let Some(panic) = undefined("sys_panic") {
        p.append_block(panic);
        log(panic, 0);
        abort(p);
    }
    if let Some(random) = undefined("sys_rand") {
        p.append_block(random);
        p.ret_void();
    }
}
