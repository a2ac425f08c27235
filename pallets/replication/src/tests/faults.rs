//! Misses, recoveries and slashes.

use super::*;
use crate::{Answer, Phase, Replicas};
use station_primitives::{api::Task, ReplicaState, ShardState};

fn is_faulty(slot: ReplicaId) -> bool {
    matches!(phase(slot), Phase::Late { .. })
}

fn audit_of(slot: ReplicaId) -> (u8, Answer) {
    let n = holder(slot);
    let duty = duties(n).into_iter().find(|duty| duty.replica == slot).expect("a duty");
    let Task::Audit { due, seed, .. } = duty.task else { panic!("no audit is due: {:?}", duty.task) };
    let proof = audit_proof(n, slot, duty.ticket, seed);
    (n, Answer { replica: slot, due, seed, proof })
}

#[test]
fn a_missed_audit_costs_the_period_and_an_answer_within_the_grace_saves_the_replica() {
    run(|| {
        let deal = active_deal(3, 3, 4);
        let slot = id(deal, 0, 1);
        let n = holder(slot);
        without(&[n], 3, 200, || is_faulty(slot));
        let info = Replication::shard_info(slot.shard).expect("it exists");
        assert_eq!((info.state, info.live), (ShardState::Degraded, 2));
        assert!(info.repairing_since.is_some());
        assert_eq!(info.replicas[1].state, ReplicaState::Faulty);
        let (_, late) = audit_of(slot);
        let (earned, before) = (info.replicas[1].earned, Providers::provider_info(account(n)).expect("registered"));
        assert!(submit(prove_call(n, vec![late])));
        let info = Replication::shard_info(slot.shard).expect("it exists");
        assert_eq!((info.state, info.live, info.repairing_since), (ShardState::Healthy, 3, None));
        assert_eq!(info.replicas[1].earned, earned, "that period is not paid");
        assert_eq!(Providers::provider_info(account(n)).expect("registered").collateral, before.collateral);
        // And it goes on as before.
        busy_blocks(2 * CLOCK.period, 3);
        assert!(Replication::replica_info(slot).expect("it exists").earned > earned);
    });
}

#[test]
fn beyond_the_grace_exactly_this_replica_is_slashed_with_its_reason() {
    run(|| {
        register(3);
        let deal = submit_deal(2, 3, 4, pallet_station_deals::Placement::Any);
        busy_blocks(15, 3);
        let slot = id(deal, 0, 1);
        let n = holder(slot);
        let part = Replicas::<Test>::get(slot).expect("active").collateral;
        let before = Providers::provider_info(account(n)).expect("registered");
        // The provider answers for its other replica only.
        for _ in 0..200 {
            work((1..=3).filter(|m| *m != n));
            for duty in duties(n) {
                if duty.replica != slot {
                    call_for(n, &duty).map(submit);
                }
            }
            next_block();
            check();
            if matches!(phase(slot), Phase::Vacant { .. }) {
                break;
            }
        }
        assert_eq!(phase(slot), Phase::Vacant { reason: Reason::MissedAudit });
        let after = Providers::provider_info(account(n)).expect("registered");
        assert_eq!(after.collateral, before.collateral - part);
        assert_eq!(after.replicas, before.replicas - 1);
        assert_eq!(Providers::provider_info(account(n % 3 + 1)).expect("registered").collateral, before.collateral);
        let info = Replication::shard_info(slot.shard).expect("it exists");
        assert_eq!((info.state, info.live), (ShardState::Degraded, 2));
        assert_eq!(info.replicas[1].state, ReplicaState::Replaced);
        let slashed = info.history.iter().find(|entry| entry.event == HistoryEvent::Slashed).expect("on record");
        assert_eq!((slashed.reason, slashed.provider.clone()), (Reason::MissedAudit, Some(account(n))));
        let other = Replication::shard_info(station_primitives::ShardId { deal, index: 1 }).expect("it exists");
        assert_eq!(other.state, ShardState::Healthy, "one fault never cascades");
    });
}

#[test]
fn the_client_is_compensated_below_the_minimum_only() {
    run(|| {
        let deal = active_deal(3, 3, 4);
        let paid_to_client = |slot: ReplicaId| {
            let n = holder(slot);
            without(&[n], 3, 200, || is_faulty(slot));
            let mut before = Balances::free_balance(account(CLIENT));
            for _ in 0..60 {
                if matches!(phase(slot), Phase::Vacant { .. }) {
                    break;
                }
                before = Balances::free_balance(account(CLIENT));
                let slot_holder = n;
                work((1..=3).filter(|m| *m != slot_holder));
                next_block();
                check();
            }
            Balances::free_balance(account(CLIENT)) - before
        };
        let part = Replicas::<Test>::get(id(deal, 0, 0)).expect("active").collateral;
        assert_eq!(paid_to_client(id(deal, 0, 0)), 0, "two are live");
        assert_eq!(paid_to_client(id(deal, 0, 1)), part / 2, "one is");
    });
}

#[test]
fn an_answer_after_the_grace_is_refused() {
    run(|| {
        let deal = active_deal(3, 3, 4);
        let slot = id(deal, 0, 1);
        let n = holder(slot);
        without(&[n], 3, 200, || is_faulty(slot));
        let (_, answer) = audit_of(slot);
        let (_, _, grace_ends) = Replication::challenge(answer.due).expect("open");
        without(&[n], 3, 60, || crate::CurrentTick::<Test>::get() == grace_ends);
        assert!(is_faulty(slot), "the last tick saves it still");
        next_block();
        assert!(!submit(prove_call(n, vec![answer])));
    });
}

#[test]
fn a_wrong_answer_is_a_fault_that_can_be_corrected_once() {
    run(|| {
        let deal = active_deal(3, 3, 4);
        let slot = id(deal, 0, 1);
        let n = holder(slot);
        let opened = || duties(n).iter().any(|duty| duty.replica == slot && matches!(duty.task, Task::Audit { .. }));
        without(&[n], 3, 200, opened);
        let (_, right) = audit_of(slot);
        let mut wrong = right.clone();
        wrong.proof.replica.labels[0][0] ^= 1;
        assert!(submit(prove_call(n, vec![wrong.clone()])));
        assert_eq!(phase(slot), Phase::Late { due: right.due, wrong: true });
        assert!(submit(prove_call(n, vec![right])));
        assert!(matches!(phase(slot), Phase::Keep { .. }));
        assert_eq!(Replication::replica_info(slot).expect("it exists").earned, 0, "late, so not paid");
    });
}

#[test]
fn two_wrong_answers_are_slashed_at_once() {
    run(|| {
        let deal = active_deal(3, 3, 4);
        let slot = id(deal, 0, 1);
        let n = holder(slot);
        let opened = || duties(n).iter().any(|duty| duty.replica == slot && matches!(duty.task, Task::Audit { .. }));
        without(&[n], 3, 200, opened);
        let (_, mut wrong) = audit_of(slot);
        wrong.proof.replica.labels[0][0] ^= 1;
        assert!(submit(prove_call(n, vec![wrong.clone()])));
        assert!(submit(prove_call(n, vec![wrong.clone()])));
        assert_eq!(phase(slot), Phase::Vacant { reason: Reason::InvalidProof });
        assert!(!submit(prove_call(n, vec![wrong])), "no third");
    });
}

#[test]
fn a_late_answer_before_the_sweep_is_late_all_the_same() {
    run(|| {
        let deal = active_deal(3, 3, 4);
        let slot = id(deal, 0, 1);
        let n = holder(slot);
        let opened = || duties(n).iter().any(|duty| duty.replica == slot && matches!(duty.task, Task::Audit { .. }));
        without(&[n], 3, 200, opened);
        let (_, answer) = audit_of(slot);
        // The sweeps stand still.
        SweepsPerBlock::set(0);
        for _ in 0..=CLOCK.answer_window {
            work((1..=3).filter(|m| *m != n));
            next_block();
        }
        assert!(matches!(phase(slot), Phase::Keep { .. }), "not swept");
        let info = Replication::shard_info(slot.shard).expect("it exists");
        assert_eq!(info.live, 2, "what waits for its sweep is not live");
        assert!(submit(prove_call(n, vec![answer])));
        assert_eq!(Replication::replica_info(slot).expect("it exists").earned, 0);
        let history = Replication::shard_info(slot.shard).expect("it exists").history;
        assert!(history.iter().any(|entry| entry.event == HistoryEvent::Missed));
        SweepsPerBlock::set(64);
        busy_blocks(5, 3);
    });
}
