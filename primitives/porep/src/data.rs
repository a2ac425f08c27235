//! The commitment to a shard's data.

use crate::{
    hash::Hash,
    index,
    io::{ReadAt, Result},
    tree::{page_roots, Purpose, Rows},
    SizeClass, PAGE_BYTES,
};

/// Pages read and hashed at a time: 1 MiB.
const CHUNK_PAGES: u64 = 256;

/// `comm_d` of a shard, and the rows that openings of it are proven from. Reads the shard once, 1 MiB at a time.
pub fn commit(data: &(impl ReadAt + ?Sized), class: SizeClass) -> Result<(Hash, Rows)> {
    let rows = rows(data, &Purpose::Data, class)?;
    Ok((rows.root(), rows))
}

/// The rows of the tree over all labels of a shard or of a replica. A scrubber compares them with those kept.
pub fn rows(labels: &(impl ReadAt + ?Sized), purpose: &Purpose, class: SizeClass) -> Result<Rows> {
    let mut roots = Vec::with_capacity(index(class.pages()));
    let mut chunk = vec![0; index(CHUNK_PAGES.min(class.pages())) * PAGE_BYTES];
    for first in (0..class.pages()).step_by(index(CHUNK_PAGES)) {
        labels.read_at(first * PAGE_BYTES as u64, &mut chunk)?;
        roots.extend(page_roots(purpose, first, &chunk));
    }
    Ok(Rows::over(class, roots))
}
