//! Closing a whole market at its final price (RULES 2.5).

use super::side_index::Of;
use super::state::PerpMarket;
use crate::error::RiskResult;
use crate::units::{Lots, Price};

/// Closes every position of both sides at `price` by the side index: each is paid or pays for its own lots at its next touch, to the atom, and is
/// a mere balance from then on. Longs and shorts hold equally many lots, so that nothing is left in clearing when all have been touched. The caller
/// accrues funding first.
///
/// Errors: [`crate::RiskError::StragglersFirst`] while all records of a side are in use: touch positions of the oldest epoch;
/// [`crate::RiskError::PriceOutOfRange`], [`crate::RiskError::Overflow`].
pub fn settle_market(market: &mut PerpMarket, price: Price) -> RiskResult<()> {
    Price::checked(price.raw())?;
    let mut next = *market;
    for of in [Of::Long, Of::Short] {
        let side = next.side_mut(of);
        if side.open_interest > 0 {
            *side = side.after_forced_close(of, Lots::new(side.open_interest), price)?;
        }
        side.restart_if_unheld();
    }
    *market = next;
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::arithmetic_side_effects, clippy::indexing_slicing)]
    use super::*;
    use crate::perp::{adl_close, check_counts, check_raw, sweep_dust, touch, trade, unsettled, PerpParams, Position};
    use crate::units::{Quote, Secs};
    use crate::RiskError;
    use proptest::prelude::*;

    const NOW: Secs = Secs::new(1_760_000_000);

    /// Positions that sum to zero, traded at `price` against the last one.
    fn market_of(lots: &[i64], price: Price) -> (PerpMarket, Vec<Position>, PerpParams) {
        let (mut market, params) = (PerpMarket::default(), PerpParams::default());
        let mut positions = vec![Position::default(); lots.len() + 1];
        for (who, &held) in lots.iter().enumerate().filter(|(_, held)| **held != 0) {
            for (who, signed) in [(who, held), (lots.len(), -held)] {
                let touched = touch(&mut market, &mut positions[who], price, NOW, &params).unwrap();
                trade(&mut market, &mut positions[who], &touched, Lots::new(signed), price).unwrap();
            }
        }
        (market, positions, params)
    }

    proptest! {
        #[test]
        fn closing_a_market_at_its_price_changes_nobodys_value(
            lots in prop::collection::vec(-50_000_i64..50_000, 1..6), entry in 1_000_i64..3_000_000, last in 1_000_i64..3_000_000,
            is_forced in any::<bool>(),
        ) {
            let last = Price::new(last);
            let (mut market, mut positions, params) = market_of(&lots, Price::new(entry));
            // A forced close before leaves an index that is not one.
            if let Some(bankrupt) = positions.iter().position(|position| position.lots.abs() > 1).filter(|_| is_forced) {
                let touched = touch(&mut market, &mut positions[bankrupt], last, NOW, &params).unwrap();
                let size = Lots::new(positions[bankrupt].lots.abs() / 2);
                adl_close(&mut market, &mut positions[bankrupt], &touched, size, last).unwrap();
            }
            let value = |market: &PerpMarket, position: &Position| {
                let (mut market, mut copy) = (*market, *position);
                let _ = touch(&mut market, &mut copy, last, NOW, &params).unwrap();
                unsettled(&copy, last).unwrap().raw()
            };
            let before: Vec<i64> = positions.iter().map(|position| value(&market, position)).collect();
            settle_market(&mut market, last).unwrap();
            prop_assert!((market.long.open_interest, market.short.open_interest) == (0, 0));
            prop_assert!(check_raw(&market, &positions) && check_counts(&market, &positions));
            for (position, before) in positions.iter_mut().zip(before) {
                let _ = touch(&mut market, position, last, NOW, &params).unwrap();
                prop_assert_eq!(position.lots, 0);
                prop_assert!((position.quote - before).abs() <= 2, "{} {before}", position.quote);
                // A final price changes nothing any more, whatever is said to be the mark.
                let _ = touch(&mut market, position, Price::new(1), NOW, &params).unwrap();
                prop_assert_eq!(unsettled(position, Price::new(1)).unwrap(), Quote::new(position.quote));
            }
            prop_assert_eq!(market.clearing_lots, 0);
            prop_assert!(check_raw(&market, &positions) && check_counts(&market, &positions));
        }
    }

    #[test]
    fn an_empty_market_settles_and_its_dust_is_the_tranches() {
        let mut market = PerpMarket::default();
        settle_market(&mut market, Price::new(5)).unwrap();
        assert_eq!(market, PerpMarket::default());
        assert_eq!(settle_market(&mut market, Price::new(0)), Err(RiskError::PriceOutOfRange));
        let (mut held, _, _) = market_of(&[7], Price::new(100));
        settle_market(&mut held, Price::new(90)).unwrap();
        assert_eq!(sweep_dust(&mut held), Err(RiskError::WrongState), "positions wait for their touch");
    }
}
