//! What a delegate's fills may cost an account in a day (RULES 5.2).
//!
//! A fill gives away what it is worse than the mark, its fee included; what it is better gives room back, as far as the sliding window of
//! [`crate::limits`] counts it. What the mark does later is the position's risk, which margin bounds. Hence a delegate that deals with a friend at the edge of
//! the price band, or churns for fees, costs at most the cap in any 24 hours, and one that makes markets lives on its spread.

use crate::error::{RiskError, RiskResult};
use crate::limits::{check, Window, DAY_SLOT};
use crate::units::{Atoms, Lots, Price, Quote, Secs};
use bytemuck::{Pod, Zeroable};

const _: () = assert!(core::mem::size_of::<LossCap>() == 224 && core::mem::align_of::<LossCap>() == 8);

/// The owner's limit, and what was given away under it. All zero allows no loss.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct LossCap {
    /// Most that fills may give away in 24 hours, net, quote atoms ≥ 0.
    cap: Quote,
    /// By two hours: given away, and gained.
    day: Window,
}

/// What a fill of `change` lots for `value` (Σ lots × price, ≥ 0) and `fee` gives away against `mark`; negative where it gains.
///
/// Errors: [`RiskError::Overflow`].
pub fn given_away(change: Lots, value: Quote, mark: Price, fee: Quote) -> RiskResult<Quote> {
    let worth = change.abs()?.at(mark)?;
    let paid_over = if change.raw() < 0 { worth.sub(value)? } else { value.sub(worth)? };
    paid_over.add(fee)
}

impl LossCap {
    /// The cap in force.
    pub fn cap(&self) -> Quote {
        self.cap
    }

    /// Changes the cap; what was given away today still counts.
    ///
    /// Errors: [`RiskError::QuantityOutOfRange`] for a cap that is negative or above [`crate::limits::MAX_AMOUNT`].
    pub fn set(&mut self, cap: Quote) -> RiskResult<()> {
        check(Atoms::new(cap.raw()))?;
        self.cap = cap;
        Ok(())
    }

    /// What fills may still give away at `now`, never negative. Errors: [`RiskError::Overflow`].
    pub fn left(&self, now: Secs) -> RiskResult<Quote> {
        let mut day = self.day;
        day.roll(now.raw() / DAY_SLOT)?;
        Ok(self.cap.sub(Quote::new(day.net()?))?.positive_part())
    }

    /// Counts a fill that gives `amount` away, or gains it where negative.
    ///
    /// Errors, with nothing changed: [`RiskError::LimitExceeded`] when less than that is left; [`RiskError::Overflow`].
    pub fn record(&mut self, amount: Quote, now: Secs) -> RiskResult<()> {
        if amount.is_positive() && amount > self.left(now)? {
            return Err(RiskError::LimitExceeded);
        }
        let mut day = self.day;
        let number = (now.raw() / DAY_SLOT).max(day.head());
        day.roll(number)?;
        let (out, inward) = day.slot(number)?;
        let (lane, size) = if amount.is_positive() { (out, amount) } else { (inward, amount.neg()?) };
        *lane = lane.checked_add(size.raw()).ok_or(RiskError::Overflow)?;
        self.day = day;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::arithmetic_side_effects)]
    use super::*;
    use proptest::prelude::*;

    const START: i64 = 1_760_054_400; // a whole slot
    const USD: i64 = 1_000_000;

    fn at(second: i64) -> Secs {
        Secs::new(START + second)
    }

    fn capped(cap: i64) -> LossCap {
        let mut cap_of = LossCap::zeroed();
        cap_of.set(Quote::new(cap)).unwrap();
        cap_of
    }

    /// Both sides, both signs: 100 lots at $2.02 and $1.98 beside a mark of $2.00, 5 cents of fee.
    #[test]
    fn a_fill_gives_away_what_it_is_worse_than_the_mark() {
        let of = |lots: i64, price: i64, fee: i64| {
            let value = Lots::new(lots.abs()).at(Price::new(price)).unwrap();
            given_away(Lots::new(lots), value, Price::new(2 * USD), Quote::new(fee)).unwrap().raw()
        };
        assert_eq!(of(100, 2_020_000, 50_000), 2_050_000);
        assert_eq!(of(-100, 2_020_000, 50_000), -1_950_000);
        assert_eq!(of(-100, 1_980_000, 0), 2_000_000);
        assert_eq!(of(100, 1_980_000, 0), -2_000_000);
    }

    #[test]
    fn the_cap_holds_to_the_atom_for_a_day() {
        let mut cap = capped(100 * USD);
        cap.record(Quote::new(60 * USD), at(0)).unwrap();
        let before = cap;
        assert_eq!(cap.record(Quote::new(40 * USD + 1), at(100)), Err(RiskError::LimitExceeded));
        assert_eq!(cap, before, "what is refused changes nothing");
        cap.record(Quote::new(40 * USD), at(100)).unwrap();
        assert_eq!(cap.left(at(86_399)), Ok(Quote::ZERO));
        assert_eq!(cap.record(Quote::new(1), at(86_399)), Err(RiskError::LimitExceeded));
        assert_eq!(cap.left(at(86_400 + 7_200)), Ok(Quote::new(100 * USD)));
        // A fill that costs nothing is no matter of the cap, not even of a cap of zero.
        cap.set(Quote::ZERO).unwrap();
        cap.record(Quote::ZERO, at(100)).unwrap();
        assert_eq!(cap.set(Quote::new(-1)), Err(RiskError::QuantityOutOfRange));
    }

    /// A lower cap counts what is gone already, so that changing it back and forth frees nothing.
    #[test]
    fn changing_the_cap_forgets_nothing() {
        let mut cap = capped(100 * USD);
        cap.record(Quote::new(90 * USD), at(0)).unwrap();
        cap.set(Quote::new(50 * USD)).unwrap();
        assert_eq!(cap.left(at(10)), Ok(Quote::ZERO));
        cap.set(Quote::new(100 * USD)).unwrap();
        assert_eq!((cap.left(at(20)), cap.cap()), (Ok(Quote::new(10 * USD)), Quote::new(100 * USD)));
    }

    #[test]
    fn gains_give_room_back() {
        let mut cap = capped(100 * USD);
        cap.record(Quote::new(100 * USD), at(0)).unwrap();
        cap.record(Quote::new(-30 * USD), at(1)).unwrap();
        assert_eq!(cap.left(at(2)), Ok(Quote::new(30 * USD)));
    }

    proptest! {
        /// No 24 hours cost more than the cap, net of the gains within them, wherever they begin.
        #[test]
        fn no_day_costs_more_than_the_cap(steps in prop::collection::vec((0_i64..20_000, -40 * USD..60 * USD), 1..80)) {
            let mut cap = capped(100 * USD);
            let (mut second, mut fills) = (0, vec![]);
            for (wait, amount) in steps {
                second += wait;
                if cap.record(Quote::new(amount), at(second)).is_err() {
                    continue;
                }
                fills.push((second, amount));
                let net: i64 = fills.iter().filter(|&&(time, _)| time > second - 86_400).map(|&(_, amount)| amount).sum();
                prop_assert!(amount <= 0 || net <= 100 * USD, "{net}");
            }
        }
    }
}
