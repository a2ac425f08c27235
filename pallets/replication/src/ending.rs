//! Deals that end: a bounded number of slots a block, from a persistent place.

use crate::{
    draws::next_slot, ByProvider, Config, CurrentTick, Event, Health, OpenSlots, Pallet, Phase, Places, Replica,
    Replicas, ShardRecords, Standing, SweepJob, Sweeps,
};
use pallet_station_deals::{Deal, Deals, ReplicaScheduler};
use station_primitives::{DealId, Reason, ReplicaId};

/// Ticks without deals to sweep that are passed in one block.
const SKIPS: u32 = 8;

impl<T: Config> Pallet<T> {
    /// Sweep deals whose term is over; returns how many slots were looked at.
    pub(crate) fn sweep_ends(most: u32) -> u32 {
        let mut left = most;
        let mut places = Places::<T>::get();
        let tick = CurrentTick::<T>::get();
        let mut skips = SKIPS;
        while left > 0 {
            if let Some(job) = places.sweep {
                places.sweep = Self::sweep_slot(job);
                left = left.saturating_sub(1);
                continue;
            }
            // Only what is past: in the last tick of its term a deal can still be extended.
            if places.ends >= tick || skips == 0 {
                break;
            }
            let mut ended = Sweeps::<T>::take(places.ends);
            match ended.pop() {
                Some(deal) => {
                    places.sweep = Self::begin_sweep(deal);
                    if !ended.is_empty() {
                        Sweeps::<T>::insert(places.ends, ended);
                    }
                    left = left.saturating_sub(1);
                }
                None => {
                    places.ends = places.ends.saturating_add(1);
                    skips = skips.saturating_sub(1);
                }
            }
        }
        Places::<T>::mutate(|now| {
            now.ends = places.ends;
            now.sweep = places.sweep;
        });
        most.saturating_sub(left)
    }

    fn begin_sweep(deal: DealId) -> Option<SweepJob> {
        pallet_station_deals::Pallet::<T>::begin_end(deal).ok().map(|()| SweepJob::of(deal))
    }

    /// End one slot, and with the last of a shard the shard, and with the last of the deal the deal.
    pub(crate) fn sweep_slot(mut job: SweepJob) -> Option<SweepJob> {
        let id = job.next;
        let deal = Deals::<T>::get(id.shard.deal)?;
        if pallet_station_deals::Shards::<T>::contains_key(id.shard) && Self::end_slot(id, &deal) {
            job.shard_waits = true;
            job.deal_waits = true;
        }
        let next = next_slot(id, deal.replicas, deal.shards);
        if next.is_none_or(|next| next.shard != id.shard) {
            if !job.shard_waits {
                ShardRecords::<T>::remove(id.shard);
                pallet_station_deals::Pallet::<T>::remove_shard(id.shard);
            }
            job.shard_waits = false;
        }
        match next {
            Some(next) => Some(SweepJob { next, ..job }),
            None if job.deal_waits => Self::sweep_again(id.shard.deal),
            None => {
                Self::finish(id.shard.deal);
                None
            }
        }
    }

    /// Some challenges are open: come back when they are settled, one way or the other. Should the ticks by then be full of
    /// other deals, this one is swept on and on until they are: it must not be forgotten with its escrow.
    fn sweep_again(deal: DealId) -> Option<SweepJob> {
        let timing = Self::clock();
        let wait =
            timing.seed_blocks.saturating_add(timing.answer_window).saturating_add(timing.grace).saturating_add(2);
        match Self::schedule_sweep(deal, CurrentTick::<T>::get().saturating_add(wait)) {
            Ok(at) => {
                Deals::<T>::mutate(deal, |deal| {
                    if let Some(deal) = deal {
                        deal.sweep_at = at;
                    }
                });
                None
            }
            Err(error) => {
                log::debug!(target: crate::LOG_TARGET, "deal {deal} is swept again at once: {error:?}");
                Some(SweepJob::of(deal))
            }
        }
    }

    fn finish(deal: DealId) {
        Health::<T>::remove(deal);
        if let Err(error) = pallet_station_deals::Pallet::<T>::finish(deal) {
            log::error!(target: crate::LOG_TARGET, "deal {deal} did not end cleanly: {error:?}");
        }
    }

    /// End a slot; true if it must wait for the answer to a challenge that fell due within the term.
    fn end_slot(id: ReplicaId, deal: &Deal) -> bool {
        let reason = if deal.cancelled { Reason::Cancelled } else { Reason::Expired };
        let replica = match Replicas::<T>::get(id) {
            Some(replica) => replica,
            // Never drawn, and still open; or ended by an earlier pass, and then its shard waits for others.
            None if Self::is_seated(id) => Replica::default(),
            None => return false,
        };
        Self::cancel_order(id, reason, None);
        match replica.phase {
            Phase::Keep { due } | Phase::Reported { due } | Phase::Late { due, .. }
                if due <= CurrentTick::<T>::get() && due <= deal.expires =>
            {
                return true;
            }
            Phase::Failed => {
                Self::vacate_seat(id);
                Replicas::<T>::remove(id);
                return false;
            }
            _ => {}
        }
        if let Some(due) = replica.phase.due() {
            Self::unplace(id, due);
        }
        Self::retire(id, replica, reason);
        false
    }

    fn retire(id: ReplicaId, mut replica: Replica, reason: Reason) {
        let provider = replica.provider.clone();
        if let (Some(who), Standing::Live) = (&provider, replica.phase.standing()) {
            pallet_station_providers::Pallet::<T>::note_proven(who, Self::bytes_of(id), false);
            Self::count_live(Standing::Live, Standing::Gone);
            ByProvider::<T>::remove(who, id.sort_key());
        }
        Self::dismiss(id, &mut replica);
        Self::vacate_seat(id);
        Replicas::<T>::remove(id);
        OpenSlots::<T>::mutate(|open| *open = open.saturating_sub(1));
        if let Err(error) = pallet_station_deals::Pallet::<T>::close_slot(id.shard) {
            log::error!(target: crate::LOG_TARGET, "slot {id} did not close: {error:?}");
        }
        Self::deposit_event(Event::ReplicaEnded { replica: id, provider, reason });
    }

    /// Whether the slot has not ended yet.
    fn is_seated(id: ReplicaId) -> bool {
        Self::shard_record(id.shard).seats.get(usize::from(id.slot)).is_some_and(|seat| seat.standing != Standing::Gone)
    }

    /// Mark the seat of a slot that ended with its deal. The shard's state stays what it was: nothing went wrong.
    fn vacate_seat(id: ReplicaId) {
        let mut record = Self::shard_record(id.shard);
        if let Some(seat) = record.seats.get_mut(usize::from(id.slot)) {
            seat.standing = Standing::Gone;
            seat.holder = None;
        }
        ShardRecords::<T>::insert(id.shard, record);
    }
}
