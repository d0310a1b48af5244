//! Readings of a liquidation that is started by a witness (RULES 4.6).

use super::options::full_account;
use super::scene::{packet_size, Scene, MAJORS};
use super::Readings;
use crate::world::audit::Census;
use anyhow::{anyhow, ensure, Result};
use plimsoll_sdk::build;
use plimsoll_sdk::preview::Reading;
use plimsoll_sdk::risk::margin::{Shortfall, Witness};
use plimsoll_sdk::risk::Ratio;
use plimsoll_sdk::state::{MarginAccount, RiskGroup};
use solana_pubkey::Pubkey;
use solana_signer::Signer;

/// Most it may cost (issue 3 and DESIGN 4).
const WITNESS: u64 = 30_000;

/// Flags the full account of `check_health/16options_4perps_4collaterals` after losses, alone and with its markets in one risk group.
pub(super) fn flag(readings: &mut Readings) -> Result<()> {
    let (alone, percent) = reading(false, 1)?;
    readings.row(
        "witness/16options",
        alone,
        Some(WITNESS),
        format!(
            "`flag_liquidation` of the account of check_health/16options_4perps_4collaterals after losses, each market in its worst row, no joint \
             row: equity exactly, {percent} % of its maintenance margin, the flag, its orders cancelled, the event's self-CPI included"
        ),
    );
    let (basis, percent) = reading(false, 2)?;
    readings.more(
        "witness/16options, basis row too",
        basis,
        format!("the same with less lost, so that the basis add-ons count: {percent} %"),
    );
    let (grouped, percent) = reading(true, 2)?;
    let what = format!("the same with the four markets in a risk group: the joint row and its mirror too; shows {percent} %");
    readings.more("witness/16options, one risk group", grouped, what);
    Ok(())
}

/// Compute units, and the per cent of maintenance margin that the witness shows, with so many fifths of what a witness shows at most left: the cash
/// is gone, and the first position has an old loss.
fn reading(is_grouped: bool, fifths: i64) -> Result<(u64, i64)> {
    let mut scene = Scene::new()?;
    if is_grouped {
        let markets: Vec<_> = (0..4).map(|market| scene.keys(market).market).collect();
        let group = scene.group(&markets, MAJORS)?;
        scene.world.edit::<RiskGroup>(&group, |group| {
            for pair in &mut group.correlation.pairs {
                (pair.initial, pair.maintenance) = (Ratio::of(6, 10).raw(), Ratio::of(6, 10).raw());
            }
        })?;
    }
    let member = full_account(&mut scene)?;
    scene.pass(1)?;
    let (mm, _, most) = read(&scene, &member.account)?;
    let excess = most.equity_trigger.raw() - most.requirement.raw() / 5 * fifths;
    scene.world.edit::<MarginAccount>(&member.account, |account| {
        account.perps[0].position.quote -= excess - account.cash;
        account.cash = 0;
    })?;
    let (_, witness, shown) = read(&scene, &member.account)?;
    scene.pass(1)?;
    let portfolio = scene.world.portfolio(&member.account);
    let flag = build::flag_liquidation(member.account, scene.keys(0).market, &witness, &portfolio);
    let payer = scene.world.payer.insecure_clone();
    ensure!(packet_size(&flag, &payer.pubkey()) <= 1_232, "a witness does not fit a packet");
    let cu = scene.cost_of_large(flag, &payer)?;
    ensure!(scene.world.member(&member.account).liquidation.state == 2, "the account was not flagged");
    Ok((cu, shown.requirement.raw() * 100 / mm))
}

/// Maintenance margin of an account, the witness that its client names, and what that shows.
fn read(scene: &Scene, key: &Pubkey) -> Result<(i64, Witness, Shortfall)> {
    let account = scene.world.member(key);
    let reading = Reading::of(&account, &Census::take(&scene.world), scene.world.now).map_err(|error| anyhow!("{error:?}"))?;
    let health = reading.health().map_err(|error| anyhow!("{error:?}"))?;
    let (witness, shown) = reading.witness().map_err(|error| anyhow!("{error:?}"))?;
    Ok((health.mm.raw(), witness, shown))
}
