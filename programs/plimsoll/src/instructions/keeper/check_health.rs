//! Computes an account's margin on chain and returns it with its parts; changes nothing. Anyone, at any price.
//!
//! A program that reads the answer compares the program id beside it: whoever is called in between may leave return data of its own.

use crate::portfolio::{Portfolio, Roster};
use anchor_lang::prelude::*;
use anchor_lang::solana_program::program::set_return_data;
use plimsoll_risk::margin::{Health, MeasureReport, Report};
use plimsoll_state::MarginAccount;

/// Accounts of `check_health`. Remaining: the account's markets and collaterals, and the risk groups that two or more of its markets share.
#[derive(Accounts)]
pub struct CheckHealth<'info> {
    /// The account.
    pub margin_account: AccountLoader<'info, MarginAccount>,
}

/// What `check_health` returns, quote atoms.
#[derive(AnchorSerialize, AnchorDeserialize, Clone, Debug, Default, PartialEq, Eq)]
pub struct HealthReport {
    /// Equity.
    pub equity: i64,
    /// Equity for initial margin: claims and collateral at their initial weights, less the adverse edge.
    pub equity_im: i64,
    /// Equity as the liquidation trigger sees it.
    pub equity_trigger: i64,
    /// Initial margin.
    pub im: i64,
    /// Exit target.
    pub target: i64,
    /// Maintenance margin.
    pub mm: i64,
    /// Gross notional.
    pub gross_notional: i64,
    /// Option value that cannot be withdrawn (RULES 1.6).
    pub locked: i64,
    /// How initial margin comes about.
    pub initial: MeasureSplit,
    /// How maintenance margin comes about.
    pub maintenance: MeasureSplit,
    /// The markets, in the order of the account's positions, then of its collaterals.
    pub markets: Vec<MarketSplit>,
}

/// One measure in parts: requirement = scan + add-ons, before the floors IM ≥ T ≥ MM.
#[derive(AnchorSerialize, AnchorDeserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MeasureSplit {
    /// Scan over all markets; what risk groups take off is missing from the sum of the markets' own scans.
    pub scan: i64,
    /// Add-ons: basis between expiries, short options, far expiries, size, depeg.
    pub add_ons: [i64; 5],
    /// Row (1 ..= 33) of the worst joint scenario; 22, no move, without a group.
    pub joint_scenario: u8,
}

/// One market's part.
#[derive(AnchorSerialize, AnchorDeserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MarketSplit {
    /// The market.
    pub market: Pubkey,
    /// Unsettled value of the perp at the mark.
    pub unsettled: i64,
    /// Mark value of the options.
    pub option_value: i64,
    /// Net delta of perp and collateral.
    pub delta: i64,
    /// That of the options: their value change per unit of relative spot move.
    pub option_delta: i64,
    /// Change of it when spot rises by 1 %.
    pub option_gamma: i64,
    /// Value change of the options when all volatilities rise by a percentage point.
    pub option_vega: i64,
    /// Value change of the options with a day that passes.
    pub option_theta: i64,
    /// Scan of the initial measure.
    pub scan_im: i64,
    /// Scan of the maintenance measure.
    pub scan_mm: i64,
    /// Row (1 ..= 33) that costs the initial measure most.
    pub worst_im: u8,
    /// Row that costs the maintenance measure most.
    pub worst_mm: u8,
}

impl From<&MeasureReport> for MeasureSplit {
    fn from(measure: &MeasureReport) -> Self {
        let parts = &measure.add_ons;
        Self {
            scan: measure.scan.raw(),
            add_ons: [parts.basis, parts.short_options, parts.tenor, parts.size, parts.depeg].map(|part| part.raw()),
            joint_scenario: measure.joint_scenario,
        }
    }
}

impl HealthReport {
    /// `markets` in the order of the health's legs.
    fn new(health: &Health, report: &Report, markets: impl Iterator<Item = Pubkey>) -> Self {
        let options = report.option_value.iter().zip(&report.option_delta).zip(&report.option_greeks);
        let legs = markets.zip(health.legs()).zip(options);
        let markets = legs.map(|((market, leg), ((value, delta), greeks))| MarketSplit {
            market,
            unsettled: leg.unsettled.raw(),
            option_value: value.raw(),
            delta: leg.delta.raw(),
            option_delta: delta.raw(),
            option_gamma: greeks.gamma.raw(),
            option_vega: greeks.vega.raw(),
            option_theta: greeks.theta.raw(),
            scan_im: leg.scan_im.raw(),
            scan_mm: leg.scan_mm.raw(),
            worst_im: leg.worst_scenario_im,
            worst_mm: leg.worst_scenario,
        });
        Self {
            equity: health.equity.raw(),
            equity_im: health.equity_im.raw(),
            equity_trigger: health.equity_trigger.raw(),
            im: health.im.raw(),
            target: health.target.raw(),
            mm: health.mm.raw(),
            gross_notional: health.gross_notional.raw(),
            locked: health.locked.raw(),
            initial: (&report.im).into(),
            maintenance: (&report.mm).into(),
            markets: markets.collect(),
        }
    }
}

/// Positions are brought up to date on copies.
pub(crate) fn handler(ctx: Context<CheckHealth>) -> Result<()> {
    let now = Clock::get()?.unix_timestamp;
    let account = ctx.accounts.margin_account.load()?;
    let portfolio = Portfolio::read(&account, &Roster::new(ctx.remaining_accounts), now)?;
    let (health, report, markets) = portfolio.report()?;
    // At most 1,014 of the 1,024 bytes that an instruction may return.
    let mut bytes = Vec::with_capacity(1_024);
    HealthReport::new(&health, &report, markets).serialize(&mut bytes)?;
    set_return_data(&bytes);
    Ok(())
}
