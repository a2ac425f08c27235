//! What becomes of a sealed replica whose file is missing or has rotted.
//!
//! ```text
//! Sealed ─condemn─► Damaged ─salvage─► Receiving (what still decodes is there) ─put_piece─► Received ─seal─► Sealed
//! ```
//! The damaged file stays until all pieces are there: two holders with rot in different places serve each other.
//! A label that rotted spoils itself and the few dozen that depend on it, so many pieces of a damaged file still decode to the
//! shard's data. They are kept, and only the others travel.

use crate::{
    disk::{self, Section},
    error::{Error, Result},
    header::{self, Header, LABELS_AT},
    index::Stage,
    open::{Phase, Slot, LOG},
    receive::{piece_at, piece_offset},
    state::Pieces,
    Store,
};
use station_porep::{data, io::WriteAt, piece, unseal::unseal_range, ReplicaKey};
use station_primitives::ReplicaId;
use std::{fs::File, path::PathBuf, sync::Arc};

impl Store {
    /// Takes a sealed replica out of service: nothing is proven from it until it was made again. `false` if it is not sealed,
    /// so that there is nothing to take out.
    pub fn condemn(&self, replica: ReplicaId) -> Result<bool> {
        let slot = self.slot(replica)?;
        let mut phase = slot.phase.lock();
        let (key, comm_r) = match &*phase {
            Phase::Sealed { key, comm_r } => (*key, *comm_r),
            Phase::Gone => return Err(Error::Unknown(replica)),
            _ => return Ok(false),
        };
        self.index.put(replica, &slot.record(Stage::Damaged { key, comm_r }))?;
        fails!("store:condemned")?;
        *phase = Phase::Damaged { key, comm_r, busy: false };
        drop(phase);
        tracing::error!(target: LOG, %replica, "damaged: out of service until it is made again");
        Ok(true)
    }

    /// Turns a damaged replica into one that is being received, with the pieces that still decode to the shard's data. Returns
    /// what is there; if that is all, the replica is `Received` already.
    ///
    /// Without room on the disk for a plain copy beside the damaged one, nothing is salvaged and all pieces are missing.
    pub fn salvage(&self, replica: ReplicaId, cancelled: &dyn Fn() -> bool) -> Result<Pieces> {
        let slot = self.slot(replica)?;
        let (plain, key) = self.begin_salvage(&slot)?;
        let result = self.save_pieces(&slot, &plain, key, cancelled).and_then(|pieces| {
            self.end_salvage(&slot, &plain, key, &pieces)?;
            Ok(pieces)
        });
        if result.is_err() {
            if let Phase::Damaged { busy, .. } = &mut *slot.phase.lock() {
                *busy = false;
            }
        }
        result
    }

    /// Claims the replica and takes space for the plain copy.
    fn begin_salvage(&self, slot: &Arc<Slot>) -> Result<(File, ReplicaKey)> {
        let replica = slot.replica;
        let path = self.folders.incoming(replica);
        // Both locks while the file is made: a replica that is retired now must not leave it behind.
        let _room = self.room.lock();
        let mut phase = slot.phase.lock();
        let Phase::Damaged { key, busy, .. } = &mut *phase else {
            return Err(match &*phase {
                Phase::Gone => Error::Unknown(replica),
                _ => Error::NotDamaged(replica),
            });
        };
        if *busy {
            return Err(Error::BeingSalvaged(replica));
        }
        let bytes = header::plain_file_bytes(slot.class);
        let plain = match disk::allocate(&path, bytes) {
            Err(error) if error.is_no_space() => {
                tracing::warn!(target: LOG, %replica, "no room beside the damaged file: it goes, nothing is salvaged");
                disk::remove(&self.folders.sealed(replica))?;
                disk::allocate(&path, bytes)?
            }
            other => other?,
        };
        *busy = true;
        Ok((plain, *key))
    }

    /// Writes the pieces that decode to the shard's data.
    fn save_pieces(&self, slot: &Slot, plain: &File, key: ReplicaKey, cancelled: &dyn Fn() -> bool) -> Result<Pieces> {
        let class = slot.class;
        let mut pieces = Pieces::none(class.pieces());
        let Ok(sealed) = File::open(self.folders.sealed(slot.replica)) else { return Ok(pieces) };
        let labels = Section { file: &sealed, base: LABELS_AT };
        let rows = Section { file: &sealed, base: header::data_rows_at(class) };
        let mut buffer = vec![0; class.piece_bytes()];
        for number in 0..class.pieces() {
            if cancelled() || matches!(*slot.phase.lock(), Phase::Gone) {
                return Err(Error::Cancelled);
            }
            // Whatever fails here is what was damaged.
            if unseal_range(&key, class, &labels, piece_offset(class, number), &mut buffer).is_err() {
                continue;
            }
            let path = self.folders.incoming(slot.replica);
            WriteAt::write_at(plain, piece_at(class, number), &buffer)
                .map_err(|error| Error::file("write", path, error))?;
            let good = piece::prove(&rows, class, number)
                .is_ok_and(|siblings| piece::verify(&slot.comm_d, class, number, &buffer, &siblings).is_ok());
            if good {
                pieces.set(number);
            }
        }
        // Where the rows have rotted, no piece proves itself; all together may still.
        if !pieces.is_complete() {
            let data = Section { file: plain, base: LABELS_AT };
            if data::commit(&data, class).is_ok_and(|(comm_d, _)| comm_d == slot.comm_d) {
                return Ok(Pieces::all(class.pieces()));
            }
        }
        Ok(pieces)
    }

    /// Makes the plain copy the one that counts.
    fn end_salvage(&self, slot: &Slot, plain: &File, key: ReplicaKey, pieces: &Pieces) -> Result<()> {
        let replica = slot.replica;
        let path: PathBuf = self.folders.incoming(replica);
        let header = Header { replica, class: slot.class, comm_d: slot.comm_d, sealed: None };
        header.write(plain, &path)?;
        plain.sync_all().map_err(|error| Error::file("sync", &path, error))?;
        disk::sync_folder(&self.folders.incoming)?;
        fails!("store:salvaged")?;

        let mut phase = slot.phase.lock();
        if !matches!(*phase, Phase::Damaged { .. }) {
            // Retired meanwhile, and its files with it.
            return Err(Error::Unknown(replica));
        }
        self.index.put_salvaged(replica, &slot.record(Stage::Receiving), pieces)?;
        *phase = Phase::Receiving { pieces: pieces.clone(), unsynced: Vec::new(), damaged: Some(key) };
        fails!("store:salvage-recorded")?;
        self.hot.lock().forget(replica);
        if pieces.is_complete() {
            self.move_received(slot, plain, &path, &[])?;
            *phase = Phase::Received;
        }
        tracing::info!(target: LOG, %replica, pieces = pieces.count(), of = pieces.total, "salvaged");
        Ok(())
    }
}
