//! Liquidation: when an account may be taken from its owner's hands, how much of it, at what price, and who is paid.
//!
//! One step is: [`transition`] (is the account liquidatable?) → [`size_slice`] and [`LiquidationState::offer`] (how many lots of one leg)
//! → fills on the book no worse than [`takeover_price`] with [`book_penalty`], or a [`takeover`] by the caller →
//! [`check_liquidatee`] and [`check_liquidator`] on the healths computed afresh → [`LiquidationState::record`].
//!
//! Everything is a pure function of plain values; the caller moves lots with the perp accounting and adds the penalty parts to the quote
//! balances named in [`Takeover`]. RULES 6.1–6.3.

mod checks;
mod every_leg;
mod params;
mod penalty;
mod slice;
mod slice_search;
mod state;
#[cfg(test)]
mod tests;

pub use checks::{check_liquidatee, check_liquidator, Violation};
pub use every_leg::{
    check_slice, part_of, part_of_balance, size_portfolio_slice, slice_cost, PortfolioSlice, PortfolioView, SliceViolation, COST_FALL,
    COST_RAMP, COST_RAMP_END, COST_START, PARTS,
};
pub use params::LiquidationParams;
pub use penalty::{book_penalty, penalty_rate, takeover, takeover_price, LegView, Penalty, Takeover};
pub use slice::{pause, size_slice, takeover_is_open, SliceSize};
pub use state::{note_adl, transition, transition_shown, AccountState, LiquidationState, Reason, Sample, Slice, Transition, SLICE_SLOTS};
