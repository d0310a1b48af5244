//! Markets that may offset each other, and how far (RULES 4.3).

use crate::mirror::{layout, mirror};
use crate::Pubkey;
#[cfg(feature = "anchor")]
use anchor_lang::{prelude::zero_copy, Discriminator};
use plimsoll_risk::correlation::{Measure, MEMBERS};
use plimsoll_risk::{Ratio, RiskError, RiskResult};

mirror! {
    /// How a group measures and what it grants.
    CorrelationParams = plimsoll_risk::correlation::CorrelationParams {
        /// Half-life of the fast averages (24 h).
        fast_half_life: i64,
        /// Half-life of the slow averages (30 d).
        slow_half_life: i64,
        /// Most credit, 0 ..= 0.7 (0.7).
        max_credit: i64,
        /// φ: the requirement is at least so much of the largest market's alone, ½ ..= 1 (0.75 for majors, 1 otherwise).
        floor_share: i64,
        /// Common buckets before there is any credit (288†, a day).
        warm_up: i64,
        /// Fastest rise of 1 − c per hour, compounded continuously (ln 1.10).
        glide_up: i64,
        /// Fastest fall of 1 − c per hour (5 %).
        glide_down: i64,
        /// Zero; reserved.
        reserved: i64,
    }
}

mirror! {
    /// Averages over the common buckets of a pair, per bucket.
    Moments = plimsoll_risk::correlation::Moments {
        /// Of the product of the two returns.
        product: i64,
        /// Of the first market's squared return.
        first: i64,
        /// Of the second's.
        second: i64,
    }
}

mirror! {
    /// Two markets of the group. All zero is a pair that has never been sampled and gets no credit.
    Pair = plimsoll_risk::correlation::Pair {
        /// 24-h half-life.
        fast: Moments,
        /// 30-d half-life.
        slow: Moments,
        /// Last bucket that both markets sampled; 0 = none.
        bucket: i64,
        /// The first market's reference price in it.
        first_reference: i64,
        /// The second's.
        second_reference: i64,
        /// Returns taken in.
        samples: i64,
        /// Credit for initial margin.
        initial: i64,
        /// Credit for maintenance margin; never below `initial`.
        maintenance: i64,
    }
}

mirror! {
    /// The pairs of a group.
    Correlation = plimsoll_risk::correlation::Correlation {
        /// Number of markets, 2 ..= 8.
        members: i64,
        /// (0,1), (0,2) … (0,7), (1,2) … (6,7); those of absent markets stay zero.
        pairs: [Pair; 28],
    }
}

layout! {
    /// Up to eight markets of one exchange. A market belongs to at most one group.
    account RiskGroup [b"plm:grup", 8 + 32 + 8 * 32 + 16 + 8 + 8 + core::mem::size_of::<CorrelationParams>()
        + core::mem::size_of::<Correlation>() + 128] {
        /// The exchange it belongs to.
        exchange: Pubkey,
        /// Its markets; their order is that of every list of them. Zero beyond `correlation.members`.
        markets: [Pubkey; 8],
        /// Name, padded with zeros.
        name: [u8; 16],
        /// Layout version.
        version: u8,
        /// Bump of this address.
        bump: u8,
        /// Which group of the exchange this is.
        number: u16,
        /// Zero.
        padding: [u8; 4],
        /// Counts every change of this account.
        sequence: u64,
        /// Parameters.
        params: CorrelationParams,
        /// What has been measured.
        correlation: Correlation,
        /// Zero; later versions take their fields from here.
        reserve: [u64; 16],
    }
}

impl RiskGroup {
    /// The group's markets, in order.
    pub fn members(&self) -> &[Pubkey] {
        let count = usize::try_from(self.correlation.members).unwrap_or(0);
        self.markets.get(..count.min(MEMBERS)).unwrap_or_default()
    }

    /// The set of all members.
    pub fn everything(&self) -> u8 {
        u32::try_from(self.members().len()).map_or(0, |count| u8::MAX.checked_shr(8_u32.saturating_sub(count)).unwrap_or(0))
    }

    /// The bit of `market` in a set of members; zero for a market of another group.
    pub fn bit(&self, market: &Pubkey) -> u8 {
        let place = self.members().iter().position(|member| member == market).and_then(|place| u32::try_from(place).ok());
        place.map_or(0, |place| 1_u8.wrapping_shl(place))
    }

    /// Credit of an account with positions in `members`, and the share of its largest market that it must hold in any case.
    pub fn terms(&self, members: u8, measure: Measure) -> (Ratio, Ratio) {
        (self.correlation.credit(members, measure), Ratio::new(self.params.floor_share))
    }

    /// The law of this account: two to eight markets, credits within 0 ..= the most, and initial never above maintenance.
    pub fn invariant(&self) -> RiskResult<()> {
        let most = self.params.max_credit;
        let is_sound = self.members().len() >= 2
            && self.correlation.pairs.iter().all(|pair| 0 <= pair.initial && pair.initial <= pair.maintenance && pair.maintenance <= most);
        if is_sound {
            Ok(())
        } else {
            Err(RiskError::WrongState)
        }
    }
}
