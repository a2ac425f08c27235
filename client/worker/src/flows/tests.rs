//! The flows over a real store and a chain that does what it is told.

mod killed;
mod repair;
mod rot;

use super::*;
use crate::{
    chain::At,
    flows::{accept_upload, answer, commit, prove_seal, retire, seal::Sealer, serve},
    mark::Mark,
    plan::{plan, Audit, Held, Local, Plan},
};
use async_trait::async_trait;
use frame_support::traits::IsSubType;
use parking_lot::Mutex;
use sp_core::{crypto::Pair as _, sr25519};
use sp_keystore::{testing::MemoryKeystore, Keystore};
use station_client_shard_store::LocalState;
use station_client_transfer::protocol::{Refusal, UploadState};
use station_porep::{data, proof::verify_audit, SizeClass};
use station_primitives::{
    api::{AccountMoney, Duty, OrderInfo, ProviderInfo, ReplicaInfo, ShardInfo, Summary, Task},
    DutyStatement, Hash, Nonce, Reason, Receipt, ReplicaState, Seed, ShardId, ShardState, Timing, PROVIDER_KEY,
};
use station_runtime::{Runtime, UncheckedExtrinsic};
use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

type Replication = pallet_station_replication::Call<Runtime>;

const CLASS: SizeClass = SizeClass::MIN;
const TICKET: Seed = [7; 32];

/// Says what the test wrote into it, and keeps what is handed in.
#[derive(Default)]
struct ToldChain {
    best: Mutex<At>,
    finalized: Mutex<At>,
    /// By block: the replicas that it knows.
    replicas: Mutex<HashMap<(Hash, ReplicaId), ReplicaInfo>>,
    shards: Mutex<HashMap<ShardId, ShardInfo>>,
    providers: Mutex<HashMap<AccountId, ProviderInfo>>,
    handed_in: Mutex<Vec<UncheckedExtrinsic>>,
    most_answers: Mutex<Option<usize>>,
}

#[async_trait]
impl Chain for ToldChain {
    fn genesis(&self) -> Hash {
        Hash::repeat_byte(1)
    }
    fn best(&self) -> At {
        *self.best.lock()
    }
    fn finalized(&self) -> At {
        *self.finalized.lock()
    }
    fn timing(&self, _: Hash) -> Result<Timing, ChainError> {
        Ok(Timing::default())
    }
    fn summary(&self, _: Hash) -> Result<Summary, ChainError> {
        Ok(Summary::default())
    }
    fn provider(&self, _: Hash, account: &AccountId) -> Result<Option<ProviderInfo>, ChainError> {
        Ok(self.providers.lock().get(account).cloned())
    }
    fn money(&self, _: Hash, _: &AccountId) -> Result<AccountMoney, ChainError> {
        Ok(AccountMoney::default())
    }
    fn duties(&self, _: Hash, _: &AccountId) -> Result<Vec<Duty>, ChainError> {
        Ok(Vec::new())
    }
    fn shard(&self, _: Hash, id: ShardId) -> Result<Option<ShardInfo>, ChainError> {
        Ok(self.shards.lock().get(&id).cloned())
    }
    fn replica(&self, at: Hash, id: ReplicaId) -> Result<Option<ReplicaInfo>, ChainError> {
        Ok(self.replicas.lock().get(&(at, id)).cloned())
    }
    fn nonce(&self, _: Hash, _: &AccountId) -> Result<Nonce, ChainError> {
        Ok(0)
    }
    fn versions(&self, _: Hash) -> Result<(u32, u32), ChainError> {
        Ok((1, 1))
    }
    async fn submit(&self, extrinsic: UncheckedExtrinsic) -> Result<Hash, SubmitError> {
        if let (Some(most), Some(Replication::prove { answers, .. })) =
            (*self.most_answers.lock(), extrinsic.function.is_sub_type())
        {
            if answers.len() > most {
                return Err(SubmitError::Refused("one is not due".into()));
            }
        }
        let name = crate::signer::hash_of(&extrinsic);
        self.handed_in.lock().push(extrinsic);
        Ok(name)
    }
    async fn withdraw(&self, names: Vec<Hash>) {
        self.handed_in.lock().retain(|extrinsic| !names.contains(&crate::signer::hash_of(extrinsic)));
    }
}

struct Bench {
    chain: Arc<ToldChain>,
    context: Context,
    mark: Arc<Mark>,
    sealer: Arc<Sealer>,
    dir: Folder,
}

/// A folder of this test's own, or one that another process goes on with.
enum Folder {
    Own(tempfile::TempDir),
    Given(std::path::PathBuf),
}

impl Folder {
    fn path(&self) -> &std::path::Path {
        match self {
            Self::Own(dir) => dir.path(),
            Self::Given(dir) => dir,
        }
    }
}

fn at(number: u32) -> At {
    At { hash: Hash::from_low_u64_be(number.into()), number }
}

fn bench() -> Bench {
    bench_in(Folder::Own(tempfile::tempdir().expect("a folder")))
}

fn bench_in(dir: Folder) -> Bench {
    let chain = Arc::new(ToldChain::default());
    let genesis = chain.genesis();
    let keystore = MemoryKeystore::new();
    keystore.sr25519_generate_new(PROVIDER_KEY, Some("//Provider")).expect("a key");
    let signer = Signer::open(Arc::new(keystore), genesis).expect("a signer");
    let context = Context {
        chain: chain.clone(),
        store: Arc::new(Store::open(dir.path(), 1 << 30).expect("a store")),
        identity: Identity { genesis, account: signer.account() },
        signer,
        config: Arc::new(Config::new(1 << 30, 0)),
        metrics: Metrics::new(None).expect("metrics"),
        wake: Arc::new(Notify::new()),
    };
    let mark = Arc::new(Mark::open(dir.path(), genesis).expect("a mark"));
    Bench { chain, context, mark, sealer: Sealer::new(2), dir }
}

fn shard_data(seed: u8) -> Vec<u8> {
    (0..CLASS.bytes()).map(|i| u8::try_from(i % 251).expect("small") ^ seed).collect()
}

impl Bench {
    /// Block 5 assigns `replica`, with this data, to the provider.
    fn assign(&self, replica: ReplicaId, data: &[u8]) -> Duty {
        let (comm_d, _) = data::commit(&data.to_vec(), CLASS).expect("a root");
        *self.chain.best.lock() = at(5);
        let info = ReplicaInfo {
            id: replica,
            provider: Some(self.context.account().clone()),
            state: ReplicaState::Assigned,
            last_proof: None,
            comm_r: None,
            ticket: Some(TICKET),
            earned: 0,
            price: 0,
            collateral: 0,
            due: None,
        };
        self.chain.replicas.lock().insert((at(5).hash, replica), info);
        let shard = ShardInfo {
            id: replica.shard,
            comm_d,
            size: CLASS.bytes(),
            state: ShardState::Pending,
            live: 0,
            target: 3,
            repairing_since: None,
            replicas: Vec::new(),
            history: Vec::new(),
            orders: Vec::new(),
            compensated: 0,
        };
        self.chain.shards.lock().insert(replica.shard, shard);
        let task = Task::Commit { deadline: 100 };
        Duty { replica, comm_d, size: CLASS.bytes(), ticket: TICKET, comm_r: None, task }
    }

    /// The shard has an order for the slot, with this candidate.
    fn order(&self, replica: ReplicaId, candidate: Option<AccountId>) {
        let order = OrderInfo { replica, opened: 1, reason: Reason::MissedAudit, provider: candidate, draws: 1 };
        self.chain.shards.lock().get_mut(&replica.shard).expect("a shard").orders = vec![order];
    }

    fn upload(&self, replica: ReplicaId, data: &[u8]) -> Result<bool, Refusal> {
        accept_upload::piece(&self.context, &self.mark, replica, 0, data, &[])
    }

    fn plan(&self, duties: &[Duty]) -> Plan {
        let held = self.context.store.list().into_iter().map(|entry| {
            let local = match entry.state {
                LocalState::Receiving { .. } => Local::Receiving,
                LocalState::Received => Local::Received,
                LocalState::Sealing { key } => Local::Sealing(key),
                LocalState::Sealed { key, comm_r } => Local::Sealed(key, comm_r),
                LocalState::Damaged { .. } => Local::Damaged,
            };
            (entry.replica, Held { comm_d: entry.comm_d, local })
        });
        plan(&self.context.identity, duties, &held.collect(), 0)
    }

    /// Upload and seal, and return the duty as it stands after the commitment.
    async fn sealed(&self, replica: ReplicaId, seed: u8) -> Duty {
        let data = shard_data(seed);
        let duty = self.assign(replica, &data);
        assert_eq!(self.upload(replica, &data), Ok(true));
        self.seal(duty).await
    }

    /// Seal what is complete, and return the duty as it stands after the commitment.
    async fn seal(&self, duty: Duty) -> Duty {
        let plan = self.plan(std::slice::from_ref(&duty));
        assert_eq!(plan.seal.len(), 1);
        self.sealer.offer(&self.context, &plan.seal, &HashSet::new());
        for _ in 0..1_000 {
            if let Some(LocalState::Sealed { comm_r, .. }) = self.context.store.state(duty.replica) {
                return Duty { comm_r: Some(comm_r), ..duty };
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("not sealed in time");
    }

    fn audits(&self, duties: &[Duty], seed: Seed) -> Vec<Audit> {
        let task = Task::Audit { due: 3, seed, deadline: 9, grace_ends: 20 };
        let duties: Vec<_> = duties.iter().map(|duty| Duty { task: task.clone(), ..duty.clone() }).collect();
        self.plan(&duties).audits
    }

    fn signed_by_the_provider(&self, statement: &DutyStatement, signature: &sr25519::Signature) -> bool {
        let message = statement.signing_hash(self.chain.genesis(), self.context.account());
        sr25519::Pair::verify(signature, message, &self.context.signer.public())
    }
}

fn id(text: &str) -> ReplicaId {
    text.parse().expect("an id")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_becomes_a_commitment_a_seal_proof_and_served_pieces() {
    let bench = bench();
    let replica = id("7/0/2");
    let data = shard_data(3);
    bench.assign(replica, &data);
    let status = accept_upload::status(&bench.context, &bench.mark, replica);
    assert!(matches!(status, Ok(UploadState::Receiving { pieces: 1, .. })), "{status:?}");

    let duty = bench.sealed(replica, 3).await;
    assert_eq!(accept_upload::status(&bench.context, &bench.mark, replica), Ok(UploadState::Sealed));

    let uncommitted = Duty { comm_r: None, ..duty.clone() };
    let commitments = bench.plan(&[uncommitted]).commit;
    commit::commit(&bench.context, &commitments[0]).await.expect("handed in");
    let check = Duty { task: Task::ProveSeal { seed: [9; 32], deadline: 9 }, ..duty.clone() };
    let checks = bench.plan(&[check]).prove_seal;
    prove_seal::prove_seal(&bench.context, &checks[0]).await.expect("handed in");

    let handed_in = bench.chain.handed_in.lock();
    let Some(Replication::commit { ticket, comm_r, signature, .. }) = handed_in[0].function.is_sub_type() else {
        panic!("a commitment");
    };
    assert_eq!((*ticket, Some(*comm_r)), (TICKET, duty.comm_r));
    let receipt = Receipt::default();
    let statement = DutyStatement::Commit { replica, ticket: *ticket, comm_r: *comm_r, receipt };
    assert!(bench.signed_by_the_provider(&statement, signature));
    assert!(matches!(handed_in[1].function.is_sub_type(), Some(Replication::prove_seal { .. })));

    let piece = serve::read_piece(&bench.context, replica.shard, 0).expect("a piece");
    assert_eq!(piece.data, data);
}

#[tokio::test(flavor = "multi_thread")]
async fn due_audits_go_together_and_their_proofs_hold() {
    let bench = bench();
    let duties = [bench.sealed(id("1/0/0"), 1).await, bench.sealed(id("2/0/0"), 2).await];
    let audits = bench.audits(&duties, [5; 32]);
    let answered = answer::answer(&bench.context, &audits).await.expect("handed in");
    assert_eq!((answered.sent.len(), answered.failed.len()), (2, 0));

    let handed_in = bench.chain.handed_in.lock();
    assert_eq!(handed_in.len(), 1);
    let Some(Replication::prove { answers, signature, .. }) = handed_in[0].function.is_sub_type() else {
        panic!("answers");
    };
    let statement = DutyStatement::Prove { answers: crate::signer::hash_of(answers) };
    assert!(bench.signed_by_the_provider(&statement, signature));
    for (answer, duty) in answers.iter().zip(&duties) {
        let (key, comm_r) = (bench.context.identity.key(duty), duty.comm_r.expect("committed"));
        let checked = verify_audit(&key, CLASS, &duty.comm_d, &comm_r, &answer.seed, &answer.proof);
        assert_eq!((answer.replica, checked), (duty.replica, Ok(())));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_refused_answer_does_not_take_the_others_with_it() {
    let bench = bench();
    let duties = [bench.sealed(id("1/0/0"), 1).await, bench.sealed(id("2/0/0"), 2).await];
    *bench.chain.most_answers.lock() = Some(1);
    let answered = answer::answer(&bench.context, &bench.audits(&duties, [5; 32])).await.expect("handed in");
    assert_eq!((answered.sent.len(), bench.chain.handed_in.lock().len()), (2, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proof_from_rotten_data_is_never_handed_in() {
    let bench = bench();
    let duty = bench.sealed(id("1/0/0"), 1).await;
    // All labels but the header's page: whatever the seed opens is wrong.
    let sealed = bench.dir.path().join("sealed").join("1-0-0.shard");
    let mut bytes = std::fs::read(&sealed).expect("the sealed file");
    let labels = 4096..4096 + usize::try_from(CLASS.bytes()).expect("small");
    bytes[labels].iter_mut().for_each(|byte| *byte ^= 1);
    std::fs::write(&sealed, bytes).expect("written");
    let answered = answer::answer(&bench.context, &bench.audits(&[duty], [5; 32])).await.expect("no other trouble");
    assert_eq!((answered.sent.len(), answered.failed.len()), (0, 1));
    assert!(bench.chain.handed_in.lock().is_empty());
    assert!(matches!(bench.context.store.state(id("1/0/0")), Some(LocalState::Damaged { .. })), "out of service");
}

#[tokio::test]
async fn data_for_a_replica_of_others_is_refused() {
    let bench = bench();
    let data = shard_data(1);
    assert_eq!(bench.upload(id("1/0/0"), &data), Err(Refusal::NotAssigned));
    bench.assign(id("1/0/0"), &data);
    let other = AccountId::new([9; 32]);
    for info in bench.chain.replicas.lock().values_mut() {
        info.provider = Some(other.clone());
    }
    assert_eq!(bench.upload(id("1/0/0"), &data), Err(Refusal::NotAssigned));
    bench.order(id("1/0/0"), Some(other));
    assert_eq!(bench.upload(id("1/0/0"), &data), Err(Refusal::NotAssigned));
    assert!(bench.context.store.list().is_empty());
    // Drawn for the slot's repair, it takes the data of whoever has it.
    bench.order(id("1/0/0"), Some(bench.context.account().clone()));
    assert_eq!(bench.upload(id("1/0/0"), &data), Ok(true));
}

#[tokio::test]
async fn a_wrong_piece_is_refused_and_leaves_nothing() {
    let bench = bench();
    bench.assign(id("1/0/0"), &shard_data(1));
    assert_eq!(bench.upload(id("1/0/0"), &shard_data(2)), Err(Refusal::Mismatch));
    assert_eq!(bench.context.store.state(id("1/0/0")), Some(LocalState::Receiving { received: 0 }));
}

#[tokio::test]
async fn nothing_is_retired_before_a_final_block_that_must_know_of_it() {
    let bench = bench();
    let replica = id("1/0/0");
    bench.assign(replica, &shard_data(1));
    assert_eq!(bench.upload(replica, &shard_data(1)), Ok(true));
    // A node that lost its chain: block 0 knows of no deal.
    *bench.chain.best.lock() = at(1);
    let retired = |orphans: &[ReplicaId]| retire::retire(&bench.context, &bench.mark, orphans).expect("no trouble");
    assert_eq!(retired(&[replica]), 0);
    // Final beyond the mark, and on the best chain it is still ours.
    *bench.chain.finalized.lock() = at(1_000);
    *bench.chain.best.lock() = at(5);
    assert_eq!(retired(&[replica]), 0);
    // Drawn to make it: as good as its own.
    *bench.chain.best.lock() = at(1_001);
    bench.order(replica, Some(bench.context.account().clone()));
    assert_eq!(retired(&[replica]), 0);
    bench.order(replica, None);
    // Gone on both.
    *bench.chain.best.lock() = at(1_001);
    assert_eq!(retired(&[replica]), 1);
    assert!(bench.context.store.list().is_empty());
}
