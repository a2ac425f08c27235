//! Whoever fills queues, lists and buckets slows nobody else down for long, and no hook's work grows with them.

use super::*;
use crate::{Buckets, CurrentTick, Lane, OpenOrders, Phase, QueueEnds, Sweeps, SWEEPS_PER_TICK};
use frame_support::BoundedVec;
use pallet_station_deals::{Placement, ReplicaScheduler};
use station_primitives::{api::Task, economy, ShardState};

fn waiting(lane: Lane) -> u64 {
    let ends = QueueEnds::<Test>::get(lane);
    ends.next - ends.first
}

fn busy_for(stations: impl Iterator<Item = u8> + Clone, count: u32) {
    for _ in 0..count {
        work(stations.clone());
        next_block();
        check();
    }
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
        for n in [1, 2] {
            let who = RuntimeOrigin::signed(account(n));
            Providers::update(who, None, None, None, None, None, None, None, Some(false)).expect("it can");
        }
        let lost = |slot: &ReplicaId| matches!(phase(*slot), Phase::Vacant { .. });
        // Fewer than the orders of that client would take, were nothing kept for others.
        DrawsPerBlock::set(3);
        for _ in 0..200 {
            work(3..=7);
            next_block();
        }
        check();
        assert!(all.iter().all(lost));
        for _ in 0..200 {
            if waiting(Lane::Urgent) > 90 {
                break;
            }
            work(3..=7);
            next_block();
        }
        let deal = submit_deal(1, 3, 30, Placement::Any);
        let slots = [0, 1, 2].map(|slot| id(deal, 0, slot));
        for _ in 0..CLOCK.seed_blocks + 6 {
            work(3..=7);
            next_block();
            check();
            assert!(waiting(Lane::Urgent) > 30, "the flood is no flood");
        }
        assert!(slots.iter().all(|slot| holder(*slot) > 2), "drawn");
        busy_for(3..=7, 30);
        assert!(
            slots.iter().all(|slot| matches!(phase(*slot), Phase::Keep { .. })),
            "a new deal is drawn all the same"
        );
        // And so is a lost replica of a shard that has two.
        let n = holder(slots[0]);
        busy_for((3..=7).filter(|m| *m != n), 140);
        assert_ne!(holder(slots[0]), n);
        DrawsPerBlock::set(economy::DRAWS_PER_BLOCK);
    });
}

/// Have a deal's term end now.
fn end_now(deal: DealId) {
    pallet_station_deals::Deals::<Test>::mutate(deal, |record| {
        let record = record.as_mut().expect("it runs");
        Replication::unschedule_sweep(deal, record.sweep_at);
        record.expires = CurrentTick::<Test>::get();
        record.sweep_at = Replication::schedule_sweep(deal, record.expires).expect("there is room");
    });
}

#[test]
fn in_short_blocks_a_flood_of_misses_keeps_no_deal_from_ending() {
    run(|| {
        register(4);
        let long = submit_deal(30, 3, 60, Placement::Any);
        let short = submit_deal(1, 3, 60, Placement::Any);
        busy_blocks(60, 4);
        let all = (0..30).flat_map(|index| (0..3).map(move |slot| id(long, index, slot))).collect::<Vec<_>>();
        // All of them miss within a few blocks, which no sweep sees.
        SweepsPerBlock::set(0);
        blocks(CLOCK.period + CLOCK.answer_window);
        let unseen = || all.iter().filter(|slot| matches!(phase(**slot), Phase::Keep { .. })).count();
        assert_eq!(unseen(), 90);
        end_now(short);
        // What fits the blocks of a second that local networks have.
        SweepsPerBlock::set(10);
        // Nor had the sweep of ends anything to do meanwhile.
        crate::Places::<Test>::mutate(|places| places.ends = CurrentTick::<Test>::get() - 1);
        let mut waited = 0;
        while pallet_station_deals::Deals::<Test>::get(short).is_some_and(|deal| !deal.ending) {
            next_block();
            check();
            waited += 1;
        }
        assert!(
            waited < 5 && unseen() > 40,
            "its end began after {waited} blocks, with {} misses to be seen",
            unseen()
        );
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
        end_now(deal);
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
        let idle = slots[..14].iter().map(|slot| holder(*slot)).collect::<Vec<_>>();
        let late = || slots[..14].iter().all(|slot| matches!(phase(*slot), Phase::Late { .. }));
        without(&idle, 20, 200, late);
        assert_eq!(OpenOrders::<Test>::get(), 0, "two are live");
        let n = holder(slots[14]);
        assert!(submit(report_call(n, slots[14], phase(slots[14]).due().expect("active"))));
        assert_eq!(OpenOrders::<Test>::get(), u64::from(crate::orders::URGENT_AT_ONCE));
        check();
        // They are enough: there are four stations left, and what was late is slashed and ordered anew in its time.
        without(&idle, 20, 60, || {
            Replication::shard_info(slots[0].shard).is_some_and(|info| info.state == ShardState::Degraded)
        });
        without(&idle, 20, 60, || {
            slots[..14].iter().all(|slot| order(*slot).is_some() || !idle.contains(&holder(*slot)))
        });
    });
}
