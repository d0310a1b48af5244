//! Random sequences of every operation: the books balance after each step, and positions end where an eager, fractional model puts them.
use super::*;
use crate::perp::state::ROUND_FREE;
use proptest::prelude::*;

const ACCOUNTS: usize = 10;
const Q: u32 = 40;

#[derive(Clone, Debug)]
enum Step {
    Trade {
        buyer: usize,
        seller: usize,
        lots: i64,
        off: i64,
    },
    Move {
        percent: i64,
    },
    Fund {
        f: i64,
    },
    Wait {
        secs: i64,
    },
    Touch {
        who: usize,
    },
    PayLoss {
        who: usize,
    },
    Claim {
        who: usize,
    },
    Fee {
        who: usize,
        fee: i64,
    },
    Adl {
        who: usize,
        part: i64,
    },
    /// The largest position is closed by force at a price `percent` against it, pays what cash it has, and what is left is absorbed.
    Ruin {
        percent: i64,
    },
    Absorb {
        who: usize,
    },
    Open,
    Close,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let who = || 0..ACCOUNTS;
    let lots = || prop_oneof![1..50_i64, 1..20_000_i64, 1..1_000_000_i64];
    let step = prop_oneof![
        8 => (who(), who(), lots(), -20..20_i64).prop_map(|(buyer, seller, lots, off)| Step::Trade { buyer, seller, lots, off }),
        // A crowd on one side of account 0, so that whole sides are closed.
        8 => (1..ACCOUNTS, lots(), -20..20_i64).prop_map(|(seller, lots, off)| Step::Trade { buyer: 0, seller, lots, off }),
        4 => (-30..40_i64).prop_map(|percent| Step::Move { percent }),
        3 => (-(1_i64 << 36)..1_i64 << 36).prop_map(|f| Step::Fund { f }),
        4 => (1..4_000_i64).prop_map(|secs| Step::Wait { secs }),
        3 => who().prop_map(|who| Step::Touch { who }),
        2 => who().prop_map(|who| Step::PayLoss { who }),
        4 => who().prop_map(|who| Step::Claim { who }),
        1 => (who(), 0..1_000_000_i64).prop_map(|(who, fee)| Step::Fee { who, fee }),
        4 => (who(), 1..=16_i64).prop_map(|(who, part)| Step::Adl { who, part }),
        3 => (1..60_i64).prop_map(|percent| Step::Ruin { percent }),
        2 => who().prop_map(|who| Step::Absorb { who }),
        3 => Just(Step::Open),
        3 => Just(Step::Close),
    ];
    prop::collection::vec(step, 1..250)
}

/// Every effect applied at once to everybody, in fractions of a lot and of an atom (2⁻⁴⁰).
struct Eager {
    lots: Vec<i128>,
    quote: Vec<i128>,
    /// Lot fractions the engine has closed, and how far price and funding have moved: bounds what these may have made of each.
    roundings: i128,
    touches: i128,
    path: i128,
}

struct Run {
    world: World,
    eager: Eager,
}

impl Run {
    fn new() -> Self {
        let fund = 100_000_000;
        let params = PerpParams {
            small_deficit: Quote::new(100_000),
            tranche_debt_max: Quote::new(1_000_000),
            fund_allowance: Quote::new(2_000_000),
            ..PerpParams::default()
        };
        let world = World::new(ACCOUNTS, 5_000_000, 1_000);
        let world = World { fund, tokens: fund + world.tokens, params, ..world };
        let eager = Eager { lots: vec![0; ACCOUNTS], quote: vec![0; ACCOUNTS], roundings: 0, touches: 0, path: 1_000 };
        Self { world, eager }
    }

    fn touch(&mut self, who: usize) {
        let before = self.world.positions[who];
        let _ = self.world.touch(who).unwrap();
        self.eager.touches += 1;
        // Each closed epoch on the way cuts a fraction.
        let epochs = self.world.positions[who].epoch.wrapping_sub(before.epoch);
        self.eager.roundings += if before.lots == 0 { 0 } else { 1 + i128::from(epochs.min(8)) };
    }

    fn adl(&mut self, who: usize, part: i64) {
        self.touch(who);
        let held = self.world.positions[who].lots;
        let lots = (held.abs() * part / 16).max(1);
        let interest = i128::from(self.world.market.long.open_interest);
        let Ok(closed) = self.world.adl(who, lots) else { return };
        let price = i128::from(self.world.mark.raw());
        for other in 0..ACCOUNTS {
            if self.eager.lots[other].signum() == -i128::from(held.signum()) && other != who {
                let cut = self.eager.lots[other] * i128::from(lots) / interest;
                self.eager.lots[other] -= cut;
                self.eager.quote[other] += cut * price;
            }
        }
        self.eager.lots[who] += i128::from(closed.lots.raw()) << Q;
        self.eager.quote[who] += i128::from(closed.quote.raw()) << Q;
    }

    fn move_to(&mut self, price: i64) {
        let next = price.clamp(50, 100_000);
        self.eager.path += i128::from((next - self.world.mark.raw()).abs());
        self.world.mark = Price::new(next);
    }

    fn pay_loss(&mut self, who: usize) {
        self.touch(who);
        let paid = self.world.settle_loss(who).unwrap();
        self.eager.quote[who] += i128::from(paid) << Q;
    }

    fn absorb(&mut self, who: usize) {
        self.touch(who);
        let loss = -self.world.positions[who].quote;
        if self.world.absorb(who).is_ok() {
            self.eager.quote[who] += i128::from(loss) << Q;
        }
    }

    fn ruin(&mut self, percent: i64) {
        let largest = (0..ACCOUNTS).max_by_key(|&who| self.world.positions[who].lots.abs()).unwrap();
        self.touch(largest);
        let mark = self.world.mark.raw();
        self.move_to(mark - mark * percent / 100 * self.world.positions[largest].lots.signum());
        self.adl(largest, 16);
        self.pay_loss(largest);
        self.absorb(largest);
    }

    fn trade(&mut self, buyer: usize, seller: usize, lots: i64, price: i64) {
        if buyer == seller {
            return;
        }
        self.touch(buyer);
        self.touch(seller);
        let largest = self.world.positions.iter().map(|pos| pos.lots.abs()).max().unwrap();
        if largest + lots > 1 << 29 || self.world.trade(buyer, seller, lots, price).is_err() {
            return;
        }
        for (who, signed) in [(buyer, i128::from(lots)), (seller, -i128::from(lots))] {
            self.eager.lots[who] += signed << Q;
            self.eager.quote[who] -= (signed * i128::from(price)) << Q;
        }
    }

    fn apply(&mut self, step: &Step) {
        match *step {
            Step::Trade { buyer, seller, lots, off } => {
                let mark = self.world.mark.raw();
                self.trade(buyer, seller, lots, (mark + mark * off / 1_000).max(1));
            }
            Step::Move { percent } => {
                let mark = self.world.mark.raw();
                self.move_to(mark + mark * percent / 100);
            }
            Step::Fund { f } => {
                accrue_funding(&mut self.world.market, f).unwrap();
                self.eager.path += i128::from(f.abs() >> 32) + 1;
                for who in 0..ACCOUNTS {
                    self.eager.quote[who] -= (self.eager.lots[who] * i128::from(f)) >> 32;
                }
            }
            Step::Wait { secs } => self.world.wait(secs),
            Step::Touch { who } => self.touch(who),
            Step::PayLoss { who } => self.pay_loss(who),
            Step::Claim { who } => {
                self.touch(who);
                if let Ok(paid) = self.world.settle_claim(who) {
                    self.eager.quote[who] -= i128::from(paid) << Q;
                }
            }
            Step::Fee { who, fee } => {
                self.touch(who);
                let split = self.world.charge_fee(who, fee).unwrap();
                self.eager.quote[who] -= i128::from(split.as_loss.raw()) << Q;
            }
            Step::Adl { who, part } => self.adl(who, part),
            Step::Ruin { percent } => self.ruin(percent),
            Step::Absorb { who } => self.absorb(who),
            Step::Open => {
                let _ = self.world.open_round();
            }
            Step::Close => {
                let _ = self.world.close_round();
            }
        }
        self.world.check();
    }

    /// Ends every round and brings everyone up to date.
    fn finish(&mut self) {
        for _ in 0..4 * ROUNDS {
            (0..ACCOUNTS).for_each(|who| self.touch(who));
            self.world.wait(60);
            let _ = self.world.close_round();
            (0..ACCOUNTS).for_each(|who| self.touch(who));
            (0..ACCOUNTS).for_each(|who| self.touch(who));
            self.world.check();
            if self.world.market.rounds.iter().all(|round| round.status == ROUND_FREE) {
                if self.world.market.pending_deficit <= self.tolerance() as i64 {
                    return;
                }
                self.world.open_round().unwrap();
            }
        }
        panic!("rounds do not end: {:?}", self.world.market);
    }

    /// Atoms by which rounding may have moved a position or clearing.
    fn tolerance(&self) -> i128 {
        4 * self.eager.touches + 2 * (self.eager.roundings + 1) * self.eager.path
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn books_balance_and_positions_follow_the_eager_model(steps in steps()) {
        let mut run = Run::new();
        for step in &steps {
            run.apply(step);
        }
        run.finish();
        let mark = i128::from(run.world.mark.raw());
        let bound = run.tolerance();
        for who in 0..ACCOUNTS {
            let pos = run.world.positions[who];
            let lots = (i128::from(pos.lots) << Q) - run.eager.lots[who];
            prop_assert!(lots.abs() >> Q <= 2 * run.eager.roundings, "lots of {}: {} against {}", who, pos.lots, run.eager.lots[who] >> Q);
            // What only the engine decides (rounds, carry) is added back.
            let value = i128::from(run.world.unsettled(who) + run.world.taken[who]) - ((run.eager.lots[who] * mark + run.eager.quote[who]) >> Q);
            prop_assert!(value.abs() <= bound, "value of {}: off by {} of at most {}", who, value, bound);
        }
        let market = &run.world.market;
        prop_assert!(i128::from(market.clearing_lots).abs() <= run.eager.roundings);
        let clearing = i128::from(market.clearing_quote) + i128::from(market.clearing_lots) * mark + i128::from(market.pending_deficit);
        prop_assert!(clearing.abs() <= bound, "clearing holds {} of at most {}", clearing, bound);
    }

    /// A second touch at the same mark and time changes nothing, and a virtual one says beforehand what a real one does.
    #[test]
    fn touching_is_idempotent_and_foreseeable(steps in steps(), who in 0..ACCOUNTS, f in -(1_i64 << 36)..1_i64 << 36) {
        let mut run = Run::new();
        for step in &steps {
            run.apply(step);
        }
        let world = &mut run.world;
        for f in [0, f] {
            let mut funded = world.market;
            accrue_funding(&mut funded, f).unwrap();
            let (later, _) = virtual_touch(&funded, &world.positions[who], world.mark, world.now, &world.params).unwrap();
            if let Some(seen) = foresee(&world.market, &world.positions[who], f, world.mark, world.now, &world.params).unwrap() {
                prop_assert_eq!(seen, (Lots::new(later.lots), Quote::new(later.quote)));
            }
        }
        let (expected, token) = virtual_touch(&world.market, &world.positions[who], world.mark, world.now, &world.params).unwrap();
        prop_assert_eq!(world.touch(who).unwrap(), token);
        prop_assert_eq!(world.positions[who], expected);
        // In a final round the second touch may hand out the last refund; a third has nothing left to do.
        let _ = world.touch(who).unwrap();
        let settled = (world.market, world.positions[who]);
        let _ = world.touch(who).unwrap();
        prop_assert_eq!((world.market, world.positions[who]), settled);
    }

    /// The order in which positions are touched changes nobody's result. (With a second round behind one that still waits for positions it
    /// may: the later one measures claims after what the earlier has provisionally taken.)
    #[test]
    fn order_of_touching_does_not_matter(steps in steps(), turn in 1..ACCOUNTS) {
        let mut run = Run::new();
        // The carry is measured at the touch, when a round's last refund may be outstanding.
        run.world.params.carry_per_hour = Ratio::ZERO;
        for step in &steps {
            run.apply(step);
        }
        let straight = &mut run.world;
        if straight.market.rounds.iter().filter(|round| round.status != ROUND_FREE).count() > 1 {
            return Ok(());
        }
        straight.wait(60);
        let mut turned = straight.clone();
        for pass in 0..3 {
            straight.touch_all();
            for who in 0..ACCOUNTS {
                let _ = turned.touch((who * 3 + turn) % ACCOUNTS).unwrap();
            }
            if pass == 0 {
                prop_assert_eq!(straight.close_round(), turned.close_round());
            }
        }
        straight.check();
        turned.check();
        prop_assert!(straight.market.rounds.iter().all(|round| round.status == ROUND_FREE));
        for (one, other) in straight.positions.iter().zip(&turned.positions) {
            prop_assert_eq!((one.lots, one.quote), (other.lots, other.quote));
        }
        let held = |world: &World| (world.market.clearing_lots, world.market.clearing_quote, world.market.tranche_quote);
        prop_assert_eq!(held(straight), held(&turned));
    }
}
