//! The owner's and the delegate's instructions.

use super::{finish, with, DepositArgs, MarketKeys, OpenAccountArgs, OrderArgs, Portfolio, SetDelegateArgs, Token, SYSTEM};
use crate::address;
use anchor_lang::{InstructionData, ToAccountMetas};
use plimsoll::{accounts, instruction};
use plimsoll_state::ID;
use solana_instruction::Instruction;
use solana_pubkey::Pubkey;

/// Opens margin account `args.number` of `owner`.
pub fn open_account(payer: Pubkey, owner: Pubkey, exchange: Pubkey, args: OpenAccountArgs) -> Instruction {
    let margin_account = address::margin_account(&exchange, &owner, args.number);
    let accounts = accounts::OpenAccount { payer, owner, exchange, margin_account, system_program: SYSTEM };
    finish(accounts.to_account_metas(None), instruction::OpenAccount { args }.data())
}

/// Names, changes or dismisses the delegate.
pub fn set_delegate(owner: Pubkey, margin_account: Pubkey, args: SetDelegateArgs) -> Instruction {
    finish(accounts::SetDelegate { owner, margin_account }.to_account_metas(None), instruction::SetDelegate { args }.data())
}

/// Closes an empty margin account.
pub fn close_account(owner: Pubkey, margin_account: Pubkey) -> Instruction {
    finish(accounts::CloseAccount { owner, margin_account }.to_account_metas(None), instruction::CloseAccount {}.data())
}

/// Brings `amount` atoms of the quote from the token account `from`.
pub fn deposit(payer: Pubkey, exchange: Pubkey, margin_account: Pubkey, quote: Token, from: Pubkey, amount: u64) -> Instruction {
    let accounts = accounts::Deposit {
        payer,
        exchange,
        margin_account,
        quote_mint: quote.mint,
        vault: address::vault(&exchange),
        from,
        token_program: quote.program,
        event_authority: address::event_authority(),
        program: ID,
    };
    finish(accounts.to_account_metas(None), instruction::Deposit { args: DepositArgs { amount } }.data())
}

/// Takes `amount` atoms of the quote to the token account `to`.
pub fn withdraw(
    owner: Pubkey,
    exchange: Pubkey,
    margin_account: Pubkey,
    quote: Token,
    to: Pubkey,
    amount: u64,
    portfolio: &Portfolio,
) -> Instruction {
    let accounts = accounts::Withdraw {
        owner,
        exchange,
        margin_account,
        quote_mint: quote.mint,
        vault: address::vault(&exchange),
        to,
        token_program: quote.program,
        event_authority: address::event_authority(),
        program: ID,
    };
    let args = plimsoll::WithdrawArgs { amount };
    finish(with(accounts.to_account_metas(None), portfolio, &[]), instruction::Withdraw { args }.data())
}

/// Brings `amount` atoms of a listed collateral, which `market` prices, from the token account `from`.
pub fn deposit_collateral(
    owner: Pubkey,
    exchange: Pubkey,
    margin_account: Pubkey,
    market: Pubkey,
    token: Token,
    from: Pubkey,
    amount: u64,
) -> Instruction {
    let collateral = address::collateral(&exchange, &token.mint);
    let accounts = accounts::DepositCollateral {
        owner,
        collateral,
        market,
        margin_account,
        mint: token.mint,
        vault: address::collateral_vault(&collateral),
        from,
        token_program: token.program,
        event_authority: address::event_authority(),
        program: ID,
    };
    let args = plimsoll::DepositCollateralArgs { amount };
    finish(accounts.to_account_metas(None), instruction::DepositCollateral { args }.data())
}

/// Takes `amount` atoms of a listed collateral to the token account `to`.
pub fn withdraw_collateral(
    owner: Pubkey,
    exchange: Pubkey,
    margin_account: Pubkey,
    token: Token,
    to: Pubkey,
    amount: u64,
    portfolio: &Portfolio,
) -> Instruction {
    let collateral = address::collateral(&exchange, &token.mint);
    let accounts = accounts::WithdrawCollateral {
        owner,
        exchange,
        collateral,
        margin_account,
        mint: token.mint,
        vault: address::collateral_vault(&collateral),
        to,
        token_program: token.program,
        event_authority: address::event_authority(),
        program: ID,
    };
    let args = plimsoll::WithdrawCollateralArgs { amount };
    finish(with(accounts.to_account_metas(None), portfolio, &[]), instruction::WithdrawCollateral { args }.data())
}

/// Queues a withdrawal of `amount` atoms to the token account `to`: of a listed collateral, or of the quote token where `collateral` is none.
#[allow(clippy::too_many_arguments, reason = "the instruction has this many free accounts")]
pub fn request_withdrawal(
    owner: Pubkey,
    exchange: Pubkey,
    margin_account: Pubkey,
    collateral: Option<Pubkey>,
    token: Token,
    to: Pubkey,
    amount: u64,
    portfolio: &Portfolio,
) -> Instruction {
    let accounts = accounts::RequestWithdrawal {
        owner,
        exchange,
        margin_account,
        collateral,
        request: address::withdrawal(&margin_account, &token.mint),
        to,
        system_program: SYSTEM,
        event_authority: address::event_authority(),
        program: ID,
    };
    let args = plimsoll::RequestWithdrawalArgs { amount };
    finish(with(accounts.to_account_metas(None), portfolio, &[]), instruction::RequestWithdrawal { args }.data())
}

/// Takes a queued withdrawal back.
pub fn cancel_withdrawal(owner: Pubkey, exchange: Pubkey, margin_account: Pubkey, collateral: Option<Pubkey>, token: Token) -> Instruction {
    let accounts = accounts::CancelWithdrawal {
        owner,
        exchange,
        margin_account,
        collateral,
        request: address::withdrawal(&margin_account, &token.mint),
        event_authority: address::event_authority(),
        program: ID,
    };
    finish(accounts.to_account_metas(None), instruction::CancelWithdrawal {}.data())
}

/// Pays a queued withdrawal of `owner` what it has been granted; `to` is the token account that the request names.
#[allow(clippy::too_many_arguments, reason = "the instruction has this many free accounts")]
pub fn process_withdrawal(
    owner: Pubkey,
    exchange: Pubkey,
    margin_account: Pubkey,
    collateral: Option<Pubkey>,
    token: Token,
    to: Pubkey,
    portfolio: &Portfolio,
) -> Instruction {
    let accounts = accounts::ProcessWithdrawal {
        exchange,
        margin_account,
        collateral,
        request: address::withdrawal(&margin_account, &token.mint),
        owner,
        mint: token.mint,
        vault: collateral.map_or_else(|| address::vault(&exchange), |collateral| address::collateral_vault(&collateral)),
        to,
        token_program: token.program,
        event_authority: address::event_authority(),
        program: ID,
    };
    finish(with(accounts.to_account_metas(None), portfolio, &[]), instruction::ProcessWithdrawal {}.data())
}

/// Trades; `makers` own the best orders on the other side.
pub fn place_order(
    authority: Pubkey,
    margin_account: Pubkey,
    market: MarketKeys,
    args: OrderArgs,
    portfolio: &Portfolio,
    makers: &[Pubkey],
) -> Instruction {
    let MarketKeys { market, book } = market;
    let event_authority = address::event_authority();
    let accounts = accounts::PlaceOrder { authority, margin_account, market, book, event_authority, program: ID };
    finish(with(accounts.to_account_metas(None), &portfolio.without(market), makers), instruction::PlaceOrder { args }.data())
}

/// Cancels one order.
pub fn cancel_order(authority: Pubkey, margin_account: Pubkey, market: MarketKeys, order: u64) -> Instruction {
    let MarketKeys { market, book } = market;
    let accounts = accounts::CancelOrder { authority, margin_account, market, book };
    let args = plimsoll::CancelOrderArgs { order };
    finish(accounts.to_account_metas(None), instruction::CancelOrder { args }.data())
}

/// Cancels all orders.
pub fn cancel_all(authority: Pubkey, margin_account: Pubkey) -> Instruction {
    finish(accounts::CancelAll { authority, margin_account }.to_account_metas(None), instruction::CancelAll {}.data())
}
