//! What keepers are paid for the work that a market's losses need (RULES 7.2, 7.3), out of the protocol's part of its fees.

use super::math::{minus, plus};
use super::state::PerpMarket;
use crate::error::{RiskError, RiskResult};
use crate::units::{Lots, Price, Quote, Ratio, Round, Secs};

/// Most for one registration: $0.05, far above a transaction's fee.
pub const REWARD: Quote = Quote::new(50_000);
/// Share of the lots' value a registered candidate earns at most: 1 bp, less than the protocol kept of the fees on them. [Else somebody who
/// holds both sides would be paid for bankrupting one.]
pub const CANDIDATE_SHARE: Ratio = Ratio::of(1, 10_000);
/// Share of a registered claim: 1 %. [Dust positions earn nothing.]
pub const CLAIM_SHARE: Ratio = Ratio::of(1, 100);
/// Share of the protocol's tokens of a market that an hour's rewards may take: 10 %.
pub const HOURLY_SHARE: Ratio = Ratio::of(1, 10);
/// Protocol fees that stay in a market for rewards: $20.
pub const REWARD_FLOAT: Quote = Quote::new(20_000_000);

const HOUR: i64 = 3_600;

/// What registering a candidate of `lots` (≥ 0) is worth. Errors: [`RiskError::Overflow`].
pub fn candidate_reward(lots: Lots, price: Price) -> RiskResult<Quote> {
    Ok(lots.at(price)?.scale(CANDIDATE_SHARE, Round::Floor)?.min(REWARD))
}

/// What a touch that registers `joined` (≥ 0) of claims is worth. Errors: [`RiskError::Overflow`].
pub fn claim_reward(joined: Quote) -> RiskResult<Quote> {
    Ok(joined.scale(CLAIM_SHARE, Round::Floor)?.min(REWARD))
}

/// Takes up to `wanted` (≥ 0) from the market's fees: min(wanted, fees, 10 % · (fees + paid this hour) − paid this hour), for the caller to
/// credit to the keeper's cash.
///
/// Errors: [`RiskError::QuantityOutOfRange`] if negative, [`RiskError::Overflow`].
pub fn take_reward(market: &mut PerpMarket, wanted: Quote, now: Secs) -> RiskResult<Quote> {
    if wanted.is_negative() {
        return Err(RiskError::QuantityOutOfRange);
    }
    let hour = now.raw().div_euclid(HOUR);
    let paid = Quote::new(if hour == market.reward_hour { market.rewarded } else { 0 });
    let fees = Quote::new(market.fees);
    let left = fees.add(paid)?.scale(HOURLY_SHARE, Round::Floor)?.sub(paid)?.positive_part();
    let reward = wanted.min(fees.positive_part()).min(left);
    market.fees = minus(market.fees, reward.raw())?;
    market.rewarded = plus(paid.raw(), reward.raw())?;
    market.reward_hour = hour;
    Ok(reward)
}
