//! Bad input gets a numbered error and changes nothing. One table: what is wrong, what refuses it, and the valid twin of each transaction, so that
//! no row passes for another reason than the one it names.

mod confusion;
mod garbage;
mod governance;
mod oracle;
mod tokens;

use anyhow::Result;
use plimsoll::errors::PlimsollError as E;
use plimsoll_sdk::address;
use plimsoll_sdk::build::{self, LiquidateArgs};
use plimsoll_tests::attempts::*;
use plimsoll_tests::reject::Refusal::{self, Number, Program};
use plimsoll_tests::reject::{check_rows, row, Attempt, Make, Row};
use plimsoll_tests::scene::Scene;
use plimsoll_tests::{LIMIT, POST_ONLY, USD};
use solana_signer::Signer;

/// The system program's "account already in use".
const IN_USE: Refusal = Number(0);
/// The token program's "insufficient funds".
const TOKEN_FUNDS: Refusal = Number(1);
/// The token program's "owner does not match".
const TOKEN_OWNER: Refusal = Number(4);
/// The framework's "constraint zero": the account is in use already.
const NOT_ZERO: Refusal = Number(2013);
/// The framework's "duplicate mutable account".
const DUPLICATE: Refusal = Number(2040);

// Money (RULES 1)

fn money_rows() -> Vec<Row> {
    let deposits: Make = |s| deposit(s, 1);
    let takes: Make = |s| take(s, 1);
    let brings: Make = |s| bring(s, 1);
    let insures: Make = |s| insure(s, 1);
    vec![
        row("deposit of nothing", Program(E::QuantityOutOfRange), |s| deposit(s, 0), deposits),
        row("deposit of 2^63", Program(E::QuantityOutOfRange), |s| deposit(s, 1 << 63), deposits),
        row("greatest deposit", Program(E::QuantityOutOfRange), |s| deposit(s, u64::MAX), deposits),
        row("deposit of more than the wallet holds", TOKEN_FUNDS, |s| deposit(s, 1 << 40), deposits),
        row("withdrawal of nothing", Program(E::QuantityOutOfRange), |s| withdraw(s, 0), good_withdrawal),
        row("greatest withdrawal", Program(E::QuantityOutOfRange), |s| withdraw(s, u64::MAX), good_withdrawal),
        row("withdrawal of 2^63 - 1", Program(E::InsufficientCash), |s| withdraw(s, (1 << 63) - 1), good_withdrawal),
        row(
            "withdrawal of one atom more than the cash",
            Program(E::InsufficientCash),
            |s| {
                let cash = s.world.member(&s.taker.account).cash;
                withdraw(s, cash as u64 + 1)
            },
            good_withdrawal,
        ),
        row(
            "withdrawal into a shortfall",
            Program(E::BelowInitialMargin),
            |s| withdraw_of(s, debtor, 2_900 * USD as u64),
            |s| withdraw_of(s, debtor, 1_900 * USD as u64),
        ),
        row(
            "withdrawal below a tenth of gross notional",
            Program(E::NotionalFloor),
            |s| withdraw_of(s, debtor, 2_100 * USD as u64),
            |s| withdraw_of(s, debtor, 1_900 * USD as u64),
        ),
        row(
            "withdrawal beyond the hour's outflow",
            Program(E::OutflowLimit),
            |s| foreign_withdrawal(s, 60_000 * USD as u64),
            |s| foreign_withdrawal(s, 30_000 * USD as u64),
        ),
        row(
            "withdrawal by the delegate",
            Program(E::NotAuthorised),
            |s| {
                let mut attempt = withdraw_with(s, 0, |s| s.delegate.pubkey());
                attempt.signers = vec![s.delegate.insecure_clone()];
                attempt
            },
            good_withdrawal,
        ),
        row(
            "delegate named by the delegate",
            Program(E::NotAuthorised),
            |s| {
                let mut attempt = delegate(s, USD);
                attempt.instructions[0].accounts[0].pubkey = s.delegate.pubkey();
                attempt.signers = vec![s.delegate.insecure_clone()];
                attempt
            },
            |s| delegate(s, USD),
        ),
        row("negative loss cap", Program(E::QuantityOutOfRange), |s| delegate(s, -1), |s| delegate(s, 0)),
        row("loss cap out of range", Program(E::QuantityOutOfRange), |s| delegate(s, i64::MAX), |s| delegate(s, 1 << 56)),
        row(
            "withdrawal by another user",
            Program(E::NotAuthorised),
            |s| {
                let mut attempt = withdraw_with(s, 0, |s| s.stranger.pubkey());
                attempt.signers = vec![s.stranger.insecure_clone()];
                attempt
            },
            good_withdrawal,
        ),
        row(
            "withdrawal without the account's market",
            Program(E::MissingMarket),
            |s| {
                let mut attempt = withdraw_of(s, debtor, 1);
                attempt.instructions[0].accounts.pop();
                attempt
            },
            |s| withdraw_of(s, debtor, 1),
        ),
        row(
            "withdrawal without the account's collateral",
            Program(E::MissingCollateral),
            |s| {
                let mut attempt = good_withdrawal(s);
                attempt.instructions[0].accounts.pop();
                attempt
            },
            good_withdrawal,
        ),
        row("withdrawal to the vault itself", DUPLICATE, |s| withdraw_with(s, 5, |s| address::vault(&s.world.exchange)), good_withdrawal),
        row(
            "withdrawal from the insurance vault",
            Program(E::WrongVault),
            |s| withdraw_with(s, 4, |s| address::insurance_vault(&s.world.exchange)),
            good_withdrawal,
        ),
        row("withdrawal of another token", Program(E::MintNotAllowed), |s| withdraw_with(s, 3, |s| s.token.mint), good_withdrawal),
        row(
            "withdrawal from another exchange's account",
            Program(E::WrongExchange),
            |s| withdraw_with(s, 2, |s| s.foreign.account),
            good_withdrawal,
        ),
        row(
            "deposit out of a wallet of somebody else",
            TOKEN_OWNER,
            |s| {
                let mut attempt = deposit(s, 1);
                attempt.instructions[0].accounts[5].pubkey = s.stranger_wallet;
                attempt
            },
            deposits,
        ),
        row("deposit of no collateral", Program(E::QuantityOutOfRange), |s| bring(s, 0), brings),
        row("greatest deposit of collateral", Program(E::QuantityOutOfRange), |s| bring(s, u64::MAX), brings),
        row("deposit of collateral beyond its cap", Program(E::CollateralCap), |s| bring(s, (1 << 63) - 1), brings),
        row("deposit of more collateral than the wallet holds", TOKEN_FUNDS, |s| bring(s, 1 << 50), brings),
        row("withdrawal of no collateral", Program(E::QuantityOutOfRange), |s| take(s, 0), takes),
        row("greatest withdrawal of collateral", Program(E::QuantityOutOfRange), |s| take(s, u64::MAX), takes),
        row("withdrawal of more collateral than is held", Program(E::InsufficientCollateral), |s| take(s, 5_000_000_001), takes),
        row("closing an account that holds cash", Program(E::AccountNotEmpty), |s| close(s, |s| &s.keeper, |s| &s.keeper), good_close),
        row("closing an account of somebody else", Program(E::NotAuthorised), |s| close(s, |s| &s.keeper, |s| &s.empty), good_close),
        row("insurance payment of nothing", Program(E::QuantityOutOfRange), |s| insure(s, 0), insures),
        row("greatest insurance payment", Program(E::QuantityOutOfRange), |s| insure(s, u64::MAX), insures),
    ]
}

// Orders (RULES 5)

fn order_rows() -> Vec<Row> {
    let numbers: Vec<(&'static str, E, Make)> = vec![
        ("order of no lots", E::QuantityOutOfRange, |s| with_order(s, |o| o.lots = 0)),
        ("order of minus one lot", E::QuantityOutOfRange, |s| with_order(s, |o| o.lots = -1)),
        ("order of 2^30 + 1 lots", E::QuantityOutOfRange, |s| with_order(s, |o| o.lots = (1 << 30) + 1)),
        ("greatest order", E::QuantityOutOfRange, |s| with_order(s, |o| o.lots = i64::MAX)),
        ("least order", E::QuantityOutOfRange, |s| with_order(s, |o| o.lots = i64::MIN)),
        ("order at a price of zero", E::OrderPriceOutOfRange, |s| with_order(s, |o| o.price = 0)),
        ("order at a negative price", E::OrderPriceOutOfRange, |s| with_order(s, |o| o.price = -2_001_000)),
        ("order at 2^30 + 1", E::OrderPriceOutOfRange, |s| with_order(s, |o| o.price = (1 << 30) + 1)),
        ("order at the greatest price", E::OrderPriceOutOfRange, |s| with_order(s, |o| o.price = i64::MAX)),
        ("order at the least price", E::OrderPriceOutOfRange, |s| with_order(s, |o| o.price = i64::MIN)),
        ("order on no side", E::ParameterOutOfRange, |s| with_order(s, |o| o.side = 2)),
        ("order of no kind", E::ParameterOutOfRange, |s| with_order(s, |o| o.kind = 3)),
        ("order without fills", E::ParameterOutOfRange, |s| with_order(s, |o| o.max_fills = 0)),
        ("order of nine fills", E::ParameterOutOfRange, |s| with_order(s, |o| o.max_fills = 9)),
        ("order that has expired", E::AlreadyExpired, |s| with_order(s, |o| o.expiry = 1)),
        ("order far from the price", E::OutsideBand, |s| with_order(s, |o| o.price = 4_000_000)),
        ("order worth less than the least", E::QuantityOutOfRange, |s| {
            with_order(s, |o| {
                o.price = 500_000;
                o.lots = 1;
            })
        }),
        ("post-only order that crosses", E::PostOnlyCrosses, |s| with_order(s, |o| o.kind = POST_ONLY)),
        ("reduce-only order that increases", E::ReduceOnlyIncreases, |s| with_order(s, |o| o.reduce_only = true)),
        ("order beyond the margin", E::BelowInitialMargin, |s| {
            with_order(s, |o| {
                o.kind = LIMIT;
                o.price = 1_998_000;
                o.lots = 60_000;
            })
        }),
    ];
    let mut rows: Vec<Row> = numbers.into_iter().map(|(name, error, bad)| row(name, Program(error), bad, good_order)).collect();
    rows.extend([
        row(
            "order by a stranger",
            Program(E::NotAuthorised),
            |s| signed_by(good_order(s), &s.stranger),
            |s| signed_by(good_order(s), &s.delegate),
        ),
        row(
            "cancellation by a stranger",
            Program(E::NotAuthorised),
            |s| signed_by(good_cancel(s), &s.stranger),
            |s| signed_by(good_cancel(s), &s.delegate),
        ),
        row(
            "cancelling all by a stranger",
            Program(E::NotAuthorised),
            |s| signed_by(cancel_all(s), &s.stranger),
            |s| signed_by(cancel_all(s), &s.delegate),
        ),
        row("order with the book of another market", Program(E::WrongBook), |s| order_with(s, 3, |s| s.keys(1).book), good_order),
        row(
            "order in another exchange's market",
            Program(E::WrongExchange),
            |s| {
                let mut attempt = order_with(s, 2, |s| s.foreign.market.market);
                attempt.instructions[0].accounts[3].pubkey = s.foreign.market.book;
                attempt
            },
            good_order,
        ),
        row(
            "order without the maker",
            Program(E::MissingMaker),
            |s| {
                let mut attempt = good_order(s);
                attempt.instructions[0].accounts.pop();
                attempt
            },
            good_order,
        ),
        row("order with a maker of another exchange", Program(E::MissingMaker), |s| order_with_maker(s, |s| s.foreign.account), good_order),
        row("order with somebody else as the maker", Program(E::MissingMaker), |s| order_with_maker(s, |s| s.keeper.account), good_order),
        row(
            "order with a maker that cannot be written",
            Program(E::NotWritable),
            |s| {
                let mut attempt = good_order(s);
                attempt.instructions[0].accounts.last_mut().expect("maker").is_writable = false;
                attempt
            },
            good_order,
        ),
        row(
            "order without the account's collateral",
            Program(E::MissingCollateral),
            |s| {
                let mut attempt = good_order(s);
                let listing = s.collateral;
                attempt.instructions[0].accounts.retain(|meta| meta.pubkey != listing);
                attempt
            },
            good_order,
        ),
        row(
            "order with a listing in the place of its token's",
            Program(E::MissingCollateral),
            |s| {
                let mut attempt = good_order(s);
                let (ours, theirs) = (s.collateral, s.foreign.collateral);
                for meta in attempt.instructions[0].accounts.iter_mut().filter(|meta| meta.pubkey == ours) {
                    meta.pubkey = theirs;
                }
                attempt
            },
            good_order,
        ),
        row(
            "order on a price of 16 seconds",
            Program(E::PriceConditionRefused),
            |s| {
                s.world.pass(16);
                good_order(s)
            },
            |s| {
                s.world.pass(15);
                good_order(s)
            },
        ),
        row(
            "thirty-third order",
            Program(E::OrderSlotsFull),
            |s| {
                for number in 0..31 {
                    rest(s, 1_997_000 - number);
                }
                resting(s, 1_990_000)
            },
            |s| {
                for number in 0..30 {
                    rest(s, 1_997_000 - number);
                }
                resting(s, 1_990_000)
            },
        ),
        row("cancelling an order that never was", Program(E::OrderNotFound), |s| cancel(s, |_| 1 << 40), good_cancel),
        row("cancelling order zero", Program(E::OrderNotFound), |s| cancel(s, |_| 0), good_cancel),
        row("cancelling the greatest order", Program(E::OrderNotFound), |s| cancel(s, |_| u64::MAX), good_cancel),
        row(
            "cancelling another account's order",
            Program(E::OrderNotFound),
            |s| cancel(s, |s| s.world.member(&s.maker.account).orders[0].id),
            good_cancel,
        ),
        row(
            "cancelling in a market without a position",
            Program(E::OrderNotFound),
            |s| {
                let mut attempt = good_cancel(s);
                attempt.instructions[0].accounts[2].pubkey = s.keys(1).market;
                attempt.instructions[0].accounts[3].pubkey = s.keys(1).book;
                attempt
            },
            good_cancel,
        ),
        row("settling a market without a position", Program(E::NoPosition), |s| settle(s, 1), |s| settle(s, 0)),
        row(
            "settling on a price of 11 seconds",
            Program(E::PriceConditionRefused),
            |s| {
                s.world.pass(11);
                settle(s, 0)
            },
            |s| {
                s.world.pass(10);
                settle(s, 0)
            },
        ),
        row("touching a market without a position", Program(E::NoPosition), |s| touch(s, 1), |s| touch(s, 0)),
    ]);
    rows
}

#[test]
fn orders_that_cannot_be_meant_are_refused() -> Result<()> {
    let rows = check_rows(&mut Scene::calm()?, &order_rows());
    assert!(rows >= 20);
    Ok(())
}

// Liquidation (RULES 6, 7)

/// Nothing of this applies to healthy accounts.
fn healthy_rows() -> Vec<Row> {
    let none = |name, refusal, bad| Row { name, refusal: Program(refusal), bad, twin: None };
    vec![
        none("liquidating a healthy account", E::NotLiquidatable, slice),
        none("cancelling the orders of a healthy account", E::NotLiquidatable, |s| cancel_failing(s, debtor)),
        none("buying collateral of a healthy account", E::NotLiquidatable, good_conversion),
        none("spreading the estate of a healthy account", E::WrongState, |s| estate(s, debtor)),
        none("deleveraging a healthy account", E::NotBankrupt, |s| deleverage(s, debtor)),
        none("resolving an account that has cash", E::SettleEstateInstead, |s| resolve(s, debtor)),
        none("closing a round where there is no deficit", E::RoundNotReady, advance_round),
    ]
}

fn failing_rows() -> Vec<Row> {
    vec![
        row(
            "liquidator is the liquidatee",
            Program(E::SameAccount),
            |s| signed_by(slice_with(s, 1, |s| s.debtor.account), &s.debtor.owner),
            slice,
        ),
        row("liquidating with an account of somebody else", Program(E::NotAuthorised), |s| slice_with(s, 1, |s| s.maker.account), slice),
        row(
            "liquidating with an account of another exchange",
            Program(E::WrongExchange),
            |s| slice_with(s, 1, |s| s.foreign.account),
            slice,
        ),
        row("liquidating an account of another exchange", Program(E::WrongExchange), |s| slice_with(s, 2, |s| s.foreign.account), slice),
        row("liquidating on the book of another market", Program(E::WrongBook), |s| slice_with(s, 4, |s| s.keys(1).book), slice),
        row(
            "liquidating in a market without a position",
            Program(E::NoPosition),
            |s| {
                let mut attempt = slice_with(s, 3, |s| s.keys(1).market);
                attempt.instructions[0].accounts[4].pubkey = s.keys(1).book;
                attempt
            },
            slice,
        ),
        row(
            "liquidating minus one lot",
            Program(E::QuantityOutOfRange),
            |s| slice_of(s, debtor, LiquidateArgs { max_lots: -1, ..ANY_PRICE }),
            slice,
        ),
        row(
            "liquidating 2^30 + 1 lots",
            Program(E::QuantityOutOfRange),
            |s| slice_of(s, debtor, LiquidateArgs { max_lots: (1 << 30) + 1, ..ANY_PRICE }),
            slice,
        ),
        row(
            "liquidating the greatest quantity",
            Program(E::QuantityOutOfRange),
            |s| slice_of(s, debtor, LiquidateArgs { max_lots: i64::MAX, ..ANY_PRICE }),
            slice,
        ),
        row(
            "liquidating above the price limit",
            Program(E::LimitNotMet),
            |s| slice_of(s, debtor, LiquidateArgs { max_price: 1_000_000, ..ANY_PRICE }),
            slice,
        ),
        row(
            "liquidating below the price limit",
            Program(E::LimitNotMet),
            |s| slice_of(s, debtor, LiquidateArgs { min_price: 2_000_000, ..ANY_PRICE }),
            slice,
        ),
        row(
            "liquidating nothing where the book has nothing",
            Program(E::NoProgress),
            |s| {
                begin(s);
                slice_of(s, debtor, LiquidateArgs { max_lots: 0, ..ANY_PRICE })
            },
            |s| {
                begin(s);
                slice(s)
            },
        ),
        row(
            "liquidating on a price of 61 seconds",
            Program(E::PriceConditionRefused),
            |s| {
                begin(s);
                s.world.pass(61);
                slice(s)
            },
            |s| {
                begin(s);
                s.world.pass(60);
                slice(s)
            },
        ),
        row(
            "buyer is the failing account",
            Program(E::SameAccount),
            |s| signed_by(convert_with(s, 1, |s| s.taker.account), &s.taker.owner),
            good_conversion,
        ),
        row(
            "buying with an account of somebody else",
            Program(E::NotAuthorised),
            |s| convert_with(s, 1, |s| s.maker.account),
            good_conversion,
        ),
        row(
            "buying with an account of another exchange",
            Program(E::WrongExchange),
            |s| convert_with(s, 1, |s| s.foreign.account),
            good_conversion,
        ),
        row(
            "buying another exchange's listing",
            Program(E::WrongMarket),
            |s| convert_with(s, 3, |s| s.foreign.collateral),
            good_conversion,
        ),
        row("buying at another market's price", Program(E::WrongMarket), |s| convert_with(s, 4, |s| s.keys(1).market), good_conversion),
        row("buying nothing", Program(E::QuantityOutOfRange), |s| convert(s, |args| args.max_amount = 0), good_conversion),
        row("buying a negative amount", Program(E::QuantityOutOfRange), |s| convert(s, |args| args.max_amount = i64::MIN), good_conversion),
        row("buying for nothing", Program(E::QuantityOutOfRange), |s| convert(s, |args| args.max_cost = 0), good_conversion),
        row("buying beyond the cost limit", Program(E::LimitNotMet), |s| convert(s, |args| args.max_cost = 1), good_conversion),
        row("settling one market below initial margin", Program(E::SettleEstateInstead), |s| settle(s, 0), |s| estate(s, |s| &s.taker)),
        row("withdrawing below initial margin", Program(E::BelowInitialMargin), |s| withdraw_of(s, debtor, 1), |s| estate(s, debtor)),
        row("deleveraging an account that is not bankrupt", Program(E::NotBankrupt), |s| deleverage(s, debtor), slice),
    ]
}

/// The attempt after it has succeeded once.
fn again(scene: &mut Scene, attempt: Make) -> Attempt {
    let attempt = attempt(scene);
    attempt.send(&mut scene.world).expect("succeeds once");
    attempt
}

#[test]
fn money_does_not_move_on_bad_input() -> Result<()> {
    let rows = check_rows(&mut Scene::calm()?, &money_rows());
    assert!(rows >= 20);
    Ok(())
}

#[test]
fn healthy_accounts_are_left_alone() -> Result<()> {
    check_rows(&mut Scene::calm()?, &healthy_rows());
    Ok(())
}

#[test]
fn failing_accounts_are_liquidated_only_as_the_rules_say() -> Result<()> {
    let rows = check_rows(&mut failing()?, &failing_rows());
    assert!(rows >= 20);
    Ok(())
}

fn bankrupt_rows() -> Vec<Row> {
    vec![
        row("resolving before the estate is spread", Program(E::SettleEstateInstead), |s| resolve(s, debtor), |s| estate(s, debtor)),
        row(
            "resolving with lots open",
            Program(E::LotsRemain),
            |s| {
                let spread = estate(s, debtor);
                done(s, spread);
                resolve(s, debtor)
            },
            |s| deleverage(s, debtor),
        ),
        row("deleveraging again", Program(E::NoPosition), |s| again(s, |s| deleverage(s, debtor)), |s| deleverage(s, debtor)),
        row("spreading the estate again", Program(E::NothingToSettle), |s| again(s, |s| estate(s, debtor)), |s| estate(s, debtor)),
        row(
            "a bankrupt account trades",
            Program(E::NoEquity),
            |s| {
                let mut attempt = signed_by(good_order(s), &s.debtor.owner);
                let portfolio = s.portfolio(&s.debtor);
                let mut args = plimsoll_tests::order(plimsoll_tests::SELL, LIMIT, 1_205_000, 1);
                args.reduce_only = true;
                attempt.instructions[0] = build::place_order(s.debtor.owner.pubkey(), s.debtor.account, s.keys(0), args, &portfolio, &[]);
                attempt
            },
            |s| deleverage(s, debtor),
        ),
    ]
}

#[test]
fn the_bankrupt_are_resolved_in_order() -> Result<()> {
    check_rows(&mut ruined()?, &bankrupt_rows());
    check_rows(
        &mut spent()?,
        &[row("resolving twice", Program(E::NothingToSettle), |s| again(s, |s| resolve(s, debtor)), |s| resolve(s, debtor))],
    );
    let early = row(
        "closing a round early",
        Program(E::RoundNotReady),
        |s| {
            let absorb = resolve(s, debtor);
            done(s, absorb);
            advance_round(s)
        },
        |s| resolve(s, debtor),
    );
    check_rows(&mut spent()?, &[early]);
    check_rows(&mut registering()?, &[row("closing a round twice", Program(E::RoundNotReady), |s| again(s, advance_round), advance_round)]);
    Ok(())
}
