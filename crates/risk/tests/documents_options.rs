//! The worked examples of `docs/options.md`: computed by the engine, and each line found in the document as it stands.
#![allow(
    clippy::unwrap_used,
    clippy::as_conversions,
    clippy::float_arithmetic,
    clippy::arithmetic_side_effects,
    reason = "tests fail by panicking"
)]

use plimsoll_risk::option::surface::{log_moneyness, Measure, Situation};
use plimsoll_risk::option::{implied_volatility, Contract, Measured, OptionKind, Smile, SurfaceParams, SurfaceRefusal, SurfaceState, YEAR};
use plimsoll_risk::{Lots, Premium, Price, Ratio, Round, Secs};

const DOCUMENT: &str = include_str!("../../../docs/options.md");
const DAY: i64 = 86_400;

/// The lines stand in the document, one after the other.
fn documented(lines: &[String]) {
    let block: String = lines.iter().map(|line| format!("    {line}\n")).collect();
    assert!(DOCUMENT.contains(&block), "docs/options.md should say:\n\n{block}");
}

fn atoms(premium: Premium) -> f64 {
    premium.raw() as f64 / 2f64.powi(32)
}

fn percent(ratio: Ratio) -> f64 {
    ratio.raw() as f64 / 2f64.powi(30) * 100.0
}

fn contract() -> Contract {
    Contract::new(Price::new(2_000_000), Price::new(2_200_000), Secs::new(30 * DAY)).unwrap()
}

#[test]
fn a_premium_and_its_greeks() {
    let priced = contract().at(Ratio::of(80, 100)).unwrap();
    let mut lines = vec![format!("v = {:.6}", priced.deviation().raw() as f64 / 2f64.powi(60))];
    for (name, kind) in [("call", OptionKind::Call), ("put ", OptionKind::Put)] {
        let (premium, greeks) = (priced.premium(kind).unwrap(), priced.greeks(kind).unwrap());
        lines.push(format!(
            "{name} {:>11.3} atoms   delta {:>9.6}   gamma {:.6}   vega {:.3}   theta {:.3}   rho {:.3}",
            atoms(premium),
            percent(greeks.delta) / 100.0,
            percent(greeks.gamma) / 100.0,
            atoms(greeks.vega),
            atoms(greeks.theta),
            atoms(greeks.rho),
        ));
    }
    documented(&lines);
    let [call, put] = [OptionKind::Call, OptionKind::Put].map(|kind| priced.premium(kind).unwrap());
    assert_eq!(put.sub(call).unwrap(), Premium::from_price(Price::new(200_000)).unwrap());
    let lots = |round| call.of(Lots::new(250), round).unwrap().raw();
    documented(&[format!("250 lots: {} atoms paid, {} received", lots(Round::Ceil), lots(Round::Floor))]);
}

#[test]
fn a_volatility_from_a_premium() {
    let sigma = implied_volatility(&contract(), OptionKind::Call, Premium::from_price(Price::new(100_000)).unwrap()).unwrap();
    documented(&[format!("call at 100,000 atoms: {:.6} %", percent(sigma))]);
}

#[test]
fn a_smile() {
    let smile = Smile { atm: Ratio::of(80, 100), skew: Ratio::of(-1, 10), curvature: Ratio::of(8, 100) };
    let curve = smile.with(Secs::new(30 * DAY)).unwrap();
    let forward = Price::new(2_000_000);
    let lines: Vec<String> = [1_200_000, 1_600_000, 2_000_000, 2_400_000, 3_000_000]
        .map(|strike| {
            let log = log_moneyness(Price::new(strike), forward).unwrap();
            let x = log.raw() as f64 / 2f64.powi(56) / (0.8 * (30.0 / 365.0_f64).sqrt());
            format!("K {strike}   x {x:>7.4}   sigma {:.4} %", percent(curve.volatility(log)))
        })
        .to_vec();
    documented(&lines);
}

#[test]
fn a_measured_smile_and_a_glide() {
    let (params, measured) = (SurfaceParams::default(), Measured { current: Ratio::of(120, 100), slow: Ratio::of(70, 100) });
    let lines: Vec<String> = [1, 7, 30, 365]
        .map(|days| format!("{days:>3} d   {:.3} %", percent(measured.smile(Secs::new(days * DAY), &params).unwrap().atm)))
        .to_vec();
    documented(&lines);
    let state = SurfaceState {
        smile: Smile { atm: Ratio::of(80, 100), skew: Ratio::ZERO, curvature: Ratio::of(8, 100) },
        updated: Secs::new(0),
        ..SurfaceState::default()
    };
    let lines: Vec<String> = [5, 10, 15, 20, 35]
        .map(|minutes| {
            let at = |measure| percent(state.at(Secs::new(60 * minutes), Secs::new(7 * DAY), measured, measure, &params).unwrap().atm);
            format!("{minutes:>2} min   initial {:.3} %   maintenance {:.3} %", at(Measure::Initial), at(Measure::Maintenance))
        })
        .to_vec();
    documented(&lines);
}

#[test]
fn a_budget() {
    let params = SurfaceParams::default();
    let mut state = SurfaceState {
        smile: Smile { atm: Ratio::of(80, 100), skew: Ratio::ZERO, curvature: Ratio::of(8, 100) },
        updated: Secs::new(0),
        budget: params.burst,
        reserved: 0,
    };
    let situation = |now| Situation {
        now: Secs::new(now),
        tau: Secs::new(30 * DAY),
        forward: Price::new(2_000_000),
        strikes: &[],
        measured: Measured { current: Ratio::of(80, 100), slow: Ratio::of(80, 100) },
        nearer: None,
        farther: None,
    };
    let mut lines = vec![];
    for (now, thousandths) in [(60, 816), (120, 824), (120, 822), (180, 826)] {
        let wanted = Smile { atm: Ratio::of(thousandths, 1_000), ..state.smile };
        let said = match state.update(wanted, &situation(now), &params) {
            Ok(()) => "published",
            Err(SurfaceRefusal::MovesTooFar) => "moves too far",
            Err(other) => unreachable!("{other:?}"),
        };
        let left = percent(state.budget_at(Secs::new(now), &params));
        lines.push(format!("{now:>3} s   {:.1} %   {said}, {left:.4} % left", thousandths as f64 / 10.0));
    }
    documented(&lines);
    assert_eq!(YEAR.raw(), 365 * DAY);
}
