//! Program-derived addresses, from the seeds the program uses.

use plimsoll_state::{seeds, ID};
use solana_pubkey::Pubkey;

fn derive(parts: &[&[u8]]) -> Pubkey {
    Pubkey::find_program_address(parts, &ID).0
}

/// The clearing house of `governor`.
pub fn exchange(governor: &Pubkey) -> Pubkey {
    derive(&[seeds::EXCHANGE, governor.as_ref()])
}

/// Vault of the quote token.
pub fn vault(exchange: &Pubkey) -> Pubkey {
    derive(&[seeds::VAULT, exchange.as_ref()])
}

/// Insurance fund.
pub fn insurance(exchange: &Pubkey) -> Pubkey {
    derive(&[seeds::INSURANCE, exchange.as_ref()])
}

/// Vault of the insurance fund.
pub fn insurance_vault(exchange: &Pubkey) -> Pubkey {
    derive(&[seeds::INSURANCE_VAULT, exchange.as_ref()])
}

/// Market number `index`.
pub fn market(exchange: &Pubkey, index: u16) -> Pubkey {
    derive(&[seeds::MARKET, exchange.as_ref(), &index.to_le_bytes()])
}

/// Risk group `number`.
pub fn group(exchange: &Pubkey, number: u16) -> Pubkey {
    derive(&[seeds::GROUP, exchange.as_ref(), &number.to_le_bytes()])
}

/// Listing of a collateral token.
pub fn collateral(exchange: &Pubkey, mint: &Pubkey) -> Pubkey {
    derive(&[seeds::COLLATERAL, exchange.as_ref(), mint.as_ref()])
}

/// Vault of a collateral.
pub fn collateral_vault(collateral: &Pubkey) -> Pubkey {
    derive(&[seeds::COLLATERAL_VAULT, collateral.as_ref()])
}

/// Withdrawal request of a margin account for the token of `mint`.
pub fn withdrawal(margin_account: &Pubkey, mint: &Pubkey) -> Pubkey {
    derive(&[seeds::WITHDRAWAL, margin_account.as_ref(), mint.as_ref()])
}

/// Margin account `number` of `owner`.
pub fn margin_account(exchange: &Pubkey, owner: &Pubkey, number: u32) -> Pubkey {
    derive(&[seeds::MARGIN, exchange.as_ref(), owner.as_ref(), &number.to_le_bytes()])
}

/// Round of ranked deleveraging of a bankrupt account in a market.
pub fn adl_round(market: &Pubkey, margin_account: &Pubkey) -> Pubkey {
    derive(&[seeds::ADL, market.as_ref(), margin_account.as_ref()])
}

/// Signs the program's own event calls.
pub fn event_authority() -> Pubkey {
    derive(&[b"__event_authority"])
}
