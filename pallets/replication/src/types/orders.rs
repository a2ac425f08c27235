//! What is stored about repair orders.

use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use frame_support::{traits::ConstU32, BoundedVec};
use scale_info::TypeInfo;
use station_primitives::{
    AccountId, Accounts, Balance, BlockNumber, Price, Reason, ReplicaId, Seed, Tick, MAX_REPLICAS,
};

/// A repair order: somebody is to make a slot's replica anew.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct Order {
    /// The block in which it was opened.
    pub opened: BlockNumber,
    /// Why the replica is needed.
    pub reason: Reason,
    /// Whether it waits or is being worked on.
    pub stage: Stage,
    /// Draws so far, with those that found nobody: tells their seeds apart.
    pub attempts: u32,
    /// Providers drawn so far.
    pub draws: u8,
    /// Providers that were drawn since the order rested last, and did not deliver: not drawn again before it rests.
    pub tried: BoundedVec<AccountId, ConstU32<{ MAX_REPLICAS as u32 }>>,
    /// Draws that found nobody since the last that did, or since the order rested last.
    pub fruitless: u8,
    /// What was taken from the slot's holder and set aside for this order.
    pub seized: Option<(AccountId, Balance)>,
}

impl Order {
    /// An order that is about to be queued.
    pub(crate) fn new(opened: BlockNumber, reason: Reason) -> Self {
        Self {
            opened,
            reason,
            stage: Stage::Waiting(Ticket { lane: Lane::Ordinary, place: 0 }),
            attempts: 0,
            draws: 0,
            tried: BoundedVec::new(),
            fruitless: 0,
            seized: None,
        }
    }

    /// Whether it takes a replica from a holder that keeps it well, because that holder goes.
    pub const fn is_handover(&self) -> bool {
        matches!(self.reason, Reason::Leaving | Reason::Undercollateralized)
    }

    /// Who makes the replica, if anybody was drawn.
    pub const fn candidate(&self) -> Option<&Candidate> {
        match &self.stage {
            Stage::Assigned(candidate) => Some(candidate),
            Stage::Waiting(_) => None,
        }
    }
}

/// Where an order is.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub enum Stage {
    /// In a queue.
    Waiting(Ticket),
    /// A provider fetches, seals and commits.
    Assigned(Candidate),
}

/// A place in a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct Ticket {
    /// The queue.
    pub lane: Lane,
    /// The place.
    pub place: u64,
}

/// The queues of orders: three for draws, in the order in which they are served, and two in which orders pass their time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub enum Lane {
    /// To be drawn: shards below their minimum.
    Urgent,
    /// To be drawn: replicas that are lost, of shards that have two.
    Ordinary,
    /// To be drawn: replicas that are well, of providers that go.
    Handover,
    /// To be tried again soon: nobody was found, or a handover would take a shard to its minimum.
    Soon,
    /// Resting until the next proving period.
    Rest,
}

impl Lane {
    /// The lanes from which orders are drawn.
    pub const DRAWN: [Self; 3] = [Self::Urgent, Self::Ordinary, Self::Handover];
    /// All.
    pub const ALL: [Self; 5] = [Self::Urgent, Self::Ordinary, Self::Handover, Self::Soon, Self::Rest];

    /// Whether orders are drawn from it.
    pub const fn is_drawn(self) -> bool {
        matches!(self, Self::Urgent | Self::Ordinary | Self::Handover)
    }
}

/// The ends of a queue: the place that is served next, and the one that is given out next.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo,
)]
pub struct Ends {
    /// Served next.
    pub first: u64,
    /// Given out next.
    pub next: u64,
}

/// What stands at a place of a queue. An order that was closed or moved leaves its place standing; it is passed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct Queued {
    /// The order.
    pub order: ReplicaId,
    /// To be drawn: the block after which its beacon's outputs are. Else: the block from which on it is queued for a draw.
    pub block: BlockNumber,
}

/// The beacon of the draws that were queued in one block.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo,
)]
pub struct DrawsWaiting {
    /// Places of queues that need it.
    pub places: u32,
    /// The beacon; none until it is known.
    pub beacon: Option<Seed>,
}

/// Who was drawn for an order. It holds room and collateral as for a replica of its own.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct Candidate {
    /// Its account.
    pub provider: AccountId,
    /// The ticket to seal with.
    pub ticket: Seed,
    /// Plancks per GiB·day, fixed at assignment.
    pub price: Price,
    /// Collateral that stands for it.
    pub collateral: Balance,
    /// Last block in which the commitment is taken.
    pub deadline: BlockNumber,
    /// The tick of the assignment: a chain without ticks takes no commitments.
    pub since: Tick,
    /// The sources that it named as not serving.
    pub named: Accounts,
}

/// Where the sweep of providers that go is.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct DepartureSweep {
    /// The provider.
    pub provider: AccountId,
    /// The last of its replicas that was looked at.
    pub after: Option<ReplicaId>,
    /// The parts of those that orders of this provider's shortage concern, as far as it was swept.
    pub covered: Balance,
}
