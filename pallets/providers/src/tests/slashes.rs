//! What faults cost, and what comes after: repairs, shortage, handover.

use super::*;
use crate::{Departure, Departures, Error, Event, Providers, Seized, Split, Taken, Totals};
use frame_support::{assert_noop, assert_ok};
use station_primitives::Reason;

/// Register account 1 with collateral for exactly `replicas` replicas of a GiB, and reserve them; returns a part.
fn full_of(replicas: u32) -> Balance {
    let part = Pallet::<Test>::replica_collateral(GIB);
    assert_ok!(register_with(1, 100 * GIB, 0, 1, Policy::Open, part * Balance::from(replicas)));
    for _ in 0..replicas {
        assert_eq!(Pallet::<Test>::reserve(&account(1), GIB), Ok(part));
    }
    part
}

fn record() -> crate::Provider {
    Providers::<Test>::get(account(1)).expect("registered")
}

fn top_up(collateral: Balance) -> DispatchResult {
    let who = RuntimeOrigin::signed(account(1));
    Pallet::<Test>::update(who, None, None, None, None, None, None, Some(collateral), None)
}

#[test]
fn a_slash_takes_exactly_one_part_and_goes_down_the_waterfall_to_the_planck() {
    run(|| {
        let part = full_of(3);
        let (issued, client) = (Balances::total_issuance(), Balances::free_balance(account(2)));
        let split = Split { repair: 11_000_000_000, client: part / 2 };
        let taken = Pallet::<Test>::slash(&account(1), part, split, &account(2)).expect("it is there");
        let burnt = part - split.repair - split.client;
        assert_eq!(taken, Taken { amount: part, repair: split.repair, client: split.client, burnt });
        Pallet::<Test>::free(&account(1), GIB, 0);
        assert_eq!(Balances::free_balance(account(2)), client + part / 2);
        assert_eq!(Balances::total_issuance(), issued - burnt);
        assert_eq!((record().collateral, record().collateral_used), (2 * part, 2 * part));
        assert_eq!((record().used, record().replicas, record().short_since), (2 * GIB, 2, None));
        assert_eq!(Seized::<Test>::get(account(1)), split.repair);
        assert_eq!((Totals::<Test>::get().seized, Totals::<Test>::get().burnt), (split.repair, burnt));
    });
}

#[test]
fn the_repair_comes_before_the_client_and_the_client_before_the_fire() {
    run(|| {
        let part = full_of(3);
        let slash = |repair, client| {
            let taken = Pallet::<Test>::slash(&account(1), part, Split { repair, client }, &account(2));
            Pallet::<Test>::free(&account(1), GIB, 0);
            taken.expect("it is there")
        };
        assert_eq!(slash(part - 5, part), Taken { amount: part, repair: part - 5, client: 5, burnt: 0 });
        assert_eq!(slash(2 * part, part), Taken { amount: part, repair: part, client: 0, burnt: 0 });
        assert_eq!(slash(0, 7), Taken { amount: part, repair: 0, client: 7, burnt: part - 7 });
    });
}

#[test]
fn what_is_set_aside_pays_the_repair_and_the_rest_is_settled() {
    run(|| {
        let part = full_of(1);
        let split = Split { repair: 1_000, client: 0 };
        assert_ok!(Pallet::<Test>::slash(&account(1), part, split, &account(2)));
        Pallet::<Test>::free(&account(1), GIB, 0);
        // Who lost it may go, and takes nothing of it along.
        let (free, source) = (Balances::free_balance(account(1)), Balances::free_balance(account(3)));
        assert_ok!(Pallet::<Test>::deregister(RuntimeOrigin::signed(account(1))));
        assert_eq!(Balances::free_balance(account(1)), free);
        Pallet::<Test>::do_try_state().expect("what is seized is accounted for");

        assert_eq!(Pallet::<Test>::pay_from_seized(&account(1), &account(3), 600), 600);
        assert_eq!(Balances::free_balance(account(3)), source + 600);
        assert_noop!(Pallet::<Test>::settle_seized(&account(1), 401, &account(2), 0), Error::<Test>::NotSeized);
        let (issued, client) = (Balances::total_issuance(), Balances::free_balance(account(2)));
        assert_eq!(Pallet::<Test>::settle_seized(&account(1), 400, &account(2), 150), Ok(150));
        assert_eq!(Balances::free_balance(account(2)), client + 150);
        assert_eq!(Balances::total_issuance(), issued - 250);
        assert!(!Seized::<Test>::contains_key(account(1)));
        assert_eq!(Pallet::<Test>::pay_from_seized(&account(1), &account(3), 1), 0, "nothing is left");
    });
}

#[test]
fn a_fine_leaves_the_provider_short_and_slashes_no_other_replica() {
    run(|| {
        let part = full_of(4);
        System::set_block_number(100);
        let taken = Pallet::<Test>::fine(&account(1), part / 10, Split::default(), &account(2)).expect("it is there");
        assert_eq!(taken.burnt, part / 10);
        assert_eq!((record().collateral, record().collateral_used), (4 * part - part / 10, 4 * part));
        assert_eq!((record().replicas, record().short_since), (4, Some(100)));
        let until = 100 + 7 * 86_400;
        let handed_over = Departure { reason: Reason::Undercollateralized, from: until };
        assert_eq!(Departures::<Test>::get(account(1)), Some(handed_over), "after the window, not before");
        let short = Event::<Test>::CollateralShort { provider: account(1), missing: part / 10, until };
        System::assert_last_event(short.into());
        assert_noop!(Pallet::<Test>::reserve(&account(1), GIB), Error::<Test>::CollateralExhausted);
        // A later fault costs its own part and no more: what is missing does not grow.
        System::set_block_number(200);
        let taken = Pallet::<Test>::slash(&account(1), part, Split::default(), &account(2)).expect("it is there");
        Pallet::<Test>::free(&account(1), GIB, 0);
        assert_eq!(taken.amount, part);
        assert_eq!(Pallet::<Test>::shortage(&record()), part / 10);
        assert_eq!((record().replicas, record().short_since), (3, Some(100)), "the window is that of the first time");
    });
}

#[test]
fn topping_up_or_handing_over_ends_a_shortage() {
    run(|| {
        let part = full_of(2);
        let fine = || Pallet::<Test>::fine(&account(1), part / 10, Split::default(), &account(2));
        assert_ok!(fine());
        assert_ok!(top_up(2 * part - 1));
        assert!(record().short_since.is_some(), "less short is short");
        assert_noop!(top_up(2 * part - 2), Error::<Test>::CollateralTooSmall);
        assert_ok!(top_up(2 * part));
        assert_eq!((record().short_since, Departures::<Test>::get(account(1))), (None, None));
        System::assert_has_event(Event::<Test>::CollateralRestored { provider: account(1) }.into());

        assert_ok!(fine());
        assert!(record().short_since.is_some());
        Pallet::<Test>::free(&account(1), GIB, part);
        assert_eq!((record().short_since, Departures::<Test>::get(account(1))), (None, None));
    });
}

#[test]
fn a_slash_beyond_what_is_left_takes_what_is_left() {
    run(|| {
        let part = full_of(2);
        assert_ok!(Pallet::<Test>::fine(&account(1), part + part / 2, Split::default(), &account(2)));
        let slash = |split| {
            let taken = Pallet::<Test>::slash(&account(1), part, split, &account(2)).expect("it is there");
            Pallet::<Test>::free(&account(1), GIB, 0);
            taken
        };
        let split = Split { repair: part, client: part };
        let rest = part - part / 2;
        assert_eq!(slash(split), Taken { amount: rest, repair: rest, client: 0, burnt: 0 });
        assert_eq!(slash(split), Taken::default());
        assert_eq!((record().collateral, record().collateral_used, record().short_since), (0, 0, None));
    });
}

#[test]
fn leaving_is_for_good_and_is_worked_off_from_a_list() {
    run(|| {
        let part = full_of(1);
        assert_ok!(register(2));
        assert_ok!(register(3));
        let leave = |n, forfeit| Pallet::<Test>::leave(RuntimeOrigin::signed(account(n)), forfeit);
        assert_noop!(leave(4, false), Error::<Test>::NotRegistered);
        assert_ok!(leave(1, false));
        assert_ok!(leave(2, true));
        assert!(record().leaving && !record().accepting);
        assert_noop!(leave(1, false), Error::<Test>::AlreadyLeaving);
        assert_noop!(leave(2, true), Error::<Test>::AlreadyLeaving);
        assert_noop!(leave(2, false), Error::<Test>::AlreadyLeaving);
        let who = RuntimeOrigin::signed(account(1));
        let accept = Pallet::<Test>::update(who, None, None, None, None, None, None, None, Some(true));
        assert_eq!(accept, Err(Error::<Test>::AlreadyLeaving.into()));

        let mut listed = Vec::new();
        let mut after = None;
        while let Some((who, departure)) = Pallet::<Test>::next_departure(after.as_ref()) {
            listed.push((who.clone(), departure.reason));
            after = Some(who);
        }
        listed.sort();
        let mut expected = vec![(account(1), Reason::Leaving), (account(2), Reason::LeftEarly)];
        expected.sort();
        assert_eq!(listed, expected);

        // Who hands over may still give up, and being short changes nothing for one that leaves.
        assert_ok!(Pallet::<Test>::fine(&account(1), part / 10, Split::default(), &account(3)));
        assert_eq!(Departures::<Test>::get(account(1)).map(|departure| departure.reason), Some(Reason::Leaving));
        assert_ok!(leave(1, true));
        assert_noop!(Pallet::<Test>::deregister(RuntimeOrigin::signed(account(1))), Error::<Test>::HasReplicas);
        assert_ok!(Pallet::<Test>::slash(&account(1), part, Split::default(), &account(3)));
        Pallet::<Test>::free(&account(1), GIB, 0);
        assert_ok!(Pallet::<Test>::deregister(RuntimeOrigin::signed(account(1))));
        assert!(!Departures::<Test>::contains_key(account(1)));
    });
}
