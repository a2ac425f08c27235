//! Accounts: a recovery phrase, or a `//Dev` URI, and the sr25519 pair that follows from it.

use crate::local::LocalKey;
use bip39::{Language, Mnemonic};
use core::fmt;
use sp_core::{crypto::Ss58Codec, sr25519, Pair as _};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// Why a phrase or URI is no key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Neither 12 nor 24 words (or another count that BIP-39 knows).
    #[error("a recovery phrase has 12 or 24 words, this one has {0}")]
    WordCount(usize),
    /// A word that is not in the list. Its place is told, from 1; the word itself stays out of logs.
    #[error("word {0} of the recovery phrase is not in the word list")]
    UnknownWord(usize),
    /// All words are known, but the checksum says that one is wrong or two are swapped.
    #[error("the recovery phrase has a wrong or misplaced word: its checksum does not match")]
    Checksum,
    /// Not a `//Name` that Substrate can derive.
    #[error("'{0}' is no key: give a key file, or //Name for a development account")]
    Uri(String),
    /// Not a secret that Substrate can make a key of.
    #[error("this is no secret of a key")]
    Secret,
}

/// A recovery phrase: it alone restores everything on a new machine.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Phrase {
    entropy: Vec<u8>,
}

impl Phrase {
    /// A fresh one of 24 words.
    pub fn generate() -> Self {
        Self { entropy: crate::random::<32>().to_vec() }
    }

    /// A fresh one of 12 words.
    pub fn generate_12() -> Self {
        Self { entropy: crate::random::<16>().to_vec() }
    }

    /// Read one that a person typed: case and spacing do not matter.
    ///
    /// # Errors
    /// [`KeyError`] says which word is wrong.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let text = Zeroizing::new(text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase());
        let words = text.split(' ').filter(|word| !word.is_empty()).count();
        if words != 12 && words != 24 {
            return Err(KeyError::WordCount(words));
        }
        let mnemonic = Mnemonic::parse_in(Language::English, text.as_str()).map_err(|error| match error {
            bip39::Error::UnknownWord(index) => KeyError::UnknownWord(index + 1),
            bip39::Error::BadWordCount(count) => KeyError::WordCount(count),
            _ => KeyError::Checksum,
        })?;
        Ok(Self { entropy: mnemonic.to_entropy() })
    }

    /// The words, to be shown once.
    pub fn words(&self) -> Zeroizing<String> {
        let mnemonic = Mnemonic::from_entropy_in(Language::English, &self.entropy)
            .expect("the entropy has 16 or 32 bytes, by every constructor; qed");
        Zeroizing::new(mnemonic.to_string())
    }

    pub(crate) fn entropy(&self) -> &[u8] {
        &self.entropy
    }

    pub(crate) fn from_entropy(entropy: &[u8]) -> Option<Self> {
        matches!(entropy.len(), 16 | 32).then(|| Self { entropy: entropy.to_vec() })
    }
}

impl fmt::Debug for Phrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Phrase(..)")
    }
}

/// An account that can sign.
#[derive(Clone)]
pub struct Account {
    pair: sr25519::Pair,
    local: LocalKey,
    memo: LocalKey,
}

impl Account {
    /// The account of a phrase, derived as every Substrate wallet does (no password, no path).
    pub fn from_phrase(phrase: &Phrase) -> Self {
        let mini = substrate_bip39::mini_secret_from_entropy(phrase.entropy(), "")
            .expect("the entropy has 16 or 32 bytes, by every constructor; qed");
        let seed = Zeroizing::new(mini.to_bytes());
        Self::from_pair(sr25519::Pair::from_seed(&seed))
    }

    /// A development account: `//Alice`. Anybody can sign for it.
    ///
    /// # Errors
    /// [`KeyError::Uri`] when it does not begin with `//` or is no derivation path.
    pub fn from_dev_uri(uri: &str) -> Result<Self, KeyError> {
        let bad = || KeyError::Uri(uri.to_string());
        if !uri.starts_with("//") || uri.len() < 3 {
            return Err(bad());
        }
        sr25519::Pair::from_string(uri, None).map(Self::from_pair).map_err(|_| bad())
    }

    /// The account of a secret as Substrate's keystores have it: words, a seed in hexadecimal, or a derivation path.
    ///
    /// # Errors
    /// [`KeyError::Secret`], which does not repeat the text.
    pub fn from_secret(secret: &str) -> Result<Self, KeyError> {
        let secret = secret.trim();
        // Substrate takes nothing for its development phrase.
        if secret.is_empty() {
            return Err(KeyError::Secret);
        }
        sr25519::Pair::from_string(secret, None).map(Self::from_pair).map_err(|_| KeyError::Secret)
    }

    fn from_pair(pair: sr25519::Pair) -> Self {
        let secret = Zeroizing::new(pair.to_raw_vec());
        Self {
            local: LocalKey::derive(b"station/index-key/1", &secret),
            memo: LocalKey::derive(b"station/memo-key/1", &secret),
            pair,
        }
    }

    /// The key pair, to sign with.
    pub const fn pair(&self) -> &sr25519::Pair {
        &self.pair
    }

    /// The 32 bytes of the account's id.
    pub fn id(&self) -> [u8; 32] {
        self.pair.public().0
    }

    /// The account in SS58, prefix 42.
    pub fn address(&self) -> String {
        self.pair.public().to_ss58check_with_version(42u16.into())
    }

    /// The key of the account's own encrypted records; the phrase alone finds it again.
    pub const fn local_key(&self) -> &LocalKey {
        &self.local
    }

    /// The key of the memos that the account's deals carry.
    pub(crate) const fn memo_key(&self) -> &LocalKey {
        &self.memo
    }
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Account({})", self.address())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PHRASE: &str = "bottom drive obey lake curtain smoke basket hold race lonely fit walk";

    #[test]
    fn the_development_phrase_derives_substrates_account() {
        let account = Account::from_phrase(&Phrase::parse(PHRASE).unwrap());
        assert_eq!(account.address(), "5DfhGyQdFobKM8NsWvEeAKk5EQQgYe9AydgJ7rMB6E1EqRzV");
        let (pair, _) = sr25519::Pair::from_phrase(PHRASE, None).unwrap();
        assert_eq!(account.id(), pair.public().0);
    }

    #[test]
    fn a_secret_of_a_keystore_is_the_account_that_it_was_made_for() {
        let phrase = Phrase::generate_12();
        let of = |secret: &str| Account::from_secret(secret).map(|account| account.address());
        assert_eq!(of(phrase.words().as_str()), Ok(Account::from_phrase(&phrase).address()));
        assert_eq!(of("//Alice"), Ok(Account::from_dev_uri("//Alice").unwrap().address()));
        // `subkey inspect //Alice`: her seed.
        let seed = "0xe5be9a5092b81bca64be81d212e7f2f9eba183bb7a90954f7b76361f6edb5c0a";
        assert_eq!(of(seed), of("//Alice"));
        for bad in ["", "nonsense words", "0x12"] {
            assert_eq!(of(bad), Err(KeyError::Secret), "{bad}");
        }
    }

    #[test]
    fn alice_is_alice() {
        let alice = Account::from_dev_uri("//Alice").unwrap();
        assert_eq!(alice.address(), "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY");
    }

    #[test]
    fn a_phrase_is_read_as_it_is_written() {
        for phrase in [Phrase::generate(), Phrase::generate_12()] {
            let words = phrase.words();
            assert!(matches!(words.split(' ').count(), 12 | 24));
            let shouted = format!("  {} ", words.to_uppercase().replace(' ', "\n  "));
            assert_eq!(Phrase::parse(&shouted).unwrap().entropy(), phrase.entropy());
        }
    }

    #[test]
    fn a_wrong_phrase_says_what_is_wrong() {
        let parse = |text: &str| Phrase::parse(text).map(|_| ());
        assert_eq!(parse("bottom drive"), Err(KeyError::WordCount(2)));
        assert_eq!(parse(""), Err(KeyError::WordCount(0)));
        assert_eq!(parse(&PHRASE.replace("lake", "laek")), Err(KeyError::UnknownWord(4)));
        assert_eq!(parse(&PHRASE.replace("bottom drive", "drive bottom")), Err(KeyError::Checksum));
    }

    #[test]
    fn only_development_uris_are_taken() {
        for bad in ["", "/", "//", "Alice", "0x00"] {
            assert!(Account::from_dev_uri(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn local_keys_follow_the_account() {
        let sealed = Account::from_dev_uri("//Alice").unwrap().local_key().seal("index", b"x");
        let again = Account::from_dev_uri("//Alice").unwrap();
        assert!(again.local_key().open("index", &sealed).is_ok());
        assert!(Account::from_dev_uri("//Bob").unwrap().local_key().open("index", &sealed).is_err());
    }
}
