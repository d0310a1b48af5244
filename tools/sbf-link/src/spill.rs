//! The calling convention. BPF passes five registers; what does not fit goes through the caller's frame, behind a pointer in the last
//! register. Caller and callee derive the same shape from the function type alone, so direct and indirect calls agree.
use crate::llvm::{Opcode, Program, Type, Value};

/// Registers that carry arguments.
const REGISTERS: u32 = 5;
/// Attributes of a function that its rewritten form keeps.
const KEPT_ATTRIBUTES: [&str; 3] = ["noreturn", "cold", "noinline"];

/// Rewrites every function and call of the program. Returns the external functions that take too much, which nothing can mend.
pub(crate) fn lower(program: &Program) -> Vec<String> {
    strip_sret(program);
    let mut refused = vec![];
    for function in program.functions().into_iter().filter(|f| !f.is_intrinsic()) {
        if let Some(shape) = Shape::of(program, function.global_type()) {
            if function.is_declaration() {
                refused.push(function.name());
            } else {
                rewrite_function(program, function, &shape);
            }
        }
    }
    for function in program.defined_functions() {
        rewrite_calls(program, function);
    }
    refused
}

/// The backend mistakes `sret` for an aggregate return; here it is a plain pointer.
fn strip_sret(program: &Program) {
    for function in program.functions() {
        function.remove_first_param_attribute("sret");
        for call in function.instructions().into_iter().filter(|i| i.opcode() == Opcode::LLVMCall) {
            call.remove_first_param_attribute("sret");
        }
    }
}

/// How the arguments of a function type that needs more than five registers travel.
struct Shape {
    /// The type with the spilled arguments behind a pointer.
    ty: Type,
    /// How many leading arguments stay in registers.
    kept: usize,
    /// The spilled arguments, as they lie in the caller's frame.
    packed: Type,
}

fn registers(ty: Type) -> u32 {
    ty.int_bits().map_or(1, |bits| bits.div_ceil(64).max(1))
}

impl Shape {
    /// The shape of a function type, unless its arguments fit the registers.
    fn of(program: &Program, ty: Type) -> Option<Self> {
        let params = ty.params();
        if params.iter().map(|p| registers(*p)).sum::<u32>() <= REGISTERS {
            return None;
        }
        let mut used = 0;
        let fits = |p: &&Type| {
            used += registers(**p);
            used < REGISTERS
        };
        let kept = params.iter().take_while(fits).count();
        let packed = program.structure(&params[kept..]);
        let mut short = params[..kept].to_vec();
        short.push(program.ptr);
        Some(Self { ty: ty.returns().function_of(&short), kept, packed })
    }
}

/// Gives the function its new type: the body moves over, spilled parameters become loads on entry.
fn rewrite_function(p: &Program, function: Value, shape: &Shape) {
    let name = function.name();
    let new = p.add_function("", shape.ty);
    new.set_linkage(function.linkage());
    for attribute in KEPT_ATTRIBUTES {
        function.copy_attribute(attribute, new);
    }
    for block in function.blocks() {
        block.move_to(new);
    }
    if let Some(first) = new.instructions().first() {
        p.before(*first);
    }
    for index in 0..function.global_type().params().len() {
        let old = function.param(index);
        let replacement = if index < shape.kept {
            new.param(index)
        } else {
            p.load(old.ty(), p.field(shape.packed, new.param(shape.kept), index - shape.kept))
        };
        old.replace_uses(replacement);
    }
    function.replace_uses(new);
    function.delete_function();
    new.set_name(&name);
}

/// Gives the calls of the function their new form. They share one area of its frame: no two are under way at once.
fn rewrite_calls(p: &Program, function: Value) {
    let wide = |call: Value| {
        let callee = call.callee();
        let ours = call.opcode() == Opcode::LLVMCall && !callee.value.is_intrinsic() && !callee.value.is_assembly();
        ours.then(|| Shape::of(p, callee.ty)).flatten().map(|shape| (call, shape))
    };
    let calls: Vec<_> = function.instructions().into_iter().filter(|i| i.opcode() == Opcode::LLVMCall).filter_map(wide).collect();
    let Some(bytes) = calls.iter().map(|(_, shape)| p.layout(shape.packed).0).max() else { return };
    let area = p.local(function, p.i64.array(bytes.div_ceil(8)));
    for (call, shape) in calls {
        p.before(call);
        for index in shape.kept..call.argument_count() {
            p.store(call.operand(index), p.field(shape.packed, area, index - shape.kept));
        }
        let mut arguments: Vec<_> = (0..shape.kept).map(|index| call.operand(index)).collect();
        arguments.push(area);
        let result = p.call(crate::llvm::Callee { value: call.callee().value, ty: shape.ty }, &arguments);
        if !call.ty().is_void() {
            call.replace_uses(result);
        }
        call.erase();
    }
}
