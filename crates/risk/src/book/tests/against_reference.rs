//! The book against a slow, obvious one: an unsorted list, linear scans, removal one at a time.

use super::super::*;
use super::{key, Book};
use crate::book::depth::is_book_valid;
use crate::book::matching::sweep;
use crate::units::Ratio;
use proptest::prelude::*;

const OWNERS: u8 = 6;

/// What the reference says happened to one order: (id, price, filled, left, kind).
type Event = (u64, i64, i64, i64, StepKind);

#[derive(Clone)]
struct Resting {
    is_bid: bool,
    owner: u8,
    id: u64,
    price: i64,
    lots: i64,
    expiry: i64,
    placed_at: i64,
    generation: u32,
    is_reduce_only: bool,
}

impl Resting {
    fn is_expired(&self, now: i64) -> bool {
        self.expiry > 0 && now >= self.expiry
    }

    /// Whether this order stands before `other` of the same side.
    fn is_before(&self, other: &Self) -> bool {
        if self.price == other.price {
            return self.id < other.id;
        }
        (self.price > other.price) == self.is_bid
    }

    fn matches(&self, order: &Order) -> bool {
        key(self.owner) == order.owner
            && self.id == order.id
            && self.price == i64::from(order.price)
            && self.lots == i64::from(order.lots)
            && self.expiry == i64::from(order.expiry)
            && self.placed_at == i64::from(order.placed_at)
            && self.generation == order.generation
            && self.is_reduce_only == order.is_reduce_only()
    }
}

/// Accounts: their generations, whether they are passed, what they may still trade.
#[derive(Clone, Debug)]
struct World {
    generations: [u32; 6],
    is_passed: [bool; 6],
    room: [i64; 6],
}

impl Makers for World {
    fn find(&self, owner: &Key) -> Option<Maker> {
        let index = (0..OWNERS).find(|&index| key(index) == *owner)?;
        let at = usize::from(index);
        self.is_passed[at].then_some(Maker { index, generation: self.generations[at] })
    }

    fn admit(&mut self, maker: Maker, _: &Order, lots: Lots) -> RiskResult<Admission> {
        let room = &mut self.room[usize::from(maker.index)];
        let admitted = lots.raw().min(*room);
        *room -= admitted;
        Ok(if admitted > 0 { Admission::Fill(Lots::new(admitted)) } else { Admission::Refuse })
    }
}

#[derive(Default)]
struct Reference {
    capacity: usize,
    issued: u64,
    orders: Vec<Resting>,
}

impl Reference {
    /// One side, best first.
    fn queue(&self, is_bid: bool) -> Vec<Resting> {
        let mut queue: Vec<Resting> = Vec::new();
        for order in self.orders.iter().filter(|order| order.is_bid == is_bid) {
            let at = queue.iter().position(|other| order.is_before(other)).unwrap_or(queue.len());
            queue.insert(at, order.clone());
        }
        queue
    }

    fn delete(&mut self, id: u64) {
        self.orders.retain(|order| order.id != id);
    }

    /// The id and who was evicted, or nothing on a full side.
    fn place(&mut self, mut order: Resting, now: i64) -> Option<(u64, Option<u64>)> {
        let queue = self.queue(order.is_bid);
        let mut evicted = None;
        if queue.len() == self.capacity {
            let worst = queue.last()?;
            let is_better = if order.is_bid { order.price > worst.price } else { order.price < worst.price };
            if !is_better && !worst.is_expired(now) {
                return None;
            }
            evicted = Some(worst.id);
            self.delete(worst.id);
        }
        self.issued += 1;
        order.id = self.issued;
        self.orders.push(order);
        Some((self.issued, evicted))
    }

    fn cancel(&mut self, id: u64, owner: u8) -> bool {
        let is_there = self.orders.iter().any(|order| order.id == id && order.owner == owner);
        if is_there {
            self.delete(id);
        }
        is_there
    }

    /// `None` when a post-only order would trade or may not rest; else events, lots filled, lots to rest, and who was missing.
    #[allow(clippy::type_complexity)]
    fn take(&mut self, attempt: &Attempt, now: i64, world: &mut World) -> Option<(Vec<Event>, i64, i64, Option<u8>)> {
        let before = self.orders.clone();
        let (is_bid, taker) = (attempt.is_bid, attempt.owner);
        let (low, high) = (attempt.oracle - attempt.width, attempt.oracle + attempt.width);
        let may_rest = if is_bid { attempt.price <= high } else { attempt.price >= low };
        if attempt.kind == OrderKind::PostOnly && !may_rest {
            return None;
        }
        let (mut events, mut filled, mut fills, mut visits) = (Vec::new(), 0, 0, 0);
        let (mut missing, mut is_clear) = (None, true);
        for order in self.queue(!is_bid) {
            let is_within = if is_bid { order.price <= attempt.price.min(high) } else { order.price >= attempt.price.max(low) };
            if filled == attempt.lots || !is_within {
                break;
            }
            if events.len() == 16 || visits == 32 {
                is_clear = false;
                break;
            }
            visits += 1;
            let owner = usize::from(order.owner);
            let is_unfillable = if is_bid { order.price < low } else { order.price > high };
            let reason = if order.is_expired(now) {
                Some(StepKind::Expired)
            } else if is_unfillable {
                Some(StepKind::OutOfBand)
            } else if order.owner == taker && order.generation == world.generations[owner] {
                Some(StepKind::SelfTrade)
            } else if (order.owner == taker || world.is_passed[owner]) && order.generation < world.generations[owner] {
                Some(StepKind::CancelledAll)
            } else {
                None
            };
            if let Some(reason) = reason {
                events.push((order.id, order.price, 0, 0, reason));
                self.delete(order.id);
                continue;
            }
            if attempt.kind == OrderKind::PostOnly {
                self.orders = before;
                return None;
            }
            if !world.is_passed[owner] {
                is_clear = false;
                if now - order.placed_at < 2 {
                    continue;
                }
                missing = Some(order.owner);
                break;
            }
            if fills == 8 {
                is_clear = false;
                break;
            }
            let wanted = order.lots.min(attempt.lots - filled);
            let given = wanted.min(world.room[owner]);
            world.room[owner] -= given;
            filled += given;
            fills += usize::from(given > 0);
            let left = if given == wanted { order.lots - given } else { 0 };
            let kind = match given {
                0 => StepKind::Refused,
                _ if given < wanted => StepKind::Trimmed,
                _ => StepKind::Filled,
            };
            events.push((order.id, order.price, given, left, kind));
            if left == 0 {
                self.delete(order.id);
            } else {
                self.orders.iter_mut().find(|other| other.id == order.id).unwrap().lots = left;
            }
        }
        let rests = attempt.kind != OrderKind::ImmediateOrCancel && may_rest && is_clear;
        Some((events, filled, if rests { attempt.lots - filled } else { 0 }, missing))
    }

    fn sweep(&mut self, is_bid: bool, now: i64, world: &World) -> Vec<u64> {
        let mut removed = Vec::new();
        for order in self.queue(is_bid).into_iter().take(32) {
            let owner = usize::from(order.owner);
            let is_cancelled = world.is_passed[owner] && order.generation < world.generations[owner];
            if (order.is_expired(now) || is_cancelled) && removed.len() < 16 {
                removed.push(order.id);
                self.delete(order.id);
            }
        }
        removed
    }
}

#[derive(Clone, Debug)]
struct Attempt {
    is_bid: bool,
    owner: u8,
    kind: OrderKind,
    price: i64,
    lots: i64,
    life: i64,
    is_reduce_only: bool,
    is_passed: [bool; 6],
    room: [i64; 6],
    oracle: i64,
    width: i64,
}

#[derive(Clone, Debug)]
enum Action {
    Place(Attempt),
    Cancel(u64, u8),
    CancelAll(u8),
    Wait(i64),
    Sweep(bool, [bool; 6]),
}

fn attempt() -> impl Strategy<Value = Attempt> {
    let kind = prop_oneof![6 => Just(OrderKind::Limit), 2 => Just(OrderKind::ImmediateOrCancel), 2 => Just(OrderKind::PostOnly)];
    let room = prop::array::uniform6(prop_oneof![1 => 0_i64..6, 3 => Just(1_000)]);
    let passed = prop::array::uniform6(prop::bool::weighted(0.85));
    let size = prop_oneof![5 => 1_i64..6, 1 => 20_i64..200];
    let life = prop_oneof![3 => Just(0_i64), 1 => 1_i64..12];
    // Mostly on the own side of the oracle, so that the book grows; the rest crosses.
    (any::<bool>(), 0..OWNERS, kind, -6_i64..13, size, life, any::<bool>(), passed, room, (96_i64..=104, 2_i64..8)).prop_map(
        |(is_bid, owner, kind, away, lots, life, is_reduce_only, is_passed, room, (oracle, width))| {
            let price = if is_bid { 100 - away } else { 100 + away };
            Attempt { is_bid, owner, kind, price, lots, life, is_reduce_only, is_passed, room, oracle, width }
        },
    )
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        20 => attempt().prop_map(Action::Place),
        3 => (0_u64..60, 0..OWNERS).prop_map(|(back, owner)| Action::Cancel(back, owner)),
        1 => (0..OWNERS).prop_map(Action::CancelAll),
        4 => (1_i64..4).prop_map(Action::Wait),
        1 => (any::<bool>(), prop::array::uniform6(any::<bool>())).prop_map(|(is_bid, passed)| Action::Sweep(is_bid, passed)),
    ]
}

fn side_of(is_bid: bool) -> Side {
    if is_bid {
        Side::Bid
    } else {
        Side::Ask
    }
}

fn place<const N: usize>(book: &mut Book<N>, reference: &mut Reference, world: &mut World, now: i64, attempt: &Attempt) {
    let taker_at = usize::from(attempt.owner);
    (world.is_passed, world.room) = (attempt.is_passed, attempt.room);
    let side = side_of(attempt.is_bid);
    let price = |raw| Price::new(raw);
    let taker = Taker {
        owner: key(attempt.owner),
        generation: world.generations[taker_at],
        side,
        kind: attempt.kind,
        limit: price(attempt.price),
        lots: Lots::new(attempt.lots),
        band: PriceBand {
            fill_low: price(attempt.oracle - attempt.width),
            fill_high: price(attempt.oracle + attempt.width),
            order_low: price(50),
            order_high: price(150),
        },
        now: Secs::new(now),
        max_fills: 8,
    };
    let mut twin = world.clone();
    let found = match_against(book.live(side.opposite()), &taker, world);
    let expected = reference.take(attempt, now, &mut twin);
    let Some((events, filled, rest, missing)) = expected else {
        assert!(matches!(found, Err(RiskError::WouldCross | RiskError::PriceOutsideBand)));
        return;
    };
    let outcome = found.unwrap();
    let steps: Vec<Event> =
        outcome.steps().iter().map(|step| (step.id, step.price.raw(), step.filled.raw(), step.left.raw(), step.kind)).collect();
    assert_eq!(steps, events);
    assert_eq!((outcome.filled.raw(), outcome.rest.raw()), (filled, rest));
    assert_eq!(world.room, twin.room);
    let who = if let Stop::MissingMaker(owner) = outcome.stop { (0..OWNERS).find(|&index| key(index) == owner) } else { None };
    assert_eq!(who, missing);
    book.side(side.opposite()).apply(&outcome).unwrap();
    if rest == 0 {
        return;
    }
    let expiry = if attempt.life == 0 { 0 } else { now + attempt.life };
    let order = NewOrder {
        owner: key(attempt.owner),
        price: taker.limit,
        lots: outcome.rest,
        expiry: Secs::new(expiry),
        generation: taker.generation,
        is_reduce_only: attempt.is_reduce_only,
    };
    let resting = Resting {
        is_bid: attempt.is_bid,
        owner: attempt.owner,
        id: 0,
        price: attempt.price,
        lots: rest,
        expiry,
        placed_at: now,
        generation: taker.generation,
        is_reduce_only: attempt.is_reduce_only,
    };
    let placed = book.side(side).insert(&order, Secs::new(now)).map(|placed| (placed.id, placed.evicted.map(|order| order.id)));
    match reference.place(resting, now) {
        Some(expected) => assert_eq!(placed, Ok(expected)),
        None => assert_eq!(placed, Err(RiskError::BookFull)),
    }
}

fn cancel<const N: usize>(book: &mut Book<N>, reference: &mut Reference, id: u64, owner: u8) {
    let known = reference.orders.iter().find(|order| order.id == id).cloned();
    // An order that rests no longer is looked for at some price on some side, as its owner's slot would.
    let (side, price) = known.map_or((Side::Bid, 100), |order| (side_of(order.is_bid), order.price));
    let result = book.side(side).remove(Price::new(price), id, &key(owner));
    if reference.cancel(id, owner) {
        assert_eq!(result.map(|order| order.id), Ok(id));
    } else {
        assert_eq!(result, Err(RiskError::OrderNotFound));
    }
}

fn run<const N: usize>(actions: &[Action]) {
    let mut book = Book::<N>::new();
    let mut reference = Reference { capacity: N, ..Reference::default() };
    let mut world = World { generations: [0; 6], is_passed: [true; 6], room: [0; 6] };
    let mut now = 1_000_000;
    for action in actions {
        match action {
            Action::Place(attempt) => place(&mut book, &mut reference, &mut world, now, attempt),
            Action::Cancel(back, owner) => {
                let id = reference.issued.saturating_sub(*back);
                cancel(&mut book, &mut reference, id, *owner);
            }
            Action::CancelAll(owner) => world.generations[usize::from(*owner)] += 1,
            Action::Wait(seconds) => now += seconds,
            Action::Sweep(is_bid, passed) => {
                world.is_passed = *passed;
                let side = side_of(*is_bid);
                let outcome = sweep(book.live(side), Secs::new(now), &world).unwrap();
                let removed: Vec<u64> = outcome.steps().iter().map(|step| step.id).collect();
                assert_eq!(removed, reference.sweep(*is_bid, now, &world));
                book.side(side).apply(&outcome).unwrap();
            }
        }
        compare(&book, &reference);
    }
}

fn compare<const N: usize>(book: &Book<N>, reference: &Reference) {
    assert!(is_book_valid(&book.header, &book.bids, &book.asks).unwrap());
    assert_eq!(book.header.last_id, reference.issued);
    for is_bid in [true, false] {
        let (live, queue) = (book.live(side_of(is_bid)), reference.queue(is_bid));
        assert_eq!(live.len(), queue.len());
        for (order, expected) in live.iter().rev().zip(&queue) {
            assert!(expected.matches(order), "{order:?}");
            assert!(depth::find(side_of(is_bid), live, order.limit(), order.id).is_some());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_small_book_does_what_the_obvious_one_does(actions in prop::collection::vec(action(), 1..120)) {
        run::<4>(&actions);
    }

    #[test]
    fn a_larger_book_does_what_the_obvious_one_does(actions in prop::collection::vec(action(), 1..250)) {
        run::<64>(&actions);
    }

    /// Fills never leave the perp band, whatever rests on the book.
    #[test]
    fn no_fill_leaves_the_band(oracle in 1_i64..=1 << 30, rate in 1_i64..=1 << 30, resting in 1_i64..=1 << 30, is_bid: bool) {
        let band = PriceBand::around(Price::new(oracle), Ratio::new(rate)).unwrap();
        let mut book = Book::<1>::new();
        let side = side_of(is_bid);
        book.put(side.opposite(), super::order(1, resting, 1));
        let limit = if is_bid { band.order_high } else { band.order_low };
        let taker = Taker { band, ..super::taker(side, limit.raw(), 1) };
        let outcome = match_against(book.live(side.opposite()), &taker, &mut super::Passed::all()).unwrap();
        let is_allowed = (band.fill_low.raw()..=band.fill_high.raw()).contains(&resting);
        prop_assert_eq!(outcome.filled.raw(), i64::from(is_allowed));
        let distance = i128::from(resting - oracle).abs() << 32;
        prop_assert!(!is_allowed || distance <= i128::from(oracle) * i128::from(rate));
    }
}
