//! Worked examples, a floating-point reference of the whole model, and the speed limits of the glide.
#![allow(clippy::unwrap_used, clippy::arithmetic_side_effects, clippy::as_conversions, clippy::float_arithmetic, clippy::indexing_slicing)]
use super::*;
use proptest::prelude::*;

const P: VolParams = VolParams::MAJOR;
const START: i64 = 1_760_000_100; // a whole bucket
const Q30: f64 = (1_u64 << 30) as f64;
const Q60: f64 = (1_u64 << 60) as f64;

fn ratio(x: Ratio) -> f64 {
    x.raw() as f64 / Q30
}

fn feed(samples: &[(i64, i64)]) -> VolState {
    let mut state = VolState::new(&P).unwrap();
    for &(price, at) in samples {
        state.push(&P, Price::new(price), Secs::new(START + at)).unwrap();
    }
    state
}

/// The model in floating point, written from the module's formulas.
struct Reference {
    bucket: i64,
    last: i64,
    prices: Vec<f64>,
    reference: f64,
    fast: f64,
    slow: f64,
    garch: f64,
    sigma: f64,
    jumps: Vec<i64>,
}

impl Reference {
    fn new() -> Self {
        let v = 0.01 * 0.01;
        Self {
            bucket: 0,
            last: 0,
            prices: vec![],
            reference: 0.0,
            fast: v,
            slow: v,
            garch: v,
            sigma: 0.75 * 0.01 + 0.25 * 0.015,
            jumps: vec![],
        }
    }
    fn push(&mut self, price: f64, at: i64) {
        let bucket = at / 300;
        if self.bucket != 0 && bucket > self.bucket {
            self.end();
        }
        if self.bucket == 0 {
            self.reference = price.ln();
            self.last = bucket - 1;
        }
        if bucket > self.bucket {
            self.bucket = bucket;
            self.prices.clear();
        }
        self.prices.push(price);
    }
    fn end(&mut self) {
        let elapsed = (300 * (self.bucket - self.last)).min(30 * 86_400) as f64;
        let scaled = self.sigma * (elapsed / 3_600.0).sqrt();
        let limit = (10.0 * scaled).clamp(0.02, 0.5);
        let since = |price: f64| (price.ln() - self.reference).clamp(-limit, limit);
        let raw = self.prices.last().unwrap().ln() - self.reference;
        if raw.abs() > (5.0 * scaled).clamp(0.015, 0.5) {
            self.jumps.push(self.bucket);
        }
        let r = raw.clamp(-limit, limit);
        let high = since(self.prices.iter().copied().fold(f64::MIN, f64::max));
        let low = since(self.prices.iter().copied().fold(f64::MAX, f64::min));
        let x = (r * r).max((high - low).powi(2) / (4.0 * 2f64.ln())) * 3_600.0 / elapsed;
        let blend = |v: f64, x: f64, half_life: f64| {
            let counted = if x > v { elapsed } else { elapsed.min(900.0) };
            v + (x - v) * (1.0 - (-counted / half_life).exp2())
        };
        self.fast = blend(self.fast, x, 86_400.0);
        self.slow = blend(self.slow, x, 30.0 * 86_400.0);
        self.garch = blend(self.garch, self.slow, 10_800.0);
        self.garch += 0.05 * (x - self.garch);
        let persistence = 0.05 + 0.95 * (-300.0 / 10_800.0_f64).exp2();
        let forecast = self.slow + (self.garch - self.slow) * (0..12).map(|k| persistence.powi(k)).sum::<f64>() / 12.0;
        self.sigma = (0.75 * self.fast.max(self.slow).max(forecast).sqrt() + 0.25 * 0.015).max(0.003);
        self.reference += r;
        self.last = self.bucket;
    }
}

#[test]
fn one_return_by_hand() {
    // Listing: σ₁ₕ 1 %, so all variances 1e-4 and σ = 0.75 · 1 % + 0.25 · 1.5 % = 1.125 %.
    let before = VolState::new(&P).unwrap();
    assert!((ratio(before.sigma_1h) - 0.01125).abs() < 2e-9);
    // ln(1.01) = 0.995033 % in the second bucket, no range: x = 0.00990066² / 300 · 3600 = 1.188108e-3 per hour.
    let after = feed(&[(1_000_000, 0), (1_010_000, 300), (1_010_000, 600)]);
    let x = 1.01f64.ln().powi(2) * 12.0;
    // The first, silent bucket lowered the fast variance by 1 − 2^(−1/288) of itself.
    let kept = (-1.0 / 288.0f64).exp2();
    let fast = 1e-4 * kept * kept + x * (1.0 - kept);
    assert!((after.fast.raw() as f64 / Q60 - fast).abs() < 1e-10);
    assert!((ratio(after.last_return) - 1.01f64.ln()).abs() < 2e-9);
    // The garch variance reacts at once: about 1e-4 · 0.91 + 0.05 · x, and carries σ₁ₕ to 1.28 %.
    assert!(ratio(after.sigma_1h) > 0.0125 && ratio(after.sigma_1h) < 0.0130, "{}", ratio(after.sigma_1h));
    assert!(!after.is_jump(Secs::new(START + 600)));
}

#[test]
fn a_bad_print_reverses_and_a_real_gap_enters_step_by_step_3_1() {
    // One bucket closes 30 % off. 10 σ is 10 · 1.125 % · √(5/60) = 3.2 %: it may move the reference by that and no more.
    let (quiet, off, back) = ((1_000_000, 0), (700_000, 300), (1_000_000, 600));
    let print = feed(&[quiet, off, back, (1_000_000, 900)]);
    let log_quiet = ln(1_000_000).unwrap();
    assert_eq!(print.reference, log_quiet, "back where it was: the reverse was within the limit");
    let gap = feed(&[quiet, off, (700_000, 600)]);
    let first = ratio(gap.last_return);
    assert!(first < -0.03 && first > -0.033, "{first}");
    let mut samples = vec![quiet];
    samples.extend((1..40).map(|n| (700_000, 300 * n)));
    let arrived = feed(&samples);
    assert_eq!(arrived.reference, ln(700_000).unwrap(), "a real gap arrives exactly");
}

#[test]
fn the_limits_of_a_return_3_1() {
    // With σ at the floor the clamp is 2 %: ln(1.0202) is within, ln(1.0203) is not.
    let calm = VolParams { floor: Ratio::of(3, 1_000), initial: Ratio::of(3, 1_000), stressed: Ratio::of(3, 1_000), ..P };
    for (price, is_clamped) in [(1_020_201, false), (1_020_202, true), (980_199, false), (980_198, true)] {
        let mut state = VolState::new(&calm).unwrap();
        for (price, at) in [(1_000_000, 0), (price, 300), (price, 600)] {
            state.push(&calm, Price::new(price), Secs::new(START + at)).unwrap();
        }
        assert_eq!(state.reference != ln(price.unsigned_abs()).unwrap(), is_clamped, "{price}");
    }
}

#[test]
fn the_jump_flag_stands_for_an_hour_3_2() {
    let jump = feed(&[(1_000_000, 0), (1_017_000, 300), (1_017_000, 600)]);
    // 5 σ is 5 · 1.12 % · √(5/60) = 1.6 %; ln(1.017) = 1.69 %. The bucket ends at 600.
    assert_eq!(jump.jump_until, Secs::new(START + 600 + 3_600));
    assert!(jump.is_jump(Secs::new(START + 4_199)) && !jump.is_jump(Secs::new(START + 4_200)));
    assert_eq!(feed(&[(1_000_000, 0), (1_014_000, 300), (1_014_000, 600)]).jump_until, Secs::ZERO);
    // A wick that came back inside its bucket raises σ by its range, but is no jump.
    let wick = feed(&[(1_000_000, 0), (1_000_000, 300), (970_000, 310), (1_000_000, 320), (1_000_000, 600)]);
    assert_eq!(wick.jump_until, Secs::ZERO);
    assert!(wick.garch > feed(&[(1_000_000, 0), (1_000_000, 300), (1_000_000, 600)]).garch);
}

#[test]
fn a_silence_is_not_a_calm_and_a_gap_is_scaled_3_2() {
    // Two days of silence without a move lower the fast variance as 15 min would.
    let silent = feed(&[(1_000_000, 0), (1_000_000, 300), (1_000_000, 172_800), (1_000_000, 173_100)]);
    let kept = (-(300.0 + 300.0 + 900.0) / 86_400.0f64).exp2();
    assert!((silent.fast.raw() as f64 / Q60 - 1e-4 * kept).abs() < 1e-10);
    // 5 % over six hours is 0.04 % of variance an hour, not 3 %: nothing is annualised from the gap as if it were five minutes.
    let moved = feed(&[(1_000_000, 0), (1_050_000, 21_600), (1_050_000, 21_900)]);
    let x = 1.05f64.ln().powi(2) / 6.0;
    let (first, weight) = (1e-4 * (-1.0 / 288.0f64).exp2(), 1.0 - (-0.25f64).exp2());
    assert!((moved.fast.raw() as f64 / Q60 - (first + (x - first) * weight)).abs() < 1e-10);
}

#[test]
fn sigma_has_a_floor_and_a_quarter_of_stress_3_2() {
    let still: Vec<_> = (0..9_000).map(|n| (1_000_000, 300 * n)).collect();
    let sigma = ratio(feed(&still).sigma_1h);
    // After a month of nothing: 0.75 · √(slow) + 0.375 %, and slow has halved once.
    assert!((sigma - (0.75 * (1e-4 * (-8_999.0 * 300.0 / 2_592_000.0f64).exp2()).sqrt() + 0.00375)).abs() < 1e-7, "{sigma}");
    let floored = VolParams { floor: Ratio::of(12, 1_000), stressed: Ratio::of(12, 1_000), initial: Ratio::of(12, 1_000), ..P };
    let mut state = VolState::new(&floored).unwrap();
    for n in 0..100 {
        state.push(&floored, Price::new(1_000_000), Secs::new(START + 300 * n)).unwrap();
    }
    assert_eq!(state.sigma_1h, floored.floor);
}

#[test]
fn what_cannot_be_pushed_changes_nothing() {
    let before = feed(&[(1_000_000, 0), (1_000_000, 300)]);
    let mut state = before;
    assert_eq!(state.push(&P, Price::new(1), Secs::new(START)), Err(RiskError::WrongState));
    assert_eq!(state.push(&P, Price::new(0), Secs::new(START + 600)), Err(RiskError::PriceOutOfRange));
    assert_eq!(state.push(&P, Price::new(1), Secs::new(-1)), Err(RiskError::ParameterOutOfRange));
    assert_eq!(state, before);
    assert!(VolParams { reserved: 1, ..P }.validate().is_err());
    assert!(VolParams { core_multiple: Ratio::of(6, 1), ..P }.validate().is_err());
    assert!(VolParams { fast_half_life: Secs::ZERO, ..P }.validate().is_err());
    assert!(VolParams { floor: Ratio::of(2, 1), ..P }.validate().is_err());
    assert!(VolParams { clamp_floor: Ratio::ONE, ..P }.validate().is_err());
    assert!(VolParams { garch_alpha: Ratio::new(-1), ..P }.validate().is_err());
}

const TIER: Ratio = Ratio::of(5, 100);

fn glide_for(rate: &mut GlideState, sigma: Ratio, from: i64, seconds: i64, step: i64) {
    let mut at = from;
    while at < from + seconds {
        at += step;
        rate.advance(&P, sigma, TIER, Secs::new(at)).unwrap();
    }
}

#[test]
fn the_glide_keeps_its_speed_whatever_the_steps_3_3() {
    for step in [1, 8, 60, 300] {
        let mut up = GlideState { rate: Ratio::of(4, 100), updated: Secs::new(START) };
        glide_for(&mut up, Ratio::of(10, 100), START, 3_600, step);
        assert!(ratio(up.rate) <= 0.044 && ratio(up.rate) > 0.0438, "{step}: {}", ratio(up.rate));
        let mut down = GlideState { rate: Ratio::of(40, 100), updated: Secs::new(START) };
        glide_for(&mut down, Ratio::of(1, 100), START, 3_600, step);
        assert!(ratio(down.rate) >= 0.38 && ratio(down.rate) < 0.3806, "{step}: {}", ratio(down.rate));
    }
}

#[test]
fn what_is_published_is_what_comes_3_3() {
    let state = |sigma: Ratio| VolState { sigma_1h: sigma, ..VolState::new(&P).unwrap() };
    for (rate, sigma, is_up) in [(4, Ratio::of(8, 1_000), true), (40, Ratio::of(5, 1_000), false), (4, Ratio::of(11, 1_000), true)] {
        let begin = GlideState { rate: Ratio::of(rate, 100), updated: Secs::new(START) };
        let published = begin.rates(&P, &state(sigma), Ratio::of(if is_up { 20 } else { 5 }, 100), Secs::new(START)).unwrap().in_an_hour;
        for step in [1, 8, 60, 300] {
            let mut glide = begin;
            for n in 1..=3_600 / step {
                let tier = Ratio::of(if is_up { 20 } else { 5 }, 100);
                glide.advance(&P, sigma, tier, Secs::new(START + n * step)).unwrap();
            }
            let came = ratio(glide.rate) / ratio(published) - 1.0;
            // Coarse steps compound to a little less; every step is cut to a unit of Q30.
            assert!((-5e-4..=1e-5).contains(&came), "{rate} {step}: {came}");
        }
    }
}

#[test]
fn a_gap_in_updates_counts_as_five_minutes_of_glide_3_3() {
    let start = GlideState { rate: Ratio::of(4, 100), updated: Secs::new(START) };
    let after = |seconds: i64| {
        let mut glide = start;
        glide.advance(&P, Ratio::of(10, 100), TIER, Secs::new(START + seconds)).unwrap();
        glide.rate
    };
    assert!(after(299) < after(300));
    assert_eq!(after(300), after(301));
    assert_eq!(after(300), after(86_400));
    assert_eq!(after(0), start.rate);
    assert_eq!(after(-50), start.rate);
}

#[test]
fn maintenance_is_never_below_the_core_and_initial_never_below_maintenance_3_3() {
    let now = Secs::new(START);
    let mut state = VolState::new(&P).unwrap();
    let mut glide = GlideState::default();
    state.sigma_1h = Ratio::of(5, 1_000);
    glide.advance(&P, state.sigma_1h, TIER, now).unwrap();
    let calm = glide.rates(&P, &state, TIER, now).unwrap();
    assert!(calm.initial.raw() - TIER.raw() <= 1, "the rounding of 0.8 · 5 % upward");
    assert!((ratio(calm.maintenance) - 0.04).abs() < 1e-8 && calm.in_an_hour == calm.maintenance);
    // σ₁ₕ doubles three times over: IM and the core follow at once, the glide does not.
    state.sigma_1h = Ratio::of(4, 100);
    let storm = glide.rates(&P, &state, TIER, now).unwrap();
    assert!((ratio(storm.initial) - 0.22).abs() < 1e-8 && (ratio(storm.maintenance) - 0.16).abs() < 1e-8);
    // The jump flag doubles the core now, and an hour later it will be gone.
    state.jump_until = Secs::new(START + 3_600);
    let jump = glide.rates(&P, &state, TIER, now).unwrap();
    assert!((ratio(jump.maintenance) - 0.32).abs() < 1e-8 && (ratio(jump.initial) - 0.40).abs() < 1e-8);
    assert!((ratio(jump.in_an_hour) - 0.16).abs() < 1e-8);
    // Back to calm: the glided rate comes down 5 % an hour, compounded: e^−0.05.
    let glide = GlideState { rate: Ratio::of(16, 100), updated: now };
    let falling = glide.rates(&P, &VolState::new(&P).unwrap(), TIER, now).unwrap();
    assert!((ratio(falling.maintenance) - 0.16).abs() < 1e-8 && (ratio(falling.in_an_hour) - 0.16 * (-0.05f64).exp()).abs() < 1e-8);
    assert!((ratio(falling.initial) - 0.20).abs() < 1e-8);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn the_model_agrees_with_floating_point_3_2(steps in prop::collection::vec((-60_i64..60, prop_oneof![20 => 1_i64..400, 1 => 900_i64..20_000]), 1..300)) {
        let (mut state, mut reference) = (VolState::new(&P).unwrap(), Reference::new());
        let (mut price, mut at) = (400_000_000_i64, START);
        for (move_bp, wait) in steps {
            price = (price + price / 10_000 * move_bp).clamp(1_000_000, MAX);
            at += wait;
            state.push(&P, Price::new(price), Secs::new(at)).unwrap();
            reference.push(price as f64, at);
            let pairs = [(state.fast, reference.fast), (state.slow, reference.slow), (state.garch, reference.garch)];
            for (found, expected) in pairs {
                prop_assert!((found.raw() as f64 / Q60 / expected - 1.0).abs() < 1e-6, "{} {}", found.raw() as f64 / Q60, expected);
            }
            prop_assert!((ratio(state.sigma_1h) / reference.sigma - 1.0).abs() < 1e-6);
            prop_assert!((state.reference.raw() as f64 / 2f64.powi(56) - reference.reference).abs() < 1e-6);
            let until = reference.jumps.last().map_or(0, |bucket| (bucket + 1) * 300 + 3_600);
            prop_assert_eq!(state.jump_until.raw(), until);
        }
    }

    /// Nothing overflows, no variance leaves 0 ..= 4.4, σ never falls below its floor, whatever prices and silences come.
    #[test]
    fn extremes_stay_in_range(steps in prop::collection::vec((1_i64..=MAX, 0_i64..10_000_000), 1..200)) {
        let mut state = VolState::new(&P).unwrap();
        let (mut at, mut glide) = (START, GlideState::default());
        for (price, wait) in steps {
            at += wait;
            prop_assert!(state.push(&P, Price::new(price), Secs::new(at)).is_ok());
            for variance in [state.fast, state.slow, state.garch] {
                prop_assert!(variance.raw() >= 0 && (variance.raw() as f64 / Q60) < 4.4);
            }
            prop_assert!(state.sigma_1h >= P.floor && state.sigma_1h < Ratio::of(2, 1));
            prop_assert!(state.last_return.raw().abs() <= MAX_RETURN.raw());
            glide.advance(&P, state.sigma_1h, TIER, Secs::new(at)).unwrap();
            let rates = glide.rates(&P, &state, TIER, Secs::new(at)).unwrap();
            prop_assert!(rates.initial > rates.maintenance && rates.maintenance >= core_rate(&P, &state, Secs::new(at)).unwrap());
        }
    }
}

const MAX: i64 = crate::units::MAX_PRICE;

#[test]
fn the_mean_power_is_the_sum_of_its_terms_3_2() {
    for p in [0.0, 0.3, 0.9, 0.982_84, 0.999_99, 1.0] {
        let power = super::Q60::new((p * Q60) as i64);
        let (mut sum, mut term) = (0.0, 1.0);
        for n in 1..=300_i64 {
            sum += term;
            term *= p;
            let found = mean_power(power, n).unwrap().raw() as f64 / Q60;
            assert!((found - sum / n as f64).abs() < 1e-14, "{p} {n}: {found}");
        }
    }
    assert_eq!(mean_power(Q60::ONE, 1 << 40), Ok(Q60::ONE));
    assert!(mean_power(Q60::new(1 << 59), i64::MAX).unwrap().raw() < 2);
}

#[test]
fn example_one_return() {
    let document = include_str!("../../../../docs/volatility.md");
    let row = |name: &str, x: Option<f64>, state: &VolState| {
        let (variance, percent) = (|v: super::Q60| v.raw() as f64 / Q60 * 1e4, |r: Ratio| ratio(r) * 100.0);
        let target = scale(linear_rate(&P, state.sigma_1h, TIER).unwrap().raw(), MAINTENANCE_SHARE, Round::Ceil).unwrap();
        let text = format!(
            "| {name} | {}| {:.4} | {:.4} | {:.4} | {:.4} | {:.4} % | {:.4} % |",
            x.map_or(String::new(), |x| format!("{:.4} ", x * 1e4)),
            variance(state.fast),
            variance(state.slow),
            variance(state.garch),
            variance(forecast(&P, state.garch, state.slow).unwrap()),
            percent(state.sigma_1h),
            percent(Ratio::new(target)),
        );
        assert!(document.contains(&text), "docs/volatility.md should hold: {text}");
    };
    row("listing", None, &VolState::new(&P).unwrap());
    let path = [(1_000_000, 0), (1_010_000, 300), (1_010_000, 600), (1_010_000, 900)];
    row("1: still", Some(0.0), &feed(&path[..2]));
    row("2: +1 %", Some(1.01f64.ln().powi(2) * 12.0), &feed(&path[..3]));
    row("3: still", Some(0.0), &feed(&path[..4]));
    assert_eq!(feed(&path).jump_until, Secs::ZERO);
    // What the text says of the recursion.
    let kept = decay(BUCKET, P.garch_half_life).unwrap();
    let persistence = kept.toward(super::Q60::ONE, in_q60(P.garch_alpha).unwrap()).unwrap();
    for (said, found) in [("κ = 2^(−5 min / 3 h) = ", kept), ("the last factor is ", mean_power(persistence, 12).unwrap())] {
        let text = format!("{said}{:.4}", found.raw() as f64 / Q60);
        assert!(document.contains(&text), "docs/volatility.md should hold: {text}");
    }
}
