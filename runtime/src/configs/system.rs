//! Blocks, their limits, and the calls that wrap calls.

use crate::{
    timing::timing, AccountId, Block, Hash, Hashing, Nonce, OriginCaller, PalletInfo, Runtime, RuntimeCall,
    RuntimeEvent, RuntimeOrigin, RuntimeTask, SS58_PREFIX, VERSION,
};
use frame_support::{
    derive_impl,
    dispatch::DispatchClass,
    parameter_types,
    traits::{ConstU32, ConstU8, Get},
    weights::{
        constants::{RocksDbWeight, WEIGHT_REF_TIME_PER_MILLIS},
        Weight,
    },
};
use frame_system::limits::{BlockLength, BlockWeights};
use sp_runtime::Perbill;
use sp_version::RuntimeVersion;

/// The share of a block that ordinary transactions may fill. The rest is reserved for operational calls: the audits.
pub const NORMAL_RATIO: Perbill = Perbill::from_percent(60);
/// The share of a block that hooks are assumed to take on average.
const INITIALIZE_RATIO: Perbill = Perbill::from_percent(10);
/// A third of the slot may be spent on executing a block: the rest is for its way to the others, and for them.
const SLOT_SHARE: u64 = 3;
/// The longest block, in bytes.
const MAX_BLOCK_BYTES: u32 = 5 * 1024 * 1024;

/// The limits of a block for a slot of so many milliseconds.
pub fn block_weights(slot_ms: u64) -> BlockWeights {
    // At least 300 ms, whatever a genesis says: less does not hold the base weights.
    let millis = (slot_ms / SLOT_SHARE).max(300);
    // The proof size is not metered: this is no parachain.
    let max = Weight::from_parts(WEIGHT_REF_TIME_PER_MILLIS.saturating_mul(millis), u64::MAX);
    let normal = NORMAL_RATIO * max;
    BlockWeights::builder()
        .for_class(DispatchClass::Normal, |weights| {
            weights.max_total = Some(normal);
        })
        .for_class(DispatchClass::Operational, |weights| {
            weights.max_total = Some(max);
            // Audits get in even if ordinary transactions fill all that they may.
            weights.reserved = Some(max.saturating_sub(normal));
        })
        .avg_block_initialization(INITIALIZE_RATIO)
        .build_or_panic()
}

/// The limits of a block, from the network's clock.
pub struct RuntimeBlockWeights;

impl Get<BlockWeights> for RuntimeBlockWeights {
    fn get() -> BlockWeights {
        block_weights(timing().slot_ms)
    }
}

parameter_types! {
    /// The longest block in bytes, by class: operational calls may use all of it.
    pub RuntimeBlockLength: BlockLength = BlockLength::builder()
        .max_length(MAX_BLOCK_BYTES)
        .modify_max_length_for_class(DispatchClass::Normal, |max| *max = NORMAL_RATIO * *max)
        .build();
    /// This runtime's version.
    pub const Version: RuntimeVersion = VERSION;
    /// `SS58_PREFIX`, as 16 bits.
    pub const Ss58Prefix: u16 = SS58_PREFIX as u16;
}

#[derive_impl(frame_system::config_preludes::SolochainDefaultConfig)]
impl frame_system::Config for Runtime {
    type Block = Block;
    type Nonce = Nonce;
    type AccountId = AccountId;
    type Hash = Hash;
    type Hashing = Hashing;
    // A transaction may be mortal for up to so many blocks.
    type BlockHashCount = ConstU32<2_400>;
    type DbWeight = RocksDbWeight;
    type Version = Version;
    type AccountData = pallet_balances::AccountData<station_primitives::Balance>;
    type BlockWeights = RuntimeBlockWeights;
    type BlockLength = RuntimeBlockLength;
    type SystemWeightInfo = frame_system::weights::SubstrateWeight<Runtime>;
    type ExtensionsWeightInfo = frame_system::SubstrateExtensionsWeight<Runtime>;
    type SS58Prefix = Ss58Prefix;
    type MaxConsumers = ConstU32<16>;
}

impl pallet_utility::Config for Runtime {
    type RuntimeEvent = RuntimeEvent;
    type RuntimeCall = RuntimeCall;
    type PalletsOrigin = OriginCaller;
    type WeightInfo = pallet_utility::weights::SubstrateWeight<Runtime>;
}

impl pallet_sudo::Config for Runtime {
    type RuntimeEvent = RuntimeEvent;
    type RuntimeCall = RuntimeCall;
    type WeightInfo = pallet_sudo::weights::SubstrateWeight<Runtime>;
}

/// The multiplier of an operational call's priority.
pub(super) type OperationalFeeMultiplier = ConstU8<5>;
