//! Traders join the world and open the positions of their plans against the makers' orders.

use super::makers::{lots_in, Makers, BUY, IOC, SELL};
use super::market::Marks;
use super::population::{Leg, Plan};
use super::tally::Tally;
use crate::world::{Chain, Member, World};
use anyhow::Result;
use plimsoll_sdk::build::{self, OrderArgs, Token};
use plimsoll_sdk::risk::Secs;
use plimsoll_sdk::state::MarginAccount;
use solana_signer::Signer;

/// Decimals of SOL.
pub const SOL_DECIMALS: u8 = 9;
/// Atoms of one SOL.
const SOL: i128 = 1_000_000_000;
/// How far from the oracle a trader buys or sells, in thousandths of the price.
const SLIPPAGE: i64 = 8;
/// Fee and distance from the oracle that a trader reckons with, in 1/100 000 of the value.
const TRADING_COST: i64 = 250;
/// Orders a trader sends for one leg at most.
const ATTEMPTS: usize = 6;

/// A trader who has joined.
pub struct Trader {
    /// Its keys.
    pub member: Member,
    /// What it wants.
    pub plan: Plan,
    /// Gross notional over equity after opening, hundredths.
    pub leverage: i64,
    /// Equity before opening.
    pub equity: i64,
    /// Steps in which it has tried to open its positions; the bound of them when it is done.
    pub tries: usize,
}

/// Brings a trader's deposit in; SOL is valued at the present price.
pub fn join(world: &mut World<impl Chain>, plan: Plan, sol: Token, sol_price: i64) -> Result<Trader> {
    let as_sol = plan.deposit / 100 * plan.sol_share;
    let cash = (plan.deposit - as_sol).unsigned_abs();
    let member = world.join(cash, cash)?;
    if as_sol > 0 {
        let amount = u64::try_from(i128::from(as_sol) * SOL / i128::from(sol_price))?;
        let owner = member.owner.pubkey();
        let wallet = world.wallet(sol, &owner, amount)?;
        let deposit = build::deposit_collateral(owner, world.exchange, member.account, world.markets[0].keys.market, sol, wallet, amount);
        world.send(&[deposit], &[&member.owner])?;
    }
    Ok(Trader { member, plan, leverage: 0, equity: 0, tries: 0 })
}

/// Opens every leg of a trader's plan, as far as its margin and the makers allow.
pub fn open(world: &mut World<impl Chain>, trader: &mut Trader, makers: &mut Makers, marks: &Marks, tally: &mut Tally) {
    let account = world.member(&trader.member.account);
    if trader.tries == 0 {
        trader.equity = marks.health(&account).map_or(0, |health| health.equity.raw());
    }
    trader.tries += 1;
    let mut is_open = true;
    for leg in trader.plan.legs.clone() {
        let key = world.markets[leg.market].keys.market;
        if lots_in(&world.member(&trader.member.account), &key) == 0 {
            open_leg(world, trader, &leg, makers, marks, tally);
            is_open &= lots_in(&world.member(&trader.member.account), &key) != 0;
        }
    }
    if is_open {
        trader.tries = usize::MAX;
    }
    let account = world.member(&trader.member.account);
    let health = Marks { now: world.now, ..Marks::read(world, &keys_of(marks)) }.health(&account);
    trader.leverage = health.map_or(0, |health| health.gross_notional.raw() / (health.equity.raw() / 100).max(1));
}

fn keys_of(marks: &Marks) -> Vec<solana_pubkey::Pubkey> {
    marks.collaterals.iter().map(|(key, _)| *key).collect()
}

/// Orders until the leg is as large as wanted; a refusal for want of margin makes it smaller, an empty book is refilled.
fn open_leg(world: &mut World<impl Chain>, trader: &Trader, leg: &Leg, makers: &mut Makers, marks: &Marks, tally: &mut Tally) {
    let keys = world.markets[leg.market].keys;
    let price = marks.price(leg.market);
    let account = world.member(&trader.member.account);
    let mut wanted = trader.plan.notional(leg).min(allowed(&account, leg.market, marks)) / price;
    let passed = makers.accounts();
    for _ in 0..ATTEMPTS {
        let held = lots_in(&world.member(&trader.member.account), &keys.market).abs();
        let lots = wanted - held;
        if lots * price < trader.plan.deposit.min(20_000_000) {
            return;
        }
        let portfolio = world.portfolio(&trader.member.account);
        let order = market_order(leg.is_long, price, lots, false);
        let place = build::place_order(trader.member.owner.pubkey(), trader.member.account, keys, order, &portfolio, &passed);
        match world.send(&[place], &[&trader.member.owner]) {
            Ok(_) => makers.refill(world, marks, leg.market, tally),
            Err(refused) => {
                tally.refuse("trader opens", refused.code);
                wanted = wanted * 85 / 100;
            }
        }
    }
}

/// Notional for which an account's spare margin suffices, what the trade costs included.
fn allowed(account: &MarginAccount, market: usize, marks: &Marks) -> i64 {
    let (Some(health), Ok(risk)) = (marks.health(account), marks.markets[market].1.risk(Secs::new(marks.now))) else { return 0 };
    let gap = ((risk.mark.raw() - risk.twap.raw()).abs() << 30) / risk.mark.raw();
    let cost = (TRADING_COST << 30) / 100_000;
    let need = risk.im_rate.raw() + gap.max(risk.confidence.raw()) + cost;
    let spare = (health.equity_im.raw() - health.im.raw()).max(0);
    i64::try_from((i128::from(spare) << 30) / i128::from(need)).unwrap_or(0)
}

/// An order that takes what rests within the slippage and drops the rest.
pub fn market_order(is_buy: bool, price: i64, lots: i64, reduce_only: bool) -> OrderArgs {
    let distance = price * SLIPPAGE / 1_000;
    let (side, price) = if is_buy { (BUY, price + distance) } else { (SELL, price - distance) };
    OrderArgs { side, kind: IOC, reduce_only, price, lots, expiry: 0, client_id: 0, max_fills: 8 }
}
