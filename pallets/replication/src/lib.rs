//! # Replication
//!
//! Draws providers for the slots of deals, takes their commitments, and asks for a proof of every replica once a period.
//!
//! ## Overview
//!
//! This is the referee. It keeps a record for each slot of each shard ([`Replica`]), and moves it on by what providers
//! prove and by what time passes. Money is moved by the pallets `deals` (escrow) and `providers` (collateral); this pallet
//! decides when.
//!
//! ## Terminology
//!
//! * **Tick**: a block whose Operational weight and length had room for one audit of the largest size, measured in
//!   `on_finalize`. Periods, windows, grace and terms count ticks, so a congested chain makes nobody late.
//! * **Beacon**: `beacon(b)` hashes the author VRF outputs of the `seed_blocks` blocks strictly after block `b`; it is known
//!   in `on_initialize(b + seed_blocks + 1)`. What is drawn or asked for at `b` is fixed before anybody knows it.
//! * **Bucket**: the replicas whose audit falls due at one tick; bounded, the first with room is taken, and for good.
//! * **Challenge**: an audit or seal check that fell due. Its seed is `blake2_256(domain, beacon(block of the tick), replica,
//!   tick)`; it is open from the seed on, for `answer_window` ticks in time and `grace` more late.
//! * **Authorized call**: carries the provider's own signature and pays no fee; the pool refuses it unless it is due. It
//!   names the ticket or seed it answers, so that after a re-org it is refused, never held against its provider.
//!
//! ## Lifecycle of a slot ([`Phase`])
//!
//! ```text
//! Drawing ──▶ Commit ──▶ Seal ──▶ Keep ◀──▶ Late
//!    │ ▲        │          │        │         │ unanswered, or wrong twice
//!    │ └────────┴──────────┘        │         ▼
//!    │  late, failed, redrawn       │       Vacant (waits for a repair order)
//!    ▼                              ▼
//!  Failed (to the client)         gone with its deal
//! ```
//!
//! * A draw that finds nobody is repeated a few times, ever later, then the slot fails and its escrow is released.
//! * A first commitment that comes late slashes nobody: client and provider lose an equal deposit, burnt (none, if most blocks
//!   were too full to take it), and the slot is drawn again, `MaxDraws` times in all.
//! * A seal check that is wrong, or unanswered to the end of its grace, costs the replica's collateral.
//! * An audit answered late costs that period's pay. A wrong answer makes the replica faulty at once and may be corrected
//!   once within the window and grace: proofs are free of fees, so each challenge has two wrong answers and no more.
//!   Unanswered or wrong twice, exactly this replica's collateral is slashed.
//! * A slot that loses an *active* replica is not drawn again here: there is nobody to bring the data but a repair
//!   order, which is the work of DESIGN's next step. It stays `replaced`, its shard degraded, its escrow reserved.
//!
//! ## Money flow
//!
//! Audit in time: pay and charge out of the escrow. Late: the charge alone. Commitment: the onboarding fee. Slash: half to
//! the client if the shard is then below its minimum, the rest burnt. See the pallet `deals` for the formulas.
//!
//! ## Bounded work
//!
//! Every hook does a bounded number of steps and leaves its place in [`Cursors`]. Each kind of draw and of sweep has a share of
//! them that no flood of another kind can take, and what one leaves goes to the rest. What waits for its sweep is not paid
//! and not live: whether an answer is in time is decided by ticks, never by how far a sweep has come.
//!
//! ## Invariants (`Pallet::do_try_state`)
//!
//! 1. A replica is in exactly the bucket that its phase names, and buckets hold nothing else.
//! 2. A provider's count, bytes and occupied collateral are the sums over its replicas.
//! 3. A shard's seats mirror its slots; deals' health counts mirror shards; live replicas are counted.
//! 4. A running deal's escrow covers what its open slots may still cost.
//!
//! ## Example
//!
//! ```ignore
//! // The worker, for a duty with `Task::Audit { due, seed, .. }`:
//! let answers = vec![Answer { replica, due, seed, proof }].try_into()?;
//! let statement = DutyStatement::Prove { answers: Hashing::hash_of(&answers) };
//! let signature = pair.sign(&statement.signing_hash(genesis, &provider));
//! let call = Call::prove { provider, answers, signature };
//! ```

#![cfg_attr(not(feature = "std"), no_std)]

extern crate alloc;

mod audits;
mod authorize;
mod beacon;
#[cfg(any(feature = "runtime-benchmarks", test))]
mod benchmarking;
mod buckets;
mod departures;
mod draws;
mod ending;
mod faults;
mod health;
mod onboarding;
mod orders;
mod queries;
mod ticks;
mod try_state;
mod types;
pub mod weights;

#[cfg(test)]
mod mock;
#[cfg(test)]
mod tests;

pub use pallet::*;
pub use types::{
    Answer, Answers, Candidate, Cursors, DepartureSweep, DrawJob, DrawsWaiting, Ends, HealthCounts, HistoryEntry, Lane,
    Loss, OpenTick, Order, Phase, Queued, Replica, Seat, ShardRecord, Stage, Standing, SweepJob, Ticket,
};
pub use weights::WeightInfo;

/// The log target.
pub const LOG_TARGET: &str = "station::replication";

/// The pallet.
#[frame_support::pallet]
// The derive of Encode casts the number of a variant.
#[allow(clippy::cast_possible_truncation)]
pub mod pallet {
    use super::*;
    use frame_support::pallet_prelude::*;
    use frame_system::pallet_prelude::*;
    use sp_core::sr25519;
    use sp_runtime::Permill;
    use station_porep::proof::SealProof;
    use station_primitives::{
        AccountId, Accounts, Balance, BlockNumber, Commitment, DealId, Price, Reason, Receipt, ReplicaId, Seed,
        ShardId, ShardState, Tick, MAX_REPLICAS,
    };

    /// The version of this pallet's storage.
    pub const STORAGE_VERSION: StorageVersion = StorageVersion::new(1);

    /// Deals swept at one tick: more would make the sweep of a tick last long.
    pub const SWEEPS_PER_TICK: u32 = 64;
    /// Jobs for one block's draws: a job may be a whole deal.
    pub const JOBS_PER_BLOCK: u32 = 64;
    /// First commitments that may fall due in one block.
    pub const COMMITS_PER_BLOCK: u32 = 256;
    /// Ticks that may wait for their seed: one a block, and seeds take [`pallet_station_providers::MAX_SEED_BLOCKS`]
    /// blocks at most.
    pub const OPENING: u32 = pallet_station_providers::MAX_SEED_BLOCKS + 2;

    /// The pallet.
    #[pallet::pallet]
    #[pallet::storage_version(STORAGE_VERSION)]
    pub struct Pallet<T>(_);

    /// What the pallet needs from the runtime.
    #[pallet::config]
    pub trait Config:
        frame_system::Config<RuntimeEvent: From<Event<Self>>>
        + pallet_station_providers::Config
        + pallet_station_deals::Config
    {
        /// The author VRF output of the parent block: during execution, BABE's `AuthorVrfRandomness`.
        type ParentRandomness: Get<Option<Seed>>;
        /// The most replicas of one bucket. New ones are admitted to half of it; the rest is for those that move on.
        #[pallet::constant]
        type MaxPerBucket: Get<u32>;
        /// Slots drawn in one block, at most; fewer if they do not fit their share of a block.
        #[pallet::constant]
        type DrawsPerBlock: Get<u32>;
        /// Steps that all sweeps (misses, ends of grace, late commitments, orders, providers that go, ends of deals) do in one
        /// block, at most; fewer if they do not fit their share of a block.
        #[pallet::constant]
        type SweepsPerBlock: Get<u32>;
        /// Draws of one slot that may find nobody before it fails, or before its order rests.
        #[pallet::constant]
        type MaxFruitlessDraws: Get<u32>;
        /// Providers drawn for one order before it rests until the next proving period.
        #[pallet::constant]
        type RepairDraws: Get<u32>;
        /// The share of a replica's collateral that its holder loses when it reports a fault itself.
        #[pallet::constant]
        type ReportedShare: Get<Permill>;
        /// Weights of the calls and hooks.
        type WeightInfo: WeightInfo;
    }

    /// The tick the chain is at: all ticks up to it have been opened.
    #[pallet::storage]
    pub type CurrentTick<T: Config> = StorageValue<_, Tick, ValueQuery>;

    /// The author VRF outputs of the last `seed_blocks` blocks.
    #[pallet::storage]
    pub type VrfOutputs<T: Config> = StorageMap<_, Twox64Concat, BlockNumber, Seed>;

    /// Ticks that wait for their seed, each with the block that opened it.
    #[pallet::storage]
    pub type Opening<T: Config> = StorageValue<_, BoundedVec<(Tick, BlockNumber), ConstU32<OPENING>>, ValueQuery>;

    /// Ticks with challenges that have not all been settled.
    #[pallet::storage]
    pub type OpenTicks<T: Config> = StorageMap<_, Twox64Concat, Tick, OpenTick>;

    /// Replicas by the tick of their next challenge; of open ticks, those that have not answered.
    #[pallet::storage]
    pub type Buckets<T: Config> = StorageMap<_, Twox64Concat, Tick, BoundedVec<ReplicaId, T::MaxPerBucket>, ValueQuery>;

    /// Replicas that missed the window of a tick, or answered wrong.
    #[pallet::storage]
    pub type LateBuckets<T: Config> =
        StorageMap<_, Twox64Concat, Tick, BoundedVec<ReplicaId, T::MaxPerBucket>, ValueQuery>;

    /// Draws to be made, by the block that can make them.
    #[pallet::storage]
    pub type Draws<T: Config> =
        StorageMap<_, Twox64Concat, BlockNumber, BoundedVec<DrawJob, ConstU32<JOBS_PER_BLOCK>>, ValueQuery>;

    /// The beacon for the draws of a block, while some are left.
    #[pallet::storage]
    pub type DrawBeacons<T: Config> = StorageMap<_, Twox64Concat, BlockNumber, Seed>;

    /// Assignments by the last block in which their commitment is taken.
    #[pallet::storage]
    pub type CommitDeadlines<T: Config> =
        StorageMap<_, Twox64Concat, BlockNumber, BoundedVec<ReplicaId, ConstU32<COMMITS_PER_BLOCK>>, ValueQuery>;

    /// Deals by the tick at which they are swept.
    #[pallet::storage]
    pub type Sweeps<T: Config> =
        StorageMap<_, Twox64Concat, Tick, BoundedVec<DealId, ConstU32<SWEEPS_PER_TICK>>, ValueQuery>;

    /// Where the sweeps are.
    #[pallet::storage]
    pub type Places<T: Config> = StorageValue<_, Cursors, ValueQuery>;

    /// The slots that have been drawn at least once.
    #[pallet::storage]
    pub type Replicas<T: Config> = StorageMap<_, Twox64Concat, ReplicaId, Replica>;

    /// Repair orders, by the slot whose replica is to be made anew.
    #[pallet::storage]
    pub type Orders<T: Config> = StorageMap<_, Twox64Concat, ReplicaId, Order>;

    /// The queues in which orders wait, by place.
    #[pallet::storage]
    pub type Queue<T: Config> = StorageDoubleMap<_, Twox64Concat, Lane, Twox64Concat, u64, Queued>;

    /// The ends of the queues.
    #[pallet::storage]
    pub type QueueEnds<T: Config> = StorageMap<_, Twox64Concat, Lane, Ends, ValueQuery>;

    /// The beacons of the draws of orders, by the block in which they were queued, while some are left.
    #[pallet::storage]
    pub type RepairBeacons<T: Config> = StorageMap<_, Twox64Concat, BlockNumber, DrawsWaiting>;

    /// Where the sweep of providers that go is.
    #[pallet::storage]
    pub type Departures<T: Config> = StorageValue<_, DepartureSweep>;

    /// Orders that are open.
    #[pallet::storage]
    pub type OpenOrders<T: Config> = StorageValue<_, u64, ValueQuery>;

    /// Replicas that orders had made, and that passed their seal check, ever.
    #[pallet::storage]
    pub type Repaired<T: Config> = StorageValue<_, u64, ValueQuery>;

    /// Health and history of shards, from their first draw on.
    #[pallet::storage]
    pub type ShardRecords<T: Config> = StorageMap<_, Twox64Concat, ShardId, ShardRecord>;

    /// A provider's replicas by [`ReplicaId::sort_key`], so that a page comes in order. The chain gives the numbers.
    #[pallet::storage]
    pub type ByProvider<T: Config> =
        StorageDoubleMap<_, Blake2_128Concat, AccountId, Identity, [u8; 13], (), OptionQuery>;

    /// How many shards of a deal are in which state.
    #[pallet::storage]
    pub type Health<T: Config> = StorageMap<_, Twox64Concat, DealId, HealthCounts, ValueQuery>;

    /// Replicas that are active and have no miss outstanding.
    #[pallet::storage]
    pub type LiveReplicas<T: Config> = StorageValue<_, u64, ValueQuery>;

    /// Slots of all deals that may still be audited; bounds what is admitted.
    #[pallet::storage]
    pub type OpenSlots<T: Config> = StorageValue<_, u64, ValueQuery>;

    /// What happened.
    #[pallet::event]
    #[pallet::generate_deposit(pub(crate) fn deposit_event)]
    pub enum Event<T: Config> {
        /// A provider was drawn for a slot.
        ReplicaAssigned {
            /// The replica.
            replica: ReplicaId,
            /// Who is to keep it.
            provider: AccountId,
            /// The ticket to seal with.
            ticket: Seed,
            /// Plancks per GiB·day that it is paid at.
            price: Price,
            /// Last block in which the commitment is taken.
            deadline: BlockNumber,
        },
        /// A draw found nobody; it is repeated.
        DrawFoundNobody {
            /// The replica.
            replica: ReplicaId,
            /// The block of the next draw.
            next: BlockNumber,
        },
        /// A slot failed to the client.
        ReplicaFailed {
            /// The replica.
            replica: ReplicaId,
            /// Why.
            reason: Reason,
        },
        /// A provider put its replica's root on-chain, and earned the onboarding fee.
        ReplicaCommitted {
            /// The replica.
            replica: ReplicaId,
            /// Who keeps it.
            provider: AccountId,
            /// The root of the sealed labels.
            comm_r: Commitment,
            /// The tick at which the seal check opens.
            due: Tick,
        },
        /// A first commitment came too late; both sides lost a deposit.
        CommitmentLate {
            /// The replica.
            replica: ReplicaId,
            /// Who was to keep it.
            provider: AccountId,
            /// Plancks burnt from each side.
            deposit: Balance,
        },
        /// The seal check passed.
        ReplicaActivated {
            /// The replica.
            replica: ReplicaId,
            /// Who keeps it.
            provider: AccountId,
            /// The tick of its first audit.
            due: Tick,
        },
        /// An audit was answered in time, and paid.
        ReplicaProven {
            /// The replica.
            replica: ReplicaId,
            /// Who keeps it.
            provider: AccountId,
            /// The tick at which the audit fell due.
            due: Tick,
            /// Plancks paid to the provider.
            earned: Balance,
            /// Plancks paid to the admins.
            admins: Balance,
            /// Plancks burnt.
            burnt: Balance,
            /// The tick of the next audit.
            next: Tick,
        },
        /// An audit passed unanswered, or was answered wrong.
        ReplicaFaulty {
            /// The replica.
            replica: ReplicaId,
            /// Who keeps it.
            provider: AccountId,
            /// The tick at which the audit fell due.
            due: Tick,
            /// Why.
            reason: Reason,
            /// Last tick in which an answer saves it.
            grace_ends: Tick,
        },
        /// A faulty replica answered within the grace window: saved, and not paid for that period.
        ReplicaRecovered {
            /// The replica.
            replica: ReplicaId,
            /// Who keeps it.
            provider: AccountId,
            /// The tick at which the audit fell due.
            due: Tick,
            /// The tick of the next audit.
            next: Tick,
        },
        /// A replica's collateral was taken, and its provider no longer keeps it.
        ReplicaSlashed {
            /// The replica.
            replica: ReplicaId,
            /// Who kept it.
            provider: AccountId,
            /// Why.
            reason: Reason,
            /// Plancks taken.
            amount: Balance,
            /// The part of them that went to the client.
            compensation: Balance,
        },
        /// A replica ended with its deal; its collateral is free again.
        ReplicaEnded {
            /// The replica.
            replica: ReplicaId,
            /// Who kept it, if anybody did.
            provider: Option<AccountId>,
            /// Expired or cancelled.
            reason: Reason,
        },
        /// A repair order was opened.
        RepairOpened {
            /// The slot.
            replica: ReplicaId,
            /// Why.
            reason: Reason,
        },
        /// A provider was drawn to make a replica anew.
        RepairAssigned {
            /// The slot.
            replica: ReplicaId,
            /// Who is to make it.
            provider: AccountId,
            /// The ticket to seal with.
            ticket: Seed,
            /// Plancks per GiB·day that it is paid at.
            price: Price,
            /// Last block in which the commitment is taken.
            deadline: BlockNumber,
        },
        /// Who was to make a replica anew neither did nor named its sources; it lost its deposit.
        RepairLate {
            /// The slot.
            replica: ReplicaId,
            /// Who was to make it.
            provider: AccountId,
            /// Plancks burnt.
            deposit: Balance,
        },
        /// A repair order was cancelled: the holder came back, or the deal takes no replicas any more.
        RepairCancelled {
            /// The slot.
            replica: ReplicaId,
            /// Why.
            reason: Reason,
            /// Plancks that the holder paid for what was begun.
            costs: Balance,
        },
        /// Another's commitment took the place of a replica.
        ReplicaReplaced {
            /// The slot.
            replica: ReplicaId,
            /// Who held it.
            provider: AccountId,
            /// Who made it anew.
            by: Option<AccountId>,
            /// Why.
            reason: Reason,
        },
        /// A holder reported that its replica is not whole.
        FaultReported {
            /// The replica.
            replica: ReplicaId,
            /// Who keeps it.
            provider: AccountId,
            /// The tick of the audit that makes it good again.
            due: Tick,
            /// Plancks taken of its collateral.
            taken: Balance,
        },
        /// A source of a repair was named as not serving.
        SourceNamed {
            /// The slot that is to be made anew.
            replica: ReplicaId,
            /// Who did not serve.
            source: AccountId,
            /// Who says so.
            by: AccountId,
        },
        /// No replica of a shard is left.
        ShardLost {
            /// The shard.
            shard: ShardId,
            /// Plancks that its client got out of slashes.
            compensated: Balance,
        },
        /// A shard's state changed.
        ShardStateChanged {
            /// The shard.
            shard: ShardId,
            /// Its state now.
            state: ShardState,
            /// Its live replicas now.
            live: u8,
        },
    }

    /// Why a call was refused.
    #[pallet::error]
    pub enum Error<T> {
        /// There is no such replica, or it has ended.
        UnknownReplica,
        /// The replica is another provider's.
        NotYourReplica,
        /// Nothing of this kind is due for the replica now.
        NotDue,
        /// The commitment was made with another ticket, or the answer with another seed: seal or answer again.
        Outdated,
        /// One call answers for a replica twice.
        AnsweredTwice,
        /// The call names no answer.
        NoAnswers,
        /// A receipt, or a list of sources, names somebody twice, or somebody who is no source, or more than there is; or a
        /// first commitment has one.
        BadReceipt,
        /// The deal takes on no more replicas: it is cancelled or has ended.
        DealIsEnding,
        /// Draws, deadlines or audits for the time in question are all taken: try again later.
        ChainIsFull,
    }

    #[pallet::call(weight = <T as Config>::WeightInfo)]
    impl<T: Config> Pallet<T> {
        /// Put the root of a sealed replica on-chain. `ticket` is the one it was sealed with. `receipt` is empty for a first
        /// upload; for a repair it says which source served how many pieces, which is what they are paid by, and which
        /// refused. No fee: authorized by `signature` over [`station_primitives::DutyStatement::Commit`].
        #[pallet::call_index(0)]
        #[pallet::weight((
            <T as Config>::WeightInfo::commit(u32::try_from(receipt.served.len()).unwrap_or(u32::MAX)),
            DispatchClass::Operational,
            Pays::No,
        ))]
        #[pallet::authorize(Pallet::<T>::authorize_commit)]
        #[pallet::weight_of_authorize(<T as Config>::WeightInfo::authorize_commit())]
        pub fn commit(
            origin: OriginFor<T>,
            provider: AccountId,
            replica: ReplicaId,
            ticket: Seed,
            comm_r: Commitment,
            receipt: Receipt,
            signature: sr25519::Signature,
        ) -> DispatchResult {
            ensure_authorized(origin)?;
            let _ = signature;
            Self::do_commit(provider, replica, ticket, comm_r, receipt)
        }

        /// Answer the seal check. A wrong proof for the right `seed` is taken, and costs the replica's collateral. No fee:
        /// authorized by `signature` over [`station_primitives::DutyStatement::ProveSeal`].
        #[pallet::call_index(1)]
        #[pallet::weight((<T as Config>::WeightInfo::prove_seal(), DispatchClass::Operational, Pays::No))]
        #[pallet::authorize(Pallet::<T>::authorize_prove_seal)]
        #[pallet::weight_of_authorize(<T as Config>::WeightInfo::authorize_prove_seal())]
        pub fn prove_seal(
            origin: OriginFor<T>,
            provider: AccountId,
            replica: ReplicaId,
            seed: Seed,
            proof: SealProof,
            signature: sr25519::Signature,
        ) -> DispatchResult {
            ensure_authorized(origin)?;
            let _ = signature;
            Self::do_prove_seal(provider, replica, seed, proof)
        }

        /// Answer audits that are due, at most [`station_primitives::MAX_ANSWERS`] of one provider. Each is judged by
        /// itself. No fee: authorized by `signature` over [`station_primitives::DutyStatement::Prove`].
        #[pallet::call_index(2)]
        #[pallet::weight((
            <T as Config>::WeightInfo::prove(u32::try_from(answers.len()).unwrap_or(u32::MAX)).saturating_add(
                <T as Config>::WeightInfo::verify_recomputed().saturating_mul(
                    u64::try_from(answers.iter().filter(|answer| !answer.proof.data.is_empty()).count())
                        .unwrap_or(u64::MAX),
                ),
            ),
            DispatchClass::Operational,
            Pays::No,
        ))]
        #[pallet::authorize(Pallet::<T>::authorize_prove)]
        #[pallet::weight_of_authorize(<T as Config>::WeightInfo::authorize_prove(
            u32::try_from(answers.len()).unwrap_or(u32::MAX),
        ))]
        pub fn prove(
            origin: OriginFor<T>,
            provider: AccountId,
            answers: Answers,
            signature: sr25519::Signature,
        ) -> DispatchResult {
            ensure_authorized(origin)?;
            let _ = signature;
            Self::do_prove(provider, answers)
        }

        /// Say that an active replica is not whole, before the audit of the tick `due` finds it: cheaper than being caught. No
        /// fee: authorized by `signature` over [`station_primitives::DutyStatement::ReportFault`].
        #[pallet::call_index(3)]
        #[pallet::weight((<T as Config>::WeightInfo::report_fault(), DispatchClass::Operational, Pays::No))]
        #[pallet::authorize(Pallet::<T>::authorize_report_fault)]
        #[pallet::weight_of_authorize(<T as Config>::WeightInfo::authorize_report_fault())]
        pub fn report_fault(
            origin: OriginFor<T>,
            provider: AccountId,
            replica: ReplicaId,
            due: Tick,
            signature: sr25519::Signature,
        ) -> DispatchResult {
            ensure_authorized(origin)?;
            let _ = signature;
            Self::do_report_fault(provider, replica, due)
        }

        /// Name the sources that do not serve what a repair needs: who does loses nothing when its time runs out. `ticket` is
        /// that of the assignment. No fee: authorized by `signature` over
        /// [`station_primitives::DutyStatement::NameSources`].
        #[pallet::call_index(4)]
        #[pallet::weight((
            <T as Config>::WeightInfo::name_sources(u32::try_from(sources.len()).unwrap_or(u32::MAX)),
            DispatchClass::Operational,
            Pays::No,
        ))]
        #[pallet::authorize(Pallet::<T>::authorize_name_sources)]
        #[pallet::weight_of_authorize(<T as Config>::WeightInfo::authorize_name_sources())]
        pub fn name_sources(
            origin: OriginFor<T>,
            provider: AccountId,
            replica: ReplicaId,
            ticket: Seed,
            sources: Accounts,
            signature: sr25519::Signature,
        ) -> DispatchResult {
            ensure_authorized(origin)?;
            let _ = signature;
            Self::do_name_sources(provider, replica, ticket, sources)
        }
    }

    #[pallet::hooks]
    impl<T: Config> Hooks<BlockNumberFor<T>> for Pallet<T> {
        fn on_initialize(_: BlockNumberFor<T>) -> Weight {
            Self::begin_block()
        }

        fn on_finalize(_: BlockNumberFor<T>) {
            Self::end_block();
        }

        fn integrity_test() {
            assert!(T::MaxPerBucket::get() >= 2, "half of a bucket is for new replicas");
            assert!(T::DrawsPerBlock::get() >= 8, "every kind of draw must move on in every block");
            assert!(T::SweepsPerBlock::get() >= 16, "every sweep must move on in every block");
            let draws = T::RepairDraws::get();
            assert!(draws >= 1 && draws <= u32::from(MAX_REPLICAS), "an order remembers whom it has tried");
            assert!(T::MaxFruitlessDraws::get() <= 16, "the delay between fruitless draws doubles each time");
        }
    }
}
