//! What governance sets up, pauses and collects.

use super::{finish, CreateCollateralArgs, CreateGroupArgs, CreateMarketArgs, InitializeExchangeArgs, SetQuoteFeedArgs, Token, SYSTEM};
use crate::address;
use anchor_lang::{InstructionData, ToAccountMetas};
use plimsoll::{accounts, instruction};
use plimsoll_state::ID;
use solana_instruction::{AccountMeta, Instruction};
use solana_pubkey::Pubkey;

/// Opens a clearing house of `governor`.
pub fn initialize_exchange(payer: Pubkey, governor: Pubkey, quote: Token, args: InitializeExchangeArgs) -> Instruction {
    let exchange = address::exchange(&governor);
    let accounts = accounts::InitializeExchange {
        payer,
        governor,
        exchange,
        insurance: address::insurance(&exchange),
        quote_mint: quote.mint,
        vault: address::vault(&exchange),
        insurance_vault: address::insurance_vault(&exchange),
        token_program: quote.program,
        system_program: SYSTEM,
    };
    finish(accounts.to_account_metas(None), instruction::InitializeExchange { args }.data())
}

/// Lists a market; `book` is a zeroed account of [`plimsoll_state::OrderBook::SPACE`] bytes owned by the program.
pub fn create_market(payer: Pubkey, governor: Pubkey, book: Pubkey, args: CreateMarketArgs) -> Instruction {
    let exchange = address::exchange(&governor);
    let market = address::market(&exchange, args.index);
    let accounts = accounts::CreateMarket { payer, governor, exchange, market, book, system_program: SYSTEM };
    finish(accounts.to_account_metas(None), instruction::CreateMarket { args }.data())
}

/// Names the Pyth feed of the quote token; once and for all.
pub fn set_quote_feed(governor: Pubkey, args: SetQuoteFeedArgs) -> Instruction {
    let accounts = accounts::SetQuoteFeed { governor, exchange: address::exchange(&governor) };
    finish(accounts.to_account_metas(None), instruction::SetQuoteFeed { args }.data())
}

/// Puts `markets`, in this order, into a risk group.
pub fn create_group(payer: Pubkey, governor: Pubkey, markets: &[Pubkey], args: CreateGroupArgs) -> Instruction {
    let exchange = address::exchange(&governor);
    let group = address::group(&exchange, args.number);
    let mut accounts = accounts::CreateGroup { payer, governor, exchange, group, system_program: SYSTEM }.to_account_metas(None);
    accounts.extend(markets.iter().map(|market| AccountMeta::new(*market, false)));
    finish(accounts, instruction::CreateGroup { args }.data())
}

/// Lists a collateral token that `market` prices.
pub fn create_collateral(payer: Pubkey, governor: Pubkey, market: Pubkey, token: Token, args: CreateCollateralArgs) -> Instruction {
    let exchange = address::exchange(&governor);
    let collateral = address::collateral(&exchange, &token.mint);
    let accounts = accounts::CreateCollateral {
        payer,
        governor,
        exchange,
        market,
        mint: token.mint,
        collateral,
        vault: address::collateral_vault(&collateral),
        token_program: token.program,
        system_program: SYSTEM,
    };
    finish(accounts.to_account_metas(None), instruction::CreateCollateral { args }.data())
}

/// Pauses new risk in `market`, or withdrawals where it is none.
pub fn pause(authority: Pubkey, exchange: Pubkey, market: Option<Pubkey>) -> Instruction {
    finish(accounts::StartPause { authority, exchange, market }.to_account_metas(None), instruction::Pause {}.data())
}

/// Lifts a pause.
pub fn lift_pause(authority: Pubkey, exchange: Pubkey, market: Option<Pubkey>) -> Instruction {
    finish(accounts::LiftPause { authority, exchange, market }.to_account_metas(None), instruction::LiftPause {}.data())
}

/// Pays a market's protocol fees to `to`, a token account of the exchange's fee collector.
pub fn collect_fees(exchange: Pubkey, market: Pubkey, quote: Token, to: Pubkey) -> Instruction {
    let accounts = accounts::CollectFees {
        exchange,
        market,
        quote_mint: quote.mint,
        vault: address::vault(&exchange),
        to,
        token_program: quote.program,
        event_authority: address::event_authority(),
        program: ID,
    };
    finish(accounts.to_account_metas(None), instruction::CollectFees {}.data())
}
