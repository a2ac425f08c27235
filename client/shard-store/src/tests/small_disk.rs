//! A disk that really is full: a tmpfs of its own, where the test may mount one.

use super::*;
use std::process::Command;

/// A file system of its own size, unmounted when dropped.
struct Disk(TempDir);

impl Disk {
    /// `None` where mounting is not allowed; `scripts/test` runs as root in CI, where it is.
    fn of(bytes: u64) -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={bytes}"), "tmpfs"])
            .arg(dir.path())
            .output()
            .is_ok_and(|output| output.status.success());
        if !mounted {
            eprintln!("skipped: no right to mount a tmpfs");
        }
        mounted.then_some(Self(dir))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(self.path()).output();
    }
}

#[test]
fn what_was_accepted_fits_and_the_rest_is_refused() {
    let Some(disk) = Disk::of(crate::disk::RESERVE + (24 << 20)) else { return };
    let shard = Shard::new(21, 1);
    let store = Store::open(disk.path(), u64::MAX).unwrap();
    let mut accepted = Vec::new();
    let full = loop {
        let replica = id(&format!("7/{}/0", accepted.len()));
        match store.expect(replica, shard.comm_d, shard.class) {
            Ok(_) => accepted.push(replica),
            Err(error) => break error,
        }
    };
    assert!(matches!(full, Error::DiskFull { .. }), "{full}");
    assert!(full.to_string().contains("bytes are needed"), "{full}");
    // 24 MiB hold five replicas of 2 MiB while both copies of each are there.
    assert_eq!(accepted.len(), 5);
    assert_eq!(files(disk.path()).len(), accepted.len());
    for replica in &accepted {
        shard.receive(&store, *replica).unwrap();
    }
    let jobs: Vec<_> = accepted.iter().map(|replica| (*replica, key(1))).collect();
    seal(&store, &jobs).unwrap();
    // The plain copies are gone: there is room again.
    store.expect(id("8/0/0"), shard.comm_d, shard.class).unwrap();
}

#[test]
fn a_disk_that_somebody_else_filled_stops_sealing_and_nothing_else() {
    let Some(disk) = Disk::of(crate::disk::RESERVE + (16 << 20)) else { return };
    let shard = Shard::new(22, 1);
    let replica = id("7/0/0");
    let other = id("7/1/0");
    let store = Store::open(disk.path(), u64::MAX).unwrap();
    shard.receive(&store, other).unwrap();
    seal(&store, &[(other, key(1))]).unwrap();
    shard.receive(&store, replica).unwrap();

    // Not even the reserve is left: a file of the same size takes all but 2 MiB.
    let rest = fs4::available_space(disk.path()).unwrap() - (2 << 20);
    let bulk = disk.path().join("bulk");
    let file = std::fs::File::create(&bulk).unwrap();
    fs4::fs_std::FileExt::allocate(&file, rest).unwrap();
    let result = seal(&store, &[(replica, key(1))]);
    assert!(matches!(result, Err(Error::DiskFull { .. })), "{result:?}");
    assert_eq!(store.state(replica), Some(LocalState::Received));
    assert!(matches!(store.expect(id("9/0/0"), shard.comm_d, shard.class), Err(Error::DiskFull { .. })));
    assert_whole(&store, other, key(1), &shard);
    assert!(files(disk.path()).iter().all(|file| !file.starts_with("sealing")));

    drop(file);
    std::fs::remove_file(bulk).unwrap();
    seal(&store, &[(replica, key(1))]).unwrap();
    assert_whole(&store, replica, key(1), &shard);
}

#[test]
fn an_index_that_cannot_be_written_leaves_the_store_as_it_was() {
    let Some(disk) = Disk::of(crate::disk::RESERVE + (16 << 20)) else { return };
    let shard = Shard::new(21, 1);
    let store = Store::open(disk.path(), u64::MAX).unwrap();
    let replica = id("7/0/0");
    store.expect(replica, shard.comm_d, shard.class).unwrap();
    shard.put(&store, replica, 0).unwrap();
    let bulk = disk.path().join("bulk");
    let file = std::fs::File::create(&bulk).unwrap();
    let rest = fs4::available_space(disk.path()).unwrap();
    fs4::fs_std::FileExt::allocate(&file, rest).unwrap();
    // The space of the pieces was taken before; the index may or may not find a block to write to.
    let result = shard.put(&store, replica, 1);
    if let Err(error) = &result {
        assert!(error.is_no_space() || matches!(error, Error::Index(_)), "{error}");
    }
    drop(file);
    std::fs::remove_file(bulk).unwrap();
    drop(store);
    let store = Store::open(disk.path(), u64::MAX).unwrap();
    shard.receive(&store, replica).unwrap();
    seal(&store, &[(replica, key(1))]).unwrap();
    assert_whole(&store, replica, key(1), &shard);
}
