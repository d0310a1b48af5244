//! Plimsoll: an on-chain clearing house for perpetual futures and options.
//!
//! This file is a table of contents. Each instruction has a file of its own under `instructions/`, grouped by who calls it; every number comes from
//! `plimsoll-risk`, every account layout from `plimsoll-state`. Not audited.

#![allow(missing_docs, unreachable_pub, reason = "the framework's macros generate undocumented public items")]

use anchor_lang::prelude::*;

mod bankrupt;
mod cross;
mod custody;
mod emit;
#[cfg(all(target_os = "solana", feature = "entrypoint"))]
mod entrypoint;
pub mod errors;
pub mod events;
mod forced;
pub mod instructions;
mod matching;
pub mod oracle;
pub mod order;
mod portfolio;
mod position;
mod tokens;

pub use instructions::*;
pub use order::OrderArgs;

/// Allocates above the statics that the linker moves to the bottom of the heap.
#[cfg(all(target_os = "solana", feature = "custom-heap", feature = "entrypoint"))]
#[global_allocator]
static HEAP: sbf_heap::Bump = sbf_heap::Bump;

declare_id!("PLimsoLLCLearingHouseMarginAccountsSoLana11");

#[program]
pub mod plimsoll {
    use super::*;

    // The most frequent first: an instruction is found by comparing its tag with each of these in turn, 22 compute units apiece

    /// Trades against a book and rests what is left.
    pub fn place_order<'info>(ctx: Context<'info, PlaceOrder<'info>>, args: OrderArgs) -> Result<()> {
        instructions::place_order::handler(ctx, args)
    }

    /// Brings a market to a newer price.
    pub fn update_market(ctx: Context<UpdateMarket>) -> Result<()> {
        instructions::update_market::handler(ctx)
    }

    /// One step of a liquidation in one market.
    pub fn liquidate<'info>(ctx: Context<'info, Liquidate<'info>>, args: LiquidateArgs) -> Result<()> {
        instructions::liquidate::handler(ctx, args)
    }

    /// Flags a failing account by the scenarios that show it.
    pub fn flag_liquidation<'info>(ctx: Context<'info, FlagLiquidation<'info>>, args: FlagLiquidationArgs) -> Result<()> {
        instructions::flag_liquidation::handler(ctx, args)
    }

    // Governance

    /// Opens a clearing house for one quote token.
    pub fn initialize_exchange(ctx: Context<InitializeExchange>, args: InitializeExchangeArgs) -> Result<()> {
        instructions::initialize_exchange::handler(ctx, args)
    }

    /// Lists a market with its order book.
    pub fn create_market(ctx: Context<CreateMarket>, args: CreateMarketArgs) -> Result<()> {
        instructions::create_market::handler(ctx, args)
    }

    /// Lists a collateral token.
    pub fn create_collateral(ctx: Context<CreateCollateral>, args: CreateCollateralArgs) -> Result<()> {
        instructions::create_collateral::handler(ctx, args)
    }

    /// Puts markets into a risk group.
    pub fn create_group<'info>(ctx: Context<'info, CreateGroup<'info>>, args: CreateGroupArgs) -> Result<()> {
        instructions::create_group::handler(ctx, args)
    }

    /// Pays a market's protocol fees to the fee collector.
    pub fn collect_fees(ctx: Context<CollectFees>) -> Result<()> {
        instructions::collect_fees::handler(ctx)
    }

    /// Pauses new risk in a market, or withdrawals, for half an hour.
    pub fn pause(ctx: Context<StartPause>) -> Result<()> {
        instructions::pause::handler(ctx)
    }

    /// Lifts a pause.
    pub fn lift_pause(ctx: Context<LiftPause>) -> Result<()> {
        instructions::lift_pause::handler(ctx)
    }

    // Traders

    /// Opens a margin account.
    pub fn open_account(ctx: Context<OpenAccount>, args: OpenAccountArgs) -> Result<()> {
        instructions::open_account::handler(ctx, args)
    }

    /// Names, changes or dismisses the delegate of a margin account.
    pub fn set_delegate(ctx: Context<SetDelegate>, args: SetDelegateArgs) -> Result<()> {
        instructions::set_delegate::handler(ctx, args)
    }

    /// Closes an empty margin account.
    pub fn close_account(ctx: Context<CloseAccount>) -> Result<()> {
        instructions::close_account::handler(ctx)
    }

    /// Brings quote tokens in.
    pub fn deposit(ctx: Context<Deposit>, args: DepositArgs) -> Result<()> {
        instructions::deposit::handler(ctx, args)
    }

    /// Brings a collateral token in.
    pub fn deposit_collateral(ctx: Context<DepositCollateral>, args: DepositCollateralArgs) -> Result<()> {
        instructions::deposit_collateral::handler(ctx, args)
    }

    /// Takes quote tokens out.
    pub fn withdraw<'info>(ctx: Context<'info, Withdraw<'info>>, args: WithdrawArgs) -> Result<()> {
        instructions::withdraw::handler(ctx, args)
    }

    /// Takes a collateral token out.
    pub fn withdraw_collateral<'info>(ctx: Context<'info, WithdrawCollateral<'info>>, args: WithdrawCollateralArgs) -> Result<()> {
        instructions::withdraw_collateral::handler(ctx, args)
    }

    /// Queues a withdrawal beyond the limits.
    pub fn request_withdrawal<'info>(ctx: Context<'info, RequestWithdrawal<'info>>, args: RequestWithdrawalArgs) -> Result<()> {
        instructions::request_withdrawal::handler(ctx, args)
    }

    /// Takes a queued withdrawal back.
    pub fn cancel_withdrawal(ctx: Context<CancelWithdrawal>) -> Result<()> {
        instructions::cancel_withdrawal::handler(ctx)
    }

    /// Pays a queued withdrawal what it has been granted.
    pub fn process_withdrawal<'info>(ctx: Context<'info, ProcessWithdrawal<'info>>) -> Result<()> {
        instructions::process_withdrawal::handler(ctx)
    }

    /// Takes one order off its book.
    pub fn cancel_order(ctx: Context<CancelOrder>, args: CancelOrderArgs) -> Result<()> {
        instructions::cancel_order::handler(ctx, args)
    }

    /// Cancels every order of an account.
    pub fn cancel_all(ctx: Context<CancelAll>) -> Result<()> {
        instructions::cancel_all::handler(ctx)
    }

    // Keepers

    /// Brings a risk group to the last buckets of its markets.
    pub fn update_group<'info>(ctx: Context<'info, UpdateGroup<'info>>) -> Result<()> {
        instructions::update_group::handler(ctx)
    }

    /// Makes the price of a market final whose feed is dead.
    pub fn begin_settling(ctx: Context<BeginSettling>) -> Result<()> {
        instructions::begin_settling::handler(ctx)
    }

    /// Samples the premium and sets the funding rate.
    pub fn update_funding(ctx: Context<UpdateFunding>) -> Result<()> {
        instructions::update_funding::handler(ctx)
    }

    /// Takes dead orders off a book.
    pub fn sweep_orders<'info>(ctx: Context<'info, SweepOrders<'info>>) -> Result<()> {
        instructions::sweep_orders::handler(ctx)
    }

    /// Brings one position up to date.
    pub fn touch<'info>(ctx: Context<'info, Touch<'info>>) -> Result<()> {
        instructions::touch::handler(ctx)
    }

    /// Turns unsettled profit into cash, or cash into a settled loss.
    pub fn settle<'info>(ctx: Context<'info, Settle<'info>>) -> Result<()> {
        instructions::settle::handler(ctx)
    }

    /// Returns an account's margin measures.
    pub fn check_health<'info>(ctx: Context<'info, CheckHealth<'info>>) -> Result<()> {
        instructions::check_health::handler(ctx)
    }

    /// Moves a market's deficit along.
    pub fn advance_round(ctx: Context<AdvanceRound>) -> Result<()> {
        instructions::advance_round::handler(ctx)
    }

    // Liquidation

    /// Cancels all orders of a failing account.
    pub fn cancel_failing<'info>(ctx: Context<'info, CancelFailing<'info>>) -> Result<()> {
        instructions::cancel_failing::handler(ctx)
    }

    /// Sells collateral of a failing account for cash.
    pub fn convert_collateral<'info>(ctx: Context<'info, ConvertCollateral<'info>>, args: ConvertCollateralArgs) -> Result<()> {
        instructions::convert_collateral::handler(ctx, args)
    }

    /// Spreads a failing account's cash over its losses.
    pub fn settle_estate<'info>(ctx: Context<'info, SettleEstate<'info>>) -> Result<()> {
        instructions::settle_estate::handler(ctx)
    }

    /// Closes a bankrupt account's lots against the opposite side.
    pub fn deleverage<'info>(ctx: Context<'info, Deleverage<'info>>) -> Result<()> {
        instructions::deleverage::handler(ctx)
    }

    /// Opens a round of ranked deleveraging for a bankrupt account's lots.
    pub fn open_adl_round<'info>(ctx: Context<'info, OpenAdlRound<'info>>) -> Result<()> {
        instructions::open_adl_round::handler(ctx)
    }

    /// Registers a candidate of the side that gains.
    pub fn register_candidate<'info>(ctx: Context<'info, RegisterCandidate<'info>>) -> Result<()> {
        instructions::register_candidate::handler(ctx)
    }

    /// Closes lots against registered candidates.
    pub fn execute_adl<'info>(ctx: Context<'info, ExecuteAdl<'info>>) -> Result<()> {
        instructions::execute_adl::handler(ctx)
    }

    /// Closes a round that is no longer needed.
    pub fn close_adl_round(ctx: Context<CloseAdlRound>) -> Result<()> {
        instructions::close_adl_round::handler(ctx)
    }

    /// Absorbs what a bankrupt account is short of.
    pub fn resolve_bankruptcy<'info>(ctx: Context<'info, ResolveBankruptcy<'info>>) -> Result<()> {
        instructions::resolve_bankruptcy::handler(ctx)
    }

    // Insurance

    /// Pays into the insurance fund.
    pub fn fund_insurance(ctx: Context<FundInsurance>, args: FundInsuranceArgs) -> Result<()> {
        instructions::fund_insurance::handler(ctx, args)
    }
    // Quote token

    /// Brings the exchange to a newer price of its quote token, and markets to the charge for its depeg.
    pub fn update_quote<'info>(ctx: Context<'info, UpdateQuote<'info>>) -> Result<()> {
        instructions::update_quote::handler(ctx)
    }

    /// Names the feed of the quote token.
    pub fn set_quote_feed(ctx: Context<SetQuoteFeed>, args: SetQuoteFeedArgs) -> Result<()> {
        instructions::set_quote_feed::handler(ctx, args)
    }
}
