//! A worker that is killed at any point of a repair or of a fault's report: the next one finishes.
//!
//! Each case runs in a child of its own, this test binary again, because failpoints belong to a whole process.

use super::{
    repair::Holders,
    rot::{heal, scrub_all, shard_with_another_holder},
    *,
};
use crate::flows::repair::Repairer;
use std::process::Command;

const POINTS: [&str; 11] = [
    "repair:start",
    "repair:piece",
    "repair:dropped",
    "repair:complete",
    "repair:committed",
    "repair:salvaged",
    "repair:name-signed",
    "repair:named",
    "scrub:found",
    "scrub:report-signed",
    "scrub:reported",
];

const ORDERED: &str = "7/0/1";
const ROTS: &str = "1/0/0";

/// A replica made for an order, one whose sources are all away, and one that rots and is made again. May be begun again at
/// any point.
async fn live(bench: &Bench) {
    let holders = Holders::of(vec![9; 2 << 20]);
    holders.altering(1);
    holders.honest(2);
    let repairer = Repairer::new(holders.clone());
    let duty = holders.duty(id(ORDERED));
    bench.whole(&repairer, &duty).await;
    commit::commit(&bench.context, &bench.plan(std::slice::from_ref(&duty)).commit[0]).await.expect("handed in");

    let nowhere = Holders::of(vec![8; 2 << 20]);
    nowhere.away(3);
    let lost = Duty { task: nowhere.task(10), ..nowhere.duty(id("8/0/1")) };
    let names = |bench: &Bench| {
        let handed_in = bench.chain.handed_in.lock();
        handed_in.iter().any(|it| matches!(it.function.is_sub_type(), Some(Replication::name_sources { .. })))
    };
    let fruitless = Repairer::new(nowhere);
    bench.rounds(&fruitless, std::slice::from_ref(&lost), names).await;
    fruitless.stop();

    let replica = id(ROTS);
    if bench.context.store.state(replica).is_none() {
        let data = shard_data(3);
        bench.assign(replica, &data);
        bench.upload(replica, &data).expect("taken");
    }
    let (duty, holders) = shard_with_another_holder(bench, replica);
    bench.whole(&Repairer::new(holders.clone()), &duty).await;
    let Some(LocalState::Sealed { comm_r, .. }) = bench.context.store.state(replica) else { panic!("sealed") };
    bench.committed(replica, comm_r);
    // Always the same byte, so that doing it twice does not undo it.
    let file = bench.dir.path().join("sealed").join("1-0-0.shard");
    let mut bytes = std::fs::read(&file).expect("the sealed file");
    bytes[4096..4160].fill(0xa5);
    std::fs::write(&file, bytes).expect("written");
    scrub_all(bench);
    heal(bench, &Duty { comm_r: Some(comm_r), ..duty }, &holders).await;
}

impl Bench {
    /// Rounds with sealing until the replica is sealed.
    async fn whole(&self, repairer: &Arc<Repairer>, duty: &Duty) {
        let sealed = |bench: &Self| {
            let plan = bench.plan(std::slice::from_ref(duty));
            bench.sealer.offer(&bench.context, &plan.seal, &HashSet::new());
            matches!(bench.context.store.state(duty.replica), Some(LocalState::Sealed { .. }))
        };
        self.rounds(repairer, std::slice::from_ref(duty), sealed).await;
    }
}

fn child(dir: &std::path::Path, point: &str) -> std::process::Output {
    Command::new(std::env::current_exe().expect("this test"))
        .args(["--exact", "flows::tests::killed::one_life", "--ignored", "--nocapture"])
        .env("WORKER_TEST_DIR", dir)
        .env("WORKER_TEST_POINT", point)
        .output()
        .expect("a child")
}

/// Run by the other test in a process of its own; does nothing without its instructions.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "a child of the other test"]
async fn one_life() {
    let Ok(dir) = std::env::var("WORKER_TEST_DIR") else { return };
    let point = std::env::var("WORKER_TEST_POINT").unwrap_or_default();
    if !point.is_empty() {
        fail::cfg_callback(point, || std::process::abort()).expect("a failpoint");
    }
    let bench = bench_in(Folder::Given(dir.into()));
    live(&bench).await;
    // The index must not be in use when the process goes down.
    while Arc::strong_count(&bench.context.store) > 1 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[test]
fn a_worker_killed_at_any_point_of_a_repair_is_finished_by_the_next() {
    use std::os::unix::process::ExitStatusExt;
    for point in POINTS {
        let dir = tempfile::tempdir().expect("a folder");
        let killed = child(dir.path(), point);
        let text = String::from_utf8_lossy(&killed.stderr).into_owned();
        assert_eq!(killed.status.signal(), Some(6), "{point} was never passed: {text}");
        let next = child(dir.path(), "");
        let text = String::from_utf8_lossy(&next.stderr).into_owned() + &*String::from_utf8_lossy(&next.stdout);
        assert!(next.status.success(), "{point}: {text}");
        let store = Store::open(dir.path(), 1 << 30).expect("a store");
        for replica in [ORDERED, ROTS] {
            assert!(matches!(store.state(id(replica)), Some(LocalState::Sealed { .. })), "{point}: {replica}");
        }
        let mut position = station_client_shard_store::Position::default();
        let scrubbed = store.scrub(&mut position, u64::MAX).expect("read");
        assert!(scrubbed.over && scrubbed.fault.is_none(), "{point}: {scrubbed:?}");
        let served: u32 = store.sources(id(ORDERED)).expect("sources").iter().map(|source| source.pieces).sum();
        assert!(served <= 2, "{point}: {served} of two pieces");
    }
}
