//! Audits that pass.

use super::*;
use crate::{Answer, CurrentTick, Event, Phase, Replicas};
use station_primitives::{api::Task, ReplicaState};

/// Blocks until the replica's audit is open.
fn wait_for_audit(slot: station_primitives::ReplicaId, stations: u8) {
    let n = holder(slot);
    for _ in 0..2 * CLOCK.period {
        if duties(n).iter().any(|duty| duty.replica == slot && matches!(duty.task, Task::Audit { .. })) {
            return;
        }
        let others = (1..=stations).filter(|m| *m != n);
        work(others);
        next_block();
    }
    panic!("the audit of {slot} never opened");
}

#[test]
fn every_replica_is_proven_once_a_period() {
    run(|| {
        let deal = active_deal(4, 3, 5);
        let slot = id(deal, 0, 0);
        let Phase::Keep { due: first } = phase(slot) else { panic!("active") };
        let mut proven = 0;
        for _ in 0..4 * CLOCK.period {
            work(1..=4);
            proven += events()
                .iter()
                .filter(|event| matches!(event, Event::ReplicaProven { replica, .. } if *replica == slot))
                .count();
            next_block();
            check();
        }
        assert!((3..=4).contains(&proven), "{proven}");
        let Phase::Keep { due } = phase(slot) else { panic!("active") };
        assert_eq!((due - first) % CLOCK.period, 0, "its place is fixed at activation");
    });
}

#[test]
fn one_call_answers_many() {
    run(|| {
        register(3);
        let deal = submit_deal(3, 3, 3, pallet_station_deals::Placement::Any);
        busy_blocks(15, 3);
        // Three providers, three replicas: each holds all three shards.
        while CurrentTick::<Test>::get() < 10 + CLOCK.period + 10 {
            next_block();
        }
        let audits = duties(1)
            .into_iter()
            .filter_map(|duty| match duty.task {
                Task::Audit { due, seed, .. } => {
                    let proof = audit_proof(1, duty.replica, duty.ticket, seed);
                    Some(Answer { replica: duty.replica, due, seed, proof })
                }
                _ => None,
            })
            .collect::<Vec<_>>();
        assert_eq!(audits.len(), 3);
        let twice = audits.iter().cloned().chain([audits[0].clone()]).collect();
        assert!(!submit(prove_call(1, twice)), "the same replica twice");
        assert!(!submit(prove_call(1, Vec::new())), "no answers");
        assert!(submit(prove_call(1, audits)));
        assert!(events().iter().filter(|event| matches!(event, Event::ReplicaProven { .. })).count() == 3);
        work([2, 3]);
        let _ = deal;
    });
}

#[test]
fn what_is_not_due_is_refused() {
    run(|| {
        let deal = active_deal(3, 3, 3);
        let slot = id(deal, 0, 0);
        let n = holder(slot);
        let record = Replicas::<Test>::get(slot).expect("active");
        let Phase::Keep { due } = record.phase else { panic!("active") };
        let answer = Answer { replica: slot, due, seed: [1; 32], proof: audit_proof(n, slot, record.ticket, [1; 32]) };
        assert!(!submit(prove_call(n, vec![answer])), "before it is due");
        wait_for_audit(slot, 3);
        let duty = duties(n).into_iter().find(|duty| duty.replica == slot).expect("due");
        let call = call_for(n, &duty).expect("due");
        assert!(submit(call.clone()));
        assert!(!submit(call), "answered already");
    });
}

#[test]
fn an_answer_of_another_fork_is_refused_not_punished() {
    run(|| {
        let deal = active_deal(3, 3, 3);
        let slot = id(deal, 0, 0);
        let n = holder(slot);
        wait_for_audit(slot, 3);
        let duty = duties(n).into_iter().find(|duty| duty.replica == slot).expect("due");
        let Task::Audit { due, seed, .. } = duty.task else { panic!("due") };
        let mut other = seed;
        other[0] ^= 1;
        let proof = audit_proof(n, slot, duty.ticket, other);
        assert!(!submit(prove_call(n, vec![Answer { replica: slot, due, seed: other, proof }])));
        assert_eq!(Replication::replica_info(slot).expect("it exists").state, ReplicaState::Active);
        work([n]);
    });
}

#[test]
fn two_replicas_and_two_periods_never_share_a_seed() {
    run(|| {
        let deal = active_deal(3, 3, 4);
        let mut seeds = std::collections::BTreeSet::new();
        let mut asked = 0;
        for _ in 0..3 * CLOCK.period {
            for n in 1..=3 {
                for duty in duties(n) {
                    if let Task::Audit { seed, .. } = duty.task {
                        asked += 1;
                        assert!(seeds.insert(seed), "a seed came twice");
                    }
                }
            }
            work(1..=3);
            next_block();
        }
        assert!(asked >= 6);
        let _ = deal;
    });
}
