//! Draw providers for slots.

use crate::{
    beacon,
    buckets::SEARCH,
    health::{Holder, LOST_FOR_PERIODS},
    ByProvider, CommitDeadlines, Config, CurrentTick, DrawBeacons, DrawJob, Draws, Error, Event, Health, OpenSlots,
    Pallet, Phase, Places, Replica, Replicas, SweepJob, Sweeps,
};
use alloc::vec::Vec;
use frame_support::{ensure, traits::Get};
use pallet_station_deals::{Chosen, Deal, Deals, PlacementKind, ReplicaScheduler, ShardSpec, Shards};
use pallet_station_providers::{selection::Need, Provider};
use sp_runtime::{DispatchError, DispatchResult};
use station_primitives::{AccountId, BlockNumber, DealId, HistoryEvent, Reason, ReplicaId, Seed, Slot, Tick};

/// Blocks without jobs that the cursor passes in one block, beyond the one that becomes ready.
const SKIPS: u32 = 8;

impl<T: Config> ReplicaScheduler for Pallet<T> {
    fn tick() -> Tick {
        CurrentTick::<T>::get()
    }

    fn schedule_draws(deal: DealId, slots: u32) -> DispatchResult {
        let open = OpenSlots::<T>::get().saturating_add(u64::from(slots));
        ensure!(open <= Self::most_slots(), Error::<T>::ChainIsFull);
        OpenSlots::<T>::put(open);
        let shards = Deals::<T>::get(deal).map_or(0, |deal| deal.shards);
        Health::<T>::insert(deal, crate::HealthCounts { pending: shards, ..Default::default() });
        Self::enqueue(DrawJob { next: SweepJob::of(deal).next, whole: true }, 0).map(|_| ())
    }

    fn schedule_sweep(deal: DealId, at: Tick) -> Result<Tick, DispatchError> {
        let at = at.max(CurrentTick::<T>::get().saturating_add(1));
        (at..at.saturating_add(SEARCH))
            .find(|tick| Sweeps::<T>::try_append(tick, deal).is_ok())
            .ok_or_else(|| Error::<T>::ChainIsFull.into())
    }

    fn unschedule_sweep(deal: DealId, at: Tick) {
        Sweeps::<T>::mutate_exists(at, |deals| {
            if let Some(list) = deals {
                list.retain(|other| *other != deal);
                if list.is_empty() {
                    *deals = None;
                }
            }
        });
    }
}

impl<T: Config> Pallet<T> {
    /// Slots that the chain can audit: three in four places of half the buckets of a period.
    pub fn most_slots() -> u64 {
        let half = u64::from(T::MaxPerBucket::get().div_ceil(2));
        half.saturating_mul(u64::from(Self::clock().period)).saturating_mul(3) / 4
    }

    /// Queue a job for the first block with room that is at least `delay` blocks away and whose beacon does not exist yet.
    pub(crate) fn enqueue(job: DrawJob, delay: BlockNumber) -> Result<BlockNumber, DispatchError> {
        let wait = delay.max(Self::clock().seed_blocks.saturating_add(1));
        let from = Self::now().saturating_add(wait);
        (from..from.saturating_add(SEARCH))
            .find(|block| Draws::<T>::try_append(block, job).is_ok())
            .ok_or_else(|| Error::<T>::ChainIsFull.into())
    }

    /// Make the first draws that are ready, at most `most`; returns how many there were.
    pub(crate) fn run_draws(now: BlockNumber, most: u32) -> u32 {
        let mut left = most;
        let mut cursor = Places::<T>::get().draws;
        for _ in 0..=SKIPS {
            if cursor > now || left == 0 {
                break;
            }
            let mut jobs = Draws::<T>::take(cursor);
            if let Some(beacon) = DrawBeacons::<T>::get(cursor) {
                while left > 0 && !jobs.is_empty() {
                    let mut job = jobs[0];
                    left = left.saturating_sub(Self::run_job(&beacon, &mut job, left));
                    if job.whole {
                        jobs[0] = job;
                    } else {
                        jobs.remove(0);
                    }
                }
            }
            if !jobs.is_empty() {
                Draws::<T>::insert(cursor, jobs);
                break;
            }
            DrawBeacons::<T>::remove(cursor);
            cursor = cursor.saturating_add(1);
        }
        Places::<T>::mutate(|places| places.draws = cursor);
        most.saturating_sub(left)
    }

    /// Draw for a job's slots, at most `most`; a job that is done is left with `whole` off. Returns how many there were,
    /// at least one, since looking for none costs as well.
    fn run_job(beacon: &Seed, job: &mut DrawJob, most: u32) -> u32 {
        let mut done = 0;
        let Some(deal) = Deals::<T>::get(job.next.shard.deal).filter(Deal::takes_replicas) else {
            job.whole = false;
            return 1;
        };
        while done < most {
            if let Some(spec) = Shards::<T>::get(job.next.shard) {
                Self::draw(beacon, job.next, &deal, &spec);
            }
            done = done.saturating_add(1);
            match next_slot(job.next, deal.replicas, deal.shards) {
                Some(next) if job.whole => job.next = next,
                _ => {
                    job.whole = false;
                    break;
                }
            }
        }
        done
    }

    /// Draw for one slot.
    fn draw(beacon: &Seed, id: ReplicaId, deal: &Deal, spec: &ShardSpec) {
        let mut replica = Replicas::<T>::get(id).unwrap_or_default();
        if replica.phase != Phase::Drawing {
            return;
        }
        let seed = beacon::assignment_seed(beacon, id, replica.draws, replica.fruitless);
        let assigned = Self::find(id, &seed, deal, spec, &[])
            .and_then(|(who, provider)| Self::assign(id, &mut replica, &seed, who, provider, spec).ok());
        if assigned.is_none() {
            Self::found_nobody(id, &mut replica);
        }
        Replicas::<T>::insert(id, replica);
    }

    /// Who is to have a replica, by this seed: nobody who holds the shard, is to hold it or lost it lately, nobody of the same
    /// operator as one of those, and none of `tried`.
    pub(crate) fn find(
        id: ReplicaId,
        seed: &Seed,
        deal: &Deal,
        spec: &ShardSpec,
        tried: &[AccountId],
    ) -> Option<(AccountId, Provider)> {
        use pallet_station_providers::Pallet as ProvidersPallet;
        let seed = *seed;
        let record = Self::shard_record(id.shard);
        let recently = Self::now().saturating_sub(Self::clock().period.saturating_mul(LOST_FOR_PERIODS));
        let mut excluded = tried.to_vec();
        let mut operators = Vec::new();
        let holders = record.seats.iter().flat_map(|seat| seat.holder.iter().chain(&seat.candidate));
        let holders = holders.map(|(who, operator)| (who, operator));
        for (who, operator) in holders.chain(record.lost_since(recently)) {
            excluded.push(who.clone());
            operators.push(*operator);
        }
        let need = Need {
            client: &deal.client,
            bytes: spec.class.bytes(),
            max_price: deal.max_price,
            excluded: &excluded,
            operators: &operators,
        };
        match deal.placement {
            PlacementKind::Any => ProvidersPallet::<T>::draw(seed, &need),
            PlacementKind::Chosen { fallback } => {
                let chosen = Chosen::<T>::get(id.shard.deal);
                ProvidersPallet::<T>::draw_among(seed, &chosen, &need).or_else(|| {
                    if fallback {
                        ProvidersPallet::<T>::draw(seed, &need)
                    } else {
                        None
                    }
                })
            }
        }
    }

    fn assign(
        id: ReplicaId,
        replica: &mut Replica,
        seed: &Seed,
        who: AccountId,
        provider: Provider,
        spec: &ShardSpec,
    ) -> DispatchResult {
        let bytes = spec.class.bytes();
        let deadline = Self::free_deadline(Self::clock().commit_window(bytes))?;
        let collateral = pallet_station_providers::Pallet::<T>::reserve(&who, bytes)?;
        CommitDeadlines::<T>::try_append(deadline, id).map_err(|()| Error::<T>::ChainIsFull)?;
        ByProvider::<T>::insert(&who, id.sort_key(), ());
        *replica = Replica {
            provider: Some(who.clone()),
            phase: Phase::Commit { deadline },
            ticket: beacon::ticket(seed),
            price: provider.price,
            collateral,
            since: CurrentTick::<T>::get(),
            draws: replica.draws.saturating_add(1),
            settled: replica.settled,
            spent: replica.spent,
            ..Replica::default()
        };
        let what = (HistoryEvent::Assigned, Some(who.clone()), Reason::None);
        Self::note(id, replica.phase, Holder::Comes(who.clone(), provider.operator), Some(what));
        Self::deposit_event(Event::ReplicaAssigned {
            replica: id,
            provider: who,
            ticket: replica.ticket,
            price: replica.price,
            deadline,
        });
        Ok(())
    }

    /// The first block with room for another deadline, at least `window` blocks away.
    fn free_deadline(window: BlockNumber) -> Result<BlockNumber, DispatchError> {
        let from = Self::now().saturating_add(window.max(1));
        (from..from.saturating_add(SEARCH))
            .find(|block| CommitDeadlines::<T>::decode_len(block).unwrap_or(0) < Self::commits_per_block())
            .ok_or_else(|| Error::<T>::ChainIsFull.into())
    }

    /// The same, and take it.
    pub(crate) fn take_deadline(id: ReplicaId, window: BlockNumber) -> Result<BlockNumber, DispatchError> {
        let deadline = Self::free_deadline(window)?;
        CommitDeadlines::<T>::try_append(deadline, id).map_err(|()| Error::<T>::ChainIsFull)?;
        Ok(deadline)
    }

    fn commits_per_block() -> usize {
        usize::try_from(crate::COMMITS_PER_BLOCK).unwrap_or(usize::MAX)
    }

    /// Nobody could take the replica: try again later, each time after twice as long, and in the end give up.
    fn found_nobody(id: ReplicaId, replica: &mut Replica) {
        replica.fruitless = replica.fruitless.saturating_add(1);
        let tries = u32::from(replica.fruitless);
        let delay =
            Self::clock().heartbeat.saturating_mul(1u32.checked_shl(tries.saturating_sub(1)).unwrap_or(u32::MAX));
        let next = if tries < T::MaxFruitlessDraws::get() {
            Self::enqueue(DrawJob { next: id, whole: false }, delay).ok()
        } else {
            None
        };
        match next {
            Some(next) => Self::deposit_event(Event::DrawFoundNobody { replica: id, next }),
            None => Self::fail(id, replica, Reason::NoProvider),
        }
    }

    /// The slot fails to the client: its part of the escrow goes back.
    pub(crate) fn fail(id: ReplicaId, replica: &mut Replica, reason: Reason) {
        let before = Self::shard_record(id.shard).state;
        replica.phase = Phase::Failed;
        match pallet_station_deals::Pallet::<T>::fail_slot(id.shard, replica.spent) {
            Ok(_) => OpenSlots::<T>::mutate(|open| *open = open.saturating_sub(1)),
            Err(error) => log::error!(target: crate::LOG_TARGET, "slot {id} did not fail cleanly: {error:?}"),
        }
        Self::note(id, replica.phase, Holder::Stays, Some((HistoryEvent::Failed, None, reason)));
        Self::deposit_event(Event::ReplicaFailed { replica: id, reason });
        Self::say_if_lost(id.shard, before);
    }

    /// Draw the slot again if its draws are not used up; otherwise it fails. A deal that ends leaves it vacant.
    pub(crate) fn redraw(id: ReplicaId, replica: &mut Replica, reason: Reason) {
        let takes = Deals::<T>::get(id.shard.deal).is_some_and(|deal| deal.takes_replicas());
        if !takes {
            replica.phase = Phase::Vacant { reason };
            Self::note(id, replica.phase, Holder::Stays, None);
        } else if u32::from(replica.draws) < T::MaxDraws::get()
            && Self::enqueue(DrawJob { next: id, whole: false }, 0).is_ok()
        {
            replica.phase = Phase::Drawing;
            replica.fruitless = 0;
            Self::note(id, replica.phase, Holder::Stays, None);
        } else {
            Self::fail(id, replica, reason);
        }
    }
}

/// The slot after `id`, in the order of shards and slots.
pub(crate) fn next_slot(id: ReplicaId, replicas: Slot, shards: u32) -> Option<ReplicaId> {
    let mut next = id;
    next.slot = next.slot.saturating_add(1);
    if next.slot >= replicas {
        next.slot = 0;
        next.shard.index = next.shard.index.saturating_add(1);
    }
    (next.shard.index < shards).then_some(next)
}
