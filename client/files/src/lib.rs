//! Files: encrypt, split, pack, upload, find again, read back.
//!
//! # How content is laid out
//!
//! A *put* turns a file or a folder into one flat space of bytes, which is cut into shards:
//!
//! ```text
//! header (80) ‖ file ‖ file ‖ … ‖ manifest ‖ random padding
//! ```
//! Each file is a stream of sealed segments under a fresh key of its own; the manifest holds names, sizes, modes, times,
//! keys and places of all files and is sealed under a subkey of the link's key; the header, sealed under another, says
//! where the manifest is. Small files simply lie side by side, so a file of 1 KiB costs little more than its bytes. What
//! can be seen from outside: how many shards of which size class there are, and when. See `docs/protocol.md`.
//!
//! # What is kept where, and what survives a kill
//!
//! | Where | What | Until |
//! |---|---|---|
//! | `STATION_HOME/puts/<name>/` | encrypted shards, their upper rows, a journal | the put is done |
//! | `STATION_HOME/index/<account>` | what `station ls` knew last, encrypted: a cache of the deals' memos | for good |
//! | the chain | with each deal, a memo of what it holds, encrypted for the account: the index itself | the deal ends |
//! | beside the target of a get, `.<name>.<link>.part/` | what was read so far | the get is done |
//!
//! A journal is encrypted by a key that follows from the account, written to a temporary name, synced and renamed. A put
//! that is interrupted before all shards are encrypted starts over with fresh keys (no key ever seals two contents); after
//! that it goes on where it was. A get finds out what it has by hashing it.
#![forbid(unsafe_code)]

mod distribute;
mod draft;
mod error;
mod fetch;
mod get;
mod home;
mod index;
mod journal;
mod layout;
mod loss;
mod manifest;
mod parity;
mod pricing;
mod progress;
mod put;
mod recovery;
mod remove;
mod repair;
mod rewrite;
mod stage;
mod submission;
mod target;
mod tree;

#[cfg(test)]
mod roundtrip_tests;

pub use error::{FilesError, Kind};
pub use get::{get, Got};
pub use home::Home;
pub use index::{Index, IndexEntry};
pub use layout::{largest_class, plan};
pub use loss::Loss;
pub use parity::{data_shards, ParityChoice};
pub use pricing::{cheapest_price, check_replicas, MIN_REPLICAS_DRAWN};
pub use progress::{NoProgress, Phase, Progress};
pub use put::{put, Journaled, PutOptions, Seconds, Stored};
pub use recovery::{list, places, rank, whole_name, Content, Listed, Listing};
pub use remove::{extend, remove};
pub use repair::{look, repair, Health, Repaired};
pub use rewrite::remove_entry;
pub use station_client_crypto::Parity;

use station_client_crypto::Account;
use station_client_rpc::client::Client;
use std::sync::Arc;

/// What a command works with: a node, an account, a place for its state.
#[derive(Clone)]
pub struct Context {
    /// The connection to a node.
    pub client: Arc<Client>,
    /// Who pays and signs.
    pub account: Account,
    /// Where local state is.
    pub home: Home,
}
