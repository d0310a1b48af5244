//! Arithmetic the BPF backend rejects: multiplication and division above 64 bits, variable 128-bit shifts, overflow-checked
//! multiplication and signed division, each rewritten into what it accepts.
use crate::llvm::{Callee, Compare, Opcode, Program, Value};
use anyhow::{bail, Result};
use llvm_sys::LLVMIntPredicate::{LLVMIntNE, LLVMIntULT};

/// The runtime's functions that the rewriting calls; they have to survive until it is done.
pub(crate) const RUNTIME: &[&str] = &["__udivti3", "__umodti3", "__divti3", "__modti3", "__rust_u128_mulo", "__rust_i128_mulo"];

/// Rewrites every function of the program.
pub(crate) fn lower(program: &Program) -> Result<()> {
    let functions = program.defined_functions();
    let arith = Arith { program, umulh: define_umulh(program) };
    for function in functions {
        for instruction in function.instructions() {
            if let Some(result) = arith.rewritten(function, instruction)? {
                instruction.replace_with(result);
            }
        }
    }
    Ok(())
}

struct Arith<'a> {
    program: &'a Program,
    umulh: Callee,
}

/// Defines the high 64 bits of a 64 × 64 bit product, from four 32-bit products.
fn define_umulh(p: &Program) -> Callee {
    let ty = p.i64.function_of(&[p.i64, p.i64]);
    let function = p.add_function("__sbf_umulh", ty);
    function.internalize();
    p.always_inline(function);
    p.append_block(function);
    let (mask, half) = (p.i64.constant(0xffff_ffff), p.i64.constant(32));
    let (x, y) = (function.param(0), function.param(1));
    let (x0, x1) = (p.and(x, mask), p.lshr(x, half));
    let (y0, y1) = (p.and(y, mask), p.lshr(y, half));
    let (low, cross, other, high) = (p.mul(x0, y0), p.mul(x1, y0), p.mul(x0, y1), p.mul(x1, y1));
    // Neither sum can wrap: (2^32 - 1)^2 + 2 (2^32 - 1) = 2^64 - 1.
    let middle = p.add(p.lshr(low, half), cross);
    let carry = p.add(p.and(middle, mask), other);
    p.ret(p.add(p.add(high, p.lshr(middle, half)), p.lshr(carry, half)));
    Callee { value: function, ty }
}

impl Arith<'_> {
    /// What takes the place of the instruction, if the backend cannot have it as it is.
    fn rewritten(&self, function: Value, instruction: Value) -> Result<Option<Value>> {
        let p = self.program;
        let opcode = instruction.opcode();
        if opcode == Opcode::LLVMCall {
            return Ok(self.checked_multiplication(function, instruction));
        }
        let Some(bits) = instruction.ty().int_bits() else { return Ok(None) };
        let (a, b) = match opcode {
            Opcode::LLVMMul
            | Opcode::LLVMUDiv
            | Opcode::LLVMURem
            | Opcode::LLVMSDiv
            | Opcode::LLVMSRem
            | Opcode::LLVMShl
            | Opcode::LLVMLShr
            | Opcode::LLVMAShr => (instruction.operand(0), instruction.operand(1)),
            _ => return Ok(None),
        };
        p.before(instruction);
        Ok(match (opcode, bits) {
            (Opcode::LLVMMul, 128) => Some(self.product_128(a, b)),
            (Opcode::LLVMMul, 65..) => Some(self.product_wide(a, b)),
            (Opcode::LLVMUDiv, 128) => Some(self.runtime_division("__udivti3", function, a, b)),
            (Opcode::LLVMURem, 128) => Some(self.runtime_division("__umodti3", function, a, b)),
            (Opcode::LLVMSDiv, 128) => Some(self.runtime_division("__divti3", function, a, b)),
            (Opcode::LLVMSRem, 128) => Some(self.runtime_division("__modti3", function, a, b)),
            (Opcode::LLVMUDiv | Opcode::LLVMURem | Opcode::LLVMSDiv | Opcode::LLVMSRem, 65..) => {
                bail!(
                    "{}-bit division in {}: only up to 64 bits and 128 bits are supported",
                    bits,
                    crate::emit::demangled(&function.name())
                )
            }
            (Opcode::LLVMSDiv | Opcode::LLVMSRem, _) => Some(self.signed_division(opcode, a, b)),
            (Opcode::LLVMShl | Opcode::LLVMLShr | Opcode::LLVMAShr, 128) if !b.is_int_constant() => Some(self.shift_128(opcode, a, b)),
            _ => None,
        })
    }

    fn low(&self, v: Value) -> Value {
        self.program.trunc(v, self.program.i64)
    }

    fn high(&self, v: Value) -> Value {
        let p = self.program;
        self.low(p.lshr(v, p.i128.constant(64)))
    }

    fn joined(&self, low: Value, high: Value) -> Value {
        let p = self.program;
        p.or(p.zext(low, p.i128), p.shl(p.zext(high, p.i128), p.i128.constant(64)))
    }

    fn umulh(&self, a: Value, b: Value) -> Value {
        self.program.call(self.umulh, &[a, b])
    }

    /// a·b mod 2^128; operands known to fit 64 bits save their cross product.
    fn product_128(&self, a: Value, b: Value) -> Value {
        let p = self.program;
        let (a_low, b_low) = (self.low(a), self.low(b));
        let mut high = self.umulh(a_low, b_low);
        if !a.is_zero_extended_from(64) {
            high = p.add(high, p.mul(self.high(a), b_low));
        }
        if !b.is_zero_extended_from(64) {
            high = p.add(high, p.mul(a_low, self.high(b)));
        }
        self.joined(p.mul(a_low, b_low), high)
    }

    /// Schoolbook product of any width above 64 bits, modulo that width, in limbs of 64 bits.
    fn product_wide(&self, a: Value, b: Value) -> Value {
        let p = self.program;
        let ty = a.ty();
        let limbs = ty.int_bits().unwrap_or(64).div_ceil(64) as usize;
        let wide = p.int(limbs as u32 * 64);
        let shift = |k: usize| wide.constant(64 * k as u64);
        let split = |v: Value| -> Vec<Value> {
            let v = p.zext(v, wide);
            (0..limbs).map(|k| p.trunc(p.lshr(v, shift(k)), p.i64)).collect()
        };
        let (a, b) = (split(a), split(b));
        let mut sum = vec![p.i64.constant(0); limbs];
        for i in 0..limbs {
            let mut carry = p.i64.constant(0);
            for j in 0..limbs - i {
                let (low, high) = (p.mul(a[i], b[j]), self.umulh(a[i], b[j]));
                let partial = p.add(sum[i + j], low);
                let first = p.zext(p.compare(LLVMIntULT, partial, low), p.i64);
                sum[i + j] = p.add(partial, carry);
                let second = p.zext(p.compare(LLVMIntULT, sum[i + j], carry), p.i64);
                carry = p.add(high, p.add(first, second));
            }
        }
        let joined = sum.iter().enumerate().fold(wide.constant(0), |acc, (k, limb)| p.or(acc, p.shl(p.zext(*limb, wide), shift(k))));
        p.trunc(joined, ty)
    }

    /// Calls one of the runtime's 128-bit divisions, which take and return their values by reference.
    fn runtime_division(&self, name: &str, function: Value, a: Value, b: Value) -> Value {
        let p = self.program;
        let result = p.local(function, p.i128);
        let callee = p.external(name, p.void, &[p.ptr, p.ptr, p.ptr]);
        let (a, b) = (p.spilled(function, a), p.spilled(function, b));
        p.call(callee, &[result, a, b]);
        p.load(p.i128, result)
    }

    /// Signed division of up to 64 bits: sBPF v0 divides unsigned only, so magnitudes are divided and the sign put back.
    fn signed_division(&self, opcode: Opcode, a: Value, b: Value) -> Value {
        let p = self.program;
        let ty = a.ty();
        let narrow = ty != p.i64;
        let widened = |v| if narrow { p.sext(v, p.i64) } else { v };
        let (a, b) = (widened(a), widened(b));
        let sign = |v| p.ashr(v, p.i64.constant(63));
        // With s = 0 or -1: (v ^ s) - s is v or -v.
        let signed = |v, s| p.sub(p.xor(v, s), s);
        let (a_sign, b_sign) = (sign(a), sign(b));
        let (a_size, b_size) = (signed(a, a_sign), signed(b, b_sign));
        let result = if opcode == Opcode::LLVMSDiv {
            signed(p.binary(Opcode::LLVMUDiv, a_size, b_size), p.xor(a_sign, b_sign))
        } else {
            signed(p.binary(Opcode::LLVMURem, a_size, b_size), a_sign)
        };
        if narrow {
            p.trunc(result, ty)
        } else {
            result
        }
    }

    /// A 128-bit shift by a variable amount below 128, on the two halves.
    fn shift_128(&self, opcode: Opcode, v: Value, by: Value) -> Value {
        let p = self.program;
        let (low, high, by) = (self.low(v), self.high(v), self.low(by));
        let (one, last, zero) = (p.i64.constant(1), p.i64.constant(63), p.i64.constant(0));
        let within = p.and(by, last);
        // What crosses the halves is shifted in two steps, so that no step is by 64.
        let rest = p.xor(within, last);
        let crosses = p.compare(LLVMIntNE, p.and(by, p.i64.constant(64)), zero);
        let (new_low, new_high) = if opcode == Opcode::LLVMShl {
            let shifted = p.shl(low, within);
            let carried = p.or(p.shl(high, within), p.lshr(p.lshr(low, one), rest));
            (p.select(crosses, zero, shifted), p.select(crosses, shifted, carried))
        } else {
            let fill = if opcode == Opcode::LLVMAShr { p.ashr(high, last) } else { zero };
            let shifted = p.binary(opcode, high, within);
            let carried = p.or(p.lshr(low, within), p.shl(p.shl(high, one), rest));
            (p.select(crosses, shifted, carried), p.select(crosses, fill, shifted))
        };
        self.joined(new_low, new_high)
    }

    /// The overflow-checked multiplications of 64 and 128 bits.
    fn checked_multiplication(&self, function: Value, call: Value) -> Option<Value> {
        let p = self.program;
        let name = call.callee().value.name();
        let (kind, bits) = name.strip_prefix("llvm.")?.split_once(".with.overflow.i")?;
        let signed = match kind {
            "umul" => false,
            "smul" => true,
            _ => return None,
        };
        p.before(call);
        let (a, b) = (call.operand(0), call.operand(1));
        let (product, overflow) = match bits {
            "64" => self.checked_product_64(signed, a, b),
            "128" => {
                let (result, flag) = (p.local(function, p.i128), p.spilled(function, p.i32.zero()));
                let runtime = if signed { "__rust_i128_mulo" } else { "__rust_u128_mulo" };
                let callee = p.external(runtime, p.void, &[p.ptr, p.ptr, p.ptr, p.ptr]);
                let (a, b) = (p.spilled(function, a), p.spilled(function, b));
                p.call(callee, &[result, a, b, flag]);
                (p.load(p.i128, result), p.compare(Compare::LLVMIntNE, p.load(p.i32, flag), p.i32.zero()))
            }
            _ => return None,
        };
        Some(p.pair(call.ty(), product, overflow))
    }

    fn checked_product_64(&self, signed: bool, a: Value, b: Value) -> (Value, Value) {
        let p = self.program;
        let (low, high) = (p.mul(a, b), self.umulh(a, b));
        if !signed {
            return (low, p.compare(LLVMIntNE, high, p.i64.zero()));
        }
        let sign = |v| p.ashr(v, p.i64.constant(63));
        // The unsigned high half counts a negative operand 2^64 too large: take the other operand off for each.
        let high = p.sub(p.sub(high, p.and(sign(a), b)), p.and(sign(b), a));
        (low, p.compare(LLVMIntNE, high, sign(low)))
    }
}
