//! Steps against failing and bankrupt accounts.

use super::{finish, with, ConvertCollateralArgs, FlagLiquidationArgs, LiquidateArgs, MarketKeys, Portfolio, Token, SYSTEM};
use crate::address;
use anchor_lang::{InstructionData, ToAccountMetas};
use plimsoll::{accounts, instruction};
use plimsoll_risk::margin::Witness;
use plimsoll_state::ID;
use solana_instruction::Instruction;
use solana_pubkey::Pubkey;

/// Cancels all orders of a failing account.
pub fn cancel_failing(margin_account: Pubkey, portfolio: &Portfolio) -> Instruction {
    let accounts = accounts::CancelFailing { margin_account }.to_account_metas(None);
    finish(with(accounts, portfolio, &[]), instruction::CancelFailing {}.data())
}

/// Flags a failing account by the scenarios of `witness` ([`crate::preview::Reading::witness`] finds them); `market` is one of its markets.
pub fn flag_liquidation(margin_account: Pubkey, market: Pubkey, witness: &Witness, portfolio: &Portfolio) -> Instruction {
    let accounts = accounts::FlagLiquidation { margin_account, market, event_authority: address::event_authority(), program: ID };
    let args = FlagLiquidationArgs { joint: witness.joint, alone: witness.alone };
    finish(with(accounts.to_account_metas(None), portfolio, &[]), instruction::FlagLiquidation { args }.data())
}

/// One liquidation step; `portfolio` covers both accounts, `makers` own the best orders the leg would meet.
#[allow(clippy::too_many_arguments, reason = "the instruction has this many free accounts")]
pub fn liquidate(
    authority: Pubkey,
    liquidator: Pubkey,
    liquidatee: Pubkey,
    market: MarketKeys,
    args: LiquidateArgs,
    portfolio: &Portfolio,
    makers: &[Pubkey],
) -> Instruction {
    let MarketKeys { market, book } = market;
    let event_authority = address::event_authority();
    let accounts = accounts::Liquidate { authority, liquidator, liquidatee, market, book, event_authority, program: ID };
    finish(with(accounts.to_account_metas(None), &portfolio.without(market), makers), instruction::Liquidate { args }.data())
}

/// Buys collateral of a failing account.
pub fn convert_collateral(
    authority: Pubkey,
    buyer: Pubkey,
    margin_account: Pubkey,
    collateral: Pubkey,
    market: Pubkey,
    args: ConvertCollateralArgs,
    portfolio: &Portfolio,
) -> Instruction {
    let event_authority = address::event_authority();
    let accounts = accounts::ConvertCollateral { authority, buyer, margin_account, collateral, market, event_authority, program: ID };
    let all = portfolio.clone().with_market(market).with_collateral(collateral);
    finish(with(accounts.to_account_metas(None), &all, &[]), instruction::ConvertCollateral { args }.data())
}

/// Spreads a failing account's cash over its losses; every market of the account is written.
pub fn settle_estate(margin_account: Pubkey, portfolio: &Portfolio) -> Instruction {
    let accounts = accounts::SettleEstate { margin_account, event_authority: address::event_authority(), program: ID };
    let mut metas = accounts.to_account_metas(None);
    metas.extend(portfolio.metas(true));
    finish(metas, instruction::SettleEstate {}.data())
}

/// Closes a bankrupt account's lots against the opposite side.
pub fn deleverage(market: Pubkey, margin_account: Pubkey, portfolio: &Portfolio) -> Instruction {
    let adl_round = address::adl_round(&market, &margin_account);
    let accounts = accounts::Deleverage { market, margin_account, adl_round, event_authority: address::event_authority(), program: ID };
    finish(with(accounts.to_account_metas(None), &portfolio.without(market), &[]), instruction::Deleverage {}.data())
}

/// Opens a round of ranked deleveraging for a bankrupt account's lots.
pub fn open_adl_round(payer: Pubkey, market: Pubkey, margin_account: Pubkey, portfolio: &Portfolio) -> Instruction {
    let adl_round = address::adl_round(&market, &margin_account);
    let (event_authority, program) = (address::event_authority(), ID);
    let accounts = accounts::OpenAdlRound { payer, market, margin_account, adl_round, system_program: SYSTEM, event_authority, program };
    finish(with(accounts.to_account_metas(None), &portfolio.without(market), &[]), instruction::OpenAdlRound {}.data())
}

/// Registers `candidate`, of which `portfolio` is, in the round of `margin_account`; `keeper` is paid.
pub fn register_candidate(market: Pubkey, margin_account: Pubkey, candidate: Pubkey, keeper: Pubkey, portfolio: &Portfolio) -> Instruction {
    let adl_round = address::adl_round(&market, &margin_account);
    let (event_authority, program) = (address::event_authority(), ID);
    let accounts = accounts::RegisterCandidate { market, adl_round, candidate, keeper, event_authority, program };
    let all = portfolio.clone().with_market(market);
    finish(with(accounts.to_account_metas(None), &all, &[]), instruction::RegisterCandidate {}.data())
}

/// Executes the cuts of `candidates`; `portfolio` is the bankrupt account's.
pub fn execute_adl(market: Pubkey, margin_account: Pubkey, portfolio: &Portfolio, candidates: &[Pubkey]) -> Instruction {
    let adl_round = address::adl_round(&market, &margin_account);
    let accounts = accounts::ExecuteAdl { market, margin_account, adl_round, event_authority: address::event_authority(), program: ID };
    finish(with(accounts.to_account_metas(None), &portfolio.without(market), candidates), instruction::ExecuteAdl {}.data())
}

/// Closes a round; the rent goes to `opener`, who paid it.
pub fn close_adl_round(market: Pubkey, margin_account: Pubkey, opener: Pubkey) -> Instruction {
    let adl_round = address::adl_round(&market, &margin_account);
    finish(accounts::CloseAdlRound { opener, margin_account, adl_round }.to_account_metas(None), instruction::CloseAdlRound {}.data())
}

/// Absorbs what a bankrupt account is short of; every market of the account is written.
pub fn resolve_bankruptcy(exchange: Pubkey, margin_account: Pubkey, quote: Token, portfolio: &Portfolio) -> Instruction {
    let accounts = accounts::ResolveBankruptcy {
        exchange,
        margin_account,
        insurance: address::insurance(&exchange),
        quote_mint: quote.mint,
        vault: address::vault(&exchange),
        insurance_vault: address::insurance_vault(&exchange),
        token_program: quote.program,
        event_authority: address::event_authority(),
        program: ID,
    };
    let mut metas = accounts.to_account_metas(None);
    metas.extend(portfolio.metas(true));
    finish(metas, instruction::ResolveBankruptcy {}.data())
}
