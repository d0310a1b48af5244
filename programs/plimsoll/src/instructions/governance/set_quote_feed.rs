//! Names the Pyth feed of the quote token, from which `update_quote` measures a depeg (RULES 4.4). Only the governor, and only once: like a market's
//! feed it stays, because whoever could exchange it could raise every requirement at will.

use crate::errors::{OrRefuse, PlimsollError};
use crate::position::require_version;
use anchor_lang::prelude::*;
use plimsoll_risk::oracle::PegState;
use plimsoll_state::Exchange;

/// Arguments of `set_quote_feed`.
#[derive(AnchorSerialize, AnchorDeserialize, Clone, Copy)]
pub struct SetQuoteFeedArgs {
    /// Pyth feed, dollars a token; not zero.
    pub feed: [u8; 32],
    /// Exponent of the feed, −26 ..= 10.
    pub exponent: i32,
}

/// Accounts of `set_quote_feed`.
#[derive(Accounts)]
pub struct SetQuoteFeed<'info> {
    /// Decides.
    pub governor: Signer<'info>,
    /// The clearing house.
    #[account(mut, has_one = governor @ PlimsollError::NotGovernor)]
    pub exchange: AccountLoader<'info, Exchange>,
}

impl SetQuoteFeed<'_> {
    fn validate(&self, args: &SetQuoteFeedArgs) -> Result<PegState> {
        let exchange = self.exchange.load()?;
        require_version(exchange.version)?;
        require!(exchange.quote_feed == [0; 32], PlimsollError::QuoteFeedNamed);
        require!(args.feed != [0; 32], PlimsollError::ParameterOutOfRange);
        PegState::new(args.exponent).or_refuse()
    }
}

/// There is no charge before the first price.
pub(crate) fn handler(ctx: Context<SetQuoteFeed>, args: SetQuoteFeedArgs) -> Result<()> {
    let peg = ctx.accounts.validate(&args)?;
    let mut exchange = ctx.accounts.exchange.load_mut()?;
    exchange.quote_feed = args.feed;
    exchange.peg = peg.into();
    exchange.sequence = exchange.sequence.wrapping_add(1);
    Ok(())
}
