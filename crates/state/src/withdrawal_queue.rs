//! A withdrawal that waits for the limits: who asked, for what, and where it is to be paid (RULES 1.6). The queue itself is part of the vault's
//! [`crate::engine::Gate`], in the exchange or the collateral.

use crate::engine::QueuedRequest;
use crate::mirror::layout;
use crate::Pubkey;
#[cfg(feature = "anchor")]
use anchor_lang::{prelude::zero_copy, Discriminator};

layout! {
    /// One request; a margin account has at most one for each token.
    account WithdrawalRequest [b"plm:wdrq", 8 + 5 * 32 + 8 + core::mem::size_of::<QueuedRequest>() + 8 + 64] {
        /// The exchange.
        exchange: Pubkey,
        /// The margin account that is debited when it is paid; until then the tokens stay in it.
        margin_account: Pubkey,
        /// Its owner, who paid this account's rent and gets it back.
        owner: Pubkey,
        /// The collateral; all zero for the quote token.
        collateral: Pubkey,
        /// Token account that will be paid.
        to: Pubkey,
        /// Layout version.
        version: u8,
        /// Bump of this address.
        bump: u8,
        /// Zero.
        padding: [u8; 6],
        /// Amounts and the queue's index they refer to.
        request: QueuedRequest,
        /// Counts every change of this account.
        sequence: u64,
        /// Zero; later versions take their fields from here.
        reserve: [u64; 8],
    }
}
