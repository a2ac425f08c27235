//! Expecting and taking pieces.

use super::*;
use crate::SYNC_EVERY;

#[test]
fn pieces_come_in_any_order_and_twice() {
    let (dir, store) = store();
    let shard = Shard::new(22, 1);
    let replica = id("7/0/2");
    assert_eq!(store.state(replica), None);
    store.expect(replica, shard.comm_d, shard.class).unwrap();
    for (nth, piece) in [2, 0, 2, 3].into_iter().enumerate() {
        assert!(!shard.put(&store, replica, piece).unwrap(), "{nth}");
    }
    assert_eq!(store.state(replica), Some(LocalState::Receiving { received: 3 }));
    assert_eq!(store.missing(replica).unwrap().missing(), [1]);
    assert!(shard.put(&store, replica, 1).unwrap());
    assert_eq!(store.state(replica), Some(LocalState::Received));
    assert!(shard.put(&store, replica, 1).unwrap(), "sent again after the end");
    assert_eq!(store.missing(replica).unwrap().missing(), [0; 0]);
    assert_eq!(files(dir.path()), ["received/7-0-2.data"]);
}

#[test]
fn a_piece_that_is_not_of_the_shard_changes_nothing() {
    let (_dir, store) = store();
    let shard = Shard::new(21, 1);
    let replica = id("7/0/2");
    assert!(matches!(shard.put(&store, replica, 0), Err(Error::Unknown(_))));
    store.expect(replica, shard.comm_d, shard.class).unwrap();

    let mut altered = shard.piece(0).to_vec();
    altered[12345] ^= 1;
    type Piece<'a> = (u32, &'a [u8], &'a [[u8; 32]]);
    let bad: [Piece; 5] = [
        (0, &altered, &shard.paths[0]),
        (0, shard.piece(1), &shard.paths[1]),
        (0, &shard.piece(0)[1..], &shard.paths[0]),
        (0, shard.piece(0), &[]),
        (0, shard.piece(0), &[[0; 32]; 1]),
    ];
    for (piece, data, path) in bad {
        let result = store.put_piece(replica, piece, data, path);
        assert!(matches!(result, Err(Error::Mismatch { piece: 0, .. })), "{result:?}");
    }
    let result = store.put_piece(replica, 2, shard.piece(0), &shard.paths[0]);
    assert!(matches!(result, Err(Error::NoSuchPiece { piece: 2, pieces: 2, .. })));
    assert_eq!(store.state(replica), Some(LocalState::Receiving { received: 0 }));
}

#[test]
fn expecting_twice_is_once_and_other_data_is_refused() {
    let (_dir, store) = store();
    let shard = Shard::new(21, 1);
    let replica = id("7/0/2");
    for _ in 0..2 {
        store.expect(replica, shard.comm_d, shard.class).unwrap();
    }
    shard.put(&store, replica, 0).unwrap();
    let state = store.expect(replica, shard.comm_d, shard.class).unwrap();
    assert_eq!(state, LocalState::Receiving { received: 1 });
    let other = store.expect(replica, [0; 32], shard.class);
    assert!(matches!(other, Err(Error::Conflict(_))), "{other:?}");
    let other = store.expect(replica, shard.comm_d, class(22));
    assert!(matches!(other, Err(Error::Conflict(_))), "{other:?}");
}

#[test]
fn what_was_synced_is_there_after_a_restart_and_the_rest_is_missing() {
    let dir = tempfile::tempdir().unwrap();
    let shard = Shard::new(25, 1);
    let replica = id("7/0/2");
    {
        let store = Store::open(dir.path(), GIB).unwrap();
        store.expect(replica, shard.comm_d, shard.class).unwrap();
        for piece in 0..SYNC_EVERY as u32 + 3 {
            shard.put(&store, replica, piece).unwrap();
        }
    }
    let store = Store::open(dir.path(), GIB).unwrap();
    let state = store.state(replica);
    assert_eq!(state, Some(LocalState::Receiving { received: SYNC_EVERY as u32 }));
    shard.receive(&store, replica).unwrap();
    assert_eq!(store.state(replica), Some(LocalState::Received));
    seal(&store, &[(replica, key(1))]).unwrap();
    assert_whole(&store, replica, key(1), &shard);
}

#[test]
fn many_threads_may_bring_pieces() {
    let (_dir, store) = store();
    let shard = Shard::new(24, 1);
    let replica = id("7/0/2");
    store.expect(replica, shard.comm_d, shard.class).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let (store, shard) = (&store, &shard);
            scope.spawn(move || {
                // Each brings three quarters, so every piece comes from several.
                for piece in (0..16).filter(|piece| piece % 4 != thread) {
                    shard.put(store, replica, piece).unwrap();
                }
            });
        }
    });
    assert_eq!(store.state(replica), Some(LocalState::Received));
}

#[test]
fn the_offer_is_not_exceeded() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), 5 << 16).unwrap();
    let shard = Shard::new(16, 1);
    for slot in 0..5 {
        store.expect(id(&format!("7/0/{slot}")), shard.comm_d, shard.class).unwrap();
    }
    let full = store.expect(id("7/0/5"), shard.comm_d, shard.class);
    assert!(matches!(full, Err(Error::Capacity { .. })), "{full:?}");
    assert!(full.unwrap_err().is_no_space());
    assert_eq!(store.usage().unwrap().free(), 0);
    assert_eq!(files(dir.path()).len(), 5, "nothing is left of what was refused");
    assert!(store.retire(id("7/0/3")).unwrap());
    store.expect(id("7/0/5"), shard.comm_d, shard.class).unwrap();
}

#[test]
fn more_than_the_disk_has_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), u64::MAX).unwrap();
    let free = store.usage().unwrap().disk_free;
    // Promises count: files of this class are sparse nowhere, so that many cannot be laid out here. Two copies and rows
    // are wanted for each; the check comes before the first byte is taken.
    if free < 2 * GIB {
        let full = store.expect(id("7/0/0"), [0; 32], SizeClass::MAX);
        assert!(matches!(full, Err(Error::DiskFull { .. })), "{full:?}");
    }
    let shard = Shard::new(20, 1);
    store.expect(id("7/0/0"), shard.comm_d, shard.class).unwrap();
    let now = store.usage().unwrap().disk_free;
    assert!(now + 2 * shard.class.bytes() <= free, "both copies are counted: {free} -> {now}");
}
