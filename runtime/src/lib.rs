//! The runtime of Grand Decentral: BABE and GRANDPA, tickets, and the three storage pallets.
//!
//! One blob serves every network: slots, epochs, proving periods and windows are genesis state ([`timing`]).
//!
//! * [`configs`]: every pallet's configuration, a file a concern
//! * [`presets`]: genesis presets `development`, `local` and `live`
//! * [`validators`]: who authors blocks (the genesis authorities, until admins are elected)
//! * [`extrinsic`]: how clients build extrinsics (native only)
#![cfg_attr(not(feature = "std"), no_std)]
// impl_runtime_apis! and frame_support::runtime recurse once a pallet.
#![recursion_limit = "512"]
// frame_support::runtime writes its types, which have no documentation, into the root; the modules warn all the same.
#![allow(missing_docs)]

extern crate alloc;

// First, since the runtime API uses its macros.
#[cfg(feature = "runtime-benchmarks")]
#[macro_use]
mod benches;

mod apis;
pub mod configs;
#[cfg(feature = "std")]
pub mod extrinsic;
pub mod presets;
#[cfg(test)]
mod tests;
pub mod timing;
pub mod validators;

use alloc::{borrow::Cow, vec::Vec};
use sp_runtime::{generic, traits::Block as BlockT, MultiAddress};
use sp_version::RuntimeVersion;

pub use apis::{api, RuntimeApi, RUNTIME_API_VERSIONS};
pub use station_primitives::{
    AccountId, Balance, BlockNumber, Hash, Hashing, Nonce, Signature, Timing, SS58_PREFIX, TKT,
};

// The compiled blob and its path.
#[cfg(feature = "std")]
mod wasm {
    #![allow(missing_docs, dead_code)]
    include!(concat!(env!("OUT_DIR"), "/wasm_binary.rs"));
}
#[cfg(feature = "std")]
pub use wasm::{WASM_BINARY, WASM_BINARY_BLOATY};

/// Types that need no knowledge of the runtime's calls, for the node.
pub mod opaque {
    #![allow(missing_docs, dead_code)]
    use super::*;
    pub use sp_runtime::OpaqueExtrinsic as UncheckedExtrinsic;

    /// A header.
    pub type Header = generic::Header<BlockNumber, Hashing>;
    /// A block of undecoded extrinsics.
    pub type Block = generic::Block<Header, UncheckedExtrinsic>;

    sp_runtime::impl_opaque_keys! {
        /// A validator's keys.
        pub struct SessionKeys {
            pub babe: Babe,
            pub grandpa: Grandpa,
        }
    }
}
pub use opaque::SessionKeys;

/// The runtime's version. `spec_version` changes with every change of what it does, `transaction_version` with every
/// change of how calls are encoded.
#[sp_version::runtime_version]
pub const VERSION: RuntimeVersion = RuntimeVersion {
    spec_name: Cow::Borrowed("station"),
    impl_name: Cow::Borrowed("station"),
    authoring_version: 1,
    spec_version: 1,
    impl_version: 1,
    apis: RUNTIME_API_VERSIONS,
    transaction_version: 1,
    system_version: 1,
};

/// How an account is named in a call.
pub type Address = MultiAddress<AccountId, ()>;
/// A header.
pub type Header = generic::Header<BlockNumber, Hashing>;
/// A block.
pub type Block = generic::Block<Header, UncheckedExtrinsic>;
/// A block's hash.
pub type BlockHash = <Block as BlockT>::Hash;

/// What every transaction carries beside its call. `AuthorizeCall` comes first: it turns the providers' duties into
/// authorized calls, which the others then pass without a signer, a nonce or a fee.
pub type TxExtension = (
    frame_system::AuthorizeCall<Runtime>,
    frame_system::CheckNonZeroSender<Runtime>,
    frame_system::CheckSpecVersion<Runtime>,
    frame_system::CheckTxVersion<Runtime>,
    frame_system::CheckGenesis<Runtime>,
    frame_system::CheckEra<Runtime>,
    frame_system::CheckNonce<Runtime>,
    frame_system::CheckWeight<Runtime>,
    pallet_transaction_payment::ChargeTransactionPayment<Runtime>,
    frame_metadata_hash_extension::CheckMetadataHash<Runtime>,
    frame_system::WeightReclaim<Runtime>,
);
/// An extrinsic as it travels.
pub type UncheckedExtrinsic = generic::UncheckedExtrinsic<Address, RuntimeCall, Signature, TxExtension>;
/// What a signer signs.
pub type SignedPayload = generic::SignedPayload<RuntimeCall, TxExtension>;
/// Runs blocks.
pub type Executive =
    frame_executive::Executive<Runtime, Block, frame_system::ChainContext<Runtime>, Runtime, AllPalletsWithSystem>;

/// The pallets, in the order in which their hooks run.
#[frame_support::runtime]
mod runtime_pallets {
    #![allow(missing_docs, dead_code)]

    #[runtime::runtime]
    #[runtime::derive(
        RuntimeCall,
        RuntimeEvent,
        RuntimeError,
        RuntimeOrigin,
        RuntimeFreezeReason,
        RuntimeHoldReason,
        RuntimeSlashReason,
        RuntimeLockId,
        RuntimeTask,
        RuntimeViewFunction
    )]
    pub struct Runtime;

    #[runtime::pallet_index(0)]
    pub type System = frame_system;
    #[runtime::pallet_index(1)]
    pub type Timestamp = pallet_timestamp;
    #[runtime::pallet_index(2)]
    pub type Babe = pallet_babe;
    #[runtime::pallet_index(3)]
    pub type Authorship = pallet_authorship;
    #[runtime::pallet_index(4)]
    pub type Balances = pallet_balances;
    #[runtime::pallet_index(5)]
    pub type TransactionPayment = pallet_transaction_payment;
    #[runtime::pallet_index(6)]
    pub type Session = pallet_session;
    #[runtime::pallet_index(7)]
    pub type Historical = pallet_session::historical;
    #[runtime::pallet_index(8)]
    pub type Grandpa = pallet_grandpa;
    #[runtime::pallet_index(9)]
    pub type Offences = pallet_offences;
    #[runtime::pallet_index(10)]
    pub type Utility = pallet_utility;
    #[runtime::pallet_index(11)]
    pub type Sudo = pallet_sudo;

    #[runtime::pallet_index(20)]
    pub type Providers = pallet_station_providers;
    #[runtime::pallet_index(21)]
    pub type Deals = pallet_station_deals;
    #[runtime::pallet_index(22)]
    pub type Replication = pallet_station_replication;
}
