//! Unsealing: any range of a replica back to data, without the rest.
//!
//! Labels decode independently, so the lanes of a core work on four at a time and threads on ranges of their own. What comes
//! out is only as right as the replica: check it against `comm_d` (`piece::verify`).

use crate::{
    graph::PageParents,
    hash::{self, label_at, lanes, Message},
    index,
    io::ReadAt,
    pages::{Pages, Sources},
    ReplicaKey, SizeClass, LABEL_BYTES, PAGE_BYTES, PAGE_LABELS,
};

/// Pages read at a time, 256 KiB.
const CHUNK_PAGES: u64 = 64;
/// Bytes below which another thread is not worth starting.
const LEAST_BYTES: usize = 64 * PAGE_BYTES;

/// Why a range could not be unsealed.
#[derive(Debug, thiserror::Error)]
pub enum UnsealError {
    /// A range that the shard does not have.
    #[error("a shard of {class} has no {len} bytes at {offset}")]
    Range {
        /// Its size.
        class: SizeClass,
        /// Where the range begins.
        offset: u64,
        /// How long it is.
        len: usize,
    },
    /// The replica could not be read.
    #[error("unsealing failed on disk: {0}")]
    Io(#[from] std::io::Error),
}

/// Decode the bytes at `offset` of the shard into `out`, on this thread. Any range will do; whole pages waste nothing.
pub fn unseal_range(
    key: &ReplicaKey,
    class: SizeClass,
    replica: &dyn ReadAt,
    offset: u64,
    out: &mut [u8],
) -> Result<(), UnsealError> {
    check_range(class, offset, out.len())?;
    if out.is_empty() {
        return Ok(());
    }
    let end = offset + out.len() as u64;
    let page_bytes = PAGE_BYTES as u64;
    let (first, last) = (offset / page_bytes, (end - 1) / page_bytes);
    let window = (last - first + 1).min(CHUNK_PAGES) + 1;
    let mut decoder = Decoder {
        replica,
        pages: Pages::new(window, 0),
        messages: core::array::from_fn(|_| Message::new(key)),
        page: [0; PAGE_BYTES],
    };
    for chunk in (first..=last).step_by(index(CHUNK_PAGES)) {
        let chunk_end = (chunk + CHUNK_PAGES).min(last + 1);
        decoder.load(chunk, chunk_end)?;
        for page in chunk..chunk_end {
            // The part of this page that was asked for, in bytes from its beginning.
            let begin = page * page_bytes;
            let from = index(offset.saturating_sub(begin));
            let to = index((end - begin).min(page_bytes));
            decoder.decode(page, from / LABEL_BYTES, to.div_ceil(LABEL_BYTES))?;
            let at = index((begin + from as u64) - offset);
            out[at..at + to - from].copy_from_slice(&decoder.page[from..to]);
        }
    }
    Ok(())
}

/// [`unseal_range`] on so many threads.
pub fn unseal_parallel(
    key: &ReplicaKey,
    class: SizeClass,
    replica: &dyn ReadAt,
    offset: u64,
    out: &mut [u8],
    threads: usize,
) -> Result<(), UnsealError> {
    check_range(class, offset, out.len())?;
    let share = out.len().div_ceil(threads.max(1)).max(LEAST_BYTES).next_multiple_of(PAGE_BYTES);
    if share >= out.len() {
        return unseal_range(key, class, replica, offset, out);
    }
    std::thread::scope(|scope| {
        let ranges: Vec<_> = (offset..)
            .step_by(share)
            .zip(out.chunks_mut(share))
            .map(|(offset, part)| scope.spawn(move || unseal_range(key, class, replica, offset, part)))
            .collect();
        // Every thread is joined before an error is returned.
        let results: Vec<_> = ranges
            .into_iter()
            .map(|range| range.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect();
        results.into_iter().collect()
    })
}

fn check_range(class: SizeClass, offset: u64, len: usize) -> Result<(), UnsealError> {
    match offset.checked_add(len as u64) {
        Some(end) if end <= class.bytes() => Ok(()),
        _ => Err(UnsealError::Range { class, offset, len }),
    }
}

struct Decoder<'a> {
    replica: &'a dyn ReadAt,
    pages: Pages,
    messages: [Message; lanes::LANES],
    /// The page last decoded.
    page: [u8; PAGE_BYTES],
}

impl Decoder<'_> {
    /// Have the pages from `first` to `end`, exclusive, in the window, and the one before them.
    fn load(&mut self, first: u64, end: u64) -> Result<(), UnsealError> {
        let before = first.saturating_sub(1);
        self.pages.slide_to(before);
        self.replica.read_at(before * PAGE_BYTES as u64, self.pages.window_mut(before, end - before))?;
        self.pages.fill_to(end);
        Ok(())
    }

    /// Decode the labels from `from` to `to`, exclusive, of `page` into their places in `self.page`.
    fn decode(&mut self, page: u64, from: usize, to: usize) -> Result<(), UnsealError> {
        let parents = PageParents::of(page);
        self.pages.gather(&parents, self.replica)?;
        let mut offsets = from as u64..to as u64;
        while !offsets.is_empty() {
            let group = offsets.start..(offsets.start + lanes::LANES as u64).min(offsets.end);
            offsets.start = group.end;
            for (offset, message) in group.clone().zip(&mut self.messages) {
                if page == 0 {
                    self.pages.first_message(offset, &parents, message);
                } else {
                    self.pages.message(page, offset, &Sources::of(&parents, offset), message);
                }
            }
            let masks = lanes::masks(&self.messages);
            for (offset, mask) in group.zip(&masks) {
                let label = hash::xor(label_at(self.pages.window(page, 1), offset), mask);
                let at = index(offset) * LABEL_BYTES;
                self.page[at..at + LABEL_BYTES].copy_from_slice(&label);
            }
        }
        debug_assert!(to as u64 <= PAGE_LABELS);
        Ok(())
    }
}
