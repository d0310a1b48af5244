//! Accounting of one perpetual market: positions, PnL pool, funding, side index, claims, deficits.
//!
//! A position is a pair {lots, quote}; at mark `P` its unsettled PnL is `lots·P + quote`. Buying `q` lots at `p` adds `q` lots and takes
//! `q·p` atoms, selling the reverse; both exact. Two identities hold after every operation (RULES 1.3), see [`views::check_raw`]:
//!
//! - Σ position.lots + clearing_lots = 0
//! - Σ position.quote + clearing_quote + tranche_quote = pool, with pool ≥ 0 and tranche_cash ≥ 0
//!
//! What reaches positions lazily (funding, forced closes through the side index, deficit charges) waits in *clearing*; [`touch()`] moves it
//! to the position. Every later step demands the [`Touched`] token and verifies that the position is still current.
//!
//! | number | unit and scale | range |
//! | --- | --- | --- |
//! | `a` | share of a basis lot that is left, Q48 | 0 ..= 2⁴⁸ |
//! | `k`, `f` | atoms per basis lot at `a` = 1, Q32 | ±2⁶² |
//! | `lots` | base lots, positive = long | ±2³⁰ |
//! | `quote`, pool, tranche | atoms | ±2⁶⁰ |
//!
//! Rounding is against the account: it pays the ceiling, receives the floor, and keeps lots rounded toward zero. The sub-atom remainders
//! are summed in `dust` and move to the market's tranche atom by atom; lot remainders are closed at the mark of the touch and stay in
//! clearing as a real position of the tranche (RULES 7.5).
//!
//! What clearing can hold once every position has been touched, at the mark P:
//!
//! - lots: less than one per touch that followed a forced close, and per epoch walked through;
//! - clearing_quote + clearing_lots·P + pending_deficit: below one atom in all while no side has been closed by force since it was last
//!   unheld; after that 0 to 2 atoms per touch and ¼ atom per position and forced close or accrual, give or take what the lots above gained
//!   or lost since they were taken;
//! - of each deficit round: nothing; what its roundings collected, at most an atom per charge, goes to the tranche.
//!
//! When the last position is gone, [`sweep_dust`] gives the rest to the tranche.
//!
//! Every operation is all-or-nothing: on an error neither market nor position has changed.

pub mod adl;
mod claims;
mod convert;
pub mod deficit;
pub mod fund;
mod math;
pub mod ranking;
pub mod reward;
pub mod settle;
pub mod settlement;
pub mod side_index;
pub mod state;
pub mod touch;
pub mod trade;
pub mod views;

#[cfg(test)]
mod tests;

pub use adl::{adl_close, adl_match, AdlClosed};
pub use convert::{conversion, sale_surplus, Conversion, LossClock, CONVERSION_DISCOUNT};
pub use deficit::{absorb, beyond_tranche, close_round, open_or_extend_round, Absorbed, RoundProgress};
pub use fund::{fund_offer, FundWindow};
pub use ranking::{water_fill, Candidate, CANDIDATES, CANDIDATE_PART};
pub use reward::{candidate_reward, claim_reward, take_reward, REWARD_FLOAT};
pub use settle::{settle_claim, settle_estate, settle_loss, MAX_ESTATE};
pub use settlement::settle_market;
pub use side_index::accrue_funding;
pub use state::{DeficitRound, EpochRecord, PerpMarket, PerpParams, Position, RoundShare, Side, ROUNDS};
pub use touch::{foresee, touch, Touched};
pub use trade::{charge_fee, credit_tranche, shift, trade, FeeSplit};
pub use views::{check_counts, check_raw, claim, round_exposure, sweep_dust, unsettled, virtual_touch};
