//! Slices: share, need, hedges, pace (RULES 6.3), a row per boundary.

use super::*;

const HALF_PERCENT: Ratio = Ratio::of(1, 200);

fn sized(risk: &MarketRisk, leg: &LegInput, cash: Quote) -> SliceSize {
    let terms = terms(risk);
    let health = health(cash, [(&terms, leg)]).unwrap();
    size_slice(&LegView { health: &health, terms: &terms, leg, rate: HALF_PERCENT, cross: None }, &params()).unwrap()
}

/// $10 000 at $1 a lot: MM $300, T $500, 4.5 cents of relief a lot.
#[test]
fn a_slice_is_the_smaller_of_share_and_need() {
    let leg = position(10_000, 1_000_000);
    let rows = [
        // equity in dollars; quota; needed
        (299, 2_000, 4_467),
        (270, 2_000, 5_112),
        // 1 − E/MM passes a fifth at $240
        (240, 2_000, 5_778),
        (150, 5_000, 7_778),
        // the penalty's cap (3 % × 30/300) makes 4.7 cents of relief
        (30, 9_000, 10_000),
        (490, 2_000, 223),
        (499, 2_000, 23),
        (500, 0, 0),
        (0, 0, 0),
        (-1, 0, 0),
    ];
    for (equity, quota, needed) in rows {
        // A negative equity is a loss of the leg, for cash cannot be negative.
        let leg = LegInput { quote: leg.quote.add(usd(equity)).unwrap(), ..leg };
        let size = sized(&major(1_000_000), &leg, Quote::ZERO);
        assert!((size.quota.raw() - quota).abs() <= 1, "{equity}: {size:?}");
        assert_eq!(size.needed.raw(), needed, "{equity}: {size:?}");
        assert_eq!(size.lots, size.quota.min(size.needed));
    }
}

#[test]
fn a_leg_under_a_thousand_dollars_goes_at_once() {
    let equity = |notional: i64| Quote::new(notional * 20_000);
    let small = sized(&major(1_000_000), &position(-999, 1_000_000), equity(999));
    assert!(small.is_whole_leg && small.quota == Lots::new(999) && small.lots == small.needed);
    let large = sized(&major(1_000_000), &position(-1_000, 1_000_000), equity(1_000));
    assert!(!large.is_whole_leg && large.lots < Lots::new(400), "{large:?}");
}

/// Closing a hedge raises the scan: only the lots beyond it go.
#[test]
fn a_short_is_never_closed_past_its_hedge() {
    let hedged = |collateral: i64| LegInput {
        collateral_im: usd(collateral),
        collateral_mm: usd(collateral),
        quote: usd(10_000 - collateral).add(usd(1)).unwrap(),
        ..position(-10_000, 1_000_000)
    };
    let rows = [(0, 10_000), (4_000, 6_000), (9_000, 1_000), (10_000, 0), (12_000, 0)];
    for (collateral, most) in rows {
        let size = sized(&major(1_000_000), &hedged(collateral), Quote::ZERO);
        assert!(size.lots.raw() <= most && (most == 0) == size.lots.is_zero(), "{collateral}: {size:?}");
    }
    // Collateral beside a long only adds to it.
    let beside = LegInput { collateral_mm: usd(4_000), quote: usd(-13_900), ..position(10_000, 0) };
    assert!(sized(&major(1_000_000), &beside, Quote::ZERO).lots.is_positive());
}

#[test]
fn nothing_goes_at_a_stale_price_or_for_less_than_rounding() {
    let leg = LegInput { quote: usd(-9_800), ..position(10_000, 0) };
    let stale = MarketRisk { stale_range: Ratio::of(1, 1_000), ..major(1_000_000) };
    assert!(sized(&major(1_000_000), &leg, Quote::ZERO).lots.is_positive());
    assert!(sized(&stale, &leg, Quote::ZERO).lots.is_zero());
    // A net short of 60 atoms beside its hedge: closing it would relieve two.
    let dust = LegInput { collateral_mm: Quote::new(9_940), quote: Quote::new(61), ..position(-1_000, 0) };
    assert!(sized(&major(10), &dust, Quote::ZERO).lots.is_zero());
}

#[test]
fn the_pause_shrinks_with_equity() {
    let seconds = |equity: i64| pause(&measured(usd(equity), usd(300), usd(500)), &params()).unwrap().raw();
    assert_eq!([seconds(500), seconds(300), seconds(299), seconds(150), seconds(9), seconds(0), seconds(-1)], [30, 30, 29, 15, 0, 0, 0]);
    assert_eq!(pause(&Health::default(), &params()).unwrap(), Secs::new(30));
}

#[test]
fn take_over_opens_with_the_book_exhausted_or_after_ten_seconds() {
    let state = |state: AccountState| LiquidationState { state: state.raw(), flagged_at: 100, ..LiquidationState::default() };
    let open = |of, exhausted, now| takeover_is_open(&state(of), exhausted, Secs::new(now), &params()).unwrap();
    assert!(!open(AccountState::Liquidating, false, 109));
    assert!(open(AccountState::Liquidating, false, 110));
    assert!(open(AccountState::Liquidating, true, 100));
    for other in [AccountState::Healthy, AccountState::Warned, AccountState::Auction, AccountState::Bankrupt] {
        assert!(!open(other, true, 1_000));
    }
}

#[test]
fn a_slice_is_paced_but_stays_open_until_it_is_taken() {
    let size = SliceSize { lots: Lots::new(20), quota: Lots::new(20), needed: Lots::new(80), is_whole_leg: false };
    let (half_minute, lots) = (Secs::new(30), Lots::new);
    let mut state = LiquidationState::default();
    let offer = |state: &LiquidationState, slot, size: &SliceSize, now| state.offer(slot, size, half_minute, Secs::new(now)).unwrap();
    assert_eq!(offer(&state, 0, &size, 100), lots(20));

    // One lot taken leaves nineteen to everybody else, at once.
    state.record(0, &size, lots(1), half_minute, Secs::new(100)).unwrap();
    assert_eq!(offer(&state, 0, &size, 100), lots(19));
    state.record(0, &size, lots(19), half_minute, Secs::new(110)).unwrap();
    assert_eq!(offer(&state, 0, &size, 129), lots(0));
    assert_eq!(offer(&state, 0, &size, 130), lots(20));
    // Legs are paced apart, small legs not at all, and need is the limit everywhere.
    assert_eq!(offer(&state, 1, &size, 110), lots(20));
    assert_eq!(offer(&state, 0, &SliceSize { is_whole_leg: true, ..size }, 110), lots(20));
    assert_eq!(offer(&state, 1, &SliceSize { lots: lots(3), needed: lots(3), ..size }, 110), lots(3));
    // A worse account has a shorter pause.
    assert_eq!(state.offer(0, &size, Secs::new(10), Secs::new(110)).unwrap(), lots(20));

    let none = Secs::ZERO;
    assert_eq!(state.offer(SLICE_SLOTS, &size, none, none), Err(RiskError::QuantityOutOfRange));
    assert_eq!(state.record(SLICE_SLOTS, &size, lots(1), none, none), Err(RiskError::QuantityOutOfRange));
    assert_eq!(state.record(0, &size, lots(-1), none, none), Err(RiskError::QuantityOutOfRange));
}
