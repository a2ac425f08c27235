//! Register, update, leave.

use super::*;
use crate::{Error, Friends, Providers, Totals};
use frame_support::{assert_noop, assert_ok};

#[test]
fn registering_holds_the_collateral_and_leaving_releases_it() {
    run(|| {
        let before = Balances::free_balance(account(1));
        assert_ok!(register(1));
        assert_eq!(Balances::free_balance(account(1)), before - 100 * TKT);
        assert_eq!(Totals::<Test>::get().capacity, 100 * GIB);
        assert_ok!(Pallet::<Test>::deregister(RuntimeOrigin::signed(account(1))));
        assert_eq!(Balances::free_balance(account(1)), before);
        assert!(!Providers::<Test>::contains_key(account(1)));
    });
}

#[test]
fn what_is_not_good_enough_is_refused_and_changes_nothing() {
    run(|| {
        assert_noop!(register_with(1, 1, 0, 1, Policy::Open, TKT), Error::<Test>::CapacityTooSmall);
        assert_noop!(register_with(1, GIB, 0, 1, Policy::Open, TKT - 1), Error::<Test>::CollateralTooSmall);
        assert!(register_with(1, GIB, 0, 1, Policy::Open, 2_000 * TKT).is_err(), "more than the account has");
        assert_ok!(register(1));
        assert_noop!(register(1), Error::<Test>::AlreadyRegistered);
        assert_noop!(Pallet::<Test>::deregister(RuntimeOrigin::signed(account(2))), Error::<Test>::NotRegistered);
    });
}

#[test]
fn an_address_is_text_that_starts_like_one() {
    run(|| {
        for bad in [&b""[..], b"example.org", b"/ip4/1.2.3.4 /tcp", b"/\xff"] {
            let address = BoundedVec::truncate_from(bad.to_vec());
            let call = Pallet::<Test>::register(
                RuntimeOrigin::signed(account(1)),
                GIB,
                0,
                0,
                address,
                [0; 32],
                Policy::Open,
                TKT,
            );
            assert_eq!(call, Err(Error::<Test>::BadMultiaddr.into()), "{bad:?}");
        }
    });
}

#[test]
fn an_update_changes_what_it_names() {
    run(|| {
        assert_ok!(register(1));
        let friends = Policy::Named(BoundedVec::truncate_from(vec![account(9)]));
        assert_ok!(Pallet::<Test>::update(
            RuntimeOrigin::signed(account(1)),
            Some(50 * GIB),
            Some(7),
            None,
            None,
            None,
            Some(friends),
            Some(30 * TKT),
            Some(false),
        ));
        let record = Providers::<Test>::get(account(1)).expect("registered");
        assert_eq!((record.capacity, record.price, record.collateral), (50 * GIB, 7, 30 * TKT));
        assert!(record.friends_only && !record.accepting);
        assert_eq!(Friends::<Test>::get(account(1)).to_vec(), vec![account(9)]);
        assert_eq!(record.operator, [1; 32]);
    });
}

#[test]
fn capacity_and_collateral_never_fall_below_what_replicas_use() {
    run(|| {
        assert_ok!(register(1));
        let part = Pallet::<Test>::reserve(&account(1), GIB).expect("there is room");
        let update = |capacity, collateral| {
            let who = RuntimeOrigin::signed(account(1));
            Pallet::<Test>::update(who, capacity, None, None, None, None, None, collateral, None)
        };
        assert_noop!(update(Some(GIB - 1), None), Error::<Test>::CapacityTooSmall);
        assert_noop!(update(None, Some(part - 1)), Error::<Test>::CollateralTooSmall);
        assert_noop!(Pallet::<Test>::deregister(RuntimeOrigin::signed(account(1))), Error::<Test>::HasReplicas);
        Pallet::<Test>::free(&account(1), GIB, part);
        assert_ok!(Pallet::<Test>::deregister(RuntimeOrigin::signed(account(1))));
    });
}

#[test]
fn the_last_takes_the_place_of_one_that_leaves() {
    run(|| {
        for n in 1..=3 {
            assert_ok!(register(n));
        }
        assert_ok!(Pallet::<Test>::deregister(RuntimeOrigin::signed(account(1))));
        let page = Pallet::<Test>::provider_page(None, 10);
        let accounts = page.into_iter().map(|(place, info)| (place, info.account)).collect::<Vec<_>>();
        assert_eq!(accounts, vec![(0, account(3)), (1, account(2))]);
        assert_eq!(Pallet::<Test>::provider_page(Some(0), 1).len(), 1);
        assert!(Pallet::<Test>::provider_page(Some(1), 1).is_empty());
    });
}
