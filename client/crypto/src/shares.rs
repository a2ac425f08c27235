//! Recovery shares: any `threshold` of them give a phrase back, fewer tell nothing about it.
//!
//! ```text
//! station-share: base58( version 1 ‖ set (4) ‖ threshold (1) ‖ count (1) ‖ x (1) ‖ y ‖ checksum (4) )
//! secret       = entropy (16 or 32) ‖ blake2b-256("station/share-check/1", entropy) cut to 8
//! ```
//! `(x, y)` is a point of Shamir's polynomials over GF(256), one polynomial for each byte of the secret. The set is drawn
//! anew each time a phrase is split, so that shares of two splits are never put together. The checksum finds a mistyped
//! share; the check inside the secret finds one that was made up: whoever alters a share can make a recovery fail, and
//! cannot make it end with another key.

use crate::account::Phrase;
use blahaj::{Share as Point, Sharks};
use core::{fmt, str::FromStr};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

const SCHEME: &str = "station-share:";
const VERSION: u8 = 1;
const SET_BYTES: usize = 4;
const CHECKSUM_BYTES: usize = 4;
const CHECK_BYTES: usize = 8;
/// Version, set, threshold, count.
const HEAD_BYTES: usize = 1 + SET_BYTES + 2;
/// More shares than people one can ask are of no use.
pub const MAX_SHARES: u8 = 32;
/// A threshold of one would make every share the phrase itself.
pub const MIN_THRESHOLD: u8 = 2;
/// The longest text looked at; a share has some 70 characters.
const MAX_TEXT: usize = 256;

/// Why shares give no phrase.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ShareError {
    /// No share at all.
    #[error("this is no recovery share: {0}")]
    Malformed(&'static str),
    /// It was one, but its checksum says it was changed.
    #[error("this recovery share was changed or mistyped: its checksum does not match")]
    Changed,
    /// A later program made it.
    #[error("this recovery share has version {0}, which this program does not know")]
    Version(u8),
    /// They do not belong together.
    #[error("these recovery shares are of different sets: each split of a phrase makes a set of its own")]
    Mixed,
    /// Fewer than are needed. The same one given twice counts once.
    #[error("{have} different recovery shares were given, {needed} are needed")]
    TooFew {
        /// How many were given.
        have: usize,
        /// How many are needed.
        needed: u8,
    },
    /// They are well-formed and of one set, and one of them is false all the same.
    #[error("these recovery shares do not fit together: at least one of them was altered")]
    Inconsistent,
    /// A threshold or count that makes no sense.
    #[error("a phrase is split into 2 to {MAX_SHARES} shares, of which 2 or more are needed")]
    Counts,
}

/// One share. Wiped from memory when dropped, never printed but by [`fmt::Display`].
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct Share {
    set: [u8; SET_BYTES],
    threshold: u8,
    count: u8,
    /// x, then y.
    point: Vec<u8>,
}

impl Share {
    /// How many of its set are needed.
    pub const fn threshold(&self) -> u8 {
        self.threshold
    }

    /// How many its set has.
    pub const fn count(&self) -> u8 {
        self.count
    }

    /// Which of its set it is, from 1.
    pub fn number(&self) -> u8 {
        self.point.first().copied().unwrap_or_default()
    }

    /// What tells its set from others.
    pub fn set(&self) -> String {
        hex::encode(self.set)
    }
}

impl fmt::Debug for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Share({} of {}, {} needed, set {})", self.number(), self.count, self.threshold, self.set())
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut body = Zeroizing::new(vec![VERSION]);
        body.extend_from_slice(&self.set);
        body.extend_from_slice(&[self.threshold, self.count]);
        body.extend_from_slice(&self.point);
        let sum = checksum(&body);
        body.extend_from_slice(&sum);
        let text = Zeroizing::new(bs58::encode(&*body).into_string());
        write!(f, "{SCHEME}{}", *text)
    }
}

impl FromStr for Share {
    type Err = ShareError;

    fn from_str(text: &str) -> Result<Self, ShareError> {
        let text = text.trim();
        let encoded =
            text.strip_prefix(SCHEME).ok_or(ShareError::Malformed("it does not begin with 'station-share:'"))?;
        if encoded.len() > MAX_TEXT {
            return Err(ShareError::Malformed("it is too long"));
        }
        let bytes = bs58::decode(encoded)
            .into_vec()
            .map(Zeroizing::new)
            .map_err(|_| ShareError::Malformed("it holds characters that no share holds"))?;
        let body_len = bytes.len().checked_sub(CHECKSUM_BYTES).ok_or(ShareError::Malformed("it is too short"))?;
        let (body, sum) = bytes.split_at(body_len);
        if sum != checksum(body) {
            return Err(ShareError::Changed);
        }
        match body.first() {
            Some(&VERSION) => {}
            Some(&other) => return Err(ShareError::Version(other)),
            None => return Err(ShareError::Malformed("it is too short")),
        }
        let (head, point) = body.split_at_checked(HEAD_BYTES).ok_or(ShareError::Malformed("it is too short"))?;
        let mut set = [0u8; SET_BYTES];
        set.copy_from_slice(&head[1..=SET_BYTES]);
        let (threshold, count) = (head[SET_BYTES + 1], head[SET_BYTES + 2]);
        let number = point.first().copied().unwrap_or_default();
        if !counts_fit(threshold, count) || number == 0 || number > count {
            return Err(ShareError::Malformed("its numbers make no sense"));
        }
        if ![16, 32].contains(&point.len().saturating_sub(1 + CHECK_BYTES)) {
            return Err(ShareError::Malformed("it has the wrong length"));
        }
        Ok(Self { set, threshold, count, point: point.to_vec() })
    }
}

const fn counts_fit(threshold: u8, count: u8) -> bool {
    MIN_THRESHOLD <= threshold && threshold <= count && count <= MAX_SHARES
}

fn checksum(body: &[u8]) -> [u8; CHECKSUM_BYTES] {
    let mut out = [0u8; CHECKSUM_BYTES];
    out.copy_from_slice(&crate::hash(b"station/share/1", &[body])[..CHECKSUM_BYTES]);
    out
}

fn check(entropy: &[u8]) -> [u8; CHECK_BYTES] {
    let mut out = [0u8; CHECK_BYTES];
    out.copy_from_slice(&crate::hash(b"station/share-check/1", &[entropy])[..CHECK_BYTES]);
    out
}

impl Phrase {
    /// Split it into `count` shares, of which any `threshold` give it back.
    ///
    /// # Errors
    /// [`ShareError::Counts`].
    pub fn split(&self, threshold: u8, count: u8) -> Result<Vec<Share>, ShareError> {
        if !counts_fit(threshold, count) {
            return Err(ShareError::Counts);
        }
        let set = crate::random();
        let secret = Zeroizing::new([self.entropy(), &check(self.entropy())].concat());
        let points = Sharks(threshold).dealer(&secret).take(usize::from(count));
        Ok(points.map(|point| Share { set, threshold, count, point: Vec::from(&point) }).collect())
    }

    /// Put shares together again.
    ///
    /// # Errors
    /// [`ShareError`] says what is wrong with them.
    pub fn combine(shares: &[Share]) -> Result<Self, ShareError> {
        let Some(first) = shares.first() else { return Err(ShareError::TooFew { have: 0, needed: MIN_THRESHOLD }) };
        let same = |share: &Share| {
            (share.set, share.threshold, share.count, share.point.len())
                == (first.set, first.threshold, first.count, first.point.len())
        };
        if !shares.iter().all(same) {
            return Err(ShareError::Mixed);
        }
        let mut different: Vec<&Share> = Vec::with_capacity(shares.len());
        for share in shares {
            match different.iter().find(|known| known.number() == share.number()) {
                None => different.push(share),
                Some(known) if known.point == share.point => {}
                Some(_) => return Err(ShareError::Inconsistent),
            }
        }
        if different.len() < usize::from(first.threshold) {
            return Err(ShareError::TooFew { have: different.len(), needed: first.threshold });
        }
        let points =
            different.iter().map(|share| Point::try_from(share.point.as_slice())).collect::<Result<Vec<_>, _>>();
        let points = points.map_err(|_| ShareError::Malformed("it is too short"))?;
        let secret =
            Sharks(first.threshold).recover(&points).map(Zeroizing::new).map_err(|_| ShareError::Inconsistent)?;
        let entropy_len = secret.len().saturating_sub(CHECK_BYTES);
        let (entropy, sum) = secret.split_at(entropy_len);
        if sum != check(entropy) {
            return Err(ShareError::Inconsistent);
        }
        Self::from_entropy(entropy).ok_or(ShareError::Malformed("it has the wrong length"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn again(shares: &[Share]) -> Vec<Share> {
        shares.iter().map(|share| share.to_string().parse().unwrap()).collect()
    }

    #[test]
    fn every_two_of_three_give_the_phrase_back_and_no_single_one_does() {
        for phrase in [Phrase::generate(), Phrase::generate_12()] {
            let shares = again(&phrase.split(2, 3).unwrap());
            for (a, b) in [(0, 1), (0, 2), (2, 1)] {
                let both = [shares[a].clone(), shares[b].clone()];
                assert_eq!(Phrase::combine(&both).unwrap().entropy(), phrase.entropy());
            }
            assert_eq!(Phrase::combine(&shares).unwrap().entropy(), phrase.entropy(), "more than needed do no harm");
            for share in &shares {
                let twice = [share.clone(), share.clone()];
                assert_eq!(Phrase::combine(&twice).unwrap_err(), ShareError::TooFew { have: 1, needed: 2 });
            }
        }
        assert_eq!(Phrase::combine(&[]).unwrap_err(), ShareError::TooFew { have: 0, needed: 2 });
    }

    #[test]
    fn shares_of_two_splits_are_never_put_together() {
        let phrase = Phrase::generate();
        let (one, two) = (phrase.split(2, 3).unwrap(), phrase.split(2, 3).unwrap());
        assert_eq!(Phrase::combine(&[one[0].clone(), two[1].clone()]).unwrap_err(), ShareError::Mixed);
    }

    #[test]
    fn an_altered_share_with_a_right_checksum_is_noticed() {
        let shares = Phrase::generate().split(3, 5).unwrap();
        let mut forged = shares[0].clone();
        forged.point[7] ^= 1;
        let forged: Share = forged.to_string().parse().unwrap();
        let three = [forged.clone(), shares[1].clone(), shares[2].clone()];
        assert_eq!(Phrase::combine(&three).unwrap_err(), ShareError::Inconsistent);
        let both = [forged, shares[0].clone(), shares[1].clone(), shares[2].clone()];
        assert_eq!(Phrase::combine(&both).unwrap_err(), ShareError::Inconsistent);
    }

    #[test]
    fn impossible_counts_are_refused() {
        let phrase = Phrase::generate_12();
        for (threshold, count) in [(0, 3), (1, 3), (4, 3), (2, 33), (2, 1)] {
            assert_eq!(phrase.split(threshold, count).unwrap_err(), ShareError::Counts, "{threshold} of {count}");
        }
        assert_eq!(phrase.split(32, 32).unwrap().len(), 32);
    }

    #[test]
    fn what_is_no_share_says_so() {
        let parse = |text: &str| text.parse::<Share>().unwrap_err();
        for bad in ["", "station:abc", "station-share:", "station-share:0OIl", "station-share:1"] {
            assert!(matches!(parse(bad), ShareError::Malformed(_)), "{bad}");
        }
        assert!(matches!(parse(&format!("{SCHEME}{}", "2".repeat(257))), ShareError::Malformed(_)));
        let text = |body: &[u8]| {
            let body = [body, &checksum(body)].concat();
            format!("{SCHEME}{}", bs58::encode(body).into_string())
        };
        assert_eq!(parse(&text(&[2; 30])), ShareError::Version(2));
        assert!(matches!(parse(&text(&[1, 0, 0])), ShareError::Malformed(_)));
        // Point 0 would be the secret itself.
        for head in [[2, 3, 0], [2, 3, 4], [1, 3, 1], [4, 3, 1]] {
            let body = [&[1, 9, 9, 9, 9][..], &head, &[5; 24]].concat();
            assert!(matches!(parse(&text(&body)), ShareError::Malformed(_)), "{head:?}");
        }
        let body = [&[1, 9, 9, 9, 9, 2, 3, 1][..], &[5; 23]].concat();
        assert!(matches!(parse(&text(&body)), ShareError::Malformed(_)));
    }

    #[test]
    fn a_share_does_not_show_what_it_holds_in_logs() {
        let share = Phrase::generate().split(2, 2).unwrap().remove(0);
        let shown = format!("{share:?}");
        assert!(shown.starts_with("Share(1 of 2, 2 needed, set "), "{shown}");
        assert!(shown.len() < 50);
    }

    proptest! {
        #[test]
        fn a_changed_character_is_noticed(at: proptest::sample::Index, to in 0usize..58) {
            let alphabet = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
            let text = Phrase::generate_12().split(2, 2).unwrap()[1].to_string();
            let at = SCHEME.len() + at.index(text.len() - SCHEME.len());
            let mut bytes = text.clone().into_bytes();
            bytes[at] = alphabet[to];
            let changed = String::from_utf8(bytes).unwrap();
            prop_assume!(changed != text);
            prop_assert!(changed.parse::<Share>().is_err());
        }

        #[test]
        fn any_threshold_of_shares_is_enough(threshold in 2u8..6, more in 0u8..4, from in 0usize..4) {
            let phrase = Phrase::generate_12();
            let shares = phrase.split(threshold, threshold + more).unwrap();
            let from = from.min(usize::from(more));
            let some = &shares[from..from + usize::from(threshold)];
            prop_assert_eq!(Phrase::combine(some).unwrap().words(), phrase.words());
            let few = Phrase::combine(&some[1..]).map(|_| ());
            prop_assert_eq!(few, Err(ShareError::TooFew { have: usize::from(threshold) - 1, needed: threshold }));
        }
    }
}
