//! Sensitivities of the options of one market beyond delta, for the report of a margin check. No requirement depends on them.
//!
//! All are multiples of F·n(d₁), which the unit values keep ([`UnitValues`]). With v = σ√τ, per lot and the same for call and put:
//!
//! ```text
//! gamma = F·n(d₁) / (100·v)        vega = F·n(d₁)·√τ / 100        theta = −F·n(d₁)·v / (2·τ in days)
//! ```

use super::options::BoundedBook;
use super::params::{ExpiryTerms, RATIO_OF_ROOT};
use super::series::{UnitValues, UNIT_BITS};
use crate::error::RiskResult;
use crate::fixed_math::scale;
use crate::units::{Quote, Ratio, Round};

/// Half a day in seconds: theta is per day, and half of it is in the formula.
const HALF_DAY: i64 = 43_200;
/// Deviations enter theta up to 8, above which n(d₁) is nothing; the sum over sixteen legs then cannot wrap.
const DEVIATION_MAX: i64 = 8 << super::params::ROOT_BITS;
/// Largest n(d₁), Q30.
const DENSITY_MAX: i64 = 428_357_000;

// Lots times forward within MAX_OPTION_NOTIONAL, times the density and what each Greek multiplies it by, for sixteen legs.
const EXPOSED_MAX: i64 = (super::options::MAX_OPTION_NOTIONAL >> 26) * DENSITY_MAX;
const _: () = assert!(EXPOSED_MAX.checked_mul(16 * 8).is_some());
const _: () = assert!((EXPOSED_MAX / 100).checked_mul(1 << 13).is_some());

/// Value changes of the option positions of a market, orders left out, atoms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OptionGreeks {
    /// Change of delta when spot rises by 1 %: after a relative move r the positions are worth delta·r + 50·gamma·r² more.
    pub gamma: Quote,
    /// Value change when all volatilities rise by a percentage point.
    pub vega: Quote,
    /// Value change with a day that passes.
    pub theta: Quote,
}

impl OptionGreeks {
    /// Of the positions in `market`, in the maintenance measure. Errors: none inside the bounds of the book.
    #[inline(never)]
    pub(super) fn of_market(bounded: &BoundedBook, market: usize) -> RiskResult<Self> {
        let book = &bounded.book;
        let mut total = Self::default();
        for (place, expiry) in book.expiries.iter().enumerate().filter(|(_, expiry)| usize::from(expiry.market) == market) {
            let (mut exposed, mut decayed, mut gamma) = (0_i64, 0_i64, 0_i64);
            for leg in book.legs {
                let Some(unit) = book.units_mm.get(usize::from(leg.series)).filter(|unit| usize::from(unit.expiry) == place) else {
                    continue;
                };
                let (lots, by) = (leg.lots.raw(), Bell::of(unit));
                exposed = exposed.wrapping_add(lots.wrapping_mul(unit.bell));
                decayed = decayed.wrapping_add(lots.wrapping_mul(by.decay));
                gamma = gamma.wrapping_add(lots.wrapping_mul(by.gamma) >> UNIT_BITS);
            }
            total.gamma = total.gamma.add(Quote::new(gamma))?;
            total.vega = total.vega.add(vega(exposed, expiry)?)?;
            total.theta = total.theta.add(theta(decayed, expiry))?;
        }
        Ok(total)
    }
}

/// Multiples of F·n(d₁) of a lot, sixteenths of an atom.
struct Bell {
    /// Per hundredth of the deviation.
    gamma: i64,
    /// Times the deviation.
    decay: i64,
}

impl Bell {
    #[inline(always)]
    fn of(unit: &UnitValues) -> Self {
        // A bell is below 2³³; unsigned, as the chain's machine divides.
        let per_unit = (unit.bell.unsigned_abs() << super::params::ROOT_BITS).checked_div(unit.deviation.unsigned_abs()).unwrap_or(0);
        let decay = unit.bell.wrapping_mul(unit.deviation.min(DEVIATION_MAX) >> 4) >> (super::params::ROOT_BITS - 4);
        Self { gamma: (per_unit / 100).cast_signed(), decay }
    }
}

/// Sixteenths of an atom times √τ, a hundredth of it.
fn vega(exposed: i64, expiry: &ExpiryTerms) -> RiskResult<Quote> {
    let per_unit = scale(exposed, Ratio::new(expiry.root_tau << RATIO_OF_ROOT), Round::Floor)?;
    crate::units::div(per_unit, 100 << UNIT_BITS, Round::Floor).map(Quote::new)
}

/// What decays in a day; the value of a long position falls.
fn theta(decayed: i64, expiry: &ExpiryTerms) -> Quote {
    let (size, seconds) = ((decayed.unsigned_abs() >> UNIT_BITS), expiry.seconds.max(1).unsigned_abs());
    let whole = size.checked_div(seconds).unwrap_or(0);
    let rest = size.wrapping_sub(whole.wrapping_mul(seconds));
    // Below 2²⁶ · 2¹⁶; a sum that no 64 bits hold is shown as the most they do.
    let of_rest = rest.wrapping_mul(HALF_DAY.unsigned_abs()).checked_div(seconds).unwrap_or(0);
    let day = whole.saturating_mul(HALF_DAY.unsigned_abs()).saturating_add(of_rest);
    let day = i64::try_from(day).unwrap_or(i64::MAX);
    Quote::new(if decayed > 0 { day.wrapping_neg() } else { day })
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::as_conversions,
    clippy::float_arithmetic,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "tests"
)]
mod tests {
    use super::super::tests::book::{any_portfolio, expiry, option, Account, SeriesSpec};
    use super::super::tests::major;
    use super::super::{LegInput, OptionKind};
    use super::*;
    use crate::option::{Black76, Contract};
    use crate::units::{Price, Secs};
    use proptest::prelude::*;

    fn precise(account: &Account, series: &SeriesSpec) -> Black76 {
        let risk = &account.expiries[usize::from(series.expiry)];
        Contract::new(risk.forward, Price::new(series.strike), risk.tau).unwrap().at(series.sigma).unwrap()
    }

    proptest! {
        /// One option's Greeks are those of the precise form: within 1e-5 of what F·n(d₁) can make of them, and two atoms.
        #[test]
        fn the_greeks_of_one_option_are_the_precise_ones(
            (strike, is_put, sigma) in (50..=200_i64, any::<bool>(), 20..=200_i64),
            (tau, lots) in (3_600..=63_072_000_i64, -50_000..=50_000_i64),
        ) {
            let mut account = Account::new(vec![(major(1_500_000), LegInput::default())]);
            account.expiries = vec![expiry(0, 1_500_000, 1)];
            account.expiries[0].tau = Secs::new(tau);
            let kind = if is_put { OptionKind::Put } else { OptionKind::Call };
            account.series = vec![SeriesSpec { expiry: 0, strike: 15_000 * strike, kind, sigma: Ratio::of(sigma, 100) }];
            account.legs = vec![option(0, lots)];
            let found = account.report().1.option_greeks[0];
            let exact = precise(&account, &account.series[0]);
            let greeks = exact.greeks(kind).unwrap();
            let (size, years) = (1_500_000.0 * lots as f64, tau as f64 / 31_536_000.0);
            let v = sigma as f64 / 100.0 * years.sqrt();
            let premium = |premium: crate::units::Premium| premium.raw() as f64 / 2f64.powi(32) * lots as f64;
            let gamma = greeks.gamma.raw() as f64 / 2f64.powi(30) * size;
            for (name, found, exact, most) in [
                ("gamma", found.gamma, gamma, size / v / 100.0),
                ("vega", found.vega, premium(greeks.vega), size * years.sqrt() / 100.0),
                ("theta", found.theta, premium(greeks.theta), size * v / (years * 730.0)),
            ] {
                // The precise gamma is cut to 2⁻³⁰ of a lot's forward; a lot's share is kept to a sixteenth of an atom.
                let tolerance = 2.0 + 1e-5 * most.abs() + lots.abs() as f64 * (0.125 + 1_500_000.0 / 2f64.powi(30));
                prop_assert!((found.raw() as f64 - exact).abs() <= tolerance, "{name}: {found:?} {exact} ± {tolerance}");
            }
        }

        /// The Greeks of a market add up over its options, roundings aside, and orders have none.
        #[test]
        fn greeks_add_up(account in any_portfolio(4)) {
            let whole = account.report().1.option_greeks[0];
            let mut sum = [0_i64; 3];
            for leg in &account.legs {
                let one = account.with_legs(vec![option(leg.series, leg.lots.raw())]).report().1.option_greeks[0];
                sum.iter_mut().zip([one.gamma, one.vega, one.theta]).for_each(|(sum, part)| *sum += part.raw());
            }
            for (sum, whole) in sum.into_iter().zip([whole.gamma, whole.vega, whole.theta]) {
                prop_assert!((sum - whole.raw()).abs() <= 16, "{sum} {whole:?}");
            }
        }
    }
}
