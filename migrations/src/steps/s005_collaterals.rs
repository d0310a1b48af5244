//! Every collateral token exists and is listed.

use super::token;
use crate::deployment::Collateral;
use crate::{Context, Found, Step};
use anyhow::{ensure, Result};
use plimsoll_sdk::{build, state};
use solana_signer::Signer;

pub(crate) struct Collaterals;

impl Step for Collaterals {
    fn name(&self) -> &'static str {
        "005 collaterals"
    }

    fn look(&self, context: &Context) -> Result<Found> {
        for collateral in &context.deployment.collaterals {
            let token = context.deployment.collateral_token(&context.keys.governor_key(), collateral)?;
            let mint = token::look_at_mint(context, &collateral.symbol, token, collateral.decimals)?;
            if mint != Found::Complete {
                return Ok(mint);
            }
            if !is_listed(context, collateral)? {
                return Ok(Found::Missing(format!("the listing of {}", collateral.symbol)));
            }
        }
        Ok(Found::Complete)
    }

    fn apply(&self, context: &Context) -> Result<()> {
        let governor = context.keys.governor_key();
        for collateral in &context.deployment.collaterals {
            let token = context.deployment.collateral_token(&governor, collateral)?;
            if token::look_at_mint(context, &collateral.symbol, token, collateral.decimals)? != Found::Complete {
                token::create_mint(context, &collateral.symbol, token, collateral.decimals)?;
            }
            if !is_listed(context, collateral)? {
                let market = pricing_market(context, collateral)?;
                token::send(context, &[build::create_collateral(context.keys.payer.pubkey(), governor, market, token, collateral.args())])?;
            }
        }
        Ok(())
    }
}

fn pricing_market(context: &Context, collateral: &Collateral) -> Result<solana_pubkey::Pubkey> {
    let index = context.deployment.market_index(&collateral.market)?;
    Ok(context.addresses()?.markets[index].market)
}

/// Whether a collateral is listed. Errors: with another market.
fn is_listed(context: &Context, collateral: &Collateral) -> Result<bool> {
    let token = context.deployment.collateral_token(&context.keys.governor_key(), collateral)?;
    let key = plimsoll_sdk::address::collateral(&context.addresses()?.exchange, &token.mint);
    let Some(listed) = context.cluster.read::<state::Collateral>(&key)? else { return Ok(false) };
    ensure!(
        listed.market == pricing_market(context, collateral)?,
        "the collateral {} is priced by the market {}",
        collateral.symbol,
        listed.market
    );
    Ok(true)
}
