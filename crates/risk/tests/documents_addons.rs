//! The worked examples of `docs/margin.md` on the add-ons of RULES 4.4: computed by the engine, and each row found in the document as it stands.
#![allow(
    clippy::unwrap_used,
    clippy::as_conversions,
    clippy::float_arithmetic,
    clippy::arithmetic_side_effects,
    reason = "tests fail by panicking"
)]

use plimsoll_risk::depth::{DepthParams, DepthSample, DepthState};
use plimsoll_risk::margin::{portfolio, CrossTerms, Depeg, Health, LegInput, MarketRisk, MarketTerms, OptionBook, SizeTerms};
use plimsoll_risk::{Lots, Price, Quote, Ratio, Secs};

const DOCUMENT: &str = include_str!("../../../docs/margin.md");
const USD: i64 = 1_000_000;

/// A long of `sol` at $150, bought there.
fn long(sol: i64, size: SizeTerms, depeg: Depeg) -> Health {
    let mark = Price::new(150 * USD / 100);
    let risk = MarketRisk {
        mark,
        twap: mark,
        confidence: Ratio::ZERO,
        im_rate: Ratio::of(5, 100),
        mm_rate: Ratio::of(3, 100),
        spot_range: Ratio::of(18, 100),
        stale_range: Ratio::ZERO,
        stale_for: Secs::ZERO,
        target_extra: Ratio::of(2, 100),
        claim_weight: Ratio::of(9, 10),
        size,
    };
    let lots = Lots::new(sol * 100);
    let leg = LegInput { lots, quote: lots.at(mark).unwrap().neg().unwrap(), ..LegInput::default() };
    let terms = MarketTerms::new(&risk).unwrap();
    portfolio(Quote::ZERO, [(&terms, &leg)], &OptionBook::NONE, &CrossTerms { groups: &[], depeg }, None).unwrap()
}

fn dollars(quote: Quote, digits: usize) -> String {
    let text = format!("{:.digits$}", quote.raw() as f64 / USD as f64);
    let (whole, rest) = text.split_once('.').map_or((text.as_str(), String::new()), |(whole, rest)| (whole, format!(".{rest}")));
    if whole.len() > 3 {
        format!("{},{}{rest}", whole.get(..whole.len() - 3).unwrap(), whole.get(whole.len() - 3..).unwrap())
    } else {
        format!("{whole}{rest}")
    }
}

fn percent(ratio: Ratio) -> String {
    format!("{:.3} %", ratio.raw() as f64 / Ratio::ONE.raw() as f64 * 100.0)
}

#[track_caller]
fn documented(head: &str, rows: &[String]) {
    let table = format!("{head}\n|{}\n{}\n", " --- |".repeat(head.matches('|').count() - 1), rows.join("\n"));
    assert!(DOCUMENT.contains(&table), "docs/margin.md should hold\n\n{table}");
}

/// `docs/margin.md`, "8. A depeg".
#[test]
fn a_depeg_from_hour_to_hour() {
    let mut known = Depeg::NONE;
    let mut rows = Vec::new();
    let doubt = Ratio::of(1, 1_000);
    let mut tell = |at: &str, price: i64, depeg: &Depeg| {
        let health = long(100, SizeTerms::NONE, *depeg);
        let [im, mm, target] = [health.im, health.mm, health.target].map(|measure| dollars(measure, 2));
        rows.push(format!("| {at} | 0.{price} | {} | {} | {im} | {mm} | {target} |", percent(depeg.im), percent(depeg.mm)));
    };
    tell("before", 999, &known);
    for step in 1..=288 {
        known = known.advance(Ratio::of(96, 100), doubt, Secs::new(300)).unwrap();
        match step {
            1 => tell("5 min", 960, &known),
            12 => tell("1 h", 960, &known),
            144 => tell("12 h", 960, &known),
            288 => tell("24 h", 960, &known),
            _ => {}
        }
    }
    let silent = known.advance(Ratio::of(96, 100), doubt, Secs::new(36_000)).unwrap();
    assert_eq!(silent, known, "there is nothing left to glide");
    known = known.advance(Ratio::of(985, 1_000), doubt, Secs::new(300)).unwrap();
    tell("24 h 5 min", 985, &known);
    documented("| after | price | IM's charge | MM's charge | IM | MM | T |", &rows);
}

/// `docs/margin.md`, "9. A large position".
#[test]
fn a_large_position_when_the_book_goes() {
    let params = DepthParams::default();
    let mut state: DepthState = bytemuck::Zeroable::zeroed();
    let sample = |depth: i64| DepthSample { depth: Quote::new(depth * USD), open_interest: Quote::new(20_000_000 * USD) };
    let mut now = 1_760_097_600;
    let mut minutes = |state: &mut DepthState, count: i64, depth: i64| {
        for _ in 0..count {
            now += 60;
            state.push(&sample(depth), Secs::new(now), &params).unwrap();
        }
    };
    let mut rows = Vec::new();
    let mut tell = |at: &str, state: &DepthState| {
        let size = state.size_terms(&params).unwrap();
        let health = long(4_000, size, Depeg::NONE);
        let leg = health.legs().first().unwrap();
        let amounts = [size.allowance_im, size.allowance_mm, leg.add_on_im, leg.add_on_mm, health.im, health.mm, health.target];
        rows.push(format!("| {at} | {} |", amounts.map(|amount| dollars(amount, 0)).join(" | ")));
    };
    minutes(&mut state, 90, 400_000);
    tell("before", &state);
    // The book empties: the first minute in which it was is part of the hour's smallest mean.
    minutes(&mut state, 6, 0);
    tell("5 min", &state);
    minutes(&mut state, 55, 0);
    tell("1 h", &state);
    minutes(&mut state, 300, 0);
    tell("6 h", &state);
    minutes(&mut state, 1_080, 0);
    tell("24 h", &state);
    documented("| empty for | allowance, IM | allowance, MM | add-on, IM | add-on, MM | IM | MM | T |", &rows);
}
