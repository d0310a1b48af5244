//! The price of the quote token and what its depeg costs (RULES 4.4), by the rules for the price of any market (2.1).
//!
//! A price counts when it is accepted and changes nothing afterwards: while the feed is silent the charge stays as it is, so that silence neither
//! liquidates anybody nor takes a charge away.

use super::{check_origin, read, Accepted, Fault, OracleParams, PriceSample, MAX_AHEAD, STALE_AGE};
use crate::error::RiskResult;
use crate::margin::Depeg;
use crate::units::{mul_div, Price, Ratio, Round, Secs, RATIO_BITS};
use bytemuck::{Pod, Zeroable};

/// Prices are read for a lot of 100 tokens, so that an atom is a hundred-millionth of a dollar a token.
const LOT_EXPONENT: i32 = -2;
/// Atoms a lot that a token at one dollar costs.
const DOLLAR: i64 = 100_000_000;
/// A token below a cent, or above two dollars, is a fault of its feed and no depeg†.
const BOUNDS: (Price, Price) = (Price::new(DOLLAR / 100), Price::new(2 * DOLLAR));

/// What the exchange knows of its quote token. All zero before the first price: no charge.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct PegState {
    /// Last accepted price, dollars a token; 0 before the first.
    pub price: Ratio,
    /// Its confidence / price.
    pub confidence: Ratio,
    /// When it was published.
    pub publish: Secs,
    /// The charge in force.
    pub depeg: Depeg,
    /// Exponent that the feed had when it was named.
    pub exponent: i32,
    /// Zero; reserved.
    pub reserved: u32,
}

const _: () = assert!(core::mem::size_of::<PegState>() == 48 && core::mem::align_of::<PegState>() == 8);

impl PegState {
    /// A feed with this exponent, without a price yet. Errors: [`crate::RiskError::ParameterOutOfRange`].
    pub fn new(exponent: i32) -> RiskResult<Self> {
        demands(exponent).validate()?;
        Ok(Self { exponent, ..Self::default() })
    }

    /// Takes `sample` as the price of the quote token and advances the charge by the time since the last one.
    ///
    /// Refused like a market's price, and when it is older than 60 s: nothing may wait for a time at which an old price hurts. One that is not
    /// newer than the stored one changes nothing and succeeds. On a fault the state is unchanged.
    pub fn accept(&mut self, sample: &PriceSample, now: Secs) -> Result<Accepted, Fault> {
        check_origin(sample)?;
        let publish = Secs::new(sample.publish);
        if publish > now.add(MAX_AHEAD)? {
            return Err(Fault::FromTheFuture);
        }
        if publish <= self.publish {
            return Ok(Accepted::NoEffect);
        }
        if now.sub(publish)? > STALE_AGE {
            return Err(Fault::TooOld);
        }
        let (lot, confidence) = read(&demands(self.exponent), sample)?;
        let price = Ratio::new(mul_div(lot.raw(), 1 << RATIO_BITS, DOLLAR, Round::Floor)?);
        // The first price has nothing to have glided from.
        let elapsed = if self.publish.is_zero() { Secs::ZERO } else { publish.sub(self.publish)? };
        let depeg = self.depeg.advance(price, confidence, elapsed)?;
        *self = Self { price, confidence, publish, depeg, ..*self };
        Ok(Accepted::Applied { price: lot, confidence, publish })
    }
}

/// What is demanded of the feed: the defaults for a major.
const fn demands(exponent: i32) -> OracleParams {
    OracleParams::major(exponent, LOT_EXPONENT, BOUNDS.0, BOUNDS.1)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::arithmetic_side_effects, reason = "tests fail by panicking")]
    use super::*;
    use proptest::prelude::*;

    const NOW: i64 = 1_760_097_600;
    const CENT: i64 = 1_000_000;

    /// A price in hundredths of a cent ± 2 of them, at `publish`.
    fn sample(price: i64, publish: i64) -> PriceSample {
        let (price, conf) = (price * CENT / 100, 2 * CENT.unsigned_abs() / 100);
        let prev_publish = publish - 1;
        PriceSample { owner_ok: true, feed_matches: true, fully_verified: true, price, conf, exponent: -8, publish, prev_publish }
    }

    fn at(price: i64) -> PegState {
        let mut state = PegState::new(-8).unwrap();
        state.accept(&sample(price, NOW), Secs::new(NOW)).unwrap();
        state
    }

    fn is_near(ratio: Ratio, hundredths: i64) -> bool {
        (ratio.raw() - Ratio::of(hundredths, 10_000).raw()).abs() <= 64
    }

    #[test]
    fn a_price_is_read_in_dollars() {
        for exponent in [-12, -8, -5, -4] {
            let mut state = PegState::new(exponent).unwrap();
            let unit = 10_i64.pow(exponent.unsigned_abs());
            let given = PriceSample { price: unit / 10_000 * 9_600, conf: 0, exponent, ..sample(0, NOW) };
            state.accept(&given, Secs::new(NOW)).unwrap();
            assert!(is_near(state.price, 9_600), "{exponent}: {:?}", state.price);
            // The narrowest interval is a basis point: 4 × (0.99 − 0.96 · 0.9999).
            assert!((state.depeg.im.raw() - Ratio::of(120_384, 1_000_000).raw()).abs() <= 40, "{exponent}: {:?}", state.depeg);
        }
        assert!(PegState::new(-27).is_err() && PegState::new(40).is_err());
    }

    /// RULES 2.1, in the order of `accept`.
    #[test]
    fn what_is_no_price_of_it_changes_nothing() {
        let good = sample(9_600, NOW + 10);
        let wrong = [
            (PriceSample { owner_ok: false, ..good }, Fault::WrongOwner),
            (PriceSample { feed_matches: false, ..good }, Fault::WrongFeed),
            (PriceSample { fully_verified: false, ..good }, Fault::PartialVerification),
            (PriceSample { publish: NOW + 21, ..good }, Fault::FromTheFuture),
            (PriceSample { price: 0, ..good }, Fault::PriceNotPositive),
            (PriceSample { exponent: -9, ..good }, Fault::ExponentChanged),
            (PriceSample { conf: good.price.unsigned_abs() / 20, ..good }, Fault::ConfidenceTooWide),
            (PriceSample { price: CENT - CENT / 100, conf: 0, ..good }, Fault::OutOfBounds),
            (PriceSample { price: 201 * CENT, ..good }, Fault::OutOfBounds),
        ];
        for (bad, fault) in wrong {
            let mut state = at(10_000);
            assert_eq!((state.accept(&bad, Secs::new(NOW + 10)), state), (Err(fault), at(10_000)));
        }
        let mut state = at(10_000);
        let age = |state: &mut PegState, seconds: i64| state.accept(&good, Secs::new(NOW + 10 + seconds));
        assert_eq!((age(&mut state, 61), state), (Err(Fault::TooOld), at(10_000)));
        assert!(matches!(age(&mut state, 60), Ok(Accepted::Applied { .. })));
        // Not newer: a success without effect, whatever else it says.
        let known = state;
        for old in [good, PriceSample { price: -1, ..good }, sample(10_000, NOW)] {
            assert_eq!((state.accept(&old, Secs::new(NOW + 20)), state), (Ok(Accepted::NoEffect), known));
        }
    }

    /// RULES 4.4, 3.3: IM at once, MM in a day of prices; a silence is worth five minutes, whatever it hid.
    #[test]
    fn maintenance_follows_prices_and_not_the_clock() {
        let mut state = at(9_600);
        assert!(is_near(state.depeg.im, 1_208) && state.depeg.mm.is_zero(), "{state:?}");
        for minute in 1..=60 {
            state.accept(&sample(9_600, NOW + 60 * minute), Secs::new(NOW + 60 * minute)).unwrap();
        }
        assert!(is_near(state.depeg.mm, 50), "{state:?}");
        let (hour, mut quiet) = (state.depeg, state);
        quiet.accept(&sample(9_600, NOW + 80_000), Secs::new(NOW + 80_000)).unwrap();
        let grown = quiet.depeg.mm.raw() - hour.mm.raw();
        assert!(quiet.depeg.im == hour.im && (grown - Ratio::of(1_200, 10_000).raw() * 300 / 86_400).abs() <= 2, "{quiet:?}");
        // The rest of the day.
        for minute in 61..=1_440 {
            state.accept(&sample(9_600, NOW + 60 * minute), Secs::new(NOW + 60 * minute)).unwrap();
        }
        assert!(is_near(state.depeg.mm, 1_200) && state.depeg.mm < state.depeg.im, "{state:?}");
        // Back at 0.985: what remains is 2 %, at once in both.
        state.accept(&sample(9_850, NOW + 86_460), Secs::new(NOW + 86_460)).unwrap();
        assert!(is_near(state.depeg.im, 208) && is_near(state.depeg.mm, 200), "{state:?}");
    }

    proptest! {
        /// A wider interval never lowers a charge and never raises maintenance; MM ≤ IM; a lower price never costs less.
        #[test]
        fn doubt_and_depth_never_help(from in 0..=12_000_i64, price in 100..=11_000_i64, less in 0..=5_000_i64, wide in 0..=3_i64, gap in 1..=100_000_i64) {
            let start = at(from.clamp(100, 11_000));
            let then = NOW + gap;
            let narrow = sample(price, then);
            let with = |price: i64, conf: u64| {
                let mut state = start;
                let taken = state.accept(&PriceSample { price, conf, ..narrow }, Secs::new(then));
                taken.map(|_| state.depeg)
            };
            let base = with(narrow.price, 0).unwrap();
            prop_assert!(base.mm <= base.im);
            let wider = with(narrow.price, narrow.price.unsigned_abs() / 100 * wide.unsigned_abs()).unwrap();
            prop_assert!(wider.im >= base.im && wider.mm == base.mm);
            let lower = with((price - less).max(100) * CENT / 100, 0).unwrap();
            prop_assert!(lower.im >= base.im && lower.mm >= base.mm);
        }
    }
}
