//! Every planck.

use super::*;
use crate::Event;
use pallet_station_deals::Placement;
use station_primitives::{economy, period_pay, Balance};

fn total() -> Balance {
    Balances::total_issuance()
}

fn floor_share(pay: Balance, millionths: Balance) -> Balance {
    pay * millionths / 1_000_000
}

#[test]
fn a_period_is_split_by_the_formula() {
    run(|| {
        let deal = active_deal(3, 3, 3);
        let slot = id(deal, 0, 0);
        let n = holder(slot);
        let pay = period_pay(PRICE, 1 << 16, CLOCK.period, CLOCK.slot_ms);
        let earned = floor_share(pay, 920_000);
        let admins = floor_share(pay, 30_000);
        let burnt = pay - earned - admins + economy::PROOF_CHARGE;
        for _ in 0..2 * CLOCK.period {
            let (provider, author, issued) =
                (Balances::free_balance(account(n)), Balances::free_balance(account(AUTHOR)), total());
            let escrow = Replication::deal_info(deal).expect("it runs").escrow;
            work([n]);
            let proven = events().into_iter().find(|event| matches!(event, Event::ReplicaProven { .. }));
            if let Some(Event::ReplicaProven { earned: paid, admins: share, burnt: gone, .. }) = proven {
                assert_eq!((paid, share, gone), (earned, admins, burnt));
                assert_eq!(Balances::free_balance(account(n)), provider + earned);
                assert_eq!(Balances::free_balance(account(AUTHOR)), author + admins);
                assert_eq!(total(), issued - burnt);
                let info = Replication::deal_info(deal).expect("it runs");
                assert_eq!(info.escrow, escrow - pay - economy::PROOF_CHARGE);
                assert_eq!(Replication::replica_info(slot).expect("it exists").earned, earned);
                assert_eq!(Providers::provider_info(account(n)).expect("registered").earned, earned);
                return;
            }
            work((1..=3).filter(|m| *m != n));
            next_block();
        }
        panic!("nothing was proven");
    });
}

#[test]
fn earned_is_the_sum_over_proven_periods_and_nothing_is_lost() {
    run(|| {
        let issued = total();
        let deal = active_deal(3, 3, 3);
        let expires = Replication::deal_info(deal).expect("it runs").expires;
        let pay = period_pay(PRICE, 1 << 16, CLOCK.period, CLOCK.slot_ms);
        while crate::CurrentTick::<Test>::get() <= expires {
            busy_blocks(1, 3);
        }
        for n in 1..=3 {
            let earned = Providers::provider_info(account(n)).expect("registered").earned;
            assert_eq!(earned, 3 * floor_share(pay, 920_000), "paid for each of three periods, and no more");
        }
        busy_blocks(5, 3);
        assert!(Replication::deal_info(deal).is_none(), "swept");
        let summary = Replication::summary();
        assert_eq!((summary.escrow, summary.live_replicas, summary.deals), (0, 0, 0));
        assert_eq!(total(), issued - summary.burnt);
        assert_eq!(Replication::money(account(CLIENT)).escrow, 0);
        let burnt_each = pay - floor_share(pay, 920_000) - floor_share(pay, 30_000) + economy::PROOF_CHARGE;
        assert_eq!(summary.burnt, 9 * burnt_each);
        let spent = 9 * (pay + economy::PROOF_CHARGE) + 3 * economy::ONBOARDING_FEE;
        assert_eq!(Balances::free_balance(account(CLIENT)), 1_000_000_000 * station_primitives::TKT - spent);
    });
}

#[test]
fn without_an_author_the_admins_share_is_burnt() {
    run(|| {
        ShareTo::set(None);
        let _ = active_deal(3, 3, 1);
        let before = Balances::free_balance(account(AUTHOR));
        busy_blocks(CLOCK.period, 3);
        assert_eq!(Balances::free_balance(account(AUTHOR)), before);
        ShareTo::set(Some(account(AUTHOR)));
    });
}

#[test]
fn a_price_of_zero_still_burns_the_charge() {
    run(|| {
        for n in 1..=3 {
            register_one(n, n, pallet_station_providers::Policy::Open).expect("it can");
            let who = RuntimeOrigin::signed(account(n));
            Providers::update(who, None, Some(0), None, None, None, None, None, None).expect("it can");
        }
        try_submit(1, 3, 2, 0, Placement::Any).expect("friends may serve for nothing");
        busy_blocks(12, 3);
        let before = Replication::summary().burnt;
        let mut proven = 0u32;
        for _ in 0..CLOCK.period + 10 {
            work(1..=3);
            proven +=
                u32::try_from(events().iter().filter(|e| matches!(e, Event::ReplicaProven { .. })).count()).unwrap();
            next_block();
        }
        assert!(proven >= 3);
        assert_eq!(Replication::summary().burnt - before, Balance::from(proven) * economy::PROOF_CHARGE);
    });
}

#[test]
fn a_quote_is_what_is_held() {
    run(|| {
        register(4);
        let quote = Replication::quote(vec![1 << 16, 1 << 16], 3, 7, PRICE);
        assert_eq!(quote.providers, 4);
        let before = Balances::free_balance(account(CLIENT));
        let deal = submit_deal(2, 3, 7, Placement::Any);
        assert_eq!(Balances::free_balance(account(CLIENT)), before - quote.escrow);
        assert_eq!(Replication::deal_info(deal).expect("it runs").escrow, quote.escrow);
        assert_eq!(Replication::quote(vec![1 << 16], 3, 7, PRICE - 1).providers, 0, "too low for all");
    });
}
