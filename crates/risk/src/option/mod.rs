//! Option mathematics: the normal distribution, Black-76 and its Greeks, implied volatility, volatility surfaces.
//!
//! Options are European on a forward and cash-settled; nothing is discounted. Formulas, bounds and worked examples: `docs/options.md`.

pub mod black76;
mod cdf_table;
pub mod implied;
pub mod normal;
mod normal_table;
pub mod smile;
pub mod surface;

pub use black76::{Black76, Contract, Greeks};
pub use implied::implied_volatility;
pub use smile::{Curve, Smile, TimeRoot};
pub use surface::{Measured, SurfaceParams, SurfaceRefusal, SurfaceState};

use crate::units::{Ratio, Secs};

/// Right of an option.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum OptionKind {
    /// Pays max(settlement − strike, 0).
    #[default]
    Call = 0,
    /// Pays max(strike − settlement, 0).
    Put = 1,
}

/// The year that volatilities are quoted on: 365 days.
pub const YEAR: Secs = Secs::new(365 * 86_400);
/// Shortest time to expiry that is priced; nearer ones are the caller's to value by what is already fixed.
pub const MIN_EXPIRY: Secs = Secs::new(3_600);
/// Longest time to expiry.
pub const MAX_EXPIRY: Secs = Secs::new(2 * YEAR.raw());
/// Lowest annualised volatility, 5 %.
pub const MIN_VOLATILITY: Ratio = Ratio::of(5, 100);
/// Highest annualised volatility, 500 %.
pub const MAX_VOLATILITY: Ratio = Ratio::of(5, 1);
/// Strike and forward are at most this factor apart.
pub const MAX_STRIKE_FACTOR: i64 = 100;
