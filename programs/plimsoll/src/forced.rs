//! The phases of a liquidation step on loaded accounts; every decision and number is the engine's.

use crate::errors::{OrRefuse, PlimsollError};
use crate::events::{Fill, Moved};
use crate::matching::{execute, TakerAccount};
use crate::portfolio::{Portfolio, Roster};
use crate::position::touch_slot;
use anchor_lang::prelude::*;
use plimsoll_risk::book::{Key as BookKey, OrderKind, PriceBand, Side, Stop, Taker};
use plimsoll_risk::liquidation::{
    book_penalty, check_liquidatee, check_liquidator, note_adl, pause, penalty_rate, size_slice, takeover, takeover_is_open,
    takeover_price, transition, transition_shown, AccountState, LegView, LiquidationParams, Penalty, Sample, SliceSize, Transition,
    Violation,
};
use plimsoll_risk::margin::{Health, LegInput, MarketTerms, Shortfall};
use plimsoll_risk::oracle::{permission, Action, Permission};
use plimsoll_risk::perp::{credit_tranche, shift, trade, Position, Touched};
use plimsoll_risk::{Lots, Quote, Ratio, Round, Secs};
use plimsoll_state::{MarginAccount, Market, OrderBook};

/// A liquidation step under way. Boxed, because the frame of an instruction has room for little else beside it.
pub(crate) struct Step {
    portfolio: Portfolio,
    market_key: Pubkey,
    slot: usize,
    params: LiquidationParams,
    rate: Ratio,
    size: SliceSize,
    pause: Secs,
    lots_before: Lots,
    offered: Lots,
    is_book_exhausted: bool,
    /// Health before anything was closed, orders cancelled.
    pub(crate) before: Box<Health>,
    /// Lots closed on the book, signed as the position was.
    pub(crate) book_lots: Lots,
    /// Lots taken over, signed as the position was.
    pub(crate) taken_lots: Lots,
    /// Penalty to the liquidator.
    pub(crate) keeper_income: Quote,
    /// Penalty to the tranche.
    pub(crate) insurance_income: Quote,
    /// What happened on the book.
    pub(crate) fills: Vec<Fill>,
    /// The liquidator's slot in the market, once it has been touched.
    pub(crate) liquidator_slot: Option<usize>,
    /// What that did.
    pub(crate) liquidator_moved: Option<Moved>,
}

/// Moves the account's state to what its health demands (RULES 6.1, 2.2) and stores it.
#[inline(never)]
pub(crate) fn advance_state(account: &mut MarginAccount, portfolio: &Portfolio, market: &Market, now: Secs) -> Result<AccountState> {
    let health = portfolio.health()?;
    let sample = Sample { publish: Secs::new(portfolio.oldest_publish()), now };
    grace(account, portfolio, &health, market)?;
    let moved = transition(&account.liquidation, &health, portfolio.sellable(), sample, &market.liquidation_params).or_refuse()?;
    // No step can take options over.
    require!(!is_forced(&moved) || !portfolio.has_options(), PlimsollError::HoldsOptions);
    store(account, &moved, market, now)
}

/// Moves the account's state by what a witness shows, as [`advance_state`] would by the whole grid (RULES 4.6), and stores it.
///
/// Accounts with options are flagged as well; before they are bankrupt their options are for sale (RULES 7.7).
#[inline(never)]
pub(crate) fn flag_state(
    account: &mut MarginAccount,
    portfolio: &Portfolio,
    shown: &Shortfall,
    market: &Market,
    now: Secs,
) -> Result<AccountState> {
    // Whether an account was short before others' bankruptcies closed its lots takes the whole grid; below half it does not matter (RULES 7.5).
    require!(!portfolio.is_deleveraged() || shown.is_below_half().or_refuse()?, PlimsollError::AdlGrace);
    let sample = Sample { publish: Secs::new(portfolio.oldest_publish()), now };
    let params = *market.liquidation_params;
    let sellable = if portfolio.has_options() { portfolio.sellable().max(params.bankrupt_value) } else { portfolio.sellable() };
    let moved = transition_shown(&account.liquidation, shown, sellable, sample, &params).or_refuse()?;
    store(account, &moved, market, now)
}

/// Whether a transition leads to where the owner decides no longer.
fn is_forced(moved: &Transition) -> bool {
    matches!(moved.to, AccountState::Liquidating | AccountState::Bankrupt)
}

/// Stores the state, if the price of `market` allows it (RULES 2.2).
fn store(account: &mut MarginAccount, moved: &Transition, market: &Market, now: Secs) -> Result<AccountState> {
    let is_new = moved.to == AccountState::Liquidating && moved.from != AccountState::Liquidating;
    // In a settling market nothing is liquidated: its price is final, and what it left unpaid is resolved.
    let action = match (market.oracle.is_settling(), is_new) {
        (true, _) => Action::Resolve,
        (false, true) => Action::StartLiquidation,
        (false, false) => Action::ContinueLiquidation,
    };
    require!(!is_forced(moved) || permission(market.conditions(now), action) == Permission::Allowed, PlimsollError::PriceConditionRefused);
    *account.liquidation = moved.next;
    Ok(moved.to)
}

/// Whoever has only lost a leg to others' bankruptcies has time to react (RULES 7.5).
#[inline(never)]
fn grace(account: &mut MarginAccount, portfolio: &Portfolio, health: &Health, market: &Market) -> Result<()> {
    if health.equity_trigger >= health.mm {
        return Ok(());
    }
    if let Some((untouched, since)) = portfolio.undeleveraged()? {
        *account.liquidation = note_adl(&account.liquidation, &untouched, health, since, &market.liquidation_params).or_refuse()?;
    }
    Ok(())
}

impl Step {
    /// Sizes the slice from the account as it stands, its orders cancelled; the inner error says why there is nothing to take now.
    #[inline(never)]
    pub(crate) fn new(
        account: &MarginAccount,
        mut portfolio: Portfolio,
        market: &Market,
        market_key: Pubkey,
        slot: usize,
        now: Secs,
    ) -> Result<std::result::Result<Box<Self>, PlimsollError>> {
        let position = *account.position(slot).or_refuse()?;
        portfolio.clear_orders();
        portfolio.update(account.cash, &market_key, &position)?;
        let before = portfolio.health()?;
        let params = *market.liquidation_params;
        let rate = penalty_rate(account.liquidation.elapsed(now).or_refuse()?, &params).or_refuse()?;
        let (terms, leg) = portfolio.leg(&market_key).ok_or(PlimsollError::NoPosition)?;
        let (bonds, place) = portfolio.cross(&market_key);
        let cross = place.map(|place| (&bonds, place));
        let size = size_slice(&LegView { health: &before, terms, leg, rate, cross }, &params).or_refuse()?;
        let pause = pause(&before, &params).or_refuse()?;
        let offered = account.liquidation.offer(slot, &size, pause, now).or_refuse()?;
        if size.lots.is_zero() {
            return Ok(Err(PlimsollError::NoProgress));
        }
        if offered.is_zero() {
            return Ok(Err(PlimsollError::SlicePause));
        }
        Ok(Ok(Box::new(Self {
            portfolio,
            market_key,
            slot,
            params,
            rate,
            size,
            pause,
            lots_before: position.lots(),
            offered,
            is_book_exhausted: false,
            before,
            book_lots: Lots::ZERO,
            taken_lots: Lots::ZERO,
            keeper_income: Quote::ZERO,
            insurance_income: Quote::ZERO,
            fills: Vec::new(),
            liquidator_slot: None,
            liquidator_moved: None,
        })))
    }

    /// Why nothing has happened and nothing can, if so: the book gave nothing, and the take-over is not open or not wanted.
    pub(crate) fn idle(&self, account: &MarginAccount, wanted: Lots, now: Secs) -> Result<Option<PlimsollError>> {
        if !self.book_lots.is_zero() {
            return Ok(None);
        }
        let is_open = takeover_is_open(&account.liquidation, self.is_book_exhausted, now, &self.params).or_refuse()?;
        Ok(if !is_open {
            Some(PlimsollError::TakeoverNotOpen)
        } else {
            (!self.offered.min(wanted).is_positive()).then_some(PlimsollError::NoProgress)
        })
    }

    fn leg(&self) -> Result<(MarketTerms, LegInput)> {
        self.portfolio.leg(&self.market_key).map(|(terms, leg)| (*terms, *leg)).ok_or(PlimsollError::NoPosition.into())
    }

    /// `lots` with the position's sign.
    fn as_position(&self, lots: Lots) -> Result<Lots> {
        if self.lots_before.is_negative() {
            lots.neg().or_refuse()
        } else {
            Ok(lots)
        }
    }

    fn account_for(&mut self, penalty: &Penalty) -> Result<()> {
        self.keeper_income = self.keeper_income.add(penalty.keeper).or_refuse()?;
        let tranche = penalty.insurance.add(penalty.protocol).or_refuse()?;
        self.insurance_income = self.insurance_income.add(tranche).or_refuse()?;
        Ok(())
    }
}

/// Moves a penalty out of a position: the insurance and protocol parts become the tranche's claim, the keeper's part is added by the caller.
fn move_penalty(market: &mut Market, position: &mut Position, touched: &Touched, penalty: &Penalty) -> Result<()> {
    shift(&mut market.perp, position, touched, penalty.total.neg().or_refuse()?).or_refuse()?;
    credit_tranche(&mut market.perp, penalty.insurance.add(penalty.protocol).or_refuse()?).or_refuse()
}

/// Fills what the book takes no worse than the take-over price. The penalty on it waits for the take-over phase, which knows the keeper.
#[allow(clippy::too_many_arguments, reason = "book, market and account are separate loans of one instruction")]
#[inline(never)]
pub(crate) fn book_phase(
    step: &mut Step,
    book: &mut OrderBook,
    market: &mut Market,
    account: &mut MarginAccount,
    key: Pubkey,
    touched: &Touched,
    roster: &Roster<'_>,
    named: &[Pubkey],
) -> Result<()> {
    let (terms, leg) = step.leg()?;
    let (bonds, place) = step.portfolio.cross(&step.market_key);
    let cross = place.map(|place| (&bonds, place));
    let view = LegView { health: &step.before, terms: &terms, leg: &leg, rate: step.rate, cross };
    let closing = step.as_position(step.offered)?.neg().or_refuse()?;
    let limit = takeover_price(terms.mark(), closing, view.capped_rate(step.offered, Round::Floor).or_refuse()?).or_refuse()?;
    let request = Taker {
        owner: BookKey::from_bytes(key.to_bytes()),
        generation: account.generation,
        side: if closing.is_negative() { Side::Ask } else { Side::Bid },
        kind: OrderKind::ImmediateOrCancel,
        limit,
        lots: step.offered,
        band: PriceBand::around(terms.mark(), market.im_rate().or_refuse()?).or_refuse()?,
        now: touched.now(),
        max_fills: plimsoll_risk::book::matching::MAX_FILLS,
    };
    let mut taker = TakerAccount { account, slot: step.slot, touched, terms: &terms };
    let executed = execute(book, market, step.market_key, &mut taker, &request, roster, named)?;
    step.is_book_exhausted = executed.outcome.stop == Stop::NothingLeft && !executed.outcome.has_skipped();
    step.fills = executed.fills;
    let filled = executed.outcome.filled;
    if filled.is_zero() {
        return Ok(());
    }
    let penalty = book_penalty(&view, filled, executed.value, &step.params).or_refuse()?;
    let (_, position) = account.cash_and_position(step.slot).or_refuse()?;
    move_penalty(market, position, touched, &penalty)?;
    step.account_for(&penalty)?;
    step.book_lots = step.as_position(filled)?;
    step.offered = step.offered.sub(filled).or_refuse()?;
    let position = *position;
    step.portfolio.update(account.cash, &step.market_key, &position)
}

/// Gives the liquidator what is left of the slice, up to `wanted`, once the take-over is open; and the keeper's part of all penalties.
#[allow(clippy::too_many_arguments, reason = "market and both accounts are separate loans of one instruction")]
#[inline(never)]
pub(crate) fn takeover_phase(
    step: &mut Step,
    market: &mut Market,
    account: &mut MarginAccount,
    touched: &Touched,
    liquidator: &mut MarginAccount,
    roster: &Roster<'_>,
    wanted: Lots,
    now: Secs,
) -> Result<()> {
    let lots = step.offered.min(wanted);
    let is_open = takeover_is_open(&account.liquidation, step.is_book_exhausted, now, &step.params).or_refuse()?;
    let takes = is_open && lots.is_positive();
    if !takes && step.keeper_income.is_zero() {
        return Ok(());
    }
    let index = liquidator.perp_index_or_open(&step.market_key).ok_or(PlimsollError::PositionSlotsFull)?;
    step.liquidator_slot = Some(index);
    let proof = touch_slot(market, liquidator, index, now)?;
    step.liquidator_moved = Moved::of(&proof);
    if takes {
        take_over(step, market, account, touched, liquidator, index, &proof, lots)?;
    }
    let (_, own) = liquidator.cash_and_position(index).or_refuse()?;
    shift(&mut market.perp, own, &proof, step.keeper_income).or_refuse()?;
    liquidator.sequence = liquidator.sequence.wrapping_add(1);
    if takes {
        let portfolio = Portfolio::read_with(liquidator, Some((&step.market_key, market)), roster, now.raw())?;
        check_liquidator(portfolio.health()?.as_ref()).map_err(|_| PlimsollError::LiquidatorMargin)?;
    }
    Ok(())
}

#[allow(clippy::too_many_arguments, reason = "market and both accounts are separate loans of one instruction")]
fn take_over(
    step: &mut Step,
    market: &mut Market,
    account: &mut MarginAccount,
    touched: &Touched,
    liquidator: &mut MarginAccount,
    index: usize,
    proof: &Touched,
    lots: Lots,
) -> Result<()> {
    let (terms, leg) = step.leg()?;
    let health = step.portfolio.health()?;
    let (bonds, place) = step.portfolio.cross(&step.market_key);
    let cross = place.map(|place| (&bonds, place));
    let view = LegView { health: &health, terms: &terms, leg: &leg, rate: step.rate, cross };
    let outcome = takeover(&view, lots, &step.params).or_refuse()?;
    let (_, position) = account.cash_and_position(step.slot).or_refuse()?;
    trade(&mut market.perp, position, touched, outcome.liquidatee_lots, outcome.price).or_refuse()?;
    move_penalty(market, position, touched, &outcome.penalty)?;
    let (_, own) = liquidator.cash_and_position(index).or_refuse()?;
    trade(&mut market.perp, own, proof, outcome.liquidatee_lots.neg().or_refuse()?, outcome.price).or_refuse()?;
    step.account_for(&outcome.penalty)?;
    step.taken_lots = step.as_position(lots)?;
    Ok(())
}

/// Equity and maintenance margin, as events tell them.
pub(crate) fn measures(health: &Health) -> [i64; 2] {
    [health.equity.raw(), health.mm.raw()]
}

/// [`measures`] of a portfolio.
#[inline(never)]
pub(crate) fn measured(portfolio: &Portfolio) -> Result<[i64; 2]> {
    portfolio.health().map(|health| measures(&health))
}

/// The step's post-conditions (RULES 6.3), the slice's pace, and the state that follows. The measures after it.
#[inline(never)]
pub(crate) fn measure(step: &mut Step, account: &mut MarginAccount, market: &Market, now: Secs) -> Result<[i64; 2]> {
    let position = *account.position(step.slot).or_refuse()?;
    step.portfolio.update(account.cash, &step.market_key, &position)?;
    let after = step.portfolio.health()?;
    let (terms, _) = step.leg()?;
    check_liquidatee(&step.before, &after, step.lots_before, position.lots(), &terms, step.portfolio.depeg()).or_refuse()?.map_err(
        |violation| match violation {
            Violation::LiquidatorBelowTarget => PlimsollError::LiquidatorMargin,
            _ => PlimsollError::NoProgress,
        },
    )?;
    let gone = step.lots_before.sub(position.lots()).and_then(Lots::abs).or_refuse()?;
    account.liquidation.record(step.slot, &step.size, gone, step.pause, now).or_refuse()?;
    advance_state(account, &step.portfolio, market, now)?;
    Ok(measures(&after))
}
