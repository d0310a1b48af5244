//! A market's cached margin terms are those derived from its whole state, at every time and open interest; and they are used.
#![allow(clippy::unwrap_used, clippy::arithmetic_side_effects, clippy::panic, reason = "tests fail by panicking")]

use bytemuck::Zeroable;
use plimsoll_risk::oracle::{accept, Accepted, OracleParams, PriceSample};
use plimsoll_risk::volatility::{VolParams, VolState};
use plimsoll_risk::{Price, Ratio, Secs};
use plimsoll_state::Market;
use proptest::prelude::*;

const START: i64 = 1_760_000_040;

/// A listed market that has had no price.
fn market() -> Market {
    let mut market = Market::zeroed();
    market.params.tier_im = Ratio::of(5, 100).raw();
    market.params.oi_low = 2_000_000_000_000;
    market.params.oi_high = 10_000_000_000_000;
    market.params.range_low = Ratio::of(18, 100).raw();
    market.params.range_high = Ratio::of(36, 100).raw();
    market.params.target_extra = Ratio::of(2, 100).raw();
    market.perp_params.claim_weight = Ratio::of(9, 10).raw();
    market.oracle_params = OracleParams::major(-8, 2, Price::new(1), Price::new(1 << 30)).into();
    market.vol_params = VolParams::MAJOR.into();
    market.vol = VolState::new(&VolParams::MAJOR).unwrap().into();
    market
}

/// What `update_market` does with a price of `dollars / 1000` a unit.
fn publish(market: &mut Market, price: i64, at: i64, lag: i64) {
    let sample = PriceSample {
        owner_ok: true,
        feed_matches: true,
        fully_verified: true,
        price: price * 100_000,
        conf: price.unsigned_abs() * 40,
        exponent: -8,
        publish: at,
        prev_publish: at - 1,
    };
    let (params, now) = (market.oracle_params, Secs::new(at + lag));
    let accepted = accept(&mut market.oracle, &params, &sample, now, 1_000).unwrap();
    assert!(matches!(accepted, Accepted::Applied { .. }));
    market.refresh_rates(now).unwrap();
}

proptest! {
    #[test]
    fn cached_terms_are_the_derived_ones(
        steps in prop::collection::vec((150_000_i64..260_000, prop_oneof![1_i64..20, 50_i64..70, 200_i64..2_000], -9_i64..5), 1..40),
        looks in prop::collection::vec((-10_i64..400, prop_oneof![0_i64..1 << 20, 0_i64..1 << 24]), 12),
    ) {
        let mut market = market();
        let mut at = START;
        for (price, step, lag) in steps {
            at += step;
            publish(&mut market, price, at, lag);
            for &(later, interest) in &looks {
                market.perp.long.open_interest = interest;
                market.perp.short.open_interest = interest / 2;
                let now = Secs::new(at + later);
                prop_assert_eq!(market.terms(now), market.derived_terms(now));
                prop_assert_eq!(market.conditions(now), market.oracle.conditions(&market.oracle_params, now));
            }
        }
    }
}

/// Without this the property above would hold of a cache that nobody reads.
#[test]
fn a_fresh_price_is_read_from_the_cache_and_no_other_is() {
    let mut market = market();
    for minute in 0..10 {
        publish(&mut market, 200_000 + minute, START + 60 * minute, 0);
    }
    let last = START + 540;
    market.cache.terms.mm += 1;
    let is_cached = |market: &Market, now: i64| market.terms(Secs::new(now)) != market.derived_terms(Secs::new(now));
    assert!(is_cached(&market, last) && is_cached(&market, last + 60));
    assert!(!is_cached(&market, last + 61), "stale");
    assert!(!is_cached(&market, last - 1), "the clock lags behind, in the minute before");
    let mut settling = market;
    settling.oracle.settling_since = Secs::new(last).raw();
    assert!(!is_cached(&settling, last));
    let mut newer = market;
    newer.oracle.publish += 1;
    assert!(!is_cached(&newer, last + 1), "of another price");
    let mut never = market;
    never.cache = Zeroable::zeroed();
    assert!(!is_cached(&never, last));
}
