//! The station's service: chain, network, consensus, RPC and the provider's worker, put together.
//!
//! A crate of its own because the SDK's generic code is compiled where it is used: so a change to a command does not
//! compile the node again.
//!
//! * [`service`]: the node
//! * [`rpc`]: its JSON-RPC methods
//! * [`provider`](mod@provider): `--provider`
//! * [`chain_spec`]: which chain
//! * [`chain_ops`]: Substrate's commands on the chain's database
//! * [`units`]: sizes, amounts, terms and accounts as people write and read them
// The SDK's errors are large, and returned a few times in a node's life.
#![allow(clippy::result_large_err)]

pub mod chain_ops;
pub mod chain_spec;
pub mod provider;
pub mod rpc;
pub mod service;
pub mod units;

pub use station_client_shard_store::Error as StoreError;
pub use station_client_worker::{install_failpoint_from_env, WorkerError};
