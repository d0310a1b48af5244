//! Writable statics. An sBPF program has no writable section, but its heap starts zeroed in every invocation: statics that start as zeros
//! move to the bottom of the heap, and the program's allocator asks for the address above them.
use crate::{
    emit::demangled,
    llvm::{Program, Value},
};
use anyhow::{bail, Result};

/// Where a program's heap begins.
const HEAP_START: u64 = 0x3_0000_0000;
/// The first word of the heap is the allocator's own, by convention of the platform.
const FIRST_STATIC: u64 = HEAP_START + 8;
/// Symbol whose address is the first one above the statics. An allocator that stays above it cannot overwrite them.
const FLOOR_SYMBOL: &str = "__sbf_heap_floor";

/// Gives every writable static its address and resolves the floor. Statics without an allocator that knows the floor are an error.
pub(crate) fn move_to_heap(program: &Program) -> Result<()> {
    let (floor_symbols, others): (Vec<Value>, Vec<Value>) =
        program.variables().into_iter().filter(|v| !v.is_constant_variable() || v.is_declaration()).partition(|v| v.name() == FLOOR_SYMBOL);
    let statics: Vec<Value> = others.into_iter().filter(|v| !v.is_declaration()).collect();
    let names = || statics.iter().map(|v| demangled(&v.name())).collect::<Vec<_>>().join(", ");
    if let Some(initialised) = statics.iter().find(|v| !v.starts_zeroed()) {
        bail!("writable static {} has a non-zero initial value: a program has no writable data", demangled(&initialised.name()));
    }
    if !statics.is_empty() && floor_symbols.is_empty() {
        bail!("writable statics ({}) need a global allocator that stays above `{FLOOR_SYMBOL}`", names());
    }
    let mut at = FIRST_STATIC;
    for variable in statics {
        let (size, alignment) = program.layout(variable.global_type());
        at = at.next_multiple_of(alignment);
        variable.replace_uses(program.address(at));
        variable.delete_variable();
        at += size;
    }
    for symbol in floor_symbols {
        symbol.replace_uses(program.address(at.next_multiple_of(8)));
        symbol.delete_variable();
    }
    Ok(())
}
