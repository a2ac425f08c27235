//! blake2b, twice: `blake2` where there is no `std`, `blake2b_simd` with its lanes where there is. Both give the same
//! digests, which the tests compare.

use crate::{Label, ReplicaKey, LABEL_BYTES, PARENTS};

/// A blake2b-256 digest.
pub type Hash = [u8; 32];

/// Bytes that the hash of one label reads: the key, the position, the parents.
pub const MESSAGE_BYTES: usize = HEAD_BYTES + PARENTS * LABEL_BYTES;
/// Bytes of the key and the position.
const HEAD_BYTES: usize = 32 + 8;

/// blake2b-256 of the parts, one after the other.
pub fn blake2b_256(parts: &[&[u8]]) -> Hash {
    #[cfg(feature = "std")]
    {
        lanes::digest::<32>(parts)
    }
    #[cfg(not(feature = "std"))]
    {
        portable::blake2b_256(parts)
    }
}

/// blake2b-512 of the parts, one after the other.
pub fn blake2b_512(parts: &[&[u8]]) -> Label {
    #[cfg(feature = "std")]
    {
        lanes::digest::<64>(parts)
    }
    #[cfg(not(feature = "std"))]
    {
        portable::blake2b_512(parts)
    }
}

/// What the hash of one label reads, with a place for every part.
#[derive(Clone)]
pub struct Message {
    bytes: [u8; MESSAGE_BYTES],
}

impl Message {
    /// A message for labels of the replica with this key.
    pub fn new(key: &ReplicaKey) -> Self {
        let mut bytes = [0; MESSAGE_BYTES];
        bytes[..32].copy_from_slice(&key.0);
        Self { bytes }
    }

    /// Name the label.
    #[inline]
    pub fn set_position(&mut self, position: u64) {
        self.bytes[32..HEAD_BYTES].copy_from_slice(&position.to_le_bytes());
    }

    /// Put the parent number `k` in its place.
    #[inline]
    pub fn set_parent(&mut self, k: usize, label: &Label) {
        let at = HEAD_BYTES + k * LABEL_BYTES;
        self.bytes[at..at + LABEL_BYTES].copy_from_slice(label);
    }

    /// What is hashed: node 0 has no parents.
    #[inline]
    pub fn bytes(&self) -> &[u8] {
        if self.bytes[32..HEAD_BYTES] == [0; 8] {
            &self.bytes[..HEAD_BYTES]
        } else {
            &self.bytes
        }
    }
}

/// The mask of the label at `position`, given its parents in the order of [`crate::graph::parents`]; the parents of
/// position 0 are ignored.
pub fn mask(key: &ReplicaKey, position: u64, parents: &[Label; PARENTS]) -> Label {
    let mut message = Message::new(key);
    message.set_position(position);
    for (k, parent) in parents.iter().enumerate() {
        message.set_parent(k, parent);
    }
    blake2b_512(&[message.bytes()])
}

/// `label ⊕ mask`: encodes data, decodes a replica.
#[inline]
pub fn xor(label: &Label, mask: &Label) -> Label {
    core::array::from_fn(|k| label[k] ^ mask[k])
}

/// The label at `position` of `bytes` that begin with label 0.
#[cfg(feature = "std")]
#[inline]
pub(crate) fn label_at(bytes: &[u8], position: u64) -> &Label {
    let at = crate::index(position) * LABEL_BYTES;
    bytes[at..at + LABEL_BYTES].try_into().expect("the slice is LABEL_BYTES long; qed")
}

#[cfg(any(test, not(feature = "std")))]
mod portable {
    use blake2::{
        digest::consts::{U32, U64},
        Blake2b, Digest,
    };

    pub fn blake2b_256(parts: &[&[u8]]) -> super::Hash {
        let mut state = Blake2b::<U32>::new();
        parts.iter().for_each(|part| state.update(part));
        state.finalize().into()
    }

    pub fn blake2b_512(parts: &[&[u8]]) -> crate::Label {
        let mut state = Blake2b::<U64>::new();
        parts.iter().for_each(|part| state.update(part));
        state.finalize().into()
    }
}

/// Several digests at once in the lanes of one core, AVX2 or SSE 4.1 if the processor has them.
#[cfg(feature = "std")]
pub(crate) mod lanes {
    use super::{Hash, Label, Message};
    use blake2b_simd::{
        many::{hash_many, HashManyJob},
        Params,
    };

    /// Lanes that the fastest supported processor fills.
    pub const LANES: usize = 4;

    fn params(bytes: usize) -> Params {
        let mut params = Params::new();
        params.hash_length(bytes);
        params
    }

    fn cut<const N: usize>(digest: &blake2b_simd::Hash) -> [u8; N] {
        digest.as_bytes().try_into().expect("the digest was asked for with N bytes; qed")
    }

    pub fn digest<const N: usize>(parts: &[&[u8]]) -> [u8; N] {
        if let [one] = parts {
            return cut(&params(N).hash(one));
        }
        let mut state = params(N).to_state();
        for part in parts {
            state.update(part);
        }
        cut(&state.finalize())
    }

    /// The masks of `messages`.
    #[inline]
    pub fn masks<const N: usize>(messages: &[Message; N]) -> [Label; N] {
        let params = Params::new();
        let mut jobs: [HashManyJob<'_>; N] = core::array::from_fn(|k| HashManyJob::new(&params, messages[k].bytes()));
        hash_many(jobs.iter_mut());
        core::array::from_fn(|k| *jobs[k].to_hash().as_array())
    }

    /// blake2b-256 of every input, in order, handed to `take`. Inputs have one length.
    #[inline]
    pub fn each_256<const LEN: usize>(inputs: &[[u8; LEN]], mut take: impl FnMut(Hash)) {
        let params = params(32);
        for group in inputs.chunks(LANES) {
            // A last group of fewer fills lanes with its first input again.
            let mut jobs: [HashManyJob<'_>; LANES] =
                core::array::from_fn(|k| HashManyJob::new(&params, group.get(k).unwrap_or(&group[0])));
            hash_many(jobs[..group.len()].iter_mut());
            jobs[..group.len()].iter().for_each(|job| take(cut(&job.to_hash())));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7693, appendix A.
    #[test]
    fn blake2b_512_of_abc_is_that_of_the_rfc() {
        let expected = "ba80a53f981c4d0d6a2797b69f12f6e94c212f14685ac4b74b12bb6fdbffa2d1\
                        7d87c5392aab792dc252d5de4533cc9518d38aa8dbf1925ab92386edd4009923";
        assert_eq!(hex::encode(blake2b_512(&[b"abc"])), expected);
        assert_eq!(hex::encode(portable::blake2b_512(&[b"a", b"bc"])), expected);
    }

    #[test]
    fn both_implementations_agree_on_every_length() {
        let bytes: alloc::vec::Vec<u8> = (0..2000u32).map(|k| u8::try_from(k % 251).expect("below 251")).collect();
        for len in (0..300).chain([MESSAGE_BYTES - 1, MESSAGE_BYTES, MESSAGE_BYTES + 1]) {
            let input = &bytes[..len];
            assert_eq!(blake2b_256(&[input]), portable::blake2b_256(&[input]), "{len}");
            assert_eq!(blake2b_512(&[input]), portable::blake2b_512(&[input]), "{len}");
            let (left, right) = input.split_at(len / 3);
            assert_eq!(blake2b_256(&[left, right]), portable::blake2b_256(&[input]), "{len}");
        }
    }

    #[test]
    #[cfg(feature = "std")]
    fn lanes_agree_with_one_digest_at_a_time() {
        let key = ReplicaKey([9; 32]);
        let messages: [Message; 4] = core::array::from_fn(|k| {
            let mut message = Message::new(&key);
            message.set_position(k as u64);
            (0..PARENTS).for_each(|p| message.set_parent(p, &[u8::try_from(k + p).expect("small"); 64]));
            message
        });
        let masks = lanes::masks(&messages);
        for (message, mask) in messages.iter().zip(masks) {
            assert_eq!(portable::blake2b_512(&[message.bytes()]), mask);
        }
        let inputs: alloc::vec::Vec<[u8; 120]> = (0..11).map(|k| [k; 120]).collect();
        let mut at = 0;
        lanes::each_256(&inputs, |hash| {
            assert_eq!(portable::blake2b_256(&[&inputs[at]]), hash);
            at += 1;
        });
        assert_eq!(at, inputs.len());
    }

    #[test]
    fn node_zero_hashes_the_key_and_the_position_only() {
        let key = ReplicaKey([1; 32]);
        let expected = blake2b_512(&[&[1; 32], &[0; 8]]);
        assert_eq!(mask(&key, 0, &[[5; 64]; PARENTS]), expected);
    }

    #[test]
    fn a_mask_depends_on_every_parent_of_both_rounds() {
        let key = ReplicaKey([1; 32]);
        let parents: [Label; PARENTS] = core::array::from_fn(|k| [u8::try_from(k).expect("small"); 64]);
        let base = mask(&key, 70, &parents);
        for k in 0..PARENTS {
            let mut changed = parents;
            changed[k][63] ^= 1;
            assert_ne!(mask(&key, 70, &changed), base, "parent {k}");
        }
        let all = parents.concat();
        assert_eq!(blake2b_512(&[&key.0, &70u64.to_le_bytes(), &all]), base);
        assert_ne!(blake2b_512(&[&key.0, &70u64.to_le_bytes(), &all[..all.len() / 2]]), base);
    }
}
