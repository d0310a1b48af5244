//! A switch that turns itself off (RULES 9.3): 30 minutes, at most twice in a row, at most three times a day.

use crate::error::{RiskError, RiskResult};
use crate::units::Secs;
use bytemuck::{Pod, Zeroable};

/// How long a pause lasts. One that begins no later than this after the end of another is in a row with it†.
pub const PAUSE: Secs = Secs::new(1_800);
/// Most pauses in a row.
const IN_A_ROW: u32 = 2;
/// Pauses in one [`DAY`]: as many as starts are kept.
const A_DAY: usize = 3;
const DAY: Secs = Secs::new(86_400);

const _: () = assert!(core::mem::size_of::<Pause>() == 40 && core::mem::align_of::<Pause>() == 8);

/// The pauses of one thing. All zero was never paused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct Pause {
    /// Starts of the last three, newest first; 0 = none.
    pub starts: [Secs; A_DAY],
    /// End of the last one.
    pub until: Secs,
    /// How many in a row the last one was.
    pub in_a_row: u32,
    /// Zero.
    pub padding: u32,
}

impl Pause {
    /// Whether it is paused at `now`. Time alone ends a pause.
    pub fn is_active(&self, now: Secs) -> bool {
        now < self.until
    }

    /// Pauses for another [`PAUSE`]: from `now`, or from the end of the pause that is running.
    ///
    /// Errors: [`RiskError::LimitExceeded`] for a third in a row or a fourth within a day; [`RiskError::Overflow`].
    pub fn start(&mut self, now: Secs) -> RiskResult<()> {
        let is_in_a_row = self.until.raw() != 0 && now < self.until.add(PAUSE)?;
        let in_a_row = if is_in_a_row { self.in_a_row.checked_add(1).ok_or(RiskError::Overflow)? } else { 1 };
        let [first, second, third] = self.starts;
        let is_fourth = third.raw() != 0 && now < third.add(DAY)?;
        if in_a_row > IN_A_ROW || is_fourth {
            return Err(RiskError::LimitExceeded);
        }
        *self = Self { starts: [now, first, second], until: self.until.max(now).add(PAUSE)?, in_a_row, padding: 0 };
        Ok(())
    }

    /// Ends a pause before its time; that it was one still counts.
    pub fn lift(&mut self, now: Secs) {
        self.until = self.until.min(now);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::arithmetic_side_effects)]
    use super::*;

    fn at(second: i64) -> Secs {
        Secs::new(1_759_996_800 + second)
    }

    #[test]
    fn two_in_a_row_three_a_day_and_time_ends_each() {
        let mut pause = Pause::default();
        assert!(!pause.is_active(at(0)));
        pause.start(at(0)).unwrap();
        assert!(pause.is_active(at(1_799)) && !pause.is_active(at(1_800)));
        pause.start(at(600)).unwrap();
        assert!(pause.is_active(at(3_599)) && !pause.is_active(at(3_600)), "the second follows on the first");
        let before = pause;
        assert_eq!(pause.start(at(3_600)), Err(RiskError::LimitExceeded), "a third in a row");
        assert_eq!(pause.start(at(5_399)), Err(RiskError::LimitExceeded), "half an hour must lie between");
        assert_eq!(pause, before);
        pause.start(at(5_400)).unwrap();
        assert_eq!(pause.start(at(80_000)), Err(RiskError::LimitExceeded), "a fourth in a day");
        assert_eq!(pause.start(at(86_399)), Err(RiskError::LimitExceeded));
        pause.start(at(86_400)).unwrap();
    }

    #[test]
    fn a_pause_that_was_lifted_still_counts() {
        let mut pause = Pause::default();
        pause.start(at(0)).unwrap();
        pause.lift(at(60));
        assert!(!pause.is_active(at(60)));
        pause.start(at(61)).unwrap();
        pause.lift(at(62));
        assert_eq!(pause.start(at(63)), Err(RiskError::LimitExceeded));
        let early = pause;
        pause.lift(at(9_000));
        assert_eq!(pause, early, "lifting prolongs nothing");
    }
}
