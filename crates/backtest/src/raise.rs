//! How fast the requirement of an existing position rises: the core at once, the buffer by the glide.

use serde::Serialize;

use crate::calibrate::maintenance_share;
use crate::portfolio::pairs;
use crate::rates::BarRates;
use crate::study::Market;
use anyhow::Result;
use plimsoll_risk::Ratio;

/// The largest rise of one rate from the end of a bar to the end of the next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Raise {
    /// Rate before, share of notional.
    pub from: f64,
    /// Rate after.
    pub to: f64,
    /// First second of the bar between, calendar.
    pub at: i64,
}

impl Raise {
    /// How many times the rate before.
    pub fn factor(&self) -> f64 {
        self.to / self.from
    }

    fn points(&self) -> f64 {
        self.to - self.from
    }
}

/// Largest raises along a series.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Raises {
    /// Series.
    pub series: String,
    /// Margin.
    pub margin: &'static str,
    /// Of the core, in points.
    pub core: Raise,
    /// Of the glided buffer, in points.
    pub buffer: Raise,
    /// Of the glided buffer, as a factor.
    pub buffer_factor: f64,
    /// Of the share of a linear leg that must be maintained, which the grid caps, in points.
    pub maintenance: Raise,
    /// Share of bars in which that share rose by more than a tenth.
    pub share_above_tenth: f64,
    /// Share of bars after which the rate in force was above what had been announced a bar before.
    pub share_above_announced: f64,
}

/// Finds them. Errors: what the engine refuses.
pub fn raises(market: &Market) -> Result<Raises> {
    let float = |ratio: Ratio| ratio.raw() as f64 / Ratio::ONE.raw() as f64;
    let mut out = Raises {
        series: market.series.origin.id.into(),
        margin: market.margin,
        core: Raise::default(),
        buffer: Raise::default(),
        buffer_factor: 1.0,
        maintenance: Raise::default(),
        share_above_tenth: 0.0,
        share_above_announced: 0.0,
    };
    let (mut count, mut tenth, mut unannounced) = (0_u64, 0_u64, 0_u64);
    for (index, _, next) in pairs(market.series) {
        let Some([before, after]) = market.rates.get(index..index + 2) else { break };
        let raise = |read: fn(&BarRates) -> Ratio| Raise { from: float(read(before)), to: float(read(after)), at: next.date };
        let keep = |best: &mut Raise, new: Raise| {
            if new.points() > best.points() {
                *best = new;
            }
        };
        let buffer = raise(|rates| rates.glided);
        let maintenance = Raise { from: maintenance_share(before)?, to: maintenance_share(after)?, at: next.date };
        keep(&mut out.core, raise(|rates| rates.core));
        keep(&mut out.buffer, buffer);
        keep(&mut out.maintenance, maintenance);
        out.buffer_factor = out.buffer_factor.max(buffer.factor());
        count += 1;
        tenth += u64::from(maintenance.factor() > 1.1);
        unannounced += u64::from(after.maintenance > before.in_an_hour);
    }
    out.share_above_tenth = tenth as f64 / count.max(1) as f64;
    out.share_above_announced = unannounced as f64 / count.max(1) as f64;
    Ok(out)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;
    use crate::rates::Setting;
    use crate::study::ENGINE;
    use crate::tape::Feed;
    use crate::testing::wild;

    /// The buffer never rises by more than the glide's tenth in an hour, the core does, and a gap between bars is no hour.
    #[test]
    fn the_buffer_glides_and_the_core_jumps() {
        let mut series = wild(21, 1_200);
        let market = Market::new(&series, ENGINE, &Setting::MAJOR, Feed::Path { seed: 2 }).unwrap();
        let found = raises(&market).unwrap();
        assert!(found.buffer_factor > 1.05 && found.buffer_factor < 1.1 + 1e-6, "{}", found.buffer_factor);
        assert!(found.core.factor() > 2.0 && found.maintenance.factor() > 1.5 && found.maintenance.to <= 0.288 + 1e-9, "{found:?}");
        assert!(found.share_above_tenth > 0.0 && found.share_above_announced > 0.0);
        // The hour of the largest raise disappears when the bars after it move away.
        let at = series.bars.iter().position(|bar| bar.date == found.maintenance.at).unwrap();
        for bar in &mut series.bars[at..] {
            (bar.at, bar.date) = (bar.at + 7_200, bar.date + 7_200);
        }
        let gapped = Market::new(&series, ENGINE, &Setting::MAJOR, Feed::Path { seed: 2 }).unwrap();
        assert_ne!(raises(&gapped).unwrap().maintenance.at, found.maintenance.at + 7_200);
    }
}
