//! Tests of the perp accounting: one market, several accounts, every token and lot accounted for after each step.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::arithmetic_side_effects, clippy::as_conversions, clippy::panic)]

mod basics;
mod index;
mod money;
mod random;
mod ranking;
mod rounds;
mod tamper;

use super::*;
use crate::error::RiskResult;
use crate::units::{Lots, Price, Quote, Ratio, Round, Secs};

pub(super) const START: i64 = 1_000_000;

/// A market with its accounts, their cash and the insurance fund.
#[derive(Clone, Debug)]
pub(super) struct World {
    pub(super) market: PerpMarket,
    pub(super) positions: Vec<Position>,
    pub(super) cash: Vec<i64>,
    pub(super) fund: i64,
    /// Charges and carry taken from each account by touches.
    pub(super) taken: Vec<i64>,
    pub(super) tokens: i64,
    pub(super) mark: Price,
    pub(super) now: Secs,
    pub(super) params: PerpParams,
}

impl World {
    pub(super) fn new(accounts: usize, cash: i64, mark: i64) -> Self {
        let fund = 0;
        Self {
            market: PerpMarket::default(),
            positions: vec![Position::default(); accounts],
            cash: vec![cash; accounts],
            fund,
            taken: vec![0; accounts],
            tokens: cash * accounts as i64 + fund,
            mark: Price::new(mark),
            now: Secs::new(START),
            params: PerpParams::default(),
        }
    }

    /// Every token is somewhere and the books agree with the positions.
    pub(super) fn check(&self) {
        assert!(check_raw(&self.market, &self.positions), "raw identity: {:?}", self.market);
        assert!(check_counts(&self.market, &self.positions), "counters: {:?}", self.market);
        let held = self.cash.iter().sum::<i64>() + self.market.pool + self.market.tranche_cash + self.market.fees + self.fund;
        assert_eq!(held, self.tokens, "tokens");
        assert!(self.cash.iter().all(|&cash| cash >= 0) && self.fund >= 0, "nobody's tokens are negative");
    }

    pub(super) fn wait(&mut self, secs: i64) {
        self.now = Secs::new(self.now.raw() + secs);
    }

    pub(super) fn touch(&mut self, who: usize) -> RiskResult<Touched> {
        let touched = touch(&mut self.market, &mut self.positions[who], self.mark, self.now, &self.params)?;
        self.taken[who] += touched.charge().raw() + touched.carry().raw();
        Ok(touched)
    }

    pub(super) fn touch_all(&mut self) {
        for who in 0..self.positions.len() {
            let _ = self.touch(who).unwrap();
        }
    }

    /// Runs one operation; if it refuses, nothing may have changed.
    fn all_or_nothing<T>(&mut self, who: usize, op: impl FnOnce(&mut PerpMarket, &mut Position) -> RiskResult<T>) -> RiskResult<T> {
        let before = (self.market, self.positions[who]);
        let result = op(&mut self.market, &mut self.positions[who]);
        assert!(result.is_ok() || (self.market, self.positions[who]) == before, "an error changed something");
        result
    }

    /// `buyer` takes `lots` from `seller`.
    pub(super) fn trade(&mut self, buyer: usize, seller: usize, lots: i64, price: i64) -> RiskResult<()> {
        for (who, signed) in [(buyer, lots), (seller, -lots)] {
            let touched = self.touch(who)?;
            trade(&mut self.market, &mut self.positions[who], &touched, Lots::new(signed), Price::new(price))?;
        }
        Ok(())
    }

    pub(super) fn settle_loss(&mut self, who: usize) -> RiskResult<i64> {
        let touched = self.touch(who)?;
        let paid = settle_loss(&mut self.market, &mut self.positions[who], &touched, Quote::new(self.cash[who]))?.raw();
        self.cash[who] -= paid;
        Ok(paid)
    }

    pub(super) fn settle_claim(&mut self, who: usize) -> RiskResult<i64> {
        let touched = self.touch(who)?;
        let params = self.params;
        let paid = self.all_or_nothing(who, |market, pos| settle_claim(market, pos, &touched, &params))?.raw();
        self.cash[who] += paid;
        Ok(paid)
    }

    pub(super) fn charge_fee(&mut self, who: usize, fee: i64) -> RiskResult<FeeSplit> {
        let touched = self.touch(who)?;
        let cash = Quote::new(self.cash[who]);
        let split = charge_fee(&mut self.market, &mut self.positions[who], &touched, cash, Quote::new(fee), self.params.tranche_share)?;
        self.cash[who] -= split.from_cash.raw();
        Ok(split)
    }

    pub(super) fn adl(&mut self, who: usize, lots: i64) -> RiskResult<AdlClosed> {
        let touched = self.touch(who)?;
        let mark = self.mark;
        self.all_or_nothing(who, |market, pos| adl_close(market, pos, &touched, Lots::new(lots), mark))
    }

    pub(super) fn absorb(&mut self, who: usize) -> RiskResult<Absorbed> {
        let touched = self.touch(who)?;
        let need = self.positions[who].quote().neg()?.positive_part();
        let offer = fund_offer(&self.market.fund_window, &self.params, Quote::new(self.fund), need, self.now)?;
        let params = self.params;
        let absorbed = self.all_or_nothing(who, |market, pos| absorb(market, pos, &touched, Quote::new(i64::MAX), offer, &params))?;
        self.fund -= absorbed.fund.raw();
        Ok(absorbed)
    }

    pub(super) fn open_round(&mut self) -> RiskResult<RoundProgress> {
        let (mark, now) = (self.mark, self.now);
        self.all_or_nothing(0, |market, _| open_or_extend_round(market, mark, now))
    }

    pub(super) fn close_round(&mut self) -> RiskResult<Ratio> {
        let (now, params) = (self.now, self.params);
        self.all_or_nothing(0, |market, _| close_round(market, now, &params))
    }

    pub(super) fn unsettled(&self, who: usize) -> i64 {
        unsettled(&self.positions[who], self.mark).unwrap().raw()
    }

    /// Positions 0 (long) against 1.. (short, equal parts), then the price falls so that 0 is bankrupt and closed against the shorts:
    /// leaves a loss of `lots · fall` less its cash on position 0.
    pub(super) fn bankrupt(&mut self, lots: i64, fall: i64) -> i64 {
        let others = self.positions.len() - 1;
        for other in 1..=others {
            self.trade(0, other, lots / others as i64, self.mark.raw()).unwrap();
        }
        self.mark = Price::new(self.mark.raw() - fall);
        self.settle_loss(0).unwrap();
        let held = self.positions[0].lots;
        self.adl(0, held).unwrap();
        self.check();
        -self.positions[0].quote
    }
}
