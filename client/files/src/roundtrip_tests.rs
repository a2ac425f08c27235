//! What is encrypted is what is read back, without a network between them.

use crate::{
    draft::Draft,
    error::FilesError,
    get::{open_header, open_manifest},
    layout::pieces,
    manifest::{Manifest, HEADER_BYTES},
    parity::ParityChoice,
    stage::Stage,
    target::{Decision, Start, Target},
    tree::Source,
};
use proptest::prelude::*;
use station_client_crypto::{segments_len, ContentKey, SEALED_SEGMENT_BYTES, SEGMENT_BYTES};
use station_porep::SizeClass;
use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    sync::{atomic::AtomicU64, Arc},
};
use tempfile::{tempdir, TempDir};

/// Content after its encryption, as the network would keep it.
struct Kept {
    _dir: TempDir,
    flat: Vec<u8>,
    classes: Vec<SizeClass>,
    key: ContentKey,
}

fn keep(path: &Path, class: Option<SizeClass>) -> Kept {
    let dir = tempdir().unwrap();
    let stage = Stage::new(dir.path().to_owned());
    let source = Source::walk(path).unwrap();
    let key = ContentKey::random();
    let draft = Draft::new(&source, class, ParityChoice::Off).unwrap();
    let shards = draft.encrypt(&source, stage.clone(), &key, &AtomicU64::new(0)).unwrap();
    let flat = (0..shards.len()).flat_map(|index| fs::read(stage.shard(index)).unwrap()).collect();
    Kept { _dir: dir, flat, classes: shards.iter().map(|(_, class)| *class).collect(), key }
}

impl Kept {
    fn range(&self, from: u64, len: u64) -> Vec<u8> {
        let at = |offset: u64| usize::try_from(offset).unwrap();
        self.flat[at(from)..at(from + len)].to_vec()
    }

    fn manifest(&self, key: &ContentKey) -> Result<Manifest, FilesError> {
        let room = u64::try_from(self.flat.len()).unwrap();
        let header = open_header(self.range(0, HEADER_BYTES), key, room)?;
        open_manifest(&self.range(header.manifest_offset, segments_len(header.manifest_len)), key, header)
    }

    /// Write from `start` on, as long as there are pieces: `most` of them.
    fn write(&self, target: &Target, manifest: &Manifest, start: Start, most: usize) -> Result<(), FilesError> {
        let end = manifest.entries.iter().map(|entry| entry.content.end()).max().unwrap();
        let found: Vec<_> = pieces(&self.classes, Target::offset(manifest, start), end).take(most).collect();
        let (send, receive) = tokio::sync::mpsc::channel(found.len().max(1));
        for piece in found {
            send.try_send((piece.offset, Arc::new(self.range(piece.offset, piece.len)))).unwrap();
        }
        drop(send);
        target.write(manifest, start, receive, &Arc::new(AtomicU64::new(0)))
    }

    fn get(&self, to: &Path) -> Result<bool, FilesError> {
        let manifest = self.manifest(&self.key)?;
        match Target::prepare(&manifest, to, "test")? {
            Decision::There => Ok(false),
            Decision::Read(target) => {
                if let Some(start) = target.start(&manifest)? {
                    self.write(&target, &manifest, start, usize::MAX)?;
                }
                target.finish(&manifest)?;
                Ok(true)
            }
        }
    }
}

/// Every file with its bytes and mode, every folder, by relative path.
fn tree(root: &Path) -> BTreeMap<String, (Option<Vec<u8>>, u32)> {
    let mut found = BTreeMap::new();
    let mut pending = vec![root.to_owned()];
    while let Some(path) = pending.pop() {
        let metadata = fs::symlink_metadata(&path).unwrap();
        let name = path.strip_prefix(root).unwrap().display().to_string();
        let bytes = metadata.is_file().then(|| fs::read(&path).unwrap());
        found.insert(name, (bytes, metadata.permissions().mode() & 0o777));
        if metadata.is_dir() {
            pending.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        }
    }
    found
}

fn bytes(len: usize) -> Vec<u8> {
    (0..len).map(|i| u8::try_from(i * i % 251).unwrap()).collect()
}

fn folder(at: &Path) {
    fs::create_dir_all(at.join("sub folder/empty")).unwrap();
    fs::write(at.join("sub folder/über"), bytes(200_000)).unwrap();
    fs::write(at.join("nothing"), b"").unwrap();
    fs::write(at.join("large"), bytes(3 * SEGMENT_BYTES)).unwrap();
    fs::set_permissions(at.join("nothing"), fs::Permissions::from_mode(0o751)).unwrap();
    fs::set_permissions(at.join("sub folder"), fs::Permissions::from_mode(0o555)).unwrap();
}

#[test]
fn a_folder_comes_back_with_modes_and_times() {
    let dir = tempdir().unwrap();
    let (original, copy) = (dir.path().join("a"), dir.path().join("b"));
    folder(&original);
    let kept = keep(&original, Some(SizeClass::from_log(17).unwrap()));
    assert!(kept.get(&copy).unwrap());
    assert_eq!(tree(&original), tree(&copy));
    for name in ["nothing", "sub folder", "sub folder/über", ""] {
        let time = |root: &Path| fs::metadata(root.join(name)).unwrap().modified().unwrap();
        assert_eq!(time(&original), time(&copy), "{name:?}");
    }
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2, "nothing else is left");
}

#[test]
fn neither_names_nor_content_can_be_seen_in_what_is_kept() {
    let dir = tempdir().unwrap();
    let mark = b"a mark of more than sixteen bytes";
    let path = dir.path().join("the name of it is secret, too");
    fs::write(&path, mark.repeat(100)).unwrap();
    let kept = keep(&path, None);
    for secret in [&mark[..16], b"the name of it i"] {
        assert!(!kept.flat.windows(16).any(|window| window == secret));
    }
}

#[test]
fn what_is_there_is_never_written_over() {
    let dir = tempdir().unwrap();
    let (original, copy) = (dir.path().join("a"), dir.path().join("b"));
    fs::write(&original, b"one").unwrap();
    let kept = keep(&original, None);
    fs::write(&copy, b"two").unwrap();
    assert!(matches!(kept.get(&copy), Err(FilesError::TargetExists(_))));
    assert_eq!(fs::read(&copy).unwrap(), b"two");
    fs::write(&copy, b"one").unwrap();
    assert!(!kept.get(&copy).unwrap(), "the same is there already");
    let into = dir.path().join("folder");
    fs::create_dir(&into).unwrap();
    assert!(kept.get(&into).unwrap(), "a file goes into a folder that exists");
    assert_eq!(fs::read(into.join("a")).unwrap(), b"one");
    std::os::unix::fs::symlink("/no/where", dir.path().join("link")).unwrap();
    assert!(matches!(kept.get(&dir.path().join("link")), Err(FilesError::TargetExists(_))));
}

#[test]
fn an_interrupted_get_goes_on_at_a_segment_and_mistrusts_what_it_finds() {
    let dir = tempdir().unwrap();
    let (original, copy) = (dir.path().join("a"), dir.path().join("b"));
    fs::create_dir(&original).unwrap();
    fs::write(original.join("1"), bytes(100)).unwrap();
    fs::write(original.join("2"), bytes(5 * SEGMENT_BYTES + 7)).unwrap();
    fs::write(original.join("3"), bytes(9)).unwrap();
    let kept = keep(&original, Some(SizeClass::MIN));
    let manifest = kept.manifest(&kept.key).unwrap();
    let target = || match Target::prepare(&manifest, &copy, "test").unwrap() {
        Decision::Read(target) => target,
        Decision::There => panic!("nothing is there"),
    };

    let first = target();
    let start = first.start(&manifest).unwrap().unwrap();
    assert_eq!(start, Start { entry: 1, segment: 0 });
    assert!(kept.write(&first, &manifest, start, 3).is_err(), "only three pieces came");
    assert!(matches!(Target::prepare(&manifest, &copy, "test"), Err(FilesError::Locked(_))), "one at a time");
    drop(first);

    let second = target();
    let start = second.start(&manifest).unwrap().unwrap();
    assert_eq!((start.entry, start.segment > 0), (2, true), "{start:?}");
    let in_file = Target::offset(&manifest, start) - Target::offset(&manifest, Start { entry: 2, segment: 0 });
    assert_eq!(in_file % SEALED_SEGMENT_BYTES as u64, 0);
    // A power cut may leave anything.
    let part = second.part().join("data/2");
    let mut damaged = fs::read(&part).unwrap();
    damaged[10] ^= 1;
    fs::write(&part, damaged).unwrap();
    assert!(matches!(kept.write(&second, &manifest, start, usize::MAX), Err(FilesError::Stalled(_))));
    drop(second);

    assert!(kept.get(&copy).unwrap());
    assert_eq!(tree(&original), tree(&copy));
}

#[test]
fn another_key_and_changed_bytes_say_so() {
    let dir = tempdir().unwrap();
    let path = dir.path().join("a");
    fs::write(&path, bytes(90_000)).unwrap();
    let mut kept = keep(&path, None);
    assert!(matches!(kept.manifest(&ContentKey::random()), Err(FilesError::WrongKey)));
    kept.flat[200] ^= 1;
    assert!(matches!(kept.get(&dir.path().join("b")), Err(FilesError::WrongKey)));
    assert!(!dir.path().join("b").exists());
}

#[test]
fn a_file_of_one_kib_takes_one_shard_of_64_kib() {
    let dir = tempdir().unwrap();
    let path = dir.path().join("a");
    fs::write(&path, bytes(1_024)).unwrap();
    assert_eq!(keep(&path, None).classes, [SizeClass::MIN]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn any_set_of_files_comes_back(lens in prop::collection::vec(0usize..180_000, 1..12), log in 16u8..19) {
        let dir = tempdir().unwrap();
        let (original, copy) = (dir.path().join("a"), dir.path().join("b"));
        fs::create_dir(&original).unwrap();
        for (i, len) in lens.iter().enumerate() {
            fs::write(original.join(format!("file {i}")), bytes(*len)).unwrap();
        }
        let kept = keep(&original, SizeClass::from_log(log));
        prop_assert!(kept.get(&copy).unwrap());
        prop_assert_eq!(tree(&original), tree(&copy));
    }
}
