//! A shard with its replica, for tests.
#![allow(dead_code, clippy::unwrap_used, clippy::cast_possible_truncation)]

use station_porep::{
    data, hash,
    hash::Hash,
    io::Memory,
    proof::{self, AuditProof, ProofError, SealProof},
    prove,
    seal::{seal_lockstep, SealJob, Sealed},
    ReplicaKey, SizeClass,
};
use std::sync::OnceLock;

/// The chain, the provider, the shard and the slot of the tests.
pub const GENESIS: [u8; 32] = [1; 32];
pub const PROVIDER: [u8; 32] = [2; 32];
pub const TICKET: [u8; 32] = [3; 32];

pub struct Shard {
    pub class: SizeClass,
    pub key: ReplicaKey,
    pub data: Vec<u8>,
    pub comm_d: Hash,
    pub replica: Vec<u8>,
    pub sealed: Sealed,
    /// As files hold them.
    pub rows: Vec<u8>,
    pub data_rows_bytes: Vec<u8>,
}

pub fn class(log: u8) -> SizeClass {
    SizeClass::from_log(log).unwrap()
}

pub fn seed(n: u64) -> [u8; 32] {
    hash::blake2b_256(&[b"a seed of the tests", &n.to_le_bytes()])
}

/// Bytes that look random and are always the same.
pub fn bytes(class: SizeClass, n: u64) -> Vec<u8> {
    (0..class.labels()).flat_map(|at| hash::blake2b_512(&[&n.to_le_bytes(), &at.to_le_bytes()])).collect()
}

pub fn seal(key: ReplicaKey, class: SizeClass, data: &Vec<u8>) -> (Vec<u8>, Sealed) {
    let out = Memory::zeroed(class);
    let sealed = seal_lockstep(&[SealJob { key, class, data, out: &out }], &|_| (), &|| false).unwrap().remove(0);
    (out.into_inner(), sealed)
}

impl Shard {
    pub fn new(class: SizeClass, n: u64) -> Self {
        let data = bytes(class, n);
        let (comm_d, data_rows) = data::commit(&data, class).unwrap();
        let key = ReplicaKey::derive(&GENESIS, &PROVIDER, (n, 0), 0, &comm_d, &TICKET);
        Self::sealed_from(class, key, comm_d, data_rows.as_bytes().to_vec(), data)
    }

    /// A replica encoded with `key`, whatever the commitment says.
    pub fn sealed_from(class: SizeClass, key: ReplicaKey, comm_d: Hash, data_rows: Vec<u8>, data: Vec<u8>) -> Self {
        let (replica, sealed) = seal(key, class, &data);
        let rows = sealed.rows.as_bytes().to_vec();
        Self { class, key, data, comm_d, replica, sealed, rows, data_rows_bytes: data_rows }
    }

    pub fn source(&self) -> prove::Replica<'_> {
        prove::Replica {
            key: self.key,
            class: self.class,
            labels: &self.replica,
            rows: &self.rows,
            data_rows: &self.data_rows_bytes,
        }
    }

    pub fn verify_audit(&self, n: u64, proof: &AuditProof) -> Result<(), ProofError> {
        proof::verify_audit(&self.key, self.class, &self.comm_d, &self.sealed.comm_r, &seed(n), proof)
    }

    pub fn verify_seal(&self, n: u64, proof: &SealProof) -> Result<(), ProofError> {
        proof::verify_seal(&self.key, self.class, &self.comm_d, &self.sealed.comm_r, &seed(n), proof)
    }
}

/// A shard of 1 MiB, sealed once for all tests of a file.
pub fn shared() -> &'static Shard {
    static SHARED: OnceLock<Shard> = OnceLock::new();
    SHARED.get_or_init(|| Shard::new(class(20), 0))
}
