//! Accounts with options and markets in risk groups: what the program says is what the client computes, a group that matters cannot be left out, and
//! nothing that cannot be taken over leads into a liquidation.

use anyhow::Result;
use plimsoll_sdk::build::{self, CreateGroupArgs, Portfolio};
use plimsoll_sdk::risk::Ratio;
use plimsoll_sdk::state::{MarginAccount, RiskGroup};
use plimsoll_sdk::{address, state::Market};
use plimsoll_tests::attempts::MAJORS;
use plimsoll_tests::stage::Stage;
use plimsoll_tests::USD;
use solana_signer::Signer;

const DAY: i64 = 86_400;

/// A trader with ten thousand dollars of cash.
fn stage_with_option(strike_percent: i64, is_put: bool, lots: i64) -> Result<(Stage, plimsoll_replay::world::Member)> {
    let mut stage = Stage::new()?;
    let member = stage.world.join(20_000 * USD as u64, 10_000 * USD as u64)?;
    stage.calm(6)?;
    stage.world.list_expiry(0, 0, 30 * DAY, Ratio::of(8, 10))?;
    let strike = stage.lot_price(0, 200 * USD) * strike_percent / 100;
    stage.world.give_option(&member.account, 0, 0, strike, is_put, lots)?;
    Ok((stage, member))
}

#[test]
fn the_client_computes_what_the_program_says_of_options() -> Result<()> {
    for (strike, is_put, lots) in [(100, false, 2_000), (100, false, -2_000), (90, true, 2_000), (90, true, -2_000)] {
        let (mut stage, member) = stage_with_option(strike, is_put, lots)?;
        let with = stage.health(&member)?;
        let cash = stage.cash(&member);
        assert_eq!(with.equity > cash, lots > 0, "a long counts at its value, a short against it");
        if lots > 0 {
            assert!(with.mm <= with.equity - cash, "a paid-up long never needs more than it is worth");
        } else {
            assert!(with.mm > 0 && with.im > with.mm);
        }
        // The smile falls silent: both glide, initial margin first, and the two tables part.
        stage.calm(12)?;
        let stale = stage.health(&member)?;
        assert_ne!((stale.im, stale.equity_im), (with.im, with.equity_im));
    }
    Ok(())
}

/// RULES 1.6: the value of a long call stands in equity and cannot be taken out.
#[test]
fn option_value_is_not_withdrawable() -> Result<()> {
    let (mut stage, member) = stage_with_option(80, false, 10_000)?;
    let health = stage.health(&member)?;
    assert!(health.equity > 13_000 * USD, "worth more than four thousand dollars: {}", health.equity);
    let refused = stage.withdraw(&member, 10_001 * USD as u64)?;
    assert!(refused.is_err(), "more than its cash");
    Ok(())
}

/// An expiry's place in the market may be used again: a leg of the earlier one must not be priced as one of the later.
#[test]
fn a_leg_of_another_expiry_is_refused() -> Result<()> {
    let (mut stage, member) = stage_with_option(100, false, -100)?;
    stage.world.list_expiry(0, 0, 60 * DAY, Ratio::of(8, 10))?;
    let payer = stage.world.payer.insecure_clone();
    let check = build::check_health(member.account, &stage.world.portfolio(&member.account));
    let refused = stage.send("check", check, &[&payer])?.expect_err("priced as another expiry");
    assert_eq!(refused, "WrongState");
    Ok(())
}

/// A failing account with options: its orders may be cancelled, but nobody can push it into a state that only the sale of its legs would end.
#[test]
fn an_account_with_options_is_not_liquidated_leg_by_leg() -> Result<()> {
    let (mut stage, failing) = stage_with_option(100, false, -20_000)?;
    let keeper = stage.world.join(1_000_000 * USD as u64, 500_000 * USD as u64)?;
    stage.price(0, 260 * USD)?;
    let health = stage.health(&failing)?;
    assert!(health.equity_trigger < health.mm, "{health:?}");
    let refused = stage.liquidate(&keeper, &failing, 0, 1 << 20, &[])?.expect_err("liquidated");
    assert_eq!(refused, "HoldsOptions");
    assert_eq!(stage.state(&failing), 0);
    Ok(())
}

/// RULES 4.3: a keeper must not leave the group out to make an account look worse than it is.
#[test]
fn a_group_that_matters_cannot_be_left_out() -> Result<()> {
    let mut stage = Stage::new()?;
    let (trader, maker) =
        (stage.world.join(200_000 * USD as u64, 100_000 * USD as u64)?, stage.world.join(2_000_000 * USD as u64, 1_000_000 * USD as u64)?);
    stage.calm(6)?;
    stage.trade(0, &trader, &maker, 10_000, 200 * USD)?;
    let alone = stage.health(&trader)?;
    let keys: Vec<_> = (0..2).map(|market| stage.keys(market).market).collect();
    let world = &stage.world;
    let group = address::group(&world.exchange, MAJORS.number);
    let create = build::create_group(world.payer.pubkey(), world.governor.pubkey(), &keys, CreateGroupArgs { ..MAJORS });
    let (payer, governor) = (world.payer.insecure_clone(), world.governor.insecure_clone());
    stage.world.send(&[create], &[&payer, &governor])?;
    // With one market of it the group says nothing and is not asked for.
    assert_eq!(stage.health(&trader)?, alone);
    stage.trade(1, &maker, &trader, 1_000, 120_000 * USD)?;
    let uncorrelated = stage.health(&trader)?;
    stage.world.edit::<RiskGroup>(&group, |group| {
        for pair in &mut group.correlation.pairs {
            (pair.initial, pair.maintenance) = (Ratio::of(6, 10).raw(), Ratio::of(6, 10).raw());
        }
    })?;
    let hedged = stage.health(&trader)?;
    assert!(hedged.mm < uncorrelated.mm && hedged.im < uncorrelated.im, "a hedge in a correlated market: {hedged:?} {uncorrelated:?}");
    let without = Portfolio { groups: Vec::new(), ..stage.world.portfolio(&trader.account) };
    let refused = stage.send("check", build::check_health(trader.account, &without), &[&payer])?.expect_err("without the group");
    assert_eq!(refused, "MissingRiskGroup");
    // Nor can another group stand in for it.
    let foreign = without.with_group(trader.account);
    let refused = stage.send("check", build::check_health(trader.account, &foreign), &[&payer])?.expect_err("with another account");
    assert_eq!(refused, "MissingRiskGroup");
    Ok(())
}

/// A short option that is not counted would need no margin: the account's own law refuses it.
#[test]
fn an_uncounted_leg_breaks_the_accounts_law() -> Result<()> {
    let (mut stage, member) = stage_with_option(100, false, -100)?;
    let account = stage.world.member(&member.account);
    assert!(account.invariant().is_ok());
    stage.world.edit::<MarginAccount>(&member.account, |account| account.option_legs = 0)?;
    assert!(stage.world.member(&member.account).invariant().is_err());
    stage.world.edit::<MarginAccount>(&member.account, |account| {
        account.option_legs = 2;
        account.options[1] = account.options[0];
    })?;
    assert!(stage.world.member(&member.account).invariant().is_err(), "one series twice");
    let market: Market = stage.world.market(0);
    assert!(market.expiries[0].is_used() && !market.expiries[1].is_used());
    Ok(())
}
