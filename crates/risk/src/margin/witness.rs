//! A witness proves a shortfall by naming one joint scenario, priced with its mirror, and one scenario per market (RULES 4.6).
//!
//! The equities are exact: the mark prices every option. The requirement comes from the named rows alone, and since 4.2, 4.3 and the add-ons are
//! maxima over rows or rise with them, it is a lower bound of MM. A cure is never shown this way: it takes the whole grid.

use super::cross::{CrossTerms, GroupTerms, Standalone};
use super::depeg::charge_on;
use super::grid::{SpotMove, COLUMN_NONE, GRID, MIRROR, ROW_NONE, SCENARIOS};
use super::health::{Health, MAX_CASH, MAX_LEGS};
use super::kernel::{leg, positive, scale_ceil, scale_floor, Bare, Bounded, Exact, LegInput};
use super::market::{dampened, factored, share_of, LinearEnds, MeasureRates};
use super::max_loss::{max_loss, Holding};
use super::options::{up_to_atom, Measure, OptionBook, MAX_OPTIONS};
use super::params::ExpiryTerms;
use super::report::Report;
use super::series::{spot_move, NamedGrid, NamedSums, OptionKind, NAMED, UNIT_BITS};
use super::terms::MarketTerms;
use crate::error::{RiskError, RiskResult};
use crate::fixed_math::Log;
use crate::units::{Lots, Price, Quote, Ratio, Round};

const ONE: i64 = Ratio::ONE.raw();

/// The scenarios that a witness names; rows 1 ..= 33 of the grid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Witness {
    /// The joint scenario of RULES 4.3; priced with its mirror. Row 22, no move, costs and shows nothing; without a group another row shows more of
    /// every market: 16 the basis contingency.
    pub joint: u8,
    /// By market, in the order of the account's legs: the scenario in which it loses most by itself.
    pub alone: [u8; MAX_LEGS],
}

/// What a witness shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shortfall {
    /// E, exactly.
    pub equity: Quote,
    /// E_tr, exactly.
    pub equity_trigger: Quote,
    /// A lower bound of MM.
    pub requirement: Quote,
}

impl Shortfall {
    /// Whether E_tr < MM is proved.
    pub fn is_shown(&self) -> bool {
        self.equity_trigger < self.requirement
    }

    /// Whether E_tr < ½ MM is proved. Errors: [`RiskError::Overflow`].
    pub fn is_below_half(&self) -> RiskResult<bool> {
        Ok(self.equity_trigger.add(self.equity_trigger)? < self.requirement)
    }
}

/// A row as an index. Errors: [`RiskError::ParameterOutOfRange`] for a row that is none.
fn row_index(row: u8) -> RiskResult<usize> {
    usize::from(row).checked_sub(1).filter(|row| *row < SCENARIOS).ok_or(RiskError::ParameterOutOfRange)
}

impl Witness {
    /// The rows that a full check found worst: the first guess of whoever looks for a witness.
    pub fn of(health: &Health, report: &Report) -> Self {
        let mut alone = [ROW_NONE; MAX_LEGS];
        for (row, leg) in alone.iter_mut().zip(health.legs()) {
            *row = leg.worst_scenario;
        }
        Self { joint: report.mm.joint_scenario, alone }
    }

    /// Checks that every row is one, those of places without a leg included. Errors: [`RiskError::ParameterOutOfRange`].
    pub fn check(&self) -> RiskResult<()> {
        self.alone.iter().chain([&self.joint]).try_for_each(|row| row_index(*row).map(drop))
    }

    /// The rows named for the market at `place`: its own, and the joint one. No row is 0.
    fn at(&self, place: usize) -> (u8, u8) {
        (self.alone.get(place).copied().unwrap_or(0), self.joint)
    }

    /// Sets the rows in which the market at `place` is priced, distinct, the market's own first, and says how many they are. No move needs no
    /// price.
    #[inline(always)]
    fn rows(&self, place: usize, is_single: bool, rows: &mut [usize; NAMED]) -> RiskResult<usize> {
        let alone = row_index(*self.alone.get(place).ok_or(RiskError::QuantityOutOfRange)?)?;
        let joint = row_index(self.joint)?;
        let mirror = if is_single { joint } else { *MIRROR.get(joint).ok_or(RiskError::ParameterOutOfRange)? };
        let mut count = 0_usize;
        let mut name = |row: usize, is_new: bool| {
            if let Some(slot) = rows.get_mut(count).filter(|_| is_new && row != COLUMN_NONE) {
                *slot = row;
                count = count.wrapping_add(1);
            }
        };
        name(alone, true);
        name(joint, joint != alone);
        name(mirror, mirror != joint && mirror != alone);
        Ok(count)
    }
}

/// An option leg as a witness prices it. Resting orders do not count in maintenance.
#[derive(Clone, Copy, Debug)]
pub struct NamedLeg {
    /// Position, ± 2³⁰.
    pub lots: Lots,
    /// Strike, atoms per lot.
    pub strike: Price,
    /// Call or put.
    pub kind: OptionKind,
    /// The surface's volatility at the strike, per √year.
    pub sigma: Ratio,
    /// ln(F/K), where the caller knows it.
    pub log: Option<Log>,
}

impl NamedLeg {
    /// As its payoff needs it. Errors: [`RiskError::PriceOutOfRange`].
    #[inline(always)]
    pub(super) fn held(&self, expiry: &ExpiryTerms) -> RiskResult<Holding> {
        let strike = Price::checked(self.strike.raw())?.raw().wrapping_sub(expiry.fixed);
        Ok(Holding { lots: self.lots.raw(), strike, is_call: self.kind == OptionKind::Call })
    }
}

/// The options of one market in the rows that a witness names: one to four prices per option instead of 35.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NamedMarket {
    place: usize,
    range: i64,
    /// The market's own row and the joint one, as named.
    named: (u8, u8),
    grid: NamedGrid,
    /// Whether it is in no group.
    is_single: bool,
    /// The rows, counted from 0, and what they lose; the first `count` are set. Sixteenths of an atom until the market is asked.
    rows: [usize; NAMED],
    losses: [i64; NAMED],
    count: usize,
    /// Σ lots × mark and Σ lots × delta, sixteenths of an atom.
    value: i64,
    delta: i64,
    /// The most that the positions can still lose, atoms; in a single market no less than decides.
    max_loss: i64,
    /// Short-option minimum, tenor discount, and the basis contingency as far as its two rows are priced.
    add_on: i64,
    legs: usize,
}

impl NamedMarket {
    /// No market yet, for [`Self::set`].
    pub const NONE: Self = Self {
        place: 0,
        range: 0,
        named: (0, 0),
        grid: NamedGrid::NONE,
        is_single: true,
        rows: [COLUMN_NONE; NAMED],
        losses: [0; NAMED],
        count: 0,
        value: 0,
        delta: 0,
        max_loss: 0,
        add_on: 0,
        legs: 0,
    };

    /// The market at `place` of the account's legs, still without options, with its spot range. A single one is in no group: for it nothing offsets
    /// anything, so that the mirror of the joint row is not priced.
    ///
    /// Errors: [`RiskError::ParameterOutOfRange`] for rows that are none or a range outside 14 % ..= 60 %, [`RiskError::QuantityOutOfRange`] for a
    /// place that is none.
    pub fn new(named: &Witness, place: u8, range: Ratio, is_single: bool) -> RiskResult<Self> {
        let mut market = Self::NONE;
        market.set(named, place, range, is_single)?;
        Ok(market)
    }

    /// Makes [`Self::NONE`] the market of [`Self::new`], in place.
    ///
    /// Errors: as there.
    #[inline(never)]
    pub fn set(&mut self, named: &Witness, place: u8, range: Ratio, is_single: bool) -> RiskResult<()> {
        let place = usize::from(place);
        (self.place, self.range, self.named, self.is_single) = (place, range.raw(), named.at(place), is_single);
        self.count = named.rows(place, is_single, &mut self.rows)?;
        self.grid.set(range, &self.rows, self.count)
    }

    /// How many option legs it has.
    pub const fn legs(&self) -> usize {
        self.legs
    }

    /// Its place among the account's markets.
    pub const fn place(&self) -> usize {
        self.place
    }

    /// Adds the legs of one expiry.
    ///
    /// Errors: those of the legs; [`RiskError::PriceOutOfRange`], [`RiskError::ParameterOutOfRange`] for strike and volatility;
    /// [`RiskError::QuantityOutOfRange`], [`RiskError::NotionalOutOfRange`] beyond the bounds of an option leg or of an account's legs.
    #[inline(always)]
    pub fn add_expiry(&mut self, expiry: &ExpiryTerms, legs: impl Iterator<Item = RiskResult<NamedLeg>> + Clone) -> RiskResult<()> {
        let mut sums = NamedSums::default();
        for leg in legs.clone() {
            match leg {
                Ok(leg) if sums.legs < MAX_OPTIONS => sums.add_leg::<Bare>(&self.grid, expiry, &leg)?,
                Ok(_) => return Err(RiskError::QuantityOutOfRange),
                Err(error) => return Err(error),
            }
        }
        self.finish_expiry::<Bare>(&sums, expiry, legs.filter_map(|leg| leg.and_then(|leg| leg.held(expiry)).ok()))
    }

    /// The same from the whole table of `book`, all expiries at once: what a client that looks for the best witness has at hand.
    ///
    /// Errors: as [`Self::add_expiry`].
    pub fn add_book(&mut self, book: &OptionBook) -> RiskResult<()> {
        let place = self.place;
        for (index, expiry) in book.expiries.iter().enumerate().filter(|(_, expiry)| usize::from(expiry.market) == place) {
            let units = book.legs.iter().filter_map(|leg| {
                let unit = book.units_mm.get(usize::from(leg.series)).filter(|unit| usize::from(unit.expiry) == index)?;
                Some((leg.lots, unit))
            });
            let mut sums = NamedSums::default();
            for (lots, unit) in units.clone() {
                if sums.legs == MAX_OPTIONS {
                    return Err(RiskError::QuantityOutOfRange);
                }
                sums.add_unit::<Bare>(&self.grid, lots, unit)?;
            }
            self.finish_expiry::<Bare>(&sums, expiry, units.map(|(lots, unit)| unit.held(lots)))?;
        }
        Ok(())
    }

    /// Each expiry at its own worst skew sign; its add-ons; what it can lose at most, for which `legs` are asked only where it must be looked for
    /// in the middle.
    #[inline(always)]
    fn finish_expiry<A: Exact>(&mut self, sums: &NamedSums, expiry: &ExpiryTerms, legs: impl Iterator<Item = Holding>) -> RiskResult<()> {
        self.legs = self.legs.wrapping_add(sums.legs);
        if self.legs > MAX_OPTIONS {
            return Err(RiskError::QuantityOutOfRange);
        }
        let (worst, basis) = self.grid.add_losses::<A>(&mut self.losses, &sums.losses);
        self.value = A::add(self.value, sums.value);
        self.delta = A::add(self.delta, sums.delta);
        // Sixteen legs of at most MAX_OPTION_NOTIONAL, at rates of at most 1.
        let mut add_on = 0;
        let short = A::mul(A::add(positive(A::sub(0, sums.calls)), positive(A::sub(0, sums.puts))), expiry.forward);
        if short != 0 {
            add_on = scale_ceil::<A>(short, expiry.short_mm);
        }
        if sums.value > 0 {
            add_on = A::add(add_on, scale_ceil::<A>(up_to_atom::<A>(sums.value), expiry.tenor));
        }
        if basis != 0 {
            // At most 18 times the losses of sixteen legs at six times their price; up to eight times the kernel's product holds them.
            let basis = up_to_atom::<A>(basis);
            let contingency = if expiry.basis <= ONE << 3 {
                scale_ceil::<A>(basis, expiry.basis)
            } else {
                crate::fixed_math::scale(basis, Ratio::new(expiry.basis), Round::Ceil)?
            };
            add_on = A::add(add_on, contingency);
        }
        self.add_on = A::add(self.add_on, add_on);
        // More than the named rows and the add-ons say need not be known: the least of the two counts. In a group it is a limit of gains too, and
        // one that is too small would claim too much.
        let needed = A::add(up_to_atom::<A>(worst), add_on);
        let ends = if self.is_single { sums.ends.loss::<A>(sums.calls, sums.value, expiry.forward, self.range) } else { None };
        match ends.filter(|most| *most >= needed) {
            Some(most) => self.max_loss = A::add(self.max_loss, most),
            None => self.limit::<A>(sums, expiry, legs),
        }
        Ok(())
    }

    /// Adds what an expiry can lose at most, over all its corners.
    #[inline(never)]
    fn limit<A: Exact>(&mut self, sums: &NamedSums, expiry: &ExpiryTerms, legs: impl Iterator<Item = Holding>) {
        let mut held = [Holding::default(); MAX_OPTIONS];
        let mut count = 0_usize;
        for (slot, leg) in held.iter_mut().zip(legs) {
            *slot = leg;
            count = count.wrapping_add(1);
        }
        let held = held.get(..count).unwrap_or_default();
        // Where it is more than any requirement, only that matters, and there is room for other expiries'.
        self.max_loss = self.max_loss.saturating_add(max_loss::<A>(held, sums.value, expiry.forward, self.range)).min(i64::MAX >> 1);
    }

    /// Loss of the options in the `index`th named row, atoms, rounded up; before dampening.
    fn loss<A: Exact>(&self, index: usize) -> i64 {
        up_to_atom::<A>(self.losses.get(index).copied().unwrap_or(0))
    }

    /// The named rows and what the options lose in them.
    fn named<A: Exact>(&self) -> impl Iterator<Item = (usize, i64)> + '_ {
        self.rows.iter().enumerate().take(self.count).map(|(index, row)| (*row, self.loss::<A>(index)))
    }

    /// What the options lose in `row`, if it was named or is that of no move.
    fn loss_in<A: Exact>(&self, row: usize) -> RiskResult<i64> {
        if row == COLUMN_NONE {
            return Ok(0);
        }
        self.named::<A>().find(|(named, _)| *named == row).map(|(_, loss)| loss).ok_or(RiskError::ParameterOutOfRange)
    }
}

/// Equity exactly and a lower bound of MM from the scenarios of `named`.
///
/// `options` are the account's markets that have any, in the order of the legs, made with the same `named`. Errors: as [`super::portfolio`];
/// [`RiskError::ParameterOutOfRange`] for a row that is none, and for options made with another witness or spot range.
#[inline(never)]
pub fn witness<'a, I>(cash: Quote, legs: I, options: &[NamedMarket], cross: &CrossTerms, named: &Witness) -> RiskResult<Shortfall>
where
    I: IntoIterator<Item = (&'a MarketTerms, &'a LegInput)> + Clone,
{
    named.check()?;
    if !(0..=MAX_CASH).contains(&cash.raw()) {
        return Err(RiskError::QuantityOutOfRange);
    }
    let mut bounds = [Bound::default(); MAX_LEGS];
    let mut shown = Shortfall { equity: cash, equity_trigger: cash, requirement: Quote::ZERO };
    let (mut rest, mut priced, mut count) = (options, 0_usize, 0_usize);
    for ((terms, input), place) in legs.into_iter().zip(0..) {
        let bound = bounds.get_mut(place).ok_or(RiskError::QuantityOutOfRange)?;
        let leg = leg::<Bare>(Bounded::new(terms, input)?);
        let linear = Linear { terms, input, delta: leg.delta.raw(), scan: leg.scan_mm.raw() };
        let is_joint = cross.group_of(place).is_some();
        let (edge, value) = match rest.split_first() {
            Some((options, others)) if options.place == place => {
                (rest, priced) = (others, priced.saturating_add(options.legs));
                option_bound::<Bare>(bound, &linear, options, is_joint, named)?;
                let delta = Bare::add(linear.delta, up_to_atom::<Bare>(options.delta));
                (terms.trigger_edge_of::<Bare>(delta), options.value >> UNIT_BITS)
            }
            _ => {
                linear_bound::<Bare>(bound, &linear, is_joint, named)?;
                (leg.edge_trigger.raw(), 0)
            }
        };
        bound.add_on = leg.add_on_mm.raw();
        // Within the bounds of a health's parts, and an option is worth less than its legs may be.
        let worth = Bare::add(Bare::add(leg.unsettled.raw(), input.collateral_mm.raw()), value);
        shown.equity = Quote::new(Bare::add(shown.equity.raw(), Bare::add(worth, edge.min(0))));
        shown.equity_trigger = Quote::new(Bare::add(shown.equity_trigger.raw(), Bare::add(worth, edge)));
        count = count.wrapping_add(1);
    }
    cross.check(count)?;
    // What is left is of a place that is none, or out of order.
    if !rest.is_empty() || priced > MAX_OPTIONS {
        return Err(RiskError::QuantityOutOfRange);
    }
    shown.requirement = requirement::<Bare>(&bounds, count, cross)?;
    Ok(shown)
}

/// A market's linear leg in the maintenance measure.
struct Linear<'a> {
    terms: &'a MarketTerms,
    input: &'a LegInput,
    delta: i64,
    scan: i64,
}

impl Linear<'_> {
    fn ends<A: Exact>(&self) -> LinearEnds {
        LinearEnds::new::<A>(self.terms, self.input, Measure::Maintenance)
    }
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

/// A market of linear legs alone: its scan is exact, its part in the joint loss to the atom: a gain is rounded up, as among such markets alone.
fn linear_bound<A: Exact>(bound: &mut Bound, linear: &Linear, is_joint: bool, named: &Witness) -> RiskResult<()> {
    bound.scan = linear.scan;
    if is_joint {
        let (ends, rate) = (linear.ends::<A>(), linear.terms.mm);
        let row = row_index(named.joint)?;
        let mirror = *MIRROR.get(row).ok_or(RiskError::ParameterOutOfRange)?;
        let loss = linear_loss::<A>(&ends, rate, row);
        bound.joint = if loss < 0 { A::sub(0, linear_loss::<A>(&ends, rate, mirror)) } else { loss };
    }
    Ok(())
}

/// Loss of a linear exposure at `rate` in a row: quarters of the charge, nothing in the tails.
fn linear_loss<A: Exact>(ends: &LinearEnds, rate: i64, row: usize) -> i64 {
    match GRID.get(row).map(|scenario| scenario.spot) {
        Some(SpotMove::Quarters(quarters)) => ends.loss::<A>(spot_move(rate, quarters.into())),
        _ => 0,
    }
}

#[inline(never)]
fn option_bound<A: Exact>(bound: &mut Bound, linear: &Linear, options: &NamedMarket, is_joint: bool, named: &Witness) -> RiskResult<()> {
    let is_other = named.at(options.place) != options.named || options.range != linear.terms.range;
    // Without its mirror and with a limit that is a lower bound, it could claim too much in a group.
    if is_other || (is_joint && options.is_single) {
        return Err(RiskError::ParameterOutOfRange);
    }
    let joint = if is_joint { Some(row_index(named.joint)?) } else { None };
    let rates = MeasureRates::new(linear.terms, Measure::Maintenance);
    *bound = market_bound::<A>(&linear.ends::<A>(), options, &rates, joint)?;
    Ok(())
}

/// What [`super::market::market_scan`] cannot be below, from the named rows; the part in the joint loss only where there is a `joint` row.
fn market_bound<A: Exact>(ends: &LinearEnds, options: &NamedMarket, rates: &MeasureRates, joint: Option<usize>) -> RiskResult<Bound> {
    let moved = |row: usize| match GRID.get(row).map(|scenario| scenario.spot) {
        Some(SpotMove::Quarters(quarters)) => spot_move(rates.range, quarters.into()),
        Some(SpotMove::Tail(shock)) => shock.raw(),
        None => 0,
    };
    let counted = |row: usize, loss: i64| factored::<A>(dampened::<A>(row, loss), rates.factor);
    let all = |row: usize, loss: i64| counted(row, A::add(ends.loss::<A>(moved(row)), loss));
    let linear = ends.charge::<A>(rates.linear);
    let (mut grid, mut grid_options) = (0, 0);
    for (shift, (row, loss)) in options.grid.moves().zip(options.named::<A>()) {
        grid = counted(row, A::add(ends.loss::<A>(shift), loss)).max(grid);
        grid_options = counted(row, loss).max(grid_options);
    }
    let options_seen = grid_options.min(options.max_loss);
    let scan = grid.min(A::add(linear, options_seen));
    let total = A::add(linear, A::add(grid_options, options.add_on).min(options.max_loss));
    let total = if ends.is_nothing() { total } else { total.min(A::add(grid, options.add_on)) };
    let tied = positive(A::sub(total, scan));
    let Some(joint) = joint else { return Ok(Bound { scan, add_on: 0, tied, joint: 0 }) };
    // The share by which the profile is scaled: at least that of the charges with what is known of the options, for it grows with them.
    let over_range = A::add(factored::<A>(ends.charge::<A>(rates.range), rates.factor), options_seen);
    let share = match share_of(A::add(linear, options_seen), over_range) {
        ONE => ONE,
        // What its rounding and that of the profile's share can come to.
        share => positive(A::sub(share, 3)),
    };
    let in_profile = |row: usize| {
        let loss = options.loss_in::<A>(row)?;
        let whole = all(row, loss);
        Ok::<_, RiskError>(if GRID.get(row).is_some_and(|scenario| scenario.is_tail()) { whole.min(counted(row, loss)) } else { whole })
    };
    let at_joint = in_profile(joint)?;
    let joint = if at_joint < 0 {
        let mirror = *MIRROR.get(joint).ok_or(RiskError::ParameterOutOfRange)?;
        // It offsets no more than the mirrored loss, and no loss in a profile is above the scan, nor the scan above this limit. Beside a linear leg the
        // mirrored loss may be the scan itself: what a tail gives up there counts in every row, and the tails are not known.
        let limit = linear.saturating_add(options.max_loss);
        let mirrored = if ends.is_nothing() { positive(in_profile(mirror)?).min(limit) } else { limit };
        at_joint.max(A::sub(0, mirrored))
    } else {
        // Above what the profile is cut at, it counts as the whole scan.
        scale_floor::<A>(at_joint, share).min(scan)
    };
    Ok(Bound { scan, add_on: 0, tied, joint })
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
    total.add(charge_on(total, cross.depeg.mm)?)
}
