//! What follows a bankruptcy: closing lots against registered candidates and the other side's index, spreading the estate, absorbing the loss, and the
//! rounds that take a deficit from claims. Anyone may send any of it; here one resolver does, as soon as it is possible.

use super::market::Marks;
use super::tally::Tally;
use crate::world::{Chain, World};
use plimsoll_sdk::risk::liquidation::AccountState;
use plimsoll_sdk::risk::oracle::Action;
use plimsoll_sdk::risk::perp::{water_fill, Candidate, CANDIDATES, CANDIDATE_PART};
use plimsoll_sdk::risk::{Lots, Price, Secs};
use plimsoll_sdk::state::adl_round::{IndexPermission, SMALL_POSITION};
use plimsoll_sdk::state::{AdlRound, MarginAccount, PerpSlot};
use plimsoll_sdk::{address, build, preview};
use solana_instruction::Instruction;
use solana_pubkey::Pubkey;
use solana_signer::Signer;

/// Touches in one transaction: it stays below 1,232 bytes.
const TOUCHES: usize = 12;
/// Candidates cut in one transaction.
const CUTS: usize = 8;
/// Rounds of one market closed in one step at most.
const ROUNDS_A_STEP: usize = 3;

/// Takes every bankrupt account among `accounts` as far as it can go now, then every market's deficit. `keeper` is paid for what is paid.
pub fn resolve(world: &mut World<impl Chain>, marks: &Marks, accounts: &[Pubkey], keeper: &Pubkey, tally: &mut Tally) {
    for key in accounts {
        let is_bankrupt = |account: &MarginAccount| account.liquidation.state == AccountState::Bankrupt.raw();
        if world.read::<MarginAccount>(key).is_some_and(|account| is_bankrupt(&account) && has_positions(&account)) {
            resolve_account(world, marks, key, accounts, keeper, tally);
        }
    }
    for market in 0..world.markets.len() {
        close_rounds(world, market, accounts, keeper, tally);
    }
}

fn has_positions(account: &MarginAccount) -> bool {
    account.perps.iter().any(|slot| slot.is_used())
}

/// Sends as the payer; whether it went through.
fn send(world: &mut World<impl Chain>, what: &'static str, instructions: &[Instruction], tally: &mut Tally) -> bool {
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
fn resolve_account(world: &mut World<impl Chain>, marks: &Marks, key: &Pubkey, accounts: &[Pubkey], keeper: &Pubkey, tally: &mut Tally) {
    let used = |world: &World<_>| world.member(key).perps.into_iter().filter(|slot| slot.is_used()).collect::<Vec<_>>();
    for slot in used(world).iter().filter(|slot| slot.position.lots != 0) {
        close_lots(world, marks, key, slot, accounts, keeper, tally);
    }
    if used(world).iter().any(|slot| slot.position.lots != 0) {
        return;
    }
    let has_estate = world.member(key).cash > 0 || used(world).iter().any(|slot| slot.position.quote > 0);
    if has_estate {
        let portfolio = world.portfolio(key);
        send(world, "settle_estate", &[build::settle_estate(*key, &portfolio)], tally);
    }
    let is_owing = used(world).iter().any(|slot| slot.position.quote < 0);
    if is_owing && world.member(key).cash == 0 {
        let portfolio = world.portfolio(key);
        let resolve = build::resolve_bankruptcy(world.exchange, *key, world.quote, &portfolio);
        send(world, "resolve_bankruptcy", &[resolve], tally);
        for slot in used(world) {
            if let Some(index) = marks.index(&slot.market) {
                tally.see_rounds(index, &world.market(index).perp);
            }
        }
    }
}

/// One leg's way: a round and its candidates, their cuts a minute later, the side index for the rest.
fn close_lots(
    world: &mut World<impl Chain>,
    marks: &Marks,
    key: &Pubkey,
    slot: &PerpSlot,
    accounts: &[Pubkey],
    keeper: &Pubkey,
    tally: &mut Tally,
) {
    let Some(index) = marks.index(&slot.market).filter(|index| marks.allows(*index, Action::Deleverage)) else { return };
    let portfolio = world.portfolio(key);
    let is_small = slot.position.lots.abs().saturating_mul(marks.price(index)) < SMALL_POSITION.raw();
    let address = address::adl_round(&slot.market, key);
    let Some(round) = world.read::<AdlRound>(&address) else {
        let payer = world.payer.pubkey();
        if is_small {
            send(world, "deleverage", &[build::deleverage(slot.market, *key, &portfolio)], tally);
        } else if send(world, "open_adl_round", &[build::open_adl_round(payer, slot.market, *key, &portfolio)], tally) {
            for (candidate, portfolio) in candidates(world, marks, slot, accounts) {
                let register = build::register_candidate(slot.market, *key, candidate, *keeper, &portfolio);
                send(world, "register_candidate", &[register], tally);
            }
        }
        return;
    };
    let now = Secs::new(world.now);
    if round.is_executing(now) {
        for batch in due(&round, slot, marks.price(index)).chunks(CUTS) {
            if world.member(key).perps.iter().any(|own| own.market == slot.market && own.position.lots != 0) {
                send(world, "execute_adl", &[build::execute_adl(slot.market, *key, &portfolio, batch)], tally);
            }
        }
    }
    let is_left = world.member(key).perps.iter().any(|own| own.market == slot.market && own.position.lots != 0);
    let Some(round) = world.read::<AdlRound>(&address) else { return };
    if is_left && (is_small || round.index_permission(now) == IndexPermission::Allowed) {
        send(world, "deleverage", &[build::deleverage(slot.market, *key, &portfolio)], tally);
    }
    if !matches!(round.index_permission(now), IndexPermission::Registering | IndexPermission::Executing) {
        send(world, "close_adl_round", &[build::close_adl_round(slot.market, *key, round.opener)], tally);
    }
}

/// The candidates with a cut that has not been executed: by the round, or by what its first execution at `price` will find.
fn due(round: &AdlRound, slot: &PerpSlot, price: i64) -> Vec<Pubkey> {
    let mut listed: Vec<Candidate> = round.listed().iter().map(|one| **one).collect();
    if round.is_fixed == 0 && water_fill(Lots::new(slot.position.lots.abs()), Price::new(price), &mut listed).is_err() {
        return Vec::new();
    }
    listed.iter().filter(|one| one.cut > 0).map(|one| Pubkey::new_from_array(one.account.to_bytes())).collect()
}

/// The most levered accounts of the side that gains, as previewed, and what their registration reads.
fn candidates(world: &World<impl Chain>, marks: &Marks, slot: &PerpSlot, accounts: &[Pubkey]) -> Vec<(Pubkey, build::Portfolio)> {
    let lots = slot.position.lots;
    let mut found: Vec<(Candidate, Pubkey)> = Vec::new();
    for key in accounts {
        let account = world.member(key);
        let Some(own) = account.perps.iter().find(|own| own.market == slot.market) else { continue };
        if own.position.lots.signum() == lots.signum() {
            continue;
        }
        if let Ok(Some(candidate)) = preview::adl_candidate(key, &account, &slot.market, marks, world.now) {
            if candidate.lots.saturating_mul(CANDIDATE_PART) >= lots.abs() {
                found.push((candidate, *key));
            }
        }
    }
    found.sort_unstable_by(|(one, _), (other, _)| one.rank(other));
    found.truncate(CANDIDATES);
    found.into_iter().map(|(_, key)| (key, world.portfolio(&key))).collect()
}

/// Registers everybody's claim in the open round of a market, closes it, and charges everybody, until no deficit waits.
fn close_rounds(world: &mut World<impl Chain>, market: usize, accounts: &[Pubkey], keeper: &Pubkey, tally: &mut Tally) {
    for _ in 0..ROUNDS_A_STEP {
        let books = world.market(market).perp;
        tally.see_rounds(market, &books);
        if books.pending_deficit == 0 && books.rounds.iter().all(|round| round.id == 0) {
            return;
        }
        let key = world.markets[market].keys.market;
        touch_all(world, market, accounts, keeper, tally);
        let is_open = world.market(market).perp.rounds.iter().any(|round| round.id != 0 && round.status == 1);
        if is_open || world.market(market).perp.pending_deficit > 0 {
            send(world, "advance_round", &[build::advance_round(key)], tally);
        }
        tally.see_rounds(market, &world.market(market).perp);
        touch_all(world, market, accounts, keeper, tally);
    }
}

/// Touches every position in a market, several in a transaction.
pub fn touch_all(world: &mut World<impl Chain>, market: usize, accounts: &[Pubkey], keeper: &Pubkey, tally: &mut Tally) {
    let key = world.markets[market].keys.market;
    let holders: Vec<Pubkey> = accounts.iter().copied().filter(|account| world.member(account).perp_index(&key).is_some()).collect();
    for batch in holders.chunks(TOUCHES) {
        let touches: Vec<_> = batch
            .iter()
            .map(|account| if account == keeper { build::touch(key, *account) } else { build::touch_for(key, *account, *keeper) })
            .collect();
        if !send(world, "touch", &touches, tally) {
            for touch in touches {
                send(world, "touch", &[touch], tally);
            }
        }
        tally.see_rounds(market, &world.market(market).perp);
    }
}

/// Settles every position of every account whose price and margin allow it: losers pay the pool, winners whose claims have matured are paid.
pub fn settle_all(world: &mut World<impl Chain>, marks: &Marks, accounts: &[Pubkey], tally: &mut Tally) {
    for key in accounts {
        let account = world.member(key);
        let is_open = |market: &Pubkey| marks.index(market).is_some_and(|index| marks.allows(index, Action::Settle));
        for slot in account.perps.iter().filter(|slot| slot.is_used() && is_open(&slot.market)) {
            let portfolio = world.portfolio(key);
            send(world, "settle", &[build::settle(slot.market, *key, &portfolio)], tally);
        }
    }
}
