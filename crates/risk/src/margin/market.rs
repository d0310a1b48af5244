//! One market with options: the scan of RULES 4.2, its add-ons, and the loss by scenario that RULES 4.3 adds up over markets.

use super::grid::{
    COLUMN_SKEW, MM_GRID_FACTOR, ROW_NONE, ROW_SPOT, ROW_WEIGHT, SCENARIOS, SPOTS, SPOT_NONE, SPOT_ROWS, TAILS, TAIL_WEIGHT,
};
use super::kernel::{magnitude, positive, scale_ceil, scale_floor, Exact, LegHealth, LegInput, ScanMode};
use super::options::{Measure, OptionPart};
use super::report::AddOns;
use super::series::spot_move;
use super::terms::MarketTerms;
use crate::units::{Quote, Ratio, RATIO_BITS};

const ONE: i64 = Ratio::ONE.raw();

/// A linear exposure with its resting orders: net delta at either end of them and what they lose at once (RULES 4.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct LinearEnds {
    pub(super) long: i64,
    pub(super) short: i64,
    pub(super) long_now: i64,
    pub(super) short_now: i64,
}

impl LinearEnds {
    /// The leg in `measure`; its operands were range-checked by [`super::kernel::Bounded`].
    pub(super) fn new<A: Exact>(terms: &MarketTerms, leg: &LegInput, measure: Measure) -> Self {
        let notional = A::mul(leg.lots.raw(), terms.mark);
        if measure == Measure::Maintenance {
            let delta = A::add(notional, leg.collateral_mm.raw());
            return Self { long: delta, short: delta, long_now: 0, short_now: 0 };
        }
        let delta = A::add(notional, leg.collateral_im.raw());
        let (bought, sold) = (A::mul(leg.bids.raw(), terms.mark), A::mul(leg.asks.raw(), terms.mark));
        Self {
            long: A::add(delta, bought),
            short: A::sub(delta, sold),
            long_now: positive(A::sub(leg.bids_value.raw(), bought)),
            short_now: positive(A::sub(sold, leg.asks_value.raw())),
        }
    }

    pub(super) const fn is_nothing(&self) -> bool {
        self.long == 0 && self.short == 0 && self.long_now == 0 && self.short_now == 0
    }

    /// Loss when spot moves by the ratio `by`: the worse end; losses rounded up, gains down.
    pub(super) fn loss<A: Exact>(&self, by: i64) -> i64 {
        let long = A::add(signed_loss::<A>(self.long, by), self.long_now);
        if self.long == self.short && self.long_now >= self.short_now {
            return long;
        }
        long.max(A::add(signed_loss::<A>(self.short, by), self.short_now))
    }

    /// Loss at `rate` of the exposure, whichever way: the linear charge.
    pub(super) fn charge<A: Exact>(&self, rate: i64) -> i64 {
        let long = A::add(scale_ceil::<A>(magnitude::<A>(self.long), rate), self.long_now);
        long.max(A::add(scale_ceil::<A>(magnitude::<A>(self.short), rate), self.short_now))
    }
}

/// −delta · by, rounded up.
#[inline(always)]
fn signed_loss<A: Exact>(delta: i64, by: i64) -> i64 {
    let (size, shift) = (magnitude::<A>(delta), magnitude::<A>(by));
    if (delta > 0) == (by > 0) {
        A::sub(0, scale_floor::<A>(size, shift))
    } else {
        scale_ceil::<A>(size, shift)
    }
}

/// The rates of one measure.
#[derive(Clone, Copy)]
pub(super) struct MeasureRates {
    /// R_lin, Q30.
    pub(super) linear: i64,
    /// Spot range, Q30.
    pub(super) range: i64,
    /// Share of the grid's loss that counts, Q30: 1 or 0.8.
    pub(super) factor: i64,
}

impl MeasureRates {
    pub(super) const fn new(terms: &MarketTerms, measure: Measure) -> Self {
        let (linear, factor) = match measure {
            Measure::Initial => (terms.linear_im, ONE),
            Measure::Maintenance => (terms.linear_mm, MM_GRID_FACTOR.raw()),
        };
        Self { linear, range: terms.range, factor }
    }
}

/// A market with options in one measure.
#[derive(Clone, Copy, Debug)]
pub(super) struct MarketScan {
    /// Scan of RULES 4.2, ≥ 0.
    pub(super) scan: i64,
    /// Option add-ons of RULES 4.4 as far as they count, ≥ 0.
    pub(super) add_on: i64,
    /// Worst loss of the options alone and their add-ons, limited by what they can lose.
    pub(super) options: i64,
    /// Linear charge plus the most that the options can lose: no target need be above it.
    pub(super) limit: i64,
    pub(super) mode: ScanMode,
    /// Row of the grid (1 ..= 33) that costs all legs most.
    pub(super) worst: u8,
}

/// Loss and its row, the first of equals.
pub(super) fn worst_of(rows: &[i64; SCENARIOS]) -> (i64, u8) {
    let (mut worst, mut at) = (0, ROW_NONE);
    for (row, loss) in (1_u8..).zip(rows.iter()) {
        if *loss > worst {
            (worst, at) = (*loss, row);
        }
    }
    (worst, at)
}

/// `loss` as a row counts it: dampened in a tail, where a gain counts for nothing.
#[inline(always)]
pub(super) fn dampened<A: Exact>(row: usize, loss: i64) -> i64 {
    weighted::<A>(ROW_WEIGHT.get(row).copied().unwrap_or(ONE), loss)
}

#[inline(always)]
fn weighted<A: Exact>(weight: i64, loss: i64) -> i64 {
    if weight == ONE {
        loss
    } else {
        scale_ceil::<A>(positive(loss), weight)
    }
}

/// `factor` of a signed loss, rounded up.
#[inline(always)]
pub(super) fn factored<A: Exact>(loss: i64, factor: i64) -> i64 {
    if factor == ONE {
        loss
    } else if loss < 0 {
        A::sub(0, scale_floor::<A>(A::sub(0, loss), factor))
    } else {
        scale_ceil::<A>(loss, factor)
    }
}

/// Spot moves of a market as ratios, in the order of the grid's distinct ones.
pub(super) fn spot_moves(range: i64) -> [i64; SPOTS] {
    let mut moves = [0; SPOTS];
    for (quarters, slot) in (-4_i64..).zip(moves.iter_mut().take(9)) {
        *slot = spot_move(range, quarters);
    }
    for (slot, tail) in moves.iter_mut().skip(9).zip(TAILS) {
        *slot = tail.raw();
    }
    moves
}

/// RULES 4.2: scan = min( grid over all legs ; R_lin × |net linear delta| + grid over options alone ).
///
/// `short` is the short-option minimum of the measure. In a market of a group, `rows` is filled with the loss by row as RULES 4.3 adds it
/// up ([`profile`]); its largest entry is the scan.
#[inline(never)]
pub(super) fn market_scan<A: Exact>(
    ends: &LinearEnds,
    part: &OptionPart,
    short: i64,
    rates: &MeasureRates,
    rows: Option<&mut [i64; SCENARIOS]>,
) -> MarketScan {
    let linear_moves = linear_losses::<A>(ends, rates.range);
    let (grid_all, worst) = worst_of_all::<A>(&linear_moves, part, rates);
    let linear = ends.charge::<A>(rates.linear);
    let grid_options = factored::<A>(part.alone, rates.factor);
    let is_bare = ends.is_nothing();
    // Without a linear leg both terms are the same one, limited by what the options can lose.
    let alone = A::add(linear, grid_options.min(part.max_loss));
    let scan = grid_all.min(alone);
    let add = A::add(A::add(part.basis, short), part.tenor);
    let limit = linear.saturating_add(part.max_loss);
    let options = A::add(grid_options, add).min(part.max_loss);
    let limited = A::add(linear, options);
    let total = if is_bare { limited } else { A::add(grid_all, add).min(limited) };
    let add_on = positive(A::sub(total, scan));
    let mode = if scan == grid_all || is_bare { ScanMode::Grid } else { ScanMode::Linear };
    if let Some(rows) = rows {
        *rows = profile::<A>(grid_rows::<A>(&linear_moves, part, rates), part, rates, scan, grid_all.min(limit));
    }
    MarketScan { scan, add_on, options, limit, mode, worst }
}

/// Loss by row as it enters the joint loss of RULES 4.3: the grid's, scaled so that its largest is the scan. Scaling both losses and gains
/// lets the smaller term of 4.2 take over without a jump: for a perp alone it is the linear charge in quarters.
///
/// In the tails a linear leg counts only as far as it helps the options of its market, for no linear charge is one for a tail. What the
/// largest row thereby loses against the scan counts in every row.
fn profile<A: Exact>(grid: [i64; SCENARIOS], part: &OptionPart, rates: &MeasureRates, scan: i64, largest: i64) -> [i64; SCENARIOS] {
    let share = share_of(scan, largest);
    let mut rows = grid;
    for (index, (row, options)) in rows.iter_mut().zip(part.rows.iter()).enumerate() {
        if ROW_WEIGHT.get(index).is_some_and(|weight| *weight != ONE) {
            *row = (*row).min(factored::<A>(dampened::<A>(index, *options), rates.factor));
        }
        *row = factored::<A>((*row).min(largest), share);
    }
    let (worst, _) = worst_of(&rows);
    let given_up = positive(A::sub(scan, worst));
    rows.iter_mut().for_each(|row| *row = A::add(*row, given_up).min(scan));
    rows
}

/// part / whole as a Q30 share of at most 1, for 0 ≤ part ≤ whole; 1 for nothing of nothing. Both are cut to 32 bits of the whole.
pub(super) fn share_of(part: i64, whole: i64) -> i64 {
    if part >= whole || whole <= 0 {
        return ONE;
    }
    let cut = 32_u32.saturating_sub(whole.leading_zeros());
    // Below 2³² shifted by 30 bits.
    crate::units::div((part >> cut) << 30, (whole >> cut).max(1), crate::units::Round::Ceil).unwrap_or(ONE).min(ONE)
}

/// Loss of the linear leg by spot move.
pub(super) fn linear_losses<A: Exact>(ends: &LinearEnds, range: i64) -> [i64; SPOTS] {
    if ends.is_nothing() {
        return [0; SPOTS];
    }
    if ends.long == ends.short && ends.long_now == 0 && ends.short_now == 0 {
        return plain_losses::<A>(ends.long, range);
    }
    let mut losses = spot_moves(range);
    losses.iter_mut().for_each(|by| *by = ends.loss::<A>(*by));
    losses
}

/// [`linear_losses`] of a delta without orders: the same share of it is the loss at one end and the gain at the other.
#[inline(always)]
fn plain_losses<A: Exact>(delta: i64, range: i64) -> [i64; SPOTS] {
    let size = magnitude::<A>(delta);
    let (whole, rest) = (size >> RATIO_BITS, size & (ONE - 1));
    // The loss rounded up and the gain rounded down, as scale_ceil and scale_floor have them.
    let of = |shift: i64| {
        let (whole, rest) = (A::mul(whole, shift), A::mul(rest, shift));
        let (loss, gain) = (A::add(whole, A::add(rest, ONE - 1) >> RATIO_BITS), A::sub(0, A::add(whole, rest >> RATIO_BITS)));
        if delta > 0 {
            (gain, loss)
        } else {
            (loss, gain)
        }
    };
    let mut losses = [0; SPOTS];
    let [down_4, down_3, down_2, down_1, _, up_1, up_2, up_3, up_4, crash, fall, rises @ ..] = &mut losses;
    for (quarters, up, down) in [(1, up_1, down_1), (2, up_2, down_2), (3, up_3, down_3), (4, up_4, down_4)] {
        (*up, *down) = of(spot_move(range, quarters));
    }
    let [crash_move, fall_move, rise_moves @ ..] = &TAILS;
    (*crash, *fall) = (of(magnitude::<A>(crash_move.raw())).1, of(magnitude::<A>(fall_move.raw())).1);
    for (loss, by) in rises.iter_mut().zip(rise_moves) {
        *loss = of(by.raw()).0;
    }
    losses
}

/// Loss of all legs by row.
#[inline(never)]
fn grid_rows<A: Exact>(linear: &[i64; SPOTS], part: &OptionPart, rates: &MeasureRates) -> [i64; SCENARIOS] {
    let mut rows = [0; SCENARIOS];
    for (index, (row, (spot, options))) in rows.iter_mut().zip(ROW_SPOT.iter().zip(part.rows.iter())).enumerate() {
        let all = A::add(linear.get(*spot).copied().unwrap_or(0), *options);
        *row = factored::<A>(dampened::<A>(index, all), rates.factor);
    }
    rows
}

/// [`worst_of`] the rows of [`grid_rows`], without making them.
///
/// Dampening and factor never turn an order round, so that the worst of the rows that share a spot move stands for them.
fn worst_of_all<A: Exact>(linear: &[i64; SPOTS], part: &OptionPart, rates: &MeasureRates) -> (i64, u8) {
    let mut losses = [0; SPOTS];
    for (loss, (linear, options)) in losses.iter_mut().zip(linear.iter().zip(part.spots.iter())) {
        *loss = A::add(*linear, *options);
    }
    let [_, _, _, _, _, _, _, _, _, tails @ ..] = &mut losses;
    for (loss, weight) in tails.iter_mut().zip(TAIL_WEIGHT) {
        *loss = scale_ceil::<A>(positive(*loss), weight);
    }
    let most = losses.iter().fold(0, |most, loss| most.max(*loss));
    let worst = factored::<A>(most, rates.factor);
    if worst <= 0 {
        return (0, ROW_NONE);
    }
    // A factor above one half takes losses two atoms apart to different ones: only these can come to the same.
    const _: () = assert!(MM_GRID_FACTOR.raw() > ONE >> 1);
    let near = A::sub(most, 1);
    let linear_at = |spot: usize| linear.get(spot).copied().unwrap_or(0);
    let is_worst = |row: usize, linear: i64| {
        let loss = dampened::<A>(row, A::add(linear, part.rows.get(row).copied().unwrap_or(0)));
        loss >= near && factored::<A>(loss, rates.factor) == worst
    };
    let (mut at, mut count) = (SPOT_NONE, 0_u32);
    for (spot, loss) in losses.iter().enumerate() {
        if *loss >= near {
            (at, count) = (spot, count.wrapping_add(1));
        }
    }
    // Mostly one spot move stands out: the row is among its rows.
    let found = if count == 1 {
        let (first, count) = SPOT_ROWS.get(at).copied().unwrap_or((0, 0));
        let (linear, skew) = (linear_at(at), if at == SPOT_NONE { COLUMN_SKEW } else { SCENARIOS });
        (first..first.wrapping_add(count)).chain(skew..SCENARIOS).find(|row| is_worst(*row, linear))
    } else {
        ROW_SPOT.iter().enumerate().find(|(row, spot)| is_worst(*row, linear_at(**spot))).map(|(row, _)| row)
    };
    (worst, found.and_then(|row| u8::try_from(row.wrapping_add(1)).ok()).unwrap_or(ROW_NONE))
}

/// Both measures of a market with options. Without resting orders and with one table the parts are the same one.
pub(super) struct MarketOutcome<'p> {
    pub(super) im: MarketScan,
    pub(super) mm: MarketScan,
    pub(super) part_im: &'p OptionPart,
    pub(super) part_mm: &'p OptionPart,
    /// Short-option minimum of the initial measure.
    pub(super) short_im: i64,
}

impl MarketOutcome<'_> {
    /// The add-ons of one measure by kind; when the most that the options can lose limits them, the last ones are cut first.
    pub(super) fn add_ons(&self, measure: Measure, size: Quote) -> AddOns {
        let (add_on, part, short) = match measure {
            Measure::Initial => (self.im.add_on, self.part_im, self.short_im),
            Measure::Maintenance => (self.mm.add_on, self.part_mm, self.part_mm.short),
        };
        let short = short.min(add_on);
        let basis = part.basis.min(add_on.wrapping_sub(short));
        let tenor = add_on.wrapping_sub(short).wrapping_sub(basis);
        AddOns { basis: Quote::new(basis), short_options: Quote::new(short), tenor: Quote::new(tenor), size, depeg: Quote::ZERO }
    }

    /// Option value that is left in the worst scenario of the options alone, after their add-ons (RULES 1.6), ≥ 0.
    pub(super) fn survives(&self) -> i64 {
        positive(self.part_im.value.saturating_sub(self.im.options))
    }

    /// Puts scans, add-ons, target and edges into the leg that the linear pass made.
    pub(super) fn apply<A: Exact>(&self, leg: &mut LegHealth, terms: &MarketTerms, ends: (&LinearEnds, &LinearEnds), target_share: i64) {
        let delta_mm = A::add(leg.delta.raw(), self.part_mm.delta_long);
        let far = A::add(ends.0.long, self.part_im.delta_long);
        let near = A::add(ends.0.short, self.part_im.delta_short);
        let size = magnitude::<A>(far).max(magnitude::<A>(near));
        leg.scan_im = Quote::new(self.im.scan);
        leg.scan_mm = Quote::new(self.mm.scan);
        leg.add_on_im = Quote::new(A::add(leg.add_on_im.raw(), self.im.add_on));
        leg.add_on_mm = Quote::new(A::add(leg.add_on_mm.raw(), self.mm.add_on));
        leg.mode_im = self.im.mode;
        leg.mode_mm = self.mm.mode;
        leg.worst_scenario_im = self.im.worst;
        leg.worst_scenario = self.mm.worst;
        // A doubtful price takes no more off options than they can still lose.
        let linear = magnitude::<A>(ends.0.long).max(magnitude::<A>(ends.0.short));
        let most = scale_ceil::<A>(linear, terms.edge_im).saturating_add(positive(self.part_im.max_loss.saturating_sub(self.im.options)));
        leg.edge_im = Quote::new(scale_ceil::<A>(size, terms.edge_im).min(most));
        leg.edge_trigger = Quote::new(terms.trigger_edge_of::<A>(delta_mm));
        let held = A::add(leg.scan_mm.raw(), leg.add_on_mm.raw());
        let of_options = scale_ceil::<A>(held, target_share).min(positive(self.mm.limit.saturating_sub(held)));
        let extra = scale_ceil::<A>(magnitude::<A>(leg.notional.raw()), terms.target_extra).max(of_options);
        leg.target = Quote::new(A::add(held, extra));
    }
}
