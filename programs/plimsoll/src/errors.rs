//! Every refusal, numbered by area; on chain the number is 6000 + the value here. Each message says what the caller can do.

use anchor_lang::prelude::*;
use plimsoll_risk::margin::TradeRefusal;
use plimsoll_risk::oracle::Fault;
use plimsoll_risk::RiskError;

/// Why an instruction was refused. Nothing has changed when one of these is returned.
#[error_code]
#[derive(PartialEq, Eq)]
pub enum PlimsollError {
    // 100s: who and which account
    /// Signer is neither owner nor an allowed delegate.
    #[msg("The signer may not act for this margin account: sign with its owner, or with its delegate for trading.")]
    NotAuthorised = 100,
    /// Only the governor may do this.
    #[msg("Only the exchange's governor may do this: sign with the governor's key.")]
    NotGovernor = 101,
    /// An account belongs to another exchange.
    #[msg("An account belongs to another exchange: pass accounts of one exchange.")]
    WrongExchange = 102,
    /// The book is not this market's.
    #[msg("This order book is not the market's: pass the book named in the market account.")]
    WrongBook = 103,
    /// A market that the account holds a leg in was not passed.
    #[msg("A market in which this account has a leg is missing: pass every market of the account among the remaining accounts.")]
    MissingMarket = 104,
    /// A collateral account that the margin account uses was not passed.
    #[msg("A collateral account is missing: pass the collateral account of every deposited collateral among the remaining accounts.")]
    MissingCollateral = 105,
    /// An account is passed twice, or in two roles that must differ.
    #[msg("The same account is passed in two roles that must differ: use two different margin accounts.")]
    SameAccount = 106,
    /// The mint cannot be used.
    #[msg(
        "This mint cannot be used: it needs 6 decimals for the quote, and no transfer hook, fee, freeze by default or permanent delegate."
    )]
    MintNotAllowed = 108,
    /// The vault is not the one recorded.
    #[msg("This token account is not the recorded vault: pass the vault named in the exchange, collateral or insurance account.")]
    WrongVault = 109,
    /// Market index or count is exhausted.
    #[msg("The list is full: close or reuse an existing entry first.")]
    TooMany = 110,
    /// The account still holds something.
    #[msg("The margin account is not empty: withdraw, settle, close positions and cancel orders first.")]
    AccountNotEmpty = 111,
    /// A remaining account must be writable.
    #[msg("A market or maker account that this instruction changes is not writable: mark it writable.")]
    NotWritable = 112,
    /// A wrong market was passed for this role.
    #[msg("This market is not the one the collateral or account refers to: pass the recorded market.")]
    WrongMarket = 113,
    /// Only the governor or the guardian may do this.
    #[msg("Only the exchange's governor or its guardian may do this: sign with one of their keys.")]
    NotGuardian = 115,
    /// No more pauses now.
    #[msg("A pause lasts 30 minutes, at most two follow on each other and at most three begin in a day: wait.")]
    PauseLimit = 116,
    /// The pause is running.
    #[msg("There is no pause to lift, or it is not over yet: only governor or guardian lift one before its time.")]
    PauseRuns = 117,
    /// The request is another one.
    #[msg("The request is not the one these accounts belong to: pass the margin account, collateral and receiver that it names.")]
    WrongRequest = 118,
    /// An account holds a layout version this program does not read.
    #[msg("The account has another layout version: migrate it first.")]
    WrongVersion = 114,
    /// The markets passed are not the group's.
    #[msg("A risk group has two to eight markets, listed in its account: pass exactly those, each once, in that order.")]
    GroupMarkets = 120,
    /// A market is in a risk group already.
    #[msg("The market is in a risk group already: leave it out, and pass no market twice.")]
    MarketInGroup = 121,
    /// Two or more of the account's markets belong to a risk group that was not passed.
    #[msg("Pass the risk group: two or more of the account's markets belong to it")]
    MissingRiskGroup = 122,

    // 200s: prices
    /// Not owned by the Pyth receiver.
    #[msg("The price account is not owned by the Pyth receiver program: post the update through the receiver.")]
    PriceWrongOwner = 200,
    /// Not a price update account.
    #[msg("The price account does not hold a price update: pass a PriceUpdateV2 account.")]
    PriceMalformed = 201,
    /// Another feed.
    #[msg("The price update is of another feed: pass the feed named in the market.")]
    PriceWrongFeed = 202,
    /// Not fully verified.
    #[msg("The price update is only partially verified: post it with full verification.")]
    PriceNotVerified = 203,
    /// Zero or negative.
    #[msg("The price is zero or negative: wait for the next update.")]
    PriceNotPositive = 204,
    /// Exponent changed.
    #[msg("The price's exponent is not the market's: this market needs governance before it can continue.")]
    PriceExponentChanged = 205,
    /// Confidence too wide.
    #[msg("The price's confidence interval is too wide: wait for a narrower update.")]
    PriceTooWide = 206,
    /// Outside the asset's absolute bounds.
    #[msg("The price is outside the market's absolute bounds: wait for the next update.")]
    PriceOutOfBounds = 207,
    /// From the future.
    #[msg("The price is from more than 10 seconds in the future: pass a current update.")]
    PriceFromFuture = 208,
    /// Too old to be the quote token's price.
    #[msg("The price is more than 60 seconds old: pass a current update.")]
    PriceTooOld = 209,
    /// Action refused in the present oracle condition.
    #[msg(
        "This action is not allowed while the price is uncertain (wide, away from its average, or after an outage): wait, or reduce risk."
    )]
    PriceConditionRefused = 210,
    /// The caller's own limit was not met.
    #[msg("The price moved past the limit you gave: send again with a new limit.")]
    LimitNotMet = 211,
    /// The feed lives, or the market is settling already.
    #[msg("The market's price is not six hours old, there never was one, or it is final already: wait, or settle.")]
    FeedNotDead = 212,
    /// The exchange measures no depeg.
    #[msg("The exchange has no feed of its quote token yet: its governor names one with set_quote_feed.")]
    NoQuoteFeed = 213,
    /// The feed has been named.
    #[msg("The feed of the quote token is named already and stays: pass its updates to update_quote.")]
    QuoteFeedNamed = 214,

    // 300s: margin
    /// Below initial margin.
    #[msg("Not enough margin: deposit, or make the trade smaller so that equity stays at or above initial margin.")]
    BelowInitialMargin = 300,
    /// A trade below initial margin must improve the account.
    #[msg("Below initial margin a trade must reduce risk and not worsen equity over maintenance margin: reduce the position.")]
    MustImprove = 301,
    /// Equity is not positive.
    #[msg("Equity is zero or negative: only a deposit or resolution can change this account.")]
    NoEquity = 302,
    /// Not enough cash.
    #[msg("Not enough cash: settle profits or withdraw a smaller amount.")]
    InsufficientCash = 303,
    /// Withdrawal limits.
    #[msg("More would leave than the limits of this hour or day allow, or others are waiting: use request_withdrawal, or withdraw less.")]
    OutflowLimit = 304,
    /// Not enough collateral.
    #[msg("Not enough of this collateral is deposited: withdraw a smaller amount.")]
    InsufficientCollateral = 305,
    /// Deposit cap.
    #[msg("The collateral's deposit cap is reached: deposit less.")]
    CollateralCap = 306,
    /// Settling one market alone is not allowed below IM.
    #[msg("Below initial margin no single market can be settled alone: use settle_estate.")]
    SettleEstateInstead = 307,
    /// Nothing can be settled now.
    #[msg("Nothing can be settled now: claims mature over time, the price must be near its average and no deficit may be open.")]
    NothingToSettle = 308,
    /// The equity must stay above a tenth of gross notional.
    #[msg("After a withdrawal equity must be at least a tenth of gross notional: withdraw less.")]
    NotionalFloor = 309,
    /// There is room for the withdrawal.
    #[msg("Nobody is waiting and the limits have room for this amount: use withdraw or withdraw_collateral.")]
    WithdrawAtOnce = 310,
    /// The request has been granted nothing yet.
    #[msg("This request has been granted nothing it has not been paid: call again after the next hourly share.")]
    NothingGranted = 311,
    /// Withdrawals are paused.
    #[msg("Withdrawals are paused, for an hour at most: send again when the pause is over.")]
    WithdrawalsPaused = 312,
    /// The delegate's fills would cost more than the owner allows.
    #[msg("The delegate's fills would give away more than the owner allows in a day: trade nearer to the mark, or the owner calls set_delegate.")]
    DelegateLossCap = 313,

    // 400s: orders
    /// Quantity is zero or too large.
    #[msg("The quantity is zero or too large: use 1 to 2^30 lots, and at least the minimum order value.")]
    QuantityOutOfRange = 400,
    /// Price is off the grid or out of range.
    #[msg("The price is out of range or not a multiple of the tick: correct it.")]
    OrderPriceOutOfRange = 401,
    /// Price beyond the band.
    #[msg("The price is outside the band around the oracle price: move it closer.")]
    OutsideBand = 402,
    /// Post-only would cross.
    #[msg("The post-only order would trade at once: lower the bid or raise the ask.")]
    PostOnlyCrosses = 403,
    /// Book is full.
    #[msg("The book side is full of better orders: improve the price.")]
    BookFull = 404,
    /// Order slots are full.
    #[msg("All 32 order slots are in use: cancel one first.")]
    OrderSlotsFull = 405,
    /// No such order.
    #[msg("The order is not open: it was filled, cancelled or never existed.")]
    OrderNotFound = 406,
    /// Position slots are full.
    #[msg("All slots or all eight markets of the account are in use: close one or use a sub-account.")]
    PositionSlotsFull = 407,
    /// Reduce-only would increase.
    #[msg("A reduce-only order must be against the position: flip the side or clear the flag.")]
    ReduceOnlyIncreases = 408,
    /// Market does not take new risk.
    #[msg("The market takes reductions only at present: reduce, or wait.")]
    MarketReduceOnly = 409,
    /// A maker of a matching order is missing.
    #[msg("A maker's margin account is missing: pass the owners of the best resting orders among the remaining accounts.")]
    MissingMaker = 410,
    /// Already expired.
    #[msg("The order's expiry is in the past: give a later one, or 0 for none.")]
    AlreadyExpired = 411,
    /// No dead order was found.
    #[msg("No dead order was found among the best of either side: pass the accounts that cancelled all or were closed.")]
    NothingToSweep = 412,

    // 500s: liquidation
    /// Healthy account.
    #[msg("The account is healthy: nothing to liquidate.")]
    NotLiquidatable = 500,
    /// First failing sample recorded; wait for the second.
    #[msg("A second failing price sample at least 2 seconds later is needed: update the market and call again.")]
    AwaitSecondSample = 501,
    /// Pause between slices.
    #[msg("The pause between slices is not over: call again later.")]
    SlicePause = 502,
    /// Take-over not open yet.
    #[msg("The take-over is not open yet: pass the makers so that the book fills first, or wait ten seconds.")]
    TakeoverNotOpen = 503,
    /// Liquidator margin.
    #[msg("The liquidator would fall below its exit target: add margin or take fewer lots.")]
    LiquidatorMargin = 504,
    /// No position in that market.
    #[msg("The account has no position in this market: pass a market in which it has one.")]
    NoPosition = 505,
    /// Not bankrupt.
    #[msg("The account is not bankrupt: liquidate it, or settle its estate first.")]
    NotBankrupt = 506,
    /// Lots remain.
    #[msg("Lots are still open: close them by take-over or auto-deleveraging first.")]
    LotsRemain = 507,
    /// A post-condition failed.
    #[msg("The liquidation would not leave the account better off: take fewer lots.")]
    NoProgress = 508,
    /// The account holds options, which the linear liquidation cannot take over.
    #[msg("This account holds options: leg-by-leg liquidation does not apply to it; cancel its orders with cancel_failing")]
    HoldsOptions = 509,
    /// The account is under the grace period after ADL.
    #[msg("The account was pushed under by auto-deleveraging only and has ten minutes: wait, or act when equity is below half of maintenance margin.")]
    AdlGrace = 510,
    /// A round of ranked deleveraging has to come first.
    #[msg("Candidates come before the side index: open an ADL round for this account and wait 60 seconds.")]
    AdlRoundFirst = 511,
    /// Candidates are registering.
    #[msg("Candidates may register for 60 seconds after the opening: register some, or call again when the time is over.")]
    AdlRegistering = 512,
    /// Cuts wait for their execution.
    #[msg("Registered candidates come first: execute their cuts, or wait until 120 seconds after the opening.")]
    AdlExecuting = 513,
    /// The position is too small for a round.
    #[msg("The position is worth less than $1,000 and needs no ADL round: call deleverage.")]
    AdlNotNeeded = 514,
    /// The round's window for this is over or has not begun.
    #[msg("The ADL round is not in its time for this: candidates register in the first 60 seconds, cuts are executed in the next 60.")]
    AdlWindow = 515,
    /// Not a candidate.
    #[msg("The account is no candidate: it needs equity and, on the opposite side, at least a 64th of the round's lots.")]
    NotACandidate = 516,
    /// Not more levered than what is listed.
    #[msg("The account is listed already with this leverage or more, or the list is full of accounts with more: register another.")]
    AdlScoreTooLow = 517,
    /// The round is still needed.
    #[msg("The ADL round is still needed: close it when the account's lots are gone, or ten minutes after its opening.")]
    AdlRoundInUse = 518,

    /// A witness names scenarios in which the account is not short.
    #[msg("The named scenarios show no shortfall of maintenance margin: name the account's worst ones, or call liquidate, which looks at all.")]
    NoShortfallShown = 519,
    /// Nothing left to flag.
    #[msg("The account is in liquidation or bankrupt already: go on with liquidate or the resolution.")]
    AlreadyFlagged = 520,

    // 600s: insurance, deficit rounds
    /// Round not ready.
    #[msg("The deficit round is not ready to close: wait until 60 seconds after its opening.")]
    RoundNotReady = 600,
    /// Records are waiting for positions to be touched.
    #[msg("Older records still wait for positions to be touched: touch them, then retry.")]
    StragglersFirst = 601,

    // 700s: numbers
    /// Overflow.
    #[msg("A number left its range: use smaller quantities.")]
    Overflow = 700,
    /// Parameter out of range.
    #[msg("A parameter is outside its documented range: correct it.")]
    ParameterOutOfRange = 701,
    /// State does not allow this.
    #[msg(
        "The market or account is not in a state that allows this: bring both up to date with update_market and touch, then retry or wait."
    )]
    WrongState = 702,
    /// Vault and ledger disagree; nothing moved.
    #[msg("The token movement differs from the ledger: the mint may charge a fee; nothing was moved.")]
    TokenDelta = 703,
    /// A state law would be broken; nothing moved.
    #[msg("An invariant would be broken; nothing was changed. Please report this transaction.")]
    InvariantBroken = 704,
}

impl From<RiskError> for PlimsollError {
    fn from(error: RiskError) -> Self {
        match error {
            RiskError::PriceOutOfRange => Self::OrderPriceOutOfRange,
            RiskError::QuantityOutOfRange | RiskError::NotionalOutOfRange => Self::QuantityOutOfRange,
            RiskError::ParameterOutOfRange
            | RiskError::StrikeOutOfRange
            | RiskError::ExpiryOutOfRange
            | RiskError::VolatilityOutOfRange
            | RiskError::PremiumOutOfRange => Self::ParameterOutOfRange,
            RiskError::BookFull => Self::BookFull,
            RiskError::OrderNotFound => Self::OrderNotFound,
            RiskError::StragglersFirst => Self::StragglersFirst,
            RiskError::WrongState => Self::WrongState,
            RiskError::NotReducing => Self::MustImprove,
            RiskError::LimitExceeded => Self::OutflowLimit,
            RiskError::OrderExpired => Self::AlreadyExpired,
            RiskError::OrderTooSmall => Self::QuantityOutOfRange,
            RiskError::PriceOutsideBand => Self::OutsideBand,
            RiskError::WouldCross => Self::PostOnlyCrosses,
            _ => Self::Overflow,
        }
    }
}

impl From<TradeRefusal> for PlimsollError {
    fn from(refusal: TradeRefusal) -> Self {
        match refusal {
            TradeRefusal::NoEquity => Self::NoEquity,
            TradeRefusal::BelowInitial => Self::BelowInitialMargin,
            TradeRefusal::RatioFalls | TradeRefusal::EquityNegative | TradeRefusal::PriceWorse => Self::MustImprove,
        }
    }
}

impl From<Fault> for PlimsollError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::WrongOwner => Self::PriceWrongOwner,
            Fault::WrongFeed => Self::PriceWrongFeed,
            Fault::PartialVerification => Self::PriceNotVerified,
            Fault::MarketSettling => Self::WrongState,
            Fault::PriceNotPositive => Self::PriceNotPositive,
            Fault::ExponentChanged => Self::PriceExponentChanged,
            Fault::ConfidenceTooWide => Self::PriceTooWide,
            Fault::OutOfBounds => Self::PriceOutOfBounds,
            Fault::FromTheFuture => Self::PriceFromFuture,
            Fault::TooOld => Self::PriceTooOld,
            Fault::BadState => Self::InvariantBroken,
        }
    }
}

/// Lets `?` turn an engine refusal into the program's numbered error.
pub trait OrRefuse<T> {
    /// The value, or the numbered error.
    fn or_refuse(self) -> Result<T>;
}

impl<T> OrRefuse<T> for plimsoll_risk::RiskResult<T> {
    fn or_refuse(self) -> Result<T> {
        self.map_err(|error| PlimsollError::from(error).into())
    }
}
