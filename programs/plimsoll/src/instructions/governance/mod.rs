//! Instructions of this group, a file each.
pub mod collect_fees;
pub mod create_collateral;
pub mod create_group;
pub mod create_market;
pub mod initialize_exchange;
pub mod lift_pause;
pub mod pause;
pub mod set_quote_feed;
pub use collect_fees::*;
pub use create_collateral::*;
pub use create_group::*;
pub use create_market::*;
pub use initialize_exchange::*;
pub use lift_pause::*;
pub use pause::*;
pub use set_quote_feed::*;
