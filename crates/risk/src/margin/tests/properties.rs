//! The properties of RULES 4.5, for every market and leg inside the documented ranges.

use super::super::health::MAX_CASH;
use super::*;

fn any_account(legs: usize) -> impl Strategy<Value = Vec<(MarketRisk, LegInput)>> {
    prop::collection::vec((any_market(), any_leg()), 0..=legs)
}

/// Position and orders only: no balances, no collateral.
fn bare(leg: LegInput) -> LegInput {
    LegInput { quote: Quote::ZERO, collateral_im: Quote::ZERO, collateral_mm: Quote::ZERO, ..leg }
}

/// A leg of halves, so that two of them still fit the bounds.
fn half(leg: LegInput) -> LegInput {
    LegInput {
        lots: Lots::new(leg.lots.raw() / 2),
        bids: Lots::new(leg.bids.raw() / 2),
        asks: Lots::new(leg.asks.raw() / 2),
        quote: Quote::new(leg.quote.raw() / 2),
        bids_value: Quote::new(leg.bids_value.raw() / 2),
        asks_value: Quote::new(leg.asks_value.raw() / 2),
        collateral_im: Quote::new(leg.collateral_im.raw() / 2),
        collateral_mm: Quote::new(leg.collateral_mm.raw() / 2),
    }
}

fn sum(a: LegInput, b: LegInput) -> LegInput {
    LegInput {
        lots: a.lots.add(b.lots).unwrap(),
        bids: a.bids.add(b.bids).unwrap(),
        asks: a.asks.add(b.asks).unwrap(),
        quote: a.quote.add(b.quote).unwrap(),
        bids_value: a.bids_value.add(b.bids_value).unwrap(),
        asks_value: a.asks_value.add(b.asks_value).unwrap(),
        collateral_im: a.collateral_im.add(b.collateral_im).unwrap(),
        collateral_mm: a.collateral_mm.add(b.collateral_mm).unwrap(),
    }
}

proptest! {
    #[test]
    fn initial_covers_target_covers_maintenance_covers_zero(account in any_account(8)) {
        let health = of(Quote::ZERO, &account);
        prop_assert!(health.im >= health.target && health.target >= health.mm && health.mm >= Quote::ZERO);
        prop_assert!(health.equity_trigger >= health.equity);
    }

    /// Changing one leg in a health says what a new health says.
    #[test]
    fn one_leg_can_be_exchanged(account in any_account(8), leg in any_leg(), cash in 0..1i64 << 40, paid in 0..1i64 << 40, pick: usize) {
        let (was, is) = (Quote::new(cash), Quote::new(paid));
        let before = of(was, &account);
        if account.is_empty() {
            prop_assert_eq!(before.with_leg(0, &terms(&major(1)), (was, &leg), (is, &leg)), Err(crate::RiskError::WrongState));
        } else {
            let index = pick % account.len();
            let (market, old) = account[index];
            let mut changed = account.clone();
            changed[index].1 = leg;
            prop_assert_eq!(before.with_leg(index, &terms(&market), (was, &old), (is, &leg)), Ok(of(is, &changed)));
        }
    }

    /// More of the same never needs less.
    #[test]
    fn requirements_are_monotone_in_a_single_leg(risk in any_market(), leg in any_leg(), more in 0..1i64 << 20) {
        let leg = half(bare(leg));
        let away = if leg.lots.is_negative() { -more } else { more };
        let larger = LegInput { lots: Lots::new(leg.lots.raw() + away), ..leg };
        let more_orders = LegInput { bids: Lots::new(leg.bids.raw() + more), bids_value: Quote::new(leg.bids_value.raw() + more * risk.mark.raw()), ..leg };
        let no_orders = |leg: LegInput| LegInput { lots: leg.lots, ..LegInput::default() };
        let (one, two) = (of(Quote::ZERO, &[(risk, no_orders(leg))]), of(Quote::ZERO, &[(risk, no_orders(larger))]));
        prop_assert!(two.im >= one.im && two.target >= one.target && two.mm >= one.mm);
        // Bids against a short reduce it: only bids on top of a long are more of the same.
        let long = |leg: LegInput| LegInput { lots: leg.lots.abs().unwrap(), ..leg };
        let (one, two) = (of(Quote::ZERO, &[(risk, long(leg))]), of(Quote::ZERO, &[(risk, long(more_orders))]));
        prop_assert!(two.im >= one.im && two.mm == one.mm);
    }

    /// A perp against collateral of the same market, up to its value, never raises the scan of either measure.
    #[test]
    fn a_hedge_within_a_market_never_raises_its_scan(risk in any_market(), collateral in 0..1i64 << 55, share in 0..=100i64) {
        let unhedged = LegInput { collateral_im: Quote::new(collateral), collateral_mm: Quote::new(collateral), ..LegInput::default() };
        let hedge = (collateral / risk.mark.raw()).min(1 << 30) * share / 100;
        let hedged = LegInput { lots: Lots::new(-hedge), ..unhedged };
        let (without, with) = (of(Quote::ZERO, &[(risk, unhedged)]), of(Quote::ZERO, &[(risk, hedged)]));
        prop_assert!(with.legs[0].scan_im <= without.legs[0].scan_im);
        prop_assert!(with.legs[0].scan_mm <= without.legs[0].scan_mm);
        prop_assert!(with.legs[0].edge_im <= without.legs[0].edge_im);
    }

    /// Resting orders never lower the initial measure, whichever side they are on.
    #[test]
    fn orders_never_lower_a_requirement(risk in any_market(), leg in any_leg()) {
        let without = LegInput { bids: Lots::ZERO, asks: Lots::ZERO, bids_value: Quote::ZERO, asks_value: Quote::ZERO, ..leg };
        let (with, without) = (of(Quote::ZERO, &[(risk, leg)]), of(Quote::ZERO, &[(risk, without)]));
        prop_assert!(with.im >= without.im && with.equity_im <= without.equity_im);
        prop_assert_eq!((with.target, with.mm, with.equity), (without.target, without.mm, without.equity));
    }

    #[test]
    fn the_order_of_legs_does_not_matter(account in any_account(8), cash in 0..=MAX_CASH) {
        let mut reversed = account.clone();
        reversed.reverse();
        let (one, two) = (of(Quote::new(cash), &account), of(Quote::new(cash), &reversed));
        let totals = |h: &Health| (h.equity, h.equity_im, h.equity_trigger, h.im, h.target, h.mm, h.gross_notional);
        prop_assert_eq!(totals(&one), totals(&two));
        let mut mirrored: Vec<_> = two.legs().to_vec();
        mirrored.reverse();
        prop_assert_eq!(one.legs(), &mirrored[..]);
    }

    /// Two accounts never need less than the one that holds both.
    #[test]
    fn splitting_an_account_never_lowers_the_total(risk in any_market(), a in any_leg(), b in any_leg(), other in any_market(), c in any_leg()) {
        let (a, b) = (half(a), half(b));
        let (first, second) = (of(Quote::ZERO, &[(risk, a), (other, c)]), of(Quote::ZERO, &[(risk, b)]));
        let whole = of(Quote::ZERO, &[(risk, sum(a, b)), (other, c)]);
        for (parts, total) in [
            (first.im.add(second.im), whole.im),
            (first.target.add(second.target), whole.target),
            (first.mm.add(second.mm), whole.mm),
        ] {
            prop_assert!(parts.unwrap() >= total);
        }
        prop_assert_eq!(first.equity.add(second.equity).unwrap(), whole.equity);
    }

    /// A doubtful price never helps (RULES 2.3): wider confidence or a TWAP further away lowers E_im, never touches E.
    #[test]
    fn uncertainty_never_raises_initial_equity(risk in any_market(), leg in any_leg(), wider in 0..1i64 << 30) {
        let doubtful = MarketRisk { confidence: Ratio::new(risk.confidence.raw() + wider), ..risk };
        let (sure, unsure) = (of(Quote::ZERO, &[(risk, leg)]), of(Quote::ZERO, &[(doubtful, leg)]));
        prop_assert!(unsure.equity_im <= sure.equity_im);
        prop_assert_eq!((unsure.equity, unsure.im, unsure.mm), (sure.equity, sure.im, sure.mm));
        prop_assert!(unsure.equity_trigger >= sure.equity_trigger);
    }

    /// Claims count at their weight, losses in full (RULES 1.4).
    #[test]
    fn profit_is_discounted_and_loss_is_not(risk in any_market(), quote in -(1i64 << 58)..1 << 58) {
        let leg = LegInput { quote: Quote::new(quote), ..LegInput::default() };
        let counted = of(Quote::ZERO, &[(risk, leg)]).equity_im;
        let weighted = (i128::from(quote) * i128::from(risk.claim_weight.raw())) >> 30;
        prop_assert_eq!(i128::from(counted.raw()), if quote > 0 { weighted } else { i128::from(quote) });
    }

    /// The reserve of a maker covers every position that its orders can make (RULES 5.3), and the portfolio never needs more for them.
    #[test]
    fn the_reserve_covers_whatever_fills(risk in any_market(), leg in any_leg(), part in 0..=100i64, charges in (0..=300i64, 0..=100i64)) {
        let (leg, terms) = (half(bare(leg)), terms(&risk));
        let im = Ratio::of(charges.0, 100);
        let depeg = Depeg { im, mm: im.mul(Ratio::of(charges.1, 100), Round::Floor).unwrap() };
        let reserve = maker_reserve(&terms, &leg, &depeg).unwrap();
        for fill in [leg.bids.raw() * part / 100, -(leg.asks.raw() * part / 100)] {
            prop_assert!(maker_admits(&terms, leg.lots, Lots::new(fill), reserve, true, &depeg).unwrap());
        }
        let cross = CrossTerms { groups: &[], depeg };
        prop_assert!(reserve >= portfolio(Quote::ZERO, [(&terms, &leg)], &OptionBook::NONE, &cross, None).unwrap().im);
    }
}
