//! What leaves and inner nodes hash.

use crate::{
    hash::{blake2b_256, Hash},
    Label, ReplicaKey,
};

/// What a tree commits to. It is part of every leaf.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A shard as its client cut it: `comm_d`.
    Data,
    /// One replica of a shard: `comm_r`.
    Replica(ReplicaKey),
}

/// Begins leaves over data.
pub(super) const LEAF_DATA: &[u8; 16] = b"station/leaf/d/1";
/// Begins leaves over a replica.
pub(super) const LEAF_REPLICA: &[u8; 16] = b"station/leaf/r/1";
/// Begins inner nodes.
pub(super) const INNER: &[u8; 16] = b"station/node/1..";

/// The leaf of `label` at `position`.
pub fn leaf(purpose: &Purpose, position: u64, label: &Label) -> Hash {
    let position = position.to_le_bytes();
    match purpose {
        Purpose::Data => blake2b_256(&[LEAF_DATA, &position, label]),
        Purpose::Replica(key) => blake2b_256(&[LEAF_REPLICA, &key.0, &position, label]),
    }
}

/// The node above `left` and `right`.
pub fn inner(left: &Hash, right: &Hash) -> Hash {
    blake2b_256(&[INNER, left, right])
}

/// [`inner`] for `merkle-cbt`.
pub struct Merge;

impl merkle_cbt::merkle_tree::Merge for Merge {
    type Item = Hash;
    fn merge(left: &Hash, right: &Hash) -> Hash {
        inner(left, right)
    }
}
