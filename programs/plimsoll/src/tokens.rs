//! Token movements: state first, then the transfer, then the vault is read again and the difference compared with the ledger.

use crate::errors::PlimsollError;
use anchor_lang::prelude::*;
use anchor_spl::token_interface::{self, Mint, TokenAccount, TokenInterface, TransferChecked};

/// The accounts of one movement between a vault and somebody's token account.
pub(crate) struct Movement<'a, 'info> {
    /// Mint of the token.
    pub(crate) mint: &'a InterfaceAccount<'info, Mint>,
    /// Token program that owns the mint.
    pub(crate) token_program: &'a Interface<'info, TokenInterface>,
    /// The vault.
    pub(crate) vault: &'a mut InterfaceAccount<'info, TokenAccount>,
    /// The token account on the other side.
    pub(crate) other: AccountInfo<'info>,
    /// Who signs for the side that pays.
    pub(crate) authority: AccountInfo<'info>,
}

impl Movement<'_, '_> {
    /// Moves `amount` atoms into the vault; the vault must grow by exactly that.
    pub(crate) fn into_vault(self, amount: u64) -> Result<()> {
        let before = self.vault.amount;
        let accounts = TransferChecked {
            from: self.other.clone(),
            mint: self.mint.to_account_info(),
            to: self.vault.to_account_info(),
            authority: self.authority.clone(),
        };
        token_interface::transfer_checked(CpiContext::new(self.token_program.key(), accounts), amount, self.mint.decimals)?;
        self.vault.reload()?;
        require!(before.checked_add(amount) == Some(self.vault.amount), PlimsollError::TokenDelta);
        Ok(())
    }

    /// Moves `amount` atoms out of the vault, signed for by `seeds`; the vault must shrink by exactly that.
    pub(crate) fn out_of_vault(self, amount: u64, seeds: &[&[u8]]) -> Result<()> {
        let before = self.vault.amount;
        let accounts = TransferChecked {
            from: self.vault.to_account_info(),
            mint: self.mint.to_account_info(),
            to: self.other.clone(),
            authority: self.authority.clone(),
        };
        let signer = [seeds];
        let context = CpiContext::new_with_signer(self.token_program.key(), accounts, &signer);
        token_interface::transfer_checked(context, amount, self.mint.decimals)?;
        self.vault.reload()?;
        require!(before.checked_sub(amount) == Some(self.vault.amount), PlimsollError::TokenDelta);
        Ok(())
    }
}

/// Moves `amount` atoms from one vault of the exchange to another; both must change by exactly that.
pub(crate) fn transfer_between_vaults<'info>(
    mint: &InterfaceAccount<'info, Mint>,
    token_program: &Interface<'info, TokenInterface>,
    from: &mut InterfaceAccount<'info, TokenAccount>,
    to: &mut InterfaceAccount<'info, TokenAccount>,
    authority: AccountInfo<'info>,
    amount: u64,
    seeds: &[&[u8]],
) -> Result<()> {
    let before = to.amount;
    let other = to.to_account_info();
    Movement { mint, token_program, vault: from, other, authority }.out_of_vault(amount, seeds)?;
    to.reload()?;
    require!(before.checked_add(amount) == Some(to.amount), PlimsollError::TokenDelta);
    Ok(())
}

/// Refuses mints whose transfers could move another amount than asked, run foreign code, or be undone by somebody (RULES 9.5).
///
/// SPL Token mints pass; Token-2022 mints pass only with extensions that change nothing about a transfer.
pub(crate) fn check_mint(mint: &InterfaceAccount<'_, Mint>) -> Result<()> {
    use anchor_spl::token_2022::spl_token_2022::{
        self,
        extension::{BaseStateWithExtensions, ExtensionType, StateWithExtensions},
        state::Mint as MintState,
    };
    let info = mint.to_account_info();
    if *info.owner != spl_token_2022::ID {
        return Ok(());
    }
    let data = info.try_borrow_data()?;
    let state = StateWithExtensions::<MintState>::unpack(&data)?;
    let is_harmless = |extension: &ExtensionType| {
        matches!(
            extension,
            ExtensionType::MetadataPointer | ExtensionType::TokenMetadata | ExtensionType::GroupPointer | ExtensionType::GroupMemberPointer
        )
    };
    require!(state.get_extension_types()?.iter().all(is_harmless), PlimsollError::MintNotAllowed);
    Ok(())
}
