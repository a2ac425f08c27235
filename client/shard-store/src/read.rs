//! Proofs and pieces from sealed files.

use crate::{
    disk::Section,
    error::{Error, Result},
    header::{self, LABELS_AT},
    open::{Phase, Slot},
    receive::piece_offset,
    Store,
};
use station_porep::{
    piece,
    proof::{AuditProof, SealProof},
    prove::{self, ProveError},
    unseal::{unseal_range, UnsealError},
    ReplicaKey,
};
use station_primitives::{ReplicaId, Seed};
use std::{fs::File, io, sync::Arc};

impl Store {
    /// The answer to the audit that `seed` asks for. Reads the pages that are opened and their paths: less than 32 KiB of a
    /// replica of 64 MiB, 128 KiB if the seed asks for a seal check too.
    pub fn audit(&self, replica: ReplicaId, seed: &Seed) -> Result<AuditProof> {
        self.with_sealed(replica, |sealed| prove::audit(sealed, seed))
    }

    /// The answer to the seal check that `seed` asks for.
    pub fn seal_proof(&self, replica: ReplicaId, seed: &Seed) -> Result<SealProof> {
        self.with_sealed(replica, |sealed| prove::seal(sealed, seed))
    }

    /// A piece in the plain, with its path to `comm_d`, lowest sibling first. Checked before it is returned: what has rotted
    /// is an error.
    pub fn read_piece(&self, replica: ReplicaId, piece: u32) -> Result<(Vec<u8>, Vec<[u8; 32]>)> {
        let slot = self.slot(replica)?;
        let (class, pieces) = (slot.class, slot.class.pieces());
        if piece >= pieces {
            return Err(Error::NoSuchPiece { replica, piece, pieces });
        }
        let hot = self.hot.lock().get(replica, piece);
        if let Some(hot) = hot {
            return Ok((*hot).clone());
        }
        // A damaged one too: what of it still leads to `comm_d` may be the last copy there is.
        let (key, file) = self.open_sealed(&slot, true)?;
        let labels = Section { file: &file, base: LABELS_AT };
        let mut data = vec![0; class.piece_bytes()];
        unseal_range(&key, class, &labels, piece_offset(class, piece), &mut data).map_err(|error| match error {
            UnsealError::Io(error) => self.reading(replica, error),
            range @ UnsealError::Range { .. } => self.reading(replica, io::Error::other(range)),
        })?;
        let rows = Section { file: &file, base: header::data_rows_at(class) };
        let siblings = piece::prove(&rows, class, piece).map_err(|error| self.reading(replica, error))?;
        piece::verify(&slot.comm_d, class, piece, &data, &siblings).map_err(|_| Error::Rotted(replica))?;
        let unsealed = Arc::new((data, siblings));
        self.hot.lock().insert(replica, piece, &unsealed);
        // Retired or sealed anew meanwhile: what was put there now would stay.
        let whole = |phase: &Phase| matches!(phase, Phase::Sealed { key: now, .. } if *now == key);
        if !whole(&slot.phase.lock()) {
            self.hot.lock().forget(replica);
        }
        Ok((*unsealed).clone())
    }

    fn with_sealed<T>(
        &self,
        replica: ReplicaId,
        prove: impl FnOnce(&prove::Replica<'_>) -> std::result::Result<T, ProveError>,
    ) -> Result<T> {
        let slot = self.slot(replica)?;
        let class = slot.class;
        let (key, file) = self.open_sealed(&slot, false)?;
        let labels = Section { file: &file, base: LABELS_AT };
        let rows = Section { file: &file, base: header::rows_at(class) };
        let data_rows = Section { file: &file, base: header::data_rows_at(class) };
        let source = prove::Replica { key, class, labels: &labels, rows: &rows, data_rows: &data_rows };
        prove(&source).map_err(|error| match error {
            ProveError::Io(error) => self.reading(replica, error),
            other => Error::Proof { replica, reason: other.to_string() },
        })
    }

    /// The sealed file and its key, opened together: a file that is replaced afterwards stays readable.
    pub(crate) fn open_sealed(&self, slot: &Slot, damaged: bool) -> Result<(ReplicaKey, File)> {
        let phase = slot.phase.lock();
        match &*phase {
            Phase::Damaged { .. } if !damaged => Err(Error::Damaged(slot.replica)),
            Phase::Receiving { damaged: Some(_), .. } if !damaged => Err(Error::NotSealed(slot.replica)),
            Phase::Sealed { key, .. } | Phase::Damaged { key, .. } | Phase::Receiving { damaged: Some(key), .. } => {
                let path = self.folders.sealed(slot.replica);
                let file = File::open(&path).map_err(|error| Error::file("open", path, error))?;
                Ok((*key, file))
            }
            Phase::Gone => Err(Error::Unknown(slot.replica)),
            _ => Err(Error::NotSealed(slot.replica)),
        }
    }

    pub(crate) fn reading(&self, replica: ReplicaId, error: io::Error) -> Error {
        Error::file("read", self.folders.sealed(replica), error)
    }
}
