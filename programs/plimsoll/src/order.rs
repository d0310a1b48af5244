//! What a trader asks for, as a pipeline of small steps: check, translate, rest, and judge the result.

use crate::errors::{OrRefuse, PlimsollError};
use crate::matching::{reducible, signed, Execution};
use anchor_lang::prelude::*;
use plimsoll_risk::book::band::check_minimum_value;
use plimsoll_risk::book::{Key as BookKey, NewOrder, OrderKind, PriceBand, Side, Taker};
use plimsoll_risk::delegation::given_away;
use plimsoll_risk::liquidation::{penalty_rate, takeover_price, LegView};
use plimsoll_risk::margin::{maker_reserve, trade_allowed, CrossTerms, Depeg, ForcedPrice, Health, MarketTerms};
use plimsoll_risk::oracle::{permission, Action, Permission};
use plimsoll_risk::units::MAX_LOTS;
use plimsoll_risk::{Lots, Price, Quote, RiskError, Round, Secs};
use plimsoll_state::view::leg_input;
use plimsoll_state::{MarginAccount, Market, OpenOrder, OrderBook};

/// What binds the account's markets together, and the place of the traded one among them.
pub(crate) type Bound<'a> = (CrossTerms<'a>, Option<usize>);

/// Arguments of `place_order`.
#[derive(AnchorSerialize, AnchorDeserialize, Clone, Copy)]
pub struct OrderArgs {
    /// 0 = buy, 1 = sell.
    pub side: u8,
    /// 0 = limit, 1 = immediate or cancel, 2 = post only.
    pub kind: u8,
    /// Only against the position, at most to zero.
    pub reduce_only: bool,
    /// Worst price, quote atoms per lot, a multiple of the market's tick.
    pub price: i64,
    /// Lots, 1 ..= 2³⁰.
    pub lots: i64,
    /// Unix seconds from which the resting order is void; 0 = never.
    pub expiry: u32,
    /// The owner's own number for the order.
    pub client_id: u64,
    /// Most fills, 1 ..= 8.
    pub max_fills: u8,
}

/// A checked order.
pub(crate) struct Intent {
    args: OrderArgs,
    side: Side,
    kind: OrderKind,
    /// The price allows the order only if it lowers risk (RULES 2.2).
    is_careful: bool,
    /// The delegate trades, not the owner (RULES 5.2).
    is_delegated: bool,
}

impl Intent {
    /// Checks what can be checked without the account: numbers, grid, status, and the price's condition (RULES 2.2, 5.3).
    pub(crate) fn new(args: &OrderArgs, market: &Market, is_delegated: bool, now: i64) -> Result<Self> {
        let side = Side::try_from(args.side).map_err(|_| PlimsollError::ParameterOutOfRange)?;
        let kind = match args.kind {
            0 => OrderKind::Limit,
            1 => OrderKind::ImmediateOrCancel,
            2 => OrderKind::PostOnly,
            _ => return err!(PlimsollError::ParameterOutOfRange),
        };
        require!((1..=MAX_LOTS).contains(&args.lots), PlimsollError::QuantityOutOfRange);
        let is_on_grid = args.price.checked_rem(market.params.tick) == Some(0);
        require!(Price::checked(args.price).is_ok() && is_on_grid, PlimsollError::OrderPriceOutOfRange);
        require!(args.expiry == 0 || i64::from(args.expiry) > now, PlimsollError::AlreadyExpired);
        require!((1..=8).contains(&args.max_fills), PlimsollError::ParameterOutOfRange);
        require!(args.reduce_only || market.takes_new_risk(Secs::new(now)), PlimsollError::MarketReduceOnly);
        let action = if args.reduce_only { Action::Reduce } else { Action::Open };
        let allowed = permission(market.conditions(Secs::new(now)), action);
        require!(allowed != Permission::Refused, PlimsollError::PriceConditionRefused);
        if !args.reduce_only {
            check_minimum_value(Lots::new(args.lots), Price::new(args.price), Quote::new(market.params.min_order)).or_refuse()?;
        }
        Ok(Self { args: *args, side, kind, is_careful: allowed == Permission::AllowedIfLowersRisk, is_delegated })
    }

    /// The order as the matcher takes it; a reduce-only order is cut to what the position leaves.
    pub(crate) fn taker(&self, account: &MarginAccount, slot: usize, key: Pubkey, market: &Market, now: Secs) -> Result<Taker> {
        let asked = Lots::new(self.args.lots);
        let lots = if self.args.reduce_only {
            asked.min(reducible(account.position(slot).or_refuse()?.lots(), self.side).or_refuse()?)
        } else {
            asked
        };
        require!(lots.is_positive(), PlimsollError::ReduceOnlyIncreases);
        let rate = market.im_rate().or_refuse()?;
        Ok(Taker {
            owner: BookKey::from_bytes(key.to_bytes()),
            generation: account.generation,
            side: self.side,
            kind: self.kind,
            limit: Price::new(self.args.price),
            lots,
            band: PriceBand::around(market.mark().or_refuse()?, rate).or_refuse()?,
            now,
            max_fills: usize::from(self.args.max_fills),
        })
    }

    /// Rests `lots` on the book, records the order in the account, and reserves margin for it (RULES 5.3). The identity, if anything rests.
    #[inline(never)]
    #[allow(clippy::too_many_arguments, reason = "book, account and position are separate loans of one instruction")]
    pub(crate) fn rest(
        &self,
        book: &mut OrderBook,
        account: &mut MarginAccount,
        slot: usize,
        key: Pubkey,
        terms: &MarketTerms,
        depeg: &Depeg,
        lots: Lots,
        now: Secs,
    ) -> Result<Option<u64>> {
        if lots.is_zero() {
            return Ok(None);
        }
        let order = NewOrder {
            owner: BookKey::from_bytes(key.to_bytes()),
            price: Price::new(self.args.price),
            lots,
            expiry: Secs::new(self.args.expiry.into()),
            generation: account.generation,
            is_reduce_only: self.args.reduce_only,
        };
        let (header, orders) = book.side_mut(self.side);
        let placed = header.side_mut(self.side, orders).and_then(|mut side| side.insert(&order, now)).or_refuse()?;
        let narrow = |value: i64| u32::try_from(value).map_err(|_| PlimsollError::Overflow);
        let open = OpenOrder {
            id: placed.id,
            client_id: self.args.client_id,
            price: narrow(self.args.price)?,
            lots: narrow(lots.raw())?,
            expiry: self.args.expiry,
            slot: u8::try_from(slot).map_err(|_| PlimsollError::Overflow)?,
            side: self.args.side,
            flags: OpenOrder::flags_of(self.args.reduce_only, self.is_delegated),
            padding: 0,
        };
        account.add_order(open).map_err(|_| PlimsollError::OrderSlotsFull)?;
        let (_, position) = account.cash_and_position(slot).or_refuse()?;
        position.reserved = maker_reserve(terms, &leg_input(position), depeg).or_refuse()?.raw();
        Ok(Some(placed.id))
    }

    /// Counts what the fills give away to the owner's cap, where the delegate trades (RULES 5.2).
    #[inline(never)]
    pub(crate) fn count_fills(&self, account: &mut MarginAccount, executed: &Execution, mark: Price, fee: i64, now: Secs) -> Result<()> {
        if !self.is_delegated || executed.value.is_zero() {
            return Ok(());
        }
        let change = signed(self.side, executed.outcome.filled).or_refuse()?;
        let amount = given_away(change, executed.value, mark, Quote::new(fee)).or_refuse()?;
        account.loss_cap.record(amount, now).map_err(|error| match error {
            RiskError::LimitExceeded => PlimsollError::DelegateLossCap,
            other => other.into(),
        })?;
        Ok(())
    }

    /// RULES 5.2, 2.2 and the market's cap on open interest, on the state after the order.
    #[allow(clippy::too_many_arguments, reason = "one decision on the whole result")]
    pub(crate) fn check(
        &self,
        account: &MarginAccount,
        slot: usize,
        market: &Market,
        before: &Health,
        after: &Health,
        terms: &MarketTerms,
        executed: &Execution,
        has_rested: bool,
        bound: &Bound<'_>,
        now: Secs,
    ) -> Result<()> {
        require!(!self.is_careful || (after.im <= before.im && after.mm <= before.mm), PlimsollError::PriceConditionRefused);
        let open_interest = market.perp.long.open_interest.max(market.perp.short.open_interest);
        let is_capped = self.args.reduce_only || open_interest <= market.params.max_open_interest;
        require!(is_capped, PlimsollError::MarketReduceOnly);
        // Below initial margin nothing new may rest but reductions: a resting order is a trade at somebody else's time.
        require!(after.is_initial() || !has_rested || self.args.reduce_only, PlimsollError::BelowInitialMargin);
        // The price has a say only below initial margin.
        let price =
            if after.is_initial() { None } else { Some(self.forced_price(account, slot, market, before, terms, executed, bound, now)?) };
        trade_allowed(before, after, price.as_ref()).map_err(|refusal| PlimsollError::from(refusal).into())
    }

    /// The worst price of the fills beside the take-over price of the moment.
    #[inline(never)]
    #[allow(clippy::too_many_arguments, reason = "a part of one decision on the whole result")]
    fn forced_price(
        &self,
        account: &MarginAccount,
        slot: usize,
        market: &Market,
        before: &Health,
        terms: &MarketTerms,
        executed: &Execution,
        bound: &Bound<'_>,
        now: Secs,
    ) -> Result<ForcedPrice> {
        let lots = executed.outcome.filled;
        let change = if self.side == Side::Ask { lots.neg().or_refuse()? } else { lots };
        let rate = forced_rate(account, market, before, terms, slot, bound, now)?;
        let limit = takeover_price(terms.mark(), change, rate).or_refuse()?;
        Ok(ForcedPrice { lots: change, worst: if lots.is_zero() { limit } else { executed.worst }, limit })
    }
}

/// Rate of the take-over price that bounds forced trades: the penalty of the moment, capped so that a fill never lowers E/MM (RULES 5.2, 6.2).
fn forced_rate(
    account: &MarginAccount,
    market: &Market,
    health: &Health,
    terms: &MarketTerms,
    slot: usize,
    bound: &Bound<'_>,
    now: Secs,
) -> Result<plimsoll_risk::Ratio> {
    let params = *market.liquidation_params;
    let is_flagged = account.liquidation.state >= 2;
    let elapsed = if is_flagged { account.liquidation.elapsed(now).or_refuse()? } else { Secs::ZERO };
    let rate = penalty_rate(elapsed, &params).or_refuse()?;
    let leg = leg_input(account.position(slot).or_refuse()?);
    let cross = bound.1.map(|place| (&bound.0, place));
    LegView { health, terms, leg: &leg, rate, cross }.capped_rate(leg.lots.abs().or_refuse()?, Round::Floor).or_refuse()
}
