//! Stored twins of the engine's structs, field by field, so that the interface description can name them. See the engine for what each means.

use crate::mirror::mirror;

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
        /// Zero.
        reserve: [u64; 8],
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
