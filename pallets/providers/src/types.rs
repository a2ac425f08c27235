//! What is stored about a provider.

use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use frame_support::{traits::ConstU32, BoundedVec};
use scale_info::TypeInfo;
use station_primitives::{AccountId, Balance, BlockNumber, Price, Reason, MAX_MULTIADDR, MAX_NAMED};

/// Whose data a provider takes.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
#[allow(clippy::cast_possible_truncation)] // Encode's derive casts the variant's number.
pub enum Policy {
    /// Anybody's.
    Open,
    /// That of the clients named, only.
    Named(BoundedVec<AccountId, ConstU32<MAX_NAMED>>),
}

/// A provider's record.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct Provider {
    /// Declared bytes.
    pub capacity: u64,
    /// Bytes assigned.
    pub used: u64,
    /// Bytes of active replicas.
    pub proven: u64,
    /// Plancks per GiB·day, for assignments to come.
    pub price: Price,
    /// Plancks per GiB served.
    pub retrieval_price: Price,
    /// Where its node listens.
    pub multiaddr: BoundedVec<u8, ConstU32<MAX_MULTIADDR>>,
    /// Its group.
    pub operator: [u8; 32],
    /// Whether it serves named clients only; their list is apart.
    pub friends_only: bool,
    /// Whether it takes new assignments.
    pub accepting: bool,
    /// Plancks held.
    pub collateral: Balance,
    /// What its replicas need: the sum of their parts. More than `collateral` while that is short.
    pub collateral_used: Balance,
    /// Paid so far, after shares.
    pub earned: Balance,
    /// Assignments and replicas.
    pub replicas: u32,
    /// Assignments that ended with a late first commitment.
    pub late_commitments: u32,
    /// Whether it leaves: for good, its replicas are being handed over, or given up.
    pub leaving: bool,
    /// The block since which its collateral has been short of what its replicas need.
    pub short_since: Option<BlockNumber>,
    /// Assignments that failed lately: see [`Strikes`].
    pub strikes: Strikes,
    /// The block of its last sign of life.
    pub last_seen: BlockNumber,
    /// The block that its last heartbeat was made on; the next must be later, so that none counts twice.
    pub last_beat: BlockNumber,
    /// The block of registration.
    pub since: BlockNumber,
    /// Its place in the list.
    pub place: u32,
}

/// Assignments that a provider took and did not fulfil, as far as draws remember them: a count and a date.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo,
)]
pub struct Strikes {
    /// How many; at most [`crate::selection::MOST_STRIKES`].
    pub count: u8,
    /// The block of the last.
    pub last: BlockNumber,
}

/// Why, and from when on, a provider's replicas go elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct Departure {
    /// [`Reason::Leaving`] and [`Reason::Undercollateralized`]: handed over. [`Reason::LeftEarly`]: given up, and slashed.
    pub reason: Reason,
    /// The first block in which it applies.
    pub from: BlockNumber,
}

/// Where goes what is taken from a collateral: first what is set aside for a repair, of the rest the client's
/// compensation, and what is left is burnt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Split {
    /// Set aside for the repair order, at most.
    pub repair: Balance,
    /// Paid to the client, at most.
    pub client: Balance,
}

/// What was taken from a collateral, and where it went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// In all.
    pub amount: Balance,
    /// Set aside for a repair order: still on hold, no longer the provider's.
    pub repair: Balance,
    /// Paid to the client.
    pub client: Balance,
    /// Burnt.
    pub burnt: Balance,
}

/// What `update` changes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Declared bytes.
    pub capacity: Option<u64>,
    /// Plancks per GiB·day.
    pub price: Option<Price>,
    /// Plancks per GiB served.
    pub retrieval_price: Option<Price>,
    /// Where its node listens.
    pub multiaddr: Option<BoundedVec<u8, ConstU32<MAX_MULTIADDR>>>,
    /// Its group.
    pub operator: Option<[u8; 32]>,
    /// Whose data it takes.
    pub policy: Option<Policy>,
    /// Plancks held.
    pub collateral: Option<Balance>,
    /// Whether it takes new assignments.
    pub accepting: Option<bool>,
}

/// Sums over all providers.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo,
)]
pub struct Sums {
    /// How many there are.
    pub providers: u32,
    /// Declared bytes.
    pub capacity: u64,
    /// Assigned bytes.
    pub used: u64,
    /// Bytes of active replicas.
    pub proven: u64,
    /// Plancks held as collateral.
    pub collateral: Balance,
    /// Plancks set aside from slashes for repairs, and not yet spent.
    pub seized: Balance,
    /// Plancks burnt by slashes and deposits.
    pub burnt: Balance,
}
