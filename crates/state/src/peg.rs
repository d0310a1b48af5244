//! Stored twins of what the engine knows of the quote token.

use crate::mirror::mirror;

mirror! {
    /// What a quote token below its peg adds to every requirement, as a share of it.
    Depeg = plimsoll_risk::margin::Depeg {
        /// In the initial measure, Q30.
        im: i64,
        /// In the maintenance measure, Q30.
        mm: i64,
    }
}

mirror! {
    /// The quote token's price and the charge it has led to.
    Peg = plimsoll_risk::oracle::PegState {
        /// Last accepted price, Q30 dollars a token; 0 before the first.
        price: i64,
        /// Its confidence over it, Q30.
        confidence: i64,
        /// When it was published.
        publish: i64,
        /// The charge in force.
        depeg: Depeg,
        /// Exponent of the feed.
        exponent: i32,
        /// Zero; reserved.
        reserved: u32,
    }
}
