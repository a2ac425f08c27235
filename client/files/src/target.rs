//! Where content is read back to: beside its place first, then renamed to it.
//!
//! `photos` is gathered in `.photos.<link>.part/`, where a later run finds it: a file counts as there when its digest is
//! right, a half one goes on at the last whole segment. Nothing below `photos` is touched before everything is there.

use crate::{
    draft::Digest,
    error::FilesError,
    fetch::Chunk,
    home::{create_private_dir, sync_dir, Lock},
    manifest::{Content, Entry, Manifest, Mtime},
};
use station_client_crypto::{SegmentOpener, SEALED_SEGMENT_BYTES, SEGMENT_BYTES, TAG_BYTES};
use std::{
    ffi::OsStr,
    fs::{self, File, FileTimes, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    os::unix::{ffi::OsStrExt, fs::PermissionsExt},
    path::{Path, PathBuf},
    sync::{
        atomic::{AtomicU64, Ordering},
        Arc,
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tokio::sync::mpsc::Receiver;

/// Read at a time when digests are compared.
const BUFFER: usize = 256 * 1024;

/// A place to read to, held by this process.
#[derive(Debug)]
pub(crate) struct Target {
    /// Where it will be.
    place: PathBuf,
    /// Where it is gathered.
    part: PathBuf,
    _lock: Lock,
}

/// What there is to do.
#[derive(Debug)]
pub(crate) enum Decision {
    /// Everything is at its place already.
    There,
    /// It is to be read.
    Read(Target),
}

/// Where to go on reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Start {
    /// The first entry that is not there.
    pub entry: usize,
    /// Its first segment that is not there.
    pub segment: u64,
}

impl Target {
    /// Decide about `to`; `id` names the link's content.
    pub fn prepare(manifest: &Manifest, to: &Path, id: &str) -> Result<Decision, FilesError> {
        let single = manifest.is_single_file();
        // As `cp` does: a file goes into a folder that exists.
        let into = single && (to.is_dir() || to.as_os_str().as_bytes().ends_with(b"/"));
        let place = if into { to.join(OsStr::from_bytes(&manifest.name)) } else { to.to_owned() };
        let part = part_of(&place, id)?;
        match compare(manifest, &place)? {
            Some(false) => return Err(FilesError::TargetExists(place)),
            Some(true) => {
                clean_up(manifest, &place, &part)?;
                return Ok(Decision::There);
            }
            None => {}
        }
        if let Some(parent) = part.parent() {
            fs::create_dir_all(parent).map_err(FilesError::disk(parent))?;
        }
        create_private_dir(&part)?;
        let lock = Lock::take(&part.join("lock"), &place.display().to_string())?;
        Ok(Decision::Read(Self { place, part, _lock: lock }))
    }

    /// The folder that everything is gathered in.
    pub fn part(&self) -> &Path {
        &self.part
    }

    /// Leave nothing behind when nothing was gathered.
    pub fn discard_if_empty(&self) {
        if !self.part.join("data").exists() {
            // If it cannot be removed it does no harm: the next run uses it.
            let _ = fs::remove_dir_all(&self.part);
        }
    }

    fn path(&self, entry: &Entry) -> PathBuf {
        let data = self.part.join("data");
        if entry.path.is_empty() {
            data
        } else {
            data.join(OsStr::from_bytes(&entry.path))
        }
    }

    /// Find what an earlier run left, and make the folders. None if everything is there.
    pub fn start(&self, manifest: &Manifest) -> Result<Option<Start>, FilesError> {
        for folder in manifest.entries.iter().filter(|entry| entry.content == Content::Folder) {
            let path = self.path(folder);
            match fs::create_dir(&path) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                    return Err(FilesError::Disk { path, source: error })
                }
                // An earlier run may have set the final mode already.
                _ => set_mode(&path, 0o700)?,
            }
        }
        for (index, entry) in manifest.entries.iter().enumerate() {
            let Content::File { len, digest, .. } = &entry.content else { continue };
            let path = self.path(entry);
            let found = match File::open(&path) {
                Ok(file) => file.metadata().map_err(FilesError::disk(&path))?.len(),
                Err(_) => return Ok(Some(Start { entry: index, segment: 0 })),
            };
            if found == *len && digest_of(&path, *len)? == *digest {
                continue;
            }
            let whole = if found < *len { found / SEGMENT_BYTES as u64 } else { 0 };
            return Ok(Some(Start { entry: index, segment: whole }));
        }
        Ok(None)
    }

    /// Where `start` is in the flat space.
    pub fn offset(manifest: &Manifest, start: Start) -> u64 {
        match manifest.entries[start.entry].content {
            Content::File { offset, .. } => offset + start.segment * SEALED_SEGMENT_BYTES as u64,
            Content::Folder => 0,
        }
    }

    /// Decrypt and write everything from `start` on. `done` counts plaintext bytes.
    pub fn write(
        &self,
        manifest: &Manifest,
        start: Start,
        chunks: Receiver<Chunk>,
        done: &Arc<AtomicU64>,
    ) -> Result<(), FilesError> {
        let mut reader = FlatReader::new(chunks);
        for (index, entry) in manifest.entries.iter().enumerate().skip(start.entry) {
            let first = if index == start.entry { start.segment } else { 0 };
            if matches!(entry.content, Content::File { .. }) {
                self.write_file(entry, first, &mut reader, done)?;
                fail::fail_point!("get:file");
            }
        }
        Ok(())
    }

    fn write_file(
        &self,
        entry: &Entry,
        first: u64,
        reader: &mut FlatReader,
        done: &Arc<AtomicU64>,
    ) -> Result<(), FilesError> {
        let Content::File { len, offset, key, digest } = &entry.content else { return Ok(()) };
        let path = self.path(entry);
        let disk = FilesError::disk(&path);
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(first == 0);
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&path).map_err(&disk)?;
        let mut sum = Digest::new();
        let mut at = first * SEGMENT_BYTES as u64;
        if first > 0 {
            file.set_len(at).map_err(&disk)?;
            hash_into(&mut sum, &mut file, at).map_err(&disk)?;
            file.seek(SeekFrom::Start(at)).map_err(&disk)?;
        }
        let mut opener = SegmentOpener::new(key, first);
        let mut from = offset + first * SEALED_SEGMENT_BYTES as u64;
        let mut segment = Vec::new();
        while at < *len {
            let plain = usize::try_from(*len - at).map_or(SEGMENT_BYTES, |rest| rest.min(SEGMENT_BYTES));
            reader.read(from, plain + TAG_BYTES, &mut segment)?;
            from += u64::try_from(segment.len()).unwrap_or(0);
            let next = at + u64::try_from(plain).unwrap_or(0);
            opener.open(&mut segment, next == *len).map_err(|_| FilesError::WrongKey)?;
            sum.update(&segment);
            file.write_all(&segment).map_err(&disk)?;
            at = next;
            done.fetch_add(u64::try_from(plain).unwrap_or(0), Ordering::Relaxed);
            fail::fail_point!("get:segment");
        }
        if sum.finish() != *digest {
            if first > 0 {
                // What the earlier run left was damaged, perhaps by a power cut: this file begins anew next time.
                file.set_len(0).map_err(&disk)?;
                return Err(FilesError::Stalled(format!("{} was damaged and is read again", path.display())));
            }
            return Err(FilesError::Content("a file's digest is not that of its manifest".into()));
        }
        file.sync_data().map_err(&disk)
    }

    /// Set modes and times and bring everything to its place.
    pub fn finish(self, manifest: &Manifest) -> Result<PathBuf, FilesError> {
        // Folders after what is in them: writing into a folder changes its time, and its mode may forbid it.
        for entry in manifest.entries.iter().rev().filter(|entry| !entry.path.is_empty()) {
            set_metadata(&self.path(entry), entry)?;
        }
        let (data, place) = (self.part.join("data"), &self.place.clone());
        let disk = FilesError::disk(place);
        fail::fail_point!("get:renaming");
        // An empty folder that stands there already is replaced; anything else was refused before.
        match fs::rename(&data, place) {
            Err(error) if matches!(error.kind(), io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::IsADirectory) => {
                return Err(FilesError::TargetExists(place.clone()))
            }
            renamed => renamed.map_err(&disk)?,
        }
        fail::fail_point!("get:renamed");
        if let Some(root) = manifest.entries.first() {
            // Last: a folder that forbids writing could not have been renamed.
            set_metadata(place, root)?;
        }
        let parent = place.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        sync_dir(parent).map_err(&disk)?;
        fs::remove_dir_all(&self.part).map_err(FilesError::disk(&self.part))?;
        Ok(self.place)
    }
}

/// Where what belongs to `place` is gathered.
fn part_of(place: &Path, id: &str) -> Result<PathBuf, FilesError> {
    let name = place
        .file_name()
        .ok_or_else(|| FilesError::Usage(format!("{} is no place for a file or folder", place.display())))?;
    let parent = match place.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let mut part = OsStr::new(".").to_owned();
    // Names may be as long as a file system allows; the temporary one must not be longer.
    part.push(OsStr::from_bytes(&name.as_bytes()[..name.len().min(180)]));
    part.push(format!(".{id}.part"));
    Ok(parent.join(part))
}

/// Do what an earlier run that was killed after its last rename left undone.
fn clean_up(manifest: &Manifest, place: &Path, part: &Path) -> Result<(), FilesError> {
    if !part.is_dir() {
        return Ok(());
    }
    let _lock = Lock::take(&part.join("lock"), &place.display().to_string())?;
    if let Some(root) = manifest.entries.first() {
        set_metadata(place, root)?;
    }
    fs::remove_dir_all(part).map_err(FilesError::disk(part))
}

/// Whether `place` holds exactly the manifest's content; none if nothing (or an empty folder for a folder) is there.
fn compare(manifest: &Manifest, place: &Path) -> Result<Option<bool>, FilesError> {
    let metadata = match fs::symlink_metadata(place) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(FilesError::Disk { path: place.to_owned(), source }),
    };
    if manifest.is_single_file() != metadata.is_file() || metadata.is_symlink() {
        return Ok(Some(false));
    }
    if metadata.is_dir() && fs::read_dir(place).map_err(FilesError::disk(place))?.next().is_none() {
        return Ok(if manifest.entries.len() == 1 { Some(true) } else { None });
    }
    for entry in &manifest.entries {
        let path = if entry.path.is_empty() { place.to_owned() } else { place.join(OsStr::from_bytes(&entry.path)) };
        let Ok(found) = fs::symlink_metadata(&path) else { return Ok(Some(false)) };
        let same = match &entry.content {
            Content::Folder => found.is_dir(),
            Content::File { len, digest, .. } => {
                found.is_file() && found.len() == *len && digest_of(&path, *len)? == *digest
            }
        };
        if !same {
            return Ok(Some(false));
        }
    }
    Ok(Some(count(place)? == manifest.entries.len()))
}

/// Files and folders below `place`, itself included; links count too, so that they are noticed.
fn count(place: &Path) -> Result<usize, FilesError> {
    let mut pending = vec![place.to_owned()];
    let mut found = 1;
    while let Some(folder) = pending.pop() {
        if !fs::symlink_metadata(&folder).map_err(FilesError::disk(&folder))?.is_dir() {
            continue;
        }
        for entry in fs::read_dir(&folder).map_err(FilesError::disk(&folder))? {
            found += 1;
            pending.push(entry.map_err(FilesError::disk(&folder))?.path());
        }
    }
    Ok(found)
}

fn hash_into(sum: &mut Digest, file: &mut File, len: u64) -> io::Result<()> {
    file.seek(SeekFrom::Start(0))?;
    let mut limited = file.take(len);
    let mut buffer = vec![0; BUFFER];
    loop {
        match limited.read(&mut buffer)? {
            0 => return Ok(()),
            read => sum.update(&buffer[..read]),
        }
    }
}

fn digest_of(path: &Path, len: u64) -> Result<[u8; 32], FilesError> {
    let mut file = File::open(path).map_err(FilesError::disk(path))?;
    let mut sum = Digest::new();
    hash_into(&mut sum, &mut file, len).map_err(FilesError::disk(path))?;
    Ok(sum.finish())
}

fn set_mode(path: &Path, mode: u32) -> Result<(), FilesError> {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).map_err(FilesError::disk(path))
}

fn set_metadata(path: &Path, entry: &Entry) -> Result<(), FilesError> {
    let disk = FilesError::disk(path);
    // The time first: opening needs permissions that the mode may take away. A time that no file system knows is no reason
    // to fail.
    if let Some(time) = system_time(entry.mtime) {
        let file = File::open(path).map_err(&disk)?;
        file.set_times(FileTimes::new().set_modified(time)).map_err(&disk)?;
    }
    set_mode(path, entry.mode)
}

fn system_time(mtime: Mtime) -> Option<SystemTime> {
    let seconds = Duration::from_secs(mtime.seconds.unsigned_abs());
    let whole = if mtime.seconds < 0 { UNIX_EPOCH.checked_sub(seconds) } else { UNIX_EPOCH.checked_add(seconds) };
    whole?.checked_add(Duration::from_nanos(u64::from(mtime.nanos)))
}

/// Reads the flat space forward out of the pieces that arrive.
pub(crate) struct FlatReader {
    chunks: Receiver<Chunk>,
    current: Option<Chunk>,
}

impl FlatReader {
    /// Of pieces that arrive in order.
    pub fn new(chunks: Receiver<Chunk>) -> Self {
        Self { chunks, current: None }
    }

    /// The `len` bytes at `from`, into `out`. `from` never goes back.
    pub fn read(&mut self, from: u64, len: usize, out: &mut Vec<u8>) -> Result<(), FilesError> {
        out.clear();
        while out.len() < len {
            let at = from + u64::try_from(out.len()).unwrap_or(0);
            if let Some((offset, bytes)) = &self.current {
                let skip = at.checked_sub(*offset).and_then(|skip| usize::try_from(skip).ok());
                if let Some(rest) = skip.and_then(|skip| bytes.get(skip..)).filter(|rest| !rest.is_empty()) {
                    out.extend_from_slice(&rest[..rest.len().min(len - out.len())]);
                    continue;
                }
            }
            // The sender gives up when a piece cannot be had; it has the reason.
            let next = self.chunks.blocking_recv();
            self.current = Some(next.ok_or_else(|| FilesError::Internal("content ended early".into()))?);
        }
        Ok(())
    }
}
