//! The reading of a risk group's update.

use super::scene::{Scene, MAJORS};
use super::Readings;
use anyhow::{ensure, Context, Result};
use plimsoll_sdk::build::{self, CreateGroupArgs};
use plimsoll_sdk::state::RiskGroup;

/// Two hours of five-minute buckets in a group of eight markets with prices of their own; the dearest update counts.
pub(super) fn update_group(readings: &mut Readings) -> Result<()> {
    let mut scene = Scene::new()?;
    let markets: Vec<_> = (0..8).map(|market| scene.keys(market).market).collect();
    // Correlations are computed after the warm-up only, which a group that is in use has behind it.
    let group = scene.group(&markets, CreateGroupArgs { warm_up: 3, ..MAJORS })?;
    let read = |scene: &Scene| scene.world.read::<RiskGroup>(&group).context("the group is there");
    let mut costs = Vec::new();
    for bucket in 0..24_i64 {
        for _ in 0..10 {
            scene.world.pass(30);
            for market in 0..8 {
                // Up and down by up to half a per cent, each market in its own rhythm.
                let wave = (bucket * (market as i64 + 2)) % 11 - 5;
                scene.publish(market, wave)?;
            }
        }
        let payer = scene.world.payer.insecure_clone();
        let update = build::update_group(group, &read(&scene)?);
        costs.push(scene.cost(update, &payer)?);
    }
    ensure!(read(&scene)?.sequence >= 20, "hardly any update did anything");
    let dearest = costs.iter().max().copied().unwrap_or_default();
    readings.row(
        "update_group/8",
        dearest,
        None,
        "8 markets, 28 pairs past their warm-up; the dearest of 24 updates, one after each five-minute bucket",
    );
    Ok(())
}
