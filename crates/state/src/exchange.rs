//! The clearing house itself: quote token, roles, limits. Trading and liquidation never write it.

use crate::engine::{Gate, Pause};
use crate::mirror::layout;
use crate::peg::Peg;
use crate::Pubkey;
#[cfg(feature = "anchor")]
use anchor_lang::{prelude::zero_copy, Discriminator};

layout! {
    /// One clearing house. Created once by its governor; holds the vault of the quote token as its signer.
    account Exchange [b"plm:exch", 8 + 6 * 32 + 24 + core::mem::size_of::<Pause>() + core::mem::size_of::<Gate>()
        + 32 + core::mem::size_of::<Peg>() + 48] {
        /// Mint of the quote token (6 decimals).
        quote_mint: Pubkey,
        /// Token account that holds users' cash, pools, tranches and fees.
        vault: Pubkey,
        /// The insurance fund's account.
        insurance: Pubkey,
        /// May create markets and collaterals.
        governor: Pubkey,
        /// May pause, and that only for a time (RULES 9.3).
        guardian: Pubkey,
        /// Receives protocol fees.
        fee_collector: Pubkey,
        /// Layout version.
        version: u8,
        /// Bump of this address.
        bump: u8,
        /// Bump of the vault.
        vault_bump: u8,
        /// Zero.
        padding: [u8; 5],
        /// Number of markets created.
        markets: u32,
        /// Number of collaterals created.
        collaterals: u32,
        /// Counts every change of this account.
        sequence: u64,
        /// Pauses of withdrawals and their payment (RULES 9.3).
        withdrawals: Pause,
        /// The way out of the vault (RULES 1.6).
        outflow: Gate,
        /// Pyth feed of the quote token; zero until governance names it.
        quote_feed: [u8; 32],
        /// Price of the quote token and what its depeg costs (RULES 4.4); the markets hold copies of the charge.
        peg: Peg,
        /// Zero; later versions take their fields from here.
        reserve: [u64; 6],
    }
}
