//! Health and history of shards, and the counts that follow from them.

use crate::{
    Config, Event, Health, HistoryEntry, LiveReplicas, Pallet, Phase, Seat, ShardRecord, ShardRecords, Standing,
};
use alloc::vec;
use frame_support::BoundedVec;
use station_primitives::{
    AccountId, BlockNumber, HistoryEvent, Reason, ReplicaId, ShardId, ShardState, HISTORY, MAX_REPLICAS,
};

/// Live replicas below which a shard is below its minimum.
const MINIMUM: usize = 2;

impl ShardRecord {
    /// The record of a shard none of whose slots has been drawn.
    pub fn new(replicas: u8) -> Self {
        let seat = Seat { standing: Standing::Onboarding, holder: None };
        let seats = vec![seat; usize::from(replicas.min(MAX_REPLICAS))];
        Self {
            seats: BoundedVec::truncate_from(seats),
            lost: BoundedVec::new(),
            started: false,
            state: ShardState::Pending,
            repairing_since: None,
            was_healthy: false,
            history: BoundedVec::new(),
        }
    }

    fn count(&self, standing: Standing) -> usize {
        self.seats.iter().filter(|seat| seat.standing == standing).count()
    }

    /// Live replicas.
    pub fn live(&self) -> u8 {
        u8::try_from(self.count(Standing::Live)).unwrap_or(MAX_REPLICAS)
    }

    /// The state that the seats make.
    pub fn assess(&self) -> ShardState {
        let live = self.count(Standing::Live);
        if !self.started {
            ShardState::Pending
        } else if live >= self.seats.len() {
            ShardState::Healthy
        } else if live >= MINIMUM {
            ShardState::Degraded
        } else if self.count(Standing::Gone) < self.seats.len() {
            ShardState::BelowMinimum
        } else {
            ShardState::Lost
        }
    }

    /// Remember that `who` lost a replica; the oldest is forgotten.
    fn remember_lost(&mut self, who: AccountId) {
        if self.lost.is_full() {
            self.lost.remove(0);
        }
        // There is room: one was just removed if there was none.
        let _ = self.lost.try_push(who);
    }

    /// Add to the history; the oldest entry beyond [`HISTORY`] goes.
    fn remember(&mut self, entry: HistoryEntry) {
        if self.history.len() >= usize::try_from(HISTORY).unwrap_or(usize::MAX) {
            self.history.remove(0);
        }
        let _ = self.history.try_push(entry);
    }

    /// Bring state and dates up to date with the seats.
    fn reassess(&mut self, now: BlockNumber) {
        self.started = self.started || self.count(Standing::Onboarding) == 0;
        self.state = self.assess();
        if self.state == ShardState::Healthy {
            self.was_healthy = true;
            self.repairing_since = None;
        } else if self.was_healthy && self.repairing_since.is_none() {
            self.repairing_since = Some(now);
        }
    }
}

/// What becomes of a seat's holder.
pub(crate) enum Holder {
    /// The same as before.
    Stays,
    /// Drawn now.
    Comes(AccountId, [u8; 32]),
    /// Leaves, and is not drawn for this shard again.
    Loses,
}

impl<T: Config> Pallet<T> {
    /// Tell a shard what became of one of its slots: the one place where seats, states and counts change.
    pub(crate) fn note(
        id: ReplicaId,
        phase: Phase,
        holder: Holder,
        what: Option<(HistoryEvent, Option<AccountId>, Reason)>,
    ) {
        let now = Self::now();
        let mut record = Self::shard_record(id.shard);
        let (before, was_live) = (record.state, record.live());
        let Some(seat) = record.seats.get_mut(usize::from(id.slot)) else { return };
        let was = seat.standing;
        seat.standing = phase.standing();
        match holder {
            Holder::Stays => {}
            Holder::Comes(who, operator) => seat.holder = Some((who, operator)),
            Holder::Loses => {
                if let Some((who, _)) = seat.holder.take() {
                    record.remember_lost(who);
                }
            }
        }
        if let Some((event, provider, reason)) = what {
            record.remember(HistoryEntry { block: now, event, slot: id.slot, provider, reason });
        }
        // While a deal is swept, slots end without anything being wrong with its shards.
        if pallet_station_deals::Deals::<T>::get(id.shard.deal).is_some_and(|deal| !deal.ending) {
            record.reassess(now);
        }
        Self::count_live(was, phase.standing());
        let (state, live) = (record.state, record.live());
        if state != before {
            Health::<T>::mutate(id.shard.deal, |counts| {
                *counts.of(before) = counts.of(before).saturating_sub(1);
                *counts.of(state) = counts.of(state).saturating_add(1);
            });
        }
        if state != before || live != was_live {
            Self::deposit_event(Event::ShardStateChanged { shard: id.shard, state, live });
        }
        ShardRecords::<T>::insert(id.shard, record);
    }

    /// Keep the network's count of live replicas.
    pub(crate) fn count_live(was: Standing, is: Standing) {
        match (was == Standing::Live, is == Standing::Live) {
            (false, true) => LiveReplicas::<T>::mutate(|live| *live = live.saturating_add(1)),
            (true, false) => LiveReplicas::<T>::mutate(|live| *live = live.saturating_sub(1)),
            _ => {}
        }
    }

    /// A shard's record, or the one it starts with.
    pub(crate) fn shard_record(shard: ShardId) -> ShardRecord {
        ShardRecords::<T>::get(shard).unwrap_or_else(|| {
            let deal = pallet_station_deals::Deals::<T>::get(shard.deal);
            ShardRecord::new(deal.map_or(0, |deal| deal.replicas))
        })
    }
}
