//! The slow, obvious evaluation: every scenario of RULES 4.1 for both ends of the orders, in exact integers, then RULES 4.2 as written.

use super::*;

/// Loss of `delta` in every scenario, numerators over 2⁶² (move over 4 × 2³⁰, weight over 2³⁰), dampened. Gains are zero.
fn scenario_losses(delta: i128, range: Ratio) -> [i128; SCENARIOS] {
    GRID.map(|row| {
        let quarters = match row.spot {
            SpotMove::Quarters(quarters) => i128::from(quarters) * i128::from(range.raw()),
            SpotMove::Tail(shock) => 4 * i128::from(shock.raw()),
        };
        (-delta * quarters * i128::from(row.weight.raw())).max(0)
    })
}

/// Scan of RULES 4.2 over 2⁹² for a set of possible net deltas, each with what it loses at once.
fn scan(ends: &[(i128, i128)], range: Ratio, factor: Ratio, linear: Ratio) -> i128 {
    let grid = ends
        .iter()
        .flat_map(|(delta, loss)| scenario_losses(*delta, range).map(|scenario| scenario * i128::from(factor.raw()) + (loss << 92)));
    let straight = ends.iter().map(|(delta, loss)| ((delta.abs() * i128::from(linear.raw())) << 62) + (loss << 92));
    grid.max().unwrap().min(straight.max().unwrap())
}

/// The scaled-down operands of this module keep the exact numerators inside 128 bits.
fn small_leg() -> impl Strategy<Value = LegInput> {
    let lots = (-1000i64..=1000, 0..=1000i64, 0..=1000i64);
    (lots, (0..=1i64 << 21, 0..=1i64 << 21), (0..=1i64 << 21, 0..=1i64 << 21)).prop_map(|(lots, values, collateral)| LegInput {
        lots: Lots::new(lots.0),
        bids: Lots::new(lots.1),
        asks: Lots::new(lots.2),
        bids_value: Quote::new(values.0),
        asks_value: Quote::new(values.1),
        quote: Quote::ZERO,
        collateral_im: Quote::new(collateral.0),
        collateral_mm: Quote::new(collateral.1),
    })
}

proptest! {
    /// The two-rate reduction is the minimum of RULES 4.2 over all 33 scenarios, rounded up to the next atom.
    #[test]
    fn the_scan_is_that_of_all_scenarios(mut risk in any_market(), leg in small_leg(), mark in 1..1000i64) {
        risk.mark = Price::new(mark);
        let (lots, mark) = (i128::from(leg.lots.raw()), i128::from(mark));
        let long = lots + i128::from(leg.bids.raw());
        let short = lots - i128::from(leg.asks.raw());
        let collateral = i128::from(leg.collateral_im.raw());
        let bought = (i128::from(leg.bids_value.raw()) - i128::from(leg.bids.raw()) * mark).max(0);
        let sold = (i128::from(leg.asks.raw()) * mark - i128::from(leg.asks_value.raw())).max(0);
        let ends = [(long * mark + collateral, bought), (short * mark + collateral, sold)];
        let exact_im = scan(&ends, risk.spot_range, Ratio::ONE, risk.im_rate);
        let now = [(lots * mark + i128::from(leg.collateral_mm.raw()), 0)];
        let exact_mm = scan(&now, risk.spot_range, MM_GRID_FACTOR, risk.mm_rate);

        let computed = of(Quote::ZERO, &[(risk, leg)]).legs[0];
        for (computed, exact) in [(computed.scan_im, exact_im), (computed.scan_mm, exact_mm)] {
            let excess = (i128::from(computed.raw()) << 92) - exact;
            prop_assert!((0..(1i128 << 92) + (1i128 << 86)).contains(&excess), "{computed:?} against {exact}");
        }
    }

    /// The reported row is one in which the leg really loses most.
    #[test]
    fn the_worst_scenario_is_the_worst(risk in any_market(), lots in -1000i64..=1000) {
        let leg = LegInput { lots: Lots::new(lots), ..LegInput::default() };
        let delta = i128::from(lots) * i128::from(risk.mark.raw());
        let losses = scenario_losses(delta, risk.spot_range);
        let row = usize::from(of(Quote::ZERO, &[(risk, leg)]).legs[0].worst_scenario);
        prop_assert_eq!(losses[row - 1], *losses.iter().max().unwrap());
    }
}

#[test]
fn the_grid_has_seventeen_spot_moves() {
    let mut moves: Vec<i64> = GRID
        .iter()
        .map(|row| match row.spot {
            SpotMove::Quarters(quarters) => i64::from(quarters) * Ratio::of(18, 400).raw(),
            SpotMove::Tail(shock) => shock.raw(),
        })
        .collect();
    moves.sort_unstable();
    moves.dedup();
    assert_eq!((GRID.len(), moves.len()), (33, 17));
}
