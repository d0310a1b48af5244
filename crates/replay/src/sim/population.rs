//! Who trades: margin accounts of varied size, leverage, direction and collateral, drawn from a seed.

use rand_chacha::rand_core::{RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// One dollar in quote atoms.
pub const USD: i64 = 1_000_000;
/// Smallest deposit.
const DEPOSIT: i64 = 1_000 * USD;
/// Deposits span this many doublings.
const DEPOSIT_OCTAVES: u64 = 8;
/// Smallest leverage, hundredths.
const LEVERAGE: i64 = 150;
/// Leverages span this many doublings, up to [`LEVERAGE_MAX`].
const LEVERAGE_OCTAVES: u64 = 4;
/// Largest leverage asked for, hundredths: about what initial margin allows when volatility is low.
const LEVERAGE_MAX: i64 = 1_600;
/// Largest position of one account.
const NOTIONAL_MAX: i64 = 3_000_000 * USD;

/// One position a trader wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leg {
    /// Market number.
    pub market: usize,
    /// Direction.
    pub is_long: bool,
    /// Percent of the trader's notional.
    pub share: i64,
}

/// A trader before it joins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Value brought in, quote atoms.
    pub deposit: i64,
    /// Percent of it brought as SOL.
    pub sol_share: i64,
    /// Notional over deposit, hundredths.
    pub leverage: i64,
    /// Positions.
    pub legs: Vec<Leg>,
}

impl Plan {
    /// Notional wanted in `leg`, quote atoms.
    pub fn notional(&self, leg: &Leg) -> i64 {
        (self.deposit / 100 * self.leverage).min(NOTIONAL_MAX) / 100 * leg.share
    }
}

/// A seeded stream of small numbers.
pub(super) struct Draw(ChaCha8Rng);

impl Draw {
    /// Stream `stream` of `seed`.
    pub(super) fn new(seed: u64, stream: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(stream);
        Self(rng)
    }

    /// Uniform in 0 .. `bound`; `bound` is small, so that the bias of the remainder does not matter.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.0.next_u64() % bound.max(1)
    }

    fn percent(&mut self, chance: u64) -> bool {
        self.below(100) < chance
    }

    /// `base` × 2^k × (1 + f) with a uniform octave k and a uniform f: log-uniform but for a slight sag inside each octave, and the same on
    /// every machine.
    fn log_uniform(&mut self, base: i64, octaves: u64) -> i64 {
        let octave = self.below(octaves);
        let within = i64::try_from(self.below(1_000)).unwrap_or(0);
        (base << octave) * (1_000 + within) / 1_000
    }
}

/// `count` traders. Most are long, for it is a crash; a fifth bring SOL, some of them hedged by a short; a quarter hold two markets.
pub fn plans(count: usize, seed: u64) -> Vec<Plan> {
    let mut draw = Draw::new(seed, 1_000);
    (0..count).map(|_| plan(&mut draw)).collect()
}

fn plan(draw: &mut Draw) -> Plan {
    let deposit = draw.log_uniform(DEPOSIT, DEPOSIT_OCTAVES);
    let leverage = draw.log_uniform(LEVERAGE, LEVERAGE_OCTAVES).min(LEVERAGE_MAX);
    if draw.percent(20) {
        return with_sol(draw, deposit, leverage);
    }
    let first = pick_market(draw);
    let is_long = draw.percent(82);
    let mut legs = vec![Leg { market: first, is_long, share: 100 }];
    if draw.percent(25) {
        let second = (first + 1 + usize::try_from(draw.below(2)).unwrap_or(0)) % 3;
        legs[0].share = 60;
        legs.push(Leg { market: second, is_long: draw.percent(70) == is_long, share: 40 });
    }
    Plan { deposit, sol_share: 0, leverage, legs }
}

/// A trader who brings SOL: hedged by a short of the same size, or long on top of it.
fn with_sol(draw: &mut Draw, deposit: i64, leverage: i64) -> Plan {
    let sol_share = [60, 80, 100][usize::try_from(draw.below(3)).unwrap_or(0)];
    if draw.percent(30) {
        let hedge = Leg { market: 0, is_long: false, share: 100 };
        return Plan { deposit, sol_share, leverage: sol_share.min(100), legs: vec![hedge] };
    }
    let market = pick_market(draw);
    // Collateral counts at its weight only, and falls with the market: less leverage is to be had.
    Plan { deposit, sol_share, leverage: leverage * 6 / 10, legs: vec![Leg { market, is_long: true, share: 100 }] }
}

/// SOL half of the time, the others a quarter each.
fn pick_market(draw: &mut Draw) -> usize {
    [0, 0, 1, 2][usize::try_from(draw.below(4)).unwrap_or(0)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_population_is_varied_and_seeded() {
        let all = plans(310, 7);
        assert_eq!(all, plans(310, 7));
        assert_ne!(all, plans(310, 8));
        let count = |test: &dyn Fn(&Plan) -> bool| all.iter().filter(|plan| test(plan)).count();
        assert!(count(&|plan| plan.leverage < 300) > 40 && count(&|plan| plan.leverage > 1_000) > 30);
        assert!(count(&|plan| plan.sol_share > 0) > 30 && count(&|plan| plan.legs.len() == 2) > 30);
        let longs = count(&|plan| plan.legs[0].is_long);
        assert!(longs > 200 && longs < 300, "{longs}");
        assert!(all.iter().all(|plan| plan.legs.iter().map(|leg| leg.share).sum::<i64>() == 100));
        assert!(all.iter().all(|plan| (DEPOSIT..=DEPOSIT << DEPOSIT_OCTAVES).contains(&plan.deposit)));
    }

    #[test]
    fn leverage_is_spread_over_the_octaves() {
        let mut draw = Draw::new(1, 1);
        let mut counts = [0_usize; 3];
        for _ in 0..3_000 {
            let value = draw.log_uniform(100, 3);
            assert!((100..800).contains(&value));
            counts[usize::try_from((value / 100).ilog2()).unwrap()] += 1;
        }
        assert!(counts.iter().all(|count| (800..1_200).contains(count)), "{counts:?}");
    }
}
