//! A witness proves a shortfall without the grid (RULES 4.6): it names one joint scenario and one scenario per market, and the requirement
//! found there is never above the full one. Curing always takes the full grid.
//!
//! What is not looked at counts for as little as it could: a market's scan is the largest of the rows that were priced, in the smaller of
//! the two terms of 4.2; its loss in the joint scenario is scaled as far down as the two terms could make it; the basis contingency counts only as far as its rows
//! were priced; in a group the add-ons of options count without the share that credit could take off a larger scan.

use super::cross::{depeg_of, CrossTerms, GroupTerms, Standalone};
use super::grid::{RowSet, SpotMove, GRID, MIRROR, SCENARIOS};
use super::health::{health, Health, MAX_LEGS};
use super::kernel::{positive, scale_floor, Bare, Exact, LegInput};
use super::market::{dampened, factored, share_of, LinearEnds, MeasureRates};
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
            option_bound(&mut shown, &linear, &bounded, place, (terms, input), named)?
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
    /// What scan and add-on together are above `scan` at least, where a limit ties them to each other.
    tied: i64,
    joint: i64,
}

/// A market of linear legs alone: its scan is exact, its part in the joint loss too.
fn linear_bound<A: Exact>(linear: &Health, place: usize, terms: &MarketTerms, input: &LegInput, named: &Witness) -> RiskResult<Bound> {
    let leg = linear.legs.get(place).ok_or(RiskError::QuantityOutOfRange)?;
    let ends = LinearEnds::new::<A>(terms, input, Measure::Maintenance);
    let joint = linear_loss::<A>(&ends, terms.mm, row_index(named.joint)?);
    Ok(Bound { scan: leg.scan_mm.raw(), add_on: leg.add_on_mm.raw(), tied: 0, joint })
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
) -> RiskResult<Bound> {
    let (terms, input) = market;
    let leg = linear.legs.get(place).ok_or(RiskError::QuantityOutOfRange)?;
    let part = option_part::<Bare>(bounded, place, terms.range, Measure::Maintenance)?;
    let edge = Quote::new(terms.trigger_edge_of::<Bare>(leg.delta.raw().wrapping_add(part.delta_long)));
    let adverse = |edge: Quote| edge.min(Quote::ZERO);
    let value = Quote::new(part.value);
    shown.equity = shown.equity.add(value)?.sub(adverse(leg.edge_trigger))?.add(adverse(edge))?;
    shown.equity_trigger = shown.equity_trigger.add(value)?.sub(leg.edge_trigger)?.add(edge)?;
    let ends = LinearEnds::new::<Bare>(terms, input, Measure::Maintenance);
    let (_, rows) = named.rows(place)?;
    let mut bound = market_bound::<Bare>(&ends, &part, &MeasureRates::new(terms, Measure::Maintenance), rows);
    bound.add_on = bound.add_on.checked_add(leg.add_on_mm.raw()).ok_or(RiskError::Overflow)?;
    Ok(bound)
}

/// What [`super::market::market_scan`] cannot be below, from three rows: the market's own, the joint one and its mirror.
fn market_bound<A: Exact>(ends: &LinearEnds, part: &OptionPart, rates: &MeasureRates, rows: [usize; 3]) -> Bound {
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
    let tied = positive(A::sub(total, scan));
    let [_, joint, mirror] = rows;
    // The share by which the profile is scaled: at least that of the charges with what is known of the options, for it grows with them.
    let options_seen = grid_options.min(part.max_loss);
    let over_range = A::add(factored::<A>(ends.charge::<A>(rates.range), rates.factor), options_seen);
    let share = share_of(A::add(linear, options_seen), over_range);
    let in_profile =
        |row: usize| if GRID.get(row).is_some_and(|scenario| scenario.is_tail()) { all(row).min(options(row)) } else { all(row) };
    let at_joint = in_profile(joint);
    let joint = if at_joint < 0 {
        at_joint.max(A::sub(0, positive(in_profile(mirror))))
    } else {
        // Rounded down: a lower bound.
        scale_floor::<A>(at_joint.min(scan), share)
    };
    Bound { scan, add_on: 0, tied, joint }
}

/// Groups, add-ons and depeg on the bounds, as the full requirement takes them on the scans: it rises with each of them.
fn requirement<A: Exact>(bounds: &[Bound; MAX_LEGS], count: usize, cross: &CrossTerms) -> RiskResult<Quote> {
    let mut total = Quote::ZERO;
    let of_group = |group: &GroupTerms| {
        let mut sums = Standalone::default();
        let (mut joint, mut tied) = (0, 0);
        for (_, bound) in bounds.iter().enumerate().take(count).filter(|(place, _)| group.has(*place)) {
            sums.add::<A>(bound.scan);
            joint = A::add(joint, bound.joint);
            tied = A::add(tied, bound.tied);
        }
        // A larger scan may leave a smaller add-on, and of the scan only the share without credit is sure.
        group.offset::<A>(joint, &sums, tied, Measure::Maintenance)
    };
    for group in cross.groups {
        total = total.add(Quote::new(of_group(group)))?;
    }
    for (place, bound) in bounds.iter().enumerate().take(count) {
        if !cross.groups.iter().any(|group| group.has(place)) {
            total = total.add(Quote::new(bound.scan))?.add(Quote::new(bound.tied))?;
        }
        total = total.add(Quote::new(bound.add_on))?;
    }
    total.add(depeg_of(total, cross.depeg.mm)?)
}
