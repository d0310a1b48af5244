//! The only place that touches Pyth types: bytes of a `PriceUpdateV2` account to the engine's sample.

use crate::errors::PlimsollError;
use anchor_lang::prelude::*;
use plimsoll_risk::oracle::PriceSample;
use pyth_solana_receiver_sdk::price_update::{PriceUpdateV2, VerificationLevel};

/// Program that owns genuine price accounts.
pub const PYTH_RECEIVER: Pubkey = pyth_solana_receiver_sdk::ID;

/// Reads a price account: owner, type, feed and full verification are checked here, the numbers by the engine (RULES 2.1).
pub(crate) fn read_sample(info: &AccountInfo<'_>, feed: &[u8; 32]) -> Result<PriceSample> {
    // The owner comes first: the bytes of another program's account mean nothing.
    require_keys_eq!(*info.owner, PYTH_RECEIVER, PlimsollError::PriceWrongOwner);
    let data = info.try_borrow_data()?;
    let update = PriceUpdateV2::try_deserialize(&mut &data[..]).map_err(|_| PlimsollError::PriceMalformed)?;
    let message = update.price_message;
    Ok(PriceSample {
        owner_ok: true,
        feed_matches: message.feed_id == *feed,
        fully_verified: update.verification_level == VerificationLevel::Full,
        price: message.price,
        conf: message.conf,
        exponent: message.exponent,
        publish: message.publish_time,
        prev_publish: message.prev_publish_time,
    })
}
