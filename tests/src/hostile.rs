//! Scripts for the hostile program: what it shall call, and the one instruction that makes it do so.

use anyhow::{Context, Result};
use hostile_caller::{flag, ANSWER, CALL, SEED};
use plimsoll_replay::world::{program_path, World};
use solana_instruction::{AccountMeta, Instruction};
use solana_pubkey::Pubkey;

/// Where the tests put it.
pub const HOSTILE: Pubkey = Pubkey::new_from_array(*b"hostile caller for tests only...");

/// Puts the program into a world.
pub fn load(world: &mut World) -> Result<()> {
    let path = program_path().with_file_name("hostile_caller.so");
    world.svm.add_program_from_file(HOSTILE, path).context("`cargo xtask test` makes hostile_caller.so")
}

/// The address it signs for.
pub fn own() -> Pubkey {
    Pubkey::find_program_address(&[SEED], &HOSTILE).0
}

/// What the program is to do, in order, within one instruction.
#[derive(Clone, Default)]
pub struct Script {
    steps: Vec<u8>,
    metas: Vec<AccountMeta>,
}

impl Script {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Calls `instruction`. Its signers sign the transaction, except the program's own address.
    pub fn call(self, instruction: &Instruction) -> Self {
        self.claim(instruction, &[], &[])
    }

    /// Calls `instruction`, claiming that `unsigned` have signed and that `fixed` may be written, of which neither is true.
    pub fn claim(mut self, instruction: &Instruction, unsigned: &[Pubkey], fixed: &[Pubkey]) -> Self {
        let program = self.index(AccountMeta::new_readonly(instruction.program_id, false));
        let count = u8::try_from(instruction.accounts.len()).expect("accounts of an instruction");
        self.steps.extend([CALL, program, count]);
        for meta in &instruction.accounts {
            let index = self.index(AccountMeta {
                pubkey: meta.pubkey,
                is_signer: meta.is_signer && meta.pubkey != own() && !unsigned.contains(&meta.pubkey),
                is_writable: meta.is_writable && !fixed.contains(&meta.pubkey),
            });
            let signer = if meta.is_signer { flag::SIGNER } else { 0 };
            let writable = if meta.is_writable { flag::WRITABLE } else { 0 };
            self.steps.extend([index, signer | writable]);
        }
        self.long(&instruction.data)
    }

    /// Leaves `bytes` as its return data.
    pub fn answer(mut self, bytes: &[u8]) -> Self {
        self.steps.push(ANSWER);
        self.long(bytes)
    }

    /// The instruction that makes the program do all this.
    pub fn instruction(self) -> Instruction {
        let (_, bump) = Pubkey::find_program_address(&[SEED], &HOSTILE);
        Instruction { program_id: HOSTILE, accounts: self.metas, data: [&[bump], &self.steps[..]].concat() }
    }

    /// The same as called by the program itself, `levels` times over.
    pub fn nested(self, levels: usize) -> Instruction {
        (0..levels).fold(self.instruction(), |inner, _| Self::new().call(&inner).instruction())
    }

    fn long(mut self, bytes: &[u8]) -> Self {
        let length = u16::try_from(bytes.len()).expect("data of an instruction");
        self.steps.extend(length.to_le_bytes());
        self.steps.extend(bytes);
        self
    }

    fn index(&mut self, meta: AccountMeta) -> u8 {
        let known = self.metas.iter().position(|known| known.pubkey == meta.pubkey);
        let place = known.unwrap_or_else(|| {
            self.metas.push(AccountMeta::new_readonly(meta.pubkey, false));
            self.metas.len() - 1
        });
        self.metas[place].is_signer |= meta.is_signer;
        self.metas[place].is_writable |= meta.is_writable;
        u8::try_from(place).expect("accounts of a transaction")
    }
}
