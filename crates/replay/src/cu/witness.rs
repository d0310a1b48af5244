//! Readings of a liquidation that is started by a witness (RULES 4.6).

use super::options::full_account;
use super::scene::{Scene, MAJORS};
use super::Readings;
use crate::world::audit::Census;
use crate::world::Member;
use anyhow::{anyhow, ensure, Result};
use plimsoll_sdk::build;
use plimsoll_sdk::preview::{self, Reading};
use plimsoll_sdk::risk::Ratio;
use plimsoll_sdk::state::{Collateral, MarginAccount, Market, RiskGroup};
use solana_pubkey::Pubkey;
use solana_signer::Signer;

/// Most it may cost (issue 3 and DESIGN 4).
const WITNESS: u64 = 30_000;

/// Flags the full account of `check_health/16options_4perps_4collaterals` after a fall of its prices, alone and with its markets in one risk group.
pub(super) fn flag(readings: &mut Readings) -> Result<()> {
    let alone = reading(false)?;
    readings.row(
        "witness/16options",
        alone,
        Some(WITNESS),
        "`flag_liquidation` of the account of check_health/16options_4perps_4collaterals below half of its maintenance margin: equity exactly, the \
         named rows, the flag, its orders cancelled, the event's self-CPI included",
    );
    let grouped = reading(true)?;
    readings.more(
        "witness/16options, one risk group",
        grouped,
        "the same with the four markets in a risk group: the joint row and its mirror too",
    );
    Ok(())
}

fn reading(is_grouped: bool) -> Result<u64> {
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
    for _ in 0..12 {
        scene.shock(-10)?;
    }
    // A fifth of maintenance margin is left.
    let health =
        preview::account_health(&scene.world.member(&member.account), &Known::of(&scene), scene.world.now).map_err(|e| anyhow!("{e:?}"))?;
    let cash = scene.world.member(&member.account).cash - health.equity_trigger.raw() + health.mm.raw() / 5;
    ensure!(cash >= 0, "the account cannot fail: {health:?}");
    scene.world.edit::<MarginAccount>(&member.account, |account| account.cash = cash)?;
    scene.pass(1)?;
    let cu = show(&mut scene, &member)?;
    ensure!(scene.world.member(&member.account).liquidation.state == 2, "the account was not flagged");
    Ok(cu)
}

/// Looks for the best witness off chain and sends it.
fn show(scene: &mut Scene, member: &Member) -> Result<u64> {
    let account = scene.world.member(&member.account);
    let reading = Reading::of(&account, &Known::of(scene), scene.world.now).map_err(|e| anyhow!("{e:?}"))?;
    let (witness, _) = reading.witness().map_err(|e| anyhow!("{e:?}"))?;
    let portfolio = scene.world.portfolio(&member.account);
    let flag = build::flag_liquidation(member.account, scene.keys(0).market, &witness, &portfolio);
    let payer = scene.world.payer.insecure_clone();
    ensure!(super::scene::packet_size(&flag, &payer.pubkey()) <= 1_232, "a witness does not fit a packet");
    scene.cost_of_large(flag, &payer)
}

/// Every account of the program, for previews.
struct Known(Census);

impl Known {
    fn of(scene: &Scene) -> Self {
        Self(Census::take(&scene.world))
    }
}

impl preview::Accounts for Known {
    fn market(&self, key: &Pubkey) -> Option<&Market> {
        self.0.markets.iter().find(|(own, _)| own == key).map(|(_, market)| &**market)
    }

    fn collateral(&self, key: &Pubkey) -> Option<&Collateral> {
        self.0.collaterals.iter().find(|(own, _)| own == key).map(|(_, collateral)| &**collateral)
    }

    fn group(&self, key: &Pubkey) -> Option<&RiskGroup> {
        self.0.groups.iter().find(|(own, _)| own == key).map(|(_, group)| &**group)
    }
}
