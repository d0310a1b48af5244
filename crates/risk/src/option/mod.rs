//! Option mathematics: the normal distribution, Black-76 and its Greeks, implied volatility, volatility surfaces.

mod cdf_table;
pub mod normal;
