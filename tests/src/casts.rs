//! Who plays in more than one file of stories.

use crate::stage::Stage;
use crate::USD;
use anyhow::Result;
use plimsoll_replay::world::Member;

/// What 5 bp of $20,000 come to in the program's Q30: sixteen atoms less than ten dollars.
pub const FEE: i64 = 9_999_984;

/// A dealer with $100,000, a keeper with $50,000, and a trader with $2,000 who bought 100 SOL at $200: ten times.
pub struct TenTimesLong {
    /// Sold to the trader.
    pub dealer: Member,
    /// Has no position.
    pub keeper: Member,
    /// The long.
    pub trader: Member,
}

/// Lets them join and trade.
pub fn ten_times_long(stage: &mut Stage) -> Result<TenTimesLong> {
    let dealer = stage.world.join(100_000 * USD as u64, 100_000 * USD as u64)?;
    let keeper = stage.world.join(50_000 * USD as u64, 50_000 * USD as u64)?;
    let trader = stage.world.join(10_000 * USD as u64, 2_000 * USD as u64)?;
    stage.trade(0, &trader, &dealer, 10_000, 200 * USD)?;
    assert_eq!(stage.cash(&trader), 2_000 * USD - FEE);
    Ok(TenTimesLong { dealer, keeper, trader })
}
