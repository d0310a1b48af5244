//! Prices: what the exchange accepts from the feed, and what it allows while the accepted price has a fault (RULES 2).
//!
//! | part | rule |
//! | --- | --- |
//! | [`accept`] | 2.1: which samples become the accepted price |
//! | [`permission`](permission::permission) | 2.2: the one table of (condition, action) pairs |
//! | [`stale_range`] | 2.5: what a silent feed may have missed |
//! | [`Outage`] | 2.4: silence of the chain or of the feed |
//! | [`PegState`] | 4.4: the quote token's own price |
//!
//! Times are unix seconds of the chain's clock; a publish time may be up to 10 s ahead of it, because that clock lags.

mod edge;
mod outage;
mod peg;
pub mod permission;

pub use edge::stale_range;
pub use outage::{is_chain_outage, Outage};
pub use peg::PegState;
pub use permission::{permission, Action, Condition, Conditions, Permission};

use crate::error::{RiskError, RiskResult};
use crate::twap::Twap;
use crate::units::{Price, Ratio, Secs, MAX_PRICE};
use bytemuck::{Pod, Zeroable};

/// How far a publish time may be ahead of the chain's clock.
pub const MAX_AHEAD: Secs = Secs::new(10);
/// Age up to which a price settles and starts liquidations.
pub const FRESH_AGE: Secs = Secs::new(10);
/// Age up to which a price opens risk and pays out.
pub const TRADING_AGE: Secs = Secs::new(15);
/// Age up to which a price continues liquidations; beyond it the feed is stale.
pub const STALE_AGE: Secs = Secs::new(60);
/// Time without a valid price after which anyone moves the market to settling.
pub const SETTLING_AGE: Secs = Secs::new(6 * 3_600);

const QUOTE_DECIMALS: i64 = 6;
const MAX_POWER: i64 = 18;

/// One update as the program read it, the facts about its account included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PriceSample {
    /// The account is owned by the feed's receiver program and carries its discriminator.
    pub owner_ok: bool,
    /// The feed identifier is the market's.
    pub feed_matches: bool,
    /// Verification is full, not partial.
    pub fully_verified: bool,
    /// Price, in units of 10^exponent.
    pub price: i64,
    /// Half-width of the confidence interval, in the same units.
    pub conf: u64,
    /// Decimal exponent of both.
    pub exponent: i32,
    /// When this price was published.
    pub publish: i64,
    /// When the feed published the one before.
    pub prev_publish: i64,
}

/// Why a sample was refused; each becomes a numbered error of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The price account is not owned by the receiver program.
    WrongOwner,
    /// The price account is of another feed.
    WrongFeed,
    /// The update was posted with partial verification; post it fully verified.
    PartialVerification,
    /// The market is settling or settled: its price is final.
    MarketSettling,
    /// The price was zero or negative.
    PriceNotPositive,
    /// The exponent is not the one the market was listed with.
    ExponentChanged,
    /// The confidence interval is wider than the market's hard limit.
    ConfidenceTooWide,
    /// The price is outside the market's absolute bounds, or not a price of a lot at all.
    OutOfBounds,
    /// Published more than 10 s ahead of the chain's clock.
    FromTheFuture,
    /// Published more than 60 s ago, where a price counts only once.
    TooOld,
    /// A stored parameter or state was out of its documented range.
    BadState,
}

impl From<RiskError> for Fault {
    fn from(_: RiskError) -> Self {
        Self::BadState
    }
}

/// What the market demands of its feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct OracleParams {
    /// Exponent the feed had at listing.
    pub exponent: i32,
    /// A lot is 10^−lot_exponent units of the base asset.
    pub lot_exponent: i32,
    /// Smallest acceptable price.
    pub min_price: Price,
    /// Largest acceptable price.
    pub max_price: Price,
    /// Confidence / price above which a sample is refused (4 %).
    pub hard_confidence: Ratio,
    /// Confidence / price above which [`Condition::WideConfidence`] holds (1 % majors, 2 % others).
    pub wide_confidence: Ratio,
    /// A narrower published interval counts as this (1 bp†): no feed is certain.
    pub min_confidence: Ratio,
    /// |price − 5-min TWAP| / price above which [`Condition::TwapGap`] holds (0.5 %; 2 % in the slow lane).
    pub settle_gap: Ratio,
    /// The same for [`Condition::TwapBand`] (10 %).
    pub trading_gap: Ratio,
    /// Milliseconds a slot takes, for the outage ratio alone (200 today).
    pub slot_millis: u64,
}

impl OracleParams {
    /// The defaults of `RULES` 2 for a major, to be completed with the feed's exponent, the lot and the asset's bounds.
    pub const fn major(exponent: i32, lot_exponent: i32, min_price: Price, max_price: Price) -> Self {
        Self {
            exponent,
            lot_exponent,
            min_price,
            max_price,
            hard_confidence: Ratio::of(4, 100),
            wide_confidence: Ratio::of(1, 100),
            min_confidence: Ratio::of(1, 10_000),
            settle_gap: Ratio::of(5, 1_000),
            trading_gap: Ratio::of(10, 100),
            slot_millis: 200,
        }
    }

    /// Checks every range. Errors: [`RiskError::ParameterOutOfRange`].
    pub fn validate(&self) -> RiskResult<()> {
        let is_ordered = Ratio::ZERO <= self.min_confidence
            && self.min_confidence <= self.wide_confidence
            && self.wide_confidence <= self.hard_confidence
            && self.hard_confidence < Ratio::of(1, 2)
            && Ratio::ZERO < self.settle_gap
            && self.settle_gap <= self.trading_gap
            && self.trading_gap < Ratio::ONE;
        let is_bounded = 1 <= self.min_price.raw() && self.min_price <= self.max_price && self.max_price.raw() <= MAX_PRICE;
        let is_scaled = self.power().abs() <= MAX_POWER && (1..=60_000).contains(&self.slot_millis);
        if is_ordered && is_bounded && is_scaled {
            Ok(())
        } else {
            Err(RiskError::ParameterOutOfRange)
        }
    }

    /// Power of ten from a feed price to atoms per lot.
    fn power(&self) -> i64 {
        i64::from(self.exponent).saturating_add(QUOTE_DECIMALS).saturating_sub(i64::from(self.lot_exponent))
    }
}

/// What the market remembers of its feed. All zero is a market that has never had a price.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct OracleState {
    /// Last accepted price; 0 before the first; the final price once settling.
    pub price: Price,
    /// Its confidence / price.
    pub confidence: Ratio,
    /// When it was published.
    pub publish: Secs,
    /// The accepted price before it, 0 if none.
    pub previous_price: Price,
    /// When that one was published.
    pub previous_publish: Secs,
    /// Chain clock when the last price was accepted.
    pub posted: Secs,
    /// Slot at that time.
    pub posted_slot: u64,
    /// When the market moved to settling, 0 if it has not.
    pub settling_since: Secs,
    /// Silence of chain or feed.
    pub outage: Outage,
    /// Averages of the accepted prices.
    pub twap: Twap,
}

const _: () = assert!(core::mem::size_of::<OracleParams>() == 72 && core::mem::size_of::<OracleState>() == 384);
const _: () = assert!(core::mem::align_of::<OracleParams>() == 8 && core::mem::align_of::<OracleState>() == 8);

/// What became of a sample that was not refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accepted {
    /// Not newer than the stored one: nothing changed, and that is a success.
    NoEffect,
    /// It is the accepted price now.
    Applied {
        /// Quote atoms per lot.
        price: Price,
        /// Confidence / price.
        confidence: Ratio,
        /// Publish time.
        publish: Secs,
    },
}

/// Takes `sample` as the market's price if RULES 2.1 allow it.
///
/// On a fault the state is unchanged. The order is: who says it, whether it is news, what it says.
pub fn accept(state: &mut OracleState, params: &OracleParams, sample: &PriceSample, now: Secs, slot: u64) -> Result<Accepted, Fault> {
    check_origin(sample)?;
    if state.is_settling() {
        return Err(Fault::MarketSettling);
    }
    let publish = Secs::new(sample.publish);
    if publish > now.add(MAX_AHEAD)? {
        return Err(Fault::FromTheFuture);
    }
    // Before the contents: a keeper's bundle must not fail because an older update came first or was odd.
    if publish <= state.publish {
        return Ok(Accepted::NoEffect);
    }
    let (price, confidence) = read(params, sample)?;
    state.twap.record(price, publish)?;
    if state.has_price() {
        state.previous_price = state.price;
        state.previous_publish = state.publish;
        if is_chain_outage(state.posted, state.posted_slot, now, slot, params.slot_millis) {
            state.outage.begin(now);
        }
        if sample.publish.saturating_sub(sample.prev_publish) > outage::SILENCE.raw() {
            state.outage.begin(now);
        }
    }
    state.outage.observe(publish, now);
    state.price = price;
    state.confidence = confidence;
    state.publish = publish;
    state.posted = now;
    state.posted_slot = slot;
    Ok(Accepted::Applied { price, confidence, publish })
}

fn check_origin(sample: &PriceSample) -> Result<(), Fault> {
    match (sample.owner_ok, sample.feed_matches, sample.fully_verified) {
        (false, _, _) => Err(Fault::WrongOwner),
        (_, false, _) => Err(Fault::WrongFeed),
        (_, _, false) => Err(Fault::PartialVerification),
        (true, true, true) => Ok(()),
    }
}

/// The sample in units of the market, within its limits.
fn read(params: &OracleParams, sample: &PriceSample) -> Result<(Price, Ratio), Fault> {
    if sample.price <= 0 {
        return Err(Fault::PriceNotPositive);
    }
    if sample.exponent != params.exponent {
        return Err(Fault::ExponentChanged);
    }
    let confidence = confidence_ratio(sample.price.unsigned_abs(), sample.conf)?.max(params.min_confidence);
    if confidence > params.hard_confidence {
        return Err(Fault::ConfidenceTooWide);
    }
    let price = lot_price(params, sample.price)?;
    if price < params.min_price || price > params.max_price {
        return Err(Fault::OutOfBounds);
    }
    Ok((price, confidence))
}

/// conf / price in Q30, rounded up. Both are first cut to 34 bits, which costs less than 2⁻³¹ of the ratio and saves a 128-bit division.
fn confidence_ratio(price: u64, conf: u64) -> Result<Ratio, Fault> {
    if conf >= price {
        return Err(Fault::ConfidenceTooWide);
    }
    let cut = 30_u32.saturating_sub(price.leading_zeros());
    // conf < price < 2⁶³, so rounding it up stays within 64 bits.
    let up = 1_u64.wrapping_shl(cut).wrapping_sub(1);
    let (price, conf) = (price.wrapping_shr(cut), conf.wrapping_add(up).wrapping_shr(cut));
    let ratio = (conf << 30).div_ceil(price.max(1));
    i64::try_from(ratio).map(Ratio::new).map_err(|_| Fault::ConfidenceTooWide)
}

/// Atoms per lot = feed price · 10^(exponent + 6 − lot_exponent), to the nearest atom: a price has no beneficiary to round against.
fn lot_price(params: &OracleParams, feed_price: i64) -> Result<Price, Fault> {
    let power = params.power();
    if power.abs() > MAX_POWER {
        return Err(Fault::BadState);
    }
    let factor = u32::try_from(power.unsigned_abs()).ok().and_then(|digits| 10_i64.checked_pow(digits)).ok_or(Fault::BadState)?;
    let scaled = if power >= 0 {
        feed_price.checked_mul(factor)
    } else {
        feed_price.checked_add(factor / 2).and_then(|raised| raised.checked_div(factor))
    };
    scaled.ok_or(Fault::OutOfBounds).and_then(|raw| Price::checked(raw).map_err(|_| Fault::OutOfBounds))
}

impl OracleState {
    /// Whether a price was ever accepted.
    pub fn has_price(&self) -> bool {
        self.price.raw() > 0
    }

    /// Whether the market's price is final.
    pub fn is_settling(&self) -> bool {
        self.settling_since.raw() != 0
    }

    /// max(0, now − publish).
    pub fn age(&self, now: Secs) -> Secs {
        Secs::new(now.raw().saturating_sub(self.publish.raw()).max(0))
    }

    /// |price − 5-min TWAP| / price, rounded up; `None` while there is no such TWAP.
    pub fn twap_gap(&self, now: Secs) -> Option<Ratio> {
        edge::gap(self.price, self.twap.five_minute(now)?).ok()
    }

    /// Every condition that holds at `now`. A settling market has that one alone: its price is final and does not age.
    pub fn conditions(&self, params: &OracleParams, now: Secs) -> Conditions {
        self.conditions_at_gap(params, now, self.twap_gap(now))
    }

    /// [`Self::conditions`] for a caller that knows [`Self::twap_gap`] already.
    pub fn conditions_at_gap(&self, params: &OracleParams, now: Secs, gap: Option<Ratio>) -> Conditions {
        if self.is_settling() {
            return Conditions::of(Condition::Settling);
        }
        if !self.has_price() {
            return Conditions::of(Condition::NoPrice);
        }
        let age = self.age(now);
        let by_age = match age {
            age if age <= FRESH_AGE => Condition::Fresh,
            age if age <= TRADING_AGE => Condition::Aged,
            age if age <= STALE_AGE => Condition::Old,
            _ => Condition::Stale,
        };
        // Without an average there is nothing to vouch for the price: both limits count as exceeded.
        Conditions::of(by_age)
            .with_if(Condition::WideConfidence, self.confidence > params.wide_confidence)
            .with_if(Condition::TwapGap, gap.is_none_or(|gap| gap > params.settle_gap))
            .with_if(Condition::TwapBand, gap.is_none_or(|gap| gap > params.trading_gap))
            .with_if(Condition::Outage, self.outage.is_open(now))
    }

    /// RULES 2.5: after 6 h without a valid price the market's price becomes the TWAP of its last 30 valid minutes, for good.
    ///
    /// Errors: [`RiskError::WrongState`] when the feed is not that old, there never was a price, or it is settling already.
    pub fn begin_settling(&mut self, now: Secs) -> RiskResult<Price> {
        if self.is_settling() || !self.has_price() || self.age(now) < SETTLING_AGE {
            return Err(RiskError::WrongState);
        }
        // A single price ever has no average; then it is all there is.
        let price = self.twap.thirty_minute().map_or(self.price, |average| average.price);
        self.price = price;
        self.confidence = Ratio::ZERO;
        self.settling_since = now;
        Ok(price)
    }
}

#[cfg(test)]
mod tests;
