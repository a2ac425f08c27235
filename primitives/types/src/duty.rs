//! What a provider signs when it does its duty.
//!
//! Duties (commit, seal check, audits, heartbeat) are *authorized* extrinsics: no fee, no nonce, the provider's own
//! sr25519 signature inside. So they survive restarts and re-orgs without a nonce to keep, and the pool refuses what is
//! not due before it costs anybody anything.

use crate::{AccountId, BlockNumber, Commitment, Hash, Hashing, ReplicaId, Seed, Tick, MAX_REPLICAS};
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;
use sp_core::crypto::KeyTypeId;
use sp_runtime::{
    traits::{ConstU32, Hash as _},
    BoundedVec,
};

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
        /// For a repair: what each source served, and who of them did not. The committing provider is the one who received,
        /// so its signature makes this the receipt. Empty for a first upload.
        receipt: Receipt,
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
    /// `replication::report_fault`: the holder's own confession, cheaper than being caught.
    ReportFault {
        /// The replica.
        replica: ReplicaId,
        /// The tick of its next audit, so that one report is taken once.
        due: Tick,
    },
    /// `replication::name_sources`: a repair cannot go on, for these sources do not serve.
    NameSources {
        /// The replica that is to be made.
        replica: ReplicaId,
        /// The ticket of the order's assignment.
        ticket: Seed,
        /// Who did not serve.
        sources: Accounts,
    },
    /// `providers::heartbeat`.
    Heartbeat {
        /// The block it was made on; taken once, and only while recent.
        block: BlockNumber,
    },
}

/// Accounts of the holders of one shard.
pub type Accounts = BoundedVec<AccountId, ConstU32<{ MAX_REPLICAS as u32 }>>;

/// What the sources of a repair did, signed by the provider that received.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct Receipt {
    /// Pieces served, by source; no source twice, and all together at most the pieces of the shard.
    pub served: BoundedVec<(AccountId, u32), ConstU32<{ MAX_REPLICAS as u32 }>>,
    /// Sources that did not serve although asked.
    pub refused: Accounts,
}

impl DutyStatement {
    /// The 32 bytes that `provider` signs with [`PROVIDER_KEY`].
    pub fn signing_hash(&self, genesis: Hash, provider: &AccountId) -> [u8; 32] {
        Hashing::hash_of(&(DOMAIN, genesis, provider, self)).0
    }
}
