//! The ledger of collateral.

use super::*;
use crate::{Error, Providers};
use frame_support::{assert_noop, assert_ok};

#[test]
fn a_replica_occupies_base_and_size() {
    run(|| {
        assert_eq!(Pallet::<Test>::replica_collateral(GIB), CollateralBase::get() + TKT);
        // 64 KiB of a GiB, rounded up.
        assert_eq!(Pallet::<Test>::replica_collateral(1 << 16), CollateralBase::get() + TKT.div_ceil(1 << 14));
    });
}

#[test]
fn a_reservation_needs_free_room_and_free_collateral() {
    run(|| {
        assert_ok!(register_with(1, 2 * GIB, 0, 1, Policy::Open, TKT * 3 / 2));
        assert_ok!(Pallet::<Test>::reserve(&account(1), GIB));
        assert_noop!(Pallet::<Test>::reserve(&account(1), GIB), Error::<Test>::CollateralExhausted);
        assert_noop!(Pallet::<Test>::reserve(&account(1), 2 * GIB), Error::<Test>::CapacityExhausted);
    });
}

#[test]
fn a_deposit_is_burnt_out_of_the_part() {
    run(|| {
        assert_ok!(register(1));
        let part = Pallet::<Test>::reserve(&account(1), GIB).expect("there is room");
        assert_eq!(Pallet::<Test>::burn_deposit(&account(1), part, 500), Ok(part - 500));
        Pallet::<Test>::free(&account(1), GIB, part - 500);
        let record = Providers::<Test>::get(account(1)).expect("registered");
        assert_eq!((record.collateral, record.collateral_used), (100 * TKT - 500, 0));
        assert_eq!(record.late_commitments, 1);
    });
}
