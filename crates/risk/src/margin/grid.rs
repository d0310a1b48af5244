//! The scenario grid (RULES 4.1): 33 joint moves of spot and volatility with dampened tails.
//!
//! Rows are numbered from 1 as in the table of `docs/margin.md`. Linear legs do not feel the volatility and skew part of a row: only
//! the 17 distinct spot moves matter to them, and of those only the two ends of the range, because every dampened tail weighs less than
//! the smallest range allowed (asserted below at compile time, and tested against the evaluation of all 33 rows).

use crate::units::{Ratio, RATIO_BITS};

/// Rows of the grid.
pub const SCENARIOS: usize = 33;

/// The spot part of a scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpotMove {
    /// So many quarters of the market's spot range, −4 ..= 4.
    Quarters(i8),
    /// A fixed move as a ratio of spot: the tails.
    Tail(Ratio),
}

/// One row of the grid: a spot move and the share of the resulting loss that counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scenario {
    /// The move of spot.
    pub spot: SpotMove,
    /// Share of the loss that counts, Q30: 1.0 inside the range, less in the tails.
    pub weight: Ratio,
}

const fn inner(quarters: i8) -> Scenario {
    Scenario { spot: SpotMove::Quarters(quarters), weight: Ratio::ONE }
}

/// A tail: spot move in hundredths, weight in hundred-thousandths.
const fn tail(percent: i64, weight: i64) -> Scenario {
    Scenario { spot: SpotMove::Tail(Ratio::of(percent, 100)), weight: Ratio::of(weight, 100_000) }
}

/// The 33 scenarios. Rows 3–20 repeat each spot move for volatility up, unchanged and down; 32 and 33 are the skew shocks.
pub const GRID: [Scenario; SCENARIOS] = [
    inner(4),
    inner(-4),
    inner(3),
    inner(3),
    inner(3),
    inner(-3),
    inner(-3),
    inner(-3),
    inner(2),
    inner(2),
    inner(2),
    inner(-2),
    inner(-2),
    inner(-2),
    inner(1),
    inner(1),
    inner(1),
    inner(-1),
    inner(-1),
    inner(-1),
    inner(0),
    inner(0),
    inner(0),
    tail(-66, 21_000),
    tail(-33, 42_000),
    tail(50, 27_720),
    tail(100, 13_860),
    tail(200, 6_930),
    tail(300, 4_620),
    tail(400, 3_465),
    tail(500, 2_772),
    inner(0),
    inner(0),
];

/// Row number of the full move up, the worst one for a net short.
pub(crate) const ROW_UP: u8 = 1;
/// Row number of the full move down, the worst one for a net long.
pub(crate) const ROW_DOWN: u8 = 2;
/// Row number of no move at all, reported when nothing is at risk.
pub(crate) const ROW_NONE: u8 = 22;

/// Smallest spot range a market may have (majors are clamped at 18 %): above every dampened tail.
pub const SPOT_RANGE_MIN: Ratio = Ratio::of(14, 100);
/// Largest spot range a market may have: below the −66 % tail.
pub const SPOT_RANGE_MAX: Ratio = Ratio::of(60, 100);
/// Share of the grid's worst loss that is maintenance margin (RULES 4.5).
pub const MM_GRID_FACTOR: Ratio = Ratio::of(8, 10);

/// Whether no tail row costs a linear leg more than the end of the smallest range.
#[allow(clippy::arithmetic_side_effects, clippy::indexing_slicing, reason = "evaluated by the compiler, where a fault is a build error")]
const fn tails_stay_inside() -> bool {
    let mut row = 0;
    while row < SCENARIOS {
        if let SpotMove::Tail(shock) = GRID[row].spot {
            let magnitude = if shock.raw() < 0 { -shock.raw() } else { shock.raw() };
            if (magnitude * GRID[row].weight.raw()) >> RATIO_BITS >= SPOT_RANGE_MIN.raw() {
                return false;
            }
        }
        row += 1;
    }
    true
}
const _: () = assert!(tails_stay_inside());
