//! Who is deleveraged, and by how much (RULES 7.2): water-filling over factor leverage.
//!
//! A candidate's score is its net exposure to the common factor, in the direction of its position, over its equity. Of the exposure X and the
//! equity E at registration, cutting q lots at price P leaves the leverage (X − q·P)/E. The cuts are those that minimise the largest leverage
//! left: q = clamp((X − λ·E)/P, 0, cap) with one level λ for all (arXiv 2603.15963). No candidate is cut below zero exposure, so that a hedge
//! stays whole, nor by more than half of its position in one round. The result depends on who the candidates are and not on their order, and
//! splitting an account does not change what its parts lose.
//!
//! The factor is the sum over all markets at weight one: collateral and positions that are priced by other markets offset a position as they
//! do for a book that is hedged across majors.

use crate::book::Key;
use crate::error::{RiskError, RiskResult};
use crate::margin::Health;
use crate::units::{div, mul_div, Lots, Price, Quote, Ratio, Round, MAX_LOTS, RATIO_BITS};
use bytemuck::{Pod, Zeroable};
use core::cmp::Ordering;
use core::mem::size_of;

/// Most candidates of a round.
pub const CANDIDATES: usize = 32;
/// A candidate holds at least this part of the round's lots. [Dust accounts must not fill the list.]
pub const CANDIDATE_PART: i64 = 64;
/// Leverage beyond 2¹² counts as that.
const LEVERAGE_BITS: u32 = 12;
/// Half-width in which the level is sought around its exact value, Q30: far below a lot.
const NEAR: i64 = 4;

/// An account of the side that gains, as it stood when it was registered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct Candidate {
    /// Its margin account.
    pub account: Key,
    /// Net factor exposure in the direction of its position, atoms; zero or less for a hedge.
    pub exposure: i64,
    /// Equity, atoms > 0.
    pub equity: i64,
    /// Lots of its position, magnitude.
    pub lots: i64,
    /// Lots it is to lose; written by [`water_fill`].
    pub cut: i64,
}

const _: () = assert!(size_of::<Candidate>() == 64);

impl Candidate {
    /// The candidate that an account with this health and `lots` (signed, ≠ 0) in the round's market is.
    ///
    /// Errors: [`RiskError::QuantityOutOfRange`] without lots; [`RiskError::WrongState`] without equity: such an account is liquidated, not
    /// deleveraged; [`RiskError::Overflow`].
    pub fn new(account: Key, lots: Lots, health: &Health) -> RiskResult<Self> {
        if lots.is_zero() || lots.abs()?.raw() > MAX_LOTS {
            return Err(RiskError::QuantityOutOfRange);
        }
        if !health.equity.is_positive() {
            return Err(RiskError::WrongState);
        }
        let net = health.legs().iter().try_fold(Quote::ZERO, |sum, leg| sum.add(leg.delta))?;
        let exposure = if lots.is_negative() { net.neg()? } else { net };
        Ok(Self { account, exposure: exposure.raw(), equity: health.equity.raw(), lots: lots.abs()?.raw(), cut: 0 })
    }

    /// Higher leverage first; equal ones by key, so that no caller decides.
    pub fn rank(&self, other: &Self) -> Ordering {
        let product = |exposure: i64, basis: i64| i128::from(exposure).wrapping_mul(i128::from(basis));
        // Two 64-bit factors fit 127 bits, and both bases are positive.
        let by_leverage = product(other.exposure, self.basis()).cmp(&product(self.exposure, other.basis()));
        by_leverage.then_with(|| self.account.to_bytes().cmp(&other.account.to_bytes()))
    }

    /// Factor leverage, rounded down; zero for a hedge.
    pub fn leverage(&self) -> RiskResult<Ratio> {
        self.leverage_of(self.exposure, Round::Floor).map(Ratio::new)
    }

    /// Equity, or what counts as equity beyond the largest leverage: so that every level stays within 43 bits.
    fn basis(&self) -> i64 {
        self.equity.max((self.exposure >> LEVERAGE_BITS).saturating_add(1))
    }

    /// exposure / basis in Q30, not negative.
    fn leverage_of(&self, exposure: i64, round: Round) -> RiskResult<i64> {
        mul_div(exposure.max(0), 1 << RATIO_BITS, self.basis(), round)
    }

    /// Most lots it may lose in one round: half of its position, and none beyond its net exposure.
    fn cap(&self, price: Price) -> RiskResult<i64> {
        let half = div(self.lots, 2, Round::Ceil)?;
        Ok(half.min(div(self.exposure.max(0), price.raw(), Round::Floor)?))
    }

    /// (X − λ·E)/P within 0 ..= cap.
    fn at_level(&self, level: i64, price: Price, cap: i64, round: Round) -> RiskResult<i64> {
        // 2⁶⁰ · 2⁴³ fits 127 bits.
        let kept = i128::from(self.basis()).wrapping_mul(i128::from(level)) >> RATIO_BITS;
        let excess = i64::try_from(i128::from(self.exposure).wrapping_sub(kept)).unwrap_or(0);
        if excess <= 0 {
            return Ok(0);
        }
        Ok(div(excess, price.raw(), round)?.min(cap))
    }
}

/// The candidates as a function of the level.
struct Filled<'a> {
    candidates: &'a [Candidate],
    price: Price,
}

impl Filled<'_> {
    fn total(&self, level: i64, round: Round) -> RiskResult<i64> {
        self.candidates.iter().try_fold(0_i64, |sum, candidate| {
            let cut = candidate.at_level(level, self.price, candidate.cap(self.price)?, round)?;
            sum.checked_add(cut).ok_or(RiskError::Overflow)
        })
    }

    /// Levels between which the total passes `lots`: at the upper one it is at most, at the lower one at least that.
    fn levels(&self, lots: i64) -> RiskResult<(i64, i64)> {
        let mut marks = [0_i64; 2 * CANDIDATES];
        let mut places = marks.chunks_exact_mut(2);
        for candidate in self.candidates {
            let most = Lots::new(candidate.cap(self.price)?).at(self.price)?;
            let kept = Quote::new(candidate.exposure).sub(most)?.raw();
            if let Some([full, first]) = places.next() {
                *full = candidate.leverage_of(kept, Round::Floor)?;
                *first = candidate.leverage_of(candidate.exposure, Round::Ceil)?;
            }
        }
        marks.sort_unstable();
        // The first mark at which no more than `lots` is cut; all zero marks cut at least as much as the caller found to be too much.
        let (mut low, mut high) = (0, marks.len().saturating_sub(1));
        while low < high {
            let middle = low.midpoint(high);
            let at = marks.get(middle).copied().ok_or(RiskError::Overflow)?;
            if self.total(at, Round::Floor)? <= lots {
                high = middle;
            } else {
                low = middle.saturating_add(1);
            }
        }
        let upper = marks.get(low).copied().ok_or(RiskError::Overflow)?;
        let lower = low.checked_sub(1).and_then(|before| marks.get(before)).copied().unwrap_or(0);
        self.narrow(lots, lower, upper)
    }

    /// Between two neighbouring marks the total is linear in the level: solves for it.
    fn narrow(&self, lots: i64, lower: i64, upper: i64) -> RiskResult<(i64, i64)> {
        let (mut exposure, mut basis, mut fixed) = (0_i128, 0_i128, 0_i128);
        for candidate in self.candidates {
            let cap = candidate.cap(self.price)?;
            let most = candidate.at_level(lower, self.price, cap, Round::Ceil)?;
            let least = candidate.at_level(upper, self.price, cap, Round::Floor)?;
            if least == most {
                fixed = fixed.saturating_add(i128::from(least));
            } else {
                exposure = exposure.saturating_add(candidate.exposure.into());
                basis = basis.saturating_add(candidate.basis().into());
            }
        }
        let need = i128::from(lots).saturating_sub(fixed).saturating_mul(self.price.raw().into());
        let solved = exposure.saturating_sub(need).checked_mul(1 << RATIO_BITS).and_then(|scaled| scaled.checked_div_euclid(basis));
        let Some(level) = solved.and_then(|level| i64::try_from(level).ok()) else {
            return Ok((lower, upper));
        };
        let (near_low, near_high) = (level.saturating_sub(NEAR).max(lower), level.saturating_add(NEAR).min(upper));
        let is_low = self.total(near_low, Round::Ceil)? >= lots;
        let is_high = self.total(near_high, Round::Floor)? <= lots;
        Ok((if is_low { near_low } else { lower }, if is_high { near_high } else { upper }))
    }
}

/// Sets every candidate's cut so that together they take min(`lots`, Σ caps): the most levered first, down to one level. Sorts them by rank.
///
/// Returns the lots cut; what is left goes to the side index. Errors: [`RiskError::QuantityOutOfRange`] for a negative count, more than
/// [`CANDIDATES`] or a candidate without lots or equity; [`RiskError::PriceOutOfRange`]; [`RiskError::Overflow`].
pub fn water_fill(lots: Lots, price: Price, candidates: &mut [Candidate]) -> RiskResult<Lots> {
    Price::checked(price.raw())?;
    let is_valid = |candidate: &Candidate| candidate.equity > 0 && (1..=MAX_LOTS).contains(&candidate.lots);
    if lots.is_negative() || candidates.len() > CANDIDATES || !candidates.iter().all(is_valid) {
        return Err(RiskError::QuantityOutOfRange);
    }
    candidates.sort_unstable_by(Candidate::rank);
    let filled = Filled { candidates, price };
    let all = filled.total(0, Round::Floor)?;
    let (lower, upper) = if all <= lots.raw() { (0, 0) } else { filled.levels(lots.raw())? };
    let total = lots.raw().min(all);
    let mut left = total.checked_sub(filled.total(upper, Round::Floor)?).ok_or(RiskError::Overflow)?;
    for candidate in candidates.iter_mut() {
        let cap = candidate.cap(price)?;
        let least = candidate.at_level(upper, price, cap, Round::Floor)?;
        let most = candidate.at_level(lower, price, cap, Round::Ceil)?;
        // Less than two lots each: what rounding the level leaves over, to the most levered first.
        let more = most.checked_sub(least).ok_or(RiskError::Overflow)?.min(left).max(0);
        left = left.checked_sub(more).ok_or(RiskError::Overflow)?;
        candidate.cut = least.checked_add(more).ok_or(RiskError::Overflow)?;
    }
    Ok(Lots::new(total))
}
