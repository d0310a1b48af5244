//! The steps, in their order. A step keeps its number for ever; what is added later gets the next one.

mod s001_program;
mod s002_quote_mint;
mod s003_exchange;
mod s004_markets;
mod s005_collaterals;
mod s006_insurance;
mod s007_groups;
mod s008_quote_feed;
mod token;

use crate::Step;

/// Every step.
pub(crate) fn all() -> Vec<Box<dyn Step>> {
    vec![
        Box::new(s001_program::Program),
        Box::new(s002_quote_mint::QuoteMint),
        Box::new(s003_exchange::Exchange),
        Box::new(s004_markets::Markets),
        Box::new(s005_collaterals::Collaterals),
        Box::new(s006_insurance::Insurance),
        Box::new(s007_groups::Groups),
        Box::new(s008_quote_feed::QuoteFeed),
    ]
}
