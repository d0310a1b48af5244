//! One function per instruction. Accounts that follow from others are derived; what an instruction needs beyond its named accounts is a
//! [`Portfolio`], the list of markets and collaterals an account uses, and the makers whose orders it may meet.

use crate::address;
use anchor_lang::{InstructionData, ToAccountMetas};
use plimsoll::{accounts, instruction};
use plimsoll_risk::margin::Witness;
use plimsoll_state::{MarginAccount, RiskGroup, ID};
use solana_instruction::{AccountMeta, Instruction};
use solana_pubkey::Pubkey;

pub use plimsoll::{
    ConvertCollateralArgs, CreateCollateralArgs, CreateGroupArgs, CreateMarketArgs, DepositArgs, FlagLiquidationArgs,
    InitializeExchangeArgs, LiquidateArgs, OpenAccountArgs, OrderArgs, SetDelegateArgs,
};

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

/// Opens a clearing house of `governor`.
pub fn initialize_exchange(payer: Pubkey, governor: Pubkey, quote: Token, args: InitializeExchangeArgs) -> Instruction {
    let exchange = address::exchange(&governor);
    let accounts = accounts::InitializeExchange {
        payer,
        governor,
        exchange,
        insurance: address::insurance(&exchange),
        quote_mint: quote.mint,
        vault: address::vault(&exchange),
        insurance_vault: address::insurance_vault(&exchange),
        token_program: quote.program,
        system_program: SYSTEM,
    };
    finish(accounts.to_account_metas(None), instruction::InitializeExchange { args }.data())
}

/// Lists a market; `book` is a zeroed account of [`plimsoll_state::OrderBook::SPACE`] bytes owned by the program.
pub fn create_market(payer: Pubkey, governor: Pubkey, book: Pubkey, args: CreateMarketArgs) -> Instruction {
    let exchange = address::exchange(&governor);
    let market = address::market(&exchange, args.index);
    let accounts = accounts::CreateMarket { payer, governor, exchange, market, book, system_program: SYSTEM };
    finish(accounts.to_account_metas(None), instruction::CreateMarket { args }.data())
}

/// Puts `markets`, in this order, into a risk group.
pub fn create_group(payer: Pubkey, governor: Pubkey, markets: &[Pubkey], args: CreateGroupArgs) -> Instruction {
    let exchange = address::exchange(&governor);
    let group = address::group(&exchange, args.number);
    let mut accounts = accounts::CreateGroup { payer, governor, exchange, group, system_program: SYSTEM }.to_account_metas(None);
    accounts.extend(markets.iter().map(|market| AccountMeta::new(*market, false)));
    finish(accounts, instruction::CreateGroup { args }.data())
}

/// Lists a collateral token that `market` prices.
pub fn create_collateral(payer: Pubkey, governor: Pubkey, market: Pubkey, token: Token, args: CreateCollateralArgs) -> Instruction {
    let exchange = address::exchange(&governor);
    let collateral = address::collateral(&exchange, &token.mint);
    let accounts = accounts::CreateCollateral {
        payer,
        governor,
        exchange,
        market,
        mint: token.mint,
        collateral,
        vault: address::collateral_vault(&collateral),
        token_program: token.program,
        system_program: SYSTEM,
    };
    finish(accounts.to_account_metas(None), instruction::CreateCollateral { args }.data())
}

/// Opens margin account `args.number` of `owner`.
pub fn open_account(payer: Pubkey, owner: Pubkey, exchange: Pubkey, args: OpenAccountArgs) -> Instruction {
    let margin_account = address::margin_account(&exchange, &owner, args.number);
    let accounts = accounts::OpenAccount { payer, owner, exchange, margin_account, system_program: SYSTEM };
    finish(accounts.to_account_metas(None), instruction::OpenAccount { args }.data())
}

/// Names, changes or dismisses the delegate.
pub fn set_delegate(owner: Pubkey, margin_account: Pubkey, args: SetDelegateArgs) -> Instruction {
    finish(accounts::SetDelegate { owner, margin_account }.to_account_metas(None), instruction::SetDelegate { args }.data())
}

/// Closes an empty margin account.
pub fn close_account(owner: Pubkey, margin_account: Pubkey) -> Instruction {
    finish(accounts::CloseAccount { owner, margin_account }.to_account_metas(None), instruction::CloseAccount {}.data())
}

/// Brings `amount` atoms of the quote from the token account `from`.
pub fn deposit(payer: Pubkey, exchange: Pubkey, margin_account: Pubkey, quote: Token, from: Pubkey, amount: u64) -> Instruction {
    let accounts = accounts::Deposit {
        payer,
        exchange,
        margin_account,
        quote_mint: quote.mint,
        vault: address::vault(&exchange),
        from,
        token_program: quote.program,
        event_authority: address::event_authority(),
        program: ID,
    };
    finish(accounts.to_account_metas(None), instruction::Deposit { args: DepositArgs { amount } }.data())
}

/// Takes `amount` atoms of the quote to the token account `to`.
pub fn withdraw(
    owner: Pubkey,
    exchange: Pubkey,
    margin_account: Pubkey,
    quote: Token,
    to: Pubkey,
    amount: u64,
    portfolio: &Portfolio,
) -> Instruction {
    let accounts = accounts::Withdraw {
        owner,
        exchange,
        margin_account,
        quote_mint: quote.mint,
        vault: address::vault(&exchange),
        to,
        token_program: quote.program,
        event_authority: address::event_authority(),
        program: ID,
    };
    let args = plimsoll::WithdrawArgs { amount };
    finish(with(accounts.to_account_metas(None), portfolio, &[]), instruction::Withdraw { args }.data())
}

/// Brings `amount` atoms of a listed collateral, which `market` prices, from the token account `from`.
pub fn deposit_collateral(
    owner: Pubkey,
    exchange: Pubkey,
    margin_account: Pubkey,
    market: Pubkey,
    token: Token,
    from: Pubkey,
    amount: u64,
) -> Instruction {
    let collateral = address::collateral(&exchange, &token.mint);
    let accounts = accounts::DepositCollateral {
        owner,
        collateral,
        market,
        margin_account,
        mint: token.mint,
        vault: address::collateral_vault(&collateral),
        from,
        token_program: token.program,
        event_authority: address::event_authority(),
        program: ID,
    };
    let args = plimsoll::DepositCollateralArgs { amount };
    finish(accounts.to_account_metas(None), instruction::DepositCollateral { args }.data())
}

/// Takes `amount` atoms of a listed collateral to the token account `to`.
pub fn withdraw_collateral(
    owner: Pubkey,
    exchange: Pubkey,
    margin_account: Pubkey,
    token: Token,
    to: Pubkey,
    amount: u64,
    portfolio: &Portfolio,
) -> Instruction {
    let collateral = address::collateral(&exchange, &token.mint);
    let accounts = accounts::WithdrawCollateral {
        owner,
        exchange,
        collateral,
        margin_account,
        mint: token.mint,
        vault: address::collateral_vault(&collateral),
        to,
        token_program: token.program,
        event_authority: address::event_authority(),
        program: ID,
    };
    let args = plimsoll::WithdrawCollateralArgs { amount };
    finish(with(accounts.to_account_metas(None), portfolio, &[]), instruction::WithdrawCollateral { args }.data())
}

/// Queues a withdrawal of `amount` atoms to the token account `to`: of a listed collateral, or of the quote token where `collateral` is none.
#[allow(clippy::too_many_arguments, reason = "the instruction has this many free accounts")]
pub fn request_withdrawal(
    owner: Pubkey,
    exchange: Pubkey,
    margin_account: Pubkey,
    collateral: Option<Pubkey>,
    token: Token,
    to: Pubkey,
    amount: u64,
    portfolio: &Portfolio,
) -> Instruction {
    let accounts = accounts::RequestWithdrawal {
        owner,
        exchange,
        margin_account,
        collateral,
        request: address::withdrawal(&margin_account, &token.mint),
        to,
        system_program: SYSTEM,
        event_authority: address::event_authority(),
        program: ID,
    };
    let args = plimsoll::RequestWithdrawalArgs { amount };
    finish(with(accounts.to_account_metas(None), portfolio, &[]), instruction::RequestWithdrawal { args }.data())
}

/// Takes a queued withdrawal back.
pub fn cancel_withdrawal(owner: Pubkey, exchange: Pubkey, margin_account: Pubkey, collateral: Option<Pubkey>, token: Token) -> Instruction {
    let accounts = accounts::CancelWithdrawal {
        owner,
        exchange,
        margin_account,
        collateral,
        request: address::withdrawal(&margin_account, &token.mint),
        event_authority: address::event_authority(),
        program: ID,
    };
    finish(accounts.to_account_metas(None), instruction::CancelWithdrawal {}.data())
}

/// Pays a queued withdrawal of `owner` what it has been granted; `to` is the token account that the request names.
#[allow(clippy::too_many_arguments, reason = "the instruction has this many free accounts")]
pub fn process_withdrawal(
    owner: Pubkey,
    exchange: Pubkey,
    margin_account: Pubkey,
    collateral: Option<Pubkey>,
    token: Token,
    to: Pubkey,
    portfolio: &Portfolio,
) -> Instruction {
    let accounts = accounts::ProcessWithdrawal {
        exchange,
        margin_account,
        collateral,
        request: address::withdrawal(&margin_account, &token.mint),
        owner,
        mint: token.mint,
        vault: collateral.map_or_else(|| address::vault(&exchange), |collateral| address::collateral_vault(&collateral)),
        to,
        token_program: token.program,
        event_authority: address::event_authority(),
        program: ID,
    };
    finish(with(accounts.to_account_metas(None), portfolio, &[]), instruction::ProcessWithdrawal {}.data())
}

/// Trades; `makers` own the best orders on the other side.
pub fn place_order(
    authority: Pubkey,
    margin_account: Pubkey,
    market: MarketKeys,
    args: OrderArgs,
    portfolio: &Portfolio,
    makers: &[Pubkey],
) -> Instruction {
    let MarketKeys { market, book } = market;
    let event_authority = address::event_authority();
    let accounts = accounts::PlaceOrder { authority, margin_account, market, book, event_authority, program: ID };
    finish(with(accounts.to_account_metas(None), &portfolio.without(market), makers), instruction::PlaceOrder { args }.data())
}

/// Cancels one order.
pub fn cancel_order(authority: Pubkey, margin_account: Pubkey, market: MarketKeys, order: u64) -> Instruction {
    let MarketKeys { market, book } = market;
    let accounts = accounts::CancelOrder { authority, margin_account, market, book };
    let args = plimsoll::CancelOrderArgs { order };
    finish(accounts.to_account_metas(None), instruction::CancelOrder { args }.data())
}

/// Cancels all orders.
pub fn cancel_all(authority: Pubkey, margin_account: Pubkey) -> Instruction {
    finish(accounts::CancelAll { authority, margin_account }.to_account_metas(None), instruction::CancelAll {}.data())
}

/// Brings a market to the price in `price_update`.
pub fn update_market(market: Pubkey, price_update: Pubkey) -> Instruction {
    finish(accounts::UpdateMarket { market, price_update }.to_account_metas(None), instruction::UpdateMarket {}.data())
}

/// Brings the risk group at `key` to the last buckets of its markets.
pub fn update_group(key: Pubkey, group: &RiskGroup) -> Instruction {
    let mut accounts = accounts::UpdateGroup { group: key }.to_account_metas(None);
    accounts.extend(group.members().iter().map(|market| AccountMeta::new_readonly(*market, false)));
    finish(accounts, instruction::UpdateGroup {}.data())
}

/// Makes the price of a market final whose feed is dead.
pub fn begin_settling(market: Pubkey) -> Instruction {
    let accounts = accounts::BeginSettling { market, event_authority: address::event_authority(), program: ID };
    finish(accounts.to_account_metas(None), instruction::BeginSettling {}.data())
}

/// Pauses new risk in `market`, or withdrawals where it is none.
pub fn pause(authority: Pubkey, exchange: Pubkey, market: Option<Pubkey>) -> Instruction {
    finish(accounts::StartPause { authority, exchange, market }.to_account_metas(None), instruction::Pause {}.data())
}

/// Lifts a pause.
pub fn lift_pause(authority: Pubkey, exchange: Pubkey, market: Option<Pubkey>) -> Instruction {
    finish(accounts::LiftPause { authority, exchange, market }.to_account_metas(None), instruction::LiftPause {}.data())
}

/// Samples the funding premium.
pub fn update_funding(market: MarketKeys) -> Instruction {
    let MarketKeys { market, book } = market;
    finish(accounts::UpdateFunding { market, book }.to_account_metas(None), instruction::UpdateFunding {}.data())
}

/// Brings a position up to date.
pub fn touch(market: Pubkey, margin_account: Pubkey) -> Instruction {
    let accounts = accounts::Touch { market, margin_account, event_authority: address::event_authority(), program: ID };
    finish(accounts.to_account_metas(None), instruction::Touch {}.data())
}

/// Brings a position up to date; `keeper`, another margin account, is paid if that registers a claim in a deficit round.
pub fn touch_for(market: Pubkey, margin_account: Pubkey, keeper: Pubkey) -> Instruction {
    let mut touch = touch(market, margin_account);
    touch.accounts.push(AccountMeta::new(keeper, false));
    touch
}

/// Settles one market's PnL of an account.
pub fn settle(market: Pubkey, margin_account: Pubkey, portfolio: &Portfolio) -> Instruction {
    let accounts = accounts::Settle { market, margin_account, event_authority: address::event_authority(), program: ID };
    finish(with(accounts.to_account_metas(None), &portfolio.without(market), &[]), instruction::Settle {}.data())
}

/// Returns an account's margin measures.
pub fn check_health(margin_account: Pubkey, portfolio: &Portfolio) -> Instruction {
    let accounts = accounts::CheckHealth { margin_account }.to_account_metas(None);
    finish(with(accounts, portfolio, &[]), instruction::CheckHealth {}.data())
}

/// Closes or opens a deficit round.
pub fn advance_round(market: Pubkey) -> Instruction {
    let accounts = accounts::AdvanceRound { market, event_authority: address::event_authority(), program: ID };
    finish(accounts.to_account_metas(None), instruction::AdvanceRound {}.data())
}

/// Cancels all orders of a failing account.
pub fn cancel_failing(margin_account: Pubkey, portfolio: &Portfolio) -> Instruction {
    let accounts = accounts::CancelFailing { margin_account }.to_account_metas(None);
    finish(with(accounts, portfolio, &[]), instruction::CancelFailing {}.data())
}

/// Flags a failing account by the scenarios of `witness` ([`crate::preview::Reading::witness`] finds them); `market` is one of its markets.
pub fn flag_liquidation(margin_account: Pubkey, market: Pubkey, witness: &Witness, portfolio: &Portfolio) -> Instruction {
    let accounts = accounts::FlagLiquidation { margin_account, market, event_authority: address::event_authority(), program: ID };
    let args = FlagLiquidationArgs { joint: witness.joint, alone: witness.alone };
    finish(with(accounts.to_account_metas(None), portfolio, &[]), instruction::FlagLiquidation { args }.data())
}

/// One liquidation step; `portfolio` covers both accounts, `makers` own the best orders the leg would meet.
#[allow(clippy::too_many_arguments, reason = "the instruction has this many free accounts")]
pub fn liquidate(
    authority: Pubkey,
    liquidator: Pubkey,
    liquidatee: Pubkey,
    market: MarketKeys,
    args: LiquidateArgs,
    portfolio: &Portfolio,
    makers: &[Pubkey],
) -> Instruction {
    let MarketKeys { market, book } = market;
    let event_authority = address::event_authority();
    let accounts = accounts::Liquidate { authority, liquidator, liquidatee, market, book, event_authority, program: ID };
    finish(with(accounts.to_account_metas(None), &portfolio.without(market), makers), instruction::Liquidate { args }.data())
}

/// Buys collateral of a failing account.
pub fn convert_collateral(
    authority: Pubkey,
    buyer: Pubkey,
    margin_account: Pubkey,
    collateral: Pubkey,
    market: Pubkey,
    args: ConvertCollateralArgs,
    portfolio: &Portfolio,
) -> Instruction {
    let event_authority = address::event_authority();
    let accounts = accounts::ConvertCollateral { authority, buyer, margin_account, collateral, market, event_authority, program: ID };
    let all = portfolio.clone().with_market(market).with_collateral(collateral);
    finish(with(accounts.to_account_metas(None), &all, &[]), instruction::ConvertCollateral { args }.data())
}

/// Spreads a failing account's cash over its losses; every market of the account is written.
pub fn settle_estate(margin_account: Pubkey, portfolio: &Portfolio) -> Instruction {
    let accounts = accounts::SettleEstate { margin_account, event_authority: address::event_authority(), program: ID };
    let mut metas = accounts.to_account_metas(None);
    metas.extend(portfolio.metas(true));
    finish(metas, instruction::SettleEstate {}.data())
}

/// Closes a bankrupt account's lots against the opposite side.
pub fn deleverage(market: Pubkey, margin_account: Pubkey, portfolio: &Portfolio) -> Instruction {
    let adl_round = address::adl_round(&market, &margin_account);
    let accounts = accounts::Deleverage { market, margin_account, adl_round, event_authority: address::event_authority(), program: ID };
    finish(with(accounts.to_account_metas(None), &portfolio.without(market), &[]), instruction::Deleverage {}.data())
}

/// Opens a round of ranked deleveraging for a bankrupt account's lots.
pub fn open_adl_round(payer: Pubkey, market: Pubkey, margin_account: Pubkey, portfolio: &Portfolio) -> Instruction {
    let adl_round = address::adl_round(&market, &margin_account);
    let (event_authority, program) = (address::event_authority(), ID);
    let accounts = accounts::OpenAdlRound { payer, market, margin_account, adl_round, system_program: SYSTEM, event_authority, program };
    finish(with(accounts.to_account_metas(None), &portfolio.without(market), &[]), instruction::OpenAdlRound {}.data())
}

/// Registers `candidate`, of which `portfolio` is, in the round of `margin_account`; `keeper` is paid.
pub fn register_candidate(market: Pubkey, margin_account: Pubkey, candidate: Pubkey, keeper: Pubkey, portfolio: &Portfolio) -> Instruction {
    let adl_round = address::adl_round(&market, &margin_account);
    let (event_authority, program) = (address::event_authority(), ID);
    let accounts = accounts::RegisterCandidate { market, adl_round, candidate, keeper, event_authority, program };
    let all = portfolio.clone().with_market(market);
    finish(with(accounts.to_account_metas(None), &all, &[]), instruction::RegisterCandidate {}.data())
}

/// Executes the cuts of `candidates`; `portfolio` is the bankrupt account's.
pub fn execute_adl(market: Pubkey, margin_account: Pubkey, portfolio: &Portfolio, candidates: &[Pubkey]) -> Instruction {
    let adl_round = address::adl_round(&market, &margin_account);
    let accounts = accounts::ExecuteAdl { market, margin_account, adl_round, event_authority: address::event_authority(), program: ID };
    finish(with(accounts.to_account_metas(None), &portfolio.without(market), candidates), instruction::ExecuteAdl {}.data())
}

/// Closes a round; the rent goes to `opener`, who paid it.
pub fn close_adl_round(market: Pubkey, margin_account: Pubkey, opener: Pubkey) -> Instruction {
    let adl_round = address::adl_round(&market, &margin_account);
    finish(accounts::CloseAdlRound { opener, margin_account, adl_round }.to_account_metas(None), instruction::CloseAdlRound {}.data())
}

/// Absorbs what a bankrupt account is short of; every market of the account is written.
pub fn resolve_bankruptcy(exchange: Pubkey, margin_account: Pubkey, quote: Token, portfolio: &Portfolio) -> Instruction {
    let accounts = accounts::ResolveBankruptcy {
        exchange,
        margin_account,
        insurance: address::insurance(&exchange),
        quote_mint: quote.mint,
        vault: address::vault(&exchange),
        insurance_vault: address::insurance_vault(&exchange),
        token_program: quote.program,
        event_authority: address::event_authority(),
        program: ID,
    };
    let mut metas = accounts.to_account_metas(None);
    metas.extend(portfolio.metas(true));
    finish(metas, instruction::ResolveBankruptcy {}.data())
}

/// Pays into the insurance fund.
pub fn fund_insurance(payer: Pubkey, exchange: Pubkey, quote: Token, from: Pubkey, amount: u64) -> Instruction {
    let accounts = accounts::FundInsurance {
        payer,
        exchange,
        insurance: address::insurance(&exchange),
        quote_mint: quote.mint,
        vault: address::insurance_vault(&exchange),
        from,
        token_program: quote.program,
        event_authority: address::event_authority(),
        program: ID,
    };
    let args = plimsoll::FundInsuranceArgs { amount };
    finish(accounts.to_account_metas(None), instruction::FundInsurance { args }.data())
}

/// Pays a market's protocol fees to `to`, a token account of the exchange's fee collector.
pub fn collect_fees(exchange: Pubkey, market: Pubkey, quote: Token, to: Pubkey) -> Instruction {
    let accounts = accounts::CollectFees {
        exchange,
        market,
        quote_mint: quote.mint,
        vault: address::vault(&exchange),
        to,
        token_program: quote.program,
        event_authority: address::event_authority(),
        program: ID,
    };
    finish(accounts.to_account_metas(None), instruction::CollectFees {}.data())
}
