//! The report as one page that needs nothing from a network.

use std::{
    fmt::Write,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

use super::{
    data::{MintLedger, ReportData},
    figures,
    money::{atoms_exact, leverage, percent, thousands, usdc, utc},
};

const STYLE: &str = include_str!("page.css");

/// Text made safe for an element or a quoted attribute.
pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\'', "&#39;")
}

/// The page. Fails when the data contradict themselves ([`ReportData::check`]) or a plot cannot be drawn.
pub fn render_page(data: &ReportData) -> Result<String> {
    data.check()?;
    let title = escape(&data.title);
    let mut out = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n<h1>{title}</h1>\n"
    );
    head(&mut out, data);
    cards(&mut out, data);
    let _ = write!(out, "<h2>What happened</h2>\n{}", figures::render(data)?);
    out.push_str("<h2>Where every token is</h2>\n");
    for ledger in &data.ledgers {
        mint(&mut out, ledger);
    }
    positions(&mut out, data);
    accounts(&mut out, data);
    out.push_str("</main>\n</body>\n</html>\n");
    Ok(out)
}

/// Writes the page to `folder/index.html`, making the folder, and gives its path.
pub fn write_page(folder: &Path, data: &ReportData) -> Result<PathBuf> {
    let path = folder.join("index.html");
    let page = render_page(data)?;
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
    std::fs::write(&path, page).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path)
}

fn head(out: &mut String, data: &ReportData) {
    let _ = write!(out, "<p class=\"lead\">Prices: {}. Seed {}.", escape(&data.source), data.seed);
    if let (Some(first), Some(last)) = (data.minutes.first(), data.minutes.last()) {
        let _ = write!(out, " {} to {} UTC.", utc(first.at), utc(last.at));
    }
    out.push_str("</p>\n<details class=\"notes\"><summary>Sources and assumptions</summary>\n<ul>\n");
    for note in &data.notes {
        let _ = writeln!(out, "<li>{}</li>", escape(note));
    }
    out.push_str("</ul>\n</details>\n");
}

fn cards(out: &mut String, data: &ReportData) {
    let totals = &data.totals;
    let balanced = totals.token_difference == 0 && totals.position_difference == 0 && totals.bad_debt_uncovered == 0;
    let (class, verdict) = match balanced {
        true => ("good", "Every token and every lot is accounted for, and no loss is left uncovered."),
        false => ("bad", "NOT BALANCED: see the differences below."),
    };
    let _ = writeln!(out, "<p class=\"verdict {class}\">{verdict}</p>\n<dl class=\"cards\">");
    let money = |atoms| format!("{} <small>USDC</small>", usdc(atoms));
    let count = |value: u64| thousands(value.into());
    let facts = [
        ("transactions", count(totals.transactions)),
        ("margin accounts", count(totals.accounts)),
        ("liquidations", count(totals.liquidations)),
        ("lost races", count(totals.lost_races)),
        ("keeper income", money(totals.keeper_income)),
        ("paid by insurance", money(totals.insurance_paid)),
        ("positions auto-deleveraged", count(totals.adl_events)),
        ("cut from claims", money(totals.claims_cut)),
        ("losses left uncovered", money(totals.bad_debt_uncovered)),
        ("token difference", format!("{} <small>atoms</small>", count(totals.token_difference))),
        ("position difference", format!("{} <small>lots</small>", count(totals.position_difference))),
        ("run time", format!("{:.1} <small>s</small>", totals.seconds)),
    ];
    for (name, value) in facts {
        let _ = writeln!(out, "<div><dt>{name}</dt><dd>{value}</dd></div>");
    }
    let _ = writeln!(out, "</dl>\n<p>Program compiled by {}.</p>", escape(&totals.compiler));
}

/// Opens a table; the first column holds row headings.
fn open_table(out: &mut String, caption: &str, header: &[&str]) {
    let _ = write!(out, "<div class=\"scroll\"><table>\n<caption>{}</caption>\n<thead><tr>", escape(caption));
    for name in header {
        let _ = write!(out, "<th scope=\"col\">{name}</th>");
    }
    out.push_str("</tr></thead>\n<tbody>\n");
}

fn table_row(out: &mut String, class: &str, cells: &[String]) {
    let _ = write!(out, "<tr{class}>");
    for (index, cell) in cells.iter().enumerate() {
        let cell = escape(cell);
        let _ = if index == 0 { write!(out, "<th scope=\"row\">{cell}</th>") } else { write!(out, "<td>{cell}</td>") };
    }
    out.push_str("</tr>\n");
}

fn close_table(out: &mut String) {
    out.push_str("</tbody>\n</table></div>\n");
}

fn mint(out: &mut String, ledger: &MintLedger) {
    let exact = |atoms: i128| atoms_exact(atoms, ledger.decimals);
    open_table(out, &format!("{}: what the vaults hold and what it is held for", ledger.mint), &["place", "held", "held for"]);
    for row in &ledger.vaults {
        table_row(out, "", &[row.place.clone(), exact(row.atoms.into()), String::new()]);
    }
    for row in &ledger.held_for {
        table_row(out, "", &[row.place.clone(), String::new(), exact(row.atoms.into())]);
    }
    let owed = ledger.held() - ledger.difference();
    table_row(out, " class=\"sum\"", &["total".to_owned(), exact(ledger.held()), exact(owed)]);
    table_row(out, " class=\"sum\"", &["difference, atoms".to_owned(), String::new(), thousands(ledger.difference())]);
    close_table(out);
}

fn positions(out: &mut String, data: &ReportData) {
    open_table(out, "Positions in base lots: long and short cancel", &["market", "long", "short", "clearing", "difference"]);
    for row in &data.positions {
        let numbers = [row.long.into(), row.short.into(), row.clearing.into(), row.difference()];
        let cells: Vec<String> = [row.market.clone()].into_iter().chain(numbers.map(thousands)).collect();
        table_row(out, "", &cells);
    }
    close_table(out);
}

fn accounts(out: &mut String, data: &ReportData) {
    let _ = writeln!(out, "<h2>Accounts</h2>\n<details><summary>All {} accounts</summary>", data.accounts.len());
    let header = ["account", "leverage", "equity before, USDC", "equity after, USDC", "kept, %", "liquidations", "state"];
    open_table(out, "Every margin account", &header);
    for row in &data.accounts {
        let cells = [
            row.label.clone(),
            leverage(row.leverage_hundredths),
            usdc(row.equity_before),
            usdc(row.equity_after),
            percent(row.equity_after.into(), row.equity_before.into()),
            row.liquidations.to_string(),
            row.state.name().to_owned(),
        ];
        table_row(out, "", &cells);
    }
    close_table(out);
    out.push_str("</details>\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    /// Where the sample page is written: `PLIMSOLL_SAMPLE_REPORT` to look at it, else a folder that is removed again.
    fn written() -> String {
        let temporary = tempfile::tempdir().unwrap();
        let folder = std::env::var_os("PLIMSOLL_SAMPLE_REPORT").map_or_else(|| temporary.path().join("report"), PathBuf::from);
        std::fs::read_to_string(write_page(&folder, &sample::data()).unwrap()).unwrap()
    }

    #[test]
    fn the_page_is_whole_self_contained_and_accessible() {
        let page = written();
        for element in ["html", "head", "style", "main", "figure", "svg", "table", "dl", "ul", "details"] {
            let opened = page.matches(&format!("<{element} ")).count() + page.matches(&format!("<{element}>")).count();
            assert_eq!(opened, page.matches(&format!("</{element}>")).count(), "{element}");
            assert!(opened > 0, "{element}");
        }
        for outside in ["http://", "https://", "<script", "<link", "<img", "url(", "@import", "src="] {
            assert!(!page.contains(outside), "{outside}");
        }
        assert_eq!(page.matches("role=\"img\"").count(), 8);
        for id in ["prices", "equity", "liquidations", "fund", "keepers", "interest", "accounts", "leverage"] {
            let labels = format!("aria-labelledby=\"{id}-title {id}-text\"");
            assert!(page.contains(&labels) && page.contains(&format!("<title id=\"{id}-title\">")), "{id}");
        }
        assert!(page.contains("&lt;script&gt;alert(&quot;no&quot;)") && page.contains("prefers-color-scheme: dark"));
    }

    #[test]
    fn every_colour_of_a_plot_is_a_token_of_the_style_sheet() {
        let page = written();
        for attribute in ["fill=\"#", "stroke=\"#"] {
            for (at, _) in page.match_indices(attribute) {
                let colour = &page[at..at + attribute.len() + 7];
                assert!(STYLE.contains(&format!("[{colour}]")), "{colour}");
            }
        }
    }

    #[test]
    fn plots_hold_the_data() {
        let page = written();
        let plot = |id: &str| {
            let from = page.find(&format!("<figure id=\"{id}\">")).unwrap();
            &page[from..from + page[from..].find("</figure>").unwrap()]
        };
        // One polyline with a point a minute for each market and the requirement; the axes are lines of two points.
        let long = plot("prices")
            .match_indices("points=\"")
            .filter(|&(at, _)| plot("prices")[at..].split('"').nth(1).unwrap().len() > 1_440 * 4)
            .count();
        assert_eq!(long, 4);
        let busy = sample::data().minutes.iter().filter(|minute| minute.liquidations > 0).count();
        assert_eq!(plot("liquidations").matches("<rect ").count(), busy);
        assert!(plot("prices").contains("\n18:00\n") && plot("prices").contains("price, % of the first"));
    }

    #[test]
    fn an_unbalanced_run_says_so_and_a_contradictory_one_has_no_page() {
        let mut data = sample::data();
        data.positions[0].long += 2;
        assert!(render_page(&data).is_err());
        data.totals.position_difference = 2;
        assert!(render_page(&data).unwrap().contains("NOT BALANCED"));
    }

    #[test]
    fn an_empty_run_still_has_a_page() {
        let mut data = sample::data();
        data.minutes.clear();
        data.accounts.clear();
        (data.totals.accounts, data.totals.liquidations, data.totals.keeper_income) = (0, 0, 0);
        let page = render_page(&data).unwrap();
        assert!(!page.contains("NaN") && !page.contains("inf\""));
        assert!(super::super::render_text(&data).contains("margin accounts"));
    }
}
