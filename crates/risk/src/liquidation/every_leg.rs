//! A slice of every leg (RULES 6.2): n/64 of a portfolio for one price, where closing a single leg would raise the risk of the rest.
//!
//! A slice takes the same share of every perp and option with its balance; legs too small for a whole lot go with the last slice. Cash
//! and collateral stay. The price is the mark value of the slice less x · MM(slice), so that the account's equity falls by exactly that
//! cost, whatever the sign of the mark value.

use super::params::LiquidationParams;
use crate::error::{RiskError, RiskResult};
use crate::margin::{portfolio, CrossTerms, Health, LegInput, MarketTerms, OptionBook, OptionInput, MAX_LEGS, MAX_OPTIONS};
use crate::units::{mul_div, Lots, Quote, Ratio, Round, Secs, RATIO_BITS};

/// Parts of a portfolio.
pub const PARTS: u8 = 64;
/// x at the start of the auction: 2 % of MM.
pub const COST_START: Ratio = Ratio::of(2, 100);
/// x at the end of its first ramp: 25 %.
pub const COST_RAMP_END: Ratio = Ratio::of(25, 100);
/// Length of the first ramp: 15 min.
pub const COST_RAMP: Secs = Secs::new(900);
/// Length of the second, in which the price falls to nothing: 2 h†.
pub const COST_FALL: Secs = Secs::new(7_200);
/// Atoms by which rounding can make a slice relieve less than its share: each leg of both measures.
const ROUNDING: Quote = Quote::new(64);

/// A portfolio to be sliced, orders cancelled; at most [`MAX_LEGS`] markets.
#[derive(Clone, Copy, Debug)]
pub struct PortfolioView<'a> {
    /// Cash, ≥ 0.
    pub cash: Quote,
    /// Terms and leg by market.
    pub legs: &'a [(&'a MarketTerms, &'a LegInput)],
    /// Options.
    pub book: &'a OptionBook<'a>,
    /// What binds the markets.
    pub cross: &'a CrossTerms<'a>,
}

/// A slice and its price.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PortfolioSlice {
    /// Sixty-fourths of every leg, 0 ..= 64; 0 when there is nothing to gain.
    pub parts: u8,
    /// What the bidder pays the account; negative when the account pays.
    pub price: Quote,
    /// What the account loses against the mark, ≥ 0: x · MM(slice), capped so that E/MM does not fall.
    pub cost: Quote,
    /// Mark value of the slice.
    pub value: Quote,
    /// The surplus over T that the next smaller slice need not have had: a 64th of T, of the account or of its legs alone, and a lot of each
    /// leg.
    pub tolerance: Quote,
}

/// `parts` sixty-fourths of a number of lots, toward zero; all of them for 64.
pub fn part_of(lots: Lots, parts: u8) -> RiskResult<Lots> {
    let size = mul_div(lots.abs()?.raw(), parts.into(), PARTS.into(), Round::Floor)?;
    if lots.is_negative() {
        Lots::new(size).neg()
    } else {
        Ok(Lots::new(size))
    }
}

/// Share of MM that the price lies below the mark after `elapsed`: 2 % → 25 % in 15 min, then → `value` / MM, at most 2, over 2 h, where the
/// price is nothing (RULES 6.2). Rounded down.
///
/// Errors: [`RiskError::Overflow`].
pub fn slice_cost(value: Quote, mm: Quote, elapsed: Secs) -> RiskResult<Ratio> {
    let elapsed = elapsed.positive_part();
    let between = |from: Ratio, to: Ratio, time: Secs, span: Secs| {
        let way = mul_div(to.sub(from)?.raw(), time.min(span).raw(), span.raw(), Round::Floor)?;
        from.add(Ratio::new(way))
    };
    if elapsed <= COST_RAMP || !mm.is_positive() {
        return between(COST_START, COST_RAMP_END, elapsed, COST_RAMP);
    }
    // The cap of a cost, min(E, MM) · ΔMM / MM, is reached well before twice MM: a larger end would only make the ramp steeper.
    let end = value.positive_part().min(mm.add(mm)?).ratio_to(mm, Round::Floor)?.max(COST_RAMP_END);
    between(COST_RAMP_END, end, elapsed.sub(COST_RAMP)?, COST_FALL)
}

impl PortfolioView<'_> {
    /// Health as it stands. Errors: those of [`portfolio`].
    pub fn health(&self) -> RiskResult<Health> {
        portfolio(self.cash, self.legs.iter().copied(), self.book, self.cross, None)
    }

    /// Health of what is left after `parts` sixty-fourths of every leg went for their mark value less `cost`.
    ///
    /// Errors: those of [`portfolio`].
    #[inline(never)]
    pub fn health_after(&self, parts: u8, cost: Quote) -> RiskResult<Health> {
        let mut after = self.scaled(parts, true)?;
        after.equity = after.equity.sub(cost)?;
        after.equity_im = after.equity_im.sub(cost)?;
        after.equity_trigger = after.equity_trigger.sub(cost)?;
        Ok(after)
    }

    /// The portfolio less `parts`; what those were worth at the mark stays with the account. Without collateral when told so.
    fn scaled(&self, parts: u8, has_collateral: bool) -> RiskResult<Health> {
        let mut inputs = [LegInput::default(); MAX_LEGS];
        let mut options = [OptionInput::default(); MAX_OPTIONS];
        if self.legs.len() > MAX_LEGS || self.book.legs.len() > MAX_OPTIONS {
            return Err(RiskError::QuantityOutOfRange);
        }
        let mut settled = Quote::ZERO;
        for (slot, (terms, leg)) in inputs.iter_mut().zip(self.legs) {
            let gone = part_of(leg.lots, parts)?;
            *slot = LegInput { lots: leg.lots.sub(gone)?, ..**leg };
            // The lots leave at the mark: their worth goes into the balance.
            slot.quote = leg.quote.add(gone.at(terms.mark())?)?;
            if !has_collateral {
                (slot.collateral_im, slot.collateral_mm) = (Quote::ZERO, Quote::ZERO);
            }
        }
        for (slot, leg) in options.iter_mut().zip(self.book.legs) {
            let gone = part_of(leg.lots, parts)?;
            *slot = OptionInput { lots: leg.lots.sub(gone)?, ..*leg };
            let unit = self.book.units_mm.get(usize::from(leg.series)).ok_or(RiskError::QuantityOutOfRange)?;
            settled = settled.add(unit.value_of(gone)?)?;
        }
        let options = options.get(..self.book.legs.len()).ok_or(RiskError::QuantityOutOfRange)?;
        let book = OptionBook { legs: options, ..*self.book };
        let legs = self.legs.iter().zip(inputs.iter()).map(|((terms, _), leg)| (*terms, leg));
        let mut health = portfolio(self.cash, legs, &book, self.cross, None)?;
        health.equity = health.equity.add(settled)?;
        health.equity_im = health.equity_im.add(settled)?;
        health.equity_trigger = health.equity_trigger.add(settled)?;
        Ok(health)
    }

    /// Mark value of all perps with their balances and of all options.
    fn value(&self) -> RiskResult<Quote> {
        let mut sum = Quote::ZERO;
        for (terms, leg) in self.legs {
            sum = sum.add(leg.lots.at(terms.mark())?)?.add(leg.quote)?;
        }
        for leg in self.book.legs {
            let unit = self.book.units_mm.get(usize::from(leg.series)).ok_or(RiskError::QuantityOutOfRange)?;
            sum = sum.add(unit.value_of(leg.lots)?)?;
        }
        Ok(sum)
    }

    /// What a lot of each leg can add to a requirement: its price, for an option forward and strike.
    fn one_lot_each(&self) -> RiskResult<Quote> {
        let mut sum = Quote::ZERO;
        for (terms, _) in self.legs {
            sum = sum.add(Quote::new(terms.mark().raw()))?;
        }
        for leg in self.book.legs {
            let unit = self.book.units_mm.get(usize::from(leg.series)).ok_or(RiskError::QuantityOutOfRange)?;
            sum = sum.add(unit.reach()?)?;
        }
        Ok(sum)
    }

    /// Value of everything that could be closed, whatever its sign.
    fn gross(&self, health: &Health) -> RiskResult<Quote> {
        let mut sum = health.gross_notional;
        for leg in self.book.legs {
            let unit = self.book.units_mm.get(usize::from(leg.series)).ok_or(RiskError::QuantityOutOfRange)?;
            sum = sum.add(unit.value_of(leg.lots)?.abs()?)?;
        }
        Ok(sum)
    }
}

/// Sizes and prices the slice that goes after `elapsed` on the auction's clock (RULES 6.2, 6.3).
///
/// Everything scales with the slice where only legs are margined: T(n) = (1 − n/64)·T, and the cost is x·n/64·MM. So
/// n = ⌈64 · (T − E) / (T − x·MM)⌉, which is tried first; collateral that the legs hedge, and lots that do not divide, move it by what a
/// search over the 64 parts then finds. At most max(20 %, 1 − E/MM) goes at once; of a portfolio under $1000 as
/// much as it needs. No parts when
/// E ≥ T, without equity (its resolution comes next), or when no slice would help and keep the post-conditions of [`check_slice`].
///
/// Errors: those of [`portfolio`].
pub fn size_portfolio_slice(view: &PortfolioView, elapsed: Secs, params: &LiquidationParams) -> RiskResult<PortfolioSlice> {
    let before = view.health()?;
    let shortfall = before.shortfall()?;
    if !shortfall.is_positive() || !before.equity.is_positive() {
        return Ok(PortfolioSlice::default());
    }
    let value = view.value()?;
    let alone = view.scaled(0, false)?;
    let own = alone.mm;
    let rate = slice_cost(value, own, elapsed)?;
    let limit = if view.gross(&before)? < params.whole_leg { PARTS } else { share_parts(&before, params)? };
    let guess = first_guess(&before, own, rate)?.min(limit);
    let outlook = |parts: u8| -> RiskResult<(Quote, Quote)> {
        let after = view.health_after(parts, Quote::ZERO)?;
        let cost = cost_of(&before, &after, own, rate, parts)?;
        Ok((cost, after.shortfall()?.add(cost)?))
    };
    let raises = |parts: u8| -> RiskResult<bool> { Ok(view.health_after(parts, Quote::ZERO)?.mm > before.mm) };
    // The least part that cures: between what does not and what does, starting at the guess.
    let (mut short, mut enough) = (0, limit);
    let mut next = guess.max(1);
    let (mut cost, mut left) = outlook(limit)?;
    if limit < PARTS && (left.add(ROUNDING)? >= shortfall || raises(limit)?) {
        // A few large lots do not divide so far: then as much as it needs goes.
        enough = PARTS;
        (cost, left) = outlook(PARTS)?;
    }
    while !left.is_positive() && enough.saturating_sub(short) > 1 {
        let middle = next.clamp(short.saturating_add(1), enough.saturating_sub(1));
        let (middle_cost, middle_left) = outlook(middle)?;
        if middle_left.is_positive() {
            short = middle;
            next = middle.saturating_add(1);
        } else {
            (enough, cost, left) = (middle, middle_cost, middle_left);
            next = middle.saturating_sub(1);
        }
    }
    // A few large lots, each rounded by itself, can leave a hedge open; with more of them gone it closes.
    while enough < PARTS && !left.is_positive() && raises(enough)? {
        enough = enough.saturating_add(1);
        (cost, left) = outlook(enough)?;
    }
    // Legs that hedge collateral are no help either: the collateral is to be sold first (RULES 1.3).
    if left >= shortfall || raises(enough)? {
        return Ok(PortfolioSlice::default());
    }
    let value = sliced_value(view, enough)?;
    let part = before.target.max(alone.target).mul_div(1, PARTS.into(), Round::Ceil)?;
    let tolerance = part.add(view.one_lot_each()?)?.add(ROUNDING)?;
    // Nor is a slice that cures by far too much, where every smaller one raises MM.
    if left.neg()? > tolerance {
        return Ok(PortfolioSlice::default());
    }
    Ok(PortfolioSlice { parts: enough, price: value.sub(cost)?, cost, value, tolerance })
}

/// ⌈64 · max(20 %, 1 − E/MM)⌉.
fn share_parts(health: &Health, params: &LiquidationParams) -> RiskResult<u8> {
    let kept = if health.equity >= health.mm { Ratio::ONE } else { health.equity.ratio_to(health.mm, Round::Floor)? };
    let share = params.slice_share.max(Ratio::ONE.sub(kept)?);
    parts_of(mul_div(share.raw(), PARTS.into(), 1 << RATIO_BITS, Round::Ceil)?)
}

/// ⌈64 · (T − E) / (T − x·MM)⌉ within 1 ..= 64.
fn first_guess(health: &Health, own: Quote, rate: Ratio) -> RiskResult<u8> {
    let relief = health.target.sub(own.scale(rate, Round::Ceil)?)?;
    if !relief.is_positive() {
        return Ok(PARTS);
    }
    parts_of(health.shortfall()?.min(relief).mul_div(PARTS.into(), relief.raw(), Round::Ceil)?.raw())
}

fn parts_of(parts: i64) -> RiskResult<u8> {
    u8::try_from(parts.clamp(1, PARTS.into())).map_err(|_| RiskError::Overflow)
}

/// x · MM(slice), at most E · ΔMM / MM: the highest cost that does not lower E/MM (RULES 5.2), which never makes E negative.
fn cost_of(before: &Health, after: &Health, own: Quote, rate: Ratio, parts: u8) -> RiskResult<Quote> {
    let nominal = own.mul_div(parts.into(), PARTS.into(), Round::Floor)?.scale(rate, Round::Floor)?;
    let relief = before.mm.sub(after.mm)?.positive_part();
    let backing = before.equity.min(before.mm).positive_part();
    let cap = if relief.is_zero() { Quote::ZERO } else { backing.mul_div(relief.raw(), before.mm.raw(), Round::Floor)? };
    // What the legs' values lose by rounding must not be what lowers the ratio.
    Ok(nominal.min(cap.sub(ROUNDING)?.positive_part()))
}

/// Mark value of `parts` of every leg, each perp with the same share of its balance as of its lots.
fn sliced_value(view: &PortfolioView, parts: u8) -> RiskResult<Quote> {
    let mut sum = Quote::ZERO;
    for (terms, leg) in view.legs {
        let gone = part_of(leg.lots, parts)?;
        sum = sum.add(gone.at(terms.mark())?)?.add(part_of_balance(leg, gone)?)?;
    }
    for leg in view.book.legs {
        let unit = view.book.units_mm.get(usize::from(leg.series)).ok_or(RiskError::QuantityOutOfRange)?;
        sum = sum.add(unit.value_of(part_of(leg.lots, parts)?)?)?;
    }
    Ok(sum)
}

/// The share of a perp's balance that goes with `gone` of its lots, rounded down. Errors: [`RiskError::Overflow`].
pub fn part_of_balance(leg: &LegInput, gone: Lots) -> RiskResult<Quote> {
    if leg.lots.is_zero() {
        return Ok(Quote::ZERO);
    }
    leg.quote.mul_div(gone.abs()?.raw(), leg.lots.abs()?.raw(), Round::Floor)
}

/// Which post-condition of a slice of every leg was broken (RULES 6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SliceViolation {
    /// T − E did not fall.
    ShortfallNotDown,
    /// The requirement rose.
    ScanUp,
    /// The slice cured the account by more than one part and a lot of each leg.
    Overshoot,
    /// The cost took more than the equity.
    EquityNegative,
    /// E/MM fell.
    RatioFalls,
}

/// Whether `slice` leaves the account as RULES 5.2 and 6.3 demand, on healths computed afresh.
///
/// That no leg grows or changes its sign is [`part_of`]'s doing. The outer error is [`RiskError::Overflow`].
pub fn check_slice(before: &Health, after: &Health, slice: &PortfolioSlice) -> RiskResult<Result<(), SliceViolation>> {
    let lenient = Health { equity: after.equity.add(Quote::new(1))?, ..*after };
    let violation = if after.equity.is_negative() {
        SliceViolation::EquityNegative
    } else if after.mm > before.mm {
        SliceViolation::ScanUp
    } else if after.shortfall()? >= before.shortfall()? {
        SliceViolation::ShortfallNotDown
    } else if after.shortfall()?.neg()? > slice.tolerance {
        SliceViolation::Overshoot
    } else if !crate::margin::ratio_not_lower(before, &lenient) {
        SliceViolation::RatioFalls
    } else {
        return Ok(Ok(()));
    };
    Ok(Err(violation))
}
