//! Providers that go: their replicas are handed over, or taken from them, a bounded number in each block.
//!
//! The sweep goes round the list of those that go, and through the replicas of each. What it opened orders for stays with its
//! holder until they are delivered; it comes by again for the rest.

use crate::{ByProvider, Config, DepartureSweep, Departures, Orders, Pallet, Phase, Replica, Replicas};
use pallet_station_providers::{Departure, Providers};
use station_primitives::{AccountId, BlockNumber, HistoryEvent, Reason, ReplicaId};

impl<T: Config> Pallet<T> {
    /// Go on with the replicas of providers that go, at most `most` steps; returns how many there were,
    /// with those for the orders that were opened beside their own.
    pub(crate) fn sweep_departures(now: BlockNumber, most: u32) -> u32 {
        let mut sweep = Departures::<T>::get();
        let mut done = 0;
        while done < most {
            done = done.saturating_add(1);
            sweep = match sweep {
                None => Self::next_to_go(None),
                Some(sweep) => Self::sweep_one(now, sweep, &mut done),
            };
            // The end of the list: whatever is there to be done again waits for the next block.
            if sweep.is_none() {
                break;
            }
        }
        if done > 0 {
            Departures::<T>::set(sweep);
        }
        // One step is that of finding nobody, which is part of every block.
        done.saturating_sub(1)
    }

    fn next_to_go(after: Option<&AccountId>) -> Option<DepartureSweep> {
        let (provider, _) = pallet_station_providers::Pallet::<T>::next_departure(after)?;
        Some(DepartureSweep { provider, after: None, covered: 0 })
    }

    /// Look at one replica, or go on to the next provider.
    fn sweep_one(now: BlockNumber, mut sweep: DepartureSweep, done: &mut u32) -> Option<DepartureSweep> {
        let departure = pallet_station_providers::Departures::<T>::get(&sweep.provider);
        let Some(departure) = departure.filter(|departure| departure.from <= now) else {
            return Self::next_to_go(Some(&sweep.provider));
        };
        let mut keys = match sweep.after {
            Some(id) => {
                let after = ByProvider::<T>::hashed_key_for(&sweep.provider, id.sort_key());
                ByProvider::<T>::iter_key_prefix_from(&sweep.provider, after)
            }
            None => ByProvider::<T>::iter_key_prefix(&sweep.provider),
        };
        let Some(id) = keys.next().map(ReplicaId::from_sort_key) else {
            return Self::next_to_go(Some(&sweep.provider));
        };
        *done = done.saturating_add(Self::leave_replica(id, &mut sweep, departure));
        sweep.after = Some(id);
        Some(sweep)
    }

    /// What becomes of one replica of a provider that goes; returns how many orders of others of its shard that opened.
    fn leave_replica(id: ReplicaId, sweep: &mut DepartureSweep, departure: Departure) -> u32 {
        let Some(mut replica) = Replicas::<T>::get(id) else { return 0 };
        let forfeit = departure.reason == Reason::LeftEarly;
        if replica.provider.as_ref() != Some(&sweep.provider) {
            // It was drawn for an order. One that is short finishes what it has begun.
            if departure.reason != Reason::Undercollateralized {
                if let Some(order) = Orders::<T>::get(id) {
                    Self::candidate_goes(id, order, forfeit);
                }
            }
            return 0;
        }
        match (departure.reason, replica.phase) {
            (Reason::LeftEarly, Phase::Commit { .. }) => Self::give_up_assignment(id, replica),
            (Reason::LeftEarly, _) => {
                if let Some(due) = replica.phase.due() {
                    Self::unplace(id, due);
                }
                let opened = Self::slash(id, &mut replica, Reason::LeftEarly);
                Replicas::<T>::insert(id, replica);
                return opened;
            }
            // What has not been proven yet is: it can be handed over only then.
            (Reason::Leaving, Phase::Keep { .. } | Phase::Late { .. } | Phase::Reported { .. }) => {
                Self::open_order(id, Reason::Leaving);
            }
            (Reason::Undercollateralized, Phase::Keep { .. }) => Self::relieve(id, &replica, sweep),
            _ => {}
        }
        0
    }

    /// Have as many replicas of a provider handed over as its collateral does not cover.
    fn relieve(id: ReplicaId, replica: &Replica, sweep: &mut DepartureSweep) {
        let missing = Providers::<T>::get(&sweep.provider)
            .map_or(0, |record| pallet_station_providers::Pallet::<T>::shortage(&record));
        let ordered = match Orders::<T>::get(id) {
            Some(order) => order.is_handover(),
            None => sweep.covered < missing && Self::open_order(id, Reason::Undercollateralized),
        };
        if ordered {
            sweep.covered = sweep.covered.saturating_add(replica.collateral);
        }
    }

    /// An assignment whose provider gives it up: the fault is plain, so the client's deposit is not touched.
    fn give_up_assignment(id: ReplicaId, mut replica: Replica) {
        let Some(provider) = replica.provider.clone() else { return };
        let deposit = pallet_station_deals::Pallet::<T>::assignment_deposit(Self::bytes_of(id)).min(replica.collateral);
        match pallet_station_providers::Pallet::<T>::burn_deposit(&provider, replica.collateral, deposit) {
            Ok(left) => replica.collateral = left,
            Err(error) => log::error!(target: crate::LOG_TARGET, "the deposit of {id} was not burnt: {error:?}"),
        }
        let what = (HistoryEvent::Released, Some(provider), Reason::LeftEarly);
        Self::dismiss(id, &mut replica);
        Self::note(id, Phase::Drawing, crate::health::Holder::Loses, Some(what));
        Self::redraw(id, &mut replica, Reason::LeftEarly);
        Replicas::<T>::insert(id, replica);
    }
}
