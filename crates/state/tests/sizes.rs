//! Sizes in `docs/accounts.md` are those of the layouts.
#![allow(clippy::arithmetic_side_effects, reason = "tests fail by panicking")]

use plimsoll_state::{AdlRound, Collateral, Exchange, InsuranceFund, MarginAccount, Market, OrderBook, RiskGroup, WithdrawalRequest};

/// 65616 → 65,616.
fn grouped(number: usize) -> String {
    if number < 1_000 {
        number.to_string()
    } else {
        format!("{},{:03}", grouped(number / 1_000), number % 1_000)
    }
}

#[test]
fn the_documented_sizes_are_the_compiled_ones() {
    let document = include_str!("../../../docs/accounts.md");
    let sizes = [
        ("Exchange", Exchange::TAG, Exchange::SPACE),
        ("InsuranceFund", InsuranceFund::TAG, InsuranceFund::SPACE),
        ("Market", Market::TAG, Market::SPACE),
        ("RiskGroup", RiskGroup::TAG, RiskGroup::SPACE),
        ("OrderBook", OrderBook::TAG, OrderBook::SPACE),
        ("Collateral", Collateral::TAG, Collateral::SPACE),
        ("AdlRound", AdlRound::TAG, AdlRound::SPACE),
        ("MarginAccount", MarginAccount::TAG, MarginAccount::SPACE),
        ("WithdrawalRequest", WithdrawalRequest::TAG, WithdrawalRequest::SPACE),
    ];
    for (name, tag, size) in sizes {
        let tag = core::str::from_utf8(tag).unwrap_or_default();
        let row = format!("| `{name}` | `{tag}` | {} |", grouped(size));
        assert!(document.contains(&row), "docs/accounts.md should hold: {row}");
    }
}

/// Offsets as the documents count them, discriminator included.
#[test]
fn the_documented_offsets_are_the_compiled_ones() {
    let document = include_str!("../../../docs/accounts.md");
    let rows = [
        ("identity", core::mem::offset_of!(RiskGroup, exchange)),
        ("parameters", core::mem::offset_of!(RiskGroup, params)),
        ("pairs", core::mem::offset_of!(RiskGroup, correlation)),
        ("rates in force", core::mem::offset_of!(Market, im_rate)),
        ("parameters", core::mem::offset_of!(Market, params)),
        ("oracle", core::mem::offset_of!(Market, oracle_params)),
        ("volatility", core::mem::offset_of!(Market, vol_params)),
        ("funding", core::mem::offset_of!(Market, funding_params)),
        ("perp parameters", core::mem::offset_of!(Market, perp_params)),
        ("liquidation parameters", core::mem::offset_of!(Market, liquidation_params)),
        ("books", core::mem::offset_of!(Market, perp)),
        ("cached terms", core::mem::offset_of!(Market, cache)),
        ("group", core::mem::offset_of!(Market, group)),
        ("pauses", core::mem::offset_of!(Market, reduce_only)),
        ("depth", core::mem::offset_of!(Market, depth_params)),
        ("option parameters", core::mem::offset_of!(Market, option_params)),
        ("depeg", core::mem::offset_of!(Market, depeg)),
        ("expiries", core::mem::offset_of!(Market, expiries)),
        ("money", core::mem::offset_of!(MarginAccount, cash)),
        ("liquidation", core::mem::offset_of!(MarginAccount, liquidation)),
        ("collaterals", core::mem::offset_of!(MarginAccount, collaterals)),
        ("perps", core::mem::offset_of!(MarginAccount, perps)),
        ("orders", core::mem::offset_of!(MarginAccount, orders)),
        ("option legs", core::mem::offset_of!(MarginAccount, options)),
        ("losses", core::mem::offset_of!(MarginAccount, losses)),
        ("loss cap", core::mem::offset_of!(MarginAccount, loss_cap)),
    ];
    for (name, offset) in rows {
        let row = format!("| {name} | {} |", grouped(offset + 8));
        assert!(document.contains(&row), "docs/accounts.md should hold: {row}");
    }
}
