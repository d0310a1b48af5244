//! What a margin check needs of one market, and the unit values derived from it.

use super::grid::{MM_GRID_FACTOR, SPOT_RANGE_MAX, SPOT_RANGE_MIN};
use super::kernel::MAX_EDGE;
use crate::error::{RiskError, RiskResult};
use crate::units::{Price, Quote, Ratio, Round, Secs, MAX_NOTIONAL, RATIO_BITS};

/// Cap of the favourable edge at the liquidation trigger: 0.5 % of price (RULES 2.3).
pub const TRIGGER_EDGE_CAP: Ratio = Ratio::of(5, 1_000);
/// For so long the trigger values a stale leg at its owner's favourable end, afterwards at the adverse one (RULES 2.5).
pub const STALE_GRACE: Secs = Secs::new(600);

/// The risk-relevant state of a market, as plain values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MarketRisk {
    /// Accepted oracle price, atoms per lot.
    pub mark: Price,
    /// 5-minute TWAP of the oracle, atoms per lot.
    pub twap: Price,
    /// Confidence of the accepted price over the price, Q30, ≥ 0.
    pub confidence: Ratio,
    /// Linear initial-margin rate R_lin, already raised with open interest ([`super::im_rate`], [`super::im_rate_scaled`]), 0 ..= 1.
    pub im_rate: Ratio,
    /// Linear maintenance rate, glided and floored at the core (RULES 3.3), 0 ..= 1.
    pub mm_rate: Ratio,
    /// Spot range of the grid ([`super::spot_range`]), 14 % ..= 60 %.
    pub spot_range: Ratio,
    /// Range around the last price while the feed is stale (RULES 2.5), 0 ..= 1; zero while it is fresh.
    pub stale_range: Ratio,
    /// For how long the feed has been stale; read only when `stale_range` is positive.
    pub stale_for: Secs,
    /// Exit target above MM as a share of perp notional, 2 % (RULES 4.5), 0 ..= 1.
    pub target_extra: Ratio,
    /// Weight of positive unsettled PnL in E_im, 0.9 (RULES 1.4), 0 ..= 1.
    pub claim_weight: Ratio,
    /// What size costs beyond what the market absorbs (RULES 4.4).
    pub size: SizeTerms,
}

impl MarketRisk {
    /// A major on a quiet day at `mark`: a fresh price with the TWAP at it and a confidence of 0.1 %, IM 5 % and MM 3 %, the narrowest grid
    /// of RULES 4.1, no size add-on. What measures margin and has no market's state starts from it.
    pub const fn major(mark: Price) -> Self {
        Self {
            mark,
            twap: mark,
            confidence: Ratio::of(1, 1_000),
            im_rate: Ratio::of(5, 100),
            mm_rate: Ratio::of(3, 100),
            spot_range: Ratio::of(18, 100),
            stale_range: Ratio::ZERO,
            stale_for: Secs::ZERO,
            target_extra: Ratio::of(2, 100),
            claim_weight: Ratio::of(9, 10),
            size: SizeTerms::NONE,
        }
    }
}

/// The size add-on of a perp (RULES 4.4): `rate` of the notional beyond the allowance ([`crate::depth::DepthState::size_terms`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SizeTerms {
    /// Notional that is free of charge in the initial measure, 0 ..= 2⁵⁶.
    pub allowance_im: Quote,
    /// The same in the maintenance measure; falls only by the glide.
    pub allowance_mm: Quote,
    /// Charge on what is beyond, 0 ..= 1.
    pub rate: Ratio,
}

impl SizeTerms {
    /// No charge at any size.
    pub const NONE: Self = Self { allowance_im: Quote::new(MAX_NOTIONAL), allowance_mm: Quote::new(MAX_NOTIONAL), rate: Ratio::ZERO };

    fn is_valid(&self) -> bool {
        let is_allowance = |value: Quote| (0..=MAX_NOTIONAL).contains(&value.raw());
        is_allowance(self.allowance_im) && is_allowance(self.allowance_mm) && is_share(self.rate)
    }
}

impl Default for SizeTerms {
    fn default() -> Self {
        Self::NONE
    }
}

/// [`MarketRisk`] range-checked once and reduced to the unit values that the kernel multiplies: built once per market and
/// instruction, shared by the health before, the health after and the liquidator's check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MarketTerms {
    /// Price of a lot, 1 ..= 2³⁰.
    pub(crate) mark: i64,
    /// Loss per atom of net delta in the initial measure, Q30, 0 ..= 1.
    pub(crate) im: i64,
    /// The same in the maintenance measure.
    pub(crate) mm: i64,
    /// Adverse edge per atom of net delta, Q30, 0 ..= 4.
    pub(crate) edge_im: i64,
    /// What the trigger adds per atom of net delta, Q30, −1 ..= 1; negative once a feed has been stale for too long.
    pub(crate) edge_trigger: i64,
    /// Exit target above MM per atom of perp notional, Q30, 0 ..= 1.
    pub(crate) target_extra: i64,
    /// Weight of a claim in E_im, Q30, 0 ..= 1.
    pub(crate) claim_weight: i64,
    /// Linear rates R₀ and R₁ alone, Q30, 0 ..= 1; what a linear leg pays beside options (RULES 4.2).
    pub(crate) linear_im: i64,
    pub(crate) linear_mm: i64,
    /// Spot range of the grid, Q30.
    pub(crate) range: i64,
    /// Notional free of the size add-on, per measure, atoms; and the rate beyond, Q30.
    pub(crate) allowance_im: i64,
    pub(crate) allowance_mm: i64,
    pub(crate) size_rate: i64,
    /// Whether the feed is stale (RULES 2.5).
    pub(crate) is_stale: bool,
    /// Whether the grid undercuts the linear rate, per measure (RULES 4.2).
    pub(crate) is_grid_im: bool,
    pub(crate) is_grid_mm: bool,
}

const fn is_share(ratio: Ratio) -> bool {
    !ratio.is_negative() && ratio.raw() <= Ratio::ONE.raw()
}

impl MarketTerms {
    /// Checks every range and derives the unit values.
    ///
    /// scan = min(grid, linear) is a minimum of two rates here: a linear leg loses the same share of its net delta at either end of the
    /// spot range, and no tail costs more ([`super::GRID`]). The grid's maintenance rate is 0.8 × range, rounded up; the linear one is
    /// measured as it is.
    ///
    /// Errors: [`RiskError::PriceOutOfRange`], [`RiskError::ParameterOutOfRange`].
    pub fn new(risk: &MarketRisk) -> RiskResult<Self> {
        let mark = Price::checked(risk.mark.raw())?;
        let twap = Price::checked(risk.twap.raw())?;
        let shares = [risk.im_rate, risk.mm_rate, risk.target_extra, risk.claim_weight, risk.stale_range];
        if !shares.into_iter().all(is_share) || risk.confidence.is_negative() {
            return Err(RiskError::ParameterOutOfRange);
        }
        if risk.spot_range < SPOT_RANGE_MIN || risk.spot_range > SPOT_RANGE_MAX || !risk.size.is_valid() {
            return Err(RiskError::ParameterOutOfRange);
        }
        let grid_mm = risk.spot_range.mul(MM_GRID_FACTOR, Round::Ceil)?;
        let edge = risk.confidence.max(gap(mark, twap)?).max(risk.stale_range).min(MAX_EDGE);
        Ok(Self {
            mark: mark.raw(),
            im: risk.im_rate.min(risk.spot_range).raw(),
            mm: risk.mm_rate.min(grid_mm).raw(),
            edge_im: edge.raw(),
            edge_trigger: trigger_edge(risk)?.raw(),
            target_extra: risk.target_extra.raw(),
            claim_weight: risk.claim_weight.raw(),
            linear_im: risk.im_rate.raw(),
            linear_mm: risk.mm_rate.raw(),
            range: risk.spot_range.raw(),
            allowance_im: risk.size.allowance_im.raw(),
            allowance_mm: risk.size.allowance_mm.raw(),
            size_rate: risk.size.rate.raw(),
            is_stale: !risk.stale_range.is_zero(),
            is_grid_im: risk.spot_range < risk.im_rate,
            is_grid_mm: grid_mm < risk.mm_rate,
        })
    }

    /// Whether the market's feed is stale, so that this leg cannot be taken over.
    pub const fn is_stale(&self) -> bool {
        self.is_stale
    }

    /// The mark, atoms per lot.
    pub const fn mark(&self) -> Price {
        Price::new(self.mark)
    }

    /// Initial margin per atom of net delta.
    pub const fn im_share(&self) -> Ratio {
        Ratio::new(self.im)
    }

    /// Maintenance margin per atom of net delta.
    pub const fn mm_share(&self) -> Ratio {
        Ratio::new(self.mm)
    }

    /// Size add-on per atom of perp notional beyond the allowance.
    pub const fn size_share(&self) -> Ratio {
        Ratio::new(self.size_rate)
    }

    /// Whether a position pays the size add-on of the maintenance measure. Errors: [`crate::RiskError::Overflow`].
    pub fn has_size_add_on(&self, lots: crate::units::Lots) -> RiskResult<bool> {
        Ok(self.size_rate != 0 && lots.at(self.mark())?.abs()?.raw() > self.allowance_mm)
    }

    /// Notional free of the size add-on in the maintenance measure.
    pub const fn size_allowance(&self) -> crate::units::Quote {
        Quote::new(self.allowance_mm)
    }

    /// Spot range of the grid.
    pub const fn spot_range(&self) -> Ratio {
        Ratio::new(self.range)
    }

    /// Exit target above MM per atom of perp notional.
    pub const fn target_share(&self) -> Ratio {
        Ratio::new(self.target_extra)
    }
}

/// Distance between mark and TWAP over the mark, rounded up.
fn gap(mark: Price, twap: Price) -> RiskResult<Ratio> {
    let distance = mark.sub(twap)?.abs()?.raw();
    // Both prices are at most 2³⁰, so that the shifted distance stays inside 63 bits.
    crate::units::div(distance << RATIO_BITS, mark.raw(), Round::Ceil).map(Ratio::new)
}

/// RULES 2.3 for a fresh feed, 2.5 for a stale one.
fn trigger_edge(risk: &MarketRisk) -> RiskResult<Ratio> {
    if risk.stale_range.is_zero() {
        return Ok(risk.confidence.min(TRIGGER_EDGE_CAP));
    }
    if risk.stale_for <= STALE_GRACE {
        Ok(risk.stale_range)
    } else {
        risk.stale_range.neg()
    }
}
