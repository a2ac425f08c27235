//! The header and the manifest: what lies where in the flat space, and what it is.
//!
//! Both are read from strangers (a link is public), so everything in them is bounded and checked: sizes, overlaps, and
//! above all paths, which must stay below the target whatever they say.

use crate::error::FilesError;
use codec::{Decode, DecodeAll, Encode};
use station_client_crypto::{segments_len, ContentKey, TAG_BYTES};
use std::collections::HashSet;

/// Bytes of the header's plaintext.
const HEADER_PLAIN: usize = 64;
/// Bytes of the header as it lies at the beginning of the flat space.
pub(crate) const HEADER_BYTES: u64 = (HEADER_PLAIN + TAG_BYTES) as u64;
const VERSION: u8 = 1;
/// The most entries of one put: the manifest is held in memory, some 150 bytes for each.
pub(crate) const MAX_ENTRIES: usize = 500_000;
/// The longest manifest.
pub(crate) const MAX_MANIFEST: u64 = 128 << 20;
/// The longest path in a manifest: Linux's `PATH_MAX`.
pub(crate) const MAX_PATH: usize = 4_096;
/// The longest name of a file: every file system's `NAME_MAX`.
pub(crate) const MAX_NAME: usize = 255;
/// Permission bits that are kept; set-user-id and its kin are not.
const MODE_BITS: u32 = 0o777;

/// Where the manifest is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) struct Header {
    version: u8,
    /// Where its sealed segments begin in the flat space: the end of the files.
    pub manifest_offset: u64,
    /// Bytes of its plaintext.
    pub manifest_len: u64,
}

impl Header {
    pub fn new(manifest_offset: u64, manifest_len: u64) -> Self {
        Self { version: VERSION, manifest_offset, manifest_len }
    }

    /// The end of everything that is not padding.
    pub fn total(&self) -> u64 {
        self.manifest_offset.saturating_add(segments_len(self.manifest_len))
    }

    pub fn to_plain(self) -> Vec<u8> {
        let mut plain = self.encode();
        plain.resize(HEADER_PLAIN, 0);
        plain
    }

    /// Read it, for a flat space of `room` bytes.
    pub fn from_plain(plain: &[u8], room: u64) -> Result<Self, FilesError> {
        let bad = |why: &str| FilesError::Content(why.to_string());
        let header = Self::decode(&mut &plain[..]).map_err(|_| bad("its header is cut short"))?;
        if header.version != VERSION {
            return Err(bad("a later program made it"));
        }
        if header.manifest_len > MAX_MANIFEST || header.manifest_offset < HEADER_BYTES || header.total() > room {
            return Err(bad("its manifest lies outside of it"));
        }
        Ok(header)
    }
}

/// When something was last changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub(crate) struct Mtime {
    /// Since 1970, negative before.
    pub seconds: i64,
    /// Below 10^9.
    pub nanos: u32,
}

/// What an entry is.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[allow(clippy::cast_possible_truncation)] // Encode's derive casts the variant's number.
pub(crate) enum Content {
    /// A folder.
    #[codec(index = 0)]
    Folder,
    /// A file.
    #[codec(index = 1)]
    File {
        /// Bytes of its plaintext.
        len: u64,
        /// Where its segments begin in the flat space.
        offset: u64,
        /// Its own key: who removes it forgets this.
        key: ContentKey,
        /// blake2b-256 of its plaintext.
        digest: [u8; 32],
    },
}

impl Content {
    /// Bytes of its plaintext; none for a folder.
    pub fn len(&self) -> u64 {
        match self {
            Self::Folder => 0,
            Self::File { len, .. } => *len,
        }
    }

    /// Where it ends in the flat space.
    pub fn end(&self) -> u64 {
        match self {
            Self::Folder => 0,
            Self::File { len, offset, .. } => offset.saturating_add(stored_len(*len)),
        }
    }
}

/// A file or a folder.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) struct Entry {
    /// Names joined by `/`, relative to the root of what was put; empty for the root itself. Bytes, as Unix has them.
    pub path: Vec<u8>,
    /// Permission bits.
    pub mode: u32,
    /// When it was last changed.
    pub mtime: Mtime,
    /// What it is.
    pub content: Content,
}

/// All that was put.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) struct Manifest {
    version: u8,
    /// The name of the file or folder that was put.
    pub name: Vec<u8>,
    /// In the order of the flat space, folders before what is in them. If the first is a file, it is the only one and
    /// has an empty path: a single file was put.
    pub entries: Vec<Entry>,
}

/// Bytes that a file takes in the flat space. An empty one takes none: the manifest says all there is.
pub(crate) fn stored_len(len: u64) -> u64 {
    if len == 0 {
        0
    } else {
        segments_len(len)
    }
}

impl Manifest {
    pub fn new(name: Vec<u8>, entries: Vec<Entry>) -> Self {
        Self { version: VERSION, name, entries }
    }

    /// Whether one file was put and no folder.
    pub fn is_single_file(&self) -> bool {
        matches!(self.entries.first(), Some(Entry { content: Content::File { .. }, .. }))
    }

    /// Bytes of all files.
    pub fn bytes(&self) -> u64 {
        self.entries.iter().map(|entry| entry.content.len()).sum()
    }

    /// Read and check it; files must lie between the header and `end`.
    pub fn from_plain(plain: &[u8], end: u64) -> Result<Self, FilesError> {
        let bad = |why: &str| FilesError::Content(why.to_string());
        let manifest = Self::decode_all(&mut &plain[..]).map_err(|_| bad("its manifest cannot be read"))?;
        if manifest.version != VERSION {
            return Err(bad("a later program made it"));
        }
        if manifest.entries.is_empty() || manifest.entries.len() > MAX_ENTRIES {
            return Err(bad("it has no entries, or too many"));
        }
        if !is_name(&manifest.name) {
            return Err(bad("its name is no file name"));
        }
        let mut folders: HashSet<&[u8]> = HashSet::new();
        let mut seen: HashSet<&[u8]> = HashSet::new();
        let mut at = HEADER_BYTES;
        for (i, entry) in manifest.entries.iter().enumerate() {
            if (i == 0) != entry.path.is_empty() {
                return Err(bad("its root is not its first entry"));
            }
            if i > 0 {
                if !is_path(&entry.path) {
                    return Err(bad("an entry's path leads elsewhere"));
                }
                let parent = entry.path.iter().rposition(|byte| *byte == b'/').map_or(&b""[..], |at| &entry.path[..at]);
                if !folders.contains(parent) {
                    return Err(bad("an entry is in no folder"));
                }
            }
            if !seen.insert(&entry.path) {
                return Err(bad("two entries have one path"));
            }
            if entry.mode & !MODE_BITS != 0 || entry.mtime.nanos >= 1_000_000_000 {
                return Err(bad("an entry's mode or time is impossible"));
            }
            match &entry.content {
                Content::Folder => {
                    folders.insert(&entry.path);
                }
                Content::File { len, offset, .. } => {
                    let after = stored_len(*len).checked_add(*offset).ok_or_else(|| bad("a file is too long"))?;
                    if *len > end || *offset < at || after > end {
                        return Err(bad("a file lies outside of it, or over another"));
                    }
                    at = after;
                }
            }
        }
        Ok(manifest)
    }
}

/// Whether it names something in a folder and nothing else.
fn is_name(name: &[u8]) -> bool {
    !name.is_empty()
        && name.len() <= MAX_NAME
        && name != b"."
        && name != b".."
        && !name.contains(&b'/')
        && !name.contains(&0)
}

/// Whether it is a path that stays below where it starts.
fn is_path(path: &[u8]) -> bool {
    path.len() <= MAX_PATH && path.split(|byte| *byte == b'/').all(is_name)
}

/// Permission bits as a manifest keeps them.
pub(crate) const fn mode_bits(mode: u32) -> u32 {
    mode & MODE_BITS
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn entry(path: &str, content: Content) -> Entry {
        Entry { path: path.into(), mode: 0o644, mtime: Mtime::default(), content }
    }

    fn file(offset: u64, len: u64) -> Content {
        Content::File { len, offset, key: ContentKey::from_bytes([1; 32]), digest: [2; 32] }
    }

    fn read(entries: Vec<Entry>) -> Result<Manifest, FilesError> {
        Manifest::from_plain(&Manifest::new(b"x".to_vec(), entries).encode(), 10_000)
    }

    #[test]
    fn a_manifest_is_read_as_it_is_written() {
        let entries = vec![
            entry("", Content::Folder),
            entry("a b", Content::Folder),
            entry("a b/ü", file(80, 100)),
            entry("empty", file(196, 0)),
            entry("z", file(196, 5)),
        ];
        let manifest = read(entries.clone()).unwrap();
        assert_eq!(manifest.entries, entries);
        assert_eq!(manifest.bytes(), 105);
        assert!(!manifest.is_single_file());
        assert!(read(vec![entry("", file(80, 9))]).unwrap().is_single_file());
    }

    #[test]
    fn a_path_cannot_lead_out_of_the_target() {
        for bad in ["/etc/passwd", "..", "../x", "a/../../x", "a/..", ".", "a//b", "a/", "/", "a\0b", "a/./b"] {
            let entries = vec![entry("", Content::Folder), entry("a", Content::Folder), entry(bad, file(80, 1))];
            assert!(matches!(read(entries), Err(FilesError::Content(_))), "{bad:?}");
        }
        let mut manifest = Manifest::new(b"../x".to_vec(), vec![entry("", file(80, 1))]);
        assert!(Manifest::from_plain(&manifest.encode(), 10_000).is_err());
        manifest.name = vec![b'a'; MAX_NAME + 1];
        assert!(Manifest::from_plain(&manifest.encode(), 10_000).is_err());
    }

    #[test]
    fn files_that_overlap_or_lie_outside_are_refused() {
        for (a, b) in [((80, 10), (80, 10)), ((200, 10), (100, 10)), ((79, 1), (300, 1)), ((80, 1), (9_999, 1))] {
            let entries = vec![entry("", Content::Folder), entry("a", file(a.0, a.1)), entry("b", file(b.0, b.1))];
            assert!(matches!(read(entries), Err(FilesError::Content(_))), "{a:?} {b:?}");
        }
        assert!(read(vec![entry("", file(80, u64::MAX))]).is_err());
        assert!(read(vec![entry("", file(u64::MAX, 1))]).is_err());
    }

    #[test]
    fn a_tree_that_is_none_is_refused() {
        let root = || entry("", Content::Folder);
        assert!(read(vec![]).is_err());
        assert!(read(vec![entry("a", file(80, 1))]).is_err(), "no root");
        assert!(read(vec![root(), root()]).is_err(), "two roots");
        assert!(read(vec![root(), entry("a", Content::Folder), entry("a", file(80, 1))]).is_err(), "two of one path");
        assert!(read(vec![root(), entry("a/b", file(80, 1))]).is_err(), "no parent");
        assert!(read(vec![root(), entry("a", file(80, 1)), entry("a/b", file(200, 1))]).is_err(), "a file as parent");
        assert!(read(vec![entry("", file(80, 1)), entry("b", file(200, 1))]).is_err(), "a file as root of a folder");
        let mut sticky = root();
        sticky.mode = 0o4755;
        assert!(read(vec![sticky]).is_err(), "set-user-id");
    }

    #[test]
    fn a_header_outside_of_its_space_is_refused() {
        let read = |header: Header| Header::from_plain(&header.to_plain(), 1_000);
        assert!(read(Header::new(80, 100)).is_ok());
        for (offset, len) in [(79, 1), (80, 1_000), (u64::MAX, 1), (80, u64::MAX), (2_000, 1)] {
            assert!(read(Header::new(offset, len)).is_err(), "{offset} {len}");
        }
        assert_eq!(Header::new(80, 100).to_plain().len(), HEADER_PLAIN);
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = Manifest::from_plain(&bytes, 10_000);
            let _ = Header::from_plain(&bytes, 10_000);
        }

        #[test]
        fn the_length_is_known_before_the_digests(path in "[a-z]{1,40}", digest: [u8; 32]) {
            let make = |digest| {
                let content = Content::File { len: 7, offset: 80, key: ContentKey::from_bytes([1; 32]), digest };
                Manifest::new(path.clone().into_bytes(), vec![entry("", content)]).encode().len()
            };
            prop_assert_eq!(make([0; 32]), make(digest));
        }
    }
}
