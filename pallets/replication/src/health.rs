//! Health and history of shards, and the counts that follow from them.

use crate::{
    Config, Event, Health, HistoryEntry, LiveReplicas, Loss, Pallet, Phase, Seat, ShardRecord, ShardRecords, Standing,
};
use alloc::vec;
use frame_support::BoundedVec;
use station_primitives::{
    AccountId, BlockNumber, HistoryEvent, Reason, ReplicaId, ShardId, ShardState, Slot, HISTORY, MAX_REPLICAS,
};

/// Live replicas below which a shard is below its minimum.
pub(crate) const MINIMUM: usize = 2;
/// Periods in which who lost a replica of a shard is not drawn for it. Longer, and a small network would run out of providers
/// for a shard that had bad luck; who fails everywhere is kept away by its strikes.
pub(crate) const LOST_FOR_PERIODS: u32 = 8;

impl ShardRecord {
    /// The record of a shard none of whose slots has been drawn.
    pub fn new(replicas: u8) -> Self {
        let seat = Seat { standing: Standing::Onboarding, holder: None, candidate: None, named: 0 };
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

    /// Remember who lost a replica; the oldest is forgotten.
    fn remember_lost(&mut self, loss: Loss) {
        if self.lost.is_full() {
            self.lost.remove(0);
        }
        // There is room: one was just removed if there was none.
        let _ = self.lost.try_push(loss);
    }

    /// Who lost a replica since a block, with its operator.
    pub(crate) fn lost_since(&self, block: BlockNumber) -> impl Iterator<Item = (&AccountId, &[u8; 32])> {
        self.lost.iter().filter(move |loss| loss.block >= block).map(|loss| (&loss.provider, &loss.operator))
    }

    /// Add an event to the history.
    pub(crate) fn remember_event(
        &mut self,
        block: BlockNumber,
        slot: Slot,
        event: HistoryEvent,
        provider: Option<AccountId>,
        reason: Reason,
    ) {
        self.remember(HistoryEntry { block, event, slot, provider, reason });
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
    /// Leaves without having failed.
    Goes,
    /// Leaves, and is not drawn for this shard again for a while.
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
            Holder::Comes(who, operator) => {
                seat.holder = Some((who, operator));
                seat.named = 0;
            }
            Holder::Goes => seat.holder = None,
            Holder::Loses => {
                if let Some((provider, operator)) = seat.holder.take() {
                    record.remember_lost(Loss { provider, operator, block: now });
                }
            }
        }
        if let Some((event, provider, reason)) = what {
            record.remember_event(now, id.slot, event, provider, reason);
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

    /// Add to a shard's history, when nothing else about it changes.
    pub(crate) fn record(id: ReplicaId, event: HistoryEvent, provider: Option<AccountId>, reason: Reason) {
        let mut record = Self::shard_record(id.shard);
        record.remember_event(Self::now(), id.slot, event, provider, reason);
        ShardRecords::<T>::insert(id.shard, record);
    }

    /// Tell a shard who is to make one of its replicas anew, and for which operator.
    pub(crate) fn set_candidate(id: ReplicaId, candidate: Option<(AccountId, [u8; 32])>) {
        let mut record = Self::shard_record(id.shard);
        if let Some(seat) = record.seats.get_mut(usize::from(id.slot)) {
            seat.candidate = candidate;
        }
        ShardRecords::<T>::insert(id.shard, record);
    }

    /// Who is to make a replica anew, and for which operator.
    pub(crate) fn candidate_of(id: ReplicaId) -> Option<(AccountId, [u8; 32])> {
        Self::shard_record(id.shard).seats.get(usize::from(id.slot)).and_then(|seat| seat.candidate.clone())
    }

    /// Say plainly that a shard is lost, if it was not before.
    pub(crate) fn say_if_lost(shard: ShardId, before: ShardState) {
        if before != ShardState::Lost && Self::shard_record(shard).state == ShardState::Lost {
            let compensated = pallet_station_deals::Shards::<T>::get(shard).map_or(0, |spec| spec.compensated);
            Self::deposit_event(Event::ShardLost { shard, compensated });
        }
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
