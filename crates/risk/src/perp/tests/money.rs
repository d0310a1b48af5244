//! Settlement, maturity, the estate and the fund (RULES 1.3 to 1.5, 7.1).
use super::*;
use crate::error::RiskError;
use proptest::prelude::*;

/// Account 0 long 1,000 from account 1 and 2; the price rises so that 1 and 2 owe.
fn winner(cash: i64) -> World {
    let mut world = World::new(3, cash, 1_000);
    world.trade(0, 1, 500, 1_000).unwrap();
    world.trade(0, 2, 500, 1_000).unwrap();
    world.mark = Price::new(1_100);
    world
}

#[test]
fn a_loss_is_paid_from_cash_and_never_more_than_there_is() {
    let mut world = winner(30_000);
    assert_eq!(world.settle_loss(1).unwrap(), 30_000);
    assert_eq!(world.unsettled(1), -20_000, "the rest stays an unsettled loss");
    assert_eq!(world.settle_loss(0).unwrap(), 0, "profit pays nothing");
    assert_eq!(world.market.pool, 30_000);
    world.check();
}

#[test]
fn a_claim_matures_linearly_whatever_the_touches() {
    let mut once = winner(50_000);
    let _ = once.touch(0).unwrap();
    let mut often = once.clone();
    for _ in 0..9 {
        often.wait(50);
        let _ = often.touch(0).unwrap();
    }
    once.wait(450);
    let _ = once.touch(0).unwrap();
    assert_eq!(once.positions[0].matured, 50_000);
    assert!((49_990..=50_000).contains(&often.positions[0].matured), "{}", often.positions[0].matured);
    once.wait(450);
    let _ = once.touch(0).unwrap();
    assert_eq!((once.positions[0].matured, once.positions[0].vesting), (100_000, 0));
    once.check();
}

#[test]
fn new_profit_does_not_delay_old_profit_by_more_than_its_share() {
    let mut world = winner(50_000);
    let _ = world.touch(0).unwrap();
    world.wait(800);
    world.mark = Price::new(1_101);
    let _ = world.touch(0).unwrap();
    // 1,000 atoms more over 900 s against 11,112 with 100 s left.
    assert_eq!(world.positions[0].vesting_end - world.now.raw(), 167);
    assert_eq!(world.positions[0].matured, 88_888);
}

#[test]
fn a_shrinking_claim_loses_its_youngest_part_first() {
    let mut world = winner(50_000);
    let _ = world.touch(0).unwrap();
    world.wait(450);
    world.mark = Price::new(1_060);
    let _ = world.touch(0).unwrap();
    assert_eq!((world.positions[0].matured, world.positions[0].vesting), (50_000, 10_000));
    world.mark = Price::new(1_020);
    let _ = world.touch(0).unwrap();
    assert_eq!((world.positions[0].matured, world.positions[0].vesting), (20_000, 0));
    assert_eq!(world.market.matured_total, 20_000);
    world.check();
}

#[test]
fn only_matured_claims_are_paid() {
    let mut world = winner(50_000);
    world.settle_loss(1).unwrap();
    world.settle_loss(2).unwrap();
    assert_eq!(world.settle_claim(0).unwrap(), 0);
    world.wait(900);
    assert_eq!(world.settle_claim(0).unwrap(), 100_000);
    assert_eq!((world.cash[0], world.market.pool, world.unsettled(0)), (150_000, 0, 0));
    world.check();
}

#[test]
fn a_short_pool_is_shared_by_matured_claims_in_any_order_and_repetition() {
    let build = || {
        let mut world = World::new(4, 40_000, 1_000);
        world.trade(0, 3, 300, 1_000).unwrap();
        world.trade(1, 3, 100, 1_000).unwrap();
        world.trade(2, 3, 600, 1_000).unwrap();
        world.mark = Price::new(1_100);
        world.touch_all();
        world.wait(900);
        world.touch_all();
        world.settle_loss(3).unwrap();
        world
    };
    for order in [[0, 1, 2], [2, 1, 0], [1, 0, 2]] {
        let mut world = build();
        let mut paid = [0; 3];
        for who in order {
            for _ in 0..5 {
                paid[who] += world.settle_claim(who).unwrap();
            }
        }
        assert_eq!(paid, [12_000, 4_000, 24_000], "{order:?}");
        world.check();
    }
}

#[test]
fn claims_are_not_settled_while_a_deficit_is_open() {
    let mut world = World::new(3, 0, 1_000);
    world.params.small_deficit = Quote::ZERO;
    world.bankrupt(100, 100);
    world.touch_all();
    world.wait(900);
    world.absorb(0).unwrap();
    assert_eq!(world.settle_claim(1), Err(RiskError::WrongState), "pending");
    world.open_round().unwrap();
    assert_eq!(world.settle_claim(1), Err(RiskError::WrongState), "registering");
    world.touch_all();
    world.close_round().unwrap();
    world.touch_all();
    assert_eq!(world.settle_claim(1), Ok(0), "the round has taken all");
    world.check();
}

#[test]
fn the_fund_pays_within_each_of_its_caps() {
    let params = PerpParams {
        fund_market_cap: Quote::new(1_000),
        fund_window_share: Ratio::of(1, 4),
        fund_allowance: Quote::new(600),
        ..PerpParams::default()
    };
    let offer = |window: &FundWindow, fund: i64, need: i64, at: i64| {
        fund_offer(window, &params, Quote::new(fund), Quote::new(need), Secs::new(at)).unwrap().raw()
    };
    let fresh = FundWindow::default();
    assert_eq!(offer(&fresh, 100_000, 50, 0), 50, "the need");
    assert_eq!(offer(&fresh, 400, 500, 0), 100, "a quarter of the fund");
    assert_eq!(offer(&fresh, 100_000, 5_000, 0), 600, "the allowance");
    let earning = FundWindow { earned_total: 300, ..fresh };
    assert_eq!(offer(&earning, 100_000, 5_000, 0), 900, "what the tranche earned and the allowance");
    let rich = FundWindow { earned_total: 1 << 40, ..fresh };
    assert_eq!(offer(&rich, 100_000, 5_000, 0), 1_000, "the market's cap");
    let paid = earning.after_payout(Quote::new(900), Secs::new(0)).unwrap();
    assert_eq!(offer(&paid, 100_000, 5_000, 86_399), 0, "nothing more within the day");
    assert_eq!(offer(&paid, 100_000, 5_000, 9 * 10_800), 600, "a day later the allowance, but earnings are spent");
    assert_eq!(fund_offer(&fresh, &params, Quote::new(-1), Quote::ZERO, Secs::ZERO), Err(RiskError::QuantityOutOfRange));
}

proptest! {
    #[test]
    fn no_day_pays_more_than_the_caps(steps in prop::collection::vec((0..20_000_i64, 0..2_000_i64, 0..100_i64), 1..60)) {
        let params = PerpParams { fund_market_cap: Quote::new(1_500), fund_allowance: Quote::new(600), ..PerpParams::default() };
        let mut window = FundWindow::default();
        let mut paid: Vec<(i64, i64)> = Vec::new();
        let mut now = 0;
        for (wait, need, earned) in steps {
            now += wait;
            window.earned_total += earned;
            let offer = fund_offer(&window, &params, Quote::new(10_000), Quote::new(need), Secs::new(now)).unwrap();
            window = window.after_payout(offer, Secs::new(now)).unwrap();
            paid.push((now, offer.raw()));
            let day: i64 = paid.iter().filter(|(at, _)| *at > now - 86_400).map(|(_, amount)| amount).sum();
            prop_assert!(day <= 1_500 && day <= window.earned_total + 600);
            prop_assert!(day <= window.paid_in_window(Secs::new(now)).unwrap().raw());
        }
    }

    #[test]
    fn an_estate_is_spread_exactly_and_pro_rata(cash in 0..1_i64 << 50, losses in prop::collection::vec(0..1_i64 << 50, 0..=8)) {
        let quotes: Vec<Quote> = losses.iter().map(|&loss| Quote::new(loss)).collect();
        let shares = settle_estate(Quote::new(cash), &quotes).unwrap();
        let total: i64 = losses.iter().sum();
        prop_assert_eq!(shares.iter().map(|share| share.raw()).sum::<i64>(), cash.min(total));
        for (share, loss) in shares.iter().zip(&losses) {
            prop_assert!(share.raw() <= *loss);
            let exact = i128::from(*loss) * i128::from(cash.min(total)) / i128::from(total.max(1));
            prop_assert!((i128::from(share.raw()) - exact).abs() <= 1);
        }
    }
}

#[test]
fn an_estate_of_too_many_or_negative_losses_is_refused() {
    assert_eq!(settle_estate(Quote::ZERO, &[Quote::ZERO; 9]), Err(RiskError::QuantityOutOfRange));
    assert_eq!(settle_estate(Quote::ZERO, &[Quote::new(-1)]), Err(RiskError::QuantityOutOfRange));
    assert_eq!(settle_estate(Quote::new(-1), &[]), Err(RiskError::QuantityOutOfRange));
}
