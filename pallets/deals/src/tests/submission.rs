//! What a submission holds and records.

use super::*;
use crate::{Chosen, Error, Placement, PlacementKind, Totals};
use frame_support::{assert_noop, assert_ok, storage::with_storage_layer, BoundedVec};
use sp_runtime::DispatchError;
use station_primitives::{economy, period_pay, Balance, ShardId, GIB};

#[test]
fn the_escrow_is_the_formula() {
    run(|| {
        let before = Balances::free_balance(account(1));
        let deal = submit(1, &[SMALL, LARGE], 7);
        let slot = |bytes: u64, deposit: Balance| {
            let pay = period_pay(PRICE, bytes, CLOCK.period, CLOCK.slot_ms);
            let served = (economy::REPAIR_SERVED_PRICE * u128::from(bytes)).div_ceil(u128::from(GIB));
            7 * (pay + economy::PROOF_CHARGE)
                + 3 * (economy::ONBOARDING_FEE + deposit)
                + economy::ONBOARDING_FEE
                + served
        };
        // 60 s for 64 KiB and 1,084 s for 1 GiB, at 10^9 plancks per GiB·hour, rounded up.
        let small = (1_000_000_000u128 * (1 << 16) * 60).div_ceil(u128::from(GIB) * 3_600);
        let large = (1_000_000_000u128 * 1_084).div_ceil(3_600);
        let escrow = 3 * slot(1 << 16, small) + 3 * slot(GIB, large);
        let record = crate::Deals::<Test>::get(deal).expect("submitted");
        assert_eq!(record.escrow, escrow);
        assert_eq!(Balances::free_balance(account(1)), before - escrow);
        assert_eq!(Deals::quote_costs(&[1 << 16, GIB], 3, 7, PRICE).escrow, escrow);
        assert_eq!((record.open_slots, record.shards, record.bytes), (6, 2, GIB + (1 << 16)));
        assert_eq!(Totals::<Test>::get().escrow, escrow);
    });
}

#[test]
fn the_term_allows_for_getting_started() {
    run(|| {
        let deal = submit(1, &[SMALL], 4);
        let record = crate::Deals::<Test>::get(deal).expect("submitted");
        let start = 2 * CLOCK.seed_blocks + CLOCK.commit_window(1 << 16) + CLOCK.answer_window;
        assert_eq!(record.expires, Now::get() + start + 4 * CLOCK.period);
        assert_eq!(Swept::get(), vec![(deal, record.expires)]);
        assert_eq!(Drawn::get(), vec![(deal, 3)]);
    });
}

#[test]
fn what_the_chain_has_no_room_for_changes_nothing() {
    run(|| {
        Full::set(true);
        let shards = BoundedVec::truncate_from(vec![([0; 32], SMALL)]);
        // As a dispatched call does, roll back on error.
        let call = with_storage_layer(|| {
            Deals::submit_deal(
                RuntimeOrigin::signed(account(1)),
                shards,
                3,
                1,
                PRICE,
                Placement::Any,
                Default::default(),
            )
        });
        assert_eq!(call, Err(DispatchError::Exhausted));
        assert_eq!(Balances::free_balance(account(1)), 1_000_000 * station_primitives::TKT);
    });
}

#[test]
fn an_empty_wallet_gets_an_error_that_says_so() {
    run(|| {
        let shards = BoundedVec::truncate_from(vec![([0; 32], SMALL)]);
        let who = RuntimeOrigin::signed(account(50));
        assert_noop!(
            Deals::submit_deal(who, shards, 3, 1, PRICE, Placement::Any, Default::default()),
            Error::<Test>::CannotAffordEscrow
        );
    });
}

#[test]
fn a_choice_is_stored_apart() {
    run(|| {
        let shards = BoundedVec::truncate_from(vec![([0; 32], SMALL)]);
        let providers = BoundedVec::truncate_from(vec![account(7), account(8)]);
        let placement = Placement::Chosen { providers, fallback: false };
        assert_ok!(Deals::submit_deal(
            RuntimeOrigin::signed(account(1)),
            shards,
            2,
            1,
            PRICE,
            placement,
            Default::default()
        ));
        let deal = station_primitives::DealId(0);
        assert_eq!(Chosen::<Test>::get(deal).to_vec(), vec![account(7), account(8)]);
        let record = crate::Deals::<Test>::get(deal).expect("submitted");
        assert_eq!(record.placement, PlacementKind::Chosen { fallback: false });
        assert_eq!(crate::Shards::<Test>::get(ShardId { deal, index: 0 }).expect("stored").open, 2);
    });
}
