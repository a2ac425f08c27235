//! Complete binary Merkle trees over the labels of a shard.
//!
//! The tree is that of the crate `merkle-cbt` with blake2b-256; for a power of two of leaves it is a plain Merkle tree.
//! Leaves and inner nodes are separated by their first sixteen bytes:
//!
//! ```text
//! leaf of data      "station/leaf/d/1" ‖ position (8 bytes, LE) ‖ label
//! leaf of a replica "station/leaf/r/1" ‖ replica key ‖ position ‖ label
//! inner node        "station/node/1.." ‖ left ‖ right
//! ```
//!
//! A leaf holds its position, so it proves nothing elsewhere, and for replicas the key, so that somebody else's root
//! proves nothing. Each is one block of blake2b.
//!
//! Verification is `merkle-cbt`'s ([`verify`]). Building is ours (`Rows`, with `std`), because the crate keeps all nodes in
//! memory; the tests compare both.

mod node;
mod opening;
#[cfg(feature = "std")]
mod rows;

pub use node::{inner, leaf, Merge, Purpose};
pub use opening::{lemmas, most_lemmas, verify, Lemma, OpeningError};
#[cfg(feature = "std")]
pub(crate) use rows::{node_of_row, PageTree};
#[cfg(feature = "std")]
pub use rows::{page_roots, Rows, RowsError};
