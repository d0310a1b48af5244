//! The health of an account: all measures of all legs.

use super::kernel::{leg, magnitude, Bare, Bounded, Exact, LegHealth, LegInput, MAX_DELTA, MAX_EDGE, MAX_ORDER_VALUE, MAX_QUOTE};
use super::terms::MarketTerms;
use crate::error::{RiskError, RiskResult};
use crate::units::{Quote, MAX_NOTIONAL, RATIO_BITS};

/// Most distinct markets in one account (DESIGN 3).
pub const MAX_LEGS: usize = 8;

/// Most cash of one account, 2⁵⁹ atoms: 576 billion USDC.
pub const MAX_CASH: i64 = 1 << 59;

/// Largest contribution of a leg to an equity, edges left out: unsettled value and collateral.
const MAX_WORTH: i64 = MAX_QUOTE + 2 * MAX_NOTIONAL;
/// Largest edge of a leg.
const MAX_EDGE_VALUE: i64 = (MAX_DELTA >> RATIO_BITS) * MAX_EDGE.raw();
/// Largest requirement of a leg: its scan, what its orders lose at once, and its add-on; the target's share of notional is below the second.
const MAX_REQUIREMENT: i64 = 2 * MAX_DELTA + MAX_ORDER_VALUE;
const LEGS: i64 = 8;
const _: () = assert!(MAX_LEGS == 8);

// The sums over legs do not wrap: equity with all its edges on one side, and requirements.
const _: () = assert!(matches!((MAX_WORTH + MAX_EDGE_VALUE).checked_mul(LEGS), Some(sum) if sum.checked_add(MAX_CASH).is_some()));
const _: () = assert!(MAX_REQUIREMENT.checked_mul(LEGS).is_some());

/// Equity, the three measures and the split by leg. Always IM ≥ T ≥ MM ≥ 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// E: cash + collateral at maintenance weight + Σ unsettled at the marks; a leg whose feed has been stale for more than 10 minutes
    /// at the adverse end of its range (RULES 2.5).
    pub equity: Quote,
    /// E_im: claims at their weight, collateral at initial weight, less the adverse edge of each market.
    pub equity_im: Quote,
    /// E as the liquidation trigger sees it: with the favourable edge of each market. Never below E.
    pub equity_trigger: Quote,
    /// Initial margin IM.
    pub im: Quote,
    /// Exit target T.
    pub target: Quote,
    /// Maintenance margin MM.
    pub mm: Quote,
    /// Σ |perp notional| at the marks, and the forward value of net short options.
    pub gross_notional: Quote,
    /// Option value that survives the worst scenario: counts as equity but not toward a withdrawal (RULES 1.6).
    pub locked: Quote,
    /// Whether any market has options, so that one leg cannot be exchanged by itself.
    pub has_options: bool,
    /// Contributions in the order of the input; the first `leg_count` entries are set.
    pub legs: [LegHealth; MAX_LEGS],
    /// Number of legs.
    pub leg_count: usize,
}

impl Health {
    /// The legs that were given.
    pub fn legs(&self) -> &[LegHealth] {
        self.legs.get(..self.leg_count).unwrap_or(&self.legs)
    }

    /// E_im ≥ IM: the account may raise risk, may withdraw down to the floors of RULES 1.6.
    pub fn is_initial(&self) -> bool {
        self.equity_im >= self.im
    }

    /// What is missing to the exit target, T − E; negative when there is a surplus. Errors: [`RiskError::Overflow`].
    pub fn shortfall(&self) -> RiskResult<Quote> {
        self.target.sub(self.equity)
    }

    /// This health after the leg at `index` and the cash have changed while every other leg stands: what [`health`] says of the whole
    /// account without options, groups and depeg, for the price of one leg. `was` and `is` are cash and leg before and after.
    ///
    /// Errors: as [`health`]; [`RiskError::WrongState`] for an index without a leg and for an account with options.
    #[inline(never)]
    pub fn with_leg(&self, index: usize, terms: &MarketTerms, was: (Quote, &LegInput), is: (Quote, &LegInput)) -> RiskResult<Self> {
        if !(0..=MAX_CASH).contains(&is.0.raw()) {
            return Err(RiskError::QuantityOutOfRange);
        }
        if self.has_options {
            return Err(RiskError::WrongState);
        }
        let mut total = *self;
        let slot = total.legs.get_mut(index).filter(|_| index < self.leg_count).ok_or(RiskError::WrongState)?;
        let (old, new) = (*slot, leg::<Bare>(Bounded::new(terms, is.1)?));
        *slot = new;
        if !(0..=MAX_CASH).contains(&was.0.raw()) {
            return Err(RiskError::QuantityOutOfRange);
        }
        total.exchange::<Bare>((was.1, &old), (is.1, &new));
        for sum in [&mut total.equity, &mut total.equity_im, &mut total.equity_trigger] {
            *sum = sum.sub(was.0)?.add(is.0)?;
        }
        // Not exchanged: what is stored is the larger of this sum and the target.
        let requirement = |leg: &LegHealth| Bare::add(leg.scan_im.raw(), leg.add_on_im.raw());
        total.im = Quote::new(total.legs().iter().map(requirement).fold(0, Bare::add)).max(total.target);
        Ok(total)
    }

    fn include<A: Exact>(&mut self, input: &LegInput, leg: &LegHealth) -> RiskResult<()> {
        let Some(slot) = self.legs.get_mut(self.leg_count) else {
            return Err(RiskError::QuantityOutOfRange);
        };
        *slot = *leg;
        self.leg_count = self.leg_count.wrapping_add(1);
        self.add::<A>(&Part::new::<A>(input, leg));
        self.im = Quote::new(A::add(A::add(self.im.raw(), leg.scan_im.raw()), leg.add_on_im.raw()));
        Ok(())
    }

    /// Puts one leg's part in the place of another's, but for initial margin.
    fn exchange<A: Exact>(&mut self, was: (&LegInput, &LegHealth), is: (&LegInput, &LegHealth)) {
        let (was, is) = (Part::new::<A>(was.0, was.1), Part::new::<A>(is.0, is.1));
        self.add::<A>(&is.less::<A>(&was));
    }

    #[inline(always)]
    fn add<A: Exact>(&mut self, part: &Part) {
        let add = |sum: Quote, part: i64| Quote::new(A::add(sum.raw(), part));
        self.equity = add(self.equity, part.equity);
        self.equity_im = add(self.equity_im, part.equity_im);
        self.equity_trigger = add(self.equity_trigger, part.equity_trigger);
        self.target = add(self.target, part.target);
        self.mm = add(self.mm, part.mm);
        self.gross_notional = add(self.gross_notional, part.gross_notional);
    }
}

/// What one leg adds to the sums of a health; within the bounds asserted above.
struct Part {
    equity: i64,
    equity_im: i64,
    equity_trigger: i64,
    target: i64,
    mm: i64,
    gross_notional: i64,
}

impl Part {
    #[inline(always)]
    fn new<A: Exact>(input: &LegInput, leg: &LegHealth) -> Self {
        let worth = A::add(leg.unsettled.raw(), input.collateral_mm.raw());
        let edge = leg.edge_trigger.raw();
        Self {
            equity: A::add(worth, edge.min(0)),
            equity_im: A::sub(A::add(leg.unsettled_im.raw(), input.collateral_im.raw()), leg.edge_im.raw()),
            equity_trigger: A::add(worth, edge),
            target: leg.target.raw(),
            mm: A::add(leg.scan_mm.raw(), leg.add_on_mm.raw()),
            gross_notional: magnitude::<A>(leg.notional.raw()),
        }
    }

    #[inline(always)]
    fn less<A: Exact>(&self, other: &Self) -> Self {
        Self {
            equity: A::sub(self.equity, other.equity),
            equity_im: A::sub(self.equity_im, other.equity_im),
            equity_trigger: A::sub(self.equity_trigger, other.equity_trigger),
            target: A::sub(self.target, other.target),
            mm: A::sub(self.mm, other.mm),
            gross_notional: A::sub(self.gross_notional, other.gross_notional),
        }
    }
}

/// Health of an account with `cash` (≥ 0) and one leg per market; the same market must not be given twice.
///
/// Requirements and adverse edges are rounded up, claims and the favourable edge down. The order of legs changes nothing but the order
/// of [`Health::legs`].
///
/// Errors: [`RiskError::QuantityOutOfRange`] for lots, for more than [`MAX_LEGS`] legs, for negative cash and
/// cash above [`MAX_CASH`],
/// [`RiskError::NotionalOutOfRange`] for values, [`RiskError::Overflow`].
pub fn health<'a, I>(cash: Quote, legs: I) -> RiskResult<Health>
where
    I: IntoIterator<Item = (&'a MarketTerms, &'a LegInput)>,
{
    sum::<Bare, I>(cash, legs)
}

/// [`health`] in either arithmetic.
#[inline(always)]
pub(super) fn sum<'a, A: Exact, I>(cash: Quote, legs: I) -> RiskResult<Health>
where
    I: IntoIterator<Item = (&'a MarketTerms, &'a LegInput)>,
{
    if !(0..=MAX_CASH).contains(&cash.raw()) {
        return Err(RiskError::QuantityOutOfRange);
    }
    let mut total = Health { equity: cash, equity_im: cash, equity_trigger: cash, ..Health::default() };
    for (terms, input) in legs {
        total.include::<A>(input, &leg::<A>(Bounded::new(terms, input)?))?;
    }
    total.im = total.im.max(total.target);
    Ok(total)
}
