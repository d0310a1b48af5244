//! The insurance fund: one vault for all markets of an exchange, paid out only by the waterfall (RULES 7.1).

use crate::mirror::layout;
use crate::Pubkey;
#[cfg(feature = "anchor")]
use anchor_lang::{prelude::zero_copy, Discriminator};

layout! {
    /// The fund that absorbs what a bankrupt account and its market's tranche cannot pay.
    account InsuranceFund [b"plm:insf", 8 + 2 * 32 + 8 + 5 * 8 + 128] {
        /// The exchange it insures.
        exchange: Pubkey,
        /// Token account that holds the fund's tokens.
        vault: Pubkey,
        /// Layout version.
        version: u8,
        /// Bump of this address.
        bump: u8,
        /// Bump of the vault.
        vault_bump: u8,
        /// Zero.
        padding: [u8; 5],
        /// Tokens of the fund, in quote atoms; equals the vault but for donations sent to it directly.
        balance: i64,
        /// Everything ever paid in.
        paid_in: i64,
        /// Everything ever paid out for bankruptcies.
        paid_out: i64,
        /// Counts every change of this account.
        sequence: u64,
        /// Unused.
        spare: u64,
        /// Zero; later versions take their fields from here.
        reserve: [u64; 16],
    }
}
