//! A made-up run for the tests of the report: a day with one fall, in which the totals really are the sums of the rows.

use super::{AccountRow, EndState, LedgerRow, MintLedger, Minute, PositionRow, ReportData, Totals};
use crate::path::{built_in, walk, WALK_NOTE};

const USDC: i64 = 1_000_000;

fn row(place: &str, atoms: i64) -> LedgerRow {
    LedgerRow { place: place.to_owned(), atoms }
}

fn minutes() -> Vec<Minute> {
    let ticks = walk(&built_in().unwrap(), 60, 5).unwrap();
    let start = ticks[0].prices;
    let mut income = [0_i64; 3];
    let mut fund = 400_000 * USDC;
    let minute = |(index, tick): (usize, &crate::path::Tick)| {
        let number = i64::try_from(index).unwrap();
        let down = (start[0].0 - tick.prices[0].0).max(0) * 1_000 / start[0].0;
        let liquidations = if down > 120 && number < 700 { (down - 110) / 12 + number % 3 } else { 0 };
        for (keeper, share) in income.iter_mut().zip([5, 3, 2]) {
            *keeper += liquidations * share * 7 * USDC;
        }
        fund -= if down > 200 { 900 * USDC } else { 0 };
        Minute {
            at: tick.at,
            prices: tick.prices.to_vec(),
            equity: (9_000_000 - down * 9_000) * USDC,
            requirement: (3_100_000 + down * 5_000 - number * 900) * USDC,
            liquidations: liquidations.try_into().unwrap(),
            fund,
            tranches: vec![(20_000 - down * 90) * USDC, (40_000 + number * 4) * USDC, (30_000 - down * 20) * USDC],
            open_interest: tick
                .prices
                .iter()
                .zip([90_000, 220, 6_000])
                .map(|(price, coins)| price.0 * coins * (2_000 - number) / 2_000)
                .collect(),
            keeper_income: income.to_vec(),
        }
    };
    ticks.iter().enumerate().map(minute).collect()
}

fn accounts() -> Vec<AccountRow> {
    let account = |number: i64| {
        let leverage_hundredths = 100 + number * 37 % 1_800;
        let equity_before = (200 + number * number * 7 % 90_000) * USDC;
        let loss = leverage_hundredths * (5 + number % 5) / 90;
        let equity_after = equity_before * (100 - loss).max(0) / 100;
        let (liquidations, state) = match loss {
            100.. => (4, EndState::Resolved),
            80.. => (2, EndState::Healthy),
            75.. => (1, EndState::Warned),
            _ => (0, EndState::Healthy),
        };
        AccountRow { label: format!("trader {number:03}"), leverage_hundredths, equity_before, equity_after, liquidations, state }
    };
    (1..=320).map(account).collect()
}

/// The sample.
pub(super) fn data() -> ReportData {
    let (minutes, accounts) = (minutes(), accounts());
    let held_for = vec![
        row("cash of accounts", 6_214_553_128_407),
        row("PnL pool SOL", 812_400_000_113),
        row("PnL pool BTC", 655_021_900_004),
        row("PnL pool ETH", 401_777_000_871),
        row("insurance fund", 312_004_119_950),
        row("tranche cash", 71_210_000_000),
        row("fees", 9_812_345_678),
        row("dust", 3),
    ];
    let quote = MintLedger {
        mint: "USDC".to_owned(),
        decimals: 6,
        vaults: vec![row("quote vault", held_for.iter().map(|row| row.atoms).sum())],
        held_for,
    };
    let sol = MintLedger {
        mint: "SOL".to_owned(),
        decimals: 9,
        vaults: vec![row("collateral vault", 1_200_000_000_007)],
        held_for: vec![row("collateral of accounts", 1_200_000_000_007)],
    };
    let lots = |market: &str, lots, clearing| PositionRow { market: market.to_owned(), long: lots, short: lots + clearing, clearing };
    let totals = Totals {
        transactions: 48_211,
        accounts: accounts.len().try_into().unwrap(),
        liquidations: minutes.iter().map(|minute| minute.liquidations).sum(),
        lost_races: 417,
        keeper_income: minutes.last().unwrap().keeper_income.iter().sum(),
        insurance_paid: 91_800 * USDC,
        adl_events: 12,
        claims_cut: 1_250_750_000,
        bad_debt_uncovered: 0,
        token_difference: 0,
        position_difference: 0,
        seconds: 61.24,
        compiler: "cargo build-sbf".to_owned(),
    };
    let history = built_in().unwrap();
    ReportData {
        title: "Plimsoll replay: 10 October 2025, SOL, BTC and ETH".to_owned(),
        seed: 5,
        source: history.headline(),
        notes: history
            .notes
            .into_iter()
            .chain([WALK_NOTE.to_owned(), "Escaping: <script>alert(\"no\")</script> & co.".to_owned()])
            .collect(),
        markets: ["SOL", "BTC", "ETH"].map(str::to_owned).to_vec(),
        keepers: ["fast", "steady", "slow"].map(str::to_owned).to_vec(),
        minutes,
        accounts,
        ledgers: vec![quote, sol],
        positions: vec![lots("SOL", 88_120, -12), lots("BTC", 21_004, 0), lots("ETH", 60_331, 4)],
        totals,
    }
}
