//! The tables and plots inside `docs/`: written, or compared.

use anyhow::{bail, ensure, Context, Result};
use std::fs;
use std::path::Path;

use crate::report::{table::Table, Plot};

/// The document, and between which lines its tables stand.
const DOCUMENT: &str = "docs/backtest.md";
/// The rest of the tables.
const ANNEX: &str = "docs/backtest-tables.md";
/// How many tables stand in the document itself.
const MAIN_TABLES: usize = 4;
const ANNEX_HEAD: &str =
    "# Backtest of the margin: tables\n\nWritten by `cargo xtask backtest --write`; [backtest.md](backtest.md) says what they mean.\n\n";
const BEGIN: &str = "<!-- tables: cargo xtask backtest --write -->\n";
const END: &str = "<!-- end of tables -->\n";

/// Puts tables and plots into `docs/` under `checkout`; with `is_check` compares instead. Errors: a difference, a missing mark, the disk.
pub fn put(checkout: &Path, tables: &[Table], plots: &[Plot], is_check: bool) -> Result<()> {
    let path = checkout.join(DOCUMENT);
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {DOCUMENT}"))?;
    let (main, annex) = tables.split_at(MAIN_TABLES.min(tables.len()));
    let render = |tables: &[Table]| tables.iter().map(Table::render).collect::<String>();
    let mut files = vec![(path, spliced(&text, &render(main))?)];
    files.push((checkout.join(ANNEX), format!("{ANNEX_HEAD}{}\n", render(annex).trim_end())));
    files.extend(plots.iter().map(|plot| (checkout.join("docs/plots").join(plot.file), plot.svg.clone())));
    let mut differing = vec![];
    for (path, new) in files {
        if is_check {
            let old = fs::read_to_string(&path).unwrap_or_default();
            if old != new {
                differing.push(path.display().to_string());
            }
        } else {
            fs::write(&path, new).with_context(|| format!("cannot write {}", path.display()))?;
        }
    }
    ensure!(differing.is_empty(), "out of date, run `cargo xtask backtest --write`: {}", differing.join(", "));
    Ok(())
}

fn spliced(text: &str, tables: &str) -> Result<String> {
    let (Some(begin), Some(end)) = (text.find(BEGIN), text.find(END)) else { bail!("{DOCUMENT} lacks the marks around its tables") };
    let head = text.get(..begin + BEGIN.len()).unwrap_or_default();
    let tail = text.get(end..).unwrap_or_default();
    Ok(format!("{head}\n{tables}{tail}"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn tables_are_put_between_the_marks_and_a_difference_is_named() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("docs/plots")).unwrap();
        fs::write(root.path().join(DOCUMENT), format!("before\n{BEGIN}old\n{END}after\n")).unwrap();
        let table = |title: &str| ["1", "2", "3", "4", title].map(|title| Table::new(title, "", &["a"]));
        let plots = [Plot { file: "a.svg", svg: "<svg/>".into() }];
        assert!(put(root.path(), &table("T"), &plots, true).unwrap_err().to_string().contains("backtest.md"));
        put(root.path(), &table("T"), &plots, false).unwrap();
        let text = fs::read_to_string(root.path().join(DOCUMENT)).unwrap();
        let rendered = |title: &str| format!("### {title}\n\n| a |\n| - |\n");
        let main = ["1", "2", "3", "4"].map(|title| rendered(title) + "\n").concat();
        assert_eq!(text, format!("before\n{BEGIN}\n{main}{END}after\n"));
        assert_eq!(fs::read_to_string(root.path().join(ANNEX)).unwrap(), format!("{ANNEX_HEAD}{}", rendered("T")));
        put(root.path(), &table("T"), &plots, true).unwrap();
        assert!(put(root.path(), &table("U"), &plots, true).is_err());
    }
}
