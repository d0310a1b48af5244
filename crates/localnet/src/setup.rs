//! The clearing house on a fresh cluster: the program installed, the migrations run, and the result as a world of the replay.

use crate::node::Node;
use crate::rpc::{self, RpcChain};
use anyhow::{Context, Result};
use plimsoll_migrations::deployment::seeded;
use plimsoll_migrations::{Addresses, Deployment, Keys};
use plimsoll_replay::path::MARKETS;
use plimsoll_replay::world::{governor_key, payer_key, pyth, Listed, World};
use plimsoll_sdk::build::Token;
use plimsoll_sdk::PROGRAM_ID;
use solana_pubkey::Pubkey;

/// A cluster with everything on it.
pub struct Localnet {
    /// The exchange and its markets, without a price yet.
    pub world: World<RpcChain>,
    /// The collateral token.
    pub sol: Token,
    /// Where everything is.
    pub addresses: Addresses,
}

/// The keys of a development cluster: anybody can derive them.
pub fn keys() -> Keys {
    Keys { payer: payer_key(), governor: governor_key(), program: None }
}

/// Installs the program on `node` and runs the migrations of `deployment`; the clock is set to `now`, or stays.
pub fn establish(node: &Node, deployment: &Deployment, now: Option<i64>) -> Result<Localnet> {
    let (chain, program, keys) = (RpcChain::at(&node.url()), rpc::program()?, keys());
    chain.install(&PROGRAM_ID, &program, &keys.governor_key())?;
    let now = now.map_or_else(|| chain.now(), Ok)?;
    let mut world = World::on(chain, now, 0)?;
    let context = plimsoll_migrations::Context { cluster: world.svm.cluster(), deployment, keys: &keys, program: &program };
    plimsoll_migrations::run(&context)?;
    let addresses = context.addresses()?;
    world.quote = deployment.quote(&addresses.governor)?;
    world.quote_price = price_account(&addresses.governor, &deployment.quote.symbol)?;
    world.markets = listed(deployment, &addresses)?;
    let collateral = deployment.collaterals.first().context("the deployment has no collateral")?;
    let sol = deployment.collateral_token(&addresses.governor, collateral)?;
    Ok(Localnet { world, sol, addresses })
}

/// The account that the prices of a market, or of the quote token, are published in.
pub fn price_account(governor: &Pubkey, symbol: &str) -> Result<Pubkey> {
    seeded(governor, &format!("price-{symbol}"), &pyth::RECEIVER)
}

/// The markets as a world knows them. Errors: there are no prices for one of them.
fn listed(deployment: &Deployment, addresses: &Addresses) -> Result<Vec<Listed>> {
    let mut listed = Vec::new();
    for (market, at) in deployment.markets.iter().zip(&addresses.markets) {
        let known = MARKETS.into_iter().find(|known| known.name() == market.symbol);
        listed.push(Listed {
            symbol: known.with_context(|| format!("there are no prices for the market {}", market.symbol))?.name(),
            keys: at.keys(),
            feed: market.feed()?,
            price_account: price_account(&addresses.governor, &market.symbol)?,
            lot_exponent: market.lot_exponent,
        });
    }
    Ok(listed)
}
