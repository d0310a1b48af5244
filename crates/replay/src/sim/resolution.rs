//! What follows a bankruptcy: closing lots against the other side, spreading the estate, absorbing the loss, and the rounds that take a deficit
//! from claims. Anyone may send any of it; here one resolver does, as soon as it is possible.

use super::market::Marks;
use super::tally::Tally;
use crate::world::World;
use plimsoll_sdk::build;
use plimsoll_sdk::risk::liquidation::AccountState;
use plimsoll_sdk::risk::oracle::Action;
use plimsoll_sdk::state::MarginAccount;
use solana_instruction::Instruction;
use solana_pubkey::Pubkey;

/// Touches in one transaction: it stays below 1,232 bytes.
const TOUCHES: usize = 12;
/// Rounds of one market closed in one step at most.
const ROUNDS_A_STEP: usize = 3;

/// Takes every bankrupt account among `accounts` as far as it can go now, then every market's deficit.
pub fn resolve(world: &mut World, marks: &Marks, accounts: &[Pubkey], tally: &mut Tally) {
    for key in accounts {
        let is_bankrupt = |account: &MarginAccount| account.liquidation.state == AccountState::Bankrupt.raw();
        if world.read::<MarginAccount>(key).is_some_and(|account| is_bankrupt(&account) && has_positions(&account)) {
            resolve_account(world, marks, key, tally);
        }
    }
    for market in 0..world.markets.len() {
        close_rounds(world, market, accounts, tally);
    }
}

fn has_positions(account: &MarginAccount) -> bool {
    account.perps.iter().any(|slot| slot.is_used())
}

/// Sends as the payer; whether it went through.
fn send(world: &mut World, what: &'static str, instructions: &[Instruction], tally: &mut Tally) -> bool {
    let payer = world.payer.insecure_clone();
    match world.send(instructions, &[&payer]) {
        Ok(sent) => {
            tally.note(&sent);
            true
        }
        Err(refused) => {
            tally.refuse(what, refused.code);
            false
        }
    }
}

/// Lots, then estate, then losses.
fn resolve_account(world: &mut World, marks: &Marks, key: &Pubkey, tally: &mut Tally) {
    let used = |world: &World| world.member(key).perps.into_iter().filter(|slot| slot.is_used()).collect::<Vec<_>>();
    for slot in used(world).iter().filter(|slot| slot.position.lots != 0) {
        let portfolio = world.portfolio(key);
        send(world, "deleverage", &[build::deleverage(slot.market, *key, &portfolio)], tally);
    }
    let has_estate = world.member(key).cash > 0 || used(world).iter().any(|slot| slot.position.lots == 0 && slot.position.quote > 0);
    if has_estate {
        let portfolio = world.portfolio(key);
        send(world, "settle_estate", &[build::settle_estate(*key, &portfolio)], tally);
    }
    for slot in used(world) {
        if slot.position.lots != 0 || slot.position.quote >= 0 || world.member(key).cash > 0 {
            continue;
        }
        let portfolio = world.portfolio(key);
        let resolve = build::resolve_bankruptcy(world.exchange, slot.market, *key, world.quote, &portfolio);
        send(world, "resolve_bankruptcy", &[resolve], tally);
        if let Some(index) = marks.index(&slot.market) {
            tally.see_rounds(index, &world.market(index).perp);
        }
    }
}

/// Registers everybody's claim in the open round of a market, closes it, and charges everybody, until no deficit waits.
fn close_rounds(world: &mut World, market: usize, accounts: &[Pubkey], tally: &mut Tally) {
    for _ in 0..ROUNDS_A_STEP {
        let books = world.market(market).perp;
        tally.see_rounds(market, &books);
        if books.pending_deficit == 0 && books.rounds.iter().all(|round| round.id == 0) {
            return;
        }
        let key = world.markets[market].keys.market;
        touch_all(world, market, accounts, tally);
        let is_open = world.market(market).perp.rounds.iter().any(|round| round.id != 0 && round.status == 1);
        if is_open || world.market(market).perp.pending_deficit > 0 {
            send(world, "advance_round", &[build::advance_round(key)], tally);
        }
        tally.see_rounds(market, &world.market(market).perp);
        touch_all(world, market, accounts, tally);
    }
}

/// Touches every position in a market, several in a transaction.
pub fn touch_all(world: &mut World, market: usize, accounts: &[Pubkey], tally: &mut Tally) {
    let key = world.markets[market].keys.market;
    let holders: Vec<Pubkey> = accounts.iter().copied().filter(|account| world.member(account).perp_index(&key).is_some()).collect();
    for batch in holders.chunks(TOUCHES) {
        let touches: Vec<_> = batch.iter().map(|account| build::touch(key, *account)).collect();
        if !send(world, "touch", &touches, tally) {
            for touch in touches {
                send(world, "touch", &[touch], tally);
            }
        }
        tally.see_rounds(market, &world.market(market).perp);
    }
}

/// Settles every position of every account whose price and margin allow it: losers pay the pool, winners whose claims have matured are paid.
pub fn settle_all(world: &mut World, marks: &Marks, accounts: &[Pubkey], tally: &mut Tally) {
    for key in accounts {
        let account = world.member(key);
        let is_open = |market: &Pubkey| marks.index(market).is_some_and(|index| marks.allows(index, Action::Settle));
        for slot in account.perps.iter().filter(|slot| slot.is_used() && is_open(&slot.market)) {
            let portfolio = world.portfolio(key);
            send(world, "settle", &[build::settle(slot.market, *key, &portfolio)], tally);
        }
    }
}
