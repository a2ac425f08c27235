//! Tickets and fees.

use super::system::OperationalFeeMultiplier;
use crate::{Balance, Balances, Runtime, RuntimeEvent, RuntimeFreezeReason, RuntimeHoldReason, System, TKT};
use frame_support::{
    parameter_types,
    traits::{ConstU32, VariantCountOf},
    weights::{ConstantMultiplier, IdentityFee},
};
use pallet_transaction_payment::{FungibleAdapter, Multiplier, TargetedFeeAdjustment};
use sp_runtime::{traits::Bounded, FixedPointNumber, Perquintill};

/// The fee of a byte. With one planck a picosecond, a transfer costs about 0.0005 TKT, the largest deal 0.01 TKT.
pub const PLANCKS_PER_BYTE: Balance = TKT / 1_000_000;

parameter_types! {
    /// An account with less does not exist: 0.001 TKT.
    pub const ExistentialDeposit: Balance = TKT / 1_000;
    /// `PLANCKS_PER_BYTE`.
    pub const TransactionByteFee: Balance = PLANCKS_PER_BYTE;
    /// Fees rise when ordinary transactions fill more than a quarter of what they may.
    pub const TargetBlockFullness: Perquintill = Perquintill::from_percent(25);
    /// How fast they do.
    pub AdjustmentVariable: Multiplier = Multiplier::saturating_from_rational(75, 1_000_000);
    /// They never fall below their base.
    pub MinimumMultiplier: Multiplier = Multiplier::saturating_from_integer(1);
    /// Nor rise without limit.
    pub MaximumMultiplier: Multiplier = Bounded::max_value();
}

impl pallet_balances::Config for Runtime {
    type RuntimeEvent = RuntimeEvent;
    type RuntimeHoldReason = RuntimeHoldReason;
    type RuntimeFreezeReason = RuntimeFreezeReason;
    type WeightInfo = pallet_balances::weights::SubstrateWeight<Runtime>;
    type Balance = Balance;
    type DustRemoval = ();
    type ExistentialDeposit = ExistentialDeposit;
    type AccountStore = System;
    type ReserveIdentifier = [u8; 8];
    type FreezeIdentifier = RuntimeFreezeReason;
    // Nothing here locks or reserves in the old way; a few for pallets to come.
    type MaxLocks = ConstU32<8>;
    type MaxReserves = ConstU32<8>;
    type MaxFreezes = VariantCountOf<RuntimeFreezeReason>;
    type DoneSlashHandler = ();
}

impl pallet_transaction_payment::Config for Runtime {
    type RuntimeEvent = RuntimeEvent;
    // Fees are burnt.
    type OnChargeTransaction = FungibleAdapter<Balances, ()>;
    type WeightToFee = IdentityFee<Balance>;
    type LengthToFee = ConstantMultiplier<Balance, TransactionByteFee>;
    type FeeMultiplierUpdate =
        TargetedFeeAdjustment<Self, TargetBlockFullness, AdjustmentVariable, MinimumMultiplier, MaximumMultiplier>;
    type OperationalFeeMultiplier = OperationalFeeMultiplier;
    type WeightInfo = pallet_transaction_payment::weights::SubstrateWeight<Runtime>;
}
