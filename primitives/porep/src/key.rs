//! The key that makes a replica one of its own.

use crate::hash::{self, Hash};
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;

/// What a replica is encoded with. Public: it hides nothing, it makes copies differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct ReplicaKey(pub Hash);

impl ReplicaKey {
    /// `blake2b_256("station/replica/1" ‖ genesis ‖ provider ‖ shard ‖ index ‖ comm_d ‖ ticket)`, with
    /// `shard` = deal (8 bytes) ‖ number of the shard in it (4 bytes) and `index` the slot (4 bytes), little endian.
    ///
    /// The genesis hash separates chains, the ticket repeated assignments of one slot to one provider: it is drawn after
    /// the assignment, so no replica can be sealed ahead.
    pub fn derive(
        genesis: &[u8; 32],
        provider: &[u8; 32],
        shard: (u64, u32),
        index: u32,
        comm_d: &Hash,
        ticket: &[u8; 32],
    ) -> Self {
        Self(hash::blake2b_256(&[
            b"station/replica/1",
            genesis,
            provider,
            &shard.0.to_le_bytes(),
            &shard.1.to_le_bytes(),
            &index.to_le_bytes(),
            comm_d,
            ticket,
        ]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_input_changes_the_key() {
        let base = ReplicaKey::derive(&[1; 32], &[2; 32], (3, 4), 5, &[6; 32], &[7; 32]);
        let others = [
            ReplicaKey::derive(&[0; 32], &[2; 32], (3, 4), 5, &[6; 32], &[7; 32]),
            ReplicaKey::derive(&[1; 32], &[0; 32], (3, 4), 5, &[6; 32], &[7; 32]),
            ReplicaKey::derive(&[1; 32], &[2; 32], (0, 4), 5, &[6; 32], &[7; 32]),
            ReplicaKey::derive(&[1; 32], &[2; 32], (3, 0), 5, &[6; 32], &[7; 32]),
            ReplicaKey::derive(&[1; 32], &[2; 32], (3, 4), 0, &[6; 32], &[7; 32]),
            ReplicaKey::derive(&[1; 32], &[2; 32], (3, 4), 5, &[0; 32], &[7; 32]),
            ReplicaKey::derive(&[1; 32], &[2; 32], (3, 4), 5, &[6; 32], &[0; 32]),
        ];
        for (at, other) in others.iter().enumerate() {
            assert_ne!(base, *other, "input {at}");
        }
    }
}
