//! The place for local state, `STATION_HOME`: whole files or none, and one process at a time.

use crate::error::FilesError;
use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Write},
    path::{Path, PathBuf},
};

/// `STATION_HOME`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Home {
    root: PathBuf,
}

impl Home {
    /// State below `root`, which need not exist yet.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The folder itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The wallet that is used when no `--key` is given.
    pub fn wallet(&self) -> PathBuf {
        self.root.join("wallet.json")
    }

    /// Where an interrupted put keeps its shards and its journal.
    pub(crate) fn put_dir(&self, name: &str) -> PathBuf {
        self.root.join("puts").join(name)
    }

    /// The folders of interrupted puts.
    pub(crate) fn puts(&self) -> Vec<PathBuf> {
        let found = fs::read_dir(self.root.join("puts")).into_iter().flatten().flatten();
        found.map(|entry| entry.path()).collect()
    }

    /// Where shards that a repair has computed are kept until they are with their new holders.
    pub(crate) fn repair_dir(&self, name: &str) -> PathBuf {
        self.root.join("repairs").join(name)
    }

    /// The file index of an account.
    pub(crate) fn index(&self, address: &str) -> PathBuf {
        self.root.join("index").join(address)
    }
}

/// Create a folder that only its owner reads, with its parents.
pub(crate) fn create_private_dir(path: &Path) -> Result<(), FilesError> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path).map_err(FilesError::disk(path))
}

/// Replace a file as a whole: whoever reads it, also after a kill or a power cut, finds the old or the new content.
pub(crate) fn write_atomic(path: &Path, bytes: &[u8]) -> Result<(), FilesError> {
    let temporary = path.with_extension("tmp");
    let write = || -> io::Result<()> {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&temporary)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&temporary, path)?;
        sync_dir(path.parent().unwrap_or(Path::new(".")))
    };
    write().map_err(FilesError::disk(path))
}

/// Make names in a folder survive a power cut.
pub(crate) fn sync_dir(path: &Path) -> io::Result<()> {
    #[cfg(unix)]
    File::open(path)?.sync_all()?;
    #[cfg(not(unix))]
    let _ = path;
    Ok(())
}

/// Bytes free for us on the disk of `path`; unknown ones are taken for enough, the write will tell.
pub(crate) fn free_space(path: &Path) -> u64 {
    fs4::available_space(path).unwrap_or(u64::MAX)
}

/// A lock that ends with the process that holds it, however that ends.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

impl Lock {
    /// Take it or say who has it: `what` names the thing in the user's words.
    pub fn take(path: &Path, what: &str) -> Result<Self, FilesError> {
        let file = Self::open(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(FilesError::Locked(what.to_string())),
            Err(TryLockError::Error(source)) => Err(FilesError::Disk { path: path.to_owned(), source }),
        }
    }

    /// Wait for it. For what takes milliseconds only.
    pub fn wait(path: &Path) -> Result<Self, FilesError> {
        let file = Self::open(path)?;
        file.lock().map_err(FilesError::disk(path))?;
        Ok(Self { _file: file })
    }

    fn open(path: &Path) -> Result<File, FilesError> {
        OpenOptions::new().write(true).create(true).truncate(false).open(path).map_err(FilesError::disk(path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_held_once() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let first = Lock::take(&path, "it").unwrap();
        assert!(matches!(Lock::take(&path, "it"), Err(FilesError::Locked(what)) if what == "it"));
        drop(first);
        assert!(Lock::take(&path, "it").is_ok());
    }

    #[test]
    fn a_file_is_replaced_as_a_whole() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("journal");
        write_atomic(&path, b"one").unwrap();
        write_atomic(&path, b"two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}
