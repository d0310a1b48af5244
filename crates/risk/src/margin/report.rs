//! What a person and an event want to know beyond the measures: add-ons by kind, joint scenarios, option values by market.

use super::greeks::OptionGreeks;
use super::health::MAX_LEGS;
use crate::error::RiskResult;
use crate::units::Quote;

/// The add-ons of RULES 4.4 in one measure. Accrued funding is no part of it: every leg is read after touching it, so that funding is in
/// its balance already (RULES 5.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AddOns {
    /// Basis between an expiry and the perp.
    pub basis: Quote,
    /// Minimum for net short options.
    pub short_options: Quote,
    /// Discount on the positive value of far expiries.
    pub tenor: Quote,
    /// Size beyond what the market absorbs.
    pub size: Quote,
    /// The quote token below its peg.
    pub depeg: Quote,
}

impl AddOns {
    /// Sum of all. Errors: [`crate::RiskError::Overflow`].
    pub const fn total(&self) -> RiskResult<Quote> {
        let mut sum = Quote::ZERO;
        let parts = [self.basis, self.short_options, self.tenor, self.size, self.depeg];
        let mut rest: &[Quote] = &parts;
        while let [part, others @ ..] = rest {
            sum = match sum.add(*part) {
                Ok(sum) => sum,
                Err(error) => return Err(error),
            };
            rest = others;
        }
        Ok(sum)
    }

    /// Part by part. Errors: [`crate::RiskError::Overflow`].
    pub(super) fn plus(&self, other: &Self) -> RiskResult<Self> {
        Ok(Self {
            basis: self.basis.add(other.basis)?,
            short_options: self.short_options.add(other.short_options)?,
            tenor: self.tenor.add(other.tenor)?,
            size: self.size.add(other.size)?,
            depeg: self.depeg.add(other.depeg)?,
        })
    }
}

/// One measure of an account in parts: requirement = scan + add-ons, before the floors IM ≥ T ≥ MM.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MeasureReport {
    /// Scan over all markets, offsets of RULES 4.3 taken off.
    pub scan: Quote,
    /// S: Σ of the markets' own scans.
    pub standalone: Quote,
    /// The add-ons by kind.
    pub add_ons: AddOns,
    /// Row (1 ..= 33) of the worst joint scenario of the first group that has one, 22 (no move) without.
    pub joint_scenario: u8,
}

/// The split of a health. Worst scenarios by market are in [`super::LegHealth`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Initial measure.
    pub im: MeasureReport,
    /// Maintenance measure.
    pub mm: MeasureReport,
    /// Mark value of the options by market, in the order of the legs.
    pub option_value: [Quote; MAX_LEGS],
    /// Value change of the options per unit of relative spot move, by market, atoms.
    pub option_delta: [Quote; MAX_LEGS],
    /// Their other sensitivities by market.
    pub option_greeks: [OptionGreeks; MAX_LEGS],
}
