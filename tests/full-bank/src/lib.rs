//! A validator's bank as a chain of the replay: the same runtime, loader, rent and fees that execute transactions on a cluster, with the
//! compiled program in it. What holds here does not depend on a shortcut of LiteSVM.

use anyhow::{anyhow, Result};
use litesvm::types::{FailedTransactionMetadata, TransactionMetadata};
use plimsoll_replay::world::{program_path, Chain};
use plimsoll_sdk::PROGRAM_ID;
use solana_account::{Account, AccountSharedData};
use solana_clock::Clock;
use solana_message::Hash;
use solana_program_test::{ProgramTest, ProgramTestContext};
use solana_pubkey::Pubkey;
use solana_transaction::versioned::VersionedTransaction;
use solana_transaction::TransactionError;
use std::collections::BTreeSet;
use tokio::runtime::Runtime;

/// A bank and its client.
pub struct Bank {
    // Dropped before the runtime its servers live in.
    context: ProgramTestContext,
    runtime: Runtime,
    /// Every account a transaction has named: a bank's client cannot list them.
    seen: BTreeSet<Pubkey>,
}

impl Bank {
    /// A new bank with the compiled program under the upgradeable loader.
    pub fn start() -> Result<Self> {
        // On this thread alone: the bank's own task, which registers block hashes, must not run while a bank is frozen for the next slot.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        // The only way to tell the bank where programs are.
        std::env::set_var("SBF_OUT_DIR", program_path().with_file_name(""));
        if std::env::var_os("RUST_LOG").is_none() {
            std::env::set_var("RUST_LOG", "error");
        }
        let mut program_test = ProgramTest::default();
        program_test.prefer_bpf(true);
        program_test.add_upgradeable_program_to_genesis("plimsoll", &PROGRAM_ID);
        let context = runtime.block_on(program_test.start_with_context());
        Ok(Self { context, runtime, seen: BTreeSet::new() })
    }

    /// The bank's own slot.
    pub fn slot(&self) -> Result<u64> {
        Ok(self.runtime.block_on(self.context.banks_client.get_root_slot())?)
    }
}

impl Chain for Bank {
    fn account(&self, key: &Pubkey) -> Option<Account> {
        self.runtime.block_on(self.context.banks_client.get_account(*key)).expect("the bank answers")
    }

    fn program_accounts(&self, program: &Pubkey) -> Vec<(Pubkey, Account)> {
        let of = |key: &Pubkey| Some((*key, self.account(key).filter(|account| account.owner == *program)?));
        self.seen.iter().filter_map(of).collect()
    }

    fn rent(&self, space: usize) -> u64 {
        self.runtime.block_on(self.context.banks_client.get_rent()).expect("the bank answers").minimum_balance(space)
    }

    fn blockhash(&self) -> Hash {
        self.context.last_blockhash
    }

    fn execute(&mut self, transaction: VersionedTransaction) -> Result<TransactionMetadata, FailedTransactionMetadata> {
        self.seen.extend(transaction.message.static_account_keys());
        let sent = self.runtime.block_on(self.context.banks_client.process_transaction_with_metadata(transaction));
        let failed = |err, logs| FailedTransactionMetadata { err, meta: TransactionMetadata { logs, ..TransactionMetadata::default() } };
        let sent = sent.map_err(|error| failed(TransactionError::SanitizeFailure, vec![error.to_string()]))?;
        let (logs, units) = sent.metadata.map_or_else(Default::default, |meta| (meta.log_messages, meta.compute_units_consumed));
        match sent.result {
            Ok(()) => Ok(TransactionMetadata { logs, compute_units_consumed: units, ..TransactionMetadata::default() }),
            Err(error) => Err(failed(error, logs)),
        }
    }

    fn airdrop(&mut self, key: &Pubkey, lamports: u64) -> Result<()> {
        let mut account = self.account(key).unwrap_or_default();
        account.lamports += lamports;
        self.put(*key, account)
    }

    fn put(&mut self, key: Pubkey, account: Account) -> Result<()> {
        self.context.set_account(&key, &AccountSharedData::from(account));
        Ok(())
    }

    /// Goes to a new bank in that slot, as a cluster does, and sets its clock.
    fn set_clock(&mut self, now: i64, slot: u64) -> Result<()> {
        // The client's servers live in the runtime.
        let _inside = self.runtime.enter();
        self.context.warp_to_slot(slot).map_err(|error| anyhow!("the bank does not move to slot {slot}: {error:?}"))?;
        let mut clock: Clock = self.runtime.block_on(self.context.banks_client.get_sysvar())?;
        clock.unix_timestamp = now;
        self.context.set_sysvar(&clock);
        Ok(())
    }
}
