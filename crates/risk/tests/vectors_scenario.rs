//! Whole portfolios against the floating-point oracle that was written from docs/margin.md (`tools/vectors/modules/scenario.py`).
//!
//! Tolerance: [`ATOMS`] per amount; 2⁻³⁰ of what a market holds, orders counted as filled, because rates are Q30; and per lot of an option the
//! sixteenth of an atom to which values are kept, before and after the move, and [`KERNEL`] of max(F, K). Where an edge takes part, besides the
//! edge's share of [`DELTA`] of F. All of it stands in docs/margin.md.
#![allow(
    clippy::unwrap_used,
    clippy::as_conversions,
    clippy::float_arithmetic,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

use plimsoll_risk::margin::{
    portfolio, CrossTerms, Depeg, ExpiryRisk, ExpiryTerms, GroupTerms, Health, LegInput, MarketRisk, MarketTerms, OptionBook, OptionInput,
    OptionKind, OptionParams, Report, SizeTerms, SpotGrid, UnitValues,
};
use plimsoll_risk::{Lots, Price, Quote, Ratio, Secs};
use std::collections::BTreeMap;

/// Rounding of whole amounts: a few per market.
const ATOMS: f64 = 16.0;
/// Two roundings to a sixteenth of an atom, per lot.
const STEPS: f64 = 0.125;
/// Of max(F, K), per lot.
const KERNEL: f64 = 3e-8;
/// Accuracy of the kernel's delta, of F (`vectors_kernel.rs`).
const DELTA: f64 = 1e-5;

/// One portfolio of the file: the fields of its lines by their first letter.
#[derive(Default)]
struct Block<'a> {
    name: &'a str,
    head: Vec<i64>,
    groups: Vec<Vec<i64>>,
    markets: Vec<Vec<i64>>,
    expiries: Vec<Vec<i64>>,
    options: Vec<(Vec<i64>, OptionKind)>,
    result: Vec<f64>,
    legs: Vec<Vec<f64>>,
}

fn integers(fields: &[&str]) -> Vec<i64> {
    fields.iter().map(|field| field.parse().unwrap()).collect()
}

fn decimals(fields: &[&str]) -> Vec<f64> {
    fields.iter().map(|field| field.parse().unwrap()).collect()
}

fn blocks(text: &str) -> Vec<Block<'_>> {
    let mut blocks: Vec<Block> = Vec::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let fields: Vec<&str> = line.split(',').collect();
        if fields[0] == "P" {
            blocks.push(Block { name: fields[1], head: integers(&fields[2..]), ..Block::default() });
            continue;
        }
        let block = blocks.last_mut().unwrap();
        match fields[0] {
            "G" => block.groups.push(integers(&fields[1..])),
            "M" => block.markets.push(integers(&fields[1..])),
            "X" => block.expiries.push(integers(&fields[1..])),
            "O" => {
                let kind = if fields[3] == "c" { OptionKind::Call } else { OptionKind::Put };
                block.options.push((integers(&[&fields[1..3], &fields[4..]].concat()), kind));
            }
            "R" => block.result = decimals(&fields[1..]),
            _ => block.legs.push(decimals(&fields[1..])),
        }
    }
    blocks
}

fn market(row: &[i64]) -> (MarketTerms, LegInput) {
    let risk = MarketRisk {
        mark: Price::new(row[0]),
        twap: Price::new(row[1]),
        confidence: Ratio::new(row[2]),
        im_rate: Ratio::new(row[3]),
        mm_rate: Ratio::new(row[4]),
        spot_range: Ratio::new(row[5]),
        stale_range: Ratio::new(row[6]),
        stale_for: Secs::new(row[7]),
        target_extra: Ratio::new(row[8]),
        claim_weight: Ratio::new(row[9]),
        size: SizeTerms { allowance_im: Quote::new(row[10]), allowance_mm: Quote::new(row[11]), rate: Ratio::new(row[12]) },
    };
    let leg = LegInput {
        lots: Lots::new(row[13]),
        quote: Quote::new(row[14]),
        bids: Lots::new(row[15]),
        asks: Lots::new(row[16]),
        bids_value: Quote::new(row[17]),
        asks_value: Quote::new(row[18]),
        collateral_im: Quote::new(row[19]),
        collateral_mm: Quote::new(row[20]),
    };
    (MarketTerms::new(&risk).unwrap(), leg)
}

impl Block<'_> {
    /// What the engine says.
    fn check(&self) -> (Health, Report) {
        let legs: Vec<_> = self.markets.iter().map(|row| market(row)).collect();
        let params = OptionParams::default();
        let expiry = |row: &Vec<i64>| {
            let risk = ExpiryRisk {
                market: row[0].try_into().unwrap(),
                forward: Price::new(row[1]),
                tau: Secs::new(row[2]),
                fixed_share: Ratio::new(row[3]),
                fixed_mean: Price::new(row[4]),
            };
            ExpiryTerms::new(&risk, &params).unwrap()
        };
        let expiries: Vec<_> = self.expiries.iter().map(expiry).collect();
        let unit = |(row, kind): &(Vec<i64>, OptionKind)| {
            let of = &self.markets[self.expiries[row[0] as usize][0] as usize];
            let grid = SpotGrid::new(Ratio::new(of[5])).unwrap();
            UnitValues::new(&grid, &expiries, row[0].try_into().unwrap(), Price::new(row[1]), *kind, Ratio::new(row[2])).unwrap()
        };
        let units: Vec<_> = self.options.iter().map(unit).collect();
        let option = |(series, (row, _)): (usize, &(Vec<i64>, OptionKind))| OptionInput {
            series: series.try_into().unwrap(),
            lots: Lots::new(row[3]),
            bids: Lots::new(row[4]),
            asks: Lots::new(row[5]),
            bids_value: Quote::new(row[6]),
            asks_value: Quote::new(row[7]),
        };
        let options: Vec<_> = self.options.iter().enumerate().map(option).collect();
        let book = OptionBook { legs: &options, expiries: &expiries, units_im: &units, units_mm: &units };
        let group = |row: &Vec<i64>| GroupTerms {
            members: row[0].try_into().unwrap(),
            credit_im: Ratio::new(row[1]),
            credit_mm: Ratio::new(row[2]),
            phi: Ratio::new(row[3]),
        };
        let groups: Vec<_> = self.groups.iter().map(group).collect();
        let depeg = Depeg { im: Ratio::new(self.head[1]), mm: Ratio::new(self.head[2]) };
        let cross = CrossTerms { groups: &groups, depeg };
        let mut report = Report::default();
        let legs = legs.iter().map(|(terms, leg)| (terms, leg));
        let health = portfolio(Quote::new(self.head[0]), legs, &book, &cross, Some(&mut report)).unwrap();
        (health, report)
    }

    /// What an inexact delta may move an edge by.
    fn edge_tolerance(&self) -> f64 {
        let of = |(row, _): &(Vec<i64>, OptionKind)| {
            let expiry = &self.expiries[row[0] as usize];
            let market = &self.markets[expiry[0] as usize];
            let gap = (market[1] - market[0]).abs() as f64 / market[0] as f64;
            let edge = (market[2].max(market[6]) as f64 / f64::from(1 << 30)).max(gap);
            (row[3].abs() + row[4] + row[5]) as f64 * edge * (1.0 + DELTA * expiry[1] as f64)
        };
        self.options.iter().map(of).sum()
    }

    /// Where the basis contingency is in an amount, its factor multiplies what two values are off by, and the exit target adds 15 %.
    fn tolerance(&self, has_basis: bool) -> f64 {
        let of = |(row, _): &(Vec<i64>, OptionKind)| {
            let expiry = &self.expiries[row[0] as usize];
            let basis = 0.5 + 2.0 * expiry[2] as f64 / (365.0 * 86_400.0);
            let share = if has_basis { 1.15 * (1.0 + basis) } else { 1.0 };
            share * (row[3].abs() + row[4] + row[5]) as f64 * (STEPS + KERNEL * expiry[1].max(row[1]) as f64)
        };
        let held = |row: &Vec<i64>| ((row[13].abs() + row[15] + row[16]) * row[0] + row[19] + row[20]) as f64 / f64::from(1 << 30);
        ATOMS + self.markets.iter().map(held).sum::<f64>() + self.options.iter().map(of).sum::<f64>()
    }
}

const NAMES: [&str; 10] = ["E", "E_im", "E_tr", "IM", "T", "MM", "gross", "locked", "scan_im", "scan_mm"];
const LEG_NAMES: [&str; 5] = ["leg.scan_im", "leg.scan_mm", "leg.add_on_im", "leg.add_on_mm", "leg.option_value"];

#[test]
fn portfolios_agree_with_the_oracle() {
    let (mut worst, mut wrong, mut amounts, mut rows) = (BTreeMap::new(), Vec::new(), 0, 0);
    let blocks = blocks(include_str!("../vectors/scenario.csv"));
    for block in &blocks {
        let (health, report) = block.check();
        let is_stale = block.markets.iter().any(|row| row[6] > 0);
        let Health { equity, equity_im, equity_trigger, im, target, mm, gross_notional, locked, .. } = health;
        let found = [equity, equity_im, equity_trigger, im, target, mm, gross_notional, locked, report.im.scan, report.mm.scan];
        let mut pairs: Vec<(&str, Quote, f64)> = NAMES.iter().zip(found).zip(&block.result).map(|((n, f), e)| (*n, f, *e)).collect();
        for (place, expected) in block.legs.iter().enumerate() {
            let leg = &health.legs[place];
            let found = [leg.scan_im, leg.scan_mm, leg.add_on_im, leg.add_on_mm, report.option_value[place]];
            let expected_amounts = [0, 1, 2, 3, 6].map(|at| expected[at]);
            pairs.extend(LEG_NAMES.iter().zip(found).zip(expected_amounts).map(|((n, f), e)| (*n, f, e)));
            for (name, found, expected) in [("im", leg.worst_scenario_im, expected[4]), ("mm", leg.worst_scenario, expected[5])] {
                rows += usize::from(expected > 0.0);
                if expected > 0.0 && f64::from(found) != expected {
                    wrong.push(format!("{} worst scenario {name}: {found}, oracle {expected}", block.name));
                }
            }
        }
        for (name, found, expected) in pairs {
            amounts += 1;
            let has_edge = name == "E_im" || name == "E_tr" || (name == "E" && is_stale);
            let edge = if has_edge { block.edge_tolerance() } else { 0.0 };
            let has_basis = ["E_im", "IM", "T", "MM", "locked", "leg.add_on_im", "leg.add_on_mm"].contains(&name);
            let tolerance = block.tolerance(has_basis) + edge;
            let difference = (found.raw() as f64 - expected).abs();
            let kind = (name, if block.options.is_empty() { "linear" } else { "options" });
            let entry: &mut (f64, f64, String) = worst.entry(kind).or_default();
            if difference > entry.0 {
                *entry = (difference, difference / tolerance, block.name.to_string());
            }
            if difference > tolerance {
                wrong.push(format!("{} {name}: {}, oracle {expected}, off by {difference:.0} of {tolerance:.0}", block.name, found.raw()));
            }
        }
    }
    println!("scenario: {} portfolios, {amounts} amounts, {rows} worst rows; largest differences in atoms:", blocks.len());
    for ((name, kind), (difference, share, block)) in &worst {
        println!("  {name:<16} {kind:<8} {difference:>10.1}  {:>5.1} % of the tolerance, {block}", share * 100.0);
    }
    assert!(wrong.is_empty(), "{} differences:\n{}", wrong.len(), wrong.join("\n"));
}
