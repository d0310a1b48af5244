//! Instructions of this group, a file each.
pub mod fund_insurance;
pub use fund_insurance::*;
