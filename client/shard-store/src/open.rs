//! The store itself: opening it, making sense of what a crash left, and what it says about its replicas.

use crate::{
    cache::Cache,
    disk::{self, Folders},
    error::{Error, Result},
    header::{self, Header},
    index::{Index, Record, Stage},
    state::{Entry, LocalState, Pieces, Usage},
};
use parking_lot::Mutex;
use station_porep::{ReplicaKey, SizeClass};
use station_primitives::{AccountId, Commitment, ReplicaId, ShardId};
use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions},
    io::{Read, Seek, Write},
    path::Path,
    sync::Arc,
};

pub(crate) const LOG: &str = "station::store";

/// Bytes of unsealed pieces kept in memory for those who read them next.
pub const HOT_CACHE_BYTES: usize = 32 << 20;

/// The shards on this machine. Used from several threads; all calls block.
pub struct Store {
    pub(crate) folders: Folders,
    pub(crate) capacity: u64,
    pub(crate) index: Index,
    /// Locked for an instant only, and last: whoever holds it takes no other lock.
    pub(crate) slots: Mutex<BTreeMap<ReplicaId, Arc<Slot>>>,
    /// Held while space is counted and then taken, so that two callers do not count the same bytes as free.
    pub(crate) room: Mutex<()>,
    pub(crate) hot: Mutex<Cache>,
    /// Locked; the system unlocks it when the process ends, however it ends.
    _lock: File,
}

/// A replica of the store.
pub(crate) struct Slot {
    pub replica: ReplicaId,
    pub class: SizeClass,
    pub comm_d: Commitment,
    pub phase: Mutex<Phase>,
}

/// [`LocalState`], with what the store needs beside it.
pub(crate) enum Phase {
    Receiving {
        pieces: Pieces,
        /// Pieces written and not synced, with who served them; they are in `pieces`, but not in the index.
        unsynced: Vec<(u32, Option<AccountId>)>,
        /// The key of the damaged file that is still there: what of it decodes is served until the replica is whole again.
        damaged: Option<ReplicaKey>,
    },
    Received,
    Sealing {
        key: ReplicaKey,
        /// `retire` was called meanwhile; who seals cleans up.
        doomed: bool,
    },
    Sealed {
        key: ReplicaKey,
        comm_r: Commitment,
    },
    Damaged {
        key: ReplicaKey,
        comm_r: Commitment,
        /// A call of `salvage` is at work on it.
        busy: bool,
    },
    /// Retired; somebody still holds the slot.
    Gone,
}

impl Slot {
    pub fn new(replica: ReplicaId, record: &Record, phase: Phase) -> Arc<Self> {
        let Record { class, comm_d, .. } = *record;
        Arc::new(Self { replica, class, comm_d, phase: Mutex::new(phase) })
    }

    pub fn record(&self, stage: Stage) -> Record {
        Record { class: self.class, comm_d: self.comm_d, stage }
    }

    pub fn header(&self, sealed: Option<(ReplicaKey, Commitment)>) -> Header {
        Header { replica: self.replica, class: self.class, comm_d: self.comm_d, sealed }
    }

    /// What the store says of it; `None` while it is going.
    pub fn state(&self) -> Option<LocalState> {
        Some(match &*self.phase.lock() {
            Phase::Receiving { pieces, .. } => LocalState::Receiving { received: pieces.count() },
            Phase::Received => LocalState::Received,
            Phase::Sealing { doomed: true, .. } | Phase::Gone => return None,
            Phase::Sealing { key, .. } => LocalState::Sealing { key: *key },
            Phase::Sealed { key, comm_r } => LocalState::Sealed { key: *key, comm_r: *comm_r },
            Phase::Damaged { key, comm_r, .. } => LocalState::Damaged { key: *key, comm_r: *comm_r },
        })
    }
}

impl Store {
    /// Opens the store in `dir`, or makes it. `capacity` bytes are what the operator offers; replicas beyond a smaller offer
    /// than before stay, but no more are taken.
    ///
    /// What a crash left is put right: half-sealed files are removed, finished ones taken over, and a missing index is made
    /// again from the files.
    pub fn open(dir: &Path, capacity: u64) -> Result<Self> {
        fs::create_dir_all(dir).map_err(|error| Error::file("make", dir, error))?;
        let lock = lock(dir)?;
        let folders = Folders::of(dir);
        folders.create()?;
        let (index, made) = Index::open(&folders.index, dir)?;
        let recovery = Recovery { folders: &folders, index: &index, slots: BTreeMap::new() };
        let slots = recovery.run(made)?;
        tracing::info!(target: LOG, dir = %dir.display(), capacity, replicas = slots.len(), "shard store open");
        Ok(Self {
            folders,
            capacity,
            index,
            slots: Mutex::new(slots),
            room: Mutex::new(()),
            hot: Mutex::new(Cache::new(HOT_CACHE_BYTES)),
            _lock: lock,
        })
    }

    /// How far a replica has come; `None` if the store does not have it.
    pub fn state(&self, replica: ReplicaId) -> Option<LocalState> {
        // Not in one expression: the map must not stay locked while a replica's lock is waited for.
        let slot = self.slots.lock().get(&replica).cloned();
        slot?.state()
    }

    /// All replicas, in the order of their identifiers.
    pub fn list(&self) -> Vec<Entry> {
        let slots: Vec<_> = self.slots.lock().values().cloned().collect();
        slots.iter().filter_map(|slot| entry(slot)).collect()
    }

    /// The replicas of one shard that are here: one, as a rule.
    pub fn of_shard(&self, shard: ShardId) -> Vec<Entry> {
        let range = ReplicaId { shard, slot: u8::MIN }..=ReplicaId { shard, slot: u8::MAX };
        let slots: Vec<_> = self.slots.lock().range(range).map(|(_, slot)| Arc::clone(slot)).collect();
        slots.iter().filter_map(|slot| entry(slot)).collect()
    }

    /// What room there is.
    pub fn usage(&self) -> Result<Usage> {
        let mut usage = Usage { capacity: self.capacity, ..Usage::default() };
        let mut promised = 0u64;
        // Without the lock on the map: a replica's own lock may be held while the disk syncs.
        let slots: Vec<_> = self.slots.lock().values().cloned().collect();
        for slot in slots {
            usage.replicas += 1;
            usage.used = usage.used.saturating_add(slot.class.bytes());
            match &*slot.phase.lock() {
                Phase::Sealed { .. } => usage.sealed += slot.class.bytes(),
                // The damaged file goes before the new one is sealed; the plain one is still to come.
                Phase::Damaged { .. } => promised = promised.saturating_add(header::plain_file_bytes(slot.class)),
                // Their plain files have their space already; the sealed ones are still to come.
                Phase::Receiving { .. } | Phase::Received => {
                    promised = promised.saturating_add(header::sealed_file_bytes(slot.class));
                }
                // Its space was taken when sealing began.
                Phase::Sealing { .. } | Phase::Gone => {}
            }
        }
        usage.disk_free = disk::free(&self.folders.root)?.saturating_sub(promised);
        Ok(usage)
    }

    /// Whether this slot is the store's, or one that was retired and perhaps expected anew.
    pub(crate) fn is_current(&self, slot: &Arc<Slot>) -> bool {
        self.slots.lock().get(&slot.replica).is_some_and(|current| Arc::ptr_eq(current, slot))
    }

    pub(crate) fn slot(&self, replica: ReplicaId) -> Result<Arc<Slot>> {
        self.slots.lock().get(&replica).cloned().ok_or(Error::Unknown(replica))
    }
}

fn entry(slot: &Slot) -> Option<Entry> {
    let state = slot.state()?;
    Some(Entry { replica: slot.replica, class: slot.class, comm_d: slot.comm_d, state })
}

/// Locks the folder for this process and leaves its number for whoever comes next.
fn lock(dir: &Path) -> Result<File> {
    let path = dir.join("lock");
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path)
        .map_err(|error| Error::file("open", &path, error))?;
    match fs4::fs_std::FileExt::try_lock_exclusive(&file) {
        Ok(true) => {}
        Ok(false) => {
            let mut text = String::new();
            // The number is a courtesy; without it the message is still true.
            let _ = file.read_to_string(&mut text);
            return Err(Error::Locked { dir: dir.to_path_buf(), pid: text.trim().parse().ok() });
        }
        Err(error) => return Err(Error::file("lock", path, error)),
    }
    file.set_len(0)
        .and_then(|()| file.rewind())
        .and_then(|()| writeln!(file, "{}", std::process::id()))
        .map_err(|error| Error::file("write", path, error))?;
    Ok(file)
}

/// Brings index and files together after whatever ended the process before.
struct Recovery<'a> {
    folders: &'a Folders,
    index: &'a Index,
    slots: BTreeMap<ReplicaId, Arc<Slot>>,
}

impl Recovery<'_> {
    fn run(mut self, made: bool) -> Result<BTreeMap<ReplicaId, Arc<Slot>>> {
        for path in files(&self.folders.sealing)? {
            tracing::info!(target: LOG, file = %path.display(), "sealing starts over");
            disk::remove(&path)?;
        }
        for (replica, record) in self.index.records()? {
            let phase = match &record.stage {
                Stage::Receiving => self.receiving(replica, &record)?,
                Stage::Received => self.received(replica, &record)?,
                Stage::Sealed { key, comm_r } => Some(self.sealed(replica, &record, *key, *comm_r)?),
                Stage::Damaged { key, comm_r } => Some(self.damaged(replica, *key, *comm_r)?),
                Stage::Retiring => None,
            };
            match phase {
                Some(phase) => self.keep(replica, &record, phase),
                None => self.forget(replica, &record)?,
            }
        }
        self.adopt(made)?;
        Ok(self.slots)
    }

    fn keep(&mut self, replica: ReplicaId, record: &Record, phase: Phase) {
        self.slots.insert(replica, Slot::new(replica, record, phase));
    }

    fn forget(&self, replica: ReplicaId, record: &Record) -> Result<()> {
        if record.stage != Stage::Retiring {
            tracing::error!(target: LOG, %replica, stage = ?record.stage, "its file is missing; forgotten");
        }
        remove_files(self.folders, replica)?;
        self.index.delete(replica)
    }

    fn receiving(&self, replica: ReplicaId, record: &Record) -> Result<Option<Phase>> {
        let part = self.folders.incoming(replica);
        if plain(&part, replica, record)? {
            let pieces = self.index.pieces(replica, record.class)?;
            let path = self.folders.sealed(replica);
            if !pieces.is_complete() {
                let damaged = sealed(&path, replica, record)?.map(|(key, _)| key);
                if damaged.is_none() {
                    disk::remove(&path)?;
                }
                return Ok(Some(Phase::Receiving { pieces, unsynced: Vec::new(), damaged }));
            }
            disk::remove(&path)?;
            disk::rename(&part, &self.folders.received(replica))?;
            self.index.put(replica, &Record { stage: Stage::Received, ..record.clone() })?;
            return Ok(Some(Phase::Received));
        }
        // Renamed, and then the crash came before the index knew.
        if plain(&self.folders.received(replica), replica, record)? {
            disk::remove(&self.folders.sealed(replica))?;
            self.index.put(replica, &Record { stage: Stage::Received, ..record.clone() })?;
            return Ok(Some(Phase::Received));
        }
        Ok(None)
    }

    fn received(&self, replica: ReplicaId, record: &Record) -> Result<Option<Phase>> {
        // Sealed and renamed, and then the crash came before the index knew.
        if let Some((key, comm_r)) = sealed(&self.folders.sealed(replica), replica, record)? {
            return self.take_sealed(replica, record, key, comm_r).map(Some);
        }
        Ok(plain(&self.folders.received(replica), replica, record)?.then_some(Phase::Received))
    }

    fn sealed(&self, replica: ReplicaId, record: &Record, key: ReplicaKey, comm_r: Commitment) -> Result<Phase> {
        let path = self.folders.sealed(replica);
        let bytes = header::sealed_file_bytes(record.class);
        // There may be very many of these: their headers are read when something is wrong only.
        if fs::metadata(&path).is_ok_and(|data| data.len() == bytes) {
            disk::remove(&self.folders.received(replica))?;
            return Ok(Phase::Sealed { key, comm_r });
        }
        if let Some((key, comm_r)) = sealed(&path, replica, record)? {
            return self.take_sealed(replica, record, key, comm_r);
        }
        if plain(&self.folders.received(replica), replica, record)? {
            // Believed at the next start if it stayed.
            disk::remove(&path)?;
            self.index.put(replica, &Record { stage: Stage::Received, ..record.clone() })?;
            return Ok(Phase::Received);
        }
        tracing::error!(target: LOG, %replica, file = %path.display(), "the sealed file is missing or truncated");
        self.index.put(replica, &Record { stage: Stage::Damaged { key, comm_r }, ..record.clone() })?;
        self.damaged(replica, key, comm_r)
    }

    /// What a salvage had begun begins anew.
    fn damaged(&self, replica: ReplicaId, key: ReplicaKey, comm_r: Commitment) -> Result<Phase> {
        disk::remove(&self.folders.received(replica))?;
        Ok(Phase::Damaged { key, comm_r, busy: false })
    }

    fn take_sealed(&self, replica: ReplicaId, record: &Record, key: ReplicaKey, comm_r: Commitment) -> Result<Phase> {
        let stage = Stage::Sealed { key, comm_r };
        self.index.put(replica, &Record { stage, ..record.clone() })?;
        disk::remove(&self.folders.received(replica))?;
        Ok(Phase::Sealed { key, comm_r })
    }

    /// Takes over files that the index does not know: all of them, if it was made just now.
    fn adopt(&mut self, made: bool) -> Result<()> {
        let mut found = 0u64;
        for dir in [&self.folders.sealed, &self.folders.received] {
            for path in files(dir)? {
                let named = disk::replica_of(&path);
                if named.is_some_and(|replica| self.slots.contains_key(&replica)) {
                    continue;
                }
                let Some(header) = Header::read(&path)? else {
                    tracing::error!(target: LOG, file = %path.display(), "not a shard's file; left alone");
                    continue;
                };
                let replica = header.replica;
                let at_home = path == self.folders.sealed(replica) && header.sealed.is_some()
                    || path == self.folders.received(replica) && header.sealed.is_none();
                if !at_home {
                    tracing::error!(target: LOG, file = %path.display(), %replica, "misplaced; left alone");
                    continue;
                }
                let (stage, phase) = match header.sealed {
                    Some((key, comm_r)) => (Stage::Sealed { key, comm_r }, Phase::Sealed { key, comm_r }),
                    None => (Stage::Received, Phase::Received),
                };
                let record = Record { class: header.class, comm_d: header.comm_d, stage };
                self.index.put(replica, &record)?;
                self.keep(replica, &record, phase);
                found += 1;
            }
        }
        for path in files(&self.folders.incoming)? {
            let known = disk::replica_of(&path)
                .and_then(|replica| self.slots.get(&replica))
                .is_some_and(|slot| matches!(*slot.phase.lock(), Phase::Receiving { .. }));
            if !known {
                tracing::warn!(target: LOG, file = %path.display(), "an upload that nothing is known of starts over");
                disk::remove(&path)?;
            }
        }
        if found > 0 {
            tracing::warn!(target: LOG, found, made, "files were added to the index");
        }
        Ok(())
    }
}

/// Removes all files of a replica.
pub(crate) fn remove_files(folders: &Folders, replica: ReplicaId) -> Result<()> {
    for path in
        [folders.incoming(replica), folders.received(replica), folders.sealing(replica), folders.sealed(replica)]
    {
        disk::remove(&path)?;
    }
    Ok(())
}

/// Whether a whole file with plain room for this replica is there.
fn plain(path: &Path, replica: ReplicaId, record: &Record) -> Result<bool> {
    let wanted = Header { replica, class: record.class, comm_d: record.comm_d, sealed: None };
    Ok(Header::read(path)? == Some(wanted))
}

/// Key and root of the sealed file of this replica, if it is there and whole.
fn sealed(path: &Path, replica: ReplicaId, record: &Record) -> Result<Option<(ReplicaKey, Commitment)>> {
    Ok(Header::read(path)?
        .filter(|header| header.replica == replica && header.class == record.class && header.comm_d == record.comm_d)
        .and_then(|header| header.sealed))
}

fn files(dir: &Path) -> Result<Vec<std::path::PathBuf>> {
    let failed = |error| Error::file("list", dir, error);
    fs::read_dir(dir).map_err(failed)?.map(|entry| entry.map(|entry| entry.path()).map_err(failed)).collect()
}
