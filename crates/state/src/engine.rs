//! Stored twins of the engine's structs, field by field, so that the interface description can name them. See the engine for what each means.

use crate::mirror::mirror;
use crate::Pubkey;

pub use crate::outflow::{Gate, LossCap, LossClock, OutflowLimiter, OutflowParams, Pause, QueuedRequest, WithdrawalQueue};
pub use crate::smile::{DepthParams, DepthState, OptionParams, Smile, SurfaceParams, SurfaceState};

mirror! {
    /// Closing state of an epoch, kept until every position that lived in it has been touched.
    EpochRecord = plimsoll_risk::perp::EpochRecord {
        /// Final multiplier, Q48.
        a: u64,
        /// Final forced-close index, Q32 atoms per basis lot.
        k: i64,
        /// Final funding index, Q32 atoms per basis lot.
        f: i64,
        /// The epoch this closes.
        epoch: u32,
        /// Positions that have not passed it yet; 0 = the slot is free.
        remaining: u32,
    }
}

mirror! {
    /// One side (longs or shorts) of a market. A position with basis `b` stored at (`a0`, `k0`, `f0`) has ⌊b·a/a0⌋ lots left, has earned
    /// b·(k − k0)/a0 from forced closes and owes b·(f − f0)/a0 of funding.
    PerpSide = plimsoll_risk::perp::Side {
        /// What is left of a basis lot, Q48; 1.0 when the epoch starts.
        a: u64,
        /// Credited for forced closes per basis lot, Q32 atoms.
        k: i64,
        /// Funding owed per basis lot, Q32 atoms.
        f: i64,
        /// Lots on this side: those of positions plus the fractions rounding has left with the tranche. Equal on both sides.
        open_interest: i64,
        /// Number of the running epoch.
        epoch: u32,
        /// Positions that hold a basis on this side, touched or not.
        live_positions: u32,
        /// Closed epochs, at index `epoch % RECORDS`.
        records: [EpochRecord; 4],
    }
}

mirror! {
    /// One deficit shared by the claims of its market (RULES 7.3).
    DeficitRound = plimsoll_risk::perp::DeficitRound {
        /// 1-based number, consecutive in the market; lives in slot `id % ROUNDS`. 0 = unused.
        id: u32,
        /// One of the `ROUND_*` constants.
        status: u32,
        /// Positions open at its opening that have not been touched since.
        unregistered: u32,
        /// Positions that hold a share in it.
        shares: u32,
        /// The price claims are measured at, atoms per lot.
        price: i64,
        /// When it opened, seconds.
        opened_at: i64,
        /// What is to be taken from claims, atoms.
        deficit: i64,
        /// Σ claims registered, atoms.
        claims: i64,
        /// Σ charges less refunds so far, atoms.
        collected: i64,
    }
}

mirror! {
    /// Payouts of the fund for one market.
    FundWindow = plimsoll_risk::perp::FundWindow {
        /// Atoms paid in each bucket, at index `bucket % BUCKETS`.
        paid: [i64; 9],
        /// Number of the newest bucket, seconds / `BUCKET_SECS`.
        bucket: i64,
        /// Atoms paid ever.
        paid_total: i64,
        /// Atoms the market's tranche has earned ever.
        earned_total: i64,
    }
}

mirror! {
    /// A perp market's books.
    PerpBooks = plimsoll_risk::perp::PerpMarket {
        /// Holders of positive lots.
        long: PerpSide,
        /// Holders of negative lots.
        short: PerpSide,
        /// Tokens held for this market's PnL, atoms ≥ 0.
        pool: i64,
        /// Lots in transit between positions and the residue of roundings.
        clearing_lots: i64,
        /// Atoms in transit: accrued but not collected funding, forced closes, deficits not charged yet.
        clearing_quote: i64,
        /// The tranche's claim on the pool (negative: booked against its next inflow), atoms.
        tranche_quote: i64,
        /// Tokens of the tranche, atoms ≥ 0.
        tranche_cash: i64,
        /// Tokens of the protocol from this market's fees, atoms ≥ 0.
        fees: i64,
        /// Σ position.matured, atoms.
        matured_total: i64,
        /// Deficit that waits in clearing for a round, atoms ≥ 0.
        pending_deficit: i64,
        /// Rounding remainders in clearing that belong to nobody, Q32 of an atom, below 1.0.
        dust: u64,
        /// Positions that are not empty.
        positions: u32,
        /// Id of the newest round.
        last_round: u32,
        /// Deficit rounds, at index `id % ROUNDS`.
        rounds: [DeficitRound; 4],
        /// What the insurance fund has paid for this market.
        fund_window: FundWindow,
        /// The hour in which keepers were last rewarded, seconds / 3,600.
        reward_hour: i64,
        /// What they were paid in that hour, atoms.
        rewarded: i64,
        /// Zero.
        reserve: [u64; 6],
    }
}

mirror! {
    /// A position's part in a deficit round, in the slot of that round.
    RoundShare = plimsoll_risk::perp::RoundShare {
        /// Profit at the round's price, atoms; 0 = no share.
        claim: i64,
        /// Charged so far, atoms, ≤ `claim`.
        charged: i64,
    }
}

mirror! {
    /// One account's position in one perp market.
    PerpPosition = plimsoll_risk::perp::Position {
        /// Basis lots as of the last touch; positive = long.
        lots: i64,
        /// Quote balance, atoms; minus the entry cost of a long plus what is realised but unsettled.
        quote: i64,
        /// `Side::a` at the last touch, Q48.
        a0: u64,
        /// `Side::k` at the last touch, Q32 atoms per basis lot.
        k0: i64,
        /// `Side::f` at the last touch, Q32 atoms per basis lot.
        f0: i64,
        /// `Side::epoch` at the last touch.
        epoch: u32,
        /// Newest deficit round this position has registered in.
        round: u32,
        /// Number of its `shares` in use.
        open_shares: u32,
        /// Zero.
        padding: u32,
        /// Parts in deficit rounds, at index `round id % ROUNDS`.
        shares: [RoundShare; 4],
        /// Claim that has matured and may be settled, atoms.
        matured: i64,
        /// Claim that matures linearly from `touched_at` to `vesting_end`, atoms.
        vesting: i64,
        /// When `vesting` has matured, seconds.
        vesting_end: i64,
        /// Since when touches have found an unsettled loss, seconds; 0 = none.
        loss_since: i64,
        /// Last touch, seconds.
        touched_at: i64,
        /// Size-weighted opening time, seconds; 0 = flat.
        opened_at: i64,
        /// Lots of resting bids.
        bids: i64,
        /// Lots of resting asks.
        asks: i64,
        /// Value of resting bids at their prices, atoms.
        bids_value: i64,
        /// Value of resting asks at their prices, atoms.
        asks_value: i64,
        /// Margin reserved for resting orders (RULES 5.3), atoms.
        reserved: i64,
        /// Lots that auto-deleveraging has added of late, opposite in sign to the position (RULES 7.5); 0 = none.
        adl_lots: i64,
        /// Quote balance that came with them, atoms.
        adl_quote: i64,
        /// When the last of them came, seconds.
        adl_at: i64,
    }
}

mirror! {
    /// An account of the side that gains, as it stood when it was registered in a round (RULES 7.2).
    AdlCandidate = plimsoll_risk::perp::Candidate {
        /// Its margin account.
        account: Pubkey,
        /// Net factor exposure in the direction of its position, atoms; zero or less for a hedge.
        exposure: i64,
        /// Equity, atoms > 0.
        equity: i64,
        /// Lots of its position, magnitude.
        lots: i64,
        /// Lots it is to lose.
        cut: i64,
    }
}

mirror! {
    /// Governed parameters of the accounting.
    PerpParams = plimsoll_risk::perp::PerpParams {
        /// Time over which a claim matures.
        maturity: i64,
        /// Share of a claim that counts for IM (RULES 1.4).
        claim_weight: i64,
        /// An unsettled loss pays nothing for this long.
        carry_delay: i64,
        /// Share of an unsettled loss paid per hour after the delay.
        carry_per_hour: i64,
        /// Taker fee as a share of notional.
        taker_fee: i64,
        /// Maker fee as a share of notional, ≥ 0.
        maker_fee: i64,
        /// The tranche's share of fees paid in cash.
        tranche_share: i64,
        /// Deficits below this are booked against the tranche's next inflow.
        small_deficit: i64,
        /// Most the tranche may owe that way.
        tranche_debt_max: i64,
        /// How long a deficit round registers claims.
        registration: i64,
        /// Most the fund pays for this market in a window.
        fund_market_cap: i64,
        /// Most the fund pays for this market in a window, as a share of the fund at its start.
        fund_window_share: i64,
        /// What the fund pays in a window beyond what the tranche has earned.
        fund_allowance: i64,
    }
}

mirror! {
    /// A perp market's funding clock.
    FundingState = plimsoll_risk::funding::FundingState {
        /// P: average premium, Q30.
        premium: i64,
        /// r: rate in force, Q30 per hour, positive = longs pay.
        hourly_rate: i64,
        /// Unix second of the last sample.
        sampled_at: i64,
        /// Unix second up to which funding has been accrued.
        accrued_at: i64,
    }
}

mirror! {
    /// A resting order.
    BookOrder = plimsoll_risk::book::Order {
        /// Margin account that placed it.
        owner: [u8; 32],
        /// Number from the book's sequence, from 1; smaller is older.
        id: u64,
        /// Quote atoms per lot, 1 ..= 2³⁰.
        price: u32,
        /// Lots left to fill, 1 ..= 2³⁰.
        lots: u32,
        /// Unix second from which the order is void; 0 = never.
        expiry: u32,
        /// Unix second of the placement.
        placed_at: u32,
        /// The owner's cancel-all generation at the placement; any other value there now means cancelled.
        generation: u32,
        /// `REDUCE_ONLY` or 0.
        flags: u32,
    }
}

mirror! {
    /// What stands before the two sides in a book account. All zero is an empty book.
    BookHeader = plimsoll_risk::book::BookHeader {
        /// The id given last; 0 = none yet.
        last_id: u64,
        /// Live orders on the bid side.
        bids: u32,
        /// Live orders on the ask side.
        asks: u32,
        /// For later fields; zero.
        reserve: [u64; 4],
    }
}

mirror! {
    /// A market's funding parameters.
    FundingParams = plimsoll_risk::funding::FundingParams {
        /// Premium that costs nothing; 5 bp by default, 0 ..= `MAX_DEAD_ZONE`.
        dead_zone: i64,
        /// Largest rate per hour; 0.4 % in majors, 0 ..= `MAX_HOURLY_CAP`.
        hourly_cap: i64,
    }
}

mirror! {
    /// Parameters of RULES 6.1–6.3 and their defaults.
    LiquidationParams = plimsoll_risk::liquidation::LiquidationParams {
        /// Penalty at the flag, share of the value taken: 0.5 %.
        penalty_start: i64,
        /// Penalty at the end of the ramp: 1.5 %.
        penalty_end: i64,
        /// Length of the ramp: 600 s.
        penalty_ramp: i64,
        /// Keeper's share of the nominal penalty, first in rank: 50 %.
        keeper_share: i64,
        /// Insurance tranche's share, second in rank: 40 %. The protocol gets what is left.
        insurance_share: i64,
        /// Least share of a leg in one slice: 20 %.
        slice_share: i64,
        /// A leg of less notional than this goes at once: $1000.
        whole_leg: i64,
        /// Pause between two slices of a leg when E = MM; shrinks with E/MM: 30 s.
        slice_pause: i64,
        /// Least distance between the two failing samples: 2 s.
        sample_gap: i64,
        /// Largest distance between them; a later one counts as the first again: 60 s.
        sample_window: i64,
        /// Largest age of the sample that starts a liquidation: 10 s.
        sample_age: i64,
        /// Take-over opens at latest so long after the flag: 10 s.
        takeover_delay: i64,
        /// A return within this time of clearing resumes the old clock: 1 h.
        reentry: i64,
        /// Grace of an account that only an auto-deleveraging pushed under MM: 600 s.
        adl_grace: i64,
        /// Below this sellable value an account without equity is bankrupt: $50.
        bankrupt_value: i64,
    }
}

mirror! {
    /// Pace of one leg: what is left of the slice that was opened last.
    SlicePace = plimsoll_risk::liquidation::Slice {
        /// When the slice was opened, unix seconds; 0 = never.
        opened_at: i64,
        /// Lots of it that are still to be had, ≥ 0.
        left: i64,
    }
}

mirror! {
    /// Stored in the margin account.
    LiquidationState = plimsoll_risk::liquidation::LiquidationState {
        /// `AccountState`.
        state: u32,
        /// Zero.
        padding: u32,
        /// Publish time of the first of the two failing samples, 0 = none.
        first_fail_publish: i64,
        /// Start of the liquidation's clock; set back on re-entry, so that the clock goes on where it had stopped. 0 = never flagged.
        flagged_at: i64,
        /// When the last liquidation cleared, 0 = never.
        cleared_at: i64,
        /// End of the grace after an auto-deleveraging, 0 = none.
        adl_grace_until: i64,
        /// By position slot of the account.
        slices: [SlicePace; 8],
        /// Zero, for later versions.
        reserve: [i64; 4],
    }
}

mirror! {
    /// What the market demands of its feed.
    OracleParams = plimsoll_risk::oracle::OracleParams {
        /// Exponent the feed had at listing.
        exponent: i32,
        /// A lot is 10^−lot_exponent units of the base asset.
        lot_exponent: i32,
        /// Smallest acceptable price.
        min_price: i64,
        /// Largest acceptable price.
        max_price: i64,
        /// Confidence / price above which a sample is refused (4 %).
        hard_confidence: i64,
        /// Confidence / price above which `Condition::WideConfidence` holds (1 % majors, 2 % others).
        wide_confidence: i64,
        /// A narrower published interval counts as this (1 bp†): no feed is certain.
        min_confidence: i64,
        /// |price − 5-min TWAP| / price above which `Condition::TwapGap` holds (0.5 %; 2 % in the slow lane).
        settle_gap: i64,
        /// The same for `Condition::TwapBand` (10 %).
        trading_gap: i64,
        /// Milliseconds a slot takes, for the outage ratio alone (200 today).
        slot_millis: u64,
    }
}

mirror! {
    /// When the last outage began and how far it has come. All zero is a market that never had one.
    Outage = plimsoll_risk::oracle::Outage {
        /// Chain clock at its beginning; 0 if there was none.
        began: i64,
        /// Publish time of the first fresh sample in it; 0 before.
        first_sample: i64,
        /// Chain clock when two samples ended it; 0 while they have not.
        ended: i64,
    }
}

mirror! {
    /// The ring. All zero is a valid empty one.
    opaque Twap = plimsoll_risk::twap::Twap {
        /// Minutes in which a price stood: minute of the clock (unix seconds / 60) · 2³⁶ + Σ price × seconds; 0 = free.
        minutes: [i64; 30],
        /// Observed seconds of each, 1 ..= 60.
        observed: [u8; 30],
        /// Zero.
        padding: [u8; 2],
        /// Minutes ever put into the ring; the newest stands at count − 1 mod 30.
        count: u64,
        /// Price that is being held; 0 before the first.
        held: i64,
        /// Since when it has been held.
        since: i64,
    }
}

mirror! {
    /// What the market remembers of its feed. All zero is a market that has never had a price.
    OracleState = plimsoll_risk::oracle::OracleState {
        /// Last accepted price; 0 before the first; the final price once settling.
        price: i64,
        /// Its confidence / price.
        confidence: i64,
        /// When it was published.
        publish: i64,
        /// The accepted price before it, 0 if none.
        previous_price: i64,
        /// When that one was published.
        previous_publish: i64,
        /// Chain clock when the last price was accepted.
        posted: i64,
        /// Slot at that time.
        posted_slot: u64,
        /// When the market moved to settling, 0 if it has not.
        settling_since: i64,
        /// Silence of chain or feed.
        outage: Outage,
        /// Averages of the accepted prices.
        twap: Twap,
    }
}

mirror! {
    /// How a market measures volatility and turns it into rates. Volatilities are per √hour.
    VolParams = plimsoll_risk::volatility::VolParams {
        /// σ₁ₕ is never below this (0.3 %†, 28 % a year).
        floor: i64,
        /// σ₁ₕ of the worst stretch on record, a quarter of the blend (1.5 %†, 140 % a year).
        stressed: i64,
        /// σ₁ₕ that a new market starts from (1 %†).
        initial: i64,
        /// Returns beyond so many σ are clamped (10).
        clamp_sigmas: i64,
        /// But never below this (2 %).
        clamp_floor: i64,
        /// A bucket's return beyond so many σ is a jump (5†).
        jump_sigmas: i64,
        /// But never below this (1.5 %†).
        jump_floor: i64,
        /// How long the jump flag stands after the bucket (1 h†).
        jump_hold: i64,
        /// Half-life of the fast variance (24 h).
        fast_half_life: i64,
        /// Half-life of the slow variance (30 d).
        slow_half_life: i64,
        /// Half-life with which the garch variance returns to the slow one (3 h†).
        garch_half_life: i64,
        /// Weight of the newest bucket in the garch variance (0.1†).
        garch_alpha: i64,
        /// Horizon of the forecast, the time a liquidation may take (1 h).
        horizon: i64,
        /// MM is at least so many σ₁ₕ (4).
        core_multiple: i64,
        /// IM is at least so many σ₁ₕ (5, of which the maintained share is the core).
        initial_multiple: i64,
        /// Fastest rise of the glided MM per hour, compounded continuously: ln 1.10.
        glide_up: i64,
        /// Fastest fall per hour (5 %).
        glide_down: i64,
        /// Zero; reserved.
        reserved: i64,
    }
}

mirror! {
    /// The running bucket and the variances. All zero is a market without a price; see `VolState::new`.
    VolState = plimsoll_risk::volatility::VolState {
        /// Number of the running bucket (unix seconds / 300); 0 before the first price.
        bucket: i64,
        /// First price in it.
        open: i64,
        /// Highest price in it.
        high: i64,
        /// Lowest price in it.
        low: i64,
        /// Last price in it.
        close: i64,
        /// Bucket up to which `reference` accounts for the price.
        reference_bucket: i64,
        /// ln of the reference price, which advances by clamped returns only.
        reference: i64,
        /// Variance per hour, 24-h half-life.
        fast: i64,
        /// Variance per hour, 30-d half-life.
        slow: i64,
        /// Variance per hour, mean-reverting.
        garch: i64,
        /// σ₁ₕ, the output.
        sigma_1h: i64,
        /// Until when the jump flag stands.
        jump_until: i64,
        /// Clamped return of the last bucket that ended, for correlations.
        last_return: i64,
        /// That bucket.
        last_bucket: i64,
    }
}

mirror! {
    /// The maintenance rate on its way to its target. All zero is a market that has not set one yet.
    GlideState = plimsoll_risk::volatility::GlideState {
        /// Glided maintenance rate, before the core.
        rate: i64,
        /// When it last moved.
        updated: i64,
    }
}

mirror! {
    /// What of a market's margin terms stands until its next price.
    StoredTerms = plimsoll_risk::margin::StoredTerms {
        /// Price of a lot, atoms.
        mark: i64,
        /// Loss per atom of net delta in the maintenance measure, Q30.
        mm: i64,
        /// Spot range of the grid, Q30.
        range: i64,
        /// Confidence of the price over the price, Q30.
        confidence: i64,
        /// Exit target above maintenance per atom of notional, Q30.
        target_extra: i64,
        /// Weight of a claim in E_im, Q30.
        claim_weight: i64,
        /// Linear maintenance rate alone, Q30.
        linear_mm: i64,
        /// Notional free of the size add-on in the initial measure, atoms.
        allowance_im: i64,
        /// The same in the maintenance measure.
        allowance_mm: i64,
        /// Charge on what is beyond, Q30.
        size_rate: i64,
        /// 1 where the grid undercuts the linear maintenance rate, else 0.
        is_grid_mm: u64,
    }
}
