//! Across markets (RULES 4.3): credit for offsets between correlated markets of one risk group, and the depeg of the quote token.

use super::depeg::Depeg;
use super::grid::{GRID, MIRROR, ROW_DOWN, ROW_NONE, ROW_UP, SCENARIOS};
use super::health::MAX_LEGS;
use super::kernel::{positive, scale_ceil, Exact, LegHealth};
use super::market::{worst_of, LinearEnds};
use super::options::Measure;
use crate::error::{RiskError, RiskResult};
use crate::units::Ratio;

/// Largest credit for a correlation (RULES 4.3).
pub const MAX_CREDIT: Ratio = Ratio::of(7, 10);

/// The markets of one account that belong to one risk group, and what their correlation is worth.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GroupTerms {
    /// Bit i: the market at place i of the account's legs.
    pub members: u8,
    /// c of the initial measure, that of the lowest pair among the members, 0 ..= 0.7.
    pub credit_im: Ratio,
    /// c of the maintenance measure; falls only through the glide.
    pub credit_mm: Ratio,
    /// φ: share of the largest single scan below which no offset leads, 0 ..= 1; 0.75 within the majors.
    pub phi: Ratio,
}

/// Everything that binds the markets of an account together.
#[derive(Clone, Copy, Debug, Default)]
pub struct CrossTerms<'a> {
    /// The risk groups; a market in at most one. Markets in none add up.
    pub groups: &'a [GroupTerms],
    /// Charge for the quote token's depeg.
    pub depeg: Depeg,
}

impl CrossTerms<'_> {
    /// No groups, the quote token at its peg: requirements add up.
    pub const NONE: CrossTerms<'static> = CrossTerms { groups: &[], depeg: Depeg::NONE };

    /// The group of the market at `place`, if it has one.
    pub fn group_of(&self, place: usize) -> Option<&GroupTerms> {
        self.groups.iter().find(|group| group.has(place))
    }

    /// Whether nothing here changes a sum over markets.
    pub fn is_none(&self) -> bool {
        self.groups.is_empty() && self.depeg.is_none()
    }

    /// Checks the groups against an account of `markets` legs.
    ///
    /// Errors: [`RiskError::ParameterOutOfRange`] for a credit above 0.7, a φ above 1 or a depeg charge above 4, or a market that is
    /// none or in two groups.
    pub(super) fn check(&self, markets: usize) -> RiskResult<()> {
        let is_within = |value: Ratio, high: Ratio| !value.is_negative() && value <= high;
        let mut seen = 0_u8;
        for group in self.groups {
            let are_ratios =
                is_within(group.credit_im, MAX_CREDIT) && is_within(group.credit_mm, MAX_CREDIT) && is_within(group.phi, Ratio::ONE);
            if !are_ratios || seen & group.members != 0 {
                return Err(RiskError::ParameterOutOfRange);
            }
            seen |= group.members;
        }
        let is_known = usize::try_from(8_u32.wrapping_sub(seen.leading_zeros())).is_ok_and(|highest| highest <= markets);
        if is_known && self.depeg.is_sound() {
            Ok(())
        } else {
            Err(RiskError::ParameterOutOfRange)
        }
    }
}

impl GroupTerms {
    /// Whether the market at `place` is a member.
    pub fn has(&self, place: usize) -> bool {
        u32::try_from(place).ok().and_then(|bit| 1_u8.checked_shl(bit)).is_some_and(|bit| self.members & bit != 0)
    }

    const fn credit(&self, measure: Measure) -> i64 {
        match measure {
            Measure::Initial => self.credit_im.raw(),
            Measure::Maintenance => self.credit_mm.raw(),
        }
    }

    /// max( J + (1 − c)(S − J), φ · max S_m ), rounded up, never above S; `beyond` counts like S above the sums, but in the first term alone.
    pub(super) fn offset<A: Exact>(&self, joint: i64, sums: &Standalone, beyond: i64, measure: Measure) -> i64 {
        let joint = positive(joint).min(sums.total);
        let rest = scale_ceil::<A>(A::add(A::sub(sums.total, joint), beyond), A::sub(Ratio::ONE.raw(), self.credit(measure)));
        A::add(joint, rest).max(scale_ceil::<A>(sums.largest, self.phi.raw()))
    }
}

/// Σ and largest of the markets' own scans.
#[derive(Clone, Copy, Default)]
pub(super) struct Standalone {
    total: i64,
    largest: i64,
}

impl Standalone {
    pub(super) fn add<A: Exact>(&mut self, scan: i64) {
        self.total = A::add(self.total, scan);
        self.largest = self.largest.max(scan);
    }
}

/// Σ over the markets of a group by row, a market's gain counting only up to its own loss in the mirrored row; in tails not at all.
#[derive(Clone, Copy)]
pub(super) struct Joint {
    rows: [i64; SCENARIOS],
    pub(super) sums: Standalone,
}

impl Joint {
    pub(super) const NONE: Self = Self { rows: [0; SCENARIOS], sums: Standalone { total: 0, largest: 0 } };

    /// Adds a market by its rows.
    pub(super) fn add<A: Exact>(&mut self, rows: &[i64; SCENARIOS], scan: i64) {
        for (index, (sum, loss)) in self.rows.iter_mut().zip(rows.iter()).enumerate() {
            *sum = A::add(*sum, counted::<A>(rows, index, *loss));
        }
        self.sums.add::<A>(scan);
    }

    /// Adds a market of linear legs alone: `rate` of its exposure in quarters, nothing in the tails.
    pub(super) fn add_linear<A: Exact>(&mut self, ends: &LinearEnds, rate: i64, scan: i64) {
        let mut rows = [0; SCENARIOS];
        for (row, scenario) in rows.iter_mut().zip(GRID.iter()) {
            if let super::grid::SpotMove::Quarters(quarters) = scenario.spot {
                *row = ends.loss::<A>(super::series::spot_move(rate, quarters.into()));
            }
        }
        self.add::<A>(&rows, scan);
    }

    /// Scan of the group and the row of its worst joint scenario.
    pub(super) fn scan<A: Exact>(&self, group: &GroupTerms, measure: Measure) -> (i64, u8) {
        let (joint, row) = worst_of(&self.rows);
        (group.offset::<A>(joint, &self.sums, 0, measure), row)
    }
}

/// What of a market's loss in a row counts toward J: all of a loss; of a gain what the mirrored row would lose; in a tail no gain.
#[inline(always)]
pub(super) fn counted<A: Exact>(rows: &[i64; SCENARIOS], index: usize, loss: i64) -> i64 {
    if loss >= 0 {
        return loss;
    }
    let mirrored = match GRID.get(index) {
        Some(scenario) if !scenario.is_tail() => MIRROR.get(index).and_then(|mirror| rows.get(*mirror)).copied().unwrap_or(0),
        _ => 0,
    };
    loss.max(A::sub(0, positive(mirrored)))
}

/// Scan of a group of linear legs alone, and its worst joint row: the joint loss is largest at one of the two ends of the range.
///
/// Each leg's loss is convex in the move and loses at least as much at one end as it gains at the other, so that no gain is cut.
pub(super) fn linear_scan<A: Exact>(legs: &[LegHealth], group: &GroupTerms, measure: Measure) -> (i64, u8, i64) {
    let mut sums = Standalone::default();
    let (mut up, mut down) = (0, 0);
    for (_, leg) in legs.iter().enumerate().filter(|(place, _)| group.has(*place)) {
        let (scan, opposite, worst) = match measure {
            Measure::Initial => (leg.scan_im.raw(), leg.opposite_im.raw(), leg.worst_scenario_im),
            Measure::Maintenance => (leg.scan_mm.raw(), A::sub(0, leg.scan_mm.raw()), leg.worst_scenario),
        };
        sums.add::<A>(scan);
        let (at_up, at_down) = if worst == ROW_UP { (scan, opposite) } else { (opposite, scan) };
        up = A::add(up, at_up);
        down = A::add(down, at_down);
    }
    let row = match (up.max(down), up > down) {
        (joint, _) if joint <= 0 => ROW_NONE,
        (_, true) => ROW_UP,
        (_, false) => ROW_DOWN,
    };
    (group.offset::<A>(up.max(down), &sums, 0, measure), row, sums.total)
}

const _: () = assert!(MAX_LEGS <= 8, "members are the bits of a byte");
