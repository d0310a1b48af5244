//! A witness proves a shortfall without the grid (RULES 4.6): it names one joint scenario and one scenario per market, and the requirement
//! found there is never above the full one. Curing always takes the full grid.
//!
//! What is not looked at counts for as little as it could: a market's scan is the largest of the rows that were priced, in the smaller of
//! the two terms of 4.2; its part in the joint loss is the smaller one of the two modes; the basis contingency counts only as far as its rows
//! were priced; where bounded options of a group have add-ons, these are left out.

use super::cross::{depeg_of, CrossTerms, GroupTerms, Standalone};
use super::grid::{RowSet, SpotMove, GRID, MIRROR, SCENARIOS};
use super::health::{health, Health, MAX_LEGS};
use super::kernel::{positive, Bare, Exact, LegInput};
use super::market::{dampened, factored, LinearEnds, MeasureRates};
use super::options::{option_part, BoundedBook, Measure, OptionBook, OptionPart};
use super::params::ExpiryTerms;
use super::series::{spot_move, OptionKind, SeriesTerms, SpotGrid, UnitValues};
use super::terms::MarketTerms;
use crate::error::{RiskError, RiskResult};
use crate::units::{Price, Quote, Ratio};

/// The scenarios that a witness names; rows 1 ..= 33 of the grid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Witness {
    /// The joint scenario of RULES 4.3. Row 22, no move, where there is no group.
    pub joint: u8,
    /// By market, in the order of the account's legs: the scenario in which it loses most by itself.
    pub alone: [u8; MAX_LEGS],
}

/// What a witness shows. There is a shortfall when `equity_trigger` is below `requirement`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shortfall {
    /// E, exactly.
    pub equity: Quote,
    /// E_tr, exactly.
    pub equity_trigger: Quote,
    /// A lower bound of MM.
    pub requirement: Quote,
}

/// A row as an index. Errors: [`RiskError::ParameterOutOfRange`] for a row that is none.
fn row_index(row: u8) -> RiskResult<usize> {
    usize::from(row).checked_sub(1).filter(|row| *row < SCENARIOS).ok_or(RiskError::ParameterOutOfRange)
}

impl Witness {
    /// The rows in which `market` has to be priced: its own, the joint one and the joint one's mirror.
    fn rows(&self, market: usize) -> RiskResult<(RowSet, [usize; 3])> {
        let alone = row_index(*self.alone.get(market).ok_or(RiskError::QuantityOutOfRange)?)?;
        let joint = row_index(self.joint)?;
        let mirror = *MIRROR.get(joint).ok_or(RiskError::ParameterOutOfRange)?;
        Ok((RowSet::NONE.with(alone).with(joint).with(mirror), [alone, joint, mirror]))
    }

    /// The spot moves that a market needs. Errors: as [`SpotGrid::new`]; [`RiskError::ParameterOutOfRange`] for rows that are none,
    /// [`RiskError::QuantityOutOfRange`] for a market that is none.
    pub fn grid(&self, market: u8, range: Ratio) -> RiskResult<SpotGrid> {
        SpotGrid::of_rows(range, self.rows(usize::from(market))?.0)
    }

    /// Unit values of a series in the rows of its market alone, with the grid of [`Self::grid`]; only [`witness`] may read them.
    ///
    /// Errors: as [`UnitValues::new`] and [`Self::grid`].
    pub fn unit_values(
        &self,
        grid: &SpotGrid,
        expiries: &[ExpiryTerms],
        expiry: u8,
        strike: Price,
        kind: OptionKind,
        sigma: Ratio,
    ) -> RiskResult<UnitValues> {
        let terms = expiries.get(usize::from(expiry)).ok_or(RiskError::QuantityOutOfRange)?;
        let (rows, _) = self.rows(usize::from(terms.market))?;
        Ok(SeriesTerms::new(terms, strike, kind, sigma)?.price_rows(grid, rows, terms.market, expiry))
    }
}

/// Equity exactly and a lower bound of MM from the scenarios of `named`, at the cost of four prices per option.
///
/// `book` holds the unit values of [`Witness::unit_values`] as its maintenance table (full ones do as well). Errors: as
/// [`super::portfolio`]; [`RiskError::ParameterOutOfRange`] for a row that is none.
pub fn witness<'a, I>(cash: Quote, legs: I, book: &OptionBook, cross: &CrossTerms, named: &Witness) -> RiskResult<Shortfall>
where
    I: IntoIterator<Item = (&'a MarketTerms, &'a LegInput)> + Clone,
{
    let linear = health(cash, legs.clone())?;
    cross.check(linear.leg_count)?;
    let bounded = book.check()?;
    if (linear.leg_count..MAX_LEGS).any(|place| bounded.has(place)) {
        return Err(RiskError::QuantityOutOfRange);
    }
    let mut bounds = [Bound::default(); MAX_LEGS];
    let mut shown = Shortfall { equity: linear.equity, equity_trigger: linear.equity_trigger, requirement: Quote::ZERO };
    for (place, ((terms, input), bound)) in legs.into_iter().zip(bounds.iter_mut()).enumerate() {
        *bound = if bounded.has(place) {
            let is_grouped = cross.groups.iter().any(|group| group.has(place));
            option_bound(&mut shown, &linear, &bounded, place, (terms, input), named, is_grouped)?
        } else {
            linear_bound::<Bare>(&linear, place, terms, input, named)?
        };
    }
    shown.requirement = requirement::<Bare>(&bounds, linear.leg_count, cross)?;
    Ok(shown)
}

/// Lower bounds of one market's parts.
#[derive(Clone, Copy, Default)]
struct Bound {
    scan: i64,
    add_on: i64,
    joint: i64,
}

/// A market of linear legs alone: its scan is exact, its part in the joint loss too.
fn linear_bound<A: Exact>(linear: &Health, place: usize, terms: &MarketTerms, input: &LegInput, named: &Witness) -> RiskResult<Bound> {
    let leg = linear.legs.get(place).ok_or(RiskError::QuantityOutOfRange)?;
    let ends = LinearEnds::new::<A>(terms, input, Measure::Maintenance);
    let joint = linear_loss::<A>(&ends, terms.mm, row_index(named.joint)?);
    Ok(Bound { scan: leg.scan_mm.raw(), add_on: leg.add_on_mm.raw(), joint })
}

/// Loss of a linear exposure at `rate` in a row: quarters of the charge, nothing in the tails.
fn linear_loss<A: Exact>(ends: &LinearEnds, rate: i64, row: usize) -> i64 {
    match GRID.get(row).map(|scenario| scenario.spot) {
        Some(SpotMove::Quarters(quarters)) => ends.loss::<A>(spot_move(rate, quarters.into())),
        _ => 0,
    }
}

#[inline(never)]
fn option_bound(
    shown: &mut Shortfall,
    linear: &Health,
    bounded: &BoundedBook,
    place: usize,
    market: (&MarketTerms, &LegInput),
    named: &Witness,
    is_grouped: bool,
) -> RiskResult<Bound> {
    let (terms, input) = market;
    let leg = linear.legs.get(place).ok_or(RiskError::QuantityOutOfRange)?;
    let part = option_part::<Bare>(bounded, place, Measure::Maintenance)?;
    let edge = Quote::new(terms.trigger_edge_of::<Bare>(leg.delta.raw().wrapping_add(part.delta_long)));
    let adverse = |edge: Quote| edge.min(Quote::ZERO);
    let value = Quote::new(part.value);
    shown.equity = shown.equity.add(value)?.sub(adverse(leg.edge_trigger))?.add(adverse(edge))?;
    shown.equity_trigger = shown.equity_trigger.add(value)?.sub(leg.edge_trigger)?.add(edge)?;
    let ends = LinearEnds::new::<Bare>(terms, input, Measure::Maintenance);
    let (_, rows) = named.rows(place)?;
    let mut bound = market_bound::<Bare>(&ends, &part, &MeasureRates::new(terms, Measure::Maintenance), rows, is_grouped);
    bound.add_on = bound.add_on.checked_add(leg.add_on_mm.raw()).ok_or(RiskError::Overflow)?;
    Ok(bound)
}

/// What [`super::market::market_scan`] cannot be below, from three rows: the market's own, the joint one and its mirror.
fn market_bound<A: Exact>(ends: &LinearEnds, part: &OptionPart, rates: &MeasureRates, rows: [usize; 3], is_grouped: bool) -> Bound {
    let options = |row: usize| factored::<A>(dampened::<A>(row, part.rows.get(row).copied().unwrap_or(0)), rates.factor);
    let moved = |row: usize| match GRID.get(row).map(|scenario| scenario.spot) {
        Some(SpotMove::Quarters(quarters)) => spot_move(rates.range, quarters.into()),
        Some(SpotMove::Tail(shock)) => shock.raw(),
        None => 0,
    };
    let all = |row: usize| {
        let loss = A::add(ends.loss::<A>(moved(row)), part.rows.get(row).copied().unwrap_or(0));
        factored::<A>(dampened::<A>(row, loss), rates.factor)
    };
    let linear = ends.charge::<A>(rates.linear);
    let grid = rows.into_iter().fold(0, |worst, row| worst.max(all(row)));
    let grid_options = rows.into_iter().fold(0, |worst, row| worst.max(options(row)));
    let scan = grid.min(A::add(linear, grid_options.min(part.max_loss)));
    let add = A::add(A::add(part.basis, part.short), part.tenor);
    let total = A::add(linear, A::add(grid_options, add).min(part.max_loss));
    let total = if ends.is_nothing() { total } else { total.min(A::add(grid, add)) };
    let add_on = match part.max_loss {
        i64::MAX => add,
        // What credit takes off the scan it would not take off the add-on, so that a sum cannot be split here.
        _ if is_grouped => 0,
        _ => positive(A::sub(total, scan)),
    };
    let [_, joint, mirror] = rows;
    let at_joint = all(joint).min(scan);
    let in_grid = if at_joint < 0 { at_joint.max(A::sub(0, positive(all(mirror)))) } else { at_joint };
    let in_linear = A::add(linear_loss::<A>(ends, rates.linear, joint), options(joint)).min(scan);
    let joint = if ends.is_nothing() { in_grid } else { in_grid.min(in_linear) };
    Bound { scan, add_on, joint }
}

/// Groups, add-ons and depeg on the bounds, as the full requirement takes them on the scans: it rises with each of them.
fn requirement<A: Exact>(bounds: &[Bound; MAX_LEGS], count: usize, cross: &CrossTerms) -> RiskResult<Quote> {
    let mut total = Quote::ZERO;
    let of_group = |group: &GroupTerms| {
        let mut sums = Standalone::default();
        let mut joint = 0;
        for (_, bound) in bounds.iter().enumerate().take(count).filter(|(place, _)| group.has(*place)) {
            sums.add::<A>(bound.scan);
            joint = A::add(joint, bound.joint);
        }
        group.offset::<A>(joint, &sums, Measure::Maintenance)
    };
    for group in cross.groups {
        total = total.add(Quote::new(of_group(group)))?;
    }
    for (place, bound) in bounds.iter().enumerate().take(count) {
        if !cross.groups.iter().any(|group| group.has(place)) {
            total = total.add(Quote::new(bound.scan))?;
        }
        total = total.add(Quote::new(bound.add_on))?;
    }
    total.add(depeg_of(total, cross.depeg.mm)?)
}
