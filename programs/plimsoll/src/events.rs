//! What happened, for indexers. Money, liquidation, insurance and deleveraging by self-CPI; orders and prices in the log.
//!
//! Every event opens with the same header and carries what changed and the balances after it: cash, lots and quote balance of each account
//! ([`Balance`]) and the money of each market ([`Books`]). A replay of the stream rebuilds them to the atom (`tests/tests/events.rs`).

use anchor_lang::prelude::*;
use plimsoll_risk::perp::Absorbed;
use plimsoll_state::{MarginAccount, Market};

/// Version of the event layouts.
pub const EVENT_SCHEMA: u8 = 3;

/// Common head of every event.
#[derive(AnchorSerialize, AnchorDeserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Version of the layout.
    pub schema: u8,
    /// Sequence number of the account named here, after the change.
    pub sequence: u64,
    /// Slot.
    pub slot: u64,
    /// Unix seconds of the clock.
    pub time: i64,
    /// Market concerned; all zero for none.
    pub market: Pubkey,
    /// Margin account concerned; all zero for none.
    pub account: Pubkey,
}

impl Header {
    /// Head for `account` in `market` at its new `sequence`.
    pub(crate) fn new(clock: &Clock, market: Pubkey, account: Pubkey, sequence: u64) -> Self {
        Self { schema: EVENT_SCHEMA, sequence, slot: clock.slot, time: clock.unix_timestamp, market, account }
    }
}

/// An account's cash and its position in the market of the event, after the change.
#[derive(AnchorSerialize, AnchorDeserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Balance {
    /// Cash, atoms.
    pub cash: i64,
    /// Lots; positive = long.
    pub lots: i64,
    /// Quote balance of the position, atoms.
    pub quote: i64,
}

impl Balance {
    /// Of the account and its position in `slot`; a slot that is none has no position.
    pub(crate) fn of(account: &MarginAccount, slot: usize) -> Self {
        let (lots, quote) = account.position(slot).map_or((0, 0), |position| (position.lots, position.quote));
        Self { cash: account.cash, lots, quote }
    }
}

/// A market's money after the change, atoms.
#[derive(AnchorSerialize, AnchorDeserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Books {
    /// The PnL pool.
    pub pool: i64,
    /// Tokens of the tranche.
    pub tranche_cash: i64,
    /// The tranche's claim on the pool; negative when it owes.
    pub tranche_quote: i64,
    /// Tokens of the protocol.
    pub fees: i64,
}

impl Books {
    pub(crate) fn of(market: &Market) -> Self {
        let perp = &market.perp;
        Self { pool: perp.pool, tranche_cash: perp.tranche_cash, tranche_quote: perp.tranche_quote, fees: perp.fees }
    }
}

/// What bringing a position up to date did to it (RULES 5.1).
#[derive(AnchorSerialize, AnchorDeserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moved {
    /// Funding received; negative when paid.
    pub funding: i64,
    /// Lots added by auto-deleveraging, opposite in sign to the position.
    pub closed_lots: i64,
    /// Received for them; negative when paid.
    pub closed_quote: i64,
    /// Taken for deficit rounds; negative when refunded.
    pub charge: i64,
    /// Paid on an old unsettled loss.
    pub carry: i64,
}

impl Moved {
    /// `None` when nothing moved.
    pub(crate) fn of(touched: &plimsoll_risk::perp::Touched) -> Option<Self> {
        touched.has_moved().then(|| Self {
            funding: touched.funding().raw(),
            closed_lots: touched.closed_lots().raw(),
            closed_quote: touched.closed_quote().raw(),
            charge: touched.charge().raw(),
            carry: touched.carry().raw(),
        })
    }
}

/// Cash or collateral came in or went out.
#[event]
pub struct Transferred {
    /// Head.
    pub header: Header,
    /// Mint of the token.
    pub mint: Pubkey,
    /// Atoms; positive is a deposit.
    pub amount: i64,
    /// Balance of that token in the account afterwards.
    pub balance: i64,
}

/// A withdrawal request was made, paid or taken back (RULES 1.6).
#[event]
pub struct WithdrawalChanged {
    /// Head; the account is the margin account.
    pub header: Header,
    /// Mint of the token.
    pub mint: Pubkey,
    /// Atoms paid by this instruction.
    pub paid: i64,
    /// Atoms that still wait for a grant.
    pub waiting: i64,
    /// Atoms granted and not paid.
    pub granted: i64,
}

/// New risk in a market, or withdrawals, were paused or released (log; RULES 9.3).
#[event]
pub struct PauseChanged {
    /// Head; no market for withdrawals.
    pub header: Header,
    /// End of the pause, unix seconds.
    pub until: i64,
}

/// A market's price became final and its positions were closed at it (RULES 2.5).
#[event]
pub struct SettlingBegan {
    /// Head.
    pub header: Header,
    /// The final price, atoms per lot.
    pub price: i64,
}

/// One fill of an order; without lots, a maker that was brought up to date and whose order was dropped.
#[derive(AnchorSerialize, AnchorDeserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fill {
    /// Margin account of the maker.
    pub maker: Pubkey,
    /// Identity of the maker's order.
    pub order: u64,
    /// Atoms per lot.
    pub price: i64,
    /// Lots; positive when the taker bought.
    pub lots: i64,
    /// Fee charged to the maker, quote atoms.
    pub fee: i64,
    /// What bringing the maker's position up to date did.
    pub moved: Option<Moved>,
    /// The maker afterwards.
    pub balance: Balance,
}

/// A taker traded against the book.
#[event]
pub struct Traded {
    /// Head; the account is the taker.
    pub header: Header,
    /// The fills, best price first.
    pub fills: Vec<Fill>,
    /// Fee charged to the taker, quote atoms.
    pub fee: i64,
    /// What bringing the taker's position up to date did.
    pub moved: Option<Moved>,
    /// The taker afterwards.
    pub balance: Balance,
    /// The market afterwards.
    pub books: Books,
    /// Oracle price used.
    pub oracle: i64,
}

/// An order came to rest on a book (log).
#[event]
pub struct OrderPlaced {
    /// Head.
    pub header: Header,
    /// Identity on the book.
    pub order: u64,
    /// The owner's number.
    pub client_id: u64,
    /// 0 = bid, 1 = ask.
    pub side: u8,
    /// Atoms per lot.
    pub price: i64,
    /// Lots resting.
    pub lots: i64,
}

/// The owner named or dismissed a delegate, or changed what its fills may cost (log).
#[event]
pub struct DelegateSet {
    /// Head; no market.
    pub header: Header,
    /// Who may trade; all zero for nobody.
    pub delegate: Pubkey,
    /// Most that its fills may give away in 24 hours, quote atoms.
    pub daily_loss_cap: i64,
}

/// Orders left the books (log).
#[event]
pub struct OrdersCancelled {
    /// Head.
    pub header: Header,
    /// Identity, or zero for all orders of the account.
    pub order: u64,
}

/// A market's price was accepted (log).
#[event]
pub struct PriceUpdated {
    /// Head.
    pub header: Header,
    /// Atoms per lot.
    pub price: i64,
    /// Confidence over price, Q30.
    pub confidence: i64,
    /// Publish time.
    pub publish: i64,
    /// Volatility over one hour, Q30.
    pub sigma: i64,
    /// Maintenance rate in force, Q30.
    pub mm_rate: i64,
}

/// Markets were put into a risk group (log).
#[event]
pub struct GroupCreated {
    /// Head; the account is the group.
    pub header: Header,
    /// Its markets, in order.
    pub markets: Vec<Pubkey>,
    /// Most credit, Q30.
    pub max_credit: i64,
    /// Share of the largest market's requirement that is always held, Q30.
    pub floor_share: i64,
    /// Common buckets before there is any credit.
    pub warm_up: i64,
}

/// A risk group took in new samples (log). Everything else about the pairs is in its account.
#[event]
pub struct GroupUpdated {
    /// Head; the account is the group.
    pub header: Header,
    /// Pairs that had a new common bucket.
    pub pairs: u32,
    /// Credit of an account with positions in all markets, initial margin, Q30.
    pub initial: i64,
    /// The same for maintenance margin.
    pub maintenance: i64,
}

/// Unsettled value became cash, or cash paid an unsettled loss.
#[event]
pub struct Settled {
    /// Head.
    pub header: Header,
    /// Atoms that reached the account's cash; negative when the account paid.
    pub amount: i64,
    /// What bringing the position up to date did.
    pub moved: Option<Moved>,
    /// The account afterwards.
    pub balance: Balance,
    /// The market afterwards.
    pub books: Books,
}

/// One market of an estate.
#[derive(AnchorSerialize, AnchorDeserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub struct EstatePart {
    /// The market.
    pub market: Pubkey,
    /// Atoms that reached the account's cash; negative when the account paid.
    pub amount: i64,
    /// The account's cash and its position in this market afterwards.
    pub balance: Balance,
    /// The market afterwards.
    pub books: Books,
}

/// A failing account's cash was spread over its losses (RULES 1.5).
#[event]
pub struct EstateSettled {
    /// Head; the market is none.
    pub header: Header,
    /// Claims collected first, then losses paid, in this order.
    pub parts: Vec<EstatePart>,
}

/// Collateral of a failing account was sold to another account for cash (RULES 1.3).
#[event]
pub struct CollateralSold {
    /// Head; the account is the seller, the market prices the collateral.
    pub header: Header,
    /// Margin account of the buyer.
    pub buyer: Pubkey,
    /// Mint of the collateral.
    pub mint: Pubkey,
    /// Token atoms sold.
    pub amount: i64,
    /// Quote atoms paid.
    pub cost: i64,
    /// Seller's cash and balance of the collateral afterwards.
    pub seller: [i64; 2],
    /// Buyer's cash and balance of the collateral afterwards.
    pub bought: [i64; 2],
    /// Oracle price, atoms per lot.
    pub price: i64,
}

/// A liquidation step.
#[event]
pub struct Liquidated {
    /// Head; the account is the liquidatee.
    pub header: Header,
    /// Margin account of the liquidator.
    pub liquidator: Pubkey,
    /// Fills on the book, best price first.
    pub fills: Vec<Fill>,
    /// Lots closed against the book; positive were long.
    pub book_lots: i64,
    /// Lots taken over; positive were long.
    pub taken_lots: i64,
    /// Oracle price.
    pub price: i64,
    /// Penalty to the liquidator, quote atoms.
    pub keeper_income: i64,
    /// Penalty to the market's insurance tranche, quote atoms.
    pub insurance_income: i64,
    /// Equity, maintenance margin before.
    pub before: [i64; 2],
    /// Equity, maintenance margin after.
    pub after: [i64; 2],
    /// Volatility over one hour used, Q30.
    pub sigma: i64,
    /// State after ([`plimsoll_risk`] numbering).
    pub state: u32,
    /// What bringing the position up to date did.
    pub moved: Option<Moved>,
    /// The liquidatee afterwards.
    pub balance: Balance,
    /// What bringing the liquidator's position up to date did.
    pub liquidator_moved: Option<Moved>,
    /// The liquidator afterwards.
    pub liquidator_balance: Balance,
    /// The market afterwards.
    pub books: Books,
}

/// A witness showed an account below maintenance margin: a first failing sample, or the start of its liquidation (RULES 4.6, 6.1).
#[event]
pub struct Flagged {
    /// Head; the market is the one whose price and parameters decided.
    pub header: Header,
    /// Row (1 ..= 33) of the joint scenario.
    pub joint: u8,
    /// Row of each market's own scenario, in the order of the account's positions, then of its collaterals.
    pub alone: [u8; 8],
    /// Equity, and as the trigger sees it.
    pub equity: [i64; 2],
    /// What the named scenarios show of maintenance margin: a lower bound.
    pub requirement: i64,
    /// Oracle price.
    pub price: i64,
    /// Volatility over one hour used, Q30.
    pub sigma: i64,
    /// State after ([`plimsoll_risk`] numbering).
    pub state: u32,
}

/// Lots closed against the other side of the market without its consent (RULES 7.2, 7.5).
#[event]
pub struct Deleveraged {
    /// Head; the account is the bankrupt one.
    pub header: Header,
    /// Lots closed; positive were long.
    pub lots: i64,
    /// Price of the closing.
    pub price: i64,
    /// Open interest of the opposite side afterwards.
    pub open_interest: i64,
    /// What bringing the position up to date did.
    pub moved: Option<Moved>,
    /// The account afterwards.
    pub balance: Balance,
    /// The market afterwards.
    pub books: Books,
}

/// A round of ranked deleveraging was opened (RULES 7.2).
#[event]
pub struct AdlRoundOpened {
    /// Head; the account is the bankrupt one.
    pub header: Header,
    /// Its lots; positive is long.
    pub lots: i64,
    /// Oracle price.
    pub price: i64,
    /// What bringing the position up to date did.
    pub moved: Option<Moved>,
    /// The account afterwards.
    pub balance: Balance,
    /// The market afterwards.
    pub books: Books,
}

/// A candidate was listed in a round, with the inputs of its score (RULES 7.2, 7.6).
#[event]
pub struct AdlCandidateRegistered {
    /// Head; the account is the keeper that is paid.
    pub header: Header,
    /// The bankrupt account of the round.
    pub failing: Pubkey,
    /// The candidate.
    pub candidate: Pubkey,
    /// Its lots, magnitude.
    pub lots: i64,
    /// Its net factor exposure in the direction of its position, atoms.
    pub exposure: i64,
    /// Its equity, atoms. The score is exposure over equity.
    pub equity: i64,
    /// Oracle price.
    pub price: i64,
    /// Candidates listed afterwards.
    pub listed: u8,
    /// Paid to the keeper out of the market's fees, atoms.
    pub reward: i64,
    /// The keeper's cash afterwards.
    pub keeper_cash: i64,
    /// The market afterwards.
    pub books: Books,
}

/// One candidate's part of a forced close: the receipt (RULES 7.6).
#[derive(AnchorSerialize, AnchorDeserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub struct AdlCut {
    /// The candidate's margin account.
    pub account: Pubkey,
    /// Its rank, from 1.
    pub rank: u8,
    /// Net factor exposure at its registration, atoms.
    pub exposure: i64,
    /// Equity at its registration, atoms.
    pub equity: i64,
    /// Lots the round had planned for it.
    pub planned: i64,
    /// Lots closed.
    pub closed: i64,
    /// What bringing its position up to date did before.
    pub moved: Option<Moved>,
    /// The candidate afterwards.
    pub balance: Balance,
}

/// Cuts of a round were executed at the oracle price (RULES 7.2).
#[event]
pub struct AdlExecuted {
    /// Head; the account is the bankrupt one.
    pub header: Header,
    /// Its lots before; positive were long.
    pub lots: i64,
    /// Oracle price of the closing.
    pub price: i64,
    /// Oracle price at which the cuts were fixed.
    pub fixed_at: i64,
    /// Lots that all cuts of the round add up to.
    pub planned: i64,
    /// The cuts executed now.
    pub cuts: Vec<AdlCut>,
    /// What bringing the bankrupt position up to date did.
    pub moved: Option<Moved>,
    /// The bankrupt account afterwards.
    pub balance: Balance,
    /// The market afterwards.
    pub books: Books,
}

/// One market's part of an absorbed loss. The parts up to the deficit sum to it.
#[derive(AnchorSerialize, AnchorDeserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub struct Absorption {
    /// The market.
    pub market: Pubkey,
    /// Claim on the pool that the tranche gave up.
    pub tranche_claim: i64,
    /// Tokens the tranche paid.
    pub tranche_cash: i64,
    /// Tokens the insurance fund paid.
    pub fund: i64,
    /// Booked against the tranche's next inflow.
    pub tranche_debt: i64,
    /// Left to the claims of the market.
    pub deficit: i64,
    /// Newest deficit round of the market.
    pub round: u32,
    /// Oracle price; that of the round, if one was opened now.
    pub price: i64,
    /// The account's position in this market afterwards.
    pub balance: Balance,
    /// The market afterwards.
    pub books: Books,
}

impl Absorption {
    pub(crate) fn of(market_key: Pubkey, market: &Market, absorbed: &Absorbed, balance: Balance) -> Self {
        Self {
            market: market_key,
            tranche_claim: absorbed.tranche_claim.raw(),
            tranche_cash: absorbed.tranche_cash.raw(),
            fund: absorbed.fund.raw(),
            tranche_debt: absorbed.tranche_debt.raw(),
            deficit: absorbed.deficit.raw(),
            round: market.perp.last_round,
            price: market.oracle.price,
            balance,
            books: Books::of(market),
        }
    }
}

/// What a bankrupt account is short of was absorbed (RULES 7.1).
#[event]
pub struct DeficitAbsorbed {
    /// Head; the account is the bankrupt one, the market is none.
    pub header: Header,
    /// By market.
    pub parts: Vec<Absorption>,
    /// Fund balance afterwards.
    pub fund_balance: i64,
}

/// What a touch changed: funding, deleveraging, deficit charges (RULES 7.6: the receipt).
#[event]
pub struct Touched {
    /// Head.
    pub header: Header,
    /// What changed; nothing but time if none.
    pub moved: Option<Moved>,
    /// Claims registered in a deficit round that is registering.
    pub joined: i64,
    /// Paid to `keeper` for that out of the market's fees, atoms.
    pub reward: i64,
    /// Margin account of the keeper; all zero for none.
    pub keeper: Pubkey,
    /// The keeper's cash afterwards.
    pub keeper_cash: i64,
    /// The account afterwards.
    pub balance: Balance,
    /// The market afterwards.
    pub books: Books,
}

/// A deficit round was opened, extended or closed (RULES 7.3).
#[event]
pub struct RoundAdvanced {
    /// Head.
    pub header: Header,
    /// Number of the round; zero if the tranche paid all.
    pub round: u32,
    /// Whether its registration ended now.
    pub is_closed: bool,
    /// Price the claims are measured at.
    pub price: i64,
    /// Deficit to be covered.
    pub deficit: i64,
    /// Registered claims.
    pub claims: i64,
    /// Share of each claim taken by the claims known so far, Q30; zero before the closing.
    pub share: i64,
    /// The market afterwards.
    pub books: Books,
}

/// Money came into the insurance fund.
#[event]
pub struct FundDeposited {
    /// Head.
    pub header: Header,
    /// Atoms.
    pub amount: i64,
    /// Balance afterwards.
    pub balance: i64,
}
