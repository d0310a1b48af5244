//! Instructions of this group, a file each.
pub mod cancel_failing;
pub mod convert_collateral;
pub mod deleverage;
pub mod liquidate;
pub mod resolve_bankruptcy;
pub mod settle_estate;
pub use cancel_failing::*;
pub use convert_collateral::*;
pub use deleverage::*;
pub use liquidate::*;
pub use resolve_bankruptcy::*;
pub use settle_estate::*;
