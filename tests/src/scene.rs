//! A world prepared for refusals: traders with positions, orders and collateral, and a second clearing house whose accounts are foreign to the first.

use crate::reject::TOKEN_2022;
use crate::{order, place, BUY, IOC, LIMIT, POST_ONLY, SELL, USD};
use anchor_spl::token_2022::spl_token_2022::extension::ExtensionType;
use anchor_spl::token_2022::spl_token_2022::instruction::initialize_mint2;
use anchor_spl::token_2022::spl_token_2022::state::Mint;
use anyhow::Result;
use plimsoll_replay::world::{pyth, Member, World};
use plimsoll_sdk::build::{self, MarketKeys, Portfolio, Token};
use plimsoll_sdk::state::OrderBook;
use plimsoll_sdk::{address, PROGRAM_ID};
use solana_instruction::Instruction;
use solana_keypair::Keypair;
use solana_pubkey::Pubkey;
use solana_signer::Signer;

/// Accounts of a second exchange under another governor.
pub struct Foreign {
    /// The exchange.
    pub exchange: Pubkey,
    /// Its governor.
    pub governor: Keypair,
    /// Its quote token.
    pub quote: Token,
    /// Its market, of the same feed as the first market of the world, and its book.
    pub market: MarketKeys,
    /// Its listing of the same collateral token.
    pub collateral: Pubkey,
    /// A margin account on it, of the world's taker.
    pub account: Pubkey,
    /// A wallet of its governor, of its quote token.
    pub wallet: Pubkey,
}

/// The world and who is in it.
pub struct Scene {
    /// The virtual machine.
    pub world: World,
    /// Quotes both sides of the first market.
    pub maker: Member,
    /// Long in the first market, with collateral and a resting order.
    pub taker: Member,
    /// Trades for the taker, may not withdraw.
    pub delegate: Keypair,
    /// Long in the first market with nothing but cash.
    pub debtor: Member,
    /// Cash only; liquidates.
    pub keeper: Member,
    /// An open account with nothing in it.
    pub empty: Member,
    /// A funded key without any account.
    pub stranger: Keypair,
    /// The collateral token.
    pub token: Token,
    /// Its listing.
    pub collateral: Pubkey,
    /// The taker's wallet of it.
    pub token_wallet: Pubkey,
    /// A wallet of the stranger, quote token.
    pub stranger_wallet: Pubkey,
    /// A wallet of the fee collector, quote token.
    pub collector: Pubkey,
    /// Order that the taker has resting.
    pub order: u64,
    /// The other clearing house.
    pub foreign: Foreign,
    /// Prices now, micro-dollars a unit, by market.
    pub prices: [i64; 3],
}

impl Scene {
    /// Everybody is healthy; prices are fresh.
    pub fn calm() -> Result<Self> {
        let mut world = crate::three_markets()?;
        let maker = world.join(200_000 * USD as u64, 100_000 * USD as u64)?;
        let keeper = world.join(200_000 * USD as u64, 100_000 * USD as u64)?;
        let empty = world.join(1_000 * USD as u64, 0)?;
        let debtor = world.join(10_000 * USD as u64, 3_000 * USD as u64)?;
        let (delegate, stranger) = (funded(&mut world), funded(&mut world));
        let taker = with_delegate(&mut world, &delegate, 2_200 * USD as u64)?;
        let weight = (1 << 30) / 10 * 8;
        let token = world.list_collateral(0, 9, weight, weight, 0)?;
        let collateral = address::collateral(&world.exchange, &token.mint);
        let token_wallet = world.wallet(token, &taker.owner.pubkey(), 100_000_000_000)?;
        let bring = build::deposit_collateral(
            taker.owner.pubkey(),
            world.exchange,
            taker.account,
            world.markets[0].keys.market,
            token,
            token_wallet,
            5_000_000_000,
        );
        world.send(&[bring], &[&taker.owner])?;
        let stranger_wallet = world.wallet(world.quote, &stranger.pubkey(), 1_000 * USD as u64)?;
        let governor = world.governor.pubkey();
        let collector = world.wallet(world.quote, &governor, 0)?;
        let fund = build::fund_insurance(stranger.pubkey(), world.exchange, world.quote, stranger_wallet, 100 * USD as u64);
        world.send(&[fund], &[&stranger])?;
        place(&mut world, &maker, 0, order(SELL, POST_ONLY, 2_001_000, 20_000), &[])?;
        place(&mut world, &maker, 0, order(BUY, POST_ONLY, 1_999_000, 20_000), &[])?;
        place(&mut world, &taker, 0, order(BUY, IOC, 2_001_000, 5_000), &[&maker])?;
        place(&mut world, &debtor, 0, order(BUY, IOC, 2_001_000, 5_000), &[&maker])?;
        place(&mut world, &taker, 0, order(BUY, LIMIT, 1_998_000, 100), &[])?;
        let order = world.member(&taker.account).orders[0].id;
        let foreign = Foreign::open(&mut world, &taker.owner, token)?;
        let prices = [200 * USD, 120_000 * USD, 4_300 * USD];
        let mut scene = Self {
            world,
            maker,
            taker,
            delegate,
            debtor,
            keeper,
            empty,
            stranger,
            token,
            collateral,
            token_wallet,
            stranger_wallet,
            collector,
            order,
            foreign,
            prices,
        };
        // Two minutes, so that the maker's orders are older than a taker may pass over (RULES 5.3).
        for _ in 0..12 {
            scene.tick(10)?;
        }
        crate::check(&scene.world)?;
        Ok(scene)
    }

    /// Time passes and every market is brought to its price.
    pub fn tick(&mut self, seconds: i64) -> Result<()> {
        self.world.pass(seconds);
        self.reprice()
    }

    /// Every market is brought to its price now.
    pub fn reprice(&mut self) -> Result<()> {
        for (market, price) in self.prices.into_iter().enumerate() {
            self.world.publish(market, price, price / 2_500)?;
        }
        Ok(())
    }

    /// SOL falls to `price` and stays there until the averages have followed.
    pub fn fallen(mut self, price: i64) -> Result<Self> {
        self.prices[0] = price;
        for _ in 0..40 {
            self.tick(10)?;
        }
        Ok(self)
    }

    /// Market and book number `index`.
    pub fn keys(&self, index: usize) -> MarketKeys {
        self.world.markets[index].keys
    }

    /// What margin checks of `member` read.
    pub fn portfolio(&self, member: &Member) -> Portfolio {
        self.world.portfolio(&member.account)
    }
}

/// A key with a purse.
pub fn funded(world: &mut World) -> Keypair {
    let key = world.new_key();
    world.svm.airdrop(&key.pubkey(), 1_000_000_000_000).expect("lamports");
    key
}

fn with_delegate(world: &mut World, delegate: &Keypair, deposit: u64) -> Result<Member> {
    let owner = funded(world);
    let wallet = world.wallet(world.quote, &owner.pubkey(), 10 * deposit)?;
    let account = address::margin_account(&world.exchange, &owner.pubkey(), 0);
    let args = build::OpenAccountArgs { number: 0, delegate: delegate.pubkey(), daily_loss_cap: 1_000 * USD };
    let open = build::open_account(owner.pubkey(), owner.pubkey(), world.exchange, args);
    let pay = build::deposit(owner.pubkey(), world.exchange, account, world.quote, wallet, deposit);
    world.send(&[open, pay], &[&owner])?;
    Ok(Member { owner, account, wallet })
}

/// A zeroed account of `space` bytes owned by `program`, and the instruction that creates it.
pub fn zeroed(world: &mut World, space: usize, program: &Pubkey) -> (Keypair, Instruction) {
    let key = world.new_key();
    let rent = world.svm.minimum_balance_for_rent_exemption(space);
    let create = solana_system_interface::instruction::create_account(&world.payer.pubkey(), &key.pubkey(), rent, space as u64, program);
    (key, create)
}

/// What a mint of Token-2022 can do besides: the extension, and the instruction that gives it to the mint of that key.
pub type Extension<'a> = &'a dyn Fn(&Pubkey) -> (ExtensionType, Instruction);

/// A mint of Token-2022, made by its own instructions; the governor may mint and freeze.
pub fn mint_2022(world: &mut World, decimals: u8, extension: Option<Extension<'_>>) -> Token {
    let (mint, payer, governor) = (world.new_key(), world.payer.insecure_clone(), world.governor.pubkey());
    let made = extension.map(|extension| extension(&mint.pubkey()));
    let extensions: Vec<ExtensionType> = made.iter().map(|(extension, _)| *extension).collect();
    let space = ExtensionType::try_calculate_account_len::<Mint>(&extensions).expect("size");
    let rent = world.svm.minimum_balance_for_rent_exemption(space);
    let create = solana_system_interface::instruction::create_account(&payer.pubkey(), &mint.pubkey(), rent, space as u64, &TOKEN_2022);
    let init = initialize_mint2(&TOKEN_2022, &mint.pubkey(), &governor, Some(&governor), decimals).expect("mint");
    let instructions: Vec<_> = [create].into_iter().chain(made.map(|(_, instruction)| instruction)).chain([init]).collect();
    world.send(&instructions, &[&payer, &mint]).expect("a mint");
    Token { mint: mint.pubkey(), program: TOKEN_2022 }
}

/// Arguments that list a market like the first of the world.
pub fn listing(world: &World, index: u16) -> build::CreateMarketArgs {
    let mut symbol = [0; 16];
    symbol[..3].copy_from_slice(b"SOL");
    build::CreateMarketArgs {
        index,
        feed: world.markets[0].feed,
        symbol,
        exponent: pyth::EXPONENT,
        lot_exponent: 2,
        min_price: 20_000,
        max_price: 20_000_000,
        tick: 1,
        min_order: 1_000_000,
        tier_im: (1 << 30) / 20,
        oi_low: 100_000_000_000_000,
        oi_high: 200_000_000_000_000,
        max_open_interest: 1 << 30,
        maturity: 900,
        fund_cap: 1_000_000_000_000,
        size_rate: (1 << 30) / 20,
    }
}

impl Foreign {
    fn open(world: &mut World, member: &Keypair, token: Token) -> Result<Self> {
        let governor = funded(world);
        let key = governor.pubkey();
        let exchange = address::exchange(&key);
        let quote = world.create_mint(6)?;
        let limits = build::InitializeExchangeArgs {
            guardian: key,
            fee_collector: key,
            outflow_hourly: (1 << 30) / 10,
            outflow_daily: (1 << 30) / 5,
        };
        let init = build::initialize_exchange(key, key, quote, limits);
        world.send(&[init], &[&governor])?;
        let (book, create) = zeroed(world, OrderBook::SPACE, &PROGRAM_ID);
        let list = build::create_market(key, key, book.pubkey(), listing(world, 0));
        let payer = world.payer.insecure_clone();
        world.send(&[create, list], &[&payer, &book, &governor])?;
        let market = MarketKeys { market: address::market(&exchange, 0), book: book.pubkey() };
        let update = build::update_market(market.market, world.markets[0].price_account);
        let args = build::CreateCollateralArgs { im_weight: 1 << 29, mm_weight: 1 << 29, cap: 1 << 56, warm_up: 0 };
        let accept = build::create_collateral(key, key, market.market, token, args);
        let args = build::OpenAccountArgs { number: 0, delegate: Pubkey::default(), daily_loss_cap: 0 };
        let join = build::open_account(key, member.pubkey(), exchange, args);
        world.send(&[update, accept, join], &[&governor, member])?;
        let account = address::margin_account(&exchange, &member.pubkey(), 0);
        let wallet = world.wallet(quote, &key, 1_000_000 * USD as u64)?;
        let pay = build::deposit(key, exchange, account, quote, wallet, 500_000 * USD as u64);
        world.send(&[pay], &[&governor])?;
        let collateral = address::collateral(&exchange, &token.mint);
        Ok(Self { exchange, governor, quote, market, collateral, account, wallet })
    }
}
