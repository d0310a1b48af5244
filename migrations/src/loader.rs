//! Deploying a program through the upgradeable loader, in pieces that a later run picks up where an earlier one stopped.

use crate::cluster::Cluster;
use anyhow::{bail, ensure, Context, Result};
use solana_keypair::Keypair;
use solana_loader_v3_interface::instruction as loader;
use solana_loader_v3_interface::state::UpgradeableLoaderState;
use solana_loader_v3_interface::{get_program_data_address, instruction::create_buffer};
use solana_pubkey::Pubkey;
use solana_signer::Signer;

/// The loader.
pub const LOADER: Pubkey = Pubkey::from_str_const("BPFLoaderUpgradeab1e11111111111111111111111");
/// Bytes of the program written by one transaction, so that it fits a packet with two signatures.
const PIECE: usize = 900;
/// Transactions on their way at once.
const BATCH: usize = 32;
/// How often pieces that were lost on the way are sent again.
const ROUNDS: usize = 20;

/// A program on chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deployed {
    /// Who may replace it; nobody if none.
    pub authority: Option<Pubkey>,
    /// Whether it is, but for zeros behind, the expected one.
    pub is_expected: bool,
}

/// Looks for the program at `program`. Errors: something else is there.
pub fn look(cluster: &Cluster, program: &Pubkey, expected: &[u8]) -> Result<Option<Deployed>> {
    let Some(found) = cluster.account(program)? else { return Ok(None) };
    ensure!(found.is_executable, "the account {program} is no program");
    if found.owner != LOADER {
        return Ok(Some(Deployed { authority: None, is_expected: starts_with(&found.data, expected) }));
    }
    let data = cluster.account(&get_program_data_address(program))?.context("the program's bytes are gone: it was closed")?.data;
    // Layout of the loader: kind (4 bytes), slot (8), whether there is an authority (1), the authority (32).
    let header = UpgradeableLoaderState::size_of_programdata_metadata();
    let bytes = data.get(header..).context("the program's bytes are shorter than their header")?;
    let authority = data.get(13..45).filter(|_| data.get(12) == Some(&1)).and_then(|key| Pubkey::try_from(key).ok());
    Ok(Some(Deployed { authority, is_expected: starts_with(bytes, expected) }))
}

fn starts_with(bytes: &[u8], expected: &[u8]) -> bool {
    bytes.strip_prefix(expected).is_some_and(|rest| rest.iter().all(|byte| *byte == 0))
}

/// Writes `bytes` to the buffer account of `buffer`, creating it first if it is not there; pieces that already stand are not sent again.
/// The number of pieces
/// written. Errors: the buffer belongs to somebody else or is too small.
pub fn fill_buffer(cluster: &Cluster, payer: &Keypair, authority: &Keypair, buffer: &Keypair, bytes: &[u8]) -> Result<usize> {
    let key = buffer.pubkey();
    let header = UpgradeableLoaderState::size_of_buffer_metadata();
    let authority_key = authority.pubkey();
    if cluster.account(&key)?.is_none() {
        let lamports = cluster.rent(header + bytes.len())?;
        let create = create_buffer(&payer.pubkey(), &key, &authority_key, lamports, bytes.len())?;
        cluster.send(&create, &[payer, buffer])?;
    }
    let mut sent = 0;
    for _ in 0..ROUNDS {
        let missing = missing(cluster, &key, &authority_key, bytes)?;
        if missing.is_empty() {
            return Ok(sent);
        }
        for batch in missing.chunks(BATCH) {
            let write = |(offset, piece): &(usize, &[u8])| -> Result<_> {
                Ok(vec![loader::write(&key, &authority_key, u32::try_from(*offset)?, piece.to_vec())])
            };
            let writes = batch.iter().map(write).collect::<Result<Vec<_>>>()?;
            sent += batch.len() - cluster.send_all(&writes, &signers(payer, authority))?;
        }
    }
    bail!("pieces of the program are still missing after {ROUNDS} rounds: run again")
}

/// The pieces that the buffer does not hold yet, with their places. Errors: the buffer cannot take the program.
fn missing<'a>(cluster: &Cluster, buffer: &Pubkey, authority: &Pubkey, bytes: &'a [u8]) -> Result<Vec<(usize, &'a [u8])>> {
    let found = cluster.account(buffer)?.context("the buffer was created and is gone")?;
    ensure!(found.owner == LOADER, "the account {buffer} is no buffer of the loader");
    // Layout of the loader: kind (4 bytes), whether there is an authority (1), the authority (32).
    ensure!(found.data.get(5..37) == Some(authority.as_ref()), "the buffer {buffer} belongs to another authority");
    let written = found.data.get(UpgradeableLoaderState::size_of_buffer_metadata()..).unwrap_or_default();
    ensure!(written.len() >= bytes.len(), "the buffer {buffer} is smaller than the program; close it and run again");
    let pieces = bytes.chunks(PIECE).enumerate().map(|(index, piece)| (index * PIECE, piece));
    Ok(pieces.filter(|(offset, piece)| written.get(*offset..offset + piece.len()) != Some(*piece)).collect())
}

/// Makes the filled buffer the program of `program`, which `authority` may replace later.
pub fn deploy(cluster: &Cluster, payer: &Keypair, authority: &Keypair, buffer: &Pubkey, program: &Keypair, len: usize) -> Result<()> {
    let lamports = cluster.rent(UpgradeableLoaderState::size_of_program())?;
    let (payer_key, authority_key) = (payer.pubkey(), authority.pubkey());
    let deploy = loader::deploy_with_max_program_len(&payer_key, &program.pubkey(), buffer, &authority_key, lamports, len, true)?;
    let mut all = signers(payer, authority);
    all.insert(1, program);
    cluster.send(&deploy, &all)
}

/// The payer and, if it is somebody else, the authority.
fn signers<'a>(payer: &'a Keypair, authority: &'a Keypair) -> Vec<&'a Keypair> {
    if payer.pubkey() == authority.pubkey() {
        vec![payer]
    } else {
        vec![payer, authority]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_the_expected_one_only_with_nothing_but_zeros_behind() {
        assert!(starts_with(&[1, 2, 0, 0], &[1, 2]));
        assert!(!starts_with(&[1, 2, 0, 3], &[1, 2]));
        assert!(!starts_with(&[1], &[1, 2]));
    }
}
