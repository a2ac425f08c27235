//! Extend, cancel, transfer.

use super::*;
use crate::Error;
use frame_support::{assert_noop, assert_ok};
use station_primitives::{economy, DealId};

fn owner() -> RuntimeOrigin {
    RuntimeOrigin::signed(account(1))
}

#[test]
fn only_the_client_changes_its_deal() {
    run(|| {
        let deal = submit(1, &[SMALL], 3);
        let other = || RuntimeOrigin::signed(account(2));
        assert_noop!(Deals::extend(other(), deal, 1), Error::<Test>::NotYourDeal);
        assert_noop!(Deals::cancel(other(), deal), Error::<Test>::NotYourDeal);
        assert_noop!(Deals::transfer(other(), deal, account(3)), Error::<Test>::NotYourDeal);
        assert_noop!(Deals::cancel(owner(), DealId(9)), Error::<Test>::UnknownDeal);
    });
}

#[test]
fn an_extension_is_bounded_and_moves_the_sweep() {
    run(|| {
        let deal = submit(1, &[SMALL], 3);
        assert_noop!(Deals::extend(owner(), deal, 0), Error::<Test>::BadTerm);
        assert_noop!(Deals::extend(owner(), deal, economy::MAX_PERIODS), Error::<Test>::BadTerm);
        assert_noop!(Deals::extend(owner(), deal, u32::MAX), Error::<Test>::BadTerm);
        assert_ok!(Deals::extend(owner(), deal, 2));
        let record = crate::Deals::<Test>::get(deal).expect("it runs");
        assert_eq!(Swept::get(), vec![(deal, record.expires)], "one entry, the new one");
        assert_eq!(record.periods, 5);
    });
}

#[test]
fn a_cancelled_deal_keeps_what_its_last_periods_may_cost() {
    run(|| {
        let deal = submit(1, &[SMALL], 30);
        assert_ok!(Deals::cancel(owner(), deal));
        let period = Deals::costs(SMALL.bytes(), PRICE).period().expect("no overflow");
        let record = crate::Deals::<Test>::get(deal).expect("it runs out");
        assert_eq!(record.escrow, 3 * 3 * period);
        assert_eq!(record.expires, Now::get() + 2 * CLOCK.period);
        assert!(!record.takes_replicas());
    });
}

#[test]
fn cancelling_near_the_end_does_not_lengthen_the_term() {
    run(|| {
        let deal = submit(1, &[SMALL], 3);
        let expires = crate::Deals::<Test>::get(deal).expect("it runs").expires;
        Now::set(expires - 5);
        assert_ok!(Deals::cancel(owner(), deal));
        assert_eq!(crate::Deals::<Test>::get(deal).expect("it runs out").expires, expires);
    });
}

#[test]
fn a_deal_is_given_to_accounts_that_exist_and_are_others() {
    run(|| {
        let deal = submit(1, &[SMALL], 3);
        assert_noop!(Deals::transfer(owner(), deal, account(1)), Error::<Test>::BadRecipient);
        assert_noop!(Deals::transfer(owner(), deal, account(50)), Error::<Test>::BadRecipient);
        assert_ok!(Deals::transfer(owner(), deal, account(2)));
        assert_noop!(Deals::transfer(owner(), deal, account(3)), Error::<Test>::NotYourDeal);
        assert_ok!(Deals::cancel(RuntimeOrigin::signed(account(2)), deal));
    });
}

#[test]
fn a_clients_deals_come_in_pages_in_order() {
    run(|| {
        for _ in 0..3 {
            submit(1, &[SMALL], 1);
            submit(2, &[SMALL], 1);
        }
        let page = |cursor, limit| Deals::deal_page(&account(1), cursor, limit);
        assert_eq!(page(None, 2), vec![DealId(0), DealId(2)]);
        assert_eq!(page(Some(DealId(2)), 10), vec![DealId(4)]);
        assert_eq!(page(Some(DealId(1)), 10), vec![DealId(2), DealId(4)], "a cursor need not be one of them");
        assert!(page(Some(DealId(4)), 10).is_empty());
    });
}
