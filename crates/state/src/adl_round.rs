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
        self.age(now) < REGISTRATION
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
        } else if self.is_executing(now) && u32::from(self.count) > self.executed {
            IndexPermission::Executing
        } else {
            IndexPermission::Allowed
        }
    }

    /// Lists a candidate. One that is listed already moves up when its leverage has risen, never down. [A score must not be lowered by cash that
    /// comes and goes.] A full list drops its last for a better one. Whether the account was not listed before.
    ///
    /// Errors: [`RiskError::QuantityOutOfRange`] for less than a 64th of the round's lots; [`RiskError::WrongState`] for one that is listed with
    /// this leverage or more; [`RiskError::LimitExceeded`] when the list is full of better ones.
    pub fn register(&mut self, candidate: Candidate) -> RiskResult<bool> {
        let least = div(Lots::new(self.lots).abs()?.raw(), plimsoll_risk::perp::CANDIDATE_PART, Round::Ceil)?;
        if candidate.lots < least {
            return Err(RiskError::QuantityOutOfRange);
        }
        let count = usize::from(self.count);
        let listed = self.candidates.get_mut(..count).ok_or(RiskError::WrongState)?;
        let mut is_new = true;
        if let Some(known) = listed.iter_mut().find(|known| is_of(known, &candidate.account)) {
            if candidate.rank(known).is_ge() {
                return Err(RiskError::WrongState);
            }
            *known = candidate.into();
            is_new = false;
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
        Ok(is_new)
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::arithmetic_side_effects, clippy::as_conversions)]
    use super::*;
    use bytemuck::Zeroable;

    /// `number` times levered, on $1.
    fn candidate(number: u8) -> Candidate {
        let account = Key::from_bytes([number; 32]);
        Candidate { account, exposure: i64::from(number) * 1_000_000, equity: 1_000_000, lots: 100, cut: 0 }
    }

    fn round() -> AdlRound {
        AdlRound { lots: -6_400, ..AdlRound::zeroed() }
    }

    /// RULES 7.2: the order of registration decides nothing, a better one drives out the worst.
    #[test]
    fn a_full_list_keeps_the_most_levered() {
        let mut round = round();
        for number in (1..=32).rev() {
            round.register(candidate(number)).unwrap();
        }
        assert_eq!(round.register(candidate(1)), Err(RiskError::WrongState), "listed");
        assert_eq!(round.register(Candidate { exposure: 0, ..candidate(40) }), Err(RiskError::LimitExceeded));
        round.register(candidate(40)).unwrap();
        assert_eq!(round.count, 32);
        assert!(round.cut_of(&candidate(1).account).is_none() && !round.listed().iter().any(|one| is_of(one, &candidate(1).account)));
        assert_eq!(round.register(candidate(1)), Err(RiskError::LimitExceeded));
        // One that is listed may move up.
        let higher = Candidate { exposure: 90_000_000, ..candidate(2) };
        assert_eq!(round.register(higher), Ok(false), "it was listed already");
        assert_eq!(round.count, 32);
        round.fix(Lots::new(50), Price::new(1_000_000)).unwrap();
        assert_eq!(round.cut_of(&higher.account).map(|(rank, one)| (rank, one.cut)), Some((1, 50)));
    }

    #[test]
    fn dust_is_no_candidate() {
        let mut round = round();
        assert_eq!(round.register(Candidate { lots: 99, ..candidate(1) }), Err(RiskError::QuantityOutOfRange));
        assert_eq!(round.register(candidate(1)), Ok(true));
        // A 64th of 6,401 is a hundred and a bit.
        let mut larger = AdlRound { lots: 6_401, ..AdlRound::zeroed() };
        assert_eq!(larger.register(candidate(1)), Err(RiskError::QuantityOutOfRange));
        assert_eq!(larger.register(Candidate { lots: 101, ..candidate(1) }), Ok(true));
    }

    #[test]
    fn cuts_are_fixed_once_and_executed_once() {
        let mut round = round();
        for number in [3, 2, 1] {
            round.register(candidate(number)).unwrap();
        }
        // Half of 100 lots at $0.02 is $1: the first goes from 3x to 2x and joins the second.
        round.fix(Lots::new(40), Price::new(20_000)).unwrap();
        let planned = (round.planned, round.executed, round.price);
        assert_eq!(planned, (40, 2, 20_000));
        round.fix(Lots::new(90), Price::new(10_000)).unwrap();
        assert_eq!((round.planned, round.executed, round.price), planned, "a second call changes nothing");
        let (rank, one) = round.cut_of(&candidate(3).account).unwrap();
        assert_eq!((rank, one.cut), (1, 40));
        round.record(rank, Lots::new(40)).unwrap();
        assert!(round.cut_of(&candidate(3).account).is_none());
        assert_eq!(round.record(rank, Lots::new(40)), Err(RiskError::WrongState));
        assert_eq!((round.executed, round.closed), (3, 40));
        assert_eq!([-7, 8, 1_000].map(|lots| AdlRound::bounded(40, Lots::new(lots))), [4, 4, 40].map(|lots| Ok(Lots::new(lots))));
    }

    #[test]
    fn the_index_waits_for_registration_and_for_cuts_and_no_longer() {
        let mut round = AdlRound { opened_at: 1_000, ..round() };
        let at = |round: &AdlRound, age: i64| round.index_permission(Secs::new(1_000 + age));
        assert_eq!(
            (at(&round, 59), at(&round, 60), at(&round, 600)),
            (IndexPermission::Registering, IndexPermission::Allowed, IndexPermission::Expired)
        );
        round.register(candidate(3)).unwrap();
        assert_eq!(
            (at(&round, 60), at(&round, 119), at(&round, 120)),
            (IndexPermission::Executing, IndexPermission::Executing, IndexPermission::Allowed)
        );
        round.fix(Lots::new(10), Price::new(20_000)).unwrap();
        round.record(1, Lots::new(10)).unwrap();
        assert_eq!(at(&round, 60), IndexPermission::Allowed);
        assert!(round.is_expired(Secs::new(1_600)) && !round.is_expired(Secs::new(1_599)));
        assert!(round.is_registering(Secs::new(1_059)) && !round.is_registering(Secs::new(1_060)));
    }
}
