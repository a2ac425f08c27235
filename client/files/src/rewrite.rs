//! Remove one file or folder out of what was put together.
//!
//! Content on the chain cannot be changed, so what is left is put again without it: the ciphertext of the files that stay
//! is copied as it is, under the keys they have, into new shards with a new manifest under a new link; then the old deals are
//! cancelled and their providers delete the old replicas. The old link ends with them. Nothing is decrypted, and no key seals
//! anything new.

use crate::{
    draft::{write_header, Draft},
    error::FilesError,
    fetch::{Chunk, Fetcher},
    get::read_manifest,
    index::Index,
    manifest::{stored_len, Content, Entry, Manifest, HEADER_BYTES},
    parity::ParityChoice,
    progress::{Phase, Progress},
    put::{blocking, Journaled, Origin, Plan, Put, PutOptions, Stored},
    remove,
    stage::{Stage, StageWriter},
    target::FlatReader,
    Context,
};
use futures::TryStreamExt;
use station_client_crypto::{ContentKey, Link, SEALED_SEGMENT_BYTES};
use station_porep::SizeClass;
use station_primitives::{AccountId, Commitment, DealId, ShardId};
use std::{
    pin::pin,
    sync::{
        atomic::{AtomicU64, Ordering},
        Arc,
    },
};
use tokio::sync::mpsc::{channel, Receiver};

/// Pieces handed over and not yet copied.
const QUEUE: usize = 2;

/// Put what is left of a link's content without the entry at `path` (and what is below it), then end the old deals. The
/// new deals have the old ones' replicas and price, for what is left of their term.
///
/// # Errors
/// [`FilesError::NoEntry`] if there is no such entry. After most others the same call goes on where this one was.
pub async fn remove_entry(
    context: &Context,
    link: &Link,
    path: &str,
    progress: &dyn Progress,
) -> Result<(Stored, Journaled), FilesError> {
    link.check_network(&context.client.genesis().0)?;
    let path = path.trim_matches('/').as_bytes().to_vec();
    if path.is_empty() {
        return Err(FilesError::Usage("this names everything: remove the link as a whole instead".into()));
    }
    let old = link.to_string();
    let key = [b"rewrite\0", old.as_bytes(), b"\0", &path].concat();
    let mut digest = crate::draft::Digest::new();
    digest.update(&key);
    let put = Put {
        context,
        progress,
        title: String::from_utf8_lossy(&path).into_owned(),
        fingerprint: digest.finish(),
        wait: true,
        origin: Origin::Rest(Rest { link: link.clone(), path }),
    };
    let done = put.run(&key).await?;
    for deal in link.deals.iter().copied().map(DealId) {
        if context.client.deal(deal).await?.is_some() {
            remove::cancel(context, deal).await?;
        }
    }
    Index::new(&context.home, &context.account).remove(&old)?;
    Ok(done)
}

/// What is to be left of a link's content.
pub(crate) struct Rest {
    link: Link,
    /// What goes.
    path: Vec<u8>,
}

impl Rest {
    /// Read what there is.
    pub async fn open(&self, context: &Context) -> Result<Opened, FilesError> {
        let client = &context.client;
        let fetcher = Fetcher::open(client, &self.link).await?;
        let mut manifest = read_manifest(&fetcher, &self.link).await?;
        let before = manifest.entries.len();
        manifest.entries.retain(|entry| !is_at_or_below(&entry.path, &self.path));
        if manifest.entries.len() == before {
            return Err(FilesError::NoEntry(String::from_utf8_lossy(&self.path).into_owned()));
        }
        let first = DealId(self.link.deals.first().copied().unwrap_or_default());
        let deal = client.deal(first).await?.ok_or(FilesError::DealGone(first))?;
        if deal.client != AccountId::new(context.account.id()) {
            return Err(FilesError::Usage(format!(
                "deal {first} belongs to another account: only its owner can change it"
            )));
        }
        // Two replicas are a choice of friends: the same friends again.
        let mut chosen = Vec::new();
        if deal.replicas == station_primitives::MIN_REPLICAS {
            let shard = client.shard(ShardId { deal: first, index: 0 }).await?.ok_or(FilesError::DealGone(first))?;
            chosen = shard.replicas.into_iter().filter_map(|replica| replica.provider).collect();
        }
        let tick = client.summary().await?.tick;
        let options = PutOptions {
            replicas: deal.replicas,
            blocks: deal.expires.saturating_sub(tick).max(1),
            max_price: Some(deal.max_price),
            chosen,
            fallback: false,
            shard_size: None,
            parity: self.link.parity.map_or(ParityChoice::Off, ParityChoice::Of),
            wait: true,
        };
        Ok(Opened { fetcher, manifest, options })
    }
}

/// Whether `path` is `top` or lies below it.
fn is_at_or_below(path: &[u8], top: &[u8]) -> bool {
    path.strip_prefix(top).is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
}

/// Content of which only some entries are to stay; their places are the old ones.
pub(crate) struct Opened {
    fetcher: Fetcher,
    manifest: Manifest,
    options: PutOptions,
}

impl Opened {
    /// Where the entries will lie.
    pub fn plan(&self) -> Result<Plan, FilesError> {
        let mut end = HEADER_BYTES;
        let moved = |entry: &Entry| {
            let mut entry = entry.clone();
            if let Content::File { len, offset, .. } = &mut entry.content {
                *offset = end;
                end = end.saturating_add(stored_len(*len));
            }
            entry
        };
        let entries = self.manifest.entries.iter().map(moved).collect();
        let name = self.manifest.name.clone();
        let manifest = Manifest::new(name.clone(), entries);
        let bytes = manifest.bytes();
        let folder = !self.manifest.is_single_file();
        Ok(Plan {
            draft: Draft::of(manifest, end, None, self.options.parity)?,
            options: self.options.clone(),
            name,
            folder,
            bytes,
        })
    }

    /// Where each file that is not empty lies now, in order.
    fn extents(&self) -> Vec<(u64, u64)> {
        let extent = |entry: &Entry| match entry.content {
            Content::File { len, offset, .. } if len > 0 => Some((offset, stored_len(len))),
            _ => None,
        };
        self.manifest.entries.iter().filter_map(extent).collect()
    }

    /// Copy the ciphertext of all files into new shards, with a new header and manifest.
    pub async fn copy(
        &self,
        draft: Draft,
        stage: Stage,
        key: &ContentKey,
        progress: &dyn Progress,
    ) -> Result<Vec<(Commitment, SizeClass)>, FilesError> {
        let extents = self.extents();
        let done = Arc::new(AtomicU64::new(0));
        let (send, receive) = channel(QUEUE);
        let (to_copy, key, counter) = (extents.clone(), key.clone(), Arc::clone(&done));
        let writer = tokio::spawn(blocking(move || copy(draft, stage, &key, &to_copy, receive, &counter)));
        let feed = async {
            for (from, len) in extents {
                let mut chunks = pin!(self.fetcher.chunks(from, from.saturating_add(len)));
                while let Some(chunk) = chunks.try_next().await? {
                    if send.send(chunk).await.is_err() {
                        // The writer failed: it has the reason.
                        return Ok(());
                    }
                    progress.set(Phase::Encrypt, done.load(Ordering::Relaxed));
                }
            }
            Ok(())
        };
        let fetched = feed.await;
        drop(send);
        let written = writer.await.map_err(|error| FilesError::Internal(format!("the writer panicked: {error}")))?;
        fetched.and(written)
    }
}

fn copy(
    draft: Draft,
    stage: Stage,
    key: &ContentKey,
    extents: &[(u64, u64)],
    chunks: Receiver<Chunk>,
    done: &AtomicU64,
) -> Result<Vec<(Commitment, SizeClass)>, FilesError> {
    let mut writer = StageWriter::start(stage, draft.plan.clone())?;
    write_header(&mut writer, draft.header, key)?;
    let mut reader = FlatReader::new(chunks);
    let mut block = Vec::new();
    for (from, len) in extents {
        let mut copied = 0;
        while copied < *len {
            let take =
                usize::try_from(len - copied).map_or(SEALED_SEGMENT_BYTES, |rest| rest.min(SEALED_SEGMENT_BYTES));
            reader.read(from + copied, take, &mut block)?;
            writer.write(&block)?;
            let taken = u64::try_from(take).unwrap_or(0);
            copied += taken;
            done.fetch_add(taken, Ordering::Relaxed);
        }
    }
    draft.finish(writer, key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_below_goes_with_it_and_nothing_else() {
        for (path, top, goes) in [
            ("a", "a", true),
            ("a/b", "a", true),
            ("ab", "a", false),
            ("b/a", "a", false),
            ("a", "a/b", false),
            ("", "a", false),
        ] {
            assert_eq!(is_at_or_below(path.as_bytes(), top.as_bytes()), goes, "{path} {top}");
        }
    }
}
