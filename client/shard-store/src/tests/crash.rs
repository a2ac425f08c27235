//! A process that dies at any point of the store's work, and one whose disk fails there: the next one finishes.
//!
//! Each case runs in a child of its own, this test binary again, because failpoints belong to a whole process.

use super::*;
use std::{
    process::{Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

const POINTS: [&str; 15] = [
    "store:expected",
    "store:allocated",
    "store:piece-written",
    "store:pieces-synced",
    "store:received-renamed",
    "store:sealing",
    "store:sealed-written",
    "store:sealed-renamed",
    "store:sealed-recorded",
    "store:unsealed",
    "store:condemned",
    "store:salvaged",
    "store:salvage-recorded",
    "store:retiring",
    "store:retired-files",
];

const KEEPS: [&str; 2] = ["7/0/0", "7/1/0"];
const GOES: &str = "7/2/0";
/// Rots once it is sealed, and is made again from another holder.
const ROTS: &str = "7/3/0";

fn shards() -> [Shard; 2] {
    // Two sizes, so that they are sealed one after the other; one of them of several pieces.
    [Shard::new(21, 1), Shard::new(18, 2)]
}

/// The whole life of four replicas: two end sealed for a second key, one retired, one rots and ends as it was. May be begun
/// again at any point.
fn live(store: &Store) -> Result<(), Error> {
    let shards = shards();
    let goes = id(GOES);
    let keeps = KEEPS.map(id);
    for (replica, shard) in keeps.iter().zip(&shards) {
        shard.receive(store, *replica)?;
    }
    let second = |at: usize| key(10 + at as u8);
    let is_second =
        |at: usize| matches!(store.state(keeps[at]), Some(LocalState::Sealed { key, .. }) if key == second(at));
    if !is_second(0) && !is_second(1) {
        seal(store, &[(keeps[0], key(0)), (keeps[1], key(1))])?;
    }
    seal(store, &[(keeps[0], second(0)), (keeps[1], second(1))])?;
    shards[0].receive(store, goes)?;
    seal(store, &[(goes, key(3))])?;
    store.retire(goes)?;
    rot_and_heal(store, &shards[0])
}

/// Always the same bytes, so that doing it twice does not undo it.
fn rot(dir: &Path, file: &str, shard: &Shard) {
    use std::os::unix::fs::FileExt;
    let file = std::fs::OpenOptions::new().write(true).open(dir.join(file)).unwrap();
    // Beyond the header page, the last page of labels: nothing depends on it but itself.
    file.write_all_at(&[0xa5; 64], shard.class.bytes()).unwrap();
}

fn rot_and_heal(store: &Store, shard: &Shard) -> Result<(), Error> {
    let replica = id(ROTS);
    let source = station_primitives::AccountId::new([8; 32]);
    match store.state(replica) {
        None | Some(LocalState::Receiving { .. } | LocalState::Received) => {
            store.expect(replica, shard.comm_d, shard.class)?;
            for piece in store.missing(replica)?.missing() {
                let (data, path) = (shard.piece(piece), &shard.paths[piece as usize]);
                store.put_piece_from(replica, piece, data, path, Some(&source))?;
            }
            // What was salvaged was served by nobody, and nothing is counted twice.
            let served: u32 = store.sources(replica)?.iter().map(|source| source.pieces).sum();
            assert!(served <= shard.class.pieces(), "{served}");
            seal(store, &[(replica, key(4))])?;
        }
        Some(LocalState::Sealed { .. } | LocalState::Damaged { .. }) => {}
        Some(LocalState::Sealing { .. }) => unreachable!("nobody seals beside this"),
    }
    if matches!(store.state(replica), Some(LocalState::Sealed { .. })) {
        rot(&store.folders.root, "sealed/7-3-0.shard", shard);
        let found = store.scrub(&mut crate::Position::default(), u64::MAX)?.fault;
        assert_eq!(found.map(|(replica, _)| replica), Some(replica));
        store.condemn(replica)?;
    }
    let salvaged = store.salvage(replica, &|| false)?;
    assert_eq!(salvaged.missing(), [shard.class.pieces() - 1], "only what rotted is missing");
    let last = shard.class.pieces() - 1;
    let (data, path) = (shard.piece(last), &shard.paths[last as usize]);
    assert!(store.put_piece_from(replica, last, data, path, Some(&source))?);
    seal(store, &[(replica, key(4))])?;
    Ok(())
}

/// What a loss of power may do beyond a kill: all that was written and not promised is zeros.
fn lose_what_was_not_promised(dir: &Path) {
    use std::os::unix::fs::FileExt;
    let zero = |path: &Path, from: u64, bytes: u64| {
        let file = std::fs::OpenOptions::new().write(true).open(path).unwrap();
        file.write_all_at(&vec![0; bytes as usize], from).unwrap();
    };
    for entry in std::fs::read_dir(dir.join("sealing")).unwrap() {
        let path = entry.unwrap().path();
        zero(&path, 0, std::fs::metadata(&path).unwrap().len());
    }
    let store = Store::open(dir, GIB).unwrap();
    for entry in store.list() {
        let LocalState::Receiving { .. } = entry.state else { continue };
        let path = store.folders.incoming(entry.replica);
        let bytes = entry.class.piece_bytes() as u64;
        for piece in store.missing(entry.replica).unwrap().missing() {
            zero(&path, 4096 + u64::from(piece) * bytes, bytes);
        }
    }
}

fn assert_lived(dir: &Path, store: &Store) {
    for (at, (replica, shard)) in KEEPS.iter().zip(&shards()).enumerate() {
        assert_whole(store, id(replica), key(10 + at as u8), shard);
    }
    assert_whole(store, id(ROTS), key(4), &shards()[0]);
    assert_eq!(files(dir), ["sealed/7-0-0.shard", "sealed/7-1-0.shard", "sealed/7-3-0.shard"]);
    assert_eq!(store.list().len(), 3);
    let faults = store.scrub(&mut crate::Position::default(), u64::MAX).unwrap();
    assert!(faults.over && faults.fault.is_none(), "{faults:?}");
}

/// What the store calls sealed is whole, straight after a crash too.
fn assert_nothing_wrong(store: &Store) {
    for entry in store.list() {
        let LocalState::Sealed { key, .. } = entry.state else { continue };
        let at = usize::from(entry.replica == id(KEEPS[1]));
        // The one that was made to rot may not have been found yet.
        if entry.replica != id(ROTS) {
            assert_whole(store, entry.replica, key, &shards()[at]);
        }
    }
}

/// Run by the other tests in a process of its own; does nothing without their instructions.
#[test]
#[ignore = "a child of the other tests"]
fn child() {
    let Ok(dir) = std::env::var("STORE_TEST_DIR") else { return };
    let dir = Path::new(&dir);
    let point = std::env::var("STORE_TEST_POINT").unwrap_or_default();
    let nth: u32 = std::env::var("STORE_TEST_NTH").unwrap_or_default().parse().unwrap_or(1);
    match std::env::var("STORE_TEST_MODE").as_deref() {
        Ok("abort") => {
            let seen = AtomicU32::new(0);
            fail::cfg_callback(point, move || {
                if seen.fetch_add(1, Ordering::Relaxed) + 1 == nth {
                    std::process::abort();
                }
            })
            .unwrap();
            live(&Store::open(dir, GIB).unwrap()).unwrap();
        }
        Ok("fail") => {
            let store = Store::open(dir, GIB).unwrap();
            fail::cfg(point.as_str(), &format!("{}*off->1*return->off", nth - 1)).unwrap();
            let first = live(&store);
            fail::remove(&point);
            if let Err(error) = first {
                println!("FAILED: {error}");
                // The same store goes on, without a restart.
                live(&store).unwrap();
            }
            assert_lived(dir, &store);
            drop(store);
            assert_lived(dir, &Store::open(dir, GIB).unwrap());
        }
        _ => live(&Store::open(dir, GIB).unwrap()).unwrap(),
    }
}

fn spawn(dir: &Path, mode: &str, point: &str, nth: u32) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", "tests::crash::child", "--ignored", "--nocapture"])
        .env("STORE_TEST_DIR", dir)
        .env("STORE_TEST_MODE", mode)
        .env("STORE_TEST_POINT", point)
        .env("STORE_TEST_NTH", nth.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

#[test]
fn a_process_killed_at_any_point_is_finished_by_the_next() {
    for point in POINTS {
        let mut died = 0;
        for nth in 1..=3 {
            let dir = tempfile::tempdir().unwrap();
            let output = spawn(dir.path(), "abort", point, nth).output().unwrap();
            if output.status.success() {
                // The point is passed less often than that.
                break;
            }
            use std::os::unix::process::ExitStatusExt;
            assert_eq!(output.status.signal(), Some(6), "{}", String::from_utf8_lossy(&output.stderr));
            died += 1;
            // Every other time the power goes with the process.
            if nth % 2 == 1 {
                lose_what_was_not_promised(dir.path());
            }
            let store = Store::open(dir.path(), GIB).unwrap();
            assert_nothing_wrong(&store);
            live(&store).unwrap_or_else(|error| panic!("{point} {nth}: {error}"));
            assert_lived(dir.path(), &store);
        }
        assert!(died > 0, "{point} was never passed");
    }
}

#[test]
fn a_failure_at_any_point_leaves_the_store_usable() {
    for point in POINTS {
        let mut failed = 0;
        for nth in 1..=2 {
            let dir = tempfile::tempdir().unwrap();
            let output = spawn(dir.path(), "fail", point, nth).output().unwrap();
            let stdout = String::from_utf8_lossy(&output.stdout);
            let stderr = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{point} {nth}: {stdout}{stderr}");
            if !stdout.contains("FAILED") {
                break;
            }
            if point == "store:allocated" {
                assert!(stdout.contains("is full"), "{stdout}");
            }
            failed += 1;
        }
        assert!(failed > 0, "{point} was never passed");
    }
}

#[test]
fn a_process_killed_at_any_time_is_finished_by_the_next() {
    for nth in 0..8 {
        let dir = tempfile::tempdir().unwrap();
        let mut child = spawn(dir.path(), "run", "", 0).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(20 + 60 * nth));
        child.kill().unwrap();
        child.wait().unwrap();
        let store = Store::open(dir.path(), GIB).unwrap();
        live(&store).unwrap();
        assert_lived(dir.path(), &store);
    }
}
