//! What a replay hands to its report.

use anyhow::{ensure, Result};
use serde::{Deserialize, Serialize};

use crate::path::MicroUsd;

/// Everything a report shows. Amounts of money are USDC atoms (1e-6 USDC) unless a field says otherwise; times are Unix seconds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReportData {
    /// Heading, such as "10 October 2025: SOL, BTC and ETH".
    pub title: String,
    /// Seed of the path and of the traders.
    pub seed: u64,
    /// Where prices came from, in one sentence ([`crate::path::History::headline`]).
    pub source: String,
    /// Further things a reader must know: interpolation, scaling, fallbacks, attributions.
    pub notes: Vec<String>,
    /// Names of the markets, in the order of every per-market list.
    pub markets: Vec<String>,
    /// Names of the keepers, in the order of every per-keeper list.
    pub keepers: Vec<String>,
    /// State at the end of each minute, in time order.
    pub minutes: Vec<Minute>,
    /// Every margin account.
    pub accounts: Vec<AccountRow>,
    /// Where every token is at the end, per mint; the quote mint first.
    pub ledgers: Vec<MintLedger>,
    /// Lots of each market at the end.
    pub positions: Vec<PositionRow>,
    /// The totals, also printed as the JSON line.
    pub totals: Totals,
}

/// The system at the end of one minute.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Minute {
    /// Time of the state.
    pub at: i64,
    /// Accepted oracle price of each market.
    pub prices: Vec<MicroUsd>,
    /// Σ equity over all accounts.
    pub equity: i64,
    /// Σ maintenance requirement over all accounts.
    pub requirement: i64,
    /// Liquidations executed in this minute.
    pub liquidations: u64,
    /// Balance of the insurance fund.
    pub fund: i64,
    /// Balance of each market's tranche; a tranche may owe.
    pub tranches: Vec<i64>,
    /// Open interest of each market at its price, one side.
    pub open_interest: Vec<i64>,
    /// Income of each keeper since the start.
    pub keeper_income: Vec<i64>,
}

/// State of an account at the end (RULES 6.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndState {
    /// Equity at or above the exit target.
    Healthy,
    /// Equity below the exit target.
    Warned,
    /// Equity below maintenance margin.
    Liquidating,
    /// Slices on offer.
    Auction,
    /// Nothing left to sell against a loss.
    Bankrupt,
    /// The loss was paid or spread; the account is empty.
    Resolved,
}

impl EndState {
    /// Lower-case name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Warned => "warned",
            Self::Liquidating => "liquidating",
            Self::Auction => "auction",
            Self::Bankrupt => "bankrupt",
            Self::Resolved => "resolved",
        }
    }
}

/// One margin account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountRow {
    /// Short name, such as "trader 017".
    pub label: String,
    /// Gross notional over equity at the start, in hundredths (1250 is 12.5×); 0 without positions.
    pub leverage_hundredths: i64,
    /// Equity at the start.
    pub equity_before: i64,
    /// Equity at the end.
    pub equity_after: i64,
    /// Liquidations of this account.
    pub liquidations: u64,
    /// State at the end.
    pub state: EndState,
}

impl AccountRow {
    /// Whether the account's loss was more than it had.
    pub fn is_bankrupt(&self) -> bool {
        matches!(self.state, EndState::Bankrupt | EndState::Resolved)
    }
}

/// A place that holds or owes tokens of one mint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerRow {
    /// What the place is, such as "PnL pool SOL".
    pub place: String,
    /// Atoms of the mint, exact.
    pub atoms: i64,
}

/// Where every token of one mint is (RULES 1.1): what the vaults hold, and what it is held for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MintLedger {
    /// Symbol, such as "USDC".
    pub mint: String,
    /// Decimal places of the mint, at most 18.
    pub decimals: u8,
    /// Token accounts of the exchange, with their balances on chain.
    pub vaults: Vec<LedgerRow>,
    /// Cash, collateral, pools, insurance, fees, tranche cash and so on, summed over the chain's accounts.
    pub held_for: Vec<LedgerRow>,
}

impl MintLedger {
    /// Σ vaults, in atoms.
    pub fn held(&self) -> i128 {
        self.vaults.iter().map(|row| i128::from(row.atoms)).sum()
    }

    /// Σ vaults − Σ claims on them, in atoms; zero when every token is accounted for.
    pub fn difference(&self) -> i128 {
        self.held() - self.held_for.iter().map(|row| i128::from(row.atoms)).sum::<i128>()
    }
}

/// Lots of one market: long and short must cancel, the transit account included.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PositionRow {
    /// Name of the market.
    pub market: String,
    /// Σ lots of the accounts that are long.
    pub long: i64,
    /// Σ lots of the accounts that are short, as a positive number.
    pub short: i64,
    /// Lots of the market's clearing account and tranche, signed.
    pub clearing: i64,
}

impl PositionRow {
    /// Σ lots; zero when the market balances.
    pub fn difference(&self) -> i128 {
        i128::from(self.long) - i128::from(self.short) + i128::from(self.clearing)
    }
}

/// The totals of a run. Field order is the key order of the JSON line.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Totals {
    /// Signed transactions executed.
    pub transactions: u64,
    /// Margin accounts.
    pub accounts: u64,
    /// Liquidations executed.
    pub liquidations: u64,
    /// Liquidations a keeper tried too late.
    pub lost_races: u64,
    /// Paid to keepers, atoms.
    pub keeper_income: i64,
    /// Paid by the insurance fund for bankrupt accounts after their markets' tranches, atoms.
    pub insurance_paid: i64,
    /// Legs of bankrupt accounts closed against the opposite side by auto-deleveraging.
    pub adl_events: u64,
    /// Taken from claims to cover deficits, atoms.
    pub claims_cut: i64,
    /// Deficits nobody has covered, atoms; must be zero.
    pub bad_debt_uncovered: i64,
    /// Σ over mints of |vaults − claims|, atoms; must be zero.
    pub token_difference: u64,
    /// Σ over markets of |lots|, lots; must be zero.
    pub position_difference: u64,
    /// Wall-clock time of the run in seconds.
    pub seconds: f64,
    /// Which compiler made the program, such as "cargo build-sbf" or "debian llvm".
    pub compiler: String,
}

impl Totals {
    /// The totals as one line of JSON with the keys in the order of the fields.
    pub fn json_line(&self) -> Result<String> {
        Ok(serde_json::to_string(self)?)
    }
}

impl ReportData {
    /// Fails when the data contradict themselves: lists of the wrong length, time running backwards, totals that differ from the rows
    /// they sum. A conservation difference is not a contradiction: it is shown.
    pub fn check(&self) -> Result<()> {
        let (markets, keepers) = (self.markets.len(), self.keepers.len());
        for minute in &self.minutes {
            let of_markets = [minute.prices.len(), minute.tranches.len(), minute.open_interest.len()];
            ensure!(of_markets == [markets; 3], "the minute at {} has {of_markets:?} values for {markets} markets", minute.at);
            let incomes = minute.keeper_income.len();
            ensure!(incomes == keepers, "the minute at {} has {incomes} incomes for {keepers} keepers", minute.at);
        }
        let ordered = self.minutes.windows(2).all(|pair| matches!(pair, [one, two] if one.at < two.at));
        ensure!(ordered, "the minutes are not in time order");
        let totals = &self.totals;
        let same = |what: &str, total: i128, rows: i128| -> Result<()> {
            ensure!(total == rows, "the total of {what} is {total}, but its rows add up to {rows}");
            Ok(())
        };
        same("accounts", totals.accounts.into(), i128::try_from(self.accounts.len())?)?;
        same("liquidations", totals.liquidations.into(), self.minutes.iter().map(|minute| i128::from(minute.liquidations)).sum())?;
        let income = self.minutes.last().map_or(0, |minute| minute.keeper_income.iter().copied().map(i128::from).sum());
        same("keeper income", totals.keeper_income.into(), income)?;
        let tokens = self.ledgers.iter().map(|ledger| ledger.difference().abs()).sum();
        same("token differences", totals.token_difference.into(), tokens)?;
        let lots = self.positions.iter().map(|row| row.difference().abs()).sum();
        same("position differences", totals.position_difference.into(), lots)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn the_json_line_has_exactly_the_agreed_keys_in_order() {
        let line = sample::data().totals.json_line().unwrap();
        let keys = [
            "transactions",
            "accounts",
            "liquidations",
            "lost_races",
            "keeper_income",
            "insurance_paid",
            "adl_events",
            "claims_cut",
            "bad_debt_uncovered",
            "token_difference",
            "position_difference",
            "seconds",
            "compiler",
        ];
        let places: Vec<_> = keys.iter().map(|key| line.find(&format!("\"{key}\":")).unwrap()).collect();
        assert!(places.is_sorted() && !line.contains('\n'), "{line}");
        let parsed: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&line).unwrap();
        assert_eq!(parsed.len(), keys.len());
        assert_eq!(parsed["token_difference"], 0);
    }

    #[test]
    fn data_survive_a_round_trip() {
        let data = sample::data();
        let text = serde_json::to_string(&data).unwrap();
        assert_eq!(serde_json::from_str::<ReportData>(&text).unwrap(), data);
    }

    #[test]
    fn contradictions_are_refused() {
        assert!(sample::data().check().is_ok());
        type Spoil = fn(&mut ReportData);
        let broken: [(&str, Spoil); 7] = [
            ("accounts", |data| data.totals.accounts += 1),
            ("liquidations", |data| data.minutes[3].liquidations += 1),
            ("keeper income", |data| data.totals.keeper_income -= 1),
            ("token differences", |data| data.ledgers[0].vaults[0].atoms += 1),
            ("position differences", |data| data.positions[1].long += 1),
            ("time order", |data| data.minutes.swap(4, 5)),
            ("3 markets", |data| data.minutes[9].prices.truncate(2)),
        ];
        for (expected, spoil) in broken {
            let mut data = sample::data();
            spoil(&mut data);
            let error = data.check().unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
