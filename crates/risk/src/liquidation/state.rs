//! The liquidation state of an account (RULES 6.1) and the samples that move it (RULES 2.2).

use super::params::LiquidationParams;
use super::slice::SliceSize;
use crate::error::{RiskError, RiskResult};
use crate::margin::{Health, Shortfall, MAX_LEGS};
use crate::units::{Lots, Quote, Secs};
use bytemuck::{Pod, Zeroable};

/// Slices are paced per leg: one slot for each of the account's markets.
pub const SLICE_SLOTS: usize = MAX_LEGS;

/// Where an account stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u32)]
pub enum AccountState {
    /// E ≥ T.
    #[default]
    Healthy = 0,
    /// E < T: anyone cancels risk-increasing orders.
    Warned = 1,
    /// Was below MM and has not reached T since.
    Liquidating = 2,
    /// Slices are auctioned. No transition of this version leads here.
    Auction = 3,
    /// No equity and nothing left to sell: to be resolved.
    Bankrupt = 4,
}

impl TryFrom<u32> for AccountState {
    type Error = RiskError;

    fn try_from(raw: u32) -> RiskResult<Self> {
        match raw {
            0 => Ok(Self::Healthy),
            1 => Ok(Self::Warned),
            2 => Ok(Self::Liquidating),
            3 => Ok(Self::Auction),
            4 => Ok(Self::Bankrupt),
            _ => Err(RiskError::WrongState),
        }
    }
}

impl AccountState {
    /// The stored form.
    pub const fn raw(self) -> u32 {
        match self {
            Self::Healthy => 0,
            Self::Warned => 1,
            Self::Liquidating => 2,
            Self::Auction => 3,
            Self::Bankrupt => 4,
        }
    }
}

/// Pace of one leg: what is left of the slice that was opened last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct Slice {
    /// When the slice was opened, unix seconds; 0 = never.
    pub opened_at: i64,
    /// Lots of it that are still to be had, ≥ 0.
    pub left: i64,
}

/// Stored in the margin account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct LiquidationState {
    /// [`AccountState`].
    pub state: u32,
    /// Zero.
    pub padding: u32,
    /// Publish time of the first of the two failing samples, 0 = none.
    pub first_fail_publish: i64,
    /// Start of the liquidation's clock; set back on re-entry, so that the clock goes on where it had stopped. 0 = never flagged.
    pub flagged_at: i64,
    /// When the last liquidation cleared, 0 = never.
    pub cleared_at: i64,
    /// End of the grace after an auto-deleveraging, 0 = none.
    pub adl_grace_until: i64,
    /// By position slot of the account.
    pub slices: [Slice; SLICE_SLOTS],
    /// Zero, for later versions.
    pub reserve: [i64; 4],
}

const _: () = assert!(size_of::<LiquidationState>() == 200);
const _: () = assert!(size_of::<Slice>() == 16);

/// The prices a health was computed from, in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// The oldest publish time among the fresh markets of the account, so that two samples differ in every one of them.
    pub publish: Secs,
    /// The chain's clock.
    pub now: Secs,
}

/// Why a state changed, or did not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The condition of the present state still holds.
    Unchanged,
    /// E < T.
    BelowTarget,
    /// E ≥ T again without having been liquidated.
    Recovered,
    /// Below MM for the first time: a second sample is needed.
    FirstSample,
    /// Below MM, but the sample is too old to start on.
    SampleTooOld,
    /// Below MM only by an auto-deleveraging, and the grace is running.
    AdlGrace,
    /// Below MM in two samples.
    SecondSample,
    /// Below half of MM: one sample is enough.
    BelowHalf,
    /// E ≥ T: the liquidation ends.
    Cleared,
    /// No equity and nothing to sell.
    NothingToSell,
    /// A bankrupt account has equity or something to sell again, by a price, a deposit or its resolution.
    EquityReturned,
}

/// Result of [`transition`]; `next` is to be stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transition {
    /// State before.
    pub from: AccountState,
    /// State after.
    pub to: AccountState,
    /// What decided.
    pub reason: Reason,
    /// Whether a liquidation started here that resumes an old clock.
    pub is_reentry: bool,
    /// The state to store.
    pub next: LiquidationState,
}

/// Moves the state to what the health demands. Idempotent for one sample.
///
/// `sellable` is the value of volatile collateral that could still be sold. The start of a liquidation looks at the trigger equity
/// (favourable edge), everything else at E. Errors: [`RiskError::WrongState`] for a stored state that is none, [`RiskError::Overflow`].
pub fn transition(
    state: &LiquidationState,
    health: &Health,
    sellable: Quote,
    sample: Sample,
    params: &LiquidationParams,
) -> RiskResult<Transition> {
    let &Health { equity, equity_trigger, mm, target, .. } = health;
    transition_of(state, &Standing { equity, equity_trigger, mm, target }, sellable, sample, params)
}

/// [`transition`] of an account that a witness shows below MM (RULES 4.6): what it does, the full check would do as well.
///
/// The lower bound stands for MM and T. It is above E_tr and E, so that nothing recovers or clears by it; and where it decides less than MM
/// would, between a first sample and E_tr < ½ MM, it does less. Errors: [`RiskError::WrongState`] where nothing is shown; as [`transition`].
pub fn transition_shown(
    state: &LiquidationState,
    shown: &Shortfall,
    sellable: Quote,
    sample: Sample,
    params: &LiquidationParams,
) -> RiskResult<Transition> {
    if !shown.is_shown() {
        return Err(RiskError::WrongState);
    }
    let &Shortfall { equity, equity_trigger, requirement } = shown;
    transition_of(state, &Standing { equity, equity_trigger, mm: requirement, target: requirement }, sellable, sample, params)
}

/// The measures that a state depends on.
struct Standing {
    equity: Quote,
    equity_trigger: Quote,
    mm: Quote,
    target: Quote,
}

fn transition_of(
    state: &LiquidationState,
    health: &Standing,
    sellable: Quote,
    sample: Sample,
    params: &LiquidationParams,
) -> RiskResult<Transition> {
    let from = AccountState::try_from(state.state)?;
    let mut next = *state;
    let mut is_reentry = false;
    let (mut to, mut reason) = match from {
        AccountState::Healthy | AccountState::Warned => {
            let start = start(&mut next, health, sample, params)?;
            if matches!(start, Reason::SecondSample | Reason::BelowHalf) {
                is_reentry = flag(&mut next, sample.now, params)?;
                (AccountState::Liquidating, start)
            } else {
                watched(from, start, health)
            }
        }
        AccountState::Liquidating | AccountState::Auction if is_cured(health) => (AccountState::Healthy, Reason::Cleared),
        AccountState::Liquidating | AccountState::Auction => (from, Reason::Unchanged),
        AccountState::Bankrupt if is_cured(health) => (AccountState::Healthy, Reason::Cleared),
        AccountState::Bankrupt if is_bankrupt(health, sellable, params) => (from, Reason::Unchanged),
        AccountState::Bankrupt => (AccountState::Liquidating, Reason::EquityReturned),
    };
    if matches!(to, AccountState::Liquidating | AccountState::Auction) && is_bankrupt(health, sellable, params) {
        (to, reason) = (AccountState::Bankrupt, Reason::NothingToSell);
    }
    if reason == Reason::Cleared {
        clear(&mut next, sample.now);
    }
    next.state = to.raw();
    Ok(Transition { from, to, reason, is_reentry, next })
}

/// E ≥ T (RULES 6.1); the trigger, never below E, passes then too.
fn is_cured(health: &Standing) -> bool {
    health.equity >= health.target
}

/// E < 0, or E = 0 under open risk (such an account may neither trade nor be taken over), and nothing worth selling (RULES 6.1).
fn is_bankrupt(health: &Standing, sellable: Quote, params: &LiquidationParams) -> bool {
    let has_no_equity = health.equity.is_negative() || (health.equity.is_zero() && health.mm.is_positive());
    has_no_equity && sellable < params.bankrupt_value
}

/// Whether a liquidation may start (RULES 2.2), noting the first failing sample.
fn start(next: &mut LiquidationState, health: &Standing, sample: Sample, params: &LiquidationParams) -> RiskResult<Reason> {
    let trigger = health.equity_trigger;
    if trigger >= health.mm {
        next.first_fail_publish = 0;
        return Ok(Reason::Unchanged);
    }
    let doubled = trigger.add(trigger)?;
    if doubled > health.mm && sample.now.raw() < next.adl_grace_until {
        return Ok(Reason::AdlGrace);
    }
    let is_fresh = sample.now.sub(sample.publish)? <= params.sample_age;
    if doubled < health.mm && is_fresh {
        return Ok(Reason::BelowHalf);
    }
    let since_first = sample.publish.sub(Secs::new(next.first_fail_publish))?;
    if next.first_fail_publish == 0 || since_first > params.sample_window {
        next.first_fail_publish = sample.publish.raw();
        return Ok(Reason::FirstSample);
    }
    if since_first < params.sample_gap {
        return Ok(Reason::FirstSample);
    }
    Ok(if is_fresh { Reason::SecondSample } else { Reason::SampleTooOld })
}

/// Healthy or warned, for an account that is not to be liquidated now.
fn watched(from: AccountState, start: Reason, health: &Standing) -> (AccountState, Reason) {
    let to = if health.equity >= health.target && start == Reason::Unchanged { AccountState::Healthy } else { AccountState::Warned };
    let reason = match (start, from, to) {
        (Reason::Unchanged, AccountState::Healthy, AccountState::Warned) => Reason::BelowTarget,
        (Reason::Unchanged, AccountState::Warned, AccountState::Healthy) => Reason::Recovered,
        _ => start,
    };
    (to, reason)
}

/// Starts the clock, or lets the old one go on; whether it was the old one.
fn flag(next: &mut LiquidationState, now: Secs, params: &LiquidationParams) -> RiskResult<bool> {
    let since_cleared = now.sub(Secs::new(next.cleared_at))?;
    let is_reentry = next.cleared_at != 0 && since_cleared <= params.reentry;
    let had_run = if is_reentry { Secs::new(next.cleared_at).sub(Secs::new(next.flagged_at))? } else { Secs::ZERO };
    next.flagged_at = now.sub(had_run)?.raw();
    next.first_fail_publish = 0;
    Ok(is_reentry)
}

fn clear(next: &mut LiquidationState, now: Secs) {
    next.cleared_at = now.raw();
    next.first_fail_publish = 0;
    next.adl_grace_until = 0;
    next.slices = [Slice::default(); SLICE_SLOTS];
}

/// Starts the grace of RULES 7.5 when touching the side index, and nothing else, took an account from at least MM to below it.
///
/// `before` and `after` are the healths at the same prices without and with the index. An account already in liquidation gets none.
/// Errors: [`RiskError::WrongState`], [`RiskError::Overflow`].
pub fn note_adl(
    state: &LiquidationState,
    before: &Health,
    after: &Health,
    now: Secs,
    params: &LiquidationParams,
) -> RiskResult<LiquidationState> {
    let mut next = *state;
    let is_watched = matches!(AccountState::try_from(state.state)?, AccountState::Healthy | AccountState::Warned);
    if is_watched && before.equity_trigger >= before.mm && after.equity_trigger < after.mm {
        next.adl_grace_until = now.add(params.adl_grace)?.raw();
    }
    Ok(next)
}

impl LiquidationState {
    /// The stored state. Errors: [`RiskError::WrongState`].
    pub fn state(&self) -> RiskResult<AccountState> {
        AccountState::try_from(self.state)
    }

    /// Time on the liquidation's clock. Errors: [`RiskError::Overflow`].
    pub fn elapsed(&self, now: Secs) -> RiskResult<Secs> {
        now.sub(Secs::new(self.flagged_at)).map(Secs::positive_part)
    }

    /// Lots of the leg in `slot` that may be taken now: what is left of its slice, or a new one once the pause is over.
    ///
    /// A slice that was begun stays open to everybody, so that taking one lot cannot block the rest for a pause.
    /// Errors: [`RiskError::QuantityOutOfRange`] for a slot that is none, [`RiskError::Overflow`].
    pub fn offer(&self, slot: usize, size: &SliceSize, pause: Secs, now: Secs) -> RiskResult<Lots> {
        let slice = self.slices.get(slot).ok_or(RiskError::QuantityOutOfRange)?;
        let is_paced = slice.is_running(pause, now)? && !size.is_whole_leg;
        Ok(if is_paced { size.lots.min(Lots::new(slice.left)) } else { size.lots })
    }

    /// Notes that `taken` lots (≥ 0) of the leg in `slot` went, out of what [`Self::offer`] allowed with the same arguments.
    ///
    /// Errors: [`RiskError::QuantityOutOfRange`] for a slot that is none or a negative count, [`RiskError::Overflow`].
    pub fn record(&mut self, slot: usize, size: &SliceSize, taken: Lots, pause: Secs, now: Secs) -> RiskResult<()> {
        let slice = self.slices.get_mut(slot).ok_or(RiskError::QuantityOutOfRange)?;
        if taken.is_negative() {
            return Err(RiskError::QuantityOutOfRange);
        }
        if !slice.is_running(pause, now)? {
            *slice = Slice { opened_at: now.raw(), left: size.quota.raw() };
        }
        slice.left = Lots::new(slice.left).sub(taken)?.positive_part().raw();
        Ok(())
    }
}

impl Slice {
    fn is_running(&self, pause: Secs, now: Secs) -> RiskResult<bool> {
        Ok(self.opened_at != 0 && now < Secs::new(self.opened_at).add(pause)?)
    }
}
