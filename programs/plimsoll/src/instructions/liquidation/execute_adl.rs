//! Closes a bankrupt account's lots at the oracle price against registered candidates (RULES 7.2). Anyone, once registration is over. The first call
//! fixes all cuts by water-filling; every call then executes those of the candidates it is passed. In what order or company they are passed changes
//! nobody's cut.

use crate::bankrupt::{Bankrupt, Told};
use crate::emit::emit;
use crate::errors::{OrRefuse, PlimsollError};
use crate::events::{AdlCut, AdlExecuted, Balance, Moved};
use crate::portfolio::Roster;
use crate::position::touch_slot;
use anchor_lang::prelude::*;
use plimsoll_risk::book::Key as BookKey;
use plimsoll_risk::perp::adl_match;
use plimsoll_risk::{Lots, Secs};
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

/// window → judge → fix the cuts → close → event.
pub(crate) fn handler<'info>(ctx: Context<'info, ExecuteAdl<'info>>) -> Result<()> {
    let clock = Clock::get()?;
    let accounts = &ctx.accounts;
    let (market_key, key) = (accounts.market.key(), accounts.margin_account.key());
    let now = Secs::new(clock.unix_timestamp);
    let mut round = accounts.adl_round.load_mut()?;
    require!(round.is_executing(now), PlimsollError::AdlWindow);
    let roster = Roster::new(ctx.remaining_accounts);
    let mut bankrupt = Bankrupt::load(&accounts.market, &accounts.margin_account, &roster, now)?;
    round.fix(bankrupt.lots.abs().or_refuse()?, bankrupt.mark).or_refuse()?;
    let mut cuts = Vec::new();
    for (loader, candidate_key) in candidates(&roster, &key)? {
        // Somebody else may have been faster.
        let Some((rank, listed)) = round.cut_of(&BookKey::from_bytes(candidate_key.to_bytes())) else { continue };
        let cut = cut(&mut bankrupt, &mut *loader.load_mut()?, &market_key, listed.cut, now)?;
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
    let (planned, fixed_at) = (round.planned, round.price);
    let (lots, price) = (bankrupt.lots.raw(), bankrupt.mark.raw());
    drop(round);
    let Told { header, moved, balance, books } = bankrupt.finish(&clock, market_key, key)?;
    emit(&AdlExecuted { header, lots, price, fixed_at, planned, cuts, moved, balance, books }, &ctx.accounts.event_authority)?;
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
fn cut(bankrupt: &mut Bankrupt<'_>, candidate: &mut MarginAccount, market_key: &Pubkey, planned: i64, now: Secs) -> Result<Cut> {
    let Some(slot) = candidate.perp_index(market_key) else {
        return Ok(Cut { closed: Lots::ZERO, moved: None, balance: Balance { cash: candidate.cash, lots: 0, quote: 0 } });
    };
    let Bankrupt { market, account, slot: own_slot, touched: own_touched, mark, .. } = bankrupt;
    let touched = touch_slot(market, candidate, slot, now)?;
    let (_, position) = candidate.cash_and_position(slot).or_refuse()?;
    let (_, own) = account.cash_and_position(*own_slot).or_refuse()?;
    let is_against = own.lots != 0 && position.lots != 0 && own.lots().is_negative() != position.lots().is_negative();
    let closed = if is_against {
        let wanted = AdlRound::bounded(planned, position.lots()).or_refuse()?;
        adl_match(&mut market.perp, (own, own_touched), (position, &touched), wanted, *mark).or_refuse()?
    } else {
        Lots::ZERO
    };
    candidate.invariant().or_refuse()?;
    Ok(Cut { closed, moved: Moved::of(&touched), balance: Balance::of(candidate, slot) })
}
