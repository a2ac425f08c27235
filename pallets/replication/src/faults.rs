//! Slashes: exactly one replica's collateral, each with its reason.

use crate::{health::Holder, ByProvider, Config, Event, Pallet, Phase, Replica};
use pallet_station_deals::Deals;
use station_primitives::{AccountId, HistoryEvent, Reason, ReplicaId, ShardState};

impl<T: Config> Pallet<T> {
    /// Take the replica's collateral and the replica from its provider.
    ///
    /// The part that stands for a replica is its repair's cost and the client's compensation, half each. With the shard
    /// below its minimum the client gets its half; what is not needed is burnt. A slot that has never been active is drawn
    /// again; one that has waits for a repair order.
    pub(crate) fn slash(id: ReplicaId, replica: &mut Replica, reason: Reason) {
        let Some(provider) = replica.provider.clone() else { return };
        let was_active = !matches!(replica.phase, Phase::Seal { .. });
        let vacant = Phase::Vacant { reason };
        let next = if was_active { vacant } else { Phase::Drawing };
        let what = (HistoryEvent::Slashed, Some(provider.clone()), reason);
        Self::note(id, next, Holder::Loses, Some(what));

        let amount = replica.collateral;
        let below = matches!(Self::shard_record(id.shard).state, ShardState::BelowMinimum | ShardState::Lost);
        let share = if below { amount / 2 } else { 0 };
        let compensation = Self::take_collateral(id, &provider, amount, share);
        replica.collateral = 0;
        Self::dismiss(id, replica);
        replica.phase = next;
        Self::deposit_event(Event::ReplicaSlashed { replica: id, provider, reason, amount, compensation });
        if !was_active {
            Self::redraw(id, replica, reason);
        }
    }

    fn take_collateral(id: ReplicaId, provider: &AccountId, amount: u128, share: u128) -> u128 {
        let client = Deals::<T>::get(id.shard.deal).map(|deal| deal.client);
        let (client, share) = client.map_or_else(|| (provider.clone(), 0), |client| (client, share));
        pallet_station_providers::Pallet::<T>::slash(provider, amount, &client, share).unwrap_or_else(|error| {
            log::error!(target: crate::LOG_TARGET, "collateral of {id} was not taken: {error:?}");
            0
        })
    }

    /// Take the replica from its provider: room and what is left of its collateral are free again.
    pub(crate) fn dismiss(id: ReplicaId, replica: &mut Replica) {
        if let Some(provider) = replica.provider.take() {
            pallet_station_providers::Pallet::<T>::free(&provider, Self::bytes_of(id), replica.collateral);
            ByProvider::<T>::remove(&provider, id.sort_key());
        }
        *replica = Replica {
            phase: replica.phase,
            draws: replica.draws,
            settled: replica.settled,
            spent: replica.spent,
            ..Replica::default()
        };
    }
}
