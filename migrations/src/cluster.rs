//! A cluster over JSON-RPC: accounts, and signed transactions with their confirmation.

use anyhow::{anyhow, bail, Context, Result};
use plimsoll_sdk::decode::{self, Layout};
use solana_commitment_config::CommitmentConfig;
use solana_instruction::Instruction;
use solana_keypair::Keypair;
use solana_message::{Hash, Message, VersionedMessage};
use solana_pubkey::Pubkey;
use solana_rpc_client::rpc_client::RpcClient;
use solana_rpc_client_api::config::RpcSendTransactionConfig;
use solana_signature::Signature;
use solana_signer::Signer;
use solana_transaction::versioned::VersionedTransaction;
use solana_transaction::{InstructionError, TransactionError};
use std::cell::Cell;
use std::thread::sleep;
use std::time::Duration;

/// Most bytes of a transaction.
const PACKET_BYTES: usize = 1_232;
/// How often a transaction that was lost is sent again.
const ATTEMPTS: usize = 5;
/// First pause between two looks at a signature; each is half as long again, up to [`PAUSE_MAX`].
const PAUSE: Duration = Duration::from_millis(2);
const PAUSE_MAX: Duration = Duration::from_millis(500);

/// A connection.
pub struct Cluster {
    rpc: RpcClient,
    sent: Cell<u64>,
}

impl Cluster {
    /// A cluster at this address; nothing is sent yet.
    pub fn at(url: &str) -> Self {
        Self { rpc: RpcClient::new_with_commitment(url.to_owned(), CommitmentConfig::confirmed()), sent: Cell::new(0) }
    }

    /// The client beneath.
    pub fn rpc(&self) -> &RpcClient {
        &self.rpc
    }

    /// Transactions sent so far.
    pub fn sent(&self) -> u64 {
        self.sent.get()
    }

    /// An account's owner, data and lamports, or nothing.
    pub fn account(&self, key: &Pubkey) -> Result<Option<Found>> {
        let answer = self.rpc.get_account_with_commitment(key, self.rpc.commitment()).with_context(|| format!("cannot read {key}"))?;
        Ok(answer.value.map(|account| Found { owner: account.owner, data: account.data, is_executable: account.executable }))
    }

    /// An account of the program, decoded. Errors: it is there and is something else.
    pub fn read<T: Layout>(&self, key: &Pubkey) -> Result<Option<T>> {
        let Some(found) = self.account(key)? else { return Ok(None) };
        let layout = (found.owner == plimsoll_sdk::PROGRAM_ID).then(|| decode::layout(&found.data)).flatten();
        layout.map(Some).with_context(|| format!("the account {key} is not what the program would have put there"))
    }

    /// Atoms in a token account; nothing where there is none.
    pub fn tokens(&self, key: &Pubkey) -> Result<u64> {
        let amount = self.account(key)?.and_then(|found| found.data.get(64..72).and_then(|bytes| bytes.try_into().ok()));
        Ok(amount.map_or(0, u64::from_le_bytes))
    }

    /// Lamports that keep `space` bytes free of rent.
    pub fn rent(&self, space: usize) -> Result<u64> {
        Ok(self.rpc.get_minimum_balance_for_rent_exemption(space)?)
    }

    /// Signs, sends and waits for confirmation; the first signer pays. A transaction that was lost is signed anew once it can no longer
    /// arrive. Errors: the program's numbered error with its advice, or the chain's.
    pub fn send(&self, instructions: &[Instruction], signers: &[&Keypair]) -> Result<()> {
        for _ in 0..ATTEMPTS {
            if self.send_all(&[instructions.to_vec()], signers)? == 0 {
                return Ok(());
            }
        }
        bail!("the cluster lost the transaction {ATTEMPTS} times: run again")
    }

    /// Sends many transactions at once and waits for all; the number of those that were lost on the way and can no longer arrive. Errors:
    /// those of the first that failed.
    pub fn send_all(&self, batches: &[Vec<Instruction>], signers: &[&Keypair]) -> Result<usize> {
        let blockhash = self.rpc.get_latest_blockhash()?;
        let mut signatures = Vec::new();
        for instructions in batches {
            match self.dispatch(&self.sign(instructions, signers, blockhash)?) {
                Ok(signature) => signatures.push(signature),
                Err(_) if !self.is_alive(&blockhash)? => break,
                Err(error) => return Err(error),
            }
        }
        let mut lost = batches.len() - signatures.len();
        for signature in &signatures {
            lost += usize::from(!self.wait(signature, &blockhash)?);
        }
        Ok(lost)
    }

    /// A signed transaction. Errors: it does not fit a packet.
    pub fn sign(&self, instructions: &[Instruction], signers: &[&Keypair], blockhash: Hash) -> Result<VersionedTransaction> {
        let payer = signers.first().context("a transaction needs a signer")?.pubkey();
        let message = Message::new_with_blockhash(instructions, Some(&payer), &blockhash);
        let size = 1 + 64 * signers.len() + message.serialize().len();
        if size > PACKET_BYTES {
            bail!("a transaction of {size} bytes does not fit a packet");
        }
        Ok(VersionedTransaction::try_new(VersionedMessage::Legacy(message), signers)?)
    }

    /// Hands a transaction to the cluster, which executes it without a rehearsal.
    pub fn dispatch(&self, transaction: &VersionedTransaction) -> Result<Signature> {
        self.sent.set(self.sent.get() + 1);
        let config = RpcSendTransactionConfig { skip_preflight: true, ..RpcSendTransactionConfig::default() };
        Ok(self.rpc.send_transaction_with_config(transaction, config)?)
    }

    /// Waits until a transaction is confirmed; whether it was, rather than lost for good. Errors: it failed.
    fn wait(&self, signature: &Signature, blockhash: &Hash) -> Result<bool> {
        let mut pause = PAUSE;
        loop {
            // Asked first: a transaction that is not there after its blockhash has died will not come.
            let is_alive = self.is_alive(blockhash)?;
            if self.is_confirmed(signature)? {
                return Ok(true);
            }
            if !is_alive {
                return Ok(false);
            }
            sleep(pause);
            pause = (pause * 3 / 2).min(PAUSE_MAX);
        }
    }

    /// Whether a transaction is confirmed by now. Errors: it failed.
    pub fn is_confirmed(&self, signature: &Signature) -> Result<bool> {
        let statuses = self.rpc.get_signature_statuses(std::slice::from_ref(signature))?.value;
        let Some(status) = statuses.into_iter().next().flatten() else { return Ok(false) };
        match &status.err {
            Some(error) => Err(refusal(error)),
            None => Ok(status.satisfies_commitment(self.rpc.commitment())),
        }
    }

    /// Whether a transaction that names this blockhash may still arrive. At the commitment at which signatures are looked up: otherwise one
    /// that came in the last block could be taken for lost, and be paid twice.
    fn is_alive(&self, blockhash: &Hash) -> Result<bool> {
        Ok(self.rpc.is_blockhash_valid(blockhash, self.rpc.commitment())?)
    }
}

/// What a migration needs to know of an account.
pub struct Found {
    /// The program that owns it.
    pub owner: Pubkey,
    /// Its bytes.
    pub data: Vec<u8>,
    /// Whether it is a program.
    pub is_executable: bool,
}

/// The program's own words for an error where it has some.
fn refusal(error: &TransactionError) -> anyhow::Error {
    let code = match error {
        TransactionError::InstructionError(_, InstructionError::Custom(code)) => Some(*code),
        _ => None,
    };
    match code.and_then(decode::error) {
        Some(entry) => anyhow!("{} ({}): {}", entry.name, entry.code, entry.msg),
        None => anyhow!("{error}"),
    }
}
