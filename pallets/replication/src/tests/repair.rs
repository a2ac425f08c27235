//! From a lost replica to a new one.

use super::*;
use crate::{Lane, OpenOrders, Phase, Repaired, Stage, Standing};
use pallet_station_deals::Placement;
use station_primitives::{api::Task, economy, Balance, Receipt, ShardState, GIB};

const FEE: Balance = economy::ONBOARDING_FEE;

/// What a source gets for a shard of 64 KiB, at the highest price.
const SERVED: Balance = economy::REPAIR_SERVED_PRICE * (1 << 16) / GIB as Balance;

fn ask_for_retrieval(n: u8, price: Balance) {
    let who = RuntimeOrigin::signed(account(n));
    Providers::update(who, None, None, Some(price), None, None, None, None, None).expect("it can");
}

fn free(n: u8) -> Balance {
    Balances::free_balance(account(n))
}

/// A deal whose slot 1 has lost its replica; who held it, and who holds none.
fn lost(stations: u8, periods: u32) -> (ReplicaId, u8, Vec<u8>) {
    let deal = active_deal(stations, 3, periods);
    let slot = id(deal, 0, 1);
    let n = holder(slot);
    let spare = spare(deal, 3, stations);
    let idle = spare.iter().copied().chain([n]).collect::<Vec<_>>();
    without(&idle, stations, 200, || matches!(phase(slot), Phase::Vacant { .. }));
    (slot, n, spare)
}

/// A deal of which two slots miss, so that one replica is live: both have orders before any grace has ended.
fn below(stations: u8) -> (ReplicaId, ReplicaId, Vec<u8>) {
    let deal = active_deal(stations, 3, 20);
    let (first, second) = (id(deal, 0, 0), id(deal, 0, 1));
    let mut idle = spare(deal, 3, stations);
    idle.extend([holder(first), holder(second)]);
    without(&idle, stations, 200, || order(first).is_some() && order(second).is_some());
    (first, second, idle)
}

#[test]
fn a_lost_replica_is_made_anew_elsewhere_and_paid_for_out_of_the_slash() {
    run(|| {
        let deal = active_deal(4, 3, 20);
        (1..=4).for_each(|n| ask_for_retrieval(n, 4 * economy::REPAIR_SERVED_PRICE));
        let slot = id(deal, 0, 1);
        let n = holder(slot);
        let spare = spare(deal, 3, 4)[0];
        let (before, burnt, issued) = (provider(n), Replication::summary().burnt, Balances::total_issuance());
        let part = crate::Replicas::<Test>::get(slot).expect("active").collateral;
        without(&[n, spare], 4, 200, || candidate(slot).is_some());
        assert_eq!(candidate(slot), Some(spare), "nobody else is left");
        assert_eq!(provider(n).collateral, before.collateral - part);
        assert_eq!((OpenOrders::<Test>::get(), Replication::summary().orders), (1, 1));
        let info = Replication::shard_info(slot.shard).expect("it exists");
        assert_eq!((info.state, info.live, info.orders.len()), (ShardState::Degraded, 2, 1));
        assert_eq!(info.orders[0].provider, Some(account(spare)));
        assert!(info.repairing_since.is_some());

        let duty = duties(spare).remove(0);
        let Task::Repair { sources, .. } = duty.task.clone() else { panic!("a repair: {:?}", duty.task) };
        assert_eq!(sources.len(), 2, "the other two holders");
        assert!(sources.iter().all(|(who, address)| *who != account(n) && !address.is_empty()));
        let source = (1..=4).find(|m| account(*m) == sources[0].0).expect("a station");
        let (escrow, made, served) = (Replication::money(account(CLIENT)).escrow, free(spare), free(source));
        work([spare]);
        assert_eq!(free(spare), made + FEE);
        assert_eq!(free(source), served + SERVED);
        assert_eq!(Replication::money(account(CLIENT)).escrow, escrow, "the slash paid for all of it");
        assert_eq!((holder(slot), order(slot)), (spare, None));
        check();

        without(&[n], 4, 20, || matches!(phase(slot), Phase::Keep { .. }));
        let info = Replication::shard_info(slot.shard).expect("it exists");
        assert_eq!((info.state, info.live, info.repairing_since), (ShardState::Healthy, 3, None));
        assert_eq!((Repaired::<Test>::get(), Replication::summary().repaired), (1, 1));
        let history = history(slot);
        for event in [
            (HistoryEvent::Slashed, Reason::MissedAudit),
            (HistoryEvent::RepairOpened, Reason::MissedAudit),
            (HistoryEvent::Assigned, Reason::MissedAudit),
            (HistoryEvent::Committed, Reason::MissedAudit),
            (HistoryEvent::Activated, Reason::None),
        ] {
            assert!(history.contains(&event), "{event:?} in {history:?}");
        }
        assert_eq!(issued - Balances::total_issuance(), Replication::summary().burnt - burnt, "every planck");
        // And it goes on, paid.
        without(&[n], 4, 100, || Replication::replica_info(slot).is_some_and(|info| info.earned > 0));
    });
}

#[test]
fn below_two_live_orders_do_not_wait_for_the_grace_and_replaced_holders_pay_the_repair_and_no_more() {
    run(|| {
        let (first, second, _) = below(5);
        assert_eq!(Replication::shard_info(first.shard).expect("it exists").state, ShardState::BelowMinimum);
        let (a, b) = (holder(first), holder(second));
        assert!(matches!(phase(first), Phase::Late { .. }) && matches!(phase(second), Phase::Late { .. }));
        let before = provider(a).collateral;
        without(&[a, b], 5, 14, || order(first).is_none() && order(second).is_none());
        let price = Deals::repair_price(1 << 16);
        assert_eq!(provider(a).collateral, before - price, "it had not had its grace");
        assert_eq!((provider(a).replicas, provider(a).collateral_used), (0, 0));
        assert!(history(first).contains(&(HistoryEvent::Replaced, Reason::MissedAudit)));
        without(&[a, b], 5, 20, || {
            Replication::shard_info(first.shard).is_some_and(|info| info.state == ShardState::Healthy)
        });
        assert!(![a, b].contains(&holder(first)) && ![a, b].contains(&holder(second)));
    });
}

#[test]
fn a_holder_that_answers_first_keeps_its_replica_and_pays_for_what_was_begun() {
    run(|| {
        let (first, second, idle) = below(5);
        let a = holder(first);
        without(&idle, 5, 10, || candidate(first).is_some() && candidate(second).is_some());
        let drawn = candidate(first).expect("drawn");
        let (collateral, money) = (provider(a).collateral, free(drawn));
        work([a]);
        assert!(matches!(phase(first), Phase::Keep { .. }));
        assert_eq!((order(first), holder(first)), (None, a));
        assert_eq!(provider(a).collateral, collateral - FEE);
        assert_eq!(free(drawn), money + FEE);
        let record = provider(drawn);
        assert_eq!((record.replicas, record.collateral_used, record.strikes.count), (0, 0, 0));
        assert!(history(first).contains(&(HistoryEvent::RepairCancelled, Reason::None)));
        assert!(duties(drawn).is_empty());
        check();
        // The other order goes on.
        assert!(order(second).is_some());
        without(&[holder(second)], 5, 30, || order(second).is_none());
    });
}

#[test]
fn a_holder_that_answers_before_anybody_was_drawn_loses_only_its_pay() {
    run(|| {
        let (first, _, _) = below(5);
        let a = holder(first);
        let before = provider(a).collateral;
        assert_eq!(candidate(first), None);
        work([a]);
        assert_eq!((provider(a).collateral, order(first)), (before, None));
    });
}

#[test]
fn a_holder_that_answers_in_time_loses_nothing_whatever_happens_to_the_others() {
    run(|| {
        // Two holders are taken out, and whoever is drawn for them never delivers: the third is the only one left.
        let deal = active_deal(6, 3, 20);
        let third = holder(id(deal, 0, 2));
        let before = provider(third).collateral;
        let idle = (1..=6).filter(|n| *n != third).collect::<Vec<_>>();
        for _ in 0..5 * CLOCK.period {
            work([third]);
            next_block();
            check();
        }
        assert!(idle.iter().all(|n| *n != third));
        assert_eq!(provider(third).collateral, before);
        assert!(matches!(phase(id(deal, 0, 2)), Phase::Keep { .. }));
        assert!(provider(third).earned > 0);
        assert_eq!(order(id(deal, 0, 2)), None);
    });
}

#[test]
fn who_was_drawn_and_does_not_deliver_loses_its_deposit_and_another_is_drawn() {
    run(|| {
        let (slot, n, spare) = lost(4, 20);
        let idle = spare[0];
        without(&[n, idle], 4, 10, || candidate(slot).is_some());
        let before = provider(idle);
        register_one(5, 5, pallet_station_providers::Policy::Open).expect("it can");
        without(&[n, idle], 4, 140, || candidate(slot) != Some(idle));
        let after = provider(idle);
        let deposit = Deals::assignment_deposit(1 << 16);
        assert_eq!(after.collateral, before.collateral - deposit);
        assert_eq!((after.strikes.count, after.replicas, after.collateral_used), (1, 0, 0));
        without(&[n, idle], 4, 10, || candidate(slot) == Some(5));
        without(&[n, idle], 5, 20, || holder_is(slot, 5));
        let source = holder(id(slot.shard.deal, 0, 0));
        assert_eq!(provider(source).late_commitments, 0);
    });
}

fn holder_is(slot: ReplicaId, n: u8) -> bool {
    crate::Replicas::<Test>::get(slot).is_some_and(|replica| replica.provider == Some(account(n)))
}

#[test]
fn a_provider_that_never_delivers_is_passed_over_in_the_end() {
    run(|| {
        let (slot, n, spare) = lost(4, 60);
        let idle = spare[0];
        // Who lost it might get it again some day; here there is nobody but the idle one.
        Providers::deregister(RuntimeOrigin::signed(account(n))).expect("it has no replicas");
        let mut times = 0;
        for _ in 0..2_000 {
            let was = candidate(slot);
            work((1..=4).filter(|m| *m != n && *m != idle));
            next_block();
            check();
            times += u32::from(was.is_none() && candidate(slot).is_some());
        }
        let strikes = u32::from(provider(idle).strikes.count);
        assert!(strikes >= 4 && times <= strikes + 1, "{times} assignments, {strikes} strikes");
        assert!(candidate(slot).is_none(), "it is paused");
        let deposit = Deals::assignment_deposit(1 << 16);
        assert_eq!(provider(idle).collateral, 1_000 * station_primitives::TKT - Balance::from(times) * deposit);
        // Sealing takes an honest one no longer than ever.
        register_one(5, 5, pallet_station_providers::Policy::Open).expect("it can");
        without(&[n, idle], 5, 200, || holder_is(slot, 5));
    });
}

#[test]
fn who_names_sources_that_refuse_loses_nothing_and_they_are_counted() {
    run(|| {
        let (slot, n, spare) = lost(4, 20);
        let one = spare[0];
        without(&[n, one], 4, 10, || candidate(slot).is_some());
        let ticket = duties(one).remove(0).ticket;
        let before = provider(one);
        let sources = (1..=4).filter(|m| *m != n && *m != one).collect::<Vec<_>>();
        assert!(!submit(name_call(one, slot, ticket, &[n])), "no source any more");
        assert!(!submit(name_call(one, slot, ticket, &[])), "nobody");
        assert!(!submit(name_call(one, slot, ticket, &[sources[0], sources[0]])), "one twice");
        assert!(!submit(name_call(one, slot, [1; 32], &sources)), "a ticket of another fork");
        assert!(!submit(name_call(n, slot, ticket, &sources)), "not its order");
        assert!(submit(name_call(one, slot, ticket, &sources)));
        assert!(!submit(name_call(one, slot, ticket, &sources)), "once is enough");
        let seats = crate::ShardRecords::<Test>::get(slot.shard).expect("it has one").seats;
        assert_eq!(seats.iter().filter(|seat| seat.named == 1).count(), 2);
        assert!(history(slot).contains(&(HistoryEvent::SourceNamed, Reason::None)));
        let deadline = order(slot).and_then(|order| order.candidate().map(|c| c.deadline)).expect("drawn");
        without(&[n, one], 4, 140, || System::block_number() > u64::from(deadline) + 1);
        let after = provider(one);
        assert_eq!((after.collateral, after.replicas, after.strikes.count), (before.collateral, 0, 0));
        // Who serves after all is not held to have refused.
        without(&[n, one], 4, 200, || candidate(slot) == Some(one));
        work([one]);
        let seats = crate::ShardRecords::<Test>::get(slot.shard).expect("it has one").seats;
        assert_eq!(seats.iter().filter(|seat| seat.named > 0).count(), 1, "one served, by the receipt");
    });
}

#[test]
fn a_full_chain_costs_no_candidate_its_deposit() {
    run(|| {
        let (slot, n, spare) = lost(4, 20);
        without(&[n, spare[0]], 4, 10, || candidate(slot).is_some());
        let before = provider(spare[0]);
        for _ in 0..140 {
            congest();
            next_block();
            check();
        }
        let after = provider(spare[0]);
        assert_eq!((after.collateral, after.strikes.count), (before.collateral, 0));
        assert!(matches!(phase(id(slot.shard.deal, 0, 0)), Phase::Keep { .. }), "and no holder its replica");
    });
}

#[test]
fn an_order_rests_after_its_draws_and_never_gives_up() {
    run(|| {
        let (slot, n, spare) = lost(6, 60);
        let idle = spare.iter().copied().chain([n]).collect::<Vec<_>>();
        let resting = || matches!(order(slot).map(|order| order.stage), Some(Stage::Waiting(ticket)) if ticket.lane == Lane::Rest);
        without(&idle, 6, 3 * 140, resting);
        assert_eq!(order(slot).map(|order| order.draws), Some(3));
        let since = System::block_number();
        without(&idle, 6, 100, || candidate(slot).is_some());
        assert!(System::block_number() - since >= u64::from(CLOCK.period), "not before the next period");
        without(&[n], 6, 200, || matches!(phase(slot), Phase::Keep { .. }));
        assert!(spare.contains(&holder(slot)));
    });
}

#[test]
fn a_repair_that_fails_its_seal_check_is_slashed_and_ordered_anew() {
    run(|| {
        let (slot, n, spare) = lost(5, 20);
        let idle = spare.iter().copied().chain([n]).collect::<Vec<_>>();
        without(&idle, 5, 10, || candidate(slot).is_some());
        let liar = candidate(slot).expect("drawn");
        let ticket = duties(liar).remove(0).ticket;
        let before = provider(liar);
        assert!(submit(commit_call(liar, slot, ticket, [7; 32])), "garbage, and no receipt");
        without(&idle, 5, 10, || matches!(duties(liar)[0].task, Task::ProveSeal { .. }));
        let Task::ProveSeal { seed, .. } = duties(liar).remove(0).task else { panic!("the check is open") };
        assert!(submit(seal_call(liar, slot, seed, seal_proof(liar, slot, ticket, seed))));
        assert_eq!(phase(slot), Phase::Vacant { reason: Reason::FailedSealCheck });
        assert_eq!(order(slot).map(|order| order.reason), Some(Reason::FailedSealCheck));
        assert_eq!(provider(liar).collateral, before.collateral - Providers::replica_collateral(1 << 16));
        assert_eq!(Repaired::<Test>::get(), 0);
        check();
        let honest = spare.into_iter().find(|m| *m != liar).expect("there are two");
        without(&[n, liar], 5, 30, || matches!(phase(slot), Phase::Keep { .. }));
        assert_eq!(holder(slot), honest);
    });
}

#[test]
fn what_is_lost_is_said_plainly_and_can_come_back_from_elsewhere() {
    run(|| {
        let deal = active_deal(3, 3, 20);
        let slot = id(deal, 0, 0);
        let before = free(CLIENT);
        let mut said = None;
        for _ in 0..200 {
            next_block();
            check();
            said = said.or(events().into_iter().find_map(|event| match event {
                Event::ShardLost { compensated, .. } => Some(compensated),
                _ => None,
            }));
        }
        let info = Replication::shard_info(slot.shard).expect("it exists");
        assert_eq!((info.state, info.live, info.orders.len()), (ShardState::Lost, 0, 3));
        assert_eq!(Some(info.compensated), said);
        assert_eq!(free(CLIENT), before + info.compensated);
        let part = Providers::replica_collateral(1 << 16);
        assert!(info.compensated >= part, "two of the three fell below the minimum: {}", info.compensated);

        // Nobody has it, so nobody can be blamed for not getting it.
        (4..=6).for_each(|n| register_one(n, n, pallet_station_providers::Policy::Open).expect("it can"));
        without(&[1, 2, 3, 4, 5, 6], 6, 100, || candidate(slot).is_some());
        let drawn = candidate(slot).expect("drawn");
        let collateral = provider(drawn).collateral;
        let Task::Repair { sources, .. } = duties(drawn).remove(0).task else { panic!("a repair") };
        assert!(sources.is_empty());
        without(&[1, 2, 3, 4, 5, 6], 6, 140, || candidate(slot) != Some(drawn));
        assert_eq!(provider(drawn).collateral, collateral);
        // Somebody brings the data, made from parity: the candidates seal it.
        without(&[1, 2, 3], 6, 400, || {
            Replication::shard_info(slot.shard).is_some_and(|info| info.state == ShardState::Healthy)
        });
    });
}

#[test]
fn orders_end_with_their_deal_and_cost_nobody_anything() {
    run(|| {
        let (slot, n, spare) = lost(4, 20);
        without(&[n, spare[0]], 4, 10, || candidate(slot).is_some());
        let before = provider(spare[0]);
        pallet_station_deals::Pallet::<Test>::cancel(RuntimeOrigin::signed(account(CLIENT)), slot.shard.deal)
            .expect("it runs");
        assert!(duties(spare[0]).is_empty(), "nothing to do any more");
        without(&[n, spare[0]], 4, 140, || order(slot).is_none());
        let after = provider(spare[0]);
        assert_eq!((after.collateral, after.replicas, after.collateral_used), (before.collateral, 0, 0));
        without(&[n], 4, 200, || Replication::deal_info(slot.shard.deal).is_none());
        assert_eq!(OpenOrders::<Test>::get(), 0);
    });
}

#[test]
fn receipts_that_make_no_sense_are_refused_and_strangers_are_not_paid() {
    run(|| {
        let (slot, n, spare) = lost(4, 20);
        let one = spare[0];
        without(&[n, one], 4, 10, || candidate(slot).is_some());
        let duty = duties(one).remove(0);
        let root = sealed_root(one, slot, duty.ticket);
        let source = (1..=4).find(|m| *m != n && *m != one).expect("there are two");
        ask_for_retrieval(source, economy::REPAIR_SERVED_PRICE);
        let receipt = |served: &[(u8, u32)], refused: &[u8]| Receipt {
            served: frame_support::BoundedVec::truncate_from(
                served.iter().map(|(who, pieces)| (account(*who), *pieces)).collect(),
            ),
            refused: frame_support::BoundedVec::truncate_from(refused.iter().map(|who| account(*who)).collect()),
        };
        let call = |receipt| receipt_call(one, slot, duty.ticket, root, receipt);
        assert!(!submit(call(receipt(&[(source, 2)], &[]))), "more pieces than there are");
        assert!(!submit(call(receipt(&[(source, 1), (source, 0)], &[]))), "one twice");
        assert!(!submit(call(receipt(&[(source, 1)], &[source]))), "served and refused");
        assert!(!submit(receipt_call(one, slot, [3; 32], root, Receipt::default())), "a ticket of another fork");
        let money = (free(77), free(source));
        assert!(submit(call(receipt(&[(source, 1), (77, 0)], &[]))));
        assert_eq!((free(77), free(source)), (money.0, money.1 + SERVED), "who holds nothing served nothing");
        assert!(!submit(call(Receipt::default())), "it is made");
    });
}

#[test]
fn first_uploads_have_no_receipts() {
    run(|| {
        register(3);
        let deal = submit_deal(1, 3, 1, Placement::Any);
        blocks(4);
        let slot = id(deal, 0, 0);
        let n = holder(slot);
        let ticket = duties(n).remove(0).ticket;
        let served = frame_support::BoundedVec::truncate_from(vec![(account(n % 3 + 1), 1)]);
        let receipt = Receipt { served, ..Receipt::default() };
        assert!(!submit(receipt_call(n, slot, ticket, sealed_root(n, slot, ticket), receipt)));
    });
}

#[test]
fn each_draw_of_an_order_has_a_seed_that_nobody_knew_when_it_was_opened() {
    let ticket = |fork: u8| {
        let mut ticket = None;
        run(|| {
            let (slot, n, spare) = lost(4, 20);
            // The forks differ in the blocks after the order only.
            Fork::set(fork);
            let opened = order(slot).expect("open").opened;
            without(&[n, spare[0]], 4, 10, || candidate(slot).is_some());
            assert!(System::block_number() > u64::from(opened + CLOCK.seed_blocks));
            ticket = Some(duties(spare[0]).remove(0).ticket);
            Fork::set(0);
        });
        ticket
    };
    assert_eq!(ticket(1), ticket(1));
    assert_ne!(ticket(1), ticket(2), "a re-org changes the ticket, and the old one is refused");
}

#[test]
fn a_source_that_missed_is_asked_after_those_that_are_live() {
    run(|| {
        let (first, second, idle) = below(5);
        without(&idle, 5, 10, || candidate(first).is_some() && candidate(second).is_some());
        let live = holder(id(first.shard.deal, 0, 2));
        let drawn = candidate(first).expect("drawn");
        let Task::Repair { sources, .. } = duties(drawn).remove(0).task else { panic!("a repair") };
        assert_eq!(sources[0].0, account(live));
        assert_eq!(sources.len(), 3, "those that missed may still have it");
        let seats = crate::ShardRecords::<Test>::get(first.shard).expect("it has one").seats;
        assert_eq!(seats.iter().filter(|seat| seat.standing == Standing::Faulty).count(), 2);
    });
}
