//! Random sequences of every instruction with plausible and implausible arguments. After each step the audit holds, whatever was refused was
//! refused by number, and the program and the client agree about every account's health; at the end everything drains.
//!
//! `PROPTEST_CASES` sets the number of sequences.

use anyhow::{ensure, Context, Result};
use plimsoll_replay::world::audit::{self, Census};
use plimsoll_replay::world::{pyth, Member, PAR};
use plimsoll_sdk::build::{
    self, ConvertCollateralArgs, CreateGroupArgs, LiquidateArgs, OpenAccountArgs, OrderArgs, SetDelegateArgs, Token,
};
use plimsoll_sdk::preview::Reading;
use plimsoll_sdk::risk::margin::Witness;
use plimsoll_sdk::state::{Exchange, MarginAccount, RiskGroup};
use plimsoll_sdk::{address, preview};
use plimsoll_tests::attempts::MAJORS;
use plimsoll_tests::ledger::Ledger;
use plimsoll_tests::stage::{name_of, Measures, Stage};
use plimsoll_tests::USD;
use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};
use solana_instruction::Instruction;
use solana_keypair::Keypair;
use solana_pubkey::Pubkey;
use solana_signer::Signer;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

/// Accounts that trade; the last one is large and deals with everybody.
const MEMBERS: usize = 7;
/// Markets of the world.
const MARKETS: usize = 3;
/// Number of a member's second account, which is opened and closed.
const SECOND: u32 = 1;
/// Sequences when `PROPTEST_CASES` does not say.
const CASES: u32 = 32;

/// Kinds of actions that must go through at least once in a run, and the instruction of each.
const KINDS: &[(&str, &str)] = &[
    ("Ask", "request_withdrawal"),
    ("Back", "cancel_withdrawal"),
    ("Bring", "deposit_collateral"),
    ("Cancel", "cancel_order"),
    ("CancelAll", "cancel_all"),
    ("CancelFailing", "cancel_failing"),
    ("CloseAdl", "close_adl_round"),
    ("Convert", "convert_collateral"),
    ("Deal", "place_order"),
    ("Deleverage", "deleverage"),
    ("Deposit", "deposit"),
    ("Estate", "settle_estate"),
    ("Execute", "execute_adl"),
    ("Fees", "collect_fees"),
    ("Flag", "flag_liquidation"),
    ("Funding", "update_funding"),
    ("Group", "create_group"),
    ("Insure", "fund_insurance"),
    ("Lift", "lift_pause"),
    ("Liquidate", "liquidate"),
    ("Measure", "update_group"),
    ("Name", "set_delegate"),
    ("Open", "open_account"),
    ("OpenAdl", "open_adl_round"),
    ("Pause", "pause"),
    ("Pay", "process_withdrawal"),
    ("Peg", "update_quote"),
    ("Place", "place_order"),
    ("Register", "register_candidate"),
    ("Resolve", "resolve_bankruptcy"),
    ("Round", "advance_round"),
    ("Settle", "settle"),
    ("Settling", "begin_settling"),
    ("Shut", "close_account"),
    ("Sweep", "sweep_orders"),
    ("Take", "withdraw_collateral"),
    ("Touch", "touch"),
    ("Withdraw", "withdraw"),
];

/// Instructions that make the world, before the first step, and those that go with every step: prices, and the health that both sides compute.
const ALWAYS: &[&str] = &["initialize_exchange", "set_quote_feed", "create_market", "create_collateral", "update_market", "check_health"];

/// One step; numbers are indices modulo what there is.
#[derive(Clone, Debug)]
enum Action {
    Deposit { who: usize, atoms: u64 },
    Withdraw { who: usize, atoms: u64 },
    Bring { who: usize, atoms: u64 },
    Take { who: usize, atoms: u64 },
    Place { who: usize, market: usize, order: Wish, makers: u8 },
    Deal { who: usize, market: usize, is_buy: bool, share: i64 },
    Cancel { who: usize, order: usize, is_guess: bool },
    CancelAll { who: usize },
    CancelFailing { who: usize },
    Name { who: usize, delegate: usize, cap: i64 },
    Settle { who: usize, market: usize },
    Estate { who: usize },
    Touch { who: usize, market: usize },
    Funding { market: usize },
    Sweep { market: usize, owners: u8 },
    Price { market: usize, basis_points: i64 },
    Pass { seconds: i64, is_quiet: bool },
    Liquidate { by: usize, who: usize, market: usize, lots: i64 },
    Deleverage { who: usize, market: usize },
    OpenAdl { who: usize, market: usize },
    Register { who: usize, market: usize, candidate: usize, by: usize },
    Execute { who: usize, market: usize },
    CloseAdl { who: usize, market: usize },
    Resolve { who: usize },
    Round { market: usize },
    Convert { by: usize, who: usize, atoms: i64 },
    Insure { atoms: u64 },
    Fees { market: usize },
    Ask { who: usize, is_token: bool, share: i64 },
    Pay { who: usize, is_token: bool },
    Back { who: usize, is_token: bool },
    Pause { market: usize, by_stranger: bool },
    Lift { market: usize, by_stranger: bool },
    Flag { who: usize, market: usize, guess: Option<[u8; 9]> },
    Group,
    Measure,
    Open { who: usize, atoms: u64 },
    Shut { who: usize },
    Peg { basis_points: i64, markets: u8 },
    Settling { market: usize, is_dead: bool },
}

/// An order relative to the mark.
#[derive(Clone, Debug)]
struct Wish {
    is_buy: bool,
    kind: u8,
    is_reduce_only: bool,
    basis_points: i64,
    dollars: i64,
    expiry: u32,
}

/// Mostly what a trader would ask, sometimes nonsense.
fn wish() -> impl Strategy<Value = Wish> {
    let far = prop_oneof![8 => -150_i64..150, 1 => -10_000_i64..10_000];
    let size = prop_oneof![6 => 100_i64..20_000, 1 => 0_i64..1_000_000_000];
    let expiry = prop_oneof![6 => Just(0_u32), 1 => 1_u32..120];
    (any::<bool>(), prop_oneof![9 => 0_u8..3, 1 => 3_u8..5], prop::bool::weighted(0.15), far, size, expiry).prop_map(
        |(is_buy, kind, is_reduce_only, basis_points, dollars, expiry)| Wish {
            is_buy,
            kind,
            is_reduce_only,
            basis_points,
            dollars,
            expiry,
        },
    )
}

fn action() -> impl Strategy<Value = Action> {
    let (who, market) = (0..MEMBERS, 0..MARKETS);
    let atoms = || prop_oneof![5 => 1_u64..3_000_000_000, 1 => any::<u64>()];
    let token = || prop::bool::weighted(0.3);
    let gap = prop_oneof![12 => -120_i64..120, 4 => -800_i64..800, 8 => -2_500_i64..2_500, 1 => -5_000_i64..9_000];
    prop_oneof![
        3 => (who.clone(), atoms()).prop_map(|(who, atoms)| Action::Deposit { who, atoms }),
        4 => (who.clone(), atoms()).prop_map(|(who, atoms)| Action::Withdraw { who, atoms }),
        4 => (who.clone(), atoms()).prop_map(|(who, atoms)| Action::Bring { who, atoms }),
        3 => (who.clone(), 1_u64..500_000_000).prop_map(|(who, atoms)| Action::Take { who, atoms }),
        14 => (who.clone(), market.clone(), wish(), any::<u8>()).prop_map(|(who, market, order, makers)| Action::Place { who, market, order, makers }),
        20 => (who.clone(), market.clone(), any::<bool>(), prop_oneof![2 => 1_i64..40, 3 => 40_i64..160]).prop_map(|(who, market, is_buy, share)| Action::Deal { who, market, is_buy, share }),
        3 => (who.clone(), 0_usize..40, prop::bool::weighted(0.2)).prop_map(|(who, order, is_guess)| Action::Cancel { who, order, is_guess }),
        1 => who.clone().prop_map(|who| Action::CancelAll { who }),
        9 => who.clone().prop_map(|who| Action::CancelFailing { who }),
        2 => (who.clone(), who.clone(), prop_oneof![4 => 0_i64..200_000_000, 1 => any::<i64>()])
            .prop_map(|(who, delegate, cap)| Action::Name { who, delegate, cap }),
        5 => (who.clone(), market.clone()).prop_map(|(who, market)| Action::Settle { who, market }),
        3 => who.clone().prop_map(|who| Action::Estate { who }),
        3 => (who.clone(), market.clone()).prop_map(|(who, market)| Action::Touch { who, market }),
        3 => market.clone().prop_map(|market| Action::Funding { market }),
        10 => (market.clone(), gap).prop_map(|(market, basis_points)| Action::Price { market, basis_points }),
        6 => (prop_oneof![4 => 1_i64..40, 1 => 40_i64..1_000, 1 => 3_600_i64..20_000], prop::bool::weighted(0.1))
            .prop_map(|(seconds, is_quiet)| Action::Pass { seconds, is_quiet }),
        12 => (who.clone(), who.clone(), market.clone(), prop_oneof![Just(1_i64 << 30), 0_i64..2_000, -5_i64..1 << 40])
            .prop_map(|(by, who, market, lots)| Action::Liquidate { by, who, market, lots }),
        6 => (who.clone(), market.clone()).prop_map(|(who, market)| Action::Deleverage { who, market }),
        8 => (who.clone(), market.clone()).prop_map(|(who, market)| Action::OpenAdl { who, market }),
        12 => (who.clone(), market.clone(), who.clone(), who.clone())
            .prop_map(|(who, market, candidate, by)| Action::Register { who, market, candidate, by }),
        8 => (who.clone(), market.clone()).prop_map(|(who, market)| Action::Execute { who, market }),
        2 => (who.clone(), market.clone()).prop_map(|(who, market)| Action::CloseAdl { who, market }),
        6 => who.clone().prop_map(|who| Action::Resolve { who }),
        3 => market.clone().prop_map(|market| Action::Round { market }),
        4 => (who.clone(), who, prop_oneof![Just(i64::MAX), any::<i64>()]).prop_map(|(by, who, atoms)| Action::Convert { by, who, atoms }),
        1 => atoms().prop_map(|atoms| Action::Insure { atoms }),
        1 => market.clone().prop_map(|market| Action::Fees { market }),
        5 => (0..MEMBERS, token(), 1_i64..110).prop_map(|(who, is_token, share)| Action::Ask { who, is_token, share }),
        8 => (0..MEMBERS, token()).prop_map(|(who, is_token)| Action::Pay { who, is_token }),
        2 => (0..MEMBERS, token()).prop_map(|(who, is_token)| Action::Back { who, is_token }),
        1 => (market.clone(), any::<bool>()).prop_map(|(market, by_stranger)| Action::Pause { market, by_stranger }),
        2 => (market.clone(), any::<bool>()).prop_map(|(market, by_stranger)| Action::Lift { market, by_stranger }),
        8 => (0..MEMBERS, market.clone(), prop::option::weighted(0.3, prop::array::uniform9(0_u8..36)))
            .prop_map(|(who, market, guess)| Action::Flag { who, market, guess }),
        1 => Just(Action::Group),
        3 => Just(Action::Measure),
        1 => (0..MEMBERS, 0_u64..2).prop_map(|(who, atoms)| Action::Open { who, atoms }),
        2 => (0..MEMBERS).prop_map(|who| Action::Shut { who }),
        2 => (prop_oneof![2 => Just(0_i64), 2 => -2_000_i64..0, 1 => -11_000_i64..11_000], any::<u8>())
            .prop_map(|(basis_points, markets)| Action::Peg { basis_points, markets }),
        1 => (market, prop::bool::weighted(0.3)).prop_map(|(market, is_dead)| Action::Settling { market, is_dead }),
    ]
}

/// A stage with members who hold cash, tokens of a SOL collateral, and a small insurance fund.
struct Play {
    stage: Stage,
    members: Vec<Member>,
    purses: Vec<Pubkey>,
    token: Token,
    collateral: Pubkey,
    governor_wallet: Pubkey,
    /// Transactions that went through and that were refused.
    tally: (u64, u64),
    /// Every balance by the program's events.
    ledger: Ledger,
}

impl Play {
    fn new() -> Result<Self> {
        // A fifth of a vault in an hour: enough that not everything has to queue.
        let mut stage = Stage::limited((1 << 30) / 5, (1 << 30) / 2)?;
        let world = &mut stage.world;
        world.journal = Some(Vec::new());
        let ledger = Ledger::new(world.quote.mint);
        let token = world.list_collateral(0, 9, (1 << 30) / 10 * 8, (1 << 30) / 10 * 9, 0)?;
        let collateral = address::collateral(&world.exchange, &token.mint);
        let (mut members, mut purses) = (Vec::new(), Vec::new());
        for index in 0..MEMBERS {
            let dollars = if index + 1 == MEMBERS { 2_000_000 } else { 1_000 << index };
            let member = world.join(2 * dollars * USD as u64, dollars * USD as u64)?;
            purses.push(world.wallet(token, &member.owner.pubkey(), 1_000_000_000_000)?);
            members.push(member);
        }
        let governor = world.governor.pubkey();
        let governor_wallet = world.wallet(world.quote, &governor, 1_000_000 * USD as u64)?;
        let mut play = Self { stage, members, purses, token, collateral, governor_wallet, tally: (0, 0), ledger };
        play.act(&Action::Insure { atoms: 500 * USD as u64 })?;
        Ok(play)
    }

    /// Sends one transaction; a refusal must have a number.
    fn send(&mut self, instruction: Instruction, by: Option<usize>) -> Result<bool> {
        let signer = match by {
            Some(who) => self.members[who].owner.insecure_clone(),
            None => self.stage.world.payer.insecure_clone(),
        };
        self.send_as(instruction, &[&signer])
    }

    fn send_as(&mut self, instruction: Instruction, signers: &[&Keypair]) -> Result<bool> {
        match self.stage.world.send(&[instruction], signers) {
            Ok(_) => self.tally.0 += 1,
            Err(refused) => {
                ensure!(name_of(&refused).is_some(), "refused without a number: {refused}");
                self.tally.1 += 1;
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The first member from `who` on whom this is about and who is not being liquidated yet; `who` when it is about nobody.
    fn failing(&self, who: usize, is_about: fn(&Measures) -> bool) -> Result<usize> {
        for next in (0..MEMBERS).map(|next| (who + next) % MEMBERS) {
            let account = self.stage.world.member(&self.members[next].account);
            if account.liquidation.state < 2 && is_about(&self.stage.preview(&account)?) {
                return Ok(next);
            }
        }
        Ok(who)
    }

    /// Where a member's second account is, if it has one.
    fn second(&self, who: usize) -> Pubkey {
        address::margin_account(&self.stage.world.exchange, &self.members[who].owner.pubkey(), SECOND)
    }

    /// Flags by the scenarios that show most, or by any rows. What the client foretells happens, and never to an account that is not short.
    fn flag(&mut self, who: usize, market: usize, guess: Option<[u8; 9]>) -> Result<()> {
        let key = self.members[who].account;
        let account = self.stage.world.member(&key);
        let markets = (0..MARKETS).map(|next| self.market((market + next) % MARKETS));
        let named = markets.clone().find(|market| account.perp_index(market).is_some()).unwrap_or(self.market(market));
        let census = Census::take(&self.stage.world);
        let read = Reading::of(&account, &census, self.stage.world.now).map_err(|error| anyhow::anyhow!("{error:?}"))?;
        let witness = match guess {
            Some([joint, alone @ ..]) => Witness { joint, alone },
            None => read.witness().map_err(|error| anyhow::anyhow!("{error:?}"))?.0,
        };
        let is_shown = read.shown(&witness).is_ok_and(|shown| shown.is_shown());
        let health = self.stage.preview(&account)?;
        let is_flagged = self.send(build::flag_liquidation(key, named, &witness, &self.portfolio(who)), None)?;
        ensure!(!is_flagged || (is_shown && health.equity_trigger < health.mm), "flagged without a shortfall: {witness:?} {health:?}");
        Ok(())
    }

    fn market(&self, index: usize) -> Pubkey {
        self.stage.keys(index).market
    }

    fn portfolio(&self, who: usize) -> build::Portfolio {
        self.stage.world.portfolio(&self.members[who].account)
    }

    fn place(&mut self, who: usize, market: usize, args: OrderArgs, makers: u8) -> Result<bool> {
        let portfolio = self.portfolio(who);
        let is_passed = |index: &usize| *index != who && (makers >> index) & 1 == 1;
        let passed: Vec<_> = (0..MEMBERS).filter(is_passed).map(|index| self.members[index].account).collect();
        let (account, keys) = (self.members[who].account, self.stage.keys(market));
        // Every other order is the delegate's, where there is one.
        let delegate = self.stage.world.member(&account).delegate;
        let by = self.members.iter().position(|member| makers >> 7 == 1 && member.owner.pubkey() == delegate).unwrap_or(who);
        self.send(build::place_order(self.members[by].owner.pubkey(), account, keys, args, &portfolio, &passed), Some(by))
    }

    /// One action; it may be refused.
    fn act(&mut self, action: &Action) -> Result<()> {
        let exchange = self.stage.world.exchange;
        let quote = self.stage.world.quote;
        match *action {
            Action::Deposit { who, atoms } => {
                let member = &self.members[who];
                let instruction = build::deposit(member.owner.pubkey(), exchange, member.account, quote, member.wallet, atoms);
                self.send(instruction, Some(who))?;
            }
            Action::Withdraw { who, atoms } => {
                let (portfolio, member) = (self.portfolio(who), &self.members[who]);
                let instruction = build::withdraw(member.owner.pubkey(), exchange, member.account, quote, member.wallet, atoms, &portfolio);
                self.send(instruction, Some(who))?;
            }
            Action::Bring { who, atoms } => {
                let member = &self.members[who];
                let instruction = build::deposit_collateral(
                    member.owner.pubkey(),
                    exchange,
                    member.account,
                    self.market(0),
                    self.token,
                    self.purses[who],
                    atoms,
                );
                self.send(instruction, Some(who))?;
            }
            Action::Take { who, atoms } => {
                let (portfolio, member) = (self.portfolio(who), &self.members[who]);
                let (owner, account) = (member.owner.pubkey(), member.account);
                let instruction = build::withdraw_collateral(owner, exchange, account, self.token, self.purses[who], atoms, &portfolio);
                self.send(instruction, Some(who))?;
            }
            Action::Place { who, market, ref order, makers } => {
                let mark = self.stage.world.market(market).oracle.price;
                let price = mark + mark / 10_000 * order.basis_points;
                let expiry = if order.expiry == 0 { 0 } else { u32::try_from(self.stage.world.now)? + order.expiry };
                let args = OrderArgs {
                    side: u8::from(!order.is_buy),
                    kind: order.kind,
                    reduce_only: order.is_reduce_only,
                    price,
                    lots: order.dollars * USD / mark,
                    expiry,
                    client_id: 1,
                    max_fills: 8,
                };
                self.place(who, market, args, makers)?;
            }
            Action::Deal { who, market, is_buy, share } => self.deal(who, market, is_buy, share)?,
            Action::Cancel { who, order, is_guess } => self.cancel(who, order, is_guess)?,
            Action::CancelAll { who } => {
                let member = &self.members[who];
                let instruction = build::cancel_all(member.owner.pubkey(), member.account);
                self.send(instruction, Some(who))?;
            }
            Action::CancelFailing { who } => {
                let who = self.failing(who, |health| health.equity < health.target)?;
                let instruction = build::cancel_failing(self.members[who].account, &self.portfolio(who));
                self.send(instruction, None)?;
            }
            Action::Name { who, delegate, cap } => {
                let (member, delegate) = (&self.members[who], self.members[delegate].owner.pubkey());
                let args = SetDelegateArgs { delegate, daily_loss_cap: cap };
                self.send(build::set_delegate(member.owner.pubkey(), member.account, args), Some(who))?;
            }
            Action::Price { market, basis_points } => {
                let price = self.stage.prices[market];
                self.stage.prices[market] = (price + price / 10_000 * basis_points).clamp(USD, 900_000 * USD);
                self.stage.world.pass(1);
                self.publish()?;
            }
            Action::Pass { seconds, is_quiet } => {
                self.stage.world.pass(seconds);
                if !is_quiet {
                    self.publish()?;
                    // An average needs a minute of prices.
                    for _ in 0..if seconds > 60 { 8 } else { 0 } {
                        self.stage.world.pass(15);
                        self.publish()?;
                    }
                }
            }
            Action::Insure { atoms } => {
                let governor = self.stage.world.governor.insecure_clone();
                let instruction = build::fund_insurance(governor.pubkey(), exchange, quote, self.governor_wallet, atoms);
                self.send_as(instruction, &[&governor])?;
            }
            Action::Open { who, atoms } => {
                let member = &self.members[who];
                let (owner, second) = (member.owner.pubkey(), self.second(who));
                let args = OpenAccountArgs { number: SECOND, delegate: Pubkey::default(), daily_loss_cap: 0 };
                let wallet = member.wallet;
                self.send(build::open_account(owner, owner, exchange, args), Some(who))?;
                if atoms > 0 {
                    self.send(build::deposit(owner, exchange, second, quote, wallet, atoms), Some(who))?;
                }
            }
            Action::Shut { who } => {
                let is_open = |who: &usize| self.stage.world.read::<MarginAccount>(&self.second(*who)).is_some();
                let who = (0..MEMBERS).map(|next| (who + next) % MEMBERS).find(is_open).unwrap_or(who);
                let member = &self.members[who];
                let (owner, second, wallet) = (member.owner.pubkey(), self.second(who), member.wallet);
                // Refused while there is an atom in it.
                if !self.send(build::close_account(owner, second), Some(who))? {
                    let portfolio = build::Portfolio::default();
                    self.send(build::withdraw(owner, exchange, second, quote, wallet, 1, &portfolio), Some(who))?;
                }
            }
            Action::Group => {
                let world = &self.stage.world;
                let (payer, governor) = (world.payer.insecure_clone(), world.governor.insecure_clone());
                let markets = [self.market(0), self.market(1)];
                let args = CreateGroupArgs { warm_up: 1, ..MAJORS };
                self.send_as(build::create_group(payer.pubkey(), governor.pubkey(), &markets, args), &[&payer, &governor])?;
            }
            Action::Measure => {
                let key = address::group(&exchange, MAJORS.number);
                if let Some(group) = self.stage.world.read::<RiskGroup>(&key) {
                    self.send(build::update_group(key, &group), None)?;
                }
            }
            Action::Flag { who, market, guess } => {
                let who = self.failing(who, |health| health.equity_trigger < health.mm)?;
                self.flag(who, market, guess)?;
            }
            Action::Fees { market } => {
                let instruction = build::collect_fees(exchange, self.market(market), quote, self.governor_wallet);
                self.send(instruction, None)?;
            }
            Action::Ask { who, is_token, share } => {
                let (kind, token, to) = self.withdrawal(who, is_token);
                let member = &self.members[who];
                let balance = self.stage.world.member(&member.account).balance_of(kind.as_ref());
                let atoms = (balance / 100).saturating_mul(share).unsigned_abs();
                let (owner, portfolio) = (member.owner.pubkey(), self.portfolio(who));
                let ask = build::request_withdrawal(owner, exchange, member.account, kind, token, to, atoms, &portfolio);
                self.send(ask, Some(who))?;
            }
            Action::Back { who, is_token } => {
                let (kind, token, _) = self.withdrawal(who, is_token);
                let member = &self.members[who];
                let back = build::cancel_withdrawal(member.owner.pubkey(), exchange, member.account, kind, token);
                self.send(back, Some(who))?;
            }
            Action::Pay { who, is_token } => {
                let (kind, token, to) = self.withdrawal(who, is_token);
                let member = &self.members[who];
                let (owner, portfolio) = (member.owner.pubkey(), self.portfolio(who));
                let pay = build::process_withdrawal(owner, exchange, member.account, kind, token, to, &portfolio);
                self.send(pay, None)?;
            }
            ref other => self.keep(other)?,
        }
        Ok(())
    }

    /// Minutes of steady prices; a settling market takes none.
    fn steady(&mut self, minutes: i64) -> Result<()> {
        for _ in 0..minutes * 2 {
            self.stage.world.pass(30);
            self.publish()?;
        }
        Ok(())
    }

    /// Collateral (none for cash), token and receiver of a member's withdrawals.
    fn withdrawal(&self, who: usize, is_token: bool) -> (Option<Pubkey>, Token, Pubkey) {
        if is_token {
            (Some(self.collateral), self.token, self.purses[who])
        } else {
            (None, self.stage.world.quote, self.members[who].wallet)
        }
    }

    /// Pauses a market or withdrawals, or lifts the pause.
    fn pause(&mut self, market: usize, is_lift: bool, by_stranger: bool) -> Result<()> {
        let world = &self.stage.world;
        let key = if by_stranger { world.payer.insecure_clone() } else { world.governor.insecure_clone() };
        let market = (market > 0).then(|| world.markets[market].keys.market);
        let make = if is_lift { build::lift_pause } else { build::pause };
        let instruction = make(key.pubkey(), world.exchange, market);
        self.send_as(instruction, &[&key]).map(|_| ())
    }

    /// A market settles, if its feed is dead; `is_dead` makes it so.
    fn settling(&mut self, market: usize, is_dead: bool) -> Result<()> {
        if is_dead {
            self.stage.world.pass(21_600);
            for other in (0..MARKETS).filter(|other| *other != market) {
                let price = self.stage.prices[other];
                let _ = self.stage.world.publish(other, price, price / 2_500);
            }
        }
        self.send(build::begin_settling(self.market(market)), None)?;
        Ok(())
    }

    /// The quote token is so far from its peg; the markets of which the bit is set are brought to the charge.
    fn peg(&mut self, basis_points: i64, markets: u8) -> Result<()> {
        let world = &mut self.stage.world;
        world.pass(1);
        let feed = world.read::<Exchange>(&world.exchange).context("there is no exchange")?.quote_feed;
        let price = PAR + PAR / 10_000 * basis_points;
        pyth::write(&mut world.svm, world.quote_price, &pyth::Update::at(feed, price, price.max(0) / 2_500, world.now), 1)?;
        let (exchange, account) = (world.exchange, world.quote_price);
        let passed: Vec<_> = (0..MARKETS).filter(|market| markets >> market & 1 == 1).map(|market| self.market(market)).collect();
        self.send(build::update_quote(exchange, account, &passed), None)?;
        self.publish()
    }

    /// What keepers do.
    fn keep(&mut self, action: &Action) -> Result<()> {
        let instruction = match *action {
            Action::Settle { who, market } => build::settle(self.market(market), self.members[who].account, &self.portfolio(who)),
            Action::Estate { who } => build::settle_estate(self.members[who].account, &self.portfolio(who)),
            Action::Touch { who, market } => build::touch(self.market(market), self.members[who].account),
            Action::Funding { market } => build::update_funding(self.stage.keys(market)),
            Action::Sweep { market, owners } => {
                let passed = self.members.iter().enumerate().filter(|(who, _)| owners >> (who % 8) & 1 == 1);
                build::sweep_orders(self.stage.keys(market), &passed.map(|(_, member)| member.account).collect::<Vec<_>>())
            }
            Action::Deleverage { who, market } => build::deleverage(self.market(market), self.members[who].account, &self.portfolio(who)),
            Action::OpenAdl { who, market } => {
                let payer = self.stage.world.payer.pubkey();
                build::open_adl_round(payer, self.market(market), self.members[who].account, &self.portfolio(who))
            }
            Action::Register { who, market, candidate, by } => {
                let [failing, other, keeper] = [who, candidate, by].map(|index| self.members[index].account);
                build::register_candidate(self.market(market), failing, other, keeper, &self.portfolio(candidate))
            }
            Action::Execute { who, market } => {
                let others: Vec<_> = (0..MEMBERS).filter(|index| *index != who).map(|index| self.members[index].account).collect();
                build::execute_adl(self.market(market), self.members[who].account, &self.portfolio(who), &others)
            }
            Action::CloseAdl { who, market } => {
                let payer = self.stage.world.payer.pubkey();
                build::close_adl_round(self.market(market), self.members[who].account, payer)
            }
            Action::Resolve { who } => {
                let world = &self.stage.world;
                build::resolve_bankruptcy(world.exchange, self.members[who].account, world.quote, &self.portfolio(who))
            }
            Action::Pause { market, by_stranger } => return self.pause(market, false, by_stranger),
            Action::Lift { market, by_stranger } => {
                // Whatever is paused.
                for next in 0..MARKETS {
                    self.pause((market + next) % MARKETS, true, by_stranger)?;
                }
                return Ok(());
            }
            Action::Settling { market, is_dead } => return self.settling(market, is_dead),
            Action::Peg { basis_points, markets } => return self.peg(basis_points, markets),
            Action::Round { market } => build::advance_round(self.market(market)),
            Action::Liquidate { by, who, market, lots } => {
                let portfolio = self.portfolio(who).and(&self.portfolio(by));
                let args = LiquidateArgs { max_lots: lots, min_price: 1, max_price: 1 << 30 };
                // The dealer's orders are the ones to meet.
                let makers: Vec<_> =
                    [MEMBERS - 1].into_iter().filter(|index| ![by, who].contains(index)).map(|index| self.members[index].account).collect();
                let liquidator = &self.members[by];
                let (keys, failing) = (self.stage.keys(market), self.members[who].account);
                let instruction = build::liquidate(liquidator.owner.pubkey(), liquidator.account, failing, keys, args, &portfolio, &makers);
                self.send(instruction, Some(by))?;
                return Ok(());
            }
            Action::Convert { by, who, atoms } => {
                let portfolio = self.portfolio(who).and(&self.portfolio(by));
                let args = ConvertCollateralArgs { max_amount: atoms, max_cost: i64::MAX };
                let buyer = &self.members[by];
                let (failing, market) = (self.members[who].account, self.market(0));
                let instruction =
                    build::convert_collateral(buyer.owner.pubkey(), buyer.account, failing, self.collateral, market, args, &portfolio);
                self.send(instruction, Some(by))?;
                return Ok(());
            }
            _ => return Ok(()),
        };
        self.send(instruction, None)?;
        Ok(())
    }

    /// A trade with the dealer at the mark for a share (per cent) of what ten times the account's equity allows.
    fn deal(&mut self, who: usize, market: usize, is_buy: bool, share: i64) -> Result<()> {
        let dealer = MEMBERS - 1;
        if who == dealer {
            return Ok(());
        }
        self.stage.world.pass(1);
        self.publish()?;
        let mark = self.stage.world.market(market).oracle.price;
        let equity = self.stage.preview(&self.stage.world.member(&self.members[who].account))?.equity.max(0);
        let lots = (equity / 10 * share / mark).max(1);
        let args = |is_buy: bool, kind: u8| OrderArgs {
            side: u8::from(!is_buy),
            kind,
            reduce_only: false,
            price: mark,
            lots,
            expiry: 0,
            client_id: 0,
            max_fills: 8,
        };
        self.place(dealer, market, args(!is_buy, 0), 0x7f)?;
        self.place(who, market, args(is_buy, 1), 1 << dealer)?;
        Ok(())
    }

    fn cancel(&mut self, who: usize, order: usize, is_guess: bool) -> Result<()> {
        let account = self.stage.world.member(&self.members[who].account);
        let open: Vec<_> = account.orders.iter().filter(|slot| slot.is_used()).collect();
        let listed = open.get(order % open.len().max(1)).map(|slot| (slot.id, account.perps[usize::from(slot.slot)].market));
        let (id, market) = match listed {
            Some((id, market)) if !is_guess => (id, (0..MARKETS).find(|index| self.market(*index) == market).unwrap_or(0)),
            _ => (order as u64, order % MARKETS),
        };
        let member = &self.members[who];
        let instruction = build::cancel_order(member.owner.pubkey(), member.account, self.stage.keys(market), id);
        self.send(instruction, Some(who))?;
        Ok(())
    }

    /// Publishes every price; one outside the market's bounds is refused by number, which is what bounds are for.
    fn publish(&mut self) -> Result<()> {
        for market in 0..MARKETS {
            let price = self.stage.prices[market];
            if let Err(error) = self.stage.world.publish(market, price, price / 2_500) {
                let refused = error.downcast_ref::<plimsoll_replay::world::Refused>();
                ensure!(refused.is_some_and(|refused| name_of(refused).is_some()), "{error}");
            }
        }
        Ok(())
    }

    /// The audit; and the program and the client agree about one account's health, to the atom.
    fn check(&mut self, who: usize) -> Result<()> {
        let broken = audit::violations(&self.stage.world);
        ensure!(broken.is_empty(), "{}", broken.join("\n"));
        // DESIGN 5: a replay of the events rebuilds every balance.
        self.ledger.follow(&mut self.stage.world)?;
        let differences = self.ledger.differences(&self.stage.world);
        ensure!(differences.is_empty(), "{}", differences.join("\n"));
        let health = self.stage.health(&self.members[who])?;
        ensure!(health.mm >= 0 && health.target >= health.mm && health.im >= health.target, "RULES 4.5: {health:?}");
        Ok(())
    }
}

/// Steady prices; then everybody's orders go, failing accounts are wound up, positions close against each other, and what was won is paid.
fn drain(play: &mut Play, passed: &mut Passed) -> Result<()> {
    count(play, passed, &Action::Peg { basis_points: 0, markets: u8::MAX })?;
    for who in 0..MEMBERS {
        count(play, passed, &Action::Cancel { who, order: 0, is_guess: false })?;
        play.act(&Action::CancelAll { who })?;
    }
    for (market, owners) in (0..MARKETS).flat_map(|market| [(market, 0b0101_0101), (market, u8::MAX)]) {
        count(play, passed, &Action::Sweep { market, owners })?;
    }
    for _round in 0..8 {
        play.steady(20)?;
        for market in 0..MARKETS {
            count(play, passed, &Action::Round { market })?;
            count(play, passed, &Action::Round { market })?;
        }
        for who in 0..MEMBERS {
            for market in 0..MARKETS {
                play.act(&Action::Touch { who, market })?;
            }
        }
        for who in 0..MEMBERS {
            count(play, passed, &Action::Convert { by: MEMBERS - 1, who, atoms: i64::MAX })?;
            for market in 0..MARKETS {
                for _ in 0..3 {
                    count(play, passed, &Action::Liquidate { by: MEMBERS - 1, who, market, lots: 1 << 30 })?;
                    play.act(&Action::Pass { seconds: 8, is_quiet: false })?;
                }
            }
            close_lots(play, passed, who)?;
            for _ in 0..2 {
                count(play, passed, &Action::Estate { who })?;
                for market in 0..MARKETS {
                    count(play, passed, &Action::Settle { who, market })?;
                }
                count(play, passed, &Action::Resolve { who })?;
            }
        }
        play.check(0)?;
        flatten(play)?;
    }
    leave(play, passed)
}

/// With everything closed, the way out: a little at once, the rest through the queue, once back out of it and once to its end.
fn leave(play: &mut Play, passed: &mut Passed) -> Result<()> {
    let is_token = false;
    for who in 0..MEMBERS {
        count(play, passed, &Action::Take { who, atoms: 1 })?;
        count(play, passed, &Action::Ask { who, is_token, share: 80 })?;
        count(play, passed, &Action::Back { who, is_token })?;
        count(play, passed, &Action::Ask { who, is_token, share: 80 })?;
    }
    for _hour in 0..2 {
        play.act(&Action::Pass { seconds: 3_600, is_quiet: false })?;
        play.steady(5)?;
        for who in 0..MEMBERS {
            count(play, passed, &Action::Pay { who, is_token })?;
        }
    }
    play.check(0)
}

/// What is left of a bankrupt account's lots: a round in every market, everybody a candidate, their cuts, the index for the rest.
fn close_lots(play: &mut Play, passed: &mut Passed, who: usize) -> Result<()> {
    let account = play.members[who].account;
    let is_bankrupt = |play: &Play| play.stage.world.member(&account).liquidation.state == 4;
    for market in 0..MARKETS {
        count(play, passed, &Action::Deleverage { who, market })?;
        if !is_bankrupt(play) || play.stage.lots(&play.members[who], market) == 0 {
            continue;
        }
        count(play, passed, &Action::CloseAdl { who, market })?;
        count(play, passed, &Action::OpenAdl { who, market })?;
        for candidate in 0..MEMBERS {
            count(play, passed, &Action::Register { who, market, candidate, by: (candidate + 1) % MEMBERS })?;
        }
        play.steady(1)?;
        count(play, passed, &Action::Execute { who, market })?;
        play.steady(1)?;
        count(play, passed, &Action::Deleverage { who, market })?;
        count(play, passed, &Action::CloseAdl { who, market })?;
    }
    Ok(())
}

/// Acts, and counts what went through.
fn count(play: &mut Play, passed: &mut Passed, action: &Action) -> Result<()> {
    let before = play.tally.0;
    play.act(action)?;
    *passed.entry(name(action)).or_default() += play.tally.0 - before;
    Ok(())
}

/// Closes positions against the dealer at the mark, reduce-only on the member's side.
fn flatten(play: &mut Play) -> Result<()> {
    let dealer = MEMBERS - 1;
    for who in 0..dealer {
        for market in 0..MARKETS {
            let mark = play.stage.world.market(market).oracle.price;
            play.act(&Action::Touch { who, market })?;
            let lots = play.stage.lots(&play.members[who], market);
            if lots == 0 {
                continue;
            }
            let args = |side: u8, kind: u8, reduce_only: bool| OrderArgs {
                side,
                kind,
                reduce_only,
                price: mark,
                lots: lots.abs(),
                expiry: 0,
                client_id: 0,
                max_fills: 8,
            };
            play.place(dealer, market, args(u8::from(lots < 0), 0, false), 0)?;
            play.place(who, market, args(u8::from(lots > 0), 1, true), 1 << dealer)?;
        }
    }
    Ok(())
}

/// After the drain nobody owes what he cannot pay, no deficit waits, and what claims are left is backed by the pools.
fn drained(play: &Play) -> Result<()> {
    let census = Census::take(&play.stage.world);
    for (key, member) in &census.members {
        let health = preview::account_health(member, &census, play.stage.world.now).map_err(|error| anyhow::anyhow!("{error:?}"))?;
        ensure!(health.equity.raw() >= 0, "account {key} is left with a debt of {}", -health.equity.raw());
    }
    for (_, market) in &census.markets {
        ensure!(market.perp.pending_deficit == 0, "market {} is left with a deficit of {}", market.index, market.perp.pending_deficit);
    }
    Ok(())
}

fn run(actions: &[Action], passed: &mut Passed) -> Result<()> {
    let mut play = Play::new()?;
    for (step, action) in actions.iter().enumerate() {
        let context = || format!("step {step}: {action:?}");
        let before = play.tally;
        play.act(action).map_err(|error| error.context(context()))?;
        play.check(step % MEMBERS).map_err(|error| error.context(context()))?;
        *passed.entry(name(action)).or_default() += play.tally.0 - before.0;
    }
    drain(&mut play, passed).map_err(|error| error.context("while draining"))?;
    for who in 0..MEMBERS {
        play.check(who).map_err(|error| error.context("after the drain"))?;
    }
    drained(&play)
}

/// How often each kind of action went through.
type Passed = BTreeMap<String, u64>;

fn name(action: &Action) -> String {
    format!("{action:?}").split(' ').next().unwrap_or_default().to_string()
}

#[test]
fn every_sequence_keeps_every_token_and_every_lot() {
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(CASES);
    let config = ProptestConfig { failure_persistence: None, max_shrink_iters: 200, ..ProptestConfig::with_cases(cases) };
    // The same sequences in every run, more of them with more cases.
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let passed = RefCell::new(Passed::new());
    let result = runner.run(&prop::collection::vec(action(), 60..140), |actions| {
        run(&actions, &mut passed.borrow_mut()).map_err(|error| TestCaseError::fail(format!("{error:#}")))
    });
    if let Err(error) = result {
        panic!("{error}");
    }
    let passed = passed.into_inner();
    println!("went through: {passed:?}");
    // A sequence that is always refused proves nothing.
    if cases >= CASES {
        for (kind, _) in KINDS {
            assert!(passed.get(*kind).is_some_and(|count| *count > 0), "{kind} never went through: {passed:?}");
        }
    }
}

#[test]
fn every_instruction_is_among_the_actions() {
    let idl: serde_json::Value = serde_json::from_str(include_str!("../../idl/plimsoll.json")).expect("description");
    let all: BTreeSet<&str> =
        idl["instructions"].as_array().expect("instructions").iter().filter_map(|entry| entry["name"].as_str()).collect();
    let driven: BTreeSet<&str> = KINDS.iter().map(|(_, instruction)| *instruction).chain(ALWAYS.iter().copied()).collect();
    assert_eq!(all, driven);
}
