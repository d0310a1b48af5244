//! Opens a margin account. Anyone, for themselves; an owner may have many (sub-accounts, isolated positions).

use crate::errors::{OrRefuse, PlimsollError};
use anchor_lang::prelude::*;
use plimsoll_risk::Quote;
use plimsoll_state::{seeds, Exchange, MarginAccount, VERSION};

/// Arguments of `open_account`.
#[derive(AnchorSerialize, AnchorDeserialize, Clone, Copy)]
pub struct OpenAccountArgs {
    /// Which of the owner's accounts this is.
    pub number: u32,
    /// May trade but never withdraw (RULES 5.2); all zero for nobody.
    pub delegate: Pubkey,
    /// Most that the delegate's fills may give away in 24 hours, quote atoms.
    pub daily_loss_cap: i64,
}

/// Accounts of `open_account`.
#[derive(Accounts)]
#[instruction(args: OpenAccountArgs)]
pub struct OpenAccount<'info> {
    /// Pays the rent.
    #[account(mut)]
    pub payer: Signer<'info>,
    /// Owner of the new account.
    pub owner: Signer<'info>,
    /// The clearing house.
    pub exchange: AccountLoader<'info, Exchange>,
    /// The new account; its address is bound to exchange, owner and number.
    #[account(init, payer = payer, space = MarginAccount::SPACE,
        seeds = [seeds::MARGIN, exchange.key().as_ref(), owner.key().as_ref(), &args.number.to_le_bytes()], bump)]
    pub margin_account: AccountLoader<'info, MarginAccount>,
    /// Creates the account.
    pub system_program: Program<'info, System>,
}

impl OpenAccount<'_> {
    fn validate(&self) -> Result<()> {
        require!(self.exchange.load()?.version == VERSION, PlimsollError::WrongVersion);
        Ok(())
    }
}

/// Writes the empty account; `init` has refused an address that is in use.
pub(crate) fn handler(ctx: Context<OpenAccount>, args: OpenAccountArgs) -> Result<()> {
    ctx.accounts.validate()?;
    let mut account = ctx.accounts.margin_account.load_init()?;
    account.exchange = ctx.accounts.exchange.key();
    account.owner = ctx.accounts.owner.key();
    account.delegate = args.delegate;
    account.loss_cap.set(Quote::new(args.daily_loss_cap)).or_refuse()?;
    account.number = args.number;
    // Orders of an earlier account at this address may still be on books; a generation that follows the clock keeps them dead (RULES 5.3).
    account.generation = u32::try_from(Clock::get()?.unix_timestamp).map_err(|_| PlimsollError::Overflow)?;
    account.version = VERSION;
    account.bump = ctx.bumps.margin_account;
    Ok(())
}
