//! Stored twins of the engine's depth, option parameters and smiles ([`crate::engine`] has the others).

use crate::mirror::mirror;

mirror! {
    /// What size costs in a market.
    DepthParams = plimsoll_risk::depth::DepthParams {
        /// Notional that is always free, atoms.
        floor: i64,
        /// Free share of average open interest, Q30.
        open_interest_share: i64,
        /// Charge on notional beyond the allowance, Q30; zero for none.
        rate: i64,
        /// Zero; reserved.
        reserved: i64,
    }
}

mirror! {
    /// What a market absorbs: an hour of depth and open interest, and the allowance from it.
    opaque DepthState = plimsoll_risk::depth::DepthState {
        /// Σ depth × seconds per five-minute bucket, atom seconds.
        depth_sums: [i64; 12],
        /// Σ open interest × seconds.
        interest_sums: [i64; 12],
        /// Observed seconds per bucket.
        observed: [u16; 12],
        /// Newest bucket.
        head: i64,
        /// Depth that is being held, atoms.
        held_depth: i64,
        /// Open interest that is being held, atoms.
        held_interest: i64,
        /// Since when, unix seconds.
        since: i64,
        /// Allowance of the initial measure, atoms.
        allowance_im: i64,
        /// Allowance of the maintenance measure, atoms.
        allowance_mm: i64,
        /// Zero.
        reserve: i64,
        /// Zero.
        reserve_2: i64,
    }
}

mirror! {
    /// How a market's options are margined; volatilities relative, shares of 1, Q30.
    OptionParams = plimsoll_risk::margin::OptionParams {
        /// Rise of volatility at 30 days.
        vol_up: i64,
        /// Fall at 30 days.
        vol_down: i64,
        /// Power of (30 d / τ) below 30 days.
        power_short: i64,
        /// The same above.
        power_long: i64,
        /// Least shocked-up volatility.
        vol_up_floor: i64,
        /// Skew shock two deviations out.
        skew: i64,
        /// Short-option minimum in maintenance.
        short_mm: i64,
        /// The same in the initial measure.
        short_im: i64,
        /// Basis contingency of an expiry …
        basis_fixed: i64,
        /// … and what comes to it per year.
        basis_per_year: i64,
        /// Share at which positive value counts …
        tenor_factor: i64,
        /// … and its decay per year.
        tenor_rate: i64,
        /// Exit target above maintenance.
        target_share: i64,
        /// Zero; reserved.
        reserved: [i64; 3],
    }
}

mirror! {
    /// Limits of a market's published smiles.
    SurfaceParams = plimsoll_risk::option::SurfaceParams {
        /// Shortest time between publications, seconds.
        interval: i64,
        /// Largest move at once, Q30.
        burst: i64,
        /// What the budget gains in an hour, Q30.
        speed: i64,
        /// Least volatility at the money, share of the measured one, Q30.
        corridor_low: i64,
        /// Most, Q30.
        corridor_high: i64,
        /// Age from which a smile is stale, seconds.
        stale_after: i64,
        /// Time of its glide for initial margin, seconds.
        glide_initial: i64,
        /// And for maintenance.
        glide_maintenance: i64,
        /// Time constant of a shock to the measured volatility, seconds.
        fading: i64,
        /// Skew of the measured smile, Q30.
        skew: i64,
        /// Curvature of the measured smile, Q30.
        curvature: i64,
        /// Zero; reserved.
        reserved: i64,
    }
}

mirror! {
    /// Volatility by strike.
    Smile = plimsoll_risk::option::Smile {
        /// Annualised volatility at the money, Q30.
        atm: i64,
        /// Relative change per deviation, Q30.
        skew: i64,
        /// Curvature, Q30.
        curvature: i64,
    }
}

mirror! {
    /// The smile last published for an expiry.
    SurfaceState = plimsoll_risk::option::SurfaceState {
        /// As published.
        smile: Smile,
        /// When, unix seconds.
        updated: i64,
        /// What was left of the budget then, Q30.
        budget: i64,
        /// Zero; reserved.
        reserved: i64,
    }
}
