//! A cluster behind JSON-RPC as a chain of the replay.

use anyhow::{anyhow, bail, ensure, Context, Result};
use litesvm::types::{FailedTransactionMetadata, TransactionMetadata};
use plimsoll_migrations::Cluster;
use plimsoll_replay::world::Chain;
use serde_json::{json, Value};
use solana_account::Account;
use solana_message::compiled_instruction::CompiledInstruction;
use solana_message::inner_instruction::InnerInstruction;
use solana_message::Hash;
use solana_pubkey::Pubkey;
use solana_rpc_client_api::config::RpcTransactionConfig;
use solana_rpc_client_api::request::RpcRequest;
use solana_signature::Signature;
use solana_transaction::versioned::VersionedTransaction;
use solana_transaction::TransactionError;
use solana_transaction_status_client_types::{UiInstruction, UiTransactionEncoding, UiTransactionStatusMeta};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// How long a transaction may take to be executed here.
const PATIENCE: Duration = Duration::from_secs(20);
/// Pause between two looks.
const PAUSE: Duration = Duration::from_millis(2);
/// The clock's account, and where in it the time stands.
const CLOCK: Pubkey = Pubkey::from_str_const("SysvarC1ock11111111111111111111111111111111");
const CLOCK_TIME: std::ops::Range<usize> = 32..40;

/// A cluster of one's own. Reading panics if it does not answer: nothing sensible can follow.
pub struct RpcChain {
    cluster: Cluster,
}

impl RpcChain {
    /// The cluster at this address.
    pub fn at(url: &str) -> Self {
        Self { cluster: Cluster::at(url) }
    }

    /// The connection.
    pub fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// The chain's time, Unix seconds.
    pub fn now(&self) -> Result<i64> {
        let clock = self.cluster.account(&CLOCK)?.context("the cluster has no clock")?.data;
        let time = clock.get(CLOCK_TIME).and_then(|bytes| bytes.try_into().ok()).context("the clock is too short")?;
        Ok(i64::from_le_bytes(time))
    }

    /// Puts the program at `program`, replaceable by `authority`, as a cluster's first ledger does.
    pub fn install(&self, program: &Pubkey, bytes: &[u8], authority: &Pubkey) -> Result<()> {
        let params = json!([program.to_string(), hexadecimal(bytes), 0, authority.to_string()]);
        self.privileged("surfnet_writeProgram", params).map(drop)
    }

    /// A method that only clusters for development have.
    fn privileged(&self, method: &'static str, params: Value) -> Result<Value> {
        self.cluster.rpc().send(RpcRequest::Custom { method }, params).with_context(|| format!("{method} was refused"))
    }

    /// What an executed transaction did, as soon as the cluster knows.
    fn outcome(&self, signature: &Signature) -> Result<UiTransactionStatusMeta> {
        let config = RpcTransactionConfig {
            encoding: Some(UiTransactionEncoding::Base64),
            commitment: Some(self.cluster.rpc().commitment()),
            max_supported_transaction_version: Some(0),
        };
        let start = Instant::now();
        loop {
            match self.cluster.rpc().get_transaction_with_config(signature, config) {
                Ok(found) => return found.transaction.meta.context("a transaction without its outcome"),
                Err(error) if start.elapsed() > PATIENCE => bail!("the transaction {signature} was not executed: {error}"),
                Err(_) => sleep(PAUSE),
            }
        }
    }
}

impl Chain for RpcChain {
    fn account(&self, key: &Pubkey) -> Option<Account> {
        let rpc = self.cluster.rpc();
        rpc.get_account_with_commitment(key, rpc.commitment()).expect("the cluster answers").value
    }

    fn program_accounts(&self, program: &Pubkey) -> Vec<(Pubkey, Account)> {
        self.cluster.rpc().get_program_accounts(program).expect("the cluster answers")
    }

    fn rent(&self, space: usize) -> u64 {
        self.cluster.rent(space).expect("the cluster answers")
    }

    fn blockhash(&self) -> Hash {
        self.cluster.rpc().get_latest_blockhash().expect("the cluster answers")
    }

    fn execute(&mut self, transaction: VersionedTransaction) -> Result<TransactionMetadata, FailedTransactionMetadata> {
        let sent = self.cluster.dispatch(&transaction).and_then(|signature| Ok((signature, self.outcome(&signature)?)));
        let (signature, outcome) = sent.map_err(|error| FailedTransactionMetadata {
            err: TransactionError::SanitizeFailure,
            meta: TransactionMetadata { logs: vec![format!("{error:#}")], ..TransactionMetadata::default() },
        })?;
        let meta = TransactionMetadata {
            signature,
            logs: Option::from(outcome.log_messages).unwrap_or_default(),
            inner_instructions: inner_instructions(Option::from(outcome.inner_instructions).unwrap_or_default()),
            compute_units_consumed: Option::from(outcome.compute_units_consumed).unwrap_or_default(),
            fee: outcome.fee,
            ..TransactionMetadata::default()
        };
        match outcome.err {
            None => Ok(meta),
            Some(error) => Err(FailedTransactionMetadata { err: error.into(), meta }),
        }
    }

    fn airdrop(&mut self, key: &Pubkey, lamports: u64) -> Result<()> {
        let signature = self.cluster.rpc().request_airdrop(key, lamports)?;
        let start = Instant::now();
        while !self.cluster.is_confirmed(&signature)? {
            ensure!(start.elapsed() < PATIENCE, "lamports for {key} did not arrive");
            sleep(PAUSE);
        }
        Ok(())
    }

    fn put(&mut self, key: Pubkey, account: Account) -> Result<()> {
        let update = json!({
            "lamports": account.lamports,
            "data": hexadecimal(&account.data),
            "owner": account.owner.to_string(),
            "executable": account.executable,
        });
        self.privileged("surfnet_setAccount", json!([key.to_string(), update])).map(drop)
    }

    /// The cluster counts slots itself, one for each millisecond, so that no silence is seen in them.
    fn set_clock(&mut self, now: i64, _slot: u64) -> Result<()> {
        // Blocks have moved it already by what their transactions took.
        if now <= self.now()? {
            return Ok(());
        }
        let milliseconds = u64::try_from(now)?.checked_mul(1_000).context("no such time")?;
        self.privileged("surfnet_timeTravel", json!([{ "absoluteTimestamp": milliseconds }])).map(drop)
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The calls that each instruction of a transaction made.
fn inner_instructions(all: Vec<solana_transaction_status_client_types::UiInnerInstructions>) -> Vec<Vec<InnerInstruction>> {
    let inner = |instruction: UiInstruction| {
        let UiInstruction::Compiled(compiled) = instruction else { return None };
        let data = bs58::decode(compiled.data).into_vec().ok()?;
        let stack_height = compiled.stack_height.and_then(|height| height.try_into().ok()).unwrap_or(2);
        let instruction = CompiledInstruction { program_id_index: compiled.program_id_index, accounts: compiled.accounts, data };
        Some(InnerInstruction { instruction, stack_height })
    };
    all.into_iter().map(|one| one.instructions.into_iter().filter_map(inner).collect()).collect()
}

/// The program as it was built.
pub fn program() -> Result<Vec<u8>> {
    let path = plimsoll_replay::world::program_path();
    std::fs::read(&path).map_err(|error| anyhow!("no program to deploy ({error}): run `cargo xtask build` first"))
}
