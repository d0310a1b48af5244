//! A taker against the makers of a book: finds the makers' accounts, applies each admitted fill to both sides, and tidies what left the book.

use crate::errors::{OrRefuse, PlimsollError};
use crate::events::{Balance, Fill, Moved};
use crate::portfolio::Roster;
use anchor_lang::prelude::*;
use plimsoll_risk::book::{
    match_against, sweep, Admission, Key as BookKey, Maker, Makers, MatchOutcome, Order, Party, Side, Step, StepKind, Stop, Taker,
};
use plimsoll_risk::delegation::given_away;
use plimsoll_risk::margin::{maker_admits, MarketTerms};
use plimsoll_risk::perp::{charge_fee, touch, trade, Touched};
use plimsoll_risk::{Lots, Price, Quote, Ratio, RiskError, RiskResult, Secs};
use plimsoll_state::market::fee;
use plimsoll_state::{MarginAccount, Market, OrderBook};

/// A passed maker: its key, and its account unless that has been closed.
type PassedMaker<'info> = (BookKey, Option<AccountLoader<'info, MarginAccount>>);

/// Generation of a closed account. Were an order ever of this one, `admit` would drop it all the same.
const CLOSED: u32 = u32::MAX;

/// The makers passed with an instruction, each beside its key.
struct Passed<'a, 'info> {
    makers: Vec<PassedMaker<'info>>,
    market: &'a mut Market,
    market_key: Pubkey,
    terms: MarketTerms,
    now: Secs,
    /// The side that rests.
    side: Side,
    fills: Vec<Fill>,
}

/// What a match did to both sides.
pub(crate) struct Execution {
    /// Its fills, best first.
    pub(crate) fills: Vec<Fill>,
    /// Its outcome on the book.
    pub(crate) outcome: MatchOutcome,
    /// Σ lots × price, never negative.
    pub(crate) value: Quote,
    /// Price of the last fill, which is the worst; the limit where there was none.
    pub(crate) worst: Price,
}

impl Execution {
    /// Whether nothing came of the order because makers in its way were not passed (RULES 5.3).
    pub(crate) fn lacks_makers(&self) -> bool {
        let outcome = &self.outcome;
        let is_blocked = matches!(outcome.stop, Stop::MissingMaker(_)) || outcome.has_skipped();
        is_blocked && outcome.filled.is_zero() && outcome.rest.is_zero()
    }
}

impl<'info> Passed<'_, 'info> {
    /// Every margin account among the remaining accounts but those named in the instruction. An account that is empty may be a closed one, whose
    /// orders would otherwise block the book for ever: nobody could pass their owner.
    fn collect(roster: &Roster<'info>, named: &[Pubkey]) -> Result<Vec<PassedMaker<'info>>> {
        let mut makers = Vec::new();
        for info in roster.infos() {
            let key = BookKey::from_bytes(info.key.to_bytes());
            // What is borrowed already is named in the instruction and no maker.
            let is_tagged = info.try_borrow_data().is_ok_and(|bytes| bytes.starts_with(MarginAccount::TAG));
            let is_margin_account = info.owner == &crate::ID && is_tagged;
            if is_margin_account && !named.contains(info.key) {
                require!(info.is_writable, PlimsollError::NotWritable);
                makers.push((key, Some(AccountLoader::try_from(info)?)));
            } else if info.owner != &crate::ID && info.data_is_empty() {
                makers.push((key, None));
            }
        }
        Ok(makers)
    }

    /// Notes what became of a maker's order, and of the maker, for the event.
    fn note(&mut self, maker: Maker, order: &Order, lots: Lots, fee: Quote, touched: &Touched, balance: Balance) {
        let (key, moved) = (self.loader(maker.index).map(AccountLoader::key).unwrap_or_default(), Moved::of(touched));
        self.fills.push(Fill { maker: key, order: order.id, price: order.price.into(), lots: lots.raw(), fee: fee.raw(), moved, balance });
    }

    fn loader(&self, index: u8) -> Option<&AccountLoader<'info, MarginAccount>> {
        self.makers.get(usize::from(index)).and_then(|(_, loader)| loader.as_ref())
    }
}

/// Place and generation of the account at `owner`, if it was passed.
fn find_among(makers: &[PassedMaker<'_>], owner: &BookKey) -> Option<Maker> {
    let index = makers.iter().position(|(key, _)| key == owner)?;
    let generation = match &makers.get(index)?.1 {
        Some(loader) => loader.load().ok()?.generation,
        None => CLOSED,
    };
    Some(Maker { index: u8::try_from(index).ok()?, generation })
}

/// The owners that were passed to sweep a book: nothing is filled.
struct Owners<'info>(Vec<PassedMaker<'info>>);

impl Makers for Owners<'_> {
    fn find(&self, owner: &BookKey) -> Option<Maker> {
        find_among(&self.0, owner)
    }

    fn admit(&mut self, _: Maker, _: &Order, _: Lots) -> RiskResult<Admission> {
        Ok(Admission::Refuse)
    }
}

/// Takes dead orders off both sides of a book: expired ones, and those of passed accounts that have cancelled all or are closed. How many.
#[inline(never)]
pub(crate) fn sweep_book(book: &mut OrderBook, market_key: &Pubkey, roster: &Roster<'_>, now: Secs) -> Result<u32> {
    let owners = Owners(Passed::collect(roster, &[])?);
    let mut removed: u32 = 0;
    for side in [Side::Bid, Side::Ask] {
        let outcome = {
            let (header, orders) = book.side(side);
            sweep(header.live(side, orders).or_refuse()?, now, &owners).or_refuse()?
        };
        let (header, orders) = book.side_mut(side);
        header.side_mut(side, orders).and_then(|mut live| live.apply(&outcome)).or_refuse()?;
        for step in outcome.steps() {
            removed = removed.saturating_add(1);
            if let Party::Maker(index) = step.party {
                free(owners.0.get(usize::from(index)).and_then(|(_, loader)| loader.as_ref()), market_key, step.id)?;
            }
        }
    }
    Ok(removed)
}

impl Makers for Passed<'_, '_> {
    fn find(&self, owner: &BookKey) -> Option<Maker> {
        find_among(&self.makers, owner)
    }

    /// RULES 5.3: healthy and covered by the margin reserved with the order, or reducing; an order the account no longer lists is void. One
    /// that the delegate placed gives away no more than the owner allows (RULES 5.2).
    fn admit(&mut self, maker: Maker, order: &Order, lots: Lots) -> RiskResult<Admission> {
        let Some(loader) = self.makers.get(usize::from(maker.index)).and_then(|(_, loader)| loader.as_ref()) else {
            return Ok(Admission::Refuse);
        };
        let mut account = loader.load_mut().map_err(|_| RiskError::WrongState)?;
        let listed = account.perp_index(&self.market_key).and_then(|slot| Some((slot, *account.open_order(slot, order.id)?)));
        let Some((slot, listed)) = listed else { return Ok(Admission::Refuse) };
        let is_healthy = account.liquidation.state == 0;
        let params = *self.market.perp_params;
        let (_, position) = account.cash_and_position(slot)?;
        let touched = touch(&mut self.market.perp, position, self.terms.mark(), self.now, &params)?;
        let wanted = if order.is_reduce_only() { lots.min(reducible(position.lots(), self.side)?) } else { lots };
        let change = signed(self.side, wanted)?;
        let reserved = Quote::new(position.reserved);
        let depeg = &self.market.depeg;
        let is_covered = !wanted.is_zero() && maker_admits(&self.terms, position.lots(), change, reserved, is_healthy, depeg)?;
        let value = wanted.at(order.limit())?;
        let charge = fee(value, params.maker_fee)?;
        if !is_covered || !account.allows_fill(&listed, given_away(change, value, self.terms.mark(), charge)?, self.now)? {
            account.reduce_order(slot, order.id, None)?;
            self.market.sequence = self.market.sequence.wrapping_add(1);
            account.sequence = account.sequence.wrapping_add(1);
            if touched.has_moved() {
                let balance = Balance::of(&account, slot);
                drop(account);
                self.note(maker, order, Lots::ZERO, Quote::ZERO, &touched, balance);
            }
            return Ok(Admission::Refuse);
        }
        let (cash, position) = account.cash_and_position(slot)?;
        trade(&mut self.market.perp, position, &touched, change, order.limit())?;
        let split = charge_fee(&mut self.market.perp, position, &touched, Quote::new(*cash), charge, params.tranche_share)?;
        *cash = Quote::new(*cash).sub(split.from_cash)?.raw();
        account.reduce_order(slot, order.id, Some(u32::try_from(wanted.raw()).map_err(|_| RiskError::Overflow)?))?;
        account.sequence = account.sequence.wrapping_add(1);
        let balance = Balance::of(&account, slot);
        drop(account);
        self.note(maker, order, change.neg()?, charge, &touched, balance);
        Ok(Admission::Fill(wanted))
    }
}

/// `lots` with the sign of a trade on `side`.
pub(crate) fn signed(side: Side, lots: Lots) -> RiskResult<Lots> {
    match side {
        Side::Bid => Ok(lots),
        Side::Ask => lots.neg(),
    }
}

/// Lots that a trade on `side` can close of a position.
pub(crate) fn reducible(position: Lots, side: Side) -> RiskResult<Lots> {
    match side {
        Side::Bid => Ok(position.neg()?.positive_part()),
        Side::Ask => Ok(position.positive_part()),
    }
}

/// The taker's account, touched in the market.
pub(crate) struct TakerAccount<'a> {
    /// The account.
    pub(crate) account: &'a mut MarginAccount,
    /// Index of its position slot.
    pub(crate) slot: usize,
    /// Proof of the touch.
    pub(crate) touched: &'a Touched,
    /// Terms of the market, derived in this instruction.
    pub(crate) terms: &'a MarketTerms,
}

/// Matches `request` against the book and applies every fill to maker and taker. Fees of the taker are the caller's.
#[inline(never)]
pub(crate) fn execute(
    book: &mut OrderBook,
    market: &mut Market,
    market_key: Pubkey,
    taker: &mut TakerAccount<'_>,
    request: &Taker,
    roster: &Roster<'_>,
    named: &[Pubkey],
) -> Result<Execution> {
    let side = request.side.opposite();
    let makers = if may_trade(book, request)? { Passed::collect(roster, named)? } else { Vec::new() };
    let mut passed = Passed { makers, market, market_key, terms: *taker.terms, now: request.now, side, fills: Vec::new() };
    let outcome = {
        let (header, orders) = book.side(side);
        // Matched, not mapped: a mapped result is one more copy of the outcome.
        match match_against(header.live(side, orders).or_refuse()?, request, &mut passed) {
            Ok(outcome) => outcome,
            Err(error) => return Err(PlimsollError::from(error).into()),
        }
    };
    let (header, orders) = book.side_mut(side);
    header.side_mut(side, orders).and_then(|mut live| live.apply(&outcome)).or_refuse()?;
    for step in outcome.steps() {
        tidy(step, &passed, taker)?;
    }
    let fills = passed.fills;
    let (mut value, mut worst) = (Quote::ZERO, request.limit);
    for fill in fills.iter().filter(|fill| fill.lots != 0) {
        let (lots, price) = (Lots::new(fill.lots), Price::new(fill.price));
        let (_, position) = taker.account.cash_and_position(taker.slot).or_refuse()?;
        trade(&mut market.perp, position, taker.touched, lots, price).or_refuse()?;
        value = lots.abs().and_then(|magnitude| magnitude.at(price)).and_then(|part| value.add(part)).or_refuse()?;
        worst = price;
    }
    Ok(Execution { fills, outcome, value, worst })
}

/// Whether the best resting order meets the limit, so that makers will be asked for at all.
fn may_trade(book: &OrderBook, request: &Taker) -> Result<bool> {
    let side = request.side.opposite();
    let (header, orders) = book.side(side);
    let best = header.live(side, orders).or_refuse()?.last().map(Order::limit);
    Ok(best.is_some_and(|price| match side {
        Side::Bid => price >= request.limit,
        Side::Ask => price <= request.limit,
    }))
}

/// Frees the owner's slot of an order that left the book without a fill.
fn tidy(step: &Step, passed: &Passed<'_, '_>, taker: &mut TakerAccount<'_>) -> Result<()> {
    let is_dropped = step.kind != StepKind::Filled && step.left.is_zero();
    // A slot that is already free is what is wanted, hence the ignored results.
    match step.party {
        Party::Taker if is_dropped => {
            let _ = taker.account.reduce_order(taker.slot, step.id, None);
        }
        Party::Maker(index) if is_dropped => free(passed.loader(index), &passed.market_key, step.id)?,
        _ => {}
    }
    Ok(())
}

/// Frees the slot of an order that left the book, if its owner's account still lists it.
#[inline(never)]
fn free(loader: Option<&AccountLoader<'_, MarginAccount>>, market_key: &Pubkey, order: u64) -> Result<()> {
    if let Some(loader) = loader {
        let mut maker = loader.load_mut()?;
        if let Some(slot) = maker.perp_index(market_key) {
            let _ = maker.reduce_order(slot, order, None);
            maker.sequence = maker.sequence.wrapping_add(1);
        }
    }
    Ok(())
}

/// Charges the taker's fee on `value`: cash first, the rest becomes an unsettled loss whose claim the tranche holds (RULES 1.3).
pub(crate) fn charge_taker(market: &mut Market, taker: &mut TakerAccount<'_>, value: Quote, rate: Ratio) -> Result<i64> {
    if value.is_zero() {
        return Ok(0);
    }
    let charge = fee(value, rate).or_refuse()?;
    let share = market.perp_params.tranche_share;
    let (cash, position) = taker.account.cash_and_position(taker.slot).or_refuse()?;
    let split = charge_fee(&mut market.perp, position, taker.touched, Quote::new(*cash), charge, Ratio::new(share)).or_refuse()?;
    *cash = Quote::new(*cash).sub(split.from_cash).or_refuse()?.raw();
    Ok(charge.raw())
}
