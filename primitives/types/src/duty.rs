//! What a provider signs when it does its duty.
//!
//! Duties (commit, seal check, audits, heartbeat) are *authorized* extrinsics: no fee, no nonce, the provider's own
//! sr25519 signature inside. So they survive restarts and re-orgs without a nonce to keep, and the pool refuses what is
//! not due before it costs anybody anything.

use crate::{AccountId, BlockNumber, Commitment, Hash, Hashing, ReplicaId, Seed};
use codec::{Decode, DecodeWithMemTracking, Encode};
use scale_info::TypeInfo;
use sp_core::crypto::KeyTypeId;
use sp_runtime::traits::Hash as _;

/// The key type of a provider's account in its node's keystore.
pub const PROVIDER_KEY: KeyTypeId = KeyTypeId(*b"stat");

const DOMAIN: &[u8] = b"station/duty/1";

/// A duty as it is signed. Proofs go in by their hash.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, TypeInfo)]
#[allow(clippy::cast_possible_truncation)] // Encode's derive casts the variant's number.
pub enum DutyStatement {
    /// `replication::commit`.
    Commit {
        /// The replica.
        replica: ReplicaId,
        /// The ticket it was sealed with: after a re-org that changed it, the commitment is refused instead of being
        /// held against its provider.
        ticket: Seed,
        /// Its root.
        comm_r: Commitment,
    },
    /// `replication::prove_seal`.
    ProveSeal {
        /// The replica.
        replica: ReplicaId,
        /// The seed it answers, for the same reason as the ticket.
        seed: Seed,
        /// blake2b-256 of the encoded proof.
        proof: Hash,
    },
    /// `replication::prove`.
    Prove {
        /// blake2b-256 of the encoded list of answers (`pallet_station_replication::Answers`), each of which names its
        /// seed.
        answers: Hash,
    },
    /// `providers::heartbeat`.
    Heartbeat {
        /// The block it was made on; taken once, and only while recent.
        block: BlockNumber,
    },
}

impl DutyStatement {
    /// The 32 bytes that `provider` signs with [`PROVIDER_KEY`].
    pub fn signing_hash(&self, genesis: Hash, provider: &AccountId) -> [u8; 32] {
        Hashing::hash_of(&(DOMAIN, genesis, provider, self)).0
    }
}
