//! # Providers
//!
//! Who offers space, at what price, with what collateral, and whether it shows itself.
//!
//! ## Overview
//!
//! A provider is an account, the keystore key of its node. It registers with a capacity, prices, an address, an operator
//! group and a policy, and locks collateral. Deals draw providers by seed; what a provider may be given is bounded by its
//! free capacity and by the collateral that no replica occupies yet ([`selection`]).
//!
//! ## Terminology
//!
//! * **Collateral**: a hold ([`HoldReason::Collateral`]) on the provider's account, ledgered in [`Provider::collateral`].
//!   Each replica needs a part of it ([`Pallet::replica_collateral`]), summed in [`Provider::collateral_used`].
//! * **Short**: with less collateral than the parts of its replicas. Nothing is slashed for it.
//! * **Seized**: taken by a slash and set aside for the repair that it made necessary; still on hold, no longer the
//!   provider's ([`Seized`]).
//! * **Operator**: a declared group. Replicas of one shard never share one.
//! * **Heartbeat**: a signed statement, free of fees, that the node is there; draws pass over those that are silent.
//! * **Strike**: an assignment that was not fulfilled. Each halves the weight in draws; many mean a pause. They are forgotten
//!   one by one, with time and with assignments that are fulfilled ([`selection`]).
//! * **Proven bytes**: those of its active replicas; they weigh in draws, declared capacity alone does not.
//!
//! ## Lifecycle
//!
//! `register → (heartbeat | update)* → leave → deregister`, the last only with no replicas left.
//!
//! * `leave` is for good: nothing new is taken on, and the replication pallet hands the replicas over, each kept and paid
//!   until another holds it. `leave { forfeit: true }` gives them up at once: each is slashed.
//! * Collateral that a fine made short can be topped up (`update`) within `TopUpDays`. Past that, replicas are handed over until
//!   what there is covers the rest. Both kinds are listed in [`Departures`], from which they are worked off step by step.
//!
//! ## Money flow
//!
//! Collateral is held at registration, changed by `update`, released by `deregister`. The replication pallet *reserves* a
//! part for each replica, *frees* it when the replica ends without fault, *slashes* it on a fault (exactly that part),
//! *fines* a provider whose replica goes on, and *burns a deposit* when a first commitment came late. Nothing is ever sent to
//! a pot. What is taken goes down one way ([`Split`]), to the planck:
//!
//! ```text
//! taken  = min(part, collateral)
//! repair = min(what the repair may cost, taken)               stays on hold, pays the new provider and the sources
//! client = min(compensation, taken − repair)                  if its shard is below the minimum
//! burnt  = taken − repair − client
//! ```
//!
//! What a repair leaves of its share goes to the client on the same condition, or is burnt.
//!
//! ## Invariants (`Pallet::do_try_state`)
//!
//! 1. The registration list holds every provider once, and knows its place.
//! 2. `collateral` and what is seized are what the account has on hold; `collateral_used <= collateral` unless the record
//!    says since when it is not.
//! 3. `proven <= used <= capacity` is kept for what was assigned; a provider without replicas uses nothing.
//! 4. The sums in [`Totals`] are those of the records.
//! 5. Who leaves or is short is in [`Departures`], with its reason, and nobody else.
//!
//! ## Example
//!
//! ```ignore
//! Providers::register(
//!     RuntimeOrigin::signed(node), 100 << 30, TKT / 10, TKT / 100, b"/ip4/10.0.0.1/tcp/30333/p2p/12D3…".to_vec().try_into()?,
//!     operator, Policy::Open, 200 * TKT,
//! )?;
//! ```

#![cfg_attr(not(feature = "std"), no_std)]

extern crate alloc;

#[cfg(any(feature = "runtime-benchmarks", test))]
mod benchmarking;
mod collateral;
mod departures;
mod duty;
mod heartbeat;
mod queries;
mod registration;
pub mod selection;
mod slashes;
mod try_state;
mod types;
pub mod weights;

#[cfg(test)]
mod mock;
#[cfg(test)]
mod tests;

pub use duty::duty_signed_by;
pub use pallet::*;
pub use registration::MAX_SEED_BLOCKS;
pub use types::{Changes, Departure, Policy, Provider, Split, Strikes, Sums, Taken};
pub use weights::WeightInfo;

/// The log target.
pub const LOG_TARGET: &str = "station::providers";

/// The pallet.
#[frame_support::pallet]
// The derive of Encode casts the number of a variant; a call has as many arguments as it has.
#[allow(clippy::cast_possible_truncation, clippy::too_many_arguments)]
pub mod pallet {
    use super::*;
    use frame_support::{
        pallet_prelude::*,
        traits::fungible::{hold, Mutate},
    };
    use frame_system::pallet_prelude::*;
    use sp_core::sr25519;
    use station_primitives::{AccountId, Balance, BlockNumber, Hash, Price, Timing, MAX_MULTIADDR, MAX_NAMED};

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
        /// The least capacity to register, in bytes: below it a provider costs the chain more than it gives.
        #[pallet::constant]
        type MinCapacity: Get<u64>;
        /// The least collateral to register, in plancks: a registration that costs nothing would crowd the draws.
        #[pallet::constant]
        type MinCollateral: Get<Balance>;
        /// Collateral of a replica whatever its size, in plancks.
        #[pallet::constant]
        type CollateralBase: Get<Balance>;
        /// Collateral of a replica per GiB, in plancks.
        #[pallet::constant]
        type CollateralPerGib: Get<Balance>;
        /// The bytes with which a provider that has proven nothing takes part in draws.
        #[pallet::constant]
        type NewcomerBytes: Get<u64>;
        /// Heartbeat periods after which a silent provider is passed over in draws.
        #[pallet::constant]
        type SilentAfter: Get<u32>;
        /// Days in which collateral that has become short may be topped up.
        #[pallet::constant]
        type TopUpDays: Get<u32>;
        /// Weights of the calls.
        type WeightInfo: WeightInfo;
    }

    /// Why this pallet holds money.
    #[pallet::composite_enum]
    pub enum HoldReason {
        /// Collateral of a provider, for its replicas.
        Collateral,
    }

    /// The network's clock: genesis state, so that one runtime serves every network.
    #[pallet::storage]
    pub type Clock<T: Config> = StorageValue<_, Timing, ValueQuery>;

    /// The providers.
    #[pallet::storage]
    pub type Providers<T: Config> = StorageMap<_, Blake2_128Concat, AccountId, Provider>;

    /// The clients that a provider with [`Policy::Named`] serves.
    #[pallet::storage]
    pub type Friends<T: Config> =
        StorageMap<_, Blake2_128Concat, AccountId, BoundedVec<AccountId, ConstU32<MAX_NAMED>>, ValueQuery>;

    /// The providers by place, without gaps, so that a draw can pick any in one read. The last takes the place of one
    /// that leaves.
    #[pallet::storage]
    pub type ByPlace<T: Config> = StorageMap<_, Twox64Concat, u32, AccountId>;

    /// Providers whose replicas go elsewhere, each with why and from when on.
    #[pallet::storage]
    pub type Departures<T: Config> = StorageMap<_, Blake2_128Concat, AccountId, Departure>;

    /// What was slashed and set aside for repairs that are not over; on hold in the account of whoever lost it, registered
    /// or not.
    #[pallet::storage]
    pub type Seized<T: Config> = StorageMap<_, Blake2_128Concat, AccountId, Balance, ValueQuery>;

    /// Sums over all providers.
    #[pallet::storage]
    pub type Totals<T: Config> = StorageValue<_, Sums, ValueQuery>;

    /// Genesis: the clock.
    #[pallet::genesis_config]
    #[derive(frame_support::DefaultNoBound)]
    pub struct GenesisConfig<T: Config> {
        /// The network's clock.
        pub timing: Timing,
        #[serde(skip)]
        #[allow(missing_docs)]
        pub _config: core::marker::PhantomData<T>,
    }

    #[pallet::genesis_build]
    impl<T: Config> BuildGenesisConfig for GenesisConfig<T> {
        fn build(&self) {
            let problem = registration::clock_problem(&self.timing);
            assert!(problem.is_none(), "the chain specification's timing: {}", problem.unwrap_or_default());
            Clock::<T>::put(self.timing);
        }
    }

    /// What happened.
    #[pallet::event]
    #[pallet::generate_deposit(pub(crate) fn deposit_event)]
    pub enum Event<T: Config> {
        /// A provider registered.
        Registered {
            /// Its account.
            provider: AccountId,
            /// Declared bytes.
            capacity: u64,
            /// Plancks per GiB·day.
            price: Price,
            /// Plancks locked.
            collateral: Balance,
        },
        /// A provider changed its offer.
        Updated {
            /// Its account.
            provider: AccountId,
            /// Declared bytes now.
            capacity: u64,
            /// Plancks per GiB·day for assignments from now on.
            price: Price,
            /// Plancks locked now.
            collateral: Balance,
        },
        /// A provider left, and its collateral was released.
        Deregistered {
            /// Its account.
            provider: AccountId,
            /// Plancks released.
            released: Balance,
        },
        /// A provider showed itself.
        Heartbeat {
            /// Its account.
            provider: AccountId,
        },
        /// A part of the collateral was taken.
        CollateralSlashed {
            /// The provider.
            provider: AccountId,
            /// Plancks taken in all.
            amount: Balance,
            /// The part that is set aside for the repair.
            repair: Balance,
            /// The part that went to the client as compensation; the rest was burnt.
            compensation: Balance,
        },
        /// A provider leaves for good.
        Leaving {
            /// Its account.
            provider: AccountId,
            /// Replicas that it has.
            replicas: u32,
            /// Whether it gives them up at once, with their collateral.
            forfeit: bool,
        },
        /// A provider's collateral does not cover what its replicas need any more.
        CollateralShort {
            /// Its account.
            provider: AccountId,
            /// Plancks that are missing.
            missing: Balance,
            /// The block from which on its replicas are handed over, unless it has topped up.
            until: BlockNumber,
        },
        /// A provider's collateral covers its replicas again.
        CollateralRestored {
            /// Its account.
            provider: AccountId,
        },
        /// The provider's part of a deposit for an assignment that never arrived was burnt.
        DepositBurnt {
            /// The provider.
            provider: AccountId,
            /// Plancks burnt.
            amount: Balance,
        },
    }

    /// Why a call was refused.
    #[pallet::error]
    pub enum Error<T> {
        /// The account is registered already: use `update`.
        AlreadyRegistered,
        /// The account is not registered as a provider: use `register`.
        NotRegistered,
        /// The capacity is below `MinCapacity`, or below what is already assigned.
        CapacityTooSmall,
        /// The collateral is below `MinCollateral`, or below what replicas occupy.
        CollateralTooSmall,
        /// The address is empty or no text.
        BadMultiaddr,
        /// There are replicas left: `leave`, and wait until they have moved.
        HasReplicas,
        /// The provider is leaving already, and that is for good: deregister when its replicas have moved, and register again.
        AlreadyLeaving,
        /// More than was set aside for repairs. This should not happen: please report it.
        NotSeized,
        /// The collateral that is free does not cover another replica.
        CollateralExhausted,
        /// The declared capacity does not hold another replica.
        CapacityExhausted,
        /// The heartbeat is not due, or was made on a block too old or in the future.
        HeartbeatNotDue,
    }

    #[pallet::call(weight = <T as Config>::WeightInfo)]
    impl<T: Config> Pallet<T> {
        /// Offer space. Signed by the node's own account, whose key signs its duties.
        ///
        /// `capacity` in bytes; `price` in plancks per GiB·day, zero allowed; `retrieval_price` in plancks per GiB served;
        /// `multiaddr` with peer id, in text; `collateral` in plancks, held.
        #[pallet::call_index(0)]
        #[allow(clippy::too_many_arguments)]
        pub fn register(
            origin: OriginFor<T>,
            capacity: u64,
            price: Price,
            retrieval_price: Price,
            multiaddr: BoundedVec<u8, ConstU32<MAX_MULTIADDR>>,
            operator: [u8; 32],
            policy: Policy,
            collateral: Balance,
        ) -> DispatchResult {
            let who = ensure_signed(origin)?;
            Self::do_register(who, capacity, price, retrieval_price, multiaddr, operator, policy, collateral)
        }

        /// Change the offer; what is `None` stays. Replicas held already keep their price and their operator.
        #[pallet::call_index(1)]
        #[allow(clippy::too_many_arguments)]
        pub fn update(
            origin: OriginFor<T>,
            capacity: Option<u64>,
            price: Option<Price>,
            retrieval_price: Option<Price>,
            multiaddr: Option<BoundedVec<u8, ConstU32<MAX_MULTIADDR>>>,
            operator: Option<[u8; 32]>,
            policy: Option<Policy>,
            collateral: Option<Balance>,
            accepting: Option<bool>,
        ) -> DispatchResult {
            let who = ensure_signed(origin)?;
            let changes =
                Changes { capacity, price, retrieval_price, multiaddr, operator, policy, collateral, accepting };
            Self::do_update(who, changes)
        }

        /// Be forgotten, and have the collateral back; refused while there are replicas.
        #[pallet::call_index(2)]
        pub fn deregister(origin: OriginFor<T>) -> DispatchResult {
            let who = ensure_signed(origin)?;
            Self::do_deregister(who)
        }

        /// Show that the node is there. No fee: authorized by `signature` over
        /// [`station_primitives::DutyStatement::Heartbeat`] with `block`, a recent block's number.
        #[pallet::call_index(3)]
        #[pallet::weight((<T as Config>::WeightInfo::heartbeat(), DispatchClass::Operational, Pays::No))]
        #[pallet::authorize(Pallet::<T>::authorize_heartbeat)]
        #[pallet::weight_of_authorize(<T as Config>::WeightInfo::authorize_heartbeat())]
        pub fn heartbeat(
            origin: OriginFor<T>,
            provider: AccountId,
            block: BlockNumber,
            signature: sr25519::Signature,
        ) -> DispatchResult {
            ensure_authorized(origin)?;
            let _ = signature;
            Self::do_heartbeat(provider, block)
        }

        /// Leave for good: take on nothing new, and have all replicas handed over, each kept and paid until another provider
        /// holds it; then `deregister`. With `forfeit`, give them up at once, and lose their collateral.
        #[pallet::call_index(4)]
        pub fn leave(origin: OriginFor<T>, forfeit: bool) -> DispatchResult {
            let who = ensure_signed(origin)?;
            Self::do_leave(who, forfeit)
        }
    }
}
