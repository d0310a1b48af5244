//! The side index (RULES 7.5): closing part of a whole side, and funding, in O(1).
//!
//! Per side and epoch, with `a` starting at 1.0 and `k = f = 0`: closing `q` of the open interest `OI` at price `P` multiplies `a` by (OI −
//! q)/OI and adds ±(what `a` lost)·P to `k` (plus for longs, who sell; minus for shorts, who buy back); a funding payment of `x` atoms per
//! lot adds a·x to `f`. Both sums being weighted with `a`, a position is brought up to date in one step however many events it slept
//! through.

use super::math::{dec, inc, minus, narrow, plus};
use super::state::{EpochRecord, PerpMarket, Side, A_BITS, A_MIN, A_ONE, INDEX_BITS, RECORDS};
use crate::error::{RiskError, RiskResult};
use crate::units::{Lots, Price, MAX_LOTS, MAX_PRICE};

/// `f` beyond this closes the epoch, well before 63 bits are full.
const F_SOFT_LIMIT: i64 = 1 << 61;
/// From k·2⁻³² to k·2⁴⁸ / a0.
const A_OVER_INDEX_BITS: u32 = A_BITS - INDEX_BITS;
const LOW: i64 = (1 << INDEX_BITS) - 1;

/// Which side a position is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Of {
    Long,
    Short,
}

impl Of {
    /// Side of `lots`, if not flat.
    pub(super) const fn lots(lots: i64) -> Option<Self> {
        match lots {
            0 => None,
            l if l > 0 => Some(Self::Long),
            _ => Some(Self::Short),
        }
    }

    pub(super) const fn opposite(self) -> Self {
        match self {
            Self::Long => Self::Short,
            Self::Short => Self::Long,
        }
    }

    /// `magnitude` with the sign of this side.
    pub(super) fn signed(self, magnitude: i64) -> RiskResult<i64> {
        match self {
            Self::Long => Ok(magnitude),
            Self::Short => magnitude.checked_neg().ok_or(RiskError::Overflow),
        }
    }
}

impl PerpMarket {
    pub(super) const fn side(&self, of: Of) -> &Side {
        match of {
            Of::Long => &self.long,
            Of::Short => &self.short,
        }
    }

    pub(super) const fn side_mut(&mut self, of: Of) -> &mut Side {
        match of {
            Of::Long => &mut self.long,
            Of::Short => &mut self.short,
        }
    }
}

/// Atoms rounded down, and what the rounding left over in Q32 of an atom (0 where that is not tracked).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Floored {
    pub(super) atoms: i64,
    pub(super) rest: u64,
}

/// Index state a position is moved from or to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stand {
    pub(super) a: u64,
    pub(super) k: i64,
    pub(super) f: i64,
}

impl Stand {
    /// Where every epoch starts.
    pub(super) const START: Self = Self { a: A_ONE, k: 0, f: 0 };

    pub(super) const fn of_record(record: &EpochRecord) -> Self {
        Self { a: record.a, k: record.k, f: record.f }
    }
}

impl Side {
    pub(super) const fn stand(&self) -> Stand {
        Stand { a: self.a, k: self.k, f: self.f }
    }

    /// Record of a closed epoch. Errors: [`RiskError::WrongState`] if it is not kept, which only a position of another market can cause.
    pub(super) fn record_mut(&mut self, epoch: u32) -> RiskResult<&mut EpochRecord> {
        let record = self.record_slot(epoch)?;
        if record.epoch == epoch && record.remaining > 0 {
            Ok(record)
        } else {
            Err(RiskError::WrongState)
        }
    }

    fn record_slot(&mut self, epoch: u32) -> RiskResult<&mut EpochRecord> {
        let index = usize::try_from(epoch).map_err(|_| RiskError::Overflow)?;
        self.records.get_mut(index % RECORDS).ok_or(RiskError::Overflow)
    }

    /// A side nobody holds starts afresh: no stored position refers to its index.
    pub(super) const fn restart_if_unheld(&mut self) {
        if self.live_positions == 0 {
            self.a = A_ONE;
            self.k = 0;
            self.f = 0;
        }
    }

    /// Closes the running epoch into a record and starts the next.
    ///
    /// Errors: [`RiskError::StragglersFirst`] while positions of the epoch `RECORDS` before have not been touched.
    pub(super) fn close_epoch(&mut self) -> RiskResult<()> {
        if self.live_positions > 0 {
            let next = inc(self.epoch)?;
            let closed = EpochRecord { a: self.a, k: self.k, f: self.f, epoch: self.epoch, remaining: self.live_positions };
            let slot = self.record_slot(self.epoch)?;
            if slot.remaining > 0 {
                return Err(RiskError::StragglersFirst);
            }
            *slot = closed;
            self.epoch = next;
        }
        self.a = A_ONE;
        self.k = 0;
        self.f = 0;
        Ok(())
    }

    /// This side after `q` of its open interest has been closed at `price`: `a` is rounded down, and so is what `k` credits.
    pub(super) fn after_forced_close(&self, of: Of, q: Lots, price: Price) -> RiskResult<Self> {
        let interest = self.open_interest;
        let left = minus(interest, q.raw())?;
        if q.raw() <= 0 || left < 0 {
            return Err(RiskError::QuantityOutOfRange);
        }
        let kept = u128::from(self.a).checked_mul(u128::from(left.unsigned_abs())).ok_or(RiskError::Overflow)?;
        let a = kept.checked_div(u128::from(interest.unsigned_abs())).ok_or(RiskError::DivisionByZero)?;
        let a = u64::try_from(a).map_err(|_| RiskError::Overflow)?;
        // Paid for what the multiplier really lost, so that its rounding moves no value. A long receives the floor; a short pays the
        // ceiling, the floor of the signed value. 2⁴⁸ · 2³⁰ fits.
        let lost = i128::from(self.a.checked_sub(a).ok_or(RiskError::Overflow)?);
        let value = lost.checked_mul(i128::from(of.signed(price.raw())?)).ok_or(RiskError::Overflow)?;
        let mut side = *self;
        side.k = plus(self.k, narrow(value >> A_OVER_INDEX_BITS)?)?;
        side.a = a;
        side.open_interest = left;
        if side.a < A_MIN {
            side.close_epoch()?;
        }
        Ok(side)
    }

    /// The funding index after owing `f_q32` more per lot; `None` when that would close the epoch.
    pub(super) fn funded(&self, f_q32: i64) -> RiskResult<Option<i64>> {
        if f_q32 == 0 {
            return Ok(Some(self.f));
        }
        let f = plus(self.f, self.owed(f_q32)?)?;
        Ok((-F_SOFT_LIMIT..=F_SOFT_LIMIT).contains(&f).then_some(f))
    }

    /// What `f_q32` per lot is per basis lot, rounded against the holders.
    fn owed(&self, f_q32: i64) -> RiskResult<i64> {
        if self.a == A_ONE {
            return Ok(f_q32);
        }
        let received = i128::from(f_q32).checked_neg().and_then(|r| r.checked_mul(i128::from(self.a))).ok_or(RiskError::Overflow)?;
        narrow((received >> A_BITS).checked_neg().ok_or(RiskError::Overflow)?)
    }

    /// This side after owing `f_q32` more per lot, rounded against its holders.
    fn after_funding(&self, f_q32: i64) -> RiskResult<Self> {
        let mut side = *self;
        side.f = plus(self.f, self.owed(f_q32)?)?;
        if side.f > F_SOFT_LIMIT || side.f < -F_SOFT_LIMIT {
            // With every record in use the sum goes on growing; only at 63 bits does accrual stop until stragglers are touched.
            let _ = side.close_epoch();
        }
        Ok(side)
    }

    /// Counts after a position on this side changed from `before` to `after` lots (magnitudes, 0 = not on this side).
    pub(super) fn after_holding(&self, before: i64, after: i64) -> RiskResult<(i64, u32)> {
        let interest = minus(plus(self.open_interest, after)?, before)?;
        let live = match (before != 0, after != 0) {
            (false, true) => inc(self.live_positions)?,
            (true, false) => dec(self.live_positions)?,
            _ => self.live_positions,
        };
        if interest < 0 {
            return Err(RiskError::WrongState);
        }
        Ok((interest, live))
    }
}

/// Books a funding payment of `f_q32` (Q32 atoms per lot; positive: longs pay) on both sides. The sum over both is zero: what longs owe and
/// shorts have not yet collected is in clearing.
///
/// Errors: [`RiskError::Overflow`], after about 2⁶³ of one-sided funding with stragglers in all records.
pub fn accrue_funding(market: &mut PerpMarket, f_q32: i64) -> RiskResult<()> {
    if f_q32 == 0 {
        return Ok(());
    }
    let negated = f_q32.checked_neg().ok_or(RiskError::Overflow)?;
    let long = market.long.after_funding(f_q32)?;
    let short = market.short.after_funding(negated)?;
    market.long = long;
    market.short = short;
    Ok(())
}

const _: () = assert!(MAX_LOTS.checked_mul(1 << 32).is_some());
const _: () = assert!(MAX_PRICE <= 1 << 30);

/// basis · per_lot (Q32 per basis lot) / (a0 / 1.0), rounded down. `basis` is 0 ..= [`MAX_LOTS`].
pub(super) fn per_basis(basis: i64, per_lot: i64, a0: u64) -> RiskResult<Floored> {
    if a0 == A_ONE {
        // Halves of 31 and 32 bits times at most 2³⁰: neither product can wrap.
        let low = basis.wrapping_mul(per_lot & LOW);
        let high = basis.wrapping_mul(per_lot >> INDEX_BITS);
        let atoms = plus(high, low >> INDEX_BITS)?;
        return Ok(Floored { atoms, rest: (low & LOW).unsigned_abs() });
    }
    // 2³⁰ · 2⁶³ · 2¹⁶ fits 127 bits.
    let scaled = i128::from(basis).wrapping_mul(i128::from(per_lot)) << A_OVER_INDEX_BITS;
    let atoms = scaled.checked_div_euclid(i128::from(a0)).ok_or(RiskError::DivisionByZero)?;
    Ok(Floored { atoms: narrow(atoms)?, rest: 0 })
}

/// What moving a basis from one stand to a later one of the same epoch does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Step {
    /// Lots left, magnitude.
    pub(super) lots: i64,
    /// Received for what was closed (negative: paid), with the lot remainder closed at the mark.
    pub(super) closed: Floored,
    /// Received as funding (negative: paid).
    pub(super) funding: Floored,
}

/// Moves `basis` lots (magnitude) of a side from stand `from` to stand `to`; the fraction of a lot that is left is closed at `mark`.
pub(super) fn step(of: Of, basis: i64, from: Stand, to: Stand, mark: Price) -> RiskResult<Step> {
    let funding = per_basis(basis, minus(from.f, to.f)?, from.a)?;
    let credit = minus(to.k, from.k)?;
    // `a` falls with every forced close, so that an equal `a` means an equal `k`.
    if from.a == to.a {
        return Ok(Step { lots: basis, closed: Floored::default(), funding });
    }
    let a0 = u128::from(from.a);
    let kept = u128::from(basis.unsigned_abs()).checked_mul(u128::from(to.a)).ok_or(RiskError::Overflow)?;
    let lots = kept.checked_div(a0).ok_or(RiskError::DivisionByZero)?;
    let rest = kept.checked_rem(a0).ok_or(RiskError::DivisionByZero)?;
    let rest = i128::try_from(rest).map_err(|_| RiskError::Overflow)?;
    // The remainder is below 2⁴⁸ and the price at most 2³⁰, so the sum with the 2¹⁰⁹ of the index term fits.
    let rest_value = rest.checked_mul(i128::from(of.signed(mark.raw())?)).ok_or(RiskError::Overflow)?;
    let index_value = i128::from(basis).wrapping_mul(i128::from(credit)) << A_OVER_INDEX_BITS;
    let value = index_value.checked_add(rest_value).ok_or(RiskError::Overflow)?;
    let atoms = value.checked_div_euclid(i128::from(from.a)).ok_or(RiskError::DivisionByZero)?;
    let closed = Floored { atoms: narrow(atoms)?, rest: rest_below_one(value, from.a)? };
    Ok(Step { lots: i64::try_from(lots).map_err(|_| RiskError::Overflow)?, closed, funding })
}

/// The fraction of value / 1.0 in Q32, rounded down; only known cheaply for a basis stored at 1.0.
fn rest_below_one(value: i128, a0: u64) -> RiskResult<u64> {
    if a0 != A_ONE {
        return Ok(0);
    }
    let fraction = value & ((1 << A_BITS) - 1);
    u64::try_from(fraction >> A_OVER_INDEX_BITS).map_err(|_| RiskError::Overflow)
}
