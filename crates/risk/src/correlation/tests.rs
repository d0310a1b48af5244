//! A floating-point reference of the whole measurement, worked credits, silences, the glide, and attempts to gain credit.
#![allow(clippy::unwrap_used, clippy::arithmetic_side_effects, clippy::as_conversions, clippy::float_arithmetic, clippy::indexing_slicing)]
use super::*;
use proptest::prelude::*;

const P: CorrelationParams = CorrelationParams::MAJORS;
/// Credit from the first return on.
const EAGER: CorrelationParams = CorrelationParams { warm_up: 1, ..P };
const START: i64 = 5_866_667;
const Q30: f64 = (1_u64 << 30) as f64;
const Q56: f64 = (1_u64 << 56) as f64;

fn ratio(x: Ratio) -> f64 {
    x.raw() as f64 / Q30
}

fn sample(bucket: i64, reference: f64) -> Sample {
    Sample { bucket, reference: Log::new((reference * Q56) as i64) }
}

/// A repeatable source of uniform numbers in −1 ..= 1.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as f64 / (1_u64 << 30) as f64 - 1.0
    }
}

/// Markets of one factor: returns ±0.2 %, loading² of each is its correlation with the factor.
struct Walk {
    noise: Noise,
    loadings: Vec<f64>,
    references: Vec<f64>,
    bucket: i64,
}

impl Walk {
    fn new(loadings: &[f64]) -> Self {
        Self { noise: Noise(7), loadings: loadings.to_vec(), references: vec![10.0; loadings.len()], bucket: START }
    }
    fn step(&mut self) -> Vec<Sample> {
        let factor = self.noise.next();
        self.bucket += 1;
        for (reference, loading) in self.references.iter_mut().zip(&self.loadings) {
            *reference += 0.002 * (loading * factor + (1.0 - loading * loading).sqrt() * self.noise.next());
        }
        self.references.iter().map(|reference| sample(self.bucket, *reference)).collect()
    }
    fn run(&mut self, group: &mut Correlation, params: &CorrelationParams, steps: usize) {
        for _ in 0..steps {
            let samples = self.step();
            group.update(params, &samples).unwrap();
        }
    }
}

/// One pair in floating point, from the module's formulas.
#[derive(Clone, Default)]
struct Reference {
    last: Option<(i64, f64, f64)>,
    /// fast, slow: product, first, second.
    moments: [[f64; 3]; 2],
    samples: i64,
    initial: f64,
    maintenance: f64,
}

impl Reference {
    fn rho(&self) -> Option<f64> {
        let of = |m: &[f64; 3]| (m[1] >= 2f64.powi(-30) && m[2] >= 2f64.powi(-30)).then(|| m[0] / (m[1] * m[2]).sqrt());
        Some(of(&self.moments[0])?.min(of(&self.moments[1])?))
    }
    fn push(&mut self, params: &CorrelationParams, bucket: i64, a: f64, b: f64) {
        if let Some((last, was_a, was_b)) = self.last {
            let buckets = (bucket - last) as f64;
            let (ra, rb) = ((a - was_a).clamp(-0.5, 0.5), (b - was_b).clamp(-0.5, 0.5));
            for (moments, half_life) in self.moments.iter_mut().zip([params.fast_half_life, params.slow_half_life]) {
                let weight = 1.0 - (-buckets.min(3.0) * 300.0 / half_life.raw() as f64).exp2();
                for (m, x) in moments.iter_mut().zip([ra * rb, ra * ra, rb * rb]) {
                    *m += (x / buckets - *m) * weight;
                }
            }
            self.samples += 1;
            let rho = self.rho().filter(|_| self.samples >= params.warm_up);
            let target = rho.map_or(1.0, |rho| ((1.0 - rho.clamp(-1.0, 1.0)) / 2.0).sqrt().max(1.0 - ratio(params.max_credit)));
            let charge = 1.0 - self.maintenance;
            let moved =
                if target > charge { (charge * (1.0 + 0.09531 / 12.0)).min(target) } else { (charge * (1.0 - 0.05 / 12.0)).max(target) };
            (self.maintenance, self.initial) = (1.0 - moved, 1.0 - moved.max(target));
        }
        self.last = Some((bucket, a, b));
    }
}

#[test]
fn credits_of_known_correlations_4_3() {
    for (rho, credit) in
        [(-1.0, 0.0), (-0.5, 0.133_974_596), (0.0, 0.292_893_219), (0.5, 0.5), (0.8, 0.683_772_234), (0.9, 0.7), (1.0, 0.7)]
    {
        let found = 1.0 - ratio(charge(Ratio::new((rho * Q30) as i64), MAX_CREDIT).unwrap());
        assert!(found <= credit && found > credit - 3e-9, "{rho}: {found}");
    }
    // The table of the document.
    let credits = [-1.0, -0.5, 0.0, 0.5, 0.8, 0.9].map(|rho: f64| ((1.0 - ((1.0 - rho) / 2.0).sqrt()).min(0.7) * 1e3).round() / 1e3);
    let row = credits.map(|credit| format!("| {credit} ")).concat();
    assert!(include_str!("../../../../docs/volatility.md").contains(&format!("| c {row}|")), "docs/volatility.md should hold: {row}");
    assert!((1.0 - ratio(charge(Ratio::ONE, Ratio::of(4, 10)).unwrap()) - 0.4).abs() < 2e-9, "a lower cap");
}

#[test]
fn three_returns_by_hand_4_3() {
    // A: +1 %, −1 %, +2 %; B: +2 %, −1 %, +1 %. With half-lives far beyond 15 minutes all weights are almost equal:
    // ρ = (2 + 1 + 2) / √((1 + 1 + 4)·(4 + 1 + 1)) = 5/6, c = 1 − √(1/12) = 0.711, cut at 0.7.
    let mut group = Correlation::new(2).unwrap();
    let params = CorrelationParams { fast_half_life: P.slow_half_life, warm_up: 3, ..P };
    for (n, (a, b)) in [(0.0, 0.0), (0.01, 0.02), (0.0, 0.01), (0.02, 0.02)].into_iter().enumerate() {
        assert_eq!(group.credit(0b11, Measure::Maintenance), Ratio::ZERO, "nothing before the third");
        assert_eq!(group.update(&params, &[sample(START + n as i64, 3.0 + a), sample(START + n as i64, 5.0 + b)]), Ok(1));
    }
    let rho = ratio(group.pairs[0].correlation(&params).unwrap());
    assert!((rho - 5.0 / 6.0).abs() < 1e-4, "{rho}");
    // The charge has come down from 1 by one bucket's part of 5 % an hour.
    assert!((ratio(group.credit(0b11, Measure::Initial)) - 0.05 / 12.0).abs() < 1e-8);
    assert!((ratio(group.credit(0b11, Measure::Maintenance)) - 0.05 / 12.0).abs() < 1e-8);
}

#[test]
fn the_lower_of_fast_and_slow_decides_4_3() {
    let (mut group, mut walk) = (Correlation::new(2).unwrap(), Walk::new(&[0.95, 0.95]));
    walk.run(&mut group, &P, 12 * 24 * 20);
    let together = group.pairs[0].correlation(&P).unwrap();
    assert!((ratio(together) - 0.9).abs() < 0.05 && group.credit(3, Measure::Maintenance) > Ratio::of(69, 100));
    // One day apart: the fast correlation is far down, the slow one is not.
    walk.loadings = vec![0.95, -0.95];
    walk.run(&mut group, &P, 12 * 24);
    let (fast, slow) = (group.pairs[0].fast.correlation().unwrap(), group.pairs[0].slow.correlation().unwrap());
    assert!(ratio(fast) < 0.15 && ratio(slow) > 0.6, "{} {}", ratio(fast), ratio(slow));
    assert_eq!(group.pairs[0].correlation(&P), Some(fast));
    // Together again: now the slow one holds it back.
    walk.loadings = vec![0.999, 0.999];
    walk.run(&mut group, &P, 12 * 24 * 10);
    let (fast, slow) = (group.pairs[0].fast.correlation().unwrap(), group.pairs[0].slow.correlation().unwrap());
    assert!(fast > slow);
    assert_eq!(group.pairs[0].correlation(&P), Some(slow));
}

#[test]
fn a_fall_of_the_credit_reaches_initial_margin_at_once_and_maintenance_by_the_glide_4_3() {
    let (mut group, mut walk) = (Correlation::new(2).unwrap(), Walk::new(&[0.97, 0.97]));
    walk.run(&mut group, &P, 12 * 24 * 5);
    let before = group.pairs[0];
    assert!(before.maintenance > Ratio::of(69, 100) && before.maintenance == before.initial);
    // The second market falls 30 % alone, in steps of 3 %.
    for _ in 0..10 {
        walk.references[1] -= 0.03;
        let was = group.pairs[0];
        walk.run(&mut group, &P, 1);
        let (charge, charged) = (1.0 - ratio(was.maintenance), 1.0 - ratio(group.pairs[0].maintenance));
        assert!(charged <= charge * (1.0 + 0.09531 / 12.0) + 1e-8, "MM jumped: {charge} {charged}");
    }
    let after = group.pairs[0];
    assert!(after.initial < Ratio::of(40, 100), "{}", ratio(after.initial));
    assert!(after.maintenance > Ratio::of(66, 100), "{}", ratio(after.maintenance));
    // An hour is 10 % of the charge.
    walk.loadings = vec![0.97, -0.97];
    let charge = 1.0 - ratio(group.pairs[0].maintenance);
    walk.run(&mut group, &P, 12);
    let risen = (1.0 - ratio(group.pairs[0].maintenance)) / charge;
    assert!(risen <= 1.1 && risen > 1.099, "{risen}");
}

#[test]
fn a_new_group_earns_its_credit_in_two_days_4_3() {
    let (mut group, mut walk) = (Correlation::new(2).unwrap(), Walk::new(&[1.0, 1.0]));
    walk.run(&mut group, &P, 288);
    assert_eq!((group.pairs[0].samples, group.credit(3, Measure::Maintenance)), (287, Ratio::ZERO));
    let mut hours = 0;
    while group.credit(3, Measure::Initial).raw() < MAX_CREDIT.raw() {
        let was = group.credit(3, Measure::Initial);
        walk.run(&mut group, &P, 12);
        hours += 1;
        assert!(1.0 - ratio(group.credit(3, Measure::Initial)) >= (1.0 - ratio(was)) * 0.95, "too fast");
    }
    // 0.95^h = 0.3.
    assert_eq!(hours, 25);
}

#[test]
fn without_a_common_bucket_nothing_changes_4_3() {
    let (mut group, mut walk) = (Correlation::new(3).unwrap(), Walk::new(&[0.9, 0.9, 0.9]));
    walk.run(&mut group, &EAGER, 50);
    let mut samples = walk.step();
    assert_eq!(group.update(&EAGER, &samples), Ok(3));
    let before = group;
    assert_eq!(group.update(&EAGER, &samples), Ok(0), "the same bucket again");
    assert_eq!(group, before);
    samples[2].bucket += 1;
    assert_eq!(group.update(&EAGER, &samples), Ok(0), "one market is ahead");
    assert_eq!(group, before);
    let late: Vec<_> = samples.iter().map(|s| Sample { bucket: START + 10, ..*s }).collect();
    assert_eq!(group.update(&EAGER, &late), Ok(0), "an old bucket");
    let none: Vec<_> = samples.iter().map(|s| Sample { bucket: 0, ..*s }).collect();
    assert_eq!(group.update(&EAGER, &none), Ok(0), "markets without a bucket");
    assert_eq!(group, before);
    // Two of three meet: theirs is the only pair that learns.
    samples[0].bucket += 1;
    assert_eq!(group.update(&EAGER, &samples), Ok(1));
    assert_eq!((group.pairs[0], group.pairs[7]), (before.pairs[0], before.pairs[7]));
    assert_ne!(group.pairs[1], before.pairs[1]);
}

#[test]
fn a_silence_hides_no_move_4_3() {
    // The first market loses 20 % while the second has no price; at their next common bucket the second has not moved.
    let run = |silent: bool| {
        let (mut group, mut walk) = (Correlation::new(2).unwrap(), Walk::new(&[0.98, 0.98]));
        walk.run(&mut group, &EAGER, 500);
        let before = group.pairs[0].correlation(&EAGER).unwrap();
        walk.loadings = vec![0.0, 0.0];
        for _ in 0..20 {
            walk.references[0] -= 0.01;
            let mut samples = walk.step();
            if silent {
                samples[1] = sample(samples[1].bucket - 20, 0.0);
                assert_eq!(group.update(&EAGER, &samples), Ok(0));
                assert_eq!(group.pairs[0].correlation(&EAGER), Some(before));
            } else {
                group.update(&EAGER, &samples).unwrap();
            }
        }
        walk.run(&mut group, &EAGER, 1);
        (before, group.pairs[0].correlation(&EAGER).unwrap())
    };
    let ((before, hidden), (_, seen)) = (run(true), run(false));
    assert!(hidden < before && seen < before, "{} {} {}", ratio(before), ratio(hidden), ratio(seen));
    // The silence counts as three buckets of weight, with the mean variance of all of them.
    assert!(ratio(before) - ratio(hidden) > 0.02, "{} {}", ratio(before), ratio(hidden));
}

#[test]
fn the_lowest_pair_speaks_for_the_account_4_3() {
    let loadings = [0.99, 0.97, 0.9, 0.8, 0.7, 0.5, 0.3, 0.1];
    let (mut group, mut walk) = (Correlation::new(8).unwrap(), Walk::new(&loadings));
    walk.run(&mut group, &P, 2_000);
    for members in 0..=255_u8 {
        let mut lowest = f64::MAX;
        let mut pair = 0;
        for i in 0..8 {
            for j in i + 1..8 {
                if members & (1 << i) != 0 && members & (1 << j) != 0 {
                    lowest = lowest.min(ratio(group.pairs[pair].maintenance));
                }
                pair += 1;
            }
        }
        let expected = if members.count_ones() < 2 { 0.0 } else { lowest };
        assert!((ratio(group.credit(members, Measure::Maintenance)) - expected).abs() < 1e-12, "{members:b}");
    }
    // The pairs are where they are said to be: correlations are the products of the loadings.
    let mut pair = 0;
    for i in 0..8 {
        for j in i + 1..8 {
            let rho = ratio(group.pairs[pair].slow.correlation().unwrap());
            assert!((rho - loadings[i] * loadings[j]).abs() < 0.07, "{i} {j}: {rho}");
            pair += 1;
        }
    }
    let small = Correlation { members: 2, ..group };
    let mut two = Correlation::new(2).unwrap();
    two.pairs[0] = small.pairs[0];
    assert!(two.credit(0b11, Measure::Initial).is_positive());
    assert_eq!(two.credit(0b111, Measure::Initial), Ratio::ZERO, "a market the group does not have");
}

#[test]
fn a_market_that_does_not_move_gets_no_credit() {
    let (mut group, mut walk) = (Correlation::new(2).unwrap(), Walk::new(&[1.0, 1.0]));
    walk.run(&mut group, &P, 1_000);
    assert!(group.credit(3, Measure::Initial) > Ratio::of(6, 10));
    let still = walk.references[1];
    for _ in 0..288 * 30 {
        let mut samples = walk.step();
        samples[1] = sample(walk.bucket, still);
        group.update(&P, &samples).unwrap();
    }
    assert_eq!(group.pairs[0].correlation(&P), None);
    assert_eq!(group.credit(3, Measure::Initial), Ratio::ZERO);
    assert_eq!(group.credit(3, Measure::Maintenance), Ratio::ZERO, "the glide has arrived");
}

#[test]
fn what_cannot_be_taken_in_is_refused() {
    assert_eq!(Correlation::new(1), Err(RiskError::QuantityOutOfRange));
    assert_eq!(Correlation::new(9), Err(RiskError::QuantityOutOfRange));
    let mut group = Correlation::new(3).unwrap();
    for count in [0, 2, 4, 8, 9] {
        assert_eq!(group.update(&P, &vec![sample(START, 1.0); count]), Err(RiskError::QuantityOutOfRange));
    }
    assert_eq!(P.validate(), Ok(()));
    let bad = [
        CorrelationParams { fast_half_life: Secs::new(3_599), ..P },
        CorrelationParams { fast_half_life: Secs::new(31 * 86_400), ..P },
        CorrelationParams { slow_half_life: Secs::new((1 << 26) + 1), ..P },
        CorrelationParams { max_credit: MAX_CREDIT.add(Ratio::new(1)).unwrap(), ..P },
        CorrelationParams { max_credit: Ratio::new(-1), ..P },
        CorrelationParams { floor_share: Ratio::of(49, 100), ..P },
        CorrelationParams { floor_share: Ratio::of(101, 100), ..P },
        CorrelationParams { warm_up: 0, ..P },
        CorrelationParams { glide_up: Ratio::ZERO, ..P },
        CorrelationParams { glide_down: Ratio::of(2, 1), ..P },
        CorrelationParams { reserved: 1, ..P },
    ];
    for params in bad {
        assert_eq!(params.validate(), Err(RiskError::ParameterOutOfRange), "{params:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Whatever is missing, pairs agree with floating point, and never by a credit that is too high.
    #[test]
    fn the_measurement_agrees_with_floating_point_4_3(
        loadings in prop::collection::vec(-1.0..1.0_f64, 2..=8),
        steps in prop::collection::vec((1..=255_u8, prop_oneof![30 => 1_i64..3, 1 => 3_i64..2_000], 0.0..0.02_f64), 1..120),
        seed: u64,
    ) {
        let count = loadings.len();
        let (mut group, mut noise) = (Correlation::new(count).unwrap(), Noise(seed));
        let mut references = vec![Reference::default(); PAIRS];
        let (mut bucket, mut samples) = (START, vec![sample(0, 10.0); count]);
        let mut levels = vec![10.0_f64; count];
        for (present, wait, size) in steps {
            bucket += wait;
            let factor = noise.next();
            for (level, loading) in levels.iter_mut().zip(&loadings) {
                *level = (*level + size * (loading * factor + (1.0 - loading * loading).sqrt() * noise.next())).clamp(1.0, 20.0);
            }
            for n in 0..count {
                if present & (1 << n) != 0 {
                    samples[n] = sample(bucket, levels[n]);
                }
            }
            group.update(&EAGER, &samples).unwrap();
            let mut pair = 0;
            for i in 0..8 {
                for j in i + 1..8 {
                    let both = (1 << i) | (1 << j);
                    if j < count && present & both == both {
                        references[pair].push(&EAGER, bucket, levels[i], levels[j]);
                    }
                    pair += 1;
                }
            }
            for (found, expected) in group.pairs.iter().zip(&references) {
                prop_assert_eq!(found.samples, expected.samples);
                match (found.correlation(&EAGER), expected.rho().filter(|_| expected.samples > 0)) {
                    (Some(found), Some(expected)) => {
                        prop_assert!((ratio(found) - expected).abs() < 1e-5, "{} {}", ratio(found), expected);
                    }
                    (None, None) => {}
                    // At the edge of what counts as moving.
                    (found, expected) => prop_assert!(found.is_none() || expected.is_none_or(f64::is_finite)),
                }
                let close = |found: Ratio, expected: f64| (ratio(found) - expected).abs() < 3e-3;
                prop_assert!(close(found.maintenance, expected.maintenance));
            }
        }
    }

    /// No credit below 0 or above 0.7, none for initial margin above that for maintenance, whatever the markets say.
    #[test]
    fn credits_stay_in_range(steps in prop::collection::vec((any::<[i64; 3]>(), 0..5_i64, prop::bool::weighted(0.8)), 1..300)) {
        let mut group = Correlation::new(3).unwrap();
        let mut bucket = START;
        for (logs, wait, is_common) in steps {
            bucket += wait;
            let at = |n: i64| if is_common { bucket } else { bucket + n };
            let samples: Vec<_> = logs.iter().zip(0..).map(|(log, n)| Sample { bucket: at(n), reference: Log::new(log >> 1) }).collect();
            prop_assert!(group.update(&EAGER, &samples).is_ok());
            for pair in &group.pairs {
                prop_assert!(pair.initial >= Ratio::ZERO && pair.initial <= pair.maintenance && pair.maintenance <= MAX_CREDIT);
                for moments in [&pair.fast, &pair.slow] {
                    prop_assert!(moments.first.raw() >= 0 && moments.second.raw() >= 0);
                }
            }
        }
    }

    /// ρ is never rounded up, and by less than 2⁻²⁶ down.
    #[test]
    fn rho_is_rounded_down(a in 30..58_u32, b in 30..58_u32, low_a: u64, low_b: u64, share in -1.0..1.0_f64) {
        let within = |bits: u32, low: u64| ((1 << bits) | (low & ((1 << bits) - 1))) as i64;
        let (first, second) = (within(a, low_a), within(b, low_b));
        let product = (share * (first as f64 * second as f64).sqrt()) as i64;
        let found = Moments { product: Q60::new(product), first: Q60::new(first), second: Q60::new(second) }.correlation().unwrap();
        let exact = product as f64 / (first as f64).sqrt() / (second as f64).sqrt();
        prop_assert!(ratio(found) <= exact + 1e-15 && exact - ratio(found) < 2f64.powi(-26), "{} {exact}", ratio(found));
    }
}

proptest! {
    /// The cheap step against wide arithmetic, at every size that can occur.
    #[test]
    fn a_step_is_exact_and_stays_between(value in -(1_i64 << 58)..=1 << 58, target in -(1_i64 << 58)..=1 << 58, weight in 0..=MAX_WEIGHT) {
        let found = step(Q60::new(value), Q60::new(target), weight).raw();
        let way = i128::from(target) - i128::from(value);
        prop_assert_eq!(i128::from(found), i128::from(value) + ((way * i128::from(weight)) >> 34));
        prop_assert!(found >= value.min(target) && found <= value.max(target));
    }
}

/// A market that hardly moves beside one that moves five hundred times as much, for a year: what the averages lose to rounding never raises ρ.
#[test]
fn averages_that_round_never_raise_rho_4_3() {
    let (small, large) = (33_000_i64, 33_000 * 500);
    for buckets in [1, 2] {
        let weights = Weights::after(&P, buckets).unwrap();
        let (mut found, mut exact) = (Moments::default(), [0.0_f64; 3]);
        for n in 0..100_000_i64 {
            // Three moves of four agree: ρ is near a half.
            let (a, b) = (small, if n % 4 == 3 { -large - n % 3 } else { large + n % 3 });
            found = found.toward(&Moments::of(Ratio::new(a), Ratio::new(b), buckets).unwrap(), weights.slow);
            let weight = weights.slow as f64 / 2f64.powi(34);
            for (m, x) in exact.iter_mut().zip([a * b, a * a, b * b]) {
                *m += (x as f64 / buckets as f64 - *m) * weight;
            }
            if n % 1_000 == 999 && exact[1] > 2f64.powi(30) {
                let rho = exact[0] / (exact[1] * exact[2]).sqrt();
                let short = rho - ratio(found.correlation().unwrap());
                assert!((0.0..1e-4).contains(&short), "{buckets} {n}: {short:e}");
            }
        }
    }
}

#[test]
fn a_step_at_its_extremes() {
    let most = 1_i64 << 58;
    for (value, target) in [(most, -most), (-most, most), (most, most), (0, -1), (0, 1), (most, 0)] {
        for weight in [0, 1, MAX_WEIGHT - 1, MAX_WEIGHT] {
            let way = i128::from(target) - i128::from(value);
            let exact = i128::from(value) + ((way * i128::from(weight)) >> 34);
            assert_eq!(i128::from(step(Q60::new(value), Q60::new(target), weight).raw()), exact, "{value} {target} {weight}");
        }
    }
}

proptest! {
    #[test]
    fn the_root_is_off_by_one_at_most(n in LEAST_ROOT..=u64::MAX) {
        prop_assert!(root(n).abs_diff(n.isqrt()) <= 1);
    }
}

#[test]
fn the_root_at_its_ends() {
    for n in [LEAST_ROOT, LEAST_ROOT + 1, 1 << 61, 1 << 62, (1 << 62) - 1, 1 << 63, u64::MAX] {
        assert!(root(n).abs_diff(n.isqrt()) <= 1, "{n}");
    }
    assert_eq!(LEAST_ROOT, ((1_u128 << 64) * 9 / 100) as u64);
}

/// Somebody who could keep the world from posting one market's price would look at two independent markets only when they happen to have moved
/// together. What that is worth, by how long he can keep it up: printed with `--nocapture`, quoted in docs/volatility.md.
#[test]
fn what_choosing_the_buckets_is_worth_4_3() {
    for (longest, most) in [(1, 0.31), (3, 0.31), (12, 0.45)] {
        let (mut group, mut walk) = (Correlation::new(2).unwrap(), Walk::new(&[0.0, 0.0]));
        let (mut waited, mut last) = (0, walk.references.clone());
        for _ in 0..288 * 20 {
            let mut samples = walk.step();
            waited += 1;
            let moved_together = (walk.references[0] - last[0]) * (walk.references[1] - last[1]) > 0.0;
            if moved_together || waited >= longest {
                (waited, last) = (0, walk.references.clone());
            } else {
                samples[1].bucket = 0;
            }
            group.update(&P, &samples).unwrap();
        }
        let credit = ratio(group.credit(3, Measure::Initial));
        println!("choosing among {longest} buckets: rho {:.2}, credit {credit:.2}", ratio(group.pairs[0].correlation(&P).unwrap()));
        assert!(credit < most, "{longest}: {credit}");
    }
}
