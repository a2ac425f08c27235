//! Register, change, leave.

use crate::{
    ByPlace, Changes, Clock, Config, Departures, Error, Event, Friends, HoldReason, Pallet, Policy, Provider,
    Providers, Strikes, Totals,
};
use alloc::string::{String, ToString};
use frame_support::{
    ensure,
    traits::{fungible::hold::Mutate, tokens::Precision, ConstU32, Get},
    BoundedVec,
};
use sp_runtime::DispatchResult;
use station_primitives::{AccountId, Balance, Price, Timing, MAX_MULTIADDR};

/// The most blocks whose VRF outputs make a seed, and so the most that the chain remembers.
pub const MAX_SEED_BLOCKS: u32 = 64;

/// What is wrong with a clock, if anything: challenges of one replica must never overlap.
pub(crate) fn clock_problem(timing: &Timing) -> Option<String> {
    let challenge =
        timing.seed_blocks.saturating_add(timing.answer_window).saturating_add(timing.grace).saturating_add(2);
    if timing.slot_ms == 0 || timing.heartbeat == 0 || timing.answer_window == 0 {
        Some("slot_ms, heartbeat and answer_window must not be zero".to_string())
    } else if timing.seed_blocks == 0 || timing.seed_blocks > MAX_SEED_BLOCKS {
        Some(alloc::format!("seed_blocks must be 1 ..= {MAX_SEED_BLOCKS}"))
    } else if timing.period <= challenge {
        Some(alloc::format!(
            "the period, {}, must exceed seed_blocks + answer_window + grace + 2 = {challenge}, or a replica would owe two answers at once",
            timing.period
        ))
    } else {
        None
    }
}

impl<T: Config> Get<Timing> for Pallet<T> {
    fn get() -> Timing {
        Clock::<T>::get()
    }
}

impl<T: Config> Pallet<T> {
    /// The network's clock.
    pub fn timing() -> Timing {
        Clock::<T>::get()
    }

    #[allow(clippy::too_many_arguments)]
    pub(crate) fn do_register(
        who: AccountId,
        capacity: u64,
        price: Price,
        retrieval_price: Price,
        multiaddr: BoundedVec<u8, ConstU32<MAX_MULTIADDR>>,
        operator: [u8; 32],
        policy: Policy,
        collateral: Balance,
    ) -> DispatchResult {
        ensure!(!Providers::<T>::contains_key(&who), Error::<T>::AlreadyRegistered);
        ensure!(capacity >= T::MinCapacity::get(), Error::<T>::CapacityTooSmall);
        ensure!(collateral >= T::MinCollateral::get(), Error::<T>::CollateralTooSmall);
        Self::check_multiaddr(&multiaddr)?;
        T::Currency::hold(&HoldReason::Collateral.into(), &who, collateral)?;

        let now = Self::now();
        let place = Totals::<T>::mutate(|sums| {
            let place = sums.providers;
            sums.providers = sums.providers.saturating_add(1);
            sums.capacity = sums.capacity.saturating_add(capacity);
            sums.collateral = sums.collateral.saturating_add(collateral);
            place
        });
        ByPlace::<T>::insert(place, &who);
        let friends_only = Self::set_policy(&who, policy);
        let record = Provider {
            capacity,
            used: 0,
            proven: 0,
            price,
            retrieval_price,
            multiaddr,
            operator,
            friends_only,
            accepting: true,
            collateral,
            collateral_used: 0,
            earned: 0,
            replicas: 0,
            late_commitments: 0,
            leaving: false,
            short_since: None,
            strikes: Strikes::default(),
            last_seen: now,
            last_beat: 0,
            since: now,
            place,
        };
        Providers::<T>::insert(&who, record);
        Self::deposit_event(Event::Registered { provider: who, capacity, price, collateral });
        Ok(())
    }

    pub(crate) fn do_update(who: AccountId, changes: Changes) -> DispatchResult {
        let mut record = Providers::<T>::get(&who).ok_or(Error::<T>::NotRegistered)?;
        ensure!(!(record.leaving && changes.accepting == Some(true)), Error::<T>::AlreadyLeaving);
        if let Some(capacity) = changes.capacity {
            ensure!(capacity >= T::MinCapacity::get() && capacity >= record.used, Error::<T>::CapacityTooSmall);
            Totals::<T>::mutate(|sums| {
                sums.capacity = sums.capacity.saturating_sub(record.capacity).saturating_add(capacity);
            });
            record.capacity = capacity;
        }
        if let Some(collateral) = changes.collateral {
            Self::set_collateral(&who, &mut record, collateral)?;
        }
        if let Some(multiaddr) = changes.multiaddr {
            Self::check_multiaddr(&multiaddr)?;
            record.multiaddr = multiaddr;
        }
        if let Some(policy) = changes.policy {
            record.friends_only = Self::set_policy(&who, policy);
        }
        record.price = changes.price.unwrap_or(record.price);
        record.retrieval_price = changes.retrieval_price.unwrap_or(record.retrieval_price);
        record.operator = changes.operator.unwrap_or(record.operator);
        record.accepting = changes.accepting.unwrap_or(record.accepting);
        Self::deposit_event(Event::Updated {
            provider: who.clone(),
            capacity: record.capacity,
            price: record.price,
            collateral: record.collateral,
        });
        Providers::<T>::insert(&who, record);
        Ok(())
    }

    pub(crate) fn do_deregister(who: AccountId) -> DispatchResult {
        let record = Providers::<T>::get(&who).ok_or(Error::<T>::NotRegistered)?;
        ensure!(record.replicas == 0, Error::<T>::HasReplicas);
        T::Currency::release(&HoldReason::Collateral.into(), &who, record.collateral, Precision::Exact)?;
        let last = Totals::<T>::mutate(|sums| {
            sums.providers = sums.providers.saturating_sub(1);
            sums.capacity = sums.capacity.saturating_sub(record.capacity);
            sums.collateral = sums.collateral.saturating_sub(record.collateral);
            sums.providers
        });
        // The last of the list takes the free place, so that the list stays without gaps.
        if let Some(moved) = ByPlace::<T>::take(last) {
            if moved != who {
                ByPlace::<T>::insert(record.place, &moved);
                Providers::<T>::mutate(&moved, |other| {
                    if let Some(other) = other {
                        other.place = record.place;
                    }
                });
            }
        }
        Providers::<T>::remove(&who);
        Friends::<T>::remove(&who);
        Departures::<T>::remove(&who);
        Self::deposit_event(Event::Deregistered { provider: who, released: record.collateral });
        Ok(())
    }

    /// Store the policy; returns whether it names clients.
    fn set_policy(who: &AccountId, policy: Policy) -> bool {
        match policy {
            Policy::Open => {
                Friends::<T>::remove(who);
                false
            }
            Policy::Named(clients) => {
                Friends::<T>::insert(who, clients);
                true
            }
        }
    }

    /// An address is text that starts like a multiaddress; whether anybody listens there, the network finds out.
    fn check_multiaddr(multiaddr: &[u8]) -> DispatchResult {
        let is_text = multiaddr.iter().all(|byte| byte.is_ascii_graphic());
        ensure!(multiaddr.first() == Some(&b'/') && is_text, Error::<T>::BadMultiaddr);
        Ok(())
    }
}
