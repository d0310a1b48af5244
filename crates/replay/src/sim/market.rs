//! The markets as a participant reads them, and the publishing of prices.

use super::tally::Tally;
use crate::path::Tick;
use crate::world::{Chain, Listing, World, PAR};
use anyhow::Result;
use plimsoll_sdk::risk::margin::Health;
use plimsoll_sdk::risk::oracle::{permission, Action, Permission};
use plimsoll_sdk::risk::volatility::BUCKET;
use plimsoll_sdk::risk::Secs;
use plimsoll_sdk::state::{Collateral, MarginAccount, Market, RiskGroup};
use plimsoll_sdk::{build, preview};
use solana_pubkey::Pubkey;

/// How often funding is sampled, seconds.
const FUNDING_PERIOD: i64 = 300;

/// Markets and collaterals at one moment; health is computed against them.
pub struct Marks {
    /// By market number.
    pub markets: Vec<(Pubkey, Market)>,
    /// The collateral tokens.
    pub collaterals: Vec<(Pubkey, Collateral)>,
    /// The risk groups of the markets.
    pub groups: Vec<(Pubkey, RiskGroup)>,
    /// Unix seconds.
    pub now: i64,
}

impl Marks {
    /// Reads every market and the given collaterals.
    pub fn read(world: &World<impl Chain>, collaterals: &[Pubkey]) -> Self {
        let markets = world.markets.iter().enumerate().map(|(index, listed)| (listed.keys.market, world.market(index))).collect();
        let collaterals = collaterals.iter().filter_map(|key| Some((*key, world.read::<Collateral>(key)?))).collect();
        Self { markets, collaterals, groups: world.groups(), now: world.now }
    }

    /// Oracle price of a market, atoms a lot.
    pub fn price(&self, market: usize) -> i64 {
        self.markets[market].1.oracle.price
    }

    /// Health of an account at these prices, if the engine can compute it.
    pub fn health(&self, account: &MarginAccount) -> Option<Health> {
        preview::account_health(account, self, self.now).ok()
    }

    /// Whether the market's price allows `action` without restriction (RULES 2.2).
    pub fn allows(&self, market: usize, action: Action) -> bool {
        permission(self.markets[market].1.conditions(Secs::new(self.now)), action) == Permission::Allowed
    }

    /// Number of the market at `key`.
    pub fn index(&self, key: &Pubkey) -> Option<usize> {
        self.markets.iter().position(|(market, _)| market == key)
    }
}

impl preview::Accounts for Marks {
    fn market(&self, key: &Pubkey) -> Option<&Market> {
        self.markets.iter().find(|(market, _)| market == key).map(|(_, market)| market)
    }

    fn collateral(&self, key: &Pubkey) -> Option<&Collateral> {
        self.collaterals.iter().find(|(collateral, _)| collateral == key).map(|(_, collateral)| collateral)
    }

    fn group(&self, key: &Pubkey) -> Option<&RiskGroup> {
        self.groups.iter().find(|(group, _)| group == key).map(|(_, group)| group)
    }
}

/// SOL in lots of 0.01, BTC of 0.0001, ETH of 0.001, at the first prices of the path.
pub fn listings(first: &Tick) -> Vec<Listing> {
    let exponents = [("SOL", 2), ("BTC", 4), ("ETH", 3)];
    exponents.iter().zip(first.prices).map(|(&(symbol, lot_exponent), price)| Listing { symbol, lot_exponent, price: price.0 }).collect()
}

/// Moves the clock to a tick and publishes its prices, and the quote token's, which stands at par; where they end a bucket, the risk groups take it
/// in.
pub fn publish(world: &mut World<impl Chain>, tick: &Tick) -> Result<()> {
    let bucket = |now: i64| now / BUCKET.raw();
    let before = bucket(world.now);
    world.pass(tick.at - world.now);
    for (market, (price, confidence)) in tick.prices.iter().zip(tick.confidence).enumerate() {
        world.publish(market, price.0, confidence.0)?;
    }
    world.publish_quote(PAR, PAR / 2_500)?;
    if bucket(world.now) != before {
        world.update_groups()?;
    }
    Ok(())
}

/// Samples the funding of every market when it is time.
pub fn sample_funding(world: &mut World<impl Chain>, tally: &mut Tally) {
    if world.now % FUNDING_PERIOD != 0 {
        return;
    }
    let payer = world.payer.insecure_clone();
    for market in world.markets.clone() {
        if let Err(refused) = world.send(&[build::update_funding(market.keys)], &[&payer]) {
            tally.refuse("update_funding", refused.code);
        }
    }
}
