//! What is stored about deals, and the door to the replication pallet.

use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use frame_support::{traits::ConstU32, BoundedVec};
use scale_info::TypeInfo;
use sp_runtime::{DispatchError, DispatchResult};
use station_porep::SizeClass;
use station_primitives::{
    AccountId, Balance, BlockNumber, Commitment, DealId, Price, Slot, Tick, MAX_NAMED, MAX_REPLICAS,
};

/// Where replicas go.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
#[allow(clippy::cast_possible_truncation)] // Encode's derive casts the variant's number.
pub enum Placement<Account> {
    /// Drawn by seed among all providers.
    Any,
    /// Drawn among the client's own list.
    Chosen {
        /// The list.
        providers: BoundedVec<Account, ConstU32<MAX_NAMED>>,
        /// Whether others are drawn when the list is exhausted; otherwise the shard stays short of replicas, and says so.
        fallback: bool,
    },
}

/// A placement without its list, which is stored apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
#[allow(clippy::cast_possible_truncation)] // Encode's derive casts the variant's number.
pub enum PlacementKind {
    /// [`Placement::Any`].
    Any,
    /// [`Placement::Chosen`].
    Chosen {
        /// Whether others are drawn when the list is exhausted.
        fallback: bool,
    },
}

/// A deal's record.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct Deal {
    /// Who pays.
    pub client: AccountId,
    /// How many shards it has.
    pub shards: u32,
    /// Replicas asked for of each.
    pub replicas: u8,
    /// Bytes of all shards.
    pub bytes: u64,
    /// The most it pays, in plancks per GiB·day and replica.
    pub max_price: Price,
    /// Periods that each slot is paid for, at most.
    pub periods: u32,
    /// Where replicas go.
    pub placement: PlacementKind,
    /// The block of submission.
    pub submitted: BlockNumber,
    /// The last tick at which an audit that is paid may fall due.
    pub expires: Tick,
    /// The tick at whose bucket its sweep starts: the first with room from `expires` on.
    pub sweep_at: Tick,
    /// Plancks held and not yet spent.
    pub escrow: Balance,
    /// Plancks spent: paid and burnt.
    pub spent: Balance,
    /// Whether its client cancelled it.
    pub cancelled: bool,
    /// Whether its sweep has started.
    pub ending: bool,
    /// Slots that may still cost something.
    pub open_slots: u32,
    /// First commitments that came late: each cost the client a deposit, and its providers as much.
    pub late_uploads: u32,
}

impl Deal {
    /// Whether replicas may still be taken on.
    pub const fn takes_replicas(&self) -> bool {
        !self.cancelled && !self.ending
    }
}

/// A shard's record.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct ShardSpec {
    /// Root of the tree over its data.
    pub comm_d: Commitment,
    /// Its size.
    pub class: SizeClass,
    /// Slots that may still cost something.
    pub open: u8,
    /// What the escrow paid for repairs, by slot: an entry for each that was repaired at its cost.
    pub repairs: BoundedVec<SlotRepairs, ConstU32<{ MAX_REPLICAS as u32 }>>,
    /// What the client got out of slashes because this shard fell below its minimum.
    pub compensated: Balance,
}

impl ShardSpec {
    /// A new shard's record.
    pub fn new(comm_d: Commitment, class: SizeClass, open: u8) -> Self {
        Self { comm_d, class, open, repairs: BoundedVec::new(), compensated: 0 }
    }

    /// What the escrow paid for repairs of a slot.
    pub fn repairs_of(&self, slot: Slot) -> Option<&SlotRepairs> {
        self.repairs.iter().find(|entry| entry.slot == slot)
    }
}

/// What the escrow paid for repairs of one slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct SlotRepairs {
    /// The slot.
    pub slot: Slot,
    /// The block of the last one.
    pub last: BlockNumber,
    /// Plancks, in all.
    pub spent: Balance,
}

/// What one slot of a shard may cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Costs {
    /// Pay of one period at the highest price.
    pub pay: Balance,
    /// Charge of one period, burnt.
    pub charge: Balance,
    /// Onboarding fees and assignment deposits of all draws that a slot gets.
    pub entry: Balance,
    /// One repair: the onboarding fee of the new provider, and the bytes that its sources serve.
    pub repair: Balance,
    /// Periods for which one repair is kept in reserve; at least one.
    pub repair_every: u32,
}

impl Costs {
    /// One period's cost; none on overflow.
    pub fn period(&self) -> Option<Balance> {
        self.pay.checked_add(self.charge)
    }

    /// What is kept for repairs over `periods`: one repair for each time that [`Self::repair_every`] has started.
    pub fn reserve(&self, periods: u32) -> Option<Balance> {
        self.repair.checked_mul(Balance::from(periods.div_ceil(self.repair_every.max(1))))
    }

    /// A slot's cost over `periods`; none on overflow.
    pub fn slot(&self, periods: u32) -> Option<Balance> {
        self.period()?.checked_mul(Balance::from(periods))?.checked_add(self.entry)?.checked_add(self.reserve(periods)?)
    }
}

/// What a settled period moved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Paid {
    /// To the provider: what counts as earned.
    pub provider: Balance,
    /// To the admins.
    pub admins: Balance,
    /// Burnt, the charge included.
    pub burnt: Balance,
}

impl Paid {
    /// All that left the escrow.
    pub fn total(&self) -> Balance {
        self.provider.saturating_add(self.admins).saturating_add(self.burnt)
    }
}

/// Sums over all deals.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo,
)]
pub struct Sums {
    /// Deals.
    pub deals: u64,
    /// Their shards.
    pub shards: u64,
    /// Plancks held for them.
    pub escrow: Balance,
    /// Plancks burnt by charges, shares and deposits, ever.
    pub burnt: Balance,
}

/// What this pallet asks of the replication pallet.
pub trait ReplicaScheduler {
    /// The tick the chain is at.
    fn tick() -> Tick;
    /// Have providers drawn for all slots of a new deal. Refused when the chain has more draws to do than it may owe, or
    /// more replicas than it can audit.
    fn schedule_draws(deal: DealId, slots: u32) -> DispatchResult;
    /// Have a deal swept at `at`, or the first tick after it that has room, which is returned.
    fn schedule_sweep(deal: DealId, at: Tick) -> Result<Tick, DispatchError>;
    /// Take back what [`Self::schedule_sweep`] answered.
    fn unschedule_sweep(deal: DealId, at: Tick);
}
