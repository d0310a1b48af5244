//! One instruction, one file; grouped by who calls it.

pub mod governance;
pub mod insurance;
pub mod keeper;
pub mod liquidation;
pub mod trader;
