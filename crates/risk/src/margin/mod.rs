//! Margin: what an account is worth and what it must hold, by one portfolio rule for all accounts.
//!
//! Data flow: [`MarketRisk`] (read from a market, once per market) → [`MarketTerms`] (range-checked, unit values per measure) →
//! [`health`] over the account's legs → [`Health`], from which every decision is a comparison: [`withdrawal_allowed`],
//! [`trade_allowed`], the liquidation triggers of [`crate::liquidation`].
//!
//! | symbol | meaning | field |
//! | --- | --- | --- |
//! | E | cash + collateral at maintenance weight + Σ unsettled | [`Health::equity`] |
//! | E_im | E with claims at ≤ 90 %, initial weights, less the adverse edge (RULES 1.4, 2.3) | [`Health::equity_im`] |
//! | E_tr | E with the favourable edge (RULES 2.3) | [`Health::equity_trigger`] |
//! | MM | Σ over markets of min(0.8 × grid, MM rate × abs net delta) (RULES 4.2, 4.5) | [`Health::mm`] |
//! | T | MM + 2 % of perp notional, the exit target of a liquidation (RULES 4.5) | [`Health::target`] |
//! | IM | max(T, Σ over markets of min(grid, IM rate × abs net delta), resting orders counted as filled) | [`Health::im`] |
//!
//! `docs/margin.md` derives each formula and works three accounts by hand.

mod checks;
mod cross;
mod depeg;
mod greeks;
mod grid;
mod health;
mod kernel;
mod market;
mod max_loss;
mod options;
mod params;
mod portfolio;
mod rates;
mod report;
mod series;
mod stored;
mod terms;
#[cfg(test)]
pub(crate) mod tests;
mod witness;

pub use checks::{
    maker_admits, maker_reserve, ratio_not_lower, standalone_im, trade_allowed, withdrawal_allowed, ForcedPrice, TradeRefusal,
    WITHDRAWAL_LEVERAGE,
};
pub use cross::{CrossTerms, GroupTerms, MAX_CREDIT};
pub use depeg::{Depeg, PEG_FACTOR, PEG_FLOOR};
pub use greeks::OptionGreeks;
pub use grid::{Scenario, SpotMove, VolMove, COLUMNS, GRID, MM_GRID_FACTOR, ROW_NONE, SCENARIOS, SPOT_RANGE_MAX, SPOT_RANGE_MIN};
pub use health::{health, Health, MAX_CASH, MAX_LEGS};
pub use kernel::{LegHealth, LegInput, ScanMode};
pub use options::{OptionBook, OptionInput, MAX_OPTIONS, MAX_OPTION_NOTIONAL};
pub use params::{forward, ExpiryRisk, ExpiryTerms, OptionParams, MAX_TAU, SIGMA_MAX, SIGMA_MIN, YEAR};
pub use portfolio::{bind, portfolio};
pub use rates::{im_rate, im_rate_scaled, spot_range};
pub use report::{AddOns, MeasureReport, Report};
pub use series::{OptionKind, SeriesTerms, SpotGrid, UnitValues, UNIT_BITS};
pub use stored::StoredTerms;
pub use terms::{MarketRisk, MarketTerms, SizeTerms, STALE_GRACE, TRIGGER_EDGE_CAP};
pub use witness::{witness, NamedLeg, NamedMarket, Shortfall, Witness};
