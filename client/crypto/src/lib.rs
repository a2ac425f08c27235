//! The client's cryptography: keys, phrases, key files, encrypted segments, links. No network, no chain.
//!
//! | What | How |
//! |---|---|
//! | account | sr25519 from a BIP-39 phrase as Substrate derives it, or a `//Dev` URI ([`Account`]) |
//! | key file | argon2id + XChaCha20-Poly1305 over the phrase's entropy ([`KeyFile`]) |
//! | content | a fresh random [`ContentKey`] a file, segments of 64 KiB ([`SegmentSealer`], [`SegmentOpener`]) |
//! | link | `station:` + base58 of version, network, deals, key, checksum ([`Link`]) |
//! | local records | [`LocalKey`], derived from the phrase ([`Account::local_key`]) |
//! | memo of a deal | 256 bytes under a key derived from the phrase: the way back to the content ([`Memo`]) |
//! | recovery shares | Shamir over GF(256): any k of n give the phrase back ([`Phrase::split`], [`Phrase::combine`]) |
#![forbid(unsafe_code)]

mod account;
mod content;
mod keyfile;
mod link;
mod local;
mod memo;
mod shares;

pub use account::{Account, KeyError, Phrase};
pub use content::{
    segments_len, ContentError, ContentKey, SegmentOpener, SegmentSealer, KEY_BYTES, SEALED_SEGMENT_BYTES,
    SEGMENT_BYTES, TAG_BYTES,
};
pub use keyfile::{KeyFile, KeyFileError, Passphrase};
pub use link::{Link, LinkError, Parity, GENESIS_ID_BYTES, MAX_LINK_DEALS};
pub use local::{LocalError, LocalKey};
pub use memo::{Memo, MemoError, MAX_MEMO_NAME, MEMO_BYTES};
pub use shares::{Share, ShareError, MAX_SHARES, MIN_THRESHOLD};

/// Random bytes from the operating system.
///
/// # Panics
/// If the operating system has no randomness to give. Nothing secret can be made then, and going on would be worse.
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0u8; N];
    getrandom::getrandom(&mut bytes).expect("the operating system gives random bytes; qed");
    bytes
}

/// blake2b-256 of `parts`, after a domain. Each part is preceded by its length, so no two lists of parts collide.
pub(crate) fn hash(domain: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mut state = blake2b_simd::Params::new().hash_length(32).to_state();
    for part in core::iter::once(&domain).chain(parts) {
        state.update(&u64::try_from(part.len()).expect("a length fits 64 bits; qed").to_le_bytes());
        state.update(part);
    }
    let mut out = [0u8; 32];
    out.copy_from_slice(state.finalize().as_bytes());
    out
}
