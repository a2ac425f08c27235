//! Ticks, seeds and congestion.

use super::*;
use crate::{CurrentTick, OpenTicks, Phase, VrfOutputs};
use station_primitives::{api::Task, ReplicaState};

#[test]
fn a_full_block_is_no_tick() {
    run(|| {
        blocks(3);
        let tick = CurrentTick::<Test>::get();
        congest();
        next_block();
        assert_eq!(CurrentTick::<Test>::get(), tick);
        next_block();
        assert_eq!(CurrentTick::<Test>::get(), tick + 1);
    });
}

#[test]
fn a_congested_chain_makes_nobody_late() {
    run(|| {
        let deal = active_deal(3, 3, 3);
        let slot = id(deal, 0, 0);
        let n = holder(slot);
        let open = || duties(n).iter().any(|duty| duty.replica == slot && matches!(duty.task, Task::Audit { .. }));
        while !open() {
            work((1..=3).filter(|m| *m != n));
            next_block();
        }
        // Far more blocks than window and grace, and in none of them could it have answered.
        for _ in 0..3 * (CLOCK.answer_window + CLOCK.grace) {
            congest();
            next_block();
            check();
        }
        assert_eq!(Replication::replica_info(slot).expect("it exists").state, ReplicaState::Active);
        work(1..=3);
        assert!(Replication::replica_info(slot).expect("it exists").earned > 0, "answered in time, and paid");
    });
}

#[test]
fn the_window_counts_from_the_seed_on() {
    run(|| {
        let deal = active_deal(3, 3, 3);
        let slot = id(deal, 0, 0);
        let Phase::Keep { due } = phase(slot) else { panic!("active") };
        while CurrentTick::<Test>::get() < due {
            work(1..=3);
            next_block();
        }
        // The tick was reached in the last block; its seed needs the blocks after that.
        for _ in 0..CLOCK.seed_blocks {
            assert!(Replication::challenge(due).is_none());
            next_block();
        }
        let (_, deadline, grace_ends) = Replication::challenge(due).expect("open");
        assert_eq!(deadline, CurrentTick::<Test>::get() + CLOCK.answer_window);
        assert_eq!(grace_ends, deadline + CLOCK.grace);
        work(1..=3);
    });
}

#[test]
fn randomness_is_kept_for_a_seed_and_no_longer() {
    run(|| {
        blocks(30);
        assert_eq!(VrfOutputs::<Test>::iter().count(), usize::try_from(CLOCK.seed_blocks).unwrap());
    });
}

#[test]
fn settled_ticks_leave_nothing_behind() {
    run(|| {
        let _ = active_deal(3, 3, 4);
        busy_blocks(3 * CLOCK.period, 3);
        let open = OpenTicks::<Test>::iter().count();
        assert!(open <= 3, "{open} ticks are open");
    });
}

#[test]
fn a_block_without_a_vrf_output_counts_with_its_hash() {
    run(|| {
        NoVrf::set(true);
        let _ = active_deal(3, 3, 1);
        NoVrf::set(false);
    });
}
