//! `docs/backtest.md`, its figures and tables put in, the annex and the plots: written, or compared.

use anyhow::{ensure, Context, Result};
use std::fs;
use std::path::Path;

use crate::report::{fill, table::Table, Figures, Plot};

/// The document, and the text it is made from.
const DOCUMENT: &str = "docs/backtest.md";
const TEMPLATE: &str = include_str!("report/backtest.md");
/// The rest of the tables.
const ANNEX: &str = "docs/backtest-tables.md";
/// How many tables stand in the document itself.
const MAIN_TABLES: usize = 4;
const ANNEX_HEAD: &str =
    "# Backtest of the margin: tables\n\nWritten by `cargo xtask backtest --write`; [backtest.md](backtest.md) says what they mean.\n\n";

/// Puts document, annex and plots into `docs/` under `checkout`; with `is_check` compares instead. Errors: a difference, a figure that the text or the
/// study lacks, the disk.
pub fn put(checkout: &Path, figures: Figures, tables: &[Table], plots: &[Plot], is_check: bool) -> Result<()> {
    put_with(TEMPLATE, checkout, figures, tables, plots, is_check)
}

fn put_with(template: &str, checkout: &Path, figures: Figures, tables: &[Table], plots: &[Plot], is_check: bool) -> Result<()> {
    let (main, annex) = tables.split_at(MAIN_TABLES.min(tables.len()));
    let render = |tables: &[Table]| tables.iter().map(Table::render).collect::<String>();
    let mut named = figures;
    named.push(("tables", render(main).trim_end().to_owned()));
    let mut files = vec![(checkout.join(DOCUMENT), fill(template, &named)?)];
    files.push((checkout.join(ANNEX), format!("{ANNEX_HEAD}{}\n", render(annex).trim_end())));
    files.extend(plots.iter().map(|plot| (checkout.join("docs/plots").join(plot.file), plot.svg.clone())));
    let mut differing = vec![];
    for (path, new) in files {
        if is_check {
            let old = fs::read_to_string(&path).unwrap_or_default();
            if let Some(line) = first_difference(&old, &new) {
                differing.push(format!("{} line {line}", path.display()));
            }
        } else {
            fs::write(&path, new).with_context(|| format!("cannot write {}", path.display()))?;
        }
    }
    ensure!(differing.is_empty(), "out of date, run `cargo xtask backtest --write`: {}", differing.join(", "));
    Ok(())
}

/// Number of the first line that differs.
fn first_difference(old: &str, new: &str) -> Option<usize> {
    let at = old.lines().zip(new.lines()).position(|(old, new)| old != new);
    (old != new).then(|| at.unwrap_or_else(|| old.lines().count().min(new.lines().count())) + 1)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn figures_and_tables_are_put_in_and_a_changed_figure_is_named() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("docs/plots")).unwrap();
        let table = |title: &str| ["1", "2", "3", "4", title].map(|title| Table::new(title, "", &["a"]));
        let plots = [Plot { file: "a.svg", svg: "<svg/>".into() }];
        let put = |missed: &str, title: &str, is_check| {
            let figures = vec![("missed", missed.to_owned())];
            put_with("# Title\n\n{{missed}} hours\n\n{{tables}}\n", root.path(), figures, &table(title), &plots, is_check)
        };
        assert!(put("17", "T", true).unwrap_err().to_string().contains("backtest.md line 1"));
        put("17", "T", false).unwrap();
        put("17", "T", true).unwrap();
        let path = root.path().join(DOCUMENT);
        let text = fs::read_to_string(&path).unwrap();
        let rendered = |title: &str| format!("### {title}\n\n| a |\n| - |\n");
        let main = ["1", "2", "3", "4"].map(rendered).join("\n");
        assert_eq!(text, format!("# Title\n\n17 hours\n\n{main}"));
        assert_eq!(fs::read_to_string(root.path().join(ANNEX)).unwrap(), format!("{ANNEX_HEAD}{}", rendered("T")));
        // A figure in the prose that no run gives, and a run that gives another.
        fs::write(&path, text.replace("17 hours", "16 hours")).unwrap();
        assert!(put("17", "T", true).unwrap_err().to_string().contains("backtest.md line 3"));
        fs::write(&path, &text).unwrap();
        assert!(put("18", "T", true).unwrap_err().to_string().contains("backtest.md line 3"));
        assert!(put("17", "U", true).unwrap_err().to_string().contains("backtest-tables.md line 5"));
        fs::write(&path, text + "more\n").unwrap();
        assert!(put("17", "T", true).is_err());
    }
}
