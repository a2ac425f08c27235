//! Draws: who is found, and what becomes of slots for which nobody is.

use super::*;
use crate::{Event, Phase};
use frame_support::{assert_noop, BoundedVec};
use pallet_station_deals::{Error, Placement};
use pallet_station_providers::Policy;
use station_primitives::{AccountId, DealState, Reason};

fn chosen(providers: &[u8], fallback: bool) -> Placement<AccountId> {
    let providers = BoundedVec::truncate_from(providers.iter().map(|n| account(*n)).collect());
    Placement::Chosen { providers, fallback }
}

#[test]
fn two_replicas_never_share_an_operator() {
    run(|| {
        for n in 1..=6 {
            register_one(n, n % 2, Policy::Open).expect("it can");
        }
        let deal = submit_deal(1, 3, 1, Placement::Any);
        blocks(5);
        let held = (0..3).filter(|slot| matches!(phase(id(deal, 0, *slot)), Phase::Commit { .. })).count();
        assert_eq!(held, 2, "there are two operators");
    });
}

#[test]
fn with_too_few_providers_a_slot_fails_after_a_few_draws_and_its_escrow_goes_back() {
    run(|| {
        register(2);
        let deal = submit_deal(1, 3, 2, Placement::Any);
        let slot_cost = Deals::costs(1 << 16, PRICE).slot(2).expect("no overflow");
        let escrow = Replication::deal_info(deal).expect("it runs").escrow;
        assert_eq!(escrow, 3 * slot_cost);
        let mut reason = None;
        for _ in 0..120 {
            work([1, 2]);
            next_block();
            check();
            for event in events() {
                if let Event::ReplicaFailed { reason: why, .. } = event {
                    reason = Some(why);
                }
            }
            if reason.is_some() {
                break;
            }
        }
        assert_eq!(reason, Some(Reason::NoProvider));
        let info = Replication::deal_info(deal).expect("it runs with what it has");
        assert_eq!(info.state, DealState::Degraded);
        assert_eq!(info.escrow + info.spent, 2 * slot_cost);
    });
}

#[test]
fn a_provider_that_comes_later_is_found_by_a_later_draw() {
    run(|| {
        register(2);
        let deal = submit_deal(1, 3, 2, Placement::Any);
        busy_blocks(12, 2);
        register_one(3, 3, Policy::Open).expect("it can");
        busy_blocks(40, 3);
        assert_eq!(Replication::deal_info(deal).expect("it runs").state, DealState::Healthy);
    });
}

#[test]
fn chosen_providers_are_the_only_ones() {
    run(|| {
        register(6);
        let deal = submit_deal(1, 2, 1, chosen(&[2, 5], false));
        busy_blocks(12, 6);
        let mut holders = [holder(id(deal, 0, 0)), holder(id(deal, 0, 1))];
        holders.sort_unstable();
        assert_eq!(holders, [2, 5]);
    });
}

#[test]
fn an_exhausted_choice_falls_back_only_if_the_client_said_so() {
    run(|| {
        register(4);
        // Provider 9 is not registered.
        let strict = submit_deal(1, 2, 1, chosen(&[1, 9], false));
        let loose = submit_deal(1, 2, 1, chosen(&[1, 9], true));
        busy_blocks(120, 4);
        assert_eq!(Replication::deal_info(strict).map(|info| info.state), Some(DealState::BelowMinimum));
        assert_eq!(Replication::deal_info(loose).map(|info| info.state), Some(DealState::Healthy));
    });
}

#[test]
fn placements_and_counts_that_make_no_sense_are_refused() {
    run(|| {
        register(3);
        for count in [0, 1, 2, 17, 99] {
            assert_noop!(try_submit(1, count, 1, PRICE, Placement::Any), Error::<Test>::BadReplicaCount);
        }
        assert_noop!(try_submit(1, 1, 1, PRICE, chosen(&[1, 2], false)), Error::<Test>::BadReplicaCount);
        assert_noop!(try_submit(1, 3, 1, PRICE, chosen(&[1, 2], false)), Error::<Test>::BadPlacement);
        assert_noop!(try_submit(1, 2, 1, PRICE, chosen(&[1, 1], true)), Error::<Test>::BadPlacement);
        assert_noop!(try_submit(1, 2, 1, PRICE, chosen(&[], true)), Error::<Test>::BadPlacement);
        assert_noop!(try_submit(0, 3, 1, PRICE, Placement::Any), Error::<Test>::NoShards);
        assert_noop!(try_submit(1, 3, 0, PRICE, Placement::Any), Error::<Test>::BadTerm);
        assert_noop!(try_submit(1, 3, u32::MAX, PRICE, Placement::Any), Error::<Test>::BadTerm);
        assert_noop!(try_submit(1, 3, 5, u128::MAX, Placement::Any), Error::<Test>::Overflow);
        assert_noop!(try_submit(1, 3, 20_000, 1_000_000 * PRICE, Placement::Any), Error::<Test>::CannotAffordEscrow);
    });
}

#[test]
fn a_draw_waits_for_randomness_that_nobody_knew_at_submission() {
    let drawn = |fork: u8| {
        let mut holders = Vec::new();
        run(|| {
            register(20);
            let deal = submit_deal(1, 3, 1, Placement::Any);
            // The forks differ in blocks after the submission only.
            Fork::set(fork);
            blocks(CLOCK.seed_blocks);
            assert!(crate::Replicas::<Test>::iter().next().is_none(), "not yet");
            blocks(1);
            holders = (0..3).map(|slot| holder(id(deal, 0, slot))).collect();
            Fork::set(0);
        });
        holders
    };
    assert_eq!(drawn(1), drawn(1));
    assert!((2..6).any(|fork| drawn(fork) != drawn(1)), "the draw follows the randomness");
}

#[test]
fn draws_are_spread_over_blocks() {
    run(|| {
        register(4);
        DrawsPerBlock::set(5);
        let deal = submit_deal(4, 3, 1, Placement::Any);
        blocks(4);
        assert_eq!(crate::Replicas::<Test>::iter().count(), 5);
        blocks(1);
        assert_eq!(crate::Replicas::<Test>::iter().count(), 10);
        blocks(1);
        assert_eq!(crate::Replicas::<Test>::iter().count(), 12);
        assert!(crate::DrawBeacons::<Test>::iter().next().is_none(), "nothing is left behind");
        DrawsPerBlock::set(station_primitives::economy::DRAWS_PER_BLOCK);
        let _ = deal;
    });
}
