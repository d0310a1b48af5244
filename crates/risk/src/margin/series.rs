//! Unit values: what one lot of an option series is worth in every scenario, independent of any account.
//!
//! Black-76 on the forward, undiscounted, sticky strike. What a scenario changes is split off beforehand: the spot move shifts the
//! logarithm by a constant of the market ([`SpotGrid`]), the volatility move picks one of seven points of the series
//! ([`SeriesTerms`]). The loop is three multiplies and two lookups of the normal distribution, without logarithm, root or division.
//!
//! During the averaging window (RULES 5.5) the settlement price is f·A + (1 − f)·S: the option is one on the moving part, with forward
//! (1 − f)·F and strike K − f·A. So its delta decays by itself. The deviation is that of the end of the window, which errs high.

mod named;

use super::grid::{
    VolMove, COLUMNS, COLUMN_NONE, COLUMN_SKEW, GRID, ROW_SPOT, SCENARIOS, SPOTS, SPOT_NONE, SPOT_RANGE_MAX, SPOT_RANGE_MIN, TAILS,
};
use super::kernel::{magnitude, positive, Bare, Exact};
use super::max_loss::Holding;
use super::params::{deviation, ExpiryTerms, ROOT_BITS, SIGMA_MAX, SIGMA_MIN};
use crate::error::{RiskError, RiskResult};
use crate::fixed_math::{ln_quotient, ln_ratio, Log};
use crate::option::normal::{cdf_fast, cdf_from_edge, density_fast, CDF_ARGUMENT_BITS, CDF_EDGE, CDF_RESULT_BITS};
pub use crate::option::OptionKind;
use crate::units::{Lots, Price, Quote, Ratio, Round, MAX_PRICE, RATIO_BITS};
pub(super) use named::{NamedGrid, NamedSums, NAMED};

/// Fraction bits of a unit value: sixteenths of an atom per lot.
pub const UNIT_BITS: u32 = 4;

/// Fraction bits of 1/(σ√τ).
const INVERSE_BITS: u32 = 16;
/// Smallest σ√τ, Q28: 2⁻¹³, a volatility of 1 % over an hour.
const DEVIATION_MIN: i64 = 1 << (ROOT_BITS - 13);
/// ln(F/K) is cut off here, Q30: the option is then worth its intrinsic value or nothing.
const LOG_MAX: i64 = 8 << RATIO_BITS;
/// ln of the smallest and largest spot move plus [`LOG_MAX`] stay below this, Q30.
const MOVED_LOG_MAX: i64 = 10 << RATIO_BITS;
/// Largest volatility a shock may reach.
const SHOCKED_MAX: i64 = 16 << RATIO_BITS;
const ONE: i64 = Ratio::ONE.raw();
/// Q46 to the Q28 of the distribution's argument.
const D_SHIFT: u32 = RATIO_BITS + INVERSE_BITS - CDF_ARGUMENT_BITS;
const VALUE_SHIFT: u32 = CDF_RESULT_BITS - UNIT_BITS;

// The product of a moved logarithm and the largest inverse, and that of the largest moved forward and a probability.
const _: () = assert!(LOG_MAX.checked_mul(1 << (ROOT_BITS - 1)).is_some());
const _: () = assert!(MOVED_LOG_MAX.checked_mul(1 << (INVERSE_BITS + 13)).is_some());
const _: () = assert!((MAX_PRICE * 6 + 1).checked_mul(1 << CDF_RESULT_BITS).is_some());

/// The spot moves of a market's grid and their logarithms; once per market that has options.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpotGrid {
    /// 1 + move, Q30, and its logarithm, Q30.
    spots: [(i64, i64); SPOTS],
}

/// ln of the tails' factors, Q30, to nearest.
const TAIL_LOGS: [i64; TAILS.len()] =
    [-1_158_363_051, -430_009_511, 435_364_845, 744_261_118, 1_179_625_963, 1_488_522_236, 1_728_120_800, 1_923_887_081];

impl SpotGrid {
    /// The moves ± ¼, ½, ¾ and 1 of `range`, none, and the tails.
    ///
    /// Errors: [`RiskError::ParameterOutOfRange`] for a range outside 14 % ..= 60 %.
    #[inline(never)]
    pub fn new(range: Ratio) -> RiskResult<Self> {
        if range < SPOT_RANGE_MIN || range > SPOT_RANGE_MAX {
            return Err(RiskError::ParameterOutOfRange);
        }
        let mut spots = [(ONE, 0); SPOTS];
        for (quarters, spot) in (-4_i64..).zip(spots.iter_mut().take(9)).filter(|(quarters, _)| *quarters != 0) {
            *spot = moved_spot(range.raw(), quarters)?;
        }
        for (spot, (shock, log)) in spots.iter_mut().skip(9).zip(TAILS.iter().zip(TAIL_LOGS)) {
            *spot = (ONE.wrapping_add(shock.raw()), log);
        }
        Ok(Self { spots })
    }
}

/// 1 + so many quarters of the range, and its logarithm, Q30.
fn moved_spot(range: i64, quarters: i64) -> RiskResult<(i64, i64)> {
    let factor = ONE.wrapping_add(spot_move(range, quarters));
    Ok((factor, ln_ratio(Ratio::new(factor))?.to_ratio().raw()))
}

/// So many quarters of the range, Q30; whole quarters of it cut toward zero, the full range exactly.
pub(super) const fn spot_move(range: i64, quarters: i64) -> i64 {
    range.wrapping_mul(quarters) / 4
}

/// A volatility as the kernel multiplies it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct VolPoint {
    /// 1/(σ√τ), Q16.
    inverse: i64,
    /// σ√τ, Q28.
    deviation: i64,
    /// Half of it, counted from the beginning of the distribution's table.
    half: i64,
}

/// The volatility points of a series: as it is, up, down, then the skew shocks as the columns from [`COLUMN_SKEW`] on list them.
const POINTS: usize = 7;

/// A series ready for the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeriesTerms {
    kind: OptionKind,
    /// Moving part of the forward, atoms per lot.
    forward: i64,
    /// Strike against it, atoms per lot; not positive once the fixed part alone is past the strike.
    strike: i64,
    /// ln(forward / strike), Q30, within ± [`LOG_MAX`].
    log: i64,
    points: [VolPoint; POINTS],
    /// Whether only the intrinsic value is left.
    is_intrinsic: bool,
}

const _: () = assert!(COLUMN_SKEW + 2 == SCENARIOS);

/// For each column the spot move and the volatility point.
const PLAN: [(usize, usize); COLUMNS] = plan();

#[allow(clippy::arithmetic_side_effects, clippy::indexing_slicing, reason = "evaluated by the compiler")]
const fn plan() -> [(usize, usize); COLUMNS] {
    let mut plan = [(SPOT_NONE, 0); COLUMNS];
    let mut column = 0;
    while column < COLUMNS {
        if column < COLUMN_SKEW {
            let point = match GRID[column].vol {
                VolMove::Up => 1,
                VolMove::Down => 2,
                _ => 0,
            };
            plan[column] = (ROW_SPOT[column], point);
        } else {
            plan[column] = (SPOT_NONE, 3 + column - COLUMN_SKEW);
        }
        column += 1;
    }
    plan
}

impl SeriesTerms {
    /// A series worth nothing, for [`Self::set`].
    pub const NONE: Self = Self {
        kind: OptionKind::Call,
        forward: 0,
        strike: 0,
        log: 0,
        points: [VolPoint { inverse: 0, deviation: 0, half: 0 }; POINTS],
        is_intrinsic: true,
    };

    /// A series of `expiry` at `strike`, with the surface's volatility at that strike (per √year, Q30).
    ///
    /// Errors: [`RiskError::PriceOutOfRange`] for the strike, [`RiskError::ParameterOutOfRange`] for a volatility outside
    /// [`SIGMA_MIN`] ..= [`SIGMA_MAX`].
    pub fn new(expiry: &ExpiryTerms, strike: Price, kind: OptionKind, sigma: Ratio) -> RiskResult<Self> {
        let mut terms = Self::NONE;
        terms.set(expiry, strike, kind, sigma, None)?;
        Ok(terms)
    }

    /// Makes this the series of [`Self::new`], in place, for a caller that may know ln(F/K); it is computed anew once a part of the
    /// settlement price is fixed. After an error it means nothing.
    #[inline(never)]
    pub fn set(&mut self, expiry: &ExpiryTerms, strike: Price, kind: OptionKind, sigma: Ratio, log: Option<Log>) -> RiskResult<()> {
        let strike = Price::checked(strike.raw())?.raw().wrapping_sub(expiry.fixed);
        if sigma < SIGMA_MIN || sigma > SIGMA_MAX {
            return Err(RiskError::ParameterOutOfRange);
        }
        self.kind = kind;
        self.forward = expiry.forward;
        self.strike = strike;
        self.is_intrinsic = expiry.root_tau == 0 || expiry.forward <= 0 || strike <= 0;
        if !self.is_intrinsic {
            let distance = match log.filter(|_| expiry.fixed == 0) {
                Some(log) => log,
                None => distance(expiry.forward, strike)?,
            };
            self.log = distance.to_ratio().raw().clamp(-LOG_MAX, LOG_MAX);
            self.set_points::<Bare>(expiry, sigma.raw());
        }
        Ok(())
    }

    /// The seven volatility points.
    #[inline(always)]
    fn set_points<A: Exact>(&mut self, expiry: &ExpiryTerms, sigma: i64) {
        let shocked = |factor: i64| A::mul(sigma >> 2, factor >> 2) >> (RATIO_BITS - 4);
        let point = |sigma: i64| VolPoint::new::<A>(sigma, expiry.root_tau);
        let base = VolPoint::of_range::<A>(sigma, expiry.root_tau);
        let change = A::mul(A::mul(away::<A>(self.log, base.deviation), expiry.skew) >> RATIO_BITS, sigma >> 2) >> (RATIO_BITS - 2);
        let wing = magnitude::<A>(change);
        let up = shocked(expiry.vol_up).max(expiry.vol_up_floor).max(sigma);
        self.points = [
            base,
            point(up),
            point(shocked(expiry.vol_down)),
            point(A::add(sigma, change)),
            point(A::sub(sigma, change)),
            point(A::add(sigma, wing)),
            point(A::sub(sigma, wing)),
        ];
    }

    /// What a spot move makes of the series.
    #[inline(always)]
    fn moved<A: Exact>(&self, spot: (i64, i64)) -> Moved {
        Moved::new::<A>((self.forward, self.strike, self.log), self.kind, spot)
    }

    /// Value of a lot that is not intrinsic, sixteenths of an atom, 0 ..= max(moved forward, strike).
    #[inline(always)]
    fn value<A: Exact>(&self, moved: &Moved, point: &VolPoint) -> i64 {
        moved.value::<A>(self.strike, point)
    }

    /// All of a unit table but the values.
    #[inline(always)]
    fn describe(&self, unit: &mut UnitValues, market: u8, expiry: u8) {
        let Self { kind, forward, strike, points: [base, ..], is_intrinsic, .. } = *self;
        let (share, density) = if is_intrinsic {
            (if forward > strike { ONE } else { 0 }, 0)
        } else {
            let d1 = (self.log.wrapping_mul(base.inverse) >> D_SHIFT).wrapping_add(base.deviation >> 1);
            (cdf_fast(d1), density_fast(d1))
        };
        let share = match kind {
            OptionKind::Call => share,
            OptionKind::Put => share.wrapping_sub(ONE),
        };
        // 2³⁰ · 2³⁰.
        unit.delta = forward.wrapping_mul(share) >> VALUE_SHIFT;
        unit.bell = forward.wrapping_mul(density) >> VALUE_SHIFT;
        unit.deviation = base.deviation;
        unit.forward = forward;
        unit.strike = strike;
        unit.kind = kind;
        unit.market = market;
        unit.expiry = expiry;
    }

    /// The same as a [`UnitValues`] of series `expiry` (its place among the expiries of the account).
    pub fn price(&self, grid: &SpotGrid, market: u8, expiry: u8) -> UnitValues {
        let mut unit = UnitValues::NONE;
        self.price_into(grid, market, expiry, &mut unit);
        unit
    }

    /// [`Self::price`] in place.
    #[inline(never)]
    pub fn price_into(&self, grid: &SpotGrid, market: u8, expiry: u8, unit: &mut UnitValues) {
        self.fill::<Bare>(grid, &mut unit.values);
        self.describe(unit, market, expiry);
    }

    /// All columns in the order of [`PLAN`], a spot move's three volatilities together.
    #[inline(always)]
    pub(super) fn fill<A: Exact>(&self, grid: &SpotGrid, values: &mut [i64; COLUMNS]) {
        if self.is_intrinsic {
            for (value, (spot, _)) in values.iter_mut().zip(PLAN.iter()) {
                *value = grid.spots.get(*spot).map_or(0, |spot| self.moved::<A>(*spot).intrinsic::<A>());
            }
            return;
        }
        let [same, up, down, skews @ ..] = &self.points;
        let [down_4, down_3, down_2, down_1, none, up_1, up_2, up_3, up_4, tails @ ..] = &grid.spots;
        let [first, second, rest @ ..] = values;
        *first = self.value::<A>(&self.moved::<A>(*up_4), up);
        *second = self.value::<A>(&self.moved::<A>(*down_4), up);
        let (threes, rest) = rest.split_at_mut(21);
        for (three, spot) in threes.chunks_exact_mut(3).zip([up_3, down_3, up_2, down_2, up_1, down_1, none]) {
            let moved = self.moved::<A>(*spot);
            for (value, point) in three.iter_mut().zip([up, same, down]) {
                *value = self.value::<A>(&moved, point);
            }
        }
        let (of_tails, of_skews) = rest.split_at_mut(TAILS.len());
        for (value, spot) in of_tails.iter_mut().zip(tails) {
            *value = self.value::<A>(&self.moved::<A>(*spot), up);
        }
        let unmoved = self.moved::<A>(*none);
        for (value, point) in of_skews.iter_mut().zip(skews) {
            *value = self.value::<A>(&unmoved, point);
        }
    }
}

/// A series after a spot move.
struct Moved {
    forward: i64,
    /// Intrinsic value of the call, sixteenths of an atom.
    least: i64,
    /// What the value is below that of a call: forward less strike for a put, sixteenths of an atom.
    call_less: i64,
    /// ln(forward / strike), Q30.
    log: i64,
}

impl Moved {
    /// What a spot move makes of forward, strike and their logarithm.
    #[inline(always)]
    fn new<A: Exact>((forward, strike, log): (i64, i64, i64), kind: OptionKind, spot: (i64, i64)) -> Self {
        // To the nearest atom.
        let forward = A::add(A::mul(forward, spot.0), ONE >> 1) >> RATIO_BITS;
        let parity = A::sub(forward, strike) << UNIT_BITS;
        let call_less = if kind == OptionKind::Put { parity } else { 0 };
        Self { forward, least: positive(parity), call_less, log: A::add(log, spot.1) }
    }

    /// As [`SeriesTerms::value`] has it.
    #[inline(always)]
    fn value<A: Exact>(&self, strike: i64, point: &VolPoint) -> i64 {
        let d1 = A::add(A::mul(self.log, point.inverse) >> D_SHIFT, point.half);
        let d2 = A::sub(d1, point.deviation);
        let model = A::sub(A::mul(self.forward, cdf_from_edge(d1)), A::mul(strike, cdf_from_edge(d2))) >> VALUE_SHIFT;
        // What the distribution's last places lose must not undercut the intrinsic value.
        A::sub(model.max(self.least), self.call_less)
    }

    #[inline(always)]
    fn intrinsic<A: Exact>(&self) -> i64 {
        A::sub(self.least, self.call_less)
    }
}

/// ln(forward / strike) of two positive prices. Inlined it makes the table off chain a third slower.
#[inline(never)]
fn distance(forward: i64, strike: i64) -> RiskResult<Log> {
    ln_quotient(forward.unsigned_abs(), strike.unsigned_abs())
}

/// Standard deviations from the forward to the strike, ± 2 at most, halved: the wings' share of the skew shock, Q30, rounded down.
#[inline(always)]
fn away<A: Exact>(log: i64, deviation: i64) -> i64 {
    let distance = magnitude::<A>(log) << (ROOT_BITS - 1);
    // The chain's machine divides unsigned integers alone; the divisor is at least DEVIATION_MIN.
    let whole = distance.unsigned_abs().checked_div(deviation.unsigned_abs()).unwrap_or(0).cast_signed();
    if log <= 0 {
        return whole.min(ONE);
    }
    let up = if A::mul(whole, deviation) == distance { whole } else { A::add(whole, 1) };
    A::sub(0, up.min(ONE))
}

impl VolPoint {
    #[inline(always)]
    fn new<A: Exact>(sigma: i64, root_tau: i64) -> Self {
        Self::of_range::<A>(sigma.clamp(1, SHOCKED_MAX), root_tau)
    }

    /// [`Self::new`] of a volatility that is within its range.
    #[inline(always)]
    fn of_range<A: Exact>(sigma: i64, root_tau: i64) -> Self {
        let deviation = deviation::<A>(sigma, root_tau).max(DEVIATION_MIN);
        // Both are positive: no rounding to choose.
        let inverse = (1_u64 << (ROOT_BITS + INVERSE_BITS)).checked_div(deviation.unsigned_abs()).unwrap_or(0).cast_signed();
        Self { inverse, deviation, half: A::add(deviation >> 1, CDF_EDGE) }
    }
}

/// What a lot of one series is worth in every scenario. Shared by the healths before and after, slice sizing, and the liquidator's check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnitValues {
    /// By column, sixteenths of an atom per lot, ≥ 0.
    pub(super) values: [i64; COLUMNS],
    /// Value change per unit of relative spot move, sixteenths of an atom per lot.
    pub(super) delta: i64,
    /// F·n(d₁) at the mark, sixteenths of an atom per lot: what gamma, vega and theta are made of.
    pub(super) bell: i64,
    /// σ√τ at the mark, Q28.
    pub(super) deviation: i64,
    /// Moving part of the forward, atoms per lot.
    pub(super) forward: i64,
    /// Strike against it.
    pub(super) strike: i64,
    pub(super) kind: OptionKind,
    /// Place of the market among the markets of the account.
    pub(super) market: u8,
    /// Place of the expiry among the expiries of the account.
    pub(super) expiry: u8,
}

impl UnitValues {
    /// A series worth nothing, for [`SeriesTerms::price_into`].
    pub const NONE: Self = Self {
        values: [0; COLUMNS],
        delta: 0,
        bell: 0,
        deviation: DEVIATION_MIN,
        forward: 0,
        strike: 0,
        kind: OptionKind::Call,
        market: 0,
        expiry: 0,
    };

    /// Prices a series of `expiries[expiry]`, whose market has `grid`.
    ///
    /// Errors: [`RiskError::QuantityOutOfRange`] for an expiry that is none, and as [`SeriesTerms::new`].
    pub fn new(grid: &SpotGrid, expiries: &[ExpiryTerms], expiry: u8, strike: Price, kind: OptionKind, sigma: Ratio) -> RiskResult<Self> {
        let terms = expiries.get(usize::from(expiry)).ok_or(RiskError::QuantityOutOfRange)?;
        Ok(SeriesTerms::new(terms, strike, kind, sigma)?.price(grid, terms.market, expiry))
    }

    /// Place of its market among the markets of the account.
    pub const fn market(&self) -> u8 {
        self.market
    }

    /// So many lots of it.
    pub(super) fn held(&self, lots: Lots) -> Holding {
        Holding { lots: lots.raw(), strike: self.strike, is_call: self.kind == OptionKind::Call }
    }

    /// What bounds the value of a lot at the mark: max(forward, strike, forward − strike), atoms.
    pub(super) fn largest_price(&self) -> i64 {
        // Both are within ± 2³¹.
        self.forward.max(self.strike).max(self.forward.wrapping_sub(self.strike))
    }

    /// Mark of a lot, rounded down to the atom.
    pub const fn mark(&self) -> Quote {
        Quote::new(self.values[COLUMN_NONE] >> UNIT_BITS)
    }

    /// Mark value of so many lots, rounded down. Errors: [`RiskError::Overflow`].
    pub fn value_of(&self, lots: Lots) -> RiskResult<Quote> {
        crate::units::mul_div(lots.raw(), self.values[COLUMN_NONE], 1 << UNIT_BITS, Round::Floor).map(Quote::new)
    }

    /// What a lot can add to any requirement: forward plus strike. Errors: [`RiskError::Overflow`].
    pub fn reach(&self) -> RiskResult<Quote> {
        Quote::new(self.forward).add(Quote::new(self.strike).abs()?)
    }

    /// Value change of a lot per unit of relative spot move, atoms.
    pub const fn delta(&self) -> Quote {
        Quote::new(self.delta >> UNIT_BITS)
    }

    /// Value of a lot in `row` (1 ..= 33) of the grid, rounded down; skew rows with their first sign. `None` for a row that is none.
    pub fn in_row(&self, row: u8) -> Option<Quote> {
        let column = match usize::from(row).checked_sub(1)? {
            32 => COLUMN_SKEW.checked_add(2)?,
            column if column < SCENARIOS => column,
            _ => return None,
        };
        self.values.get(column).map(|value| Quote::new(value >> UNIT_BITS))
    }
}
