//! A replica that rots: found, reported, fetched again, sealed to the root that was committed.

use super::{
    repair::{account, Holders},
    *,
};
use crate::flows::{
    repair::Repairer,
    scrub::{self, report},
};
use station_client_shard_store::Position;

fn entry(account: &AccountId, address: &[u8]) -> ProviderInfo {
    ProviderInfo {
        account: account.clone(),
        capacity: 1 << 40,
        used: 0,
        proven: 0,
        price: 0,
        retrieval_price: 0,
        multiaddr: address.to_vec(),
        operator: [0; 32],
        friends_only: false,
        accepting: true,
        collateral: 0,
        collateral_used: 0,
        earned: 0,
        replicas: 1,
        last_seen: 0,
        since: 0,
        leaving: false,
        short_since: None,
    }
}

/// A provider with a sealed and committed replica, and another holder of its shard, number 2.
async fn two_holders(replica: ReplicaId) -> (Bench, Duty, Arc<Holders>) {
    let bench = bench();
    let comm_r = bench.sealed(replica, 3).await.comm_r;
    let (duty, holders) = shard_with_another_holder(&bench, replica);
    bench.committed(replica, comm_r.expect("sealed"));
    (bench, Duty { comm_r, ..duty }, holders)
}

/// The provider has committed `replica`, with the data of seed 3, and so has number 2 its own of the shard.
pub(super) fn shard_with_another_holder(bench: &Bench, replica: ReplicaId) -> (Duty, Arc<Holders>) {
    let duty = bench.assign(replica, &shard_data(3));
    let holders = Holders::of(shard_data(3));
    holders.honest(2);
    bench.chain.providers.lock().insert(account(2), entry(&account(2), &[2]));
    let own = bench.chain.replicas.lock().get(&(at(5).hash, replica)).cloned().expect("assigned");
    let mut other = ReplicaInfo { provider: Some(account(2)), state: ReplicaState::Active, ..own.clone() };
    other.id.slot += 1;
    bench.chain.shards.lock().get_mut(&replica.shard).expect("a shard").replicas = vec![own, other];
    (Duty { task: Task::Keep { due: 77 }, ..duty }, holders)
}

impl Bench {
    /// The chain has this root of the replica.
    pub(super) fn committed(&self, replica: ReplicaId, comm_r: [u8; 32]) {
        let mut replicas = self.chain.replicas.lock();
        let info = replicas.get_mut(&(at(5).hash, replica)).expect("assigned");
        (info.state, info.comm_r) = (ReplicaState::Active, Some(comm_r));
    }
}

fn file(bench: &Bench) -> std::path::PathBuf {
    bench.dir.path().join("sealed").join("1-0-0.shard")
}

fn flip(bench: &Bench, at: usize) {
    let mut bytes = std::fs::read(file(bench)).expect("the sealed file");
    bytes[at] ^= 1;
    std::fs::write(file(bench), bytes).expect("written");
}

/// Found: report, repair, seal. The replica is what it was.
pub(super) async fn heal(bench: &Bench, duty: &Duty, holders: &Arc<Holders>) {
    let plan = bench.plan(std::slice::from_ref(duty));
    assert_eq!((plan.lost.as_slice(), plan.faults.len()), ([duty.replica].as_slice(), 1));
    report(&bench.context, &plan.faults[0]).await.expect("handed in");
    {
        let handed_in = bench.chain.handed_in.lock();
        let Some(Replication::report_fault { replica, due, signature, .. }) =
            handed_in.last().and_then(|extrinsic| extrinsic.function.is_sub_type())
        else {
            panic!("a report");
        };
        assert_eq!((*replica, *due), (duty.replica, 77));
        let statement = DutyStatement::ReportFault { replica: *replica, due: *due };
        assert!(bench.signed_by_the_provider(&statement, signature));
    }
    let repairer = Repairer::new(holders.clone());
    bench.complete(&repairer, duty).await;
    let again = bench.seal(duty.clone()).await;
    assert_eq!(again.comm_r, duty.comm_r, "no new commitment is needed");
    let audits = bench.audits(std::slice::from_ref(duty), [6; 32]);
    let answered = answer::answer(&bench.context, &audits).await.expect("handed in");
    assert_eq!(answered.sent.len(), 1);
}

pub(super) fn scrub_all(bench: &Bench) {
    let mut position = Position::default();
    while !scrub::step(&bench.context, &mut position).expect("read").1 {}
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flipped_bit_is_found_by_the_scrubber_and_healed() {
    let (bench, duty, holders) = two_holders(id("1/0/0")).await;
    scrub_all(&bench);
    assert!(bench.plan(std::slice::from_ref(&duty)).lost.is_empty(), "nothing is wrong yet");
    flip(&bench, 4096 + 12_345);
    scrub_all(&bench);
    heal(&bench, &duty, &holders).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_truncated_and_a_missing_file_are_found_by_looking_and_healed() {
    for cut in [true, false] {
        let (bench, duty, holders) = two_holders(id("1/0/0")).await;
        if cut {
            let file = std::fs::OpenOptions::new().write(true).open(file(&bench)).expect("the sealed file");
            file.set_len(10_000).expect("cut");
        } else {
            std::fs::remove_file(file(&bench)).expect("gone");
        }
        scrub::look(&bench.context);
        heal(&bench, &duty, &holders).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_or_an_audit_that_meets_rot_has_it_healed() {
    for audit in [true, false] {
        let (bench, duty, holders) = two_holders(id("1/0/0")).await;
        let bytes = std::fs::read(file(&bench)).expect("the sealed file");
        let labels = 4096..4096 + usize::try_from(CLASS.bytes()).expect("small");
        let rotten: Vec<u8> =
            bytes.iter().enumerate().map(|(at, byte)| byte ^ u8::from(labels.contains(&at))).collect();
        std::fs::write(file(&bench), rotten).expect("written");
        if audit {
            let audits = bench.audits(std::slice::from_ref(&duty), [5; 32]);
            assert_eq!(answer::answer(&bench.context, &audits).await.expect("no other trouble").failed.len(), 1);
        } else {
            assert_eq!(serve::read_piece(&bench.context, duty.replica.shard, 0), Err(Refusal::NotFound));
        }
        heal(&bench, &duty, &holders).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fault_that_the_chain_knows_is_not_reported_again() {
    let (bench, duty, _) = two_holders(id("1/0/0")).await;
    flip(&bench, 4096);
    scrub_all(&bench);
    let fault = bench.plan(std::slice::from_ref(&duty)).faults[0];
    if let Some(info) = bench.chain.replicas.lock().get_mut(&(at(5).hash, duty.replica)) {
        info.state = ReplicaState::Faulty;
    }
    assert!(report(&bench.context, &fault).await.expect("no trouble").is_none());
    assert!(bench.chain.handed_in.lock().is_empty());
}
