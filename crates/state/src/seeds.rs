//! Seeds of every program-derived address, in one place for program and clients.

/// Exchange: `[EXCHANGE, governor]`.
pub const EXCHANGE: &[u8] = b"exchange";
/// Vault of the quote token: `[VAULT, exchange]`.
pub const VAULT: &[u8] = b"vault";
/// Insurance fund: `[INSURANCE, exchange]`.
pub const INSURANCE: &[u8] = b"insurance";
/// Vault of the insurance fund: `[INSURANCE_VAULT, exchange]`.
pub const INSURANCE_VAULT: &[u8] = b"insurance_vault";
/// Market: `[MARKET, exchange, index as u16 little-endian]`.
pub const MARKET: &[u8] = b"market";
/// Risk group: `[GROUP, exchange, number as u16 little-endian]`.
pub const GROUP: &[u8] = b"group";
/// Collateral: `[COLLATERAL, exchange, mint]`.
pub const COLLATERAL: &[u8] = b"collateral";
/// Vault of a collateral: `[COLLATERAL_VAULT, collateral]`.
pub const COLLATERAL_VAULT: &[u8] = b"collateral_vault";
/// Withdrawal request: `[WITHDRAWAL, margin account, mint]`.
pub const WITHDRAWAL: &[u8] = b"withdrawal";
/// Margin account: `[MARGIN, exchange, owner, number as u32 little-endian]`.
pub const MARGIN: &[u8] = b"margin";
/// Round of a bankrupt account: `[ADL, market, margin account]`.
pub const ADL: &[u8] = b"adl";
