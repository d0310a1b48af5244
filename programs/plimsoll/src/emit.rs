//! Events by self-CPI, written once into the buffer that is sent: `emit_cpi!` copies each byte of an event through an iterator, at eight compute
//! units a byte. What is sent is the same.

use crate::EVENT_AUTHORITY_AND_BUMP;
use anchor_lang::event::EVENT_IX_TAG_LE;
use anchor_lang::prelude::*;
use anchor_lang::solana_program::instruction::{AccountMeta, Instruction};
use anchor_lang::solana_program::program::invoke_signed;
use anchor_lang::Event;

/// Seed of the address that signs for events, as `#[event_cpi]` derives it.
const SEED: &[u8] = b"__event_authority";

/// Calls the program itself with `event` as data, signed by its event authority: an inner instruction is in every record of the transaction, where a
/// log may be cut off.
#[inline(never)]
pub(crate) fn emit<E: Event>(event: &E, authority: &AccountInfo<'_>) -> Result<()> {
    // Three small constants.
    let capacity = EVENT_IX_TAG_LE.len().wrapping_add(E::DISCRIMINATOR.len()).wrapping_add(core::mem::size_of::<E>());
    let mut data = Vec::with_capacity(capacity);
    data.extend_from_slice(EVENT_IX_TAG_LE);
    data.extend_from_slice(E::DISCRIMINATOR);
    event.serialize(&mut data)?;
    let accounts = vec![AccountMeta::new_readonly(*authority.key, true)];
    let instruction = Instruction { program_id: crate::ID, accounts, data };
    invoke_signed(&instruction, core::slice::from_ref(authority), &[&[SEED, &[EVENT_AUTHORITY_AND_BUMP.1]]])?;
    Ok(())
}
