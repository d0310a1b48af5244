//! Deposit, trade, fall, liquidation, withdrawal on the compiled program in a full bank; conservation after every step.

use anyhow::Result;
use plimsoll_full_bank::Bank;
use plimsoll_replay::sim::makers::{BUY, IOC, SELL};
use plimsoll_replay::world::audit::{violations, Census};
use plimsoll_replay::world::{Chain, Listing, Member, Refused, World};
use plimsoll_sdk::build::{self, LiquidateArgs, OrderArgs};
use plimsoll_sdk::risk::liquidation::AccountState;
use solana_signer::Signer;

const USD: i64 = 1_000_000;
const POST_ONLY: u8 = 2;
/// The story begins here, Unix seconds.
const START: i64 = 1_760_000_000;

/// One market, SOL at $200 in lots of 0.01.
struct Story {
    world: World<Bank>,
}

impl Story {
    fn begin() -> Result<Self> {
        let listing = Listing { symbol: "SOL", lot_exponent: 2, price: 200 * USD };
        Ok(Self { world: World::open(Bank::start()?, &[listing], START, 1 << 30, 1 << 30)? })
    }

    fn join(&mut self, dollars: u64) -> Result<Member> {
        self.world.join(dollars * USD.unsigned_abs(), dollars * USD.unsigned_abs())
    }

    fn check(&self) {
        let broken = violations(&self.world);
        assert!(broken.is_empty(), "{broken:?}");
    }

    /// Publishes a price after ten seconds.
    fn price(&mut self, dollars: i64) -> Result<()> {
        self.world.pass(10);
        self.world.publish(0, dollars * USD, USD / 10)?;
        self.check();
        Ok(())
    }

    fn order(&mut self, who: &Member, side: u8, kind: u8, price: i64, lots: i64, makers: &[&Member]) -> Result<(), Refused> {
        let args = OrderArgs { side, kind, reduce_only: false, price, lots, expiry: 0, client_id: 0, max_fills: 8 };
        let makers: Vec<_> = makers.iter().map(|maker| maker.account).collect();
        let portfolio = self.world.portfolio(&who.account);
        let keys = self.world.markets[0].keys;
        let place = build::place_order(who.owner.pubkey(), who.account, keys, args, &portfolio, &makers);
        self.world.send(&[place], &[&who.owner]).map(drop)
    }

    fn liquidate(&mut self, keeper: &Member, failing: &Member, max_lots: i64) -> Result<(), Refused> {
        let portfolio = self.world.portfolio(&failing.account).and(&self.world.portfolio(&keeper.account));
        let args = LiquidateArgs { max_lots, min_price: 1, max_price: 1 << 30 };
        let keys = self.world.markets[0].keys;
        let call = build::liquidate(keeper.owner.pubkey(), keeper.account, failing.account, keys, args, &portfolio, &[]);
        self.world.send(&[call], &[&keeper.owner]).map(drop)
    }

    fn withdraw(&mut self, who: &Member, atoms: u64) -> Result<(), Refused> {
        let portfolio = self.world.portfolio(&who.account);
        let out = build::withdraw(who.owner.pubkey(), self.world.exchange, who.account, self.world.quote, who.wallet, atoms, &portfolio);
        self.world.send(&[out], &[&who.owner]).map(drop)
    }

    fn lots(&self, who: &Member) -> i64 {
        self.world.member(&who.account).perps[0].position.lots
    }
}

/// The name of the program's error.
fn name(refused: Result<(), Refused>) -> String {
    let code = refused.expect_err("it should have been refused").code.expect("the program's own error");
    plimsoll_sdk::decode::error(code).expect("a known error").name
}

#[test]
fn a_crash_is_survived_in_a_full_bank() -> Result<()> {
    let mut story = Story::begin()?;
    let (maker, trader, keeper) = (story.join(100_000)?, story.join(2_000)?, story.join(50_000)?);
    story.check();
    let start_slot = story.world.svm.slot()?;

    // 100 SOL at $200 on $2,000: ten times.
    story.order(&maker, SELL, POST_ONLY, 2_000_000, 10_000, &[])?;
    story.order(&trader, BUY, IOC, 2_000_000, 10_000, &[&maker])?;
    assert_eq!((story.lots(&trader), story.lots(&maker)), (10_000, -10_000));
    story.check();
    // While it stands nobody can touch it, and more than its margin allows cannot leave.
    assert_eq!(name(story.liquidate(&keeper, &trader, 10_000)), "NotLiquidatable");
    let wallet = story.world.tokens(&trader.wallet);
    assert_eq!(name(story.withdraw(&trader, 1_900 * USD as u64)), "BelowInitialMargin");
    assert_eq!(story.world.tokens(&trader.wallet), wallet);

    // The fall: two samples that both fail start it, slices end it.
    story.price(187)?;
    story.liquidate(&keeper, &trader, 10_000)?;
    let mut steps = 0;
    while story.world.member(&trader.account).liquidation.state != AccountState::Healthy.raw() {
        story.price(187)?;
        match story.liquidate(&keeper, &trader, 10_000) {
            Ok(()) => steps += 1,
            Err(refused) => assert_eq!(name(Err(refused)), "SlicePause"),
        }
        story.check();
        assert!(story.world.now < START + 3_600, "the liquidation does not end");
    }
    let (left, taken) = (story.lots(&trader), story.lots(&keeper));
    assert!(steps >= 2 && left > 0 && taken > 0 && left + taken == 10_000, "{steps} steps, {left} left, {taken} taken");

    // What remains is closed, settled and withdrawn, to the last atom that is cash.
    let price = 1_870_000;
    story.order(&maker, BUY, POST_ONLY, price, left, &[])?;
    story.order(&trader, SELL, IOC, price, left, &[&maker])?;
    story.check();
    let market = story.world.markets[0].keys.market;
    let portfolio = story.world.portfolio(&trader.account);
    let settle = build::settle(market, trader.account, &portfolio);
    story.world.pass(10);
    for _ in 0..32 {
        // A settlement waits until the average has come near the price (RULES 1.4).
        story.price(187)?;
    }
    story.world.send(&[settle], &[&trader.owner])?;
    story.check();
    let cash = story.world.member(&trader.account).cash;
    assert!(cash > 0, "something is left of $2,000");
    let vault = plimsoll_sdk::address::vault(&story.world.exchange);
    let before = (story.world.tokens(&vault), story.world.tokens(&trader.wallet));
    story.withdraw(&trader, cash.unsigned_abs())?;
    assert_eq!(story.world.tokens(&vault), before.0 - cash.unsigned_abs());
    assert_eq!(story.world.tokens(&trader.wallet), before.1 + cash.unsigned_abs());
    story.check();

    // It all happened in many banks, and the audit saw every account of the program.
    assert!(story.world.svm.slot()? > start_slot);
    let census = Census::take(&story.world);
    assert_eq!((census.markets.len(), census.members.len(), census.books.len(), census.funds.len()), (1, 3, 1, 1));
    assert_eq!(census.position_difference(), 0);
    assert!(story.world.svm.account(&plimsoll_sdk::PROGRAM_ID).is_some_and(|program| program.executable));
    Ok(())
}
