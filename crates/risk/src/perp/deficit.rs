//! The loss waterfall of a market (RULES 7.1, 7.3): tranche, fund, then a pro-rata cut of claims in rounds.
//!
//! A round takes a deficit `D` from the claims found at its price. With `C` the claims registered so far, a claim `c` pays the ceiling of
//! c · min(1, D / C). A position touched late joins with its own claim: `C` grows, the cut falls, and everyone's next touch charges or
//! refunds the difference to what the rule says now. The outcome therefore depends on who has a claim, never on who was touched first, and a
//! position that hides pays the same as one that did not.
//!
//! Limits: a later round measures claims after what an earlier one has provisionally taken, so that with both open and positions still
//! unseen in the earlier the split between claims may depend on the order; the sum never does. A forced close after the opening of a round,
//! at another price, enters the claim of a position that has not been touched since.

use super::math::{dec, inc, minus, plus};
use super::state::{
    DeficitRound, PerpMarket, PerpParams, Position, RoundShare, ROUNDS, ROUND_CHARGING, ROUND_FINAL, ROUND_FREE, ROUND_REGISTERING,
};
use super::touch::{value, Touched};
use super::trade::Rebalanced;
use crate::error::{RiskError, RiskResult};
use crate::units::{mul_div, Price, Quote, Ratio, Round, Secs};

/// Who paid for a bankrupt position's loss. The parts sum to the loss.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Absorbed {
    /// The tranche gave up this much of its claim on the pool.
    pub tranche_claim: Quote,
    /// Moved from the tranche's tokens to the pool.
    pub tranche_cash: Quote,
    /// Added to the pool: the caller moves these tokens from the fund.
    pub fund: Quote,
    /// Booked against the tranche's next inflow.
    pub tranche_debt: Quote,
    /// Left for claims to carry: waits in `pending_deficit` for [`open_or_extend_round`].
    pub deficit: Quote,
}

/// Clears the unsettled loss of a flat position, up to `most` (> 0: what the account is short of over all markets, so that its claims
/// elsewhere keep standing against its own losses), whose account is bankrupt and whose estate is settled: first the tranche's claim, then its
/// tokens, then `fund_offer` (from [`super::fund::fund_offer`]), then a debt of the tranche if small, else a deficit.
///
/// Errors: [`RiskError::WrongState`] if the position holds lots, has no loss or is not current; [`RiskError::QuantityOutOfRange`] for a
/// negative offer; [`RiskError::Overflow`].
pub fn absorb(
    market: &mut PerpMarket,
    pos: &mut Position,
    touched: &Touched,
    most: Quote,
    fund_offer: Quote,
    params: &PerpParams,
) -> RiskResult<Absorbed> {
    touched.check(market, pos)?;
    if fund_offer.is_negative() || !most.is_positive() {
        return Err(RiskError::QuantityOutOfRange);
    }
    if pos.lots != 0 || pos.quote >= 0 {
        return Err(RiskError::WrongState);
    }
    let loss = pos.quote().neg()?.min(most);
    let tranche_claim = loss.min(Quote::new(market.tranche_quote).positive_part());
    let after_claim = loss.sub(tranche_claim)?;
    let tranche_cash = after_claim.min(Quote::new(market.tranche_cash));
    let after_cash = after_claim.sub(tranche_cash)?;
    let fund = after_cash.min(fund_offer);
    let left = after_cash.sub(fund)?;
    let is_small = is_booked_as_debt(market.tranche_quote, left, params)?;
    let (tranche_debt, deficit) = if is_small { (left, Quote::ZERO) } else { (Quote::ZERO, left) };

    let window = if fund.is_zero() { market.fund_window } else { market.fund_window.after_payout(fund, touched.now)? };
    let pool = plus(market.pool, tranche_cash.add(fund)?.raw())?;
    let tranche_quote = minus(market.tranche_quote, tranche_claim.add(tranche_debt)?.raw())?;
    let tranche_tokens = minus(market.tranche_cash, tranche_cash.raw())?;
    let clearing_quote = minus(market.clearing_quote, deficit.raw())?;
    let pending_deficit = plus(market.pending_deficit, deficit.raw())?;
    Rebalanced::new(market, pos, 0, plus(pos.quote, loss.raw())?, touched)?.store(market, pos);
    market.fund_window = window;
    market.pool = pool;
    market.tranche_quote = tranche_quote;
    market.tranche_cash = tranche_tokens;
    market.clearing_quote = clearing_quote;
    market.pending_deficit = pending_deficit;
    Ok(Absorbed { tranche_claim, tranche_cash, fund, tranche_debt, deficit })
}

/// What a loss is beyond the tranche's claim and tokens: what the fund is asked for.
///
/// Errors: [`RiskError::Overflow`].
pub fn beyond_tranche(market: &PerpMarket, loss: Quote) -> RiskResult<Quote> {
    let own = Quote::new(market.tranche_quote).positive_part().add(Quote::new(market.tranche_cash))?;
    loss.sub(own).map(Quote::positive_part)
}

/// Small deficits wait for the tranche's next inflow, within a bound on what it may owe.
fn is_booked_as_debt(tranche_quote: i64, left: Quote, params: &PerpParams) -> RiskResult<bool> {
    let owed = Quote::new(tranche_quote).neg()?.positive_part().add(left)?;
    Ok(left < params.small_deficit && owed <= params.tranche_debt_max)
}

/// What became of the waiting deficit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RoundProgress {
    /// The round it is in; 0 if none was needed.
    pub round: u32,
    /// Whether the round was opened now.
    pub is_new: bool,
    /// Paid from what the tranche has received since, or booked against it because nobody is left to share.
    pub from_tranche: Quote,
    /// Added to the round.
    pub deficit: Quote,
}

/// Moves the waiting deficit into a round: into the one that is registering, else into a new one at `mark`. What the tranche has received
/// in the meantime pays first. Without any position left the tranche carries it.
///
/// Errors: [`RiskError::WrongState`] if nothing waits; [`RiskError::StragglersFirst`] if the slot's old round still waits for positions to
/// be touched (the deficit keeps waiting, and claims cannot be settled until then); [`RiskError::PriceOutOfRange`],
/// [`RiskError::Overflow`].
pub fn open_or_extend_round(market: &mut PerpMarket, mark: Price, now: Secs) -> RiskResult<RoundProgress> {
    Price::checked(mark.raw())?;
    if market.pending_deficit <= 0 {
        return Err(RiskError::WrongState);
    }
    let waiting = Quote::new(market.pending_deficit);
    let claim = if market.positions == 0 { waiting } else { waiting.min(Quote::new(market.tranche_quote).positive_part()) };
    let tokens = waiting.sub(claim)?.min(Quote::new(market.tranche_cash));
    let from_tranche = claim.add(tokens)?;
    let deficit = waiting.sub(from_tranche)?;
    let mut progress = RoundProgress { round: 0, is_new: false, from_tranche, deficit };
    let tranche_quote = minus(market.tranche_quote, claim.raw())?;
    let clearing_quote = plus(market.clearing_quote, from_tranche.raw())?;
    let pool = plus(market.pool, tokens.raw())?;
    let tranche_cash = minus(market.tranche_cash, tokens.raw())?;
    if !deficit.is_zero() {
        (progress.round, progress.is_new) = add_to_round(market, deficit, mark, now)?;
    }
    market.tranche_quote = tranche_quote;
    market.tranche_cash = tranche_cash;
    market.clearing_quote = clearing_quote;
    market.pool = pool;
    market.pending_deficit = 0;
    Ok(progress)
}

/// Puts `deficit` into the registering round or a new one; writes nothing on error.
fn add_to_round(market: &mut PerpMarket, deficit: Quote, mark: Price, now: Secs) -> RiskResult<(u32, bool)> {
    let positions = market.positions;
    if let Some(round) = market.rounds.iter_mut().find(|round| round.status == ROUND_REGISTERING) {
        round.deficit = plus(round.deficit, deficit.raw())?;
        return Ok((round.id, false));
    }
    let id = inc(market.last_round)?;
    let slot = market.rounds.get_mut(slot_of(id)?).ok_or(RiskError::Overflow)?;
    if slot.status != ROUND_FREE {
        return Err(RiskError::StragglersFirst);
    }
    *slot = DeficitRound {
        id,
        status: ROUND_REGISTERING,
        unregistered: positions,
        shares: 0,
        price: mark.raw(),
        opened_at: now.raw(),
        deficit: deficit.raw(),
        claims: 0,
        collected: 0,
    };
    market.last_round = id;
    Ok((id, true))
}

fn slot_of(id: u32) -> RiskResult<usize> {
    usize::try_from(id).map(|id| id % ROUNDS).map_err(|_| RiskError::Overflow)
}

/// Ends registration and fixes the cut: after the registration time, or as soon as no position is missing. Returns min(1, D / C), rounded
/// up, for the record; charges are computed exactly.
///
/// Errors: [`RiskError::WrongState`] if no round is registering or it is too early; [`RiskError::Overflow`].
pub fn close_round(market: &mut PerpMarket, now: Secs, params: &PerpParams) -> RiskResult<Ratio> {
    let (index, mut round) =
        market.rounds.iter().copied().enumerate().find(|(_, round)| round.status == ROUND_REGISTERING).ok_or(RiskError::WrongState)?;
    let is_due = now.raw() >= plus(round.opened_at, params.registration.raw())?;
    if !is_due && round.unregistered > 0 {
        return Err(RiskError::WrongState);
    }
    let cut = round.cut()?;
    round.status = if round.unregistered > 0 { ROUND_CHARGING } else { ROUND_FINAL };
    if round.status == ROUND_FINAL && round.shares == 0 {
        release(market, index, &round)?;
    } else {
        *market.rounds.get_mut(index).ok_or(RiskError::Overflow)? = round;
    }
    Ok(cut)
}

impl DeficitRound {
    /// The share of a claim that is taken: min(1, D / C), rounded up. 0 without a claim.
    pub fn cut(&self) -> RiskResult<Ratio> {
        if self.claims == 0 {
            return Ok(Ratio::ZERO);
        }
        if self.claims <= self.deficit {
            return Ok(Ratio::ONE);
        }
        Quote::new(self.deficit).ratio_to(Quote::new(self.claims), Round::Ceil)
    }

    /// What a claim pays by the claims registered so far.
    fn charge_on(&self, claim: i64) -> RiskResult<i64> {
        if self.claims <= self.deficit {
            Ok(claim)
        } else {
            mul_div(claim, self.deficit, self.claims, Round::Ceil)
        }
    }
}

/// What passing the rounds did to a position.
pub(super) struct Passed {
    /// Charges less refunds.
    pub(super) charged: Quote,
    /// Σ claims that joined a round that was still registering.
    pub(super) joined: Quote,
}

/// Registers the position in the rounds it has not seen and settles its shares in all others, oldest first. Writes as it goes: the caller
/// works on copies.
pub(super) fn pass_rounds(market: &mut PerpMarket, pos: &mut Position) -> RiskResult<Passed> {
    let (mut charged, mut joined) = (0, 0);
    let last = market.last_round;
    let span = u32::try_from(ROUNDS).map_err(|_| RiskError::Overflow)?;
    let oldest = last.saturating_sub(span).saturating_add(1).max(1);
    for id in oldest..=last {
        let index = slot_of(id)?;
        let mut round = *market.rounds.get(index).ok_or(RiskError::Overflow)?;
        if round.id != id {
            // A round is released only when every position of its time has passed it: this one is of another market.
            if pos.round < id {
                return Err(RiskError::WrongState);
            }
            continue;
        }
        let mut share = *pos.shares.get(index).ok_or(RiskError::Overflow)?;
        if pos.round < id {
            share = register(&mut round, pos)?;
            joined = plus(joined, if round.status == ROUND_REGISTERING { share.claim } else { 0 })?;
        }
        if share.claim > 0 && round.status != ROUND_REGISTERING {
            charged = plus(charged, charge(market, &mut round, pos, &mut share)?)?;
        }
        *pos.shares.get_mut(index).ok_or(RiskError::Overflow)? = share;
        if round.status == ROUND_FINAL && round.shares == 0 {
            release(market, index, &round)?;
        } else {
            *market.rounds.get_mut(index).ok_or(RiskError::Overflow)? = round;
        }
    }
    pos.round = last;
    Ok(Passed { charged: Quote::new(charged), joined: Quote::new(joined) })
}

/// Measures the position's claim at the round's price.
fn register(round: &mut DeficitRound, pos: &mut Position) -> RiskResult<RoundShare> {
    let claim = value(pos.lots, pos.quote, Price::new(round.price))?.max(0);
    round.unregistered = dec(round.unregistered)?;
    if claim > 0 {
        round.claims = plus(round.claims, claim)?;
        round.shares = inc(round.shares)?;
        pos.open_shares = inc(pos.open_shares)?;
    }
    if round.status == ROUND_CHARGING && round.unregistered == 0 {
        round.status = ROUND_FINAL;
    }
    Ok(RoundShare { claim, charged: 0 })
}

/// Brings what a share has paid to what it owes now; in a final round the share is thereby done.
fn charge(market: &mut PerpMarket, round: &mut DeficitRound, pos: &mut Position, share: &mut RoundShare) -> RiskResult<i64> {
    let owed = round.charge_on(share.claim)?;
    let due = minus(owed, share.charged)?;
    pos.quote = minus(pos.quote, due)?;
    market.clearing_quote = plus(market.clearing_quote, due)?;
    round.collected = plus(round.collected, due)?;
    share.charged = owed;
    if round.status == ROUND_FINAL {
        round.shares = dec(round.shares)?;
        pos.open_shares = dec(pos.open_shares)?;
        *share = RoundShare::default();
    }
    Ok(due)
}

/// Frees a finished round's slot: what rounding collected beyond the deficit is the tranche's, what claims could not cover waits for the
/// next round.
fn release(market: &mut PerpMarket, index: usize, round: &DeficitRound) -> RiskResult<()> {
    let difference = minus(round.collected, round.deficit)?;
    let surplus = difference.max(0);
    let tranche_quote = plus(market.tranche_quote, surplus)?;
    let clearing_quote = minus(market.clearing_quote, surplus)?;
    let pending_deficit = minus(market.pending_deficit, difference.min(0))?;
    *market.rounds.get_mut(index).ok_or(RiskError::Overflow)? = DeficitRound::default();
    market.tranche_quote = tranche_quote;
    market.clearing_quote = clearing_quote;
    market.pending_deficit = pending_deficit;
    Ok(())
}
