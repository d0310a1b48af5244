//! Closes a bankrupt account's lots at the oracle price against registered candidates (RULES 7.2). Anyone, once registration is over. The first call
//! fixes all cuts by water-filling; every call then executes those of the candidates it is passed. In what order or company they are passed changes
//! nobody's cut.

use crate::errors::{OrRefuse, PlimsollError};
use crate::events::{AdlCut, AdlExecuted, Balance, Books, Header, Moved};
use crate::forced::judge_bankrupt;
use crate::portfolio::Roster;
use crate::position::{require_market, touch_slot};
use anchor_lang::prelude::*;
use plimsoll_risk::book::Key as BookKey;
use plimsoll_risk::oracle::Action;
use plimsoll_risk::perp::{adl_match, Touched};
use plimsoll_risk::{Lots, Price, Secs};
use plimsoll_state::{AdlRound, MarginAccount, Market};

/// Accounts of `execute_adl`. Remaining: the bankrupt account's other markets and its collaterals, then candidates (writable).
#[event_cpi]
#[derive(Accounts)]
pub struct ExecuteAdl<'info> {
    /// The market.
    #[account(mut)]
    pub market: AccountLoader<'info, Market>,
    /// The bankrupt account.
    #[account(mut)]
    pub margin_account: AccountLoader<'info, MarginAccount>,
    /// Its round.
    #[account(mut, has_one = market @ PlimsollError::WrongMarket, has_one = margin_account @ PlimsollError::WrongMarket)]
    pub adl_round: AccountLoader<'info, AdlRound>,
}

impl ExecuteAdl<'_> {
    fn validate(&self, now: Secs) -> Result<usize> {
        require!(self.adl_round.load()?.is_executing(now), PlimsollError::AdlWindow);
        require_market(&*self.market.load()?, Action::Deleverage, now)?;
        self.margin_account.load()?.perp_index(&self.market.key()).ok_or(PlimsollError::NoPosition.into())
    }
}

/// judge → fix the cuts → close → event.
pub(crate) fn handler<'info>(ctx: Context<'info, ExecuteAdl<'info>>) -> Result<()> {
    let clock = Clock::get()?;
    let now = Secs::new(clock.unix_timestamp);
    let slot = ctx.accounts.validate(now)?;
    let (market_key, key) = (ctx.accounts.market.key(), ctx.accounts.margin_account.key());
    let roster = Roster::new(ctx.remaining_accounts);
    let mut market = ctx.accounts.market.load_mut()?;
    let mut account = ctx.accounts.margin_account.load_mut()?;
    let mut round = ctx.accounts.adl_round.load_mut()?;
    let touched = judge_bankrupt(&mut market, &market_key, &mut account, slot, &roster, now)?;
    let mark = market.mark().or_refuse()?;
    let before = account.position(slot).or_refuse()?.lots();
    round.fix(before.abs().or_refuse()?, mark).or_refuse()?;
    let mut cuts = Vec::new();
    for (loader, candidate_key) in candidates(&roster, &key)? {
        let book_key = BookKey::from_bytes(candidate_key.to_bytes());
        // Somebody else may have been faster.
        let Some((rank, listed)) = round.cut_of(&book_key) else { continue };
        let mut candidate = loader.load_mut()?;
        let cut = cut(&mut market, (&mut account, slot, &touched), &mut candidate, &market_key, listed.cut, mark, now)?;
        round.record(rank, cut.closed).or_refuse()?;
        cuts.push(AdlCut {
            account: candidate_key,
            rank: u8::try_from(rank).map_err(|_| PlimsollError::Overflow)?,
            exposure: listed.exposure,
            equity: listed.equity,
            planned: listed.cut,
            closed: cut.closed.raw(),
            moved: cut.moved,
            balance: cut.balance,
        });
    }
    require!(!cuts.is_empty(), PlimsollError::NotACandidate);
    account.sequence = account.sequence.wrapping_add(1);
    market.sequence = market.sequence.wrapping_add(1);
    account.invariant().or_refuse()?;
    market.invariant().or_refuse()?;
    let header = Header::new(&clock, market_key, key, account.sequence);
    let (planned, fixed_at) = (round.planned, round.price);
    let (balance, books) = (Balance::of(&account, slot), Books::of(&market));
    drop((market, account, round));
    let moved = Moved::of(&touched);
    emit_cpi!(AdlExecuted { header, lots: before.raw(), price: mark.raw(), fixed_at, planned, cuts, moved, balance, books });
    Ok(())
}

/// The margin accounts among the remaining accounts but the bankrupt one.
fn candidates<'info>(roster: &Roster<'info>, failing: &Pubkey) -> Result<Vec<(AccountLoader<'info, MarginAccount>, Pubkey)>> {
    let mut passed = Vec::new();
    for info in roster.infos() {
        // What is borrowed already is named in the instruction.
        let is_margin_account = info.owner == &crate::ID && info.try_borrow_data().is_ok_and(|bytes| bytes.starts_with(MarginAccount::TAG));
        if is_margin_account && info.key != failing {
            require!(info.is_writable, PlimsollError::NotWritable);
            passed.push((AccountLoader::try_from(info)?, *info.key));
        }
    }
    Ok(passed)
}

/// One executed cut.
struct Cut {
    closed: Lots,
    moved: Option<Moved>,
    balance: Balance,
}

/// Touches the candidate and closes what its position still allows of the cut; nothing if it has left the side meanwhile.
#[inline(never)]
fn cut(
    market: &mut Market,
    failing: (&mut MarginAccount, usize, &Touched),
    candidate: &mut MarginAccount,
    market_key: &Pubkey,
    planned: i64,
    mark: Price,
    now: Secs,
) -> Result<Cut> {
    let Some(slot) = candidate.perp_index(market_key) else {
        return Ok(Cut { closed: Lots::ZERO, moved: None, balance: Balance { cash: candidate.cash, lots: 0, quote: 0 } });
    };
    let touched = touch_slot(market, candidate, slot, now)?;
    let (_, position) = candidate.cash_and_position(slot).or_refuse()?;
    let (account, index, failing_touched) = failing;
    let (_, own) = account.cash_and_position(index).or_refuse()?;
    let is_against = own.lots != 0 && position.lots != 0 && own.lots().is_negative() != position.lots().is_negative();
    let wanted = AdlRound::bounded(planned, position.lots()).or_refuse()?;
    let closed = if is_against {
        adl_match(&mut market.perp, (own, failing_touched), (position, &touched), wanted, mark).or_refuse()?
    } else {
        Lots::ZERO
    };
    candidate.sequence = candidate.sequence.wrapping_add(1);
    candidate.invariant().or_refuse()?;
    Ok(Cut { closed, moved: Moved::of(&touched), balance: Balance::of(candidate, slot) })
}
