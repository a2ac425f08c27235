//! Taking a replica's plain data, piece by piece.

use crate::{
    disk,
    error::{Error, Result},
    header::{self, LABELS_AT},
    index::Stage,
    open::{Phase, Slot, LOG},
    state::{LocalState, Pieces, Source},
    Store,
};
use parking_lot::MutexGuard;
use station_porep::{io::WriteAt, SizeClass};
use station_primitives::{AccountId, Commitment, ReplicaId, MAX_REPLICAS};
use std::{fs::File, path::PathBuf, sync::Arc};

/// Pieces between two syncs. What a crash costs is so many pieces sent again; what a sync costs is a write of the
/// disk's cache, which is cheap against 16 MiB.
pub const SYNC_EVERY: usize = 16;

impl Store {
    /// Makes room for a replica whose data hashes to `comm_d`. Returns its state, which is another than an empty
    /// `Receiving` if the replica was expected before.
    pub fn expect(&self, replica: ReplicaId, comm_d: Commitment, class: SizeClass) -> Result<LocalState> {
        let _room = self.room.lock();
        let known = self.slots.lock().get(&replica).cloned();
        if let Some(slot) = known {
            match slot.state() {
                Some(_) if slot.comm_d != comm_d || slot.class != class => {
                    return Err(Error::Conflict(replica));
                }
                Some(state) => return Ok(state),
                // Retired: what could not be removed then is removed now, unless a seal still holds it.
                None => {
                    self.retire(replica)?;
                    if self.is_current(&slot) {
                        return Err(Error::BeingRetired(replica));
                    }
                }
            }
        }
        self.check_room(class)?;

        let header = header::Header { replica, class, comm_d, sealed: None };
        let path = self.folders.incoming(replica);
        let file = disk::allocate(&path, header.file_bytes())?;
        let slot = Slot::new(
            replica,
            &crate::index::Record { class, comm_d, stage: Stage::Receiving },
            Phase::Receiving { pieces: Pieces::none(class.pieces()), unsynced: Vec::new(), damaged: None },
        );
        let recorded = header
            .write(&file, &path)
            .and_then(|()| file.sync_all().map_err(|error| Error::file("sync", &path, error)))
            .and_then(|()| disk::sync_folder(&self.folders.incoming))
            .and_then(|()| fails!("store:expected"))
            .and_then(|()| self.index.put_empty(replica, &slot.record(Stage::Receiving)));
        if let Err(error) = recorded {
            let _ = disk::remove(&path);
            return Err(error);
        }
        self.slots.lock().insert(replica, slot);
        Ok(LocalState::Receiving { received: 0 })
    }

    /// Which pieces are there: all, once the replica is received.
    pub fn missing(&self, replica: ReplicaId) -> Result<Pieces> {
        let slot = self.slot(replica)?;
        let phase = slot.phase.lock();
        match &*phase {
            Phase::Receiving { pieces, .. } => Ok(pieces.clone()),
            Phase::Damaged { .. } => Err(Error::Damaged(replica)),
            Phase::Gone => Err(Error::Unknown(replica)),
            _ => Ok(Pieces::all(slot.class.pieces())),
        }
    }

    /// Takes a piece, after checking it against `comm_d`. `true` when all pieces are there and on disk. A piece that is
    /// there already is not looked at.
    pub fn put_piece(&self, replica: ReplicaId, piece: u32, data: &[u8], siblings: &[[u8; 32]]) -> Result<bool> {
        self.put_piece_from(replica, piece, data, siblings, None)
    }

    /// Like [`Store::put_piece`], and counts the piece as served by `source` as soon as it is on disk: [`Store::sources`].
    pub fn put_piece_from(
        &self,
        replica: ReplicaId,
        piece: u32,
        data: &[u8],
        siblings: &[[u8; 32]],
        source: Option<&AccountId>,
    ) -> Result<bool> {
        let slot = self.slot(replica)?;
        let pieces = slot.class.pieces();
        if piece >= pieces {
            return Err(Error::NoSuchPiece { replica, piece, pieces });
        }
        match &*slot.phase.lock() {
            Phase::Receiving { pieces, .. } if pieces.has(piece) => return Ok(false),
            Phase::Receiving { .. } => {}
            Phase::Damaged { .. } => return Err(Error::Damaged(replica)),
            Phase::Gone => return Err(Error::Unknown(replica)),
            _ => return Ok(true),
        }
        // Without the lock: several pieces are hashed and written at once.
        station_porep::piece::verify(&slot.comm_d, slot.class, piece, data, siblings)
            .map_err(|_| Error::Mismatch { replica, piece })?;
        let (file, path) = self.open_plain(&slot)?;
        WriteAt::write_at(&file, piece_at(slot.class, piece), data)
            .map_err(|error| Error::file("write", &path, error))?;
        fails!("store:piece-written")?;

        let mut phase = slot.phase.lock();
        let Phase::Receiving { pieces, unsynced, .. } = &mut *phase else {
            // Complete by another caller's copy of this piece, or retired.
            return match &*phase {
                Phase::Gone => Err(Error::Unknown(replica)),
                _ => Ok(true),
            };
        };
        if pieces.set(piece) {
            unsynced.push((piece, source.cloned()));
        }
        let complete = pieces.is_complete();
        if !complete && unsynced.len() < SYNC_EVERY {
            return Ok(false);
        }
        let synced = self.sync_pieces(&slot, &file, &path, &mut phase, complete);
        if synced.is_err() {
            // After a failed sync nobody knows what the disk has of these: they are sent again.
            if let Phase::Receiving { pieces, unsynced, .. } = &mut *phase {
                unsynced.drain(..).for_each(|(piece, _)| pieces.clear(piece));
                pieces.clear(piece);
            }
        }
        synced.map(|()| complete)
    }

    /// Syncs what was written and says so in the index; moves the file on if it is complete.
    fn sync_pieces(
        &self,
        slot: &Slot,
        file: &File,
        path: &PathBuf,
        phase: &mut MutexGuard<'_, Phase>,
        complete: bool,
    ) -> Result<()> {
        let replica = slot.replica;
        file.sync_data().map_err(|error| Error::file("sync", path, error))?;
        fails!("store:pieces-synced")?;
        let Phase::Receiving { pieces, unsynced, .. } = &mut **phase else { return Ok(()) };
        // With the pieces, in one write: who served what is on disk is never counted twice and never forgotten.
        let sources = credit(self.index.sources(replica)?, unsynced);
        if !complete {
            self.index.put_pieces(replica, pieces, &sources)?;
            unsynced.clear();
            return Ok(());
        }
        self.move_received(slot, file, path, &sources)?;
        **phase = Phase::Received;
        tracing::debug!(target: LOG, %replica, class = %slot.class, "received");
        Ok(())
    }

    /// Makes a complete and synced file what it is called. Called with the replica locked.
    pub(crate) fn move_received(&self, slot: &Slot, file: &File, path: &PathBuf, sources: &[Source]) -> Result<()> {
        let replica = slot.replica;
        // A damaged one that stayed to be served from would be believed at the next start.
        disk::remove(&self.folders.sealed(replica))?;
        let received = self.folders.received(replica);
        // After a failure between the two steps below the file has its new name already.
        if *path != received {
            disk::publish(file, path, &received)?;
        }
        fails!("store:received-renamed")?;
        self.index.put_received(replica, &slot.record(Stage::Received), sources)
    }

    /// Who served pieces of a replica, as far as they are on disk, and who was noted as not serving. Kept until the replica is
    /// retired or received anew.
    pub fn sources(&self, replica: ReplicaId) -> Result<Vec<Source>> {
        self.index.sources(replica)
    }

    /// Notes that a source did not serve what it was asked for. On disk when this returns.
    pub fn refuse_source(&self, replica: ReplicaId, account: &AccountId) -> Result<()> {
        let slot = self.slot(replica)?;
        // Locked, so that no piece is counted between reading and writing.
        let phase = slot.phase.lock();
        if matches!(*phase, Phase::Gone) {
            return Err(Error::Unknown(replica));
        }
        let mut sources = self.index.sources(replica)?;
        if let Some(source) = entry_of(&mut sources, account) {
            source.refused = true;
        }
        self.index.put_sources(replica, &sources)
    }

    /// The file that pieces are written to.
    fn open_plain(&self, slot: &Arc<Slot>) -> Result<(File, PathBuf)> {
        let part = self.folders.incoming(slot.replica);
        match disk::open_writable(&part) {
            Ok(file) => Ok((file, part)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let received = self.folders.received(slot.replica);
                match disk::open_writable(&received) {
                    Ok(file) => Ok((file, received)),
                    Err(error) => match &*slot.phase.lock() {
                        Phase::Gone => Err(Error::Unknown(slot.replica)),
                        _ => Err(Error::file("open", received, error)),
                    },
                }
            }
            Err(error) => Err(Error::file("open", part, error)),
        }
    }

    /// Whether the offer and the disk have room for a replica: for its plain and its sealed copy, which are there
    /// together for a while. Called with `room` held.
    fn check_room(&self, class: SizeClass) -> Result<()> {
        let usage = self.usage()?;
        if usage.used.saturating_add(class.bytes()) > usage.capacity {
            return Err(Error::Capacity { capacity: usage.capacity, used: usage.used, wanted: class.bytes() });
        }
        let wanted = header::plain_file_bytes(class) + header::sealed_file_bytes(class);
        if wanted > usage.disk_free {
            let (wanted, free) = (Some(wanted), Some(usage.disk_free));
            return Err(Error::DiskFull { wanted, free });
        }
        Ok(())
    }

    /// Plain data that does not hash to `comm_d` any more is received again from the first piece on.
    pub(crate) fn start_over(&self, slot: &Slot, phase: &mut Phase) -> Result<()> {
        let (received, incoming) = (self.folders.received(slot.replica), self.folders.incoming(slot.replica));
        // The index first: a crash in between leaves a complete file that is believed once more, and checked once more.
        self.index.put_empty(slot.replica, &slot.record(Stage::Receiving))?;
        disk::rename(&received, &incoming)?;
        let pieces = Pieces::none(slot.class.pieces());
        *phase = Phase::Receiving { pieces, unsynced: Vec::new(), damaged: None };
        Ok(())
    }
}

/// The entry of a source, made if there is room: a shard has no more holders than that at a time.
fn entry_of<'a>(sources: &'a mut Vec<Source>, account: &AccountId) -> Option<&'a mut Source> {
    match sources.iter().position(|source| source.account == *account) {
        Some(at) => sources.get_mut(at),
        None if sources.len() < usize::from(MAX_REPLICAS) => {
            sources.push(Source { account: account.clone(), pieces: 0, refused: false });
            sources.last_mut()
        }
        None => None,
    }
}

/// Counts pieces for those who served them.
fn credit(mut sources: Vec<Source>, pieces: &[(u32, Option<AccountId>)]) -> Vec<Source> {
    for account in pieces.iter().filter_map(|(_, account)| account.as_ref()) {
        if let Some(source) = entry_of(&mut sources, account) {
            source.pieces = source.pieces.saturating_add(1);
        }
    }
    sources
}

/// Where a piece begins in a file.
pub(crate) fn piece_at(class: SizeClass, piece: u32) -> u64 {
    LABELS_AT + piece_offset(class, piece)
}

/// Where a piece begins in a shard.
pub(crate) fn piece_offset(class: SizeClass, piece: u32) -> u64 {
    let bytes = u64::try_from(class.piece_bytes()).expect("a MiB fits a u64; qed");
    u64::from(piece) * bytes
}
