//! Ledger side of deposits and withdrawals; the token side follows in the same instruction.

use crate::{Collateral, Exchange, InsuranceFund, MarginAccount, Pubkey};
use plimsoll_risk::{Atoms, Quote, RiskError, RiskResult, Round, Secs};

impl Exchange {
    /// Credits a deposit of `amount` atoms to an account's cash. `held` is what the vault holds before it.
    pub fn credit_cash(&mut self, account: &mut MarginAccount, amount: i64, held: i64, now: i64) -> RiskResult<()> {
        let cash = account.cash.checked_add(amount).ok_or(RiskError::Overflow)?;
        let after = Atoms::new(held).add(Atoms::new(amount))?;
        self.outflow.deposit(Atoms::new(amount), after, Secs::new(now))?;
        account.cash = cash;
        account.sequence = account.sequence.wrapping_add(1);
        self.sequence = self.sequence.wrapping_add(1);
        Ok(())
    }

    /// Debits a withdrawal. Errors: [`RiskError::QuantityOutOfRange`] beyond the cash, [`RiskError::LimitExceeded`] beyond the outflow limits.
    pub fn debit_cash(&mut self, account: &mut MarginAccount, amount: i64, held: i64, now: i64) -> RiskResult<()> {
        let after = Atoms::new(held).sub(Atoms::new(amount))?;
        account.take_out(None, amount)?;
        self.outflow.withdraw(Atoms::new(amount), after, Secs::new(now))?;
        account.sequence = account.sequence.wrapping_add(1);
        self.sequence = self.sequence.wrapping_add(1);
        Ok(())
    }
}

impl Collateral {
    /// Records that `amount` came into the vault. Errors: as [`plimsoll_risk::withdrawals::Gate::deposit`].
    fn grow(&mut self, amount: i64, now: i64) -> RiskResult<()> {
        let total = self.total.checked_add(amount).ok_or(RiskError::Overflow)?;
        self.outflow.deposit(Atoms::new(amount), Atoms::new(total), Secs::new(now))?;
        self.total = total;
        Ok(())
    }
}

impl MarginAccount {
    /// What the account holds of a collateral, or of cash for `None`, token atoms.
    pub fn balance_of(&self, collateral: Option<&Pubkey>) -> i64 {
        match collateral {
            None => self.cash,
            Some(key) => self.collaterals.iter().find(|slot| slot.collateral == *key).map_or(0, |slot| slot.amount),
        }
    }

    /// Takes `amount` out of a balance; an empty collateral slot stays until [`Self::free_collateral`].
    ///
    /// Errors: [`RiskError::QuantityOutOfRange`] beyond the balance.
    pub fn take_out(&mut self, collateral: Option<&Pubkey>, amount: i64) -> RiskResult<()> {
        let balance = match collateral {
            None => &mut self.cash,
            Some(key) => &mut self.collateral_mut(key).ok_or(RiskError::QuantityOutOfRange)?.amount,
        };
        *balance = balance.checked_sub(amount).filter(|left| *left >= 0).ok_or(RiskError::QuantityOutOfRange)?;
        Ok(())
    }

    /// Puts back what [`Self::take_out`] has taken. Errors: [`RiskError::WrongState`], [`RiskError::Overflow`].
    pub fn put_back(&mut self, collateral: Option<&Pubkey>, amount: i64) -> RiskResult<()> {
        let balance = match collateral {
            None => &mut self.cash,
            Some(key) => &mut self.collateral_mut(key).ok_or(RiskError::WrongState)?.amount,
        };
        *balance = balance.checked_add(amount).ok_or(RiskError::Overflow)?;
        Ok(())
    }

    /// Frees the slot of a collateral of which nothing is left.
    pub fn free_collateral(&mut self, key: &Pubkey) {
        if let Some(slot) = self.collateral_mut(key).filter(|slot| slot.amount == 0) {
            *slot = bytemuck::Zeroable::zeroed();
        }
    }

    /// Credits a deposit of collateral; returns the account's new balance of it. Errors: [`RiskError::WrongState`] when all slots are used.
    pub fn credit_collateral(&mut self, key: Pubkey, collateral: &mut Collateral, amount: i64, now: i64) -> RiskResult<i64> {
        let slot = self.collateral_or_open(&key, &collateral.market).ok_or(RiskError::WrongState)?;
        let balance = slot.amount.checked_add(amount).ok_or(RiskError::Overflow)?;
        slot.amount = balance;
        collateral.grow(amount, now)?;
        self.sequence = self.sequence.wrapping_add(1);
        Ok(balance)
    }

    /// Debits a withdrawal of collateral; returns the new balance. Errors: [`RiskError::QuantityOutOfRange`] beyond the balance,
    /// [`RiskError::LimitExceeded`] beyond the outflow limits.
    pub fn debit_collateral(&mut self, key: &Pubkey, collateral: &mut Collateral, amount: i64, now: i64) -> RiskResult<i64> {
        self.take_out(Some(key), amount)?;
        let total = collateral.total.checked_sub(amount).ok_or(RiskError::Overflow)?;
        collateral.outflow.withdraw(Atoms::new(amount), Atoms::new(total), Secs::new(now))?;
        collateral.total = total;
        let balance = self.balance_of(Some(key));
        self.free_collateral(key);
        self.sequence = self.sequence.wrapping_add(1);
        Ok(balance)
    }
}

impl MarginAccount {
    /// Moves `atoms` of a collateral to `buyer` against `cost` of the buyer's cash; no token leaves its vault.
    ///
    /// Errors: [`RiskError::QuantityOutOfRange`] when either has not that much, [`RiskError::WrongState`] when the buyer's slots are all used.
    pub fn sell_collateral(&mut self, buyer: &mut Self, key: &Pubkey, atoms: i64, cost: Quote) -> RiskResult<()> {
        let market = self.collateral_mut(key).ok_or(RiskError::QuantityOutOfRange)?.market;
        let left = buyer.cash.checked_sub(cost.raw()).filter(|cash| *cash >= 0).ok_or(RiskError::QuantityOutOfRange)?;
        let cash = self.cash.checked_add(cost.raw()).ok_or(RiskError::Overflow)?;
        let slot = self.collateral_mut(key).ok_or(RiskError::QuantityOutOfRange)?;
        let held = slot.amount.checked_sub(atoms).filter(|held| *held >= 0).ok_or(RiskError::QuantityOutOfRange)?;
        let target = buyer.collateral_or_open(key, &market).ok_or(RiskError::WrongState)?;
        target.amount = target.amount.checked_add(atoms).ok_or(RiskError::Overflow)?;
        slot.amount = held;
        if held == 0 {
            *slot = bytemuck::Zeroable::zeroed();
        }
        self.cash = cash;
        buyer.cash = left;
        self.sequence = self.sequence.wrapping_add(1);
        buyer.sequence = buyer.sequence.wrapping_add(1);
        Ok(())
    }
}

impl Collateral {
    /// A value of this token weighted for initial and maintenance margin, rounded down (RULES 4.1).
    pub fn weighted(&self, value: Quote, now: i64) -> RiskResult<(Quote, Quote)> {
        let (im, mm) = self.weights(now)?;
        Ok((value.scale(im, Round::Floor)?, value.scale(mm, Round::Floor)?))
    }
}

impl InsuranceFund {
    /// Books money paid in.
    pub fn pay_in(&mut self, amount: i64) -> RiskResult<()> {
        let balance = self.balance.checked_add(amount).ok_or(RiskError::Overflow)?;
        self.paid_in = self.paid_in.checked_add(amount).ok_or(RiskError::Overflow)?;
        self.balance = balance;
        self.sequence = self.sequence.wrapping_add(1);
        Ok(())
    }

    /// Books a payout for a bankruptcy. Errors: [`RiskError::QuantityOutOfRange`] beyond the balance.
    pub fn pay_out(&mut self, amount: i64) -> RiskResult<()> {
        let balance = self.balance.checked_sub(amount).filter(|left| *left >= 0).ok_or(RiskError::QuantityOutOfRange)?;
        self.paid_out = self.paid_out.checked_add(amount).ok_or(RiskError::Overflow)?;
        self.balance = balance;
        self.sequence = self.sequence.wrapping_add(1);
        Ok(())
    }
}
