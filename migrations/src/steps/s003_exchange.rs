//! The exchange is open, with its vaults and its insurance fund.

use super::token;
use crate::{Context, Found, Step};
use anyhow::{ensure, Result};
use plimsoll_sdk::{build, state};
use solana_signer::Signer;

pub(crate) struct Exchange;

impl Step for Exchange {
    fn name(&self) -> &'static str {
        "003 exchange"
    }

    fn look(&self, context: &Context) -> Result<Found> {
        let addresses = context.addresses()?;
        let Some(exchange) = context.cluster.read::<state::Exchange>(&addresses.exchange)? else {
            return Ok(Found::Missing(format!("the exchange {}", addresses.exchange)));
        };
        let args = context.deployment.exchange_args(&addresses.governor)?;
        ensure!(exchange.quote_mint == addresses.quote_mint, "the exchange has the quote mint {}", exchange.quote_mint);
        // Limits are parameters and move by governance; who holds a role is part of the deployment.
        ensure!(exchange.guardian == args.guardian, "the exchange has the guardian {}", exchange.guardian);
        ensure!(exchange.fee_collector == args.fee_collector, "the exchange has the fee collector {}", exchange.fee_collector);
        Ok(Found::Complete)
    }

    fn apply(&self, context: &Context) -> Result<()> {
        let governor = context.keys.governor_key();
        let (quote, args) = (context.deployment.quote(&governor)?, context.deployment.exchange_args(&governor)?);
        token::send(context, &[build::initialize_exchange(context.keys.payer.pubkey(), governor, quote, args)])
    }
}
