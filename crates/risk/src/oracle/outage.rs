//! Outages are facts of the chain or of the feed, never of who posted when (RULES 2.4).

use crate::units::Secs;
use bytemuck::{Pod, Zeroable};

/// Silence beyond which the chain or the feed was out.
pub(super) const SILENCE: Secs = Secs::new(60);
/// An outage ends by itself after this long.
const MAX_LENGTH: i64 = 120;
/// Distance of the two samples that end it.
const SAMPLES_APART: i64 = 10;
/// A sample older than this does not speak for the present.
const SAMPLE_AGE: i64 = 10;
/// At most one outage begins in this time†.
const COOL_DOWN: i64 = 1_800;

/// When the last outage began and how far it has come. All zero is a market that never had one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct Outage {
    /// Chain clock at its beginning; 0 if there was none.
    pub began: Secs,
    /// Publish time of the first fresh sample in it; 0 before.
    pub first_sample: Secs,
    /// Chain clock when two samples ended it; 0 while they have not.
    pub ended: Secs,
}

impl Outage {
    /// Whether withdrawals and risk increases wait at `now`.
    pub fn is_open(&self, now: Secs) -> bool {
        self.began.raw() != 0 && self.ended.raw() == 0 && now.raw().saturating_sub(self.began.raw()) < MAX_LENGTH
    }

    /// Begins an outage at `now`, unless one began in the last 30 minutes.
    pub(super) fn begin(&mut self, now: Secs) {
        if self.began.raw() == 0 || now.raw().saturating_sub(self.began.raw()) >= COOL_DOWN {
            *self = Self { began: now, first_sample: Secs::ZERO, ended: Secs::ZERO };
        }
    }

    /// Counts an accepted sample toward the two that end an open outage.
    pub(super) fn observe(&mut self, publish: Secs, now: Secs) {
        if !self.is_open(now) || now.raw().saturating_sub(publish.raw()) > SAMPLE_AGE {
            return;
        }
        if self.first_sample.raw() == 0 {
            self.first_sample = publish;
        } else if publish.raw().saturating_sub(self.first_sample.raw()) >= SAMPLES_APART {
            self.ended = now;
        }
    }
}

/// Whether the chain stood still between two looks at it: the clock advanced more than 60 s while slots advanced by less than a third of
/// what that time holds.
///
/// Slots serve for this ratio alone, so that a slot time wrong by less than three times neither invents nor hides a standstill.
pub fn is_chain_outage(seen: Secs, seen_slot: u64, now: Secs, slot: u64, slot_millis: u64) -> bool {
    let elapsed = now.raw().saturating_sub(seen.raw());
    if elapsed <= SILENCE.raw() {
        return false;
    }
    let slots = slot.saturating_sub(seen_slot);
    // slots < (elapsed / slot time) / 3, without a division.
    slots.saturating_mul(slot_millis).saturating_mul(3) < elapsed.unsigned_abs().saturating_mul(1_000)
}
