//! The report of a replay: plain data in, a terminal report, one JSON line and a self-contained page with plots out.
//!
//! The simulation fills a [`ReportData`] from chain state; nothing here computes a result that the data do not hold, and
//! [`ReportData::check`] refuses data that contradict themselves.

mod data;
mod figures;
mod html;
mod money;
mod progress;
mod svg;
mod text;

pub use data::{AccountRow, EndState, LedgerRow, MintLedger, Minute, PositionRow, ReportData, Totals};
pub use html::{render_page, write_page};
pub use money::{atoms_exact, price, thousands, usdc};
pub use progress::progress_bar;
pub use text::render_text;

#[cfg(test)]
mod sample;
