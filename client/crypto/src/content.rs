//! Content as it leaves the machine: segments under XChaCha20-Poly1305, a fresh key a stream.
//!
//! A stream of plaintext is cut into segments of 64 KiB; the last one is shorter (or full). Each is sealed with the
//! nonce `counter (8 bytes, little endian) ‖ last (1 byte) ‖ 15 zero bytes`: segments cannot be reordered, dropped or
//! cut off at the end unnoticed (the STREAM construction). The nonce needs no randomness because a key seals one stream
//! once: **never seal two different streams under one [`ContentKey`]**; who starts over draws a new key.
//! An empty stream is one empty segment.

use chacha20poly1305::{
    aead::{AeadInPlace, KeyInit},
    Key, Tag, XChaCha20Poly1305, XNonce,
};
use codec::{Decode, Encode};
use core::fmt;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// Bytes of a key.
pub const KEY_BYTES: usize = 32;
/// Plaintext bytes of a segment: a range costs at most so much more to read.
pub const SEGMENT_BYTES: usize = 64 * 1024;
/// What authentication adds to each segment.
pub const TAG_BYTES: usize = 16;
/// Bytes of a full segment as stored.
pub const SEALED_SEGMENT_BYTES: usize = SEGMENT_BYTES + TAG_BYTES;

/// Why content cannot be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ContentError {
    /// The key is not the one it was sealed with, or the bytes were changed: the two cannot be told apart.
    #[error("the key does not open this content")]
    WrongKey,
    /// A segment has an impossible length.
    #[error("a segment of {0} bytes is impossible")]
    Length(usize),
}

/// The key of one stream of content. Wiped from memory when dropped, never printed.
#[derive(Clone, PartialEq, Eq, Encode, Decode, Zeroize, ZeroizeOnDrop)]
pub struct ContentKey([u8; KEY_BYTES]);

impl ContentKey {
    /// A fresh one.
    pub fn random() -> Self {
        Self(crate::random())
    }

    /// From its bytes, as a link or a manifest carries them.
    pub const fn from_bytes(bytes: [u8; KEY_BYTES]) -> Self {
        Self(bytes)
    }

    /// Its bytes. Who has them can read the content.
    pub const fn expose(&self) -> &[u8; KEY_BYTES] {
        &self.0
    }

    /// A key for another purpose that follows from this one, as the header's and the manifest's from a link's.
    #[must_use]
    pub fn subkey(&self, purpose: &str) -> Self {
        Self(crate::hash(b"station/subkey/1", &[purpose.as_bytes(), &self.0]))
    }
}

impl fmt::Debug for ContentKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ContentKey(..)")
    }
}

/// Bytes that `plain` bytes take when sealed: one tag a segment, one segment at least.
pub const fn segments_len(plain: u64) -> u64 {
    let full = plain.div_ceil(SEGMENT_BYTES as u64);
    let segments = if full == 0 { 1 } else { full };
    plain + segments * TAG_BYTES as u64
}

fn nonce(counter: u64, last: bool) -> XNonce {
    let mut nonce = XNonce::default();
    nonce[..8].copy_from_slice(&counter.to_le_bytes());
    nonce[8] = u8::from(last);
    nonce
}

/// Seals the segments of one stream, in order.
pub struct SegmentSealer {
    cipher: XChaCha20Poly1305,
    counter: u64,
}

impl SegmentSealer {
    /// Start a stream. One stream a key.
    pub fn new(key: &ContentKey) -> Self {
        Self { cipher: XChaCha20Poly1305::new(Key::from_slice(key.expose())), counter: 0 }
    }

    /// Seal the next segment in place: `segment` holds the plaintext and gets the tag appended.
    ///
    /// # Errors
    /// [`ContentError::Length`] when it is longer than a segment, or shorter and not the last.
    pub fn seal(&mut self, segment: &mut Vec<u8>, last: bool) -> Result<(), ContentError> {
        if segment.len() > SEGMENT_BYTES || (!last && segment.len() < SEGMENT_BYTES) {
            return Err(ContentError::Length(segment.len()));
        }
        let tag = self
            .cipher
            .encrypt_in_place_detached(&nonce(self.counter, last), b"", segment)
            .map_err(|_| ContentError::Length(segment.len()))?;
        segment.extend_from_slice(&tag);
        self.counter += 1;
        Ok(())
    }
}

/// Opens the segments of one stream, from any segment on.
pub struct SegmentOpener {
    cipher: XChaCha20Poly1305,
    counter: u64,
}

impl SegmentOpener {
    /// Open a stream from its segment number `first` on.
    pub fn new(key: &ContentKey, first: u64) -> Self {
        Self { cipher: XChaCha20Poly1305::new(Key::from_slice(key.expose())), counter: first }
    }

    /// Open the next segment in place: the tag is taken off `segment`, the plaintext is left.
    ///
    /// # Errors
    /// [`ContentError::WrongKey`] when it does not authenticate: another key, other bytes, another place in the stream,
    /// or `last` where more must follow. `segment` is then left without meaning and must not be used.
    pub fn open(&mut self, segment: &mut Vec<u8>, last: bool) -> Result<(), ContentError> {
        let Some(plain) = segment.len().checked_sub(TAG_BYTES).filter(|plain| *plain <= SEGMENT_BYTES) else {
            return Err(ContentError::Length(segment.len()));
        };
        let tag = Tag::clone_from_slice(&segment[plain..]);
        segment.truncate(plain);
        self.cipher
            .decrypt_in_place_detached(&nonce(self.counter, last), b"", segment, &tag)
            .map_err(|_| ContentError::WrongKey)?;
        self.counter += 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn seal_all(key: &ContentKey, plain: &[u8]) -> Vec<Vec<u8>> {
        let mut sealer = SegmentSealer::new(key);
        let mut chunks: Vec<&[u8]> = plain.chunks(SEGMENT_BYTES).collect();
        if chunks.is_empty() {
            chunks.push(&[]);
        }
        let count = chunks.len();
        let seal = |(i, chunk): (usize, &[u8])| {
            let mut segment = chunk.to_vec();
            sealer.seal(&mut segment, i + 1 == count).unwrap();
            segment
        };
        chunks.into_iter().enumerate().map(seal).collect()
    }

    fn open_all(key: &ContentKey, sealed: &[Vec<u8>]) -> Result<Vec<u8>, ContentError> {
        let mut opener = SegmentOpener::new(key, 0);
        let mut plain = Vec::new();
        for (i, segment) in sealed.iter().enumerate() {
            let mut segment = segment.clone();
            opener.open(&mut segment, i + 1 == sealed.len())?;
            plain.extend_from_slice(&segment);
        }
        Ok(plain)
    }

    #[test]
    fn segments_match_a_published_vector() {
        // Pins the format: a reader written from docs/protocol.md must get the same bytes.
        let mut segment = b"grand decentral".to_vec();
        SegmentSealer::new(&ContentKey::from_bytes([7; 32])).seal(&mut segment, true).unwrap();
        let again = {
            let mut nonce = [0u8; 24];
            nonce[8] = 1;
            let cipher = XChaCha20Poly1305::new(Key::from_slice(&[7; 32]));
            let mut plain = b"grand decentral".to_vec();
            let tag = cipher.encrypt_in_place_detached(XNonce::from_slice(&nonce), b"", &mut plain).unwrap();
            plain.extend_from_slice(&tag);
            plain
        };
        assert_eq!(segment, again);
    }

    #[test]
    fn a_segment_of_the_wrong_length_is_refused() {
        let mut sealer = SegmentSealer::new(&ContentKey::random());
        assert_eq!(sealer.seal(&mut vec![0; 5], false), Err(ContentError::Length(5)));
        let long = SEGMENT_BYTES + 1;
        assert_eq!(sealer.seal(&mut vec![0; long], true), Err(ContentError::Length(long)));
        let mut opener = SegmentOpener::new(&ContentKey::random(), 0);
        assert_eq!(opener.open(&mut vec![0; 15], true), Err(ContentError::Length(15)));
        let long = SEALED_SEGMENT_BYTES + 1;
        assert_eq!(opener.open(&mut vec![0; long], true), Err(ContentError::Length(long)));
    }

    #[test]
    fn a_stream_cannot_be_cut_reordered_or_extended() {
        let key = ContentKey::random();
        let sealed = seal_all(&key, &vec![9u8; SEGMENT_BYTES * 3]);
        assert_eq!(open_all(&key, &sealed[..2]), Err(ContentError::WrongKey));
        let swapped = [sealed[1].clone(), sealed[0].clone(), sealed[2].clone()];
        assert_eq!(open_all(&key, &swapped), Err(ContentError::WrongKey));
        let mut longer = sealed.clone();
        longer.push(sealed[2].clone());
        assert_eq!(open_all(&key, &longer), Err(ContentError::WrongKey));
    }

    #[test]
    fn a_stream_opens_from_the_middle() {
        let key = ContentKey::random();
        let plain: Vec<u8> = (0..SEGMENT_BYTES * 3).map(|i| u8::try_from(i % 251).unwrap()).collect();
        let sealed = seal_all(&key, &plain);
        let mut segment = sealed[1].clone();
        SegmentOpener::new(&key, 1).open(&mut segment, false).unwrap();
        assert_eq!(segment, plain[SEGMENT_BYTES..2 * SEGMENT_BYTES]);
    }

    #[test]
    fn subkeys_differ_by_purpose_and_from_their_root() {
        let key = ContentKey::from_bytes([1; 32]);
        assert_ne!(key.subkey("header"), key.subkey("manifest"));
        assert_ne!(key.subkey("header"), key);
    }

    #[test]
    fn a_key_does_not_print_itself() {
        assert_eq!(format!("{:?}", ContentKey::from_bytes([0x41; 32])), "ContentKey(..)");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn what_is_sealed_opens_and_takes_the_length_foretold(len in 0usize..200_000, fill: u8) {
            let key = ContentKey::random();
            let plain = vec![fill; len];
            let sealed = seal_all(&key, &plain);
            let stored: usize = sealed.iter().map(Vec::len).sum();
            prop_assert_eq!(u64::try_from(stored).unwrap(), segments_len(u64::try_from(len).unwrap()));
            prop_assert_eq!(open_all(&key, &sealed).unwrap(), plain);
            prop_assert_eq!(open_all(&ContentKey::random(), &sealed), Err(ContentError::WrongKey));
        }

        #[test]
        fn any_changed_bit_is_noticed(len in 1usize..3_000, at: proptest::sample::Index, bit in 0u8..8) {
            let key = ContentKey::random();
            let mut sealed = seal_all(&key, &vec![3; len]);
            let at = at.index(sealed[0].len());
            sealed[0][at] ^= 1 << bit;
            prop_assert_eq!(open_all(&key, &sealed), Err(ContentError::WrongKey));
        }
    }
}
