//! What is to be put: a file or a folder with all that is in it.
//!
//! Files and folders are taken, with names as bytes, permission bits and times of change. Symbolic links, sockets, pipes
//! and devices are not: they mean something on this machine only. Each is named in a warning. A link given as the path
//! itself is followed.

use crate::{
    error::FilesError,
    manifest::{mode_bits, Mtime, MAX_ENTRIES, MAX_NAME, MAX_PATH},
};
use std::{
    fs::{self, Metadata},
    os::unix::{
        ffi::{OsStrExt, OsStringExt},
        fs::MetadataExt,
    },
    path::{Path, PathBuf},
};

/// A file or folder to put.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SourceEntry {
    /// As in the manifest.
    pub path: Vec<u8>,
    /// Permission bits.
    pub mode: u32,
    /// When it was last changed.
    pub mtime: Mtime,
    /// Its length; none for a folder.
    pub len: Option<u64>,
}

/// All that is to be put.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Source {
    /// Where it is: absolute, links resolved.
    pub root: PathBuf,
    /// The name of the root.
    pub name: Vec<u8>,
    /// The root first, folders before what is in them, each folder sorted by name.
    pub entries: Vec<SourceEntry>,
    /// What was left out, at most [`MAX_SKIPPED`] of it.
    pub skipped: Vec<PathBuf>,
}

/// Warnings beyond this help nobody.
const MAX_SKIPPED: usize = 20;

impl Source {
    /// Look at everything below `path`.
    pub fn walk(path: &Path) -> Result<Self, FilesError> {
        let root = fs::canonicalize(path).map_err(|source| match source.kind() {
            std::io::ErrorKind::NotFound => FilesError::SourceMissing(path.to_owned()),
            _ => FilesError::Disk { path: path.to_owned(), source },
        })?;
        let metadata = fs::metadata(&root).map_err(FilesError::disk(&root))?;
        let name = root.file_name().map_or_else(|| b"root".to_vec(), |name| name.as_bytes().to_vec());
        let mut source = Self { root: root.clone(), name, entries: Vec::new(), skipped: Vec::new() };
        if metadata.is_file() {
            source.entries.push(entry(Vec::new(), &metadata));
            return Ok(source);
        }
        if !metadata.is_dir() {
            return Err(FilesError::SourceKind(path.to_owned()));
        }
        source.entries.push(entry(Vec::new(), &metadata));
        // Depth first by hand: a deep tree must not exhaust the stack.
        let mut pending = vec![Vec::new()];
        while let Some(folder) = pending.pop() {
            source.add_folder(&folder, &mut pending)?;
        }
        Ok(source)
    }

    /// Whether it is a folder, not a single file.
    pub fn is_folder(&self) -> bool {
        self.entries.first().is_some_and(|root| root.len.is_none())
    }

    fn add_folder(&mut self, folder: &[u8], pending: &mut Vec<Vec<u8>>) -> Result<(), FilesError> {
        let at = self.full_path(folder);
        let disk = FilesError::disk(&at);
        let mut names = Vec::new();
        for found in fs::read_dir(&at).map_err(&disk)? {
            names.push(found.map_err(&disk)?.file_name().into_vec());
            if names.len() + self.entries.len() > MAX_ENTRIES {
                return Err(FilesError::TooLarge(format!(
                    "{} holds more than {MAX_ENTRIES} files and folders: put parts of it one by one",
                    self.root.display()
                )));
            }
        }
        names.sort_unstable();
        let mut folders = Vec::new();
        for name in names {
            let mut path = folder.to_vec();
            if !path.is_empty() {
                path.push(b'/');
            }
            path.extend_from_slice(&name);
            let full = self.full_path(&path);
            if path.len() > MAX_PATH || name.len() > MAX_NAME {
                return Err(FilesError::TooLarge(format!("the name of {} is too long", full.display())));
            }
            // Not followed: a link shows itself as one.
            let metadata = fs::symlink_metadata(&full).map_err(FilesError::disk(&full))?;
            if metadata.is_dir() {
                folders.push(path.clone());
            } else if !metadata.is_file() {
                if self.skipped.len() < MAX_SKIPPED {
                    self.skipped.push(full);
                }
                continue;
            }
            self.entries.push(entry(path, &metadata));
        }
        folders.reverse();
        pending.append(&mut folders);
        Ok(())
    }

    /// Where an entry is.
    pub fn full_path(&self, path: &[u8]) -> PathBuf {
        if path.is_empty() {
            self.root.clone()
        } else {
            self.root.join(std::ffi::OsStr::from_bytes(path))
        }
    }

    /// Bytes of all files.
    pub fn bytes(&self) -> u64 {
        self.entries.iter().filter_map(|entry| entry.len).sum()
    }

    /// Tells whether something changed since: names, lengths, modes, times. `options` go in too, since a put with other
    /// ones is another put.
    pub fn fingerprint(&self, options: &[u8]) -> [u8; 32] {
        let mut state = blake2b_simd::Params::new().hash_length(32).to_state();
        let mut part = |bytes: &[u8]| {
            state.update(&u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_le_bytes());
            state.update(bytes);
        };
        part(options);
        part(self.root.as_os_str().as_bytes());
        for entry in &self.entries {
            part(&entry.path);
            part(&entry.mode.to_le_bytes());
            part(&entry.mtime.seconds.to_le_bytes());
            part(&entry.mtime.nanos.to_le_bytes());
            part(&entry.len.unwrap_or(u64::MAX).to_le_bytes());
        }
        let mut out = [0; 32];
        out.copy_from_slice(state.finalize().as_bytes());
        out
    }
}

/// When something was last changed.
pub(crate) fn mtime_of(metadata: &Metadata) -> Mtime {
    Mtime { seconds: metadata.mtime(), nanos: u32::try_from(metadata.mtime_nsec()).unwrap_or(0) }
}

fn entry(path: Vec<u8>, metadata: &Metadata) -> SourceEntry {
    SourceEntry {
        path,
        mode: mode_bits(metadata.mode()),
        mtime: mtime_of(metadata),
        len: metadata.is_file().then_some(metadata.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(source: &Source) -> Vec<String> {
        source.entries.iter().map(|entry| String::from_utf8(entry.path.clone()).unwrap()).collect()
    }

    #[test]
    fn a_folder_is_taken_with_everything_but_links() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("a folder");
        fs::create_dir_all(root.join("b/empty folder")).unwrap();
        fs::write(root.join("b/x y"), b"12").unwrap();
        fs::write(root.join("a-ü"), b"").unwrap();
        std::os::unix::fs::symlink("/etc/passwd", root.join("link")).unwrap();
        let source = Source::walk(&root).unwrap();
        assert_eq!(source.name, b"a folder");
        assert_eq!(paths(&source), ["", "a-ü", "b", "b/empty folder", "b/x y"]);
        assert_eq!(source.bytes(), 2);
        assert_eq!(source.skipped.len(), 1);
        assert!(source.skipped[0].ends_with("link"));
    }

    #[test]
    fn a_single_file_is_its_own_root() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("f"), b"123").unwrap();
        let source = Source::walk(&dir.path().join("f")).unwrap();
        assert_eq!((paths(&source), source.bytes(), source.name), (vec![String::new()], 3, b"f".to_vec()));
    }

    #[test]
    fn every_change_changes_the_fingerprint() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("f");
        fs::write(&file, b"123").unwrap();
        let print = |options: &[u8]| Source::walk(dir.path()).unwrap().fingerprint(options);
        let before = print(b"");
        assert_eq!(before, print(b""));
        assert_ne!(before, print(b"x"));
        fs::write(&file, b"1234").unwrap();
        let after = print(b"");
        assert_ne!(before, after);
        fs::File::open(&file).unwrap().set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
        assert_ne!(after, print(b""));
    }

    #[test]
    fn what_is_not_there_says_so() {
        assert!(matches!(Source::walk(Path::new("/no/such/path")), Err(FilesError::SourceMissing(_))));
        assert!(matches!(Source::walk(Path::new("/dev/null")), Err(FilesError::SourceKind(_))));
    }
}
