//! A Solana cluster in this process with the clearing house on it: surfpool, offline, on the loopback interface.
//!
//! It executes the compiled program and answers JSON-RPC like any cluster. What no transaction can do (deploying at an address without its
//! key, publishing prices, letting time pass) it does by its own RPC methods, and [`rpc::RpcChain`] makes it a world of the replay.

pub mod node;
pub mod publisher;
pub mod rpc;
pub mod setup;
