//! What the store says about a replica.

use codec::{Decode, Encode};
use station_porep::{ReplicaKey, SizeClass};
use station_primitives::{AccountId, Commitment, ReplicaId};

/// How far a replica has come on this disk.
///
/// ```text
/// expect ─► Receiving ─► Received ─► Sealing ─► Sealed
///               ▲            │  ▲        │          │ (another key, after a re-org)
///               ├── rotted ──┘  └────────┴──────────┤
///               └────────── salvage ── Damaged ◄────┘ condemn
/// ```
/// `retire` leads out of every state. `Sealing` is not written to disk: after a crash it is `Received` again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LocalState {
    /// Pieces are missing.
    Receiving {
        /// How many are there.
        received: u32,
    },
    /// All pieces are there and on disk, in the plain (the client's encrypted data).
    Received,
    /// A call of `seal` is at work on it.
    Sealing {
        /// For which key.
        key: ReplicaKey,
    },
    /// The sealed file is all there is; the plain copy is gone.
    Sealed {
        /// The key it is sealed for.
        key: ReplicaKey,
        /// The root of the tree over the sealed labels.
        comm_r: Commitment,
    },
    /// The sealed file is missing or is not what was sealed. Nothing is proven from it; pieces of it that still decode to
    /// the shard's data are served, now and while the others are received.
    Damaged {
        /// The key it was sealed for.
        key: ReplicaKey,
        /// The root that it had.
        comm_r: Commitment,
    },
}

/// A replica in the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The replica.
    pub replica: ReplicaId,
    /// Its size.
    pub class: SizeClass,
    /// The root of the tree over its plain data.
    pub comm_d: Commitment,
    /// How far it has come.
    pub state: LocalState,
}

/// What another holder did for a replica that is made from others.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Source {
    /// Who.
    pub account: AccountId,
    /// Pieces that it served and that are on disk.
    pub pieces: u32,
    /// It was asked and did not serve, or served something else.
    pub refused: bool,
}

/// The pieces of a replica that are there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pieces {
    /// How many pieces the replica has.
    pub total: u32,
    /// One bit a piece, least significant first; `ceil(total / 8)` bytes. The transfer protocol sends it as it is.
    pub have: Vec<u8>,
}

impl Pieces {
    /// None of `total`.
    pub fn none(total: u32) -> Self {
        let bytes = usize::try_from(total.div_ceil(8)).expect("a u32 fits usize; qed");
        Self { total, have: vec![0; bytes] }
    }

    /// All of `total`.
    pub fn all(total: u32) -> Self {
        let mut pieces = Self::none(total);
        (0..total).for_each(|piece| {
            pieces.set(piece);
        });
        pieces
    }

    /// Whether piece number `piece` is there.
    pub fn has(&self, piece: u32) -> bool {
        piece < self.total && self.byte(piece).is_some_and(|byte| byte & (1 << (piece % 8)) != 0)
    }

    /// Notes that `piece` is there; `false` if it was already, or if there is no such piece.
    pub fn set(&mut self, piece: u32) -> bool {
        if piece >= self.total || self.has(piece) {
            return false;
        }
        let at = usize::try_from(piece / 8).expect("a u32 fits usize; qed");
        if let Some(byte) = self.have.get_mut(at) {
            *byte |= 1 << (piece % 8);
        }
        true
    }

    /// Notes that `piece` is missing again.
    pub(crate) fn clear(&mut self, piece: u32) {
        let at = usize::try_from(piece / 8).expect("a u32 fits usize; qed");
        if let Some(byte) = self.have.get_mut(at) {
            *byte &= !(1 << (piece % 8));
        }
    }

    /// How many are there.
    pub fn count(&self) -> u32 {
        self.have.iter().map(|byte| byte.count_ones()).sum()
    }

    /// Whether none is missing.
    pub fn is_complete(&self) -> bool {
        self.count() == self.total
    }

    /// The missing ones, in order.
    pub fn missing(&self) -> Vec<u32> {
        (0..self.total).filter(|piece| !self.has(*piece)).collect()
    }

    fn byte(&self, piece: u32) -> Option<u8> {
        self.have.get(usize::try_from(piece / 8).ok()?).copied()
    }
}

/// What room there is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Bytes that the operator offered.
    pub capacity: u64,
    /// Bytes of replicas, expected, received or sealed, by their size class.
    pub used: u64,
    /// Of those, the bytes of sealed replicas.
    pub sealed: u64,
    /// Bytes free on the disk, beyond what replicas that are not sealed will still take.
    pub disk_free: u64,
    /// How many replicas there are.
    pub replicas: u64,
}

impl Usage {
    /// Bytes of shards that could still be taken: by the offer, and by the disk at the two copies that a replica
    /// needs until it is sealed.
    pub fn free(&self) -> u64 {
        self.capacity.saturating_sub(self.used).min(self.disk_free / 2)
    }
}
