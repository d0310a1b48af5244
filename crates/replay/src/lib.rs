//! Drives the compiled program through price histories: the paths that prices take, the report of what happened, and what instructions cost.

pub mod cu;
pub mod path;
pub mod report;
pub mod sim;
pub mod world;
