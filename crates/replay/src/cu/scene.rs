//! What the measurements need around the one instruction: eight markets, members with positions, a clock that moves with its prices.

use crate::world::{audit, Listing, Member, World};
use anyhow::{bail, Result};
use litesvm::types::TransactionMetadata;
use plimsoll_sdk::address;
use plimsoll_sdk::build::{self, CreateGroupArgs, MarketKeys, OrderArgs, Portfolio};
use solana_instruction::{AccountMeta, Instruction};
use solana_keypair::Keypair;
use solana_message::Message;
use solana_pubkey::Pubkey;
use solana_signer::Signer;

/// One dollar in quote atoms.
pub(super) const USD: i64 = 1_000_000;
/// Buys.
pub(super) const BUY: u8 = 0;
/// Sells.
pub(super) const SELL: u8 = 1;
/// Rests what is not filled.
pub(super) const LIMIT: u8 = 0;
/// Drops what is not filled.
pub(super) const IOC: u8 = 1;
/// Never trades at once.
pub(super) const POST_ONLY: u8 = 2;
/// A risk group of markets that move together.
pub(super) const MAJORS: CreateGroupArgs = CreateGroupArgs {
    number: 0,
    name: *b"majors\0\0\0\0\0\0\0\0\0\0",
    max_credit: (1 << 30) / 10 * 7,
    floor_share: (1 << 30) / 4 * 3,
    warm_up: 288,
};
/// Takes what a transaction asks of the runtime.
const COMPUTE_BUDGET: Pubkey = Pubkey::from_str_const("ComputeBudget111111111111111111111111111111");
/// 10 October 2025, 12:00 UTC.
const START: i64 = 1_760_097_600;
/// Name, decimals of a lot, dollars a unit in thousandths.
const MARKETS: [(&str, i32, i64); 8] = [
    ("SOL", 2, 200_000),
    ("BTC", 4, 120_000_000),
    ("ETH", 3, 4_300_000),
    ("BNB", 3, 1_250_000),
    ("LINK", 1, 22_000),
    ("AVAX", 1, 30_000),
    ("XRP", 0, 2_800),
    ("SUI", 0, 3_500),
];

/// A world of eight markets and its prices.
pub(super) struct Scene {
    /// The clearing house.
    pub(super) world: World,
    /// Present prices, micro-dollars a unit.
    prices: Vec<i64>,
}

impl Scene {
    /// Eight markets, a few minutes old.
    pub(super) fn new() -> Result<Self> {
        let listings: Vec<_> =
            MARKETS.iter().map(|&(symbol, lot_exponent, price)| Listing { symbol, lot_exponent, price: price * 1_000 }).collect();
        let prices = listings.iter().map(|listing| listing.price).collect();
        Ok(Self { world: World::new(&listings, START)?, prices })
    }

    /// A member with `usd` dollars of cash in its margin account.
    pub(super) fn member(&mut self, usd: i64) -> Result<Member> {
        let amount = u64::try_from(usd * USD)?;
        self.world.join(amount, amount)
    }

    /// Market number `market`.
    pub(super) fn keys(&self, market: usize) -> MarketKeys {
        self.world.markets[market].keys
    }

    /// Price of a lot, quote atoms.
    pub(super) fn lot(&self, market: usize) -> i64 {
        self.world.markets[market].lot_price(self.prices[market])
    }

    /// Lots worth about `usd` dollars.
    pub(super) fn lots(&self, market: usize, usd: i64) -> i64 {
        usd * USD / self.lot(market)
    }

    /// The governor puts markets into a group; its address.
    pub(super) fn group(&mut self, markets: &[Pubkey], args: CreateGroupArgs) -> Result<Pubkey> {
        let group = address::group(&self.world.exchange, args.number);
        let (payer, governor) = (self.world.payer.insecure_clone(), self.world.governor.insecure_clone());
        let create = build::create_group(payer.pubkey(), governor.pubkey(), markets, args);
        self.world.send(&[create], &[&payer, &governor])?;
        Ok(group)
    }

    /// Lets `seconds` pass and publishes every price again.
    pub(super) fn pass(&mut self, seconds: i64) -> Result<()> {
        self.world.pass(seconds);
        for market in 0..self.prices.len() {
            self.world.publish(market, self.prices[market], self.prices[market] / 2_500)?;
        }
        Ok(())
    }

    /// Moves every price by `per_mille` thousandths, ten seconds later.
    pub(super) fn shock(&mut self, per_mille: i64) -> Result<()> {
        for price in &mut self.prices {
            *price += *price * per_mille / 1_000;
        }
        self.pass(10)
    }

    /// Publishes one market `per_mille` thousandths off its price, without remembering it.
    pub(super) fn publish(&mut self, market: usize, per_mille: i64) -> Result<TransactionMetadata> {
        let price = self.prices[market];
        self.world.publish(market, price + price * per_mille / 1_000, price / 2_500)
    }

    /// The instruction that places an order.
    pub(super) fn order(&self, member: &Member, market: usize, args: OrderArgs, makers: &[&Member]) -> Instruction {
        let makers: Vec<_> = makers.iter().map(|maker| maker.account).collect();
        let portfolio = self.world.portfolio(&member.account);
        build::place_order(member.owner.pubkey(), member.account, self.keys(market), args, &portfolio, &makers)
    }

    /// Places an order; compute units.
    pub(super) fn place(&mut self, member: &Member, market: usize, args: OrderArgs, makers: &[&Member]) -> Result<u64> {
        let instruction = self.order(member, market, args, makers);
        Ok(self.world.send(&[instruction], &[&member.owner])?.compute_units_consumed)
    }

    /// `buyer` buys about `usd` dollars of `market` from `seller` at the oracle price.
    pub(super) fn trade(&mut self, buyer: &Member, seller: &Member, market: usize, usd: i64) -> Result<()> {
        let (price, lots) = (self.lot(market), self.lots(market, usd));
        self.place(seller, market, order(SELL, POST_ONLY, price, lots), &[])?;
        self.place(buyer, market, order(BUY, IOC, price, lots), &[seller])?;
        Ok(())
    }

    /// Lists a token worth a unit of `market` and pays about `usd` dollars of it into an account.
    pub(super) fn collateral(&mut self, member: &Member, market: usize, usd: i64) -> Result<()> {
        let token = self.world.list_collateral(market, 9, (1 << 30) / 10 * 8, (1 << 30) / 10 * 9, 0)?;
        let atoms = u64::try_from(usd * USD / (self.prices[market] / 1_000) * 1_000_000)?;
        let wallet = self.world.wallet(token, &member.owner.pubkey(), atoms)?;
        let (owner, keys) = (member.owner.pubkey(), self.keys(market));
        let pay = build::deposit_collateral(owner, self.world.exchange, member.account, keys.market, token, wallet, atoms);
        self.cost(pay, &member.owner)?;
        Ok(())
    }

    /// What both accounts use.
    pub(super) fn union(&self, one: &Member, other: &Member) -> Portfolio {
        self.world.portfolio(&one.account).and(&self.world.portfolio(&other.account))
    }

    /// Sends one instruction; compute units.
    pub(super) fn cost(&mut self, instruction: Instruction, signer: &Keypair) -> Result<u64> {
        Ok(self.world.send(&[instruction], &[signer])?.compute_units_consumed)
    }

    /// As [`Self::cost`] with the most a transaction may ask for. Asking costs 150, which are taken off.
    pub(super) fn cost_of_large(&mut self, instruction: Instruction, signer: &Keypair) -> Result<u64> {
        let data = [&[2][..], &1_400_000_u32.to_le_bytes()].concat();
        let ask = Instruction { program_id: COMPUTE_BUDGET, accounts: Vec::new(), data };
        Ok(self.world.send(&[ask, instruction], &[signer])?.compute_units_consumed.saturating_sub(150))
    }

    /// A measurement on broken books would be worth nothing.
    pub(super) fn check(&self) -> Result<()> {
        let broken = audit::violations(&self.world);
        if broken.is_empty() {
            Ok(())
        } else {
            bail!("{}", broken.join("\n"))
        }
    }
}

/// A plain order.
pub(super) fn order(side: u8, kind: u8, price: i64, lots: i64) -> OrderArgs {
    OrderArgs { side, kind, reduce_only: false, price, lots, expiry: 0, client_id: 0, max_fills: 8 }
}

/// Bytes of the legacy transaction that carries `instruction`, its one signature included.
pub(super) fn packet_size(instruction: &Instruction, payer: &Pubkey) -> usize {
    1 + 64 + Message::new(std::slice::from_ref(instruction), Some(payer)).serialize().len()
}

/// `instruction` with further read-only accounts.
pub(super) fn with_accounts(mut instruction: Instruction, keys: &[Pubkey]) -> Instruction {
    instruction.accounts.extend(keys.iter().map(|key| AccountMeta::new_readonly(*key, false)));
    instruction
}
