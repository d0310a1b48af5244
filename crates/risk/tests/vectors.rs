//! The option functions against reference vectors that `tools/vectors/make.py` wrote; each test prints the largest error it saw.
#![allow(
    clippy::unwrap_used,
    clippy::as_conversions,
    clippy::float_arithmetic,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests fail by panicking"
)]

use plimsoll_risk::fixed_math::{decay, exp, ln, sqrt, Log, Q60};
use plimsoll_risk::option::{implied_volatility, Contract, OptionKind};
use plimsoll_risk::{Premium, Price, Ratio, RiskError, Secs};

/// Cells of every row that is no comment.
fn rows(text: &str) -> Vec<Vec<&str>> {
    text.lines().filter(|line| !line.starts_with('#')).map(|line| line.split(',').collect()).collect()
}

fn number(cell: &str) -> i64 {
    cell.parse().unwrap()
}

fn contract(row: &[&str]) -> Contract {
    Contract::new(Price::new(number(row[0])), Price::new(number(row[1])), Secs::new(number(row[2]))).unwrap()
}

fn atoms(premium: Premium) -> f64 {
    premium.raw() as f64 / 2f64.powi(32)
}

/// The largest error and the row that has it.
#[derive(Default)]
struct Worst(f64, String);

impl Worst {
    fn see(&mut self, error: f64, row: &[&str]) {
        assert!(error.is_finite());
        if error.abs() > self.0 {
            *self = Self(error.abs(), row.join(","));
        }
    }

    fn report(&self, what: &str, bound: f64) {
        println!("{what}: worst error {:.2e}, bound {bound:.1e}, at {}", self.0, self.1);
        assert!(self.0 <= bound, "{what}: {:e} at {}", self.0, self.1);
    }
}

/// The bounds that the table at the head of `fixed_math` states.
#[test]
fn fixed_math_agrees_with_60_digits() {
    let table = rows(include_str!("../vectors/fixed_math.csv"));
    let mut worst: [Worst; 4] = Default::default();
    for row in &table {
        let exact = row[row.len() - 1].parse::<i128>().unwrap();
        let of = |raw: i64, places: u32| ((i128::from(raw) << (80 - places)) - exact) as f64 / 2f64.powi(80);
        let value = exact as f64 / 2f64.powi(80);
        match row[0] {
            "ln" => worst[0].see(of(ln(row[1].parse().unwrap()).unwrap().raw(), 56), row),
            "exp" => {
                let error = of(exp(Log::new(number(row[1]))).unwrap().raw(), 60);
                worst[1].see((error.abs() - 2f64.powi(-60)).max(0.0) / value, row);
            }
            "sqrt" => {
                let error = of(sqrt(Q60::new(number(row[1]))).unwrap().raw(), 60);
                assert!(error <= 0.0, "above the root: {row:?}");
                worst[2].see(error, row);
            }
            "decay" => {
                let (elapsed, half_life) = (Secs::new(number(row[1])), Secs::new(number(row[2])));
                worst[3].see(of(decay(elapsed, half_life).unwrap().raw(), 60), row);
            }
            other => panic!("no function {other}"),
        }
    }
    for (what, worst, places) in
        [("ln", 0, 53), ("exp, relative beyond 2^-60", 1, 50), ("sqrt", 2, 59), ("decay", 3, 57)].map(|(a, b, c)| (a, &worst[b], c))
    {
        print!("2^{:.1} ", worst.0.log2());
        worst.report(what, 2f64.powi(-places));
    }
}

#[test]
fn premiums_agree_with_50_digits() {
    let table = rows(include_str!("../vectors/black76.csv"));
    assert!(table.len() >= 2_500);
    let (mut of_forward, mut of_atom) = (Worst::default(), Worst::default());
    for row in &table {
        let priced = contract(row).at(Ratio::new(number(row[3]))).unwrap();
        for (kind, cell) in [(OptionKind::Call, row[4]), (OptionKind::Put, row[5])] {
            let error = (i128::from(priced.premium(kind).unwrap().raw()) << 16) - cell.parse::<i128>().unwrap();
            let error = error as f64 / 2f64.powi(48);
            of_forward.see(error / number(row[0]) as f64, row);
            of_atom.see(error, row);
        }
        let (call, put) = (priced.premium(OptionKind::Call).unwrap(), priced.premium(OptionKind::Put).unwrap());
        let gap = (number(row[0]) - number(row[1])) << 32;
        assert_eq!(call.raw() - put.raw(), gap, "put-call parity at {row:?}");
    }
    of_forward.report("premium, of the forward", 1e-9);
    of_atom.report("premium, in atoms", 1e-6);
}

#[test]
fn greeks_agree_with_quantlib_and_vollib() {
    let table = rows(include_str!("../vectors/greeks.csv"));
    assert!(table.len() >= 1_400);
    let mut worst: [Worst; 6] = Default::default();
    for row in &table {
        let forward = number(row[0]) as f64;
        let kind = if row[4] == "c" { OptionKind::Call } else { OptionKind::Put };
        let priced = contract(row).at(Ratio::new(number(row[3]))).unwrap();
        let greeks = priced.greeks(kind).unwrap();
        assert_eq!(greeks.delta, priced.delta(kind));
        let ratio = |ratio: Ratio| ratio.raw() as f64 / 2f64.powi(30);
        let found = [
            atoms(priced.premium(kind).unwrap()) / forward.max(number(row[1]) as f64),
            ratio(greeks.delta),
            ratio(greeks.gamma),
            atoms(greeks.vega) / forward,
            atoms(greeks.theta) / forward,
            atoms(greeks.rho) / forward,
        ];
        for (at, found) in found.into_iter().enumerate() {
            let size = [forward.max(number(row[1]) as f64), 1.0, 1.0, forward, forward, forward][at];
            worst[at].see(found - row[5 + at].parse::<f64>().unwrap() / size, row);
        }
    }
    // Delta and gamma are Q30; the others are limited by one unit of Q32 atoms on the smallest forward and by the references' doubles.
    let names = ["premium / max(F, K)", "delta", "gamma per 1 %", "vega per point / F", "theta per day / F", "rho per point / F"];
    for ((name, bound), worst) in names.into_iter().zip([1e-9, 1e-9, 1e-9, 1e-9, 3e-9, 1e-9]).zip(&worst) {
        worst.report(name, bound);
    }
}

#[test]
fn implied_volatility_agrees_with_quantlib_and_vollib() {
    let table = rows(include_str!("../vectors/greeks.csv"));
    let (mut error, mut excess, mut found) = (Worst::default(), Worst::default(), 0);
    for row in table.iter().filter(|row| row[12] != "-") {
        let kind = if row[4] == "c" { OptionKind::Call } else { OptionKind::Put };
        let (contract, premium) = (contract(row), Premium::new(number(row[11])));
        // At the ends of the domain the rounded premium may belong just outside it.
        let sigma = match implied_volatility(&contract, kind, premium) {
            Ok(sigma) => sigma,
            Err(refusal) => {
                assert_eq!(refusal, RiskError::VolatilityOutOfRange);
                let sigma = number(row[3]);
                assert!((sigma - Ratio::of(5, 100).raw()).abs() <= 1 || sigma == Ratio::of(5, 1).raw(), "{row:?}");
                continue;
            }
        };
        found += 1;
        error.see(sigma.raw() as f64 / 2f64.powi(30) - row[12].parse::<f64>().unwrap(), row);
        // What its premium is off by, in units of Q32, beyond what one unit of volatility is worth.
        let at = contract.at(sigma).unwrap();
        let step = at.vega_per_unit().unwrap().raw() >> 30;
        let gap = (at.premium(kind).unwrap().raw() - premium.raw()).abs();
        excess.see((gap - step - 2).max(0) as f64, row);
    }
    assert!(found > 350, "{found}");
    println!("{found} volatilities");
    error.report("implied volatility", 5e-7);
    excess.report("its premium, units of Q32 beyond one step", 1.0);
}
