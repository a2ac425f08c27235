//! What leaves an escrow.

use super::*;
use crate::{escrow::share_of, Error, Paid, Totals};
use frame_support::{assert_noop, assert_ok};
use station_primitives::{economy, period_pay, Balance, DealId, ShardId, TKT};

fn escrow(deal: DealId) -> Balance {
    crate::Deals::<Test>::get(deal).expect("it runs").escrow
}

#[test]
fn shares_are_floors() {
    assert_eq!(share_of(0, 920_000), 0);
    assert_eq!(share_of(1, 920_000), 0);
    assert_eq!(share_of(999_999, 30_000), 29_999);
    assert_eq!(share_of(1_000_001, 920_000), 920_000);
    // Exact where the plain product would overflow.
    assert_eq!(share_of(Balance::MAX, 1_000_000), Balance::MAX);
    for amount in [7u128, 999, 123_456_789, 1_000_003] {
        assert_eq!(share_of(amount, 920_000), amount * 920_000 / 1_000_000);
    }
}

#[test]
fn a_period_goes_to_provider_admins_and_fire_and_nowhere_else() {
    run(|| {
        let deal = submit(1, &[LARGE], 5);
        let (held, issued) = (escrow(deal), Balances::total_issuance());
        let pay = period_pay(PRICE, LARGE.bytes(), CLOCK.period, CLOCK.slot_ms);
        let paid = Deals::pay_period(deal, &account(2), PRICE, LARGE.bytes()).expect("it is covered");
        let (provider, admins) = (pay * 92 / 100, pay * 3 / 100);
        assert_eq!(paid, Paid { provider, admins, burnt: pay - provider - admins + economy::PROOF_CHARGE });
        assert_eq!(Balances::free_balance(account(2)), 1_000_000 * TKT + provider);
        assert_eq!(Balances::free_balance(account(AUTHOR)), admins);
        assert_eq!(Balances::total_issuance(), issued - paid.burnt);
        assert_eq!(escrow(deal), held - pay - economy::PROOF_CHARGE);
        assert_eq!(Totals::<Test>::get().burnt, paid.burnt);
    });
}

#[test]
fn the_clients_price_bounds_the_providers() {
    run(|| {
        let deal = submit(1, &[LARGE], 5);
        let paid = Deals::pay_period(deal, &account(2), 2 * PRICE, LARGE.bytes()).expect("it is covered");
        let pay = period_pay(PRICE, LARGE.bytes(), CLOCK.period, CLOCK.slot_ms);
        assert_eq!(paid.total(), pay + economy::PROOF_CHARGE);
    });
}

#[test]
fn a_share_too_small_for_the_authors_account_is_burnt() {
    run(|| {
        let deal = submit(1, &[SMALL], 5);
        // The author has no account, and 3 % of this is below the existential deposit.
        let paid = Deals::pay_period(deal, &account(2), 100_000_000, SMALL.bytes()).expect("it is covered");
        let pay = period_pay(100_000_000, SMALL.bytes(), CLOCK.period, CLOCK.slot_ms);
        assert_eq!(paid.admins, 0);
        assert_eq!(paid.total(), pay + economy::PROOF_CHARGE);
        assert_eq!(Balances::free_balance(account(AUTHOR)), 0);
    });
}

#[test]
fn one_deal_never_spends_anothers_escrow() {
    run(|| {
        let poor = submit(1, &[SMALL], 1);
        let rich = submit(1, &[LARGE], 500);
        let before = escrow(rich);
        let too_much = escrow(poor) + 1;
        assert_noop!(
            frame_support::storage::with_storage_layer(|| Deals::burn_from(poor, too_much)),
            Error::<Test>::EscrowExhausted
        );
        assert_eq!(escrow(rich), before);
    });
}

#[test]
fn a_failed_slot_gives_back_what_it_has_not_spent() {
    run(|| {
        let deal = submit(1, &[SMALL, SMALL], 3);
        let shard = ShardId { deal, index: 1 };
        let slot = Deals::costs(SMALL.bytes(), PRICE).slot(3).expect("no overflow");
        let fee = Deals::pay_onboarding(deal, &account(2)).expect("it is covered");
        let free = Balances::free_balance(account(1));
        assert_eq!(Deals::fail_slot(shard, fee), Ok(slot - fee));
        assert_eq!(Balances::free_balance(account(1)), free + slot - fee);
        assert_eq!(escrow(deal), 5 * slot);
        assert_eq!(crate::Shards::<Test>::get(shard).expect("stored").open, 2);
        // Extending pays for the slots that are left.
        assert_ok!(Deals::extend(RuntimeOrigin::signed(account(1)), deal, 2));
        let period = Deals::costs(SMALL.bytes(), PRICE).period().expect("no overflow");
        assert_eq!(escrow(deal), 5 * slot + 2 * 5 * period);
    });
}

#[test]
fn finishing_releases_the_rest_and_forgets_the_deal() {
    run(|| {
        let deal = submit(1, &[SMALL], 3);
        let spent = Deals::pay_period(deal, &account(2), PRICE, SMALL.bytes()).expect("it is covered").total();
        assert_ok!(Deals::begin_end(deal));
        for _ in 0..3 {
            assert_ok!(Deals::close_slot(ShardId { deal, index: 0 }));
        }
        Deals::remove_shard(ShardId { deal, index: 0 });
        check();
        assert_ok!(Deals::finish(deal));
        assert_eq!(Balances::free_balance(account(1)), 1_000_000 * TKT - spent);
        assert_eq!(Totals::<Test>::get().deals, 0);
        assert!(Deals::deal_page(&account(1), None, 10).is_empty());
    });
}
