//! A liquidation started by a witness (RULES 4.6): it does what the whole check would do, never more, and every way to name the wrong thing fails.

use anyhow::Result;
use plimsoll::errors::PlimsollError as E;
use plimsoll::events::Flagged;
use plimsoll_replay::world::audit::Census;
use plimsoll_replay::world::Member;
use plimsoll_sdk::build::{self, CreateGroupArgs, Portfolio};
use plimsoll_sdk::preview::Reading;
use plimsoll_sdk::risk::liquidation::LiquidationState;
use plimsoll_sdk::risk::margin::{Shortfall, Witness};
use plimsoll_sdk::risk::Ratio;
use plimsoll_sdk::state::{MarginAccount, Market, RiskGroup};
use plimsoll_tests::attempts::MAJORS;
use plimsoll_tests::casts::{ten_times_long, TenTimesLong};
use plimsoll_tests::reject::Refusal::{self, Number, Program};
use plimsoll_tests::reject::{refused as changes_nothing, Attempt};
use plimsoll_tests::stage::{done, name_of, refused, Outcome, Stage};
use plimsoll_tests::{order, BUY, POST_ONLY, USD};
use solana_instruction::Instruction;
use solana_pubkey::Pubkey;
use solana_signer::Signer;

const DAY: i64 = 86_400;
const WARNED: u32 = 1;
const LIQUIDATING: u32 = 2;
const BANKRUPT: u32 = 4;
/// The framework's "discriminator did not match".
const OTHER_TYPE: Refusal = Number(3002);

/// Shows nothing: no move, nowhere.
const NOTHING: Witness = Witness { joint: 22, alone: [22; 8] };

fn reading(stage: &Stage, member: &Member) -> Reading {
    let account = stage.world.member(&member.account);
    Reading::of(&account, &Census::take(&stage.world), stage.world.now).expect("readable")
}

fn best(stage: &Stage, member: &Member) -> (Witness, Shortfall) {
    reading(stage, member).witness().expect("computable")
}

fn flag_with(stage: &Stage, member: &Member, market: usize, witness: &Witness) -> Instruction {
    build::flag_liquidation(member.account, stage.keys(market).market, witness, &stage.world.portfolio(&member.account))
}

/// Anybody's transaction, without the audit: these accounts hold what was written into them.
fn send(stage: &mut Stage, instruction: Instruction) -> Outcome {
    let payer = stage.world.payer.insecure_clone();
    stage.world.svm.expire_blockhash();
    match stage.world.send(&[instruction], &[&payer]) {
        Ok(sent) => Ok(sent.compute_units_consumed),
        Err(refused) => Err(name_of(&refused).unwrap_or_else(|| refused.to_string())),
    }
}

fn flag(stage: &mut Stage, member: &Member, witness: &Witness) -> Outcome {
    let flag = flag_with(stage, member, 0, witness);
    send(stage, flag)
}

fn liquidation(stage: &Stage, member: &Member) -> LiquidationState {
    *stage.world.member(&member.account).liquidation
}

/// What `flag` reports, after it has happened.
fn flagged(stage: &mut Stage, member: &Member, witness: &Witness) -> Result<Flagged> {
    stage.world.journal = Some(Vec::new());
    done(flag(stage, member, witness))?;
    Ok(stage.told())
}

/// Flags, and sees that `liquidate` by `keeper` would have left the same state and order generation.
fn flags_as_liquidate_would(stage: &mut Stage, keeper: &Member, member: &Member, witness: &Witness) -> Result<()> {
    let left = |stage: &Stage| (liquidation(stage, member), stage.world.member(&member.account).generation);
    let whole = stage.world.svm.clone();
    done(stage.liquidate(keeper, member, 0, 0, &[])?)?;
    let by_liquidate = left(stage);
    stage.world.svm = whole;
    done(flag(stage, member, witness))?;
    assert_eq!(left(stage), by_liquidate);
    Ok(())
}

/// A trader with $10,000 who sold 200 calls at the money.
fn call_seller() -> Result<(Stage, Member)> {
    let mut stage = Stage::new()?;
    let member = stage.world.join(20_000 * USD as u64, 10_000 * USD as u64)?;
    stage.calm(6)?;
    stage.world.list_expiry(0, 0, 30 * DAY, Ratio::of(8, 10))?;
    let strike = stage.lot_price(0, 200 * USD);
    stage.world.give_option(&member.account, 0, 0, strike, false, -20_000)?;
    Ok((stage, member))
}

#[test]
fn two_samples_flag_as_liquidate_would() -> Result<()> {
    let mut stage = Stage::new()?;
    let TenTimesLong { keeper, trader, .. } = ten_times_long(&mut stage)?;
    done(stage.place(&trader, 0, order(BUY, POST_ONLY, 1_950_000, 100), &[])?)?;
    let (witness, shown) = best(&stage, &trader);
    assert!(!shown.is_shown());
    refused(flag(&mut stage, &trader, &witness), "NoShortfallShown");

    // At $187: E = $690 below MM = 4.95 % of $18,700 and above half of it.
    stage.price(0, 187 * USD)?;
    let before = stage.world.member(&trader.account);
    flags_as_liquidate_would(&mut stage, &keeper, &trader, &witness)?;
    let after = stage.world.member(&trader.account);
    assert_eq!((after.liquidation.state, after.liquidation.first_fail_publish), (WARNED, stage.world.now));
    assert_eq!((after.generation, after.cash, after.sequence), (before.generation, before.cash, before.sequence + 1));
    // The same sample again is still the first.
    refused(flag(&mut stage, &trader, &witness), "AwaitSecondSample");

    stage.wait(2)?;
    flags_as_liquidate_would(&mut stage, &keeper, &trader, &witness)?;
    let after = stage.world.member(&trader.account);
    assert_eq!((after.liquidation.state, after.liquidation.flagged_at), (LIQUIDATING, stage.world.now));
    assert_eq!((after.generation, after.perps[0].position.bids), (before.generation + 1, 0), "its orders are cancelled");
    refused(flag(&mut stage, &trader, &witness), "AlreadyFlagged");
    stage.audit("a flag")?;

    // What follows is the whole check's: the take-over opens ten seconds after the flag.
    stage.wait(10)?;
    done(stage.liquidate(&keeper, &trader, 0, 10_000, &[])?)?;
    assert!(stage.lots(&trader, 0) < 10_000);
    Ok(())
}

#[test]
fn the_event_says_what_was_shown() -> Result<()> {
    let (mut stage, member) = call_seller()?;
    stage.price(0, 260 * USD)?;
    let (witness, shown) = best(&stage, &member);
    let event = flagged(&mut stage, &member, &witness)?;
    let account = stage.world.member(&member.account);
    assert_eq!((event.joint, event.alone), (witness.joint, witness.alone));
    assert_eq!((event.equity, event.requirement), ([shown.equity.raw(), shown.equity_trigger.raw()], shown.requirement.raw()));
    let market = stage.world.market(0);
    assert_eq!((event.state, event.price, event.sigma), (LIQUIDATING, market.oracle.price, market.vol.sigma_1h));
    assert_ne!(event.sigma, 0);
    assert_eq!((event.header.account, event.header.sequence), (member.account, account.sequence));
    Ok(())
}

/// Accounts with options are flagged too; what is taken from them after it is not the leg-by-leg liquidation's business, and a cure ends it.
#[test]
fn an_account_with_options_is_flagged_and_cured() -> Result<()> {
    let (mut stage, failing) = call_seller()?;
    let keeper = stage.world.join(1_000_000 * USD as u64, 500_000 * USD as u64)?;
    stage.price(0, 240 * USD)?;
    let health = stage.health(&failing)?;
    assert!(2 * health.equity_trigger < health.mm, "{health:?}");
    refused(flag(&mut stage, &failing, &NOTHING), "NoShortfallShown");
    assert_eq!(stage.state(&failing), 0);
    let (witness, shown) = best(&stage, &failing);
    assert!(shown.requirement.raw() * 100 > health.mm * 95, "{shown:?} {health:?}");
    done(flag(&mut stage, &failing, &witness))?;
    assert_eq!(stage.state(&failing), LIQUIDATING);
    refused(stage.liquidate(&keeper, &failing, 0, 1 << 20, &[])?, "HoldsOptions");
    refused(flag(&mut stage, &failing, &witness), "AlreadyFlagged");
    let missing = health.target - health.equity + 100 * USD;
    stage.world.edit::<MarginAccount>(&failing.account, |account| account.cash += missing)?;
    let keys = stage.keys(0);
    let portfolio = stage.world.portfolio(&failing.account);
    let args = build::LiquidateArgs { max_lots: 0, min_price: 1, max_price: 1 << 30 };
    let step = build::liquidate(keeper.owner.pubkey(), keeper.account, failing.account, keys, args, &portfolio, &[]);
    stage.world.send(&[step], &[&keeper.owner])?;
    assert_eq!(stage.state(&failing), 0, "cleared");
    Ok(())
}

/// An option book without equity is for sale before it is bankrupt (RULES 7.7).
#[test]
fn an_insolvent_account_with_options_is_not_bankrupt_by_a_flag() -> Result<()> {
    let (mut stage, failing) = call_seller()?;
    stage.price(0, 400 * USD)?;
    let (witness, shown) = best(&stage, &failing);
    assert!(shown.equity.is_negative());
    done(flag(&mut stage, &failing, &witness))?;
    assert_eq!(stage.state(&failing), LIQUIDATING);
    Ok(())
}

/// RULES 2.2: on a price of more than ten seconds nothing starts, however short the account is.
#[test]
fn an_old_price_flags_nobody() -> Result<()> {
    let (mut stage, failing) = call_seller()?;
    stage.price(0, 260 * USD)?;
    let (witness, _) = best(&stage, &failing);
    stage.world.pass(11);
    done(flag(&mut stage, &failing, &witness))?;
    assert_eq!(stage.state(&failing), WARNED, "a first sample, and no more");
    refused(flag(&mut stage, &failing, &witness), "AwaitSecondSample");
    // A fresh one at once: the account is below half.
    stage.wait(1)?;
    done(flag(&mut stage, &failing, &witness))?;
    assert_eq!(stage.state(&failing), LIQUIDATING);
    Ok(())
}

/// Without options and collateral nothing is for sale: the flag says bankrupt at once, as `liquidate` would, and nobody flags it again.
#[test]
fn an_insolvent_account_without_options_is_bankrupt_by_a_flag() -> Result<()> {
    let mut stage = Stage::new()?;
    let TenTimesLong { keeper, trader, .. } = ten_times_long(&mut stage)?;
    done(stage.place(&trader, 0, order(BUY, POST_ONLY, 1_950_000, 100), &[])?)?;
    stage.price(0, 170 * USD)?;
    let (witness, shown) = best(&stage, &trader);
    assert!(shown.equity.is_negative());
    flags_as_liquidate_would(&mut stage, &keeper, &trader, &witness)?;
    assert_eq!(stage.state(&trader), BANKRUPT);
    stage.wait(1)?;
    refused(flag(&mut stage, &trader, &witness), "AlreadyFlagged");
    Ok(())
}

/// RULES 6.1: an account is short below MM, not at it.
#[test]
fn exactly_enough_is_enough() -> Result<()> {
    let mut stage = Stage::new()?;
    let TenTimesLong { trader, .. } = ten_times_long(&mut stage)?;
    stage.price(0, 187 * USD)?;
    let (witness, shown) = best(&stage, &trader);
    let missing = shown.requirement.raw() - shown.equity_trigger.raw();
    stage.world.edit::<MarginAccount>(&trader.account, |account| account.cash += missing)?;
    refused(flag(&mut stage, &trader, &witness), "NoShortfallShown");
    stage.world.edit::<MarginAccount>(&trader.account, |account| account.cash -= 1)?;
    done(flag(&mut stage, &trader, &witness))
}

/// Rows go by the order of the positions, whatever slots they are in: a closed one before leaves no place behind.
#[test]
fn a_row_belongs_to_a_position_not_to_a_slot() -> Result<()> {
    let (mut stage, member) = call_seller()?;
    stage.world.edit::<MarginAccount>(&member.account, |account| {
        (account.perps[3], account.perps[0]) = (account.perps[0], bytemuck::Zeroable::zeroed());
        account.options[0].slot = 3;
    })?;
    stage.price(0, 260 * USD)?;
    let (mut witness, shown) = best(&stage, &member);
    assert!(shown.is_shown());
    witness.alone[1..].fill(22);
    done(flag(&mut stage, &member, &witness))?;
    assert_eq!(stage.state(&member), LIQUIDATING);
    Ok(())
}

/// RULES 2.2, 2.5: a dead feed neither shields the account's other market nor lets anything start on its own.
#[test]
fn a_dead_feed_starts_nothing_and_shields_nothing() -> Result<()> {
    let (mut stage, failing, _) = grouped()?;
    stage.price(0, 150 * USD)?;
    let (_, shown) = best(&stage, &failing);
    stage.world.edit::<MarginAccount>(&failing.account, |account| account.cash -= shown.equity_trigger.raw() - 100 * USD)?;
    stage.world.pass(61);
    stage.world.publish(1, stage.prices[1], stage.prices[1] / 2_500)?;
    let (witness, shown) = best(&stage, &failing);
    assert!(shown.is_below_half().expect("in range"));
    let [by_dead, by_live] = [0, 1].map(|market| flag_with(&stage, &failing, market, &witness));
    refused(send(&mut stage, by_dead), "PriceConditionRefused");
    assert_eq!(stage.state(&failing), 0);
    done(send(&mut stage, by_live))?;
    assert_eq!(stage.state(&failing), LIQUIDATING);
    Ok(())
}

/// RULES 7.5: while a grace runs the account is warned, as `liquidate` would, and no more; its end is in the account, not in what is passed.
#[test]
fn a_grace_that_runs_is_kept() -> Result<()> {
    let mut stage = Stage::new()?;
    let TenTimesLong { keeper, trader, .. } = ten_times_long(&mut stage)?;
    stage.price(0, 187 * USD)?;
    let (witness, _) = best(&stage, &trader);
    let now = stage.world.now;
    stage.world.edit::<MarginAccount>(&trader.account, |account| account.liquidation.adl_grace_until = now + 60)?;
    flags_as_liquidate_would(&mut stage, &keeper, &trader, &witness)?;
    assert_eq!(stage.state(&trader), WARNED);
    stage.wait(5)?;
    refused(flag(&mut stage, &trader, &witness), "AdlGrace");
    // The two samples are taken after the grace.
    stage.wait(60)?;
    done(flag(&mut stage, &trader, &witness))?;
    assert_eq!(stage.state(&trader), WARNED);
    stage.wait(2)?;
    done(flag(&mut stage, &trader, &witness))?;
    assert_eq!(stage.state(&trader), LIQUIDATING);
    Ok(())
}

/// RULES 7.5: whether only others' bankruptcies took an account under takes the whole grid; below half it does not matter.
#[test]
fn a_lately_deleveraged_account_has_its_grace() -> Result<()> {
    let mut stage = Stage::new()?;
    let TenTimesLong { trader, .. } = ten_times_long(&mut stage)?;
    stage.price(0, 187 * USD)?;
    let (witness, _) = best(&stage, &trader);
    let now = stage.world.now;
    stage.world.edit::<MarginAccount>(&trader.account, |account| {
        let position = &mut account.perps[0].position;
        (position.adl_lots, position.adl_quote, position.adl_at) = (-10, 10 * 1_870_000, now);
    })?;
    refused(flag(&mut stage, &trader, &witness), "AdlGrace");
    assert_eq!(stage.state(&trader), 0);
    stage.world.edit::<MarginAccount>(&trader.account, |account| account.cash -= 400 * USD)?;
    done(flag(&mut stage, &trader, &witness))?;
    assert_eq!(stage.state(&trader), LIQUIDATING);
    Ok(())
}

/// What expiries of one date have in common is computed once, but only for markets whose option parameters are the same: what the chain shows is what the
/// whole table says, market by market.
#[test]
fn expiries_of_one_date_keep_the_parameters_of_their_market() -> Result<()> {
    for is_same in [true, false] {
        let (mut stage, member) = call_seller()?;
        stage.world.list_expiry(1, 0, 30 * DAY, Ratio::of(6, 10))?;
        assert_eq!(stage.world.market(0).expiries[0].time, stage.world.market(1).expiries[0].time);
        let strike = stage.lot_price(1, stage.prices[1]);
        stage.world.give_option(&member.account, 1, 0, strike, false, -200)?;
        let key = stage.keys(1).market;
        if !is_same {
            stage.world.edit::<Market>(&key, |market| {
                market.option_params.vol_up = Ratio::of(3, 2).raw();
                market.option_params.short_mm = Ratio::of(2, 100).raw();
            })?;
        }
        stage.price(0, 260 * USD)?;
        let (witness, shown) = best(&stage, &member);
        let event = flagged(&mut stage, &member, &witness)?;
        assert_eq!((event.equity, event.requirement), ([shown.equity.raw(), shown.equity_trigger.raw()], shown.requirement.raw()));
    }
    Ok(())
}

/// Two members of a group of SOL and BTC: long one, short the other, a few options beside.
fn grouped() -> Result<(Stage, Member, Pubkey)> {
    let mut stage = Stage::new()?;
    let trader = stage.world.join(200_000 * USD as u64, 20_000 * USD as u64)?;
    let maker = stage.world.join(2_000_000 * USD as u64, 1_000_000 * USD as u64)?;
    stage.calm(6)?;
    let keys: Vec<_> = (0..2).map(|market| stage.keys(market).market).collect();
    let world = &stage.world;
    let group = address(world.exchange);
    let create = build::create_group(world.payer.pubkey(), world.governor.pubkey(), &keys, CreateGroupArgs { ..MAJORS });
    let (payer, governor) = (world.payer.insecure_clone(), world.governor.insecure_clone());
    stage.world.send(&[create], &[&payer, &governor])?;
    stage.trade(0, &trader, &maker, 30_000, 200 * USD)?;
    stage.trade(1, &maker, &trader, 3_000, 120_000 * USD)?;
    stage.world.edit::<RiskGroup>(&group, |group| {
        for pair in &mut group.correlation.pairs {
            (pair.initial, pair.maintenance) = (Ratio::of(6, 10).raw(), Ratio::of(6, 10).raw());
        }
    })?;
    Ok((stage, trader, group))
}

fn address(exchange: Pubkey) -> Pubkey {
    plimsoll_sdk::address::group(&exchange, MAJORS.number)
}

/// Numbers that are the same in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: i64) -> i64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as i64 % bound
    }

    fn rows(&mut self) -> Witness {
        Witness { joint: 1 + self.below(33) as u8, alone: std::array::from_fn(|_| 1 + self.below(33) as u8) }
    }
}

/// On chain bytes: whatever is named, nobody is flagged whom the whole check does not find short; the bound is one, and the client foretells it.
#[test]
fn nobody_is_flagged_whom_the_whole_check_would_not_flag() -> Result<()> {
    let (mut stage, trader, _) = grouped()?;
    for market in 0..3 {
        for (place, days) in [(0, 7), (1, 60)] {
            stage.world.list_expiry(market, place, days * DAY, Ratio::of(7, 10))?;
        }
    }
    let mut random = Random(11);
    let (mut found, mut spared, mut bound, mut needed) = (0, 0, 0, 0);
    for _ in 0..60 {
        stage.world.edit::<MarginAccount>(&trader.account, |account| {
            (account.options, account.option_legs) = (bytemuck::Zeroable::zeroed(), 0);
            account.liquidation = bytemuck::Zeroable::zeroed();
        })?;
        let mut strikes = vec![];
        for _ in 0..random.below(7) {
            let (market, place, is_put) = (random.below(2) as usize, random.below(2) as usize, random.below(2) == 0);
            let strike = stage.lot_price(market, stage.prices[market]) * (70 + random.below(60)) / 100;
            let lots = [400, 40][market] * (random.below(41) - 20);
            if lots != 0 && !strikes.contains(&(market, place, strike, is_put)) {
                strikes.push((market, place, strike, is_put));
                stage.world.give_option(&trader.account, market, place, strike, is_put, lots)?;
            }
        }
        // From a third of maintenance margin to a tenth above it.
        let health = stage.preview(&stage.world.member(&trader.account))?;
        let aim = health.mm * (30 + random.below(81)) / 100;
        let cash = stage.world.member(&trader.account).cash + aim - health.equity_trigger;
        if cash < 0 {
            continue;
        }
        stage.world.edit::<MarginAccount>(&trader.account, |account| account.cash = cash)?;
        let told = stage.health(&trader)?;
        let reading = reading(&stage, &trader);
        let whole = stage.world.svm.clone();
        for round in 0..4 {
            let witness = if round == 0 { reading.witness().expect("computable").0 } else { random.rows() };
            let shown = reading.shown(&witness).expect("computable");
            assert!(shown.requirement.raw() <= told.mm && shown.equity_trigger.raw() == told.equity_trigger, "{shown:?} {told:?}");
            if round == 0 {
                (bound, needed) = (bound + shown.requirement.raw(), needed + told.mm);
            }
            let outcome = flag(&mut stage, &trader, &witness);
            let is_short = told.equity_trigger < told.mm;
            match (&outcome, shown.is_shown()) {
                (Ok(_), true) => {
                    assert!(is_short, "{witness:?} {told:?}");
                    found += 1;
                }
                (Err(name), false) => {
                    assert_eq!(name, "NoShortfallShown");
                    spared += 1;
                }
                _ => anyhow::bail!("the client foretold otherwise: {outcome:?} {witness:?} {shown:?}"),
            }
            stage.world.svm = whole.clone();
        }
    }
    assert!(found > 60 && spared > 60, "{found} flagged, {spared} not");
    assert!(bound * 4 > needed * 3, "the best witnesses show {} % of what is needed", bound * 100 / needed);
    Ok(())
}

/// Changes a transaction that would flag.
type Change = fn(&mut Stage, &Member, &mut Instruction);

#[test]
fn whatever_is_wrong_changes_nothing() -> Result<()> {
    let (mut stage, failing, group) = grouped()?;
    give_collateral(&mut stage, &failing)?;
    stage.world.list_expiry(0, 0, 30 * DAY, Ratio::of(8, 10))?;
    let strike = stage.lot_price(0, 200 * USD);
    stage.world.give_option(&failing.account, 0, 0, strike, true, -2_000)?;
    let stranger = stage.world.join(0, 0)?;
    stage.price(0, 150 * USD)?;
    // Three tenths of what is shown are left.
    let (_, shown) = best(&stage, &failing);
    stage.world.edit::<MarginAccount>(&failing.account, |account| {
        account.cash += shown.requirement.raw() * 3 / 10 - shown.equity_trigger.raw();
        assert!(account.cash > 0);
    })?;
    let (witness, shown) = best(&stage, &failing);
    assert!(shown.is_shown());
    let good = flag_with(&stage, &failing, 0, &witness);
    let rows: Vec<(&str, Refusal, Change)> = vec![
        ("an account that is none", OTHER_TYPE, |stage, _, flag| flag.accounts[0].pubkey = stage.keys(0).market),
        ("a market that is a book", OTHER_TYPE, |stage, _, flag| flag.accounts[1].pubkey = stage.keys(0).book),
        ("a market without a leg", Program(E::NoPosition), |stage, _, flag| flag.accounts[1].pubkey = stage.keys(2).market),
        ("a market of another exchange", Program(E::WrongExchange), |stage, _, flag| {
            // Its twin in everything else, as the same feed has on another exchange.
            let (own, foreign) = (stage.keys(0).market, Pubkey::new_unique());
            let twin = stage.world.svm.get_account(&own).expect("listed");
            stage.world.svm.set_account(foreign, twin).expect("written");
            stage.world.edit::<Market>(&foreign, |market| market.exchange = foreign).expect("a market");
            flag.accounts[1].pubkey = foreign;
        }),
        ("a market of another exchange in the account", Program(E::WrongExchange), |stage, _, _| {
            let key = stage.keys(0).market;
            stage.world.edit::<Market>(&key, |market| market.exchange = key).expect("a market");
        }),
        ("an account of another layout", Program(E::WrongVersion), |stage, failing, _| {
            stage.world.edit::<MarginAccount>(&failing.account, |account| account.version ^= 1).expect("an account");
        }),
        ("a market of another layout", Program(E::WrongVersion), |stage, _, _| {
            let key = stage.keys(0).market;
            stage.world.edit::<Market>(&key, |market| market.version ^= 1).expect("a market");
        }),
        ("an option leg of an expiry that the market does not list", Program(E::WrongState), |stage, failing, _| {
            stage.world.edit::<MarginAccount>(&failing.account, |account| account.options[0].expiry = 5).expect("an account");
        }),
        ("an option leg of another time than its expiry", Program(E::WrongState), |stage, failing, _| {
            stage.world.edit::<MarginAccount>(&failing.account, |account| account.options[0].time += 1).expect("an account");
        }),
        ("an option leg of no position", Program(E::WrongState), |stage, failing, _| {
            stage.world.edit::<MarginAccount>(&failing.account, |account| account.options[0].slot = 7).expect("an account");
        }),
        ("row 0 as the joint one", Program(E::ParameterOutOfRange), |_, _, flag| flag.data[8] = 0),
        ("row 34 as the joint one", Program(E::ParameterOutOfRange), |_, _, flag| flag.data[8] = 34),
        ("row 0 of the first market", Program(E::ParameterOutOfRange), |_, _, flag| flag.data[9] = 0),
        ("row 34 of the last place, where there is no market", Program(E::ParameterOutOfRange), |_, _, flag| flag.data[16] = 34),
        ("the second market missing", Program(E::MissingMarket), |stage, _, flag| {
            let market = stage.keys(1).market;
            flag.accounts.retain(|meta| meta.pubkey != market);
        }),
        ("the first market named but not among the others", Program(E::MissingMarket), |stage, _, flag| {
            let market = stage.keys(0).market;
            let last = flag.accounts.iter().rposition(|meta| meta.pubkey == market).expect("named and passed");
            flag.accounts.remove(last);
        }),
        ("the collateral missing", Program(E::MissingCollateral), |stage, failing, flag| {
            let collateral = stage.world.portfolio(&failing.account).collaterals[0];
            flag.accounts.retain(|meta| meta.pubkey != collateral);
        }),
        ("the risk group missing", Program(E::MissingRiskGroup), |stage, _, flag| {
            let group = address(stage.world.exchange);
            flag.accounts.retain(|meta| meta.pubkey != group);
        }),
        ("another account for the risk group", Program(E::MissingRiskGroup), |stage, failing, flag| {
            let group = address(stage.world.exchange);
            flag.accounts.iter_mut().filter(|meta| meta.pubkey == group).for_each(|meta| meta.pubkey = failing.account);
        }),
        ("arguments cut short", Number(102), |_, _, flag| flag.data.truncate(16)),
    ];
    for (name, refusal, change) in rows {
        let mut bad = good.clone();
        let whole = stage.world.svm.clone();
        change(&mut stage, &failing, &mut bad);
        let payer = stage.world.payer.insecure_clone();
        match changes_nothing(&mut stage.world, name, &Attempt::of(bad, &[&payer])) {
            Ok(error) => assert_eq!(error, refusal.error(), "{name}"),
            Err(fault) => anyhow::bail!(fault),
        }
        stage.world.svm = whole;
    }
    // Somebody without positions; and one who has them and is not short.
    let payer = stage.world.payer.insecure_clone();
    let nobody = build::flag_liquidation(stranger.account, stage.keys(0).market, &witness, &Portfolio::default());
    assert_eq!(
        changes_nothing(&mut stage.world, "no position", &Attempt::of(nobody, &[&payer])).map_err(anyhow::Error::msg)?,
        Program(E::NoPosition).error()
    );
    assert!(stage.world.read::<RiskGroup>(&group).is_some());
    done(send(&mut stage, good.clone()))?;
    assert_eq!(stage.state(&failing), LIQUIDATING);
    let again = changes_nothing(&mut stage.world, "flagged already", &Attempt::of(good, &[&payer])).map_err(anyhow::Error::msg)?;
    assert_eq!(again, Program(E::AlreadyFlagged).error());
    Ok(())
}

/// A token worth SOL, of which the member pays a little in.
fn give_collateral(stage: &mut Stage, member: &Member) -> Result<()> {
    let token = stage.world.list_collateral(0, 9, (1 << 30) / 10 * 8, (1 << 30) / 10 * 9, 0)?;
    let wallet = stage.world.wallet(token, &member.owner.pubkey(), 1_000_000)?;
    let (owner, exchange, market) = (member.owner.pubkey(), stage.world.exchange, stage.keys(0).market);
    let pay = build::deposit_collateral(owner, exchange, member.account, market, token, wallet, 1_000_000);
    done(stage.send("deposit_collateral", pay, &[&member.owner])?)
}
