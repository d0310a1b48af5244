//! Plimsoll: a clearing house for perpetual futures and options on Solana.
use anchor_lang::prelude::*;

declare_id!("PLimsoLLCLearingHouseMarginAccountsSoLana11");
/// The program.
#[program]
pub mod plimsoll {}
