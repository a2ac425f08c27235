//! Who has a shard's data, and who of them does not serve it.

use crate::{Config, Error, Event, Orders, Pallet, Phase, Replicas, ShardRecords, Stage, Standing};
use alloc::{collections::BTreeSet, vec::Vec};
use frame_support::ensure;
use sp_runtime::DispatchResult;
use station_primitives::{AccountId, Accounts, HistoryEvent, Reason, ReplicaId, Seed, ShardId};

impl<T: Config> Pallet<T> {
    /// Who may have the data for a slot's order: the holders of the shard, live ones first, then those whose replica is
    /// being checked, and then those that missed. The holder of the slot itself is one of them.
    pub(crate) fn sources_of(id: ReplicaId) -> Vec<AccountId> {
        let record = Self::shard_record(id.shard);
        let (mut live, mut checked, mut faulty) = (Vec::new(), Vec::new(), Vec::new());
        for (slot, seat) in (0u8..).zip(&record.seats) {
            let Some((holder, _)) = &seat.holder else { continue };
            match seat.standing {
                Standing::Live => live.push(holder.clone()),
                Standing::Faulty => faulty.push(holder.clone()),
                Standing::Onboarding => {
                    let phase = Replicas::<T>::get(ReplicaId { shard: id.shard, slot }).map(|replica| replica.phase);
                    if matches!(phase, Some(Phase::Seal { .. })) {
                        checked.push(holder.clone());
                    }
                }
                Standing::Gone => {}
            }
        }
        live.append(&mut checked);
        live.append(&mut faulty);
        live
    }

    /// The same, with their addresses.
    pub(crate) fn addressed_sources(id: ReplicaId) -> Vec<(AccountId, Vec<u8>)> {
        let address = |who: AccountId| {
            let record = pallet_station_providers::Providers::<T>::get(&who)?;
            Some((who, record.multiaddr.into_inner()))
        };
        Self::sources_of(id).into_iter().filter_map(address).collect()
    }

    /// The sources of `accounts` that can be named for this order, if all can and it is due.
    pub(crate) fn naming_due(
        provider: &AccountId,
        id: ReplicaId,
        ticket: &Seed,
        accounts: &Accounts,
    ) -> Result<(), Error<T>> {
        let (_, candidate) = Self::repair_due(provider, id, ticket)?;
        let sources = Self::sources_of(id);
        let mut seen = BTreeSet::new();
        let sound = accounts.iter().all(|who| sources.contains(who) && seen.insert(who));
        ensure!(sound && !accounts.is_empty(), Error::<T>::BadReceipt);
        // Named once is named.
        ensure!(accounts.iter().any(|who| !candidate.named.contains(who)), Error::<T>::NotDue);
        Ok(())
    }

    pub(crate) fn do_name_sources(
        provider: AccountId,
        id: ReplicaId,
        ticket: Seed,
        accounts: Accounts,
    ) -> DispatchResult {
        Self::naming_due(&provider, id, &ticket, &accounts)?;
        let mut fresh = Vec::new();
        Orders::<T>::mutate(id, |order| {
            let Some(Stage::Assigned(candidate)) = order.as_mut().map(|order| &mut order.stage) else { return };
            for who in accounts {
                if !candidate.named.contains(&who) && candidate.named.try_push(who.clone()).is_ok() {
                    fresh.push(who);
                }
            }
        });
        Self::note_named(id, &provider, &fresh);
        pallet_station_providers::Pallet::<T>::note_seen(&provider, Self::now());
        Ok(())
    }

    /// Count sources that were named, and write them into the shard's history.
    pub(crate) fn note_named(id: ReplicaId, by: &AccountId, sources: &[AccountId]) {
        if sources.is_empty() {
            return;
        }
        let mut record = Self::shard_record(id.shard);
        let now = Self::now();
        for source in sources {
            let mut slot = None;
            for (at, seat) in (0u8..).zip(record.seats.iter_mut()) {
                if seat.holder.as_ref().is_some_and(|(holder, _)| holder == source) {
                    seat.named = seat.named.saturating_add(1);
                    slot = Some(at);
                }
            }
            let Some(slot) = slot else { continue };
            record.remember_event(now, slot, HistoryEvent::SourceNamed, Some(source.clone()), Reason::None);
            let (source, by) = (source.clone(), by.clone());
            Self::deposit_event(Event::SourceNamed { replica: id, source, by });
        }
        ShardRecords::<T>::insert(id.shard, record);
    }

    /// Those that served are not held to have refused.
    pub(crate) fn forget_namings(shard: ShardId, served: &[&AccountId]) {
        ShardRecords::<T>::mutate(shard, |record| {
            for seat in record.iter_mut().flat_map(|record| record.seats.iter_mut()) {
                if seat.holder.as_ref().is_some_and(|(holder, _)| served.contains(&holder)) {
                    seat.named = 0;
                }
            }
        });
    }
}
