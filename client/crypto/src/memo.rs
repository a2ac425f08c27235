//! The memo of a deal: what its client writes down with it, for itself, to find its way back to the content.
//!
//! ```text
//! memo (256) = nonce (24) ‖ XChaCha20-Poly1305( plain (216) ) ‖ tag (16)
//! plain      = version 1 ‖ flags (1) ‖ part (1) ‖ parts (1) ‖ content key (32) ‖ bytes (8) ‖ added (8)
//!              ‖ name length (1) ‖ name, padded with zeros (163)
//! ```
//! Of content with parity the last two bytes are its K and M instead of zeros, and the name has at most 161.
//!
//! Numbers are little endian. The key follows from the account's secret under a domain of its own; the associated data is
//! the purpose, the chain's genesis hash and the account: so a memo that is copied to another chain or account opens for
//! nobody. All memos are of one length, whatever they say. Content is named by its key, which no two puts share: the parts
//! of one content carry the same key, and each says which of how many it is.

use crate::{
    content::ContentKey,
    link::{Parity, MAX_LINK_DEALS},
    Account,
};
use zeroize::Zeroizing;

/// Bytes of a sealed memo.
pub const MEMO_BYTES: usize = 256;
/// Of these, what encryption adds: a nonce and a tag.
const OVERHEAD: usize = 24 + 16;
const PLAIN_BYTES: usize = MEMO_BYTES - OVERHEAD;
/// Everything before the name.
const FIXED_BYTES: usize = 4 + 32 + 8 + 8 + 1;
/// The longest name that fits; a longer one is cut, the whole one is in the content's manifest.
pub const MAX_MEMO_NAME: usize = PLAIN_BYTES - FIXED_BYTES;
const VERSION: u8 = 1;
const PURPOSE: &[u8] = b"station/memo/1";
const FOLDER: u8 = 1;
const CUT: u8 = 2;
const PARITY: u8 = 4;
/// Bytes of the name's room that parity takes.
const PARITY_BYTES: usize = 2;

/// Why a memo cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MemoError {
    /// Another account's, another chain's, or changed bytes: the three cannot be told apart.
    #[error("the account's key does not open it")]
    WrongKey,
    /// It opens, and a later program wrote it.
    #[error("it has version {0}, which this program does not know")]
    Version(u8),
    /// It opens and makes no sense.
    #[error("it makes no sense: {0}")]
    Content(&'static str),
}

/// What a memo says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Memo {
    /// The key of the content, as its link carries it.
    pub key: ContentKey,
    /// Which of the content's deals this is, from 0.
    pub part: u8,
    /// How many deals the content has; 1 at least.
    pub parts: u8,
    /// Whether a folder was put, not a single file.
    pub folder: bool,
    /// Bytes of the content.
    pub bytes: u64,
    /// When it was put, by the putting machine's clock: seconds since 1970.
    pub added: u64,
    /// The name of what was put, as bytes; at most [`MAX_MEMO_NAME`] of it are kept.
    pub name: Vec<u8>,
    /// Whether more of the name is in the manifest than here.
    pub cut: bool,
    /// The parity of the content's shards, as its link carries it.
    pub parity: Option<Parity>,
}

impl Memo {
    /// Encrypt it for the account itself. `genesis` is the chain's genesis hash.
    pub fn seal(&self, account: &Account, genesis: &[u8; 32]) -> Vec<u8> {
        let (name, cut) = fitting(&self.name, MAX_MEMO_NAME - self.parity.map_or(0, |_| PARITY_BYTES));
        let mut flags = 0;
        if self.folder {
            flags |= FOLDER;
        }
        if cut || self.cut {
            flags |= CUT;
        }
        if self.parity.is_some() {
            flags |= PARITY;
        }
        let mut plain = Zeroizing::new(Vec::with_capacity(PLAIN_BYTES));
        plain.extend_from_slice(&[VERSION, flags, self.part, self.parts]);
        plain.extend_from_slice(self.key.expose());
        plain.extend_from_slice(&self.bytes.to_le_bytes());
        plain.extend_from_slice(&self.added.to_le_bytes());
        plain.push(u8::try_from(name.len()).expect("MAX_MEMO_NAME is below 256; qed"));
        plain.extend_from_slice(name);
        plain.resize(PLAIN_BYTES, 0);
        if let Some(parity) = self.parity {
            plain[PLAIN_BYTES - PARITY_BYTES..].copy_from_slice(&[parity.data(), parity.parity()]);
        }
        account.memo_key().seal_with(&associated(account, genesis), &plain)
    }

    /// Decrypt one that the account sealed on this chain.
    ///
    /// # Errors
    /// [`MemoError`].
    pub fn open(account: &Account, genesis: &[u8; 32], sealed: &[u8]) -> Result<Self, MemoError> {
        let plain =
            account.memo_key().open_with(&associated(account, genesis), sealed).map_err(|_| MemoError::WrongKey)?;
        let (&version, rest) = plain.split_first().ok_or(MemoError::Content("it is empty"))?;
        if version != VERSION {
            return Err(MemoError::Version(version));
        }
        Self::from_plain(rest).ok_or(MemoError::Content("its fields are not those of its version"))?.checked()
    }

    /// Everything after the version.
    fn from_plain(plain: &[u8]) -> Option<Self> {
        if plain.len() != PLAIN_BYTES - 1 {
            return None;
        }
        let (head, rest) = plain.split_first_chunk::<3>()?;
        let [flags, part, parts] = *head;
        let (key, rest) = rest.split_first_chunk::<32>()?;
        let (bytes, rest) = rest.split_first_chunk::<8>()?;
        let (added, rest) = rest.split_first_chunk::<8>()?;
        let (length, mut rest) = rest.split_first()?;
        let mut parity = None;
        if flags & PARITY != 0 {
            let (name, &[data, behind]) = rest.split_last_chunk::<PARITY_BYTES>()?;
            parity = Some(Parity::new(data, behind)?);
            rest = name;
        }
        Some(Self {
            key: ContentKey::from_bytes(*key),
            part,
            parts,
            folder: flags & FOLDER != 0,
            bytes: u64::from_le_bytes(*bytes),
            added: u64::from_le_bytes(*added),
            name: rest.get(..usize::from(*length))?.to_vec(),
            cut: flags & CUT != 0,
            parity,
        })
    }

    fn checked(self) -> Result<Self, MemoError> {
        if self.parts == 0 || usize::from(self.parts) > MAX_LINK_DEALS || self.part >= self.parts {
            return Err(MemoError::Content("it is no part of a content's deals"));
        }
        Ok(self)
    }
}

/// As much of a name as fits. Text is cut between characters.
fn fitting(name: &[u8], most: usize) -> (&[u8], bool) {
    if name.len() <= most {
        return (name, false);
    }
    let mut end = most;
    if let Ok(text) = core::str::from_utf8(name) {
        while !text.is_char_boundary(end) {
            end -= 1;
        }
    }
    (&name[..end], true)
}

fn associated(account: &Account, genesis: &[u8; 32]) -> Vec<u8> {
    [PURPOSE, genesis, &account.id()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const GENESIS: [u8; 32] = [9; 32];

    fn account(name: &str) -> Account {
        Account::from_dev_uri(name).unwrap()
    }

    fn memo(name: &[u8]) -> Memo {
        Memo {
            key: ContentKey::from_bytes([6; 32]),
            part: 1,
            parts: 3,
            folder: true,
            bytes: 1 << 40,
            added: 1_800_000_000,
            name: name.to_vec(),
            cut: false,
            parity: None,
        }
    }

    #[test]
    fn a_memo_opens_for_its_account_on_its_chain_only() {
        let alice = account("//Alice");
        let sealed = memo(b"letters").seal(&alice, &GENESIS);
        assert_eq!(sealed.len(), MEMO_BYTES);
        assert_eq!(Memo::open(&alice, &GENESIS, &sealed), Ok(memo(b"letters")));
        assert_eq!(Memo::open(&account("//Bob"), &GENESIS, &sealed), Err(MemoError::WrongKey));
        assert_eq!(Memo::open(&alice, &[8; 32], &sealed), Err(MemoError::WrongKey));
        assert_ne!(sealed, memo(b"letters").seal(&alice, &GENESIS), "nonces are fresh");
    }

    #[test]
    fn a_memo_is_no_local_record_and_the_other_way_round() {
        let alice = account("//Alice");
        let sealed = memo(b"x").seal(&alice, &GENESIS);
        assert!(alice.local_key().open_with(&associated(&alice, &GENESIS), &sealed).is_err());
        let record = alice.local_key().seal("file index", &[1; PLAIN_BYTES]);
        assert_eq!(Memo::open(&alice, &GENESIS, &record), Err(MemoError::WrongKey));
    }

    #[test]
    fn any_changed_byte_and_any_other_length_is_noticed() {
        let alice = account("//Alice");
        let sealed = memo(b"x").seal(&alice, &GENESIS);
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert_eq!(Memo::open(&alice, &GENESIS, &changed), Err(MemoError::WrongKey), "byte {at}");
        }
        for len in [0, 23, 24, 40, 255] {
            assert_eq!(Memo::open(&alice, &GENESIS, &sealed[..len]), Err(MemoError::WrongKey), "{len} bytes");
        }
    }

    #[test]
    fn a_name_is_cut_between_characters_and_says_so() {
        let alice = account("//Alice");
        let open = |name: &str| Memo::open(&alice, &GENESIS, &memo(name.as_bytes()).seal(&alice, &GENESIS)).unwrap();
        let fits = "n".repeat(MAX_MEMO_NAME);
        assert_eq!((open(&fits).name.len(), open(&fits).cut), (MAX_MEMO_NAME, false));
        let long = format!("{}é", "n".repeat(MAX_MEMO_NAME - 1));
        let cut = open(&long);
        assert!(cut.cut);
        assert_eq!(cut.name, "n".repeat(MAX_MEMO_NAME - 1).into_bytes());
    }

    #[test]
    fn what_opens_and_makes_no_sense_says_so() {
        let alice = account("//Alice");
        let aad = associated(&alice, &GENESIS);
        let open = |plain: &[u8]| Memo::open(&alice, &GENESIS, &alice.memo_key().seal_with(&aad, plain));
        let mut plain = vec![0u8; PLAIN_BYTES];
        plain[0] = 7;
        assert_eq!(open(&plain), Err(MemoError::Version(7)));
        plain[0] = VERSION;
        assert!(matches!(open(&plain), Err(MemoError::Content(_))), "no parts");
        plain[2..4].copy_from_slice(&[2, 2]);
        assert!(matches!(open(&plain), Err(MemoError::Content(_))), "part 2 of 0 and 1");
        plain[2..4].copy_from_slice(&[0, 65]);
        assert!(matches!(open(&plain), Err(MemoError::Content(_))), "more parts than a link has deals");
        plain[2..4].copy_from_slice(&[0, 1]);
        assert!(open(&plain).is_ok());
        plain[FIXED_BYTES - 1] = 164;
        assert!(matches!(open(&plain), Err(MemoError::Content(_))), "a name beyond the end");
        assert!(matches!(open(&plain[..9]), Err(MemoError::Content(_))));
        assert!(matches!(open(&[]), Err(MemoError::Content(_))));
    }

    #[test]
    fn parity_takes_the_end_of_the_name_s_room() {
        let alice = account("//Alice");
        let with = |name: &str| Memo { parity: Parity::new(4, 2), ..memo(name.as_bytes()) };
        let open = |memo: &Memo| Memo::open(&alice, &GENESIS, &memo.seal(&alice, &GENESIS)).unwrap();
        assert_eq!(open(&with("letters")), with("letters"));
        let fits = with(&"n".repeat(MAX_MEMO_NAME - 2));
        assert_eq!(open(&fits), fits);
        let cut = open(&with(&"n".repeat(MAX_MEMO_NAME)));
        assert_eq!((cut.name.len(), cut.cut, cut.parity), (MAX_MEMO_NAME - 2, true, Parity::new(4, 2)));
        let sealed = with("x").seal(&alice, &GENESIS);
        let aad = associated(&alice, &GENESIS);
        let mut plain = alice.memo_key().open_with(&aad, &sealed).unwrap().to_vec();
        assert_eq!((plain[1], &plain[PLAIN_BYTES - 2..]), (FOLDER | PARITY, &[4u8, 2][..]));
        plain[PLAIN_BYTES - 1] = 0;
        let odd = alice.memo_key().seal_with(&aad, &plain);
        assert!(matches!(Memo::open(&alice, &GENESIS, &odd), Err(MemoError::Content(_))), "no parity at all");
    }

    #[test]
    fn the_plain_form_is_the_documented_one() {
        let alice = account("//Alice");
        let sealed = memo(b"ab").seal(&alice, &GENESIS);
        let plain = alice.memo_key().open_with(&associated(&alice, &GENESIS), &sealed).unwrap();
        let mut expected = vec![1, 1, 1, 3];
        expected.extend_from_slice(&[6; 32]);
        expected.extend_from_slice(&(1u64 << 40).to_le_bytes());
        expected.extend_from_slice(&1_800_000_000u64.to_le_bytes());
        expected.extend_from_slice(&[2, b'a', b'b']);
        expected.resize(216, 0);
        assert_eq!(*plain, expected);
    }

    proptest! {
        #[test]
        fn a_memo_is_read_as_it_is_written(
            key: [u8; 32], part in 0u8..64, more in 0u8..64, folder: bool, bytes: u64, added: u64,
            name in prop::collection::vec(any::<u8>(), 0..=MAX_MEMO_NAME),
        ) {
            let parts = (part + 1).saturating_add(more).min(64);
            let memo = Memo { key: ContentKey::from_bytes(key), part, parts, folder, bytes, added, name, cut: false, parity: None };
            let alice = account("//Alice");
            prop_assert_eq!(Memo::open(&alice, &GENESIS, &memo.seal(&alice, &GENESIS)), Ok(memo));
        }

        #[test]
        fn no_bytes_make_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            prop_assert!(Memo::open(&account("//Alice"), &GENESIS, &bytes).is_err());
            let _ = Memo::from_plain(&bytes);
        }
    }
}
