//! The clearing house on a chain, by default LiteSVM: the compiled program with genuine token mints and Pyth price accounts.
//!
//! Everything a user could do goes through [`World::send`] as a signed transaction; only `inject` writes accounts of the program, for states that no
//! instruction reaches yet.

pub mod audit;
mod chain;
mod inject;
pub mod pyth;

pub use chain::Chain;

use anyhow::{Context, Result};
use litesvm::types::{FailedTransactionMetadata, TransactionMetadata};
use litesvm::LiteSVM;
use plimsoll_sdk::build::{self, MarketKeys, Portfolio, Token};
use plimsoll_sdk::risk::correlation::CorrelationParams;
use plimsoll_sdk::risk::depth::DepthParams;
use plimsoll_sdk::state::{Exchange, MarginAccount, Market, OrderBook, RiskGroup};
use plimsoll_sdk::{address, decode, PROGRAM_ID};
use solana_instruction::Instruction;
use solana_keypair::Keypair;
use solana_message::{Message, VersionedMessage};
use solana_pubkey::Pubkey;
use solana_signer::Signer;
use solana_transaction::versioned::VersionedTransaction;
use solana_transaction::{InstructionError, TransactionError};
use std::path::PathBuf;

/// SPL Token.
pub const TOKEN_PROGRAM: Pubkey = anchor_spl::token::ID;
/// Lamports of a new key.
const PURSE: u64 = 1_000_000_000_000;
/// Most bytes of a transaction.
const PACKET_BYTES: usize = 1_232;
/// Slots a second, for the clock only.
const SLOTS_A_SECOND: i64 = 5;
/// Feed of the quote token on chains made here.
const QUOTE_FEED: [u8; 32] = *b"USDC\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
/// The quote token's price at its peg, micro-dollars.
pub const PAR: i64 = 1_000_000;
/// Seconds for which first prices are published before anything else happens.
pub const WARM_UP: i64 = 120;

/// How a market of the world is listed.
#[derive(Clone, Debug)]
pub struct Listing {
    /// Name.
    pub symbol: &'static str,
    /// A lot is 10^−lot_exponent units.
    pub lot_exponent: i32,
    /// First price, micro-dollars a unit.
    pub price: i64,
}

impl Listing {
    /// The instruction's arguments for market number `index`; the feed is named by the symbol.
    pub fn args(&self, index: u16) -> build::CreateMarketArgs {
        let mut feed = [0; 32];
        feed[..self.symbol.len()].copy_from_slice(self.symbol.as_bytes());
        let mut symbol = [0; 16];
        symbol[..self.symbol.len()].copy_from_slice(self.symbol.as_bytes());
        let lot = self.price / 10_i64.pow(self.lot_exponent.unsigned_abs());
        build::CreateMarketArgs {
            index,
            feed,
            symbol,
            exponent: pyth::EXPONENT,
            lot_exponent: self.lot_exponent,
            min_price: (lot / 100).max(1),
            max_price: (lot * 10).min(1 << 30),
            tick: 1,
            min_order: 1_000_000,
            tier_im: (1 << 30) / 20,
            oi_low: 100_000_000_000_000,
            oi_high: 200_000_000_000_000,
            max_open_interest: 1 << 30,
            maturity: 900,
            fund_cap: 1_000_000_000_000,
            size_rate: DepthParams::default().rate.raw(),
        }
    }
}

/// A market as the world knows it.
#[derive(Clone, Debug)]
pub struct Listed {
    /// Name.
    pub symbol: &'static str,
    /// Market and book.
    pub keys: MarketKeys,
    /// Feed identifier.
    pub feed: [u8; 32],
    /// The price account the world publishes to.
    pub price_account: Pubkey,
    /// A lot is 10^−lot_exponent units.
    pub lot_exponent: i32,
}

impl Listed {
    /// Micro-dollars a unit to atoms a lot.
    pub fn lot_price(&self, micro_usd: i64) -> i64 {
        micro_usd / 10_i64.pow(self.lot_exponent.unsigned_abs())
    }
}

/// A margin account with the keys that own it.
pub struct Member {
    /// Owner.
    pub owner: Keypair,
    /// Margin account.
    pub account: Pubkey,
    /// The owner's token account of the quote.
    pub wallet: Pubkey,
}

/// A chain and what is on it.
pub struct World<C: Chain = LiteSVM> {
    /// The chain.
    pub svm: C,
    /// Pays fees and rent.
    pub payer: Keypair,
    /// Governor of the exchange and authority of the mints.
    pub governor: Keypair,
    /// The exchange.
    pub exchange: Pubkey,
    /// The quote token.
    pub quote: Token,
    /// The price account the world publishes the quote token's price to.
    pub quote_price: Pubkey,
    /// Markets in the order of their indices.
    pub markets: Vec<Listed>,
    /// Unix seconds.
    pub now: i64,
    slot: u64,
    /// Transactions sent, refused ones included.
    pub transactions: u64,
    /// Events of the program's calls to itself, in order, when they are kept: discriminator and body.
    pub journal: Option<Vec<Vec<u8>>>,
    serial: u64,
}

/// A refused transaction: the error number if it is a custom one, and the log.
#[derive(Debug)]
pub struct Refused {
    /// Custom error number.
    pub code: Option<u32>,
    /// Everything else.
    pub detail: Box<FailedTransactionMetadata>,
}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let named =
            self.code.and_then(decode::error).map_or(String::new(), |entry| format!("{} ({}): {}\n", entry.name, entry.code, entry.msg));
        write!(f, "{named}{:?}\n{}", self.detail.err, self.detail.meta.logs.join("\n"))
    }
}

impl std::error::Error for Refused {}

/// Where the compiled program is.
pub fn program_path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../target/deploy/plimsoll.so")
}

/// Which compiler made the program, as the build step wrote it.
pub fn compiler() -> String {
    let path = program_path().with_file_name("compiler.txt");
    std::fs::read_to_string(path).map_or_else(|_| "unknown".to_string(), |text| text.trim().to_string())
}

impl World {
    /// An exchange with `listings`, each priced and warmed up for two minutes so that averages exist (RULES 2.2).
    pub fn new(listings: &[Listing], start: i64) -> Result<Self> {
        Self::with_limits(listings, start, 1 << 30, 1 << 30)
    }

    /// As [`Self::new`], with limits on what may leave in an hour and a day, Q30 shares (RULES 1.6).
    pub fn with_limits(listings: &[Listing], start: i64, hourly: i64, daily: i64) -> Result<Self> {
        let mut svm = LiteSVM::new().with_transaction_history(0);
        svm.add_program_from_file(PROGRAM_ID, program_path()).context("run `cargo xtask build` first")?;
        Self::open(svm, listings, start, hourly, daily)
    }
}

impl<C: Chain> World<C> {
    /// As [`World::with_limits`], on a chain that has the program and nothing of this world.
    pub fn open(svm: C, listings: &[Listing], start: i64, hourly: i64, daily: i64) -> Result<Self> {
        let mut world = Self::on(svm, start - WARM_UP, 1_000)?;
        world.quote = world.create_mint(6)?;
        let args = build::InitializeExchangeArgs {
            guardian: world.governor.pubkey(),
            fee_collector: world.governor.pubkey(),
            outflow_hourly: hourly,
            outflow_daily: daily,
        };
        let open = build::initialize_exchange(world.payer.pubkey(), world.governor.pubkey(), world.quote, args);
        let feed = build::SetQuoteFeedArgs { feed: QUOTE_FEED, exponent: pyth::EXPONENT };
        world.send_as_governor(&[open, build::set_quote_feed(world.governor.pubkey(), feed)])?;
        for listing in listings {
            world.list(listing)?;
        }
        let prices: Vec<_> = listings.iter().map(|listing| listing.price).collect();
        world.warm_up(&prices)?;
        Ok(world)
    }

    /// A chain at `now` and `slot` with the program on it and nothing else: the keys of [`payer_key`] and [`governor_key`] get lamports.
    pub fn on(svm: C, now: i64, slot: u64) -> Result<Self> {
        let (payer, governor) = (payer_key(), governor_key());
        let exchange = address::exchange(&governor.pubkey());
        let quote = Token { mint: Pubkey::default(), program: TOKEN_PROGRAM };
        let (quote_price, markets) = (numbered_key(3).pubkey(), Vec::new());
        let mut world =
            Self { svm, payer, governor, exchange, quote, quote_price, markets, now, slot, transactions: 0, journal: None, serial: 100 };
        world.svm.set_clock(now, slot)?;
        for key in [world.payer.pubkey(), world.governor.pubkey()] {
            world.svm.airdrop(&key, PURSE)?;
        }
        Ok(world)
    }

    /// Publishes `prices`, micro-dollars by market, for two minutes, so that averages exist (RULES 2.2); the quote token at its peg.
    pub fn warm_up(&mut self, prices: &[i64]) -> Result<()> {
        for _ in 0..WARM_UP / 10 {
            self.pass(10);
            for (index, price) in prices.iter().enumerate() {
                self.publish(index, *price, price / 2_500)?;
            }
        }
        self.publish_quote(PAR, PAR / 2_500)?;
        Ok(())
    }

    fn list(&mut self, listing: &Listing) -> Result<()> {
        let index = u16::try_from(self.markets.len())?;
        let book = self.new_key();
        let args = listing.args(index);
        let feed = args.feed;
        let space = OrderBook::SPACE;
        let rent = self.svm.rent(space);
        let payer = self.payer.pubkey();
        let create = solana_system_interface::instruction::create_account(&payer, &book.pubkey(), rent, space as u64, &PROGRAM_ID);
        let list = build::create_market(payer, self.governor.pubkey(), book.pubkey(), args);
        let (payer, governor) = (self.payer.insecure_clone(), self.governor.insecure_clone());
        self.send(&[create, list], &[&payer, &book, &governor])?;
        let keys = MarketKeys { market: address::market(&self.exchange, index), book: book.pubkey() };
        let price_account = self.new_key().pubkey();
        self.markets.push(Listed { symbol: listing.symbol, keys, feed, price_account, lot_exponent: listing.lot_exponent });
        Ok(())
    }

    /// Lists a collateral token priced by market `market`; full weight at once when `warm_up` is zero.
    pub fn list_collateral(&mut self, market: usize, decimals: u8, im_weight: i64, mm_weight: i64, warm_up: i64) -> Result<Token> {
        let token = self.create_mint(decimals)?;
        let args = build::CreateCollateralArgs { im_weight, mm_weight, cap: 1 << 56, warm_up };
        let market = self.markets[market].keys.market;
        let list = build::create_collateral(self.payer.pubkey(), self.governor.pubkey(), market, token, args);
        self.send_as_governor(&[list])?;
        Ok(token)
    }

    /// Puts every market into one risk group with the engine's defaults for majors (RULES 4.3).
    pub fn group_majors(&mut self) -> Result<()> {
        let params = CorrelationParams::MAJORS;
        let (max_credit, floor_share) = (params.max_credit.raw(), params.floor_share.raw());
        let args =
            build::CreateGroupArgs { number: 0, name: *b"majors\0\0\0\0\0\0\0\0\0\0", max_credit, floor_share, warm_up: params.warm_up };
        let markets: Vec<_> = self.markets.iter().map(|listed| listed.keys.market).collect();
        self.send_as_governor(&[build::create_group(self.payer.pubkey(), self.governor.pubkey(), &markets, args)])?;
        Ok(())
    }

    /// The risk groups that the markets name, each once.
    pub fn groups(&self) -> Vec<(Pubkey, RiskGroup)> {
        let mut groups: Vec<(Pubkey, RiskGroup)> = Vec::new();
        for listed in &self.markets {
            let key = self.read::<Market>(&listed.keys.market).map(|market| market.group).unwrap_or_default();
            if key != Pubkey::default() && !groups.iter().any(|(own, _)| *own == key) {
                groups.extend(self.read(&key).map(|group| (key, group)));
            }
        }
        groups
    }

    /// Brings every risk group to the buckets that have ended; without one it succeeds and changes nothing.
    pub fn update_groups(&mut self) -> Result<()> {
        let payer = self.payer.insecure_clone();
        for (key, group) in self.groups() {
            self.send(&[build::update_group(key, &group)], &[&payer])?;
        }
        Ok(())
    }

    /// A mint of `decimals` under SPL Token, created by its own instructions.
    pub fn create_mint(&mut self, decimals: u8) -> Result<Token> {
        let mint = self.new_key();
        let space = 82;
        let rent = self.svm.rent(space);
        let payer = self.payer.insecure_clone();
        let create =
            solana_system_interface::instruction::create_account(&payer.pubkey(), &mint.pubkey(), rent, space as u64, &TOKEN_PROGRAM);
        let governor = self.governor.pubkey();
        let init = anchor_spl::token::spl_token::instruction::initialize_mint2(&TOKEN_PROGRAM, &mint.pubkey(), &governor, None, decimals)?;
        self.send(&[create, init], &[&payer, &mint])?;
        Ok(Token { mint: mint.pubkey(), program: TOKEN_PROGRAM })
    }

    /// A token account of `owner` holding `amount` freshly minted atoms.
    pub fn wallet(&mut self, token: Token, owner: &Pubkey, amount: u64) -> Result<Pubkey> {
        let wallet = self.new_key();
        let space = 165;
        let rent = self.svm.rent(space);
        let (payer, governor) = (self.payer.insecure_clone(), self.governor.insecure_clone());
        let create =
            solana_system_interface::instruction::create_account(&payer.pubkey(), &wallet.pubkey(), rent, space as u64, &token.program);
        let init = anchor_spl::token::spl_token::instruction::initialize_account3(&token.program, &wallet.pubkey(), &token.mint, owner)?;
        let mint = anchor_spl::token::spl_token::instruction::mint_to(
            &token.program,
            &token.mint,
            &wallet.pubkey(),
            &governor.pubkey(),
            &[],
            amount,
        )?;
        self.send(&[create, init, mint], &[&payer, &wallet, &governor])?;
        Ok(wallet.pubkey())
    }

    /// A member with a funded purse, a wallet of `wallet` atoms of the quote, and `deposit` of it in a margin account.
    pub fn join(&mut self, wallet: u64, deposit: u64) -> Result<Member> {
        let owner = self.new_key();
        self.svm.airdrop(&owner.pubkey(), PURSE)?;
        let token = self.wallet(self.quote, &owner.pubkey(), wallet)?;
        let args = build::OpenAccountArgs { number: 0, delegate: Pubkey::default(), daily_loss_cap: 0 };
        let account = address::margin_account(&self.exchange, &owner.pubkey(), 0);
        let mut instructions = vec![build::open_account(owner.pubkey(), owner.pubkey(), self.exchange, args)];
        if deposit > 0 {
            instructions.push(build::deposit(owner.pubkey(), self.exchange, account, self.quote, token, deposit));
        }
        self.send(&instructions, &[&owner])?;
        Ok(Member { owner, account, wallet: token })
    }

    /// Publishes a price (micro-dollars a unit) to the market's price account and brings the market to it.
    pub fn publish(&mut self, market: usize, micro_usd: i64, confidence: i64) -> Result<TransactionMetadata> {
        let listed = self.markets[market].clone();
        let update = pyth::Update::at(listed.feed, micro_usd, confidence, self.now);
        pyth::write(&mut self.svm, listed.price_account, &update, self.slot)?;
        let payer = self.payer.insecure_clone();
        Ok(self.send(&[build::update_market(listed.keys.market, listed.price_account)], &[&payer])?)
    }

    /// Publishes a price of the quote token (micro-dollars) and brings the exchange and every market to it. Errors: also when it has no feed.
    pub fn publish_quote(&mut self, micro_usd: i64, confidence: i64) -> Result<TransactionMetadata> {
        let feed = self.read::<Exchange>(&self.exchange).context("there is no exchange")?.quote_feed;
        pyth::write(&mut self.svm, self.quote_price, &pyth::Update::at(feed, micro_usd, confidence, self.now), self.slot)?;
        let payer = self.payer.insecure_clone();
        Ok(self.send(&[self.update_quote()], &[&payer])?)
    }

    /// The instruction that takes over the quote token's published price, for every market.
    pub fn update_quote(&self) -> Instruction {
        let markets: Vec<_> = self.markets.iter().map(|listed| listed.keys.market).collect();
        build::update_quote(self.exchange, self.quote_price, &markets)
    }

    /// Lets `seconds` pass.
    pub fn pass(&mut self, seconds: i64) {
        self.now += seconds;
        self.slot += u64::try_from(seconds * SLOTS_A_SECOND).unwrap_or(0);
        self.svm.set_clock(self.now, self.slot).expect("a clock that moves forward can be set");
    }

    /// Sends one signed transaction; the first signer pays. Errors: [`Refused`].
    pub fn send(&mut self, instructions: &[Instruction], signers: &[&Keypair]) -> Result<TransactionMetadata, Refused> {
        self.transactions += 1;
        let blockhash = self.svm.blockhash();
        let message = Message::new_with_blockhash(instructions, Some(&signers[0].pubkey()), &blockhash);
        // The machine does not check what a packet holds.
        let size = 1 + 64 * signers.len() + message.serialize().len();
        assert!(size <= PACKET_BYTES, "a transaction of {size} bytes does not fit a packet");
        // Every signature is real and checked by the machine.
        let transaction = VersionedTransaction::try_new(VersionedMessage::Legacy(message), signers).expect("all signers are given");
        let sent = self.svm.execute(transaction).map_err(|failed| {
            let code = custom_code(&failed);
            Refused { code, detail: Box::new(failed) }
        })?;
        if let Some(journal) = &mut self.journal {
            let calls = sent.inner_instructions.iter().flatten().map(|inner| &inner.instruction.data);
            journal.extend(calls.filter_map(|data| data.strip_prefix(anchor_lang::event::EVENT_IX_TAG_LE)).map(<[u8]>::to_vec));
        }
        Ok(sent)
    }

    fn send_as_governor(&mut self, instructions: &[Instruction]) -> Result<TransactionMetadata, Refused> {
        let (payer, governor) = (self.payer.insecure_clone(), self.governor.insecure_clone());
        self.send(instructions, &[&payer, &governor])
    }

    /// A key of this world, the same in every run.
    pub fn new_key(&mut self) -> Keypair {
        self.serial += 1;
        numbered_key(self.serial)
    }

    /// An account of the program, decoded. `None` when it does not exist or is another type.
    pub fn read<T: decode::Layout>(&self, key: &Pubkey) -> Option<T> {
        self.svm.account(key).and_then(|account| decode::layout(&account.data))
    }

    /// Market number `index`.
    pub fn market(&self, index: usize) -> Market {
        self.read(&self.markets[index].keys.market).expect("listed")
    }

    /// A margin account.
    pub fn member(&self, account: &Pubkey) -> MarginAccount {
        self.read(account).expect("open")
    }

    /// What a margin check of `account` reads, pricing markets of its collaterals included.
    pub fn portfolio(&self, account: &Pubkey) -> Portfolio {
        let group_of = |key: &Pubkey| self.read::<Market>(key).map(|market| market.group).unwrap_or_default();
        Portfolio::of(&self.member(account)).with_groups(group_of)
    }

    /// Atoms in a token account.
    pub fn tokens(&self, wallet: &Pubkey) -> u64 {
        let amount = self.svm.account(wallet).and_then(|account| account.data.get(64..72).and_then(|bytes| bytes.try_into().ok()));
        amount.map_or(0, u64::from_le_bytes)
    }
}

/// Pays fees and rent in every world.
pub fn payer_key() -> Keypair {
    numbered_key(1)
}

/// Governs every world. Anybody can derive it: it is for chains of one's own.
pub fn governor_key() -> Keypair {
    numbered_key(2)
}

/// A key that is the same in every run.
fn numbered_key(number: u64) -> Keypair {
    let mut seed = [7; 32];
    seed[..8].copy_from_slice(&number.to_le_bytes());
    Keypair::new_from_array(seed)
}

/// The custom error number of a failed transaction.
fn custom_code(failed: &FailedTransactionMetadata) -> Option<u32> {
    match &failed.err {
        TransactionError::InstructionError(_, InstructionError::Custom(code)) => Some(*code),
        _ => None,
    }
}
