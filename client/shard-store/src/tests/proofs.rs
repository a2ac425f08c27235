//! What audits read, and what rot does to them.

use super::{sealing::spoil, *};

fn sealed(log: u8) -> (TempDir, Store, Shard, ReplicaId) {
    let (dir, store) = store();
    let shard = Shard::new(log, 1);
    let replica = id("7/0/2");
    shard.receive(&store, replica).unwrap();
    seal(&store, &[(replica, key(1))]).unwrap();
    (dir, store, shard, replica)
}

/// Bytes that this thread has read by system calls, in `/proc`'s account.
fn bytes_read() -> u64 {
    let account = std::fs::read_to_string("/proc/thread-self/io").unwrap();
    let line = account.lines().find_map(|line| line.strip_prefix("rchar: ")).unwrap();
    line.trim().parse().unwrap()
}

#[test]
fn an_audit_of_64_mib_reads_less_than_32_kib() {
    let (_dir, store, shard, replica) = sealed(26);
    let Some(LocalState::Sealed { comm_r, .. }) = store.state(replica) else { panic!() };
    // What reading the account itself costs.
    let overhead = {
        let before = bytes_read();
        bytes_read() - before
    };
    let mut with_check = 0;
    for nth in 0..64 {
        let seed = [nth; 32];
        let before = bytes_read();
        let audit = store.audit(replica, &seed).unwrap();
        let read = bytes_read() - before - overhead;
        proof::verify_audit(&key(1), shard.class, &shard.comm_d, &comm_r, &seed, &audit).unwrap();
        let checked = audit != {
            let mut plain = audit.clone();
            plain.data.clear();
            plain
        };
        with_check += u32::from(checked);
        let limit = if checked { 128 << 10 } else { 32 << 10 };
        assert!(read < limit, "seed {nth}, check {checked}: {read} bytes");
    }
    assert!(with_check > 0, "one in sixteen has a seal check");
}

#[test]
fn rot_is_an_error_and_never_a_wrong_answer() {
    let (dir, store, shard, replica) = sealed(20);
    let file = dir.path().join("sealed/7-0-2.shard");
    assert_whole(&store, replica, key(1), &shard);
    drop(store);
    // A label in the middle: what it and those that depend on it decode to is wrong.
    spoil(&file, 4096 + (1 << 19));
    let store = Store::open(dir.path(), GIB).unwrap();
    let read = store.read_piece(replica, 0);
    assert!(matches!(read, Err(Error::Rotted(_))), "{read:?}");
    let Some(LocalState::Sealed { comm_r, .. }) = store.state(replica) else { panic!() };
    let mut failed = 0;
    for nth in 0..=255 {
        let seed = [nth; 32];
        match store.audit(replica, &seed) {
            Ok(audit) => {
                proof::verify_audit(&key(1), shard.class, &shard.comm_d, &comm_r, &seed, &audit).unwrap();
            }
            Err(Error::Proof { .. }) => failed += 1,
            Err(other) => panic!("{other}"),
        }
    }
    assert!(failed > 0, "some audit opens the page");
    let resealed = seal(&store, &[(replica, key(2))]);
    assert!(matches!(resealed, Err(Error::Rotted(_))), "{resealed:?}");
    assert!(matches!(store.state(replica), Some(LocalState::Sealed { .. })), "it stays as it is");
}

#[test]
fn hot_pieces_are_read_once() {
    let (dir, store, shard, replica) = sealed(21);
    let first = store.read_piece(replica, 1).unwrap();
    // Without the file, only the cache can answer.
    let file = dir.path().join("sealed/7-0-2.shard");
    std::fs::rename(&file, dir.path().join("away")).unwrap();
    assert!(store.read_piece(replica, 1).unwrap() == first);
    assert!(first.0 == shard.piece(1));
    assert!(store.read_piece(replica, 0).is_err());
    std::fs::rename(dir.path().join("away"), &file).unwrap();
    let bad = store.read_piece(replica, 2);
    assert!(matches!(bad, Err(Error::NoSuchPiece { piece: 2, pieces: 2, .. })), "{bad:?}");
}

#[test]
fn readers_and_auditors_share_a_replica() {
    let (_dir, store, shard, replica) = sealed(22);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| assert_whole(&store, replica, key(1), &shard));
        }
    });
}
