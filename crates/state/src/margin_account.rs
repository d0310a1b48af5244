//! A trader's margin account: cash, collateral, positions, open orders and liquidation state.

use crate::engine::{LiquidationState, LossCap, LossClock, PerpPosition};
use crate::key::{is_same, is_set};
use crate::mirror::layout;
use crate::Pubkey;
#[cfg(feature = "anchor")]
use anchor_lang::{prelude::zero_copy, Discriminator};
use plimsoll_risk::{Price, Quote, RiskError, RiskResult, Secs};

/// Collateral slots of an account.
pub const COLLATERALS: usize = 8;
/// Perpetual positions of an account.
pub const PERPS: usize = 8;
/// Distinct markets of an account, those that price its collateral included (DESIGN 3).
pub const MARKETS: usize = plimsoll_risk::margin::MAX_LEGS;
/// Option legs of an account.
pub const OPTIONS: usize = plimsoll_risk::margin::MAX_OPTIONS;
/// Open orders of an account.
pub const ORDERS: usize = 32;

layout! {
    /// Deposits of one collateral.
    part CollateralSlot [72] {
        /// The collateral account; all zero when the slot is free.
        collateral: Pubkey,
        /// The market that prices it.
        market: Pubkey,
        /// Token atoms, at least zero.
        amount: i64,
    }
}

layout! {
    /// One perpetual position with its resting orders' totals.
    part PerpSlot [32 + core::mem::size_of::<PerpPosition>()] {
        /// The market; all zero when the slot is free.
        market: Pubkey,
        /// The position.
        position: PerpPosition,
    }
}

layout! {
    /// An order of this account that rests on a book.
    part OpenOrder [32] {
        /// Identity on the book; zero when the slot is free.
        id: u64,
        /// The owner's own number for it.
        client_id: u64,
        /// Limit price, atoms per lot.
        price: u32,
        /// Lots left.
        lots: u32,
        /// Unix seconds after which it is dead; zero for never.
        expiry: u32,
        /// Index of its position slot.
        slot: u8,
        /// 0 = bid, 1 = ask.
        side: u8,
        /// Bit 0: reduce-only; bit 1: placed by the delegate.
        flags: u8,
        /// Zero.
        padding: u8,
    }
}

layout! {
    /// A position in one option series, with its resting orders' totals. Longs are paid in full (RULES 5.5), so that it has no balance.
    part OptionLeg [7 * 8] {
        /// Lots; positive = long.
        lots: i64,
        /// Lots resting on the bid side.
        bids: i64,
        /// Lots resting on the ask side.
        asks: i64,
        /// What the resting bids would pay, atoms.
        bids_value: i64,
        /// What the resting asks would receive, atoms.
        asks_value: i64,
        /// The expiry's time, unix seconds: its place in the market may be used again for another.
        time: i64,
        /// Strike, atoms per lot; zero when the leg is free.
        strike: u32,
        /// Index of the account's perp slot of the market.
        slot: u8,
        /// Index of the expiry in the market.
        expiry: u8,
        /// 0 = call, 1 = put.
        kind: u8,
        /// Zero.
        padding: u8,
    }
}

layout! {
    /// One margin account; an owner may have many.
    account MarginAccount [b"plm:marg", 8 + 3 * 32 + 16 + 2 * 8 + core::mem::size_of::<LiquidationState>()
        + COLLATERALS * 72 + PERPS * core::mem::size_of::<PerpSlot>() + ORDERS * 32
        + OPTIONS * core::mem::size_of::<OptionLeg>() + 128 + core::mem::size_of::<LossCap>()] {
        /// The exchange it belongs to.
        exchange: Pubkey,
        /// May do everything.
        owner: Pubkey,
        /// May trade, never withdraw (RULES 5.2); all zero for nobody.
        delegate: Pubkey,
        /// Layout version.
        version: u8,
        /// Bump of this address.
        bump: u8,
        /// Option legs in use; at zero nobody looks at them.
        option_legs: u8,
        /// Zero.
        padding: u8,
        /// Which of the owner's accounts this is.
        number: u32,
        /// Orders placed under an older generation are dead: cancelling all is one increment (RULES 5.3).
        generation: u32,
        /// Withdrawal requests that exist; the account cannot be closed before them.
        requests: u32,
        /// Settled quote atoms; never negative (RULES 1.2).
        cash: i64,
        /// Counts every change of this account.
        sequence: u64,
        /// Where the account stands between healthy and bankrupt (RULES 6.1).
        liquidation: LiquidationState,
        /// Deposited collateral.
        collaterals: [CollateralSlot; COLLATERALS],
        /// Perpetual positions.
        perps: [PerpSlot; PERPS],
        /// Orders resting on books.
        orders: [OpenOrder; ORDERS],
        /// Option positions. The perp slot of their market stays in use, though empty.
        options: [OptionLeg; OPTIONS],
        /// For how long unsettled losses have been large beside the collateral (RULES 1.3).
        losses: LossClock,
        /// What the delegate's fills may cost in a day (RULES 5.2).
        loss_cap: LossCap,
        /// Zero; later versions take their fields from here.
        reserve: [u64; 14],
    }
}

// What indexers filter on, counted after the discriminator.
const _: () = {
    assert!(core::mem::offset_of!(MarginAccount, exchange) == 0);
    assert!(core::mem::offset_of!(MarginAccount, owner) == 32);
    assert!(core::mem::offset_of!(MarginAccount, delegate) == 64);
    assert!(core::mem::offset_of!(MarginAccount, cash) == 112);
    assert!(core::mem::offset_of!(MarginAccount, liquidation) == 128);
    assert!(MarginAccount::SPACE <= 10_240);
};

impl PerpSlot {
    /// Whether a market is recorded here.
    pub fn is_used(&self) -> bool {
        is_set(&self.market)
    }

    /// Whether nothing of the market is left: no lots, no unsettled value, no orders, no share in a deficit round.
    pub fn is_empty(&self) -> bool {
        self.position.is_free()
    }
}

impl CollateralSlot {
    /// Whether a collateral is recorded here.
    pub fn is_used(&self) -> bool {
        is_set(&self.collateral)
    }
}

impl OptionLeg {
    /// Whether a series is recorded here.
    pub fn is_used(&self) -> bool {
        self.strike != 0
    }
}

impl OpenOrder {
    /// Whether an order is recorded here.
    pub fn is_used(&self) -> bool {
        self.id != 0
    }

    /// The flags of an order.
    pub fn flags_of(is_reduce_only: bool, is_delegated: bool) -> u8 {
        u8::from(is_reduce_only) | u8::from(is_delegated) << 1
    }

    /// Whether the delegate placed it.
    pub const fn is_delegated(&self) -> bool {
        self.flags & 2 != 0
    }
}

impl MarginAccount {
    /// Index of the slot of `market`, if the account has one.
    pub fn perp_index(&self, market: &Pubkey) -> Option<usize> {
        self.perps.iter().position(|slot| is_same(&slot.market, market))
    }

    /// Whether the account still has at most [`MARKETS`] distinct markets with `market` among them. More could not be margined in one
    /// instruction, and an account that cannot be margined cannot be liquidated.
    pub fn has_room_for(&self, market: &Pubkey) -> bool {
        let priced = self.collaterals.iter().filter(|slot| slot.is_used()).map(|slot| &slot.market);
        let traded = self.perps.iter().filter(|slot| slot.is_used()).map(|slot| &slot.market);
        let mut known = [market; MARKETS];
        let mut count = 1_usize;
        for key in traded.chain(priced) {
            if known.contains(&key) {
                continue;
            }
            match known.get_mut(count) {
                Some(free) => *free = key,
                None => return false,
            }
            count = count.wrapping_add(1);
        }
        true
    }

    /// Index of the slot of `market`, taking a free one if there is none yet. `None`: all eight are in use, or there are too many markets.
    pub fn perp_index_or_open(&mut self, market: &Pubkey) -> Option<usize> {
        if let Some(index) = self.perp_index(market) {
            return Some(index);
        }
        if !self.has_room_for(market) {
            return None;
        }
        let index = self.perps.iter().position(|slot| !slot.is_used())?;
        self.perps.get_mut(index)?.market = *market;
        Some(index)
    }

    /// Frees the slot of a market in which nothing is left. Orders keep their slot's index, so a slot with orders stays.
    pub fn close_if_empty(&mut self, index: usize) {
        let has_options = self.has_options(index);
        if let Some(slot) = self.perps.get_mut(index) {
            if slot.is_used() && slot.is_empty() && !has_options {
                *slot = bytemuck::Zeroable::zeroed();
            }
        }
    }

    /// Whether the account holds options of the market in `slot`.
    pub fn has_options(&self, slot: usize) -> bool {
        self.option_legs != 0 && self.options.iter().any(|leg| leg.is_used() && usize::from(leg.slot) == slot)
    }

    /// Cash and the position in `slot`, both for changing. Errors: [`RiskError::WrongState`] for a slot that is none.
    pub fn cash_and_position(&mut self, slot: usize) -> RiskResult<(&mut i64, &mut plimsoll_risk::perp::Position)> {
        let position = self.perps.get_mut(slot).ok_or(RiskError::WrongState)?;
        Ok((&mut self.cash, &mut position.position))
    }

    /// The position in `slot`. Errors: [`RiskError::WrongState`] for a slot that is none.
    pub fn position(&self, slot: usize) -> RiskResult<&plimsoll_risk::perp::Position> {
        self.perps.get(slot).map(|slot| &*slot.position).ok_or(RiskError::WrongState)
    }

    /// Whether an order with this identity is among the open ones. An order that is on a book but not here is void: its owner's account was
    /// closed and opened anew, or its orders were cancelled.
    ///
    /// Every book numbers its own orders, so that the position slot belongs to the identity.
    pub fn lists_order(&self, slot: usize, id: u64) -> bool {
        self.open_order(slot, id).is_some()
    }

    /// The open order with this identity ([`Self::lists_order`]).
    pub fn open_order(&self, slot: usize, id: u64) -> Option<&OpenOrder> {
        self.order_index(slot, id).and_then(|index| self.orders.get(index))
    }

    /// Counts a fill of one of the account's resting orders that gives `amount` away, where the delegate placed it (RULES 5.2). False, with nothing changed, when that
    /// is more than the owner allows.
    ///
    /// Errors: [`RiskError::Overflow`].
    pub fn allows_fill(&mut self, order: &OpenOrder, amount: Quote, now: Secs) -> RiskResult<bool> {
        if !order.is_delegated() {
            return Ok(true);
        }
        match self.loss_cap.record(amount, now) {
            Ok(()) => Ok(true),
            Err(RiskError::LimitExceeded) => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn order_index(&self, slot: usize, id: u64) -> Option<usize> {
        self.orders.iter().position(|order| order.id == id && id != 0 && usize::from(order.slot) == slot)
    }

    /// The slot of `collateral`, which `market` prices, taking a free one if there is none yet. `None`: all eight are in use, or there are too
    /// many markets.
    pub fn collateral_or_open(&mut self, collateral: &Pubkey, market: &Pubkey) -> Option<&mut CollateralSlot> {
        if let Some(index) = self.collaterals.iter().position(|slot| slot.collateral == *collateral) {
            return self.collaterals.get_mut(index);
        }
        if !self.has_room_for(market) {
            return None;
        }
        let slot = self.collaterals.iter_mut().find(|slot| !slot.is_used())?;
        slot.collateral = *collateral;
        slot.market = *market;
        Some(slot)
    }

    /// The slot of `collateral`, if the account has one.
    pub fn collateral_mut(&mut self, collateral: &Pubkey) -> Option<&mut CollateralSlot> {
        self.collaterals.iter_mut().find(|slot| slot.collateral == *collateral)
    }

    /// Records a resting order and reserves its lots on its position. Errors: [`RiskError::BookFull`] when all 32 slots are in use.
    pub fn add_order(&mut self, order: OpenOrder) -> RiskResult<()> {
        let free = self.orders.iter().position(|slot| !slot.is_used()).ok_or(RiskError::BookFull)?;
        self.rest(&order, order.lots.into())?;
        if let Some(slot) = self.orders.get_mut(free) {
            *slot = order;
        }
        Ok(())
    }

    /// Takes `lots` off the order `id` of the position in `slot` (all of it when `lots` is `None`) and frees the order's slot at zero.
    /// Returns the order as it was.
    ///
    /// Errors: [`RiskError::OrderNotFound`].
    pub fn reduce_order(&mut self, slot: usize, id: u64, lots: Option<u32>) -> RiskResult<OpenOrder> {
        let index = self.order_index(slot, id).ok_or(RiskError::OrderNotFound)?;
        let before = *self.orders.get(index).ok_or(RiskError::OrderNotFound)?;
        let taken = lots.unwrap_or(before.lots);
        let left = before.lots.checked_sub(taken).ok_or(RiskError::QuantityOutOfRange)?;
        self.rest(&before, i64::from(taken).checked_neg().ok_or(RiskError::Overflow)?)?;
        if let Some(slot) = self.orders.get_mut(index) {
            *slot = if left == 0 { bytemuck::Zeroable::zeroed() } else { OpenOrder { lots: left, ..before } };
        }
        Ok(before)
    }

    /// Leaves nothing but a balance of the position in `slot`: its market is settling, and no book will fill its orders.
    pub fn settle_out(&mut self, slot: usize) {
        for order in self.orders.iter_mut().filter(|order| order.is_used() && usize::from(order.slot) == slot) {
            *order = bytemuck::Zeroable::zeroed();
        }
        if let Some(slot) = self.perps.get_mut(slot) {
            slot.position.settle_out();
        }
    }

    /// Forgets every open order at once: the generation moves on, and orders left on books are dead when met (RULES 5.3).
    pub fn cancel_all(&mut self) {
        self.generation = self.generation.wrapping_add(1);
        self.orders = bytemuck::Zeroable::zeroed();
        for slot in &mut self.perps {
            slot.position.clear_orders();
        }
    }

    /// Adds `lots` (negative: removes) to what rests on the order's side of its position.
    fn rest(&mut self, order: &OpenOrder, lots: i64) -> RiskResult<()> {
        let position = &mut self.perps.get_mut(usize::from(order.slot)).ok_or(RiskError::OrderNotFound)?.position;
        let value = plimsoll_risk::Lots::new(lots).at(Price::new(order.price.into()))?.raw();
        let (total, total_value) = match order.side {
            0 => (&mut position.bids, &mut position.bids_value),
            _ => (&mut position.asks, &mut position.asks_value),
        };
        let (new_total, new_value) = (total.checked_add(lots), total_value.checked_add(value));
        *total = new_total.ok_or(RiskError::Overflow)?;
        *total_value = new_value.ok_or(RiskError::Overflow)?;
        if position.bids == 0 && position.asks == 0 {
            position.reserved = 0;
        }
        Ok(())
    }

    /// Whether the account can be closed: no cash, collateral, position, order or withdrawal request.
    pub fn is_empty(&self) -> bool {
        self.cash == 0
            && self.collaterals.iter().all(|slot| slot.amount == 0)
            && self.perps.iter().all(|slot| !slot.is_used())
            && self.orders.iter().all(|slot| !slot.is_used())
            && self.options.iter().all(|leg| !leg.is_used())
            && self.requests == 0
    }

    /// The law of this account (RULES 1.2): cash is never negative nor more than a margin check can count, collateral never negative.
    pub fn invariant(&self) -> RiskResult<()> {
        self.invariant_beside_options()?;
        if self.are_options_sound() {
            Ok(())
        } else {
            Err(RiskError::WrongState)
        }
    }

    /// [`Self::invariant`] after a step that wrote neither option legs nor opened or closed slots. Errors: [`RiskError::WrongState`].
    pub fn invariant_beside_options(&self) -> RiskResult<()> {
        let is_sound = (0..=plimsoll_risk::margin::MAX_CASH).contains(&self.cash)
            && self.collaterals.iter().all(|slot| slot.amount >= 0)
            && self.perps.iter().all(|slot| slot.position.bids >= 0 && slot.position.asks >= 0);
        if is_sound {
            Ok(())
        } else {
            Err(RiskError::WrongState)
        }
    }
}

impl MarginAccount {
    /// The count is that of the legs in use, since a short option that is not counted would need no margin; each belongs to a used slot and no
    /// series is there twice.
    fn are_options_sound(&self) -> bool {
        if self.options.iter().fold(0, |seen, leg| seen | leg.strike) == 0 {
            return self.option_legs == 0;
        }
        let mut seen = [0_u64; OPTIONS];
        let mut count = 0_usize;
        for leg in self.options.iter().filter(|leg| leg.is_used()) {
            let has_slot = self.perps.get(usize::from(leg.slot)).is_some_and(PerpSlot::is_used);
            let [place, expiry, kind] = [leg.slot, leg.expiry, leg.kind].map(u64::from);
            // Never zero: the strike is not.
            let series = place << 48 | expiry << 40 | kind << 32 | u64::from(leg.strike);
            let (known, free) = seen.split_at_mut_checked(count).unwrap_or_default();
            let is_new = known.iter().all(|other| *other != series);
            match free.first_mut() {
                Some(slot) if has_slot && leg.bids >= 0 && leg.asks >= 0 && is_new => *slot = series,
                _ => return false,
            }
            count = count.wrapping_add(1);
        }
        count == usize::from(self.option_legs)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;

    fn key(number: u8) -> Pubkey {
        Pubkey::new_from_array([number; 32])
    }

    /// An account with more markets than one instruction can margin could not be liquidated: collateral must not smuggle a ninth in.
    #[test]
    fn a_ninth_market_is_refused_however_it_comes() {
        let mut account: MarginAccount = bytemuck::Zeroable::zeroed();
        for market in 1..=7 {
            account.perp_index_or_open(&key(market)).unwrap();
        }
        assert!(account.collateral_or_open(&key(101), &key(8)).is_some());
        assert!(account.collateral_or_open(&key(102), &key(8)).is_some(), "the same market counts once");
        assert!(account.collateral_or_open(&key(103), &key(9)).is_none());
        assert!(account.perp_index_or_open(&key(9)).is_none());
        assert_eq!(account.perp_index_or_open(&key(8)), Some(7), "its collateral is counted already");
    }

    /// RULES 5.3: cancelling all is O(1) and leaves nothing reserved.
    #[test]
    fn cancel_all_moves_the_generation_and_frees_what_was_reserved() {
        let mut account: MarginAccount = bytemuck::Zeroable::zeroed();
        account.perp_index_or_open(&key(1)).unwrap();
        let order = OpenOrder { id: 5, client_id: 0, price: 100, lots: 3, expiry: 0, slot: 0, side: 1, flags: 0, padding: 0 };
        account.add_order(order).unwrap();
        assert_eq!((account.perps[0].position.asks, account.perps[0].position.asks_value), (3, 300));
        assert_eq!(account.reduce_order(0, 5, Some(1)).unwrap().lots, 3);
        assert_eq!((account.perps[0].position.asks, account.perps[0].position.asks_value), (2, 200));
        account.cancel_all();
        assert_eq!(account.generation, 1);
        assert_eq!((account.perps[0].position.asks, account.perps[0].position.asks_value), (0, 0));
        assert!(matches!(account.reduce_order(0, 5, None), Err(RiskError::OrderNotFound)));
    }
    /// Legs are as many as are counted, each in a used slot, without negative orders, and no series twice.
    #[test]
    fn options_are_counted_once_each() {
        let mut account: MarginAccount = bytemuck::Zeroable::zeroed();
        account.perp_index_or_open(&key(1)).unwrap();
        let leg = OptionLeg { lots: 1, strike: 100, ..bytemuck::Zeroable::zeroed() };
        let others = [(101, 0, 0), (100, 1, 0), (100, 0, 1)].map(|(strike, expiry, kind)| OptionLeg { strike, expiry, kind, ..leg });
        account.options[2] = leg;
        account.options[5..8].copy_from_slice(&others);
        account.option_legs = 4;
        assert_eq!(account.invariant(), Ok(()));
        let is_refused = |change: &dyn Fn(&mut MarginAccount)| {
            let mut broken = account;
            change(&mut broken);
            broken.invariant() == Err(RiskError::WrongState) && broken.invariant_beside_options() == Ok(())
        };
        for number in [0, 3, 5] {
            assert!(is_refused(&|account| account.option_legs = number));
        }
        for other in [0, 5, 7] {
            assert!(is_refused(&|account| (account.options[other], account.option_legs) = (leg, if other == 0 { 5 } else { 4 })));
        }
        assert!(is_refused(&|account| account.options[2].slot = 1));
        assert!(is_refused(&|account| account.options[2].slot = 8));
        assert!(is_refused(&|account| account.options[6].bids = -1));
        assert!(is_refused(&|account| account.options[6].asks = -1));
    }

    /// Two books may give the same number to two orders of one account.
    #[test]
    fn orders_of_two_markets_with_one_number_are_told_apart() {
        let mut account: MarginAccount = bytemuck::Zeroable::zeroed();
        let order = OpenOrder { id: 5, client_id: 0, price: 100, lots: 3, expiry: 0, slot: 0, side: 1, flags: 0, padding: 0 };
        for slot in 0..2 {
            account.perp_index_or_open(&key(slot + 1)).unwrap();
            account.add_order(OpenOrder { slot, ..order }).unwrap();
        }
        account.reduce_order(1, 5, None).unwrap();
        assert!(account.lists_order(0, 5) && !account.lists_order(1, 5));
        assert_eq!((account.perps[0].position.asks, account.perps[1].position.asks), (3, 0));
    }
}
