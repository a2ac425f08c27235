//! Proof of replication, version 1: labels, trees, sealing, checks.
//!
//! A shard of a size class ([`SizeClass`]) is `n` labels of 64 bytes, `d_0 … d_{n-1}`. A provider keeps the *replica*
//! `c_0 … c_{n-1}`, encoded for it alone:
//!
//! ```text
//! c_0 = d_0 ⊕ H(key ‖ 0)
//! c_i = d_i ⊕ H(key ‖ i ‖ c_p1 ‖ … ‖ c_p28)                    H = blake2b-512, i as 8 bytes, little endian
//! ```
//!
//! where `key` is the [`ReplicaKey`] and the parents `p1 … p28`, two rounds of fourteen, are a public function of `i` ([`graph`]). Encoding is a
//! chain; decoding any label needs its parents only, so a range is read without unsealing the shard.
//!
//! # Who uses what
//!
//! - A chain's runtime (no_std): [`ReplicaKey`], [`challenge`], [`proof::verify_audit`], [`proof::verify_seal`].
//! - A provider (feature `std`): `data`, `seal`, `unseal`, `prove`, `piece`, over files that it gives as
//!   `io::ReadAt` and `io::WriteAt`.
//! - A client (feature `std`): `data::commit` for the root of its data, `piece::verify` for what it gets back.
//!
//! # Example
//!
//! ```
//! # #[cfg(feature = "std")] {
//! use station_porep::{data, io::Memory, proof, prove, seal, ReplicaKey, SizeClass};
//!
//! let class = SizeClass::from_bytes(1 << 16).expect("64 KiB is a class");
//! let bytes = vec![7; 1 << 16];
//! let (comm_d, data_rows) = data::commit(&bytes, class).expect("memory does not fail");
//! let key = ReplicaKey::derive(&[0; 32], &[1; 32], (7, 0), 2, &comm_d, &[3; 32]);
//!
//! let replica = Memory::zeroed(class);
//! let jobs = [seal::SealJob { key, class, data: &bytes, out: &replica }];
//! let sealed = seal::seal_lockstep(&jobs, &|_| (), &|| false).expect("memory does not fail").remove(0);
//!
//! let source = prove::Replica { key, class, labels: &replica, rows: &sealed.rows, data_rows: &data_rows };
//! let answer = prove::audit(&source, &[4; 32]).expect("the replica is whole");
//! assert_eq!(proof::verify_audit(&key, class, &comm_d, &sealed.comm_r, &[4; 32], &answer), Ok(()));
//! # }
//! ```
#![cfg_attr(not(feature = "std"), no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod challenge;
#[cfg(feature = "std")]
pub mod data;
pub mod graph;
pub mod hash;
mod key;
pub mod proof;
mod size;
pub mod tree;

#[cfg(feature = "std")]
pub mod io;
#[cfg(feature = "std")]
mod pages;
#[cfg(feature = "std")]
pub mod piece;
#[cfg(feature = "std")]
pub mod prove;
#[cfg(feature = "std")]
pub mod seal;
#[cfg(feature = "std")]
pub mod unseal;

pub use hash::Hash;
pub use key::ReplicaKey;
pub use size::SizeClass;

/// Bytes of a label: one digest, so that nothing shorter than the label can stand for it.
pub const LABEL_BYTES: usize = 64;
/// Labels of a page, the unit in which a replica is read.
pub const PAGE_LABELS: u64 = 64;
/// Bytes of a page.
pub const PAGE_BYTES: usize = 4096;
/// Parents of a round.
pub const ROUND_PARENTS: usize = 14;
/// Rounds of parents that are hashed for one label: the price of sealing, and of cheating. See `docs/security.md`.
pub const REPEATS: usize = 2;
/// Labels that an encoding depends on: two rounds, the second of neighbours of the first ([`graph`]).
pub const PARENTS: usize = REPEATS * ROUND_PARENTS;
/// Labels that an audit opens.
pub const AUDIT_OPENINGS: usize = 4;
/// Labels that are recomputed when a replica is taken on.
pub const SEAL_CHECKS: usize = 8;
/// One audit in so many also recomputes a label.
pub const AUDITS_PER_SEAL_CHECK: u64 = 16;
/// Bytes of a piece, the unit of transfer; a smaller shard is one piece.
pub const PIECE_BYTES: usize = 1 << 20;

/// A label: 64 bytes of data or of a replica.
pub type Label = [u8; LABEL_BYTES];

/// Turn a position or a count within a shard into an index.
#[cfg(feature = "std")]
pub(crate) fn index(value: u64) -> usize {
    usize::try_from(value).expect("positions within the largest class, 1 GiB, fit 32 bits; qed")
}
