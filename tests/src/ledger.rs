//! Balances rebuilt from the program's events alone (DESIGN 5), compared with its accounts.

use anchor_lang::{AnchorDeserialize, Discriminator};
use anyhow::{bail, ensure, Context, Result};
use plimsoll_replay::world::audit::Census;
use plimsoll_replay::world::World;
use plimsoll_sdk::events::{
    AdlCandidateRegistered, AdlExecuted, AdlRoundOpened, Balance, Books, CollateralSold, DeficitAbsorbed, Deleveraged, EstateSettled, Fill,
    Flagged, FundDeposited, Header, Liquidated, Moved, RoundAdvanced, Settled, SettlingBegan, Touched, Traded, Transferred,
    WithdrawalChanged, EVENT_SCHEMA,
};
use solana_pubkey::Pubkey;
use std::collections::BTreeMap;

/// What the events say everybody has.
#[derive(Clone, Default)]
pub struct Ledger {
    quote: Pubkey,
    cash: BTreeMap<Pubkey, i64>,
    /// Lots and quote balance by account and market.
    positions: BTreeMap<(Pubkey, Pubkey), (i64, i64)>,
    /// Token atoms by account and mint.
    collateral: BTreeMap<(Pubkey, Pubkey), i64>,
    books: BTreeMap<Pubkey, Books>,
    fund: i64,
    /// How often each kind of event was read.
    pub seen: BTreeMap<&'static str, u64>,
}

macro_rules! read {
    ($ledger:ident, $bytes:ident, $($event:ident),*) => {
        $(if let Some(mut body) = $bytes.strip_prefix($event::DISCRIMINATOR) {
            let event = $event::deserialize(&mut body).with_context(|| format!("the body of {}", stringify!($event)))?;
            ensure!(body.is_empty(), "{} has bytes left", stringify!($event));
            ensure!(event.header.schema == EVENT_SCHEMA && event.header.time > 0 && event.header.slot > 0, "{:?}", event.header);
            *$ledger.seen.entry(stringify!($event)).or_default() += 1;
            return event.apply($ledger).with_context(|| stringify!($event));
        })*
    };
}

/// One kind of event.
trait Apply {
    fn apply(&self, ledger: &mut Ledger) -> Result<()>;
}

impl Ledger {
    /// An empty ledger of a clearing house whose cash is `quote`.
    pub fn new(quote: Pubkey) -> Self {
        Self { quote, ..Self::default() }
    }

    /// Reads what the world has kept of events since the last time.
    pub fn follow(&mut self, world: &mut World) -> Result<()> {
        for event in world.journal.replace(Vec::new()).unwrap_or_default() {
            self.read(&event)?;
        }
        Ok(())
    }

    /// Reads one event. Errors: an unknown one, and one whose change is not that from the balance before to the balance after.
    pub fn read(&mut self, bytes: &[u8]) -> Result<()> {
        let ledger = self;
        read!(
            ledger,
            bytes,
            Transferred,
            Traded,
            Settled,
            EstateSettled,
            CollateralSold,
            Flagged,
            Liquidated,
            Deleveraged,
            AdlRoundOpened,
            AdlCandidateRegistered,
            AdlExecuted,
            DeficitAbsorbed,
            Touched,
            RoundAdvanced,
            FundDeposited,
            WithdrawalChanged,
            SettlingBegan
        );
        bail!("an event nobody knows: {bytes:?}")
    }

    fn balance(&self, account: Pubkey, market: Pubkey) -> Balance {
        let (lots, quote) = self.positions.get(&(account, market)).copied().unwrap_or_default();
        Balance { cash: self.cash.get(&account).copied().unwrap_or(0), lots, quote }
    }

    fn set(&mut self, account: Pubkey, market: Pubkey, balance: &Balance) {
        self.cash.insert(account, balance.cash);
        self.positions.insert((account, market), (balance.lots, balance.quote));
    }

    /// The balance after, which must be the one before and what moved, and `lots` bought at `value` less `fees`: cash and quote balance together.
    fn change(&mut self, account: Pubkey, market: Pubkey, moved: Option<Moved>, lots: i64, paid: i64, after: &Balance) -> Result<()> {
        let before = self.balance(account, market);
        let moved = moved.unwrap_or_default();
        ensure!(
            after.lots == before.lots + moved.closed_lots + lots,
            "lots of {account}: {before:?} and {moved:?} and {lots} are not {after:?}"
        );
        let gained = moved.funding + moved.closed_quote - moved.charge - moved.carry - paid;
        let sum = |balance: &Balance| balance.cash + balance.quote;
        ensure!(sum(after) == sum(&before) + gained, "money of {account}: {before:?} and {gained} are not {after:?}");
        self.set(account, market, after);
        Ok(())
    }

    /// The makers of `fills`, each after the other; lots bought by the taker and what they cost.
    fn fills(&mut self, market: Pubkey, fills: &[Fill]) -> Result<(i64, i64)> {
        for fill in fills {
            self.change(fill.maker, market, fill.moved, -fill.lots, -fill.lots * fill.price + fill.fee, &fill.balance).context("maker")?;
        }
        Ok((fills.iter().map(|fill| fill.lots).sum(), fills.iter().map(|fill| fill.lots * fill.price).sum()))
    }

    /// What differs between these balances and the accounts, in words.
    pub fn differences(&self, world: &World) -> Vec<String> {
        let census = Census::take(world);
        let mut found = Vec::new();
        for (key, member) in &census.members {
            if self.cash.get(key).copied().unwrap_or(0) != member.cash {
                found.push(format!("cash of {key}: {:?} by events, {}", self.cash.get(key), member.cash));
            }
            for (market, _) in &census.markets {
                let held = member.perps.iter().find(|slot| slot.market == *market).map(|slot| (slot.position.lots, slot.position.quote));
                let told = self.positions.get(&(*key, *market)).copied().unwrap_or_default();
                if held.unwrap_or_default() != told {
                    found.push(format!("position of {key} in {market}: {told:?} by events, {held:?}"));
                }
            }
            for (listing, collateral) in &census.collaterals {
                let held = member.collaterals.iter().find(|slot| slot.collateral == *listing).map_or(0, |slot| slot.amount);
                let told = self.collateral.get(&(*key, collateral.mint)).copied().unwrap_or(0);
                if held != told {
                    found.push(format!("collateral of {key}: {told} by events, {held}"));
                }
            }
        }
        for (key, market) in &census.markets {
            let perp = &market.perp;
            let held = Books { pool: perp.pool, tranche_cash: perp.tranche_cash, tranche_quote: perp.tranche_quote, fees: perp.fees };
            let told = self.books.get(key).copied().unwrap_or_default();
            if told != held {
                found.push(format!("market {}: {told:?} by events, {held:?}", market.index));
            }
        }
        let fund: i64 = census.funds.iter().map(|(_, fund)| fund.balance).sum();
        if fund != self.fund {
            found.push(format!("fund: {} by events, {fund}", self.fund));
        }
        found
    }
}

fn place(header: &Header) -> (Pubkey, Pubkey) {
    (header.account, header.market)
}

impl Apply for WithdrawalChanged {
    /// A place in the queue is no balance; what is paid is told as a transfer.
    fn apply(&self, _: &mut Ledger) -> Result<()> {
        ensure!(self.paid >= 0 && self.waiting >= 0 && self.granted >= 0, "{} {} {}", self.paid, self.waiting, self.granted);
        Ok(())
    }
}

impl Apply for SettlingBegan {
    /// Positions follow at their next touch.
    fn apply(&self, _: &mut Ledger) -> Result<()> {
        ensure!(self.price > 0, "a final price of {}", self.price);
        Ok(())
    }
}

impl Apply for Transferred {
    fn apply(&self, ledger: &mut Ledger) -> Result<()> {
        let (account, market) = place(&self.header);
        let balance = if account == Pubkey::default() {
            &mut ledger.books.entry(market).or_default().fees
        } else if self.mint == ledger.quote {
            ledger.cash.entry(account).or_default()
        } else {
            ledger.collateral.entry((account, self.mint)).or_default()
        };
        ensure!(*balance + self.amount == self.balance, "{balance} and {} are not {}", self.amount, self.balance);
        *balance = self.balance;
        Ok(())
    }
}

impl Apply for Traded {
    fn apply(&self, ledger: &mut Ledger) -> Result<()> {
        let (account, market) = place(&self.header);
        let (lots, value) = ledger.fills(market, &self.fills)?;
        ledger.books.insert(market, self.books);
        ledger.change(account, market, self.moved, lots, value + self.fee, &self.balance)
    }
}

impl Apply for Settled {
    fn apply(&self, ledger: &mut Ledger) -> Result<()> {
        let (account, market) = place(&self.header);
        ensure!(ledger.balance(account, market).cash + self.amount == self.balance.cash, "{} is not what reached the cash", self.amount);
        ledger.books.insert(market, self.books);
        ledger.change(account, market, self.moved, 0, 0, &self.balance)
    }
}

impl Apply for EstateSettled {
    fn apply(&self, ledger: &mut Ledger) -> Result<()> {
        for part in &self.parts {
            ensure!(ledger.balance(self.header.account, part.market).cash + part.amount == part.balance.cash, "{part:?}");
            ledger.set(self.header.account, part.market, &part.balance);
            ledger.books.insert(part.market, part.books);
        }
        Ok(())
    }
}

impl Apply for CollateralSold {
    fn apply(&self, ledger: &mut Ledger) -> Result<()> {
        for (account, [cash, held], way) in [(self.header.account, self.seller, 1), (self.buyer, self.bought, -1)] {
            let before = ledger.cash.insert(account, cash).unwrap_or(0);
            ensure!(before + way * self.cost == cash, "cash of {account}");
            let before = ledger.collateral.insert((account, self.mint), held).unwrap_or(0);
            ensure!(before - way * self.amount == held, "collateral of {account}");
        }
        Ok(())
    }
}

impl Apply for Liquidated {
    fn apply(&self, ledger: &mut Ledger) -> Result<()> {
        let (account, market) = place(&self.header);
        let (lots, value) = ledger.fills(market, &self.fills)?;
        ensure!(lots == -self.book_lots, "{lots} in fills, {} closed", self.book_lots);
        let paid = value - self.taken_lots * self.price + self.keeper_income + self.insurance_income;
        ledger.change(account, market, self.moved, lots - self.taken_lots, paid, &self.balance)?;
        ledger.books.insert(market, self.books);
        let paid = self.taken_lots * self.price - self.keeper_income;
        let after = &self.liquidator_balance;
        ledger.change(self.liquidator, market, self.liquidator_moved, self.taken_lots, paid, after).context("liquidator")
    }
}

impl Apply for Deleveraged {
    fn apply(&self, ledger: &mut Ledger) -> Result<()> {
        let (account, market) = place(&self.header);
        ledger.books.insert(market, self.books);
        ledger.change(account, market, self.moved, -self.lots, -self.lots * self.price, &self.balance)
    }
}

/// Moves nothing; whoever reads it can check what it says.
impl Apply for Flagged {
    fn apply(&self, _: &mut Ledger) -> Result<()> {
        let [equity, trigger] = self.equity;
        ensure!(equity <= trigger && trigger < self.requirement, "no shortfall: {:?} {}", self.equity, self.requirement);
        ensure!([1, 2, 4].contains(&self.state) && self.price > 0, "state {} at {}", self.state, self.price);
        Ok(())
    }
}

impl Apply for AdlRoundOpened {
    fn apply(&self, ledger: &mut Ledger) -> Result<()> {
        let (account, market) = place(&self.header);
        ledger.books.insert(market, self.books);
        ledger.change(account, market, self.moved, 0, 0, &self.balance)
    }
}

impl Apply for AdlCandidateRegistered {
    fn apply(&self, ledger: &mut Ledger) -> Result<()> {
        let (keeper, market) = place(&self.header);
        let before = ledger.cash.insert(keeper, self.keeper_cash).unwrap_or(0);
        ensure!(before + self.reward == self.keeper_cash, "reward");
        ledger.books.insert(market, self.books);
        Ok(())
    }
}

impl Apply for AdlExecuted {
    fn apply(&self, ledger: &mut Ledger) -> Result<()> {
        let (account, market) = place(&self.header);
        let way = self.lots.signum();
        for cut in &self.cuts {
            ledger.change(cut.account, market, cut.moved, way * cut.closed, way * cut.closed * self.price, &cut.balance)?;
        }
        let closed: i64 = self.cuts.iter().map(|cut| way * cut.closed).sum();
        ledger.books.insert(market, self.books);
        ledger.change(account, market, self.moved, -closed, -closed * self.price, &self.balance)
    }
}

impl Apply for DeficitAbsorbed {
    fn apply(&self, ledger: &mut Ledger) -> Result<()> {
        for part in &self.parts {
            ledger.set(self.header.account, part.market, &part.balance);
            ledger.books.insert(part.market, part.books);
        }
        let paid: i64 = self.parts.iter().map(|part| part.fund).sum();
        ensure!(ledger.fund - paid == self.fund_balance, "fund");
        ledger.fund = self.fund_balance;
        Ok(())
    }
}

impl Apply for Touched {
    fn apply(&self, ledger: &mut Ledger) -> Result<()> {
        let (account, market) = place(&self.header);
        ledger.books.insert(market, self.books);
        ledger.change(account, market, self.moved, 0, 0, &self.balance)?;
        if self.keeper != Pubkey::default() {
            let before = ledger.cash.insert(self.keeper, self.keeper_cash).unwrap_or(0);
            ensure!(before + self.reward == self.keeper_cash, "reward");
        }
        Ok(())
    }
}

impl Apply for RoundAdvanced {
    fn apply(&self, ledger: &mut Ledger) -> Result<()> {
        ledger.books.insert(self.header.market, self.books);
        Ok(())
    }
}

impl Apply for FundDeposited {
    fn apply(&self, ledger: &mut Ledger) -> Result<()> {
        ensure!(ledger.fund + self.amount == self.balance, "fund");
        ledger.fund = self.balance;
        Ok(())
    }
}
