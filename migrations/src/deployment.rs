//! What a clearing house should be: the committed description, the keys that create it, and the addresses that follow from both.

use anyhow::{ensure, Context, Result};
use plimsoll_sdk::build::{
    CreateCollateralArgs, CreateGroupArgs, CreateMarketArgs, InitializeExchangeArgs, MarketKeys, SetQuoteFeedArgs, Token,
};
use plimsoll_sdk::{address, PROGRAM_ID};
use serde::{Deserialize, Serialize};
use solana_keypair::Keypair;
use solana_pubkey::Pubkey;
use solana_signer::Signer;
use std::path::Path;

/// SPL Token.
pub const TOKEN_PROGRAM: Pubkey = anchor_spl::token::ID;

/// The description, as in `migrations/localnet.json`. Money is in quote atoms, prices in atoms per lot, times in seconds.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Deployment {
    /// The quote token.
    pub quote: Mint,
    /// Share of the vault that may leave in an hour.
    pub outflow_hourly_percent: i64,
    /// Share that may leave in a day.
    pub outflow_daily_percent: i64,
    /// Who may pause; the governor if not given.
    pub guardian: Option<String>,
    /// Who receives protocol fees; the governor if not given.
    pub fee_collector: Option<String>,
    /// Markets in the order of their numbers.
    pub markets: Vec<Market>,
    /// Collateral tokens.
    pub collaterals: Vec<Collateral>,
    /// Risk groups in the order of their numbers.
    #[serde(default)]
    pub groups: Vec<Group>,
    /// The quote token's price; without it no depeg is measured.
    #[serde(default)]
    pub quote_feed: Option<QuoteFeed>,
    /// What is paid into the insurance fund at the start.
    pub insurance: i64,
}

/// A token: one that exists, or one that the governor creates and mints.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mint {
    /// Name.
    pub symbol: String,
    /// Decimals.
    pub decimals: u8,
    /// The mint, if it exists already.
    pub mint: Option<String>,
}

/// Where the quote token's price comes from.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QuoteFeed {
    /// Pyth feed, 64 hexadecimal digits.
    pub feed: String,
    /// Its exponent.
    pub exponent: i32,
}

/// A market; see [`CreateMarketArgs`] for what each number means.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "the fields are those of the instruction's arguments")]
pub struct Market {
    pub symbol: String,
    /// Pyth feed, 64 hexadecimal digits.
    pub feed: String,
    pub exponent: i32,
    pub lot_exponent: i32,
    pub min_price: i64,
    pub max_price: i64,
    pub tick: i64,
    pub min_order: i64,
    pub tier_im_percent: i64,
    pub oi_low: i64,
    pub oi_high: i64,
    pub max_open_interest: i64,
    pub maturity: i64,
    pub fund_cap: i64,
    pub size_rate_percent: i64,
}

/// A collateral token and its terms.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Collateral {
    /// Name of the token.
    pub symbol: String,
    /// Name of the market that prices it.
    pub market: String,
    /// Decimals.
    pub decimals: u8,
    /// The mint, if it exists already.
    pub mint: Option<String>,
    /// Weight for initial margin.
    pub im_weight_percent: i64,
    /// Weight for maintenance margin.
    pub mm_weight_percent: i64,
    /// Largest total of deposits, token atoms.
    pub cap: i64,
    /// Seconds until the full weight.
    pub warm_up: i64,
}

/// Markets that may offset each other (RULES 4.3).
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// Name, at most 16 bytes.
    pub name: String,
    /// Names of its markets, in the order they will always be listed in.
    pub markets: Vec<String>,
    /// Most credit.
    pub max_credit_percent: i64,
    /// Share of the largest market's requirement that is always held, φ.
    pub floor_share_percent: i64,
    /// Common five-minute buckets before there is any credit.
    pub warm_up: i64,
}

/// Who signs. A program key is needed only where the program is not deployed yet.
pub struct Keys {
    /// Pays fees and rent.
    pub payer: Keypair,
    /// Governs the exchange, and may mint the tokens it creates.
    pub governor: Keypair,
    /// The key whose address the program has.
    pub program: Option<Keypair>,
}

impl Keys {
    /// The governor's address.
    pub fn governor_key(&self) -> Pubkey {
        self.governor.pubkey()
    }
}

/// Where everything is.
#[derive(Clone, Debug, Serialize, PartialEq, Eq)]
pub struct Addresses {
    /// The program.
    #[serde(serialize_with = "as_text")]
    pub program: Pubkey,
    /// The governor.
    #[serde(serialize_with = "as_text")]
    pub governor: Pubkey,
    /// The exchange.
    #[serde(serialize_with = "as_text")]
    pub exchange: Pubkey,
    /// Its vault.
    #[serde(serialize_with = "as_text")]
    pub vault: Pubkey,
    /// The insurance fund.
    #[serde(serialize_with = "as_text")]
    pub insurance: Pubkey,
    /// The fund's vault.
    #[serde(serialize_with = "as_text")]
    pub insurance_vault: Pubkey,
    /// Mint of the quote token.
    #[serde(serialize_with = "as_text")]
    pub quote_mint: Pubkey,
    /// The governor's token account, from which the fund is filled.
    #[serde(serialize_with = "as_text")]
    pub treasury: Pubkey,
    /// Markets in the order of their numbers.
    pub markets: Vec<MarketAddresses>,
    /// Collaterals in the order of the description.
    pub collaterals: Vec<CollateralAddresses>,
    /// Risk groups in the order of their numbers.
    pub groups: Vec<GroupAddresses>,
}

/// Where a market is.
#[derive(Clone, Debug, Serialize, PartialEq, Eq)]
pub struct MarketAddresses {
    /// Its name.
    pub symbol: String,
    /// The market.
    #[serde(serialize_with = "as_text")]
    pub market: Pubkey,
    /// Its order book.
    #[serde(serialize_with = "as_text")]
    pub book: Pubkey,
    /// Pyth feed, hexadecimal.
    pub feed: String,
}

/// Where a collateral is.
#[derive(Clone, Debug, Serialize, PartialEq, Eq)]
pub struct CollateralAddresses {
    /// Its name.
    pub symbol: String,
    /// The token's mint.
    #[serde(serialize_with = "as_text")]
    pub mint: Pubkey,
    /// The listing.
    #[serde(serialize_with = "as_text")]
    pub collateral: Pubkey,
    /// Its vault.
    #[serde(serialize_with = "as_text")]
    pub vault: Pubkey,
}

/// Where a risk group is.
#[derive(Clone, Debug, Serialize, PartialEq, Eq)]
pub struct GroupAddresses {
    /// Its name.
    pub name: String,
    /// The group.
    #[serde(serialize_with = "as_text")]
    pub group: Pubkey,
}

fn as_text<S: serde::Serializer>(key: &Pubkey, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(key)
}

impl MarketAddresses {
    /// As instruction builders take it.
    pub fn keys(&self) -> MarketKeys {
        MarketKeys { market: self.market, book: self.book }
    }
}

/// The address that `base` alone can create accounts at, for `owner`, under a name.
pub fn seeded(base: &Pubkey, name: &str, owner: &Pubkey) -> Result<Pubkey> {
    Pubkey::create_with_seed(base, name, owner).with_context(|| format!("no address for the name {name}"))
}

/// Name of the account that holds market `index`'s book.
pub(crate) fn book_name(index: usize) -> String {
    format!("book-{index}")
}

/// Name of the mint of a token.
pub(crate) fn mint_name(symbol: &str) -> String {
    format!("mint-{symbol}")
}

/// Name of the governor's token account of the quote.
pub(crate) const TREASURY: &str = "treasury";

/// A key in base 58.
fn key(text: &str) -> Result<Pubkey> {
    text.parse().with_context(|| format!("{text} is no address"))
}

/// Q30 of a percentage.
fn q30(percent: i64) -> i64 {
    (percent << 30) / 100
}

/// A name as the program stores it.
fn padded(name: &str) -> Result<[u8; 16]> {
    let mut bytes = [0; 16];
    ensure!(name.len() <= bytes.len(), "the name {name} is longer than {} bytes", bytes.len());
    bytes[..name.len()].copy_from_slice(name.as_bytes());
    Ok(bytes)
}

/// The bytes of a feed. Errors: they are not 32 in hexadecimal digits.
fn feed(text: &str, symbol: &str) -> Result<[u8; 32]> {
    ensure!(text.len() == 64 && text.is_ascii(), "the feed of {symbol} is not 64 hexadecimal digits");
    let mut bytes = [0; 32];
    for (byte, at) in bytes.iter_mut().zip((0..64).step_by(2)) {
        *byte = u8::from_str_radix(&text[at..at + 2], 16).with_context(|| format!("the feed of {symbol} is not hexadecimal"))?;
    }
    Ok(bytes)
}

impl QuoteFeed {
    /// Arguments that name it as the feed of `symbol`.
    pub fn args(&self, symbol: &str) -> Result<SetQuoteFeedArgs> {
        Ok(SetQuoteFeedArgs { feed: feed(&self.feed, symbol)?, exponent: self.exponent })
    }
}

impl Deployment {
    /// Reads a description. Errors: what is wrong with it, and where.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        serde_json::from_str(&text).with_context(|| format!("{} is no description of a deployment", path.display()))
    }

    /// The description of the development cluster.
    pub fn localnet() -> Result<Self> {
        Ok(serde_json::from_str(include_str!("../localnet.json"))?)
    }

    fn mint(&self, governor: &Pubkey, symbol: &str, given: Option<&String>) -> Result<Pubkey> {
        given.map_or_else(|| seeded(governor, &mint_name(symbol), &TOKEN_PROGRAM), |text| key(text))
    }

    /// The quote token.
    pub fn quote(&self, governor: &Pubkey) -> Result<Token> {
        Ok(Token { mint: self.mint(governor, &self.quote.symbol, self.quote.mint.as_ref())?, program: TOKEN_PROGRAM })
    }

    /// The token of a collateral.
    pub fn collateral_token(&self, governor: &Pubkey, collateral: &Collateral) -> Result<Token> {
        Ok(Token { mint: self.mint(governor, &collateral.symbol, collateral.mint.as_ref())?, program: TOKEN_PROGRAM })
    }

    /// Arguments that open the exchange.
    pub fn exchange_args(&self, governor: &Pubkey) -> Result<InitializeExchangeArgs> {
        let role = |given: &Option<String>| given.as_deref().map_or(Ok(*governor), key);
        Ok(InitializeExchangeArgs {
            guardian: role(&self.guardian)?,
            fee_collector: role(&self.fee_collector)?,
            outflow_hourly: q30(self.outflow_hourly_percent),
            outflow_daily: q30(self.outflow_daily_percent),
        })
    }

    /// Number of the market of this name.
    pub fn market_index(&self, symbol: &str) -> Result<usize> {
        self.markets.iter().position(|market| market.symbol == symbol).with_context(|| format!("no market is named {symbol}"))
    }

    /// Where everything is when `governor` governs.
    pub fn addresses(&self, governor: &Pubkey) -> Result<Addresses> {
        let exchange = address::exchange(governor);
        let market = |(index, market): (usize, &Market)| -> Result<MarketAddresses> {
            let number = u16::try_from(index)?;
            let book = seeded(governor, &book_name(index), &PROGRAM_ID)?;
            Ok(MarketAddresses {
                symbol: market.symbol.clone(),
                market: address::market(&exchange, number),
                book,
                feed: market.feed.to_lowercase(),
            })
        };
        let collateral = |listed: &Collateral| -> Result<CollateralAddresses> {
            let mint = self.collateral_token(governor, listed)?.mint;
            let collateral = address::collateral(&exchange, &mint);
            Ok(CollateralAddresses { symbol: listed.symbol.clone(), mint, collateral, vault: address::collateral_vault(&collateral) })
        };
        let group = |(number, listed): (usize, &Group)| -> Result<GroupAddresses> {
            Ok(GroupAddresses { name: listed.name.clone(), group: address::group(&exchange, u16::try_from(number)?) })
        };
        Ok(Addresses {
            program: PROGRAM_ID,
            governor: *governor,
            exchange,
            vault: address::vault(&exchange),
            insurance: address::insurance(&exchange),
            insurance_vault: address::insurance_vault(&exchange),
            quote_mint: self.quote(governor)?.mint,
            treasury: seeded(governor, TREASURY, &TOKEN_PROGRAM)?,
            markets: self.markets.iter().enumerate().map(market).collect::<Result<_>>()?,
            collaterals: self.collaterals.iter().map(collateral).collect::<Result<_>>()?,
            groups: self.groups.iter().enumerate().map(group).collect::<Result<_>>()?,
        })
    }
}

impl Market {
    /// The feed's bytes.
    pub fn feed(&self) -> Result<[u8; 32]> {
        feed(&self.feed, &self.symbol)
    }

    /// The name as the program stores it.
    pub fn symbol(&self) -> Result<[u8; 16]> {
        padded(&self.symbol)
    }

    /// Arguments that list it as market number `index`.
    pub fn args(&self, index: usize) -> Result<CreateMarketArgs> {
        Ok(CreateMarketArgs {
            index: u16::try_from(index)?,
            feed: self.feed()?,
            symbol: self.symbol()?,
            exponent: self.exponent,
            lot_exponent: self.lot_exponent,
            min_price: self.min_price,
            max_price: self.max_price,
            tick: self.tick,
            min_order: self.min_order,
            tier_im: q30(self.tier_im_percent),
            oi_low: self.oi_low,
            oi_high: self.oi_high,
            max_open_interest: self.max_open_interest,
            maturity: self.maturity,
            fund_cap: self.fund_cap,
            size_rate: q30(self.size_rate_percent),
        })
    }
}

impl Collateral {
    /// Arguments that list it.
    pub fn args(&self) -> CreateCollateralArgs {
        let (im_weight, mm_weight) = (q30(self.im_weight_percent), q30(self.mm_weight_percent));
        CreateCollateralArgs { im_weight, mm_weight, cap: self.cap, warm_up: self.warm_up }
    }
}

impl Group {
    /// Arguments that create it as group number `number`.
    pub fn args(&self, number: usize) -> Result<CreateGroupArgs> {
        let (max_credit, floor_share) = (q30(self.max_credit_percent), q30(self.floor_share_percent));
        Ok(CreateGroupArgs { number: u16::try_from(number)?, name: padded(&self.name)?, max_credit, floor_share, warm_up: self.warm_up })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_sdk::risk::correlation::CorrelationParams;
    use plimsoll_sdk::risk::depth::DepthParams;

    #[test]
    fn the_committed_description_is_whole() {
        let deployment = Deployment::localnet().unwrap();
        assert_eq!(deployment.markets.iter().map(|market| market.symbol.as_str()).collect::<Vec<_>>(), ["SOL", "BTC", "ETH"]);
        for (index, market) in deployment.markets.iter().enumerate() {
            let args = market.args(index).unwrap();
            assert!(args.feed[0] != 0 && args.min_price < args.max_price && args.max_price <= 1 << 30, "{}", market.symbol);
        }
        assert_eq!(deployment.markets[0].args(0).unwrap().tier_im, (1 << 30) / 20);
        // The majors' group has the engine's defaults.
        let (majors, params) = (deployment.groups[0].args(0).unwrap(), CorrelationParams::MAJORS);
        let given = (majors.max_credit, majors.floor_share, majors.warm_up);
        assert_eq!(given, (params.max_credit.raw(), params.floor_share.raw(), params.warm_up));
        assert_eq!(deployment.groups[0].markets, ["SOL", "BTC", "ETH"]);
        let rates = deployment.markets.iter().map(|market| market.args(0).unwrap().size_rate);
        assert!(rates.into_iter().all(|rate| rate == DepthParams::default().rate.raw()), "the add-on for size is in force");
        let quote = deployment.quote_feed.unwrap().args("USDC").unwrap();
        assert_eq!((quote.feed[0], quote.exponent), (0xea, -8));
    }

    #[test]
    fn addresses_follow_from_the_governor_and_are_distinct() {
        let deployment = Deployment::localnet().unwrap();
        let [one, other] = [Pubkey::new_unique(), Pubkey::new_unique()].map(|key| deployment.addresses(&key).unwrap());
        assert_ne!(one.exchange, other.exchange);
        let books: std::collections::BTreeSet<_> = one.markets.iter().chain(&other.markets).map(|market| market.book).collect();
        assert_eq!(books.len(), 6);
        assert_ne!(one.quote_mint, one.collaterals[0].mint);
    }

    #[test]
    fn mistakes_in_a_description_are_named() {
        let text = include_str!("../localnet.json");
        let error = serde_json::from_str::<Deployment>(&text.replacen("\"tick\"", "\"tock\"", 1)).unwrap_err().to_string();
        assert!(error.contains("tock"), "{error}");
        let mut deployment = Deployment::localnet().unwrap();
        deployment.markets[1].feed.replace_range(3..4, "x");
        assert!(deployment.markets[1].args(1).map(drop).unwrap_err().to_string().contains("BTC is not hexadecimal"));
        deployment.markets[1].feed.pop();
        assert!(deployment.markets[1].args(1).map(drop).unwrap_err().to_string().contains("64 hexadecimal digits"));
    }
}
