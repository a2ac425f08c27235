//! Tests, by topic. The mock checks all invariants after every test, and in every block that its helpers let pass.

mod attack;
mod audits;
mod blame;
mod bounds;
mod departures;
mod draws;
mod ending;
mod faults;
mod forgeries;
mod money;
mod onboarding;
mod orders;
mod repair;
mod reports;
mod ticks;

use crate::{mock::*, Event};
use station_primitives::{DealId, HistoryEvent, Reason, ReplicaId};

/// The events of this pallet in the present block.
fn events() -> Vec<Event<Test>> {
    let ours = |record: frame_system::EventRecord<RuntimeEvent, _>| match record.event {
        RuntimeEvent::Replication(event) => Some(event),
        _ => None,
    };
    System::events().into_iter().filter_map(ours).collect()
}

/// Let blocks pass in which all of accounts 1 to `stations` but those idle work, until `done`.
fn without(idle: &[u8], stations: u8, most: u32, done: impl Fn() -> bool) {
    for _ in 0..most {
        if done() {
            return;
        }
        work((1..=stations).filter(|n| !idle.contains(n)));
        next_block();
        check();
    }
    panic!("it did not come to pass in {most} blocks");
}

/// The slot's order.
fn order(slot: ReplicaId) -> Option<crate::Order> {
    crate::Orders::<Test>::get(slot)
}

/// Who was drawn for the slot's order.
fn candidate(slot: ReplicaId) -> Option<u8> {
    let who = order(slot)?.candidate()?.provider.clone();
    (1..=CLIENT).find(|n| account(*n) == who)
}

/// A provider's record.
fn provider(n: u8) -> pallet_station_providers::Provider {
    pallet_station_providers::Providers::<Test>::get(account(n)).expect("registered")
}

/// The events of a shard's history, with their reasons.
fn history(slot: ReplicaId) -> Vec<(HistoryEvent, Reason)> {
    let shard = Replication::shard_info(slot.shard).expect("it exists");
    shard.history.into_iter().map(|entry| (entry.event, entry.reason)).collect()
}

/// Those of accounts 1 to `stations` that hold no replica of the deal's first shard.
fn spare(deal: DealId, replicas: u8, stations: u8) -> Vec<u8> {
    let holders = (0..replicas).map(|slot| holder(id(deal, 0, slot))).collect::<Vec<_>>();
    (1..=stations).filter(|n| !holders.contains(n)).collect()
}
