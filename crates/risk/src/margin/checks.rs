//! Decisions on a health: may this withdrawal, trade or maker's fill go through?

use super::depeg::{charge_on, Depeg};
use super::health::Health;
use super::kernel::{leg, Bare, Bounded, LegHealth, LegInput};
use super::terms::MarketTerms;
use crate::error::RiskResult;
use crate::units::{Lots, Price, Quote, Round};

/// Largest gross notional per atom of equity after a withdrawal: equity stays at 10 % of it (RULES 1.6).
pub const WITHDRAWAL_LEVERAGE: i64 = 10;

/// Whether the state after a withdrawal is one an account may withdraw into (RULES 1.6): E_im ≥ IM without the option value that survives
/// the worst scenario, and E ≥ 10 % of gross notional.
///
/// Errors: [`crate::RiskError::Overflow`].
pub fn withdrawal_allowed(after: &Health) -> RiskResult<bool> {
    let floor = after.gross_notional.mul_div(1, WITHDRAWAL_LEVERAGE, Round::Ceil)?;
    let free = after.equity_im.sub(after.locked)?;
    Ok(after.is_initial() && free >= after.im && after.equity >= floor)
}

/// Why a trade was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TradeRefusal {
    /// The account had no equity: only a deposit or its resolution may change it.
    NoEquity,
    /// The account met its initial margin and would no longer do so.
    BelowInitial,
    /// The account is below initial margin and the trade would lower E/MM.
    RatioFalls,
    /// The trade would leave equity below zero.
    EquityNegative,
    /// The account is below initial margin and trades worse than the current take-over price.
    PriceWorse,
}

/// The price side of a trade by an account that may be below IM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ForcedPrice {
    /// Signed change of the account's position.
    pub lots: Lots,
    /// The worst price among the fills.
    pub worst: Price,
    /// The account's current take-over price for that side ([`crate::liquidation::takeover_price`]).
    pub limit: Price,
}

impl ForcedPrice {
    /// Buying no dearer, or selling no cheaper, than the limit.
    pub fn is_within_limit(&self) -> bool {
        if self.lots.is_negative() {
            self.worst >= self.limit
        } else {
            self.worst <= self.limit
        }
    }
}

/// RULES 5.2: an account at or above IM after the trade may trade; one that was below IM before must not lower E/MM, must keep E ≥ 0 and
/// must not trade worse than its take-over price; one without equity may not trade at all.
///
/// Both healths are at the same prices, fees included in the later one. `price` has a say only below initial margin after the trade; there
/// a missing one counts as worse.
pub fn trade_allowed(before: &Health, after: &Health, price: Option<&ForcedPrice>) -> Result<(), TradeRefusal> {
    if before.equity <= Quote::ZERO {
        return Err(TradeRefusal::NoEquity);
    }
    if after.is_initial() && !after.equity.is_negative() {
        return Ok(());
    }
    if before.is_initial() {
        return Err(TradeRefusal::BelowInitial);
    }
    if after.equity.is_negative() {
        return Err(TradeRefusal::EquityNegative);
    }
    if !ratio_not_lower(before, after) {
        return Err(TradeRefusal::RatioFalls);
    }
    if !price.is_some_and(ForcedPrice::is_within_limit) {
        return Err(TradeRefusal::PriceWorse);
    }
    Ok(())
}

/// Whether E/MM after is at least E/MM before, for E ≥ 0; without a requirement the ratio is infinite. Exact, by cross-multiplication.
pub fn ratio_not_lower(before: &Health, after: &Health) -> bool {
    if after.mm.is_zero() {
        return true;
    }
    let product = |equity: Quote, mm: Quote| i128::from(equity.raw()).checked_mul(i128::from(mm.raw()));
    // Two 64-bit factors always fit, so that `None` cannot occur on either side.
    match (product(after.equity, before.mm), product(before.equity, after.mm)) {
        (Some(later), Some(earlier)) => !before.mm.is_zero() && later >= earlier,
        _ => false,
    }
}

/// Initial margin of a position that stands alone in its market: max(scan, target), at the mark (RULES 5.3), with the charge of `depeg`.
///
/// Errors: as [`super::health`].
pub fn standalone_im(terms: &MarketTerms, lots: Lots, depeg: &Depeg) -> RiskResult<Quote> {
    maker_reserve(terms, &LegInput { lots, ..LegInput::default() }, depeg)
}

/// Margin to reserve for a leg with resting orders: stand-alone IM of the worse of (position + bids) and (position − asks), with what
/// the orders would lose at once and the charge of `depeg`; collateral and balances do not enter (RULES 5.3).
///
/// Errors: as [`super::health`].
pub fn maker_reserve(terms: &MarketTerms, input: &LegInput, depeg: &Depeg) -> RiskResult<Quote> {
    let alone = LegInput { quote: Quote::ZERO, collateral_im: Quote::ZERO, collateral_mm: Quote::ZERO, ..*input };
    let both = leg::<Bare>(Bounded::new(terms, &alone)?);
    let long = LegInput { lots: input.lots.add(input.bids)?, ..LegInput::default() };
    let short = LegInput { lots: input.lots.sub(input.asks)?, ..LegInput::default() };
    let (long, short) = (leg::<Bare>(Bounded::new(terms, &long)?), leg::<Bare>(Bounded::new(terms, &short)?));
    let requirement = both.scan_im.add(both.add_on_im)?;
    if depeg.is_none() {
        return Ok(requirement.max(long.target).max(short.target));
    }
    let target = |leg: &LegHealth| leg.target.add(charge_on(leg.scan_mm.add(leg.add_on_mm)?, depeg.mm)?);
    Ok(requirement.add(charge_on(requirement, depeg.im)?)?.max(target(&long)?).max(target(&short)?))
}

impl MarketTerms {
    /// Maintenance margin and exit target of a leg by itself, as [`super::health`] sums them. Errors: as [`super::health`].
    pub fn measures(&self, input: &LegInput) -> RiskResult<(Quote, Quote)> {
        let leg = leg::<Bare>(Bounded::new(self, input)?);
        Ok((leg.scan_mm.add(leg.add_on_mm)?, leg.target))
    }
}

/// Whether a maker's order may fill without a portfolio check (RULES 5.3): a fill that only reduces always may; otherwise the account
/// must be in state healthy and the margin reserved must cover the stand-alone IM of the position after the fill.
///
/// `fill` is the signed change of the maker's position, `depeg` the charge of the market. Errors: as [`super::health`].
pub fn maker_admits(terms: &MarketTerms, position: Lots, fill: Lots, reserved: Quote, is_healthy: bool, depeg: &Depeg) -> RiskResult<bool> {
    let after = position.add(fill)?;
    if is_reducing(position, after) {
        return Ok(true);
    }
    Ok(is_healthy && standalone_im(terms, after, depeg)? <= reserved)
}

/// Closer to zero, or the same, without crossing it.
pub(crate) fn is_reducing(before: Lots, after: Lots) -> bool {
    if before.is_negative() {
        after >= before && !after.is_positive()
    } else {
        after <= before && !after.is_negative()
    }
}
