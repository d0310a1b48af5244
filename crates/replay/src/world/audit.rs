//! Conservation, computed from chain state alone (RULES 1.1, 1.3): where every token and every lot is.

use super::{Chain, World};
use plimsoll_sdk::decode::Account;
use plimsoll_sdk::preview;
use plimsoll_sdk::risk::book::depth::is_book_valid;
use plimsoll_sdk::risk::perp::{check_counts, check_raw, Position};
use plimsoll_sdk::state::engine::Gate;
use plimsoll_sdk::state::{Collateral, Exchange, InsuranceFund, MarginAccount, Market, OrderBook, RiskGroup, WithdrawalRequest};
use plimsoll_sdk::{address, PROGRAM_ID};
use solana_pubkey::Pubkey;

/// Every account of the program.
#[derive(Default)]
pub struct Census {
    /// Markets.
    pub markets: Vec<(Pubkey, Box<Market>)>,
    /// Margin accounts.
    pub members: Vec<(Pubkey, Box<MarginAccount>)>,
    /// Collaterals.
    pub collaterals: Vec<(Pubkey, Box<Collateral>)>,
    /// Order books.
    pub books: Vec<(Pubkey, Box<OrderBook>)>,
    /// Insurance funds.
    pub funds: Vec<(Pubkey, Box<InsuranceFund>)>,
    /// Queued withdrawals.
    pub requests: Vec<(Pubkey, Box<WithdrawalRequest>)>,
    /// Risk groups.
    pub groups: Vec<(Pubkey, Box<RiskGroup>)>,
}

/// So that previews read the same state as the audit.
impl preview::Accounts for Census {
    fn market(&self, key: &Pubkey) -> Option<&Market> {
        at(&self.markets, key)
    }

    fn collateral(&self, key: &Pubkey) -> Option<&Collateral> {
        at(&self.collaterals, key)
    }

    fn group(&self, key: &Pubkey) -> Option<&RiskGroup> {
        at(&self.groups, key)
    }
}

fn at<'a, T>(accounts: &'a [(Pubkey, Box<T>)], key: &Pubkey) -> Option<&'a T> {
    accounts.iter().find(|(own, _)| own == key).map(|(_, account)| &**account)
}

/// Where the quote tokens are, in atoms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tokens {
    /// In the vault.
    pub vault: i128,
    /// In the insurance vault.
    pub insurance_vault: i128,
    /// Σ cash.
    pub cash: i128,
    /// Σ PnL pools.
    pub pools: i128,
    /// Σ tokens of tranches.
    pub tranches: i128,
    /// Σ protocol fees.
    pub fees: i128,
    /// The insurance fund's ledger.
    pub insurance: i128,
}

impl Tokens {
    /// What vaults hold beyond, or short of, what the ledger owes.
    pub fn difference(&self) -> i128 {
        self.vault + self.insurance_vault - self.cash - self.pools - self.tranches - self.fees - self.insurance
    }
}

impl Census {
    /// Reads every account of the program that belongs to the world's exchange.
    pub fn take(world: &World<impl Chain>) -> Self {
        let mut census = Self::default();
        for (key, account) in world.svm.program_accounts(&PROGRAM_ID) {
            match Account::decode(&account.data) {
                Some(Account::Market(market)) => census.markets.push((key, market)),
                Some(Account::MarginAccount(member)) => census.members.push((key, member)),
                Some(Account::Collateral(collateral)) => census.collaterals.push((key, collateral)),
                Some(Account::OrderBook(book)) => census.books.push((key, book)),
                Some(Account::InsuranceFund(fund)) => census.funds.push((key, fund)),
                Some(Account::WithdrawalRequest(request)) => census.requests.push((key, request)),
                Some(Account::RiskGroup(group)) => census.groups.push((key, group)),
                Some(Account::Exchange(_) | Account::AdlRound(_)) | None => {}
            }
        }
        // A chain lists accounts in no particular order; whoever acts on this list shall do the same in every run.
        census.members.sort_unstable_by_key(|(key, _)| *key);
        census.markets.sort_unstable_by_key(|(_, market)| market.index);
        census.books.sort_unstable_by_key(|(key, _)| *key);
        let exchange = world.exchange;
        census.markets.retain(|(_, market)| market.exchange == exchange);
        census.members.retain(|(_, member)| member.exchange == exchange);
        census.collaterals.retain(|(_, collateral)| collateral.exchange == exchange);
        census.funds.retain(|(_, fund)| fund.exchange == exchange);
        census.requests.retain(|(_, request)| request.exchange == exchange);
        census.groups.retain(|(_, group)| group.exchange == exchange);
        let is_ours = |book: &Pubkey| census.markets.iter().any(|(_, market)| market.book == *book);
        census.books.retain(|(key, _)| is_ours(key));
        census
    }

    /// Positions in one market.
    pub fn positions<'a>(&'a self, market: &'a Pubkey) -> impl Iterator<Item = &'a Position> + 'a {
        self.members.iter().flat_map(|(_, member)| &member.perps).filter(move |slot| slot.market == *market).map(|slot| &*slot.position)
    }

    /// Where the quote tokens are.
    pub fn tokens(&self, world: &World<impl Chain>) -> Tokens {
        let of = |total: i64| i128::from(total);
        Tokens {
            vault: world.tokens(&address::vault(&world.exchange)).into(),
            insurance_vault: world.tokens(&address::insurance_vault(&world.exchange)).into(),
            cash: self.members.iter().map(|(_, member)| of(member.cash)).sum(),
            pools: self.markets.iter().map(|(_, market)| of(market.perp.pool)).sum(),
            tranches: self.markets.iter().map(|(_, market)| of(market.perp.tranche_cash)).sum(),
            fees: self.markets.iter().map(|(_, market)| of(market.perp.fees)).sum(),
            insurance: self.funds.iter().map(|(_, fund)| of(fund.balance)).sum(),
        }
    }

    /// Σ lots with those in clearing, over all markets, as a magnitude: zero when every long has its short.
    pub fn position_difference(&self) -> i128 {
        let of = |(key, market): &(Pubkey, Box<Market>)| {
            let held: i128 = self.positions(key).map(|position| i128::from(position.lots)).sum();
            (held + i128::from(market.perp.clearing_lots)).abs()
        };
        self.markets.iter().map(of).sum()
    }
}

/// Every law that must hold after every transaction; the broken ones in words.
pub fn violations(world: &World<impl Chain>) -> Vec<String> {
    let census = Census::take(world);
    let mut broken = Vec::new();
    let tokens = census.tokens(world);
    if tokens.difference() != 0 {
        broken.push(format!("RULES 1.1: quote tokens differ by {}: {tokens:?}", tokens.difference()));
    }
    for (key, collateral) in &census.collaterals {
        let slots = census.members.iter().flat_map(|(_, member)| &member.collaterals).filter(|slot| slot.collateral == *key);
        let held: i128 = slots.map(|slot| i128::from(slot.amount)).sum();
        let vault = i128::from(world.tokens(&collateral.vault));
        if held != i128::from(collateral.total) || held != vault {
            broken.push(format!("RULES 1.1: collateral {key}: accounts {held}, ledger {}, vault {vault}", collateral.total));
        }
    }
    for (key, market) in &census.markets {
        if !check_raw(&market.perp, census.positions(key)) {
            broken.push(format!("RULES 1.3: unsettled values of market {} do not sum to its pool, or lots to zero", market.index));
        }
        if !check_counts(&market.perp, census.positions(key)) {
            broken.push(format!("open interest or counters of market {} disagree with its positions", market.index));
        }
        if market.invariant().is_err() {
            broken.push(format!("market {} breaks its own law", market.index));
        }
    }
    for (key, member) in &census.members {
        if member.invariant().is_err() {
            broken.push(format!("RULES 1.2: margin account {key} breaks its own law"));
        }
        let requests = census.requests.iter().filter(|(_, request)| request.margin_account == *key).count();
        if requests != member.requests as usize {
            broken.push(format!("margin account {key} counts {} withdrawal requests of {requests}", member.requests));
        }
        broken.extend(order_totals(key, member));
    }
    let quote: Option<Exchange> = world.read(&world.exchange);
    broken.extend(quote.and_then(|exchange| queue_law(None, &exchange.outflow, &census)));
    broken.extend(census.collaterals.iter().filter_map(|(key, collateral)| queue_law(Some(*key), &collateral.outflow, &census)));
    broken.extend(group_laws(&census));
    broken.extend(census.books.iter().filter_map(|(key, book)| book_law(key, book, &census)));
    broken
}

/// RULES 1.6: a queue knows each of its requests, and of no less than what they wait for.
fn queue_law(collateral: Option<Pubkey>, gate: &Gate, census: &Census) -> Option<String> {
    let of = |request: &&(Pubkey, Box<WithdrawalRequest>)| request.1.collateral == collateral.unwrap_or_default();
    let requests: Vec<_> = census.requests.iter().filter(of).map(|(_, request)| *request.request).collect();
    let waiting: i128 = requests.iter().map(|request| gate.queue.remaining(request).map_or(0, |left| i128::from(left.raw()))).sum();
    let is_right = requests.len() == gate.queue.open as usize && waiting <= i128::from(gate.queue.waiting);
    (!is_right).then(|| format!("queue of {collateral:?}: {} requests wait for {waiting}, it knows of {:?}", requests.len(), *gate.queue))
}

/// A market and its group name each other, once (RULES 4.3).
fn group_laws(census: &Census) -> Vec<String> {
    let mut broken = Vec::new();
    for (key, group) in &census.groups {
        let belongs = |market: &Pubkey| census.markets.iter().any(|(other, own)| other == market && own.group == *key);
        if group.invariant().is_err() || !group.members().iter().all(belongs) {
            broken.push(format!("RULES 4.3: group {} breaks its own law, or a market of it is not its", group.number));
        }
    }
    for (key, market) in census.markets.iter().filter(|(_, market)| market.group != Pubkey::default()) {
        let places = census.groups.iter().flat_map(|(_, group)| group.members()).filter(|member| *member == key).count();
        if places != 1 || !census.groups.iter().any(|(group, _)| *group == market.group) {
            broken.push(format!("RULES 4.3: market {} stands in {places} places of groups", market.index));
        }
    }
    broken
}

/// Lots and values resting on a position must be those of the account's orders.
fn order_totals(key: &Pubkey, member: &MarginAccount) -> Option<String> {
    let is_right = member.perps.iter().enumerate().all(|(index, slot)| {
        let of_slot = || member.orders.iter().filter(move |order| order.is_used() && usize::from(order.slot) == index);
        let lots = |side: u8| of_slot().filter(|order| order.side == side).map(|order| i64::from(order.lots)).sum::<i64>();
        let value = |side: u8| {
            of_slot().filter(|order| order.side == side).map(|order| i64::from(order.lots) * i64::from(order.price)).sum::<i64>()
        };
        let position = &slot.position;
        lots(0) == position.bids && lots(1) == position.asks && value(0) == position.bids_value && value(1) == position.asks_value
    });
    (!is_right).then(|| format!("margin account {key}: totals of resting orders disagree with its orders"))
}

/// A book is sorted, uncrossed, and every live order belongs to an account that lists it or has cancelled it.
fn book_law(key: &Pubkey, book: &OrderBook, census: &Census) -> Option<String> {
    use plimsoll_sdk::risk::book::Side;
    let is_settling = census.markets.iter().any(|(market, listed)| *market == book.market && listed.oracle.is_settling());
    let (header, bids) = book.side(Side::Bid);
    let (_, asks) = book.side(Side::Ask);
    if !matches!(is_book_valid(header, bids, asks), Ok(true)) {
        return Some(format!("book {key} is not sorted or is crossed"));
    }
    // The orders of a settling market are void, whatever its book says.
    for side in [Side::Bid, Side::Ask].into_iter().filter(|_| !is_settling) {
        let (header, orders) = book.side(side);
        for order in header.live(side, orders).unwrap_or(&[]) {
            let owner = Pubkey::new_from_array(order.owner.to_bytes());
            let Some((_, member)) = census.members.iter().find(|(member, _)| *member == owner) else { continue };
            let slot = member.perps.iter().position(|slot| slot.market == book.market);
            if member.generation == order.generation && !slot.is_some_and(|slot| member.lists_order(slot, order.id)) {
                return Some(format!("book {key}: order {} of {owner} is live but not listed by its account", order.id));
            }
        }
    }
    None
}
