//! The risk engine of Plimsoll: margin, funding, matching, liquidation and the loss waterfall as pure functions on plain values.
//!
//! It knows nothing of Solana, accounts or tokens: the on-chain program, the client library, the keeper and the replay all call this crate,
//! so that they agree bit for bit. Integers only; every rounding is named and goes against whoever benefits.
#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

pub mod book;
pub mod correlation;
pub mod delegation;
pub mod depth;
pub mod error;
pub mod fixed_math;
pub mod funding;
pub mod limits;
pub mod liquidation;
pub mod margin;
pub mod option;
pub mod oracle;
pub mod pause;
pub mod perp;
pub mod twap;
pub mod units;
pub mod volatility;
pub mod withdrawals;

pub use error::{RiskError, RiskResult};
pub use units::{Atoms, Lots, Premium, Price, Quote, Ratio, Round, Secs};
