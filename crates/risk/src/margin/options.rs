//! Option legs of one market: their losses in every scenario as dot products over the unit values, and what the add-ons need of them.

use super::grid::{COLUMNS, COLUMN_BASIS_DOWN, COLUMN_BASIS_UP, COLUMN_NONE, COLUMN_SKEW, SCENARIOS, SPOTS, TAIL_WEIGHT};
use super::kernel::{positive, scale_ceil, Exact};
use super::max_loss::{max_loss, Holding};
use super::params::ExpiryTerms;
use super::series::{OptionKind, UnitValues, UNIT_BITS};
use crate::error::{RiskError, RiskResult};
use crate::units::{Lots, Quote, Ratio, Round, MAX_LOTS};

/// Most option legs of one account (DESIGN 3).
pub const MAX_OPTIONS: usize = 16;
/// Largest lots × max(forward, strike, forward − strike) of one option leg, orders included, atoms. [The strike against the moving part of
/// the forward is negative once the fixed part alone is past it.]
pub const MAX_OPTION_NOTIONAL: i64 = 1 << 52;
/// Largest value of the resting orders of one side of a leg.
const MAX_ORDER_VALUE: i64 = MAX_OPTION_NOTIONAL << 1;

// Sixteen legs of six times the notional in sixteenths of an atom, and as much again for orders' immediate losses.
const _: () = assert!(((MAX_OPTION_NOTIONAL * 6 + MAX_ORDER_VALUE) << UNIT_BITS).checked_mul(2).is_some());
const _: () = assert!((MAX_OPTION_NOTIONAL * 6).checked_mul(16 * 16).is_some());

/// One option leg of an account; `series` is its place in the unit table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OptionInput {
    /// Place of its series among the unit values.
    pub series: u8,
    /// Position, ± 2³⁰; longs are paid in full (RULES 5.5), so that a leg has no balance of its own.
    pub lots: Lots,
    /// Lots resting on the bid side, ≥ 0.
    pub bids: Lots,
    /// Lots resting on the ask side, ≥ 0.
    pub asks: Lots,
    /// What the resting bids would pay, ≥ 0.
    pub bids_value: Quote,
    /// What the resting asks would receive, ≥ 0.
    pub asks_value: Quote,
}

impl OptionInput {
    pub(super) const fn has_orders(&self) -> bool {
        self.bids.raw() != 0 || self.asks.raw() != 0
    }
}

/// The options of an account with the tables that price them.
///
/// Two tables, because a stale surface reaches the initial measure first (RULES 5.6); usually the same slice twice. Both list the same
/// series in the same order.
#[derive(Clone, Copy, Debug, Default)]
pub struct OptionBook<'a> {
    /// The legs, at most [`MAX_OPTIONS`]; a series at most once.
    pub legs: &'a [OptionInput],
    /// The expiries that the series name.
    pub expiries: &'a [ExpiryTerms],
    /// Unit values in the initial measure.
    pub units_im: &'a [UnitValues],
    /// Unit values in the maintenance measure.
    pub units_mm: &'a [UnitValues],
}

impl<'a> OptionBook<'a> {
    /// No options.
    pub const NONE: OptionBook<'static> = OptionBook { legs: &[], expiries: &[], units_im: &[], units_mm: &[] };

    /// Checks every leg against the bounds of the kernel.
    ///
    /// Errors: [`RiskError::QuantityOutOfRange`] for lots, too many legs, a series or expiry that is none or a series given twice,
    /// [`RiskError::NotionalOutOfRange`] for values.
    pub(super) fn check(&self) -> RiskResult<BoundedBook<'a>> {
        if self.legs.len() > MAX_OPTIONS || self.units_im.len() != self.units_mm.len() {
            return Err(RiskError::QuantityOutOfRange);
        }
        let (mut markets, mut seen) = (0_u8, 0_u64);
        for leg in self.legs {
            let place = usize::from(leg.series);
            let units = self.units_im.get(place).zip(self.units_mm.get(place)).ok_or(RiskError::QuantityOutOfRange)?;
            let bit = 1_u64.checked_shl(leg.series.into()).ok_or(RiskError::QuantityOutOfRange)?;
            if seen & bit != 0 {
                return Err(RiskError::QuantityOutOfRange);
            }
            seen |= bit;
            check_leg(leg, units.0)?;
            check_leg(leg, units.1)?;
            if units.0.market != units.1.market || units.0.expiry != units.1.expiry {
                return Err(RiskError::QuantityOutOfRange);
            }
            let expiry = self.expiries.get(usize::from(units.0.expiry)).ok_or(RiskError::QuantityOutOfRange)?;
            let market = 1_u8.checked_shl(expiry.market.into()).ok_or(RiskError::QuantityOutOfRange)?;
            if expiry.market != units.0.market {
                return Err(RiskError::QuantityOutOfRange);
            }
            markets |= market;
        }
        Ok(BoundedBook { book: *self, markets })
    }
}

fn check_leg(leg: &OptionInput, units: &UnitValues) -> RiskResult<()> {
    let is_lots = |lots: Lots| (0..=MAX_LOTS).contains(&lots.raw());
    let lots = leg.lots.abs()?;
    if !is_lots(lots) || !is_lots(leg.bids) || !is_lots(leg.asks) {
        return Err(RiskError::QuantityOutOfRange);
    }
    let price = units.largest_price();
    let largest = lots.raw().wrapping_add(leg.bids.max(leg.asks).raw()).wrapping_mul(price);
    let is_value = |value: Quote| (0..=MAX_ORDER_VALUE).contains(&value.raw());
    if largest <= MAX_OPTION_NOTIONAL && is_value(leg.bids_value) && is_value(leg.asks_value) {
        Ok(())
    } else {
        Err(RiskError::NotionalOutOfRange)
    }
}

/// An [`OptionBook`] whose legs have been range-checked.
#[derive(Clone, Copy)]
pub(super) struct BoundedBook<'a> {
    pub(super) book: OptionBook<'a>,
    /// Bit per market that has an option leg.
    pub(super) markets: u8,
}

impl BoundedBook<'_> {
    pub(super) fn has(&self, market: usize) -> bool {
        u32::try_from(market).ok().and_then(|bit| 1_u8.checked_shl(bit)).is_some_and(|bit| self.markets & bit != 0)
    }
}

/// What the option legs of one market come to in one measure. Amounts in atoms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct OptionPart {
    /// Loss by row (counted from 0), gains negative, before dampening; rounded up.
    pub(super) rows: [i64; SCENARIOS],
    /// The largest of the rows that share a spot move.
    pub(super) spots: [i64; SPOTS],
    /// Largest dampened loss of the options alone, ≥ 0, before the factor of a measure.
    pub(super) alone: i64,
    /// Value at the mark, rounded down.
    pub(super) value: i64,
    /// The most the positions can still lose from the mark, ≥ 0 ([`super::max_loss`]); `i64::MAX` when orders rest.
    pub(super) max_loss: i64,
    /// Value change per unit of relative spot move, with all bids filled and with all asks filled.
    pub(super) delta_long: i64,
    pub(super) delta_short: i64,
    /// Basis contingency, short-option minimum and tenor discount (RULES 4.4).
    pub(super) basis: i64,
    pub(super) short: i64,
    pub(super) tenor: i64,
    /// The short-option minimum at the initial rate, without orders.
    pub(super) short_held_im: i64,
    /// Forward value of net short options.
    pub(super) short_notional: i64,
    /// Whether any leg has resting orders.
    pub(super) has_orders: bool,
}

/// Which measure a part is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Measure {
    Initial,
    Maintenance,
}

impl OptionPart {
    pub(super) const NONE: Self = Self {
        rows: [0; SCENARIOS],
        spots: [0; SPOTS],
        alone: 0,
        value: 0,
        max_loss: 0,
        delta_long: 0,
        delta_short: 0,
        basis: 0,
        short: 0,
        tenor: 0,
        short_held_im: 0,
        short_notional: 0,
        has_orders: false,
    };
}

/// Sums over the legs of a market, sixteenths of an atom.
struct Sums {
    /// Loss by column, short of `marks`; the last four, of the skew shocks, are those of one expiry.
    columns: [i64; COLUMNS],
    /// Mark value of the legs whose columns were added without it: one subtraction for each column in place of one for each leg.
    marks: i64,
    /// Loss in the two skew rows, each expiry at its own worst sign.
    skew: [i64; 2],
    /// Value change per unit of relative spot move, all bids filled and all asks filled.
    delta_long: i64,
    delta_short: i64,
}

/// One expiry's sums.
#[derive(Clone, Copy, Default)]
struct ExpirySum {
    /// Mark value of the positions, sixteenths of an atom.
    value: i64,
    /// Net lots by kind, all asks filled in the initial measure.
    calls: i64,
    puts: i64,
    /// Net lots by kind without orders.
    held: (i64, i64),
}

/// A leg's exposure in one measure: both ends of its orders, and what they lose at once, sixteenths of an atom.
#[derive(Clone, Copy)]
struct Ends {
    long: i64,
    short: i64,
    long_now: i64,
    short_now: i64,
}

impl Ends {
    /// A leg without resting orders, or as the maintenance measure sees it.
    fn held(lots: i64) -> Self {
        Self { long: lots, short: lots, long_now: 0, short_now: 0 }
    }

    fn with_orders<A: Exact>(leg: &OptionInput, mark: i64) -> Self {
        let lots = leg.lots.raw();
        let bought = A::sub(leg.bids_value.raw() << UNIT_BITS, A::mul(leg.bids.raw(), mark));
        let sold = A::sub(A::mul(leg.asks.raw(), mark), leg.asks_value.raw() << UNIT_BITS);
        Self {
            long: A::add(lots, leg.bids.raw()),
            short: A::sub(lots, leg.asks.raw()),
            long_now: positive(bought),
            short_now: positive(sold),
        }
    }

    /// Loss when a lot falls by `fall`: the worse end, per leg and scenario.
    #[inline(always)]
    fn loss<A: Exact>(&self, fall: i64) -> i64 {
        let long = A::add(A::mul(self.long, fall), self.long_now);
        long.max(A::add(A::mul(self.short, fall), self.short_now))
    }
}

/// [`add_legs`] to nothing.
#[cfg(test)]
pub(super) fn option_part<A: Exact>(bounded: &BoundedBook, market: usize, range: i64, measure: Measure) -> RiskResult<OptionPart> {
    let mut part = OptionPart::NONE;
    add_legs::<A>(&mut part, bounded, market, range, measure)?;
    Ok(part)
}

/// The option legs of `market`, whose spot range is `range`, in one measure, in place of [`OptionPart::NONE`].
///
/// Errors: none inside the bounds of [`OptionBook::check`] but [`RiskError::Overflow`].
#[inline(never)]
pub(super) fn add_legs<A: Exact>(
    part: &mut OptionPart,
    bounded: &BoundedBook,
    market: usize,
    range: i64,
    measure: Measure,
) -> RiskResult<()> {
    let book = &bounded.book;
    let units = if measure == Measure::Initial { book.units_im } else { book.units_mm };
    let mut sums = Sums { columns: [0; COLUMNS], marks: 0, skew: [0; 2], delta_long: 0, delta_short: 0 };
    let mut held = [Holding::default(); MAX_OPTIONS];
    let mut value = 0_i64;
    for (place, expiry) in book.expiries.iter().enumerate().filter(|(_, expiry)| usize::from(expiry.market) == market) {
        let mut sum = ExpirySum::default();
        let before = (sums.marks, sums.columns[COLUMN_BASIS_UP], sums.columns[COLUMN_BASIS_DOWN]);
        let mut slots = held.iter_mut();
        let mut count = 0_usize;
        for leg in book.legs {
            let Some(unit) = units.get(usize::from(leg.series)).filter(|unit| usize::from(unit.expiry) == place) else { continue };
            if let Some(slot) = slots.next() {
                *slot = Holding { lots: leg.lots.raw(), strike: unit.strike, is_call: unit.kind == OptionKind::Call };
                count = count.wrapping_add(1);
            }
            let is_resting = measure == Measure::Initial && leg.has_orders();
            part.has_orders |= is_resting;
            add_leg::<A>(&mut sums, &mut sum, unit, leg, is_resting);
        }
        let Some(held) = held.get(..count).filter(|held| !held.is_empty()) else { continue };
        value = A::add(value, sum.value);
        let marks = A::sub(sums.marks, before.0);
        let fall = |after: i64, before: i64| A::add(A::sub(after, before), marks);
        let basis = fall(sums.columns[COLUMN_BASIS_UP], before.1).max(fall(sums.columns[COLUMN_BASIS_DOWN], before.2));
        sums.end_expiry::<A>(marks);
        finish_expiry::<A>(part, &sum, basis, expiry, measure)?;
        part.max_loss = part.max_loss.saturating_add(max_loss::<A>(held, sum.value, expiry.forward, range));
    }
    sums.put_rows::<A>(part);
    part.delta_long = up_to_atom::<A>(sums.delta_long);
    part.delta_short = sums.delta_short >> UNIT_BITS;
    part.value = value >> UNIT_BITS;
    if part.has_orders {
        part.max_loss = i64::MAX;
    }
    Ok(())
}

pub(super) fn up_to_atom<A: Exact>(sixteenths: i64) -> i64 {
    A::add(sixteenths, (1 << UNIT_BITS) - 1) >> UNIT_BITS
}

impl Sums {
    /// Takes the columns of the skew shocks, to which the expiry's `marks` belong, each at its worst sign.
    fn end_expiry<A: Exact>(&mut self, marks: i64) {
        let [.., linear_up, linear_down, absolute_up, absolute_down] = &mut self.columns;
        let [linear, absolute] = &mut self.skew;
        *linear = A::add(*linear, A::add((*linear_up).max(*linear_down), marks));
        *absolute = A::add(*absolute, A::add((*absolute_up).max(*absolute_down), marks));
        (*linear_up, *linear_down, *absolute_up, *absolute_down) = (0, 0, 0, 0);
    }

    /// The rows in atoms, the largest of those that share a spot move, and the largest of all.
    fn put_rows<A: Exact>(&self, part: &mut OptionPart) {
        let atoms = |sixteenths: i64| up_to_atom::<A>(A::add(sixteenths, self.marks));
        for (row, column) in part.rows.iter_mut().zip(self.columns.iter()).take(COLUMN_SKEW) {
            *row = atoms(*column);
        }
        let [up_4, down_4, inner @ .., linear, absolute] = &mut part.rows;
        [*linear, *absolute] = self.skew.map(up_to_atom::<A>);
        let (threes, of_tails) = inner.split_at(21);
        let [s0, s1, s2, s3, s4, s5, s6, s7, s8, tails @ ..] = &mut part.spots;
        (*s8, *s0) = (*up_4, *down_4);
        let mut inside = (*up_4).max(*down_4).max(0);
        for (three, spot) in threes.chunks_exact(3).zip([s7, s1, s6, s2, s5, s3, &mut *s4]) {
            *spot = three.iter().fold(i64::MIN, |most, row| most.max(*row));
            inside = inside.max(*spot);
        }
        *s4 = (*s4).max(*linear).max(*absolute);
        inside = inside.max(*s4);
        for ((spot, row), weight) in tails.iter_mut().zip(of_tails).zip(TAIL_WEIGHT) {
            *spot = *row;
            // A share of the loss is no larger than all of it.
            if *row > inside {
                inside = inside.max(scale_ceil::<A>(*row, weight));
            }
        }
        part.alone = inside;
    }
}

/// Adds one leg to its market's and its expiry's sums.
#[inline(always)]
fn add_leg<A: Exact>(sums: &mut Sums, sum: &mut ExpirySum, unit: &UnitValues, leg: &OptionInput, is_resting: bool) {
    let (mark, lots) = (unit.values[COLUMN_NONE], leg.lots.raw());
    let worth = A::mul(lots, mark);
    let ends = if is_resting { Ends::with_orders::<A>(leg, mark) } else { Ends::held(lots) };
    if is_resting {
        for (column, value) in sums.columns.iter_mut().zip(unit.values.iter()) {
            *column = A::add(*column, ends.loss::<A>(A::sub(mark, *value)));
        }
    } else {
        let (columns, _) = sums.columns.as_chunks_mut::<7>();
        let (values, _) = unit.values.as_chunks::<7>();
        for (columns, values) in columns.iter_mut().zip(values) {
            let ([a, b, c, d, e, f, g], [h, i, j, k, l, m, n]) = (columns, values);
            for (column, value) in [(a, h), (b, i), (c, j), (d, k), (e, l), (f, m), (g, n)] {
                *column = A::sub(*column, A::mul(lots, *value));
            }
        }
        sums.marks = A::add(sums.marks, worth);
    }
    sum.value = A::add(sum.value, worth);
    let (one, other) = (A::mul(ends.long, unit.delta), A::mul(ends.short, unit.delta));
    sums.delta_long = A::add(sums.delta_long, one.max(other));
    sums.delta_short = A::add(sums.delta_short, one.min(other));
    match unit.kind {
        OptionKind::Call => {
            sum.calls = A::add(sum.calls, ends.short);
            sum.held.0 = A::add(sum.held.0, lots);
        }
        OptionKind::Put => {
            sum.puts = A::add(sum.puts, ends.short);
            sum.held.1 = A::add(sum.held.1, lots);
        }
    }
}

/// The add-ons of an expiry; `basis` is its loss at ± ¼ of the range, sixteenths of an atom.
fn finish_expiry<A: Exact>(part: &mut OptionPart, sum: &ExpirySum, basis: i64, expiry: &ExpiryTerms, measure: Measure) -> RiskResult<()> {
    let charge = |base: i64, rate: i64| crate::fixed_math::scale(base, Ratio::new(rate), Round::Ceil);
    let add = |to: i64, amount: i64| to.checked_add(amount).ok_or(RiskError::Overflow);
    let short = |calls: i64, puts: i64| A::mul(A::add(positive(A::sub(0, calls)), positive(A::sub(0, puts))), expiry.forward);
    let move_loss = up_to_atom::<A>(positive(basis));
    if move_loss > 0 {
        part.basis = add(part.basis, charge(move_loss, expiry.basis)?)?;
    }
    if sum.value > 0 {
        part.tenor = add(part.tenor, charge(up_to_atom::<A>(sum.value), expiry.tenor)?)?;
    }
    let rate = if measure == Measure::Initial { expiry.short_im } else { expiry.short_mm };
    let sold = short(sum.calls, sum.puts);
    if sold > 0 {
        part.short = add(part.short, charge(sold, rate)?)?;
    }
    let held = short(sum.held.0, sum.held.1);
    if held > 0 {
        part.short_held_im = add(part.short_held_im, charge(held, expiry.short_im)?)?;
        part.short_notional = add(part.short_notional, held)?;
    }
    Ok(())
}
