//! The insurance fund has received what it is to start with. What it pays out later is not made good by running this again.

use super::token;
use crate::deployment::{TOKEN_PROGRAM, TREASURY};
use crate::{Context, Found, Step};
use anchor_spl::token::spl_token::instruction as spl;
use anyhow::{bail, Result};
use plimsoll_sdk::{build, state};

pub(crate) struct Insurance;

impl Step for Insurance {
    fn name(&self) -> &'static str {
        "006 insurance"
    }

    fn look(&self, context: &Context) -> Result<Found> {
        let missing = missing(context)?;
        Ok(if missing == 0 { Found::Complete } else { Found::Missing(format!("{missing} atoms in the insurance fund")) })
    }

    fn apply(&self, context: &Context) -> Result<()> {
        let (addresses, deployment) = (context.addresses()?, context.deployment);
        let amount = missing(context)?;
        if context.cluster.account(&addresses.treasury)?.is_none() {
            token::create_wallet(context, TREASURY, &addresses.quote_mint)?;
        }
        let lacking = amount.saturating_sub(context.cluster.tokens(&addresses.treasury)?);
        if lacking > 0 {
            if deployment.quote.mint.is_some() {
                bail!("the fund is to receive {amount} atoms: send {lacking} more to {} and run again", addresses.treasury);
            }
            let mint = spl::mint_to(&TOKEN_PROGRAM, &addresses.quote_mint, &addresses.treasury, &addresses.governor, &[], lacking)?;
            token::send(context, &[mint])?;
        }
        let quote = deployment.quote(&addresses.governor)?;
        token::send(context, &[build::fund_insurance(addresses.governor, addresses.exchange, quote, addresses.treasury, amount)])
    }
}

/// Atoms the fund has yet to receive.
fn missing(context: &Context) -> Result<u64> {
    let key = context.addresses()?.insurance;
    let paid_in = context.cluster.read::<state::InsuranceFund>(&key)?.map_or(0, |fund| fund.paid_in);
    Ok(u64::try_from(context.deployment.insurance.saturating_sub(paid_in)).unwrap_or(0))
}
