//! Stored state of a perp market and of a position in it: plain 8-aligned integers, mirrored field by field by the account layouts.

use super::fund::FundWindow;
use super::math::plus;
use crate::error::RiskResult;
use crate::units::{Lots, Quote, Ratio, Secs};
use bytemuck::{Pod, Zeroable};
use core::mem::{align_of, size_of};

/// 1.0 of the side multiplier `a` (Q48).
pub const A_ONE: u64 = 1 << A_BITS;
/// Fraction bits of `a`.
pub const A_BITS: u32 = 48;
/// Below this multiplier (2⁻¹⁶) an epoch closes, so that 32 bits of precision always remain.
pub const A_MIN: u64 = 1 << 32;
/// Fraction bits of `k` and `f`.
pub const INDEX_BITS: u32 = 32;
/// Closed epochs a side remembers for positions that have not been touched since.
pub const RECORDS: usize = 4;
/// Deficit rounds a market can have open at once.
pub const ROUNDS: usize = 4;

/// Closing state of an epoch, kept until every position that lived in it has been touched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct EpochRecord {
    /// Final multiplier, Q48.
    pub a: u64,
    /// Final forced-close index, Q32 atoms per basis lot.
    pub k: i64,
    /// Final funding index, Q32 atoms per basis lot.
    pub f: i64,
    /// The epoch this closes.
    pub epoch: u32,
    /// Positions that have not passed it yet; 0 = the slot is free.
    pub remaining: u32,
}

/// One side (longs or shorts) of a market. A position with basis `b` stored at (`a0`, `k0`, `f0`) has ⌊b·a/a0⌋ lots left, has earned
/// b·(k − k0)/a0 from forced closes and owes b·(f − f0)/a0 of funding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct Side {
    /// What is left of a basis lot, Q48; 1.0 when the epoch starts.
    pub a: u64,
    /// Credited for forced closes per basis lot, Q32 atoms.
    pub k: i64,
    /// Funding owed per basis lot, Q32 atoms.
    pub f: i64,
    /// Lots on this side: those of positions plus the fractions rounding has left with the tranche. Equal on both sides.
    pub open_interest: i64,
    /// Number of the running epoch.
    pub epoch: u32,
    /// Positions that hold a basis on this side, touched or not.
    pub live_positions: u32,
    /// Closed epochs, at index `epoch % RECORDS`.
    pub records: [EpochRecord; RECORDS],
}

impl Default for Side {
    fn default() -> Self {
        Self { a: A_ONE, k: 0, f: 0, open_interest: 0, epoch: 0, live_positions: 0, records: [EpochRecord::default(); RECORDS] }
    }
}

/// [`DeficitRound::status`]: the slot is unused.
pub const ROUND_FREE: u32 = 0;
/// [`DeficitRound::status`]: claims are being registered, nobody is charged yet.
pub const ROUND_REGISTERING: u32 = 1;
/// [`DeficitRound::status`]: the cut is known; positions not yet seen may still join and lower it.
pub const ROUND_CHARGING: u32 = 2;
/// [`DeficitRound::status`]: every position has been seen; the cut is final and the last refunds are paid at the next touches.
pub const ROUND_FINAL: u32 = 3;

/// One deficit shared by the claims of its market (RULES 7.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct DeficitRound {
    /// 1-based number, consecutive in the market; lives in slot `id % ROUNDS`. 0 = unused.
    pub id: u32,
    /// One of the `ROUND_*` constants.
    pub status: u32,
    /// Positions open at its opening that have not been touched since.
    pub unregistered: u32,
    /// Positions that hold a share in it.
    pub shares: u32,
    /// The price claims are measured at, atoms per lot.
    pub price: i64,
    /// When it opened, seconds.
    pub opened_at: i64,
    /// What is to be taken from claims, atoms.
    pub deficit: i64,
    /// Σ claims registered, atoms.
    pub claims: i64,
    /// Σ charges less refunds so far, atoms.
    pub collected: i64,
}

/// A perp market's books.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct PerpMarket {
    /// Holders of positive lots.
    pub long: Side,
    /// Holders of negative lots.
    pub short: Side,
    /// Tokens held for this market's PnL, atoms ≥ 0.
    pub pool: i64,
    /// Lots in transit between positions and the residue of roundings.
    pub clearing_lots: i64,
    /// Atoms in transit: accrued but not collected funding, forced closes, deficits not charged yet.
    pub clearing_quote: i64,
    /// The tranche's claim on the pool (negative: booked against its next inflow), atoms.
    pub tranche_quote: i64,
    /// Tokens of the tranche, atoms ≥ 0.
    pub tranche_cash: i64,
    /// Tokens of the protocol from this market's fees, atoms ≥ 0.
    pub fees: i64,
    /// Σ position.matured, atoms.
    pub matured_total: i64,
    /// Deficit that waits in clearing for a round, atoms ≥ 0.
    pub pending_deficit: i64,
    /// Rounding remainders in clearing that belong to nobody, Q32 of an atom, below 1.0.
    pub dust: u64,
    /// Positions that are not empty.
    pub positions: u32,
    /// Id of the newest round.
    pub last_round: u32,
    /// Deficit rounds, at index `id % ROUNDS`.
    pub rounds: [DeficitRound; ROUNDS],
    /// What the insurance fund has paid for this market.
    pub fund_window: FundWindow,
    /// The hour in which keepers were last rewarded, seconds / 3,600.
    pub reward_hour: i64,
    /// What they were paid in that hour, atoms.
    pub rewarded: i64,
    /// Zero.
    pub reserve: [u64; 6],
}

/// A position's part in a deficit round, in the slot of that round.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct RoundShare {
    /// Profit at the round's price, atoms; 0 = no share.
    pub claim: i64,
    /// Charged so far, atoms, ≤ `claim`.
    pub charged: i64,
}

/// One account's position in one perp market.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct Position {
    /// Basis lots as of the last touch; positive = long.
    pub lots: i64,
    /// Quote balance, atoms; minus the entry cost of a long plus what is realised but unsettled.
    pub quote: i64,
    /// `Side::a` at the last touch, Q48.
    pub a0: u64,
    /// `Side::k` at the last touch, Q32 atoms per basis lot.
    pub k0: i64,
    /// `Side::f` at the last touch, Q32 atoms per basis lot.
    pub f0: i64,
    /// `Side::epoch` at the last touch.
    pub epoch: u32,
    /// Newest deficit round this position has registered in.
    pub round: u32,
    /// Number of its `shares` in use.
    pub open_shares: u32,
    /// Zero.
    pub padding: u32,
    /// Parts in deficit rounds, at index `round id % ROUNDS`.
    pub shares: [RoundShare; ROUNDS],
    /// Claim that has matured and may be settled, atoms.
    pub matured: i64,
    /// Claim that matures linearly from `touched_at` to `vesting_end`, atoms.
    pub vesting: i64,
    /// When `vesting` has matured, seconds.
    pub vesting_end: i64,
    /// Since when touches have found an unsettled loss, seconds; 0 = none.
    pub loss_since: i64,
    /// Last touch, seconds.
    pub touched_at: i64,
    /// Size-weighted opening time, seconds; 0 = flat.
    pub opened_at: i64,
    /// Lots of resting bids.
    pub bids: i64,
    /// Lots of resting asks.
    pub asks: i64,
    /// Value of resting bids at their prices, atoms.
    pub bids_value: i64,
    /// Value of resting asks at their prices, atoms.
    pub asks_value: i64,
    /// Margin reserved for resting orders (RULES 5.3), atoms.
    pub reserved: i64,
    /// Lots that auto-deleveraging has added of late, opposite in sign to the position (RULES 7.5); 0 = none.
    pub adl_lots: i64,
    /// Quote balance that came with them, atoms.
    pub adl_quote: i64,
    /// When the last of them came, seconds.
    pub adl_at: i64,
}

/// How long a position remembers what auto-deleveraging did to it. [While it does, its slot stays: nobody can end a grace by having a
/// closed leg forgotten.]
pub const ADL_MEMORY: Secs = Secs::new(600);

impl Position {
    /// Signed lots, valid after a touch.
    pub const fn lots(&self) -> Lots {
        Lots::new(self.lots)
    }

    /// Quote balance, valid after a touch.
    pub const fn quote(&self) -> Quote {
        Quote::new(self.quote)
    }

    /// Nothing is held, owed or shared: the position does not count in the market's books.
    pub const fn is_empty(&self) -> bool {
        self.lots == 0 && self.quote == 0 && self.open_shares == 0
    }

    /// Forgets what rests on books for this position.
    pub const fn clear_orders(&mut self) {
        self.bids = 0;
        self.asks = 0;
        self.bids_value = 0;
        self.asks_value = 0;
        self.reserved = 0;
    }

    /// Leaves nothing but a balance: the market's price is final, no order will fill, and no forced close is one any more.
    pub const fn settle_out(&mut self) {
        self.clear_orders();
        self.adl_lots = 0;
        self.adl_quote = 0;
        self.adl_at = 0;
    }

    /// Empty and without resting orders or a memory of deleveraging: the account's slot may be given to another market.
    pub const fn is_free(&self) -> bool {
        self.is_empty() && self.bids == 0 && self.asks == 0 && self.reserved == 0 && self.adl_lots == 0
    }

    /// Lots and quote balance that auto-deleveraging has added within [`ADL_MEMORY`] of `now`, and when.
    pub const fn deleveraged(&self, now: Secs) -> Option<(Lots, Quote, Secs)> {
        if self.adl_lots == 0 || now.raw().saturating_sub(self.adl_at) >= ADL_MEMORY.raw() {
            return None;
        }
        Some((Lots::new(self.adl_lots), Quote::new(self.adl_quote), Secs::new(self.adl_at)))
    }

    /// Adds a forced close to what is remembered, which begins anew once [`ADL_MEMORY`] has passed. Errors: [`crate::RiskError::Overflow`].
    pub(super) fn remember_adl(&mut self, lots: i64, quote: i64, now: Secs) -> RiskResult<()> {
        let (old_lots, old_quote) = self.deleveraged(now).map_or((0, 0), |(lots, quote, _)| (lots.raw(), quote.raw()));
        (self.adl_lots, self.adl_quote) = (plus(old_lots, lots)?, plus(old_quote, quote)?);
        self.adl_at = now.raw();
        Ok(())
    }

    /// Forgets deleveraging that is older than [`ADL_MEMORY`].
    pub(super) const fn forget_adl(&mut self, now: Secs) {
        if self.adl_lots != 0 && self.deleveraged(now).is_none() {
            self.adl_lots = 0;
            self.adl_quote = 0;
            self.adl_at = 0;
        }
    }
}

/// Governed parameters of the accounting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct PerpParams {
    /// Time over which a claim matures.
    pub maturity: Secs,
    /// Share of a claim that counts for IM (RULES 1.4).
    pub claim_weight: Ratio,
    /// An unsettled loss pays nothing for this long.
    pub carry_delay: Secs,
    /// Share of an unsettled loss paid per hour after the delay.
    pub carry_per_hour: Ratio,
    /// Taker fee as a share of notional.
    pub taker_fee: Ratio,
    /// Maker fee as a share of notional, ≥ 0.
    pub maker_fee: Ratio,
    /// The tranche's share of fees paid in cash.
    pub tranche_share: Ratio,
    /// Deficits below this are booked against the tranche's next inflow.
    pub small_deficit: Quote,
    /// Most the tranche may owe that way.
    pub tranche_debt_max: Quote,
    /// How long a deficit round registers claims.
    pub registration: Secs,
    /// Most the fund pays for this market in a window.
    pub fund_market_cap: Quote,
    /// Most the fund pays for this market in a window, as a share of the fund at its start.
    pub fund_window_share: Ratio,
    /// What the fund pays in a window beyond what the tranche has earned.
    pub fund_allowance: Quote,
}

impl Default for PerpParams {
    /// Defaults for a major; other markets mature over 14,400 s.
    fn default() -> Self {
        Self {
            maturity: Secs::new(900),
            claim_weight: Ratio::of(9, 10),
            carry_delay: Secs::new(3_600),
            carry_per_hour: Ratio::of(1, 10_000),
            taker_fee: Ratio::of(5, 10_000),
            maker_fee: Ratio::of(1, 10_000),
            tranche_share: Ratio::of(1, 2),
            small_deficit: Quote::new(100_000_000),
            tranche_debt_max: Quote::new(1_000_000_000),
            registration: Secs::new(60),
            fund_market_cap: Quote::new(1_000_000_000_000),
            fund_window_share: Ratio::of(1, 4),
            fund_allowance: Quote::new(50_000_000_000),
        }
    }
}

const _: () = assert!(size_of::<Side>() == 168 && align_of::<Side>() == 8);
const _: () = assert!(size_of::<DeficitRound>() == 56);
const _: () = assert!(size_of::<PerpMarket>() == 800 && align_of::<PerpMarket>() == 8);
const _: () = assert!(size_of::<Position>() == 232 && align_of::<Position>() == 8);
const _: () = assert!(size_of::<PerpParams>() == 104);
