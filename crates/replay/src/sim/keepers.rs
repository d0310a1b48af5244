//! Three competing keepers, and a desk that buys the collateral they have no cash for. Each decides on its own copies of the accounts, which are older than the chain, and sends; who comes too late has
//! lost a race.

use super::makers::lots_in;
use super::market::Marks;
use super::population::{Draw, USD};
use super::tally::Tally;
use super::traders::market_order;
use crate::world::audit::Census;
use crate::world::{Chain, Member, World};
use anyhow::Result;
use plimsoll_sdk::build::{self, ConvertCollateralArgs, LiquidateArgs, Portfolio};
use plimsoll_sdk::preview::{self, Accounts as _};
use plimsoll_sdk::risk::book::Side;
use plimsoll_sdk::risk::liquidation::AccountState;
use plimsoll_sdk::risk::margin::Health;
use plimsoll_sdk::risk::oracle;
use plimsoll_sdk::state::MarginAccount;
use solana_pubkey::Pubkey;
use solana_signer::Signer;
use std::collections::BTreeMap;
use std::rc::Rc;

/// How a keeper is equipped.
#[derive(Clone, Copy, Debug)]
pub struct KeeperStyle {
    /// Name.
    pub name: &'static str,
    /// Cash, atoms.
    pub cash: i64,
    /// It sees accounts as they were this many steps before its last refresh.
    pub lag: usize,
    /// Steps between refreshes of its copies.
    pub period: usize,
    /// Least delay from decision to chain, ms.
    pub delay: u64,
    /// Random part of the delay, ms.
    pub jitter: u64,
    /// It only buys collateral: the others run out of cash in a crash, and an account whose collateral nobody buys cannot be resolved (RULES 1.3).
    pub is_desk: bool,
}

/// What a keeper would do with an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Close a slice of the leg in this market.
    Slice(Pubkey),
    /// Have the account judged: its first failing sample, its bankruptcy, or its recovery.
    Judge(Pubkey),
    /// Buy its collateral.
    Convert,
}

/// A call on its way.
struct Intent {
    arrives: u64,
    keeper: usize,
    target: Pubkey,
    sequence: u64,
    portfolio: Portfolio,
    action: Action,
}

/// When an account needs to be looked at again: after this step, or once a price has moved so far.
struct Watch {
    /// The account as it was: any change of it ends the watch.
    sequence: u64,
    prices: Vec<i64>,
    /// Thousandths of the price.
    margin: i64,
    until: usize,
}

struct Keeper {
    style: KeeperStyle,
    member: Member,
    view: Rc<Census>,
    /// Copies newer than the view: accounts this keeper has just worked on.
    own: BTreeMap<Pubkey, MarginAccount>,
    watched: BTreeMap<Pubkey, Watch>,
    /// Accounts on which a call was in vain, and the step from which they are tried again.
    resting: BTreeMap<Pubkey, usize>,
    draw: Draw,
}

/// All keepers.
pub struct Keepers {
    keepers: Vec<Keeper>,
    history: Vec<Rc<Census>>,
}

/// An account without equity is not bankrupt while it has so much to sell (RULES 6.1).
const BANKRUPT_VALUE: i64 = 50 * USD;
/// Steps of history kept for views.
const HISTORY: usize = 4;
/// An account far from its requirement is looked at again after so many steps at latest.
const RECHECK: usize = 30;
/// Steps for which a keeper leaves an account alone after a call in vain.
const REST: usize = 5;
/// Tolerance of a call around the price the decision was made at, in thousandths.
const TOLERANCE: i64 = 10;
/// Part of its spare equity that a keeper commits to one slice, percent.
const COMMITMENT: i64 = 40;

impl Keepers {
    /// Joins the world.
    pub fn join(world: &mut World<impl Chain>, styles: &[KeeperStyle], seed: u64) -> Result<Self> {
        let mut keepers = Vec::new();
        for (style, stream) in styles.iter().zip(2_000..) {
            let cash = style.cash.unsigned_abs();
            let member = world.join(cash, cash)?;
            keepers.push(Keeper {
                style: *style,
                member,
                view: Rc::new(Census::default()),
                own: BTreeMap::new(),
                watched: BTreeMap::new(),
                resting: BTreeMap::new(),
                draw: Draw::new(seed, stream),
            });
        }
        Ok(Self { keepers, history: Vec::new() })
    }

    /// Names in order.
    pub fn names(&self) -> Vec<String> {
        self.keepers.iter().map(|keeper| keeper.style.name.to_owned()).collect()
    }

    /// Margin accounts in order.
    pub fn accounts(&self) -> Vec<Pubkey> {
        self.keepers.iter().map(|keeper| keeper.member.account).collect()
    }

    /// One step: look at the copies that are due, decide, send in the order of arrival, and sell stock.
    pub fn act(
        &mut self,
        world: &mut World<impl Chain>,
        marks: &Marks,
        census: &Rc<Census>,
        step: usize,
        makers: &[Pubkey],
        tally: &mut Tally,
    ) {
        self.history.push(Rc::clone(census));
        if self.history.len() > HISTORY {
            self.history.remove(0);
        }
        let mut intents = Vec::new();
        for (number, keeper) in self.keepers.iter_mut().enumerate() {
            keeper.refresh(&self.history, step);
            keeper.decide(number, marks, step, &mut intents);
        }
        intents.sort_by_key(|intent| (intent.arrives, intent.keeper));
        for intent in intents {
            if let Some(keeper) = self.keepers.get_mut(intent.keeper) {
                keeper.send(world, marks, &intent, step, makers, tally);
            }
        }
        for keeper in &self.keepers {
            keeper.sell_stock(world, marks, makers, tally);
        }
    }
}

impl Keeper {
    fn refresh(&mut self, history: &[Rc<Census>], step: usize) {
        if step.is_multiple_of(self.style.period) {
            let index = history.len().saturating_sub(1 + self.style.lag);
            self.view = Rc::clone(&history[index]);
            self.own.clear();
        }
    }

    fn decide(&mut self, number: usize, marks: &Marks, step: usize, intents: &mut Vec<Intent>) {
        let view = Rc::clone(&self.view);
        let mut arrives = self.style.delay + self.draw.below(self.style.jitter);
        for (key, stale) in &view.members {
            let account = self.own.get(key).unwrap_or(stale);
            let is_resting = self.resting.get(key).is_some_and(|until| step < *until);
            if is_resting
                || *key == self.member.account
                || self.watched.get(key).is_some_and(|watch| watch.is_quiet(account.sequence, marks, step))
            {
                continue;
            }
            let Some(health) = marks.health(account) else { continue };
            let mut actions = choose(account, &health, &Collateral::of(account, marks), marks);
            actions.retain(|action| !self.style.is_desk || *action == Action::Convert);
            if actions.is_empty() {
                self.watched.insert(*key, Watch::of(account.sequence, &health, marks, step));
            } else {
                self.watched.remove(key);
            }
            for action in actions {
                let portfolio = portfolio_of(account, marks);
                intents.push(Intent { arrives, keeper: number, target: *key, sequence: account.sequence, portfolio, action });
                // One transaction after the other.
                arrives += 20 + self.draw.below(20);
            }
        }
    }

    fn send(&mut self, world: &mut World<impl Chain>, marks: &Marks, intent: &Intent, step: usize, makers: &[Pubkey], tally: &mut Tally) {
        let own = world.member(&self.member.account);
        let portfolio = intent.portfolio.clone().and(&world.portfolio(&self.member.account));
        let instruction = match intent.action {
            Action::Slice(market) | Action::Judge(market) => {
                let Some(index) = marks.index(&market) else { return };
                let price = marks.price(index);
                let (min_price, max_price) = (price - price * TOLERANCE / 1_000, price + price * TOLERANCE / 1_000);
                let max_lots = if matches!(intent.action, Action::Slice(_)) { capacity(&own, marks, index) } else { 0 };
                let is_slice = matches!(intent.action, Action::Slice(_));
                if !self.expects(&intent.target, &market, marks, is_slice, max_lots) {
                    return;
                }
                let args = LiquidateArgs { max_lots, min_price, max_price };
                let keys = world.markets[index].keys;
                let others: Vec<_> = makers.iter().copied().filter(|key| *key != intent.target).collect();
                build::liquidate(self.member.owner.pubkey(), self.member.account, intent.target, keys, args, &portfolio, &others)
            }
            Action::Convert => {
                let Some((key, collateral)) = marks.collaterals.first() else { return };
                let price =
                    marks.markets.iter().find(|(market, _)| *market == collateral.market).map_or(1, |(_, market)| market.oracle.price);
                // Half of the keeper's cash at most: the rest is margin.
                let max_amount = (own.cash / 2 / price).saturating_mul(collateral.atoms_per_lot).max(1);
                let args = ConvertCollateralArgs { max_amount, max_cost: own.cash.max(1) };
                let (owner, account) = (self.member.owner.pubkey(), self.member.account);
                build::convert_collateral(owner, account, intent.target, *key, collateral.market, args, &portfolio)
            }
        };
        let is_changed = world.member(&intent.target).sequence != intent.sequence;
        let is_slice = matches!(intent.action, Action::Slice(_));
        let is_done = match world.send(&[instruction], &[&self.member.owner]) {
            Ok(sent) => tally.note(&sent) || !is_slice,
            Err(refused) => {
                tally.refuse(intent.action.name(), refused.code);
                false
            }
        };
        // The chain had moved on since the copy was made, and nothing was left of what the keeper saw.
        if is_slice && !is_done && is_changed {
            tally.lost_races += 1;
        }
        // Refused although nothing had changed: the same call would be refused again until prices, makers or the keeper's stock have moved.
        if !is_done && !is_changed {
            self.resting.insert(intent.target, step + REST);
        }
        self.own.insert(intent.target, world.member(&intent.target));
    }

    /// Whether a call has an effect, as this keeper sees account and book: a new state, or lots that are offered now and somebody to take them.
    fn expects(&self, target: &Pubkey, market: &Pubkey, marks: &Marks, is_slice: bool, capacity: i64) -> bool {
        let seen = self.own.get(target).or_else(|| self.view.members.iter().find(|(key, _)| key == target).map(|(_, account)| &**account));
        let Some(account) = seen else { return false };
        let Ok(Some(slice)) = preview::slice(account, market, marks, marks.now) else { return false };
        if slice.is_news {
            return true;
        }
        if !is_slice || !slice.offered.is_positive() {
            return false;
        }
        let side = if lots_in(account, market) > 0 { Side::Bid } else { Side::Ask };
        let book = self.view.books.iter().find(|(_, book)| book.market == *market).map(|(_, book)| book);
        let best = book.and_then(|book| {
            let (header, orders) = book.side(side);
            header.live(side, orders).ok()?.last().map(|order| order.limit())
        });
        let has_bid = best.is_some_and(|price| if side == Side::Bid { price >= slice.limit } else { price <= slice.limit });
        // Once no order is good enough the take-over is open to whoever has the capital.
        has_bid || capacity > 0
    }

    /// Sells what was taken over to whoever bids near the oracle.
    fn sell_stock(&self, world: &mut World<impl Chain>, marks: &Marks, makers: &[Pubkey], tally: &mut Tally) {
        for market in 0..marks.markets.len() {
            let keys = world.markets[market].keys;
            let lots = lots_in(&world.member(&self.member.account), &keys.market);
            if lots == 0 {
                continue;
            }
            let order = market_order(lots < 0, marks.price(market), lots.abs(), true);
            let portfolio = world.portfolio(&self.member.account);
            let place = build::place_order(self.member.owner.pubkey(), self.member.account, keys, order, &portfolio, makers);
            if let Err(refused) = world.send(&[place], &[&self.member.owner]) {
                tally.refuse("keeper sells", refused.code);
            }
        }
    }
}

impl Action {
    fn name(self) -> &'static str {
        match self {
            Self::Slice(_) => "liquidate",
            Self::Judge(_) => "judge",
            Self::Convert => "convert",
        }
    }
}

impl Watch {
    /// Half of the relative move that would bring the account to its maintenance margin must pass first.
    fn of(sequence: u64, health: &Health, marks: &Marks, step: usize) -> Self {
        let spare = health.equity.raw().min(health.equity_trigger.raw()) - health.mm.raw();
        // Collateral moves too: it is counted as if the whole equity did.
        let exposed = health.gross_notional.raw() + health.equity.raw().max(0);
        let margin = if exposed > 0 { (spare.max(0) / 2).saturating_mul(1_000) / exposed } else { 1_000 };
        let prices = marks.markets.iter().map(|(_, market)| market.oracle.price).collect();
        Self { sequence, prices, margin, until: step + if margin > 20 { RECHECK } else { margin.unsigned_abs() as usize } }
    }

    fn is_quiet(&self, sequence: u64, marks: &Marks, step: usize) -> bool {
        let moved = |(index, then): (usize, &i64)| (marks.price(index) - then).abs() * 1_000 / then.max(&1);
        sequence == self.sequence && step < self.until && self.prices.iter().enumerate().map(moved).all(|moved| moved < self.margin)
    }
}

/// An account's collateral as a buyer sees it.
pub struct Collateral {
    /// Value at maintenance weight, atoms.
    pub value: i64,
    /// Whether prices are calm enough for a sale.
    pub is_sale_open: bool,
}

impl Collateral {
    fn of(account: &MarginAccount, marks: &Marks) -> Self {
        let legs = plimsoll_sdk::preview::Reading::of(account, marks, marks.now).map(|reading| reading.legs).unwrap_or_default();
        let value = legs.iter().map(|leg| leg.input.collateral_mm.raw()).sum();
        let indices = marks.collaterals.iter().filter_map(|(_, collateral)| marks.index(&collateral.market));
        Self { value, is_sale_open: indices.into_iter().all(|index| marks.allows(index, oracle::Action::ConvertCollateral)) }
    }
}

/// What a check of the account reads, as far as the keeper's own copies tell.
fn portfolio_of(account: &MarginAccount, marks: &Marks) -> Portfolio {
    let group_of = |key: &Pubkey| marks.market(key).map(|market| market.group).unwrap_or_default();
    Portfolio::of(account).with_groups(group_of)
}

/// Lots a keeper can take over and still stand above its own exit target, with a reserve.
fn capacity(own: &MarginAccount, marks: &Marks, market: usize) -> i64 {
    let Some(health) = marks.health(own) else { return 0 };
    let spare = (health.equity.raw() - health.target.raw()).max(0) / 100 * COMMITMENT;
    let market = &marks.markets[market].1;
    // Requirement and exit margin of one lot, at least a twentieth of its price.
    let share = i128::from(market.mm_rate.max(1 << 25)) + i128::from(market.params.target_extra);
    let need = (i128::from(market.oracle.price) * share) >> 30;
    i64::try_from(i128::from(spare) / need.max(1)).unwrap_or(0).min(1 << 30)
}

/// What to do with an account as a keeper sees it: nothing while it stands, a judgement where only its state has to follow, else a slice of
/// every leg, and a purchase of its collateral where its losses exceed its cash.
pub fn choose(account: &MarginAccount, health: &Health, collateral: &Collateral, marks: &Marks) -> Vec<Action> {
    let legs: Vec<_> = account.perps.iter().filter(|slot| slot.is_used()).collect();
    let Some(any) = legs.first().map(|slot| slot.market) else { return Vec::new() };
    let (equity, trigger, mm) = (health.equity.raw(), health.equity_trigger.raw(), health.mm.raw());
    let state = AccountState::try_from(account.liquidation.state).unwrap_or_default();
    let losses: i64 = legs.iter().map(|slot| unsettled(slot, marks).min(0)).sum();
    let can_convert = collateral.value > 0 && collateral.is_sale_open && -losses > account.cash;
    let mut actions = Vec::new();
    if equity < 0 || (equity == 0 && mm > 0) {
        if collateral.value >= BANKRUPT_VALUE {
            actions.extend(can_convert.then_some(Action::Convert));
        } else if state != AccountState::Bankrupt {
            actions.push(Action::Judge(any));
        }
        return actions;
    }
    let is_flagged = matches!(state, AccountState::Liquidating | AccountState::Bankrupt);
    if is_flagged && equity >= health.target.raw() {
        return vec![Action::Judge(any)];
    }
    if !is_flagged && trigger >= mm {
        return actions;
    }
    let since_first = marks.now - account.liquidation.first_fail_publish;
    if !is_flagged && trigger * 2 >= mm && since_first > 60 {
        return vec![Action::Judge(any)];
    }
    if can_convert {
        actions.push(Action::Convert);
    }
    actions.extend(legs.iter().filter(|slot| slot.position.lots != 0).map(|slot| Action::Slice(slot.market)));
    actions
}

fn unsettled(slot: &plimsoll_sdk::state::PerpSlot, marks: &Marks) -> i64 {
    let price = marks.index(&slot.market).map_or(0, |index| marks.price(index));
    slot.position.lots * price + slot.position.quote
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytemuck::Zeroable;
    use plimsoll_sdk::risk::Quote;
    use plimsoll_sdk::state::Market;

    const NONE: Collateral = Collateral { value: 0, is_sale_open: true };

    fn key(number: u8) -> Pubkey {
        Pubkey::new_from_array([number; 32])
    }

    /// Two markets at $2 and $4 a lot.
    fn marks() -> Marks {
        let market = |number: u8| {
            let mut market = Market::zeroed();
            market.oracle.price = i64::from(number) * 2 * USD;
            (key(number), market)
        };
        Marks { markets: vec![market(1), market(2)], collaterals: Vec::new(), groups: Vec::new(), now: 1_000 }
    }

    /// Long 100 lots of the first market, short 10 of the second, both entered at the marks; in `state`, first seen failing 30 s ago.
    fn account(state: AccountState) -> MarginAccount {
        let mut account = MarginAccount::zeroed();
        for (slot, number, lots) in [(0, 1, 100), (1, 2, -10)] {
            account.perps[slot].market = key(number);
            account.perps[slot].position.lots = lots;
            account.perps[slot].position.quote = -lots * i64::from(number) * 2 * USD;
        }
        account.liquidation.state = state.raw();
        account.liquidation.first_fail_publish = 970;
        account
    }

    /// Equity (which is also the trigger's) against a requirement of $10 and a target of $12.
    fn health(equity: i64) -> Health {
        let equity = Quote::new(equity * USD);
        Health { equity, equity_trigger: equity, mm: Quote::new(10 * USD), target: Quote::new(12 * USD), ..Health::default() }
    }

    #[test]
    fn nothing_is_done_while_an_account_stands() {
        assert_eq!(choose(&account(AccountState::Healthy), &health(10), &NONE, &marks()), []);
        assert_eq!(choose(&MarginAccount::zeroed(), &health(-5), &NONE, &marks()), []);
    }

    #[test]
    fn a_failing_account_is_sampled_first_and_then_sliced_leg_by_leg() {
        let slices = [Action::Slice(key(1)), Action::Slice(key(2))];
        let mut unseen = account(AccountState::Healthy);
        assert_eq!(choose(&unseen, &health(9), &NONE, &marks()), slices, "its first failing sample is 30 s old");
        unseen.liquidation.first_fail_publish = 0;
        assert_eq!(choose(&unseen, &health(9), &NONE, &marks()), [Action::Judge(key(1))]);
        assert_eq!(choose(&unseen, &health(4), &NONE, &marks()), slices, "below half of its requirement one sample is enough");
    }

    #[test]
    fn a_liquidation_goes_on_to_the_target_and_is_then_cleared() {
        let flagged = account(AccountState::Liquidating);
        assert_eq!(choose(&flagged, &health(11), &NONE, &marks()).len(), 2);
        assert_eq!(choose(&flagged, &health(12), &NONE, &marks()), [Action::Judge(key(1))]);
    }

    #[test]
    fn without_equity_collateral_goes_first_and_bankruptcy_is_declared_once() {
        let mut lost = account(AccountState::Liquidating);
        assert_eq!(choose(&lost, &health(-1), &NONE, &marks()), [Action::Judge(key(1))]);
        assert_eq!(choose(&account(AccountState::Bankrupt), &health(-1), &NONE, &marks()), []);
        lost.perps[0].position.quote -= 50 * USD;
        let stock = |is_sale_open| Collateral { value: 60 * USD, is_sale_open };
        assert_eq!(choose(&lost, &health(-1), &stock(true), &marks()), [Action::Convert]);
        assert_eq!(choose(&lost, &health(-1), &stock(false), &marks()), [], "no sale at a wick");
        lost.cash = 50 * USD;
        assert_eq!(choose(&lost, &health(5), &stock(true), &marks()).len(), 2, "its cash pays its losses");
    }
}
