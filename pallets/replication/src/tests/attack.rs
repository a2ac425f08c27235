//! Whoever fills queues, lists and buckets slows nobody else down for long, and no hook's work grows with them.

use super::*;
use crate::{Buckets, CurrentTick, Event, Lane, OpenOrders, Phase, QueueEnds, Sweeps, SWEEPS_PER_TICK};
use frame_support::{assert_ok, BoundedVec};
use pallet_station_deals::{Placement, ReplicaScheduler};
use station_primitives::{api::Task, economy, ShardId, ShardState};

fn waiting(lane: Lane) -> u64 {
    let ends = QueueEnds::<Test>::get(lane);
    ends.next - ends.first
}

#[test]
fn urgent_orders_of_which_nothing_comes_stop_neither_new_deals_nor_other_repairs() {
    run(|| {
        register(7);
        // A client that lets its own two providers lose everything, and takes nobody else.
        let own = BoundedVec::truncate_from(vec![account(1), account(2)]);
        let hostile = submit_deal(64, 2, 60, Placement::Chosen { providers: own, fallback: false });
        let all = (0..64).flat_map(|index| [id(hostile, index, 0), id(hostile, index, 1)]).collect::<Vec<_>>();
        for _ in 0..100 {
            work(1..=7);
            next_block();
        }
        assert!(all.iter().all(|slot| matches!(phase(*slot), Phase::Keep { .. })));
        let lost = |slot: &ReplicaId| matches!(phase(*slot), Phase::Vacant { .. });
        for _ in 0..140 {
            work(3..=7);
            next_block();
        }
        check();
        assert!(all.iter().all(lost));
        DrawsPerBlock::set(4);
        // It is never out of urgent orders whose turn has come.
        let mut busy = 0;
        let deal = submit_deal(1, 3, 30, Placement::Any);
        for _ in 0..40 {
            work(3..=7);
            next_block();
            check();
            busy += u32::from(waiting(Lane::Urgent) > 8);
        }
        assert!(busy > 20, "{busy}: the flood is no flood");
        let slots = [0, 1, 2].map(|slot| id(deal, 0, slot));
        assert!(
            slots.iter().all(|slot| matches!(phase(*slot), Phase::Keep { .. })),
            "a new deal is drawn all the same"
        );
        // And so is a lost replica of a shard that has two.
        let n = holder(slots[0]);
        for _ in 0..140 {
            work((3..=7).filter(|m| *m != n));
            next_block();
            check();
        }
        assert_ne!(holder(slots[0]), n);
        DrawsPerBlock::set(economy::DRAWS_PER_BLOCK);
    });
}

#[test]
fn in_short_blocks_a_provider_that_cannot_go_keeps_no_deal_from_ending() {
    run(|| {
        register(3);
        let long = submit_deal(12, 3, 60, Placement::Any);
        busy_blocks(20, 3);
        let short = submit_deal(1, 3, 1, Placement::Any);
        busy_blocks(12, 3);
        // Nobody can take over what it holds, so the sweep of those that go finds something to do in every block.
        assert_ok!(Providers::leave(RuntimeOrigin::signed(account(1)), false));
        SweepsPerBlock::set(10);
        let expires = Replication::deal_info(short).expect("it runs").expires;
        while CurrentTick::<Test>::get() <= expires + 20 {
            busy_blocks(1, 3);
        }
        assert_eq!(OpenOrders::<Test>::get(), 12);
        assert!(Replication::deal_info(short).is_none(), "it ended");
        assert!(Replication::deal_info(long).is_some());
        SweepsPerBlock::set(economy::SWEEPS_PER_BLOCK);
    });
}

#[test]
fn a_deal_that_waits_for_an_answer_is_not_forgotten_when_all_sweeps_to_come_are_taken() {
    run(|| {
        let deal = active_deal(3, 3, 1);
        let slot = id(deal, 0, 0);
        let n = holder(slot);
        without(&[n], 3, 100, || duties(n).iter().any(|duty| matches!(duty.task, Task::Audit { .. })));
        pallet_station_deals::Deals::<Test>::mutate(deal, |record| {
            let record = record.as_mut().expect("it runs");
            Replication::unschedule_sweep(deal, record.sweep_at);
            record.expires = CurrentTick::<Test>::get();
            record.sweep_at = Replication::schedule_sweep(deal, record.expires).expect("there is room");
        });
        // Deals of others end in every tick for a long time. (They do not exist: a sweep finds that out.)
        let from = CurrentTick::<Test>::get() + 2;
        let others = (0..SWEEPS_PER_TICK).map(|n| DealId(10_000 + u64::from(n))).collect::<Vec<_>>();
        (from..from + 300).for_each(|tick| Sweeps::<Test>::insert(tick, BoundedVec::truncate_from(others.clone())));
        let mut ended = None;
        for block in 0..100 {
            work((1..=3).filter(|m| *m != n));
            next_block();
            check();
            if Replication::deal_info(deal).is_none() {
                ended = ended.or(Some(block));
            }
        }
        assert!(ended.is_some(), "its last challenge was settled, and so was it");
        assert_eq!(Replication::money(account(CLIENT)).escrow, 0);
    });
}

#[test]
fn a_right_answer_is_taken_though_somebody_filled_a_whole_stretch_of_buckets() {
    run(|| {
        let deal = active_deal(3, 3, 10);
        let slot = id(deal, 0, 0);
        let n = holder(slot);
        without(&[n], 3, 100, || Replication::challenge(phase(slot).due().expect("active")).is_some());
        let from = phase(slot).due().expect("active") + CLOCK.period;
        let room: u32 = <Test as crate::Config>::MaxPerBucket::get();
        let before = (from..from + 64).map(crate::Buckets::<Test>::get).collect::<Vec<_>>();
        let strangers = (0..room).map(|index| id(DealId(10_000), index, 0)).collect::<Vec<_>>();
        (from..from + 64).for_each(|tick| Buckets::<Test>::insert(tick, BoundedVec::truncate_from(strangers.clone())));
        work([n]);
        let info = Replication::replica_info(slot).expect("it exists");
        assert!(info.earned > 0, "in time, and paid");
        let due = info.due.expect("active");
        assert!((from + 64..from + 64 + CLOCK.period).contains(&due), "{due}");
        for (tick, bucket) in (from..).zip(before) {
            if bucket.is_empty() {
                Buckets::<Test>::remove(tick);
            } else {
                Buckets::<Test>::insert(tick, bucket);
            }
        }
        // And it goes on from there.
        busy_blocks(2 * CLOCK.period + 100, 3);
        assert!(Replication::replica_info(slot).expect("it exists").earned > info.earned);
    });
}

#[test]
fn a_large_shard_that_falls_below_its_minimum_opens_a_few_orders_at_a_time_and_recovers() {
    run(|| {
        register(20);
        let deal = submit_deal(1, 16, 60, Placement::Any);
        busy_blocks(20, 20);
        let slots = (0..16).map(|slot| id(deal, 0, slot)).collect::<Vec<_>>();
        assert!(slots.iter().all(|slot| matches!(phase(*slot), Phase::Keep { .. })));
        let (last, rest) = (holder(slots[15]), slots[..15].iter().map(|slot| holder(*slot)).collect::<Vec<_>>());
        let (mut most, mut below) = (0, false);
        for _ in 0..100 {
            work((1..=20).filter(|n| !rest.contains(n)));
            next_block();
            check();
            let happened = events();
            let count = |wanted: &dyn Fn(&Event<Test>) -> bool| happened.iter().filter(|event| wanted(event)).count();
            let opened = count(&|event| matches!(event, Event::RepairOpened { .. }));
            let faults = count(&|event| matches!(event, Event::ReplicaFaulty { .. } | Event::ReplicaSlashed { .. }));
            assert!(opened <= faults * 5, "{opened} orders for {faults} faults");
            most = most.max(opened);
            let info = Replication::shard_info(ShardId { deal, index: 0 }).expect("it exists");
            below |= info.state == ShardState::BelowMinimum;
        }
        assert!(below && most >= 4, "{most}");
        let info = Replication::shard_info(ShardId { deal, index: 0 }).expect("it exists");
        assert!(info.live >= 2, "{} live", info.live);
        assert_eq!(holder(slots[15]), last);
    });
}
