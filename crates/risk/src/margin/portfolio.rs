//! The health of a whole portfolio: linear legs, options, and what binds its markets together.

use super::cross::{linear_scan, CrossTerms, GroupTerms, Joint};
use super::depeg::charge_on;
use super::greeks::OptionGreeks;
use super::grid::{ROW_NONE, SCENARIOS};
use super::health::{health, Health, MAX_LEGS};
use super::kernel::{Bare, LegInput};
use super::market::{market_scan, LinearEnds, MarketOutcome, MeasureRates};
use super::options::{add_legs, BoundedBook, Measure, OptionBook, OptionPart};
use super::report::{AddOns, MeasureReport, Report};
use super::terms::MarketTerms;
use crate::error::{RiskError, RiskResult};
use crate::units::Quote;

/// Where the linear legs of an account are found: by place, 0 .. count.
type Places<'b, 'a> = &'b dyn Fn(usize) -> Option<(&'a MarketTerms, &'a LegInput)>;

/// Health of an account with `cash` (≥ 0), one linear leg per market (an empty one where it has options alone), options, and what
/// binds its markets together. Without options, groups and depeg it is [`health`], for the same price.
///
/// Option legs count at their mark in every equity. A `report`, given as the default, is filled. Everything else as [`health`] says.
///
/// Errors: as [`health`], [`OptionBook`]'s bounds ([`RiskError::QuantityOutOfRange`], [`RiskError::NotionalOutOfRange`]) and those of
/// [`CrossTerms`] ([`RiskError::ParameterOutOfRange`]).
pub fn portfolio<'a, I>(cash: Quote, legs: I, book: &OptionBook, cross: &CrossTerms, report: Option<&mut Report>) -> RiskResult<Health>
where
    I: IntoIterator<Item = (&'a MarketTerms, &'a LegInput)> + Clone,
{
    let mut total = health(cash, legs.clone())?;
    bind(&mut total, legs, book, cross, report)?;
    Ok(total)
}

/// Makes the [`health`] of an account's linear legs that of its [`portfolio`], in place: two healths do not fit into a stack frame on chain.
///
/// `total` is what [`health`] says of the same `legs`. Errors: as [`portfolio`]; `total` then means nothing.
#[inline(never)]
pub fn bind<'a, I>(total: &mut Health, legs: I, book: &OptionBook, cross: &CrossTerms, report: Option<&mut Report>) -> RiskResult<()>
where
    I: IntoIterator<Item = (&'a MarketTerms, &'a LegInput)> + Clone,
{
    if book.legs.is_empty() && cross.is_none() && report.is_none() {
        return Ok(());
    }
    cross.check(total.leg_count)?;
    let bounded = book.check()?;
    if (total.leg_count..MAX_LEGS).any(|place| bounded.has(place)) {
        return Err(RiskError::QuantityOutOfRange);
    }
    let places: Places = &|place| legs.clone().into_iter().nth(place);
    match report {
        Some(report) => {
            combine(total, places, &bounded, cross, report)?;
            let greeks = report.option_greeks.iter_mut().enumerate().filter(|(place, _)| bounded.has(*place));
            for (place, slot) in greeks {
                *slot = OptionGreeks::of_market(&bounded, place)?;
            }
            Ok(())
        }
        None => combine(total, places, &bounded, cross, &mut Report::default()),
    }
}

/// Sums of both measures while the markets are added up.
struct Sums {
    im: MeasureReport,
    mm: MeasureReport,
}

#[inline(never)]
fn combine(total: &mut Health, places: Places, bounded: &BoundedBook, cross: &CrossTerms, report: &mut Report) -> RiskResult<()> {
    let empty = MeasureReport { joint_scenario: ROW_NONE, ..MeasureReport::default() };
    let mut sums = Sums { im: empty, mm: empty };
    for group in cross.groups {
        let has_options = (0..MAX_LEGS).any(|place| group.has(place) && bounded.has(place));
        if has_options {
            mixed_group(total, places, bounded, group, &mut sums, report)?;
        } else {
            linear_group(total, group, &mut sums)?;
        }
    }
    for place in 0..total.leg_count {
        if cross.groups.iter().any(|group| group.has(place)) {
            continue;
        }
        if bounded.has(place) {
            add_market(total, places, bounded, place, None, &mut sums, report)?;
        }
        let leg = total.legs.get(place).ok_or(RiskError::QuantityOutOfRange)?;
        sums.im.include(leg.scan_im, leg.scan_im)?;
        sums.mm.include(leg.scan_mm, leg.scan_mm)?;
    }
    finish(total, bounded, cross, &mut sums)?;
    report.im = sums.im;
    report.mm = sums.mm;
    Ok(())
}

impl MeasureReport {
    fn include(&mut self, scan: Quote, standalone: Quote) -> RiskResult<()> {
        self.scan = self.scan.add(scan)?;
        self.standalone = self.standalone.add(standalone)?;
        Ok(())
    }

    fn name_joint(&mut self, row: u8) {
        if self.joint_scenario == ROW_NONE {
            self.joint_scenario = row;
        }
    }
}

/// A group none of whose markets has options.
fn linear_group(total: &Health, group: &GroupTerms, sums: &mut Sums) -> RiskResult<()> {
    for (measure, sum) in [(Measure::Initial, &mut sums.im), (Measure::Maintenance, &mut sums.mm)] {
        let (scan, row, standalone) = linear_scan::<Bare>(total.legs(), group, measure);
        sum.include(Quote::new(scan), Quote::new(standalone))?;
        sum.name_joint(row);
    }
    Ok(())
}

/// A group of which at least one market has options: added up row by row.
#[inline(never)]
fn mixed_group(
    total: &mut Health,
    places: Places,
    bounded: &BoundedBook,
    group: &GroupTerms,
    sums: &mut Sums,
    report: &mut Report,
) -> RiskResult<()> {
    let (mut im, mut mm) = (Joint::NONE, Joint::NONE);
    let mut standalone = (Quote::ZERO, Quote::ZERO);
    let mut rows = ([0; SCENARIOS], [0; SCENARIOS]);
    for place in (0..total.leg_count).filter(|place| group.has(*place)) {
        if bounded.has(place) {
            add_market(total, places, bounded, place, Some(&mut rows), sums, report)?;
        }
        let leg = total.legs.get(place).ok_or(RiskError::QuantityOutOfRange)?;
        let (scan_im, scan_mm) = (leg.scan_im.raw(), leg.scan_mm.raw());
        if bounded.has(place) {
            im.add::<Bare>(&rows.0, scan_im);
            mm.add::<Bare>(&rows.1, scan_mm);
        } else {
            let (terms, input) = places(place).ok_or(RiskError::QuantityOutOfRange)?;
            im.add_linear::<Bare>(&LinearEnds::new::<Bare>(terms, input, Measure::Initial), terms.im, scan_im);
            mm.add_linear::<Bare>(&LinearEnds::new::<Bare>(terms, input, Measure::Maintenance), terms.mm, scan_mm);
        }
        standalone = (standalone.0.add(leg.scan_im)?, standalone.1.add(leg.scan_mm)?);
    }
    let (scan, row) = im.scan::<Bare>(group, Measure::Initial);
    sums.im.include(Quote::new(scan), standalone.0)?;
    sums.im.name_joint(row);
    let (scan, row) = mm.scan::<Bare>(group, Measure::Maintenance);
    sums.mm.include(Quote::new(scan), standalone.1)?;
    sums.mm.name_joint(row);
    Ok(())
}

/// Prices a market with options, and puts it into the health in place of what the linear pass said of it; `rows` is filled with its losses
/// by row in the initial and the maintenance measure.
#[inline(never)]
fn add_market(
    total: &mut Health,
    places: Places,
    bounded: &BoundedBook,
    place: usize,
    rows: Option<&mut ([i64; SCENARIOS], [i64; SCENARIOS])>,
    sums: &mut Sums,
    report: &mut Report,
) -> RiskResult<()> {
    let (terms, input) = places(place).ok_or(RiskError::QuantityOutOfRange)?;
    let (mut held, mut ordered) = (OptionPart::NONE, None);
    add_legs::<Bare>(&mut held, bounded, place, terms.range, Measure::Maintenance)?;
    if bounded.initial_differs(place) {
        add_legs::<Bare>(ordered.insert(OptionPart::NONE), bounded, place, terms.range, Measure::Initial)?;
    }
    let (part_im, short_im) = ordered.as_ref().map_or((&held, held.short_held_im), |part| (part, part.short));
    let ends = (LinearEnds::new::<Bare>(terms, input, Measure::Initial), LinearEnds::new::<Bare>(terms, input, Measure::Maintenance));
    let (rows_im, rows_mm) = rows.map_or((None, None), |(im, mm)| (Some(im), Some(mm)));
    let im = market_scan::<Bare>(&ends.0, part_im, short_im, &MeasureRates::new(terms, Measure::Initial), rows_im);
    let mm = market_scan::<Bare>(&ends.1, &held, held.short, &MeasureRates::new(terms, Measure::Maintenance), rows_mm);
    let outcome = MarketOutcome { im, mm, part_im, part_mm: &held, short_im };
    let leg = total.legs.get_mut(place).ok_or(RiskError::QuantityOutOfRange)?;
    let was = *leg;
    sums.im.add_ons = sums.im.add_ons.plus(&outcome.add_ons(Measure::Initial, was.add_on_im))?;
    sums.mm.add_ons = sums.mm.add_ons.plus(&outcome.add_ons(Measure::Maintenance, was.add_on_mm))?;
    outcome.apply::<Bare>(leg, terms, (&ends.0, &ends.1), bounded.target_share(place));
    let is = *leg;
    let (value_im, value) = (Quote::new(outcome.part_im.value), Quote::new(outcome.part_mm.value));
    let adverse = |edge: Quote| edge.min(Quote::ZERO);
    total.equity = total.equity.add(value)?.sub(adverse(was.edge_trigger))?.add(adverse(is.edge_trigger))?;
    total.equity_trigger = total.equity_trigger.add(value)?.sub(was.edge_trigger)?.add(is.edge_trigger)?;
    total.equity_im = total.equity_im.add(value_im)?.add(was.edge_im)?.sub(is.edge_im)?;
    total.gross_notional = total.gross_notional.add(Quote::new(outcome.part_mm.short_notional))?;
    total.has_options = true;
    total.locked = total.locked.add(Quote::new(outcome.survives()))?;
    if let (Some(slot), Some(delta)) = (report.option_value.get_mut(place), report.option_delta.get_mut(place)) {
        *slot = value;
        *delta = Quote::new(outcome.part_mm.delta_long);
    }
    Ok(())
}

/// Requirements from the sums: add-ons, depeg, and the order IM ≥ T ≥ MM.
fn finish(total: &mut Health, bounded: &BoundedBook, cross: &CrossTerms, sums: &mut Sums) -> RiskResult<()> {
    let mut extra = Quote::ZERO;
    for (place, leg) in total.legs.iter().enumerate().take(total.leg_count) {
        extra = extra.add(leg.target.sub(leg.scan_mm)?.sub(leg.add_on_mm)?)?;
        if !bounded.has(place) {
            let size = |amount: Quote| AddOns { size: amount, ..AddOns::default() };
            sums.im.add_ons = sums.im.add_ons.plus(&size(leg.add_on_im))?;
            sums.mm.add_ons = sums.mm.add_ons.plus(&size(leg.add_on_mm))?;
        }
    }
    for (sum, charge) in [(&mut sums.im, cross.depeg.im), (&mut sums.mm, cross.depeg.mm)] {
        sum.add_ons.depeg = charge_on(sum.scan.add(sum.add_ons.total()?)?, charge)?;
    }
    total.mm = sums.mm.scan.add(sums.mm.add_ons.total()?)?;
    total.target = total.mm.add(extra)?;
    total.im = sums.im.scan.add(sums.im.add_ons.total()?)?.max(total.target);
    Ok(())
}

impl Health {
    /// [`Health::with_leg`] for an account whose markets are bound together, none of them with options: the sums over markets are made anew
    /// from the legs.
    ///
    /// Errors: as [`Health::with_leg`] and [`portfolio`].
    #[inline(never)]
    pub fn with_leg_in(
        &self,
        cross: &CrossTerms,
        index: usize,
        terms: &MarketTerms,
        was: (Quote, &LegInput),
        is: (Quote, &LegInput),
    ) -> RiskResult<Self> {
        let mut total = self.with_leg(index, terms, was, is)?;
        if !cross.is_none() {
            cross.check(total.leg_count)?;
            let bounded = OptionBook::NONE.check()?;
            combine(&mut total, &|_| None, &bounded, cross, &mut Report::default())?;
        }
        Ok(total)
    }
}

impl BoundedBook<'_> {
    /// Whether the initial measure of a market needs a pass of its own: another table, or resting orders.
    fn initial_differs(&self, market: usize) -> bool {
        let book = &self.book;
        let is_same_table = core::ptr::eq(book.units_im, book.units_mm);
        let rests = |leg: &super::options::OptionInput| {
            let unit = book.units_mm.get(usize::from(leg.series));
            leg.has_orders() && unit.is_some_and(|unit| usize::from(unit.market) == market)
        };
        !is_same_table || book.legs.iter().any(rests)
    }

    /// The larger exit-target share among a market's expiries, Q30.
    fn target_share(&self, market: usize) -> i64 {
        let of_market = self.book.expiries.iter().filter(|expiry| usize::from(expiry.market) == market);
        of_market.map(|expiry| expiry.target_share).max().unwrap_or(0)
    }
}
