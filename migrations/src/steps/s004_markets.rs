//! Every market is listed, each with its book; a market and its book come into being in one transaction.

use super::token;
use crate::deployment::book_name;
use crate::{Context, Found, Step};
use anyhow::{ensure, Result};
use plimsoll_sdk::state::{Market, OrderBook};
use plimsoll_sdk::{build, PROGRAM_ID};
use solana_signer::Signer;

pub(crate) struct Markets;

impl Step for Markets {
    fn name(&self) -> &'static str {
        "004 markets"
    }

    fn look(&self, context: &Context) -> Result<Found> {
        let mut missing = Vec::new();
        for index in 0..context.deployment.markets.len() {
            if !is_listed(context, index)? {
                missing.push(context.deployment.markets[index].symbol.as_str());
            }
        }
        Ok(if missing.is_empty() { Found::Complete } else { Found::Missing(missing.join(", ")) })
    }

    fn apply(&self, context: &Context) -> Result<()> {
        for index in 0..context.deployment.markets.len() {
            if !is_listed(context, index)? {
                list(context, index)?;
            }
        }
        Ok(())
    }
}

/// Whether market number `index` is there. Errors: it is another one.
fn is_listed(context: &Context, index: usize) -> Result<bool> {
    let (expected, addresses) = (&context.deployment.markets[index], context.addresses()?);
    let Some(market) = context.cluster.read::<Market>(&addresses.markets[index].market)? else { return Ok(false) };
    let args = expected.args(index)?;
    let symbol = String::from_utf8_lossy(&market.symbol);
    ensure!(market.symbol == args.symbol, "market {index} is {}, not {}", symbol.trim_end_matches('\0'), expected.symbol);
    ensure!(market.feed == args.feed, "market {} has another feed", expected.symbol);
    let (oracle, lot) = (market.oracle_params.exponent, market.oracle_params.lot_exponent);
    ensure!((oracle, lot) == (args.exponent, args.lot_exponent), "market {} has other units", expected.symbol);
    ensure!(market.book == addresses.markets[index].book, "market {} has the book {}", expected.symbol, market.book);
    Ok(true)
}

fn list(context: &Context, index: usize) -> Result<()> {
    let (addresses, args) = (context.addresses()?, context.deployment.markets[index].args(index)?);
    let book = token::create_seeded(context, &book_name(index), OrderBook::SPACE, &PROGRAM_ID)?;
    let market = build::create_market(context.keys.payer.pubkey(), addresses.governor, addresses.markets[index].book, args);
    token::send(context, &[book, market])
}
