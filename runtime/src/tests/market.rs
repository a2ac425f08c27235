//! A market in its steady state, put together as the calls would leave it: what takes a chain hours takes a test a second.

use super::chain::{account, comm_d, id, sealed_root, CLASS};
use crate::{Deals, Providers, Replication, Runtime, RuntimeOrigin};
use frame_support::BoundedVec;
use pallet_station_deals::{NextDeal, Placement};
use pallet_station_providers::Policy;
use pallet_station_replication::{
    Buckets, ByProvider, Draws, Health, LiveReplicas, Phase, Replica, Replicas, ShardRecord, ShardRecords, Standing,
};
use station_primitives::{
    AccountId, DealId, HistoryEvent, Price, ReplicaId, Seed, ShardState, Tick, GIB, MAX_SHARDS, TKT,
};

/// What all providers ask, in plancks per GiB·day.
pub const PRICE: Price = 1_000 * TKT;
/// The account of the client.
pub const CLIENT: u8 = 100;
/// The collateral of every provider.
const COLLATERAL: u128 = 10_000 * TKT;

/// Register a provider with room for everything.
pub fn register(n: u8) {
    let address = BoundedVec::truncate_from(b"/ip4/127.0.0.1/tcp/30333".to_vec());
    let who = RuntimeOrigin::signed(account(n));
    Providers::register(who, 1_000 * GIB, PRICE, TKT, address, [n; 32], Policy::Open, COLLATERAL).expect("it can");
}

/// Submit a deal of 64 KiB shards, and take back its draws.
pub fn submit_deal(shards: u32, replicas: u8, periods: u32, placement: Placement<AccountId>) -> DealId {
    let deal = NextDeal::<Runtime>::get();
    // What is never proven needs no data of its own.
    let root = comm_d(0);
    let list = (0..shards.min(MAX_SHARDS)).map(|index| (if shards <= 32 { comm_d(index) } else { root }, CLASS));
    let list = BoundedVec::truncate_from(list.collect());
    let client = RuntimeOrigin::signed(account(CLIENT));
    Deals::submit_deal(client, list, replicas, periods, PRICE, placement, Default::default()).expect("it is sound");
    let _ = Draws::<Runtime>::clear(u32::MAX, None);
    deal
}

/// Where the next audits are put: the first tick from `from` on with fewer than `most` of them.
pub struct Place {
    /// The tick.
    pub from: Tick,
    /// Audits of one tick.
    pub most: usize,
}

impl Place {
    fn take(&mut self, slot: ReplicaId) -> Tick {
        while Buckets::<Runtime>::decode_len(self.from).unwrap_or(0) >= self.most {
            self.from += 1;
        }
        Buckets::<Runtime>::try_append(self.from, slot).expect("it has room");
        self.from
    }
}

/// Have the n-th account take nothing new.
pub fn content_with_what_it_has(n: u8) {
    let who = RuntimeOrigin::signed(account(n));
    Providers::update(who, None, None, None, None, None, None, None, Some(false)).expect("it can");
}

/// A ticket that is this slot's own.
fn ticket_of(slot: ReplicaId) -> Seed {
    sp_io::hashing::blake2_256(&codec::Encode::encode(&("ticket", slot)))
}

/// Make a slot's replica active in the hands of the n-th account. With `real`, it is sealed, so that its audits can be
/// answered.
pub fn activate(slot: ReplicaId, n: u8, place: &mut Place, real: bool) {
    let (who, due, ticket) = (account(n), place.take(slot), ticket_of(slot));
    let collateral = Providers::reserve(&who, CLASS.bytes()).expect("there is room");
    Providers::note_proven(&who, CLASS.bytes(), true);
    let comm_r = if real { sealed_root(n, slot, ticket) } else { [n; 32] };
    let replica = Replica {
        provider: Some(who.clone()),
        phase: Phase::Keep { due },
        ticket,
        comm_r: Some(comm_r),
        price: PRICE,
        collateral,
        draws: 1,
        ..Default::default()
    };
    Replicas::<Runtime>::insert(slot, replica);
    ByProvider::<Runtime>::insert(&who, slot.sort_key(), ());
    LiveReplicas::<Runtime>::mutate(|live| *live += 1);
    let replicas = pallet_station_deals::Deals::<Runtime>::get(slot.shard.deal).expect("it runs").replicas;
    let mut record = ShardRecords::<Runtime>::get(slot.shard).unwrap_or_else(|| ShardRecord::new(replicas));
    let seat = record.seats.get_mut(usize::from(slot.slot)).expect("it has a seat");
    seat.standing = Standing::Live;
    seat.holder = Some((who, [n; 32]));
    if record.live() == replicas {
        settle(slot, &mut record);
        record.started = true;
    }
    ShardRecords::<Runtime>::insert(slot.shard, record);
}

/// A shard has all its replicas live.
fn settle(slot: ReplicaId, record: &mut ShardRecord) {
    Health::<Runtime>::mutate(slot.shard.deal, |counts| {
        *counts.of(record.state) -= 1;
        *counts.of(ShardState::Healthy) += 1;
    });
    record.state = ShardState::Healthy;
    record.was_healthy = true;
    record.repairing_since = None;
}

/// Have a committed replica pass its seal check, as `prove_seal` leaves it.
pub fn pass_seal_check(slot: ReplicaId, place: &mut Place) {
    let mut replica = Replicas::<Runtime>::get(slot).expect("it exists");
    let Phase::Seal { due } = replica.phase else { panic!("{slot} is {:?}", replica.phase) };
    Buckets::<Runtime>::mutate_exists(due, |entries| {
        if let Some(list) = entries {
            list.retain(|other| *other != slot);
            if list.is_empty() {
                *entries = None;
            }
        }
    });
    let next = place.take(slot);
    replica.phase = Phase::Keep { due: next };
    replica.repair = false;
    Providers::note_proven(replica.provider.as_ref().expect("it is held"), CLASS.bytes(), true);
    Replicas::<Runtime>::insert(slot, replica);
    LiveReplicas::<Runtime>::mutate(|live| *live += 1);
    let mut record = ShardRecords::<Runtime>::get(slot.shard).expect("it exists");
    record.seats.get_mut(usize::from(slot.slot)).expect("it has a seat").standing = Standing::Live;
    let (before, after) = (record.state, record.assess());
    if after == ShardState::Healthy {
        settle(slot, &mut record);
    } else if before != after {
        Health::<Runtime>::mutate(slot.shard.deal, |counts| {
            *counts.of(before) -= 1;
            *counts.of(after) += 1;
        });
        record.state = after;
    }
    ShardRecords::<Runtime>::insert(slot.shard, record);
}

/// A deal whose replicas are all sealed for real, held in turn by `holders`; audits from `from` on, `apart` ticks apart.
pub fn real_deal(shards: u32, periods: u32, holders: &[u8], from: Tick, apart: Tick) -> DealId {
    let deal = submit_deal(shards, 3, periods, Placement::Any);
    let mut next = from;
    for index in 0..shards {
        for slot in 0..3u8 {
            let turn = usize::try_from(index).expect("few") + usize::from(slot);
            activate(id(deal, index, slot), holders[turn % holders.len()], &mut Place { from: next, most: 256 }, true);
            next += apart;
        }
    }
    deal
}

/// How often a provider's replicas of a deal were missed, slashed or reported.
pub fn faults_of(deal: DealId, shards: u32) -> usize {
    let faulty = |event| matches!(event, HistoryEvent::Missed | HistoryEvent::Slashed | HistoryEvent::Reported);
    (0..shards)
        .filter_map(|index| Replication::shard_info(id(deal, index, 0).shard))
        .map(|info| info.history.into_iter().filter(|entry| faulty(entry.event)).count())
        .sum()
}
