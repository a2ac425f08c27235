//! Folders, files with their space taken beforehand, and what the disk has left.

use crate::{Error, Result};
use station_porep::io::{ReadAt, WriteAt};
use station_primitives::ReplicaId;
use std::{
    fs::{self, File, OpenOptions},
    io,
    path::{Path, PathBuf},
};

/// What shards leave free of the disk: the index and the logs, and a chain's database beside them, must work when the
/// offer is used up.
pub(crate) const RESERVE: u64 = 64 << 20;

/// The folders of a store.
pub(crate) struct Folders {
    pub root: PathBuf,
    pub incoming: PathBuf,
    pub received: PathBuf,
    pub sealing: PathBuf,
    pub sealed: PathBuf,
    pub index: PathBuf,
}

impl Folders {
    pub fn of(root: &Path) -> Self {
        Self {
            root: root.to_path_buf(),
            incoming: root.join("incoming"),
            received: root.join("received"),
            sealing: root.join("sealing"),
            sealed: root.join("sealed"),
            index: root.join("index"),
        }
    }

    /// Makes the folders that are not there.
    pub fn create(&self) -> Result<()> {
        for dir in [&self.incoming, &self.received, &self.sealing, &self.sealed] {
            fs::create_dir_all(dir).map_err(|error| Error::file("make", dir, error))?;
        }
        sync_folder(&self.root)
    }

    /// Pieces so far.
    pub fn incoming(&self, replica: ReplicaId) -> PathBuf {
        self.incoming.join(name(replica, "part"))
    }

    /// All pieces.
    pub fn received(&self, replica: ReplicaId) -> PathBuf {
        self.received.join(name(replica, "data"))
    }

    /// Sealed labels so far.
    pub fn sealing(&self, replica: ReplicaId) -> PathBuf {
        self.sealing.join(name(replica, "part"))
    }

    /// The sealed replica.
    pub fn sealed(&self, replica: ReplicaId) -> PathBuf {
        self.sealed.join(name(replica, "shard"))
    }
}

/// The replica that a file's name says it is of.
pub(crate) fn replica_of(path: &Path) -> Option<ReplicaId> {
    path.file_stem()?.to_str()?.replace('-', "/").parse().ok()
}

fn name(replica: ReplicaId, extension: &str) -> String {
    format!("{}-{}-{}.{extension}", replica.shard.deal, replica.shard.index, replica.slot)
}

/// A new file of `bytes` bytes that has its space on the disk already, where the file system can promise that. Removed
/// again if it cannot.
pub(crate) fn allocate(path: &Path, bytes: u64) -> Result<File> {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(true)
        .open(path)
        .map_err(|error| Error::file("create", path, error))?;
    let allocated = match fs4::fs_std::FileExt::allocate(&file, bytes) {
        // The file system has no way to promise space; then a full disk shows while writing.
        Err(error) if matches!(error.raw_os_error(), Some(libc::EOPNOTSUPP | libc::EINVAL)) => Ok(()),
        other => other,
    };
    // Allocation may leave the length as it was.
    if let Err(error) = allocated.and_then(|()| file.set_len(bytes)).and_then(|()| full_for_tests()) {
        let _ = fs::remove_file(path);
        return Err(match Error::file("allocate", path, error) {
            Error::DiskFull { free, .. } => Error::DiskFull { wanted: Some(bytes), free },
            other => other,
        });
    }
    Ok(file)
}

/// The failpoint of a disk that is full.
fn full_for_tests() -> io::Result<()> {
    fail::fail_point!("store:allocated", |_| Err(io::ErrorKind::StorageFull.into()));
    Ok(())
}

/// Opens for reading and writing.
pub(crate) fn open_writable(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).open(path)
}

/// Bytes of a file.
pub(crate) fn file_bytes(file: &File, path: &Path) -> Result<u64> {
    Ok(file.metadata().map_err(|error| Error::file("look at", path, error))?.len())
}

/// Makes names in a folder durable.
pub(crate) fn sync_folder(dir: &Path) -> Result<()> {
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(|error| Error::file("sync", dir, error))
}

/// Syncs the content, renames, syncs both folders.
pub(crate) fn publish(file: &File, from: &Path, to: &Path) -> Result<()> {
    file.sync_all().map_err(|error| Error::file("sync", from, error))?;
    rename(from, to)
}

/// Renames and syncs both folders.
pub(crate) fn rename(from: &Path, to: &Path) -> Result<()> {
    fs::rename(from, to).map_err(|error| Error::file("rename", from, error))?;
    for path in [to, from] {
        if let Some(dir) = path.parent() {
            sync_folder(dir)?;
        }
    }
    Ok(())
}

/// Removes a file if it is there; `true` if it was.
pub(crate) fn remove(path: &Path) -> Result<bool> {
    match fs::remove_file(path) {
        Ok(()) => {
            if let Some(dir) = path.parent() {
                sync_folder(dir)?;
            }
            Ok(true)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(Error::file("remove", path, error)),
    }
}

/// Asks the system to forget what it has of a file in memory, so that what is read next comes from the disk. Best effort:
/// pages in use elsewhere stay.
pub(crate) fn uncache(file: &File, at: u64, bytes: u64) {
    #[cfg(target_os = "linux")]
    {
        use std::os::fd::AsRawFd;
        let (Ok(at), Ok(bytes)) = (libc::off_t::try_from(at), libc::off_t::try_from(bytes)) else { return };
        // SAFETY: the descriptor is open as long as `file` is, and no memory of ours is touched.
        let _ = unsafe { libc::posix_fadvise(file.as_raw_fd(), at, bytes, libc::POSIX_FADV_DONTNEED) };
    }
    #[cfg(not(target_os = "linux"))]
    let _ = (file, at, bytes);
}

/// Bytes of the disk that shards may take.
pub(crate) fn free(dir: &Path) -> Result<u64> {
    let free = fs4::available_space(dir).map_err(|error| Error::file("look at", dir, error))?;
    Ok(free.saturating_sub(RESERVE))
}

/// A part of a file, from `base` on.
pub(crate) struct Section<'a> {
    pub file: &'a File,
    pub base: u64,
}

impl Section<'_> {
    fn at(&self, offset: u64) -> io::Result<u64> {
        self.base.checked_add(offset).ok_or_else(|| io::ErrorKind::InvalidInput.into())
    }
}

impl ReadAt for Section<'_> {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        ReadAt::read_at(self.file, self.at(offset)?, buf)
    }
}

impl WriteAt for Section<'_> {
    fn write_at(&self, offset: u64, buf: &[u8]) -> io::Result<()> {
        WriteAt::write_at(self.file, self.at(offset)?, buf)
    }
}
