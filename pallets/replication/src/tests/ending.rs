//! Expiry, cancellation, extension, transfer.

use super::*;
use crate::{CurrentTick, Event, Replicas, ShardRecords};
use frame_support::{assert_noop, assert_ok};
use pallet_station_deals::{Error, Placement, ReplicaScheduler};
use station_primitives::{api::Task, Balance, Reason};

fn owner() -> RuntimeOrigin {
    RuntimeOrigin::signed(account(CLIENT))
}

/// Let the term end now, while audits are open.
fn end_now(deal: station_primitives::DealId) {
    pallet_station_deals::Deals::<Test>::mutate(deal, |record| {
        let record = record.as_mut().expect("it runs");
        Replication::unschedule_sweep(deal, record.sweep_at);
        record.expires = CurrentTick::<Test>::get();
        record.sweep_at = Replication::schedule_sweep(deal, record.expires).expect("there is room");
    });
}

#[test]
fn after_its_term_a_deal_leaves_nothing_behind() {
    run(|| {
        let deal = active_deal(4, 3, 2);
        let expires = Replication::deal_info(deal).expect("it runs").expires;
        while CurrentTick::<Test>::get() <= expires + 3 {
            busy_blocks(1, 4);
        }
        assert!(Replication::deal_info(deal).is_none());
        assert_eq!(Replicas::<Test>::iter().count(), 0);
        assert_eq!(ShardRecords::<Test>::iter().count(), 0);
        assert_eq!(crate::Buckets::<Test>::iter().count(), 0);
        assert_eq!(crate::Health::<Test>::iter().count(), 0);
        for n in 1..=4 {
            let info = Providers::provider_info(account(n)).expect("registered");
            assert_eq!((info.replicas, info.used, info.proven, info.collateral_used), (0, 0, 0, 0));
            assert_ok!(Providers::deregister(RuntimeOrigin::signed(account(n))));
        }
    });
}

#[test]
fn what_is_open_at_the_end_is_settled_first() {
    run(|| {
        let deal = active_deal(3, 3, 1);
        let slot = id(deal, 0, 0);
        let n = holder(slot);
        let open = || duties(n).iter().any(|duty| duty.replica == slot && matches!(duty.task, Task::Audit { .. }));
        while !open() {
            work((1..=3).filter(|m| *m != n));
            next_block();
        }
        work((1..=3).filter(|m| *m != n));
        end_now(deal);
        blocks(3);
        let info = Replication::deal_info(deal).expect("it waits for the answer");
        assert!(Replicas::<Test>::contains_key(slot));
        assert!(Replicas::<Test>::iter().count() <= 2, "those that were settled are gone");
        let before = Balances::free_balance(account(n));
        work([n]);
        assert!(Balances::free_balance(account(n)) > before, "paid, since it fell due within the term");
        let _ = info;
        blocks(CLOCK.seed_blocks + CLOCK.answer_window + CLOCK.grace + 6);
        assert!(Replication::deal_info(deal).is_none());
    });
}

#[test]
fn a_miss_is_not_escaped_by_the_end_of_the_term() {
    run(|| {
        let deal = active_deal(3, 3, 2);
        let slot = id(deal, 0, 0);
        let n = holder(slot);
        let part = Replicas::<Test>::get(slot).expect("active").collateral;
        let collateral = Providers::provider_info(account(n)).expect("registered").collateral;
        let open = || duties(n).iter().any(|duty| duty.replica == slot && matches!(duty.task, Task::Audit { .. }));
        while !open() {
            work((1..=3).filter(|m| *m != n));
            next_block();
        }
        work((1..=3).filter(|m| *m != n));
        end_now(deal);
        for _ in 0..100 {
            work((1..=3).filter(|m| *m != n));
            next_block();
            check();
        }
        assert!(Replication::deal_info(deal).is_none());
        assert_eq!(Providers::provider_info(account(n)).expect("registered").collateral, collateral - part);
    });
}

#[test]
fn cancelling_pays_the_running_period_and_one_more() {
    run(|| {
        let deal = active_deal(3, 3, 50);
        busy_blocks(CLOCK.period, 3);
        let escrow = Replication::deal_info(deal).expect("it runs").escrow;
        let before = Balances::free_balance(account(CLIENT));
        assert_ok!(Deals::cancel(owner(), deal));
        let info = Replication::deal_info(deal).expect("it runs out");
        assert_eq!(info.expires, CurrentTick::<Test>::get() + 2 * CLOCK.period);
        let per_period = Replication::quote(vec![1 << 16], 3, 1, PRICE);
        let kept = 3 * (per_period.pay_per_period + per_period.charge_per_period);
        assert_eq!(Balances::free_balance(account(CLIENT)), before + escrow - kept);
        assert_noop!(Deals::cancel(owner(), deal), Error::<Test>::DealIsEnding);
        assert_noop!(Deals::extend(owner(), deal, 1), Error::<Test>::DealIsEnding);

        let earned: Vec<Balance> =
            (1..=3).map(|n| Providers::provider_info(account(n)).expect("registered").earned).collect();
        let one = Replication::quote(vec![1 << 16], 1, 1, PRICE).pay_per_period * 92 / 100;
        busy_blocks(2 * CLOCK.period + 5, 3);
        assert!(Replication::deal_info(deal).is_none());
        for (n, before) in (1..=3).zip(earned) {
            let after = Providers::provider_info(account(n)).expect("registered").earned;
            assert_eq!(after - before, 2 * one, "two periods more");
        }
        assert_eq!(Replication::summary().escrow, 0);
    });
}

#[test]
fn cancelling_before_anything_was_drawn_costs_nothing() {
    run(|| {
        register(3);
        let before = Balances::free_balance(account(CLIENT));
        let deal = submit_deal(1, 3, 50, Placement::Any);
        assert_ok!(Deals::cancel(owner(), deal));
        blocks(2 * CLOCK.period + 5);
        assert!(Replication::deal_info(deal).is_none());
        assert_eq!(Balances::free_balance(account(CLIENT)), before);
    });
}

#[test]
fn cancelling_while_assigned_burns_no_deposit_and_takes_no_commitment() {
    run(|| {
        register(3);
        let before = Balances::free_balance(account(CLIENT));
        let deal = submit_deal(1, 3, 50, Placement::Any);
        blocks(5);
        let n = holder(id(deal, 0, 0));
        let call = call_for(n, &duties(n).remove(0)).expect("a commitment is due");
        assert_ok!(Deals::cancel(owner(), deal));
        assert!(duties(n).is_empty());
        assert!(!submit(call));
        blocks(2 * CLOCK.period + 5);
        assert_eq!(Balances::free_balance(account(CLIENT)), before);
        assert!((1..=3).all(|n| Providers::provider_info(account(n)).expect("registered").collateral_used == 0));
    });
}

#[test]
fn an_extended_deal_is_audited_and_paid_for_longer() {
    run(|| {
        let deal = active_deal(3, 3, 2);
        let before = Replication::deal_info(deal).expect("it runs");
        assert_ok!(Deals::extend(owner(), deal, 2));
        let info = Replication::deal_info(deal).expect("it runs");
        assert_eq!((info.periods, info.expires), (4, before.expires + 2 * CLOCK.period));
        while CurrentTick::<Test>::get() <= info.expires {
            busy_blocks(1, 3);
        }
        let one = Replication::quote(vec![1 << 16], 1, 1, PRICE).pay_per_period * 92 / 100;
        for n in 1..=3 {
            assert_eq!(Providers::provider_info(account(n)).expect("registered").earned, 4 * one);
        }
    });
}

#[test]
fn a_deal_extended_at_the_last_moment_goes_on() {
    run(|| {
        let deal = active_deal(3, 3, 1);
        let info = Replication::deal_info(deal).expect("it runs");
        while CurrentTick::<Test>::get() < info.expires {
            busy_blocks(1, 3);
        }
        assert_ok!(Deals::extend(owner(), deal, 2));
        let info = Replication::deal_info(deal).expect("it runs");
        while CurrentTick::<Test>::get() <= info.expires {
            busy_blocks(1, 3);
        }
        let one = Replication::quote(vec![1 << 16], 1, 1, PRICE).pay_per_period * 92 / 100;
        for n in 1..=3 {
            assert_eq!(Providers::provider_info(account(n)).expect("registered").earned, 3 * one);
        }
    });
}

#[test]
fn a_transferred_deal_takes_its_escrow_along() {
    run(|| {
        let deal = active_deal(3, 3, 2);
        let escrow = Replication::deal_info(deal).expect("it runs").escrow;
        assert_noop!(
            Deals::transfer(RuntimeOrigin::signed(account(50)), deal, account(51)),
            Error::<Test>::NotYourDeal
        );
        assert_ok!(Deals::transfer(owner(), deal, account(50)));
        assert_eq!(Replication::money(account(50)).escrow, escrow);
        assert_eq!(Replication::money(account(CLIENT)).escrow, 0);
        assert!(Replication::deal_page(account(CLIENT), None, 10).is_empty());
        assert_eq!(Replication::deal_page(account(50), None, 10).len(), 1);
        assert_noop!(Deals::cancel(owner(), deal), Error::<Test>::NotYourDeal);
        busy_blocks(CLOCK.period, 3);
        assert_ok!(Deals::cancel(RuntimeOrigin::signed(account(50)), deal));
    });
}

#[test]
fn the_sweep_of_a_large_deal_is_spread_over_blocks() {
    run(|| {
        register(4);
        let deal = submit_deal(10, 3, 1, Placement::Any);
        busy_blocks(40, 4);
        SweepsPerBlock::set(4);
        let info = Replication::deal_info(deal).expect("it runs");
        let mut most = 0;
        while Replication::deal_info(deal).is_some() {
            work(1..=4);
            next_block();
            let ended = events().iter().filter(|event| matches!(event, Event::ReplicaEnded { .. })).count();
            most = most.max(ended);
            check();
            assert!(CurrentTick::<Test>::get() < info.expires + 200, "it ends at last");
        }
        assert!(most <= 4, "{most} in one block");
        SweepsPerBlock::set(64);
        let _ = Reason::Expired;
    });
}
