//! What the engine can refuse. The program maps each to a numbered error of its own.

/// Why the engine refused to compute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RiskError {
    /// A result left its range; nothing was changed.
    Overflow,
    /// A divisor was zero or negative.
    DivisionByZero,
    /// A price was outside 1 ..= 2³⁰ atoms per lot.
    PriceOutOfRange,
    /// A quantity was zero, negative or above its bound.
    QuantityOutOfRange,
    /// A parameter was outside its documented range.
    ParameterOutOfRange,
    /// A leg's notional exceeded 2⁵⁶ atoms.
    NotionalOutOfRange,
    /// The order book side is full and the new order is not better than the worst one.
    BookFull,
    /// The order is not on the book (filled, cancelled, or of another owner).
    OrderNotFound,
    /// The order's expiry is not in the future.
    OrderExpired,
    /// The order is worth less than the market's minimum.
    OrderTooSmall,
    /// The order's price is too far from the oracle price.
    PriceOutsideBand,
    /// A post-only order would trade at once.
    WouldCross,
    /// A record that must be read first has not been: touch the older positions, then retry.
    StragglersFirst,
    /// The operation does not apply in the present state.
    WrongState,
    /// More would leave the exchange than its outflow limits allow now: queue the request.
    LimitExceeded,
    /// A strike is below a hundredth or above a hundred times the forward.
    StrikeOutOfRange,
    /// An option's remaining time is outside 1 hour ..= 2 years.
    ExpiryOutOfRange,
    /// A volatility is outside 5 % ..= 500 %.
    VolatilityOutOfRange,
    /// A premium is at or beyond the bounds that hold without arbitrage: no volatility explains it.
    PremiumOutOfRange,
    /// The requested trade would raise risk where only reductions are allowed.
    NotReducing,
}

/// Result of an engine call.
pub type RiskResult<T> = core::result::Result<T, RiskError>;
