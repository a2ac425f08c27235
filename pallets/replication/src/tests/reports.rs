//! Faults that holders report themselves.

use super::*;
use crate::Phase;
use station_primitives::{economy, Balance, ReplicaState, ShardState};

fn share(slot: ReplicaId) -> Balance {
    let part = crate::Replicas::<Test>::get(slot).expect("it has one").collateral;
    (part * Balance::from(economy::REPORTED_SHARE)).div_ceil(1_000_000)
}

fn due(slot: ReplicaId) -> u32 {
    phase(slot).due().expect("it has a challenge to come")
}

#[test]
fn a_reported_fault_is_cheaper_than_being_caught_and_mended_by_the_next_audit() {
    run(|| {
        let deal = active_deal(4, 3, 10);
        let slot = id(deal, 0, 1);
        let n = holder(slot);
        let (before, share, due) = (provider(n), share(slot), due(slot));
        assert!(!submit(report_call(n, slot, due + 1)), "another audit");
        assert!(!submit(report_call(n % 4 + 1, slot, due)), "another's replica");
        assert!(submit(report_call(n, slot, due)));
        assert!(!submit(report_call(n, slot, due)), "once is enough");
        check();
        assert_eq!(phase(slot), Phase::Reported { due });
        assert_eq!(provider(n).collateral, before.collateral - share);
        assert_eq!(provider(n).proven, before.proven - (1 << 16));
        let info = Replication::shard_info(slot.shard).expect("it exists");
        assert_eq!((info.state, info.live), (ShardState::Degraded, 2));
        assert_eq!(info.replicas[1].state, ReplicaState::Faulty);
        assert!(info.orders.is_empty(), "two are live");
        assert!(history(slot).contains(&(HistoryEvent::Reported, Reason::SelfReported)));
        let earned = info.replicas[1].earned;
        without(&[], 4, 100, || matches!(phase(slot), Phase::Keep { .. }));
        let info = Replication::shard_info(slot.shard).expect("it exists");
        assert_eq!((info.state, info.live), (ShardState::Healthy, 3));
        assert_eq!(info.replicas[1].earned, earned, "that audit is not paid");
        without(&[], 4, 100, || Replication::replica_info(slot).is_some_and(|info| info.earned > earned));
        assert_eq!(provider(n).collateral, before.collateral - share, "and that was all");
    });
}

#[test]
fn what_an_open_audit_would_find_is_reported_too_late() {
    run(|| {
        let deal = active_deal(3, 3, 10);
        let slot = id(deal, 0, 1);
        let n = holder(slot);
        let due = due(slot);
        without(&[n], 3, 100, || Replication::challenge(due).is_some());
        assert!(!submit(report_call(n, slot, due)));
    });
}

#[test]
fn a_reported_replica_that_is_not_mended_is_missed_and_slashed_like_any() {
    run(|| {
        let deal = active_deal(4, 3, 10);
        let slot = id(deal, 0, 1);
        let n = holder(slot);
        assert!(submit(report_call(n, slot, due(slot))));
        let idle = [n, spare(deal, 3, 4)[0]];
        without(&idle, 4, 100, || matches!(phase(slot), Phase::Late { .. }));
        without(&idle, 4, 100, || matches!(phase(slot), Phase::Vacant { .. }));
        assert!(history(slot).contains(&(HistoryEvent::Slashed, Reason::MissedAudit)));
    });
}

#[test]
fn a_report_that_takes_the_shard_below_its_minimum_opens_orders_and_pays_for_them() {
    run(|| {
        let deal = active_deal(5, 3, 10);
        let (first, second) = (id(deal, 0, 0), id(deal, 0, 1));
        assert!(submit(report_call(holder(first), first, due(first))));
        assert!(order(first).is_none());
        let (n, share) = (holder(second), share(second));
        assert!(submit(report_call(n, second, due(second))));
        check();
        assert_eq!(order(first).map(|order| order.reason), Some(Reason::SelfReported));
        let seized = order(second).and_then(|order| order.seized);
        let price = Deals::repair_price(1 << 16);
        assert_eq!(seized, Some((account(n), share.min(price))));
        let info = Replication::shard_info(first.shard).expect("it exists");
        assert_eq!(info.compensated, share - share.min(price), "what the repair does not need");
        without(&[holder(first), n], 5, 30, || {
            Replication::shard_info(first.shard).is_some_and(|info| info.state == ShardState::Healthy)
        });
        assert!(history(second).iter().any(|(event, _)| *event == HistoryEvent::Activated));
    });
}
