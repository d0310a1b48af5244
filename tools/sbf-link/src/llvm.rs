//! A small typed face on LLVM's C interface: what the passes of this linker need and no more.
//!
//! Every handle belongs to the one context of the process, which lives until it exits; the passes are single-threaded and never keep
//! a handle past the deletion of what it names. That is the whole safety argument, and why these methods are not `unsafe` themselves.
mod program;

pub(crate) use program::Program;

use llvm_sys::{core::*, prelude::*, LLVMAttributeFunctionIndex, LLVMLinkage, LLVMTypeKind, LLVMVisibility};
use std::{
    ffi::{c_char, CStr},
    ptr, slice,
};

pub(crate) use llvm_sys::{LLVMIntPredicate as Compare, LLVMOpcode as Opcode};

/// A value of the module: constant, global, function, parameter or instruction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Value(LLVMValueRef);

/// A type of the module.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Type(LLVMTypeRef);

/// A basic block.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Block(LLVMBasicBlockRef);

/// Something to call, with the type it is called at.
#[derive(Clone, Copy)]
pub(crate) struct Callee {
    /// The function or function pointer.
    pub(crate) value: Value,
    /// The type of the call.
    pub(crate) ty: Type,
}

/// Walks one of LLVM's linked lists into a vector, so that the list may change while the caller works on it.
fn list<T>(first: *mut T, next: impl Fn(*mut T) -> *mut T) -> Vec<*mut T> {
    let mut out = vec![];
    let mut at = first;
    while !at.is_null() {
        out.push(at);
        at = next(at);
    }
    out
}

/// Takes over a message LLVM allocated.
pub(crate) fn take_message(message: *mut c_char) -> String {
    if message.is_null() {
        return String::new();
    }
    // SAFETY: a non-null message of LLVM is a NUL-terminated string that the receiver disposes of.
    unsafe {
        let text = CStr::from_ptr(message).to_string_lossy().into_owned();
        LLVMDisposeMessage(message);
        text
    }
}

fn attribute_kind(name: &str) -> u32 {
    // SAFETY: pointer and length come from one string.
    unsafe { LLVMGetEnumAttributeKindForName(name.as_ptr().cast(), name.len()) }
}

impl Type {
    /// Width in bits of an integer type.
    pub(crate) fn int_bits(self) -> Option<u32> {
        // SAFETY: see the module's header; so for every block below without a word of its own.
        unsafe { (LLVMGetTypeKind(self.0) == LLVMTypeKind::LLVMIntegerTypeKind).then(|| LLVMGetIntTypeWidth(self.0)) }
    }

    /// Whether values of the type are floating-point numbers.
    pub(crate) fn is_float(self) -> bool {
        matches!(unsafe { LLVMGetTypeKind(self.0) }, LLVMTypeKind::LLVMFloatTypeKind | LLVMTypeKind::LLVMDoubleTypeKind)
    }

    /// Whether it is `void`.
    pub(crate) fn is_void(self) -> bool {
        unsafe { LLVMGetTypeKind(self.0) == LLVMTypeKind::LLVMVoidTypeKind }
    }

    /// Parameter types of a function type.
    pub(crate) fn params(self) -> Vec<Type> {
        unsafe {
            let mut out = vec![ptr::null_mut(); LLVMCountParamTypes(self.0) as usize];
            LLVMGetParamTypes(self.0, out.as_mut_ptr());
            out.into_iter().map(Type).collect()
        }
    }

    /// Return type of a function type.
    pub(crate) fn returns(self) -> Type {
        Type(unsafe { LLVMGetReturnType(self.0) })
    }

    /// The function type from these parameters to `self`.
    pub(crate) fn function_of(self, params: &[Type]) -> Type {
        let mut raw: Vec<_> = params.iter().map(|p| p.0).collect();
        Type(unsafe { LLVMFunctionType(self.0, raw.as_mut_ptr(), raw.len() as u32, 0) })
    }

    /// `count` of these in a row.
    pub(crate) fn array(self, count: u64) -> Type {
        Type(unsafe { LLVMArrayType2(self.0, count) })
    }

    /// The value zero, or null, of the type.
    pub(crate) fn zero(self) -> Value {
        Value(unsafe { LLVMConstNull(self.0) })
    }

    /// A constant of an integer type.
    pub(crate) fn constant(self, value: u64) -> Value {
        Value(unsafe { LLVMConstInt(self.0, value, 0) })
    }

    /// A value of the type that nobody may look at.
    pub(crate) fn poison(self) -> Value {
        Value(unsafe { LLVMGetPoison(self.0) })
    }
}

impl Value {
    /// The value's type.
    pub(crate) fn ty(self) -> Type {
        Type(unsafe { LLVMTypeOf(self.0) })
    }

    /// The type behind a global: of the variable, or of the function itself.
    pub(crate) fn global_type(self) -> Type {
        Type(unsafe { LLVMGlobalGetValueType(self.0) })
    }

    /// The symbol's or value's name; empty if it has none.
    pub(crate) fn name(self) -> String {
        unsafe {
            let mut length = 0;
            let text = LLVMGetValueName2(self.0, &mut length);
            String::from_utf8_lossy(slice::from_raw_parts(text.cast(), length)).into_owned()
        }
    }

    /// Gives the value a name.
    pub(crate) fn set_name(self, name: &str) {
        unsafe { LLVMSetValueName2(self.0, name.as_ptr().cast(), name.len()) }
    }

    /// Replaces every use by another value.
    pub(crate) fn replace_uses(self, by: Value) {
        unsafe { LLVMReplaceAllUsesWith(self.0, by.0) }
    }

    /// Whether the global is only declared here.
    pub(crate) fn is_declaration(self) -> bool {
        unsafe { LLVMIsDeclaration(self.0) != 0 }
    }

    /// Whether the value is a function, as opposed to a pointer to one.
    pub(crate) fn is_function(self) -> bool {
        unsafe { !LLVMIsAFunction(self.0).is_null() }
    }

    /// Whether the function is one of LLVM's own.
    pub(crate) fn is_intrinsic(self) -> bool {
        unsafe { self.is_function() && LLVMGetIntrinsicID(self.0) != 0 }
    }

    /// Whether the value is inline assembly.
    pub(crate) fn is_assembly(self) -> bool {
        unsafe { !LLVMIsAInlineAsm(self.0).is_null() }
    }

    /// The constant's value, if it is an integer constant of at most 64 bits.
    pub(crate) fn as_constant(self) -> Option<u64> {
        unsafe {
            let small = self.ty().int_bits().is_some_and(|bits| bits <= 64);
            (small && !LLVMIsAConstantInt(self.0).is_null()).then(|| LLVMConstIntGetZExtValue(self.0))
        }
    }

    /// Whether it is an integer constant of any width.
    pub(crate) fn is_int_constant(self) -> bool {
        unsafe { !LLVMIsAConstantInt(self.0).is_null() }
    }

    /// Whether the value is widened with zeros from at most `bits` bits.
    pub(crate) fn is_zero_extended_from(self, bits: u32) -> bool {
        unsafe { !LLVMIsAZExtInst(self.0).is_null() && self.operand(0).ty().int_bits().is_some_and(|from| from <= bits) }
    }

    // Functions.

    /// The function's basic blocks, in order.
    pub(crate) fn blocks(self) -> Vec<Block> {
        unsafe { list(LLVMGetFirstBasicBlock(self.0), |b| LLVMGetNextBasicBlock(b)).into_iter().map(Block).collect() }
    }

    /// The function's instructions, in order.
    pub(crate) fn instructions(self) -> Vec<Value> {
        self.blocks().into_iter().flat_map(Block::instructions).collect()
    }

    /// A parameter of the function.
    pub(crate) fn param(self, index: usize) -> Value {
        Value(unsafe { LLVMGetParam(self.0, index as u32) })
    }

    /// How visible the function or variable is outside the module.
    pub(crate) fn linkage(self) -> LLVMLinkage {
        unsafe { LLVMGetLinkage(self.0) }
    }

    /// Sets the linkage.
    pub(crate) fn set_linkage(self, linkage: LLVMLinkage) {
        unsafe { LLVMSetLinkage(self.0, linkage) }
    }

    /// Makes the symbol private to the module, so that it goes once nothing uses it.
    pub(crate) fn internalize(self) {
        unsafe {
            LLVMSetLinkage(self.0, LLVMLinkage::LLVMInternalLinkage);
            LLVMSetVisibility(self.0, LLVMVisibility::LLVMDefaultVisibility);
        }
    }

    /// Removes the function, which nothing uses any more.
    pub(crate) fn delete_function(self) {
        unsafe { LLVMDeleteFunction(self.0) }
    }

    /// Copies an attribute of the function, if it has it, to another.
    pub(crate) fn copy_attribute(self, name: &str, to: Value) {
        unsafe {
            let attribute = LLVMGetEnumAttributeAtIndex(self.0, LLVMAttributeFunctionIndex, attribute_kind(name));
            if !attribute.is_null() {
                LLVMAddAttributeAtIndex(to.0, LLVMAttributeFunctionIndex, attribute);
            }
        }
    }

    /// Removes an attribute of the first parameter, of a function or of a call.
    pub(crate) fn remove_first_param_attribute(self, name: &str) {
        unsafe {
            if self.is_function() {
                LLVMRemoveEnumAttributeAtIndex(self.0, 1, attribute_kind(name));
            } else {
                LLVMRemoveCallSiteEnumAttribute(self.0, 1, attribute_kind(name));
            }
        }
    }

    // Variables.

    /// Whether the variable is never written.
    pub(crate) fn is_constant_variable(self) -> bool {
        unsafe { LLVMIsGlobalConstant(self.0) != 0 }
    }

    /// Whether the defined variable starts as zeros, or as nothing in particular.
    pub(crate) fn starts_zeroed(self) -> bool {
        unsafe {
            let initial = LLVMGetInitializer(self.0);
            LLVMIsNull(initial) != 0 || LLVMIsUndef(initial) != 0
        }
    }

    /// Removes the variable, which nothing uses any more.
    pub(crate) fn delete_variable(self) {
        unsafe { LLVMDeleteGlobal(self.0) }
    }

    // Instructions.

    /// What the instruction does.
    pub(crate) fn opcode(self) -> Opcode {
        unsafe { LLVMGetInstructionOpcode(self.0) }
    }

    /// An operand of the instruction; for a call, an argument.
    pub(crate) fn operand(self, index: usize) -> Value {
        Value(unsafe { LLVMGetOperand(self.0, index as u32) })
    }

    /// How many arguments the call passes.
    pub(crate) fn argument_count(self) -> usize {
        unsafe { LLVMGetNumArgOperands(self.0) as usize }
    }

    /// What the call calls, and at which type.
    pub(crate) fn callee(self) -> Callee {
        unsafe { Callee { value: Value(LLVMGetCalledValue(self.0)), ty: Type(LLVMGetCalledFunctionType(self.0)) } }
    }

    /// What an `alloca` reserves: the type of one element.
    pub(crate) fn allocated_type(self) -> Type {
        Type(unsafe { LLVMGetAllocatedType(self.0) })
    }

    /// Removes the instruction.
    pub(crate) fn erase(self) {
        unsafe { LLVMInstructionEraseFromParent(self.0) }
    }

    /// Puts another value in the instruction's place.
    pub(crate) fn replace_with(self, by: Value) {
        self.replace_uses(by);
        self.erase();
    }

    /// Caps the alignment that a load or store claims.
    fn cap_alignment(self, at_most: u32) -> Value {
        unsafe { LLVMSetAlignment(self.0, LLVMGetAlignment(self.0).clamp(1, at_most)) };
        self
    }
}

impl Block {
    /// The block's instructions, in order.
    pub(crate) fn instructions(self) -> Vec<Value> {
        unsafe { list(LLVMGetFirstInstruction(self.0), |i| LLVMGetNextInstruction(i)).into_iter().map(Value).collect() }
    }

    /// Moves the block to the end of another function.
    pub(crate) fn move_to(self, function: Value) {
        unsafe {
            LLVMRemoveBasicBlockFromParent(self.0);
            LLVMAppendExistingBasicBlock(function.0, self.0);
        }
    }

    /// Removes the block with all it holds.
    pub(crate) fn delete(self) {
        unsafe { LLVMDeleteBasicBlock(self.0) }
    }
}
