//! Funding and the side index (RULES 7.5).
use super::*;
use crate::error::RiskError;
use crate::perp::state::{A_ONE, RECORDS};
use proptest::prelude::*;

const ONE_ATOM: i64 = 1 << 32;

#[test]
fn funding_moves_from_longs_to_shorts_and_leaves_nothing() {
    let mut world = World::new(3, 0, 1_000);
    world.trade(0, 1, 300, 1_000).unwrap();
    world.trade(0, 2, 700, 1_000).unwrap();
    accrue_funding(&mut world.market, 2 * ONE_ATOM).unwrap();
    assert_eq!(world.touch(0).unwrap().funding().raw(), -2_000);
    assert_eq!(world.touch(1).unwrap().funding().raw(), 600);
    assert_eq!(world.touch(2).unwrap().funding().raw(), 1_400);
    assert_eq!(world.market.clearing_quote, 0);
    world.check();
}

#[test]
fn fractions_of_atoms_end_with_the_tranche_and_nothing_stays_in_clearing() {
    let mut world = World::new(4, 0, 1_000);
    for other in 1..4 {
        world.trade(0, other, 7 * other as i64 + 1, 1_000).unwrap();
    }
    for n in 0..50 {
        accrue_funding(&mut world.market, if n % 3 == 0 { -ONE_ATOM / 7 } else { ONE_ATOM / 11 + n }).unwrap();
        let _ = world.touch(n as usize % 4).unwrap();
        world.check();
    }
    world.touch_all();
    assert_eq!((world.market.clearing_quote, world.market.dust), (0, 0), "every remainder has an owner");
    assert!(world.market.tranche_quote > 0);
}

#[test]
fn a_forced_close_takes_each_holder_pro_rata_at_the_price() {
    let mut world = World::new(4, 0, 1_000);
    world.trade(1, 0, 100, 1_000).unwrap();
    world.trade(2, 0, 300, 1_000).unwrap();
    world.trade(3, 0, 600, 1_000).unwrap();
    world.mark = Price::new(1_500);
    let closed = world.adl(0, 500).unwrap();
    assert_eq!((closed.lots.raw(), closed.quote.raw()), (500, -750_000));
    assert_eq!(closed.open_interest.raw(), 500);
    world.check();
    for (who, lots) in [(1, 50), (2, 150), (3, 300)] {
        let touched = world.touch(who).unwrap();
        assert_eq!(touched.closed_lots().raw(), -lots);
        assert_eq!(touched.closed_quote().raw(), lots * 1_500);
        assert_eq!(world.positions[who].lots, lots);
    }
    assert_eq!((world.market.clearing_lots, world.market.clearing_quote), (0, 0));
    world.check();
}

#[test]
fn a_side_closed_whole_starts_a_new_epoch_and_the_old_holders_are_paid() {
    let mut world = World::new(4, 0, 1_000);
    world.trade(0, 1, 400, 1_000).unwrap();
    world.trade(0, 2, 600, 1_000).unwrap();
    world.mark = Price::new(700);
    let closed = world.adl(0, 1_000).unwrap();
    assert_eq!((closed.epoch, closed.open_interest.raw()), (1, 0));
    assert_eq!(world.market.short.records[0].remaining, 2);
    world.trade(3, 0, 50, 700).unwrap();
    accrue_funding(&mut world.market, ONE_ATOM).unwrap();
    assert_eq!(world.touch(1).unwrap().closed_quote().raw(), -400 * 700);
    assert_eq!(world.touch(2).unwrap().closed_quote().raw(), -600 * 700);
    assert_eq!((world.positions[1].lots, world.unsettled(1)), (0, 120_000));
    assert_eq!(world.market.short.records[0].remaining, 0);
    world.touch_all();
    assert_eq!((world.market.clearing_lots, world.market.clearing_quote), (0, 0));
    world.check();
}

#[test]
fn a_side_almost_closed_rolls_over_with_the_lots_that_are_left() {
    let lots = 1 << 24;
    let mut world = World::new(3, 0, 1_000);
    world.trade(0, 1, lots, 1_000).unwrap();
    world.trade(0, 2, lots, 1_000).unwrap();
    let closed = world.adl(0, 2 * lots - 200).unwrap();
    assert_eq!((closed.epoch, world.market.short.a), (1, A_ONE), "0.0006 % left is below 2⁻¹⁶");
    let _ = world.touch(1).unwrap();
    assert_eq!((world.positions[1].lots, world.positions[1].epoch), (-100, 1));
    assert_eq!(world.positions[1].a0, A_ONE);
    world.touch_all();
    assert_eq!(world.market.clearing_lots, 0);
    world.check();
}

#[test]
fn a_straggler_walks_through_every_closed_epoch_and_the_fifth_waits_for_it() {
    let mut world = World::new(3, 0, 1_000);
    world.trade(0, 1, 1 << 28, 1_000).unwrap();
    for epoch in 1..=RECORDS {
        // Position 2 keeps the short side alive in each epoch; position 1 sleeps.
        world.trade(0, 2, 1 << 28, 1_000).unwrap();
        let held = world.positions[0].lots;
        let closed = world.adl(0, held - 2).unwrap();
        assert_eq!(closed.epoch as usize, epoch);
        world.check();
    }
    world.trade(0, 2, 1 << 28, 1_000).unwrap();
    let before = world.clone();
    let held = world.positions[0].lots;
    assert_eq!(world.adl(0, held - 2), Err(RiskError::StragglersFirst));
    assert_eq!((world.market, world.positions[0]), (before.market, before.positions[0]));
    let touched = world.touch(1).unwrap();
    assert_eq!(touched.closed_lots().raw() + world.positions[1].lots, 1 << 28);
    assert_eq!(world.positions[1].epoch as usize, RECORDS);
    assert!(world.market.short.records.iter().all(|record| record.remaining <= 1), "only position 2 is left behind");
    let _ = world.touch(2).unwrap();
    world.adl(0, held - 2).unwrap();
    world.touch_all();
    world.check();
    assert!(world.market.clearing_lots.abs() <= 2 * RECORDS as i64);
}

#[test]
fn the_part_of_a_lot_that_is_cut_off_is_paid_at_the_mark_and_held_by_clearing() {
    let mut world = World::new(4, 0, 900);
    for other in 1..4 {
        world.trade(other, 0, 1, 900).unwrap();
    }
    world.adl(0, 1).unwrap();
    world.touch_all();
    // Each long had 2/3 of a lot left: closed at the mark like the third before it.
    for other in 1..4 {
        assert_eq!(world.positions[other].lots, 0);
        assert!((-1..=0).contains(&world.positions[other].quote), "within an atom: {}", world.positions[other].quote);
    }
    assert_eq!((world.positions[0].lots, world.market.clearing_lots), (-2, 2));
    let value = world.market.clearing_quote + 2 * 900;
    assert!((0..=3).contains(&value), "clearing holds the two lots at their price: {value}");
    world.check();
    world.adl(0, 1).unwrap();
    assert_eq!(world.market.long.a, A_ONE, "closed against the tranche's lots: nobody's index moves");
    world.adl(0, 1).unwrap();
    assert_eq!((world.market.clearing_lots, world.market.long.open_interest), (0, 0));
    world.check();
}

#[test]
fn the_multiplier_is_rounded_down_so_that_lots_never_exceed_the_interest() {
    let mut world = World::new(2, 0, 1_000);
    world.trade(0, 1, 3, 1_000).unwrap();
    world.adl(0, 1).unwrap();
    assert_eq!(world.market.short.a, A_ONE * 2 / 3);
    assert_eq!(world.market.short.k, -(((A_ONE - A_ONE * 2 / 3) as i64 * 1_000) >> 16) - 1, "a short pays the ceiling");
}

#[test]
fn an_index_nobody_refers_to_starts_afresh() {
    let mut world = World::new(2, 0, 1_000);
    world.trade(0, 1, 1_000, 1_000).unwrap();
    world.adl(0, 500).unwrap();
    accrue_funding(&mut world.market, 5 * ONE_ATOM).unwrap();
    world.touch_all();
    assert_ne!(world.market.short.a, A_ONE);
    world.trade(1, 0, 500, 1_000).unwrap();
    for side in [world.market.long, world.market.short] {
        assert_eq!((side.a, side.k, side.f, side.live_positions), (A_ONE, 0, 0, 0));
    }
    world.check();
}

#[test]
fn funding_at_the_limit_of_its_range_rolls_the_epoch_over() {
    let mut world = World::new(2, 0, 1_000);
    world.trade(0, 1, 10, 1_000).unwrap();
    let step = 1_i64 << 60;
    for _ in 0..3 {
        accrue_funding(&mut world.market, step).unwrap();
    }
    assert_eq!((world.market.long.epoch, world.market.long.f), (1, 0));
    let paid = world.touch(0).unwrap().funding().raw();
    assert_eq!(paid, -10 * 3 * (step >> 32));
    assert_eq!(world.positions[0].lots, 10);
    world.touch_all();
    assert_eq!(world.market.clearing_quote, 0);
    world.check();
}

#[test]
fn a_forced_close_beyond_the_position_is_refused() {
    let mut world = World::new(3, 0, 1_000);
    world.trade(0, 1, 10, 1_000).unwrap();
    for lots in [0, -1, 11] {
        assert_eq!(world.adl(0, lots), Err(RiskError::QuantityOutOfRange));
    }
    assert_eq!(world.adl(2, 1), Err(RiskError::QuantityOutOfRange), "flat");
}

#[test]
fn a_position_opened_after_a_forced_close_is_not_cut_by_it() {
    let mut world = World::new(4, 0, 1_000);
    world.trade(1, 0, 1_000, 1_000).unwrap();
    world.adl(0, 333).unwrap();
    world.trade(2, 3, 500, 1_000).unwrap();
    accrue_funding(&mut world.market, 3 * ONE_ATOM).unwrap();
    let touched = world.touch(2).unwrap();
    assert_eq!((touched.closed_lots(), touched.funding().raw()), (Lots::ZERO, -1_501), "the index is rounded against the payer");
    world.adl(0, 100).unwrap();
    world.touch_all();
    // 100 of 1,167 lots, pro rata.
    assert_eq!(world.positions[2].lots, 500 * 1_067 / 1_167);
    world.check();
}

proptest! {
    /// At one price, forced closes move lots and no value: nobody gains an atom, and what the roundings took is in clearing.
    #[test]
    fn forced_closes_at_the_mark_move_no_value(
        sizes in prop::collection::vec(1..1_i64 << 26, 6),
        closes in prop::collection::vec((0..6_usize, 1..1_i64 << 26, any::<bool>()), 1..30),
        mark in 1..1_i64 << 30,
    ) {
        let mut world = World::new(7, 0, mark);
        for (n, &size) in sizes.iter().enumerate() {
            let (buyer, seller) = if n % 2 == 0 { (n, 6) } else { (6, n) };
            world.trade(buyer, seller, size, mark).unwrap();
        }
        let mut touches = 0;
        for (who, lots, is_everyone_touched) in closes {
            let _ = world.touch(who).unwrap();
            let held = world.positions[who].lots.abs();
            match world.adl(who, lots.min(held)) {
                Ok(_) => touches += 2,
                Err(error) => prop_assert!(held == 0 && error == RiskError::QuantityOutOfRange || error == RiskError::StragglersFirst),
            }
            if is_everyone_touched {
                world.touch_all();
                touches += 7;
            }
            world.check();
        }
        world.touch_all();
        touches += 7;
        for who in 0..7 {
            prop_assert!((-2 * touches..=0).contains(&world.unsettled(who)), "account {}: {}", who, world.unsettled(who));
        }
        let clearing = world.market.clearing_quote + world.market.clearing_lots * mark;
        prop_assert!((0..=2 * touches).contains(&clearing), "clearing: {}", clearing);
        prop_assert!(world.market.clearing_lots.abs() <= touches);
    }
}
