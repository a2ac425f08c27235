//! Get: from a link to files.

use crate::{
    draft::Digest,
    error::FilesError,
    fetch::Fetcher,
    home::free_space,
    manifest::{Header, Manifest, HEADER_BYTES},
    progress::{Phase, Progress},
    put::blocking,
    target::{Decision, Target},
};
use futures::TryStreamExt;
use station_client_crypto::{segments_len, ContentKey, Link, SegmentOpener, SEALED_SEGMENT_BYTES, SEGMENT_BYTES};
use station_client_rpc::{client::Client, types::Account};
use station_primitives::{AccountId, ShardId};
use std::{
    path::{Path, PathBuf},
    pin::pin,
    sync::{
        atomic::{AtomicU64, Ordering},
        Arc,
    },
    time::{Duration, Instant},
};
use tokio::sync::mpsc;

/// Pieces handed over and not yet written.
const QUEUE: usize = 2;
/// How often reading starts again because what an earlier run left turns out damaged.
const ATTEMPTS: u32 = 3;

/// What was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Got {
    /// Where it is.
    pub path: PathBuf,
    /// Bytes of the content.
    pub bytes: u64,
    /// How long it took.
    pub seconds: f64,
    /// Who served it; empty if everything was there already.
    pub sources: Vec<AccountId>,
    /// Shards of which nobody could be read, so that they were computed from the others of their stripes.
    pub reconstructed: Vec<ShardId>,
}

/// Read what a link leads to, into `to`: the file itself, or the folder. Needs no account.
///
/// # Errors
/// [`FilesError`]. After most of them the same call goes on where this one was.
pub async fn get(client: &Arc<Client>, link: &Link, to: &Path, progress: &dyn Progress) -> Result<Got, FilesError> {
    let begun = Instant::now();
    link.check_network(&client.genesis().0)?;
    let fetcher = Fetcher::open(client, link).await?;
    let manifest = Arc::new(read_manifest(&fetcher, link).await?);
    fail::fail_point!("get:manifest");
    let bytes = manifest.bytes();
    let done = |path: PathBuf| {
        for liar in fetcher.liars() {
            let liar = Account(liar);
            progress.note(&format!("provider {liar} served altered data; it was thrown away, and taken from others"));
        }
        let seconds = (begun.elapsed().as_secs_f64() * 1_000.0).round() / 1_000.0;
        Got { path, bytes, seconds, sources: fetcher.sources(), reconstructed: fetcher.rebuilt_shards() }
    };

    let (id, place) = (content_id(link), to.to_owned());
    let for_target = Arc::clone(&manifest);
    let target = match blocking(move || Target::prepare(&for_target, &place, &id)).await? {
        Decision::There => {
            progress.note(&format!("{} is there already, and the same", to.display()));
            return Ok(done(to.to_owned()));
        }
        Decision::Read(target) => Arc::new(target),
    };
    let free = free_space(target.part());
    if free < bytes.saturating_sub(gathered(target.part())) {
        target.discard_if_empty();
        return Err(FilesError::DiskFull { path: to.to_owned(), needed: bytes, free });
    }
    progress.begin(Phase::Download, bytes);
    let mut attempt = 0;
    loop {
        attempt += 1;
        match read_content(&fetcher, &manifest, &target, progress).await {
            Ok(()) => break,
            Err(FilesError::Stalled(why)) if attempt < ATTEMPTS => progress.note(&why),
            Err(FilesError::Lost(mut loss)) => {
                loss.name_files(&manifest, fetcher.classes());
                return Err(FilesError::Lost(loss));
            }
            Err(error) => return Err(error),
        }
    }
    progress.set(Phase::Download, bytes);
    fail::fail_point!("get:read");
    let target = Arc::try_unwrap(target).map_err(|_| FilesError::Internal("the target is still in use".into()))?;
    let for_target = Arc::clone(&manifest);
    let path = blocking(move || target.finish(&for_target)).await?;
    progress.end(Phase::Download);
    fail::fail_point!("get:done");
    Ok(done(path))
}

/// A name for the content of a link that does not give its key away.
pub(crate) fn content_id(link: &Link) -> String {
    let mut digest = Digest::new();
    digest.update(link.to_string().as_bytes());
    hex::encode(&digest.finish()[..6])
}

/// Bytes that an earlier run left.
fn gathered(part: &Path) -> u64 {
    let mut pending = vec![part.to_owned()];
    let mut total = 0u64;
    while let Some(path) = pending.pop() {
        match std::fs::symlink_metadata(&path) {
            Ok(metadata) if metadata.is_dir() => {
                pending.extend(std::fs::read_dir(&path).into_iter().flatten().flatten().map(|entry| entry.path()));
            }
            Ok(metadata) => total = total.saturating_add(metadata.len()),
            Err(_) => {}
        }
    }
    total
}

/// The manifest of a link.
pub(crate) async fn read_manifest(fetcher: &Fetcher, link: &Link) -> Result<Manifest, FilesError> {
    let header = open_header(fetcher.read(0, HEADER_BYTES).await?, &link.key, fetcher.room())?;
    let sealed = fetcher.read(header.manifest_offset, segments_len(header.manifest_len)).await?;
    open_manifest(&sealed, &link.key, header)
}

/// Open the beginning of a flat space of `room` bytes.
pub(crate) fn open_header(mut sealed: Vec<u8>, key: &ContentKey, room: u64) -> Result<Header, FilesError> {
    let mut opener = SegmentOpener::new(&key.subkey("header"), 0);
    opener.open(&mut sealed, true).map_err(|_| FilesError::WrongKey)?;
    Header::from_plain(&sealed, room)
}

/// Open the manifest that the header leads to.
pub(crate) fn open_manifest(sealed: &[u8], key: &ContentKey, header: Header) -> Result<Manifest, FilesError> {
    let mut opener = SegmentOpener::new(&key.subkey("manifest"), 0);
    let mut plain = Vec::with_capacity(sealed.len());
    let count = sealed.len().div_ceil(SEALED_SEGMENT_BYTES);
    for (index, segment) in sealed.chunks(SEALED_SEGMENT_BYTES).enumerate() {
        let mut segment = segment.to_vec();
        opener.open(&mut segment, index + 1 == count).map_err(|_| FilesError::WrongKey)?;
        plain.extend_from_slice(&segment);
    }
    Manifest::from_plain(&plain, header.manifest_offset)
}

async fn read_content(
    fetcher: &Fetcher,
    manifest: &Arc<Manifest>,
    target: &Arc<Target>,
    progress: &dyn Progress,
) -> Result<(), FilesError> {
    let (for_start, at) = (Arc::clone(manifest), Arc::clone(target));
    let Some(start) = blocking(move || at.start(&for_start)).await? else { return Ok(()) };
    let from = Target::offset(manifest, start);
    // Files lie in the manifest's order: the last one that is not empty ends last.
    let end = manifest.entries.iter().map(|entry| entry.content.end()).max().unwrap_or(0);
    let before: u64 = manifest.entries[..start.entry].iter().map(|entry| entry.content.len()).sum();
    let before = before.saturating_add(start.segment.saturating_mul(SEGMENT_BYTES as u64));
    let done = Arc::new(AtomicU64::new(before));

    let (send, receive) = mpsc::channel(QUEUE);
    let (counter, for_writer, at) = (Arc::clone(&done), Arc::clone(manifest), Arc::clone(target));
    let writer = tokio::spawn(blocking(move || at.write(&for_writer, start, receive, &counter)));
    let mut chunks = pin!(fetcher.chunks(from, end));
    let fetched = loop {
        tokio::select! {
            chunk = chunks.try_next() => match chunk {
                Ok(Some(chunk)) => {
                    if send.send(chunk).await.is_err() {
                        // The writer failed: it has the reason.
                        break Ok(());
                    }
                    progress.set(Phase::Download, done.load(Ordering::Relaxed));
                    fail::fail_point!("get:piece");
                }
                Ok(None) => break Ok(()),
                Err(error) => break Err(error),
            },
            () = tokio::time::sleep(Duration::from_millis(200)) => {
                progress.set(Phase::Download, done.load(Ordering::Relaxed));
            }
        }
    };
    drop(send);
    let written = writer.await.map_err(|error| FilesError::Internal(format!("the writer panicked: {error}")))?;
    // A piece that could not be had comes first: the writer only saw that nothing more came.
    fetched.and(written)
}
