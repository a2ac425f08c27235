//! The pages that a page is encoded or decoded from, found in memory or read from the replica.

use crate::{
    graph::{Far, PageParents, FAR_PAGES, FAR_PARENTS, NEAR_PARENTS},
    hash::{label_at, Message},
    index,
    io::{ReadAt, Result},
    LABEL_BYTES, PAGE_BYTES, PAGE_LABELS, ROUND_PARENTS,
};

/// Offsets of labels, shared by all replicas that are worked on in lockstep.
pub(crate) struct Sources {
    /// Distances back from the label itself.
    near: [u64; NEAR_PARENTS],
    /// Far pages and offsets within them.
    far: [Far; FAR_PARENTS],
}

impl Sources {
    /// Of the label at `offset` of a page from 1 on.
    #[inline]
    pub fn of(parents: &PageParents, offset: u64) -> Self {
        let position = parents.page() * PAGE_LABELS + offset;
        Self { near: parents.near(offset).map(|near| position - near), far: parents.far(offset) }
    }
}

/// A window over a replica: consecutive pages, the first pages of the replica, and the far pages of one page.
///
/// All lie in one allocation, so that a label is found by an offset alone:
/// `[ window | head | one place for each far page ]`.
pub(crate) struct Pages {
    bytes: Vec<u8>,
    /// Pages of the window.
    window: u64,
    /// The page at the beginning of the window.
    first: u64,
    /// How many pages from the window's first on are there.
    filled: u64,
    /// Pages of the head that may be kept.
    head: u64,
    /// How many of them are there.
    headed: u64,
    /// Where the far pages of the current page begin, in bytes.
    far: [usize; FAR_PAGES],
}

impl Pages {
    pub fn new(window: u64, head: u64) -> Self {
        let places = index(window + head) + FAR_PAGES;
        Self { bytes: vec![0; places * PAGE_BYTES], window, first: 0, filled: 0, head, headed: 0, far: [0; FAR_PAGES] }
    }

    /// Bytes of the window from its page `page` on.
    pub fn window(&self, page: u64, pages: u64) -> &[u8] {
        let at = index(page - self.first) * PAGE_BYTES;
        &self.bytes[at..at + index(pages) * PAGE_BYTES]
    }

    /// [`Pages::window`], to be filled.
    pub fn window_mut(&mut self, page: u64, pages: u64) -> &mut [u8] {
        let at = index(page - self.first) * PAGE_BYTES;
        &mut self.bytes[at..at + index(pages) * PAGE_BYTES]
    }

    /// Whether the window reaches to page `end`, exclusive.
    pub fn has_room(&self, end: u64) -> bool {
        end - self.first <= self.window
    }

    /// Say that the pages of the window up to `page`, exclusive, are there.
    pub fn fill_to(&mut self, page: u64) {
        self.filled = page - self.first;
        while self.headed < self.head.min(page) && self.headed >= self.first {
            let from = index(self.headed - self.first) * PAGE_BYTES;
            let to = index(self.window + self.headed) * PAGE_BYTES;
            self.bytes.copy_within(from..from + PAGE_BYTES, to);
            self.headed += 1;
        }
    }

    /// Let the window begin at `first`, keeping the pages that are in both places.
    pub fn slide_to(&mut self, first: u64) {
        let end = self.first + self.filled;
        if first >= self.first && first < end {
            let from = index(first - self.first) * PAGE_BYTES;
            self.bytes.copy_within(from..index(self.filled) * PAGE_BYTES, 0);
            self.filled = end - first;
        } else {
            self.filled = 0;
        }
        self.first = first;
    }

    /// Find the far pages of `parents`, or read them from `replica`.
    pub fn gather(&mut self, parents: &PageParents, replica: &dyn ReadAt) -> Result<()> {
        for (k, page) in parents.far_pages().iter().enumerate() {
            self.far[k] = if *page >= self.first && *page - self.first < self.filled {
                index(*page - self.first) * PAGE_BYTES
            } else if *page < self.headed {
                index(self.window + *page) * PAGE_BYTES
            } else {
                let at = (index(self.window + self.head) + k) * PAGE_BYTES;
                replica.read_at(*page * PAGE_BYTES as u64, &mut self.bytes[at..at + PAGE_BYTES])?;
                at
            };
        }
        Ok(())
    }

    /// Make the message of the label at `offset` of `page`, which is in the window, from 1 on.
    #[inline]
    pub fn message(&self, page: u64, offset: u64, sources: &Sources, message: &mut Message) {
        message.set_position(page * PAGE_LABELS + offset);
        // Pages begin at even labels of the allocation, so neighbours of labels are neighbours here.
        let own = index((page - self.first) * PAGE_LABELS + offset);
        self.put(0, own - 1, own - 2, message);
        for (k, distance) in sources.near.iter().enumerate().skip(1) {
            let at = own - index(*distance);
            self.put(k, at, at ^ 1, message);
        }
        for (k, far) in sources.far.iter().enumerate() {
            let at = self.far[far.page] / LABEL_BYTES + index(far.offset);
            self.put(NEAR_PARENTS + k, at, at ^ 1, message);
        }
    }

    /// Put the labels `one` and `other` of the allocation in place number `k` of both rounds.
    #[inline]
    fn put(&self, k: usize, one: usize, other: usize, message: &mut Message) {
        message.set_parent(k, label_at(&self.bytes, one as u64));
        message.set_parent(ROUND_PARENTS + k, label_at(&self.bytes, other as u64));
    }

    /// Make the message of the label at `offset` of page 0, which the window begins with.
    pub fn first_message(&self, offset: u64, parents: &PageParents, message: &mut Message) {
        message.set_position(offset);
        for (k, parent) in parents.parents(offset).into_iter().enumerate() {
            message.set_parent(k, label_at(&self.bytes, parent));
        }
    }
}
