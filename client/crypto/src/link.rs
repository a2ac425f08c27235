//! The capability link: all that is needed to read, and nothing else does.
//!
//! ```text
//! station: base58( version 1 ‖ genesis id (4) ‖ count (1) ‖ deal ids (compact each) ‖ key (32) ‖ checksum (4) )
//! station: base58( version 2 ‖ genesis id (4) ‖ K (1) ‖ M (1) ‖ count (1) ‖ … as above )
//! ```
//! Version 2 is for content with parity, so that how it lies in its shards is known before a shard is read: the first one,
//! with the header in it, may be the one that is lost.
//!
//! The genesis id is the first bytes of the chain's genesis hash: enough to notice the wrong network. The checksum is
//! blake2b-256 of what stands before it, cut: it finds a changed or mistyped link before any network is asked, and has
//! no security to give (the key authenticates the content itself).

use crate::content::{ContentKey, KEY_BYTES};
use codec::{Compact, Decode, Encode};
use core::{fmt, str::FromStr};

const SCHEME: &str = "station:";
const VERSION: u8 = 1;
/// Of content with parity.
const VERSION_PARITY: u8 = 2;
const CHECKSUM_BYTES: usize = 4;
/// Bytes of the genesis hash that a link carries.
pub const GENESIS_ID_BYTES: usize = 4;
/// The most deals that one link names: 64 deals of 256 shards of 1 GiB are 16 TiB.
pub const MAX_LINK_DEALS: usize = 64;
/// The longest text looked at: decoding base58 takes quadratic time.
const MAX_TEXT: usize = 2_048;

/// Why a text is no link, or not one for here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// No link at all.
    #[error("this is no station link: {0}")]
    Malformed(&'static str),
    /// It was one, but its checksum says it was changed.
    #[error("this link was changed or mistyped: its checksum does not match")]
    Changed,
    /// A later program made it.
    #[error("this link has version {0}, which this program does not know")]
    Version(u8),
    /// It belongs to another chain.
    #[error("this link belongs to another network")]
    WrongNetwork,
}

/// How many shards of parity stand behind how many of data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Parity {
    data: u8,
    parity: u8,
}

impl Parity {
    /// The most shards of either kind in a stripe: rebuilding one reads a piece of each.
    pub const MOST: u8 = 64;

    /// `parity` shards behind every `data` shards: each 1 to [`Parity::MOST`], else none.
    pub const fn new(data: u8, parity: u8) -> Option<Self> {
        if data == 0 || parity == 0 || data > Self::MOST || parity > Self::MOST {
            None
        } else {
            Some(Self { data, parity })
        }
    }

    /// The most shards of data in a stripe.
    pub const fn data(self) -> u8 {
        self.data
    }

    /// The shards of parity of each stripe, and so the most shards of it that may be lost.
    pub const fn parity(self) -> u8 {
        self.parity
    }
}

impl fmt::Display for Parity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}+{}", self.data, self.parity)
    }
}

/// What a link says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// The first bytes of the chain's genesis hash.
    pub genesis: [u8; GENESIS_ID_BYTES],
    /// The deals that hold the content, in order; one at least.
    pub deals: Vec<u64>,
    /// The key of its header and manifest.
    pub key: ContentKey,
    /// The parity of its shards, if they have some.
    pub parity: Option<Parity>,
}

impl Link {
    /// A link to content on the chain with this genesis hash.
    pub fn new(genesis: &[u8; 32], deals: Vec<u64>, key: ContentKey) -> Self {
        let mut id = [0u8; GENESIS_ID_BYTES];
        id.copy_from_slice(&genesis[..GENESIS_ID_BYTES]);
        Self { genesis: id, deals, key, parity: None }
    }

    /// The same, to content with this parity.
    #[must_use]
    pub fn with_parity(mut self, parity: Option<Parity>) -> Self {
        self.parity = parity;
        self
    }

    /// Make sure that the link belongs to the chain with this genesis hash.
    ///
    /// # Errors
    /// [`LinkError::WrongNetwork`].
    pub fn check_network(&self, genesis: &[u8; 32]) -> Result<(), LinkError> {
        if genesis.starts_with(&self.genesis) {
            Ok(())
        } else {
            Err(LinkError::WrongNetwork)
        }
    }
}

fn checksum(body: &[u8]) -> [u8; CHECKSUM_BYTES] {
    let mut out = [0u8; CHECKSUM_BYTES];
    out.copy_from_slice(&crate::hash(b"station/link/1", &[body])[..CHECKSUM_BYTES]);
    out
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = u8::try_from(self.deals.len()).map_err(|_| fmt::Error)?;
        let mut body = vec![if self.parity.is_some() { VERSION_PARITY } else { VERSION }];
        body.extend_from_slice(&self.genesis);
        if let Some(parity) = self.parity {
            body.extend_from_slice(&[parity.data, parity.parity]);
        }
        body.push(count);
        for deal in &self.deals {
            Compact(*deal).encode_to(&mut body);
        }
        body.extend_from_slice(self.key.expose());
        body.extend_from_slice(&checksum(&body));
        write!(f, "{SCHEME}{}", bs58::encode(body).into_string())
    }
}

impl FromStr for Link {
    type Err = LinkError;

    fn from_str(text: &str) -> Result<Self, LinkError> {
        let text = text.trim();
        let encoded = text.strip_prefix(SCHEME).ok_or(LinkError::Malformed("it does not begin with 'station:'"))?;
        if encoded.len() > MAX_TEXT {
            return Err(LinkError::Malformed("it is too long"));
        }
        let bytes = bs58::decode(encoded)
            .into_vec()
            .map_err(|_| LinkError::Malformed("it holds characters that no link holds"))?;
        let body_len = bytes.len().checked_sub(CHECKSUM_BYTES).ok_or(LinkError::Malformed("it is too short"))?;
        let (body, sum) = bytes.split_at(body_len);
        if sum != checksum(body) {
            return Err(LinkError::Changed);
        }
        let cut = LinkError::Malformed("it ends too early");
        let (&version, mut rest) = body.split_first().ok_or(cut.clone())?;
        if version != VERSION && version != VERSION_PARITY {
            return Err(LinkError::Version(version));
        }
        let mut genesis = [0u8; GENESIS_ID_BYTES];
        let (id, tail) = rest.split_at_checked(GENESIS_ID_BYTES).ok_or(cut.clone())?;
        genesis.copy_from_slice(id);
        rest = tail;
        let mut parity = None;
        if version == VERSION_PARITY {
            let (&[data, behind], tail) = rest.split_first_chunk::<2>().ok_or(cut.clone())?;
            parity = Some(Parity::new(data, behind).ok_or(LinkError::Malformed("its parity is impossible"))?);
            rest = tail;
        }
        let (&count, mut rest) = rest.split_first().ok_or(cut.clone())?;
        if count == 0 || usize::from(count) > MAX_LINK_DEALS {
            return Err(LinkError::Malformed("it names no deal, or too many"));
        }
        let mut deals = Vec::with_capacity(usize::from(count));
        for _ in 0..count {
            deals.push(Compact::<u64>::decode(&mut rest).map_err(|_| cut.clone())?.0);
        }
        let key: [u8; KEY_BYTES] = rest.try_into().map_err(|_| LinkError::Malformed("its key has the wrong length"))?;
        Ok(Self { genesis, deals, key: ContentKey::from_bytes(key), parity })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn link(deals: Vec<u64>) -> Link {
        Link::new(&[5; 32], deals, ContentKey::from_bytes([6; 32]))
    }

    #[test]
    fn what_is_no_link_says_so() {
        for bad in ["", "station", "http://x", "station:0OIl", "station:", "station:11", "station:é"] {
            assert!(matches!(bad.parse::<Link>(), Err(LinkError::Malformed(_))), "{bad}");
        }
        let long = format!("station:{}", "2".repeat(MAX_TEXT + 1));
        assert!(matches!(long.parse::<Link>(), Err(LinkError::Malformed(_))));
    }

    #[test]
    fn a_later_version_is_told_from_a_changed_link() {
        let mut body = vec![9u8; 40];
        body.extend_from_slice(&checksum(&body));
        let text = format!("station:{}", bs58::encode(body).into_string());
        assert_eq!(text.parse::<Link>(), Err(LinkError::Version(9)));
    }

    #[test]
    fn another_network_is_noticed() {
        assert_eq!(link(vec![0]).check_network(&[4; 32]), Err(LinkError::WrongNetwork));
        assert_eq!(link(vec![0]).check_network(&[5; 32]), Ok(()));
    }

    #[test]
    fn a_link_without_deals_or_with_too_many_is_refused() {
        for count in [0, 65, 255] {
            let text = link(vec![1; count]).to_string();
            assert!(matches!(text.parse::<Link>(), Err(LinkError::Malformed(_))), "{count}");
        }
    }

    #[test]
    fn parity_that_is_impossible_makes_no_link() {
        for (data, parity) in [(0, 2), (4, 0), (65, 2), (4, 65)] {
            assert_eq!(Parity::new(data, parity), None);
            let odd = link(vec![1]).with_parity(Some(Parity { data, parity })).to_string();
            assert!(matches!(odd.parse::<Link>(), Err(LinkError::Malformed(_))), "{data}+{parity}");
        }
        assert_eq!(Parity::new(4, 2).unwrap().to_string(), "4+2");
    }

    proptest! {
        #[test]
        fn a_link_is_read_as_it_is_written(
            deals in prop::collection::vec(any::<u64>(), 1..=MAX_LINK_DEALS),
            parity in prop::option::of((1u8..=64, 1u8..=64)),
        ) {
            let link = link(deals).with_parity(parity.and_then(|(data, parity)| Parity::new(data, parity)));
            prop_assert_eq!(link.to_string().parse::<Link>(), Ok(link));
        }

        #[test]
        fn a_changed_character_is_noticed(deal: u64, at: proptest::sample::Index, to in 0usize..58) {
            let alphabet = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
            let text = link(vec![deal]).to_string();
            let at = SCHEME.len() + at.index(text.len() - SCHEME.len());
            let mut bytes = text.clone().into_bytes();
            bytes[at] = alphabet[to];
            let changed = String::from_utf8(bytes).unwrap();
            prop_assume!(changed != text);
            prop_assert_eq!(changed.parse::<Link>(), Err(LinkError::Changed));
        }

        #[test]
        fn no_text_makes_the_parser_panic(text in "\\PC*") {
            let _ = text.parse::<Link>();
            let _ = format!("station:{text}").parse::<Link>();
        }
    }
}
