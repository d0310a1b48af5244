//! Trades, fees, carry and the sign conventions.
use super::*;
use crate::error::RiskError;

#[test]
fn a_trade_is_exact_and_moves_no_money() {
    let mut world = World::new(2, 1_000, 500);
    world.trade(0, 1, 10, 510).unwrap();
    assert_eq!((world.positions[0].lots, world.positions[0].quote), (10, -5_100));
    assert_eq!((world.positions[1].lots, world.positions[1].quote), (-10, 5_100));
    assert_eq!((world.unsettled(0), world.unsettled(1)), (-100, 100));
    assert_eq!(world.market.long.open_interest, 10);
    assert_eq!((world.market.positions, world.market.pool), (2, 0));
    world.check();
}

#[test]
fn a_position_flips_through_zero() {
    let mut world = World::new(3, 0, 500);
    world.trade(0, 1, 10, 500).unwrap();
    world.wait(50);
    world.trade(2, 0, 25, 500).unwrap();
    assert_eq!(world.positions[0].lots, -15);
    assert_eq!(world.positions[0].opened_at, START + 50, "a flip is a new position");
    assert_eq!((world.market.long.live_positions, world.market.short.live_positions), (1, 2));
    assert_eq!(world.market.short.open_interest, 25);
    world.check();
}

#[test]
fn opening_time_is_weighted_by_size_and_kept_by_reductions() {
    let mut world = World::new(2, 0, 500);
    world.trade(0, 1, 10, 500).unwrap();
    world.wait(100);
    world.trade(0, 1, 30, 500).unwrap();
    assert_eq!(world.positions[0].opened_at, START + 75);
    world.trade(1, 0, 20, 500).unwrap();
    assert_eq!(world.positions[0].opened_at, START + 75);
    world.trade(1, 0, 20, 500).unwrap();
    assert_eq!((world.positions[0].opened_at, world.market.positions), (0, 0), "flat at the entry price is empty");
}

#[test]
fn a_trade_out_of_range_changes_nothing() {
    let mut world = World::new(2, 0, 500);
    world.trade(0, 1, 10, 500).unwrap();
    let before = world.clone();
    for (lots, price, error) in [
        (0, 500, RiskError::QuantityOutOfRange),
        (1 << 30, 500, RiskError::QuantityOutOfRange),
        (i64::MIN, 500, RiskError::Overflow),
        (1, 0, RiskError::PriceOutOfRange),
        (1, (1 << 30) + 1, RiskError::PriceOutOfRange),
    ] {
        let touched = world.touch(0).unwrap();
        let refused = trade(
            &mut world.market,
            &mut world.positions[0],
            &touched,
            Lots::new(if lots == i64::MIN { i64::MAX } else { lots }),
            Price::new(price),
        );
        assert_eq!(refused, Err(error), "{lots} at {price}");
        assert_eq!((world.market, world.positions[0]), (before.market, before.positions[0]));
    }
    assert_eq!(world.clone().touch(0).map(|_| ()), Ok(()));
    world.mark = Price::new(0);
    assert_eq!(world.touch(0).map(|_| ()), Err(RiskError::PriceOutOfRange));
}

#[test]
fn the_largest_position_at_the_largest_price_fits() {
    let mut world = World::new(2, 0, 1 << 30);
    world.trade(0, 1, 1 << 30, 1 << 30).unwrap();
    accrue_funding(&mut world.market, i64::MAX / 4).unwrap();
    world.touch_all();
    world.adl(0, 1 << 29).unwrap();
    world.touch_all();
    assert_eq!(world.positions[1].lots, -(1 << 29));
    world.check();
}

#[test]
fn a_step_on_a_position_that_is_not_current_is_refused() {
    let mut world = World::new(3, 1_000, 500);
    world.trade(0, 1, 10, 500).unwrap();
    let touched = world.touch(0).unwrap();
    accrue_funding(&mut world.market, 1 << 32).unwrap();
    let refused = trade(&mut world.market, &mut world.positions[0], &touched, Lots::new(1), Price::new(500));
    assert_eq!(refused, Err(RiskError::WrongState), "funding moved");
    let touched = world.touch(1).unwrap();
    world.adl(0, 5).unwrap();
    let refused = settle_loss(&mut world.market, &mut world.positions[1], &touched, Quote::new(5));
    assert_eq!(refused, Err(RiskError::WrongState), "the side index moved");
}

#[test]
fn a_fee_takes_cash_first_and_the_rest_is_a_loss_the_tranche_claims() {
    let mut world = World::new(2, 101, 500);
    world.trade(0, 1, 10, 500).unwrap();
    let split = world.charge_fee(0, 150).unwrap();
    assert_eq!((split.from_cash.raw(), split.as_loss.raw()), (101, 49));
    assert_eq!((split.tranche.raw(), split.protocol.raw()), (51, 50), "the odd atom is the tranche's");
    assert_eq!((world.market.tranche_cash, world.market.fees, world.market.tranche_quote), (51, 50, 49));
    assert_eq!(world.unsettled(0), -49);
    assert_eq!(world.market.fund_window.earned_total, 100);
    world.check();
}

#[test]
fn a_fee_first_repays_what_the_tranche_owes() {
    let mut world = World::new(2, 1_000, 500);
    world.trade(0, 1, 10, 500).unwrap();
    world.market.tranche_quote = -30;
    world.market.clearing_quote = 30;
    let split = world.charge_fee(0, 100).unwrap();
    assert_eq!((split.repaid.raw(), split.tranche.raw(), split.protocol.raw()), (30, 20, 50));
    assert_eq!((world.market.tranche_quote, world.market.pool), (0, 30));
    world.check();
}

#[test]
fn an_old_loss_pays_a_carry_to_the_tranche_and_a_young_one_does_not() {
    let mut world = World::new(2, 0, 1_000);
    world.trade(0, 1, 1_000, 1_000).unwrap();
    world.mark = Price::new(900);
    world.touch_all();
    world.wait(3_600);
    assert_eq!(world.touch(0).unwrap().carry(), Quote::ZERO);
    world.wait(1_800);
    // 100,000 atoms × 0.01 %/h × half an hour
    assert_eq!(world.touch(0).unwrap().carry().raw(), 5);
    assert_eq!(world.touch(0).unwrap().carry().raw(), 0, "no time, no carry");
    assert_eq!(world.market.tranche_quote, 5);
    assert_eq!(world.touch(1).unwrap().carry().raw(), 0, "profit pays none");
    world.check();
    world.mark = Price::new(1_100);
    world.touch_all();
    assert_eq!(world.positions[0].loss_since, 0, "recovered");
}

#[test]
fn a_slot_is_free_without_lots_balance_shares_and_orders() {
    let mut pos = Position::default();
    assert!(pos.is_free());
    pos.bids = 1;
    assert!(pos.is_empty() && !pos.is_free());
    pos = Position { open_shares: 1, ..Position::default() };
    assert!(!pos.is_empty());
}

#[test]
fn a_clock_that_goes_back_counts_as_no_time() {
    let mut world = World::new(2, 0, 1_000);
    world.trade(0, 1, 10, 1_000).unwrap();
    let at = world.positions[0].touched_at;
    world.wait(-100);
    let touched = world.touch(0).unwrap();
    assert_eq!((touched.now().raw(), world.positions[0].touched_at), (at, at));
}
