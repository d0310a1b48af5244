//! The inner loop: one leg, all measures, 64-bit products that cannot leave their range.
//!
//! Operands are range-checked once, by [`Bounded::new`] and [`MarketTerms::new`]; inside, products wrap (1 CU on chain, a checked one
//! costs 46) and a const assertion beside each states the bound that makes it exact. [`Exact`] names the arithmetic: tests run the same
//! code with every operation checked, at every extreme of the bounds.

use super::grid::{ROW_DOWN, ROW_NONE, ROW_UP};
use super::terms::MarketTerms;
use crate::error::{RiskError, RiskResult};
use crate::units::{Lots, Quote, Ratio, MAX_LOTS, MAX_NOTIONAL, MAX_PRICE, RATIO_BITS};

/// Largest magnitude of a leg's quote balance: 288 billion USDC, so that eight of them add up without a check.
pub(super) const MAX_QUOTE: i64 = 1 << 58;
/// Largest value of the resting orders of one side: twice the largest notional.
pub(super) const MAX_ORDER_VALUE: i64 = MAX_NOTIONAL << 1;
/// Largest net delta: perp with all orders of a side filled, plus collateral.
pub(super) const MAX_DELTA: i64 = MAX_NOTIONAL << 1;
/// Largest edge as a share of price; a mark further from its TWAP than this counts as this far.
pub(super) const MAX_EDGE: Ratio = Ratio::new(4 << RATIO_BITS);
const ONE: i64 = Ratio::ONE.raw();
const FRACTION: i64 = ONE - 1;

/// The arithmetic of the kernel.
pub(super) trait Exact {
    fn add(a: i64, b: i64) -> i64;
    fn sub(a: i64, b: i64) -> i64;
    fn mul(a: i64, b: i64) -> i64;
}

/// Bare machine arithmetic: what runs on chain.
pub(super) struct Bare;

impl Exact for Bare {
    fn add(a: i64, b: i64) -> i64 {
        a.wrapping_add(b)
    }
    fn sub(a: i64, b: i64) -> i64 {
        a.wrapping_sub(b)
    }
    fn mul(a: i64, b: i64) -> i64 {
        a.wrapping_mul(b)
    }
}

/// One market's share of an account, read after touching it (RULES 5.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LegInput {
    /// Position, ± 2³⁰.
    pub lots: Lots,
    /// Quote balance of the position: lots × mark + quote is its unsettled PnL. ± 2⁵⁸.
    pub quote: Quote,
    /// Lots resting on the bid side, ≥ 0.
    pub bids: Lots,
    /// Lots resting on the ask side, ≥ 0.
    pub asks: Lots,
    /// What the resting bids would pay, ≥ 0.
    pub bids_value: Quote,
    /// What the resting asks would receive, ≥ 0.
    pub asks_value: Quote,
    /// Volatile collateral priced by this market, at its initial weight, ≥ 0.
    pub collateral_im: Quote,
    /// The same at its maintenance weight, ≥ 0.
    pub collateral_mm: Quote,
}

/// Which of the two terms of RULES 4.2 was the smaller one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ScanMode {
    /// R_lin × |net delta|.
    #[default]
    Linear,
    /// The scenario grid.
    Grid,
}

/// What one leg contributes; the numbers that an event shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LegHealth {
    /// Unsettled PnL at the mark.
    pub unsettled: Quote,
    /// The same as E_im counts it: claims at their weight, losses in full.
    pub unsettled_im: Quote,
    /// Perp notional at the mark, signed.
    pub notional: Quote,
    /// Net delta in the maintenance measure: perp notional plus weighted collateral.
    pub delta: Quote,
    /// Scan of the initial measure, resting orders counted as filled on the worse side.
    pub scan_im: Quote,
    /// Scan of the maintenance measure, without resting orders.
    pub scan_mm: Quote,
    /// Loss of the initial measure at the end of the spot range opposite to the worst one; mostly negative, a gain (RULES 4.3).
    pub opposite_im: Quote,
    /// Add-ons of the initial measure: size, resting orders counted as filled, and those of options (RULES 4.4).
    pub add_on_im: Quote,
    /// Add-ons of the maintenance measure.
    pub add_on_mm: Quote,
    /// This leg's exit target: maintenance scan and add-ons plus the share of perp notional, or of them where there are options.
    pub target: Quote,
    /// Adverse edge taken off E_im, ≥ 0.
    pub edge_im: Quote,
    /// What the trigger adds to E; negative, and then taken off E itself too, once the feed has been stale for too long.
    pub edge_trigger: Quote,
    /// Row of the grid (1 ..= 33) that costs the maintenance measure most.
    pub worst_scenario: u8,
    /// Row of the grid that costs the initial measure most.
    pub worst_scenario_im: u8,
    /// Which term made `scan_mm`.
    pub mode_mm: ScanMode,
    /// Which term made `scan_im`.
    pub mode_im: ScanMode,
}

/// A leg whose operands have been range-checked against the mark it is priced with.
#[derive(Clone, Copy)]
pub(super) struct Bounded<'a> {
    terms: &'a MarketTerms,
    leg: &'a LegInput,
}

impl<'a> Bounded<'a> {
    /// Errors: [`RiskError::QuantityOutOfRange`] for lots, [`RiskError::NotionalOutOfRange`] for values.
    pub(super) fn new(terms: &'a MarketTerms, leg: &'a LegInput) -> RiskResult<Self> {
        let is_lots = |lots: Lots| (0..=MAX_LOTS).contains(&lots.raw());
        let lots = leg.lots.abs()?;
        if !is_lots(lots) || !is_lots(leg.bids) || !is_lots(leg.asks) {
            return Err(RiskError::QuantityOutOfRange);
        }
        // At most 2³¹ lots at 2³⁰.
        const _: () = assert!((MAX_LOTS * 2).checked_mul(MAX_PRICE).is_some());
        let largest = lots.raw().wrapping_add(leg.bids.max(leg.asks).raw()).wrapping_mul(terms.mark);
        let is_value = |value: Quote, bound: i64| (0..=bound).contains(&value.raw());
        let is_inside = largest <= MAX_NOTIONAL
            && (-MAX_QUOTE..=MAX_QUOTE).contains(&leg.quote.raw())
            && is_value(leg.bids_value, MAX_ORDER_VALUE)
            && is_value(leg.asks_value, MAX_ORDER_VALUE)
            && is_value(leg.collateral_im, MAX_NOTIONAL)
            && is_value(leg.collateral_mm, MAX_NOTIONAL);
        if is_inside {
            Ok(Self { terms, leg })
        } else {
            Err(RiskError::NotionalOutOfRange)
        }
    }
}

/// ⌈value × ratio⌉ for a value and a Q30 ratio that are not negative.
///
/// The value is split at bit 30, so that neither product leaves 63 bits: (whole × 2³⁰ + part) × r / 2³⁰ = whole × r + part × r / 2³⁰.
#[inline(always)]
pub(super) fn scale_ceil<A: Exact>(value: i64, ratio: i64) -> i64 {
    // Deltas with edges up to 4.0, and balances with weights up to 1.0.
    const _: () = assert!(((MAX_DELTA >> RATIO_BITS) + 1).checked_mul(MAX_EDGE.raw()).is_some());
    const _: () = assert!((((MAX_QUOTE + MAX_NOTIONAL) >> RATIO_BITS) + 1).checked_mul(ONE).is_some());
    const _: () = assert!(ONE.checked_mul(MAX_EDGE.raw()).is_some());
    let whole = A::mul(value >> RATIO_BITS, ratio);
    let part = A::add(A::mul(value & FRACTION, ratio), FRACTION) >> RATIO_BITS;
    A::add(whole, part)
}

/// ⌊value × ratio⌋ under the bounds of [`scale_ceil`].
#[inline(always)]
pub(super) fn scale_floor<A: Exact>(value: i64, ratio: i64) -> i64 {
    let whole = A::mul(value >> RATIO_BITS, ratio);
    A::add(whole, A::mul(value & FRACTION, ratio) >> RATIO_BITS)
}

/// The row that costs a net delta of this sign most.
const fn worst_row(delta: i64) -> u8 {
    if delta > 0 {
        ROW_DOWN
    } else if delta < 0 {
        ROW_UP
    } else {
        ROW_NONE
    }
}

const fn mode(is_grid: bool) -> ScanMode {
    if is_grid {
        ScanMode::Grid
    } else {
        ScanMode::Linear
    }
}

/// All measures of one leg in one pass.
///
/// Resting orders count in the initial measure only: the worse of (position + bids) and (position − asks), each with what it would lose
/// at once by trading away from the mark. What an order would gain at once counts as nothing, because it fills only where the price has
/// come to it. Maintenance and target ignore orders: a liquidation cancels them first.
#[inline(always)]
pub(super) fn leg<A: Exact>(bounded: Bounded) -> LegHealth {
    let Bounded { terms, leg } = bounded;
    // 2³⁰ lots at 2³⁰; MAX_NOTIONAL was checked with the orders of a side.
    let notional = A::mul(leg.lots.raw(), terms.mark);
    let unsettled = A::add(notional, leg.quote.raw());
    let unsettled_im = if unsettled > 0 { scale_floor::<A>(unsettled, terms.claim_weight) } else { unsettled };

    let delta = A::add(notional, leg.collateral_mm.raw());
    let scan_mm = scale_ceil::<A>(magnitude::<A>(delta), terms.mm);
    let extra = scale_ceil::<A>(magnitude::<A>(notional), terms.target_extra);

    let delta_im = A::add(notional, leg.collateral_im.raw());
    let bought = A::mul(leg.bids.raw(), terms.mark);
    let sold = A::mul(leg.asks.raw(), terms.mark);
    let long_end = A::add(delta_im, bought);
    let short_end = A::sub(delta_im, sold);
    let (long_size, short_size) = (magnitude::<A>(long_end), magnitude::<A>(short_end));
    let (long_range, short_range) = (scale_ceil::<A>(long_size, terms.im), scale_ceil::<A>(short_size, terms.im));
    let (long_now, short_now) = (positive(A::sub(leg.bids_value.raw(), bought)), positive(A::sub(sold, leg.asks_value.raw())));
    let (long_loss, short_loss) = (A::add(long_range, long_now), A::add(short_range, short_now));
    let (scan_im, worst_end) = if long_loss >= short_loss { (long_loss, long_end) } else { (short_loss, short_end) };
    // Seen from the other end of the range, a side that lost there gains, and the other way round.
    let at_other_end = |end: i64, range: i64, now: i64| {
        let is_loss_there = (end > 0) != (worst_end > 0);
        A::add(if is_loss_there { range } else { A::sub(0, range) }, now)
    };
    let opposite_im = at_other_end(long_end, long_range, long_now).max(at_other_end(short_end, short_range, short_now));

    let size_mm = beyond::<A>(magnitude::<A>(notional), terms.allowance_mm, terms.size_rate);
    let largest = magnitude::<A>(A::add(notional, bought)).max(magnitude::<A>(A::sub(notional, sold)));
    let size_im = beyond::<A>(largest, terms.allowance_im, terms.size_rate);

    let edge_im = scale_ceil::<A>(long_size.max(short_size), terms.edge_im);
    let edge_trigger = terms.trigger_edge_of::<A>(delta);
    LegHealth {
        unsettled: Quote::new(unsettled),
        unsettled_im: Quote::new(unsettled_im),
        notional: Quote::new(notional),
        delta: Quote::new(delta),
        scan_im: Quote::new(scan_im),
        scan_mm: Quote::new(scan_mm),
        opposite_im: Quote::new(opposite_im),
        add_on_im: Quote::new(size_im),
        add_on_mm: Quote::new(size_mm),
        target: Quote::new(A::add(A::add(scan_mm, size_mm), extra)),
        edge_im: Quote::new(edge_im),
        edge_trigger: Quote::new(edge_trigger),
        worst_scenario: worst_row(delta),
        worst_scenario_im: worst_row(worst_end),
        mode_mm: mode(terms.is_grid_mm),
        mode_im: mode(terms.is_grid_im),
    }
}

impl MarketTerms {
    /// What the trigger adds to E for a net delta: rounded down; negative, and then up in size, once a feed has been stale for too long.
    #[inline(always)]
    pub(super) fn trigger_edge_of<A: Exact>(&self, delta: i64) -> i64 {
        let size = magnitude::<A>(delta);
        if self.edge_trigger >= 0 {
            scale_floor::<A>(size, self.edge_trigger)
        } else {
            A::sub(0, scale_ceil::<A>(size, A::sub(0, self.edge_trigger)))
        }
    }
}

/// `rate` of what `size` exceeds `allowance` by; nearly always nothing.
#[inline(always)]
fn beyond<A: Exact>(size: i64, allowance: i64, rate: i64) -> i64 {
    if size > allowance {
        scale_ceil::<A>(A::sub(size, allowance), rate)
    } else {
        0
    }
}

#[inline(always)]
pub(super) fn magnitude<A: Exact>(value: i64) -> i64 {
    if value < 0 {
        A::sub(0, value)
    } else {
        value
    }
}

#[inline(always)]
pub(super) const fn positive(value: i64) -> i64 {
    if value > 0 {
        value
    } else {
        0
    }
}
