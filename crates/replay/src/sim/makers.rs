//! Well-funded makers: a ladder of post-only orders on each side of the oracle, moved when the price or their inventory has.

use super::market::Marks;
use super::tally::Tally;
use crate::world::{Chain, Member, World};
use anyhow::Result;
use plimsoll_sdk::build::{self, OrderArgs};
use plimsoll_sdk::state::MarginAccount;
use solana_pubkey::Pubkey;
use solana_signer::Signer;

/// Buys.
pub const BUY: u8 = 0;
/// Sells.
pub const SELL: u8 = 1;
/// Drops what is not filled.
pub const IOC: u8 = 1;
/// Never trades at once.
const POST_ONLY: u8 = 2;

/// What makers are and how they quote.
#[derive(Clone, Copy, Debug)]
pub struct MakerStyle {
    /// How many.
    pub count: usize,
    /// Cash of each, atoms.
    pub cash: i64,
    /// Value of each order, atoms.
    pub order: i64,
    /// Value of a position beyond which a maker quotes only the side that lowers it.
    pub inventory: i64,
    /// A move of one step, in 1/100 000 of the price, at which makers take their quotes away.
    pub nerve: i64,
    /// Steps without such a move after which they return.
    pub pause: usize,
}

/// Orders a side.
const LEVELS: i64 = 3;
/// Half of the spread in calm markets, in 1/100 000 of the price.
const HALF_SPREAD: i64 = 40;
/// Distance of a further level, same unit.
const LEVEL_STEP: i64 = 25;
/// A quote moves when the price has moved so far, same unit.
const REQUOTE: i64 = 60;
/// Unit of the above.
const SCALE: i64 = 100_000;

struct Maker {
    member: Member,
    /// Lots held when last quoted, by market.
    held: Vec<i64>,
}

/// All makers.
pub struct Makers {
    style: MakerStyle,
    makers: Vec<Maker>,
    /// Price around which each market was quoted last.
    quoted: Vec<i64>,
    /// Price of each market one step ago.
    last: Vec<i64>,
    /// Steps for which each market's makers stay away.
    away: Vec<usize>,
}

impl Makers {
    /// Joins the world.
    pub fn join(world: &mut World<impl Chain>, style: MakerStyle) -> Result<Self> {
        let markets = world.markets.len();
        let cash = style.cash.unsigned_abs();
        let makers = (0..style.count).map(|_| Ok(Maker { member: world.join(cash, cash)?, held: vec![0; markets] }));
        Ok(Self { style, makers: makers.collect::<Result<_>>()?, quoted: vec![0; markets], last: vec![0; markets], away: vec![0; markets] })
    }

    /// Their margin accounts.
    pub fn accounts(&self) -> Vec<Pubkey> {
        self.makers.iter().map(|maker| maker.member.account).collect()
    }

    /// A new price: quotes are taken away in a market that runs, moved where they are off, filled up where they were taken.
    pub fn see_prices(&mut self, world: &mut World<impl Chain>, marks: &Marks, tally: &mut Tally) {
        for market in 0..world.markets.len() {
            let price = marks.price(market);
            let move_of_step = if self.last[market] == 0 { 0 } else { relative(price, self.last[market]) };
            self.last[market] = price;
            if move_of_step >= self.style.nerve {
                self.withdraw(world, market, tally);
            } else if self.away[market] > 0 {
                self.away[market] -= 1;
            } else if relative(price, self.quoted[market]) >= REQUOTE || self.is_depleted(world, market) {
                self.quote(world, marks, market, move_of_step, tally);
            }
        }
    }

    /// Fills the books up between two prices.
    pub fn refill(&mut self, world: &mut World<impl Chain>, marks: &Marks, market: usize, tally: &mut Tally) {
        if self.away[market] == 0 && self.is_depleted(world, market) {
            self.quote(world, marks, market, 0, tally);
        }
    }

    fn withdraw(&mut self, world: &mut World<impl Chain>, market: usize, tally: &mut Tally) {
        for maker in &self.makers {
            maker.cancel(world, market, tally);
        }
        self.away[market] = self.style.pause;
        self.quoted[market] = 0;
    }

    /// Replaces every order in `market`. All are cancelled before any is placed, so that nobody's new bid meets another's old ask.
    fn quote(&mut self, world: &mut World<impl Chain>, marks: &Marks, market: usize, move_of_step: i64, tally: &mut Tally) {
        let price = marks.price(market);
        for maker in &self.makers {
            maker.cancel(world, market, tally);
        }
        let all = self.accounts();
        let mut is_placed = true;
        for maker in &mut self.makers {
            let account = world.member(&maker.member.account);
            maker.held[market] = lots_in(&account, &world.markets[market].keys.market);
            let ladder = ladder(&self.style, price, maker.held[market], move_of_step);
            is_placed &= maker.place(world, market, &ladder, &all, tally);
        }
        self.quoted[market] = if is_placed { price } else { 0 };
    }

    /// Whether somebody's position has changed by more than an order since it quoted.
    fn is_depleted(&self, world: &World<impl Chain>, market: usize) -> bool {
        let key = world.markets[market].keys.market;
        let order = self.style.order / self.quoted[market].max(1);
        self.makers.iter().any(|maker| (lots_in(&world.member(&maker.member.account), &key) - maker.held[market]).abs() > order)
    }
}

impl Maker {
    fn cancel(&self, world: &mut World<impl Chain>, market: usize, tally: &mut Tally) {
        let keys = world.markets[market].keys;
        let account = world.member(&self.member.account);
        let slot = account.perp_index(&keys.market);
        let orders = account.orders.iter().filter(|order| order.is_used() && slot == Some(usize::from(order.slot)));
        let owner = self.member.owner.pubkey();
        let cancels: Vec<_> = orders.map(|order| build::cancel_order(owner, self.member.account, keys, order.id)).collect();
        if !cancels.is_empty() {
            if let Err(refused) = world.send(&cancels, &[&self.member.owner]) {
                tally.refuse("maker cancels", refused.code);
            }
        }
    }

    /// Whether the whole ladder rests.
    fn place(&self, world: &mut World<impl Chain>, market: usize, ladder: &[OrderArgs], makers: &[Pubkey], tally: &mut Tally) -> bool {
        if ladder.is_empty() {
            return true;
        }
        let keys = world.markets[market].keys;
        let portfolio = world.portfolio(&self.member.account);
        let others: Vec<_> = makers.iter().copied().filter(|key| *key != self.member.account).collect();
        let owner = self.member.owner.pubkey();
        let order = |args: &OrderArgs| build::place_order(owner, self.member.account, keys, *args, &portfolio, &others);
        let orders: Vec<_> = ladder.iter().map(order).collect();
        match world.send(&orders, &[&self.member.owner]) {
            Ok(_) => true,
            Err(refused) => {
                tally.refuse("maker quotes", refused.code);
                false
            }
        }
    }
}

/// Distance of `price` from `from` in 1/100 000.
fn relative(price: i64, from: i64) -> i64 {
    if from == 0 {
        return SCALE;
    }
    (price - from).abs() * SCALE / from
}

/// Lots held in a market as last touched.
pub fn lots_in(account: &MarginAccount, market: &Pubkey) -> i64 {
    account.perp_index(market).map_or(0, |slot| account.perps[slot].position.lots)
}

/// The orders of a maker with `held` lots: wider after a large move, and none on a side that would carry the position beyond its limit.
fn ladder(style: &MakerStyle, price: i64, held: i64, move_of_step: i64) -> Vec<OrderArgs> {
    // Half of the last move is added: nobody quotes tight into a market that runs.
    let half = HALF_SPREAD + move_of_step / 2;
    let value = held * price;
    let lots = (style.order / price).max(1);
    let order = |side: u8, level: i64| {
        let distance = price * (half + level * LEVEL_STEP) / SCALE;
        let price = if side == BUY { price - distance } else { price + distance };
        OrderArgs { side, kind: POST_ONLY, reduce_only: false, price, lots, expiry: 0, client_id: 0, max_fills: 8 }
    };
    let sides = [(BUY, value < style.inventory), (SELL, value > -style.inventory)];
    sides.iter().filter(|(_, is_quoted)| *is_quoted).flat_map(|&(side, _)| (0..LEVELS).map(move |level| order(side, level))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::population::USD;

    const STYLE: MakerStyle = MakerStyle { count: 1, cash: 0, order: 100_000 * USD, inventory: 1_000_000 * USD, nerve: 600, pause: 3 };

    #[test]
    fn a_ladder_stands_around_the_price_and_widens_with_it() {
        let calm = ladder(&STYLE, 2_000_000, 0, 0);
        assert_eq!(calm.len(), 6);
        assert!(calm.iter().all(|order| (order.side == BUY) == (order.price < 2_000_000) && order.lots == 50_000));
        assert_eq!((calm[0].price, calm[3].price), (1_999_200, 2_000_800));
        // After a move of 1 % the best bid stands another half percent lower.
        assert_eq!(ladder(&STYLE, 2_000_000, 0, 1_000)[0].price, 1_989_200);
    }

    #[test]
    fn a_full_inventory_is_not_added_to() {
        let long = ladder(&STYLE, 2_000_000, 600_000, 0);
        assert!(long.len() == 3 && long.iter().all(|order| order.side == SELL));
        let short = ladder(&STYLE, 2_000_000, -600_000, 0);
        assert!(short.len() == 3 && short.iter().all(|order| order.side == BUY));
    }
}
