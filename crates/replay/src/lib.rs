//! Drives the compiled program through price histories: the paths that prices take, and the report of what happened.

pub mod path;
pub mod report;
pub mod sim;
pub mod world;
