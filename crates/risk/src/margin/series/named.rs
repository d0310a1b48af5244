//! A series in the few rows that a witness names (RULES 4.6): its mark, its delta, and at most three rows, each by the arithmetic of the whole
//! table, added up where it is computed.

use super::super::grid::{COLUMN_BASIS_DOWN, COLUMN_BASIS_UP, COLUMN_NONE, COLUMN_SKEW, ROW_SPOT, SPOT_NONE};
use super::super::max_loss::{Ends, Holding};
use super::super::options::MAX_OPTION_NOTIONAL;
use super::super::witness::NamedLeg;
use super::{
    away, cdf_from_edge, ln_quotient, magnitude, moved_spot, positive, Exact, ExpiryTerms, Lots, Moved, OptionKind, Ratio, RiskError,
    RiskResult, UnitValues, VolPoint, D_SHIFT, LOG_MAX, ONE, PLAN, RATIO_BITS, SIGMA_MAX, SIGMA_MIN, SPOT_RANGE_MAX, SPOT_RANGE_MIN, TAILS,
    TAIL_LOGS, UNIT_BITS, VALUE_SHIFT,
};
use crate::units::MAX_LOTS;

/// Most rows that a witness names in one market.
pub(in super::super) const NAMED: usize = 3;

/// [`SPOT_NONE`]: the moves are in order of their quarters.
const UNMOVED: i64 = 4;
const _: () = assert!(SPOT_NONE == 4);

/// One named row of a market's grid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Column {
    /// 1 + move and its logarithm, Q30.
    spot: (i64, i64),
    /// Its volatility point; of a skew row the first of two, which are the row's two signs.
    point: usize,
    /// Its place in the whole table; of a skew row the first of two.
    place: usize,
    is_skew: bool,
    /// Whether it is one of the two of the basis contingency.
    is_basis: bool,
}

/// The named rows of a market that has options, ready for its series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) struct NamedGrid {
    columns: [Column; NAMED],
    count: usize,
}

impl NamedGrid {
    /// No rows.
    pub(in super::super) const NONE: Self = Self { columns: [Column::NONE; NAMED], count: 0 };

    /// Makes these the first `count` of `rows` (counted from 0) of a market with this spot range.
    ///
    /// Errors: [`RiskError::ParameterOutOfRange`] for a range outside 14 % ..= 60 % or a row that is none.
    #[inline(always)]
    pub(in super::super) fn set(&mut self, range: Ratio, rows: &[usize; NAMED], count: usize) -> RiskResult<()> {
        if range < SPOT_RANGE_MIN || range > SPOT_RANGE_MAX {
            return Err(RiskError::ParameterOutOfRange);
        }
        for (column, row) in self.columns.iter_mut().zip(rows).take(count) {
            *column = Column::new(range.raw(), *row)?;
        }
        self.count = count;
        Ok(())
    }

    /// Adds to `total` the losses of an expiry by named row, where a row has two signs at the worse one; the worst of them and the worst of the
    /// rows of the basis contingency, if above zero.
    #[inline(always)]
    pub(in super::super) fn add_losses<A: Exact>(&self, total: &mut [i64; NAMED], losses: &[[i64; 2]; NAMED]) -> (i64, i64) {
        let (mut worst, mut basis) = (0, 0);
        for (column, (total, [one, other])) in self.columns().iter().zip(total.iter_mut().zip(losses)) {
            let loss = if column.is_skew { *one.max(other) } else { *one };
            *total = A::add(*total, loss);
            worst = loss.max(worst);
            if column.is_basis {
                basis = loss.max(basis);
            }
        }
        (worst, basis)
    }

    /// By how much spot moves in each row, Q30.
    #[inline(always)]
    pub(in super::super) fn moves(&self) -> impl Iterator<Item = i64> + '_ {
        self.columns().iter().map(|column| column.spot.0.wrapping_sub(ONE))
    }

    /// The rows.
    #[inline(always)]
    fn columns(&self) -> &[Column] {
        self.columns.get(..self.count).unwrap_or(&self.columns)
    }
}

impl Column {
    const NONE: Self = Self { spot: (ONE, 0), point: 0, place: 0, is_skew: false, is_basis: false };

    #[inline(always)]
    fn new(range: i64, row: usize) -> RiskResult<Self> {
        let is_skew = row >= COLUMN_SKEW;
        let place = if is_skew { row.wrapping_shl(1).wrapping_sub(COLUMN_SKEW) } else { row };
        let spot = *ROW_SPOT.get(row).ok_or(RiskError::ParameterOutOfRange)?;
        let (_, point) = *PLAN.get(place).ok_or(RiskError::ParameterOutOfRange)?;
        let spot = match (spot.checked_sub(SPOT_NONE), spot.checked_sub(9)) {
            (Some(0), _) => (ONE, 0),
            (_, Some(tail)) => {
                let (shock, log) = TAILS.get(tail).zip(TAIL_LOGS.get(tail)).ok_or(RiskError::ParameterOutOfRange)?;
                (ONE.wrapping_add(shock.raw()), *log)
            }
            _ => {
                let index = i64::try_from(spot).map_err(|_| RiskError::Overflow)?;
                moved_spot(range, index.wrapping_sub(UNMOVED))?
            }
        };
        Ok(Self { spot, point, place, is_skew, is_basis: row == COLUMN_BASIS_UP || row == COLUMN_BASIS_DOWN })
    }
}

/// Sums over the legs of one expiry, sixteenths of an atom.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in super::super) struct NamedSums {
    /// Losses by named row, of a skew row in both signs.
    pub(in super::super) losses: [[i64; 2]; NAMED],
    pub(in super::super) value: i64,
    pub(in super::super) delta: i64,
    /// Lots of calls and of puts.
    pub(in super::super) calls: i64,
    pub(in super::super) puts: i64,
    /// What the legs pay at the two ends of the settlement price.
    pub(in super::super) ends: Ends,
    pub(in super::super) legs: usize,
}

/// A series at its mark, ready for a move.
struct Marked {
    lots: i64,
    kind: OptionKind,
    forward: i64,
    strike: i64,
    /// ln(forward / strike), Q30; nothing when intrinsic.
    log: i64,
    sigma: i64,
    base: VolPoint,
    /// Value of a lot, sixteenths of an atom.
    mark: i64,
}

impl NamedSums {
    /// Adds a leg of `expiry`, priced in the rows of `grid` alone.
    ///
    /// Errors: as [`super::SeriesTerms::new`]; [`RiskError::QuantityOutOfRange`], [`RiskError::NotionalOutOfRange`] beyond the bounds of a leg.
    #[inline(always)]
    pub(in super::super) fn add_leg<A: Exact>(&mut self, grid: &NamedGrid, expiry: &ExpiryTerms, leg: &NamedLeg) -> RiskResult<()> {
        if leg.sigma < SIGMA_MIN || leg.sigma > SIGMA_MAX {
            return Err(RiskError::ParameterOutOfRange);
        }
        let held = leg.held(expiry)?;
        let Holding { lots, strike, .. } = held;
        let (kind, forward, sigma) = (leg.kind, expiry.forward, leg.sigma.raw());
        check_lots(leg.lots, forward, strike)?;
        if expiry.root_tau == 0 || forward <= 0 || strike <= 0 {
            self.add_intrinsic::<A>(grid, &held, forward);
            return Ok(());
        }
        let distance = match leg.log {
            Some(log) if expiry.fixed == 0 => log,
            _ => ln_quotient(forward.unsigned_abs(), strike.unsigned_abs())?,
        };
        let log = distance.to_ratio().raw().clamp(-LOG_MAX, LOG_MAX);
        let base = VolPoint::of_range::<A>(sigma, expiry.root_tau);
        let mut series = Marked { lots, kind, forward, strike, log, sigma, base, mark: 0 };
        let delta = series.mark::<A>();
        self.add_marked::<A>(&held, series.mark, delta);
        for (losses, column) in self.losses.iter_mut().zip(grid.columns()) {
            let moved = Moved::new::<A>((forward, strike, log), kind, column.spot);
            let [loss, other] = losses;
            *loss = A::add(*loss, series.loss::<A>(expiry, &moved, column.point));
            if column.is_skew {
                *other = A::add(*other, series.loss::<A>(expiry, &moved, column.point.wrapping_add(1)));
            }
        }
        Ok(())
    }

    /// Adds `lots` of a series out of the whole table. Errors: as [`Self::add_leg`].
    pub(in super::super) fn add_unit<A: Exact>(&mut self, grid: &NamedGrid, lots: Lots, unit: &UnitValues) -> RiskResult<()> {
        check_lots(lots, unit.forward, unit.strike)?;
        let (held, mark) = (unit.held(lots), unit.values[COLUMN_NONE]);
        let lots = lots.raw();
        self.add_marked::<A>(&held, mark, unit.delta);
        for (losses, column) in self.losses.iter_mut().zip(grid.columns()) {
            let loss = |place: usize| unit.values.get(place).map_or(0, |value| A::mul(lots, A::sub(mark, *value)));
            let [one, other] = losses;
            *one = A::add(*one, loss(column.place));
            if column.is_skew {
                *other = A::add(*other, loss(column.place.wrapping_add(1)));
            }
        }
        Ok(())
    }

    #[inline(always)]
    fn add_marked<A: Exact>(&mut self, held: &Holding, mark: i64, delta: i64) {
        let lots = held.lots;
        self.legs = self.legs.wrapping_add(1);
        self.ends.add::<A>(held);
        self.value = A::add(self.value, A::mul(lots, mark));
        self.delta = A::add(self.delta, A::mul(lots, delta));
        let sum = if held.is_call { &mut self.calls } else { &mut self.puts };
        *sum = A::add(*sum, lots);
    }

    /// A leg of which only the intrinsic value is left: at expiry, or past its strike by the fixed part of the settlement price.
    #[inline(never)]
    fn add_intrinsic<A: Exact>(&mut self, grid: &NamedGrid, held: &Holding, forward: i64) {
        let kind = if held.is_call { OptionKind::Call } else { OptionKind::Put };
        let value = |spot: (i64, i64)| Moved::new::<A>((forward, held.strike, 0), kind, spot).intrinsic::<A>();
        let share = match (forward > held.strike, kind) {
            (true, OptionKind::Call) => ONE,
            (false, OptionKind::Put) => ONE.wrapping_neg(),
            _ => 0,
        };
        let mark = value((ONE, 0));
        self.add_marked::<A>(held, mark, A::mul(forward, share) >> VALUE_SHIFT);
        for (losses, column) in self.losses.iter_mut().zip(grid.columns()) {
            let loss = A::mul(held.lots, A::sub(mark, value(column.spot)));
            *losses = losses.map(|sum| A::add(sum, loss));
        }
    }
}

impl Marked {
    /// Prices a lot without a move, and returns its delta, sixteenths of an atom: the two share a probability.
    #[inline(always)]
    fn mark<A: Exact>(&mut self) -> i64 {
        let Self { forward, strike, ref base, .. } = *self;
        let parity = A::sub(forward, strike) << UNIT_BITS;
        let d1 = A::add(A::mul(self.log, base.inverse) >> D_SHIFT, base.half);
        let share = cdf_from_edge(d1);
        let model = A::sub(A::mul(forward, share), A::mul(strike, cdf_from_edge(A::sub(d1, base.deviation)))) >> VALUE_SHIFT;
        let call = model.max(positive(parity));
        let (mark, share) = match self.kind {
            OptionKind::Call => (call, share),
            OptionKind::Put => (A::sub(call, parity), A::sub(share, ONE)),
        };
        self.mark = mark;
        A::mul(forward, share) >> VALUE_SHIFT
    }

    /// What the lots lose by the move at the volatility point.
    #[inline(always)]
    fn loss<A: Exact>(&self, expiry: &ExpiryTerms, moved: &Moved, point: usize) -> i64 {
        let point = if point == 0 { self.base } else { VolPoint::new::<A>(self.shocked::<A>(expiry, point), expiry.root_tau) };
        A::mul(self.lots, A::sub(self.mark, moved.value::<A>(self.strike, &point)))
    }

    /// The volatility of a point, each as [`super::SeriesTerms::set`] has it.
    #[inline(always)]
    fn shocked<A: Exact>(&self, expiry: &ExpiryTerms, point: usize) -> i64 {
        let sigma = self.sigma;
        let by_factor = |factor: i64| A::mul(sigma >> 2, factor >> 2) >> (RATIO_BITS - 4);
        match point {
            1 => by_factor(expiry.vol_up).max(expiry.vol_up_floor).max(sigma),
            2 => by_factor(expiry.vol_down),
            _ => {
                let away = away::<A>(self.log, self.base.deviation);
                let change = A::mul(A::mul(away, expiry.skew) >> RATIO_BITS, sigma >> 2) >> (RATIO_BITS - 2);
                let change = if point < 5 { change } else { magnitude::<A>(change) };
                // The odd ones are the first signs.
                if point & 1 == 1 {
                    A::add(sigma, change)
                } else {
                    A::sub(sigma, change)
                }
            }
        }
    }
}

fn check_lots(lots: Lots, forward: i64, strike: i64) -> RiskResult<()> {
    let size = match i64::try_from(lots.raw().unsigned_abs()) {
        Ok(size) if size <= MAX_LOTS => size,
        _ => return Err(RiskError::QuantityOutOfRange),
    };
    // Both prices are within ± 2³¹.
    let price = forward.max(strike).max(forward.wrapping_sub(strike));
    if size.wrapping_mul(price) > MAX_OPTION_NOTIONAL {
        return Err(RiskError::NotionalOutOfRange);
    }
    Ok(())
}
