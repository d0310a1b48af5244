//! A document with its figures put in: what the prose says of a run comes from the run.

use anyhow::{bail, ensure, Result};
use std::collections::BTreeSet;

/// Where a figure stands in the text: `{{name}}`.
const OPEN: &str = "{{";
const CLOSE: &str = "}}";

/// `template` with every `{{name}}` replaced by the figure of that name. Errors: a name without a figure, a figure that is nowhere used, a mark left open.
pub fn fill(template: &str, figures: &[(&str, String)]) -> Result<String> {
    let mut out = String::with_capacity(template.len());
    let mut used = BTreeSet::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once(OPEN) {
        let Some((name, after)) = after.split_once(CLOSE) else {
            bail!("a figure's mark is not closed: {}", after.lines().next().unwrap_or_default())
        };
        let Some((_, value)) = figures.iter().find(|(known, _)| *known == name) else { bail!("no figure is called {name}") };
        used.insert(name);
        out.push_str(before);
        out.push_str(value);
        rest = after;
    }
    out.push_str(rest);
    let unused: Vec<&str> = figures.iter().map(|(name, _)| *name).filter(|name| !used.contains(name)).collect();
    ensure!(unused.is_empty(), "figures that no sentence uses: {}", unused.join(", "));
    Ok(out)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn figures_are_put_in_and_none_may_be_missing_or_left_over() {
        let figures = [("a", "1".to_owned()), ("b", "2 %".to_owned())];
        assert_eq!(fill("x {{a}}, {{b}} and {{a}}.", &figures).unwrap(), "x 1, 2 % and 1.");
        for (template, message) in [("{{a}} {{c}}", "no figure is called c"), ("{{a}}", "no sentence uses: b"), ("{{a}} {{b", "not closed")]
        {
            assert!(fill(template, &figures).unwrap_err().to_string().contains(message), "{template}");
        }
    }
}
