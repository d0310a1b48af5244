//! Readings of a liquidation that is started by a witness (RULES 4.6).

use super::options::full_account;
use super::scene::{packet_size, Scene, MAJORS};
use super::Readings;
use crate::world::audit::Census;
use anyhow::{anyhow, ensure, Result};
use plimsoll_sdk::build;
use plimsoll_sdk::preview::Reading;
use plimsoll_sdk::risk::margin::{Shortfall, Witness};
use plimsoll_sdk::risk::{Ratio, RiskError};
use plimsoll_sdk::state::{MarginAccount, RiskGroup};
use solana_pubkey::Pubkey;
use solana_signer::Signer;

/// Most it may cost (issue 3 and DESIGN 4).
const WITNESS: u64 = 30_000;

/// Flags the full account of `check_health/16options_4perps_4collaterals` after losses, alone and with its markets in one risk group.
pub(super) fn flag(readings: &mut Readings) -> Result<()> {
    let (alone, percent) = reading(false, false)?;
    readings.row(
        "witness/16options",
        alone,
        Some(WITNESS),
        format!(
            "`flag_liquidation` of the account of check_health/16options_4perps_4collaterals after losses: equity exactly, {percent} % of its \
             maintenance margin from the named rows, the flag, its orders cancelled, the event's self-CPI included"
        ),
    );
    let (plain, percent) = reading(false, true)?;
    readings.more(
        "witness/16options, no joint row",
        plain,
        format!("the same as its client flags it once enough is lost: {percent} % of its maintenance margin, without basis add-ons"),
    );
    let (grouped, percent) = reading(true, false)?;
    let what = format!("the same with the four markets in a risk group: the joint row and its mirror too; shows {percent} %");
    readings.more("witness/16options, one risk group", grouped, what);
    Ok(())
}

/// Compute units, and the per cent of maintenance margin that the witness shows: the one that shows most, or the one that a client flags with. One or
/// two fifths of the most that can be shown are left: the cash is gone, and the first position has an old loss.
fn reading(is_grouped: bool, is_for_less: bool) -> Result<(u64, i64)> {
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
    let (mm, (_, most), _) = read(&scene, &member.account)?;
    let fifths = if is_for_less { 1 } else { 2 };
    let excess = most.equity_trigger.raw() - most.requirement.raw() / 5 * fifths;
    scene.world.edit::<MarginAccount>(&member.account, |account| {
        account.perps[0].position.quote -= excess - account.cash;
        account.cash = 0;
    })?;
    let (_, best, for_less) = read(&scene, &member.account)?;
    let (witness, shown) = if is_for_less { for_less.ok_or_else(|| anyhow!("no shortfall is shown"))? } else { best };
    scene.pass(1)?;
    let portfolio = scene.world.portfolio(&member.account);
    let flag = build::flag_liquidation(member.account, scene.keys(0).market, &witness, &portfolio);
    let payer = scene.world.payer.insecure_clone();
    ensure!(packet_size(&flag, &payer.pubkey()) <= 1_232, "a witness does not fit a packet");
    let cu = scene.cost_of_large(flag, &payer)?;
    ensure!(scene.world.member(&member.account).liquidation.state == 2, "the account was not flagged");
    Ok((cu, shown.requirement.raw() * 100 / mm))
}

/// A witness and what it shows.
type Shown = (Witness, Shortfall);

/// Maintenance margin of an account, the witness that shows most of it, and the one that its client flags it with.
fn read(scene: &Scene, key: &Pubkey) -> Result<(i64, Shown, Option<Shown>)> {
    let account = scene.world.member(key);
    let all = || {
        let reading = Reading::of(&account, &Census::take(&scene.world), scene.world.now)?;
        Ok::<_, RiskError>((reading.health()?.mm.raw(), reading.witness()?, reading.flag_witness()?))
    };
    all().map_err(|error| anyhow!("{error:?}"))
}
