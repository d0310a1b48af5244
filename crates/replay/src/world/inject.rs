//! States that no instruction reaches yet, written behind the program's back: expiries and option legs. Trading options is a later matter; their
//! margin is checked on accounts made here.

use super::{Chain, World};
use anyhow::{Context, Result};
use bytemuck::Pod;
use plimsoll_sdk::decode::Layout;
use plimsoll_sdk::risk::option::{Smile, SurfaceState};
use plimsoll_sdk::risk::{Ratio, Secs};
use plimsoll_sdk::state::expiry::Expiry;
use plimsoll_sdk::state::{MarginAccount, Market, OptionLeg};
use solana_pubkey::Pubkey;

impl<C: Chain> World<C> {
    /// Changes an account of the program in place. Errors: there is none of that type at `key`.
    pub fn edit<T: Layout + Pod>(&mut self, key: &Pubkey, change: impl FnOnce(&mut T)) -> Result<()> {
        let mut value = self.read::<T>(key).with_context(|| format!("nothing of that type at {key}"))?;
        change(&mut value);
        let mut account = self.svm.account(key).context("it was there")?;
        account.data[8..].copy_from_slice(bytemuck::bytes_of(&value));
        self.svm.put(*key, account)
    }

    /// Lists an expiry of market `market` at `place`, `after` seconds from now, with a smile of `atm` at the money just published.
    pub fn list_expiry(&mut self, market: usize, place: usize, after: i64, atm: Ratio) -> Result<()> {
        let now = self.now;
        let smile = Smile { atm, skew: Ratio::of(-5, 100), curvature: Ratio::of(8, 100) };
        let surface = SurfaceState { smile, updated: Secs::new(now), budget: Ratio::ZERO, reserved: 0 };
        let key = self.markets[market].keys.market;
        self.edit::<Market>(&key, |market| {
            let slack = Ratio::of(1, 10).raw();
            market.expiries[place] = Expiry { time: now + after, slack, surface: surface.into(), ..bytemuck::Zeroable::zeroed() };
        })
    }

    /// Puts an option leg of market `market` into an account, whose slot of that market is opened if it has none.
    pub fn give_option(&mut self, account: &Pubkey, market: usize, expiry: usize, strike: i64, is_put: bool, lots: i64) -> Result<()> {
        let key = self.markets[market].keys.market;
        let time = self.market(market).expiries[expiry].time;
        let (strike, expiry) = (u32::try_from(strike)?, u8::try_from(expiry)?);
        self.edit::<MarginAccount>(account, |account| {
            let slot = account.perp_index_or_open(&key).and_then(|slot| u8::try_from(slot).ok()).expect("a slot is free");
            let free = account.options.iter_mut().find(|leg| !leg.is_used()).expect("a leg is free");
            *free = OptionLeg { lots, time, strike, slot, expiry, kind: is_put.into(), ..bytemuck::Zeroable::zeroed() };
            account.option_legs += 1;
        })
    }
}
