//! What a quote token below its peg costs (RULES 4.4): a share of every requirement, because cash and losses are then worth less than they say.

use crate::error::{RiskError, RiskResult};
use crate::units::{mul_div, Quote, Ratio, Round, Secs};
use bytemuck::{Pod, Zeroable};

/// The quote token counts as off its peg below this.
pub const PEG_FLOOR: Ratio = Ratio::of(99, 100);
/// Share of the requirement added per unit below the floor: 4 % for each 1 %.
pub const PEG_FACTOR: Ratio = Ratio::of(4, 1);
/// Most of the charge, as a share of the requirement: that of a token at zero is no margin question any more.
const MAX_CHARGE: Ratio = Ratio::of(4, 1);
/// Time over which a charge reaches the maintenance measure in full.
const GLIDE: i64 = 86_400;
/// A gap between prices is worth at most so much of it (RULES 3.3): whoever keeps the feed silent saves up no jump.
const MAX_GLIDE: i64 = 300;

/// Charge for a quote token below its peg, as a share of the requirement (RULES 4.4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct Depeg {
    /// In the initial measure, at once.
    pub im: Ratio,
    /// In the maintenance measure, glided; never above `im` where it was measured.
    pub mm: Ratio,
}

impl Depeg {
    /// The quote token at its peg.
    pub const NONE: Self = Self { im: Ratio::ZERO, mm: Ratio::ZERO };

    /// Whether there is nothing to charge.
    pub fn is_none(&self) -> bool {
        self.im.is_zero() && self.mm.is_zero()
    }

    /// The larger charge of each measure: an account pays that of the market which knows of the worst.
    #[must_use]
    pub fn max(self, other: Self) -> Self {
        Self { im: self.im.max(other.im), mm: self.mm.max(other.mm) }
    }

    /// The charge `elapsed` after the last, with the quote token at `price` dollars ± `confidence` of it.
    ///
    /// IM is that of the adverse edge at once (RULES 2.3): 4 × (0.99 − price · (1 − confidence)). MM is that of the price itself, so that no
    /// doubt liquidates anybody; it rises by at most 1/24 of that an hour, of which a gap is worth five minutes, and falls with it.
    ///
    /// Errors: [`RiskError::ParameterOutOfRange`] for a negative price or a confidence outside 0 ..= 1, [`RiskError::Overflow`].
    pub fn advance(&self, price: Ratio, confidence: Ratio, elapsed: Secs) -> RiskResult<Self> {
        if price.is_negative() || confidence.is_negative() || confidence > Ratio::ONE {
            return Err(RiskError::ParameterOutOfRange);
        }
        let im = charge_at(price.sub(price.mul(confidence, Round::Ceil)?)?)?;
        let owed = charge_at(price)?;
        let elapsed = elapsed.positive_part().raw().min(MAX_GLIDE);
        let step = mul_div(owed.raw(), elapsed, GLIDE, Round::Ceil)?;
        Ok(Self { im, mm: self.mm.add(Ratio::new(step))?.min(owed) })
    }

    /// Whether both shares are 0 ..= 4.
    pub(super) fn is_sound(&self) -> bool {
        [self.im, self.mm].iter().all(|charge| !charge.is_negative() && *charge <= MAX_CHARGE)
    }
}

/// 4 × (0.99 − price), at least 0 and at most 4, rounded up.
fn charge_at(price: Ratio) -> RiskResult<Ratio> {
    Ok(PEG_FLOOR.sub(price)?.positive_part().mul(PEG_FACTOR, Round::Ceil)?.min(MAX_CHARGE))
}

/// `charge` of a requirement, rounded up. Errors: [`RiskError::Overflow`].
pub(super) fn charge_on(requirement: Quote, charge: Ratio) -> RiskResult<Quote> {
    if charge.is_zero() {
        return Ok(Quote::ZERO);
    }
    crate::fixed_math::scale(requirement.raw(), charge, Round::Ceil).map(Quote::new)
}
