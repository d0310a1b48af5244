//! What a price account must be (RULES 2.1), and which actions a price in doubt allows: every condition of the accepted price that a feed can bring about, times every action (RULES 2.2).

use super::{check_rows, row};
use anyhow::Result;
use plimsoll::errors::PlimsollError as E;
use plimsoll_replay::world::pyth;
use plimsoll_sdk::build;
use plimsoll_sdk::PROGRAM_ID;
use plimsoll_tests::attempts::*;
use plimsoll_tests::reject::Refusal::{self, Program};
use plimsoll_tests::reject::{refused, Attempt, Make, Row};
use plimsoll_tests::scene::Scene;
use plimsoll_tests::{order, LIMIT, SELL};
use pyth_solana_receiver_sdk::price_update::VerificationLevel;
use solana_pubkey::Pubkey;
use solana_signer::Signer;

fn price_rows() -> Vec<Row> {
    let rows: Vec<(&'static str, E, Make)> = vec![
        ("price account of another program, right bytes", E::PriceWrongOwner, |s| price(s, |u| u.owner = PROGRAM_ID)),
        ("price account of the system program", E::PriceWrongOwner, |s| price(s, |u| u.owner = Pubkey::default())),
        ("price of another feed", E::PriceWrongFeed, |s| price(s, |u| u.feed[31] ^= 1)),
        ("partial verification", E::PriceNotVerified, |s| price(s, |u| u.level = VerificationLevel::Partial { num_signatures: 12 })),
        ("price of zero", E::PriceNotPositive, |s| price(s, |u| u.price = 0)),
        ("negative price", E::PriceNotPositive, |s| price(s, |u| u.price = -u.price)),
        ("least price", E::PriceNotPositive, |s| price(s, |u| u.price = i64::MIN)),
        ("greatest price", E::PriceOutOfBounds, |s| price(s, |u| u.price = i64::MAX)),
        ("price above the asset's bounds", E::PriceOutOfBounds, |s| price(s, |u| u.price *= 11)),
        ("price below the asset's bounds", E::PriceOutOfBounds, |s| {
            price(s, |u| {
                u.price /= 101;
                u.confidence /= 101;
            })
        }),
        ("confidence just beyond 4 %", E::PriceTooWide, |s| {
            price(s, |u| u.confidence = u.price.unsigned_abs() / 25 + u.price.unsigned_abs() / 1_000)
        }),
        ("confidence wider than the price", E::PriceTooWide, |s| price(s, |u| u.confidence = u.price.unsigned_abs() + 1)),
        ("greatest confidence", E::PriceTooWide, |s| price(s, |u| u.confidence = u64::MAX)),
        ("another exponent", E::PriceExponentChanged, |s| price(s, |u| u.exponent -= 1)),
        ("least exponent", E::PriceExponentChanged, |s| price(s, |u| u.exponent = i32::MIN)),
        ("eleven seconds in the future", E::PriceFromFuture, |s| price(s, |u| u.publish += 11)),
        ("the end of time", E::PriceFromFuture, |s| price(s, |u| u.publish = i64::MAX)),
        ("price account without discriminator", E::PriceMalformed, |s| price_bytes(s, |b| b[..8].fill(0))),
        ("price account cut short", E::PriceMalformed, |s| price_bytes(s, |b| b.truncate(100))),
        ("price account of seven bytes", E::PriceMalformed, |s| price_bytes(s, |b| b.truncate(7))),
        ("empty price account", E::PriceMalformed, |s| price_bytes(s, Vec::clear)),
        ("price account of no known verification", E::PriceMalformed, |s| price_bytes(s, |b| b[40] = 9)),
    ];
    rows.into_iter().map(|(name, error, bad)| row(name, Program(error), bad, good_price)).collect()
}

/// The same of the quote token's price, and the markets that are brought to its charge (RULES 2.1, 4.4).
fn quote_rows() -> Vec<Row> {
    let rows: Vec<(&'static str, E, Make)> = vec![
        ("quote: price account of another program", E::PriceWrongOwner, |s| quote(s, |u| u.owner = PROGRAM_ID)),
        ("quote: price of another feed", E::PriceWrongFeed, |s| quote(s, |u| u.feed[31] ^= 1)),
        ("quote: price of a market", E::PriceWrongFeed, |s| {
            let feed = s.world.markets[0].feed;
            quote(s, move |u| u.feed = feed)
        }),
        ("quote: partial verification", E::PriceNotVerified, |s| quote(s, |u| u.level = VerificationLevel::Partial { num_signatures: 12 })),
        ("quote: price of zero", E::PriceNotPositive, |s| quote(s, |u| u.price = 0)),
        ("quote: least price", E::PriceNotPositive, |s| quote(s, |u| u.price = i64::MIN)),
        ("quote: greatest price", E::PriceOutOfBounds, |s| quote(s, |u| u.price = i64::MAX)),
        ("quote: more than two dollars", E::PriceOutOfBounds, |s| quote(s, |u| u.price = 200_000_001)),
        ("quote: less than a cent", E::PriceOutOfBounds, |s| {
            quote(s, |u| {
                u.price = 999_999;
                u.confidence = 0;
            })
        }),
        ("quote: confidence just beyond 4 %", E::PriceTooWide, |s| quote(s, |u| u.confidence = u.price.unsigned_abs() / 25 + 2)),
        ("quote: greatest confidence", E::PriceTooWide, |s| quote(s, |u| u.confidence = u64::MAX)),
        ("quote: another exponent", E::PriceExponentChanged, |s| quote(s, |u| u.exponent -= 1)),
        ("quote: eleven seconds in the future", E::PriceFromFuture, |s| quote(s, |u| u.publish += 11)),
        ("quote: the end of time", E::PriceFromFuture, |s| quote(s, |u| u.publish = i64::MAX)),
        ("quote: a minute and a second old", E::PriceTooOld, |s| {
            s.world.pass(100);
            quote(s, |u| u.publish -= 61)
        }),
        ("quote: an exchange without a feed", E::NoQuoteFeed, |s| {
            let mut attempt = quote(s, |_| {});
            attempt.instructions[0].accounts[0].pubkey = s.foreign.exchange;
            attempt
        }),
        ("quote: a market of another exchange", E::WrongExchange, |s| {
            let mut attempt = quote(s, |_| {});
            attempt.instructions[0].accounts[2].pubkey = s.foreign.market.market;
            attempt
        }),
        ("quote: a market that cannot be written", E::NotWritable, |s| {
            let mut attempt = quote(s, |_| {});
            attempt.instructions[0].accounts[2].is_writable = false;
            attempt
        }),
    ];
    rows.into_iter().map(|(name, error, bad)| row(name, Program(error), bad, good_quote)).collect()
}

/// Brings the first market to a changed price.
fn by_price(scene: &mut Scene, change: fn(&mut pyth::Update)) {
    let update = price(scene, change);
    done(scene, update);
}

/// What is done, in the order of the letters below.
const ACTIONS: [(&str, Make); 8] = [
    ("deposit", |s| deposit(s, 1)),
    ("withdraw", |s| withdraw(s, 1)),
    ("open", open_risk),
    ("reduce", reduce),
    ("cancel", good_cancel),
    ("settle", |s| settle(s, 0)),
    ("fund", sample_funding),
    ("update", good_price),
];

/// How the price came to be in doubt, and for each action whether it is allowed (`A`) or refused (`R`).
const CONDITIONS: [(&str, fn(&mut Scene), &str); 9] = [
    ("fresh", |_| {}, "AAAAAAAA"),
    ("10 s old", |s| s.world.pass(10), "AAAAAAAA"),
    ("11 s old", |s| s.world.pass(11), "AAAAARAA"),
    ("15 s old", |s| s.world.pass(15), "AAAAARAA"),
    ("16 s old", |s| s.world.pass(16), "ARRAARAA"),
    ("61 s old", |s| s.world.pass(61), "ARRAARRA"),
    ("wide", |s| by_price(s, |update| update.confidence = update.price.unsigned_abs() / 50), "ARRAARAA"),
    ("1 % away from its average", |s| by_price(s, |update| update.price -= update.price / 100), "AAAAARAA"),
    ("after a silence of the feed", |s| by_price(s, |update| update.previous = update.publish - 61), "ARRAARAA"),
];

fn resting_order(scene: &mut Scene, side: u8, price: i64, is_reduction: bool) -> Attempt {
    let mut args = order(side, LIMIT, price, 100);
    args.reduce_only = is_reduction;
    let taker = &scene.taker;
    let place = build::place_order(taker.owner.pubkey(), taker.account, scene.keys(0), args, &scene.portfolio(taker), &[]);
    Attempt::of(place, &[&taker.owner])
}

/// A bid that rests.
fn open_risk(scene: &mut Scene) -> Attempt {
    resting_order(scene, 0, 1_960_000, false)
}

/// A reduce-only ask that rests: the position is long.
fn reduce(scene: &mut Scene) -> Attempt {
    resting_order(scene, SELL, 2_002_000, true)
}

#[test]
fn a_price_in_doubt_allows_what_the_table_says() -> Result<()> {
    let mut scene = Scene::calm()?;
    let saved = (scene.world.svm.clone(), scene.world.now);
    let refusal = Refusal::Program(E::PriceConditionRefused).error();
    let mut faults = Vec::new();
    for (condition, prepare, letters) in CONDITIONS {
        for ((action, make), letter) in ACTIONS.into_iter().zip(letters.chars()) {
            prepare(&mut scene);
            let attempt = make(&mut scene);
            let name = format!("{action}, price {condition}");
            if letter == 'A' {
                faults.extend(attempt.send(&mut scene.world).err().map(|(error, log)| format!("{name}: {error:?}\n{log}")));
            } else {
                match refused(&mut scene.world, &name, &attempt) {
                    Ok(error) if error == refusal => {}
                    Ok(error) => faults.push(format!("{name}: refused with {error:?}")),
                    Err(fault) => faults.push(fault),
                }
            }
            (scene.world.svm, scene.world.now) = (saved.0.clone(), saved.1);
        }
    }
    assert!(faults.is_empty(), "{} cells:\n{}", faults.len(), faults.join("\n"));
    Ok(())
}

/// The account is not frozen by a leg whose feed is silent, nor is the leg left out.
#[test]
fn one_stale_leg_freezes_neither_deposits_nor_cancels_but_all_that_needs_margin() -> Result<()> {
    let mut scene = Scene::calm()?;
    let bid = {
        let args = order(0, LIMIT, 4_290_000, 1_000);
        let taker = &scene.taker;
        let place = build::place_order(taker.owner.pubkey(), taker.account, scene.keys(2), args, &scene.portfolio(taker), &[]);
        Attempt::of(place, &[&taker.owner])
    };
    done(&mut scene, bid);
    // ETH stays silent for a minute and a half; SOL and BTC go on.
    for _ in 0..9 {
        scene.world.pass(10);
        for market in [0, 1] {
            let price = scene.prices[market];
            scene.world.publish(market, price, price / 2_500)?;
        }
    }
    let refusal = Refusal::Program(E::PriceConditionRefused).error();
    let out = withdraw(&mut scene, 1);
    assert_eq!(refused(&mut scene.world, "withdrawal with a stale leg", &out).map_err(anyhow::Error::msg)?, refusal);
    let (pay, stop) = (deposit(&mut scene, 1), good_cancel(&mut scene));
    done(&mut scene, pay);
    done(&mut scene, stop);
    scene.reprice()?;
    let out = withdraw(&mut scene, 1);
    done(&mut scene, out);
    Ok(())
}

#[test]
fn prices_that_are_not_what_they_say_are_refused() -> Result<()> {
    let rows = check_rows(&mut Scene::calm()?, &price_rows()) + check_rows(&mut Scene::calm()?, &quote_rows());
    assert!(rows >= 40);
    Ok(())
}
