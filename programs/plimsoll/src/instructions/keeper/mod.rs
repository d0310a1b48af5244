//! Instructions of this group, a file each.
pub mod advance_round;
pub mod begin_settling;
pub mod check_health;
pub mod settle;
pub mod touch;
pub mod update_funding;
pub mod update_group;
pub mod update_market;
pub use advance_round::*;
pub use begin_settling::*;
pub use check_health::*;
pub use settle::*;
pub use touch::*;
pub use update_funding::*;
pub use update_group::*;
pub use update_market::*;
