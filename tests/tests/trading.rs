//! Stories of ordinary trading: deposit, quote, trade, settle, withdraw; the audit after every step.

use anyhow::Result;
use plimsoll_sdk::build;
use plimsoll_tests::{check, order, place, three_markets, BUY, IOC, POST_ONLY, SELL, USD};
use solana_signer::Signer;

#[test]
fn two_traders_meet_on_the_book_and_settle_what_they_win_and_lose() -> Result<()> {
    let mut world = three_markets()?;
    check(&world)?;
    let maker = world.join(100_000 * USD as u64, 50_000 * USD as u64)?;
    let taker = world.join(100_000 * USD as u64, 5_000 * USD as u64)?;
    check(&world)?;
    // 100 SOL = 10,000 lots at $200.10.
    place(&mut world, &maker, 0, order(SELL, POST_ONLY, 2_001_000, 10_000), &[])?;
    check(&world)?;
    place(&mut world, &taker, 0, order(BUY, IOC, 2_001_000, 10_000), &[&maker])?;
    check(&world)?;
    assert_eq!(world.member(&taker.account).perps[0].position.lots, 10_000);
    assert_eq!(world.member(&maker.account).perps[0].position.lots, -10_000);
    let market = world.markets[0].keys.market;
    world.pass(30);
    world.publish(0, 201 * USD, USD / 10)?;
    // A claim begins to mature when somebody touches it (RULES 1.4).
    let payer = world.payer.insecure_clone();
    world.send(&[build::touch(market, taker.account)], &[&payer])?;
    for _ in 0..40 {
        world.pass(30);
        for (market, price) in [(0, 201 * USD), (1, 120_000 * USD), (2, 4_300 * USD)] {
            world.publish(market, price, price / 2_500)?;
        }
    }
    for member in [&maker, &taker] {
        let portfolio = world.portfolio(&member.account);
        world.send(&[build::settle(market, member.account, &portfolio)], &[&member.owner])?;
        check(&world)?;
    }
    // The taker won 90 cents a SOL, less the fee of 5 bp on $20,010.
    let cash = world.member(&taker.account).cash;
    assert!(cash > 5_000 * USD - 11 * USD, "nothing was won: {cash}");
    place(&mut world, &taker, 0, order(SELL, POST_ONLY, 2_012_000, 10_000), &[])?;
    place(&mut world, &maker, 0, order(BUY, IOC, 2_012_000, 10_000), &[&taker])?;
    check(&world)?;
    let portfolio = world.portfolio(&maker.account);
    let out =
        build::withdraw(maker.owner.pubkey(), world.exchange, maker.account, world.quote, maker.wallet, 1_000 * USD as u64, &portfolio);
    world.send(&[out], &[&maker.owner])?;
    check(&world)
}
