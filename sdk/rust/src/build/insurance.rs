//! The insurance fund.

use super::{finish, Token};
use crate::address;
use anchor_lang::{InstructionData, ToAccountMetas};
use plimsoll::{accounts, instruction};
use plimsoll_state::ID;
use solana_instruction::Instruction;
use solana_pubkey::Pubkey;

/// Pays into the insurance fund.
pub fn fund_insurance(payer: Pubkey, exchange: Pubkey, quote: Token, from: Pubkey, amount: u64) -> Instruction {
    let accounts = accounts::FundInsurance {
        payer,
        exchange,
        insurance: address::insurance(&exchange),
        quote_mint: quote.mint,
        vault: address::insurance_vault(&exchange),
        from,
        token_program: quote.program,
        event_authority: address::event_authority(),
        program: ID,
    };
    let args = plimsoll::FundInsuranceArgs { amount };
    finish(accounts.to_account_metas(None), instruction::FundInsurance { args }.data())
}
