//! One function per instruction. Accounts that follow from others are derived; what an instruction needs beyond its named accounts is a
//! [`Portfolio`], the list of markets and collaterals an account uses, and the makers whose orders it may meet.

use plimsoll_state::{MarginAccount, ID};
use solana_instruction::{AccountMeta, Instruction};
use solana_pubkey::Pubkey;

mod governance;
mod insurance;
mod keeper;
mod liquidation;
mod trader;

pub use governance::*;
pub use insurance::*;
pub use keeper::*;
pub use liquidation::*;
pub use plimsoll::{
    ConvertCollateralArgs, CreateCollateralArgs, CreateGroupArgs, CreateMarketArgs, DepositArgs, FlagLiquidationArgs,
    InitializeExchangeArgs, LiquidateArgs, OpenAccountArgs, OrderArgs, SetDelegateArgs, SetQuoteFeedArgs,
};
pub use trader::*;

/// Program that creates accounts.
const SYSTEM: Pubkey = anchor_lang::system_program::ID;

/// A market and its book.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MarketKeys {
    /// The market.
    pub market: Pubkey,
    /// Its order book.
    pub book: Pubkey,
}

/// A token as an instruction sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token {
    /// Its mint.
    pub mint: Pubkey,
    /// SPL Token or Token-2022.
    pub program: Pubkey,
}

/// What margin checks read besides the margin account itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Portfolio {
    /// Markets of positions, and those that price collateral.
    pub markets: Vec<Pubkey>,
    /// Collateral accounts.
    pub collaterals: Vec<Pubkey>,
    /// Risk groups of the markets; needed where the account has two markets of one.
    pub groups: Vec<Pubkey>,
}

impl Portfolio {
    /// The markets and collaterals `account` uses now.
    pub fn of(account: &MarginAccount) -> Self {
        let traded = account.perps.iter().filter(|slot| slot.is_used()).map(|slot| slot.market);
        let deposited = account.collaterals.iter().filter(|slot| slot.is_used());
        let portfolio = traded.fold(Self::default(), Self::with_market);
        deposited.fold(portfolio, |portfolio, slot| portfolio.with_market(slot.market).with_collateral(slot.collateral))
    }

    /// The union with `other`, each key once.
    pub fn and(mut self, other: &Self) -> Self {
        for key in &other.markets {
            self = self.with_market(*key);
        }
        for key in &other.collaterals {
            if !self.collaterals.contains(key) {
                self.collaterals.push(*key);
            }
        }
        for key in &other.groups {
            self = self.with_group(*key);
        }
        self
    }

    /// With one more market.
    pub fn with_market(mut self, market: Pubkey) -> Self {
        if !self.markets.contains(&market) {
            self.markets.push(market);
        }
        self
    }

    /// With one more collateral.
    pub fn with_collateral(mut self, collateral: Pubkey) -> Self {
        if !self.collaterals.contains(&collateral) {
            self.collaterals.push(collateral);
        }
        self
    }

    /// With one more risk group.
    pub fn with_group(mut self, group: Pubkey) -> Self {
        if !self.groups.contains(&group) {
            self.groups.push(group);
        }
        self
    }

    /// With every group that one of the markets belongs to; `group_of` is what a market names, all zero for none. A check needs only those of which
    /// the account has two markets, but the instruction may open the second.
    pub fn with_groups(self, group_of: impl Fn(&Pubkey) -> Pubkey) -> Self {
        let named: Vec<_> = self.markets.iter().map(group_of).filter(|group| *group != Pubkey::default()).collect();
        named.into_iter().fold(self, Self::with_group)
    }

    /// Without `market`, which an instruction names itself.
    fn without(&self, market: Pubkey) -> Self {
        Self { markets: self.markets.iter().copied().filter(|key| *key != market).collect(), ..self.clone() }
    }

    fn metas(&self, is_writable: bool) -> Vec<AccountMeta> {
        let market = |key: &Pubkey| AccountMeta { pubkey: *key, is_signer: false, is_writable };
        let collateral = |key: &Pubkey| AccountMeta::new_readonly(*key, false);
        let read_only = self.collaterals.iter().chain(&self.groups);
        self.markets.iter().map(market).chain(read_only.map(collateral)).collect()
    }
}

fn finish(accounts: Vec<AccountMeta>, data: Vec<u8>) -> Instruction {
    Instruction { program_id: ID, accounts, data }
}

fn with(mut accounts: Vec<AccountMeta>, portfolio: &Portfolio, makers: &[Pubkey]) -> Vec<AccountMeta> {
    accounts.extend(portfolio.metas(false));
    accounts.extend(makers.iter().map(|maker| AccountMeta::new(*maker, false)));
    accounts
}
