//! The three accounts of `docs/margin.md`, with the numbers of that page.

use super::*;
use crate::liquidation::{
    check_liquidatee, pause, penalty_rate, size_slice, takeover, takeover_price, transition, AccountState, LegView, LiquidationParams,
    LiquidationState, Reason, Sample,
};
use crate::units::Round;

/// SOL: a lot is 0.01 SOL, so $1 of price is 10 000 atoms a lot.
const SOL: fn(i64) -> MarketRisk = |dollars| major(dollars * 10_000);
/// BTC: a lot is 0.0001 BTC, so $1 of price is 100 atoms a lot.
const BTC: fn(i64) -> MarketRisk = |dollars| major(dollars * 100);

/// The page shows hundredths of a dollar; a Q30 rate is low by at most 2⁻³⁰, one atom in $1000.
fn shows(amount: Quote, hundredths: i64) {
    assert!((amount.raw() - hundredths * 10_000).abs() < 100, "{amount:?} is not {hundredths} cents");
}

#[test]
fn example_ten_times_long() {
    let account = |price| of(usd(1_500), &[(SOL(price), position(10_000, 1_500_000))]);

    let opened = account(150);
    shows(opened.equity, 1_500_00);
    shows(opened.mm, 450_00);
    shows(opened.target, 750_00);
    shows(opened.im, 750_00);
    shows(opened.equity_im, 1_485_00);
    assert_eq!(opened.legs[0].worst_scenario, 2);

    let warned = account(140);
    shows(warned.equity, 500_00);
    shows(warned.mm, 420_00);
    shows(warned.target, 700_00);

    let failing = account(139);
    shows(failing.equity, 400_00);
    shows(failing.mm, 417_00);
    shows(failing.target, 695_00);
    shows(failing.equity_trigger, 413_90);

    let params = LiquidationParams::default();
    let step = |state: &LiquidationState, health: &Health, publish| {
        let sample = Sample { publish: Secs::new(publish), now: Secs::new(publish + 1) };
        transition(state, health, Quote::ZERO, sample, &params).unwrap()
    };
    let first = step(&LiquidationState::default(), &warned, 100);
    assert_eq!((first.to, first.reason), (AccountState::Warned, Reason::BelowTarget));
    let second = step(&first.next, &failing, 110);
    assert_eq!((second.to, second.reason), (AccountState::Warned, Reason::FirstSample));
    let third = step(&second.next, &failing, 112);
    assert_eq!((third.to, third.reason), (AccountState::Liquidating, Reason::SecondSample));
}

#[test]
fn example_ten_times_long_is_liquidated() {
    let params = LiquidationParams::default();
    let (sol, leg) = (terms(&SOL(139)), position(10_000, 1_500_000));
    let failing = health(usd(1_500), [(&sol, &leg)]).unwrap();
    let view = LegView { health: &failing, terms: &sol, leg: &leg, rate: penalty_rate(Secs::ZERO, &params).unwrap(), cross: None };

    let size = size_slice(&view, &params).unwrap();
    assert_eq!((size.quota.raw(), size.needed.raw(), size.lots.raw()), (2_000, 4_717, 2_000));
    assert_eq!(pause(&failing, &params).unwrap(), Secs::new(28));
    let limit = takeover_price(sol.mark(), Lots::new(-2_000), view.capped_rate(Lots::new(1), Round::Floor).unwrap()).unwrap();
    assert_eq!(limit.raw(), 1_383_051);

    let outcome = takeover(&view, size.lots, &params).unwrap();
    shows(outcome.penalty.total, 13_90);
    shows(outcome.penalty.keeper, 6_95);
    shows(outcome.penalty.insurance, 5_56);
    shows(outcome.penalty.protocol, 1_39);
    shows(outcome.liquidatee_quote, 2_766_10);
    shows(outcome.liquidator_quote, -2_773_05);

    let rest = LegInput { lots: Lots::new(8_000), quote: leg.quote.add(outcome.liquidatee_quote).unwrap(), ..leg };
    let after = health(usd(1_500), [(&sol, &rest)]).unwrap();
    shows(after.equity, 386_10);
    shows(after.mm, 333_60);
    shows(after.target, 556_00);
    assert_eq!(check_liquidatee(&failing, &after, leg.lots, rest.lots, &sol, &Depeg::NONE).unwrap(), Ok(()));
}

#[test]
fn example_collateral_hedged_by_a_short_perp() {
    let account = |price: i64| {
        let value = usd(100 * price);
        let weighted = |weight| value.scale(Ratio::of(weight, 100), Round::Floor).unwrap();
        let hedge = LegInput { collateral_im: weighted(75), collateral_mm: weighted(80), ..position(-10_000, 1_500_000) };
        of(Quote::ZERO, &[(SOL(price), hedge)])
    };
    let opened = account(150);
    shows(opened.equity, 12_000_00);
    shows(opened.legs[0].delta, -3_000_00);
    shows(opened.mm, 90_00);
    shows(opened.target, 390_00);
    shows(opened.legs[0].scan_im, 187_50);
    shows(opened.im, 390_00);
    shows(opened.equity_im, 11_246_25);
    assert_eq!(opened.legs[0].worst_scenario, 1);

    let risen = account(165);
    shows(risen.legs[0].unsettled, -1_500_00);
    shows(risen.equity, 11_700_00);
    shows(risen.mm, 99_00);
    shows(risen.target, 429_00);

    // The same SOL without the short: four times the maintenance margin.
    let alone = LegInput { collateral_im: usd(11_250), collateral_mm: usd(12_000), ..LegInput::default() };
    shows(of(Quote::ZERO, &[(SOL(150), alone)]).mm, 360_00);
}

#[test]
fn example_two_markets_with_open_orders() {
    let bitcoin = MarketRisk { twap: Price::new(59_700 * 100), ..BTC(60_000) };
    let bitcoin_leg = position(5_000, 61_000 * 100);
    let solana_leg = LegInput {
        bids: Lots::new(15_000),
        bids_value: usd(150 * 151),
        asks: Lots::new(2_000),
        asks_value: usd(20 * 152),
        ..position(-5_000, 1_550_000)
    };
    let account = of(usd(5_000), &[(bitcoin, bitcoin_leg), (SOL(150), solana_leg)]);

    shows(account.equity, 4_750_00);
    shows(account.legs[1].unsettled_im, 225_00);
    shows(account.legs[0].edge_im, 150_00);
    shows(account.legs[1].edge_im, 15_00);
    shows(account.equity_im, 4_560_00);
    shows(account.legs[0].scan_im, 1_500_00);
    shows(account.legs[1].scan_im, 900_00);
    assert_eq!((account.legs[1].worst_scenario, account.legs[1].worst_scenario_im), (1, 2));
    shows(account.mm, 1_125_00);
    shows(account.target, 1_875_00);
    shows(account.im, 2_400_00);
    assert!(account.is_initial());
    // After withdrawing $1000 there are $3750 left, exactly a tenth of the notional; a cent more is too much.
    let withdrawn = |amount| of(usd(5_000).sub(amount).unwrap(), &[(bitcoin, bitcoin_leg), (SOL(150), solana_leg)]);
    assert!(withdrawal_allowed(&withdrawn(usd(1_000))).unwrap());
    assert!(!withdrawal_allowed(&withdrawn(cents(1_000_01))).unwrap());
}
