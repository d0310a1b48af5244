//! A token other than the quote that counts toward margin: its vault, the market that prices it, weights and cap.

use crate::engine::Gate;
use crate::mirror::layout;
use crate::Pubkey;
#[cfg(feature = "anchor")]
use anchor_lang::{prelude::zero_copy, Discriminator};
use plimsoll_risk::{units::mul_div, Price, Quote, Ratio, RiskError, RiskResult, Round};

layout! {
    /// One collateral token.
    account Collateral [b"plm:coll", 8 + 4 * 32 + 8 + 7 * 8 + core::mem::size_of::<Gate>() + 64] {
        /// The exchange it belongs to.
        exchange: Pubkey,
        /// Its mint.
        mint: Pubkey,
        /// Token account that holds the deposits.
        vault: Pubkey,
        /// The market whose oracle price values it.
        market: Pubkey,
        /// Layout version.
        version: u8,
        /// Bump of this address.
        bump: u8,
        /// Bump of the vault.
        vault_bump: u8,
        /// Decimals of the token.
        decimals: u8,
        /// Zero.
        padding: [u8; 4],
        /// Token atoms that make one base lot of the pricing market.
        atoms_per_lot: i64,
        /// Weight for initial margin, Q30.
        im_weight: i64,
        /// Weight for maintenance margin, Q30.
        mm_weight: i64,
        /// Largest total of deposits, token atoms.
        cap: i64,
        /// Deposits of all accounts, token atoms; equals the vault but for donations sent to it directly.
        total: i64,
        /// When it was listed: its weight grows from zero from then on.
        listed_at: i64,
        /// Seconds from listing to full weight.
        warm_up: i64,
        /// The way out of the vault (RULES 1.6).
        outflow: Gate,
        /// Zero; later versions take their fields from here.
        reserve: [u64; 8],
    }
}

impl Collateral {
    /// Unweighted value of `atoms` of this token at `price`, rounded down.
    pub fn value(&self, atoms: i64, price: Price) -> RiskResult<Quote> {
        mul_div(atoms, price.raw(), self.atoms_per_lot, Round::Floor).map(Quote::new)
    }

    /// Weights for initial and maintenance margin at `now`, scaled by the warm-up (RULES 9.1): linear from zero at listing.
    pub fn weights(&self, now: i64) -> RiskResult<(Ratio, Ratio)> {
        let age = now.saturating_sub(self.listed_at).clamp(0, self.warm_up.max(0));
        if age >= self.warm_up {
            return Ok((Ratio::new(self.im_weight), Ratio::new(self.mm_weight)));
        }
        let scaled = |weight: i64| mul_div(weight, age, self.warm_up, Round::Floor).map(Ratio::new);
        Ok((scaled(self.im_weight)?, scaled(self.mm_weight)?))
    }

    /// The law of this account. Errors: [`RiskError::WrongState`].
    pub fn invariant(&self) -> RiskResult<()> {
        let is_sound = (0..=self.cap).contains(&self.total)
            && self.cap <= plimsoll_risk::limits::MAX_AMOUNT
            && self.atoms_per_lot > 0
            && 0 <= self.im_weight
            && self.im_weight <= self.mm_weight
            && self.mm_weight <= Ratio::ONE.raw();
        if is_sound {
            Ok(())
        } else {
            Err(RiskError::WrongState)
        }
    }
}
