//! Publishes prices on a running cluster: every tick as genuine price accounts, taken over by the markets; the quote token's, risk groups
//! and funding when due.

use crate::rpc::RpcChain;
use anyhow::Result;
use plimsoll_replay::path::Tick;
use plimsoll_replay::world::{pyth, World, PAR};
use plimsoll_sdk::build;
use plimsoll_sdk::risk::volatility::BUCKET;

/// Seconds between two samples of funding.
const FUNDING_PERIOD: i64 = 300;
/// Seconds between two prices of the quote token; of a longer gap a charge counts five minutes.
const QUOTE_PERIOD: i64 = 60;

/// Publishes a path on a world at the chain's own time.
pub struct Publisher {
    world: World<RpcChain>,
    ticks: Vec<Tick>,
    next: usize,
    funded: i64,
    quoted: i64,
    /// The bucket of the last prices.
    bucket: i64,
}

impl Publisher {
    /// A publisher that begins with the first of `ticks` and stays at the last.
    pub fn new(world: World<RpcChain>, ticks: Vec<Tick>) -> Self {
        Self { world, ticks, next: 0, funded: 0, quoted: 0, bucket: 0 }
    }

    /// The first prices, for two minutes of the chain's time, so that averages exist and trading is open (RULES 2.2).
    pub fn warm_up(&mut self) -> Result<()> {
        let prices: Vec<_> = self.ticks.first().map_or_else(Vec::new, |tick| tick.prices.iter().map(|price| price.0).collect());
        self.world.now = self.world.svm.now()?;
        self.world.warm_up(&prices)?;
        self.quoted = self.world.now;
        Ok(())
    }

    /// Publishes the next tick as of now.
    pub fn publish(&mut self) -> Result<()> {
        let Some(tick) = self.ticks.get(self.next) else { return Ok(()) };
        self.next = (self.next + 1).min(self.ticks.len() - 1);
        let now = self.world.svm.now()?;
        self.world.now = now;
        let mut updates = Vec::new();
        for (listed, (price, confidence)) in self.world.markets.iter().zip(tick.prices.iter().zip(tick.confidence)) {
            let update = pyth::Update::at(listed.feed, price.0, confidence.0, now);
            pyth::write(&mut self.world.svm, listed.price_account, &update, 0)?;
            updates.push(build::update_market(listed.keys.market, listed.price_account));
        }
        let payer = self.world.payer.insecure_clone();
        self.world.send(&updates, &[&payer])?;
        if now / BUCKET.raw() != self.bucket {
            self.world.update_groups()?;
            self.bucket = now / BUCKET.raw();
        }
        if now - self.quoted >= QUOTE_PERIOD {
            self.world.publish_quote(PAR, PAR / 2_500)?;
            self.quoted = now;
        }
        if now - self.funded >= FUNDING_PERIOD {
            let samples: Vec<_> = self.world.markets.iter().map(|listed| build::update_funding(listed.keys)).collect();
            self.world.send(&samples, &[&payer])?;
            self.funded = now;
        }
        Ok(())
    }

    /// The world published on.
    pub fn world(&self) -> &World<RpcChain> {
        &self.world
    }
}
