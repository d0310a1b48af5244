//! The program is on chain, and is the one that was built.

use crate::{loader, Context, Found, Step};
use anyhow::{ensure, Context as _, Result};
use plimsoll_sdk::PROGRAM_ID;
use solana_keypair::Keypair;
use solana_signer::Signer;

pub(crate) struct Program;

impl Step for Program {
    fn name(&self) -> &'static str {
        "001 program"
    }

    fn look(&self, context: &Context) -> Result<Found> {
        let Some(deployed) = loader::look(context.cluster, &PROGRAM_ID, context.program)? else {
            return Ok(Found::Missing(format!("the program {PROGRAM_ID}")));
        };
        let authority = deployed.authority.map_or_else(|| "nobody".to_owned(), |key| key.to_string());
        ensure!(
            deployed.is_expected,
            "the program at {PROGRAM_ID} is not the one that was built; its upgrade authority, {authority}, may replace it"
        );
        Ok(Found::Complete)
    }

    fn apply(&self, context: &Context) -> Result<()> {
        let keys = context.keys;
        let program = keys.program.as_ref().context("the program is not deployed, and its key is not given")?;
        ensure!(program.pubkey() == PROGRAM_ID, "the program's key has the address {}, not {PROGRAM_ID}", program.pubkey());
        let buffer = buffer_of(program);
        loader::fill_buffer(context.cluster, &keys.payer, &keys.governor, &buffer, context.program)?;
        loader::deploy(context.cluster, &keys.payer, &keys.governor, &buffer.pubkey(), program, context.program.len())
    }
}

/// The same buffer in every run, so that a run that was cut off is picked up.
fn buffer_of(program: &Keypair) -> Keypair {
    let mut seed = [0; 32];
    let secret = program.to_bytes();
    seed.iter_mut().zip(&secret).for_each(|(byte, secret)| *byte = secret ^ 0x5a);
    Keypair::new_from_array(seed)
}
