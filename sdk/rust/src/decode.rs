//! Account bytes to layouts, and program errors to words.

use plimsoll_state::{AdlRound, Collateral, Exchange, InsuranceFund, MarginAccount, Market, OrderBook, RiskGroup, WithdrawalRequest};

/// Any account of the program, copied out of its bytes.
#[derive(Clone)]
pub enum Account {
    /// A clearing house.
    Exchange(Box<Exchange>),
    /// A market.
    Market(Box<Market>),
    /// A margin account.
    MarginAccount(Box<MarginAccount>),
    /// A collateral.
    Collateral(Box<Collateral>),
    /// An insurance fund.
    InsuranceFund(Box<InsuranceFund>),
    /// An order book.
    OrderBook(Box<OrderBook>),
    /// A risk group.
    RiskGroup(Box<RiskGroup>),
    /// A round of ranked deleveraging.
    AdlRound(Box<AdlRound>),
    /// A queued withdrawal.
    WithdrawalRequest(Box<WithdrawalRequest>),
}

/// Copies a layout out of an account's bytes, whatever their alignment; `None` for another type or a wrong size.
pub fn layout<T: Layout>(data: &[u8]) -> Option<T> {
    let body = data.strip_prefix(T::TAG.as_slice())?;
    (body.len() == size_of::<T>()).then(|| T::read(body))
}

/// A layout of the program.
pub trait Layout: Copy {
    /// First eight bytes of the account.
    const TAG: &'static [u8; 8];
    /// The layout in exactly as many bytes.
    fn read(body: &[u8]) -> Self;
}

macro_rules! layouts {
    ($($name:ident),*) => {
        $(impl Layout for $name {
            const TAG: &'static [u8; 8] = $name::TAG;
            fn read(body: &[u8]) -> Self {
                bytemuck::pod_read_unaligned(body)
            }
        })*

        impl Account {
            /// Any account of the program; `None` for bytes that are none.
            pub fn decode(data: &[u8]) -> Option<Self> {
                $(if data.starts_with($name::TAG) {
                    return layout::<$name>(data).map(|value| Self::$name(Box::new(value)));
                })*
                None
            }
        }
    };
}

layouts!(Exchange, Market, MarginAccount, Collateral, InsuranceFund, OrderBook, RiskGroup, AdlRound, WithdrawalRequest);

/// One entry of the program's error table.
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize)]
pub struct ErrorEntry {
    /// Number on chain.
    pub code: u32,
    /// Name.
    pub name: String,
    /// What the caller can do.
    pub msg: String,
}

/// The program's error table, from its committed interface description.
pub fn errors() -> Vec<ErrorEntry> {
    #[derive(serde::Deserialize)]
    struct Interface {
        errors: Vec<ErrorEntry>,
    }
    serde_json::from_str::<Interface>(include_str!("../../../idl/plimsoll.json")).map(|interface| interface.errors).unwrap_or_default()
}

/// The entry of a custom error number as it appears on chain, if it is this program's.
pub fn error(code: u32) -> Option<ErrorEntry> {
    errors().into_iter().find(|entry| entry.code == code)
}
