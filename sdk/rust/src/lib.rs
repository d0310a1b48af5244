//! Client library of Plimsoll: addresses, decoding, instruction builders, and previews that use the engine of the program itself.
//!
//! It makes no network calls. Fetch accounts with any RPC client, decode them here, and send the instructions built here.

pub mod address;
pub mod build;
pub mod decode;
pub mod preview;

pub use plimsoll::{errors::PlimsollError, events, OrderArgs};
pub use plimsoll_risk as risk;
pub use plimsoll_state as state;

/// The program.
pub const PROGRAM_ID: solana_pubkey::Pubkey = plimsoll_state::ID;
