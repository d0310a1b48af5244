//! What a world runs on: LiteSVM in this process, or a cluster behind an interface.

use anchor_lang::prelude::Clock;
use anyhow::{anyhow, Result};
use litesvm::types::{FailedTransactionMetadata, TransactionMetadata};
use litesvm::LiteSVM;
use solana_account::Account;
use solana_message::Hash;
use solana_pubkey::Pubkey;
use solana_transaction::versioned::VersionedTransaction;

/// A chain that executes signed transactions, and on which a test may do what no transaction can: give lamports, publish a price, let time
/// pass.
pub trait Chain {
    /// An account as it is now; `None` if there is none.
    fn account(&self, key: &Pubkey) -> Option<Account>;

    /// Every account owned by `program`.
    fn program_accounts(&self, program: &Pubkey) -> Vec<(Pubkey, Account)>;

    /// Lamports that keep `space` bytes free of rent.
    fn rent(&self, space: usize) -> u64;

    /// A blockhash that transactions may name now.
    fn blockhash(&self) -> Hash;

    /// Executes a signed transaction. Errors: what the chain said against it.
    fn execute(&mut self, transaction: VersionedTransaction) -> Result<TransactionMetadata, FailedTransactionMetadata>;

    /// Gives `lamports` to `key`.
    fn airdrop(&mut self, key: &Pubkey, lamports: u64) -> Result<()>;

    /// Writes an account that belongs to a program which does not run here, such as a price account of the receiver.
    fn put(&mut self, key: Pubkey, account: Account) -> Result<()>;

    /// Moves the clock to `now`, Unix seconds, not before the present, and at least to `slot`.
    fn set_clock(&mut self, now: i64, slot: u64) -> Result<()>;
}

impl Chain for LiteSVM {
    fn account(&self, key: &Pubkey) -> Option<Account> {
        self.get_account(key)
    }

    fn program_accounts(&self, program: &Pubkey) -> Vec<(Pubkey, Account)> {
        self.get_program_accounts(program)
    }

    fn rent(&self, space: usize) -> u64 {
        self.minimum_balance_for_rent_exemption(space)
    }

    fn blockhash(&self) -> Hash {
        self.latest_blockhash()
    }

    fn execute(&mut self, transaction: VersionedTransaction) -> Result<TransactionMetadata, FailedTransactionMetadata> {
        self.send_transaction(transaction)
    }

    fn airdrop(&mut self, key: &Pubkey, lamports: u64) -> Result<()> {
        Self::airdrop(self, key, lamports).map(drop).map_err(|error| anyhow!("airdrop: {:?}", error.err))
    }

    fn put(&mut self, key: Pubkey, account: Account) -> Result<()> {
        self.set_account(key, account).map_err(|error| anyhow!("account {key}: {error:?}"))
    }

    fn set_clock(&mut self, now: i64, slot: u64) -> Result<()> {
        let mut clock: Clock = self.get_sysvar();
        clock.unix_timestamp = now;
        clock.slot = slot;
        self.set_sysvar(&clock);
        self.expire_blockhash();
        Ok(())
    }
}
