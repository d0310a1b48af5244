//! Rows on mints whose transfers could move another amount, run foreign code or be undone (RULES 1.1, 9.5), on full books, paused markets, and
//! accounts of another layout.

use super::{check_rows, row};
use anchor_spl::token_2022::spl_token_2022::extension::{default_account_state, transfer_fee, transfer_hook, ExtensionType};
use anchor_spl::token_2022::spl_token_2022::instruction as token;
use anchor_spl::token_2022::spl_token_2022::state::AccountState;
use anyhow::Result;
use plimsoll::errors::PlimsollError as E;
use plimsoll_sdk::build::{self, CreateCollateralArgs, InitializeExchangeArgs, Token};
use plimsoll_sdk::state::{Collateral, Exchange, MarginAccount, Market};
use plimsoll_tests::attempts::*;
use plimsoll_tests::reject::Refusal::{Number, Program};
use plimsoll_tests::reject::{Attempt, Make, Row, TOKEN_2022};
use plimsoll_tests::scene::{funded, mint_2022, Scene};
use plimsoll_tests::{order, place, IOC, LIMIT, SELL, USD};
use solana_instruction::Instruction;
use solana_pubkey::Pubkey;
use solana_signer::Signer;

/// What a mint of Token-2022 can do besides.
type Trick = fn(&Pubkey, &Pubkey) -> (ExtensionType, Instruction);

const TRICKS: [(&str, Trick); 6] = [
    ("a fee on transfers", |mint, key| {
        let fee = transfer_fee::instruction::initialize_transfer_fee_config(&TOKEN_2022, mint, Some(key), Some(key), 100, 1_000);
        (ExtensionType::TransferFeeConfig, fee.expect("fee"))
    }),
    ("a fee of nothing that may be raised", |mint, key| {
        let fee = transfer_fee::instruction::initialize_transfer_fee_config(&TOKEN_2022, mint, Some(key), Some(key), 0, 0);
        (ExtensionType::TransferFeeConfig, fee.expect("fee"))
    }),
    ("a hook on transfers", |mint, key| {
        let hook = transfer_hook::instruction::initialize(&TOKEN_2022, mint, Some(*key), Some(*key));
        (ExtensionType::TransferHook, hook.expect("hook"))
    }),
    ("a permanent delegate", |mint, key| {
        (ExtensionType::PermanentDelegate, token::initialize_permanent_delegate(&TOKEN_2022, mint, key).expect("delegate"))
    }),
    ("accounts frozen from the beginning", |mint, _| {
        let state = default_account_state::instruction::initialize_default_account_state(&TOKEN_2022, mint, &AccountState::Frozen);
        (ExtensionType::DefaultAccountState, state.expect("state"))
    }),
    ("a mint that may be closed and made anew", |mint, key| {
        (ExtensionType::MintCloseAuthority, token::initialize_mint_close_authority(&TOKEN_2022, mint, Some(key)).expect("close"))
    }),
];

fn mint_with(scene: &mut Scene, decimals: u8, trick: Option<Trick>) -> Token {
    let governor = scene.world.governor.pubkey();
    match trick {
        Some(trick) => mint_2022(&mut scene.world, decimals, Some(&|mint| trick(mint, &governor))),
        None => mint_2022(&mut scene.world, decimals, None),
    }
}

fn list(scene: &mut Scene, trick: Option<Trick>) -> Attempt {
    let token = mint_with(scene, 9, trick);
    let args = CreateCollateralArgs { im_weight: 1 << 29, mm_weight: 1 << 29, cap: 1 << 40, warm_up: 0 };
    let world = &scene.world;
    let list = build::create_collateral(world.payer.pubkey(), world.governor.pubkey(), scene.keys(0).market, token, args);
    Attempt::of(list, &[&world.payer, &world.governor])
}

fn found(scene: &mut Scene, trick: Option<Trick>) -> Attempt {
    let token = mint_with(scene, 6, trick);
    let governor = funded(&mut scene.world);
    let key = governor.pubkey();
    let args = InitializeExchangeArgs { guardian: key, fee_collector: key, outflow_hourly: 1 << 20, outflow_daily: 1 << 25 };
    let payer = scene.world.payer.insecure_clone();
    Attempt::of(build::initialize_exchange(payer.pubkey(), key, token, args), &[&payer, &governor])
}

#[test]
fn a_mint_with_a_trick_is_neither_collateral_nor_quote() -> Result<()> {
    let mut scene = Scene::calm()?;
    // A row cannot capture its trick, so each is tried by hand on the scene as it was.
    for (name, trick) in TRICKS {
        for make in [list, found] {
            let saved = (scene.world.svm.clone(), scene.world.now);
            let attempt = make(&mut scene, Some(trick));
            let refusal = plimsoll_tests::reject::refused(&mut scene.world, name, &attempt).map_err(anyhow::Error::msg)?;
            assert_eq!(refusal, Program(E::MintNotAllowed).error(), "{name}");
            (scene.world.svm, scene.world.now) = saved.clone();
            // The same without the trick.
            let attempt = make(&mut scene, None);
            attempt.send(&mut scene.world).map_err(|(error, log)| anyhow::anyhow!("{name}: {error:?}\n{log}"))?;
            (scene.world.svm, scene.world.now) = saved;
        }
    }
    Ok(())
}

/// Sixteen accounts of 32 orders fill the asks of the first market, from $204 on.
fn full() -> Result<Scene> {
    let mut scene = Scene::calm()?;
    let keys = (0..16).map(|_| scene.world.join(20_000 * USD as u64, 10_000 * USD as u64)).collect::<Result<Vec<_>>>()?;
    let resting = |scene: &Scene| {
        let book: plimsoll_sdk::state::OrderBook = scene.world.read(&scene.keys(0).book).expect("book");
        book.side(plimsoll_sdk::risk::book::Side::Ask).0.asks
    };
    'all: for (who, member) in keys.iter().enumerate() {
        for number in 0..32 {
            if resting(&scene) == 512 {
                break 'all;
            }
            place(&mut scene.world, member, 0, order(SELL, LIMIT, 2_040_000 + 32 * who as i64 + number, 1), &[])?;
        }
        scene.tick(1)?;
    }
    assert_eq!(resting(&scene), 512);
    Ok(scene)
}

fn offer(scene: &mut Scene, price: i64) -> Attempt {
    with_order(scene, |order| (order.side, order.kind, order.price, order.lots) = (SELL, LIMIT, price, 1))
}

#[test]
fn a_full_side_takes_only_what_is_better_than_its_worst() -> Result<()> {
    let rows = [
        row("order behind 512 others", Program(E::BookFull), |s| offer(s, 2_050_000), |s| offer(s, 2_040_100)),
        row("order at the price of the worst", Program(E::BookFull), |s| offer(s, 2_040_510), |s| offer(s, 2_040_509)),
    ];
    check_rows(&mut full()?, &rows);
    Ok(())
}

#[test]
fn a_paused_market_takes_reductions_only() -> Result<()> {
    let reduce: Make =
        |s| with_order(s, |order| (order.side, order.kind, order.reduce_only, order.price, order.lots) = (SELL, IOC, true, 1_999_000, 1));
    let rows = [
        row("order in a paused market", Program(E::MarketReduceOnly), good_order, reduce),
        row("order of the greatest size in a paused market", Program(E::MarketReduceOnly), |s| with_order(s, |o| o.lots = 1 << 30), reduce),
        row("order of the other side in a paused market", Program(E::MarketReduceOnly), |s| offer(s, 2_002_000), reduce),
        row(
            "reduction that increases in a paused market",
            Program(E::ReduceOnlyIncreases),
            |s| with_order(s, |o| o.reduce_only = true),
            reduce,
        ),
        row("pause by a stranger", Program(E::NotGuardian), |s| signed_by(pause(s), &s.stranger), pause),
        row("pause of another exchange's market", Program(E::WrongExchange), foreign_pause, pause),
        row("lifting a pause that runs", Program(E::PauseRuns), |s| signed_by(lift(s), &s.stranger), lift),
        row(
            "third pause in a row",
            Program(E::PauseLimit),
            |s| {
                let second = pause(s);
                done(s, second);
                pause(s)
            },
            pause,
        ),
    ];
    check_rows(&mut paused()?, &rows);
    Ok(())
}

fn foreign_pause(scene: &mut Scene) -> Attempt {
    let mut attempt = pause(scene);
    attempt.instructions[0].accounts[2].pubkey = scene.foreign.market.market;
    attempt
}

#[test]
fn withdrawals_queue_only_for_what_cannot_leave_at_once() -> Result<()> {
    let rows = [
        row("request for nothing", Program(E::QuantityOutOfRange), |s| ask(s, 0), good_request),
        row("greatest request", Program(E::QuantityOutOfRange), |s| ask(s, u64::MAX), good_request),
        row("request for 2^63 - 1", Program(E::InsufficientCash), |s| ask(s, (1 << 63) - 1), good_request),
        row("request for what may leave at once", Program(E::WithdrawAtOnce), |s| ask(s, 1), good_request),
        row("request by a stranger", Program(E::NotAuthorised), |s| signed_by(good_request(s), &s.stranger), good_request),
        row(
            "request to be paid to the vault",
            Program(E::SameAccount),
            |s| {
                let mut attempt = good_request(s);
                attempt.instructions[0].accounts[5].pubkey = plimsoll_sdk::address::vault(&s.world.exchange);
                attempt
            },
            good_request,
        ),
    ];
    check_rows(&mut settled_in()?, &rows);
    let rows = [
        row("second request", super::IN_USE, good_request, take_back),
        row("request paid early", Program(E::NothingGranted), pay_out, take_back),
        row("request taken back by a stranger", Program(E::NotAuthorised), |s| signed_by(take_back(s), &s.stranger), take_back),
    ];
    check_rows(&mut asked()?, &rows);
    let twice = row("request paid twice", Program(E::NothingGranted), |s| super::again(s, pay_out), pay_out);
    check_rows(&mut granted()?, &[twice]);
    let live = Row { name: "settling a market whose feed lives", refusal: Program(E::FeedNotDead), bad: settle_market, twin: None };
    check_rows(&mut Scene::calm()?, &[live]);
    let again = row("settling a market again", Program(E::FeedNotDead), |s| super::again(s, settle_market), settle_market);
    check_rows(&mut silent()?, &[again]);
    Ok(())
}

/// Gives an account another layout version.
fn reversion(scene: &mut Scene, key: Pubkey, offset: usize) {
    let mut account = scene.world.svm.get_account(&key).expect("account");
    assert_eq!(account.data[8 + offset], plimsoll_sdk::state::VERSION);
    account.data[8 + offset] = 0;
    scene.world.svm.set_account(key, account).expect("account");
}

fn old_market(scene: &mut Scene) {
    reversion(scene, scene.keys(0).market, core::mem::offset_of!(Market, version));
}

fn old_account(scene: &mut Scene) {
    reversion(scene, scene.taker.account, core::mem::offset_of!(MarginAccount, version));
}

#[test]
fn accounts_of_another_layout_are_not_read() -> Result<()> {
    let market: [(&'static str, Make, Make); 6] = [
        (
            "price for an old market",
            |s| {
                old_market(s);
                good_price(s)
            },
            good_price,
        ),
        (
            "order in an old market",
            |s| {
                old_market(s);
                good_order(s)
            },
            good_order,
        ),
        (
            "settling in an old market",
            |s| {
                old_market(s);
                settle(s, 0)
            },
            |s| settle(s, 0),
        ),
        (
            "touch in an old market",
            |s| {
                old_market(s);
                touch(s, 0)
            },
            |s| touch(s, 0),
        ),
        (
            "withdrawal with an old market",
            |s| {
                old_market(s);
                good_withdrawal(s)
            },
            good_withdrawal,
        ),
        (
            "health with an old market",
            |s| {
                old_market(s);
                check_health(s)
            },
            check_health,
        ),
    ];
    let account: [(&'static str, Make, Make); 6] = [
        (
            "order of an old account",
            |s| {
                old_account(s);
                good_order(s)
            },
            good_order,
        ),
        (
            "deposit to an old account",
            |s| {
                old_account(s);
                deposit(s, 1)
            },
            |s| deposit(s, 1),
        ),
        (
            "collateral to an old account",
            |s| {
                old_account(s);
                bring(s, 1)
            },
            |s| bring(s, 1),
        ),
        (
            "withdrawal of an old account",
            |s| {
                old_account(s);
                good_withdrawal(s)
            },
            good_withdrawal,
        ),
        (
            "cancelling all of an old account",
            |s| {
                old_account(s);
                cancel_all(s)
            },
            cancel_all,
        ),
        (
            "touch of an old account",
            |s| {
                old_account(s);
                touch(s, 0)
            },
            |s| touch(s, 0),
        ),
    ];
    let others: [(&'static str, Make, Make); 4] = [
        (
            "deposit to an old exchange",
            |s| {
                reversion(s, s.world.exchange, core::mem::offset_of!(Exchange, version));
                deposit(s, 1)
            },
            |s| deposit(s, 1),
        ),
        (
            "withdrawal from an old exchange",
            |s| {
                reversion(s, s.world.exchange, core::mem::offset_of!(Exchange, version));
                good_withdrawal(s)
            },
            good_withdrawal,
        ),
        (
            "withdrawal with an old collateral",
            |s| {
                reversion(s, s.collateral, core::mem::offset_of!(Collateral, version));
                good_withdrawal(s)
            },
            good_withdrawal,
        ),
        (
            "deposit of an old collateral",
            |s| {
                reversion(s, s.collateral, core::mem::offset_of!(Collateral, version));
                bring(s, 1)
            },
            |s| bring(s, 1),
        ),
    ];
    let all = market.into_iter().chain(account).chain(others);
    let rows: Vec<Row> = all.map(|(name, bad, twin)| row(name, Program(E::WrongVersion), bad, twin)).collect();
    assert_eq!(check_rows(&mut Scene::calm()?, &rows), 16);
    Ok(())
}

/// The program's events come by calls to itself. Nobody else can make one: its authority is an address that only the program signs for.
#[test]
fn nobody_forges_an_event() -> Result<()> {
    let mut scene = Scene::calm()?;
    let deposit = deposit(&mut scene, 1);
    let authority = plimsoll_sdk::address::event_authority();
    let forged = |is_signer: bool, key: Pubkey| Instruction {
        program_id: plimsoll_sdk::PROGRAM_ID,
        accounts: vec![solana_instruction::AccountMeta { pubkey: key, is_signer, is_writable: false }],
        data: [&0x1d9a_cb51_2ea5_45e4_u64.to_le_bytes()[..], &deposit.instructions[0].data[..]].concat(),
    };
    let stranger = scene.stranger.insecure_clone();
    let unsigned = Attempt::of(forged(false, authority), &[&stranger]);
    let error = plimsoll_tests::reject::refused(&mut scene.world, "event without its authority", &unsigned).map_err(anyhow::Error::msg)?;
    assert_eq!(error, Number(2002).error());
    let other = Attempt::of(forged(true, stranger.pubkey()), &[&stranger]);
    let error = plimsoll_tests::reject::refused(&mut scene.world, "event of another authority", &other).map_err(anyhow::Error::msg)?;
    assert_eq!(error, Number(2006).error());
    Ok(())
}
