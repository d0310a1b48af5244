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

/// The volatility part of a scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VolMove {
    /// As it is.
    Same,
    /// Up, by the term structure of the shocks.
    Up,
    /// Down.
    Down,
    /// One wing up, the other down; each expiry at its own worst sign.
    SkewLinear,
    /// Both wings up, or both down; each expiry at its own worst sign.
    SkewAbsolute,
}

/// One row of the grid: a joint move and the share of the resulting loss that counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scenario {
    /// The move of spot.
    pub spot: SpotMove,
    /// The move of volatility.
    pub vol: VolMove,
    /// Share of the loss that counts, Q30: 1.0 inside the range, less in the tails.
    pub weight: Ratio,
}

impl Scenario {
    /// Whether this is one of the dampened tails, in which a market's gain counts for nothing (RULES 4.3).
    pub const fn is_tail(&self) -> bool {
        matches!(self.spot, SpotMove::Tail(_))
    }
}

const fn inner(quarters: i8, vol: VolMove) -> Scenario {
    Scenario { spot: SpotMove::Quarters(quarters), vol, weight: Ratio::ONE }
}

/// A tail: spot move in hundredths, weight in hundred-thousandths.
const fn tail(percent: i64, weight: i64) -> Scenario {
    Scenario { spot: SpotMove::Tail(Ratio::of(percent, 100)), vol: Up, weight: Ratio::of(weight, 100_000) }
}

use VolMove::{Down, Same, SkewAbsolute, SkewLinear, Up};

/// The 33 scenarios. Rows 3–20 repeat each spot move for volatility up, unchanged and down; 32 and 33 are the skew shocks.
pub const GRID: [Scenario; SCENARIOS] = [
    inner(4, Up),
    inner(-4, Up),
    inner(3, Up),
    inner(3, Same),
    inner(3, Down),
    inner(-3, Up),
    inner(-3, Same),
    inner(-3, Down),
    inner(2, Up),
    inner(2, Same),
    inner(2, Down),
    inner(-2, Up),
    inner(-2, Same),
    inner(-2, Down),
    inner(1, Up),
    inner(1, Same),
    inner(1, Down),
    inner(-1, Up),
    inner(-1, Same),
    inner(-1, Down),
    inner(0, Up),
    inner(0, Same),
    inner(0, Down),
    tail(-66, 21_000),
    tail(-33, 42_000),
    tail(50, 27_720),
    tail(100, 13_860),
    tail(200, 6_930),
    tail(300, 4_620),
    tail(400, 3_465),
    tail(500, 2_772),
    inner(0, SkewLinear),
    inner(0, SkewAbsolute),
];

/// Row number of the full move up, the worst one for a net short.
pub(crate) const ROW_UP: u8 = 1;
/// Row number of the full move down, the worst one for a net long.
pub(crate) const ROW_DOWN: u8 = 2;
/// Row number of no move at all, reported when nothing is at risk.
pub const ROW_NONE: u8 = 22;

/// Smallest spot range a market may have (majors are clamped at 18 %): above every dampened tail.
pub const SPOT_RANGE_MIN: Ratio = Ratio::of(14, 100);
/// Largest spot range a market may have: below the −66 % tail.
pub const SPOT_RANGE_MAX: Ratio = Ratio::of(60, 100);
/// Share of the grid's worst loss that is maintenance margin (RULES 4.5).
pub const MM_GRID_FACTOR: Ratio = Ratio::of(8, 10);

/// Distinct spot moves: nine inside the range, eight tails.
pub(super) const SPOTS: usize = 17;
/// Index of no move among them.
pub(super) const SPOT_NONE: usize = 4;
/// Columns of a unit table: the rows, with each skew row in both signs.
pub const COLUMNS: usize = SCENARIOS + 2;
/// Column of no move at all, which is the mark.
pub(super) const COLUMN_NONE: usize = 21;
/// Columns of ±¼ of the range at unchanged volatility, from which the basis contingency is read.
pub(super) const COLUMN_BASIS_UP: usize = 15;
/// See [`COLUMN_BASIS_UP`].
pub(super) const COLUMN_BASIS_DOWN: usize = 18;
/// First of the four columns of the skew rows: linear up, linear down, absolute up, absolute down.
pub(super) const COLUMN_SKEW: usize = 31;

/// For each row the index of its spot move: quarters −4 ..= 4 are 0 ..= 8, the tails follow in the order of [`TAILS`].
pub(super) const ROW_SPOT: [usize; SCENARIOS] = row_spots();
/// For each row (counted from 0) the one with the opposite spot move and the same volatility move; a row without a spot move is its own
/// mirror, so that a gain there offsets nothing. A tail has no mirror and names itself.
pub(super) const MIRROR: [usize; SCENARIOS] = mirrors();

/// For each row the share of a loss that counts in a tail, Q30; 1 inside the range.
pub(super) const ROW_WEIGHT: [i64; SCENARIOS] = row_weights();
/// The same by spot move.
const SPOT_WEIGHT: [i64; SPOTS] = spot_weights();
/// Those of the tails, in the order of [`TAILS`]; inside the range all of a loss counts.
pub(super) const TAIL_WEIGHT: [i64; TAILS.len()] = {
    let [_, _, _, _, _, _, _, _, _, tails @ ..] = SPOT_WEIGHT;
    tails
};
/// The first row of each spot move and the rows from one to the next of it: its rows are `first`, `first + 1`, … `first + count − 1`; of no
/// move also the two rows after [`COLUMN_SKEW`].
pub(super) const SPOT_ROWS: [(usize, usize); SPOTS] = spot_rows();

/// The moves of the tails, rows 24 to 31.
pub(super) const TAILS: [Ratio; 8] = [
    Ratio::of(-66, 100),
    Ratio::of(-33, 100),
    Ratio::of(50, 100),
    Ratio::ONE,
    Ratio::of(2, 1),
    Ratio::of(3, 1),
    Ratio::of(4, 1),
    Ratio::of(5, 1),
];

#[allow(clippy::arithmetic_side_effects, clippy::indexing_slicing, clippy::as_conversions, reason = "evaluated by the compiler")]
const fn row_spots() -> [usize; SCENARIOS] {
    let mut spots = [SPOT_NONE; SCENARIOS];
    let (mut row, mut tails) = (0, 0);
    while row < SCENARIOS {
        match GRID[row].spot {
            SpotMove::Quarters(quarters) => spots[row] = (quarters + 4) as usize,
            SpotMove::Tail(shock) => {
                assert!(TAILS[tails].raw() == shock.raw());
                spots[row] = 9 + tails;
                tails += 1;
            }
        }
        row += 1;
    }
    assert!(9 + tails == SPOTS);
    spots
}

#[allow(clippy::arithmetic_side_effects, clippy::indexing_slicing, reason = "evaluated by the compiler")]
const fn row_weights() -> [i64; SCENARIOS] {
    let mut weights = [Ratio::ONE.raw(); SCENARIOS];
    let mut row = 0;
    while row < SCENARIOS {
        weights[row] = GRID[row].weight.raw();
        // What counts as a tail is read off the weight.
        assert!(GRID[row].is_tail() == (weights[row] != Ratio::ONE.raw()));
        row += 1;
    }
    weights
}

#[allow(clippy::arithmetic_side_effects, clippy::indexing_slicing, reason = "evaluated by the compiler")]
const fn spot_weights() -> [i64; SPOTS] {
    let mut weights = [Ratio::ONE.raw(); SPOTS];
    let mut row = 0;
    while row < SCENARIOS {
        weights[ROW_SPOT[row]] = ROW_WEIGHT[row];
        row += 1;
    }
    weights
}

#[allow(clippy::arithmetic_side_effects, clippy::indexing_slicing, reason = "evaluated by the compiler")]
const fn spot_rows() -> [(usize, usize); SPOTS] {
    let mut spots = [(0, 0); SPOTS];
    let mut row = 0;
    while row < COLUMN_SKEW {
        let (first, count) = spots[ROW_SPOT[row]];
        let first = if count == 0 { row } else { first };
        assert!(first + count == row);
        spots[ROW_SPOT[row]] = (first, count + 1);
        row += 1;
    }
    spots
}

#[allow(clippy::arithmetic_side_effects, clippy::indexing_slicing, clippy::as_conversions, reason = "evaluated by the compiler")]
const fn mirrors() -> [usize; SCENARIOS] {
    let mut mirror = [0; SCENARIOS];
    let mut row = 0;
    while row < SCENARIOS {
        mirror[row] = row;
        if let SpotMove::Quarters(quarters) = GRID[row].spot {
            let mut other = 0;
            while other < SCENARIOS {
                if let SpotMove::Quarters(opposite) = GRID[other].spot {
                    if opposite == -quarters && GRID[other].vol as u8 == GRID[row].vol as u8 {
                        mirror[row] = other;
                    }
                }
                other += 1;
            }
        }
        row += 1;
    }
    mirror
}

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
