//! Providers, deals, replication: the storage market. Its figures are in `station_primitives::economy`, with their reasons.

use super::ParentVrf;
use crate::{AccountId, Authorship, Balance, Balances, Providers, Replication, Runtime, RuntimeHoldReason};
use frame_support::{
    parameter_types,
    traits::{ConstU32, Get},
};
use sp_runtime::Permill;
use station_primitives::economy;

parameter_types! {
    /// The least capacity of a provider, in bytes.
    pub const MinCapacity: u64 = economy::MIN_CAPACITY;
    /// The least collateral of a provider.
    pub const MinCollateral: Balance = economy::MIN_COLLATERAL;
    /// Collateral of a replica of any size.
    pub const CollateralBase: Balance = economy::COLLATERAL_BASE;
    /// Collateral of a replica per GiB.
    pub const CollateralPerGib: Balance = economy::COLLATERAL_PER_GIB;
    /// Bytes with which a newcomer takes part in draws.
    pub const NewcomerBytes: u64 = economy::NEWCOMER_BYTES;
    /// The share of every pay that is burnt.
    pub const BurntShare: Permill = Permill::from_parts(economy::BURNT_SHARE);
    /// The share of every pay that the block's author gets.
    pub const AdminsShare: Permill = Permill::from_parts(economy::ADMINS_SHARE);
    /// Burnt with every proof.
    pub const ProofCharge: Balance = economy::PROOF_CHARGE;
    /// Paid for every commitment.
    pub const OnboardingFee: Balance = economy::ONBOARDING_FEE;
    /// What each side loses by a late first commitment, per GiB and hour.
    pub const AssignmentDeposit: Balance = economy::ASSIGNMENT_DEPOSIT;
    /// The share of a replica's collateral that a fault costs whose provider reports it itself.
    pub const ReportedShare: Permill = Permill::from_parts(economy::REPORTED_SHARE);
    /// The most that a repair pays a source for a GiB.
    pub const RepairServedPrice: Balance = economy::REPAIR_SERVED_PRICE;
}

/// Who earns the admins' share: the author of the block in which it is paid.
pub struct BlockAuthor;

impl Get<Option<AccountId>> for BlockAuthor {
    fn get() -> Option<AccountId> {
        Authorship::author()
    }
}

impl pallet_station_providers::Config for Runtime {
    type Currency = Balances;
    type RuntimeHoldReason = RuntimeHoldReason;
    type MinCapacity = MinCapacity;
    type MinCollateral = MinCollateral;
    type CollateralBase = CollateralBase;
    type CollateralPerGib = CollateralPerGib;
    type NewcomerBytes = NewcomerBytes;
    type SilentAfter = ConstU32<{ economy::SILENT_AFTER }>;
    type TopUpDays = ConstU32<{ economy::TOP_UP_DAYS }>;
    type WeightInfo = pallet_station_providers::weights::MeasuredWeight<Runtime>;
}

impl pallet_station_deals::Config for Runtime {
    type Currency = Balances;
    type RuntimeHoldReason = RuntimeHoldReason;
    type Timing = Providers;
    type Scheduler = Replication;
    type AdminsShareTo = BlockAuthor;
    type BurntShare = BurntShare;
    type AdminsShare = AdminsShare;
    type ProofCharge = ProofCharge;
    type OnboardingFee = OnboardingFee;
    type AssignmentDeposit = AssignmentDeposit;
    type RepairServedPrice = RepairServedPrice;
    type RepairEveryDays = ConstU32<{ economy::REPAIR_EVERY_DAYS }>;
    type MaxDraws = ConstU32<{ economy::MAX_DRAWS }>;
    type MaxPeriods = ConstU32<{ economy::MAX_PERIODS }>;
    type WeightInfo = pallet_station_deals::weights::MeasuredWeight<Runtime>;
}

impl pallet_station_replication::Config for Runtime {
    type ParentRandomness = ParentVrf;
    type MaxPerBucket = ConstU32<{ economy::MAX_PER_BUCKET }>;
    type DrawsPerBlock = ConstU32<{ economy::DRAWS_PER_BLOCK }>;
    type SweepsPerBlock = ConstU32<{ economy::SWEEPS_PER_BLOCK }>;
    type MaxFruitlessDraws = ConstU32<{ economy::MAX_FRUITLESS_DRAWS }>;
    type RepairDraws = ConstU32<{ economy::REPAIR_DRAWS }>;
    type ReportedShare = ReportedShare;
    type WeightInfo = pallet_station_replication::weights::MeasuredWeight<Runtime>;
}
