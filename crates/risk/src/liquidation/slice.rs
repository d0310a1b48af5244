//! How much of a leg goes at once, and when (RULES 6.3).

use super::params::LiquidationParams;
use super::penalty::LegView;
use super::state::{AccountState, LiquidationState};
use crate::error::RiskResult;
use crate::margin::Health;
use crate::units::{mul_div, Lots, Quote, Ratio, Round, Secs, RATIO_BITS};

/// Atoms by which rounding can make one step relieve less than the formula says: scan and target round up twice, the penalty once.
pub(super) const ROUNDING: Quote = Quote::new(4);

/// Sizes of a slice of one leg, all ≥ 0 and at most the position.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SliceSize {
    /// What may go now: the smallest of the others.
    pub lots: Lots,
    /// The slice of RULES 6.3: max(20 %, 1 − E/MM) of the leg, or all of it.
    pub quota: Lots,
    /// What brings the account to E ≥ T; at most one lot too many.
    pub needed: Lots,
    /// Whether the leg is small enough to go at once.
    pub is_whole_leg: bool,
}

/// Sizes a slice: in closed form where markets add up.
///
/// Closing q lots at mark P lowers MM by c·q·P and T by (c + t)·q·P and costs at most p·q·P (c = MM share, t = target share, p = penalty
/// rate), as long as it lowers the market's net delta. So q = ⌈(T − E) / ((c + t − p)·P)⌉, never past the point where the net delta is
/// zero: a leg that hedges collateral is not reduced, because that would raise the scan. Where markets are bound together, or the size
/// add-on takes part, T − E is piecewise linear in q: [`super::slice_search`] looks for its root, and a leg whose closing raises MM is left
/// alone. Zero when there is no shortfall, no equity (E ≤ 0 ends the book and the take-over, RULES 6.1), no fresh price, options in the
/// account (then a slice of every leg is the way, RULES 6.2), or nothing to gain in this leg.
///
/// Errors: [`crate::RiskError::Overflow`] and the range errors of [`crate::margin::health`].
pub fn size_slice(view: &LegView, params: &LiquidationParams) -> RiskResult<SliceSize> {
    let shortfall = view.health.shortfall()?;
    let position = view.leg.lots.abs()?;
    let is_sound = view.health.equity.is_positive() && !view.terms.is_stale() && !view.health.has_options;
    if !shortfall.is_positive() || !is_sound || position.is_zero() {
        return Ok(SliceSize::default());
    }
    let is_whole_leg = position.at(view.terms.mark())? < params.whole_leg;
    let useful = useful_lots(view, position)?;
    let is_additive = view.cross.is_none() && !view.terms.has_size_add_on(view.leg.lots)?;
    let useful = if is_additive { useful } else { super::slice_search::limit(view, useful)? };
    let quota = if is_whole_leg { useful } else { share_of(position, view.health, params)?.min(useful) };
    let needed = if is_additive { needed(view, useful)? } else { super::slice_search::needed(view, quota, useful, params)? };
    let lots = quota.min(needed);
    let lots = if lots < position && !outweighs_rounding(view, lots, is_additive, params)? { Lots::ZERO } else { lots };
    Ok(SliceSize { lots, quota, needed, is_whole_leg })
}

/// What brings the account to E ≥ T where a lot relieves the same at every size.
fn needed(view: &LegView, useful: Lots) -> RiskResult<Lots> {
    let relief = relief_rate(view)?;
    if relief <= 0 {
        return Ok(useful);
    }
    let short = view.health.shortfall()?.add(ROUNDING)?;
    Ok(Lots::new(mul_div(short.raw(), 1 << RATIO_BITS, relief, Round::Ceil)?).min(useful))
}

/// Q30 atoms by which a lot taken lowers T − E where it relieves the same at every size.
fn relief_rate(view: &LegView) -> RiskResult<i64> {
    let rate = view.capped_rate(view.leg.lots.abs()?, Round::Ceil)?;
    let rate = view.terms.mm_share().add(view.terms.target_share())?.sub(rate)?;
    // Two ratios of at most 1.0 times a price of at most 2³⁰.
    Ok(rate.raw().wrapping_mul(view.terms.mark().raw()))
}

/// Too few lots to outweigh rounding would be a step without progress; a leg that goes entirely always makes some.
fn outweighs_rounding(view: &LegView, lots: Lots, is_additive: bool, params: &LiquidationParams) -> RiskResult<bool> {
    if !lots.is_positive() {
        return Ok(false);
    }
    let gain = if is_additive {
        Quote::new(relief_rate(view)?).mul_div(lots.raw(), 1 << RATIO_BITS, Round::Floor)?
    } else {
        view.health.shortfall()?.sub(super::slice_search::shortfall_after(view, lots, params)?)?
    };
    Ok(gain >= ROUNDING)
}

/// Lots that can go before the market's net delta changes its sign.
pub(super) fn useful_lots(view: &LegView, position: Lots) -> RiskResult<Lots> {
    let delta = view.leg.lots.at(view.terms.mark())?.add(view.leg.collateral_mm)?;
    if view.leg.lots.is_positive() {
        // Collateral only adds to a long.
        return Ok(position);
    }
    let net_short = delta.neg()?.positive_part();
    Ok(Lots::new(crate::units::div(net_short.raw(), view.terms.mark().raw(), Round::Floor)?).min(position))
}

/// max(20 %, 1 − E/MM) of the position, rounded up.
fn share_of(position: Lots, health: &Health, params: &LiquidationParams) -> RiskResult<Lots> {
    let missing = Ratio::ONE.sub(equity_share(health)?)?;
    let share = params.slice_share.max(missing);
    mul_div(position.raw(), share.raw(), 1 << RATIO_BITS, Round::Ceil).map(Lots::new)
}

/// E/MM within 0 ..= 1, rounded down; 1 without a requirement.
fn equity_share(health: &Health) -> RiskResult<Ratio> {
    if health.equity >= health.mm {
        return Ok(Ratio::ONE);
    }
    health.equity.positive_part().ratio_to(health.mm, Round::Floor)
}

/// Pause between two slices of a leg: 30 s × E/MM, at most 30 s, rounded down (RULES 6.3). Errors: [`crate::RiskError::Overflow`].
pub fn pause(health: &Health, params: &LiquidationParams) -> RiskResult<Secs> {
    mul_div(params.slice_pause.raw(), equity_share(health)?.raw(), 1 << RATIO_BITS, Round::Floor).map(Secs::new)
}

/// Whether a take-over may happen: the book could not fill the slice at the take-over price, or 10 s have passed since the flag.
///
/// Errors: [`crate::RiskError::WrongState`], [`crate::RiskError::Overflow`].
pub fn takeover_is_open(state: &LiquidationState, is_book_exhausted: bool, now: Secs, params: &LiquidationParams) -> RiskResult<bool> {
    let is_liquidating = state.state()? == AccountState::Liquidating;
    Ok(is_liquidating && (is_book_exhausted || state.elapsed(now)? >= params.takeover_delay))
}
