//! What the scrubber finds, and how a damaged replica is made again.

use super::{sealing::spoil, *};
use crate::{header, Fault, Position, Source};
use std::fs;

const LABELS: u64 = 4096;

fn account(byte: u8) -> station_primitives::AccountId {
    station_primitives::AccountId::new([byte; 32])
}

/// Sealed replicas `7/0/0`, `7/1/0` … of 4 MiB for the keys 0, 1 …
fn sealed(count: u32) -> (TempDir, Store, Shard, Vec<ReplicaId>) {
    let (dir, store) = store();
    let shard = Shard::new(22, 1);
    let ids: Vec<_> = (0..count).map(|nth| id(&format!("7/{nth}/0"))).collect();
    for replica in &ids {
        shard.receive(&store, *replica).unwrap();
    }
    let jobs: Vec<_> = ids.iter().enumerate().map(|(nth, replica)| (*replica, key(nth as u8))).collect();
    seal(&store, &jobs).unwrap();
    (dir, store, shard, ids)
}

fn pass(store: &Store) -> Vec<(ReplicaId, Fault)> {
    let (mut position, mut faults) = (Position::default(), Vec::new());
    loop {
        let step = store.scrub(&mut position, 1 << 20).unwrap();
        faults.extend(step.fault);
        if step.over {
            return faults;
        }
    }
}

#[test]
fn every_kind_of_damage_is_found_and_nothing_else() {
    let class = class(22);
    let (rows, data_rows) = (header::rows_at(class), header::data_rows_at(class));
    let end = header::sealed_file_bytes(class);
    type Damage = fn(&Path, u64);
    let flip: Damage = |path, at| spoil(path, at);
    let cut: Damage = |path, at| fs::OpenOptions::new().write(true).open(path).unwrap().set_len(at).unwrap();
    let away: Damage = |path, _| fs::remove_file(path).unwrap();
    let damages: [(Damage, u64, Fault); 13] = [
        (flip, LABELS, Fault::Page(0)),
        (flip, LABELS + 5 * 4096 + 17, Fault::Page(5)),
        (flip, LABELS + (1 << 20) - 1, Fault::Page(255)),
        (flip, LABELS + (1 << 20), Fault::Page(256)),
        (flip, rows - 1, Fault::Page(1023)),
        (flip, rows, Fault::Rows("labels")),
        // The lowest row: the page that it is of does not match it.
        (flip, rows + 1023 * 32, Fault::Page(0)),
        (flip, data_rows, Fault::Rows("data")),
        (flip, end - 1, Fault::Rows("data")),
        (flip, 20, Fault::Header),
        (cut, end - 1, Fault::Length { found: end - 1, expected: end }),
        (cut, 0, Fault::Length { found: 0, expected: end }),
        (away, 0, Fault::Missing),
    ];
    let (dir, store, _shard, ids) = sealed(3);
    let file = dir.path().join("sealed/7-1-0.shard");
    let whole = fs::read(&file).unwrap();
    assert_eq!(pass(&store), []);
    for (damage, at, fault) in damages {
        damage(&file, at);
        assert_eq!(pass(&store), [(ids[1], fault.clone())], "at {at}");
        let looked = store.look();
        let shows = matches!(fault, Fault::Missing | Fault::Length { .. });
        assert_eq!(looked, if shows { vec![(ids[1], fault)] } else { vec![] });
        fs::write(&file, &whole).unwrap();
    }
    assert_eq!(pass(&store), []);
}

#[test]
fn a_step_keeps_to_its_budget_and_a_pass_goes_on_after_a_restart() {
    let (dir, store, shard, _) = sealed(3);
    let chunk = (1 << 20) + (1 << 13);
    let rows = 2 * 2 * (shard.class.bytes() >> 7);
    let mut position = store.scrub_position().unwrap();
    assert_eq!(position, Position::default());
    let mut read = 0;
    for _ in 0..5 {
        let step = store.scrub(&mut position, 1 << 20).unwrap();
        assert!(step.bytes > 0 && step.bytes <= (1 << 20) + chunk + rows, "{}", step.bytes);
        read += step.bytes;
    }
    position.began = 99;
    store.note_scrub(&position).unwrap();
    drop(store);
    let store = Store::open(dir.path(), GIB).unwrap();
    let mut position = store.scrub_position().unwrap();
    assert_eq!((position.began, position.checked), (99, read));
    let rest = store.scrub(&mut position, u64::MAX).unwrap();
    assert!(rest.over);
    // Each byte of labels once, and rows: those of the pages twice, once beside the labels and once by themselves.
    let all = 3 * (shard.class.bytes() + (shard.class.bytes() >> 7) + 2 * (2 * shard.class.pages() - 1) * 32);
    assert_eq!(read + rest.bytes, all);
    assert_eq!((position.passes, position.checked), (1, 0));
}

#[test]
fn what_was_retired_or_sealed_anew_is_no_fault() {
    let (_dir, store, shard, ids) = sealed(2);
    let mut position = Position::default();
    store.scrub(&mut position, 1 << 20).unwrap();
    store.retire(ids[0]).unwrap();
    seal(&store, &[(ids[1], key(9))]).unwrap();
    let rest = store.scrub(&mut position, u64::MAX).unwrap();
    assert!(rest.over && rest.fault.is_none(), "{rest:?}");
    assert_whole(&store, ids[1], key(9), &shard);
}

#[test]
fn a_damaged_replica_proves_nothing_serves_what_is_whole_and_comes_back_as_it_was() {
    let (dir, store, shard, ids) = sealed(1);
    let replica = ids[0];
    let Some(LocalState::Sealed { comm_r, .. }) = store.state(replica) else { panic!() };
    // The last page: only itself is spoilt.
    spoil(&dir.path().join("sealed/7-0-0.shard"), LABELS + shard.class.bytes() - 1);
    assert!(store.condemn(replica).unwrap());
    assert!(!store.condemn(replica).unwrap(), "once is enough");
    drop(store);

    let store = Store::open(dir.path(), GIB).unwrap();
    assert_eq!(store.state(replica), Some(LocalState::Damaged { key: key(0), comm_r }));
    assert!(matches!(store.audit(replica, &[1; 32]), Err(Error::Damaged(_))));
    assert!(matches!(store.seal_proof(replica, &[1; 32]), Err(Error::Damaged(_))));
    assert!(matches!(seal(&store, &[(replica, key(0))]), Err(Error::Damaged(_))));
    assert!(matches!(shard.put(&store, replica, 0), Err(Error::Damaged(_))));
    assert!(store.read_piece(replica, 0).unwrap().0 == shard.piece(0));
    assert!(matches!(store.read_piece(replica, 3), Err(Error::Rotted(_))));

    assert!(matches!(store.salvage(replica, &|| true), Err(Error::Cancelled)));
    assert!(matches!(store.state(replica), Some(LocalState::Damaged { .. })), "to be tried again");
    assert_eq!(store.salvage(replica, &|| false).unwrap().missing(), [3]);
    assert!(matches!(store.salvage(replica, &|| false), Err(Error::NotDamaged(_))));
    assert_eq!(store.state(replica), Some(LocalState::Receiving { received: 3 }));
    drop(store);
    // Half made, it serves still, and knows after a restart from what.
    let store = Store::open(dir.path(), GIB).unwrap();
    assert_eq!(files(dir.path()), ["incoming/7-0-0.part", "sealed/7-0-0.shard"]);
    assert!(store.read_piece(replica, 0).unwrap().0 == shard.piece(0));
    assert!(matches!(store.read_piece(replica, 3), Err(Error::Rotted(_))));
    assert!(matches!(store.audit(replica, &[1; 32]), Err(Error::NotSealed(_))));
    assert!(!store.condemn(replica).unwrap());
    shard.receive(&store, replica).unwrap();
    assert_eq!(files(dir.path()), ["received/7-0-0.data"]);
    assert_eq!(seal(&store, &[(replica, key(0))]).unwrap(), [comm_r]);
    assert_whole(&store, replica, key(0), &shard);
    assert_eq!(pass(&store), []);
}

#[test]
fn two_holders_that_rotted_in_different_places_heal_each_other() {
    let shard = Shard::new(22, 1);
    let replica = id("7/0/0");
    let last = shard.class.pieces() - 1;
    let holder = |number: u8| {
        let (dir, store) = store();
        shard.receive(&store, replica).unwrap();
        seal(&store, &[(replica, key(number))]).unwrap();
        let file = dir.path().join("sealed/7-0-0.shard");
        (dir, store, file)
    };
    let (one, other) = (holder(1), holder(2));
    // The last page of one, and of the other a label before it on which nothing in the last piece depends.
    spoil(&one.2, LABELS + shard.class.bytes() - 1);
    let harmless = (2..).find(|page| {
        let at = LABELS + (u64::from(last) << 20) - 4096 * page;
        spoil(&other.2, at);
        let whole = other.1.read_piece(replica, last).is_ok();
        if !whole {
            spoil(&other.2, at);
        }
        whole
    });
    assert!(harmless.is_some());
    for (_, store, _) in [&one, &other] {
        store.condemn(replica).unwrap();
        assert!(!store.salvage(replica, &|| false).unwrap().is_complete());
    }
    for (to, from, number) in [(&one.1, &other.1, 1), (&other.1, &one.1, 2)] {
        for piece in to.missing(replica).unwrap().missing() {
            let (data, path) = from.read_piece(replica, piece).unwrap();
            to.put_piece(replica, piece, &data, &path).unwrap();
        }
        seal(to, &[(replica, key(number))]).unwrap();
        assert_whole(to, replica, key(number), &shard);
    }
}

#[test]
fn rot_in_the_rows_alone_needs_nobody_else() {
    let class = class(22);
    for at in [header::rows_at(class), header::data_rows_at(class), header::sealed_file_bytes(class) - 1, 20] {
        let (dir, store, shard, ids) = sealed(1);
        let Some(LocalState::Sealed { comm_r, .. }) = store.state(ids[0]) else { panic!() };
        spoil(&dir.path().join("sealed/7-0-0.shard"), at);
        let (replica, _) = pass(&store).remove(0);
        store.condemn(replica).unwrap();
        assert!(store.salvage(replica, &|| false).unwrap().is_complete(), "at {at}");
        assert_eq!(store.state(replica), Some(LocalState::Received));
        assert_eq!(seal(&store, &[(replica, key(0))]).unwrap(), [comm_r]);
        assert_whole(&store, replica, key(0), &shard);
    }
}

#[test]
fn a_file_cut_or_taken_away_while_the_store_is_open_comes_back_as_it_was() {
    for cut in [None, Some(LABELS + (3 << 20))] {
        let (dir, store, shard, ids) = sealed(1);
        let path = dir.path().join("sealed/7-0-0.shard");
        match cut {
            Some(at) => fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(at).unwrap(),
            None => fs::remove_file(&path).unwrap(),
        }
        let (replica, _) = store.look().remove(0);
        assert_eq!(replica, ids[0]);
        store.condemn(replica).unwrap();
        let salvaged = store.salvage(replica, &|| false).unwrap();
        // Without its rows no piece proves itself: what is left is of no use, and not believed.
        assert_eq!(salvaged.count(), 0);
        shard.receive(&store, replica).unwrap();
        seal(&store, &[(replica, key(0))]).unwrap();
        assert_whole(&store, replica, key(0), &shard);
    }
}

#[test]
fn a_damaged_replica_that_is_no_duty_any_more_goes() {
    let (dir, store, _, ids) = sealed(2);
    store.condemn(ids[0]).unwrap();
    assert!(store.retire(ids[0]).unwrap());
    store.condemn(ids[1]).unwrap();
    // While it is being salvaged.
    let retired = std::cell::Cell::new(false);
    let result = store.salvage(ids[1], &|| {
        if !retired.replace(true) {
            assert!(matches!(store.salvage(ids[1], &|| false), Err(Error::BeingSalvaged(_))));
            store.retire(ids[1]).unwrap();
        }
        false
    });
    assert!(result.is_err(), "{result:?}");
    assert!(store.list().is_empty() && files(dir.path()).is_empty(), "{:?}", files(dir.path()));
}

#[test]
fn who_served_what_is_counted_once_and_outlives_the_process() {
    let (dir, store) = store();
    // More pieces than one sync takes.
    let shard = Shard::new(25, 1);
    let replica = id("7/0/0");
    let put = |store: &Store, piece: u32, source: u8| {
        let (data, path) = (shard.piece(piece), &shard.paths[piece as usize]);
        store.put_piece_from(replica, piece, data, path, Some(&account(source))).unwrap()
    };
    let served = |store: &Store| {
        let sources = store.sources(replica).unwrap();
        sources.into_iter().map(|Source { account, pieces, refused }| (account, pieces, refused)).collect::<Vec<_>>()
    };
    store.expect(replica, shard.comm_d, shard.class).unwrap();
    for piece in 0..20 {
        put(&store, piece, if piece % 2 == 0 { 1 } else { 2 });
        put(&store, piece, 3);
    }
    store.refuse_source(replica, &account(4)).unwrap();
    drop(store);

    // Sixteen pieces were synced; the others are fetched again, from another.
    let store = Store::open(dir.path(), GIB).unwrap();
    assert_eq!(served(&store), [(account(1), 8, false), (account(2), 8, false), (account(4), 0, true)]);
    for piece in store.missing(replica).unwrap().missing() {
        put(&store, piece, 5);
    }
    let all = [(account(1), 8, false), (account(2), 8, false), (account(4), 0, true), (account(5), 16, false)];
    assert_eq!(served(&store), all);
    seal(&store, &[(replica, key(1))]).unwrap();
    drop(store);
    let store = Store::open(dir.path(), GIB).unwrap();
    assert_eq!(served(&store), all, "until the commitment and after it");
    store.retire(replica).unwrap();
    assert_eq!(served(&store), []);
}
