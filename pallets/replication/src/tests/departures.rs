//! Providers that go.

use super::*;
use crate::{Event, OpenOrders, Phase};
use frame_support::{assert_noop, assert_ok};
use pallet_station_deals::Placement;
use pallet_station_providers::{Error as ProvidersError, Split};
use station_primitives::{economy, Balance, ShardState, TKT};

const FEE: Balance = economy::ONBOARDING_FEE;

fn leave(n: u8, forfeit: bool) {
    assert_ok!(Providers::leave(RuntimeOrigin::signed(account(n)), forfeit));
}

#[test]
fn who_leaves_keeps_and_is_paid_until_another_holds_the_replica_and_gets_everything_back() {
    run(|| {
        let deal = active_deal(5, 3, 20);
        let slot = id(deal, 0, 0);
        let n = holder(slot);
        let others = spare(deal, 3, 5);
        leave(n, false);
        assert_noop!(Providers::deregister(RuntimeOrigin::signed(account(n))), ProvidersError::<Test>::HasReplicas);
        without(&others, 5, 20, || candidate(slot).is_some());
        assert_eq!(order(slot).map(|order| order.reason), Some(Reason::Leaving));
        let info = Replication::shard_info(slot.shard).expect("it exists");
        assert_eq!((info.state, info.live), (ShardState::Healthy, 3), "it is live all the while");
        // Whoever was drawn takes its time; the holder goes on being paid.
        let earned = provider(n).earned;
        without(&others, 5, 100, || provider(n).earned > earned);
        let escrow = Replication::money(account(CLIENT)).escrow;
        let drawn = candidate(slot).expect("drawn");
        let money = Balances::free_balance(account(drawn));
        work([drawn]);
        assert_eq!(Balances::free_balance(account(drawn)), money + FEE);
        assert_eq!(Replication::money(account(CLIENT)).escrow, escrow - FEE, "out of the reserve");
        assert!(history(slot).contains(&(HistoryEvent::Replaced, Reason::Leaving)));
        let record = provider(n);
        assert_eq!((record.replicas, record.collateral), (0, 1_000 * TKT));
        assert_ok!(Providers::deregister(RuntimeOrigin::signed(account(n))));
        let stations = (1..=5).filter(|m| *m != n);
        for _ in 0..20 {
            work(stations.clone());
            next_block();
            check();
        }
        assert_eq!(Replication::shard_info(slot.shard).map(|info| info.state), Some(ShardState::Healthy));
    });
}

#[test]
fn the_reserve_pays_for_one_repair_of_a_slot_in_thirty_days_and_the_next_runs_all_the_same() {
    run(|| {
        let deal = active_deal(5, 3, 20);
        let slot = id(deal, 0, 0);
        let first = holder(slot);
        leave(first, false);
        without(&[], 5, 40, || holder(slot) != first && matches!(phase(slot), Phase::Keep { .. }));
        let second = holder(slot);
        leave(second, false);
        let others = spare(deal, 3, 5);
        without(&others, 5, 40, || candidate(slot).is_some());
        let drawn = candidate(slot).expect("drawn");
        let (escrow, money) = (Replication::money(account(CLIENT)).escrow, Balances::free_balance(account(drawn)));
        work([drawn]);
        assert_eq!(holder(slot), drawn);
        assert_eq!(Balances::free_balance(account(drawn)), money, "the client does not pay for it twice");
        assert_eq!(Replication::money(account(CLIENT)).escrow, escrow);
        check();
    });
}

#[test]
fn a_handover_waits_while_the_shard_has_no_replica_to_spare() {
    run(|| {
        let deal = active_deal(5, 3, 20);
        let (slot, missing) = (id(deal, 0, 0), id(deal, 0, 1));
        let (n, m) = (holder(slot), holder(missing));
        let others = spare(deal, 3, 5);
        let idle = others.iter().copied().chain([m]).collect::<Vec<_>>();
        without(&idle, 5, 200, || matches!(phase(missing), Phase::Vacant { .. }));
        leave(n, false);
        without(&idle, 5, 20, || order(slot).is_some());
        for _ in 0..40 {
            work((1..=5).filter(|k| !idle.contains(k)));
            next_block();
            check();
            assert_eq!(candidate(slot), None, "two are live, and it is one of them");
        }
        // The lost one comes first; then there is one to spare.
        without(&[m], 5, 400, || holder(slot) != n);
        let info = Replication::shard_info(slot.shard).expect("it exists");
        assert!(info.live >= 2, "{}", info.live);
    });
}

#[test]
fn who_gives_up_at_once_is_slashed_step_by_step_and_everything_is_made_anew() {
    run(|| {
        register(6);
        let deal = submit_deal(8, 3, 20, Placement::Any);
        busy_blocks(30, 6);
        let n = holder(id(deal, 0, 0));
        let held = provider(n).replicas;
        let used = provider(n).collateral_used;
        SweepsPerBlock::set(16);
        leave(n, true);
        let mut most = 0;
        for _ in 0..60 {
            work((1..=6).filter(|m| *m != n));
            next_block();
            check();
            most = most.max(events().iter().filter(|event| matches!(event, Event::ReplicaSlashed { .. })).count());
        }
        assert!(held >= 2 && most >= 1 && most <= 16, "{most} of {held} in one block");
        let record = provider(n);
        assert_eq!((record.replicas, record.collateral), (0, 1_000 * TKT - used));
        assert!(history(id(deal, 0, 0)).contains(&(HistoryEvent::Slashed, Reason::LeftEarly)));
        assert_ok!(Providers::deregister(RuntimeOrigin::signed(account(n))));
        assert_eq!((OpenOrders::<Test>::get(), Replication::summary().live_replicas), (0, 24));
        SweepsPerBlock::set(economy::SWEEPS_PER_BLOCK);
    });
}

#[test]
fn who_gives_up_what_it_was_drawn_for_loses_its_own_deposit_and_nobody_elses() {
    run(|| {
        register(4);
        let deal = submit_deal(1, 3, 4, Placement::Any);
        blocks(5);
        let slot = id(deal, 0, 0);
        let n = holder(slot);
        let escrow = Replication::deal_info(deal).expect("it runs").escrow;
        let before = provider(n).collateral;
        leave(n, true);
        blocks(3);
        assert_eq!(phase(slot), Phase::Drawing);
        assert_eq!(provider(n).collateral, before - Deals::assignment_deposit(1 << 16));
        assert_eq!(Replication::deal_info(deal).expect("it runs").escrow, escrow);
        without(&[n], 4, 20, || matches!(phase(slot), Phase::Keep { .. }));
    });
}

#[test]
fn a_candidate_that_leaves_is_let_go() {
    run(|| {
        let deal = active_deal(5, 3, 20);
        let slot = id(deal, 0, 0);
        let n = holder(slot);
        let others = spare(deal, 3, 5);
        let idle = others.iter().copied().chain([n]).collect::<Vec<_>>();
        without(&idle, 5, 200, || candidate(slot).is_some());
        let first = candidate(slot).expect("drawn");
        let before = provider(first).collateral;
        leave(first, false);
        without(&idle, 5, 20, || candidate(slot).is_some_and(|m| m != first));
        assert_eq!((provider(first).collateral, provider(first).replicas), (before, 0));
        assert_ok!(Providers::deregister(RuntimeOrigin::signed(account(first))));
    });
}

#[test]
fn collateral_that_stays_short_costs_as_many_replicas_as_it_does_not_cover() {
    run(|| {
        TopUpDays::set(0);
        register(6);
        let deal = submit_deal(4, 3, 20, Placement::Any);
        busy_blocks(20, 6);
        let n = (1..=6).max_by_key(|n| provider(*n).replicas).expect("there are six");
        let held = provider(n).replicas;
        assert!(held >= 2);
        // One replica's part is missing, and a planck more.
        let part = Providers::replica_collateral(1 << 16);
        let record = provider(n);
        let too_much = record.collateral - record.collateral_used + part + 1;
        Providers::fine(&account(n), too_much, Split::default(), &account(CLIENT)).expect("registered");
        check();
        without(&[], 6, 100, || provider(n).short_since.is_none());
        busy_blocks(30, 6);
        assert_eq!(provider(n).replicas, held - 2, "two are handed over, and no more");
        assert_eq!(OpenOrders::<Test>::get(), 0);
        assert_eq!(Replication::summary().live_replicas, 12);
        assert!(Replication::deal_info(deal).is_some_and(|info| info.state == ShardState::Healthy));
        TopUpDays::set(economy::TOP_UP_DAYS);
    });
}

#[test]
fn who_tops_up_in_time_keeps_everything() {
    run(|| {
        let deal = active_deal(5, 3, 20);
        let slot = id(deal, 0, 0);
        let n = holder(slot);
        let record = provider(n);
        Providers::fine(&account(n), record.collateral - 1, Split::default(), &account(CLIENT)).expect("registered");
        assert!(provider(n).short_since.is_some());
        busy_blocks(20, 5);
        assert_eq!(order(slot), None, "it has seven days");
        let update = |collateral| {
            let who = RuntimeOrigin::signed(account(n));
            Providers::update(who, None, None, None, None, None, None, Some(collateral), None)
        };
        assert_ok!(update(2 * TKT));
        assert!(provider(n).short_since.is_none());
        busy_blocks(20, 5);
        assert_eq!(holder(slot), n);
    });
}
