//! Orders: their ranks, their queues, their bounds.

use super::*;
use crate::{Departures, Lane, Phase, Queue, RepairBeacons, Stage};
use pallet_station_deals::Placement;
use station_primitives::economy;

/// A deal of several shards, one of whose holders loses all its replicas; that holder.
fn many_lost(shards: u8, stations: u8) -> (DealId, u8) {
    register(stations);
    let deal = submit_deal(shards, 3, 30, Placement::Any);
    busy_blocks(10 + u32::from(shards) * 2, stations);
    let n = holder(id(deal, 0, 0));
    (deal, n)
}

fn slots_of(deal: DealId, shards: u8, n: u8) -> Vec<ReplicaId> {
    let all = (0..u32::from(shards)).flat_map(|index| (0..3).map(move |slot| id(deal, index, slot)));
    all.filter(|slot| holder(*slot) == n).collect()
}

fn lane(slot: ReplicaId) -> Option<Lane> {
    match order(slot)?.stage {
        Stage::Waiting(ticket) => Some(ticket.lane),
        Stage::Assigned(_) => None,
    }
}

#[test]
fn shards_below_their_minimum_are_drawn_for_first() {
    run(|| {
        // Three providers, so nobody can be drawn for what is lost; then more come.
        let (deal, n) = many_lost(6, 3);
        let slots = slots_of(deal, 6, n);
        assert_eq!(slots.len(), 6);
        without(&[n], 3, 200, || slots.iter().all(|slot| matches!(phase(*slot), Phase::Vacant { .. })));
        without(&[n], 3, 200, || slots.iter().all(|slot| lane(*slot) == Some(Lane::Rest)));
        (4..=9).for_each(|m| register_one(m, m, pallet_station_providers::Policy::Open).expect("it can"));
        DrawsPerBlock::set(2);
        without(&[n], 3, 100, || slots.iter().all(|slot| lane(*slot) == Some(Lane::Ordinary)));
        // The last of them falls below its minimum: its holder says so itself.
        let last = slots[5];
        let other = id(deal, 5, (last.slot + 1) % 3);
        let m = holder(other);
        let Phase::Keep { due } = phase(other) else { panic!("active") };
        assert!(submit(report_call(m, other, due)));
        assert_eq!((lane(last), lane(other)), (Some(Lane::Urgent), Some(Lane::Urgent)));
        let mut drawn = Vec::new();
        for _ in 0..20 {
            work((1..=3).filter(|m| *m != n));
            next_block();
            check();
            for event in events() {
                if let Event::RepairAssigned { replica, .. } = event {
                    drawn.push(replica);
                }
            }
        }
        let place = |slot: ReplicaId| drawn.iter().position(|other| *other == slot).expect("drawn");
        // One had been ready for longer, in the same block as those below.
        assert!(place(last) <= 2 && place(other) <= 4, "{drawn:?}");
        assert!(slots[1..5].iter().filter(|slot| place(**slot) > place(last)).count() >= 3, "{drawn:?}");
        DrawsPerBlock::set(economy::DRAWS_PER_BLOCK);
    });
}

#[test]
fn draws_of_orders_are_bounded_and_nothing_is_left_behind() {
    run(|| {
        let (deal, n) = many_lost(8, 6);
        let slots = slots_of(deal, 8, n);
        DrawsPerBlock::set(4);
        SweepsPerBlock::set(16);
        let mut most = 0;
        for _ in 0..200 {
            work((1..=6).filter(|m| *m != n));
            next_block();
            check();
            most = most.max(events().iter().filter(|event| matches!(event, Event::RepairAssigned { .. })).count());
        }
        assert!((1..=4).contains(&most), "{most} in one block");
        assert!(slots.iter().all(|slot| matches!(phase(*slot), Phase::Keep { .. }) && holder(*slot) != n));
        assert_eq!(crate::OpenOrders::<Test>::get(), 0);
        assert_eq!((Queue::<Test>::iter().count(), RepairBeacons::<Test>::iter().count()), (0, 0));
        assert!(Departures::<Test>::get().is_none());
        DrawsPerBlock::set(economy::DRAWS_PER_BLOCK);
        SweepsPerBlock::set(economy::SWEEPS_PER_BLOCK);
    });
}

#[test]
fn an_operator_that_lost_a_shard_does_not_get_it_back_at_once() {
    run(|| {
        let deal = active_deal(3, 3, 30);
        let slot = id(deal, 0, 1);
        let n = holder(slot);
        // The same operator has another provider.
        register_one(4, n, pallet_station_providers::Policy::Open).expect("it can");
        without(&[n], 3, 200, || matches!(phase(slot), Phase::Vacant { .. }));
        let until = 8 * CLOCK.period;
        let since = System::block_number();
        without(&[n], 4, 2 * until, || candidate(slot).is_some() || matches!(phase(slot), Phase::Seal { .. }));
        assert!(System::block_number() >= since + u64::from(until), "{}", System::block_number() - since);
    });
}
