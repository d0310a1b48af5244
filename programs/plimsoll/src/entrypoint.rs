//! Where execution begins: an event that the program sends to itself is told apart at once, everything else goes to the framework.
//!
//! The framework compares the tag of an event after those of all instructions, 22 compute units apiece. What it checks of one, it checks here too.

use anchor_lang::event::EVENT_IX_TAG_LE;
use anchor_lang::prelude::*;
use anchor_lang::solana_program::entrypoint::ProgramResult;

anchor_lang::solana_program::entrypoint!(process);

fn process<'info>(program_id: &'info Pubkey, accounts: &'info [AccountInfo<'info>], data: &'info [u8]) -> ProgramResult {
    match data.strip_prefix(EVENT_IX_TAG_LE) {
        Some(event) if *program_id == crate::ID => {
            crate::__private::__events::__event_dispatch(program_id, accounts, event).map_err(|error| {
                error.log();
                error.into()
            })
        }
        _ => crate::entry(program_id, accounts, data),
    }
}
