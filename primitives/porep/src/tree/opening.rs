//! Proofs for several leaves at once: which nodes they need, and their verification.
//!
//! **Positions never come from the prover.** `merkle_cbt::MerkleProof` carries indices, and with indices of its choice a
//! prover makes it accept any leaf: a node without a sibling is dropped when the lemmas have run out. Here the verifier
//! gives the positions, sorted and without repetition, all on the lowest level, and the number of lemmas they need is
//! counted before anything is hashed.

use super::{leaf, Merge, Purpose};
use crate::{hash::Hash, Label, SizeClass};
use alloc::vec::Vec;
use core::fmt;
use merkle_cbt::MerkleProof;

/// Why an opening is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpeningError {
    /// Not as many labels as positions.
    Labels,
    /// Not as many nodes as the positions need.
    Lemmas,
    /// The labels and nodes do not lead to the root.
    Root,
}

impl fmt::Display for OpeningError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Labels => "the proof does not open as many labels as were asked for",
            Self::Lemmas => "the proof does not carry as many nodes as its labels need",
            Self::Root => "the labels do not belong to the commitment",
        })
    }
}

impl core::error::Error for OpeningError {}

/// A node that a proof carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lemma {
    /// Levels above the leaves.
    pub level: u32,
    /// Place in its level, from the left.
    pub place: u64,
}

/// The nodes that a proof for `positions` carries, in the order of `merkle-cbt`: level by level from the leaves up, each
/// from the right. `positions` are sorted and without repetition.
pub fn lemmas(class: SizeClass, positions: &[u64]) -> Vec<Lemma> {
    let mut places: Vec<u64> = positions.iter().rev().copied().collect();
    let mut lemmas = Vec::with_capacity(positions.len() * 8);
    for level in 0..class.depth() {
        let mut above: Vec<u64> = Vec::with_capacity(places.len());
        let mut at = 0;
        while let Some(place) = places.get(at) {
            let sibling = place ^ 1;
            if places.get(at + 1) == Some(&sibling) {
                at += 1;
            } else {
                lemmas.push(Lemma { level, place: sibling });
            }
            above.push(place >> 1);
            at += 1;
        }
        places = above;
    }
    lemmas
}

/// The most nodes that a proof for so many leaves of a tree of this depth carries, wherever they are.
///
/// With `m_d` nodes known at depth `d`, the nodes missing there are `2·m_(d-1) - m_d`. Their sum is greatest when the labels
/// part as early as they can: `m_d = min(2^d, count)`.
pub fn most_lemmas(tree_depth: u32, count: usize) -> usize {
    let at_depth = |depth: u32| 1usize.checked_shl(depth).map_or(count, |all| all.min(count));
    (1..=tree_depth).map(|depth| 2 * at_depth(depth - 1) - at_depth(depth)).sum()
}

/// Check that the labels at `positions` belong to the tree with this root. `positions` are sorted, without repetition and
/// within the class, which is the caller's to see to: they come from the challenge, never from the proof.
pub fn verify(
    root: &Hash,
    purpose: &Purpose,
    class: SizeClass,
    positions: &[u64],
    labels: &[Label],
    carried: &[Hash],
) -> Result<(), OpeningError> {
    debug_assert!(positions.windows(2).all(|pair| pair[0] < pair[1]));
    debug_assert!(positions.last().is_some_and(|last| *last < class.labels()));
    if labels.len() != positions.len() {
        return Err(OpeningError::Labels);
    }
    if carried.len() != lemmas(class, positions).len() {
        return Err(OpeningError::Lemmas);
    }
    // merkle-cbt sorts the leaves and pairs them with the indices in that order.
    let mut pairs: Vec<(Hash, u32)> = positions
        .iter()
        .zip(labels)
        .map(|(position, label)| {
            let index = class.labels() - 1 + position;
            (leaf(purpose, *position, label), u32::try_from(index).expect("trees have fewer than 2^25 nodes; qed"))
        })
        .collect();
    pairs.sort_unstable();
    let (leaves, indices): (Vec<Hash>, Vec<u32>) = pairs.into_iter().unzip();
    let proof = MerkleProof::<Hash, Merge>::new(indices, carried.to_vec());
    if proof.verify(root, &leaves) {
        Ok(())
    } else {
        Err(OpeningError::Root)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use merkle_cbt::CBMT;
    use proptest::{prelude::*, sample::subsequence};

    fn label(position: u64) -> Label {
        crate::hash::blake2b_512(&[&position.to_le_bytes()])
    }

    fn tree(class: SizeClass) -> merkle_cbt::MerkleTree<Hash, Merge> {
        let leaves: Vec<Hash> = (0..class.labels()).map(|at| leaf(&Purpose::Data, at, &label(at))).collect();
        CBMT::<Hash, Merge>::build_merkle_tree(&leaves)
    }

    /// The forgery to guard against: a prover that chooses indices proves any leaf with no lemmas at all.
    #[test]
    fn indices_chosen_by_the_prover_would_prove_a_forged_leaf() {
        let tree = tree(SizeClass::MIN);
        let (left, right, forged) = (tree.nodes()[1], tree.nodes()[2], [0xee; 32]);
        let mut leaves = [(left, 1u32), (right, 2), (forged, 1500)];
        leaves.sort_unstable();
        let indices = leaves.iter().map(|(_, index)| *index).collect();
        let proof = MerkleProof::<Hash, Merge>::new(indices, vec![]);
        let leaves: Vec<Hash> = leaves.iter().map(|(leaf, _)| *leaf).collect();
        assert!(proof.verify(&tree.root(), &leaves), "the crate still accepts it, so the guard below matters");
    }

    #[test]
    fn a_leaf_without_its_lemmas_is_refused() {
        let class = SizeClass::MIN;
        let tree = tree(class);
        let root = tree.root();
        for positions in [vec![5], vec![5, 700], vec![0, 1, 2, 3]] {
            let labels: Vec<Label> = positions.iter().map(|_| [0xee; 64]).collect();
            assert_eq!(verify(&root, &Purpose::Data, class, &positions, &labels, &[]), Err(OpeningError::Lemmas));
        }
    }

    #[test]
    fn most_lemmas_is_reached_by_labels_far_apart() {
        let class = SizeClass::MIN;
        let apart = [0, 256, 512, 768];
        assert_eq!(lemmas(class, &apart).len(), most_lemmas(class.depth(), 4));
        assert_eq!(most_lemmas(class.depth(), 1), 10);
        assert_eq!(most_lemmas(20, 4), 72);
    }

    proptest! {
        #[test]
        fn lemmas_are_those_of_merkle_cbt(
            positions in subsequence((0..1024u64).collect::<Vec<_>>(), 1..60),
            spoilt in 0usize..1000,
        ) {
            let class = SizeClass::MIN;
            let tree = tree(class);
            let leaves: Vec<u32> = positions.iter().map(|p| u32::try_from(*p).expect("small")).collect();
            let theirs = tree.build_proof(&leaves).expect("positions are within the tree");
            let ours: Vec<Hash> = lemmas(class, &positions)
                .iter()
                .map(|lemma| {
                    let row = (1usize << (class.depth() - lemma.level)) - 1;
                    tree.nodes()[row + usize::try_from(lemma.place).expect("small")]
                })
                .collect();
            prop_assert_eq!(&ours[..], theirs.lemmas());
            prop_assert!(ours.len() <= most_lemmas(class.depth(), positions.len()));

            let labels: Vec<Label> = positions.iter().map(|p| label(*p)).collect();
            let check = |labels: &[Label], lemmas: &[Hash]| {
                verify(&tree.root(), &Purpose::Data, class, &positions, labels, lemmas)
            };
            prop_assert_eq!(check(&labels, &ours), Ok(()));

            // Whatever is changed, it is refused.
            let mut changed = labels.clone();
            changed[spoilt % labels.len()][spoilt % 64] ^= 1;
            prop_assert_eq!(check(&changed, &ours), Err(OpeningError::Root));
            if !ours.is_empty() {
                let mut changed = ours.clone();
                changed[spoilt % ours.len()][spoilt % 32] ^= 1;
                prop_assert_eq!(check(&labels, &changed), Err(OpeningError::Root));
                prop_assert_eq!(check(&labels, &ours[1..]), Err(OpeningError::Lemmas));
            }
            let more: Vec<Hash> = ours.iter().copied().chain([[0; 32]]).collect();
            prop_assert_eq!(check(&labels, &more), Err(OpeningError::Lemmas));
            prop_assert_eq!(check(&labels[1..], &ours), Err(OpeningError::Labels));
        }
    }
}
