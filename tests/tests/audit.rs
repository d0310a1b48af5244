//! Planted bugs: the state is tampered with, and the audit must name what is wrong. An audit that cannot fail proves nothing.

use anyhow::Result;
use plimsoll_replay::world::{audit, Member};
use plimsoll_sdk::build;
use plimsoll_sdk::decode::Layout;
use plimsoll_sdk::state::{InsuranceFund, MarginAccount, Market, OrderBook};
use plimsoll_tests::stage::{done, Stage};
use plimsoll_tests::{order, BUY, POST_ONLY, SELL, USD};
use solana_pubkey::Pubkey;
use solana_signer::Signer;

/// A market with two positions, unsettled profit and loss, resting orders and a pool that is not empty.
struct Scene {
    stage: Stage,
    long: Member,
    short: Member,
}

fn scene() -> Result<Scene> {
    let mut stage = Stage::new()?;
    done(stage.fund_insurance(1_000 * USD as u64)?)?;
    let long = stage.world.join(20_000 * USD as u64, 10_000 * USD as u64)?;
    let short = stage.world.join(20_000 * USD as u64, 10_000 * USD as u64)?;
    stage.trade(0, &long, &short, 1_000, 200 * USD)?;
    for price in [2_010_000, 2_020_000] {
        done(stage.place(&long, 0, order(SELL, POST_ONLY, price, 100), &[])?)?;
    }
    done(stage.place(&short, 0, order(BUY, POST_ONLY, 1_990_000, 100), &[])?)?;
    stage.price(0, 199_500_000)?;
    done(stage.settle(&long, 0)?)?;
    assert!(stage.world.market(0).perp.pool > 0);
    Ok(Scene { stage, long, short })
}

/// Rewrites an account of the program, as no transaction could.
fn tamper<T: Layout + bytemuck::Pod>(stage: &mut Stage, key: Pubkey, change: impl FnOnce(&mut T)) -> Result<()> {
    let mut account = stage.world.svm.get_account(&key).expect("exists");
    let mut value: T = stage.world.read(&key).expect("decodes");
    change(&mut value);
    account.data[8..].copy_from_slice(bytemuck::bytes_of(&value));
    stage.world.svm.set_account(key, account).map_err(|error| anyhow::anyhow!("{error:?}"))
}

/// Plants one bug in a fresh scene; exactly the laws that name it must be broken.
fn planted<T: Layout + bytemuck::Pod>(at: impl Fn(&Scene) -> Pubkey, change: impl FnOnce(&mut T), words: &[&str]) -> Result<()> {
    let mut scene = scene()?;
    let key = at(&scene);
    tamper(&mut scene.stage, key, change)?;
    let broken = audit::violations(&scene.stage.world);
    assert_eq!(broken.len(), words.len(), "{broken:?}");
    for word in words {
        assert!(broken.iter().any(|law| law.contains(word)), "nothing says '{word}': {broken:?}");
    }
    Ok(())
}

fn member(scene: &Scene) -> Pubkey {
    scene.long.account
}

fn market(scene: &Scene) -> Pubkey {
    scene.stage.keys(0).market
}

fn book(scene: &Scene) -> Pubkey {
    scene.stage.keys(0).book
}

const TOKENS: &str = "quote tokens differ by";
const SUMS: &str = "unsettled values of market 0 do not sum";
const COUNTS: &str = "open interest or counters of market 0";

#[test]
fn an_atom_of_cash_from_nowhere() -> Result<()> {
    planted(member, |account: &mut MarginAccount| account.cash += 1, &[TOKENS])
}

#[test]
fn negative_cash() -> Result<()> {
    planted(member, |account: &mut MarginAccount| account.cash = -1, &[TOKENS, "breaks its own law"])
}

#[test]
fn an_atom_in_the_pool_that_nobody_paid() -> Result<()> {
    planted(market, |market: &mut Market| market.perp.pool += 1, &[TOKENS, SUMS])
}

#[test]
fn an_atom_of_profit_without_a_loser() -> Result<()> {
    planted(member, |account: &mut MarginAccount| account.perps[0].position.quote += 1, &[SUMS])
}

#[test]
fn a_lot_without_a_counterparty() -> Result<()> {
    planted(member, |account: &mut MarginAccount| account.perps[0].position.lots += 1, &[SUMS, COUNTS])
}

#[test]
fn open_interest_that_nobody_holds() -> Result<()> {
    planted(market, |market: &mut Market| market.perp.long.open_interest += 1, &[COUNTS])
}

#[test]
fn a_position_that_is_not_counted() -> Result<()> {
    planted(market, |market: &mut Market| market.perp.positions -= 1, &[COUNTS])
}

#[test]
fn a_matured_claim_that_nobody_has() -> Result<()> {
    planted(market, |market: &mut Market| market.perp.matured_total += 1, &[COUNTS])
}

#[test]
fn funding_collected_and_lost() -> Result<()> {
    planted(market, |market: &mut Market| market.perp.clearing_quote -= 1, &[SUMS])
}

#[test]
fn a_fee_booked_twice() -> Result<()> {
    planted(market, |market: &mut Market| market.perp.fees += 1, &[TOKENS])
}

#[test]
fn a_negative_pool() -> Result<()> {
    planted(market, |market: &mut Market| market.perp.pool = -1, &[TOKENS, SUMS, "market 0 breaks its own law"])
}

#[test]
fn insurance_that_is_not_in_its_vault() -> Result<()> {
    let fund = |scene: &Scene| plimsoll_sdk::address::insurance(&scene.stage.world.exchange);
    planted(fund, |fund: &mut InsuranceFund| fund.balance += 1, &[TOKENS])
}

#[test]
fn a_book_out_of_order() -> Result<()> {
    planted(book, |book: &mut OrderBook| book.asks.swap(0, 1), &["is not sorted or is crossed"])
}

#[test]
fn an_order_that_its_account_does_not_list() -> Result<()> {
    planted(
        member,
        |account: &mut MarginAccount| {
            let order = account.orders[0];
            let position = &mut account.perps[0].position;
            position.asks -= i64::from(order.lots);
            position.asks_value -= i64::from(order.lots) * i64::from(order.price);
            account.orders[0] = bytemuck::Zeroable::zeroed();
        },
        &["is live but not listed"],
    )
}

#[test]
fn reserved_lots_that_no_order_explains() -> Result<()> {
    planted(member, |account: &mut MarginAccount| account.perps[0].position.asks += 1, &["totals of resting orders disagree"])
}

#[test]
fn tokens_that_left_the_vault() -> Result<()> {
    let Scene { mut stage, .. } = scene()?;
    let vault = plimsoll_sdk::address::vault(&stage.world.exchange);
    let mut account = stage.world.svm.get_account(&vault).expect("exists");
    let amount = stage.world.tokens(&vault) - 1;
    account.data[64..72].copy_from_slice(&amount.to_le_bytes());
    stage.world.svm.set_account(vault, account).map_err(|error| anyhow::anyhow!("{error:?}"))?;
    let broken = audit::violations(&stage.world);
    assert!(broken.len() == 1 && broken[0].contains("quote tokens differ by -1"), "{broken:?}");
    Ok(())
}

#[test]
fn collateral_that_is_not_in_its_vault() -> Result<()> {
    let Scene { mut stage, short, .. } = scene()?;
    let token = stage.world.list_collateral(0, 9, 1 << 29, 1 << 29, 0)?;
    let wallet = stage.world.wallet(token, &short.owner.pubkey(), 1_000)?;
    let exchange = stage.world.exchange;
    let bring = build::deposit_collateral(short.owner.pubkey(), exchange, short.account, stage.keys(0).market, token, wallet, 1_000);
    done(stage.send("deposit_collateral", bring, &[&short.owner])?)?;
    tamper(&mut stage, short.account, |account: &mut MarginAccount| account.collaterals[0].amount += 1)?;
    let broken = audit::violations(&stage.world);
    assert!(broken.len() == 1 && broken[0].contains("accounts 1001, ledger 1000, vault 1000"), "{broken:?}");
    Ok(())
}
