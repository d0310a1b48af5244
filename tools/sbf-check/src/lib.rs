//! A program that shows the bytecode compiler right or wrong.
//!
//! Everything it computes is a pure function of two 128-bit operands (`cases::CASES`), so that a test can run the same source on chain and
//! on the host and compare. The rest provokes what only a program has: panics, an exhausted heap, statics on the heap.
pub mod cases;
#[cfg(feature = "large-frame")]
mod large_frame;
mod memory;
mod spill;
mod trials;

use solana_account_info::AccountInfo;
use solana_program_entrypoint::{entrypoint, ProgramResult};
use solana_pubkey::Pubkey;

#[cfg(target_os = "solana")]
#[global_allocator]
static HEAP: sbf_heap::Bump = sbf_heap::Bump;

/// Bytes of a record in the account: case number, operands, then the result and its flag, which the program fills in.
pub const RECORD_BYTES: usize = 8 + 16 + 16 + 16 + 8;

/// First byte of an instruction: what to do.
pub mod command {
    /// Evaluates every record of the first account.
    pub const EVALUATE: u8 = 0;
    /// Panics in the way the second byte says: message, index, overflow.
    pub const PANIC: u8 = 1;
    /// Fills the heap to its end and writes to all of it; the statics' and the blocks' addresses go to the first account.
    pub const EXHAUST: u8 = 2;
    /// Asks for more than the heap holds, where that cannot be refused.
    pub const OVERDRAW: u8 = 3;
}

entrypoint!(process_instruction);

/// Does what the instruction's first byte says.
pub fn process_instruction(_: &Pubkey, accounts: &[AccountInfo], data: &[u8]) -> ProgramResult {
    let mut account = accounts[0].try_borrow_mut_data()?;
    match data[0] {
        command::EVALUATE => account.chunks_exact_mut(RECORD_BYTES).for_each(evaluate),
        command::PANIC => trials::panic(data[1], &account),
        command::EXHAUST => trials::exhaust(&mut account),
        command::OVERDRAW => trials::overdraw(&mut account),
        #[cfg(feature = "large-frame")]
        _ => account[0] = large_frame::needs_too_much_stack(&account),
        #[cfg(not(feature = "large-frame"))]
        _ => {}
    }
    Ok(())
}

/// Sixteen bytes as an operand.
fn operand(bytes: &[u8]) -> u128 {
    bytes.iter().rev().fold(0, |acc, byte| acc << 8 | u128::from(*byte))
}

fn evaluate(record: &mut [u8]) {
    let (result, flag) =
        cases::evaluate(usize::from(u16::from_le_bytes([record[0], record[1]])), operand(&record[8..24]), operand(&record[24..40]));
    record[40..56].copy_from_slice(&result.to_le_bytes());
    record[56] = u8::from(flag);
}
