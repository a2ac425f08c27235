//! Records that the client keeps for itself: the file index and the journals of interrupted work.
//!
//! The key follows from the account's secret, so it need not be stored, and another machine finds it again from the
//! recovery phrase. Each record gets a random 24-byte nonce (XChaCha20's are long enough for that) and names its purpose
//! as associated data, so that one record cannot be passed off as another.

use chacha20poly1305::{
    aead::{Aead, KeyInit, Payload},
    Key, XChaCha20Poly1305, XNonce,
};
use core::fmt;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

const NONCE_BYTES: usize = 24;

/// Why a local record cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LocalError {
    /// Another account's record, or a damaged one.
    #[error("the record belongs to another account or is damaged")]
    WrongKey,
    /// Too short to be a record.
    #[error("the record is cut short")]
    Truncated,
}

/// The key of an account's own records.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct LocalKey([u8; 32]);

impl LocalKey {
    /// The key of one domain; keys of two domains tell nothing about each other.
    pub(crate) fn derive(domain: &[u8], secret: &[u8]) -> Self {
        Self(crate::hash(domain, &[secret]))
    }

    /// Encrypt a record.
    pub fn seal(&self, purpose: &str, plain: &[u8]) -> Vec<u8> {
        self.seal_with(purpose.as_bytes(), plain)
    }

    /// Encrypt, bound to `associated`: nonce, ciphertext, tag.
    pub(crate) fn seal_with(&self, associated: &[u8], plain: &[u8]) -> Vec<u8> {
        let nonce: [u8; NONCE_BYTES] = crate::random();
        let cipher = XChaCha20Poly1305::new(Key::from_slice(&self.0));
        let sealed = cipher
            .encrypt(XNonce::from_slice(&nonce), Payload { msg: plain, aad: associated })
            .expect("a record is shorter than the cipher's 256 GiB; qed");
        let mut out = nonce.to_vec();
        out.extend_from_slice(&sealed);
        out
    }

    /// Decrypt a record.
    ///
    /// # Errors
    /// [`LocalError`] when it is no record of this account and purpose.
    pub fn open(&self, purpose: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, LocalError> {
        self.open_with(purpose.as_bytes(), sealed)
    }

    /// Decrypt what was bound to `associated`.
    pub(crate) fn open_with(&self, associated: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, LocalError> {
        let (nonce, body) = sealed.split_at_checked(NONCE_BYTES).ok_or(LocalError::Truncated)?;
        XChaCha20Poly1305::new(Key::from_slice(&self.0))
            .decrypt(XNonce::from_slice(nonce), Payload { msg: body, aad: associated })
            .map(Zeroizing::new)
            .map_err(|_| LocalError::WrongKey)
    }

    /// A name for a record's file that tells nobody what it is about.
    pub fn file_name(&self, purpose: &str, of: &[u8]) -> String {
        let digest = crate::hash(b"station/record-name/1", &[&self.0, purpose.as_bytes(), of]);
        bs58::encode(&digest[..16]).into_string()
    }
}

impl fmt::Debug for LocalKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LocalKey(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_opens_with_its_key_and_purpose_only() {
        let key = LocalKey::derive(b"d", b"secret");
        let sealed = key.seal("index", b"names");
        assert_eq!(&**key.open("index", &sealed).unwrap(), b"names");
        assert_eq!(key.open("journal", &sealed), Err(LocalError::WrongKey));
        assert_eq!(LocalKey::derive(b"d", b"other").open("index", &sealed), Err(LocalError::WrongKey));
        assert_eq!(LocalKey::derive(b"e", b"secret").open("index", &sealed), Err(LocalError::WrongKey));
        assert_eq!(key.open("index", &sealed[..7]), Err(LocalError::Truncated));
        assert_ne!(sealed, key.seal("index", b"names"), "nonces are fresh");
    }
}
