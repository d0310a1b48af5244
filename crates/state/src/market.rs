//! One underlying: its accepted price, volatility, rates in force, and the books of its perpetual.

use crate::engine::{
    DepthParams, DepthState, FundingParams, FundingState, GlideState, LiquidationParams, OptionParams, OracleParams, OracleState, Pause,
    PerpBooks, PerpParams, StoredTerms, SurfaceParams, VolParams, VolState,
};
use crate::expiry::{Expiry, EXPIRIES};
use crate::mirror::layout;
use crate::peg::Depeg;
use crate::Pubkey;
#[cfg(feature = "anchor")]
use anchor_lang::{prelude::zero_copy, Discriminator};
use plimsoll_risk::depth::DepthSample;
use plimsoll_risk::margin::{im_rate_scaled, spot_range, MarketRisk, MarketTerms, SPOT_RANGE_MAX};
use plimsoll_risk::oracle::{stale_range, Conditions, STALE_AGE};
use plimsoll_risk::perp::settle_market;
use plimsoll_risk::units::{mul_div, MAX_LOTS};
use plimsoll_risk::{Lots, Price, Quote, Ratio, RiskError, RiskResult, Round, Secs};

/// Trading is open.
pub const STATUS_ACTIVE: u8 = 0;
/// Only reductions, until the pause is over.
pub const STATUS_REDUCE_ONLY: u8 = 1;

layout! {
    /// Parameters of a market that belong to no single part of the engine.
    part MarketParams [9 * 8] {
        /// Prices of orders are multiples of this many atoms per lot.
        tick: i64,
        /// Least value of an order, quote atoms.
        min_order: i64,
        /// Tier rate of initial margin, Q30 (RULES 4.2).
        tier_im: i64,
        /// Open interest up to which the initial rate stays, quote atoms (RULES 4.5).
        oi_low: i64,
        /// Open interest at which the initial rate is 100 %, quote atoms.
        oi_high: i64,
        /// Smallest spot range of the grid, Q30 (RULES 4.1).
        range_low: i64,
        /// Largest spot range of the grid, Q30.
        range_high: i64,
        /// Exit target above maintenance margin, share of notional, Q30 (RULES 4.5).
        target_extra: i64,
        /// Largest open interest a side, lots.
        max_open_interest: i64,
    }
}

layout! {
    /// Margin terms derived at the last price, so that a margin check of a fresh market copies instead of deriving them. All zero: none.
    part TermsCache [5 * 8 + core::mem::size_of::<StoredTerms>()] {
        /// Publish time of the price they were derived at.
        publish: i64,
        /// Begin of the minute of that time.
        minute: i64,
        /// Distance to the five-minute average over the price, Q30, in that minute and in the next one; −1 while there is no average.
        gaps: [i64; 2],
        /// Largest open interest that leaves the initial rate as it is, lots.
        low_interest: i64,
        /// The terms, but for initial rate and distance.
        terms: StoredTerms,
    }
}

layout! {
    /// A market per underlying.
    account Market [b"plm:mrkt", 8 + 2 * 32 + 32 + 16 + 8 + 5 * 8 + 72 + core::mem::size_of::<OracleParams>() + core::mem::size_of::<OracleState>()
        + core::mem::size_of::<VolParams>() + core::mem::size_of::<VolState>() + core::mem::size_of::<GlideState>()
        + core::mem::size_of::<FundingParams>() + core::mem::size_of::<FundingState>() + core::mem::size_of::<PerpParams>()
        + core::mem::size_of::<LiquidationParams>() + core::mem::size_of::<PerpBooks>() + core::mem::size_of::<TermsCache>() + 32
        + core::mem::size_of::<Pause>()         + core::mem::size_of::<DepthParams>() + core::mem::size_of::<DepthState>() + core::mem::size_of::<OptionParams>()
        + core::mem::size_of::<SurfaceParams>() + EXPIRIES * core::mem::size_of::<Expiry>()
        + core::mem::size_of::<Depeg>() + 240] {
        /// The exchange it belongs to.
        exchange: Pubkey,
        /// Its order book.
        book: Pubkey,
        /// Pyth feed of its price.
        feed: [u8; 32],
        /// Name, padded with zeros.
        symbol: [u8; 16],
        /// Layout version.
        version: u8,
        /// Bump of this address.
        bump: u8,
        /// `STATUS_ACTIVE` or `STATUS_REDUCE_ONLY`.
        status: u8,
        /// Zero.
        padding: [u8; 3],
        /// Which market of the exchange this is.
        index: u16,
        /// Counts every change of this account.
        sequence: u64,
        /// Initial rate before open interest, Q30; set at the last price update.
        im_rate: i64,
        /// Maintenance rate in force, Q30; set at the last price update.
        mm_rate: i64,
        /// What the maintenance rate will be in an hour if nothing changes, Q30 (RULES 3.3).
        mm_rate_in_an_hour: i64,
        /// Spot range in force, Q30; set at the last price update.
        range: i64,
        /// Parameters.
        params: MarketParams,
        /// What it demands of its feed.
        oracle_params: OracleParams,
        /// The accepted price and its averages.
        oracle: OracleState,
        /// Parameters of the volatility measurement.
        vol_params: VolParams,
        /// Measured volatility.
        vol: VolState,
        /// The maintenance rate on its way.
        glide: GlideState,
        /// Parameters of funding.
        funding_params: FundingParams,
        /// The funding clock.
        funding: FundingState,
        /// Parameters of the perpetual's accounting.
        perp_params: PerpParams,
        /// Parameters of liquidation.
        liquidation_params: LiquidationParams,
        /// The perpetual's books.
        perp: PerpBooks,
        /// Margin terms at the last price.
        cache: TermsCache,
        /// The risk group it belongs to; zero for none.
        group: Pubkey,
        /// Pauses of opening new risk (RULES 9.3); `status` says reduce-only from the beginning of one until somebody lifts it.
        reduce_only: Pause,
        /// What size costs.
        depth_params: DepthParams,
        /// What the market absorbs.
        depth: DepthState,
        /// How options are margined.
        option_params: OptionParams,
        /// Limits of published smiles.
        surface_params: SurfaceParams,
        /// Expiries of options.
        expiries: [Expiry; EXPIRIES],
        /// Copy of the exchange's charge for a depeg of the quote token, so that a margin check need not read the exchange.
        depeg: Depeg,
        /// Zero; later versions take their fields from here.
        reserve: [u64; 30],
    }
}

// What indexers filter on, counted after the discriminator.
const _: () = {
    assert!(core::mem::offset_of!(Market, exchange) == 0);
    assert!(core::mem::offset_of!(Market, book) == 32);
    assert!(core::mem::offset_of!(Market, feed) == 64);
    assert!(core::mem::offset_of!(Market, symbol) == 96);
    assert!(core::mem::offset_of!(Market, cache) == 2_032);
};

impl Market {
    /// The accepted price. Errors: [`RiskError::PriceOutOfRange`] before the first.
    pub fn mark(&self) -> RiskResult<Price> {
        Price::checked(self.oracle.price)
    }

    /// Conditions of the accepted price at `now` (RULES 2.2).
    pub fn conditions(&self, now: Secs) -> Conditions {
        match self.cached_gap(now) {
            Some(gap) => self.oracle.conditions_at_gap(&self.oracle_params, now, Some(gap).filter(|gap| !gap.is_negative())),
            None => self.oracle.conditions(&self.oracle_params, now),
        }
    }

    /// Token atoms with `decimals` that make one base lot. Errors: [`RiskError::ParameterOutOfRange`] when a lot is finer than an atom.
    pub fn atoms_per_lot(&self, decimals: u8) -> RiskResult<i64> {
        let power = i64::from(decimals).checked_sub(self.oracle_params.lot_exponent.into()).ok_or(RiskError::Overflow)?;
        let power = u32::try_from(power).map_err(|_| RiskError::ParameterOutOfRange)?;
        10_i64.checked_pow(power).ok_or(RiskError::ParameterOutOfRange)
    }

    /// Open interest at the mark, the larger side.
    pub fn open_interest(&self) -> RiskResult<Quote> {
        Lots::new(self.perp.long.open_interest.max(self.perp.short.open_interest)).at(self.mark()?)
    }

    /// Initial-margin rate at the present volatility and open interest (RULES 4.2, 4.5).
    pub fn im_rate(&self) -> RiskResult<Ratio> {
        im_rate_scaled(Ratio::new(self.im_rate), self.open_interest()?, Quote::new(self.params.oi_low), Quote::new(self.params.oi_high))
    }

    /// What a margin check needs of this market at `now`.
    pub fn risk(&self, now: Secs) -> RiskResult<MarketRisk> {
        let mark = self.mark()?;
        let confidence = Ratio::new(self.oracle.confidence);
        let age = self.oracle.age(now);
        let is_stale = age > STALE_AGE && !self.oracle.is_settling();
        let stale = if is_stale { stale_range(confidence, Ratio::new(self.vol.sigma_1h), age)? } else { Ratio::ZERO };
        Ok(MarketRisk {
            mark,
            // A final price has no other to be compared with.
            twap: self.oracle.twap.five_minute(now).filter(|_| !self.oracle.is_settling()).unwrap_or(mark),
            confidence,
            im_rate: self.im_rate()?,
            mm_rate: Ratio::new(self.mm_rate),
            spot_range: Ratio::new(self.range),
            stale_range: stale.min(Ratio::ONE),
            stale_for: if is_stale { age.sub(STALE_AGE)? } else { Secs::ZERO },
            target_extra: Ratio::new(self.params.target_extra),
            claim_weight: Ratio::new(self.perp_params.claim_weight),
            size: self.depth.size_terms(&self.depth_params)?,
        })
    }

    /// [`Self::risk`], checked and reduced to unit values: from the cache while the feed is fresh, else derived.
    #[inline]
    pub fn terms(&self, now: Secs) -> RiskResult<MarketTerms> {
        match self.cached_gap(now) {
            Some(gap) => self.terms_at_gap(gap),
            None => self.derived_terms(now),
        }
    }

    /// The terms from [`Self::risk`], without the cache.
    #[inline(never)]
    pub fn derived_terms(&self, now: Secs) -> RiskResult<MarketTerms> {
        MarketTerms::new(&self.risk(now)?)
    }

    #[inline]
    fn terms_at_gap(&self, gap: Ratio) -> RiskResult<MarketTerms> {
        let interest = self.perp.long.open_interest.max(self.perp.short.open_interest);
        let rate = if interest <= self.cache.low_interest { Ratio::new(self.im_rate) } else { self.im_rate()? };
        Ok(self.cache.terms.terms(rate, gap))
    }

    /// The cached distance to the average, −1 for none, if the cache holds at `now`: it is of this price, the price is neither stale nor
    /// final, and `now` is in one of the two minutes it was made for (averages are over whole minutes of the clock).
    #[inline]
    fn cached_gap(&self, now: Secs) -> Option<Ratio> {
        let is_fresh = self.cache.publish != 0
            && self.cache.publish == self.oracle.publish
            && self.oracle.settling_since == 0
            && now.raw().wrapping_sub(self.cache.publish) <= STALE_AGE.raw();
        let [this, next] = self.cache.gaps;
        match now.raw().wrapping_sub(self.cache.minute) {
            0..=59 if is_fresh => Some(Ratio::new(this)),
            60..=119 if is_fresh => Some(Ratio::new(next)),
            _ => None,
        }
    }

    /// Derives the cached terms; call after every change of price, rates or parameters.
    fn renew_cache(&mut self) -> RiskResult<()> {
        let publish = Secs::new(self.oracle.publish);
        let minute = (self.oracle.publish / 60).wrapping_mul(60);
        let gap = |at: i64| self.oracle.twap_gap(Secs::new(at)).map_or(-1, Ratio::raw);
        let gaps = [gap(minute), gap(minute.wrapping_add(60))];
        let risk = self.risk(publish)?;
        let low = self.params.oi_low.checked_div(self.oracle.price).ok_or(RiskError::DivisionByZero)?;
        let terms = StoredTerms::from(plimsoll_risk::margin::StoredTerms::new(&MarketTerms::new(&risk)?, risk.confidence));
        self.cache = TermsCache { publish: publish.raw(), minute, gaps, low_interest: low, terms };
        Ok(())
    }

    /// Brings volatility, rates and range to the accepted price (RULES 3); call after every accepted sample.
    pub fn refresh_rates(&mut self, now: Secs) -> RiskResult<()> {
        let (price, publish) = (self.mark()?, Secs::new(self.oracle.publish));
        let params = *self.vol_params;
        let tier = Ratio::new(self.params.tier_im);
        let has_new_bucket = self.vol.push(&params, price, publish)?;
        let sigma = Ratio::new(self.vol.sigma_1h);
        self.glide.advance(&params, sigma, tier, now)?;
        let rates = self.glide.rates(&params, &self.vol, tier, now)?;
        self.im_rate = rates.initial.min(Ratio::ONE).raw();
        self.mm_rate = rates.maintenance.min(Ratio::ONE).raw();
        self.mm_rate_in_an_hour = rates.in_an_hour.min(Ratio::ONE).raw();
        if has_new_bucket || self.range == 0 {
            // √24 in Q30: one-hour volatility to one day.
            let day = sigma.mul(Ratio::new(5_260_236_949), Round::Ceil)?;
            self.range = spot_range(day, Ratio::new(self.params.range_low), Ratio::new(self.params.range_high))?.raw();
        }
        self.renew_cache()
    }

    /// Takes a look at the book's `depth` and at open interest, and renews what size costs (RULES 4.4).
    pub fn sample_depth(&mut self, depth: Quote, now: Secs) -> RiskResult<()> {
        let sample = DepthSample { depth, open_interest: self.open_interest()? };
        let params = *self.depth_params;
        self.depth.push(&sample, now, &params)?;
        self.renew_cache()
    }

    /// Whether orders may open new risk at `now` (RULES 9.3): a pause that is over stops nobody, lifted or not.
    pub fn takes_new_risk(&self, now: Secs) -> bool {
        self.status == STATUS_ACTIVE || !self.reduce_only.is_active(now)
    }

    /// Makes the price final six hours after the feed fell silent and closes every position at it (RULES 2.5). Collateral that this market
    /// prices counts from then on less what the widest range could take from it: nobody knows what it is worth.
    ///
    /// Errors: [`RiskError::WrongState`] while the feed is not that old; as [`settle_market`].
    pub fn begin_settling(&mut self, now: Secs) -> RiskResult<Price> {
        let mut oracle = *self.oracle;
        let price = oracle.begin_settling(now)?;
        settle_market(&mut self.perp, price)?;
        *self.oracle = oracle;
        self.im_rate = Ratio::ONE.raw();
        self.mm_rate = Ratio::ONE.raw();
        self.mm_rate_in_an_hour = Ratio::ONE.raw();
        self.range = SPOT_RANGE_MAX.raw();
        Ok(price)
    }

    /// Whether there is somebody to pay funding and somebody to receive it.
    pub fn has_both_sides(&self) -> bool {
        self.perp.long.open_interest > 0 && self.perp.short.open_interest > 0
    }

    /// Whether funding waits because the price is stale, missing or final (RULES 2.2): the index is then used as it stands.
    pub fn funding_waits(&self, now: Secs) -> bool {
        // Both are times of the chain's clock, far from wrapping.
        let age = now.raw().wrapping_sub(self.oracle.publish);
        !self.oracle.has_price() || self.oracle.is_settling() || age > STALE_AGE.raw()
    }

    /// Accrues funding up to `now` into both side indices, unless it has to wait; call before open interest or a position changes (RULES 5.4).
    pub fn accrue_funding(&mut self, now: Secs) -> RiskResult<()> {
        if self.funding_waits(now) {
            return Ok(());
        }
        let mark = self.mark()?;
        let has_both_sides = self.has_both_sides();
        let per_lot = self.funding.accrue(now, mark, has_both_sides)?;
        plimsoll_risk::perp::accrue_funding(&mut self.perp, per_lot.raw())
    }

    /// The law of this account: pool and tranche are never negative, open interest is within its cap's arithmetic bound.
    pub fn invariant(&self) -> RiskResult<()> {
        let perp = &self.perp;
        let is_sound = perp.pool >= 0
            && perp.tranche_cash >= 0
            && perp.fees >= 0
            && (0..=MAX_LOTS).contains(&perp.long.open_interest)
            && (0..=MAX_LOTS).contains(&perp.short.open_interest);
        if is_sound {
            Ok(())
        } else {
            Err(RiskError::WrongState)
        }
    }
}

/// Fee of a trade worth `value`, rounded up.
pub fn fee(value: Quote, rate: Ratio) -> RiskResult<Quote> {
    mul_div(value.abs()?.raw(), rate.raw(), Ratio::ONE.raw(), Round::Ceil).map(Quote::new)
}
