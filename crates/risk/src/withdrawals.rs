//! Withdrawals from one vault: at once while the limits of [`crate::limits`] have room, else from a queue whose requests share the room of each
//! hour pro rata (RULES 1.6).
//!
//! The queue needs no list. An index holds the share of a request that is still waiting; sharing `g` of the `w` atoms that wait multiplies it by
//! (w − g)/w, and a request finds out what it was granted when it is settled: amount · (1 − index / index at its beginning). Everybody who waits
//! when a share is made receives the same fraction, whatever the order of requests, calls and payments.
//!
//! What was granted is reserved, not yet gone: it counts as outflow when it is paid, so that a request that is cancelled leaves its room to the
//! others at once. Amounts are rounded so that the queue never knows of less than what its requests wait for.
//!
//! | number | unit and scale | range |
//! | --- | --- | --- |
//! | `index` | mantissa of the share that waits, 1.0 = 2⁶⁰ | 2⁴⁰ ..= 2⁶⁰ |
//! | `scale` | times that 2²⁰ was taken out of the mantissa | |
//! | `epoch` | times that everything was granted | |

use crate::error::{RiskError, RiskResult};
use crate::limits::{check, OutflowLimiter, OutflowParams, MAX_AMOUNT};
use crate::units::{Atoms, Round, Secs};
use bytemuck::{Pod, Zeroable};

/// Time from the first request, or from a share, to the next share.
pub const SHARE_INTERVAL: Secs = Secs::new(3_600);

const ONE: i64 = 1 << ONE_BITS;
const ONE_BITS: u32 = 60;
const LEAST: u128 = 1 << 40;
const STEP_BITS: u32 = 20;

// Index times amount, shifted once more, fits.
const _: () = assert!((1_u128 << ONE_BITS).checked_mul(1 << 56).is_some() && LEAST.checked_mul(1 << 56).is_some());
const _: () = assert!(core::mem::size_of::<Queue>() == 48 && core::mem::size_of::<Request>() == 40);
const _: () = assert!(core::mem::size_of::<Gate>() == 528 && core::mem::align_of::<Gate>() == 8);

/// The requests of one vault, in sum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct Queue {
    /// Share of a request that waits, see the module's table; 0 before the first request.
    pub index: i64,
    /// Scale of the index.
    pub scale: u32,
    /// Epoch of the index.
    pub epoch: u32,
    /// What all requests wait for; at most an atom a request too much.
    pub waiting: Atoms,
    /// What was granted and is neither paid nor given back.
    pub granted: Atoms,
    /// Time of the last share, or of the request that began the queue.
    pub shared_at: Secs,
    /// Requests that exist.
    pub open: u32,
    /// Zero.
    pub padding: u32,
}

/// One request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct Request {
    /// What waited when the request was last settled.
    pub waiting: Atoms,
    /// What it has been granted and not been paid.
    pub granted: Atoms,
    /// Index at that time.
    pub index: i64,
    /// Its scale.
    pub scale: u32,
    /// Its epoch.
    pub epoch: u32,
    /// When it was made.
    pub made_at: Secs,
}

/// The way out of one vault: limits, flows and queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct Gate {
    /// Limits on net outflow.
    pub params: OutflowParams,
    /// Net outflow of the hour and the day.
    pub limiter: OutflowLimiter,
    /// Requests beyond the limits.
    pub queue: Queue,
}

impl Queue {
    /// What `request` still waits for at the present index, rounded down.
    ///
    /// Errors: [`RiskError::Overflow`].
    pub fn remaining(&self, request: &Request) -> RiskResult<Atoms> {
        if request.epoch != self.epoch {
            return Ok(Atoms::ZERO);
        }
        let part = crate::units::mul_div(request.waiting.raw(), self.index, request.index, Round::Floor)?;
        let steps = self.scale.wrapping_sub(request.scale).saturating_mul(STEP_BITS);
        Ok(Atoms::new(part.checked_shr(steps).unwrap_or(0)))
    }

    /// Grants `granted` (> 0) pro rata to all that wait.
    fn grant(&mut self, granted: Atoms, now: Secs) -> RiskResult<()> {
        let left = self.waiting.sub(granted)?;
        if left.is_negative() {
            return Err(RiskError::QuantityOutOfRange);
        }
        let mut next = *self;
        if left.is_zero() {
            next.epoch = self.epoch.wrapping_add(1);
            next.scale = 0;
            next.index = ONE;
        } else {
            let wide = |amount: i64| u128::try_from(amount).map_err(|_| RiskError::Overflow);
            let waiting = wide(self.waiting.raw())?;
            let mut product = wide(self.index)?.checked_mul(wide(left.raw())?).ok_or(RiskError::Overflow)?;
            let mut index = product.checked_div(waiting).ok_or(RiskError::DivisionByZero)?;
            // Below LEAST the product is less than LEAST · waiting, so that a step more fits. It ends: the product is not zero.
            while index < LEAST {
                product <<= STEP_BITS;
                next.scale = next.scale.checked_add(1).ok_or(RiskError::Overflow)?;
                index = product.checked_div(waiting).ok_or(RiskError::DivisionByZero)?;
            }
            next.index = i64::try_from(index).map_err(|_| RiskError::Overflow)?;
        }
        next.waiting = left;
        next.granted = self.granted.add(granted)?;
        next.shared_at = now;
        *self = next;
        Ok(())
    }

    /// Moves what `request` was granted since it was last settled.
    fn settle(&self, request: &mut Request) -> RiskResult<()> {
        let waiting = self.remaining(request)?;
        let granted = request.granted.add(request.waiting.sub(waiting)?)?;
        *request = Request { waiting, granted, ..self.mark(request) };
        Ok(())
    }

    /// `request` at the present index.
    const fn mark(&self, request: &Request) -> Request {
        Request { index: self.index, scale: self.scale, epoch: self.epoch, ..*request }
    }

    /// Takes amounts off the sums, whose roundings may have left them an atom short.
    fn release(&mut self, waiting: Atoms, granted: Atoms) -> RiskResult<()> {
        self.waiting = self.waiting.sub(waiting)?.positive_part();
        self.granted = self.granted.sub(granted)?.positive_part();
        Ok(())
    }
}

impl Gate {
    /// A gate for an empty vault. Errors: [`RiskError::ParameterOutOfRange`].
    pub fn new(params: OutflowParams, now: Secs) -> RiskResult<Self> {
        params.validate()?;
        Ok(Self { params, limiter: OutflowLimiter::new(Atoms::ZERO, now)?, queue: Queue { index: ONE, ..Queue::zeroed() } })
    }

    /// What may leave at once: the limits' room without what was granted to the queue, and nothing while requests wait.
    ///
    /// Errors: [`RiskError::WrongState`] for a clock that goes back, [`RiskError::Overflow`].
    pub fn room(&self, now: Secs) -> RiskResult<Atoms> {
        if self.queue.waiting.is_positive() {
            return Ok(Atoms::ZERO);
        }
        self.unreserved(now)
    }

    fn unreserved(&self, now: Secs) -> RiskResult<Atoms> {
        Ok(self.limiter.allowance(&self.params, now)?.sub(self.queue.granted)?.positive_part())
    }

    /// Records a deposit that has raised the vault's total to `total_after`. Errors: as [`OutflowLimiter::record_deposit`].
    pub fn deposit(&mut self, amount: Atoms, total_after: Atoms, now: Secs) -> RiskResult<()> {
        self.limiter.record_deposit(&self.params, amount, total_after, now)
    }

    /// Records a withdrawal at once that will lower the vault's total to `total_after`; else nothing changes.
    ///
    /// Errors: [`RiskError::LimitExceeded`] beyond the room or while others wait: queue; as [`OutflowLimiter::check_and_record`].
    pub fn withdraw(&mut self, amount: Atoms, total_after: Atoms, now: Secs) -> RiskResult<()> {
        if amount > self.room(now)? {
            return Err(RiskError::LimitExceeded);
        }
        self.limiter.check_and_record(&self.params, amount, total_after, now)
    }

    /// Shares the room of the hour among those who wait, if an hour has passed since the last share and there is room; what was granted.
    ///
    /// Errors: as [`Self::room`].
    pub fn share(&mut self, now: Secs) -> RiskResult<Atoms> {
        let is_due = now >= self.queue.shared_at.add(SHARE_INTERVAL)?;
        let granted = if is_due { self.unreserved(now)?.min(self.queue.waiting) } else { Atoms::ZERO };
        if granted.is_positive() {
            self.queue.grant(granted, now)?;
        }
        Ok(granted)
    }

    /// Queues a request for `amount`; a share that is due is made without it.
    ///
    /// Errors: [`RiskError::WrongState`] where the amount may leave at once; [`RiskError::QuantityOutOfRange`] for nothing, or when more would
    /// wait than any vault holds.
    pub fn request(&mut self, amount: Atoms, now: Secs) -> RiskResult<Request> {
        check(amount)?;
        let mut next = *self;
        next.share(now)?;
        if amount <= next.room(now)? {
            return Err(RiskError::WrongState);
        }
        let queue = &mut next.queue;
        if !queue.waiting.is_positive() {
            queue.shared_at = now;
        }
        queue.waiting = queue.waiting.add(amount)?;
        queue.open = queue.open.checked_add(1).ok_or(RiskError::Overflow)?;
        if !amount.is_positive() || queue.waiting.raw() > MAX_AMOUNT {
            return Err(RiskError::QuantityOutOfRange);
        }
        let request = Request { waiting: amount, made_at: now, ..Request::zeroed() };
        let request = queue.mark(&request);
        *self = next;
        Ok(request)
    }

    /// Brings `request` up to date, and down to the `balance` it is to be paid from. What it may be paid now, as far as the limits have room.
    ///
    /// Errors: as [`Self::room`]; [`RiskError::QuantityOutOfRange`] for a negative balance.
    pub fn settle(&mut self, request: &mut Request, balance: Atoms, now: Secs) -> RiskResult<Atoms> {
        if balance.is_negative() {
            return Err(RiskError::QuantityOutOfRange);
        }
        self.share(now)?;
        self.queue.settle(request)?;
        let granted = request.granted.min(balance);
        let waiting = request.waiting.min(balance.sub(granted)?);
        self.queue.release(request.waiting.sub(waiting)?, request.granted.sub(granted)?)?;
        *request = Request { waiting, granted, ..*request };
        Ok(granted.min(self.limiter.allowance(&self.params, now)?))
    }

    /// Records the payment of `amount` of a settled request; the vault's total will be `total_after`.
    ///
    /// Errors: [`RiskError::QuantityOutOfRange`] beyond what was granted; as [`OutflowLimiter::check_and_record`].
    pub fn pay(&mut self, request: &mut Request, amount: Atoms, total_after: Atoms, now: Secs) -> RiskResult<()> {
        let left = request.granted.sub(amount)?;
        if left.is_negative() {
            return Err(RiskError::QuantityOutOfRange);
        }
        self.limiter.check_and_record(&self.params, amount, total_after, now)?;
        self.queue.release(Atoms::ZERO, amount)?;
        request.granted = left;
        Ok(())
    }

    /// Gives what a settled request was granted back to the others, and lets it wait for that anew: it may not be paid now.
    ///
    /// Errors: [`RiskError::Overflow`].
    pub fn lapse(&mut self, request: &mut Request, now: Secs) -> RiskResult<()> {
        let granted = request.granted;
        if !self.queue.waiting.is_positive() {
            self.queue.shared_at = now;
        }
        self.queue.release(Atoms::ZERO, granted)?;
        self.queue.waiting = self.queue.waiting.add(granted)?;
        *request = Request { waiting: request.waiting.add(granted)?, granted: Atoms::ZERO, ..self.queue.mark(request) };
        Ok(())
    }

    /// Takes `request` out of the queue. Errors: [`RiskError::Overflow`].
    pub fn cancel(&mut self, request: &mut Request) -> RiskResult<()> {
        self.queue.settle(request)?;
        self.queue.release(request.waiting, request.granted)?;
        self.queue.open = self.queue.open.saturating_sub(1);
        // Roundings end with the last request.
        if self.queue.open == 0 {
            self.queue.waiting = Atoms::ZERO;
            self.queue.granted = Atoms::ZERO;
        }
        *request = Request::zeroed();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::arithmetic_side_effects, clippy::indexing_slicing)]
    use super::*;
    use proptest::prelude::*;

    const USDC: i64 = 1_000_000;
    const MILLION: i64 = 1_000_000 * USDC;
    const START: i64 = 1_759_996_800;

    fn at(second: i64) -> Secs {
        Secs::new(START + second)
    }

    /// A vault of 100 million that has been there for long, and the hour's limit of about a million.
    struct Vault {
        gate: Gate,
        total: i64,
    }

    impl Vault {
        fn new() -> Self {
            let params = OutflowParams { half_life: Secs::new(1), ..OutflowParams::DEFAULT };
            let mut gate = Gate::new(params, Secs::new(START - 200_000)).unwrap();
            gate.deposit(Atoms::new(100 * MILLION), Atoms::new(100 * MILLION), Secs::new(START - 200_000)).unwrap();
            gate.deposit(Atoms::ZERO, Atoms::new(100 * MILLION), at(0)).unwrap();
            gate.params = OutflowParams::DEFAULT;
            Self { gate, total: 100 * MILLION }
        }

        fn withdraw(&mut self, amount: i64, second: i64) -> RiskResult<()> {
            self.gate.withdraw(Atoms::new(amount), Atoms::new(self.total - amount), at(second))?;
            self.total -= amount;
            Ok(())
        }

        fn request(&mut self, amount: i64, second: i64) -> RiskResult<Request> {
            self.gate.request(Atoms::new(amount), at(second))
        }

        /// Pays what may be paid; what that was.
        fn process(&mut self, request: &mut Request, balance: i64, second: i64) -> i64 {
            let due = self.gate.settle(request, Atoms::new(balance), at(second)).unwrap().raw();
            self.gate.pay(request, Atoms::new(due), Atoms::new(self.total - due), at(second)).unwrap();
            self.total -= due;
            due
        }
    }

    #[test]
    fn requests_share_the_hour_pro_rata_whatever_their_order() {
        let mut vault = Vault::new();
        assert_eq!(vault.request(1, 0), Err(RiskError::WrongState), "there is room: withdraw at once");
        let mut whale = vault.request(9 * MILLION, 0).unwrap();
        assert_eq!(vault.withdraw(1, 1), Err(RiskError::LimitExceeded), "nobody passes those who wait");
        let mut small = vault.request(MILLION, 1_800).unwrap();
        assert_eq!((vault.process(&mut whale, 9 * MILLION, 3_599), vault.process(&mut small, MILLION, 3_599)), (0, 0));
        // The smaller one is paid first, and that changes nothing.
        let limit = vault.gate.limiter.allowance(&vault.gate.params, at(3_600)).unwrap().raw();
        let (second, first) = (vault.process(&mut small, MILLION, 3_600), vault.process(&mut whale, 9 * MILLION, 3_600));
        assert!((second - limit / 10).abs() <= 1 && (first - limit / 10 * 9).abs() <= 20, "{first} {second} of {limit}");
        assert!(first + second <= limit);
        assert_eq!((vault.process(&mut whale, 8 * MILLION, 3_700), vault.process(&mut small, MILLION, 7_199)), (0, 0));
    }

    #[test]
    fn a_request_that_is_cancelled_leaves_its_room_to_the_others() {
        let mut vault = Vault::new();
        let mut whale = vault.request(50 * MILLION, 0).unwrap();
        let mut small = vault.request(MILLION / 2, 1).unwrap();
        let share = vault.gate.share(at(3_600)).unwrap();
        assert!(share.is_positive());
        assert_eq!(vault.gate.share(at(7_200)), Ok(Atoms::ZERO), "what is granted and not paid is reserved");
        vault.gate.cancel(&mut whale).unwrap();
        let early = vault.process(&mut small, MILLION / 2, 7_200);
        let rest = vault.process(&mut small, MILLION / 2 - early, 10_800);
        assert_eq!(early + rest, MILLION / 2);
        vault.gate.cancel(&mut small).unwrap();
        assert_eq!((vault.gate.queue.waiting, vault.gate.queue.granted, vault.gate.queue.open), (Atoms::ZERO, Atoms::ZERO, 0));
        vault.withdraw(MILLION / 4, 10_800).unwrap();
    }

    #[test]
    fn a_request_shrinks_with_the_balance_behind_it() {
        let mut vault = Vault::new();
        let mut request = vault.request(40 * MILLION, 0).unwrap();
        assert_eq!(vault.process(&mut request, 3 * MILLION, 10), 0);
        assert_eq!((request.waiting, vault.gate.queue.waiting), (Atoms::new(3 * MILLION), Atoms::new(3 * MILLION)));
        assert_eq!(vault.process(&mut request, 0, 3_600), 0);
        assert_eq!((request.waiting, request.granted, vault.gate.queue.granted), (Atoms::ZERO, Atoms::ZERO, Atoms::ZERO));
    }

    #[test]
    fn what_may_not_be_paid_lapses_and_waits_anew() {
        let mut vault = Vault::new();
        let mut request = vault.request(2 * MILLION, 0).unwrap();
        let due = vault.gate.settle(&mut request, Atoms::new(2 * MILLION), at(3_600)).unwrap();
        assert!(due.is_positive());
        vault.gate.lapse(&mut request, at(3_600)).unwrap();
        assert_eq!((request.waiting, request.granted), (Atoms::new(2 * MILLION), Atoms::ZERO));
        // The roundings are on the safe side.
        assert!((2 * MILLION..=2 * MILLION + 1).contains(&vault.gate.queue.waiting.raw()) && vault.gate.queue.granted.is_zero());
        assert_eq!(vault.gate.pay(&mut request, Atoms::new(1), Atoms::new(1), at(3_600)), Err(RiskError::QuantityOutOfRange));
    }

    #[test]
    fn an_index_that_shrinks_without_end_stays_exact() {
        let mut queue = Queue { index: ONE, waiting: Atoms::new(1 << 55), open: 2, ..Queue::zeroed() };
        let old = queue.mark(&Request { waiting: Atoms::new(1 << 55), ..Request::zeroed() });
        for _ in 0..3 {
            // All but an atom goes; a newcomer brings the queue back to where it was.
            queue.grant(queue.waiting.sub(Atoms::new(1)).unwrap(), at(0)).unwrap();
            let newcomer = queue.mark(&Request { waiting: Atoms::new(1 << 55), ..Request::zeroed() });
            queue.waiting = queue.waiting.add(newcomer.waiting).unwrap();
            assert!(i128::from(queue.index) >= 1 << 40);
            assert_eq!(queue.remaining(&newcomer).unwrap(), newcomer.waiting);
            assert!(queue.remaining(&old).unwrap().raw() <= 1);
        }
    }

    proptest! {
        /// Any requests, shares, payments and cancellations: everybody who waits gets the same fraction, no more is granted than there is room
        /// for, and the sums know of at least what the requests wait for.
        #[test]
        fn shares_are_pro_rata_and_never_exceed_the_room(
            amounts in prop::collection::vec(2 * MILLION..1 << 50, 2..6),
            steps in prop::collection::vec((0_usize..6, 0_i64..5_000, 0_u8..8), 1..60),
        ) {
            let mut vault = Vault::new();
            let mut requests: Vec<Option<Request>> = amounts.iter().map(|&amount| Some(vault.request(amount, 0).unwrap())).collect();
            let mut second = 0;
            let mut paid = vec![];
            for (who, wait, kind) in steps {
                second += wait;
                let who = who % requests.len();
                // A rich account stands behind every request.
                let before = vault.gate.queue;
                let granted = vault.gate.share(at(second)).unwrap();
                for request in requests.iter().flatten() {
                    let (was, is) = (before.remaining(request).unwrap().raw(), vault.gate.queue.remaining(request).unwrap().raw());
                    let fair = i128::from(was) * i128::from(before.waiting.raw() - granted.raw()) / i128::from(before.waiting.raw().max(1));
                    prop_assert!((i128::from(is) - fair).abs() <= 2 + (fair >> 38), "{is} is not {fair}");
                }
                if let Some(request) = &mut requests[who] {
                    match kind {
                        0 => {
                            vault.gate.cancel(request).unwrap();
                            requests[who] = None;
                        }
                        1 => {
                            vault.gate.settle(request, Atoms::new(1 << 55), at(second)).unwrap();
                            vault.gate.lapse(request, at(second)).unwrap();
                        }
                        _ => {
                            let amount = vault.process(request, 1 << 55, second);
                            paid.push((second, amount));
                            let hour: i64 = paid.iter().filter(|(time, _)| *time > second - 3_600).map(|(_, amount)| amount).sum();
                            prop_assert!(amount == 0 || hour <= vault.gate.limiter.average().raw() / 100);
                        }
                    }
                } else if let Ok(request) = vault.request(amounts[who], second) {
                    requests[who] = Some(request);
                }
                let queue = vault.gate.queue;
                let waiting: i128 = requests.iter().flatten().map(|request| i128::from(queue.remaining(request).unwrap().raw())).sum();
                prop_assert!(waiting <= i128::from(queue.waiting.raw()), "{waiting} wait, the queue knows of {:?}", queue.waiting);
                prop_assert_eq!(usize::try_from(queue.open).unwrap(), requests.iter().flatten().count());
            }
        }
    }
}
