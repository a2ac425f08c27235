//! Nobody pays for another's fault: full chains, late nodes, re-orgs, sabotage.

use super::*;
use crate::{Answer, CurrentTick, Phase, Replicas};
use pallet_station_deals::{Deals as StoredDeals, Placement};
use pallet_station_providers::Provider;
use station_primitives::{api::Task, economy, Receipt, ReplicaState, Seed};

/// What a provider may lose by a fault.
fn at_stake(record: &Provider) -> (u128, u8, u32) {
    (record.collateral, record.strikes.count, record.late_commitments)
}

/// Wait, with the holder idle, until its audit is open; the answer.
fn opened(slot: ReplicaId, stations: u8) -> (u8, Answer) {
    let n = holder(slot);
    let open = || duties(n).into_iter().find(|duty| duty.replica == slot && matches!(duty.task, Task::Audit { .. }));
    without(&[n], stations, 200, || open().is_some());
    let duty = open().expect("it is open");
    let Task::Audit { due, seed, .. } = duty.task else { unreachable!("looked for") };
    (n, Answer { replica: slot, due, seed, proof: audit_proof(n, slot, duty.ticket, seed) })
}

#[test]
fn a_full_chain_costs_neither_the_client_nor_the_providers_of_a_first_upload_anything() {
    run(|| {
        register(3);
        let deal = submit_deal(1, 3, 4, Placement::Any);
        blocks(CLOCK.seed_blocks + 1);
        let slots = [0, 1, 2].map(|slot| id(deal, 0, slot));
        assert!(slots.iter().all(|slot| matches!(phase(*slot), Phase::Commit { .. })));
        let before = [1, 2, 3].map(|n| at_stake(&provider(n)));
        let info = Replication::deal_info(deal).expect("it runs");
        // No commitment could have got in for longer than all draws of a slot take.
        for _ in 0..5 * CLOCK.commit_window(1 << 16) {
            congest();
            next_block();
            check();
        }
        assert_eq!([1, 2, 3].map(|n| at_stake(&provider(n))), before);
        let after = Replication::deal_info(deal).expect("it runs");
        assert_eq!((after.escrow, after.spent), (info.escrow, info.spent));
        assert!(history(slots[0]).contains(&(HistoryEvent::Released, Reason::LateCommitment)), "it went on");
        // When there is room again, the same three are drawn, and nothing has failed.
        busy_blocks(30, 3);
        assert!(slots.iter().all(|slot| matches!(phase(*slot), Phase::Keep { .. })));
    });
}

#[test]
fn a_few_full_blocks_excuse_nobody() {
    run(|| {
        register(3);
        let deal = submit_deal(1, 3, 4, Placement::Any);
        blocks(CLOCK.seed_blocks + 1);
        let slot = id(deal, 0, 0);
        let n = holder(slot);
        let before = provider(n);
        for block in 0..=CLOCK.commit_window(1 << 16) {
            if block % 3 == 0 {
                congest();
            }
            work((1..=3).filter(|m| *m != n));
            next_block();
            check();
        }
        let after = provider(n);
        assert_eq!(after.collateral, before.collateral - Deals::assignment_deposit(1 << 16));
        assert_eq!(after.strikes.count, 1);
    });
}

#[test]
fn a_node_that_is_behind_is_paid_to_the_last_tick_of_the_window_and_not_slashed_after_it() {
    for late in [false, true] {
        run(|| {
            let deal = active_deal(3, 3, 4);
            let slot = id(deal, 0, 1);
            // It has seen the challenge, made its answer, and then heard nothing of the chain for a while.
            let (n, answer) = opened(slot, 3);
            let before = at_stake(&provider(n));
            let (_, deadline, _) = Replication::challenge(answer.due).expect("open");
            let until = deadline + u32::from(late);
            without(&[n], 3, 60, || CurrentTick::<Test>::get() == until);
            assert!(submit(prove_call(n, vec![answer])), "late: {late}");
            let info = Replication::replica_info(slot).expect("it exists");
            assert_eq!((info.state, info.earned == 0), (ReplicaState::Active, late));
            assert_eq!(at_stake(&provider(n)), before);
        });
    }
}

#[test]
fn a_commitment_is_taken_to_the_last_block_and_one_that_is_refused_costs_no_more_than_being_late() {
    run(|| {
        register(4);
        let deal = submit_deal(1, 3, 4, Placement::Any);
        blocks(CLOCK.seed_blocks + 1);
        let (first, second) = (id(deal, 0, 0), id(deal, 0, 1));
        let call = |slot: ReplicaId| {
            let (n, ticket) = (holder(slot), Replicas::<Test>::get(slot).expect("drawn").ticket);
            commit_call(n, slot, ticket, sealed_root(n, slot, ticket))
        };
        let (in_time, late, loser) = (call(first), call(second), holder(second));
        let Phase::Commit { deadline } = phase(first) else { panic!("drawn") };
        while System::block_number() < u64::from(deadline) {
            next_block();
        }
        assert!(submit(in_time));
        let before = provider(loser).collateral;
        next_block();
        assert!(!submit(late.clone()), "its time is over");
        assert!(!submit(late), "and remains so");
        assert_eq!(provider(loser).collateral, before - Deals::assignment_deposit(1 << 16), "the deposit, once");
    });
}

/// What each of two forks makes of the same chain up to a block: `common` is done on both, then `made` on fork 1 only, and
/// what it returns is tried on fork 2 in `tried`.
fn on_two_forks<C, M>(common: impl Fn() -> C, made: impl Fn(&C) -> M, tried: impl Fn(&C, M)) {
    let mut of_one = None;
    run(|| {
        let common = common();
        Fork::set(1);
        of_one = Some(made(&common));
        Fork::set(0);
    });
    run(|| {
        let common = common();
        Fork::set(2);
        tried(&common, of_one.take().expect("made on the one"));
        Fork::set(0);
    });
}

#[test]
fn an_answer_that_a_reorg_made_void_is_refused_and_the_right_one_is_paid() {
    let common = || {
        let deal = active_deal(3, 3, 4);
        let slot = id(deal, 0, 1);
        let due = phase(slot).due().expect("active");
        // To the tick, not to its seed.
        without(&[], 3, 200, || CurrentTick::<Test>::get() == due - 1);
        slot
    };
    let made = |slot: &ReplicaId| opened(*slot, 3);
    on_two_forks(common, made, |slot, (n, void)| {
        let before = at_stake(&provider(n));
        let (holder, right) = opened(*slot, 3);
        assert_eq!((holder, void.due), (n, right.due));
        assert_ne!(void.seed, right.seed, "the seed is of blocks that the forks do not share");
        assert!(!submit(prove_call(n, vec![void])));
        assert!(matches!(phase(*slot), Phase::Keep { .. }), "it is not held against it");
        assert!(submit(prove_call(n, vec![right])));
        assert_eq!(at_stake(&provider(n)), before);
        assert!(Replication::replica_info(*slot).expect("it exists").earned > 0);
    });
}

#[test]
fn an_answer_to_a_seed_that_both_forks_have_counts_on_both() {
    let common = || {
        let deal = active_deal(3, 3, 4);
        let slot = id(deal, 0, 1);
        let n = holder(slot);
        without(&[n], 3, 200, || Replication::challenge(phase(slot).due().expect("active")).is_some());
        slot
    };
    let made = |slot: &ReplicaId| {
        let (n, answer) = opened(*slot, 3);
        prove_call(n, vec![answer])
    };
    on_two_forks(common, made, |slot, signed| {
        without(&[holder(*slot)], 3, 4, || System::block_number() % 4 == 0);
        assert!(submit(signed));
        assert!(Replication::replica_info(*slot).expect("it exists").earned > 0);
    });
}

#[test]
fn a_commitment_and_a_seal_check_that_a_reorg_made_void_are_refused_and_made_anew() {
    // Submitted on both; drawn by the blocks after that.
    let common = || {
        register(3);
        submit_deal(1, 3, 4, Placement::Any)
    };
    let drawn = |deal: &DealId| {
        blocks(CLOCK.seed_blocks + 1);
        let slot = id(*deal, 0, 0);
        let (n, ticket) = (holder(slot), Replicas::<Test>::get(slot).expect("drawn").ticket);
        (n, ticket, commit_call(n, slot, ticket, sealed_root(n, slot, ticket)))
    };
    on_two_forks(common, drawn, |deal, (_, void_ticket, void)| {
        let before = [1, 2, 3].map(|n| provider(n).collateral);
        let (_, ticket, right) = drawn(deal);
        assert_ne!(ticket, void_ticket);
        assert!(!submit(void));
        assert!(submit(right));
        busy_blocks(12, 3);
        assert_eq!([1, 2, 3].map(|n| provider(n).collateral), before);
        assert!((0..3).all(|slot| matches!(phase(id(*deal, 0, slot)), Phase::Keep { .. })));
    });

    // Committed on both; checked by the blocks after that.
    let common = || {
        register(3);
        let deal = submit_deal(1, 3, 4, Placement::Any);
        blocks(CLOCK.seed_blocks + 1);
        work(1..=3);
        id(deal, 0, 0)
    };
    let checked = |slot: &ReplicaId| {
        blocks(CLOCK.seed_blocks + 2);
        let n = holder(*slot);
        let duty = duties(n).remove(0);
        let Task::ProveSeal { seed, .. } = duty.task else { panic!("the check is open: {duty:?}") };
        (n, seed, seal_call(n, *slot, seed, seal_proof(n, *slot, duty.ticket, seed)))
    };
    on_two_forks(common, checked, |slot, (n, void_seed, void)| {
        let before = provider(n).collateral;
        let (_, seed, right) = checked(slot);
        assert_ne!(seed, void_seed);
        assert!(!submit(void));
        assert!(matches!(phase(*slot), Phase::Seal { .. }), "neither passed nor failed");
        assert!(submit(right));
        assert_eq!(provider(n).collateral, before);
        assert!(matches!(phase(*slot), Phase::Keep { .. }));
        work(1..=3);
    });
}

/// A shard of which one replica was lost, and who was drawn to make it anew.
fn repair(stations: u8) -> (ReplicaId, u8, u8) {
    let deal = active_deal(stations, 3, 60);
    let slot = id(deal, 0, 1);
    let n = holder(slot);
    let mut idle = spare(deal, 3, stations);
    idle.push(n);
    without(&idle, stations, 200, || candidate(slot).is_some());
    (slot, n, candidate(slot).expect("drawn"))
}

#[test]
fn a_candidate_that_names_honest_sources_as_refusing_takes_nothing_from_them() {
    run(|| {
        let (slot, n, sybil) = repair(5);
        let victims = (0..3).filter(|s| *s != slot.slot).map(|s| holder(id(slot.shard.deal, 0, s))).collect::<Vec<_>>();
        let before = victims.iter().map(|m| at_stake(&provider(*m))).collect::<Vec<_>>();
        let weight = |m: u8| {
            let client = account(CLIENT);
            let need = pallet_station_providers::selection::Need {
                client: &client,
                bytes: 1 << 16,
                max_price: PRICE,
                excluded: &[],
                operators: &[],
            };
            let now = u32::try_from(System::block_number()).expect("few blocks");
            Providers::weight_for(&account(m), &provider(m), &need, now)
        };
        let weights = victims.iter().map(|m| weight(*m)).collect::<Vec<_>>();
        let ticket = duties(sybil).remove(0).ticket;
        // Twice over: when it asks for more time, and again in its receipt.
        assert!(submit(name_call(sybil, slot, ticket, &victims)));
        let refused = victims.iter().map(|m| account(*m)).collect::<Vec<_>>();
        let receipt = Receipt { refused: frame_support::BoundedVec::truncate_from(refused), ..Receipt::default() };
        assert!(submit(receipt_call(sybil, slot, ticket, sealed_root(sybil, slot, ticket), receipt)));
        check();
        assert_eq!(victims.iter().map(|m| at_stake(&provider(*m))).collect::<Vec<_>>(), before);
        assert_eq!(victims.iter().map(|m| weight(*m)).collect::<Vec<_>>(), weights, "nor from their draws");
        for victim in &victims {
            assert!((0..3).any(|s| holder(id(slot.shard.deal, 0, s)) == *victim), "nor their replicas");
        }
        // It earns one fee, as anybody would have, and holds no other slot of the shard however often it tries.
        assert!((0..3).filter(|s| holder(id(slot.shard.deal, 0, *s)) == sybil).count() == 1);
        without(&[n], 5, 30, || matches!(phase(slot), Phase::Keep { .. }));
    });
}

#[test]
fn who_sabotages_a_provider_is_drawn_for_its_repairs_no_more_often_than_anybody() {
    run(|| {
        // Of eleven, three hold the shard or lost it, and one is a holder's second account: seven are left. One of them is the
        // saboteur's as well, by another name.
        let deal = active_deal(10, 3, 60);
        let slot = id(deal, 0, 1);
        let n = holder(slot);
        let saboteur = holder(id(deal, 0, 0));
        let sybil = spare(deal, 3, 10)[0];
        register_one(11, saboteur, pallet_station_providers::Policy::Open).expect("it can");
        without(&[n], 11, 200, || order(slot).is_some());
        let record = StoredDeals::<Test>::get(deal).expect("it runs");
        let spec = spec(deal, 0);
        let (mut drawn, draws) = (std::collections::BTreeMap::new(), 2_000u32);
        for round in 0..draws {
            let seed: Seed = sp_io::hashing::blake2_256(&round.to_le_bytes());
            let (who, _) = Replication::find(slot, &seed, &record, &spec, &[]).expect("seven can");
            let who = (1..=11).find(|m| account(*m) == who).expect("a station");
            *drawn.entry(who).or_insert(0u32) += 1;
        }
        assert!(!drawn.contains_key(&n), "who lost it");
        assert!(
            (0..3).filter(|s| *s != slot.slot).all(|s| !drawn.contains_key(&holder(id(deal, 0, s)))),
            "who holds it"
        );
        assert!(!drawn.contains_key(&11), "nor its operator's other account");
        let fair = draws / u32::try_from(drawn.len()).expect("few");
        assert_eq!(drawn.len(), 7);
        assert!(drawn[&sybil] < fair * 5 / 4, "{drawn:?}");
    });
}

#[test]
fn a_provider_without_any_collateral_left_hands_over_and_is_slashed_for_nothing() {
    run(|| {
        TopUpDays::set(0);
        register(6);
        let deal = submit_deal(4, 3, 30, Placement::Any);
        busy_blocks(20, 6);
        let n = (1..=6).max_by_key(|n| provider(*n).replicas).expect("there are six");
        let held = provider(n).replicas;
        assert!(held >= 2);
        let all = provider(n).collateral;
        let split = pallet_station_providers::Split::default();
        Providers::fine(&account(n), all, split, &account(CLIENT)).expect("registered");
        check();
        let (mut slashes, mut earned) = (0, 0);
        for _ in 0..150 {
            work(1..=6);
            next_block();
            check();
            slashes += events().iter().filter(|event| matches!(event, Event::ReplicaSlashed { .. })).count();
            earned = earned.max(provider(n).earned);
        }
        assert_eq!(slashes, 0, "not one, let alone all");
        let record = provider(n);
        assert_eq!((record.replicas, record.collateral, record.collateral_used), (0, 0, 0), "all were handed over");
        assert_eq!(record.short_since, None);
        let health = Replication::deal_info(deal).expect("it runs").state;
        assert_eq!((health, Replication::summary().live_replicas), (station_primitives::DealState::Healthy, 12));
        frame_support::assert_ok!(Providers::deregister(RuntimeOrigin::signed(account(n))));
        TopUpDays::set(economy::TOP_UP_DAYS);
    });
}

#[test]
fn one_fault_of_an_insolvent_provider_takes_what_is_left_and_no_other_replica() {
    run(|| {
        register(3);
        let deal = submit_deal(2, 3, 30, Placement::Any);
        busy_blocks(20, 3);
        let (slot, other) = (id(deal, 0, 1), 1);
        let n = holder(slot);
        // A planck is left of what two replicas need.
        let split = pallet_station_providers::Split::default();
        Providers::fine(&account(n), provider(n).collateral - 1, split, &account(CLIENT)).expect("registered");
        let kept = (0..3).map(|s| id(deal, other, s)).find(|s| holder(*s) == n).expect("three hold three");
        for _ in 0..200 {
            work((1..=3).filter(|m| *m != n));
            for duty in duties(n).into_iter().filter(|duty| duty.replica == kept) {
                call_for(n, &duty).map(submit);
            }
            next_block();
            check();
            if matches!(phase(slot), Phase::Vacant { .. }) {
                break;
            }
        }
        assert!(matches!(phase(slot), Phase::Vacant { .. }));
        assert_eq!(provider(n).collateral, 0);
        assert_eq!((holder(kept), order(kept)), (n, None), "it has seven days to top up");
        busy_blocks(5, 3);
        let info = Replication::replica_info(kept).expect("it exists");
        assert_eq!(info.state, ReplicaState::Active);
    });
}
