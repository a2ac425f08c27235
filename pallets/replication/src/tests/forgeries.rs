//! What the proof must never accept, as far as the chain can see it.

use super::*;
use crate::{Answer, Phase, Replicas};
use station_primitives::{api::Task, Reason, ReplicaId};

fn open_audit(slot: ReplicaId) -> Answer {
    let n = holder(slot);
    for _ in 0..200 {
        for duty in duties(n) {
            if let (true, Task::Audit { due, seed, .. }) = (duty.replica == slot, duty.task.clone()) {
                let proof = audit_proof(n, slot, duty.ticket, seed);
                return Answer { replica: slot, due, seed, proof };
            }
        }
        work((1..=4).filter(|m| *m != n));
        next_block();
    }
    panic!("the audit of {slot} never opened");
}

#[test]
fn a_copied_root_proves_nothing() {
    run(|| {
        register(3);
        let deal = submit_deal(1, 3, 1, pallet_station_deals::Placement::Any);
        blocks(4);
        let (first, second) = (id(deal, 0, 0), id(deal, 0, 1));
        let (a, b) = (holder(first), holder(second));
        let ticket_of = |slot| Replicas::<Test>::get(slot).expect("drawn").ticket;
        let root = sealed_root(a, first, ticket_of(first));
        assert!(submit(commit_call(a, first, ticket_of(first), root)));
        // The second copies the root and, when asked, the proof.
        assert!(submit(commit_call(b, second, ticket_of(second), root)));
        blocks(4);
        let Task::ProveSeal { seed, .. } = duties(b).remove(0).task else { panic!("the seal check is open") };
        let copied = seal_proof(a, first, ticket_of(first), seed);
        assert!(submit(seal_call(b, second, seed, copied)));
        let history = Replication::shard_info(second.shard).expect("it exists").history;
        assert!(history.iter().any(|e| e.reason == Reason::FailedSealCheck && e.provider == Some(account(b))));
    });
}

#[test]
fn a_proof_of_another_period_is_worth_nothing() {
    run(|| {
        let deal = active_deal(4, 3, 4);
        let slot = id(deal, 0, 0);
        let n = holder(slot);
        let first = open_audit(slot);
        assert!(submit(prove_call(n, vec![first.clone()])));
        let second = open_audit(slot);
        assert_ne!(first.due, second.due);
        // Under its own name it is not due; under the new one it opens the wrong labels.
        assert!(!submit(prove_call(n, vec![first.clone()])));
        let replayed = Answer { proof: first.proof, ..second };
        assert!(submit(prove_call(n, vec![replayed])));
        assert!(matches!(phase(slot), Phase::Late { wrong: true, .. }));
    });
}

#[test]
fn a_proof_of_another_replica_is_worth_nothing() {
    run(|| {
        let deal = active_deal(4, 3, 4);
        let (first, second) = (id(deal, 0, 0), id(deal, 0, 1));
        let (a, b) = (holder(first), holder(second));
        let answer = open_audit(second);
        let ticket = Replicas::<Test>::get(first).expect("active").ticket;
        let foreign = Answer { proof: audit_proof(a, first, ticket, answer.seed), ..answer };
        assert!(!submit(prove_call(a, vec![foreign.clone()])), "another's replica");
        assert!(submit(prove_call(b, vec![foreign])));
        assert!(matches!(phase(second), Phase::Late { wrong: true, .. }));
    });
}

#[test]
fn a_signature_of_another_chain_is_refused() {
    run(|| {
        let deal = active_deal(4, 3, 4);
        let slot = id(deal, 0, 0);
        let n = holder(slot);
        let answer = open_audit(slot);
        let call = prove_call(n, vec![answer]);
        let genesis = frame_system::BlockHash::<Test>::get(0);
        frame_system::BlockHash::<Test>::insert(0, station_primitives::Hash::repeat_byte(1));
        assert!(!submit(call.clone()));
        frame_system::BlockHash::<Test>::insert(0, genesis);
        assert!(submit(call));
    });
}

#[test]
fn truncated_and_swollen_proofs_are_wrong_not_fatal() {
    run(|| {
        let deal = active_deal(4, 3, 4);
        let slot = id(deal, 0, 0);
        let n = holder(slot);
        let mut answer = open_audit(slot);
        answer.proof.replica.labels.pop();
        answer.proof.data.push([0; 32]);
        assert!(submit(prove_call(n, vec![answer])));
        assert!(matches!(phase(slot), Phase::Late { wrong: true, .. }));
    });
}

#[test]
fn calls_without_their_authorization_are_refused() {
    use sp_runtime::traits::Dispatchable;
    run(|| {
        let deal = active_deal(4, 3, 4);
        let slot = id(deal, 0, 0);
        let n = holder(slot);
        let call = prove_call(n, vec![open_audit(slot)]);
        assert!(call.clone().dispatch(RuntimeOrigin::signed(account(n))).is_err());
        assert!(call.dispatch(RuntimeOrigin::none()).is_err());
    });
}
