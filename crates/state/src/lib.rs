//! Account layouts, discriminators, seeds, and the one mapping from account bytes to engine views.
//!
//! Every account is plain old data behind an eight-byte discriminator. Program, client library, keeper and browser read the same bytes through this
//! crate; only the feature `anchor` pulls in Anchor, for its `account(zero_copy)` attribute.
#![cfg_attr(not(any(feature = "anchor", test)), no_std)]

extern crate alloc;

mod mirror;
mod outflow;
mod smile;

pub mod adl_round;
pub mod book;
pub mod collateral;
pub mod custody;
pub mod engine;
pub mod exchange;
pub mod expiry;
pub mod insurance;
pub mod key;
pub mod margin_account;
pub mod market;
pub mod options;
pub mod peg;
pub mod risk_group;
pub mod seeds;
pub mod view;
pub mod withdrawal_queue;

pub use adl_round::AdlRound;
pub use book::OrderBook;
pub use collateral::Collateral;
pub use exchange::Exchange;
pub use insurance::InsuranceFund;
pub use margin_account::{CollateralSlot, MarginAccount, OpenOrder, OptionLeg, PerpSlot};
pub use market::{Market, MarketParams};
pub use risk_group::RiskGroup;
pub use withdrawal_queue::WithdrawalRequest;

/// Address of the program that owns every account here.
pub const ID: Pubkey = Pubkey::from_str_const("PLimsoLLCLearingHouseMarginAccountsSoLana11");

#[cfg(feature = "anchor")]
pub(crate) use anchor_lang::prelude::Pubkey;
#[cfg(not(feature = "anchor"))]
pub(crate) use solana_pubkey::Pubkey;

/// Layout version written into every account.
pub const VERSION: u8 = 1;
