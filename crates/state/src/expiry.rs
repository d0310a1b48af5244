//! One expiry of a market's options: its forward, its smile, and what settles it.

use crate::engine::SurfaceState;
use crate::mirror::layout;
use crate::Market;
use plimsoll_risk::margin::{forward, ExpiryRisk, MAX_TAU};
use plimsoll_risk::option::surface::Measure;
use plimsoll_risk::option::{Curve, Measured, Smile};
use plimsoll_risk::units::mul_div;
use plimsoll_risk::{Price, Ratio, RiskError, RiskResult, Round, Secs};

/// Expiries of a market.
pub const EXPIRIES: usize = 8;
/// One-minute means that make the settlement price (RULES 5.5).
pub const SAMPLES: u32 = 30;
/// Largest yearly carry and basis that a forward takes either way.
const MAX_CARRY: Ratio = Ratio::of(2, 1);
/// Hours of the year that rates are quoted on.
const YEAR_HOURS: i64 = 8_760;

layout! {
    /// An expiry. All zero is a free place.
    part Expiry [3 * 8 + core::mem::size_of::<SurfaceState>() + 8 + 2 * 4 + 5 * 8] {
        /// When trading ends and the price is fixed, unix seconds; zero for a free place.
        time: i64,
        /// Yearly carry of the forward over spot, Q30, set by governance (RULES 4.1).
        carry: i64,
        /// How far the carry may lie from what the perp pays in a year, Q30.
        slack: i64,
        /// The smile last published.
        surface: SurfaceState,
        /// Σ of the one-minute means observed in the averaging window, atoms per lot.
        sampled: i64,
        /// Minutes in that sum, 0 ..= 30.
        minutes: u32,
        /// Zero.
        padding: u32,
        /// The settlement price, atoms per lot; zero until it is fixed.
        final_price: i64,
        /// Lots held long, which are the lots held short.
        open_interest: i64,
        /// Tokens of the expiry's pool, atoms: paid in by settled shorts, not yet paid out.
        pool: i64,
        /// Claims of settled longs, atoms, paid or not.
        owed: i64,
        /// Paid in ever, atoms; a claim is paid at paid in / owed.
        paid_in: i64,
    }
}

impl Expiry {
    /// Whether an expiry is listed here.
    pub fn is_used(&self) -> bool {
        self.time != 0
    }

    /// Time left, not negative.
    pub fn tau(&self, now: Secs) -> Secs {
        Secs::new(self.time.saturating_sub(now.raw()).clamp(0, MAX_TAU.raw()))
    }

    /// What the margin engine needs of this expiry of `market`, whose place among the account's markets is `place`.
    ///
    /// A fixed price moves no more: it is an average of which all has been observed. Errors: [`RiskError::PriceOutOfRange`].
    #[inline(always)]
    pub fn risk(&self, market: &Market, place: u8, now: Secs) -> RiskResult<ExpiryRisk> {
        let mark = market.mark()?;
        if self.final_price != 0 {
            let fixed_mean = Price::checked(self.final_price)?;
            return Ok(ExpiryRisk { market: place, forward: mark, tau: Secs::ZERO, fixed_share: Ratio::ONE, fixed_mean });
        }
        let tau = self.tau(now);
        let observed = i64::from(self.minutes.min(SAMPLES));
        let (fixed_share, fixed_mean) = match observed {
            0 => (Ratio::ZERO, Price::new(0)),
            _ => {
                let share = mul_div(observed, Ratio::ONE.raw(), SAMPLES.into(), Round::Floor)?;
                (Ratio::new(share), Price::new(self.sampled.checked_div(observed).unwrap_or(0)))
            }
        };
        let forward = forward(mark, tau, Ratio::new(self.carry), market.perp_basis(), Ratio::new(self.slack))?;
        Ok(ExpiryRisk { market: place, forward, tau, fixed_share, fixed_mean })
    }

    /// The smile in effect at `now`, ready for many strikes (RULES 5.6). Errors: [`RiskError::WrongState`] before the first smile.
    pub fn curve(&self, market: &Market, now: Secs, measure: Measure) -> RiskResult<Curve> {
        self.smile(market, now, measure)?.with(self.tau(now))
    }

    /// The smile in effect at `now`. Errors: [`RiskError::WrongState`] before the first one.
    pub fn smile(&self, market: &Market, now: Secs, measure: Measure) -> RiskResult<Smile> {
        let state: &plimsoll_risk::option::SurfaceState = &self.surface;
        // Only a stale smile needs what the market measures.
        if self.is_stale(market, now) {
            state.at(now, self.tau(now), Measured::of(&market.vol)?, measure, &market.surface_params)
        } else if state.smile.atm.is_zero() {
            Err(RiskError::WrongState)
        } else {
            Ok(state.smile)
        }
    }

    /// Whether the smile is on its glide, so that the two measures may differ.
    pub fn is_stale(&self, market: &Market, now: Secs) -> bool {
        now.raw().saturating_sub(self.surface.updated) > market.surface_params.stale_after
    }
}

impl Market {
    /// What holding the perp pays in a year, Q30: the funding rate in force, which is the average premium less its dead zone, paid once a day;
    /// within ± 2.
    pub fn perp_basis(&self) -> Ratio {
        // An hourly rate beyond this is cut anyhow; so no product is too large.
        const LIMIT: i64 = MAX_CARRY.raw() / YEAR_HOURS + 1;
        let yearly = self.funding.hourly_rate.clamp(-LIMIT, LIMIT).wrapping_mul(YEAR_HOURS);
        Ratio::new(yearly).min(MAX_CARRY).max(Ratio::new(MAX_CARRY.raw().saturating_neg()))
    }
}
