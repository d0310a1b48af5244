//! What the stories and matrices share: a world with three markets, members, and the audit after every step.

pub mod attempts;
pub mod casts;
pub mod hostile;
pub mod ledger;
pub mod reject;
pub mod scene;
pub mod stage;

use anyhow::{bail, Result};
use plimsoll_replay::world::{audit, Listing, Member, Refused, World};
use plimsoll_sdk::build::{self, OrderArgs};

/// One dollar in quote atoms.
pub const USD: i64 = 1_000_000;
/// Buys.
pub const BUY: u8 = 0;
/// Sells.
pub const SELL: u8 = 1;
/// Rests what is not filled.
pub const LIMIT: u8 = 0;
/// Drops what is not filled.
pub const IOC: u8 = 1;
/// Never trades at once.
pub const POST_ONLY: u8 = 2;
/// When the stories begin: 10 October 2025, 12:00 UTC.
pub const START: i64 = 1_760_097_600;

/// SOL at $200 in lots of 0.01, BTC at $120,000 in lots of 0.0001, ETH at $4,300 in lots of 0.001.
pub fn three_listings() -> [Listing; 3] {
    [
        Listing { symbol: "SOL", lot_exponent: 2, price: 200 * USD },
        Listing { symbol: "BTC", lot_exponent: 4, price: 120_000 * USD },
        Listing { symbol: "ETH", lot_exponent: 3, price: 4_300 * USD },
    ]
}

/// A world with [`three_listings`] and no limits on withdrawals.
pub fn three_markets() -> Result<World> {
    World::new(&three_listings(), START)
}

/// A plain order.
pub fn order(side: u8, kind: u8, price: i64, lots: i64) -> OrderArgs {
    OrderArgs { side, kind, reduce_only: false, price, lots, expiry: 0, client_id: 0, max_fills: 8 }
}

/// Places an order of `member` in market `market`, `makers` passed.
pub fn place(world: &mut World, member: &Member, market: usize, args: OrderArgs, makers: &[&Member]) -> Result<u64, Refused> {
    use solana_signer::Signer;
    let keys = world.markets[market].keys;
    let portfolio = world.portfolio(&member.account);
    let makers: Vec<_> = makers.iter().map(|maker| maker.account).collect();
    let instruction = build::place_order(member.owner.pubkey(), member.account, keys, args, &portfolio, &makers);
    world.send(&[instruction], &[&member.owner]).map(|sent| sent.compute_units_consumed)
}

/// Fails with every broken law.
pub fn check(world: &World) -> Result<()> {
    let broken = audit::violations(world);
    if broken.is_empty() {
        Ok(())
    } else {
        bail!("{}", broken.join("\n"))
    }
}
