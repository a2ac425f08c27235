//! Draws.

use super::*;
use crate::{
    selection::{Need, MOST_STRIKES, STRIKES_TO_PAUSE, STRIKE_LASTS},
    Providers,
};
use frame_support::assert_ok;
use station_primitives::AccountId;
use std::collections::BTreeMap;

fn need(client: &AccountId) -> Need<'_> {
    Need { client, bytes: GIB, max_price: TKT, excluded: &[], operators: &[] }
}

fn seed(n: u32) -> [u8; 32] {
    sp_io::hashing::blake2_256(&n.to_le_bytes())
}

#[test]
fn only_those_that_can_take_the_replica_are_drawn() {
    run(|| {
        let client = account(50);
        assert_ok!(register(1));
        assert_ok!(register_with(2, GIB / 2, 0, 2, Policy::Open, 10 * TKT));
        assert_ok!(register_with(3, 9 * GIB, 2 * TKT, 3, Policy::Open, 10 * TKT));
        assert_ok!(register_with(4, 9 * GIB, 0, 4, Policy::Open, TKT));
        assert_ok!(register_with(5, 9 * GIB, 0, 5, Policy::Named(BoundedVec::new()), 10 * TKT));
        assert_ok!(register(6));
        assert_ok!(register(7));
        let excluded = [account(6)];
        let operators = [[7; 32]];
        let need = Need { excluded: &excluded, operators: &operators, ..need(&client) };
        for n in 0..50 {
            let drawn = Pallet::<Test>::draw(seed(n), &need).map(|(who, _)| who);
            assert_eq!(drawn, Some(account(1)), "too small, too dear, too poor, closed, excluded, same operator");
        }
    });
}

#[test]
fn a_friend_is_served_and_a_silent_provider_is_passed_over() {
    run(|| {
        let client = account(50);
        let friends = Policy::Named(BoundedVec::truncate_from(vec![client.clone()]));
        assert_ok!(register_with(1, 9 * GIB, 0, 1, friends, 10 * TKT));
        assert!(Pallet::<Test>::draw(seed(1), &need(&client)).is_some());
        assert!(Pallet::<Test>::draw(seed(1), &need(&account(51))).is_none());
        System::set_block_number(1 + 3 * 10);
        assert!(Pallet::<Test>::draw(seed(1), &need(&client)).is_some());
        System::set_block_number(2 + 3 * 10);
        assert!(Pallet::<Test>::draw(seed(1), &need(&client)).is_none(), "silent for three heartbeats");
    });
}

#[test]
fn declared_capacity_alone_draws_nothing() {
    run(|| {
        let client = account(50);
        // The first declares a hundred times what the second does, with the same collateral.
        assert_ok!(register_with(1, 10_000 * GIB, 0, 1, Policy::Open, 100 * TKT));
        assert_ok!(register_with(2, 100 * GIB, 0, 2, Policy::Open, 100 * TKT));
        let mut drawn: BTreeMap<AccountId, u32> = BTreeMap::new();
        for n in 0..400 {
            let (who, _) = Pallet::<Test>::draw(seed(n), &need(&client)).expect("two can");
            *drawn.entry(who).or_default() += 1;
        }
        assert!((140..=260).contains(&drawn[&account(1)]), "{drawn:?}");
        // Proven bytes do weigh: both stand at 32 GiB as newcomers, the second now at 3 × that.
        Providers::<Test>::mutate(account(2), |record| record.as_mut().expect("registered").proven = 32 * GIB);
        let record = Providers::<Test>::get(account(2)).expect("registered");
        assert_eq!(Pallet::<Test>::weight_for(&account(2), &record, &need(&client), 1), Some(96 * GIB));
        Providers::<Test>::mutate(account(2), |record| record.as_mut().expect("registered").proven = 0);
    });
}

#[test]
fn among_many_every_provider_can_be_drawn_and_none_twice_in_a_sample() {
    run(|| {
        let client = account(60);
        for n in 1..=50 {
            assert_ok!(register(n));
        }
        let mut drawn = BTreeMap::new();
        for n in 0..1_000 {
            let (who, _) = Pallet::<Test>::draw(seed(n), &need(&client)).expect("all can");
            *drawn.entry(who).or_insert(0u32) += 1;
        }
        assert_eq!(drawn.len(), 50);
        assert!(drawn.values().all(|times| (4..=45).contains(times)), "{drawn:?}");
        assert_eq!(Pallet::<Test>::able_operators(&need(&client), 100), 50);
    });
}

#[test]
fn a_draw_is_a_function_of_its_seed() {
    run(|| {
        let client = account(60);
        for n in 1..=40 {
            assert_ok!(register(n));
        }
        let first = Pallet::<Test>::draw(seed(7), &need(&client)).map(|(who, _)| who);
        assert_eq!(Pallet::<Test>::draw(seed(7), &need(&client)).map(|(who, _)| who), first);
    });
}

#[test]
fn a_provider_that_takes_orders_and_never_commits_is_passed_over_for_a_while() {
    run(|| {
        let client = account(50);
        assert_ok!(register(1));
        let weight = |now| {
            let record = Providers::<Test>::get(account(1)).map(|record| crate::Provider { last_seen: now, ..record });
            Pallet::<Test>::weight_for(&account(1), &record.expect("registered"), &need(&client), now)
        };
        assert_eq!(weight(1), Some(32 * GIB));
        for strikes in 1..STRIKES_TO_PAUSE {
            Pallet::<Test>::note_assignment_failed(&account(1));
            assert_eq!(weight(1), Some((32 * GIB) >> strikes), "rarer, not shut out");
        }
        Pallet::<Test>::note_assignment_failed(&account(1));
        let pause = 10 * (1 << STRIKES_TO_PAUSE);
        assert_eq!(weight(1), None);
        assert_eq!(weight(pause), None);
        assert_eq!(weight(1 + pause), Some((32 * GIB) >> STRIKES_TO_PAUSE), "for a while");
        // What is remembered is bounded, and is forgotten in time.
        for _ in 0..100 {
            Pallet::<Test>::note_assignment_failed(&account(1));
        }
        let record = Providers::<Test>::get(account(1)).expect("registered");
        assert_eq!((record.strikes.count, record.late_commitments), (MOST_STRIKES, 104));
        let lasts = 10 * STRIKE_LASTS;
        assert_eq!(weight(1 + 9 * lasts), Some(16 * GIB));
        assert_eq!(weight(1 + 10 * lasts), Some(32 * GIB));
    });
}

#[test]
fn an_assignment_that_is_fulfilled_makes_up_for_one_that_was_not() {
    run(|| {
        assert_ok!(register(1));
        let strikes = || {
            let record = Providers::<Test>::get(account(1)).expect("registered");
            Pallet::<Test>::strikes_of(&record, 1)
        };
        Pallet::<Test>::note_assignment_failed(&account(1));
        Pallet::<Test>::note_assignment_failed(&account(1));
        Pallet::<Test>::note_committed(&account(1));
        assert_eq!(strikes(), 1);
        Pallet::<Test>::note_committed(&account(1));
        Pallet::<Test>::note_committed(&account(1));
        assert_eq!(strikes(), 0);
    });
}
