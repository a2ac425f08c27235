//! # Deals
//!
//! What clients order and pay for: shards, how many replicas of each, for how long, at what price at most.
//!
//! ## Overview
//!
//! A deal lists the roots of its shards. Its escrow, for the whole term and with all fees, is held from the client's
//! account at submission; the replication pallet draws providers, watches their proofs and has each proven period paid
//! out of the escrow here. This pallet owns the money of clients; it knows nothing of proofs, ticks or draws, which it
//! reaches through [`ReplicaScheduler`].
//!
//! ## Terminology
//!
//! * **Slot**: the place of one replica of one shard. Escrow is counted by slots: [`Costs::slot`].
//! * **Term**: until the tick [`Deal::expires`]: an allowance for getting started and `periods` proving periods.
//! * **Settlement**: the end of one audit of one replica, answered or not. At most `periods` a slot are paid.
//! * **Open slot**: one that may still cost something: neither failed to the client nor ended with the deal.
//! * **Repair reserve**: the part of a slot's escrow that pays for making a lost replica anew: one repair for every
//!   `RepairEveryDays` of the term that has started, and never two within so many days ([`Pallet::repair_budget`]).
//! * **Memo**: bytes that a client keeps with its deal for itself, encrypted, to find its way back to the content. Always
//!   of one length, so that lengths of names do not show; or none.
//!
//! ## Lifecycle
//!
//! `submit_deal → (extend | transfer | cancel)* → expiry → sweep → gone`. A deal is swept by bounded work after its term;
//! audits that fell due within the term are settled first. `extend` adds periods, and repairs for the days that they start.
//! `cancel` sets the end two periods ahead: the running period and one more, paid as ever against proof, and no new replica
//! is taken on and no repair paid. The remainder of the escrow is released with the last slot, and of a cancelled deal all
//! but those periods at once. `transfer` gives a deal away with its escrow, and without its memo: whoever gets it could not
//! read it.
//!
//! ## Money flow
//!
//! All numbers are plancks, all divisions floors, and what a floor leaves is burnt, never lost:
//!
//! ```text
//! pay        = floor(min(price, max price) × bytes × period / (GiB × blocks a day))
//! provider   = floor(pay × (10^6 − burnt share − admins' share) / 10^6)     → `earned`
//! admins     = floor(pay × admins' share / 10^6)                            → the block's author
//! burnt      = pay − provider − admins
//! charge     = ProofCharge, burnt with every accepted proof, even at price zero
//! fee        = OnboardingFee, to the provider, with every commitment
//! deposit    = ceil(AssignmentDeposit × bytes / GiB × seconds to commit / 3600), burnt from both sides when a first
//!              commitment comes late
//! repair     = fee + ceil(RepairServedPrice × bytes / GiB), to the new provider and the sources that served it
//! reserve    = repair × ceil(periods / periods in RepairEveryDays)
//! escrow     = slots × (periods × (pay at max price + charge) + draws × (fee + deposit) + reserve)
//! ```
//!
//! A repair is paid out of what was slashed first, and only then out of the reserve. When a shard falls below its minimum,
//! its client is compensated out of the slash; what it got is written down with the shard.
//!
//! ## Invariants (`Pallet::do_try_state`)
//!
//! 1. The sum of a client's escrows is what its account has on hold for them.
//! 2. Every deal is listed under its client, and nothing else is.
//! 3. A deal's open slots are those of its shards; shards without a deal do not exist.
//! 4. No slot was given more for repairs than was kept for them.
//! 5. Every memo is of the one length, and its deal exists.
//!
//! ## Example
//!
//! ```ignore
//! // Two shards, three replicas each, for 180 periods, at no more than 0.1 TKT per GiB·day.
//! let shards = vec![(comm_d_0, class), (comm_d_1, class)].try_into()?;
//! Deals::submit_deal(RuntimeOrigin::signed(client), shards, 3, 180, TKT / 10, Placement::Any, memo)?;
//! ```

#![cfg_attr(not(feature = "std"), no_std)]

extern crate alloc;

#[cfg(any(feature = "runtime-benchmarks", test))]
mod benchmarking;
mod changes;
mod ending;
mod escrow;
mod queries;
mod reserve;
mod submission;
mod try_state;
mod types;
pub mod weights;

#[cfg(test)]
mod mock;
#[cfg(test)]
mod tests;

pub use pallet::*;
pub use types::{Costs, Deal, Paid, Placement, PlacementKind, ReplicaScheduler, ShardSpec, SlotRepairs, Sums};
pub use weights::WeightInfo;

/// The log target.
pub const LOG_TARGET: &str = "station::deals";

/// The pallet.
#[frame_support::pallet]
// The derive of Encode casts the number of a variant.
#[allow(clippy::cast_possible_truncation)]
pub mod pallet {
    use super::*;
    use frame_support::{
        pallet_prelude::*,
        traits::fungible::{hold, Mutate},
    };
    use frame_system::pallet_prelude::*;
    use sp_runtime::Permill;
    use station_porep::SizeClass;
    use station_primitives::{
        AccountId, Balance, Commitment, DealId, Hash, Price, ReplicaId, ShardId, Tick, Timing, MAX_NAMED, MAX_SHARDS,
        MEMO_BYTES,
    };

    /// What a client writes down with a deal: nothing, or exactly [`MEMO_BYTES`].
    pub type Memo = BoundedVec<u8, ConstU32<MEMO_BYTES>>;

    /// The version of this pallet's storage.
    pub const STORAGE_VERSION: StorageVersion = StorageVersion::new(1);

    /// The pallet.
    #[pallet::pallet]
    #[pallet::storage_version(STORAGE_VERSION)]
    pub struct Pallet<T>(_);

    /// What the pallet needs from the runtime.
    #[pallet::config]
    pub trait Config:
        frame_system::Config<AccountId = AccountId, Hash = Hash, RuntimeEvent: From<Event<Self>>>
    {
        /// Tickets.
        type Currency: Mutate<AccountId, Balance = Balance>
            + hold::Mutate<AccountId, Balance = Balance, Reason = Self::RuntimeHoldReason>;
        /// The runtime's reasons for holds.
        type RuntimeHoldReason: From<HoldReason>;
        /// The network's clock.
        type Timing: Get<Timing>;
        /// Who draws providers and ends replicas: the replication pallet.
        type Scheduler: ReplicaScheduler;
        /// Who earns the admins' share: the author of the block. With none, the share is burnt.
        type AdminsShareTo: Get<Option<AccountId>>;
        /// The share of every pay that is burnt; exceeds [`Config::AdminsShare`].
        #[pallet::constant]
        type BurntShare: Get<Permill>;
        /// The share of every pay that goes to the admins.
        #[pallet::constant]
        type AdminsShare: Get<Permill>;
        /// Plancks burnt with every accepted proof: proofs cost block space, so small shards pay their way.
        #[pallet::constant]
        type ProofCharge: Get<Balance>;
        /// Plancks that a commitment earns its provider.
        #[pallet::constant]
        type OnboardingFee: Get<Balance>;
        /// Plancks per GiB·hour of the assignment deposit.
        #[pallet::constant]
        type AssignmentDeposit: Get<Balance>;
        /// The most that a repair pays its sources, in plancks per GiB served.
        #[pallet::constant]
        type RepairServedPrice: Get<Balance>;
        /// Days for which escrow keeps one repair of each slot, and in which it pays at most one.
        #[pallet::constant]
        type RepairEveryDays: Get<u32>;
        /// How often a provider is drawn for one slot before it fails to the client: the first draw and the redraws.
        #[pallet::constant]
        type MaxDraws: Get<u32>;
        /// The longest term of one deal, in periods; a bound on the arithmetic, not on how often it is extended.
        #[pallet::constant]
        type MaxPeriods: Get<u32>;
        /// Weights of the calls.
        type WeightInfo: WeightInfo;
    }

    /// Why this pallet holds money.
    #[pallet::composite_enum]
    pub enum HoldReason {
        /// Escrow of a deal.
        Escrow,
    }

    /// The number of the next deal.
    #[pallet::storage]
    pub type NextDeal<T: Config> = StorageValue<_, DealId, ValueQuery>;

    /// The deals that have not ended.
    #[pallet::storage]
    pub type Deals<T: Config> = StorageMap<_, Twox64Concat, DealId, Deal>;

    /// Their shards.
    #[pallet::storage]
    pub type Shards<T: Config> = StorageMap<_, Twox64Concat, ShardId, ShardSpec>;

    /// The providers that a client chose for a deal.
    #[pallet::storage]
    pub type Chosen<T: Config> =
        StorageMap<_, Twox64Concat, DealId, BoundedVec<AccountId, ConstU32<MAX_NAMED>>, ValueQuery>;

    /// What clients wrote down with their deals.
    #[pallet::storage]
    pub type Memos<T: Config> = StorageMap<_, Twox64Concat, DealId, Memo, ValueQuery>;

    /// The deals of a client, by [`DealId::sort_key`], so that a page comes in order. Numbers are given by the chain, so
    /// nobody can unbalance the trie with them.
    #[pallet::storage]
    pub type ByClient<T: Config> = StorageDoubleMap<_, Blake2_128Concat, AccountId, Identity, [u8; 8], (), OptionQuery>;

    /// Sums over all deals.
    #[pallet::storage]
    pub type Totals<T: Config> = StorageValue<_, Sums, ValueQuery>;

    /// What happened.
    #[pallet::event]
    #[pallet::generate_deposit(pub(crate) fn deposit_event)]
    pub enum Event<T: Config> {
        /// A deal was submitted, and its escrow is held.
        DealSubmitted {
            /// Its number.
            deal: DealId,
            /// Who pays.
            client: AccountId,
            /// How many shards it has.
            shards: u32,
            /// Replicas of each.
            replicas: u8,
            /// Bytes of all shards.
            bytes: u64,
            /// Plancks held.
            escrow: Balance,
            /// The tick at which its term ends.
            expires: Tick,
        },
        /// A deal's term was lengthened.
        DealExtended {
            /// Its number.
            deal: DealId,
            /// Periods added.
            periods: u32,
            /// Plancks held for them.
            added: Balance,
            /// The tick at which its term ends now.
            expires: Tick,
        },
        /// A deal was cancelled: it ends after the running period and one more.
        DealCancelled {
            /// Its number.
            deal: DealId,
            /// The tick at which its term ends now.
            expires: Tick,
            /// Plancks released at once.
            released: Balance,
        },
        /// A deal has a new client, who owns its escrow.
        DealTransferred {
            /// Its number.
            deal: DealId,
            /// Who paid so far.
            from: AccountId,
            /// Who pays from now on.
            to: AccountId,
        },
        /// Nobody was found for a slot: its part of the escrow was released.
        SlotReleased {
            /// The shard.
            shard: ShardId,
            /// Plancks released.
            released: Balance,
        },
        /// The escrow paid for a repair.
        RepairPaid {
            /// The slot.
            replica: ReplicaId,
            /// Plancks paid, to the new provider and its sources.
            amount: Balance,
        },
        /// A client was paid out of a slash, because a shard of it is below its minimum.
        Compensated {
            /// The shard.
            shard: ShardId,
            /// Its client.
            client: AccountId,
            /// Plancks paid.
            amount: Balance,
        },
        /// A deal is over, and what was left of its escrow was released.
        DealEnded {
            /// Its number.
            deal: DealId,
            /// Its client.
            client: AccountId,
            /// Plancks spent over its whole life.
            spent: Balance,
            /// Plancks released now.
            released: Balance,
        },
    }

    /// Why a call was refused.
    #[pallet::error]
    pub enum Error<T> {
        /// A deal needs at least one shard.
        NoShards,
        /// Ask for 3 to 16 replicas; 2 only with providers of your own choice.
        BadReplicaCount,
        /// Ask for at least one period and at most `MaxPeriods`.
        BadTerm,
        /// The list of providers is empty, has duplicates, or is shorter than the replicas asked for without a fallback.
        BadPlacement,
        /// A memo is empty or has exactly `MEMO_BYTES` bytes: pad it.
        BadMemo,
        /// Price × size × term is more than there can be.
        Overflow,
        /// The account does not have the escrow free: see the quote, lower price, term or replicas.
        CannotAffordEscrow,
        /// There is no such deal; it may have ended.
        UnknownDeal,
        /// There is no such shard.
        UnknownShard,
        /// The deal belongs to another client.
        NotYourDeal,
        /// The deal is cancelled or has ended.
        DealIsEnding,
        /// The account cannot receive the deal: it must exist, and be another one.
        BadRecipient,
        /// The escrow does not cover what is due. It always should: please report this.
        EscrowExhausted,
    }

    #[pallet::call(weight = <T as Config>::WeightInfo)]
    impl<T: Config> Pallet<T> {
        /// Order `replicas` replicas of each shard (root and size class) for `periods` proving periods, at no more than
        /// `max_price` plancks per GiB·day and replica. The escrow is held at once; [`Event::DealSubmitted`] names the deal.
        /// `memo` is the client's own, empty or of [`MEMO_BYTES`] bytes: everybody can read it, so encrypt it.
        #[pallet::call_index(0)]
        #[pallet::weight({
            let (count, each) = (u32::try_from(shards.len()).unwrap_or(u32::MAX), u32::from(*replicas));
            <T as Config>::WeightInfo::submit_deal(count, each).saturating_add(Pallet::<T>::deletion_weight(count, each))
        })]
        #[allow(clippy::too_many_arguments)]
        pub fn submit_deal(
            origin: OriginFor<T>,
            shards: BoundedVec<(Commitment, SizeClass), ConstU32<MAX_SHARDS>>,
            replicas: u8,
            periods: u32,
            max_price: Price,
            placement: Placement<AccountId>,
            memo: Memo,
        ) -> DispatchResult {
            let client = ensure_signed(origin)?;
            Self::do_submit(client, shards, replicas, periods, max_price, placement, memo).map(|_| ())
        }

        /// Lengthen the term by `periods`, at the deal's price. The escrow for it is held at once.
        #[pallet::call_index(1)]
        pub fn extend(origin: OriginFor<T>, deal: DealId, periods: u32) -> DispatchResult {
            let client = ensure_signed(origin)?;
            Self::do_extend(client, deal, periods)
        }

        /// End the deal after the running period and one more.
        #[pallet::call_index(2)]
        pub fn cancel(origin: OriginFor<T>, deal: DealId) -> DispatchResult {
            let client = ensure_signed(origin)?;
            Self::do_cancel(client, deal)
        }

        /// Give the deal, with its escrow, to another account.
        #[pallet::call_index(3)]
        pub fn transfer(origin: OriginFor<T>, deal: DealId, to: AccountId) -> DispatchResult {
            let client = ensure_signed(origin)?;
            Self::do_transfer(client, deal, to)
        }
    }

    impl<T: Config> Pallet<T> {
        /// What deleting a deal's records will cost, prepaid by its submission: two of each shard, one of each slot.
        pub(crate) fn deletion_weight(shards: u32, replicas: u32) -> Weight {
            let (shards, replicas) = (u64::from(shards), u64::from(replicas));
            T::DbWeight::get().writes(shards.saturating_mul(replicas.saturating_add(2)))
        }
    }

    #[pallet::hooks]
    impl<T: Config> Hooks<BlockNumberFor<T>> for Pallet<T> {
        fn integrity_test() {
            assert!(T::BurntShare::get() > T::AdminsShare::get(), "the burnt share exceeds the admins' share");
            let shares = T::BurntShare::get().deconstruct().saturating_add(T::AdminsShare::get().deconstruct());
            assert!(shares <= Permill::one().deconstruct(), "shares are parts of a whole");
            assert!(T::MaxDraws::get() >= 1, "a slot that is never drawn never fills");
            assert!(T::RepairEveryDays::get() >= 1, "a reserve for no time at all would be without bound");
        }
    }
}
