//! From submission to the first proof.

use super::*;
use crate::{LiveReplicas, Phase, Replicas};
use pallet_station_deals::Placement;
use station_primitives::{api::Task, economy, DealState, Reason, ReplicaState, ShardId, ShardState};
use std::collections::BTreeSet;

#[test]
fn a_deal_is_drawn_sealed_and_active_on_different_operators() {
    run(|| {
        register(5);
        let deal = submit_deal(2, 3, 3, Placement::Any);
        assert_eq!(Replication::deal_info(deal).expect("it runs").state, DealState::Pending);
        blocks(CLOCK.seed_blocks + 1);
        for index in 0..2 {
            let holders = (0..3).map(|slot| holder(id(deal, index, slot))).collect::<BTreeSet<_>>();
            assert_eq!(holders.len(), 3, "three providers for three replicas");
        }
        busy_blocks(10, 5);
        assert_eq!(LiveReplicas::<Test>::get(), 6);
        let info = Replication::deal_info(deal).expect("it runs");
        assert_eq!(info.state, DealState::Healthy);
        let shard = Replication::shard_info(ShardId { deal, index: 1 }).expect("it exists");
        assert_eq!((shard.live, shard.target, shard.state), (3, 3, ShardState::Healthy));
        assert!(shard.replicas.iter().all(|replica| replica.state == ReplicaState::Active));
        assert!(shard.replicas.iter().all(|replica| replica.last_proof.is_some()));
    });
}

#[test]
fn commitments_wait_for_nobody_and_earn_the_fee() {
    run(|| {
        register(3);
        let deal = submit_deal(1, 3, 1, Placement::Any);
        blocks(4);
        let slot = id(deal, 0, 0);
        let n = holder(slot);
        let before = Balances::free_balance(account(n));
        let duty = duties(n).remove(0);
        assert!(matches!(duty.task, Task::Commit { .. }));
        assert!(submit(call_for(n, &duty).expect("a commitment is due")));
        assert_eq!(Balances::free_balance(account(n)), before + economy::ONBOARDING_FEE);
        assert_eq!(duties(n).remove(0).task, Task::AwaitSealCheck);
        assert!(matches!(phase(slot), Phase::Seal { .. }));
        work([1, 2, 3]);
        busy_blocks(6, 3);
    });
}

#[test]
fn nobody_commits_for_another_or_with_another_ticket_or_twice() {
    run(|| {
        register(4);
        let deal = submit_deal(1, 3, 1, Placement::Any);
        blocks(4);
        let slot = id(deal, 0, 1);
        let n = holder(slot);
        let ticket = Replicas::<Test>::get(slot).expect("drawn").ticket;
        let other = (1..=4).find(|m| *m != n).expect("there are four");
        assert!(!submit(commit_call(other, slot, ticket, [1; 32])), "another's replica");
        assert!(!submit(commit_call(n, slot, [9; 32], [1; 32])), "a ticket of another fork");
        let forged = match commit_call(other, slot, ticket, [1; 32]) {
            RuntimeCall::Replication(crate::Call::commit { replica, ticket, comm_r, receipt, signature, .. }) => {
                crate::Call::commit { provider: account(n), replica, ticket, comm_r, receipt, signature }
            }
            _ => unreachable!("commit_call makes a commit"),
        };
        assert!(!submit(forged.into()), "another's signature");
        let right = commit_call(n, slot, ticket, sealed_root(n, slot, ticket));
        assert!(submit(right.clone()));
        assert!(!submit(right), "the same once more");
    });
}

#[test]
fn a_late_commitment_slashes_nobody_and_costs_both_the_same() {
    run(|| {
        register(3);
        register_one(4, 4, pallet_station_providers::Policy::Open).expect("it can");
        let deal = submit_deal(1, 3, 1, Placement::Any);
        blocks(4);
        let slot = id(deal, 0, 2);
        let idle = holder(slot);
        let working = (1..=4).filter(|n| *n != idle).collect::<Vec<_>>();
        let deposit = Deals::assignment_deposit(spec(deal, 0).class.bytes());
        let provider_before = Providers::provider_info(account(idle)).expect("registered");
        let escrow_before = Replication::deal_info(deal).expect("it runs").escrow;
        // The two that work are active long before the third is late.
        for _ in 0..=CLOCK.commit_window(1 << 16) {
            work(working.clone());
            next_block();
            check();
        }
        let provider = Providers::provider_info(account(idle)).expect("registered");
        assert_eq!(provider.collateral, provider_before.collateral - deposit);
        assert_eq!(provider.collateral_used, 0);
        let info = Replication::deal_info(deal).expect("it runs");
        assert_eq!(info.escrow, escrow_before - 2 * economy::ONBOARDING_FEE - deposit);
        let history = Replication::shard_info(slot.shard).expect("it exists").history;
        assert!(history
            .iter()
            .any(|entry| entry.reason == Reason::LateCommitment && entry.provider == Some(account(idle))));
        // Somebody else is drawn for it.
        for _ in 0..10 {
            work(working.clone());
            next_block();
            check();
        }
        assert_ne!(holder(slot), idle);
        assert!(matches!(phase(slot), Phase::Keep { .. }));
    });
}

#[test]
fn after_all_draws_a_slot_fails_and_its_escrow_goes_back() {
    run(|| {
        register(5);
        let deal = submit_deal(1, 3, 6, Placement::Any);
        let slot_cost = Deals::costs(1 << 16, PRICE).slot(6).expect("no overflow");
        // Nobody ever commits: three draws a slot at most, and five providers for all of them.
        blocks(5 * (CLOCK.commit_window(1 << 16) + 10));
        for slot in 0..3 {
            assert_eq!(phase(id(deal, 0, slot)), Phase::Failed);
        }
        let info = Replication::deal_info(deal).expect("it runs to its term");
        assert_eq!((info.escrow, info.state), (0, DealState::Lost));
        assert!(info.spent < 3 * slot_cost);
        assert_eq!(Balances::free_balance(account(CLIENT)) + info.spent, 1_000_000_000 * station_primitives::TKT);
    });
}

#[test]
fn a_failed_seal_check_is_slashed_and_drawn_again() {
    run(|| {
        register(4);
        let deal = submit_deal(1, 3, 1, Placement::Any);
        blocks(4);
        let slot = id(deal, 0, 0);
        let n = holder(slot);
        let ticket = Replicas::<Test>::get(slot).expect("drawn").ticket;
        let part = Replicas::<Test>::get(slot).expect("drawn").collateral;
        // A root of something else: the seal check cannot be answered.
        assert!(submit(commit_call(n, slot, ticket, [7; 32])));
        blocks(4);
        let Task::ProveSeal { seed, .. } = duties(n).remove(0).task else { panic!("the seal check is open") };
        let collateral = Providers::provider_info(account(n)).expect("registered").collateral;
        assert!(submit(seal_call(n, slot, seed, seal_proof(n, slot, ticket, seed))));
        let provider = Providers::provider_info(account(n)).expect("registered");
        assert_eq!(provider.collateral, collateral - part);
        assert_eq!(phase(slot), Phase::Drawing);
        busy_blocks(12, 4);
        assert_ne!(holder(slot), n);
    });
}

#[test]
fn an_unanswered_seal_check_is_slashed_like_a_failed_one() {
    run(|| {
        register(4);
        let deal = submit_deal(1, 3, 1, Placement::Any);
        blocks(4);
        let slot = id(deal, 0, 0);
        let n = holder(slot);
        let ticket = Replicas::<Test>::get(slot).expect("drawn").ticket;
        assert!(submit(commit_call(n, slot, ticket, [7; 32])));
        let rest = (1..=4).filter(|m| *m != n).collect::<Vec<_>>();
        for _ in 0..(3 + CLOCK.answer_window + CLOCK.grace) {
            work(rest.clone());
            next_block();
            check();
        }
        assert!(matches!(phase(slot), Phase::Seal { .. }), "open to the end of the grace");
        for _ in 0..4 {
            work(rest.clone());
            next_block();
            check();
        }
        let history = Replication::shard_info(slot.shard).expect("it exists").history;
        assert!(history.iter().any(|entry| entry.reason == Reason::UnansweredSealCheck));
    });
}
