//! Every risk group exists and has its markets. It begins without credit, which `update_group` measures from then on.

use super::token;
use crate::{Context, Found, Step};
use anyhow::{ensure, Result};
use plimsoll_sdk::build;
use plimsoll_sdk::state::{Market, RiskGroup};
use solana_pubkey::Pubkey;
use solana_signer::Signer;

pub(crate) struct Groups;

impl Step for Groups {
    fn name(&self) -> &'static str {
        "007 groups"
    }

    fn look(&self, context: &Context) -> Result<Found> {
        let mut missing = Vec::new();
        for number in 0..context.deployment.groups.len() {
            if !is_there(context, number)? {
                missing.push(context.deployment.groups[number].name.as_str());
            }
        }
        Ok(if missing.is_empty() { Found::Complete } else { Found::Missing(missing.join(", ")) })
    }

    fn apply(&self, context: &Context) -> Result<()> {
        for (number, expected) in context.deployment.groups.iter().enumerate() {
            if !is_there(context, number)? {
                let (payer, governor) = (context.keys.payer.pubkey(), context.keys.governor_key());
                let create = build::create_group(payer, governor, &members(context, number)?, expected.args(number)?);
                token::send(context, &[create])?;
            }
        }
        Ok(())
    }
}

/// The markets of group number `number`. Errors: the description has no such market.
fn members(context: &Context, number: usize) -> Result<Vec<Pubkey>> {
    let addresses = context.addresses()?;
    let market = |symbol: &String| Ok(addresses.markets[context.deployment.market_index(symbol)?].market);
    context.deployment.groups[number].markets.iter().map(market).collect()
}

/// Whether group number `number` is there. Errors: it has other markets, or one of its markets is in another group.
fn is_there(context: &Context, number: usize) -> Result<bool> {
    let (expected, members) = (&context.deployment.groups[number], members(context, number)?);
    let key = context.addresses()?.groups[number].group;
    for (symbol, market) in expected.markets.iter().zip(&members) {
        let bound = context.cluster.read::<Market>(market)?.map(|market| market.group).unwrap_or_default();
        ensure!(bound == Pubkey::default() || bound == key, "market {symbol} belongs to the group {bound}");
    }
    let Some(group) = context.cluster.read::<RiskGroup>(&key)? else { return Ok(false) };
    // Credit limits are parameters and move by governance; which markets a group has does not.
    ensure!(group.members() == members, "the group {} has other markets, or in another order", expected.name);
    Ok(true)
}
