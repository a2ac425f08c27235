//! Sealed shards on disk.
//!
//! A [`Store`] takes a replica's plain data piece by piece, seals it, proves it, reads it back and gives it up. It knows
//! nothing of chain or network; it is the one truth about what this machine has.
//!
//! # Files
//!
//! ```text
//! DIR/lock                       held while a process has the store open; its number inside
//! DIR/index/                     RocksDB: one record a replica, one bitmap a replica that is being received
//! DIR/incoming/7-0-2.part        pieces so far, each at its place
//! DIR/received/7-0-2.data        all pieces
//! DIR/sealing/7-0-2.part         sealed labels so far
//! DIR/sealed/7-0-2.shard         sealed labels, then the upper rows of comm_r and of comm_d
//! ```
//! Every file begins with a page that says whose it is (replica, size, commitments, key, lengths, and a checksum over
//! those), so the index can be made again from the files.
//!
//! # What is durable when
//!
//! | when this returns | this survives `kill -9` and loss of power |
//! |---|---|
//! | [`Store::expect`] | that the replica is expected, and the disk space for it |
//! | [`Store::put_piece`] = `false` | nothing yet, of the last [`SYNC_EVERY`] pieces; all before them |
//! | [`Store::put_piece`] = `true` (complete) | the whole plain data |
//! | [`Store::seal`] | the sealed replica with its rows; the plain data is gone from the disk |
//! | [`Store::condemn`] | that the replica is damaged, until it is whole again |
//! | [`Store::salvage`] | the pieces that were still good, in the plain; the damaged file stays until all are there |
//! | [`Store::retire`] | that the replica is gone; its files too |
//!
//! A file becomes what it is called by `fsync`, rename, `fsync` of the folder, and only then does the index say so. After
//! a crash between the two, [`Store::open`] believes the file. A bit of a bitmap is written after the piece under it
//! is synced, so the index never promises a piece that the disk lost. A damaged file goes before the index may say that
//! all pieces are there, so that no start takes it for one sealed from them.
//!
//! # Memory
//!
//! Nothing here holds a shard: pieces of 1 MiB, what sealing needs (a few MB a lane), and the bounded cache of unsealed
//! pieces. Proofs read the rows and pages that they need; the scrubber 1 MiB at a time, and the rows of one tree.

/// A failpoint: aborts or fails here when the crate `fail` was told so by name. See INTERFACE, "Failure injection".
macro_rules! fails {
    ($name:literal) => {
        (|| -> $crate::Result<()> {
            fail::fail_point!($name, |_| Err($crate::Error::injected($name)));
            Ok(())
        })()
    };
}

mod cache;
mod disk;
mod error;
mod header;
mod index;
mod open;
mod read;
mod receive;
mod retire;
mod salvage;
mod scrub;
mod seal;
mod state;

#[cfg(test)]
mod tests;

pub use error::{Error, Result};
pub use open::{Store, HOT_CACHE_BYTES};
pub use receive::SYNC_EVERY;
pub use scrub::{Fault, Position, Scrubbed};
pub use state::{Entry, LocalState, Pieces, Source, Usage};
