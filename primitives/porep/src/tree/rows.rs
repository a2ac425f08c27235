//! Building trees in pages, and keeping their upper rows.

use super::{
    node::{INNER, LEAF_DATA, LEAF_REPLICA},
    Purpose,
};
use crate::{
    hash::{lanes::each_256, Hash},
    index,
    io::{self, ReadAt},
    SizeClass, PAGE_BYTES, PAGE_LABELS,
};

/// Pages that are hashed together: their leaves fit the second cache of a core, and every row fills the lanes.
const BATCH_PAGES: usize = 8;
/// Nodes of the subtree over a page.
const PAGE_NODES: usize = 2 * 64 - 1;

/// The leaves of `bytes`, whole labels of which the first is at position `first`.
fn leaves(purpose: &Purpose, first: u64, bytes: &[u8], take: impl FnMut(Hash)) {
    let labels = (first..).zip(bytes.chunks_exact(crate::LABEL_BYTES));
    match purpose {
        Purpose::Data => {
            let inputs: Vec<[u8; 88]> = labels
                .map(|(position, label)| {
                    let mut input = [0; 88];
                    input[..16].copy_from_slice(LEAF_DATA);
                    input[16..24].copy_from_slice(&position.to_le_bytes());
                    input[24..].copy_from_slice(label);
                    input
                })
                .collect();
            each_256(&inputs, take);
        }
        Purpose::Replica(key) => {
            let inputs: Vec<[u8; 120]> = labels
                .map(|(position, label)| {
                    let mut input = [0; 120];
                    input[..16].copy_from_slice(LEAF_REPLICA);
                    input[16..48].copy_from_slice(&key.0);
                    input[48..56].copy_from_slice(&position.to_le_bytes());
                    input[56..].copy_from_slice(label);
                    input
                })
                .collect();
            each_256(&inputs, take);
        }
    }
}

/// The row above `row`, which has an even number of nodes.
fn row_above(row: &[Hash]) -> Vec<Hash> {
    let inputs: Vec<[u8; 80]> = row
        .chunks_exact(2)
        .map(|pair| {
            let mut input = [0; 80];
            input[..16].copy_from_slice(INNER);
            input[16..48].copy_from_slice(&pair[0]);
            input[48..].copy_from_slice(&pair[1]);
            input
        })
        .collect();
    let mut above = Vec::with_capacity(inputs.len());
    each_256(&inputs, |hash| above.push(hash));
    above
}

/// The roots of the subtrees over whole pages, of which `first_page` is the first. Rows are hashed in the lanes of one
/// core; several threads may take a range of pages each.
pub fn page_roots(purpose: &Purpose, first_page: u64, bytes: &[u8]) -> Vec<Hash> {
    assert_eq!(bytes.len() % PAGE_BYTES, 0, "whole pages are hashed");
    let mut roots = Vec::with_capacity(bytes.len() / PAGE_BYTES);
    let mut first = first_page * PAGE_LABELS;
    for batch in bytes.chunks(BATCH_PAGES * PAGE_BYTES) {
        let pages = batch.len() / PAGE_BYTES;
        let mut row = Vec::with_capacity(batch.len() / crate::LABEL_BYTES);
        leaves(purpose, first, batch, |hash| row.push(hash));
        while row.len() > pages {
            row = row_above(&row);
        }
        first += PAGE_LABELS * (BATCH_PAGES as u64);
        roots.extend(row);
    }
    roots
}

/// The subtree over one page.
pub(crate) struct PageTree {
    /// As in [`Rows`]: the root first, the children of node `k` at `2k + 1` and `2k + 2`.
    nodes: [Hash; PAGE_NODES],
}

impl PageTree {
    pub fn of(purpose: &Purpose, page: u64, bytes: &[u8]) -> Self {
        let mut nodes = [[0; 32]; PAGE_NODES];
        let mut row = Vec::with_capacity(64);
        leaves(purpose, page * PAGE_LABELS, bytes, |hash| row.push(hash));
        loop {
            nodes[row.len() - 1..2 * row.len() - 1].copy_from_slice(&row);
            if row.len() == 1 {
                return Self { nodes };
            }
            row = row_above(&row);
        }
    }

    pub fn root(&self) -> Hash {
        self.nodes[0]
    }

    /// The node `level` levels above the leaves, at `place` within the page.
    pub fn node(&self, level: u32, place: u64) -> Hash {
        let row = PAGE_LABELS >> level;
        self.nodes[index(row - 1 + place % row)]
    }
}

/// The rows of a tree from the root down to the roots of pages: 1/64 of the shard's size.
///
/// Kept beside a shard, in memory or as a file with the content of [`Rows::as_bytes`], they let an audit read only the
/// pages that it opens. Both are [`ReadAt`], which is what proving takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rows {
    /// Nodes of 32 bytes: the root first, the children of node `k` at `2k + 1` and `2k + 2`, as in `merkle-cbt`.
    nodes: Vec<u8>,
}

/// Bytes that are no rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RowsError {
    /// Rows have one length for each class.
    #[error("rows of {bytes} bytes where the size class has {expected}: build them again from the labels")]
    Length {
        /// What was given.
        bytes: usize,
        /// What the class has.
        expected: usize,
    },
    /// A node is not the hash of its children.
    #[error("node {node} of the rows is not the hash of its children: build them again from the labels")]
    Node {
        /// Which.
        node: usize,
    },
}

impl Rows {
    /// Build the rows over the roots of all pages of a shard.
    ///
    /// # Panics
    ///
    /// If these are not as many as the class has pages.
    pub fn over(class: SizeClass, roots: Vec<Hash>) -> Self {
        assert_eq!(roots.len() as u64, class.pages(), "every page has a root");
        let mut nodes = vec![0; Self::bytes_of(class)];
        let mut row = roots;
        loop {
            let at = (row.len() - 1) * 32;
            for (place, node) in nodes[at..].chunks_exact_mut(32).zip(&row) {
                place.copy_from_slice(node);
            }
            if row.len() == 1 {
                return Self { nodes };
            }
            row = row_above(&row);
        }
    }

    /// Bytes that the rows of a class take.
    pub fn bytes_of(class: SizeClass) -> usize {
        (2 * index(class.pages()) - 1) * 32
    }

    /// Take back what [`Rows::as_bytes`] gave. The nodes are believed; [`Rows::check`] checks them.
    pub fn from_bytes(class: SizeClass, bytes: Vec<u8>) -> Result<Self, RowsError> {
        let expected = Self::bytes_of(class);
        if bytes.len() == expected {
            Ok(Self { nodes: bytes })
        } else {
            Err(RowsError::Length { bytes: bytes.len(), expected })
        }
    }

    /// The content of a file of rows.
    pub fn as_bytes(&self) -> &[u8] {
        &self.nodes
    }

    /// The root of the tree.
    pub fn root(&self) -> Hash {
        self.node(0)
    }

    /// Check that every node is the hash of its children.
    pub fn check(&self) -> Result<(), RowsError> {
        let inner = self.nodes.len() / 32 / 2;
        match (0..inner).find(|k| self.node(*k) != super::inner(&self.node(2 * k + 1), &self.node(2 * k + 2))) {
            None => Ok(()),
            Some(node) => Err(RowsError::Node { node }),
        }
    }

    fn node(&self, at: usize) -> Hash {
        *self.nodes[at * 32..].first_chunk().expect("callers stay within the nodes; qed")
    }
}

impl ReadAt for Rows {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        self.nodes.read_at(offset, buf)
    }
}

/// Read the node at `place` of the row of `width` nodes; the lowest row is as wide as there are pages.
pub(crate) fn node_of_row(rows: &dyn ReadAt, width: u64, place: u64) -> io::Result<Hash> {
    let mut node = [0; 32];
    rows.read_at((width - 1 + place) * 32, &mut node)?;
    Ok(node)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{hash::label_at, tree, ReplicaKey};
    use merkle_cbt::CBMT;

    #[test]
    fn rows_are_those_of_merkle_cbt() {
        for log in [16, 17, 20] {
            let class = SizeClass::from_log(log).expect("a class");
            let bytes: Vec<u8> = (0..class.bytes()).map(|k| ((k * k) >> 7).to_le_bytes()[0]).collect();
            for purpose in [Purpose::Data, Purpose::Replica(ReplicaKey([3; 32]))] {
                let leaves: Vec<Hash> =
                    (0..class.labels()).map(|at| tree::leaf(&purpose, at, label_at(&bytes, at))).collect();
                let theirs = CBMT::<Hash, tree::Merge>::build_merkle_tree(&leaves);

                let rows = Rows::over(class, page_roots(&purpose, 0, &bytes));
                assert_eq!(rows.root(), theirs.root());
                let upper = theirs.nodes()[..2 * index(class.pages()) - 1].concat();
                assert_eq!(rows.as_bytes(), upper);
                assert_eq!(rows.check(), Ok(()));

                let page = class.pages() / 2;
                let at = index(page) * PAGE_BYTES;
                let subtree = PageTree::of(&purpose, page, &bytes[at..at + PAGE_BYTES]);
                for level in 0..=6 {
                    let row = index(class.labels() >> level) - 1;
                    let first = index(page * (64 >> level));
                    for place in 0..64usize >> level {
                        let expected = theirs.nodes()[row + first + place];
                        assert_eq!(subtree.node(level, (first + place) as u64), expected);
                    }
                }
                assert_eq!(subtree.root(), node_of_row(&rows, class.pages(), page).expect("memory"));
            }
        }
    }

    #[test]
    fn pages_may_be_hashed_in_any_portions() {
        let bytes: Vec<u8> = (0..13 * PAGE_BYTES).map(|k| (k / 3).to_le_bytes()[0]).collect();
        let whole = page_roots(&Purpose::Data, 5, &bytes);
        assert_eq!(whole.len(), 13);
        for cut in [1, 4, 12] {
            let (left, right) = bytes.split_at(cut * PAGE_BYTES);
            let mut parts = page_roots(&Purpose::Data, 5, left);
            parts.extend(page_roots(&Purpose::Data, 5 + cut as u64, right));
            assert_eq!(parts, whole);
        }
    }

    #[test]
    fn spoilt_rows_are_noticed() {
        let class = SizeClass::MIN;
        let rows = Rows::over(class, page_roots(&Purpose::Data, 0, &vec![1; 1 << 16]));
        let bytes = rows.as_bytes().to_vec();
        assert_eq!(Rows::from_bytes(class, bytes.clone()), Ok(rows));
        assert!(matches!(Rows::from_bytes(class, bytes[1..].to_vec()), Err(RowsError::Length { .. })));
        for spoilt in [0, 40, bytes.len() - 1] {
            let mut bytes = bytes.clone();
            bytes[spoilt] ^= 1;
            let rows = Rows::from_bytes(class, bytes).expect("the length is right");
            assert!(matches!(rows.check(), Err(RowsError::Node { .. })), "byte {spoilt}");
        }
    }
}
