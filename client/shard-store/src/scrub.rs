//! The scrubber: reads sealed files from end to end and finds rot before a challenge does.
//!
//! A file is whole if it has its length and its header, if each page of labels hashes to its node in the rows, and if the
//! rows of both trees are the hashes of each other up to the committed roots. The store only looks; at what rate, and what
//! happens next, is the caller's to say.

use crate::{
    disk::{self, Section},
    error::{Error, Result},
    header::{self, Header, LABELS_AT},
    open::{Phase, Slot, LOG},
    Store,
};
use codec::{Decode, Encode};
use station_porep::{
    io::ReadAt,
    tree::{page_roots, Purpose, Rows},
    ReplicaKey, SizeClass, PAGE_BYTES,
};
use station_primitives::{Commitment, ReplicaId};
use std::{fs::File, io, ops::Bound, sync::Arc};

/// Pages read and hashed at a time: 1 MiB.
const CHUNK_PAGES: u64 = 256;
/// The page that stands for the rows, after all pages of labels.
const ROWS: u64 = u64::MAX - 1;
/// The page after which the replica is done.
const DONE: u64 = u64::MAX;

/// Where a scrub goes on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct Position {
    /// When the pass began, in seconds since 1970; the caller's to set and to use.
    pub began: u64,
    /// Whole passes so far.
    pub passes: u64,
    /// Bytes checked in this pass.
    pub checked: u64,
    replica: ReplicaId,
    page: u64,
}

/// What one step of a scrub brought.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scrubbed {
    /// Bytes read.
    pub bytes: u64,
    /// A replica that is not whole any more. The scrub goes on after it.
    pub fault: Option<(ReplicaId, Fault)>,
    /// The pass is over; the position is at the beginning again.
    pub over: bool,
}

/// What is wrong with a sealed file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// It is not there.
    #[error("its file is missing")]
    Missing,
    /// It was cut, or something was added.
    #[error("its file has {found} bytes instead of {expected}")]
    Length {
        /// Bytes found.
        found: u64,
        /// Bytes that it should have.
        expected: u64,
    },
    /// Its first page is not what was written.
    #[error("its header has changed")]
    Header,
    /// A page of labels has changed.
    #[error("page {0} has changed")]
    Page(u64),
    /// The rows of a tree have changed.
    #[error("the rows of its {0} have changed")]
    Rows(&'static str),
    /// The disk does not give it back.
    #[error("the disk does not read it: {0}")]
    Unreadable(String),
}

impl Store {
    /// Where the scrub was when it was last noted; the beginning if never.
    pub fn scrub_position(&self) -> Result<Position> {
        Ok(self.index.position()?.unwrap_or_default())
    }

    /// Notes where the scrub is, so that it goes on there after a restart.
    pub fn note_scrub(&self, position: &Position) -> Result<()> {
        self.index.put_position(position)
    }

    /// Checks about `budget` bytes from `position` on, at least one chunk of 1 MiB, and moves it. Stops at the first fault.
    pub fn scrub(&self, position: &mut Position, budget: u64) -> Result<Scrubbed> {
        let mut done = Scrubbed::default();
        while done.bytes < budget.max(1) {
            let Some(slot) = self.next_sealed(position) else {
                *position = Position { passes: position.passes.saturating_add(1), ..Position::default() };
                done.over = true;
                break;
            };
            if position.replica != slot.replica {
                (position.replica, position.page) = (slot.replica, 0);
            }
            let left = budget.saturating_sub(done.bytes);
            let found = self.scrub_some(&slot, position, left, &mut done.bytes)?;
            if let Some(fault) = found {
                position.page = DONE;
                done.fault = Some((slot.replica, fault));
                break;
            }
        }
        if !done.over {
            position.checked = position.checked.saturating_add(done.bytes);
        }
        Ok(done)
    }

    /// Looks whether the file of every sealed replica is there in its length. Reads nothing.
    pub fn look(&self) -> Vec<(ReplicaId, Fault)> {
        let slots: Vec<_> = self.slots.lock().values().cloned().collect();
        let mut faults = Vec::new();
        for slot in slots {
            // Locked: a file that is just being replaced is missing for an instant.
            let phase = slot.phase.lock();
            if !matches!(*phase, Phase::Sealed { .. }) {
                continue;
            }
            let expected = header::sealed_file_bytes(slot.class);
            match std::fs::metadata(self.folders.sealed(slot.replica)) {
                Ok(data) if data.len() == expected => {}
                Ok(data) => faults.push((slot.replica, Fault::Length { found: data.len(), expected })),
                Err(error) if error.kind() == io::ErrorKind::NotFound => faults.push((slot.replica, Fault::Missing)),
                // A folder that cannot be looked into says nothing about a file.
                Err(error) => tracing::warn!(target: LOG, replica = %slot.replica, %error, "cannot be looked at"),
            }
        }
        faults
    }

    /// The sealed replica at the position, or the next one after it.
    fn next_sealed(&self, position: &Position) -> Option<Arc<Slot>> {
        let mut from = match position.page {
            DONE => Bound::Excluded(position.replica),
            _ => Bound::Included(position.replica),
        };
        loop {
            let slot = self.slots.lock().range((from, Bound::Unbounded)).next().map(|(_, slot)| Arc::clone(slot))?;
            if matches!(*slot.phase.lock(), Phase::Sealed { .. }) {
                return Some(slot);
            }
            from = Bound::Excluded(slot.replica);
        }
    }

    /// Checks a part of one replica. A replica that is sealed anew or retired meanwhile has no fault.
    fn scrub_some(
        &self,
        slot: &Arc<Slot>,
        position: &mut Position,
        budget: u64,
        bytes: &mut u64,
    ) -> Result<Option<Fault>> {
        let sealed = {
            let phase = slot.phase.lock();
            let Phase::Sealed { key, comm_r } = &*phase else {
                position.page = DONE;
                return Ok(None);
            };
            let path = self.folders.sealed(slot.replica);
            match File::open(&path) {
                Ok(file) => Sealed { file, slot, key: *key, comm_r: *comm_r },
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Some(Fault::Missing)),
                // Too many open files and the like: not the replica's fault.
                Err(error) => return Err(Error::file("open", path, error)),
            }
        };
        let mut left = budget;
        while position.page != DONE {
            let before = *bytes;
            let fault = match sealed.check(self, position, bytes) {
                Ok(None) => None,
                Ok(Some(fault)) => sealed.still(fault, self, *position)?,
                Err(error) => Some(unreadable(error).map_err(|error| self.reading(slot.replica, error))?),
            };
            if let Some(fault) = fault {
                let same = matches!(&*slot.phase.lock(), Phase::Sealed { key, .. } if *key == sealed.key);
                return Ok((same && self.is_current(slot)).then_some(fault));
            }
            position.page = after(position.page, slot.class);
            left = left.saturating_sub(*bytes - before);
            if left == 0 {
                break;
            }
        }
        Ok(None)
    }
}

/// The page at which the next portion begins.
fn after(page: u64, class: SizeClass) -> u64 {
    match page {
        ROWS | DONE => DONE,
        page if page.saturating_add(CHUNK_PAGES) < class.pages() => page + CHUNK_PAGES,
        _ => ROWS,
    }
}

/// An open sealed file and what it should be.
struct Sealed<'a> {
    file: File,
    slot: &'a Slot,
    key: ReplicaKey,
    comm_r: Commitment,
}

impl Sealed<'_> {
    /// Checks the portion at the position.
    fn check(&self, store: &Store, position: &Position, bytes: &mut u64) -> io::Result<Option<Fault>> {
        let class = self.slot.class;
        match position.page {
            DONE => Ok(None),
            ROWS => {
                let replica = self.rows_lead_to(header::rows_at(class), &self.comm_r, bytes)?;
                let data = self.rows_lead_to(header::data_rows_at(class), &self.slot.comm_d, bytes)?;
                Ok((!replica).then_some(Fault::Rows("labels")).or((!data).then_some(Fault::Rows("data"))))
            }
            first => {
                if first == 0 {
                    if let Some(fault) = self.outside(store)? {
                        return Ok(Some(fault));
                    }
                }
                self.pages(first, bytes)
            }
        }
    }

    /// The length and the first page.
    fn outside(&self, store: &Store) -> io::Result<Option<Fault>> {
        let (found, expected) = (self.file.metadata()?.len(), header::sealed_file_bytes(self.slot.class));
        if found != expected {
            return Ok(Some(Fault::Length { found, expected }));
        }
        disk::uncache(&self.file, 0, LABELS_AT);
        let wanted: Header = self.slot.header(Some((self.key, self.comm_r)));
        match Header::read(&store.folders.sealed(self.slot.replica)) {
            Ok(found) => Ok((found != Some(wanted)).then_some(Fault::Header)),
            Err(Error::File { source, .. }) => Err(source),
            Err(error) => Err(io::Error::other(error)),
        }
    }

    /// Labels from page `first` on against the lowest row.
    fn pages(&self, first: u64, bytes: &mut u64) -> io::Result<Option<Fault>> {
        let class = self.slot.class;
        let count = CHUNK_PAGES.min(class.pages() - first);
        let length = |unit: usize| usize::try_from(count).map(|count| count * unit).map_err(io::Error::other);
        let mut labels = vec![0; length(PAGE_BYTES)?];
        let at = first * PAGE_BYTES as u64;
        disk::uncache(&self.file, LABELS_AT + at, count * PAGE_BYTES as u64);
        Section { file: &self.file, base: LABELS_AT }.read_at(at, &mut labels)?;
        // The rows are heap-ordered: the lowest begins after as many nodes as it has itself, less one.
        let mut row = vec![0; length(32)?];
        Section { file: &self.file, base: header::rows_at(class) }
            .read_at((class.pages() - 1 + first) * 32, &mut row)?;
        *bytes = bytes.saturating_add(count * (PAGE_BYTES as u64 + 32));
        let roots = page_roots(&Purpose::Replica(self.key), first, &labels);
        let wrong = (first..).zip(roots.iter().zip(row.chunks_exact(32))).find(|(_, (root, kept))| root[..] != **kept);
        Ok(wrong.map(|(page, _)| Fault::Page(page)))
    }

    fn rows_lead_to(&self, at: u64, root: &Commitment, bytes: &mut u64) -> io::Result<bool> {
        let class = self.slot.class;
        let mut nodes = vec![0; Rows::bytes_of(class)];
        let length = u64::try_from(nodes.len()).map_err(io::Error::other)?;
        disk::uncache(&self.file, at, length);
        ReadAt::read_at(&self.file, at, &mut nodes)?;
        *bytes = bytes.saturating_add(length);
        Ok(Rows::from_bytes(class, nodes).is_ok_and(|rows| rows.root() == *root && rows.check().is_ok()))
    }

    /// Whether a fault shows again: once may have been the memory's or the cable's, and a report costs collateral.
    fn still(&self, fault: Fault, store: &Store, position: Position) -> Result<Option<Fault>> {
        let replica = self.slot.replica;
        match self.check(store, &position, &mut 0) {
            Ok(None) => {
                tracing::warn!(target: LOG, %replica, %fault, "read wrong once and right the second time");
                Ok(None)
            }
            Ok(Some(fault)) => Ok(Some(fault)),
            Err(error) => {
                unreadable(error).map(Some).map_err(|error| Error::file("read", store.folders.sealed(replica), error))
            }
        }
    }
}

/// A read that failed because of the file itself is a fault of the replica; any other is an error of the system.
fn unreadable(error: io::Error) -> io::Result<Fault> {
    let own = error.kind() == io::ErrorKind::UnexpectedEof || error.raw_os_error() == Some(libc::EIO);
    if own {
        Ok(Fault::Unreadable(error.to_string()))
    } else {
        Err(error)
    }
}
