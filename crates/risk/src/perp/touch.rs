//! Bringing a position up to date. Every step that reads a position demands the token [`touch()`] returns (RULES 5.1).

use super::claims::{carry, loss_since, Maturity};
use super::deficit::pass_rounds;
use super::math::{dec, minus, plus};
use super::side_index::{per_basis, step, Floored, Of, Stand};
use super::state::{PerpMarket, PerpParams, Position, INDEX_BITS};
use crate::error::{RiskError, RiskResult};
use crate::units::{Lots, Price, Quote, Secs, MAX_LOTS, MAX_PRICE};

/// Proof that a position was brought up to date at one mark and time, and what that did to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct Touched {
    pub(super) mark: Price,
    pub(super) now: Secs,
    funding: Quote,
    closed_lots: Lots,
    closed_quote: Quote,
    charge: Quote,
    carry: Quote,
    joined: Quote,
}

impl Touched {
    /// The mark the position was valued at.
    pub const fn mark(&self) -> Price {
        self.mark
    }
    /// The time of the touch.
    pub const fn now(&self) -> Secs {
        self.now
    }
    /// Funding received (negative: paid).
    pub const fn funding(&self) -> Quote {
        self.funding
    }
    /// Change of the position by forced closes: opposite in sign to the position.
    pub const fn closed_lots(&self) -> Lots {
        self.closed_lots
    }
    /// Received for the lots closed (negative: paid).
    pub const fn closed_quote(&self) -> Quote {
        self.closed_quote
    }
    /// Taken for deficit rounds (negative: refunded).
    pub const fn charge(&self) -> Quote {
        self.charge
    }
    /// Paid on an old unsettled loss.
    pub const fn carry(&self) -> Quote {
        self.carry
    }
    /// Σ claims registered by this touch in rounds that were still registering (RULES 7.3).
    pub const fn joined(&self) -> Quote {
        self.joined
    }
    /// Whether it changed a balance: funding, a forced close, a charge or a carry.
    pub const fn has_moved(&self) -> bool {
        !self.funding.is_zero()
            || !self.closed_lots.is_zero()
            || !self.closed_quote.is_zero()
            || !self.charge.is_zero()
            || !self.carry.is_zero()
    }

    const fn new(mark: Price, now: Secs) -> Self {
        Self {
            mark,
            now,
            funding: Quote::ZERO,
            closed_lots: Lots::ZERO,
            closed_quote: Quote::ZERO,
            charge: Quote::ZERO,
            carry: Quote::ZERO,
            joined: Quote::ZERO,
        }
    }

    /// Whether the position is still as this touch left it or as later steps of the same instruction made it.
    ///
    /// Errors: [`RiskError::WrongState`] if an index or a round moved since: touch again.
    pub(super) fn check(&self, market: &PerpMarket, pos: &Position) -> RiskResult<()> {
        let is_indexed = match Of::lots(pos.lots) {
            None => true,
            Some(of) => {
                let side = market.side(of);
                pos.epoch == side.epoch && pos.a0 == side.a && pos.k0 == side.k && pos.f0 == side.f
            }
        };
        if is_indexed && pos.round == market.last_round && pos.touched_at >= self.now.raw() {
            Ok(())
        } else {
            Err(RiskError::WrongState)
        }
    }
}

const _: () = assert!(MAX_LOTS.checked_mul(MAX_PRICE).is_some());

/// `lots · mark + quote` of stored values; the product cannot wrap.
pub(super) fn value(lots: i64, quote: i64, mark: Price) -> RiskResult<i64> {
    plus(lots.wrapping_mul(mark.raw()), quote)
}

/// Brings `pos` up to date, in this order: side index (lots, forced-close credit, funding, closed epochs), deficit rounds by number, carry
/// on an old unsettled loss, maturity of the claim. `mark` is the accepted price, `now` the chain's clock; a clock behind the last touch
/// counts as no time passed.
///
/// Errors: [`RiskError::PriceOutOfRange`], [`RiskError::Overflow`]; [`RiskError::WrongState`] for a position of another market.
pub fn touch(market: &mut PerpMarket, pos: &mut Position, mark: Price, now: Secs, params: &PerpParams) -> RiskResult<Touched> {
    Price::checked(mark.raw())?;
    let mut touched = Touched::new(mark, Secs::new(now.raw().max(pos.touched_at)));
    pos.forget_adl(touched.now);
    if pos.is_empty() {
        rest(market, pos, &touched);
        return Ok(touched);
    }
    let is_current = match Of::lots(pos.lots) {
        None => true,
        Some(of) => {
            let side = market.side(of);
            pos.epoch == side.epoch && pos.a0 == side.a && pos.k0 == side.k
        }
    };
    if is_current && pos.round == market.last_round && pos.open_shares == 0 {
        fast(market, pos, &mut touched, params)?;
    } else {
        slow(market, pos, &mut touched, params)?;
    }
    Ok(touched)
}

/// Lots and quote balance as funding of `f_q32` on top of the books ([`super::accrue_funding`]) and a touch would leave them: all that a
/// margin check reads. `None` when forced closes, epochs or rounds have passed, so that only a touch of copies can tell.
///
/// Errors: [`RiskError::PriceOutOfRange`], [`RiskError::Overflow`].
#[inline(never)]
pub fn foresee(
    market: &PerpMarket,
    pos: &Position,
    f_q32: i64,
    mark: Price,
    now: Secs,
    params: &PerpParams,
) -> RiskResult<Option<(Lots, Quote)>> {
    Price::checked(mark.raw())?;
    if pos.is_empty() {
        return Ok(Some((Lots::ZERO, Quote::ZERO)));
    }
    if pos.round != market.last_round || pos.open_shares != 0 {
        return Ok(None);
    }
    let mut quote = pos.quote;
    if let Some(of) = Of::lots(pos.lots) {
        let side = market.side(of);
        let f = match side.funded(of.signed(f_q32)?)? {
            Some(f) if pos.epoch == side.epoch && pos.a0 == side.a && pos.k0 == side.k => f,
            _ => return Ok(None),
        };
        if f != pos.f0 {
            quote = plus(quote, per_basis(pos.lots.wrapping_abs(), minus(pos.f0, f)?, pos.a0)?.atoms)?;
        }
    }
    let unsettled = value(pos.lots, quote, mark)?;
    let carry = carry(pos, Quote::new(unsettled), Secs::new(now.raw().max(pos.touched_at)), params)?;
    Ok(Some((Lots::new(pos.lots), Quote::new(minus(quote, carry.raw())?))))
}

/// An empty position has slept through nothing: it only joins the present.
fn rest(market: &mut PerpMarket, pos: &mut Position, touched: &Touched) {
    market.matured_total = market.matured_total.saturating_sub(pos.matured);
    Maturity::default().store(pos);
    pos.round = market.last_round;
    pos.loss_since = 0;
    pos.touched_at = touched.now.raw();
}

/// Nothing but funding and time has passed.
fn fast(market: &mut PerpMarket, pos: &mut Position, touched: &mut Touched, params: &PerpParams) -> RiskResult<()> {
    let mut funding = Floored::default();
    let mut f = pos.f0;
    if let Some(of) = Of::lots(pos.lots) {
        f = market.side(of).f;
        if f != pos.f0 {
            let magnitude = pos.lots.wrapping_abs();
            funding = per_basis(magnitude, minus(pos.f0, f)?, pos.a0)?;
        }
    }
    let quote = plus(pos.quote, funding.atoms)?;
    let clearing = minus(market.clearing_quote, funding.atoms)?;
    let aged = Aged::new(market, pos, quote, touched, params)?;
    let (whole, dust) = dust_after(market.dust, funding.rest);
    let clearing = minus(clearing, whole)?;
    let tranche = plus(aged.tranche_quote, whole)?;
    market.clearing_quote = clearing;
    market.tranche_quote = tranche;
    market.dust = dust;
    touched.funding = Quote::new(funding.atoms);
    pos.f0 = f;
    aged.store(market, pos, touched);
    Ok(())
}

/// Whole atoms that rounding has left over, and the rest below one.
const fn dust_after(dust: u64, rest: u64) -> (i64, u64) {
    // Both are below 2³².
    let sum = dust.wrapping_add(rest);
    ((sum >> INDEX_BITS).cast_signed(), sum & ((1 << INDEX_BITS) - 1))
}

/// Forced closes, epochs or rounds have passed. Works on copies, so that an error leaves nothing half done.
#[inline(never)]
fn slow(market: &mut PerpMarket, pos: &mut Position, touched: &mut Touched, params: &PerpParams) -> RiskResult<()> {
    let mut books = *market;
    let mut moved = *pos;
    let mut token = *touched;
    follow_index(&mut books, &mut moved, &mut token)?;
    let passed = pass_rounds(&mut books, &mut moved)?;
    (token.charge, token.joined) = (passed.charged, passed.joined);
    let quote = moved.quote;
    let aged = Aged::new(&books, &moved, quote, &token, params)?;
    books.tranche_quote = aged.tranche_quote;
    aged.store(&mut books, &mut moved, &mut token);
    if moved.is_empty() {
        books.positions = dec(books.positions)?;
    }
    *market = books;
    *pos = moved;
    *touched = token;
    Ok(())
}

/// Walks the position through the closed epochs it slept through to its side's present stand.
fn follow_index(market: &mut PerpMarket, pos: &mut Position, touched: &mut Touched) -> RiskResult<()> {
    let Some(of) = Of::lots(pos.lots) else {
        return Ok(());
    };
    let mark = touched.mark;
    let basis = pos.lots.checked_abs().ok_or(RiskError::Overflow)?;
    let mut lots = basis;
    let mut from = Stand { a: pos.a0, k: pos.k0, f: pos.f0 };
    let mut closed = 0;
    let mut funding = 0;
    let mut dust = market.dust;
    let mut whole = 0;
    let side = market.side_mut(of);
    let mut epoch = pos.epoch;
    loop {
        let is_last = epoch == side.epoch;
        let to = if is_last {
            side.stand()
        } else {
            let record = side.record_mut(epoch)?;
            record.remaining = dec(record.remaining)?;
            Stand::of_record(record)
        };
        let walked = step(of, lots, from, to, mark)?;
        lots = walked.lots;
        closed = plus(closed, walked.closed.atoms)?;
        funding = plus(funding, walked.funding.atoms)?;
        for rest in [walked.closed.rest, walked.funding.rest] {
            let swept = dust_after(dust, rest);
            whole = plus(whole, swept.0)?;
            dust = swept.1;
        }
        if is_last {
            break;
        }
        from = Stand::START;
        epoch = epoch.checked_add(1).ok_or(RiskError::Overflow)?;
    }
    pos.a0 = side.a;
    pos.k0 = side.k;
    pos.f0 = side.f;
    pos.epoch = side.epoch;
    if lots == 0 {
        side.live_positions = dec(side.live_positions)?;
        side.restart_if_unheld();
        pos.opened_at = 0;
    }
    let after = of.signed(lots)?;
    let change = minus(after, pos.lots)?;
    let received = plus(closed, funding)?;
    if change != 0 {
        pos.remember_adl(change, closed, touched.now)?;
    }
    pos.lots = after;
    pos.quote = plus(pos.quote, received)?;
    market.clearing_lots = minus(market.clearing_lots, change)?;
    market.clearing_quote = minus(minus(market.clearing_quote, received)?, whole)?;
    market.tranche_quote = plus(market.tranche_quote, whole)?;
    market.dust = dust;
    touched.closed_lots = Lots::new(change);
    touched.closed_quote = Quote::new(closed);
    touched.funding = Quote::new(funding);
    Ok(())
}

/// The time-dependent part, computed before anything is written.
struct Aged {
    quote: i64,
    carry: Quote,
    tranche_quote: i64,
    earned: i64,
    loss_since: i64,
    maturity: Maturity,
    matured_total: i64,
}

impl Aged {
    fn new(market: &PerpMarket, pos: &Position, quote: i64, touched: &Touched, params: &PerpParams) -> RiskResult<Self> {
        let unsettled = value(pos.lots, quote, touched.mark)?;
        let carry = carry(pos, Quote::new(unsettled), touched.now, params)?;
        let claim = unsettled.max(0);
        let now = touched.now.raw();
        let vested = Maturity::of(pos).after_time(pos.touched_at, now)?.within(claim)?;
        let maturity = vested.with(vested.missing(claim)?, now, params.maturity)?;
        Ok(Self {
            quote: minus(quote, carry.raw())?,
            carry,
            tranche_quote: plus(market.tranche_quote, carry.raw())?,
            earned: plus(market.fund_window.earned_total, carry.raw())?,
            loss_since: loss_since(pos.loss_since, unsettled, now),
            maturity,
            matured_total: plus(market.matured_total, minus(maturity.matured, pos.matured)?)?,
        })
    }

    fn store(self, market: &mut PerpMarket, pos: &mut Position, touched: &mut Touched) {
        pos.quote = self.quote;
        pos.loss_since = self.loss_since;
        pos.touched_at = touched.now.raw();
        self.maturity.store(pos);
        market.matured_total = self.matured_total;
        market.fund_window.earned_total = self.earned;
        touched.carry = self.carry;
    }
}
