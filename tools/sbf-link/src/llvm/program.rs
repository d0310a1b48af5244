//! The module being linked, and the cursor that writes instructions into it.
use super::{attribute_kind, list, take_message, Block, Callee, Compare, Opcode, Type, Value};
use anyhow::{bail, Result};
use llvm_sys::{
    analysis::{LLVMVerifierFailureAction, LLVMVerifyModule},
    bit_reader::LLVMParseBitcodeInContext2,
    core::*,
    error::LLVMGetErrorMessage,
    linker::LLVMLinkModules2,
    prelude::*,
    target::{LLVMABIAlignmentOfType, LLVMABISizeOfType, LLVMGetModuleDataLayout},
    target_machine::LLVMTargetMachineRef,
    transforms::pass_builder::{LLVMCreatePassBuilderOptions, LLVMDisposePassBuilderOptions, LLVMRunPasses},
    LLVMAttributeFunctionIndex,
};
use std::{
    ffi::{c_char, CStr, CString},
    ptr,
};

/// No name for an instruction.
const UNNAMED: *const c_char = c"".as_ptr();

/// The program being linked: its module, a cursor to write instructions at, and the types the passes use.
pub(crate) struct Program {
    context: LLVMContextRef,
    module: LLVMModuleRef,
    builder: LLVMBuilderRef,
    /// `i32`.
    pub(crate) i32: Type,
    /// `i64`.
    pub(crate) i64: Type,
    /// `i128`.
    pub(crate) i128: Type,
    /// A pointer.
    pub(crate) ptr: Type,
    /// No value.
    pub(crate) void: Type,
}

impl Program {
    /// An empty program.
    pub(crate) fn new() -> Self {
        unsafe {
            let context = LLVMContextCreate();
            Self {
                context,
                module: LLVMModuleCreateWithNameInContext(c"program".as_ptr(), context),
                builder: LLVMCreateBuilderInContext(context),
                i32: Type(LLVMInt32TypeInContext(context)),
                i64: Type(LLVMInt64TypeInContext(context)),
                i128: Type(LLVMIntTypeInContext(context, 128)),
                ptr: Type(LLVMPointerTypeInContext(context, 0)),
                void: Type(LLVMVoidTypeInContext(context)),
            }
        }
    }

    /// The context, for the diagnostics handler.
    pub(crate) fn context(&self) -> LLVMContextRef {
        self.context
    }

    /// The module, for the code generator.
    pub(crate) fn module(&self) -> LLVMModuleRef {
        self.module
    }

    /// Adds a unit of bitcode.
    pub(crate) fn add_bitcode(&self, bytes: &[u8]) -> Result<()> {
        unsafe {
            let buffer = LLVMCreateMemoryBufferWithMemoryRangeCopy(bytes.as_ptr().cast(), bytes.len(), c"input".as_ptr());
            let mut unit = ptr::null_mut();
            if LLVMParseBitcodeInContext2(self.context, buffer, &mut unit) != 0 {
                bail!("not bitcode that this LLVM reads");
            }
            if LLVMLinkModules2(self.module, unit) != 0 {
                bail!("its symbols clash with another input's");
            }
        }
        Ok(())
    }

    /// Runs a pipeline of LLVM's passes, given in its textual form.
    pub(crate) fn run_passes(&self, machine: LLVMTargetMachineRef, pipeline: &str) -> Result<()> {
        let text = CString::new(pipeline)?;
        unsafe {
            let options = LLVMCreatePassBuilderOptions();
            let error = LLVMRunPasses(self.module, text.as_ptr(), machine, options);
            LLVMDisposePassBuilderOptions(options);
            if !error.is_null() {
                bail!("{}", CStr::from_ptr(LLVMGetErrorMessage(error)).to_string_lossy());
            }
        }
        Ok(())
    }

    /// Checks that the module is well-formed.
    pub(crate) fn verify(&self) -> Result<()> {
        let mut message = ptr::null_mut();
        let broken = unsafe { LLVMVerifyModule(self.module, LLVMVerifierFailureAction::LLVMReturnStatusAction, &mut message) } != 0;
        let text = take_message(message);
        if broken {
            bail!("the lowered program is malformed: {text}");
        }
        Ok(())
    }

    /// All functions, declared and defined.
    pub(crate) fn functions(&self) -> Vec<Value> {
        unsafe { list(LLVMGetFirstFunction(self.module), |f| LLVMGetNextFunction(f)).into_iter().map(Value).collect() }
    }

    /// All functions with a body.
    pub(crate) fn defined_functions(&self) -> Vec<Value> {
        self.functions().into_iter().filter(|f| !f.is_declaration()).collect()
    }

    /// All variables, constant or not.
    pub(crate) fn variables(&self) -> Vec<Value> {
        unsafe { list(LLVMGetFirstGlobal(self.module), |g| LLVMGetNextGlobal(g)).into_iter().map(Value).collect() }
    }

    /// The function of this name.
    pub(crate) fn function(&self, name: &str) -> Option<Value> {
        let text = CString::new(name).ok()?;
        let found = unsafe { LLVMGetNamedFunction(self.module, text.as_ptr()) };
        (!found.is_null()).then_some(Value(found))
    }

    /// A new function of this type.
    pub(crate) fn add_function(&self, name: &str, ty: Type) -> Value {
        let function = Value(unsafe { LLVMAddFunction(self.module, UNNAMED, ty.0) });
        function.set_name(name);
        function
    }

    /// The function of this name, declared if need be, to be called at the given type.
    pub(crate) fn external(&self, name: &str, returns: Type, params: &[Type]) -> Callee {
        let ty = returns.function_of(params);
        Callee { value: self.function(name).unwrap_or_else(|| self.add_function(name, ty)), ty }
    }

    /// Has the inlining pass put the function's body in the place of every call.
    pub(crate) fn always_inline(&self, function: Value) {
        unsafe {
            let attribute = LLVMCreateEnumAttribute(self.context, attribute_kind("alwaysinline"), 0);
            LLVMAddAttributeAtIndex(function.0, LLVMAttributeFunctionIndex, attribute);
        }
    }

    /// Has the code generator warn of every frame above `bytes` in the function.
    pub(crate) fn warn_of_frames_above(&self, function: Value, bytes: u64) {
        let (key, limit) = ("warn-stack-size", bytes.to_string());
        unsafe {
            let attribute =
                LLVMCreateStringAttribute(self.context, key.as_ptr().cast(), key.len() as u32, limit.as_ptr().cast(), limit.len() as u32);
            LLVMAddAttributeAtIndex(function.0, LLVMAttributeFunctionIndex, attribute);
        }
    }

    /// Size in bytes and alignment of a type in memory.
    pub(crate) fn layout(&self, ty: Type) -> (u64, u64) {
        unsafe {
            let layout = LLVMGetModuleDataLayout(self.module);
            (LLVMABISizeOfType(layout, ty.0), u64::from(LLVMABIAlignmentOfType(layout, ty.0)).max(1))
        }
    }

    /// An integer type.
    pub(crate) fn int(&self, bits: u32) -> Type {
        Type(unsafe { LLVMIntTypeInContext(self.context, bits) })
    }

    /// A struct of these fields.
    pub(crate) fn structure(&self, fields: &[Type]) -> Type {
        let mut raw: Vec<_> = fields.iter().map(|f| f.0).collect();
        Type(unsafe { LLVMStructTypeInContext(self.context, raw.as_mut_ptr(), raw.len() as u32, 0) })
    }

    /// A fixed address.
    pub(crate) fn address(&self, at: u64) -> Value {
        Value(unsafe { LLVMConstIntToPtr(self.i64.constant(at).0, self.ptr.0) })
    }

    // Writing instructions at the cursor.

    /// Moves the cursor before an instruction.
    pub(crate) fn before(&self, instruction: Value) {
        unsafe { LLVMPositionBuilderBefore(self.builder, instruction.0) }
    }

    /// Appends a block to the function and moves the cursor there.
    pub(crate) fn append_block(&self, function: Value) -> Block {
        unsafe {
            let block = LLVMAppendBasicBlockInContext(self.context, function.0, UNNAMED);
            LLVMPositionBuilderAtEnd(self.builder, block);
            Block(block)
        }
    }

    /// Puts a new block in front of another and moves the cursor there.
    pub(crate) fn insert_block(&self, before: Block) -> Block {
        unsafe {
            let block = LLVMInsertBasicBlockInContext(self.context, before.0, UNNAMED);
            LLVMPositionBuilderAtEnd(self.builder, block);
            Block(block)
        }
    }

    /// A binary operation.
    pub(crate) fn binary(&self, opcode: Opcode, a: Value, b: Value) -> Value {
        Value(unsafe { LLVMBuildBinOp(self.builder, opcode, a.0, b.0, UNNAMED) })
    }

    /// Sum, wrapping.
    pub(crate) fn add(&self, a: Value, b: Value) -> Value {
        self.binary(Opcode::LLVMAdd, a, b)
    }

    /// Difference, wrapping.
    pub(crate) fn sub(&self, a: Value, b: Value) -> Value {
        self.binary(Opcode::LLVMSub, a, b)
    }

    /// Product, wrapping.
    pub(crate) fn mul(&self, a: Value, b: Value) -> Value {
        self.binary(Opcode::LLVMMul, a, b)
    }

    /// Bitwise and.
    pub(crate) fn and(&self, a: Value, b: Value) -> Value {
        self.binary(Opcode::LLVMAnd, a, b)
    }

    /// Bitwise or.
    pub(crate) fn or(&self, a: Value, b: Value) -> Value {
        self.binary(Opcode::LLVMOr, a, b)
    }

    /// Bitwise exclusive or.
    pub(crate) fn xor(&self, a: Value, b: Value) -> Value {
        self.binary(Opcode::LLVMXor, a, b)
    }

    /// Shift to the left.
    pub(crate) fn shl(&self, a: Value, by: Value) -> Value {
        self.binary(Opcode::LLVMShl, a, by)
    }

    /// Shift to the right, filling with zeros.
    pub(crate) fn lshr(&self, a: Value, by: Value) -> Value {
        self.binary(Opcode::LLVMLShr, a, by)
    }

    /// Shift to the right, filling with the sign.
    pub(crate) fn ashr(&self, a: Value, by: Value) -> Value {
        self.binary(Opcode::LLVMAShr, a, by)
    }

    /// A comparison: one bit.
    pub(crate) fn compare(&self, how: Compare, a: Value, b: Value) -> Value {
        Value(unsafe { LLVMBuildICmp(self.builder, how, a.0, b.0, UNNAMED) })
    }

    /// One of two values.
    pub(crate) fn select(&self, condition: Value, yes: Value, no: Value) -> Value {
        Value(unsafe { LLVMBuildSelect(self.builder, condition.0, yes.0, no.0, UNNAMED) })
    }

    /// Widens with zeros.
    pub(crate) fn zext(&self, v: Value, to: Type) -> Value {
        Value(unsafe { LLVMBuildZExt(self.builder, v.0, to.0, UNNAMED) })
    }

    /// Widens with the sign.
    pub(crate) fn sext(&self, v: Value, to: Type) -> Value {
        Value(unsafe { LLVMBuildSExt(self.builder, v.0, to.0, UNNAMED) })
    }

    /// Keeps the low bits.
    pub(crate) fn trunc(&self, v: Value, to: Type) -> Value {
        Value(unsafe { LLVMBuildTrunc(self.builder, v.0, to.0, UNNAMED) })
    }

    /// Loads a value; memory of a program is aligned to eight bytes at most.
    pub(crate) fn load(&self, ty: Type, from: Value) -> Value {
        Value(unsafe { LLVMBuildLoad2(self.builder, ty.0, from.0, UNNAMED) }).cap_alignment(8)
    }

    /// Stores a value.
    pub(crate) fn store(&self, value: Value, to: Value) {
        Value(unsafe { LLVMBuildStore(self.builder, value.0, to.0) }).cap_alignment(8);
    }

    /// The address of a field.
    pub(crate) fn field(&self, structure: Type, base: Value, index: usize) -> Value {
        Value(unsafe { LLVMBuildStructGEP2(self.builder, structure.0, base.0, index as u32, UNNAMED) })
    }

    /// A call.
    pub(crate) fn call(&self, callee: Callee, arguments: &[Value]) -> Value {
        let mut raw: Vec<_> = arguments.iter().map(|a| a.0).collect();
        Value(unsafe { LLVMBuildCall2(self.builder, callee.ty.0, callee.value.0, raw.as_mut_ptr(), raw.len() as u32, UNNAMED) })
    }

    /// A two-field result, as the overflow intrinsics return it.
    pub(crate) fn pair(&self, ty: Type, first: Value, second: Value) -> Value {
        unsafe {
            let half = LLVMBuildInsertValue(self.builder, ty.poison().0, first.0, 0, UNNAMED);
            Value(LLVMBuildInsertValue(self.builder, half, second.0, 1, UNNAMED))
        }
    }

    /// Returns a value.
    pub(crate) fn ret(&self, v: Value) {
        unsafe { LLVMBuildRet(self.builder, v.0) };
    }

    /// Returns nothing.
    pub(crate) fn ret_void(&self) {
        unsafe { LLVMBuildRetVoid(self.builder) };
    }

    /// Ends a block that is never left.
    pub(crate) fn unreachable(&self) {
        unsafe { LLVMBuildUnreachable(self.builder) };
    }

    /// A local of the function, eight-byte aligned, reserved on entry; the cursor stays where it is.
    pub(crate) fn local(&self, function: Value, ty: Type) -> Value {
        unsafe {
            let cursor = LLVMCreateBuilderInContext(self.context);
            LLVMPositionBuilderBefore(cursor, LLVMGetFirstInstruction(LLVMGetEntryBasicBlock(function.0)));
            let local = LLVMBuildAlloca(cursor, ty.0, UNNAMED);
            LLVMSetAlignment(local, 8);
            LLVMDisposeBuilder(cursor);
            Value(local)
        }
    }

    /// A local that holds the value now.
    pub(crate) fn spilled(&self, function: Value, value: Value) -> Value {
        let local = self.local(function, value.ty());
        self.store(value, local);
        local
    }
}
