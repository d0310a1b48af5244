//! The exchange knows the feed of its quote token, from which a depeg is measured (RULES 4.4). A description without one leaves that open.

use super::token;
use crate::{Context, Found, Step};
use anyhow::{ensure, Result};
use plimsoll_sdk::build::{self, SetQuoteFeedArgs};
use plimsoll_sdk::state::Exchange;

pub(crate) struct QuoteFeed;

impl Step for QuoteFeed {
    fn name(&self) -> &'static str {
        "008 quote feed"
    }

    fn look(&self, context: &Context) -> Result<Found> {
        Ok(if missing(context)?.is_none() { Found::Complete } else { Found::Missing(context.deployment.quote.symbol.clone()) })
    }

    fn apply(&self, context: &Context) -> Result<()> {
        match missing(context)? {
            Some(args) => token::send(context, &[build::set_quote_feed(context.keys.governor_key(), args)]),
            None => Ok(()),
        }
    }
}

/// The feed that has yet to be named. Errors: another one is.
fn missing(context: &Context) -> Result<Option<SetQuoteFeedArgs>> {
    let Some(expected) = &context.deployment.quote_feed else { return Ok(None) };
    let args = expected.args(&context.deployment.quote.symbol)?;
    let Some(exchange) = context.cluster.read::<Exchange>(&context.addresses()?.exchange)? else { return Ok(Some(args)) };
    if exchange.quote_feed == [0; 32] {
        return Ok(Some(args));
    }
    ensure!((exchange.quote_feed, exchange.peg.exponent) == (args.feed, args.exponent), "the quote token has another feed");
    Ok(None)
}
