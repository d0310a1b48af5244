//! The checks notice a single atom, lot or count that is wrong.
use super::*;

/// A name and a change that the checks must notice.
type Tampering = (&'static str, fn(&mut World));

fn sane() -> World {
    let mut world = World::new(3, 1_000, 1_000);
    world.trade(0, 1, 10, 1_000).unwrap();
    world.trade(2, 1, 7, 1_000).unwrap();
    world.adl(1, 3).unwrap();
    world.mark = Price::new(1_010);
    world.touch_all();
    world.wait(100);
    world.touch_all();
    world.check();
    world
}

#[test]
fn every_field_of_the_raw_identity_is_watched() {
    let world = sane();
    let changes: [Tampering; 8] = [
        ("pool", |w| w.market.pool += 1),
        ("clearing lots", |w| w.market.clearing_lots -= 1),
        ("clearing quote", |w| w.market.clearing_quote -= 1),
        ("tranche quote", |w| w.market.tranche_quote += 1),
        ("a position's lots", |w| w.positions[0].lots += 1),
        ("a position's quote", |w| w.positions[2].quote -= 1),
        ("negative pool", |w| (w.market.pool, w.positions[0].quote) = (w.market.pool - 1_000, w.positions[0].quote - 1_000)),
        ("negative tranche", |w| w.market.tranche_cash = -1),
    ];
    for (name, change) in changes {
        let mut broken = world.clone();
        change(&mut broken);
        assert!(!check_raw(&broken.market, &broken.positions), "{name}");
    }
    assert!(!check_raw(&world.market, &world.positions[1..]), "a position left out");
}

#[test]
fn every_counter_is_watched() {
    let world = sane();
    let changes: [Tampering; 8] = [
        ("long interest", |w| w.market.long.open_interest -= 1),
        ("both interests below the lots", |w| (w.market.long.open_interest, w.market.short.open_interest) = (1, 1)),
        ("live longs", |w| w.market.long.live_positions += 1),
        ("live shorts", |w| w.market.short.live_positions -= 1),
        ("positions", |w| w.market.positions += 1),
        ("matured", |w| w.market.matured_total += 1),
        ("shares", |w| w.positions[1].open_shares += 1),
        ("round shares", |w| w.market.rounds[2].shares += 1),
    ];
    for (name, change) in changes {
        let mut broken = world.clone();
        change(&mut broken);
        assert!(!check_counts(&broken.market, &broken.positions), "{name}");
    }
}
