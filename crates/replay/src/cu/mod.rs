//! Compute units of whole instructions on the compiled program, and the table of them against their budgets.

mod group;
mod liquidation;
mod options;
mod prices;
mod scene;
mod table;
mod trading;
mod witness;

use anyhow::Result;

pub use table::{json, markdown};

/// One reading: a whole transaction with one instruction, as the runtime charged it.
#[derive(Clone, Debug)]
pub struct Row {
    /// Name, as in `docs/compute-units.md`.
    pub name: &'static str,
    /// Compute units.
    pub cu: u64,
    /// Most it may cost; `None` for a reading that only informs.
    pub budget: Option<u64>,
    /// What exactly was run.
    pub what: String,
}

/// Rows of the table, and further readings that show where the cost lies.
#[derive(Debug, Default)]
pub struct Readings {
    /// Rows that have a budget, and the two floors.
    pub rows: Vec<Row>,
    /// Everything else.
    pub more: Vec<Row>,
}

impl Readings {
    fn row(&mut self, name: &'static str, cu: u64, budget: Option<u64>, what: impl Into<String>) {
        self.rows.push(Row { name, cu, budget, what: what.into() });
    }

    fn more(&mut self, name: &'static str, cu: u64, what: impl Into<String>) {
        self.more.push(Row { name, cu, budget: None, what: what.into() });
    }
}

/// Runs everything.
pub fn measure() -> Result<Readings> {
    let mut readings = Readings::default();
    trading::floors(&mut readings)?;
    trading::deposit(&mut readings)?;
    trading::update_market(&mut readings)?;
    trading::check_health(&mut readings)?;
    trading::place_order(&mut readings)?;
    trading::fill(&mut readings)?;
    trading::cancel(&mut readings)?;
    liquidation::liquidate(&mut readings)?;
    options::check_health(&mut readings)?;
    trading::whole_perp_leg(&mut readings)?;
    witness::flag(&mut readings)?;
    group::update_group(&mut readings)?;
    prices::compare(&mut readings)?;
    Ok(readings)
}
