//! Sealing, sealing again, giving up.

use super::*;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

#[test]
fn one_copy_is_left_after_sealing() {
    let (dir, store) = store();
    let shard = Shard::new(21, 1);
    let replica = id("7/0/2");
    shard.receive(&store, replica).unwrap();
    seal(&store, &[(replica, key(1))]).unwrap();
    assert_eq!(files(dir.path()), ["sealed/7-0-2.shard"]);
    assert_whole(&store, replica, key(1), &shard);
    let usage = store.usage().unwrap();
    assert_eq!((usage.replicas, usage.used, usage.sealed), (1, 1 << 21, 1 << 21));
}

#[test]
fn nothing_of_the_plain_data_is_in_a_sealed_file() {
    let (dir, store) = store();
    let shard = Shard::new(16, 1);
    shard.receive(&store, id("7/0/2")).unwrap();
    seal(&store, &[(id("7/0/2"), key(1))]).unwrap();
    let file = std::fs::read(dir.path().join("sealed/7-0-2.shard")).unwrap();
    let windows: std::collections::HashSet<&[u8]> = file.windows(16).collect();
    assert!(shard.data.chunks(16).all(|window| !windows.contains(window)));
}

#[test]
fn replicas_of_several_sizes_are_sealed_in_one_call() {
    let (dir, store) = store();
    let (small, large) = (Shard::new(16, 1), Shard::new(20, 2));
    let jobs: Vec<_> = (0..7u8)
        .map(|slot| {
            let replica = id(&format!("7/0/{slot}"));
            let shard = if slot % 3 == 0 { &large } else { &small };
            shard.receive(&store, replica).unwrap();
            (replica, key(slot))
        })
        .collect();
    let bytes = AtomicU64::new(0);
    let count = |more| {
        bytes.fetch_add(more, Ordering::Relaxed);
    };
    let sealed = store.seal(&jobs, &count, &|| false).unwrap();
    assert!(sealed.iter().map(|(id, _)| id).eq(jobs.iter().map(|(id, _)| id)));
    assert_eq!(bytes.into_inner(), 3 * (1 << 20) + 4 * (1 << 16));
    for (slot, (replica, key)) in jobs.iter().enumerate() {
        assert_whole(&store, *replica, *key, if slot % 3 == 0 { &large } else { &small });
    }
    assert_eq!(files(dir.path()).len(), 7);
}

#[test]
fn sealing_again_for_the_same_key_costs_nothing() {
    let (_dir, store) = store();
    let shard = Shard::new(16, 1);
    let replica = id("7/0/2");
    shard.receive(&store, replica).unwrap();
    let first = seal(&store, &[(replica, key(1))]).unwrap();
    let again = store.seal(&[(replica, key(1))], &|_| panic!("nothing to do"), &|| false).unwrap();
    assert_eq!(again, [(replica, first[0])]);
}

#[test]
fn a_replica_is_sealed_for_another_key_after_a_reorg() {
    let (dir, store) = store();
    let shard = Shard::new(21, 1);
    let replica = id("7/0/2");
    shard.receive(&store, replica).unwrap();
    let first = seal(&store, &[(replica, key(1))]).unwrap();
    let _ = store.read_piece(replica, 0).unwrap();
    let second = seal(&store, &[(replica, key(2))]).unwrap();
    assert_ne!(first, second);
    assert_whole(&store, replica, key(2), &shard);
    assert_eq!(files(dir.path()), ["sealed/7-0-2.shard"]);
}

#[test]
fn what_is_not_complete_is_not_sealed() {
    let (_dir, store) = store();
    let shard = Shard::new(21, 1);
    let (whole, partial) = (id("7/0/1"), id("7/0/2"));
    shard.receive(&store, whole).unwrap();
    store.expect(partial, shard.comm_d, shard.class).unwrap();
    shard.put(&store, partial, 0).unwrap();
    let result = seal(&store, &[(whole, key(1)), (partial, key(2))]);
    assert!(matches!(result, Err(Error::Incomplete(id)) if id == partial), "{result:?}");
    assert_eq!(store.state(whole), Some(LocalState::Received), "given back");
    assert!(matches!(seal(&store, &[(id("9/0/0"), key(1))]), Err(Error::Unknown(_))));
    assert!(matches!(store.audit(whole, &[0; 32]), Err(Error::NotSealed(_))));
    assert!(matches!(store.read_piece(whole, 0), Err(Error::NotSealed(_))));
}

#[test]
fn cancelled_sealing_starts_over() {
    let (dir, store) = store();
    let shard = Shard::new(22, 1);
    let replica = id("7/0/2");
    shard.receive(&store, replica).unwrap();
    let stop = AtomicBool::new(false);
    let result =
        store.seal(&[(replica, key(1))], &|_| stop.store(true, Ordering::Relaxed), &|| stop.load(Ordering::Relaxed));
    assert!(matches!(result, Err(Error::Cancelled)), "{result:?}");
    assert_eq!(store.state(replica), Some(LocalState::Received));
    assert_eq!(files(dir.path()), ["received/7-0-2.data"]);
    seal(&store, &[(replica, key(1))]).unwrap();
    assert_whole(&store, replica, key(1), &shard);
}

#[test]
fn a_replica_is_sealed_by_one_call_at_a_time() {
    let (_dir, store) = store();
    let shard = Shard::new(22, 1);
    let replica = id("7/0/2");
    shard.receive(&store, replica).unwrap();
    let refused = AtomicBool::new(false);
    let meanwhile = |_| {
        assert_eq!(store.state(replica), Some(LocalState::Sealing { key: key(1) }));
        let again = seal(&store, &[(replica, key(2))]);
        refused.store(matches!(again, Err(Error::BeingSealed(_))), Ordering::Relaxed);
    };
    store.seal(&[(replica, key(1))], &meanwhile, &|| false).unwrap();
    assert!(refused.into_inner());
}

#[test]
fn data_that_rotted_before_sealing_is_received_again() {
    let (dir, store) = store();
    let shard = Shard::new(21, 1);
    let replica = id("7/0/2");
    shard.receive(&store, replica).unwrap();
    spoil(&dir.path().join("received/7-0-2.data"), 4096 + 777);
    let result = seal(&store, &[(replica, key(1))]);
    assert!(matches!(result, Err(Error::Rotted(_))), "{result:?}");
    assert_eq!(store.state(replica), Some(LocalState::Receiving { received: 0 }));
    shard.receive(&store, replica).unwrap();
    seal(&store, &[(replica, key(1))]).unwrap();
    assert_whole(&store, replica, key(1), &shard);
}

#[test]
fn retiring_removes_everything_in_every_state() {
    let (dir, store) = store();
    let shard = Shard::new(21, 1);
    let replica = id("7/0/2");
    assert!(!store.retire(replica).unwrap());
    for stage in 0..4 {
        store.expect(replica, shard.comm_d, shard.class).unwrap();
        if stage >= 1 {
            shard.put(&store, replica, 0).unwrap();
        }
        if stage >= 2 {
            shard.put(&store, replica, 1).unwrap();
        }
        if stage >= 3 {
            seal(&store, &[(replica, key(1))]).unwrap();
            let _ = store.read_piece(replica, 0).unwrap();
        }
        assert!(store.retire(replica).unwrap());
        assert_eq!(store.state(replica), None);
        assert!(store.list().is_empty());
        assert!(files(dir.path()).is_empty());
        assert!(matches!(store.read_piece(replica, 0), Err(Error::Unknown(_))));
    }
    assert_eq!(store.usage().unwrap().used, 0);
}

#[test]
fn a_replica_retired_while_it_is_sealed_goes_alone() {
    let (dir, store) = store();
    let shard = Shard::new(22, 1);
    let (stays, goes) = (id("7/0/1"), id("7/0/2"));
    shard.receive(&store, stays).unwrap();
    shard.receive(&store, goes).unwrap();
    let retire = |_| {
        assert!(store.retire(goes).unwrap());
        assert_eq!(store.state(goes), None);
        let back = store.expect(goes, shard.comm_d, shard.class);
        assert!(matches!(back, Err(Error::BeingRetired(_))), "{back:?}");
    };
    let sealed = store.seal(&[(goes, key(2)), (stays, key(1))], &retire, &|| false).unwrap();
    assert_eq!(sealed.len(), 1);
    assert_eq!(sealed[0].0, stays);
    assert_eq!(files(dir.path()), ["sealed/7-0-1.shard"]);
    assert_whole(&store, stays, key(1), &shard);
    assert!(!store.retire(goes).unwrap());

    shard.receive(&store, goes).unwrap();
    let result = store.seal(&[(goes, key(2))], &retire, &|| false);
    assert!(matches!(result, Err(Error::Cancelled)), "nobody wants it: {result:?}");
    assert_eq!(files(dir.path()), ["sealed/7-0-1.shard"]);
}

pub(super) fn spoil(path: &std::path::Path, at: u64) {
    use std::os::unix::fs::FileExt;
    let file = std::fs::OpenOptions::new().read(true).write(true).open(path).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).unwrap();
    file.write_all_at(&[byte[0] ^ 1], at).unwrap();
}
