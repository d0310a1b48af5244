//! Rows on what only the governor does, and on doing things twice (RULES 9).

use super::{again, check_rows, row, IN_USE, NOT_ZERO};
use anyhow::Result;
use plimsoll::errors::PlimsollError as E;
use plimsoll_sdk::build;
use plimsoll_tests::attempts::*;
use plimsoll_tests::reject::Refusal::{Number, Program};
use plimsoll_tests::reject::{Attempt, Make, Row};
use plimsoll_tests::scene::Scene;
use solana_signer::Signer;

fn governance_rows() -> Vec<Row> {
    let markets: Vec<(&'static str, E, Make)> = vec![
        ("market out of turn", E::ParameterOutOfRange, |s| list_market(s, |m| m.index = 4)),
        ("market without a tick", E::ParameterOutOfRange, |s| list_market(s, |m| m.tick = 0)),
        ("market with a negative least order", E::ParameterOutOfRange, |s| list_market(s, |m| m.min_order = -1)),
        ("market with a rate of zero", E::ParameterOutOfRange, |s| list_market(s, |m| m.tier_im = 0)),
        ("market with a rate above 100 %", E::ParameterOutOfRange, |s| list_market(s, |m| m.tier_im = (1 << 30) + 1)),
        ("market whose open-interest scale is empty", E::ParameterOutOfRange, |s| list_market(s, |m| m.oi_high = m.oi_low)),
        ("market with a negative open-interest scale", E::ParameterOutOfRange, |s| list_market(s, |m| m.oi_low = i64::MIN)),
        ("market without open interest", E::ParameterOutOfRange, |s| list_market(s, |m| m.max_open_interest = 0)),
        ("market with too much open interest", E::ParameterOutOfRange, |s| list_market(s, |m| m.max_open_interest = i64::MAX)),
        ("market whose claims never mature", E::ParameterOutOfRange, |s| list_market(s, |m| m.maturity = i64::MAX)),
        ("market whose claims mature at once", E::ParameterOutOfRange, |s| list_market(s, |m| m.maturity = 0)),
        ("market with a negative cap on the fund", E::ParameterOutOfRange, |s| list_market(s, |m| m.fund_cap = -1)),
        ("market with a negative charge on size", E::ParameterOutOfRange, |s| list_market(s, |m| m.size_rate = -1)),
        ("market with a charge on size above 100 %", E::ParameterOutOfRange, |s| list_market(s, |m| m.size_rate = (1 << 30) + 1)),
        ("market with prices from zero", E::ParameterOutOfRange, |s| list_market(s, |m| m.min_price = 0)),
        ("market with prices up to 2^30 + 1", E::ParameterOutOfRange, |s| list_market(s, |m| m.max_price = (1 << 30) + 1)),
        ("market with prices the wrong way round", E::ParameterOutOfRange, |s| list_market(s, |m| m.min_price = m.max_price + 1)),
        ("market with the least exponent", E::ParameterOutOfRange, |s| list_market(s, |m| m.exponent = i32::MIN)),
        ("market with the greatest exponent", E::ParameterOutOfRange, |s| list_market(s, |m| m.exponent = i32::MAX)),
        ("market with the least lot", E::ParameterOutOfRange, |s| list_market(s, |m| m.lot_exponent = i32::MAX)),
        ("market with the greatest lot", E::ParameterOutOfRange, |s| list_market(s, |m| m.lot_exponent = i32::MIN)),
    ];
    let good: Make = |s| list_market(s, |_| {});
    let good_feed: Make = |s| name_feed(s, |_| {});
    let mut rows: Vec<Row> = markets.into_iter().map(|(name, error, bad)| row(name, Program(error), bad, good)).collect();
    let collaterals: Vec<(&'static str, Make)> = vec![
        ("collateral with a negative weight", |s| list_collateral(s, |c| c.im_weight = -1)),
        ("collateral that counts more than it is worth", |s| list_collateral(s, |c| c.mm_weight = (1 << 30) + 1)),
        ("collateral that counts more for initial margin", |s| list_collateral(s, |c| c.im_weight = c.mm_weight + 1)),
        ("collateral with a negative cap", |s| list_collateral(s, |c| c.cap = -1)),
        ("collateral with a negative warm-up", |s| list_collateral(s, |c| c.warm_up = i64::MIN)),
    ];
    let good_listing: Make = |s| list_collateral(s, |_| {});
    rows.extend(collaterals.into_iter().map(|(name, bad)| row(name, Program(E::ParameterOutOfRange), bad, good_listing)));
    let good_exchange: Make = |s| initialize(s, |_| {});
    rows.extend([
        row("exchange without outflow", Program(E::ParameterOutOfRange), |s| initialize(s, |x| x.outflow_hourly = 0), good_exchange),
        row(
            "exchange with more outflow than there is",
            Program(E::ParameterOutOfRange),
            |s| initialize(s, |x| x.outflow_daily = (1 << 30) + 1),
            good_exchange,
        ),
        row(
            "exchange with more outflow in an hour than in a day",
            Program(E::ParameterOutOfRange),
            |s| initialize(s, |x| x.outflow_hourly = x.outflow_daily + 1),
            good_exchange,
        ),
        row(
            "exchange with a quote of nine decimals",
            Program(E::MintNotAllowed),
            |s| {
                let token = s.token.mint;
                let mut attempt = initialize(s, |_| {});
                attempt.instructions[0].accounts[4].pubkey = token;
                attempt
            },
            good_exchange,
        ),
        row("exchange initialised again", IN_USE, |s| again(s, |s| initialize(s, |_| {})), good_exchange),
        row("account opened again", IN_USE, |s| again(s, open), open),
        row("market listed again", IN_USE, |s| list_market(s, |m| m.index = 0), good),
        row("collateral listed again", IN_USE, |s| again(s, |s| list_collateral(s, |_| {})), good_listing),
        row("account closed again", Number(3007), |s| again(s, good_close), good_close),
        row("fees collected again", Program(E::NothingToSettle), |s| again(s, collect), collect),
        row(
            "fees to somebody else",
            Program(E::NotAuthorised),
            |s| {
                let mut attempt = collect(s);
                attempt.instructions[0].accounts[4].pubkey = s.stranger_wallet;
                attempt
            },
            collect,
        ),
        row("no feed of the quote token", Program(E::ParameterOutOfRange), |s| name_feed(s, |f| f.feed = [0; 32]), good_feed),
        row("feed of the least exponent", Program(E::ParameterOutOfRange), |s| name_feed(s, |f| f.exponent = i32::MIN), good_feed),
        row("feed of too fine an exponent", Program(E::ParameterOutOfRange), |s| name_feed(s, |f| f.exponent = -27), good_feed),
        row("feed of too coarse an exponent", Program(E::ParameterOutOfRange), |s| name_feed(s, |f| f.exponent = 11), good_feed),
        row("feed of the quote token named again", Program(E::QuoteFeedNamed), |s| again(s, |s| name_feed(s, |_| {})), good_feed),
        row(
            "feed of the quote token by somebody else",
            Program(E::NotGovernor),
            |s| {
                let attempt = name_feed(s, |_| {});
                signed_by(attempt, &s.stranger)
            },
            good_feed,
        ),
        row("market by somebody else", Program(E::NotGovernor), |s| by_stranger(list_market(s, |_| {}), s), good),
        row("collateral by somebody else", Program(E::NotGovernor), |s| by_stranger(list_collateral(s, |_| {}), s), good_listing),
        row(
            "the quote token as collateral",
            Program(E::MintNotAllowed),
            |s| {
                let world = &s.world;
                let args = build::CreateCollateralArgs { im_weight: 0, mm_weight: 0, cap: 1, warm_up: 0 };
                let list = build::create_collateral(world.payer.pubkey(), world.governor.pubkey(), s.keys(0).market, world.quote, args);
                Attempt::of(list, &[&world.payer, &world.governor])
            },
            good_listing,
        ),
        row(
            "market with the book of another",
            NOT_ZERO,
            |s| {
                let mut attempt = list_market(s, |_| {});
                attempt.instructions[0].accounts[4].pubkey = s.keys(0).book;
                attempt
            },
            good,
        ),
    ]);
    rows
}

/// The last instruction's governor is the stranger, who signs.
fn by_stranger(mut attempt: Attempt, scene: &Scene) -> Attempt {
    let last = attempt.instructions.len() - 1;
    attempt.instructions[last].accounts[1].pubkey = scene.stranger.pubkey();
    attempt.signers.pop();
    attempt.signers.push(scene.stranger.insecure_clone());
    attempt
}

#[test]
fn only_the_governor_lists_and_only_sound_numbers() -> Result<()> {
    let rows = check_rows(&mut Scene::calm()?, &governance_rows());
    assert!(rows >= 20);
    Ok(())
}
