//! Made-up prices for tests.
use crate::data::{Bar, Series, ORIGINS};

/// Whole numbers from a seed.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// Uniform in −1 .. 1.
    pub(crate) fn signed(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
    }
}

/// An hourly series across the split of the calibration, with calm and wild stretches and now and then a crash.
pub(crate) fn wild(seed: u64, count: usize) -> Series {
    let mut random = Random::new(seed);
    let start = crate::calendar::midnight(2022, 12, 1);
    let mut close = 100_000_000.0_f64;
    let mut bars = vec![];
    for hour in 0..count {
        let calm = if hour / 200 % 2 == 0 { 0.004 } else { 0.015 };
        let size = if hour % 177 == 90 { 0.15 } else { calm };
        let (open, moved) = (close, random.signed() * size);
        close = (open * (1.0 + moved)).clamp(1e6, 9e8);
        let (up, down) = (1.0 + random.signed().abs() * size / 2.0, 1.0 - random.signed().abs() * size / 2.0);
        let at = start + hour as i64 * 3_600;
        let [open, high, low, close] = [open, open.max(close) * up, open.min(close) * down, close].map(|price| price as i64);
        bars.push(Bar { at, date: at, open, high, low, close, deviation: (high as f64 / low as f64).ln() / 1.665 });
    }
    Series { origin: ORIGINS[2], bars }
}
