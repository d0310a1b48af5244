//! Water-filling over factor leverage (RULES 7.2), rewards of keepers, and one candidate's part of a forced close.
use super::*;
use crate::book::Key;
use crate::error::RiskError;
use crate::margin::{Health, LegHealth};
use crate::perp::reward::{CANDIDATE_SHARE, REWARD};
use proptest::prelude::*;

fn candidate(key: u8, exposure: i64, equity: i64, lots: i64) -> Candidate {
    Candidate { account: Key::from_bytes([key; 32]), exposure, equity, lots, cut: 0 }
}

fn cuts(candidates: &[Candidate]) -> Vec<(u8, i64)> {
    let mut cuts: Vec<_> = candidates.iter().map(|one| (one.account.to_bytes()[0], one.cut)).collect();
    cuts.sort_unstable();
    cuts
}

/// `docs/liquidation.md`, "Ranked deleveraging": four shorts at $100 a lot, of which 60 are to be closed.
#[test]
fn the_most_levered_are_cut_first_until_level() {
    // 10×, 5×, 2× and a hedged book of the same size as the first.
    let mut candidates =
        [candidate(1, 10_000, 1_000, 100), candidate(2, 5_000, 1_000, 50), candidate(3, 8_000, 4_000, 80), candidate(4, 500, 1_000, 100)];
    let cut = water_fill(Lots::new(60), Price::new(100), &mut candidates).unwrap();
    assert_eq!(cut.raw(), 60);
    // Half of the first is 50 lots, which leaves it at 5×, level with the second: the other ten come from both, but it has reached its cap.
    assert_eq!(cuts(&candidates), [(1, 50), (2, 10), (3, 0), (4, 0)]);
    assert_eq!(candidates[0].leverage().unwrap(), Ratio::of(10, 1));
    let cut = water_fill(Lots::new(50), Price::new(100), &mut candidates).unwrap();
    assert_eq!((cut.raw(), cuts(&candidates)[1].1), (50, 0), "level at 5× before the second loses a lot");
    // More than all may lose: 50, 25, 40 and the hedge's 5.
    assert_eq!(water_fill(Lots::new(1_000), Price::new(100), &mut candidates).unwrap().raw(), 120);
    assert_eq!(cuts(&candidates), [(1, 50), (2, 25), (3, 40), (4, 5)]);
}

#[test]
fn a_candidate_needs_equity_and_lots_and_a_hedge_has_no_exposure() {
    let leg = |delta: i64| LegHealth { delta: Quote::new(delta), ..LegHealth::default() };
    let mut health = Health { equity: Quote::new(100), leg_count: 2, ..Health::default() };
    health.legs[..2].copy_from_slice(&[leg(-900), leg(700)]);
    let key = Key::default();
    assert_eq!(Candidate::new(key, Lots::new(-9), &health).unwrap().exposure, 200, "short against another market's long");
    assert_eq!(Candidate::new(key, Lots::new(7), &health).unwrap().exposure, -200, "that long is the hedge");
    assert_eq!(Candidate::new(key, Lots::new(7), &health).unwrap().leverage().unwrap(), Ratio::ZERO);
    assert_eq!(Candidate::new(key, Lots::ZERO, &health), Err(RiskError::QuantityOutOfRange));
    health.equity = Quote::ZERO;
    assert_eq!(Candidate::new(key, Lots::new(-9), &health), Err(RiskError::WrongState));
    let broken = |one: Candidate| water_fill(Lots::new(1), Price::new(1), &mut [one]);
    assert_eq!(broken(candidate(1, 1, 0, 1)), Err(RiskError::QuantityOutOfRange));
    assert_eq!(broken(candidate(1, 1, 1, 0)), Err(RiskError::QuantityOutOfRange));
    assert_eq!(water_fill(Lots::new(-1), Price::new(1), &mut []), Err(RiskError::QuantityOutOfRange));
    assert_eq!(water_fill(Lots::new(5), Price::new(1), &mut []), Ok(Lots::ZERO));
    let mut crowd = [candidate(1, 1, 1, 1); CANDIDATES + 1];
    assert_eq!(water_fill(Lots::new(1), Price::new(1), &mut crowd), Err(RiskError::QuantityOutOfRange));
}

/// Equal leverage is decided by key, whatever the order of registration: a lot that cannot be divided has one owner.
#[test]
fn equal_candidates_are_ranked_by_key() {
    let twins = [3, 1, 2].map(|key| candidate(key, 9_000, 1_000, 30));
    for turn in 0..3 {
        let mut turned = twins;
        turned.rotate_left(turn);
        assert_eq!(water_fill(Lots::new(4), Price::new(100), &mut turned).unwrap().raw(), 4);
        assert_eq!(turned.map(|one| one.account.to_bytes()[0]), [1, 2, 3]);
        assert_eq!(cuts(&turned), [(1, 2), (2, 1), (3, 1)]);
    }
}

/// Half of an odd position is rounded up, else one lot could never be cut; net exposure is rounded down, else the last cut would turn it.
#[test]
fn caps_round_so_that_one_lot_can_be_cut_and_no_exposure_is_turned() {
    let all = |one: Candidate| water_fill(Lots::new(1_000), Price::new(100), &mut [one]).unwrap().raw();
    assert_eq!([all(candidate(1, 100, 1, 1)), all(candidate(1, 10_000, 1, 7))], [1, 4]);
    assert_eq!(
        [all(candidate(1, 399, 1, 100)), all(candidate(1, 400, 1, 100)), all(candidate(1, 99, 1, 100)), all(candidate(1, -1, 1, 100))],
        [3, 4, 0, 0]
    );
}

/// Beyond 4,096 all leverage is alike and the key decides, so that levels stay within their bits; below it the equity does.
#[test]
fn leverage_has_an_end() {
    let mut candidates =
        [candidate(2, 2_000_000_000, 1, 1 << 20), candidate(3, 4_000, 1, 1 << 20), candidate(1, 1_000_000_000, 1, 1 << 20)];
    water_fill(Lots::new(0), Price::new(100), &mut candidates).unwrap();
    assert_eq!(candidates.map(|one| one.account.to_bytes()[0]), [1, 2, 3]);
    let end = Ratio::of(1 << 12, 1);
    let levels = candidates.map(|one| one.leverage().unwrap());
    assert!(levels[..2].iter().all(|level| *level <= end && *level > end.sub(Ratio::of(1, 10)).unwrap()), "{levels:?}");
    assert_eq!(levels[2], Ratio::of(4_000, 1));
}

fn candidates() -> impl Strategy<Value = Vec<Candidate>> {
    let exposure = prop_oneof![6 => 1_000_000_i64..2_000_000_000_000, 1 => -1_000_000_000_i64..1_000_000, 1 => 0_i64..1 << 56];
    let equity = prop_oneof![6 => 1_000_000_i64..500_000_000_000, 1 => 1_i64..100, 1 => 1_i64..1 << 56];
    let lots = prop_oneof![1_i64..200, 1_i64..1_000_000, 1_i64..1 << 30];
    prop::collection::vec((exposure, equity, lots), 0..=CANDIDATES).prop_map(|drawn| {
        let numbered = drawn.into_iter().zip(1_u8..);
        numbered.map(|((exposure, equity, lots), key)| candidate(key, exposure, equity, lots)).collect()
    })
}

fn price() -> impl Strategy<Value = i64> {
    prop_oneof![1_i64..100, 1_000_i64..100_000_000, Just(1_i64 << 30)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// Σ = min(lots, Σ caps); nobody below zero, above half its position or through zero exposure; the level holds within two lots; the
    /// order of registration changes nothing.
    #[test]
    fn cuts_level_leverage_and_lose_no_lot(drawn in candidates(), price in price(), share in 0_i64..=120, turn in 0_usize..32) {
        let mut filled = drawn.clone();
        let caps: Vec<i64> = drawn.iter().map(|one| ((one.lots + 1) / 2).min(one.exposure.max(0) / price)).collect();
        let most: i64 = caps.iter().sum();
        let lots = i64::try_from(i128::from(most) * i128::from(share) / 100).unwrap();
        let cut = water_fill(Lots::new(lots), Price::new(price), &mut filled).unwrap().raw();
        prop_assert_eq!(cut, lots.min(most));
        prop_assert_eq!(filled.iter().map(|one| one.cut).sum::<i64>(), cut);
        let cap_of = |one: &Candidate| caps[usize::from(one.account.to_bytes()[0]) - 1];
        for one in &filled {
            prop_assert!((0..=cap_of(one)).contains(&one.cut));
        }
        // Levelled: if somebody loses lots, nobody with room left stays more levered than that by more than two lots' worth.
        let after = |one: &Candidate, lots: i64| (i128::from(one.exposure) - i128::from(one.cut + lots) * i128::from(price), i128::from(one.equity.max((one.exposure >> 12) + 1)));
        for loser in filled.iter().filter(|one| one.cut > 0) {
            for other in filled.iter().filter(|one| one.cut < cap_of(one)) {
                let (low, low_basis) = after(loser, -2);
                let (high, high_basis) = after(other, 2);
                // A level is a Q30 number: on 2⁵⁶ of equity its last digit is worth 2²⁶ atoms.
                let grain = (low_basis * high_basis) >> 26;
                prop_assert!(high * low_basis <= low * high_basis + grain, "{:?} loses while {:?} keeps", loser, other);
            }
        }
        let mut turned = drawn.clone();
        turned.rotate_left(turn % drawn.len().max(1));
        water_fill(Lots::new(lots), Price::new(price), &mut turned).unwrap();
        prop_assert_eq!(&turned, &filled);
    }

    /// Two accounts with half of everything lose together what one loses, give or take the rounding of the parts.
    #[test]
    fn splitting_an_account_gains_nothing(drawn in candidates(), price in price(), share in 1_i64..100) {
        prop_assume!(!drawn.is_empty() && drawn.len() < CANDIDATES);
        let whole: Vec<_> = drawn.iter().map(|one| candidate(one.account.to_bytes()[0], one.exposure / 4 * 4, (one.equity / 4).max(1) * 4, (one.lots / 4).max(1) * 4)).collect();
        let mut parts = whole.clone();
        let half = Candidate { exposure: whole[0].exposure / 2, equity: whole[0].equity / 2, lots: whole[0].lots / 2, ..whole[0] };
        parts[0] = half;
        parts.push(Candidate { account: Key::from_bytes([99; 32]), ..half });
        let most: i64 = whole.iter().map(|one| (one.lots / 2).min(one.exposure.max(0) / price)).sum();
        let lots = Lots::new(most / 100 * share);
        let mut whole_cuts = whole.clone();
        water_fill(lots, Price::new(price), &mut whole_cuts).unwrap();
        water_fill(lots, Price::new(price), &mut parts).unwrap();
        let of = |list: &[Candidate], keys: &[u8]| list.iter().filter(|one| keys.contains(&one.account.to_bytes()[0])).map(|one| one.cut).sum::<i64>();
        let (one, two) = (of(&whole_cuts, &[1]), of(&parts, &[1, 99]));
        // Beyond the end of leverage the two halves count one atom of equity more than the whole, and a level is up to 4,096 times that.
        let grain = ((whole.iter().map(|one| one.equity).max().unwrap() >> 26) + (1 << 12)) / price;
        prop_assert!((one - two).abs() <= 2 * i64::try_from(CANDIDATES).unwrap() + 32 * grain, "{one} alone, {two} split");
    }
}

#[test]
fn a_match_closes_both_at_the_mark_and_is_remembered_by_the_other() {
    let mut world = World::new(3, 1_000_000, 1_000);
    world.trade(0, 1, 100, 1_000).unwrap();
    world.trade(0, 2, 50, 1_000).unwrap();
    world.mark = Price::new(900);
    world.wait(5);
    world.touch_all();
    let before = [world.unsettled(0), world.unsettled(1)];
    let close = |world: &mut World, one: usize, other: usize, lots: i64| {
        let (first, second) = (world.touch(one).unwrap(), world.touch(other).unwrap());
        let mark = world.mark;
        let (mut failing, mut gaining) = (world.positions[one], world.positions[other]);
        let closed = adl_match(&mut world.market, (&mut failing, &first), (&mut gaining, &second), Lots::new(lots), mark);
        (world.positions[one], world.positions[other]) = (failing, gaining);
        closed
    };
    assert_eq!(close(&mut world, 0, 1, 30), Ok(Lots::new(30)));
    assert_eq!((world.positions[0].lots, world.positions[1].lots), (120, -70));
    assert_eq!([world.unsettled(0), world.unsettled(1)], before, "at the mark no value moves");
    world.check();
    let now = world.now;
    assert_eq!(world.positions[1].deleveraged(now), Some((Lots::new(30), Quote::new(-27_000), now)));
    assert_eq!(world.positions[0].deleveraged(now), None, "the failing account has no grace");
    assert_eq!(close(&mut world, 0, 1, 0), Err(RiskError::QuantityOutOfRange));
    assert_eq!(close(&mut world, 1, 2, 1), Err(RiskError::WrongState), "the same side");
    assert_eq!(close(&mut world, 2, 0, 500), Ok(Lots::new(50)), "never through the failing one's zero");
    assert_eq!(close(&mut world, 0, 1, 500), Ok(Lots::new(70)), "nor through the other's");
    assert_eq!(close(&mut world, 0, 1, 1), Err(RiskError::WrongState), "flat");
    // The slot stays while the memory does.
    world.positions[1].quote = 0;
    assert!(world.positions[1].is_empty() && !world.positions[1].is_free());
    let later = world.now.add(Secs::new(600)).unwrap();
    assert_eq!(world.positions[1].deleveraged(later), None);
}

#[test]
fn the_side_index_is_remembered_too_and_forgotten_after_ten_minutes() {
    let mut world = World::new(3, 1_000_000, 1_000);
    world.trade(0, 1, 100, 1_000).unwrap();
    world.trade(2, 1, 100, 1_000).unwrap();
    world.adl(0, 100).unwrap();
    world.wait(9);
    let touched = world.touch(1).unwrap();
    let now = world.now;
    assert_eq!(world.positions[1].deleveraged(now), Some((touched.closed_lots(), touched.closed_quote(), now)));
    assert_eq!(touched.closed_lots().raw(), 100);
    world.wait(599);
    let _ = world.touch(1).unwrap();
    assert_eq!(world.positions[1].adl_lots, 100);
    world.wait(1);
    let _ = world.touch(1).unwrap();
    assert_eq!((world.positions[1].adl_lots, world.positions[1].adl_quote, world.positions[1].adl_at), (0, 0, 0));
}

#[test]
fn rewards_are_small_and_a_tenth_of_the_fees_an_hour() {
    let mut market = PerpMarket { fees: 1_000_000, ..PerpMarket::default() };
    let at = |secs: i64| Secs::new(secs);
    assert_eq!(candidate_reward(Lots::new(1_000), Price::new(100_000)).unwrap().raw(), 9_999, "1 bp of $100, rounded down twice");
    assert_eq!(candidate_reward(Lots::new(1 << 30), Price::new(1_000)).unwrap(), REWARD);
    assert!(CANDIDATE_SHARE < PerpParams::default().taker_fee.mul(Ratio::of(1, 2), Round::Floor).unwrap(), "below what the protocol kept");
    assert_eq!(claim_reward(Quote::new(1_000_000)).unwrap().raw(), 9_999);
    assert_eq!(take_reward(&mut market, REWARD, at(0)).unwrap(), REWARD);
    assert_eq!(
        take_reward(&mut market, Quote::new(70_000), at(3_599)).unwrap().raw(),
        49_999,
        "a tenth of a dollar in this hour, rounded down"
    );
    assert_eq!(take_reward(&mut market, REWARD, at(3_599)).unwrap().raw(), 0);
    assert_eq!(take_reward(&mut market, REWARD, at(3_600)).unwrap(), REWARD);
    assert_eq!((market.fees, market.rewarded, market.reward_hour), (850_001, 50_000, 1));
    assert_eq!(take_reward(&mut market, Quote::new(-1), at(3_600)), Err(RiskError::QuantityOutOfRange));
    assert_eq!(take_reward(&mut PerpMarket::default(), REWARD, at(0)).unwrap(), Quote::ZERO, "nothing to pay from");
}
