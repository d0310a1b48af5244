//! The quote token exists.

use super::token;
use crate::{Context, Found, Step};
use anyhow::Result;

pub(crate) struct QuoteMint;

impl Step for QuoteMint {
    fn name(&self) -> &'static str {
        "002 quote mint"
    }

    fn look(&self, context: &Context) -> Result<Found> {
        let quote = &context.deployment.quote;
        token::look_at_mint(context, &quote.symbol, context.deployment.quote(&context.keys.governor_key())?, quote.decimals)
    }

    fn apply(&self, context: &Context) -> Result<()> {
        let quote = &context.deployment.quote;
        token::create_mint(context, &quote.symbol, context.deployment.quote(&context.keys.governor_key())?, quote.decimals)
    }
}
