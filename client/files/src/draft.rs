//! Where everything will lie, and the writing of it.

use crate::{
    error::FilesError,
    layout,
    manifest::{stored_len, Content, Entry, Header, Manifest, HEADER_BYTES},
    parity::{ParityChoice, Stripes},
    stage::{Stage, StageWriter},
    tree::{mtime_of, Source, SourceEntry},
};
use codec::Encode;
use station_client_crypto::{ContentKey, Parity, SegmentSealer, SEGMENT_BYTES};
use station_porep::SizeClass;
use station_primitives::Commitment;
use std::{
    fs::File,
    io::Read,
    os::unix::fs::MetadataExt,
    sync::atomic::{AtomicU64, Ordering},
};

/// Where everything will lie, before a byte is encrypted.
pub(crate) struct Draft {
    pub manifest: Manifest,
    pub header: Header,
    /// The shards of data.
    pub plan: Vec<SizeClass>,
    /// The parity behind them, if there is to be some.
    pub parity: Option<Parity>,
}

impl Draft {
    /// Of a source.
    pub fn new(source: &Source, shard_size: Option<SizeClass>, parity: ParityChoice) -> Result<Self, FilesError> {
        let mut offset = HEADER_BYTES;
        let mut entries = Vec::with_capacity(source.entries.len());
        for found in &source.entries {
            let content = match found.len {
                None => Content::Folder,
                Some(len) => {
                    let content = Content::File { len, offset, key: ContentKey::random(), digest: [0; 32] };
                    offset = offset.checked_add(stored_len(len)).ok_or_else(too_large)?;
                    content
                }
            };
            entries.push(Entry { path: found.path.clone(), mode: found.mode, mtime: found.mtime, content });
        }
        Self::of(Manifest::new(source.name.clone(), entries), offset, shard_size, parity)
    }

    /// Of a manifest whose files end at `end`.
    pub fn of(
        manifest: Manifest,
        end: u64,
        shard_size: Option<SizeClass>,
        parity: ParityChoice,
    ) -> Result<Self, FilesError> {
        // Digests have one length, so that the manifest's is known before they are.
        let header = Header::new(end, u64::try_from(manifest.encoded_size()).unwrap_or(u64::MAX));
        let largest = shard_size.unwrap_or_else(|| parity.largest_class(header.total()));
        let plan = layout::plan(header.total(), largest).ok_or_else(too_large)?;
        let parity = parity.behind(plan.len());
        let draft = Self { manifest, header, plan, parity };
        let most = usize::try_from(station_primitives::MAX_SHARDS).unwrap_or(0) * station_client_crypto::MAX_LINK_DEALS;
        if draft.shards().len() > most {
            return Err(too_large());
        }
        Ok(draft)
    }

    /// All shards: those of data, then those of parity.
    pub fn shards(&self) -> Vec<SizeClass> {
        let mut all = self.plan.clone();
        if let Some(parity) = self.parity {
            all.extend(Stripes::behind(parity, self.plan.len()).parity_classes(&self.plan));
        }
        all
    }

    /// Bytes of all shards and their rows.
    pub fn room(&self) -> u64 {
        let shards: u64 = self.shards().iter().map(|class| class.bytes()).sum();
        shards.saturating_add(shards / 32)
    }

    /// Encrypt the source that it was made of. `done` counts plaintext bytes.
    pub fn encrypt(
        mut self,
        source: &Source,
        stage: Stage,
        key: &ContentKey,
        done: &AtomicU64,
    ) -> Result<Vec<(Commitment, SizeClass)>, FilesError> {
        let mut writer = StageWriter::start(stage, self.plan.clone())?;
        write_header(&mut writer, self.header, key)?;
        for (entry, found) in self.manifest.entries.iter_mut().zip(&source.entries) {
            if let Content::File { len, key, digest, .. } = &mut entry.content {
                *digest = encrypt_file(&mut writer, source, found, *len, key, done)?;
                fail::fail_point!("put:encrypting");
            }
        }
        self.finish(writer, key)
    }

    /// Write the manifest and the padding.
    pub fn finish(self, mut writer: StageWriter, key: &ContentKey) -> Result<Vec<(Commitment, SizeClass)>, FilesError> {
        let plain = self.manifest.encode();
        if u64::try_from(plain.len()) != Ok(self.header.manifest_len) {
            return Err(FilesError::Internal("the manifest has another length than planned".into()));
        }
        let mut sealer = SegmentSealer::new(&key.subkey("manifest"));
        let count = plain.len().div_ceil(SEGMENT_BYTES);
        for (index, segment) in plain.chunks(SEGMENT_BYTES).enumerate() {
            write_segment(&mut writer, &mut sealer, segment.to_vec(), index + 1 == count)?;
        }
        Ok(writer.finish()?.into_iter().zip(self.plan).collect())
    }
}

pub(crate) fn write_header(writer: &mut StageWriter, header: Header, key: &ContentKey) -> Result<(), FilesError> {
    write_segment(writer, &mut SegmentSealer::new(&key.subkey("header")), header.to_plain(), true).map(|_| ())
}

fn too_large() -> FilesError {
    FilesError::TooLarge("this is more than one put takes: put parts of it one by one".into())
}

/// Seal a segment and write it; gives the buffer back.
fn write_segment(
    writer: &mut StageWriter,
    sealer: &mut SegmentSealer,
    mut segment: Vec<u8>,
    last: bool,
) -> Result<Vec<u8>, FilesError> {
    sealer.seal(&mut segment, last).map_err(|error| FilesError::Internal(error.to_string()))?;
    writer.write(&segment)?;
    Ok(segment)
}

/// Encrypt a file of `len` bytes; returns the digest of its plaintext.
fn encrypt_file(
    writer: &mut StageWriter,
    source: &Source,
    found: &SourceEntry,
    len: u64,
    key: &ContentKey,
    done: &AtomicU64,
) -> Result<[u8; 32], FilesError> {
    let path = source.full_path(&found.path);
    let changed = || FilesError::SourceChanged(path.clone());
    let mut file = File::open(&path).map_err(FilesError::disk(&path))?;
    let mut digest = Digest::new();
    let mut sealer = SegmentSealer::new(key);
    let mut segment = Vec::new();
    let mut rest = len;
    while rest > 0 {
        let take = usize::try_from(rest).map_or(SEGMENT_BYTES, |rest| rest.min(SEGMENT_BYTES));
        segment.clear();
        segment.resize(take, 0);
        file.read_exact(&mut segment).map_err(|error| match error.kind() {
            std::io::ErrorKind::UnexpectedEof => changed(),
            _ => FilesError::Disk { path: path.clone(), source: error },
        })?;
        digest.update(&segment);
        let taken = u64::try_from(take).unwrap_or(rest);
        rest -= taken;
        segment = write_segment(writer, &mut sealer, segment, rest == 0)?;
        done.fetch_add(taken, Ordering::Relaxed);
    }
    let after = file.metadata().map_err(FilesError::disk(&path))?;
    if after.size() != len || mtime_of(&after) != found.mtime {
        return Err(changed());
    }
    Ok(digest.finish())
}

/// blake2b-256 of a file's plaintext.
pub(crate) struct Digest(blake2b_simd::State);

impl Digest {
    pub fn new() -> Self {
        Self(blake2b_simd::Params::new().hash_length(32).to_state())
    }

    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    pub fn finish(&self) -> [u8; 32] {
        let mut out = [0; 32];
        out.copy_from_slice(self.0.finalize().as_bytes());
        out
    }
}
