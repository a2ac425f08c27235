//! The answers to audits and seal checks, and their verification.
//!
//! A proof carries labels and tree nodes, and nothing that says what they are: positions, sizes and counts follow from the
//! challenge and from chain state. Labels are opened raw, never as hashes.
//!
//! Recomputing the label at `i` needs `c_i`, its parents and `d_i`. The first are opened under `comm_r`; `d_i` is
//! what they decode to, and the proof carries the nodes that lead from it to `comm_d`.

use crate::{
    challenge, graph, hash,
    hash::Hash,
    tree::{self, OpeningError, Purpose},
    Label, ReplicaKey, SizeClass, AUDIT_OPENINGS, PARENTS, ROUND_PARENTS, SEAL_CHECKS,
};
use alloc::vec::Vec;
use codec::{Compact, Decode, DecodeWithMemTracking, Encode, Error, Input};
use core::fmt;
use scale_info::TypeInfo;

/// The most labels that an audit opens, a recomputed one with its parents among them.
pub const MAX_AUDIT_LABELS: usize = AUDIT_OPENINGS + 1 + PARENTS;
/// The most labels that a seal check opens.
pub const MAX_SEAL_LABELS: usize = SEAL_CHECKS * (1 + PARENTS);

/// Labels and the nodes that lead from them to a root.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, TypeInfo)]
pub struct Opening {
    /// The labels, in the order of their positions.
    pub labels: Vec<Label>,
    /// The nodes, in the order of [`tree::lemmas`].
    pub lemmas: Vec<Hash>,
}

/// The answer to an audit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, TypeInfo)]
pub struct AuditProof {
    /// Labels of the replica, under `comm_r`.
    pub replica: Opening,
    /// Nodes that lead from the recomputed label to `comm_d`; empty if the seed asks for none.
    pub data: Vec<Hash>,
}

/// The answer to a seal check.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, TypeInfo)]
pub struct SealProof {
    /// Labels of the replica, under `comm_r`.
    pub replica: Opening,
    /// Nodes that lead from the recomputed labels to `comm_d`.
    pub data: Vec<Hash>,
}

/// Why a proof is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProofError {
    /// The opened labels of the replica do not hold.
    Replica(OpeningError),
    /// What labels decode to is not the data of the shard: the replica is miscoded, or the nodes are wrong.
    Data(OpeningError),
    /// Nodes for a recomputation that the seed does not ask for.
    Unasked,
    /// A piece that the shard does not have, or of another length.
    Piece,
}

impl fmt::Display for ProofError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Replica(error) => write!(f, "replica: {error}"),
            Self::Data(error) => write!(f, "data: {error}"),
            Self::Unasked => f.write_str("the proof carries a recomputation that was not asked for"),
            Self::Piece => f.write_str("the shard has no such piece, or it has another length"),
        }
    }
}

impl core::error::Error for ProofError {}

/// Check the answer to the audit that `seed` asks for.
///
/// `key`, `class`, `comm_d`, `comm_r` and `seed` are chain state. The work is bounded by the class: at most
/// [`MAX_AUDIT_LABELS`] labels.
pub fn verify_audit(
    key: &ReplicaKey,
    class: SizeClass,
    comm_d: &Hash,
    comm_r: &Hash,
    seed: &[u8; 32],
    proof: &AuditProof,
) -> Result<(), ProofError> {
    let (positions, check) = challenge::audit_opened(seed, key, class);
    if check.is_none() && !proof.data.is_empty() {
        return Err(ProofError::Unasked);
    }
    verify(key, class, comm_d, comm_r, &positions, check.as_slice(), &proof.replica, &proof.data)
}

/// Check the answer to the seal check that `seed` asks for. Arguments and bounds are as for [`verify_audit`].
pub fn verify_seal(
    key: &ReplicaKey,
    class: SizeClass,
    comm_d: &Hash,
    comm_r: &Hash,
    seed: &[u8; 32],
    proof: &SealProof,
) -> Result<(), ProofError> {
    let (positions, checks) = challenge::seal_opened(seed, key, class);
    verify(key, class, comm_d, comm_r, &positions, &checks, &proof.replica, &proof.data)
}

/// Check that `positions` open under `comm_r` and that those in `checks`, with their parents among them, decode to labels
/// under `comm_d`.
#[allow(clippy::too_many_arguments)]
fn verify(
    key: &ReplicaKey,
    class: SizeClass,
    comm_d: &Hash,
    comm_r: &Hash,
    positions: &[u64],
    checks: &[u64],
    replica: &Opening,
    data: &[Hash],
) -> Result<(), ProofError> {
    tree::verify(comm_r, &Purpose::Replica(*key), class, positions, &replica.labels, &replica.lemmas)
        .map_err(ProofError::Replica)?;
    if checks.is_empty() {
        return Ok(());
    }
    let opened = |position: u64| {
        let at = positions.binary_search(&position).expect("checks and their parents are opened; qed");
        &replica.labels[at]
    };
    let decoded: Vec<Label> = checks
        .iter()
        .map(|check| {
            let mask = if *check == 0 {
                hash::mask(key, 0, &[[0; 64]; PARENTS])
            } else {
                hash::mask(key, *check, &graph::parents(*check).map(|parent| *opened(parent)))
            };
            hash::xor(opened(*check), &mask)
        })
        .collect();
    tree::verify(comm_d, &Purpose::Data, class, checks, &decoded, data).map_err(ProofError::Data)
}

impl Opening {
    /// The longest encoding of an opening of `plain` labels and of `checks` with their parents.
    ///
    /// Parents come in pairs of neighbours, and a label with the two before it lies in two pairs. So a row above the leaves
    /// there are at most `plain + 15 × checks` nodes, and beside the leaves one node for each plain label and each check.
    /// (In page 0 parents are no pairs, but all in one page, which needs fewer nodes.)
    fn max_encoded_len(class: SizeClass, plain: usize, checks: usize) -> usize {
        let labels = plain + checks * (1 + PARENTS);
        let lemmas = tree::most_lemmas(class.depth() - 1, plain + checks * (1 + ROUND_PARENTS)) + plain + checks;
        labels * crate::LABEL_BYTES + lemmas * 32 + compact_len(labels) + compact_len(lemmas)
    }
}

impl AuditProof {
    /// The longest encoding of an answer for a shard of this class, one that recomputes a label. For weights and for the
    /// bounds of extrinsics.
    pub fn max_encoded_len(class: SizeClass) -> usize {
        let nodes = tree::most_lemmas(class.depth(), 1);
        Opening::max_encoded_len(class, AUDIT_OPENINGS, 1) + nodes * 32 + compact_len(nodes)
    }

    /// The longest encoding of an answer that recomputes none.
    pub fn max_plain_len(class: SizeClass) -> usize {
        Opening::max_encoded_len(class, AUDIT_OPENINGS, 0) + compact_len(0)
    }
}

impl SealProof {
    /// The longest encoding of an answer for a shard of this class.
    pub fn max_encoded_len(class: SizeClass) -> usize {
        let nodes = tree::most_lemmas(class.depth(), SEAL_CHECKS);
        Opening::max_encoded_len(class, 0, SEAL_CHECKS) + nodes * 32 + compact_len(nodes)
    }
}

/// Bytes of a SCALE length.
fn compact_len(len: usize) -> usize {
    match len {
        0..64 => 1,
        64..16_384 => 2,
        _ => 4,
    }
}

/// Read a vector of at most `most` items; a longer one is refused before anything is allocated for it.
fn bounded<T: Decode, I: Input>(input: &mut I, most: usize) -> Result<Vec<T>, Error> {
    let len = Compact::<u32>::decode(input)?.0;
    let len = usize::try_from(len).map_err(|_| Error::from("no proof is as long"))?;
    if len > most {
        return Err(Error::from("no proof is as long"));
    }
    codec::decode_vec_with_len(input, len)
}

fn decode_parts<I: Input>(input: &mut I, labels: usize, checks: usize) -> Result<(Opening, Vec<Hash>), Error> {
    let opening = Opening {
        labels: bounded(input, labels)?,
        lemmas: bounded(input, tree::most_lemmas(SizeClass::MAX.depth(), labels))?,
    };
    Ok((opening, bounded(input, tree::most_lemmas(SizeClass::MAX.depth(), checks))?))
}

impl Decode for AuditProof {
    fn decode<I: Input>(input: &mut I) -> Result<Self, Error> {
        let (replica, data) = decode_parts(input, MAX_AUDIT_LABELS, 1)?;
        Ok(Self { replica, data })
    }
}

impl DecodeWithMemTracking for AuditProof {}

impl Decode for SealProof {
    fn decode<I: Input>(input: &mut I) -> Result<Self, Error> {
        let (replica, data) = decode_parts(input, MAX_SEAL_LABELS, SEAL_CHECKS)?;
        Ok(Self { replica, data })
    }
}

impl DecodeWithMemTracking for SealProof {}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    #[test]
    fn lengths_from_the_prover_are_refused_before_they_are_allocated() {
        let long = |len: u32| Compact(len).encode();
        // Labels, then lemmas, then nodes of comm_d.
        let one_too_many = u32::try_from(MAX_AUDIT_LABELS + 1).expect("small");
        for input in [
            long(u32::MAX),
            long(one_too_many),
            [long(0), long(u32::MAX)].concat(),
            [long(0), long(0), long(25)].concat(),
        ] {
            let padded = [input, vec![0; 1 << 16]].concat();
            assert!(AuditProof::decode(&mut &padded[..]).is_err());
        }
        let seal = [long(0), long(0), long(u32::MAX), vec![0; 1 << 16]].concat();
        assert!(SealProof::decode(&mut &seal[..]).is_err());
    }

    #[test]
    fn proofs_are_read_as_they_are_written() {
        let opening = Opening { labels: vec![[1; 64]; 4], lemmas: vec![[2; 32]; 70] };
        let audit = AuditProof { replica: opening.clone(), data: vec![[3; 32]; 20] };
        assert_eq!(AuditProof::decode(&mut &audit.encode()[..]), Ok(audit));
        let seal = SealProof { replica: opening, data: vec![[3; 32]; 150] };
        assert_eq!(SealProof::decode(&mut &seal.encode()[..]), Ok(seal));
    }

    #[test]
    fn the_longest_audit_is_as_promised() {
        let class = |log| SizeClass::from_log(log).expect("a class");
        assert!(AuditProof::max_plain_len(class(26)) <= 2_600, "{}", AuditProof::max_plain_len(class(26)));
        assert!(AuditProof::max_plain_len(class(30)) <= 3_100, "{}", AuditProof::max_plain_len(class(30)));
    }
}
