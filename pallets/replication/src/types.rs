//! What is stored about replicas, shards and challenges.

mod orders;

pub use orders::{Candidate, DepartureSweep, DrawsWaiting, Ends, Lane, Order, Queued, Stage, Ticket};

use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use frame_support::{traits::ConstU32, BoundedVec};
use scale_info::TypeInfo;
use station_porep::proof::AuditProof;
use station_primitives::{
    AccountId, Balance, BlockNumber, Commitment, DealId, DealState, HistoryEvent, Price, Reason, ReplicaId,
    ReplicaState, Seed, ShardState, Slot, Tick, HISTORY, MAX_ANSWERS, MAX_REPLICAS,
};

/// One answer to an audit.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, TypeInfo)]
pub struct Answer {
    /// The replica.
    pub replica: ReplicaId,
    /// The tick at which the audit fell due.
    pub due: Tick,
    /// The seed it answers. After a re-org that changed it, the answer is refused instead of being held against its
    /// provider.
    pub seed: Seed,
    /// The openings.
    pub proof: AuditProof,
}

/// The answers of one call.
pub type Answers = BoundedVec<Answer, ConstU32<MAX_ANSWERS>>;

/// Where a slot is in its life. The only transitions are those of the pallet's documentation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
#[allow(clippy::cast_possible_truncation)] // Encode's derive casts the variant's number.
pub enum Phase {
    /// A provider is being drawn.
    Drawing,
    /// A provider receives, seals and commits.
    Commit {
        /// Last block in which the commitment is taken.
        deadline: BlockNumber,
    },
    /// The root is on-chain, the seal check is outstanding.
    Seal {
        /// The tick at which it falls due.
        due: Tick,
    },
    /// Proven, and to be proven again.
    Keep {
        /// The tick at which the next audit falls due.
        due: Tick,
    },
    /// Its holder reported that it is not whole: unpaid, and not live until the next audit is answered.
    Reported {
        /// The tick at which that audit falls due.
        due: Tick,
    },
    /// An audit was missed or answered wrong.
    Late {
        /// The tick at which it fell due.
        due: Tick,
        /// Whether it has been answered wrong once.
        wrong: bool,
    },
    /// The replica was lost; a repair order has it made anew, as long as the deal takes replicas.
    Vacant {
        /// Why it was lost.
        reason: Reason,
    },
    /// The slot failed to the client.
    Failed,
}

impl Phase {
    /// The state that the network is told.
    pub const fn state(self) -> ReplicaState {
        match self {
            Self::Drawing | Self::Commit { .. } => ReplicaState::Assigned,
            Self::Seal { .. } => ReplicaState::Committed,
            Self::Keep { .. } => ReplicaState::Active,
            Self::Late { .. } | Self::Reported { .. } => ReplicaState::Faulty,
            Self::Vacant { .. } | Self::Failed => ReplicaState::Replaced,
        }
    }

    /// What the slot counts for in its shard.
    pub const fn standing(self) -> Standing {
        match self {
            Self::Drawing | Self::Commit { .. } | Self::Seal { .. } => Standing::Onboarding,
            Self::Keep { .. } => Standing::Live,
            Self::Late { .. } | Self::Reported { .. } => Standing::Faulty,
            Self::Vacant { .. } | Self::Failed => Standing::Gone,
        }
    }

    /// The tick of its challenge, open or to come.
    pub const fn due(self) -> Option<Tick> {
        match self {
            Self::Seal { due } | Self::Keep { due } | Self::Reported { due } | Self::Late { due, .. } => Some(due),
            _ => None,
        }
    }
}

/// What a slot counts for in its shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub enum Standing {
    /// On its way to its first proof.
    Onboarding,
    /// Active, with no outstanding miss.
    Live,
    /// With an outstanding miss, or reported by its holder.
    Faulty,
    /// Lost or failed.
    Gone,
}

/// A slot's record.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct Replica {
    /// Who keeps it, or is to.
    pub provider: Option<AccountId>,
    /// Where it is in its life.
    pub phase: Phase,
    /// The ticket of this assignment.
    pub ticket: Seed,
    /// The committed root.
    pub comm_r: Option<Commitment>,
    /// Plancks per GiB·day, fixed at assignment.
    pub price: Price,
    /// Collateral that stands for it.
    pub collateral: Balance,
    /// Paid to this provider for proven periods, after shares.
    pub earned: Balance,
    /// The block of its last accepted proof.
    pub last_proof: Option<BlockNumber>,
    /// The tick of the assignment: a chain without ticks takes no commitments.
    pub since: Tick,
    /// Providers drawn for the slot so far.
    pub draws: u8,
    /// Draws that found nobody since the last that did.
    pub fruitless: u8,
    /// Periods settled, over all providers of the slot.
    pub settled: u32,
    /// Plancks of the escrow spent on the slot, over all its providers.
    pub spent: Balance,
    /// Whether a repair order made it and it is not active yet. Should it fail its seal check, another order is opened: no
    /// client brings the data.
    pub repair: bool,
}

impl Default for Replica {
    fn default() -> Self {
        Self {
            provider: None,
            phase: Phase::Drawing,
            ticket: Seed::default(),
            comm_r: None,
            price: 0,
            collateral: 0,
            earned: 0,
            last_proof: None,
            since: 0,
            draws: 0,
            fruitless: 0,
            settled: 0,
            spent: 0,
            repair: false,
        }
    }
}

/// A slot, as its shard sees it.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct Seat {
    /// What it counts for.
    pub standing: Standing,
    /// Who holds it and for which operator, so that no other replica goes there.
    pub holder: Option<(AccountId, [u8; 32])>,
    /// Who was drawn to make it anew, and for which operator.
    pub candidate: Option<(AccountId, [u8; 32])>,
    /// How often its holder was named as a source that does not serve, since it was last receipted to have served.
    pub named: u8,
}

/// Who lost a replica of a shard.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct Loss {
    /// The provider.
    pub provider: AccountId,
    /// Its operator.
    pub operator: [u8; 32],
    /// When.
    pub block: BlockNumber,
}

/// An entry of a shard's history.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct HistoryEntry {
    /// When.
    pub block: BlockNumber,
    /// What.
    pub event: HistoryEvent,
    /// Which slot.
    pub slot: Slot,
    /// Whose.
    pub provider: Option<AccountId>,
    /// Why.
    pub reason: Reason,
}

/// A shard's health and history.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct ShardRecord {
    /// One for each slot.
    pub seats: BoundedVec<Seat, ConstU32<{ MAX_REPLICAS as u32 }>>,
    /// Who lost a replica of it: neither drawn for it again while that is recent, nor anybody of the same operator.
    pub lost: BoundedVec<Loss, ConstU32<{ MAX_REPLICAS as u32 }>>,
    /// Whether every slot has once been settled: became active, or failed.
    pub started: bool,
    /// Its state, as counted in the deal's health.
    pub state: ShardState,
    /// The block since which it has been short of replicas, after having had them all.
    pub repairing_since: Option<BlockNumber>,
    /// Whether it ever had all replicas live.
    pub was_healthy: bool,
    /// The newest last.
    pub history: BoundedVec<HistoryEntry, ConstU32<HISTORY>>,
}

/// A tick whose challenges are open.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct OpenTick {
    /// The beacon, and with it the last tick in which an answer is paid and the last in which one saves the replica;
    /// none until the beacon is known.
    pub challenge: Option<(Seed, Tick, Tick)>,
}

/// Draws to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct DrawJob {
    /// The next slot to draw for.
    pub next: ReplicaId,
    /// Whether to go on with all slots of the deal that come after it.
    pub whole: bool,
}

/// A deal being swept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct SweepJob {
    /// The next slot.
    pub next: ReplicaId,
    /// Whether a slot of the present shard waits for its open challenge.
    pub shard_waits: bool,
    /// Whether any slot of the deal does.
    pub deal_waits: bool,
}

/// Where the sweeps are. Each value is the first that has not been done with.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo,
)]
pub struct Cursors {
    /// The tick whose window is swept for misses.
    pub missed: Tick,
    /// The tick whose grace is swept.
    pub late: Tick,
    /// The block whose draws are made.
    pub draws: BlockNumber,
    /// The block whose commitments are checked.
    pub commits: BlockNumber,
    /// The tick whose deals are swept.
    pub ends: Tick,
    /// The deal being swept.
    pub sweep: Option<SweepJob>,
}

/// How many shards of a deal are in which state.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo,
)]
pub struct HealthCounts {
    /// [`ShardState::Pending`].
    pub pending: u32,
    /// [`ShardState::Healthy`].
    pub healthy: u32,
    /// [`ShardState::Degraded`].
    pub degraded: u32,
    /// [`ShardState::BelowMinimum`].
    pub below_minimum: u32,
    /// [`ShardState::Lost`].
    pub lost: u32,
}

impl HealthCounts {
    /// The count of a state.
    pub fn of(&mut self, state: ShardState) -> &mut u32 {
        match state {
            ShardState::Pending => &mut self.pending,
            ShardState::Healthy => &mut self.healthy,
            ShardState::Degraded => &mut self.degraded,
            ShardState::BelowMinimum => &mut self.below_minimum,
            ShardState::Lost => &mut self.lost,
        }
    }

    /// The worst state that any shard is in.
    pub const fn worst(&self) -> DealState {
        if self.lost > 0 {
            ShardState::Lost
        } else if self.below_minimum > 0 {
            ShardState::BelowMinimum
        } else if self.degraded > 0 {
            ShardState::Degraded
        } else if self.pending > 0 {
            ShardState::Pending
        } else {
            ShardState::Healthy
        }
    }
}

impl SweepJob {
    /// Start with a deal.
    pub const fn of(deal: DealId) -> Self {
        let shard = station_primitives::ShardId { deal, index: 0 };
        Self { next: ReplicaId { shard, slot: 0 }, shard_waits: false, deal_waits: false }
    }
}
