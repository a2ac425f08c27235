//! The key file: the phrase's entropy, protected by a passphrase.
//!
//! JSON, so that a person can see what it is: the address in the clear, the parameters of argon2id, a nonce, the
//! ciphertext, a checksum of them all. Everything in the clear is bound to the ciphertext as associated data. The checksum
//! tells a damaged file from a wrong passphrase, and keeps a mistake in the address from being believed; who changes the
//! file on purpose can make it anew, so an address is *proven* only by opening the file.

use crate::account::{Account, Phrase};
use argon2::{Algorithm, Argon2, Params, Version};
use chacha20poly1305::{
    aead::{Aead, KeyInit, Payload},
    Key, XChaCha20Poly1305, XNonce,
};
use serde::{Deserialize, Serialize};
use std::{
    fs,
    io::{self, Read, Write},
    path::Path,
};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

const VERSION: u32 = 2;
/// Files of this version have no checksum; they are still read.
const WITHOUT_CHECKSUM: u32 = 1;
const KDF: &str = "argon2id";
const CIPHER: &str = "xchacha20poly1305";
/// 64 MiB and 3 passes: about 0.2 s on a laptop, dear to try in bulk (RFC 9106, second recommendation, one lane).
const MEMORY_KIB: u32 = 64 * 1024;
const PASSES: u32 = 3;
const LANES: u32 = 1;
/// A file that asks for more than this was not written by us and would only stall the machine.
const MAX_MEMORY_KIB: u32 = 512 * 1024;
const MAX_PASSES: u32 = 32;
/// Memory times passes: eight times what we ask for at most, in seconds rather than minutes.
const MAX_WORK: u64 = 8 * 3 * 64 * 1024;
const MAX_LANES: u32 = 16;
/// A key file has some 500 bytes.
const MAX_FILE: u64 = 64 * 1024;

/// Why a key file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// The passphrase is another.
    #[error("the passphrase does not open this key file")]
    WrongPassphrase,
    /// What stands in the file is not what was written.
    #[error("this key file is damaged: it is not as it was written")]
    Damaged,
    /// Not a key file, or one of another version.
    #[error("this is no key file of a station wallet: {0}")]
    Malformed(String),
    /// There is one already; writing over it would lose a key.
    #[error("{0} exists already and is not written over")]
    Exists(String),
    /// The disk.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: String,
        /// What the system said.
        source: io::Error,
    },
}

/// A passphrase. Wiped from memory when dropped, never printed.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Passphrase(String);

impl Passphrase {
    /// From what was typed or read; one line end is taken off, nothing else.
    pub fn new(text: &str) -> Self {
        let text = text.strip_suffix('\n').unwrap_or(text);
        Self(text.strip_suffix('\r').unwrap_or(text).to_string())
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether two are the same, for the question asked twice.
    pub fn same_as(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl core::fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Passphrase(..)")
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kdf {
    name: String,
    memory_kib: u32,
    passes: u32,
    lanes: u32,
    salt: String,
}

/// A key file as it stands on disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyFile {
    version: u32,
    address: String,
    kdf: Kdf,
    cipher: String,
    nonce: String,
    ciphertext: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    checksum: Option<String>,
}

impl KeyFile {
    /// Protect a phrase.
    pub fn seal(phrase: &Phrase, passphrase: &Passphrase) -> Self {
        Self::seal_with(phrase, passphrase, MEMORY_KIB, PASSES)
    }

    fn seal_with(phrase: &Phrase, passphrase: &Passphrase, memory_kib: u32, passes: u32) -> Self {
        let salt: [u8; 16] = crate::random();
        let nonce: [u8; 24] = crate::random();
        let mut file = Self {
            version: VERSION,
            address: Account::from_phrase(phrase).address(),
            kdf: Kdf { name: KDF.into(), memory_kib, passes, lanes: LANES, salt: hex::encode(salt) },
            cipher: CIPHER.into(),
            nonce: hex::encode(nonce),
            ciphertext: String::new(),
            checksum: None,
        };
        let key = file.derive(passphrase, &salt).expect("our own parameters are valid; qed");
        let sealed = XChaCha20Poly1305::new(Key::from_slice(&*key))
            .encrypt(XNonce::from_slice(&nonce), Payload { msg: phrase.entropy(), aad: &file.associated() })
            .expect("32 bytes are shorter than the cipher's 256 GiB; qed");
        file.ciphertext = hex::encode(sealed);
        file.checksum = Some(file.digest());
        file
    }

    /// Take the phrase out again.
    ///
    /// # Errors
    /// [`KeyFileError::WrongPassphrase`], [`KeyFileError::Damaged`] or [`KeyFileError::Malformed`].
    pub fn open(&self, passphrase: &Passphrase) -> Result<Phrase, KeyFileError> {
        let malformed = |what: &str| KeyFileError::Malformed(what.to_string());
        self.verify()?;
        if self.kdf.name != KDF || self.cipher != CIPHER {
            return Err(malformed("its algorithms are unknown"));
        }
        let limits =
            [(self.kdf.memory_kib, MAX_MEMORY_KIB), (self.kdf.passes, MAX_PASSES), (self.kdf.lanes, MAX_LANES)];
        let work = u64::from(self.kdf.memory_kib) * u64::from(self.kdf.passes);
        if limits.iter().any(|(value, max)| value > max) || work > MAX_WORK {
            return Err(malformed("it asks for more work than is reasonable"));
        }
        let salt = hex::decode(&self.kdf.salt).map_err(|_| malformed("its salt is not hexadecimal"))?;
        let nonce: [u8; 24] = hex::decode(&self.nonce)
            .ok()
            .and_then(|nonce| nonce.try_into().ok())
            .ok_or_else(|| malformed("its nonce is not 24 hexadecimal bytes"))?;
        let sealed = hex::decode(&self.ciphertext).map_err(|_| malformed("its ciphertext is not hexadecimal"))?;
        let key = self.derive(passphrase, &salt).ok_or_else(|| malformed("its argon2id parameters are invalid"))?;
        let entropy = XChaCha20Poly1305::new(Key::from_slice(&*key))
            .decrypt(XNonce::from_slice(&nonce), Payload { msg: &sealed, aad: &self.associated() })
            .map(Zeroizing::new)
            .map_err(|_| KeyFileError::WrongPassphrase)?;
        Phrase::from_entropy(&entropy).ok_or_else(|| malformed("it holds no phrase"))
    }

    /// The account's address, which needs no passphrase: as the file says, and so only as trustworthy as the file.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Read a key file.
    ///
    /// # Errors
    /// [`KeyFileError::Io`], [`KeyFileError::Malformed`] or [`KeyFileError::Damaged`].
    pub fn read(path: &Path) -> Result<Self, KeyFileError> {
        let io = |source| KeyFileError::Io { path: path.display().to_string(), source };
        let mut text = String::new();
        // Bounded while reading: what says that it is empty, as a device does, may go on for ever.
        let read = fs::File::open(path).and_then(|file| file.take(MAX_FILE + 1).read_to_string(&mut text));
        let length = read.map_err(|source| match source.kind() {
            io::ErrorKind::InvalidData => KeyFileError::Malformed("it is not text".into()),
            _ => io(source),
        })?;
        if u64::try_from(length).is_ok_and(|length| length > MAX_FILE) {
            return Err(KeyFileError::Malformed("it is far too long".into()));
        }
        // What the parser has to say about lines and columns helps nobody with a file that a program wrote.
        let file: Self =
            serde_json::from_str(&text).map_err(|_| KeyFileError::Malformed("it cannot be read as one".into()))?;
        file.verify()?;
        Ok(file)
    }

    /// Whether the version is known and the checksum fits.
    fn verify(&self) -> Result<(), KeyFileError> {
        match self.version {
            WITHOUT_CHECKSUM => Ok(()),
            VERSION if self.checksum.as_ref() == Some(&self.digest()) => Ok(()),
            VERSION => Err(KeyFileError::Damaged),
            version => Err(KeyFileError::Malformed(format!("its version is {version}, this program knows {VERSION}"))),
        }
    }

    /// The checksum that the file should have.
    fn digest(&self) -> String {
        let associated = self.associated();
        let rest = [&self.kdf.name, &self.cipher, &self.nonce, &self.ciphertext].map(|text| text.as_bytes());
        let parts = [&[associated.as_slice()][..], &rest].concat();
        let digest = crate::hash(b"station/keyfile-checksum/1", &parts);
        hex::encode(&digest[..8])
    }

    /// Write a new key file, readable by its owner only; what is there already is never replaced.
    ///
    /// # Errors
    /// [`KeyFileError::Exists`] or [`KeyFileError::Io`].
    pub fn write_new(&self, path: &Path) -> Result<(), KeyFileError> {
        let io = |source: io::Error| match source.kind() {
            io::ErrorKind::AlreadyExists => KeyFileError::Exists(path.display().to_string()),
            _ => KeyFileError::Io { path: path.display().to_string(), source },
        };
        if path.exists() {
            return Err(KeyFileError::Exists(path.display().to_string()));
        }
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let mut folder = fs::DirBuilder::new();
        folder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut folder, 0o700);
        folder.create(parent).map_err(io)?;
        let mut text = serde_json::to_string_pretty(self).expect("plain strings and numbers become JSON; qed");
        text.push('\n');
        // A whole file or none: written beside its place, synced, then linked to it, which fails if the place is taken.
        let temporary = path.with_extension(format!("{}.tmp", bs58::encode(crate::random::<6>()).into_string()));
        let written = (|| -> io::Result<()> {
            let mut options = fs::OpenOptions::new();
            options.write(true).create_new(true);
            #[cfg(unix)]
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
            let mut file = options.open(&temporary)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            fs::hard_link(&temporary, path)?;
            // The name has to survive a power cut as well: whoever wrote the words down may trust the file from now on.
            #[cfg(unix)]
            fs::File::open(parent)?.sync_all()?;
            Ok(())
        })();
        let _ = fs::remove_file(&temporary);
        written.map_err(io)
    }

    fn associated(&self) -> Vec<u8> {
        let numbers = [self.version, self.kdf.memory_kib, self.kdf.passes, self.kdf.lanes].map(u32::to_le_bytes);
        crate::hash(b"station/keyfile/1", &[self.address.as_bytes(), numbers.as_flattened(), self.kdf.salt.as_bytes()])
            .to_vec()
    }

    fn derive(&self, passphrase: &Passphrase, salt: &[u8]) -> Option<Zeroizing<[u8; 32]>> {
        let params = Params::new(self.kdf.memory_kib, self.kdf.passes, self.kdf.lanes, Some(32)).ok()?;
        let mut key = Zeroizing::new([0u8; 32]);
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into(passphrase.0.as_bytes(), salt, &mut *key)
            .ok()?;
        Some(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cheap(phrase: &Phrase, passphrase: &str) -> KeyFile {
        KeyFile::seal_with(phrase, &Passphrase::new(passphrase), 64, 1)
    }

    #[test]
    fn a_key_file_opens_with_its_passphrase_only() {
        let phrase = Phrase::generate();
        let file = cheap(&phrase, "correct horse");
        assert_eq!(file.open(&Passphrase::new("correct horse\n")).unwrap().entropy(), phrase.entropy());
        assert!(matches!(file.open(&Passphrase::new("wrong")), Err(KeyFileError::WrongPassphrase)));
        assert!(matches!(file.open(&Passphrase::new("")), Err(KeyFileError::WrongPassphrase)));
    }

    #[test]
    fn what_stands_in_the_clear_cannot_be_changed() {
        let mut file = cheap(&Phrase::generate(), "p");
        file.address = Account::from_dev_uri("//Alice").unwrap().address();
        assert!(matches!(file.open(&Passphrase::new("p")), Err(KeyFileError::Damaged)));
        // Not even by who makes the checksum anew.
        file.checksum = Some(file.digest());
        assert!(matches!(file.open(&Passphrase::new("p")), Err(KeyFileError::WrongPassphrase)));
        // Nor by who takes it out.
        (file.version, file.checksum) = (WITHOUT_CHECKSUM, None);
        assert!(matches!(file.open(&Passphrase::new("p")), Err(KeyFileError::WrongPassphrase)));
    }

    #[test]
    fn a_damaged_file_is_told_from_a_wrong_passphrase_without_one() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key.json");
        let file = cheap(&Phrase::generate(), "p");
        file.write_new(&path).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        let other = |digits: &str| {
            let first = if digits.starts_with('0') { "1" } else { "0" };
            format!("{first}{}", &digits[1..])
        };
        let alice = Account::from_dev_uri("//Alice").unwrap().address();
        for (from, to) in [
            (&file.ciphertext, other(&file.ciphertext)),
            (&file.nonce, other(&file.nonce)),
            (&file.kdf.salt, other(&file.kdf.salt)),
            (&file.address, alice),
            (&"\"passes\": 1".to_owned(), "\"passes\": 2".to_owned()),
        ] {
            let changed = text.replace(from.as_str(), &to);
            assert_ne!(changed, text, "{from}");
            fs::write(&path, changed).unwrap();
            assert!(matches!(KeyFile::read(&path), Err(KeyFileError::Damaged)), "{from}");
        }
        let without = text.lines().filter(|line| !line.contains("checksum")).collect::<String>();
        fs::write(&path, without.replace("\",}", "\"}")).unwrap();
        assert!(matches!(KeyFile::read(&path), Err(KeyFileError::Damaged)));
    }

    #[test]
    fn a_file_of_the_version_before_still_opens() {
        let phrase = Phrase::generate_12();
        let mut file = KeyFile { version: WITHOUT_CHECKSUM, ..cheap(&phrase, "p") };
        file.checksum = None;
        let salt = hex::decode(&file.kdf.salt).unwrap();
        let nonce: [u8; 24] = hex::decode(&file.nonce).unwrap().try_into().unwrap();
        let key = file.derive(&Passphrase::new("p"), &salt).unwrap();
        let sealed = XChaCha20Poly1305::new(Key::from_slice(&*key))
            .encrypt(XNonce::from_slice(&nonce), Payload { msg: phrase.entropy(), aad: &file.associated() })
            .unwrap();
        file.ciphertext = hex::encode(sealed);
        assert_eq!(file.open(&Passphrase::new("p")).unwrap().entropy(), phrase.entropy());
    }

    #[test]
    fn a_file_that_asks_for_absurd_work_is_refused() {
        let mut file = cheap(&Phrase::generate(), "p");
        for (memory, passes, lanes) in
            [(u32::MAX, 1, 1), (64, u32::MAX, 1), (64, 1, u32::MAX), (MAX_MEMORY_KIB, MAX_PASSES, 1), (0, 0, 0)]
        {
            (file.kdf.memory_kib, file.kdf.passes, file.kdf.lanes) = (memory, passes, lanes);
            file.checksum = Some(file.digest());
            let opened = file.open(&Passphrase::new("p"));
            assert!(matches!(opened, Err(KeyFileError::Malformed(_))), "{memory} KiB, {passes} passes, {lanes} lanes");
        }
    }

    #[test]
    fn a_file_is_read_as_it_is_written_and_never_written_over() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("sub/key.json");
        let file = cheap(&Phrase::generate(), "p");
        file.write_new(&path).unwrap();
        assert_eq!(KeyFile::read(&path).unwrap(), file);
        assert!(matches!(cheap(&Phrase::generate(), "q").write_new(&path), Err(KeyFileError::Exists(_))));
        assert_eq!(KeyFile::read(&path).unwrap(), file);
        assert_eq!(fs::read_dir(dir.path().join("sub")).unwrap().count(), 1, "no temporary file is left");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
            assert_eq!(fs::metadata(path.parent().unwrap()).unwrap().permissions().mode() & 0o777, 0o700);
        }
    }

    #[test]
    fn what_is_no_key_file_says_so() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x");
        assert!(matches!(KeyFile::read(&path), Err(KeyFileError::Io { .. })));
        let long = vec![b' '; 70_000];
        for bad in [&b"{}"[..], b"\xff\xfe", b"[1,2", &long] {
            fs::write(&path, bad).unwrap();
            assert!(matches!(KeyFile::read(&path), Err(KeyFileError::Malformed(_))));
        }
    }

    #[test]
    fn the_parameters_written_are_the_strong_ones() {
        let file = KeyFile::seal(&Phrase::generate_12(), &Passphrase::new("p"));
        assert_eq!((file.kdf.memory_kib, file.kdf.passes, file.kdf.lanes), (65_536, 3, 1));
        assert!(file.open(&Passphrase::new("p")).is_ok());
    }
}
