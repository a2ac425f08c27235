//! Providers, deals, replication: the figures of the storage market.

use super::ParentVrf;
use crate::{AccountId, Authorship, Balance, Balances, Providers, Replication, Runtime, RuntimeHoldReason, TKT};
use frame_support::{
    parameter_types,
    traits::{ConstU32, Get},
};
use sp_runtime::Permill;
use station_primitives::GIB;

parameter_types! {
    /// Less than one large shard is no provider.
    pub const MinCapacity: u64 = GIB / 16;
    /// What it takes to be drawn at all: registrations are not free to flood with.
    pub const MinCollateral: Balance = 10 * TKT;
    /// Collateral of a replica of any size: the repair's fees.
    pub const CollateralBase: Balance = TKT / 100;
    /// Collateral of a GiB: a hundred days' pay at 0.01 TKT a GiB·day, for the repair and the client's loss.
    pub const CollateralPerGib: Balance = TKT;
    /// Who has proven nothing yet takes part in draws with the weight of half a GiB proven.
    pub const NewcomerBytes: u64 = GIB;
    /// The share of a provider's pay that is burnt. More than the admins' share, so that nobody gains by paying himself.
    pub const BurntShare: Permill = Permill::from_percent(3);
    /// The share that goes to whoever authors the block.
    pub const AdminsShare: Permill = Permill::from_percent(2);
    /// Burnt with every proven replica-period, at any size and price: proofs cost block space.
    pub const ProofCharge: Balance = TKT / 10_000;
    /// Paid for every commitment.
    pub const OnboardingFee: Balance = TKT / 1_000;
    /// A GiB·hour of waiting for a first upload costs both sides so much if it never comes.
    pub const AssignmentDeposit: Balance = TKT / 10;
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
    type SilentAfter = ConstU32<3>;
    type WeightInfo = pallet_station_providers::weights::CountedWeight<Runtime>;
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
    // The first draw and two redraws.
    type MaxDraws = ConstU32<3>;
    // Over a hundred years of live periods, a year and a half of local ones.
    type MaxPeriods = ConstU32<800_000>;
    type WeightInfo = pallet_station_deals::weights::CountedWeight<Runtime>;
}

impl pallet_station_replication::Config for Runtime {
    type ParentRandomness = ParentVrf;
    // Audits that fall due in one tick: verified in under a millisecond each, they fill half of what is reserved for them.
    type MaxPerBucket = ConstU32<64>;
    // A draw looks at 32 providers at most, about a millisecond.
    type DrawsPerBlock = ConstU32<16>;
    type SweepsPerBlock = ConstU32<32>;
    type MaxFruitlessDraws = ConstU32<5>;
    type WeightInfo = pallet_station_replication::weights::CountedWeight<Runtime>;
}
