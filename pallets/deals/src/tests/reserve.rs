//! The repair reserve, compensation and the memo.

use super::*;
use crate::{Error, Event, Memos, Placement, Totals};
use frame_support::{assert_noop, assert_ok, BoundedVec};
use station_primitives::{economy, Balance, BlockNumber, DealId, ReplicaId, ShardId, MEMO_BYTES, TKT};

/// Blocks of the days in which the escrow pays one repair of a slot.
const GAP: BlockNumber = 30 * 86_400;
/// Periods of the same days.
const PERIODS: u32 = GAP / CLOCK.period;

fn slot(deal: DealId, slot: u8) -> ReplicaId {
    ReplicaId { shard: ShardId { deal, index: 0 }, slot }
}

fn record(deal: DealId) -> crate::Deal {
    crate::Deals::<Test>::get(deal).expect("it runs")
}

/// What a repair of a shard of 1 GiB costs: the fee, and a GiB served.
const PRICE_OF_ONE: Balance = economy::ONBOARDING_FEE + economy::REPAIR_SERVED_PRICE;

#[test]
fn a_repair_is_kept_for_every_thirty_days_that_start() {
    run(|| {
        assert_eq!(Deals::repair_price(LARGE.bytes()), PRICE_OF_ONE);
        let small = economy::ONBOARDING_FEE + economy::REPAIR_SERVED_PRICE.div_ceil(1 << 14);
        assert_eq!(Deals::repair_price(SMALL.bytes()), small, "rounded up");
        for (periods, repairs) in [(1, 1), (PERIODS, 1), (PERIODS + 1, 2), (3 * PERIODS, 3)] {
            assert_eq!(Deals::repair_reserve(LARGE.bytes(), periods), repairs * PRICE_OF_ONE, "{periods} periods");
        }
    });
}

#[test]
fn a_repair_is_paid_to_the_planck_and_once_in_thirty_days() {
    run(|| {
        let deal = submit(1, &[LARGE], PERIODS + 1);
        let (escrow, held) = (record(deal).escrow, Totals::<Test>::get().escrow);
        let free = |n| Balances::free_balance(account(n));
        let (new, source) = (free(2), free(3));
        let id = slot(deal, 1);
        assert_eq!(Deals::repair_budget(id), PRICE_OF_ONE);
        let payments = [(account(2), economy::ONBOARDING_FEE), (account(3), 777)];
        let paid = economy::ONBOARDING_FEE + 777;
        assert_eq!(Deals::pay_repair(id, &payments), Ok(paid));
        assert_eq!((free(2), free(3)), (new + economy::ONBOARDING_FEE, source + 777));
        assert_eq!((record(deal).escrow, record(deal).spent), (escrow - paid, paid));
        assert_eq!(Totals::<Test>::get().escrow, held - paid);
        System::assert_last_event(Event::<Test>::RepairPaid { replica: id, amount: paid }.into());

        // The slot has had its own; the others have not.
        assert_eq!(Deals::repair_budget(id), 0);
        assert_eq!(Deals::pay_repair(id, &payments), Ok(0));
        assert_eq!(Deals::repair_budget(slot(deal, 0)), PRICE_OF_ONE);
        System::set_block_number(u64::from(GAP));
        assert_eq!(Deals::repair_budget(id), 0);
        System::set_block_number(u64::from(GAP) + 1);
        assert_eq!(Deals::repair_budget(id), PRICE_OF_ONE);
    });
}

#[test]
fn payments_go_in_order_as_far_as_the_budget_and_never_beyond_the_reserve() {
    run(|| {
        let deal = submit(1, &[LARGE], 2);
        let id = slot(deal, 0);
        let source = Balances::free_balance(account(3));
        let payments = [(account(2), PRICE_OF_ONE - 10), (account(3), 1_000), (account(4), 1_000)];
        assert_eq!(Deals::pay_repair(id, &payments), Ok(PRICE_OF_ONE));
        assert_eq!(Balances::free_balance(account(3)), source + 10);
        // A pause of the chain's ticks makes the term longer than what was kept for it: the ledger holds all the same.
        System::set_block_number(u64::from(GAP) * 9);
        assert_eq!((Deals::repair_budget(id), Deals::pay_repair(id, &payments)), (0, Ok(0)));
        // A longer term keeps more.
        assert_ok!(Deals::extend(RuntimeOrigin::signed(account(1)), deal, PERIODS));
        assert_eq!(Deals::repair_budget(id), PRICE_OF_ONE);
    });
}

#[test]
fn a_source_that_cannot_receive_is_passed_over_and_costs_nothing() {
    run(|| {
        let deal = submit(1, &[LARGE], 2);
        // Account 60 does not exist, and 999 plancks are below the existential deposit.
        let payments = [(account(60), 999), (account(3), 5)];
        assert_eq!(Deals::pay_repair(slot(deal, 0), &payments), Ok(5));
        assert_eq!(record(deal).spent, 5);
    });
}

#[test]
fn an_extension_keeps_repairs_for_the_days_that_it_starts() {
    run(|| {
        let deal = submit(1, &[LARGE, SMALL], 2);
        let costs = |bytes| Deals::costs(bytes, PRICE);
        let (large, small) = (costs(LARGE.bytes()), costs(SMALL.bytes()));
        let cost = |periods| 3 * (large.slot(periods).expect("small") + small.slot(periods).expect("small"));
        assert_eq!(record(deal).escrow, cost(2));
        let extend = |periods| Deals::extend(RuntimeOrigin::signed(account(1)), deal, periods);
        // Within the same thirty days: periods alone.
        assert_ok!(extend(1));
        assert_eq!(
            record(deal).escrow,
            cost(2) + 3 * (large.period().expect("small") + small.period().expect("small"))
        );
        assert_ok!(extend(PERIODS));
        assert_eq!(record(deal).escrow, cost(PERIODS + 3));
        assert_eq!(
            cost(PERIODS + 3) - cost(3),
            3 * (u128::from(PERIODS) * (large.period().expect("small") + small.period().expect("small"))
                + large.repair
                + small.repair)
        );
    });
}

#[test]
fn a_cancelled_deal_gives_its_reserve_back_and_pays_no_repair() {
    run(|| {
        let deal = submit(1, &[LARGE], 30);
        assert_ok!(Deals::cancel(RuntimeOrigin::signed(account(1)), deal));
        let id = slot(deal, 0);
        let escrow = record(deal).escrow;
        assert_eq!((Deals::repair_budget(id), Deals::pay_repair(id, &[(account(2), 5)])), (0, Ok(0)));
        assert_eq!(record(deal).escrow, escrow);
        assert_eq!(escrow, 3 * 3 * Deals::costs(LARGE.bytes(), PRICE).period().expect("small"));
    });
}

#[test]
fn a_failed_slot_gives_back_its_reserve_less_what_its_repair_cost() {
    run(|| {
        let deal = submit(1, &[LARGE], 3);
        let costs = Deals::costs(LARGE.bytes(), PRICE).slot(3).expect("small");
        let paid = Deals::pay_repair(slot(deal, 2), &[(account(2), 123)]).expect("it is covered");
        assert_eq!(Deals::fail_slot(ShardId { deal, index: 0 }, paid), Ok(costs - 123));
        assert_eq!(record(deal).escrow, 2 * costs);
    });
}

#[test]
fn a_transferred_deal_keeps_its_ledger_of_repairs() {
    run(|| {
        let deal = submit(1, &[LARGE], 3);
        assert_ok!(Deals::pay_repair(slot(deal, 0), &[(account(2), 123)]));
        assert_ok!(Deals::transfer(RuntimeOrigin::signed(account(1)), deal, account(5)));
        assert_eq!(Deals::repair_budget(slot(deal, 0)), 0);
        assert_eq!(Deals::repair_budget(slot(deal, 1)), PRICE_OF_ONE);
        check();
        assert_ok!(Deals::pay_repair(slot(deal, 1), &[(account(2), 1)]));
    });
}

#[test]
fn what_the_client_got_for_a_lost_shard_is_written_down() {
    run(|| {
        let deal = submit(1, &[SMALL], 3);
        let shard = ShardId { deal, index: 0 };
        assert_ok!(Deals::note_compensation(shard, 0));
        assert_ok!(Deals::note_compensation(shard, 40));
        assert_ok!(Deals::note_compensation(shard, 2));
        assert_eq!(crate::Shards::<Test>::get(shard).expect("stored").compensated, 42);
        System::assert_last_event(Event::<Test>::Compensated { shard, client: account(1), amount: 2 }.into());
        let unknown = ShardId { deal: DealId(9), index: 0 };
        assert_noop!(Deals::note_compensation(unknown, 1), Error::<Test>::UnknownDeal);
    });
}

#[test]
fn a_deposit_is_burnt_and_counted() {
    run(|| {
        let deal = submit(1, &[SMALL], 3);
        let issued = Balances::total_issuance();
        assert_eq!(Deals::burn_deposit(deal, 100), Ok(100));
        assert_eq!((Balances::total_issuance(), record(deal).late_uploads), (issued - 100, 1));
    });
}

fn submit_with(memo: Vec<u8>) -> sp_runtime::DispatchResult {
    let shards = BoundedVec::truncate_from(vec![([0; 32], SMALL)]);
    let memo = memo.try_into().map_err(|_| "too long")?;
    Deals::submit_deal(RuntimeOrigin::signed(account(1)), shards, 3, 1, PRICE, Placement::Any, memo)
}

#[test]
fn a_memo_is_of_the_one_length_and_goes_with_its_deal() {
    run(|| {
        let bytes = usize::try_from(MEMO_BYTES).expect("small");
        for wrong in [1, bytes - 1] {
            assert_noop!(submit_with(vec![7; wrong]), Error::<Test>::BadMemo);
        }
        assert!(submit_with(vec![7; bytes + 1]).is_err());
        assert_ok!(submit_with(vec![7; bytes]));
        let deal = DealId(0);
        let info = Deals::describe(deal, record(deal), station_primitives::DealState::Pending);
        assert_eq!(info.memo, vec![7; bytes]);
        check();

        assert_ok!(Deals::begin_end(deal));
        for _ in 0..3 {
            assert_ok!(Deals::close_slot(ShardId { deal, index: 0 }));
        }
        Deals::remove_shard(ShardId { deal, index: 0 });
        assert_ok!(Deals::finish(deal));
        assert!(!Memos::<Test>::contains_key(deal));
        assert_eq!(Balances::free_balance(account(1)), 1_000_000 * TKT);
    });
}

#[test]
fn a_deal_without_a_memo_stores_none_and_one_given_away_loses_it() {
    run(|| {
        assert_ok!(submit_with(Vec::new()));
        assert!(!Memos::<Test>::contains_key(DealId(0)) && Deals::memo_of(DealId(0)).is_empty());
        assert_ok!(submit_with(vec![7; usize::try_from(MEMO_BYTES).expect("small")]));
        assert_ok!(Deals::transfer(RuntimeOrigin::signed(account(1)), DealId(1), account(2)));
        assert!(!Memos::<Test>::contains_key(DealId(1)), "it was the other's own");
    });
}
