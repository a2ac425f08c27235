//! Bounds.

use super::*;
use crate::{Buckets, Phase};
use frame_support::assert_noop;
use pallet_station_deals::Placement;

#[test]
fn buckets_take_half_for_new_replicas_and_the_next_has_room() {
    run(|| {
        register(3);
        let deal = submit_deal(6, 3, 2, Placement::Any);
        busy_blocks(20, 3);
        assert!(Buckets::<Test>::iter().all(|(_, bucket)| bucket.len() <= 4), "half of eight");
        let ticks = Buckets::<Test>::iter().count();
        assert!(ticks >= 5, "18 replicas, 4 in a bucket: {ticks}");
        busy_blocks(2 * CLOCK.period, 3);
        assert!(Buckets::<Test>::iter().all(|(_, bucket)| bucket.len() <= 8));
        assert!(matches!(phase(id(deal, 5, 2)), Phase::Keep { .. }));
    });
}

#[test]
fn more_than_can_be_audited_is_not_admitted() {
    run(|| {
        register(3);
        let most = Replication::most_slots();
        assert_eq!(most, 4 * 60 * 3 / 4);
        for _ in 0..most / 48 {
            submit_deal(16, 3, 1, Placement::Any);
        }
        assert_noop!(try_submit(16, 3, 1, PRICE, Placement::Any), crate::Error::<Test>::ChainIsFull);
        check();
    });
}

#[test]
fn the_history_is_a_ring() {
    run(|| {
        let deal = active_deal(3, 3, 6);
        let slot = id(deal, 0, 0);
        let n = holder(slot);
        // It answers late each time, but does answer.
        for _ in 0..5 * CLOCK.period {
            work((1..=3).filter(|m| *m != n));
            if matches!(phase(slot), Phase::Late { .. }) {
                work([n]);
            }
            next_block();
            check();
        }
        let history = Replication::shard_info(slot.shard).expect("it exists").history;
        assert_eq!(history.len(), 8);
        assert!(history.windows(2).all(|pair| pair[0].block <= pair[1].block));
    });
}

#[test]
fn duties_come_in_pages_in_order() {
    run(|| {
        register(3);
        submit_deal(5, 3, 2, Placement::Any);
        submit_deal(2, 3, 2, Placement::Any);
        busy_blocks(12, 3);
        let all = duties(1).into_iter().map(|duty| duty.replica).collect::<Vec<_>>();
        assert_eq!(all.len(), 7);
        assert!(all.windows(2).all(|pair| pair[0] < pair[1]));
        let page = Replication::duties(account(1), Some(all[2]), 3).into_iter().map(|duty| duty.replica);
        assert_eq!(page.collect::<Vec<_>>(), all[3..6].to_vec());
        let deals = Replication::deal_page(account(CLIENT), None, 1);
        assert_eq!(deals.len(), 1);
        assert_eq!(Replication::deal_page(account(CLIENT), Some(deals[0].id), 5).len(), 1);
    });
}
