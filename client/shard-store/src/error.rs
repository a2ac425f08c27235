//! What can go wrong, in the operator's words.

use station_primitives::ReplicaId;
use std::{io, path::PathBuf};

/// A result of the store.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why the store does not do what it was asked. Whatever it is, the store is as it was before the call, except where a
/// variant says otherwise.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another process, or another `Store` of this one, has the folder open.
    #[error("the shard store {} is already open by another process{}", dir.display(), holder(*pid))]
    Locked {
        /// The store's folder.
        dir: PathBuf,
        /// The process that holds it, if it left its number.
        pid: Option<u32>,
    },
    /// The index cannot be read.
    #[error(
        "the index of the shard store, {}, is corrupt: {reason}. Move that folder away and start again: \
         the index is then rebuilt from the sealed files, and uploads that were not complete start over",
        index.display()
    )]
    CorruptIndex {
        /// The index's folder.
        index: PathBuf,
        /// What the index said.
        reason: String,
    },
    /// The folder was written by a later version of the program.
    #[error("the shard store {} has format {found}; this program reads format {known}", dir.display())]
    Format {
        /// The store's folder.
        dir: PathBuf,
        /// The format found.
        found: u32,
        /// The format that this program knows.
        known: u32,
    },
    /// What the operator offered is used up.
    #[error("the offered capacity of {capacity} bytes is used up: {used} are taken and {wanted} more were asked for")]
    Capacity {
        /// Bytes offered.
        capacity: u64,
        /// Bytes taken by replicas, sealed or expected.
        used: u64,
        /// Bytes asked for.
        wanted: u64,
    },
    /// The disk has no room.
    #[error("the disk of the shard store is full{}", shortage(*wanted, *free))]
    DiskFull {
        /// Bytes needed, where that is known.
        wanted: Option<u64>,
        /// Bytes free after what is promised to others, where that is known.
        free: Option<u64>,
    },
    /// The store knows no such replica.
    #[error("replica {0} is not in the store")]
    Unknown(ReplicaId),
    /// The replica is expected with another size or other data.
    #[error("replica {0} is in the store already, with other data")]
    Conflict(ReplicaId),
    /// The replica's data is not complete.
    #[error("replica {0} is still being received")]
    Incomplete(ReplicaId),
    /// The replica is not sealed.
    #[error("replica {0} is not sealed yet")]
    NotSealed(ReplicaId),
    /// The replica is being sealed by another call.
    #[error("replica {0} is being sealed already")]
    BeingSealed(ReplicaId),
    /// The replica's sealed file is missing or has rotted; it is made again.
    #[error("replica {0} is damaged; it is made again from the other replicas")]
    Damaged(ReplicaId),
    /// The replica is not damaged, so there is nothing to salvage it from.
    #[error("replica {0} is not damaged")]
    NotDamaged(ReplicaId),
    /// The replica is being salvaged by another call.
    #[error("replica {0} is being salvaged already")]
    BeingSalvaged(ReplicaId),
    /// The shard has no such piece.
    #[error("replica {replica} has {pieces} pieces; there is no piece {piece}")]
    NoSuchPiece {
        /// The replica.
        replica: ReplicaId,
        /// The piece asked for.
        piece: u32,
        /// How many there are.
        pieces: u32,
    },
    /// The piece or its path does not lead to `comm_d`. Nothing was written.
    #[error("piece {piece} does not match the commitment of replica {replica}")]
    Mismatch {
        /// The replica.
        replica: ReplicaId,
        /// The piece.
        piece: u32,
    },
    /// What is on disk is not what was written. Plain data that fails this is dropped and received again; a sealed
    /// replica stays where it is, for the scrubber and the operator to look at.
    #[error("the data of replica {0} has rotted on disk")]
    Rotted(ReplicaId),
    /// The replica was retired, and its files are not gone yet.
    #[error("replica {0} is being given up; try again in a moment")]
    BeingRetired(ReplicaId),
    /// The caller asked to stop. Sealing starts over when it is asked for again.
    #[error("it was cancelled")]
    Cancelled,
    /// Sealing failed.
    #[error("sealing failed: {0}")]
    Seal(#[from] station_porep::seal::SealError),
    /// A proof could not be made.
    #[error("a proof of replica {replica} could not be made: {reason}")]
    Proof {
        /// The replica.
        replica: ReplicaId,
        /// What the proof's maker said.
        reason: String,
    },
    /// A file operation failed.
    #[error("{action} {}: {source}", path.display())]
    File {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The index refused a write.
    #[error("the shard store's index refused: {0}")]
    Index(String),
}

impl Error {
    /// Whether there is no room, on the disk or in the operator's offer.
    pub fn is_no_space(&self) -> bool {
        matches!(self, Self::Capacity { .. } | Self::DiskFull { .. })
    }

    /// Whether what was sealed is not what is on the disk any more.
    pub fn is_rot(&self) -> bool {
        match self {
            Self::Rotted(_) | Self::Proof { .. } => true,
            Self::File { source, .. } => {
                matches!(source.kind(), io::ErrorKind::NotFound | io::ErrorKind::UnexpectedEof)
            }
            _ => false,
        }
    }

    /// What a failpoint returns.
    pub(crate) fn injected(name: &'static str) -> Self {
        Self::Index(format!("failpoint {name}"))
    }

    /// A file error; a full disk is told apart from all others.
    pub(crate) fn file(action: &'static str, path: impl Into<PathBuf>, source: io::Error) -> Self {
        let path = path.into();
        if source.kind() == io::ErrorKind::StorageFull || source.raw_os_error() == Some(libc::EDQUOT) {
            let free = path.parent().and_then(|dir| fs4::available_space(dir).ok());
            return Self::DiskFull { wanted: None, free };
        }
        Self::File { action, path, source }
    }
}

fn shortage(wanted: Option<u64>, free: Option<u64>) -> String {
    let wanted = wanted.map(|bytes| format!(": {bytes} bytes are needed")).unwrap_or_default();
    let free = free.map(|bytes| format!(", {bytes} are free for shards")).unwrap_or_default();
    wanted + &free
}

fn holder(pid: Option<u32>) -> String {
    pid.map(|pid| format!(" (number {pid})")).unwrap_or_default()
}
