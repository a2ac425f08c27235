//! A runtime with balances and this pallet.

use crate as pallet_station_providers;
use frame_support::{
    derive_impl, parameter_types,
    traits::{ConstU128, ConstU32, ConstU64},
};
use sp_core::{sr25519, Pair};
use sp_runtime::{traits::IdentityLookup, BuildStorage};
use station_primitives::{economy, AccountId, Balance, Preset, Timing, TKT};

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

parameter_types! {
    pub const CollateralBase: Balance = economy::COLLATERAL_BASE;
    pub const CollateralPerGib: Balance = economy::COLLATERAL_PER_GIB;
}

impl pallet_station_providers::Config for Test {
    type Currency = Balances;
    type RuntimeHoldReason = RuntimeHoldReason;
    type MinCapacity = ConstU64<{ economy::MIN_CAPACITY }>;
    type MinCollateral = ConstU128<{ economy::MIN_COLLATERAL }>;
    type CollateralBase = CollateralBase;
    type CollateralPerGib = CollateralPerGib;
    type NewcomerBytes = ConstU64<{ economy::NEWCOMER_BYTES }>;
    type SilentAfter = ConstU32<{ economy::SILENT_AFTER }>;
    type TopUpDays = ConstU32<{ economy::TOP_UP_DAYS }>;
    type WeightInfo = ();
}

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
    let balances = (1..=60).map(|n| (account(n), 1_000 * TKT)).collect();
    let genesis = RuntimeGenesisConfig {
        balances: pallet_balances::GenesisConfig { balances, ..Default::default() },
        providers: pallet_station_providers::GenesisConfig { timing: Timing::of(Preset::Local), ..Default::default() },
        ..Default::default()
    };
    sp_io::TestExternalities::new(genesis.build_storage().expect("the genesis is sound"))
}

/// Run a test at block 1 with accounts 1 to 60 endowed, and check the invariants after it.
pub fn run(test: impl FnOnce()) {
    let mut externalities = new_test_ext();
    externalities.execute_with(|| {
        System::set_block_number(1);
        test();
        Providers::do_try_state().expect("the invariants hold");
    });
}
