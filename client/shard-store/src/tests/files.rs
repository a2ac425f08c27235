//! Locks, corrupt indices, and indices made again from the files.

use super::{sealing::spoil, *};
use std::fs;

#[test]
fn a_store_is_open_once() {
    let (dir, store) = store();
    let error = Store::open(dir.path(), GIB).err().unwrap();
    let text = error.to_string();
    assert!(text.contains("is already open by another process"), "{text}");
    assert!(text.contains(&std::process::id().to_string()), "{text}");
    drop(store);
    Store::open(dir.path(), GIB).unwrap();
}

/// Three replicas: sealed, received, half received.
fn three() -> (TempDir, Shard, [ReplicaId; 3]) {
    let (dir, store) = store();
    let shard = Shard::new(21, 1);
    let ids = [id("7/0/0"), id("7/1/0"), id("7/2/0")];
    shard.receive(&store, ids[0]).unwrap();
    seal(&store, &[(ids[0], key(1))]).unwrap();
    shard.receive(&store, ids[1]).unwrap();
    store.expect(ids[2], shard.comm_d, shard.class).unwrap();
    shard.put(&store, ids[2], 1).unwrap();
    (dir, shard, ids)
}

#[test]
fn a_corrupt_index_is_said_to_be_one_and_left_alone() {
    type Damage = fn(&Path);
    let damages: [Damage; 4] = [
        |index| fs::remove_file(index.join("CURRENT")).unwrap(),
        |index| fs::write(index.join("CURRENT"), "MANIFEST-999999\n").unwrap(),
        |index| {
            for entry in fs::read_dir(index).unwrap() {
                let path = entry.unwrap().path();
                if path.to_string_lossy().contains("MANIFEST") {
                    fs::write(path, vec![0xa5; 4096]).unwrap();
                }
            }
        },
        |index| {
            // Tables are damaged; what is still in the log is not.
            for entry in fs::read_dir(index).unwrap() {
                let path = entry.unwrap().path();
                if path.extension().is_some_and(|e| e == "sst" || e == "log") {
                    let length = fs::metadata(&path).unwrap().len();
                    fs::write(&path, vec![0x5a; usize::try_from(length).unwrap()]).unwrap();
                }
            }
            fs::remove_file(index.join("CURRENT")).unwrap();
        },
    ];
    for (nth, damage) in damages.into_iter().enumerate() {
        let (dir, shard, ids) = three();
        let before = files(dir.path());
        damage(&dir.path().join("index"));
        for _ in 0..2 {
            let error = Store::open(dir.path(), GIB).err().unwrap_or_else(|| panic!("damage {nth}"));
            let text = error.to_string();
            assert!(matches!(error, Error::CorruptIndex { .. }), "{nth}: {text}");
            assert!(text.contains("start again"), "says what to do: {text}");
            assert_eq!(files(dir.path()), before, "nothing changed");
        }
        // What the message says is done.
        fs::rename(dir.path().join("index"), dir.path().join("index.bad")).unwrap();
        let store = Store::open(dir.path(), GIB).unwrap();
        assert_rebuilt(&store, &shard, ids);
    }
}

fn assert_rebuilt(store: &Store, shard: &Shard, ids: [ReplicaId; 3]) {
    assert_whole(store, ids[0], key(1), shard);
    assert_eq!(store.state(ids[1]), Some(LocalState::Received));
    assert_eq!(store.state(ids[2]), None, "an upload that was not complete starts over");
    assert_eq!(store.list().len(), 2);
    seal(store, &[(ids[1], key(2))]).unwrap();
    assert_whole(store, ids[1], key(2), shard);
    shard.receive(store, ids[2]).unwrap();
}

#[test]
fn a_missing_index_is_made_again_from_the_files() {
    let (dir, shard, ids) = three();
    fs::remove_dir_all(dir.path().join("index")).unwrap();
    assert_rebuilt(&Store::open(dir.path(), GIB).unwrap(), &shard, ids);
}

#[test]
fn files_that_are_no_shards_are_left_alone() {
    let (dir, _, _) = three();
    fs::remove_dir_all(dir.path().join("index")).unwrap();
    fs::write(dir.path().join("sealed/notes.txt"), "not ours").unwrap();
    // A header that does not match its checksum, and a shard under another's name.
    spoil(&dir.path().join("received/7-1-0.data"), 20);
    let sealed = dir.path().join("sealed");
    fs::copy(sealed.join("7-0-0.shard"), sealed.join("9-9-9.shard")).unwrap();
    let store = Store::open(dir.path(), GIB).unwrap();
    let ids: Vec<_> = store.list().into_iter().map(|entry| entry.replica).collect();
    assert_eq!(ids, [id("7/0/0")]);
    assert!(sealed.join("notes.txt").exists() && sealed.join("9-9-9.shard").exists());
    assert!(dir.path().join("received/7-1-0.data").exists());
}

#[test]
fn a_sealed_replica_whose_file_was_taken_away_is_damaged_and_any_other_is_forgotten() {
    let (dir, shard, ids) = three();
    fs::remove_file(dir.path().join("sealed/7-0-0.shard")).unwrap();
    fs::remove_file(dir.path().join("received/7-1-0.data")).unwrap();
    for _ in 0..2 {
        let store = Store::open(dir.path(), GIB).unwrap();
        assert!(matches!(store.state(ids[0]), Some(LocalState::Damaged { key: of, .. }) if of == key(1)));
        assert_eq!(store.state(ids[1]), None);
        assert_eq!(store.list().len(), 2);
    }
    let store = Store::open(dir.path(), GIB).unwrap();
    assert_eq!(store.salvage(ids[0], &|| false).unwrap().count(), 0);
    shard.receive(&store, ids[0]).unwrap();
    shard.receive(&store, ids[1]).unwrap();
}

#[test]
fn a_store_of_the_format_before_is_taken_over() {
    let (dir, shard, ids) = three();
    {
        let db = rocksdb::DB::open(&rocksdb::Options::default(), dir.path().join("index")).unwrap();
        db.put(b"format", 1u32.to_le_bytes()).unwrap();
    }
    for _ in 0..2 {
        let store = Store::open(dir.path(), GIB).unwrap();
        assert_whole(&store, ids[0], key(1), &shard);
        assert_eq!(store.list().len(), 3);
    }
}

#[test]
fn a_folder_that_cannot_be_written_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "").unwrap();
    let error = Store::open(&file, GIB).err().unwrap();
    assert!(error.to_string().contains("file"), "{error}");
}

#[test]
fn a_later_format_is_not_touched() {
    let (dir, _, _) = three();
    {
        let options = rocksdb::Options::default();
        let db = rocksdb::DB::open(&options, dir.path().join("index")).unwrap();
        db.put(b"format", 3u32.to_le_bytes()).unwrap();
    }
    let error = Store::open(dir.path(), GIB).err().unwrap();
    assert!(matches!(error, Error::Format { found: 3, known: 2, .. }), "{error}");
}
