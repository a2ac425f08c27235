//! The `storage_*` JSON-RPC methods of Grand Decentral, from both sides.
//!
//! - [`types`]: the JSON that methods answer with and that the user's commands print. Amounts are plancks in text, sizes
//!   bytes, times blocks, accounts SS58, ids `7/0/2`.
//! - [`client`]: what `station put`, `get` and the others use to read the chain and to submit extrinsics. It speaks to any
//!   node through Substrate's own methods, so that a command never trusts more than the node's state.
//! - [`server`]: the methods themselves, over the runtime API.
//! - [`openrpc`]: their description, served by `rpc.discover`.

pub mod client;
pub mod openrpc;
pub mod server;
pub mod types;
