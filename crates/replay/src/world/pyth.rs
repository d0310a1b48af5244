//! Genuine Pyth price accounts: the bytes that the receiver program writes, under its ownership.

use super::Chain;
use anchor_lang::AccountSerialize;
use anyhow::Result;
use pyth_solana_receiver_sdk::price_update::{PriceFeedMessage, PriceUpdateV2, VerificationLevel};
use solana_account::Account;
use solana_pubkey::Pubkey;

/// Exponent of the prices published here.
pub const EXPONENT: i32 = -8;
/// Program that owns price accounts.
pub const RECEIVER: Pubkey = pyth_solana_receiver_sdk::ID;

/// A price update before it is written.
#[derive(Clone, Debug)]
pub struct Update {
    /// Feed.
    pub feed: [u8; 32],
    /// Price in 10^exponent dollars.
    pub price: i64,
    /// Confidence in the same unit.
    pub confidence: u64,
    /// Exponent.
    pub exponent: i32,
    /// Publish time.
    pub publish: i64,
    /// Publish time of the one before.
    pub previous: i64,
    /// Verification.
    pub level: VerificationLevel,
    /// Owner of the account.
    pub owner: Pubkey,
}

impl Update {
    /// A sound update of `feed` at `publish`; prices in micro-dollars.
    pub fn at(feed: [u8; 32], micro_usd: i64, confidence: i64, publish: i64) -> Self {
        Self {
            feed,
            price: micro_usd * 100,
            confidence: u64::try_from(confidence * 100).unwrap_or(0),
            exponent: EXPONENT,
            publish,
            previous: publish - 1,
            level: VerificationLevel::Full,
            owner: RECEIVER,
        }
    }

    /// The account's bytes, as long as the receiver makes them.
    pub fn bytes(&self, slot: u64) -> Result<Vec<u8>> {
        let account = PriceUpdateV2 {
            write_authority: Pubkey::default(),
            verification_level: self.level,
            price_message: PriceFeedMessage {
                feed_id: self.feed,
                price: self.price,
                conf: self.confidence,
                exponent: self.exponent,
                publish_time: self.publish,
                prev_publish_time: self.previous,
                ema_price: self.price,
                ema_conf: self.confidence,
            },
            posted_slot: slot,
        };
        let mut bytes = Vec::with_capacity(PriceUpdateV2::LEN);
        account.try_serialize(&mut bytes)?;
        bytes.resize(PriceUpdateV2::LEN, 0);
        Ok(bytes)
    }
}

/// Writes `update` to the account `key`, as the receiver would.
pub fn write(chain: &mut impl Chain, key: Pubkey, update: &Update, slot: u64) -> Result<()> {
    let data = update.bytes(slot)?;
    let lamports = chain.rent(data.len());
    let account = Account { lamports, data, owner: update.owner, executable: false, rent_epoch: u64::MAX };
    chain.put(key, account)
}
