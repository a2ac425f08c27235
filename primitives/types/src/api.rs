//! The runtime API: all that a client, a worker or an RPC server may ask the chain.

use crate::{
    AccountId, Balance, BlockNumber, Commitment, DealId, DealState, HistoryEvent, Price, Reason, ReplicaId,
    ReplicaState, Seed, ShardId, ShardState, Tick, Timing,
};
use alloc::{string::String, vec::Vec};
use codec::{Decode, Encode};
use scale_info::TypeInfo;

/// A registered provider.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, TypeInfo)]
pub struct ProviderInfo {
    /// The account: the node's keystore key.
    pub account: AccountId,
    /// Declared capacity in bytes.
    pub capacity: u64,
    /// Bytes assigned to it, sealed or not.
    pub used: u64,
    /// Bytes of its replicas that are active.
    pub proven: u64,
    /// Plancks per GiB·day.
    pub price: Price,
    /// Plancks per GiB served.
    pub retrieval_price: Price,
    /// Where its node listens, with its peer id: a multiaddress in text.
    pub multiaddr: Vec<u8>,
    /// Replicas of one shard never share an operator.
    pub operator: [u8; 32],
    /// Whether it takes deals from clients named by its policy only.
    pub friends_only: bool,
    /// Whether it takes new assignments.
    pub accepting: bool,
    /// Plancks locked as collateral.
    pub collateral: Balance,
    /// The part of it that replicas occupy.
    pub collateral_used: Balance,
    /// Sum of what it was paid, after shares.
    pub earned: Balance,
    /// Replicas it holds or is to hold.
    pub replicas: u32,
    /// The last block in which it showed itself.
    pub last_seen: BlockNumber,
    /// The block of its registration.
    pub since: BlockNumber,
    /// Whether it is leaving: its replicas are being handed over.
    pub leaving: bool,
    /// The block since which its collateral is short of what its replicas need.
    pub short_since: Option<BlockNumber>,
}

/// A deal, without its shards.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, TypeInfo)]
pub struct DealInfo {
    /// Its number.
    pub id: DealId,
    /// Who pays.
    pub client: AccountId,
    /// How many shards it has; their ids are `id/0 .. id/shards-1`.
    pub shards: u32,
    /// Sum of the shards' size classes, in bytes.
    pub bytes: u64,
    /// Replicas asked for.
    pub replicas: u8,
    /// The most it pays, in plancks per GiB·day and replica.
    pub max_price: Price,
    /// Periods paid for.
    pub periods: u32,
    /// The block of submission.
    pub submitted: BlockNumber,
    /// The tick at which the term ends.
    pub expires: Tick,
    /// Escrow not yet spent.
    pub escrow: Balance,
    /// Spent so far, burnt and paid.
    pub spent: Balance,
    /// Its worst shard's state.
    pub state: DealState,
    /// Whether its client has ended it: it only runs out.
    pub cancelled: bool,
    /// What the client wrote down with it, for itself: see [`crate::MEMO_BYTES`].
    pub memo: Vec<u8>,
}

/// One entry of a shard's history.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, TypeInfo)]
pub struct HistoryInfo {
    /// When.
    pub block: BlockNumber,
    /// What.
    pub event: HistoryEvent,
    /// Whose.
    pub replica: ReplicaId,
    /// The provider concerned.
    pub provider: Option<AccountId>,
    /// Why.
    pub reason: Reason,
}

/// A shard with its replicas.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, TypeInfo)]
pub struct ShardInfo {
    /// Its id.
    pub id: ShardId,
    /// Root of the tree over its data.
    pub comm_d: Commitment,
    /// Bytes: a size class, a power of two.
    pub size: u64,
    /// Its health.
    pub state: ShardState,
    /// Active replicas with no outstanding miss.
    pub live: u8,
    /// Replicas asked for.
    pub target: u8,
    /// The block since which it has been below target after having been healthy.
    pub repairing_since: Option<BlockNumber>,
    /// One for each slot.
    pub replicas: Vec<ReplicaInfo>,
    /// The newest last, at most [`crate::HISTORY`].
    pub history: Vec<HistoryInfo>,
    /// The repair orders that are open for its slots.
    pub orders: Vec<OrderInfo>,
    /// Plancks that its client got out of slashes because the shard fell below its minimum.
    pub compensated: Balance,
}

/// An open repair order.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, TypeInfo)]
pub struct OrderInfo {
    /// The slot.
    pub replica: ReplicaId,
    /// The block in which it was opened.
    pub opened: BlockNumber,
    /// Why.
    pub reason: Reason,
    /// Who was drawn to make the new replica; none while one is being drawn.
    pub provider: Option<AccountId>,
    /// Providers drawn so far.
    pub draws: u8,
}

/// A replica.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, TypeInfo)]
pub struct ReplicaInfo {
    /// Its id.
    pub id: ReplicaId,
    /// Who keeps it; none while one is being drawn.
    pub provider: Option<AccountId>,
    /// Its state.
    pub state: ReplicaState,
    /// The block of its last accepted proof.
    pub last_proof: Option<BlockNumber>,
    /// The root of the sealed labels, once committed.
    pub comm_r: Option<Commitment>,
    /// The ticket that went into its id, once drawn.
    pub ticket: Option<Seed>,
    /// What its provider was paid for it, after shares.
    pub earned: Balance,
    /// The price it is paid at.
    pub price: Price,
    /// Collateral that stands for it.
    pub collateral: Balance,
    /// The tick at which it falls due next.
    pub due: Option<Tick>,
}

/// What a provider has to do for one replica now.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, TypeInfo)]
#[allow(clippy::cast_possible_truncation)] // Encode's derive casts the variant's number.
pub enum Task {
    /// Receive the data, seal it, commit its root, until the block `deadline`.
    Commit {
        /// Last block in which the commitment is taken.
        deadline: BlockNumber,
    },
    /// Fetch the data from the sources, seal it, commit its root, until the block `deadline`: a repair order's work.
    Repair {
        /// Last block in which the commitment is taken.
        deadline: BlockNumber,
        /// Who may have the data: the shard's other holders, live ones first, with their addresses.
        sources: Vec<(AccountId, Vec<u8>)>,
    },
    /// Wait for the seed of the seal check.
    AwaitSealCheck,
    /// Answer the seal check, until the tick `deadline`.
    ProveSeal {
        /// Positions come from it: `station_porep::challenge::seal_positions`.
        seed: Seed,
        /// Last tick in which the answer is taken.
        deadline: Tick,
    },
    /// Keep it; nothing is due before the tick `due`.
    Keep {
        /// When the next audit opens.
        due: Tick,
    },
    /// Answer the audit that fell due at the tick `due`.
    Audit {
        /// The tick that names the audit.
        due: Tick,
        /// Positions come from it: `station_porep::challenge::audit_positions`.
        seed: Seed,
        /// Last tick in which the answer is paid.
        deadline: Tick,
        /// Last tick in which an answer saves the replica.
        grace_ends: Tick,
    },
}

/// One replica among a provider's duties.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, TypeInfo)]
pub struct Duty {
    /// The replica.
    pub replica: ReplicaId,
    /// Root of the data.
    pub comm_d: Commitment,
    /// Bytes: a size class.
    pub size: u64,
    /// The ticket of this assignment.
    pub ticket: Seed,
    /// The committed root, if any.
    pub comm_r: Option<Commitment>,
    /// What is to be done.
    pub task: Task,
}

/// The network at a glance.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode, TypeInfo)]
pub struct Summary {
    /// Registered providers.
    pub providers: u32,
    /// Declared bytes.
    pub capacity: u64,
    /// Assigned bytes.
    pub used: u64,
    /// Bytes of active replicas.
    pub proven: u64,
    /// Deals running.
    pub deals: u64,
    /// Shards of running deals.
    pub shards: u64,
    /// Replicas that are active and have no outstanding miss.
    pub live_replicas: u64,
    /// All plancks in escrow.
    pub escrow: Balance,
    /// All plancks locked as collateral.
    pub collateral: Balance,
    /// All plancks burnt by charges, shares and slashes.
    pub burnt: Balance,
    /// Repair orders open.
    pub orders: u64,
    /// Replicas made by repair orders so far.
    pub repaired: u64,
    /// The tick the chain is at.
    pub tick: Tick,
}

/// An account's money.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode, TypeInfo)]
pub struct AccountMoney {
    /// Free to spend.
    pub free: Balance,
    /// Held for deals.
    pub escrow: Balance,
    /// Held for replicas.
    pub collateral: Balance,
    /// Held for retrieval channels.
    pub channels: Balance,
}

/// What a deal would hold from its client.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode, TypeInfo)]
pub struct Quote {
    /// Held for the whole term: pay at the highest price, proof charges, onboarding fees, deposits.
    pub escrow: Balance,
    /// Pay of one replica-period of all shards at the highest price.
    pub pay_per_period: Balance,
    /// Charge of one replica-period of all shards, burnt.
    pub charge_per_period: Balance,
    /// Providers that could take a replica of the largest shard at that price now, counted up to
    /// [`crate::MAX_PAGE`], one for each operator.
    pub providers: u32,
}

sp_api::decl_runtime_apis! {
    /// What stations and users ask the chain.
    pub trait StationApi {
        /// The network's clock.
        fn timing() -> Timing;
        /// The network at a glance.
        fn summary() -> Summary;
        /// One provider.
        fn provider(account: AccountId) -> Option<ProviderInfo>;
        /// Providers in the order of registration, those after `cursor` (a registration index) first; each with its index.
        fn providers(cursor: Option<u32>, limit: u32) -> Vec<(u32, ProviderInfo)>;
        /// One deal.
        fn deal(id: DealId) -> Option<DealInfo>;
        /// The deals of a client with ids above `cursor`.
        fn deals(client: AccountId, cursor: Option<DealId>, limit: u32) -> Vec<DealInfo>;
        /// One shard.
        fn shard(id: ShardId) -> Option<ShardInfo>;
        /// One replica.
        fn replica(id: ReplicaId) -> Option<ReplicaInfo>;
        /// Replicas of a provider with ids above `cursor`, each with what is to be done.
        fn duties(provider: AccountId, cursor: Option<ReplicaId>, limit: u32) -> Vec<Duty>;
        /// An account's money.
        fn money(account: AccountId) -> AccountMoney;
        /// What a deal would cost, and whether enough providers would take it.
        fn quote(sizes: Vec<u64>, replicas: u8, periods: u32, max_price: Price) -> Quote;
        /// Check every invariant of the storage pallets.
        fn try_state() -> Result<(), String>;
    }
}
