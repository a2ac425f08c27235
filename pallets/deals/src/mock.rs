//! A runtime with balances and this pallet; the scheduler keeps lists and does nothing. What deals are with a real one is
//! tested in the pallet `replication`.

use crate as pallet_station_deals;
use crate::{Placement, ReplicaScheduler};
use frame_support::{
    derive_impl, parameter_types,
    traits::{ConstU128, ConstU32},
};
use sp_core::{sr25519, Pair};
use sp_runtime::{traits::IdentityLookup, BuildStorage, DispatchError, DispatchResult, Permill};
use station_porep::SizeClass;
use station_primitives::{economy, AccountId, Balance, DealId, Preset, Price, Tick, Timing, TKT};

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
    pub type Deals = pallet_station_deals::Pallet<Test>;
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
    type ExistentialDeposit = ConstU128<1_000>;
    type AccountStore = System;
    type RuntimeHoldReason = RuntimeHoldReason;
}

parameter_types! {
    pub const BurntShare: Permill = Permill::from_parts(economy::BURNT_SHARE);
    pub const AdminsShare: Permill = Permill::from_parts(economy::ADMINS_SHARE);
    pub const Clock: Timing = CLOCK;
    /// Who gets the admins' share.
    pub static ShareTo: Option<AccountId> = Some(account(AUTHOR));
    /// The tick.
    pub static Now: Tick = 10;
    /// Deals to be drawn, with their slots.
    pub static Drawn: Vec<(DealId, u32)> = Vec::new();
    /// Deals to be swept, with their ticks.
    pub static Swept: Vec<(DealId, Tick)> = Vec::new();
    /// Whether the chain has no room.
    pub static Full: bool = false;
}

/// A scheduler that keeps lists.
pub struct Lists;

impl ReplicaScheduler for Lists {
    fn tick() -> Tick {
        Now::get()
    }

    fn schedule_draws(deal: DealId, slots: u32) -> DispatchResult {
        frame_support::ensure!(!Full::get(), DispatchError::Exhausted);
        Drawn::mutate(|list| list.push((deal, slots)));
        Ok(())
    }

    fn schedule_sweep(deal: DealId, at: Tick) -> Result<Tick, DispatchError> {
        Swept::mutate(|list| list.push((deal, at)));
        Ok(at)
    }

    fn unschedule_sweep(deal: DealId, at: Tick) {
        Swept::mutate(|list| list.retain(|entry| *entry != (deal, at)));
    }
}

impl pallet_station_deals::Config for Test {
    type Currency = Balances;
    type RuntimeHoldReason = RuntimeHoldReason;
    type Timing = Clock;
    type Scheduler = Lists;
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

/// The author of all blocks.
pub const AUTHOR: u8 = 99;
/// The clock of the tests.
pub const CLOCK: Timing = Timing::of(Preset::Local);
/// The price of the tests, per GiB·day.
pub const PRICE: Price = 1_000 * TKT;

/// The n-th account.
pub fn account(n: u8) -> AccountId {
    AccountId::from(sr25519::Pair::from_seed(&[n; 32]).public().0)
}

/// A genesis with some accounts endowed.
pub fn new_test_ext() -> sp_io::TestExternalities {
    let balances = (1..=9).map(|n| (account(n), 1_000_000 * TKT)).collect();
    let genesis = RuntimeGenesisConfig {
        balances: pallet_balances::GenesisConfig { balances, ..Default::default() },
        ..Default::default()
    };
    sp_io::TestExternalities::new(genesis.build_storage().expect("the genesis is sound"))
}

/// Run a test with accounts 1 to 9 endowed, and check the invariants after it.
pub fn run(test: impl FnOnce()) {
    let mut externalities = new_test_ext();
    externalities.execute_with(|| {
        System::set_block_number(1);
        test();
        check();
    });
}

/// Check the invariants.
pub fn check() {
    Deals::do_try_state().expect("the invariants hold");
}

/// The n-th account submits shards of these classes, three replicas each.
pub fn submit(n: u8, classes: &[SizeClass], periods: u32) -> DealId {
    let id = pallet_station_deals::NextDeal::<Test>::get();
    let shards = (0u8..).zip(classes).map(|(i, class)| ([i; 32], *class)).collect::<Vec<_>>();
    let shards = frame_support::BoundedVec::truncate_from(shards);
    Deals::submit_deal(
        RuntimeOrigin::signed(account(n)),
        shards,
        3,
        periods,
        PRICE,
        Placement::Any,
        Default::default(),
    )
    .expect("the deal is sound");
    id
}
