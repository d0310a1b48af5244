//! The part of [`MarketTerms`] that changes only with a market's price and parameters, as an account keeps it between price updates.

use super::kernel::MAX_EDGE;
use super::terms::{MarketTerms, TRIGGER_EDGE_CAP};
use crate::units::Ratio;
use bytemuck::{Pod, Zeroable};

/// Checked unit values of a market whose feed is fresh. [`Self::terms`] adds what changes between two prices: the initial rate, which
/// follows open interest, and the distance to the TWAP, which follows the clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct StoredTerms {
    /// Price of a lot, atoms.
    pub mark: i64,
    /// Loss per atom of net delta in the maintenance measure, Q30.
    pub mm: i64,
    /// Spot range of the grid, Q30.
    pub range: i64,
    /// Confidence of the price over the price, Q30.
    pub confidence: i64,
    /// Exit target above maintenance per atom of notional, Q30.
    pub target_extra: i64,
    /// Weight of a claim in E_im, Q30.
    pub claim_weight: i64,
    /// Linear maintenance rate alone, Q30.
    pub linear_mm: i64,
    /// Notional free of the size add-on in the initial measure, atoms.
    pub allowance_im: i64,
    /// The same in the maintenance measure.
    pub allowance_mm: i64,
    /// Charge on what is beyond, Q30.
    pub size_rate: i64,
    /// 1 where the grid undercuts the linear maintenance rate, else 0.
    pub is_grid_mm: u64,
}

impl StoredTerms {
    /// Keeps what of `terms` (of a fresh feed) stands until the next price; `confidence` is the one they were derived from.
    pub fn new(terms: &MarketTerms, confidence: Ratio) -> Self {
        Self {
            mark: terms.mark,
            mm: terms.mm,
            range: terms.range,
            confidence: confidence.raw(),
            target_extra: terms.target_extra,
            claim_weight: terms.claim_weight,
            linear_mm: terms.linear_mm,
            allowance_im: terms.allowance_im,
            allowance_mm: terms.allowance_mm,
            size_rate: terms.size_rate,
            is_grid_mm: terms.is_grid_mm.into(),
        }
    }

    /// [`MarketTerms::new`] of the same market at initial rate `im_rate` (0 ..= 1) and `gap` from its TWAP (≥ 0), without its checks.
    #[inline(always)]
    pub fn terms(&self, im_rate: Ratio, gap: Ratio) -> MarketTerms {
        MarketTerms {
            mark: self.mark,
            im: im_rate.raw().min(self.range),
            mm: self.mm,
            edge_im: self.confidence.max(gap.raw()).min(MAX_EDGE.raw()),
            edge_trigger: self.confidence.min(TRIGGER_EDGE_CAP.raw()),
            target_extra: self.target_extra,
            claim_weight: self.claim_weight,
            linear_im: im_rate.raw(),
            linear_mm: self.linear_mm,
            range: self.range,
            allowance_im: self.allowance_im,
            allowance_mm: self.allowance_mm,
            size_rate: self.size_rate,
            is_stale: false,
            is_grid_im: self.range < im_rate.raw(),
            is_grid_mm: self.is_grid_mm != 0,
        }
    }
}
