//! Encrypted shards on their way: written once, front to back, with their trees.
//!
//! Encryption and hashing each take a core. A put never holds more than a few MiB of a shard, whatever its size.

use crate::error::FilesError;
use station_client_crypto::{ContentKey, SegmentSealer, SEGMENT_BYTES};
use station_porep::{
    data,
    tree::{page_roots, Purpose, Rows},
    SizeClass, PAGE_BYTES, PIECE_BYTES,
};
use station_primitives::Commitment;
use std::{
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
    sync::mpsc::{sync_channel, Receiver, SyncSender},
    thread::JoinHandle,
};

/// Chunks that wait to be hashed and written.
const QUEUE: usize = 4;

/// The folder of staged shards.
#[derive(Clone, Debug)]
pub(crate) struct Stage {
    dir: PathBuf,
}

impl Stage {
    pub fn new(dir: PathBuf) -> Self {
        Self { dir }
    }

    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The encrypted bytes of a shard.
    pub fn shard(&self, index: usize) -> PathBuf {
        self.dir.join(format!("shard-{index:05}"))
    }

    /// The upper rows of its tree, from which pieces are proven.
    pub fn rows(&self, index: usize) -> PathBuf {
        self.dir.join(format!("rows-{index:05}"))
    }

    /// Whether all shards are there and are what they were: after a power cut they may not be. Their rows are written
    /// again on the way.
    pub fn verify(&self, shards: &[(Commitment, SizeClass)]) -> Result<bool, FilesError> {
        for (index, (comm_d, class)) in shards.iter().enumerate() {
            let path = self.shard(index);
            let file = match File::open(&path) {
                Ok(file) => file,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
                Err(source) => return Err(FilesError::Disk { path, source }),
            };
            if file.metadata().map_err(FilesError::disk(&path))?.len() != class.bytes() {
                return Ok(false);
            }
            let (root, rows) = data::commit(&file, *class).map_err(FilesError::disk(&path))?;
            if root != *comm_d {
                return Ok(false);
            }
            write_rows(&self.rows(index), &rows)?;
        }
        Ok(true)
    }

    /// Remove staged shards, rows and half-written ones; nothing else.
    pub fn clear(&self) -> Result<(), FilesError> {
        let disk = FilesError::disk(&self.dir);
        for found in fs::read_dir(&self.dir).map_err(&disk)? {
            let path = found.map_err(&disk)?.path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if name.starts_with("shard-") || name.starts_with("rows-") {
                fs::remove_file(&path).map_err(FilesError::disk(&path))?;
            }
        }
        Ok(())
    }
}

pub(crate) fn write_rows(path: &Path, rows: &Rows) -> Result<(), FilesError> {
    fs::write(path, rows.as_bytes()).map_err(FilesError::disk(path))
}

/// Takes the flat space in order and makes staged shards of it.
pub(crate) struct StageWriter {
    chunk: Vec<u8>,
    chunk_len: usize,
    /// What is still to come, padding included.
    rest: u64,
    out: Option<SyncSender<Vec<u8>>>,
    writer: Option<JoinHandle<Result<Vec<Commitment>, FilesError>>>,
}

impl StageWriter {
    /// Begin, for these shards.
    pub fn start(stage: Stage, plan: Vec<SizeClass>) -> Result<Self, FilesError> {
        let smallest = plan.iter().map(|class| class.bytes()).min().unwrap_or(SizeClass::MIN.bytes());
        // Classes are powers of two and the smallest comes last, so that no chunk lies in two shards.
        let chunk_len = usize::try_from(smallest).map_or(PIECE_BYTES, |smallest| smallest.min(PIECE_BYTES));
        let rest = plan.iter().map(|class| class.bytes()).sum();
        let (out, chunks) = sync_channel(QUEUE);
        let writer = std::thread::Builder::new()
            .name("stage".into())
            .spawn(move || write(&stage, &plan, &chunks))
            .map_err(|error| FilesError::Internal(format!("no thread to write shards: {error}")))?;
        Ok(Self { chunk: Vec::with_capacity(chunk_len), chunk_len, rest, out: Some(out), writer: Some(writer) })
    }

    /// The next bytes of the flat space.
    pub fn write(&mut self, mut bytes: &[u8]) -> Result<(), FilesError> {
        while !bytes.is_empty() {
            let take = bytes.len().min(self.chunk_len - self.chunk.len());
            let (now, later) = bytes.split_at(take);
            self.chunk.extend_from_slice(now);
            bytes = later;
            if self.chunk.len() == self.chunk_len {
                self.flush()?;
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), FilesError> {
        let chunk = std::mem::replace(&mut self.chunk, Vec::with_capacity(self.chunk_len));
        let len = u64::try_from(chunk.len()).unwrap_or(u64::MAX);
        self.rest =
            self.rest.checked_sub(len).ok_or_else(|| FilesError::Internal("more content than planned".into()))?;
        let sent = self.out.as_ref().is_some_and(|out| out.send(chunk).is_ok());
        if sent {
            Ok(())
        } else {
            // The writer is gone: it has the reason.
            Err(self.join().err().unwrap_or_else(|| FilesError::Internal("shards end before the content".into())))
        }
    }

    /// Fill the rest with random bytes and return the roots.
    pub fn finish(mut self) -> Result<Vec<Commitment>, FilesError> {
        let mut padding = Padding::new();
        loop {
            let chunk = u64::try_from(self.chunk.len()).unwrap_or(u64::MAX);
            let missing = self.rest.saturating_sub(chunk);
            if missing == 0 {
                break;
            }
            self.write(padding.next(missing)?)?;
        }
        if !self.chunk.is_empty() {
            self.flush()?;
        }
        self.join()
    }

    fn join(&mut self) -> Result<Vec<Commitment>, FilesError> {
        self.out = None;
        let writer = self.writer.take().ok_or_else(|| FilesError::Internal("shards were finished twice".into()))?;
        writer.join().map_err(|_| FilesError::Internal("the thread that writes shards panicked".into()))?
    }
}

fn write(stage: &Stage, plan: &[SizeClass], chunks: &Receiver<Vec<u8>>) -> Result<Vec<Commitment>, FilesError> {
    let mut commitments = Vec::with_capacity(plan.len());
    for (index, class) in plan.iter().enumerate() {
        let path = stage.shard(index);
        let disk = FilesError::disk(&path);
        let mut file = File::create(&path).map_err(&disk)?;
        let mut roots = Vec::new();
        let mut written = 0u64;
        while written < class.bytes() {
            // The sender gives up when the content cannot be read; it has the reason.
            let Ok(chunk) = chunks.recv() else { return Err(FilesError::Internal("content ended early".into())) };
            roots.extend(page_roots(&Purpose::Data, written / PAGE_BYTES as u64, &chunk));
            file.write_all(&chunk).map_err(&disk)?;
            written += u64::try_from(chunk.len()).unwrap_or(u64::MAX);
        }
        let rows = Rows::over(*class, roots);
        write_rows(&stage.rows(index), &rows)?;
        commitments.push(rows.root());
    }
    Ok(commitments)
}

/// Bytes that cannot be told from ciphertext, because they are: zeros under a key that nobody keeps.
struct Padding {
    sealer: SegmentSealer,
    segment: Vec<u8>,
}

impl Padding {
    fn new() -> Self {
        Self { sealer: SegmentSealer::new(&ContentKey::random()), segment: Vec::new() }
    }

    fn next(&mut self, at_most: u64) -> Result<&[u8], FilesError> {
        self.segment.clear();
        self.segment.resize(SEGMENT_BYTES, 0);
        self.sealer.seal(&mut self.segment, false).map_err(|error| FilesError::Internal(error.to_string()))?;
        let take = usize::try_from(at_most).map_or(self.segment.len(), |most| most.min(self.segment.len()));
        Ok(&self.segment[..take])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout;

    fn staged(content: &[u8], largest: SizeClass) -> (tempfile::TempDir, Stage, Vec<(Commitment, SizeClass)>) {
        let dir = tempfile::tempdir().unwrap();
        let stage = Stage::new(dir.path().to_owned());
        let plan = layout::plan(u64::try_from(content.len()).unwrap(), largest).unwrap();
        let mut writer = StageWriter::start(stage.clone(), plan.clone()).unwrap();
        for part in content.chunks(70_001) {
            writer.write(part).unwrap();
        }
        let roots = writer.finish().unwrap();
        (dir, stage, roots.into_iter().zip(plan).collect())
    }

    #[test]
    fn shards_hold_the_content_and_their_roots_are_right() {
        for len in [0usize, 1, 65_536, 65_537, 3 << 20, (5 << 20) + 123] {
            let content: Vec<u8> = (0..len).map(|i| u8::try_from(i % 253).unwrap()).collect();
            let (_dir, stage, shards) = staged(&content, SizeClass::from_log(21).unwrap());
            let mut all = Vec::new();
            for (index, (comm_d, class)) in shards.iter().enumerate() {
                let bytes = fs::read(stage.shard(index)).unwrap();
                let (root, rows) = data::commit(&bytes, *class).unwrap();
                assert_eq!(root, *comm_d);
                assert_eq!(fs::read(stage.rows(index)).unwrap(), rows.as_bytes());
                all.extend(bytes);
            }
            assert_eq!(all[..len], content);
        }
    }

    #[test]
    fn padding_is_not_zeros_and_never_the_same() {
        let (_a, one, _) = staged(b"x", SizeClass::MIN);
        let (_b, two, _) = staged(b"x", SizeClass::MIN);
        let (one, two) = (fs::read(one.shard(0)).unwrap(), fs::read(two.shard(0)).unwrap());
        assert_ne!(one, two);
        let zeros = one.iter().filter(|byte| **byte == 0).count();
        assert!(zeros < 600, "{zeros} zeros in 64 KiB; 256 are expected of random bytes");
    }

    #[test]
    fn a_staged_shard_that_changed_is_noticed() {
        let (_dir, stage, shards) = staged(&[7; 100_000], SizeClass::MIN);
        assert!(stage.verify(&shards).unwrap());
        fs::remove_file(stage.rows(0)).unwrap();
        assert!(stage.verify(&shards).unwrap(), "rows are made again");
        let mut bytes = fs::read(stage.shard(1)).unwrap();
        bytes[9] ^= 1;
        fs::write(stage.shard(1), &bytes).unwrap();
        assert!(!stage.verify(&shards).unwrap());
        bytes.truncate(5);
        fs::write(stage.shard(1), &bytes).unwrap();
        assert!(!stage.verify(&shards).unwrap());
        stage.clear().unwrap();
        assert!(!stage.verify(&shards).unwrap());
        assert_eq!(fs::read_dir(stage.dir()).unwrap().count(), 0);
    }

    #[test]
    fn a_disk_that_fails_is_told() {
        let stage = Stage::new("/no/such/folder".into());
        let mut writer = StageWriter::start(stage, vec![SizeClass::MIN]).unwrap();
        let result = writer.write(&[0; 65_536]).and_then(|()| writer.finish());
        assert!(matches!(result, Err(FilesError::Disk { .. })));
    }
}
