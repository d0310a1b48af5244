//! One instruction, one file; grouped by who calls it.

pub mod governance;
pub mod insurance;
pub mod keeper;
pub mod liquidation;
pub mod trader;

pub use governance::*;
pub use insurance::*;
pub use keeper::*;
pub use liquidation::*;
pub use trader::*;
