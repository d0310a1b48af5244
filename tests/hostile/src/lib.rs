//! A program that calls others as an attacker would: any instructions, in any order, as deep as the machine allows, with claims that are not true
//! and with an address of its own as a signer. It decides nothing; what it does is the script in its instruction data.

use solana_account_info::AccountInfo;
use solana_cpi::{invoke_signed_unchecked, set_return_data};
use solana_instruction::{AccountMeta, Instruction};
use solana_program_entrypoint::{entrypoint, ProgramResult};
use solana_program_error::ProgramError;
use solana_pubkey::Pubkey;

#[cfg(target_os = "solana")]
#[global_allocator]
static HEAP: sbf_heap::Bump = sbf_heap::Bump;

/// Seed of the address that the program signs for.
pub const SEED: &[u8] = b"hostile";

/// A step of a script: calls a program. Index of the program among the accounts, number of accounts, an index and [`flag`]s for each, then the
/// data behind its length in two bytes.
pub const CALL: u8 = 0;
/// A step of a script: leaves bytes as return data, behind their length in two bytes.
pub const ANSWER: u8 = 1;

/// What a call claims of an account.
pub mod flag {
    /// It signs.
    pub const SIGNER: u8 = 1;
    /// It may be written.
    pub const WRITABLE: u8 = 2;
}

entrypoint!(process_instruction);

/// Plays the script: the bump of [`SEED`], then steps.
pub fn process_instruction(_: &Pubkey, accounts: &[AccountInfo], data: &[u8]) -> ProgramResult {
    let mut script = Script(data);
    let bump = script.byte()?;
    while !script.0.is_empty() {
        match script.byte()? {
            CALL => call(&mut script, accounts, bump)?,
            ANSWER => set_return_data(script.long()?),
            _ => return Err(ProgramError::InvalidInstructionData),
        }
    }
    Ok(())
}

fn call(script: &mut Script<'_>, accounts: &[AccountInfo], bump: u8) -> ProgramResult {
    let program_id = *at(accounts, script.byte()?)?.key;
    let count = script.byte()?;
    let mut metas = Vec::with_capacity(count.into());
    for _ in 0..count {
        let (info, flags) = (at(accounts, script.byte()?)?, script.byte()?);
        metas.push(AccountMeta { pubkey: *info.key, is_signer: flags & flag::SIGNER != 0, is_writable: flags & flag::WRITABLE != 0 });
    }
    let instruction = Instruction { program_id, accounts: metas, data: script.long()?.to_vec() };
    invoke_signed_unchecked(&instruction, accounts, &[&[SEED, &[bump]]])
}

fn at<'a, 'info>(accounts: &'a [AccountInfo<'info>], index: u8) -> Result<&'a AccountInfo<'info>, ProgramError> {
    accounts.get(usize::from(index)).ok_or(ProgramError::NotEnoughAccountKeys)
}

/// What is left of the script.
struct Script<'a>(&'a [u8]);

impl<'a> Script<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], ProgramError> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(ProgramError::InvalidInstructionData)?;
        self.0 = rest;
        Ok(taken)
    }

    fn byte(&mut self) -> Result<u8, ProgramError> {
        self.take(1)?.first().copied().ok_or(ProgramError::InvalidInstructionData)
    }

    fn long(&mut self) -> Result<&'a [u8], ProgramError> {
        let length = u16::from_le_bytes([self.byte()?, self.byte()?]);
        self.take(usize::from(length))
    }
}
