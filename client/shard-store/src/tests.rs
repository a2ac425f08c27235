//! A store over a temporary folder.
#![allow(clippy::unwrap_used, clippy::cast_possible_truncation)]

mod crash;
mod files;
mod model;
mod proofs;
mod receiving;
mod rot;
mod sealing;
mod small_disk;
mod speed;

use crate::{Error, LocalState, Store};
use station_porep::{data, piece, proof, ReplicaKey, SizeClass};
use station_primitives::{Commitment, ReplicaId};
use std::path::Path;
use tempfile::TempDir;

const GIB: u64 = 1 << 30;

fn class(log: u8) -> SizeClass {
    SizeClass::from_log(log).unwrap()
}

fn id(text: &str) -> ReplicaId {
    text.parse().unwrap()
}

fn key(byte: u8) -> ReplicaKey {
    ReplicaKey([byte; 32])
}

/// A shard's data with its commitment and the path of each piece.
struct Shard {
    class: SizeClass,
    data: Vec<u8>,
    comm_d: Commitment,
    paths: Vec<Vec<[u8; 32]>>,
}

impl Shard {
    fn new(log: u8, seed: u64) -> Self {
        let class = class(log);
        let mut state = seed | 1;
        let data: Vec<u8> = (0..class.bytes())
            .map(|_| {
                state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                (state >> 56) as u8
            })
            .collect();
        let (comm_d, rows) = data::commit(&data, class).unwrap();
        let paths = (0..class.pieces()).map(|piece| piece::prove(&rows, class, piece).unwrap()).collect();
        Self { class, data, comm_d, paths }
    }

    fn piece(&self, piece: u32) -> &[u8] {
        let bytes = self.class.piece_bytes();
        &self.data[piece as usize * bytes..][..bytes]
    }

    fn put(&self, store: &Store, replica: ReplicaId, piece: u32) -> Result<bool, Error> {
        store.put_piece(replica, piece, self.piece(piece), &self.paths[piece as usize])
    }

    /// Expects the replica and gives it what is missing.
    fn receive(&self, store: &Store, replica: ReplicaId) -> Result<(), Error> {
        store.expect(replica, self.comm_d, self.class)?;
        for piece in store.missing(replica)?.missing() {
            self.put(store, replica, piece)?;
        }
        Ok(())
    }
}

fn seal(store: &Store, jobs: &[(ReplicaId, ReplicaKey)]) -> Result<Vec<Commitment>, Error> {
    let sealed = store.seal(jobs, &|_| (), &|| false)?;
    assert!(sealed.iter().map(|(id, _)| id).eq(jobs.iter().map(|(id, _)| id)));
    Ok(sealed.into_iter().map(|(_, comm_r)| comm_r).collect())
}

fn store() -> (TempDir, Store) {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), GIB).unwrap();
    (dir, store)
}

/// The replica is sealed for `key`, gives its data back, and proves itself.
fn assert_whole(store: &Store, replica: ReplicaId, key: ReplicaKey, shard: &Shard) {
    let Some(LocalState::Sealed { key: found, comm_r }) = store.state(replica) else {
        panic!("{replica} is {:?}", store.state(replica));
    };
    assert_eq!(found, key);
    for piece in 0..shard.class.pieces() {
        let (data, siblings) = store.read_piece(replica, piece).unwrap();
        assert!(data == shard.piece(piece));
        assert_eq!(siblings, shard.paths[piece as usize]);
    }
    let seed = [5; 32];
    let audit = store.audit(replica, &seed).unwrap();
    proof::verify_audit(&key, shard.class, &shard.comm_d, &comm_r, &seed, &audit).unwrap();
    let check = store.seal_proof(replica, &seed).unwrap();
    proof::verify_seal(&key, shard.class, &shard.comm_d, &comm_r, &seed, &check).unwrap();
}

/// The names of all files of shards.
fn files(dir: &Path) -> Vec<String> {
    let mut files: Vec<String> = ["incoming", "received", "sealing", "sealed"]
        .iter()
        .flat_map(|folder| {
            std::fs::read_dir(dir.join(folder))
                .unwrap()
                .map(move |entry| format!("{folder}/{}", entry.unwrap().file_name().into_string().unwrap()))
        })
        .collect();
    files.sort();
    files
}
