//! The numbers that the documents quote, computed by the engine; and the table in `docs/oracle.md`, rendered from the one that decides.
#![allow(clippy::unwrap_used, clippy::arithmetic_side_effects, clippy::indexing_slicing, reason = "tests fail by panicking")]

use plimsoll_risk::delegation::{given_away, LossCap};
use plimsoll_risk::funding::{premium, FundingParams, FundingState};
use plimsoll_risk::limits::OutflowParams;
use plimsoll_risk::oracle::{permission, Action, Condition, Conditions, Permission};
use plimsoll_risk::perp::{
    absorb, accrue_funding, adl_close, check_counts, check_raw, close_round, fund_offer, open_or_extend_round, settle_claim, settle_loss,
    touch, trade, unsettled, PerpMarket, PerpParams, Position, Touched,
};
use plimsoll_risk::withdrawals::Gate;
use plimsoll_risk::{Atoms, Lots, Price, Quote, Ratio, Round, Secs};

const USD: i64 = 1_000_000;

/// A SOL market in lots of 0.01 SOL, its positions, and the time.
struct World {
    market: PerpMarket,
    positions: [Position; 3],
    mark: Price,
    now: Secs,
    params: PerpParams,
}

impl World {
    /// Account 0 bought 60 SOL from account 1 and 40 SOL from account 2 at $200.
    fn new() -> Self {
        let mut world = Self {
            market: PerpMarket::default(),
            positions: [Position::default(); 3],
            mark: Price::new(2 * USD),
            now: Secs::new(1_000_000),
            params: PerpParams::default(),
        };
        for (seller, lots) in [(1, 6_000), (2, 4_000)] {
            for (who, signed) in [(0, lots), (seller, -lots)] {
                let touched = world.touch(who);
                trade(&mut world.market, &mut world.positions[who], &touched, Lots::new(signed), world.mark).unwrap();
            }
        }
        world.check();
        world
    }

    fn touch(&mut self, who: usize) -> Touched {
        touch(&mut self.market, &mut self.positions[who], self.mark, self.now, &self.params).unwrap()
    }

    fn unsettled(&self, who: usize) -> i64 {
        unsettled(&self.positions[who], self.mark).unwrap().raw()
    }

    fn settle_claim(&mut self, who: usize) -> i64 {
        let touched = self.touch(who);
        settle_claim(&mut self.market, &mut self.positions[who], &touched, &self.params).unwrap().raw()
    }

    fn check(&self) {
        assert!(check_raw(&self.market, &self.positions));
        assert!(check_counts(&self.market, &self.positions));
    }
}

/// `docs/perps.md`, "Funding".
#[test]
fn funding_of_ten_minutes_on_a_hundred_sol() {
    let mut world = World::new();
    let params = FundingParams { dead_zone: Ratio::of(5, 10_000), hourly_cap: Ratio::of(4, 1_000) };
    let mut clock = FundingState::new(Secs::new(0));
    let sample = premium(Some(Price::new(2_020_000)), Some(Price::new(2_030_000)), world.mark).unwrap();
    assert_eq!(sample, Ratio::of(125, 10_000));
    for minute in 1..=60 {
        let f = clock.sample(Secs::new(60 * minute), sample, world.mark, false, &params).unwrap();
        assert_eq!(f.raw(), 0, "without both sides nothing accrues");
    }
    let f = clock.accrue(Secs::new(4_200), world.mark, true).unwrap();
    accrue_funding(&mut world.market, f.raw()).unwrap();
    let paid: Vec<i64> = (0..3).map(|who| world.touch(who).funding().raw()).collect();
    // 1.666661 dollars from the long; what rounding keeps from the shorts is the tranche's.
    assert_eq!(paid, [-1_666_661, 999_996, 666_664]);
    assert_eq!(world.market.tranche_quote + world.market.clearing_quote, 1);
    world.check();
}

/// `docs/perps.md`, "Claims".
#[test]
fn a_claim_of_1200_dollars_meets_a_pool_of_400() {
    let mut world = World::new();
    world.mark = Price::new(1_800_000);
    let touched = world.touch(0);
    let paid = settle_loss(&mut world.market, &mut world.positions[0], &touched, Quote::new(400 * USD)).unwrap();
    assert_eq!((paid.raw(), world.market.pool), (400 * USD, 400 * USD));
    let _ = world.touch(1);
    assert_eq!((world.unsettled(1), world.positions[1].matured, world.positions[1].vesting), (1_200 * USD, 0, 1_200 * USD));
    world.now = world.now.add(Secs::new(225)).unwrap();
    let _ = world.touch(1);
    assert_eq!(world.positions[1].matured, 300 * USD);
    world.now = world.now.add(Secs::new(675)).unwrap();
    // Account 2 has not been touched since the fall: its claim of $800 has not begun to mature and takes no part.
    assert_eq!(world.settle_claim(1), 400 * USD);
    assert_eq!((world.positions[1].matured, world.positions[1].vesting), (0, 800 * USD));
    assert_eq!(world.positions[1].vesting_end, world.now.raw() + 900);
    assert_eq!((world.market.pool, world.settle_claim(1)), (0, 0));
    world.check();
}

/// `docs/liquidation.md`, "A bankruptcy to its end".
#[test]
fn a_bankruptcy_of_500_dollars_to_its_end() {
    let mut world = World::new();
    world.market.tranche_cash = 100 * USD;
    let fund = Quote::new(1_000 * USD);
    // The price gaps to $180: the long loses $2,000 and has $1,500.
    world.mark = Price::new(1_800_000);
    let touched = world.touch(0);
    settle_loss(&mut world.market, &mut world.positions[0], &touched, Quote::new(1_500 * USD)).unwrap();
    assert_eq!(world.unsettled(0), -500 * USD);
    // Nobody takes the lots over without equity: they close against all shorts at the mark.
    let touched = world.touch(0);
    let closed = adl_close(&mut world.market, &mut world.positions[0], &touched, Lots::new(10_000), world.mark).unwrap();
    assert_eq!((closed.lots.raw(), closed.quote.raw(), closed.open_interest.raw()), (-10_000, 18_000 * USD, 0));
    // Tranche, fund, deficit.
    let touched = world.touch(0);
    let loss = world.positions[0].quote().neg().unwrap();
    let offer = fund_offer(&world.market.fund_window, &world.params, fund, loss, world.now).unwrap();
    assert_eq!(offer.raw(), 250 * USD, "a quarter of the fund in a window");
    let absorbed = absorb(&mut world.market, &mut world.positions[0], &touched, Quote::new(500 * USD), offer, &world.params).unwrap();
    assert_eq!((absorbed.tranche_cash.raw(), absorbed.fund.raw(), absorbed.deficit.raw()), (100 * USD, 250 * USD, 150 * USD));
    assert!(world.positions[0].is_empty());
    // The round: claims of $1,200 and $800, one of them touched in time.
    open_or_extend_round(&mut world.market, world.mark, world.now).unwrap();
    assert_eq!(world.touch(1).closed_lots().raw(), 6_000);
    world.now = world.now.add(Secs::new(60)).unwrap();
    assert_eq!(close_round(&mut world.market, world.now, &world.params).unwrap(), Ratio::of(125, 1_000));
    world.check();
    assert_eq!(world.touch(1).charge().raw(), 150 * USD);
    // The other is found later: it pays its part, and the first gets back what was too much.
    assert_eq!(world.touch(2).charge().raw(), 60 * USD);
    assert_eq!(world.touch(1).charge().raw(), -60 * USD);
    assert_eq!((world.unsettled(1), world.unsettled(2)), (1_110 * USD, 740 * USD));
    // The pool holds both to the atom.
    world.now = world.now.add(Secs::new(900)).unwrap();
    let _ = (world.touch(1), world.touch(2));
    assert_eq!(world.market.pool, 1_850 * USD);
    assert_eq!((world.settle_claim(1), world.settle_claim(2)), (1_110 * USD, 740 * USD));
    assert_eq!((world.market.pool, world.market.clearing_quote, world.market.positions), (0, 0, 0));
    world.check();
}

#[test]
fn the_table_of_permissions_is_the_documented_one() {
    let conditions = [
        ("Fresh, ≤ 10 s", Condition::Fresh),
        ("Aged, ≤ 15 s", Condition::Aged),
        ("Old, ≤ 60 s", Condition::Old),
        ("Stale, > 60 s", Condition::Stale),
        ("Wide confidence", Condition::WideConfidence),
        ("TWAP gap", Condition::TwapGap),
        ("TWAP band", Condition::TwapBand),
        ("Outage", Condition::Outage),
        ("No price", Condition::NoPrice),
        ("Settling", Condition::Settling),
    ];
    let actions = [
        ("deposit", Action::Deposit),
        ("withdraw", Action::Withdraw),
        ("open", Action::Open),
        ("reduce", Action::Reduce),
        ("cancel", Action::Cancel),
        ("settle", Action::Settle),
        ("fund", Action::AccrueFunding),
        ("start", Action::StartLiquidation),
        ("continue", Action::ContinueLiquidation),
        ("resolve", Action::Resolve),
        ("adl", Action::Deleverage),
        ("convert", Action::ConvertCollateral),
        ("update", Action::UpdatePrice),
    ];
    let heads: Vec<&str> = actions.iter().map(|(name, _)| *name).collect();
    let mut table = format!("| | {} |\n|{}\n", heads.join(" | "), " --- |".repeat(heads.len() + 1));
    for (name, condition) in conditions {
        let cells: Vec<&str> = actions
            .iter()
            .map(|(_, action)| match permission(Conditions::of(condition), *action) {
                Permission::Allowed => "yes",
                Permission::AllowedIfLowersRisk => "lower",
                Permission::Refused => "no",
            })
            .collect();
        table += &format!("| {name} | {} |\n", cells.join(" | "));
    }
    assert!(include_str!("../../../docs/oracle.md").contains(&table), "docs/oracle.md should hold\n{table}");
}

/// The example of docs/withdrawals.md.
#[test]
fn a_queue_shares_the_hour_as_in_the_document() {
    let usd = |dollars: i64| Atoms::new(dollars * USD);
    let at = |second: i64| Secs::new(1_760_000_000 + second);
    let total = 1_280_000;
    let quick = OutflowParams { hourly: Ratio::of(1, 128), daily: Ratio::of(1, 10), half_life: Secs::new(1) };
    let mut gate = Gate::new(quick, at(-200_000)).unwrap();
    gate.deposit(usd(total), usd(total), at(-200_000)).unwrap();
    gate.deposit(Atoms::ZERO, usd(total), at(0)).unwrap();
    assert_eq!((gate.limiter.average(), gate.room(at(0)).unwrap()), (usd(total), usd(10_000)));
    let asked = [512_000, 96_000, 32_000];
    assert!(gate.request(usd(10_000), at(0)).is_err());
    let mut requests = asked.map(|dollars| gate.request(usd(dollars), at(0)).unwrap());
    assert!(gate.withdraw(usd(1), usd(total - 1), at(0)).is_err());
    gate.params.half_life = OutflowParams::DEFAULT.half_life;
    let granted = [2, 0, 1].map(|who| {
        let due = gate.settle(&mut requests[who], usd(asked[who]), at(3_600)).unwrap();
        (due, requests[who].waiting)
    });
    assert_eq!(granted, [(usd(500), usd(31_500)), (usd(8_000), usd(504_000)), (usd(1_500), usd(94_500))]);
    gate.pay(&mut requests[2], usd(500), usd(total - 500), at(3_600)).unwrap();
    for request in &mut requests[..2] {
        gate.cancel(request).unwrap();
    }
    let due = gate.settle(&mut requests[2], usd(31_500), at(7_200)).unwrap();
    let cents = usd(9_500).sub(due).unwrap().raw() / 10_000;
    assert_eq!(cents, 21);
    assert!((requests[2].granted.raw() - due.raw()).abs() <= 1);
}

/// docs/perps.md, "a delegate's fill".
#[test]
fn a_delegates_fill_as_documented() {
    let document = include_str!("../../../docs/perps.md");
    let (lots, price, mark) = (Lots::new(100), Price::new(2_020_000), Price::new(2 * USD));
    let params = PerpParams::default();
    let value = lots.at(price).unwrap();
    let fee = |rate: Ratio| value.scale(rate, Round::Ceil).unwrap();
    let mut cap: LossCap = bytemuck::Zeroable::zeroed();
    cap.set(Quote::new(3 * USD)).unwrap();
    let dollars =
        |amount: Quote| format!("${}.{}", amount.raw().abs() / USD, format!("{:06}", amount.raw().abs() % USD).trim_end_matches('0'));
    let bought = given_away(lots, value, mark, fee(params.taker_fee)).unwrap();
    cap.record(bought, Secs::new(1_000_000)).unwrap();
    let first = cap.left(Secs::new(1_000_000)).unwrap();
    let sold = given_away(lots.neg().unwrap(), value, mark, fee(params.maker_fee)).unwrap();
    cap.record(sold, Secs::new(1_000_100)).unwrap();
    let second = cap.left(Secs::new(1_000_100)).unwrap();
    for text in [
        format!("= {} given away", dollars(bought)),
        format!("−{}, a gain", dollars(sold)),
        format!("{} are left after the first and {} after both", dollars(first), dollars(second)),
    ] {
        assert!(document.contains(&text), "docs/perps.md should say: {text}");
    }
}
