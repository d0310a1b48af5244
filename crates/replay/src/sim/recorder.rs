//! The report's data, from chain state: minutes while the run goes, accounts and ledgers at its end.

use super::market::Marks;
use super::tally::Tally;
use crate::path::MicroUsd;
use crate::report::{AccountRow, EndState, LedgerRow, MintLedger, Minute, PositionRow};
use crate::world::audit::Census;
use crate::world::{Chain, Listed, World};
use plimsoll_sdk::risk::perp::{DeficitRound, PerpMarket};
use plimsoll_sdk::state::{MarginAccount, Market};
use solana_pubkey::Pubkey;

/// An account before the run.
pub struct Entrant {
    /// Margin account.
    pub key: Pubkey,
    /// Name in the report.
    pub label: String,
    /// Equity at the start.
    pub equity: i64,
    /// Gross notional over equity at the start, hundredths.
    pub leverage: i64,
}

/// Minutes recorded so far.
#[derive(Default)]
pub struct Recorder {
    /// In time order.
    pub minutes: Vec<Minute>,
}

impl Recorder {
    /// Records the present state, at most once a minute.
    pub fn record(&mut self, world: &World<impl Chain>, marks: &Marks, census: &Census, keepers: &[Pubkey], tally: &mut Tally) {
        if self.minutes.last().is_some_and(|last| marks.now - last.at < 60) {
            return;
        }
        let healths = || census.members.iter().filter_map(|(_, account)| marks.health(account));
        let (equity, requirement) = healths().fold((0, 0), |(equity, mm), health| (equity + health.equity.raw(), mm + health.mm.raw()));
        let price = |(listed, (_, market)): (&Listed, &(Pubkey, Market))| {
            MicroUsd(market.oracle.price * 10_i64.pow(listed.lot_exponent.unsigned_abs()))
        };
        self.minutes.push(Minute {
            at: marks.now,
            prices: world.markets.iter().zip(&marks.markets).map(price).collect(),
            equity,
            requirement,
            liquidations: std::mem::take(&mut tally.since_record),
            fund: census.funds.iter().map(|(_, fund)| fund.balance).sum(),
            tranches: marks.markets.iter().map(|(_, market)| tranche(&market.perp)).collect(),
            open_interest: marks.markets.iter().map(|(_, market)| market.open_interest().map_or(0, |value| value.raw())).collect(),
            keeper_income: keepers.iter().map(|keeper| tally.income.get(keeper).copied().unwrap_or(0)).collect(),
        });
    }
}

/// What a market's tranche has: tokens and its claim on the pool, which is negative where it owes.
fn tranche(books: &PerpMarket) -> i64 {
    books.tranche_cash + books.tranche_quote
}

/// What nobody has paid and nobody is bound to pay, atoms: deficits that wait for a round, what registering and charging rounds have not yet
/// collected, debts of tranches beyond their tokens, and the negative equity of accounts. A deficit leaves this sum only when tokens or
/// claims have paid it.
pub fn uncovered(census: &Census, marks: &Marks) -> i64 {
    let open = |round: &DeficitRound| (round.deficit - round.collected).max(0);
    let of_market = |market: &Market| {
        let books: &PerpMarket = &market.perp;
        let rounds: i64 = books.rounds.iter().filter(|round| round.id != 0).map(open).sum();
        books.pending_deficit + rounds + (-tranche(books)).max(0)
    };
    let markets: i64 = marks.markets.iter().map(|(_, market)| of_market(market)).sum();
    let accounts: i64 =
        census.members.iter().filter_map(|(_, account)| marks.health(account)).map(|health| (-health.equity.raw()).max(0)).sum();
    markets + accounts
}

/// Every account's row.
pub fn accounts(entrants: &[Entrant], census: &Census, marks: &Marks, tally: &Tally) -> Vec<AccountRow> {
    let row = |entrant: &Entrant| {
        let account = census.members.iter().find(|(key, _)| *key == entrant.key).map(|(_, account)| account);
        let equity_after = account.and_then(|account| marks.health(account)).map_or(0, |health| health.equity.raw());
        AccountRow {
            label: entrant.label.clone(),
            leverage_hundredths: entrant.leverage,
            equity_before: entrant.equity,
            equity_after,
            liquidations: tally.by_account.get(&entrant.key).copied().unwrap_or(0),
            state: account.map_or(EndState::Healthy, |account| state(account, tally.absorbed.contains(&entrant.key), equity_after)),
        }
    };
    entrants.iter().map(row).collect()
}

fn state(account: &MarginAccount, is_absorbed: bool, equity: i64) -> EndState {
    match account.liquidation.state {
        _ if is_absorbed && equity >= 0 => EndState::Resolved,
        0 => EndState::Healthy,
        1 => EndState::Warned,
        2 => EndState::Liquidating,
        3 => EndState::Auction,
        _ => EndState::Bankrupt,
    }
}

fn row(place: &str, atoms: i128) -> LedgerRow {
    LedgerRow { place: place.to_owned(), atoms: i64::try_from(atoms).unwrap_or(i64::MAX) }
}

/// Where every token is: the quote, then the collaterals.
pub fn ledgers(world: &World<impl Chain>, census: &Census) -> Vec<MintLedger> {
    let tokens = census.tokens(world);
    let mut held_for = vec![row("cash of accounts", tokens.cash)];
    for listed in &world.markets {
        let Some((_, market)) = census.markets.iter().find(|(key, _)| *key == listed.keys.market) else { continue };
        held_for.push(row(&format!("PnL pool {}", listed.symbol), market.perp.pool.into()));
        held_for.push(row(&format!("tranche {}", listed.symbol), market.perp.tranche_cash.into()));
        held_for.push(row(&format!("fees {}", listed.symbol), market.perp.fees.into()));
    }
    held_for.push(row("insurance fund", tokens.insurance));
    let vaults = vec![row("quote vault", tokens.vault), row("insurance vault", tokens.insurance_vault)];
    let mut ledgers = vec![MintLedger { mint: "USDC".to_owned(), decimals: 6, vaults, held_for }];
    for (key, collateral) in &census.collaterals {
        let slots = census.members.iter().flat_map(|(_, member)| &member.collaterals).filter(|slot| slot.collateral == *key);
        let held: i128 = slots.map(|slot| i128::from(slot.amount)).sum();
        let vaults = vec![row("collateral vault", world.tokens(&collateral.vault).into())];
        let held_for = vec![row("collateral of accounts", held)];
        ledgers.push(MintLedger { mint: "SOL".to_owned(), decimals: collateral.decimals, vaults, held_for });
    }
    ledgers
}

/// Lots of every market, as the positions' accounts and the market's clearing hold them.
pub fn positions(world: &World<impl Chain>, census: &Census) -> Vec<PositionRow> {
    let row = |listed: &Listed| {
        let lots = || census.positions(&listed.keys.market).map(|position| position.lots);
        let clearing = census.markets.iter().find(|(key, _)| *key == listed.keys.market).map_or(0, |(_, market)| market.perp.clearing_lots);
        PositionRow {
            market: listed.symbol.to_owned(),
            long: lots().filter(|lots| *lots > 0).sum(),
            short: -lots().filter(|lots| *lots < 0).sum::<i64>(),
            clearing,
        }
    };
    world.markets.iter().map(row).collect()
}
