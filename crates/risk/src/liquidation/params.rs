//! Parameters of the liquidation rules.

use crate::error::{RiskError, RiskResult};
use crate::units::{Quote, Ratio, Secs};
use bytemuck::{Pod, Zeroable};

/// Parameters of RULES 6.1–6.3 and their defaults.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct LiquidationParams {
    /// Penalty at the flag, share of the value taken: 0.5 %.
    pub penalty_start: Ratio,
    /// Penalty at the end of the ramp: 1.5 %.
    pub penalty_end: Ratio,
    /// Length of the ramp: 600 s.
    pub penalty_ramp: Secs,
    /// Keeper's share of the nominal penalty, first in rank: 50 %.
    pub keeper_share: Ratio,
    /// Insurance tranche's share, second in rank: 40 %. The protocol gets what is left.
    pub insurance_share: Ratio,
    /// Least share of a leg in one slice: 20 %.
    pub slice_share: Ratio,
    /// A leg of less notional than this goes at once: $1000.
    pub whole_leg: Quote,
    /// Pause between two slices of a leg when E = MM; shrinks with E/MM: 30 s.
    pub slice_pause: Secs,
    /// Least distance between the two failing samples: 2 s.
    pub sample_gap: Secs,
    /// Largest distance between them; a later one counts as the first again: 60 s.
    pub sample_window: Secs,
    /// Largest age of the sample that starts a liquidation: 10 s.
    pub sample_age: Secs,
    /// Take-over opens at latest so long after the flag: 10 s.
    pub takeover_delay: Secs,
    /// A return within this time of clearing resumes the old clock: 1 h.
    pub reentry: Secs,
    /// Grace of an account that only an auto-deleveraging pushed under MM: 600 s.
    pub adl_grace: Secs,
    /// Below this sellable value an account without equity is bankrupt: $50.
    pub bankrupt_value: Quote,
}

impl Default for LiquidationParams {
    fn default() -> Self {
        Self {
            penalty_start: Ratio::of(5, 1_000),
            penalty_end: Ratio::of(15, 1_000),
            penalty_ramp: Secs::new(600),
            keeper_share: Ratio::of(1, 2),
            insurance_share: Ratio::of(2, 5),
            slice_share: Ratio::of(1, 5),
            whole_leg: Quote::new(1_000_000_000),
            slice_pause: Secs::new(30),
            sample_gap: Secs::new(2),
            sample_window: Secs::new(60),
            sample_age: Secs::new(10),
            takeover_delay: Secs::new(10),
            reentry: Secs::new(3_600),
            adl_grace: Secs::new(600),
            bankrupt_value: Quote::new(50_000_000),
        }
    }
}

impl LiquidationParams {
    /// Whether every parameter is in its range: 0 ≤ start ≤ end ≤ 5 %, shares that add up to at most 1, a slice share in (0, 1], spans
    /// that are not negative, gap ≤ window.
    ///
    /// Errors: [`RiskError::ParameterOutOfRange`].
    pub fn check(&self) -> RiskResult<()> {
        let spans = [self.sample_gap, self.sample_age, self.slice_pause, self.takeover_delay, self.reentry, self.adl_grace];
        let is_valid = !self.penalty_start.is_negative()
            && self.penalty_start <= self.penalty_end
            && self.penalty_end <= Ratio::of(5, 100)
            && self.penalty_ramp.is_positive()
            && !self.keeper_share.is_negative()
            && !self.insurance_share.is_negative()
            && self.keeper_share.add(self.insurance_share)? <= Ratio::ONE
            && self.slice_share.is_positive()
            && self.slice_share <= Ratio::ONE
            && !self.whole_leg.is_negative()
            && !self.bankrupt_value.is_negative()
            && self.sample_gap <= self.sample_window
            && !spans.into_iter().any(Secs::is_negative);
        if is_valid {
            Ok(())
        } else {
            Err(RiskError::ParameterOutOfRange)
        }
    }
}
