//! A world with a price for every market and the audit after every transaction: the stage on which stories are played.

use crate::{three_listings, three_markets, START, USD};
use anchor_lang::{AnchorDeserialize, Discriminator};
use anyhow::{bail, Context, Result};
use plimsoll_replay::world::audit::{self, Census};
use plimsoll_replay::world::{Member, Refused, World};
use plimsoll_sdk::build::{self, LiquidateArgs, MarketKeys, OrderArgs};
use plimsoll_sdk::preview::Reading;
use plimsoll_sdk::risk::margin::{Shortfall, Witness};
use plimsoll_sdk::risk::perp::Candidate;
use plimsoll_sdk::state::MarginAccount;
use plimsoll_sdk::{decode, preview};
use solana_instruction::Instruction;
use solana_keypair::Keypair;
use solana_signer::Signer;

/// What became of a transaction: compute units, or the name of the refusal.
pub type Outcome = Result<u64, String>;

/// The measures of an account as the program returns them, quote atoms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Measures {
    /// Equity.
    pub equity: i64,
    /// Equity for initial margin.
    pub equity_im: i64,
    /// Equity of the liquidation trigger.
    pub equity_trigger: i64,
    /// Initial margin.
    pub im: i64,
    /// Exit target.
    pub target: i64,
    /// Maintenance margin.
    pub mm: i64,
    /// Gross notional.
    pub gross_notional: i64,
}

/// The stage.
pub struct Stage {
    /// The world.
    pub world: World,
    /// Price of each market, micro-dollars a unit.
    pub prices: Vec<i64>,
}

impl Stage {
    /// SOL at $200 in lots of 0.01, BTC at $120,000 in lots of 0.0001, ETH at $4,300 in lots of 0.001.
    pub fn new() -> Result<Self> {
        Self::on(three_markets()?, vec![200 * USD, 120_000 * USD, 4_300 * USD])
    }

    /// As [`Self::new`], with limits on what may leave in an hour and a day, Q30 shares (RULES 1.6).
    pub fn limited(hourly: i64, daily: i64) -> Result<Self> {
        Self::on(World::with_limits(&three_listings(), START, hourly, daily)?, vec![200 * USD, 120_000 * USD, 4_300 * USD])
    }

    /// On a world whose markets stand at `prices`.
    pub fn on(world: World, prices: Vec<i64>) -> Result<Self> {
        let stage = Self { world, prices };
        stage.audit("at the beginning")?;
        Ok(stage)
    }

    /// Fails with every broken law.
    pub fn audit(&self, step: &str) -> Result<()> {
        let broken = audit::violations(&self.world);
        if !broken.is_empty() {
            bail!("after {step}:\n{}", broken.join("\n"));
        }
        Ok(())
    }

    /// Lets time pass and publishes every market's price at the end of it.
    pub fn wait(&mut self, seconds: i64) -> Result<()> {
        self.world.pass(seconds);
        self.publish()
    }

    /// Publishes every market's price now.
    pub fn publish(&mut self) -> Result<()> {
        for market in 0..self.prices.len() {
            let price = self.prices[market];
            self.world.publish(market, price, price / 2_500)?;
        }
        self.audit("publishing")
    }

    /// Two seconds later the market stands at `dollars`.
    pub fn price(&mut self, market: usize, micro_usd: i64) -> Result<()> {
        self.prices[market] = micro_usd;
        self.wait(2)
    }

    /// Waits long enough for averages to follow the prices: settlement is possible again (RULES 1.4).
    pub fn calm(&mut self, minutes: i64) -> Result<()> {
        for _ in 0..minutes * 2 {
            self.world.pass(30);
            for market in 0..self.prices.len() {
                let price = self.prices[market];
                self.world.publish(market, price, price / 2_500)?;
            }
        }
        self.audit("calm minutes")
    }

    /// Sends a transaction and audits; a refusal must be a numbered error of the program or of a program it calls, and is named.
    pub fn send(&mut self, step: &str, instruction: Instruction, signers: &[&Keypair]) -> Result<Outcome> {
        let sent = self.world.send(&[instruction], signers);
        self.audit(step)?;
        match sent {
            Ok(sent) => Ok(Ok(sent.compute_units_consumed)),
            Err(refused) => Ok(Err(name_of(&refused).with_context(|| format!("{step}: {refused}"))?)),
        }
    }

    /// Market number `index`.
    pub fn keys(&self, index: usize) -> MarketKeys {
        self.world.markets[index].keys
    }

    /// The position of an account in a market; all zero when there is none.
    pub fn position(&self, member: &Member, market: usize) -> plimsoll_sdk::risk::perp::Position {
        let key = self.keys(market).market;
        self.world.member(&member.account).perps.iter().find(|slot| slot.market == key).map(|slot| *slot.position).unwrap_or_default()
    }

    /// Lots of an account in a market.
    pub fn lots(&self, member: &Member, market: usize) -> i64 {
        self.position(member, market).lots
    }

    /// Unsettled value of an account in a market at the mark, brought up to date.
    pub fn unsettled(&self, member: &Member, market: usize) -> i64 {
        let books = self.world.market(market);
        let position =
            plimsoll_sdk::state::view::touched_copy(&books, &self.position(member, market).into(), self.world.now).expect("touchable");
        position.lots * books.oracle.price + position.quote
    }

    /// Cash of an account.
    pub fn cash(&self, member: &Member) -> i64 {
        self.world.member(&member.account).cash
    }

    /// State of an account: 0 healthy, 1 warned, 2 liquidating, 4 bankrupt (RULES 6.1).
    pub fn state(&self, member: &Member) -> u32 {
        self.world.member(&member.account).liquidation.state
    }

    /// A lot's price at `micro_usd` a unit.
    pub fn lot_price(&self, market: usize, micro_usd: i64) -> i64 {
        self.world.markets[market].lot_price(micro_usd)
    }

    /// Places an order.
    pub fn place(&mut self, member: &Member, market: usize, args: OrderArgs, makers: &[&Member]) -> Result<Outcome> {
        let keys = self.keys(market);
        let portfolio = self.world.portfolio(&member.account);
        let makers: Vec<_> = makers.iter().map(|maker| maker.account).collect();
        let instruction = build::place_order(member.owner.pubkey(), member.account, keys, args, &portfolio, &makers);
        self.send("place_order", instruction, &[&member.owner])
    }

    /// `buyer` buys `lots` from `seller` at `micro_usd` a unit, the seller's order resting first.
    pub fn trade(&mut self, market: usize, buyer: &Member, seller: &Member, lots: i64, micro_usd: i64) -> Result<()> {
        let price = self.lot_price(market, micro_usd);
        let (before, sold) = (self.lots(buyer, market), self.lots(seller, market));
        done(self.place(seller, market, crate::order(crate::SELL, crate::POST_ONLY, price, lots), &[])?)?;
        done(self.place(buyer, market, crate::order(crate::BUY, crate::IOC, price, lots), &[seller])?)?;
        assert_eq!((self.lots(buyer, market), self.lots(seller, market)), (before + lots, sold - lots));
        Ok(())
    }

    /// One liquidation step by `liquidator`, taking over at most `lots`.
    pub fn liquidate(&mut self, liquidator: &Member, failing: &Member, market: usize, lots: i64, makers: &[&Member]) -> Result<Outcome> {
        let portfolio = self.world.portfolio(&failing.account).and(&self.world.portfolio(&liquidator.account));
        let makers: Vec<_> = makers.iter().map(|maker| maker.account).collect();
        let args = LiquidateArgs { max_lots: lots, min_price: 1, max_price: 1 << 30 };
        let instruction =
            build::liquidate(liquidator.owner.pubkey(), liquidator.account, failing.account, self.keys(market), args, &portfolio, &makers);
        self.send("liquidate", instruction, &[&liquidator.owner])
    }

    /// Settles one market of an account; anyone may.
    pub fn settle(&mut self, member: &Member, market: usize) -> Result<Outcome> {
        let portfolio = self.world.portfolio(&member.account);
        let payer = self.world.payer.insecure_clone();
        self.send("settle", build::settle(self.keys(market).market, member.account, &portfolio), &[&payer])
    }

    /// Spreads a failing account's cash over its losses.
    pub fn settle_estate(&mut self, member: &Member) -> Result<Outcome> {
        let portfolio = self.world.portfolio(&member.account);
        let payer = self.world.payer.insecure_clone();
        self.send("settle_estate", build::settle_estate(member.account, &portfolio), &[&payer])
    }

    /// Brings a position up to date.
    pub fn touch(&mut self, member: &Member, market: usize) -> Result<Outcome> {
        let payer = self.world.payer.insecure_clone();
        self.send("touch", build::touch(self.keys(market).market, member.account), &[&payer])
    }

    /// Brings a position up to date; `keeper` is paid for a claim that joins a round.
    pub fn touch_for(&mut self, member: &Member, market: usize, keeper: &Member) -> Result<Outcome> {
        let payer = self.world.payer.insecure_clone();
        self.send("touch", build::touch_for(self.keys(market).market, member.account, keeper.account), &[&payer])
    }

    /// Closes a bankrupt account's lots against the other side's index.
    pub fn deleverage(&mut self, member: &Member, market: usize) -> Result<Outcome> {
        let portfolio = self.world.portfolio(&member.account);
        let payer = self.world.payer.insecure_clone();
        self.send("deleverage", build::deleverage(self.keys(market).market, member.account, &portfolio), &[&payer])
    }

    /// Opens a round in which nobody is registered, waits for its minute, and closes the lots against the index.
    pub fn deleverage_unranked(&mut self, member: &Member, market: usize) -> Result<Outcome> {
        if let Err(refused) = self.open_adl_round(member, market)? {
            return Ok(Err(refused));
        }
        self.wait(60)?;
        self.deleverage(member, market)
    }

    /// Opens a round of ranked deleveraging for a bankrupt account.
    pub fn open_adl_round(&mut self, member: &Member, market: usize) -> Result<Outcome> {
        let portfolio = self.world.portfolio(&member.account);
        let payer = self.world.payer.insecure_clone();
        let open = build::open_adl_round(payer.pubkey(), self.keys(market).market, member.account, &portfolio);
        self.send("open_adl_round", open, &[&payer])
    }

    /// Registers a candidate in the round of `failing`; `keeper` is paid.
    pub fn register(&mut self, failing: &Member, market: usize, candidate: &Member, keeper: &Member) -> Result<Outcome> {
        let portfolio = self.world.portfolio(&candidate.account);
        let payer = self.world.payer.insecure_clone();
        let register = build::register_candidate(self.keys(market).market, failing.account, candidate.account, keeper.account, &portfolio);
        self.send("register_candidate", register, &[&payer])
    }

    /// Executes the cuts of candidates in the round of `failing`.
    pub fn execute_adl(&mut self, failing: &Member, market: usize, candidates: &[&Member]) -> Result<Outcome> {
        let portfolio = self.world.portfolio(&failing.account);
        let payer = self.world.payer.insecure_clone();
        let candidates: Vec<_> = candidates.iter().map(|candidate| candidate.account).collect();
        let execute = build::execute_adl(self.keys(market).market, failing.account, &portfolio, &candidates);
        self.send("execute_adl", execute, &[&payer])
    }

    /// Closes the round of `failing`; the rent goes to the payer of the world, who opens all rounds here.
    pub fn close_adl_round(&mut self, failing: &Member, market: usize) -> Result<Outcome> {
        let payer = self.world.payer.insecure_clone();
        let close = build::close_adl_round(self.keys(market).market, failing.account, payer.pubkey());
        self.send("close_adl_round", close, &[&payer])
    }

    /// Absorbs what a bankrupt account is short of.
    pub fn resolve(&mut self, member: &Member) -> Result<Outcome> {
        let portfolio = self.world.portfolio(&member.account);
        let (exchange, quote) = (self.world.exchange, self.world.quote);
        let payer = self.world.payer.insecure_clone();
        let instruction = build::resolve_bankruptcy(exchange, member.account, quote, &portfolio);
        self.send("resolve_bankruptcy", instruction, &[&payer])
    }

    /// Moves a market's deficit along.
    pub fn advance_round(&mut self, market: usize) -> Result<Outcome> {
        let payer = self.world.payer.insecure_clone();
        self.send("advance_round", build::advance_round(self.keys(market).market), &[&payer])
    }

    /// Samples the funding premium.
    pub fn update_funding(&mut self, market: usize) -> Result<Outcome> {
        let payer = self.world.payer.insecure_clone();
        self.send("update_funding", build::update_funding(self.keys(market)), &[&payer])
    }

    /// Cancels everything of an account.
    pub fn cancel_all(&mut self, member: &Member) -> Result<Outcome> {
        self.send("cancel_all", build::cancel_all(member.owner.pubkey(), member.account), &[&member.owner])
    }

    /// Cancels the orders of a failing account; anyone may.
    pub fn cancel_failing(&mut self, member: &Member) -> Result<Outcome> {
        let portfolio = self.world.portfolio(&member.account);
        let payer = self.world.payer.insecure_clone();
        self.send("cancel_failing", build::cancel_failing(member.account, &portfolio), &[&payer])
    }

    /// The scenarios that show most of what an account needs, and what they show.
    pub fn shown(&self, member: &Member) -> Result<(Witness, Shortfall)> {
        let account = self.world.member(&member.account);
        let told = Reading::of(&account, &Census::take(&self.world), self.world.now).and_then(|reading| reading.witness());
        told.map_err(|error| anyhow::anyhow!("{error:?}"))
    }

    /// Flags a failing account by [`Self::shown`]; anyone may.
    pub fn flag(&mut self, member: &Member, market: usize) -> Result<Outcome> {
        let witness = self.shown(member)?.0;
        let portfolio = self.world.portfolio(&member.account);
        let payer = self.world.payer.insecure_clone();
        self.world.svm.expire_blockhash();
        let flag = build::flag_liquidation(member.account, self.keys(market).market, &witness, &portfolio);
        self.send("flag_liquidation", flag, &[&payer])
    }

    /// Takes dollars out to the member's wallet.
    pub fn withdraw(&mut self, member: &Member, atoms: u64) -> Result<Outcome> {
        let portfolio = self.world.portfolio(&member.account);
        let (exchange, quote) = (self.world.exchange, self.world.quote);
        let instruction = build::withdraw(member.owner.pubkey(), exchange, member.account, quote, member.wallet, atoms, &portfolio);
        self.send("withdraw", instruction, &[&member.owner])
    }

    /// Brings dollars in from the member's wallet.
    pub fn deposit(&mut self, member: &Member, atoms: u64) -> Result<Outcome> {
        let (exchange, quote) = (self.world.exchange, self.world.quote);
        let instruction = build::deposit(member.owner.pubkey(), exchange, member.account, quote, member.wallet, atoms);
        self.send("deposit", instruction, &[&member.owner])
    }

    /// Pays into the insurance fund from a fresh wallet of the governor.
    pub fn fund_insurance(&mut self, atoms: u64) -> Result<Outcome> {
        let governor = self.world.governor.insecure_clone();
        let wallet = self.world.wallet(self.world.quote, &governor.pubkey(), atoms)?;
        let instruction = build::fund_insurance(governor.pubkey(), self.world.exchange, self.world.quote, wallet, atoms);
        self.send("fund_insurance", instruction, &[&governor])
    }

    /// What the program says of an account's health; the client's own computation must agree to the atom.
    pub fn health(&mut self, member: &Member) -> Result<Measures> {
        let payer = self.world.payer.insecure_clone();
        let portfolio = self.world.portfolio(&member.account);
        let sent = self.world.send(&[build::check_health(member.account, &portfolio)], &[&payer])?;
        let word = |index: usize| sent.return_data.data[8 * index..8 * index + 8].try_into().map(i64::from_le_bytes);
        let told = Measures {
            equity: word(0)?,
            equity_im: word(1)?,
            equity_trigger: word(2)?,
            im: word(3)?,
            target: word(4)?,
            mm: word(5)?,
            gross_notional: word(6)?,
        };
        let account = self.world.member(&member.account);
        let own = self.preview(&account)?;
        assert_eq!(told, own, "the program and the client disagree about {}", member.account);
        Ok(told)
    }

    /// The client's own computation of an account's health.
    pub fn preview(&self, account: &MarginAccount) -> Result<Measures> {
        let census = Census::take(&self.world);
        let health = preview::account_health(account, &census, self.world.now).map_err(|error| anyhow::anyhow!("{error:?}"))?;
        Ok(Measures {
            equity: health.equity.raw(),
            equity_im: health.equity_im.raw(),
            equity_trigger: health.equity_trigger.raw(),
            im: health.im.raw(),
            target: health.target.raw(),
            mm: health.mm.raw(),
            gross_notional: health.gross_notional.raw(),
        })
    }

    /// What the client says of an account's score in a round of the first market.
    pub fn score(&self, member: &Member) -> Result<Candidate> {
        let account = self.world.member(&member.account);
        let found = preview::adl_candidate(&member.account, &account, &self.keys(0).market, &Census::take(&self.world), self.world.now);
        found.map_err(|error| anyhow::anyhow!("{error:?}"))?.context("no candidate")
    }

    /// The only event of its kind since the journal was begun or last read.
    pub fn told<E: AnchorDeserialize + Discriminator>(&mut self) -> E {
        let events = self.world.journal.replace(Vec::new()).unwrap_or_default();
        let mut bodies = events.iter().filter_map(|bytes| bytes.strip_prefix(E::DISCRIMINATOR));
        let event = bodies.next().map(|mut body| E::deserialize(&mut body).expect("an event"));
        assert!(bodies.next().is_none(), "one event");
        event.expect("an event")
    }
}

/// The name of a numbered refusal; `None` for anything that is not one: a panic, an overrun, a runtime fault.
pub fn name_of(refused: &Refused) -> Option<String> {
    let code = refused.code?;
    Some(decode::error(code).map_or_else(|| format!("custom {code}"), |entry| entry.name))
}

/// Fails unless the step went through.
pub fn done(outcome: Outcome) -> Result<()> {
    outcome.map(|_| ()).map_err(|name| anyhow::anyhow!("refused: {name}"))
}

/// Fails unless the step was refused for this reason.
#[track_caller]
pub fn refused(outcome: Outcome, name: &str) {
    assert_eq!(outcome.err().as_deref(), Some(name));
}
