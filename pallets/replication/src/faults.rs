//! Faults: slashes, each of exactly one replica's collateral and with its reason, and faults that holders report themselves.

use crate::{health::Holder, ByProvider, Config, Error, Event, Orders, Pallet, Phase, Replica, Replicas};
use frame_support::{ensure, traits::Get};
use pallet_station_providers::Split;
use sp_runtime::DispatchResult;
use station_primitives::{AccountId, HistoryEvent, Reason, ReplicaId, Tick};

impl<T: Config> Pallet<T> {
    /// Take the replica's collateral and the replica from its provider.
    ///
    /// The part that stands for a replica is its repair's cost and the client's compensation. The repair comes first; with
    /// the shard below its minimum the client gets up to a half; what is not needed is burnt. A slot that has never been
    /// active is drawn again; one that has gets a repair order. Returns how many orders of others of the shard that opened or
    /// moved.
    pub(crate) fn slash(id: ReplicaId, replica: &mut Replica, reason: Reason) -> u32 {
        let Some(provider) = replica.provider.clone() else { return 0 };
        let before = Self::shard_record(id.shard).state;
        let first = matches!(replica.phase, Phase::Seal { .. }) && !replica.repair;
        if matches!(replica.phase, Phase::Keep { .. }) {
            pallet_station_providers::Pallet::<T>::note_proven(&provider, Self::bytes_of(id), false);
        }
        replica.phase = if first { Phase::Drawing } else { Phase::Vacant { reason } };
        let what = (HistoryEvent::Slashed, Some(provider.clone()), reason);
        Self::note(id, replica.phase, Holder::Loses, Some(what));
        if !first {
            if Orders::<T>::contains_key(id) {
                // Its holder is gone: whatever it was opened for, it is for a lost replica now.
                Self::promote_order(id, Some(reason));
            } else {
                Self::open_order(id, reason);
            }
        }

        let mut order = Orders::<T>::get(id);
        let repair = order.as_ref().map_or(0, |order| Self::lacks(id, order));
        let client = if Self::is_failing(id.shard) { replica.collateral / 2 } else { 0 };
        let account = Self::client_of(id, &provider);
        let taken = Self::seize(id, replica, &provider, Split { repair, client }, &account, reason);
        if let Some(order) = &mut order {
            Self::set_aside(order, &provider, taken);
            Orders::<T>::insert(id, order);
        }
        Self::dismiss(id, replica);
        let opened = if first {
            Self::redraw(id, replica, reason);
            0
        } else {
            Self::open_urgent(id.shard, reason)
        };
        Self::say_if_lost(id.shard, before);
        opened
    }

    /// The replica, if its holder can report a fault of it now: before the audit that would find it is open.
    pub(crate) fn report_due(provider: &AccountId, id: ReplicaId, due: Tick) -> Result<Replica, Error<T>> {
        let replica = Self::replica_of(provider, id)?;
        ensure!(replica.phase == (Phase::Keep { due }), Error::<T>::NotDue);
        ensure!(Self::challenge(due).is_none(), Error::<T>::NotDue);
        Ok(replica)
    }

    /// Not live and not paid until the next audit is answered. A share of the replica's collateral is taken: to the client
    /// if the shard is below its minimum, and burnt otherwise.
    pub(crate) fn do_report_fault(provider: AccountId, id: ReplicaId, due: Tick) -> DispatchResult {
        let mut replica = Self::report_due(&provider, id, due)?;
        replica.phase = Phase::Reported { due };
        pallet_station_providers::Pallet::<T>::note_proven(&provider, Self::bytes_of(id), false);
        pallet_station_providers::Pallet::<T>::note_seen(&provider, Self::now());
        let what = (HistoryEvent::Reported, Some(provider.clone()), Reason::SelfReported);
        Self::note(id, replica.phase, Holder::Stays, Some(what));
        let share = T::ReportedShare::get().mul_ceil(replica.collateral);
        Replicas::<T>::insert(id, replica);
        Self::open_urgent(id.shard, Reason::SelfReported);

        let mut order = Orders::<T>::get(id);
        let repair = order.as_ref().map_or(0, |order| Self::lacks(id, order));
        let client = if Self::is_failing(id.shard) { share } else { 0 };
        let account = Self::client_of(id, &provider);
        let split = Split { repair, client };
        let taken = pallet_station_providers::Pallet::<T>::fine(&provider, share, split, &account)?;
        if let Some(order) = &mut order {
            Self::set_aside(order, &provider, taken.repair);
            Orders::<T>::insert(id, order);
        }
        Self::compensated(id, taken.client);
        Self::deposit_event(Event::FaultReported { replica: id, provider, due, taken: taken.amount });
        Ok(())
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
