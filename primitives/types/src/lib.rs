//! The types that the layers of Grand Decentral share: identifiers, units, lifecycles and the runtime API.
//!
//! No network, no storage, no arithmetic beyond units. `pallets/*` store these types, `client/*` read them through
//! [`api::StationApi`].
#![cfg_attr(not(feature = "std"), no_std)]

extern crate alloc;

pub mod api;
mod duty;
pub mod economy;
mod ids;
mod lifecycle;
mod timing;
mod units;

pub use duty::{Accounts, DutyStatement, Receipt, PROVIDER_KEY};
pub use ids::{DealId, IdError, ReplicaId, ShardId, Slot};
pub use lifecycle::{DealState, HistoryEvent, Reason, ReplicaState, ShardState};
pub use timing::{Preset, Timing};
pub use units::{blocks_per_day, period_pay, Price, Tick, GIB, TKT};

use sp_runtime::traits::{BlakeTwo256, IdentifyAccount, Verify};

/// The signature of accounts: sr25519 in practice.
pub type Signature = sp_runtime::MultiSignature;
/// An account: 32 bytes, shown as SS58 with prefix 42.
pub type AccountId = <<Signature as Verify>::Signer as IdentifyAccount>::AccountId;
/// Plancks: 10^12 make one TKT.
pub type Balance = u128;
/// A block's height.
pub type BlockNumber = u32;
/// The chain's hash.
pub type Hash = sp_core::H256;
/// The number of transactions an account has made.
pub type Nonce = u32;
/// The chain's hasher.
pub type Hashing = BlakeTwo256;
/// 32 bytes drawn from the chain's randomness.
pub type Seed = [u8; 32];
/// The root of a tree over a shard's labels.
pub type Commitment = [u8; 32];

/// Prefix of SS58 addresses.
pub const SS58_PREFIX: u8 = 42;
/// The most shards that one deal carries. A bound on the work of one call and on a deal's record.
pub const MAX_SHARDS: u32 = 256;
/// The most replicas of one shard. More would cost without protecting better.
pub const MAX_REPLICAS: u8 = 16;
/// The fewest replicas of one shard in an ordinary deal.
pub const MIN_REPLICAS: u8 = 2;
/// Entries of a shard's history ring.
pub const HISTORY: u32 = 8;
/// Bytes of a deal's memo: what a client keeps with its deal to find its way back to the content, encrypted, always of this
/// length so that names' lengths do not show. A deal may also carry none.
pub const MEMO_BYTES: u32 = 256;
/// The longest multiaddress a provider may declare, in bytes.
pub const MAX_MULTIADDR: u32 = 256;
/// The most clients that a provider's policy may name, and providers that a placement may list.
pub const MAX_NAMED: u32 = 64;
/// The most answers in one extrinsic, so that several fit a block's reserve.
pub const MAX_ANSWERS: u32 = 32;
/// The longest list a paged runtime API returns.
pub const MAX_PAGE: u32 = 100;
