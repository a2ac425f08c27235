//! The index: RocksDB with a record for each replica, a bitmap for each that is being received, the sources of each that is
//! made from others, and the scrubber's place.
//!
//! Every write here is synced: there are few, and each is a promise that files keep.

use crate::{Error, Pieces, Position, Result, Source};
use codec::{Decode, DecodeAll, Encode};
use rocksdb::{ErrorKind, IteratorMode, Options, WriteBatch, WriteOptions, DB};
use station_porep::{ReplicaKey, SizeClass};
use station_primitives::{Commitment, DealId, ReplicaId, ShardId};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// The format of records and files. Raised when either changes.
pub(crate) const FORMAT: u32 = 2;
/// The oldest format that is read: 2 only added what 1 did not have.
const OLDEST: u32 = 1;
const FORMAT_KEY: &[u8] = b"format";
const RECORD: u8 = b'r';
const BITMAP: u8 = b'b';
const SOURCES: u8 = b'v';
/// Where the scrubber goes on. No replica's key is as short.
const POSITION_KEY: &[u8] = b"scrub";
/// Bytes of a key: what it is, deal, shard, slot; big endian, so that the order is that of the identifiers.
const KEY_BYTES: usize = 1 + 8 + 4 + 1;

/// What the index knows of a replica.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) struct Record {
    pub class: SizeClass,
    pub comm_d: Commitment,
    pub stage: Stage,
}

/// How far a replica has come, as far as it is written down.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[allow(clippy::cast_possible_truncation)] // Encode's derive casts the variant's number.
pub(crate) enum Stage {
    #[codec(index = 0)]
    Receiving,
    #[codec(index = 1)]
    Received,
    #[codec(index = 2)]
    Sealed { key: ReplicaKey, comm_r: Commitment },
    /// Its files are to be removed, then this record.
    #[codec(index = 3)]
    Retiring,
    /// Its sealed file is not what was sealed; it is to be made again for the same key.
    #[codec(index = 4)]
    Damaged { key: ReplicaKey, comm_r: Commitment },
}

pub(crate) struct Index {
    db: DB,
    path: PathBuf,
}

impl Index {
    /// Opens the index; `true` if it was made.
    pub fn open(path: &Path, root: &Path) -> Result<(Self, bool)> {
        let made = !path.exists();
        if made {
            Self::make(path)?;
        }
        let db = DB::open(&options(false), path).map_err(|error| opening(path, &error))?;
        let index = Self { db, path: path.to_path_buf() };
        let found = index
            .get(FORMAT_KEY)?
            .and_then(|bytes| u32::decode_all(&mut &bytes[..]).ok())
            .ok_or_else(|| index.corrupt("it does not name its format"))?;
        if !(OLDEST..=FORMAT).contains(&found) {
            return Err(Error::Format { dir: root.to_path_buf(), found, known: FORMAT });
        }
        if found != FORMAT {
            index.db.put_opt(FORMAT_KEY, FORMAT.encode(), &synced()).map_err(|error| writing(&error))?;
        }
        Ok((index, made))
    }

    /// Makes an empty index under another name and renames it, so that a folder named `index` is always a whole one.
    fn make(path: &Path) -> Result<()> {
        let new = path.with_extension("new");
        if new.exists() {
            fs::remove_dir_all(&new).map_err(|error| Error::file("remove", &new, error))?;
        }
        {
            let db = DB::open(&options(true), &new).map_err(|error| opening(&new, &error))?;
            db.put_opt(FORMAT_KEY, FORMAT.encode(), &synced()).map_err(|error| writing(&error))?;
        }
        crate::disk::rename(&new, path)
    }

    /// All records, in the order of their identifiers.
    pub fn records(&self) -> Result<Vec<(ReplicaId, Record)>> {
        let mut records = Vec::new();
        let from = [RECORD];
        let start = IteratorMode::From(&from, rocksdb::Direction::Forward);
        for item in self.db.iterator(start) {
            let (key, value) = item.map_err(|error| self.corrupt(error.as_ref()))?;
            if key.first() != Some(&RECORD) {
                break;
            }
            let replica = replica_of(&key).ok_or_else(|| self.corrupt("a key is no replica's"))?;
            let record = Record::decode_all(&mut &value[..])
                .map_err(|_| self.corrupt(&format!("the record of replica {replica} is unreadable")))?;
            records.push((replica, record));
        }
        Ok(records)
    }

    /// The pieces of a replica that are on disk; none if there is no bitmap.
    pub fn pieces(&self, replica: ReplicaId, class: SizeClass) -> Result<Pieces> {
        let none = Pieces::none(class.pieces());
        match self.get(&key(BITMAP, replica))? {
            None => Ok(none),
            Some(have) if have.len() == none.have.len() => {
                let pieces = Pieces { have, ..none };
                if pieces.count() > pieces.total {
                    return Err(self.corrupt(&format!("the bitmap of replica {replica} is unreadable")));
                }
                Ok(pieces)
            }
            Some(_) => Err(self.corrupt(&format!("the bitmap of replica {replica} has a wrong length"))),
        }
    }

    /// Writes a record.
    pub fn put(&self, replica: ReplicaId, record: &Record) -> Result<()> {
        let mut batch = WriteBatch::default();
        batch.put(key(RECORD, replica), record.encode());
        if record.stage != Stage::Receiving {
            batch.delete(key(BITMAP, replica));
        }
        self.write(batch)
    }

    /// Writes the record of a replica of which nothing is there.
    pub fn put_empty(&self, replica: ReplicaId, record: &Record) -> Result<()> {
        let mut batch = WriteBatch::default();
        batch.put(key(RECORD, replica), record.encode());
        batch.delete(key(BITMAP, replica));
        batch.delete(key(SOURCES, replica));
        self.write(batch)
    }

    /// Writes which pieces are on disk, and who served them.
    pub fn put_pieces(&self, replica: ReplicaId, pieces: &Pieces, sources: &[Source]) -> Result<()> {
        let mut batch = WriteBatch::default();
        batch.put(key(BITMAP, replica), &pieces.have);
        put_sources(&mut batch, replica, sources);
        self.write(batch)
    }

    /// Writes the record of a replica whose pieces are complete, and who served them.
    pub fn put_received(&self, replica: ReplicaId, record: &Record, sources: &[Source]) -> Result<()> {
        let mut batch = WriteBatch::default();
        batch.put(key(RECORD, replica), record.encode());
        batch.delete(key(BITMAP, replica));
        put_sources(&mut batch, replica, sources);
        self.write(batch)
    }

    /// Writes the record of a replica of which some pieces are there, none of them from anybody else.
    pub fn put_salvaged(&self, replica: ReplicaId, record: &Record, pieces: &Pieces) -> Result<()> {
        let mut batch = WriteBatch::default();
        batch.put(key(RECORD, replica), record.encode());
        batch.put(key(BITMAP, replica), &pieces.have);
        batch.delete(key(SOURCES, replica));
        self.write(batch)
    }

    /// Who served pieces of a replica, and who did not.
    pub fn sources(&self, replica: ReplicaId) -> Result<Vec<Source>> {
        let Some(bytes) = self.get(&key(SOURCES, replica))? else { return Ok(Vec::new()) };
        Vec::decode_all(&mut &bytes[..])
            .map_err(|_| self.corrupt(&format!("the sources of replica {replica} are unreadable")))
    }

    /// Writes who served pieces of a replica, and who did not.
    pub fn put_sources(&self, replica: ReplicaId, sources: &[Source]) -> Result<()> {
        let mut batch = WriteBatch::default();
        put_sources(&mut batch, replica, sources);
        self.write(batch)
    }

    /// Where the scrubber was; none before its first pass.
    pub fn position(&self) -> Result<Option<Position>> {
        // One that cannot be read costs a pass begun anew.
        Ok(self.get(POSITION_KEY)?.and_then(|bytes| Position::decode_all(&mut &bytes[..]).ok()))
    }

    /// Writes where the scrubber is. Not synced: losing it costs reading a few files again.
    pub fn put_position(&self, position: &Position) -> Result<()> {
        self.db.put(POSITION_KEY, position.encode()).map_err(|error| writing(&error))
    }

    /// Forgets a replica.
    pub fn delete(&self, replica: ReplicaId) -> Result<()> {
        let mut batch = WriteBatch::default();
        batch.delete(key(RECORD, replica));
        batch.delete(key(BITMAP, replica));
        batch.delete(key(SOURCES, replica));
        self.write(batch)
    }

    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        self.db.get(key).map_err(|error| self.corrupt(error.as_ref()))
    }

    fn write(&self, batch: WriteBatch) -> Result<()> {
        self.db.write_opt(batch, &synced()).map_err(|error| writing(&error))
    }

    fn corrupt(&self, reason: &str) -> Error {
        Error::CorruptIndex { index: self.path.clone(), reason: reason.to_string() }
    }
}

fn put_sources(batch: &mut WriteBatch, replica: ReplicaId, sources: &[Source]) {
    if sources.is_empty() {
        batch.delete(key(SOURCES, replica));
    } else {
        batch.put(key(SOURCES, replica), sources.encode());
    }
}

fn options(create: bool) -> Options {
    let mut options = Options::default();
    options.create_if_missing(create);
    options.set_paranoid_checks(true);
    // Some hundred bytes a replica: everything is small, and stays small in memory.
    options.set_write_buffer_size(2 << 20);
    options.set_max_write_buffer_number(2);
    options.set_max_total_wal_size(8 << 20);
    options.set_max_open_files(32);
    options.set_keep_log_file_num(2);
    options.set_max_log_file_size(1 << 20);
    options
}

fn synced() -> WriteOptions {
    let mut options = WriteOptions::default();
    options.set_sync(true);
    options
}

fn opening(path: &Path, error: &rocksdb::Error) -> Error {
    if no_space(error) {
        return writing(error);
    }
    Error::CorruptIndex { index: path.to_path_buf(), reason: error.to_string() }
}

fn writing(error: &rocksdb::Error) -> Error {
    if no_space(error) {
        return Error::DiskFull { wanted: None, free: None };
    }
    Error::Index(error.to_string())
}

fn no_space(error: &rocksdb::Error) -> bool {
    // RocksDB's own kind for it does not come through; its text does.
    error.kind() == ErrorKind::IOError && error.as_ref().to_ascii_lowercase().contains("no space left")
}

fn key(kind: u8, replica: ReplicaId) -> [u8; KEY_BYTES] {
    let mut key = [kind; KEY_BYTES];
    key[1..9].copy_from_slice(&replica.shard.deal.0.to_be_bytes());
    key[9..13].copy_from_slice(&replica.shard.index.to_be_bytes());
    key[13] = replica.slot;
    key
}

fn replica_of(key: &[u8]) -> Option<ReplicaId> {
    let key: &[u8; KEY_BYTES] = key.try_into().ok()?;
    let deal = DealId(u64::from_be_bytes(key[1..9].try_into().ok()?));
    let index = u32::from_be_bytes(key[9..13].try_into().ok()?);
    Some(ReplicaId { shard: ShardId { deal, index }, slot: key[13] })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_as_they_are_written_and_ordered() {
        let small: ReplicaId = "7/255/2".parse().unwrap();
        let large: ReplicaId = "7/256/0".parse().unwrap();
        assert_eq!(replica_of(&key(RECORD, small)), Some(small));
        assert!(key(RECORD, small) < key(RECORD, large));
        assert_eq!(replica_of(b"r"), None);
    }
}
