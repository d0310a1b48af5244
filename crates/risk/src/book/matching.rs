//! A taker against one side of a book (RULES 5.3).
//!
//! [`match_against`] only reads the book: it walks the resting orders best first, decides about each in a fixed order of questions, and
//! records what has to happen; [`super::BookSide::apply`] then does it. A preview is the same call without the second.
//!
//! | an order that … | is … |
//! | --- | --- |
//! | has expired | dropped, whoever owns it |
//! | stands where no fill may happen (RULES 5.1) | dropped: it would block the side and is only there because the oracle moved past it |
//! | is the taker's own | dropped, never filled |
//! | belongs to an account not passed, younger than [`SKIP_AGE`] | left in place and passed over: nobody can have known it |
//! | belongs to an account not passed, older | the end of the match: the taker must pass that account |
//! | was cancelled by its owner's cancel-all | dropped |
//! | is refused by [`Makers::admit`] | dropped |
//! | is left | filled, at its own price |

use super::band::PriceBand;
use super::{Key, Order, Side};
use crate::error::{RiskError, RiskResult};
use crate::units::{Lots, Price, Secs, MAX_LOTS};

/// Most fills in one match.
pub const MAX_FILLS: usize = 8;
/// Most orders filled or dropped in one match.
pub const MAX_STEPS: usize = 16;
/// Most orders looked at in one match, those passed over included.
pub const MAX_VISITS: usize = 32;
/// An order of an account that was not passed is passed over while younger than this.
pub const SKIP_AGE: i64 = 2;

/// What may become of a taker's order that is not filled at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderKind {
    /// The rest goes on the book.
    Limit,
    /// The rest lapses.
    ImmediateOrCancel,
    /// Refused if any of it would trade.
    PostOnly,
}

/// The order that comes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Taker {
    /// Its margin account.
    pub owner: Key,
    /// The account's cancel-all generation.
    pub generation: u32,
    /// Which way it trades.
    pub side: Side,
    /// What becomes of the rest.
    pub kind: OrderKind,
    /// Worst price it accepts.
    pub limit: Price,
    /// Size; the caller has bounded it already for a reduce-only order.
    pub lots: Lots,
    /// Prices allowed now.
    pub band: PriceBand,
    /// The chain's clock.
    pub now: Secs,
    /// Most fills, at most [`MAX_FILLS`].
    pub max_fills: usize,
}

/// A passed account that owns a resting order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Maker {
    /// Its number among the passed accounts.
    pub index: u8,
    /// Its cancel-all generation.
    pub generation: u32,
}

/// Whether and how far a maker's order may fill.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// Up to this many lots; if fewer than asked, the rest of the order is dropped.
    Fill(Lots),
    /// Not at all: the order is dropped.
    Refuse,
}

/// The accounts passed with a match.
pub trait Makers {
    /// The account with this key, if it was passed. The taker's own is not looked up.
    fn find(&self, owner: &Key) -> Option<Maker>;

    /// Decides about filling `lots` of `order` at its price: healthy and covered by the margin reserved with it, or reducing.
    ///
    /// Exactly the admitted lots, at most `lots`, are then filled, so an implementation applies the fill to its view of the account here:
    /// the next order of the same maker must see it. An error ends the match with nothing changed on the book.
    fn admit(&mut self, maker: Maker, order: &Order, lots: Lots) -> RiskResult<Admission>;
}

/// Whose order a step was about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Party {
    /// The taker's own.
    Taker,
    /// That of the passed account with this number.
    Maker(u8),
    /// That of an account not passed: its slot will be found dead.
    #[default]
    Absent,
}

/// What happened to a resting order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StepKind {
    /// Filled; [`Step::left`] lots still rest.
    #[default]
    Filled,
    /// Filled as far as admitted, the rest dropped.
    Trimmed,
    /// Dropped: void by time.
    Expired,
    /// Dropped: its owner had cancelled all.
    CancelledAll,
    /// Dropped: the taker's own.
    SelfTrade,
    /// Dropped: not admitted.
    Refused,
    /// Dropped: at a price where no fill may happen.
    OutOfBand,
}

/// One resting order filled or dropped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Step {
    /// The order's id.
    pub id: u64,
    /// The order's price, at which it filled.
    pub price: Price,
    /// Lots filled; zero when dropped.
    pub filled: Lots,
    /// Lots still resting; zero = the order is off the book.
    pub left: Lots,
    /// Whose order it was.
    pub party: Party,
    /// What happened.
    pub kind: StepKind,
}

/// Why a match ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// The taker is filled.
    Filled,
    /// No order is left at an allowed price within the taker's limit.
    NothingLeft,
    /// The next order belongs to this account, which was not passed: retry with it.
    MissingMaker(Key),
    /// The next order would be one fill too many.
    FillLimit,
    /// [`MAX_STEPS`] or [`MAX_VISITS`] is reached.
    StepLimit,
}

/// What a match found, and [`super::BookSide::apply`] will do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MatchOutcome {
    steps: [Step; MAX_STEPS],
    step_count: usize,
    /// Orders looked at, from the best.
    pub(super) visited: usize,
    /// Bit i: the i-th order from the best stays.
    kept: u32,
    /// What the last visited order keeps after a partial fill.
    pub(super) partial: Option<u32>,
    /// Why it ended.
    pub stop: Stop,
    /// Lots the taker got.
    pub filled: Lots,
    /// Lots to put on the book now: the rest of a limit or post-only order, zero if it would cross an order that stayed or may not rest.
    pub rest: Lots,
}

const _: () = assert!(MAX_VISITS <= 32, "one bit a visit");

impl MatchOutcome {
    const fn new() -> Self {
        let none = Step { id: 0, price: Price::ZERO, filled: Lots::ZERO, left: Lots::ZERO, party: Party::Absent, kind: StepKind::Filled };
        Self {
            steps: [none; MAX_STEPS],
            step_count: 0,
            visited: 0,
            kept: 0,
            partial: None,
            stop: Stop::NothingLeft,
            filled: Lots::ZERO,
            rest: Lots::ZERO,
        }
    }

    /// What was filled and dropped, in sequence.
    pub fn steps(&self) -> &[Step] {
        self.steps.get(..self.step_count).unwrap_or(&[])
    }

    /// Whether the match passed over an order and left it in place.
    pub const fn has_skipped(&self) -> bool {
        match self.partial {
            // A partial fill is the last visit; only the bits before it are orders passed over.
            Some(_) => self.kept.count_ones() > 1,
            None => self.kept != 0,
        }
    }

    /// Whether the `visit`-th order from the best stays on the book.
    pub(super) const fn is_kept(&self, visit: usize) -> bool {
        visit < MAX_VISITS && (self.kept >> visit) & 1 == 1
    }

    fn is_exhausted(&self) -> bool {
        self.step_count >= MAX_STEPS || self.visited >= MAX_VISITS
    }

    /// Counts a visit; the order stays on the book.
    fn keep(&mut self) {
        // Every caller has asked `is_exhausted` first, so the shift is below 32.
        self.kept |= 1_u32.wrapping_shl(u32::try_from(self.visited).unwrap_or(0));
        self.visited = self.visited.wrapping_add(1);
    }

    /// Counts a visit and records what happened; the order stays if lots are left.
    fn record(&mut self, step: Step) -> RiskResult<()> {
        *self.steps.get_mut(self.step_count).ok_or(RiskError::WrongState)? = step;
        self.step_count = self.step_count.wrapping_add(1);
        if step.left.is_zero() {
            self.visited = self.visited.wrapping_add(1);
        } else {
            self.keep();
        }
        Ok(())
    }

    fn drop_order(&mut self, order: &Order, party: Party, kind: StepKind) -> RiskResult<()> {
        self.record(Step { id: order.id, price: order.limit(), filled: Lots::ZERO, left: Lots::ZERO, party, kind })
    }
}

/// What the questions of the module's table answer about one order.
enum Verdict {
    Drop(Party, StepKind),
    Skip,
    Stop(Stop),
    Fill(Maker),
}

/// Matches `taker` against the live orders of the opposite side. Reads only; see the module's table for what happens to which order.
///
/// Errors: [`RiskError::WouldCross`] for a post-only order that would trade, [`RiskError::PriceOutsideBand`] for an order beyond three bands
/// or a post-only order that may not rest, [`RiskError::QuantityOutOfRange`], [`RiskError::PriceOutOfRange`], and those of [`Makers::admit`].
pub fn match_against<M: Makers>(live: &[Order], taker: &Taker, makers: &mut M) -> RiskResult<MatchOutcome> {
    if !taker.lots.is_positive() || taker.lots.raw() > MAX_LOTS || taker.max_fills > MAX_FILLS {
        return Err(RiskError::QuantityOutOfRange);
    }
    taker.band.check_order(taker.limit)?;
    let may_rest = taker.band.may_rest(taker.side, taker.limit);
    if taker.kind == OrderKind::PostOnly && !may_rest {
        return Err(RiskError::PriceOutsideBand);
    }
    let mut outcome = MatchOutcome::new();
    outcome.stop = walk(live, taker, makers, &mut outcome)?;
    let crosses_none = outcome.stop == Stop::NothingLeft && !outcome.has_skipped();
    if taker.kind != OrderKind::ImmediateOrCancel && may_rest && crosses_none {
        outcome.rest = taker.lots.sub(outcome.filled)?;
    }
    Ok(outcome)
}

fn walk<M: Makers>(live: &[Order], taker: &Taker, makers: &mut M, outcome: &mut MatchOutcome) -> RiskResult<Stop> {
    let resting = taker.side.opposite();
    let limit = u32::try_from(taker.band.taker_limit(taker.side, taker.limit).raw()).map_err(|_| RiskError::PriceOutOfRange)?;
    let limit_rank = resting.rank(limit);
    let mut fills = 0_usize;
    for order in live.iter().rev() {
        if outcome.filled == taker.lots {
            return Ok(Stop::Filled);
        }
        if resting.rank(order.price) < limit_rank {
            return Ok(Stop::NothingLeft);
        }
        if outcome.is_exhausted() {
            return Ok(Stop::StepLimit);
        }
        let verdict = judge(order, taker, makers);
        if taker.kind == OrderKind::PostOnly && !matches!(verdict, Verdict::Drop(..)) {
            return Err(RiskError::WouldCross);
        }
        match verdict {
            Verdict::Drop(party, kind) => outcome.drop_order(order, party, kind)?,
            Verdict::Skip => outcome.keep(),
            Verdict::Stop(stop) => return Ok(stop),
            Verdict::Fill(_) if fills >= taker.max_fills => return Ok(Stop::FillLimit),
            Verdict::Fill(maker) => {
                if fill(order, maker, taker, makers, outcome)? {
                    fills = fills.wrapping_add(1);
                }
            }
        }
    }
    Ok(if outcome.filled == taker.lots { Stop::Filled } else { Stop::NothingLeft })
}

fn judge<M: Makers>(order: &Order, taker: &Taker, makers: &M) -> Verdict {
    let is_own = order.owner == taker.owner;
    let maker = if is_own { None } else { makers.find(&order.owner) };
    let party = match maker {
        _ if is_own => Party::Taker,
        Some(maker) => Party::Maker(maker.index),
        None => Party::Absent,
    };
    if order.is_expired(taker.now) {
        return Verdict::Drop(party, StepKind::Expired);
    }
    if taker.band.is_unfillable(taker.side.opposite(), order.limit()) {
        return Verdict::Drop(party, StepKind::OutOfBand);
    }
    if is_own {
        let kind = if order.generation == taker.generation { StepKind::SelfTrade } else { StepKind::CancelledAll };
        return Verdict::Drop(party, kind);
    }
    match maker {
        Some(maker) if maker.generation == order.generation => Verdict::Fill(maker),
        Some(_) => Verdict::Drop(party, StepKind::CancelledAll),
        None if taker.now.raw().saturating_sub(i64::from(order.placed_at)) < SKIP_AGE => Verdict::Skip,
        None => Verdict::Stop(Stop::MissingMaker(order.owner)),
    }
}

/// Asks for admission and records the fill or the refusal; whether anything was filled.
fn fill<M: Makers>(order: &Order, maker: Maker, taker: &Taker, makers: &mut M, outcome: &mut MatchOutcome) -> RiskResult<bool> {
    let party = Party::Maker(maker.index);
    let wanted = taker.lots.sub(outcome.filled)?.min(order.size());
    let filled = match makers.admit(maker, order, wanted)? {
        Admission::Fill(lots) => lots,
        Admission::Refuse => Lots::ZERO,
    };
    if filled > wanted || filled.is_negative() {
        return Err(RiskError::QuantityOutOfRange);
    }
    if filled.is_zero() {
        outcome.drop_order(order, party, StepKind::Refused)?;
        return Ok(false);
    }
    outcome.filled = outcome.filled.add(filled)?;
    let (kind, left) = if filled < wanted { (StepKind::Trimmed, Lots::ZERO) } else { (StepKind::Filled, order.size().sub(filled)?) };
    if !left.is_zero() {
        outcome.partial = Some(super::narrow(left.raw())?);
    }
    outcome.record(Step { id: order.id, price: order.limit(), filled, left, party, kind })?;
    Ok(true)
}

/// Finds void orders among the best [`MAX_VISITS`]: expired ones, and those of passed accounts that cancelled all. Anyone may call it; what
/// it removes must not count as depth (RULES 5.4 measures the impact price on what can trade).
///
/// Errors: [`RiskError::WrongState`] never on a valid side.
pub fn sweep<M: Makers>(live: &[Order], now: Secs, makers: &M) -> RiskResult<MatchOutcome> {
    let mut outcome = MatchOutcome::new();
    for order in live.iter().rev() {
        if outcome.is_exhausted() {
            outcome.stop = Stop::StepLimit;
            break;
        }
        let maker = makers.find(&order.owner);
        let party = maker.map_or(Party::Absent, |maker| Party::Maker(maker.index));
        if order.is_expired(now) {
            outcome.drop_order(order, party, StepKind::Expired)?;
        } else if maker.is_some_and(|maker| maker.generation != order.generation) {
            outcome.drop_order(order, party, StepKind::CancelledAll)?;
        } else {
            outcome.keep();
        }
    }
    Ok(outcome)
}
