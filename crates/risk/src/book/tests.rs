#![allow(clippy::unwrap_used, clippy::arithmetic_side_effects, clippy::indexing_slicing)]

mod against_reference;

use super::band::check_minimum_value;
use super::depth::{best, depth_to, find, impact_price, is_book_valid, MAX_DEPTH_ORDERS};
use super::matching::{sweep, MAX_FILLS, MAX_STEPS, MAX_VISITS};
use super::*;
use crate::units::Ratio;

const NOW: Secs = Secs::new(1_000);
const WIDE: PriceBand =
    PriceBand { fill_low: Price::new(1), fill_high: Price::new(MAX_PRICE), order_low: Price::new(1), order_high: Price::new(MAX_PRICE) };

fn key(owner: u8) -> Key {
    Key::from_bytes([owner; 32])
}

fn order(owner: u8, price: i64, lots: i64) -> NewOrder {
    NewOrder {
        owner: key(owner),
        price: Price::new(price),
        lots: Lots::new(lots),
        expiry: Secs::ZERO,
        generation: 0,
        is_reduce_only: false,
    }
}

fn taker(side: Side, limit: i64, lots: i64) -> Taker {
    Taker {
        owner: key(100),
        generation: 0,
        side,
        kind: OrderKind::Limit,
        limit: Price::new(limit),
        lots: Lots::new(lots),
        band: WIDE,
        now: NOW,
        max_fills: MAX_FILLS,
    }
}

/// A book with room for `N` orders a side.
struct Book<const N: usize> {
    header: BookHeader,
    bids: [Order; N],
    asks: [Order; N],
}

impl<const N: usize> Book<N> {
    fn new() -> Self {
        Self { header: BookHeader::default(), bids: [Order::default(); N], asks: [Order::default(); N] }
    }

    fn side(&mut self, side: Side) -> BookSide<'_> {
        let orders = if side == Side::Bid { &mut self.bids } else { &mut self.asks };
        self.header.side_mut(side, orders).unwrap()
    }

    fn live(&self, side: Side) -> &[Order] {
        self.header.live(side, if side == Side::Bid { &self.bids } else { &self.asks }).unwrap()
    }

    /// `(price, id)` from the best.
    fn queue(&self, side: Side) -> Vec<(u32, u64)> {
        self.live(side).iter().rev().map(|order| (order.price, order.id)).collect()
    }

    fn put(&mut self, side: Side, order: NewOrder) -> u64 {
        self.side(side).insert(&order, Secs::new(NOW.raw() - 10)).unwrap().id
    }

    /// Matches, applies, and checks the invariant.
    fn take(&mut self, taker: &Taker, makers: &mut Passed) -> RiskResult<MatchOutcome> {
        let outcome = match_against(self.live(taker.side.opposite()), taker, makers)?;
        self.side(taker.side.opposite()).apply(&outcome).unwrap();
        assert!(is_book_valid(&self.header, &self.bids, &self.asks).unwrap());
        Ok(outcome)
    }
}

/// Passed accounts: owner, generation, lots they may still trade.
struct Passed(Vec<(u8, u32, i64)>);

impl Passed {
    fn all() -> Self {
        Self((1..100).map(|owner| (owner, 0, i64::MAX)).collect())
    }
}

impl Makers for Passed {
    fn find(&self, owner: &Key) -> Option<Maker> {
        let index = self.0.iter().position(|(passed, _, _)| key(*passed) == *owner)?;
        Some(Maker { index: u8::try_from(index).unwrap(), generation: self.0[index].1 })
    }

    fn admit(&mut self, maker: Maker, order: &Order, lots: Lots) -> RiskResult<Admission> {
        let (owner, _, room) = &mut self.0[usize::from(maker.index)];
        assert_eq!(key(*owner), order.owner);
        let admitted = lots.raw().min(*room);
        *room -= admitted;
        Ok(if admitted == 0 { Admission::Refuse } else { Admission::Fill(Lots::new(admitted)) })
    }
}

fn kinds(outcome: &MatchOutcome) -> Vec<StepKind> {
    outcome.steps().iter().map(|step| step.kind).collect()
}

#[test]
fn keys_are_their_bytes() {
    let bytes: [u8; 32] = core::array::from_fn(|i| u8::try_from(i).unwrap());
    assert_eq!(Key::from_bytes(bytes).to_bytes(), bytes);
    for i in 0..32 {
        let mut other = bytes;
        other[i] ^= 0x80;
        assert_ne!(Key::from_bytes(other), Key::from_bytes(bytes), "byte {i}");
    }
}

#[test]
fn the_best_price_is_last_and_the_older_of_equals_behind_it() {
    let mut book = Book::<8>::new();
    for price in [100, 102, 100, 101, 102] {
        book.put(Side::Bid, order(1, price, 1));
    }
    assert_eq!(book.queue(Side::Bid), [(102, 2), (102, 5), (101, 4), (100, 1), (100, 3)]);
    for price in [200, 202, 200, 201, 202] {
        book.put(Side::Ask, order(1, price, 1));
    }
    assert_eq!(book.queue(Side::Ask), [(200, 6), (200, 8), (201, 9), (202, 7), (202, 10)]);
    assert!(is_book_valid(&book.header, &book.bids, &book.asks).unwrap());
}

#[test]
fn a_malformed_order_is_refused_and_takes_no_id() {
    let mut book = Book::<2>::new();
    let cases = [
        (order(1, 0, 1), RiskError::PriceOutOfRange),
        (order(1, MAX_PRICE + 1, 1), RiskError::PriceOutOfRange),
        (order(1, 1, 0), RiskError::QuantityOutOfRange),
        (order(1, 1, MAX_LOTS + 1), RiskError::QuantityOutOfRange),
        (NewOrder { expiry: NOW, ..order(1, 1, 1) }, RiskError::OrderExpired),
        (NewOrder { expiry: Secs::new(1 << 32), ..order(1, 1, 1) }, RiskError::Overflow),
    ];
    for (case, expected) in cases {
        assert_eq!(book.side(Side::Bid).insert(&case, NOW), Err(expected));
    }
    assert_eq!(book.header, BookHeader::default());
    book.put(Side::Bid, order(1, MAX_PRICE, MAX_LOTS));
    assert_eq!(book.live(Side::Bid)[0].value().raw(), 1 << 60);
    assert!(book.side(Side::Bid).insert(&NewOrder { expiry: Secs::new(1_001), ..order(1, 1, 1) }, NOW).is_ok());
}

#[test]
fn a_full_side_evicts_its_worst_order_only_for_a_strictly_better_price() {
    let mut book = Book::<3>::new();
    for price in [110, 112, 112] {
        book.put(Side::Ask, order(1, price, 1));
    }
    for price in [112, 113] {
        assert_eq!(book.side(Side::Ask).insert(&order(2, price, 1), NOW), Err(RiskError::BookFull));
    }
    // Of the two at 112 the younger goes.
    let placed = book.side(Side::Ask).insert(&order(2, 111, 1), NOW).unwrap();
    assert_eq!(placed.evicted.unwrap().id, 3);
    assert_eq!(book.queue(Side::Ask), [(110, 1), (111, 4), (112, 2)]);
    let placed = book.side(Side::Ask).insert(&order(2, 109, 1), NOW).unwrap();
    assert_eq!(placed.evicted.unwrap().id, 2);
    assert_eq!(book.queue(Side::Ask), [(109, 5), (110, 1), (111, 4)]);
}

#[test]
fn an_expired_worst_order_gives_way_to_any() {
    let mut book = Book::<2>::new();
    let dying = book.put(Side::Bid, NewOrder { expiry: NOW, ..order(1, 50, 1) });
    book.put(Side::Bid, order(1, 60, 1));
    let placed = book.side(Side::Bid).insert(&order(2, 40, 1), NOW).unwrap();
    assert_eq!(placed.evicted.unwrap().id, dying);
    assert_eq!(book.queue(Side::Bid), [(60, 2), (40, 3)]);
    assert_eq!(Book::<0>::new().side(Side::Bid).insert(&order(2, 40, 1), NOW), Err(RiskError::BookFull));
}

#[test]
fn an_order_is_found_and_cancelled_only_under_its_price_id_and_owner() {
    let mut book = Book::<8>::new();
    for price in [100, 101, 101, 101, 102] {
        book.put(Side::Bid, order(1, price, price));
    }
    for (price, id) in [(100, 1), (101, 2), (101, 3), (101, 4), (102, 5)] {
        assert_eq!(find(Side::Bid, book.live(Side::Bid), Price::new(price), id).unwrap().lots, u32::try_from(price).unwrap());
        assert!(find(Side::Bid, book.live(Side::Bid), Price::new(price + 1), id).is_none());
    }
    assert!(find(Side::Bid, book.live(Side::Bid), Price::new(-1), 1).is_none());
    assert_eq!(book.side(Side::Bid).remove(Price::new(101), 3, &key(2)), Err(RiskError::OrderNotFound));
    assert_eq!(book.side(Side::Bid).remove(Price::new(101), 3, &key(1)).unwrap().id, 3);
    assert_eq!(book.side(Side::Bid).remove(Price::new(101), 3, &key(1)), Err(RiskError::OrderNotFound));
    assert_eq!(book.queue(Side::Bid), [(102, 5), (101, 2), (101, 4), (100, 1)]);
}

#[test]
fn a_count_beyond_the_slice_is_refused() {
    let mut header = BookHeader { asks: 3, ..BookHeader::default() };
    assert_eq!(header.live(Side::Ask, &[Order::default(); 2]), Err(RiskError::WrongState));
    assert!(header.side_mut(Side::Ask, &mut [Order::default(); 2]).is_err());
}

#[test]
fn fills_are_at_the_makers_price_in_priority_and_the_rest_may_rest() {
    let mut book = Book::<8>::new();
    for (price, lots) in [(101, 5), (100, 3), (100, 4), (103, 1)] {
        book.put(Side::Ask, order(1, price, lots));
    }
    let outcome = book.take(&taker(Side::Bid, 101, 14), &mut Passed::all()).unwrap();
    let fills: Vec<_> = outcome.steps().iter().map(|step| (step.id, step.price.raw(), step.filled.raw(), step.left.raw())).collect();
    assert_eq!(fills, [(2, 100, 3, 0), (3, 100, 4, 0), (1, 101, 5, 0)]);
    assert_eq!((outcome.filled.raw(), outcome.rest.raw(), outcome.stop), (12, 2, Stop::NothingLeft));
    assert_eq!(book.queue(Side::Ask), [(103, 4)]);
}

#[test]
fn a_partial_fill_keeps_its_place() {
    let mut book = Book::<8>::new();
    book.put(Side::Bid, order(1, 100, 10));
    book.put(Side::Bid, order(2, 100, 10));
    let outcome = book.take(&taker(Side::Ask, 100, 4), &mut Passed::all()).unwrap();
    assert_eq!((outcome.stop, outcome.rest, outcome.steps()[0].left.raw()), (Stop::Filled, Lots::ZERO, 6));
    assert!(!outcome.has_skipped());
    assert_eq!(book.queue(Side::Bid), [(100, 1), (100, 2)]);
    assert_eq!(best(book.live(Side::Bid), NOW).unwrap().lots, 6);
}

#[test]
fn an_unpassed_makers_order_is_skipped_while_young_and_stops_the_match_after() {
    for (age, stop, filled, rest) in [(0, Stop::NothingLeft, 3, 0), (1, Stop::NothingLeft, 3, 0), (2, Stop::MissingMaker(key(1)), 0, 0)] {
        let mut book = Book::<8>::new();
        book.side(Side::Ask).insert(&order(1, 100, 5), Secs::new(NOW.raw() - age)).unwrap();
        book.put(Side::Ask, order(2, 101, 3));
        let outcome = book.take(&taker(Side::Bid, 101, 9), &mut Passed(vec![(2, 0, 9)])).unwrap();
        // Nothing rests at 101 while an ask at 100 stands.
        assert_eq!((outcome.stop, outcome.filled.raw(), outcome.rest.raw()), (stop, filled, rest), "age {age}");
        assert_eq!(book.live(Side::Ask)[0].id, if filled == 0 { 2 } else { 1 });
    }
}

#[test]
fn void_orders_are_dropped_with_their_reason() {
    let mut book = Book::<8>::new();
    book.put(Side::Ask, NewOrder { expiry: NOW, ..order(9, 100, 1) });
    book.put(Side::Ask, NewOrder { expiry: NOW, ..order(1, 101, 1) });
    book.put(Side::Ask, order(100, 102, 1));
    book.put(Side::Ask, NewOrder { generation: 4, ..order(1, 103, 1) });
    book.put(Side::Ask, order(2, 104, 1));
    book.put(Side::Ask, NewOrder { generation: 5, ..order(1, 105, 1) });
    book.put(Side::Ask, NewOrder { expiry: Secs::new(1_001), generation: 5, ..order(1, 106, 1) });
    let outcome = book.take(&taker(Side::Bid, 110, 2), &mut Passed(vec![(1, 5, 9), (2, 0, 0)])).unwrap();
    use StepKind::{CancelledAll, Expired, Filled, Refused, SelfTrade};
    assert_eq!(kinds(&outcome), [Expired, Expired, SelfTrade, CancelledAll, Refused, Filled, Filled]);
    let parties: Vec<_> = outcome.steps().iter().map(|step| step.party).collect();
    let (one, two) = (Party::Maker(0), Party::Maker(1));
    assert_eq!(parties, [Party::Absent, one, Party::Taker, one, two, one, one]);
    assert!(book.live(Side::Ask).is_empty());
}

#[test]
fn the_takers_own_cancelled_order_says_so() {
    let mut book = Book::<2>::new();
    book.put(Side::Ask, order(100, 102, 1));
    let outcome = book.take(&Taker { generation: 1, ..taker(Side::Bid, 110, 1) }, &mut Passed(vec![])).unwrap();
    assert_eq!(kinds(&outcome), [StepKind::CancelledAll]);
    assert_eq!(outcome.rest.raw(), 1);
}

#[test]
fn a_trimmed_order_fills_in_part_and_leaves() {
    let mut book = Book::<4>::new();
    book.put(Side::Bid, NewOrder { is_reduce_only: true, ..order(1, 100, 10) });
    book.put(Side::Bid, order(2, 99, 10));
    assert!(book.live(Side::Bid)[1].is_reduce_only());
    let outcome = book.take(&taker(Side::Ask, 99, 10), &mut Passed(vec![(1, 0, 3), (2, 0, 99)])).unwrap();
    assert_eq!(kinds(&outcome), [StepKind::Trimmed, StepKind::Filled]);
    assert_eq!((outcome.filled.raw(), outcome.steps()[0].left.raw(), outcome.steps()[1].left.raw()), (10, 0, 3));
    assert_eq!(book.queue(Side::Bid), [(99, 2)]);
}

#[test]
fn work_is_bounded_by_fills_steps_and_visits() {
    let mut book = Book::<64>::new();
    for _ in 0..9 {
        book.put(Side::Ask, order(1, 100, 1));
    }
    let outcome = book.take(&taker(Side::Bid, 100, 9), &mut Passed::all()).unwrap();
    assert_eq!((outcome.stop, outcome.filled.raw(), outcome.rest), (Stop::FillLimit, 8, Lots::ZERO));
    let outcome = book.take(&Taker { max_fills: 0, ..taker(Side::Bid, 100, 1) }, &mut Passed::all()).unwrap();
    assert_eq!((outcome.stop, outcome.filled), (Stop::FillLimit, Lots::ZERO));
    // Eight fills that end the taker are no limit.
    for _ in 0..7 {
        book.put(Side::Ask, order(1, 100, 1));
    }
    let outcome = book.take(&taker(Side::Bid, 100, 8), &mut Passed::all()).unwrap();
    assert_eq!((outcome.stop, outcome.filled.raw()), (Stop::Filled, 8));

    for _ in 0..MAX_STEPS + 1 {
        book.put(Side::Ask, NewOrder { expiry: NOW, ..order(1, 100, 1) });
    }
    let outcome = book.take(&taker(Side::Bid, 100, 1), &mut Passed::all()).unwrap();
    assert_eq!((outcome.stop, outcome.steps().len(), outcome.rest), (Stop::StepLimit, MAX_STEPS, Lots::ZERO));
    let outcome = book.take(&taker(Side::Bid, 100, 1), &mut Passed::all()).unwrap();
    assert_eq!((outcome.stop, outcome.rest.raw()), (Stop::NothingLeft, 1));

    for _ in 0..MAX_VISITS {
        book.side(Side::Ask).insert(&order(9, 100, 1), NOW).unwrap();
    }
    book.side(Side::Ask).insert(&order(1, 100, 1), NOW).unwrap();
    let outcome = book.take(&taker(Side::Bid, 100, 1), &mut Passed(vec![(1, 0, 9)])).unwrap();
    assert_eq!((outcome.stop, outcome.filled), (Stop::StepLimit, Lots::ZERO));
    assert_eq!(book.live(Side::Ask).len(), MAX_VISITS + 1);
}

#[test]
fn the_rest_lapses_rests_or_is_refused_by_kind() {
    let run = |kind, limit| {
        let mut book = Book::<2>::new();
        book.put(Side::Ask, order(1, 100, 1));
        book.take(&Taker { kind, ..taker(Side::Bid, limit, 3) }, &mut Passed::all())
            .map(|outcome| (outcome.filled.raw(), outcome.rest.raw()))
    };
    assert_eq!(run(OrderKind::Limit, 100), Ok((1, 2)));
    assert_eq!(run(OrderKind::ImmediateOrCancel, 100), Ok((1, 0)));
    assert_eq!(run(OrderKind::PostOnly, 100), Err(RiskError::WouldCross));
    assert_eq!(run(OrderKind::PostOnly, 99), Ok((0, 3)));
}

#[test]
fn a_post_only_order_is_refused_by_any_standing_order_and_clears_void_ones() {
    let post = Taker { kind: OrderKind::PostOnly, ..taker(Side::Bid, 100, 1) };
    for placed_at in [NOW, Secs::new(900)] {
        let mut book = Book::<2>::new();
        book.side(Side::Ask).insert(&order(1, 100, 1), placed_at).unwrap();
        assert_eq!(book.take(&post, &mut Passed(vec![])), Err(RiskError::WouldCross));
        assert_eq!(book.live(Side::Ask).len(), 1);
    }
    let mut book = Book::<4>::new();
    book.put(Side::Ask, NewOrder { expiry: NOW, ..order(1, 99, 1) });
    book.put(Side::Ask, order(100, 100, 1));
    assert_eq!(book.take(&post, &mut Passed(vec![])).unwrap().rest.raw(), 1);
    assert!(book.live(Side::Ask).is_empty());
}

#[test]
fn an_order_out_of_bounds_is_refused() {
    let mut makers = Passed::all();
    for (lots, max_fills) in [(0, 8), (-1, 8), (MAX_LOTS + 1, 8), (1, MAX_FILLS + 1)] {
        let bad = Taker { max_fills, ..taker(Side::Bid, 100, lots) };
        assert_eq!(match_against(&[], &bad, &mut makers), Err(RiskError::QuantityOutOfRange));
    }
}

/// Admits more than asked.
struct Generous(i64);
impl Makers for Generous {
    fn find(&self, _: &Key) -> Option<Maker> {
        Some(Maker { index: 0, generation: 0 })
    }
    fn admit(&mut self, _: Maker, _: &Order, _: Lots) -> RiskResult<Admission> {
        Ok(Admission::Fill(Lots::new(self.0)))
    }
}

#[test]
fn an_admission_outside_what_was_asked_is_an_error() {
    let mut book = Book::<2>::new();
    book.put(Side::Ask, order(1, 100, 5));
    for lots in [-1, 4] {
        assert_eq!(match_against(book.live(Side::Ask), &taker(Side::Bid, 100, 3), &mut Generous(lots)), Err(RiskError::QuantityOutOfRange));
    }
}

#[test]
fn the_band_is_a_quarter_of_the_margin_rate_and_at_most_two_percent() {
    let around = |rate| PriceBand::around(Price::new(100_000), rate).unwrap();
    let values = |band: PriceBand| [band.order_low.raw(), band.fill_low.raw(), band.fill_high.raw(), band.order_high.raw()];
    assert_eq!(values(around(Ratio::of(1, 32))), [97_657, 99_219, 100_781, 102_343]);
    assert_eq!(values(around(Ratio::of(50, 100))), [94_003, 98_001, 101_999, 105_997]);
    let top = PriceBand::around(Price::new(MAX_PRICE), Ratio::ONE).unwrap();
    assert_eq!((top.fill_high.raw(), top.order_high.raw()), (MAX_PRICE, MAX_PRICE));
    assert_eq!(values(PriceBand::around(Price::new(1), Ratio::ONE).unwrap()), [1, 1, 1, 1]);
    assert_eq!(PriceBand::around(Price::new(0), Ratio::ONE), Err(RiskError::PriceOutOfRange));
    assert_eq!(PriceBand::around(Price::new(1), Ratio::ZERO), Err(RiskError::ParameterOutOfRange));
}

fn band() -> PriceBand {
    PriceBand { fill_low: Price::new(98), fill_high: Price::new(102), order_low: Price::new(94), order_high: Price::new(106) }
}

#[test]
fn orders_rest_within_three_bands_and_within_one_beyond_the_oracle() {
    for (price, is_allowed) in [(93, false), (94, true), (106, true), (107, false)] {
        assert_eq!(band().check_order(Price::new(price)).is_ok(), is_allowed);
        let far = Taker { band: band(), ..taker(Side::Bid, price, 1) };
        assert_eq!(match_against(&[], &far, &mut Passed::all()).is_ok(), is_allowed);
    }
    for (side, price, rests) in
        [(Side::Bid, 94, 1), (Side::Bid, 102, 1), (Side::Bid, 103, 0), (Side::Ask, 106, 1), (Side::Ask, 98, 1), (Side::Ask, 97, 0)]
    {
        let limit = Taker { band: band(), ..taker(side, price, 1) };
        assert_eq!(match_against(&[], &limit, &mut Passed::all()).unwrap().rest.raw(), rests);
        let post = Taker { kind: OrderKind::PostOnly, ..limit };
        assert_eq!(match_against(&[], &post, &mut Passed::all()).is_ok(), rests == 1);
    }
}

#[test]
fn fills_stay_within_the_band_on_both_sides() {
    let mut book = Book::<8>::new();
    for price in [97, 98, 102, 103] {
        book.put(Side::Ask, order(1, price, 1));
    }
    // The ask at 97 is from before the oracle rose; the one at 103 lies within the limit, not within the band.
    let outcome = book.take(&Taker { band: band(), ..taker(Side::Bid, 105, 9) }, &mut Passed::all()).unwrap();
    assert_eq!(kinds(&outcome), [StepKind::OutOfBand, StepKind::Filled, StepKind::Filled]);
    assert_eq!((outcome.filled.raw(), outcome.rest), (2, Lots::ZERO));
    let mut book = Book::<8>::new();
    for price in [97, 98, 102, 103] {
        book.put(Side::Bid, order(1, price, 1));
    }
    let outcome = book.take(&Taker { band: band(), ..taker(Side::Ask, 95, 9) }, &mut Passed::all()).unwrap();
    assert_eq!(kinds(&outcome), [StepKind::OutOfBand, StepKind::Filled, StepKind::Filled]);
    assert_eq!(book.queue(Side::Bid), [(97, 1)]);
}

#[test]
fn the_minimum_value_is_that_at_the_limit() {
    let check = |lots, price| check_minimum_value(Lots::new(lots), Price::new(price), Quote::new(1_000));
    assert_eq!(check(10, 100), Ok(()));
    assert_eq!(check(333, 3), Err(RiskError::OrderTooSmall));
}

#[test]
fn a_sweep_removes_void_orders_and_no_others() {
    let mut book = Book::<8>::new();
    book.put(Side::Ask, order(1, 100, 1));
    book.put(Side::Ask, NewOrder { generation: 1, ..order(1, 101, 1) });
    book.put(Side::Ask, order(9, 102, 1));
    book.put(Side::Ask, NewOrder { expiry: NOW, ..order(9, 103, 1) });
    let outcome = sweep(book.live(Side::Ask), NOW, &Passed(vec![(1, 1, 0)])).unwrap();
    book.side(Side::Ask).apply(&outcome).unwrap();
    assert_eq!(kinds(&outcome), [StepKind::CancelledAll, StepKind::Expired]);
    assert_eq!(book.queue(Side::Ask), [(101, 2), (102, 3)]);
}

#[test]
fn depth_and_impact_price_count_what_can_trade() {
    let mut book = Book::<128>::new();
    book.put(Side::Ask, NewOrder { expiry: NOW, ..order(1, 90, 1_000) });
    for (price, lots) in [(100, 10), (110, 10), (120, 10)] {
        book.put(Side::Ask, order(1, price, lots));
        book.put(Side::Bid, order(1, 189 - price, lots));
    }
    let (asks, bids) = (book.live(Side::Ask), book.live(Side::Bid));
    assert_eq!(best(asks, NOW).unwrap().price, 100);
    assert_eq!(depth_to(Side::Ask, asks, Price::new(110), NOW).unwrap().raw(), 20);
    assert_eq!(depth_to(Side::Bid, bids, Price::new(79), NOW).unwrap().raw(), 20);
    let ask = |notional| impact_price(Side::Ask, asks, Quote::new(notional), NOW).unwrap().map(Price::raw);
    assert_eq!([ask(1), ask(1_000), ask(2_100), ask(3_300), ask(3_301)], [Some(100), Some(100), Some(105), Some(110), None]);
    // 1550 = 10 lots at 100 and 5 at 110: 103.33, against the taker.
    assert_eq!(ask(1_550), Some(104));
    // 890 + 395 = 10 lots at 89 and 5 at 79: 85.67.
    assert_eq!(impact_price(Side::Bid, bids, Quote::new(1_285), NOW), Ok(Some(Price::new(85))));
    assert_eq!(impact_price(Side::Bid, bids, Quote::ZERO, NOW), Err(RiskError::QuantityOutOfRange));
}

#[test]
fn an_impact_price_looks_at_so_many_orders_and_no_further() {
    let mut book = Book::<128>::new();
    for _ in 0..MAX_DEPTH_ORDERS {
        book.put(Side::Ask, order(1, 100, 1));
    }
    let price = |book: &Book<128>| impact_price(Side::Ask, book.live(Side::Ask), Quote::new(1 << 40), NOW).unwrap();
    assert_eq!(price(&book), None);
    book.put(Side::Ask, order(1, 200, MAX_LOTS));
    assert_eq!(price(&book), Some(Price::new(100)));
}

#[test]
fn the_invariant_sees_every_fault() {
    let mut book = Book::<4>::new();
    book.put(Side::Bid, order(1, 100, 1));
    book.put(Side::Bid, order(1, 100, 1));
    book.put(Side::Ask, order(1, 101, 1));
    let is_valid = |header: BookHeader, change: &dyn Fn(&mut Order)| {
        let mut bids = book.bids;
        change(&mut bids[1]);
        is_book_valid(&header, &bids, &book.asks).unwrap()
    };
    assert!(is_valid(book.header, &|_| ()));
    assert!(!is_valid(book.header, &|order| order.id = 3));
    assert!(!is_valid(book.header, &|order| order.id = 2));
    assert!(!is_valid(book.header, &|order| order.id = 0));
    assert!(!is_valid(book.header, &|order| order.price = 99));
    assert!(!is_valid(book.header, &|order| order.price = 101));
    assert!(!is_valid(book.header, &|order| order.price = u32::MAX));
    assert!(!is_valid(book.header, &|order| order.lots = 0));
    assert!(!is_valid(book.header, &|order| order.lots = (1 << 30) + 1));
    assert!(!is_valid(BookHeader { last_id: 1, ..book.header }, &|_| ()));
}

#[test]
fn an_outcome_of_another_side_is_refused() {
    let mut book = Book::<4>::new();
    book.put(Side::Ask, order(1, 100, 1));
    let outcome = match_against(book.live(Side::Ask), &taker(Side::Bid, 100, 1), &mut Passed::all()).unwrap();
    assert_eq!(book.side(Side::Bid).apply(&outcome), Err(RiskError::WrongState));
}
