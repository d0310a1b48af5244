//! Readings of what traders and price keepers send.

use super::scene::{order, packet_size, with_accounts, Scene, BUY, IOC, LIMIT, POST_ONLY, SELL};
use super::Readings;
use crate::world::Member;
use anyhow::{ensure, Result};
use plimsoll_sdk::build::{self, Portfolio};
use solana_signer::Signer;

/// Most an instruction may cost (DESIGN 4).
const CHECK_HEALTH: u64 = 20_000;
const PLACE_ORDER_2: u64 = 10_000;
const PLACE_ORDER_8: u64 = 15_000;
const FILL: u64 = 10_000;
const UPDATE_MARKET: u64 = 15_000;
const DEPOSIT: u64 = 15_000;
/// Makers of the fill readings.
const MAKERS: usize = 8;
/// Orders a side of a full book, and how many of them each account places.
const FULL_BOOK: i64 = 512;
const ORDERS_EACH: i64 = 16;

/// What every instruction pays before it does anything: dispatch, and the runtime's handing over of the accounts.
pub(super) fn floors(readings: &mut Readings) -> Result<()> {
    let mut scene = Scene::new()?;
    let member = scene.member(1)?;
    let mut others = Vec::new();
    for _ in 0..29 {
        others.push(scene.member(1)?.account);
    }
    let alone = build::check_health(member.account, &Portfolio::default());
    let one = scene.cost(alone.clone(), &member.owner)?;
    let thirty = scene.cost(with_accounts(alone, &others), &member.owner)?;
    readings.row("noop/1accounts", one, None, "`check_health` of an account without positions: the cheapest instruction there is");
    readings.row("noop/30accounts", thirty, None, "the same with 29 more accounts (margin accounts of others) that nothing reads");
    Ok(())
}

/// Quote tokens into an account that has been deposited to before.
pub(super) fn deposit(readings: &mut Readings) -> Result<()> {
    let mut scene = Scene::new()?;
    let member = scene.world.join(1_000, 500)?;
    let (exchange, quote) = (scene.world.exchange, scene.world.quote);
    let pay = build::deposit(member.owner.pubkey(), exchange, member.account, quote, member.wallet, 100);
    let cu = scene.cost(pay, &member.owner)?;
    scene.check()?;
    readings.row("deposit", cu, Some(DEPOSIT), "SPL Token transfer by CPI and the event's self-CPI included");
    Ok(())
}

/// An hour of updates every ten seconds in an open market with positions on both sides; the dearest one counts.
pub(super) fn update_market(readings: &mut Readings) -> Result<()> {
    let mut scene = Scene::new()?;
    let (buyer, seller) = (scene.member(100_000)?, scene.member(100_000)?);
    scene.trade(&buyer, &seller, 0, 10_000)?;
    let mut costs = Vec::new();
    for step in 0..360_i64 {
        scene.world.pass(10);
        // Up and down by up to 0.3 %, so that buckets have a range.
        costs.push(scene.publish(0, step % 7 - 3)?.compute_units_consumed);
    }
    costs.sort_unstable();
    let (Some(dearest), Some(usual)) = (costs.last().copied(), costs.get(costs.len() / 2).copied()) else {
        anyhow::bail!("nothing was published");
    };
    readings.row(
        "update_market",
        dearest,
        Some(UPDATE_MARKET),
        "the dearest of 360 updates, ten seconds apart: one that ends a five-minute bucket and renews volatility",
    );
    readings.more("update_market, median", usual, "the median of the same 360 updates");
    Ok(())
}

/// Accounts with positions in one and in all eight markets.
pub(super) fn check_health(readings: &mut Readings) -> Result<()> {
    let mut scene = Scene::new()?;
    let (member, seller) = (scene.member(100_000)?, scene.member(1_000_000)?);
    for (market, name) in [(0, "check_health/1perps"), (7, "check_health/8perps")] {
        for next in scene.world.member(&member.account).perps.iter().filter(|slot| slot.is_used()).count()..=market {
            scene.trade(&member, &seller, next, 10_000)?;
        }
        scene.pass(1)?;
        let check = build::check_health(member.account, &scene.world.portfolio(&member.account));
        let cu = scene.cost(check, &member.owner)?;
        readings.row(name, cu, Some(CHECK_HEALTH), "every position is brought up to date on a copy");
    }
    scene.check()
}

/// The marginal cost of a position with orders on both sides: a check of eight such less one of one. The engine's part of it is a row of its own.
pub(super) fn whole_perp_leg(readings: &mut Readings) -> Result<()> {
    let mut scene = Scene::new()?;
    let (member, seller) = (scene.member(1_000_000)?, scene.member(5_000_000)?);
    let mut costs = Vec::new();
    for market in 0..8 {
        scene.trade(&member, &seller, market, 10_000)?;
        let (price, lots) = (scene.lot(market), scene.lots(market, 1_000));
        scene.place(&member, market, order(BUY, POST_ONLY, price - price / 200, lots), &[])?;
        scene.place(&member, market, order(SELL, POST_ONLY, price + price / 200, lots), &[])?;
        scene.pass(1)?;
        costs.push(scene.cost(build::check_health(member.account, &scene.world.portfolio(&member.account)), &member.owner)?);
    }
    scene.check()?;
    let (first, last) = (costs[0], costs[7]);
    readings.more(
        "perp leg, whole",
        last.saturating_sub(first).div_ceil(7),
        format!(
            "(`check_health` of 8 positions − of 1) / 7: ({last} − {first}) / 7; a bid and an ask rest in each; each leg's market account is handed \
             over, found and read, its position brought up to date, its part of the report returned"
        ),
    );
    Ok(())
}

/// A limit order that comes to rest, with an opposite side it does not reach; and one that fills against one maker.
pub(super) fn place_order(readings: &mut Readings) -> Result<()> {
    let mut scene = Scene::new()?;
    let (member, seller) = (scene.member(100_000)?, scene.member(1_000_000)?);
    let budgets = [
        (2, "place_order/2perps", "place_order/2perps, one fill", PLACE_ORDER_2),
        (8, "place_order/8perps", "place_order/8perps, one fill", PLACE_ORDER_8),
    ];
    for (perps, name, filling, budget) in budgets {
        for next in scene.world.member(&member.account).perps.iter().filter(|slot| slot.is_used()).count()..perps {
            scene.trade(&member, &seller, next, 10_000)?;
        }
        scene.pass(1)?;
        let price = scene.lot(0);
        scene.place(&seller, 0, order(SELL, POST_ONLY, price + price / 500, 10), &[])?;
        let cu = scene.place(&member, 0, order(BUY, LIMIT, price - price / 1_000, 10), &[])?;
        readings.row(name, cu, Some(budget), format!("positions in {perps} markets; rests without a fill; health before and after"));
        let cu = scene.place(&member, 0, order(BUY, IOC, price + price / 500, 10), &[&seller])?;
        readings.more(filling, cu, "the same account takes one maker's order whole; the event's self-CPI included");
    }
    scene.check()
}

/// One taker against one to eight makers.
pub(super) fn fill(readings: &mut Readings) -> Result<()> {
    let mut scene = Scene::new()?;
    let taker = scene.member(1_000_000)?;
    let mut makers = Vec::new();
    for _ in 0..MAKERS {
        makers.push(scene.member(100_000)?);
    }
    let makers: Vec<&Member> = makers.iter().collect();
    // One unmeasured round of eight, so that everybody has a position already.
    take(&mut scene, &taker, &makers)?;
    let mut costs = Vec::new();
    for count in 1..=MAKERS {
        costs.push(take(&mut scene, &taker, &makers[..count])?);
    }
    scene.check()?;
    let (first, last) = (costs[0], costs[MAKERS - 1]);
    let slope = last.saturating_sub(first).div_ceil(7);
    readings.row(
        "fill/per_maker",
        slope,
        Some(FILL),
        format!("(eight makers − one maker) / 7: ({last} − {first}) / 7; each maker's account loaded, touched and admitted"),
    );
    readings.more("place_order, 8 fills", last, "one immediate-or-cancel order against eight makers");
    Ok(())
}

/// Each of `makers` offers ten lots; `taker` takes them all.
fn take(scene: &mut Scene, taker: &Member, makers: &[&Member]) -> Result<u64> {
    scene.pass(3)?;
    let price = scene.lot(0);
    for (index, maker) in (0..).zip(makers) {
        scene.place(maker, 0, order(SELL, POST_ONLY, price + index, 10), &[])?;
    }
    let lots = 10 * i64::try_from(makers.len())?;
    let before = scene.world.member(&taker.account).perps[0].position.lots;
    let cu = scene.place(taker, 0, order(BUY, IOC, price + 100, lots), makers)?;
    let after = scene.world.member(&taker.account).perps[0].position.lots;
    ensure!(after - before == lots, "{} of {lots} lots were filled", after - before);
    Ok(cu)
}

/// Orders off the best, the middle and the worst place of a book with 512 orders a side.
pub(super) fn cancel(readings: &mut Readings) -> Result<()> {
    let mut scene = Scene::new()?;
    let mut members = Vec::new();
    let price = scene.lot(0);
    for rank in 0..FULL_BOOK {
        if rank % ORDERS_EACH == 0 {
            members.push(scene.member(10_000)?);
            scene.pass(1)?;
        }
        let Some(member) = members.last() else { continue };
        scene.place(member, 0, order(BUY, POST_ONLY, price - 1 - rank, 1), &[])?;
        let cu = scene.place(member, 0, order(SELL, POST_ONLY, price + 1 + rank, 1), &[])?;
        if rank + 1 == FULL_BOOK {
            readings.more("place_order, 511 behind", cu, "an order becomes the worst of a side of 512, which moves all others");
        }
    }
    let book = scene.world.read::<plimsoll_sdk::state::OrderBook>(&scene.keys(0).book);
    ensure!(book.is_some_and(|book| book.header.bids == 512 && book.header.asks == 512), "the book is not full");
    let mut costs = Vec::new();
    for rank in [0, FULL_BOOK / 2, FULL_BOOK - 1] {
        let member = &members[usize::try_from(rank / ORDERS_EACH)?];
        let wanted = u32::try_from(price - 1 - rank)?;
        let account = scene.world.member(&member.account);
        let id = account.orders.iter().find(|slot| slot.is_used() && slot.price == wanted).map_or(0, |slot| slot.id);
        let cancel = build::cancel_order(member.owner.pubkey(), member.account, scene.keys(0), id);
        ensure!(packet_size(&cancel, &member.owner.pubkey()) <= 1_232, "a cancellation does not fit a packet");
        costs.push(scene.cost(cancel, &member.owner)?);
    }
    scene.check()?;
    let dearest = costs.iter().max().copied().unwrap_or_default();
    readings.row(
        "cancel/512",
        dearest,
        None,
        format!("512 orders a side; the dearest of best ({}), middle ({}) and worst ({})", costs[0], costs[1], costs[2]),
    );
    Ok(())
}
