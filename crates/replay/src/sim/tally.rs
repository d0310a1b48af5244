//! What the transactions of a run did, read from their events.

use anchor_lang::{AnchorDeserialize, Discriminator};
use litesvm::types::TransactionMetadata;
use plimsoll_sdk::events::{AdlExecuted, DeficitAbsorbed, Deleveraged, Liquidated};
use plimsoll_sdk::risk::perp::PerpMarket;
use solana_pubkey::Pubkey;
use std::collections::{BTreeMap, BTreeSet};

/// Counts and sums of a run.
#[derive(Default)]
pub struct Tally {
    /// Liquidation steps that closed something.
    pub liquidations: u64,
    /// The same since the last record.
    pub since_record: u64,
    /// By account.
    pub by_account: BTreeMap<Pubkey, u64>,
    /// Keeper's part of penalties, by liquidator.
    pub income: BTreeMap<Pubkey, i64>,
    /// Calls that came too late.
    pub lost_races: u64,
    /// Legs of bankrupt accounts closed against the opposite side.
    pub adl_events: u64,
    /// Accounts whose loss others paid.
    pub absorbed: BTreeSet<Pubkey>,
    /// Deficit and registered claims of every round, as last seen, by market number and round.
    rounds: BTreeMap<(usize, u32), (i64, i64)>,
    /// Refusals by what was tried and error number, to be told when a run goes wrong.
    pub refusals: BTreeMap<(&'static str, Option<u32>), u64>,
}

/// The events of type `T` that a transaction emitted by calling itself.
pub fn events<T: AnchorDeserialize + Discriminator>(sent: &TransactionMetadata) -> Vec<T> {
    let calls = sent.inner_instructions.iter().flatten().map(|inner| &inner.instruction.data);
    let bodies = calls.filter_map(|data| data.strip_prefix(anchor_lang::event::EVENT_IX_TAG_LE)?.strip_prefix(T::DISCRIMINATOR));
    bodies.filter_map(|mut body| T::deserialize(&mut body).ok()).collect()
}

impl Tally {
    /// Counts what a transaction did; whether it closed lots of a failing account.
    pub fn note(&mut self, sent: &TransactionMetadata) -> bool {
        let mut steps = events::<Liquidated>(sent);
        // Some only change an account's state.
        steps.retain(|step| step.book_lots != 0 || step.taken_lots != 0);
        for step in &steps {
            self.liquidations += 1;
            self.since_record += 1;
            *self.by_account.entry(step.header.account).or_default() += 1;
            *self.income.entry(step.liquidator).or_default() += step.keeper_income;
        }
        let cuts: usize =
            events::<AdlExecuted>(sent).iter().map(|executed| executed.cuts.iter().filter(|cut| cut.closed > 0).count()).sum();
        self.adl_events += u64::try_from(events::<Deleveraged>(sent).len() + cuts).unwrap_or(0);
        self.absorbed.extend(events::<DeficitAbsorbed>(sent).iter().map(|absorbed| absorbed.header.account));
        !steps.is_empty()
    }

    /// Notes a refusal.
    pub fn refuse(&mut self, what: &'static str, code: Option<u32>) {
        *self.refusals.entry((what, code)).or_default() += 1;
    }

    /// Notes the deficit rounds of market `index`.
    pub fn see_rounds(&mut self, index: usize, market: &PerpMarket) {
        for round in market.rounds.iter().filter(|round| round.id != 0) {
            self.rounds.insert((index, round.id), (round.deficit, round.claims));
        }
    }

    /// What rounds took from claims: the deficit, or all claims where they were fewer (the rest is then part of a later round), atoms.
    pub fn claims_cut(&self) -> i64 {
        self.rounds.values().map(|(deficit, claims)| deficit.min(claims)).sum()
    }
}
