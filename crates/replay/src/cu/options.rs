//! Readings of margin checks of accounts with options, whose legs are written into the account ([`crate::world`]): no instruction opens them yet.

use super::scene::Scene;
use super::Readings;
use crate::world::Member;
use anyhow::{ensure, Result};
use plimsoll_sdk::build;
use plimsoll_sdk::risk::Ratio;

/// Most a check of a full account may cost (DESIGN 4).
const FULL: u64 = 110_000;
/// Most a check may cost per option and scenario.
const PER_SCENARIO: u64 = 130;
/// Rows of the grid.
const SCENARIOS: u64 = 33;
const DAY: i64 = 86_400;

/// Sixteen options in four markets, a perp in each, and collateral that each prices.
pub(super) fn check_health(readings: &mut Readings) -> Result<()> {
    let mut scene = Scene::new()?;
    let member = linear_account(&mut scene)?;
    let linear = check(&mut scene, &member)?;
    give_options(&mut scene, &member)?;
    let full = check(&mut scene, &member)?;
    readings.row(
        "check_health/16options_4perps_4collaterals",
        full,
        Some(FULL),
        "16 series in 8 expiries of 4 markets, short calls and long puts; the whole grid in both measures, the report included",
    );
    readings.more("check_health/4perps_4collaterals", linear, "the same account before it has options");
    slope(readings)
}

/// An account with a perp in four markets and collateral that each prices.
fn linear_account(scene: &mut Scene) -> Result<Member> {
    let (member, seller) = (scene.member(1_000_000)?, scene.member(5_000_000)?);
    for market in 0..4 {
        scene.trade(&member, &seller, market, 10_000)?;
        scene.collateral(&member, market, 1_000)?;
    }
    Ok(member)
}

/// Four options in each of its markets, in two expiries: short calls and long puts.
fn give_options(scene: &mut Scene, member: &Member) -> Result<()> {
    for market in 0..4 {
        for (place, days) in [(0, 7), (1, 30)] {
            scene.world.list_expiry(market, place, days * DAY, Ratio::of(6, 10))?;
            for (is_put, moneyness, side) in [(false, 105, -1), (true, 95, 1)] {
                let (strike, lots) = (scene.lot(market) * moneyness / 100, scene.lots(market, 5_000) * side);
                scene.world.give_option(&member.account, market, place, strike, is_put, lots)?;
            }
        }
    }
    Ok(())
}

/// The account that is measured: both of the above.
pub(super) fn full_account(scene: &mut Scene) -> Result<Member> {
    let member = linear_account(scene)?;
    give_options(scene, &member)?;
    Ok(member)
}

/// The marginal cost of an option in an expiry that has others: its series' volatility and prices in all scenarios, and the sums over them.
fn slope(readings: &mut Readings) -> Result<()> {
    let mut scene = Scene::new()?;
    let (member, seller) = (scene.member(1_000_000)?, scene.member(5_000_000)?);
    scene.trade(&member, &seller, 0, 10_000)?;
    scene.world.list_expiry(0, 0, 30 * DAY, Ratio::of(6, 10))?;
    let mut costs = Vec::new();
    for count in 1..=16 {
        let (strike, lots) = (scene.lot(0) * (80 + 2 * count) / 100, scene.lots(0, 1_000));
        scene.world.give_option(&member.account, 0, 0, strike, count % 2 == 0, if count % 3 == 0 { -lots } else { lots })?;
        costs.push(check(&mut scene, &member)?);
    }
    let (Some(first), Some(last)) = (costs.first().copied(), costs.last().copied()) else { return Ok(()) };
    ensure!(first < last, "options cost nothing");
    readings.row(
        "per_option_scenario",
        last.saturating_sub(first).div_ceil(15 * SCENARIOS),
        Some(PER_SCENARIO),
        format!("(16 options − 1 option) / (15 × 33) of one expiry: ({last} − {first}) / 495; logarithm, volatility and add-ons of a series included"),
    );
    Ok(())
}

fn check(scene: &mut Scene, member: &Member) -> Result<u64> {
    scene.pass(1)?;
    scene.cost_of_large(build::check_health(member.account, &scene.world.portfolio(&member.account)), &member.owner)
}
