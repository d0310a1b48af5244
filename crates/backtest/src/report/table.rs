//! Tables as aligned Markdown: the terminal and the document show the same text.

/// A table with a heading.
pub struct Table {
    /// Heading.
    pub title: String,
    /// What the reader must know, in a sentence or two; may be empty.
    pub note: String,
    /// Names of the columns.
    pub header: Vec<String>,
    /// Cells.
    pub rows: Vec<Vec<String>>,
}

impl Table {
    /// A table without rows.
    pub fn new(title: &str, note: impl Into<String>, header: &[&str]) -> Self {
        Self { title: title.into(), note: note.into(), header: header.iter().map(|name| (*name).to_owned()).collect(), rows: vec![] }
    }

    /// The table as Markdown, ending in an empty line.
    pub fn render(&self) -> String {
        let mut widths: Vec<usize> = self.header.iter().map(|name| name.chars().count()).collect();
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        let line = |cells: &[String]| {
            let padded: Vec<String> = cells.iter().zip(&widths).map(|(cell, &width)| format!("{cell:width$}")).collect();
            format!("| {} |\n", padded.join(" | "))
        };
        let rule: Vec<String> = widths.iter().map(|&width| "-".repeat(width)).collect();
        let note = if self.note.is_empty() { String::new() } else { format!("{}\n\n", self.note) };
        let rows: String = self.rows.iter().map(|row| line(row)).collect();
        format!("### {}\n\n{note}{}{}{rows}\n", self.title, line(&self.header), line(&rule))
    }
}

/// A share in percent with so many decimals.
pub fn percent(share: f64, decimals: usize) -> String {
    format!("{:.decimals$} %", share * 100.0)
}

/// A probability with three digits, small ones as a bound.
pub fn probability(p: f64) -> String {
    if p < 0.0005 {
        "< 0.001".to_owned()
    } else {
        format!("{p:.3}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned() {
        let mut table = Table::new("T", "", &["a", "long name"]);
        table.rows.push(vec!["±18 %".into(), "1".into()]);
        assert_eq!(table.render(), "### T\n\n| a     | long name |\n| ----- | --------- |\n| ±18 % | 1         |\n\n");
    }

    #[test]
    fn small_probabilities_are_bounds() {
        assert_eq!((probability(0.0004), probability(0.0005)), ("< 0.001".into(), "0.001".into()));
        assert_eq!(percent(0.99974, 3), "99.974 %");
    }
}
