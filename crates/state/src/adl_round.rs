//! A round in which the lots of one bankrupt account are closed against candidates of the other side (RULES 7.2).

use crate::engine::AdlCandidate;
use crate::mirror::layout;
use crate::Pubkey;
#[cfg(feature = "anchor")]
use anchor_lang::{prelude::zero_copy, Discriminator};
use plimsoll_risk::book::Key;
use plimsoll_risk::perp::ranking::CANDIDATES;
use plimsoll_risk::perp::{water_fill, Candidate};
use plimsoll_risk::units::div;
use plimsoll_risk::{Lots, Price, Quote, RiskError, RiskResult, Round, Secs};

/// Candidates register for this long, seconds.
pub const REGISTRATION: i64 = 60;
/// Cuts that are not executed this long after the opening lapse, and the side index takes the lots, seconds.
pub const EXECUTION: i64 = 120;
/// A round this old counts no more: the account needs a new one, seconds.
pub const LIFETIME: i64 = 600;
/// Positions worth less go to the side index at once: $1,000. [Less than a round costs.]
pub const SMALL_POSITION: Quote = Quote::new(1_000_000_000);

layout! {
    /// A round per market and bankrupt account.
    account AdlRound [b"plm:adlr", 8 + 4 * 32 + 8 + 6 * 8 + CANDIDATES * 64 + 64] {
        /// The exchange it belongs to.
        exchange: Pubkey,
        /// The market whose lots are closed.
        market: Pubkey,
        /// The bankrupt account.
        margin_account: Pubkey,
        /// Paid the rent and gets it back.
        opener: Pubkey,
        /// Layout version.
        version: u8,
        /// Bump of this address.
        bump: u8,
        /// 1 once the cuts are fixed.
        is_fixed: u8,
        /// Candidates in use.
        count: u8,
        /// Candidates that have been cut.
        executed: u32,
        /// When it was opened, unix seconds.
        opened_at: i64,
        /// Lots of the bankrupt account when it was opened; positive were long.
        lots: i64,
        /// Oracle price when the cuts were fixed, atoms per lot; 0 before.
        price: i64,
        /// Lots the cuts add up to.
        planned: i64,
        /// Lots closed by executed cuts.
        closed: i64,
        /// Counts every change of this account.
        sequence: u64,
        /// The candidates; once the cuts are fixed by rank, the most levered first.
        candidates: [AdlCandidate; CANDIDATES],
        /// Zero; later versions take their fields from here.
        reserve: [u64; 8],
    }
}

/// What the side index may do about a bankrupt account's lots now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IndexPermission {
    /// Close them.
    Allowed,
    /// Registration is running.
    Registering,
    /// Cuts wait to be executed.
    Executing,
    /// The round counts no more: close it and open another.
    Expired,
}

fn is_of(candidate: &Candidate, account: &Key) -> bool {
    candidate.account == *account
}

impl AdlRound {
    /// The candidates in use.
    pub fn listed(&self) -> &[AdlCandidate] {
        self.candidates.get(..usize::from(self.count)).unwrap_or(&self.candidates)
    }

    /// Seconds since the opening.
    fn age(&self, now: Secs) -> i64 {
        now.raw().saturating_sub(self.opened_at)
    }

    /// Whether candidates register at `now`.
    pub fn is_registering(&self, now: Secs) -> bool {
        self.is_fixed == 0 && self.age(now) < REGISTRATION
    }

    /// Whether cuts are executed at `now`.
    pub fn is_executing(&self, now: Secs) -> bool {
        (REGISTRATION..EXECUTION).contains(&self.age(now))
    }

    /// Whether the round counts no more.
    pub fn is_expired(&self, now: Secs) -> bool {
        self.age(now) >= LIFETIME
    }

    /// What the side index may do now (RULES 7.2: solvency never waits for anybody but this long).
    pub fn index_permission(&self, now: Secs) -> IndexPermission {
        if self.is_expired(now) {
            IndexPermission::Expired
        } else if self.age(now) < REGISTRATION {
            IndexPermission::Registering
        } else if self.is_executing(now) && self.count > 0 && u32::from(self.count) > self.executed {
            IndexPermission::Executing
        } else {
            IndexPermission::Allowed
        }
    }

    /// Lists a candidate. One that is listed already moves up when its leverage has risen, never down. [A score must not be lowered by cash that
    /// comes and goes.] A full list drops its last for a better one.
    ///
    /// Errors: [`RiskError::QuantityOutOfRange`] for less than a 64th of the round's lots; [`RiskError::WrongState`] for one that is listed with
    /// this leverage or more; [`RiskError::LimitExceeded`] when the list is full of better ones.
    pub fn register(&mut self, candidate: Candidate) -> RiskResult<()> {
        let least = div(Lots::new(self.lots).abs()?.raw(), plimsoll_risk::perp::CANDIDATE_PART, Round::Ceil)?;
        if candidate.lots < least {
            return Err(RiskError::QuantityOutOfRange);
        }
        let count = usize::from(self.count);
        let listed = self.candidates.get_mut(..count).ok_or(RiskError::WrongState)?;
        if let Some(known) = listed.iter_mut().find(|known| is_of(known, &candidate.account)) {
            if candidate.rank(known).is_ge() {
                return Err(RiskError::WrongState);
            }
            *known = candidate.into();
        } else if let Some(free) = self.candidates.get_mut(count) {
            *free = candidate.into();
            self.count = self.count.checked_add(1).ok_or(RiskError::Overflow)?;
        } else {
            let last = self.candidates.iter_mut().max_by(|one, other| one.rank(other)).ok_or(RiskError::WrongState)?;
            if candidate.rank(last).is_ge() {
                return Err(RiskError::LimitExceeded);
            }
            *last = candidate.into();
        }
        self.sequence = self.sequence.wrapping_add(1);
        Ok(())
    }

    /// Fixes the cuts for `lots` (magnitude) at `price`, once. Errors: the engine's.
    pub fn fix(&mut self, lots: Lots, price: Price) -> RiskResult<()> {
        if self.is_fixed != 0 {
            return Ok(());
        }
        let listed = self.candidates.get_mut(..usize::from(self.count)).ok_or(RiskError::WrongState)?;
        self.planned = water_fill(lots, price, bytemuck::cast_slice_mut(listed))?.raw();
        self.price = price.raw();
        self.is_fixed = 1;
        // Who is cut by nothing is done.
        let idle = listed.iter().filter(|candidate| candidate.cut == 0).count();
        self.executed = u32::try_from(idle).map_err(|_| RiskError::Overflow)?;
        self.sequence = self.sequence.wrapping_add(1);
        Ok(())
    }

    /// Rank (from 1) and cut of a listed candidate whose cut has not been executed.
    pub fn cut_of(&self, account: &Key) -> Option<(usize, AdlCandidate)> {
        let index = self.listed().iter().position(|candidate| is_of(candidate, account))?;
        let candidate = *self.listed().get(index)?;
        (candidate.cut > 0).then_some((index.saturating_add(1), candidate))
    }

    /// Notes that a candidate's cut has been executed with `closed` lots. Errors: [`RiskError::WrongState`] for one that has none.
    pub fn record(&mut self, rank: usize, closed: Lots) -> RiskResult<()> {
        let index = rank.checked_sub(1).ok_or(RiskError::WrongState)?;
        let candidate = self.candidates.get_mut(index).filter(|candidate| candidate.cut > 0).ok_or(RiskError::WrongState)?;
        candidate.cut = 0;
        self.executed = self.executed.checked_add(1).ok_or(RiskError::Overflow)?;
        self.closed = Lots::new(self.closed).add(closed)?.raw();
        self.sequence = self.sequence.wrapping_add(1);
        Ok(())
    }

    /// Most of a cut that a position of `lots` (signed) may still lose: half of what it is now. Errors: [`RiskError::Overflow`].
    pub fn bounded(cut: i64, lots: Lots) -> RiskResult<Lots> {
        Ok(Lots::new(cut.min(div(lots.abs()?.raw(), 2, Round::Ceil)?)))
    }
}
