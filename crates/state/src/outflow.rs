//! Stored twins of the engine's limits, queues and clocks ([`crate::engine`] has the others).

use crate::mirror::mirror;

mirror! {
    /// Limits on net outflow.
    OutflowParams = plimsoll_risk::limits::OutflowParams {
        /// Share of the average total that may leave in an hour (1 %).
        hourly: i64,
        /// Share that may leave in a day (10 %).
        daily: i64,
        /// Half-life of the total's average (12 h†).
        half_life: i64,
    }
}

mirror! {
    /// The limiter's memory.
    opaque OutflowLimiter = plimsoll_risk::limits::OutflowLimiter {
        /// Outflow by slot, inflow by slot, newest slot.
        hour: [i64; 27],
        /// Outflow by slot, inflow by slot, newest slot.
        day: [i64; 27],
        /// Exponentially time-weighted total.
        average: i64,
        /// The total since `updated`.
        total: i64,
        /// When the total was last seen.
        updated: i64,
    }
}

mirror! {
    /// The requests of one vault, in sum.
    WithdrawalQueue = plimsoll_risk::withdrawals::Queue {
        /// Mantissa of the share of a request that waits, 1.0 = 2⁶⁰, 2⁴⁰ ..= 2⁶⁰.
        index: i64,
        /// Times that 2²⁰ was taken out of the mantissa.
        scale: u32,
        /// Times that everything was granted.
        epoch: u32,
        /// What all requests wait for, token atoms; at most an atom a request too much.
        waiting: i64,
        /// What was granted and is neither paid nor given back, token atoms.
        granted: i64,
        /// Time of the last share, or of the request that began the queue.
        shared_at: i64,
        /// Requests that exist.
        open: u32,
        /// Zero.
        padding: u32,
    }
}

mirror! {
    /// A request's stand in the queue.
    QueuedRequest = plimsoll_risk::withdrawals::Request {
        /// What waited when the request was last settled, token atoms.
        waiting: i64,
        /// What it has been granted and not been paid, token atoms.
        granted: i64,
        /// The queue's index at that time.
        index: i64,
        /// Its scale.
        scale: u32,
        /// Its epoch.
        epoch: u32,
        /// When it was made.
        made_at: i64,
    }
}

mirror! {
    /// The way out of one vault: limits, flows and queue (RULES 1.6).
    Gate = plimsoll_risk::withdrawals::Gate {
        /// Limits on net outflow.
        params: OutflowParams,
        /// Net outflow of the hour and the day.
        limiter: OutflowLimiter,
        /// Requests beyond the limits.
        queue: WithdrawalQueue,
    }
}

mirror! {
    /// The pauses of one thing (RULES 9.3). All zero was never paused.
    Pause = plimsoll_risk::pause::Pause {
        /// Starts of the last three, newest first; 0 = none.
        starts: [i64; 3],
        /// End of the last one.
        until: i64,
        /// How many in a row the last one was.
        in_a_row: u32,
        /// Zero.
        padding: u32,
    }
}

mirror! {
    /// What a delegate's fills may cost in a day (RULES 5.2). All zero allows no loss.
    opaque LossCap = plimsoll_risk::delegation::LossCap {
        /// Most that fills may give away in 24 hours, net, quote atoms.
        cap: i64,
        /// Given away by slot, gained by slot, newest slot.
        day: [i64; 27],
    }
}

mirror! {
    /// For how long unsettled losses have been large beside the collateral (RULES 1.3). All zero: they are not.
    LossClock = plimsoll_risk::perp::LossClock {
        /// When they were first seen so.
        since: i64,
        /// When they were last seen so.
        seen: i64,
    }
}
