//! Lists a market with its order book. Only the governor. Parameters not given here start at the engine's defaults for a major.

use crate::errors::{OrRefuse, PlimsollError};
use anchor_lang::prelude::*;
use plimsoll_risk::depth::DepthParams;
use plimsoll_risk::funding::{FundingParams, FundingState};
use plimsoll_risk::liquidation::LiquidationParams;
use plimsoll_risk::margin::{OptionParams, SPOT_RANGE_MAX, SPOT_RANGE_MIN};
use plimsoll_risk::option::SurfaceParams;
use plimsoll_risk::oracle::OracleParams;
use plimsoll_risk::perp::{PerpMarket, PerpParams};
use plimsoll_risk::volatility::{VolParams, VolState};
use plimsoll_risk::{Price, Quote, Ratio, Secs};
use plimsoll_state::{seeds, Exchange, Market, MarketParams, OrderBook, VERSION};

/// Arguments of `create_market`.
#[derive(AnchorSerialize, AnchorDeserialize, Clone, Copy)]
pub struct CreateMarketArgs {
    /// Number of the new market: the exchange's count of markets.
    pub index: u16,
    /// Pyth feed.
    pub feed: [u8; 32],
    /// Name, padded with zeros.
    pub symbol: [u8; 16],
    /// Exponent of the feed.
    pub exponent: i32,
    /// A lot is 10^−lot_exponent units of the base asset.
    pub lot_exponent: i32,
    /// Smallest acceptable price, atoms per lot.
    pub min_price: i64,
    /// Largest acceptable price, atoms per lot, at most 2³⁰.
    pub max_price: i64,
    /// Prices of orders are multiples of this.
    pub tick: i64,
    /// Least value of an order, quote atoms.
    pub min_order: i64,
    /// Tier rate of initial margin, Q30, 2 % ..= 100 %.
    pub tier_im: i64,
    /// Open interest from which the initial rate climbs, quote atoms.
    pub oi_low: i64,
    /// Open interest at which it is 100 %, quote atoms.
    pub oi_high: i64,
    /// Largest open interest a side, lots.
    pub max_open_interest: i64,
    /// Seconds in which a claim matures.
    pub maturity: i64,
    /// Most the insurance fund pays for this market in a day, quote atoms.
    pub fund_cap: i64,
    /// Charge on perp notional beyond what depth and open interest allow, Q30, 0 ..= 100 % (RULES 4.4: 5 %†).
    pub size_rate: i64,
}

/// Accounts of `create_market`.
#[derive(Accounts)]
#[instruction(args: CreateMarketArgs)]
pub struct CreateMarket<'info> {
    /// Pays the rent.
    #[account(mut)]
    pub payer: Signer<'info>,
    /// Decides.
    pub governor: Signer<'info>,
    /// The clearing house; counts its markets.
    #[account(mut, has_one = governor @ PlimsollError::NotGovernor)]
    pub exchange: AccountLoader<'info, Exchange>,
    /// The new market; its address is bound to exchange and index.
    #[account(init, payer = payer, space = Market::SPACE,
        seeds = [seeds::MARKET, exchange.key().as_ref(), &args.index.to_le_bytes()], bump)]
    pub market: AccountLoader<'info, Market>,
    /// The new book: created by the client, all zero, owned by this program, so that it can be larger than an instruction may allocate.
    #[account(zero)]
    pub book: AccountLoader<'info, OrderBook>,
    /// Creates the market's account.
    pub system_program: Program<'info, System>,
}

impl CreateMarketArgs {
    fn validate(&self) -> Result<(OracleParams, MarketParams, DepthParams)> {
        let oracle = OracleParams::major(self.exponent, self.lot_exponent, Price::new(self.min_price), Price::new(self.max_price));
        oracle.validate().or_refuse()?;
        let depth = DepthParams { rate: Ratio::new(self.size_rate), ..DepthParams::default() };
        depth.validate().or_refuse()?;
        let is_sound = self.tick >= 1
            && self.min_order >= 0
            && (Ratio::of(2, 100).raw()..=Ratio::ONE.raw()).contains(&self.tier_im)
            && 0 <= self.oi_low
            && self.oi_low < self.oi_high
            && (1..=plimsoll_risk::units::MAX_LOTS).contains(&self.max_open_interest)
            && (1..=86_400).contains(&self.maturity)
            && self.fund_cap >= 0;
        require!(is_sound, PlimsollError::ParameterOutOfRange);
        let params = MarketParams {
            tick: self.tick,
            min_order: self.min_order,
            tier_im: self.tier_im,
            oi_low: self.oi_low,
            oi_high: self.oi_high,
            range_low: Ratio::of(18, 100).max(SPOT_RANGE_MIN).raw(),
            range_high: Ratio::of(36, 100).min(SPOT_RANGE_MAX).raw(),
            target_extra: Ratio::of(2, 100).raw(),
            max_open_interest: self.max_open_interest,
        };
        Ok((oracle, params, depth))
    }
}

/// Writes market and book; there is no price yet, so nothing but deposits and price updates is allowed (RULES 2.2).
pub(crate) fn handler(ctx: Context<CreateMarket>, args: CreateMarketArgs) -> Result<()> {
    let (oracle, params, depth) = args.validate()?;
    let accounts = ctx.accounts;
    let now = Secs::new(Clock::get()?.unix_timestamp);
    let mut exchange = accounts.exchange.load_mut()?;
    require!(u32::from(args.index) == exchange.markets, PlimsollError::ParameterOutOfRange);
    exchange.markets = exchange.markets.checked_add(1).ok_or(PlimsollError::TooMany)?;
    exchange.sequence = exchange.sequence.wrapping_add(1);
    let mut market = accounts.market.load_init()?;
    market.exchange = accounts.exchange.key();
    market.book = accounts.book.key();
    market.feed = args.feed;
    market.symbol = args.symbol;
    market.version = VERSION;
    market.bump = ctx.bumps.market;
    market.index = args.index;
    market.params = params;
    market.oracle_params = oracle.into();
    market.vol_params = VolParams::MAJOR.into();
    market.vol = VolState::new(&VolParams::MAJOR).or_refuse()?.into();
    market.funding_params = FundingParams { dead_zone: Ratio::of(5, 10_000), hourly_cap: Ratio::of(4, 1_000) }.into();
    market.funding = FundingState::new(now).into();
    let defaults = PerpParams { maturity: Secs::new(args.maturity), fund_market_cap: Quote::new(args.fund_cap), ..PerpParams::default() };
    market.perp_params = defaults.into();
    market.liquidation_params = LiquidationParams::default().into();
    market.perp = PerpMarket::default().into();
    market.depth_params = depth.into();
    market.depeg = exchange.peg.depeg;
    market.option_params = OptionParams::default().into();
    market.surface_params = SurfaceParams::default().into();
    let mut book = accounts.book.load_init()?;
    book.exchange = accounts.exchange.key();
    book.market = accounts.market.key();
    book.version = VERSION;
    Ok(())
}
