//! Answering audits and seal checks from disk.
//!
//! An audit reads the pages of its openings, 4 KiB each, and their paths through the upper rows; a recomputed label about a
//! dozen pages more.

use crate::{
    challenge,
    hash::Hash,
    io::ReadAt,
    proof::{AuditProof, Opening, SealProof},
    tree::{lemmas, node_of_row, PageTree, Purpose},
    unseal::{unseal_range, UnsealError},
    Label, ReplicaKey, SizeClass, PAGE_BYTES, PAGE_LABELS,
};
use std::{
    collections::BTreeMap,
    io,
    sync::{Mutex, PoisonError},
};

/// A sealed replica on disk. Rows may be [`crate::tree::Rows`] in memory or files with their content.
#[derive(Clone, Copy)]
pub struct Replica<'a> {
    /// The key it was sealed with.
    pub key: ReplicaKey,
    /// The size of the shard.
    pub class: SizeClass,
    /// The sealed labels.
    pub labels: &'a dyn ReadAt,
    /// The upper rows of the tree over them.
    pub rows: &'a dyn ReadAt,
    /// The upper rows of the tree over the shard's data.
    pub data_rows: &'a dyn ReadAt,
}

/// Why a challenge could not be answered.
#[derive(Debug, thiserror::Error)]
pub enum ProveError {
    /// A page of the replica has changed since it was sealed, or the rows have.
    #[error("page {page} of the replica does not match its rows: it has rotted, seal it again from the data")]
    Replica {
        /// Which.
        page: u64,
    },
    /// A page decodes to something else than the shard's data.
    #[error("page {page} does not decode to the shard's data: the replica was sealed from something else")]
    Data {
        /// Which.
        page: u64,
    },
    /// The replica or its rows could not be read.
    #[error("proving failed on disk: {0}")]
    Io(#[from] io::Error),
}

impl From<UnsealError> for ProveError {
    fn from(error: UnsealError) -> Self {
        match error {
            UnsealError::Io(error) => Self::Io(error),
            range @ UnsealError::Range { .. } => Self::Io(io::Error::other(range)),
        }
    }
}

/// Answer the audit that `seed` asks for.
pub fn audit(replica: &Replica<'_>, seed: &[u8; 32]) -> Result<AuditProof, ProveError> {
    let (positions, check) = challenge::audit_opened(seed, &replica.key, replica.class);
    let (replica, data) = answer(replica, &positions, check.as_slice())?;
    Ok(AuditProof { replica, data })
}

/// Answer the seal check that `seed` asks for.
pub fn seal(replica: &Replica<'_>, seed: &[u8; 32]) -> Result<SealProof, ProveError> {
    let (positions, checks) = challenge::seal_opened(seed, &replica.key, replica.class);
    let (replica, data) = answer(replica, &positions, &checks)?;
    Ok(SealProof { replica, data })
}

fn answer(replica: &Replica<'_>, positions: &[u64], checks: &[u64]) -> Result<(Opening, Vec<Hash>), ProveError> {
    // What is opened and what is decoded share pages.
    let labels = Cached::new(replica.labels);
    let purpose = Purpose::Replica(replica.key);
    let opening = open(&purpose, replica.class, replica.rows, positions, &|page, bytes| {
        Ok(labels.read_at(page * PAGE_BYTES as u64, bytes)?)
    })
    .map_err(|error| error.or_rotten(|page| ProveError::Replica { page }))?;
    if checks.is_empty() {
        return Ok((opening, Vec::new()));
    }
    let data = open(&Purpose::Data, replica.class, replica.data_rows, checks, &|page, bytes| {
        Ok(unseal_range(&replica.key, replica.class, &labels, page * PAGE_BYTES as u64, bytes)?)
    })
    .map_err(|error| error.or_rotten(|page| ProveError::Data { page }))?;
    Ok((opening, data.lemmas))
}

/// A replica of which each page is read once. A seal check touches about a hundred pages.
struct Cached<'a> {
    replica: &'a dyn ReadAt,
    pages: Mutex<BTreeMap<u64, Box<[u8; PAGE_BYTES]>>>,
}

impl<'a> Cached<'a> {
    fn new(replica: &'a dyn ReadAt) -> Self {
        Self { replica, pages: Mutex::default() }
    }
}

impl ReadAt for Cached<'_> {
    /// Reads whole pages.
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        let mut pages = self.pages.lock().unwrap_or_else(PoisonError::into_inner);
        for (page, bytes) in (offset / PAGE_BYTES as u64..).zip(buf.chunks_exact_mut(PAGE_BYTES)) {
            if let Some(known) = pages.get(&page) {
                bytes.copy_from_slice(&known[..]);
            } else {
                self.replica.read_at(page * PAGE_BYTES as u64, bytes)?;
                let known: &[u8; PAGE_BYTES] = (&*bytes).try_into().expect("chunks are one page; qed");
                pages.insert(page, Box::new(*known));
            }
        }
        Ok(())
    }
}

/// A page that does not match its rows, or another error.
enum OpenError {
    Rotten(u64),
    Other(ProveError),
}

impl OpenError {
    fn or_rotten(self, rotten: impl Fn(u64) -> ProveError) -> ProveError {
        match self {
            Self::Rotten(page) => rotten(page),
            Self::Other(error) => error,
        }
    }
}

impl<E: Into<ProveError>> From<E> for OpenError {
    fn from(error: E) -> Self {
        Self::Other(error.into())
    }
}

/// Gives a page of labels by its number.
type ReadPage<'a> = dyn Fn(u64, &mut [u8; PAGE_BYTES]) -> Result<(), ProveError> + 'a;

/// Open `positions`, sorted and without repetition, of the tree whose upper rows are `rows` and whose pages `read` gives.
fn open(
    purpose: &Purpose,
    class: SizeClass,
    rows: &dyn ReadAt,
    positions: &[u64],
    read: &ReadPage<'_>,
) -> Result<Opening, OpenError> {
    let page_level = PAGE_LABELS.trailing_zeros();
    let mut subtrees = BTreeMap::new();
    let mut labels: Vec<Label> = Vec::with_capacity(positions.len());
    let mut bytes = [0; PAGE_BYTES];
    let mut current = None;
    for position in positions {
        let page = position / PAGE_LABELS;
        if current != Some(page) {
            current = Some(page);
            read(page, &mut bytes)?;
            let subtree = PageTree::of(purpose, page, &bytes);
            if subtree.root() != node_of_row(rows, class.pages(), page)? {
                return Err(OpenError::Rotten(page));
            }
            subtrees.insert(page, subtree);
        }
        labels.push(*crate::hash::label_at(&bytes, position % PAGE_LABELS));
    }
    let lemmas = lemmas(class, positions)
        .into_iter()
        .map(|lemma| match page_level.checked_sub(lemma.level) {
            Some(levels) if levels > 0 => {
                let subtree = subtrees.get(&(lemma.place >> levels));
                let subtree = subtree.expect("a lemma below a page's root has a sibling opened in that page; qed");
                Ok(subtree.node(lemma.level, lemma.place))
            }
            _ => node_of_row(rows, class.labels() >> lemma.level, lemma.place),
        })
        .collect::<Result<_, _>>()?;
    Ok(Opening { labels, lemmas })
}
