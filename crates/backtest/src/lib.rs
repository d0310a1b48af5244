//! How often the engine's maintenance margin would have been too small, over years of real prices (`cargo xtask backtest`).
//!
//! Data flow: [`data`] (bars) → [`path`] (a price a minute) → [`tape`] (the engine's volatility state at every bucket) → [`rates`] (glide and
//! core) → [`portfolio`] (requirement by the engine's health, loss in the next hour) → [`coverage`] (exceptions, tests) → [`report`].
//! The margin is the engine's, bit for bit; statistics are floats.
#![forbid(unsafe_code)]

pub mod benchmark;
pub mod calendar;
pub mod calibrate;
pub mod coverage;
pub mod data;
pub mod document;
pub mod path;
pub mod portfolio;
pub mod raise;
pub mod rates;
pub mod report;
pub mod spread;
pub mod statistics;
pub mod straddle;
pub mod study;
pub mod tape;

#[cfg(test)]
mod lookahead;
#[cfg(test)]
mod testing;
