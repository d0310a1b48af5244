//! Queues a withdrawal that the limits have no room for now (RULES 1.6). Only the owner, under the conditions of a withdrawal; one request for each
//! token of a margin account. The tokens stay in the account, count toward its margin and may pay its losses until the request is paid.

use crate::custody::{measure, token_of, with_gate};
use crate::emit::emit;
use crate::errors::{OrRefuse, PlimsollError};
use crate::events::{Header, WithdrawalChanged};
use crate::portfolio::Roster;
use anchor_lang::prelude::*;
use anchor_spl::token_interface::TokenAccount;
use plimsoll_risk::{Atoms, RiskError, Secs};
use plimsoll_state::{seeds, Collateral, Exchange, MarginAccount, WithdrawalRequest, VERSION};

/// Arguments of `request_withdrawal`.
#[derive(AnchorSerialize, AnchorDeserialize, Clone, Copy)]
pub struct RequestWithdrawalArgs {
    /// Token atoms, at least 1 and at most the account's balance.
    pub amount: u64,
}

/// Accounts of `request_withdrawal`. Remaining: every market and collateral the account uses.
#[event_cpi]
#[derive(Accounts)]
pub struct RequestWithdrawal<'info> {
    /// The owner; pays the rent, which comes back with the end of the request.
    #[account(mut)]
    pub owner: Signer<'info>,
    /// The clearing house; holds the queue of the quote token.
    #[account(mut)]
    pub exchange: AccountLoader<'info, Exchange>,
    /// The account that will be debited.
    #[account(mut, has_one = exchange @ PlimsollError::WrongExchange, has_one = owner @ PlimsollError::NotAuthorised)]
    pub margin_account: AccountLoader<'info, MarginAccount>,
    /// The listing; holds the queue of its token. None for the quote token.
    #[account(mut)]
    pub collateral: Option<AccountLoader<'info, Collateral>>,
    /// The new request.
    #[account(init, payer = owner, space = WithdrawalRequest::SPACE,
        seeds = [seeds::WITHDRAWAL, margin_account.key().as_ref(), to.mint.as_ref()], bump)]
    pub request: AccountLoader<'info, WithdrawalRequest>,
    /// Will receive the tokens.
    pub to: InterfaceAccount<'info, TokenAccount>,
    /// Creates the request.
    pub system_program: Program<'info, System>,
}

impl RequestWithdrawal<'_> {
    fn validate(&self, args: &RequestWithdrawalArgs) -> Result<i64> {
        let (mint, vault) = token_of(&self.exchange, self.collateral.as_ref())?;
        require_keys_eq!(self.to.mint, mint, PlimsollError::MintNotAllowed);
        require_keys_neq!(self.to.key(), vault, PlimsollError::SameAccount);
        let amount = i64::try_from(args.amount).map_err(|_| PlimsollError::QuantityOutOfRange)?;
        require!(amount > 0, PlimsollError::QuantityOutOfRange);
        Ok(amount)
    }
}

/// Margin as if it were paid now, then the place in the queue; no balance changes.
pub(crate) fn handler(ctx: Context<RequestWithdrawal>, args: RequestWithdrawalArgs) -> Result<()> {
    let amount = ctx.accounts.validate(&args)?;
    let clock = Clock::get()?;
    let now = clock.unix_timestamp;
    let accounts = &*ctx.accounts;
    let key = accounts.collateral.as_ref().map(AccountLoader::key);
    let mut account = accounts.margin_account.load_mut()?;
    let short = if key.is_some() { PlimsollError::InsufficientCollateral } else { PlimsollError::InsufficientCash };
    account.take_out(key.as_ref(), amount).map_err(|_| short)?;
    measure(&account, &Roster::new(ctx.remaining_accounts), now)??;
    account.put_back(key.as_ref(), amount).or_refuse()?;
    let mut has_room = false;
    let queued = with_gate(&accounts.exchange, accounts.collateral.as_ref(), |gate| {
        let queued = gate.request(Atoms::new(amount), Secs::new(now));
        has_room = queued == Err(RiskError::WrongState);
        queued
    });
    require!(!has_room, PlimsollError::WithdrawAtOnce);
    let queued = queued?;
    account.requests = account.requests.checked_add(1).ok_or(PlimsollError::TooMany)?;
    account.sequence = account.sequence.wrapping_add(1);
    account.invariant().or_refuse()?;
    let mut request = accounts.request.load_init()?;
    request.exchange = accounts.exchange.key();
    request.margin_account = accounts.margin_account.key();
    request.owner = accounts.owner.key();
    request.collateral = key.unwrap_or_default();
    request.to = accounts.to.key();
    request.version = VERSION;
    request.bump = ctx.bumps.request;
    request.request = queued.into();
    let header = Header::new(&clock, Pubkey::default(), accounts.margin_account.key(), account.sequence);
    let mint = accounts.to.mint;
    drop((account, request));
    emit(&WithdrawalChanged { header, mint, paid: 0, waiting: amount, granted: 0 }, &ctx.accounts.event_authority)?;
    Ok(())
}
