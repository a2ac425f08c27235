//! Blocks of the real runtime: its weights, its limits, its transaction extensions, its digests.

use crate::{
    extrinsic, presets, Executive, Header, Runtime, RuntimeCall, RuntimeEvent, RuntimeGenesisConfig, Session,
    SessionKeys, System, UncheckedExtrinsic,
};
use codec::Encode;
use frame_support::{dispatch::DispatchClass, traits::Get, weights::Weight};
use frame_system::limits::BlockWeights;
use sp_consensus_babe::digests::{CompatibleDigestItem, PreDigest, SecondaryPlainPreDigest};
use sp_core::{sr25519, Pair};
use sp_keyring::{Ed25519Keyring, Sr25519Keyring};
use sp_runtime::{traits::Header as _, ApplyExtrinsicResult, BuildStorage, Digest, DigestItem, TransactionOutcome};
use station_porep::{data, io::Memory, prove, seal, tree::Rows, ReplicaKey, SizeClass};
use station_primitives::{
    api::Task, AccountId, Balance, DutyStatement, Hashing, Receipt, ReplicaId, Seed, ShardId, Timing, TKT,
};
use std::{cell::RefCell, collections::BTreeMap};

/// The key of the n-th account.
pub fn key(n: u8) -> sr25519::Pair {
    sr25519::Pair::from_seed(&[n; 32])
}

/// The n-th account.
pub fn account(n: u8) -> AccountId {
    AccountId::from(key(n).public().0)
}

/// What each of the accounts 1 to 100 owns.
pub const RICHES: Balance = 1_000_000 * TKT;

fn genesis(timing: Timing) -> sp_io::TestExternalities {
    let alice = presets::Validator {
        account: Sr25519Keyring::Alice.to_account_id(),
        keys: SessionKeys {
            babe: Sr25519Keyring::Alice.public().into(),
            grandpa: Ed25519Keyring::Alice.public().into(),
        },
    };
    let mut balances = (1..=100).map(|n| (account(n), RICHES)).collect::<Vec<_>>();
    balances.push((alice.account.clone(), RICHES));
    let mut config = serde_json::to_value(RuntimeGenesisConfig::default()).expect("serializes");
    super::sc_merge(&mut config, presets::genesis(timing, &[alice], &balances, None));
    let config: RuntimeGenesisConfig = serde_json::from_value(config).expect("fits the genesis");
    config.build_storage().expect("builds").into()
}

/// A chain of blocks, one in each slot, all by Alice.
pub struct Chain {
    ext: sp_io::TestExternalities,
    parent: Header,
    slot_ms: u64,
    /// The block with the greatest weight so far: its number, and its weight as it was counted.
    pub worst: (u32, Weight),
    /// The greatest weight of hooks.
    pub worst_hooks: Weight,
    /// Blocks that began a session. The session pallet declares them full, so that nothing but what has a reserve gets in; they
    /// do not count above.
    pub sessions: u32,
}

impl Chain {
    /// A new chain with this clock, and its first block.
    pub fn new(timing: Timing) -> Self {
        let parent = Header::new(0, Default::default(), Default::default(), Default::default(), Digest::default());
        let mut chain = Self {
            ext: genesis(timing),
            parent,
            slot_ms: timing.slot_ms,
            worst: (0, Weight::zero()),
            worst_hooks: Weight::zero(),
            sessions: 0,
        };
        chain.block(|| {});
        chain
    }

    /// Look at the state, or change it, between two blocks.
    pub fn between<R>(&mut self, look: impl FnOnce() -> R) -> R {
        let seen = self.ext.execute_with(look);
        self.ext.commit_all().expect("no transaction is open");
        seen
    }

    /// One block: hooks, the time, `body`, hooks.
    pub fn block<R>(&mut self, body: impl FnOnce() -> R) -> R {
        let number = self.parent.number + 1;
        let slot = u64::from(number);
        let pre = PreDigest::SecondaryPlain(SecondaryPlainPreDigest { authority_index: 0, slot: slot.into() });
        let digest = Digest { logs: vec![DigestItem::babe_pre_digest(pre)] };
        let header = Header::new(number, Default::default(), Default::default(), self.parent.hash(), digest);
        let now = slot * self.slot_ms;
        let (header, hooks, weight, session, seen) = self.ext.execute_with(|| {
            let before = Session::current_index();
            Executive::initialize_block(&header);
            let session = Session::current_index() != before;
            let hooks = System::block_weight().total();
            let time = RuntimeCall::Timestamp(pallet_timestamp::Call::set { now });
            apply(UncheckedExtrinsic::new_bare(time)).expect("valid").expect("it passes");
            let seen = body();
            let weight = System::block_weight().total();
            (Executive::finalize_block(), hooks, weight, session, seen)
        });
        self.ext.commit_all().expect("no transaction is open");
        self.parent = header;
        if session {
            self.sessions += 1;
            return seen;
        }
        self.worst_hooks = self.worst_hooks.max(hooks);
        if weight.ref_time() > self.worst.1.ref_time() {
            self.worst = (number, weight);
        }
        seen
    }

    /// The number of the last block.
    pub const fn height(&self) -> u32 {
        self.parent.number
    }
}

/// Apply an extrinsic, as the author of a block does: of one that does not get in, nothing is left.
pub fn apply(extrinsic: UncheckedExtrinsic) -> ApplyExtrinsicResult {
    frame_support::storage::with_transaction_unchecked(|| match Executive::apply_extrinsic(extrinsic) {
        Ok(done) => TransactionOutcome::Commit(Ok(done)),
        Err(refused) => TransactionOutcome::Rollback(Err(refused)),
    })
}

/// Apply a duty.
pub fn submit(call: impl Into<RuntimeCall>) -> ApplyExtrinsicResult {
    apply(extrinsic::authorized(call.into()))
}

/// The limits of a block.
pub fn limits() -> BlockWeights {
    <<Runtime as frame_system::Config>::BlockWeights as Get<BlockWeights>>::get()
}

/// Fill up to `share` of a hundred of a block, as if extrinsics of a class had done so.
pub fn fill(class: DispatchClass, share: u64) {
    let most = limits().max_block;
    System::register_extra_weight_unchecked(Weight::from_parts(most.ref_time() / 100 * share, 0), class);
}

/// The events of the replication pallet in the present block.
pub fn events() -> Vec<pallet_station_replication::Event<Runtime>> {
    let ours = |record: Box<frame_system::EventRecord<RuntimeEvent, _>>| match record.event {
        RuntimeEvent::Replication(event) => Some(event),
        _ => None,
    };
    System::read_events_no_consensus().filter_map(ours).collect()
}

/// The size of all shards of these tests.
pub const CLASS: SizeClass = SizeClass::MIN;

/// `deal/shard/slot`.
pub const fn id(deal: station_primitives::DealId, index: u32, slot: u8) -> ReplicaId {
    ReplicaId { shard: ShardId { deal, index }, slot }
}

/// The data of a shard.
fn content(index: u32) -> Vec<u8> {
    (0..CLASS.bytes()).map(|i| u8::try_from((i * 7 + u64::from(index)) % 251).unwrap_or(0)).collect()
}

/// The root of a shard's data.
pub fn comm_d(index: u32) -> [u8; 32] {
    data::commit(&content(index), CLASS).expect("memory does not fail").0
}

/// A sealed replica, as a station has it on its disk.
struct OnDisk {
    comm_r: [u8; 32],
    labels: Memory,
    rows: Rows,
    data_rows: Rows,
    key: ReplicaKey,
}

thread_local! {
    static SEALED: RefCell<BTreeMap<(ReplicaId, Seed), OnDisk>> = const { RefCell::new(BTreeMap::new()) };
}

fn on_disk<R>(n: u8, id: ReplicaId, ticket: Seed, read: impl FnOnce(&OnDisk) -> R) -> R {
    SEALED.with(|sealed| {
        let mut sealed = sealed.borrow_mut();
        let entry = sealed.entry((id, ticket)).or_insert_with(|| {
            let content = content(id.shard.index);
            let (comm_d, data_rows) = data::commit(&content, CLASS).expect("memory does not fail");
            let genesis = System::block_hash(0);
            let shard = (id.shard.deal.0, id.shard.index);
            let key = ReplicaKey::derive(&genesis.0, account(n).as_ref(), shard, u32::from(id.slot), &comm_d, &ticket);
            let labels = Memory::zeroed(CLASS);
            let job = seal::SealJob { key, class: CLASS, data: &content, out: &labels };
            let done = seal::seal_lockstep(&[job], &|_| (), &|| false).expect("memory does not fail").remove(0);
            OnDisk { comm_r: done.comm_r, labels, rows: done.rows, data_rows, key }
        });
        read(entry)
    })
}

fn source(disk: &OnDisk) -> prove::Replica<'_> {
    prove::Replica { key: disk.key, class: CLASS, labels: &disk.labels, rows: &disk.rows, data_rows: &disk.data_rows }
}

/// The root that a station gets by sealing.
pub fn sealed_root(n: u8, id: ReplicaId, ticket: Seed) -> [u8; 32] {
    on_disk(n, id, ticket, |disk| disk.comm_r)
}

/// What the n-th account signs as a duty.
fn sign(n: u8, statement: &DutyStatement) -> sr25519::Signature {
    key(n).sign(&statement.signing_hash(System::block_hash(0), &account(n)))
}

/// A heartbeat made on the present block.
pub fn heartbeat(n: u8) -> RuntimeCall {
    let block = System::block_number();
    let signature = sign(n, &DutyStatement::Heartbeat { block });
    pallet_station_providers::Call::heartbeat { provider: account(n), block, signature }.into()
}

/// A commitment.
pub fn commit(n: u8, replica: ReplicaId, ticket: Seed, comm_r: [u8; 32], receipt: Receipt) -> RuntimeCall {
    let signature = sign(n, &DutyStatement::Commit { replica, ticket, comm_r, receipt: receipt.clone() });
    pallet_station_replication::Call::commit { provider: account(n), replica, ticket, comm_r, receipt, signature }
        .into()
}

/// The answers to all audits of the n-th account that are open, in one call.
pub fn answers(n: u8) -> Option<RuntimeCall> {
    let duties = crate::Replication::duties(account(n), None, station_primitives::MAX_ANSWERS);
    let answers = duties.into_iter().filter_map(|duty| match duty.task {
        Task::Audit { due, seed, .. } => {
            let proof = on_disk(n, duty.replica, duty.ticket, |disk| prove::audit(&source(disk), &seed));
            let proof = proof.expect("the replica is whole");
            Some(pallet_station_replication::Answer { replica: duty.replica, due, seed, proof })
        }
        _ => None,
    });
    let answers = pallet_station_replication::Answers::truncate_from(answers.collect());
    (!answers.is_empty()).then(|| {
        use sp_runtime::traits::Hash as _;
        let signature = sign(n, &DutyStatement::Prove { answers: Hashing::hash_of(&answers) });
        pallet_station_replication::Call::prove { provider: account(n), answers, signature }.into()
    })
}

/// The bytes of an extrinsic.
pub fn length_of(call: &RuntimeCall) -> usize {
    extrinsic::authorized(call.clone()).encoded_size()
}
