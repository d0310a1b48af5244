//! Brings a risk group to the last buckets of its markets, and with it the credit between them (RULES 4.3). Anyone; without a bucket that two of
//! the markets have both ended since the last call it succeeds without effect, so that nobody can make a keeper's bundle fail by calling first.

use crate::errors::{OrRefuse, PlimsollError};
use crate::events::{GroupUpdated, Header};
use crate::position::require_version;
use anchor_lang::prelude::*;
use plimsoll_risk::correlation::{Measure, Sample, MEMBERS};
use plimsoll_state::{Market, RiskGroup};

/// Accounts of `update_group`. Remaining: the group's markets, in its order.
#[derive(Accounts)]
pub struct UpdateGroup<'info> {
    /// The group; its list says which markets are read.
    #[account(mut)]
    pub group: AccountLoader<'info, RiskGroup>,
}

/// Reads what each market says of its last bucket.
fn read_samples<'info>(group: &RiskGroup, infos: &'info [AccountInfo<'info>]) -> Result<[Sample; MEMBERS]> {
    require_version(group.version)?;
    require!(infos.len() == group.members().len(), PlimsollError::GroupMarkets);
    let mut samples = [Sample::default(); MEMBERS];
    for ((sample, key), info) in samples.iter_mut().zip(group.members()).zip(infos) {
        // The key was recorded from a market of this exchange; the loader checks owner and type again.
        require_keys_eq!(*info.key, *key, PlimsollError::GroupMarkets);
        let loader = AccountLoader::<Market>::try_from(info)?;
        let market = loader.load()?;
        require_version(market.version)?;
        *sample = market.vol.sample();
    }
    Ok(samples)
}

/// Takes in the samples; credits move.
pub(crate) fn handler<'info>(ctx: Context<'info, UpdateGroup<'info>>) -> Result<()> {
    let mut group = ctx.accounts.group.load_mut()?;
    let samples = read_samples(&group, ctx.remaining_accounts)?;
    let samples = samples.get(..group.members().len()).unwrap_or_default();
    let params = *group.params;
    let pairs = group.correlation.update(&params, samples).or_refuse()?;
    if pairs == 0 {
        return Ok(());
    }
    group.sequence = group.sequence.wrapping_add(1);
    group.invariant().or_refuse()?;
    let everything = group.everything();
    emit!(GroupUpdated {
        header: Header::new(&Clock::get()?, Pubkey::default(), ctx.accounts.group.key(), group.sequence),
        pairs,
        initial: group.correlation.credit(everything, Measure::Initial).raw(),
        maintenance: group.correlation.credit(everything, Measure::Maintenance).raw(),
    });
    Ok(())
}
