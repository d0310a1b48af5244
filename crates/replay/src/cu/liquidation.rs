//! Readings of a liquidation step.

use super::scene::{order, packet_size, Scene, BUY, POST_ONLY};
use super::Readings;
use crate::world::Member;
use anyhow::{ensure, Result};
use plimsoll_sdk::build::{self, LiquidateArgs};
use solana_instruction::Instruction;
use solana_signer::Signer;

/// Most it may cost (DESIGN 4).
const LIQUIDATE: u64 = 90_000;

/// The step that starts a liquidation: eight positions on either account, a part filled on the book, the rest taken over.
pub(super) fn liquidate(readings: &mut Readings) -> Result<()> {
    let (takeover, size) = step(false)?;
    let (both, with_maker) = step(true)?;
    readings.row(
        "liquidate/8perps",
        both.max(takeover),
        Some(LIQUIDATE),
        format!(
            "liquidatee and liquidator with positions in the same 8 markets; part of the slice fills against one maker, the rest is taken over; \
             legacy transaction of {with_maker} of 1,232 bytes, no lookup table"
        ),
    );
    readings.more("liquidate/8perps, take-over only", takeover, format!("the same on an empty book; legacy transaction of {size} bytes"));
    Ok(())
}

/// Runs a liquidation up to its first forced step: compute units and bytes of that one.
fn step(with_maker: bool) -> Result<(u64, usize)> {
    let mut scene = Scene::new()?;
    let (failing, liquidator, maker) = (scene.member(5_900)?, scene.member(1_000_000)?, scene.member(5_000_000)?);
    for market in 0..8 {
        scene.trade(&failing, &maker, market, 10_000)?;
        scene.trade(&liquidator, &maker, market, 5_000)?;
    }
    for _ in 0..45 {
        scene.shock(-1)?;
    }
    let send = |scene: &Scene, makers: &[&Member]| -> Instruction {
        let args = LiquidateArgs { max_lots: 1 << 30, min_price: 1, max_price: 1 << 30 };
        let makers: Vec<_> = makers.iter().map(|maker| maker.account).collect();
        let portfolio = scene.union(&failing, &liquidator);
        build::liquidate(liquidator.owner.pubkey(), liquidator.account, failing.account, scene.keys(0), args, &portfolio, &makers)
    };
    // The first failing sample is only recorded.
    let first = send(&scene, &[]);
    scene.cost(first, &liquidator.owner)?;
    scene.pass(5)?;
    let mut makers = Vec::new();
    if with_maker {
        let (price, lots) = (scene.lot(0), scene.lots(0, 500));
        scene.place(&maker, 0, order(BUY, POST_ONLY, price, lots), &[])?;
        makers.push(&maker);
    }
    let before = scene.world.member(&failing.account).perps[0].position.lots;
    let bid = scene.world.member(&maker.account).perps[0].position.lots;
    let held = scene.world.member(&liquidator.account).perps[0].position.lots;
    let second = send(&scene, &makers);
    let size = packet_size(&second, &liquidator.owner.pubkey());
    ensure!(size <= 1_232, "a liquidation of {size} bytes does not fit a packet");
    let cu = scene.cost(second, &liquidator.owner)?;
    scene.check()?;
    let lots = |member: &Member| scene.world.member(&member.account).perps[0].position.lots;
    ensure!(lots(&failing) < before && lots(&liquidator) > held, "nothing was taken over");
    ensure!((lots(&maker) > bid) == with_maker, "the book was not used as meant");
    Ok((cu, size))
}
