//! The report on the terminal.

use std::fmt::Write;

use super::{
    data::{EndState, MintLedger, ReportData},
    money::{atoms_exact, leverage, percent, price, thousands, usdc, utc},
};

/// Upper ends of the leverage classes, in hundredths; the last class is open.
const CLASSES: [(i64, i64); 5] = [(0, 200), (200, 500), (500, 1_000), (1_000, 1_500), (1_500, i64::MAX)];

/// A table of text: the first column to the left, the others to the right, a header over a rule.
struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    fn new(header: &[&str]) -> Self {
        Self { rows: vec![header.iter().map(|&name| name.to_owned()).collect()] }
    }

    fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    fn render(&self) -> String {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| self.rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..columns).map(width).collect();
        let mut out = String::new();
        for (index, row) in self.rows.iter().enumerate() {
            let mut line = String::from("  ");
            for (column, (cell, &width)) in row.iter().zip(&widths).enumerate() {
                let _ = if column == 0 { write!(line, "{cell:<width$}") } else { write!(line, "  {cell:>width$}") };
            }
            out.push_str(line.trim_end());
            out.push('\n');
            if index == 0 {
                let rule = widths.iter().sum::<usize>() + 2 * columns.saturating_sub(1);
                let _ = writeln!(out, "  {}", "-".repeat(rule));
            }
        }
        out
    }
}

fn heading(out: &mut String, text: &str) {
    let _ = write!(out, "\n{text}\n");
}

fn fact(out: &mut String, name: &str, value: &str, remark: &str) {
    let _ = writeln!(out, "{}", format!("  {name:<22}{value:>18}  {remark}").trim_end());
}

/// The whole report as text, ending in a newline. Money is shown in USDC to the cent, differences in exact atoms and lots.
pub fn render_text(data: &ReportData) -> String {
    let mut out = String::new();
    head(&mut out, data);
    totals(&mut out, data);
    markets(&mut out, data);
    accounts(&mut out, data);
    for ledger in &data.ledgers {
        mint(&mut out, ledger);
    }
    positions(&mut out, data);
    verdict(&mut out, data);
    out
}

fn head(out: &mut String, data: &ReportData) {
    let _ = writeln!(out, "{}", data.title);
    let _ = writeln!(out, "{}", "=".repeat(data.title.chars().count()));
    let _ = writeln!(out, "  prices    {}", data.source);
    if let (Some(first), Some(last)) = (data.minutes.first(), data.minutes.last()) {
        let _ = writeln!(out, "  span      {} to {} UTC", utc(first.at), utc(last.at));
    }
    let _ = writeln!(out, "  seed      {}", data.seed);
    for note in &data.notes {
        let _ = writeln!(out, "  note      {}", wrap(note, 12, 110));
    }
}

/// Breaks a text at spaces, lines after the first indented.
fn wrap(text: &str, indent: usize, width: usize) -> String {
    let mut out = String::new();
    let mut used = 0;
    for word in text.split_whitespace() {
        let length = word.chars().count();
        if used > 0 && used + 1 + length > width {
            let _ = write!(out, "\n{}", " ".repeat(indent));
            used = 0;
        } else if used > 0 {
            out.push(' ');
            used += 1;
        }
        out.push_str(word);
        used += length;
    }
    out
}

fn totals(out: &mut String, data: &ReportData) {
    let totals = &data.totals;
    heading(out, "Run");
    fact(out, "transactions", &thousands(totals.transactions.into()), &format!("in {:.1} s", totals.seconds));
    fact(out, "margin accounts", &thousands(totals.accounts.into()), "");
    fact(out, "compiler", &totals.compiler, "");
    heading(out, "Liquidation");
    fact(out, "liquidations", &thousands(totals.liquidations.into()), &busiest(data));
    fact(out, "lost races", &thousands(totals.lost_races.into()), "keepers that came too late");
    fact(out, "keeper income", &usdc(totals.keeper_income), "USDC");
    let incomes = data.minutes.last().map(|minute| minute.keeper_income.as_slice()).unwrap_or_default();
    for (name, &income) in data.keepers.iter().zip(incomes) {
        let share = percent(income.into(), totals.keeper_income.into());
        fact(out, &format!("  {name}"), &usdc(income), &format!("USDC  ({share} %)"));
    }
    heading(out, "Losses beyond an account's own money");
    fact(out, "paid by insurance", &usdc(totals.insurance_paid), "USDC  (the fund, after the tranches)");
    fact(out, "auto-deleveraged", &thousands(totals.adl_events.into()), "positions");
    fact(out, "cut from claims", &usdc(totals.claims_cut), "USDC");
    fact(out, "left uncovered", &usdc(totals.bad_debt_uncovered), "USDC");
}

fn busiest(data: &ReportData) -> String {
    let busiest = data.minutes.iter().rev().max_by_key(|minute| minute.liquidations).filter(|minute| minute.liquidations > 0);
    busiest.map_or_else(String::new, |minute| format!("at most {} a minute, at {} UTC", minute.liquidations, utc(minute.at)))
}

fn markets(out: &mut String, data: &ReportData) {
    let (Some(first), Some(last)) = (data.minutes.first(), data.minutes.last()) else { return };
    heading(out, "Markets");
    let mut table = Table::new(&["market", "first $", "high $", "low $", "last $", "to low %", "open interest USDC", "tranche USDC"]);
    for (index, name) in data.markets.iter().enumerate() {
        let prices = || data.minutes.iter().filter_map(|minute| minute.prices.get(index)).copied();
        let open = first.prices.get(index).copied().unwrap_or_default();
        let (high, low) = (prices().max().unwrap_or_default(), prices().min().unwrap_or_default());
        let interest = last.open_interest.get(index).copied().unwrap_or(0);
        let tranche = last.tranches.get(index).copied().unwrap_or(0);
        let close = prices().last().unwrap_or_default();
        let fall = percent(i128::from(low.0) - i128::from(open.0), open.0.into());
        table.row([name.clone(), price(open), price(high), price(low), price(close), fall, usdc(interest), usdc(tranche)]);
    }
    out.push_str(&table.render());
    let change = |from: i64, to: i64| format!("{} -> {} USDC", usdc(from), usdc(to));
    let _ = writeln!(out, "  equity of all accounts   {}", change(first.equity, last.equity));
    let _ = writeln!(out, "  maintenance requirement  {}", change(first.requirement, last.requirement));
    let _ = writeln!(out, "  insurance fund           {}", change(first.fund, last.fund));
}

fn accounts(out: &mut String, data: &ReportData) {
    heading(out, "Accounts by leverage at the start");
    let mut table = Table::new(&["leverage", "accounts", "liquidated", "bankrupt", "equity before USDC", "equity after USDC", "kept %"]);
    for (from, to) in CLASSES {
        let rows = || data.accounts.iter().filter(|row| (from..to).contains(&row.leverage_hundredths));
        let count = |test: fn(&super::AccountRow) -> bool| rows().filter(|row| test(row)).count().to_string();
        let before: i64 = rows().map(|row| row.equity_before).sum();
        let after: i64 = rows().map(|row| row.equity_after).sum();
        let name = if to == i64::MAX { format!("{} and more", leverage(from)) } else { format!("{} to {}", leverage(from), leverage(to)) };
        let counts = [count(|_| true), count(|row| row.liquidations > 0), count(|row| row.is_bankrupt())];
        let sums = [usdc(before), usdc(after), percent(after.into(), before.into())];
        table.row([name].into_iter().chain(counts).chain(sums));
    }
    out.push_str(&table.render());
    let states = [EndState::Healthy, EndState::Warned, EndState::Liquidating, EndState::Auction, EndState::Bankrupt, EndState::Resolved];
    let counted = states.into_iter().map(|state| (state, data.accounts.iter().filter(|row| row.state == state).count()));
    let listed: Vec<String> = counted.filter(|&(_, count)| count > 0).map(|(state, count)| format!("{count} {}", state.name())).collect();
    let _ = writeln!(out, "  at the end: {}", listed.join(", "));
}

fn mint(out: &mut String, ledger: &MintLedger) {
    heading(out, &format!("Where every {} is", ledger.mint));
    let exact = |atoms: i128| atoms_exact(atoms, ledger.decimals);
    let mut table = Table::new(&["place", "held", "held for"]);
    for row in &ledger.vaults {
        table.row([row.place.clone(), exact(row.atoms.into()), String::new()]);
    }
    for row in &ledger.held_for {
        table.row([row.place.clone(), String::new(), exact(row.atoms.into())]);
    }
    table.row(["total".to_owned(), exact(ledger.held()), exact(ledger.held() - ledger.difference())]);
    out.push_str(&table.render());
    let _ = writeln!(out, "  difference: {} atoms", thousands(ledger.difference()));
}

fn positions(out: &mut String, data: &ReportData) {
    heading(out, "Positions, in base lots");
    let mut table = Table::new(&["market", "long", "short", "clearing", "difference"]);
    for row in &data.positions {
        let numbers = [row.long.into(), row.short.into(), row.clearing.into(), row.difference()];
        table.row([row.market.clone()].into_iter().chain(numbers.map(thousands)));
    }
    out.push_str(&table.render());
}

fn verdict(out: &mut String, data: &ReportData) {
    let totals = &data.totals;
    let balanced = totals.token_difference == 0 && totals.position_difference == 0;
    let (tokens, lots) = (thousands(totals.token_difference.into()), thousands(totals.position_difference.into()));
    let _ = match balanced {
        true => write!(out, "\nEvery token and every lot is accounted for: differences {tokens} atoms, {lots} lots.\n"),
        false => write!(out, "\nNOT BALANCED: {tokens} atoms and {lots} lots are unaccounted for.\n"),
    };
    if totals.bad_debt_uncovered != 0 {
        let _ = writeln!(out, "NOT COVERED: {} USDC of losses were paid by nobody.", usdc(totals.bad_debt_uncovered));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn the_report_says_what_matters_and_fits_a_wide_terminal() {
        let text = render_text(&sample::data());
        println!("{text}");
        for expected in
            ["liquidations", "lost races", "Where every USDC is", "difference: 0 atoms", "BUILT-IN", "15.0x and more", "Every token"]
        {
            assert!(text.contains(expected), "{expected}");
        }
        assert!(text.lines().all(|line| line.chars().count() <= 130 && line == line.trim_end()));
    }

    #[test]
    fn a_difference_is_not_hidden() {
        let mut data = sample::data();
        data.ledgers[0].vaults[0].atoms -= 3;
        data.totals.token_difference = 3;
        data.totals.bad_debt_uncovered = 5_000_000;
        data.check().unwrap();
        let text = render_text(&data);
        assert!(
            text.contains("difference: -3 atoms") && text.contains("NOT BALANCED: 3 atoms") && text.contains("NOT COVERED: 5.00"),
            "{text}"
        );
    }

    #[test]
    fn columns_align() {
        let mut table = Table::new(&["a", "number"]);
        table.row(["long name".to_owned(), "1".to_owned()]);
        assert_eq!(table.render(), "  a          number\n  -----------------\n  long name       1\n");
    }
}
