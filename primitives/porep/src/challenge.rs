//! Which labels a seed asks for.
//!
//! Positions follow from a seed of the chain, the replica's key and the size class, all of which the verifier has. Every
//! draw is without replacement. The key separates replicas, providers and chains; the seed separates periods.

use crate::{graph, hash::blake2b_256, ReplicaKey, SizeClass, AUDITS_PER_SEAL_CHECK, AUDIT_OPENINGS, SEAL_CHECKS};
use alloc::vec::Vec;

/// The labels that an audit opens, in the order they are drawn.
pub fn audit_positions(seed: &[u8; 32], key: &ReplicaKey, class: SizeClass) -> [u64; AUDIT_OPENINGS] {
    draw(b"station/audit/1", seed, key, class)
}

/// The labels that are recomputed when a replica is taken on, in the order they are drawn.
pub fn seal_positions(seed: &[u8; 32], key: &ReplicaKey, class: SizeClass) -> [u64; SEAL_CHECKS] {
    draw(b"station/seal-check/1", seed, key, class)
}

/// The label that this audit recomputes as well: one audit in [`AUDITS_PER_SEAL_CHECK`] has one.
pub fn audit_seal_position(seed: &[u8; 32], key: &ReplicaKey, class: SizeClass) -> Option<u64> {
    let [chosen, position, ..] = words(b"station/audit-seal/1", seed, key, 0);
    (chosen % AUDITS_PER_SEAL_CHECK == 0).then_some(position % class.labels())
}

/// What an answer to an audit opens: positions sorted and without repetition, and the label to be recomputed, if any.
pub fn audit_opened(seed: &[u8; 32], key: &ReplicaKey, class: SizeClass) -> (Vec<u64>, Option<u64>) {
    let mut opened = audit_positions(seed, key, class).to_vec();
    let check = audit_seal_position(seed, key, class);
    opened.extend(check.into_iter().flat_map(with_parents));
    (sorted(opened), check)
}

/// What an answer to a seal check opens: positions sorted and without repetition, and the labels to be recomputed, sorted.
pub fn seal_opened(seed: &[u8; 32], key: &ReplicaKey, class: SizeClass) -> (Vec<u64>, Vec<u64>) {
    let checks = sorted(seal_positions(seed, key, class).to_vec());
    (sorted(checks.iter().copied().flat_map(with_parents).collect()), checks)
}

/// A label and its parents. Label 0 has none.
fn with_parents(position: u64) -> impl Iterator<Item = u64> {
    let parents = if position == 0 { [0; crate::PARENTS] } else { graph::parents(position) };
    parents.into_iter().chain([position])
}

fn sorted(mut positions: Vec<u64>) -> Vec<u64> {
    positions.sort_unstable();
    positions.dedup();
    positions
}

/// `N` different positions, uniform over the class: a digest gives four draws, and what was drawn before is passed over.
fn draw<const N: usize>(domain: &[u8], seed: &[u8; 32], key: &ReplicaKey, class: SizeClass) -> [u64; N] {
    let mut positions = [0; N];
    let mut drawn = 0;
    // The smallest class has 1024 labels, so a repetition is rare and this ends soon.
    for counter in 0.. {
        for word in words(domain, seed, key, counter) {
            // Classes are powers of two: the remainder is uniform.
            let position = word % class.labels();
            if drawn < N && !positions[..drawn].contains(&position) {
                positions[drawn] = position;
                drawn += 1;
            }
        }
        if drawn == N {
            break;
        }
    }
    positions
}

/// blake2b-256(domain ‖ seed ‖ key ‖ counter), read as four words, little endian.
fn words(domain: &[u8], seed: &[u8; 32], key: &ReplicaKey, counter: u64) -> [u64; 4] {
    let digest = blake2b_256(&[domain, seed, &key.0, &counter.to_le_bytes()]);
    let mut words = [0; 4];
    for (word, bytes) in words.iter_mut().zip(digest.chunks_exact(8)) {
        *word = u64::from_le_bytes(bytes.try_into().expect("chunks of 8 bytes; qed"));
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seed(n: u64) -> [u8; 32] {
        blake2b_256(&[&n.to_le_bytes()])
    }

    #[test]
    fn positions_are_different_and_within_the_class() {
        let key = ReplicaKey([1; 32]);
        for class in [SizeClass::MIN, SizeClass::MAX] {
            for n in 0..2_000 {
                let audit = sorted(audit_positions(&seed(n), &key, class).to_vec());
                let seal = sorted(seal_positions(&seed(n), &key, class).to_vec());
                assert_eq!((audit.len(), seal.len()), (AUDIT_OPENINGS, SEAL_CHECKS), "drawn without replacement");
                assert!(audit.iter().chain(&seal).all(|position| *position < class.labels()));
            }
        }
    }

    #[test]
    fn every_label_is_asked_for_sooner_or_later() {
        let key = ReplicaKey([1; 32]);
        let seen = sorted((0..4_000).flat_map(|n| audit_positions(&seed(n), &key, SizeClass::MIN)).collect());
        assert_eq!(seen.len() as u64, SizeClass::MIN.labels());
    }

    #[test]
    fn one_audit_in_sixteen_recomputes_a_label() {
        let key = ReplicaKey([1; 32]);
        let count = (0..16_000).filter(|n| audit_seal_position(&seed(*n), &key, SizeClass::MAX).is_some()).count();
        assert!((850..1_150).contains(&count), "{count} of 16,000");
    }

    #[test]
    fn seeds_keys_and_purposes_ask_for_different_labels() {
        let class = SizeClass::MAX;
        let (one, other) = (ReplicaKey([1; 32]), ReplicaKey([2; 32]));
        let base = audit_positions(&seed(1), &one, class);
        assert_ne!(base, audit_positions(&seed(2), &one, class));
        assert_ne!(base, audit_positions(&seed(1), &other, class));
        assert_ne!(base, seal_positions(&seed(1), &one, class)[..AUDIT_OPENINGS]);
    }

    #[test]
    fn what_is_opened_holds_all_parents_once() {
        let (key, class) = (ReplicaKey([1; 32]), SizeClass::MIN);
        for n in 0..500 {
            let (opened, checks) = seal_opened(&seed(n), &key, class);
            assert!(opened.windows(2).all(|pair| pair[0] < pair[1]));
            for check in checks {
                assert!(opened.contains(&check));
                assert!(graph::parents(check).iter().all(|parent| check == 0 || opened.contains(parent)));
            }
        }
    }
}
