//! A runtime with the three storage pallets, blocks that pass, and stations that really seal and prove.

use crate as pallet_station_replication;
use crate::{Answer, Answers, Call, Phase, Replicas};
use frame_support::{
    derive_impl,
    pallet_prelude::TransactionSource,
    parameter_types,
    traits::{Authorize, ConstU128, ConstU32, ConstU64, Get, Hooks},
    weights::Weight,
    BoundedVec,
};
use pallet_station_deals::{Placement, ShardSpec, Shards};
use pallet_station_providers::Policy;
use sp_core::{sr25519, Pair};
use sp_runtime::{
    traits::{Dispatchable, Hash as _, IdentityLookup},
    BuildStorage, DispatchResult, Permill,
};
use station_porep::{
    data,
    io::Memory,
    proof::{AuditProof, SealProof},
    prove, seal, ReplicaKey, SizeClass,
};
use station_primitives::{
    api::{Duty, Task},
    economy, AccountId, Balance, DealId, DutyStatement, Hashing, Preset, Price, Receipt, ReplicaId, Seed, ShardId,
    Tick, Timing, GIB, TKT,
};
use std::{cell::RefCell, collections::BTreeMap};

#[frame_support::runtime]
mod runtime {
    #[runtime::runtime]
    #[runtime::derive(
        RuntimeCall,
        RuntimeEvent,
        RuntimeError,
        RuntimeOrigin,
        RuntimeTask,
        RuntimeHoldReason,
        RuntimeFreezeReason
    )]
    pub struct Test;

    #[runtime::pallet_index(0)]
    pub type System = frame_system::Pallet<Test>;
    #[runtime::pallet_index(1)]
    pub type Balances = pallet_balances::Pallet<Test>;
    #[runtime::pallet_index(2)]
    pub type Providers = pallet_station_providers::Pallet<Test>;
    #[runtime::pallet_index(3)]
    pub type Deals = pallet_station_deals::Pallet<Test>;
    #[runtime::pallet_index(4)]
    pub type Replication = pallet_station_replication::Pallet<Test>;
}

#[derive_impl(frame_system::config_preludes::TestDefaultConfig)]
impl frame_system::Config for Test {
    type Block = frame_system::mocking::MockBlock<Test>;
    type AccountId = AccountId;
    type Lookup = IdentityLookup<AccountId>;
    type AccountData = pallet_balances::AccountData<Balance>;
}

#[derive_impl(pallet_balances::config_preludes::TestDefaultConfig)]
impl pallet_balances::Config for Test {
    type Balance = Balance;
    type ExistentialDeposit = ConstU128<1>;
    type AccountStore = System;
    type RuntimeHoldReason = RuntimeHoldReason;
}

impl pallet_station_providers::Config for Test {
    type Currency = Balances;
    type RuntimeHoldReason = RuntimeHoldReason;
    type MinCapacity = ConstU64<{ economy::MIN_CAPACITY }>;
    type MinCollateral = ConstU128<{ economy::MIN_COLLATERAL }>;
    type CollateralBase = ConstU128<{ economy::COLLATERAL_BASE }>;
    type CollateralPerGib = ConstU128<{ economy::COLLATERAL_PER_GIB }>;
    type NewcomerBytes = ConstU64<{ economy::NEWCOMER_BYTES }>;
    type SilentAfter = ConstU32<1_000>;
    type TopUpDays = TopUpDays;
    type WeightInfo = ();
}

parameter_types! {
    pub const BurntShare: Permill = Permill::from_parts(economy::BURNT_SHARE);
    pub const AdminsShare: Permill = Permill::from_parts(economy::ADMINS_SHARE);
    /// Who writes the blocks.
    pub static ShareTo: Option<AccountId> = Some(account(AUTHOR));
    /// Tells two forks apart.
    pub static Fork: u8 = 0;
    /// Blocks without a VRF output.
    pub static NoVrf: bool = false;
    pub static DrawsPerBlock: u32 = economy::DRAWS_PER_BLOCK;
    pub static SweepsPerBlock: u32 = economy::SWEEPS_PER_BLOCK;
    pub static MaxPerBucket: u32 = 8;
    pub static TopUpDays: u32 = economy::TOP_UP_DAYS;
    pub const ReportedShare: Permill = Permill::from_parts(economy::REPORTED_SHARE);
}

impl pallet_station_deals::Config for Test {
    type Currency = Balances;
    type RuntimeHoldReason = RuntimeHoldReason;
    type Timing = Providers;
    type Scheduler = Replication;
    type AdminsShareTo = ShareTo;
    type BurntShare = BurntShare;
    type AdminsShare = AdminsShare;
    type ProofCharge = ConstU128<{ economy::PROOF_CHARGE }>;
    type OnboardingFee = ConstU128<{ economy::ONBOARDING_FEE }>;
    type AssignmentDeposit = ConstU128<{ economy::ASSIGNMENT_DEPOSIT }>;
    type RepairServedPrice = ConstU128<{ economy::REPAIR_SERVED_PRICE }>;
    type RepairEveryDays = ConstU32<{ economy::REPAIR_EVERY_DAYS }>;
    type MaxDraws = ConstU32<{ economy::MAX_DRAWS }>;
    type MaxPeriods = ConstU32<{ economy::MAX_PERIODS }>;
    type WeightInfo = ();
}

/// The VRF output of the parent, as BABE would have it.
pub struct ParentVrf;
impl Get<Option<Seed>> for ParentVrf {
    fn get() -> Option<Seed> {
        let output = sp_io::hashing::blake2_256(&codec::Encode::encode(&(Fork::get(), System::block_number())));
        (!NoVrf::get()).then_some(output)
    }
}

impl crate::Config for Test {
    type ParentRandomness = ParentVrf;
    type MaxPerBucket = MaxPerBucket;
    type DrawsPerBlock = DrawsPerBlock;
    type SweepsPerBlock = SweepsPerBlock;
    type MaxFruitlessDraws = ConstU32<{ economy::MAX_FRUITLESS_DRAWS }>;
    type RepairDraws = ConstU32<{ economy::REPAIR_DRAWS }>;
    type ReportedShare = ReportedShare;
    type WeightInfo = ();
}

/// The author of all blocks.
pub const AUTHOR: u8 = 99;
/// The client of the tests.
pub const CLIENT: u8 = 100;
/// The price that providers ask, per GiB·day: large, so that shares of small shards are not all zero.
pub const PRICE: Price = 1_000_000 * TKT;
/// The clock of the tests.
pub const CLOCK: Timing = Timing::of(Preset::Local);

/// The key of the n-th account.
pub fn key(n: u8) -> sr25519::Pair {
    sr25519::Pair::from_seed(&[n; 32])
}

/// The n-th account.
pub fn account(n: u8) -> AccountId {
    AccountId::from(key(n).public().0)
}

/// A genesis with some accounts endowed.
pub fn new_test_ext() -> sp_io::TestExternalities {
    let balances = (1..=CLIENT).map(|n| (account(n), 1_000_000_000 * TKT)).collect();
    let genesis = RuntimeGenesisConfig {
        balances: pallet_balances::GenesisConfig { balances, ..Default::default() },
        providers: pallet_station_providers::GenesisConfig { timing: CLOCK, ..Default::default() },
        ..Default::default()
    };
    sp_io::TestExternalities::new(genesis.build_storage().expect("the genesis is sound"))
}

/// Run a test with accounts 1 to 100 endowed, and check the invariants of all pallets after it.
pub fn run(test: impl FnOnce()) {
    // Proofs and roots are those of the test's thread: start anew.
    SEALED.with(|sealed| sealed.borrow_mut().clear());
    let mut externalities = new_test_ext();
    externalities.execute_with(|| {
        System::set_block_number(1);
        Replication::on_initialize(1);
        test();
        check();
    });
}

/// Check the invariants of all pallets.
pub fn check() {
    Replication::try_state_of_all().expect("the invariants hold");
}

/// End this block and begin the next.
pub fn next_block() {
    let now = System::block_number();
    Replication::on_finalize(now);
    let parent = Hashing::hash_of(&(Fork::get(), now));
    System::reset_events();
    System::initialize(&(now + 1), &parent, &Default::default());
    Replication::on_initialize(now + 1);
}

/// Let so many blocks pass, and check the invariants in each.
pub fn blocks(count: u32) {
    for _ in 0..count {
        next_block();
        check();
    }
}

/// Fill the present block, so that it is no tick.
pub fn congest() {
    let limits: frame_system::limits::BlockWeights = <Test as frame_system::Config>::BlockWeights::get();
    let most = limits.max_block;
    for class in frame_support::dispatch::DispatchClass::all() {
        System::register_extra_weight_unchecked(Weight::from_parts(most.ref_time(), most.proof_size()), *class);
    }
}

/// Register accounts 1 to `count`, each an operator.
pub fn register(count: u8) {
    for n in 1..=count {
        register_one(n, n, Policy::Open).expect("the account can register");
    }
}

/// Register one.
pub fn register_one(n: u8, operator: u8, policy: Policy) -> DispatchResult {
    let address = BoundedVec::truncate_from(b"/ip4/127.0.0.1/tcp/30333".to_vec());
    Providers::register(RuntimeOrigin::signed(account(n)), GIB, PRICE, 0, address, [operator; 32], policy, 1_000 * TKT)
}

/// The data of the n-th shard.
pub fn bytes_of(n: u8) -> Vec<u8> {
    (0..SizeClass::MIN.bytes()).map(|i| u8::try_from(i * 7 % 251).unwrap_or(0) ^ n).collect()
}

/// Submit a deal of so many shards of 64 KiB.
pub fn submit_deal(shards: u8, replicas: u8, periods: u32, placement: Placement<AccountId>) -> DealId {
    let id = pallet_station_deals::NextDeal::<Test>::get();
    try_submit(shards, replicas, periods, PRICE, placement).expect("the deal is sound");
    id
}

/// The same, if it goes well.
pub fn try_submit(
    shards: u8,
    replicas: u8,
    periods: u32,
    price: Price,
    placement: Placement<AccountId>,
) -> DispatchResult {
    let list = (0..shards).map(|n| {
        let (comm_d, _) = data::commit(&bytes_of(n), SizeClass::MIN).expect("memory does not fail");
        (comm_d, SizeClass::MIN)
    });
    let list = BoundedVec::truncate_from(list.collect());
    let client = RuntimeOrigin::signed(account(CLIENT));
    Deals::submit_deal(client, list, replicas, periods, price, placement, Default::default())
}

/// `deal/shard/slot`.
pub fn id(deal: DealId, index: u32, slot: u8) -> ReplicaId {
    ReplicaId { shard: ShardId { deal, index }, slot }
}

/// The number of the account that holds a replica.
pub fn holder(id: ReplicaId) -> u8 {
    let who = Replicas::<Test>::get(id).and_then(|replica| replica.provider).expect("the replica has a provider");
    (1..=CLIENT).find(|n| account(*n) == who).expect("providers are the tests' accounts")
}

/// Where a replica is in its life.
pub fn phase(id: ReplicaId) -> Phase {
    Replicas::<Test>::get(id).expect("the slot was drawn").phase
}

/// A sealed replica, as a station has it on its disk.
struct OnDisk {
    comm_r: [u8; 32],
    labels: Memory,
    rows: station_porep::tree::Rows,
    data_rows: station_porep::tree::Rows,
    key: ReplicaKey,
}

thread_local! {
    static SEALED: RefCell<BTreeMap<(ReplicaId, Seed), OnDisk>> = const { RefCell::new(BTreeMap::new()) };
}

fn on_disk<R>(n: u8, id: ReplicaId, ticket: Seed, read: impl FnOnce(&OnDisk) -> R) -> R {
    SEALED.with(|sealed| {
        let mut sealed = sealed.borrow_mut();
        let entry = sealed.entry((id, ticket)).or_insert_with(|| {
            let index = u8::try_from(id.shard.index).expect("tests have few shards");
            let data = bytes_of(index);
            let (comm_d, data_rows) = data::commit(&data, SizeClass::MIN).expect("memory does not fail");
            let genesis = System::block_hash(0);
            let shard = (id.shard.deal.0, id.shard.index);
            let key = ReplicaKey::derive(&genesis.0, account(n).as_ref(), shard, u32::from(id.slot), &comm_d, &ticket);
            let labels = Memory::zeroed(SizeClass::MIN);
            let job = seal::SealJob { key, class: SizeClass::MIN, data: &data, out: &labels };
            let done = seal::seal_lockstep(&[job], &|_| (), &|| false).expect("memory does not fail").remove(0);
            OnDisk { comm_r: done.comm_r, labels, rows: done.rows, data_rows, key }
        });
        read(entry)
    })
}

fn source(disk: &OnDisk) -> prove::Replica<'_> {
    let class = SizeClass::MIN;
    prove::Replica { key: disk.key, class, labels: &disk.labels, rows: &disk.rows, data_rows: &disk.data_rows }
}

/// The root that a station gets by sealing.
pub fn sealed_root(n: u8, id: ReplicaId, ticket: Seed) -> [u8; 32] {
    on_disk(n, id, ticket, |disk| disk.comm_r)
}

/// The right answer to an audit.
pub fn audit_proof(n: u8, id: ReplicaId, ticket: Seed, seed: Seed) -> AuditProof {
    on_disk(n, id, ticket, |disk| prove::audit(&source(disk), &seed).expect("the replica is whole"))
}

/// The right answer to a seal check.
pub fn seal_proof(n: u8, id: ReplicaId, ticket: Seed, seed: Seed) -> SealProof {
    on_disk(n, id, ticket, |disk| prove::seal(&source(disk), &seed).expect("the replica is whole"))
}

/// What the n-th account signs as a duty.
pub fn sign(n: u8, statement: &DutyStatement) -> sr25519::Signature {
    key(n).sign(&statement.signing_hash(System::block_hash(0), &account(n)))
}

/// `commit` of a first upload, signed.
pub fn commit_call(n: u8, replica: ReplicaId, ticket: Seed, comm_r: [u8; 32]) -> RuntimeCall {
    receipt_call(n, replica, ticket, comm_r, Receipt::default())
}

/// `commit` with a receipt, signed.
pub fn receipt_call(n: u8, replica: ReplicaId, ticket: Seed, comm_r: [u8; 32], receipt: Receipt) -> RuntimeCall {
    let signature = sign(n, &DutyStatement::Commit { replica, ticket, comm_r, receipt: receipt.clone() });
    Call::<Test>::commit { provider: account(n), replica, ticket, comm_r, receipt, signature }.into()
}

/// `report_fault`, signed.
pub fn report_call(n: u8, replica: ReplicaId, due: Tick) -> RuntimeCall {
    let signature = sign(n, &DutyStatement::ReportFault { replica, due });
    Call::<Test>::report_fault { provider: account(n), replica, due, signature }.into()
}

/// `name_sources`, signed.
pub fn name_call(n: u8, replica: ReplicaId, ticket: Seed, sources: &[u8]) -> RuntimeCall {
    let sources = BoundedVec::truncate_from(sources.iter().map(|n| account(*n)).collect());
    let signature = sign(n, &DutyStatement::NameSources { replica, ticket, sources: sources.clone() });
    Call::<Test>::name_sources { provider: account(n), replica, ticket, sources, signature }.into()
}

/// `prove_seal`, signed.
pub fn seal_call(n: u8, replica: ReplicaId, seed: Seed, proof: SealProof) -> RuntimeCall {
    let statement = DutyStatement::ProveSeal { replica, seed, proof: Hashing::hash_of(&proof) };
    let signature = sign(n, &statement);
    Call::<Test>::prove_seal { provider: account(n), replica, seed, proof, signature }.into()
}

/// `prove`, signed.
pub fn prove_call(n: u8, answers: Vec<Answer>) -> RuntimeCall {
    let answers: Answers = BoundedVec::truncate_from(answers);
    let signature = sign(n, &DutyStatement::Prove { answers: Hashing::hash_of(&answers) });
    Call::<Test>::prove { provider: account(n), answers, signature }.into()
}

/// Validate a free call as the pool does, and dispatch it as a block does; false if the pool refuses it.
pub fn submit(call: RuntimeCall) -> bool {
    if !matches!(call.authorize(TransactionSource::External), Some(Ok(_))) {
        return false;
    }
    call.dispatch(frame_system::RawOrigin::Authorized.into()).expect("what is authorized is executed");
    true
}

/// The duties of the n-th account.
pub fn duties(n: u8) -> Vec<Duty> {
    Replication::duties(account(n), None, 100)
}

/// The call that does a duty, if there is something to do.
pub fn call_for(n: u8, duty: &Duty) -> Option<RuntimeCall> {
    let (replica, ticket) = (duty.replica, duty.ticket);
    match duty.task.clone() {
        Task::Commit { .. } => Some(commit_call(n, replica, ticket, sealed_root(n, replica, ticket))),
        Task::Repair { sources, .. } => {
            // The first source served it all.
            let served = sources.first().map(|(source, _)| (source.clone(), 1)).into_iter().collect();
            let receipt = Receipt { served: BoundedVec::truncate_from(served), ..Receipt::default() };
            Some(receipt_call(n, replica, ticket, sealed_root(n, replica, ticket), receipt))
        }
        Task::ProveSeal { seed, .. } => Some(seal_call(n, replica, seed, seal_proof(n, replica, ticket, seed))),
        Task::Audit { due, seed, .. } => {
            Some(prove_call(n, vec![Answer { replica, due, seed, proof: audit_proof(n, replica, ticket, seed) }]))
        }
        Task::AwaitSealCheck | Task::Keep { .. } => None,
    }
}

/// Have accounts do what is due now.
pub fn work(accounts: impl IntoIterator<Item = u8>) {
    for n in accounts {
        for duty in duties(n) {
            if let Some(call) = call_for(n, &duty) {
                assert!(submit(call), "a due duty is taken: {duty:?}");
            }
        }
    }
}

/// Let blocks pass in which accounts 1 to `stations` do their duties.
pub fn busy_blocks(count: u32, stations: u8) {
    for _ in 0..count {
        work(1..=stations);
        next_block();
        check();
    }
}

/// The shard's record.
pub fn spec(deal: DealId, index: u32) -> ShardSpec {
    Shards::<Test>::get(ShardId { deal, index }).expect("the shard exists")
}

/// Submit a deal of one shard and wait until all its replicas are active.
pub fn active_deal(stations: u8, replicas: u8, periods: u32) -> DealId {
    register(stations);
    let deal = submit_deal(1, replicas, periods, Placement::Any);
    busy_blocks(12, stations);
    for slot in 0..replicas {
        assert!(matches!(phase(id(deal, 0, slot)), Phase::Keep { .. }), "slot {slot} is active");
    }
    deal
}
