//! A series in the few rows that a witness names (RULES 4.6): its mark, its delta, and at most three rows, each by the arithmetic of the whole
//! table.

use super::super::grid::{COLUMN_NONE, COLUMN_SKEW, ROW_SPOT, SCENARIOS, SPOT_NONE};
use super::{
    away, cdf_from_edge, ln_fast, magnitude, moved_spot, positive, Bare, Exact, ExpiryTerms, Log, OptionKind, Price, Ratio, RiskError,
    RiskResult, SeriesTerms, UnitValues, VolPoint, D_SHIFT, LOG_MAX, ONE, PLAN, RATIO_BITS, SIGMA_MAX, SIGMA_MIN, SPOT_RANGE_MAX,
    SPOT_RANGE_MIN, TAILS, TAIL_LOGS, UNIT_BITS, VALUE_SHIFT,
};

/// Most rows that a witness names in one market.
pub(in super::super) const NAMED: usize = 3;

/// One named row of a market's grid.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Column {
    /// 1 + move and its logarithm, Q30.
    spot: (i64, i64),
    /// Volatility points; the second is another only in the skew rows, which have two signs.
    points: [usize; 2],
    /// Places in the whole table.
    places: [usize; 2],
}

/// The named rows of a market that has options, ready for its series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) struct NamedGrid {
    columns: [Column; NAMED],
    count: usize,
    /// Bit per volatility point that any of the rows reads.
    needed: u8,
}

impl NamedGrid {
    /// `rows` (counted from 0, at most [`NAMED`]) of a market with this spot range.
    ///
    /// Errors: [`RiskError::ParameterOutOfRange`] for a range outside 14 % ..= 60 % or a row that is none.
    #[inline(never)]
    pub(in super::super) fn new(range: Ratio, rows: &[usize]) -> RiskResult<Self> {
        if range < SPOT_RANGE_MIN || range > SPOT_RANGE_MAX || rows.len() > NAMED {
            return Err(RiskError::ParameterOutOfRange);
        }
        let mut grid = Self { columns: [Column::default(); NAMED], count: rows.len(), needed: 1 };
        for (column, row) in grid.columns.iter_mut().zip(rows) {
            *column = Column::new(range.raw(), *row)?;
            for point in column.points {
                grid.needed |= u32::try_from(point).ok().and_then(|bit| 1_u8.checked_shl(bit)).unwrap_or(0);
            }
        }
        Ok(grid)
    }
}

impl Column {
    fn new(range: i64, row: usize) -> RiskResult<Self> {
        let places = match row.checked_sub(COLUMN_SKEW) {
            None => [row, row],
            Some(skew) if row < SCENARIOS => {
                let first = COLUMN_SKEW.wrapping_add(skew << 1);
                [first, first.wrapping_add(1)]
            }
            _ => return Err(RiskError::ParameterOutOfRange),
        };
        let spot = ROW_SPOT.get(row).copied().unwrap_or(SPOT_NONE);
        let spot = match spot.checked_sub(9) {
            Some(tail) => TAILS.get(tail).zip(TAIL_LOGS.get(tail)).map(|(shock, log)| (ONE.wrapping_add(shock.raw()), *log)),
            None if spot == SPOT_NONE => Some((ONE, 0)),
            None => {
                let quarters = i64::try_from(spot).map_err(|_| RiskError::Overflow)?.wrapping_sub(4);
                Some(moved_spot(range, quarters)?)
            }
        };
        let points = places.map(|place| PLAN.get(place).map_or(0, |(_, point)| *point));
        Ok(Self { spot: spot.ok_or(RiskError::ParameterOutOfRange)?, points, places })
    }
}

/// A lot of a series, sixteenths of an atom: the mark, the delta, and each named row in both of its signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) struct NamedUnit {
    pub(in super::super) mark: i64,
    pub(in super::super) delta: i64,
    pub(in super::super) rows: [[i64; 2]; NAMED],
    pub(in super::super) forward: i64,
    pub(in super::super) strike: i64,
    pub(in super::super) is_call: bool,
}

impl NamedUnit {
    /// Prices a series of `expiry` in the rows of `grid` alone. `log` is ln(F/K) where the caller knows it.
    ///
    /// Errors: as [`SeriesTerms::new`].
    #[inline(never)]
    pub(in super::super) fn price(
        grid: &NamedGrid,
        expiry: &ExpiryTerms,
        strike: Price,
        kind: OptionKind,
        sigma: Ratio,
        log: Option<Log>,
    ) -> RiskResult<Self> {
        let strike = Price::checked(strike.raw())?.raw().wrapping_sub(expiry.fixed);
        if sigma < SIGMA_MIN || sigma > SIGMA_MAX {
            return Err(RiskError::ParameterOutOfRange);
        }
        let is_intrinsic = expiry.root_tau == 0 || expiry.forward <= 0 || strike <= 0;
        let mut terms = SeriesTerms { kind, forward: expiry.forward, strike, is_intrinsic, ..SeriesTerms::NONE };
        if !is_intrinsic {
            let distance = match log.filter(|_| expiry.fixed == 0) {
                Some(log) => log,
                None => ln_fast(expiry.forward.unsigned_abs())?.sub(ln_fast(strike.unsigned_abs())?)?,
            };
            terms.log = distance.to_ratio().raw().clamp(-LOG_MAX, LOG_MAX);
            terms.set_needed::<Bare>(grid.needed, expiry, sigma.raw());
        }
        let (mark, delta) = terms.mark_and_delta::<Bare>();
        let mut rows = [[mark; 2]; NAMED];
        for (values, column) in rows.iter_mut().zip(&grid.columns).take(grid.count) {
            let moved = terms.moved::<Bare>(column.spot);
            let [first, second] = column.points;
            let value = |point: usize| match terms.points.get(point) {
                Some(point) if !is_intrinsic => terms.value::<Bare>(&moved, point),
                _ => moved.intrinsic::<Bare>(),
            };
            let one = value(first);
            *values = [one, if second == first { one } else { value(second) }];
        }
        Ok(Self { mark, delta, rows, forward: terms.forward, strike, is_call: kind == OptionKind::Call })
    }

    /// The same out of the whole table.
    pub(in super::super) fn of(grid: &NamedGrid, unit: &UnitValues) -> Self {
        let mark = unit.values[COLUMN_NONE];
        let mut rows = [[mark; 2]; NAMED];
        for (values, column) in rows.iter_mut().zip(&grid.columns).take(grid.count) {
            *values = column.places.map(|place| unit.values.get(place).copied().unwrap_or(0));
        }
        let UnitValues { delta, forward, strike, kind, .. } = *unit;
        Self { mark, delta, rows, forward, strike, is_call: kind == OptionKind::Call }
    }
}

impl SeriesTerms {
    /// The volatility points whose bits are set in `needed`, each as [`SeriesTerms::set`] has it.
    #[inline(always)]
    fn set_needed<A: Exact>(&mut self, needed: u8, expiry: &ExpiryTerms, sigma: i64) {
        let [same, up, down, skews @ ..] = &mut self.points;
        let at = |sigma: i64| VolPoint::new::<A>(sigma, expiry.root_tau);
        let shocked = |factor: i64| A::mul(sigma >> 2, factor >> 2) >> (RATIO_BITS - 4);
        *same = at(sigma);
        if needed & 0b10 != 0 {
            *up = at(shocked(expiry.vol_up).max(expiry.vol_up_floor).max(sigma));
        }
        if needed & 0b100 != 0 {
            *down = at(shocked(expiry.vol_down));
        }
        if needed & 0b111_1000 != 0 {
            let change = A::mul(A::mul(away::<A>(self.log, same.deviation), expiry.skew) >> RATIO_BITS, sigma >> 2) >> (RATIO_BITS - 2);
            let wing = magnitude::<A>(change);
            for (slot, by) in skews.iter_mut().zip([change, A::sub(0, change), wing, A::sub(0, wing)]) {
                *slot = at(A::add(sigma, by));
            }
        }
    }

    /// Value and delta of a lot without a move: the two share a probability.
    #[inline(always)]
    fn mark_and_delta<A: Exact>(&self) -> (i64, i64) {
        let Self { kind, forward, strike, points: [base, ..], .. } = self;
        let parity = A::sub(*forward, *strike) << UNIT_BITS;
        let (call, share) = if self.is_intrinsic {
            (positive(parity), if forward > strike { ONE } else { 0 })
        } else {
            let d1 = A::add(A::mul(self.log, base.inverse) >> D_SHIFT, base.half);
            let share = cdf_from_edge(d1);
            let model = A::sub(A::mul(*forward, share), A::mul(*strike, cdf_from_edge(A::sub(d1, base.deviation)))) >> VALUE_SHIFT;
            (model.max(positive(parity)), share)
        };
        match kind {
            OptionKind::Call => (call, A::mul(*forward, share) >> VALUE_SHIFT),
            OptionKind::Put => (A::sub(call, parity), A::mul(*forward, A::sub(share, ONE)) >> VALUE_SHIFT),
        }
    }
}
