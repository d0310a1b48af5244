//! Mints and token accounts at addresses that follow from the governor's.

use crate::deployment::{mint_name, seeded, TOKEN_PROGRAM};
use crate::{Context, Found};
use anchor_spl::token::spl_token::instruction as spl;
use anyhow::{ensure, Result};
use plimsoll_sdk::build::Token;
use solana_instruction::Instruction;
use solana_pubkey::Pubkey;
use solana_signer::Signer;
use solana_system_interface::instruction::create_account_with_seed;

/// Bytes of a mint and of a token account.
const MINT_SPACE: usize = 82;
const ACCOUNT_SPACE: usize = 165;

/// Whether a mint is there. Errors: it is something else.
pub(super) fn look_at_mint(context: &Context, symbol: &str, token: Token, decimals: u8) -> Result<Found> {
    let Some(found) = context.cluster.account(&token.mint)? else {
        return Ok(Found::Missing(format!("the mint of {symbol}")));
    };
    ensure!(found.owner == token.program && found.data.len() == MINT_SPACE, "{} is no mint of SPL Token", token.mint);
    // Layout of SPL Token: authority (36 bytes), supply (8), decimals (1), whether it is initialised (1).
    ensure!(found.data[44..46] == [decimals, 1], "the mint {} has other than {decimals} decimals", token.mint);
    Ok(Found::Complete)
}

/// Creates the mint of `symbol`. Errors: it should have existed already.
pub(super) fn create_mint(context: &Context, symbol: &str, token: Token, decimals: u8) -> Result<()> {
    let name = mint_name(symbol);
    let governor = context.keys.governor_key();
    ensure!(token.mint == seeded(&governor, &name, &TOKEN_PROGRAM)?, "the mint {} of {symbol} does not exist here", token.mint);
    let create = create_seeded(context, &name, MINT_SPACE, &TOKEN_PROGRAM)?;
    let init = spl::initialize_mint2(&TOKEN_PROGRAM, &token.mint, &governor, None, decimals)?;
    send(context, &[create, init])
}

/// Creates the governor's token account of this name.
pub(super) fn create_wallet(context: &Context, name: &str, mint: &Pubkey) -> Result<()> {
    let governor = context.keys.governor_key();
    let create = create_seeded(context, name, ACCOUNT_SPACE, &TOKEN_PROGRAM)?;
    let init = spl::initialize_account3(&TOKEN_PROGRAM, &seeded(&governor, name, &TOKEN_PROGRAM)?, mint, &governor)?;
    send(context, &[create, init])
}

/// Creates an account at the governor's address of this name.
pub(super) fn create_seeded(context: &Context, name: &str, space: usize, owner: &Pubkey) -> Result<Instruction> {
    let governor = context.keys.governor_key();
    let (key, lamports) = (seeded(&governor, name, owner)?, context.cluster.rent(space)?);
    Ok(create_account_with_seed(&context.keys.payer.pubkey(), &key, &governor, name, lamports, u64::try_from(space)?, owner))
}

/// Sends as payer and governor.
pub(super) fn send(context: &Context, instructions: &[Instruction]) -> Result<()> {
    context.cluster.send(instructions, &[&context.keys.payer, &context.keys.governor])
}
