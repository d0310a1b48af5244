//! Puts two to eight markets of the exchange into a risk group, within which positions may offset each other (RULES 4.3). Only the governor. The
//! group starts without any credit and earns it from common samples, so that its creation changes nobody's margin.

use crate::errors::{OrRefuse, PlimsollError};
use crate::events::{GroupCreated, Header};
use crate::position::require_version;
use anchor_lang::prelude::*;
use plimsoll_risk::correlation::CorrelationParams;
use plimsoll_risk::Ratio;
use plimsoll_state::{seeds, Exchange, Market, RiskGroup, VERSION};

/// Arguments of `create_group`. Parameters not given here start at the engine's defaults.
#[derive(AnchorSerialize, AnchorDeserialize, Clone, Copy)]
pub struct CreateGroupArgs {
    /// Number of the new group; any that is free.
    pub number: u16,
    /// Name, padded with zeros.
    pub name: [u8; 16],
    /// Most credit, Q30, 0 ..= 70 %.
    pub max_credit: i64,
    /// Share of the largest market's requirement that is always held, Q30, 50 % ..= 100 %.
    pub floor_share: i64,
    /// Common five-minute buckets before there is any credit, 1 ..= 2²⁰.
    pub warm_up: i64,
}

/// Accounts of `create_group`. Remaining: the markets, writable, in the order they will always be listed in.
#[derive(Accounts)]
#[instruction(args: CreateGroupArgs)]
pub struct CreateGroup<'info> {
    /// Pays the rent.
    #[account(mut)]
    pub payer: Signer<'info>,
    /// Decides.
    pub governor: Signer<'info>,
    /// The clearing house of all the markets.
    #[account(has_one = governor @ PlimsollError::NotGovernor)]
    pub exchange: AccountLoader<'info, Exchange>,
    /// The new group; its address is bound to exchange and number.
    #[account(init, payer = payer, space = RiskGroup::SPACE,
        seeds = [seeds::GROUP, exchange.key().as_ref(), &args.number.to_le_bytes()], bump)]
    pub group: AccountLoader<'info, RiskGroup>,
    /// Creates the group's account.
    pub system_program: Program<'info, System>,
}

impl CreateGroupArgs {
    fn validate(&self) -> Result<CorrelationParams> {
        let params = CorrelationParams {
            max_credit: Ratio::new(self.max_credit),
            floor_share: Ratio::new(self.floor_share),
            warm_up: self.warm_up,
            ..CorrelationParams::MAJORS
        };
        params.validate().or_refuse()?;
        Ok(params)
    }
}

/// Binds every market to the group.
pub(crate) fn handler<'info>(ctx: Context<'info, CreateGroup<'info>>, args: CreateGroupArgs) -> Result<()> {
    let params = args.validate()?;
    let (accounts, infos) = (ctx.accounts, ctx.remaining_accounts);
    let (exchange, key) = (accounts.exchange.key(), accounts.group.key());
    let mut group = accounts.group.load_init()?;
    group.correlation.open(infos.len()).map_err(|_| PlimsollError::GroupMarkets)?;
    for (slot, info) in group.markets.iter_mut().zip(infos) {
        let loader = AccountLoader::<Market>::try_from(info)?;
        require!(info.is_writable, PlimsollError::NotWritable);
        // A market passed twice has joined by the time it is met again.
        let mut market = loader.load_mut()?;
        require_version(market.version)?;
        require_keys_eq!(market.exchange, exchange, PlimsollError::WrongExchange);
        require_keys_eq!(market.group, Pubkey::default(), PlimsollError::MarketInGroup);
        market.group = key;
        market.sequence = market.sequence.wrapping_add(1);
        *slot = info.key();
    }
    group.exchange = exchange;
    group.name = args.name;
    group.version = VERSION;
    group.bump = ctx.bumps.group;
    group.number = args.number;
    group.params = params.into();
    group.invariant().or_refuse()?;
    emit!(GroupCreated {
        header: Header::new(&Clock::get()?, Pubkey::default(), key, group.sequence),
        markets: group.members().to_vec(),
        max_credit: args.max_credit,
        floor_share: args.floor_share,
        warm_up: args.warm_up,
    });
    Ok(())
}
