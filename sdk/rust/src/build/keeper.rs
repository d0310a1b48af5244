//! What anyone may call to keep markets and accounts up to date.

use super::{finish, with, MarketKeys, Portfolio};
use crate::address;
use anchor_lang::{InstructionData, ToAccountMetas};
use plimsoll::{accounts, instruction};
use plimsoll_state::{RiskGroup, ID};
use solana_instruction::{AccountMeta, Instruction};
use solana_pubkey::Pubkey;

/// Brings a market to the price in `price_update`.
pub fn update_market(market: Pubkey, price_update: Pubkey) -> Instruction {
    finish(accounts::UpdateMarket { market, price_update }.to_account_metas(None), instruction::UpdateMarket {}.data())
}

/// Brings the exchange to the price of its quote token in `price_update`, and `markets` of it to the charge for a depeg.
pub fn update_quote(exchange: Pubkey, price_update: Pubkey, markets: &[Pubkey]) -> Instruction {
    let mut accounts = accounts::UpdateQuote { exchange, price_update }.to_account_metas(None);
    accounts.extend(markets.iter().map(|market| AccountMeta::new(*market, false)));
    finish(accounts, instruction::UpdateQuote {}.data())
}

/// Takes dead orders of `owners` off the book of `market`: margin accounts that cancelled all, or were closed; and expired orders.
pub fn sweep_orders(market: MarketKeys, owners: &[Pubkey]) -> Instruction {
    let mut accounts = accounts::SweepOrders { market: market.market, book: market.book }.to_account_metas(None);
    accounts.extend(owners.iter().map(|owner| AccountMeta::new(*owner, false)));
    finish(accounts, instruction::SweepOrders {}.data())
}

/// Brings the risk group at `key` to the last buckets of its markets.
pub fn update_group(key: Pubkey, group: &RiskGroup) -> Instruction {
    let mut accounts = accounts::UpdateGroup { group: key }.to_account_metas(None);
    accounts.extend(group.members().iter().map(|market| AccountMeta::new_readonly(*market, false)));
    finish(accounts, instruction::UpdateGroup {}.data())
}

/// Makes the price of a market final whose feed is dead.
pub fn begin_settling(market: Pubkey) -> Instruction {
    let accounts = accounts::BeginSettling { market, event_authority: address::event_authority(), program: ID };
    finish(accounts.to_account_metas(None), instruction::BeginSettling {}.data())
}

/// Samples the funding premium.
pub fn update_funding(market: MarketKeys) -> Instruction {
    let MarketKeys { market, book } = market;
    finish(accounts::UpdateFunding { market, book }.to_account_metas(None), instruction::UpdateFunding {}.data())
}

/// Brings a position up to date.
pub fn touch(market: Pubkey, margin_account: Pubkey) -> Instruction {
    let accounts = accounts::Touch { market, margin_account, event_authority: address::event_authority(), program: ID };
    finish(accounts.to_account_metas(None), instruction::Touch {}.data())
}

/// Brings a position up to date; `keeper`, another margin account, is paid if that registers a claim in a deficit round.
pub fn touch_for(market: Pubkey, margin_account: Pubkey, keeper: Pubkey) -> Instruction {
    let mut touch = touch(market, margin_account);
    touch.accounts.push(AccountMeta::new(keeper, false));
    touch
}

/// Settles one market's PnL of an account.
pub fn settle(market: Pubkey, margin_account: Pubkey, portfolio: &Portfolio) -> Instruction {
    let accounts = accounts::Settle { market, margin_account, event_authority: address::event_authority(), program: ID };
    finish(with(accounts.to_account_metas(None), &portfolio.without(market), &[]), instruction::Settle {}.data())
}

/// Returns an account's margin measures.
pub fn check_health(margin_account: Pubkey, portfolio: &Portfolio) -> Instruction {
    let accounts = accounts::CheckHealth { margin_account }.to_account_metas(None);
    finish(with(accounts, portfolio, &[]), instruction::CheckHealth {}.data())
}

/// Closes or opens a deficit round.
pub fn advance_round(market: Pubkey) -> Instruction {
    let accounts = accounts::AdvanceRound { market, event_authority: address::event_authority(), program: ID };
    finish(accounts.to_account_metas(None), instruction::AdvanceRound {}.data())
}
