//! Sealing: data to replicas, one chain a replica, several chains in the lanes of one core.
//!
//! Memory is bounded: each replica has a window of pages, the replica's first pages, which are drawn most often, and a
//! chunk of data, together about 6.3 MiB, and rows of 1/64 of its size. Other pages are read back from where the replica is
//! written to.

use crate::{
    graph::PageParents,
    hash::{self, label_at, lanes, Hash, Message},
    index,
    io::{ReadAt, ReadWriteAt},
    pages::{Pages, Sources},
    tree::{page_roots, Purpose, Rows},
    ReplicaKey, SizeClass, LABEL_BYTES, PAGE_BYTES, PAGE_LABELS,
};

/// The most replicas that are sealed in lockstep: the lanes of a core.
pub const LANES: usize = lanes::LANES;

/// Pages encoded between two writes, 256 KiB: what a stopped seal loses, and how often it is asked whether to stop.
const CHUNK_PAGES: u64 = 64;
/// Pages kept behind a chunk, at the least: far pages at bucket-sampled distances are often that near.
const BEHIND_PAGES: u64 = 192;
/// Pages of the window, 2 MiB: it slides once in five chunks.
const WINDOW_PAGES: u64 = 512;
/// First pages of a replica that are kept, 4 MiB.
const HEAD_PAGES: u64 = 1024;

/// A replica to be sealed.
pub struct SealJob<'a> {
    /// The key it is encoded with.
    pub key: ReplicaKey,
    /// The size of the shard.
    pub class: SizeClass,
    /// The shard's data.
    pub data: &'a dyn ReadAt,
    /// Where the replica goes; it is read back, and it is complete, but not synced, when sealing returns.
    pub out: &'a dyn ReadWriteAt,
}

/// What sealing a replica gives beside the replica itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// The root to be committed.
    pub comm_r: Hash,
    /// The upper rows of its tree.
    pub rows: Rows,
}

/// Why sealing ended early.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// Lockstep takes one to four replicas.
    #[error("{0} replicas cannot be sealed in lockstep: give 1 to 4 at a time")]
    Jobs(usize),
    /// Lockstep takes one size.
    #[error("replicas of {0} and {1} cannot be sealed in lockstep: group them by size")]
    Classes(SizeClass, SizeClass),
    /// A resumption beyond the end.
    #[error("sealing cannot resume at page {page}: the shard has {pages}")]
    Resume {
        /// Where it was to resume.
        page: u64,
        /// What the shard has.
        pages: u64,
    },
    /// It was asked to stop.
    #[error("sealing was stopped")]
    Cancelled,
    /// Data could not be read, or the replica not written or read back.
    #[error("sealing failed on disk: {0}")]
    Io(#[from] std::io::Error),
}

/// Seal one to [`LANES`] replicas of one size class together. A core's lanes then work on all of them, which takes less
/// than twice the time of one.
///
/// `progress` is called now and then with the bytes sealed since the last call, over all replicas; `cancelled` is asked as
/// often whether to stop.
pub fn seal_lockstep(
    jobs: &[SealJob<'_>],
    progress: &(dyn Fn(u64) + Sync),
    cancelled: &dyn Fn() -> bool,
) -> Result<Vec<Sealed>, SealError> {
    resume_lockstep(jobs, 0, progress, cancelled)
}

/// [`seal_lockstep`] for replicas of which the first `done` pages were written, and synced, by a seal that was stopped.
/// Those are read and hashed for the trees, which takes a tenth of the time of sealing them, and count as progress.
pub fn resume_lockstep(
    jobs: &[SealJob<'_>],
    done: u64,
    progress: &(dyn Fn(u64) + Sync),
    cancelled: &dyn Fn() -> bool,
) -> Result<Vec<Sealed>, SealError> {
    let class = jobs.first().ok_or(SealError::Jobs(0))?.class;
    if let Some(other) = jobs.iter().find(|job| job.class != class) {
        return Err(SealError::Classes(class, other.class));
    }
    if done > class.pages() {
        return Err(SealError::Resume { page: done, pages: class.pages() });
    }
    // A chunk begins where chunks begin, whatever was done.
    let done = done - done % CHUNK_PAGES.min(class.pages());
    match jobs {
        [a] => seal([a], done, progress, cancelled),
        [a, b] => seal([a, b], done, progress, cancelled),
        [a, b, c] => seal([a, b, c], done, progress, cancelled),
        [a, b, c, d] => seal([a, b, c, d], done, progress, cancelled),
        _ => Err(SealError::Jobs(jobs.len())),
    }
}

/// One replica on its way.
struct Lane<'a> {
    job: &'a SealJob<'a>,
    pages: Pages,
    /// Data of the current chunk.
    data: Vec<u8>,
    roots: Vec<Hash>,
}

impl Lane<'_> {
    /// Take over chunks that are there already.
    fn recall(&mut self, first: u64, pages: u64) -> Result<(), SealError> {
        self.make_room(first);
        self.job.out.read_at(first * PAGE_BYTES as u64, self.pages.window_mut(first, pages))?;
        self.pages.fill_to(first + pages);
        self.root(first, pages);
        Ok(())
    }

    /// Let the window hold the chunk that begins with page `first`, and some before it.
    fn make_room(&mut self, first: u64) {
        if !self.pages.has_room(first + CHUNK_PAGES) {
            self.pages.slide_to(first.saturating_sub(BEHIND_PAGES));
        }
    }

    fn root(&mut self, first: u64, pages: u64) {
        let purpose = Purpose::Replica(self.job.key);
        self.roots.extend(page_roots(&purpose, first, self.pages.window(first, pages)));
    }

    fn begin(&mut self, first: u64, pages: u64) -> Result<(), SealError> {
        self.make_room(first);
        Ok(self.job.data.read_at(first * PAGE_BYTES as u64, &mut self.data[..index(pages) * PAGE_BYTES])?)
    }

    fn end(&mut self, first: u64, pages: u64) -> Result<(), SealError> {
        self.job.out.write_at(first * PAGE_BYTES as u64, self.pages.window(first, pages))?;
        self.root(first, pages);
        Ok(())
    }

    /// Put the label `offset` of `page` in its place.
    #[inline]
    fn put(&mut self, first: u64, page: u64, offset: u64, mask: &crate::Label) {
        let label = hash::xor(label_at(&self.data, (page - first) * PAGE_LABELS + offset), mask);
        let at = index(offset) * LABEL_BYTES;
        self.pages.window_mut(page, 1)[at..at + LABEL_BYTES].copy_from_slice(&label);
    }
}

fn seal<const N: usize>(
    jobs: [&SealJob<'_>; N],
    done: u64,
    progress: &(dyn Fn(u64) + Sync),
    cancelled: &dyn Fn() -> bool,
) -> Result<Vec<Sealed>, SealError> {
    let class = jobs[0].class;
    let chunk = CHUNK_PAGES.min(class.pages());
    let mut messages = jobs.map(|job| Message::new(&job.key));
    let mut lanes = jobs.map(|job| Lane {
        job,
        pages: Pages::new(WINDOW_PAGES, HEAD_PAGES.min(class.pages())),
        data: vec![0; index(chunk) * PAGE_BYTES],
        roots: Vec::with_capacity(index(class.pages())),
    });
    let chunk_bytes = chunk * PAGE_BYTES as u64 * N as u64;
    for first in (0..class.pages()).step_by(index(chunk)) {
        if cancelled() {
            return Err(SealError::Cancelled);
        }
        if first < done {
            lanes.iter_mut().try_for_each(|lane| lane.recall(first, chunk))?;
        } else {
            lanes.iter_mut().try_for_each(|lane| lane.begin(first, chunk))?;
            for page in first..first + chunk {
                encode(&mut lanes, &mut messages, first, page)?;
            }
            lanes.iter_mut().try_for_each(|lane| lane.end(first, chunk))?;
        }
        progress(chunk_bytes);
    }
    let sealed = lanes.map(|lane| {
        let rows = Rows::over(class, lane.roots);
        Sealed { comm_r: rows.root(), rows }
    });
    Ok(sealed.into())
}

/// Encode one page of every replica. `first` is the page that the chunk begins with.
fn encode<const N: usize>(
    lanes: &mut [Lane<'_>; N],
    messages: &mut [Message; N],
    first: u64,
    page: u64,
) -> Result<(), SealError> {
    let parents = PageParents::of(page);
    for lane in lanes.iter_mut() {
        lane.pages.gather(&parents, lane.job.out)?;
    }
    for offset in 0..PAGE_LABELS {
        if page == 0 {
            for (lane, message) in lanes.iter().zip(messages.iter_mut()) {
                lane.pages.first_message(offset, &parents, message);
            }
        } else {
            let sources = Sources::of(&parents, offset);
            for (lane, message) in lanes.iter().zip(messages.iter_mut()) {
                lane.pages.message(page, offset, &sources, message);
            }
        }
        let masks = hash::lanes::masks(messages);
        for (lane, mask) in lanes.iter_mut().zip(&masks) {
            lane.put(first, page, offset, mask);
        }
    }
    for lane in lanes.iter_mut() {
        lane.pages.fill_to(page + 1);
    }
    Ok(())
}
