//! The invariants, as code.

use crate::{
    Buckets, ByProvider, Config, CurrentTick, Health, HealthCounts, LateBuckets, LiveReplicas, OpenSlots, Opening,
    Orders, Pallet, Phase, Places, Replica, Replicas, ShardRecord, ShardRecords, Standing, Sweeps,
};
use alloc::{
    collections::BTreeMap,
    format,
    string::{String, ToString},
};
use frame_support::traits::Get;
use pallet_station_deals::{Deal, Deals, Shards};
use station_primitives::{AccountId, Balance, DealId, ReplicaId, ShardId};

/// What a provider's record must say.
#[derive(Default, PartialEq, Eq, Debug)]
struct Share {
    replicas: u32,
    used: u64,
    proven: u64,
    collateral: Balance,
}

fn ensure(holds: bool, what: impl FnOnce() -> String) -> Result<(), String> {
    if holds {
        Ok(())
    } else {
        Err(what())
    }
}

impl<T: Config> Pallet<T> {
    /// Check every invariant of this pallet; the text says what is broken.
    pub fn do_try_state() -> Result<(), String> {
        Self::check_buckets()?;
        Self::check_providers()?;
        Self::check_shards()?;
        Self::check_escrows()?;
        Self::check_queues()?;
        Self::check_orders()
    }

    /// Every replica is in the bucket that its phase names; buckets hold nothing else.
    fn check_buckets() -> Result<(), String> {
        let mut entries = 0usize;
        for (tick, bucket) in Buckets::<T>::iter() {
            ensure(!bucket.is_empty(), || format!("bucket {tick} is empty and stored"))?;
            for id in &bucket {
                let phase = Replicas::<T>::get(id).map(|replica| replica.phase);
                let right = matches!(
                    phase,
                    Some(Phase::Seal { due } | Phase::Keep { due } | Phase::Reported { due }) if due == tick
                );
                ensure(right, || format!("bucket {tick} holds {id}, which is {phase:?}"))?;
            }
            entries = entries.saturating_add(bucket.len());
        }
        for (tick, bucket) in LateBuckets::<T>::iter() {
            for id in &bucket {
                let phase = Replicas::<T>::get(id).map(|replica| replica.phase);
                let right = matches!(phase, Some(Phase::Seal { due } | Phase::Late { due, .. }) if due == tick);
                ensure(right, || format!("late bucket {tick} holds {id}, which is {phase:?}"))?;
            }
            entries = entries.saturating_add(bucket.len());
        }
        let due = Replicas::<T>::iter_values().filter(|replica| replica.phase.due().is_some()).count();
        ensure(due == entries, || format!("{due} replicas have a challenge, {entries} are in buckets"))
    }

    /// Providers' counts, bytes and occupied collateral are sums over replicas.
    fn check_providers() -> Result<(), String> {
        let mut shares: BTreeMap<AccountId, Share> = BTreeMap::new();
        let mut live = 0u64;
        for (id, replica) in Replicas::<T>::iter() {
            Self::check_replica(id, &replica)?;
            let Some(provider) = replica.provider else { continue };
            let bytes = Self::bytes_of(id);
            let share = shares.entry(provider).or_default();
            share.replicas = share.replicas.saturating_add(1);
            share.used = share.used.saturating_add(bytes);
            share.collateral = share.collateral.saturating_add(replica.collateral);
            if replica.phase.standing() == Standing::Live {
                share.proven = share.proven.saturating_add(bytes);
                live = live.saturating_add(1);
            }
        }
        // A candidate holds room and collateral as for a replica of its own.
        for (id, order) in Orders::<T>::iter() {
            let Some(candidate) = order.candidate() else { continue };
            let share = shares.entry(candidate.provider.clone()).or_default();
            share.replicas = share.replicas.saturating_add(1);
            share.used = share.used.saturating_add(Self::bytes_of(id));
            share.collateral = share.collateral.saturating_add(candidate.collateral);
        }
        let counted = LiveReplicas::<T>::get();
        ensure(live == counted, || format!("{live} replicas are live, {counted} are counted"))?;
        for (who, provider) in pallet_station_providers::Providers::<T>::iter() {
            let share = shares.remove(&who).unwrap_or_default();
            let recorded = Share {
                replicas: provider.replicas,
                used: provider.used,
                proven: provider.proven,
                collateral: provider.collateral_used,
            };
            ensure(share == recorded, || {
                format!("provider {who:?}: recorded {recorded:?}, its replicas sum to {share:?}")
            })?;
        }
        ensure(shares.is_empty(), || format!("replicas of providers that are not registered: {shares:?}"))
    }

    fn check_replica(id: ReplicaId, replica: &Replica) -> Result<(), String> {
        let held = matches!(
            replica.phase,
            Phase::Commit { .. }
                | Phase::Seal { .. }
                | Phase::Keep { .. }
                | Phase::Reported { .. }
                | Phase::Late { .. }
        );
        ensure(held == replica.provider.is_some(), || {
            format!("replica {id}: {:?} and {:?}", replica.phase, replica.provider)
        })?;
        if let Some(provider) = &replica.provider {
            ensure(ByProvider::<T>::contains_key(provider, id.sort_key()), || {
                format!("replica {id} is not listed under its provider")
            })?;
        }
        let committed = held && !matches!(replica.phase, Phase::Commit { .. });
        ensure(committed == replica.comm_r.is_some(), || {
            format!("replica {id}: {:?}, root {:?}", replica.phase, replica.comm_r)
        })
    }

    /// Shards mirror their slots; deals' counts mirror their shards.
    fn check_shards() -> Result<(), String> {
        let listed = ByProvider::<T>::iter_keys().count();
        let held = Replicas::<T>::iter_values().filter(|replica| replica.provider.is_some()).count();
        let held = held.saturating_add(Orders::<T>::iter_values().filter(|order| order.candidate().is_some()).count());
        ensure(listed == held, || format!("{listed} replicas are listed under providers, {held} have one"))?;
        let mut health: BTreeMap<DealId, HealthCounts> = BTreeMap::new();
        for shard in Shards::<T>::iter_keys() {
            let deal = Deals::<T>::get(shard.deal).ok_or_else(|| format!("shard {shard} has no deal"))?;
            let record = Self::shard_record(shard);
            Self::check_shard(shard, &deal, &record)?;
            let count = health.entry(shard.deal).or_default();
            let count = count.of(record.state);
            *count = count.saturating_add(1);
        }
        for (deal, counts) in Health::<T>::iter() {
            let ending = Deals::<T>::get(deal).is_none_or(|deal| deal.ending);
            let shards = health.remove(&deal).unwrap_or_default();
            ensure(ending || shards == counts, || format!("deal {deal}: health {counts:?}, its shards {shards:?}"))?;
        }
        ensure(health.is_empty(), || "a deal's health is not counted".to_string())?;
        for shard in ShardRecords::<T>::iter_keys() {
            ensure(Shards::<T>::contains_key(shard), || format!("shard {shard} has a record and does not exist"))?;
        }
        Ok(())
    }

    fn check_shard(shard: ShardId, deal: &Deal, record: &ShardRecord) -> Result<(), String> {
        ensure(deal.ending || record.state == record.assess(), || {
            format!("shard {shard}: its seats are not {:?}", record.state)
        })?;
        for (slot, seat) in (0u8..).zip(&record.seats) {
            let replica = Replicas::<T>::get(ReplicaId { shard, slot });
            let standing = replica.as_ref().map_or(Standing::Onboarding, |replica| replica.phase.standing());
            let holder = seat.holder.as_ref().map(|(who, _)| who);
            let provider = replica.as_ref().and_then(|replica| replica.provider.as_ref());
            let drawn = Orders::<T>::get(ReplicaId { shard, slot });
            let drawn = drawn.as_ref().and_then(|order| order.candidate()).map(|candidate| &candidate.provider);
            let candidate = seat.candidate.as_ref().map(|(who, _)| who);
            let mirrored = seat.standing == standing && holder == provider && candidate == drawn;
            let ended = deal.ending && replica.is_none();
            ensure(mirrored || ended, || format!("shard {shard}: seat {slot} is {seat:?}, the slot {replica:?}"))?;
        }
        Ok(())
    }

    /// The escrow of a running deal covers what its open slots may still cost.
    fn check_escrows() -> Result<(), String> {
        let mut open = 0u64;
        for (id, deal) in Deals::<T>::iter() {
            open = open.saturating_add(u64::from(deal.open_slots));
            if !deal.takes_replicas() {
                continue;
            }
            let mut owed: Balance = 0;
            for index in 0..deal.shards {
                let shard = ShardId { deal: id, index };
                let Some(spec) = Shards::<T>::get(shard) else { continue };
                let costs = pallet_station_deals::Pallet::<T>::costs(spec.class.bytes(), deal.max_price);
                for slot in 0..deal.replicas {
                    let replica = Replicas::<T>::get(ReplicaId { shard, slot }).unwrap_or_default();
                    if replica.phase != Phase::Failed {
                        let slot = costs.slot(deal.periods).unwrap_or(Balance::MAX).saturating_sub(replica.spent);
                        owed = owed.saturating_add(slot);
                    }
                }
            }
            ensure(owed == deal.escrow, || {
                format!("deal {id}: its slots may cost {owed}, its escrow is {}", deal.escrow)
            })?;
        }
        let counted = OpenSlots::<T>::get();
        ensure(open == counted, || format!("{open} slots are open, {counted} are counted"))
    }

    /// Every deal waits for its sweep, and no cursor is ahead of time.
    fn check_queues() -> Result<(), String> {
        let places = Places::<T>::get();
        let tick = CurrentTick::<T>::get();
        for (id, deal) in Deals::<T>::iter() {
            let swept = places.sweep.is_some_and(|job| job.next.shard.deal == id);
            let queued = Sweeps::<T>::get(deal.sweep_at).contains(&id);
            ensure(swept || queued, || format!("deal {id} is never swept"))?;
        }
        ensure(places.late <= places.missed && places.missed <= tick.saturating_add(1), || {
            format!("at tick {tick} the sweeps are at {places:?}")
        })?;
        let waiting = Opening::<T>::decode_len().unwrap_or(0);
        let most = Self::clock().seed_blocks.saturating_add(1);
        ensure(u32::try_from(waiting).is_ok_and(|waiting| waiting <= most), || {
            format!("{waiting} ticks wait for a seed that takes {most} blocks")
        })?;
        let full = Buckets::<T>::iter()
            .find(|(_, bucket)| u32::try_from(bucket.len()).map_or(true, |entries| entries > T::MaxPerBucket::get()));
        ensure(full.is_none(), || format!("a bucket has too many entries: {full:?}"))
    }
}
