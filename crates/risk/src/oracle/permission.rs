//! What is allowed while a price has a fault: one table, and nothing else decides (RULES 2.2).
//!
//! A sample that breaks 2.1 never becomes a condition: it is refused and the price before it ages. The conditions below are those of the
//! accepted price at the time of use; with several at once the strictest cell counts.

/// What somebody wants to do with a market.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Pay cash or collateral in.
    Deposit,
    /// Pay cash or collateral out of an account whose equity depends on this market.
    Withdraw,
    /// Trade in a way that may raise risk.
    Open,
    /// Trade in a way that lowers the position.
    Reduce,
    /// Cancel orders.
    Cancel,
    /// Turn a matured claim into cash, or a loss into a payment.
    Settle,
    /// Advance the funding index; where it is refused, a touch uses the index as it stands and the gap accrues later at the lower rate.
    AccrueFunding,
    /// Declare an account liquidatable on this market's price.
    StartLiquidation,
    /// Take a further step of a liquidation with this market's legs.
    ContinueLiquidation,
    /// Resolve a bankruptcy or open a deficit.
    Resolve,
    /// Auto-deleverage lots against the opposite side.
    Deleverage,
    /// Convert collateral priced by this market.
    ConvertCollateral,
    /// Bring a newer price.
    UpdatePrice,
}

/// A condition of the accepted price at the time of use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// At most 10 s old.
    Fresh,
    /// More than 10 s, at most 15 s old.
    Aged,
    /// More than 15 s, at most 60 s old.
    Old,
    /// More than 60 s old.
    Stale,
    /// Confidence beyond the market's limit for use.
    WideConfidence,
    /// Away from the 5-min TWAP by more than the settlement limit, or no such TWAP.
    TwapGap,
    /// Away from it by more than the trading limit, or no such TWAP.
    TwapBand,
    /// The chain or the feed was silent (RULES 2.4).
    Outage,
    /// The market never had a price.
    NoPrice,
    /// The market's price is final (RULES 2.5).
    Settling,
}

/// What the table says of an action, from lenient to strict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Permission {
    /// Go ahead.
    Allowed,
    /// Only if the account's requirement falls by it, valued at the worst case.
    AllowedIfLowersRisk,
    /// Not now.
    Refused,
}

use Permission::{Allowed as A, AllowedIfLowersRisk as L, Refused as R};

/// Number of actions.
const ACTIONS: usize = 13;

/// The table. Why a cell is strict:
/// - a price older than 10 s neither settles, starts liquidations nor takes lots from winners; older than 15 s it pays out nothing and
///   carries no new risk, and nobody's deficit is fixed by it; older than 60 s it moves nothing, and funding waits for the next one;
/// - a wide interval pays out nothing and deleverages nobody, but liquidation and resolution go on at the favourable edge;
/// - away from the TWAP nothing becomes cash: a wick must not be settled;
/// - in an outage money stays where it is until two samples agree that the feed is back; curing and liquidating go on;
/// - a settling market only pays out, and what it prices may be sold at the final price: a dead feed must not shield what is owed.
#[rustfmt::skip]
const TABLE: [(Condition, [Permission; ACTIONS]); 10] = [
    //                          deposit withdraw open reduce cancel settle funding start continue resolve adl convert update
    (Condition::Fresh,          [A,     A,       A,   A,     A,     A,     A,      A,    A,       A,      A,  A,      A]),
    (Condition::Aged,           [A,     A,       A,   A,     A,     R,     A,      R,    A,       A,      R,  A,      A]),
    (Condition::Old,            [A,     R,       R,   A,     A,     R,     A,      R,    A,       R,      R,  R,      A]),
    (Condition::Stale,          [A,     R,       R,   L,     A,     R,     R,      R,    R,       R,      R,  R,      A]),
    (Condition::WideConfidence, [A,     R,       R,   A,     A,     R,     A,      A,    A,       A,      R,  R,      A]),
    (Condition::TwapGap,        [A,     A,       A,   A,     A,     R,     A,      A,    A,       A,      A,  R,      A]),
    (Condition::TwapBand,       [A,     R,       R,   A,     A,     R,     A,      A,    A,       A,      A,  R,      A]),
    (Condition::Outage,         [A,     R,       R,   A,     A,     R,     A,      A,    A,       R,      R,  R,      A]),
    (Condition::NoPrice,        [A,     R,       R,   R,     A,     R,     R,      R,    R,       R,      R,  R,      A]),
    (Condition::Settling,       [A,     A,       R,   R,     A,     A,     R,      R,    R,       A,      R,  A,      R]),
];

/// A set of conditions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conditions(u16);

impl Conditions {
    /// The set of one.
    pub const fn of(condition: Condition) -> Self {
        Self(condition.bit())
    }
    /// This set, with `condition` if `holds`.
    pub const fn with_if(self, condition: Condition, holds: bool) -> Self {
        if holds {
            Self(self.0 | condition.bit())
        } else {
            self
        }
    }
    /// Whether `condition` is in the set.
    pub const fn contains(self, condition: Condition) -> bool {
        self.0 & condition.bit() != 0
    }
    /// The bits, for events: bit n is the n-th [`Condition`].
    pub const fn bits(self) -> u16 {
        self.0
    }
}

impl Condition {
    const fn bit(self) -> u16 {
        match self {
            Self::Fresh => 1,
            Self::Aged => 1 << 1,
            Self::Old => 1 << 2,
            Self::Stale => 1 << 3,
            Self::WideConfidence => 1 << 4,
            Self::TwapGap => 1 << 5,
            Self::TwapBand => 1 << 6,
            Self::Outage => 1 << 7,
            Self::NoPrice => 1 << 8,
            Self::Settling => 1 << 9,
        }
    }
}

impl Action {
    const fn column(self) -> usize {
        match self {
            Self::Deposit => 0,
            Self::Withdraw => 1,
            Self::Open => 2,
            Self::Reduce => 3,
            Self::Cancel => 4,
            Self::Settle => 5,
            Self::AccrueFunding => 6,
            Self::StartLiquidation => 7,
            Self::ContinueLiquidation => 8,
            Self::Resolve => 9,
            Self::Deleverage => 10,
            Self::ConvertCollateral => 11,
            Self::UpdatePrice => 12,
        }
    }
}

/// The strictest cell of `action` over all `conditions`. An empty set is no price at all and refuses.
pub fn permission(conditions: Conditions, action: Action) -> Permission {
    let present = TABLE.iter().filter(|(condition, _)| conditions.contains(*condition));
    present.map(|(_, row)| row.get(action.column()).copied().unwrap_or(R)).max().unwrap_or(R)
}
